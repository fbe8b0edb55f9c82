//! A QR code as something to paint: crisp at any size, dark on white in every style, since that is what phones read.

use gtk::prelude::*;
use gtk::subclass::prelude::*;
use gtk::{gdk, graphene, gsk};
use qrcode::types::Color;
use std::cell::OnceCell;

/// Modules that stay white around the code (ISO/IEC 18004, section 9.1).
const QUIET_ZONE: usize = 4;
/// Pixels of a module, where there is room.
const MODULE: i32 = 8;

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct QrCode {
        /// A pixel for each module.
        pub modules: OnceCell<gdk::MemoryTexture>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for QrCode {
        const NAME: &'static str = "HeadwaterQrCode";
        type Type = super::QrCode;
        type Interfaces = (gdk::Paintable,);
    }

    impl ObjectImpl for QrCode {}

    impl PaintableImpl for QrCode {
        fn flags(&self) -> gdk::PaintableFlags {
            gdk::PaintableFlags::STATIC_SIZE | gdk::PaintableFlags::STATIC_CONTENTS
        }

        fn intrinsic_width(&self) -> i32 {
            self.modules.get().map_or(0, |modules| modules.width() * MODULE)
        }

        fn intrinsic_height(&self) -> i32 {
            self.intrinsic_width()
        }

        fn snapshot(&self, snapshot: &gdk::Snapshot, width: f64, height: f64) {
            let (Some(modules), Some(snapshot)) =
                (self.modules.get(), snapshot.downcast_ref::<gtk::Snapshot>())
            else {
                return;
            };
            let whole = graphene::Rect::new(0.0, 0.0, width as f32, height as f32);
            snapshot.append_scaled_texture(modules, gsk::ScalingFilter::Nearest, &whole);
        }
    }
}

glib::wrapper! {
    pub struct QrCode(ObjectSubclass<imp::QrCode>) @implements gdk::Paintable;
}

impl QrCode {
    /// The code of a text; none where the text is too long for one, which is at about 2,300 bytes.
    pub fn new(text: &str) -> Option<Self> {
        let code = qrcode::QrCode::new(text).ok()?;
        let side = code.width() + 2 * QUIET_ZONE;
        let mut pixels = vec![u8::MAX; side * side];
        for (place, color) in code.to_colors().into_iter().enumerate() {
            let (line, column) = (place / code.width() + QUIET_ZONE, place % code.width() + QUIET_ZONE);
            if color == Color::Dark {
                pixels[line * side + column] = 0;
            }
        }
        let bytes = glib::Bytes::from_owned(pixels);
        let modules = gdk::MemoryTexture::new(side as i32, side as i32, gdk::MemoryFormat::G8, &bytes, side);
        let object: Self = glib::Object::new();
        object.imp().modules.set(modules).expect("set once, here");
        Some(object)
    }
}
