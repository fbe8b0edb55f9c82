//! Sound, from a source to what is served.
//!
//! ```text
//! in the source's graph:   decoder ► tap (audioconvert ► audioresample ► format) ─► Track
//! a pipeline of its own:   silence ► what the Track has ► volume ► level ► encoder ► feed's appsink
//! ```
//! The line runs while somebody listens, whatever becomes of the source: what the source does not deliver is
//! silence, and who reads hears no gap.

mod encode;
mod line;
mod tap;
mod track;

pub use encode::plan;
pub use line::{Line, Slot, level_of};
pub use tap::{Place, Tap};
pub use track::Track;

/// What is encoded: interleaved samples of 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Frames per second.
    pub rate: u32,
    pub channels: u32,
}

impl Format {
    pub fn caps(&self) -> gst::Caps {
        gst::Caps::builder("audio/x-raw")
            .field("format", "S16LE")
            .field("layout", "interleaved")
            .field("rate", self.rate as i32)
            .field("channels", self.channels as i32)
            .build()
    }

    /// How many frames a time has, rounded to the next one.
    pub fn frames(&self, time: gst::ClockTime) -> u64 {
        let second = u128::from(gst::ClockTime::SECOND.nseconds());
        let frames = (u128::from(time.nseconds()) * u128::from(self.rate) + second / 2) / second;
        u64::try_from(frames).unwrap_or(u64::MAX)
    }

    /// How long so many frames are.
    pub fn time(&self, frames: u64) -> gst::ClockTime {
        let second = u128::from(gst::ClockTime::SECOND.nseconds());
        let time = u128::from(frames) * second / u128::from(self.rate);
        gst::ClockTime::from_nseconds(u64::try_from(time).unwrap_or(u64::MAX - 1))
    }
}
