//! Where a stream's thread and the RTSP server meet: the encoded pictures of one rendition, and whether
//! somebody wants them. Shared by all threads; nothing here waits.

use super::allowance::Allowance;
use super::pipeline::KEY_FRAME_SECONDS;
use super::runner::Command;
use super::state::StreamError;
use gst::prelude::*;
use gst_app::{AppSink, AppSrc};
use gst_utils::StreamProducer;
use gst_utils::streamproducer::{ConsumptionLink, ProducerSettings};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// As key frames come anyway.
const THEN_EACH: Duration = Duration::from_secs(KEY_FRAME_SECONDS as u64);

/// One rendition's encoded pictures.
#[derive(Debug)]
pub struct Feed {
    producer: StreamProducer,
    /// How many media, and so readers, need the encoder.
    demand: AtomicUsize,
    /// Of the encoded pictures, since the start.
    bytes: AtomicU64,
    bytes_sent: AtomicU64,
    commands: mpsc::Sender<Command>,
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Whether a DESCRIBE may be answered. Not while the source is lost: preparing a media would wait.
    serving: bool,
    /// The latest key frame, with its caps: what the description of a sleeping stream is made of.
    key_frame: Option<gst::Sample>,
    /// What comes is no picture of the source.
    covered: bool,
    /// The media that are fed now.
    inputs: Vec<glib::WeakRef<AppSrc>>,
}

impl Feed {
    pub fn new(commands: mpsc::Sender<Command>) -> Result<Arc<Self>, StreamError> {
        let sink = AppSink::builder().name("feed").build();
        // Otherwise the pipeline would wait for the first picture to reach a sink that comes late.
        sink.set_property("async", false);
        // What comes is paced already; waiting for the clock again would only add to the latency.
        let producer = StreamProducer::with(&sink, ProducerSettings { sync: false });
        // The end of a source is no end for the readers.
        producer.set_forward_events([]);
        let feed = Arc::new(Self {
            producer,
            demand: AtomicUsize::default(),
            bytes: AtomicU64::default(),
            bytes_sent: AtomicU64::default(),
            commands,
            shared: Mutex::default(),
        });
        feed.look_at_pictures(&sink);
        feed.hold_back_requests(&sink);
        Ok(feed)
    }

