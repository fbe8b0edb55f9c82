//! Sends what is kept to a reader on UDP, not faster than it can be taken, and then lets it go on with everybody else.

use super::super::ffi::{SharedTransport, TrackTransport};
use super::group::{header, time};
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
/// Bytes of the key frame in a tick, which is 64 Mbit/s: it is waited for.
const KEY_IN_TICK: usize = 8_000;
/// Bytes of the others in a tick, which is 16 Mbit/s in the mean.
const IN_TICK: usize = 2_000;
/// Programs hardly read while they get ready to decode, and their sockets have room for some 100 packets. So it begins
/// slowly: by the time to the power of this.
const RISE: f64 = 1.25;
/// After so long all of it has been sent, however much there is.
const LONGEST: Duration = Duration::from_millis(1500);
/// Ticks between two looks whether the reader is there still.
const LOOK_EACH: u32 = 50;
/// By then a reader is joined to the others, even if a packet is lost by that.
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

/// How many packets the first picture has.
fn of_first_picture(packets: &[gst::Buffer]) -> usize {
    let time_of = |packet: &gst::Buffer| header(packet).map(|header| time(&header));
    let first = packets.first().and_then(time_of);
    packets.iter().take_while(|packet| time_of(packet) == first).count()
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

    /// Sends these packets and those that come meanwhile. Takes about [`LONGEST`] at most.
    pub fn catch_up(self, packets: Vec<gst::Buffer>) {
        let began = Instant::now();
        let size = |packets: &[gst::Buffer]| packets.iter().map(|packet| packet.size()).sum::<usize>();
        let key = size(&packets[..of_first_picture(&packets)]);
        let others = size(&packets) - key;
        let within = LONGEST.min(TICK * u32::try_from(others / IN_TICK).unwrap_or(u32::MAX)).max(TICK);
        let (mut due, mut left, mut sent) = (VecDeque::from(packets), key + others, 0);
        for tick in 1u32.. {
            for packet in self.passing.try_iter().flatten() {
                left += packet.size();
                due.push_back(packet);
            }
            let share = began.elapsed().div_duration_f64(within).min(1.0);
            let others = (sent + left).saturating_sub(key) as f64 * share.powf(RISE);
            let until = key.min(tick as usize * KEY_IN_TICK) + others as usize;
            let mut now = Vec::new();
            while sent < until
                && let Some(packet) = due.pop_front()
            {
                sent += packet.size();
                left -= packet.size();
                now.push(packet);
            }
            send(&self.stream, &self.to, &now);
            if due.is_empty()
                && let Some(_hold) = self.track.hold()
            {
                send(&self.stream, &self.to, &self.passing.try_iter().flatten().collect::<Vec<_>>());
                return self.join();
            }
            if began.elapsed() > LATEST {
                return self.join();
            }
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
