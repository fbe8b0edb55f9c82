//! Where the pictures come from: the kind, and what that kind needs.

use super::choice_row::ChoiceRow;
use super::custom_row::CustomRow;
use super::form::Form;
use super::relay_rows::RelayRows;
use crate::config::{
    FileSource, PATTERNS, PatternSound, PatternSource, PublishedSource, Source, StreamConfig,
};
use crate::i18n::{gettext, gettext_f};
use crate::ui::video_files;
use crate::words;
use adw::prelude::*;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pattern,
    File,
    Relay,
    Custom,
    Published,
}

pub struct SourceGroup {
    pub widget: adw::PreferencesGroup,
    form: Form,
    kind: Rc<ChoiceRow<Kind>>,
    pattern: Rc<ChoiceRow<String>>,
    pattern_sound: Rc<ChoiceRow<PatternSound>>,
    add_files: adw::ButtonRow,
    relay: Rc<RelayRows>,
    custom: Rc<CustomRow>,
    /// What the rows of files show.
    files: RefCell<Vec<PathBuf>>,
    rows: RefCell<Vec<adw::ActionRow>>,
}

impl SourceGroup {
    pub fn new(form: &Form) -> Self {
        let widget = adw::PreferencesGroup::builder().title(gettext("Source")).build();

        let relay = Rc::new(RelayRows::new(form));
        let custom = Rc::new(CustomRow::new(form));
        let (chosen, relay_rows, custom_row) = (form.clone(), relay.clone(), custom.clone());
        let kinds = [
            (Kind::Pattern, gettext("Test Pattern")),
            (Kind::File, gettext("Video File")),
            (Kind::Relay, gettext("Another Stream")),
            (Kind::Published, gettext("Sent by a Program")),
            (Kind::Custom, gettext("Custom Pipeline")),
        ];
        let kind = ChoiceRow::new(&gettext("Kind"), kinds, move |kind| match kind {
            Kind::Pattern => {
                set_source(&chosen, Source::Pattern(PatternSource::silent(PATTERNS[0])));
            }
            Kind::File => add_files(&chosen),
            // It is one as soon as it has an address.
            Kind::Relay => relay_rows.ask(),
            Kind::Custom => custom_row.ask(),
            Kind::Published => publish(&chosen),
        });

        let chosen = form.clone();
        let patterns = PATTERNS.iter().map(|name| ((*name).to_owned(), words::pattern(name)));
        let pattern = ChoiceRow::new(&gettext("Pattern"), patterns, move |pattern| {
            chosen.choose(move |stream| {
                let sound = match &stream.source {
                    Source::Pattern(before) => before.sound,
                    _ => PatternSound::default(),
                };
                stream.source = Source::Pattern(PatternSource { pattern: pattern.clone(), sound });
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

        let add_row = adw::ButtonRow::builder()
            .title(gettext("Add Files…"))
            .start_icon_name("list-add-symbolic")
            .build();
        let chosen = form.clone();
        add_row.connect_activated(move |_| add_files(&chosen));

        widget.add(&kind.row);
        widget.add(&pattern.row);
        widget.add(&pattern_sound.row);
        widget.add(&add_row);
        relay.add_to(&widget);
        custom.add_to(&widget);
        Self {
            widget,
            form: form.clone(),
            kind,
            pattern,
            pattern_sound,
            add_files: add_row,
            relay,
            custom,
            files: RefCell::default(),
            rows: RefCell::default(),
        }
    }

    pub fn show(&self, stream: &StreamConfig) {
        let kind = match &stream.source {
            Source::Pattern(_) => Kind::Pattern,
            Source::File(_) => Kind::File,
            Source::Relay(_) => Kind::Relay,
            Source::Custom(_) => Kind::Custom,
            Source::Published(_) => Kind::Published,
        };
        self.kind.show(&kind, |_| String::new());
        self.pattern.row.set_visible(kind == Kind::Pattern);
        self.pattern_sound.row.set_visible(kind == Kind::Pattern);
        self.add_files.set_visible(kind == Kind::File);
        match &stream.source {
            Source::Pattern(source) => {
                self.pattern.show(&source.pattern, |name| words::pattern(name));
                self.pattern_sound.show(&source.sound, |_| String::new());
                self.show_files(&[]);
            }
            Source::File(source) => self.show_files(&source.locations),
            _ => self.show_files(&[]),
        }
        self.relay.show(stream);
        self.custom.show(stream);
    }

    fn show_files(&self, files: &[PathBuf]) {
        if *self.files.borrow() == files {
            return;
        }
        self.files.replace(files.to_vec());
        for row in self.rows.take() {
            self.widget.remove(&row);
        }
        self.widget.remove(&self.add_files);
        let rows: Vec<_> = files
            .iter()
            .enumerate()
            .map(|(place, file)| self.file_row(place, file, files.len() > 1))
            .collect();
        rows.iter().for_each(|row| self.widget.add(row));
        self.widget.add(&self.add_files);
        self.rows.replace(rows);
    }

    fn file_row(&self, place: usize, file: &Path, removable: bool) -> adw::ActionRow {
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        let folder = file.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        let row = adw::ActionRow::builder().use_markup(false).title(&*name).subtitle(folder).build();

        let form = self.form.clone();
        row.add_suffix(&button(
            "document-open-symbolic",
            &gettext_f("Replace {file}", &[("file", &name)]),
            move || {
                let form = form.clone();
                glib::spawn_future_local(async move {
                    let Some(page) = form.page() else { return };
                    let chosen = video_files::choose(&page).await;
                    if !chosen.is_empty() {
                        change_files(&form, move |files| {
                            let end = (place + 1).min(files.len());
                            files.splice(place.min(end)..end, chosen.iter().cloned());
                        });
                    }
                });
            },
        ));
        // Without any file there is nothing to serve.
        if removable {
            let form = self.form.clone();
            row.add_suffix(&button(
                "list-remove-symbolic",
                &gettext_f("Remove {file}", &[("file", &name)]),
                move || {
                    change_files(&form, move |files| {
                        if place < files.len() {
                            files.remove(place);
                        }
                    });
                },
            ));
        }
        row
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

/// Asks for files, which come after those that are there; the first ones make it a source of files.
fn add_files(form: &Form) {
    let form = form.clone();
    glib::spawn_future_local(async move {
        let Some(page) = form.page() else { return };
        let chosen = video_files::choose(&page).await;
        if chosen.is_empty() {
            // The kind is what it was.
            return form.refresh();
        }
        change_files(&form, move |files| files.extend(chosen.iter().cloned()));
    });
}

fn change_files(form: &Form, change: impl Fn(&mut Vec<PathBuf>) + 'static) {
    form.choose(move |stream| {
        let mut locations = match &stream.source {
            Source::File(source) => source.locations.clone(),
            _ => Vec::new(),
        };
        change(&mut locations);
        stream.source = Source::File(FileSource { locations });
    });
}
