//! One who watches: who it is, with what, how it fares, and a menu to send it away.

use crate::control::Control;
use crate::engine::Reader;
use crate::ui::send_away;
use crate::words;
use adw::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;

/// Follows the reader for as long as it is shown.
pub fn new(control: &Control, reader: &Reader) -> adw::ExpanderRow {
    let who = words::viewer(&reader.address(), &reader.user());
    let row = adw::ExpanderRow::builder().use_markup(false).title(&who).subtitle_lines(0).build();
    let (control, sent) = (control.clone(), reader.downgrade());
    row.add_suffix(&send_away::menu(&row, &who, move |period| {
        if let Some(reader) = sent.upgrade() {
            control.engine().remove_reader(&reader, period);
        }
    }));
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
