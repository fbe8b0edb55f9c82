//! Why a file cannot be played.

use crate::engine::state::StreamError;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// Says at once what GStreamer would say later and less plainly.
pub fn readable(path: &Path) -> Result<(), StreamError> {
    let failed = |error| unreadable(path, &error);
    let metadata = File::open(path).and_then(|file| file.metadata()).map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    if metadata.len() == 0 {
        return Err(StreamError::FileEmpty { path: path.into() });
    }
    Ok(())
}

/// What the system said of a file or folder.
pub fn unreadable(path: &Path, error: &std::io::Error) -> StreamError {
    let path = path.to_path_buf();
    match error.kind() {
        ErrorKind::NotFound if is_document(&path) => StreamError::PermissionLost { path },
        ErrorKind::NotFound => StreamError::FileMissing { path },
        _ => {
            // "Permission denied (os error 13)": the number says nothing to anybody.
            let mut message = error.to_string();
            message.truncate(message.find(" (os error").unwrap_or(message.len()));
            StreamError::FileUnreadable { path, message }
        }
    }
}

/// Whether a path is one that the document portal gave out: it shows a file there for as long as the program may
/// read it.
fn is_document(path: &Path) -> bool {
    let names: Vec<_> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    matches!(names[..], ["run", "user", _, "doc", _, ..] | ["run", "flatpak", "doc", _, ..])
}

/// What an element said. `missing_plugin` is the decoder of a picture that GStreamer missed, if it did.
pub fn reason_of(error: &gst::message::Error, missing_plugin: Option<String>, path: PathBuf) -> StreamError {
    let cause = error.error();
    let message = cause.message().to_owned();
    let no_decoder =
        cause.matches(gst::CoreError::MissingPlugin) || cause.matches(gst::StreamError::CodecNotFound);
    match missing_plugin {
        Some(description) => StreamError::MissingPlugin { description },
        // The decoder of its sound is not wanted; there is nothing else in it.
        None if no_decoder => StreamError::NoVideo { path },
        None if cause.matches(gst::ResourceError::NotFound) => StreamError::FileMissing { path },
        None if cause.is::<gst::ResourceError>() => StreamError::FileUnreadable { path, message },
        None => StreamError::FileDamaged { path, message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_is_gone_is_a_permission_that_was_lost() {
        for path in ["/run/user/1000/doc/1a2b3c4d/a.mp4", "/run/flatpak/doc/1a2b3c4d/Photos"] {
            let path = Path::new(path);
            assert_eq!(readable(path), Err(StreamError::PermissionLost { path: path.into() }));
        }
        for path in ["/run/user/1000/a.mp4", "/videos/run/user/1000/doc/1/a.mp4", "/nowhere/a.mp4"] {
            let path = Path::new(path);
            assert_eq!(readable(path), Err(StreamError::FileMissing { path: path.into() }));
        }
    }
}
