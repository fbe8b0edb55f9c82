//! Who watches one stream now.

use super::viewer_row;
use crate::control::Control;
use crate::engine::{Reader, Stream};
use crate::i18n::gettext;
use adw::prelude::*;
use std::cell::RefCell;

/// A group that follows the readers of one stream. Their figures are kept up to date while it can be seen.
pub fn new(control: &Control, stream: &Stream) -> adw::PreferencesGroup {
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
    let made_with = control.clone();
    list.bind_model(Some(&readers(control, stream)), move |reader| {
        let reader = reader.downcast_ref::<Reader>().expect("a list of readers");
        viewer_row::new(&made_with, reader).upcast()
    });
    let group = adw::PreferencesGroup::builder().title(gettext("Viewers")).build();
    group.add(&list);
    let (engine, watching) = (control.engine().clone(), RefCell::new(None));
    let watching = std::rc::Rc::new(watching);
    let unseen = watching.clone();
    group.connect_map(move |_| drop(watching.replace(Some(engine.watch_readers()))));
    group.connect_unmap(move |_| drop(unseen.take()));
    group
}

/// The readers of one stream, in the order in which they came.
pub fn readers(control: &Control, stream: &Stream) -> gtk::FilterListModel {
    let id = stream.id();
    let of_stream = gtk::CustomFilter::new(move |reader| {
        reader.downcast_ref::<Reader>().is_some_and(|reader| reader.stream() == id)
    });
    gtk::FilterListModel::new(Some(control.engine().readers()), Some(of_stream))
}
