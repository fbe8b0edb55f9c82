//! Says aloud, for those who do not see it, that a stream was lost or is back.

use super::Window;
use crate::control::Control;
use crate::engine::StreamState;
use crate::i18n::gettext_f;
use crate::ui::aloud;
use crate::words;
use adw::prelude::*;
use std::cell::RefCell;
use std::collections::HashSet;

impl Window {
    pub(super) fn announce_streams(&self, control: &Control) {
        let weak = self.downgrade();
        // The ids of those that are lost. One that is tried again is so still.
        let lost = RefCell::new(HashSet::new());
        control.engine().connect_stream_state_changed(move |_, stream| {
            let (state, id) = (stream.state(), stream.id());
            let is_news = match state {
                StreamState::Reconnecting { .. } | StreamState::Failed { .. } => lost.borrow_mut().insert(id),
                StreamState::Starting => false,
                StreamState::Stopped | StreamState::Ready | StreamState::Live => {
                    lost.borrow_mut().remove(&id)
                }
            };
            let Some(window) = weak.upgrade().filter(|_| is_news) else { return };
            let words = words::stream_state(&state);
            let what = words.detail.unwrap_or(words.title);
            // Translators: {stream} is the name of a stream, {what} is what happened to it.
            let sentence = gettext_f("{stream}: {what}", &[("stream", &stream.name()), ("what", &what)]);
            aloud::say(&window, &sentence, gtk::AccessibleAnnouncementPriority::Medium);
        });
    }
}
