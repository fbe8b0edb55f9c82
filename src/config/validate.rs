//! What is wrong with a configuration that could be read: every problem, with the field it belongs to.

use super::limits::LIMITS;
use super::{
    Bitrate, Codec, Config, FileSource, FrameRate, Listen, Microphone, Overlay, PATTERNS, Place,
    ReaderTransport, Readers, Rendition, ServerConfig, Size, Slate, Sound, Source, StreamConfig,
};
use super::{address, path};
use std::fmt;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

/// Sides of a picture, in pixels. 16 is a macroblock of H.264; 8192 is the most that its level 6.2 is made for.
const SIDES: RangeInclusive<u32> = 16..=8192;
/// RFC 2435 counts the sides of a JPEG in units of 8 pixels, in one byte each.
const MJPEG_SIDE: u32 = 2040;
/// Frames per second; the lowest is 1/10.
const FASTEST: u64 = 240;
const SLOWEST_SECONDS: u64 = 10;
/// Thousand bits a second.
const BITRATES: RangeInclusive<u32> = 50..=100_000;
/// Characters of a text overlay: about what a picture can show.
const OVERLAY_CHARACTERS: usize = 500;
/// Bytes of an interface's name: Linux's IFNAMSIZ less the zero at its end.
const INTERFACE_NAME: usize = 15;
/// Those below are the network's own, and are never routed (RFC 5771, section 4).
const FIRST_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 0);
/// Seconds that a source may bring no picture: most cameras have one each second, and nobody waits for a minute.
const LOST_AFTER: RangeInclusive<u32> = 1..=60;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub field: Field,
    pub what: ProblemKind,
}

/// The field that a problem belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A field of the server.
    Server(ServerField),
    /// The name of the user at this place of the list.
    User { index: usize },
    /// One of the limits.
    Limit(LimitField),
    /// A field of the stream at this place of the list, which has this id.
    Stream { index: usize, id: String, field: StreamField },
}

/// One of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitField {
    Readers,
    ReadersPerStream,
    ReadersPerAddress,
    Sessions,
}

/// A field of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerField {
    UdpPorts,
    /// The port of RTSPS.
    RtspsPort,
    Certificate,
    Key,
    MulticastInterface,
    MulticastAddresses,
    MulticastPort,
}

/// A field of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamField {
    Id,
    Name,
    Path,
    /// The pattern of a pattern source.
    Pattern,
    /// The files of a file source.
    Locations,
    /// How long a file source shows each picture.
    PictureSeconds,
    /// The address of a relay.
    Address,
    /// The name of a camera.
    Camera,
    /// The name of the microphone beside a camera.
    Microphone,
    /// The text of a custom pipeline.
    Pipeline,
    /// The user with which a relay logs in.
    Login,
    /// More than one rendition.
    Renditions,
    /// Of the rendition at this place of the list.
    Size(usize),
    FrameRate(usize),
    Bitrate(usize),
    Read,
    Publish,
    Schemes,
    ReadersLimit,
    /// The overlay at this place of the list.
    Overlay(usize),
    Volume,
    Transports,
    Slate,
    LostAfter,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.what)
    }
}

/// In the words of the file.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(field) => write!(f, "server, {field}"),
            Self::User { index } => write!(f, "user {}", index + 1),
            Self::Limit(field) => write!(f, "limits, {}", field.key()),
            Self::Stream { index, id, field } if id.is_empty() => write!(f, "stream {}, {field}", index + 1),
            Self::Stream { id, field, .. } => write!(f, "stream \"{id}\", {field}"),
        }
    }
}

impl LimitField {
    /// As it stands in the file.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Readers => "readers",
            Self::ReadersPerStream => "readers_per_stream",
            Self::ReadersPerAddress => "readers_per_address",
            Self::Sessions => "sessions",
        }
    }
}

impl fmt::Display for ServerField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UdpPorts => "udp_ports",
            Self::RtspsPort => "rtsps.port",
            Self::Certificate => "rtsps.certificate",
            Self::Key => "rtsps.key",
            Self::MulticastInterface => "multicast.interface",
            Self::MulticastAddresses => "multicast.addresses",
            Self::MulticastPort => "multicast.port",
        })
    }
}

impl fmt::Display for StreamField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Path => "path",
            Self::Pattern => "pattern",
            Self::Locations => "locations",
            Self::PictureSeconds => "picture_seconds",
            Self::Address => "address",
            Self::Camera => "name",
            Self::Microphone => "microphone",
            Self::Pipeline => "pipeline",
            Self::Login => "user",
            Self::Renditions => "renditions",
            Self::Size(_) => "size",
            Self::FrameRate(_) => "frame_rate",
            Self::Bitrate(_) => "bitrate_kbps",
            Self::Read => "read",
            Self::Publish => "publish",
            Self::Schemes => "schemes",
            Self::Volume => "volume",
            Self::ReadersLimit => "readers_limit",
            Self::Slate => "slate",
            Self::LostAfter => "lost_after_seconds",
            Self::Overlay(place) => return write!(f, "overlay {}", place + 1),
            Self::Transports => "transports",
        })
    }
}

