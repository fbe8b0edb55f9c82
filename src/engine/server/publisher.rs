//! Those who send into a stream: ANNOUNCE, SETUP and RECORD (RFC 2326, 10.3 and 10.11). The library receives, and what
//! it received goes to the stream's way in.
//!
//! ```text
//! rtpbin ─┬► depay0 ► pictures   (an appsink)
//!         └► depay1 ► sound
//! ```
//! Each publisher has a media of its own, beside the one that readers of the same path share.

use super::connections::remove_session;
use super::ffi;
use super::readers::session_of;
use crate::engine::elements::make;
use crate::engine::ingest::{PICTURES, Publication, SOUND};
use crate::engine::state::{Publisher, RefusalReason, StreamError};
use gst::prelude::*;
use gst_app::{AppSink, AppSinkCallbacks};
use gst_rtsp::{RTSPHeaderField, RTSPMethod};
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{RTSPContext, RTSPMedia, RTSPSession, RTSPSessionPool, RTSPTransportMode};
use gst_sdp::{SDPMediaRef, SDPMessage};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long packets wait for one that overtook them. Over TCP none does, and nothing waits.
const JITTER_MS: u32 = 200;
/// What comes says that a session is alive. It is told so much oftener than it would end.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);
/// Payload types that descriptions need not explain, with their encoding and clock rate, of those that there is a use
/// for (RFC 3551, section 6).
const STATIC: [(u32, &str, i32); 4] =
    [(0, "PCMU", 8000), (8, "PCMA", 8000), (14, "MPA", 90_000), (26, "JPEG", 90_000)];
/// The names of the sinks in a media, by their track.
const SINKS: [&str; 2] = ["pictures", "sound"];

/// Whether a SETUP is for RECORD: all of its offers are, since the library takes any of them.
pub fn sets_up_to_record(context: &RTSPContext) -> bool {
    records(&ffi::request_headers(context, RTSPHeaderField::Transport).join(","))
}

fn records(offers: &str) -> bool {
    offers.split(',').all(|offer| ffi::is_to_record(offer.trim()))
}

/// Whether the request that is being handled on this thread announces something.
pub fn announces() -> bool {
    RTSPContext::with_current_context(|context| ffi::request_method(context) == RTSPMethod::ANNOUNCE)
        .unwrap_or_default()
}

/// Whether a request belongs to a publisher's media.
pub fn is_of_publisher(context: &RTSPContext) -> bool {
    ffi::media(context).is_some_and(|media| media.transport_mode().contains(RTSPTransportMode::RECORD))
}

/// Who asks.
pub fn publisher(context: &RTSPContext, user: Option<String>) -> Publisher {
    Publisher {
        address: ffi::peer_address(context).unwrap_or_default(),
        user: user.unwrap_or_default(),
        program: ffi::request_header(context, RTSPHeaderField::UserAgent).unwrap_or_default(),
    }
}

/// What takes in what is announced by the request that is being handled on this thread.
///
/// # Errors
/// Where it has no pictures, or none that can be taken.
pub fn make_media() -> Result<gst::Bin, StreamError> {
    let body = RTSPContext::with_current_context(ffi::request_body).flatten().unwrap_or_default();
    let description = SDPMessage::parse_buffer(&body).map_err(StreamError::internal)?;
    let bin = gst::Bin::new();
    let mut has = [false; SINKS.len()];
    for (place, media) in description.medias().enumerate() {
        let track = match media.media() {
            Some("video") => Some(PICTURES),
            Some("audio") => Some(SOUND),
            _ => None,
        };
        // The library finds each by this name, and wants one for each media of the description.
        let name = format!("depay{place}");
        let track = track.filter(|track| !has[*track]);
        match track.zip(depayloader(media)) {
            Some((track, factory)) => {
                has[track] = true;
                add_track(&bin, &make(&factory, &name)?, track)?;
            }
            None => {
                let nowhere = make("fakesink", &name)?;
                nowhere.set_property("async", false);
                bin.add(&nowhere).map_err(StreamError::internal)?;
            }
        }
    }
    if has[PICTURES] { Ok(bin) } else { Err(StreamError::internal("nothing is announced that has pictures")) }
}

/// Which packets a media of a description has; none where it does not say.
fn packets(media: &SDPMediaRef) -> Option<(u32, gst::Caps)> {
    let format: u32 = media.format(0)?.parse().ok()?;
    let mut caps = media.caps_from_media(format as i32)?;
    let structure = caps.make_mut().structure_mut(0)?;
    structure.set_name("application/x-rtp");
    if let Some((_, encoding, rate)) = STATIC.iter().find(|(number, ..)| *number == format) {
        structure.set("encoding-name", encoding);
        structure.set("clock-rate", rate);
    }
    structure.has_field("encoding-name").then_some((format, caps))
}

