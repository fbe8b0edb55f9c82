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
mod elements;
mod feed;
mod pipeline;
mod runner;
mod server;
mod source;
mod state;
mod stream;

pub use addresses::{LocalAddress, LocalAddresses, Places};
pub use change::Change;
pub use server::{Reader, Refusal};
pub use source::check_pipeline;
pub use state::{
    AccessState, CustomError, EncoderReason, Encoding, LimitScope, Place, RefusalReason, RefusedReader,
    RelayError, ServerError, ServerState, StreamError, StreamState,
};
pub use stream::{Branch, Stream};

use crate::config::{Config, Password, Passwords, ServerConfig, StreamConfig};
use clock::TimeLine;
use gio::prelude::*;
use glib::subclass::Signal;
use glib::subclass::prelude::*;
use server::{AccessTable, Server};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::sync::OnceLock;

mod imp {
    use super::*;

    #[derive(Debug, glib::Properties)]
    #[properties(wrapper_type = super::Engine)]
    pub struct Engine {
        #[property(get)]
        pub server_state: RefCell<ServerState>,
        /// The addresses of this computer, kept up to date.
        #[property(get)]
        pub local_addresses: RefCell<LocalAddresses>,
        /// Where the server can be reached, kept up to date.
        #[property(get)]
        pub places: RefCell<Places>,
        /// What was applied last.
        pub config: RefCell<Option<Config>>,
        /// Those that were applied last, of relays among others.
        pub passwords: RefCell<Passwords>,
        pub streams: gio::ListStore,
        /// Ids of streams that do not start when they are applied first.
        pub held_off: RefCell<BTreeSet<String>>,
        pub time: OnceCell<TimeLine>,
        pub server: OnceCell<Server>,
    }

    impl Default for Engine {
        fn default() -> Self {
            Self {
                server_state: RefCell::default(),
                local_addresses: RefCell::default(),
                places: RefCell::default(),
                config: RefCell::default(),
                passwords: RefCell::default(),
                streams: gio::ListStore::new::<Stream>(),
                held_off: RefCell::default(),
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
        engine.imp().time.set(time).expect("set once, here");
        engine.imp().server.set(server).expect("set once, here");
        engine.look_at_networks();
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

    /// The streams, in the order of the configuration.
    pub fn streams(&self) -> gio::ListModel {
        self.imp().streams.clone().upcast()
    }

    /// Those who watch, of all streams.
    pub fn readers(&self) -> gio::ListModel {
        self.server().readers().list().clone().upcast()
    }

    /// Those who were refused, the newest first: some hundred at most.
    pub fn refusals(&self) -> gio::ListModel {
        self.server().refusals().list().clone().upcast()
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
        // A relay logs in again with another password.
        let change = |old: &StreamConfig, new: &StreamConfig| {
            let same = source_password(old, &passwords_before) == source_password(new, passwords);
            if same || !new.enabled { change::of_stream(old, new) } else { Change::Restart }
        };
        let old = before.as_ref().map_or(&[][..], |before| &before.streams);
        let streams = &self.imp().streams;
        self.server().set_access(AccessTable::new(config, passwords));
        // Every path that is given up is free before one is taken: streams may exchange theirs.
        for old in old {
            match config.streams.iter().find(|new| new.id == old.id) {
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
            // The list keeps the configuration's order.
            if let Some(now) = streams.iter::<Stream>().flatten().position(|stream| stream.id() == new.id)
                && now != place
                && let Some(stream) = self.stream(&new.id)
            {
                streams.remove(now as u32);
                streams.insert((place as u32).min(streams.n_items()), &stream);
            }
        }
        let moved = before.as_ref().is_none_or(|before| before.server != config.server);
        if moved || !matches!(self.server_state(), ServerState::Listening { .. }) {
            self.listen(&config.server);
        }
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
                self.imp().streams.append(&stream);
                if config.enabled && self.imp().held_off.borrow().contains(&config.id) {
                    return stream.hold_off(StreamError::LeftOffAfterCrash);
                }
                self.imp().held_off.borrow_mut().remove(&config.id);
                stream.restart(config, self.source_password(config));
                if config.enabled {
                    self.server().mount(&config.id, &config.path, stream.feed());
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
                    self.server().mount(&new.id, &new.path, stream.feed());
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
            self.server().mount(&config.id, &config.path, stream.feed());
        }
    }

    /// Ends every stream, with a goodbye to those who watch, and the server.
    pub async fn stop(&self) {
        self.server().stop_listening();
        for stream in self.imp().streams.iter::<Stream>().flatten() {
            stream.stop();
        }
        glib::timeout_future(server::GOODBYE).await;
        self.server().shut_down().await;
        let streams: Vec<Stream> = self.imp().streams.iter::<Stream>().flatten().collect();
        let ended = async {
            for stream in &streams {
                stream.ended().await;
            }
        };
        server::within(server::PATIENCE, ended).await;
        self.imp().streams.remove_all();
        self.imp().config.take();
        self.set_server_state(ServerState::Stopped);
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
        let places = Places::new(&self.server_state(), &self.local_addresses());
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

    /// The address of a mount path, to be given to a player: the likely one, where there are several.
    pub fn address(&self, path: &str) -> Option<String> {
        self.places().likely().map(|place| place.address(path))
    }
}

fn source_password<'a>(stream: &StreamConfig, passwords: &'a Passwords) -> Option<&'a Password> {
    passwords.get(&stream.password_key()?)
}
