//! The button of a card that mutes its stream's sound; it is there only where there is sound.

use super::StreamCard;
use crate::i18n::gettext;
use crate::ui::toasts;
use adw::prelude::*;
use adw::subclass::prelude::*;

impl StreamCard {
    pub(super) fn follow_mute(&self) {
        let weak = self.downgrade();
        self.imp().mute_button.connect_active_notify(move |button| {
            if let Some(card) = weak.upgrade()
                && !card.imp().filling_mute.get()
            {
                card.set_mute(button.is_active());
            }
        });
    }

    pub(super) fn show_mute(&self) {
        let (Some(stream), button) = (self.stream(), &self.imp().mute_button) else { return };
        let Some(config) = self.control().stream(&stream.id()) else { return };
        let is_muted = config.sound.mute;
        button.set_visible(stream.sound().is_some());
        self.imp().filling_mute.set(true);
        button.set_active(is_muted);
        self.imp().filling_mute.set(false);
        let icon = if is_muted { "audio-volume-muted-symbolic" } else { "audio-volume-high-symbolic" };
        button.set_icon_name(icon);
        button.set_tooltip_text(Some(&if is_muted { gettext("Unmute") } else { gettext("Mute") }));
    }

    fn set_mute(&self, mute: bool) {
        let Some(stream) = self.stream() else { return };
        let card = self.clone();
        glib::spawn_future_local(async move {
            let changed = card.control().change_stream(&stream.id(), |stream| stream.sound.mute = mute).await;
            if let Err(error) = changed {
                toasts::say_change_error(&card, &error);
            }
            card.show_mute();
        });
    }
}
