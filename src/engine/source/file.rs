//! Video files and pictures, one after the other, for ever, on a time line that never jumps.
//!
//! ```text
//! item 7: filesrc ► decodebin ─┬► videoconvert ► deinterlace ► videoflip ► fit ► still ─┐
//!                              └► tap, for the sound                                    │
//! item 8: filesrc ► decodebin ► …                                 (opened and waiting) ─┴► concat
//! ```
//! Where they are passed through, the pictures come out of `decodebin` as they are in the file: `coded` instead of
//! what follows it.
//!
//! `concat` lets an item begin where the one before ended, by running time, so that a loop is no jump.
//! An item that ended is replaced by the next but one; so one is always open and waiting, and the loop point
//! costs nothing. No seeking: it works with any container, and files of different kinds may follow each other.
//!
//! The sound of an item begins with its pictures and ends with them: what is longer is cut off, and what is shorter
//! is followed by silence. Otherwise it would be a little further off with each loop.

mod playlist;
mod reason;
mod still;

pub(super) use reason::readable;

use super::coded::Exit;
use super::{Event, ItemEnd, Notify, Wanted, wait_for_decoders};
use crate::config::{FileSource, FrameRate, Media, Rendition, Size};
use crate::engine::elements::{end, make};
use crate::engine::pipeline::VARIABLE_RATE;
use crate::engine::sound::{Place, Tap, Track};
use crate::engine::state::{Reencoded, StreamError};
use gst::prelude::*;
use playlist::Playlist;
use reason::reason_of;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use still::Still;

/// One is played and one waits.
const ITEMS_OPEN: usize = 2;
/// What a picture becomes at most where the size that is served is that of the source.
const LARGEST_PICTURE: (u32, u32) = (1920, 1080);

/// Files that are played.
pub struct Files {
    bin: gst::Bin,
    wanted: Wanted,
    concat: gst::Element,
    playlist: Playlist,
    still: Still,
    items: VecDeque<Item>,
    /// The number of the next item.
    next: u64,
    /// What failed since something was played: when that is all of a round, the source has failed.
    failed: BTreeSet<PathBuf>,
    sound: Option<Arc<Track>>,
    seams: Arc<Mutex<Seams>>,
    notify: Notify,
}

/// Where items begin and end on the time line of the source, as far as that is known.
#[derive(Debug, Default)]
struct Seams {
    /// By the pad of `concat` that they feed.
    items: BTreeMap<gst::Pad, Seam>,
    /// The pad of the item that is played.
    playing: Option<gst::Pad>,
}

#[derive(Debug, Default)]
struct Seam {
    /// Where its own time begins that `concat` was given.
    base: gst::ClockTime,
    start: Option<gst::ClockTime>,
    end: Option<gst::ClockTime>,
}

/// What of an item has not come to its end yet.
#[derive(Debug)]
struct Unfinished {
    pictures: Option<ItemEnd>,
    has_sound: bool,
}

/// A file that is open.
#[derive(Debug)]
struct Item {
    number: u64,
    location: PathBuf,
    bin: gst::Bin,
    /// The pad of `concat` that it feeds.
    pad: gst::Pad,
    tap: Option<Tap>,
    /// Whether there is sound in it, once that is known.
    has_sound: Option<bool>,
}

/// Where the pictures of an item go.
enum Pictures {
    Decoded(glib::WeakRef<gst::Pad>),
    Coded(Exit),
}

impl Pictures {
    fn link(&self, pad: &gst::Pad) {
        let linked = match self {
            Self::Decoded(sink) => {
                sink.upgrade().map_or(Ok(()), |sink| pad.link(&sink).map(drop).map_err(StreamError::internal))
            }
            Self::Coded(exit) => exit.link(pad),
        };
        if let Err(reason) = linked {
            tracing::warn!("{reason}");
        }
    }
}

