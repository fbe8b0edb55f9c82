//! Headwater turns anything into an RTSP stream: a window, a configuration, and an engine with the RTSP
//! server in the same process.
//!
//! The house, from the door inwards. Imports run one way, `app → ui → control → engine → config`; `app` and
//! `ui` also read `words`, which reads the values of `engine` and `config`:
//!
//! - [`app`] starts a front end: the command line, the window, or the server without a window
//! - `ui` (feature `gui`) is what is seen: widgets only
//! - [`words`] says states and errors in translated sentences: what happened, what to do
//! - [`control`] is what every front end does with the engine: load, validate, save, apply
//! - [`engine`] is what is running: sources, encoders, the RTSP server. GStreamer and GLib, never GTK
//! - [`config`] is what the user wants: plain values and the files they live in

pub mod app;
pub mod config;
pub mod control;
pub mod engine;
pub mod i18n;
#[cfg(feature = "gui")]
pub mod ui;
pub mod words;