/// To be called when a media was announced: the library knows no payload type that the description does not explain.
pub fn explain_static_types(context: &RTSPContext) {
    let (Some(media), Some(body)) = (ffi::media(context), ffi::request_body(context)) else { return };
    let Ok(description) = SDPMessage::parse_buffer(&body) else { return };
    for (place, described) in (0..).zip(description.medias()) {
        if let (Some(stream), Some((format, caps))) = (media.stream(place), packets(described)) {
            stream.set_pt_map(format, &caps);
        }
    }
}

/// The name of the element that takes a media's packets apart; none where there is none for its encoding.
fn depayloader(media: &SDPMediaRef) -> Option<glib::GString> {
    let (_, caps) = packets(media)?;
    gst::ElementFactory::factories_with_type(gst::ElementFactoryType::DEPAYLOADER, gst::Rank::MARGINAL)
        .into_iter()
        .find(|factory| factory.can_sink_any_caps(&caps))
        .map(|factory| factory.name())
}

fn add_track(bin: &gst::Bin, depay: &gst::Element, track: usize) -> Result<(), StreamError> {
    // It is passed on as it comes; nothing waits for a time or a first picture.
    let sink = AppSink::builder().name(SINKS[track]).sync(false).async_(false).build();
    bin.add_many([depay, sink.upcast_ref()]).map_err(StreamError::internal)?;
    depay.link(&sink).map_err(StreamError::internal)
}

/// A media that was made for a publisher.
pub fn configure(media: &RTSPMedia) {
    media.set_transport_mode(RTSPTransportMode::RECORD);
    media.set_shared(false);
    media.set_latency(JITTER_MS);
}

/// RECORD was asked for: what comes from now on goes to the stream.
///
/// # Errors
/// Where somebody else is sending.
pub fn begin(
    context: &RTSPContext,
    mount: &super::Mount,
    user: Option<String>,
    sessions: &RTSPSessionPool,
) -> Result<(), RefusalReason> {
    let (Some(media), Some(session)) = (ffi::media(context), context.session()) else { return Ok(()) };
    let Ok(bin) = media.element().downcast::<gst::Bin>() else { return Ok(()) };
    let sinks = SINKS.map(|name| bin.by_name(name).and_then(|sink| sink.downcast::<AppSink>().ok()));
    let id = session_of(context).unwrap_or_default();
    let publication = Arc::new(Publication::new(publisher(context, user), id, sinks[SOUND].is_some()));
    let before = mount
        .ingest
        .begin(&publication)
        .map_err(|taken| RefusalReason::PublisherThere { address: taken.by.address })?;
    for (track, sink) in sinks.iter().enumerate() {
        if let Some(sink) = sink {
            pass_on(sink, track, &publication, session);
        }
    }
    follow_clock(&bin, &publication);
    media.connect_unprepared({
        let ingest = mount.ingest.clone();
        move |_| ingest.end(&publication)
    });
    if let Some(before) = before.filter(|before| Some(&before.session) != session_of(context).as_ref()) {
        let sessions = sessions.clone();
        blocking::unblock(move || remove_session(&sessions, &before.session)).detach();
    }
    Ok(())
}

