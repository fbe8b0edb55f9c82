//! One stream: the unit of everything.

use super::slate::{Slate, is_default_lost_after, lost_after_seconds};
use super::{Access, Overlay, ReaderTransport, Rendition, Source, relay_key};
use serde::{Deserialize, Serialize};

/// What the user configures: a name, a mount path, a source, pictures, access.
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
    /// Empty means one rendition with every default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renditions: Vec<Rendition>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlays: Vec<Overlay>,
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

    /// The encoding at the stream's own path.
    pub fn main_rendition(&self) -> Rendition {
        self.renditions.first().cloned().unwrap_or_default()
    }
}
