//! From sound to what is served: the encoder that is there, and why it was taken.

use super::Format;
use crate::config::SoundCodec;
use crate::engine::elements::{make, usable};
use crate::engine::state::{EncoderReason, SoundEncoding, StreamError};
use gst::prelude::*;

/// What "automatic" stands for, best first: every reader knows AAC, and most know Opus.
const AUTOMATIC: [SoundCodec; 2] = [SoundCodec::Aac, SoundCodec::Opus];

/// Bits a second, of two channels: nobody hears a difference from there on, and a picture has twenty times as many.
const AAC_BITRATE: i32 = 128_000;
const OPUS_BITRATE: i32 = 96_000;

/// The encoders of a codec, best first.
const fn encoders(codec: SoundCodec) -> &'static [&'static str] {
    match codec {
        SoundCodec::Aac => &["avenc_aac", "fdkaacenc", "voaacenc"],
        SoundCodec::Opus => &["opusenc"],
        SoundCodec::Pcmu => &["mulawenc"],
        SoundCodec::Pcma => &["alawenc"],
        SoundCodec::Auto | SoundCodec::Off => &[],
    }
}

/// What a codec takes. G.711 is of telephones (RFC 3551, section 4.5.14); the others are best at 48 kHz.
fn format(codec: SoundCodec) -> Format {
    match codec {
        SoundCodec::Pcmu | SoundCodec::Pcma => Format { rate: 8000, channels: 1 },
        _ => Format { rate: 48_000, channels: 2 },
    }
}

/// Chooses an encoder, and says what will be served; none where no sound is.
pub fn plan(codec: SoundCodec) -> Option<Result<SoundEncoding, StreamError>> {
    let codecs = match codec {
        SoundCodec::Off => return None,
        SoundCodec::Auto => &AUTOMATIC[..],
        _ => std::slice::from_ref(&codec),
    };
    let mut candidates = codecs.iter().flat_map(|codec| encoders(*codec).iter().map(|name| (*codec, *name)));
    let best = candidates.clone().next();
    let found = candidates.find(|(_, name)| usable(name)).map(|found| {
        let reason =
            if Some(found) == best { EncoderReason::Preferred } else { EncoderReason::OthersMissing };
        let (codec, encoder) = found;
        SoundEncoding { codec, encoder: encoder.into(), reason, format: format(codec) }
    });
    Some(found.ok_or(StreamError::NoSoundEncoder { codec }))
}

/// How many frames the encoder takes at a time: then what comes in goes out at once.
pub fn frames(encoding: &SoundEncoding) -> u32 {
    match encoding.codec {
        // ISO 14496-3, section 4.5.2.1.
        SoundCodec::Aac => 1024,
        // 20 ms: what RFC 3551, section 4.2, and RFC 7587, section 4.2, propose.
        _ => encoding.format.rate / 50,
    }
}

/// The elements from raw samples on, in their order.
pub fn make_encode(encoding: &SoundEncoding) -> Result<Vec<gst::Element>, StreamError> {
    let convert = make("audioconvert", "encode-convert")?;
    let encoder = make(&encoding.encoder, "sound-encoder")?;
    match encoding.encoder.as_str() {
        "opusenc" => encoder.set_property("bitrate", OPUS_BITRATE),
        "mulawenc" | "alawenc" => {}
        _ => encoder.set_property("bitrate", AAC_BITRATE),
    }
    let caps = match encoding.codec {
        SoundCodec::Aac => {
            gst::Caps::builder("audio/mpeg").field("mpegversion", 4).field("stream-format", "raw").build()
        }
        SoundCodec::Opus => gst::Caps::builder("audio/x-opus").build(),
        SoundCodec::Pcmu => gst::Caps::builder("audio/x-mulaw").build(),
        _ => gst::Caps::builder("audio/x-alaw").build(),
    };
    let filter = make("capsfilter", "encoded-sound-format")?;
    filter.set_property("caps", caps);
    if encoding.codec == SoundCodec::Aac {
        let delay = encoding.format.time(frames(encoding).into());
        let pad = filter.static_pad("src").expect("a capsfilter has a source pad");
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data {
                // A decoder needs one packet more before it gives out what was in the first, and no element here says
                // so in its time stamps.
                let buffer = buffer.make_mut();
                buffer.set_pts(buffer.pts().map(|pts| pts.saturating_sub(delay)));
            }
            gst::PadProbeReturn::Ok
        });
    }
    Ok(vec![convert, encoder, filter])
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODECS: [SoundCodec; 4] = [SoundCodec::Aac, SoundCodec::Opus, SoundCodec::Pcmu, SoundCodec::Pcma];

    #[test]
    fn every_codec_is_encoded_in_the_form_in_which_it_is_sent() {
        gst::init().unwrap();
        for codec in CODECS {
            let encoding = plan(codec).unwrap().unwrap();
            let source = make("audiotestsrc", "source").unwrap();
            source.set_property("num-buffers", 5i32);
            source.set_property("samplesperbuffer", frames(&encoding) as i32);
            let raw = make("capsfilter", "raw").unwrap();
            raw.set_property("caps", encoding.format.caps());
            let sink = gst_app::AppSink::builder().sync(false).build();
            let mut elements = vec![source, raw];
            elements.extend(make_encode(&encoding).unwrap());
            elements.push(sink.clone().upcast());
            let pipeline = gst::Pipeline::new();
            pipeline.add_many(&elements).unwrap();
            gst::Element::link_many(&elements).unwrap();
            pipeline.set_state(gst::State::Playing).unwrap();
            let sample = sink.try_pull_sample(gst::ClockTime::from_seconds(10)).expect("something encoded");
            assert!(sample.caps().is_some_and(|caps| caps.is_fixed()), "{codec:?}");
            pipeline.set_state(gst::State::Null).unwrap();
        }
    }

    #[test]
    fn automatic_is_a_codec_and_off_is_none() {
        gst::init().unwrap();
        assert_eq!(plan(SoundCodec::Auto).unwrap().unwrap().codec, SoundCodec::Aac);
        assert!(plan(SoundCodec::Off).is_none());
    }
}
