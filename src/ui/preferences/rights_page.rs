//! Who may watch what, and send, all of it at once: a table with a row for each stream and a column for each user. A
//! stream that is published has a second row.

use super::super::toasts;
use crate::config::{Access, Config, Readers, Source, StreamConfig};
use crate::control::Control;
use crate::i18n::{gettext, gettext_f};
use adw::prelude::*;
use adw::subclass::prelude::*;
use glib::subclass::InitializingObject;
use std::cell::{Cell, OnceCell, RefCell};

/// Letters of a user's name above its column; the whole name is in the tooltip.
const NAME_LENGTH: i32 = 10;

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Watch,
    Send,
}

impl Right {
    /// Those that a stream has.
    fn of(stream: &StreamConfig) -> &'static [Self] {
        match stream.source {
            Source::Published(_) => &[Self::Watch, Self::Send],
            _ => &[Self::Watch],
        }
    }

    fn given(self, access: &mut Access) -> &mut Readers {
        match self {
            Self::Watch => &mut access.read,
            Self::Send => access.publish.get_or_insert(Readers::Users(vec![])),
        }
    }

    /// What its row is called.
    fn row(self, stream: &str) -> String {
        match self {
            Self::Watch => stream.to_owned(),
            // Translators: a row of the table of rights; {stream} is the name of a stream that a program sends.
            Self::Send => gettext_f("{stream}: Sending", &[("stream", stream)]),
        }
    }

    fn of_anyone(self, stream: &str) -> String {
        let named = [("stream", stream)];
        match self {
            // Translators: {stream} is the name of a stream.
            Self::Watch => gettext_f("Anyone may watch {stream}", &named),
            // Translators: {stream} is the name of a stream.
            Self::Send => gettext_f("Anyone may send {stream}", &named),
        }
    }

    fn of_user(self, user: &str, stream: &str) -> String {
        let named = [("user", user), ("stream", stream)];
        match self {
            // Translators: {user} is the name of a user, {stream} that of a stream.
            Self::Watch => gettext_f("{user} may watch {stream}", &named),
            // Translators: {user} is the name of a user, {stream} that of a stream.
            Self::Send => gettext_f("{user} may send {stream}", &named),
        }
    }
}

/// The checks of one right to a stream.
pub struct Row {
    stream: String,
    right: Right,
    anyone: gtk::CheckButton,
    users: Vec<gtk::CheckButton>,
}

/// What the table has rows and columns for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Id and name of the stream, and the right to it.
    rows: Vec<(String, String, Right)>,
    users: Vec<String>,
}

impl Shape {
    fn of(config: &Config) -> Self {
        let rights = |stream: &StreamConfig| {
            let (id, name) = (stream.id.clone(), stream.name.clone());
            Right::of(stream).iter().map(move |right| (id.clone(), name.clone(), *right))
        };
        Self {
            rows: config.streams.iter().flat_map(rights).collect(),
            users: config.users.iter().map(|user| user.name.clone()).collect(),
        }
    }
}

mod imp {
    use super::*;

    #[derive(Default, gtk::CompositeTemplate)]
    #[template(resource = "/io/github/headwater_app/Headwater/preferences/rights_page.ui")]
    pub struct RightsPage {
        #[template_child]
        pub contents: TemplateChild<gtk::Stack>,
        #[template_child]
        pub nothing: TemplateChild<gtk::Label>,
        /// Names and the column for anyone: they stay in view while the users are scrolled.
        #[template_child]
        pub streams: TemplateChild<gtk::Grid>,
        #[template_child]
        pub scrolled: TemplateChild<gtk::ScrolledWindow>,
        #[template_child]
        pub users: TemplateChild<gtk::Grid>,

