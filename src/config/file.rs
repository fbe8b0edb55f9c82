//! The configuration's file: read once, written whole, never over what somebody else wrote meanwhile.

use super::edit::edit;
use super::parse::{Line, ParseError, line_of, parse};
use super::replace::{folder, replace};
use super::{Config, Field};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use toml_edit::DocumentMut;

/// The mode of a new file, less the umask: there is nothing secret in it.
const MODE: u32 = 0o666;

/// A configuration with the file that it was read from. Reading and writing block: not for the main thread.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    path: PathBuf,
    config: Config,
    /// As it was last read or written; none while there is no file.
    text: Option<String>,
}

/// Why a configuration cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error("{} cannot be read: {message}", path.display())]
    Unreadable { path: PathBuf, message: String },
    #[error("{} cannot be used: {error}", path.display())]
    Invalid { path: PathBuf, error: ParseError },
}

/// Why a configuration was not saved. The file is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    #[error(
        "{} was changed by another program meanwhile, so it was not saved: load it again, then repeat the change",
        path.display()
    )]
    ChangedOnDisk { path: PathBuf },
    #[error("{} cannot be written to, so nothing was saved: allow it, or use another file", folder.display())]
    Unwritable { folder: PathBuf },
    #[error("the disk with {} is full, so nothing was saved: free some space, then try again", folder.display())]
    DiskFull { folder: PathBuf },
    #[error("{} was not saved: {message}", path.display())]
    Other { path: PathBuf, message: String },
}

