//! Another stream, over the network.
//!
//! ```text
//! connection-3: uridecodebin3 ► entry
//! ```
//! `uridecodebin3` rather than `uridecodebin`: only with it GStreamer uses its present HLS and DASH elements,
//! and streams are chosen before they are decoded, so that sound is not fetched where it is not served.
//!
//! The connection is there only while the source is awake. It is opened and closed apart from the rest of the graph,
//! since elements of the network look up names, connect, or say goodbye while their state is changed.

use super::apart::{Apart, spawn};
use super::entry::Entry;
use super::{Event, Notify, Wanted};
use crate::config::{Password, Place, RelaySource, Transport};
use crate::engine::elements::make;
use crate::engine::sound::Track;
use crate::engine::state::{RelayError, StreamError};
use gst::prelude::*;
use std::io::ErrorKind;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long packets of UDP wait for one that overtook them. Over TCP none does, and nothing waits.
const JITTER_MS: u32 = 100;
/// Without a packet for so long, RTSP over UDP is tried over TCP. Shorter than the source may be without a picture.
const UDP_SILENCE: Duration = Duration::from_secs(3);
/// A server that says nothing for so long does not answer.
const SILENCE: Duration = Duration::from_secs(5);
/// For finding out why a server did not answer.
const ASKING: Duration = Duration::from_secs(2);
/// Some servers, and the logs of all, tell their clients apart by it.
const USER_AGENT: &str = concat!("Headwater/", env!("CARGO_PKG_VERSION"));

/// Another stream that is watched.
pub struct Relay {
    /// What connections are linked to.
    entry: Entry,
    /// Whether there is sound, once that is known.
    has_sound: Option<bool>,
    /// By the server of the present connection.
    described: Arc<Described>,
    config: RelaySource,
    password: Option<Password>,
    connection: Option<Connection>,
    /// The number of the next connection.
    next: u64,
    notify: Notify,
}

/// What an RTSP server says that it has, before anything of it comes; nothing where another protocol is spoken.
#[derive(Debug, Default)]
struct Described {
    pictures: AtomicBool,
    sound: AtomicBool,
}

struct Connection {
    number: u64,
    apart: Apart,
    opened: Instant,
    /// It failed, and it is being found out why.
    failed: bool,
}

impl Relay {
    pub fn new(
        config: &RelaySource,
        wanted: Wanted,
        password: Option<&Password>,
        sound: Option<&Arc<Track>>,
        notify: Notify,
    ) -> Result<Self, StreamError> {
        if !config.user.is_empty() && password.is_none() {
            let reason = RelayError::PasswordUnknown { user: config.user.clone() };
            return Err(StreamError::Relay { address: config.address.clone(), reason });
        }
        Ok(Self {
            entry: Entry::new(wanted, sound)?,
            has_sound: None,
            described: Arc::default(),
            config: config.clone(),
            password: password.cloned(),
            connection: None,
            next: 0,
            notify,
        })
    }

    pub fn bin(&self) -> &gst::Bin {
        self.entry.bin()
    }

    /// Connects, unless it is connected.
    pub fn wake(&mut self) -> Result<(), StreamError> {
        if self.connection.is_some() {
            return Ok(());
        }
        self.entry.open();
        let number = self.next;
        self.next += 1;
        self.described = Arc::default();
        let element = self.make_connection(number)?;
        let bin = element.downcast().expect("uridecodebin3 is a bin");
        let apart = Apart::open(self.bin(), bin, &[gst::State::Playing])?;
        self.connection = Some(Connection { number, apart, opened: Instant::now(), failed: false });
        Ok(())
    }

