//! The picture of what would be added, before it is.

use crate::config::{Password, Sound, Source, StreamConfig};
use crate::control::Control;
use crate::engine::Engine;
use crate::i18n::gettext;
use crate::ui::stream_view::StreamView;
use adw::prelude::*;
use std::cell::RefCell;

/// The same at any width of the dialog: GTK expects of what is wider that it is not higher.
const WIDTH: i32 = 264;

pub struct Trial {
    view: StreamView,
    place: adw::Clamp,
    button: adw::ButtonRow,
    engine: Engine,
    /// What is shown, with its password.
    seen: RefCell<Option<(Source, Option<Password>)>>,
}

impl Trial {
    /// In this group. `asked` is called when the user wants to see what is not shown by itself.
    pub fn new(group: &adw::PreferencesGroup, control: &Control, asked: impl Fn() + 'static) -> Self {
        let view = glib::Object::builder::<StreamView>().property("overflow", gtk::Overflow::Hidden).build();
        view.add_css_class("card");
        let place = adw::Clamp::builder()
            .maximum_size(WIDTH)
            .tightening_threshold(WIDTH)
            .visible(false)
            .child(&view)
            .build();
        let button = adw::ButtonRow::builder()
            .title(gettext("Show the Picture"))
            .start_icon_name("media-playback-start-symbolic")
            .visible(false)
            .build();
        button.connect_activated(move |_| asked());
        group.add(&button);
        group.add(&place);
        Self { view, place, button, engine: control.engine().clone(), seen: RefCell::default() }
    }

    /// Shows the picture of this stream, unless it is shown already; none where there is nothing to show yet.
    pub fn show(&self, stream: Option<&StreamConfig>, password: Option<&Password>) {
        self.button.set_visible(false);
        if !self.shows(stream, password) {
            self.open(stream, password);
        }
    }

    /// Shows the picture of this stream when the user asks for it, since trying it sends something or may write
    /// something: whoever types has not said the last word. None where there is nothing to show yet.
    pub fn offer(&self, stream: Option<&StreamConfig>, password: Option<&Password>) {
        let shows = self.shows(stream, password);
        if !shows {
            self.open(None, None);
        }
        self.button.set_visible(!shows || stream.is_none());
        self.button.set_sensitive(stream.is_some());
    }

    /// Lets go of what is shown, and offers nothing.
    pub fn close(&self) {
        self.show(None, None);
    }

    fn shows(&self, stream: Option<&StreamConfig>, password: Option<&Password>) -> bool {
        *self.seen.borrow() == stream.map(|stream| seen(stream, password))
    }

    fn open(&self, stream: Option<&StreamConfig>, password: Option<&Password>) {
        let seen = stream.map(|stream| seen(stream, password));
        let tried = stream.zip(seen.as_ref()).and_then(|(stream, (source, _))| {
            let silent = StreamConfig { source: source.clone(), sound: Sound::default(), ..stream.clone() };
            self.engine.try_out(&silent, password.cloned())
        });
        self.seen.replace(seen);
        self.place.set_visible(tried.is_some());
        self.view.set_stream(tried.as_ref());
    }
}

/// Nobody listens, so it is the same with another microphone.
fn seen(stream: &StreamConfig, password: Option<&Password>) -> (Source, Option<Password>) {
    let mut source = stream.source.clone();
    if let Source::Camera(camera) = &mut source {
        camera.microphone = None;
    }
    (source, password.cloned())
}
