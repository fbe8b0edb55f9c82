//! Keeps the packets of a shared media flowing whatever its TCP readers do.
//!
//! The library hands packets to TCP readers from a queue of one, and stops taking from it when each of them
//! is behind: one reader that stopped reading then freezes everybody, UDP readers included. A transport that
//! belongs to no reader and is always ready keeps the queue moving; the reader that is behind is dropped by
//! the library after some 10 s.

use super::ffi;
use gst_rtsp_server::RTSPMedia;
use gst_rtsp_server::prelude::*;
use std::sync::{Arc, Mutex};

/// To be called when a media is configured. `sent` is told the place of the track of each RTP packet that goes to the
/// TCP readers, and the packet.
pub fn install(media: &RTSPMedia, sent: impl Fn(usize, &gst::Buffer) + Send + Sync + Clone + 'static) {
    let drains = Arc::new(Mutex::new(Vec::new()));
    media.connect_new_state({
        let drains = drains.clone();
        move |media, state| {
            let mut drains = drains.lock().unwrap();
            if state != ffi::STATE_PLAYING || !drains.is_empty() {
                return;
            }
            for track in 0..media.n_streams() {
                let Some(stream) = media.stream(track) else { continue };
                let Some(drain) = ffi::detached_tcp_transport(&stream) else { continue };
                let sent = sent.clone();
                let count = move |packet: &gst::Buffer, _| {
                    sent(track as usize, packet);
                    true
                };
                drain.set_callbacks(count, |_, _| true);
                if drain.set_active(true).is_ok() {
                    // Tells the sending thread that there is somebody to send to.
                    drain.message_sent();
                    drains.push(drain);
                }
            }
        }
    });
    // Announced before the streams leave the media's bin, when it ends and when it fails; `unprepared` would
    // be too late.
    media.connect_target_state(move |_, state| {
        if state <= ffi::STATE_READY {
            for drain in drains.lock().unwrap().drain(..) {
                let _ = drain.set_active(false);
            }
        }
    });
}
