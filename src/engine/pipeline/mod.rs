//! The graph of one stream, from its source to its encoded pictures. Owned by the stream's thread: every
//! call here may wait for a streaming thread.
//!
//! ```text
//! source ► videorate ► videoconvertscale ► format ► pace ► overlays ► tee ─┬► queue ► encoder ► feed's appsink
//!                                                                          └► branches: previews
//! ```
//! The encoder is there only while somebody reads, a branch only while somebody looks.

mod encode;
mod overlay;
mod pace;
mod picture;

pub use encode::KEY_FRAME_SECONDS;
pub use picture::{Format, VARIABLE_RATE, even};

use super::clock::TimeLine;
use super::elements::{end, make};
use super::feed::Feed;
use super::sound::Track;
use super::source::Source;
use super::state::{Encoding, StreamError};
use crate::config::{Overlay, Rendition, StreamConfig};
use gst::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// A change at a pad waits for the picture that is under way; when it takes longer than this, nothing flows.
const PICTURE_UNDER_WAY: Duration = Duration::from_secs(1);

/// What the graph calls, from streaming threads.
pub struct Callbacks {
    /// The first picture passed since the graph was made or woken.
    pub flowing: Box<dyn Fn() + Send + Sync>,
    /// Every message of the pipeline.
    pub message: Box<dyn Fn(gst::Message) + Send + Sync>,
}

/// The last picture that was served, as it went to the encoder.
pub type LastPicture = Arc<Mutex<Option<gst::Buffer>>>;

/// A stream's pipeline.
pub struct Graph {
    pipeline: gst::Pipeline,
    source: Source,
    pace: pace::Pace,
    overlays: overlay::Overlays,
    tee: gst::Element,
    rendition: Rendition,
    format: Arc<Mutex<Option<Format>>>,
    encode: Option<Branch>,
    encoder: Option<gst::Element>,
    branches: Vec<(u64, Branch)>,
    time: TimeLine,
    /// The running time at which it was woken, in nanoseconds.
    woken: Arc<AtomicU64>,
    pictures: Arc<AtomicU64>,
}

/// Elements behind a pad of the tee.
struct Branch {
    pad: gst::Pad,
    elements: Vec<gst::Element>,
}

impl Graph {
    /// Makes the graph; nothing runs yet.
    ///
    /// `sound` is what the source writes its sound to.
    ///
    /// `format` is what is served, once it is known, and `last` the last picture: they outlive the graph, since
    /// readers were told and shown.
    pub fn new(
        config: &StreamConfig,
        source: Source,
        sound: Option<Arc<Track>>,
        time: &TimeLine,
        format: Arc<Mutex<Option<Format>>>,
        last: LastPicture,
        callbacks: Callbacks,
    ) -> Result<Self, StreamError> {
        let pipeline = gst::Pipeline::with_name(&format!("stream-{}", config.id));
        time.apply_to(&pipeline);
        let message = callbacks.message;
        pipeline.bus().expect("a pipeline has a bus").set_sync_handler(move |_, received| {
            message(received.clone());
            gst::BusSyncReply::Drop
        });

        let rendition = config.main_rendition();
        let picture = picture::make_picture()?;
        let pace = pace::Pace::new(&picture.filter, time.clone(), sound)?;
        let overlays = overlay::Overlays::new(&config.overlays)?;
        let tee = make("tee", "pictures")?;
        // Nobody may be looking.
        tee.set_property("allow-not-linked", true);

        let mut chain = vec![source.bin().clone().upcast::<gst::Element>()];
        chain.extend(picture.elements);
        chain.extend([pace.element().clone(), overlays.bin().clone().upcast(), tee.clone()]);
        pipeline.add_many(&chain).map_err(StreamError::internal)?;
        gst::Element::link_many(&chain).map_err(StreamError::internal)?;

        choose_format(&source, &picture.filter, rendition.clone(), format.clone());
        let pictures = Arc::new(AtomicU64::new(0));
        let woken = Arc::new(AtomicU64::new(0));
        count_pictures(&tee, woken.clone(), pictures.clone(), last, callbacks.flowing);
        Ok(Self {
            pipeline,
            source,
            pace,
            overlays,
            tee,
            rendition,
            format,
            encode: None,
            encoder: None,
            branches: Vec::new(),
            time: time.clone(),
            woken,
            pictures,
        })
    }

