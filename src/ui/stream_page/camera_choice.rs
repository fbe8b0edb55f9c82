//! What a camera needs: which one it is.

use super::form::Form;
use crate::config::{CameraSource, Readers, Source, StreamConfig};
use crate::i18n::gettext;
use crate::ui::camera_row::CameraRow;
use crate::ui::toasts;
use adw::prelude::*;
use std::rc::Rc;

pub struct CameraChoice {
    row: Rc<CameraRow>,
    form: Form,
}

impl CameraChoice {
    pub fn new(form: &Form) -> Self {
        let chosen = form.clone();
        let row = CameraRow::new(form.control().engine(), move |name| {
            let name = name.to_owned();
            chosen.choose(move |stream| stream.source = Source::Camera(CameraSource::silent(&name)));
        });
        Self { row, form: form.clone() }
    }

    pub fn add_to(&self, group: &adw::PreferencesGroup) {
        group.add(&self.row.row);
    }

    pub fn show(&self, stream: &StreamConfig) {
        let Source::Camera(camera) = &stream.source else { return self.row.row.set_visible(false) };
        self.form.control().engine().look_for_cameras();
        self.row.show(&camera.name);
        self.row.row.set_visible(true);
    }

    /// Asks for a camera: with it the stream becomes one of it.
    pub fn ask(&self) {
        if !is_protected(&self.form) {
            return;
        }
        self.form.control().engine().look_for_cameras();
        self.row.show("");
        self.row.row.set_visible(true);
        self.row.row.grab_focus();
    }
}

/// Whether the stream asks for a password. What shows who is near may not be seen by anyone, not even by those who watch
/// now; then that is said, and the kind stays as it was.
pub fn is_protected(form: &Form) -> bool {
    let is_open = form.shown().is_some_and(|stream| stream.access.read == Readers::Anyone);
    if is_open {
        if let Some(page) = form.page() {
            toasts::say(&page, &gettext("Let only users with a password watch first: see Access below"));
        }
        form.refresh();
    }
    !is_open
}
