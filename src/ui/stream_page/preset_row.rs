//! A row to choose a size or a frame rate from those in use, or to write another one below it.

use super::choice_row::ChoiceRow;
use super::text_row::TextRow;
use crate::i18n::gettext;
use crate::ui::direction;
use std::cell::Cell;
use std::rc::Rc;

/// What the row needs to know of its values.
pub struct Preset<T> {
    pub title: String,
    /// The title of the row below.
    pub custom_title: String,
    pub choices: Vec<T>,
    pub name: fn(&T) -> String,
    /// Reads what was written; an error is a sentence.
    pub read: fn(&str) -> Result<T, String>,
    /// How it is written.
    pub write: fn(&T) -> String,
}

pub struct PresetRow<T> {
    choice: Rc<ChoiceRow<Option<T>>>,
    custom: Rc<TextRow>,
    preset: Rc<Preset<T>>,
    /// The user wants to write one, and has not yet.
    writing: Rc<Cell<bool>>,
}

impl<T: Copy + PartialEq + 'static> PresetRow<T> {
    /// `check` says what is wrong with a value; `chosen` gets one from the list, and `wrote` one that was written,
    /// with its row.
    pub fn new(
        preset: Preset<T>,
        check: impl Fn(T) -> Option<String> + 'static,
        chosen: impl Fn(T) + 'static,
        wrote: impl Fn(&Rc<TextRow>, T) + 'static,
    ) -> Self {
        let preset = Rc::new(preset);
        let writing = Rc::new(Cell::new(false));
        let read = preset.read;

        let custom = TextRow::new(
            &preset.custom_title,
            move |text| read(text).map_or_else(Some, &check),
            move |row, text| {
                if let Ok(value) = read(&text) {
                    wrote(row, value);
                }
            },
        );

        // Numbers and what is between them.
        direction::keep_typed(&custom.row);

        let choices = preset.choices.iter().map(|value| (Some(*value), (preset.name)(value)));
        let other = (None, gettext("Custom"));
        let (below, waits) = (custom.clone(), writing.clone());
        let choice = ChoiceRow::new(&preset.title, choices.chain([other]), move |value| {
            waits.set(value.is_none());
            match value {
                Some(value) => chosen(value),
                None => {
                    below.set_visible(true);
                    gtk::prelude::WidgetExt::grab_focus(&below.row);
                }
            }
        });
        Self { choice, custom, preset, writing }
    }

    pub fn add_to(&self, group: &adw::PreferencesGroup) {
        adw::prelude::PreferencesGroupExt::add(group, &self.choice.row);
        self.custom.add_to(group);
    }

    pub fn show(&self, value: &T) {
        let listed = self.preset.choices.contains(value);
        let custom = self.writing.get() || !listed;
        self.choice.show(&(!custom).then_some(*value), |_| gettext("Custom"));
        self.custom.show(&(self.preset.write)(value));
        self.custom.set_visible(custom);
    }
}
