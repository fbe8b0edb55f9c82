//! A row to choose one of several values. What is in force and not among them has an entry of its own.

use adw::prelude::*;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub struct ChoiceRow<T> {
    pub row: adw::ComboRow,
    names: gtk::StringList,
    values: RefCell<Vec<T>>,
    /// How many are always there.
    listed: usize,
    /// What is shown; none before that is known.
    shown: RefCell<Option<T>>,
    /// The row is set, not chosen from.
    filling: Cell<bool>,
}

impl<T: Clone + PartialEq + 'static> ChoiceRow<T> {
    pub fn new(
        title: &str,
        choices: impl IntoIterator<Item = (T, String)>,
        chosen: impl Fn(T) + 'static,
    ) -> Rc<Self> {
        let (values, words): (Vec<T>, Vec<String>) = choices.into_iter().unzip();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let names = gtk::StringList::new(&words);
        let row = adw::ComboRow::builder().title(title).model(&names).build();
        let this = Rc::new(Self {
            row,
            names,
            listed: values.len(),
            values: RefCell::new(values),
            shown: RefCell::new(None),
            filling: Cell::new(false),
        });
        let weak = Rc::downgrade(&this);
        this.row.connect_selected_notify(move |row| {
            let Some(this) = weak.upgrade().filter(|this| !this.filling.get()) else { return };
            let value = this.values.borrow().get(row.selected() as usize).cloned();
            // The row also tells of its selection when its list is filtered, or made.
            let before = this.shown.borrow().clone();
            if let Some(value) = value.filter(|value| before.is_some_and(|before| before != *value)) {
                this.shown.replace(Some(value.clone()));
                chosen(value);
            }
        });
        this
    }

    /// Shows what is in force; `name` is asked where it is not among the choices.
    pub fn show(&self, value: &T, name: impl FnOnce(&T) -> String) {
        let mut values = self.values.borrow_mut();
        self.shown.replace(Some(value.clone()));
        let known = values.iter().position(|listed| listed == value);
        self.filling.set(true);
        let place = known.unwrap_or_else(|| {
            values.truncate(self.listed);
            values.push(value.clone());
            let others = self.names.n_items() - self.listed as u32;
            self.names.splice(self.listed as u32, others, &[&name(value)]);
            self.listed
        });
        drop(values);
        self.row.set_selected(place as u32);
        self.filling.set(false);
    }
}
