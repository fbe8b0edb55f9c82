//! The page of all who watch, by stream, and of those who are kept away or were refused.

mod kept_away_group;
mod refusals_group;
mod viewer_row;
pub mod viewers_group;

use crate::control::Control;
use crate::engine::Stream;
use adw::prelude::*;
use adw::subclass::prelude::*;
use glib::subclass::InitializingObject;
use std::cell::OnceCell;

mod imp {
    use super::*;

    #[derive(Default, gtk::CompositeTemplate)]
    #[template(resource = "/io/github/headwater_app/Headwater/viewers_page/viewers_page.ui")]
    pub struct ViewersPage {
        #[template_child]
        pub pages: TemplateChild<gtk::Stack>,
        /// A group for each stream.
        #[template_child]
        pub streams: TemplateChild<gtk::Box>,
        #[template_child]
        pub others: TemplateChild<gtk::Box>,
        pub control: OnceCell<Control>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for ViewersPage {
        const NAME: &'static str = "HeadwaterViewersPage";
        type Type = super::ViewersPage;
        type ParentType = adw::Bin;

        fn class_init(class: &mut Self::Class) {
            class.bind_template();
        }

        fn instance_init(object: &InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for ViewersPage {}
    impl WidgetImpl for ViewersPage {}
    impl BinImpl for ViewersPage {}
}

glib::wrapper! {
    pub struct ViewersPage(ObjectSubclass<imp::ViewersPage>)
        @extends adw::Bin, gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl ViewersPage {
    /// Shows those who watch what is served. Call once.
    pub fn show_viewers(&self, control: &Control) {
        let imp = self.imp();
        assert!(imp.control.set(control.clone()).is_ok(), "a page shows one configuration");
        imp.others.append(&kept_away_group::new(control));
        imp.others.append(&refusals_group::new(control));
        let engine = control.engine();
        let weak = self.downgrade();
        engine.streams().connect_items_changed(move |_, _, _, _| {
            if let Some(page) = weak.upgrade() {
                page.make_groups();
            }
        });
        for list in [engine.readers(), engine.kept_away(), engine.refusals()] {
            let weak = self.downgrade();
            list.connect_items_changed(move |_, _, _, _| {
                if let Some(page) = weak.upgrade() {
                    page.choose_page();
                }
            });
        }
        self.make_groups();
        self.choose_page();
    }

    fn control(&self) -> &Control {
        self.imp().control.get().expect("set when it is shown")
    }

    fn choose_page(&self) {
        let engine = self.control().engine();
        let lists = [engine.readers(), engine.kept_away(), engine.refusals()];
        let empty = lists.iter().all(|list| list.n_items() == 0);
        self.imp().pages.set_visible_child_name(if empty { "empty" } else { "viewers" });
    }

    /// In the order of the streams.
    fn make_groups(&self) {
        let streams = &self.imp().streams;
        while let Some(group) = streams.first_child() {
            streams.remove(&group);
        }
        for stream in self.control().engine().streams().iter::<Stream>().flatten() {
            streams.append(&group(self.control(), &stream));
        }
    }
}

/// Named by its stream, and there while somebody watches that.
fn group(control: &Control, stream: &Stream) -> adw::PreferencesGroup {
    let group = viewers_group::new(control, stream);
    stream.bind_property("name", &group, "title").sync_create().build();
    stream
        .bind_property("viewers", &group, "visible")
        .transform_to(|_, viewers: u32| Some(viewers > 0))
        .sync_create()
        .build();
    group
}
