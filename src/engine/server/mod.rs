//! The RTSP server. It accepts on the main loop; requests run on a few threads of the library's pool, where
//! nothing waits for a source or for the main thread.

mod auth;
pub mod certificate;
mod connections;
mod delivery;
mod descriptors;
mod digest;
mod drain;
mod factory;
mod ffi;
mod gather;
mod goodbye;
#[cfg(test)]
mod keep_alive;
mod kept_away;
mod key_frames;
mod lockout;
mod meter;
mod peer;
mod per_media;
mod publisher;
mod readers;
mod receiver_reports;
mod refusals;
mod replay;
mod seats;
mod shared_media;
mod timestamp_guard;
mod traffic;
mod ways;

pub use auth::{AccessTable, access_state};
pub use kept_away::KeptAway;
pub use readers::{Reader, Watching};
pub use refusals::Refusal;

use super::LocalAddresses;
use super::clock::TimeLine;
use super::feed::Feed;
use super::ingest::{Ingest, Publication};
use super::state::{LockOut, LockOuts, Publisher, RefusalReason, ServerError};
use crate::config::{AddressRules, Config, Listen, ReaderTransport, ServerConfig, StreamConfig};
use auth::Auth;
use connections::{Connections, News};
use delivery::Delivery;
use factory::Factory;
use gio::prelude::*;
use gst_rtsp::RTSPStatusCode;
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{
    RTSPClient, RTSPContext, RTSPFilterResult, RTSPMountPoints, RTSPServer, RTSPSessionPool, RTSPThreadPool,
};
use kept_away::{Gate, KeptAways};
use key_frames::KeyFrames;
use lockout::Wait;
use readers::{ClientKey, Readers};
use refusals::{RefusalReports, Refusals};
use replay::Replays;
use seats::Seats;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use traffic::Traffics;
use ways::Ways;

/// Threads that answer requests. More than one, so that a long request does not hold up every reader.
const REQUEST_THREADS: i32 = 4;
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// The library removes sessions that timed out only when it is asked to.
const SESSION_CLEANUP: Duration = Duration::from_secs(2);
/// Within so long the library has counted who asked for a media.
const COUNTED: Duration = Duration::from_secs(1);
/// A connection that has taken nothing for so long is closed by the system, in case that `connections` did not.
const STALLED: Duration = Duration::from_secs(20);
/// The longest body of a request, in bytes. None that is answered here needs one; a description that is announced
/// (SDP) has some thousand.
const LONGEST_BODY: u32 = 64 * 1024;
/// How long nobody is accepted after that failed: there are no descriptors left, and the main loop must not spin.
const NO_DESCRIPTORS: Duration = Duration::from_millis(500);
/// A reader whose stream ends gets so long to receive the RTCP BYE before its session is removed.
pub const GOODBYE: Duration = Duration::from_millis(200);

/// The answer to a reader for whom there is no seat: "Not Enough Bandwidth" (RFC 2326, 11.3.14). ffmpeg, mpv and
/// GStreamer show it and end. After a 503, which here means that the source is lost, GStreamer tries SETUP again.
const FULL: RTSPStatusCode = RTSPStatusCode::NotEnoughBandwidth;

/// How long the end of the program waits for a thread that does not end.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Waits for something to end, but not for ever.
pub async fn within(patience: Duration, end: impl Future) {
    let ended = async {
        end.await;
        true
    };
    let late = async {
        glib::timeout_future(patience).await;
        false
    };
    if !futures_lite::future::or(ended, late).await {
        tracing::warn!("something did not end within {} s", patience.as_secs());
    }
}

/// Who is fed at which mount path. Read by the threads that answer requests.
#[derive(Debug, Default)]
pub struct Mounts(Mutex<HashMap<String, Mount>>);

