//! Puts pictures on the process's time line and lets them through in real time.
//!
//! A source counts time from its own beginning. The first picture after a start or a sleep is given the
//! moment at which it comes, and those behind it keep their distance to it; so no reader sees time jump when
//! a source is woken, and a file goes on where it stood. Behind `videorate`, which would fill the time that
//! was slept with copies. The sound of the source is told where its pictures are put.
//!
//! Pictures that are passed through come in the order in which they are decoded, and their time has come when they are
//! to be decoded. None is left out, since others refer to it.

use crate::engine::clock::{TimeLine, running_time, take_segment};
use crate::engine::elements::make;
use crate::engine::sound::Track;
use crate::engine::source::Wanted;
use crate::engine::state::StreamError;
use gst::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A computer that cannot decode fast enough falls behind; from here on it leaves the time out instead.
const LATEST: gst::ClockTime = gst::ClockTime::from_mseconds(500);

/// What is passed through may be that late: over a network it was held up, and catches up. From here on the computer was
/// asleep.
const LATEST_CODED: gst::ClockTimeDiff = 10_000_000_000;
/// By so much pictures are brought together that are for being decoded and not for being seen.
const TOGETHER: gst::ClockTimeDiff = 1000;

/// Lets pictures through when their time has come.
#[derive(Debug)]
pub struct Pace {
    element: gst::Element,
    /// The next picture is the first one.
    first: Arc<AtomicBool>,
    sound: Option<Arc<Track>>,
    coded: Option<Arc<Mutex<CodedPlacement>>>,
    time: TimeLine,
}

impl Pace {
    /// `before` is the element whose pictures are put on the time line; `sound` is that of the same source.
    pub fn new(
        before: &gst::Element,
        wanted: Wanted,
        time: TimeLine,
        sound: Option<Arc<Track>>,
    ) -> Result<Self, StreamError> {
        let element = make("clocksync", "pace")?;
        let first = Arc::new(AtomicBool::new(true));
        let pad = before.static_pad("src").expect("an element before the pace has a source pad");
        let coded = match wanted {
            Wanted::Decoded => {
                put_on_time_line(&pad, time.clone(), first.clone(), sound.clone());
                None
            }
            Wanted::Coded => {
                let placement = Arc::new(Mutex::new(CodedPlacement::default()));
                put_coded_on_time_line(&pad, placement.clone(), time.clone(), first.clone(), sound.clone());
                Some(placement)
            }
        };
        keep_back_quality(&pad);
        Ok(Self { element, first, sound, coded, time })
    }

    pub fn element(&self) -> &gst::Element {
        &self.element
    }

    /// Holds every picture back from now on, whatever state the pipeline goes to by itself: one that takes in
    /// an element while it is paused may start again.
    pub fn hold(&self) {
        if let Some(sound) = &self.sound {
            sound.hold();
        }
        self.element.set_locked_state(true);
        let _ = self.element.set_state(gst::State::Paused);
    }

    /// To be called before the pipeline is started or woken: the next picture is of now. With `goes_on` the one that
    /// is held back is, which comes before it.
    pub fn release(&self, goes_on: bool) {
        let resumed = match &self.coded {
            Some(placement) if goes_on => placement.lock().unwrap().resume(self.time.now()),
            _ => None,
        };
        match (resumed, &self.sound) {
            (Some(offset), Some(sound)) => sound.place(offset),
            (Some(_), None) => {}
            (None, _) => self.first.store(true, Ordering::Release),
        }
        self.element.set_locked_state(false);
    }
}

/// What the pictures at the pad are put on.
struct Placement {
    /// As the source counts.
    segment: gst::FormattedSegment<gst::ClockTime>,
    /// From the source's running time to the process's.
    offset: gst::ClockTimeDiff,
    last: Option<gst::ClockTime>,
}

