//! Who was refused, and why. Refusals happen on the library's threads; the list lives on the main one.
//!
//! Refusals of the same address for the same kind of reason are counted on one row while they follow each
//! other closely. Whoever tries all day makes a few rows, not a flood; and both the list and what waits to be
//! listed are bounded.

use super::digest::Credentials;
use super::{Mounts, ffi};
use crate::engine::state::{RefusalReason, RefusedReader};
use gio::prelude::*;
use glib::subclass::prelude::*;
use gst_rtsp::RTSPHeaderField;
use gst_rtsp_server::RTSPContext;
use std::cell::{Cell, RefCell};
use std::mem::discriminant;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Rows that are kept, the newest: more than anybody reads, and at most a few hundred kB.
const KEPT: u32 = 500;
/// Seconds after the last refusal within which the next one of its kind is only counted.
const REPEAT: i64 = 60;
/// Different refusals that may wait to be listed; what is beyond is left out.
const WAITING: usize = 256;
/// The list is looked after at most so often, however fast readers are refused.
const PACE: Duration = Duration::from_millis(250);
/// Characters of a text that a reader sent; an honest User-Agent has about 50.
const TEXT_LIMIT: usize = 200;

mod imp {
    use super::*;

    #[derive(Debug, Default, glib::Properties)]
    #[properties(wrapper_type = super::Refusal)]
    pub struct Refusal {
        /// Who, and why; the last time.
        #[property(get, set)]
        pub refused: RefCell<RefusedReader>,
        /// Seconds since 1970, the first time.
        #[property(get, construct_only)]
        pub first: Cell<i64>,
        /// Seconds since 1970, the last time.
        #[property(get, set, construct)]
        pub last: Cell<i64>,
        /// How often.
        #[property(get, set, construct)]
        pub count: Cell<u32>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Refusal {
        const NAME: &'static str = "HeadwaterRefusal";
        type Type = super::Refusal;
    }

    #[glib::derived_properties]
    impl ObjectImpl for Refusal {}
}

glib::wrapper! {
    /// A reader that was refused, once or several times in a row.
    pub struct Refusal(ObjectSubclass<imp::Refusal>);
}

/// What is told from any thread.
#[derive(Debug, Clone)]
pub struct RefusalReports {
    mounts: Arc<Mounts>,
    waiting: Arc<Mutex<Vec<News>>>,
    /// Of one place: the list is woken once, however much waits.
    wake: async_channel::Sender<()>,
}

#[derive(Debug, PartialEq)]
struct News {
    refused: RefusedReader,
    count: u32,
    /// Seconds since 1970.
    at: i64,
}

impl RefusalReports {
    /// For refusals at the streams of these mounts. They wait until somebody takes them after being woken.
    pub(super) fn new(mounts: &Arc<Mounts>) -> (Self, async_channel::Receiver<()>) {
        let (wake, woken) = async_channel::bounded(1);
        (Self { mounts: mounts.clone(), waiting: Arc::default(), wake }, woken)
    }

    /// The request that is being handled was refused.
    pub fn tell(&self, context: &RTSPContext, reason: RefusalReason) {
        let header = |field| ffi::request_header(context, field);
        let login = header(RTSPHeaderField::Authorization).as_deref().and_then(Credentials::parse);
        let path = ffi::request_path(context).unwrap_or_default();
        let stream = self.mounts.find(&path).map(|mount| mount.stream).unwrap_or_default();
        self.add(RefusedReader {
            address: ffi::peer_address(context).unwrap_or_default(),
            program: plain(&header(RTSPHeaderField::UserAgent).unwrap_or_default()),
            user: plain(login.as_ref().map_or("", Credentials::user)),
            path: plain(&path),
            stream,
            reason,
        });
    }

    /// A connection from this address was refused, before any request or apart from one.
    pub fn tell_address(&self, address: IpAddr, reason: RefusalReason) {
        self.add(RefusedReader { address: address.to_string(), reason, ..RefusedReader::default() });
    }

    fn add(&self, refused: RefusedReader) {
        let at = glib::DateTime::now_utc().map_or(0, |now| now.to_unix());
        let mut waiting = self.waiting.lock().unwrap();
        if let Some(news) = waiting.iter_mut().find(|news| is_repeat(&news.refused, &refused)) {
            *news = News { refused, count: news.count.saturating_add(1), at };
        } else if waiting.len() < WAITING {
            waiting.push(News { refused, count: 1, at });
        }
        drop(waiting);
        // Where it is full, the list is woken already.
        let _ = self.wake.try_send(());
    }

    fn take(&self) -> Vec<News> {
        std::mem::take(&mut self.waiting.lock().unwrap())
    }
}

/// The refusals, the newest first. Main thread only.
#[derive(Debug)]
pub struct Refusals {
    list: gio::ListStore,
    reports: RefusalReports,
}

impl Refusals {
    pub fn new(mounts: &Arc<Mounts>) -> Self {
        let list = gio::ListStore::new::<Refusal>();
        let (reports, woken) = RefusalReports::new(mounts);
        glib::spawn_future_local({
            let (list, reports) = (list.downgrade(), reports.clone());
            async move {
                while woken.recv().await.is_ok() {
                    let Some(list) = list.upgrade() else { break };
                    reports.take().into_iter().for_each(|news| take_in(&list, news));
                    glib::timeout_future(PACE).await;
                }
            }
        });
        Self { list, reports }
    }

