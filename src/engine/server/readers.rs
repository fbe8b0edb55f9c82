//! Who watches: one reader for each RTSP session that plays. Sessions come and go on the library's threads;
//! the list lives on the main one.

use super::ffi;
use super::meter::Meter;
use super::peer;
use super::traffic::{Count, Traffics};
use super::ways::Ways;
use crate::config::ReaderTransport;
use crate::engine::state::Figures;
use gio::prelude::*;
use glib::subclass::prelude::*;
use gst_rtsp::RTSPHeaderField;
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{RTSPClient, RTSPContext, RTSPSessionPool};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often figures are taken while somebody looks at them.
const REFRESH: Duration = Duration::from_secs(1);

mod imp {
    use super::*;

    #[derive(Debug, Default, glib::Properties)]
    #[properties(wrapper_type = super::Reader)]
    pub struct Reader {
        /// The RTSP session.
        #[property(get, construct_only)]
        pub session: OnceCell<String>,
        /// The id of the stream that is watched.
        #[property(get, construct_only)]
        pub stream: OnceCell<String>,
        /// The address of the computer that watches.
        #[property(get, construct_only)]
        pub address: OnceCell<String>,
        /// Whom it logged in as; empty where it did not have to.
        #[property(get, construct_only)]
        pub user: OnceCell<String>,
        /// What the program calls itself (its User-Agent); may be empty.
        #[property(get, construct_only)]
        pub program: OnceCell<String>,
        /// Seconds since 1970, when it began to watch.
        #[property(get, construct_only)]
        pub since: Cell<i64>,
        /// How it fares: kept up to date while somebody looks, see [`Watching`](super::Watching).
        #[property(get)]
        pub figures: RefCell<Figures>,
        pub client: glib::WeakRef<RTSPClient>,
        pub meter: OnceCell<Arc<Meter>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Reader {
        const NAME: &'static str = "HeadwaterReader";
        type Type = super::Reader;
    }

    #[glib::derived_properties]
    impl ObjectImpl for Reader {}
}

glib::wrapper! {
    /// Somebody who watches a stream.
    pub struct Reader(ObjectSubclass<imp::Reader>);
}

/// Tells connections apart; never followed.
pub type ClientKey = usize;

pub fn client_key(client: &RTSPClient) -> ClientKey {
    client.as_ptr() as ClientKey
}

/// The news from the library's threads.
#[derive(Debug, Clone)]
pub struct Reports {
    to: async_channel::Sender<Report>,
    traffics: Arc<Traffics>,
    /// Of each session that has asked to play.
    meters: Arc<Mutex<HashMap<String, Arc<Meter>>>>,
}

#[derive(Debug)]
enum Report {
    Playing {
        session: String,
        stream: String,
        address: String,
        user: String,
        program: String,
        client: glib::WeakRef<RTSPClient>,
        meter: Arc<Meter>,
    },
    Gone {
        session: String,
    },
}

impl Reports {
    /// PLAY was asked for, and will be done.
    pub fn starting(&self, context: &RTSPContext, ways: &Ways) {
        let Some(session) = context.session() else { return };
        let Some(id) = session.sessionid() else { return };
        if !self.meters.lock().unwrap().contains_key(id.as_str()) {
            let meter = Arc::new(Meter::new(context, session, &self.traffics, ways));
            self.meters.lock().unwrap().insert(id.into(), meter);
        }
    }

    /// A PLAY was answered.
    pub fn playing(&self, client: &RTSPClient, context: &RTSPContext, stream: &str, user: Option<String>) {
        let Some(session) = session_of(context) else { return };
        let Some(meter) = self.meter(&session) else { return };
        meter.begin();
        let _ = self.to.try_send(Report::Playing {
            session,
            stream: stream.to_owned(),
            address: ffi::peer_address(context).unwrap_or_default(),
            user: user.unwrap_or_default(),
            program: ffi::request_header(context, RTSPHeaderField::UserAgent).unwrap_or_default(),
            client: client.downgrade(),
            meter,
        });
    }

    /// A reader that begins was handed so much at once, a key frame first.
    pub fn handed(&self, context: &RTSPContext, count: Count) {
        if let Some(meter) = session_of(context).and_then(|session| self.meter(&session)) {
            meter.hand(count);
        }
    }

    /// A PAUSE was answered.
    pub fn pausing(&self, context: &RTSPContext) {
        if let Some(meter) = session_of(context).and_then(|session| self.meter(&session)) {
            meter.pause();
        }
    }

    fn gone(&self, session: String) {
        if let Some(meter) = self.meters.lock().unwrap().remove(&session) {
            meter.pause();
        }
        let _ = self.to.try_send(Report::Gone { session });
    }

