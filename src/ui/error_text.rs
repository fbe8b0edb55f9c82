//! Errors of `control` in translated sentences, in one place: what happened, what to do.

use crate::config::{LoadError, LockError, ParseError, SaveError, SecretError};
use crate::control::{ChangeError, OpenError};
use crate::i18n::{gettext, gettext_f};
use crate::words::problem;
use std::path::Path;

/// What happened and what to do, with the place in the file.
pub fn open_error(error: &OpenError) -> String {
    match error {
        OpenError::Lock(LockError::InUse { path }) => gettext_f(
            "Another Headwater uses “{file}” already. End it, then try again.",
            &[("file", &path.display().to_string())],
        ),
        OpenError::Load(LoadError::Invalid {
            path,
            error: ParseError::Invalid { line, column, sentence },
        }) => {
            gettext_f(
                // Translators: {sentence} comes from reading the file and is in English.
                "“{file}”, line {line}, column {column}: {sentence}",
                &[
                    ("file", &path.display().to_string()),
                    ("line", &line.to_string()),
                    ("column", &column.to_string()),
                    ("sentence", sentence),
                ],
            )
        }
        OpenError::Load(LoadError::Invalid { path, error: ParseError::NewerVersion { .. } }) => gettext_f(
            "“{file}” was made by a newer Headwater. Install that one, or use another file.",
            &[("file", &path.display().to_string())],
        ),
        OpenError::Invalid { path, problems } => {
            let lines = problems.iter().map(|(line, what)| match line {
                Some(line) => gettext_f(
                    "Line {line}: {problem}",
                    &[("line", &line.number.to_string()), ("problem", &problem(what))],
                ),
                None => problem(what),
            });
            let head = gettext_f("“{file}” cannot be used:", &[("file", &path.display().to_string())]);
            std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
        }
        // The system's words, which it says in its own language.
        OpenError::Lock(LockError::Other { path, message })
        | OpenError::Load(LoadError::Unreadable { path, message }) => gettext_f(
            "“{file}” cannot be read: {message}. Check that you have the right to open it.",
            &[("file", &path.display().to_string()), ("message", message)],
        ),
        OpenError::Engine(error) => {
            gettext_f("GStreamer cannot be started: {message}", &[("message", error.message())])
        }
    }
}

/// What happened and what to do, in one sentence or two.
pub fn change_error(error: &ChangeError) -> String {
    match error {
        ChangeError::Invalid(problems) => problems.iter().map(problem).collect::<Vec<_>>().join("\n"),
        ChangeError::Save(SaveError::ChangedOnDisk { path }) => gettext_f(
            "Not saved: “{file}” was changed by another program. Load it, then repeat the change.",
            &[("file", &name(path))],
        ),
        ChangeError::Save(SaveError::Unwritable { folder }) => gettext_f(
            "Not saved: “{folder}” cannot be written to. Allow it, then try again.",
            &[("folder", &folder.display().to_string())],
        ),
        ChangeError::Save(SaveError::DiskFull { .. }) => {
            gettext("Not saved: the disk is full. Free some space, then try again.")
        }
        ChangeError::Save(SaveError::Other { path, message }) => {
            gettext_f("“{file}” was not saved: {message}.", &[("file", &name(path)), ("message", message)])
        }
    }
}

/// Why passwords cannot be used, and what to do.
pub fn secret_error(error: &SecretError) -> String {
    match error {
        SecretError::Locked => gettext("The keyring is locked. Unlock it, then try again."),
        SecretError::NoAnswer { .. } => {
            gettext("The keyring does not answer. End the session and log in again.")
        }
        // The system's words, which it says in its own language.
        SecretError::Refused { message } => {
            gettext_f("The keyring refused: {message}.", &[("message", message)])
        }
        SecretError::ReadableByOthers { path } => gettext_f(
            "Others can read “{file}”, so its passwords are not used. Run “chmod 600” on it, and choose new passwords.",
            &[("file", &path.display().to_string())],
        ),
        SecretError::Invalid { path, line } => gettext_f(
            // Translators: name = "password" is how it stands in the file.
            "“{file}”, line {line}: write lines of the form name = \"password\".",
            &[("file", &path.display().to_string()), ("line", &line.to_string())],
        ),
        SecretError::File { path, message } => gettext_f(
            "“{file}” cannot be used: {message}.",
            &[("file", &path.display().to_string()), ("message", message)],
        ),
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_said_with_its_place() {
        let error = OpenError::Load(LoadError::Invalid {
            path: "/a/config.toml".into(),
            error: ParseError::Invalid { line: 3, column: 1, sentence: "unknown key `prot`".into() },
        });
        assert_eq!(open_error(&error), "“/a/config.toml”, line 3, column 1: unknown key `prot`");
    }
}
