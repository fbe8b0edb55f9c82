//! What is running: a stream for each of the configuration, and the RTSP server.
//!
//! ```text
//! Engine ─┬─ Stream ── its thread: Graph (source ► … ► tee ► encoder) ─► Feed ─┐
//!         └─ Server ── request threads: Factory ─► media (appsrc ► pay) ◄──────┘
//! ```
//! The engine is told what to do by a configuration alone, and answers by properties and lists.

mod addresses;
mod allowance;
mod change;
mod clock;
mod devices;
mod elements;
mod encryption;
mod feed;
mod gop;
mod ingest;
mod pipeline;
mod portal;
mod runner;
mod server;
mod sound;
mod source;
mod state;
mod stream;

pub use addresses::{LocalAddress, LocalAddresses, Places};
pub use change::Change;
pub use encryption::check_certificate;
pub use server::{KeptAway, Reader, Refusal, Watching};
pub use source::check_pipeline;
pub use state::{
    AccessState, CertificateError, CertificateFacts, Coding, CustomError, DeviceError, Devices, EncodedBy,
    EncoderReason, Encoding, EncryptionError, EncryptionState, Figures, LimitScope, LockOut, LockOuts,
    MicrophoneError, Place, Publisher, Reencoded, RefusalReason, RefusedReader, RelayError, ScreenError,
    ServerError, ServerState, SoundEncoding, StreamError, StreamState,
};
pub use stream::{Branch, Meter, Stream};

use crate::config::{AddressRules, Config, Listen, Password, Passwords, ServerConfig, StreamConfig};
use clock::TimeLine;
use devices::{CAMERAS, MICROPHONES, Search};
use gio::prelude::*;
use glib::subclass::Signal;
use glib::subclass::prelude::*;
use server::{AccessTable, Server};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

mod imp {
    use super::*;

    #[derive(Debug, glib::Properties)]
    #[properties(wrapper_type = super::Engine)]
    pub struct Engine {
        #[property(get)]
        pub server_state: RefCell<ServerState>,
        /// Whether it can be reached by RTSPS.
        #[property(get)]
        pub encryption: RefCell<EncryptionState>,
        /// The addresses of this computer, kept up to date.
        #[property(get)]
        pub local_addresses: RefCell<LocalAddresses>,
        /// Where the server can be reached, kept up to date.
        #[property(get)]
        pub places: RefCell<Places>,
        /// The cameras of this computer, kept up to date after [`look_for_cameras`](super::Engine::look_for_cameras).
        #[property(get)]
        pub cameras: RefCell<Devices>,
        pub cameras_follower: OnceCell<glib::JoinHandle<()>>,
        /// The microphones of this computer, kept up to date after
        /// [`look_for_microphones`](super::Engine::look_for_microphones).
        #[property(get)]
        pub microphones: RefCell<Devices>,
        pub microphones_follower: OnceCell<glib::JoinHandle<()>>,
        /// Everybody who has to wait after failed logins, kept up to date.
        #[property(get)]
        pub lock_outs: RefCell<LockOuts>,
        pub lock_outs_follower: OnceCell<glib::JoinHandle<()>>,
        /// What was applied last.
        pub config: RefCell<Option<Config>>,
        /// Those that were applied last, of relays among others.
        pub passwords: RefCell<Passwords>,
        /// What stands for the screens that the user chose, by stream: to be kept.
        pub tokens: OnceCell<Tokens>,
        pub streams: gio::ListStore,
        /// Ids of streams that do not start when they are applied first.
        pub held_off: RefCell<BTreeSet<String>>,
        /// Where its own certificate is kept.
        pub state_folder: RefCell<Option<PathBuf>>,
        /// Counts the looks at the certificate: the last one counts.
        pub encryption_timer: RefCell<Option<glib::SourceId>>,
        pub encryption_turn: Cell<u64>,
        /// Where it is listened for RTSPS.
        pub encryption_place: Cell<Option<(Listen, u16)>>,
        pub time: OnceCell<TimeLine>,
        pub server: OnceCell<Server>,
    }

