//! What a relay needs: the address of the other stream, how it is fetched, and who logs in there.

use super::choice_row::ChoiceRow;
use super::form::Form;
use super::text_row::TextRow;
use crate::config::{
    Link, Password, Place, RelaySource, Source, StreamConfig, StreamField, Transport, relay_key,
};
use crate::i18n::gettext;
use crate::ui::direction;
use crate::ui::error_text::secret_error;
use crate::ui::password_row;
use crate::ui::problem_row::ProblemRow;
use crate::ui::toasts;
use adw::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;

pub struct RelayRows {
    address: Rc<TextRow>,
    transport: Rc<ChoiceRow<Transport>>,
    user: Rc<TextRow>,
    password: adw::PasswordEntryRow,
    password_problem: ProblemRow,
    /// The password that was filled in last: another text was typed.
    password_shown: Rc<RefCell<String>>,
    form: Form,
}

impl RelayRows {
    pub fn new(form: &Form) -> Self {
        let address = address_row(form);
        direction::keep_typed(&address.row);
        let chosen = form.clone();
        let transports = [
            (Transport::Auto, gettext("Automatic")),
            (Transport::Tcp, gettext("TCP")),
            (Transport::Udp, gettext("UDP")),
        ];
        let transport = ChoiceRow::new(&gettext("Transport"), transports, move |transport| {
            chosen.choose(move |stream| edit(stream, |relay| relay.transport = transport));
        });
        let user = user_row(form);
        let password = adw::PasswordEntryRow::builder()
            .title(gettext("Password for the Other Stream"))
            .show_apply_button(true)
            .build();
        let rows = Self {
            address,
            transport,
            user,
            password,
            password_problem: ProblemRow::new(),
            password_shown: Rc::default(),
            form: form.clone(),
        };
        rows.follow_password();
        rows
    }

    pub fn add_to(&self, group: &adw::PreferencesGroup) {
        self.address.add_to(group);
        group.add(&self.transport.row);
        self.user.add_to(group);
        group.add(&self.password);
        group.add(&self.password_problem);
    }

    pub fn show(&self, stream: &StreamConfig) {
        let Source::Relay(relay) = &stream.source else {
            return self.set_visible(false, false, false);
        };
        let is_rtsp = Place::of(&relay.address).is_some_and(|place| place.is_rtsp());
        self.address.show(&relay.address);
        self.transport.show(&relay.transport, |_| String::new());
        self.user.show(&relay.user);
        self.show_password(&relay_key(&stream.id));
        self.set_visible(true, is_rtsp, !relay.user.is_empty());
    }

    /// Asks for an address: with it the stream becomes a relay.
    pub fn ask(&self) {
        self.address.show("");
        self.set_visible(true, false, false);
        self.user.set_visible(false);
        self.address.row.grab_focus();
    }

    fn set_visible(&self, relay: bool, transport: bool, password: bool) {
        self.address.set_visible(relay);
        self.transport.row.set_visible(transport);
        self.user.set_visible(relay);
        self.password.set_visible(password);
        if !password {
            self.password_problem.set_visible(false);
        }
    }

    fn show_password(&self, key: &str) {
        let password = self.form.control().password(key);
        let password = password.as_ref().map_or("", Password::reveal);
        let shown = self.password_shown.replace(password.into());
        if self.password.text() == shown {
            // Nothing is typed that could be applied.
            self.password.set_show_apply_button(false);
            self.password.set_text(password);
            self.password.set_show_apply_button(true);
        }
        mark_password(&self.password, &self.password_problem, &self.password_shown.borrow());
    }

    fn follow_password(&self) {
        let (problem, shown) = (self.password_problem.clone(), self.password_shown.clone());
        self.password.connect_changed(move |row| mark_password(row, &problem, &shown.borrow()));
        let form = self.form.clone();
        self.password.connect_apply(move |row| {
            if password_row::problem(row).is_some() {
                return;
            }
            let password = Password::from(row.text().as_str());
            let (form, row) = (form.clone(), row.clone());
            glib::spawn_future_local(async move { keep_password(&form, &row, password).await });
        });
    }
}

fn mark_password(row: &adw::PasswordEntryRow, problem: &ProblemRow, shown: &str) {
    let sentence = match row.text() {
        text if text != shown => password_row::problem(row),
        text if text.is_empty() => Some(gettext("Without its password the other stream cannot be watched.")),
        _ => None,
    };
    problem.mark(row, sentence.as_deref());
}

async fn keep_password(form: &Form, toast: &impl IsA<gtk::Widget>, password: Password) {
    let key = relay_key(&form.stream().id());
    match form.control().set_password(&key, password).await {
        Ok(()) => toasts::say(toast, &gettext("Password set")),
        Err(error) => toasts::say(toast, &secret_error(&error)),
    }
}

/// A stream that is no relay becomes one.
fn edit(stream: &mut StreamConfig, change: impl FnOnce(&mut RelaySource)) {
    let mut relay = match &stream.source {
        Source::Relay(relay) => relay.clone(),
        _ => RelaySource::default(),
    };
    change(&mut relay);
    stream.source = Source::Relay(relay);
}

fn set_link(stream: &mut StreamConfig, link: &Link) {
    edit(stream, |relay| {
        relay.address = link.address.clone();
        if !link.user.is_empty() {
            relay.user = link.user.clone();
        }
    });
}

/// A login in an address that is written here goes to its own rows.
fn address_row(form: &Form) -> Rc<TextRow> {
    let (checked, applied) = (form.clone(), form.clone());
    TextRow::new(
        &gettext("Address of the Other Stream"),
        move |text| {
            let link = Link::new(text);
            checked.problem(|field| field == StreamField::Address, |stream| set_link(stream, &link))
        },
        move |row, text| {
            let (form, row) = (applied.clone(), row.clone());
            glib::spawn_future_local(async move {
                let mut link = Link::new(&text);
                if let Some(password) = link.password.take() {
                    keep_password(&form, &row.row, password).await;
                }
                form.write(&row, move |stream| set_link(stream, &link)).await;
            });
        },
    )
}

fn user_row(form: &Form) -> Rc<TextRow> {
    let (checked, applied) = (form.clone(), form.clone());
    let write = |stream: &mut StreamConfig, user: &str| edit(stream, |relay| relay.user = user.to_owned());
    TextRow::new(
        &gettext("User for the Other Stream"),
        move |text| checked.problem(|field| field == StreamField::Login, |stream| write(stream, text)),
        move |row, text| {
            let (form, row) = (applied.clone(), row.clone());
            glib::spawn_future_local(async move {
                form.write(&row, move |stream| write(stream, &text)).await;
            });
        },
    )
}
