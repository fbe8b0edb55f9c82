//! Which of a camera's formats is taken: the one that is served, or a little more, with the least work.

use crate::config::{FrameRate, Rendition, Size};

/// What stands for "as the source delivers it": the common size of cameras, which most of them have at a rate that looks
/// smooth. Larger pictures are taken where larger ones are served.
const SIZE: (u32, u32) = (1280, 720);
const FRAME_RATE: (i32, i32) = (30, 1);

/// Pictures in these forms, the one that is least work first.
const FORMS: [&str; 3] = ["video/x-raw", "image/jpeg", "video/x-h264"];

/// One format of those that a camera has; none where nothing in them is known.
pub fn choose(offered: &gst::Caps, rendition: &Rendition) -> Option<gst::Caps> {
    let (width, height) = match rendition.size {
        Size::Source => SIZE,
        Size::Pixels { width, height } => (width, height),
    };
    let (numerator, denominator) = match rendition.frame_rate {
        FrameRate::Source => FRAME_RATE,
        FrameRate::Fixed { numerator, denominator } => (numerator as i32, denominator as i32),
    };
    let wanted = Wanted { width, height, rate: gst::Fraction::new(numerator, denominator) };
    let known = offered.iter_with_features().filter(|(_, features)| is_in_memory(features));
    let best = known.filter_map(|(format, _)| Candidate::new(format, &wanted)).min_by_key(Candidate::cost)?;
    Some(gst::Caps::builder_full().structure(best.format).build())
}

/// Not in the memory of a graphics card.
fn is_in_memory(features: &gst::CapsFeaturesRef) -> bool {
    !features.is_any() && features.is_equal(&gst::CAPS_FEATURES_MEMORY_SYSTEM_MEMORY)
}

struct Wanted {
    width: u32,
    height: u32,
    rate: gst::Fraction,
}

/// A format with its size and rate as near as can be to what is wanted.
struct Candidate {
    format: gst::Structure,
    form: usize,
    /// What is missing in pixels, and what is too much.
    missing: u64,
    surplus: u64,
    /// Frames in a thousand seconds that are missing.
    frames_missing: i64,
}

impl Candidate {
    fn new(format: &gst::StructureRef, wanted: &Wanted) -> Option<Self> {
        let form = FORMS.iter().position(|form| format.name() == *form)?;
        let mut format = format.to_owned();
        format.fixate_field_nearest_int("width", wanted.width as i32);
        format.fixate_field_nearest_int("height", wanted.height as i32);
        format.fixate_field_nearest_fraction("framerate", wanted.rate);
        let side = |name: &str| format.get::<i32>(name).ok().and_then(|side| u32::try_from(side).ok());
        let (width, height) = (side("width")?, side("height")?);
        // Without a rate, it is what comes.
        let rate = format.get::<gst::Fraction>("framerate").ok().filter(|rate| rate.numer() > 0);
        let missing = |wanted: u32, is: u32| u64::from(wanted.saturating_sub(is));
        let (wanted_pixels, pixels) = (area(wanted.width, wanted.height), area(width, height));
        let is_smaller = missing(wanted.width, width) + missing(wanted.height, height) > 0;
        Some(Self {
            form,
            missing: if is_smaller { wanted_pixels.saturating_sub(pixels).max(1) } else { 0 },
            surplus: pixels.saturating_sub(wanted_pixels),
            frames_missing: rate
                .map_or(0, |rate| (thousand_seconds(wanted.rate) - thousand_seconds(rate)).max(0)),
            format,
        })
    }

    /// A picture that is large enough, then one that moves as it should, then the least to do.
    fn cost(&self) -> (u64, i64, u64, usize) {
        (self.missing, self.frames_missing, self.surplus, self.form)
    }
}

fn area(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

fn thousand_seconds(rate: gst::Fraction) -> i64 {
    i64::from(rate.numer()) * 1000 / i64::from(rate.denom().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    /// As UVC cameras have them: raw pictures are slow where they are large.
    const WEBCAM: &str = "\
        video/x-raw, format=YUY2, width=1920, height=1080, framerate=5/1; \
        video/x-raw, format=YUY2, width=1280, height=720, framerate=10/1; \
        video/x-raw, format=YUY2, width=640, height=480, framerate={ (fraction)30/1, (fraction)15/1 }; \
        image/jpeg, width=1920, height=1080, framerate=30/1; \
        image/jpeg, width=1280, height=720, framerate={ (fraction)30/1, (fraction)15/1 }; \
        video/x-bayer, format=bggr, width=1280, height=720, framerate=60/1";

    fn chosen(offered: &str, size: Size, rate: Option<u32>) -> Option<String> {
        gst::init().unwrap();
        let frame_rate = match rate {
            Some(numerator) => FrameRate::Fixed { numerator, denominator: 1 },
            None => FrameRate::Source,
        };
        let rendition = Rendition { size, frame_rate, ..Rendition::default() };
        let caps = choose(&gst::Caps::from_str(offered).unwrap(), &rendition)?;
        let format = caps.structure(0).unwrap();
        let side = |name: &str| format.get::<i32>(name).unwrap();
        let rate = format.get::<gst::Fraction>("framerate").unwrap();
        Some(format!("{} {}x{} {}", format.name(), side("width"), side("height"), rate.numer()))
    }

    #[test]
    fn a_size_and_rate_is_taken_that_is_enough_and_no_more() {
        let pixels = |width, height| Size::Pixels { width, height };
        for (size, rate, expected) in [
            (Size::Source, None, "image/jpeg 1280x720 30"),
            (Size::Source, Some(10), "video/x-raw 1280x720 10"),
            (pixels(1920, 1080), Some(25), "image/jpeg 1920x1080 30"),
            (pixels(3840, 2160), None, "image/jpeg 1920x1080 30"),
            (pixels(640, 480), Some(15), "video/x-raw 640x480 15"),
            (pixels(320, 240), None, "video/x-raw 640x480 30"),
            (pixels(640, 360), Some(5), "video/x-raw 640x480 15"),
        ] {
            assert_eq!(chosen(WEBCAM, size, rate).as_deref(), Some(expected), "{size:?} {rate:?}");
        }
    }

    #[test]
    fn a_range_is_met_and_what_a_graphics_card_holds_is_left_out() {
        let range =
            "video/x-raw, format=NV12, width=[ 16, 4000 ], height=[ 16, 3000 ], framerate=[ 0/1, 60/1 ]";
        assert_eq!(chosen(range, Size::Source, None).as_deref(), Some("video/x-raw 1280x720 30"));
        let card = "video/x-raw(memory:DMABuf), format=NV12, width=1280, height=720, framerate=30/1";
        assert_eq!(chosen(card, Size::Source, None), None);
        assert_eq!(chosen("video/x-bayer, width=1280, height=720", Size::Source, None), None);
    }
}