/// What is wrong, and what to do. In English, for the command line and logs; `words` says it to the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    #[error("the user has no name: write one")]
    UserNameEmpty,
    #[error("a user's name cannot have {}: leave it out", say_character(*character))]
    UserNameCharacter { character: char },
    #[error("there is another user named \"{name}\": choose another name")]
    UserNameTaken { name: String },
    #[error("the stream has no id: write one that no other stream has")]
    IdEmpty,
    #[error("there is another stream with the id \"{id}\": choose another id")]
    IdTaken { id: String },
    #[error("the stream has no name: write one")]
    NameEmpty,
    #[error("a stream's name cannot have {}: leave it out", say_character(*character))]
    NameCharacter { character: char },
    #[error("a path starts with a slash, like \"/lobby\"")]
    PathWithoutSlash,
    #[error("the path is empty: write a word after the slash, like \"/lobby\"")]
    PathEmpty,
    #[error(
        "a path cannot have {}: use the letters a to z, digits, and . _ ~ - /",
        say_character(*character)
    )]
    PathCharacter { character: char },
    #[error("a path cannot end with a slash, nor have two in a row, nor a part that is only dots")]
    PathSegment,
    #[error("the path is too long: use {most} characters at most")]
    PathTooLong { most: usize },
    #[error("the stream \"{stream}\" has this path already: choose another path")]
    PathTaken { stream: String },
    #[error("there is no pattern \"{pattern}\"{}", say_meant(*meant))]
    PatternUnknown { pattern: String, meant: Option<&'static str> },
    #[error("no file is given: name at least one")]
    LocationsEmpty,
    #[error("\"{location}\" is not a whole path: write it from the root, like \"/videos/a.mp4\"")]
    LocationNotAbsolute { location: String },
    #[error("a picture is shown for {least} to {most} seconds, not {seconds}")]
    PictureSecondsOutOfRange { seconds: u32, least: u32, most: u32 },
    #[error("no address is given: write one, like \"rtsp://192.0.2.20/stream\"")]
    AddressEmpty,
    #[error("an address cannot have {}: leave it out", say_character(*character))]
    AddressCharacter { character: char },
    #[error(
        "an address begins with what it is spoken to in: write it whole, like \"rtsp://192.0.2.20/stream\""
    )]
    AddressWithoutScheme,
    #[error("addresses of the kind \"{scheme}\" cannot be opened{}", say_scheme_meant(*meant))]
    SchemeUnknown { scheme: String, meant: Option<&'static str> },
    #[error("the address has no host: write one after the slashes, like \"rtsp://192.0.2.20/stream\"")]
    AddressWithoutHost,
    #[error("the address has no port: write the one that is sent to, like \"udp://239.0.0.1:5000\"")]
    AddressWithoutPort,
    #[error(
        "the address has a login in it: write the name as user = \"…\" beside it, and keep the password with headwater --set-password relay:ID"
    )]
    AddressWithLogin,
    #[error("this is not an address ({message}): write one, like \"rtsp://192.0.2.20/stream\"")]
    AddressInvalid { message: String },
    #[error("no camera is named: write the name that the system gives it, like \"Integrated Camera\"")]
    CameraEmpty,
    #[error(
        "no microphone is named: write \"auto\", or the name that the system gives it, like {{ name = \"Webcam Mono\" }}"
    )]
    MicrophoneEmpty,
    #[error("the pipeline is empty: write one, like \"videotestsrc is-live=true\"")]
    PipelineEmpty,
    #[error("this is the stream itself, or one that shows it: choose another address")]
    AddressOfItself,
    #[error("{width}x{height} is not a size that can be served: each side has {least} to {most} pixels")]
    SizeOutOfRange { width: u32, height: u32, least: u32, most: u32 },
    #[error("MJPEG is served up to {most}x{most} (RFC 2435): choose a smaller size, or H.264")]
    SizeTooLargeForMjpeg { most: u32 },
    #[error("{numerator}/{denominator} is not a frame rate that can be served: choose one from 1/10 to 240")]
    FrameRateOutOfRange { numerator: u32, denominator: u32 },
    #[error("{kbps} kbit/s is not a bitrate that can be served: choose one from {least} to {most}")]
    BitrateOutOfRange { kbps: u32, least: u32, most: u32 },
    #[error("only one rendition of a stream is served: remove the others")]
    SeveralRenditions,
    #[error("nobody may read the stream: name at least one user, or write \"anyone\"")]
    ReadersEmpty,
    #[error("nobody may publish: name at least one user in access.publish, or write \"anyone\"")]
    PublishersEmpty,
    #[error("there is no user \"{user}\": add it to the users, or leave it out here")]
    ReaderUnknown { user: String },
    #[error("\"{user}\" is named twice: once is enough")]
    ReaderRepeated { user: String },
    #[error("no authentication scheme is given: write at least one, like \"digest\"")]
    SchemesEmpty,
    #[error("an authentication scheme is named twice: once is enough")]
    SchemeRepeated,
    #[error("{limit} is not a limit that can be kept: choose one from {least} to {most}")]
    LimitOutOfRange { limit: u32, least: u32, most: u32 },
    #[error("the text is empty: write one, or remove the overlay")]
    TextEmpty,
    #[error("the text is too long: use {most} characters at most")]
    TextTooLong { most: usize },
    #[error("the text cannot have {}: leave it out", say_character(*character))]
    TextCharacter { character: char },
    #[error("a volume has {least} to {most} per cent, not {percent}")]
    VolumeOutOfRange { percent: u32, least: u32, most: u32 },
    #[error(
        "there is no pair of ports in it: write a range that begins with an even port, like \"50000-50099\""
    )]
    PortsEmpty,
    #[error("{port} is also the port of RTSP without encryption: choose another port")]
    PortTwice { port: u16 },
    #[error("a certificate needs its key, and a key its certificate: name both files, or neither")]
    CertificateWithoutKey,
    #[error("\"{file}\" is not a whole path: write it from the root, like \"/etc/ssl/camera.pem\"")]
    FileNotAbsolute { file: String },
    #[error("a network interface has a name of up to 15 characters, like \"eth0\"")]
    InterfaceName,
    #[error("not all of these are multicast addresses: use some from 224.0.1.0 to 239.255.255.255")]
    GroupsNotMulticast,
    #[error("the last address comes before the first: exchange them")]
    GroupsReversed,
    #[error("port {port} is odd: RTP needs an even port, and RTCP gets the next one")]
    PortOdd { port: u16 },
    #[error("the stream has no way to its readers: name at least one, like \"tcp\"")]
    TransportsEmpty,
    #[error("a transport is named twice: once is enough")]
    TransportRepeated,
    #[error(
        "the stream is read by RTSPS alone, which the server does not offer: add [server.rtsps], or another transport"
    )]
    RtspsOff,
    #[error("a source is lost after {least} to {most} seconds, not {seconds}")]
    LostAfterOutOfRange { seconds: u32, least: u32, most: u32 },
}

