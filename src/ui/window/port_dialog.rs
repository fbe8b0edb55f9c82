//! Asks for the port of the server.

use crate::i18n::gettext;
use crate::ui::alert;
use adw::prelude::*;

/// The port that was chosen; none where it was left as it is.
pub async fn ask(parent: &impl IsA<gtk::Widget>, port: u16) -> Option<u16> {
    // The next one is most often free; below 1024 only root may listen.
    let proposed = port.checked_add(1).filter(|port| *port >= 1024).unwrap_or(8554);
    let row = adw::SpinRow::builder()
        .title(gettext("Port"))
        // libadwaita 1.7 gives it the role "none", with which GTK leaves it out for screen readers.
        .accessible_role(gtk::AccessibleRole::Group)
        .adjustment(&gtk::Adjustment::new(f64::from(proposed), 1024.0, f64::from(u16::MAX), 1.0, 100.0, 0.0))
        .build();
    let group = adw::PreferencesGroup::new();
    group.add(&row);

    let dialog = adw::AlertDialog::builder()
        .heading(gettext("Change Port"))
        .body(gettext("The address of every stream changes with it."))
        .extra_child(&group)
        .default_response("change")
        .close_response("cancel")
        .build();
    dialog.add_responses(&[("cancel", &gettext("_Cancel")), ("change", &gettext("Change _Port"))]);
    dialog.set_response_appearance("change", adw::ResponseAppearance::Suggested);
    let answer = alert::choose(dialog, parent).await;
    // What was typed may not have been taken over yet.
    row.update();
    (answer == "change").then(|| row.value() as u16)
}
