//! What is set for all streams: where the server listens, who its users are, and what they may watch. Opened over
//! the window.

mod add_user_page;
mod delivery_group;
mod encryption_group;
mod rights_page;
mod server_page;
mod user_page;
mod users_page;

use crate::config::{Config, Field, ServerField};
use crate::control::Control;
use crate::words;
use adw::prelude::*;
use adw::subclass::prelude::*;
use encryption_group::EncryptionGroup;
use rights_page::RightsPage;
use server_page::ServerPage;
use users_page::UsersPage;

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct Preferences;

    #[glib::object_subclass]
    impl ObjectSubclass for Preferences {
        const NAME: &'static str = "HeadwaterPreferences";
        type Type = super::Preferences;
        type ParentType = adw::PreferencesDialog;
    }

    impl ObjectImpl for Preferences {}
    impl WidgetImpl for Preferences {}
    impl AdwDialogImpl for Preferences {}
    impl PreferencesDialogImpl for Preferences {}
}

glib::wrapper! {
    pub struct Preferences(ObjectSubclass<imp::Preferences>)
        @extends adw::PreferencesDialog, adw::Dialog, gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::ShortcutManager;
}

impl Preferences {
    pub fn new(control: &Control) -> Self {
        let preferences: Self = glib::Object::new();
        let server = ServerPage::new(control);
        preferences.set_focus(Some(server.first_row()));
        server.add(&EncryptionGroup::new(control));
        server.add(&delivery_group::new(control));
        preferences.add(&server);
        preferences.add(&UsersPage::new(control));
        preferences.add(&RightsPage::new(control));
        preferences
    }
}

/// What would be wrong with a field of the server after this edit.
fn server_problem(control: &Control, field: ServerField, edit: impl FnOnce(&mut Config)) -> Option<String> {
    let mut config = control.config();
    edit(&mut config);
    let problems = config.validate();
    problems.iter().find(|problem| problem.field == Field::Server(field)).map(words::problem)
}
