//! The microphone beside a camera. It is open while the camera is awake; one that is away is silence, and the pictures go on.
//!
//! ```text
//! microphone-3: pulsesrc ► format ► queue ─► tap
//! ```
//! The sound server converts what the device brings, whatever that is, and knows when it was heard: by that it is put
//! beside the pictures.

use super::super::apart::Apart;
use super::super::entry::{Line, SoundEntry, add_sound, shift_of, swallow_end};
use super::super::{Event, Notify};
use crate::config;
use crate::engine::devices::{self, Following, Found, MICROPHONES};
use crate::engine::elements::make;
use crate::engine::sound::Track;
use crate::engine::state::{DeviceError, MicrophoneError, StreamError};
use gst::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One that cannot be opened is tried again so much later. It is asked on this computer, and costs next to nothing.
const RETRY: Duration = Duration::from_secs(2);
/// A sound server that brings nothing for so long is stuck: from a microphone in a silent room comes silence.
const STUCK: Duration = Duration::from_secs(5);
/// The newest sound that is kept, in nanoseconds, while no picture says where it belongs.
const KEPT: u64 = 500_000_000;
/// What a sound server has not brought that is behind by more was lost, and what comes then is of now: in microseconds.
const BEHIND: i64 = 50_000;
/// What the sound server calls that which this computer plays.
const OF_MONITORS: &str = ".monitor";

/// The place of a microphone.
pub struct Microphone {
    config: config::Microphone,
    bin: gst::Bin,
    sound: SoundEntry,
    track: Arc<Track>,
    open: Option<Open>,
    /// The number of the next one.
    next: u64,
    is_awake: bool,
    /// Whether it is heard, and why not, once that is known.
    heard: Option<Result<(), MicrophoneError>>,
    retry_at: Option<Instant>,
    _following: Following,
}

struct Open {
    device: gst::Device,
    apart: Apart,
    /// Something came since it was last looked at.
    brings: Arc<AtomicBool>,
    brought_at: Instant,
    /// The sound server has put what this computer plays in its place, which nobody gets to hear.
    plays_back: Arc<AtomicBool>,
}

impl Microphone {
    /// In this source, whose pictures are put on this line.
    pub fn new(
        config: &config::Microphone,
        bin: &gst::Bin,
        line: Arc<Mutex<Line>>,
        track: &Arc<Track>,
        notify: Notify,
    ) -> Result<Self, StreamError> {
        let following = MICROPHONES.follow(move || notify(Event::Microphones));
        MICROPHONES.look();
        Ok(Self {
            config: config.clone(),
            bin: bin.clone(),
            sound: add_sound(bin, track, shift_of(line))?,
            track: track.clone(),
            open: None,
            next: 0,
            is_awake: false,
            heard: None,
            retry_at: None,
            _following: following,
        })
    }

    /// Whether it is heard, and why not, once that is known.
    pub fn is_heard(&self) -> Option<Result<(), &MicrophoneError>> {
        match &self.heard {
            Some(Ok(())) => Some(Ok(())),
            Some(Err(reason)) => Some(Err(reason)),
            None => None,
        }
    }

    /// Whether this is a part of what is open.
    pub fn has(&self, object: &gst::Object) -> bool {
        self.open.as_ref().is_some_and(|open| open.apart.has(object))
    }

    pub fn wake(&mut self) -> Result<(), StreamError> {
        self.is_awake = true;
        self.look()
    }

    pub fn sleep(&mut self) {
        self.is_awake = false;
        self.retry_at = None;
        self.close();
    }

    /// Other microphones are there than before, or the time has come to try again.
    pub fn look(&mut self) -> Result<(), StreamError> {
        if !self.is_awake {
            return Ok(());
        }
        match self.find() {
            Err(reason) => self.lost(reason.into()),
            Ok(Some(found)) if !self.is_open(&found.device) => {
                self.retry_at = None;
                self.open(found.device)?;
            }
            Ok(_) => {}
        }
        Ok(())
    }

    /// To be called now and then while it is awake.
    pub fn watch(&mut self, now: Instant) -> Result<(), StreamError> {
        if let Some(open) = &mut self.open {
            if open.brings.swap(false, Ordering::AcqRel) {
                open.brought_at = now;
                self.heard = Some(Ok(()));
            } else if open.plays_back.load(Ordering::Acquire) {
                open.brought_at = now;
                self.heard = Some(Err(MicrophoneError::PlaysBack));
            } else if now - open.brought_at > STUCK {
                self.lost(MicrophoneError::Stuck);
            }
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            MICROPHONES.look_again();
            return self.look();
        }
        Ok(())
    }