    /// How many pictures have passed since it was woken.
    pub fn pictures(&self) -> u64 {
        self.pictures.load(Ordering::Relaxed)
    }

    pub fn wake(&mut self) -> Result<(), StreamError> {
        self.woken.store(self.time.now().nseconds(), Ordering::Relaxed);
        self.pictures.store(0, Ordering::Relaxed);
        self.pace.release();
        self.set_state(gst::State::Playing);
        let _ = self.pace.element().sync_state_with_parent();
        self.source.wake()
    }

    /// Stops what costs, after encoder and branches were taken away.
    pub fn sleep(&mut self) {
        self.source.sleep();
        self.set_state(Source::ASLEEP);
        self.pace.hold();
    }

    fn set_state(&self, state: gst::State) {
        // Why it fails comes as a message.
        let _ = self.pipeline.set_state(state);
    }

    pub fn source(&mut self) -> &mut Source {
        &mut self.source
    }

    pub fn is_of_source(&self, object: &gst::Object) -> bool {
        object.has_as_ancestor(self.source.bin())
    }

    /// Whether this is a part of the graph, still.
    pub fn has(&self, object: &gst::Object) -> bool {
        object.has_as_ancestor(&self.pipeline)
    }

    pub fn set_overlays(&self, overlays: &[Overlay]) -> Result<(), StreamError> {
        self.overlays.set(overlays)
    }

    /// What would be encoded, as far as the format of the source is known.
    pub fn plan(&self) -> Option<Result<Encoding, StreamError>> {
        let format = (*self.format.lock().unwrap())?;
        Some(encode::plan(self.rendition.codec, self.rendition.bitrate, &format))
    }

    /// Sets the bitrate of an encoder that runs, and of those to come.
    pub fn set_bitrate(&mut self, rendition: &Rendition) {
        self.rendition.bitrate = rendition.bitrate;
        if let (Some(encoder), Some(Ok(encoding))) = (&self.encoder, self.plan()) {
            encode::set_bitrate(encoder, encoding.bitrate_kbps);
        }
    }

    pub fn is_encoding(&self) -> bool {
        self.encode.is_some()
    }

    /// Adds the encoder, which fills the feed.
    pub fn start_encoding(&mut self, encoding: &Encoding, feed: &Feed) -> Result<(), StreamError> {
        let encode::Encode { mut elements, encoder } = encode::make_encode(encoding)?;
        elements.push(feed.sink().clone().upcast());
        self.encode = Some(self.attach(elements)?);
        self.encoder = Some(encoder);
        Ok(())
    }

    pub fn stop_encoding(&mut self) {
        self.encoder = None;
        if let Some(branch) = self.encode.take() {
            self.detach(branch);
        }
    }

    /// Adds a bin with a sink pad behind the tee, such as a preview.
    pub fn add_branch(&mut self, number: u64, bin: &gst::Bin) -> Result<(), StreamError> {
        let branch = self.attach(vec![bin.clone().upcast()])?;
        self.branches.push((number, branch));
        Ok(())
    }

    pub fn remove_branch(&mut self, number: u64) {
        if let Some(place) = self.branches.iter().position(|(branch, _)| *branch == number) {
            let (_, branch) = self.branches.remove(place);
            self.detach(branch);
        }
    }