impl Files {
    pub fn new(
        config: &FileSource,
        wanted: Wanted,
        rendition: &Rendition,
        sound: Option<&Arc<Track>>,
        from: Option<&Path>,
        notify: Notify,
    ) -> Result<Self, StreamError> {
        let concat = make("concat", "playlist")?;
        let bin = gst::Bin::with_name("source");
        bin.add(&concat).map_err(StreamError::internal)?;
        never_end(&concat);
        let end = concat.static_pad("src").expect("concat has a source pad");
        let pad = gst::GhostPad::with_target(&end).map_err(StreamError::internal)?;
        bin.add_pad(&pad).map_err(StreamError::internal)?;

        let seams = Arc::new(Mutex::new(Seams::default()));
        if let Some(sound) = sound {
            find_seams(&concat, seams.clone(), sound.clone());
        }
        let mut playlist = Playlist::new(config);
        if let Some(from) = from {
            playlist.begin_with(from);
        }
        let mut files = Self {
            bin,
            wanted,
            concat,
            playlist,
            still: still(config, rendition),
            items: VecDeque::new(),
            next: 0,
            failed: BTreeSet::new(),
            sound: sound.cloned(),
            seams,
            notify,
        };
        files.open_items()?;
        Ok(files)
    }

    pub fn bin(&self) -> &gst::Bin {
        &self.bin
    }

    /// The file that is played.
    pub fn playing(&self) -> Option<PathBuf> {
        self.items.front().map(|item| item.location.clone())
    }

    /// Whether there is sound, once that is known of the files that are open. One that was not opened yet may have
    /// some, unless it is a picture.
    pub fn has_sound(&self) -> Option<bool> {
        let mut told = self.playlist.round().iter().map(|location| {
            match self.items.iter().find(|item| item.location == *location) {
                Some(item) => item.has_sound,
                None => Some(!self.failed.contains(location) && Media::of(location) != Media::Picture),
            }
        });
        if told.clone().any(|one| one == Some(true)) {
            return Some(true);
        }
        told.all(|one| one.is_some()).then_some(false)
    }

    pub fn item_opened(&mut self, number: u64, has_sound: bool) {
        if let Some(item) = self.items.iter_mut().find(|item| item.number == number) {
            item.has_sound = Some(has_sound);
        }
    }

