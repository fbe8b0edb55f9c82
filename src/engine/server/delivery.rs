//! Where RTP over UDP comes from, and where multicast goes: what every factory is told.

use super::factory::Factory;
use crate::config::{Listen, ServerConfig};
use crate::engine::LocalAddresses;
use gst_rtsp::RTSPLowerTrans;
use gst_rtsp_server::RTSPAddressPool;
use gst_rtsp_server::prelude::*;

/// Multicast does not leave the network that it is sent into.
const HOPS: u8 = 1;
/// Any address of this computer.
const ANY: [&str; 2] = ["0.0.0.0", "::"];

/// In force for media that are made from now on.
#[derive(Debug)]
pub struct Delivery {
    pool: RTSPAddressPool,
    interface: Option<String>,
}

impl Delivery {
    pub fn new(config: &ServerConfig, local: &LocalAddresses) -> Self {
        let pool = RTSPAddressPool::new();
        let add = |first: &str, last: &str, ports: (u16, u16), hops| {
            if pool.add_range(first, last, ports.0, ports.1, hops).is_err() {
                tracing::error!("{first} to {last}, ports {} to {}, cannot be used", ports.0, ports.1);
            }
        };
        if let Some(ports) = config.udp_ports {
            ANY.iter().for_each(|any| add(any, any, (ports.first.max(1), ports.last), 0));
        }
        let groups = config.multicast.addresses;
        // A pair of ports for each group, so that each stream gets one of its own.
        let ports = (config.multicast.port, config.multicast.port + 1);
        add(&groups.first.to_string(), &groups.last.to_string(), ports, HOPS);
        Self { pool, interface: interface(config, local) }
    }

    pub fn apply_to(&self, factory: &Factory) {
        // What a stream allows is decided with each SETUP.
        factory.set_protocols(RTSPLowerTrans::UDP | RTSPLowerTrans::UDP_MCAST | RTSPLowerTrans::TCP);
        factory.set_address_pool(Some(&self.pool));
        factory.set_max_mcast_ttl(HOPS.into());
        factory.set_multicast_iface(self.interface.as_deref());
        // So that one port can serve the groups of all streams.
        factory.set_bind_mcast_address(true);
    }
}

/// By which network interface multicast leaves: the one chosen, or where the server listens. What only this
/// computer may read does not leave it.
fn interface(config: &ServerConfig, local: &LocalAddresses) -> Option<String> {
    if !config.multicast.interface.is_empty() {
        return Some(config.multicast.interface.clone());
    }
    let of_address =
        |ip| local.iter().find(|address| address.ip == ip).map(|address| address.interface.clone());
    match config.listen {
        Listen::Address(ip) if !ip.is_loopback() => of_address(ip),
        Listen::Localhost | Listen::Address(_) => {
            local.iter().find(|address| address.ip.is_loopback()).map(|address| address.interface.clone())
        }
        Listen::Network => local
            .iter()
            .find(|address| !address.ip.is_loopback() && address.ip.is_ipv4())
            .map(|address| address.interface.clone()),
    }
}