/// What is served at one path.
#[derive(Debug, Clone)]
pub struct Mount {
    pub stream: String,
    pub path: String,
    pub feed: Arc<Feed>,
    /// Where those who publish send to.
    pub ingest: Arc<Ingest>,
    /// How it may be read.
    pub transports: Vec<ReaderTransport>,
}

impl Mounts {
    /// The mount of a request: its path, or one above, since SETUP and PLAY name controls below it.
    pub fn find(&self, path: &str) -> Option<Mount> {
        let mounts = self.0.lock().unwrap();
        let mut path = path.trim_end_matches('/');
        loop {
            if let Some(mount) = mounts.get(path) {
                return Some(mount.clone());
            }
            path = &path[..path.rfind('/')?];
        }
    }
}

/// What accepts from a socket, or will again.
type Accepting = Rc<RefCell<Option<glib::Source>>>;

/// The server. Main thread only.
#[derive(Debug)]
pub struct Server {
    server: RTSPServer,
    factories: RTSPMountPoints,
    sessions: RTSPSessionPool,
    mounts: Arc<Mounts>,
    auth: Auth,
    readers: Readers,
    connections: Rc<Connections>,
    traffics: Arc<Traffics>,
    replays: Arc<Replays>,
    seats: Arc<Seats>,
    kept_away: KeptAways,
    refusals: Refusals,
    time: TimeLine,
    ways: Arc<Ways>,
    delivery: RefCell<Delivery>,
    /// Of the mount paths that are served.
    served: Rc<RefCell<HashMap<String, Factory>>>,
    sockets: Sockets,
    encrypted_sockets: Sockets,
    cleanup: RefCell<Option<glib::SourceId>>,
    /// The handler that takes clients in. It belongs to this thread.
    welcome: RefCell<Option<glib::SignalHandlerId>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The library's object may live on for a while, and end on one of its own threads.
        if let Some(welcome) = self.welcome.take() {
            self.server.disconnect(welcome);
        }
    }
}

impl Server {
    pub fn new(time: TimeLine) -> Self {
        let server = RTSPServer::new();
        let factories = RTSPMountPoints::new();
        let sessions = RTSPSessionPool::new();
        let threads = RTSPThreadPool::new();
        threads.set_max_threads(REQUEST_THREADS);
        server.set_mount_points(Some(&factories));
        server.set_session_pool(Some(&sessions));
        server.set_thread_pool(Some(&threads));
        server.set_content_length_limit(LONGEST_BODY);
        let mounts = Arc::new(Mounts::default());
        let ways = Arc::new(Ways::new(&mounts));
        let refusals = Refusals::new(&mounts);
        let auth = Auth::new(ways.clone(), refusals.reports());
        server.set_auth(Some(&auth));

        let traffics = Arc::new(Traffics::default());
        let replays = Arc::new(Replays::default());
        let readers = Readers::new(&sessions, &traffics);
        let seats = Arc::new(Seats::default());
        sessions.connect_session_removed({
            let seats = seats.clone();
            move |_, session| {
                if let Some(session) = session.sessionid() {
                    seats.free(&session);
                }
            }
        });
        let kept_away = KeptAways::new();
        let connections =
            Rc::new(Connections::new(&sessions, refusals.reports(), descriptors::raise_limit()));
        // Where it is accepted, which is here.
        let welcome = server.connect_local("client-connected", false, {
            let connections = connections.clone();
            let door = Door {
                mounts: mounts.clone(),
                auth: auth.clone(),
                gate: kept_away.gate().clone(),
                seats: seats.clone(),
                refusals: refusals.reports(),
                sessions: sessions.clone(),
                ways: ways.clone(),
                key_frames: Arc::default(),
            };
            let (reports, replays) = (readers.reports(), replays.clone());
            move |values| {
                let client: RTSPClient = values[1].get().expect("the signal has a client");
                door.ways.accepted(&client);
                replay::watch(&client, &replays, &reports);
                watch_client(&client, &door, &reports, connections.add(&client));
                None
            }
        });
        let served = Rc::new(RefCell::new(HashMap::<String, Factory>::new()));
        let cleanup = glib::timeout_add_local(SESSION_CLEANUP, {
            let (sessions, served) = (sessions.clone(), served.clone());
            move || {
                served.borrow().values().for_each(|factory| factory.let_go(COUNTED));
                // The last session of a media ends its pipeline, and waits for that.
                let sessions = sessions.clone();
                blocking::unblock(move || sessions.cleanup()).detach();
                glib::ControlFlow::Continue
            }
        });
        Self {
            server,
            factories,
            sessions,
            mounts,
            auth,
            readers,
            traffics,
            replays,
            seats,
            kept_away,
            connections,
            refusals,
            time,
            ways,
            delivery: RefCell::new(Delivery::new(&ServerConfig::default(), &LocalAddresses::default())),
            served,
            sockets: Sockets::default(),
            encrypted_sockets: Sockets::default(),
            cleanup: RefCell::new(Some(cleanup)),
            welcome: RefCell::new(Some(welcome)),
        }
    }

