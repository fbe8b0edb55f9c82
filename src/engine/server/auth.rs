//! Who may read what: every request of every client is decided here, before the library looks at it.
//!
//! The library's own tokens and roles are not used: it leaks a token with each request that sets one.

use super::digest::{self, Credentials, Nonces, REALM, Verifier};
use super::ffi;
use super::lockout::{Lockout, Wait};
use super::peer;
use super::publisher;
use super::readers::{ClientKey, client_key};
use super::refusals::RefusalReports;
use super::ways::{Refused, Ways};
use crate::config::{Access, AddressRules, Config, Passwords, Readers, Scheme, Source};
use crate::engine::{AccessState, RefusalReason};
use glib::subclass::prelude::*;
use gst_rtsp::{RTSPHeaderField, RTSPMethod, RTSPStatusCode};
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::subclass::prelude::*;
use gst_rtsp_server::{RTSPAuth, RTSPClient, RTSPContext};
use ipnet::IpNet;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime};

#[cfg(test)]
mod served;

glib::wrapper! {
    /// The authentication of the server: one object for all of its sockets.
    ///
    /// It starts with an empty table, so that nothing can be read before [`Auth::set_table`].
    pub struct Auth(ObjectSubclass<imp::Auth>) @extends RTSPAuth;
}

/// What the requests are decided by: a snapshot of the configuration and of the passwords that are known.
#[derive(Default)]
pub struct AccessTable {
    /// The longest path first, so that the first match is the closest.
    mounts: Vec<Mount>,
    /// All users; without a verifier those whose password is not known.
    users: HashMap<String, Option<Verifier>>,
    addresses: AddressRules,
    lock_out: bool,
}

struct Mount {
    path: String,
    readers: Readers,
    /// None where the stream takes nothing from outside.
    publishers: Option<Readers>,
    schemes: Vec<Scheme>,
}

/// What a request needs the right to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Right {
    #[default]
    Read,
    Publish,
}

/// What a decision needs to know of a request.
struct Request {
    /// Where it came from; none where the system does not say.
    address: Option<IpAddr>,
    method: RTSPMethod,
    right: Right,
    /// As it was sent.
    uri: String,
    /// Without query, doubled and trailing slashes; none for `*`, which names no stream.
    path: Option<String>,
    in_session: bool,
    /// Whom its connection has logged in as.
    logged_in: Option<String>,
    /// The name of the scheme in the `Authorization` header, where there is such a header.
    asked: Option<String>,
    /// Where that header could be read.
    credentials: Option<Credentials>,
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// The library handles it. The user, where one had to log in.
    Allowed { user: Option<String> },
    /// 401. `stale` when only the nonce was wrong, so that the reader need not ask for the password again.
    Challenge { schemes: Vec<Scheme>, stale: bool },
    /// 403: logged in, and no right to this stream.
    Forbidden,
    /// 403, with the time to wait: the password was not looked at.
    LockedOut { wait: Duration },
    /// 404: there is no such stream, and this one may know it.
    NotFound,
    /// 405: the stream is there, and takes nothing from outside.
    NotPublished,
}

/// What is remembered from request to request.
#[derive(Default)]
struct Memory {
    nonces: Nonces,
    lockout: Lockout,
    /// Picks the challenge for paths where there is nothing; other in each run.
    choice: RandomState,
    /// Somebody has to wait, or need not any more, since this was looked at last.
    waits_changed: bool,
}

/// A decision, and why the reader is refused, where it is: a first question for the password is no refusal.
struct Verdict {
    decision: Decision,
    refusal: Option<RefusalReason>,
}

enum Login {
    /// With the reason, where the reader tried to log in.
    Refused(Option<RefusalReason>),
    LockedOut(Duration),
    Stale,
    User(String),
}

/// Whether those who should read a stream can, as far as passwords go.
pub fn access_state(access: &Access, passwords: &Passwords) -> AccessState {
    let Readers::Users(users) = &access.read else {
        return AccessState::Open;
    };
    if passwords.is_locked() {
        return AccessState::KeyringLocked;
    }
    let missing: Vec<_> = users.iter().filter(|user| passwords.get(user).is_none()).cloned().collect();
    if missing.is_empty() { AccessState::Protected } else { AccessState::PasswordMissing { users: missing } }
}

impl Auth {
    /// Tells there who was refused.
    pub fn new(ways: Arc<Ways>, refusals: RefusalReports) -> Self {
        let auth: Self = glib::Object::new();
        assert!(auth.imp().ways.set(ways).is_ok(), "set once, here");
        auth.imp().refusals.set(refusals).expect("set once, here");
        auth
    }

    /// Decides the requests from now on by this table. Readers that are there already go on by the one that let
    /// them in, until they ask for a stream anew.
    pub fn set_table(&self, table: AccessTable) {
        let before = std::mem::replace(&mut *self.imp().table.lock().unwrap(), Arc::new(table));
        let table = self.imp().table.lock().unwrap().clone();
        self.imp().with_memory(|memory| {
            if !table.lock_out {
                memory.lockout.clear();
            }
            for (user, _) in before.users.iter().filter(|(user, old)| table.users.get(*user) != Some(*old)) {
                memory.lockout.forget_user(user);
            }
            memory.waits_changed = true;
        });
    }

    /// Everybody who has to wait after failed logins.
    pub fn waits(&self) -> Vec<Wait> {
        self.imp().with_memory(|memory| memory.lockout.waits(Instant::now()))
    }

