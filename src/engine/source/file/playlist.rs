//! What is played, and in which order. It goes in rounds: each looks at the folders anew, so that what came into
//! one of them is played, and what was taken out is not missed.

use super::reason::unreadable;
use crate::config::{FileSource, Media};
use crate::engine::state::StreamError;
use glib::FilenameCollationKey;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Rounds without an end.
pub struct Playlist {
    locations: Vec<PathBuf>,
    shuffle: bool,
    round: Vec<PathBuf>,
    /// What is left of the round.
    left: VecDeque<PathBuf>,
}

impl Playlist {
    pub fn new(config: &FileSource) -> Self {
        Self {
            locations: config.locations.clone(),
            shuffle: config.shuffle,
            round: Vec::new(),
            left: VecDeque::new(),
        }
    }

    /// What comes next. Reads folders where a round begins.
    ///
    /// # Errors
    /// What is wrong with the first location, where nothing at all can be played.
    pub fn next(&mut self) -> Result<PathBuf, StreamError> {
        if self.left.is_empty() {
            let round = expand(&self.locations)?;
            let last = self.round.last().map(PathBuf::as_path);
            self.round = if self.shuffle { shuffled(round, last, random_below) } else { round };
            self.left = self.round.clone().into();
        }
        Ok(self.left.pop_front().expect("a round is not empty"))
    }

    /// Lets the round begin with this one, if it is in it.
    pub fn begin_with(&mut self, location: &Path) {
        if self.left.is_empty()
            && let Ok(first) = self.next()
        {
            self.left.push_front(first);
        }
        if let Some(place) = self.left.iter().position(|left| left == location) {
            self.left.drain(..place);
        }
    }

    /// All of the round that was begun last.
    pub fn round(&self) -> &[PathBuf] {
        &self.round
    }
}

/// Every file, with those of each folder in its place. A folder with nothing in it is left out where there is
/// something else.
fn expand(locations: &[PathBuf]) -> Result<Vec<PathBuf>, StreamError> {
    let mut files = Vec::new();
    let mut reasons = Vec::new();
    for location in locations {
        // One that does not exist is taken for a file: opening it says so.
        if !location.is_dir() {
            files.push(location.clone());
            continue;
        }
        match files_of(location) {
            Ok(found) => files.extend(found),
            Err(reason) => reasons.push(reason),
        }
    }
    if files.is_empty() && !reasons.is_empty() {
        return Err(reasons.swap_remove(0));
    }
    for reason in reasons {
        tracing::warn!("left out: {reason}");
    }
    Ok(files)
}

/// The videos and pictures of a folder, by their names, in the order in which a file manager shows them.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, StreamError> {
    let failed = |error| unreadable(folder, &error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if !name.starts_with('.') && Media::of(&path) != Media::Unknown && path.is_file() {
            files.push((FilenameCollationKey::from(&*name), path));
        }
    }
    if files.is_empty() {
        return Err(StreamError::FolderEmpty { path: folder.into() });
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// An order in which nothing comes twice in a row, nor first what was `last`, unless there is nothing else.
/// `below` gives a number from 0 to below its argument.
fn shuffled(
    mut items: Vec<PathBuf>,
    last: Option<&Path>,
    mut below: impl FnMut(usize) -> usize,
) -> Vec<PathBuf> {
    items.sort();
    items.dedup();
    for end in (1..items.len()).rev() {
        items.swap(end, below(end + 1));
    }
    if items.len() > 1 && items.first().map(PathBuf::as_path) == last {
        let other = 1 + below(items.len() - 1);
        items.swap(0, other);
    }
    items
}

fn random_below(end: usize) -> usize {
    let end = i32::try_from(end).unwrap_or(i32::MAX);
    glib::random_int_range(0, end) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn every_round_has_each_item_once_and_none_twice_in_a_row() {
        let items = paths(&["/a", "/b", "/c", "/b"]);
        let mut firsts = std::collections::BTreeSet::new();
        let mut last: Option<PathBuf> = None;
        for _ in 0..500 {
            let round = shuffled(items.clone(), last.as_deref(), random_below);
            let mut sorted = round.clone();
            sorted.sort();
            assert_eq!(sorted, paths(&["/a", "/b", "/c"]));
            assert_ne!(round.first(), last.as_ref());
            firsts.insert(round[0].clone());
            last = round.last().cloned();
        }
        assert_eq!(firsts.len(), 3, "the order is always the same");
        assert_eq!(shuffled(paths(&["/a"]), Some(Path::new("/a")), random_below), paths(&["/a"]));
        // Also where chance would have it first again.
        assert_eq!(
            shuffled(paths(&["/a", "/b"]), Some(Path::new("/a")), |end| end - 1),
            paths(&["/b", "/a"])
        );
    }

    #[test]
    fn a_folder_is_played_by_name_and_looked_at_again_each_round() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["clip 10.mp4", "clip 9.mkv", "b.png", ".hidden.mp4", "notes.txt", "clip 11.mp4.part"] {
            fs::write(at(name), "x").unwrap();
        }
        fs::create_dir(at("deeper.mp4")).unwrap();
        let other = PathBuf::from("/videos/other.mp4");
        let mut playlist = Playlist::new(&FileSource::new(vec![other.clone(), folder.path().into()]));
        let mut round = |length| (0..length).map(|_| playlist.next().unwrap()).collect::<Vec<_>>();
        assert_eq!(round(4), [other.clone(), at("b.png"), at("clip 9.mkv"), at("clip 10.mp4")]);
        fs::write(at("a.mp4"), "x").unwrap();
        fs::remove_file(at("clip 9.mkv")).unwrap();
        assert_eq!(round(4), [other.clone(), at("a.mp4"), at("b.png"), at("clip 10.mp4")]);
        for name in ["a.mp4", "b.png", "clip 10.mp4"] {
            fs::remove_file(at(name)).unwrap();
        }
        assert_eq!(round(2), [other.clone(), other], "an empty folder is left out");
    }

    #[test]
    fn a_folder_alone_that_has_nothing_to_show_is_said() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        let mut playlist = Playlist::new(&FileSource::new(vec![folder.path().into()]));
        assert_eq!(playlist.next(), Err(StreamError::FolderEmpty { path: folder.path().into() }));
        fs::write(folder.path().join("a.mp4"), "x").unwrap();
        assert_eq!(playlist.next(), Ok(folder.path().join("a.mp4")));
        fs::remove_dir_all(folder.path()).unwrap();
        assert_eq!(playlist.next(), Ok(folder.path().into()), "opening it says that it is gone");
    }
}
