//! The cameras of this computer, kept up to date while they are plugged in and out.
//!
//! They come from PipeWire, which shares them among programs: by the camera portal where there is one, which asks the
//! user. Outside of a sandbox V4L2 has those besides that PipeWire does not know. A thread of its own asks and looks, so
//! that nobody else waits for the user or for a device.

use super::portal::{self, PortalError};
use super::state::{CameraError, Cameras};
use gst::prelude::*;
use std::collections::HashMap;
use std::env;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, Weak, mpsc};

/// What WirePlumber adds to the names of cameras that libcamera knows as well.
const OF_V4L2: &str = " (V4L2)";

/// Looks for cameras, if nobody has yet, and asks the user whether they may be used, if that is not known.
pub fn look() {
    SEARCH.begin(Command::Look);
}

/// As [`look`], from the beginning: PipeWire may have been started anew.
pub fn look_again() {
    SEARCH.begin(Command::Again);
}

/// What is known now.
pub fn known() -> Cameras {
    SEARCH.seen.lock().unwrap().known.clone()
}

/// A camera that is there.
#[derive(Debug, Clone)]
pub struct Found {
    pub device: gst::Device,
    /// It is opened by this connection, which has to be kept until it is closed.
    pub remote: Option<Remote>,
}

/// A connection to PipeWire. GStreamer knows one by the number of its descriptor: that must not be given to the next one
/// while anything is open by this one.
pub type Remote = Arc<OwnedFd>;

/// The camera of this name; none before it is known which there are.
pub fn find(name: &str) -> Result<Option<Found>, CameraError> {
    let seen = SEARCH.seen.lock().unwrap();
    match &seen.known {
        Cameras::Unknown => Ok(None),
        Cameras::Failed { reason } => Err(reason.clone()),
        Cameras::Found(_) => match seen.devices.get(name) {
            Some(device) => Ok(Some(Found { device: device.clone(), remote: seen.remote.clone() })),
            None => Err(CameraError::NotFound),
        },
    }
}

/// Calls this whenever something else is known, from the thread that looks; it must not block. Until what is returned
/// is dropped.
pub fn follow(changed: impl Fn() + Send + Sync + 'static) -> Following {
    let changed: Arc<Follower> = Arc::new(changed);
    SEARCH.seen.lock().unwrap().followers.push(Arc::downgrade(&changed));
    Following(changed)
}

type Follower = dyn Fn() + Send + Sync;

/// See [`follow`].
#[must_use]
pub struct Following(#[expect(dead_code, reason = "held, never called by its holder")] Arc<Follower>);

static SEARCH: LazyLock<Search> = LazyLock::new(Search::start);

struct Search {
    seen: Arc<Mutex<Seen>>,
    commands: mpsc::Sender<Command>,
}

#[derive(Default)]
struct Seen {
    known: Cameras,
    devices: HashMap<String, gst::Device>,
    remote: Option<Remote>,
    /// It is being found out.
    is_looking: bool,
    followers: Vec<Weak<Follower>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Look,
    Again,
    /// A camera was plugged in or out.
    Changed,
}

impl Search {
    fn start() -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let (commands, inbox) = mpsc::channel();
        let (shown, changes) = (seen.clone(), commands.clone());
        let thread = std::thread::Builder::new().name("cameras".into());
        if let Err(error) = thread.spawn(move || run(&inbox, &changes, &shown)) {
            tracing::error!("cameras cannot be looked for: {error}");
        }
        Self { seen, commands }
    }

    /// Several at once are asked once.
    fn begin(&self, command: Command) {
        let mut seen = self.seen.lock().unwrap();
        if !std::mem::replace(&mut seen.is_looking, true) {
            if matches!(seen.known, Cameras::Failed { .. }) {
                seen.known = Cameras::Unknown;
            }
            let _ = self.commands.send(command);
        }
    }
}

fn run(inbox: &mpsc::Receiver<Command>, changes: &mpsc::Sender<Command>, seen: &Mutex<Seen>) {
    let mut providers = None;
    for command in inbox {
        let is_whole = command != Command::Again && providers.as_ref().is_some_and(Providers::is_whole);
        if !is_whole && command != Command::Changed {
            // Only one of each can be started.
            providers = None;
            match Providers::start(changes) {
                Ok(started) => providers = Some(started),
                Err(reason) => show(seen, Cameras::Failed { reason }, HashMap::new(), None),
            }
        }
        if let Some(providers) = &providers {
            let (names, devices) = named(providers.devices());
            show(seen, Cameras::Found(names), devices, providers.remote.clone());
        }
        if command != Command::Changed {
            seen.lock().unwrap().is_looking = false;
        }
    }
}

fn show(seen: &Mutex<Seen>, known: Cameras, devices: HashMap<String, gst::Device>, remote: Option<Remote>) {
    let mut seen = seen.lock().unwrap();
    let is_old = |(name, device)| seen.devices.get(name).is_some_and(|old| is_same(old, device));
    let is_news = seen.known != known || !devices.iter().all(is_old);
    // The same camera by another connection is no news, and the old one is of no use.
    (seen.known, seen.devices, seen.remote) = (known, devices, remote);
    if !is_news {
        return;
    }
    tracing::debug!("cameras: {:?}", seen.known);
    seen.followers.retain(|follower| follower.strong_count() > 0);
    let followers = seen.followers.clone();
    drop(seen);
    for changed in followers.iter().filter_map(Weak::upgrade) {
        changed();
    }
}

