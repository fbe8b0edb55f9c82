//! Who has to wait after too many wrong passwords. A pure table: time comes in, nothing is asked of the system.
//!
//! Three counts, so that whoever guesses is stopped and nobody else is:
//! - of a user at an address: after a few failures, only that user waits, only there;
//! - of an address, over all names that were tried there: after more of them, every name waits there but those
//!   that logged in there before. The mistakes of one user alone never come to that;
//! - of a user, over all addresses: it locks nobody out, or a stranger could lock out anybody. It only leaves an
//!   address where the user never logged in fewer attempts.
//!
//! An "address" of IPv6 is the network that one subscriber has (/64); a link-local one stands for itself, since all
//! computers on a wire share one such network. Each wait is twice the last one.

use ipnet::IpNet;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Failures of a user at an address before the first wait: typing errors, and players that try each scheme.
const ATTEMPTS: u32 = 5;
/// The same at an address where the user never logged in, while somebody guesses from many addresses.
const ATTEMPTS_UNDER_ATTACK: u32 = 1;
/// Failures of an address before it waits: those of four users who forgot their passwords.
const ATTEMPTS_OF_ADDRESS: u32 = 20;
/// Failures of a user over all addresses that are not mistakes any more.
const ATTACK: u32 = 50;
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// After so long without a failure, and without a wait, all is forgiven.
const FORGIVEN: Duration = Duration::from_secs(60 * 60);
/// Rows of each table: some hundred kB at most. What is longest ago makes room, and what waits last of all.
const CAPACITY: usize = 2048;
/// Characters of a name that count; it is the guesser's, and may be long.
const NAME_LIMIT: usize = 64;

#[derive(Debug, Default)]
pub struct Lockout {
    logins: HashMap<(IpNet, String), Failures>,
    addresses: HashMap<IpNet, Failures>,
    users: HashMap<String, Failures>,
    /// Where a user logged in, and when last.
    proven: HashMap<(IpNet, String), Instant>,
}

/// Somebody who has to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    pub network: IpNet,
    /// None where it is everybody at that address.
    pub user: Option<String>,
    pub left: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
    /// How many waits there were.
    waits: u32,
    /// The end of the last one.
    until: Option<Instant>,
}

impl Lockout {
    /// How long a user at an address still has to wait before a password is looked at.
    pub fn wait(&self, address: IpAddr, user: &str, now: Instant) -> Option<Duration> {
        let (network, user) = (network(address), name(user));
        let of_address = self.addresses.get(&network).and_then(|failures| failures.left(now));
        let login = (network, user);
        let of_address = of_address.filter(|_| !self.proven.contains_key(&login));
        self.logins.get(&login).and_then(|failures| failures.left(now)).max(of_address)
    }

    /// A password was wrong, or there is no such user: strangers are not to learn which. True where somebody has
    /// to wait now.
    pub fn failed(&mut self, address: IpAddr, user: &str, now: Instant) -> bool {
        let (network, user) = (network(address), name(user));
        let login = (network, user.clone());
        let is_proven = self.proven.contains_key(&login);
        let mut attempts = ATTEMPTS;
        if !is_proven && count(&mut self.users, user, now).count > ATTACK {
            attempts = ATTEMPTS_UNDER_ATTACK;
        }
        let failures = count(&mut self.logins, login, now);
        let mut waits = failures.wait_from(attempts, now);
        // More of the same is said by the login's own count.
        if !is_proven && failures.count <= ATTEMPTS {
            waits |= count(&mut self.addresses, network, now).wait_from(ATTEMPTS_OF_ADDRESS, now);
        }
        waits
    }

    /// A password was right.
    pub fn succeeded(&mut self, address: IpAddr, user: &str, now: Instant) {
        let login = (network(address), name(user));
        self.logins.remove(&login);
        if self.proven.len() >= CAPACITY && !self.proven.contains_key(&login) {
            let oldest = self.proven.iter().min_by_key(|(_, last)| **last).map(|(login, _)| login.clone());
            oldest.map(|oldest| self.proven.remove(&oldest));
        }
        self.proven.insert(login, now);
    }

    /// Everybody who has to wait, by address and name.
    pub fn waits(&self, now: Instant) -> Vec<Wait> {
        let addresses = self.addresses.iter().map(|(network, failures)| (*network, None, failures));
        let logins =
            self.logins.iter().map(|((network, user), failures)| (*network, Some(user.clone()), failures));
        let mut waits: Vec<_> = addresses
            .chain(logins)
            .filter_map(|(network, user, failures)| Some(Wait { network, user, left: failures.left(now)? }))
            .collect();
        waits.sort_by(|one, other| (one.network, &one.user).cmp(&(other.network, &other.user)));
        waits
    }

