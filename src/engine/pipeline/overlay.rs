//! What is written into the picture. A bin whose insides are exchanged between two pictures, so that
//! overlays come, go and change while readers watch.

use super::tee::while_blocked;
use crate::config::{Overlay, Position};
use crate::engine::elements::{end, make};
use crate::engine::state::StreamError;
use gst::prelude::*;
use std::sync::Mutex;

/// ISO 8601 date and time, which no reader can mistake.
const CLOCK_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// The element scales it with the picture: 18 points are for a picture 640 pixels wide.
const FONT: &str = "Monospace 18";

/// The overlays of a stream.
#[derive(Debug)]
pub struct Overlays {
    bin: gst::Bin,
    /// `identity`, so that the bin has an inside even without an overlay.
    entry: gst::Element,
    exit: gst::GhostPad,
    shown: Mutex<Vec<(Overlay, gst::Element)>>,
}

impl Overlays {
    pub fn new(overlays: &[Overlay]) -> Result<Self, StreamError> {
        let bin = gst::Bin::with_name("overlays");
        let entry = make("identity", "overlay-entry")?;
        bin.add(&entry).map_err(StreamError::internal)?;
        let pad = |name| entry.static_pad(name).expect("identity has one sink and one source pad");
        bin.add_pad(&gst::GhostPad::with_target(&pad("sink")).map_err(StreamError::internal)?)
            .map_err(StreamError::internal)?;
        let exit = gst::GhostPad::with_target(&pad("src")).map_err(StreamError::internal)?;
        bin.add_pad(&exit).map_err(StreamError::internal)?;
        let this = Self { bin, entry, exit, shown: Mutex::default() };
        this.exchange(overlays)?;
        Ok(this)
    }

    pub fn bin(&self) -> &gst::Bin {
        &self.bin
    }

    /// Makes the picture carry these overlays. Where the kinds are the same as before, only their
    /// properties change. Waits for a picture that is under way.
    pub fn set(&self, overlays: &[Overlay]) -> Result<(), StreamError> {
        {
            let mut shown = self.shown.lock().unwrap();
            let same_kinds = shown.len() == overlays.len()
                && shown
                    .iter()
                    .zip(overlays)
                    .all(|((old, _), new)| std::mem::discriminant(old) == std::mem::discriminant(new));
            if same_kinds {
                for ((old, element), new) in shown.iter_mut().zip(overlays) {
                    if old != new {
                        configure(element, new);
                        *old = new.clone();
                    }
                }
                return Ok(());
            }
        }
        let entry = self.entry.static_pad("src").expect("identity has a source pad");
        while_blocked(&entry, || self.exchange(overlays))
    }

    fn exchange(&self, overlays: &[Overlay]) -> Result<(), StreamError> {
        let mut fresh = Vec::with_capacity(overlays.len());
        for (number, overlay) in overlays.iter().enumerate() {
            fresh.push((overlay.clone(), make_overlay(overlay, number)?));
        }
        let mut shown = self.shown.lock().unwrap();
        for (_, element) in shown.drain(..) {
            end(&element);
            let _ = self.bin.remove(&element);
        }
        // A pad that is a ghost pad's target cannot be linked.
        self.exit.set_target(None::<&gst::Pad>).map_err(StreamError::internal)?;
        let mut last = self.entry.clone();
        for (_, element) in &fresh {
            self.bin.add(element).map_err(StreamError::internal)?;
            last.link(element).map_err(StreamError::internal)?;
            last = element.clone();
        }
        let end = last.static_pad("src").expect("overlays have a source pad");
        self.exit.set_target(Some(&end)).map_err(StreamError::internal)?;
        for (_, element) in &fresh {
            element.sync_state_with_parent().map_err(StreamError::internal)?;
        }
        *shown = fresh;
        Ok(())
    }
}

fn make_overlay(overlay: &Overlay, number: usize) -> Result<gst::Element, StreamError> {
    let element = match overlay {
        Overlay::Clock(_) => make("clockoverlay", &format!("clock-{number}"))?,
        Overlay::Text(_) => make("textoverlay", &format!("text-{number}"))?,
    };
    element.set_property("shaded-background", true);
    element.set_property("font-desc", FONT);
    configure(&element, overlay);
    Ok(element)
}

fn configure(element: &gst::Element, overlay: &Overlay) {
    let position = match overlay {
        Overlay::Clock(clock) => {
            element.set_property("time-format", CLOCK_FORMAT);
            clock.position
        }
        Overlay::Text(text) => {
            // The element reads Pango markup; what the user wrote is meant as it stands.
            element.set_property("text", glib::markup_escape_text(&text.text).as_str());
            text.position
        }
    };
    let (horizontal, vertical) = alignment(position);
    element.set_property_from_str("halignment", horizontal);
    element.set_property_from_str("valignment", vertical);
}

fn alignment(position: Position) -> (&'static str, &'static str) {
    match position {
        Position::TopLeft => ("left", "top"),
        Position::Top => ("center", "top"),
        Position::TopRight => ("right", "top"),
        Position::Left => ("left", "center"),
        Position::Center => ("center", "center"),
        Position::Right => ("right", "center"),
        Position::BottomLeft => ("left", "bottom"),
        Position::Bottom => ("center", "bottom"),
        Position::BottomRight => ("right", "bottom"),
    }
}
