//! Asks for video files of this computer.

use super::toasts;
use crate::i18n::{gettext, ngettext_f};
use adw::prelude::*;
use std::path::PathBuf;

/// The files that were chosen; none where the user chose none. What cannot be used is said in a toast.
pub async fn choose(parent: &impl IsA<gtk::Widget>) -> Vec<PathBuf> {
    let videos = gtk::FileFilter::new();
    videos.set_name(Some(&gettext("Videos")));
    videos.add_mime_type("video/*");
    let all = gtk::FileFilter::new();
    all.set_name(Some(&gettext("All Files")));
    all.add_pattern("*");
    let filters = gio::ListStore::new::<gtk::FileFilter>();
    filters.extend_from_slice(&[videos.clone(), all]);
    let chooser = gtk::FileDialog::builder()
        .title(gettext("Choose Video Files"))
        .filters(&filters)
        .default_filter(&videos)
        .build();
    let window = parent.root().and_downcast::<gtk::Window>();
    match chooser.open_multiple_future(window.as_ref()).await {
        Ok(chosen) => paths(parent, chosen.iter::<gio::File>().flatten()),
        Err(error) => {
            if !error.matches(gtk::DialogError::Dismissed) {
                toasts::say(parent, error.message());
            }
            Vec::new()
        }
    }
}

/// Those that are on this computer; of the others it is said what to do.
pub fn paths(parent: &impl IsA<gtk::Widget>, files: impl Iterator<Item = gio::File>) -> Vec<PathBuf> {
    let paths: Vec<Option<PathBuf>> = files.map(|file| file.path()).collect();
    let elsewhere = paths.iter().filter(|path| path.is_none()).count();
    if elsewhere > 0 {
        let sentence = ngettext_f(
            "The file is not on this computer: copy it here first",
            "{n} files are not on this computer: copy them here first",
            u32::try_from(elsewhere).unwrap_or(u32::MAX),
            &[],
        );
        toasts::say(parent, &sentence);
    }
    paths.into_iter().flatten().collect()
}
