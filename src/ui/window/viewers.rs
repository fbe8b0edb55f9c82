//! Asks before something is done that makes viewers go.

use super::Window;
use crate::config::Config;
use crate::engine::{Change, Stream};
use crate::i18n::{gettext, ngettext_f};
use adw::prelude::*;

impl Window {
    /// Whether a configuration may take the place of the one in force: where viewers would have to go for that,
    /// the user is asked.
    pub(in crate::ui) async fn may_become(&self, config: &Config) -> bool {
        let Some(control) = self.control() else { return false };
        let engine = control.engine();
        let has_to_go = |stream: &Stream| {
            let new = config.streams.iter().find(|new| new.id == stream.id());
            new.is_none_or(|new| engine.effect(new) == Change::Restart)
        };
        let streams = engine.streams();
        let viewers =
            streams.iter::<Stream>().flatten().filter(has_to_go).map(|stream| stream.viewers()).sum();
        viewers == 0 || self.may_send_away(viewers).await
    }

    async fn may_send_away(&self, viewers: u32) -> bool {
        let dialog = adw::AlertDialog::builder()
            .heading(gettext("Disconnect Viewers?"))
            .body(ngettext_f(
                "{n} viewer watches now, and will lose the picture.",
                "{n} viewers watch now, and will lose the picture.",
                viewers,
                &[],
            ))
            .close_response("cancel")
            .default_response("cancel")
            .build();
        dialog.add_responses(&[("cancel", &gettext("_Cancel")), ("disconnect", &gettext("_Disconnect"))]);
        dialog.set_response_appearance("disconnect", adw::ResponseAppearance::Destructive);
        dialog.choose_future(Some(self)).await == "disconnect"
    }
}
