//! A stream that exists: what the window and the server see of it. Main thread only.

use super::clock::TimeLine;
use super::feed::Feed;
use super::ingest::Ingest;
use super::runner::{self, Command, Event};
use super::state::{
    AccessState, Encoding, MicrophoneError, Publisher, SoundEncoding, StreamError, StreamState,
};
use crate::config::{Password, ReaderTransport, StreamConfig};
use glib::subclass::prelude::*;
use gst::prelude::*;
use std::cell::{Cell, OnceCell, RefCell};
use std::sync::{Arc, mpsc};
use std::time::Instant;

/// Seconds between two looks at the bitrate: long enough for a key frame of each, which is many times larger.
const BITRATE_PERIOD: u32 = 2;

mod imp {
    use super::*;

    #[derive(Debug, Default, glib::Properties)]
    #[properties(wrapper_type = super::Stream)]
    pub struct Stream {
        /// The configuration's key; never changes.
        #[property(get, construct_only)]
        pub id: OnceCell<String>,
        #[property(get, set)]
        pub name: RefCell<String>,
        /// The mount path, with its slash.
        #[property(get, set)]
        pub path: RefCell<String>,
        #[property(get)]
        pub state: RefCell<StreamState>,
        /// How many readers watch.
        #[property(get, set)]
        pub viewers: Cell<u32>,
        /// Of the encoded pictures, on the average of the last seconds: thousand bits a second. 0 while nothing
        /// is encoded, since nobody watches.
        #[property(get)]
        pub bitrate: Cell<u32>,
        /// What is served, once that is known.
        #[property(get, nullable)]
        pub encoding: RefCell<Option<Encoding>>,
        /// How its sound is served, once that is known; none where there is no sound.
        #[property(get, nullable)]
        pub sound: RefCell<Option<SoundEncoding>>,
        /// Why the microphone beside its camera is not heard, which is looked at while the source is awake.
        #[property(get, nullable)]
        pub microphone_problem: RefCell<Option<MicrophoneError>>,
        /// The loudest moment of the last tenth of a second, in dBFS: 0 is the loudest there is, and silence is minus
        /// infinity. Kept up to date while there is a [`Meter`](super::Meter).
        #[property(get)]
        pub level: Cell<f64>,
        /// Who sends the pictures, where they are published and somebody does.
        #[property(get, nullable)]
        pub publisher: RefCell<Option<Publisher>>,
        #[property(get, set)]
        pub access: RefCell<AccessState>,
        /// Whether it is read without encryption, by whatever transport.
        #[property(get, set)]
        pub plain: Cell<bool>,
        /// Whether it is read by RTSPS.
        #[property(get, set)]
        pub encrypted: Cell<bool>,
        pub commands: OnceCell<mpsc::Sender<Command>>,
        pub feed: OnceCell<Arc<Feed>>,
        pub ingest: OnceCell<Arc<Ingest>>,
        /// Closed when the thread has ended.
        pub events: OnceCell<async_channel::Receiver<Event>>,
        /// Where what stands for its screen goes.
        pub tokens: OnceCell<async_channel::Sender<(String, Option<Password>)>>,
        pub next_branch: Cell<u64>,
        pub bitrate_timer: RefCell<Option<glib::SourceId>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Stream {
        const NAME: &'static str = "HeadwaterStream";
        type Type = super::Stream;
    }

    #[glib::derived_properties]
    impl ObjectImpl for Stream {
        fn dispose(&self) {
            if let Some(timer) = self.bitrate_timer.take() {
                timer.remove();
            }
            if let Some(commands) = self.commands.get() {
                let _ = commands.send(Command::Stop);
            }
        }
    }
}

glib::wrapper! {
    /// One stream. Its properties tell what it does; it is changed through the configuration alone.
    pub struct Stream(ObjectSubclass<imp::Stream>);
}

impl Stream {
    /// Makes the stream and its thread. Nothing runs before [`Stream::restart`].
    pub(super) fn new(config: &StreamConfig, time: TimeLine) -> Result<Self, StreamError> {
        let (commands, inbox) = mpsc::channel();
        let (events, received) = async_channel::unbounded();
        let feed = Feed::new(commands.clone())?;
        let ingest = Ingest::new(commands.clone());
        runner::spawn(config.clone(), time, feed.clone(), ingest.clone(), commands.clone(), inbox, events)
            .map_err(StreamError::internal)?;
        let stream: Self = glib::Object::builder()
            .property("id", &config.id)
            .property("name", &config.name)
            .property("path", &config.path)
            .build();
        stream.describe_transports(config);
        stream.imp().commands.set(commands).expect("set once, here");
        stream.imp().feed.set(feed).expect("set once, here");
        stream.imp().ingest.set(ingest).expect("set once, here");
        stream.imp().events.set(received.clone()).expect("set once, here");
        stream.watch_bitrate();
        let weak = stream.downgrade();
        glib::spawn_future_local(async move {
            while let Ok(event) = received.recv().await {
                let Some(stream) = weak.upgrade() else { break };
                stream.on_event(event);
            }
        });
        Ok(stream)
    }

