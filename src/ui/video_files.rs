//! Asks for video files, pictures, and folders of them, of this computer.

use super::toasts;
use crate::i18n::{gettext, ngettext_f};
use adw::prelude::*;
use std::path::{Path, PathBuf};

/// The files that were chosen; none where the user chose none. What cannot be used is said in a toast.
pub async fn choose(parent: &impl IsA<gtk::Widget>) -> Vec<PathBuf> {
    let videos = gtk::FileFilter::new();
    videos.set_name(Some(&gettext("Videos and Pictures")));
    videos.add_mime_type("video/*");
    videos.add_mime_type("image/*");
    let all = gtk::FileFilter::new();
    all.set_name(Some(&gettext("All Files")));
    all.add_pattern("*");
    let filters = gio::ListStore::new::<gtk::FileFilter>();
    filters.extend_from_slice(&[videos.clone(), all]);
    let chooser = gtk::FileDialog::builder()
        .title(gettext("Choose Videos or Pictures"))
        .filters(&filters)
        .default_filter(&videos)
        .build();
    let window = parent.root().and_downcast::<gtk::Window>();
    taken(parent, chooser.open_multiple_future(window.as_ref()).await)
}

/// As [`choose`], for folders.
pub async fn choose_folders(parent: &impl IsA<gtk::Widget>) -> Vec<PathBuf> {
    let chooser = gtk::FileDialog::builder().title(gettext("Choose Folders")).build();
    let window = parent.root().and_downcast::<gtk::Window>();
    taken(parent, chooser.select_multiple_folders_future(window.as_ref()).await)
}

/// As [`choose`], for what comes in the place of this file or folder.
pub async fn choose_instead(parent: &impl IsA<gtk::Widget>, replaced: &Path) -> Vec<PathBuf> {
    if is_folder(replaced).await { choose_folders(parent).await } else { choose(parent).await }
}

/// Of one that is gone, its name has to tell.
async fn is_folder(path: &Path) -> bool {
    let (attribute, none) = (gio::FILE_ATTRIBUTE_STANDARD_TYPE, gio::FileQueryInfoFlags::NONE);
    let found = gio::File::for_path(path).query_info_future(attribute, none, glib::Priority::DEFAULT).await;
    found.map_or(path.extension().is_none(), |info| info.file_type() == gio::FileType::Directory)
}

fn taken(parent: &impl IsA<gtk::Widget>, answer: Result<gio::ListModel, glib::Error>) -> Vec<PathBuf> {
    match answer {
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
