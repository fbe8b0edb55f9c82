//! How a stream's sound is served.

use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// `[streams.sound]` in the file. A source without sound is served without, whatever stands here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sound {
    #[serde(default)]
    pub codec: SoundCodec,
    /// Per cent of what the source delivers, within [`Sound::VOLUMES`].
    #[serde(default = "volume")]
    pub volume: u32,
    /// Silence is served, and the volume kept.
    #[serde(default)]
    pub mute: bool,
}

/// How the sound is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SoundCodec {
    /// No sound is served: whoever asks for a picture gets one track, as every recorder takes it.
    #[default]
    Off,
    /// AAC, and Opus where no encoder for it is installed.
    Auto,
    Aac,
    Opus,
    /// G.711, µ-law.
    Pcmu,
    /// G.711, A-law.
    Pcma,
}

const fn volume() -> u32 {
    Sound::AS_IT_IS
}

impl Sound {
    /// Per cent of the source's volume: what is quiet can be helped to twice its own, and more only distorts.
    pub const VOLUMES: RangeInclusive<u32> = 0..=200;
    /// The volume, in per cent, at which the sound is served as the source delivers it.
    pub const AS_IT_IS: u32 = 100;

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Sound {
    fn default() -> Self {
        Self { codec: SoundCodec::default(), volume: volume(), mute: false }
    }
}
