//! Where the files are that nobody chose: the XDG folders.

use directories::ProjectDirs;
use std::path::PathBuf;

/// The configuration that is used where none is named: `headwater/config.toml` in the XDG config folder. Without
/// a home it is `config.toml` in the current folder.
pub fn default_path() -> PathBuf {
    project().map(|project| project.config_dir().to_owned()).unwrap_or_default().join("config.toml")
}

/// The folder for what the program remembers from one run to the next; none without a home.
pub fn state_folder() -> Option<PathBuf> {
    project()?.state_dir().map(PathBuf::from)
}

fn project() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "headwater")
}
