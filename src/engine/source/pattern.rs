//! A test pattern: `videotestsrc ► format`.

use crate::config::{FrameRate, PatternSource, Rendition, Size};
use crate::engine::elements::make;
use crate::engine::pipeline::even;
use crate::engine::state::StreamError;
use gst::prelude::*;

/// A pattern has no size and rate of its own: these stand for "as the source delivers it".
const SIZE: (u32, u32) = (1280, 720);
const FRAME_RATE: (u32, u32) = (25, 1);

/// A pattern that runs.
#[derive(Debug)]
pub struct Pattern {
    bin: gst::Bin,
}

impl Pattern {
    /// The pattern is drawn at the size, rate and format it is served in: nothing has to be converted.
    pub fn new(config: &PatternSource, rendition: &Rendition) -> Result<Self, StreamError> {
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
        Ok(Self { bin })
    }

    pub fn bin(&self) -> &gst::Bin {
        &self.bin
    }
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
