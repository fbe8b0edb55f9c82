//! Where a stream's pictures come from.

use super::Media;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// One kind of source. Externally tagged, so that a typo is reported at its own line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    Pattern(PatternSource),
    File(FileSource),
    Relay(RelaySource),
    Camera(CameraSource),
    Screen(ScreenSource),
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
    /// The time of the pattern in milliseconds and the number of the frame are drawn on it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub clock: bool,
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
    /// The pattern of this name, without sound and clock.
    pub fn silent(pattern: &str) -> Self {
        Self { pattern: pattern.into(), sound: PatternSound::Silence, clock: false }
    }
}

/// Video files and pictures, shown one after the other, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// Absolute paths of files, and of folders of which everything is shown; at least one.
    pub locations: Vec<PathBuf>,
    /// Each round has an order of its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shuffle: bool,
    /// How long a picture is shown, within [`FileSource::PICTURE_SECONDS`].
    #[serde(default = "picture_seconds", skip_serializing_if = "is_default_picture_seconds")]
    pub picture_seconds: u32,
}

impl FileSource {
    /// How long a picture may be shown: an hour is a sign on a wall, and more is a picture that stands.
    pub const PICTURE_SECONDS: RangeInclusive<u32> = 1..=3600;

    /// These locations, in their order.
    pub fn new(locations: Vec<PathBuf>) -> Self {
        Self { locations, shuffle: false, picture_seconds: picture_seconds() }
    }

    /// Whether a picture may be among what is shown, as far as names tell: a folder may have some.
    pub fn may_have_pictures(&self) -> bool {
        self.locations.iter().any(|location| Media::of(location) != Media::Video)
    }

    /// Whether something may be heard, as far as names tell.
    pub fn may_have_sound(&self) -> bool {
        self.locations.iter().any(|location| Media::of(location) != Media::Picture)
    }

    /// Whether there may be more than one file, and so an order.
    pub fn may_have_several(&self) -> bool {
        self.locations.len() > 1
            || self.locations.iter().any(|location| Media::of(location) == Media::Unknown)
    }
}

/// Long enough to look at a picture, and short enough to see soon that there are several.
const fn picture_seconds() -> u32 {
    5
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_default_picture_seconds(seconds: &u32) -> bool {
    *seconds == picture_seconds()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_false(value: &bool) -> bool {
    !*value
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

/// A camera of this computer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraSource {
    /// As the system calls it. Of several with the same name the second is called `… (2)`.
    pub name: String,
    /// Heard beside it, where the stream serves sound; see [`Sound`](super::Sound).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub microphone: Option<Microphone>,
}

impl CameraSource {
    /// The camera of this name, without sound.
    pub fn silent(name: &str) -> Self {
        Self { name: name.into(), microphone: None }
    }
}

/// A microphone of this computer. `microphone = "auto"`, or `microphone.name = "Webcam Mono"` in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Microphone {
    /// The one that the desktop uses where nobody says otherwise, also when it is another one later.
    Auto,
    /// As the system calls it. Of several with the same name the second is called `… (2)`.
    Name(String),
}

/// A screen or a window, which the user chooses when the stream is turned on. What was chosen is kept apart, under
/// [`screen_key`](super::screen_key).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreenSource {
    /// Whether the pointer is seen.
    #[serde(default = "with_cursor")]
    pub cursor: bool,
}

fn with_cursor() -> bool {
    true
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