    impl Default for Engine {
        fn default() -> Self {
            Self {
                server_state: RefCell::default(),
                encryption: RefCell::default(),
                local_addresses: RefCell::default(),
                places: RefCell::default(),
                cameras: RefCell::default(),
                cameras_follower: OnceCell::new(),
                microphones: RefCell::default(),
                microphones_follower: OnceCell::new(),
                lock_outs: RefCell::default(),
                lock_outs_follower: OnceCell::new(),
                config: RefCell::default(),
                passwords: RefCell::default(),
                tokens: OnceCell::new(),
                streams: gio::ListStore::new::<Stream>(),
                held_off: RefCell::default(),
                state_folder: RefCell::default(),
                encryption_timer: RefCell::default(),
                encryption_turn: Cell::default(),
                encryption_place: Cell::default(),
                time: OnceCell::new(),
                server: OnceCell::new(),
            }
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Engine {
        const NAME: &'static str = "HeadwaterEngine";
        type Type = super::Engine;
    }

    #[glib::derived_properties]
    impl ObjectImpl for Engine {
        fn signals() -> &'static [Signal] {
            static SIGNALS: OnceLock<Vec<Signal>> = OnceLock::new();
            SIGNALS.get_or_init(|| {
                vec![Signal::builder(STREAM_STATE_CHANGED).param_types([Stream::static_type()]).build()]
            })
        }
    }
}

/// Both ends of a channel of streams' ids and what is to be kept for them.
type Tokens = (async_channel::Sender<Token>, async_channel::Receiver<Token>);

/// The id of a stream, and what is to be kept for it; none where nothing is any more.
type Token = (String, Option<Password>);

const STREAM_STATE_CHANGED: &str = "stream-state-changed";

glib::wrapper! {
    /// Everything that runs. Main thread only; nothing here waits.
    pub struct Engine(ObjectSubclass<imp::Engine>);
}

impl Engine {
    /// Starts GStreamer. Nothing runs before [`Engine::apply`].
    pub fn new() -> Result<Self, glib::Error> {
        gst::init()?;
        let engine: Self = glib::Object::new();
        let time = TimeLine::new();
        let server = Server::new(time.clone());
        let weak = engine.downgrade();
        server.readers().list().connect_items_changed(move |_, _, _, _| {
            if let Some(engine) = weak.upgrade() {
                engine.count_viewers();
            }
        });
        engine.imp().tokens.set(async_channel::unbounded()).expect("set once, here");
        engine.imp().time.set(time).expect("set once, here");
        engine.imp().server.set(server).expect("set once, here");
        let follower = follow_lock_outs(engine.downgrade(), engine.server().lock_outs_changed());
        engine.imp().lock_outs_follower.set(glib::spawn_future_local(follower)).expect("set once, here");
        engine.look_at_networks();
        engine.look_at_encryption_now_and_then();
        let weak = engine.downgrade();
        glib::spawn_future_local(addresses::follow(move || {
            if let Some(engine) = weak.upgrade() {
                engine.look_at_networks();
            }
        }));
        Ok(engine)
    }

    fn server(&self) -> &Server {
        self.imp().server.get().expect("set when made")
    }

    /// What is to be kept under [`screen_key`](crate::config::screen_key) of a stream, so that its screen need not be
    /// chosen again. Each is good for once, and the last one counts; none where it is to be chosen again.
    pub fn tokens(&self) -> async_channel::Receiver<(String, Option<Password>)> {
        self.imp().tokens.get().expect("set when made").1.clone()
    }

    /// The streams, in the order of the configuration.
    pub fn streams(&self) -> gio::ListModel {
        self.imp().streams.clone().upcast()
    }

    /// Those who watch, of all streams.
    pub fn readers(&self) -> gio::ListModel {
        self.server().readers().list().clone().upcast()
    }