    /// Lets somebody try again who has to wait.
    pub fn lift(&self, network: IpNet, user: Option<&str>) {
        self.imp().with_memory(|memory| {
            memory.lockout.lift(network, user);
            memory.waits_changed = true;
        });
    }

    /// Says when [`Auth::waits`] has others than before; the end of a wait is not told.
    pub fn waits_changed(&self) -> async_channel::Receiver<()> {
        self.imp().news.1.clone()
    }

    /// The connections that came from where nobody may connect from any more.
    pub fn denied_clients(&self) -> Vec<ClientKey> {
        let table = self.imp().table.lock().unwrap().clone();
        let clients = self.imp().clients.lock().unwrap();
        let denied =
            |known: &imp::Acquaintance| known.address.is_some_and(|address| !table.addresses.admit(address));
        clients.iter().filter(|(_, known)| denied(known)).map(|(key, _)| *key).collect()
    }

    /// The user that a client last logged in as; none where it never had to.
    pub fn user_of(&self, client: &RTSPClient) -> Option<String> {
        self.imp().clients.lock().unwrap().get(&client_key(client))?.user.clone()
    }
}

impl AccessTable {
    /// The streams that are turned on, and the users whose password is known. A stream whose readers have no
    /// password asks for one all the same, and refuses every one.
    pub fn new(config: &Config, passwords: &Passwords) -> Self {
        let mut mounts: Vec<_> = config
            .streams
            .iter()
            .filter(|stream| stream.enabled)
            .map(|stream| Mount {
                path: stream.path.clone(),
                readers: stream.access.read.clone(),
                publishers: match stream.source {
                    Source::Published(_) => stream.access.publish.clone(),
                    _ => None,
                },
                schemes: stream.access.schemes.clone(),
            })
            .collect();
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.path.len()));
        let verifier = |name: &str| Some(Verifier::new(name, REALM, passwords.get(name)?));
        let users = config.users.iter().map(|user| (user.name.clone(), verifier(&user.name))).collect();
        let server = &config.server;
        Self { mounts, users, addresses: server.addresses.clone(), lock_out: server.lock_out }
    }

    fn decide(&self, request: &Request, memory: &mut Memory, now: Instant) -> Verdict {
        // The library itself answers what names no stream: a keep-alive, or 400.
        let Some(path) = &request.path else {
            return Verdict::allowed(None);
        };
        if request.method == RTSPMethod::OPTIONS && !request.in_session {
            return Verdict::allowed(None);
        }
        let mount = self.mount(path);
        let schemes = match mount {
            Some(mount) if mount.lets_in_anyone(request.right) => return Verdict::allowed(None),
            Some(mount) if request.right == Right::Publish && mount.is_open_without_publishers() => {
                return Verdict::refused(Decision::NotPublished, RefusalReason::NotPublished);
            }
            Some(mount) => &mount.schemes,
            None => match self.schemes_of_missing(path, &memory.choice) {
                Some(schemes) => schemes,
                None => return Verdict::refused(Decision::NotFound, RefusalReason::NoSuchStream),
            },
        };
        let challenge = |stale| Decision::Challenge { schemes: schemes.clone(), stale };
        let user = match self.log_in(request, mount, schemes, memory, now) {
            Login::User(user) => user,
            Login::Refused(refusal) => return Verdict { decision: challenge(false), refusal },
            Login::Stale => return Verdict { decision: challenge(true), refusal: None },
            Login::LockedOut(wait) => {
                let reason = RefusalReason::LockedOut { until: SystemTime::now() + wait };
                return Verdict::refused(Decision::LockedOut { wait }, reason);
            }
        };
        match mount {
            None => Verdict::refused(Decision::NotFound, RefusalReason::NoSuchStream),
            Some(mount) if mount.admits(&user, request.right) => Verdict::allowed(Some(user)),
            Some(mount) if mount.publishers.is_none() && mount.admits(&user, Right::Read) => {
                Verdict::refused(Decision::NotPublished, RefusalReason::NotPublished)
            }
            Some(_) => Verdict::refused(Decision::Forbidden, RefusalReason::NoRight),
        }
    }

    fn mount(&self, path: &str) -> Option<&Mount> {
        self.mounts.iter().find(|mount| mount.covers(path))
    }

    /// The schemes that are asked for at a path where there is nothing, so that nobody learns this who has
    /// not logged in: those of a stream with the same first step, as every path below it would have; else
    /// those of any, always the same one for the same first step. None where no stream asks for a password:
    /// there is nothing to hide then.
    fn schemes_of_missing(&self, path: &str, choice: &RandomState) -> Option<&Vec<Scheme>> {
        let first_step = |path: &str| path.split('/').nth(1).unwrap_or_default().to_owned();
        let step = first_step(path);
        let protected: Vec<_> = self.mounts.iter().filter(|mount| mount.readers != Readers::Anyone).collect();
        let neighbour = protected.iter().find(|mount| first_step(&mount.path) == step);
        let any = || protected.get(choice.hash_one(&step) as usize % protected.len().max(1));
        neighbour.or_else(any).map(|mount| &mount.schemes)
    }

    /// Whom the request's credentials prove, whatever the user may read.
    ///
    /// A Digest whose URI is not the request's is refused with 401, where RFC 7616 (section 3.4.6) would also
    /// allow 400: a reader that a redirection led astray then signs anew.
    fn log_in(
        &self,
        request: &Request,
        mount: Option<&Mount>,
        schemes: &[Scheme],
        memory: &mut Memory,
        now: Instant,
    ) -> Login {
        let Some(credentials) = request.credentials.as_ref().filter(|given| given.fit(schemes)) else {
            return Login::Refused(request.why_unfit(schemes));
        };
        // Whoever watches is not locked out by others who try the same name at the same address.
        let is_watching = request.in_session && request.logged_in.as_deref() == Some(credentials.user());
        let counted = request.address.filter(|_| self.lock_out && !is_watching);
        if let Some(wait) = counted.and_then(|address| memory.lockout.wait(address, credentials.user(), now))
        {
            return Login::LockedOut(wait);
        }
        // Somebody unknown takes as long as somebody known.
        let user = self.users.get(credentials.user());
        let verifier = user.and_then(Option::as_ref);
        let method = request.method.as_text().unwrap_or_default();
        let proven = verifier.unwrap_or(&Verifier::nobody()).accepts(credentials, &method);
        if !proven || verifier.is_none() {
            if let Some(address) = counted {
                memory.waits_changed |= memory.lockout.failed(address, credentials.user(), now);
            }
            return Login::Refused(Some(match user {
                None => RefusalReason::UnknownUser,
                Some(None) => RefusalReason::PasswordMissing,
                Some(Some(_)) => RefusalReason::WrongPassword,
            }));
        }
        if let Credentials::Digest(digest) = credentials {
            let path = mount.map(|mount| mount.path.as_str());
            if digest.realm != REALM || !digest.signs(&request.uri, path) {
                return Login::Refused(Some(RefusalReason::LoginForAnother));
            }
            if !memory.nonces.accept(digest, now) {
                return Login::Stale;
            }
        }
        if let Some(address) = counted {
            memory.lockout.succeeded(address, credentials.user(), now);
        }
        Login::User(credentials.user().to_owned())
    }
}