    pub fn failed(&mut self, error: &gst::message::Error) {
        // What is unplugged fails, too.
        let reason = self.find().err().unwrap_or_else(|| super::reason_of(error));
        self.lost(reason.into());
    }

    fn find(&self) -> Result<Option<Found>, DeviceError> {
        match &self.config {
            config::Microphone::Auto => MICROPHONES.find_any(),
            config::Microphone::Name(name) => MICROPHONES.find(name),
        }
    }

    /// Where the sound server chooses, it goes on by itself.
    fn is_open(&self, device: &gst::Device) -> bool {
        self.open.as_ref().is_some_and(|open| {
            self.config == config::Microphone::Auto || devices::is_same(&open.device, device)
        })
    }

    fn lost(&mut self, reason: MicrophoneError) {
        self.close();
        // Of one that is plugged in it is told.
        self.retry_at = (reason != DeviceError::NotFound.into()).then(|| Instant::now() + RETRY);
        self.heard = Some(Err(reason));
    }

    fn open(&mut self, device: gst::Device) -> Result<(), StreamError> {
        self.close();
        let number = self.next;
        self.next += 1;
        let source = device.create_element(Some("microphone")).map_err(StreamError::internal)?;
        let plays_back = set_up(&source, &self.config);
        let format = make("capsfilter", "microphone-format")?;
        format.set_property("caps", self.track.format().caps());
        // Who captures must not wait.
        let queue = make("queue", "microphone-queue")?;
        queue.set_property_from_str("leaky", "downstream");
        queue.set_property("max-size-time", KEPT);
        let bin = gst::Bin::with_name(&format!("microphone-{number}"));
        let chain = [&source, &format, &queue];
        bin.add_many(chain).map_err(StreamError::internal)?;
        gst::Element::link_many(chain).map_err(StreamError::internal)?;
        let end = queue.static_pad("src").expect("a queue has a source pad");
        let end = gst::GhostPad::with_target(&end).map_err(StreamError::internal)?;
        // It ends where it fails, and then says so.
        swallow_end(end.upcast_ref(), || ());
        bin.add_pad(&end).map_err(StreamError::internal)?;
        let brings = Arc::<AtomicBool>::default();
        let (brought, withheld) = (brings.clone(), plays_back.clone());
        let pad = format.static_pad("src").expect("a capsfilter has a source pad");
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            if withheld.load(Ordering::Acquire) {
                return gst::PadProbeReturn::Drop;
            }
            brought.store(true, Ordering::Release);
            gst::PadProbeReturn::Ok
        });
        self.sound.tap.open();
        let apart = Apart::add(&self.bin, bin)?;
        end.link(&self.sound.pad).map_err(StreamError::internal)?;
        apart.start(&[gst::State::Playing])?;
        self.open = Some(Open { device, apart, brings, brought_at: Instant::now(), plays_back });
        Ok(())
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.sound.tap.close();
            open.apart.close(&self.bin, ());
        }
    }
}

/// Says whether what this computer plays is in the place of a microphone that nobody named.
fn set_up(source: &gst::Element, config: &config::Microphone) -> Arc<AtomicBool> {
    source.set_property("client-name", "Headwater");
    source.set_property("buffer-time", BEHIND);
    let plays_back = Arc::<AtomicBool>::default();
    match config {
        config::Microphone::Auto => {
            source.set_property("device", None::<&str>);
            let plays = plays_back.clone();
            source.connect_notify(Some("current-device"), move |source, _| {
                let device = source.property::<Option<String>>("current-device");
                plays.store(device.is_some_and(|device| device.ends_with(OF_MONITORS)), Ordering::Release);
            });
        }
        // Where it is unplugged, another one would be put in its place: nobody said that it may be heard.
        config::Microphone::Name(_) => {
            let properties = gst::Structure::builder("props")
                .field("node.dont-reconnect", "true")
                .field("node.dont-fallback", "true")
                .build();
            source.set_property("stream-properties", properties);
        }
    }
    plays_back
}
