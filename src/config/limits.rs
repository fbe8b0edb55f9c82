//! How much is served at the same time.

use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// What a limit can be. More readers than this were never tried.
pub(super) const LIMITS: RangeInclusive<u32> = 1..=100_000;

/// Who comes when there are so many already is refused; nobody who is there is sent away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Readers of all streams.
    pub readers: u32,
    /// Readers of one stream, unless it has a limit of its own.
    pub readers_per_stream: u32,
    /// Readers from one address. Several can be behind one, and a recorder has one for each stream.
    pub readers_per_address: u32,
    /// RTSP sessions, those among them that were set up and never played.
    pub sessions: u32,
}

impl Default for Limits {
    /// More than a computer can encode for and a home network can carry, and less than the memory for it.
    fn default() -> Self {
        Self { readers: 1000, readers_per_stream: 1000, readers_per_address: 200, sessions: 2000 }
    }
}

impl Limits {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
