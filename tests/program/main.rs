//! Drives the built program with real readers: what a user would see, on 127.0.0.1.

mod players;
mod program;
mod rtsp;

mod access;
mod bad_input;
mod decoding;
mod joining;
mod late_readers;
mod loops;
mod lost_sources;
mod sessions;
mod stalled_readers;