    pub fn readers(&self) -> &Readers {
        &self.readers
    }

    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Decides from now on by this table who may read what. Whoever is at an address that may not connect any
    /// more is sent away.
    pub fn set_access(&self, table: AccessTable, addresses: &AddressRules) {
        self.auth.set_table(table);
        let denied = self.auth.denied_clients();
        let is_denied = |reader: &Reader| reader.ip().is_some_and(|address| !addresses.admit(address));
        self.send_away(is_denied, denied);
    }

    /// Everybody who has to wait after failed logins, at this moment.
    pub fn lock_outs(&self) -> LockOuts {
        let now = SystemTime::now();
        let lock_out =
            |wait: Wait| LockOut { network: wait.network, user: wait.user, until: now + wait.left };
        LockOuts(self.auth.waits().into_iter().map(lock_out).collect())
    }

    /// Says when [`Server::lock_outs`] has others than before; the end of a wait is not told.
    pub fn lock_outs_changed(&self) -> async_channel::Receiver<()> {
        self.auth.waits_changed()
    }

    pub fn lift(&self, lock_out: &LockOut) {
        self.auth.lift(lock_out.network, lock_out.user.as_deref());
    }

    pub fn kept_away(&self) -> &KeptAways {
        &self.kept_away
    }

    /// Lets in as many as the configuration says from now on. Nobody who reads is sent away.
    pub fn set_limits(&self, config: &Config) {
        self.seats.set_limits(config);
    }

    /// Listens where the configuration says, and no longer anywhere else. Readers that are connected stay.
    /// Returns the addresses, with the port that the system chose where it was 0.
    pub fn listen(&self, config: &ServerConfig) -> Result<Vec<SocketAddr>, ServerError> {
        self.bind(&self.sockets, config.listen, config.port)
    }

    /// As [`Server::listen`], for connections that are encrypted, with the certificate of
    /// [`Server::set_certificate`].
    pub fn listen_encrypted(&self, config: &ServerConfig) -> Result<Vec<SocketAddr>, ServerError> {
        self.ways.set_encrypted_ports(vec![]);
        let bound = self.bind(&self.encrypted_sockets, config.listen, config.rtsps.port)?;
        self.ways.set_encrypted_ports(bound.iter().map(SocketAddr::port).collect());
        Ok(bound)
    }

    /// Encrypts new connections with this certificate. Those that are there stay as they are.
    pub fn set_certificate(&self, certificate: &gio::TlsCertificate) {
        self.auth.set_tls_certificate(Some(certificate));
    }