    fn watch_bitrate(&self) {
        let (weak, mut last) = (self.downgrade(), (Instant::now(), 0));
        // At the same moment for all streams: the processor wakes up once.
        let timer = glib::timeout_add_seconds_local(BITRATE_PERIOD, move || {
            let Some(stream) = weak.upgrade() else { return glib::ControlFlow::Break };
            let now = (Instant::now(), stream.feed().bytes());
            let bits = 8.0 * now.1.saturating_sub(last.1) as f64;
            let kbps = (bits / 1000.0 / (now.0 - last.0).as_secs_f64()).round() as u32;
            last = now;
            if stream.imp().bitrate.replace(kbps) != kbps {
                stream.notify_bitrate();
            }
            glib::ControlFlow::Continue
        });
        self.imp().bitrate_timer.replace(Some(timer));
    }

    fn on_event(&self, event: Event) {
        match event {
            Event::State(state) => {
                tracing::debug!("stream {}: {state:?}", self.id());
                self.imp().state.replace(state);
                self.notify_state();
            }
            Event::Encoding(encoding) => {
                self.imp().encoding.replace(encoding);
                self.notify_encoding();
            }
            Event::Sound(sound) => {
                self.imp().sound.replace(sound);
                self.notify_sound();
            }
            Event::Microphone(problem) => {
                self.imp().microphone_problem.replace(problem);
                self.notify_microphone_problem();
            }
            Event::Publisher(publisher) => {
                self.imp().publisher.replace(publisher);
                self.notify_publisher();
            }
            Event::Token(token) => {
                if let Some(tokens) = self.imp().tokens.get() {
                    let _ = tokens.try_send((self.id(), token));
                }
            }
            Event::Level(level) => {
                self.imp().level.set(level);
                self.notify_level();
            }
        }
    }

    /// Whom it tells what stands for the screen that the user chose.
    pub(super) fn hand_tokens_to(&self, tokens: async_channel::Sender<(String, Option<Password>)>) {
        self.imp().tokens.set(tokens).expect("set once");
    }

    pub(super) fn feed(&self) -> &Arc<Feed> {
        self.imp().feed.get().expect("set when made")
    }

    pub(super) fn ingest(&self) -> &Arc<Ingest> {
        self.imp().ingest.get().expect("set when made")
    }

    fn send(&self, command: Command) {
        // The thread ends only after the stream is gone.
        let _ = self.imp().commands.get().expect("set when made").send(command);
    }

    /// Serves this configuration from now on. Present readers get a clean end. `password` is that of its source.
    pub(super) fn restart(&self, config: &StreamConfig, password: Option<Password>) {
        self.describe(config);
        // The thread may be busy, and nobody must be given what is going to end.
        self.feed().set_serving(false);
        self.send(Command::Restart(Box::new(config.clone()), password));
    }

    /// Takes over what can be changed while readers watch.
    pub(super) fn adjust(&self, config: &StreamConfig) {
        self.describe(config);
        self.send(Command::Adjust(Box::new(config.clone())));
    }

    pub(super) fn hold_off(&self, reason: StreamError) {
        self.send(Command::HoldOff(reason));
    }

    fn describe(&self, config: &StreamConfig) {
        if self.name() != config.name {
            self.set_name(config.name.clone());
        }
        if self.path() != config.path {
            self.set_path(config.path.clone());
        }
        self.describe_transports(config);
    }

    fn describe_transports(&self, config: &StreamConfig) {
        let plain = config.transports.iter().any(|transport| *transport != ReaderTransport::Rtsps);
        if self.plain() != plain {
            self.set_plain(plain);
        }
        let encrypted = config.transports.contains(&ReaderTransport::Rtsps);
        if self.encrypted() != encrypted {
            self.set_encrypted(encrypted);
        }
    }

    /// Ends what runs; its readers get an RTCP BYE.
    pub(super) fn stop(&self) {
        self.send(Command::Stop);
    }

    /// Waits until the thread has ended after [`Stream::stop`].
    pub(super) async fn ended(&self) {
        let events = self.imp().events.get().expect("set when made");
        while let Ok(event) = events.recv().await {
            self.on_event(event);
        }
    }

    /// Gives the stream's pictures to a bin with a `sink` pad, such as a preview, until the guard is dropped.
    /// The source stays awake so long. Pictures are 8 bit 4:2:0 at the size that is served, in real time.
    ///
    /// The bin is given a name of its own. It must not hold pictures up (a leaky queue), and its sink must not wait for a first picture
    /// (`async=false`). Its state is changed on another thread.
    pub fn add_branch(&self, bin: &gst::Bin) -> Branch {
        let number = self.imp().next_branch.get();
        self.imp().next_branch.set(number + 1);
        // Two of one name cannot be in one pipeline.
        bin.set_property("name", format!("branch-{number}"));
        self.send(Command::AddBranch(number, bin.clone()));
        Branch { number, commands: self.imp().commands.get().expect("set when made").clone() }
    }
}

impl Stream {
    /// Keeps the stream's level up to date until the guard is dropped. A source that sleeps is not woken by it.
    pub fn add_meter(&self) -> Meter {
        self.send(Command::AddMeter);
        Meter(self.imp().commands.get().expect("set when made").clone())
    }
}

/// Somebody looks at the level of a stream's sound. Dropping it ends that.
#[derive(Debug)]
#[must_use]
pub struct Meter(mpsc::Sender<Command>);

impl Drop for Meter {
    fn drop(&mut self) {
        let _ = self.0.send(Command::RemoveMeter);
    }
}

/// A branch of a stream's pictures. Dropping it takes the branch away.
#[derive(Debug)]
#[must_use]
pub struct Branch {
    number: u64,
    commands: mpsc::Sender<Command>,
}

impl Drop for Branch {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::RemoveBranch(self.number));
    }
}
