//! Makes the media of a stream: `appsrc ► parse ► pay`, one for all readers, fed by the stream's own pipeline, and
//! the same again for its sound.

use super::delivery::Delivery;
use super::replay::{Replay, Replays};
use super::shared_media::SharedMedia;
use super::traffic::{Traffic, Traffics};
use super::{drain, ffi, gather, publisher, timestamp_guard};
use crate::engine::clock::TimeLine;
use crate::engine::elements::{is_a, make};
use crate::engine::feed::{Described, Feed};
use crate::engine::gop;
use crate::engine::state::{Coding, StreamError};
use gst::prelude::*;
use gst_app::AppSrc;
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::subclass::prelude::*;
use gst_rtsp_server::{RTSPMedia, RTSPMediaFactory, RTSPMediaStatus, RTSPSuspendMode};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// The names of the sources in each media.
const INPUT: &str = "input";
const SOUND_INPUT: &str = "sound-input";

mod imp {
    use super::*;

    #[derive(Debug, Default)]
    pub struct Factory {
        pub feed: OnceLock<Arc<Feed>>,
        pub time: OnceLock<TimeLine>,
        pub traffics: OnceLock<Arc<Traffics>>,
        pub replays: OnceLock<Arc<Replays>>,
        pub media: SharedMedia,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Factory {
        const NAME: &'static str = "HeadwaterFactory";
        type Type = super::Factory;
        type ParentType = RTSPMediaFactory;
    }

    impl ObjectImpl for Factory {}

    impl RTSPMediaFactoryImpl for Factory {
        /// One media for every reader, whatever query follows the path in the address.
        fn gen_key(&self, _: &gst_rtsp::RTSPUrl) -> Option<glib::GString> {
            // A publisher has one of its own.
            (!publisher::announces()).then(|| self.media.key().into())
        }

        fn create_element(&self, _: &gst_rtsp::RTSPUrl) -> Option<gst::Element> {
            let media = match publisher::announces() {
                true => publisher::make_media(),
                false => make_media(&self.feed.get()?.described()?),
            };
            match media {
                Ok(bin) => Some(bin.upcast()),
                Err(reason) => {
                    tracing::error!("{reason}");
                    None
                }
            }
        }

        /// The media runs on the same time line as the source, so that nobody waits for it to catch up.
        fn create_pipeline(&self, media: &RTSPMedia) -> Option<gst::Pipeline> {
            let pipeline = gst::Pipeline::new();
            self.time.get()?.apply_to(&pipeline);
            pipeline.connect_deep_element_added(|_, _, element| prepare_element(element));
            if publisher::announces() {
                media.take_pipeline(&pipeline);
                return Some(pipeline);
            }
            pipeline.connect_element_added(|_, element| name_reports(element));
            // One that failed or was ended stays with its readers; the next one is given another.
            let ended = self.media.made(media);
            pipeline.bus().expect("a pipeline has a bus").set_sync_handler({
                let ended = ended.clone();
                move |_, message| {
                    match message.view() {
                        gst::MessageView::Error(error) => {
                            tracing::warn!("a media failed: {}", StreamError::from_message(error));
                            ended.store(true, Ordering::Release);
                        }
                        gst::MessageView::Eos(_) => ended.store(true, Ordering::Release),
                        _ => {}
                    }
                    gst::BusSyncReply::Pass
                }
            });
            media.connect_target_state(move |_, state| {
                if state <= ffi::STATE_READY {
                    ended.store(true, Ordering::Release);
                }
            });
            media.take_pipeline(&pipeline);
            Some(pipeline)
        }

