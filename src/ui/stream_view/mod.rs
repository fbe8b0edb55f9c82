//! The live picture of a stream, or in its place what there is to say. It has a preview exactly while there is a
//! picture to be had and somebody to see it.

use super::preview::Preview;
use super::preview_frame::PreviewFrame;
use crate::engine::{Stream, StreamState};
use crate::i18n::gettext_f;
use crate::words;
use adw::prelude::*;
use adw::subclass::prelude::*;
use glib::subclass::InitializingObject;
use gtk::{gdk, graphene};
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// Among many, a picture is to be seen, not judged: more frames a second only cost time.
const FRAMES_PER_SECOND: i32 = 15;

/// A picture that waits for so long is in a window that is not drawn, since nobody can see it. Where a window was
/// being drawn when it was hidden, GTK 4.18 on Wayland does not hear that it is suspended: it waits for the
/// compositor to ask for the next frame first.
const NOT_DRAWN: Duration = Duration::from_secs(2);

mod imp {
    use super::*;

    #[derive(Default, glib::Properties, gtk::CompositeTemplate)]
    #[properties(wrapper_type = super::StreamView)]
    #[template(resource = "/io/github/headwater_app/Headwater/stream_view/stream_view.ui")]
    pub struct StreamView {
        #[template_child]
        pub frame: TemplateChild<PreviewFrame>,
        #[template_child]
        pub pictures: TemplateChild<gtk::Stack>,
        #[template_child]
        pub picture: TemplateChild<gtk::Picture>,
        #[template_child]
        pub offload: TemplateChild<gtk::GraphicsOffload>,
        #[template_child]
        pub spinner: TemplateChild<adw::Spinner>,
        #[template_child]
        pub placeholder_icon: TemplateChild<gtk::Image>,
        #[template_child]
        pub detail: TemplateChild<gtk::Label>,
        #[template_child]
        pub hint: TemplateChild<gtk::Label>,

        /// Every frame is shown, not 15 a second.
        #[property(get, construct_only)]
        pub full_rate: Cell<bool>,