    fn bind(&self, sockets: &Sockets, listen: Listen, mut port: u16) -> Result<Vec<SocketAddr>, ServerError> {
        sockets.close();
        let mut bound = Vec::new();
        let (addresses, required) = addresses(listen);
        for address in addresses {
            match self.listen_at(sockets, SocketAddr::new(address, port)) {
                Ok(address) => {
                    port = address.port();
                    bound.push(address);
                }
                // A computer may have no IPv6.
                Err(ServerError::AddressUnknown { .. } | ServerError::Other { .. })
                    if address.is_ipv6() && !required && !bound.is_empty() => {}
                Err(error) => {
                    sockets.close();
                    return Err(error);
                }
            }
        }
        Ok(bound)
    }

    fn listen_at(&self, sockets: &Sockets, address: SocketAddr) -> Result<SocketAddr, ServerError> {
        let failed = |error: glib::Error| server_error(address, &error);
        let family = if address.is_ipv6() { gio::SocketFamily::Ipv6 } else { gio::SocketFamily::Ipv4 };
        let socket =
            gio::Socket::new(family, gio::SocketType::Stream, gio::SocketProtocol::Tcp).map_err(failed)?;
        if address.is_ipv6() {
            // Otherwise it would take the IPv4 port as well, and name IPv4 readers by mapped addresses.
            socket.set_option(ffi::IPPROTO_IPV6, ffi::IPV6_V6ONLY, 1).map_err(failed)?;
        }
        // Connections inherit it from the socket that accepts them.
        for (option, value) in [
            (ffi::TCP_USER_TIMEOUT, STALLED.as_millis() as i32),
            (ffi::TCP_KEEPIDLE, connections::PROBE_AFTER),
            (ffi::TCP_KEEPINTVL, connections::PROBE_EACH),
        ] {
            socket.set_option(ffi::IPPROTO_TCP, option, value).map_err(failed)?;
        }
        socket.set_keepalive(true);
        socket.set_blocking(false);
        socket.set_listen_backlog(BACKLOG);
        socket.bind(&gio::InetSocketAddress::from(address), true).map_err(failed)?;
        socket.listen().map_err(failed)?;
        let local = socket
            .local_address()
            .map_err(failed)?
            .downcast::<gio::InetSocketAddress>()
            .expect("a TCP socket has an internet address");
        let source = Rc::default();
        accept_from(&socket, &self.server, &self.connections, &source);
        sockets.0.borrow_mut().push((socket, source));
        Ok(SocketAddr::new(address.ip(), local.port()))
    }

    pub fn stop_listening(&self) {
        self.sockets.close();
        self.stop_listening_encrypted();
    }

    pub fn stop_listening_encrypted(&self) {
        self.encrypted_sockets.close();
        self.ways.set_encrypted_ports(vec![]);
    }

    /// Sends RTP by these ports and addresses from now on. A media that is there keeps its own.
    pub fn set_delivery(&self, config: &ServerConfig, local: &LocalAddresses) {
        let delivery = Delivery::new(config, local);
        self.served.borrow().values().for_each(|factory| delivery.apply_to(factory));
        self.delivery.replace(delivery);
    }

    /// Lets a stream be read by these ways from now on.
    pub fn set_transports(&self, stream: &str, transports: &[ReaderTransport]) {
        for mount in self.mounts.0.lock().unwrap().values_mut().filter(|mount| mount.stream == stream) {
            mount.transports = transports.to_vec();
        }
    }

    /// Serves a stream's feed at its path, and takes in there what is published.
    pub fn mount(&self, stream: &StreamConfig, feed: &Arc<Feed>, ingest: &Arc<Ingest>) {
        let mount = Mount {
            stream: stream.id.clone(),
            path: stream.path.clone(),
            feed: feed.clone(),
            ingest: ingest.clone(),
            transports: stream.transports.clone(),
        };
        self.mounts.0.lock().unwrap().insert(stream.path.clone(), mount);
        let (traffics, replays) = (self.traffics.clone(), self.replays.clone());
        let factory =
            Factory::new(feed.clone(), self.time.clone(), traffics, replays, &self.delivery.borrow());
        self.served.borrow_mut().insert(stream.path.clone(), factory.clone());
        self.factories.add_factory(&stream.path, factory);
    }

