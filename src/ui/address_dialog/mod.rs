//! Hands out the address of a stream: as a QR code for phones and tablets, as a text, with or without a password.

mod qr_code;

use super::given_address::{self, masked};
use crate::control::Control;
use crate::engine::{Place, Stream};
use crate::i18n::{gettext, gettext_f};
use adw::prelude::*;
use adw::subclass::prelude::*;
use glib::subclass::InitializingObject;
use qr_code::QrCode;
use std::cell::{OnceCell, RefCell};
use std::net::IpAddr;

/// What the dialog is about.
struct Subject {
    control: Control,
    stream: Stream,
    /// Which of the places; none is the likely one.
    ip: Option<IpAddr>,
}

mod imp {
    use super::*;

    #[derive(Default, gtk::CompositeTemplate)]
    #[template(resource = "/io/github/headwater_app/Headwater/address_dialog/address_dialog.ui")]
    pub struct AddressDialog {
        #[template_child]
        pub code: TemplateChild<gtk::Picture>,
        #[template_child]
        pub too_long: TemplateChild<gtk::Label>,
        #[template_child]
        pub address: TemplateChild<gtk::Label>,
        #[template_child]
        pub note: TemplateChild<gtk::Label>,
        #[template_child]
        pub encryption: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        pub encrypted_row: TemplateChild<adw::SwitchRow>,
        #[template_child]
        pub login: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        pub password_row: TemplateChild<adw::SwitchRow>,
        #[template_child]
        pub user_row: TemplateChild<adw::ComboRow>,

        pub(super) subject: OnceCell<Subject>,
        /// What the list of users was made of.
        pub users: RefCell<Vec<String>>,
        /// Handlers on what outlives the dialog.
        pub followed: RefCell<Vec<(glib::Object, glib::SignalHandlerId)>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for AddressDialog {
        const NAME: &'static str = "HeadwaterAddressDialog";
        type Type = super::AddressDialog;
        type ParentType = adw::Dialog;

        fn class_init(class: &mut Self::Class) {
            class.bind_template();
            class.install_action("address.copy", None, |dialog, _, _| dialog.copy());
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for AddressDialog {
        fn dispose(&self) {
            for (object, handler) in self.followed.take() {
                object.disconnect(handler);
            }
        }
    }

    impl WidgetImpl for AddressDialog {}
    impl AdwDialogImpl for AddressDialog {}
}

glib::wrapper! {
    pub struct AddressDialog(ObjectSubclass<imp::AddressDialog>)
        @extends adw::Dialog, gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::ShortcutManager;
}

impl AddressDialog {
    /// The address at one place, or at the likely one. It follows what becomes of both.
    pub fn new(control: &Control, stream: &Stream, place: Option<&Place>) -> Self {
        let dialog: Self = glib::Object::new();
        let imp = dialog.imp();
        let subject =
            Subject { control: control.clone(), stream: stream.clone(), ip: place.map(|place| place.ip) };
        assert!(imp.subject.set(subject).is_ok(), "a dialog is made once");

        let show = {
            let weak = dialog.downgrade();
            move || {
                if let Some(dialog) = weak.upgrade() {
                    dialog.show();
                }
            }
        };
        let chosen = show.clone();
        imp.encrypted_row.connect_active_notify(move |_| chosen());
        let chosen = show.clone();
        imp.password_row.connect_active_notify(move |_| chosen());
        let chosen = show.clone();
        imp.user_row.connect_selected_notify(move |_| chosen());
        control.connect_changed(&dialog, |dialog, _| dialog.fill());
        let engine = control.engine();
        let handler = engine.connect_places_notify(move |_| show());
        imp.followed.replace(vec![(engine.clone().upcast(), handler)]);
        dialog.fill();
        dialog
    }

    /// Shows the encrypted address first, where there are both.
    pub fn set_encrypted(&self, encrypted: bool) {
        self.imp().encrypted_row.set_active(encrypted);
    }

    fn subject(&self) -> &Subject {
        self.imp().subject.get().expect("set when the dialog is made")
    }

    /// Shows who can log in, then the rest.
    fn fill(&self) {
        let (imp, Subject { control, stream, .. }) = (self.imp(), self.subject());
        if control.stream(&stream.id()).is_none() {
            // It was removed.
            self.force_close();
            return;
        }
        self.set_title(&stream.name());
        let users = control.logins(&stream.id());
        imp.login.set_visible(!users.is_empty());
        if *imp.users.borrow() != users {
            let names: Vec<&str> = users.iter().map(String::as_str).collect();
            imp.user_row.set_model(Some(&gtk::StringList::new(&names)));
            imp.users.replace(users);
        }
        self.show();
    }

    /// Whose password is wanted.
    fn user(&self) -> Option<String> {
        let imp = self.imp();
        let users = imp.users.borrow();
        imp.password_row.is_active().then(|| users.get(imp.user_row.selected() as usize).cloned()).flatten()
    }

    fn place(&self) -> Option<Place> {
        let Subject { control, ip, .. } = self.subject();
        let places = control.engine().places();
        let meant = places.iter().find(|place| Some(place.ip) == *ip);
        meant.or(places.likely()).cloned()
    }

    /// That which is wanted of those that the stream has there.
    fn address(&self) -> Option<String> {
        let addresses = self.place()?.addresses(&self.subject().stream);
        let wanted = if self.imp().encrypted_row.is_active() { addresses.last() } else { addresses.first() };
        wanted.cloned()
    }

    fn show(&self) {
        let (imp, Subject { control, stream, .. }) = (self.imp(), self.subject());
        let user = self.user();
        imp.password_row.set_subtitle(&match imp.users.borrow().as_slice() {
            // Translators: {user} is the name of a user.
            [user] => gettext_f("Lets in whoever has it, as “{user}”", &[("user", user)]),
            _ => gettext("Lets in whoever has it"),
        });
        imp.user_row.set_visible(user.is_some() && imp.users.borrow().len() > 1);

        let addresses = self.place().map(|place| place.addresses(stream)).unwrap_or_default();
        imp.encryption.set_visible(addresses.len() > 1);
        let place = self.place();
        let Some((place, address)) = place.zip(self.address()) else {
            imp.code.set_visible(false);
            imp.too_long.set_visible(false);
            imp.address.set_label(&stream.path());
            imp.note.set_label(&gettext("The server cannot be reached now."));
            imp.note.set_visible(true);
            self.action_set_enabled("address.copy", false);
            return;
        };
        self.action_set_enabled("address.copy", true);
        let (given, shown) = match user {
            Some(user) => (control.address_with_password(&address, &user), masked(&address, &user)),
            None => (Some(address.clone()), address),
        };
        let code = given.and_then(|given| QrCode::new(&given));
        imp.code.set_visible(code.is_some());
        imp.too_long.set_visible(code.is_none());
        imp.code.set_paintable(code.as_ref());
        imp.address.set_label(&shown);
        // Translators: {address} begins with rtsp:// or rtsps://.
        let name = gettext_f("QR code of {address}", &[("address", &shown)]);
        imp.code.update_property(&[gtk::accessible::Property::Label(&name)]);
        imp.note.set_label(&gettext(
            "Only programs on this computer get there. Preferences let in others on the network.",
        ));
        imp.note.set_visible(place.is_this_computer());
    }

    fn copy(&self) {
        let Subject { control, .. } = self.subject();
        let Some(address) = self.address() else { return };
        // Toasts are said within the dialog.
        let inside = &*self.imp().address;
        match self.user() {
            Some(user) => given_address::copy_with_password(inside, control, &address, &user),
            None => given_address::copy(inside, &address),
        }
    }
}
