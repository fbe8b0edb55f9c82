//! The receiver reports of readers (RFC 3550, 6.4), told apart by the address they come from.
//!
//! The library keeps one entry for each SSRC, and every ffmpeg reader of a stream uses the same one.

use gio::prelude::*;
use gst::prelude::*;
use gst_net::NetAddressMeta;
use gst_rtsp_server::RTSPStream;
use gst_rtsp_server::prelude::*;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::{Mutex, Weak};
use std::time::{Duration, SystemTime};

/// From the epoch of NTP to that of Unix, in seconds.
const NTP_TO_UNIX: u64 = 2_208_988_800;
/// A round trip beyond it is no measurement, but a reader's clock or arithmetic.
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(60);

/// What a reader says of one track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReceiverReport {
    /// Packets that it missed since it began.
    pub lost: u32,
    /// The part of the packets that it missed since its report before, from 0 to 1.
    pub lost_lately: f64,
    /// How much packets come earlier or later than they should, in units of the RTP clock.
    pub jitter: u32,
    /// From here to the reader and back. None before it has seen a sender report.
    pub round_trip: Option<Duration>,
}

/// A report as it came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The track.
    pub index: u32,
    pub address: IpAddr,
    pub port: u16,
    pub report: ReceiverReport,
}

/// Whoever wants the reports of one reader.
#[derive(Debug)]
pub struct Listener {
    pub index: u32,
    pub address: IpAddr,
    /// One of them is where it sends RTCP from.
    pub ports: RangeInclusive<u16>,
    pub latest: Weak<Mutex<Option<ReceiverReport>>>,
}

impl Listener {
    pub fn is_there(&self) -> bool {
        self.latest.strong_count() > 0
    }

    pub fn take(&self, arrival: &Arrival) {
        if self.index == arrival.index
            && self.address == arrival.address
            && self.ports.contains(&arrival.port)
            && let Some(latest) = self.latest.upgrade()
        {
            *latest.lock().unwrap() = Some(arrival.report);
        }
    }
}

