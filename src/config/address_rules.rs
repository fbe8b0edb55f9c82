//! Which addresses may connect to the server.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Whoever is denied is denied; where somebody is allowed, nobody else is. Without rules everybody may connect.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressRules {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<AddressRange>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<AddressRange>,
}

/// One address, or all those that begin alike: `"192.168.1.7"`, `"192.168.1.0/24"` or `"2001:db8::/32"` in the
/// file (CIDR, RFC 4632 and RFC 4291).
///
/// An IPv4 address that is written or sent as one of IPv6 ("::ffff:192.168.1.7") is the IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressRange(IpNet);

/// Why a text is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressRangeError {
    #[error(
        "\"{text}\" is no address: write one like \"192.168.1.7\", or a network like \"192.168.1.0/24\" or \"2001:db8::/32\""
    )]
    NotAnAddress { text: String },
    #[error("\"/{length}\" is too long: at most /{most} can follow {address}")]
    TooLong { address: IpAddr, length: String, most: u8 },
    /// Which of the two is meant cannot be told.
    #[error("{address} is not the first address of /{length}: write \"{network}\", or the address alone")]
    NotTheFirst { address: IpAddr, length: u8, network: AddressRange },
}

impl AddressRules {
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether somebody at this address may connect.
    pub fn admit(&self, address: IpAddr) -> bool {
        let among = |ranges: &[AddressRange]| ranges.iter().any(|range| range.contains(address));
        !among(&self.deny) && (self.allow.is_empty() || among(&self.allow))
    }
}

impl AddressRange {
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, AddressRangeError> {
        let text = text.trim();
        let (address, length) =
            text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let not_an_address = || AddressRangeError::NotAnAddress { text: text.into() };
        let written: IpAddr = address.parse().map_err(|_| not_an_address())?;
        let address = written.to_canonical();
        let Some(length) = length else { return Ok(Self(address.into())) };
        // Of a mapped address, the first 96 bits say that it is one.
        let prefix = if written.is_ipv6() && address.is_ipv4() { 96 } else { 0 };
        let digits = length.bytes().all(|digit| digit.is_ascii_digit());
        let bits: u32 = Some(length)
            .filter(|_| digits)
            .and_then(|length| length.parse().ok())
            .ok_or_else(not_an_address)?;
        let net = bits
            .checked_sub(prefix)
            .and_then(|bits| u8::try_from(bits).ok())
            .and_then(|bits| IpNet::new(address, bits).ok())
            .ok_or_else(|| AddressRangeError::TooLong {
                address: written,
                length: length.into(),
                most: if written.is_ipv6() { 128 } else { 32 },
            })?;
        if net.network() != address {
            let (length, network) = (net.prefix_len(), Self(net.trunc()));
            return Err(AddressRangeError::NotTheFirst { address, length, network });
        }
        Ok(Self(net))
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self.0.prefix_len() == self.0.max_prefix_len() {
            true => self.0.addr().fmt(formatter),
            false => self.0.fmt(formatter),
        }
    }
}

impl TryFrom<String> for AddressRange {
    type Error = AddressRangeError;

    fn try_from(text: String) -> Result<Self, AddressRangeError> {
        text.parse()
    }
}

impl From<AddressRange> for String {
    fn from(range: AddressRange) -> Self {
        range.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> AddressRules {
        let ranges = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        AddressRules { allow: ranges(allow), deny: ranges(deny) }
    }

    fn admits(rules: &AddressRules, address: &str) -> bool {
        rules.admit(address.parse().unwrap())
    }

    #[test]
    fn without_rules_everybody_may_connect() {
        assert!(admits(&rules(&[], &[]), "192.0.2.1"));
        assert!(admits(&rules(&[], &[]), "2001:db8::1"));
    }

    #[test]
    fn where_some_are_allowed_the_others_are_not_and_who_is_denied_is_denied() {
        let rules = rules(&["192.168.0.0/16", "2001:db8::/32"], &["192.168.1.7", "2001:db8:0:1::/64"]);
        for (address, admitted) in [
            ("192.168.0.0", true),
            ("192.168.255.255", true),
            ("192.167.255.255", false),
            ("192.168.1.7", false),
            ("192.168.1.8", true),
            ("2001:db8::1", true),
            ("2001:db8:0:1:2::3", false),
            ("2001:db9::1", false),
            ("::1", false),
        ] {
            assert_eq!(admits(&rules, address), admitted, "{address}");
        }
        assert!(admits(&self::rules(&[], &["0.0.0.0/0"]), "::1"));
        assert!(!admits(&self::rules(&[], &["0.0.0.0/0"]), "127.0.0.1"));
        assert!(!admits(&self::rules(&[], &["::/0"]), "::1"));
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        let deny = rules(&[], &["192.168.1.0/24"]);
        assert!(!admits(&deny, "::ffff:192.168.1.7"));
        assert!(!admits(&rules(&[], &["::ffff:192.168.1.0/120"]), "192.168.1.7"));
        assert!(admits(&rules(&[], &["::ffff:192.168.1.0/120"]), "192.168.2.7"));
        assert!(!admits(&rules(&[], &["::ffff:192.168.1.7"]), "192.168.1.7"));
    }

    #[test]
    fn ranges_are_written_as_they_are_read() {
        for text in ["192.168.1.7", "192.168.1.0/24", "0.0.0.0/0", "2001:db8::/32", "::1", "::/0"] {
            assert_eq!(text.parse::<AddressRange>().unwrap().to_string(), text);
        }
        assert_eq!(" 10.0.0.0/8 ".parse::<AddressRange>().unwrap().to_string(), "10.0.0.0/8");
        assert_eq!("10.0.0.1/32".parse::<AddressRange>().unwrap().to_string(), "10.0.0.1");
    }

    #[test]
    fn what_is_no_range_says_why() {
        let error = |text: &str| text.parse::<AddressRange>().unwrap_err();
        for text in
            ["", "localhost", "192.168.1", "192.168.1.7/", "192.168.1.7/a", "192.168.1.7/+8", "10.0.0.0/8/8"]
        {
            assert_eq!(error(text), AddressRangeError::NotAnAddress { text: text.into() }, "{text}");
        }
        for text in ["192.168.1.0/33", "::/129", "10.0.0.0/4294967295", "::ffff:10.0.0.0/8"] {
            assert!(matches!(error(text), AddressRangeError::TooLong { .. }), "{text}");
        }
        let message = error("192.168.1.7/24").to_string();
        assert!(message.contains("\"192.168.1.0/24\""), "{message}");
    }
}
