//! Watches over the connections of all clients, so that a bad one hurts nobody: one that asks for nothing, one that
//! asks for too much, one that does not take what it asked for, and one whose computer has vanished are closed here.
//!
//! The library reads the requests itself, on threads that many clients share. So this looks at the sockets from
//! outside, on the main thread, and ends a connection by shutting its socket down: the library then closes it as if
//! the other end had.

mod pace;

use super::ffi::{self, TcpInfo, TcpState};
use super::refusals::RefusalReports;
use crate::engine::feed::{Feed, Taken};
use crate::engine::state::{LimitScope, RefusalReason};
use gio::prelude::*;
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{RTSPClient, RTSPSessionPool};
use pace::Pace;
use rustix::net::sockopt::set_socket_linger;
use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Connections in all. Each takes some 30 kB and a descriptor.
const MOST: usize = 4096;
/// One of so many descriptors is for a connection; the rest is for sources, media and files.
const DESCRIPTORS_FOR_ONE: u64 = 2;
/// Connections in all that play nothing. A player is one of these for a moment only.
const IDLE: usize = 1024;
/// The same of one address.
const IDLE_OF_ADDRESS: usize = 256;

/// How often everything is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Looks in a second.
const LOOKS: u32 = 4;
/// The first request has to be whole after so many looks, which is 8 s. Programs connect when they have something to
/// ask; no person types here.
const FIRST_REQUEST: u32 = 8 * LOOKS;
/// One whose session is over is closed after so many looks, which is 10 s, unless it begins another one.
const AFTER_SESSION: u32 = 10 * LOOKS;
/// Looks after which the library has surely done all that it does about a connection that was closed.
const SETTLED: u32 = 3 * LOOKS;
/// A computer that has acknowledged nothing for so long, and was asked every [`PROBE_EACH`] seconds, has vanished.
const VANISHED: Duration = Duration::from_secs(12);
/// When an idle connection is first asked for a sign of life, and then again; in seconds.
pub const PROBE_AFTER: i32 = 3;
pub const PROBE_EACH: i32 = 2;
/// What a client may send in the time of a look. A request has less than 2 kB; but an endless one holds up everybody
/// on the same thread of the library for as long as it lasts.
const BYTES_EACH_LOOK: u64 = 64 * 1024;
/// What a client may send without being answered: a large request, or receiver reports.
const BYTES_UNANSWERED: u64 = 256 * 1024;
/// What one that plays may send on top, each second: the receiver reports of several streams (RFC 3550, 6.2).
const REPORTS_EACH_SECOND: u64 = 512;
/// Requests in a second. Players send some ten to begin with, and then one in many seconds.
const REQUESTS_EACH_SECOND: u32 = 100;

/// Why a connection was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// It asks as no player does.
    Refused(RefusalReason),
    /// It takes the stream much slower than it comes, or not at all.
    TooSlow,
    /// Its computer does not answer any more.
    Vanished,
    /// Its session ended some time ago.
    Over,
}

/// What the library's threads tell of one client.
#[derive(Debug, Default)]
pub struct News {
    answers: AtomicU32,
    gone: AtomicBool,
    /// Those that it began, and that have not ended.
    sessions: Mutex<Vec<String>>,
    playing: Mutex<Option<Playing>>,
}

/// What a client plays.
#[derive(Debug)]
struct Playing {
    session: String,
    /// It sends the stream, as much as that is.
    publishes: bool,
    /// Only where tracks of the stream come over the connection: which.
    feed: Option<(Arc<Feed>, Taken)>,
    pace: Option<Pace>,
}

impl News {
    /// It has set something up in this session, or goes on with it on a connection of its own.
    pub fn began(&self, session: &str) {
        let mut sessions = self.sessions.lock().unwrap();
        if !sessions.iter().any(|known| known == session) {
            sessions.push(session.to_owned());
        }
    }

    /// The sessions that it began, and that had not ended when they were last looked at.
    pub fn sessions(&self) -> Vec<String> {
        self.sessions.lock().unwrap().clone()
    }

    /// It plays in this session; `feed` is what it gets over its connection.
    pub fn playing(&self, session: &str, feed: Option<(Arc<Feed>, Taken)>) {
        self.began(session);
        *self.playing.lock().unwrap() =
            Some(Playing { session: session.to_owned(), publishes: false, feed, pace: None });
    }

    /// It sends a stream in this session.
    pub fn publishing(&self, session: &str) {
        *self.playing.lock().unwrap() =
            Some(Playing { session: session.to_owned(), publishes: true, feed: None, pace: None });
    }

