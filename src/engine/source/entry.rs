//! What comes and goes is linked to this: the connections of a relay, and those who publish. What they bring is put on
//! one line of time.
//!
//! ```text
//! pictures ► convert ► deinterlace ► turn       or, where they are passed through:  coded pictures ► exit
//! sound    ► tap
//! ```

use super::Wanted;
use super::coded::Exit;
use super::coded_line::CodedLine;
use super::steady::Steady;
use crate::engine::clock::take_segment;
use crate::engine::gop::Kept;
use crate::engine::sound::{self, Tap, Track};
use crate::engine::state::StreamError;
use gst::prelude::*;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// The elements that stay.
pub struct Entry {
    bin: gst::Bin,
    pictures: Pictures,
    sound: Option<SoundEntry>,
}

/// Where they come in.
#[derive(Clone)]
enum Pictures {
    Decoded(glib::WeakRef<gst::Pad>),
    Coded(Exit, Arc<Mutex<CodedLine>>),
}

/// Where sound comes in.
pub(super) struct SoundEntry {
    pub pad: gst::Pad,
    pub tap: Tap,
}

impl Entry {
    /// Without a track sound is not taken.
    pub fn new(wanted: Wanted, sound: Option<&Arc<Track>>) -> Result<Self, StreamError> {
        let bin = gst::Bin::with_name("source");
        match wanted {
            Wanted::Decoded => Self::decoded(bin, sound),
            Wanted::Coded => Self::coded(bin, sound),
        }
    }

    fn decoded(bin: gst::Bin, sound: Option<&Arc<Track>>) -> Result<Self, StreamError> {
        let chain = super::make_upright()?;
        bin.add_many(&chain).map_err(StreamError::internal)?;
        gst::Element::link_many(&chain).map_err(StreamError::internal)?;
        let [convert, _, turn] = chain;
        let end = turn.static_pad("src").expect("videoflip has a source pad");
        let pad = gst::GhostPad::with_target(&end).map_err(StreamError::internal)?;
        bin.add_pad(&pad).map_err(StreamError::internal)?;
        let line = Line::new();
        put_on_line(&pad, line.clone());
        let sound = sound.map(|track| add_sound(&bin, track, shift_of(line))).transpose()?;
        let pictures = convert.static_pad("sink").expect("videoconvert has a sink pad");
        Ok(Self { bin, pictures: Pictures::Decoded(pictures.downgrade()), sound })
    }

    fn coded(bin: gst::Bin, sound: Option<&Arc<Track>>) -> Result<Self, StreamError> {
        let exit = Exit::new(&bin, true)?;
        let pad = gst::GhostPad::with_target(&exit.pad()).map_err(StreamError::internal)?;
        bin.add_pad(&pad).map_err(StreamError::internal)?;
        let line = CodedLine::put_on(&pad);
        let shift = {
            let line = line.clone();
            move || line.lock().unwrap().shift()
        };
        let sound = sound.map(|track| add_sound(&bin, track, shift)).transpose()?;
        Ok(Self { bin, pictures: Pictures::Coded(exit, line), sound })
    }

    /// What it is linked to.
    pub fn wanted(&self) -> Wanted {
        match self.pictures {
            Pictures::Decoded(_) => Wanted::Decoded,
            Pictures::Coded(..) => Wanted::Coded,
        }
    }

    /// Says what comes first and is from before: whoever begins in the middle needs it.
    pub fn expect(&self, kept: Option<Kept>) {
        if let Pictures::Coded(_, line) = &self.pictures {
            line.lock().unwrap().expect(kept);
        }
    }

    pub fn bin(&self) -> &gst::Bin {
        &self.bin
    }

    pub fn takes_sound(&self) -> bool {
        self.sound.is_some()
    }

    /// Links what a decoder brings: the first picture, and the first sound where it is taken. `ended` is called when
    /// there are no more pictures, on a streaming thread.
    pub fn link(&self, decoder: &gst::Element, ended: impl Fn() + Clone + Send + Sync + 'static) {
        let pictures = self.pictures.clone();
        let sound = self.sound.as_ref().map(|sound| sound.pad.downgrade());
        decoder.connect_pad_added(move |_, pad| {
            if pad.direction() != gst::PadDirection::Src {
                return;
            }
            let is_sound = super::is_sound(pad);
            let ended = ended.clone();
            // The end of the pictures tells.
            let swallow = || {
                swallow_end(pad, move || {
                    if !is_sound {
                        ended();
                    }
                });
            };
            let entry = match (&pictures, is_sound) {
                (_, true) => sound.as_ref().and_then(glib::WeakRef::upgrade),
                (Pictures::Decoded(pictures), false) => pictures.upgrade(),
                (Pictures::Coded(exit, _), false) => {
                    swallow();
                    if let Err(reason) = exit.link(pad) {
                        tracing::warn!("not passed through: {reason}");
                    }
                    return;
                }
            };
            // A second picture has nowhere to go, and is not wanted.
            let Some(entry) = entry.filter(|entry| !entry.is_linked()) else { return };
            swallow();
            let _ = pad.link(&entry);
        });
    }

