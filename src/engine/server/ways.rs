//! By which way a request came, and which transports its stream has for that: what does not fit is refused before
//! the library looks at it, and before a password is asked for.

use super::readers::{ClientKey, client_key};
use super::{Mounts, ffi};
use crate::config::ReaderTransport;
use crate::engine::RefusalReason;
use gst_rtsp::{RTSPHeaderField, RTSPLowerTrans, RTSPMethod, RTSPStatusCode};
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{RTSPClient, RTSPContext};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// How a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    /// Through an HTTP tunnel.
    Http,
    /// By TLS, with an HTTP tunnel in it or without.
    Encrypted,
}

/// The ways into the server. All threads; nothing here waits.
#[derive(Debug)]
pub struct Ways {
    mounts: Arc<Mounts>,
    encrypted_ports: Mutex<Vec<u16>>,
    /// The clients that are there and came by TLS.
    encrypted: Arc<Mutex<HashSet<ClientKey>>>,
}

/// How a request is answered that is not let through, and why.
#[derive(Debug)]
pub struct Refused {
    pub status: RTSPStatusCode,
    pub reason: RefusalReason,
}

impl Refused {
    fn new(status: RTSPStatusCode, asked: impl Into<String>) -> Self {
        Self { status, reason: RefusalReason::TransportNotAllowed { asked: asked.into() } }
    }
}

impl Way {
    /// As the standards call it.
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "RTSP",
            Self::Http => "HTTP",
            Self::Encrypted => "RTSPS",
        }
    }

    fn fits(self, transport: ReaderTransport) -> bool {
        use ReaderTransport::*;
        match self {
            Self::Plain => matches!(transport, Udp | Tcp | Multicast),
            Self::Http => transport == Http,
            Self::Encrypted => transport == Rtsps,
        }
    }

    /// The transport that one offer of a Transport header means on a connection of this kind; none where that kind
    /// cannot have it.
    fn transport(self, offer: &str) -> Option<ReaderTransport> {
        match (self, ffi::lower_transport(offer)?) {
            (Self::Plain, RTSPLowerTrans::TCP) => Some(ReaderTransport::Tcp),
            (Self::Plain, RTSPLowerTrans::UDP) => Some(ReaderTransport::Udp),
            (Self::Plain, RTSPLowerTrans::UDP_MCAST) => Some(ReaderTransport::Multicast),
            (Self::Http, RTSPLowerTrans::TCP) => Some(ReaderTransport::Http),
            (Self::Encrypted, RTSPLowerTrans::TCP) => Some(ReaderTransport::Rtsps),
            _ => None,
        }
    }
}

impl Ways {
    pub fn new(mounts: &Arc<Mounts>) -> Self {
        Self { mounts: mounts.clone(), encrypted_ports: Mutex::default(), encrypted: Arc::default() }
    }

    /// Connections to these ports are encrypted from now on.
    pub fn set_encrypted_ports(&self, ports: Vec<u16>) {
        *self.encrypted_ports.lock().unwrap() = ports;
    }

    /// Whether the connection that is being accepted came to a port of RTSPS.
    pub fn is_to_be_encrypted(&self, context: &RTSPContext) -> bool {
        ffi::local_port(context).is_some_and(|port| self.encrypted_ports.lock().unwrap().contains(&port))
    }

    /// To be called while a client is accepted.
    pub fn accepted(&self, client: &RTSPClient) {
        let encrypted = RTSPContext::with_current_context(|context| self.is_to_be_encrypted(context));
        if encrypted != Some(true) {
            return;
        }
        let key = client_key(client);
        self.encrypted.lock().unwrap().insert(key);
        let all = Arc::downgrade(&self.encrypted);
        client.add_weak_ref_notify(move || {
            if let Some(all) = all.upgrade() {
                all.lock().unwrap().remove(&key);
            }
        });
    }

    fn way(&self, context: &RTSPContext) -> Way {
        let is_encrypted = |client| self.encrypted.lock().unwrap().contains(&client_key(client));
        if context.client().is_some_and(is_encrypted) {
            Way::Encrypted
        } else if ffi::is_tunneled(context) {
            Way::Http
        } else {
            Way::Plain
        }
    }

