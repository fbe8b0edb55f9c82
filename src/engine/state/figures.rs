//! How a reader fares, as a value.

use std::time::Duration;

/// How a reader fares. What is not known, or not yet, is none.
#[derive(Debug, Clone, Copy, PartialEq, Default, glib::Boxed)]
#[boxed_type(name = "HeadwaterFigures")]
pub struct Figures {
    /// RTP packets, and the bytes of them, that were handed to it while it played. Over TCP some may still wait in its
    /// connection.
    pub packets: u64,
    pub bytes: u64,
    /// Bits per second lately: over TCP those that it has taken.
    pub bitrate: Option<u64>,
    /// Packets that it says it has missed, since it began.
    pub lost: Option<u32>,
    /// The part of them between its last two reports, from 0 to 1.
    pub lost_lately: Option<f64>,
    /// By how much packets reach it unevenly, as it says (RFC 3550, 6.4.1).
    pub jitter: Option<Duration>,
    /// Bytes that it has not taken yet, over TCP.
    pub backlog: Option<u64>,
    /// From here to it and back.
    pub round_trip: Option<Duration>,
    /// From its first PLAY until the first packet of a key frame was on its way to it.
    pub first_frame: Option<Duration>,
}
