//! Takes files and links that are dropped on the window, or pasted into it: they become a stream.

use super::super::add_dialog::AddDialog;
use super::super::toasts;
use super::Window;
use crate::config::Link;
use crate::i18n::gettext;
use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::gdk;

impl Window {
    pub(super) fn accept_files(&self) {
        let target = gtk::DropTarget::new(gdk::FileList::static_type(), gdk::DragAction::COPY);
        // A browser gives a link as a text.
        target.set_types(&[gdk::FileList::static_type(), String::static_type()]);
        let weak = self.downgrade();
        target.connect_drop(move |_, value, _, _| {
            let Some(window) = weak.upgrade() else { return false };
            match (value.get::<gdk::FileList>(), value.get::<String>()) {
                (Ok(files), _) => window.add_files(files.files()),
                (_, Ok(text)) => window.add_text(&text),
                _ => false,
            }
        });
        self.add_controller(target);
    }

    /// Files from a file manager, or a text with one path or address in each line.
    pub(super) async fn paste(&self) {
        let clipboard = self.clipboard();
        let files = clipboard.read_value_future(gdk::FileList::static_type(), glib::Priority::DEFAULT).await;
        let added = match files.ok().and_then(|value| value.get::<gdk::FileList>().ok()) {
            Some(files) => self.add_files(files.files()),
            None => match clipboard.read_text_future().await {
                Ok(Some(text)) => self.add_text(&text),
                _ => false,
            },
        };
        if !added {
            toasts::say(&*self.imp().toasts, &gettext("There is no file and no address to paste"));
        }
    }

    fn add_text(&self, text: &str) -> bool {
        let mut lines = text.lines().map(str::trim);
        match lines.clone().find(|line| Link::is_meant(line)) {
            Some(link) => self.add_link(link),
            None => self.add_files(lines.by_ref().filter_map(file).collect()),
        }
    }

    fn add_link(&self, link: &str) -> bool {
        let Some(control) = self.control() else { return false };
        AddDialog::with_link(control, link).present(Some(self));
        true
    }

    fn add_files(&self, files: Vec<gio::File>) -> bool {
        // A link that is dragged can come as a list of files.
        let links = files.iter().map(|file| file.uri());
        if let Some(link) = links.into_iter().find(|address| Link::is_meant(address)) {
            return self.add_link(&link);
        }
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
