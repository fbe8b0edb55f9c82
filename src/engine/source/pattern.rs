//! A test pattern: `videotestsrc ► format`, with a clock `► time ► frame number`, and with sound `audiotestsrc ► tap`.

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

/// Large enough to be read from a photograph of a small window. The element scales it with the picture, as that of
/// overlays.
const CLOCK_FONT: &str = "Monospace Bold 60";
/// Where the lines of the clock are, in shares of the picture's height.
const TIME_LINE: f64 = 0.35;
const FRAME_LINE: f64 = 0.65;

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
        let mut chain = vec![source, caps];
        if config.clock {
            chain.push(clock_line("buffer-time", TIME_LINE)?);
            chain.push(clock_line("buffer-offset", FRAME_LINE)?);
        }
        bin.add_many(&chain).map_err(StreamError::internal)?;
        gst::Element::link_many(&chain).map_err(StreamError::internal)?;
        let last = chain.last().expect("it has two elements at least");
        let end = last.static_pad("src").expect("each has a source pad");
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

/// A line of the clock. What it shows goes by the pattern's own time, so that it is right for its picture wherever
/// and whenever that is seen.
fn clock_line(time_mode: &str, height: f64) -> Result<gst::Element, StreamError> {
    let line = make("timeoverlay", time_mode)?;
    line.set_property_from_str("time-mode", time_mode);
    write_large(&line, height);
    Ok(line)
}

fn write_large(line: &gst::Element, height: f64) {
    line.set_property("font-desc", CLOCK_FONT);
    line.set_property("shaded-background", true);
    line.set_property_from_str("halignment", "center");
    line.set_property_from_str("valignment", "position");
    line.set_property("ypos", height);
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
    use super::*;
    use crate::config::PATTERNS;

    const SMALL: Rendition = Rendition {
        size: Size::Pixels { width: 320, height: 180 },
        frame_rate: FrameRate::Fixed { numerator: 10, denominator: 1 },
        codec: crate::config::Codec::Auto,
        bitrate: crate::config::Bitrate::Auto,
    };

    /// The brightness of the points of so many pictures.
    fn pictures(of: &impl IsA<gst::Element>, number: usize) -> Vec<Vec<u8>> {
        let sink = gst_app::AppSink::builder().sync(false).build();
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([of.upcast_ref::<gst::Element>(), sink.upcast_ref()]).unwrap();
        of.link(&sink).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let pictures = (0..number).map(|_| {
            let sample = sink.pull_sample().unwrap();
            let map = sample.buffer().unwrap().map_readable().unwrap();
            map[..320 * 180].to_vec()
        });
        let pictures = pictures.collect();
        pipeline.set_state(gst::State::Null).unwrap();
        pictures
    }

    fn black(clock: bool) -> gst::Bin {
        let config = PatternSource { clock, ..PatternSource::silent("black") };
        Pattern::new(&config, &SMALL, None).unwrap().bin().clone()
    }

    #[test]
    fn the_clock_has_the_milliseconds_and_the_number_of_its_frame() {
        gst::init().unwrap();
        let shown = pictures(&black(true), 13);
        for (frame, time) in [(0, "0:00:00.000"), (1, "0:00:00.100"), (12, "0:00:01.200")] {
            let written = gst::Bin::new();
            let lines = [(time, TIME_LINE), (&frame.to_string(), FRAME_LINE)].map(|(text, height)| {
                let line = make("textoverlay", text).unwrap();
                line.set_property("text", text);
                write_large(&line, height);
                line
            });
            let black = black(false);
            written.add_many([black.upcast_ref(), &lines[0], &lines[1]]).unwrap();
            gst::Element::link_many([black.upcast_ref(), &lines[0], &lines[1]]).unwrap();
            let end = lines[1].static_pad("src").unwrap();
            written.add_pad(&gst::GhostPad::with_target(&end).unwrap()).unwrap();
            assert!(shown[frame].iter().any(|point| *point > 200), "nothing is written");
            assert!(pictures(&written, 1)[0] == shown[frame], "frame {frame} does not say {time}");
        }
    }

    #[test]
    fn every_pattern_of_videotestsrc_can_be_configured_by_name() {
        gst::init().unwrap();
        let source = gst::ElementFactory::make("videotestsrc").build().unwrap();
        let class = glib::EnumClass::with_type(source.property_type("pattern").unwrap()).unwrap();
        let names: Vec<&str> = class.values().iter().map(glib::EnumValue::nick).collect();
        assert_eq!(names, PATTERNS);
    }
}
