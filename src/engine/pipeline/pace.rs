//! Puts pictures on the process's time line and lets them through in real time.
//!
//! A source counts time from its own beginning. The first picture after a start or a sleep is given the
//! moment at which it comes, and those behind it keep their distance to it; so no reader sees time jump when
//! a source is woken, and a file goes on where it stood. Behind `videorate`, which would fill the time that
//! was slept with copies.

use crate::engine::clock::{TimeLine, running_time};
use crate::engine::elements::make;
use crate::engine::state::StreamError;
use gst::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A computer that cannot decode fast enough falls behind; from here on it leaves the time out instead.
const LATEST: gst::ClockTime = gst::ClockTime::from_mseconds(500);

/// Lets pictures through when their time has come.
#[derive(Debug)]
pub struct Pace {
    element: gst::Element,
    /// The next picture is the first one.
    first: Arc<AtomicBool>,
}

impl Pace {
    /// `before` is the element whose pictures are put on the time line.
    pub fn new(before: &gst::Element, time: TimeLine) -> Result<Self, StreamError> {
        let element = make("clocksync", "pace")?;
        let first = Arc::new(AtomicBool::new(true));
        let pad = before.static_pad("src").expect("an element before the pace has a source pad");
        set_offsets(&pad, time, first.clone());
        Ok(Self { element, first })
    }

    pub fn element(&self) -> &gst::Element {
        &self.element
    }

    /// The source was started or woken: its next picture is of now.
    pub fn restart(&self) {
        self.first.store(true, Ordering::Release);
    }
}

fn set_offsets(pad: &gst::Pad, time: TimeLine, first: Arc<AtomicBool>) {
    let offset = Mutex::new(gst::ClockTimeDiff::default());
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let running = info.buffer().and_then(|buffer| running_time(pad, buffer));
        if let Some(running) = running {
            let mut offset = offset.lock().unwrap();
            let wanted = time.now().nseconds() as i64 - running.nseconds() as i64;
            let late = wanted - *offset;
            if first.swap(false, Ordering::AcqRel) || late > LATEST.nseconds() as i64 {
                *offset = wanted;
                pad.set_offset(wanted);
            }
        }
        gst::PadProbeReturn::Ok
    });
}
