//! Takes a source's decoded sound and writes it to the track, in the track's format and at the source's time.
//!
//! ```text
//! audioconvert ► audioresample ► capsfilter ► fakesink
//! ```
//! What comes out of the filter ends there: the sink only keeps the pad linked.

use super::Track;
use crate::engine::elements::make;
use crate::engine::state::StreamError;
use gst::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Time stamps that are so near to where the samples before ended go on there: those of some containers are rounded
/// to milliseconds, and a sample more or less can be heard.
const ROUNDING: gst::ClockTime = gst::ClockTime::from_mseconds(10);

/// Where sound belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At this running time of the source, and not beyond the second, if there is one.
    At(gst::ClockTime, Option<gst::ClockTime>),
    /// That is not known yet.
    NotYet,
}

/// The elements. Dropping them or closing the tap frees whoever waits in it.
#[derive(Debug)]
pub struct Tap {
    elements: [gst::Element; 4],
    track: Arc<Track>,
    open: Arc<AtomicBool>,
}

impl Tap {
    /// `place` says where the sound of a running time belongs, and `over` is called once, when all of it came that
    /// belongs to the source: from streaming threads.
    pub fn new(
        track: &Arc<Track>,
        place: impl Fn(gst::ClockTime) -> Place + Send + Sync + 'static,
        over: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, StreamError> {
        let convert = make("audioconvert", "sound-convert")?;
        let resample = make("audioresample", "sound-resample")?;
        let filter = make("capsfilter", "sound-format")?;
        filter.set_property("caps", track.format().caps());
        let sink = make("fakesink", "sound-end")?;
        // A source without sound has nothing for it.
        sink.set_property("async", false);
        let open = Arc::new(AtomicBool::new(true));
        let pad = filter.static_pad("src").expect("a capsfilter has a source pad");
        let writer = Writer {
            track: track.clone(),
            open: open.clone(),
            segment: gst::FormattedSegment::new(),
            next: None,
            is_over: false,
        };
        write(&pad, writer, place, over);
        Ok(Self { elements: [convert, resample, filter, sink], track: track.clone(), open })
    }

    /// Adds the elements to a bin, and returns the pad to be linked.
    pub fn add_to(&self, bin: &gst::Bin) -> Result<gst::Pad, StreamError> {
        bin.add_many(&self.elements).map_err(StreamError::internal)?;
        gst::Element::link_many(&self.elements).map_err(StreamError::internal)?;
        Ok(self.elements[0].static_pad("sink").expect("audioconvert has a sink pad"))
    }

    /// From now on sound is thrown away, and nobody waits here.
    pub fn close(&self) {
        self.open.store(false, Ordering::Release);
        self.track.wake();
    }

    pub fn open(&self) {
        self.open.store(true, Ordering::Release);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.close();
    }
}

/// What is known at the pad.
struct Writer {
    track: Arc<Track>,
    open: Arc<AtomicBool>,
    segment: gst::FormattedSegment<gst::ClockTime>,
    /// The frame behind the last one that was written.
    next: Option<u64>,
    is_over: bool,
}

fn write(
    pad: &gst::Pad,
    writer: Writer,
    place: impl Fn(gst::ClockTime) -> Place + Send + Sync + 'static,
    over: impl Fn() + Send + Sync + 'static,
) {
    let writer = Mutex::new(writer);
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        // Only the one streaming thread comes by here.
        let writer = &mut *writer.lock().unwrap();
        let was_over = writer.is_over;
        let result = match &info.data {
            Some(gst::PadProbeData::Event(event)) => match event.view() {
                gst::EventView::Segment(segment) => {
                    if let Some(segment) = segment.segment().downcast_ref::<gst::ClockTime>() {
                        writer.segment = segment.clone();
                    }
                    gst::PadProbeReturn::Ok
                }
                // A sink that is paused keeps whoever brings these, and with them the decoder.
                gst::EventView::Eos(_) => {
                    writer.is_over = true;
                    gst::PadProbeReturn::Drop
                }
                gst::EventView::Gap(_) => gst::PadProbeReturn::Drop,
                _ => gst::PadProbeReturn::Ok,
            },
            Some(gst::PadProbeData::Buffer(buffer)) => {
                writer.take(buffer, &place);
                gst::PadProbeReturn::Drop
            }
            _ => gst::PadProbeReturn::Ok,
        };
        if writer.is_over && !was_over {
            over();
        }
        result
    });
}

impl Writer {
    fn take(&mut self, buffer: &gst::BufferRef, place: impl Fn(gst::ClockTime) -> Place) {
        let Some(running) = buffer.pts().and_then(|pts| self.segment.to_running_time(pts)) else { return };
        let format = self.track.format();
        while !self.is_over && self.open.load(Ordering::Acquire) {
            let (at, end) = match place(running) {
                Place::At(at, end) => (at, end),
                Place::NotYet => {
                    self.track.wait_for_place();
                    continue;
                }
            };
            let (stamped, end) = (format.frames(at), end.map(|end| format.frames(end)));
            let frame = match self.next {
                Some(next) if next.abs_diff(stamped) <= format.frames(ROUNDING) => next,
                _ => stamped,
            };
            if end.is_some_and(|end| frame >= end) {
                self.is_over = true;
            } else if self.track.wait(at) {
                self.next = Some(self.write(buffer, frame, end));
                return;
            }
        }
    }

    /// Writes what is not beyond the end, and returns where it ends.
    fn write(&self, buffer: &gst::BufferRef, frame: u64, end: Option<u64>) -> u64 {
        let channels = self.track.format().channels as usize;
        let Ok(map) = buffer.map_readable() else { return frame };
        let (pairs, _) = map.as_chunks::<2>();
        let samples: Vec<i16> = pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
        let frames = (samples.len() / channels) as u64;
        let fitting = end.map_or(frames, |end| frames.min(end - frame));
        self.track.write(frame, &samples[..fitting as usize * channels]);
        frame + frames
    }
}
