//! Where the pictures come from, one file a kind. A source is a bin with one ghost pad, `src`, that delivers
//! pictures, decoded or as it has them, as fast as they are taken, on a time line of its own that never jumps. Its
//! sound, if it is asked for, it writes to a track, at the time of its pictures.

mod apart;
mod camera;
mod capture;
mod coded;
mod coded_line;
mod custom;
mod entry;
mod file;
mod pattern;
mod published;
mod relay;
pub mod retry;
mod screen;
mod slate;
mod steady;

pub use custom::check as check_pipeline;

use super::elements::make;
use super::ingest::Ingest;
use super::pipeline::Format;
use super::sound::Track;
use super::state::{CustomError, MicrophoneError, Reencoded, RelayError, StreamError};
use crate::config::{self, Password, Rendition};
use gst::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// How pictures are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Decoded,
    /// As the source has them, to be passed through: of a codec that cannot be they come decoded all the same.
    Coded,
}

/// What a source tells the thread that owns it, from any thread.
#[derive(Debug)]
pub enum Event {
    /// It was found out whether a file has sound.
    Opened { number: u64, has_sound: bool },
    /// A file came to its end, or turned out to have no video: time to look after the playlist.
    Item { number: u64, end: ItemEnd },
    /// What a connection brings came to its end.
    Ended { connection: u64 },
    /// Other cameras are there than before.
    Cameras,
    /// Other microphones are there than before.
    Microphones,
    /// Of a screen that is shared.
    Screen(screen::Answer),
    /// A user's own pipeline came to its end.
    PipelineEnded,
    /// Its pictures cannot be passed through.
    Unfit(Reencoded),
    /// It was found out why a connection failed.
    Lost { connection: u64, reason: RelayError },
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
    Relay(relay::Relay),
    Camera(camera::Camera),
    Screen(screen::Screen),
    Custom(custom::Custom),
    Published(published::Published),
    /// In the place of one that is lost.
    Slate(slate::Slate),
}

impl Source {
    /// Makes the source's elements; nothing is opened before the pipeline starts, but a file that is not
    /// there is said at once, and where nobody publishes. `password` is that of a relay, or what stands for a screen.
    /// Without a track sound is not even decoded. `from` is the file of a playlist to begin with.
    #[expect(clippy::too_many_arguments, reason = "each kind needs others of them")]
    pub fn new(
        config: &config::Source,
        wanted: Wanted,
        rendition: &Rendition,
        password: Option<&Password>,
        sound: Option<&Arc<Track>>,
        ingest: &Ingest,
        from: Option<PathBuf>,
        notify: Notify,
    ) -> Result<Self, StreamError> {
        match config {
            config::Source::Pattern(pattern) => {
                pattern::Pattern::new(pattern, rendition, sound).map(Self::Pattern)
            }
            config::Source::File(files) => {
                file::Files::new(files, wanted, rendition, sound, from.as_deref(), notify).map(Self::File)
            }
            config::Source::Relay(relay) => {
                relay::Relay::new(relay, wanted, password, sound, notify).map(Self::Relay)
            }
            config::Source::Camera(camera) => {
                camera::Camera::new(camera, rendition, sound, notify).map(Self::Camera)
            }
            config::Source::Screen(screen) => screen::Screen::new(screen, password, notify).map(Self::Screen),
            config::Source::Custom(custom) => custom::Custom::new(custom, notify).map(Self::Custom),
            config::Source::Published(_) => {
                published::Published::new(wanted, ingest, sound).map(Self::Published)
            }
        }
    }

    /// What is shown while a source is lost, since this moment: see [`slate::Slate::new`].
    pub fn slate(
        config: &config::Slate,
        last: Option<&gst::Buffer>,
        format: &Format,
        since: &glib::DateTime,
    ) -> Result<Self, StreamError> {
        slate::Slate::new(config, last, format, since).map(Self::Slate)
    }

