//! What is written into the picture: texts and clocks, each with its place. Viewers see changes at once.

use super::choice_row::ChoiceRow;
use super::form::Form;
use super::identity_group::text_row;
use super::source_group::button;
use super::text_row::TextRow;
use crate::config::{Clock, Overlay, Position, StreamConfig, StreamField, Text};
use crate::i18n::gettext;
use crate::words;
use adw::prelude::*;
use std::cell::RefCell;
use std::mem::discriminant;
use std::rc::Rc;

const POSITIONS: [Position; 9] = [
    Position::TopLeft,
    Position::Top,
    Position::TopRight,
    Position::Left,
    Position::Center,
    Position::Right,
    Position::BottomLeft,
    Position::Bottom,
    Position::BottomRight,
];

pub struct OverlayGroup {
    pub widget: adw::PreferencesGroup,
    form: Form,
    add_text: adw::ButtonRow,
    add_clock: adw::ButtonRow,
    shown: RefCell<Vec<Overlay>>,
    rows: RefCell<Vec<Rows>>,
}

/// The rows of one overlay.
struct Rows {
    what: What,
    position: Rc<ChoiceRow<Position>>,
}

enum What {
    Text(Rc<TextRow>),
    Clock(adw::ActionRow),
}

impl OverlayGroup {
    pub fn new(form: &Form) -> Self {
        let widget = adw::PreferencesGroup::builder()
            .title(gettext("Overlays"))
            .description(gettext("Written into the picture. Viewers see changes at once."))
            .build();
        let added = form.clone();
        let add_text = add_row(&gettext("Add Text"), move || {
            added.choose(|stream| {
                // An empty text cannot be served; the name is what is wanted most often.
                let text = stream.name.clone();
                let position = free_position(&stream.overlays, Position::BottomLeft);
                stream.overlays.push(Overlay::Text(Text { text, position }));
            });
        });
        let added = form.clone();
        let add_clock = add_row(&gettext("Add Clock"), move || {
            added.choose(|stream| {
                let position = free_position(&stream.overlays, Position::TopRight);
                stream.overlays.push(Overlay::Clock(Clock { position }));
            });
        });
        widget.add(&add_text);
        widget.add(&add_clock);
        Self {
            widget,
            form: form.clone(),
            add_text,
            add_clock,
            shown: RefCell::default(),
            rows: RefCell::default(),
        }
    }

    pub fn show(&self, stream: &StreamConfig) {
        let before = self.shown.replace(stream.overlays.clone());
        // Rows stay while they can: something may be typed there.
        if !before.iter().map(discriminant).eq(stream.overlays.iter().map(discriminant)) {
            self.make_rows(&stream.overlays);
        }
        for (rows, overlay) in self.rows.borrow().iter().zip(&stream.overlays) {
            if let (What::Text(row), Overlay::Text(text)) = (&rows.what, overlay) {
                row.show(&text.text);
            }
            rows.position.show(&position(overlay), |position| words::position(*position));
        }
    }

    fn make_rows(&self, overlays: &[Overlay]) {
        let group = &self.widget;
        for rows in self.rows.take() {
            match &rows.what {
                What::Text(row) => row.remove_from(group),
                What::Clock(row) => group.remove(row),
            }
            group.remove(&rows.position.row);
        }
        group.remove(&self.add_text);
        group.remove(&self.add_clock);
        let rows: Vec<Rows> =
            overlays.iter().enumerate().map(|(place, overlay)| self.overlay_rows(place, overlay)).collect();
        for rows in &rows {
            match &rows.what {
                What::Text(row) => row.add_to(group),
                What::Clock(row) => group.add(row),
            }
            group.add(&rows.position.row);
        }
        group.add(&self.add_text);
        group.add(&self.add_clock);
        self.rows.replace(rows);
    }

    fn overlay_rows(&self, place: usize, overlay: &Overlay) -> Rows {
        let form = self.form.clone();
        let remove = move || {
            form.choose(move |stream| {
                if place < stream.overlays.len() {
                    stream.overlays.remove(place);
                }
            });
        };
        let (what, position_title) = match overlay {
            Overlay::Text(_) => {
                let row = text_row(
                    &self.form,
                    &gettext("Text"),
                    StreamField::Overlay(place),
                    move |stream, new| {
                        if let Some(Overlay::Text(text)) = stream.overlays.get_mut(place) {
                            text.text = new;
                        }
                    },
                );
                row.row.add_suffix(&button("list-remove-symbolic", &gettext("Remove Text"), remove));
                (What::Text(row), gettext("Position of the Text"))
            }
            Overlay::Clock(_) => {
                let row = adw::ActionRow::builder()
                    .title(gettext("Clock"))
                    .subtitle(gettext("Local date and time"))
                    .build();
                row.add_suffix(&button("list-remove-symbolic", &gettext("Remove Clock"), remove));
                (What::Clock(row), gettext("Position of the Clock"))
            }
        };
        let form = self.form.clone();
        let positions = POSITIONS.map(|position| (position, words::position(position)));
        let position = ChoiceRow::new(&position_title, positions, move |new| {
            form.choose(move |stream| match stream.overlays.get_mut(place) {
                Some(Overlay::Text(text)) => text.position = new,
                Some(Overlay::Clock(clock)) => clock.position = new,
                None => {}
            });
        });
        Rows { what, position }
    }
}

fn add_row(title: &str, add: impl Fn() + 'static) -> adw::ButtonRow {
    let row = adw::ButtonRow::builder().title(title).start_icon_name("list-add-symbolic").build();
    row.connect_activated(move |_| add());
    row
}

fn position(overlay: &Overlay) -> Position {
    match overlay {
        Overlay::Text(text) => text.position,
        Overlay::Clock(clock) => clock.position,
    }
}

/// The one that is wanted, or the first where nothing stands yet.
fn free_position(overlays: &[Overlay], wanted: Position) -> Position {
    let is_free = |place: &Position| overlays.iter().all(|overlay| position(overlay) != *place);
    std::iter::once(wanted).chain(POSITIONS).find(is_free).unwrap_or(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_overlay_does_not_cover_another_one() {
        let clock = |position| Overlay::Clock(Clock { position });
        assert_eq!(free_position(&[], Position::TopRight), Position::TopRight);
        let taken = [clock(Position::TopRight), clock(Position::TopLeft)];
        assert_eq!(free_position(&taken, Position::TopRight), Position::Top);
    }
}
