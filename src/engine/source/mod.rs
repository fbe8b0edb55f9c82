//! Where the pictures come from, one file a kind. A source is a bin with one ghost pad, `src`, that delivers
//! decoded pictures, as fast as they are taken, on a time line of its own that never jumps.

mod file;
mod pattern;
pub mod retry;

use super::state::StreamError;
use crate::config::{self, Rendition};
use std::sync::Arc;

/// What a source tells the thread that owns it, from any thread.
#[derive(Debug)]
pub enum Event {
    /// A file came to its end, or turned out to have no video: time to look after the playlist.
    Item { number: u64, end: ItemEnd },
}

/// How an item of a playlist came to its end.
#[derive(Debug)]
pub enum ItemEnd {
    Finished,
    /// It has video, and not one picture came out of it.
    NoPicture,
    NoVideo,
}

/// Called by a source on whichever thread something happens; it must not block.
pub type Notify = Arc<dyn Fn(Event) + Send + Sync>;

/// A running source. Owned by the stream's thread.
pub enum Source {
    Pattern(pattern::Pattern),
    File(file::Files),
}

impl Source {
    /// Makes the source's elements; nothing is opened before the pipeline starts, but a file that is not
    /// there is said at once.
    pub fn new(config: &config::Source, rendition: &Rendition, notify: Notify) -> Result<Self, StreamError> {
        match config {
            config::Source::Pattern(pattern) => pattern::Pattern::new(pattern, rendition).map(Self::Pattern),
            config::Source::File(files) => file::Files::new(files, notify).map(Self::File),
        }
    }

    pub fn bin(&self) -> &gst::Bin {
        match self {
            Self::Pattern(pattern) => pattern.bin(),
            Self::File(files) => files.bin(),
        }
    }

    /// The state in which a source costs nothing and keeps its place.
    pub const ASLEEP: gst::State = gst::State::Paused;

    /// To be called before the pipeline ends.
    pub fn shut_down(&mut self) {
        match self {
            Self::Pattern(_) => {}
            Self::File(files) => files.shut_down(),
        }
    }

    /// On the stream's thread, for each event that the source sent.
    pub fn handle(&mut self, event: Event) -> Result<(), StreamError> {
        match (self, event) {
            (Self::File(files), Event::Item { number, end }) => files.item_ended(number, end),
            (Self::Pattern(_), _) => Ok(()),
        }
    }

    /// An error message from inside the source's bin, and the decoder that GStreamer missed before, if any.
    /// `Ok`: the source goes on without what failed.
    pub fn failed(
        &mut self,
        error: &gst::message::Error,
        missing_plugin: Option<String>,
    ) -> Result<(), StreamError> {
        match self {
            Self::Pattern(_) => Err(StreamError::from_message(error)),
            Self::File(files) => files.item_failed(error, missing_plugin),
        }
    }
}
