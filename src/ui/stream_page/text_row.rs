//! A row for a text that is applied by Enter or its button. It says what is wrong as it is typed, and follows what
//! is in force unless something else is being typed.

use crate::ui::problem_row::ProblemRow;
use adw::prelude::*;
use gtk::{gdk, glib};
use std::cell::RefCell;
use std::rc::Rc;

pub struct TextRow {
    pub row: adw::EntryRow,
    problem: ProblemRow,
    in_force: RefCell<String>,
}

impl TextRow {
    /// `check` says what is wrong with a text; `apply` gets one that nothing is wrong with, and calls
    /// [`TextRow::follow`] when it is in force. Neither sees spaces around it.
    pub fn new(
        title: &str,
        check: impl Fn(&str) -> Option<String> + 'static,
        apply: impl Fn(&Rc<Self>, String) + 'static,
    ) -> Rc<Self> {
        let row = adw::EntryRow::builder().title(title).use_markup(false).show_apply_button(true).build();
        let this = Rc::new(Self { problem: ProblemRow::new(), row, in_force: RefCell::default() });
        let check = Rc::new(check);

        let (weak, checked) = (Rc::downgrade(&this), check.clone());
        this.row.connect_changed(move |row| {
            if let Some(this) = weak.upgrade() {
                // What is in force is right, or it is not the user's doing.
                let problem = if this.is_typed() { checked(row.text().trim()) } else { None };
                this.set_problem(problem.as_deref());
            }
        });
        let weak = Rc::downgrade(&this);
        let applied = Rc::new(move |row: &adw::EntryRow| {
            let Some(this) = weak.upgrade().filter(|this| this.is_typed()) else { return };
            let text = row.text().trim().to_owned();
            match check(&text) {
                None => {
                    row.set_text(&text);
                    apply(&this, text);
                }
                problem => this.set_problem(problem.as_deref()),
            }
        });
        // The row has its button, and emits this, only for text that was typed with its own keys.
        let entered = applied.clone();
        this.row.connect_apply(move |row| applied(row));
        this.row.connect_entry_activated(move |row| entered(row));

        let keys = gtk::EventControllerKey::new();
        keys.set_propagation_phase(gtk::PropagationPhase::Capture);
        let weak = Rc::downgrade(&this);
        keys.connect_key_pressed(move |_, key, _, _| match weak.upgrade() {
            Some(this) if key == gdk::Key::Escape && this.is_typed() => {
                this.reset();
                glib::Propagation::Stop
            }
            _ => glib::Propagation::Proceed,
        });
        this.row.add_controller(keys);
        this
    }

    pub fn add_to(&self, group: &adw::PreferencesGroup) {
        group.add(&self.row);
        group.add(&self.problem);
    }

    pub fn remove_from(&self, group: &adw::PreferencesGroup) {
        group.remove(&self.row);
        group.remove(&self.problem);
    }

    /// What was typed is forgotten where the row is hidden.
    pub fn set_visible(&self, visible: bool) {
        self.row.set_visible(visible);
        if !visible {
            self.reset();
        }
    }

    /// Follows what is in force.
    pub fn show(&self, text: &str) {
        let typed = self.is_typed();
        self.in_force.replace(text.to_owned());
        if !typed || self.row.text() == text {
            self.reset();
        }
    }

    /// This text was applied: it is not being typed any more, and becomes what comes of it.
    pub fn follow(&self, text: &str) {
        if self.row.text() == text {
            self.in_force.replace(text.to_owned());
        }
    }

    pub fn set_problem(&self, sentence: Option<&str>) {
        self.problem.mark(&self.row, sentence);
    }

    fn is_typed(&self) -> bool {
        self.row.text() != *self.in_force.borrow()
    }

    fn reset(&self) {
        let text = self.in_force.borrow().clone();
        // Setting it to what it is moves the cursor.
        if self.row.text() != text {
            self.row.set_text(&text);
        }
        self.set_problem(None);
        // Nothing is left to apply.
        self.row.set_show_apply_button(false);
        self.row.set_show_apply_button(true);
    }
}
