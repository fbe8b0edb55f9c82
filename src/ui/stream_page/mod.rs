//! The page of one stream: its live picture, what it does, everything that its configuration can say, and who
//! watches.

mod access_group;
mod choice_row;
mod form;
mod identity_group;
mod overlay_group;
mod picture_group;
mod preset_row;
mod source_group;
mod text_row;
mod user_dialog;
mod viewers_group;

use super::stream_view::{StreamView, look};
use super::toasts;
use crate::control::Control;
use crate::engine::Stream;
use crate::i18n::{gettext, gettext_f, ngettext_f};
use crate::words;
use access_group::AccessGroup;
use adw::prelude::*;
use adw::subclass::prelude::*;
use form::Form;
use glib::ControlFlow;
use glib::subclass::InitializingObject;
use identity_group::IdentityGroup;
use overlay_group::OverlayGroup;
use picture_group::PictureGroup;
use source_group::SourceGroup;
use std::cell::{Cell, OnceCell, RefCell};

/// The forms of the page.
struct Groups {
    form: Form,
    identity: IdentityGroup,
    source: SourceGroup,
    picture: PictureGroup,
    overlays: OverlayGroup,
    access: AccessGroup,
}

mod imp {
    use super::*;

    #[derive(Default, gtk::CompositeTemplate)]
    #[template(resource = "/io/github/headwater_app/Headwater/stream_page/stream_page.ui")]
    pub struct StreamPage {
        #[template_child]
        pub toolbars: TemplateChild<adw::ToolbarView>,
        #[template_child]
        pub view: TemplateChild<StreamView>,
        #[template_child]
        pub state_row: TemplateChild<adw::ActionRow>,
        #[template_child]
        pub state_icon: TemplateChild<gtk::Image>,
        #[template_child]
        pub switch: TemplateChild<gtk::Switch>,
        #[template_child]
        pub address_row: TemplateChild<adw::ActionRow>,
        #[template_child]
        pub copy_button: TemplateChild<gtk::Button>,
        #[template_child]
        pub settings: TemplateChild<gtk::Box>,
        #[template_child]
        pub viewers: TemplateChild<adw::Bin>,
        #[template_child]
        pub waiting: TemplateChild<gtk::Label>,

