//! Where a stream's pictures come from.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One kind of source. Externally tagged, so that a typo is reported at its own line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    Pattern(PatternSource),
    File(FileSource),
    Relay(RelaySource),
    Custom(CustomSource),
    Published(PublishedSource),
}

/// A test pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatternSource {
    /// The name of a pattern of GStreamer's `videotestsrc`: `smpte`, `ball`, …
    pub pattern: String,
    /// Heard where the stream serves sound; see [`Sound`](super::Sound).
    #[serde(default, skip_serializing_if = "PatternSound::is_silence")]
    pub sound: PatternSound,
}

/// What is heard with a test pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PatternSound {
    /// The stream has no sound at all.
    #[default]
    Silence,
    /// A tone.
    Sine,
    /// A short tone each second.
    Ticks,
}

impl PatternSound {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
    fn is_silence(&self) -> bool {
        *self == Self::Silence
    }
}

impl PatternSource {
    /// The pattern of this name, without sound.
    pub fn silent(pattern: &str) -> Self {
        Self { pattern: pattern.into(), sound: PatternSound::Silence }
    }
}

/// Video files, played one after the other, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// Absolute paths; at least one.
    pub locations: Vec<PathBuf>,
}

/// Another stream, which is served again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelaySource {
    /// Without a user or a password in it.
    pub address: String,
    /// How RTSP brings the pictures; other kinds have no choice.
    #[serde(default, skip_serializing_if = "Transport::is_auto")]
    pub transport: Transport,
    /// Who logs in there; empty where nobody has to. The password is kept apart, under [`relay_key`].
    ///
    /// [`relay_key`]: super::relay_key
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
}

/// A GStreamer pipeline of the user's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomSource {
    /// As `gst-launch-1.0` takes it, without a sink: its open end brings the pictures, raw or encoded.
    pub pipeline: String,
}

/// What an RTSP program sends to the stream's own address, by ANNOUNCE and RECORD (RFC 2326, 10.3 and 10.11). Who may is
/// said by [`Access`](super::Access).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedSource {}

/// How RTSP brings the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// UDP, and TCP where nothing comes that way.
    #[default]
    Auto,
    Tcp,
    Udp,
}

impl Transport {
    fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// The names of `videotestsrc`'s patterns, as of GStreamer 1.26.
pub const PATTERNS: [&str; 26] = [
    "smpte",
    "snow",
    "black",
    "white",
    "red",
    "green",
    "blue",
    "checkers-1",
    "checkers-2",
    "checkers-4",
    "checkers-8",
    "circular",
    "blink",
    "smpte75",
    "zone-plate",
    "gamut",
    "chroma-zone-plate",
    "solid-color",
    "ball",
    "smpte100",
    "bar",
    "pinwheel",
    "spokes",
    "gradient",
    "colors",
    "smpte-rp-219",
];