        pub stream: RefCell<Option<Stream>>,
        /// Handlers on the stream.
        pub followed: RefCell<Vec<glib::SignalHandlerId>>,
        /// Handlers on what surrounds the picture, while it is mapped: they say whether it can be seen.
        pub surroundings: RefCell<Vec<(glib::Object, glib::SignalHandlerId)>>,
        pub preview: RefCell<Option<Preview>>,
        pub preview_update: RefCell<Option<glib::SourceId>>,
        /// Since when a picture waits to be drawn.
        pub undrawn_since: Cell<Option<Instant>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for StreamView {
        const NAME: &'static str = "HeadwaterStreamView";
        type Type = super::StreamView;
        type ParentType = adw::Bin;

        fn class_init(class: &mut Self::Class) {
            PreviewFrame::ensure_type();
            class.bind_template();
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for StreamView {
        fn constructed(&self) {
            self.parent_constructed();
            // Among many it has a card's round corners, and no compositor takes those.
            if self.full_rate.get() {
                self.offload.set_enabled(gtk::GraphicsOffloadEnabled::Enabled);
            }
            // Not size_allocate of this widget: its layout manager is asked instead.
            let weak = self.obj().downgrade();
            self.frame.connect_resized(move || {
                if let Some(view) = weak.upgrade() {
                    view.queue_preview_update();
                }
            });
        }

        fn dispose(&self) {
            self.obj().set_stream(None);
        }
    }

    impl WidgetImpl for StreamView {
        fn map(&self) {
            self.parent_map();
            self.obj().watch_surroundings();
            self.obj().queue_preview_update();
        }

        fn unmap(&self) {
            for (object, handler) in self.surroundings.take() {
                object.disconnect(handler);
            }
            self.undrawn_since.take();
            self.parent_unmap();
            self.obj().update_preview();
        }
    }

    impl BinImpl for StreamView {}
}

glib::wrapper! {
    pub struct StreamView(ObjectSubclass<imp::StreamView>)
        @extends adw::Bin, gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl StreamView {
    /// Shows this stream from now on.
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

        let (named, changed) = (self.downgrade(), self.downgrade());
        imp.followed.replace(vec![
            stream.connect_name_notify(move |_| {
                if let Some(view) = named.upgrade() {
                    view.show_name();
                }
            }),
            stream.connect_state_notify(move |_| {
                if let Some(view) = changed.upgrade() {
                    view.show_state();
                }
            }),
        ]);
        self.show_name();
        self.show_state();
    }

    fn stream(&self) -> Option<Stream> {
        self.imp().stream.borrow().clone()
    }

    fn show_name(&self) {
        let Some(stream) = self.stream() else { return };
        // Translators: {stream} is the name of a stream.
        let label = gettext_f("Preview of {stream}", &[("stream", &stream.name())]);
        self.imp().picture.update_property(&[gtk::accessible::Property::Label(&label)]);
    }

    fn show_state(&self) {
        let Some(stream) = self.stream() else { return };
        let (imp, state) = (self.imp(), stream.state());
        let words = words::stream_state(&state);
        // A stream that is live and has no preview yet is about to have one.
        let waits = matches!(state, StreamState::Starting | StreamState::Live);
        imp.spinner.set_visible(waits);
        imp.placeholder_icon.set_visible(!waits);
        imp.placeholder_icon.set_icon_name(Some(look(&state).0));
        for (label, words) in [(&imp.detail, words.detail), (&imp.hint, words.hint)] {
            label.set_visible(words.is_some());
            label.set_label(words.as_deref().unwrap_or_default());
            label.set_tooltip_text(words.as_deref());
        }
        self.queue_preview_update();
    }

    /// Follows everything that can hide it while it is mapped.
    fn watch_surroundings(&self) {
        let mut handlers = Vec::new();
        let mut watch = |object: &glib::Object, signal: &str| {
            let weak = self.downgrade();
            let handler = object.connect_local(signal, false, move |_| {
                if let Some(view) = weak.upgrade() {
                    view.queue_preview_update();
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
        if let Some(clock) = self.frame_clock() {
            let weak = self.downgrade();
            let handler = clock.connect_after_paint(move |_| {
                if let Some(view) = weak.upgrade() {
                    view.on_drawn();
                }
            });
            handlers.push((clock.upcast(), handler));
        }
        self.imp().surroundings.replace(handlers);
    }

    fn scrolled_window(&self) -> Option<gtk::ScrolledWindow> {
        self.ancestor(gtk::ScrolledWindow::static_type()).and_downcast()
    }

    fn on_drawn(&self) {
        if !self.is_drawn() {
            self.queue_preview_update();
        }
        self.imp().undrawn_since.take();
    }

    /// There is a new picture to be drawn.
    fn on_picture(&self) {
        let imp = self.imp();
        if imp.undrawn_since.get().is_none() && imp.picture.is_mapped() {
            imp.undrawn_since.set(Some(Instant::now()));
        }
        if !self.is_drawn() {
            self.queue_preview_update();
        }
    }

    fn is_drawn(&self) -> bool {
        self.imp().undrawn_since.get().is_none_or(|since| since.elapsed() < NOT_DRAWN)
    }

    /// Whether somebody can see it: mapped, in the part that is scrolled to, in a window that is shown.
    fn is_seen(&self) -> bool {
        if !self.is_mapped() || !self.is_drawn() {
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
                if let Some(view) = weak.upgrade() {
                    view.imp().preview_update.take();
                    view.update_preview();
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
        let limit = (!self.full_rate()).then_some(FRAMES_PER_SECOND);
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
            Some(stream) => match Preview::new(&stream, width, height, limit) {
                Ok(preview) => {
                    let weak = self.downgrade();
                    // The first picture brings the size.
                    preview.paintable().connect_invalidate_size(move |_| {
                        if let Some(view) = weak.upgrade() {
                            view.show_picture();
                        }
                    });
                    let weak = self.downgrade();
                    preview.paintable().connect_invalidate_contents(move |_| {
                        if let Some(view) = weak.upgrade() {
                            view.on_picture();
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
pub fn look(state: &StreamState) -> (&'static str, &'static str) {
    match state {
        StreamState::Stopped => ("system-shutdown-symbolic", "dim-label"),
        StreamState::Starting => ("content-loading-symbolic", "dim-label"),
        StreamState::Ready => ("weather-clear-night-symbolic", "dim-label"),
        StreamState::Live => ("media-record-symbolic", "success"),
        state if state.awaits_publisher() => ("network-receive-symbolic", "dim-label"),
        StreamState::Reconnecting { .. } => ("dialog-warning-symbolic", "warning"),
        StreamState::Failed { .. } => ("dialog-error-symbolic", "error"),
    }
}
