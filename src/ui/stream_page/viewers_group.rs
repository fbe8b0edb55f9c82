//! Who watches the stream now.

use crate::control::Control;
use crate::engine::{Reader, Stream};
use crate::i18n::{gettext, gettext_f};
use adw::prelude::*;

/// A group that follows the readers of one stream.
pub fn new(control: &Control, stream: &Stream) -> adw::PreferencesGroup {
    let id = stream.id();
    let of_stream = gtk::CustomFilter::new(move |reader| {
        reader.downcast_ref::<Reader>().is_some_and(|reader| reader.stream() == id)
    });
    let readers = gtk::FilterListModel::new(Some(control.engine().readers()), Some(of_stream));
    let nobody = gtk::Label::builder()
        .label(gettext("Nobody watches."))
        .margin_top(18)
        .margin_bottom(18)
        .css_classes(["dim-label"])
        .build();
    let list =
        gtk::ListBox::builder().selection_mode(gtk::SelectionMode::None).css_classes(["boxed-list"]).build();
    list.update_property(&[gtk::accessible::Property::Label(&gettext("Viewers"))]);
    list.set_placeholder(Some(&nobody));
    list.bind_model(Some(&readers), |reader| {
        reader.downcast_ref::<Reader>().map_or_else(adw::ActionRow::new, row).upcast()
    });
    let group = adw::PreferencesGroup::builder().title(gettext("Viewers")).build();
    group.add(&list);
    group
}

fn row(reader: &Reader) -> adw::ActionRow {
    let since = glib::DateTime::from_unix_local(reader.since()).and_then(|since| since.format("%X"));
    let since = since.map_or_else(|_| String::new(), String::from);
    // Translators: {time} is a time of day.
    let since = gettext_f("Since {time}", &[("time", &since)]);
    let program = reader.program();
    let subtitle = if program.is_empty() { since } else { format!("{program}\n{since}") };
    adw::ActionRow::builder().use_markup(false).title(reader.address()).subtitle(subtitle).build()
}
