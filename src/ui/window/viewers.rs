//! The view of those who watch, and the question before something is done that makes them go.

use super::Window;
use crate::config::Config;
use crate::control::Control;
use crate::engine::{Change, Stream};
use crate::i18n::{gettext, ngettext_f};
use crate::ui::alert;
use adw::prelude::*;
use adw::subclass::prelude::*;

impl Window {
    /// Only streams are searched and sorted.
    pub(super) fn show_viewers(&self, control: &Control) {
        let imp = self.imp();
        imp.viewers.show_viewers(control);
        let page = imp.viewers_view.downgrade();
        let count = move |readers: &gio::ListModel| {
            if let Some(page) = page.upgrade() {
                page.set_badge_number(readers.n_items());
            }
        };
        let readers = control.engine().readers();
        count(&readers);
        readers.connect_items_changed(move |readers, _, _, _| count(readers));
        let weak = self.downgrade();
        imp.views.connect_visible_child_name_notify(move |views| {
            let Some(window) = weak.upgrade() else { return };
            let imp = window.imp();
            // What a narrow window shows above, and what is announced.
            let title = views.visible_child().and_then(|child| views.page(&child).title());
            imp.root.set_title(&title.unwrap_or_default());
            let is_streams = views.visible_child_name().is_some_and(|name| name == "streams");
            imp.search_button.set_visible(is_streams);
            imp.sort_button.set_visible(is_streams);
            if !is_streams {
                imp.search_bar.set_search_mode(false);
            }
        });
    }

    /// Whether a configuration may take the place of the one in force: where viewers would have to go for that,
    /// the user is asked.
    pub(in crate::ui) async fn may_become(&self, config: &Config) -> bool {
        let Some(control) = self.control() else { return false };
        let engine = control.engine();
        let has_to_go = |stream: &Stream| {
            let new = config.stream(&stream.id());
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
        alert::choose(dialog, self).await == "disconnect"
    }
}