    /// To be called before something comes.
    pub fn open(&self) {
        if let Some(sound) = &self.sound {
            sound.tap.open();
        }
    }

    /// From now on sound is thrown away, and nobody waits here.
    pub fn close(&self) {
        if let Some(sound) = &self.sound {
            sound.tap.close();
        }
    }
}

/// The end of a connection is no end of the stream: it is told, and goes no further.
pub(super) fn swallow_end(pad: &gst::Pad, tell: impl Fn() + Send + Sync + 'static) {
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if info.event().is_some_and(|event| event.type_() == gst::EventType::Eos) {
            tell();
            return gst::PadProbeReturn::Drop;
        }
        gst::PadProbeReturn::Ok
    });
}

/// What the time stamps of a connection are read with.
pub(super) struct Line {
    steady: Steady,
    segment: gst::FormattedSegment<gst::ClockTime>,
    /// No picture of this connection has come yet.
    is_new: bool,
    /// From the connection's running time to where the last picture was placed, in nanoseconds; none before there
    /// was one.
    shift: Option<gst::ClockTimeDiff>,
}

impl Line {
    pub(super) fn new() -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            steady: Steady::default(),
            segment: gst::FormattedSegment::new(),
            is_new: true,
            shift: None,
        }))
    }
}

/// From a connection's running time to where its last picture was placed on this line, in nanoseconds.
pub(super) fn shift_of(line: Arc<Mutex<Line>>) -> impl Fn() -> Option<gst::ClockTimeDiff> + Send + Sync {
    move || line.lock().unwrap().shift
}

/// Sound is placed as the pictures of the same connection are: `shift` is from its running time to where its last picture
/// was placed, in nanoseconds.
pub(super) fn add_sound(
    bin: &gst::Bin,
    track: &Arc<Track>,
    shift: impl Fn() -> Option<gst::ClockTimeDiff> + Send + Sync + 'static,
) -> Result<SoundEntry, StreamError> {
    let place = move |running: gst::ClockTime| match shift() {
        Some(shift) => {
            let place = u64::try_from(running.nseconds() as i64 + shift).unwrap_or(0);
            sound::Place::At(gst::ClockTime::from_nseconds(place), None)
        }
        None => sound::Place::NotYet,
    };
    let tap = Tap::new(track, place, || ())?;
    Ok(SoundEntry { pad: tap.add_to(bin)?, tap })
}

/// Rewrites segments and time stamps.
pub(super) fn put_on_line(pad: &gst::GhostPad, line: Arc<Mutex<Line>>) {
    let start = Instant::now();
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |pad, info| {
        let mut line = line.lock().unwrap();
        match &mut info.data {
            Some(gst::PadProbeData::Event(event)) => {
                if event.type_() == gst::EventType::StreamStart {
                    line.is_new = true;
                    line.shift = None;
                } else if let Some(segment) = take_segment(event) {
                    line.segment = segment;
                }
            }
            Some(gst::PadProbeData::Buffer(buffer)) => {
                if std::mem::take(&mut line.is_new) {
                    line.steady.begin(is_live(pad.upcast_ref()));
                }
                let time = buffer.pts().and_then(|pts| line.segment.to_running_time(pts));
                let arrival = gst::ClockTime::try_from(start.elapsed()).unwrap_or_default();
                let Some(place) = line.steady.place(time, arrival) else {
                    return gst::PadProbeReturn::Drop;
                };
                if let Some(time) = time {
                    line.shift = Some(place.nseconds() as i64 - time.nseconds() as i64);
                }
                let buffer = buffer.make_mut();
                buffer.set_pts(place);
                buffer.set_dts(gst::ClockTime::NONE);
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

/// Whether what comes to this pad comes when it does, and not when it is taken.
fn is_live(pad: &gst::Pad) -> bool {
    let mut latency = gst::query::Latency::new();
    pad.query(&mut latency) && latency.result().0
}
