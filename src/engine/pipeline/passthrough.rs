//! Serving the source's own pictures: whether that can be done, and the elements for it.
//!
//! ```text
//! source ► pace ► end, which hands each picture to the feed
//! feed   ► appsrc ► decodebin ► videoconvert ► deinterlace ► videoconvertscale ► format ► tee ► previews
//! ```
//! They are decoded only while somebody looks here.

use super::SharedFormat;
use super::jpeg::has_standard_tables;
use super::picture::Format;
use super::tee::Tee;
use crate::config::{Bitrate, Codec, FrameRate, Media, Size, Source, StreamConfig};
use crate::engine::elements::{end, make};
use crate::engine::feed::Feed;
use crate::engine::gop::{Gop, Kept, MOST_KEPT};
use crate::engine::state::{Coding, Reencoded, StreamError};
use gst::prelude::*;
use gst_app::{AppSink, AppSrc};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The slate waits so long for the picture that it shows.
const LAST_PICTURE: Duration = Duration::from_millis(400);

/// Whether a stream's own pictures are served, as far as its configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    PassThrough,
    /// For this, where the source has encoded pictures at all.
    Encode(Option<Reencoded>),
}

pub fn plan(config: &StreamConfig) -> Plan {
    match &config.source {
        Source::File(_) | Source::Relay(_) | Source::Published(_) => {}
        Source::Pattern(_) | Source::Camera(_) | Source::Screen(_) | Source::Custom(_) => {
            return Plan::Encode(None);
        }
    }
    let rendition = config.main_rendition();
    let shows_stills = match &config.source {
        Source::File(files) => files.locations.iter().any(|location| Media::of(location) == Media::Picture),
        _ => false,
    };
    let reasons = [
        (rendition.codec != Codec::Auto, Reencoded::Codec),
        (rendition.size != Size::Source, Reencoded::Size),
        (rendition.frame_rate != FrameRate::Source, Reencoded::FrameRate),
        (rendition.bitrate != Bitrate::Auto, Reencoded::Bitrate),
        (!config.overlays.is_empty(), Reencoded::Overlays),
        (shows_stills, Reencoded::Stills),
    ];
    match reasons.into_iter().find(|(is_so, _)| *is_so) {
        Some((_, reason)) => Plan::Encode(Some(reason)),
        None => Plan::PassThrough,
    }
}

/// Looks at what comes out of a source: the first that can be passed through is what is served from then on. Nothing
/// passes that differs from it, or cannot be passed through; that is told, once.
pub fn examine(
    pad: &gst::Pad,
    is_playlist: bool,
    format: SharedFormat,
    unfit: impl Fn(Reencoded) + Send + Sync + 'static,
) {
    let examination = Mutex::new(Examination { format, is_playlist, is_first: true, is_over: false });
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let mut examination = examination.lock().unwrap();
        if let (Some(data), false) = (&info.data, examination.is_over)
            && let Some(reason) = examination.refuses(data)
        {
            examination.is_over = true;
            unfit(reason);
        }
        if examination.is_over { gst::PadProbeReturn::Drop } else { gst::PadProbeReturn::Ok }
    });
}

struct Examination {
    format: SharedFormat,
    is_playlist: bool,
    /// Nothing was said of what comes yet.
    is_first: bool,
    /// It was refused.
    is_over: bool,
}

