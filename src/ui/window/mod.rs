//! The window: the grid of streams, or in its place what to do to have one; the server's state above it.

mod announcements;
mod files;
mod port_dialog;
mod rename_dialog;
mod search;
mod sort;
mod streams;
mod viewers;

use super::add_dialog::AddDialog;
use super::address_dialog::AddressDialog;
use super::aloud;
use super::error_text::{open_error, secret_error};
use super::given_address;
use super::preferences::Preferences;
use super::stream_card::StreamCard;
use super::stream_page::StreamPage;
use super::toasts;
use super::viewers_page::ViewersPage;
use crate::config::Config;
use crate::control::{ChangeError, Control, LeftOff};
use crate::engine::{ServerError, ServerState, Stream};
use crate::i18n::{gettext, gettext_f};
use crate::words;
use adw::prelude::*;
use adw::subclass::prelude::*;
use glib::subclass::InitializingObject;
use gtk::gdk;
use sort::Order;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeSet;

/// What needs a configuration that is served.
const WITH_CONTROL: [&str; 6] =
    ["win.add", "win.paste", "win.preferences", "win.search", "win.undo", "win.redo"];

/// Seconds in which a new address with its password is offered: time to read, and to look for the player.
const OFFER_TIME: u32 = 15;

mod imp {
    use super::*;

    #[derive(Default, glib::Properties, gtk::CompositeTemplate)]
    #[properties(wrapper_type = super::Window)]
    #[template(resource = "/io/github/headwater_app/Headwater/window/window.ui")]
    pub struct Window {
        #[template_child]
        pub toasts: TemplateChild<adw::ToastOverlay>,
        #[template_child]
        pub navigation: TemplateChild<adw::NavigationView>,
        #[template_child]
        pub banner: TemplateChild<adw::Banner>,
        #[template_child]
        pub left_off: TemplateChild<adw::Banner>,
        #[template_child]
        pub secrets: TemplateChild<adw::Banner>,
        #[template_child]
        pub search_button: TemplateChild<gtk::ToggleButton>,
        #[template_child]
        pub search_bar: TemplateChild<gtk::SearchBar>,
        #[template_child]
        pub search_entry: TemplateChild<gtk::SearchEntry>,
        #[template_child]
        pub pages: TemplateChild<gtk::Stack>,
        #[template_child]
        pub sort_button: TemplateChild<gtk::MenuButton>,
        #[template_child]
        pub views: TemplateChild<adw::ViewStack>,
        #[template_child]
        pub root: TemplateChild<adw::NavigationPage>,
        #[template_child]
        pub viewers: TemplateChild<ViewersPage>,
        #[template_child]
        pub viewers_view: TemplateChild<adw::ViewStackPage>,
        #[template_child]
        pub failure: TemplateChild<adw::StatusPage>,
        #[template_child]
        pub grid: TemplateChild<gtk::GridView>,

