//! What is heard, and how it is encoded.

use super::picture::encoder;
use crate::config::{PatternSound, SoundCodec};
use crate::engine::SoundEncoding;
use crate::i18n::gettext;

pub fn pattern_sound(sound: PatternSound) -> String {
    match sound {
        PatternSound::Silence => gettext("None"),
        PatternSound::Sine => gettext("A Tone"),
        PatternSound::Ticks => gettext("A Tick Each Second"),
    }
}

/// Names of codecs are the same in every language.
pub fn sound_codec(codec: SoundCodec) -> String {
    match codec {
        SoundCodec::Auto => gettext("Automatic"),
        SoundCodec::Aac => "AAC".into(),
        SoundCodec::Opus => "Opus".into(),
        SoundCodec::Pcmu => "G.711 µ-law".into(),
        SoundCodec::Pcma => "G.711 A-law".into(),
        SoundCodec::Off => gettext("Off"),
    }
}

/// How the sound is served, and why it is encoded so, in two lines.
pub fn sound_encoding(encoding: &SoundEncoding) -> String {
    format!("{}\n{}", sound_codec(encoding.codec), encoder(&encoding.encoder, encoding.reason))
}
