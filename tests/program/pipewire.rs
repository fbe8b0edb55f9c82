//! A real PipeWire of a test's own, with the cameras and microphones that are plugged into it.

use crate::program::{Home, PATIENCE, Program, Running, Stream, config, data};
use gst::prelude::*;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// As microphones of ALSA have it: with less, what the computer plays becomes the default of the desktop.
const RANK: u32 = 2000;

/// PipeWire with what connects its programs, and no device.
pub struct PipeWire {
    folder: tempfile::TempDir,
    /// Ended with it.
    processes: Vec<Running>,
}

impl PipeWire {
    pub fn start() -> Self {
        let mut new = Self { folder: tempfile::tempdir().unwrap(), processes: vec![] };
        new.begin();
        new
    }

    fn begin(&mut self) {
        let pipewire = self.process(&mut Command::new("pipewire"));
        // Whoever connects the programs ends where there is nobody to connect them by.
        self.wait_for("pipewire-0");
        self.processes = vec![pipewire, self.process(&mut Command::new("wireplumber"))];
    }

    fn wait_for(&self, socket: &str) {
        let (socket, asked) = (self.path().join(socket), Instant::now());
        while UnixStream::connect(&socket).is_err() {
            assert!(asked.elapsed() < PATIENCE, "{} does not listen", socket.display());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Also for sound.
    pub fn with_sound_server(mut self) -> Self {
        self.processes.push(self.sound_server());
        self
    }

    /// What programs hear microphones by, until it is dropped.
    pub fn sound_server(&self) -> Running {
        let server = self.process(Command::new("pipewire").arg("-c").arg(data("sound-server.conf")));
        self.wait_for("pulse/native");
        server
    }

    /// Makes a room of this name, in which something can be played.
    pub fn room(&self, name: &str) {
        let properties = format!(
            "{{ factory.name=support.null-audio-sink node.name=\"{name}\" media.class=Audio/Sink object.linger=true }}"
        );
        let mut make = Command::new("pw-cli");
        make.args(["create-node", "adapter", &properties]);
        assert!(self.command(&mut make).status().unwrap().success());
    }

    /// Plays a tone in a room, until it is dropped.
    pub fn tone(&self, hertz: u32, room: &str) -> Running {
        let mut player = Command::new("gst-launch-1.0");
        player.args(["audiotestsrc", "is-live=true", &format!("freq={hertz}"), "!", "audioconvert", "!"]);
        player.args(["pulsesink", &format!("device={room}")]);
        self.process(&mut player)
    }

    /// Plugs in a microphone of this name that hears what is played in a room, until it is dropped.
    pub fn microphone(&self, name: &str, room: &str) -> Running {
        let mut device = Command::new("pw-loopback");
        device.arg(format!("--capture-props=target.object=\"{room}\" stream.capture.sink=true"));
        device.arg(format!(
            "--playback-props=media.class=Audio/Source priority.session={RANK} node.name=\"{name}\" node.description=\"{name}\""
        ));
        self.process(&mut device)
    }

    /// Plugs in a camera that is white, and plays a tone in a room, for the first tenth of each second, until it is
    /// dropped.
    pub fn flashes(&self, name: &str, room: &str) -> Flashes {
        gst::init().unwrap();
        let remote = UnixStream::connect(self.path().join("pipewire-0")).unwrap();
        let server = self.path().join("pulse/native");
        let sink = shown_as(name);
        let pipeline = gst::parse::launch(&format!(
            "videotestsrc name=light is-live=true ! video/x-raw,format=YUY2,width=320,height=240,framerate=30/1 ! \
             pipewiresink fd={} {sink} \
             audiotestsrc is-live=true wave=ticks freq=1000 sine-periods-per-tick=100 samplesperbuffer=480 ! \
             audio/x-raw,rate=48000 ! pulsesink buffer-time=40000 server=unix:{} device={room}",
            remote.as_raw_fd(),
            server.display(),
        ));
        let pipeline = pipeline.unwrap().downcast::<gst::Pipeline>().unwrap();
        let light = pipeline.by_name("light").unwrap();
        let source = light.downgrade();
        light.static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let (Some(buffer), Some(light)) = (info.buffer(), source.upgrade()) else {
                return gst::PadProbeReturn::Ok;
            };
            let next = buffer.pts().unwrap() + buffer.duration().unwrap();
            let is_on = next.mseconds() % 1000 < 100;
            light.set_property_from_str("pattern", if is_on { "white" } else { "black" });
            gst::PadProbeReturn::Ok
        });
        pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        pipeline.set_state(gst::State::Playing).unwrap();
        Flashes { pipeline, _remote: remote, _reader: self.stay(name) }
    }

    /// As after a crash of it, or an update: who was connected has to connect again.
    pub fn begin_anew(&mut self) {
        self.processes.clear();
        self.begin();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn process(&self, command: &mut Command) -> Running {
        let command = self.command(command);
        Running(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    fn command<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let folder = self.path();
        for name in ["CONFIG", "STATE", "CACHE", "DATA"] {
            command.env(format!("XDG_{name}_HOME"), folder.join(name.to_lowercase()));
        }
        command.env("XDG_RUNTIME_DIR", folder).env_remove("DBUS_SESSION_BUS_ADDRESS");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
    }

    /// Plugs in a camera of this name that shows this pattern in this format, until it is dropped.
    pub fn camera(&self, name: &str, pattern: &str, format: &str) -> [Running; 2] {
        let mut camera = Command::new("gst-launch-1.0");
        camera
            .args(["videotestsrc", "is-live=true", &format!("pattern={pattern}"), "!"])
            .args(format.split(' '));
        camera.args(["!", "pipewiresink"]).args(shown_as(name).split_whitespace());
        [self.process(&mut camera), self.stay(name)]
    }

    /// One that is only drawn ends with its last reader: with this one it stays.
    fn stay(&self, name: &str) -> Running {
        let reader = "until pw-cli ls Node | grep -qF \"\\\"$0\\\"\"; do sleep 0.1; done; \
            exec gst-launch-1.0 pipewiresrc target-object=\"$0\" stream-properties=props,media.type=Video ! fakesink";
        self.process(Command::new("sh").args(["-c", reader, name]))
    }

    pub fn serve(&self, streams: &[Stream]) -> Program {
        let home = Home::new(&config(&[], streams));
        let mut command = home.command(&["--headless"]);
        command.env("XDG_RUNTIME_DIR", self.path());
        home.start(command)
    }
}

/// See [`PipeWire::flashes`].
pub struct Flashes {
    pipeline: gst::Pipeline,
    _remote: UnixStream,
    _reader: Running,
}

impl Drop for Flashes {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// How pictures become a camera of this name, of one word.
fn shown_as(name: &str) -> String {
    format!(
        "mode=provide stream-properties=props,media.class=Video/Source,media.role=Camera,node.name=\"{name}\",node.description=\"{name}\""
    )
}
