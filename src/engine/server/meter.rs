//! What is known of how one reader fares: counted where packets are handed out, asked of the system where it has a
//! connection of its own, and what it says itself in its receiver reports.

use super::ffi::{self, LowerTransport};
use super::goodbye::media_of;
use super::receiver_reports::{Listener, ReceiverReport};
use super::traffic::{Count, Traffic, Traffics};
use super::ways::Ways;
use crate::config::ReaderTransport;
use crate::engine::feed::Taken;
use crate::engine::state::Figures;
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{RTSPContext, RTSPSession};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// What a bitrate is measured over at least: less is uneven, since pictures are.
const RATE_INTERVAL: Duration = Duration::from_millis(500);
/// The clock of RTP packets with pictures, per second.
const VIDEO_CLOCK: u32 = 90_000;

/// When a reader first asked for pictures, and when the first whole one was on its way.
#[derive(Debug)]
pub struct FirstFrame {
    asked: Instant,
    took: OnceLock<Duration>,
}

/// Measures one reader. Any thread.
#[derive(Debug)]
pub struct Meter {
    pub transport: ReaderTransport,
    traffic: Option<Arc<Traffic>>,
    taken: Taken,
    /// Of its own: over UDP its connection says nothing of its packets.
    connection: Option<ffi::Connection>,
    first_frame: Arc<FirstFrame>,
    /// The clock and the latest report of each track.
    tracks: Vec<(u32, Arc<Mutex<Option<ReceiverReport>>>)>,
    turn: Mutex<Turn>,
}

#[derive(Debug, Default)]
struct Turn {
    /// It has played.
    has_begun: bool,
    /// What was handed to it before it paused.
    before: Count,
    /// The count of all when it began to play, while it does.
    from: Option<Count>,
    /// When so many bytes had reached it.
    rated: Option<(Instant, u64)>,
    bitrate: Option<u64>,
}

impl FirstFrame {
    pub fn came(&self) {
        // Only the first one counts.
        let _ = self.took.set(self.asked.elapsed());
    }
}

impl Meter {
    /// To be called before the first PLAY of a session is done.
    pub fn new(context: &RTSPContext, session: &RTSPSession, traffics: &Traffics, ways: &Ways) -> Self {
        let media = media_of(session);
        let traffic = media.first().and_then(|media| media.media()).and_then(|media| traffics.of(&media));
        let mut lower = LowerTransport::Udp;
        let (mut taken, mut tracks) = (Taken::default(), Vec::new());
        for transport in media.iter().flat_map(|media| media.transports()) {
            let (Some(stream), Some(agreed)) = (transport.stream(), ffi::track_transport(&transport)) else {
                continue;
            };
            lower = agreed.lower;
            if let Some(is_taken) = taken.get_mut(stream.index() as usize) {
                *is_taken = true;
            }
            let latest = Arc::new(Mutex::new(None));
            if let Some(traffic) = &traffic {
                traffic.listen(Listener {
                    index: stream.index(),
                    address: agreed.destination.to_canonical(),
                    ports: agreed.ports.0..=agreed.ports.1.max(agreed.ports.0),
                    latest: Arc::downgrade(&latest),
                });
            }
            let clock = stream.caps().and_then(|caps| caps.structure(0)?.get::<i32>("clock-rate").ok());
            let clock = clock.and_then(|clock| u32::try_from(clock).ok()).filter(|clock| *clock > 0);
            tracks.push((clock.unwrap_or(VIDEO_CLOCK), latest));
        }
        let transport = ways.transport_of(context, lower);
        let connection = (lower == LowerTransport::Tcp).then(|| ffi::sending_connection(context)).flatten();
        let first_frame = Arc::new(FirstFrame { asked: Instant::now(), took: OnceLock::new() });
        let meter =
            Self { transport, traffic, taken, connection, first_frame, tracks, turn: Mutex::default() };
        // The first reader of a media sets it going, and is given everything from its first packet on.
        if meter.traffic.as_ref().is_some_and(|traffic| !traffic.flows()) {
            meter.begin();
        }
        meter
    }

    /// Its packets flow, at first or again.
    pub fn begin(&self) {
        let Some(traffic) = &self.traffic else { return };
        let mut turn = self.turn.lock().unwrap();
        if turn.from.is_some() {
            return;
        }
        turn.from = Some(traffic.count(self.taken));
        if !std::mem::replace(&mut turn.has_begun, true) {
            traffic.await_key_frame(&self.first_frame);
        }
    }

    /// It was handed so much of its own, a key frame first.
    pub fn hand(&self, count: Count) {
        let mut turn = self.turn.lock().unwrap();
        turn.before.packets += count.packets;
        turn.before.bytes += count.bytes;
        self.first_frame.came();
    }

    /// Its packets flow no more: it paused, or has gone.
    pub fn pause(&self) {
        let handed = self.handed();
        let mut turn = self.turn.lock().unwrap();
        turn.before = handed;
        turn.from = None;
    }

    /// What was handed to it until now.
    pub fn handed(&self) -> Count {
        let turn = self.turn.lock().unwrap();
        let (Some(from), Some(traffic)) = (turn.from, &self.traffic) else { return turn.before };
        let now = traffic.count(self.taken);
        Count {
            packets: turn.before.packets + (now.packets - from.packets),
            bytes: turn.before.bytes + (now.bytes - from.bytes),
        }
    }

    /// How it fares now. The bitrate is that since this was asked before.
    pub fn figures(&self) -> Figures {
        let handed = self.handed();
        let connection = self.connection.as_ref().and_then(ffi::Connection::info);
        let reached = match self.connection {
            Some(_) => connection.map(|info| info.bytes_taken),
            None => Some(handed.bytes),
        };
        let reports: Vec<_> = self
            .tracks
            .iter()
            .filter_map(|(clock, latest)| Some((*clock, (*latest.lock().unwrap())?)))
            .collect();
        let jitter = |(clock, report): &(u32, ReceiverReport)| {
            Duration::from_secs_f64(f64::from(report.jitter) / f64::from(*clock))
        };
        let reported = reports.iter().filter_map(|(_, report)| report.round_trip).max();
        Figures {
            packets: handed.packets,
            bytes: handed.bytes,
            bitrate: self.rate(reached),
            lost: (!reports.is_empty()).then(|| reports.iter().map(|(_, report)| report.lost).sum()),
            lost_lately: reports.iter().map(|(_, report)| report.lost_lately).reduce(f64::max),
            jitter: reports.iter().map(jitter).max(),
            backlog: self.connection.as_ref().and_then(ffi::Connection::waiting),
            round_trip: connection.map(|info| info.round_trip).or(reported),
            first_frame: self.first_frame.took.get().copied(),
        }
    }

    fn rate(&self, reached: Option<u64>) -> Option<u64> {
        let now = Instant::now();
        let mut turn = self.turn.lock().unwrap();
        match (turn.rated, reached) {
            (Some((at, before)), Some(reached)) if now - at >= RATE_INTERVAL => {
                let bits = 8.0 * reached.saturating_sub(before) as f64;
                turn.bitrate = Some((bits / (now - at).as_secs_f64()) as u64);
                turn.rated = Some((now, reached));
            }
            (None, Some(reached)) => turn.rated = Some((now, reached)),
            _ => {}
        }
        turn.bitrate
    }
}
