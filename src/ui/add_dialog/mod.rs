//! Adds a stream: first its kind, then the one thing which that kind needs; name and path are filled in.

mod kind_button;
mod protection;
mod trial;

use super::Window;
use super::device_row::{CameraRow, MicrophoneRow};
use super::direction;
use super::error_text::secret_error;
use super::password_row;
use super::pipeline_check;
use super::problem_row::ProblemRow;
use super::toasts;
use super::video_files;
use crate::config::{
    Access, CameraSource, Config, CustomSource, Field, FileSource, FrameRate, Link, Media, PATTERNS,
    Password, PatternSource, Place, Problem, PublishedSource, ReaderTransport, Readers, RelaySource,
    Rendition, Scheme, ScreenSource, Size, Slate, Sound, SoundCodec, Source, StreamConfig, StreamField,
    Transport, suggest_path,
};
use crate::control::{ChangeError, Control};
use crate::engine::Devices;
use crate::i18n::gettext;
use crate::words;
use adw::prelude::*;
use adw::subclass::prelude::*;
use glib::subclass::InitializingObject;
use protection::Protection;
use std::cell::{Cell, OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use trial::Trial;

/// What `videotestsrc` draws is as large as it is told to: a common size of cameras.
const PATTERN_RENDITION: Rendition = Rendition {
    size: Size::Pixels { width: 1280, height: 720 },
    frame_rate: FrameRate::Fixed { numerator: 25, denominator: 1 },
    codec: crate::config::Codec::Auto,
    bitrate: crate::config::Bitrate::Auto,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Pattern,
    File,
    Relay,
    Camera,
    Screen,
    Custom,
    Published,
}

impl Kind {
    /// Whether it shows who is near, so that nobody may watch without a password.
    fn is_private(self) -> bool {
        matches!(self, Self::Camera | Self::Screen)
    }
}

mod imp {
    use super::*;

    #[derive(Default, gtk::CompositeTemplate)]
    #[template(resource = "/io/github/headwater_app/Headwater/add_dialog/add_dialog.ui")]
    pub struct AddDialog {
        #[template_child]
        pub toasts: TemplateChild<adw::ToastOverlay>,
        #[template_child]
        pub navigation: TemplateChild<adw::NavigationView>,
        #[template_child]
        pub kinds: TemplateChild<gtk::Box>,
        #[template_child]
        pub form: TemplateChild<adw::NavigationPage>,
        #[template_child]
        pub add_button: TemplateChild<gtk::Button>,
        #[template_child]
        pub camera_group: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        pub source_group: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        pub pattern_row: TemplateChild<adw::ComboRow>,
        #[template_child]
        pub file_row: TemplateChild<adw::ActionRow>,
        #[template_child]
        pub choose_button: TemplateChild<gtk::Button>,
        #[template_child]
        pub folder_button: TemplateChild<gtk::Button>,
        #[template_child]
        pub shuffle_row: TemplateChild<adw::SwitchRow>,
        #[template_child]
        pub address_row: TemplateChild<adw::EntryRow>,
        #[template_child]
        pub address_problem: TemplateChild<ProblemRow>,
        #[template_child]
        pub cursor_row: TemplateChild<adw::SwitchRow>,
        #[template_child]
        pub pipeline_row: TemplateChild<adw::EntryRow>,
        #[template_child]
        pub pipeline_problem: TemplateChild<ProblemRow>,
        #[template_child]
        pub login_group: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        pub user_row: TemplateChild<adw::EntryRow>,
        #[template_child]
        pub user_problem: TemplateChild<ProblemRow>,
        #[template_child]
        pub password_row: TemplateChild<adw::PasswordEntryRow>,
        #[template_child]
        pub password_problem: TemplateChild<ProblemRow>,
        #[template_child]
        pub trial_group: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        pub name_row: TemplateChild<adw::EntryRow>,
        #[template_child]
        pub name_problem: TemplateChild<ProblemRow>,
        #[template_child]
        pub path_row: TemplateChild<adw::EntryRow>,
        #[template_child]
        pub path_problem: TemplateChild<ProblemRow>,
        #[template_child]
        pub publish_row: TemplateChild<adw::ActionRow>,
        #[template_child]
        pub protect_row: TemplateChild<adw::SwitchRow>,

        pub control: OnceCell<Control>,
        pub camera: OnceCell<Rc<CameraRow>>,
        pub microphone: OnceCell<Rc<MicrophoneRow>>,
        pub(super) trial: OnceCell<Trial>,
        /// On the engine, which outlives the dialog.
        pub cameras_handler: RefCell<Option<glib::SignalHandlerId>>,
        pub(super) kind: Cell<Kind>,
        pub files: RefCell<Vec<PathBuf>>,
        /// The rows are filled in, not typed in.
        pub filling: Cell<bool>,
        pub address_typed: Cell<bool>,
        pub pipeline_typed: Cell<bool>,
        pub name_typed: Cell<bool>,
        pub path_typed: Cell<bool>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for AddDialog {
        const NAME: &'static str = "HeadwaterAddDialog";
        type Type = super::AddDialog;
        type ParentType = adw::Dialog;

        fn class_init(class: &mut Self::Class) {
            ProblemRow::ensure_type();
            class.bind_template();
            class.install_action("add.pattern", None, |dialog, _, _| dialog.show_form(Kind::Pattern));
            class.install_action("add.file", None, |dialog, _, _| dialog.show_form(Kind::File));
            class.install_action("add.relay", None, |dialog, _, _| dialog.show_form(Kind::Relay));
            class.install_action("add.published", None, |dialog, _, _| dialog.show_form(Kind::Published));
            class.install_action("add.camera", None, |dialog, _, _| dialog.show_form(Kind::Camera));
            class.install_action("add.screen", None, |dialog, _, _| dialog.show_form(Kind::Screen));
            class.install_action("add.custom", None, |dialog, _, _| dialog.show_form(Kind::Custom));
            class.install_action_async("add.choose", None, |dialog, _, _| async move {
                dialog.choose_files().await;
            });
            class.install_action_async("add.choose-folder", None, |dialog, _, _| async move {
                dialog.choose_folders().await;
            });
            class.install_action_async("add.add", None, |dialog, _, _| async move {
                dialog.add().await;
            });
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for AddDialog {
        fn constructed(&self) {
            self.parent_constructed();
            let dialog = self.obj();
            for (icon, title, description, action) in [
                (
                    "video-display-symbolic",
                    gettext("Test Pattern"),
                    gettext("Color bars, a moving ball, and others"),
                    "add.pattern",
                ),
                (
                    "video-x-generic-symbolic",
                    gettext("Video File"),
                    gettext("Videos, pictures and folders, played again and again"),
                    "add.file",
                ),
                (
                    "camera-photo-symbolic",
                    gettext("Camera"),
                    gettext("A webcam, or what this computer captures with"),
                    "add.camera",
                ),
                (
                    "screen-shared-symbolic",
                    gettext("Screen or Window"),
                    gettext("What is seen on this desktop"),
                    "add.screen",
                ),
                (
                    "network-transmit-receive-symbolic",
                    gettext("Another Stream"),
                    gettext("A camera or server in the network, by its address"),
                    "add.relay",
                ),
                (
                    "network-receive-symbolic",
                    gettext("Sent by a Program"),
                    gettext("What OBS, ffmpeg or an encoder sends to the stream’s own address"),
                    "add.published",
                ),
                (
                    "utilities-terminal-symbolic",
                    gettext("Custom Pipeline"),
                    gettext("Anything that GStreamer can show, in its own words"),
                    "add.custom",
                ),
            ] {
                self.kinds.append(&kind_button::new(icon, &title, &description, action));
            }
            // The row gave it its own name, which does not say what the button does.
            self.choose_button.reset_relation(gtk::AccessibleRelation::LabelledBy);
            self.folder_button.reset_relation(gtk::AccessibleRelation::LabelledBy);
            let names: Vec<String> = PATTERNS.iter().map(|name| words::pattern(name)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.pattern_row.set_model(Some(&gtk::StringList::new(&names)));
            // Searching goes by what is shown.
            self.pattern_row.set_search_match_mode(gtk::StringFilterMatchMode::Substring);
            self.pattern_row.set_expression(Some(gtk::StringObject::this_expression("string")));

            let weak = dialog.downgrade();
            self.pattern_row.connect_selected_notify(move |_| {
                if let Some(dialog) = weak.upgrade() {
                    dialog.fill_in();
                }
            });
            let weak = dialog.downgrade();
            self.address_row.connect_changed(move |_| {
                if let Some(dialog) = weak.upgrade()
                    && !dialog.imp().filling.get()
                {
                    dialog.imp().address_typed.set(true);
                    dialog.fill_in();
                    // The row is still taking in what was typed or pasted.
                    glib::idle_add_local_once(move || dialog.take_login_out());
                }
            });
            let weak = dialog.downgrade();
            self.pipeline_row.connect_changed(move |_| {
                if let Some(dialog) = weak.upgrade() {
                    dialog.imp().pipeline_typed.set(true);
                    dialog.check();
                }
            });
            let weak = dialog.downgrade();
            pipeline_check::as_typed(&*self.pipeline_row, move |sentence| {
                if let Some(dialog) = weak.upgrade() {
                    dialog.mark_pipeline(&sentence);
                }
            });
            for row in [self.user_row.upcast_ref::<adw::EntryRow>(), self.password_row.upcast_ref()] {
                let weak = dialog.downgrade();
                row.connect_changed(move |_| {
                    if let Some(dialog) = weak.upgrade() {
                        dialog.check();
                    }
                });
            }
            let weak = dialog.downgrade();
            self.name_row.connect_changed(move |_| {
                if let Some(dialog) = weak.upgrade()
                    && !dialog.imp().filling.get()
                {
                    dialog.imp().name_typed.set(true);
                    dialog.fill_in();
                }
            });
            let weak = dialog.downgrade();
            self.protect_row.connect_active_notify(move |_| {
                if let Some(dialog) = weak.upgrade() {
                    dialog.fill_in();
                }
            });
            direction::keep_typed(&*self.path_row);
            direction::keep_typed(&*self.address_row);
            let weak = dialog.downgrade();
            self.path_row.connect_changed(move |_| {
                if let Some(dialog) = weak.upgrade()
                    && !dialog.imp().filling.get()
                {
                    dialog.imp().path_typed.set(true);
                    dialog.fill_in();
                }
            });
        }
    }

    impl WidgetImpl for AddDialog {}

    impl AdwDialogImpl for AddDialog {
        fn closed(&self) {
            self.parent_closed();
            if let Some(trial) = self.trial.get() {
                trial.close();
            }
            if let (Some(handler), Some(control)) = (self.cameras_handler.take(), self.control.get()) {
                control.engine().disconnect(handler);
            }
        }
    }
}

glib::wrapper! {
    pub struct AddDialog(ObjectSubclass<imp::AddDialog>)
        @extends adw::Dialog, gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::ShortcutManager;
}

impl AddDialog {
    pub fn new(control: &Control) -> Self {
        let dialog: Self = glib::Object::new();
        assert!(dialog.imp().control.set(control.clone()).is_ok(), "a dialog is made once");
        let weak = dialog.downgrade();
        let camera = CameraRow::of_cameras(control.engine(), move |_| {
            if let Some(dialog) = weak.upgrade() {
                dialog.fill_in();
            }
        });
        dialog.imp().camera_group.add(&camera.row);
        assert!(dialog.imp().camera.set(camera).is_ok(), "a dialog is made once");
        let weak = dialog.downgrade();
        let microphone = MicrophoneRow::of_microphones(control.engine(), move |_| {
            if let Some(dialog) = weak.upgrade() {
                dialog.check();
            }
        });
        dialog.imp().camera_group.add(&microphone.row);
        assert!(dialog.imp().microphone.set(microphone).is_ok(), "a dialog is made once");
        let weak = dialog.downgrade();
        let trial = Trial::new(&dialog.imp().trial_group, control, move || {
            if let Some(dialog) = weak.upgrade() {
                let (stream, password) = (dialog.candidate().0, dialog.typed_password());
                dialog.trial().show(Some(&stream), password.as_ref());
            }
        });
        assert!(dialog.imp().trial.set(trial).is_ok(), "a dialog is made once");
        let weak = dialog.downgrade();
        let handler = control.engine().connect_cameras_notify(move |_| {
            if let Some(dialog) = weak.upgrade().filter(|dialog| dialog.imp().kind.get() == Kind::Camera) {
                dialog.fill_in();
            }
        });
        dialog.imp().cameras_handler.replace(Some(handler));
        dialog
    }

    /// With these files chosen already: what is left is to say yes.
    pub fn with_files(control: &Control, files: impl Iterator<Item = gio::File>) -> Self {
        let dialog = Self::new(control);
        dialog.show_form(Kind::File);
        dialog.take_files(files);
        dialog
    }

    /// With the address of another stream written already.
    pub fn with_link(control: &Control, link: &str) -> Self {
        let dialog = Self::new(control);
        dialog.show_form(Kind::Relay);
        dialog.imp().address_row.set_text(link);
        dialog.take_login_out();
        dialog
    }

    fn control(&self) -> &Control {
        self.imp().control.get().expect("set when the dialog is made")
    }

    fn show_form(&self, kind: Kind) {
        let imp = self.imp();
        imp.kind.set(kind);
        imp.form.set_title(&match kind {
            Kind::Pattern => gettext("Test Pattern"),
            Kind::File => gettext("Video File"),
            Kind::Relay => gettext("Another Stream"),
            Kind::Camera => gettext("Camera"),
            Kind::Screen => gettext("Screen or Window"),
            Kind::Custom => gettext("Custom Pipeline"),
            Kind::Published => gettext("Sent by a Program"),
        });
        imp.camera_group.set_visible(kind == Kind::Camera);
        imp.source_group.set_visible(!matches!(kind, Kind::Camera | Kind::Published));
        imp.trial_group.set_visible(!matches!(kind, Kind::Screen | Kind::Published));
        imp.protect_row.set_sensitive(!kind.is_private());
        if kind.is_private() {
            imp.protect_row.set_active(true);
        }
        imp.pattern_row.set_visible(kind == Kind::Pattern);
        imp.file_row.set_visible(kind == Kind::File);
        imp.address_row.set_visible(kind == Kind::Relay);
        imp.cursor_row.set_visible(kind == Kind::Screen);
        imp.pipeline_row.set_visible(kind == Kind::Custom);
        imp.login_group.set_visible(kind == Kind::Relay);
        imp.publish_row.set_visible(kind == Kind::Published);
        self.set_default_widget(Some(&*imp.add_button));
        self.fill_in();
        imp.navigation.push_by_tag("form");
        if kind == Kind::Relay {
            imp.address_row.grab_focus();
        }
        if kind == Kind::Custom {
            imp.pipeline_row.grab_focus();
        }
    }

    /// The user and the password of a pasted address go to their own rows.
    fn take_login_out(&self) {
        let imp = self.imp();
        let typed = imp.address_row.text();
        let link = Link::new(&typed);
        if link.address == typed.trim() {
            return;
        }
        imp.user_row.set_text(&link.user);
        imp.password_row.set_text(link.password.as_ref().map_or("", Password::reveal));
        imp.address_row.set_text(&link.address);
        imp.address_row.set_position(-1);
    }

    /// Fills in what was not typed, and says what is wrong.
    fn fill_in(&self) {
        let imp = self.imp();
        if imp.kind.get() == Kind::Camera {
            self.choose_camera();
        }
        imp.filling.set(true);
        if !imp.name_typed.get() {
            imp.name_row.set_text(&self.suggested_name());
        }
        if !imp.path_typed.get() {
            let config = self.control().config();
            let taken: Vec<&str> = config.streams.iter().map(|stream| stream.path.as_str()).collect();
            imp.path_row.set_text(&suggest_path(&imp.name_row.text(), &taken));
        }
        imp.filling.set(false);

        let files = imp.files.borrow();
        imp.file_row.set_subtitle(&match files.as_slice() {
            [] => gettext("None chosen"),
            files => files.iter().map(|file| file_name(file)).collect::<Vec<_>>().join("\n"),
        });
        drop(files);
        imp.shuffle_row.set_visible(imp.kind.get() == Kind::File && self.files().may_have_several());
        let protection = self.protection().map(|protection| protection.words()).unwrap_or_default();
        imp.publish_row.set_subtitle(&protection);
        imp.protect_row.set_subtitle(&match imp.protect_row.is_active() {
            true => protection,
            false => gettext("Anyone who can reach the address can watch"),
        });
        self.check();
    }

    /// Whoever sends logs in, whether those who watch have to or not.
    fn protection(&self) -> Option<Protection> {
        let imp = self.imp();
        let is_needed = imp.protect_row.is_active() || imp.kind.get() == Kind::Published;
        is_needed.then(|| Protection::new(self.control()))
    }

    fn camera(&self) -> &CameraRow {
        self.imp().camera.get().expect("set when the dialog is made")
    }

    fn trial(&self) -> &Trial {
        self.imp().trial.get().expect("set when the dialog is made")
    }

    /// Chooses the first camera where none is chosen, or where the one that was is not there any more.
    fn choose_camera(&self) {
        let engine = self.control().engine();
        engine.look_for_cameras();
        engine.look_for_microphones();
        let chosen = self.camera().chosen();
        let first = match engine.cameras() {
            Devices::Found(names) => chosen.filter(|name| names.contains(name)).or(names.into_iter().next()),
            Devices::Unknown | Devices::Failed { .. } => chosen,
        };
        match first {
            Some(name) => self.camera().show(name),
            None => self.camera().show_none(),
        }
    }

    fn check(&self) {
        let (stream, problems) = self.candidate();
        self.try_out(&stream, &problems);
        self.show_problems(&problems);
    }

    /// Shows what would be added, as far as that can be told.
    fn try_out(&self, stream: &StreamConfig, problems: &[Problem]) {
        let is_of_source = |problem: &Problem| {
            !matches!(problem.field, Field::Stream { field: StreamField::Name | StreamField::Path, .. })
        };
        let is_whole = !problems.iter().any(is_of_source) && self.login_problem().is_none();
        let (stream, password) = (is_whole.then_some(stream), self.typed_password());
        match self.imp().kind.get() {
            Kind::Pattern | Kind::File => self.trial().show(stream, None),
            Kind::Camera => self.trial().show(stream.filter(|_| self.camera().chosen().is_some()), None),
            Kind::Relay | Kind::Custom => self.trial().offer(stream, password.as_ref()),
            // The desktop asks what to share, and shows it; and there is nothing yet that was sent.
            Kind::Screen | Kind::Published => self.trial().close(),
        }
    }

    /// That of the other stream.
    fn typed_password(&self) -> Option<Password> {
        let imp = self.imp();
        let typed = imp.password_row.text();
        (imp.kind.get() == Kind::Relay && !typed.is_empty()).then(|| Password::from(typed.as_str()))
    }

    fn suggested_name(&self) -> String {
        let imp = self.imp();
        match imp.kind.get() {
            Kind::Pattern => words::pattern(self.pattern()),
            Kind::File => imp
                .files
                .borrow()
                .first()
                .and_then(|file| match Media::of(file) {
                    // The name of a folder can have dots.
                    Media::Unknown => file.file_name(),
                    Media::Video | Media::Picture => file.file_stem(),
                })
                .map_or_else(|| gettext("Video"), |name| name.to_string_lossy().into_owned()),
            Kind::Relay => {
                let place = Place::of(&Link::new(&imp.address_row.text()).address);
                place.map_or_else(|| gettext("Camera"), |place| place.host)
            }
            Kind::Camera => self.camera().chosen().unwrap_or_else(|| gettext("Camera")),
            Kind::Screen => gettext("Screen"),
            Kind::Custom => gettext("Pipeline"),
            Kind::Published => gettext("Live"),
        }
    }

    fn pattern(&self) -> &'static str {
        PATTERNS.get(self.imp().pattern_row.selected() as usize).copied().unwrap_or(PATTERNS[0])
    }

    fn files(&self) -> FileSource {
        let imp = self.imp();
        let files = FileSource::new(imp.files.borrow().clone());
        // What was hidden again was not meant.
        let shuffle = imp.shuffle_row.is_active() && files.may_have_several();
        FileSource { shuffle, ..files }
    }

    /// The stream as it would be added, with what is wrong with it.
    fn candidate(&self) -> (StreamConfig, Vec<Problem>) {
        let imp = self.imp();
        let (source, renditions) = match imp.kind.get() {
            Kind::Pattern => {
                (Source::Pattern(PatternSource::silent(self.pattern())), vec![PATTERN_RENDITION])
            }
            Kind::File => (Source::File(self.files()), vec![]),
            Kind::Relay => {
                let relay = RelaySource {
                    address: imp.address_row.text().trim().to_owned(),
                    transport: Transport::Auto,
                    user: imp.user_row.text().trim().to_owned(),
                };
                (Source::Relay(relay), vec![])
            }
            Kind::Camera => {
                let name = self.camera().chosen().unwrap_or_default();
                let microphone = imp.microphone.get().and_then(|row| row.chosen()).flatten();
                (Source::Camera(CameraSource { name, microphone }), vec![])
            }
            Kind::Screen => (Source::Screen(ScreenSource { cursor: imp.cursor_row.is_active() }), vec![]),
            Kind::Custom => {
                let pipeline = imp.pipeline_row.text().trim().to_owned();
                (Source::Custom(CustomSource { pipeline }), vec![])
            }
            Kind::Published => (Source::Published(PublishedSource {}), vec![]),
        };
        let codec = match &source {
            Source::File(files) if files.may_have_sound() => SoundCodec::Auto,
            Source::Camera(camera) if camera.microphone.is_some() => SoundCodec::Auto,
            _ => SoundCodec::Off,
        };
        let protection = self.protection();
        let guest = protection.as_ref().map(|protection| Readers::Users(vec![protection.user.clone()]));
        let access = Access {
            read: guest.clone().filter(|_| imp.protect_row.is_active()).unwrap_or(Readers::Anyone),
            publish: guest.filter(|_| imp.kind.get() == Kind::Published),
            schemes: vec![Scheme::Digest],
        };
        let stream = StreamConfig {
            id: glib::uuid_string_random().into(),
            name: imp.name_row.text().trim().to_owned(),
            path: imp.path_row.text().trim().to_owned(),
            enabled: true,
            source,
            access,
            renditions,
            readers_limit: None,
            overlays: vec![],
            sound: Sound { codec, ..Sound::default() },
            transports: ReaderTransport::default_list(),
            slate: Slate::default(),
            lost_after_seconds: Slate::LOST_AFTER_SECONDS,
        };
        let mut config: Config = self.control().config();
        if let Some(protection) = &protection {
            protection.add_user(&mut config);
        }
        config.streams.push(stream.clone());
        let mut problems = config.validate();
        problems.retain(|problem| matches!(&problem.field, Field::Stream { id, .. } if *id == stream.id));
        (stream, problems)
    }

    fn show_problems(&self, problems: &[Problem]) {
        let imp = self.imp();
        let find = |wanted| {
            problems
                .iter()
                .find(|problem| matches!(problem.field, Field::Stream { field, .. } if field == wanted))
        };
        let (name, path) = (find(StreamField::Name), find(StreamField::Path));
        let address = find(StreamField::Address).filter(|_| imp.address_typed.get());
        let pipeline = find(StreamField::Pipeline).filter(|_| imp.pipeline_typed.get());
        imp.pipeline_problem.mark(&*imp.pipeline_row, pipeline.map(words::problem).as_deref());
        imp.address_problem.mark(&*imp.address_row, address.map(words::problem).as_deref());
        imp.user_problem.mark(&*imp.user_row, find(StreamField::Login).map(words::problem).as_deref());
        let login = self.login_problem();
        imp.password_problem.mark(&*imp.password_row, login.as_deref());
        imp.name_problem.mark(&*imp.name_row, name.map(words::problem).as_deref());
        imp.path_problem.mark(&*imp.path_row, path.map(words::problem).as_deref());
        self.action_set_enabled("add.add", problems.is_empty() && login.is_none());
    }

    /// What is wrong with the password: it and the user belong together.
    fn login_problem(&self) -> Option<String> {
        let imp = self.imp();
        let has_user = !imp.user_row.text().trim().is_empty();
        match (imp.kind.get(), has_user, imp.password_row.text().is_empty()) {
            (
                Kind::Pattern | Kind::File | Kind::Camera | Kind::Screen | Kind::Custom | Kind::Published,
                ..,
            )
            | (Kind::Relay, false, true) => None,
            (Kind::Relay, false, false) => Some(gettext("Write the user of this password.")),
            (Kind::Relay, true, true) => Some(gettext("Write the password of this user.")),
            (Kind::Relay, true, false) => password_row::problem(&imp.password_row),
        }
    }

    fn mark_pipeline(&self, sentence: &str) {
        let imp = self.imp();
        imp.pipeline_problem.mark(&*imp.pipeline_row, Some(sentence));
        self.trial().offer(None, None);
        self.action_set_enabled("add.add", false);
    }

    async fn choose_files(&self) {
        let chosen = video_files::choose(&*self.imp().toasts).await;
        self.show_files(chosen);
    }

    async fn choose_folders(&self) {
        let chosen = video_files::choose_folders(&*self.imp().toasts).await;
        self.show_files(chosen);
    }

    fn take_files(&self, files: impl Iterator<Item = gio::File>) {
        self.show_files(video_files::paths(&*self.imp().toasts, files));
    }

    fn show_files(&self, files: Vec<PathBuf>) {
        if !files.is_empty() {
            self.imp().files.replace(files);
            self.fill_in();
        }
    }

    async fn add(&self) {
        let (stream, problems) = self.candidate();
        if !problems.is_empty() || self.login_problem().is_some() {
            return self.show_problems(&problems);
        }
        self.action_set_enabled("add.add", false);
        if let Source::Custom(custom) = &stream.source
            && let Some(sentence) = pipeline_check::problem(&custom.pipeline).await
        {
            return self.mark_pipeline(&sentence);
        }
        // The password first: so the stream logs in at once.
        if let (Some(key), Some(password)) = (stream.password_key(), self.typed_password())
            && let Err(error) = self.control().set_password(&key, password).await
        {
            self.action_set_enabled("add.add", true);
            return toasts::say(&*self.imp().toasts, &secret_error(&error));
        }
        let protection = self.protection();
        if let Some(protection) = &protection
            && let Err(error) = protection.prepare(self.control()).await
        {
            self.action_set_enabled("add.add", true);
            return toasts::say(&*self.imp().toasts, &secret_error(&error));
        }
        // Some cameras can be opened once only.
        self.trial().close();
        let id = stream.id.clone();
        let added = self.control().change(|config| {
            if let Some(protection) = &protection {
                protection.add_user(config);
            }
            config.streams.push(stream);
        });
        match added.await {
            Ok(()) => {
                if let Some(window) = self.root().and_downcast::<Window>() {
                    window.show_card(&id);
                    if protection.is_some() {
                        window.offer_login(&id);
                    }
                }
                self.close();
            }
            // What was typed stays, to be tried again.
            Err(ChangeError::Invalid(problems)) => self.show_problems(&problems),
            Err(error) => {
                self.action_set_enabled("add.add", true);
                toasts::say_change_error(&*self.imp().toasts, &error);
            }
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
