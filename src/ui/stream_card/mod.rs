//! A stream at a glance: its live picture, or in its place why there is none; name, state, viewers, address.

use super::error_text::change_error;
use super::preview::Preview;
use super::preview_frame::PreviewFrame;
use crate::control::Control;
use crate::engine::{AccessState, Stream, StreamState};
use crate::i18n::{gettext, gettext_f};
use crate::words;
use adw::prelude::*;
use adw::subclass::prelude::*;
use glib::subclass::InitializingObject;
use gtk::{gdk, graphene};
use std::cell::{Cell, OnceCell, RefCell};

mod imp {
    use super::*;

    #[derive(Default, gtk::CompositeTemplate)]
    #[template(resource = "/io/github/headwater_app/Headwater/stream_card/stream_card.ui")]
    pub struct StreamCard {
        #[template_child]
        pub frame: TemplateChild<PreviewFrame>,
        #[template_child]
        pub pictures: TemplateChild<gtk::Stack>,
        #[template_child]
        pub picture: TemplateChild<gtk::Picture>,
        #[template_child]
        pub spinner: TemplateChild<adw::Spinner>,
        #[template_child]
        pub placeholder_icon: TemplateChild<gtk::Image>,
        #[template_child]
        pub detail: TemplateChild<gtk::Label>,
        #[template_child]
        pub hint: TemplateChild<gtk::Label>,
        #[template_child]
        pub name: TemplateChild<gtk::Label>,
        #[template_child]
        pub switch: TemplateChild<gtk::Switch>,
        #[template_child]
        pub menu_button: TemplateChild<gtk::MenuButton>,
        #[template_child]
        pub state_icon: TemplateChild<gtk::Image>,
        #[template_child]
        pub state_word: TemplateChild<gtk::Label>,
        #[template_child]
        pub access_icon: TemplateChild<gtk::Image>,
        #[template_child]
        pub viewers: TemplateChild<gtk::Label>,
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

        pub control: OnceCell<Control>,
        pub stream: RefCell<Option<Stream>>,
        /// Handlers on the stream.
        pub followed: RefCell<Vec<glib::SignalHandlerId>>,
        /// Handlers on what surrounds the card, while it is mapped: they say whether it can be seen.
        pub surroundings: RefCell<Vec<(glib::Object, glib::SignalHandlerId)>>,
        pub switched: OnceCell<glib::SignalHandlerId>,
        pub preview: RefCell<Option<Preview>>,
        pub preview_update: RefCell<Option<glib::SourceId>>,
        /// The switch waits for `control`: the state that is shown meanwhile is the one wanted.
        pub switching: Cell<bool>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for StreamCard {
        const NAME: &'static str = "HeadwaterStreamCard";
        type Type = super::StreamCard;
        type ParentType = gtk::Box;

        fn class_init(class: &mut Self::Class) {
            PreviewFrame::ensure_type();
            class.bind_template();
            class.set_accessible_role(gtk::AccessibleRole::Group);
            class.install_action("card.copy-address", None, |card, _, _| card.copy_address());
            class.install_action("card.remove", None, |card, _, _| card.remove());
            class.install_action_async("card.unlock", None, |card, _, _| async move {
                card.unlock().await;
            });
            class.install_action("card.menu", None, |card, _, _| card.imp().menu_button.popup());
            class.add_binding_action(gdk::Key::Menu, gdk::ModifierType::empty(), "card.menu");
            class.add_binding_action(gdk::Key::F10, gdk::ModifierType::SHIFT_MASK, "card.menu");
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

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

            let secondary_click = gtk::GestureClick::builder().button(gdk::BUTTON_SECONDARY).build();
            let weak = card.downgrade();
            secondary_click.connect_pressed(move |gesture, _, _, _| {
                if let Some(card) = weak.upgrade() {
                    gesture.set_state(gtk::EventSequenceState::Claimed);
                    card.imp().menu_button.popup();
                }
            });
            card.add_controller(secondary_click);
        }

        fn dispose(&self) {
            self.obj().set_stream(None);
        }
    }

    impl WidgetImpl for StreamCard {
        fn map(&self) {
            self.parent_map();
            self.obj().watch_surroundings();
            self.obj().queue_preview_update();
        }

        fn unmap(&self) {
            for (object, handler) in self.surroundings.take() {
                object.disconnect(handler);
            }
            self.parent_unmap();
            self.obj().update_preview();
        }

