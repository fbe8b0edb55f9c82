//! What is said of sizes, frame rates and encodings.

use super::Words;
use crate::config::{Codec, FrameRate, Size};
use crate::engine::{EncoderReason, Encoding};
use crate::i18n::{gettext, gettext_f};

/// A size, in pixels.
pub fn size(size: Size) -> String {
    match size {
        Size::Source => gettext("As the source"),
        Size::Pixels { width, height } => pixels(width, height),
    }
}

fn pixels(width: u32, height: u32) -> String {
    format!("{width} × {height}")
}

/// A frame rate, in frames per second.
pub fn frame_rate(rate: FrameRate) -> String {
    match rate {
        FrameRate::Source => gettext("As the source"),
        FrameRate::Fixed { numerator, denominator } => frames(numerator, denominator),
    }
}

/// Two digits are enough to tell 29.97 from 30.
fn frames(numerator: u32, denominator: u32) -> String {
    if denominator != 0 && numerator.is_multiple_of(denominator) {
        return (numerator / denominator).to_string();
    }
    format!("{:.2}", f64::from(numerator) / f64::from(denominator))
}

/// A codec has one name in all languages.
pub fn codec(codec: Codec) -> &'static str {
    match codec {
        Codec::H264 => "H.264",
        Codec::Mjpeg => "MJPEG",
    }
}

/// What is served, why it is encoded so, and why it is not what was asked for.
pub fn encoding(encoding: &Encoding) -> Words {
    let size = pixels(encoding.width, encoding.height);
    let frames = frames(encoding.frame_rate.0, encoding.frame_rate.1);
    let codec = codec(encoding.codec);
    let served = [("size", size.as_str()), ("frames", frames.as_str()), ("codec", codec)];
    let title = match encoding.bitrate_kbps {
        Some(kbps) => gettext_f(
            // Translators: as in “1280 × 720, 25 fps, H.264, 2304 kbit/s”; fps is frames per second.
            "{size}, {frames} fps, {codec}, {kbps} kbit/s",
            &[&served[..], &[("kbps", &kbps.to_string())]].concat(),
        ),
        None => gettext_f("{size}, {frames} fps, {codec}", &served),
    };
    let detail = encoder(&encoding.encoder, encoding.reason);
    let hint = encoding.rounded_from.map(|(width, height)| {
        gettext_f(
            "{size} was rounded, because encoders take even sizes only.",
            &[("size", &pixels(width, height))],
        )
    });
    Words { title, detail: Some(detail), hint }
}

/// Which encoder is used, by its GStreamer element, and why.
pub(super) fn encoder(name: &str, reason: EncoderReason) -> String {
    match reason {
        // Translators: {encoder} is the name of a GStreamer element.
        EncoderReason::Preferred => gettext_f("Encoded by {encoder}.", &[("encoder", name)]),
        EncoderReason::OthersMissing => {
            gettext_f("Encoded by {encoder}, because better ones are not installed.", &[("encoder", name)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_says_what_is_served_and_why() {
        let words = encoding(&Encoding {
            encoder: "openh264enc".into(),
            reason: EncoderReason::OthersMissing,
            codec: Codec::H264,
            width: 640,
            height: 360,
            frame_rate: (30_000, 1001),
            bitrate_kbps: Some(700),
            rounded_from: Some((641, 361)),
        });
        assert_eq!(words.title, "640 × 360, 29.97 fps, H.264, 700 kbit/s");
        assert_eq!(
            words.detail.as_deref(),
            Some("Encoded by openh264enc, because better ones are not installed.")
        );
        assert!(words.hint.is_some_and(|hint| hint.starts_with("641 × 361 was rounded")));
    }

    #[test]
    fn whole_frame_rates_have_no_digits() {
        assert_eq!(frame_rate(FrameRate::Fixed { numerator: 50, denominator: 2 }), "25");
    }
}
