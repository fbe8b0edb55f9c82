//! The RTSP server. It accepts on the main loop; requests run on a few threads of the library's pool, where
//! nothing waits for a source or for the main thread.

mod auth;
pub mod certificate;
mod delivery;
mod digest;
mod drain;
mod factory;
mod ffi;
#[cfg(test)]
mod keep_alive;
mod readers;
mod refusals;
mod timestamp_guard;
mod ways;

pub use auth::{AccessTable, access_state};
pub use readers::Reader;
pub use refusals::Refusal;

use super::LocalAddresses;
use super::clock::TimeLine;
use super::feed::Feed;
use super::state::{RefusalReason, ServerError};
use crate::config::{Listen, ReaderTransport, ServerConfig, StreamConfig};
use auth::Auth;
use delivery::Delivery;
use factory::Factory;
use gio::prelude::*;
use gst_rtsp::RTSPStatusCode;
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{
    RTSPClient, RTSPContext, RTSPFilterResult, RTSPMountPoints, RTSPServer, RTSPSessionPool, RTSPThreadPool,
};
use readers::Readers;
use refusals::{RefusalReports, Refusals};
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use ways::Ways;

/// Threads that answer requests. More than one, so that a long request does not hold up every reader.
const REQUEST_THREADS: i32 = 4;
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;
/// The library removes sessions that timed out only when it is asked to.
const SESSION_CLEANUP: Duration = Duration::from_secs(2);
/// A connection that has taken nothing for so long is closed by the system. The library leaves a reader on TCP
/// out after 10 s, but keeps its session for as long as it is connected.
const STALLED: Duration = Duration::from_secs(20);
/// A connection whose session has ended is closed after so many seconds, unless it begins another one. Else those
/// of UDP readers that vanished stay open for ever.
const CONNECTION_AFTER_SESSION: i32 = 10;
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

/// The server. Main thread only.
#[derive(Debug)]
pub struct Server {
    server: RTSPServer,
    factories: RTSPMountPoints,
    sessions: RTSPSessionPool,
    mounts: Arc<Mounts>,
    auth: Auth,
    readers: Readers,
    refusals: Refusals,
    time: TimeLine,
    ways: Arc<Ways>,
    delivery: RefCell<Delivery>,
    /// Of the mount paths that are served.
    served: RefCell<HashMap<String, Factory>>,
    sockets: Sockets,
    encrypted_sockets: Sockets,
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
        let mounts = Arc::new(Mounts::default());
        let ways = Arc::new(Ways::new(&mounts));
        let refusals = Refusals::new(&mounts);
        let auth = Auth::new(ways.clone(), refusals.reports());
        server.set_auth(Some(&auth));

        let readers = Readers::new(&sessions);
        server.connect_client_connected({
            let (mounts, auth, reports, refusals) =
                (mounts.clone(), auth.clone(), readers.reports(), refusals.reports());
            let ways = ways.clone();
            move |_, client| {
                ways.accepted(client);
                watch_client(client, &mounts, &auth, &reports, &refusals);
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
            refusals,
            time,
            ways,
            delivery: RefCell::new(Delivery::new(&ServerConfig::default(), &LocalAddresses::default())),
            served: RefCell::default(),
            sockets: Sockets::default(),
            encrypted_sockets: Sockets::default(),
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
        socket
            .set_option(ffi::IPPROTO_TCP, ffi::TCP_USER_TIMEOUT, STALLED.as_millis() as i32)
            .map_err(failed)?;
        socket.set_blocking(false);
        socket.set_listen_backlog(BACKLOG);
        socket.bind(&gio::InetSocketAddress::from(address), true).map_err(failed)?;
        socket.listen().map_err(failed)?;
        let local = socket
            .local_address()
            .map_err(failed)?
            .downcast::<gio::InetSocketAddress>()
            .expect("a TCP socket has an internet address");
        let source = gio::prelude::SocketExtManual::create_source(
            &socket,
            glib::IOCondition::IN,
            gio::Cancellable::NONE,
            None,
            glib::Priority::DEFAULT,
            {
                let server = self.server.clone();
                move |socket, condition| {
                    let _ = RTSPServer::io_func(socket, condition, &server);
                    glib::ControlFlow::Continue
                }
            },
        );
        sockets.0.borrow_mut().push((socket, source.attach(None)));
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

    /// Serves a stream's feed at its path.
    pub fn mount(&self, stream: &StreamConfig, feed: &Arc<Feed>) {
        let mount =
            Mount { stream: stream.id.clone(), feed: feed.clone(), transports: stream.transports.clone() };
        self.mounts.0.lock().unwrap().insert(stream.path.clone(), mount);
        let factory = Factory::new(feed.clone(), self.time.clone(), &self.delivery.borrow());
        self.served.borrow_mut().insert(stream.path.clone(), factory.clone());
        self.factories.add_factory(&stream.path, factory);
    }

    /// Serves nothing at a path any more.
    pub fn unmount(&self, path: &str) {
        self.mounts.0.lock().unwrap().remove(path);
        self.served.borrow_mut().remove(path);
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
struct Sockets(RefCell<Vec<(gio::Socket, glib::SourceId)>>);

impl Sockets {
    fn close(&self) {
        for (socket, source) in self.0.take() {
            source.remove();
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

fn watch_client(
    client: &RTSPClient,
    mounts: &Arc<Mounts>,
    auth: &Auth,
    reports: &readers::Reports,
    refusals: &RefusalReports,
) {
    client.set_post_session_timeout(CONNECTION_AFTER_SESSION);
    // No request waits for a source: where there is no picture to be had, the answer is "not now", at once.
    let refuse = {
        let (mounts, refusals) = (mounts.clone(), refusals.clone());
        move |_: &RTSPClient, context: &RTSPContext| match ffi::request_path(context)
            .and_then(|path| mounts.find(&path))
        {
            Some(mount) if !mount.feed.is_serving() => {
                refusals.tell(context, RefusalReason::SourceNotDelivering);
                RTSPStatusCode::ServiceUnavailable
            }
            _ => RTSPStatusCode::Ok,
        }
    };
    client.connect_pre_describe_request(refuse.clone());
    client.connect_pre_setup_request(refuse);
    client.connect_play_request({
        let (mounts, auth, reports) = (mounts.clone(), auth.clone(), reports.clone());
        move |client, context| {
            let Some(mount) = ffi::request_path(context).and_then(|path| mounts.find(&path)) else { return };
            // The reader's transport is active by now, so that the key frame reaches it.
            mount.feed.request_key_frame();
            reports.playing(client, context, &mount.stream, auth.user_of(client));
        }
    });
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
            mounts
                .0
                .lock()
                .unwrap()
                .insert(path.into(), Mount { stream: stream.into(), feed: feed.clone(), transports: vec![] });
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
