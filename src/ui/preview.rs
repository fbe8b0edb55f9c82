//! A live picture of a stream: the branch behind its pictures, and the paintable that shows it.

use crate::engine::{Branch, Stream};
use gst::prelude::*;
use gtk::gdk;

/// While it exists, the stream's pictures are shown by its paintable. Dropping it takes the branch away.
pub struct Preview {
    paintable: gdk::Paintable,
    size: gst::Element,
    _branch: Branch,
}

impl Preview {
    /// Shows the stream at most this large, in device pixels, and with at most so many frames a second. Main
    /// thread only: the paintable is made here.
    ///
    /// # Errors
    /// Names the GStreamer element that is not installed.
    pub fn new(
        stream: &Stream,
        width: i32,
        height: i32,
        frames_per_second: Option<i32>,
    ) -> Result<Self, glib::BoolError> {
        // queue ! videorate ! videoconvertscale ! capsfilter ! gtk4paintablesink
        let queue = gst::ElementFactory::make("queue")
            .property_from_str("leaky", "downstream")
            .property("max-size-buffers", 1u32)
            .property("max-size-bytes", 0u32)
            .property("max-size-time", 0u64)
            .build()?;
        let rate = gst::ElementFactory::make("videorate")
            .property("drop-only", true)
            // It would let every picture pass until it had made up for the time before this branch was there.
            .property("skip-to-first", true)
            .property("max-rate", frames_per_second.unwrap_or(i32::MAX))
            .build()?;
        // Half a pixel of another shape is not worth a black line. Dither and interpolated colours nobody sees in
        // 8 bits at this size, and they are nearly half of the work.
        let scale = gst::ElementFactory::make("videoconvertscale")
            .property("add-borders", false)
            .property_from_str("dither", "none")
            .property_from_str("chroma-mode", "none")
            .build()?;
        let size = gst::ElementFactory::make("capsfilter").property("caps", caps(width, height)).build()?;
        // Pictures come when their time has come; waiting again would only leave some out.
        let sink = gst::ElementFactory::make("gtk4paintablesink")
            .property("sync", false)
            .property("async", false)
            .build()?;
        let paintable = sink.property::<gdk::Paintable>("paintable");

        let bin = gst::Bin::new();
        let elements = [&queue, &rate, &scale, &size, &sink];
        bin.add_many(elements)?;
        gst::Element::link_many(elements)?;
        let input = queue.static_pad("sink").expect("a queue has a sink pad");
        bin.add_pad(&gst::GhostPad::with_target(&input)?)?;

        Ok(Self { paintable, size, _branch: stream.add_branch(&bin) })
    }

    pub fn paintable(&self) -> &gdk::Paintable {
        &self.paintable
    }

    /// Shows it at most this large from now on, in device pixels.
    pub fn resize(&self, width: i32, height: i32) {
        let caps = caps(width, height);
        if self.size.property::<gst::Caps>("caps") != caps {
            self.size.set_property("caps", caps);
        }
    }
}

/// At most this large, in the picture's own shape, so that small pictures are not made larger for nothing. The
/// format is one that GTK draws as it is, without transparency to compute.
fn caps(width: i32, height: i32) -> gst::Caps {
    gst_video::VideoCapsBuilder::new()
        .format(gst_video::VideoFormat::Bgrx)
        .width_range(1..=width.max(16))
        .height_range(1..=height.max(16))
        .pixel_aspect_ratio(gst::Fraction::new(1, 1))
        .build()
}
