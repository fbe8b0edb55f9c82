//! What camera and screen have in common: an element that captures, which is there only while the source is awake.
//!
//! ```text
//! capture-3: camera ► filter ► decode ─► convert ► deinterlace
//! ```
//! Raw pictures of any layout, or packed ones, as most cameras have them in their large sizes. It is opened and closed
//! apart from the rest of the graph: a device may hang.

use super::apart::Apart;
use super::entry::{Line, put_on_line, swallow_end};
use super::{Event, Notify, Wanted};
use crate::engine::devices::Remote;
use crate::engine::elements::make;
use crate::engine::state::StreamError;
use gst::prelude::*;
use std::sync::{Arc, Mutex};

/// Where the decoder is ready while the state is still changed, the bin stops half way.
const STATES: [gst::State; 3] = [gst::State::Paused, gst::State::Playing, gst::State::Playing];

/// The place of what captures.
pub struct Capture {
    bin: gst::Bin,
    entry: gst::Pad,
    line: Arc<Mutex<Line>>,
    present: Option<Present>,
    /// The number of the next one.
    next: u64,
    notify: Notify,
}

struct Present {
    number: u64,
    apart: Apart,
    /// To be kept until it has ended.
    remote: Option<Remote>,
}

impl Capture {
    pub fn new(notify: Notify) -> Result<Self, StreamError> {
        let convert = make("videoconvert", "convert")?;
        // It does nothing unless the pictures say that they are interlaced.
        let deinterlace = make("deinterlace", "deinterlace")?;
        let bin = gst::Bin::with_name("source");
        bin.add_many([&convert, &deinterlace]).map_err(StreamError::internal)?;
        convert.link(&deinterlace).map_err(StreamError::internal)?;
        let end = deinterlace.static_pad("src").expect("deinterlace has a source pad");
        let pad = gst::GhostPad::with_target(&end).map_err(StreamError::internal)?;
        bin.add_pad(&pad).map_err(StreamError::internal)?;
        let line = Line::new();
        put_on_line(&pad, line.clone());
        let entry = convert.static_pad("sink").expect("videoconvert has a sink pad");
        Ok(Self { bin, entry, line, present: None, next: 0, notify })
    }

    pub fn bin(&self) -> &gst::Bin {
        &self.bin
    }

    /// On which the pictures are put.
    pub(super) fn line(&self) -> Arc<Mutex<Line>> {
        self.line.clone()
    }

    /// Whether this is a part of what captures now.
    pub fn has(&self, object: &gst::Object) -> bool {
        self.present.as_ref().is_some_and(|present| present.apart.has(object))
    }

    pub fn is_present(&self, number: u64) -> bool {
        self.present.as_ref().is_some_and(|present| present.number == number)
    }

    /// Takes the pictures of this element, in one of these formats where some are given. `remote` is its connection to
    /// PipeWire, if it has one. Why that fails comes as a message; its end is told as [`Event::Ended`].
    pub fn open(
        &mut self,
        source: &gst::Element,
        caps: Option<&gst::Caps>,
        remote: Option<Remote>,
    ) -> Result<(), StreamError> {
        self.close();
        let number = self.next;
        self.next += 1;
        let filter = make("capsfilter", "filter")?;
        if let Some(caps) = caps {
            filter.set_property("caps", caps);
        }
        let decode = make("decodebin", "decode")?;
        decode.set_property("caps", super::taken(Wanted::Decoded, false));
        let capture = gst::Bin::with_name(&format!("capture-{number}"));
        let chain = [source, &filter, &decode];
        capture.add_many(chain).map_err(StreamError::internal)?;
        gst::Element::link_many(chain).map_err(StreamError::internal)?;
        let (inside, entry, notify) = (capture.downgrade(), self.entry.downgrade(), self.notify.clone());
        decode.connect_pad_added(move |_, pad| {
            let (Some(inside), Some(entry)) = (inside.upgrade(), entry.upgrade()) else { return };
            let Ok(pad) = gst::GhostPad::with_target(pad) else { return };
            let notify = notify.clone();
            swallow_end(pad.upcast_ref(), move || notify(Event::Ended { connection: number }));
            let _ = pad.set_active(true);
            // A second picture has nowhere to go.
            if !entry.is_linked() && inside.add_pad(&pad).is_ok() {
                let _ = pad.link(&entry);
            }
        });
        let apart = Apart::open(&self.bin, capture, &STATES)?;
        self.present = Some(Present { number, apart, remote });
        Ok(())
    }

    /// Gives back what captures. What it says from now on is heard by nobody.
    pub fn close(&mut self) {
        if let Some(Present { apart, remote, .. }) = self.present.take() {
            apart.close(&self.bin, remote);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a camera that brings pictures like this.
    fn camera(format: &str) -> gst::Element {
        let pipeline = format!("videotestsrc is-live=true ! {format} ! identity");
        gst::parse::bin_from_description(&pipeline, true).unwrap().upcast()
    }

    #[test]
    fn pictures_of_any_layout_are_taken_and_given_back() {
        gst::init().unwrap();
        for format in [
            "video/x-raw,format=YUY2",
            "video/x-raw,format=NV12",
            "video/x-raw,format=GRAY16_LE",
            "video/x-raw,format=RGB,width=322,height=241",
            "jpegenc ! image/jpeg",
        ] {
            let mut capture = Capture::new(Arc::new(|_| ())).unwrap();
            let pipeline = gst::Pipeline::new();
            let sink = gst_app::AppSink::builder().sync(false).build();
            pipeline.add_many([capture.bin().upcast_ref::<gst::Element>(), sink.upcast_ref()]).unwrap();
            capture.bin().link(&sink).unwrap();
            pipeline.set_state(gst::State::Playing).unwrap();
            // The second time as after a sleep.
            for _ in 0..2 {
                capture.open(&camera(format), None, None).unwrap();
                for _ in 0..3 {
                    sink.try_pull_sample(gst::ClockTime::from_seconds(20)).expect(format);
                }
                capture.close();
            }
            pipeline.set_state(gst::State::Null).unwrap();
        }
    }
}
