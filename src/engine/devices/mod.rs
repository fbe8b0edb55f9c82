//! The cameras and microphones of this computer, kept up to date while they are plugged in and out.
//!
//! A thread of its own for each kind asks and looks, so that nobody else waits for the user or for a device.

mod cameras;
mod microphones;

use super::state::{DeviceError, Devices};
use gst::prelude::*;
use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, LazyLock, Mutex, Weak, mpsc};

/// What WirePlumber adds to the names of cameras that libcamera knows as well.
const OF_V4L2: &str = " (V4L2)";

/// Of the cameras, for which the user may be asked whether they may be used.
pub static CAMERAS: LazyLock<Search> = LazyLock::new(|| Search::start(&cameras::KIND));
pub static MICROPHONES: LazyLock<Search> = LazyLock::new(|| Search::start(&microphones::KIND));

/// A device that is there.
#[derive(Debug, Clone)]
pub struct Found {
    pub device: gst::Device,
    /// It is opened by this connection, which has to be kept until it is closed.
    pub remote: Option<Remote>,
}

/// A connection to PipeWire. GStreamer knows one by the number of its descriptor: that must not be given to the next one
/// while anything is open by this one.
pub type Remote = Arc<OwnedFd>;

type Follower = dyn Fn() + Send + Sync;