    fn make_connection(&self, number: u64) -> Result<gst::Element, StreamError> {
        let element = make("uridecodebin3", &format!("connection-{number}"))?;
        element.set_property("uri", &self.config.address);
        let wants_sound = self.entry.takes_sound();
        element.set_property("caps", super::taken(self.entry.wanted(), wants_sound));
        let (config, password, described) =
            (self.config.clone(), self.password.clone(), self.described.clone());
        element.connect("source-setup", false, move |values| {
            if let Some(source) = values.get(1).and_then(|value| value.get::<gst::Element>().ok()) {
                set_up(&source, &config, password.as_ref(), wants_sound, &described);
            }
            None
        });
        element.connect("select-stream", false, move |values| {
            let kind = values.get(2)?.get::<gst::Stream>().ok()?.stream_type();
            let is_wanted =
                kind.contains(gst::StreamType::VIDEO) || wants_sound && kind.contains(gst::StreamType::AUDIO);
            Some(i32::from(is_wanted).to_value())
        });
        let notify = self.notify.clone();
        self.entry.link(&element, move || notify(Event::Ended { connection: number }));
        Ok(element)
    }

    /// Disconnects. A sleeping stream costs nobody anything, the other server neither.
    pub fn sleep(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        self.entry.close();
        connection.apart.close(self.bin(), ());
    }

    /// The stream there came to its end.
    pub fn ended(&mut self, connection: u64) -> Result<(), StreamError> {
        match self.connection.as_ref().is_some_and(|current| current.number == connection) {
            true => self.find_out(RelayError::Ended),
            false => Ok(()),
        }
    }

    /// It was found out why a connection failed.
    pub fn found_out(&mut self, connection: u64, reason: RelayError) -> Result<(), StreamError> {
        match self.connection.as_ref().is_some_and(|current| current.number == connection) {
            true => Err(self.error(reason)),
            false => Ok(()),
        }
    }

    /// What the other end offers is known; of RTSP, where its streams come one by one, a part of it.
    pub fn offered(&mut self, streams: &gst::StreamCollection) -> Result<(), StreamError> {
        let offers = |kind, described: &AtomicBool| {
            described.load(Ordering::Acquire)
                || streams.iter().any(|stream| stream.stream_type().contains(kind))
        };
        let has_sound = offers(gst::StreamType::AUDIO, &self.described.sound);
        self.has_sound = Some(self.has_sound == Some(true) || has_sound);
        if streams.iter().any(|stream| is_list(&stream)) {
            return Err(self.error(RelayError::List));
        }
        match !streams.is_empty() && !offers(gst::StreamType::VIDEO, &self.described.pictures) {
            true => Err(self.error(RelayError::NoVideo)),
            false => Ok(()),
        }
    }

    pub fn has_sound(&self) -> Option<bool> {
        self.has_sound
    }

    pub fn failed(
        &mut self,
        error: &gst::message::Error,
        missing_plugin: Option<String>,
    ) -> Result<(), StreamError> {
        match (error.src(), &self.connection) {
            (Some(source), Some(connection)) if connection.apart.has(source) => {}
            _ => return Err(StreamError::from_message(error)),
        }
        if let Some(description) = missing_plugin {
            return Err(StreamError::MissingPlugin { description });
        }
        match reason_of(error, &self.config.user) {
            Ok(reason) => Err(self.error(reason)),
            Err(unclear) => self.find_out(unclear),
        }
    }

    fn error(&self, reason: RelayError) -> StreamError {
        StreamError::Relay { address: self.config.address.clone(), reason }
    }

    /// GStreamer says that something failed, and hardly why: whether the server can be reached at all tells more.
    /// `otherwise` is the reason if it can.
    fn find_out(&mut self, otherwise: RelayError) -> Result<(), StreamError> {
        let place = Place::of(&self.config.address);
        let speaks_tcp =
            place.as_ref().is_some_and(|place| !matches!(place.scheme.as_str(), "udp" | "rtp" | "srt"));
        let (Some(connection), Some(place)) = (&mut self.connection, place) else {
            return Err(self.error(otherwise));
        };
        let Some(port) = place.port.filter(|_| speaks_tcp) else { return Err(self.error(otherwise)) };
        if std::mem::replace(&mut connection.failed, true) {
            return Ok(());
        }
        let otherwise = match otherwise {
            RelayError::Failed { .. } if connection.opened.elapsed() >= SILENCE => RelayError::NoAnswer,
            otherwise => otherwise,
        };
        let (number, notify) = (connection.number, self.notify.clone());
        spawn("ask relay", move || {
            let reason = ask(&place.host, port).unwrap_or(otherwise);
            notify(Event::Lost { connection: number, reason });
        })
    }
}