impl Config {
    /// Everything that is wrong, in the order of the file. Empty means that it can be served.
    ///
    /// Ports below 1024 and files that do not exist are no problems here: whether they work is known only where
    /// they are used.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems: Vec<_> = check_server(&self.server)
            .into_iter()
            .map(|(field, what)| Problem { field: Field::Server(field), what })
            .collect();
        for (index, user) in self.users.iter().enumerate() {
            let name = &user.name;
            let what = if name.is_empty() {
                ProblemKind::UserNameEmpty
            // RFC 7617, section 2: the colon ends the name, control characters are not allowed.
            } else if let Some(character) = name.chars().find(|c| *c == ':' || c.is_control()) {
                ProblemKind::UserNameCharacter { character }
            } else if self.users[..index].contains(user) {
                ProblemKind::UserNameTaken { name: name.clone() }
            } else {
                continue;
            };
            problems.push(Problem { field: Field::User { index }, what });
        }
        let limits = self.limits;
        for (field, limit) in [
            (LimitField::Readers, limits.readers),
            (LimitField::ReadersPerStream, limits.readers_per_stream),
            (LimitField::ReadersPerAddress, limits.readers_per_address),
            (LimitField::Sessions, limits.sessions),
        ] {
            problems.extend(check_limit(limit).map(|what| Problem { field: Field::Limit(field), what }));
        }
        for (index, stream) in self.streams.iter().enumerate() {
            let mut found = Vec::new();
            self.check_identity(index, stream, &mut found);
            check_source(&stream.source, &mut found);
            if self.shows_itself(index) {
                found.push((StreamField::Address, ProblemKind::AddressOfItself));
            }
            self.check_access(stream, &mut found);
            let limit = stream.readers_limit.and_then(check_limit);
            found.extend(limit.map(|what| (StreamField::ReadersLimit, what)));
            self.check_transports(stream, &mut found);
            check_renditions(&stream.renditions, &mut found);
            for (place, overlay) in stream.overlays.iter().enumerate() {
                found.extend(check_overlay(overlay).map(|what| (StreamField::Overlay(place), what)));
            }
            let (percent, volumes) = (stream.sound.volume, Sound::VOLUMES);
            if !volumes.contains(&percent) {
                let (least, most) = (*volumes.start(), *volumes.end());
                found.push((StreamField::Volume, ProblemKind::VolumeOutOfRange { percent, least, most }));
            }
            check_loss(stream, &mut found);
            problems.extend(found.into_iter().map(|(field, what)| Problem {
                field: Field::Stream { index, id: stream.id.clone(), field },
                what,
            }));
        }
        problems
    }

    fn check_identity(&self, index: usize, stream: &StreamConfig, found: &mut Found) {
        let before = &self.streams[..index];
        if stream.id.is_empty() {
            found.push((StreamField::Id, ProblemKind::IdEmpty));
        } else if before.iter().any(|other| other.id == stream.id) {
            found.push((StreamField::Id, ProblemKind::IdTaken { id: stream.id.clone() }));
        }
        if stream.name.trim().is_empty() {
            found.push((StreamField::Name, ProblemKind::NameEmpty));
        } else if let Some(character) = stream.name.chars().find(|c| c.is_control()) {
            found.push((StreamField::Name, ProblemKind::NameCharacter { character }));
        }
        if let Err(what) = path::check(&stream.path) {
            found.push((StreamField::Path, what));
        } else if let Some(other) = before.iter().find(|other| other.path == stream.path) {
            found.push((StreamField::Path, ProblemKind::PathTaken { stream: other.name.clone() }));
        }
    }

    /// Whether a relay leads back to where it is served, by whatever way through this server.
    fn shows_itself(&self, index: usize) -> bool {
        let mut at = index;
        // One step for each stream: whoever is not back by then goes round without it.
        for _ in &self.streams {
            let Some(next) = self.relayed_stream(&self.streams[at]) else { return false };
            if next == index {
                return true;
            }
            at = next;
        }
        false
    }

    /// The place of the stream of this server that a relay shows, where that can be seen from its address.
    fn relayed_stream(&self, stream: &StreamConfig) -> Option<usize> {
        let Source::Relay(relay) = &stream.source else { return None };
        let place = Place::of(&relay.address)?;
        let is_this_computer = place.host.eq_ignore_ascii_case("localhost")
            || place.ip().is_some_and(|ip| ip.is_loopback() || self.server.listen == Listen::Address(ip));
        if place.scheme != "rtsp" || place.port != Some(self.server.port) || !is_this_computer {
            return None;
        }
        let path = place.path.trim_end_matches('/');
        self.streams.iter().position(|stream| stream.path == path)
    }

    fn check_transports(&self, stream: &StreamConfig, found: &mut Found) {
        let transports = &stream.transports;
        if transports.is_empty() {
            found.push((StreamField::Transports, ProblemKind::TransportsEmpty));
        } else if (1..transports.len()).any(|place| transports[..place].contains(&transports[place])) {
            found.push((StreamField::Transports, ProblemKind::TransportRepeated));
        } else if *transports == [ReaderTransport::Rtsps] && !self.server.rtsps.enabled {
            found.push((StreamField::Transports, ProblemKind::RtspsOff));
        }
    }

    fn check_access(&self, stream: &StreamConfig, found: &mut Found) {
        self.check_users(&stream.access.read, StreamField::Read, Some(ProblemKind::ReadersEmpty), found);
        let nobody = matches!(stream.source, Source::Published(_)).then_some(ProblemKind::PublishersEmpty);
        match &stream.access.publish {
            Some(publishers) => self.check_users(publishers, StreamField::Publish, nobody, found),
            None => found.extend(nobody.map(|nobody| (StreamField::Publish, nobody))),
        }
        let schemes = &stream.access.schemes;
        if schemes.is_empty() {
            found.push((StreamField::Schemes, ProblemKind::SchemesEmpty));
        } else if (1..schemes.len()).any(|place| schemes[..place].contains(&schemes[place])) {
            found.push((StreamField::Schemes, ProblemKind::SchemeRepeated));
        }
    }

    /// `nobody` is what is wrong where nobody is allowed, if that is wrong.
    fn check_users(
        &self,
        allowed: &Readers,
        field: StreamField,
        nobody: Option<ProblemKind>,
        found: &mut Found,
    ) {
        let Readers::Users(users) = allowed else { return };
        if users.is_empty() {
            found.extend(nobody.map(|nobody| (field, nobody)));
        }
        for (place, name) in users.iter().enumerate() {
            let user = name.clone();
            if users[..place].contains(name) {
                found.push((field, ProblemKind::ReaderRepeated { user }));
            } else if !self.users.iter().any(|known| known.name == *name) {
                found.push((field, ProblemKind::ReaderUnknown { user }));
            }
        }
    }
}

