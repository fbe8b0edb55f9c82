//! The time line of coded pictures that come over a network: they are passed on as they come, in the order of decoding.
//! None may be left out, since others refer to it. Their time stamps may jump, or be missing; behind this those of
//! decoding only rise.

use crate::engine::clock::{running_time, take_segment};
use crate::engine::gop::Kept;
use gst::prelude::*;
use gst::{ClockTime, ClockTimeDiff};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Where one connection ends and the next one begins, or time stamps jump: a frame of 25 fps.
const STEP: ClockTimeDiff = 40_000_000;
/// A longer pause in the time stamps is a jump, and so is one that goes back.
const LONGEST_STEP: ClockTimeDiff = 2_000_000_000;

/// A value: time comes in. In nanoseconds.
#[derive(Debug, Default)]
pub struct CodedLine {
    segment: gst::FormattedSegment<ClockTime>,
    /// From the connection's running time to where it is placed, of showing and of decoding.
    shown: Option<ClockTimeDiff>,
    decoded: Option<ClockTimeDiff>,
    /// Where the last picture was placed.
    last: ClockTimeDiff,
    /// What comes first, and is from before.
    kept: Option<Kept>,
}

/// When a picture is shown, and when it is decoded.
type Place = (ClockTimeDiff, ClockTimeDiff);

impl CodedLine {
    /// Rewrites segments and time stamps of what passes a pad.
    pub fn put_on(pad: &gst::GhostPad) -> Arc<Mutex<Self>> {
        let line = Arc::new(Mutex::new(Self::default()));
        let (start, on) = (Instant::now(), line.clone());
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            let mut line = on.lock().unwrap();
            match &mut info.data {
                Some(gst::PadProbeData::Event(event)) => {
                    if event.type_() == gst::EventType::StreamStart {
                        line.begin();
                    } else if let Some(segment) = take_segment(event) {
                        line.segment = segment;
                    }
                }
                Some(gst::PadProbeData::Buffer(buffer)) => {
                    let arrival = start.elapsed().as_nanos() as ClockTimeDiff;
                    line.rewrite(buffer.make_mut(), arrival);
                }
                _ => {}
            }
            gst::PadProbeReturn::Ok
        });
        line
    }

    /// A new connection: its time has nothing to do with that of the one before.
    fn begin(&mut self) {
        (self.shown, self.decoded) = (None, None);
    }

    /// Says what comes first and is from before.
    pub fn expect(&mut self, kept: Option<Kept>) {
        self.kept = kept;
    }

    /// From the connection's running time to where its last picture was placed; none before there was one.
    pub fn shift(&self) -> Option<ClockTimeDiff> {
        self.shown
    }

    fn rewrite(&mut self, picture: &mut gst::BufferRef, arrival: ClockTimeDiff) {
        if let (Some(kept), Some(pts)) = (&mut self.kept, picture.pts()) {
            if kept.pictures > 0 && pts <= kept.until {
                kept.pictures -= 1;
                picture.set_flags(gst::BufferFlags::DECODE_ONLY);
            } else {
                self.kept = None;
            }
        }
        let running = |time| running_time(&self.segment, time);
        let (shown, decoded) = (running(picture.pts()), running(picture.dts()));
        let (shown, decoded) = self.place(shown, decoded, arrival);
        let time = |at: ClockTimeDiff| ClockTime::from_nseconds(u64::try_from(at).unwrap_or(0));
        picture.set_pts(time(shown));
        picture.set_dts(time(decoded));
    }

    /// Where a picture belongs that has these times and comes now. Without a time of its own a picture is decoded when
    /// it comes, and shown when it is decoded.
    fn place(
        &mut self,
        shown: Option<ClockTimeDiff>,
        decoded: Option<ClockTimeDiff>,
        arrival: ClockTimeDiff,
    ) -> Place {
        let decoded = decoded.unwrap_or(arrival);
        let step = self.decoded.map(|shift| decoded + shift - self.last);
        let place = match step.filter(|step| (0..=LONGEST_STEP).contains(step)) {
            Some(step) => self.last + step,
            None => {
                self.shown = None;
                self.last + STEP
            }
        };
        self.decoded = Some(place - decoded);
        self.last = place;
        let Some(shown) = shown else { return (place, place) };
        let ahead = self.shown.map(|shift| shown + shift - place).filter(|ahead| ahead.abs() <= LONGEST_STEP);
        if ahead.is_none() {
            self.shown = Some(place - shown);
        }
        (place + ahead.unwrap_or(0), place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: ClockTimeDiff = 1_000_000;

    /// Pictures of (shown, decoded, arrival) in milliseconds: where each is placed, less the place of the first.
    fn placed(pictures: &[(i64, Option<i64>, i64)]) -> Vec<(i64, i64)> {
        let mut line = CodedLine::default();
        line.begin();
        let mut first = None;
        pictures
            .iter()
            .map(|(shown, decoded, arrival)| {
                let (shown, decoded) = line.place(Some(shown * MS), decoded.map(|at| at * MS), arrival * MS);
                let first = *first.get_or_insert(decoded);
                ((shown - first) / MS, (decoded - first) / MS)
            })
            .collect()
    }

    #[test]
    fn pictures_keep_their_order_and_their_distance() {
        let pictures = [(80, Some(0), 0), (240, Some(40), 300), (160, Some(80), 300), (120, Some(120), 310)];
        // The first is shown when it is decoded: how far ahead it was nobody misses.
        assert_eq!(placed(&pictures), [(0, 0), (160, 40), (80, 80), (40, 120)]);
    }

    #[test]
    fn without_times_of_decoding_the_arrival_counts() {
        let pictures = [(500, None, 0), (660, None, 45), (580, None, 80), (540, None, 120)];
        assert_eq!(placed(&pictures), [(0, 0), (160, 45), (80, 80), (40, 120)]);
    }

    #[test]
    fn a_jump_to_either_side_is_a_step_like_any_other() {
        for jump in [-100_000, 100_000] {
            let pictures = [(200_000, Some(200_000), 0), (200_000 + jump, Some(200_000 + jump), 40)];
            assert_eq!(placed(&pictures), [(0, 0), (40, 40)]);
        }
    }
}
