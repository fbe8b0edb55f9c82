//! Where a stream's thread and the RTSP server meet: the encoded pictures of one rendition with their sound, and
//! whether somebody wants them. Shared by all threads; nothing here waits.

use super::allowance::Allowance;
use super::clock::TimeLine;
use super::gop::{Gop, Kept, MOST_KEPT, is_key};
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

/// What a media has at most: the pictures come first, the sound behind them.
pub const TRACKS: usize = 2;

/// Which tracks of a media a reader takes, by their place in it.
pub type Taken = [bool; TRACKS];

/// What there is of each track, of those that are taken.
pub fn of_taken<T>(tracks: &[T; TRACKS], taken: Taken) -> impl Iterator<Item = &T> {
    tracks.iter().zip(taken).filter_map(|(track, is_taken)| is_taken.then_some(track))
}

/// One rendition's encoded pictures, and sound.
#[derive(Debug)]
pub struct Feed {
    producer: StreamProducer,
    sound_producer: StreamProducer,
    /// How many media, and so readers, need the encoder.
    demand: AtomicUsize,
    /// Of the encoded pictures, since the start.
    bytes: AtomicU64,
    /// Of each track.
    bytes_sent: [AtomicU64; TRACKS],
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
    /// Where the source's own pictures are passed through.
    passing: Option<Passing>,
    sound: SoundPart,
    /// The media that are fed now.
    media: Vec<Fed>,
}

/// The source's own pictures. No encoder can be asked for a key frame: so those since the last one are kept.
#[derive(Debug, Default)]
struct Passing {
    gop: Gop,
    /// What comes first refers to pictures that nobody has.
    awaits_key: bool,
    /// Those who decode them, to be looked at here.
    decoders: Vec<glib::WeakRef<AppSrc>>,
}

/// A media that is fed.
#[derive(Debug)]
struct Fed {
    pictures: glib::WeakRef<AppSrc>,
    sound: Option<glib::WeakRef<AppSrc>>,
    /// What it is described by, and when that is shown.
    key_frame: gst::Sample,
    since: gst::ClockTime,
    is_open: bool,
}

impl Fed {
    fn is_there(&self) -> bool {
        self.pictures.upgrade().is_some()
    }

    /// Gives it what is needed to go on with what comes next.
    fn catch_up(&self, gop: &Gop, now: gst::ClockTime) {
        let buffer = |picture: &gst::Sample| picture.buffer().map(gst::BufferRef::as_ptr);
        let has_key = gop.pictures().first().is_some_and(|key| buffer(key) == buffer(&self.key_frame));
        for picture in gop.brought_to(now, self.since).iter().skip(usize::from(has_key && !self.is_open)) {
            self.give(picture);
        }
    }

    fn give(&self, picture: &gst::Sample) {
        if let Some(media) = self.pictures.upgrade() {
            // Where it is being taken down, nobody wants it.
            let _ = media.push_sample(picture);
        }
    }
}

/// Whether there is sound beside the pictures.
#[derive(Debug, Default)]
enum SoundPart {
    #[default]
    Unknown,
    None,
    /// The first sound, with its caps, once it came. It is stamped so much earlier than now.
    Line {
        first: Option<gst::Sample>,
        lag: gst::ClockTime,
    },
}

/// What a media is described by.
pub struct Described {
    pub picture: gst::Caps,
    pub sound: Option<gst::Caps>,
}

impl Shared {
    fn described(&self) -> Option<Described> {
        let sound = match &self.sound {
            SoundPart::Unknown => return None,
            SoundPart::None => None,
            SoundPart::Line { first, .. } => Some(first.as_ref()?.caps_owned()?),
        };
        Some(Described { picture: self.key_frame.as_ref()?.caps_owned()?, sound })
    }
}

impl Feed {
    pub fn new(commands: mpsc::Sender<Command>) -> Result<Arc<Self>, StreamError> {
        let (producer, sound_producer) = (make_producer("feed"), make_producer("sound-feed"));
        let feed = Arc::new(Self {
            producer,
            sound_producer,
            demand: AtomicUsize::default(),
            bytes: AtomicU64::default(),
            bytes_sent: Default::default(),
            commands,
            shared: Mutex::default(),
        });
        feed.look_at_pictures();
        feed.hold_back_requests();
        feed.keep_first_sound();
        Ok(feed)
    }