impl ConfigFile {
    /// Reads the file. Where there is none, the configuration is [`Config::first`], and nothing is written.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, LoadError> {
        let path = path.into();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { path, config: Config::first(), text: None });
            }
            Err(error) => {
                let message = match error.kind() {
                    ErrorKind::InvalidData => "it is not UTF-8 text".into(),
                    _ => error.to_string(),
                };
                return Err(LoadError::Unreadable { path, message });
            }
        };
        match parse(&text) {
            Ok((_, config)) => Ok(Self { path, config, text: Some(text) }),
            Err(error) => Err(LoadError::Invalid { path, error }),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration as it was last read or saved.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether the file exists, as of the last reading or saving.
    pub fn exists(&self) -> bool {
        self.text.is_some()
    }

    /// The line of the file where a field stands.
    pub fn line_of(&self, field: &Field) -> Option<Line> {
        line_of(self.text.as_deref()?, field)
    }

    /// Writes the configuration, keeping the user's comments and order. What is written is not validated here.
    pub fn save(&mut self, config: &Config) -> Result<(), SaveError> {
        let on_disk = match fs::read_to_string(&self.path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(SaveError::ChangedOnDisk { path: self.path.clone() });
            }
            Err(error) => return Err(self.explain(&error)),
        };
        if on_disk != self.text {
            return Err(SaveError::ChangedOnDisk { path: self.path.clone() });
        }
        if self.exists() && *config == self.config {
            return Ok(());
        }
        let text = self.text_with(config);
        replace(&self.path, text.as_bytes(), MODE).map_err(|error| self.explain(&error))?;
        self.text = Some(text);
        self.config = config.clone();
        Ok(())
    }

    fn text_with(&self, config: &Config) -> String {
        if let Some((mut document, old)) = self.text.as_deref().and_then(|text| parse(text).ok()) {
            edit(&mut document, Some(&old), config);
            let text = document.to_string();
            // The comments are worth less than the configuration: a file in a shape that was not thought of is
            // written anew.
            if parse(&text).is_ok_and(|(_, read)| read == *config) {
                return text;
            }
        }
        let mut document = DocumentMut::new();
        edit(&mut document, None, config);
        document.to_string()
    }

    fn explain(&self, error: &io::Error) -> SaveError {
        let folder = folder(&self.path).to_owned();
        match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => SaveError::Unwritable { folder },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => SaveError::DiskFull { folder },
            _ => SaveError::Other { path: self.path.clone(), message: error.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const TEXT: &str = "# Mine.\nversion = 1\n";

    fn file(text: &str) -> (TempDir, ConfigFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, text).unwrap();
        let file = ConfigFile::load(path).unwrap();
        (folder, file)
    }

    #[test]
    fn where_there_is_no_file_there_is_a_demo_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("headwater/config.toml");
        let mut file = ConfigFile::load(&path).unwrap();
        assert_eq!(file.config().streams[0].path, "/demo");
        assert_eq!(file.config().validate(), []);
        assert!(!path.exists() && !file.exists());
        file.save(&Config::first()).unwrap();
        assert_eq!(ConfigFile::load(&path).unwrap().config(), &Config::first());
    }

    #[test]
    fn a_file_that_cannot_be_used_is_left_alone() {
        for text in ["version = 2\n", "version = 1\n[sever]\n", "= =\n"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("config.toml");
            fs::write(&path, text).unwrap();
            let error = ConfigFile::load(&path).unwrap_err();
            assert!(matches!(error, LoadError::Invalid { .. }), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let (folder, _) = file(TEXT);
        fs::write(folder.path().join("config.toml"), b"version = 1 # \xff\n").unwrap();
        let error = ConfigFile::load(folder.path().join("config.toml")).unwrap_err();
        assert!(error.to_string().ends_with("it is not UTF-8 text"), "{error}");
        let error = ConfigFile::load(folder.path()).unwrap_err();
        assert!(matches!(error, LoadError::Unreadable { .. }), "{error}");
    }

    #[test]
    fn saving_keeps_the_users_comments() {
        let (_folder, mut file) = file(TEXT);
        file.save(&Config::first()).unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        assert!(text.starts_with("# Mine.\nversion = 1\n"), "{text}");
        assert_eq!(ConfigFile::load(file.path()).unwrap().config(), &Config::first());
        // And again, from what was just written.
        let mut config = Config::first();
        config.streams[0].name = "Other".into();
        file.save(&config).unwrap();
        assert_eq!(fs::read_to_string(file.path()).unwrap(), text.replace("\"Demo\"", "\"Other\""));
    }

    #[test]
    fn a_file_that_was_changed_meanwhile_is_not_overwritten() {
        let (_folder, mut file) = file(TEXT);
        let changed = Err(SaveError::ChangedOnDisk { path: file.path().to_owned() });
        fs::write(file.path(), "# Theirs.\nversion = 1\n").unwrap();
        assert_eq!(file.save(&Config::first()), changed);
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "# Theirs.\nversion = 1\n");
        fs::remove_file(file.path()).unwrap();
        assert_eq!(file.save(&Config::first()), changed);
        assert!(!file.path().exists());
        // Nor one that appeared meanwhile.
        let mut new = ConfigFile::load(file.path()).unwrap();
        fs::write(file.path(), TEXT).unwrap();
        assert_eq!(new.save(&Config::first()), changed);
        assert_eq!(new.config(), &Config::first());
    }

    #[test]
    fn why_nothing_was_saved_is_said_in_words() {
        let (folder, file) = file(TEXT);
        let folder = folder.path().to_owned();
        let explain = |kind: ErrorKind| file.explain(&kind.into());
        assert_eq!(explain(ErrorKind::StorageFull), SaveError::DiskFull { folder: folder.clone() });
        assert_eq!(explain(ErrorKind::ReadOnlyFilesystem), SaveError::Unwritable { folder });
    }

    #[test]
    fn an_unwritable_folder_is_an_error_and_changes_nothing() {
        // A folder that not even root can write into.
        let mut file = ConfigFile::load("/proc/self/headwater/config.toml").unwrap();
        let error = file.save(&Config::first()).unwrap_err();
        assert!(!matches!(error, SaveError::ChangedOnDisk { .. }), "{error}");
        assert!(!file.exists());
    }
}