impl Examination {
    fn refuses(&mut self, data: &gst::PadProbeData) -> Option<Reencoded> {
        match data {
            gst::PadProbeData::Buffer(picture) => is_unfit(picture, &self.format).then_some(Reencoded::Unfit),
            gst::PadProbeData::Event(event) => match event.view() {
                gst::EventView::Caps(caps) => self.refuses_caps(caps.caps()),
                gst::EventView::Tag(tags) => {
                    let turned = tags.tag().get::<gst::tags::ImageOrientation>();
                    turned.is_some_and(|turned| turned.get() != "rotate-0").then_some(Reencoded::Turned)
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn refuses_caps(&mut self, caps: &gst::CapsRef) -> Option<Reencoded> {
        let was_first = std::mem::replace(&mut self.is_first, false);
        let Some(new) = fit(caps) else { return Some(Reencoded::Unfit) };
        let is_like = self.format.lock().unwrap().get_or_insert(new).is_like(&new);
        match self.is_playlist && !was_first {
            _ if is_like => None,
            true => Some(Reencoded::FilesDiffer),
            false => Some(Reencoded::SourceChanged),
        }
    }
}

/// Whether this one cannot be sent, although its caps are right.
fn is_unfit(picture: &gst::BufferRef, format: &SharedFormat) -> bool {
    let is_jpeg = format.lock().unwrap().is_some_and(|format| format.coding == Coding::Mjpeg);
    is_jpeg && !picture.map_readable().is_ok_and(|picture| has_standard_tables(&picture))
}

/// What is served of these pictures, if RTP can carry them.
fn fit(caps: &gst::CapsRef) -> Option<Format> {
    let coding = Coding::of(caps)?;
    let structure = caps.structure(0)?;
    let is_sent = match coding {
        // RFC 2435, 3.1.3 and 4.1: 4:2:2 and 4:2:0, baseline, and sizes of 8 bits in units of 8 pixels.
        Coding::Mjpeg => {
            let sampling = structure.get::<&str>("sampling").unwrap_or_default();
            let is_baseline = structure.get::<i32>("sof-marker").is_ok_and(|marker| marker == 0);
            is_baseline && ["YCbCr-4:2:0", "YCbCr-4:2:2"].contains(&sampling)
        }
        Coding::H264 | Coding::H265 | Coding::Vp8 | Coding::Vp9 => true,
    };
    Format::of_coded(coding, structure).filter(|_| is_sent)
}

/// The decoder for those who look here.
pub struct Decoder {
    bin: gst::Bin,
    tee: Tee,
}

impl Decoder {
    /// Adds it to a pipeline that runs, and feeds it.
    pub fn start(pipeline: &gst::Pipeline, feed: &Feed, format: &Format) -> Result<Self, StreamError> {
        let bin = gst::Bin::with_name("look");
        let source = source_of_coded("look-input");
        let decode = make("decodebin", "look-decode")?;
        let chain = to_format(format)?;
        let tee = Tee::new(&bin)?;
        bin.add_many([source.upcast_ref(), &decode]).map_err(StreamError::internal)?;
        bin.add_many(&chain).map_err(StreamError::internal)?;
        source.link(&decode).map_err(StreamError::internal)?;
        gst::Element::link_many(&chain).map_err(StreamError::internal)?;
        chain[chain.len() - 1].link(tee.element()).map_err(StreamError::internal)?;
        let sink = chain[0].static_pad("sink").expect("videoconvert has a sink pad").downgrade();
        let kept = Arc::new(Mutex::new(None));
        decode.connect_pad_added({
            let kept = kept.clone();
            move |_, pad| {
                let Some(sink) = sink.upgrade().filter(|sink| !sink.is_linked()) else { return };
                if let Some(kept) = *kept.lock().unwrap() {
                    Kept::leave_out(kept, pad);
                }
                let _ = pad.link(&sink);
            }
        });
        pipeline.add(&bin).map_err(StreamError::internal)?;
        bin.sync_state_with_parent().map_err(StreamError::internal)?;
        // Nothing comes out before it is known what shall not be seen.
        let mut kept = kept.lock().unwrap();
        *kept = feed.decode(&source);
        drop(kept);
        Ok(Self { bin, tee })
    }

    pub fn tee(&self) -> &Tee {
        &self.tee
    }

    pub fn has(&self, object: &gst::Object) -> bool {
        object.has_as_ancestor(&self.bin)
    }

    pub fn shut_down(self, pipeline: &gst::Pipeline) {
        end(&self.bin);
        let _ = pipeline.remove(&self.bin);
    }
}

/// The last of these pictures, in the format that is served. It takes [`LAST_PICTURE`] at most.
pub fn last_picture(gop: &Gop, format: &Format) -> Option<gst::Buffer> {
    let pipeline = gst::Pipeline::new();
    let source = source_of_coded("input");
    let decode = make("decodebin", "decode").ok()?;
    let chain = to_format(format).ok()?;
    let sink = AppSink::builder().sync(false).build();
    pipeline.add_many([source.upcast_ref(), &decode, sink.upcast_ref()]).ok()?;
    pipeline.add_many(&chain).ok()?;
    source.link(&decode).ok()?;
    gst::Element::link_many(&chain).ok()?;
    chain[chain.len() - 1].link(&sink).ok()?;
    let entry = chain[0].static_pad("sink")?.downgrade();
    decode.connect_pad_added(move |_, pad| {
        if let Some(entry) = entry.upgrade().filter(|entry| !entry.is_linked()) {
            let _ = pad.link(&entry);
        }
    });
    pipeline.set_state(gst::State::Playing).ok()?;
    for picture in gop.pictures() {
        let _ = source.push_sample(picture);
    }
    let _ = source.end_of_stream();
    let start = Instant::now();
    let mut last = None;
    while let Some(left) = LAST_PICTURE.checked_sub(start.elapsed())
        && let Some(picture) = sink.try_pull_sample(gst::ClockTime::try_from(left).ok())
    {
        last = picture.buffer_owned();
    }
    end(&pipeline);
    last
}

fn source_of_coded(name: &str) -> AppSrc {
    AppSrc::builder()
        .name(name)
        .is_live(true)
        .format(gst::Format::Time)
        .handle_segment_change(true)
        .max_bytes(2 * MOST_KEPT as u64)
        .build()
}

/// What brings decoded pictures to the size and layout that is served.
fn to_format(format: &Format) -> Result<[gst::Element; 4], StreamError> {
    let convert = make("videoconvert", "look-convert")?;
    let deinterlace = make("deinterlace", "look-deinterlace")?;
    let scale = make("videoconvertscale", "look-scale")?;
    let filter = make("capsfilter", "look-format")?;
    let mut caps = format.caps();
    caps.make_mut().structure_mut(0).expect("one structure").remove_field("framerate");
    filter.set_property("caps", caps);
    Ok([convert, deinterlace, scale, filter])
}
