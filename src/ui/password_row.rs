//! A row for a password: typed or made up, shown, copied.

use super::toasts;
use crate::config::Password;
use crate::i18n::gettext;
use adw::prelude::*;

/// A row for a password, with buttons that make one up and copy it.
pub fn new() -> adw::PasswordEntryRow {
    let row = adw::PasswordEntryRow::builder().title(gettext("Password")).build();
    let weak = row.downgrade();
    row.add_suffix(&button("view-refresh-symbolic", &gettext("Make Up a Password"), move |button| {
        let Some(row) = weak.upgrade() else { return };
        match Password::made_up() {
            Ok(password) => {
                row.grab_focus();
                row.set_text(password.reveal());
            }
            Err(error) => toasts::say(button, &error.to_string()),
        }
    }));
    let weak = row.downgrade();
    let copy = button("edit-copy-symbolic", &gettext("Copy Password"), move |button| {
        let Some(row) = weak.upgrade() else { return };
        button.clipboard().set_text(&row.text());
        toasts::say(button, &gettext("Password copied"));
    });
    // There would be nothing to copy, and the clipboard emptied.
    row.bind_property("text", &copy, "sensitive")
        .transform_to(|_, text: &str| Some(!text.is_empty()))
        .sync_create()
        .build();
    row.add_suffix(&copy);
    row
}

/// What is wrong with what is typed.
pub fn problem(row: &adw::PasswordEntryRow) -> Option<String> {
    let text = row.text();
    match Password::from(text.as_str()) {
        password if password.is_usable() => None,
        _ if text.is_empty() => Some(gettext("Type a password, or have one made up.")),
        _ => Some(gettext("A password cannot have control characters.")),
    }
}

fn button(icon: &str, name: &str, press: impl Fn(&gtk::Button) + 'static) -> gtk::Button {
    let button = gtk::Button::builder()
        .icon_name(icon)
        .tooltip_text(name)
        .valign(gtk::Align::Center)
        .css_classes(["flat"])
        .build();
    button.connect_clicked(press);
    button
}
