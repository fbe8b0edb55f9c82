//! What a screen needs: whether the pointer is seen. Which screen it is, the desktop asks.

use super::camera_choice::is_protected;
use super::form::Form;
use crate::config::{ScreenSource, Source, StreamConfig};
use crate::i18n::gettext;
use adw::prelude::*;
use std::cell::Cell;
use std::rc::Rc;

pub struct CursorRow {
    row: adw::SwitchRow,
    form: Form,
    /// The switch is set, not used.
    filling: Rc<Cell<bool>>,
}

impl CursorRow {
    pub fn new(form: &Form) -> Self {
        let row = adw::SwitchRow::builder().title(gettext("Show the Pointer")).build();
        let filling = Rc::<Cell<bool>>::default();
        let (chosen, is_set) = (form.clone(), filling.clone());
        row.connect_active_notify(move |row| {
            if !is_set.get() {
                choose(&chosen, row.is_active());
            }
        });
        Self { row, form: form.clone(), filling }
    }

    pub fn add_to(&self, group: &adw::PreferencesGroup) {
        group.add(&self.row);
    }

    pub fn show(&self, stream: &StreamConfig) {
        let Source::Screen(screen) = &stream.source else { return self.row.set_visible(false) };
        self.filling.set(true);
        self.row.set_active(screen.cursor);
        self.filling.set(false);
        self.row.set_visible(true);
    }

    /// The stream becomes one of a screen.
    pub fn ask(&self) {
        if is_protected(&self.form) {
            choose(&self.form, true);
        }
    }
}

fn choose(form: &Form, cursor: bool) {
    form.choose(move |stream| stream.source = Source::Screen(ScreenSource { cursor }));
}
