//! The one time line of the process. Every pipeline takes this clock and this base time, so that a running
//! time means the same moment in all of them, however late one of them is started.

use gst::prelude::*;

/// A clock and the moment at which running time is zero.
#[derive(Debug, Clone)]
pub struct TimeLine {
    clock: gst::Clock,
    base_time: gst::ClockTime,
}

impl TimeLine {
    pub fn new() -> Self {
        let clock = gst::SystemClock::obtain();
        Self { base_time: clock.time(), clock }
    }

    /// The running time of now.
    pub fn now(&self) -> gst::ClockTime {
        self.clock.time().saturating_sub(self.base_time)
    }

    /// Makes a pipeline run on this time line. Without a start time GStreamer leaves the base time alone
    /// when the state changes.
    pub fn apply_to(&self, pipeline: &gst::Pipeline) {
        pipeline.use_clock(Some(&self.clock));
        pipeline.set_start_time(gst::ClockTime::NONE);
        pipeline.set_base_time(self.base_time);
    }
}

/// The segment that an event brings, which is replaced: behind it time stamps are running times, in one segment for ever.
pub fn take_segment(event: &mut gst::Event) -> Option<gst::FormattedSegment<gst::ClockTime>> {
    let gst::EventView::Segment(brought) = event.view() else { return None };
    let segment = brought.segment().downcast_ref::<gst::ClockTime>()?.clone();
    *event = gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new());
    Some(segment)
}

/// The running time of something, in nanoseconds: below zero before its segment begins, as pictures are decoded that
/// the first one to be shown refers to.
pub fn running_time(
    segment: &gst::FormattedSegment<gst::ClockTime>,
    time: Option<gst::ClockTime>,
) -> Option<gst::ClockTimeDiff> {
    let running = segment.to_running_time_full(time?)?;
    let size = i64::try_from(running.abs().nseconds()).ok()?;
    Some(if running.is_negative() { -size } else { size })
}
