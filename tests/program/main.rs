//! Drives the built program with real readers: what a user would see, on 127.0.0.1.

mod network;
mod pipewire;
mod players;
mod program;
#[expect(dead_code, reason = "shared with the tests of live changes, which use more of it")]
mod rtsp;

mod access;
mod addresses;
mod bad_input;
mod bad_readers;
mod cameras;
mod compatibility;
mod custom;
mod damage;
mod decoding;
mod encryption;
mod files;
mod joining;
mod late_readers;
mod long_groups;
mod loops;
mod lost_sources;
mod mangled_exchanges;
mod microphones;
mod multicast;
mod passthrough;
mod published;
mod relays;
mod sessions;
mod slate;
mod sound;
mod time_jumps;
mod transports;
