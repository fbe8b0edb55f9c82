//! How the stream's sound is served, how loud, and how loud it is now.

use super::choice_row::ChoiceRow;
use super::form::Form;
use super::steps::Steps;
use crate::config::{Sound, SoundCodec, StreamConfig};
use crate::engine::Stream;
use crate::i18n::gettext;
use crate::ui::sound_meter::SoundMeter;
use crate::words;
use adw::prelude::*;
use std::cell::Cell;
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
    volume: adw::SpinRow,
    mute: adw::SwitchRow,
    heard: adw::ActionRow,
    meter: Rc<SoundMeter>,
    /// The rows are set, not used.
    filling: Rc<Cell<bool>>,
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
        let volume = adw::SpinRow::builder()
            .title(gettext("Volume (per cent)"))
            .adjustment(&gtk::Adjustment::new(whole, least, most, 5.0, 25.0, 0.0))
            // libadwaita 1.7 gives it the role "none", with which GTK leaves it out for screen readers.
            .accessible_role(gtk::AccessibleRole::Group)
            .build();
        let mute = adw::SwitchRow::builder()
            .title(gettext("Mute"))
            .subtitle(gettext("Viewers stay connected and hear silence"))
            .build();
        let heard = adw::ActionRow::builder()
            .title(gettext("What Is Heard"))
            .use_markup(false)
            .css_classes(["property"])
            .build();

        let (filling, steps) = (Rc::new(Cell::new(false)), Rc::new(Steps::default()));
        let (chosen, set) = (form.clone(), filling.clone());
        volume.connect_value_notify(move |row| {
            if !set.get() {
                let (form, percent) = (chosen.clone(), row.value() as u32);
                steps.step(&chosen, move || form.choose(move |stream| stream.sound.volume = percent));
            }
        });
        let (chosen, set) = (form.clone(), filling.clone());
        mute.connect_active_notify(move |row| {
            if !set.get() {
                let mute = row.is_active();
                chosen.choose(move |stream| stream.sound.mute = mute);
            }
        });
        widget.add(&codec.row);
        widget.add(&volume);
        widget.add(&mute);
        widget.add(&heard);
        Self { widget, codec, volume, mute, heard, meter, filling }
    }

    pub fn show(&self, stream: &StreamConfig) {
        self.codec.show(&stream.sound.codec, |_| String::new());
        self.filling.set(true);
        self.volume.set_value(stream.sound.volume.into());
        self.mute.set_active(stream.sound.mute);
        self.filling.set(false);
        let is_on = stream.sound.codec != SoundCodec::Off;
        self.volume.set_sensitive(is_on);
        self.mute.set_sensitive(is_on);
    }

    pub fn show_encoding(&self, stream: &Stream) {
        let sentence = match (stream.sound(), stream.encoding()) {
            (Some(sound), _) => words::sound_encoding(&sound),
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
