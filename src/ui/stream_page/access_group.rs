//! Who may watch, and how they log in.

use super::choice_row::ChoiceRow;
use super::form::Form;
use super::source_group::button;
use super::switch_row::SwitchRow;
use super::user_dialog;
use crate::config::{Readers, Scheme, StreamConfig, User};
use crate::engine::AccessState;
use crate::i18n::{gettext, gettext_f};
use crate::ui::error_text::secret_error;
use crate::ui::readers_question::{self, Answer};
use crate::ui::toasts;
use crate::words;
use adw::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;

/// Those that a person chooses from; a file can have any other list.
///
/// Many recorders know only MD5 or only Basic, and some stumble over an algorithm that they do not know.
const SCHEMES: [&[Scheme]; 5] = [
    &[Scheme::Digest],
    &[Scheme::DigestMd5, Scheme::Basic],
    &[Scheme::DigestSha256],
    &[Scheme::DigestMd5],
    &[Scheme::Basic],
];

pub struct AccessGroup {
    pub widget: adw::PreferencesGroup,
    form: Form,
    /// Whether anyone may watch.
    open: Rc<ChoiceRow<bool>>,
    add_user: adw::ButtonRow,
    schemes: Rc<ChoiceRow<Vec<Scheme>>>,
    state: adw::ActionRow,
    unlock: gtk::Button,
    users: RefCell<Vec<User>>,
    rows: RefCell<Vec<SwitchRow>>,
}

impl AccessGroup {
    pub fn new(form: &Form) -> Self {
        let widget = adw::PreferencesGroup::builder().title(gettext("Access")).build();

        let chosen = form.clone();
        let choices = [(true, gettext("Anyone")), (false, gettext("Users with a password"))];
        let open = ChoiceRow::new(&gettext("Who Can Watch"), choices, move |open| {
            if open {
                chosen.choose(|stream| stream.access.read = Readers::Anyone);
            } else {
                protect(&chosen);
            }
        });

        let add_user = adw::ButtonRow::builder()
            .title(gettext("Add User…"))
            .start_icon_name("list-add-symbolic")
            .build();
        let chosen = form.clone();
        add_user.connect_activated(move |_| {
            glib::spawn_future_local(new_user(chosen.clone()));
        });

        let chosen = form.clone();
        let presets = SCHEMES.map(|schemes| (schemes.to_vec(), words::schemes(schemes)));
        let schemes = ChoiceRow::new(&gettext("Login"), presets, move |schemes| {
            chosen.choose(move |stream| stream.access.schemes = schemes.clone());
        });

        let state = adw::ActionRow::builder().use_markup(false).css_classes(["property"]).build();
        let unlock = gtk::Button::builder().label(gettext("Unlock")).valign(gtk::Align::Center).build();
        let asked = form.clone();
        unlock.connect_clicked(move |_| {
            let form = asked.clone();
            glib::spawn_future_local(async move {
                if let (Err(error), Some(page)) = (form.control().unlock().await, form.page()) {
                    toasts::say(&page, &secret_error(&error));
                }
            });
        });
        state.add_suffix(&unlock);

        widget.add(&open.row);
        widget.add(&add_user);
        widget.add(&schemes.row);
        widget.add(&state);
        Self {
            widget,
            form: form.clone(),
            open,
            add_user,
            schemes,
            state,
            unlock,
            users: RefCell::default(),
            rows: RefCell::default(),
        }
    }

    pub fn show(&self, stream: &StreamConfig) {
        let users = self.form.control().config().users;
        if *self.users.borrow() != users {
            self.make_rows(&users);
        }
        let readers = match &stream.access.read {
            Readers::Anyone => None,
            Readers::Users(readers) => Some(readers),
        };
        self.open.show(&readers.is_none(), |_| String::new());
        for (row, user) in self.rows.borrow().iter().zip(&users) {
            row.row.set_visible(readers.is_some());
            row.show(readers.is_some_and(|readers| readers.contains(&user.name)));
        }
        self.add_user.set_visible(readers.is_some());
        self.schemes.row.set_visible(readers.is_some());
        self.schemes.show(&stream.access.schemes, |schemes| words::schemes(schemes));
    }

