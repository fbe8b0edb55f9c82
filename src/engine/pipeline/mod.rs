//! The graph of one stream, from its source to its encoded pictures. Owned by the stream's thread: every
//! call here may wait for a streaming thread.
//!
//! ```text
//! source ► videorate ► videoconvertscale ► format ► pace ► overlays ► tee ─┬► queue ► encoder ► feed's appsink
//!                                                                          └► branches: previews
//! ```
//! The encoder is there only while somebody reads, a branch only while somebody looks. What is served as the source has
//! it goes another way: see [`passthrough`].

mod encode;
mod jpeg;
mod overlay;
mod pace;
pub mod passthrough;
mod picture;
mod tee;

pub use encode::{KEY_FRAME_SECONDS, passed_through};
pub use picture::{Format, VARIABLE_RATE, even};

use super::clock::TimeLine;
use super::elements::{end, make};
use super::feed::Feed;
use super::sound::Track;
use super::source::{Source, Wanted};
use super::state::{EncodedBy, Encoding, Reencoded, StreamError};
use crate::config::{self, Overlay, Rendition, StreamConfig};
use gst::prelude::*;
use passthrough::Decoder;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tee::{Branch, Tee};

/// What the graph calls, from streaming threads.
pub struct Callbacks {
    /// The first picture passed since the graph was made or woken.
    pub flowing: Box<dyn Fn() + Send + Sync>,
    /// The source's own pictures cannot be served.
    pub unfit: Box<dyn Fn(Reencoded) + Send + Sync>,
    /// Every message of the pipeline.
    pub message: Box<dyn Fn(gst::Message) + Send + Sync>,
}

/// The last picture that was served, as it went to the encoder.
pub type LastPicture = Arc<Mutex<Option<gst::Buffer>>>;

/// What is served, once it is known.
pub type SharedFormat = Arc<Mutex<Option<Format>>>;

/// A stream's pipeline.
pub struct Graph {
    pipeline: gst::Pipeline,
    source: Source,
    pace: pace::Pace,
    way: Way,
    format: SharedFormat,
    previews: Vec<(u64, Branch)>,
    time: TimeLine,
    count: Count,
}

/// What becomes of the source's pictures.
enum Way {
    Encode(Encoded),
    PassThrough { feed: Arc<Feed>, decoder: Option<Decoder> },
}

/// Pictures that are encoded here.
struct Encoded {
    overlays: overlay::Overlays,
    tee: Tee,
    rendition: Rendition,
    needed_for: Option<Reencoded>,
    encode: Option<Branch>,
    encoder: Option<gst::Element>,
}

/// How many pictures have passed.
#[derive(Clone, Default)]
struct Count {
    /// The running time at which the graph was woken, in nanoseconds.
    woken: Arc<AtomicU64>,
    pictures: Arc<AtomicU64>,
}

impl Count {
    /// Whether it is the first one.
    fn add(&self) -> bool {
        self.pictures.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// By how much a picture was on its way already when the graph went to sleep.
    fn held(&self, time: Option<gst::ClockTime>) -> Option<gst::ClockTime> {
        let woken = gst::ClockTime::from_nseconds(self.woken.load(Ordering::Relaxed));
        time.and_then(|time| woken.checked_sub(time)).filter(|held| !held.is_zero())
    }
}

impl Graph {
    /// Makes the graph; nothing runs yet.
    ///
    /// `sound` is what the source writes its sound to.
    ///
    /// `format` is what is served, once it is known, and `last` the last picture: they outlive the graph, since
    /// readers were told and shown. `needed_for` is why a source is encoded that has encoded pictures.
    #[expect(clippy::too_many_arguments, reason = "one call, and the slate's")]
    pub fn encode(
        config: &StreamConfig,
        source: Source,
        sound: Option<Arc<Track>>,
        time: &TimeLine,
        format: SharedFormat,
        last: LastPicture,
        needed_for: Option<Reencoded>,
        callbacks: Callbacks,
    ) -> Result<Self, StreamError> {
        let pipeline = make_pipeline(config, time, callbacks.message);
        let rendition = config.main_rendition();
        let picture = picture::make_picture()?;
        let pace = pace::Pace::new(&picture.filter, Wanted::Decoded, time.clone(), sound)?;
        let overlays = overlay::Overlays::new(&config.overlays)?;
        let tee = Tee::new(pipeline.upcast_ref())?;

        let mut chain = vec![source.bin().clone().upcast::<gst::Element>()];
        chain.extend(picture.elements);
        chain.extend([pace.element().clone(), overlays.bin().clone().upcast()]);
        pipeline.add_many(&chain).map_err(StreamError::internal)?;
        chain.push(tee.element().clone());
        gst::Element::link_many(&chain).map_err(StreamError::internal)?;

        choose_format(&source, &picture.filter, rendition.clone(), format.clone());
        let count = Count::default();
        count_pictures(tee.element(), count.clone(), last, callbacks.flowing);
        let way = Way::Encode(Encoded { overlays, tee, rendition, needed_for, encode: None, encoder: None });
        Ok(Self { pipeline, source, pace, way, format, previews: Vec::new(), time: time.clone(), count })
    }

