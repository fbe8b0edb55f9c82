//! A camera of this computer. It is opened while somebody reads or looks, and its light is off otherwise. So is the
//! microphone beside it.

mod choice;
mod microphone;

use super::capture::Capture;
use super::{Event, Notify};
use crate::config::{CameraSource, Rendition};
use crate::engine::devices::{self, CAMERAS, Following, Found};
use crate::engine::sound::Track;
use crate::engine::state::{DeviceError, MicrophoneError, StreamError};
use gst::prelude::*;
use microphone::Microphone;
use std::sync::Arc;
use std::time::Instant;

/// A camera that is used.
pub struct Camera {
    capture: Capture,
    name: String,
    rendition: Rendition,
    microphone: Option<Microphone>,
    /// What is open.
    device: Option<gst::Device>,
    is_awake: bool,
    _following: Following,
}

impl Camera {
    /// Asks the user whether cameras may be used, where that is not known.
    /// Without a track its microphone is not opened.
    pub fn new(
        config: &CameraSource,
        rendition: &Rendition,
        sound: Option<&Arc<Track>>,
        notify: Notify,
    ) -> Result<Self, StreamError> {
        let capture = Capture::new(notify.clone())?;
        let microphone = match (&config.microphone, sound) {
            (Some(microphone), Some(track)) => {
                let (bin, line) = (capture.bin(), capture.line());
                Some(Microphone::new(microphone, bin, line, track, notify.clone())?)
            }
            _ => None,
        };
        let following = CAMERAS.follow(move || notify(Event::Cameras));
        CAMERAS.look();
        Ok(Self {
            capture,
            name: config.name.clone(),
            rendition: rendition.clone(),
            microphone,
            device: None,
            is_awake: false,
            _following: following,
        })
    }

    pub fn bin(&self) -> &gst::Bin {
        self.capture.bin()
    }

    /// Whether the user has to say first whether cameras may be used.
    pub fn is_asking(&self) -> bool {
        self.is_awake && self.device.is_none()
    }

    pub fn wake(&mut self) -> Result<(), StreamError> {
        self.is_awake = true;
        if let Some(microphone) = &mut self.microphone {
            microphone.wake()?;
        }
        self.open()
    }

    pub fn sleep(&mut self) {
        self.is_awake = false;
        self.device = None;
        self.capture.close();
        if let Some(microphone) = &mut self.microphone {
            microphone.sleep();
        }
    }

    pub fn has_microphone(&self) -> bool {
        self.microphone.is_some()
    }

    /// Whether its microphone is heard, and why not, once that is known.
    pub fn is_heard(&self) -> Option<Result<(), &MicrophoneError>> {
        self.microphone.as_ref()?.is_heard()
    }

    /// Other microphones are there than before.
    pub fn heard_of_microphones(&mut self) -> Result<(), StreamError> {
        self.microphone.as_mut().map_or(Ok(()), Microphone::look)
    }

    /// To be called now and then while it is awake.
    pub fn watch(&mut self, now: Instant) -> Result<(), StreamError> {
        self.microphone.as_mut().map_or(Ok(()), |microphone| microphone.watch(now))
    }

    /// Other cameras are there than before.
    pub fn looked(&mut self) -> Result<(), StreamError> {
        match (self.is_awake, &self.device) {
            (true, None) => self.open(),
            // What it does once it is unplugged differs by its driver.
            (true, Some(open)) => match self.find()? {
                Some(found) if !devices::is_same(open, &found.device) => {
                    Err(self.error(DeviceError::NotFound))
                }
                _ => Ok(()),
            },
            (false, _) => Ok(()),
        }
    }

    pub fn ended(&self, connection: u64) -> Result<(), StreamError> {
        match self.capture.is_present(connection) {
            true => Err(self.error(DeviceError::NotFound)),
            false => Ok(()),
        }
    }

    pub fn failed(
        &mut self,
        error: &gst::message::Error,
        missing_plugin: Option<String>,
    ) -> Result<(), StreamError> {
        if let (Some(source), Some(microphone)) = (error.src(), &mut self.microphone)
            && microphone.has(source)
        {
            microphone.failed(error);
            return Ok(());
        }
        Err(match missing_plugin {
            Some(description) => StreamError::MissingPlugin { description },
            None if error.src().is_some_and(|source| self.capture.has(source)) => {
                self.error(reason_of(error))
            }
            None => StreamError::from_message(error),
        })
    }

    fn find(&self) -> Result<Option<Found>, StreamError> {
        CAMERAS.find(&self.name).map_err(|reason| self.error(reason))
    }

    /// Opens the camera, once it is known which there are.
    fn open(&mut self) -> Result<(), StreamError> {
        let Some(Found { device, remote }) = self.find()? else { return Ok(()) };
        let source = device.create_element(Some("camera")).map_err(StreamError::internal)?;
        keep_to_target(&source);
        let caps = device.caps().and_then(|caps| choice::choose(&caps, &self.rendition));
        tracing::debug!("{}: {caps:?}", self.name);
        self.device = Some(device);
        self.capture.open(&source, caps.as_ref(), remote)
    }

    fn error(&self, reason: DeviceError) -> StreamError {
        StreamError::Camera { name: self.name.clone(), reason }
    }
}

/// Where the camera of a stream of PipeWire is unplugged, another one would be put in its place: nobody said that it
/// may be shown.
fn keep_to_target(source: &gst::Element) {
    if !source.has_property("stream-properties") {
        return;
    }
    let properties = gst::Structure::builder("props")
        .field("media.role", "Camera")
        .field("node.dont-reconnect", "true")
        .field("node.dont-fallback", "true")
        .build();
    source.set_property("stream-properties", properties);
    source.set_property("client-name", "Headwater");
    // It has few buffers, and the last picture is kept.
    source.set_property("always-copy", true);
}

fn reason_of(error: &gst::message::Error) -> DeviceError {
    let cause = error.error();
    let said = format!("{} {}", cause.message(), error.debug().unwrap_or_default()).to_lowercase();
    if cause.matches(gst::ResourceError::Busy) || said.contains("busy") {
        DeviceError::Busy
    } else if cause.matches(gst::ResourceError::NotFound) || said.contains("target not found") {
        DeviceError::NotFound
    } else if cause.matches(gst::ResourceError::NotAuthorized) || said.contains("permission denied") {
        DeviceError::Denied
    } else {
        DeviceError::Failed { message: cause.message().to_owned() }
    }
}