fn pass_on(sink: &AppSink, track: usize, publication: &Arc<Publication>, session: &RTSPSession) {
    let (publication, session) = (publication.clone(), session.downgrade());
    let touched = Mutex::new(Instant::now());
    sink.set_callbacks(
        AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                publication.take(track, sample);
                let mut touched = touched.lock().unwrap();
                if touched.elapsed() > SIGN_OF_LIFE
                    && let Some(session) = session.upgrade()
                {
                    *touched = Instant::now();
                    session.touch();
                }
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
}

/// The clock of the sender, as it reported it last (RFC 3550, 6.4.1).
#[derive(Debug, Clone, Copy)]
struct SenderReport {
    /// In nanoseconds.
    ntp: u64,
    /// The same moment, in units of the RTP clock.
    rtp: u32,
    /// Of the RTP clock, in Hz.
    rate: u32,
}

impl SenderReport {
    fn of(sync: &gst::StructureRef) -> Option<Self> {
        let rtp = sync.get::<u64>("sr-ext-rtptime").ok()? as u32;
        let (ntp, rate) = (sync.get("sr-ntpnstime").ok()?, sync.get("clock-rate").ok()?);
        (rate > 0).then_some(Self { ntp, rtp, rate })
    }

    /// How much later the time stamp of a packet is than its time by this clock, in nanoseconds.
    fn ahead(&self, packet: &gst::BufferRef) -> Option<gst::ClockTimeDiff> {
        let mut rtp = [0; 4];
        // RFC 3550, 5.1.
        packet.copy_to_slice(4, &mut rtp).ok()?;
        let since = i64::from(u32::from_be_bytes(rtp).wrapping_sub(self.rtp) as i32);
        let sent = self.ntp as i64 + since * 1_000_000_000 / i64::from(self.rate);
        Some((packet.pts()?.nseconds() as i64).wrapping_sub(sent))
    }
}

/// Finds out how the tracks belong together by the sender's clock. The library does so only for tracks of one name
/// (CNAME), which ffmpeg does not send.
fn follow_clock(bin: &gst::Bin, publication: &Arc<Publication>) {
    let track_of = |depay: gst::Element| {
        let sink = depay.static_pad("src")?.peer()?.parent_element()?;
        SINKS.iter().position(|name| sink.name() == *name)
    };
    let places = (0..).map_while(|place| bin.by_name(&format!("depay{place}")));
    let tracks: Vec<Option<usize>> = places.map(track_of).collect();
    let Some(pipeline) = bin.parent().and_downcast::<gst::Bin>() else { return };
    for element in pipeline.iterate_all_by_element_factory_name("rtpbin").into_iter().flatten() {
        let (tracks, publication) = (tracks.clone(), publication.clone());
        element.connect("new-jitterbuffer", false, move |values| {
            let (buffer, place) = (values[1].get::<gst::Element>().ok()?, values[2].get::<u32>().ok()?);
            let track = (*tracks.get(place as usize)?)?;
            let report = Arc::new(Mutex::new(None));
            buffer.connect("handle-sync", false, {
                let report = report.clone();
                move |values| {
                    let sync = values[1].get::<gst::Structure>().ok()?;
                    if let Some(fresh) = SenderReport::of(&sync) {
                        *report.lock().unwrap() = Some(fresh);
                    }
                    None
                }
            });
            let publication = publication.clone();
            buffer.static_pad("src")?.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                let report: Option<SenderReport> = *report.lock().unwrap();
                if let Some(ahead) =
                    report.zip(info.buffer()).and_then(|(report, packet)| report.ahead(packet))
                {
                    publication.set_ahead(track, ahead);
                }
                gst::PadProbeReturn::Ok
            });
            None
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_sent_is_told_from_what_is_to_be_read() {
        for offers in [
            "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record",
            "RTP/AVP;unicast;client_port=4-5;Mode=\"RECORD\"",
            "RTP/AVP;unicast;client_port=4-5;mode=record, RTP/AVP/TCP;unicast;mode=record",
        ] {
            assert!(records(offers), "{offers}");
        }
        for offers in [
            "",
            "RTP/AVP/TCP;unicast;interleaved=0-1",
            "RTP/AVP;unicast;mode=play;x=record",
            // The library could take the one that is to be read.
            "RTP/AVP/TCP;unicast;interleaved=0-1,RTP/AVP;unicast;mode=record",
            "RTP/AVP/TCP;unicast;mode=record;mode=play",
        ] {
            assert!(!records(offers), "{offers}");
        }
    }

    #[test]
    fn each_encoding_that_is_announced_finds_what_takes_it() {
        gst::init().unwrap();
        let description = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
            m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n\
            m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/44100/2\r\n\
            a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1210\r\n\
            m=audio 0 RTP/AVP 0\r\n\
            m=video 0 RTP/AVP 26\r\n\
            m=application 0 RTP/AVP 98\r\na=rtpmap:98 vnd.onvif.metadata/90000\r\n";
        let description = SDPMessage::parse_buffer(description.as_bytes()).unwrap();
        let found: Vec<_> = description.medias().map(depayloader).collect();
        let names: Vec<_> = found.iter().map(|name| name.as_deref().unwrap_or_default()).collect();
        assert_eq!(names, ["rtph264depay", "rtpmp4gdepay", "rtppcmudepay", "rtpjpegdepay", ""]);
    }

    #[test]
    fn a_packet_is_placed_by_the_clock_of_its_sender() {
        gst::init().unwrap();
        let report = SenderReport { ntp: 10_000_000_000, rtp: 0xffff_fff0, rate: 8 };
        // A second and a half before it, and after it where the RTP clock has begun anew.
        for (rtp, sent) in [(0xffff_ffe4_u32, 8_500_000_000_i64), (4, 12_500_000_000)] {
            let mut packet = [0x80, 96, 0, 0].to_vec();
            packet.extend(rtp.to_be_bytes());
            let mut packet = gst::Buffer::from_slice(packet);
            packet.get_mut().unwrap().set_pts(gst::ClockTime::from_seconds(3));
            assert_eq!(report.ahead(&packet), Some(3_000_000_000 - sent));
        }
    }
}