impl Mount {
    /// Whether a path is the mount's own or below it, where its tracks are.
    fn covers(&self, path: &str) -> bool {
        path.strip_prefix(&self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Who has a right; none where nobody can.
    fn who_may(&self, right: Right) -> Option<&Readers> {
        match right {
            Right::Read => Some(&self.readers),
            Right::Publish => self.publishers.as_ref(),
        }
    }

    fn lets_in_anyone(&self, right: Right) -> bool {
        self.who_may(right) == Some(&Readers::Anyone)
    }

    /// Whether everybody can know already that it is there and takes nothing from outside.
    fn is_open_without_publishers(&self) -> bool {
        self.publishers.is_none() && self.readers == Readers::Anyone
    }

    fn admits(&self, user: &str, right: Right) -> bool {
        match self.who_may(right) {
            None => false,
            Some(Readers::Anyone) => true,
            Some(Readers::Users(users)) => users.iter().any(|allowed| allowed == user),
        }
    }
}

impl Right {
    /// A SETUP says itself whether it is for RECORD; the library refuses it where it lies.
    fn of(context: &RTSPContext, method: RTSPMethod) -> Self {
        let publishes = match method {
            RTSPMethod::ANNOUNCE | RTSPMethod::RECORD => true,
            RTSPMethod::SETUP => publisher::sets_up_to_record(context),
            _ => false,
        };
        if publishes { Self::Publish } else { Self::Read }
    }
}

impl Verdict {
    fn allowed(user: Option<String>) -> Self {
        Self { decision: Decision::Allowed { user }, refusal: None }
    }

    fn refused(decision: Decision, reason: RefusalReason) -> Self {
        Self { decision, refusal: Some(reason) }
    }
}

impl Request {
    /// Why its credentials are of no use with these schemes; none where it has none.
    fn why_unfit(&self, offered: &[Scheme]) -> Option<RefusalReason> {
        let asked = self.asked.clone()?;
        let is_ours = [Scheme::Basic, Scheme::DigestMd5, Scheme::DigestSha256]
            .iter()
            .any(|scheme| scheme.name() == asked);
        Some(if self.credentials.is_none() && (is_ours || asked.is_empty()) {
            RefusalReason::LoginUnreadable
        } else {
            RefusalReason::SchemeNotOffered { asked, offered: offered.to_vec() }
        })
    }

    /// Whether it goes on with what was set up before.
    fn continues(&self) -> bool {
        let begins = [RTSPMethod::DESCRIBE, RTSPMethod::SETUP, RTSPMethod::ANNOUNCE, RTSPMethod::RECORD];
        self.in_session && !begins.contains(&self.method)
    }

    fn of(context: &RTSPContext) -> Self {
        let authorization = ffi::request_header(context, RTSPHeaderField::Authorization);
        let method = ffi::request_method(context);
        Self {
            method,
            right: Right::of(context, method),
            uri: ffi::request_uri(context).unwrap_or_default(),
            path: ffi::request_path(context),
            in_session: context.session().is_some(),
            address: peer_address(context),
            logged_in: None,
            asked: authorization.as_deref().map(Credentials::scheme_asked),
            credentials: authorization.as_deref().and_then(Credentials::parse),
        }
    }
}

fn peer_address(context: &RTSPContext) -> Option<IpAddr> {
    peer::ip(&ffi::peer_address(context)?)
}

mod imp {
    use super::*;

    /// The locks are held for no longer than a few hashes take, and never over a call into the library.
    pub struct Auth {
        pub table: Mutex<Arc<AccessTable>>,
        /// How requests came; set when made.
        pub ways: OnceLock<Arc<Ways>>,
        memory: Mutex<Memory>,
        /// Of one place: who listens is woken once, whatever happens before.
        pub news: (async_channel::Sender<()>, async_channel::Receiver<()>),
        /// What is known of the clients that are there and have asked for anything.
        pub clients: Arc<Mutex<HashMap<ClientKey, Acquaintance>>>,
        pub refusals: OnceLock<RefusalReports>,
    }

    impl Default for Auth {
        fn default() -> Self {
            Self {
                table: Mutex::default(),
                ways: OnceLock::new(),
                memory: Mutex::default(),
                news: async_channel::bounded(1),
                clients: Arc::default(),
                refusals: OnceLock::new(),
            }
        }
    }

    #[derive(Default)]
    pub struct Acquaintance {
        pub address: Option<IpAddr>,
        /// Whom it last logged in as.
        pub user: Option<String>,
        /// What it last began to do.
        right: Right,
        /// By which it was let in when it last began anything.
        table: Option<Arc<AccessTable>>,
        /// Whether it was asked for a password.
        challenged: bool,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Auth {
        const NAME: &str = "HeadwaterAuth";
        type Type = super::Auth;
        type ParentType = RTSPAuth;
    }

    impl ObjectImpl for Auth {}

    impl RTSPAuthImpl for Auth {
        /// Runs on the server's pool threads. `auth.check.url` comes first, for every request, and settles it.
        fn check(&self, context: &RTSPContext, check: &glib::GString) -> bool {
            let check = check.as_gstr();
            if check == gst_rtsp_server::RTSP_AUTH_CHECK_URL {
                self.check_way(context) && self.check_request(context)
            } else if check == gst_rtsp_server::RTSP_AUTH_CHECK_MEDIA_FACTORY_ACCESS
                || check == gst_rtsp_server::RTSP_AUTH_CHECK_MEDIA_FACTORY_CONSTRUCT
            {
                true
            } else if check == gst_rtsp_server::RTSP_AUTH_CHECK_CONNECT {
                // The library encrypts the connection, by the certificate that it was given.
                self.check_address(context)
                    && (!self.ways().is_to_be_encrypted(context)
                        || self.parent_check(context, &check.to_owned()))
            } else {
                // A reader's own choice of multicast address, port and TTL, or of the address that packets
                // are sent to: with it the server could be turned against others.
                false
            }
        }
    }

    impl Auth {
        /// Where it is refused, the library closes the connection before it reads anything from it.
        fn check_address(&self, context: &RTSPContext) -> bool {
            let Some(address) = peer_address(context) else { return true };
            let admitted = self.table.lock().unwrap().addresses.admit(address);
            if !admitted && let Some(refusals) = self.refusals.get() {
                refusals.tell_address(address, RefusalReason::AddressDenied);
            }
            admitted
        }

        fn ways(&self) -> &Ways {
            self.ways.get().expect("set when made")
        }

        fn check_way(&self, context: &RTSPContext) -> bool {
            let Err(Refused { status, reason }) = self.ways().admit(context) else { return true };
            if let Some(refusals) = self.refusals.get() {
                refusals.tell(context, reason);
            }
            answer(context, status, &[]);
            false
        }

        fn check_request(&self, context: &RTSPContext) -> bool {
            let mut table = self.table.lock().unwrap().clone();
            let mut request = Request::of(context);
            if let Some(client) = context.client() {
                self.with_client(client, |known| {
                    known.address = request.address;
                    request.logged_in = known.user.clone();
                    if request.continues() {
                        request.right = known.right;
                    }
                    if let Some(admitted) = known.table.as_ref().filter(|_| request.continues()) {
                        table = admitted.clone();
                    }
                });
            }
            let Verdict { decision, mut refusal } =
                self.with_memory(|memory| table.decide(&request, memory, Instant::now()));
            if let Decision::Challenge { schemes, .. } = &decision
                && request.asked.is_none()
                && self.was_challenged(context)
            {
                refusal = Some(RefusalReason::NoLogin { offered: schemes.clone() });
            }
            if let (Some(reason), Some(refusals)) = (refusal, self.refusals.get()) {
                refusals.tell(context, reason);
            }
            match decision {
                Decision::Allowed { user } => {
                    if let Some(client) = context.client().filter(|_| !request.continues()) {
                        self.with_client(client, |known| {
                            known.user = user.or(known.user.take());
                            known.right = request.right;
                            known.table = Some(table);
                        });
                    }
                    return true;
                }
                Decision::Challenge { schemes, stale } => self.challenge(context, &schemes, stale),
                Decision::Forbidden => answer(context, RTSPStatusCode::Forbidden, &[]),
                Decision::LockedOut { wait } => {
                    // Whole seconds, and none too few.
                    let seconds = (wait.as_secs() + 1).to_string();
                    answer(context, RTSPStatusCode::Forbidden, &[(RTSPHeaderField::RetryAfter, seconds)]);
                }
                Decision::NotFound => answer(context, RTSPStatusCode::NotFound, &[]),
                Decision::NotPublished => answer(context, RTSPStatusCode::MethodNotAllowed, &[]),
            }
            false
        }

        pub(super) fn with_memory<T>(&self, look: impl FnOnce(&mut Memory) -> T) -> T {
            let mut memory = self.memory.lock().unwrap();
            let seen = look(&mut memory);
            if std::mem::take(&mut memory.waits_changed) {
                // Where it is full, whoever listens is woken already.
                let _ = self.news.0.try_send(());
            }
            seen
        }

        fn challenge(&self, context: &RTSPContext, schemes: &[Scheme], stale: bool) {
            let nonce = self.with_memory(|memory| memory.nonces.issue(Instant::now()));
            match nonce {
                Ok(nonce) => {
                    let challenges = digest::challenges(schemes, &nonce, stale).into_iter();
                    let headers: Vec<_> =
                        challenges.map(|challenge| (RTSPHeaderField::WwwAuthenticate, challenge)).collect();
                    answer(context, RTSPStatusCode::Unauthorized, &headers);
                }
                Err(error) => {
                    tracing::error!(%error, "nobody can log in: the system gives no random numbers");
                    answer(context, RTSPStatusCode::InternalServerError, &[]);
                }
            }
        }

        /// Whether this client, which never logged in, was asked for a password before.
        fn was_challenged(&self, context: &RTSPContext) -> bool {
            let Some(client) = context.client() else { return false };
            self.with_client(client, |known| {
                known.user.is_none() && std::mem::replace(&mut known.challenged, true)
            })
        }

        fn with_client<T>(&self, client: &RTSPClient, look: impl FnOnce(&mut Acquaintance) -> T) -> T {
            let key = client_key(client);
            let mut clients = self.clients.lock().unwrap();
            if !clients.contains_key(&key) {
                let clients = Arc::downgrade(&self.clients);
                client.add_weak_ref_notify(move || {
                    if let Some(clients) = clients.upgrade() {
                        clients.lock().unwrap().remove(&key);
                    }
                });
            }
            look(clients.entry(key).or_default())
        }
    }

    fn answer(context: &RTSPContext, status: RTSPStatusCode, headers: &[(RTSPHeaderField, String)]) {
        let Some(response) = context.response() else { return };
        response.init_response(status, context.request());
        for (field, value) in headers {
            response.add_header(*field, value);
        }
        ffi::send_response(context);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PatternSource, PublishedSource, ServerConfig, Slate, Sound, StreamConfig, User};
    use base64::prelude::{BASE64_STANDARD, Engine};

    pub(super) fn stream(path: &str, read: Readers, schemes: &[Scheme]) -> StreamConfig {
        StreamConfig {
            id: path[1..].into(),
            name: path[1..].into(),
            path: path.into(),
            enabled: true,
            source: Source::Pattern(PatternSource::silent("ball")),
            access: Access { read, publish: None, schemes: schemes.to_vec() },
            renditions: Vec::new(),
            readers_limit: None,
            overlays: Vec::new(),
            sound: Sound::default(),
            transports: crate::config::ReaderTransport::default_list(),
            slate: Slate::default(),
            lost_after_seconds: Slate::LOST_AFTER_SECONDS,
        }
    }

    pub(super) fn readers(names: &[&str]) -> Readers {
        Readers::Users(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// `anna` and `bert` have passwords, `carl` has none.
    pub(super) fn table(streams: Vec<StreamConfig>) -> AccessTable {
        let users = ["anna", "bert", "carl"].map(|name| User { name: name.into() }).to_vec();
        // Where many wrong passwords are tried, but for the tests of that.
        let server = ServerConfig { lock_out: false, ..ServerConfig::default() };
        let config = Config { version: 1, server, limits: Default::default(), users, streams };
        AccessTable::new(&config, &Passwords::from_iter([("anna", "apple"), ("bert", "pear")]))
    }

    /// `/open` for anyone; `/anna`, `/md5` and `/sha256` for anna; `/basic` for anna and bert; `/carl` for carl.
    fn house() -> Vec<StreamConfig> {
        vec![
            stream("/open", Readers::Anyone, &[Scheme::Digest]),
            stream("/anna", readers(&["anna"]), &[Scheme::Digest, Scheme::Basic]),
            stream("/md5", readers(&["anna"]), &[Scheme::DigestMd5]),
            stream("/sha256", readers(&["anna"]), &[Scheme::DigestSha256]),
            stream("/basic", readers(&["anna", "bert"]), &[Scheme::Basic]),
            stream("/carl", readers(&["carl"]), &[Scheme::Basic]),
        ]
    }

    pub(super) fn basic(user: &str, password: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
    }

    struct Door {
        table: AccessTable,
        memory: Memory,
    }

    impl Door {
        fn of(streams: Vec<StreamConfig>) -> Self {
            gst::init().unwrap();
            Self { table: table(streams), memory: Memory::default() }
        }

        fn judge(&mut self, method: RTSPMethod, path: &str, authorization: &str) -> Verdict {
            let right = match method {
                RTSPMethod::ANNOUNCE | RTSPMethod::RECORD => Right::Publish,
                _ => Right::Read,
            };
            let request = Request {
                method,
                right,
                uri: format!("rtsp://localhost{path}"),
                path: (path != "*").then(|| path.to_owned()),
                in_session: false,
                address: Some(IpAddr::from([192, 0, 2, 1])),
                logged_in: None,
                asked: (!authorization.is_empty()).then(|| Credentials::scheme_asked(authorization)),
                credentials: Credentials::parse(authorization),
            };
            self.table.decide(&request, &mut self.memory, Instant::now())
        }

        fn ask(&mut self, method: RTSPMethod, path: &str, authorization: &str) -> Decision {
            self.judge(method, path, authorization).decision
        }

        fn describe(&mut self, path: &str, authorization: &str) -> Decision {
            self.ask(RTSPMethod::DESCRIBE, path, authorization)
        }
    }

    fn allowed(user: &str) -> Decision {
        Decision::Allowed { user: Some(user.into()) }
    }

    fn challenge(schemes: &[Scheme]) -> Decision {
        Decision::Challenge { schemes: schemes.to_vec(), stale: false }
    }

    const NOBODY: Decision = Decision::Allowed { user: None };

    #[test]
    fn who_may_watch_may_not_send_and_the_other_way_round() {
        let published = |path: &str, read, publish| {
            let mut stream = stream(path, read, &[Scheme::Basic]);
            stream.source = Source::Published(PublishedSource {});
            stream.access.publish = Some(publish);
            stream
        };
        let mut streams = house();
        streams.push(published("/live", readers(&["anna"]), readers(&["bert"])));
        streams.push(published("/stage", readers(&["anna"]), Readers::Anyone));
        let mut door = Door::of(streams);
        let (anna, bert) = (basic("anna", "apple"), basic("bert", "pear"));
        for method in [RTSPMethod::ANNOUNCE, RTSPMethod::RECORD] {
            assert_eq!(door.ask(method, "/live", ""), challenge(&[Scheme::Basic]));
            assert_eq!(door.ask(method, "/live", &bert), allowed("bert"));
            assert_eq!(door.ask(method, "/live", &anna), Decision::Forbidden);
            assert_eq!(door.ask(method, "/stage", ""), NOBODY);
            // Whoever may know that the stream is there is told that it takes nothing.
            assert_eq!(door.ask(method, "/open", ""), Decision::NotPublished);
            assert_eq!(door.ask(method, "/anna", ""), challenge(&[Scheme::Digest, Scheme::Basic]));
            assert_eq!(door.ask(method, "/anna", &anna), Decision::NotPublished);
            assert_eq!(door.ask(method, "/anna", &bert), Decision::Forbidden);
        }
        assert_eq!(door.describe("/live", &anna), allowed("anna"));
        assert_eq!(door.describe("/live", &bert), Decision::Forbidden);
        assert_eq!(door.describe("/stage", ""), challenge(&[Scheme::Basic]));
    }

    #[test]
    fn each_method_but_options_is_decided_by_path_and_user() {
        let mut door = Door::of(house());
        let (anna, bert) = (basic("anna", "apple"), basic("bert", "pear"));
        let others = [RTSPMethod::OPTIONS, RTSPMethod::ANNOUNCE, RTSPMethod::RECORD];
        for method in RTSPMethod::all().iter().filter(|method| !others.contains(method)) {
            assert_eq!(door.ask(method, "/open", ""), NOBODY, "{method:?}");
            assert_eq!(door.ask(method, "/open/stream=0", &anna), NOBODY, "{method:?}");
            assert_eq!(door.ask(method, "/basic", &anna), allowed("anna"), "{method:?}");
            assert_eq!(door.ask(method, "/basic/stream=0", &bert), allowed("bert"), "{method:?}");
            assert_eq!(door.ask(method, "/basic", ""), challenge(&[Scheme::Basic]), "{method:?}");
            assert_eq!(door.ask(method, "/anna", &bert), Decision::Forbidden, "{method:?}");
        }
        for path in ["/open", "/basic", "/gone", "*"] {
            assert_eq!(door.ask(RTSPMethod::OPTIONS, path, ""), NOBODY, "{path}");
        }
    }

    #[test]
    fn options_within_a_session_is_a_request_like_any_other() {
        let mut door = Door::of(house());
        let mut request = Request {
            right: Right::Read,
            method: RTSPMethod::OPTIONS,
            uri: "rtsp://localhost/basic".into(),
            path: Some("/basic".into()),
            in_session: true,
            address: None,
            logged_in: None,
            asked: None,
            credentials: None,
        };
        let mut decide =
            |request: &Request| door.table.decide(request, &mut door.memory, Instant::now()).decision;
        assert_eq!(decide(&request), challenge(&[Scheme::Basic]));
        request.credentials = Credentials::parse(&basic("anna", "apple"));
        assert_eq!(decide(&request), allowed("anna"));
    }

    #[test]
    fn who_cannot_prove_the_password_is_asked_again() {
        let mut door = Door::of(house());
        for (user, password) in [("anna", "pear"), ("anna", ""), ("", ""), ("dora", "apple"), ("carl", "")] {
            let given = basic(user, password);
            assert_eq!(door.describe("/basic", &given), challenge(&[Scheme::Basic]), "{user}:{password}");
        }
        // Basic is not offered here.
        assert_eq!(door.describe("/md5", &basic("anna", "apple")), challenge(&[Scheme::DigestMd5]));
    }

    #[test]
    fn each_refusal_has_its_reason_and_a_first_question_is_none() {
        let mut door = Door::of(house());
        let digest = |tail: &str| {
            format!(r#"Digest username="anna", realm="Headwater", nonce="n", uri="/a", response="0"{tail}"#)
        };
        let sha256 = digest(", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=c");
        let unfit = |asked: &str, offered| {
            Some(RefusalReason::SchemeNotOffered { asked: asked.into(), offered: vec![offered] })
        };
        let elsewhere = digest_header(&mut door, "/sha256", "apple");
        for (path, authorization, reason) in [
            ("/basic", String::new(), None),
            ("/gone", String::new(), None),
            ("/basic", basic("anna", "pear"), Some(RefusalReason::WrongPassword)),
            ("/md5", digest(""), Some(RefusalReason::WrongPassword)),
            ("/basic", basic("dora", "pear"), Some(RefusalReason::UnknownUser)),
            ("/carl", basic("carl", ""), Some(RefusalReason::PasswordMissing)),
            ("/basic", sha256, unfit("Digest SHA-256", Scheme::Basic)),
            ("/sha256", digest(""), unfit("Digest MD5", Scheme::DigestSha256)),
            ("/md5", basic("anna", "apple"), unfit("Basic", Scheme::DigestMd5)),
            ("/md5", "Bearer abc".into(), unfit("Bearer", Scheme::DigestMd5)),
            ("/md5", digest(", algorithm=MD5-sess"), unfit("Digest MD5-SESS", Scheme::DigestMd5)),
            ("/md5", "Digest \"".into(), Some(RefusalReason::LoginUnreadable)),
            ("/md5", "\"".into(), Some(RefusalReason::LoginUnreadable)),
            ("/md5", elsewhere, Some(RefusalReason::LoginForAnother)),
            ("/anna", basic("bert", "pear"), Some(RefusalReason::NoRight)),
        ] {
            let refusal = door.judge(RTSPMethod::DESCRIBE, path, &authorization).refusal;
            assert_eq!(refusal, reason, "{path} {authorization}");
        }
        let mut open = Door::of(vec![stream("/open", Readers::Anyone, &[Scheme::Digest])]);
        let missing = open.judge(RTSPMethod::DESCRIBE, "/gone", "").refusal;
        assert_eq!(missing, Some(RefusalReason::NoSuchStream));
    }

    #[test]
    fn nobody_s_known_secret_opens_nothing() {
        let mut door = Door::of(house());
        let nonce = door.memory.nonces.issue(Instant::now()).unwrap();
        let hash = |text: String| md5_hex(&text);
        let response = hash(format!("{}:{nonce}:{}", "0".repeat(32), hash("DESCRIBE:/md5".into())));
        let header = format!(
            r#"Digest username="dora", realm="Headwater", nonce="{nonce}", uri="/md5", response="{response}""#
        );
        assert_eq!(door.describe("/md5", &header), challenge(&[Scheme::DigestMd5]));
    }

    #[test]
    fn a_stream_whose_readers_have_no_password_refuses_everybody() {
        let mut door = Door::of(house());
        assert_eq!(door.describe("/carl", &basic("carl", "")), challenge(&[Scheme::Basic]));
        assert_eq!(door.describe("/carl", &basic("anna", "apple")), Decision::Forbidden);
        let config = Config {
            version: 1,
            limits: Default::default(),
            server: Default::default(),
            users: vec![User { name: "anna".into() }],
            streams: house(),
        };
        door.table = AccessTable::new(&config, &Passwords::locked());
        assert_eq!(door.describe("/basic", &basic("anna", "apple")), challenge(&[Scheme::Basic]));
        assert_eq!(door.describe("/basic", &basic("anna", "")), challenge(&[Scheme::Basic]));
    }

    #[test]
    fn missing_and_forbidden_look_alike_before_the_login_only() {
        let mut door = Door::of(vec![stream("/lobby", readers(&["anna"]), &[Scheme::Basic])]);
        let there = door.describe("/lobby", "");
        assert_eq!(there, challenge(&[Scheme::Basic]));
        for path in ["/gone", "/", "/lobbyist", "/lob", "/gone/stream=0"] {
            assert_eq!(door.describe(path, ""), there, "{path}");
            assert_eq!(door.describe(path, &basic("bert", "wrong")), there, "{path}");
        }
        assert_eq!(door.describe("/gone", &basic("bert", "pear")), Decision::NotFound);
        assert_eq!(door.describe("/lobby", &basic("bert", "pear")), Decision::Forbidden);
    }

    #[test]
    fn probing_a_missing_path_shows_one_scheme_of_those_in_use() {
        let mut door = Door::of(house());
        let mut seen = Vec::new();
        for number in 0..200 {
            let path = format!("/gone{number}");
            let answer = door.describe(&path, "");
            assert_eq!(door.describe(&path, ""), answer);
            assert_eq!(door.describe(&format!("{path}/stream=0"), ""), answer);
            if !seen.contains(&answer) {
                seen.push(answer);
            }
        }
        assert_eq!(seen.len(), 4, "Basic, MD5, SHA-256, and all with Basic: {seen:?}");
        let mut other = Door::of(vec![
            stream("/a/b", readers(&["anna"]), &[Scheme::Basic]),
            stream("/c", readers(&["anna"]), &[Scheme::Digest]),
        ]);
        for path in ["/a", "/a/b", "/a/b/stream=0", "/a/gone"] {
            assert_eq!(other.describe(path, ""), challenge(&[Scheme::Basic]), "{path}");
        }
    }

    #[test]
    fn where_nothing_is_protected_a_missing_path_is_not_found() {
        let mut door = Door::of(vec![stream("/open", Readers::Anyone, &[Scheme::Digest])]);
        assert_eq!(door.describe("/gone", ""), Decision::NotFound);
        assert_eq!(door.describe("/gone", &basic("anna", "apple")), Decision::NotFound);
    }

    #[test]
    fn the_closest_stream_decides() {
        let mut door = Door::of(vec![
            stream("/lobby", readers(&["anna"]), &[Scheme::Basic]),
            stream("/lobby/sub", Readers::Anyone, &[Scheme::Basic]),
        ]);
        assert_eq!(door.describe("/lobby/sub/stream=0", ""), NOBODY);
        assert_eq!(door.describe("/lobby/subs", ""), challenge(&[Scheme::Basic]));
    }

    #[test]
    fn a_stream_that_is_off_is_missing() {
        let mut off = stream("/off", Readers::Anyone, &[Scheme::Digest]);
        off.enabled = false;
        let mut door = Door::of(vec![off, stream("/on", readers(&["anna"]), &[Scheme::Basic])]);
        assert_eq!(door.describe("/off", ""), challenge(&[Scheme::Basic]));
        assert_eq!(door.describe("/off", &basic("anna", "apple")), Decision::NotFound);
    }

    #[test]
    fn a_right_response_with_an_old_nonce_is_stale_and_a_wrong_one_is_not() {
        let mut door = Door::of(house());
        let stale = Decision::Challenge { schemes: vec![Scheme::DigestMd5], stale: true };
        let right = digest_header(&mut door, "/md5", "apple");
        assert_eq!(door.describe("/md5", &right), allowed("anna"));
        door.memory.nonces = Nonces::default();
        assert_eq!(door.describe("/md5", &right), stale);
        let wrong = digest_header(&mut door, "/md5", "pear");
        door.memory.nonces = Nonces::default();
        assert_eq!(door.describe("/md5", &wrong), challenge(&[Scheme::DigestMd5]));
    }

    #[test]
    fn a_digest_for_another_stream_or_realm_is_refused() {
        let mut door = Door::of(house());
        let header = digest_header(&mut door, "/sha256", "apple");
        assert_eq!(door.describe("/md5", &header), challenge(&[Scheme::DigestMd5]));
        let header = digest_header(&mut door, "/md5", "apple").replace(REALM, "Elsewhere");
        assert_eq!(door.describe("/md5", &header), challenge(&[Scheme::DigestMd5]));
    }

    #[test]
    fn wrong_passwords_lock_out_a_user_but_not_whoever_watches() {
        let mut door = Door::of(house());
        door.table.lock_out = true;
        let (right, wrong) = (basic("anna", "apple"), basic("anna", "pear"));
        let tries =
            (0..100).take_while(|_| door.describe("/basic", &wrong) == challenge(&[Scheme::Basic])).count();
        assert_eq!(tries, 5);
        assert!(matches!(door.describe("/basic", &right), Decision::LockedOut { .. }));
        assert!(matches!(door.describe("/anna", &right), Decision::LockedOut { .. }), "elsewhere too");
        assert_eq!(door.describe("/basic", &basic("bert", "pear")), allowed("bert"));
        assert_eq!(door.describe("/basic", ""), challenge(&[Scheme::Basic]), "who asks is told how");
        assert_eq!(door.describe("/open", &wrong), NOBODY);
        let keep_alive = Request {
            right: Right::Read,
            method: RTSPMethod::GET_PARAMETER,
            uri: "/basic".into(),
            path: Some("/basic".into()),
            in_session: true,
            address: Some(IpAddr::from([192, 0, 2, 1])),
            logged_in: Some("anna".into()),
            asked: Some("Basic".into()),
            credentials: Credentials::parse(&right),
        };
        let verdict = door.table.decide(&keep_alive, &mut door.memory, Instant::now());
        assert_eq!(verdict.decision, allowed("anna"));
        let reason = door.judge(RTSPMethod::DESCRIBE, "/basic", &right).refusal;
        assert!(matches!(reason, Some(RefusalReason::LockedOut { .. })), "{reason:?}");
    }

    #[test]
    fn unknown_and_known_users_are_locked_out_alike() {
        let mut door = Door::of(vec![stream("/lobby", readers(&["anna", "carl"]), &[Scheme::Basic])]);
        door.table.lock_out = true;
        let mut answers = |user: &str| {
            let mut ask = || match door.describe("/lobby", &basic(user, "guess")) {
                Decision::LockedOut { .. } => "locked out".to_owned(),
                other => format!("{other:?}"),
            };
            (0..8).map(|_| ask()).collect::<Vec<_>>()
        };
        let anna = answers("anna");
        assert_eq!(anna.last().map(String::as_str), Some("locked out"));
        assert_eq!(answers("dora"), anna);
        assert_eq!(answers("carl"), anna);
    }

    #[test]
    fn the_access_state_names_those_without_a_password() {
        let state = |read, passwords: Passwords| {
            access_state(&Access { read, publish: None, schemes: vec![Scheme::Digest] }, &passwords)
        };
        let known = || Passwords::from_iter([("anna", "apple")]);
        assert_eq!(state(Readers::Anyone, Passwords::locked()), AccessState::Open);
        assert_eq!(state(readers(&["anna"]), known()), AccessState::Protected);
        assert_eq!(state(readers(&["anna"]), Passwords::locked()), AccessState::KeyringLocked);
        let missing = AccessState::PasswordMissing { users: vec!["carl".into()] };
        assert_eq!(state(readers(&["anna", "carl"]), known()), missing);
    }

    pub(super) fn md5_hex(text: &str) -> String {
        use md5::Digest;
        md5::Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// How rtspsrc would log anna in for DESCRIBE.
    fn digest_header(door: &mut Door, path: &str, password: &str) -> String {
        let nonce = door.memory.nonces.issue(Instant::now()).unwrap();
        let (secret, request) =
            (md5_hex(&format!("anna:Headwater:{password}")), md5_hex(&format!("DESCRIBE:{path}")));
        let response = md5_hex(&format!("{secret}:{nonce}:{request}"));
        format!(
            r#"Digest username="anna", realm="Headwater", nonce="{nonce}", uri="{path}", response="{response}""#
        )
    }
}