        pub(super) groups: OnceCell<Groups>,
        /// Handlers on what outlives the page.
        pub followed: RefCell<Vec<(glib::Object, glib::SignalHandlerId)>>,
        /// The switch is set, not used.
        pub filling: Cell<bool>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for StreamPage {
        const NAME: &'static str = "HeadwaterStreamPage";
        type Type = super::StreamPage;
        type ParentType = adw::NavigationPage;

        fn class_init(class: &mut Self::Class) {
            StreamView::ensure_type();
            class.bind_template();
            class.install_action("page.refresh", None, |page, _, _| page.show());
            class.install_action("page.copy-address", None, |page, _, _| page.copy_address());
            class.install_action("page.cancel", None, |page, _, _| page.form().cancel());
            class.install_action_async("page.apply", None, |page, _, _| async move {
                let applied = page.form().apply().await;
                if let Err(error) = applied {
                    toasts::say_change_error(&page, &error);
                }
                page.show();
            });
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for StreamPage {
        fn dispose(&self) {
            for (object, handler) in self.followed.take() {
                object.disconnect(handler);
            }
        }
    }

    impl WidgetImpl for StreamPage {}
    impl NavigationPageImpl for StreamPage {}
}

glib::wrapper! {
    pub struct StreamPage(ObjectSubclass<imp::StreamPage>)
        @extends adw::NavigationPage, gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl StreamPage {
    pub fn new(control: &Control, stream: &Stream) -> Self {
        let page: Self = glib::Object::new();
        let imp = page.imp();
        let form = Form::new(control, stream, &page);
        let groups = Groups {
            identity: IdentityGroup::new(&form),
            source: SourceGroup::new(&form),
            picture: PictureGroup::new(&form),
            overlays: OverlayGroup::new(&form),
            access: AccessGroup::new(&form),
            form,
        };
        for group in [
            &groups.identity.widget,
            &groups.source.widget,
            &groups.picture.widget,
            &groups.overlays.widget,
            &groups.access.widget,
        ] {
            imp.settings.append(group);
        }
        imp.viewers.set_child(Some(&viewers_group::new(control, stream)));
        assert!(imp.groups.set(groups).is_ok(), "a page is made once");

        imp.view.set_stream(Some(stream));
        let weak = page.downgrade();
        imp.switch.connect_active_notify(move |switch| {
            if let Some(page) = weak.upgrade()
                && !page.imp().filling.get()
            {
                let on = switch.is_active();
                page.form().choose(move |stream| stream.enabled = on);
            }
        });
        page.follow(stream);
        page.show();
        page.show_state();
        page.show_encoding();
        page.show_access();
        page
    }

    fn groups(&self) -> &Groups {
        self.imp().groups.get().expect("set when the page is made")
    }

    fn form(&self) -> &Form {
        &self.groups().form
    }

    fn follow(&self, stream: &Stream) {
        let engine = self.form().control().engine();
        let weak = self.downgrade();
        self.form().control().connect_changed(move |_| match weak.upgrade() {
            Some(page) => {
                page.show();
                ControlFlow::Continue
            }
            None => ControlFlow::Break,
        });
        let weak = self.downgrade();
        let listening = engine.connect_server_state_notify(move |_| {
            if let Some(page) = weak.upgrade() {
                page.show_address();
            }
        });
        let mut followed = vec![(engine.clone().upcast(), listening)];
        for (property, show) in [
            ("state", Self::show_state as fn(&Self)),
            ("encoding", Self::show_encoding),
            ("viewers", Self::show_waiting),
            ("access", Self::show_access),
        ] {
            let weak = self.downgrade();
            let handler = stream.connect_notify_local(Some(property), move |_, _| {
                if let Some(page) = weak.upgrade() {
                    show(&page);
                }
            });
            followed.push((stream.clone().upcast(), handler));
        }
        self.imp().followed.replace(followed);
    }

    /// Shows what is in force, with what waits.
    fn show(&self) {
        let Some(stream) = self.form().shown() else {
            // It was removed: there is nothing left to look at.
            let _ = self.activate_action("navigation.pop", None);
            return;
        };
        let imp = self.imp();
        self.set_title(&stream.name);
        let name = [("stream", stream.name.as_str())];
        let call = |widget: &gtk::Widget, label: &str| {
            widget.update_property(&[gtk::accessible::Property::Label(label)]);
        };
        // Translators: {stream} is the name of a stream.
        call(imp.switch.upcast_ref(), &gettext_f("Turn on {stream}", &name));
        call(imp.copy_button.upcast_ref(), &gettext_f("Copy the address of {stream}", &name));
        imp.filling.set(true);
        imp.switch.set_active(stream.enabled);
        imp.filling.set(false);

        let groups = self.groups();
        groups.identity.show(&stream);
        groups.source.show(&stream);
        groups.picture.show(&stream);
        groups.overlays.show(&stream);
        groups.access.show(&stream);
        self.show_address();
        self.show_waiting();
    }

    fn show_address(&self) {
        let stream = self.form().stream();
        let address = self.form().control().engine().address(&stream.path());
        self.action_set_enabled("page.copy-address", address.is_some());
        // Without a server there is no address; its path is what will come back.
        self.imp().address_row.set_subtitle(&address.unwrap_or_else(|| stream.path()));
    }

    fn show_state(&self) {
        let (imp, state) = (self.imp(), self.form().stream().state());
        let words = words::stream_state(&state);
        let (icon, style) = look(&state);
        imp.state_icon.set_icon_name(Some(icon));
        imp.state_icon.set_css_classes(&[style]);
        imp.state_row.set_title(&words.title);
        let sentences = [words.detail, words.hint].into_iter().flatten().collect::<Vec<_>>();
        imp.state_row.set_subtitle(&sentences.join(" "));
    }

    fn show_encoding(&self) {
        self.groups().picture.show_encoding(self.form().stream().encoding().as_ref());
    }

    fn show_access(&self) {
        self.groups().access.show_state(&self.form().stream().access());
    }

    /// Says what the changes that wait would do to those who watch.
    fn show_waiting(&self) {
        let (imp, form) = (self.imp(), self.form());
        let Some(stream) = form.shown().filter(|_| form.is_waiting()) else {
            return imp.toolbars.set_reveal_bottom_bars(false);
        };
        let viewers = form.stream().viewers();
        imp.waiting.set_label(&match (viewers, stream.enabled) {
            (0, _) => gettext("Nobody watches any more."),
            (_, true) => ngettext_f(
                "{n} viewer will have to connect again.",
                "{n} viewers will have to connect again.",
                viewers,
                &[],
            ),
            (_, false) => ngettext_f(
                "{n} viewer will lose the stream.",
                "{n} viewers will lose the stream.",
                viewers,
                &[],
            ),
        });
        imp.toolbars.set_reveal_bottom_bars(true);
        self.announce(&imp.waiting.label(), gtk::AccessibleAnnouncementPriority::Medium);
    }

    fn copy_address(&self) {
        let stream = self.form().stream();
        if let Some(address) = self.form().control().engine().address(&stream.path()) {
            self.clipboard().set_text(&address);
            toasts::say(self, &gettext("Address copied"));
        }
    }
}
