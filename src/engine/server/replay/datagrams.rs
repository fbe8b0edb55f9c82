//! Sends what is kept to a reader on UDP, not faster than it can be taken, and then lets it go on with everybody else.

use super::super::ffi::{SharedTransport, TrackTransport};
use super::track::{Hold, Track};
use crate::engine::elements::is_a;
use gio::prelude::*;
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{RTSPFilterResult, RTSPStream};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

/// As many bytes as any reader's socket has room for.
pub const AT_ONCE: usize = 64 * 1024;
/// How often some of it is sent.
const TICK: Duration = Duration::from_millis(1);
/// Bytes in a tick at least, which is 40 Mbit/s.
const LEAST_IN_TICK: usize = 5_000;
/// After so long all of it has been sent, however much there is.
const WITHIN: Duration = Duration::from_millis(800);
/// A reader goes on with everybody else when no more than these bytes are left.
const ALMOST: usize = 2 * LEAST_IN_TICK;
/// Ticks between two looks whether the reader is there still.
const LOOK_EACH: u32 = 50;
/// By then the others are joined, even if a packet is lost by that.
const LATEST: Duration = Duration::from_secs(5);

/// A reader on UDP that does not get what the others get, yet.
pub struct Apart {
    transport: SharedTransport,
    stream: RTSPStream,
    to: TrackTransport,
    sink: gst::Element,
    track: Arc<Track>,
    passing: Receiver<Vec<gst::Buffer>>,
    /// Set where the same reader has begun anew.
    is_over: Arc<AtomicBool>,
}

/// Sends packets to a reader at once.
pub fn send<'a>(
    stream: &RTSPStream,
    to: &TrackTransport,
    packets: impl IntoIterator<Item = &'a gst::Buffer>,
) {
    let family = if to.destination.is_ipv6() { gio::SocketFamily::Ipv6 } else { gio::SocketFamily::Ipv4 };
    let Some(socket) = stream.rtp_socket(family) else { return };
    let address = gio::InetSocketAddress::from(SocketAddr::new(to.destination, to.ports.0));
    for packet in packets {
        let Ok(packet) = packet.map_readable() else { continue };
        if let Err(error) = socket.send_to(Some(&address), packet.as_slice(), gio::Cancellable::NONE) {
            tracing::debug!("a packet to {} was not sent: {error}", to.destination);
        }
    }
}

impl Apart {
    /// Takes a reader out of those who get what comes. None where it is not among them.
    pub fn new(
        hold: &Hold,
        transport: SharedTransport,
        to: TrackTransport,
        is_over: Arc<AtomicBool>,
    ) -> Option<Self> {
        let stream = transport.stream()?;
        let port = i32::from(to.ports.0);
        let sends_to = |sink: &gst::Element| {
            sink.emit_by_name::<gst::Structure>("get-stats", &[&to.host, &port]).has_field("bytes-sent")
        };
        let is_of_datagrams = |sink: &gst::Element| is_a(sink, "multiudpsink");
        let sink = hold.track().sinks().into_iter().filter(is_of_datagrams).find(sends_to)?;
        sink.emit_by_name::<()>("remove", &[&to.host, &port]);
        Some(Self {
            transport,
            stream,
            to,
            sink,
            track: hold.track().clone(),
            passing: hold.listen(),
            is_over,
        })
    }

    /// Sends these packets and those that come meanwhile. Takes about [`WITHIN`].
    pub fn catch_up(self, packets: Vec<gst::Buffer>) {
        let began = Instant::now();
        let mut due = VecDeque::from(packets);
        for tick in 1u32.. {
            due.extend(self.passing.try_iter().flatten());
            let bytes: usize = due.iter().map(|packet| packet.size()).sum();
            if bytes <= ALMOST || began.elapsed() > LATEST {
                let hold = self.track.hold();
                if hold.is_some() || began.elapsed() > LATEST {
                    due.extend(self.passing.try_iter().flatten());
                    send(&self.stream, &self.to, &due);
                    return self.join();
                }
            }
            let left = WITHIN.saturating_sub(began.elapsed()).max(TICK);
            let share = (bytes as f64 * TICK.as_secs_f64() / left.as_secs_f64()) as usize;
            let mut in_tick = share.max(LEAST_IN_TICK);
            let count = due.iter().take_while(|packet| {
                let fits = in_tick > 0;
                in_tick = in_tick.saturating_sub(packet.size());
                fits
            });
            let count = count.count();
            send(&self.stream, &self.to, &due.drain(..count).collect::<Vec<_>>());
            if tick.is_multiple_of(LOOK_EACH) && !self.is_there() {
                return;
            }
            thread::sleep(TICK);
        }
    }

    /// Whether the library counts it among the readers.
    fn is_there(&self) -> bool {
        let mut is_there = false;
        self.stream.transport_filter(Some(&mut |_, transport| {
            is_there |= *transport == *self.transport;
            RTSPFilterResult::Keep
        }));
        is_there && !self.is_over.load(Ordering::Acquire)
    }

    fn join(self) {
        if self.is_over.load(Ordering::Acquire) {
            return;
        }
        let client: [&dyn ToValue; 2] = [&self.to.host, &i32::from(self.to.ports.0)];
        let values: Vec<glib::Value> = client.iter().map(|value| value.to_value()).collect();
        self.sink.emit_by_name_with_values("add", &values);
        // One who has left meanwhile was removed too early.
        if !self.is_there() {
            self.sink.emit_by_name_with_values("remove", &values);
        }
    }
}
