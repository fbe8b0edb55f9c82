//! The media that all readers of a mount share. The library looks one up, and counts who asked for it only later: where
//! its last reader leaves in between, who asked is given a media that has ended, and would be refused. So it is held
//! from before it is looked up until it was counted.

use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{RTSPMedia, RTSPMediaStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Which media the readers of a mount are given now. For the threads that answer requests.
#[derive(Debug, Default)]
pub struct SharedMedia(Mutex<Current>);

#[derive(Debug, Default)]
struct Current {
    /// In the key under which the library keeps it.
    number: u64,
    media: glib::WeakRef<RTSPMedia>,
    /// Who asks is not given it any more.
    ended: Arc<AtomicBool>,
    held: Option<Hold>,
}

/// A media that does not end while this exists.
#[derive(Debug)]
struct Hold {
    media: RTSPMedia,
    asked: Instant,
}

impl Hold {
    /// Waits where the media is being prepared, or ends; then there is none.
    fn of(media: RTSPMedia) -> Option<Self> {
        media.prepare(None).ok()?;
        Some(Self { media, asked: Instant::now() })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Where it was the last, this ends the pipeline, and waits for that.
        let media = self.media.clone();
        blocking::unblock(move || {
            let _ = media.unprepare();
        })
        .detach();
    }
}

impl SharedMedia {
    /// The key of the media for somebody who asks now. If there is such a media, it is held. If it has ended, which can
    /// take a while, the key is another one, and the library makes a media for that.
    pub fn key(&self) -> String {
        let (number, media, ended) = {
            let mut current = self.0.lock().unwrap();
            let has_ended = current.ended.load(Ordering::Acquire);
            if let Some(hold) = current.held.as_mut().filter(|_| !has_ended) {
                hold.asked = Instant::now();
                return key(current.number);
            }
            (current.number, current.media.upgrade(), has_ended)
        };
        let Some(media) = media else { return key(number) };
        if !ended && media.status() == RTSPMediaStatus::Unprepared {
            // Just made. Who asked for it first prepares it.
            return key(number);
        }
        // Not under the lock, since it can wait.
        let hold = (!ended).then(|| Hold::of(media)).flatten();
        let mut current = self.0.lock().unwrap();
        if current.number == number {
            match hold {
                Some(hold) => current.held = Some(hold),
                None => {
                    let number = number + 1;
                    *current = Current { number, ..Current::default() };
                }
            }
        }
        key(current.number)
    }

    /// A media was made for the present key. What is returned is set once nobody shall be given it any more.
    pub fn made(&self, media: &RTSPMedia) -> Arc<AtomicBool> {
        let mut current = self.0.lock().unwrap();
        current.media = media.downgrade();
        current.ended = Arc::default();
        current.held = None;
        current.ended.clone()
    }

    /// Holds it no longer, where nobody has asked for so long.
    pub fn let_go(&self, unasked: Duration) {
        let mut current = self.0.lock().unwrap();
        current.held.take_if(|hold| hold.asked.elapsed() >= unasked);
    }
}

fn key(number: u64) -> String {
    format!("media-{number}")
}
