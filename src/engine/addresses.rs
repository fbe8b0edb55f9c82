//! The addresses of this computer, and the places where the server can be reached. The engine keeps both up to date
//! as networks come and go; everybody else asks the engine.

use super::{EncryptionState, Place, ServerState, Stream};
use gio::prelude::*;
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
#[derive(Debug, Clone, PartialEq, Eq, Default, glib::Boxed)]
#[boxed_type(name = "HeadwaterLocalAddresses")]
pub struct LocalAddresses(Vec<LocalAddress>);

impl LocalAddresses {
    /// Asks the system, which answers at once.
    pub(super) fn now() -> Self {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
            tracing::warn!("the network interfaces are not known: {error}");
            vec![]
        });
        let addresses =
            interfaces.into_iter().filter(|interface| interface.is_oper_up() || interface.is_loopback());
        let addresses =
            addresses.map(|interface| LocalAddress { ip: interface.ip(), interface: interface.name });
        Self(sorted(addresses.collect(), outward_address()))
    }

    pub fn iter(&self) -> impl Iterator<Item = &LocalAddress> {
        self.0.iter()
    }
}

/// Where the server can be reached, the likely place first; nowhere while it does not listen.
#[derive(Debug, Clone, PartialEq, Eq, Default, glib::Boxed)]
#[boxed_type(name = "HeadwaterPlaces")]
pub struct Places(Vec<Place>);

impl Places {
    /// What a server in this state listens at, and where that is every address, each one of this computer.
    pub(super) fn new(state: &ServerState, encryption: &EncryptionState, local: &LocalAddresses) -> Self {
        let ServerState::Listening { addresses } = state else { return Self::default() };
        let encrypted = match encryption {
            EncryptionState::Listening { addresses, .. } => &addresses[..],
            _ => &[],
        };
        let place = |LocalAddress { interface, ip }: &LocalAddress| {
            Some(Place {
                interface: interface.clone(),
                ip: *ip,
                port: port_at(addresses, *ip)?,
                encrypted_port: port_at(encrypted, *ip),
            })
        };
        // All of 127.0.0.0/8 is this computer, of which the system names one.
        let unnamed = addresses.iter().filter(|address| {
            address.ip().is_loopback() && local.iter().all(|local| local.ip != address.ip())
        });
        let unnamed = unnamed.map(|address| Place {
            interface: "lo".into(),
            ip: address.ip(),
            port: address.port(),
            encrypted_port: port_at(encrypted, address.ip()),
        });
        let mut places: Vec<Place> = local.iter().filter_map(place).chain(unnamed).collect();
        // One way from this computer to itself is enough.
        let mut is_first = true;
        places.retain(|place| !place.is_this_computer() || std::mem::take(&mut is_first));
        Self(places)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Place> {
        self.0.iter()
    }

    /// The one to give to somebody who does not say which.
    pub fn likely(&self) -> Option<&Place> {
        self.0.first()
    }
}

impl Place {
    /// The addresses of a stream here, to be given to players: without encryption and with, as far as the stream
    /// is read that way.
    pub fn addresses(&self, stream: &Stream) -> Vec<String> {
        let path = stream.path();
        let plain = stream.plain().then(|| self.address(&path));
        let encrypted = stream.encrypted().then(|| self.encrypted_address(&path)).flatten();
        plain.into_iter().chain(encrypted).collect()
    }
}

/// The port that a server which listens at these addresses has at one of this computer's.
fn port_at(addresses: &[SocketAddr], ip: IpAddr) -> Option<u16> {
    let is_at = |address: &&SocketAddr| {
        address.ip() == ip || (address.ip().is_unspecified() && address.is_ipv4() == ip.is_ipv4())
    };
    addresses.iter().find(is_at).map(SocketAddr::port)
}

/// Calls this when networks, or the addresses that they give to this computer, may have changed.
pub(super) async fn follow(changed: impl Fn() + 'static) {
    // The first one who asks for the monitor waits for the system bus.
    blocking::unblock(|| drop(gio::NetworkMonitor::default())).await;
    // What happened until now was not told.
    changed();
    gio::NetworkMonitor::default().connect_network_changed(move |_, _| changed());
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

/// The address of this computer on the way to everybody else. Connecting a UDP socket sends nothing; it only
/// asks the routing table.
fn outward_address() -> Option<IpAddr> {
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
        let computer = LocalAddresses(local(&COMPUTER));
        let at = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
            let state = ServerState::Listening { addresses };
            let places = Places::new(&state, &EncryptionState::Off, &computer);
            places.iter().map(|place| place.address("/a")).collect::<Vec<_>>()
        };
        assert_eq!(at(&["127.0.0.1:8554", "[::1]:8554"]), ["rtsp://127.0.0.1:8554/a"]);
        let four = ["192.0.2.7", "198.51.100.3", "127.0.0.1"].map(|ip| format!("rtsp://{ip}:8554/a"));
        assert_eq!(at(&["0.0.0.0:8554"]), four);
        assert_eq!(at(&["127.0.0.5:8554"]), ["rtsp://127.0.0.5:8554/a"]);
        assert_eq!(at(&["203.0.113.9:8554"]), [""; 0], "the address is gone");
        let every = at(&["0.0.0.0:8554", "[::]:8554"]);
        assert_eq!((every.len(), &*every[2]), (4, "rtsp://[2001:db8::3]:8554/a"));
        let stopped = Places::new(&ServerState::Stopped, &EncryptionState::Off, &computer);
        assert_eq!(stopped.likely(), None);
    }

    #[test]
    fn this_computer_has_an_address_for_itself() {
        assert!(LocalAddresses::now().iter().any(|address| address.ip.is_loopback()));
    }
}