/// Rewrites segments and time stamps. Behind it there is one segment for ever, and time stamps are running
/// times: encoders take a time stamp that comes again, in the segment of the next file, for an old one.
fn put_on_time_line(pad: &gst::Pad, time: TimeLine, first: Arc<AtomicBool>, sound: Option<Arc<Track>>) {
    let placement = Mutex::new(Placement { segment: gst::FormattedSegment::new(), offset: 0, last: None });
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let mut placement = placement.lock().unwrap();
        match &mut info.data {
            Some(gst::PadProbeData::Event(event)) => {
                if let Some(segment) = take_segment(event) {
                    placement.segment = segment;
                }
            }
            Some(gst::PadProbeData::Buffer(buffer)) => {
                if let Some(running) = buffer.pts().and_then(|pts| placement.segment.to_running_time(pts)) {
                    let now = time.now();
                    let place = placement.of(running);
                    if first.swap(false, Ordering::AcqRel) || place + LATEST < now {
                        placement.offset = now.nseconds() as i64 - running.nseconds() as i64;
                        if let Some(sound) = &sound {
                            sound.place(placement.offset);
                        }
                    }
                    let place = placement.of(running);
                    // Where files of different rates meet.
                    if placement.last.is_some_and(|last| place <= last) {
                        return gst::PadProbeReturn::Drop;
                    }
                    placement.last = Some(place);
                    let buffer = buffer.make_mut();
                    buffer.set_pts(place);
                    buffer.set_dts(gst::ClockTime::NONE);
                }
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

/// What coded pictures are put on. Running times, in nanoseconds.
#[derive(Debug, Default)]
struct CodedPlacement {
    segment: gst::FormattedSegment<gst::ClockTime>,
    offset: gst::ClockTimeDiff,
    /// When the last one is decoded: as the source counts, and as the process does.
    last: Option<gst::ClockTimeDiff>,
    last_place: gst::ClockTimeDiff,
    /// The first of those that are not for being seen.
    unseen: Option<gst::ClockTimeDiff>,
}

impl CodedPlacement {
    /// The last picture is of now. Returns the offset, if there was one.
    fn resume(&mut self, now: gst::ClockTime) -> Option<gst::ClockTimeDiff> {
        self.offset = now.nseconds() as i64 - self.last?;
        Some(self.offset)
    }
}

fn put_coded_on_time_line(
    pad: &gst::Pad,
    placement: Arc<Mutex<CodedPlacement>>,
    time: TimeLine,
    first: Arc<AtomicBool>,
    sound: Option<Arc<Track>>,
) {
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let mut placement = placement.lock().unwrap();
        match &mut info.data {
            Some(gst::PadProbeData::Event(event)) => {
                if let Some(segment) = take_segment(event) {
                    placement.segment = segment;
                }
            }
            Some(gst::PadProbeData::Buffer(buffer)) => {
                let running = |time| running_time(&placement.segment, time);
                let (shown, decoded) = (running(buffer.pts()), running(buffer.dts_or_pts()));
                let Some(decoded) = decoded else { return gst::PadProbeReturn::Ok };
                let shown = shown.unwrap_or(decoded);
                let now = time.now().nseconds() as i64;
                let buffer = buffer.make_mut();
                let (shown, decoded) = if buffer.flags().contains(gst::BufferFlags::DECODE_ONLY) {
                    buffer.unset_flags(gst::BufferFlags::DECODE_ONLY);
                    let since = *placement.unseen.get_or_insert(shown);
                    (now + (shown - since) / TOGETHER, now)
                } else {
                    placement.unseen = None;
                    let is_late = decoded + placement.offset + LATEST_CODED < now;
                    if first.swap(false, Ordering::AcqRel) || is_late {
                        placement.offset = now - decoded;
                        if let Some(sound) = &sound {
                            sound.place(placement.offset);
                        }
                    }
                    placement.last = Some(decoded);
                    (shown + placement.offset, decoded + placement.offset)
                };
                placement.last_place = placement.last_place.max(decoded);
                let at = |place: i64| gst::ClockTime::from_nseconds(u64::try_from(place).unwrap_or(0));
                buffer.set_pts(at(shown));
                buffer.set_dts(at(placement.last_place));
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

/// What sinks say of late pictures is in the process's running time, which nothing before this pad knows: the
/// elements there would take every picture for a late one and leave it out.
fn keep_back_quality(pad: &gst::Pad) {
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, |_, info| {
        if info.event().is_some_and(|event| event.type_() == gst::EventType::Qos) {
            return gst::PadProbeReturn::Drop;
        }
        gst::PadProbeReturn::Ok
    });
}

impl Placement {
    /// Where a picture stands on the process's time line.
    fn of(&self, running: gst::ClockTime) -> gst::ClockTime {
        let place = (running.nseconds() as i64).saturating_add(self.offset);
        gst::ClockTime::from_nseconds(u64::try_from(place).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_source_does_not_hear_that_a_sink_is_late() {
        gst::init().unwrap();
        let (source, before) = (make("videotestsrc", "source").unwrap(), make("identity", "before").unwrap());
        let sink = make("fakesink", "sink").unwrap();
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([&source, &before, &sink]).unwrap();
        gst::Element::link_many([&source, &before, &sink]).unwrap();
        let pad = before.static_pad("src").unwrap();
        keep_back_quality(&pad);

        let (heard, events) = mpsc::channel();
        source.static_pad("src").unwrap().add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
            heard.send(info.event().unwrap().type_()).unwrap();
            gst::PadProbeReturn::Ok
        });
        pipeline.set_state(gst::State::Paused).unwrap();
        pad.send_event(gst::event::Qos::builder(gst::QOSType::Underflow, 2.0, 1_000_000).build());
        pad.send_event(gst::event::Reconfigure::new());
        pipeline.set_state(gst::State::Null).unwrap();
        let events: Vec<_> = events.try_iter().collect();
        assert!(events.contains(&gst::EventType::Reconfigure), "{events:?}");
        assert!(!events.contains(&gst::EventType::Qos), "{events:?}");
    }
}
