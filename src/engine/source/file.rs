//! Video files, one after the other, for ever, on a time line that never jumps.
//!
//! ```text
//! item 7: filesrc ► decodebin ► videoconvert ► deinterlace ► videoflip ─┐
//! item 8: filesrc ► decodebin ► …                (opened and waiting) ─┴► concat
//! ```
//! `concat` lets an item begin where the one before ended, by running time, so that a loop is no jump.
//! An item that ended is replaced by the next but one; so one is always open and waiting, and the loop point
//! costs nothing. No seeking: it works with any container, and files of different kinds may follow each other.

use super::{Event, ItemEnd, Notify, wait_for_decoders};
use crate::config::FileSource;
use crate::engine::elements::{end, make};
use crate::engine::state::StreamError;
use gst::prelude::*;
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// One is played and one waits.
const ITEMS_OPEN: usize = 2;

/// Files that are played.
pub struct Files {
    bin: gst::Bin,
    concat: gst::Element,
    locations: Vec<PathBuf>,
    items: VecDeque<Item>,
    /// The number of the next item. Item n plays location n modulo their count.
    next: u64,
    /// How many items failed one after the other: when it is all of them, the source has failed.
    failures: usize,
    notify: Notify,
}

/// A file that is open.
#[derive(Debug)]
struct Item {
    number: u64,
    location: PathBuf,
    bin: gst::Bin,
    /// The pad of `concat` that it feeds.
    pad: gst::Pad,
}

impl Files {
    pub fn new(config: &FileSource, notify: Notify) -> Result<Self, StreamError> {
        let concat = make("concat", "playlist")?;
        let bin = gst::Bin::with_name("source");
        bin.add(&concat).map_err(StreamError::internal)?;
        never_end(&concat);
        let end = concat.static_pad("src").expect("concat has a source pad");
        let pad = gst::GhostPad::with_target(&end).map_err(StreamError::internal)?;
        bin.add_pad(&pad).map_err(StreamError::internal)?;

        let mut files = Self {
            bin,
            concat,
            locations: config.locations.clone(),
            items: VecDeque::new(),
            next: 0,
            failures: 0,
            notify,
        };
        files.open_items()?;
        Ok(files)
    }

    pub fn bin(&self) -> &gst::Bin {
        &self.bin
    }

    pub fn item_ended(&mut self, number: u64, end: ItemEnd) -> Result<(), StreamError> {
        let Some(item) = self.close(number) else { return Ok(()) };
        match end {
            ItemEnd::Finished => self.failures = 0,
            ItemEnd::NoPicture => self.count_failure(StreamError::FileDamaged {
                path: item.location,
                message: "no picture in it can be decoded".into(),
            })?,
            ItemEnd::NoVideo => self.count_failure(StreamError::NoVideo { path: item.location })?,
        }
        self.open_items()
    }

    pub fn item_failed(
        &mut self,
        error: &gst::message::Error,
        missing_plugin: Option<String>,
    ) -> Result<(), StreamError> {
        let Some(source) = error.src() else { return Err(StreamError::from_message(error)) };
        let Some(number) =
            self.items.iter().find(|item| source.has_as_ancestor(&item.bin)).map(|item| item.number)
        else {
            return Err(StreamError::from_message(error));
        };
        let Some(item) = self.close(number) else { return Ok(()) };
        let reason = reason_of(error, missing_plugin, item.location);
        self.count_failure(reason)?;
        self.open_items()
    }

    /// One file that fails is left out while another one plays; when all do, the source is lost.
    fn count_failure(&mut self, reason: StreamError) -> Result<(), StreamError> {
        self.failures += 1;
        if self.failures >= self.locations.len() {
            return Err(reason);
        }
        tracing::warn!("left out: {reason}");
        Ok(())
    }

    fn open_items(&mut self) -> Result<(), StreamError> {
        while self.items.len() < ITEMS_OPEN {
            let location = &self.locations[self.next as usize % self.locations.len()];
            if let Err(reason) = readable(location) {
                self.next += 1;
                self.count_failure(reason)?;
                continue;
            }
            let item = self.open(self.next, location.clone())?;
            self.items.push_back(item);
            self.next += 1;
        }
        Ok(())
    }

