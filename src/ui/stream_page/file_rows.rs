//! What a source of files needs: the files and folders, in which order, and how long pictures are shown.

use super::form::Form;
use super::number_row::NumberRow;
use super::source_group::button;
use super::switch_row::SwitchRow;
use crate::config::{FileSource, Source, StreamConfig};
use crate::i18n::{gettext, gettext_f};
use crate::ui::video_files;
use adw::prelude::*;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

pub struct FileRows {
    form: Form,
    group: adw::PreferencesGroup,
    add_files: adw::ButtonRow,
    add_folder: adw::ButtonRow,
    shuffle: SwitchRow,
    picture_seconds: NumberRow,
    /// What the rows of files show.
    files: RefCell<Vec<PathBuf>>,
    rows: RefCell<Vec<adw::ActionRow>>,
}

impl FileRows {
    /// Adds the rows to the end of the group.
    pub fn new(form: &Form, group: &adw::PreferencesGroup) -> Self {
        let chosen = form.clone();
        let add_files = add_row(&gettext("Add Files…"), move || add_files(&chosen));
        let chosen = form.clone();
        let add_folder = add_row(&gettext("Add Folder…"), move || {
            let form = chosen.clone();
            glib::spawn_future_local(async move {
                let Some(page) = form.page() else { return };
                let folders = video_files::choose_folders(&page).await;
                if !folders.is_empty() {
                    change(&form, move |source| source.locations.extend(folders.iter().cloned()));
                }
            });
        });
        let chosen = form.clone();
        let shuffle = SwitchRow::new(&gettext("Shuffle"), move |shuffle| {
            change(&chosen, move |source| source.shuffle = shuffle);
        });
        shuffle.row.set_subtitle(&gettext("Each round has an order of its own"));
        let [least, most] =
            [FileSource::PICTURE_SECONDS.start(), FileSource::PICTURE_SECONDS.end()].map(|n| f64::from(*n));
        let adjustment = gtk::Adjustment::new(least, least, most, 1.0, 10.0, 0.0);
        let chosen = form.clone();
        let picture_seconds =
            NumberRow::new(form, &gettext("Each Picture (seconds)"), &adjustment, move |seconds| {
                change(&chosen, move |source| source.picture_seconds = seconds);
            });
        let this = Self {
            form: form.clone(),
            group: group.clone(),
            add_files,
            add_folder,
            shuffle,
            picture_seconds,
            files: RefCell::default(),
            rows: RefCell::default(),
        };
        this.fixed().iter().for_each(|row| group.add(*row));
        this
    }

    /// Those that stand below the files.
    fn fixed(&self) -> [&gtk::Widget; 4] {
        [
            self.add_files.upcast_ref(),
            self.add_folder.upcast_ref(),
            self.shuffle.row.upcast_ref(),
            self.picture_seconds.row.upcast_ref(),
        ]
    }

    pub fn show(&self, stream: &StreamConfig) {
        let Source::File(source) = &stream.source else {
            self.show_files(&[]);
            return self.fixed().iter().for_each(|row| row.set_visible(false));
        };
        self.show_files(&source.locations);
        self.add_files.set_visible(true);
        self.add_folder.set_visible(true);
        self.shuffle.row.set_visible(source.may_have_several());
        self.picture_seconds.row.set_visible(source.may_have_pictures());
        self.shuffle.show(source.shuffle);
        self.picture_seconds.show(source.picture_seconds);
    }

    fn show_files(&self, files: &[PathBuf]) {
        if *self.files.borrow() == files {
            return;
        }
        self.files.replace(files.to_vec());
        for row in self.rows.take() {
            self.group.remove(&row);
        }
        self.fixed().iter().for_each(|row| self.group.remove(*row));
        let rows: Vec<_> = files
            .iter()
            .enumerate()
            .map(|(place, file)| self.file_row(place, file, files.len() > 1))
            .collect();
        rows.iter().for_each(|row| self.group.add(row));
        self.fixed().iter().for_each(|row| self.group.add(*row));
        self.rows.replace(rows);
    }

    fn file_row(&self, place: usize, file: &Path, removable: bool) -> adw::ActionRow {
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        let folder = file.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        let row = adw::ActionRow::builder().use_markup(false).title(&*name).subtitle(folder).build();

        let (form, replaced) = (self.form.clone(), file.to_owned());
        row.add_suffix(&button(
            "document-open-symbolic",
            &gettext_f("Replace {file}", &[("file", &name)]),
            move || {
                let (form, replaced) = (form.clone(), replaced.clone());
                glib::spawn_future_local(async move {
                    let Some(page) = form.page() else { return };
                    let chosen = video_files::choose_instead(&page, &replaced).await;
                    if !chosen.is_empty() {
                        change(&form, move |source| {
                            let end = (place + 1).min(source.locations.len());
                            source.locations.splice(place.min(end)..end, chosen.iter().cloned());
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
                    change(&form, move |source| {
                        if place < source.locations.len() {
                            source.locations.remove(place);
                        }
                    });
                },
            ));
        }
        row
    }
}

fn add_row(title: &str, activated: impl Fn() + 'static) -> adw::ButtonRow {
    let row = adw::ButtonRow::builder().title(title).start_icon_name("list-add-symbolic").build();
    row.connect_activated(move |_| activated());
    row
}

/// Asks for files, which come after those that are there; the first ones make it a source of files.
pub fn add_files(form: &Form) {
    let form = form.clone();
    glib::spawn_future_local(async move {
        let Some(page) = form.page() else { return };
        let chosen = video_files::choose(&page).await;
        if chosen.is_empty() {
            // The kind is what it was.
            return form.refresh();
        }
        change(&form, move |source| source.locations.extend(chosen.iter().cloned()));
    });
}

fn change(form: &Form, edit: impl Fn(&mut FileSource) + 'static) {
    form.choose(move |stream| {
        if !matches!(stream.source, Source::File(_)) {
            stream.source = Source::File(FileSource::new(Vec::new()));
        }
        if let Source::File(source) = &mut stream.source {
            edit(source);
        }
    });
}
