//! Addresses that are given to somebody: copied with or without a password, and how they are shown.

use super::toasts;
use crate::control::Control;
use crate::i18n::{gettext, gettext_f};
use adw::prelude::*;

pub fn copy(widget: &impl IsA<gtk::Widget>, address: &str) {
    widget.clipboard().set_text(address);
    toasts::say(widget, &gettext("Address copied"));
}

/// Copies an address that lets in whoever has it, and says so.
pub fn copy_with_password(widget: &impl IsA<gtk::Widget>, control: &Control, address: &str, user: &str) {
    let Some(address) = control.address_with_password(address, user) else {
        // It was removed since the menu was opened.
        return toasts::say(widget, &gettext_f("No password is known for {user}", &[("user", user)]));
    };
    widget.clipboard().set_text(&address);
    // Translators: {user} is the name of a user.
    toasts::say(widget, &gettext_f("Address copied with the password of “{user}”", &[("user", user)]));
}

/// An item for each of these users. The action takes the name.
pub fn users_menu(users: &[String], action: &str) -> gio::Menu {
    let menu = gio::Menu::new();
    for user in users {
        // A name has no mnemonic.
        menu.append_item(&user_item(&user.replace('_', "__"), user, action));
    }
    menu
}

/// What copies an address with the password of one of these users: an item for the only one, or a menu. The action
/// takes the name.
pub fn password_item(users: &[String], action: &str) -> Option<gio::MenuItem> {
    let label = gettext("Copy Address With _Password");
    match users {
        [] => None,
        [user] => Some(user_item(&label, user, action)),
        users => Some(gio::MenuItem::new_submenu(Some(&label), &users_menu(users, action))),
    }
}

fn user_item(label: &str, user: &str, action: &str) -> gio::MenuItem {
    let item = gio::MenuItem::new(Some(label), None);
    item.set_action_and_target_value(Some(action), Some(&user.to_variant()));
    item
}

/// An address with a login, as it can be shown: without the password.
pub fn masked(address: &str, user: &str) -> String {
    address.replacen("://", &format!("://{user}:•••@"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_no_password() {
        assert_eq!(masked("rtsp://[::1]:8554/lobby", "ann"), "rtsp://ann:•••@[::1]:8554/lobby");
    }

    #[test]
    fn one_user_is_an_item_and_several_are_a_menu() {
        let users = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let target =
            |item: gio::MenuItem| item.attribute_value("target", None).and_then(|user| user.get::<String>());
        assert!(password_item(&[], "card.copy").is_none());
        assert_eq!(password_item(&users(&["ann"]), "card.copy").and_then(target).as_deref(), Some("ann"));
        let several = password_item(&users(&["ann", "b_b"]), "card.copy").unwrap();
        let menu = several.link("submenu").unwrap();
        assert_eq!((menu.n_items(), target(several)), (2, None));
        let label = menu.item_attribute_value(1, "label", None).and_then(|label| label.get::<String>());
        assert_eq!(label.as_deref(), Some("b__b"));
    }
}