fn check_limit(limit: u32) -> Option<ProblemKind> {
    let (least, most) = (*LIMITS.start(), *LIMITS.end());
    (!LIMITS.contains(&limit)).then_some(ProblemKind::LimitOutOfRange { limit, least, most })
}

type Found = Vec<(StreamField, ProblemKind)>;

fn check_server(server: &ServerConfig) -> Vec<(ServerField, ProblemKind)> {
    let mut found = Vec::new();
    if server.udp_ports.is_some_and(|ports| ports.pairs() == 0) {
        found.push((ServerField::UdpPorts, ProblemKind::PortsEmpty));
    }
    let rtsps = &server.rtsps;
    if rtsps.enabled && rtsps.port == server.port && rtsps.port != 0 {
        found.push((ServerField::RtspsPort, ProblemKind::PortTwice { port: rtsps.port }));
    }
    match (&rtsps.certificate, &rtsps.key) {
        (Some(_), None) => found.push((ServerField::Key, ProblemKind::CertificateWithoutKey)),
        (None, Some(_)) => found.push((ServerField::Certificate, ProblemKind::CertificateWithoutKey)),
        _ => {}
    }
    for (field, file) in [(ServerField::Certificate, &rtsps.certificate), (ServerField::Key, &rtsps.key)] {
        if let Some(file) = file.as_ref().filter(|file| !file.is_absolute()) {
            found.push((field, ProblemKind::FileNotAbsolute { file: file.display().to_string() }));
        }
    }
    let multicast = &server.multicast;
    let is_odd_name = |c: char| c == '/' || c.is_whitespace() || c.is_control();
    if multicast.interface.len() > INTERFACE_NAME || multicast.interface.contains(is_odd_name) {
        found.push((ServerField::MulticastInterface, ProblemKind::InterfaceName));
    }
    let groups = multicast.addresses;
    if ![groups.first, groups.last].iter().all(|group| group.is_multicast() && *group >= FIRST_GROUP) {
        found.push((ServerField::MulticastAddresses, ProblemKind::GroupsNotMulticast));
    } else if groups.count() == 0 {
        found.push((ServerField::MulticastAddresses, ProblemKind::GroupsReversed));
    }
    if multicast.port % 2 == 1 || multicast.port == 0 {
        found.push((ServerField::MulticastPort, ProblemKind::PortOdd { port: multicast.port }));
    }
    found
}

fn check_source(source: &Source, found: &mut Found) {
    match source {
        Source::Pattern(source) => {
            if !PATTERNS.contains(&source.pattern.as_str()) {
                let meant = closest(&source.pattern, PATTERNS);
                let pattern = source.pattern.clone();
                found.push((StreamField::Pattern, ProblemKind::PatternUnknown { pattern, meant }));
            }
        }
        Source::File(source) => {
            if source.locations.is_empty() {
                found.push((StreamField::Locations, ProblemKind::LocationsEmpty));
            }
            for location in source.locations.iter().filter(|location| !location.is_absolute()) {
                let location = location.display().to_string();
                found.push((StreamField::Locations, ProblemKind::LocationNotAbsolute { location }));
            }
            let (seconds, range) = (source.picture_seconds, FileSource::PICTURE_SECONDS);
            if !range.contains(&seconds) {
                let (least, most) = (*range.start(), *range.end());
                let what = ProblemKind::PictureSecondsOutOfRange { seconds, least, most };
                found.push((StreamField::PictureSeconds, what));
            }
        }
        Source::Published(_) => {}
        Source::Camera(source) => {
            if source.name.trim().is_empty() {
                found.push((StreamField::Camera, ProblemKind::CameraEmpty));
            }
            if matches!(&source.microphone, Some(Microphone::Name(name)) if name.trim().is_empty()) {
                found.push((StreamField::Microphone, ProblemKind::MicrophoneEmpty));
            }
        }
        Source::Screen(_) => {}
        Source::Custom(source) => {
            if source.pipeline.trim().is_empty() {
                found.push((StreamField::Pipeline, ProblemKind::PipelineEmpty));
            }
        }
        Source::Relay(source) => {
            if let Err(what) = address::check(&source.address) {
                found.push((StreamField::Address, what));
            }
            if let Some(character) = source.user.chars().find(|c| *c == ':' || c.is_control()) {
                found.push((StreamField::Login, ProblemKind::UserNameCharacter { character }));
            }
        }
    }
}

