//! What is known of each media of the library's.

use gst_rtsp_server::RTSPMedia;
use gst_rtsp_server::prelude::*;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// One of these for each media, for as long as there is the media.
#[derive(Debug)]
pub struct PerMedia<T>(Mutex<HashMap<usize, Arc<T>>>);

impl<T> Default for PerMedia<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Send + Sync + 'static> PerMedia<T> {
    pub fn insert(self: &Arc<Self>, media: &RTSPMedia, value: Arc<T>) {
        let key = media.as_ptr() as usize;
        self.0.lock().unwrap().insert(key, value);
        let all = Arc::downgrade(self);
        media.add_weak_ref_notify(move || {
            if let Some(all) = all.upgrade() {
                all.0.lock().unwrap().remove(&key);
            }
        });
    }

    pub fn of(&self, media: &RTSPMedia) -> Option<Arc<T>> {
        self.0.lock().unwrap().get(&(media.as_ptr() as usize)).cloned()
    }
}
