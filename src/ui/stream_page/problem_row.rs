//! What is wrong with the row above it, in a row of its own: sentences are longer than rows are wide.

use adw::prelude::*;
use std::cell::{Cell, RefCell};

pub struct ProblemRow {
    pub row: adw::PreferencesRow,
    label: gtk::Label,
    of: gtk::Widget,
    sentence: RefCell<String>,
    allowed: Cell<bool>,
}

impl ProblemRow {
    pub fn new(of: &impl IsA<gtk::Widget>) -> Self {
        let label = gtk::Label::builder()
            .xalign(0.0)
            .wrap(true)
            .wrap_mode(gtk::pango::WrapMode::WordChar)
            .margin_top(6)
            .margin_bottom(6)
            .margin_start(12)
            .margin_end(12)
            .css_classes(["caption", "error"])
            .build();
        let row = adw::PreferencesRow::builder()
            .activatable(false)
            .focusable(false)
            .selectable(false)
            .visible(false)
            .child(&label)
            .build();
        Self { row, label, of: of.clone().upcast(), sentence: RefCell::default(), allowed: Cell::new(true) }
    }

    pub fn say(&self, sentence: Option<&str>) {
        let invalid = match sentence {
            Some(_) => {
                self.of.add_css_class("error");
                gtk::AccessibleInvalidState::True
            }
            None => {
                self.of.remove_css_class("error");
                gtk::AccessibleInvalidState::False
            }
        };
        let sentence = sentence.unwrap_or_default();
        self.of.update_state(&[gtk::accessible::State::Invalid(invalid)]);
        self.of.update_property(&[gtk::accessible::Property::Description(sentence)]);
        self.label.set_label(sentence);
        self.sentence.replace(sentence.to_owned());
        self.update_visible();
    }

    /// Whether it may be seen at all: not while the row it belongs to is hidden.
    pub fn set_allowed(&self, allowed: bool) {
        self.allowed.set(allowed);
        self.update_visible();
    }

    fn update_visible(&self) {
        self.row.set_visible(self.allowed.get() && !self.sentence.borrow().is_empty());
    }
}
