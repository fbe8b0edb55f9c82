//! Chooses a camera from a list, and shows the picture of the one that is chosen.

use crate::config::StreamConfig;
use crate::control::Control;
use crate::engine::{Cameras, Engine};
use crate::ui::camera_row::CameraRow;
use crate::ui::stream_view::StreamView;
use adw::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;

/// The same at any width of the dialog: GTK expects of what is wider that it is not higher.
const WIDTH: i32 = 264;

pub struct CameraPicker {
    row: Rc<CameraRow>,
    view: StreamView,
    place: adw::Clamp,
    engine: Engine,
    /// The camera whose picture is shown.
    seen: RefCell<String>,
}

impl CameraPicker {
    /// In this group. `chosen` is called when another one is chosen.
    pub fn new(group: &adw::PreferencesGroup, control: &Control, chosen: impl Fn() + 'static) -> Self {
        let engine = control.engine().clone();
        let row = CameraRow::new(&engine, move |_| chosen());
        let view = glib::Object::builder::<StreamView>().property("overflow", gtk::Overflow::Hidden).build();
        view.add_css_class("card");
        let place = adw::Clamp::builder()
            .maximum_size(WIDTH)
            .tightening_threshold(WIDTH)
            .margin_top(12)
            .visible(false)
            .child(&view)
            .build();
        group.add(&row.row);
        group.add(&place);
        Self { row, view, place, engine, seen: RefCell::default() }
    }

    /// The one that is chosen; empty where there is none.
    pub fn name(&self) -> String {
        self.row.name()
    }

    /// Chooses the first camera where none is chosen, or where the one that was is not there any more.
    pub fn choose_first(&self) {
        self.engine.look_for_cameras();
        let name = self.row.name();
        let first = match self.engine.cameras() {
            Cameras::Found(names) if !names.contains(&name) => names.into_iter().next().unwrap_or_default(),
            _ => name,
        };
        self.row.show(&first);
    }

    /// Shows the picture of this stream, which has the camera that is chosen.
    pub fn look_at(&self, stream: &StreamConfig) {
        let name = self.name();
        if self.seen.replace(name.clone()) == name {
            return;
        }
        let tried = (!name.is_empty()).then(|| self.engine.try_out(stream)).flatten();
        self.place.set_visible(tried.is_some());
        self.view.set_stream(tried.as_ref());
    }

    /// Lets go of the camera.
    pub fn close(&self) {
        self.seen.take();
        self.place.set_visible(false);
        self.view.set_stream(None);
    }
}
