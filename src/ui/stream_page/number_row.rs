//! A number that is chosen: what it is when no step came for a while is what was meant.

use super::form::Form;
use super::steps::Steps;
use adw::prelude::*;
use std::rc::Rc;

pub struct NumberRow {
    pub row: adw::SpinRow,
    handler: glib::SignalHandlerId,
    pub steps: Rc<Steps>,
}

impl NumberRow {
    /// Its steps are those of the adjustment. `chosen` is not told what is only shown.
    pub fn new(
        form: &Form,
        title: &str,
        adjustment: &gtk::Adjustment,
        chosen: impl Fn(u32) + 'static,
    ) -> Self {
        let row = adw::SpinRow::builder()
            .title(title)
            .adjustment(adjustment)
            // libadwaita 1.7 gives it the role "none", with which GTK leaves it out for screen readers.
            .accessible_role(gtk::AccessibleRole::Group)
            .build();
        let (steps, chosen) = (Rc::new(Steps::default()), Rc::new(chosen));
        let (form, stepped) = (form.clone(), steps.clone());
        let handler = row.connect_value_notify(move |row| {
            let (number, chosen) = (row.value() as u32, chosen.clone());
            stepped.step(&form, move || chosen(number));
        });
        Self { row, handler, steps }
    }

    /// Shows what is in force.
    pub fn show(&self, number: u32) {
        self.row.block_signal(&self.handler);
        self.row.set_value(number.into());
        self.row.unblock_signal(&self.handler);
    }
}
