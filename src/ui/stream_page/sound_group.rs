//! How the stream's sound is served, how loud, and how loud it is now.

use super::choice_row::ChoiceRow;
use super::form::Form;
use super::number_row::NumberRow;
use super::switch_row::SwitchRow;
use crate::config::{Sound, SoundCodec, StreamConfig};
use crate::engine::Stream;
use crate::i18n::gettext;
use crate::ui::sound_meter::SoundMeter;
use crate::words;
use adw::prelude::*;
use std::rc::Rc;

const CODECS: [SoundCodec; 6] = [
    SoundCodec::Off,
    SoundCodec::Auto,
    SoundCodec::Aac,
    SoundCodec::Opus,
    SoundCodec::Pcmu,
    SoundCodec::Pcma,
];

pub struct SoundGroup {
    pub widget: adw::PreferencesGroup,
    codec: Rc<ChoiceRow<SoundCodec>>,
    volume: NumberRow,
    mute: SwitchRow,
    heard: adw::ActionRow,
    meter: Rc<SoundMeter>,
}

impl SoundGroup {
    pub fn new(form: &Form) -> Self {
        let meter = SoundMeter::new();
        meter.set_stream(Some(form.stream()));
        let widget = adw::PreferencesGroup::builder()
            .title(gettext("Sound"))
            .description(gettext(
                "Viewers hear what the source brings. A source without sound is served without, and so is a custom pipeline.",
            ))
            .header_suffix(&meter.bar)
            .build();
        let chosen = form.clone();
        let codecs = CODECS.map(|codec| (codec, words::sound_codec(codec)));
        let codec = ChoiceRow::new(&gettext("Sound Codec"), codecs, move |codec| {
            chosen.choose(move |stream| stream.sound.codec = codec);
        });
        let [least, whole, most] =
            [*Sound::VOLUMES.start(), Sound::AS_IT_IS, *Sound::VOLUMES.end()].map(f64::from);
        let adjustment = gtk::Adjustment::new(whole, least, most, 5.0, 25.0, 0.0);
        let chosen = form.clone();
        let volume = NumberRow::new(form, &gettext("Volume (per cent)"), &adjustment, move |percent| {
            chosen.choose(move |stream| stream.sound.volume = percent);
        });
        let chosen = form.clone();
        let mute = SwitchRow::new(&gettext("Mute"), move |mute| {
            chosen.choose(move |stream| stream.sound.mute = mute);
        });
        mute.row.set_subtitle(&gettext("Viewers stay connected and hear silence"));
        let heard = adw::ActionRow::builder()
            .title(gettext("What Is Heard"))
            .use_markup(false)
            .css_classes(["property"])
            .build();

        widget.add(&codec.row);
        widget.add(&volume.row);
        widget.add(&mute.row);
        widget.add(&heard);
        Self { widget, codec, volume, mute, heard, meter }
    }

    pub fn show(&self, stream: &StreamConfig) {
        self.codec.show(&stream.sound.codec, |_| String::new());
        self.volume.show(stream.sound.volume);
        self.mute.show(stream.sound.mute);
        let is_on = stream.sound.codec != SoundCodec::Off;
        self.volume.row.set_sensitive(is_on);
        self.mute.row.set_sensitive(is_on);
    }

    pub fn show_encoding(&self, stream: &Stream) {
        let sentence = match (stream.sound(), stream.encoding()) {
            (Some(sound), _) => match stream.microphone_problem() {
                Some(problem) => words::silence(&problem).0,
                None => words::sound_encoding(&sound),
            },
            (None, Some(_)) => gettext("Nothing"),
            (None, None) => gettext("Known as soon as somebody watches"),
        };
        self.heard.set_subtitle(&sentence);
    }

    /// Lets the stream go, before the page does.
    pub fn close(&self) {
        self.meter.set_stream(None);
    }
}
