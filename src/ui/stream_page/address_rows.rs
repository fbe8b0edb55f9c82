//! Where the stream can be watched: a row for the likely place, and one for each other place below it.

use super::form::Form;
use crate::engine::Place;
use crate::i18n::{gettext, gettext_f};
use crate::ui::address_dialog::AddressDialog;
use crate::ui::given_address;
use crate::words;
use adw::prelude::*;
use std::cell::RefCell;

/// What the rows are made of.
#[derive(Clone, PartialEq, Eq)]
struct Shown {
    places: Vec<Place>,
    path: String,
    /// Whether it is read without encryption, and with.
    ways: (bool, bool),
    logins: Vec<String>,
}

pub struct AddressRows {
    form: Form,
    group: adw::PreferencesGroup,
    shown: RefCell<Option<Shown>>,
    rows: RefCell<Vec<gtk::Widget>>,
}

impl AddressRows {
    /// The rows are added to this group.
    pub fn new(form: &Form, group: &adw::PreferencesGroup) -> Self {
        Self { form: form.clone(), group: group.clone(), shown: RefCell::default(), rows: RefCell::default() }
    }

    pub fn show(&self) {
        let (control, stream) = (self.form.control(), self.form.stream());
        let places = control.engine().places().iter().cloned().collect();
        let ways = (stream.plain(), stream.encrypted());
        let shown = Shown { places, path: stream.path(), ways, logins: control.logins(&stream.id()) };
        // Whoever is at one of the rows stays there.
        if self.shown.borrow().as_ref() == Some(&shown) {
            return;
        }
        for row in self.rows.take() {
            self.group.remove(&row);
        }
        let mut rows = Vec::<gtk::Widget>::new();
        match shown.places.split_first() {
            // Without a server there is no address; its path is what will come back.
            None => rows.push(property_row(&gettext("Address"), &shown.path).upcast()),
            Some((likely, others)) => {
                let title = if likely.is_this_computer() {
                    gettext("Address on This Computer")
                } else {
                    // Translators: {interface} is a network interface, such as “eth0”.
                    gettext_f("Address on {interface}", &[("interface", &likely.interface)])
                };
                rows.extend(self.rows_of(&title, likely, &shown).into_iter().map(Cast::upcast));
                if !others.is_empty() {
                    let more = adw::ExpanderRow::builder().title(gettext("Other Addresses")).build();
                    for place in others {
                        let rows = self.rows_of(&words::place(place), place, &shown);
                        rows.iter().for_each(|row| more.add_row(row));
                    }
                    rows.push(more.upcast());
                }
            }
        }
        rows.iter().for_each(|row| self.group.add(row));
        self.rows.replace(rows);
        self.shown.replace(Some(shown));
    }

    /// One for each address there: the stream may be read without encryption, and with.
    fn rows_of(&self, title: &str, place: &Place, shown: &Shown) -> Vec<adw::ActionRow> {
        let addresses = place.addresses(self.form.stream());
        let row = |address: String| {
            // Translators: {place} is a title, such as “Address on eth0”.
            let encrypted = || gettext_f("{place}, Encrypted", &[("place", title)]);
            let title = if address.starts_with("rtsps:") { encrypted() } else { title.to_owned() };
            self.row(&title, place, address, shown)
        };
        addresses.into_iter().map(row).collect()
    }

    fn row(&self, title: &str, place: &Place, address: String, shown: &Shown) -> adw::ActionRow {
        let row = property_row(title, &address);
        let words = [("address", address.as_str())];

        if !shown.logins.is_empty() {
            let (control, given) = (self.form.control().clone(), address.clone());
            let copy = gio::SimpleAction::new("copy-with-password", Some(glib::VariantTy::STRING));
            let weak = row.downgrade();
            copy.connect_activate(move |_, user| {
                if let (Some(row), Some(user)) = (weak.upgrade(), user.and_then(|user| user.str())) {
                    given_address::copy_with_password(&row, &control, &given, user);
                }
            });
            let actions = gio::SimpleActionGroup::new();
            actions.add_action(&copy);
            row.insert_action_group("address", Some(&actions));
            let menu = gio::Menu::new();
            // Translators: the title of a list of users.
            let title = gettext("Copy With the Password Of");
            menu.append_section(
                Some(&title),
                &given_address::users_menu(&shown.logins, "address.copy-with-password"),
            );
            let button = gtk::MenuButton::builder()
                .icon_name("dialog-password-symbolic")
                .menu_model(&menu)
                .tooltip_text(gettext("Copy Address With Password"))
                .valign(gtk::Align::Center)
                .css_classes(["flat"])
                .build();
            let name = gettext_f("Copy {address} with a password", &words);
            button.update_property(&[gtk::accessible::Property::Label(&name)]);
            row.add_suffix(&button);
        }

        let (form, at) = (self.form.clone(), place.clone());
        let name = gettext_f("Show the QR code of {address}", &words);
        let encrypted = address.starts_with("rtsps:");
        row.add_suffix(&button("qr-code-symbolic", &gettext("Show QR Code"), &name, move |button| {
            let dialog = AddressDialog::new(form.control(), form.stream(), Some(&at));
            dialog.set_encrypted(encrypted);
            dialog.present(Some(button));
        }));
        let name = gettext_f("Copy {address}", &words);
        row.add_suffix(&button("edit-copy-symbolic", &gettext("Copy Address"), &name, move |button| {
            given_address::copy(button, &address);
        }));
        row
    }
}

fn property_row(title: &str, subtitle: &str) -> adw::ActionRow {
    let row = adw::ActionRow::builder().use_markup(false).css_classes(["property"]).build();
    row.set_title(title);
    row.set_subtitle(subtitle);
    row
}

fn button(icon: &str, tooltip: &str, name: &str, press: impl Fn(&gtk::Button) + 'static) -> gtk::Button {
    let button = gtk::Button::builder()
        .icon_name(icon)
        .tooltip_text(tooltip)
        .valign(gtk::Align::Center)
        .css_classes(["flat"])
        .build();
    button.update_property(&[gtk::accessible::Property::Label(name)]);
    button.connect_clicked(press);
    button
}
