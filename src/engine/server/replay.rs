//! The first picture at once, where no encoder can be asked for a key frame. The RTP packets since the last one are kept,
//! and handed to a reader that begins before what comes next, without a gap and without a repeat.
//!
//! Packets are held back for some milliseconds while PLAY is answered, in the middle of which the library makes the reader
//! one of all. They go on as soon as the reader has been given what is kept: on TCP all of it is put into its connection's queue; on
//! UDP, where it would be lost, the reader is left out of the others until all of it has been sent.

mod datagrams;
mod group;
mod track;

use super::ffi::{self, LowerTransport, SharedTransport, TrackTransport};
use super::goodbye::media_of;
use super::per_media::PerMedia;
use super::readers::Reports;
use super::traffic::{Count, rtpbin_pad};
use crate::engine::elements::is_a;
use crate::engine::feed::{Feed, TRACKS};
use datagrams::Apart;
use group::{Start, header, sequence};
use gst::prelude::*;
use gst_rtsp::{RTSPHeaderField, RTSPStatusCode};
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{RTSPClient, RTSPContext, RTSPMedia, RTSPSession};
use rustix::process::{Resource, getrlimit};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use track::{Hold, Track, is_mark};

const PICTURES: usize = 0;
const SOUND: usize = 1;

/// What the library puts on the stack of its thread for each packet of a list, where that has two pieces of memory: some
/// 420 bytes.
const STACK_OF_PACKET: u64 = 448;
/// What a thread has where no limit is set (glibc).
const STACK_WITHOUT_LIMIT: u64 = 2 << 20;

/// What is kept of each media.
pub type Replays = PerMedia<Replay>;

/// What is kept of a media for readers that begin. All threads.
#[derive(Debug)]
pub struct Replay {
    feed: Arc<Feed>,
    tracks: [Arc<Track>; TRACKS],
    /// Whether packets flow: somebody plays.
    flows: AtomicBool,
    /// Readers on UDP that are behind the others.
    apart: Mutex<HashMap<usize, Arc<AtomicBool>>>,
}

/// A reader begins: its PLAY is being answered.
struct Beginning {
    replay: Arc<Replay>,
    tracks: Vec<BeginningTrack>,
}

struct BeginningTrack {
    hold: Hold,
    start: Start,
    transport: SharedTransport,
    agreed: TrackTransport,
    /// The end of its address, as the library names it.
    control: String,
}

/// To be called for each client that is accepted.
pub fn watch(client: &RTSPClient, replays: &Arc<Replays>, reports: &Reports) {
    // All of these signals are of one request, on one thread. A request that is refused is answered, too.
    let beginning = Arc::new(Mutex::new(None));
    client.connect_pre_play_request({
        let (replays, beginning) = (replays.clone(), beginning.clone());
        move |_, context| {
            *beginning.lock().unwrap() = Beginning::of(context, &replays);
            RTSPStatusCode::Ok
        }
    });
    // The bindings leave this signal out.
    client.connect("send-message", false, {
        let beginning = beginning.clone();
        move |_| {
            let mut beginning = beginning.lock().unwrap();
            if let Some(begins) = &*beginning
                && RTSPContext::with_current_context(|context| begins.announce(context)) != Some(true)
            {
                *beginning = None;
            }
            None
        }
    });
    client.connect_play_request({
        let reports = reports.clone();
        move |_, context| {
            let begins = beginning.lock().unwrap().take();
            if let Some(begins) = begins {
                let handed = begins.hand_over();
                reports.handed(context, handed);
            }
        }
    });
}

