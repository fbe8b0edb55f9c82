//! A row below a field that says what is wrong with what is typed there; hidden while nothing is.

use super::aloud;
use adw::prelude::*;
use adw::subclass::prelude::*;

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct ProblemRow {
        pub label: gtk::Label,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for ProblemRow {
        const NAME: &'static str = "HeadwaterProblemRow";
        type Type = super::ProblemRow;
        type ParentType = adw::PreferencesRow;
    }

    impl ObjectImpl for ProblemRow {
        fn constructed(&self) {
            self.parent_constructed();
            let row = self.obj();
            row.set_visible(false);
            row.set_activatable(false);
            row.set_focusable(false);
            self.label.set_xalign(0.0);
            self.label.set_wrap(true);
            self.label.set_margin_top(6);
            self.label.set_margin_bottom(6);
            self.label.set_margin_start(12);
            self.label.set_margin_end(12);
            self.label.set_css_classes(&["error", "caption"]);
            row.set_child(Some(&self.label));
        }
    }

    impl WidgetImpl for ProblemRow {}
    impl ListBoxRowImpl for ProblemRow {}
    impl PreferencesRowImpl for ProblemRow {}
}

glib::wrapper! {
    pub struct ProblemRow(ObjectSubclass<imp::ProblemRow>)
        @extends adw::PreferencesRow, gtk::ListBoxRow, gtk::Widget,
        @implements gtk::Accessible, gtk::Actionable, gtk::Buildable, gtk::ConstraintTarget;
}

impl ProblemRow {
    pub fn new() -> Self {
        glib::Object::new()
    }

    /// Marks the field as wrong, with the sentence that says why; or as right.
    pub fn mark(&self, field: &impl IsA<gtk::Widget>, sentence: Option<&str>) {
        let field = field.upcast_ref::<gtk::Widget>();
        let invalid = match sentence {
            Some(_) => {
                field.add_css_class("error");
                gtk::AccessibleInvalidState::True
            }
            None => {
                field.remove_css_class("error");
                gtk::AccessibleInvalidState::False
            }
        };
        field.update_state(&[gtk::accessible::State::Invalid(invalid)]);
        let sentence = sentence.unwrap_or_default();
        if !sentence.is_empty() && self.imp().label.label() != sentence {
            aloud::say(field, sentence, gtk::AccessibleAnnouncementPriority::Medium);
        }
        field.update_property(&[gtk::accessible::Property::Description(sentence)]);
        self.imp().label.set_label(sentence);
        self.set_visible(!sentence.is_empty());
    }
}
