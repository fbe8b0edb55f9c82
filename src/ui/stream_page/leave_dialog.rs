//! Asks what becomes of the changes that wait when their page is left.

use crate::i18n::gettext;
use crate::ui::alert;
use adw::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Stay,
    Discard,
    Apply,
}

/// `consequence` is a sentence that says what applying would do.
pub async fn ask(page: &impl IsA<gtk::Widget>, consequence: &str) -> Answer {
    let dialog = adw::AlertDialog::builder()
        .heading(gettext("Apply the Changes?"))
        .body(consequence)
        .default_response("apply")
        .close_response("stay")
        .build();
    dialog.add_responses(&[
        ("stay", &gettext("_Cancel")),
        ("discard", &gettext("_Discard")),
        ("apply", &gettext("_Apply")),
    ]);
    dialog.set_response_appearance("discard", adw::ResponseAppearance::Destructive);
    dialog.set_response_appearance("apply", adw::ResponseAppearance::Suggested);
    match alert::choose(dialog, page).await.as_str() {
        "apply" => Answer::Apply,
        "discard" => Answer::Discard,
        _ => Answer::Stay,
    }
}