        fn media_configure(&self, media: &RTSPMedia) {
            self.parent_media_configure(media);
            if publisher::announces() {
                return publisher::configure(media);
            }
            let (Some(feed), Some(time), Some(traffics), Some(replays)) =
                (self.feed.get(), self.time.get(), self.traffics.get(), self.replays.get())
            else {
                return;
            };
            traffics.insert(media, Traffic::watch(media));
            let replay = Replay::install(media, feed);
            replays.insert(media, replay.clone());
            configure(media, feed, time, replay);
        }
    }
}

glib::wrapper! {
    /// The factory of one mount path.
    pub struct Factory(ObjectSubclass<imp::Factory>) @extends RTSPMediaFactory;
}

impl Factory {
    pub fn new(
        feed: Arc<Feed>,
        time: TimeLine,
        traffics: Arc<Traffics>,
        replays: Arc<Replays>,
        delivery: &Delivery,
    ) -> Self {
        let factory: Self = glib::Object::new();
        factory.imp().feed.set(feed).expect("set once, here");
        factory.imp().time.set(time).expect("set once, here");
        factory.imp().traffics.set(traffics).expect("set once, here");
        factory.imp().replays.set(replays).expect("set once, here");
        factory.set_shared(true);
        factory.set_suspend_mode(RTSPSuspendMode::None);
        // It is what a receiver waits for late packets; nothing is received here but reports.
        factory.set_latency(0);
        // The library's other mode stops the pipeline of all readers when one of them is lost.
        factory.set_stop_on_disconnect(false);
        delivery.apply_to(&factory);
        factory
    }

