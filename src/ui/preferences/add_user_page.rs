//! Adds a user: a name, and a password that is made up already.

use super::super::error_text::secret_error;
use super::super::password_row;
use super::super::problem_row::ProblemRow;
use super::super::toasts;
use super::user_page::UserPage;
use crate::config::{Field, Password, User};
use crate::control::Control;
use crate::words;
use adw::prelude::*;
use adw::subclass::prelude::*;
use glib::subclass::InitializingObject;
use std::cell::{Cell, OnceCell};

mod imp {
    use super::*;

    #[derive(gtk::CompositeTemplate)]
    #[template(resource = "/io/github/headwater_app/Headwater/preferences/add_user_page.ui")]
    pub struct AddUserPage {
        #[template_child]
        pub group: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        pub name_row: TemplateChild<adw::EntryRow>,
        #[template_child]
        pub name_problem: TemplateChild<ProblemRow>,
        pub password_row: adw::PasswordEntryRow,
        pub password_problem: ProblemRow,

        pub control: OnceCell<Control>,
        /// An empty name is not wrong before somebody typed.
        pub name_typed: Cell<bool>,
    }

    impl Default for AddUserPage {
        fn default() -> Self {
            Self {
                group: TemplateChild::default(),
                name_row: TemplateChild::default(),
                name_problem: TemplateChild::default(),
                password_row: password_row::new(),
                password_problem: ProblemRow::new(),
                control: OnceCell::new(),
                name_typed: Cell::new(false),
            }
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for AddUserPage {
        const NAME: &'static str = "HeadwaterAddUserPage";
        type Type = super::AddUserPage;
        type ParentType = adw::NavigationPage;

        fn class_init(class: &mut Self::Class) {
            ProblemRow::ensure_type();
            class.bind_template();
            class.install_action_async("user.add", None, |page, _, _| async move {
                page.add().await;
            });
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for AddUserPage {
        fn constructed(&self) {
            self.parent_constructed();
            self.group.add(&self.password_row);
            self.group.add(&self.password_problem);
            if let Ok(password) = Password::made_up() {
                self.password_row.set_text(password.reveal());
            }
            let weak = self.obj().downgrade();
            self.name_row.connect_changed(move |_| {
                if let Some(page) = weak.upgrade() {
                    page.imp().name_typed.set(true);
                    page.check();
                }
            });
            let weak = self.obj().downgrade();
            self.password_row.connect_changed(move |_| {
                if let Some(page) = weak.upgrade() {
                    page.check();
                }
            });
            for row in [self.name_row.upcast_ref::<adw::EntryRow>(), self.password_row.upcast_ref()] {
                let weak = self.obj().downgrade();
                row.connect_entry_activated(move |_| {
                    if let Some(page) = weak.upgrade() {
                        // Off while something is wrong.
                        let _ = page.activate_action("user.add", None);
                    }
                });
            }
        }
    }

    impl WidgetImpl for AddUserPage {
        fn map(&self) {
            self.parent_map();
            self.name_row.grab_focus();
        }
    }

    impl NavigationPageImpl for AddUserPage {}
}

glib::wrapper! {
    pub struct AddUserPage(ObjectSubclass<imp::AddUserPage>)
        @extends adw::NavigationPage, gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl AddUserPage {
    pub fn new(control: &Control) -> Self {
        let page: Self = glib::Object::new();
        assert!(page.imp().control.set(control.clone()).is_ok(), "a page is made once");
        page.check();
        page
    }

    fn control(&self) -> &Control {
        self.imp().control.get().expect("set when the page is made")
    }

    fn user(&self) -> User {
        User { name: self.imp().name_row.text().trim().to_owned() }
    }

    fn check(&self) {
        let imp = self.imp();
        let mut config = self.control().config();
        let place = config.users.len();
        config.users.push(self.user());
        let problems = config.validate();
        let name = problems.iter().find(|problem| problem.field == Field::User { index: place });
        let name = name.map(words::problem);
        let password = password_row::problem(&imp.password_row);
        self.action_set_enabled("user.add", name.is_none() && password.is_none());
        imp.name_problem.mark(&*imp.name_row, name.filter(|_| imp.name_typed.get()).as_deref());
        imp.password_problem.mark(&imp.password_row, password.as_deref());
    }

    async fn add(&self) {
        let (control, user) = (self.control(), self.user());
        let password = Password::from(self.imp().password_row.text().as_str());
        self.action_set_enabled("user.add", false);
        // The password first: a name alone would let in who knows an older password of that name.
        if let Err(error) = control.set_password(&user.name, password).await {
            self.action_set_enabled("user.add", true);
            return toasts::say(self, &secret_error(&error));
        }
        if let Err(error) = control.change(|config| config.users.push(user.clone())).await {
            self.action_set_enabled("user.add", true);
            return toasts::say_change_error(self, &error);
        }
        let dialog = self.ancestor(adw::PreferencesDialog::static_type());
        if let Some(dialog) = dialog.and_downcast::<adw::PreferencesDialog>() {
            dialog.pop_subpage();
            dialog.push_subpage(&UserPage::new(control, &user.name));
        }
    }
}
