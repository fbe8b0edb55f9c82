//! What the user wants: plain serde values and the file they live in. No GLib, no GStreamer.

mod access;
mod address;
mod address_rules;
mod edit;
mod file;
mod folders;
#[cfg(test)]
pub(crate) mod fuzz;
mod limits;
mod lock;
mod media;
mod migrate;
mod overlay;
mod parse;
mod path;
mod picture;
mod replace;
mod secrets;
mod server;
mod slate;
mod sound;
mod source;
mod stream;
mod transport;
mod validate;

pub use access::{Access, Readers, Scheme, User};
pub use address::{Link, Place};
pub use address_rules::{AddressRange, AddressRangeError, AddressRules};
pub use file::{ConfigFile, LoadError, SaveError};
pub use folders::{default_path, state_folder};
pub use limits::Limits;
pub use lock::{ConfigLock, LockError};
pub use media::Media;
pub use overlay::{Clock, Overlay, Position, Text};
pub use parse::{Line, ParseError};
pub use path::suggest_path;
pub use picture::{Bitrate, Codec, FrameRate, Rendition, Size};
pub use replace::replace as replace_file;
pub use secrets::{Password, Passwords, SecretError, SecretStore, relay_key, screen_key};
pub use server::{Listen, ServerConfig};
pub use slate::Slate;
pub use sound::{Sound, SoundCodec};
pub use source::{
    CameraSource, CustomSource, FileSource, Microphone, PATTERNS, PatternSound, PatternSource,
    PublishedSource, RelaySource, ScreenSource, Source, Transport,
};
pub use stream::StreamConfig;
pub use transport::{GroupRange, Multicast, PortRange, ReaderTransport, Rtsps};
pub use validate::{Field, LimitField, Problem, ProblemKind, ServerField, StreamField};

use serde::{Deserialize, Serialize};

/// By which desktops, portals and keyrings know the program.
pub const APPLICATION_ID: &str = "io.github.headwater_app.Headwater";

/// The whole configuration: one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The version of the file's format; see `migrate`.
    pub version: u32,
    #[serde(default)]
    pub server: ServerConfig,
    #[serde(default, skip_serializing_if = "Limits::is_default")]
    pub limits: Limits,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<StreamConfig>,
}

impl Config {
    /// The keys of every password that is needed: the users', those of relays that log in elsewhere, and what stands for
    /// the screens that the user chose.
    pub fn password_keys(&self) -> Vec<String> {
        let users = self.users.iter().map(|user| user.name.clone());
        users.chain(self.streams.iter().filter_map(StreamConfig::secret_key)).collect()
    }

    /// The stream of this id.
    pub fn stream(&self, id: &str) -> Option<&StreamConfig> {
        self.streams.iter().find(|stream| stream.id == id)
    }

    /// As [`Config::stream`], to be changed.
    pub fn stream_mut(&mut self, id: &str) -> Option<&mut StreamConfig> {
        self.streams.iter_mut().find(|stream| stream.id == id)
    }

    /// What is served where there is no file yet: one demo stream for this computer, so that the first start
    /// shows a picture.
    pub fn first() -> Self {
        let demo = StreamConfig {
            id: "demo".into(),
            name: "Demo".into(),
            path: "/demo".into(),
            enabled: true,
            source: Source::Pattern(PatternSource::silent("smpte")),
            access: Access { read: Readers::Anyone, publish: None, schemes: vec![Scheme::Digest] },
            readers_limit: None,
            renditions: vec![Rendition {
                size: Size::Pixels { width: 1280, height: 720 },
                frame_rate: FrameRate::Fixed { numerator: 25, denominator: 1 },
                ..Rendition::default()
            }],
            overlays: vec![],
            sound: Sound::default(),
            transports: ReaderTransport::default_list(),
            slate: Slate::default(),
            lost_after_seconds: Slate::LOST_AFTER_SECONDS,
        };
        Self {
            version: migrate::CURRENT,
            server: ServerConfig::default(),
            limits: Limits::default(),
            users: vec![],
            streams: vec![demo],
        }
    }
}