    /// Keeps the figures of readers up to date, as long as what is returned is kept.
    pub fn watch_readers(&self) -> Watching {
        self.server().readers().watch()
    }

    /// Sends a reader away: it is told that the stream has ended, and its connection is closed. With a period it is
    /// kept away for so long: its user at its address, or everybody there where it did not log in.
    pub fn remove_reader(&self, reader: &Reader, keep_away: Option<Duration>) {
        self.server().remove_reader(reader, keep_away);
    }

    /// Ends what somebody sends into a stream. With a period its user at its address is kept away for so long, or
    /// everybody there where it did not log in.
    pub fn remove_publisher(&self, stream: &Stream, keep_away: Option<Duration>) {
        if let Some(publication) = stream.ingest().current() {
            self.server().remove_publisher(&publication, keep_away);
        }
    }

    /// Those who are kept away, as [`KeptAway`].
    pub fn kept_away(&self) -> gio::ListModel {
        self.server().kept_away().list().clone().upcast()
    }

    /// Lets in somebody who is kept away.
    pub fn let_in(&self, kept: &KeptAway) {
        self.server().kept_away().let_in(kept);
    }

    /// Those who were refused, the newest first: some hundred at most.
    pub fn refusals(&self) -> gio::ListModel {
        self.server().refusals().list().clone().upcast()
    }

    /// Forgets who was refused until now.
    pub fn clear_refusals(&self) {
        self.server().refusals().clear();
    }

    /// Tells of every stream, those of later too, when its state has changed.
    pub fn connect_stream_state_changed(
        &self,
        tell: impl Fn(&Self, &Stream) + 'static,
    ) -> glib::SignalHandlerId {
        self.connect_closure(
            STREAM_STATE_CHANGED,
            false,
            glib::closure_local!(move |engine: &Self, stream: &Stream| tell(engine, stream)),
        )
    }

    fn stream(&self, id: &str) -> Option<Stream> {
        self.imp().streams.iter::<Stream>().flatten().find(|stream| stream.id() == id)
    }

    /// Makes what runs be what the configuration says. What did not change is not touched. A password that is
    /// not among those given lets nobody in.
    pub fn apply(&self, config: &Config, passwords: &Passwords) {
        let before = self.imp().config.replace(Some(config.clone()));
        let passwords_before = self.imp().passwords.replace(passwords.clone());
        // A relay logs in again with another password. What stands for a screen changes with each use.
        let change = |old: &StreamConfig, new: &StreamConfig| {
            let login =
                |stream: &StreamConfig, known: &Passwords| known.get(&stream.password_key()?).cloned();
            let same = login(old, &passwords_before) == login(new, passwords);
            if same || !new.enabled { change::of_stream(old, new) } else { Change::Restart }
        };
        let old = before.as_ref().map_or(&[][..], |before| &before.streams);
        let streams = &self.imp().streams;
        self.server().set_access(AccessTable::new(config, passwords), &config.server.addresses);
        self.server().set_limits(config);
        self.server().set_delivery(&config.server, &self.local_addresses());
        // Every path that is given up is free before one is taken: streams may exchange theirs.
        for old in old {
            match config.stream(&old.id) {
                None => self.remove(old),
                Some(new) if change(old, new) == Change::Restart => self.unmount(old),
                Some(_) => {}
            }
        }
        for (place, new) in config.streams.iter().enumerate() {
            match old.iter().find(|old| old.id == new.id) {
                Some(old) => self.change(change(old, new), new),
                None => self.add(new),
            }
            self.tell_access(new, passwords);
            self.server().set_transports(&new.id, &new.transports);
            // The list keeps the configuration's order.
            if let Some(now) = streams.iter::<Stream>().flatten().position(|stream| stream.id() == new.id)
                && now != place
                && let Some(stream) = self.stream(&new.id)
            {
                streams.remove(now as u32);
                streams.insert((place as u32).min(streams.n_items()), &stream);
            }
        }
        let place = |config: &Config| (config.server.listen, config.server.port);
        let moved = before.as_ref().is_none_or(|before| place(before) != place(config));
        if moved || !matches!(self.server_state(), ServerState::Listening { .. }) {
            self.listen(&config.server);
        }
        let encrypted = |config: &Config| (config.server.listen, config.server.rtsps.clone());
        if before.as_ref().is_none_or(|before| encrypted(before) != encrypted(config))
            || matches!(self.encryption(), EncryptionState::Failed { .. })
        {
            self.look_at_encryption();
        }
    }

