//! What is said where another stream cannot be watched.

use crate::engine::RelayError;
use crate::i18n::{gettext, gettext_f};

/// What happened, and what to do.
pub fn relay_error(error: &RelayError) -> (String, String) {
    match error {
        RelayError::HostNotFound { host } => (
            // Translators: {host} is the name of a computer.
            gettext_f("There is no “{host}” in the network.", &[("host", host)]),
            gettext("Check the address, and that the other device is on."),
        ),
        RelayError::Refused { host, port } => (
            gettext_f(
                "“{host}” is there, but nothing answers at port {port}.",
                &[("host", host), ("port", &port.to_string())],
            ),
            gettext("Check the port of the address, and that the other stream is on."),
        ),
        RelayError::NoAnswer => (
            gettext("The other device does not answer."),
            gettext("Check the address, and that the other device is on."),
        ),
        RelayError::LoginNeeded => (
            gettext("The other stream asks for a user and a password."),
            gettext("Fill them in on this stream’s page."),
        ),
        RelayError::WrongPassword { user } => (
            // Translators: {user} is the name of a user.
            gettext_f("The other stream does not let “{user}” in with this password.", &[("user", user)]),
            gettext("Check the user and the password on this stream’s page."),
        ),
        RelayError::PasswordUnknown { user } => (
            gettext_f("The password of “{user}” for the other stream is not known.", &[("user", user)]),
            gettext("Fill it in on this stream’s page, or unlock the keyring."),
        ),
        RelayError::NotFound => (
            gettext("The other device is there, but has no such stream."),
            gettext("Check the end of the address."),
        ),
        RelayError::Status { status } => (
            // Translators: {status} is a number, such as 503.
            gettext_f("The other device refused with status {status}.", &[("status", &status.to_string())]),
            gettext("Check that the other stream is on, and how many may watch it."),
        ),
        RelayError::Certificate => (
            gettext("The certificate of the other device is not trusted."),
            gettext(
                "Have your system trust it, or use an address without encryption in a network that you trust.",
            ),
        ),
        RelayError::NoVideo => (
            gettext("There is no video at this address."),
            gettext("Use the address of a stream with video."),
        ),
        RelayError::List => (
            gettext("This is the address of a list of streams, and not of a stream."),
            gettext("Open the list in a text editor, and use one of the addresses in it."),
        ),
        RelayError::Ended => (gettext("The other stream ended."), gettext("Check that it is on.")),
        RelayError::Failed { message } => (
            // Translators: {message} comes from GStreamer or the system and may be in English.
            gettext_f("The other stream cannot be watched: {message}", &[("message", message)]),
            gettext("Check the address, and that the other stream is on."),
        ),
    }
}