    pub fn item_ended(&mut self, number: u64, end: ItemEnd) -> Result<(), StreamError> {
        let Some(Item { location: path, .. }) = self.close(number) else { return Ok(()) };
        match end {
            ItemEnd::Finished => self.failed.clear(),
            ItemEnd::NoPicture => self.leave_out(
                path.clone(),
                StreamError::FileDamaged { path, message: "no picture in it can be decoded".into() },
            )?,
            ItemEnd::NoVideo => self.leave_out(path.clone(), StreamError::NoVideo { path })?,
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
        let reason = reason_of(error, missing_plugin, item.location.clone());
        self.leave_out(item.location, reason)?;
        self.open_items()
    }

    /// One file that fails is left out while another one plays; when all do, the source is lost.
    fn leave_out(&mut self, location: PathBuf, reason: StreamError) -> Result<(), StreamError> {
        self.failed.insert(location);
        if self.playlist.round().iter().all(|location| self.failed.contains(location)) {
            return Err(reason);
        }
        tracing::warn!("left out: {reason}");
        Ok(())
    }

    fn open_items(&mut self) -> Result<(), StreamError> {
        while self.items.len() < ITEMS_OPEN {
            let location = self.playlist.next()?;
            if let Err(reason) = readable(&location) {
                self.leave_out(location, reason)?;
                continue;
            }
            let item = self.open(self.next, location)?;
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
        // Subtitles are not decoded, and sound only where it is served.
        decode.set_property("expose-all-streams", false);
        decode.set_property("caps", super::taken(self.wanted, self.sound.is_some()));
        bin.add_many([&file, &decode]).expect("fresh elements");
        file.link(&decode).map_err(StreamError::internal)?;
        let (pictures, ghost) = match self.wanted {
            Wanted::Decoded => self.decoded_way(&bin, &decode)?,
            Wanted::Coded => {
                let exit = Exit::new(&bin, false)?;
                let ghost = gst::GhostPad::with_target(&exit.pad()).map_err(StreamError::internal)?;
                (Pictures::Coded(exit), ghost)
            }
        };
        bin.add_pad(&ghost).map_err(StreamError::internal)?;

        let pad = self.concat.request_pad_simple("sink_%u").expect("concat has request pads");
        let unfinished = Arc::new(Mutex::new(Unfinished { pictures: None, has_sound: false }));
        let tap = match &self.sound {
            Some(sound) => Some(self.tap(sound, &pad, number, unfinished.clone())?),
            None => None,
        };
        let sound_sink = tap.as_ref().map(|tap| tap.add_to(&bin)).transpose()?;
        let is_linked = Arc::new(AtomicBool::new(false));
        decode.connect_pad_added({
            let (is_linked, notify, unfinished) =
                (is_linked.clone(), self.notify.clone(), unfinished.clone());
            let sound_sink = sound_sink.as_ref().map(gst::Pad::downgrade);
            move |decode, pad| {
                if super::is_sound(pad) {
                    let sink = sound_sink.as_ref().and_then(glib::WeakRef::upgrade);
                    // A second sound in the file has nowhere to go, and is not wanted; nor is a second picture.
                    if let Some(sink) = sink.filter(|sink| !sink.is_linked()) {
                        unfinished.lock().unwrap().has_sound = true;
                        let _ = pad.link(&sink);
                    }
                } else if !is_linked.swap(true, Ordering::Relaxed) {
                    match &pictures {
                        Pictures::Coded(_) if is_of_picture(decode) => {
                            notify(Event::Unfit(Reencoded::Stills));
                        }
                        pictures => pictures.link(pad),
                    }
                }
            }
        });
        decode.connect_no_more_pads({
            let (notify, unfinished) = (self.notify.clone(), unfinished.clone());
            move |_| {
                if !is_linked.load(Ordering::Relaxed) {
                    return notify(Event::Item { number, end: ItemEnd::NoVideo });
                }
                let has_sound = unfinished.lock().unwrap().has_sound;
                notify(Event::Opened { number, has_sound });
            }
        });
        ghost.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, {
            let (notify, seams, pad) = (self.notify.clone(), self.seams.clone(), pad.clone());
            let seen = AtomicBool::new(false);
            move |_, info| {
                match &info.data {
                    Some(gst::PadProbeData::Buffer(_)) => seen.store(true, Ordering::Relaxed),
                    Some(gst::PadProbeData::Event(event)) => match event.view() {
                        gst::EventView::Segment(segment) => {
                            let base = gst::ClockTime::from_nseconds(segment.segment().base().value() as u64);
                            seams.lock().unwrap().items.entry(pad.clone()).or_default().base = base;
                        }
                        gst::EventView::Eos(_) => {
                            let finished = seen.load(Ordering::Relaxed);
                            let end = if finished { ItemEnd::Finished } else { ItemEnd::NoPicture };
                            let mut unfinished = unfinished.lock().unwrap();
                            if unfinished.has_sound {
                                unfinished.pictures = Some(end);
                            } else {
                                notify(Event::Item { number, end });
                            }
                        }
                        _ => {}
                    },
                    _ => {}
                }
                gst::PadProbeReturn::Ok
            }
        });
        self.bin.add(&bin).map_err(StreamError::internal)?;
        ghost.link(&pad).map_err(StreamError::internal)?;
        bin.sync_state_with_parent().map_err(StreamError::internal)?;
        Ok(Item { number, location, bin, pad, tap, has_sound: None })
    }

    /// What decoded pictures of an item go through, and where they leave it.
    fn decoded_way(
        &self,
        bin: &gst::Bin,
        decode: &gst::Element,
    ) -> Result<(Pictures, gst::GhostPad), StreamError> {
        let [convert, deinterlace, turn] = super::make_upright()?;
        // They do nothing but for files of pictures.
        let (fit, size) = (make("videoconvertscale", "fit")?, make("capsfilter", "fit-size")?);
        let chain = [&convert, &deinterlace, &turn, &fit, &size];
        bin.add_many(chain).map_err(StreamError::internal)?;
        gst::Element::link_many(chain).map_err(StreamError::internal)?;
        fit_pictures(decode, &fit, &size, self.still);
        let ghost = self.still.exit(&size.static_pad("src").expect("a capsfilter has a source pad"))?;
        let sink = convert.static_pad("sink").expect("videoconvert has a sink pad");
        Ok((Pictures::Decoded(sink.downgrade()), ghost))
    }

    /// For the sound of the item that feeds the pad.
    fn tap(
        &self,
        track: &Arc<Track>,
        pad: &gst::Pad,
        number: u64,
        unfinished: Arc<Mutex<Unfinished>>,
    ) -> Result<Tap, StreamError> {
        let (seams, pad, notify) = (self.seams.clone(), pad.clone(), self.notify.clone());
        let place = move |running: gst::ClockTime| match seams.lock().unwrap().items.get(&pad) {
            Some(Seam { start: Some(start), end, .. }) => Place::At(*start + running, *end),
            _ => Place::NotYet,
        };
        Tap::new(track, place, move || {
            let mut unfinished = unfinished.lock().unwrap();
            unfinished.has_sound = false;
            if let Some(end) = unfinished.pictures.take() {
                notify(Event::Item { number, end });
            }
        })
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
        if let Some(tap) = &item.tap {
            tap.close();
        }
        // Releasing the pad first wakes an item that waits in `concat`: its streaming thread can then stop.
        self.concat.release_request_pad(&item.pad);
        // libav's decoders fail hard when they are ended in the middle of their last picture.
        wait_for_decoders(&item.bin);
        end(&item.bin);
        let _ = self.bin.remove(&item.bin);
        self.seams.lock().unwrap().items.remove(&item.pad);
        Some(item)
    }
}

fn still(config: &FileSource, rendition: &Rendition) -> Still {
    Still {
        time: gst::ClockTime::from_seconds(config.picture_seconds.into()),
        frame_rate: match rendition.frame_rate {
            FrameRate::Fixed { numerator, denominator } => (numerator, denominator),
            FrameRate::Source => VARIABLE_RATE,
        },
        largest: match rendition.size {
            Size::Pixels { width, height } => (width, height),
            Size::Source => LARGEST_PICTURE,
        },
    }
}

/// Has large pictures scaled before they are shown again and again. The exact size is set, also where nothing is to be
/// done: what is asked for from behind, such as by a preview, would be taken otherwise.
fn fit_pictures(decode: &gst::Element, fit: &gst::Element, size: &gst::Element, still: Still) {
    let (decode, size) = (decode.downgrade(), size.downgrade());
    let pad = fit.static_pad("sink").expect("videoconvertscale has a sink pad");
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(event) = info.event()
            && let gst::EventView::Caps(caps) = event.view()
            && let Ok(picture) = gst_video::VideoInfo::from_caps(caps.caps())
            && let (Some(decode), Some(size)) = (decode.upgrade(), size.upgrade())
        {
            let fitted = if is_of_picture(&decode) { still.fitted(&picture) } else { None };
            let (width, height) = fitted.unwrap_or((picture.width(), picture.height()));
            let par = if fitted.is_some() { gst::Fraction::new(1, 1) } else { picture.par() };
            let caps = gst::Caps::builder("video/x-raw").any_features().field("width", width as i32);
            let caps = caps.field("height", height as i32).field("pixel-aspect-ratio", par);
            size.set_property("caps", caps.build());
        }
        gst::PadProbeReturn::Ok
    });
}