/// Whether GStreamer has found addresses instead of a stream. It follows none.
fn is_list(stream: &gst::Stream) -> bool {
    stream.caps().and_then(|caps| Some(caps.structure(0)?.name() == "text/uri-list")).unwrap_or_default()
}

/// Sets what the source elements of GStreamer have, each in its own words.
fn set_up(
    source: &gst::Element,
    config: &RelaySource,
    password: Option<&Password>,
    wants_sound: bool,
    described: &Arc<Described>,
) {
    set(source, "user-agent", USER_AGENT);
    match source.factory().map(|factory| factory.name()).as_deref() {
        Some("rtspsrc") => {
            source.set_property("latency", JITTER_MS);
            source.set_property("timeout", UDP_SILENCE.as_micros() as u64);
            source.set_property("tcp-timeout", SILENCE.as_micros() as u64);
            match config.transport {
                Transport::Auto => source.set_property_from_str("protocols", "udp+tcp"),
                Transport::Tcp => source.set_property_from_str("protocols", "tcp"),
                Transport::Udp => source.set_property_from_str("protocols", "udp"),
            }
            let login = password.map(|password| (config.user.clone(), password.clone()));
            // What is in the address is tried once; what is in the properties, eight times at once, and a camera locks
            // out who does that.
            if let Some((user, password)) = &login {
                set(source, "location", &with_login(&config.address, user, password));
            }
            let described = described.clone();
            // Asked about each stream of the description, before anything of them comes.
            source.connect("select-stream", false, move |values| {
                // It was let in. Where it is asked again, the same login is right.
                if let (Some((user, password)), Ok(source)) = (&login, values[0].get()) {
                    log_in(source, user, password);
                }
                let caps = values.get(2)?.get::<gst::Caps>().ok()?;
                let media = caps.structure(0)?.get::<String>("media").ok();
                let is_wanted = match media.as_deref() {
                    Some("video") => {
                        described.pictures.store(true, Ordering::Release);
                        true
                    }
                    Some("audio") if wants_sound => {
                        described.sound.store(true, Ordering::Release);
                        true
                    }
                    _ => false,
                };
                Some(is_wanted.to_value())
            });
            return;
        }
        Some("souphttpsrc") => {
            source.set_property("timeout", SILENCE.as_secs() as u32);
            // It is tried again anyway, and then it is said.
            source.set_property("retries", 0);
        }
        _ => {}
    }
    if let Some(password) = password {
        log_in(source, &config.user, password);
    }
}

fn set(source: &gst::Element, property: &str, value: &str) {
    if source.has_property_with_type(property, glib::Type::STRING) {
        source.set_property(property, value);
    }
}

fn log_in(source: &gst::Element, user: &str, password: &Password) {
    for property in ["user-id", "username"] {
        set(source, property, user);
    }
    for property in ["user-pw", "password"] {
        set(source, property, password.reveal());
    }
}

/// The address with a login in it, which no other program and no log gets to see.
fn with_login(address: &str, user: &str, password: &Password) -> String {
    let escape = |text: &str| glib::uri_escape_string(text, None::<&str>, false);
    let login = format!("://{}:{}@", escape(user), escape(password.reveal()));
    address.replacen("://", &login, 1)
}