    /// Lets somebody try again at once, with all attempts.
    pub fn lift(&mut self, network: IpNet, user: Option<&str>) {
        match user {
            Some(user) => drop(self.logins.remove(&(network, user.to_owned()))),
            None => drop(self.addresses.remove(&network)),
        }
    }

    /// A user has another password: what was wrong before says nothing, and neither does what was right.
    pub fn forget_user(&mut self, user: &str) {
        let user = name(user);
        self.users.remove(&user);
        self.logins.retain(|(_, other), _| *other != user);
        self.proven.retain(|(_, other), _| *other != user);
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Failures {
    fn left(&self, now: Instant) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    fn is_forgiven(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last.max(self.until.unwrap_or(self.last))) >= FORGIVEN
    }

    /// Begins a wait where there were so many failures.
    fn wait_from(&mut self, attempts: u32, now: Instant) -> bool {
        if self.count < attempts {
            return false;
        }
        let wait = FIRST_WAIT.saturating_mul(2u32.saturating_pow(self.waits)).min(LONGEST_WAIT);
        self.waits += 1;
        self.until = Some(now + wait);
        true
    }
}

/// One failure more, on a table that does not outgrow its bound.
fn count<K: Hash + Eq + Clone>(table: &mut HashMap<K, Failures>, key: K, now: Instant) -> &mut Failures {
    if table.len() >= CAPACITY && !table.contains_key(&key) {
        table.retain(|_, failures| !failures.is_forgiven(now));
        let oldest = table.iter().min_by_key(|(_, failures)| (failures.left(now).is_some(), failures.last));
        if let Some(oldest) = oldest.map(|(key, _)| key.clone()).filter(|_| table.len() >= CAPACITY) {
            table.remove(&oldest);
        }
    }
    let fresh = Failures { count: 0, last: now, waits: 0, until: None };
    let failures = table.entry(key).or_insert(fresh);
    if failures.is_forgiven(now) {
        *failures = fresh;
    }
    failures.count = failures.count.saturating_add(1);
    failures.last = now;
    failures
}

fn network(address: IpAddr) -> IpNet {
    let address = address.to_canonical();
    let bits = match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(address) if address.is_unicast_link_local() => 128,
        IpAddr::V6(_) => 64,
    };
    IpNet::new(address, bits).map_or_else(|_| address.into(), |network| network.trunc())
}

