//! What viewers see while the source is lost, and when it is.

use super::choice_row::ChoiceRow;
use super::form::Form;
use super::number_row::NumberRow;
use crate::config::{Slate, StreamConfig};
use crate::i18n::{gettext, gettext_f};
use crate::ui::{picture_file, toasts};
use adw::prelude::*;
use std::rc::Rc;

/// Seconds, as the configuration takes them.
const LOST_AFTER: (f64, f64) = (1.0, 60.0);

pub struct LossGroup {
    pub widget: adw::PreferencesGroup,
    slate: Rc<ChoiceRow<Slate>>,
    lost_after: NumberRow,
}

impl LossGroup {
    pub fn new(form: &Form) -> Self {
        let widget = adw::PreferencesGroup::builder()
            .title(gettext("When the Source Is Lost"))
            .description(gettext("It is tried again by itself, and viewers stay connected."))
            .build();
        // An empty path stands for one that is chosen first.
        let choices = [
            (Slate::Last, gettext("The Last Picture, Dimmed")),
            (Slate::Picture("".into()), gettext("A Picture of Your Own…")),
            (Slate::Off, gettext("Nothing")),
        ];
        let chosen = form.clone();
        let slate = ChoiceRow::new(&gettext("Viewers See"), choices, move |slate| match slate {
            Slate::Picture(_) => choose_picture(&chosen),
            slate => chosen.choose(move |stream| stream.slate = slate.clone()),
        });
        let adjustment = gtk::Adjustment::new(LOST_AFTER.0, LOST_AFTER.0, LOST_AFTER.1, 1.0, 5.0, 0.0);
        let chosen = form.clone();
        let lost_after =
            NumberRow::new(form, &gettext("Lost After (seconds)"), &adjustment, move |seconds| {
                chosen.choose(move |stream| stream.lost_after_seconds = seconds);
            });
        widget.add(&slate.row);
        widget.add(&lost_after.row);
        Self { widget, slate, lost_after }
    }

    pub fn show(&self, stream: &StreamConfig) {
        self.slate.show(&stream.slate, |slate| match slate {
            Slate::Picture(location) => {
                let file = location.file_name().unwrap_or_default().to_string_lossy().into_owned();
                // Translators: {file} is the name of a picture file.
                gettext_f("The Picture “{file}”", &[("file", &file)])
            }
            Slate::Last | Slate::Off => String::new(),
        });
        self.lost_after.show(stream.lost_after_seconds);
    }
}

fn choose_picture(form: &Form) {
    let (form, under_way) = (form.clone(), form.begin());
    glib::spawn_future_local(async move {
        let Some(page) = form.page() else { return };
        match picture_file::choose(&page).await {
            Ok(Some(path)) => form.choose(move |stream| stream.slate = Slate::Picture(path.clone())),
            Ok(None) => {}
            Err(sentence) => toasts::say(&page, &sentence),
        }
        drop(under_way);
    });
}
