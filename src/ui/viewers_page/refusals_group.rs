//! Who was refused, and why, in plain words.

use crate::control::Control;
use crate::engine::Refusal;
use crate::i18n::{gettext, gettext_f, ngettext_f};
use crate::ui::toasts;
use crate::words;
use adw::prelude::*;
use std::cell::RefCell;

/// The newest; more than anybody reads here. All of them can be copied.
const SHOWN: u32 = 50;

/// A group that is there while there are refusals.
pub fn new(control: &Control) -> adw::PreferencesGroup {
    let list =
        gtk::ListBox::builder().selection_mode(gtk::SelectionMode::None).css_classes(["boxed-list"]).build();
    list.update_property(&[gtk::accessible::Property::Label(&gettext("Refused"))]);
    let refusals = control.engine().refusals();
    let newest = gtk::SliceListModel::new(Some(refusals.clone()), 0, SHOWN);
    list.bind_model(Some(&newest), |refusal| {
        row(refusal.downcast_ref::<Refusal>().expect("a list of refusals")).upcast()
    });
    let group = adw::PreferencesGroup::builder().title(gettext("Refused")).build();
    group.set_header_suffix(Some(&buttons(control)));
    group.add(&list);
    let weak = group.downgrade();
    let show = move |refusals: &gio::ListModel| {
        if let Some(group) = weak.upgrade() {
            group.set_visible(refusals.n_items() > 0);
        }
    };
    show(&refusals);
    refusals.connect_items_changed(move |refusals, _, _, _| show(refusals));
    group
}

fn buttons(control: &Control) -> gtk::Box {
    let buttons = gtk::Box::builder().spacing(6).build();
    let copy = gtk::Button::builder()
        .icon_name("edit-copy-symbolic")
        .tooltip_text(gettext("Copy All"))
        .css_classes(["flat"])
        .build();
    copy.update_property(&[gtk::accessible::Property::Label(&gettext("Copy who was refused"))]);
    let engine = control.engine().clone();
    copy.connect_clicked(move |copy| {
        let lines: Vec<String> =
            engine.refusals().iter::<Refusal>().flatten().map(|refusal| line(&refusal)).collect();
        copy.clipboard().set_text(&lines.join("\n"));
        toasts::say(copy, &gettext("Copied"));
    });
    let clear = gtk::Button::builder().label(gettext("Clear")).css_classes(["flat"]).build();
    let engine = control.engine().clone();
    clear.connect_clicked(move |_| engine.clear_refusals());
    buttons.append(&copy);
    buttons.append(&clear);
    buttons
}

fn row(refusal: &Refusal) -> adw::ActionRow {
    let row = adw::ActionRow::builder().use_markup(false).title_lines(0).subtitle_lines(0).build();
    show(&row, refusal);
    let weak = row.downgrade();
    // Its properties change one after the other; the last one of them is this.
    let handler = refusal.connect_count_notify(move |refusal| {
        if let Some(row) = weak.upgrade() {
            show(&row, refusal);
        }
    });
    let (refusal, handler) = (refusal.downgrade(), RefCell::new(Some(handler)));
    row.connect_destroy(move |_| {
        if let (Some(refusal), Some(handler)) = (refusal.upgrade(), handler.take()) {
            refusal.disconnect(handler);
        }
    });
    row
}

fn show(row: &adw::ActionRow, refusal: &Refusal) {
    let words = words::refusal(&refusal.refused());
    row.set_title(&words.detail.unwrap_or(words.title));
    let times = match refusal.count() {
        1 => time(refusal.last(), "%X"),
        // Translators: {time} is a time of day.
        count => ngettext_f(
            "{time}, {n} time",
            "{time}, {n} times",
            count,
            &[("time", &time(refusal.last(), "%X"))],
        ),
    };
    row.set_subtitle(&match words.hint {
        // Translators: {hint} is a sentence that says what to do, {times} is when it happened.
        Some(hint) => gettext_f("{times}. {hint}", &[("times", &times), ("hint", &hint)]),
        None => times,
    });
}

/// As it is copied, to be sent to somebody who knows more.
fn line(refusal: &Refusal) -> String {
    let refused = refusal.refused();
    let words = words::refusal(&refused);
    let (when, what) = (time(refusal.last(), "%F %T"), words.detail.unwrap_or(words.title));
    format!("{when} ({}×) {what} {} [{}]", refusal.count(), refused.program, refused.reason)
}

fn time(seconds: i64, format: &str) -> String {
    let time = glib::DateTime::from_unix_local(seconds).and_then(|time| time.format(format));
    time.map_or_else(|_| String::new(), String::from)
}
