//! A row to choose a camera from those that are plugged in now. One that is in force is listed while it is away, too.

use crate::engine::{Devices, Engine};
use crate::i18n::gettext;
use crate::words;
use adw::prelude::*;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub struct CameraRow {
    pub row: adw::ComboRow,
    engine: Engine,
    names: gtk::StringList,
    /// Empty before one is chosen.
    shown: RefCell<String>,
    /// The row is set, not chosen from.
    filling: Cell<bool>,
    /// On the engine, which outlives the row.
    handler: RefCell<Option<glib::SignalHandlerId>>,
}

impl CameraRow {
    /// `chosen` is called when the user has chosen another one.
    pub fn new(engine: &Engine, chosen: impl Fn(&str) + 'static) -> Rc<Self> {
        let names = gtk::StringList::new(&[]);
        let row = adw::ComboRow::builder().title(gettext("Camera")).model(&names).build();
        let this = Rc::new(Self {
            row,
            engine: engine.clone(),
            names,
            shown: RefCell::default(),
            filling: Cell::new(false),
            handler: RefCell::default(),
        });
        let weak = Rc::downgrade(&this);
        this.row.connect_selected_notify(move |row| {
            let Some(this) = weak.upgrade().filter(|this| !this.filling.get()) else { return };
            let name = this.names.string(row.selected()).map(String::from).unwrap_or_default();
            if !name.is_empty() && this.shown.replace(name.clone()) != name {
                chosen(&name);
            }
        });
        let weak = Rc::downgrade(&this);
        let handler = engine.connect_cameras_notify(move |_| {
            if let Some(this) = weak.upgrade() {
                this.list();
            }
        });
        this.handler.replace(Some(handler));
        this
    }

    /// The one that is chosen; empty before that.
    pub fn name(&self) -> String {
        self.shown.borrow().clone()
    }

    /// Shows the one that is in force.
    pub fn show(&self, name: &str) {
        self.shown.replace(name.into());
        self.list();
    }

    fn list(&self) {
        let (cameras, shown) = (self.engine.cameras(), self.shown.borrow().clone());
        let mut names = match &cameras {
            Devices::Found(names) => names.clone(),
            Devices::Unknown | Devices::Failed { .. } => vec![],
        };
        if !shown.is_empty() && !names.contains(&shown) {
            names.push(shown.clone());
        }
        let listed: Vec<&str> = names.iter().map(String::as_str).collect();
        let place = names.iter().position(|name| *name == shown);
        self.filling.set(true);
        let before = (0..self.names.n_items()).filter_map(|place| self.names.string(place));
        if before.ne(listed.iter().copied()) {
            self.names.splice(0, self.names.n_items(), &listed);
        }
        self.row.set_selected(place.map_or(gtk::INVALID_LIST_POSITION, |place| place as u32));
        self.filling.set(false);
        self.row.set_sensitive(!names.is_empty());
        self.row.set_subtitle(&words::cameras(&cameras).unwrap_or_default());
    }
}

impl Drop for CameraRow {
    fn drop(&mut self) {
        if let Some(handler) = self.handler.take() {
            self.engine.disconnect(handler);
        }
    }
}
