//! What is said of sizes, frame rates and encodings.

use super::Words;
use crate::config::{Codec, FrameRate, Size};
use crate::engine::{Coding, EncodedBy, EncoderReason, Encoding, Reencoded};
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

/// What can be chosen as a codec.
pub fn codec(codec: Codec) -> String {
    match codec {
        Codec::Auto => gettext("Automatic"),
        Codec::H264 => coding(Coding::H264).into(),
        Codec::Mjpeg => coding(Coding::Mjpeg).into(),
    }
}

/// A codec has one name in all languages.
pub fn coding(coding: Coding) -> &'static str {
    match coding {
        Coding::H264 => "H.264",
        Coding::H265 => "H.265",
        Coding::Mjpeg => "MJPEG",
        Coding::Vp8 => "VP8",
        Coding::Vp9 => "VP9",
    }
}

/// What is served, why it is encoded so, and why it is not what was asked for.
pub fn encoding(encoding: &Encoding) -> Words {
    let size = pixels(encoding.width, encoding.height);
    let frames = frames(encoding.frame_rate.0, encoding.frame_rate.1);
    let codec = coding(encoding.coding);
    let served = [("size", size.as_str()), ("frames", frames.as_str()), ("codec", codec)];
    let title = match encoding.bitrate_kbps {
        Some(kbps) => gettext_f(
            // Translators: as in “1280 × 720, 25 fps, H.264, 2304 kbit/s”; fps is frames per second.
            "{size}, {frames} fps, {codec}, {kbps} kbit/s",
            &[&served[..], &[("kbps", &kbps.to_string())]].concat(),
        ),
        None => gettext_f("{size}, {frames} fps, {codec}", &served),
    };
    let detail = match &encoding.by {
        EncodedBy::Source => gettext("Passed through: the pictures are the source’s own, unchanged."),
        EncodedBy::Encoder { name, reason, needed_for } => {
            let encoder = encoder(name, *reason);
            let why = needed_for.map(reencoded);
            [Some(encoder), why].into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    };
    let hint = encoding.rounded_from.map(|(width, height)| {
        gettext_f(
            "{size} was rounded, because encoders take even sizes only.",
            &[("size", &pixels(width, height))],
        )
    });
    Words { title, detail: Some(detail), hint }
}

/// Why the source's own pictures are not served.
fn reencoded(reason: Reencoded) -> String {
    match reason {
        Reencoded::Codec => {
            gettext("The source’s own pictures are not passed through, because a codec is chosen.")
        }
        Reencoded::Size => {
            gettext("The source’s own pictures are not passed through, because a size is chosen.")
        }
        Reencoded::FrameRate => {
            gettext("The source’s own pictures are not passed through, because a frame rate is chosen.")
        }
        Reencoded::Bitrate => {
            gettext("The source’s own pictures are not passed through, because a bitrate is chosen.")
        }
        Reencoded::Overlays => {
            gettext("The source’s own pictures are not passed through, because an overlay is drawn on them.")
        }
        Reencoded::Stills => gettext("Photos are shown as a video."),
        Reencoded::Unfit => {
            gettext("The source’s own pictures are not passed through, because viewers could not read them.")
        }
        Reencoded::Turned => {
            gettext("The source’s own pictures are not passed through, because they have to be turned.")
        }
        Reencoded::FilesDiffer => gettext(
            "The source’s own pictures are not passed through, because its files differ in codec or size.",
        ),
        Reencoded::SourceChanged => gettext(
            "The source’s own pictures are not passed through, because they are not what viewers were told when they connected.",
        ),
    }
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
            by: EncodedBy::Encoder {
                name: "openh264enc".into(),
                reason: EncoderReason::OthersMissing,
                needed_for: Some(Reencoded::Size),
            },
            coding: Coding::H264,
            width: 640,
            height: 360,
            frame_rate: (30_000, 1001),
            bitrate_kbps: Some(700),
            rounded_from: Some((641, 361)),
        });
        assert_eq!(words.title, "640 × 360, 29.97 fps, H.264, 700 kbit/s");
        assert_eq!(
            words.detail.as_deref(),
            Some(
                "Encoded by openh264enc, because better ones are not installed. The source’s own pictures are not \
                 passed through, because a size is chosen."
            )
        );
        assert!(words.hint.is_some_and(|hint| hint.starts_with("641 × 361 was rounded")));
    }

    #[test]
    fn whole_frame_rates_have_no_digits() {
        assert_eq!(frame_rate(FrameRate::Fixed { numerator: 50, denominator: 2 }), "25");
    }
}