    /// Lets a request through that its stream has a transport for, and leaves to SETUP only the offers that the
    /// stream allows.
    pub fn admit(&self, context: &RTSPContext) -> Result<(), Refused> {
        let way = self.way(context);
        // GIO has no way to keep the library from older versions, which other streams' cameras may need.
        if way == Way::Encrypted
            && !matches!(
                ffi::tls_version(context),
                gio::TlsProtocolVersion::Tls12 | gio::TlsProtocolVersion::Tls13
            )
        {
            return Err(Refused::new(RTSPStatusCode::Forbidden, "TLS 1.1"));
        }
        let method = ffi::request_method(context);
        // What a program can do is no secret, and nobody is kept from leaving.
        if method == RTSPMethod::OPTIONS || method == RTSPMethod::TEARDOWN {
            return Ok(());
        }
        // Where there is nothing, that is said to whoever may know.
        let Some(mount) = ffi::request_path(context).and_then(|path| self.mounts.find(&path)) else {
            return Ok(());
        };
        if !mount.transports.iter().any(|transport| way.fits(*transport)) {
            return Err(Refused::new(RTSPStatusCode::Forbidden, way.name()));
        }
        if method != RTSPMethod::SETUP {
            return Ok(());
        }
        let offers = ffi::request_headers(context, RTSPHeaderField::Transport).join(",");
        if offers.is_empty() {
            return Ok(());
        }
        let allowed = allowed(&offers, way, &mount.transports);
        if allowed.is_empty() {
            return Err(Refused::new(RTSPStatusCode::UnsupportedTransport, names(&offers)));
        }
        ffi::set_request_header(context, RTSPHeaderField::Transport, &allowed.join(","));
        Ok(())
    }
}

/// Those offers of a Transport header that a stream allows to who came by this way.
fn allowed<'a>(offers: &'a str, way: Way, transports: &[ReaderTransport]) -> Vec<&'a str> {
    let fits = |offer: &&str| way.transport(offer).is_some_and(|transport| transports.contains(&transport));
    offers.split(',').map(str::trim).filter(fits).collect()
}

/// What the offers of a Transport header are called.
fn names(offers: &str) -> String {
    let name = |offer: &str| match ffi::lower_transport(offer.trim()) {
        Some(RTSPLowerTrans::TCP) => "TCP",
        Some(RTSPLowerTrans::UDP) => "UDP",
        Some(RTSPLowerTrans::UDP_MCAST) => "multicast",
        _ => "?",
    };
    let mut names: Vec<&str> = offers.split(',').map(name).collect();
    names.dedup();
    // One that sends a long list is told of in a short one.
    names.truncate(ReaderTransport::ALL.len());
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReaderTransport::*;

    #[test]
    fn of_several_offers_those_stay_that_are_allowed() {
        let (tcp, udp) = ("RTP/AVP/TCP;unicast;interleaved=0-1", "RTP/AVP;unicast;client_port=4-5");
        let group = "RTP/AVP;multicast";
        let offers = format!("{udp},{group}, {tcp},x-of-my-own");
        let allowed = |way, transports: &[ReaderTransport]| allowed(&offers, way, transports);
        assert_eq!(allowed(Way::Plain, &[Udp, Tcp, Http, Rtsps]), [udp, tcp]);
        assert_eq!(allowed(Way::Plain, &[Multicast]), [group]);
        assert_eq!(allowed(Way::Plain, &[Http, Rtsps]), [""; 0]);
        assert_eq!(allowed(Way::Http, &ReaderTransport::ALL), [tcp]);
        assert_eq!(allowed(Way::Http, &[Udp, Tcp, Rtsps]), [""; 0]);
        assert_eq!(allowed(Way::Encrypted, &ReaderTransport::ALL), [tcp]);
        assert_eq!(allowed(Way::Encrypted, &[Udp, Tcp, Http, Multicast]), [""; 0]);
    }

    #[test]
    fn what_was_asked_for_is_named_in_short() {
        assert_eq!(names("RTP/AVP;unicast;client_port=4-5,RTP/AVP/TCP,RTP/AVP/TCP,x"), "UDP, TCP, ?");
        assert!(names(&"RTP/AVP/TCP,x,".repeat(1000)).len() < 100);
    }

    #[test]
    fn an_offer_is_what_the_library_takes_it_for() {
        for (offer, transport) in [
            ("RTP/AVP/UDP;unicast;client_port=4-5", Some(Udp)),
            ("RTP/AVP;client_port=4-5;unicast", Some(Udp)),
            ("rtp/avp/tcp", Some(Tcp)),
            ("RTP/AVP;multicast;destination=239.1.2.3;ttl=255;port=4-5", Some(Multicast)),
            ("", None),
            ("RAW/RAW/UDP", None),
        ] {
            assert_eq!(Way::Plain.transport(offer), transport, "{offer}");
        }
    }
}
