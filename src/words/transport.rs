//! What is said of the ways to a reader.

use crate::config::ReaderTransport;
use crate::i18n::gettext;

/// What a transport is called, and what it is good for.
pub fn transport(transport: ReaderTransport) -> (String, String) {
    match transport {
        ReaderTransport::Udp => {
            (gettext("UDP"), gettext("The least delay; a packet that is lost stays lost"))
        }
        ReaderTransport::Tcp => {
            (gettext("TCP"), gettext("Through firewalls and bad networks, within one connection"))
        }
        ReaderTransport::Http => {
            (gettext("HTTP tunnel"), gettext("Where nothing but web pages gets through, not encrypted"))
        }
        ReaderTransport::Rtsps => {
            (gettext("RTSPS"), gettext("Encrypted, where it is turned on in Preferences"))
        }
        ReaderTransport::Multicast => {
            (gettext("Multicast"), gettext("Sent once, for everybody in the network who joins in"))
        }
    }
}

/// The ways that a stream allows, in few words.
pub fn transports(transports: &[ReaderTransport]) -> String {
    if transports == ReaderTransport::default_list() {
        gettext("All but multicast")
    } else if transports == [ReaderTransport::Rtsps] {
        gettext("Only encrypted (RTSPS)")
    } else {
        let names: Vec<String> = transports.iter().map(|way| transport(*way).0).collect();
        names.join(&gettext(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_preset_is_named() {
        assert_eq!(transports(&ReaderTransport::default_list()), "All but multicast");
        assert_eq!(transports(&[ReaderTransport::Tcp, ReaderTransport::Rtsps]), "TCP, RTSPS");
    }
}
