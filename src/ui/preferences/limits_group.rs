//! How many may watch at the same time.

use super::super::stream_page::text_row::TextRow;
use super::super::toasts;
use crate::config::{Field, LimitField, Limits};
use crate::control::Control;
use crate::i18n::gettext;
use crate::words;
use adw::prelude::*;
use std::rc::Rc;

/// The place of a limit among all.
type Place = fn(&mut Limits) -> &mut u32;

/// A group that shows what is in force, and changes it.
pub fn new(control: &Control) -> adw::PreferencesGroup {
    let group = adw::PreferencesGroup::builder()
        .title(gettext("Limits"))
        .description(gettext(
            "Who comes when there are so many already is refused. Nobody who watches is sent away.",
        ))
        .build();
    let limits: [(String, LimitField, Place); 4] = [
        (gettext("Viewers"), LimitField::Readers, |limits| &mut limits.readers),
        (gettext("Viewers of One Stream"), LimitField::ReadersPerStream, |limits| {
            &mut limits.readers_per_stream
        }),
        (gettext("Viewers From One Address"), LimitField::ReadersPerAddress, |limits| {
            &mut limits.readers_per_address
        }),
        (gettext("RTSP Sessions"), LimitField::Sessions, |limits| &mut limits.sessions),
    ];
    for (title, field, place) in limits {
        let row = row(control, &title, field, place);
        row.add_to(&group);
        let show = move |control: &Control| row.show(&place(&mut control.config().limits).to_string());
        show(control);
        control.connect_changed(&group, move |_, control| show(control));
    }
    group
}

fn row(control: &Control, title: &str, field: LimitField, place: Place) -> Rc<TextRow> {
    let (checked, applied) = (control.clone(), control.clone());
    let check = move |text: &str| {
        let mut config = checked.config();
        *place(&mut config.limits) = number(text);
        let problems = config.validate();
        problems.iter().find(|problem| problem.field == Field::Limit(field)).map(words::problem)
    };
    let row = TextRow::new(title, check, move |row, text| {
        let (control, row) = (applied.clone(), row.clone());
        glib::spawn_future_local(async move {
            match control.change(|config| *place(&mut config.limits) = number(&text)).await {
                Ok(()) => row.follow(&text),
                Err(error) => toasts::say_change_error(&row.row, &error),
            }
        });
    });
    row.row.set_input_purpose(gtk::InputPurpose::Digits);
    row
}

/// What is no number is none that can be kept.
fn number(text: &str) -> u32 {
    text.parse().unwrap_or_default()
}