    /// Serves nothing at a path any more.
    pub fn unmount(&self, path: &str) {
        self.mounts.0.lock().unwrap().remove(path);
        if let Some(factory) = self.served.borrow_mut().remove(path) {
            factory.let_go(Duration::ZERO);
        }
        self.factories.remove_factory(path);
    }

    /// Removes the sessions of a stream's readers and closes their connections, after the end of the
    /// stream has had the time to reach them.
    pub fn dismiss(&self, stream: &str) {
        let gone = self.leaving(|reader| reader.stream() == stream);
        if gone.is_empty() {
            return;
        }
        let (pool, server) = (self.sessions.clone(), self.server.clone());
        glib::timeout_add_local_once(GOODBYE, move || {
            // The last session of a media ends its pipeline, and waits for that.
            blocking::unblock(move || gone.iter().for_each(|leaving| leaving.end(&pool, &server))).detach();
        });
    }

    /// Says goodbye to these readers, removes their sessions and closes their connections, and those of the other
    /// clients given. They are gone some milliseconds later.
    pub fn send_away(&self, whom: impl Fn(&Reader) -> bool, clients: Vec<ClientKey>) {
        let gone = self.leaving(whom);
        if gone.is_empty() && clients.is_empty() {
            return;
        }
        let (pool, server) = (self.sessions.clone(), self.server.clone());
        blocking::unblock(move || {
            for session in gone.iter().filter_map(|leaving| pool.find(&leaving.session)) {
                goodbye::say(&session);
            }
            gone.iter().for_each(|leaving| leaving.end(&pool, &server));
            server.client_filter(Some(&mut |_, client| {
                if clients.contains(&readers::client_key(client)) {
                    RTSPFilterResult::Remove
                } else {
                    RTSPFilterResult::Keep
                }
            }));
        })
        .detach();
    }

    /// Sends one reader away, and keeps it away for so long: its user at its address, or everybody there where it did
    /// not log in.
    pub fn remove_reader(&self, reader: &Reader, keep_away: Option<Duration>) {
        if let Some(period) = keep_away {
            self.kept_away.keep_away(&reader.address(), &reader.user(), period);
        }
        self.send_away(|other| other == reader, vec![]);
    }

    /// Ends what somebody sends, and keeps its user at its address away for so long, or everybody there where it did not
    /// log in.
    pub fn remove_publisher(&self, publication: &Publication, keep_away: Option<Duration>) {
        if let Some(period) = keep_away {
            let Publisher { address, user, .. } = &publication.publisher;
            self.kept_away.keep_away(address, user, period);
        }
        let (pool, server, session) =
            (self.sessions.clone(), self.server.clone(), publication.session.clone());
        blocking::unblock(move || {
            let client = client_of(&server, &session);
            Leaving { session, client }.end(&pool, &server);
        })
        .detach();
    }

    fn leaving(&self, whom: impl Fn(&Reader) -> bool) -> Vec<Leaving> {
        self.readers
            .list()
            .iter::<Reader>()
            .flatten()
            .filter(whom)
            .map(|reader| Leaving::of(&reader))
            .collect()
    }

    /// Ends every connection and session.
    pub async fn shut_down(&self) {
        self.stop_listening();
        if let Some(cleanup) = self.cleanup.take() {
            cleanup.remove();
        }
        self.connections.stop();
        self.served.borrow().values().for_each(|factory| factory.let_go(Duration::ZERO));
        let (sessions, server) = (self.sessions.clone(), self.server.clone());
        let ended = blocking::unblock(move || {
            server.client_filter(Some(&mut |_, _| RTSPFilterResult::Remove));
            sessions.filter(Some(&mut |_, _| RTSPFilterResult::Remove));
        });
        within(PATIENCE, ended).await;
    }
}

