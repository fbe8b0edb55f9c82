//! One who watches: who it is, with what, how it fares, and a menu to send it away.

use crate::control::Control;
use crate::engine::Reader;
use crate::i18n::{gettext, gettext_f};
use crate::ui::toasts;
use crate::words;
use adw::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// As the menu says.
const KEEP_AWAY: Duration = Duration::from_secs(10 * 60);

/// Follows the reader for as long as it is shown.
pub fn new(control: &Control, reader: &Reader) -> adw::ExpanderRow {
    let who = words::viewer(&reader.address(), &reader.user());
    let row = adw::ExpanderRow::builder().use_markup(false).title(&who).subtitle_lines(0).build();
    row.add_suffix(&menu(&who));
    let actions = gio::SimpleActionGroup::new();
    for (name, period) in [("remove", None), ("keep-away", Some(KEEP_AWAY))] {
        let (control, reader, from) = (control.clone(), reader.downgrade(), row.downgrade());
        let action = gio::ActionEntry::builder(name).activate(move |_: &gio::SimpleActionGroup, _, _| {
            if let (Some(reader), Some(row)) = (reader.upgrade(), from.upgrade()) {
                send_away(&control, &reader, period, &row);
            }
        });
        actions.add_action_entries([action.build()]);
    }
    row.insert_action_group("viewer", Some(&actions));

    let details = Rc::new(RefCell::new(Vec::new()));
    show(&row, &details, reader);
    let weak = row.downgrade();
    let handler = reader.connect_figures_notify(move |reader| {
        if let Some(row) = weak.upgrade() {
            show(&row, &details, reader);
        }
    });
    let (reader, handler) = (reader.downgrade(), RefCell::new(Some(handler)));
    row.connect_destroy(move |_| {
        if let (Some(reader), Some(handler)) = (reader.upgrade(), handler.take()) {
            reader.disconnect(handler);
        }
    });
    row
}

fn menu(who: &str) -> gtk::MenuButton {
    let menu = gio::Menu::new();
    menu.append(Some(&gettext("_Remove")), Some("viewer.remove"));
    menu.append(Some(&gettext("Remove and _Keep Away for 10 Minutes")), Some("viewer.keep-away"));
    let button = gtk::MenuButton::builder()
        .icon_name("view-more-symbolic")
        .menu_model(&menu)
        .valign(gtk::Align::Center)
        .tooltip_text(gettext("Menu"))
        .css_classes(["flat"])
        .build();
    // Translators: {viewer} is an address, or a user at an address.
    let name = gettext_f("Menu of {viewer}", &[("viewer", who)]);
    button.update_property(&[gtk::accessible::Property::Label(&name)]);
    button
}

fn send_away(control: &Control, reader: &Reader, period: Option<Duration>, row: &adw::ExpanderRow) {
    control.engine().remove_reader(reader, period);
    let who = words::viewer(&reader.address(), &reader.user());
    let sentence = match period {
        // Translators: {viewer} is an address, or a user at an address.
        None => gettext_f("“{viewer}” removed", &[("viewer", &who)]),
        Some(_) => gettext_f("“{viewer}” removed, and kept away", &[("viewer", &who)]),
    };
    toasts::say(row, &sentence);
}

/// A row for each figure that is known; they come one by one, and stay.
fn show(row: &adw::ExpanderRow, details: &RefCell<Vec<adw::ActionRow>>, reader: &Reader) {
    let since = glib::DateTime::from_unix_local(reader.since()).and_then(|since| since.format("%X"));
    let since = since.map_or_else(|_| String::new(), String::from);
    let figures = reader.figures();
    let watches = words::watches(&reader.program(), reader.transport(), &since);
    let fares = words::fares(&figures);
    row.set_subtitle(&if fares.is_empty() { watches } else { format!("{watches}\n{fares}") });

    let figures = words::figures(&figures);
    let mut rows = details.borrow_mut();
    // A figure can become known before others; what is shown is made anew then.
    let same =
        rows.len() == figures.len() && rows.iter().zip(&figures).all(|(row, (name, _))| row.title() == *name);
    if !same {
        rows.drain(..).for_each(|old| row.remove(&old));
        for (name, _) in &figures {
            let detail =
                adw::ActionRow::builder().use_markup(false).title(name).css_classes(["property"]).build();
            row.add_row(&detail);
            rows.push(detail);
        }
    }
    for (row, (_, value)) in rows.iter().zip(&figures) {
        row.set_subtitle(value);
    }
}
