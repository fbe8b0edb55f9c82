//! A kind of source to choose from, by picture and word.

use gtk::prelude::*;

/// A button that does this action, with what the kind is and what it is for.
pub fn new(icon: &str, title: &str, description: &str, action: &str) -> gtk::Button {
    let image = gtk::Image::builder()
        .icon_name(icon)
        .pixel_size(32)
        .accessible_role(gtk::AccessibleRole::Presentation)
        .build();
    let label = |text: &str, classes: &[&str]| {
        gtk::Label::builder().label(text).xalign(0.0).wrap(true).css_classes(classes.to_vec()).build()
    };
    let words = gtk::Box::builder()
        .orientation(gtk::Orientation::Vertical)
        .spacing(3)
        .valign(gtk::Align::Center)
        .build();
    words.append(&label(title, &["heading"]));
    words.append(&label(description, &["caption", "dim-label"]));
    let content = gtk::Box::builder().spacing(18).build();
    content.append(&image);
    content.append(&words);
    let button =
        gtk::Button::builder().action_name(action).css_classes(["card", "kind"]).child(&content).build();
    button.update_property(&[
        gtk::accessible::Property::Label(title),
        gtk::accessible::Property::Description(description),
    ]);
    button
}
