//! What goes through a media that readers share: packets and key frames on their way to all of them, and the
//! receiver reports that each of them sends back. Written by the library's threads.

use super::ffi;
use super::meter::FirstFrame;
use super::per_media::PerMedia;
use super::receiver_reports::{self, Listener};
use crate::engine::elements::is_a;
use crate::engine::feed::{TRACKS, Taken, of_taken};
use gst::prelude::*;
use gst_rtsp_server::RTSPMedia;
use gst_rtsp_server::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The track of the payloader `pay0`.
const PICTURES: usize = 0;

/// The traffic of each media that there is.
pub type Traffics = PerMedia<Traffic>;

/// The traffic of one media. No lock is held over a call into the library.
#[derive(Debug, Default)]
pub struct Traffic {
    tracks: [Track; TRACKS],
    /// Packets go to readers.
    flows: AtomicBool,
    /// The time stamp of the key frame that is on its way, until its first packet was handed out.
    key_frame: Mutex<Option<gst::ClockTime>>,
    /// Those who have not been given a key frame.
    waiting: Mutex<Vec<Arc<FirstFrame>>>,
    listeners: Mutex<Vec<Listener>>,
}

/// The RTP packets of a track, and the bytes of them.
#[derive(Debug, Default)]
struct Track {
    packets: AtomicU64,
    bytes: AtomicU64,
}

/// RTP packets, and the bytes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    pub packets: u64,
    pub bytes: u64,
}

impl Traffic {
    /// To be called when a media is configured.
    pub fn watch(media: &RTSPMedia) -> Arc<Self> {
        let traffic = Arc::new(Self::default());
        traffic.watch_key_frames(media);
        let watched = traffic.clone();
        media.connect_prepared(move |media| {
            for index in 0..media.n_streams() {
                watched.watch_packets(media, index);
                watched.watch_reports(media, index);
            }
        });
        let flowing = traffic.clone();
        media.connect_new_state(move |_, state| {
            if state == ffi::STATE_PLAYING {
                flowing.flows.store(true, Ordering::Release);
            }
        });
        traffic
    }

    /// What was sent until now to whoever has taken these tracks from the beginning.
    pub fn count(&self, taken: Taken) -> Count {
        of_taken(&self.tracks, taken).fold(Count::default(), |count, track| Count {
            packets: count.packets + track.packets.load(Ordering::Relaxed),
            bytes: count.bytes + track.bytes.load(Ordering::Relaxed),
        })
    }

    pub fn flows(&self) -> bool {
        self.flows.load(Ordering::Acquire)
    }

    /// Tells it when the first packet of the next key frame is handed out.
    pub fn await_key_frame(&self, first_frame: &Arc<FirstFrame>) {
        self.waiting.lock().unwrap().push(first_frame.clone());
    }

    /// Tells it the receiver reports from one address, for as long as it is kept elsewhere.
    pub fn listen(&self, listener: Listener) {
        let mut listeners = self.listeners.lock().unwrap();
        listeners.retain(Listener::is_there);
        listeners.push(listener);
    }

    /// An RTP packet goes to every reader of a track.
    fn pass(&self, track: usize, packet: &gst::BufferRef) {
        if let Some(track) = self.tracks.get(track) {
            track.packets.fetch_add(1, Ordering::Relaxed);
            track.bytes.fetch_add(packet.size() as u64, Ordering::Relaxed);
        }
        if track != PICTURES {
            return;
        }
        let mut key_frame = self.key_frame.lock().unwrap();
        if key_frame.is_some() && *key_frame == packet.pts() {
            *key_frame = None;
            drop(key_frame);
            for first_frame in self.waiting.lock().unwrap().drain(..) {
                first_frame.came();
            }
        }
    }

    /// Behind the place where the library holds packets back until somebody plays, and before that where they part.
    fn watch_packets(self: &Arc<Self>, media: &RTSPMedia, index: u32) {
        let Some(pad) = rtpbin_pad(media, &format!("send_rtp_src_{index}")) else { return };
        let (traffic, track) = (Arc::downgrade(self), index as usize);
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
            if let Some(traffic) = traffic.upgrade() {
                match &info.data {
                    Some(gst::PadProbeData::Buffer(packet)) => traffic.pass(track, packet),
                    Some(gst::PadProbeData::BufferList(packets)) => {
                        packets.iter().for_each(|packet| traffic.pass(track, packet));
                    }
                    _ => {}
                }
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// A frame comes to the payloader with the flag that tells key frames, and leaves it as packets with its time.
    fn watch_key_frames(self: &Arc<Self>, media: &RTSPMedia) {
        let pay = media.element().downcast::<gst::Bin>().ok().and_then(|bin| bin.by_name("pay0"));
        let Some(pad) = pay.and_then(|pay| pay.static_pad("sink")) else { return };
        let traffic = Arc::downgrade(self);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let (Some(traffic), Some(frame)) = (traffic.upgrade(), info.buffer())
                && !frame.flags().contains(gst::BufferFlags::DELTA_UNIT)
            {
                *traffic.key_frame.lock().unwrap() = frame.pts();
            }
            gst::PadProbeReturn::Ok
        });
    }

    fn watch_reports(self: &Arc<Self>, media: &RTSPMedia, index: u32) {
        let (Some(stream), Some(pad)) =
            (media.stream(index), rtpbin_pad(media, &format!("recv_rtcp_sink_{index}")))
        else {
            return;
        };
        let traffic = Arc::downgrade(self);
        receiver_reports::watch(&stream, &pad, index, move |report| {
            if let Some(traffic) = traffic.upgrade() {
                traffic.listeners.lock().unwrap().iter().for_each(|listener| listener.take(report));
            }
        });
    }
}

/// A pad of the element that makes RTP sessions of the payloaders' packets.
pub fn rtpbin_pad(media: &RTSPMedia, name: &str) -> Option<gst::Pad> {
    let pipeline = media.element().parent().and_downcast::<gst::Bin>()?;
    let mut elements = pipeline.iterate_elements().into_iter().flatten();
    elements.find(|element| is_a(element, "rtpbin"))?.static_pad(name)
}
