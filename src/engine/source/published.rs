//! What a program sends into the stream over RTSP.
//!
//! ```text
//! publication ─┬► appsrc ► decodebin ─┬► entry
//!              └► appsrc ► decodebin ─┘
//! ```
//! The decoders are there only while the source is awake.

use super::entry::Entry;
use super::{Wanted, wait_for_decoders};
use crate::engine::elements::{end, make};
use crate::engine::gop::Kept;
use crate::engine::ingest::{Ingest, PICTURES, Publication, SOUND};
use crate::engine::sound::Track;
use crate::engine::state::StreamError;
use gst::prelude::*;
use gst_app::{AppLeakyType, AppSrc};
use std::sync::Arc;

/// Bytes that wait for a decoder that cannot keep up.
const MOST_WAITING: u64 = 32_000_000;

/// What one publisher sends.
pub struct Published {
    entry: Entry,
    publication: Arc<Publication>,
    /// While it is awake.
    decoders: Vec<gst::Element>,
}

impl Published {
    pub fn new(wanted: Wanted, ingest: &Ingest, sound: Option<&Arc<Track>>) -> Result<Self, StreamError> {
        let publication = ingest.current().ok_or(StreamError::NotPublished)?;
        Ok(Self { entry: Entry::new(wanted, sound)?, publication, decoders: Vec::new() })
    }

    pub fn bin(&self) -> &gst::Bin {
        self.entry.bin()
    }

    pub fn has_sound(&self) -> bool {
        self.publication.has_sound
    }

    /// Whether this is what is sent now.
    pub fn is_of(&self, ingest: &Ingest) -> bool {
        ingest.current().is_some_and(|current| Arc::ptr_eq(&current, &self.publication))
    }

    pub fn wake(&mut self) -> Result<(), StreamError> {
        if !self.decoders.is_empty() {
            return Ok(());
        }
        self.entry.open();
        let kept = self.publication.kept();
        self.entry.expect(kept);
        let pictures = self.add_decoder("pictures", kept)?;
        self.publication.attach(PICTURES, &pictures);
        if self.has_sound() && self.entry.takes_sound() {
            let sound = self.add_decoder("sound", None)?;
            self.publication.attach(SOUND, &sound);
        }
        Ok(())
    }

    /// What is kept and decoded here is not shown: it may be from before a pause.
    fn add_decoder(&mut self, name: &str, kept: Option<Kept>) -> Result<AppSrc, StreamError> {
        let source = AppSrc::builder()
            .name(format!("published-{name}"))
            .is_live(true)
            .format(gst::Format::Time)
            .max_bytes(MOST_WAITING)
            .leaky_type(AppLeakyType::Downstream)
            .build();
        let decode = make("decodebin", &format!("decode-{name}"))?;
        decode.set_property("caps", super::taken(self.entry.wanted(), true));
        if let (Some(kept), Wanted::Decoded) = (kept, self.entry.wanted()) {
            decode.connect_pad_added(move |_, pad| kept.leave_out(pad));
        }
        // Who publishes does not end the stream: that is told otherwise.
        self.entry.link(&decode, || ());
        let bin = self.entry.bin();
        bin.add_many([source.upcast_ref(), &decode]).map_err(StreamError::internal)?;
        source.link(&decode).map_err(StreamError::internal)?;
        self.decoders.extend([source.clone().upcast(), decode.clone()]);
        for element in [&decode, source.upcast_ref()] {
            // It does not wait until all of the pipeline plays: that waits for its first picture.
            element.set_locked_state(true);
            element.set_state(gst::State::Playing).map_err(StreamError::internal)?;
        }
        Ok(source)
    }

    pub fn sleep(&mut self) {
        self.publication.detach();
        self.entry.close();
        for element in self.decoders.drain(..) {
            let _ = self.entry.bin().remove(&element);
            if let Some(bin) = element.downcast_ref::<gst::Bin>() {
                wait_for_decoders(bin);
            }
            end(&element);
        }
    }
}