    fn paused(&self) {
        if let Some(playing) = &mut *self.playing.lock().unwrap() {
            (playing.feed, playing.pace) = (None, None);
        }
    }

    fn stopped(&self) {
        *self.playing.lock().unwrap() = None;
    }

    fn forget(&self, ended: &[String]) {
        self.sessions.lock().unwrap().retain(|session| !ended.contains(session));
        let mut playing = self.playing.lock().unwrap();
        if playing.as_ref().is_some_and(|playing| ended.contains(&playing.session)) {
            *playing = None;
        }
    }

    fn plays(&self) -> bool {
        self.playing.lock().unwrap().is_some()
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

/// The client of a reader on UDP that has closed its connection. Its session lives on; and when that ends, the library
/// does not let go of the client. It could be told to close it some seconds later (`post-session-timeout`), but ends
/// the process by an assertion where the client goes away within these.
#[derive(Debug)]
struct Leftover {
    client: glib::WeakRef<RTSPClient>,
    news: Arc<News>,
    /// Its program or computer knows nothing of the connection any more, and so is not there.
    is_reset: bool,
    /// How often it was looked at.
    looks: u32,
}

/// One client's connection.
#[derive(Debug, Clone)]
struct Connection {
    client: glib::WeakRef<RTSPClient>,
    /// Weak, since it is the last reference that closes it.
    socket: glib::WeakRef<gio::Socket>,
    address: IpAddr,
    news: Arc<News>,
    /// How often it was looked at. Unlike time this stands still while the whole process does.
    looks: u32,
    /// How often it was looked at since its last session ended.
    looks_after_session: Option<u32>,
    answers: u32,
    answers_a_second_ago: u32,
    /// Bytes.
    received: u64,
    /// When an answer was last seen, and the bytes that had been received by then.
    answered: (Instant, u64),
}

/// All connections that are open, in the order in which they came.
#[derive(Debug)]
struct Table {
    sessions: RTSPSessionPool,
    /// As many as there may be.
    most: usize,
    open: Vec<Connection>,
    leftovers: Vec<Leftover>,
    looks: u32,
    /// Sessions that have ended since the last look.
    ended: Arc<Mutex<Vec<String>>>,
    refusals: RefusalReports,
}

/// The connections of all clients. Main thread only.
#[derive(Debug)]
pub struct Connections {
    table: Rc<RefCell<Table>>,
    looking: RefCell<Option<glib::SourceId>>,
    accepted: Cell<u64>,
}

impl Connections {
    /// `descriptors` is how many the process may have.
    pub fn new(sessions: &RTSPSessionPool, refusals: RefusalReports, descriptors: u64) -> Self {
        let share = usize::try_from(descriptors / DESCRIPTORS_FOR_ONE).unwrap_or(usize::MAX);
        let ended = Arc::new(Mutex::new(Vec::new()));
        sessions.connect_session_removed({
            let ended = ended.clone();
            move |_, session| ended.lock().unwrap().extend(session.sessionid().map(String::from))
        });
        let table = Rc::new(RefCell::new(Table {
            sessions: sessions.clone(),
            most: MOST.min(share),
            open: Vec::new(),
            leftovers: Vec::new(),
            looks: 0,
            ended,
            refusals,
        }));
        let looking = glib::timeout_add_local(LOOK, {
            let table = table.clone();
            move || {
                table.borrow_mut().look(Instant::now());
                glib::ControlFlow::Continue
            }
        });
        Self { table, looking: RefCell::new(Some(looking)), accepted: Cell::new(0) }
    }

    /// How many were ever taken in.
    pub fn accepted(&self) -> u64 {
        self.accepted.get()
    }

    /// Takes in a client that the library has accepted and does not serve yet.
    pub fn add(&self, client: &RTSPClient) -> Arc<News> {
        self.accepted.set(self.accepted.get() + 1);
        let news = Arc::new(News::default());
        let socket = ffi::socket(client);
        // One without an address is gone already.
        if let Some((socket, address)) = socket.and_then(|socket| peer(&socket).map(|peer| (socket, peer))) {
            listen_to(client, &news);
            self.table.borrow_mut().admit(Connection {
                client: client.downgrade(),
                socket: socket.downgrade(),
                address,
                news: news.clone(),
                looks: 0,
                looks_after_session: None,
                answers: 0,
                answers_a_second_ago: 0,
                received: 0,
                answered: (Instant::now(), 0),
            });
        }
        news
    }

    /// Looks at nothing any more.
    pub fn stop(&self) {
        if let Some(looking) = self.looking.take() {
            looking.remove();
        }
    }
}

fn peer(socket: &gio::Socket) -> Option<IpAddr> {
    let address = socket.remote_address().ok()?.downcast::<gio::InetSocketAddress>().ok()?;
    Some(SocketAddr::from(address).ip())
}

fn listen_to(client: &RTSPClient, news: &Arc<News>) {
    // Each answer to a request, an error among them. The bindings leave this signal out.
    client.connect("send-message", false, {
        let news = news.clone();
        move |_| {
            news.answers.fetch_add(1, Ordering::Relaxed);
            None
        }
    });
    client.connect_closed({
        let news = news.clone();
        move |_| news.gone.store(true, Ordering::Relaxed)
    });
    client.connect_pause_request({
        let news = news.clone();
        move |_, _| news.paused()
    });
    client.connect_teardown_request({
        let news = news.clone();
        move |_, _| news.stopped()
    });
}

impl Table {
    /// Makes room for a connection where there is none. Whoever has played nothing for longest goes; in a flood that
    /// is one of the flood.
    fn admit(&mut self, new: Connection) {
        self.open.retain(|connection| !connection.news.is_gone());
        let (mut idle, mut of_address, mut idle_of_address) = (0, 0, 0);
        for connection in &self.open {
            let (is_idle, is_same) = (!connection.news.plays(), connection.address == new.address);
            idle += usize::from(is_idle);
            of_address += usize::from(is_same);
            idle_of_address += usize::from(is_idle && is_same);
        }
        let (most, most_idle) = (self.most, IDLE.min(self.most / 2));
        let (address_most, address_idle) = (self.most / 2, IDLE_OF_ADDRESS.min(self.most / 4));
        let full = |scope, most: usize| {
            End::Refused(RefusalReason::TooManyConnections {
                scope,
                most: u32::try_from(most).unwrap_or(u32::MAX),
            })
        };
        let (of_address_only, end) = if idle_of_address >= address_idle {
            (true, full(LimitScope::Address, address_idle))
        } else if of_address >= address_most {
            (true, full(LimitScope::Address, address_most))
        } else if idle >= most_idle {
            (false, full(LimitScope::Server, most_idle))
        } else if self.open.len() + self.leftovers.len() >= most {
            (false, full(LimitScope::Server, most))
        } else {
            self.open.push(new);
            return;
        };
        let longest = self
            .open
            .iter()
            .enumerate()
            .filter(|(_, other)| !other.news.plays() && (!of_address_only || other.address == new.address))
            .min_by_key(|(_, other)| other.answered.0)
            .map(|(place, _)| place);
        let gone = match longest {
            Some(place) => {
                self.open.push(new);
                self.open.remove(place)
            }
            None => new,
        };
        self.close(&gone, end);
    }

    fn look(&mut self, now: Instant) {
        self.looks = self.looks.wrapping_add(1);
        let is_second = self.looks.is_multiple_of(LOOKS);
        let mut ended_now = Vec::new();
        let (leftovers, sessions) = (&mut self.leftovers, &self.sessions);
        leftovers.retain(|leftover| !leftover.news.is_gone());
        leftovers.iter_mut().for_each(|leftover| leftover.look(sessions));
        if is_second {
            let settled = leftovers.iter().filter(|leftover| leftover.looks > SETTLED);
            let clients: Vec<_> = settled.map(|leftover| leftover.client.clone()).collect();
            // The last reference may end a media, and wait for that.
            blocking::unblock(move || clients.iter().filter_map(glib::WeakRef::upgrade).for_each(let_go))
                .detach();
        }
        let ended = std::mem::take(&mut *self.ended.lock().unwrap());
        self.open.retain_mut(|connection| {
            if connection.news.is_gone() {
                return false;
            }
            let info = connection.socket.upgrade().and_then(|socket| ffi::tcp_info(&socket));
            let Some(info) = info.filter(|info| info.state == TcpState::Established) else {
                // A reader on UDP may close its connection, and its session goes on.
                leftovers.push(Leftover {
                    client: connection.client.clone(),
                    news: connection.news.clone(),
                    is_reset: info.is_some_and(|info| info.state == TcpState::Reset),
                    looks: 0,
                });
                return false;
            };
            if !ended.is_empty() {
                connection.news.forget(&ended);
            }
            let Some(end) = connection.look(&info, now, is_second) else { return true };
            ended_now.push((connection.clone(), end));
            false
        });
        for (connection, end) in ended_now {
            self.close(&connection, end);
        }
    }

    /// Ends a connection, and what is played by it.
    fn close(&self, connection: &Connection, end: End) {
        let address = connection.address;
        match end {
            End::Refused(reason) => self.refusals.tell_address(address, reason),
            End::TooSlow => {
                tracing::info!("closed a connection of {address}: it takes the stream too slowly")
            }
            End::Vanished => tracing::info!("closed a connection of {address}: it does not answer any more"),
            End::Over => tracing::debug!("closed a connection of {address}: its session is over"),
        }
        let socket = connection.socket.clone();
        let Some(playing) = connection.news.playing.lock().unwrap().take() else { return abort(&socket) };
        let sessions = self.sessions.clone();
        glib::spawn_future_local(async move {
            // The last session of a media ends its pipeline, and waits for that. The connection is closed only then:
            // the library does not bear both at the same time.
            blocking::unblock(move || remove_session(&sessions, &playing.session)).await;
            abort(&socket);
        });
    }
}

/// Ends a session. The last one of a media ends its pipeline, and waits for that.
pub fn remove_session(sessions: &RTSPSessionPool, id: &str) {
    if let Some(session) = sessions.find(id) {
        let _ = sessions.remove(&session);
    }
}

/// Ends a connection. The library sees that, in a thread of its own, as if the other end had closed it.
fn abort(socket: &glib::WeakRef<gio::Socket>) {
    if let Some(socket) = socket.upgrade().filter(|socket| !socket.is_closed()) {
        // What was not taken is thrown away, and not kept by the system for as long as it may be taken.
        let _ = set_socket_linger(&socket, Some(Duration::ZERO));
        let _ = socket.shutdown(true, true);
    }
}

/// Lets go of a client whose connection is closed, unless it still has a session.
fn let_go(client: RTSPClient) {
    if client.session_filter(None).is_empty() {
        client.emit_by_name::<()>("closed", &[]);
    }
}

impl Leftover {
    fn look(&mut self, sessions: &RTSPSessionPool) {
        self.looks += 1;
        if self.is_reset
            && self.looks == SETTLED
            && let Some(playing) = self.news.playing.lock().unwrap().take()
        {
            let sessions = sessions.clone();
            blocking::unblock(move || remove_session(&sessions, &playing.session)).detach();
        }
    }
}

impl Connection {
    fn look(&mut self, info: &TcpInfo, now: Instant, is_second: bool) -> Option<End> {
        self.looks += 1;
        let received = info.bytes_received - self.received;
        self.received = info.bytes_received;
        let answers = self.news.answers.load(Ordering::Relaxed);
        if answers != self.answers {
            self.answers = answers;
            self.answered = (now, self.received);
        }
        if info.silent > VANISHED {
            return Some(End::Vanished);
        }
        if answers == 0 && self.looks > FIRST_REQUEST {
            let seconds = u64::from(FIRST_REQUEST / LOOKS);
            return Some(End::Refused(RefusalReason::RequestTooSlow { seconds }));
        }
        let mut playing = self.news.playing.lock().unwrap();
        self.looks_after_session = match self.news.sessions.lock().unwrap().is_empty() {
            false => Some(0),
            true => self.looks_after_session.map(|looks| looks + 1),
        };
        if self.looks_after_session.is_some_and(|looks| looks > AFTER_SESSION) {
            return Some(End::Over);
        }
        let reports = match &*playing {
            Some(_) => REPORTS_EACH_SECOND * (now - self.answered.0).as_secs(),
            None => 0,
        };
        let publishes = playing.as_ref().is_some_and(|playing| playing.publishes);
        let asks_too_much =
            received > BYTES_EACH_LOOK || self.received - self.answered.1 > BYTES_UNANSWERED + reports;
        if asks_too_much && !publishes {
            return Some(End::Refused(RefusalReason::RequestTooLarge { most: BYTES_EACH_LOOK }));
        }
        if !is_second {
            return None;
        }
        if answers.wrapping_sub(self.answers_a_second_ago) > REQUESTS_EACH_SECOND {
            let (most, seconds) = (REQUESTS_EACH_SECOND, 1);
            return Some(End::Refused(RefusalReason::TooManyRequests { most, seconds }));
        }
        self.answers_a_second_ago = answers;
        let Some(Playing { feed: Some((feed, taken)), pace, .. }) = &mut *playing else { return None };
        let sent = feed.bytes_sent(*taken);
        let pace = pace.get_or_insert_with(|| Pace::new(sent, info.bytes_taken));
        pace.add_second(sent, info.bytes_taken);
        pace.is_too_slow().then_some(End::TooSlow)
    }
}
