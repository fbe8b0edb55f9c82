//! Geometry and frame rate: what comes from the source becomes what is served.
//!
//! ```text
//! videorate ► videoconvertscale ► capsfilter
//! ```
//! The rate comes first: a frame that is dropped need not be scaled.

use crate::config::{Codec, FrameRate, Rendition, Size};
use crate::engine::elements::make;
use crate::engine::state::{Coding, StreamError};
use gst::prelude::*;

/// For material of variable rate that is to be served "as the source delivers it": encoders plan by a rate.
pub const VARIABLE_RATE: (u32, u32) = (30, 1);

/// RTP carries the size of a JPEG picture in units of 8 pixels in one byte (RFC 2435, section 3.1.5).
const LARGEST_JPEG: u32 = 2040;

/// What is served, for as long as the stream is on: readers were told so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    pub coding: Coding,
    /// What it asks of decoders, where the source's own pictures were served first.
    pub profile: Option<Profile>,
    /// Pixels; both are even where the pictures are encoded here.
    pub width: u32,
    pub height: u32,
    /// Frames per second, as a fraction.
    pub frame_rate: (u32, u32),
    /// The size that was asked for, where it was odd.
    pub rounded_from: Option<(u32, u32)>,
}

/// Of H.264 (ITU-T H.264, Annex A), those that are encoded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Baseline,
    Main,
    High,
}

impl Profile {
    fn of(name: &str) -> Option<Self> {
        match name {
            "baseline" | "constrained-baseline" => Some(Self::Baseline),
            "main" => Some(Self::Main),
            "high" => Some(Self::High),
            _ => None,
        }
    }
}

/// Encoders take 4:2:0 pictures, whose sides are even.
pub fn even(side: u32) -> u32 {
    (side & !1).max(2)
}

#[cfg(test)]
impl Format {
    pub const HD: Self = Self {
        coding: Coding::H264,
        profile: None,
        width: 1280,
        height: 720,
        frame_rate: (25, 1),
        rounded_from: None,
    };
}

impl Format {
    /// The format of coded pictures that are passed through, where their caps say enough.
    pub fn of_coded(coding: Coding, caps: &gst::StructureRef) -> Option<Self> {
        let side = |name| caps.get::<i32>(name).ok().and_then(|side| u32::try_from(side).ok());
        let rate = caps.get::<gst::Fraction>("framerate").ok().filter(|rate| rate.numer() > 0);
        let frame_rate = rate.map_or(VARIABLE_RATE, |rate| (rate.numer() as u32, rate.denom() as u32));
        let profile = caps.get::<&str>("profile").ok().and_then(Profile::of);
        let (width, height) = (side("width")?, side("height")?);
        Some(Self { coding, profile, width, height, frame_rate, rounded_from: None })
    }

    /// Whether readers who were told this one can go on with the other.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.coding, self.width, self.height) == (other.coding, other.width, other.height)
    }

    /// The format for what a source delivers, where it is encoded here.
    pub fn new(rendition: &Rendition, source: &gst_video::VideoInfo) -> Self {
        let coding = match rendition.codec {
            Codec::Auto | Codec::H264 => Coding::H264,
            Codec::Mjpeg => Coding::Mjpeg,
        };
        let (width, height) = match rendition.size {
            Size::Pixels { width, height } => (width, height),
            Size::Source => fitting(square_pixels(source), coding),
        };
        let frame_rate = match rendition.frame_rate {
            FrameRate::Fixed { numerator, denominator } => (numerator, denominator),
            FrameRate::Source => match (source.fps().numer(), source.fps().denom()) {
                (numerator, denominator) if numerator > 0 => (numerator as u32, denominator as u32),
                _ => VARIABLE_RATE,
            },
        };
        let (even_width, even_height) = (even(width), even(height));
        Self {
            coding,
            profile: None,
            width: even_width,
            height: even_height,
            frame_rate,
            rounded_from: ((even_width, even_height) != (width, height)).then_some((width, height)),
        }
    }

    /// Caps of the pictures that are overlaid, previewed and encoded: 8 bit, 4:2:0, square pixels.
    pub fn caps(&self) -> gst::Caps {
        gst_video::VideoCapsBuilder::new()
            .format(gst_video::VideoFormat::I420)
            .width(even(self.width) as i32)
            .height(even(self.height) as i32)
            .framerate(gst::Fraction::new(self.frame_rate.0 as i32, self.frame_rate.1 as i32))
            .pixel_aspect_ratio(gst::Fraction::new(1, 1))
            .build()
    }
}