/// See [`Search::follow`].
#[must_use]
pub struct Following(#[expect(dead_code, reason = "held, never called by its holder")] Arc<Follower>);

/// What sets the kinds of devices apart.
struct Kind {
    /// The name of the thread that looks for them.
    thread: &'static str,
    /// Begins to look. This may wait for the user.
    start: fn(&mpsc::Sender<Command>) -> Result<Providers, DeviceError>,
    is_one: fn(&gst::Device) -> bool,
    /// Whether it is listed only where there is no other one.
    is_second_choice: fn(&gst::Device) -> bool,
}

/// The search for the devices of one kind.
pub struct Search {
    kind: &'static Kind,
    seen: Arc<Mutex<Seen>>,
    commands: mpsc::Sender<Command>,
}

#[derive(Default)]
struct Seen {
    known: Devices,
    /// Also those that are not listed.
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
    /// A device was plugged in or out.
    Changed,
}

impl Search {
    fn start(kind: &'static Kind) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let (commands, inbox) = mpsc::channel();
        let (shown, changes) = (seen.clone(), commands.clone());
        let thread = std::thread::Builder::new().name(kind.thread.into());
        if let Err(error) = thread.spawn(move || run(kind, &inbox, &changes, &shown)) {
            tracing::error!("{} cannot be looked for: {error}", kind.thread);
        }
        Self { kind, seen, commands }
    }

    /// Looks for them, if nobody has yet.
    pub fn look(&self) {
        self.begin(Command::Look);
    }

    /// As [`Search::look`], from the beginning: who knows them may have been started anew.
    pub fn look_again(&self) {
        self.begin(Command::Again);
    }

    /// Several at once are asked once.
    fn begin(&self, command: Command) {
        let mut seen = self.seen.lock().unwrap();
        if !std::mem::replace(&mut seen.is_looking, true) {
            if matches!(seen.known, Devices::Failed { .. }) {
                seen.known = Devices::Unknown;
            }
            let _ = self.commands.send(command);
        }
    }

    /// What is known now.
    pub fn known(&self) -> Devices {
        self.seen.lock().unwrap().known.clone()
    }

    /// The device of this name; none before it is known which there are.
    pub fn find(&self, name: &str) -> Result<Option<Found>, DeviceError> {
        self.find_among(|devices| devices.get(name))
    }

    /// Any device that is a first choice; none before it is known which there are.
    pub fn find_any(&self) -> Result<Option<Found>, DeviceError> {
        self.find_among(|devices| devices.values().find(|device| !(self.kind.is_second_choice)(device)))
    }

    fn find_among(
        &self,
        choose: impl FnOnce(&HashMap<String, gst::Device>) -> Option<&gst::Device>,
    ) -> Result<Option<Found>, DeviceError> {
        let seen = self.seen.lock().unwrap();
        match &seen.known {
            Devices::Unknown => Ok(None),
            Devices::Failed { reason } => Err(reason.clone()),
            Devices::Found(_) => match choose(&seen.devices) {
                Some(device) => Ok(Some(Found { device: device.clone(), remote: seen.remote.clone() })),
                None => Err(DeviceError::NotFound),
            },
        }
    }

    /// Calls this whenever something else is known, from the thread that looks; it must not block. Until what is
    /// returned is dropped.
    pub fn follow(&self, changed: impl Fn() + Send + Sync + 'static) -> Following {
        let changed: Arc<Follower> = Arc::new(changed);
        self.seen.lock().unwrap().followers.push(Arc::downgrade(&changed));
        Following(changed)
    }
}

fn run(kind: &Kind, inbox: &mpsc::Receiver<Command>, changes: &mpsc::Sender<Command>, seen: &Mutex<Seen>) {
    let mut providers = None;
    for command in inbox {
        let is_whole = command != Command::Again && providers.as_ref().is_some_and(Providers::is_whole);
        if !is_whole && command != Command::Changed {
            // Only one of each can be started.
            providers = None;
            match (kind.start)(changes) {
                Ok(started) => providers = Some(started),
                Err(reason) => show(kind, seen, Devices::Failed { reason }, HashMap::new(), None),
            }
        }
        if let Some(providers) = &providers {
            let devices = named(providers.devices(kind));
            show(kind, seen, Devices::Found(listed(kind, &devices)), devices, providers.remote.clone());
        }
        if command != Command::Changed {
            seen.lock().unwrap().is_looking = false;
        }
    }
}

fn show(
    kind: &Kind,
    seen: &Mutex<Seen>,
    known: Devices,
    devices: HashMap<String, gst::Device>,
    remote: Option<Remote>,
) {
    let mut seen = seen.lock().unwrap();
    let is_old = |(name, device)| seen.devices.get(name).is_some_and(|old| is_same(old, device));
    let is_news = seen.known != known || !devices.iter().all(is_old);
    // The same device by another connection is no news, and the old one is of no use.
    (seen.known, seen.devices, seen.remote) = (known, devices, remote);
    if !is_news {
        return;
    }
    tracing::debug!("{}: {:?}", kind.thread, seen.known);
    seen.followers.retain(|follower| follower.strong_count() > 0);
    let followers = seen.followers.clone();
    drop(seen);
    for changed in followers.iter().filter_map(Weak::upgrade) {
        changed();
    }
}

/// What knows the devices, as long as it is kept.
struct Providers {
    started: Vec<gst::DeviceProvider>,
    /// Whether all of them could be started. PipeWire may come later than Headwater.
    is_whole: bool,
    /// Every device of PipeWire is opened by this connection.
    remote: Option<Remote>,
}

impl Providers {
    /// Those that can be started of these.
    fn start(names: &[&str], remote: Option<OwnedFd>, changes: &mpsc::Sender<Command>) -> Self {
        let remote = remote.map(Arc::new);
        let started: Vec<_> =
            names.iter().filter_map(|name| start(name, remote.as_deref(), changes)).collect();
        Self { is_whole: started.len() == names.len(), started, remote }
    }

    fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Those of the first provider come first.
    fn devices(&self, kind: &Kind) -> Vec<gst::Device> {
        self.started.iter().flat_map(|provider| provider.devices()).filter(kind.is_one).collect()
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

/// Whether a device has been there all the time, and was not plugged in again.
pub fn is_same(one: &gst::Device, other: &gst::Device) -> bool {
    let identity = |device| property(device, &["object.serial", "device.path"]);
    one == other || identity(one).is_some_and(|one| identity(other) == Some(one))
}

/// The file of a camera, by which PipeWire and V4L2 mean the same one; otherwise what PipeWire calls it.
fn place(device: &gst::Device) -> String {
    property(device, &["api.v4l2.path", "device.path", "object.path", "object.serial"]).unwrap_or_default()
}

/// The devices by name, each once. Those of one name are told apart by a number, in the order of their places.
fn named(devices: Vec<gst::Device>) -> HashMap<String, gst::Device> {
    let mut placed: Vec<(String, gst::Device)> = Vec::new();
    for device in devices {
        let place = place(&device);
        if place.is_empty() || placed.iter().all(|(known, _)| *known != place) {
            placed.push((place, device));
        }
    }
    placed.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut found = HashMap::new();
    for (_, device) in placed {
        let name = device.display_name();
        let name = unique(name.strip_suffix(OF_V4L2).unwrap_or(&name), &found);
        found.insert(name, device);
    }
    found
}

/// The names to choose from, in order.
fn listed(kind: &Kind, devices: &HashMap<String, gst::Device>) -> Vec<String> {
    let is_first_choice = |device: &gst::Device| !(kind.is_second_choice)(device);
    let has_first_choice = devices.values().any(is_first_choice);
    let listed = devices.iter().filter(|(_, device)| !has_first_choice || is_first_choice(device));
    let mut names: Vec<String> = listed.map(|(name, _)| name.clone()).collect();
    names.sort();
    names
}

fn unique<T>(name: &str, taken: &HashMap<String, T>) -> String {
    let numbered = (2..).map(|number| format!("{name} ({number})"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| !taken.contains_key(name))
        .expect("there are more numbers than devices")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_one_name_are_told_apart_by_a_number() {
        let mut taken = HashMap::from([("HD Webcam".to_owned(), ())]);
        assert_eq!(unique("Desk", &taken), "Desk");
        assert_eq!(unique("HD Webcam", &taken), "HD Webcam (2)");
        taken.insert("HD Webcam (2)".into(), ());
        assert_eq!(unique("HD Webcam", &taken), "HD Webcam (3)");
    }
}
