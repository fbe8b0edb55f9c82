//! The users of the server: a row each, which opens the user's own page.

use super::add_user_page::AddUserPage;
use super::user_page::UserPage;
use crate::config::{Config, Readers};
use crate::control::Control;
use crate::i18n::{gettext, ngettext_f};
use adw::prelude::*;
use adw::subclass::prelude::*;
use glib::subclass::InitializingObject;
use std::cell::{OnceCell, RefCell};

mod imp {
    use super::*;

    #[derive(Default, gtk::CompositeTemplate)]
    #[template(resource = "/io/github/headwater_app/Headwater/preferences/users_page.ui")]
    pub struct UsersPage {
        #[template_child]
        pub users: TemplateChild<adw::PreferencesGroup>,

        pub control: OnceCell<Control>,
        pub rows: RefCell<Vec<adw::ActionRow>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for UsersPage {
        const NAME: &'static str = "HeadwaterUsersPage";
        type Type = super::UsersPage;
        type ParentType = adw::PreferencesPage;

        fn class_init(class: &mut Self::Class) {
            class.bind_template();
            class.install_action("users.add", None, |page, _, _| {
                page.push(&AddUserPage::new(page.control()));
            });
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for UsersPage {}
    impl WidgetImpl for UsersPage {}
    impl PreferencesPageImpl for UsersPage {}
}

glib::wrapper! {
    pub struct UsersPage(ObjectSubclass<imp::UsersPage>)
        @extends adw::PreferencesPage, gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl UsersPage {
    pub fn new(control: &Control) -> Self {
        let page: Self = glib::Object::new();
        assert!(page.imp().control.set(control.clone()).is_ok(), "a page is made once");
        control.connect_changed(&page, Self::show);
        page.show(control);
        page
    }

    fn control(&self) -> &Control {
        self.imp().control.get().expect("set when the page is made")
    }

    fn push(&self, page: &impl IsA<adw::NavigationPage>) {
        if let Some(dialog) = self.ancestor(adw::PreferencesDialog::static_type()) {
            dialog.downcast::<adw::PreferencesDialog>().expect("it is one").push_subpage(page);
        }
    }

    fn show(&self, control: &Control) {
        let imp = self.imp();
        let config = control.config();
        // The rows stay while the users do: one of them may have the focus.
        let same = {
            let rows = imp.rows.borrow();
            rows.iter().map(|row| row.title()).eq(config.users.iter().map(|user| user.name.as_str()))
        };
        if !same {
            for row in imp.rows.take() {
                imp.users.remove(&row);
            }
            let rows: Vec<_> = config.users.iter().map(|user| self.row(&user.name)).collect();
            rows.iter().for_each(|row| imp.users.add(row));
            imp.rows.replace(rows);
        }
        for (row, user) in imp.rows.borrow().iter().zip(&config.users) {
            let missing = control.password(&user.name).is_none();
            row.set_subtitle(&match missing {
                true => gettext("No password is known"),
                false => rights(&config, &user.name),
            });
        }
    }

    fn row(&self, name: &str) -> adw::ActionRow {
        let row = adw::ActionRow::builder().title(name).use_markup(false).activatable(true).build();
        row.add_prefix(&decoration("avatar-default-symbolic"));
        row.add_suffix(&decoration("go-next-symbolic"));
        let (weak, name) = (self.downgrade(), name.to_owned());
        row.connect_activated(move |_| {
            if let Some(page) = weak.upgrade() {
                page.push(&UserPage::new(page.control(), &name));
            }
        });
        row
    }
}

fn decoration(icon: &str) -> gtk::Image {
    gtk::Image::builder().icon_name(icon).accessible_role(gtk::AccessibleRole::Presentation).build()
}

/// Of the streams that ask for a password; the open ones are for everybody.
fn rights(config: &Config, user: &str) -> String {
    let mine =
        |readers: &Readers| matches!(readers, Readers::Users(users) if users.iter().any(|name| name == user));
    let number = config.streams.iter().filter(|stream| mine(&stream.access.read)).count();
    match u32::try_from(number).unwrap_or(u32::MAX) {
        0 => gettext("No stream with a password"),
        number => ngettext_f("{n} stream with a password", "{n} streams with a password", number, &[]),
    }
}