    /// Looks for cameras from now on. The desktop may ask the user whether that is allowed.
    pub fn look_for_cameras(&self) {
        self.imp().cameras_follower.get_or_init(|| {
            self.follow_devices(&CAMERAS, |engine, known| {
                engine.imp().cameras.replace(known);
                engine.notify_cameras();
            })
        });
        CAMERAS.look();
    }

    /// Looks for microphones from now on.
    pub fn look_for_microphones(&self) {
        self.imp().microphones_follower.get_or_init(|| {
            self.follow_devices(&MICROPHONES, |engine, known| {
                engine.imp().microphones.replace(known);
                engine.notify_microphones();
            })
        });
        MICROPHONES.look();
    }

    /// Shows what a search knows, and whatever else it finds.
    fn follow_devices(
        &self,
        search: &'static Search,
        show: impl Fn(&Self, Devices) + 'static,
    ) -> glib::JoinHandle<()> {
        let (changes, changed) = async_channel::unbounded();
        let following = search.follow(move || {
            let _ = changes.try_send(());
        });
        let weak = self.downgrade();
        glib::spawn_future_local(async move {
            let _following = following;
            // A stream may have looked before.
            while let Some(engine) = weak.upgrade() {
                show(&engine, search.known());
                drop(engine);
                if changed.recv().await.is_err() {
                    break;
                }
            }
        })
    }

    /// A stream that nobody can read, to be looked at before it is added. It ends with what is returned; none where there
    /// is no thread for it. `password` is that of its source.
    pub fn try_out(&self, config: &StreamConfig, password: Option<Password>) -> Option<Stream> {
        let time = self.imp().time.get().expect("set when made").clone();
        let stream = Stream::new(config, time).ok()?;
        stream.restart(config, password);
        Some(stream)
    }

    /// Lets somebody try again who has to wait after failed logins.
    pub fn lift(&self, lock_out: &LockOut) {
        self.server().lift(lock_out);
    }

    /// Ends what a user watches: one stream, or all. Whoever may still log in can come back.
    pub fn send_away(&self, user: &str, stream: Option<&str>) {
        self.server().send_away(|reader| watches(reader, user, stream), vec![]);
    }

    /// How many readers a user has, of one stream or of all.
    pub fn readers_of(&self, user: &str, stream: Option<&str>) -> u32 {
        self.count_readers(|reader| watches(reader, user, stream))
    }

    /// How many readers these rules would send away.
    pub fn readers_denied_by(&self, rules: &AddressRules) -> u32 {
        self.count_readers(|reader| reader.ip().is_some_and(|address| !rules.admit(address)))
    }

    fn count_readers(&self, whom: impl Fn(&Reader) -> bool) -> u32 {
        let readers = self.server().readers().list();
        readers.iter::<Reader>().flatten().filter(whom).count() as u32
    }

    fn listen(&self, config: &ServerConfig) {
        self.set_server_state(match self.server().listen(config) {
            Ok(addresses) => ServerState::Listening { addresses },
            Err(reason) => ServerState::Failed { reason },
        });
    }