        pub control: OnceCell<Control>,
        pub shape: RefCell<Shape>,
        pub rows: RefCell<Vec<Row>>,
        /// The checks are set, not used.
        pub filling: Cell<bool>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for RightsPage {
        const NAME: &'static str = "HeadwaterRightsPage";
        type Type = super::RightsPage;
        type ParentType = adw::PreferencesPage;

        fn class_init(class: &mut Self::Class) {
            class.bind_template();
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for RightsPage {}
    impl WidgetImpl for RightsPage {}
    impl PreferencesPageImpl for RightsPage {}
}

glib::wrapper! {
    pub struct RightsPage(ObjectSubclass<imp::RightsPage>)
        @extends adw::PreferencesPage, gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl RightsPage {
    pub fn new(control: &Control) -> Self {
        let page: Self = glib::Object::new();
        assert!(page.imp().control.set(control.clone()).is_ok(), "a page is made once");
        control.connect_changed(&page, |page, control| page.show(&control.config()));
        page.show(&control.config());
        page
    }

    fn control(&self) -> &Control {
        self.imp().control.get().expect("set when the page is made")
    }

    fn show(&self, config: &Config) {
        let imp = self.imp();
        let nothing = match (config.streams.is_empty(), config.users.is_empty()) {
            (true, _) => Some(gettext("There are no streams yet.")),
            (_, true) => Some(gettext("There are no users yet. Add one on the page of users.")),
            _ => None,
        };
        imp.contents.set_visible_child_name(if nothing.is_some() { "nothing" } else { "table" });
        imp.nothing.set_label(nothing.as_deref().unwrap_or_default());
        let shape = Shape::of(config);
        // The checks stay where they can: one of them may have the focus.
        if *imp.shape.borrow() != shape {
            self.make_table(&shape);
            imp.shape.replace(shape);
        }
        self.show_rights(config);
    }

    fn make_table(&self, shape: &Shape) {
        let imp = self.imp();
        for grid in [&imp.streams, &imp.users] {
            while let Some(cell) = grid.first_child() {
                grid.remove(&cell);
            }
        }
        // The two halves of a row have one height.
        let row = || gtk::SizeGroup::new(gtk::SizeGroupMode::Vertical);
        let size = row();
        let anyone = heading(&gettext("Anyone"));
        size.add_widget(&anyone);
        imp.streams.attach(&anyone, 1, 0, 1, 1);
        for (column, user) in (0..).zip(&shape.users) {
            let heading = heading(user);
            imp.users.attach(&heading, column, 0, 1, 1);
            size.add_widget(&heading);
        }

        let mut rows = Vec::new();
        for (line, (id, stream, right)) in (1..).zip(&shape.rows) {
            let (right, label) = (*right, right.row(stream));
            let name = gtk::Label::builder().label(&label).xalign(0.0).hexpand(true).tooltip_text(&label);
            let name =
                name.ellipsize(gtk::pango::EllipsizeMode::End).width_chars(8).max_width_chars(30).build();
            let size = row();
            size.add_widget(&name);
            imp.streams.attach(&name, 0, line, 1, 1);
            let (page, of) = (self.downgrade(), id.clone());
            let anyone = self.check(&right.of_anyone(stream), move |may| {
                if let Some(page) = page.upgrade() {
                    glib::spawn_future_local(page.let_anyone(of.clone(), right, may));
                }
            });
            size.add_widget(&anyone);
            imp.streams.attach(&anyone, 1, line, 1, 1);
            let mut users = Vec::new();
            for (column, user) in (0..).zip(&shape.users) {
                let (page, of, who) = (self.downgrade(), id.clone(), user.clone());
                let check = self.check(&right.of_user(user, stream), move |may| {
                    if let Some(page) = page.upgrade() {
                        glib::spawn_future_local(page.let_user(of.clone(), right, who.clone(), may));
                    }
                });
                imp.users.attach(&check, column, line, 1, 1);
                size.add_widget(&check);
                users.push(check);
            }
            rows.push(Row { stream: id.clone(), right, anyone, users });
        }
        imp.rows.replace(rows);
    }

    fn check(&self, label: &str, used: impl Fn(bool) + 'static) -> gtk::CheckButton {
        let check = gtk::CheckButton::builder().halign(gtk::Align::Center).tooltip_text(label).build();
        check.update_property(&[gtk::accessible::Property::Label(label)]);
        let page = self.downgrade();
        check.connect_active_notify(move |check| {
            if page.upgrade().is_some_and(|page| !page.imp().filling.get()) {
                used(check.is_active());
            }
        });
        check
    }

    fn show_rights(&self, config: &Config) {
        let imp = self.imp();
        imp.filling.set(true);
        for row in imp.rows.borrow().iter() {
            let Some(mut access) = config.stream(&row.stream).map(|stream| stream.access.clone()) else {
                continue;
            };
            let readers = match row.right.given(&mut access) {
                Readers::Anyone => None,
                Readers::Users(readers) => Some(readers),
            };
            row.anyone.set_active(readers.is_none());
            for (check, user) in row.users.iter().zip(&config.users) {
                let may = readers.as_ref().is_some_and(|readers| readers.contains(&user.name));
                check.set_active(may);
                // There has to be at least one.
                check.set_sensitive(!may || readers.as_ref().is_some_and(|readers| readers.len() > 1));
            }
        }
        imp.filling.set(false);
    }

    /// Lets in anyone, or the first user, to whom others can be added.
    async fn let_anyone(self, id: String, right: Right, may: bool) {
        self.change(&id, right, |readers, users| match users.first() {
            Some(first) if !may => readers.allow(first, true),
            _ => *readers = Readers::Anyone,
        })
        .await;
    }

    async fn let_user(self, id: String, right: Right, user: String, may: bool) {
        self.change(&id, right, |readers, _| readers.allow(&user, may)).await;
    }

    async fn change(&self, id: &str, right: Right, edit: impl FnOnce(&mut Readers, &[String])) {
        let changed = self.control().change(|config| {
            let users: Vec<String> = config.users.iter().map(|user| user.name.clone()).collect();
            if let Some(stream) = config.stream_mut(id) {
                edit(right.given(&mut stream.access), &users);
            }
        });
        if let Err(error) = changed.await {
            toasts::say_change_error(self, &error);
            self.show_rights(&self.control().config());
        }
    }
}

fn heading(name: &str) -> gtk::Label {
    gtk::Label::builder()
        .label(name)
        .tooltip_text(name)
        .ellipsize(gtk::pango::EllipsizeMode::End)
        .max_width_chars(NAME_LENGTH)
        .css_classes(["caption-heading"])
        .build()
}
