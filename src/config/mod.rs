//! What the user wants: plain serde values and the file they live in. No GLib, no GStreamer.

mod access;
mod overlay;
mod picture;
mod secrets;
mod server;
mod source;
mod stream;

pub use access::{Access, Readers, Scheme, User};
pub use overlay::{Clock, Overlay, Position, Text};
pub use picture::{Bitrate, Codec, FrameRate, Rendition, Size};
pub use secrets::{Password, Passwords};
pub use server::{Listen, ServerConfig};
pub use source::{FileSource, PatternSource, Source};
pub use stream::StreamConfig;

use serde::{Deserialize, Serialize};

/// The whole configuration: one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The version of the file's format; see `migrate`.
    pub version: u32,
    #[serde(default)]
    pub server: ServerConfig,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<StreamConfig>,
}
