//! The states of what runs, as values: what `words` puts into sentences and `ui` into icons.

mod encoding;
mod figures;
mod refusal;

pub use encoding::{Coding, EncodedBy, EncoderReason, Encoding, Reencoded};
pub use figures::Figures;
pub use refusal::{LimitScope, LockOut, LockOuts, RefusalReason, RefusedReader};

use super::sound;
use crate::config::SoundCodec;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a stream does now.
#[derive(Debug, Clone, PartialEq, Default, glib::Boxed)]
#[boxed_type(name = "HeadwaterStreamState")]
pub enum StreamState {
    /// Turned off by the user.
    #[default]
    Stopped,
    /// The source is being opened for the first time.
    Starting,
    /// Asleep, until somebody reads or looks.
    Ready,
    /// Pictures flow.
    Live,
    /// The source was lost, or could not be opened; it is tried again at this time, or when somebody sends.
    Reconnecting { reason: StreamError, next_try: Option<SystemTime> },
    /// It cannot work as it is configured, and is not tried again before that changes.
    Failed { reason: StreamError },
}

impl StreamState {
    /// Why there is no picture, where that is so.
    pub fn reason(&self) -> Option<&StreamError> {
        match self {
            Self::Reconnecting { reason, .. } | Self::Failed { reason } => Some(reason),
            Self::Stopped | Self::Starting | Self::Ready | Self::Live => None,
        }
    }

    /// Whether it waits for a program that sends the pictures.
    pub fn awaits_publisher(&self) -> bool {
        self.reason() == Some(&StreamError::NotPublished)
    }

    /// The file or folder of the source without which there is no picture: another one in its place would be the way out.
    pub fn unusable_file(&self) -> Option<&Path> {
        match self.reason()? {
            StreamError::FileMissing { path }
            | StreamError::PermissionLost { path }
            | StreamError::FolderEmpty { path }
            | StreamError::FileEmpty { path }
            | StreamError::FileUnreadable { path, .. }
            | StreamError::NoVideo { path }
            | StreamError::FileDamaged { path, .. } => Some(path),
            _ => None,
        }
    }
}

/// Why a stream has no picture. In English, for logs; `words` says it to the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    #[error("{} does not exist", path.display())]
    FileMissing { path: PathBuf },
    /// The document portal, through which a sandbox is shown the user's files, shows this one no more.
    #[error("{} may not be read any more, or was moved: choose it again in the window", path.display())]
    PermissionLost { path: PathBuf },
    #[error("the folder {} has no video and no picture", path.display())]
    FolderEmpty { path: PathBuf },
    #[error("{} is empty", path.display())]
    FileEmpty { path: PathBuf },
    #[error("{} cannot be read: {message}", path.display())]
    FileUnreadable { path: PathBuf, message: String },
    /// The file is media, but has no picture.
    #[error("{} has no video", path.display())]
    NoVideo { path: PathBuf },
    /// Not a kind of file that any installed plugin knows, or one that is cut or damaged.
    #[error("{} cannot be played: {message}", path.display())]
    FileDamaged { path: PathBuf, message: String },
    /// GStreamer names what is missing, such as "H.265 decoder".
    #[error("a GStreamer plugin is missing: {description}")]
    MissingPlugin { description: String },
    #[error("no encoder for {coding:?} is installed")]
    NoEncoder { coding: Coding },
    #[error("no encoder for {codec:?} sound is installed")]
    NoSoundEncoder { codec: SoundCodec },
    #[error("the source delivered no picture for {seconds} s")]
    NoPicture { seconds: u64 },
    /// Another stream cannot be watched. The address has no password in it.
    #[error("{address}: {reason}")]
    Relay { address: String, reason: RelayError },
    /// A camera of this computer cannot be used.
    #[error("{name}: {reason}")]
    Camera { name: String, reason: DeviceError },
    /// No screen is shared.
    #[error("the screen: {reason}")]
    Screen { reason: ScreenError },
    /// A user's own pipeline does not run.
    #[error("its pipeline: {reason}")]
    Custom { reason: CustomError },
    /// Nobody sends into a stream that is published.
    #[error("nobody sends to it")]
    NotPublished,
    /// Headwater ended while this stream was starting, so it was left off.
    #[error("Headwater ended unexpectedly while this stream was starting")]
    LeftOffAfterCrash,
    #[error("{element}: {message}")]
    Pipeline { element: String, message: String },
}

