//! The way of pictures that are passed through: as the source has them, one whole picture at a time, in the form that
//! payloaders and decoders take.
//!
//! ```text
//! h264parse ► h264timestamper ► capsfilter ► exit
//! ```
//! What the source has in a codec that cannot be passed through comes decoded: that it is so tells.

use crate::engine::elements::make;
use crate::engine::gop::begin_at_idr;
use crate::engine::state::{Coding, StreamError};
use gst::prelude::*;
use std::sync::{Arc, Mutex};

impl Coding {
    const ALL: [Self; 5] = [Self::H264, Self::H265, Self::Mjpeg, Self::Vp8, Self::Vp9];

    pub fn of(caps: &gst::CapsRef) -> Option<Self> {
        let name = caps.structure(0)?.name();
        Self::ALL.into_iter().find(|coding| coding.media_type() == name)
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::H264 => "video/x-h264",
            Self::H265 => "video/x-h265",
            Self::Mjpeg => "image/jpeg",
            Self::Vp8 => "video/x-vp8",
            Self::Vp9 => "video/x-vp9",
        }
    }

    fn parser(self) -> Option<&'static str> {
        match self {
            Self::H264 => Some("h264parse"),
            Self::H265 => Some("h265parse"),
            Self::Mjpeg => Some("jpegparse"),
            Self::Vp8 => None,
            Self::Vp9 => Some("vp9parse"),
        }
    }

    /// What says when pictures are decoded that are shown in another order, where the container does not.
    fn timestamper(self) -> Option<&'static str> {
        match self {
            Self::H264 => Some("h264timestamper"),
            Self::H265 => Some("h265timestamper"),
            Self::Mjpeg | Self::Vp8 | Self::Vp9 => None,
        }
    }

    /// Whole pictures, with the parameter sets among them.
    fn form(self) -> gst::Caps {
        let caps = gst::Caps::builder(self.media_type());
        match self {
            Self::H264 | Self::H265 => {
                caps.field("stream-format", "byte-stream").field("alignment", "au").build()
            }
            Self::Mjpeg | Self::Vp8 | Self::Vp9 => caps.build(),
        }
    }
}

/// What a decoder is not asked to decode.
pub fn caps() -> gst::Caps {
    Coding::ALL.into_iter().map(|coding| gst::Caps::new_empty_simple(coding.media_type())).collect()
}

/// Where coded pictures leave a source; what brings them comes and goes.
#[derive(Debug, Clone)]
pub struct Exit {
    bin: glib::WeakRef<gst::Bin>,
    exit: gst::Element,
    chain: Arc<Mutex<Vec<gst::Element>>>,
    /// They come when they do. Elements that look ahead would hold them up.
    is_live: bool,
}

impl Exit {
    pub fn new(bin: &gst::Bin, is_live: bool) -> Result<Self, StreamError> {
        let exit = make("identity", "exit")?;
        bin.add(&exit).map_err(StreamError::internal)?;
        begin_at_idr(&exit.static_pad("src").expect("identity has a source pad"));
        Ok(Self { bin: bin.downgrade(), exit, chain: Arc::default(), is_live })
    }

    /// What comes out.
    pub fn pad(&self) -> gst::Pad {
        self.exit.static_pad("src").expect("identity has a source pad")
    }

    fn sink(&self) -> gst::Pad {
        self.exit.static_pad("sink").expect("identity has a sink pad")
    }

    /// Takes what comes out of a pad, unless something else comes already.
    pub fn link(&self, pad: &gst::Pad) -> Result<(), StreamError> {
        let Some(bin) = self.bin.upgrade() else { return Ok(()) };
        let mut chain = self.chain.lock().unwrap();
        let first = chain.first().map_or_else(|| self.sink(), sink_of);
        if first.is_linked() {
            return Ok(());
        }
        // What came before was parsed by these.
        for element in chain.drain(..) {
            let _ = element.set_state(gst::State::Null);
            let _ = bin.remove(&element);
        }
        let elements = Coding::of(&super::caps_of(pad))
            .map(|coding| self.elements(coding))
            .transpose()?
            .unwrap_or_default();
        bin.add_many(&elements).map_err(StreamError::internal)?;
        let mut all = elements.clone();
        all.push(self.exit.clone());
        gst::Element::link_many(&all).map_err(StreamError::internal)?;
        for element in elements.iter().rev() {
            element.sync_state_with_parent().map_err(StreamError::internal)?;
        }
        *chain = elements;
        pad.link(&sink_of(&all[0])).map_err(StreamError::internal).map(drop)
    }

    fn elements(&self, coding: Coding) -> Result<Vec<gst::Element>, StreamError> {
        let mut elements = Vec::new();
        if let Some(parser) = coding.parser() {
            let parse = make(parser, "parse")?;
            if parse.has_property("config-interval") {
                // Whoever begins at a key frame has no other way to know them.
                parse.set_property("config-interval", -1i32);
            }
            elements.push(parse);
        }
        if let Some(timestamper) = coding.timestamper().filter(|_| !self.is_live) {
            elements.push(make(timestamper, "timestamps")?);
        }
        let form = make("capsfilter", "form")?;
        form.set_property("caps", coding.form());
        elements.push(form);
        Ok(elements)
    }
}

fn sink_of(element: &gst::Element) -> gst::Pad {
    element.static_pad("sink").expect("it has one sink pad")
}
