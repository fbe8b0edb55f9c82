//! A test pattern: `videotestsrc ► format`, and with sound `audiotestsrc ► tap`.

use crate::config::{FrameRate, PatternSound, PatternSource, Rendition, Size};
use crate::engine::elements::make;
use crate::engine::pipeline::even;
use crate::engine::sound::{Place, Tap, Track};
use crate::engine::state::StreamError;
use gst::prelude::*;
use std::sync::Arc;

/// A pattern has no size and rate of its own: these stand for "as the source delivers it".
const SIZE: (u32, u32) = (1280, 720);
const FRAME_RATE: (u32, u32) = (25, 1);

/// Not so loud that one who forgot about it is hurt.
const VOLUME: f64 = 0.25;

/// A pattern that runs.
#[derive(Debug)]
pub struct Pattern {
    bin: gst::Bin,
    tap: Option<Tap>,
    has_sound: bool,
}

impl Pattern {
    /// The pattern is drawn at the size, rate and format it is served in: nothing has to be converted.
    pub fn new(
        config: &PatternSource,
        rendition: &Rendition,
        sound: Option<&Arc<Track>>,
    ) -> Result<Self, StreamError> {
        let source = make("videotestsrc", "pattern")?;
        source.set_property_from_str("pattern", &config.pattern);
        let (width, height) = match rendition.size {
            Size::Source => SIZE,
            Size::Pixels { width, height } => (even(width), even(height)),
        };
        let (numerator, denominator) = match rendition.frame_rate {
            FrameRate::Source => FRAME_RATE,
            FrameRate::Fixed { numerator, denominator } => (numerator, denominator),
        };
        let caps = make("capsfilter", "pattern-format")?;
        caps.set_property(
            "caps",
            gst_video::VideoCapsBuilder::new()
                .format(gst_video::VideoFormat::I420)
                .width(width as i32)
                .height(height as i32)
                .framerate(gst::Fraction::new(numerator as i32, denominator as i32))
                .build(),
        );
        let bin = gst::Bin::with_name("source");
        bin.add_many([&source, &caps]).map_err(StreamError::internal)?;
        source.link(&caps).map_err(StreamError::internal)?;
        let end = caps.static_pad("src").expect("a capsfilter has a source pad");
        let pad = gst::GhostPad::with_target(&end).map_err(StreamError::internal)?;
        bin.add_pad(&pad).map_err(StreamError::internal)?;
        let wave = match config.sound {
            PatternSound::Silence => None,
            PatternSound::Sine => Some("sine"),
            PatternSound::Ticks => Some("ticks"),
        };
        let tap = match (wave, sound) {
            (Some(wave), Some(sound)) => Some(add_sound(&bin, wave, sound)?),
            _ => None,
        };
        Ok(Self { bin, tap, has_sound: wave.is_some() })
    }

    pub fn bin(&self) -> &gst::Bin {
        &self.bin
    }

    pub fn has_sound(&self) -> bool {
        self.has_sound
    }

    /// Frees who waits in the sound.
    pub fn shut_down(&self) {
        if let Some(tap) = &self.tap {
            tap.close();
        }
    }
}

fn add_sound(bin: &gst::Bin, wave: &str, track: &Arc<Track>) -> Result<Tap, StreamError> {
    let source = make("audiotestsrc", "pattern-sound")?;
    source.set_property_from_str("wave", wave);
    source.set_property("volume", VOLUME);
    // Both count from zero.
    let tap = Tap::new(track, |running| Place::At(running, None), || ())?;
    bin.add(&source).map_err(StreamError::internal)?;
    let sink = tap.add_to(bin)?;
    let pad = source.static_pad("src").expect("audiotestsrc has a source pad");
    pad.link(&sink).map_err(StreamError::internal)?;
    Ok(tap)
}

#[cfg(test)]
mod tests {
    use crate::config::PATTERNS;
    use gst::prelude::*;

    #[test]
    fn every_pattern_of_videotestsrc_can_be_configured_by_name() {
        gst::init().unwrap();
        let source = gst::ElementFactory::make("videotestsrc").build().unwrap();
        let class = glib::EnumClass::with_type(source.property_type("pattern").unwrap()).unwrap();
        let names: Vec<&str> = class.values().iter().map(glib::EnumValue::nick).collect();
        assert_eq!(names, PATTERNS);
    }
}
