//! The page of one stream: its live picture, what it does, everything that its configuration can say, and who
//! watches.

mod access_group;
mod address_rows;
pub(super) mod camera_choice;
pub mod choice_row;
mod cursor_row;
mod custom_row;
mod file_rows;
mod form;
mod identity_group;
mod leave_dialog;
mod limits_group;
mod loss_group;
mod number_row;
mod overlay_group;
mod picture_group;
mod preset_row;
mod publish_group;
mod relay_rows;
mod sound_group;
mod source_group;
mod steps;
mod switch_row;
pub(super) mod text_row;
mod transport_group;
mod user_dialog;

use super::aloud;
use super::given_address;
use super::late_menu;
use super::stream_view::{StreamView, look};
use super::toasts;
use super::viewers_page::viewers_group;
use crate::control::Control;
use crate::engine::Stream;
use crate::i18n::{gettext, gettext_f, ngettext_f};
use crate::words;
use access_group::AccessGroup;
use address_rows::AddressRows;
use adw::prelude::*;
use adw::subclass::prelude::*;
use form::Form;
use glib::subclass::InitializingObject;
use gtk::gdk;
use identity_group::IdentityGroup;
use leave_dialog::Answer;
use limits_group::LimitsGroup;
use loss_group::LossGroup;
use overlay_group::OverlayGroup;
use picture_group::PictureGroup;
use publish_group::PublishGroup;
use sound_group::SoundGroup;
use source_group::SourceGroup;
use std::cell::{Cell, OnceCell, RefCell};
use transport_group::TransportGroup;

