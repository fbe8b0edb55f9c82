//! A stream at a glance: its live picture, or in its place why there is none; name, state, viewers, address.

mod drag;
mod mute;

use super::given_address;
use super::late_menu;
use super::sound_meter::SoundMeter;
use super::stream_view::{StreamView, look};
use super::toasts;
use crate::config::StreamConfig;
use crate::control::Control;
use crate::engine::{AccessState, EncodedBy, Stream, StreamError};
use crate::i18n::{gettext, gettext_f};
use crate::words;
use adw::prelude::*;
use adw::subclass::prelude::*;
use glib::subclass::InitializingObject;
use gtk::gdk;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

mod imp {
    use super::*;

    #[derive(Default, glib::Properties, gtk::CompositeTemplate)]
    #[properties(wrapper_type = super::StreamCard)]
    #[template(resource = "/io/github/headwater_app/Headwater/stream_card/stream_card.ui")]
    pub struct StreamCard {
        #[template_child]
        pub open_button: TemplateChild<gtk::Button>,
        #[template_child]
        pub view: TemplateChild<StreamView>,
        #[template_child]
        pub name: TemplateChild<gtk::Label>,
        #[template_child]
        pub switch: TemplateChild<gtk::Switch>,
        #[template_child]
        pub menu_button: TemplateChild<gtk::MenuButton>,
        #[template_child]
        pub menu: TemplateChild<gio::Menu>,
        #[template_child]
        pub address_section: TemplateChild<gio::Menu>,
        #[template_child]
        pub state_icon: TemplateChild<gtk::Image>,
        #[template_child]
        pub state_word: TemplateChild<gtk::Label>,
        #[template_child]
        pub served_icon: TemplateChild<gtk::Image>,
        #[template_child]
        pub access_icon: TemplateChild<gtk::Image>,
        #[template_child]
        pub viewers: TemplateChild<gtk::Label>,
        #[template_child]
        pub mute_button: TemplateChild<gtk::ToggleButton>,
        #[template_child]
        pub silence_icon: TemplateChild<gtk::Image>,
        #[template_child]
        pub level: TemplateChild<adw::Bin>,
        #[template_child]
        pub bitrate: TemplateChild<gtk::Label>,
        #[template_child]
        pub choose_button: TemplateChild<gtk::Button>,
        #[template_child]
        pub refusal: TemplateChild<gtk::Box>,
        #[template_child]
        pub refusal_label: TemplateChild<gtk::Label>,
        #[template_child]
        pub unlock_button: TemplateChild<gtk::Button>,
        #[template_child]
        pub address: TemplateChild<gtk::Label>,
        #[template_child]
        pub copy_button: TemplateChild<gtk::Button>,

        /// The streams are shown in their own order, in which this one can be moved.
        #[property(get, set)]
        pub movable: Cell<bool>,