    /// The producer asks for a key frame at each picture that a media cannot go on with. A media that begins gets the
    /// one that its reader's PLAY asks for; where readers come and go, the producer would ask at nearly every picture.
    /// One that has lost pictures gets it from here.
    fn hold_back_requests(self: &Arc<Self>) {
        let feed = Arc::downgrade(self);
        let allowance = Mutex::new(Allowance::new(1, THEN_EACH, Instant::now()));
        let pad = self.sink().static_pad("sink").expect("an appsink has a sink pad");
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
    fn look_at_pictures(self: &Arc<Self>) {
        let feed = Arc::downgrade(self);
        let pad = self.sink().static_pad("sink").expect("an appsink has a sink pad");
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let (Some(feed), Some(buffer), Some(caps)) = (feed.upgrade(), info.buffer(), pad.current_caps())
            else {
                return gst::PadProbeReturn::Ok;
            };
            feed.bytes.fetch_add(buffer.size() as u64, Ordering::Relaxed);
            if is_key(buffer) {
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

    fn keep_first_sound(self: &Arc<Self>) {
        let feed = Arc::downgrade(self);
        let pad = self.sound_sink().static_pad("sink").expect("an appsink has a sink pad");
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let (Some(feed), Some(buffer), Some(caps)) =
                (feed.upgrade(), info.buffer(), pad.current_caps())
                && let SoundPart::Line { first: first @ None, .. } = &mut feed.shared.lock().unwrap().sound
            {
                *first = Some(gst::Sample::builder().buffer(buffer).caps(&caps).build());
                feed.send(Command::Described);
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// The sink to end the sound's line with. One at a time.
    pub fn sound_sink(&self) -> &AppSink {
        self.sound_producer.appsink()
    }

    /// Says whether there is sound beside the pictures, and how much earlier than now it is stamped. To be said once:
    /// readers are told.
    pub fn set_sound(&self, lag: Option<gst::ClockTime>) {
        self.shared.lock().unwrap().sound =
            lag.map_or(SoundPart::None, |lag| SoundPart::Line { first: None, lag });
    }

    /// Whether sound is needed to describe the stream by.
    pub fn awaits_sound(&self) -> bool {
        matches!(self.shared.lock().unwrap().sound, SoundPart::Line { first: None, .. })
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
        self.described().is_some()
    }

    /// Whether a reader that asks now can be given pictures.
    pub fn is_serving(&self) -> bool {
        let shared = self.shared.lock().unwrap();
        shared.serving && shared.described().is_some()
    }

    pub fn set_serving(&self, serving: bool) {
        self.shared.lock().unwrap().serving = serving;
    }

    /// Asks the encoder for a key frame at this moment, or soon after: a reader has come.
    pub fn request_key_frame(&self, due: Instant) {
        self.send(Command::KeyFrame(due));
    }

    /// What was handed to each reader on TCP that takes these tracks of the media of this feed, since the program
    /// began; in bytes.
    pub fn bytes_sent(&self, taken: Taken) -> u64 {
        of_taken(&self.bytes_sent, taken).map(|bytes| bytes.load(Ordering::Relaxed)).sum()
    }

    pub fn count_sent(&self, track: usize, bytes: usize) {
        if let Some(sent) = self.bytes_sent.get(track) {
            sent.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// The slate comes from now on: a sleeping stream is not described by that.
    pub fn cover(&self) {
        self.shared.lock().unwrap().covered = true;
    }

    /// The slate is over. Of a source that is passed through, media are given what came meanwhile.
    pub fn uncover(&self, now: gst::ClockTime) {
        let shared = &mut *self.shared.lock().unwrap();
        if std::mem::take(&mut shared.covered)
            && let Some(passing) = &shared.passing
        {
            shared
                .media
                .iter()
                .filter(|media| media.is_open)
                .for_each(|media| media.catch_up(&passing.gop, now));
        }
    }

    /// Says whether the pictures come by [`Feed::pass`] from now on, beginning with a key frame.
    pub fn set_passing(&self, passing: bool) {
        let passing = passing.then(|| Passing { awaits_key: true, ..Passing::default() });
        self.shared.lock().unwrap().passing = passing;
    }

    /// What is passed next does not go on from what was passed before. Returns what was kept.
    pub fn cut(&self) -> Gop {
        let mut shared = self.shared.lock().unwrap();
        let Some(passing) = &mut shared.passing else { return Gop::default() };
        passing.awaits_key = true;
        std::mem::take(&mut passing.gop)
    }

    /// Whether an encoder makes a key frame when it is asked for one.
    pub fn answers_key_requests(&self) -> bool {
        self.shared.lock().unwrap().passing.is_none()
    }

    /// Takes a picture of the source's, in real time and in the order of decoding.
    pub fn pass(&self, picture: &gst::Sample) {
        let Some(buffer) = picture.buffer() else { return };
        let shared = &mut *self.shared.lock().unwrap();
        let Some(passing) = &mut shared.passing else { return };
        let is_key = is_key(buffer);
        if passing.awaits_key && !is_key {
            return;
        }
        passing.awaits_key = false;
        passing.gop.keep(picture);
        for decoder in passing.decoders.iter().filter_map(glib::WeakRef::upgrade) {
            let _ = decoder.push_sample(picture);
        }
        if !shared.covered {
            if self.is_wanted() {
                self.bytes.fetch_add(buffer.size() as u64, Ordering::Relaxed);
            }
            shared.media.iter().filter(|media| media.is_open).for_each(|media| media.give(picture));
        }
        if is_key && shared.key_frame.replace(picture.clone()).is_none() {
            self.send(Command::Described);
        }
    }

    /// Gives a decoder what is kept, and then what is passed.
    pub fn decode(&self, decoder: &AppSrc) -> Option<Kept> {
        let mut shared = self.shared.lock().unwrap();
        let passing = shared.passing.as_mut()?;
        passing.decoders.retain(|decoder| decoder.upgrade().is_some());
        for picture in passing.gop.pictures() {
            let _ = decoder.push_sample(picture);
        }
        passing.decoders.push(decoder.downgrade());
        passing.gop.kept()
    }

    /// What readers are told, once all of it is known.
    pub fn described(&self) -> Option<Described> {
        self.shared.lock().unwrap().described()
    }

    /// Feeds a media. It gets the latest key frame and the first sound at once, to be described by, and what
    /// comes from [`Input::open`] on. The encoders run until the input is dropped.
    pub fn attach(
        self: &Arc<Self>,
        source: &AppSrc,
        sound_source: Option<&AppSrc>,
        time: &TimeLine,
    ) -> Option<Input> {
        let mut links = vec![self.producer.add_consumer(source).ok()?];
        if let Some(sound_source) = sound_source {
            links.push(self.sound_producer.add_consumer(sound_source).ok()?);
        }
        links.iter().for_each(|link| link.set_discard(true));
        let now = time.now();
        let (key_frame, since, sound) = {
            let mut shared = self.shared.lock().unwrap();
            let key_frame = shared.key_frame.clone()?;
            let mut since = now;
            if let Some(passing) = &shared.passing {
                // What would be left out here nobody could do without.
                source.set_max_time(gst::ClockTime::ZERO);
                source.set_max_bytes(2 * MOST_KEPT as u64);
                since = now.saturating_sub(passing.gop.lead());
            }
            shared.media.retain(Fed::is_there);
            shared.media.push(Fed {
                pictures: source.downgrade(),
                sound: sound_source.map(AppSrc::downgrade),
                key_frame: key_frame.clone(),
                since,
                is_open: false,
            });
            let sound = match &shared.sound {
                SoundPart::Line { first, lag } => first.clone().map(|first| (first, *lag)),
                SoundPart::Unknown | SoundPart::None => None,
            };
            (key_frame, since, sound)
        };
        push(source, &key_frame, since)?;
        if let Some(sound_source) = sound_source {
            let (first, lag) = sound?;
            // Before what comes next, which begins with what is encoded now.
            let length = first.buffer()?.duration().unwrap_or_default();
            push(sound_source, &first, now.saturating_sub(lag + length + length))?;
        }
        self.demand.fetch_add(1, Ordering::AcqRel);
        self.send(Command::Demand);
        Some(Input { feed: self.clone(), links, pictures: source.downgrade(), time: time.clone() })
    }

    /// Ends every media that is fed: their readers get an RTCP BYE. What is known of the pictures is
    /// forgotten.
    pub fn end(&self) {
        let media = {
            let mut shared = self.shared.lock().unwrap();
            shared.serving = false;
            shared.key_frame = None;
            shared.sound = SoundPart::Unknown;
            std::mem::take(&mut shared.media)
        };
        for media in &media {
            let inputs = [Some(&media.pictures), media.sound.as_ref()];
            for input in inputs.into_iter().flatten().filter_map(glib::WeakRef::upgrade) {
                let _ = input.end_of_stream();
            }
        }
    }

    fn send(&self, command: Command) {
        // Nobody listens any more when the stream is gone, and then nothing has to be done.
        let _ = self.commands.send(command);
    }
}

fn make_producer(name: &str) -> StreamProducer {
    let sink = AppSink::builder().name(name).build();
    // Otherwise the pipeline would wait for the first picture to reach a sink that comes late.
    sink.set_property("async", false);
    // What comes is paced already; waiting for the clock again would only add to the latency.
    let producer = StreamProducer::with(&sink, ProducerSettings { sync: false });
    // The end of a source is no end for the readers.
    producer.set_forward_events([]);
    producer
}

/// Gives a media something from before, as if it were of this moment.
fn push(source: &AppSrc, sample: &gst::Sample, at: gst::ClockTime) -> Option<()> {
    let mut buffer = sample.buffer_owned()?;
    {
        let buffer = buffer.make_mut();
        buffer.set_pts(at);
        buffer.set_dts(at);
    }
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    let sample = gst::Sample::builder().buffer(&buffer).caps(&sample.caps_owned()?).segment(&segment).build();
    source.push_sample(&sample).ok().map(drop)
}

/// A media that is fed. Dropping it ends that.
#[derive(Debug)]
#[must_use]
pub struct Input {
    feed: Arc<Feed>,
    links: Vec<ConsumptionLink>,
    pictures: glib::WeakRef<AppSrc>,
    time: TimeLine,
}

impl Input {
    /// Lets the pictures through, beginning with a key frame, and the sound.
    pub fn open(&self) {
        self.links.iter().for_each(|link| link.set_discard(false));
        let shared = &mut *self.feed.shared.lock().unwrap();
        let Some(media) = shared.media.iter_mut().find(|media| media.pictures == self.pictures) else {
            return;
        };
        if let (Some(passing), false) = (&shared.passing, media.is_open || shared.covered) {
            media.catch_up(&passing.gop, self.time.now());
        }
        media.is_open = true;
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