        pub control: OnceCell<Control>,
        #[property(get, set, builder(Order::default()))]
        pub order: Cell<Order>,
        /// All streams are shown in their own order, so that one can be moved among the others.
        #[property(get)]
        pub movable: Cell<bool>,
        /// Handlers on the streams while their order depends on them.
        pub sorted: RefCell<Vec<(glib::Object, glib::SignalHandlerId)>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Window {
        const NAME: &'static str = "HeadwaterWindow";
        type Type = super::Window;
        type ParentType = adw::ApplicationWindow;

        fn class_init(class: &mut Self::Class) {
            ViewersPage::ensure_type();
            class.bind_template();
            let string = Some(glib::VariantTy::STRING);
            class.install_property_action("win.order", "order");
            class.install_action("win.add", None, |window, _, _| window.add());
            class.install_action_async("win.change-port", None, |window, _, _| async move {
                window.change_port().await;
            });
            class.install_action_async("win.rename-stream", string, |window, _, id| async move {
                window.rename_stream(&text(id)).await;
            });
            class.install_action_async("win.duplicate-stream", string, |window, _, id| async move {
                window.duplicate_stream(&text(id)).await;
            });
            class.install_action_async("win.move-earlier-stream", string, |window, _, id| async move {
                window.move_stream(&text(id), -1).await;
            });
            class.install_action_async("win.move-later-stream", string, |window, _, id| async move {
                window.move_stream(&text(id), 1).await;
            });
            let place = glib::VariantTy::new("(ssb)").expect("a type");
            class.install_action_async("win.place-stream", Some(place), |window, _, place| async move {
                if let Some((id, other, after)) =
                    place.and_then(|place| place.get::<(String, String, bool)>())
                {
                    window.place_stream(&id, &other, after).await;
                }
            });
            class.install_action("win.show-address-stream", string, |window, _, id| {
                window.show_address(&text(id.cloned()));
            });
            class.install_action("win.copy-login-stream", string, |window, _, id| {
                window.copy_login(&text(id.cloned()));
            });
            class.install_action_async("win.choose-file-stream", string, |window, _, id| async move {
                window.choose_file(&text(id)).await;
            });
            class.install_action_async("win.remove-stream", string, |window, _, id| async move {
                window.remove_stream(&text(id)).await;
            });
            class.install_action("win.open-stream", string, |window, _, id| {
                window.open_stream(&text(id.cloned()))
            });
            class.install_action_async("win.undo", None, |window, _, _| async move {
                window.undo().await;
            });
            class.install_action_async("win.redo", None, |window, _, _| async move {
                window.redo().await;
            });
            class.install_action_async("win.reload", None, |window, _, _| async move {
                window.reload().await;
            });
            class.install_action_async("win.paste", None, |window, _, _| async move {
                window.paste().await;
            });
            class.install_action_async("win.unlock", None, |window, _, _| async move {
                window.unlock().await;
            });
            class.install_action("win.start-left-off", None, |window, _, _| {
                if let Some(control) = window.control() {
                    control.start_left_off();
                }
            });
            class.install_action("win.preferences", None, |window, _, _| window.show_preferences());
            class.install_action("win.search", None, |window, _, _| window.search());
            // Not accelerators of the application, which would take them from the text that is typed.
            let (control, shift) = (gdk::ModifierType::CONTROL_MASK, gdk::ModifierType::SHIFT_MASK);
            for (key, modifiers, action) in [
                (gdk::Key::z, control, "win.undo"),
                (gdk::Key::z, control | shift, "win.redo"),
                (gdk::Key::v, control, "win.paste"),
            ] {
                class.add_binding(key, modifiers, move |window| {
                    if !window.takes_keys() {
                        return glib::Propagation::Proceed;
                    }
                    // An action that has nothing to do is off.
                    let _ = WidgetExt::activate_action(window, action, None);
                    glib::Propagation::Stop
                });
            }
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for Window {
        fn constructed(&self) {
            self.parent_constructed();
            for action in WITH_CONTROL {
                self.obj().action_set_enabled(action, false);
            }
        }
    }

    impl WidgetImpl for Window {}
    impl WindowImpl for Window {}
    impl ApplicationWindowImpl for Window {}
    impl AdwApplicationWindowImpl for Window {}
}

glib::wrapper! {
    pub struct Window(ObjectSubclass<imp::Window>)
        @extends adw::ApplicationWindow, gtk::ApplicationWindow, gtk::Window, gtk::Widget,
        @implements gio::ActionGroup, gio::ActionMap, gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget,
                    gtk::Native, gtk::Root, gtk::ShortcutManager;
}

impl Window {
    /// A window that says that it starts, until it is told how that went.
    pub fn new(application: &adw::Application) -> Self {
        glib::Object::builder().property("application", application).build()
    }

    /// Shows that it starts, for instance again.
    pub fn show_starting(&self) {
        self.imp().pages.set_visible_child_name("starting");
    }

    /// Shows why there is nothing to show.
    pub fn show_failure(&self, title: &str, sentence: &str) {
        let imp = self.imp();
        imp.failure.set_title(title);
        imp.failure.set_description(Some(&glib::markup_escape_text(sentence)));
        imp.pages.set_visible_child_name("failed");
        aloud::say(self, sentence, gtk::AccessibleAnnouncementPriority::High);
    }

    /// Shows what is served, and changes it through `control`. Call once.
    pub fn show_streams(&self, control: &Control) {
        let imp = self.imp();
        assert!(imp.control.set(control.clone()).is_ok(), "a window shows one configuration");

        let cards = gtk::SignalListItemFactory::new();
        let (made_with, weak) = (control.clone(), self.downgrade());
        cards.connect_setup(move |_, item| {
            let item = item.downcast_ref::<gtk::ListItem>().expect("a list has items");
            // The card's own switch and buttons are what is used.
            item.set_activatable(false);
            item.set_focusable(false);
            let card = StreamCard::new(&made_with);
            if let Some(window) = weak.upgrade() {
                window.bind_property("movable", &card, "movable").sync_create().build();
            }
            item.set_child(Some(&card));
        });
        cards.connect_bind(|_, item| {
            let item = item.downcast_ref::<gtk::ListItem>().expect("a list has items");
            if let Some(card) = item.child().and_downcast::<StreamCard>() {
                card.set_stream(item.item().and_downcast::<Stream>().as_ref());
            }
        });
        cards.connect_unbind(|_, item| {
            let item = item.downcast_ref::<gtk::ListItem>().expect("a list has items");
            if let Some(card) = item.child().and_downcast::<StreamCard>() {
                card.set_stream(None);
            }
        });
        imp.grid.set_factory(Some(&cards));

        let shown = self.sorted(&self.searched(control));
        imp.grid.set_model(Some(&gtk::NoSelection::new(Some(shown))));
        self.connect_order_notify(Self::update_movable);
        let weak = self.downgrade();
        let update = move || {
            if let Some(window) = weak.upgrade() {
                window.update_movable();
            }
        };
        let searched = update.clone();
        imp.search_entry.connect_search_changed(move |_| searched());
        imp.search_bar.connect_search_mode_enabled_notify(move |_| update());
        self.update_movable();

        let weak = self.downgrade();
        control.engine().connect_server_state_notify(move |engine| {
            if let Some(window) = weak.upgrade() {
                window.show_server(&engine.server_state());
            }
        });
        self.show_server(&control.engine().server_state());
        for action in WITH_CONTROL {
            self.action_set_enabled(action, true);
        }
        control.connect_changed(self, Self::follow);
        self.follow(control);
        self.announce_streams(control);
        self.show_viewers(control);
        self.accept_files();
    }

    pub(super) fn control(&self) -> Option<&Control> {
        self.imp().control.get()
    }

    /// Where toasts are shown that have no nearer place.
    pub(super) fn toasts(&self) -> &adw::ToastOverlay {
        &self.imp().toasts
    }

    /// Brings the card of a stream into view, also where it was not searched for.
    pub(super) fn show_card(&self, id: &str) {
        let imp = self.imp();
        imp.views.set_visible_child_name("streams");
        imp.search_bar.set_search_mode(false);
        // A selection does not say of what kind its items are.
        let is_meant = |item: glib::Object| item.downcast::<Stream>().is_ok_and(|stream| stream.id() == id);
        let place =
            imp.grid.model().and_then(|items| items.iter::<glib::Object>().flatten().position(is_meant));
        if let Some(place) = place {
            imp.grid.scroll_to(place as u32, gtk::ListScrollFlags::NONE, None);
        }
    }

    /// Shows what `control` says of itself.
    fn follow(&self, control: &Control) {
        let imp = self.imp();
        self.action_set_enabled("win.undo", control.can_undo());
        self.action_set_enabled("win.redo", control.can_redo());
        let left_off = control.left_off().map(|left_off| match left_off {
            LeftOff::Everything => {
                gettext("Headwater ended unexpectedly twice within five minutes, so no stream was started.")
            }
            LeftOff::Starting { ids } => words::left_off(&names(&control.config(), &ids)),
        });
        self.reveal(&imp.left_off, left_off);
        self.reveal(&imp.secrets, control.secret_error().as_ref().map(secret_error));
    }

    /// Announced when it is new.
    fn reveal(&self, banner: &adw::Banner, sentence: Option<String>) {
        if let Some(sentence) = &sentence
            && !(banner.is_revealed() && banner.title() == *sentence)
        {
            banner.set_title(sentence);
            aloud::say(self, sentence, gtk::AccessibleAnnouncementPriority::High);
        }
        banner.set_revealed(sentence.is_some());
    }

    fn update_movable(&self) {
        let movable = self.order() == Order::Own && self.words_searched().is_empty();
        if self.imp().movable.replace(movable) != movable {
            self.notify_movable();
        }
    }

    fn show_server(&self, state: &ServerState) {
        let banner = &self.imp().banner;
        let words = words::server_state(state);
        let ServerState::Failed { reason } = state else {
            if banner.is_revealed() {
                aloud::say(self, &words.title, gtk::AccessibleAnnouncementPriority::Medium);
            }
            banner.set_revealed(false);
            return;
        };
        // Another port does not help where the address is wrong.
        let (label, action) = match reason {
            ServerError::AddressUnknown { .. } => (gettext("_Preferences"), "win.preferences"),
            _ => (gettext("_Change Port…"), "win.change-port"),
        };
        banner.set_button_label(Some(&label));
        banner.set_action_name(Some(action));
        self.reveal(banner, Some(words.detail.unwrap_or(words.title)));
    }

    /// Whether a key that is not for one widget alone is for the window: not while somebody types, nor for what
    /// a dialog covers.
    fn takes_keys(&self) -> bool {
        let typing = gtk::prelude::GtkWindowExt::focus(self).is_some_and(|widget| widget.is::<gtk::Text>());
        !typing && self.visible_dialog().is_none_or(|dialog| dialog.is::<Preferences>())
    }

    /// Whether the change was made; why not, is said.
    async fn change(&self, edit: impl FnOnce(&mut Config)) -> bool {
        let Some(control) = self.control() else { return false };
        self.tell(control.change(edit).await)
    }

    fn tell(&self, result: Result<(), ChangeError>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                toasts::say_change_error(&*self.imp().toasts, &error);
                false
            }
        }
    }

