//! A switch that tells when it is used, and not when it is set.

use adw::prelude::*;

pub struct SwitchRow {
    pub row: adw::SwitchRow,
    handler: glib::SignalHandlerId,
}

impl SwitchRow {
    /// `used` is told how it stands then.
    pub fn new(title: &str, used: impl Fn(bool) + 'static) -> Self {
        let row = adw::SwitchRow::builder().title(title).use_markup(false).build();
        let handler = row.connect_active_notify(move |row| used(row.is_active()));
        Self { row, handler }
    }

    /// Shows what is in force.
    pub fn show(&self, active: bool) {
        self.row.block_signal(&self.handler);
        self.row.set_active(active);
        self.row.unblock_signal(&self.handler);
    }
}