    pub fn show_state(&self, state: &AccessState) {
        let words = words::access_state(state);
        self.state.set_title(&words.title);
        self.state.set_subtitle(&words.detail.unwrap_or_default());
        self.unlock.set_visible(*state == AccessState::KeyringLocked);
    }

    fn make_rows(&self, users: &[User]) {
        self.users.replace(users.to_vec());
        for row in self.rows.take() {
            self.widget.remove(&row.row);
        }
        let below = [
            self.add_user.upcast_ref::<gtk::Widget>(),
            self.schemes.row.upcast_ref(),
            self.state.upcast_ref(),
        ];
        below.iter().for_each(|row| self.widget.remove(*row));
        let rows: Vec<SwitchRow> = users.iter().map(|user| self.user_row(&user.name)).collect();
        rows.iter().for_each(|row| self.widget.add(&row.row));
        below.iter().for_each(|row| self.widget.add(*row));
        self.rows.replace(rows);
    }

    fn user_row(&self, user: &str) -> SwitchRow {
        let (form, name) = (self.form.clone(), user.to_owned());
        let row = SwitchRow::new(user, move |may| {
            let name = name.clone();
            if may {
                form.choose(move |stream| stream.access.read.allow(&name, true));
            } else {
                glib::spawn_future_local(take_right(form.clone(), name));
            }
        });
        let (form, name) = (self.form.clone(), user.to_owned());
        // Translators: {user} is the name of a user.
        let title = gettext_f("Set the password of {user}", &[("user", user)]);
        row.row.add_suffix(&button("dialog-password-symbolic", &title, move || {
            glib::spawn_future_local(set_password(form.clone(), name.clone()));
        }));
        row
    }
}

/// Lets in who has a password: the first user, to whom others can be added; or a new one, where there is none.
fn protect(form: &Form) {
    match form.control().config().users.first().cloned() {
        Some(user) => form.choose(move |stream| stream.access.read.allow(&user.name, true)),
        None => {
            glib::spawn_future_local(new_user(form.clone()));
        }
    }
}

/// Adds a user who may watch this stream.
async fn new_user(form: Form) {
    let Some(page) = form.page() else { return };
    let Some((name, password)) = user_dialog::ask_new(&page, form.control()).await else {
        // Anyone may still watch, if that was so.
        return form.refresh();
    };
    // The password first: a name alone would let in who knows an older password of that name.
    if let Err(error) = form.control().set_password(&name, password).await {
        toasts::say(&page, &secret_error(&error));
        return form.refresh();
    }
    let id = form.stream().id();
    let added = form.control().change(|config| {
        config.users.push(User { name: name.clone() });
        if let Some(stream) = config.stream_mut(&id) {
            stream.access.read.allow(&name, true);
        }
    });
    if let Err(error) = added.await {
        form.say_error(&error);
        form.refresh();
    }
}

async fn take_right(form: Form, user: String) {
    let Some(page) = form.page() else { return };
    let _under_way = form.begin();
    let (engine, id) = (form.control().engine().clone(), form.stream().id());
    let viewers = engine.readers_of(&user, Some(&id));
    let answer = readers_question::ask(&page, &gettext("Take the Right Away?"), viewers).await;
    if answer == Answer::Cancel {
        return;
    }
    let name = user.clone();
    match form.change(move |stream| stream.access.read.allow(&name, false)).await {
        Ok(()) if answer == Answer::SendAway => engine.send_away(&user, Some(&id)),
        Ok(()) => {}
        Err(error) => form.say_error(&error),
    }
}

async fn set_password(form: Form, user: String) {
    let Some(page) = form.page() else { return };
    let current = form.control().password(&user);
    let Some(password) = user_dialog::ask_password(&page, &user, current).await else { return };
    let engine = form.control().engine().clone();
    let viewers = engine.readers_of(&user, None);
    let answer = readers_question::ask(&page, &gettext("Change the Password?"), viewers).await;
    if answer == Answer::Cancel {
        return;
    }
    match form.control().set_password(&user, password).await {
        Ok(()) => {
            if answer == Answer::SendAway {
                engine.send_away(&user, None);
            }
            toasts::say(&page, &gettext("Password set"));
        }
        Err(error) => toasts::say(&page, &secret_error(&error)),
    }
}
