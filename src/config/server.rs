//! Where the RTSP server listens.

use super::{Multicast, PortRange, Rtsps};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    #[serde(default)]
    pub listen: Listen,
    /// TCP port of RTSP; 0 lets the system choose one (for tests).
    #[serde(default = "ServerConfig::default_port")]
    pub port: u16,
    /// Where RTP over UDP comes from; none lets the system choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub udp_ports: Option<PortRange>,
    #[serde(default, skip_serializing_if = "Rtsps::is_default")]
    pub rtsps: Rtsps,
    #[serde(default, skip_serializing_if = "Multicast::is_default")]
    pub multicast: Multicast,
}

/// `"localhost"`, `"network"` or one address, IPv4 or IPv6, in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Listen {
    /// Programs on this computer only.
    #[default]
    Localhost,
    /// Every network interface, IPv4 and IPv6.
    Network,
    /// One address of this computer.
    Address(IpAddr),
}

impl ServerConfig {
    /// 554 is RTSP's own port, which needs root; 8554 is what everybody uses instead.
    const fn default_port() -> u16 {
        8554
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            port: Self::default_port(),
            udp_ports: None,
            rtsps: Rtsps::default(),
            multicast: Multicast::default(),
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "localhost" => Ok(Self::Localhost),
            "network" => Ok(Self::Network),
            address => address.parse().map(Self::Address).map_err(|_| {
                format!("\"{address}\" is not a place to listen: write \"localhost\", \"network\", or an IPv4 or IPv6 address")
            }),
        }
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        match listen {
            Listen::Localhost => "localhost".into(),
            Listen::Network => "network".into(),
            Listen::Address(address) => address.to_string(),
        }
    }
}
