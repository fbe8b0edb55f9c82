//! The addresses of this computer, and those at which the server can be reached.

use super::ServerState;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// An address of this computer, and the network interface that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalAddress {
    /// As the system calls it, such as `eth0`.
    pub interface: String,
    pub ip: IpAddr,
}

/// The addresses of this computer that another program can be given: the one towards everybody else first, those
/// of this computer alone last. IPv6's link-local ones are left out: they mean nothing without an interface.
pub fn local_addresses() -> Vec<LocalAddress> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!("the network interfaces are not known: {error}");
        vec![]
    });
    let addresses =
        interfaces.into_iter().filter(|interface| interface.is_oper_up() || interface.is_loopback());
    sorted(
        addresses.map(|interface| LocalAddress { ip: interface.ip(), interface: interface.name }).collect(),
        outward_address(),
    )
}

fn sorted(mut addresses: Vec<LocalAddress>, outward: Option<IpAddr>) -> Vec<LocalAddress> {
    addresses.retain(|address| match address.ip {
        IpAddr::V4(_) => true,
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    });
    addresses.sort_by_key(|address| {
        (
            address.ip.is_loopback(),
            Some(address.ip) != outward,
            address.ip.is_ipv6(),
            address.interface.clone(),
        )
    });
    addresses
}

/// Where a server in this state can be reached: what it listens at, and where that is every address, each of them.
pub fn reachable_at(state: &ServerState, local: &[LocalAddress]) -> Vec<(LocalAddress, u16)> {
    let ServerState::Listening { addresses } = state else { return vec![] };
    let listens = |ip: IpAddr| {
        let at = |address: &&SocketAddr| {
            address.ip() == ip || (address.ip().is_unspecified() && address.is_ipv4() == ip.is_ipv4())
        };
        addresses.iter().find(at).map(SocketAddr::port)
    };
    local.iter().filter_map(|address| Some((address.clone(), listens(address.ip)?))).collect()
}

/// The address of this computer on the way to everybody else. Connecting a UDP socket sends nothing; it only
/// asks the routing table.
pub fn outward_address() -> Option<IpAddr> {
    // TEST-NET-1 (RFC 5737): a route to anywhere will do.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(addresses: &[(&str, &str)]) -> Vec<LocalAddress> {
        let address = |(interface, ip): &(&str, &str)| LocalAddress {
            interface: (*interface).into(),
            ip: ip.parse().unwrap(),
        };
        addresses.iter().map(address).collect()
    }

    const COMPUTER: [(&str, &str); 4] =
        [("wlan0", "192.0.2.7"), ("eth0", "198.51.100.3"), ("eth0", "2001:db8::3"), ("lo", "127.0.0.1")];

    #[test]
    fn the_likely_address_is_first_and_this_computer_alone_last() {
        let found = [
            ("lo", "127.0.0.1"),
            ("eth0", "fe80::1"),
            ("eth0", "2001:db8::3"),
            ("eth0", "198.51.100.3"),
            ("wlan0", "192.0.2.7"),
        ];
        assert_eq!(sorted(local(&found), Some("192.0.2.7".parse().unwrap())), local(&COMPUTER));
    }

    #[test]
    fn every_address_is_each_one_of_its_family() {
        let at = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
            reachable_at(&ServerState::Listening { addresses }, &local(&COMPUTER))
                .into_iter()
                .map(|(address, port)| (address.ip.to_string(), port))
                .collect::<Vec<_>>()
        };
        let said = |ips: &[&str]| ips.iter().map(|ip| ((*ip).to_owned(), 8554)).collect::<Vec<_>>();
        assert_eq!(at(&["127.0.0.1:8554", "[::1]:8554"]), said(&["127.0.0.1"]));
        assert_eq!(at(&["0.0.0.0:8554"]), said(&["192.0.2.7", "198.51.100.3", "127.0.0.1"]));
        assert_eq!(at(&["0.0.0.0:8554", "[::]:8554"]).len(), 4);
        assert_eq!(reachable_at(&ServerState::Stopped, &local(&COMPUTER)), []);
    }

    #[test]
    fn this_computer_has_an_address_for_itself() {
        assert!(local_addresses().iter().any(|address| address.ip.is_loopback()));
    }
}