/// The size at which a source's pictures are seen as they are meant.
fn square_pixels(source: &gst_video::VideoInfo) -> (u32, u32) {
    let par = source.par();
    let width = u64::from(source.width()) * par.numer().max(1) as u64 / par.denom().max(1) as u64;
    (u32::try_from(width).unwrap_or(source.width()), source.height())
}

/// A size that the codec can carry, of the same shape.
fn fitting((width, height): (u32, u32), coding: Coding) -> (u32, u32) {
    let longest = width.max(height);
    if coding != Coding::Mjpeg || longest <= LARGEST_JPEG {
        return (width, height);
    }
    let scaled = |side: u32| even((u64::from(side) * u64::from(LARGEST_JPEG) / u64::from(longest)) as u32);
    (scaled(width), scaled(height))
}

/// The elements, in their order. The filter's caps are set when the source's format is known.
pub struct Picture {
    pub elements: [gst::Element; 3],
    pub filter: gst::Element,
}

pub fn make_picture() -> Result<Picture, StreamError> {
    let rate = make("videorate", "rate")?;
    let scale = make("videoconvertscale", "scale")?;
    // A picture of another shape gets borders; nobody looks longer or wider than they are.
    scale.set_property("add-borders", true);
    let filter = make("capsfilter", "format")?;
    Ok(Picture { elements: [rate, scale, filter.clone()], filter })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(width: u32, height: u32, fps: (i32, i32), par: (i32, i32)) -> gst_video::VideoInfo {
        gst::init().unwrap();
        gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height)
            .fps(gst::Fraction::new(fps.0, fps.1))
            .par(gst::Fraction::new(par.0, par.1))
            .build()
            .unwrap()
    }

    #[test]
    fn an_odd_size_is_rounded_and_told() {
        let rendition = Rendition { size: Size::Pixels { width: 641, height: 361 }, ..Rendition::default() };
        let format = Format::new(&rendition, &source(1280, 720, (25, 1), (1, 1)));
        assert_eq!((format.width, format.height), (640, 360));
        assert_eq!(format.rounded_from, Some((641, 361)));
    }

    #[test]
    fn size_and_rate_are_the_sources_unless_they_are_given() {
        let format = Format::new(&Rendition::default(), &source(1280, 720, (30000, 1001), (1, 1)));
        assert_eq!((format.width, format.height, format.frame_rate), (1280, 720, (30000, 1001)));
        assert_eq!(format.rounded_from, None);
    }

    #[test]
    fn pixels_become_square() {
        let format = Format::new(&Rendition::default(), &source(720, 576, (25, 1), (16, 11)));
        assert_eq!((format.width, format.height), (1046, 576));
    }

    #[test]
    fn variable_rate_gets_a_rate() {
        let format = Format::new(&Rendition::default(), &source(640, 360, (0, 1), (1, 1)));
        assert_eq!(format.frame_rate, VARIABLE_RATE);
    }

    #[test]
    fn a_picture_too_large_for_jpeg_over_rtp_is_scaled_in_its_shape() {
        let rendition = Rendition { codec: Codec::Mjpeg, ..Rendition::default() };
        let format = Format::new(&rendition, &source(3840, 2160, (25, 1), (1, 1)));
        assert_eq!((format.width, format.height), (2040, 1146));
    }
}
