//! The RTSP server. It accepts on the main loop; requests run on a few threads of the library's pool, where
//! nothing waits for a source or for the main thread.

mod auth;
mod connections;
mod descriptors;
mod digest;
mod drain;
mod factory;
mod ffi;
mod key_frames;
mod readers;
mod refusals;
mod timestamp_guard;

pub use auth::{AccessTable, access_state};
pub use readers::Reader;
pub use refusals::Refusal;

use super::clock::TimeLine;
use super::feed::Feed;
use super::state::{RefusalReason, ServerError};
use crate::config::{Listen, ServerConfig};
use auth::Auth;
use connections::{Connections, News};
use factory::Factory;
use gio::prelude::*;
use gst_rtsp::RTSPStatusCode;
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{
    RTSPClient, RTSPContext, RTSPFilterResult, RTSPMountPoints, RTSPServer, RTSPSessionPool, RTSPThreadPool,
};
use key_frames::KeyFrames;
use readers::Readers;
use refusals::{RefusalReports, Refusals};
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Threads that answer requests. More than one, so that a long request does not hold up every reader.
const REQUEST_THREADS: i32 = 4;
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// The library removes sessions that timed out only when it is asked to.
const SESSION_CLEANUP: Duration = Duration::from_secs(2);
/// A connection that has taken nothing for so long is closed by the system, in case that `connections` did not.
const STALLED: Duration = Duration::from_secs(20);
/// The connection of a UDP reader whose session has ended is closed after so many seconds, unless it begins another
/// one. Else those of readers that vanished stay open for ever.
const CONNECTION_AFTER_SESSION: i32 = 10;
/// The longest body of a request, in bytes. None that is answered here needs one; a description that is announced
/// (SDP) has some thousand.
const LONGEST_BODY: u32 = 64 * 1024;
/// How long nobody is accepted after that failed: there are no descriptors left, and the main loop must not spin.
const NO_DESCRIPTORS: Duration = Duration::from_millis(500);
/// A reader whose stream ends gets so long to receive the RTCP BYE before its session is removed.
pub const GOODBYE: Duration = Duration::from_millis(200);

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
    pub feed: Arc<Feed>,
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
type Accepting = Rc<RefCell<Option<glib::SourceId>>>;

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
    refusals: Refusals,
    time: TimeLine,
    sockets: RefCell<Vec<(gio::Socket, Accepting)>>,
    cleanup: RefCell<Option<glib::SourceId>>,
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
        let refusals = Refusals::new(&mounts);
        let auth = Auth::new(refusals.reports());
        server.set_auth(Some(&auth));

        let readers = Readers::new(&sessions);
        let connections =
            Rc::new(Connections::new(&sessions, refusals.reports(), descriptors::raise_limit()));
        let watch = ClientWatch {
            mounts: mounts.clone(),
            auth: auth.clone(),
            reports: readers.reports(),
            refusals: refusals.reports(),
            key_frames: Arc::default(),
        };
        // Where it is accepted, which is here.
        server.connect_local("client-connected", false, {
            let connections = connections.clone();
            move |values| {
                let client: RTSPClient = values[1].get().expect("the signal has a client");
                let news = connections.add(&client);
                watch.begin(&client, news);
                None
            }
        });
        let cleanup = glib::timeout_add_local(SESSION_CLEANUP, {
            let sessions = sessions.clone();
            move || {
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
            connections,
            refusals,
            time,
            sockets: RefCell::default(),
            cleanup: RefCell::new(Some(cleanup)),
        }
    }

    pub fn readers(&self) -> &Readers {
        &self.readers
    }

    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Decides from now on by this table who may read what.
    pub fn set_access(&self, table: AccessTable) {
        self.auth.set_table(table);
    }

    /// Listens where the configuration says, and no longer anywhere else. Readers that are connected stay.
    /// Returns the addresses, with the port that the system chose where it was 0.
    pub fn listen(&self, config: &ServerConfig) -> Result<Vec<SocketAddr>, ServerError> {
        self.stop_listening();
        let mut port = config.port;
        let mut bound = Vec::new();
        let (addresses, required) = addresses(config.listen);
        for address in addresses {
            match self.listen_at(SocketAddr::new(address, port)) {
                Ok(address) => {
                    port = address.port();
                    bound.push(address);
                }
                // A computer may have no IPv6.
                Err(ServerError::AddressUnknown { .. } | ServerError::Other { .. })
                    if address.is_ipv6() && !required && !bound.is_empty() => {}
                Err(error) => {
                    self.stop_listening();
                    return Err(error);
                }
            }
        }
        Ok(bound)
    }

    fn listen_at(&self, address: SocketAddr) -> Result<SocketAddr, ServerError> {
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
        self.sockets.borrow_mut().push((socket, source));
        Ok(SocketAddr::new(address.ip(), local.port()))
    }

    pub fn stop_listening(&self) {
        for (socket, source) in self.sockets.take() {
            if let Some(source) = source.take() {
                source.remove();
            }
            let _ = socket.close();
        }
    }

    /// Serves a feed at a path.
    pub fn mount(&self, stream: &str, path: &str, feed: &Arc<Feed>) {
        let mount = Mount { stream: stream.to_owned(), feed: feed.clone() };
        self.mounts.0.lock().unwrap().insert(path.to_owned(), mount);
        self.factories.add_factory(path, Factory::new(feed.clone(), self.time.clone()));
    }

    /// Serves nothing at a path any more.
    pub fn unmount(&self, path: &str) {
        self.mounts.0.lock().unwrap().remove(path);
        self.factories.remove_factory(path);
    }

    /// Removes the sessions of a stream's readers and closes their connections, after the end of the
    /// stream has had the time to reach them.
    pub fn dismiss(&self, stream: &str) {
        let readers = self.readers.of_stream(stream);
        if readers.is_empty() {
            return;
        }
        let gone: Vec<_> = readers.iter().map(|reader| (reader.session(), reader.client())).collect();
        let (pool, server) = (self.sessions.clone(), self.server.clone());
        glib::timeout_add_local_once(GOODBYE, move || {
            // The last session of a media ends its pipeline, and waits for that.
            blocking::unblock(move || {
                for session in gone.iter().filter_map(|(session, _)| pool.find(session)) {
                    let _ = pool.remove(&session);
                }
                server.client_filter(Some(&mut |_, client| {
                    let key = readers::client_key(client);
                    let dismissed = gone.iter().any(|(_, client)| *client == key);
                    if dismissed { RTSPFilterResult::Remove } else { RTSPFilterResult::Keep }
                }));
            })
            .detach();
        });
    }

    /// Ends every connection and session.
    pub async fn shut_down(&self) {
        self.stop_listening();
        if let Some(cleanup) = self.cleanup.take() {
            cleanup.remove();
        }
        self.connections.stop();
        let (sessions, server) = (self.sessions.clone(), self.server.clone());
        let ended = blocking::unblock(move || {
            server.client_filter(Some(&mut |_, _| RTSPFilterResult::Remove));
            sessions.filter(Some(&mut |_, _| RTSPFilterResult::Remove));
        });
        within(PATIENCE, ended).await;
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
                if connections.accepted() > before {
                    return glib::ControlFlow::Continue;
                }
                let (again, server, connections) = (socket.clone(), server.clone(), connections.clone());
                let then = source.clone();
                source.replace(Some(glib::timeout_add_local_once(NO_DESCRIPTORS, move || {
                    accept_from(&again, &server, &connections, &then);
                })));
                glib::ControlFlow::Break
            }
        },
    );
    source.replace(Some(accepts.attach(None)));
}

