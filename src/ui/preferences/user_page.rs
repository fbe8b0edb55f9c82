//! One user: the password, and a switch for each stream. Names stay whole at 360 px; the table of all users and
//! streams is the page of rights.

use super::super::error_text::secret_error;
use super::super::password_row;
use super::super::problem_row::ProblemRow;
use super::super::readers_question::{self, Answer};
use super::super::toasts;
use crate::config::{Config, Password, Readers, StreamConfig};
use crate::control::Control;
use crate::i18n::{gettext, gettext_f};
use adw::prelude::*;
use adw::subclass::prelude::*;
use glib::subclass::InitializingObject;
use std::cell::{Cell, OnceCell, RefCell};

/// Whether the user may watch a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// As everybody may.
    Open,
    No,
    Yes,
    /// And nobody else.
    Alone,
}

fn right(stream: &StreamConfig, user: &str) -> Right {
    match &stream.access.read {
        Readers::Anyone => Right::Open,
        Readers::Users(users) if !users.iter().any(|name| name == user) => Right::No,
        Readers::Users(users) if users.len() > 1 => Right::Yes,
        Readers::Users(_) => Right::Alone,
    }
}

mod imp {
    use super::*;

    #[derive(gtk::CompositeTemplate)]
    #[template(resource = "/io/github/headwater_app/Headwater/preferences/user_page.ui")]
    pub struct UserPage {
        #[template_child]
        pub password_group: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        pub streams: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        pub removal: TemplateChild<adw::PreferencesGroup>,
        pub password_row: adw::PasswordEntryRow,
        pub password_problem: ProblemRow,

        pub control: OnceCell<Control>,
        pub user: OnceCell<String>,
        /// The password that was filled in last: another text was typed.
        pub password_shown: RefCell<String>,
        /// What the rows show: id, name and right of each stream.
        pub(super) shown: RefCell<Vec<(String, String, Right)>>,
        pub rows: RefCell<Vec<adw::ActionRow>>,
        /// The switches are set, not switched.
        pub filling: Cell<bool>,
    }