fn name(user: &str) -> String {
    user.chars().take(NAME_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn elsewhere(n: u32) -> IpAddr {
        IpAddr::from(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n))
    }

    /// Fails until somebody has to wait; how often that was.
    fn fail(lockout: &mut Lockout, address: IpAddr, user: &str, now: Instant) -> u32 {
        (1..100).find(|_| lockout.failed(address, user, now)).expect("a wait")
    }

    #[test]
    fn a_user_waits_at_an_address_and_longer_each_time_up_to_an_hour() {
        let mut now = Instant::now();
        let mut lockout = Lockout::default();
        assert_eq!(fail(&mut lockout, HOME, "anna", now), ATTEMPTS);
        let mut waits = Vec::new();
        for _ in 0..9 {
            let wait = lockout.wait(HOME, "anna", now).expect("a wait");
            waits.push(wait.as_secs());
            assert!(lockout.wait(HOME, "anna", now + wait - Duration::from_millis(1)).is_some());
            now += wait;
            assert_eq!(lockout.wait(HOME, "anna", now), None);
            assert!(lockout.failed(HOME, "anna", now), "one more failure is enough");
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        now += LONGEST_WAIT + FORGIVEN;
        assert!(!lockout.failed(HOME, "anna", now), "forgiven");
    }

    #[test]
    fn who_logs_in_has_all_attempts_again() {
        let now = Instant::now();
        let mut lockout = Lockout::default();
        for _ in 0..10 {
            assert!((1..ATTEMPTS).all(|_| !lockout.failed(HOME, "anna", now)));
            lockout.succeeded(HOME, "anna", now);
        }
        assert_eq!(lockout.waits(now), []);
    }

    #[test]
    fn the_mistakes_of_a_few_users_lock_out_nobody_else_at_that_address() {
        let mut now = Instant::now();
        let mut lockout = Lockout::default();
        // Players that have old passwords, and try them for ever.
        let forgetful = ["anna", "carl", "dora"];
        for user in forgetful {
            fail(&mut lockout, HOME, user, now);
        }
        for _ in 0..100 {
            now += lockout.wait(HOME, "anna", now).expect("a wait");
            for user in forgetful {
                lockout.failed(HOME, user, now);
            }
        }
        assert!(lockout.wait(HOME, "anna", now).is_some());
        assert_eq!(lockout.wait(HOME, "bert", now), None);
        assert_eq!(lockout.wait(elsewhere(1), "anna", now), None);
    }

    #[test]
    fn an_address_that_tries_many_names_waits_but_not_for_those_who_logged_in_there() {
        let now = Instant::now();
        let mut lockout = Lockout::default();
        lockout.succeeded(HOME, "anna", now);
        for n in 1..ATTEMPTS_OF_ADDRESS {
            assert!(!lockout.failed(HOME, &format!("user{n}"), now), "{n}");
        }
        assert_eq!(lockout.wait(HOME, "bert", now), None);
        assert!(lockout.failed(HOME, "another", now));
        assert!(lockout.wait(HOME, "bert", now).is_some());
        assert_eq!(lockout.wait(HOME, "anna", now), None);
        assert_eq!(lockout.wait(elsewhere(1), "bert", now), None);
        assert_eq!(fail(&mut lockout, HOME, "anna", now), ATTEMPTS, "her own count is the same");
    }

    #[test]
    fn nobody_is_locked_out_everywhere_by_strangers() {
        let now = Instant::now();
        let mut lockout = Lockout::default();
        lockout.succeeded(HOME, "anna", now);
        for n in 0..1000 {
            for _ in 0..ATTEMPTS {
                if lockout.wait(elsewhere(n), "anna", now).is_none() {
                    lockout.failed(elsewhere(n), "anna", now);
                }
            }
        }
        let guesses = lockout.users["anna"].count;
        assert!(guesses < ATTACK + 1000, "one guess for each address by then, not {guesses}");
        assert_eq!(lockout.wait(HOME, "anna", now), None);
        assert_eq!(
            lockout.wait(elsewhere(2000), "anna", now),
            None,
            "with the right password, from anywhere"
        );
        assert_eq!(fail(&mut lockout, elsewhere(2000), "anna", now), ATTEMPTS_UNDER_ATTACK);
        assert_eq!(fail(&mut lockout, HOME, "anna", now), ATTEMPTS);
    }

    #[test]
    fn one_subscriber_of_ipv6_is_one_address_and_a_mapped_one_is_that_of_ipv4() {
        let now = Instant::now();
        let mut lockout = Lockout::default();
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        for n in 0..ATTEMPTS {
            lockout.failed(at(&format!("2001:db8::{n}")), "anna", now);
        }
        assert!(lockout.wait(at("2001:db8::ffff"), "anna", now).is_some());
        assert_eq!(lockout.wait(at("2001:db8:0:1::"), "anna", now), None);
        fail(&mut lockout, at("::ffff:192.0.2.1"), "anna", now);
        assert!(lockout.wait(HOME, "anna", now).is_some());
        let networks: Vec<_> = lockout.waits(now).iter().map(|wait| wait.network.to_string()).collect();
        assert_eq!(networks, ["192.0.2.1/32", "2001:db8::/64"]);
    }

    #[test]
    fn each_link_local_address_is_one_of_its_own() {
        let now = Instant::now();
        let mut lockout = Lockout::default();
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        fail(&mut lockout, at("fe80::1"), "anna", now);
        assert_eq!(lockout.wait(at("fe80::2"), "anna", now), None);
        let networks: Vec<_> = lockout.waits(now).iter().map(|wait| wait.network.to_string()).collect();
        assert_eq!(networks, ["fe80::1/128"]);
    }

    #[test]
    fn a_wait_is_lifted_by_hand_or_by_another_password() {
        let now = Instant::now();
        let mut lockout = Lockout::default();
        fail(&mut lockout, HOME, "anna", now);
        for n in 0..ATTEMPTS_OF_ADDRESS {
            lockout.failed(HOME, &n.to_string(), now);
        }
        let waits = lockout.waits(now);
        assert_eq!(waits.iter().map(|wait| wait.user.as_deref()).collect::<Vec<_>>(), [None, Some("anna")]);
        lockout.lift(waits[0].network, None);
        assert_eq!(lockout.wait(HOME, "bert", now), None);
        lockout.lift(waits[1].network, Some("anna"));
        assert_eq!(lockout.waits(now), []);
        assert_eq!(fail(&mut lockout, HOME, "anna", now), ATTEMPTS);
        lockout.forget_user("anna");
        assert_eq!(lockout.waits(now), []);
    }

    #[test]
    fn the_tables_are_bounded_and_keep_those_who_wait() {
        let start = Instant::now();
        let mut lockout = Lockout::default();
        fail(&mut lockout, HOME, &"x".repeat(10_000), start);
        for n in 0..3 * CAPACITY as u32 {
            lockout.failed(elsewhere(n), &n.to_string(), start + Duration::from_millis(n.into()));
            lockout.succeeded(elsewhere(n), &format!("good{n}"), start);
        }
        assert!(
            [lockout.logins.len(), lockout.addresses.len(), lockout.users.len(), lockout.proven.len()]
                .iter()
                .all(|rows| *rows <= CAPACITY)
        );
        assert!(lockout.wait(HOME, &"x".repeat(10_000), start).is_some());
        assert!(lockout.logins.keys().all(|(_, user)| user.len() <= NAME_LIMIT));
    }
}