    pub fn bin(&self) -> &gst::Bin {
        match self {
            Self::Slate(slate) => slate.bin(),
            Self::Pattern(pattern) => pattern.bin(),
            Self::File(files) => files.bin(),
            Self::Relay(relay) => relay.bin(),
            Self::Camera(camera) => camera.bin(),
            Self::Screen(screen) => screen.bin(),
            Self::Custom(custom) => custom.bin(),
            Self::Published(published) => published.bin(),
        }
    }

    /// Whether it has sound, once that is known.
    pub fn has_sound(&self) -> Option<bool> {
        match self {
            Self::Screen(_) | Self::Custom(_) | Self::Slate(_) => Some(false),
            Self::Camera(camera) => Some(camera.has_microphone()),
            Self::Pattern(pattern) => Some(pattern.has_sound()),
            Self::File(files) => files.has_sound(),
            Self::Relay(relay) => relay.has_sound(),
            Self::Published(published) => Some(published.has_sound()),
        }
    }

    /// Whether the user was asked something that has to be answered before there can be a picture.
    pub fn is_asking(&self) -> bool {
        match self {
            Self::Camera(camera) => camera.is_asking(),
            Self::Screen(screen) => screen.is_asking(),
            _ => false,
        }
    }

    /// Whether the microphone beside it is heard, and why not, once that is known.
    pub fn microphone(&self) -> Option<Result<(), &MicrophoneError>> {
        match self {
            Self::Camera(camera) => camera.is_heard(),
            _ => None,
        }
    }

    /// What stands for the screen that the user chose, once.
    pub fn take_token(&mut self) -> Option<Password> {
        match self {
            Self::Screen(screen) => screen.take_token(),
            _ => None,
        }
    }

    /// The state in which a source costs nothing and keeps its place.
    pub const ASLEEP: gst::State = gst::State::Paused;

    /// To be called after the pipeline was started or woken.
    pub fn wake(&mut self) -> Result<(), StreamError> {
        match self {
            Self::Pattern(_) | Self::File(_) | Self::Custom(_) | Self::Slate(_) => Ok(()),
            Self::Relay(relay) => relay.wake(),
            Self::Published(published) => published.wake(),
            Self::Camera(camera) => camera.wake(),
            Self::Screen(screen) => {
                screen.wake();
                Ok(())
            }
        }
    }

    /// To be called before the pipeline goes to sleep.
    pub fn sleep(&mut self) {
        match self {
            Self::Pattern(_) | Self::File(_) | Self::Custom(_) | Self::Slate(_) => {}
            Self::Relay(relay) => relay.sleep(),
            Self::Camera(camera) => camera.sleep(),
            Self::Screen(screen) => screen.sleep(),
            Self::Published(published) => published.sleep(),
        }
    }