    impl Default for UserPage {
        fn default() -> Self {
            Self {
                password_group: TemplateChild::default(),
                streams: TemplateChild::default(),
                removal: TemplateChild::default(),
                password_row: password_row::new(),
                password_problem: ProblemRow::new(),
                control: OnceCell::new(),
                user: OnceCell::new(),
                password_shown: RefCell::default(),
                shown: RefCell::default(),
                rows: RefCell::default(),
                filling: Cell::default(),
            }
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for UserPage {
        const NAME: &'static str = "HeadwaterUserPage";
        type Type = super::UserPage;
        type ParentType = adw::NavigationPage;

        fn class_init(class: &mut Self::Class) {
            class.bind_template();
            class.install_action_async("user.remove", None, |page, _, _| async move {
                page.remove().await;
            });
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for UserPage {
        fn constructed(&self) {
            self.parent_constructed();
            self.password_group.add(&self.password_row);
            self.password_group.add(&self.password_problem);
            let weak = self.obj().downgrade();
            self.password_row.connect_changed(move |_| {
                if let Some(page) = weak.upgrade() {
                    page.check_password();
                }
            });
            let weak = self.obj().downgrade();
            self.password_row.connect_apply(move |_| {
                if let Some(page) = weak.upgrade() {
                    glib::spawn_future_local(async move { page.apply_password().await });
                }
            });
        }
    }

    impl WidgetImpl for UserPage {}
    impl NavigationPageImpl for UserPage {}
}

glib::wrapper! {
    pub struct UserPage(ObjectSubclass<imp::UserPage>)
        @extends adw::NavigationPage, gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl UserPage {
    pub fn new(control: &Control, user: &str) -> Self {
        let page: Self = glib::Object::builder().property("title", user).build();
        assert!(page.imp().control.set(control.clone()).is_ok(), "a page is made once");
        assert!(page.imp().user.set(user.to_owned()).is_ok(), "a page is made once");
        control.connect_changed(&page, Self::show);
        page.show(control);
        page
    }

    fn control(&self) -> &Control {
        self.imp().control.get().expect("set when the page is made")
    }

    fn user(&self) -> &str {
        self.imp().user.get().expect("set when the page is made")
    }

    fn show(&self, control: &Control) {
        let config = control.config();
        if config.users.iter().all(|user| user.name != self.user()) {
            return self.leave();
        }
        self.show_password(control);
        self.show_streams(&config);
        self.show_removal(&config);
    }

    /// The user is gone: here, or by an undo.
    fn leave(&self) {
        let dialog = self.ancestor(adw::PreferencesDialog::static_type());
        let on_top = self.is_mapped();
        if let Some(dialog) = dialog.and_downcast::<adw::PreferencesDialog>().filter(|_| on_top) {
            dialog.pop_subpage();
        }
    }

    fn show_password(&self, control: &Control) {
        let imp = self.imp();
        let password = control.password(self.user());
        let password = password.as_ref().map_or("", Password::reveal);
        let shown = imp.password_shown.replace(password.into());
        if imp.password_row.text() == shown {
            // Nothing is typed that could be applied.
            imp.password_row.set_show_apply_button(false);
            imp.password_row.set_text(password);
            imp.password_row.set_show_apply_button(true);
        }
        self.check_password();
    }

    fn check_password(&self) {
        let imp = self.imp();
        let typed = imp.password_row.text() != *imp.password_shown.borrow();
        let problem = match typed {
            true => password_row::problem(&imp.password_row),
            false if imp.password_row.text().is_empty() => {
                Some(gettext("No password is known, so this user cannot log in."))
            }
            false => None,
        };
        imp.password_problem.mark(&imp.password_row, problem.as_deref());
    }

    async fn apply_password(&self) {
        let row = &self.imp().password_row;
        if password_row::problem(row).is_some() {
            return;
        }
        let password = Password::from(row.text().as_str());
        let viewers = self.control().engine().readers_of(self.user(), None);
        let answer = readers_question::ask(self, &gettext("Change the Password?"), viewers).await;
        if answer == Answer::Cancel {
            return;
        }
        match self.control().set_password(self.user(), password).await {
            Ok(()) => {
                self.send_away(answer, None);
                toasts::say(self, &gettext("Password set"));
            }
            Err(error) => toasts::say(self, &secret_error(&error)),
        }
    }

    /// After the change: nobody comes back with what let them in before.
    fn send_away(&self, answer: Answer, stream: Option<&str>) {
        if answer == Answer::SendAway {
            self.control().engine().send_away(self.user(), stream);
        }
    }

    fn show_streams(&self, config: &Config) {
        let imp = self.imp();
        let rights: Vec<_> = config
            .streams
            .iter()
            .map(|stream| (stream.id.clone(), stream.name.clone(), right(stream, self.user())))
            .collect();
        let is_switch = |right: Right| right != Right::Open;
        let same_rows = {
            let shown = imp.shown.borrow();
            let kinds =
                |(id, name, right): &(String, String, Right)| (id.clone(), name.clone(), is_switch(*right));
            shown.iter().map(kinds).eq(rights.iter().map(kinds))
        };
        // The rows stay where they can: one of them may have the focus.
        if !same_rows {
            for row in imp.rows.take() {
                imp.streams.remove(&row);
            }
            let rows: Vec<adw::ActionRow> = rights
                .iter()
                .map(|(id, name, right)| match is_switch(*right) {
                    true => self.switch_row(id, name).upcast(),
                    false => self.open_row(id, name),
                })
                .collect();
            rows.iter().for_each(|row| imp.streams.add(row));
            imp.rows.replace(rows);
        }
        imp.filling.set(true);
        for (row, (_, _, right)) in imp.rows.borrow().iter().zip(&rights) {
            if let Some(row) = row.downcast_ref::<adw::SwitchRow>() {
                row.set_active(*right != Right::No);
                row.set_sensitive(*right != Right::Alone);
                row.set_subtitle(&match right {
                    Right::Alone => gettext("Nobody else may, so this cannot be taken away"),
                    _ => String::new(),
                });
            }
        }
        imp.filling.set(false);
        imp.shown.replace(rights);
    }

    fn switch_row(&self, id: &str, name: &str) -> adw::SwitchRow {
        let row = adw::SwitchRow::builder().title(name).use_markup(false).build();
        let (weak, id) = (self.downgrade(), id.to_owned());
        row.connect_active_notify(move |row| {
            if let Some(page) = weak.upgrade()
                && !page.imp().filling.get()
            {
                let (id, may_watch) = (id.clone(), row.is_active());
                glib::spawn_future_local(async move { page.give_right(&id, may_watch).await });
            }
        });
        row
    }

    /// Everybody watches; from here that can be changed to this user alone.
    fn open_row(&self, id: &str, name: &str) -> adw::ActionRow {
        let row = adw::ActionRow::builder()
            .title(name)
            .subtitle(gettext("Anyone may, without a password"))
            .use_markup(false)
            .build();
        let button = gtk::Button::builder().label(gettext("Protect")).valign(gtk::Align::Center).build();
        let stream = [("stream", name), ("user", self.user())];
        // Translators: {stream} is the name of a stream.
        let label = gettext_f("Protect {stream}", &stream);
        // It would go before the name.
        button.reset_relation(gtk::AccessibleRelation::LabelledBy);
        button.update_property(&[gtk::accessible::Property::Label(&label)]);
        button.set_tooltip_text(Some(&gettext_f("Let only {user} watch {stream}", &stream)));
        let (weak, id) = (self.downgrade(), id.to_owned());
        button.connect_clicked(move |_| {
            if let Some(page) = weak.upgrade() {
                let id = id.clone();
                glib::spawn_future_local(async move { page.give_right(&id, true).await });
            }
        });
        row.add_suffix(&button);
        row
    }

    async fn give_right(&self, id: &str, may_watch: bool) {
        let user = self.user().to_owned();
        let viewers = if may_watch { 0 } else { self.control().engine().readers_of(&user, Some(id)) };
        let answer = readers_question::ask(self, &gettext("Take the Right Away?"), viewers).await;
        if answer == Answer::Cancel {
            return self.show_streams(&self.control().config());
        }
        let give = |stream: &mut StreamConfig| stream.access.read.allow(&user, may_watch);
        let changed = self.control().change_stream(id, give).await;
        match changed {
            Ok(()) => self.send_away(answer, Some(id)),
            Err(error) => {
                toasts::say_change_error(self, &error);
                self.show_streams(&self.control().config());
            }
        }
    }

    /// A stream that only this user may watch would be left without anybody.
    fn show_removal(&self, config: &Config) {
        let alone: Vec<&str> = config
            .streams
            .iter()
            .filter(|stream| right(stream, self.user()) == Right::Alone)
            .map(|stream| stream.name.as_str())
            .collect();
        self.action_set_enabled("user.remove", alone.is_empty());
        let description = gettext_f(
            // Translators: {user} is a name, {streams} is the name of one stream, or several with commas.
            "Nobody but {user} may watch {streams}. Let somebody else watch before you remove {user}.",
            &[("user", self.user()), ("streams", &alone.join(&gettext(", ")))],
        );
        let description = (!alone.is_empty()).then(|| glib::markup_escape_text(&description));
        self.imp().removal.set_description(description.as_deref());
    }

    async fn remove(&self) {
        let (control, user) = (self.control().clone(), self.user().to_owned());
        let viewers = control.engine().readers_of(&user, None);
        let answer = readers_question::ask(self, &gettext("Remove the User?"), viewers).await;
        if answer == Answer::Cancel {
            return;
        }
        // The page is gone when the change is made.
        let overlay = self.ancestor(adw::ToastOverlay::static_type());
        let changed = control.change(|config| {
            config.users.retain(|known| known.name != user);
            for stream in &mut config.streams {
                stream.access.forget(&user);
            }
        });
        let changed = changed.await;
        if changed.is_ok() {
            self.send_away(answer, None);
        }
        let Some(overlay) = overlay else { return };
        match changed {
            // Translators: {user} is the name of a user.
            Ok(()) => {
                let title = gettext_f("“{user}” removed", &[("user", &user)]);
                toasts::say_undoable(&overlay, &control, &title);
            }
            Err(error) => toasts::say_change_error(&overlay, &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_who_may_watch_is_told_from_the_others() {
        let mut stream = Config::first().streams.remove(0);
        let mut right_of_ann = |read: Readers| {
            stream.access.read = read;
            right(&stream, "ann")
        };
        let users = |names: &[&str]| Readers::Users(names.iter().map(|name| (*name).into()).collect());
        assert_eq!(right_of_ann(Readers::Anyone), Right::Open);
        assert_eq!(right_of_ann(users(&["bob"])), Right::No);
        assert_eq!(right_of_ann(users(&["bob", "ann"])), Right::Yes);
        assert_eq!(right_of_ann(users(&["ann"])), Right::Alone);
    }
}
