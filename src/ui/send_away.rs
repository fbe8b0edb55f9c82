//! The menu by which somebody is sent away: one who watches, or one who sends.

use super::toasts;
use crate::i18n::{gettext, gettext_f};
use adw::prelude::*;
use std::time::Duration;

/// As the menu says.
const KEEP_AWAY: Duration = Duration::from_secs(10 * 60);

/// A button with the menu, for this row. `remove` is called with how long that one is to be kept away, if at all.
pub fn menu(
    row: &impl IsA<gtk::Widget>,
    who: &str,
    remove: impl Fn(Option<Duration>) + Clone + 'static,
) -> gtk::MenuButton {
    let menu = gio::Menu::new();
    menu.append(Some(&gettext("_Remove")), Some("away.remove"));
    menu.append(Some(&gettext("Remove and _Keep Away for 10 Minutes")), Some("away.keep-away"));
    let button = gtk::MenuButton::builder()
        .icon_name("view-more-symbolic")
        .menu_model(&menu)
        .valign(gtk::Align::Center)
        .tooltip_text(gettext("Menu"))
        .css_classes(["flat"])
        .build();
    // Translators: {who} is an address, or a user at an address.
    let name = gettext_f("Menu of {who}", &[("who", who)]);
    button.update_property(&[gtk::accessible::Property::Label(&name)]);

    let actions = gio::SimpleActionGroup::new();
    for (name, period) in [("remove", None), ("keep-away", Some(KEEP_AWAY))] {
        let (remove, who, row) = (remove.clone(), who.to_owned(), row.downgrade());
        let action = gio::ActionEntry::builder(name).activate(move |_: &gio::SimpleActionGroup, _, _| {
            remove(period);
            if let Some(row) = row.upgrade() {
                toasts::say(&row, &removed(&who, period));
            }
        });
        actions.add_action_entries([action.build()]);
    }
    row.insert_action_group("away", Some(&actions));
    button
}

fn removed(who: &str, period: Option<Duration>) -> String {
    match period {
        // Translators: {who} is an address, or a user at an address.
        None => gettext_f("“{who}” removed", &[("who", who)]),
        Some(_) => gettext_f("“{who}” removed, and kept away", &[("who", who)]),
    }
}
