//! A pipeline of the user's own.
//!
//! ```text
//! what the user wrote ► decodebin ► convert ► deinterlace
//! ```
//! Whatever it brings, raw or encoded, live or not, is decoded and put on a time line that only rises.

use super::entry::{Line, put_on_line};
use super::{Event, Notify};
use crate::config::CustomSource;
use crate::engine::elements::make;
use crate::engine::state::{CustomError, StreamError};
use gst::prelude::*;

/// A user's pipeline that runs.
pub struct Custom {
    bin: gst::Bin,
}

impl Custom {
    pub fn new(config: &CustomSource, notify: Notify) -> Result<Self, StreamError> {
        let written = parse(&config.pipeline).map_err(|reason| StreamError::Custom { reason })?;
        let decode = make("decodebin", "decode")?;
        decode.set_property("expose-all-streams", false);
        decode.set_property("caps", gst::Caps::builder("video/x-raw").any_features().build());
        let convert = make("videoconvert", "convert")?;
        // It does nothing unless the pictures say that they are interlaced.
        let deinterlace = make("deinterlace", "deinterlace")?;
        let bin = gst::Bin::with_name("source");
        bin.add_many([&written, &decode, &convert, &deinterlace]).map_err(StreamError::internal)?;
        written.link(&decode).map_err(StreamError::internal)?;
        convert.link(&deinterlace).map_err(StreamError::internal)?;
        let sink = convert.static_pad("sink").expect("videoconvert has a sink pad").downgrade();
        decode.connect_pad_added(move |_, pad| {
            // A second picture has nowhere to go, and is not wanted.
            if let Some(sink) = sink.upgrade().filter(|sink| !sink.is_linked()) {
                let _ = pad.link(&sink);
            }
        });
        let end = deinterlace.static_pad("src").expect("deinterlace has a source pad");
        let pad = gst::GhostPad::with_target(&end).map_err(StreamError::internal)?;
        bin.add_pad(&pad).map_err(StreamError::internal)?;
        put_on_line(&pad, Line::new());
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            if info.event().is_some_and(|event| event.type_() == gst::EventType::Eos) {
                notify(Event::PipelineEnded);
                return gst::PadProbeReturn::Drop;
            }
            gst::PadProbeReturn::Ok
        });
        Ok(Self { bin })
    }

    pub fn bin(&self) -> &gst::Bin {
        &self.bin
    }
}

/// Whether a stream could be made of it, as far as can be told without running it. Makes its elements, which may
/// load plugins: not for the main thread.
///
/// # Errors
/// What is wrong with it; elements that are named wrongly or missing before anything else.
pub fn check(pipeline: &str) -> Result<(), CustomError> {
    parse(pipeline).map(drop)
}

/// The one kind of source that is made from a user's text: that is what it is for.
fn parse(pipeline: &str) -> Result<gst::Element, CustomError> {
    let mut context = gst::ParseContext::new();
    let mut parse = |text: &str| {
        gst::parse::bin_from_description_full(text, true, Some(&mut context), gst::ParseFlags::FATAL_ERRORS)
    };
    // With caps at its end a pipeline is right only before another element. What is wrong is said of what was written.
    let parsed = parse(&format!("{pipeline} ! identity")).or_else(|_| parse(pipeline));
    match parsed {
        Ok(bin) => match (bin.static_pad("src"), bin.static_pad("sink")) {
            (Some(_), None) => Ok(bin),
            (_, Some(_)) => Err(CustomError::WantsInput),
            (None, None) => Err(CustomError::NoOpenEnd),
        },
        Err(error) => Err(match context.missing_elements().first() {
            Some(element) if error.matches(gst::ParseError::NoSuchElement) => {
                CustomError::ElementMissing { element: element.to_string() }
            }
            _ => CustomError::Wrong { message: error.message().to_owned() },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_pipeline_is_told_apart() {
        gst::init().unwrap();
        assert_eq!(check("videotestsrc pattern=ball ! video/x-raw,width=320 ! x264enc"), Ok(()));
        assert_eq!(check("videotestsrc ! video/x-raw,width=320"), Ok(()));
        let missing = CustomError::ElementMissing { element: "videotestsource".into() };
        assert_eq!(check("videotestsource ! x264enc"), Err(missing));
        assert_eq!(check("videotestsrc ! fakesink"), Err(CustomError::NoOpenEnd));
        assert_eq!(check("videoconvert ! x264enc"), Err(CustomError::WantsInput));
        for wrong in ["videotestsrc patern=ball", "videotestsrc ! audioconvert", "videotestsrc ! !", ""] {
            assert!(matches!(check(wrong), Err(CustomError::Wrong { .. })), "{wrong}: {:?}", check(wrong));
        }
    }
}
