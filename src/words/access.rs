//! What is said of who can read a stream.

use super::Words;
use crate::config::Scheme;
use crate::engine::AccessState;
use crate::i18n::{gettext, gettext_f};

/// Who can read; where those who should cannot, what to do.
pub fn access_state(state: &AccessState) -> Words {
    match state {
        AccessState::Open => Words {
            title: gettext("Open"),
            detail: Some(gettext("Anyone who can reach the address can watch.")),
            hint: None,
        },
        AccessState::Protected => Words {
            title: gettext("Protected"),
            detail: Some(gettext("A name and a password are asked for.")),
            hint: None,
        },
        AccessState::PasswordMissing { users } => Words {
            title: gettext("Password missing"),
            detail: Some(gettext_f(
                // Translators: {users} is one name, or several with commas.
                "No password is known for {users}.",
                &[("users", &users.join(&gettext(", ")))],
            )),
            hint: Some(gettext("Set one in Preferences, under Users.")),
        },
        AccessState::KeyringLocked => Words {
            title: gettext("Keyring locked"),
            detail: Some(gettext("No password is known, so nobody can watch.")),
            hint: Some(gettext("Unlock the keyring.")),
        },
    }
}

/// The ways to log in that a stream offers, by what they mean for those who watch.
pub fn schemes(schemes: &[Scheme]) -> String {
    match schemes {
        [Scheme::Digest] => gettext("Works with most players"),
        [Scheme::DigestSha256] => gettext("Digest with SHA-256 only"),
        [Scheme::DigestMd5] => gettext("Digest with MD5 only"),
        [Scheme::Basic] => gettext("Basic: password in the clear"),
        several => scheme_names(several),
    }
}

/// The schemes as the standards call them.
pub(super) fn scheme_names(schemes: &[Scheme]) -> String {
    let names: Vec<&str> = schemes.iter().map(|scheme| scheme.name()).collect();
    names.join(&gettext(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_password_names_whose_it_is() {
        let words = access_state(&AccessState::PasswordMissing { users: vec!["guest".into(), "ann".into()] });
        assert_eq!(words.detail.as_deref(), Some("No password is known for guest, ann."));
    }

    #[test]
    fn several_schemes_are_named() {
        assert_eq!(schemes(&[Scheme::Basic, Scheme::DigestSha256]), "Basic, Digest SHA-256");
    }
}
