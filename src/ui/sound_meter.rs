//! How loud a stream is. It is there only where there is sound, and the level is asked for only while it is shown.

use crate::engine::{Meter, Stream, StreamState};
use crate::i18n::gettext_f;
use adw::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;

/// What an empty bar stands for, in dBFS: as quiet as a silent room.
const QUIETEST: f64 = -60.0;
/// Pixels: room beside a state and the number of viewers, in the narrowest card.
const WIDTH: i32 = 48;

/// The bar, and what it follows.
pub struct SoundMeter {
    pub bar: gtk::LevelBar,
    stream: RefCell<Option<Stream>>,
    /// Handlers on the stream.
    followed: RefCell<Vec<glib::SignalHandlerId>>,
    meter: RefCell<Option<Meter>>,
}

impl SoundMeter {
    pub fn new() -> Rc<Self> {
        let bar =
            gtk::LevelBar::builder().width_request(WIDTH).valign(gtk::Align::Center).visible(false).build();
        let this = Rc::new(Self {
            bar,
            stream: RefCell::default(),
            followed: RefCell::default(),
            meter: RefCell::default(),
        });
        let weak = Rc::downgrade(&this);
        this.bar.connect_map(move |_| {
            if let Some(this) = weak.upgrade() {
                this.show();
            }
        });
        let weak = Rc::downgrade(&this);
        this.bar.connect_unmap(move |_| {
            if let Some(this) = weak.upgrade() {
                this.meter.take();
            }
        });
        this
    }

    /// Shows this stream from now on.
    pub fn set_stream(self: &Rc<Self>, stream: Option<&Stream>) {
        self.meter.take();
        if let Some(old) = self.stream.take() {
            for handler in self.followed.take() {
                old.disconnect(handler);
            }
        }
        let Some(stream) = stream else { return };
        self.stream.replace(Some(stream.clone()));
        let follow = |property, show: fn(&Self)| {
            let weak = Rc::downgrade(self);
            stream.connect_notify_local(Some(property), move |_, _| {
                if let Some(this) = weak.upgrade() {
                    show(&this);
                }
            })
        };
        self.followed.replace(vec![
            follow("sound", Self::show),
            follow("state", Self::show),
            follow("name", Self::show_name),
            follow("level", Self::show_level),
        ]);
        self.show();
        self.show_name();
    }

    fn show(&self) {
        let Some(stream) = self.stream.borrow().clone() else { return };
        self.bar.set_visible(stream.sound().is_some());
        let is_heard = stream.sound().is_some() && stream.state() == StreamState::Live;
        if is_heard && self.bar.is_mapped() {
            self.meter.borrow_mut().get_or_insert_with(|| stream.add_meter());
        } else {
            self.meter.take();
            self.bar.set_value(0.0);
        }
    }

    fn show_level(&self) {
        let Some(stream) = self.stream.borrow().clone() else { return };
        if self.meter.borrow().is_some() {
            self.bar.set_value((1.0 - stream.level() / QUIETEST).clamp(0.0, 1.0));
        }
    }

    fn show_name(&self) {
        let Some(stream) = self.stream.borrow().clone() else { return };
        // Translators: {stream} is the name of a stream.
        let label = gettext_f("Sound level of {stream}", &[("stream", &stream.name())]);
        self.bar.update_property(&[gtk::accessible::Property::Label(&label)]);
    }
}
