//! The ways to a reader: which of them a stream allows, and what the server needs for each.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;

/// A way by which a stream reaches its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReaderTransport {
    /// RTP in UDP packets to each reader.
    Udp,
    /// RTP within the RTSP connection (RFC 2326, section 10.12).
    Tcp,
    /// RTSP within two HTTP connections, RTP in it.
    Http,
    /// RTP within an RTSP connection that is encrypted by TLS.
    Rtsps,
    /// RTP in UDP packets to a group that anyone in the network can join: no password keeps anybody out.
    Multicast,
}

impl ReaderTransport {
    pub const ALL: [Self; 5] = [Self::Udp, Self::Tcp, Self::Http, Self::Rtsps, Self::Multicast];

    /// Everything but multicast, which nobody has who did not ask for it.
    pub fn default_list() -> Vec<Self> {
        vec![Self::Udp, Self::Tcp, Self::Http, Self::Rtsps]
    }

    pub(super) fn is_default_list(list: &Vec<Self>) -> bool {
        *list == Self::default_list()
    }
}

/// UDP ports that readers' firewalls can be opened for: `"50000-50099"` in the file, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

impl PortRange {
    /// How many pairs of an even port for RTP and the next one for RTCP (RFC 3550, section 11) it has.
    pub fn pairs(self) -> u32 {
        let first = u32::from(self.first).next_multiple_of(2).max(2);
        (u32::from(self.last) + 1).saturating_sub(first) / 2
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ends = text.split_once('-').map(|(first, last)| (first.trim().parse(), last.trim().parse()));
        match ends {
            Some((Ok(first), Ok(last))) => Ok(Self { first, last }),
            _ => Err(format!("\"{text}\" is no range of ports: write two ports, like \"50000-50099\"")),
        }
    }
}

impl TryFrom<String> for PortRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<PortRange> for String {
    fn from(range: PortRange) -> Self {
        range.to_string()
    }
}

/// RTSP over TLS, at a port of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rtsps {
    /// A table without it means that it is wanted.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// TCP port; 0 lets the system choose one (for tests).
    #[serde(default = "Rtsps::default_port")]
    pub port: u16,
    /// The certificate, with those between it and its authority behind it, and its key: PEM files. Without both,
    /// Headwater makes its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

fn yes() -> bool {
    true
}

impl Rtsps {
    /// What IANA has registered for RTSPS is 322, which needs root.
    const fn default_port() -> u16 {
        8322
    }

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Rtsps {
    fn default() -> Self {
        Self { enabled: false, port: Self::default_port(), certificate: None, key: None }
    }
}

/// Where multicast goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Multicast {
    /// The network interface that it leaves by, such as `eth0`; empty means the one that the server listens at.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub interface: String,
    /// Each stream takes one of them, and one more for its sound.
    #[serde(default)]
    pub addresses: GroupRange,
    /// UDP port of RTP, even; RTCP has the next one.
    #[serde(default = "Multicast::default_port")]
    pub port: u16,
}

impl Multicast {
    /// RTP's own (RFC 3551, section 8).
    const fn default_port() -> u16 {
        5004
    }

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Multicast {
    fn default() -> Self {
        Self { interface: String::new(), addresses: GroupRange::default(), port: Self::default_port() }
    }
}

/// Multicast addresses: `"239.255.84.0-239.255.84.255"` in the file, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupRange {
    pub first: Ipv4Addr,
    pub last: Ipv4Addr,
}

impl GroupRange {
    /// How many addresses it has; none where the last comes before the first.
    pub fn count(self) -> u64 {
        (u64::from(self.last.to_bits()) + 1).saturating_sub(self.first.to_bits().into())
    }
}

impl Default for GroupRange {
    /// A part of the scope that stays within a site (RFC 2365, section 6.1).
    fn default() -> Self {
        Self { first: Ipv4Addr::new(239, 255, 84, 0), last: Ipv4Addr::new(239, 255, 84, 255) }
    }
}

impl fmt::Display for GroupRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl FromStr for GroupRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.trim().parse(), last.trim().parse()) {
            (Ok(first), Ok(last)) => Ok(Self { first, last }),
            _ => Err(format!(
                "\"{text}\" are no IPv4 addresses: write two, like \"239.255.84.0-239.255.84.255\""
            )),
        }
    }
}

impl TryFrom<String> for GroupRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<GroupRange> for String {
    fn from(range: GroupRange) -> Self {
        range.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_ports_has_room_for_pairs_that_begin_with_an_even_one() {
        let pairs = |text: &str| text.parse::<PortRange>().unwrap().pairs();
        assert_eq!(pairs("50000-50099"), 50);
        assert_eq!(pairs("50001-50099"), 49);
        assert_eq!(pairs("50001-50002"), 0);
        assert_eq!(pairs("50000-50000"), 0);
        assert_eq!(pairs("65534-65535"), 1);
        assert_eq!(pairs("50002-50001"), 0);
        assert_eq!(pairs("0-3"), 1);
        assert!("50000".parse::<PortRange>().is_err());
        assert!("50000-70000".parse::<PortRange>().is_err());
    }

    #[test]
    fn one_group_is_a_range_too() {
        let count = |text: &str| text.parse::<GroupRange>().map(GroupRange::count);
        assert_eq!(count("239.1.2.3"), Ok(1));
        assert_eq!(count("239.1.2.3 - 239.1.2.4"), Ok(2));
        assert_eq!(count("239.1.2.4-239.1.2.3"), Ok(0));
        assert_eq!(count("0.0.0.0-255.255.255.255"), Ok(1 << 32));
        assert!(count("239.1.2").is_err());
    }
}