    /// The producer asks for a key frame at each picture that a media cannot go on with. A media that begins gets the
    /// one that its reader's PLAY asks for; where readers come and go, the producer would ask at nearly every picture.
    /// One that has lost pictures gets it from here.
    fn hold_back_requests(self: &Arc<Self>, sink: &AppSink) {
        let feed = Arc::downgrade(self);
        let allowance = Mutex::new(Allowance::new(1, THEN_EACH, Instant::now()));
        let pad = sink.static_pad("sink").expect("an appsink has a sink pad");
        pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
            if info.event().is_none_or(|event| !gst_video::ForceKeyUnitEvent::is(event)) {
                return gst::PadProbeReturn::Ok;
            }
            if let Some(feed) = feed.upgrade() {
                let due = allowance.lock().unwrap().take(Instant::now());
                feed.request_key_frame(due);
            }
            gst::PadProbeReturn::Drop
        });
    }

    /// Makes the next picture that the encoder takes a key frame.
    pub fn force_key_frame(&self) {
        let event = gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
        let pad = self.sink().static_pad("sink").expect("an appsink has a sink pad");
        // Past what is held back at that pad.
        if let Some(encoder) = pad.peer() {
            encoder.send_event(event);
        }
    }

    /// Counts them, and keeps the latest key frame.
    fn look_at_pictures(self: &Arc<Self>, sink: &AppSink) {
        let feed = Arc::downgrade(self);
        let pad = sink.static_pad("sink").expect("an appsink has a sink pad");
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let (Some(feed), Some(buffer), Some(caps)) = (feed.upgrade(), info.buffer(), pad.current_caps())
            else {
                return gst::PadProbeReturn::Ok;
            };
            feed.bytes.fetch_add(buffer.size() as u64, Ordering::Relaxed);
            if !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
                let sample = gst::Sample::builder().buffer(buffer).caps(&caps).build();
                let mut shared = feed.shared.lock().unwrap();
                if shared.covered {
                    return gst::PadProbeReturn::Ok;
                }
                let first = shared.key_frame.replace(sample).is_none();
                drop(shared);
                if first {
                    feed.send(Command::Described);
                }
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// The sink to end an encoder's branch with. One at a time.
    pub fn sink(&self) -> &AppSink {
        self.producer.appsink()
    }

    /// How many bytes the encoded pictures had, since the start.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn is_wanted(&self) -> bool {
        self.demand.load(Ordering::Acquire) > 0
    }

    pub fn is_described(&self) -> bool {
        self.shared.lock().unwrap().key_frame.is_some()
    }

    /// Whether a reader that asks now can be given pictures.
    pub fn is_serving(&self) -> bool {
        let shared = self.shared.lock().unwrap();
        shared.serving && shared.key_frame.is_some()
    }

    pub fn set_serving(&self, serving: bool) {
        self.shared.lock().unwrap().serving = serving;
    }

    /// Asks the encoder for a key frame at this moment, or soon after: a reader has come.
    pub fn request_key_frame(&self, due: Instant) {
        self.send(Command::KeyFrame(due));
    }

    /// What was handed to each reader on TCP that is served by a media of this feed, since the program began; in bytes.
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent.load(Ordering::Relaxed)
    }

    pub fn count_sent(&self, bytes: usize) {
        self.bytes_sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Whether what comes is the slate: a sleeping stream is not described by that.
    pub fn set_covered(&self, covered: bool) {
        self.shared.lock().unwrap().covered = covered;
    }

    /// The caps of the encoded pictures, once they are known.
    pub fn caps(&self) -> Option<gst::Caps> {
        self.shared.lock().unwrap().key_frame.as_ref()?.caps_owned()
    }

    /// Feeds a media. It gets the latest key frame at once, to be described by, and pictures from
    /// [`Input::open`] on. The encoder runs until the input is dropped.
    ///
    /// `now` is the running time of the media's pipeline.
    pub fn attach(self: &Arc<Self>, source: &AppSrc, now: gst::ClockTime) -> Option<Input> {
        let link = self.producer.add_consumer(source).ok()?;
        link.set_discard(true);
        let key_frame = {
            let mut shared = self.shared.lock().unwrap();
            shared.inputs.retain(|input| input.upgrade().is_some());
            shared.inputs.push(source.downgrade());
            shared.key_frame.clone()?
        };
        let mut buffer = key_frame.buffer_owned()?;
        {
            let buffer = buffer.make_mut();
            buffer.set_pts(now);
            buffer.set_dts(now);
        }
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        let sample =
            gst::Sample::builder().buffer(&buffer).caps(&key_frame.caps_owned()?).segment(&segment).build();
        source.push_sample(&sample).ok()?;
        self.demand.fetch_add(1, Ordering::AcqRel);
        self.send(Command::Demand);
        Some(Input { feed: self.clone(), link })
    }

    /// Ends every media that is fed: their readers get an RTCP BYE. What is known of the pictures is
    /// forgotten.
    pub fn end(&self) {
        let inputs = {
            let mut shared = self.shared.lock().unwrap();
            shared.serving = false;
            shared.key_frame = None;
            std::mem::take(&mut shared.inputs)
        };
        for input in inputs.iter().filter_map(glib::WeakRef::upgrade) {
            let _ = input.end_of_stream();
        }
    }

    fn send(&self, command: Command) {
        // Nobody listens any more when the stream is gone, and then nothing has to be done.
        let _ = self.commands.send(command);
    }
}

/// A media that is fed. Dropping it ends that.
#[derive(Debug)]
#[must_use]
pub struct Input {
    feed: Arc<Feed>,
    link: ConsumptionLink,
}

impl Input {
    /// Lets the pictures through, beginning with a key frame.
    pub fn open(&self) {
        self.link.set_discard(false);
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.feed.demand.fetch_sub(1, Ordering::AcqRel);
        self.feed.send(Command::Demand);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_media_ask_for_by_themselves_is_had_once_in_a_while() {
        gst::init().unwrap();
        let (commands, asked) = mpsc::channel();
        let feed = Feed::new(commands).unwrap();
        let (came, encoder) = mpsc::channel();
        let source = gst::Pad::builder(gst::PadDirection::Src)
            .event_function(move |_, _, event| {
                if gst_video::ForceKeyUnitEvent::is(&event) {
                    came.send(()).unwrap();
                }
                true
            })
            .build();
        let pad = feed.sink().static_pad("sink").unwrap();
        source.set_active(true).unwrap();
        source.link(&pad).unwrap();
        feed.sink().set_state(gst::State::Paused).unwrap();

        let start = Instant::now();
        let due = || {
            pad.push_event(gst_video::UpstreamForceKeyUnitEvent::builder().build());
            match asked.try_recv() {
                Ok(Command::KeyFrame(due)) => due,
                other => panic!("{other:?}"),
            }
        };
        assert!(due() <= Instant::now());
        let next = due();
        assert!(next >= start + THEN_EACH, "{:?}", next - start);
        assert_eq!(due(), next);
        assert!(encoder.try_recv().is_err(), "past the allowance");
        feed.force_key_frame();
        assert_eq!(encoder.try_recv(), Ok(()));
        assert!(asked.try_recv().is_err());
        feed.sink().set_state(gst::State::Null).unwrap();
    }
}