    fn look_at_networks(&self) {
        let local = LocalAddresses::now();
        if self.local_addresses() == local {
            return;
        }
        self.imp().local_addresses.replace(local);
        self.notify_local_addresses();
        let config = self.imp().config.borrow().clone();
        if let Some(config) = &config {
            // Multicast may have to leave by another interface.
            self.server().set_delivery(&config.server, &self.local_addresses());
            // Its certificate is for the addresses of this computer.
            self.look_at_encryption();
        }
        if let Some(config) = config
            && matches!(
                self.server_state(),
                ServerState::Failed { reason: ServerError::AddressUnknown { .. } }
            )
        {
            // It may be known by now.
            self.listen(&config.server);
        }
        self.find_places();
    }

    /// What applying this would do to the stream of the same id. A new one is only started.
    pub fn effect(&self, stream: &StreamConfig) -> Change {
        let config = self.imp().config.borrow();
        let in_force = config.iter().flat_map(|config| &config.streams).find(|old| old.id == stream.id);
        in_force.map_or(Change::Live, |old| change::of_stream(old, stream))
    }

    fn tell_access(&self, config: &StreamConfig, passwords: &Passwords) {
        let access = server::access_state(&config.access, passwords);
        if let Some(stream) = self.stream(&config.id)
            && stream.access() != access
        {
            stream.set_access(access);
        }
    }

    fn add(&self, config: &StreamConfig) {
        let time = self.imp().time.get().expect("set when made").clone();
        match Stream::new(config, time) {
            Ok(stream) => {
                let weak = self.downgrade();
                stream.connect_state_notify(move |stream| {
                    if let Some(engine) = weak.upgrade() {
                        engine.emit_by_name::<()>(STREAM_STATE_CHANGED, &[stream]);
                    }
                });
                stream.hand_tokens_to(self.imp().tokens.get().expect("set when made").0.clone());
                self.imp().streams.append(&stream);
                if config.enabled && self.imp().held_off.borrow().contains(&config.id) {
                    return stream.hold_off(StreamError::LeftOffAfterCrash);
                }
                self.imp().held_off.borrow_mut().remove(&config.id);
                stream.restart(config, self.source_password(config));
                if config.enabled {
                    self.server().mount(config, stream.feed(), stream.ingest());
                }
            }
            Err(reason) => tracing::error!("stream {}: {reason}", config.id),
        }
    }

    /// The password with which a stream's source logs in elsewhere, if it does and it is known.
    fn source_password(&self, stream: &StreamConfig) -> Option<Password> {
        source_password(stream, &self.imp().passwords.borrow()).cloned()
    }

    fn change(&self, change: Change, new: &StreamConfig) {
        let Some(stream) = self.stream(&new.id) else { return };
        match change {
            Change::None => {}
            Change::Live => stream.adjust(new),
            Change::Restart => {
                self.imp().held_off.borrow_mut().remove(&new.id);
                stream.restart(new, self.source_password(new));
                if new.enabled {
                    self.server().mount(new, stream.feed(), stream.ingest());
                }
            }
        }
    }

    fn unmount(&self, config: &StreamConfig) {
        self.server().unmount(&config.path);
        self.server().dismiss(&config.id);
    }

    fn remove(&self, config: &StreamConfig) {
        self.unmount(config);
        self.imp().held_off.borrow_mut().remove(&config.id);
        let streams = &self.imp().streams;
        if let Some(place) = streams.iter::<Stream>().flatten().position(|stream| stream.id() == config.id) {
            if let Some(stream) = self.stream(&config.id) {
                stream.stop();
            }
            streams.remove(place as u32);
        }
    }

    /// Keeps a stream that is not applied yet from starting, until it is changed: it was starting when the
    /// program ended unexpectedly, and would do so again.
    pub fn hold_off(&self, id: &str) {
        self.imp().held_off.borrow_mut().insert(id.into());
    }

    /// The identities of the streams that are kept from starting still.
    pub fn held_off(&self) -> BTreeSet<String> {
        self.imp().held_off.borrow().clone()
    }

