//! Who was sent away and may not come back for a while: an address, or one user at an address.

use crate::engine::state::RefusalReason;
use gio::prelude::*;
use glib::subclass::prelude::*;
use std::cell::{Cell, OnceCell};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

mod imp {
    use super::*;

    #[derive(Debug, Default, glib::Properties)]
    #[properties(wrapper_type = super::KeptAway)]
    pub struct KeptAway {
        #[property(get, construct_only)]
        pub address: OnceCell<String>,
        /// Empty where everybody at the address is kept away.
        #[property(get, construct_only)]
        pub user: OnceCell<String>,
        /// Seconds since 1970, when it ends.
        #[property(get, construct_only)]
        pub until: Cell<i64>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for KeptAway {
        const NAME: &'static str = "HeadwaterKeptAway";
        type Type = super::KeptAway;
    }

    #[glib::derived_properties]
    impl ObjectImpl for KeptAway {}
}

glib::wrapper! {
    /// Somebody who is kept away.
    pub struct KeptAway(ObjectSubclass<imp::KeptAway>);
}

/// Asked by the threads that answer requests.
#[derive(Debug, Default)]
pub struct Gate(Mutex<Vec<Ban>>);

#[derive(Debug)]
struct Ban {
    address: String,
    user: String,
    /// By a clock that nobody sets.
    ends: Instant,
    until: SystemTime,
}

impl Gate {
    /// Why somebody may not come in, where that is so.
    pub fn check(&self, address: &str, user: Option<&str>) -> Result<(), RefusalReason> {
        let bans = self.0.lock().unwrap();
        let now = Instant::now();
        let ban = bans.iter().find(|ban| ban.ends > now && ban.is_meant(address, user));
        ban.map_or(Ok(()), |ban| Err(RefusalReason::KeptAway { until: ban.until }))
    }
}

impl Ban {
    fn is_meant(&self, address: &str, user: Option<&str>) -> bool {
        self.address == address && (self.user.is_empty() || user == Some(&self.user))
    }
}

/// Those who are kept away, in the order of their removal. Main thread only.
#[derive(Debug)]
pub struct KeptAways {
    list: gio::ListStore,
    gate: Arc<Gate>,
}

impl KeptAways {
    pub fn new() -> Self {
        Self { list: gio::ListStore::new::<KeptAway>(), gate: Arc::default() }
    }

    pub fn list(&self) -> &gio::ListStore {
        &self.list
    }

    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Keeps a user at an address away, or everybody there where the user is empty, from now on for so long.
    pub fn keep_away(&self, address: &str, user: &str, period: Duration) {
        let until = SystemTime::now() + period;
        let seconds = until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        // Its time begins again.
        let same = |kept: &KeptAway| kept.address() == address && kept.user() == user;
        if let Some(earlier) = self.list.iter::<KeptAway>().flatten().find(same) {
            self.let_in(&earlier);
        }
        self.gate.0.lock().unwrap().push(Ban {
            address: address.into(),
            user: user.into(),
            ends: Instant::now() + period,
            until,
        });
        let kept: KeptAway = glib::Object::builder()
            .property("address", address)
            .property("user", user)
            .property("until", i64::try_from(seconds).unwrap_or(i64::MAX))
            .build();
        self.list.append(&kept);
        let (kept, list, gate) = (kept.downgrade(), self.list.downgrade(), self.gate.clone());
        glib::spawn_future_local(async move {
            glib::timeout_future(period).await;
            if let (Some(kept), Some(list)) = (kept.upgrade(), list.upgrade()) {
                lift(&list, &gate, &kept);
            }
        });
    }

    /// Lifts it before its time.
    pub fn let_in(&self, kept: &KeptAway) {
        lift(&self.list, &self.gate, kept);
    }
}

fn lift(list: &gio::ListStore, gate: &Gate, kept: &KeptAway) {
    if let Some(place) = list.find(kept) {
        list.remove(place);
        let (address, user) = (kept.address(), kept.user());
        gate.0.lock().unwrap().retain(|ban| ban.address != address || ban.user != user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn is_in(kept: &KeptAways, address: &str, user: Option<&str>) -> bool {
        kept.gate().check(address, user).is_ok()
    }

    /// With a main context of its own: other tests have theirs.
    fn with_main_context(test: impl FnOnce(&glib::MainContext, KeptAways)) {
        let context = glib::MainContext::new();
        context.with_thread_default(|| test(&context, KeptAways::new())).unwrap();
    }

    #[test]
    fn a_user_is_kept_away_at_one_address_and_others_there_are_not() {
        with_main_context(|_, kept| {
            kept.keep_away("192.0.2.7", "ann", LONG);
            assert!(!is_in(&kept, "192.0.2.7", Some("ann")));
            assert!(is_in(&kept, "192.0.2.7", Some("bob")) && is_in(&kept, "192.0.2.7", None));
            assert!(is_in(&kept, "192.0.2.8", Some("ann")));
            kept.keep_away("192.0.2.7", "", LONG);
            assert!(!is_in(&kept, "192.0.2.7", Some("bob")) && !is_in(&kept, "192.0.2.7", None));
        });
    }

    #[test]
    fn who_is_kept_away_twice_is_let_in_at_once() {
        with_main_context(|_, kept| {
            kept.keep_away("192.0.2.7", "", LONG);
            kept.keep_away("192.0.2.7", "", LONG);
            assert_eq!(kept.list().n_items(), 1);
            kept.let_in(&kept.list().item(0).and_downcast().unwrap());
            assert_eq!(kept.list().n_items(), 0);
            assert!(is_in(&kept, "192.0.2.7", None));
        });
    }

    #[test]
    fn it_ends_by_itself() {
        with_main_context(|context, kept| {
            kept.keep_away("192.0.2.7", "", Duration::ZERO);
            assert!(is_in(&kept, "192.0.2.7", None));
            while kept.list().n_items() > 0 {
                context.iteration(true);
            }
            kept.keep_away("192.0.2.7", "", LONG);
            assert!(!is_in(&kept, "192.0.2.7", None));
        });
    }
}