    /// Makes a graph that serves the source's own pictures; nothing runs yet. See [`Graph::encode`].
    pub fn pass_through(
        config: &StreamConfig,
        source: Source,
        sound: Option<Arc<Track>>,
        time: &TimeLine,
        format: SharedFormat,
        feed: Arc<Feed>,
        callbacks: Callbacks,
    ) -> Result<Self, StreamError> {
        let pipeline = make_pipeline(config, time, callbacks.message);
        let pace = pace::Pace::new(source.bin().upcast_ref(), Wanted::Coded, time.clone(), sound)?;
        let sink = make("fakesink", "end")?;
        sink.set_property("async", false);
        let chain = [source.bin().upcast_ref(), pace.element(), &sink];
        pipeline.add_many(chain).map_err(StreamError::internal)?;
        gst::Element::link_many(chain).map_err(StreamError::internal)?;

        let pad = source.bin().static_pad("src").expect("a source has a source pad");
        let is_playlist = matches!(config.source, config::Source::File(_));
        passthrough::examine(&pad, is_playlist, format.clone(), callbacks.unfit);
        let count = Count::default();
        let goes_on = source.goes_on_after_sleep();
        pass_pictures(&sink, count.clone(), goes_on, feed.clone(), callbacks.flowing);
        feed.set_passing(true);
        let way = Way::PassThrough { feed, decoder: None };
        Ok(Self { pipeline, source, pace, way, format, previews: Vec::new(), time: time.clone(), count })
    }

    /// How many pictures have passed since it was woken.
    pub fn pictures(&self) -> u64 {
        self.count.pictures.load(Ordering::Relaxed)
    }

    pub fn wake(&mut self) -> Result<(), StreamError> {
        self.count.woken.store(self.time.now().nseconds(), Ordering::Relaxed);
        self.count.pictures.store(0, Ordering::Relaxed);
        self.pace.release(self.source.goes_on_after_sleep());
        self.set_state(gst::State::Playing);
        let _ = self.pace.element().sync_state_with_parent();
        self.source.wake()
    }

