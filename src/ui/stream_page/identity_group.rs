//! Name and path.

use super::form::Form;
use super::text_row::TextRow;
use crate::config::{StreamConfig, StreamField};
use crate::i18n::gettext;
use crate::ui::direction;
use gtk::prelude::*;
use std::rc::Rc;

pub struct IdentityGroup {
    pub widget: adw::PreferencesGroup,
    name: Rc<TextRow>,
    path: Rc<TextRow>,
}

impl IdentityGroup {
    pub fn new(form: &Form) -> Self {
        let widget = adw::PreferencesGroup::new();
        let name = text_row(form, &gettext("Name"), StreamField::Name, |stream, text| stream.name = text);
        let path = text_row(form, &gettext("Path of the Address"), StreamField::Path, |stream, text| {
            stream.path = text;
        });
        direction::keep_typed(&path.row);
        name.add_to(&widget);
        path.add_to(&widget);
        Self { widget, name, path }
    }

    /// Where another name is typed.
    pub fn start_renaming(&self) {
        self.name.row.grab_focus();
        self.name.row.select_region(0, -1);
    }

    pub fn show(&self, stream: &StreamConfig) {
        self.name.show(&stream.name);
        self.path.show(&stream.path);
    }
}

/// A row that writes its text into one field.
pub fn text_row(
    form: &Form,
    title: &str,
    field: StreamField,
    write: impl Fn(&mut StreamConfig, String) + Copy + 'static,
) -> Rc<TextRow> {
    let (checked, applied) = (form.clone(), form.clone());
    TextRow::new(
        title,
        move |text| checked.problem(|found| found == field, |stream| write(stream, text.to_owned())),
        move |row, text| {
            let (form, row) = (applied.clone(), row.clone());
            glib::spawn_future_local(async move {
                form.write(&row, move |stream| write(stream, text.clone())).await;
            });
        },
    )
}
