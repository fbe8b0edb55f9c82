//! How many may watch the stream at the same time.

use super::form::Form;
use super::text_row::TextRow;
use crate::config::{StreamConfig, StreamField};
use crate::i18n::gettext;
use adw::prelude::*;
use std::rc::Rc;

pub struct LimitsGroup {
    pub widget: adw::PreferencesGroup,
    readers: Rc<TextRow>,
}

impl LimitsGroup {
    pub fn new(form: &Form) -> Self {
        let widget = adw::PreferencesGroup::builder()
            .title(gettext("Limits"))
            .description(gettext("Without a number, those of Preferences alone hold."))
            .build();
        let (checked, applied) = (form.clone(), form.clone());
        let readers = TextRow::new(
            &gettext("Most Viewers"),
            move |text| {
                checked.problem(|field| field == StreamField::ReadersLimit, |stream| write(stream, text))
            },
            move |row, text| {
                let (form, row) = (applied.clone(), row.clone());
                glib::spawn_future_local(async move {
                    form.write(&row, move |stream| write(stream, &text)).await;
                });
            },
        );
        readers.row.set_input_purpose(gtk::InputPurpose::Digits);
        readers.add_to(&widget);
        Self { widget, readers }
    }

    pub fn show(&self, stream: &StreamConfig) {
        self.readers.show(&stream.readers_limit.map_or_else(String::new, |limit| limit.to_string()));
    }
}

/// What is no number is none that can be kept.
fn write(stream: &mut StreamConfig, text: &str) {
    stream.readers_limit = (!text.is_empty()).then(|| text.parse().unwrap_or_default());
}