/// Whether what is decoded is a file of a picture, whatever its name.
fn is_of_picture(decode: &gst::Element) -> bool {
    let found = decode.downcast_ref::<gst::Bin>().and_then(|decode| decode.by_name("typefind"));
    let caps = found.and_then(|found| found.property::<Option<gst::Caps>>("caps"));
    caps.is_some_and(|caps| caps.structure(0).is_some_and(|kind| kind.name().starts_with("image/")))
}

/// Notes where `concat` lets each item begin, and so where the one before ended.
fn find_seams(concat: &gst::Element, seams: Arc<Mutex<Seams>>, sound: Arc<Track>) {
    let pad = concat.static_pad("src").expect("concat has a source pad");
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |pad, info| {
        if let Some(event) = info.event()
            && let gst::EventView::Segment(segment) = event.view()
            && let Some(playing) =
                pad.parent_element().and_then(|concat| concat.property::<Option<gst::Pad>>("active-pad"))
        {
            let base = gst::ClockTime::from_nseconds(segment.segment().base().value() as u64);
            let seams = &mut *seams.lock().unwrap();
            let seam = seams.items.entry(playing.clone()).or_default();
            let start = base.saturating_sub(seam.base);
            // One file can have several segments, and begins once.
            if seam.start.is_none() {
                seam.start = Some(start);
                let before = seams.playing.replace(playing).and_then(|before| seams.items.get_mut(&before));
                if let Some(before) = before {
                    before.end = Some(start);
                }
                sound.cut(sound.format().frames(start));
                sound.wake();
            }
        }
        gst::PadProbeReturn::Ok
    });
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
