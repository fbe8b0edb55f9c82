//! Who watches: one reader for each RTSP session that plays. Sessions come and go on the library's threads;
//! the list lives on the main one.

use super::ffi;
use gio::prelude::*;
use glib::subclass::prelude::*;
use gst_rtsp::RTSPHeaderField;
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{RTSPClient, RTSPContext, RTSPSessionPool};
use std::cell::{Cell, OnceCell};

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
        pub client: Cell<ClientKey>,
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
pub struct Reports(async_channel::Sender<Report>);

#[derive(Debug)]
enum Report {
    Playing {
        session: String,
        stream: String,
        address: String,
        user: String,
        program: String,
        client: ClientKey,
    },
    Gone {
        session: String,
    },
}

impl Reports {
    /// A PLAY was answered.
    pub fn playing(&self, client: &RTSPClient, context: &RTSPContext, stream: &str, user: Option<String>) {
        let Some(session) = context.session().and_then(|session| session.sessionid()) else { return };
        let _ = self.0.try_send(Report::Playing {
            session: session.into(),
            stream: stream.to_owned(),
            address: ffi::peer_address(context).unwrap_or_default(),
            user: user.unwrap_or_default(),
            program: ffi::request_header(context, RTSPHeaderField::UserAgent).unwrap_or_default(),
            client: client_key(client),
        });
    }
}

/// The readers of all streams. Main thread only.
#[derive(Debug)]
pub struct Readers {
    list: gio::ListStore,
    reports: Reports,
}

impl Readers {
    pub fn new(sessions: &RTSPSessionPool) -> Self {
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
        let reports = Reports(sender);
        sessions.connect_session_removed({
            let reports = reports.clone();
            move |_, session| {
                if let Some(session) = session.sessionid() {
                    let _ = reports.0.try_send(Report::Gone { session: session.into() });
                }
            }
        });
        Self { list, reports }
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
}

impl Reader {
    pub fn client(&self) -> ClientKey {
        self.imp().client.get()
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
        Report::Playing { session, stream, address, user, program, client } => {
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
            reader.imp().client.set(client);
            list.append(&reader);
        }
        Report::Gone { session } => {
            if let Some(place) = place(&session) {
                list.remove(place);
            }
        }
    }
}
