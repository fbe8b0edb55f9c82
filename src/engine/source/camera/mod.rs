//! A camera of this computer. It is opened while somebody reads or looks, and its light is off otherwise.

mod choice;

use super::capture::Capture;
use super::{Event, Notify};
use crate::config::{CameraSource, Rendition};
use crate::engine::cameras::{self, Following, Found};
use crate::engine::state::{CameraError, StreamError};
use gst::prelude::*;

/// A camera that is used.
pub struct Camera {
    capture: Capture,
    name: String,
    rendition: Rendition,
    /// What is open.
    device: Option<gst::Device>,
    is_awake: bool,
    _following: Following,
}

impl Camera {
    /// Asks the user whether cameras may be used, where that is not known.
    pub fn new(config: &CameraSource, rendition: &Rendition, notify: Notify) -> Result<Self, StreamError> {
        let capture = Capture::new(notify.clone())?;
        let following = cameras::follow(move || notify(Event::Cameras));
        cameras::look();
        Ok(Self {
            capture,
            name: config.name.clone(),
            rendition: rendition.clone(),
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
        self.open()
    }

    pub fn sleep(&mut self) {
        self.is_awake = false;
        self.device = None;
        self.capture.close();
    }

    /// Other cameras are there than before.
    pub fn looked(&mut self) -> Result<(), StreamError> {
        match (self.is_awake, &self.device) {
            (true, None) => self.open(),
            // What it does once it is unplugged differs by its driver.
            (true, Some(open)) => match self.find()? {
                Some(found) if !cameras::is_same(open, &found.device) => {
                    Err(self.error(CameraError::NotFound))
                }
                _ => Ok(()),
            },
            (false, _) => Ok(()),
        }
    }

    pub fn ended(&self, connection: u64) -> Result<(), StreamError> {
        match self.capture.is_present(connection) {
            true => Err(self.error(CameraError::NotFound)),
            false => Ok(()),
        }
    }

    pub fn failed(&self, error: &gst::message::Error, missing_plugin: Option<String>) -> StreamError {
        if let Some(description) = missing_plugin {
            return StreamError::MissingPlugin { description };
        }
        if !error.src().is_some_and(|source| self.capture.has(source)) {
            return StreamError::from_message(error);
        }
        self.error(reason_of(error))
    }

    fn find(&self) -> Result<Option<Found>, StreamError> {
        cameras::find(&self.name).map_err(|reason| self.error(reason))
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

    fn error(&self, reason: CameraError) -> StreamError {
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

fn reason_of(error: &gst::message::Error) -> CameraError {
    let cause = error.error();
    let said = format!("{} {}", cause.message(), error.debug().unwrap_or_default()).to_lowercase();
    if cause.matches(gst::ResourceError::Busy) || said.contains("busy") {
        CameraError::Busy
    } else if cause.matches(gst::ResourceError::NotFound) || said.contains("target not found") {
        CameraError::NotFound
    } else if cause.matches(gst::ResourceError::NotAuthorized) || said.contains("permission denied") {
        CameraError::Denied
    } else {
        CameraError::Failed { message: cause.message().to_owned() }
    }
}
