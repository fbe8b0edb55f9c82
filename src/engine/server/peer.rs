//! The IP address of the other end of a connection, out of the library's words.

use std::net::{IpAddr, Ipv6Addr};

/// An address as the library writes it. The scope of a link-local one (RFC 4007, section 11: `"fe80::1%eth0"`) is left
/// out: it names an interface of this computer, and neither rules nor counts know interfaces. GLib writes none, up to
/// 2.89 at least; if it ever does, nobody is to slip through for having an address that cannot be read.
pub fn ip(text: &str) -> Option<IpAddr> {
    match text.split_once('%') {
        Some((address, _scope)) => address.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AddressRules;

    #[test]
    fn an_address_is_read_with_or_without_its_scope() {
        for (text, address) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("::ffff:192.0.2.1", Some("::ffff:192.0.2.1")),
            ("fe80::1", Some("fe80::1")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("fe80::1%4", Some("fe80::1")),
            ("192.0.2.1%eth0", None),
            ("%eth0", None),
            ("", None),
            ("localhost", None),
        ] {
            assert_eq!(ip(text), address.map(|address| address.parse().unwrap()), "{text:?}");
        }
    }

    #[test]
    fn rules_for_link_local_addresses_hold_with_a_scope() {
        let link_local = vec!["fe80::/10".parse().unwrap()];
        let peer = ip("fe80::1%eth0").unwrap();
        assert!(AddressRules { allow: link_local.clone(), deny: vec![] }.admit(peer));
        assert!(!AddressRules { allow: vec![], deny: link_local }.admit(peer));
    }
}