/// Why another stream cannot be watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    #[error("there is no host {host}")]
    HostNotFound { host: String },
    #[error("nothing listens at port {port} of {host}")]
    Refused { host: String, port: u16 },
    #[error("no answer")]
    NoAnswer,
    #[error("it asks for a user and a password")]
    LoginNeeded,
    #[error("the password of {user} is wrong, or {user} may not watch it")]
    WrongPassword { user: String },
    #[error(
        "the password of {user} is not known here: keep it with headwater --set-password relay:ID and the same --config"
    )]
    PasswordUnknown { user: String },
    #[error("there is no such stream")]
    NotFound,
    /// A status of RTSP or HTTP that is neither of the above.
    #[error("it was refused with status {status}")]
    Status { status: u32 },
    #[error("its certificate is not trusted")]
    Certificate,
    #[error("it has no video")]
    NoVideo,
    /// Such as an M3U file, which players follow.
    #[error("it is a list of addresses: use one of those in it")]
    List,
    #[error("it ended")]
    Ended,
    /// In GStreamer's or the system's words.
    #[error("{message}")]
    Failed { message: String },
}

/// Why a camera or a microphone cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// It was unplugged, or never there.
    #[error("it is not there now")]
    NotFound,
    #[error("another program uses it")]
    Busy,
    /// By the user, to the portal; or by the system.
    #[error("Headwater may not use it")]
    Denied,
    /// A sandbox has cameras by the portal alone, and microphones come from the sound server.
    #[error("nothing here gives it to programs: the camera portal, or the sound server, is missing")]
    NoService,
    /// In GStreamer's or the portal's words.
    #[error("{message}")]
    Failed { message: String },
}

/// Why the microphone beside a camera is not heard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, glib::Boxed)]
#[boxed_type(name = "HeadwaterMicrophoneError", nullable)]
pub enum MicrophoneError {
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// It is open, and a sound server that is stuck brings not even silence.
    #[error("nothing comes from it")]
    Stuck,
    /// A desktop whose user wants it so has what the computer plays for its default.
    #[error("the desktop's default is what the computer plays: name a microphone, or choose one there")]
    PlaysBack,
}

/// Why no screen is shared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScreenError {
    /// By the user, or by the desktop for everybody.
    #[error("sharing it was not allowed")]
    Denied,
    #[error("no desktop with a portal for screens is there")]
    NoPortal,
    /// The user ended it by the desktop's own means.
    #[error("sharing it was ended")]
    Closed,
    /// In GStreamer's or the portal's words.
    #[error("{message}")]
    Failed { message: String },
}

/// The cameras of this computer, or its microphones.
#[derive(Debug, Clone, PartialEq, Eq, Default, glib::Boxed)]
#[boxed_type(name = "HeadwaterDevices")]
pub enum Devices {
    /// Nobody has looked yet, or the user has not answered.
    #[default]
    Unknown,
    /// Their names, in order.
    Found(Vec<String>),
    Failed {
        reason: DeviceError,
    },
}

/// Why a user's own pipeline brings no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomError {
    #[error("there is no element {element}")]
    ElementMissing { element: String },
    /// Everything in it is linked: a sink ends it.
    #[error("it has no open end")]
    NoOpenEnd,
    #[error("it does not begin with a source")]
    WantsInput,
    #[error("it ended")]
    Ended,
    /// In GStreamer's words.
    #[error("{message}")]
    Wrong { message: String },
}

/// Somebody who sends into a stream. Every text was sent by the program, or is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, glib::Boxed)]
#[boxed_type(name = "HeadwaterPublisher", nullable)]
pub struct Publisher {
    /// Of its computer.
    pub address: String,
    /// Whom it logged in as; empty where it did not have to.
    pub user: String,
    /// What the program calls itself (its User-Agent).
    pub program: String,
}

/// How a stream's sound is encoded, and why so.
#[derive(Debug, Clone, PartialEq, Eq, glib::Boxed)]
#[boxed_type(name = "HeadwaterSoundEncoding", nullable)]
pub struct SoundEncoding {
    /// Neither "auto" nor "off".
    pub codec: SoundCodec,
    /// The name of the GStreamer element, such as `avenc_aac`.
    pub encoder: String,
    pub reason: EncoderReason,
    pub(super) format: sound::Format,
}

/// Whether those who should can read a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, glib::Boxed)]
#[boxed_type(name = "HeadwaterAccessState")]
pub enum AccessState {
    /// Anyone may read.
    #[default]
    Open,
    /// A password is asked for.
    Protected,
    /// These users have no password yet: they are refused.
    PasswordMissing { users: Vec<String> },
    /// The keyring is locked, so that no password is known: everybody is refused.
    KeyringLocked,
}