    pub fn list(&self) -> &gio::ListStore {
        &self.list
    }

    pub fn reports(&self) -> RefusalReports {
        self.reports.clone()
    }
}

fn take_in(list: &gio::ListStore, News { refused, count, at }: News) {
    let earlier = list
        .iter::<Refusal>()
        .flatten()
        .find(|row| row.last() + REPEAT >= at && is_repeat(&row.refused(), &refused));
    if let Some(row) = earlier {
        row.set_refused(refused);
        row.set_last(at);
        row.set_count(row.count().saturating_add(count));
        return;
    }
    let row: Refusal = glib::Object::builder()
        .property("refused", refused)
        .property("first", at)
        .property("last", at)
        .property("count", count)
        .build();
    if list.n_items() >= KEPT {
        list.remove(list.n_items() - 1);
    }
    list.insert(0, &row);
}

/// Whether two refusals are of one kind. Path and user do not count: who guesses goes through many.
fn is_repeat(one: &RefusedReader, other: &RefusedReader) -> bool {
    one.address == other.address && discriminant(&one.reason) == discriminant(&other.reason)
}

/// What a reader sent, fit to be shown: short, and no line of its own in a log.
fn plain(text: &str) -> String {
    text.chars()
        .take(TEXT_LIMIT)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(address: &str, path: &str, reason: RefusalReason, at: i64) -> News {
        let refused =
            RefusedReader { address: address.into(), path: path.into(), reason, ..RefusedReader::default() };
        News { refused, count: 1, at }
    }

    fn rows(list: &gio::ListStore) -> Vec<(String, String, u32)> {
        let row = |row: Refusal| (row.refused().address, row.refused().path, row.count());
        list.iter::<Refusal>().flatten().map(row).collect()
    }

    fn row(address: &str, path: &str, count: u32) -> (String, String, u32) {
        (address.into(), path.into(), count)
    }

    #[test]
    fn the_same_address_and_reason_is_counted_for_as_long_as_it_goes_on() {
        let list = gio::ListStore::new::<Refusal>();
        let wrong = RefusalReason::WrongPassword;
        for at in [0, 50, 100, 150] {
            take_in(&list, news("192.0.2.1", &format!("/{at}"), wrong.clone(), at));
        }
        assert_eq!(rows(&list), [row("192.0.2.1", "/150", 4)]);
        assert_eq!(
            list.iter::<Refusal>().flatten().next().map(|row| (row.first(), row.last())),
            Some((0, 150))
        );
        take_in(&list, news("192.0.2.1", "/late", wrong.clone(), 150 + REPEAT + 1));
        take_in(&list, news("192.0.2.2", "/other", wrong, 151));
        take_in(&list, news("192.0.2.1", "/right", RefusalReason::NoRight, 152));
        assert_eq!(
            rows(&list),
            [
                row("192.0.2.1", "/right", 1),
                row("192.0.2.2", "/other", 1),
                row("192.0.2.1", "/late", 1),
                row("192.0.2.1", "/150", 4)
            ]
        );
    }

    #[test]
    fn a_reason_that_differs_in_its_figures_is_the_same() {
        let list = gio::ListStore::new::<Refusal>();
        for most in [1, 2] {
            let reason = RefusalReason::TooManyRequests { most, seconds: 1 };
            take_in(&list, news("192.0.2.1", "", reason, 0));
        }
        assert_eq!(rows(&list), [row("192.0.2.1", "", 2)]);
    }

    #[test]
    fn the_oldest_rows_make_room() {
        let list = gio::ListStore::new::<Refusal>();
        for n in 0..KEPT + 10 {
            take_in(&list, news(&n.to_string(), "", RefusalReason::WrongPassword, 0));
        }
        assert_eq!(list.n_items(), KEPT);
        let rows = rows(&list);
        assert_eq!(rows.first().map(|row| row.0.as_str()), Some("509"));
        assert_eq!(rows.last().map(|row| row.0.as_str()), Some("10"));
    }

    #[test]
    fn what_waits_is_counted_and_bounded() {
        let (reports, woken) = RefusalReports::new(&Arc::default());
        let address = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n]);
        for _ in 0..1000 {
            reports.tell_address(address(0), RefusalReason::AddressDenied);
        }
        for n in 1..1000 {
            reports.tell_address(address(n), RefusalReason::AddressDenied);
        }
        assert!(woken.try_recv().is_ok());
        assert!(woken.try_recv().is_err(), "woken once");
        let waiting = reports.take();
        assert_eq!(waiting.len(), WAITING);
        assert_eq!((waiting[0].count, waiting[1].count), (1000, 1));
    }

    #[test]
    fn what_readers_send_is_shortened_and_kept_on_one_line() {
        assert_eq!(
            plain("a\r\n2026 INFO all is well\u{1b}[2J"),
            "a\u{fffd}\u{fffd}2026 INFO all is well\u{fffd}[2J"
        );
        assert_eq!(plain(&"ü".repeat(1000)).chars().count(), TEXT_LIMIT);
    }
}
