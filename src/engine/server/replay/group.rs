//! The packets that a reader needs who begins now.

use crate::engine::gop::{MOST_KEPT, Over, is_key};
use gst::ClockTime;
use std::collections::VecDeque;

/// Pictures are kept for so long. Those of a longer group take a player too long to decode.
const LONGEST: ClockTime = ClockTime::from_seconds(30);
/// Sound is kept for so long: longer than pictures that are brought to now ever last.
const SOUND_KEPT: ClockTime = ClockTime::from_seconds(1);
/// From one picture to the next, where they are for being decoded and not for being seen.
const STEP: ClockTime = ClockTime::from_mseconds(1);
/// What all of these last at most: so much is a player behind that shows them by their times.
const SPAN: ClockTime = ClockTime::from_mseconds(100);
/// Units of the RTP time of pictures, of whatever codec, per second.
const CLOCK: i64 = 90_000;

/// The packets of the pictures since the last key frame.
#[derive(Debug, Default)]
pub struct Group {
    packets: Vec<gst::Buffer>,
    bytes: usize,
}

/// The packets of the last sound.
#[derive(Debug, Default)]
pub struct Lately(VecDeque<gst::Buffer>);

/// Packets for a reader that begins now.
#[derive(Debug)]
pub struct Start {
    pub packets: Vec<gst::Buffer>,
    /// The running time of the first.
    pub from: ClockTime,
}

