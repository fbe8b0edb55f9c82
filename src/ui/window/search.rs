//! Finds streams by name and path, and shows the page that fits what is found.

use super::Window;
use crate::control::Control;
use crate::engine::Stream;
use adw::prelude::*;
use adw::subclass::prelude::*;

impl Window {
    /// The streams that have the words that are searched for; all of them while none are.
    pub(super) fn searched(&self, control: &Control) -> gtk::FilterListModel {
        let imp = self.imp();
        let weak = self.downgrade();
        let filter = gtk::CustomFilter::new(move |stream| {
            let (Some(window), Some(stream)) = (weak.upgrade(), stream.downcast_ref::<Stream>()) else {
                return true;
            };
            has_words(&format!("{} {}", stream.name(), stream.path()), &window.words_searched())
        });
        let found = gtk::FilterListModel::new(Some(control.engine().streams()), Some(filter.clone()));

        let weak = self.downgrade();
        found.connect_items_changed(move |found, _, _, _| {
            if let Some(window) = weak.upgrade() {
                window.show_page(found);
            }
        });
        self.show_page(&found);
        let search = filter.clone();
        imp.search_entry.connect_search_changed(move |_| search.changed(gtk::FilterChange::Different));
        let weak = self.downgrade();
        let (search, model) = (filter.downgrade(), found.clone());
        imp.search_bar.connect_search_mode_enabled_notify(move |_| {
            if let (Some(window), Some(search)) = (weak.upgrade(), search.upgrade()) {
                search.changed(gtk::FilterChange::Different);
                window.show_page(&model);
            }
        });
        // A stream that is renamed may be found, or not any more.
        control.connect_changed(&filter, |filter, _| filter.changed(gtk::FilterChange::Different));
        // Before there is something to search, what is typed goes nowhere.
        imp.search_bar.connect_entry(&*imp.search_entry);
        imp.search_bar.set_key_capture_widget(Some(&*imp.pages));
        imp.search_button.set_sensitive(true);
        found
    }

    /// Also from the page of a stream: what is found are cards.
    pub(super) fn search(&self) {
        if self.visible_dialog().is_none() {
            self.imp().navigation.pop_to_tag("streams");
            self.imp().views.set_visible_child_name("streams");
            self.imp().search_bar.set_search_mode(true);
            self.imp().search_entry.grab_focus();
        }
    }

    pub(super) fn words_searched(&self) -> glib::GString {
        let imp = self.imp();
        if imp.search_bar.is_search_mode() { imp.search_entry.text() } else { glib::GString::default() }
    }

    fn show_page(&self, found: &gtk::FilterListModel) {
        let page = if found.n_items() > 0 {
            "streams"
        } else if found.model().is_some_and(|streams| streams.n_items() > 0) {
            "nothing-found"
        } else {
            "empty"
        };
        self.imp().pages.set_visible_child_name(page);
    }
}

/// Whether a text has all of the words, in any order and case.
fn has_words(text: &str, words: &str) -> bool {
    let text = text.to_lowercase();
    words.to_lowercase().split_whitespace().all(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_have_to_be_there_in_any_order_and_case() {
        assert!(has_words("Front Door /front", "door FRONT"));
        assert!(has_words("Front Door /front", " "));
        assert!(!has_words("Front Door /front", "front garden"));
    }
}