fn check_renditions(renditions: &[Rendition], found: &mut Found) {
    if renditions.len() > 1 {
        found.push((StreamField::Renditions, ProblemKind::SeveralRenditions));
    }
    for (place, rendition) in renditions.iter().enumerate() {
        if let Size::Pixels { width, height } = rendition.size {
            let (least, most) = (*SIDES.start(), *SIDES.end());
            if !SIDES.contains(&width) || !SIDES.contains(&height) {
                let what = ProblemKind::SizeOutOfRange { width, height, least, most };
                found.push((StreamField::Size(place), what));
            } else if rendition.codec == Codec::Mjpeg && width.max(height) > MJPEG_SIDE {
                let what = ProblemKind::SizeTooLargeForMjpeg { most: MJPEG_SIDE };
                found.push((StreamField::Size(place), what));
            }
        }
        if let FrameRate::Fixed { numerator, denominator } = rendition.frame_rate
            && !is_served(numerator, denominator)
        {
            let what = ProblemKind::FrameRateOutOfRange { numerator, denominator };
            found.push((StreamField::FrameRate(place), what));
        }
        if let Bitrate::Kbps(kbps) = rendition.bitrate
            && !BITRATES.contains(&kbps)
        {
            let what =
                ProblemKind::BitrateOutOfRange { kbps, least: *BITRATES.start(), most: *BITRATES.end() };
            found.push((StreamField::Bitrate(place), what));
        }
    }
}

/// GStreamer's fractions have signed 32-bit parts.
fn is_served(numerator: u32, denominator: u32) -> bool {
    let fits = |part: u32| part > 0 && i32::try_from(part).is_ok();
    let (frames, seconds) = (u64::from(numerator), u64::from(denominator));
    fits(numerator) && fits(denominator) && frames * SLOWEST_SECONDS >= seconds && frames <= FASTEST * seconds
}

fn check_loss(stream: &StreamConfig, found: &mut Found) {
    if let Slate::Picture(location) = &stream.slate
        && !location.is_absolute()
    {
        let location = location.display().to_string();
        found.push((StreamField::Slate, ProblemKind::LocationNotAbsolute { location }));
    }
    let seconds = stream.lost_after_seconds;
    if !LOST_AFTER.contains(&seconds) {
        let (least, most) = (*LOST_AFTER.start(), *LOST_AFTER.end());
        found.push((StreamField::LostAfter, ProblemKind::LostAfterOutOfRange { seconds, least, most }));
    }
}

fn check_overlay(overlay: &Overlay) -> Option<ProblemKind> {
    let Overlay::Text(text) = overlay else { return None };
    let text = &text.text;
    if text.trim().is_empty() {
        Some(ProblemKind::TextEmpty)
    } else if let Some(character) = text.chars().find(|c| c.is_control() && *c != '\n') {
        Some(ProblemKind::TextCharacter { character })
    } else if text.chars().count() > OVERLAY_CHARACTERS {
        Some(ProblemKind::TextTooLong { most: OVERLAY_CHARACTERS })
    } else {
        None
    }
}

/// The word among those known which was probably meant: one that is as far away as a slip of the fingers.
pub(super) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.5;
    known
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

fn say_character(character: char) -> String {
    match character {
        ' ' => "a space".into(),
        '\t' => "a tab".into(),
        '\n' | '\r' => "a line break".into(),
        character if character.is_control() => "a control character".into(),
        character => format!("the character \"{character}\""),
    }
}

fn say_scheme_meant(meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("; did you mean \"{meant}\"?"),
        None => ": use rtsp, rtsps, http, https, rtmp, rtmps, srt, udp or rtp".into(),
    }
}