    /// Holds the media no longer that was asked for at least so long ago: by now it has its readers, or none.
    pub fn let_go(&self, unasked: Duration) {
        self.imp().media.let_go(unasked);
    }
}

fn make_media(described: &Described) -> Result<gst::Bin, StreamError> {
    let bin = gst::Bin::new();
    add_picture(&bin, &described.picture)?;
    if let Some(sound) = &described.sound {
        add_sound(&bin, sound)?;
    }
    Ok(bin)
}

fn add_picture(bin: &gst::Bin, caps: &gst::Caps) -> Result<(), StreamError> {
    let input = make("appsrc", INPUT)?;
    let coding = Coding::of(caps).ok_or_else(|| StreamError::internal("nothing sends this"))?;
    let (parser, payloader) = match coding {
        Coding::H264 => (Some("h264parse"), "rtph264pay"),
        Coding::H265 => (Some("h265parse"), "rtph265pay"),
        Coding::Mjpeg => (None, "rtpjpegpay"),
        Coding::Vp8 => (None, "rtpvp8pay"),
        Coding::Vp9 => (None, "rtpvp9pay"),
    };
    let mut elements = vec![input];
    if let Some(parser) = parser {
        let parse = make(parser, "parse")?;
        gop::begin_at_idr(&parse.static_pad("src").expect("a parser has a source pad"));
        elements.push(parse);
    }
    // The library finds the payloader by this name.
    let pay = make(payloader, "pay0")?;
    if matches!(coding, Coding::H264 | Coding::H265) {
        // Parameter sets before each key frame, for readers that missed those in the description.
        pay.set_property("config-interval", -1i32);
        // Small parameter sets travel with the key frame, and nothing waits for the next frame.
        pay.set_property_from_str("aggregate-mode", "zero-latency");
    }
    elements.push(pay.clone());
    add(bin, &elements)?;
    gather::install(&pay.static_pad("src").expect("a payloader has a source pad"));
    Ok(())
}

fn add_sound(bin: &gst::Bin, caps: &gst::Caps) -> Result<(), StreamError> {
    let factory = match caps.structure(0).map(|caps| caps.name().as_str()) {
        Some("audio/x-opus") => "rtpopuspay",
        Some("audio/x-mulaw") => "rtppcmupay",
        Some("audio/x-alaw") => "rtppcmapay",
        _ => "rtpmp4gpay",
    };
    // The library finds the payloader by this name.
    let pay = make(factory, "pay1")?;
    // Counting samples would leave out the time between the description and the first PLAY.
    pay.set_property("perfect-rtptime", false);
    // One of its own, where the codec has none by RFC 3551: 96 is the pictures'.
    if matches!(factory, "rtpopuspay" | "rtpmp4gpay") {
        pay.set_property("pt", 97u32);
    }
    add(bin, &[make("appsrc", SOUND_INPUT)?, pay])
}

/// The last of the elements is a payloader.
fn add(bin: &gst::Bin, elements: &[gst::Element]) -> Result<(), StreamError> {
    bin.add_many(elements).map_err(StreamError::internal)?;
    gst::Element::link_many(elements).map_err(StreamError::internal)?;
    if let Some(pay) = elements.last() {
        refuse_seeks(pay);
        timestamp_guard::install(&pay.static_pad("src").expect("a payloader has a source pad"));
    }
    Ok(())
}

/// What the library leaves out of an element that it adds to a media.
fn prepare_element(element: &gst::Element) {
    // A sink would hold every packet back for the 20 ms that a slow one may take.
    if element.has_property("processing-deadline") {
        element.set_property("processing-deadline", gst::ClockTime::ZERO);
    }
    // One that is added while others play would keep the first packet until all of the pipeline has taken note of it.
    if is_a(element, "multiudpsink") || is_a(element, "appsink") {
        element.set_property("async", false);
    }
    // What reports say of the time is what readers bring sound and picture together by. It is when both happened: how
    // long each took to be encoded is nobody's business.
    if element.has_property("rtcp-sync-send-time") {
        element.set_property("rtcp-sync-send-time", false);
    }
    // It is there for every publisher, repairs nothing where none has announced repair packets (RFC 5109), and ends the
    // process by an assertion where a packet is missing before it knows whose.
    if is_a(element, "rtpulpfecdec") {
        element.set_property("passthrough", true);
    }
    // The library starts the source of RTCP before the funnel behind it. A packet that is there already, such as ffmpeg
    // sends before PLAY to open firewalls, is then refused, and the source stops: no report of any reader on UDP is
    // ever heard.
    if is_a(element, "funnel") {
        let _ = element.sync_state_with_parent();
    }
}

/// The library says of the RTCP that comes by UDP what it is, and not of that which comes by TCP. Where a reader on TCP
/// has reported before one on UDP does, GStreamer warns that this comes out of order.
fn name_reports(element: &gst::Element) {
    if is_a(element, "appsrc") {
        element.set_property("caps", gst::Caps::new_empty_simple("application/x-rtcp"));
    }
}

/// PLAY with a range, which ffmpeg and GStreamer always send, makes the library seek the pipeline that all
/// readers share, where the pipeline can. So it says that it cannot.
fn refuse_seeks(pay: &gst::Element) {
    let pad = pay.static_pad("sink").expect("a payloader has a sink pad");
    pad.add_probe(gst::PadProbeType::QUERY_UPSTREAM | gst::PadProbeType::PUSH, |_, info| {
        if let Some(gst::PadProbeData::Query(query)) = &mut info.data
            && let gst::QueryViewMut::Seeking(seeking) = query.view_mut()
        {
            seeking.set(false, gst::ClockTime::ZERO, gst::ClockTime::NONE);
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
}

fn configure(media: &RTSPMedia, feed: &Arc<Feed>, time: &TimeLine, replay: Arc<Replay>) {
    drain::install(media, {
        let feed = feed.clone();
        move |track, packet| {
            feed.count_sent(track, packet.size());
            replay.given(track, packet);
        }
    });
    let Ok(bin) = media.element().downcast::<gst::Bin>() else { return };
    let input = |name| bin.by_name(name).and_then(|element| element.downcast::<AppSrc>().ok());
    let (Some(source), sound) = (input(INPUT), input(SOUND_INPUT)) else { return };
    gop::send_evenly(&source.static_pad("src").expect("an appsrc has a source pad"));
    // The encoder runs until the media is let go. Nothing passes before the first PLAY: what a reader would
    // get then is as old as its DESCRIBE.
    let Some(input) = feed.attach(&source, sound.as_ref(), time) else {
        // The stream ended meanwhile. Without an end the request would wait for a first picture.
        for source in [Some(source), sound].into_iter().flatten() {
            let _ = source.end_of_stream();
        }
        return;
    };
    let input = Arc::new(Mutex::new(Some(input)));
    media.connect_new_state({
        let input = input.clone();
        move |media, state| {
            if state == ffi::STATE_PLAYING
                && media.status() == RTSPMediaStatus::Prepared
                && let Some(input) = &*input.lock().unwrap()
            {
                input.open();
            }
        }
    });
    media.connect_unprepared(move |_| drop(input.lock().unwrap().take()));
}
