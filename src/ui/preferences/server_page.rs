//! Where the server listens: from where it can be reached, the port, and the addresses that come of it.

use super::super::problem_row::ProblemRow;
use super::super::toasts;
use crate::config::{Config, Listen};
use crate::control::Control;
use crate::engine::{LocalAddresses, ServerError, ServerState};
use crate::i18n::{gettext, gettext_f};
use crate::words;
use adw::prelude::*;
use adw::subclass::prelude::*;
use glib::subclass::InitializingObject;
use std::cell::{Cell, OnceCell, RefCell};

mod imp {
    use super::*;

    #[derive(Default, gtk::CompositeTemplate)]
    #[template(resource = "/io/github/headwater_app/Headwater/preferences/server_page.ui")]
    pub struct ServerPage {
        #[template_child]
        pub listen_row: TemplateChild<adw::ComboRow>,
        #[template_child]
        pub warning_row: TemplateChild<adw::ActionRow>,
        #[template_child]
        pub port_row: TemplateChild<adw::EntryRow>,
        #[template_child]
        pub port_problem: TemplateChild<ProblemRow>,
        #[template_child]
        pub addresses: TemplateChild<adw::PreferencesGroup>,

        pub control: OnceCell<Control>,
        /// What the rows of the list stand for.
        pub choices: RefCell<Vec<Listen>>,
        pub address_rows: RefCell<Vec<adw::ActionRow>>,
        /// The rows are filled in, not chosen from.
        pub filling: Cell<bool>,
        /// The port that was filled in last: another text was typed.
        pub port_shown: RefCell<String>,
        /// Handlers on what outlives the page.
        pub followed: RefCell<Vec<(glib::Object, glib::SignalHandlerId)>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for ServerPage {
        const NAME: &'static str = "HeadwaterServerPage";
        type Type = super::ServerPage;
        type ParentType = adw::PreferencesPage;

        fn class_init(class: &mut Self::Class) {
            ProblemRow::ensure_type();
            class.bind_template();
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for ServerPage {
        fn dispose(&self) {
            for (object, handler) in self.followed.take() {
                object.disconnect(handler);
            }
        }
    }

    impl WidgetImpl for ServerPage {}
    impl PreferencesPageImpl for ServerPage {}
}

glib::wrapper! {
    pub struct ServerPage(ObjectSubclass<imp::ServerPage>)
        @extends adw::PreferencesPage, gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl ServerPage {
    pub fn new(control: &Control) -> Self {
        let page: Self = glib::Object::new();
        let imp = page.imp();
        assert!(imp.control.set(control.clone()).is_ok(), "a page is made once");

        let weak = page.downgrade();
        imp.listen_row.connect_selected_notify(move |_| {
            if let Some(page) = weak.upgrade()
                && !page.imp().filling.get()
            {
                glib::spawn_future_local(async move { page.choose_listen().await });
            }
        });
        let weak = page.downgrade();
        imp.port_row.connect_changed(move |_| {
            if let Some(page) = weak.upgrade() {
                page.check_port();
            }
        });
        let weak = page.downgrade();
        imp.port_row.connect_apply(move |_| {
            if let Some(page) = weak.upgrade() {
                glib::spawn_future_local(async move { page.apply_port().await });
            }
        });

        control.connect_changed(&page, |page, _| page.show());
        let weak = page.downgrade();
        let show = move || {
            if let Some(page) = weak.upgrade() {
                page.show();
            }
        };
        let engine = control.engine();
        let local = show.clone();
        let followed = [
            engine.connect_server_state_notify({
                let show = show.clone();
                move |_| show()
            }),
            engine.connect_local_addresses_notify(move |_| local()),
            engine.connect_places_notify(move |_| show()),
        ];
        imp.followed.replace(followed.map(|handler| (engine.clone().upcast(), handler)).into());
        page.show();
        page
    }

    /// Where the focus is at first: not in a text, which would bring up a keyboard.
    pub fn first_row(&self) -> &adw::ComboRow {
        &self.imp().listen_row
    }

    fn control(&self) -> &Control {
        self.imp().control.get().expect("set when the page is made")
    }

    /// Shows what is in force, and leaves alone what is being typed.
    fn show(&self) {
        let imp = self.imp();
        let (config, local) = (self.control().config(), self.control().engine().local_addresses());
        imp.filling.set(true);
        self.show_listen(config.server.listen, &local);
        let (port, shown) = (config.server.port.to_string(), imp.port_shown.take());
        if shown.is_empty() || imp.port_row.text() == shown {
            // Nothing is typed that could be applied.
            imp.port_row.set_show_apply_button(false);
            imp.port_row.set_text(&port);
            imp.port_row.set_show_apply_button(true);
        }
        imp.port_shown.replace(port);
        imp.filling.set(false);
        self.check_port();
        self.show_addresses();
    }

    fn show_listen(&self, listen: Listen, local: &LocalAddresses) {
        let imp = self.imp();
        let mut choices = vec![
            (Listen::Localhost, gettext("This Computer Only")),
            (Listen::Network, gettext("The Whole Network")),
        ];
        choices.extend(local.iter().filter(|address| !address.ip.is_loopback()).map(|address| {
            let words = [("address", &*address.ip.to_string()), ("interface", &*address.interface)];
            // Translators: one address of this computer, and the network interface that has it.
            (Listen::Address(address.ip), gettext_f("{address} ({interface})", &words))
        }));
        if choices.iter().all(|(choice, _)| *choice != listen) {
            choices.push((listen, String::from(listen)));
        }
        let (choices, names): (Vec<_>, Vec<_>) = choices.into_iter().unzip();
        let place = choices.iter().position(|choice| *choice == listen).unwrap_or_default();
        if *imp.choices.borrow() != choices {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            imp.listen_row.set_model(Some(&gtk::StringList::new(&names)));
            imp.choices.replace(choices);
        }
        imp.listen_row.set_selected(place as u32);
        imp.warning_row.set_visible(match listen {
            Listen::Localhost => false,
            Listen::Network => true,
            Listen::Address(address) => !address.is_loopback(),
        });
    }

    async fn choose_listen(&self) {
        let chosen = self.imp().choices.borrow().get(self.imp().listen_row.selected() as usize).copied();
        if let Some(listen) = chosen {
            self.change(|config| config.server.listen = listen).await;
        }
    }

    /// The port that is typed, where that is one.
    fn port(&self) -> Option<u16> {
        self.imp().port_row.text().trim().parse().ok().filter(|port| *port > 0)
    }

    /// Says what is wrong with the port that is typed, or with the one in force.
    fn check_port(&self) {
        let imp = self.imp();
        let typed = imp.port_row.text() != *imp.port_shown.borrow();
        let state = self.control().engine().server_state();
        let problem = match &state {
            _ if typed => {
                self.port().is_none().then(|| gettext("A port is a number from 1 to 65535; 8554 is common."))
            }
            ServerState::Failed {
                reason: ServerError::PortTaken { .. } | ServerError::PortForbidden { .. },
            } => {
                let words = words::server_state(&state);
                // Translators: {what} is what happened, {hint} is a sentence that says what to do.
                words
                    .detail
                    .zip(words.hint)
                    .map(|(what, hint)| gettext_f("{what}. {hint}", &[("what", &what), ("hint", &hint)]))
            }
            _ => None,
        };
        imp.port_problem.mark(&*imp.port_row, problem.as_deref());
    }

    async fn apply_port(&self) {
        if let Some(port) = self.port() {
            let text = self.imp().port_row.text();
            if self.change(|config| config.server.port = port).await {
                self.imp().port_shown.replace(text.into());
                self.show();
            }
        }
    }

    /// Whether the change was made; why not, is said.
    async fn change(&self, edit: impl FnOnce(&mut Config)) -> bool {
        let changed = self.control().change(edit).await;
        if let Err(error) = &changed {
            toasts::say_change_error(self, error);
            self.show();
        }
        changed.is_ok()
    }

    fn show_addresses(&self) {
        let imp = self.imp();
        for row in imp.address_rows.take() {
            imp.addresses.remove(&row);
        }
        let engine = self.control().engine();
        let mut rows: Vec<adw::ActionRow> = engine
            .places()
            .iter()
            .flat_map(|place| {
                let addresses = [Some(place.address("")), place.encrypted_address("")];
                addresses.into_iter().flatten().map(|address| address_row(&words::place(place), &address))
            })
            .collect();
        if rows.is_empty() {
            let state = engine.server_state();
            let (what, hint) = match &state {
                ServerState::Listening { .. } => (
                    gettext("No network gives this computer that address now."),
                    Some(gettext("The server can be reached again when it is back.")),
                ),
                _ => {
                    let words = words::server_state(&state);
                    (words.detail.unwrap_or(words.title), words.hint)
                }
            };
            let row = adw::ActionRow::builder().use_markup(false).build();
            row.set_title(&what);
            row.set_subtitle(&hint.unwrap_or_default());
            rows.push(row);
        }
        rows.iter().for_each(|row| imp.addresses.add(row));
        imp.address_rows.replace(rows);
    }
}

fn address_row(interface: &str, address: &str) -> adw::ActionRow {
    let row = adw::ActionRow::builder()
        .title(interface)
        .subtitle(address)
        .use_markup(false)
        .subtitle_selectable(true)
        .css_classes(["property"])
        .build();
    let copy = gtk::Button::builder()
        .icon_name("edit-copy-symbolic")
        .tooltip_text(gettext("Copy Address"))
        .valign(gtk::Align::Center)
        .css_classes(["flat"])
        .build();
    let name = gettext_f("Copy {address}", &[("address", address)]);
    copy.update_property(&[gtk::accessible::Property::Label(&name)]);
    let address = address.to_owned();
    copy.connect_clicked(move |copy| {
        copy.clipboard().set_text(&address);
        toasts::say(copy, &gettext("Address copied"));
    });
    row.add_suffix(&copy);
    row
}
