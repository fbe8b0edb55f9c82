//! Who was sent away and is kept away for a while.

use crate::control::Control;
use crate::engine::KeptAway;
use crate::i18n::{gettext, gettext_f};
use crate::words;
use adw::prelude::*;

/// A group that is there while somebody is kept away.
pub fn new(control: &Control) -> adw::PreferencesGroup {
    let list =
        gtk::ListBox::builder().selection_mode(gtk::SelectionMode::None).css_classes(["boxed-list"]).build();
    list.update_property(&[gtk::accessible::Property::Label(&gettext("Kept Away"))]);
    let kept = control.engine().kept_away();
    let made_with = control.clone();
    list.bind_model(Some(&kept), move |kept| {
        row(&made_with, kept.downcast_ref::<KeptAway>().expect("a list of those")).upcast()
    });
    let group = adw::PreferencesGroup::builder().title(gettext("Kept Away")).build();
    group.add(&list);
    let weak = group.downgrade();
    let show = move |kept: &gio::ListModel| {
        if let Some(group) = weak.upgrade() {
            group.set_visible(kept.n_items() > 0);
        }
    };
    show(&kept);
    kept.connect_items_changed(move |kept, _, _, _| show(kept));
    group
}

fn row(control: &Control, kept: &KeptAway) -> adw::ActionRow {
    let until = glib::DateTime::from_unix_local(kept.until()).and_then(|until| until.format("%X"));
    let until = until.map_or_else(|_| String::new(), String::from);
    let who = words::viewer(&kept.address(), &kept.user());
    let row = adw::ActionRow::builder()
        .use_markup(false)
        .title(&who)
        // Translators: {time} is a time of day.
        .subtitle(gettext_f("Until {time}", &[("time", &until)]))
        .build();
    let button = gtk::Button::builder().label(gettext("Let In")).valign(gtk::Align::Center).build();
    // Its name is what is written on it, whatever label it is given.
    button.update_property(&[gtk::accessible::Property::Description(&who)]);
    let (control, kept) = (control.clone(), kept.downgrade());
    button.connect_clicked(move |button| {
        if let Some(kept) = kept.upgrade() {
            // The row goes, and would take the focus with it.
            button.emit_move_focus(gtk::DirectionType::TabForward);
            control.engine().let_in(&kept);
        }
    });
    row.add_suffix(&button);
    row
}
