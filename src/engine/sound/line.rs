//! The line of a stream's sound: it runs in real time while somebody listens, with or without a source.

use super::{Track, encode};
use crate::config::Sound;
use crate::engine::clock::TimeLine;
use crate::engine::elements::{end, make};
use crate::engine::feed::Feed;
use crate::engine::state::{SoundEncoding, StreamError};
use gst::prelude::*;
use std::sync::{Arc, Mutex};

/// A line that fell behind by so much leaves the time out: the computer slept, or cannot keep up.
const LATEST: gst::ClockTime = gst::ClockTime::from_mseconds(500);
/// A line that is ahead by so much was held up before it began, and catches up with a time that nobody heard.
const EARLIEST: gst::ClockTime = gst::ClockTime::from_mseconds(50);
/// How often the level is told.
const LEVEL_INTERVAL: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// What is heard now; nothing while there is no source.
pub type Slot = Arc<Mutex<Option<Arc<Track>>>>;

/// The pipeline.
#[derive(Debug)]
pub struct Line {
    pipeline: gst::Pipeline,
    volume: gst::Element,
    level: gst::Element,
    /// The feed's sink, while it is filled.
    feed: Option<gst::Element>,
}

impl Line {
    /// Starts it. With a feed sound is encoded; without, only the level is told. `lag` is how much later sound goes
    /// out than it is heard, so that what comes late from the source is still in it. `message` is called with every
    /// message, from streaming threads.
    pub fn start(
        encoding: &SoundEncoding,
        sound: &Sound,
        slot: Slot,
        lag: gst::ClockTime,
        feed: Option<&Feed>,
        time: &TimeLine,
        message: impl Fn(gst::Message) + Send + Sync + 'static,
    ) -> Result<Self, StreamError> {
        let pipeline = gst::Pipeline::with_name("sound");
        time.apply_to(&pipeline);
        pipeline.bus().expect("a pipeline has a bus").set_sync_handler(move |_, received| {
            message(received.clone());
            gst::BusSyncReply::Drop
        });
        let silence = make("audiotestsrc", "silence")?;
        silence.set_property("is-live", true);
        silence.set_property_from_str("wave", "silence");
        silence.set_property("samplesperbuffer", encode::frames(encoding) as i32);
        let format = make("capsfilter", "line-format")?;
        format.set_property("caps", encoding.format.caps());
        let volume = make("volume", "volume")?;
        let level = make("level", "level")?;
        level.set_property("interval", LEVEL_INTERVAL);
        level.set_property("post-messages", false);

        let mut elements = vec![silence, format.clone(), volume.clone(), level.clone()];
        let sink = match feed {
            Some(feed) => {
                elements.extend(encode::make_encode(encoding)?);
                feed.sound_sink().clone().upcast()
            }
            None => {
                let nowhere = make("fakesink", "nowhere")?;
                nowhere.set_property("async", false);
                nowhere
            }
        };
        elements.push(sink.clone());
        pipeline.add_many(&elements).map_err(StreamError::internal)?;
        let this = Self { pipeline, volume, level, feed: feed.map(|_| sink.clone()) };
        gst::Element::link_many(&elements).map_err(StreamError::internal)?;
        fill(&format.static_pad("src").expect("a capsfilter has a source pad"), encoding, slot, lag, time);
        // The feed's sink was used before, and ended.
        sink.set_locked_state(false);
        this.set(sound);
        this.pipeline.set_state(gst::State::Playing).map_err(StreamError::internal)?;
        Ok(this)
    }

    pub fn has(&self, source: &gst::Object) -> bool {
        source.has_as_ancestor(&self.pipeline)
    }

    pub fn is_encoding(&self) -> bool {
        self.feed.is_some()
    }

    /// Sets volume and mute; nobody notices but by ear.
    pub fn set(&self, sound: &Sound) {
        self.volume.set_property("volume", f64::from(sound.volume) / f64::from(Sound::AS_IT_IS));
        self.volume.set_property("mute", sound.mute);
    }

    /// Whether the level is told, as messages of the element.
    pub fn tell_level(&self, tell: bool) {
        self.level.set_property("post-messages", tell);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
        end(&self.pipeline);
        if let Some(sink) = &self.feed {
            end(sink);
            let _ = self.pipeline.remove(sink);
        }
    }
}

/// The loudest channel of a message of the level, in dBFS.
pub fn level_of(message: &gst::StructureRef) -> Option<f64> {
    let peaks = message.get::<glib::ValueArray>("peak").ok()?;
    peaks.iter().filter_map(|peak| peak.get::<f64>().ok()).reduce(f64::max)
}

/// Writes what the track has into the silence, and numbers it from now on: what the live source counts is its own.
fn fill(pad: &gst::Pad, encoding: &SoundEncoding, slot: Slot, lag: gst::ClockTime, time: &TimeLine) {
    let (format, time) = (encoding.format, time.clone());
    let next = Mutex::new(None::<u64>);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data else { return gst::PadProbeReturn::Ok };
        let now = format.frames(time.now().saturating_sub(lag));
        let mut next = next.lock().unwrap();
        // What describes a stream that sleeps is its first sound: none is as good as any, and older than nobody's.
        let is_first = next.is_none();
        let frame = next.filter(|frame| frame + format.frames(LATEST) > now).unwrap_or(now);
        if frame > now + format.frames(EARLIEST) {
            return gst::PadProbeReturn::Drop;
        }
        let buffer = buffer.make_mut();
        let frames = buffer.size() / (format.channels as usize * size_of::<i16>());
        *next = Some(frame + frames as u64);
        buffer.set_pts(format.time(frame));
        buffer.set_duration(format.time(frame + frames as u64) - format.time(frame));
        let track = slot.lock().unwrap().clone().filter(|_| !is_first);
        if let Some(track) = track.filter(|track| track.format() == format) {
            let mut samples = vec![0; frames * format.channels as usize];
            track.read(format.time(frame), &mut samples);
            if let Ok(mut map) = buffer.map_writable() {
                let (pairs, _) = map.as_chunks_mut::<2>();
                pairs.iter_mut().zip(samples).for_each(|(to, from)| *to = from.to_le_bytes());
            }
            buffer.unset_flags(gst::BufferFlags::GAP);
        }
        gst::PadProbeReturn::Ok
    });
}
