//! Asks what becomes of those who watch when what let them in is taken away or changed.

use crate::i18n::{gettext, ngettext_f};
use crate::ui::alert;
use adw::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing is changed.
    Cancel,
    /// They watch on for as long as they stay connected.
    Stay,
    SendAway,
}

/// What becomes of so many viewers whom a user let in. Where there are none, nobody is asked, and there is nobody to
/// be sent away.
pub async fn ask(page: &impl IsA<gtk::Widget>, heading: &str, viewers: u32) -> Answer {
    if viewers == 0 {
        return Answer::Stay;
    }
    let body = ngettext_f(
        "{n} viewer watches with this login now. Who stays can watch on until the connection ends.",
        "{n} viewers watch with this login now. Who stays can watch on until the connection ends.",
        viewers,
        &[],
    );
    let dialog = adw::AlertDialog::builder()
        .heading(heading)
        .body(body)
        .default_response("stay")
        .close_response("cancel")
        .build();
    dialog.add_responses(&[
        ("cancel", &gettext("_Cancel")),
        ("stay", &gettext("_Let Them Stay")),
        ("away", &gettext("_Send Them Away")),
    ]);
    dialog.set_response_appearance("away", adw::ResponseAppearance::Destructive);
    match alert::choose(dialog, page).await.as_str() {
        "stay" => Answer::Stay,
        "away" => Answer::SendAway,
        _ => Answer::Cancel,
    }
}

/// Whether so many viewers may be sent away, which cannot be helped. Where there are none, nobody is asked.
pub async fn confirm(page: &impl IsA<gtk::Widget>, viewers: u32) -> bool {
    if viewers == 0 {
        return true;
    }
    let body = ngettext_f(
        "{n} viewer is at an address that may not connect any more.",
        "{n} viewers are at addresses that may not connect any more.",
        viewers,
        &[],
    );
    let heading = ngettext_f("Send {n} Viewer Away?", "Send {n} Viewers Away?", viewers, &[]);
    let dialog = adw::AlertDialog::builder()
        .heading(heading)
        .body(body)
        .default_response("cancel")
        .close_response("cancel")
        .build();
    dialog.add_responses(&[("cancel", &gettext("_Cancel")), ("away", &gettext("_Send Away"))]);
    dialog.set_response_appearance("away", adw::ResponseAppearance::Destructive);
    alert::choose(dialog, page).await == "away"
}
