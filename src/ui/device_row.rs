//! A row to choose a device from those that are plugged in now. One that is in force is listed while it is away, too.

use crate::config::Microphone;
use crate::engine::{Devices, Engine};
use crate::i18n::gettext;
use crate::words;
use adw::prelude::*;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub struct DeviceRow<T> {
    pub row: adw::ComboRow,
    engine: Engine,
    kind: Kind<T>,
    names: gtk::StringList,
    values: RefCell<Vec<T>>,
    /// What is chosen, once something is.
    shown: RefCell<Option<T>>,
    /// Why what is chosen does not work.
    problem: RefCell<Option<String>>,
    /// The row is set, not chosen from.
    filling: Cell<bool>,
    /// On the engine, which outlives the row.
    handler: RefCell<Option<glib::SignalHandlerId>>,
}

/// What sets the rows apart.
struct Kind<T> {
    known: fn(&Engine) -> Devices,
    /// What is said where there is nothing to choose.
    say: fn(&Devices) -> Option<String>,
    /// What can be chosen whatever is plugged in.
    always: Vec<(T, String)>,
    named: fn(&str) -> T,
    name: fn(&T) -> &str,
}

/// The name of a camera.
pub type CameraRow = DeviceRow<String>;
/// A microphone, or none.
pub type MicrophoneRow = DeviceRow<Option<Microphone>>;

impl CameraRow {
    /// `chosen` is called when the user has chosen another one.
    pub fn of_cameras(engine: &Engine, chosen: impl Fn(String) + 'static) -> Rc<Self> {
        let kind = Kind {
            known: Engine::cameras,
            say: words::cameras,
            always: vec![],
            named: str::to_owned,
            name: String::as_str,
        };
        let this = Self::new(engine, &gettext("Camera"), kind, chosen);
        this.follow(|engine, list| engine.connect_cameras_notify(move |_| list()));
        this
    }
}

impl MicrophoneRow {
    /// `chosen` is called when the user has chosen another one, or none.
    pub fn of_microphones(engine: &Engine, chosen: impl Fn(Option<Microphone>) + 'static) -> Rc<Self> {
        let kind = Kind {
            known: Engine::microphones,
            say: words::microphones,
            always: vec![
                // Translators: no microphone.
                (None, gettext("None")),
                // Translators: the microphone that the desktop uses.
                (Some(Microphone::Auto), gettext("Automatic")),
            ],
            named: |name| Some(Microphone::Name(name.into())),
            name: |microphone| match microphone {
                Some(Microphone::Name(name)) => name,
                Some(Microphone::Auto) | None => "",
            },
        };
        let this = Self::new(engine, &gettext("Microphone"), kind, chosen);
        this.follow(|engine, list| engine.connect_microphones_notify(move |_| list()));
        this.show(None);
        this
    }
}

impl<T: Clone + PartialEq + 'static> DeviceRow<T> {
    fn new(engine: &Engine, title: &str, kind: Kind<T>, chosen: impl Fn(T) + 'static) -> Rc<Self> {
        let names = gtk::StringList::new(&[]);
        let row = adw::ComboRow::builder().title(title).use_markup(false).model(&names).build();
        let this = Rc::new(Self {
            row,
            engine: engine.clone(),
            kind,
            names,
            values: RefCell::default(),
            shown: RefCell::default(),
            problem: RefCell::default(),
            filling: Cell::new(false),
            handler: RefCell::default(),
        });
        let weak = Rc::downgrade(&this);
        this.row.connect_selected_notify(move |row| {
            let Some(this) = weak.upgrade().filter(|this| !this.filling.get()) else { return };
            let value = this.values.borrow().get(row.selected() as usize).cloned();
            if value.is_some()
                && this.shown.replace(value.clone()) != value
                && let Some(value) = value
            {
                chosen(value);
            }
        });
        this
    }

    fn follow(self: &Rc<Self>, connect: impl FnOnce(&Engine, Box<dyn Fn()>) -> glib::SignalHandlerId) {
        let weak = Rc::downgrade(self);
        let list = move || {
            if let Some(this) = weak.upgrade() {
                this.list();
            }
        };
        self.handler.replace(Some(connect(&self.engine, Box::new(list))));
    }

    /// What is chosen, once something is.
    pub fn chosen(&self) -> Option<T> {
        self.shown.borrow().clone()
    }

    /// Shows what is in force.
    pub fn show(&self, value: T) {
        self.shown.replace(Some(value));
        self.list();
    }

    /// Shows that nothing is chosen yet.
    pub fn show_none(&self) {
        self.shown.take();
        self.list();
    }

    /// Says why what is chosen does not work.
    pub fn show_problem(&self, problem: Option<String>) {
        self.problem.replace(problem);
        self.list();
    }

    fn list(&self) {
        let (devices, shown) = ((self.kind.known)(&self.engine), self.shown.borrow().clone());
        let mut listed = self.kind.always.clone();
        if let Devices::Found(names) = &devices {
            listed.extend(names.iter().map(|name| ((self.kind.named)(name), name.clone())));
        }
        if let Some(shown) = &shown
            && listed.iter().all(|(value, _)| value != shown)
        {
            listed.push((shown.clone(), (self.kind.name)(shown).to_owned()));
        }
        let (values, names): (Vec<T>, Vec<String>) = listed.into_iter().unzip();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let place = shown.and_then(|shown| values.iter().position(|value| *value == shown));
        self.filling.set(true);
        let before = (0..self.names.n_items()).filter_map(|place| self.names.string(place));
        if before.ne(names.iter().copied()) {
            self.names.splice(0, self.names.n_items(), &names);
        }
        self.row.set_sensitive(!values.is_empty());
        self.values.replace(values);
        self.row.set_selected(place.map_or(gtk::INVALID_LIST_POSITION, |place| place as u32));
        self.filling.set(false);
        let sentence = self.problem.borrow().clone().or_else(|| (self.kind.say)(&devices));
        self.row.set_subtitle(&sentence.unwrap_or_default());
    }
}

impl<T> Drop for DeviceRow<T> {
    fn drop(&mut self) {
        if let Some(handler) = self.handler.take() {
            self.engine.disconnect(handler);
        }
    }
}
