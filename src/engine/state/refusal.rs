//! Why readers are refused, as values.

use crate::config::Scheme;
use ipnet::IpNet;
use std::fmt;
use std::ops::Deref;
use std::time::SystemTime;

/// A reader that was refused. Every text was sent by the reader, is shortened, and has no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Default, glib::Boxed)]
#[boxed_type(name = "HeadwaterRefusedReader")]
pub struct RefusedReader {
    pub address: String,
    /// What the program calls itself (its User-Agent); may be empty.
    pub program: String,
    /// Whom it wanted to log in as; empty where it did not say.
    pub user: String,
    /// The path that it asked for; empty where it had not come to that.
    pub path: String,
    /// The id of the stream at that path; empty where there is none.
    pub stream: String,
    pub reason: RefusalReason,
}

/// Why a reader was refused. In English, for logs; `words` says it to the user.
///
/// More than the reader is told: an unknown user and a wrong password get the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
pub enum RefusalReason {
    #[default]
    #[error("wrong password")]
    WrongPassword,
    #[error("there is no such user")]
    UnknownUser,
    /// The user is configured, but has no password, or the keyring is locked.
    #[error("no password is known for this user")]
    PasswordMissing,
    /// It was asked for a password and asked again without one: it has none, or knows none of the schemes.
    #[error("it gave no user and password; offered: {}", names(offered))]
    NoLogin { offered: Vec<Scheme> },
    /// `asked` is a scheme as the standards call it, such as "Digest SHA-256".
    #[error("it asked for {asked}; offered: {}", names(offered))]
    SchemeNotOffered { asked: String, offered: Vec<Scheme> },
    #[error("its login cannot be read")]
    LoginUnreadable,
    /// A Digest that was made for another address or server.
    #[error("its login was made for another address")]
    LoginForAnother,
    #[error("this user may not read this stream")]
    NoRight,
    #[error("there is no such stream, or it is off")]
    NoSuchStream,
    #[error("the source delivers nothing now")]
    SourceNotDelivering,
    /// It wanted to send into a stream whose pictures come from elsewhere.
    #[error("this stream takes nothing from outside")]
    NotPublished,
    /// It wanted to send where somebody else does.
    #[error("{address} is sending already")]
    PublisherThere { address: String },
    /// After too many failed logins.
    #[error("locked out after too many failed logins")]
    LockedOut { until: SystemTime },
    /// By the rules of the server.
    #[error("its address is not allowed")]
    AddressDenied,
    /// The user of Headwater removed it a short while ago.
    #[error("it was removed, and is kept away for a while")]
    KeptAway { until: SystemTime },
    #[error("{scope} has {most} readers already")]
    TooManyReaders { scope: LimitScope, most: u32 },
    #[error("there are {most} sessions already")]
    TooManySessions { most: u32 },
    #[error("{scope} has {most} connections already")]
    TooManyConnections { scope: LimitScope, most: u32 },
    #[error("its request is larger than {most} bytes")]
    RequestTooLarge { most: u64 },
    #[error("its request was not complete within {seconds} s")]
    RequestTooSlow { seconds: u64 },
    #[error("it sent more than {most} requests in {seconds} s")]
    TooManyRequests { most: u32, seconds: u64 },
    /// `asked` is a transport as the standards call it, such as "UDP" or "multicast".
    #[error("it asked for the transport {asked}, which is not allowed here")]
    TransportNotAllowed { asked: String },
}

/// What a limit is counted over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitScope {
    Stream,
    Server,
    /// Whoever connects from the same address.
    Address,
}

/// Somebody who has to wait after too many failed logins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockOut {
    /// One address of IPv4, or the network of one subscriber of IPv6.
    pub network: IpNet,
    /// Of whom no password is looked at there; none where it is everybody who never logged in there.
    pub user: Option<String>,
    pub until: SystemTime,
}

/// Everybody who has to wait now, by address and name.
#[derive(Debug, Clone, PartialEq, Eq, Default, glib::Boxed)]
#[boxed_type(name = "HeadwaterLockOuts")]
pub struct LockOuts(pub Vec<LockOut>);

impl Deref for LockOuts {
    type Target = [LockOut];

    fn deref(&self) -> &[LockOut] {
        &self.0
    }
}

impl fmt::Display for LimitScope {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Self::Stream => "the stream",
            Self::Server => "the server",
            Self::Address => "its address",
        })
    }
}

fn names(schemes: &[Scheme]) -> String {
    schemes.iter().map(|scheme| scheme.name()).collect::<Vec<_>>().join(", ")
}
