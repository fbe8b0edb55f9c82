//! Cameras, by a real PipeWire of the test's own: they are found by name, unplugged and plugged in again.

use crate::players::{self, seconds};
use crate::program::{Home, PATIENCE, Program, Running, Stream, config, shared};
use crate::rtsp::{Client, Transport, lost, steps};
use crate::slate::light;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const SMALL: &str = "size = \"320x240\"\nframe_rate = \"25\"";

/// PipeWire with what connects its programs, and no device.
struct PipeWire {
    folder: tempfile::TempDir,
    /// Ended with it.
    processes: Vec<Running>,
}

impl PipeWire {
    fn start() -> Self {
        let mut new = Self { folder: tempfile::tempdir().unwrap(), processes: vec![] };
        new.begin();
        new
    }

    fn begin(&mut self) {
        let pipewire = self.process(&mut Command::new("pipewire"));
        // Whoever connects the programs ends where there is nobody to connect them by.
        let (socket, asked) = (self.path().join("pipewire-0"), Instant::now());
        while UnixStream::connect(&socket).is_err() {
            assert!(asked.elapsed() < PATIENCE, "PipeWire does not start");
            thread::sleep(Duration::from_millis(10));
        }
        self.processes = vec![pipewire, self.process(&mut Command::new("wireplumber"))];
    }

    /// As after a crash of it, or an update: who was connected has to connect again.
    fn begin_anew(&mut self) {
        self.processes.clear();
        self.begin();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn process(&self, command: &mut Command) -> Running {
        let folder = self.path();
        for name in ["CONFIG", "STATE", "CACHE", "DATA"] {
            command.env(format!("XDG_{name}_HOME"), folder.join(name.to_lowercase()));
        }
        command.env("XDG_RUNTIME_DIR", folder).env_remove("DBUS_SESSION_BUS_ADDRESS");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Running(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Plugs in a camera of this name that shows this pattern in this format, until it is dropped.
    fn camera(&self, name: &str, pattern: &str, format: &str) -> [Running; 2] {
        let mut camera = Command::new("gst-launch-1.0");
        camera
            .args(["videotestsrc", "is-live=true", &format!("pattern={pattern}"), "!"])
            .args(format.split(' '));
        let properties = format!(
            "stream-properties=props,media.class=Video/Source,media.role=Camera,node.name=\"{name}\",node.description=\"{name}\""
        );
        camera.args(["!", "pipewiresink", "mode=provide", &properties]);
        // One that is only drawn ends with its last reader: this one stays.
        let reader = "until pw-cli ls Node | grep -qF \"\\\"$0\\\"\"; do sleep 0.1; done; \
            exec gst-launch-1.0 pipewiresrc target-object=\"$0\" stream-properties=props,media.type=Video ! fakesink";
        let reader = self.process(Command::new("sh").args(["-c", reader, name]));
        [self.process(&mut camera), reader]
    }

    fn serve(&self, streams: &[Stream]) -> Program {
        let home = Home::new(&config(&[], streams));
        let mut command = home.command(&["--headless"]);
        command.env("XDG_RUNTIME_DIR", self.path());
        home.start(command)
    }
}

const YUY2: &str = "video/x-raw,format=YUY2,width=640,height=480,framerate=30/1";

fn camera(id: &str, name: &str) -> Stream {
    Stream::camera(id, name).picture(SMALL)
}

#[test]
fn cameras_are_served_whatever_their_format() {
    let _turn = shared();
    let pipewire = PipeWire::start();
    let formats = [
        ("raw", YUY2),
        ("rgb", "video/x-raw,format=RGB,width=320,height=180,framerate=10/1"),
        ("grey", "video/x-raw,format=GRAY8,width=322,height=242,framerate=15/1"),
    ];
    let _cameras = formats.map(|(name, format)| pipewire.camera(name, "ball", format));
    let mut program = pipewire.serve(&formats.map(|(name, _)| camera(name, name)));
    for (name, _) in formats {
        let pictures = players::ffmpeg(&program.address(name), "tcp");
        let expected = 25 * seconds();
        assert!(pictures * 4 >= expected * 3, "{name}: {pictures} of {expected} pictures");
    }
    program.stop();
}

#[test]
fn readers_of_a_camera_that_is_unplugged_stay_and_are_shown_no_other_one() {
    let _turn = shared();
    let pipewire = PipeWire::start();
    let _other = pipewire.camera("Yard", "black", YUY2);
    let desk = pipewire.camera("Desk", "white", YUY2);
    let mut program = pipewire.serve(&[camera("desk", "Desk")]);
    let address = program.address("desk");
    let reader = Client::connect(&address).play(Transport::Tcp);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    let bright = light(&address);
    assert!(bright > 200.0, "light {bright:.1}");

    // That was said at the start, too, where the search was not over yet.
    let before = program.log().len();
    drop(desk);
    let away = program.wait_for_log("desk: trying again: Desk: there is no such camera now", before);
    reader.forget();
    reader.wait_for("key frame of the slate", PATIENCE, |packet| packet.key);
    let dark = light(&address);
    assert!(dark > 50.0 && dark < 150.0, "light {dark:.1}: the slate has the last picture, with less light");

    let _desk = pipewire.camera("Desk", "white", YUY2);
    program.wait_for_log("desk: live", away);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    let back = light(&address);
    assert!(back > 200.0, "light {back:.1}");
    let packets = reader.packets();
    assert_eq!(lost(&packets), 0);
    assert!(steps(&packets).into_iter().all(|step| step > 0), "time ran back");
    reader.leave();
    program.stop();
}

#[test]
fn a_camera_that_comes_later_is_found() {
    let _turn = shared();
    let pipewire = PipeWire::start();
    let mut program = pipewire.serve(&[camera("desk", "Desk")]);
    program.wait_for_log("desk: trying again: Desk: there is no such camera now", 0);
    let _desk = pipewire.camera("Desk", "white", YUY2);
    let address = program.address("desk");
    let reader = Client::connect(&address).play(Transport::Tcp);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    reader.leave();
    program.stop();
}

#[test]
fn a_camera_is_found_again_after_pipewire_was_started_anew() {
    let _turn = shared();
    let mut pipewire = PipeWire::start();
    let desk = pipewire.camera("Desk", "white", YUY2);
    let mut program = pipewire.serve(&[camera("desk", "Desk")]);
    let address = program.address("desk");
    let reader = Client::connect(&address).play(Transport::Tcp);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    let before = program.log().len();
    pipewire.begin_anew();
    drop(desk);
    let _desk = pipewire.camera("Desk", "white", YUY2);
    program.wait_for_log("desk: live", before);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    let bright = light(&address);
    assert!(bright > 200.0, "light {bright:.1}");
    assert_eq!(lost(&reader.packets()), 0);
    reader.leave();
    program.stop();
}