impl Replay {
    /// To be called when a media is configured.
    pub fn install(media: &RTSPMedia, feed: &Arc<Feed>) -> Arc<Self> {
        let replay = Arc::new(Self {
            feed: feed.clone(),
            tracks: [Track::of_pictures(), Track::of_sound()],
            flows: AtomicBool::default(),
            apart: Mutex::default(),
        });
        let flowing = Arc::downgrade(&replay);
        media.connect_new_state(move |_, state| {
            if let Some(replay) = flowing.upgrade() {
                replay.flows.store(state == ffi::STATE_PLAYING, Ordering::Release);
            }
        });
        if let Some(pipeline) = media.element().parent().and_downcast::<gst::Pipeline>() {
            let replay = Arc::downgrade(&replay);
            pipeline.connect_deep_element_added(move |_, _, element| watch_sink(element, &replay));
        }
        let watching = Arc::downgrade(&replay);
        let most_packets = most_packets();
        media.connect_prepared(move |media| {
            let Some(replay) = watching.upgrade() else { return };
            for (track, index) in replay.tracks.iter().zip(0..media.n_streams()) {
                let Some(pad) = rtpbin_pad(media, &format!("send_rtp_src_{index}")) else { continue };
                let feed = replay.feed.clone();
                track.watch(&pad, most_packets, move || !feed.answers_key_requests());
            }
        });
        replay
    }

    /// All readers on TCP were given this packet.
    pub fn given(&self, track: usize, packet: &gst::Buffer) {
        if let Some(track) = self.tracks.get(track) {
            track.give(packet);
        }
    }

    /// Only the last beginning of a reader counts, which may have paused while it was behind the others.
    fn is_over(&self, transport: &SharedTransport) -> Arc<AtomicBool> {
        let is_over = Arc::new(AtomicBool::new(false));
        let earlier = self.apart.lock().unwrap().insert(transport.as_ptr() as usize, is_over.clone());
        if let Some(earlier) = earlier {
            earlier.store(true, Ordering::Release);
        }
        is_over
    }

    fn is_with_others(&self, transport: usize, is_over: &Arc<AtomicBool>) {
        let mut apart = self.apart.lock().unwrap();
        if apart.get(&transport).is_some_and(|last| Arc::ptr_eq(last, is_over)) {
            apart.remove(&transport);
        }
    }
}

