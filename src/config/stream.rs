//! One stream: the unit of everything.

use super::slate::{Slate, is_default_lost_after, lost_after_seconds};
use super::{Access, Overlay, ReaderTransport, Rendition, Sound, Source, relay_key, screen_key};
use serde::{Deserialize, Serialize};

/// What the user configures: a name, a mount path, a source, pictures, sound, access.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamConfig {
    /// Made once, never changes: the key for differences, secrets and scripts.
    pub id: String,
    /// What the user calls it.
    pub name: String,
    /// The mount path: `/lobby` in `rtsp://host:8554/lobby`.
    pub path: String,
    #[serde(default = "enabled")]
    pub enabled: bool,
    pub source: Source,
    pub access: Access,
    /// Readers at the same time; none where only [`Limits`](super::Limits) counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readers_limit: Option<u32>,
    /// Empty means one rendition with every default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renditions: Vec<Rendition>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlays: Vec<Overlay>,
    #[serde(default, skip_serializing_if = "Sound::is_default")]
    pub sound: Sound,
    /// How it may be read.
    #[serde(
        default = "ReaderTransport::default_list",
        skip_serializing_if = "ReaderTransport::is_default_list"
    )]
    pub transports: Vec<ReaderTransport>,
    #[serde(default, skip_serializing_if = "Slate::is_default")]
    pub slate: Slate,
    /// How long a source that was there may bring no picture before it is lost.
    #[serde(default = "lost_after_seconds", skip_serializing_if = "is_default_lost_after")]
    pub lost_after_seconds: u32,
}

fn enabled() -> bool {
    true
}

impl StreamConfig {
    /// The key of the password with which its source logs in elsewhere; none where it does not.
    pub fn password_key(&self) -> Option<String> {
        match &self.source {
            Source::Relay(relay) if !relay.user.is_empty() => Some(relay_key(&self.id)),
            _ => None,
        }
    }

    /// The key of what its source is opened with: the password, or what stands for the screen that the user chose.
    pub fn secret_key(&self) -> Option<String> {
        match &self.source {
            Source::Screen(_) => Some(screen_key(&self.id)),
            _ => self.password_key(),
        }
    }

    /// The encoding at the stream's own path.
    pub fn main_rendition(&self) -> Rendition {
        self.renditions.first().cloned().unwrap_or_default()
    }
}
