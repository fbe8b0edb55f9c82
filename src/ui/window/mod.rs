//! The window: the grid of streams, or in its place what to do to have one; the server's state above it.

mod port_dialog;

use super::add_dialog::AddDialog;
use super::error_text::change_error;
use super::stream_card::StreamCard;
use crate::control::Control;
use crate::engine::{ServerError, ServerState, Stream};
use crate::i18n::{gettext, gettext_f};
use crate::words;
use adw::prelude::*;
use adw::subclass::prelude::*;
use glib::subclass::InitializingObject;
use std::cell::OnceCell;

mod imp {
    use super::*;

    #[derive(Default, gtk::CompositeTemplate)]
    #[template(resource = "/io/github/headwater_app/Headwater/window/window.ui")]
    pub struct Window {
        #[template_child]
        pub toasts: TemplateChild<adw::ToastOverlay>,
        #[template_child]
        pub banner: TemplateChild<adw::Banner>,
        #[template_child]
        pub pages: TemplateChild<gtk::Stack>,
        #[template_child]
        pub failure: TemplateChild<adw::StatusPage>,
        #[template_child]
        pub grid: TemplateChild<gtk::GridView>,

        pub control: OnceCell<Control>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Window {
        const NAME: &'static str = "HeadwaterWindow";
        type Type = super::Window;
        type ParentType = adw::ApplicationWindow;

        fn class_init(class: &mut Self::Class) {
            class.bind_template();
            let string = Some(glib::VariantTy::STRING);
            class.install_action("win.add", None, |window, _, _| window.add());
            class.install_action_async("win.change-port", None, |window, _, _| async move {
                window.change_port().await;
            });
            class.install_action_async("win.remove-stream", string, |window, _, id| async move {
                if let Some(id) = id.and_then(|id| id.get::<String>()) {
                    window.remove_stream(&id).await;
                }
            });
            class.install_action("win.toast", string, |window, _, sentence| {
                if let Some(sentence) = sentence.and_then(|sentence| sentence.str()) {
                    window.toast(sentence);
                }
            });
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for Window {
        fn constructed(&self) {
            self.parent_constructed();
            self.obj().action_set_enabled("win.add", false);
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
        self.announce(sentence, gtk::AccessibleAnnouncementPriority::High);
    }

    /// Shows what is served, and changes it through `control`. Call once.
    pub fn show_streams(&self, control: &Control) {
        let imp = self.imp();
        assert!(imp.control.set(control.clone()).is_ok(), "a window shows one configuration");

        let cards = gtk::SignalListItemFactory::new();
        let made_with = control.clone();
        cards.connect_setup(move |_, item| {
            let item = item.downcast_ref::<gtk::ListItem>().expect("a list has items");
            // The card's own switch and buttons are what is used.
            item.set_activatable(false);
            item.set_focusable(false);
            item.set_child(Some(&StreamCard::new(&made_with)));
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

        let streams = control.engine().streams();
        imp.grid.set_model(Some(&gtk::NoSelection::new(Some(streams.clone()))));
        let weak = self.downgrade();
        streams.connect_items_changed(move |streams, _, _, _| {
            if let Some(window) = weak.upgrade() {
                window.show_page(streams);
            }
        });
        self.show_page(&streams);

        let weak = self.downgrade();
        control.engine().connect_server_state_notify(move |engine| {
            if let Some(window) = weak.upgrade() {
                window.show_server(&engine.server_state());
            }
        });
        self.show_server(&control.engine().server_state());
        self.action_set_enabled("win.add", true);
    }

    fn control(&self) -> Option<&Control> {
        self.imp().control.get()
    }

    fn show_page(&self, streams: &gio::ListModel) {
        let page = if streams.n_items() == 0 { "empty" } else { "streams" };
        self.imp().pages.set_visible_child_name(page);
    }

    fn show_server(&self, state: &ServerState) {
        let banner = &self.imp().banner;
        let ServerState::Failed { reason } = state else {
            banner.set_revealed(false);
            return;
        };
        let words = words::server_state(state);
        let title = words.detail.unwrap_or(words.title);
        banner.set_use_markup(false);
        banner.set_title(&title);
        // Another port does not help where the address is wrong.
        self.action_set_enabled("win.change-port", !matches!(reason, ServerError::AddressUnknown { .. }));
        banner.set_revealed(true);
        self.announce(&title, gtk::AccessibleAnnouncementPriority::High);
    }

    fn toast(&self, sentence: &str) {
        let toast = adw::Toast::builder().title(sentence).use_markup(false).build();
        self.imp().toasts.add_toast(toast);
    }

    fn add(&self) {
        if let Some(control) = self.control() {
            AddDialog::new(control).present(Some(self));
        }
    }

    async fn change_port(&self) {
        let Some(control) = self.control() else { return };
        let Some(port) = port_dialog::ask(self, control.config().server.port).await else { return };
        if let Err(error) = control.change(|config| config.server.port = port).await {
            self.toast(&change_error(&error));
        }
    }

    async fn remove_stream(&self, id: &str) {
        let Some(control) = self.control() else { return };
        let config = control.config();
        let Some(place) = config.streams.iter().position(|stream| stream.id == id) else { return };
        let removed = config.streams[place].clone();
        if let Err(error) = control.change(|config| config.streams.retain(|stream| stream.id != id)).await {
            self.toast(&change_error(&error));
            return;
        }

        // Translators: {stream} is the name of a stream.
        let title = gettext_f("“{stream}” removed", &[("stream", &removed.name)]);
        let toast =
            adw::Toast::builder().title(title).use_markup(false).button_label(gettext("_Undo")).build();
        let (window, control) = (self.downgrade(), control.clone());
        toast.connect_button_clicked(move |_| {
            let (window, control, removed) = (window.clone(), control.clone(), removed.clone());
            glib::spawn_future_local(async move {
                let restored = control
                    .change(|config| config.streams.insert(place.min(config.streams.len()), removed))
                    .await;
                if let (Err(error), Some(window)) = (restored, window.upgrade()) {
                    window.toast(&change_error(&error));
                }
            });
        });
        self.imp().toasts.add_toast(toast);
    }
}