/// Tells the reports on one track of a media as they come to this pad. Called on the library's threads.
pub fn watch(
    stream: &RTSPStream,
    pad: &gst::Pad,
    index: u32,
    tell: impl Fn(&Arrival) + Send + Sync + 'static,
) {
    let stream: glib::WeakRef<RTSPStream> = stream.downgrade();
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
        let Some(ssrc) = stream.upgrade().map(|stream| stream.ssrc()) else {
            return gst::PadProbeReturn::Ok;
        };
        let take = |packet: &gst::BufferRef| {
            let Some(from) = packet.meta::<NetAddressMeta>() else { return };
            let Ok(from) = from.addr().downcast::<gio::InetSocketAddress>() else { return };
            let Ok(data) = packet.map_readable() else { return };
            if let Some(report) = parse(&data, ssrc, ntp_now()) {
                let (address, port) = (IpAddr::from(from.address()).to_canonical(), from.port());
                tell(&Arrival { index, address, port, report });
            }
        };
        match &info.data {
            Some(gst::PadProbeData::Buffer(packet)) => take(packet),
            Some(gst::PadProbeData::BufferList(packets)) => packets.iter().for_each(take),
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

/// The middle 32 bits of NTP's time: seconds and 1/65536 of them.
fn ntp_now() -> u32 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = (now.as_secs() + NTP_TO_UNIX) as u32;
    (seconds << 16) | ((u64::from(now.subsec_nanos()) << 16) / 1_000_000_000) as u32
}

/// The block on this SSRC in a compound packet that came at this NTP time.
fn parse(mut compound: &[u8], ssrc: u32, now: u32) -> Option<ReceiverReport> {
    const SENDER_REPORT: u8 = 200;
    const RECEIVER_REPORT: u8 = 201;
    const BLOCK: usize = 24;
    while let [first, kind, high, low, ..] = *compound {
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        if first >> 6 != 2 || length > compound.len() {
            return None;
        }
        let (packet, rest) = compound.split_at(length);
        let head = match kind {
            SENDER_REPORT => 28,
            RECEIVER_REPORT => 8,
            _ => length,
        };
        let blocks = packet.get(head..).unwrap_or_default().chunks_exact(BLOCK);
        let word = |block: &[u8], at: usize| {
            u32::from_be_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
        };
        if let Some(block) = blocks.take((first & 0x1f).into()).find(|block| word(block, 0) == ssrc) {
            // Of 24 bits with a sign: below zero where packets came twice.
            let lost = ((word(block, 4) << 8) as i32) >> 8;
            return Some(ReceiverReport {
                lost: u32::try_from(lost).unwrap_or_default(),
                lost_lately: f64::from(block[4]) / 256.0,
                jitter: word(block, 12),
                round_trip: round_trip(now, word(block, 16), word(block, 20)),
            });
        }
        compound = rest;
    }
    None
}

/// From when the reader has seen a sender report (`last`), and how long it has kept it (`delay`): RFC 3550, 6.4.1.
fn round_trip(now: u32, last: u32, delay: u32) -> Option<Duration> {
    if last == 0 {
        return None;
    }
    // A reader that rounds can make it a little less than nothing.
    let units = (now.wrapping_sub(last).wrapping_sub(delay) as i32).max(0);
    let round_trip = Duration::from_secs_f64(f64::from(units) / 65536.0);
    (round_trip <= LONGEST_ROUND_TRIP).then_some(round_trip)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSRC: u32 = 0x1122_3344;
    const NOW: u32 = 0xb710_8000;

    fn block(ssrc: u32, fraction: u8, lost: i32, last: u32, delay: u32) -> Vec<u8> {
        let lost = (u32::from(fraction) << 24) | (lost as u32 & 0xff_ffff);
        [ssrc, lost, 5000, 450, last, delay].iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn packet(kind: u8, blocks: &[Vec<u8>]) -> Vec<u8> {
        let mut body = 0x99u32.to_be_bytes().to_vec();
        if kind == 200 {
            body.extend([0; 20]);
        }
        body.extend(blocks.concat());
        let mut packet = vec![0x80 | blocks.len() as u8, kind];
        packet.extend(((body.len() / 4) as u16).to_be_bytes());
        packet.extend(body);
        packet
    }

    #[test]
    fn the_block_on_our_own_packets_is_found() {
        let others = block(0x5566, 255, 9, 0, 0);
        let ours = block(SSRC, 64, 12, 0, 0);
        let expected = ReceiverReport { lost: 12, lost_lately: 0.25, jitter: 450, round_trip: None };
        for kind in [200, 201] {
            assert_eq!(parse(&packet(kind, &[others.clone(), ours.clone()]), SSRC, NOW), Some(expected));
        }
        let compound =
            [packet(201, std::slice::from_ref(&others)), packet(202, &[]), packet(201, &[ours])].concat();
        assert_eq!(parse(&compound, SSRC, NOW), Some(expected));
        assert_eq!(parse(&packet(201, &[others]), SSRC, NOW), None);
    }

    #[test]
    fn packets_that_came_twice_are_no_loss() {
        assert_eq!(
            parse(&packet(201, &[block(SSRC, 0, -3, 0, 0)]), SSRC, NOW).map(|report| report.lost),
            Some(0)
        );
    }

    #[test]
    fn the_round_trip_is_what_the_reader_did_not_keep() {
        // The example of RFC 3550, 6.4.1: 6.125 s.
        assert_eq!(round_trip(0xb710_8000, 0xb705_2000, 0x0005_4000), Some(Duration::from_millis(6125)));
        assert_eq!(round_trip(NOW, NOW, 1), Some(Duration::ZERO));
        assert_eq!(round_trip(NOW, 0, 0), None);
        assert_eq!(round_trip(NOW, NOW.wrapping_sub(120 << 16), 0), None);
    }

    #[test]
    fn what_is_no_report_is_left_alone() {
        let whole = packet(201, &[block(SSRC, 0, 1, 0, 0)]);
        for length in 0..whole.len() {
            assert_eq!(parse(&whole[..length], SSRC, NOW), None, "{length} bytes");
        }
        let mut promises_more = whole;
        promises_more[0] = 0x80 | 31;
        assert!(parse(&promises_more, SSRC, NOW).is_some());
        promises_more[0] = 0x40;
        assert_eq!(parse(&promises_more, SSRC, NOW), None);
    }
}