/// What the RTSP server does now.
#[derive(Debug, Clone, PartialEq, Eq, Default, glib::Boxed)]
#[boxed_type(name = "HeadwaterServerState")]
pub enum ServerState {
    #[default]
    Stopped,
    /// The addresses that are listened at, with the ports that are in force.
    Listening {
        addresses: Vec<SocketAddr>,
    },
    Failed {
        reason: ServerError,
    },
}

/// Whether the server can be reached by RTSPS.
#[derive(Debug, Clone, PartialEq, Eq, Default, glib::Boxed)]
#[boxed_type(name = "HeadwaterEncryptionState")]
pub enum EncryptionState {
    /// Turned off by the user.
    #[default]
    Off,
    /// The certificate is being read, or made.
    Starting,
    /// The addresses that are listened at, with the ports that are in force.
    Listening {
        addresses: Vec<SocketAddr>,
        certificate: CertificateFacts,
    },
    Failed {
        reason: EncryptionError,
    },
}

/// What can be told of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// SHA-256 of the whole, in hexadecimal with colons.
    pub fingerprint: String,
    /// Made by Headwater.
    pub is_own: bool,
    /// The host names and addresses that it is for.
    pub names: Vec<String>,
    /// Seconds since 1970.
    pub from: i64,
    pub until: i64,
}

/// Why nobody can connect by RTSPS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionError {
    /// GLib encrypts by a library that is loaded at run time.
    #[error("TLS is not available: install the package glib-networking")]
    LibraryMissing,
    #[error(transparent)]
    Certificate(CertificateError),
    #[error(transparent)]
    Server(ServerError),
}

/// Why a certificate cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("{} cannot be read: {message}", path.display())]
    Unreadable { path: PathBuf, message: String },
    /// In the TLS library's words.
    #[error("the certificate or its key cannot be used: {message}")]
    Unusable { message: String },
    #[error("the key is not that of the certificate")]
    KeyDoesNotFit,
    /// Seconds since 1970.
    #[error("the certificate has expired")]
    Expired { until: i64 },
    #[error("the certificate is not valid yet")]
    NotYetValid { from: i64 },
    #[error("no certificate can be made: {message}")]
    NotMade { message: String },
}

/// A place where the server can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The network interface, as the system calls it.
    pub interface: String,
    pub ip: IpAddr,
    pub port: u16,
    /// Of RTSPS, where that is served.
    pub encrypted_port: Option<u16>,
}

impl Place {
    /// The address of a mount path, to be given to a player.
    pub fn address(&self, path: &str) -> String {
        format!("rtsp://{}{path}", SocketAddr::new(self.ip, self.port))
    }

    /// The address of a mount path by RTSPS, where that is served.
    pub fn encrypted_address(&self, path: &str) -> Option<String> {
        self.encrypted_port.map(|port| format!("rtsps://{}{path}", SocketAddr::new(self.ip, port)))
    }

    /// Whether only programs on this computer get there.
    pub fn is_this_computer(&self) -> bool {
        self.ip.is_loopback()
    }
}

/// Why the server does not listen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    #[error("port {port} is taken by another program: choose another port, or end that program")]
    PortTaken { port: u16 },
    #[error("port {port} is below 1024 and needs the rights of root")]
    PortForbidden { port: u16 },
    #[error("{address} is not an address of this computer")]
    AddressUnknown { address: IpAddr },
    #[error("{address}: {message}")]
    Other { address: SocketAddr, message: String },
}

impl StreamError {
    /// What a GStreamer element said.
    pub(super) fn from_message(error: &gst::message::Error) -> Self {
        use gst::prelude::*;
        Self::Pipeline {
            element: error.src().map(|source| source.name().to_string()).unwrap_or_default(),
            message: error.error().message().to_owned(),
        }
    }

    /// GStreamer refused what always works with elements that fit: a defect of ours, or of the library.
    pub(super) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Pipeline { element: "pipeline".into(), message: error.to_string() }
    }

    /// Whether trying again is of no use before the configuration, or what is installed, changes.
    pub fn is_lasting(&self) -> bool {
        matches!(
            self,
            Self::NoEncoder { .. }
                | Self::NoSoundEncoder { .. }
                | Self::LeftOffAfterCrash
                | Self::Custom {
                    reason: CustomError::ElementMissing { .. }
                        | CustomError::NoOpenEnd
                        | CustomError::WantsInput
                        | CustomError::Wrong { .. },
                }
                | Self::Camera { reason: DeviceError::Denied, .. }
                | Self::Screen { reason: ScreenError::Denied }
                | Self::Relay { reason: RelayError::PasswordUnknown { .. }, .. }
        )
    }
}