        fn size_allocate(&self, width: i32, height: i32, baseline: i32) {
            self.parent_size_allocate(width, height, baseline);
            self.obj().queue_preview_update();
        }
    }

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
        control.engine().connect_server_state_notify(move |_| {
            if let Some(card) = weak.upgrade() {
                card.show_address();
            }
        });
        assert!(card.imp().control.set(control.clone()).is_ok(), "a card is made once");
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
        // The preview is one of the old stream.
        imp.preview.take();
        imp.picture.set_paintable(None::<&gdk::Paintable>);
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
            follow("access", Self::show_access),
        ]);
        self.show_name();
        self.show_address();
        self.show_state();
        self.show_viewers();
        self.show_access();
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
        call(imp.picture.upcast_ref(), &gettext_f("Preview of {stream}", &stream));
        call(imp.switch.upcast_ref(), &gettext_f("Turn on {stream}", &stream));
        call(imp.menu_button.upcast_ref(), &gettext_f("Menu of {stream}", &stream));
        call(imp.copy_button.upcast_ref(), &gettext_f("Copy the address of {stream}", &stream));
    }

    fn show_address(&self) {
        let Some(stream) = self.stream() else { return };
        let address = self.control().engine().address(&stream.path());
        self.action_set_enabled("card.copy-address", address.is_some());
        let label = &self.imp().address;
        // Without a server there is no address; its path is what will come back.
        label.set_label(&address.unwrap_or_else(|| stream.path()));
        label.set_tooltip_text(Some(&label.label()));
    }

    fn show_viewers(&self) {
        let Some(stream) = self.stream() else { return };
        self.imp().viewers.set_label(&words::viewers(stream.viewers()));
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

    fn show_state(&self) {
        let Some(stream) = self.stream() else { return };
        let (imp, state) = (self.imp(), stream.state());
        let words = words::stream_state(&state);
        let (icon, style) = look(&state);

        imp.state_word.set_label(&words.title);
        imp.state_icon.set_icon_name(Some(icon));
        for widget in [imp.state_icon.upcast_ref::<gtk::Widget>(), imp.state_word.upcast_ref()] {
            widget.set_css_classes(&[style]);
        }

        // A stream that is live and has no preview yet is about to have one.
        let waits = matches!(state, StreamState::Starting | StreamState::Live);
        imp.spinner.set_visible(waits);
        imp.placeholder_icon.set_visible(!waits);
        imp.placeholder_icon.set_icon_name(Some(icon));
        for (label, words) in [(&imp.detail, words.detail), (&imp.hint, words.hint)] {
            label.set_visible(words.is_some());
            label.set_label(words.as_deref().unwrap_or_default());
            label.set_tooltip_text(words.as_deref());
        }

        if !imp.switching.get() {
            self.show_switch(&state);
        }
        self.queue_preview_update();
    }

    /// Sets the switch without turning anything on or off.
    fn show_switch(&self, state: &StreamState) {
        let imp = self.imp();
        let handler = imp.switched.get().expect("connected when the card is constructed");
        imp.switch.block_signal(handler);
        imp.switch.set_active(*state != StreamState::Stopped);
        imp.switch.unblock_signal(handler);
    }

    fn turn(&self, on: bool) -> impl Future<Output = ()> + use<> {
        let card = self.clone();
        async move {
            let Some(stream) = card.stream() else { return };
            card.imp().switching.set(true);
            let changed = card
                .control()
                .change(|config| {
                    if let Some(stream) = config.streams.iter_mut().find(|other| other.id == stream.id()) {
                        stream.enabled = on;
                    }
                })
                .await;
            card.imp().switching.set(false);
            if let Err(error) = changed {
                card.toast(&change_error(&error));
            }
            card.show_state();
        }
    }

    fn copy_address(&self) {
        let Some(stream) = self.stream() else { return };
        if let Some(address) = self.control().engine().address(&stream.path()) {
            self.clipboard().set_text(&address);
            self.toast(&gettext("Address copied"));
        }
    }

    async fn unlock(&self) {
        if let Err(error) = self.control().unlock().await {
            tracing::warn!(%error, "the keyring stays locked");
            self.toast(&gettext("The keyring stays locked"));
        }
    }

    fn remove(&self) {
        let Some(stream) = self.stream() else { return };
        self.activate_action("win.remove-stream", Some(&stream.id().to_variant()))
            .expect("a card is in the window");
    }

    fn toast(&self, sentence: &str) {
        // A card that was scrolled away meanwhile has no window to say it in.
        if let Err(error) = self.activate_action("win.toast", Some(&sentence.to_variant())) {
            tracing::warn!(%error, sentence);
        }
    }

    /// Follows everything that can hide the card while it is mapped.
    fn watch_surroundings(&self) {
        let mut handlers = Vec::new();
        let mut watch = |object: &glib::Object, signal: &str| {
            let weak = self.downgrade();
            let handler = object.connect_local(signal, false, move |_| {
                if let Some(card) = weak.upgrade() {
                    card.queue_preview_update();
                }
                None
            });
            handlers.push((object.clone(), handler));
        };
        if let Some(window) = self.root().and_downcast::<gtk::Window>() {
            watch(window.upcast_ref(), "notify::suspended");
            if let Some(surface) = window.surface() {
                watch(surface.upcast_ref(), "notify::state");
            }
        }
        if let Some(scrolled) = self.scrolled_window() {
            watch(scrolled.vadjustment().upcast_ref(), "value-changed");
            watch(scrolled.vadjustment().upcast_ref(), "changed");
        }
        self.imp().surroundings.replace(handlers);
    }

    fn scrolled_window(&self) -> Option<gtk::ScrolledWindow> {
        self.ancestor(gtk::ScrolledWindow::static_type()).and_downcast()
    }

    /// Whether somebody can see it: mapped, in the part that is scrolled to, in a window that is shown.
    fn is_seen(&self) -> bool {
        if !self.is_mapped() {
            return false;
        }
        let hidden = self.root().and_downcast::<gtk::Window>().is_none_or(|window| {
            let minimized = window
                .surface()
                .and_downcast::<gdk::Toplevel>()
                .is_some_and(|surface| surface.state().contains(gdk::ToplevelState::MINIMIZED));
            window.is_suspended() || minimized
        });
        let in_view = self.scrolled_window().is_none_or(|scrolled| {
            let view = graphene::Rect::new(0.0, 0.0, scrolled.width() as f32, scrolled.height() as f32);
            self.compute_bounds(&scrolled).is_some_and(|bounds| bounds.intersection(&view).is_some())
        });
        !hidden && in_view
    }

    /// When the layout is done: in the middle of it, sizes and places are old.
    fn queue_preview_update(&self) {
        let imp = self.imp();
        if imp.preview_update.borrow().is_none() {
            let weak = self.downgrade();
            let source = glib::idle_add_local_once(move || {
                if let Some(card) = weak.upgrade() {
                    card.imp().preview_update.take();
                    card.update_preview();
                }
            });
            imp.preview_update.replace(Some(source));
        }
    }

    /// Has a preview exactly while there is a picture to be had and somebody to see it.
    fn update_preview(&self) {
        let imp = self.imp();
        let scale = self.native().and_then(|native| native.surface()).map_or(1.0, |surface| surface.scale());
        let pixels = |side: i32| (f64::from(side) * scale).ceil() as i32;
        let (width, height) = (pixels(imp.frame.width()), pixels(imp.frame.height()));

        let shown = self.stream().filter(|stream| {
            !matches!(stream.state(), StreamState::Stopped | StreamState::Failed { .. }) && self.is_seen()
        });
        let has_preview = imp.preview.borrow().is_some();
        match shown {
            None => {
                imp.preview.take();
                imp.picture.set_paintable(None::<&gdk::Paintable>);
            }
            Some(_) if has_preview => {
                if let Some(preview) = &*imp.preview.borrow() {
                    preview.resize(width, height);
                }
            }
            Some(stream) => match Preview::new(&stream, width, height) {
                Ok(preview) => {
                    let weak = self.downgrade();
                    // The first picture brings the size.
                    preview.paintable().connect_invalidate_size(move |_| {
                        if let Some(card) = weak.upgrade() {
                            card.show_picture();
                        }
                    });
                    imp.picture.set_paintable(Some(preview.paintable()));
                    imp.preview.replace(Some(preview));
                }
                Err(error) => tracing::error!(stream = %stream.id(), %error, "no preview"),
            },
        }
        self.show_picture();
    }

    /// The live picture where there is one, otherwise what is to be said in its place.
    fn show_picture(&self) {
        let imp = self.imp();
        let live = self.stream().is_some_and(|stream| stream.state() == StreamState::Live);
        let aspect = imp.picture.paintable().map_or(0.0, |paintable| paintable.intrinsic_aspect_ratio());
        // Whole pixels are never exactly 16:9: a picture that is so but for the rounding gets no bar beside it.
        let fills = (aspect * 9.0 / 16.0 - 1.0).abs() < 0.02;
        imp.picture.set_content_fit(if fills { gtk::ContentFit::Fill } else { gtk::ContentFit::Contain });
        imp.pictures.set_visible_child_name(if live && aspect > 0.0 { "picture" } else { "placeholder" });
    }
}

/// The icon of a state, and the style class that colours it.
fn look(state: &StreamState) -> (&'static str, &'static str) {
    match state {
        StreamState::Stopped => ("system-shutdown-symbolic", "dim-label"),
        StreamState::Starting => ("content-loading-symbolic", "dim-label"),
        StreamState::Ready => ("weather-clear-night-symbolic", "dim-label"),
        StreamState::Live => ("media-record-symbolic", "success"),
        StreamState::Reconnecting { .. } => ("dialog-warning-symbolic", "warning"),
        StreamState::Failed { .. } => ("dialog-error-symbolic", "error"),
    }
}