/// The forms of the page.
struct Groups {
    form: Form,
    addresses: AddressRows,
    identity: IdentityGroup,
    source: SourceGroup,
    publish: PublishGroup,
    picture: PictureGroup,
    sound: SoundGroup,
    overlays: OverlayGroup,
    loss: LossGroup,
    access: AccessGroup,
    transports: TransportGroup,
    limits: LimitsGroup,
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
        pub menu_button: TemplateChild<gtk::MenuButton>,
        #[template_child]
        pub menu: TemplateChild<gio::Menu>,
        #[template_child]
        pub summary: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        pub settings: TemplateChild<gtk::Box>,
        #[template_child]
        pub viewers: TemplateChild<adw::Bin>,
        #[template_child]
        pub waiting: TemplateChild<gtk::Label>,
        #[template_child]
        pub back: TemplateChild<gtk::Button>,

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
            class.install_action("page.rename", None, |page, _, _| page.groups().identity.start_renaming());
            for action in ["show-address", "remove"] {
                class.install_action(&format!("page.{action}"), None, move |page, _, _| {
                    let id = page.form().stream().id().to_variant();
                    page.activate_action(&format!("win.{action}-stream"), Some(&id))
                        .expect("a page is in the window");
                });
            }
            class.install_action("page.menu", None, |page, _, _| page.imp().menu_button.popup());
            // The keys of a card. A text that is typed in takes its own before they come here.
            let none = gdk::ModifierType::empty();
            class.add_binding_action(gdk::Key::F2, none, "page.rename");
            class.add_binding_action(gdk::Key::Delete, none, "page.remove");
            class.add_binding_action(gdk::Key::c, gdk::ModifierType::CONTROL_MASK, "page.copy-address");
            class.add_binding_action(gdk::Key::Menu, none, "page.menu");
            class.add_binding_action(gdk::Key::F10, gdk::ModifierType::SHIFT_MASK, "page.menu");
            class.install_action("page.cancel", None, |page, _, _| page.form().cancel());
            class.install_action_async("page.apply", None, |page, _, _| async move {
                page.apply().await;
            });
            class.install_action_async("page.leave", None, |page, _, _| async move {
                page.leave().await;
            });
            // As those of the navigation, which are off while something waits.
            let (none, alt) = (gdk::ModifierType::empty(), gdk::ModifierType::ALT_MASK);
            for (key, modifiers, direction) in [
                (gdk::Key::Escape, none, None),
                (gdk::Key::Back, none, None),
                (gdk::Key::Left, alt, Some(gtk::TextDirection::Ltr)),
                (gdk::Key::Right, alt, Some(gtk::TextDirection::Rtl)),
            ] {
                class.add_binding(key, modifiers, move |page| {
                    if direction.is_none_or(|direction| direction == page.direction()) {
                        page.if_waiting("page.leave")
                    } else {
                        glib::Propagation::Proceed
                    }
                });
            }
            class.install_action("page.undo", None, |page, _, _| {
                page.form().cancel();
                toasts::say(page, &gettext("The changes that waited were cancelled"));
            });
            class.add_binding(gdk::Key::z, gdk::ModifierType::CONTROL_MASK, |page| {
                // A text that is typed has an undo of its own.
                let focus = page.root().and_then(|root| root.focus());
                if focus.is_some_and(|widget| widget.is::<gtk::Text>()) {
                    glib::Propagation::Proceed
                } else {
                    page.if_waiting("page.undo")
                }
            });
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for StreamPage {
        fn constructed(&self) {
            self.parent_constructed();
            late_menu::attach(&self.menu_button, &self.menu, || ());
        }

        fn dispose(&self) {
            for (object, handler) in self.followed.take() {
                object.disconnect(handler);
            }
            if let Some(groups) = self.groups.get() {
                groups.sound.close();
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
            addresses: AddressRows::new(&form, &imp.summary),
            identity: IdentityGroup::new(&form),
            source: SourceGroup::new(&form),
            publish: PublishGroup::new(&form),
            picture: PictureGroup::new(&form),
            sound: SoundGroup::new(&form),
            overlays: OverlayGroup::new(&form),
            loss: LossGroup::new(&form),
            access: AccessGroup::new(&form),
            transports: TransportGroup::new(&form),
            limits: LimitsGroup::new(&form),
            form,
        };
        for group in [
            &groups.identity.widget,
            &groups.source.widget,
            &groups.publish.widget,
            &groups.picture.widget,
            &groups.sound.widget,
            &groups.overlays.widget,
            &groups.loss.widget,
            &groups.access.widget,
            &groups.transports.widget,
            &groups.limits.widget,
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
        page.show_publisher();
        page.show_microphone();
        page
    }

    /// For keys that mean something else while nothing waits.
    fn if_waiting(&self, action: &str) -> glib::Propagation {
        if !self.form().is_waiting() {
            return glib::Propagation::Proceed;
        }
        self.activate_action(action, None).expect("a page has it");
        glib::Propagation::Stop
    }

    /// Whether what waited is in force; why not, is said.
    async fn apply(&self) -> bool {
        let applied = self.form().apply().await;
        if let Err(error) = &applied {
            toasts::say_change_error(self, error);
        }
        applied.is_ok()
    }

    /// Goes back, and asks first what becomes of the changes that wait.
    async fn leave(&self) {
        let stays = match leave_dialog::ask(self, &self.imp().waiting.label()).await {
            Answer::Stay => true,
            Answer::Discard => {
                self.form().cancel();
                false
            }
            Answer::Apply => !self.apply().await,
        };
        if !stays {
            // Meanwhile the stream may have been removed, and the page with it.
            let _ = self.activate_action("navigation.pop", None);
        }
    }

    fn groups(&self) -> &Groups {
        self.imp().groups.get().expect("set when the page is made")
    }

    fn form(&self) -> &Form {
        &self.groups().form
    }

    fn follow(&self, stream: &Stream) {
        let engine = self.form().control().engine();
        self.form().control().connect_changed(self, |page, _| page.show());
        let weak = self.downgrade();
        let reachable = engine.connect_places_notify(move |_| {
            if let Some(page) = weak.upgrade() {
                page.show_addresses();
            }
        });
        let mut followed = vec![(engine.clone().upcast(), reachable)];
        for (property, show) in [
            ("state", Self::show_state as fn(&Self)),
            ("encoding", Self::show_encoding),
            ("sound", Self::show_encoding),
            ("microphone-problem", Self::show_microphone),
            ("viewers", Self::show_waiting),
            ("access", Self::show_access),
            ("publisher", Self::show_publisher),
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
            self.set_can_pop(true);
            let _ = self.activate_action("navigation.pop", None);
            return;
        };
        if self.form().is_under_way() {
            return;
        }
        let imp = self.imp();
        self.set_title(&stream.name);
        let name = [("stream", stream.name.as_str())];
        let call = |widget: &gtk::Widget, label: &str| {
            widget.update_property(&[gtk::accessible::Property::Label(label)]);
        };
        // Translators: {stream} is the name of a stream.
        call(imp.switch.upcast_ref(), &gettext_f("Turn on {stream}", &name));
        call(imp.menu_button.upcast_ref(), &gettext_f("Menu of {stream}", &name));
        imp.filling.set(true);
        imp.switch.set_active(stream.enabled);
        imp.filling.set(false);

        let groups = self.groups();
        groups.identity.show(&stream);
        groups.source.show(&stream);
        groups.publish.show(&stream);
        groups.picture.show(&stream);
        groups.sound.show(&stream);
        groups.overlays.show(&stream);
        groups.loss.show(&stream);
        groups.access.show(&stream);
        groups.transports.show(&stream);
        groups.limits.show(&stream);
        self.show_addresses();
        self.show_waiting();
    }

    fn show_addresses(&self) {
        let reachable = self.form().control().engine().places().likely().is_some();
        for action in ["page.copy-address", "page.show-address"] {
            self.action_set_enabled(action, reachable);
        }
        self.groups().addresses.show();
        self.groups().publish.show_command();
    }

    fn show_state(&self) {
        let (imp, stream) = (self.imp(), self.form().stream());
        let (state, silence) =
            (stream.state(), stream.microphone_problem().map(|problem| words::silence(&problem)));
        let words = words::stream_state(&state);
        let (icon, style) = look(&state);
        imp.state_icon.set_icon_name(Some(icon));
        imp.state_icon.set_css_classes(&[style]);
        imp.state_row.set_title(&words.title);
        let (silence, way_out) = silence.unzip();
        let sentences =
            [words.detail, words.hint, silence, way_out].into_iter().flatten().collect::<Vec<_>>();
        imp.state_row.set_subtitle(&sentences.join(" "));
    }

    fn show_encoding(&self) {
        let (groups, stream) = (self.groups(), self.form().stream());
        groups.picture.show_encoding(stream.encoding().as_ref());
        groups.sound.show_encoding(stream);
    }

    fn show_microphone(&self) {
        let (groups, stream) = (self.groups(), self.form().stream());
        groups.source.show_microphone(stream);
        groups.sound.show_encoding(stream);
        self.show_state();
    }

    fn show_access(&self) {
        self.groups().access.show_state(&self.form().stream().access());
    }

    fn show_publisher(&self) {
        self.groups().publish.show_publisher();
    }

    /// Says what the changes that wait would do to those who watch.
    fn show_waiting(&self) {
        let (imp, form) = (self.imp(), self.form());
        // The back button of the header goes with it, so the page has one of its own.
        self.set_can_pop(!form.is_waiting());
        imp.back.set_visible(form.is_waiting());
        let Some(stream) = form.shown().filter(|_| form.is_waiting()) else {
            return imp.toolbars.set_reveal_bottom_bars(false);
        };
        let viewers = form.stream().viewers();
        let sentence = match (viewers, stream.enabled) {
            (0, _) => gettext("Nobody watches any more, so applying disturbs nobody."),
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
        };
        // Every refresh comes by here.
        if imp.toolbars.reveals_bottom_bars() && imp.waiting.label() == sentence {
            return;
        }
        imp.waiting.set_label(&sentence);
        imp.toolbars.set_reveal_bottom_bars(true);
        aloud::say(self, &sentence, gtk::AccessibleAnnouncementPriority::Medium);
    }

    fn copy_address(&self) {
        let stream = self.form().stream();
        if let Some(address) = self.form().control().engine().address(stream) {
            given_address::copy(self, &address);
        }
    }
}
