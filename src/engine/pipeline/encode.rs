//! From pictures to an encoded stream: the encoder that is there, and why it was taken.
//!
//! ```text
//! queue ► (videoconvert ► capsfilter, for MJPEG) ► encoder ► capsfilter ► appsink of the feed
//! ```

use super::picture::{Format, Profile, even};
use crate::config::Bitrate;
use crate::engine::clock::take_segment;
use crate::engine::elements::{make, usable};
use crate::engine::state::{Coding, EncodedBy, EncoderReason, Encoding, Reencoded, StreamError};
use gst::prelude::*;
use std::sync::Mutex;

/// The encoders of a codec, best first. Those that cannot be chosen are for the time in which a source that is passed
/// through is lost, or has come back otherwise.
const fn encoders(coding: Coding) -> &'static [&'static str] {
    match coding {
        Coding::H264 => &["x264enc", "openh264enc"],
        Coding::H265 => &["x265enc"],
        Coding::Mjpeg => &["jpegenc"],
        Coding::Vp8 => &["vp8enc"],
        Coding::Vp9 => &["vp9enc"],
    }
}

/// Between key frames: a reader that asks gets one at once, so this is for those that lost a packet.
pub const KEY_FRAME_SECONDS: u32 = 2;

/// For `Bitrate::Auto`: what H.264 needs for a good picture of ordinary content, live and without B-frames.
const BITS_PER_PIXEL: f64 = 0.1;
const BITRATE_KBPS: std::ops::RangeInclusive<u32> = 200..=50_000;

/// The quality of JPEG pictures, in per cent.
const JPEG_QUALITY: i32 = 85;

/// Frames that may wait for the encoder. When it is too slow, frames are left out instead of getting old.
const QUEUE_FRAMES: u32 = 3;

/// Chooses an encoder, and says what will be served.
pub fn plan(
    bitrate: Bitrate,
    format: &Format,
    needed_for: Option<Reencoded>,
) -> Result<Encoding, StreamError> {
    let coding = format.coding;
    let candidates = encoders(coding);
    let encoder = candidates.iter().find(|name| usable(name)).ok_or(StreamError::NoEncoder { coding })?;
    let is_first = encoder == &candidates[0];
    let reason = if is_first { EncoderReason::Preferred } else { EncoderReason::OthersMissing };
    Ok(Encoding {
        by: EncodedBy::Encoder { name: (*encoder).to_owned(), reason, needed_for },
        coding,
        width: even(format.width),
        height: even(format.height),
        frame_rate: format.frame_rate,
        bitrate_kbps: bitrate_kbps(bitrate, format),
        rounded_from: format.rounded_from,
    })
}

/// What is said of pictures that are passed through.
pub fn passed_through(format: &Format) -> Encoding {
    Encoding {
        by: EncodedBy::Source,
        coding: format.coding,
        width: format.width,
        height: format.height,
        frame_rate: format.frame_rate,
        bitrate_kbps: None,
        rounded_from: None,
    }
}

/// The bitrate in force, in thousand bits a second; none for MJPEG, which has a quality instead.
pub fn bitrate_kbps(bitrate: Bitrate, format: &Format) -> Option<u32> {
    match (format.coding, bitrate) {
        (Coding::Mjpeg, _) => None,
        (_, Bitrate::Kbps(kbps)) => Some(kbps),
        (_, Bitrate::Auto) => {
            let pixels = f64::from(format.width) * f64::from(format.height);
            let rate = f64::from(format.frame_rate.0) / f64::from(format.frame_rate.1);
            let kbps = (pixels * rate * BITS_PER_PIXEL / 1000.0) as u32;
            Some(kbps.clamp(*BITRATE_KBPS.start(), *BITRATE_KBPS.end()))
        }
    }
}

/// The elements from the tee to the sink, in their order, and which of them is the encoder.
pub struct Encode {
    pub elements: Vec<gst::Element>,
    pub encoder: gst::Element,
}