impl Group {
    /// Adds the packets of a picture, or of a part of one.
    pub fn add(&mut self, picture: &[gst::Buffer], most_packets: usize) {
        let time = picture.first().and_then(|packet| packet.pts());
        let begun = self.packets.first().and_then(|packet| packet.pts());
        if picture.iter().any(|packet| is_key(packet)) && time != begun {
            self.clear();
        } else if self.packets.is_empty() {
            // It is of no use without what it is made from.
            return;
        }
        self.bytes += picture.iter().map(|packet| packet.size()).sum::<usize>();
        self.packets.extend_from_slice(picture);
        let lasts = time.zip(begun).map_or(ClockTime::ZERO, |(now, begun)| now.saturating_sub(begun));
        if self.bytes > MOST_KEPT || self.packets.len() > most_packets || lasts > LONGEST {
            self.clear();
        }
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The same pictures for a reader that begins now: those that are over follow each other at once, and end where
    /// what comes next goes on. Otherwise a player that shows each at its time would stay as far behind as the key frame
    /// is old. Pictures that are shown before the key frame refer to what is not here, and are left out; so numbers are
    /// given anew, backwards from the last.
    pub fn brought_to_now(&self) -> Option<Start> {
        let over = Over::of(self.packets.iter().map(|packet| &**packet))?;
        let last = sequence(&header(self.packets.last()?)?);
        let shown = self.packets.iter().filter_map(|packet| Some((over.shown(packet)?, packet)));
        let count = shown.clone().count();
        let step = STEP.min(SPAN / over.count().max(1));
        let brought =
            |at: ClockTime| over.back(at).map_or(at, |steps| over.edge().saturating_sub(step * steps));
        let packets = shown.zip((0..count).rev()).map(|((at, packet), left)| {
            let moved = brought(at).nseconds() as i64 - at.nseconds() as i64;
            renewed(packet, last.wrapping_sub(left as u16), moved)
        });
        let key = self.packets.first()?.pts()?;
        Some(Start { packets: packets.collect::<Option<_>>()?, from: brought(key) })
    }
}

impl Lately {
    pub fn add(&mut self, packets: &[gst::Buffer]) {
        self.0.extend(packets.iter().filter(|packet| packet.dts_or_pts().is_some()).cloned());
        let last = self.0.back().and_then(|packet| packet.dts_or_pts());
        let is_old = |packet: &gst::Buffer| {
            packet.dts_or_pts().zip(last).is_some_and(|(at, last)| at + SOUND_KEPT < last)
        };
        while self.0.front().is_some_and(is_old) {
            self.0.pop_front();
        }
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The sound from this running time on: at least the last of it.
    pub fn since(&self, from: ClockTime) -> Option<Start> {
        let begins = self.0.partition_point(|packet| packet.dts_or_pts().is_some_and(|at| at <= from));
        let packets: Vec<_> = self.0.iter().skip(begins.saturating_sub(1)).cloned().collect();
        let from = packets.first()?.dts_or_pts()?;
        Some(Start { packets, from })
    }
}

impl Start {
    /// The sequence number and the RTP time of the first packet.
    pub fn announced(&self) -> Option<(u16, u32)> {
        let header = header(self.packets.first()?)?;
        Some((sequence(&header), time(&header)))
    }
}

/// The fixed part of an RTP header (RFC 3550, 5.1).
type Header = [u8; 12];

pub fn header(packet: &gst::BufferRef) -> Option<Header> {
    let mut header = [0; 12];
    packet.copy_to_slice(0, &mut header).ok().map(|()| header)
}

pub fn sequence(header: &Header) -> u16 {
    u16::from_be_bytes([header[2], header[3]])
}

pub fn time(header: &Header) -> u32 {
    u32::from_be_bytes([header[4], header[5], header[6], header[7]])
}

/// The same packet with another number, and so many nanoseconds later. What it carries is not copied.
fn renewed(packet: &gst::Buffer, sequence: u16, later: i64) -> Option<gst::Buffer> {
    let mut header = header(packet)?;
    let units = i128::from(later) * i128::from(CLOCK) / 1_000_000_000;
    header[2..4].copy_from_slice(&sequence.to_be_bytes());
    let time = time(&header).wrapping_add(units as u32);
    header[4..8].copy_from_slice(&time.to_be_bytes());
    let mut renewed = gst::Buffer::from_slice(header);
    let carried = packet.copy_region(gst::BufferCopyFlags::MEMORY, header.len()..).ok()?;
    renewed.append(carried);
    Some(renewed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKETS: usize = 1000;
    /// RTP time at the running time 0.
    const START: u32 = u32::MAX - 900;

    /// The packets of a picture, with these numbers, that is shown and decoded at these moments, in milliseconds.
    fn picture(is_key: bool, numbers: &[u16], shown: u64, decoded: u64) -> Vec<gst::Buffer> {
        gst::init().unwrap();
        let packet = |number: &u16| {
            let mut data = vec![0x80, 96];
            data.extend(number.to_be_bytes());
            data.extend(START.wrapping_add(shown as u32 * 90).to_be_bytes());
            data.extend([0; 4]);
            data.extend(number.to_be_bytes());
            let mut packet = gst::Buffer::from_slice(data);
            let fresh = packet.get_mut().unwrap();
            fresh.set_pts(ClockTime::from_mseconds(shown));
            fresh.set_dts(ClockTime::from_mseconds(decoded));
            fresh.set_flags(if is_key { gst::BufferFlags::empty() } else { gst::BufferFlags::DELTA_UNIT });
            packet
        };
        numbers.iter().map(packet).collect()
    }

    /// Number, milliseconds of RTP time, and the number in what is carried, of each packet.
    fn told(start: &Start) -> Vec<(u16, f64, u16)> {
        let tell = |packet: &gst::Buffer| {
            let header = header(packet).unwrap();
            let mut carried = [0; 2];
            packet.copy_to_slice(header.len(), &mut carried).unwrap();
            let since = time(&header).wrapping_sub(START) as i32;
            (sequence(&header), f64::from(since) / 90.0, u16::from_be_bytes(carried))
        };
        start.packets.iter().map(tell).collect()
    }

    #[test]
    fn what_is_needed_for_a_picture_is_kept_and_no_part_of_it() {
        let mut group = Group::default();
        let kept = |group: &Group| group.brought_to_now().map(|start| start.packets.len());
        group.add(&picture(false, &[0, 1], 0, 0), PACKETS);
        assert_eq!(kept(&group), None);
        group.add(&picture(true, &[2, 3], 40, 40), PACKETS);
        // Another slice of it.
        group.add(&picture(true, &[4], 40, 40), PACKETS);
        group.add(&picture(false, &[5], 80, 80), PACKETS);
        assert_eq!(kept(&group), Some(4));
        group.add(&picture(true, &[6], 120, 120), PACKETS);
        assert_eq!(kept(&group), Some(1));
        group.add(&picture(false, &[7], 160, 160), 1);
        assert_eq!(kept(&group), None, "too many packets");
        group.add(&picture(true, &[8], 200, 200), PACKETS);
        group.add(&picture(false, &[9], 31_000, 31_000), PACKETS);
        assert_eq!(kept(&group), None, "too long");
        group.add(&picture(false, &[10], 31_040, 31_040), PACKETS);
        assert_eq!(kept(&group), None);
    }

    #[test]
    fn whoever_begins_now_is_where_the_others_are() {
        let mut group = Group::default();
        let first = u16::MAX - 1;
        group.add(&picture(true, &[first], 0, 0), PACKETS);
        for n in 1..200u64 {
            let number = first.wrapping_add(n as u16);
            group.add(&picture(false, &[number], 40 * n, 40 * n), PACKETS);
        }
        let start = group.brought_to_now().unwrap();
        let told = told(&start);
        assert!(told.windows(2).all(|pair| pair[1].0 == pair[0].0.wrapping_add(1)));
        assert!(told.windows(2).all(|pair| pair[1].1 > pair[0].1), "{told:?}");
        assert!(told.iter().all(|(number, _, carried)| number == carried));
        assert_eq!(told.last().unwrap().1, 40.0 * 199.0, "the last is shown when it is");
        assert!(told.last().unwrap().1 - told[0].1 <= 100.0);
        let (number, at) = start.announced().unwrap();
        assert_eq!((number, at), (first, START.wrapping_add((told[0].1 * 90.0).round() as u32)));
        assert!((start.from.useconds() as f64 / 1000.0 - told[0].1).abs() < 0.1);
    }

    #[test]
    fn pictures_stay_in_their_order_and_those_from_before_the_key_frame_are_left_out() {
        let mut group = Group::default();
        // As they come: I, two of the group before, P, B, P. The next would be a B that is shown at 260.
        let times = [(100, 40, true), (20, 60, false), (60, 80, false)];
        let times = times.into_iter().chain([(180, 120, false), (140, 160, false), (300, 200, false)]);
        for ((shown, decoded, is_key), number) in times.zip(10..) {
            group.add(&picture(is_key, &[number], shown, decoded), PACKETS);
        }
        let told = told(&group.brought_to_now().unwrap());
        let expected = [(12, 197.0, 10), (13, 199.0, 13), (14, 198.0, 14), (15, 300.0, 15)];
        assert_eq!(told, expected);
    }

    #[test]
    fn sound_begins_with_what_is_heard_at_the_first_picture() {
        let mut lately = Lately::default();
        let first = |lately: &Lately, from| {
            lately.since(ClockTime::from_mseconds(from)).map(|start| start.from.mseconds())
        };
        assert_eq!(first(&lately, 0), None);
        for n in 0..100u16 {
            lately.add(&picture(true, &[n], 20 * u64::from(n), 20 * u64::from(n)));
        }
        assert_eq!(first(&lately, 1910), Some(1900));
        assert_eq!(first(&lately, 5000), Some(1980));
        assert_eq!(first(&lately, 10), Some(980), "no more than a second is kept");
    }
}