fn say_meant(meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("; did you mean \"{meant}\"?"),
        None => format!(": choose one of {}", PATTERNS.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;

    fn stream(id: &str) -> StreamConfig {
        StreamConfig {
            id: id.into(),
            name: id.into(),
            path: format!("/{id}"),
            enabled: true,
            source: Source::Pattern(PatternSource::silent("ball")),
            access: Access { read: Readers::Anyone, publish: None, schemes: vec![Scheme::Digest] },
            renditions: vec![],
            readers_limit: None,
            overlays: vec![],
            sound: Sound::default(),
            transports: ReaderTransport::default_list(),
            slate: Slate::default(),
            lost_after_seconds: Slate::LOST_AFTER_SECONDS,
        }
    }

    fn config(streams: impl IntoIterator<Item = StreamConfig>) -> Config {
        Config {
            version: 1,
            server: ServerConfig::default(),
            limits: Limits::default(),
            users: vec![User { name: "guest".into() }],
            streams: streams.into_iter().collect(),
        }
    }

    /// The problems of one stream after a change.
    fn after(edit: impl FnOnce(&mut StreamConfig)) -> Found {
        let mut lobby = stream("lobby");
        edit(&mut lobby);
        let problems = config([lobby]).validate();
        problems
            .into_iter()
            .map(|problem| match problem.field {
                Field::Stream { index: 0, field, .. } => (field, problem.what),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn rendition(edit: impl FnOnce(&mut Rendition)) -> Found {
        after(|stream| {
            let mut rendition = Rendition::default();
            edit(&mut rendition);
            stream.renditions = vec![rendition];
        })
    }

    fn text(text: &str) -> Found {
        let overlay = Overlay::Text(Text { text: text.into(), position: Position::Top });
        after(|stream| stream.overlays = vec![overlay])
    }

    #[test]
    fn what_can_be_served_has_no_problem() {
        let mut lobby = stream("lobby");
        lobby.access.read = Readers::Users(vec!["guest".into()]);
        lobby.renditions = vec![Rendition {
            size: Size::Pixels { width: 1281, height: 721 },
            frame_rate: FrameRate::Fixed { numerator: 30000, denominator: 1001 },
            codec: Codec::H264,
            bitrate: Bitrate::Kbps(2500),
        }];
        lobby.overlays = vec![
            Overlay::Clock(Clock { position: Position::TopRight }),
            Overlay::Text(Text { text: "Lobby\nsecond line".into(), position: Position::Top }),
        ];
        let mut below = stream("sub");
        below.path = "/lobby/sub".into();
        assert_eq!(config([lobby, below]).validate(), []);
    }

    #[test]
    fn every_problem_is_told_at_once_with_its_field() {
        let mut lobby = stream("lobby");
        lobby.path = "lobby".into();
        let mut hall = stream("hall");
        hall.name = String::new();
        hall.access.schemes = vec![];
        let mut config = config([lobby, hall]);
        config.users.push(User { name: String::new() });
        let at = |index, id: &str, field| Field::Stream { index, id: id.into(), field };
        assert_eq!(
            config.validate(),
            [
                Problem { field: Field::User { index: 1 }, what: ProblemKind::UserNameEmpty },
                Problem { field: at(0, "lobby", StreamField::Path), what: ProblemKind::PathWithoutSlash },
                Problem { field: at(1, "hall", StreamField::Name), what: ProblemKind::NameEmpty },
                Problem { field: at(1, "hall", StreamField::Schemes), what: ProblemKind::SchemesEmpty },
            ]
        );
    }

    #[test]
    fn a_problem_says_where_it_is() {
        let at = |field| Field::Stream { index: 0, id: "lobby".into(), field };
        let problem = Problem { field: at(StreamField::Path), what: ProblemKind::PathWithoutSlash };
        assert_eq!(
            problem.to_string(),
            "stream \"lobby\", path: a path starts with a slash, like \"/lobby\""
        );
        assert_eq!(at(StreamField::Overlay(1)).to_string(), "stream \"lobby\", overlay 2");
        assert_eq!(Field::User { index: 0 }.to_string(), "user 1");
    }

    #[test]
    fn two_streams_share_neither_id_nor_path() {
        let problems = config([stream("lobby"), stream("lobby")]).validate();
        let kinds: Vec<_> = problems.into_iter().map(|problem| problem.what).collect();
        assert_eq!(
            kinds,
            [ProblemKind::IdTaken { id: "lobby".into() }, ProblemKind::PathTaken { stream: "lobby".into() }]
        );
        assert_eq!(after(|s| s.id = String::new()), [(StreamField::Id, ProblemKind::IdEmpty)]);
    }

    #[test]
    fn a_name_is_one_line() {
        let character = '\n';
        assert_eq!(
            after(|stream| stream.name = "a\nb".into()),
            [(StreamField::Name, ProblemKind::NameCharacter { character })]
        );
        assert_eq!(after(|stream| stream.name = " ".into()), [(StreamField::Name, ProblemKind::NameEmpty)]);
    }

    #[test]
    fn user_names_are_such_that_basic_authentication_can_carry_them() {
        let names = |names: &[&str]| {
            let mut config = config([]);
            config.users = names.iter().map(|name| User { name: (*name).into() }).collect();
            config.validate().into_iter().map(|problem| problem.what).collect::<Vec<_>>()
        };
        assert_eq!(names(&["guest", "Zoë B."]), []);
        assert_eq!(names(&["a:b"]), [ProblemKind::UserNameCharacter { character: ':' }]);
        assert_eq!(names(&["a\tb"]), [ProblemKind::UserNameCharacter { character: '\t' }]);
        assert_eq!(names(&["a", "a"]), [ProblemKind::UserNameTaken { name: "a".into() }]);
    }

    #[test]
    fn a_size_that_cannot_be_served_is_refused() {
        let size = |width, height, codec| {
            rendition(|rendition| {
                rendition.size = Size::Pixels { width, height };
                rendition.codec = codec;
            })
        };
        let refused = |width, height| {
            [(StreamField::Size(0), ProblemKind::SizeOutOfRange { width, height, least: 16, most: 8192 })]
        };
        assert_eq!(size(16, 8192, Codec::H264), []);
        assert_eq!(size(0, 720, Codec::H264), refused(0, 720));
        assert_eq!(size(100_000, 720, Codec::H264), refused(100_000, 720));
        assert_eq!(size(1280, 15, Codec::H264), refused(1280, 15));
        assert_eq!(size(2040, 2040, Codec::Mjpeg), []);
        assert_eq!(
            size(2048, 720, Codec::Mjpeg),
            [(StreamField::Size(0), ProblemKind::SizeTooLargeForMjpeg { most: 2040 })]
        );
    }

    #[test]
    fn a_frame_rate_that_cannot_be_served_is_refused() {
        let found = |numerator, denominator| {
            !rendition(|rendition| rendition.frame_rate = FrameRate::Fixed { numerator, denominator })
                .is_empty()
        };
        for (numerator, denominator) in [(25, 1), (30000, 1001), (1, 10), (240, 1), (240_000, 1000)] {
            assert!(!found(numerator, denominator), "{numerator}/{denominator}");
        }
        for (numerator, denominator) in [(0, 1), (25, 0), (1, 11), (241, 1), (u32::MAX, u32::MAX)] {
            assert!(found(numerator, denominator), "{numerator}/{denominator}");
        }
    }

    #[test]
    fn a_bitrate_that_cannot_be_served_is_refused() {
        let found = |kbps| !rendition(|rendition| rendition.bitrate = Bitrate::Kbps(kbps)).is_empty();
        assert_eq!([0, 49, 50, 100_000, 100_001].map(found), [true, true, false, false, true]);
    }

    #[test]
    fn a_second_rendition_is_said_not_to_be_served() {
        assert_eq!(
            after(|stream| stream.renditions = vec![Rendition::default(); 2]),
            [(StreamField::Renditions, ProblemKind::SeveralRenditions)]
        );
    }

    #[test]
    fn readers_are_users_that_exist() {
        let read = |users: &[&str]| {
            after(|stream| stream.access.read = Readers::Users(users.iter().map(|u| (*u).into()).collect()))
        };
        assert_eq!(read(&["guest"]), []);
        assert_eq!(read(&[]), [(StreamField::Read, ProblemKind::ReadersEmpty)]);
        assert_eq!(
            read(&["gast"]),
            [(StreamField::Read, ProblemKind::ReaderUnknown { user: "gast".into() })]
        );
        assert_eq!(
            read(&["guest", "guest"]),
            [(StreamField::Read, ProblemKind::ReaderRepeated { user: "guest".into() })]
        );
        let publish = |publish: Option<&[&str]>| {
            after(|stream| {
                stream.source = Source::Published(PublishedSource {});
                stream.access.publish =
                    publish.map(|users| Readers::Users(users.iter().map(|u| (*u).into()).collect()));
            })
        };
        assert_eq!(publish(Some(&["guest"])), []);
        assert_eq!(publish(None), [(StreamField::Publish, ProblemKind::PublishersEmpty)]);
        assert_eq!(publish(Some(&[])), [(StreamField::Publish, ProblemKind::PublishersEmpty)]);
        assert_eq!(
            publish(Some(&["gast"])),
            [(StreamField::Publish, ProblemKind::ReaderUnknown { user: "gast".into() })]
        );
        assert_eq!(
            after(|stream| stream.access.schemes = vec![Scheme::Basic, Scheme::Basic]),
            [(StreamField::Schemes, ProblemKind::SchemeRepeated)]
        );
    }

    #[test]
    fn a_volume_that_only_distorts_is_refused() {
        let found = |percent| after(|stream| stream.sound.volume = percent);
        assert_eq!([found(0), found(200)], [[], []]);
        let what = ProblemKind::VolumeOutOfRange { percent: 201, least: 0, most: 200 };
        assert_eq!(found(201), [(StreamField::Volume, what)]);
    }

    #[test]
    fn an_unknown_pattern_names_the_one_meant() {
        let pattern =
            |pattern: &str| after(|stream| stream.source = Source::Pattern(PatternSource::silent(pattern)));
        assert_eq!(pattern("smpte-rp-219"), []);
        let [(StreamField::Pattern, slip)] = &pattern("bal")[..] else { panic!() };
        assert_eq!(slip.to_string(), "there is no pattern \"bal\"; did you mean \"ball\"?");
        let [(StreamField::Pattern, strange)] = &pattern("sunset")[..] else { panic!() };
        assert!(strange.to_string().contains("choose one of smpte, snow,"), "{strange}");
    }

    #[test]
    fn files_are_named_from_the_root() {
        let locations = |locations: &[&str]| {
            let locations = locations.iter().map(Into::into).collect();
            after(|stream| stream.source = Source::File(FileSource::new(locations)))
        };
        assert_eq!(locations(&["/videos/a.mp4"]), []);
        assert_eq!(locations(&[]), [(StreamField::Locations, ProblemKind::LocationsEmpty)]);
        let location = "a.mp4".to_string();
        assert_eq!(
            locations(&["/a.mp4", "a.mp4"]),
            [(StreamField::Locations, ProblemKind::LocationNotAbsolute { location })]
        );
    }

    #[test]
    fn pictures_are_shown_for_a_second_to_an_hour() {
        let seconds = |picture_seconds| {
            let files = FileSource { picture_seconds, ..FileSource::new(vec!["/photos".into()]) };
            after(|stream| stream.source = Source::File(files))
        };
        assert_eq!((seconds(1), seconds(3600)), (vec![], vec![]));
        for seconds_wrong in [0, 3601] {
            let what = ProblemKind::PictureSecondsOutOfRange { seconds: seconds_wrong, least: 1, most: 3600 };
            assert_eq!(seconds(seconds_wrong), [(StreamField::PictureSeconds, what)]);
        }
    }

    #[test]
    fn a_camera_has_a_name_and_so_has_its_microphone() {
        let camera = |name: &str, microphone: Option<Microphone>| {
            let source = CameraSource { microphone, ..CameraSource::silent(name) };
            after(|stream| stream.source = Source::Camera(source))
        };
        let named = |name: &str| Some(Microphone::Name(name.into()));
        assert_eq!(camera("Integrated Camera", None), []);
        assert_eq!(camera("Integrated Camera", Some(Microphone::Auto)), []);
        assert_eq!(camera("Integrated Camera", named("Webcam Mono")), []);
        assert_eq!(camera(" ", None), [(StreamField::Camera, ProblemKind::CameraEmpty)]);
        let empty = (StreamField::Microphone, ProblemKind::MicrophoneEmpty);
        assert_eq!(camera("Integrated Camera", named(" ")), [empty]);
    }

    fn relay(address: &str) -> Source {
        Source::Relay(RelaySource { address: address.into(), ..RelaySource::default() })
    }

    #[test]
    fn a_relay_has_an_address_and_a_login_apart_from_it() {
        let address = |address: &str| after(|stream| stream.source = relay(address));
        assert_eq!(address("rtsp://cam.local/live"), []);
        assert_eq!(address(""), [(StreamField::Address, ProblemKind::AddressEmpty)]);
        let found = address("rtsp://admin:secret@cam.local/live");
        assert_eq!(found, [(StreamField::Address, ProblemKind::AddressWithLogin)]);
        assert!(!found[0].1.to_string().contains("secret"));
        let user = RelaySource { address: "rtsp://a".into(), user: "a:b".into(), ..RelaySource::default() };
        let what = ProblemKind::UserNameCharacter { character: ':' };
        assert_eq!(after(|stream| stream.source = Source::Relay(user)), [(StreamField::Login, what)]);
    }

    #[test]
    fn a_relay_that_leads_back_to_itself_is_refused_by_any_way() {
        let relays = |addresses: &[(&str, &str)]| {
            let streams = addresses.iter().map(|(id, address)| {
                let mut stream = stream(id);
                stream.source = relay(address);
                stream
            });
            let mut config = config(streams.chain([stream("ball")]));
            config.server.listen = Listen::Address("192.0.2.7".parse().unwrap());
            let problems = config.validate();
            assert!(problems.iter().all(|problem| problem.what == ProblemKind::AddressOfItself));
            problems.len()
        };
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]", "192.0.2.7"] {
            assert_eq!(relays(&[("a", &format!("rtsp://{host}:8554/a"))]), 1, "{host}");
            assert_eq!(relays(&[("a", &format!("rtsp://{host}:8554/a/"))]), 1, "{host}");
        }
        let (a, b) = ("rtsp://localhost:8554/a", "rtsp://localhost:8554/b");
        assert_eq!(relays(&[("a", b), ("b", a)]), 2);
        // What shows a loop is not in it, and another server or stream is none.
        assert_eq!(relays(&[("a", a), ("b", a)]), 1);
        for other in ["rtsp://localhost:554/a", "rtsp://192.0.2.8:8554/a", "rtsp://localhost:8554/ball"] {
            assert_eq!(relays(&[("a", other)]), 0, "{other}");
        }
    }

    /// The problems of the server after a change.
    fn of_server(edit: impl FnOnce(&mut ServerConfig)) -> Vec<(ServerField, ProblemKind)> {
        let mut config = config([]);
        edit(&mut config.server);
        let problems = config.validate().into_iter();
        let server = problems.map(|problem| match problem.field {
            Field::Server(field) => (field, problem.what),
            other => panic!("{other:?}"),
        });
        server.collect()
    }

    #[test]
    fn ports_of_the_server_are_such_that_all_can_be_had() {
        let ports = |text: &str| of_server(|server| server.udp_ports = Some(text.parse().unwrap()));
        assert_eq!(ports("50000-50001"), []);
        assert_eq!(ports("50001-50002"), [(ServerField::UdpPorts, ProblemKind::PortsEmpty)]);
        let rtsps =
            |enabled, port| of_server(|server| server.rtsps = Rtsps { enabled, port, ..Rtsps::default() });
        assert_eq!(rtsps(true, 8322), []);
        assert_eq!(rtsps(false, 8554), []);
        assert_eq!(rtsps(true, 8554), [(ServerField::RtspsPort, ProblemKind::PortTwice { port: 8554 })]);
        let port = |port| of_server(|server| server.multicast.port = port);
        assert_eq!(port(6000), []);
        assert_eq!(port(6001), [(ServerField::MulticastPort, ProblemKind::PortOdd { port: 6001 })]);
    }

    #[test]
    fn a_certificate_and_its_key_go_together() {
        let files = |certificate: Option<&str>, key: Option<&str>| {
            of_server(|server| {
                server.rtsps.certificate = certificate.map(Into::into);
                server.rtsps.key = key.map(Into::into);
            })
        };
        assert_eq!(files(Some("/a.pem"), Some("/a.key")), []);
        let alone = ProblemKind::CertificateWithoutKey;
        assert_eq!(files(Some("/a.pem"), None), [(ServerField::Key, alone.clone())]);
        assert_eq!(files(None, Some("/a.key")), [(ServerField::Certificate, alone)]);
        let file = "a.key".to_owned();
        let relative = [(ServerField::Key, ProblemKind::FileNotAbsolute { file })];
        assert_eq!(files(Some("/a.pem"), Some("a.key")), relative);
    }

    #[test]
    fn multicast_goes_to_groups_that_may_be_chosen_by_an_interface_that_can_be() {
        let groups = |text: &str| {
            let found = of_server(|server| server.multicast.addresses = text.parse().unwrap());
            found.into_iter().map(|(_, what)| what).collect::<Vec<_>>()
        };
        assert_eq!(groups("239.1.2.3"), []);
        for wrong in ["224.0.0.251", "192.0.2.1-192.0.2.9", "239.255.255.0-240.0.0.0"] {
            assert_eq!(groups(wrong), [ProblemKind::GroupsNotMulticast], "{wrong}");
        }
        assert_eq!(groups("239.1.2.4-239.1.2.3"), [ProblemKind::GroupsReversed]);
        let interface = |name: &str| of_server(|server| server.multicast.interface = name.into()).len();
        assert_eq!(
            ["eth0", "", "wlp0s20f3", "a b", "eth0/1", "a-name-that-is-long"].map(interface),
            [0, 0, 0, 1, 1, 1]
        );
    }

    #[test]
    fn a_stream_has_a_way_to_its_readers() {
        use ReaderTransport::*;
        let transports = |list: &[ReaderTransport]| after(|stream| stream.transports = list.to_vec());
        assert_eq!(transports(&[Udp, Multicast]), []);
        assert_eq!(transports(&[]), [(StreamField::Transports, ProblemKind::TransportsEmpty)]);
        assert_eq!(transports(&[Udp, Udp]), [(StreamField::Transports, ProblemKind::TransportRepeated)]);
        assert_eq!(transports(&[Rtsps]), [(StreamField::Transports, ProblemKind::RtspsOff)]);
        let mut lobby = stream("lobby");
        lobby.transports = vec![Rtsps];
        let mut config = config([lobby]);
        config.server.rtsps.enabled = true;
        assert_eq!(config.validate(), []);
    }

    #[test]
    fn a_text_is_one_that_a_picture_can_show() {
        assert_eq!(text(&"ä".repeat(500)), []);
        assert_eq!(
            text(&"ä".repeat(501)),
            [(StreamField::Overlay(0), ProblemKind::TextTooLong { most: 500 })]
        );
        assert_eq!(text("a\tb"), [(StreamField::Overlay(0), ProblemKind::TextCharacter { character: '\t' })]);
        assert_eq!(text(" "), [(StreamField::Overlay(0), ProblemKind::TextEmpty)]);
    }
}
