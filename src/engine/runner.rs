//! The thread that owns a stream's graph. Commands come in from any thread, events go out to the main one;
//! changing a pipeline's state can wait for a device or a decoder, and that is nobody's business but this
//! thread's.

use super::allowance::Allowance;
use super::clock::TimeLine;
use super::devices::{CAMERAS, Following};
use super::feed::Feed;
use super::gop::Gop;
use super::ingest::Ingest;
use super::pipeline::passthrough::{self, Plan};
use super::pipeline::{Callbacks, Format, Graph, LastPicture, SharedFormat};
use super::sound::{self, Line, Track};
use super::source::{self, Source, Wanted, retry};
use super::state::{
    DeviceError, Encoding, MicrophoneError, Publisher, Reencoded, ScreenError, SoundEncoding, StreamError,
    StreamState,
};
use crate::config::{self, Password, Slate, StreamConfig};
use gst::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime};

/// A source may take so long for its first picture: some cameras have to be found, asked and started.
const FIRST_PICTURE: Duration = Duration::from_secs(10);
/// How often it is looked at whether pictures come.
const WATCH: Duration = Duration::from_millis(250);
/// Key frames on demand are at least so far apart: each costs as much as many ordinary ones.
const KEY_FRAME_SPACING: Duration = Duration::from_millis(50);
/// So many readers get their own key frame when they come at once, from wherever; then one each second serves all.
const KEY_FRAMES_AT_ONCE: u32 = 100;
const THEN_KEY_FRAME_EACH: Duration = Duration::from_secs(1);

/// Sound that comes over a network or from a microphone goes out so much later than the pictures: it comes in larger
/// pieces, and a little behind them.
const LIVE_SOUND_LAG: gst::ClockTime = gst::ClockTime::from_mseconds(150);

/// What a stream's thread is asked to do, or told.
#[derive(Debug)]
pub enum Command {
    /// Serve this from now on, with the password of its source. What runs ends first, and its readers with it.
    Restart(Box<StreamConfig>, Option<Password>),
    /// The same stream with other overlays, bitrate or name: nobody notices.
    Adjust(Box<StreamConfig>),
    /// Say that the stream failed, and do nothing until it is restarted.
    HoldOff(StreamError),
    /// Somebody came to read, or left: see the feed.
    Demand,
    /// Somebody began to publish, or ended: see the ingest.
    Publisher,
    /// The feed has its first key frame, or its first sound.
    Described,
    /// A reader is due for a key frame at this moment. One that was made meanwhile is as good.
    KeyFrame(Instant),
    AddBranch(u64, gst::Bin),
    RemoveBranch(u64),
    /// Somebody looks at the level of the sound, or no longer.
    AddMeter,
    RemoveMeter,
    /// From a graph's callbacks; `graph` tells those of graphs that are gone.
    Graph {
        graph: u64,
        what: GraphEvent,
    },
    /// Of the graph of the slate.
    Slate(gst::Message),
    /// What the source needs may be there again.
    Retry,
    /// Of the line of the sound.
    Sound(gst::Message),
    /// End the thread.
    Stop,
}

#[derive(Debug)]
pub enum GraphEvent {
    Flowing,
    /// The source's own pictures cannot be served.
    Unfit(Reencoded),
    Source(source::Event),
    Message(gst::Message),
}

/// What a stream's thread tells the main thread.
#[derive(Debug, Clone)]
pub enum Event {
    State(StreamState),
    Encoding(Option<Encoding>),
    Sound(Option<SoundEncoding>),
    /// Why the microphone beside its camera is not heard.
    Microphone(Option<MicrophoneError>),
    Publisher(Option<Publisher>),
    /// What stands for the screen that the user chose; none where that is over.
    Token(Option<Password>),
    /// See [`Stream::level`](super::Stream::level).
    Level(f64),
}

