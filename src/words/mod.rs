//! States and errors as translated sentences: what it is, what happened, what to do. Used by `ui` and `app`.

mod access;
mod address_rules;
mod camera;
mod custom;
mod encryption;
mod microphone;
mod overlay;
mod pattern;
mod picture;
mod problem;
mod refusal;
mod relay;
mod screen;
mod server;
mod sound;
mod stream;
mod transport;
mod viewer;

pub use access::{access_state, schemes};
pub use address_rules::address_range_error;
pub use camera::cameras;
pub use custom::custom_error;
pub use encryption::{encryption_error, encryption_state};
pub use microphone::{microphone_error, microphones, silence};
pub use overlay::position;
pub use pattern::pattern;
pub use picture::{codec, coding, encoding, frame_rate, size};
pub use problem::problem;
pub use refusal::{lock_out, refusal};
pub use server::{place, server_state};
pub use sound::{pattern_sound, sound_codec, sound_encoding};
pub use stream::{bitrate, left_off, publisher, stream_state, viewers};
pub use transport::{transport, transports};
pub use viewer::{fares, figures, viewer, watches};

/// What is said of a state or an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// One or two words.
    pub title: String,
    /// A sentence that says what happened.
    pub detail: Option<String>,
    /// A sentence that says what to do.
    pub hint: Option<String>,
}
