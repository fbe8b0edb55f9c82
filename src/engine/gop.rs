//! The pictures since the last key frame: what whoever begins in the middle needs before a picture of now can be decoded.

use super::state::Coding;
use gst::ClockTime;
use gst::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Bytes that are kept: ten seconds of 20 Mbit/s.
pub const MOST_KEPT: usize = 25_000_000;
/// From one picture to the next, where they are for being decoded and not for being seen: at most, and so much at least
/// that RTP, which counts in 90 kHz, has another time for each.
const STEP: ClockTime = ClockTime::from_mseconds(1);
const LEAST_STEP: ClockTime = ClockTime::from_useconds(100);
/// So fast pictures are sent that are for being decoded and not for being seen: whoever begins hardly reads while it gets
/// ready to decode, and its socket has room for some 100 packets. Bytes a second: 16 Mbit/s.
const RATE: u64 = 2_000_000;
/// After so long all of them have been sent, however many there are.
const LONGEST: ClockTime = ClockTime::from_mseconds(1500);
/// Pictures that may come between a DESCRIBE and the PLAY after it.
const MEANWHILE: u64 = 50;

/// A group of pictures that is not complete yet.
#[derive(Debug, Default)]
pub struct Gop {
    pictures: Vec<gst::Sample>,
    bytes: usize,
}

/// What whoever begins in the middle is given first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub pictures: usize,
    /// The time of the newest one.
    pub until: ClockTime,
}

impl Kept {
    /// Leaves what is kept out of what comes out of a decoder.
    pub fn leave_out(self, pad: &gst::Pad) {
        let left = AtomicUsize::new(self.pictures);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let time = info.buffer().and_then(|buffer| buffer.pts());
            let is_kept = time.is_some_and(|time| time <= self.until);
            // However times may jump, no more than there were.
            if is_kept
                && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                return gst::PadProbeReturn::Drop;
            }
            gst::PadProbeReturn::Remove
        });
    }
}

pub fn is_key(picture: &gst::BufferRef) -> bool {
    !picture.flags().contains(gst::BufferFlags::DELTA_UNIT)
}

impl Gop {
    /// Keeps a picture. Beyond [`MOST_KEPT`] nothing is kept until the next key frame: a part is of no use.
    pub fn keep(&mut self, picture: &gst::Sample) {
        let Some(buffer) = picture.buffer() else { return };
        if is_key(buffer) {
            self.clear();
        } else if self.pictures.is_empty() {
            // It is of no use without what it is made from.
            return;
        }
        self.bytes += buffer.size();
        self.pictures.push(picture.clone());
        if self.bytes > MOST_KEPT {
            self.clear();
        }
    }

    pub fn clear(&mut self) {
        self.pictures.clear();
        self.bytes = 0;
    }

    /// As they are decoded.
    pub fn pictures(&self) -> &[gst::Sample] {
        &self.pictures
    }

    pub fn kept(&self) -> Option<Kept> {
        let until = self.pictures.iter().filter_map(|picture| picture.buffer()?.pts()).max()?;
        Some(Kept { pictures: self.pictures.len(), until })
    }

    /// How long before now the key frame has to be shown to a reader to whom the others are brought soon.
    pub fn lead(&self) -> ClockTime {
        LEAST_STEP * (self.pictures.len() as u64 + MEANWHILE)
    }

    /// The same pictures for a reader that begins now and has had a picture of `after`: those that are over follow each
    /// other at once, and end where what comes next goes on. Pictures that are shown before the key frame refer to what
    /// is not here, and are left out.
    pub fn brought_to(&self, now: ClockTime, after: ClockTime) -> Vec<gst::Sample> {
        let Some(over) = Over::of(self.pictures.iter().filter_map(|picture| picture.buffer())) else {
            return Vec::new();
        };
        let shown = |picture: &gst::Sample| picture.buffer().and_then(|buffer| over.shown(buffer));
        let pictures: Vec<_> =
            self.pictures.iter().filter_map(|picture| Some((shown(picture)?, picture))).collect();
        let count = pictures.len() as u64;
        // None is shown before it is decoded.
        let late = (0..).zip(&pictures).filter_map(|(place, (at, _))| Some(place + over.back(*at)?));
        let ahead = late.max().unwrap_or(0).saturating_sub(over.count());
        let step = (now.saturating_sub(after) / (count + ahead + 1)).min(STEP);
        let back = |steps: u64| now.saturating_sub(step * steps);
        let bytes: u64 =
            pictures.iter().filter_map(|(_, picture)| Some(picture.buffer()?.size() as u64)).sum();
        let rate = RATE.max(bytes * 1000 / LONGEST.mseconds());
        (0..)
            .zip(&pictures)
            .filter_map(|(place, (at, picture))| {
                let pts = over.back(*at).map_or_else(|| now + at.saturating_sub(over.edge()), back);
                let mut buffer = picture.buffer_owned()?;
                let takes = gst::ClockTime::SECOND.mul_div_round(buffer.size() as u64, rate);
                let fresh = buffer.make_mut();
                fresh.set_pts(pts);
                fresh.set_dts(back(count - place + ahead - 1));
                fresh.set_duration(takes);
                fresh.set_flags(CATCHES_UP);
                let mut picture = (*picture).clone();
                picture.make_mut().set_buffer(Some(&buffer));
                Some(picture)
            })
            .collect()
    }
}