/// What the thread knows.
struct Runner {
    config: StreamConfig,
    password: Option<Password>,
    feed: Arc<Feed>,
    ingest: Arc<Ingest>,
    time: TimeLine,
    commands: mpsc::Sender<Command>,
    events: async_channel::Sender<Event>,
    graph: Option<Graph>,
    /// What readers get while the source is lost.
    slate: Option<Graph>,
    /// The user's picture cannot be shown.
    slate_is_broken: bool,
    last_picture: LastPicture,
    /// What the last picture is decoded from, where it was passed through.
    last_gop: Gop,
    /// Why the source's own pictures are not served, as it turned out.
    reencoded_for: Option<Reencoded>,
    /// How sound is served, or that none is; not known before the source was opened first.
    sound: Option<Option<SoundEncoding>>,
    /// What the sound is taken from: that of the source, while there is one.
    track: sound::Slot,
    line: Option<Line>,
    /// Why the microphone beside the camera is not heard, as it was told.
    microphone: Option<MicrophoneError>,
    /// How many look at the level.
    meters: usize,
    /// Since when there is no signal.
    lost_at: Option<glib::DateTime>,
    /// The number of the graph, or of the next one.
    graph_number: u64,
    awake: bool,
    state: StreamState,
    format: SharedFormat,
    encoding: Option<Encoding>,
    branches: BTreeMap<u64, gst::Bin>,
    /// What a missing-plugin message named last that is needed for a picture.
    missing_plugin: Option<String>,
    attempt: u32,
    retry_at: Option<Instant>,
    /// Where the source waits for a camera that is plugged in.
    cameras: Option<Following>,
    key_frame_at: Option<Instant>,
    key_frames: Allowance,
    last_key_frame: Instant,
    /// The picture count when it was last looked at, and since when it has stood there.
    watched: (u64, Instant),
    /// When it is looked at next.
    watch_at: Instant,
    /// What a graph told while it was asleep. Its threads are held in the middle of what they do, and would
    /// hold this one.
    kept: Vec<GraphEvent>,
}

/// Starts the thread of a stream. It ends on [`Command::Stop`].
pub fn spawn(
    config: StreamConfig,
    time: TimeLine,
    feed: Arc<Feed>,
    ingest: Arc<Ingest>,
    commands: mpsc::Sender<Command>,
    inbox: mpsc::Receiver<Command>,
    events: async_channel::Sender<Event>,
) -> std::io::Result<()> {
    let name = format!("stream {}", config.id);
    let now = Instant::now();
    let runner = Runner {
        config,
        password: None,
        feed,
        ingest,
        time,
        commands,
        events,
        graph: None,
        slate: None,
        slate_is_broken: false,
        last_picture: LastPicture::default(),
        last_gop: Gop::default(),
        reencoded_for: None,
        sound: None,
        track: sound::Slot::default(),
        line: None,
        microphone: None,
        meters: 0,
        lost_at: None,
        graph_number: 0,
        awake: false,
        state: StreamState::Stopped,
        format: Arc::default(),
        encoding: None,
        branches: BTreeMap::new(),
        missing_plugin: None,
        attempt: 0,
        retry_at: None,
        cameras: None,
        key_frame_at: None,
        key_frames: Allowance::new(KEY_FRAMES_AT_ONCE, THEN_KEY_FRAME_EACH, now),
        last_key_frame: now,
        watched: (0, now),
        watch_at: now,
        kept: Vec::new(),
    };
    std::thread::Builder::new().name(name).spawn(move || runner.run(&inbox)).map(|_| ())
}

impl Runner {
    fn run(mut self, inbox: &mpsc::Receiver<Command>) {
        loop {
            let command = match self.next_deadline() {
                Some(at) if at <= Instant::now() => None,
                Some(at) => match inbox.recv_timeout(at.saturating_duration_since(Instant::now())) {
                    Ok(command) => Some(command),
                    Err(mpsc::RecvTimeoutError::Timeout) => None,
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                },
                None => match inbox.recv() {
                    Ok(command) => Some(command),
                    Err(mpsc::RecvError) => break,
                },
            };
            let result = match command {
                Some(Command::Stop) => break,
                Some(command) => self.handle(command),
                None => self.on_deadline(),
            };
            if let Err(reason) = result {
                self.lost(reason);
            }
            self.tell_of_microphone();
        }
        // Readers are told first: the graph may take its time.
        self.feed.end();
        self.line = None;
        self.shut_down();
        self.end_slate();
    }

