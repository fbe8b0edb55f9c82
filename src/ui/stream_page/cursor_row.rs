//! What a screen needs: whether the pointer is seen. Which screen it is, the desktop asks.

use super::camera_choice::is_protected;
use super::form::Form;
use super::switch_row::SwitchRow;
use crate::config::{ScreenSource, Source, StreamConfig};
use crate::i18n::gettext;
use adw::prelude::*;

pub struct CursorRow {
    row: SwitchRow,
    form: Form,
}

impl CursorRow {
    pub fn new(form: &Form) -> Self {
        let chosen = form.clone();
        let row = SwitchRow::new(&gettext("Show the Pointer"), move |cursor| choose(&chosen, cursor));
        Self { row, form: form.clone() }
    }

    pub fn add_to(&self, group: &adw::PreferencesGroup) {
        group.add(&self.row.row);
    }

    pub fn show(&self, stream: &StreamConfig) {
        let Source::Screen(screen) = &stream.source else { return self.row.row.set_visible(false) };
        self.row.show(screen.cursor);
        self.row.row.set_visible(true);
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