    fn open(&self, number: u64, location: PathBuf) -> Result<Item, StreamError> {
        let bin = gst::Bin::with_name(&format!("item-{number}"));
        let file = make("filesrc", "file")?;
        file.set_property("location", &location);
        let decode = make("decodebin", "decode")?;
        // Sound and subtitles are not decoded.
        decode.set_property("expose-all-streams", false);
        let pictures = gst::Caps::builder("video/x-raw").any_features().build();
        decode.set_property("caps", pictures);
        // Where the next two do not know the format; 10 bit and all common ones they do.
        let convert = make("videoconvert", "convert")?;
        // Both do nothing unless the file says it is interlaced, or was filmed with the telephone upright.
        let deinterlace = make("deinterlace", "deinterlace")?;
        let turn = make("videoflip", "turn")?;
        turn.set_property_from_str("video-direction", "auto");
        bin.add_many([&file, &decode, &convert, &deinterlace, &turn]).expect("fresh elements");
        file.link(&decode).map_err(StreamError::internal)?;
        gst::Element::link_many([&convert, &deinterlace, &turn]).map_err(StreamError::internal)?;

        let ghost = gst::GhostPad::with_target(&turn.static_pad("src").expect("videoflip has a source pad"))
            .map_err(StreamError::internal)?;
        bin.add_pad(&ghost).map_err(StreamError::internal)?;

        let sink = convert.static_pad("sink").expect("videoconvert has a sink pad");
        decode.connect_pad_added({
            let sink = sink.downgrade();
            move |_, pad| {
                // A second picture in the file has nowhere to go, and is not wanted.
                if let Some(sink) = sink.upgrade().filter(|sink| !sink.is_linked()) {
                    let _ = pad.link(&sink);
                }
            }
        });
        decode.connect_no_more_pads({
            let (sink, notify) = (sink.downgrade(), self.notify.clone());
            move |_| {
                if sink.upgrade().is_some_and(|sink| !sink.is_linked()) {
                    notify(Event::Item { number, end: ItemEnd::NoVideo });
                }
            }
        });
        ghost.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, {
            let notify = self.notify.clone();
            let seen = AtomicBool::new(false);
            move |_, info| {
                match &info.data {
                    Some(gst::PadProbeData::Buffer(_)) => seen.store(true, Ordering::Relaxed),
                    Some(gst::PadProbeData::Event(event)) if event.type_() == gst::EventType::Eos => {
                        let end =
                            if seen.load(Ordering::Relaxed) { ItemEnd::Finished } else { ItemEnd::NoPicture };
                        notify(Event::Item { number, end });
                    }
                    _ => {}
                }
                gst::PadProbeReturn::Ok
            }
        });

        let pad = self.concat.request_pad_simple("sink_%u").expect("concat has request pads");
        self.bin.add(&bin).map_err(StreamError::internal)?;
        ghost.link(&pad).map_err(StreamError::internal)?;
        bin.sync_state_with_parent().map_err(StreamError::internal)?;
        Ok(Item { number, location, bin, pad })
    }

    /// Closes every item.
    pub fn shut_down(&mut self) {
        while let Some(number) = self.items.front().map(|item| item.number) {
            self.close(number);
        }
    }

    fn close(&mut self, number: u64) -> Option<Item> {
        let place = self.items.iter().position(|item| item.number == number)?;
        let item = self.items.remove(place)?;
        // Releasing the pad first wakes an item that waits in `concat`: its streaming thread can then stop.
        self.concat.release_request_pad(&item.pad);
        // libav's decoders fail hard when they are ended in the middle of their last picture.
        wait_for_decoders(&item.bin);
        end(&item.bin);
        let _ = self.bin.remove(&item.bin);
        Some(item)
    }
}

/// Keeps the end of an item from ending the stream, when it ends before the next one is open: the pad
/// resumes with that one.
fn never_end(concat: &gst::Element) {
    let pad = concat.static_pad("src").expect("concat has a source pad");
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, |_, info| {
        if info.event().is_some_and(|event| event.type_() == gst::EventType::Eos) {
            return gst::PadProbeReturn::Drop;
        }
        gst::PadProbeReturn::Ok
    });
}

/// Says at once what GStreamer would say later and less plainly.
pub(super) fn readable(path: &Path) -> Result<(), StreamError> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => StreamError::FileMissing { path: path.into() },
        _ => {
            // "Permission denied (os error 13)": the number says nothing to anybody.
            let mut message = error.to_string();
            message.truncate(message.find(" (os error").unwrap_or(message.len()));
            StreamError::FileUnreadable { path: path.into(), message }
        }
    };
    let metadata = File::open(path).and_then(|file| file.metadata()).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
    }
    if metadata.len() == 0 {
        return Err(StreamError::FileEmpty { path: path.into() });
    }
    Ok(())
}

/// `missing_plugin` is the decoder of a picture that GStreamer missed, if it did.
fn reason_of(error: &gst::message::Error, missing_plugin: Option<String>, path: PathBuf) -> StreamError {
    let cause = error.error();
    let message = cause.message().to_owned();
    let no_decoder =
        cause.matches(gst::CoreError::MissingPlugin) || cause.matches(gst::StreamError::CodecNotFound);
    match missing_plugin {
        Some(description) => StreamError::MissingPlugin { description },
        // The decoder of its sound is not wanted; there is nothing else in it.
        None if no_decoder => StreamError::NoVideo { path },
        None if cause.matches(gst::ResourceError::NotFound) => StreamError::FileMissing { path },
        None if cause.is::<gst::ResourceError>() => StreamError::FileUnreadable { path, message },
        None => StreamError::FileDamaged { path, message },
    }
}
