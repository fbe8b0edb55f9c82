//! What is said of encrypted connections and their certificate.

use super::Words;
use super::server::server_error;
use crate::engine::{CertificateError, CertificateFacts, EncryptionError, EncryptionState};
use crate::i18n::{gettext, gettext_f};

/// Whether it can be connected by RTSPS, and where not, why.
pub fn encryption_state(state: &EncryptionState) -> Words {
    match state {
        EncryptionState::Off => Words { title: gettext("Off"), detail: None, hint: None },
        EncryptionState::Starting => Words { title: gettext("Starting"), detail: None, hint: None },
        EncryptionState::Listening { certificate, .. } => {
            Words { title: gettext("Ready"), detail: Some(certificate_facts(certificate)), hint: None }
        }
        EncryptionState::Failed { reason } => {
            let (detail, hint) = encryption_error(reason);
            Words { title: gettext("Failed"), detail: Some(detail), hint: Some(hint) }
        }
    }
}

fn certificate_facts(facts: &CertificateFacts) -> String {
    if facts.is_own {
        // Translators: {date} is a date.
        gettext_f(
            "The certificate was made by Headwater, and is renewed before {date}.",
            &[("date", &date(facts.until))],
        )
    } else {
        gettext_f("The certificate is valid until {date}.", &[("date", &date(facts.until))])
    }
}

/// What happened, and what to do.
pub fn encryption_error(error: &EncryptionError) -> (String, String) {
    match error {
        EncryptionError::LibraryMissing => (
            gettext("Connections cannot be encrypted: something is not installed."),
            gettext("Install the package glib-networking, and start Headwater again."),
        ),
        EncryptionError::Certificate(error) => certificate_error(error),
        EncryptionError::Server(error) => {
            let (what, hint) = server_error(error);
            // Translators: {what} is what happened, without a full stop.
            (gettext_f("{what}.", &[("what", &what)]), hint)
        }
    }
}

fn certificate_error(error: &CertificateError) -> (String, String) {
    match error {
        CertificateError::Unreadable { path, message } => (
            // Translators: {file} is the name of a file; {message} comes from the system and may be in English.
            gettext_f(
                "“{file}” cannot be read: {message}.",
                &[("file", &path.display().to_string()), ("message", message)],
            ),
            gettext("Check that you have the right to open it, or choose another file."),
        ),
        CertificateError::Unusable { message } => (
            // Translators: {message} comes from the system and may be in English.
            gettext_f("These files cannot be used: {message}", &[("message", message)]),
            gettext("Choose a certificate and its key, both as PEM files, the key without a password."),
        ),
        CertificateError::KeyDoesNotFit => (
            gettext("The key is not that of the certificate."),
            gettext("Choose the key that the certificate was made with."),
        ),
        CertificateError::Expired { until } => (
            gettext_f("The certificate ended on {date}.", &[("date", &date(*until))]),
            gettext("Choose a newer one."),
        ),
        CertificateError::NotYetValid { from } => (
            gettext_f("The certificate begins only on {date}.", &[("date", &date(*from))]),
            gettext("Check the date of this computer, or choose another one."),
        ),
        CertificateError::NotMade { message } => (
            gettext_f("No certificate can be made: {message}", &[("message", message)]),
            gettext("Choose one of your own."),
        ),
    }
}

/// In the user's own way of writing dates.
fn date(seconds: i64) -> String {
    let time = glib::DateTime::from_unix_local(seconds);
    time.and_then(|time| time.format("%x")).map_or_else(|_| seconds.to_string(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_what_to_do() {
        let words = encryption_state(&EncryptionState::Failed { reason: EncryptionError::LibraryMissing });
        assert!(words.hint.is_some_and(|hint| hint.contains("glib-networking")));
    }

    #[test]
    fn an_end_is_a_date() {
        let (what, _) = certificate_error(&CertificateError::Expired { until: 0 });
        assert!(what.contains("70"), "{what}");
    }
}