/// Why a connection failed, as far as GStreamer says so; the error is what it says where that is not plain.
fn reason_of(error: &gst::message::Error, user: &str) -> Result<RelayError, RelayError> {
    let (cause, details) = (error.error(), error.details());
    let status = |name: &str| details.and_then(|details| details.get::<u32>(name).ok());
    if let Some(status) = status("rtsp-status-code").or_else(|| status("http-status-code")) {
        // Below, libsoup's own codes of what went wrong before there was an answer.
        match status {
            401 | 403 => return Ok(refused(user)),
            404 | 410 => return Ok(RelayError::NotFound),
            300.. => return Ok(RelayError::Status { status }),
            _ => {}
        }
    }
    let message = cause.message().to_owned();
    let debug = error.debug().map(|debug| debug.to_lowercase()).unwrap_or_default();
    if cause.matches(gst::ResourceError::NotAuthorized) {
        Ok(refused(user))
    } else if debug.contains("certificate") {
        Ok(RelayError::Certificate)
    } else if [gst::StreamError::CodecNotFound, gst::StreamError::TypeNotFound, gst::StreamError::WrongType]
        .into_iter()
        .any(|kind| cause.matches(kind))
    {
        Ok(RelayError::NoVideo)
    } else if cause.is::<gst::ResourceError>() {
        Err(RelayError::Failed { message })
    } else {
        Ok(RelayError::Failed { message })
    }
}

fn refused(user: &str) -> RelayError {
    match user {
        "" => RelayError::LoginNeeded,
        user => RelayError::WrongPassword { user: user.into() },
    }
}

/// Why a server cannot be reached; none if it can. This waits.
fn ask(host: &str, port: u16) -> Option<RelayError> {
    let host_name = || host.to_owned();
    let Ok(addresses) = (host, port).to_socket_addrs() else {
        return Some(RelayError::HostNotFound { host: host_name() });
    };
    let mut reason = RelayError::HostNotFound { host: host_name() };
    for address in addresses {
        reason = match TcpStream::connect_timeout(&address, ASKING) {
            Ok(_) => return None,
            Err(error) => match error.kind() {
                ErrorKind::ConnectionRefused => RelayError::Refused { host: host_name(), port },
                ErrorKind::TimedOut => RelayError::NoAnswer,
                _ => RelayError::Failed { message: error.to_string() },
            },
        };
    }
    Some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::elements::end;
    use std::net::TcpListener;

    #[test]
    fn why_a_server_cannot_be_reached_is_found_out() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(ask("127.0.0.1", port), None);
        drop(listener);
        let refused = RelayError::Refused { host: "127.0.0.1".into(), port };
        assert_eq!(ask("127.0.0.1", port), Some(refused));
        // RFC 6761: it never exists.
        let host = "camera.invalid";
        assert_eq!(ask(host, port), Some(RelayError::HostNotFound { host: host.into() }));
    }

    #[test]
    fn a_relay_without_its_password_does_not_knock() {
        gst::init().unwrap();
        let config =
            RelaySource { address: "rtsp://192.0.2.1/".into(), user: "admin".into(), ..Default::default() };
        let error = Relay::new(&config, Wanted::Decoded, None, None, Arc::new(|_| ())).err().unwrap();
        assert!(error.is_lasting(), "{error}");
        assert!(Relay::new(&config, Wanted::Decoded, Some(&"secret".into()), None, Arc::new(|_| ())).is_ok());
    }

    #[test]
    fn a_connection_that_hangs_is_left_behind() {
        gst::init().unwrap();
        // It is accepted by the system, and nobody ever answers.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        for scheme in ["rtsp", "http", "rtmp"] {
            let address = format!("{scheme}://{}/live/a", listener.local_addr().unwrap());
            let config = RelaySource { address, ..Default::default() };
            let mut relay = Relay::new(&config, Wanted::Decoded, None, None, Arc::new(|_| ())).unwrap();
            relay.bin().set_state(gst::State::Playing).unwrap();
            relay.wake().unwrap();
            let _connected = listener.accept().unwrap();
            let start = Instant::now();
            relay.sleep();
            assert!(start.elapsed() < Duration::from_secs(1), "{scheme}: {:?}", start.elapsed());
            end(relay.bin());
        }
    }
}