    fn attach(&self, elements: Vec<gst::Element>) -> Result<Branch, StreamError> {
        self.pipeline.add_many(&elements).map_err(StreamError::internal)?;
        gst::Element::link_many(&elements).map_err(StreamError::internal)?;
        for element in elements.iter().rev() {
            // The feed's sink and the bins of previews were used before, and ended.
            element.set_locked_state(false);
            element.sync_state_with_parent().map_err(StreamError::internal)?;
        }
        let pad = self.tee.request_pad_simple("src_%u").expect("a tee has request pads");
        let sink = elements[0].static_pad("sink").expect("a branch begins with a sink pad");
        pad.link(&sink).map_err(StreamError::internal)?;
        Ok(Branch { pad, elements })
    }

    fn detach(&self, branch: Branch) {
        while_blocked(&branch.pad, || {
            if let Some(peer) = branch.pad.peer() {
                let _ = branch.pad.unlink(&peer);
            }
        });
        self.tee.release_request_pad(&branch.pad);
        for element in &branch.elements {
            end(element);
            let _ = self.pipeline.remove(element);
        }
    }

    /// Frees everything; the bins of branches are the caller's again.
    pub fn shut_down(mut self) {
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
        // What it holds back goes on, to nowhere, so that nothing is under way in the source.
        end(self.pace.element());
        self.source.shut_down();
        end(&self.pipeline);
        self.stop_encoding();
        for (_, branch) in std::mem::take(&mut self.branches) {
            self.detach(branch);
        }
    }
}

/// Runs `change` while no picture passes the pad.
fn while_blocked<T>(pad: &gst::Pad, change: impl FnOnce() -> T) -> T {
    let (blocked, wait) = mpsc::channel();
    // Idle: called at once, on this thread, where nothing flows. Block: otherwise at the next picture.
    let probe = pad.add_probe(gst::PadProbeType::IDLE | gst::PadProbeType::BLOCK_DOWNSTREAM, move |_, _| {
        let _ = blocked.send(());
        gst::PadProbeReturn::Ok
    });
    let _ = wait.recv_timeout(PICTURE_UNDER_WAY);
    let result = change();
    if let Some(probe) = probe {
        pad.remove_probe(probe);
    }
    result
}

/// Sets the format that is served as soon as the source says what it delivers. The first source's format
/// stays: what comes later is brought to it.
fn choose_format(
    source: &Source,
    filter: &gst::Element,
    rendition: Rendition,
    format: Arc<Mutex<Option<Format>>>,
) {
    let filter = filter.downgrade();
    let pad = source.bin().static_pad("src").expect("a source has a source pad");
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let (Some(event), Some(filter)) = (info.event(), filter.upgrade()) else {
            return gst::PadProbeReturn::Ok;
        };
        if let gst::EventView::Caps(caps) = event.view()
            && let Ok(video) = gst_video::VideoInfo::from_caps(caps.caps())
        {
            let format = *format.lock().unwrap().get_or_insert_with(|| Format::new(&rendition, &video));
            filter.set_property("caps", format.caps());
        }
        gst::PadProbeReturn::Ok
    });
}

/// Counts the pictures and keeps the last, and leaves out those that were on their way when the source went to sleep.
fn count_pictures(
    tee: &gst::Element,
    woken: Arc<AtomicU64>,
    pictures: Arc<AtomicU64>,
    last: LastPicture,
    flowing: Box<dyn Fn() + Send + Sync>,
) {
    let pad = tee.static_pad("sink").expect("a tee has a sink pad");
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        // Behind the pace time stamps are running times.
        let time = info.buffer().and_then(|buffer| buffer.pts());
        if time.is_some_and(|time| time.nseconds() < woken.load(Ordering::Relaxed)) {
            return gst::PadProbeReturn::Drop;
        }
        // A reference: nothing behind the tee writes into a picture.
        last.lock().unwrap().clone_from(&info.buffer().cloned());
        if pictures.fetch_add(1, Ordering::Relaxed) == 0 {
            flowing();
        }
        gst::PadProbeReturn::Ok
    });
}
