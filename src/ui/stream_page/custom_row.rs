//! What a custom source needs: its pipeline, which is tried as it is typed.

use super::form::Form;
use super::text_row::TextRow;
use crate::config::{CustomSource, Source, StreamConfig, StreamField};
use crate::i18n::gettext;
use crate::ui::pipeline_check;
use adw::prelude::*;
use std::rc::Rc;

pub struct CustomRow(Rc<TextRow>);

impl CustomRow {
    pub fn new(form: &Form) -> Self {
        let (checked, written) = (form.clone(), form.clone());
        let row = TextRow::new(
            &gettext("GStreamer Pipeline"),
            move |text| {
                let source = custom(text);
                checked.problem(|field| field == StreamField::Pipeline, |stream| stream.source = source)
            },
            move |row, text| {
                let (form, row) = (written.clone(), row.clone());
                glib::spawn_future_local(async move {
                    match pipeline_check::problem(&text).await {
                        Some(sentence) => row.set_problem(Some(&sentence)),
                        None => form.write(&row, move |stream| stream.source = custom(&text)).await,
                    }
                });
            },
        );
        let weak = Rc::downgrade(&row);
        pipeline_check::as_typed(&row.row, move |sentence| {
            if let Some(row) = weak.upgrade() {
                row.set_problem(Some(&sentence));
            }
        });
        Self(row)
    }

    pub fn add_to(&self, group: &adw::PreferencesGroup) {
        self.0.add_to(group);
    }

    pub fn show(&self, stream: &StreamConfig) {
        let Source::Custom(source) = &stream.source else { return self.0.set_visible(false) };
        self.0.show(&source.pipeline);
        self.0.set_visible(true);
    }

    /// Asks for a pipeline: with it the stream becomes a custom one.
    pub fn ask(&self) {
        self.0.show("");
        self.0.set_visible(true);
        self.0.row.grab_focus();
    }
}

fn custom(pipeline: &str) -> Source {
    Source::Custom(CustomSource { pipeline: pipeline.to_owned() })
}