    /// Whether what comes after a sleep goes on from what came before.
    pub fn goes_on_after_sleep(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// The file that is played, where files are.
    pub fn playing(&self) -> Option<PathBuf> {
        match self {
            Self::File(files) => files.playing(),
            _ => None,
        }
    }

    /// To be called now and then while it is awake.
    pub fn watch(&mut self, now: Instant) -> Result<(), StreamError> {
        match self {
            Self::Camera(camera) => camera.watch(now),
            _ => Ok(()),
        }
    }

    /// Whether what it shows is still sent, where it comes from a publisher.
    pub fn is_up_to_date(&self, ingest: &Ingest) -> bool {
        match self {
            Self::Published(published) => published.is_of(ingest),
            _ => true,
        }
    }

    /// To be called before the pipeline ends.
    pub fn shut_down(&mut self) {
        match self {
            Self::Custom(_) | Self::Slate(_) => {}
            Self::Pattern(pattern) => pattern.shut_down(),
            Self::File(files) => files.shut_down(),
            Self::Relay(relay) => relay.sleep(),
            Self::Published(published) => published.sleep(),
            Self::Camera(camera) => camera.sleep(),
            Self::Screen(screen) => screen.shut_down(),
        }
    }

    /// On the stream's thread, for each event that the source sent.
    pub fn handle(&mut self, event: Event) -> Result<(), StreamError> {
        match (self, event) {
            (Self::File(files), Event::Opened { number, has_sound }) => {
                files.item_opened(number, has_sound);
                Ok(())
            }
            (Self::File(files), Event::Item { number, end }) => files.item_ended(number, end),
            (Self::Relay(relay), Event::Ended { connection }) => relay.ended(connection),
            (Self::Camera(camera), Event::Cameras) => camera.looked(),
            (Self::Camera(camera), Event::Microphones) => camera.heard_of_microphones(),
            (Self::Camera(camera), Event::Ended { connection }) => camera.ended(connection),
            (Self::Screen(screen), Event::Screen(answer)) => screen.answered(answer),
            (Self::Screen(screen), Event::Ended { connection }) => {
                screen.ended(connection);
                Ok(())
            }
            (Self::Custom(_), Event::PipelineEnded) => {
                Err(StreamError::Custom { reason: CustomError::Ended })
            }
            (Self::Relay(relay), Event::Lost { connection, reason }) => relay.found_out(connection, reason),
            _ => Ok(()),
        }
    }

    /// What can be chosen from is known.
    pub fn offered(&mut self, streams: &gst::StreamCollection) -> Result<(), StreamError> {
        match self {
            Self::Relay(relay) => relay.offered(streams),
            _ => Ok(()),
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
            Self::Pattern(_) | Self::Slate(_) => Err(StreamError::from_message(error)),
            Self::Custom(_) | Self::Published(_) => Err(match missing_plugin {
                Some(description) => StreamError::MissingPlugin { description },
                None => StreamError::from_message(error),
            }),
            Self::Camera(camera) => camera.failed(error, missing_plugin),
            Self::Screen(screen) => screen.failed(error),
            Self::File(files) => files.item_failed(error, missing_plugin),
            Self::Relay(relay) => relay.failed(error, missing_plugin),
        }
    }
}

/// What a decoder is asked for: pictures, and sound where it is served.
fn taken(wanted: Wanted, with_sound: bool) -> gst::Caps {
    let mut caps = gst::Caps::builder("video/x-raw").any_features().build();
    if wanted == Wanted::Coded {
        caps.merge(coded::caps());
    }
    if with_sound {
        caps.merge(gst::Caps::builder("audio/x-raw").any_features().build());
    }
    caps
}

/// What a decoder's pad brings, also before it brings it.
fn caps_of(pad: &gst::Pad) -> gst::Caps {
    pad.current_caps().unwrap_or_else(|| pad.query_caps(None))
}

/// What makes decoded pictures of any format whole and upright. The last two do nothing unless the pictures say that they
/// are interlaced, or turned, as those of a telephone.
fn make_upright() -> Result<[gst::Element; 3], StreamError> {
    let turn = make("videoflip", "turn")?;
    turn.set_property_from_str("video-direction", "auto");
    Ok([make("videoconvert", "convert")?, make("deinterlace", "deinterlace")?, turn])
}

/// Whether a decoder's pad brings sound, and not pictures.
fn is_sound(pad: &gst::Pad) -> bool {
    caps_of(pad).structure(0).is_some_and(|caps| caps.name().starts_with("audio/"))
}

/// Returns when no decoder works on a picture. What it delivers must have nowhere to go any more.
fn wait_for_decoders(bin: &gst::Bin) {
    let is_decoder = |element: &gst::Element| {
        element.factory().is_some_and(|factory| factory.has_type(gst::ElementFactoryType::DECODER))
    };
    for decoder in bin.iterate_recurse().into_iter().flatten().filter(is_decoder) {
        for pad in decoder.sink_pads() {
            drop(pad.stream_lock());
        }
    }
}
