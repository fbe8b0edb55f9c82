//! Where the pictures come from: the kind, and what that kind needs.

use super::camera_choice::CameraChoice;
use super::choice_row::ChoiceRow;
use super::cursor_row::CursorRow;
use super::custom_row::CustomRow;
use super::file_rows::{self, FileRows};
use super::form::Form;
use super::relay_rows::RelayRows;
use super::switch_row::SwitchRow;
use crate::config::{PATTERNS, PatternSound, PatternSource, PublishedSource, Source, StreamConfig};
use crate::engine::Stream;
use crate::i18n::gettext;
use crate::words;
use adw::prelude::*;
use std::rc::Rc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pattern,
    File,
    Relay,
    Camera,
    Screen,
    Custom,
    Published,
}

pub struct SourceGroup {
    pub widget: adw::PreferencesGroup,
    kind: Rc<ChoiceRow<Kind>>,
    pattern: Rc<ChoiceRow<String>>,
    pattern_sound: Rc<ChoiceRow<PatternSound>>,
    pattern_clock: SwitchRow,
    files: FileRows,
    relay: Rc<RelayRows>,
    camera: Rc<CameraChoice>,
    cursor: Rc<CursorRow>,
    custom: Rc<CustomRow>,
}

impl SourceGroup {
    pub fn new(form: &Form) -> Self {
        let widget = adw::PreferencesGroup::builder().title(gettext("Source")).build();

        let relay = Rc::new(RelayRows::new(form));
        let camera = Rc::new(CameraChoice::new(form));
        let cursor = Rc::new(CursorRow::new(form));
        let custom = Rc::new(CustomRow::new(form));
        let (chosen, relay_rows, custom_row) = (form.clone(), relay.clone(), custom.clone());
        let (camera_choice, cursor_row) = (camera.clone(), cursor.clone());
        let kinds = [
            (Kind::Pattern, gettext("Test Pattern")),
            (Kind::File, gettext("Video File")),
            (Kind::Camera, gettext("Camera")),
            (Kind::Screen, gettext("Screen or Window")),
            (Kind::Relay, gettext("Another Stream")),
            (Kind::Published, gettext("Sent by a Program")),
            (Kind::Custom, gettext("Custom Pipeline")),
        ];
        let kind = ChoiceRow::new(&gettext("Kind"), kinds, move |kind| match kind {
            Kind::Pattern => {
                set_source(&chosen, Source::Pattern(PatternSource::silent(PATTERNS[0])));
            }
            Kind::File => file_rows::add_files(&chosen),
            // It is one as soon as it has an address.
            Kind::Relay => relay_rows.ask(),
            Kind::Camera => camera_choice.ask(),
            Kind::Screen => cursor_row.ask(),
            Kind::Custom => custom_row.ask(),
            Kind::Published => publish(&chosen),
        });

        let chosen = form.clone();
        let patterns = PATTERNS.iter().map(|name| ((*name).to_owned(), words::pattern(name)));
        let pattern = ChoiceRow::new(&gettext("Pattern"), patterns, move |pattern| {
            chosen.choose(move |stream| {
                if let Source::Pattern(source) = &mut stream.source {
                    source.pattern.clone_from(&pattern);
                }
            });
        });
        pattern.row.set_enable_search(true);
        pattern.row.set_search_match_mode(gtk::StringFilterMatchMode::Substring);
        pattern.row.set_expression(Some(gtk::StringObject::this_expression("string")));

        let chosen = form.clone();
        let sounds = [PatternSound::Silence, PatternSound::Sine, PatternSound::Ticks];
        let sounds = sounds.map(|sound| (sound, words::pattern_sound(sound)));
        let pattern_sound = ChoiceRow::new(&gettext("Test Sound"), sounds, move |sound| {
            chosen.choose(move |stream| {
                if let Source::Pattern(pattern) = &mut stream.source {
                    pattern.sound = sound;
                }
            });
        });

        let chosen = form.clone();
        let pattern_clock = SwitchRow::new(&gettext("Milliseconds and Frame Number"), move |clock| {
            chosen.choose(move |stream| {
                if let Source::Pattern(pattern) = &mut stream.source {
                    pattern.clock = clock;
                }
            });
        });
        pattern_clock.row.set_subtitle(&gettext("On the picture, to measure how late it arrives"));

        widget.add(&kind.row);
        widget.add(&pattern.row);
        widget.add(&pattern_sound.row);
        widget.add(&pattern_clock.row);
        let files = FileRows::new(form, &widget);
        relay.add_to(&widget);
        camera.add_to(&widget);
        cursor.add_to(&widget);
        custom.add_to(&widget);
        Self { widget, kind, pattern, pattern_sound, pattern_clock, files, relay, camera, cursor, custom }
    }

    /// Says why the microphone beside the camera is not heard.
    pub fn show_microphone(&self, stream: &Stream) {
        self.camera.show_microphone(stream);
    }

    pub fn show(&self, stream: &StreamConfig) {
        let kind = match &stream.source {
            Source::Pattern(_) => Kind::Pattern,
            Source::File(_) => Kind::File,
            Source::Relay(_) => Kind::Relay,
            Source::Camera(_) => Kind::Camera,
            Source::Screen(_) => Kind::Screen,
            Source::Custom(_) => Kind::Custom,
            Source::Published(_) => Kind::Published,
        };
        self.kind.show(&kind, |_| String::new());
        self.pattern.row.set_visible(kind == Kind::Pattern);
        self.pattern_sound.row.set_visible(kind == Kind::Pattern);
        self.pattern_clock.row.set_visible(kind == Kind::Pattern);
        if let Source::Pattern(source) = &stream.source {
            self.pattern.show(&source.pattern, |name| words::pattern(name));
            self.pattern_sound.show(&source.sound, |_| String::new());
            self.pattern_clock.show(source.clock);
        }
        self.files.show(stream);
        self.relay.show(stream);
        self.camera.show(stream);
        self.cursor.show(stream);
        self.custom.show(stream);
    }
}

/// A flat button at the end of a row.
pub fn button(icon: &str, name: &str, press: impl Fn() + 'static) -> gtk::Button {
    let button = gtk::Button::builder()
        .icon_name(icon)
        .tooltip_text(name)
        .valign(gtk::Align::Center)
        .css_classes(["flat"])
        .build();
    button.update_property(&[gtk::accessible::Property::Label(name)]);
    button.connect_clicked(move |_| press());
    button
}

fn set_source(form: &Form, source: Source) {
    form.choose(move |stream| stream.source = source.clone());
}

/// Whoever may watch it with a password may send into it, where nobody else was named.
fn publish(form: &Form) {
    form.choose(|stream| {
        stream.source = Source::Published(PublishedSource {});
        let readers = &stream.access.read;
        stream.access.publish.get_or_insert_with(|| readers.clone());
    });
}