    /// Stops what costs, after encoder and branches were taken away.
    pub fn sleep(&mut self) {
        self.source.sleep();
        self.set_state(Source::ASLEEP);
        self.pace.hold();
        if let Way::PassThrough { feed, .. } = &self.way
            && !self.source.goes_on_after_sleep()
        {
            feed.cut();
        }
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

    /// Whether it is there for those who look here alone.
    pub fn is_of_previews(&self, object: &gst::Object) -> bool {
        matches!(&self.way, Way::PassThrough { decoder: Some(decoder), .. } if decoder.has(object))
    }

    /// Whether this is a part of the graph, still.
    pub fn has(&self, object: &gst::Object) -> bool {
        object.has_as_ancestor(&self.pipeline)
    }

    pub fn set_overlays(&self, overlays: &[Overlay]) -> Result<(), StreamError> {
        match &self.way {
            Way::Encode(encoded) => encoded.overlays.set(overlays),
            Way::PassThrough { .. } => Ok(()),
        }
    }

    /// What is served, as far as the format of the source is known.
    pub fn plan(&self) -> Option<Result<Encoding, StreamError>> {
        let format = (*self.format.lock().unwrap())?;
        Some(match &self.way {
            Way::Encode(encoded) => encode::plan(encoded.rendition.bitrate, &format, encoded.needed_for),
            Way::PassThrough { .. } => Ok(passed_through(&format)),
        })
    }

    /// Sets the bitrate of an encoder that runs, and of those to come.
    pub fn set_bitrate(&mut self, rendition: &Rendition) {
        if let Way::Encode(encoded) = &mut self.way {
            encoded.rendition.bitrate = rendition.bitrate;
        }
        if let (Way::Encode(Encoded { encoder: Some(encoder), .. }), Some(Ok(encoding))) =
            (&self.way, self.plan())
        {
            encode::set_bitrate(encoder, encoding.bitrate_kbps);
        }
    }

    /// Whether an encoder runs.
    pub fn is_encoding(&self) -> bool {
        matches!(&self.way, Way::Encode(encoded) if encoded.encode.is_some())
    }

    /// Adds the encoder, which fills the feed. What is passed through is there already.
    pub fn start_encoding(&mut self, encoding: &Encoding, feed: &Feed) -> Result<(), StreamError> {
        let format = *self.format.lock().unwrap();
        if let (Way::Encode(encoded), EncodedBy::Encoder { name, .. }) = (&mut self.way, &encoding.by) {
            let profile = format.and_then(|format| format.profile);
            let encode::Encode { mut elements, encoder } = encode::make_encode(name, encoding, profile)?;
            elements.push(feed.sink().clone().upcast());
            encoded.encode = Some(encoded.tee.attach(elements)?);
            encoded.encoder = Some(encoder);
        }
        Ok(())
    }

    pub fn stop_encoding(&mut self) {
        if let Way::Encode(encoded) = &mut self.way {
            encoded.encoder = None;
            if let Some(branch) = encoded.encode.take() {
                encoded.tee.detach(branch);
            }
        }
    }

    /// Adds a bin with a sink pad that takes decoded pictures, such as a preview.
    pub fn add_branch(&mut self, number: u64, bin: &gst::Bin) -> Result<(), StreamError> {
        let tee = match &mut self.way {
            Way::Encode(encoded) => &encoded.tee,
            Way::PassThrough { feed, decoder } => {
                // It is told what is decoded as soon as that is known.
                let Some(format) = *self.format.lock().unwrap() else { return Ok(()) };
                let decoder = match decoder {
                    Some(decoder) => decoder,
                    None => decoder.insert(Decoder::start(&self.pipeline, feed, &format)?),
                };
                decoder.tee()
            }
        };
        self.previews.push((number, tee.attach(vec![bin.clone().upcast()])?));
        Ok(())
    }

    /// Whether those who look here get their pictures from it.
    pub fn has_branch(&self, number: u64) -> bool {
        self.previews.iter().any(|(branch, _)| *branch == number)
    }

    pub fn remove_branch(&mut self, number: u64) {
        let Some(place) = self.previews.iter().position(|(branch, _)| *branch == number) else { return };
        let (_, branch) = self.previews.remove(place);
        match &mut self.way {
            Way::Encode(encoded) => encoded.tee.detach(branch),
            Way::PassThrough { decoder, .. } => {
                if let Some(decoder) = &*decoder {
                    decoder.tee().detach(branch);
                }
                if self.previews.is_empty()
                    && let Some(decoder) = decoder.take()
                {
                    decoder.shut_down(&self.pipeline);
                }
            }
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
        while let Some((number, _)) = self.previews.last() {
            self.remove_branch(*number);
        }
    }
}

fn make_pipeline(
    config: &StreamConfig,
    time: &TimeLine,
    message: Box<dyn Fn(gst::Message) + Send + Sync>,
) -> gst::Pipeline {
    let pipeline = gst::Pipeline::with_name(&format!("stream-{}", config.id));
    time.apply_to(&pipeline);
    pipeline.bus().expect("a pipeline has a bus").set_sync_handler(move |_, received| {
        message(received.clone());
        gst::BusSyncReply::Drop
    });
    pipeline
}

/// Sets the format that is served with the source's first picture: what it said before, it may have said before it knew
/// that its pictures are to be turned. The first source's format stays: what comes later is brought to it.
fn choose_format(source: &Source, filter: &gst::Element, rendition: Rendition, format: SharedFormat) {
    let known = *format.lock().unwrap();
    if let Some(known) = known {
        return filter.set_property("caps", known.caps());
    }
    let filter = filter.downgrade();
    let pad = source.bin().static_pad("src").expect("a source has a source pad");
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
        let caps = pad.current_caps().and_then(|caps| gst_video::VideoInfo::from_caps(&caps).ok());
        if let (Some(video), Some(filter)) = (caps, filter.upgrade()) {
            let format = *format.lock().unwrap().get_or_insert_with(|| Format::new(&rendition, &video));
            filter.set_property("caps", format.caps());
        }
        gst::PadProbeReturn::Remove
    });
}

/// Counts the pictures and keeps the last, and leaves out those that were on their way when the source went to sleep.
fn count_pictures(tee: &gst::Element, count: Count, last: LastPicture, flowing: Box<dyn Fn() + Send + Sync>) {
    let pad = tee.static_pad("sink").expect("a tee has a sink pad");
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        // Behind the pace time stamps are running times.
        if count.held(info.buffer().and_then(|buffer| buffer.pts())).is_some() {
            return gst::PadProbeReturn::Drop;
        }
        // A reference: nothing behind the tee writes into a picture.
        last.lock().unwrap().clone_from(&info.buffer().cloned());
        if count.add() {
            flowing();
        }
        gst::PadProbeReturn::Ok
    });
}

/// Hands the pictures to the feed. One that was on its way when the source went to sleep is of now, if the source goes on
/// from there; otherwise nothing follows that refers to it.
fn pass_pictures(
    sink: &gst::Element,
    count: Count,
    goes_on: bool,
    feed: Arc<Feed>,
    flowing: Box<dyn Fn() + Send + Sync>,
) {
    let pad = sink.static_pad("sink").expect("a sink has a sink pad");
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let (Some(gst::PadProbeData::Buffer(buffer)), Some(caps)) = (&mut info.data, pad.current_caps())
        else {
            return gst::PadProbeReturn::Ok;
        };
        if let Some(held) = count.held(buffer.dts()) {
            if !goes_on {
                return gst::PadProbeReturn::Drop;
            }
            let buffer = buffer.make_mut();
            buffer.set_pts(buffer.pts().map(|pts| pts + held));
            buffer.set_dts(buffer.dts().map(|dts| dts + held));
        }
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        feed.pass(&gst::Sample::builder().buffer(buffer).caps(&caps).segment(&segment).build());
        if count.add() {
            flowing();
        }
        gst::PadProbeReturn::Drop
    });
}
