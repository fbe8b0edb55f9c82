//! What viewers see while the source is lost, and when it is.

use super::choice_row::ChoiceRow;
use super::form::Form;
use super::steps::Steps;
use crate::config::{Slate, StreamConfig};
use crate::i18n::{gettext, gettext_f};
use crate::ui::{picture_file, toasts};
use adw::prelude::*;
use std::cell::Cell;
use std::rc::Rc;

/// Seconds, as the configuration takes them.
const LOST_AFTER: (f64, f64) = (1.0, 60.0);

pub struct LossGroup {
    pub widget: adw::PreferencesGroup,
    slate: Rc<ChoiceRow<Slate>>,
    lost_after: adw::SpinRow,
    /// The row is set, not typed in.
    filling: Rc<Cell<bool>>,
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
        let lost_after = adw::SpinRow::builder()
            .title(gettext("Lost After (seconds)"))
            .adjustment(&gtk::Adjustment::new(LOST_AFTER.0, LOST_AFTER.0, LOST_AFTER.1, 1.0, 5.0, 0.0))
            // libadwaita 1.7 gives it the role "none", with which GTK leaves it out for screen readers.
            .accessible_role(gtk::AccessibleRole::Group)
            .build();
        let (filling, steps) = (Rc::new(Cell::new(false)), Rc::new(Steps::default()));
        let (chosen, set) = (form.clone(), filling.clone());
        lost_after.connect_value_notify(move |row| {
            if !set.get() {
                let (form, seconds) = (chosen.clone(), row.value() as u32);
                steps.step(&chosen, move || form.choose(move |stream| stream.lost_after_seconds = seconds));
            }
        });
        widget.add(&slate.row);
        widget.add(&lost_after);
        Self { widget, slate, lost_after, filling }
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
        self.filling.set(true);
        self.lost_after.set_value(stream.lost_after_seconds.into());
        self.filling.set(false);
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
