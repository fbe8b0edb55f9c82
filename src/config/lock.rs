//! One instance per configuration file.

use super::replace::folder;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Held as long as the program serves this configuration. The system lets go of it when the program ends,
/// however it ends.
#[derive(Debug)]
#[must_use]
pub struct ConfigLock {
    _file: Option<File>,
}

/// Why a configuration cannot be used now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    #[error(
        "another Headwater uses {} already: end it, or use another file with --config",
        path.display()
    )]
    InUse { path: PathBuf },
    #[error("{} cannot be locked: {message}", path.display())]
    Other { path: PathBuf, message: String },
}

impl ConfigLock {
    /// Locks a configuration, whether its file exists yet or not, by a file beside it: the file itself is replaced
    /// when it is saved, and a lock would stay with the old one. Where nothing can be written beside it, nothing
    /// can be saved either: then the file itself is locked, or, where there is none, nothing.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let other =
            |error: &io::Error| LockError::Other { path: path.to_owned(), message: error.to_string() };
        let file = match open_beside(path) {
            Ok(file) => file,
            Err(error) if is_unwritable(&error) => match File::open(path) {
                Ok(file) => file,
                Err(_) => return Ok(Self { _file: None }),
            },
            Err(error) => return Err(other(&error)),
        };
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(LockError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(other(&error)),
        }
    }
}

fn open_beside(path: &Path) -> io::Result<File> {
    // Two names of one file are one configuration.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = folder(&path);
    fs::create_dir_all(folder)?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().ok_or(ErrorKind::InvalidInput)?);
    name.push(".lock");
    File::options().create(true).truncate(false).write(true).open(folder.join(name))
}

/// In `/proc`, a folder cannot be made for want of any.
fn is_unwritable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::NotFound
            | ErrorKind::StorageFull
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_used_once_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/config.toml");
        let lock = ConfigLock::take(&path).unwrap();
        assert_eq!(ConfigLock::take(&path).unwrap_err(), LockError::InUse { path: path.clone() });
        let _other = ConfigLock::take(&folder.path().join("new/other.toml")).unwrap();
        drop(lock);
        let _again = ConfigLock::take(&path).unwrap();
    }

    #[test]
    fn another_name_of_the_same_file_is_the_same_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("config.toml"), folder.path().join("link.toml"));
        fs::write(&path, "version = 1\n").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let _lock = ConfigLock::take(&path).unwrap();
        assert!(ConfigLock::take(&link).is_err());
    }

    #[test]
    fn saving_does_not_let_go_of_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let _lock = ConfigLock::take(&path).unwrap();
        super::super::ConfigFile::load(&path).unwrap().save(&super::super::Config::first()).unwrap();
        assert!(ConfigLock::take(&path).is_err());
    }

    #[test]
    fn where_nothing_can_be_written_the_program_still_starts() {
        let _lock = ConfigLock::take(Path::new("/proc/self/headwater/config.toml")).unwrap();
    }
}
