//! Asks for another name of a stream.

use crate::config::{Config, Field, StreamField};
use crate::i18n::gettext;
use crate::ui::alert;
use crate::ui::problem_row::ProblemRow;
use crate::words;
use adw::prelude::*;

/// The name that was chosen for the stream at this place; none where it was left as it is.
pub async fn ask(parent: &impl IsA<gtk::Widget>, config: Config, place: usize) -> Option<String> {
    let name = config.streams[place].name.clone();
    let row = adw::EntryRow::builder().title(gettext("Name")).text(&name).activates_default(true).build();
    let problem = ProblemRow::new();
    let group = adw::PreferencesGroup::new();
    group.add(&row);
    group.add(&problem);

    let dialog = adw::AlertDialog::builder()
        .heading(gettext("Rename Stream"))
        .body(gettext("Its address stays as it is."))
        .extra_child(&group)
        .default_response("rename")
        .close_response("cancel")
        .build();
    dialog.add_responses(&[("cancel", &gettext("_Cancel")), ("rename", &gettext("_Rename"))]);
    dialog.set_response_appearance("rename", adw::ResponseAppearance::Suggested);
    dialog.set_focus(Some(&row));

    let weak = dialog.downgrade();
    row.connect_changed(move |row| {
        let Some(dialog) = weak.upgrade() else { return };
        let mut config = config.clone();
        config.streams[place].name = row.text().trim().to_owned();
        let sentence =
            config.validate().iter().find(|problem| is_name(&problem.field, place)).map(words::problem);
        dialog.set_response_enabled("rename", sentence.is_none());
        problem.mark(row, sentence.as_deref());
    });
    let answer = alert::choose(dialog, parent).await;
    let chosen = row.text().trim().to_owned();
    (answer == "rename" && chosen != name).then_some(chosen)
}

fn is_name(field: &Field, place: usize) -> bool {
    matches!(field, Field::Stream { index, field: StreamField::Name, .. } if *index == place)
}