/// Those that are listened at, with what accepts from them.
#[derive(Debug, Default)]
struct Sockets(RefCell<Vec<(gio::Socket, Accepting)>>);

impl Sockets {
    fn close(&self) {
        for (socket, source) in self.0.take() {
            if let Some(source) = source.take() {
                source.destroy();
            }
            let _ = socket.close();
        }
    }
}

/// Where to listen, and whether IPv6 must work.
fn addresses(listen: Listen) -> (Vec<IpAddr>, bool) {
    match listen {
        Listen::Localhost => (vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()], false),
        Listen::Network => (vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()], false),
        Listen::Address(address) => (vec![address], true),
    }
}

fn server_error(address: SocketAddr, error: &glib::Error) -> ServerError {
    let port = address.port();
    if error.matches(gio::IOErrorEnum::AddressInUse) {
        ServerError::PortTaken { port }
    } else if error.matches(gio::IOErrorEnum::PermissionDenied) {
        ServerError::PortForbidden { port }
    } else if error.matches(gio::IOErrorEnum::InvalidArgument) || error.message().contains("assign requested")
    {
        ServerError::AddressUnknown { address: address.ip() }
    } else {
        ServerError::Other { address, message: error.message().to_owned() }
    }
}

/// Lets the library accept from this socket; `source` is what does so now.
fn accept_from(socket: &gio::Socket, server: &RTSPServer, connections: &Rc<Connections>, source: &Accepting) {
    let accepts = gio::prelude::SocketExtManual::create_source(
        socket,
        glib::IOCondition::IN,
        gio::Cancellable::NONE,
        None,
        glib::Priority::DEFAULT,
        {
            let (server, connections, source) = (server.clone(), connections.clone(), source.clone());
            move |socket, condition| {
                let before = connections.accepted();
                let _ = RTSPServer::io_func(socket, condition, &server);
                // One that was reset while it waited is no reason to let others wait.
                if connections.accepted() > before || descriptors::are_left() {
                    return glib::ControlFlow::Continue;
                }
                let (again, server, connections) = (socket.clone(), server.clone(), connections.clone());
                let then = source.clone();
                glib::timeout_add_local_once(NO_DESCRIPTORS, move || {
                    // Meanwhile the server may have been moved.
                    if !again.is_closed() {
                        accept_from(&again, &server, &connections, &then);
                    }
                });
                glib::ControlFlow::Break
            }
        },
    );
    // On the main context of the thread that the server is made on.
    accepts.attach(Some(&glib::MainContext::ref_thread_default()));
    source.replace(Some(accepts));
}

/// The client that a session belongs to, as long as it is connected.
fn client_of(server: &RTSPServer, session: &str) -> Option<RTSPClient> {
    let is_of = |client: &RTSPClient| {
        let mut found = false;
        client.session_filter(Some(&mut |_, of| {
            found |= of.sessionid().is_some_and(|id| id == session);
            RTSPFilterResult::Keep
        }));
        found
    };
    let refer = |_: &RTSPServer, client: &RTSPClient| match is_of(client) {
        true => RTSPFilterResult::Ref,
        false => RTSPFilterResult::Keep,
    };
    server.client_filter(Some(&mut { refer })).into_iter().next()
}

/// Somebody who is sent away.
struct Leaving {
    session: String,
    client: Option<RTSPClient>,
}

impl Leaving {
    fn of(reader: &Reader) -> Self {
        Self { session: reader.session(), client: reader.client() }
    }

    /// Ends its session, then its connection, if that is open still. Not for the main thread.
    fn end(&self, pool: &RTSPSessionPool, server: &RTSPServer) {
        connections::remove_session(pool, &self.session);
        server.client_filter(Some(&mut |_, client| match &self.client {
            Some(leaving) if leaving == client => RTSPFilterResult::Remove,
            _ => RTSPFilterResult::Keep,
        }));
    }
}

