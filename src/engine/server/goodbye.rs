//! Sends a reader away: an RTCP BYE in the name of the stream (RFC 3550, 6.6). Closing the connection is not enough for
//! some programs on UDP, and a program that has closed it already notices nothing at all.

use super::ffi::{self, LowerTransport, TrackTransport};
use gio::prelude::*;
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{RTSPFilterResult, RTSPSession, RTSPSessionMedia, RTSPStream};
use std::net::SocketAddr;

/// The media that a session has set up.
pub fn media_of(session: &RTSPSession) -> Vec<RTSPSessionMedia> {
    session.filter(Some(&mut |_, _| RTSPFilterResult::Ref))
}

/// Whether nothing of a session is left when its connection is closed: all of its packets go over that.
pub fn is_on_connection(session: &RTSPSession) -> bool {
    let mut transports = media_of(session).into_iter().flat_map(|media| media.transports());
    transports.all(|transport| {
        ffi::track_transport(&transport).is_some_and(|agreed| agreed.lower == LowerTransport::Tcp)
    })
}

/// Says to a session that each of its streams has ended. Not to a multicast group, which others watch. Not for the main
/// thread: it waits where the socket's buffer is full.
pub fn say(session: &RTSPSession) {
    for transport in media_of(session).iter().flat_map(|media| media.transports()) {
        let (Some(stream), Some(agreed)) = (transport.stream(), ffi::track_transport(&transport)) else {
            continue;
        };
        let message = message(stream.ssrc());
        let said = match agreed.lower {
            LowerTransport::Udp => send(&stream, &agreed, &message).map_err(|error| error.to_string()),
            LowerTransport::Tcp => {
                transport.send_rtcp(&gst::Buffer::from_slice(message)).map_err(|error| error.to_string())
            }
            LowerTransport::Multicast => Ok(()),
        };
        if let Err(error) = said {
            tracing::debug!("no RTCP BYE to {}: {error}", agreed.destination);
        }
    }
}

fn send(stream: &RTSPStream, to: &TrackTransport, message: &[u8]) -> Result<(), glib::Error> {
    let family = if to.destination.is_ipv6() { gio::SocketFamily::Ipv6 } else { gio::SocketFamily::Ipv4 };
    let Some(socket) = stream.rtcp_socket(family) else { return Ok(()) };
    let address = gio::InetSocketAddress::from(SocketAddr::new(to.destination, to.ports.1));
    socket.send_to(Some(&address), message, gio::Cancellable::NONE).map(|_| ())
}

/// A compound packet: an empty receiver report, with which each begins, and the BYE.
fn message(ssrc: u32) -> [u8; 16] {
    const VERSION: u8 = 2 << 6;
    const RECEIVER_REPORT: u8 = 201;
    const BYE: u8 = 203;
    let [a, b, c, d] = ssrc.to_be_bytes();
    [VERSION, RECEIVER_REPORT, 0, 1, a, b, c, d, VERSION | 1, BYE, 0, 1, a, b, c, d]
}