/// Which of the pictures since a key frame are over. The others are shown after whatever comes next, as some are that
/// others between them refer to.
pub struct Over {
    /// When the key frame is shown.
    key: ClockTime,
    /// Whatever comes next is decoded later than this, and so is shown later.
    edge: ClockTime,
    /// When those that are over are shown, in order.
    times: Vec<ClockTime>,
}

impl Over {
    /// Of these pictures, or of the packets of them; the first one is the key frame.
    pub fn of<'a>(pictures: impl Iterator<Item = &'a gst::BufferRef> + Clone) -> Option<Self> {
        let key = pictures.clone().next()?.pts()?;
        let edge = pictures.clone().filter_map(|picture| picture.dts_or_pts()).max()?;
        let mut over = Self { key, edge, times: Vec::new() };
        over.times = pictures.filter_map(|picture| over.shown(picture)).filter(|at| *at < edge).collect();
        over.times.sort();
        over.times.dedup();
        Some(over)
    }

    /// When a picture is shown, unless it refers to what is not here: that is so before the key frame.
    pub fn shown(&self, picture: &gst::BufferRef) -> Option<ClockTime> {
        picture.pts().filter(|at| *at >= self.key)
    }

    pub fn edge(&self) -> ClockTime {
        self.edge
    }

    /// How many are over.
    pub fn count(&self) -> u64 {
        self.times.len() as u64
    }

    /// Which of those that are over it is that is shown then, counted back from what comes next: the last one is 1.
    pub fn back(&self, shown: ClockTime) -> Option<u64> {
        self.times.binary_search(&shown).ok().map(|place| self.count() - place as u64)
    }
}

/// Of a picture for a reader that catches up: its duration is how long sending it is to take.
const CATCHES_UP: gst::BufferFlags = gst::BufferFlags::DECODE_ONLY;

/// Takes a picture of H.264 for a key frame only where everything behind it can be decoded from there. `h264parse` takes
/// any picture that refers to no other for one, and those behind it may refer to what is further back.
pub fn begin_at_idr(pad: &gst::Pad) {
    pad.add_probe(gst::PadProbeType::BUFFER, |pad, info| {
        if let Some(gst::PadProbeData::Buffer(picture)) = &mut info.data
            && is_key(picture)
            && let Some(caps) = pad.current_caps()
            && Coding::of(&caps) == Some(Coding::H264)
            && let is_stream = caps.structure(0).is_some_and(is_byte_stream)
            && picture.map_readable().is_ok_and(|picture| !can_begin_at(&picture, is_stream))
        {
            picture.make_mut().set_flags(gst::BufferFlags::DELTA_UNIT);
        }
        gst::PadProbeReturn::Ok
    });
}

fn is_byte_stream(caps: &gst::StructureRef) -> bool {
    caps.get::<&str>("stream-format") == Ok("byte-stream")
}

/// The beginnings of the units of a picture: behind a start code each (ITU-T H.264, annex B), or behind their length
/// (ISO 14496-15; `h264parse` writes it in four bytes).
fn units(picture: &[u8], is_stream: bool) -> Vec<[u8; 2]> {
    let mut units = Vec::new();
    let mut rest = picture;
    while let Some((start, unit)) = rest.split_first_chunk::<4>() {
        rest = match (is_stream, unit) {
            (true, _) if start[..3] != [0, 0, 1] => &rest[1..],
            (true, unit) => {
                units.extend(unit.first().map(|second| [start[3], *second]));
                unit
            }
            (false, unit) => {
                units.extend(unit.first_chunk::<2>());
                unit.get(u32::from_be_bytes(*start) as usize..).unwrap_or_default()
            }
        };
        // Supplements and parameter sets stand before the slices.
        if units.last().is_some_and(|unit: &[u8; 2]| [SLICE, IDR].contains(&(unit[0] & TYPE))) {
            break;
        }
    }
    units
}

/// Types of units, and of what supplements are (ITU-T H.264, table 7-1 and D.1).
const TYPE: u8 = 0x1F;
const SLICE: u8 = 1;
const IDR: u8 = 5;
const SUPPLEMENT: u8 = 6;
const RECOVERY_POINT: u8 = 6;