    fn next_deadline(&self) -> Option<Instant> {
        let watch = (self.graph.is_some() && self.awake).then_some(self.watch_at);
        [self.retry_at, self.key_frame_at, watch].into_iter().flatten().min()
    }

    fn handle(&mut self, command: Command) -> Result<(), StreamError> {
        match command {
            Command::Restart(config, password) => {
                self.feed.set_serving(false);
                self.line = None;
                self.shut_down();
                self.end_slate();
                self.feed.end();
                self.set_sound(None);
                self.set_microphone(None);
                self.slate_is_broken = false;
                self.lost_at = None;
                self.last_picture.lock().unwrap().take();
                self.last_gop.clear();
                self.reencoded_for = None;
                self.config = *config;
                self.password = password;
                *self.format.lock().unwrap() = None;
                self.attempt = 0;
                self.retry_at = None;
                self.cameras = None;
                self.set_encoding(None);
                if self.config.enabled {
                    return self.start();
                }
                self.set_state(StreamState::Stopped);
                Ok(())
            }
            Command::Adjust(config) => {
                let way = self.way();
                let slate = std::mem::replace(&mut self.config, *config).slate;
                if slate != self.config.slate {
                    self.slate_is_broken = false;
                    self.end_slate();
                    self.cover();
                }
                if let Some(line) = &self.line {
                    line.set(&self.config.sound);
                }
                if self.graph.is_some() && (way == Plan::PassThrough) != (self.way() == Plan::PassThrough) {
                    return self.start_again(None);
                }
                self.adjust()
            }
            Command::Retry => {
                self.retry_at = self.retry_at.map(|_| Instant::now());
                Ok(())
            }
            Command::Sound(message) => self.sound_told(&message),
            Command::Slate(message) => {
                self.slate_failed(&message);
                Ok(())
            }
            Command::HoldOff(reason) => {
                self.set_state(StreamState::Failed { reason });
                Ok(())
            }
            Command::Publisher => self.publisher_changed(),
            Command::Demand | Command::Described => self.look_after_demand(),
            Command::KeyFrame(due) => {
                let now = Instant::now();
                let due = due.max(self.last_key_frame + KEY_FRAME_SPACING);
                if self.key_frame_at.is_some_and(|planned| planned <= due) {
                    return Ok(());
                }
                let due = due.max(self.key_frames.take(now));
                if due <= now {
                    self.send_key_frame_request();
                } else {
                    self.key_frame_at = Some(self.key_frame_at.map_or(due, |planned| planned.min(due)));
                }
                Ok(())
            }
            Command::AddBranch(number, bin) => {
                self.branches.insert(number, bin.clone());
                if let (Some(graph), true) = (&mut self.graph, self.awake) {
                    graph.add_branch(number, &bin)?;
                }
                self.look_after_demand()
            }
            Command::RemoveBranch(number) => {
                let bin = self.branches.remove(&number);
                if let Some(graph) = &mut self.graph {
                    graph.remove_branch(number);
                }
                if let Some(bin) = bin {
                    let _ = bin.set_state(gst::State::Null);
                }
                self.look_after_demand()
            }
            Command::AddMeter => {
                self.meters += 1;
                self.look_after_sound()
            }
            Command::RemoveMeter => {
                self.meters = self.meters.saturating_sub(1);
                self.look_after_sound()
            }
            Command::Graph { graph, what } if graph == self.graph_number => self.handle_graph(what),
            Command::Graph { .. } | Command::Stop => Ok(()),
        }
    }

    fn handle_graph(&mut self, what: GraphEvent) -> Result<(), StreamError> {
        // A screen is shared, or not any more, whether it is looked at or not.
        let is_of_screen = matches!(what, GraphEvent::Source(source::Event::Screen(_)));
        if !self.awake && !is_of_screen {
            self.kept.push(what);
            return Ok(());
        }
        match what {
            GraphEvent::Flowing => self.flowing(),
            GraphEvent::Unfit(reason) | GraphEvent::Source(source::Event::Unfit(reason)) => {
                self.encode_instead(reason)
            }
            GraphEvent::Source(event) => {
                if let Some(graph) = &mut self.graph {
                    graph.source().handle(event)?;
                    if let Some(token) = graph.source().take_token() {
                        self.password = Some(token.clone());
                        let _ = self.events.try_send(Event::Token(Some(token)));
                    }
                }
                self.decide_on_sound()
            }
            GraphEvent::Message(message) => self.handle_message(&message),
        }
    }