        pub control: OnceCell<Control>,
        pub meter: OnceCell<Rc<SoundMeter>>,
        /// The button for it is set, not pressed.
        pub filling_mute: Cell<bool>,
        pub stream: RefCell<Option<Stream>>,
        /// Handlers on the stream.
        pub followed: RefCell<Vec<glib::SignalHandlerId>>,
        pub switched: OnceCell<glib::SignalHandlerId>,
        /// The switch waits for `control`: it shows meanwhile what is wanted.
        pub switching: Cell<bool>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for StreamCard {
        const NAME: &'static str = "HeadwaterStreamCard";
        type Type = super::StreamCard;
        type ParentType = gtk::Box;

        fn class_init(class: &mut Self::Class) {
            StreamView::ensure_type();
            class.bind_template();
            class.set_accessible_role(gtk::AccessibleRole::Group);
            class.install_action("card.copy-address", None, |card, _, _| card.copy_address());
            let string = Some(glib::VariantTy::STRING);
            class.install_action("card.copy-with-password", string, |card, _, user| {
                card.copy_with_password(user.and_then(|user| user.str()).unwrap_or_default());
            });
            for action in [
                "open",
                "show-address",
                "rename",
                "duplicate",
                "remove",
                "move-earlier",
                "move-later",
                "choose-file",
            ] {
                class.install_action(&format!("card.{action}"), None, move |card, _, _| {
                    card.ask_window(&format!("win.{action}-stream"));
                });
            }
            class.install_action_async("card.unlock", None, |card, _, _| async move {
                card.unlock().await;
            });
            class.install_action("card.menu", None, |card, _, _| card.imp().menu_button.popup());
            let none = gdk::ModifierType::empty();
            class.add_binding_action(gdk::Key::F2, none, "card.rename");
            class.add_binding_action(gdk::Key::Delete, none, "card.remove");
            class.add_binding_action(gdk::Key::c, gdk::ModifierType::CONTROL_MASK, "card.copy-address");
            class.add_binding_action(gdk::Key::Menu, none, "card.menu");
            class.add_binding_action(gdk::Key::F10, gdk::ModifierType::SHIFT_MASK, "card.menu");
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for StreamCard {
        fn constructed(&self) {
            self.parent_constructed();
            let card = self.obj();

            let weak = card.downgrade();
            let handler = self.switch.connect_active_notify(move |switch| {
                if let Some(card) = weak.upgrade() {
                    glib::spawn_future_local(card.turn(switch.is_active()));
                }
            });
            self.switched.set(handler).expect("a card is constructed once");

            let weak = card.downgrade();
            late_menu::attach(&self.menu_button, &self.menu, move || {
                if let Some(card) = weak.upgrade() {
                    card.update_menu();
                }
            });

            let secondary_click = gtk::GestureClick::builder().button(gdk::BUTTON_SECONDARY).build();
            let weak = card.downgrade();
            secondary_click.connect_pressed(move |gesture, _, _, _| {
                if let Some(card) = weak.upgrade() {
                    gesture.set_state(gtk::EventSequenceState::Claimed);
                    card.imp().menu_button.popup();
                }
            });
            card.add_controller(secondary_click);

            card.connect_movable_notify(|card| card.update_menu());
            card.follow_drags();
            card.follow_mute();
        }

        fn dispose(&self) {
            self.obj().set_stream(None);
        }
    }

    impl WidgetImpl for StreamCard {}
    impl BoxImpl for StreamCard {}
}

glib::wrapper! {
    pub struct StreamCard(ObjectSubclass<imp::StreamCard>)
        @extends gtk::Box, gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::Orientable;
}

impl StreamCard {
    pub fn new(control: &Control) -> Self {
        let card: Self = glib::Object::new();
        let weak = card.downgrade();
        control.engine().connect_places_notify(move |_| {
            if let Some(card) = weak.upgrade() {
                card.show_address();
            }
        });
        control.connect_changed(&card, |card, _| {
            card.show_switch();
            card.show_mute();
        });
        assert!(card.imp().control.set(control.clone()).is_ok(), "a card is made once");
        let meter = SoundMeter::new();
        card.imp().level.set_child(Some(&meter.bar));
        assert!(card.imp().meter.set(meter).is_ok(), "a card is made once");
        card
    }

    /// Shows this stream from now on; a grid shows another one in the same card while it is scrolled.
    pub fn set_stream(&self, stream: Option<&Stream>) {
        let imp = self.imp();
        if let Some(old) = imp.stream.take() {
            for handler in imp.followed.take() {
                old.disconnect(handler);
            }
        }
        imp.view.set_stream(stream);
        if let Some(meter) = imp.meter.get() {
            meter.set_stream(stream);
        }
        let Some(stream) = stream else { return };
        imp.stream.replace(Some(stream.clone()));

        let follow = |property, show: fn(&Self)| {
            let weak = self.downgrade();
            stream.connect_notify_local(Some(property), move |_, _| {
                if let Some(card) = weak.upgrade() {
                    show(&card);
                }
            })
        };
        imp.followed.replace(vec![
            follow("name", Self::show_name),
            follow("path", Self::show_address),
            follow("state", Self::show_state),
            follow("viewers", Self::show_viewers),
            follow("bitrate", Self::show_viewers),
            follow("access", Self::show_access),
            follow("encoding", Self::show_served),
            follow("sound", Self::show_mute),
            follow("microphone-problem", Self::show_silence),
        ]);
        self.show_name();
        self.show_address();
        self.show_state();
        self.show_switch();
        self.show_viewers();
        self.show_access();
        self.show_served();
        self.show_mute();
        self.show_silence();
    }

    fn stream(&self) -> Option<Stream> {
        self.imp().stream.borrow().clone()
    }

    fn control(&self) -> &Control {
        self.imp().control.get().expect("set when the card is made")
    }

    fn show_name(&self) {
        let Some(stream) = self.stream() else { return };
        let (imp, name) = (self.imp(), stream.name());
        imp.name.set_label(&name);
        imp.name.set_tooltip_text(Some(&name));
        let call = |widget: &gtk::Widget, label: &str| {
            widget.update_property(&[gtk::accessible::Property::Label(label)]);
        };
        let stream = [("stream", name.as_str())];
        call(self.upcast_ref(), &name);
        // Translators: {stream} is the name of a stream, here and below.
        call(imp.open_button.upcast_ref(), &gettext_f("Open {stream}", &stream));
        call(imp.switch.upcast_ref(), &gettext_f("Turn on {stream}", &stream));
        call(imp.menu_button.upcast_ref(), &gettext_f("Menu of {stream}", &stream));
        call(imp.copy_button.upcast_ref(), &gettext_f("Copy the address of {stream}", &stream));
        call(imp.mute_button.upcast_ref(), &gettext_f("Mute {stream}", &stream));
        self.show_way_out();
    }

    fn show_address(&self) {
        let Some(stream) = self.stream() else { return };
        let address = self.address();
        for action in ["card.copy-address", "card.copy-with-password", "card.show-address"] {
            self.action_set_enabled(action, address.is_some());
        }
        let label = &self.imp().address;
        // Without a server there is no address; its path is what will come back.
        label.set_label(&address.unwrap_or_else(|| stream.path()));
        label.set_tooltip_text(Some(&label.label()));
    }

    fn show_viewers(&self) {
        let Some(stream) = self.stream() else { return };
        let (imp, viewers, kbps) = (self.imp(), stream.viewers(), stream.bitrate());
        imp.viewers.set_label(&words::viewers(viewers));
        imp.bitrate.set_label(&words::bitrate(kbps));
        imp.bitrate.set_visible(viewers > 0 && kbps > 0);
    }

    /// An open stream says nothing; one with a password has a lock; one that refuses everybody says why.
    fn show_access(&self) {
        let Some(stream) = self.stream() else { return };
        let (imp, access) = (self.imp(), stream.access());
        let words = words::access_state(&access);
        imp.access_icon.set_visible(access != AccessState::Open);
        imp.access_icon.set_tooltip_text(words.detail.as_deref());
        imp.access_icon.update_property(&[gtk::accessible::Property::Label(&words.title)]);

        let refusal = [words.detail, words.hint].into_iter().flatten().collect::<Vec<_>>().join(" ");
        imp.refusal_label.set_label(&refusal);
        imp.refusal.set_visible(!matches!(access, AccessState::Open | AccessState::Protected));
        imp.unlock_button.set_visible(access == AccessState::KeyringLocked);
    }

    /// Whether the source's own pictures are passed through, and if not, why; of a source that has some.
    fn show_served(&self) {
        let Some(stream) = self.stream() else { return };
        let (icon, encoding) = (&self.imp().served_icon, stream.encoding());
        let name = match encoding.as_ref().map(|encoding| &encoding.by) {
            Some(EncodedBy::Source) => Some("media-seek-forward-symbolic"),
            Some(EncodedBy::Encoder { needed_for: Some(_), .. }) => Some("view-refresh-symbolic"),
            Some(EncodedBy::Encoder { needed_for: None, .. }) | None => None,
        };
        icon.set_icon_name(name);
        let sentence = encoding.and_then(|encoding| words::encoding(&encoding).detail);
        explain(icon, sentence.filter(|_| name.is_some()));
    }

    /// A microphone that is not heard says so, and has no level.
    fn show_silence(&self) {
        let Some(stream) = self.stream() else { return };
        let silence = stream.microphone_problem().map(|problem| words::silence(&problem).0);
        self.imp().level.set_visible(silence.is_none());
        explain(&self.imp().silence_icon, silence);
    }

    fn show_state(&self) {
        let Some(stream) = self.stream() else { return };
        let (imp, state) = (self.imp(), stream.state());
        let words = words::stream_state(&state);
        let (icon, style) = look(&state);

        imp.choose_button.set_visible(state.unusable_file().is_some());
        self.show_way_out();
        imp.state_word.set_label(&words.title);
        imp.state_icon.set_icon_name(Some(icon));
        for widget in [imp.state_icon.upcast_ref::<gtk::Widget>(), imp.state_word.upcast_ref()] {
            widget.set_css_classes(&[style]);
        }
    }

    /// Names the button with which a file is chosen, to the eye and to the ear.
    fn show_way_out(&self) {
        let Some(stream) = self.stream() else { return };
        let button = &self.imp().choose_button;
        button.set_label(&match stream.state().reason() {
            Some(StreamError::FolderEmpty { .. }) => gettext("Choose _Folder…"),
            Some(StreamError::PermissionLost { .. }) => gettext("Choose _Again…"),
            _ => gettext("Choose _File…"),
        });
        // Its label would go before its name.
        button.reset_relation(gtk::AccessibleRelation::LabelledBy);
        let name = gettext_f("Choose another file for {stream}", &[("stream", &stream.name())]);
        button.update_property(&[gtk::accessible::Property::Label(&name)]);
    }

    /// Sets the switch without turning anything on or off. It says what is wanted: a stream ends a little later.
    fn show_switch(&self) {
        let Some(stream) = self.stream() else { return };
        let imp = self.imp();
        if let Some(config) = self.control().stream(&stream.id())
            && !imp.switching.get()
        {
            let handler = imp.switched.get().expect("connected when the card is constructed");
            imp.switch.block_signal(handler);
            imp.switch.set_active(config.enabled);
            imp.switch.unblock_signal(handler);
        }
    }

    fn turn(&self, on: bool) -> impl Future<Output = ()> + use<> {
        let card = self.clone();
        async move {
            let Some(stream) = card.stream() else { return };
            card.imp().switching.set(true);
            let changed = card.control().change_stream(&stream.id(), |stream| stream.enabled = on).await;
            card.imp().switching.set(false);
            if let Err(error) = changed {
                toasts::say_change_error(&card, &error);
            }
            card.show_switch();
        }
    }

    fn address(&self) -> Option<String> {
        self.control().engine().address(&self.stream()?)
    }

    fn copy_address(&self) {
        if let Some(address) = self.address() {
            given_address::copy(self, &address);
        }
    }

    fn copy_with_password(&self, user: &str) {
        if let Some(address) = self.address() {
            given_address::copy_with_password(self, self.control(), &address, user);
        }
    }

    async fn unlock(&self) {
        if let Err(error) = self.control().unlock().await {
            tracing::warn!(%error, "the keyring stays locked");
            toasts::say(self, &gettext("The keyring stays locked"));
        }
    }

    /// What is done with a stream as a whole outlives its card.
    fn ask_window(&self, action: &str) {
        let Some(stream) = self.stream() else { return };
        self.activate_action(action, Some(&stream.id().to_variant())).expect("a card is in the window");
    }

    /// What the menu offers now.
    fn update_menu(&self) {
        let Some(stream) = self.stream() else { return };
        let (section, control) = (&*self.imp().address_section, self.control());
        // Between what is always there: to copy, and to show.
        while section.n_items() > 2 {
            section.remove(1);
        }
        if let Some(item) =
            given_address::password_item(&control.logins(&stream.id()), "card.copy-with-password")
        {
            section.insert_item(1, &item);
        }
        let streams = control.config().streams;
        let is = |other: Option<&StreamConfig>| other.is_some_and(|other| other.id == stream.id());
        let movable = self.movable();
        self.action_set_enabled("card.move-earlier", movable && !is(streams.first()));
        self.action_set_enabled("card.move-later", movable && !is(streams.last()));
    }
}

/// Shows an icon while there is something to say by it, to the eye and to the ear.
fn explain(icon: &gtk::Image, sentence: Option<String>) {
    icon.set_visible(sentence.is_some());
    icon.set_tooltip_text(sentence.as_deref());
    icon.update_property(&[gtk::accessible::Property::Label(sentence.as_deref().unwrap_or_default())]);
}