/// What is asked before a reader is let in. Read by the threads that answer requests.
#[derive(Clone)]
struct Door {
    mounts: Arc<Mounts>,
    auth: Auth,
    gate: Arc<Gate>,
    seats: Arc<Seats>,
    refusals: RefusalReports,
    sessions: RTSPSessionPool,
    ways: Arc<Ways>,
    key_frames: Arc<KeyFrames>,
}

impl Door {
    fn mount(&self, context: &RTSPContext) -> Option<Mount> {
        ffi::request_path(context).and_then(|path| self.mounts.find(&path))
    }

    /// No request waits for a source: where there is no picture to be had, the answer is "not now", at once.
    fn answer(&self, client: &RTSPClient, context: &RTSPContext) -> RTSPStatusCode {
        let address = ffi::peer_address(context).unwrap_or_default();
        if let Err(reason) = self.gate.check(&address, self.auth.user_of(client).as_deref()) {
            return self.refuse(context, reason);
        }
        match self.mount(context) {
            Some(mount) if !mount.feed.is_serving() => {
                self.refuse(context, RefusalReason::SourceNotDelivering)
            }
            _ => RTSPStatusCode::Ok,
        }
    }

    /// Also whether there is a seat for one that begins.
    fn answer_setup(&self, client: &RTSPClient, context: &RTSPContext) -> RTSPStatusCode {
        if publisher::is_of_publisher(context) {
            return self.answer_publisher(client, context);
        }
        let answer = self.answer(client, context);
        let Some(mount) = self.mount(context).filter(|_| answer == RTSPStatusCode::Ok) else { return answer };
        if context.session().is_some() {
            return answer;
        }
        let address = ffi::peer_address(context).unwrap_or_default();
        match self.seats.ask(client, &mount.stream, &address, self.sessions.n_sessions()) {
            Ok(()) => answer,
            Err(reason) => self.refuse(context, reason),
        }
    }

    /// One who wants to send, and not to read.
    fn answer_publisher(&self, client: &RTSPClient, context: &RTSPContext) -> RTSPStatusCode {
        let user = self.auth.user_of(client);
        let address = ffi::peer_address(context).unwrap_or_default();
        if let Err(reason) = self.gate.check(&address, user.as_deref()) {
            return self.refuse(context, reason);
        }
        let Some(mount) = self.mount(context) else { return RTSPStatusCode::Ok };
        match mount.ingest.check(&publisher::publisher(context, user)) {
            Ok(()) => RTSPStatusCode::Ok,
            Err(taken) => self.refuse(context, RefusalReason::PublisherThere { address: taken.by.address }),
        }
    }

    fn begin_to_publish(&self, client: &RTSPClient, context: &RTSPContext) -> RTSPStatusCode {
        let Some(mount) = self.mount(context) else { return RTSPStatusCode::Ok };
        match publisher::begin(context, &mount, self.auth.user_of(client), &self.sessions) {
            Ok(()) => RTSPStatusCode::Ok,
            Err(reason) => self.refuse(context, reason),
        }
    }

    fn refuse(&self, context: &RTSPContext, reason: RefusalReason) -> RTSPStatusCode {
        let answer = match reason {
            RefusalReason::SourceNotDelivering => RTSPStatusCode::ServiceUnavailable,
            RefusalReason::KeptAway { .. } => RTSPStatusCode::Forbidden,
            RefusalReason::PublisherThere { .. } => RTSPStatusCode::MethodNotValidInThisState,
            _ => FULL,
        };
        self.refusals.tell(context, reason);
        answer
    }
}

