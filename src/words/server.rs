//! What is said of the RTSP server.

use super::Words;
use crate::engine::{Place, ServerError, ServerState};
use crate::i18n::{gettext, gettext_f};

/// What the server does, and where nobody can connect, why not.
pub fn server_state(state: &ServerState) -> Words {
    match state {
        ServerState::Stopped => Words { title: gettext("Stopped"), detail: None, hint: None },
        ServerState::Listening { .. } => Words { title: gettext("Listening"), detail: None, hint: None },
        ServerState::Failed { reason } => {
            let (detail, hint) = server_error(reason);
            Words { title: gettext("Failed"), detail: Some(detail), hint: Some(hint) }
        }
    }
}

/// Whose way to the server it is: that of one network interface, or of this computer alone.
pub fn place(place: &Place) -> String {
    if place.is_this_computer() { gettext("This computer") } else { place.interface.clone() }
}

/// What happened, and what to do.
pub(super) fn server_error(error: &ServerError) -> (String, String) {
    match error {
        ServerError::PortTaken { port } => (
            gettext_f("Port {port} is taken by another program", &[("port", &port.to_string())]),
            gettext("Choose another port, or end that program."),
        ),
        ServerError::PortForbidden { port } => (
            gettext_f("Port {port} is kept for the system", &[("port", &port.to_string())]),
            gettext("Choose a port from 1024 to 65535."),
        ),
        ServerError::AddressUnknown { address } => (
            gettext_f("{address} is not an address of this computer", &[("address", &address.to_string())]),
            gettext("Choose another one in Preferences."),
        ),
        ServerError::Other { address, message } => (
            // Translators: {message} comes from the system and may be in English.
            gettext_f(
                "Nobody can connect to {address}: {message}",
                &[("address", &address.to_string()), ("message", message)],
            ),
            gettext("Choose another port."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let words = server_state(&ServerState::Failed { reason: ServerError::PortTaken { port: 8554 } });
        assert_eq!(words.detail.as_deref(), Some("Port 8554 is taken by another program"));
    }
}