/// What the requests of all clients are answered with.
#[derive(Clone)]
struct ClientWatch {
    mounts: Arc<Mounts>,
    auth: Auth,
    reports: readers::Reports,
    refusals: RefusalReports,
    key_frames: Arc<KeyFrames>,
}

impl ClientWatch {
    fn begin(&self, client: &RTSPClient, news: Arc<News>) {
        // No request waits for a source: where there is no picture to be had, the answer is "not now", at once.
        let refuse = {
            let watch = self.clone();
            move |_: &RTSPClient, context: &RTSPContext| match watch.mount(context) {
                Some(mount) if !mount.feed.is_serving() => {
                    watch.refusals.tell(context, RefusalReason::SourceNotDelivering);
                    RTSPStatusCode::ServiceUnavailable
                }
                _ => RTSPStatusCode::Ok,
            }
        };
        client.connect_pre_describe_request(refuse.clone());
        client.connect_pre_setup_request(refuse);
        let watch = self.clone();
        client.connect_play_request(move |client, context| watch.plays(client, context, &news));
    }

    fn mount(&self, context: &RTSPContext) -> Option<Mount> {
        self.mounts.find(&ffi::request_path(context)?)
    }

    /// A PLAY was answered.
    fn plays(&self, client: &RTSPClient, context: &RTSPContext, news: &News) {
        let Some(mount) = self.mount(context) else { return };
        // The reader's transport is active by now, so that the key frame reaches it.
        let address = ffi::peer_address(context).unwrap_or_default();
        mount.feed.request_key_frame(self.key_frames.ask(&address, &mount.stream, Instant::now()));
        if let Some(session) = context.session().and_then(|session| session.sessionid()) {
            let feed = ffi::is_interleaved(context).then(|| mount.feed.clone());
            if feed.is_none() {
                // Not for one on TCP: the library then sets a timer when the session is removed, and ends the process
                // by an assertion where the connection is closed in that moment.
                client.set_post_session_timeout(CONNECTION_AFTER_SESSION);
            }
            news.playing(&session, feed);
        }
        self.reports.playing(client, context, &mount.stream, self.auth.user_of(client));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_belong_to_the_mount_above_them() {
        let (commands, _inbox) = std::sync::mpsc::channel();
        gst::init().unwrap();
        let feed = Feed::new(commands).unwrap();
        let mounts = Mounts::default();
        for (path, stream) in [("/lobby", "a"), ("/lobby/sub", "b")] {
            mounts.0.lock().unwrap().insert(path.into(), Mount { stream: stream.into(), feed: feed.clone() });
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