fn watch_client(client: &RTSPClient, door: &Door, reports: &readers::Reports, news: Arc<News>) {
    client.connect_pre_describe_request({
        let door = door.clone();
        move |client, context| door.answer(client, context)
    });
    client.connect_pre_setup_request({
        let door = door.clone();
        move |client, context| door.answer_setup(client, context)
    });
    client.connect_pre_announce_request({
        let door = door.clone();
        move |client, context| door.answer_publisher(client, context)
    });
    client.connect_announce_request(|_, context| publisher::explain_static_types(context));
    client.connect_pre_record_request({
        let (door, news) = (door.clone(), news.clone());
        move |client, context| {
            let answer = door.begin_to_publish(client, context);
            if answer == RTSPStatusCode::Ok
                && let Some(session) = context.session().and_then(|session| session.sessionid())
            {
                news.publishing(&session);
            }
            answer
        }
    });
    client.connect_setup_request({
        let (seats, news) = (door.seats.clone(), news.clone());
        move |client, context| {
            if let Some(session) = context.session().and_then(|session| session.sessionid()) {
                seats.take(client, &session);
                news.began(&session);
            }
        }
    });
    client.connect_closed({
        let (seats, sessions, news) = (door.seats.clone(), door.sessions.clone(), news.clone());
        move |client| {
            seats.forget(readers::client_key(client));
            let (begun, sessions) = (news.sessions(), sessions.clone());
            // The last session of a media ends its pipeline, and waits for that.
            blocking::unblock(move || end_closed(&begun, &sessions)).detach();
        }
    });
    client.connect_pre_play_request({
        let (ways, reports) = (door.ways.clone(), reports.clone());
        move |_, context| {
            reports.starting(context, &ways);
            RTSPStatusCode::Ok
        }
    });
    client.connect_play_request({
        let (door, reports) = (door.clone(), reports.clone());
        move |client, context| {
            let Some(mount) = door.mount(context) else { return };
            // The reader's transport is active by now, so that the key frame reaches it.
            if mount.feed.answers_key_requests() {
                let address = ffi::peer_address(context).unwrap_or_default();
                mount.feed.request_key_frame(door.key_frames.ask(&address, &mount.stream, Instant::now()));
            }
            if let Some(session) = context.session().and_then(|session| session.sessionid()) {
                let taken = ffi::interleaved_tracks(context);
                let feed = taken.contains(&true).then(|| (mount.feed.clone(), taken));
                news.playing(&session, feed);
            }
            reports.playing(client, context, &mount.stream, door.auth.user_of(client));
        }
    });
    client.connect_pause_request({
        let reports = reports.clone();
        move |_, context| reports.pausing(context)
    });
}

/// Ends the sessions of a connection that was closed. The library would keep those on TCP too, until nothing was heard
/// of them for 60 s. Those on UDP go on.
fn end_closed(begun: &[String], sessions: &RTSPSessionPool) {
    for session in begun.iter().filter_map(|session| sessions.find(session)) {
        if goodbye::is_on_connection(&session) {
            let _ = sessions.remove(&session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_belong_to_the_mount_above_them() {
        let (commands, _inbox) = std::sync::mpsc::channel();
        gst::init().unwrap();
        let feed = Feed::new(commands.clone()).unwrap();
        let mounts = Mounts::default();
        for (path, stream) in [("/lobby", "a"), ("/lobby/sub", "b")] {
            let mount = Mount {
                stream: stream.into(),
                path: path.into(),
                feed: feed.clone(),
                ingest: Ingest::new(commands.clone()),
                transports: vec![],
            };
            mounts.0.lock().unwrap().insert(path.into(), mount);
        }
        let stream = |path| mounts.find(path).map(|mount| mount.stream);
        assert_eq!(stream("/lobby").as_deref(), Some("a"));
        assert_eq!(stream("/lobby/").as_deref(), Some("a"));
        assert_eq!(stream("/lobby/stream=0").as_deref(), Some("a"));
        assert_eq!(stream("/lobby/sub/stream=0").as_deref(), Some("b"));
        assert_eq!(stream("/lobbyist"), None);
        assert_eq!(stream("/"), None);
        assert_eq!(stream(""), None);
    }
}
