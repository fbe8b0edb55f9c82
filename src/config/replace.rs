//! Replaces a file as a whole or not at all: a temporary file in the same folder, written to the disk, renamed.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Writes the file. Its mode and owner are kept; a new one gets `mode`, less the umask. The folder is made when
/// it is missing. After an error the file is as it was.
pub fn replace(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    replace_by(path, mode, |file| file.write_all(contents))
}

fn replace_by(path: &Path, mode: u32, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let path = follow(path);
    let folder = folder(&path);
    fs::create_dir_all(folder)?;
    let before = fs::metadata(&path).ok();
    let name = path.file_name().unwrap_or_default();
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    let mut temporary = tempfile::Builder::new()
        .prefix(&prefix)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    if let Some(before) = before {
        // Only root can give a file away: for others it is theirs anyway, or stays so.
        let _ = fchown(temporary.as_file(), Some(before.uid()), Some(before.gid()));
        temporary.as_file().set_permissions(before.permissions())?;
    }
    write(temporary.as_file_mut())?;
    temporary.as_file().sync_all()?;
    temporary.persist(&path)?;
    // The new name has to reach the disk as well.
    File::open(folder)?.sync_all()
}

/// The folder of a file: the current one for a bare name.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Where a symbolic link leads, whether that exists or not.
fn follow(path: &Path) -> PathBuf {
    // As many links as Linux follows.
    const LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = folder(&path).join(target),
            Err(_) => break,
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_mode_is_kept_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"new", 0o600).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert_eq!(names(folder.path()), ["a.toml"]);
    }

    #[test]
    fn a_missing_folder_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c.toml");
        replace(&path, b"new", 0o600).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_symbolic_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("dotfiles/real.toml"), folder.path().join("link.toml"));
        std::os::unix::fs::symlink("dotfiles/real.toml", &link).unwrap();
        for text in ["first", "second"] {
            replace(&link, text.as_bytes(), 0o644).unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(&real).unwrap(), text);
        }
    }

    #[test]
    fn a_full_disk_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        fs::write(&path, "old").unwrap();
        let full = |file: &mut File| {
            file.write_all(b"half")?;
            File::options().write(true).open("/dev/full")?.write_all(b"the rest")
        };
        let error = replace_by(&path, 0o600, full).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["a.toml"]);
    }
}