/// What knows the cameras, as long as it is kept.
struct Providers {
    started: Vec<gst::DeviceProvider>,
    /// Whether all of them could be started. PipeWire may come later than Headwater.
    is_whole: bool,
    /// Every camera of PipeWire is opened by this connection.
    remote: Option<Remote>,
}

impl Providers {
    fn start(changes: &mpsc::Sender<Command>) -> Result<Self, CameraError> {
        let is_sandboxed = ashpd::is_sandboxed();
        let remote = match futures_lite::future::block_on(portal::cameras()) {
            Ok(remote) => Some(remote),
            Err(PortalError::Denied) => return Err(CameraError::Denied),
            Err(PortalError::Missing) if is_sandboxed => return Err(CameraError::NoPortal),
            Err(PortalError::Failed { message }) if is_sandboxed => {
                return Err(CameraError::Failed { message });
            }
            Err(_) => own_connection(),
        };
        let remote = remote.map(Arc::new);
        let names: &[&str] = match is_sandboxed {
            true => &["pipewiredeviceprovider"],
            false => &["pipewiredeviceprovider", "v4l2deviceprovider"],
        };
        let started: Vec<_> =
            names.iter().filter_map(|name| start(name, remote.as_deref(), changes)).collect();
        Ok(Self { is_whole: started.len() == names.len(), started, remote })
    }

    fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Those of PipeWire before those of V4L2.
    fn devices(&self) -> Vec<gst::Device> {
        self.started.iter().flat_map(|provider| provider.devices()).filter(is_camera).collect()
    }
}

impl Drop for Providers {
    fn drop(&mut self) {
        for provider in &self.started {
            provider.bus().unset_sync_handler();
            provider.stop();
        }
    }
}

/// The connection that a program has that no portal looks after, at the place that PipeWire looks itself. The one that
/// GStreamer would make is one for all, and stays the one to a PipeWire that is gone as long as anything hangs by it.
fn own_connection() -> Option<OwnedFd> {
    let folder = env::var_os("PIPEWIRE_RUNTIME_DIR").or_else(|| env::var_os("XDG_RUNTIME_DIR"));
    let name = env::var_os("PIPEWIRE_REMOTE").unwrap_or_else(|| "pipewire-0".into());
    UnixStream::connect(PathBuf::from(folder?).join(name)).ok().map(OwnedFd::from)
}

fn start(
    name: &str,
    remote: Option<&OwnedFd>,
    changes: &mpsc::Sender<Command>,
) -> Option<gst::DeviceProvider> {
    let provider = gst::DeviceProviderFactory::by_name(name)?;
    if provider.has_property("fd") {
        provider.set_property("fd", remote.map_or(-1, |remote| remote.as_raw_fd()));
    }
    let changes = changes.clone();
    provider.bus().set_sync_handler(move |_, message| {
        use gst::MessageType as Type;
        if matches!(message.type_(), Type::DeviceAdded | Type::DeviceRemoved | Type::DeviceChanged) {
            let _ = changes.send(Command::Changed);
        }
        gst::BusSyncReply::Drop
    });
    match provider.start() {
        Ok(()) => Some(provider),
        Err(error) => {
            tracing::debug!("{name}: {error}");
            None
        }
    }
}

fn property(device: &gst::Device, names: &[&str]) -> Option<String> {
    let properties = device.properties()?;
    names.iter().find_map(|name| properties.get::<String>(*name).ok())
}

/// Whether a camera has been there all the time, and was not plugged in again.
pub fn is_same(one: &gst::Device, other: &gst::Device) -> bool {
    let identity = |device| property(device, &["object.serial", "device.path"]);
    one == other || identity(one).is_some_and(|one| identity(other) == Some(one))
}

/// PipeWire has pictures of screens as well.
fn is_camera(device: &gst::Device) -> bool {
    let role = property(device, &["media.role"]);
    device.has_classes("Video/Source") && role.is_none_or(|role| role == "Camera")
}

/// The file of a camera, by which PipeWire and V4L2 mean the same one; otherwise what PipeWire calls it.
fn place(device: &gst::Device) -> String {
    property(device, &["api.v4l2.path", "device.path", "object.path", "object.serial"]).unwrap_or_default()
}

/// The cameras by name, each once. Those of one name are told apart by a number, in the order of their places.
fn named(devices: Vec<gst::Device>) -> (Vec<String>, HashMap<String, gst::Device>) {
    let mut placed: Vec<(String, gst::Device)> = Vec::new();
    for device in devices {
        let place = place(&device);
        if place.is_empty() || placed.iter().all(|(known, _)| *known != place) {
            placed.push((place, device));
        }
    }
    placed.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut names = Vec::new();
    let mut found = HashMap::new();
    for (_, device) in placed {
        let name = device.display_name();
        let name = unique(name.strip_suffix(OF_V4L2).unwrap_or(&name), &names);
        found.insert(name.clone(), device);
        names.push(name);
    }
    names.sort();
    (names, found)
}

fn unique(name: &str, taken: &[String]) -> String {
    let numbered = (2..).map(|number| format!("{name} ({number})"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| !taken.contains(name))
        .expect("there are more numbers than cameras")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_of_one_name_are_told_apart_by_a_number() {
        let taken = ["HD Webcam".to_owned(), "HD Webcam (2)".to_owned()];
        assert_eq!(unique("Desk", &taken), "Desk");
        assert_eq!(unique("HD Webcam", &taken[..1]), "HD Webcam (2)");
        assert_eq!(unique("HD Webcam", &taken), "HD Webcam (3)");
    }
}