    /// Starts the streams that were kept from it.
    pub fn start_held_off(&self) {
        let held_off = self.imp().held_off.take();
        let Some(config) = self.imp().config.borrow().clone() else { return };
        for config in config.streams.iter().filter(|config| held_off.contains(&config.id)) {
            let Some(stream) = self.stream(&config.id) else { continue };
            stream.restart(config, self.source_password(config));
            self.server().mount(config, stream.feed(), stream.ingest());
        }
    }

    /// Ends every stream, with a goodbye to those who watch, and the server.
    pub async fn stop(&self) {
        self.server().stop_listening();
        let imp = self.imp();
        let followers =
            [&imp.lock_outs_follower, &imp.cameras_follower, &imp.microphones_follower].map(OnceCell::get);
        followers.into_iter().flatten().for_each(glib::JoinHandle::abort);
        if let Some(timer) = self.imp().encryption_timer.take() {
            timer.remove();
        }
        for stream in self.imp().streams.iter::<Stream>().flatten() {
            stream.stop();
        }
        glib::timeout_future(server::GOODBYE).await;
        self.server().shut_down().await;
        server::within(server::PATIENCE, self.server().readers().rest()).await;
        let streams: Vec<Stream> = self.imp().streams.iter::<Stream>().flatten().collect();
        let ended = async {
            for stream in &streams {
                stream.ended().await;
            }
        };
        server::within(server::PATIENCE, ended).await;
        self.imp().streams.remove_all();
        self.imp().config.take();
        self.look_at_encryption();
        self.set_server_state(ServerState::Stopped);
    }

    fn show_lock_outs(&self) -> LockOuts {
        let lock_outs = self.server().lock_outs();
        self.imp().lock_outs.replace(lock_outs.clone());
        self.notify_lock_outs();
        lock_outs
    }

    fn set_server_state(&self, state: ServerState) {
        if self.server_state() != state {
            tracing::debug!("server: {state:?}");
            self.imp().server_state.replace(state);
            self.notify_server_state();
            self.find_places();
        }
    }

    fn find_places(&self) {
        let places = Places::new(&self.server_state(), &self.encryption(), &self.local_addresses());
        if self.places() != places {
            self.imp().places.replace(places);
            self.notify_places();
        }
    }

    fn count_viewers(&self) {
        for stream in self.imp().streams.iter::<Stream>().flatten() {
            let viewers = self.server().readers().of_stream(&stream.id()).len() as u32;
            if stream.viewers() != viewers {
                stream.set_viewers(viewers);
            }
        }
    }

    /// The address of a stream, to be given to a player: the likely one, where there are several. None where it
    /// cannot be reached now.
    pub fn address(&self, stream: &Stream) -> Option<String> {
        self.places().likely()?.addresses(stream).into_iter().next()
    }
}

fn watches(reader: &Reader, user: &str, stream: Option<&str>) -> bool {
    reader.user() == user && stream.is_none_or(|stream| reader.stream() == stream)
}

/// Keeps the engine's list right: when somebody has to wait, and when a wait is over.
async fn follow_lock_outs(engine: glib::WeakRef<Engine>, changed: async_channel::Receiver<()>) {
    loop {
        let Some(lock_outs) = engine.upgrade().map(|engine| engine.show_lock_outs()) else { return };
        let next_end = lock_outs.iter().map(|lock_out| lock_out.until).min();
        let left = next_end.map(|end| end.duration_since(SystemTime::now()).unwrap_or_default());
        let over = async {
            match left {
                // It ends a moment later than said, or it would be looked for in vain.
                Some(left) => glib::timeout_future(left + Duration::from_millis(100)).await,
                None => std::future::pending().await,
            }
            true
        };
        if !futures_lite::future::or(async { changed.recv().await.is_ok() }, over).await {
            return;
        }
    }
}

fn source_password<'a>(stream: &StreamConfig, passwords: &'a Passwords) -> Option<&'a Password> {
    passwords.get(&stream.secret_key()?)
}
