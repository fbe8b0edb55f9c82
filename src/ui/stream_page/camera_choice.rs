//! What a camera needs: which one it is, and the microphone beside it.

use super::form::Form;
use crate::config::{CameraSource, Readers, SoundCodec, Source, StreamConfig};
use crate::engine::Stream;
use crate::i18n::gettext;
use crate::ui::device_row::{CameraRow, MicrophoneRow};
use crate::ui::toasts;
use crate::words;
use adw::prelude::*;
use std::rc::Rc;

pub struct CameraChoice {
    camera: Rc<CameraRow>,
    microphone: Rc<MicrophoneRow>,
    form: Form,
}

impl CameraChoice {
    pub fn new(form: &Form) -> Self {
        let (engine, chosen) = (form.control().engine(), form.clone());
        let camera = CameraRow::of_cameras(engine, move |name| {
            chosen.choose(move |stream| match &mut stream.source {
                Source::Camera(camera) => camera.name.clone_from(&name),
                source => *source = Source::Camera(CameraSource::silent(&name)),
            });
        });
        let chosen = form.clone();
        let microphone = MicrophoneRow::of_microphones(engine, move |microphone| {
            if microphone.is_some() && !is_protected(&chosen) {
                return;
            }
            chosen.choose(move |stream| {
                if let Source::Camera(camera) = &mut stream.source {
                    camera.microphone.clone_from(&microphone);
                    // Whoever chooses one wants it to be heard.
                    if microphone.is_some() && stream.sound.codec == SoundCodec::Off {
                        stream.sound.codec = SoundCodec::Auto;
                    }
                }
            });
        });
        Self { camera, microphone, form: form.clone() }
    }

    pub fn add_to(&self, group: &adw::PreferencesGroup) {
        group.add(&self.camera.row);
        group.add(&self.microphone.row);
    }

    pub fn show(&self, stream: &StreamConfig) {
        let camera = match &stream.source {
            Source::Camera(camera) => Some(camera),
            _ => None,
        };
        self.camera.row.set_visible(camera.is_some());
        self.microphone.row.set_visible(camera.is_some());
        let Some(camera) = camera else { return };
        self.form.control().engine().look_for_cameras();
        self.form.control().engine().look_for_microphones();
        self.camera.show(camera.name.clone());
        self.microphone.show(camera.microphone.clone());
    }

    /// Says why the microphone is not heard.
    pub fn show_microphone(&self, stream: &Stream) {
        let problem = stream.microphone_problem().map(|problem| words::microphone_error(&problem).0);
        self.microphone.show_problem(problem);
    }

    /// Asks for a camera: with it the stream becomes one of it.
    pub fn ask(&self) {
        if !is_protected(&self.form) {
            return;
        }
        self.form.control().engine().look_for_cameras();
        self.camera.show_none();
        self.camera.row.set_visible(true);
        self.camera.row.grab_focus();
    }
}

/// Whether the stream asks for a password. What shows who is near, or lets them be heard, may not be had by anyone, not even
/// by those who watch now; then that is said, and the stream stays as it was.
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