    async fn undo(&self) {
        if let Some(control) = self.control()
            && let Some(config) = control.previous()
            && self.may_become(&config).await
        {
            self.tell(control.undo().await);
        }
    }

    async fn redo(&self) {
        if let Some(control) = self.control()
            && let Some(config) = control.next()
            && self.may_become(&config).await
        {
            self.tell(control.redo().await);
        }
    }

    async fn reload(&self) {
        let Some(control) = self.control() else { return };
        match control.reload().await {
            Ok(()) => toasts::say(&*self.imp().toasts, &gettext("Configuration loaded")),
            Err(error) => {
                let dialog = adw::AlertDialog::builder()
                    .heading(gettext("Not Loaded"))
                    .body(open_error(&error))
                    .build();
                dialog.add_response("close", &gettext("_Close"));
                dialog.present(Some(self));
            }
        }
    }

    async fn unlock(&self) {
        let Some(control) = self.control() else { return };
        if let Err(error) = control.unlock().await {
            toasts::say(&*self.imp().toasts, &secret_error(&error));
        }
    }

    fn show_preferences(&self) {
        if let Some(control) = self.control()
            && self.visible_dialog().is_none()
        {
            Preferences::new(control).present(Some(self));
        }
    }

    fn add(&self) {
        if let Some(control) = self.control()
            && self.visible_dialog().is_none()
        {
            AddDialog::new(control).present(Some(self));
        }
    }

