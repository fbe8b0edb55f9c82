//! Takes files that are dropped on the window, or pasted into it: they become a stream.

use super::super::add_dialog::AddDialog;
use super::super::toasts;
use super::Window;
use crate::i18n::gettext;
use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::gdk;

impl Window {
    pub(super) fn accept_files(&self) {
        let target = gtk::DropTarget::new(gdk::FileList::static_type(), gdk::DragAction::COPY);
        let weak = self.downgrade();
        target.connect_drop(move |_, value, _, _| {
            let (Some(window), Ok(files)) = (weak.upgrade(), value.get::<gdk::FileList>()) else {
                return false;
            };
            window.add_files(files.files())
        });
        self.add_controller(target);
    }

    /// Files from a file manager, or a text with one path or `file:` address in each line.
    pub(super) async fn paste(&self) {
        let clipboard = self.clipboard();
        let files = clipboard.read_value_future(gdk::FileList::static_type(), glib::Priority::DEFAULT).await;
        let files = match files.ok().and_then(|value| value.get::<gdk::FileList>().ok()) {
            Some(files) => files.files(),
            None => match clipboard.read_text_future().await {
                Ok(Some(text)) => text.lines().filter_map(|line| file(line.trim())).collect(),
                _ => vec![],
            },
        };
        if !self.add_files(files) {
            toasts::say(&*self.imp().toasts, &gettext("There is no file to paste"));
        }
    }

    fn add_files(&self, files: Vec<gio::File>) -> bool {
        let Some(control) = self.control().filter(|_| !files.is_empty()) else { return false };
        AddDialog::with_files(control, files.into_iter()).present(Some(self));
        true
    }
}

fn file(line: &str) -> Option<gio::File> {
    if line.starts_with('/') {
        Some(gio::File::for_path(line))
    } else {
        line.starts_with("file://").then(|| gio::File::for_uri(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn only_whole_paths_and_file_addresses_are_files() {
        let path = |line| file(line).and_then(|file| file.path());
        assert_eq!(path("/videos/a b.mp4"), Some(PathBuf::from("/videos/a b.mp4")));
        assert_eq!(path("file:///videos/a%20b.mp4"), Some(PathBuf::from("/videos/a b.mp4")));
        assert!(file("a.mp4").is_none() && file("rtsp://host/a").is_none() && file("").is_none());
    }
}
