//! The place of a preview: one child, 16:9 at any width. (GtkAspectFrame asks for no height by width.)

use adw::prelude::*;
use adw::subclass::prelude::*;
use glib::subclass::Signal;
use std::sync::OnceLock;

/// Scales with the text, so that the words below it keep their room.
const WIDTH_MIN: f64 = 240.0;
/// Fits into a window of 360 pixels.
const WIDTH_MIN_AT_MOST: f64 = 320.0;
const WIDTH_NATURAL: i32 = 264;

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct PreviewFrame;

    #[glib::object_subclass]
    impl ObjectSubclass for PreviewFrame {
        const NAME: &'static str = "HeadwaterPreviewFrame";
        type Type = super::PreviewFrame;
        type ParentType = adw::Bin;
    }

    impl ObjectImpl for PreviewFrame {
        fn signals() -> &'static [Signal] {
            static SIGNALS: OnceLock<Vec<Signal>> = OnceLock::new();
            SIGNALS.get_or_init(|| vec![Signal::builder("resized").build()])
        }

        fn constructed(&self) {
            self.parent_constructed();
            // A layout manager would be asked instead of the functions below.
            self.obj().set_layout_manager(None::<gtk::LayoutManager>);
        }
    }

    impl WidgetImpl for PreviewFrame {
        fn request_mode(&self) -> gtk::SizeRequestMode {
            gtk::SizeRequestMode::HeightForWidth
        }

        fn measure(&self, orientation: gtk::Orientation, for_size: i32) -> (i32, i32, i32, i32) {
            if orientation == gtk::Orientation::Horizontal {
                let scaled = adw::LengthUnit::Sp.to_px(WIDTH_MIN, Some(&self.obj().settings()));
                let min = scaled.min(WIDTH_MIN_AT_MOST) as i32;
                return (min, min.max(WIDTH_NATURAL), -1, -1);
            }
            let width = if for_size < 0 { WIDTH_NATURAL } else { for_size };
            let height = width * 9 / 16;
            (height, height, -1, -1)
        }

        fn size_allocate(&self, width: i32, height: i32, baseline: i32) {
            if let Some(child) = self.obj().child() {
                // A text that does not fit is cut by its label, not by making the frame higher.
                child.measure(gtk::Orientation::Horizontal, -1);
                child.allocate(width, height, baseline, None);
            }
            self.obj().emit_by_name::<()>("resized", &[]);
        }
    }

    impl BinImpl for PreviewFrame {}
}

glib::wrapper! {
    pub struct PreviewFrame(ObjectSubclass<imp::PreviewFrame>)
        @extends adw::Bin, gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl PreviewFrame {
    /// Calls this in the middle of the layout, when the size is known.
    pub fn connect_resized(&self, resized: impl Fn() + 'static) {
        self.connect_local("resized", false, move |_| {
            resized();
            None
        });
    }
}