    fn open_stream(&self, id: &str) {
        let (navigation, Some(control)) = (&self.imp().navigation, self.control()) else { return };
        // A second click comes while the page is still sliding in.
        if navigation.navigation_stack().n_items() == 1
            && let Some(stream) = self.live_stream(id)
        {
            navigation.push(&StreamPage::new(control, &stream));
        }
    }

    fn show_address(&self, id: &str) {
        if let (Some(control), Some(stream)) = (self.control(), self.live_stream(id)) {
            AddressDialog::new(control, &stream, None).present(Some(self));
        }
    }

    /// Says that a stream with a password was added, and offers its address to be handed out.
    pub(super) fn offer_login(&self, id: &str) {
        let Some(stream) = self.live_stream(id) else { return };
        // Translators: {stream} is the name of a stream.
        let title = gettext_f("“{stream}” asks for a password", &[("stream", &stream.name())]);
        let toast = adw::Toast::builder().title(title).use_markup(false).timeout(OFFER_TIME).build();
        toast.set_button_label(Some(&gettext("_Copy Address With Password")));
        toast.set_action_name(Some("win.copy-login-stream"));
        toast.set_action_target_value(Some(&id.to_variant()));
        self.imp().toasts.add_toast(toast);
    }

    fn copy_login(&self, id: &str) {
        if let (Some(control), Some(stream)) = (self.control(), self.live_stream(id))
            && let Some(user) = control.logins(id).first()
            && let Some(address) = control.engine().address(&stream)
        {
            given_address::copy_with_password(&*self.imp().toasts, control, &address, user);
        }
    }

    fn live_stream(&self, id: &str) -> Option<Stream> {
        self.control()?.engine().streams().iter::<Stream>().flatten().find(|stream| stream.id() == id)
    }

    async fn change_port(&self) {
        let Some(control) = self.control() else { return };
        let Some(port) = port_dialog::ask(self, control.config().server.port).await else { return };
        self.change(|config| config.server.port = port).await;
    }
}

fn text(value: Option<glib::Variant>) -> String {
    value.and_then(|value| value.get()).unwrap_or_default()
}

/// In the order of the configuration.
fn names(config: &Config, ids: &BTreeSet<String>) -> Vec<String> {
    config
        .streams
        .iter()
        .filter(|stream| ids.contains(&stream.id))
        .map(|stream| stream.name.clone())
        .collect()
}