    fn meter(&self, session: &str) -> Option<Arc<Meter>> {
        self.meters.lock().unwrap().get(session).cloned()
    }
}

/// The session of a request, where it has one.
pub fn session_of(context: &RTSPContext) -> Option<String> {
    context.session()?.sessionid().map(String::from)
}

/// The readers of all streams. Main thread only.
#[derive(Debug)]
pub struct Readers {
    list: gio::ListStore,
    reports: Reports,
    refresh: Rc<Refresh>,
}

/// As long as it is kept, the figures of readers are kept up to date.
#[derive(Debug)]
#[must_use]
pub struct Watching(Rc<Refresh>);

#[derive(Debug)]
struct Refresh {
    list: glib::WeakRef<gio::ListStore>,
    /// How many look.
    watching: Cell<usize>,
    timer: RefCell<Option<glib::SourceId>>,
    /// Held while figures are taken.
    under_way: Arc<async_lock::Mutex<()>>,
}

impl Readers {
    pub fn new(sessions: &RTSPSessionPool, traffics: &Arc<Traffics>) -> Self {
        let (sender, received) = async_channel::unbounded();
        let list = gio::ListStore::new::<Reader>();
        glib::spawn_future_local({
            let (list, sessions) = (list.downgrade(), sessions.clone());
            async move {
                while let Ok(report) = received.recv().await {
                    let Some(list) = list.upgrade() else { break };
                    take_in(&list, &sessions, report);
                }
            }
        });
        let reports = Reports { to: sender, traffics: traffics.clone(), meters: Arc::default() };
        sessions.connect_session_removed({
            let reports = reports.clone();
            move |_, session| {
                if let Some(session) = session.sessionid() {
                    reports.gone(session.into());
                }
            }
        });
        let refresh = Refresh {
            list: list.downgrade(),
            watching: Cell::default(),
            timer: RefCell::default(),
            under_way: Arc::default(),
        };
        Self { list, reports, refresh: Rc::new(refresh) }
    }

    pub fn list(&self) -> &gio::ListStore {
        &self.list
    }

    pub fn reports(&self) -> Reports {
        self.reports.clone()
    }

    /// The readers of one stream.
    pub fn of_stream(&self, stream: &str) -> Vec<Reader> {
        self.list.iter::<Reader>().flatten().filter(|reader| reader.stream() == stream).collect()
    }

    /// Waits until no figures are being taken.
    pub async fn rest(&self) {
        drop(self.refresh.under_way.lock().await);
    }

    /// Takes figures at once, and then about once a second.
    pub fn watch(&self) -> Watching {
        let refresh = self.refresh.clone();
        refresh.watching.set(refresh.watching.get() + 1);
        refresh.clone().look();
        if refresh.watching.get() == 1 {
            let again = Rc::downgrade(&refresh);
            let timer = glib::timeout_add_local(REFRESH, move || match again.upgrade() {
                Some(refresh) => {
                    refresh.look();
                    glib::ControlFlow::Continue
                }
                None => glib::ControlFlow::Break,
            });
            refresh.timer.replace(Some(timer));
        }
        Watching(refresh)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let watching = self.0.watching.get() - 1;
        self.0.watching.set(watching);
        if let Some(timer) = self.0.timer.borrow_mut().take_if(|_| watching == 0) {
            timer.remove();
        }
    }
}

impl Refresh {
    /// Takes the figures of all readers, on another thread: the system is asked, and locks of the library's threads
    /// are waited for.
    fn look(self: Rc<Self>) {
        let readers: Vec<Reader> =
            self.list.upgrade().iter().flat_map(|list| list.iter().flatten()).collect();
        let Some(turn) = self.under_way.try_lock_arc().filter(|_| !readers.is_empty()) else { return };
        let meters: Vec<_> = readers.iter().filter_map(|reader| reader.imp().meter.get().cloned()).collect();
        glib::spawn_future_local(async move {
            let measure = move || meters.iter().map(|meter| meter.figures()).collect::<Vec<_>>();
            let figures = blocking::unblock(measure).await;
            readers.iter().zip(figures).for_each(|(reader, figures)| reader.set_figures(figures));
            drop(turn);
        });
    }
}

impl Reader {
    /// The address of the computer that watches, where it is known.
    pub fn ip(&self) -> Option<IpAddr> {
        peer::ip(&self.address())
    }

    /// Its connection, where that is open still.
    pub(super) fn client(&self) -> Option<RTSPClient> {
        self.imp().client.upgrade()
    }

    /// How packets reach it.
    pub fn transport(&self) -> ReaderTransport {
        self.imp().meter.get().expect("set when made").transport
    }

    /// RTP packets, and the bytes of them, that were handed to it until now, or until it went.
    pub fn handed(&self) -> (u64, u64) {
        let handed = self.imp().meter.get().map(|meter| meter.handed()).unwrap_or_default();
        (handed.packets, handed.bytes)
    }

    fn set_figures(&self, figures: Figures) {
        if self.imp().figures.replace(figures) != figures {
            self.notify_figures();
        }
    }
}

fn take_in(list: &gio::ListStore, sessions: &RTSPSessionPool, report: Report) {
    let place = |session: &str| {
        list.iter::<Reader>()
            .flatten()
            .position(|reader| reader.session() == session)
            .map(|place| place as u32)
    };
    match report {
        Report::Playing { session, stream, address, user, program, client, meter } => {
            // PLAY is also sent to go on after PAUSE; and the session may have ended meanwhile, on another thread.
            if place(&session).is_some() || sessions.find(&session).is_none() {
                return;
            }
            let since = glib::DateTime::now_utc().map_or(0, |now| now.to_unix());
            let reader: Reader = glib::Object::builder()
                .property("session", session)
                .property("stream", stream)
                .property("address", address)
                .property("user", user)
                .property("program", program)
                .property("since", since)
                .build();
            reader.imp().client.set(client.upgrade().as_ref());
            reader.imp().meter.set(meter).expect("set once, here");
            list.append(&reader);
        }
        Report::Gone { session } => {
            if let Some(place) = place(&session) {
                list.remove(place);
            }
        }
    }
}