    fn handle_message(&mut self, message: &gst::Message) -> Result<(), StreamError> {
        let Some(graph) = &mut self.graph else { return Ok(()) };
        match message.view() {
            gst::MessageView::Error(error) => {
                let missing = self.missing_plugin.take();
                match error.src() {
                    Some(source) if graph.is_of_source(source) => graph.source().failed(error, missing),
                    // Readers are served all the same.
                    Some(source) if graph.is_of_previews(source) => {
                        tracing::warn!(
                            "{}: no preview: {}",
                            self.config.id,
                            StreamError::from_message(error)
                        );
                        Ok(())
                    }
                    // What was closed meanwhile.
                    Some(source) if !graph.has(source) => Ok(()),
                    _ => Err(StreamError::from_message(error)),
                }
            }
            gst::MessageView::Warning(warning) => {
                tracing::warn!("{}: {}", self.config.id, warning.error());
                Ok(())
            }
            gst::MessageView::Element(element) => {
                if let Some(missing) = element.structure().and_then(missing_for_pictures) {
                    self.missing_plugin = Some(missing);
                }
                Ok(())
            }
            gst::MessageView::StreamCollection(message) => match message.src() {
                Some(source) if graph.has(source) => {
                    graph.source().offered(&message.stream_collection())?;
                    self.decide_on_sound()
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn publisher_changed(&mut self) -> Result<(), StreamError> {
        let current = self.ingest.current();
        let publisher = current.as_ref().map(|current| current.publisher.clone());
        let _ = self.events.try_send(Event::Publisher(publisher));
        if self.graph.as_mut().is_some_and(|graph| !graph.source().is_up_to_date(&self.ingest)) {
            self.lost(StreamError::NotPublished);
        }
        // Nobody has to wait for the next attempt.
        let is_lost = matches!(self.state, StreamState::Reconnecting { .. });
        if is_lost && current.is_some() && matches!(self.config.source, config::Source::Published(_)) {
            self.retry_at = None;
            self.attempt = 0;
            return self.start();
        }
        Ok(())
    }

    /// Whether the source's own pictures are served.
    fn way(&self) -> Plan {
        match (passthrough::plan(&self.config), self.reencoded_for) {
            (Plan::PassThrough, Some(reason)) => Plan::Encode(Some(reason)),
            (plan, _) => plan,
        }
    }

    /// The source's own pictures turned out not to be what can be served, or not what readers were told.
    fn encode_instead(&mut self, reason: Reencoded) -> Result<(), StreamError> {
        tracing::debug!("{}: not passed through: {reason:?}", self.config.id);
        self.reencoded_for = Some(reason);
        if !self.feed.is_described() {
            *self.format.lock().unwrap() = None;
        }
        let playing = self.graph.as_mut().and_then(|graph| graph.source().playing());
        self.start_again(playing)
    }

    /// Opens the source once more, to serve it in another way; readers stay.
    fn start_again(&mut self, playing: Option<PathBuf>) -> Result<(), StreamError> {
        self.shut_down();
        self.start_from(playing)
    }

    fn start(&mut self) -> Result<(), StreamError> {
        // What it brings now may be as it was.
        self.reencoded_for.take_if(|reason| *reason == Reencoded::SourceChanged);
        self.start_from(None)
    }

    /// `playing` is the file of a playlist to begin with.
    fn start_from(&mut self, playing: Option<PathBuf>) -> Result<(), StreamError> {
        if !matches!(self.state, StreamState::Reconnecting { .. }) {
            self.set_state(StreamState::Starting);
        }
        self.graph_number += 1;
        let number = self.graph_number;
        let sender = |commands: &mpsc::Sender<Command>| {
            let commands = commands.clone();
            move |what| {
                let _ = commands.send(Command::Graph { graph: number, what });
            }
        };
        let [flowing, unfit, of_source, message] = std::array::from_fn(|_| sender(&self.commands));
        let callbacks = Callbacks {
            flowing: Box::new(move || flowing(GraphEvent::Flowing)),
            unfit: Box::new(move |reason| unfit(GraphEvent::Unfit(reason))),
            message: Box::new(move |received| {
                if matches!(
                    received.type_(),
                    gst::MessageType::Error
                        | gst::MessageType::Warning
                        | gst::MessageType::Element
                        | gst::MessageType::StreamCollection
                ) {
                    message(GraphEvent::Message(received));
                }
            }),
        };
        let config = &self.config;
        let notify = Arc::new(move |event| of_source(GraphEvent::Source(event)));
        let plan = match &self.sound {
            None => sound::plan(config.sound.codec).transpose()?,
            Some(decided) => decided.clone(),
        };
        let track = plan.map(|plan| Arc::new(Track::new(plan.format, self.time.clone())));
        let (rendition, password) = (config.main_rendition(), self.password.as_ref());
        let way = self.way();
        let wanted = if way == Plan::PassThrough { Wanted::Coded } else { Wanted::Decoded };
        let source = Source::new(
            &config.source,
            wanted,
            &rendition,
            password,
            track.as_ref(),
            &self.ingest,
            playing,
            notify,
        )?;
        self.track.lock().unwrap().clone_from(&track);
        let (format, time) = (self.format.clone(), &self.time);
        self.graph = Some(match way {
            Plan::PassThrough => {
                let feed = self.feed.clone();
                Graph::pass_through(config, source, track, time, format, feed, callbacks)?
            }
            Plan::Encode(needed_for) => {
                self.feed.set_passing(false);
                let last = self.last_picture.clone();
                Graph::encode(config, source, track, time, format, last, needed_for, callbacks)?
            }
        });
        self.wake()
    }

    fn wake(&mut self) -> Result<(), StreamError> {
        let Some(graph) = &mut self.graph else { return Ok(()) };
        self.watched = (0, Instant::now());
        self.watch_at = Instant::now() + WATCH;
        add_branches(&self.branches, graph)?;
        // Where the format is known, the encoder is there for the first picture. The slate has one until then.
        self.awake = true;
        if self.feed.is_wanted() && self.slate.is_none() {
            self.start_encoding()?;
        }
        if let Some(graph) = &mut self.graph {
            graph.wake()?;
        }
        for what in std::mem::take(&mut self.kept) {
            self.handle_graph(what)?;
        }
        Ok(())
    }

    /// The first picture passed since the source was woken.
    fn flowing(&mut self) -> Result<(), StreamError> {
        self.attempt = 0;
        self.lost_at = None;
        self.end_slate();
        // Where it was not known before what there is to be decoded.
        if let Some(graph) = &mut self.graph {
            add_branches(&self.branches, graph)?;
        }
        if !self.feed.is_described() || self.feed.is_wanted() {
            self.start_encoding()?;
        }
        self.decide_on_sound()?;
        self.look_after_demand()
    }

    /// Whether there is sound is decided once, by the source as it is when its first picture comes.
    fn decide_on_sound(&mut self) -> Result<(), StreamError> {
        let Some(graph) = self.graph.as_mut().filter(|graph| self.sound.is_none() && graph.pictures() > 0)
        else {
            return Ok(());
        };
        let plan = match sound::plan(self.config.sound.codec).transpose()? {
            None => None,
            Some(plan) => match graph.source().has_sound() {
                None => return Ok(()),
                Some(has_sound) => has_sound.then_some(plan),
            },
        };
        self.feed.set_sound(plan.as_ref().map(|_| self.sound_lag()));
        self.set_sound(Some(plan));
        self.look_after_demand()
    }

    fn sound_lag(&self) -> gst::ClockTime {
        match self.config.source {
            config::Source::Relay(_) | config::Source::Published(_) | config::Source::Camera(_) => {
                LIVE_SOUND_LAG
            }
            config::Source::Pattern(_)
            | config::Source::File(_)
            | config::Source::Screen(_)
            | config::Source::Custom(_) => gst::ClockTime::ZERO,
        }
    }

    /// Starts the line of the sound or ends it, as it is needed: while somebody reads, whatever becomes of the source,
    /// until the stream is described, and while somebody looks at the level of a source that is awake.
    fn look_after_sound(&mut self) -> Result<(), StreamError> {
        let Some(Some(encoding)) = &self.sound else { return Ok(()) };
        let encodes = self.feed.is_wanted() || self.feed.awaits_sound();
        let is_needed = encodes || self.meters > 0 && self.awake;
        if self.line.as_ref().is_some_and(|line| !is_needed || line.is_encoding() != encodes) {
            self.line = None;
        }
        if is_needed && self.line.is_none() {
            let commands = self.commands.clone();
            self.line = Some(Line::start(
                encoding,
                &self.config.sound,
                self.track.clone(),
                self.sound_lag(),
                encodes.then_some(&*self.feed),
                &self.time,
                move |message| {
                    if matches!(message.type_(), gst::MessageType::Error | gst::MessageType::Element) {
                        let _ = commands.send(Command::Sound(message));
                    }
                },
            )?);
        }
        if let Some(line) = &self.line {
            line.tell_level(self.meters > 0);
        }
        Ok(())
    }

    fn sound_told(&mut self, message: &gst::Message) -> Result<(), StreamError> {
        // Of a line that was ended meanwhile.
        if !self.line.as_ref().is_some_and(|line| message.src().is_some_and(|source| line.has(source))) {
            return Ok(());
        }
        match message.view() {
            gst::MessageView::Error(error) => {
                self.line = None;
                Err(StreamError::from_message(error))
            }
            gst::MessageView::Element(element) => {
                if let Some(level) = element.structure().and_then(sound::level_of) {
                    let _ = self.events.try_send(Event::Level(level));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Wakes the source, lets it sleep, adds the encoder or takes it away: as they are needed.
    fn look_after_demand(&mut self) -> Result<(), StreamError> {
        let wanted = self.feed.is_wanted();
        let described = self.feed.is_described();
        let looked_at = !self.branches.is_empty();
        self.look_after_sound()?;
        self.cover();
        let Some(graph) = &mut self.graph else { return Ok(()) };
        if !self.awake {
            return if wanted || looked_at { self.wake() } else { Ok(()) };
        }
        if graph.pictures() == 0 {
            return Ok(());
        }
        if wanted && !graph.is_encoding() {
            self.start_encoding()?;
        } else if !wanted && described && graph.is_encoding() {
            graph.stop_encoding();
        }
        if !described {
            return Ok(());
        }
        self.feed.set_serving(true);
        if wanted || looked_at {
            self.set_state(StreamState::Live);
            return Ok(());
        }
        if let Some(graph) = &mut self.graph {
            graph.sleep();
        }
        self.awake = false;
        self.set_state(StreamState::Ready);
        self.look_after_sound()
    }

    fn start_encoding(&mut self) -> Result<(), StreamError> {
        let Some(graph) = &mut self.graph else { return Ok(()) };
        let Some(encoding) = graph.plan().filter(|_| !graph.is_encoding()) else { return Ok(()) };
        let encoding = encoding?;
        graph.start_encoding(&encoding, &self.feed)?;
        self.last_key_frame = Instant::now();
        self.set_encoding(Some(encoding));
        Ok(())
    }

    fn adjust(&mut self) -> Result<(), StreamError> {
        let Some(graph) = &mut self.graph else { return Ok(()) };
        graph.set_overlays(&self.config.overlays)?;
        graph.set_bitrate(&self.config.main_rendition());
        if let (Some(_), Some(Ok(encoding))) = (&self.encoding, graph.plan()) {
            self.set_encoding(Some(encoding));
        }
        Ok(())
    }

    fn send_key_frame_request(&mut self) {
        self.key_frame_at = None;
        if [&self.graph, &self.slate].into_iter().flatten().any(Graph::is_encoding) {
            self.last_key_frame = Instant::now();
            self.feed.force_key_frame();
        }
    }

    fn on_deadline(&mut self) -> Result<(), StreamError> {
        let now = Instant::now();
        if self.key_frame_at.is_some_and(|at| at <= now) {
            self.send_key_frame_request();
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.cameras = None;
            return self.start();
        }
        if let (Some(graph), true) = (&mut self.graph, self.awake && self.watch_at <= now) {
            self.watch_at = now + WATCH;
            graph.source().watch(now)?;
            let pictures = graph.pictures();
            let patience = Duration::from_secs(self.config.lost_after_seconds.into());
            let patience = if pictures == 0 { patience.max(FIRST_PICTURE) } else { patience };
            if pictures != self.watched.0 || graph.source().is_asking() {
                self.watched = (pictures, now);
            } else if now - self.watched.1 > patience {
                return Err(StreamError::NoPicture { seconds: patience.as_secs() });
            }
        }
        Ok(())
    }

    /// The source, or something behind it, failed.
    fn lost(&mut self, reason: StreamError) {
        self.shut_down();
        let is_over =
            matches!(reason, StreamError::Screen { reason: ScreenError::Closed | ScreenError::Denied });
        // Whoever ended it, or said no, is asked the next time.
        if is_over && self.password.take().is_some() {
            let _ = self.events.try_send(Event::Token(None));
        }
        if reason.is_lasting() {
            self.feed.set_serving(false);
            self.end_slate();
            self.set_state(StreamState::Failed { reason });
            return;
        }
        if self.lost_at.is_none() {
            self.lost_at = glib::DateTime::now_local().ok();
        }
        self.cover();
        if matches!(self.config.source, config::Source::Camera(_)) {
            self.watch_cameras(&reason);
        }
        // Whoever comes to send says so.
        let is_tried = reason != StreamError::NotPublished;
        let delay = is_tried.then(|| retry::delay(self.attempt, &reason, glib::random_double()));
        self.attempt = self.attempt.saturating_add(u32::from(is_tried));
        self.retry_at = delay.map(|delay| Instant::now() + delay);
        let next_try = delay.map(|delay| SystemTime::now() + delay);
        self.set_state(StreamState::Reconnecting { reason, next_try });
    }

    /// Whoever plugs the camera in need not wait for the next attempt.
    fn watch_cameras(&mut self, reason: &StreamError) {
        if matches!(reason, StreamError::Camera { reason: DeviceError::NotFound, .. }) {
            let commands = self.commands.clone();
            self.cameras = Some(CAMERAS.follow(move || {
                let _ = commands.send(Command::Retry);
            }));
        } else {
            CAMERAS.look_again();
        }
    }

    /// Shows readers the slate while the source is lost, if they shall have one, and as long as there are any.
    fn cover(&mut self) {
        let Some(since) = self.lost_at.clone() else { return };
        let format = *self.format.lock().unwrap();
        let (Some(format), true) = (format, self.config.slate != Slate::Off && self.feed.is_described())
        else {
            return self.feed.set_serving(false);
        };
        self.feed.set_serving(true);
        match (self.feed.is_wanted(), &self.slate) {
            (true, None) => {
                if let Err(reason) = self.start_slate(&format, &since) {
                    tracing::warn!("{}: no slate: {reason}", self.config.id);
                    self.end_slate();
                }
            }
            (false, Some(_)) => self.end_slate(),
            _ => {}
        }
    }

    fn start_slate(&mut self, format: &Format, since: &glib::DateTime) -> Result<(), StreamError> {
        let slate = if self.slate_is_broken { &Slate::Last } else { &self.config.slate };
        if *slate == Slate::Last && !self.last_gop.pictures().is_empty() {
            *self.last_picture.lock().unwrap() = passthrough::last_picture(&self.last_gop, format);
            self.last_gop.clear();
        }
        let last = self.last_picture.lock().unwrap().clone();
        let source = Source::slate(slate, last.as_ref(), format, since)?;
        // The last picture has its overlays already.
        let config = StreamConfig { overlays: Vec::new(), ..self.config.clone() };
        let commands = self.commands.clone();
        let callbacks = Callbacks {
            flowing: Box::new(|| ()),
            unfit: Box::new(|_| ()),
            message: Box::new(move |message| {
                if message.type_() == gst::MessageType::Error {
                    let _ = commands.send(Command::Slate(message));
                }
            }),
        };
        let shown = LastPicture::default();
        let (time, format) = (&self.time, self.format.clone());
        let mut graph = Graph::encode(&config, source, None, time, format, shown, None, callbacks)?;
        let Some(encoding) = graph.plan() else { return Ok(()) };
        self.feed.cover();
        let started = graph.start_encoding(&encoding?, &self.feed).and_then(|()| graph.wake());
        self.slate = Some(graph);
        self.last_key_frame = Instant::now();
        started
    }

    fn end_slate(&mut self) {
        if let Some(slate) = self.slate.take() {
            slate.shut_down();
            self.feed.uncover(self.time.now());
        }
    }

    /// What can fail is the user's own picture.
    fn slate_failed(&mut self, message: &gst::Message) {
        let (Some(slate), gst::MessageView::Error(error)) = (&self.slate, message.view()) else { return };
        if error.src().is_some_and(|source| slate.has(source)) {
            tracing::warn!("{}: the slate: {}", self.config.id, StreamError::from_message(error));
            self.end_slate();
            if !std::mem::replace(&mut self.slate_is_broken, true) {
                self.cover();
            }
        }
    }

    fn shut_down(&mut self) {
        self.graph_number += 1;
        self.track.lock().unwrap().take();
        self.awake = false;
        self.kept.clear();
        self.missing_plugin = None;
        self.key_frame_at = None;
        if let Some(graph) = self.graph.take() {
            graph.shut_down();
        }
        let gop = self.feed.cut();
        if !gop.pictures().is_empty() {
            self.last_gop = gop;
        }
    }

    fn set_encoding(&mut self, encoding: Option<Encoding>) {
        if self.encoding != encoding {
            self.encoding = encoding.clone();
            let _ = self.events.try_send(Event::Encoding(encoding));
        }
    }

    fn set_sound(&mut self, sound: Option<Option<SoundEncoding>>) {
        if self.sound != sound {
            self.sound.clone_from(&sound);
            let _ = self.events.try_send(Event::Sound(sound.flatten()));
        }
    }

    fn tell_of_microphone(&mut self) {
        if let Some(heard) = self.graph.as_mut().and_then(|graph| graph.source().microphone()) {
            let problem = heard.err().cloned();
            self.set_microphone(problem);
        }
    }

    fn set_microphone(&mut self, problem: Option<MicrophoneError>) {
        if self.microphone != problem {
            self.microphone.clone_from(&problem);
            let _ = self.events.try_send(Event::Microphone(problem));
        }
    }

    fn set_state(&mut self, state: StreamState) {
        if self.state != state {
            self.state = state.clone();
            let _ = self.events.try_send(Event::State(state));
        }
    }
}

/// Adds those that are not there yet.
fn add_branches(branches: &BTreeMap<u64, gst::Bin>, graph: &mut Graph) -> Result<(), StreamError> {
    for (number, bin) in branches {
        if !graph.has_branch(*number) {
            graph.add_branch(*number, bin)?;
        }
    }
    Ok(())
}

/// What GStreamer calls the plugin that it misses, where that is one for pictures, or for what brings them.
fn missing_for_pictures(message: &gst::StructureRef) -> Option<String> {
    if message.name() != "missing-plugin" {
        return None;
    }
    let is_needed = match message.get::<&str>("type").ok()? {
        "urisource" => true,
        _ => {
            let caps = message.get::<gst::Caps>("detail").ok()?;
            let what = caps.structure(0)?;
            // What RTP carries stands beside it.
            let kind = what.get::<&str>("media").unwrap_or(what.name().as_str());
            let is_playlist = ["application/x-hls", "application/dash+xml"].contains(&kind);
            is_playlist || kind.starts_with("video") || kind.starts_with("image")
        }
    };
    is_needed.then(|| message.get("name").ok()).flatten()
}
