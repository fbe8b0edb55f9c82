//! Who may send into a stream that is published, who does, and how.

use super::choice_row::ChoiceRow;
use super::form::Form;
use super::source_group::button;
use super::switch_row::SwitchRow;
use crate::config::{Readers, Source, StreamConfig};
use crate::i18n::gettext;
use crate::ui::{send_away, toasts};
use crate::words;
use adw::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;

pub struct PublishGroup {
    pub widget: adw::PreferencesGroup,
    form: Form,
    state: adw::ActionRow,
    /// Sends away who sends.
    menu: RefCell<Option<gtk::MenuButton>>,
    /// What sends a file, as a command.
    command: adw::ActionRow,
    /// Whether anyone may send.
    open: Rc<ChoiceRow<bool>>,
    users: RefCell<Vec<String>>,
    rows: RefCell<Vec<SwitchRow>>,
}

impl PublishGroup {
    pub fn new(form: &Form) -> Self {
        let widget = adw::PreferencesGroup::builder().title(gettext("Sending")).build();
        let state = adw::ActionRow::builder().use_markup(false).build();
        let command = adw::ActionRow::builder()
            .use_markup(false)
            .css_classes(["property"])
            .title(gettext("Command That Sends a File"))
            .build();
        let copied = form.clone();
        command.add_suffix(&button("edit-copy-symbolic", &gettext("Copy the Command"), move || {
            let (Some(page), Some(command)) = (copied.page(), command_of(&copied, true)) else { return };
            page.clipboard().set_text(&command);
            toasts::say(&page, &gettext("Command copied, with the password where one is asked for"));
        }));

        let chosen = form.clone();
        let choices = [(true, gettext("Anyone")), (false, gettext("Users with a password"))];
        let open = ChoiceRow::new(&gettext("Who Can Send"), choices, move |open| {
            let first = chosen.control().config().users.first().map(|user| user.name.clone());
            chosen.choose(move |stream| {
                let users = Readers::Users(first.iter().cloned().collect());
                stream.access.publish = Some(if open { Readers::Anyone } else { users });
            });
        });
        widget.add(&state);
        widget.add(&command);
        widget.add(&open.row);
        Self {
            widget,
            form: form.clone(),
            state,
            menu: RefCell::default(),
            command,
            open,
            users: RefCell::default(),
            rows: RefCell::default(),
        }
    }

    pub fn show(&self, stream: &StreamConfig) {
        self.widget.set_visible(matches!(stream.source, Source::Published(_)));
        let users: Vec<String> =
            self.form.control().config().users.into_iter().map(|user| user.name).collect();
        if *self.users.borrow() != users {
            self.make_rows(&users);
        }
        let publishers = match &stream.access.publish {
            Some(Readers::Anyone) => None,
            Some(Readers::Users(publishers)) => Some(publishers.as_slice()),
            None => Some(&[][..]),
        };
        self.open.show(&publishers.is_none(), |_| String::new());
        for (row, user) in self.rows.borrow().iter().zip(&users) {
            row.row.set_visible(publishers.is_some());
            row.show(publishers.is_some_and(|publishers| publishers.contains(user)));
        }
        self.show_command();
    }

    /// To be called when somebody begins to send, or ends.
    pub fn show_publisher(&self) {
        let publisher = self.form.stream().publisher();
        let words = words::publisher(publisher.as_ref());
        self.state.set_title(&words.title);
        self.state.set_subtitle(&words.detail.unwrap_or_default());
        let menu = publisher.map(|publisher| {
            let form = self.form.clone();
            let who = words::viewer(&publisher.address, &publisher.user);
            send_away::menu(&self.state, &who, move |period| {
                form.control().engine().remove_publisher(form.stream(), period);
            })
        });
        if let Some(menu) = &menu {
            self.state.add_suffix(menu);
        }
        if let Some(before) = self.menu.replace(menu) {
            self.state.remove(&before);
        }
    }

    /// To be called when the server can be reached elsewhere.
    pub fn show_command(&self) {
        let command = command_of(&self.form, false);
        self.command.set_visible(command.is_some());
        self.command.set_subtitle(&command.unwrap_or_default());
    }

    fn make_rows(&self, users: &[String]) {
        self.users.replace(users.to_vec());
        for row in self.rows.take() {
            self.widget.remove(&row.row);
        }
        let rows: Vec<SwitchRow> = users.iter().map(|user| self.user_row(user)).collect();
        rows.iter().for_each(|row| self.widget.add(&row.row));
        self.rows.replace(rows);
    }

    fn user_row(&self, user: &str) -> SwitchRow {
        let (form, name) = (self.form.clone(), user.to_owned());
        SwitchRow::new(user, move |may| {
            let name = name.clone();
            form.choose(move |stream| {
                let publishers = stream.access.publish.get_or_insert(Readers::Users(vec![]));
                publishers.allow(&name, may);
            });
        })
    }
}

/// None where the server cannot be reached now. Without the password a few dots stand in its place.
fn command_of(form: &Form, with_password: bool) -> Option<String> {
    let control = form.control();
    let address = control.engine().address(form.stream())?;
    let address = match control.publishers(&form.stream().id()).first() {
        None => address,
        Some(user) if with_password => control.address_with_password(&address, user)?,
        Some(user) => crate::ui::given_address::masked(&address, user),
    };
    Some(format!("ffmpeg -re -i video.mp4 -c copy -f rtsp -rtsp_transport tcp \"{address}\""))
}