/// `name` is that of an encoder of [`plan`]'s.
pub fn make_encode(name: &str, encoding: &Encoding, profile: Option<Profile>) -> Result<Encode, StreamError> {
    let queue = make("queue", "encode-queue")?;
    queue.set_property("max-size-buffers", QUEUE_FRAMES);
    queue.set_property("max-size-bytes", 0u32);
    queue.set_property("max-size-time", 0u64);
    queue.set_property_from_str("leaky", "downstream");

    let encoder = make(name, "encoder")?;
    let (numerator, denominator) = encoding.frame_rate;
    let key_frame_interval = (KEY_FRAME_SECONDS * numerator / denominator).max(1);
    let mut elements = vec![queue];
    let caps = match name {
        "x264enc" => {
            encoder.set_property_from_str("tune", "zerolatency");
            encoder.set_property_from_str("speed-preset", "veryfast");
            encoder.set_property("key-int-max", key_frame_interval);
            // In RTP a mark ends a picture; these would be a packet more for each.
            encoder.set_property("aud", false);
            let profile = match profile {
                Some(Profile::Baseline) => "constrained-baseline",
                Some(Profile::High) => "high",
                Some(Profile::Main) | None => "main",
            };
            gst::Caps::builder("video/x-h264").field("profile", profile).field("stream-format", "byte-stream")
        }
        "openh264enc" => {
            encoder.set_property_from_str("complexity", "low");
            encoder.set_property_from_str("rate-control", "bitrate");
            encoder.set_property("gop-size", key_frame_interval);
            gst::Caps::builder("video/x-h264").field("stream-format", "byte-stream")
        }
        "x265enc" => {
            encoder.set_property_from_str("tune", "zerolatency");
            encoder.set_property_from_str("speed-preset", "superfast");
            encoder.set_property("key-int-max", key_frame_interval as i32);
            gst::Caps::builder("video/x-h265").field("stream-format", "byte-stream")
        }
        "vp8enc" | "vp9enc" => {
            encoder.set_property("deadline", 1i64);
            encoder.set_property("cpu-used", 8i32);
            encoder.set_property("lag-in-frames", 0i32);
            encoder.set_property("keyframe-max-dist", key_frame_interval as i32);
            gst::Caps::builder(if name == "vp8enc" { "video/x-vp8" } else { "video/x-vp9" })
        }
        _ => {
            encoder.set_property("quality", JPEG_QUALITY);
            // A JPEG decoder takes pictures to be of full range (JFIF); without this they come out pale.
            let convert = make("videoconvert", "full-range")?;
            let range = make("capsfilter", "full-range-format")?;
            range.set_property(
                "caps",
                gst::Caps::builder("video/x-raw").field("colorimetry", "1:4:0:0").build(),
            );
            elements.extend([convert, range]);
            gst::Caps::builder("image/jpeg")
        }
    };
    set_bitrate(&encoder, encoding.bitrate_kbps);
    let filter = make("capsfilter", "encoded-format")?;
    filter.set_property("caps", caps.build());
    count_running_time(&filter.static_pad("src").expect("a capsfilter has a source pad"));
    elements.extend([encoder.clone(), filter]);
    Ok(Encode { elements, encoder })
}

/// x264enc counts from its own first picture, from 1000 hours on, and says so in its segment. Those who watch see
/// several encoders in turn, where the source is lost and returns: to them each has to go on from the one before.
fn count_running_time(pad: &gst::Pad) {
    let segment = Mutex::new(gst::FormattedSegment::<gst::ClockTime>::new());
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let mut segment = segment.lock().unwrap();
        match &mut info.data {
            Some(gst::PadProbeData::Event(event)) => {
                if let Some(new) = take_segment(event) {
                    *segment = new;
                }
            }
            Some(gst::PadProbeData::Buffer(buffer)) => {
                let running = |time: Option<gst::ClockTime>| segment.to_running_time(time?);
                let (pts, dts) = (running(buffer.pts()), running(buffer.dts()));
                let buffer = buffer.make_mut();
                buffer.set_pts(pts);
                buffer.set_dts(dts);
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

/// Sets the bitrate, also while the encoder runs.
pub fn set_bitrate(encoder: &gst::Element, kbps: Option<u32>) {
    let (Some(kbps), Some(factory)) = (kbps, encoder.factory()) else { return };
    match factory.name().as_str() {
        "x264enc" | "x265enc" => encoder.set_property("bitrate", kbps),
        "openh264enc" => encoder.set_property("bitrate", kbps * 1000),
        "vp8enc" | "vp9enc" => encoder.set_property("target-bitrate", (kbps * 1000) as i32),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: Format = Format::HD;

    #[test]
    fn the_bitrate_follows_the_size_unless_it_is_given() {
        assert_eq!(bitrate_kbps(Bitrate::Auto, &HD), Some(2304));
        assert_eq!(bitrate_kbps(Bitrate::Kbps(900), &HD), Some(900));
        let small = Format { width: 160, height: 120, ..HD };
        assert_eq!(bitrate_kbps(Bitrate::Auto, &small), Some(200));
        assert_eq!(bitrate_kbps(Bitrate::Auto, &Format { coding: Coding::Mjpeg, ..HD }), None);
    }

    #[test]
    fn every_encoder_named_here_can_be_made_and_set() {
        gst::init().unwrap();
        for coding in [Coding::H264, Coding::H265, Coding::Mjpeg, Coding::Vp8, Coding::Vp9] {
            let encoding = plan(Bitrate::Auto, &Format { coding, ..HD }, None).unwrap();
            assert!(
                matches!(&encoding.by, EncodedBy::Encoder { reason: EncoderReason::Preferred, .. }),
                "{encoding:?}"
            );
            for encoder in encoders(coding) {
                make_encode(encoder, &encoding, Some(Profile::High)).unwrap();
            }
        }
    }
}