/// Whether a picture is an instantaneous decoding refresh, or says that decoding may begin there.
fn can_begin_at(picture: &[u8], is_stream: bool) -> bool {
    let begins = |[first, second]: &[u8; 2]| match first & TYPE {
        IDR => true,
        SUPPLEMENT => *second == RECOVERY_POINT,
        _ => false,
    };
    units(picture, is_stream).iter().any(begins)
}

/// Holds up what catches up at the pad of the element that gives it.
pub fn send_evenly(pad: &gst::Pad) {
    pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
            && buffer.flags().contains(CATCHES_UP)
        {
            let takes = buffer.duration();
            let buffer = buffer.make_mut();
            buffer.unset_flags(CATCHES_UP);
            buffer.set_duration(gst::ClockTime::NONE);
            std::thread::sleep(takes.map(Duration::from).unwrap_or_default());
        }
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture that is shown and decoded at these moments, in milliseconds.
    fn picture(is_key: bool, size: usize, shown: u64, decoded: u64) -> gst::Sample {
        gst::init().unwrap();
        let mut buffer = gst::Buffer::with_size(size).unwrap();
        let fresh = buffer.get_mut().unwrap();
        fresh.set_pts(ClockTime::from_mseconds(shown));
        fresh.set_dts(ClockTime::from_mseconds(decoded));
        fresh.set_flags(if is_key { gst::BufferFlags::empty() } else { gst::BufferFlags::DELTA_UNIT });
        gst::Sample::builder().buffer(&buffer).build()
    }

    #[test]
    fn what_is_needed_for_a_picture_is_kept_and_no_part_of_it() {
        let mut gop = Gop::default();
        let kept = |gop: &Gop| gop.kept().map(|kept| (kept.pictures, kept.until.mseconds()));
        gop.keep(&picture(false, 10, 0, 0));
        assert_eq!(kept(&gop), None);
        for (at, is_key) in [(40, true), (120, false), (80, false)] {
            gop.keep(&picture(is_key, 10, at, at));
        }
        assert_eq!(kept(&gop), Some((3, 120)));
        gop.keep(&picture(true, 10, 160, 160));
        assert_eq!(kept(&gop), Some((1, 160)));
        gop.keep(&picture(false, MOST_KEPT, 200, 200));
        gop.keep(&picture(false, 10, 240, 240));
        assert_eq!(kept(&gop), None, "it is bounded");
    }

    #[test]
    fn a_picture_that_refers_to_no_other_is_not_enough_to_begin_at() {
        let can = |units: &[&[u8]]| {
            let parameters: [&[u8]; 2] = [&[0x67, 1, 2], &[0x68, 3]];
            let all: Vec<_> = parameters.iter().chain(units).copied().collect();
            let stream: Vec<u8> = all.iter().flat_map(|unit| [&[0, 0, 0, 1][..], unit].concat()).collect();
            let counted: Vec<u8> =
                all.iter().flat_map(|unit| [&[0, 0, 0, unit.len() as u8][..], unit].concat()).collect();
            let can = can_begin_at(&stream, true);
            assert_eq!(can_begin_at(&counted, false), can);
            can
        };
        assert!(can(&[&[0x65, 0x88]]));
        assert!(can(&[&[0x06, 0x06, 1, 0xC4, 0x80], &[0x41, 0x9A]]), "a recovery point");
        assert!(!can(&[&[0x06, 0x05, 1, 0xC4, 0x80], &[0x41, 0x9A]]), "another supplement");
        assert!(!can(&[&[0x41, 0x9A]]));
        assert!(!can_begin_at(&[], true) && !can_begin_at(&[0, 0, 0], false));
    }

    #[test]
    fn whoever_begins_now_is_where_the_others_are_and_pictures_stay_in_their_order() {
        let mut gop = Gop::default();
        // As they come: I, two of the group before, P, B, P. The next would be a B that is shown at 260.
        let times = [(100, 40, true), (20, 60, false), (60, 80, false)];
        let times = times.into_iter().chain([(180, 120, false), (140, 160, false), (300, 200, false)]);
        for (shown, decoded, is_key) in times {
            gop.keep(&picture(is_key, 10, shown, decoded));
        }
        let now = ClockTime::from_seconds(50);
        let brought: Vec<_> = gop
            .brought_to(now, ClockTime::ZERO)
            .iter()
            .map(|picture| {
                let buffer = picture.buffer().unwrap();
                [buffer.pts(), buffer.dts()].map(|time| time.unwrap().mseconds() as i64 - 50_000)
            })
            .collect();
        assert_eq!(brought, [[-3, -4], [-1, -3], [-2, -2], [100, -1]]);
    }
}