/// Sees marks arrive at a sink of RTP. Readers on TCP are given by a thread of their own what came to theirs.
fn watch_sink(element: &gst::Element, replay: &Weak<Replay>) {
    let gives = is_a(element, "appsink");
    if !gives && !is_a(element, "multiudpsink") {
        return;
    }
    let Some(pad) = element.static_pad("sink") else { return };
    let (replay, last) = (replay.clone(), Mutex::new(None));
    let number = |packet: &gst::BufferRef| header(packet).map(|header| sequence(&header));
    let kinds =
        gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(kinds, move |_, info| {
        match &info.data {
            Some(gst::PadProbeData::Event(event)) if is_mark(event) => {
                if let Some(replay) = replay.upgrade() {
                    let last = *last.lock().unwrap();
                    replay.tracks.iter().for_each(|track| track.reach(event.seqnum(), last));
                }
                return gst::PadProbeReturn::Drop;
            }
            Some(gst::PadProbeData::Buffer(packet)) if gives => *last.lock().unwrap() = number(packet),
            Some(gst::PadProbeData::BufferList(packets)) if gives => {
                *last.lock().unwrap() = packets.iter().last().and_then(number);
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

/// As many packets as can be put into the queue of a connection at once: three quarters of a thread's stack may be taken
/// by that.
fn most_packets() -> usize {
    let stack = getrlimit(Resource::Stack).current.unwrap_or(STACK_WITHOUT_LIMIT);
    usize::try_from(stack / 4 * 3 / STACK_OF_PACKET).unwrap_or(usize::MAX)
}

impl Beginning {
    /// Holds packets back where there is something for the reader.
    fn of(context: &RTSPContext, replays: &Replays) -> Option<Self> {
        let replay = replays.of(&ffi::media(context)?)?;
        // The first reader is given everything from the first packet on.
        if replay.feed.answers_key_requests() || !replay.flows.load(Ordering::Acquire) {
            return None;
        }
        let tracks = replay.begin(context.session()?)?;
        Some(Self { replay, tracks })
    }

    /// Says in the answer what the reader will be given first. False where PLAY is refused.
    fn announce(&self, context: &RTSPContext) -> bool {
        let is_granted = ffi::is_granted(context);
        if is_granted {
            ffi::change_response_header(context, RTSPHeaderField::RtpInfo, |info| {
                announce(info, &self.tracks)
            });
        }
        is_granted
    }

    /// Gives the reader what is kept. Returns what that was.
    fn hand_over(self) -> Count {
        let mut handed = Count::default();
        for track in self.tracks {
            if !track.hold.is_whole() {
                tracing::debug!("a reader begins with the next key frame: its answer took too long");
                continue;
            }
            handed.packets += track.start.packets.len() as u64;
            handed.bytes += track.start.packets.iter().map(|packet| packet.size() as u64).sum::<u64>();
            track.hand_over(&self.replay);
        }
        handed
    }
}

impl Replay {
    /// What there is for a reader that takes the pictures; multicast readers get what all get.
    fn begin(&self, session: &RTSPSession) -> Option<Vec<BeginningTrack>> {
        let transports = media_of(session).into_iter().flat_map(|media| media.transports());
        let mut wanted: Vec<_> = transports
            .filter_map(|transport| {
                let (stream, agreed) = (transport.stream()?, ffi::track_transport(&transport)?);
                let control = stream.control()?.into();
                Some((stream.index() as usize, SharedTransport::from(transport), agreed, control))
            })
            .filter(|(_, _, agreed, _)| agreed.lower != LowerTransport::Multicast)
            .collect();
        wanted.sort_by_key(|(index, ..)| *index);
        let mut from = None;
        let mut tracks = Vec::new();
        for (index, transport, agreed, control) in wanted {
            let Some(hold) = self.tracks.get(index).and_then(Track::hold) else { continue };
            let start = match (index, from) {
                (PICTURES, _) => hold.pictures(),
                (SOUND, Some(from)) => hold.sound(from),
                _ => None,
            };
            if let Some(start) = start {
                from.get_or_insert(start.from);
                tracks.push(BeginningTrack { hold, start, transport, agreed, control });
            }
        }
        (!tracks.is_empty()).then_some(tracks)
    }
}

impl BeginningTrack {
    fn hand_over(self, replay: &Arc<Replay>) {
        let Self { hold, start, transport, agreed, .. } = self;
        if agreed.lower == LowerTransport::Tcp {
            // With what is kept in its queue, the library puts behind it what comes.
            if !transport.send_rtp_list(&start.packets.into_iter().collect()) {
                tracing::debug!("a reader has not taken yet what it was sent before");
            }
            return;
        }
        let Some(stream) = transport.stream() else { return };
        let key = transport.as_ptr() as usize;
        let is_over = replay.is_over(&transport);
        if start.packets.iter().map(|packet| packet.size()).sum::<usize>() <= datagrams::AT_ONCE {
            datagrams::send(&stream, &agreed, &start.packets);
            replay.is_with_others(key, &is_over);
        } else if let Some(apart) = Apart::new(&hold, transport, agreed, is_over.clone()) {
            let replay = replay.clone();
            blocking::unblock(move || {
                apart.catch_up(start.packets);
                replay.is_with_others(key, &is_over);
            })
            .detach();
        }
    }
}

/// Puts into an RTP-Info header (RFC 2326, 12.33) what each of the tracks begins with.
fn announce(info: &str, tracks: &[BeginningTrack]) -> String {
    let announced = |stream: &str| {
        let url = stream.split(";seq=").next()?;
        let track = tracks.iter().find(|track| url.ends_with(&format!("/{}", track.control)))?;
        let (number, time) = track.start.announced()?;
        Some(format!("{url};seq={number};rtptime={time}"))
    };
    let streams = info.split(", url=");
    let streams: Vec<_> = streams.map(|stream| announced(stream).unwrap_or_else(|| stream.into())).collect();
    streams.join(", url=")
}
