//! A display and a session bus of our own, and two ways to look at the window from outside: what is on the
//! screen, and how long the main loop takes to answer.
//!
//! The program has nothing in it for this. Xvfb keeps the screen in a file. GApplication answers
//! `org.gtk.Actions` on the bus from the main loop, between two of whatever else is done there.

use crate::program::{self, finish};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The screen, and what draws on it.
#[derive(Clone, Copy)]
pub struct Display {
    pub width: usize,
    pub height: usize,
    /// The same in words.
    pub words: &'static str,
}

pub const WIDE: Display = Display { width: 1100, height: 760, words: "cairo, Xvfb 1100x760" };
/// Room for four cards in each direction.
pub const TALL: Display = Display { width: 1100, height: 1180, words: "cairo, Xvfb 1100x1180" };

/// A bus that starts no services: what they would take differs from desktop to desktop.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
  <limit name="max_replies_per_connection">50000</limit>
</busconfig>
"#;

pub struct Desktop {
    folder: tempfile::TempDir,
    display: String,
    bus: String,
    processes: [Child; 2],
}

impl Desktop {
    pub fn start(size: Display) -> Self {
        let folder = tempfile::Builder::new().prefix("headwater-bench-").tempdir().unwrap();
        let mut xvfb = Command::new("Xvfb");
        xvfb.args(["-displayfd", "1", "-nolisten", "tcp", "-fbdir"]).arg(folder.path());
        xvfb.args(["-screen", "0", &format!("{}x{}x24", size.width, size.height)]);
        let (xvfb, display) = first_line(xvfb);
        let configuration = folder.path().join("bus.conf");
        fs::write(&configuration, BUS).unwrap();
        let mut daemon = Command::new("dbus-daemon");
        daemon.args(["--nofork", "--print-address=1", "--config-file"]).arg(configuration);
        let (daemon, bus) = first_line(daemon);
        Self { folder, display: format!(":{display}"), bus, processes: [xvfb, daemon] }
    }

    /// Lets a command show its window here.
    pub fn place(&self, mut command: Command) -> Command {
        command.env("DISPLAY", &self.display).env("DBUS_SESSION_BUS_ADDRESS", &self.bus);
        command.envs([("GSK_RENDERER", "cairo"), ("GDK_BACKEND", "x11")]);
        command.envs([("GTK_A11Y", "none"), ("GSETTINGS_BACKEND", "memory")]);
        command
    }

    /// Does this with the pointer, or with the window, of which there is one: in the words of xdotool.
    pub fn xdotool(&self, words: &[&str]) -> String {
        let mut command = Command::new("xdotool");
        command.args(words).env("DISPLAY", &self.display);
        let output = finish(command, "");
        assert!(output.status.success(), "xdotool {words:?}: {}", program::words(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn screen(&self) -> Screen {
        Screen::open(&self.folder.path().join("Xvfb_screen0"))
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // One that ended before is as good.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Starts a command that says on its first line how to reach it.
fn first_line(mut command: Command) -> (Child, String) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(!line.is_empty(), "{command:?} ended");
    (child, line.trim().to_owned())
}

/// The screen of Xvfb: a file in the format of xwd, XWDFile.h.
pub struct Screen {
    file: File,
    start: u64,
    width: usize,
    height: usize,
    stride: usize,
}

impl Screen {
    fn open(path: &Path) -> Self {
        const HEADER_SIZE: usize = 0;
        const WIDTH: usize = 4;
        const HEIGHT: usize = 5;
        const BITS_PER_PIXEL: usize = 11;
        const BYTES_PER_LINE: usize = 12;
        const COLORS: usize = 19;
        const COLOR_SIZE: usize = 12;
        let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut header = [0; 100];
        file.read_exact_at(&mut header, 0).unwrap();
        let field = |n: usize| u32::from_be_bytes(header[4 * n..4 * n + 4].try_into().unwrap()) as usize;
        assert_eq!(field(BITS_PER_PIXEL), 32, "bits per pixel");
        Self {
            file,
            start: (field(HEADER_SIZE) + COLOR_SIZE * field(COLORS)) as u64,
            width: field(WIDTH),
            height: field(HEIGHT),
            stride: field(BYTES_PER_LINE),
        }
    }

    /// How many times a second the picture changes in these lines: each from a point, so many points to the right.
    pub fn changes(&self, lines: &[(usize, usize, usize)], watched: Duration) -> f64 {
        // Often enough for 60 frames a second.
        const PERIOD: Duration = Duration::from_millis(4);
        let look = || -> Vec<Vec<u8>> {
            let line = |&(x, y, length): &(usize, usize, usize)| {
                let mut points = vec![0; 4 * length];
                self.file.read_exact_at(&mut points, self.start + (self.stride * y + 4 * x) as u64).unwrap();
                points
            };
            lines.iter().map(line).collect()
        };
        let (start, mut last, mut changes) = (Instant::now(), look(), 0);
        while start.elapsed() < watched {
            thread::sleep(PERIOD);
            let now = look();
            changes += u32::from(now != last);
            last = now;
        }
        f64::from(changes) / start.elapsed().as_secs_f64()
    }

    /// Lines from side to side, all over the screen.
    pub fn lines(&self) -> Vec<(usize, usize, usize)> {
        (1..16).map(|part| (0, self.height * part / 16, self.width)).collect()
    }

    pub fn look(&self) -> Sight {
        let mut bytes = vec![0; self.stride * self.height];
        self.file.read_exact_at(&mut bytes, self.start).unwrap();
        Sight { bytes, width: self.width, stride: self.stride }
    }
}

/// The screen at one moment. Its pixels are blue, green, red, nothing.
pub struct Sight {
    bytes: Vec<u8>,
    width: usize,
    stride: usize,
}

impl Sight {
    /// Whether something covers the black screen.
    pub fn shows_window(&self) -> bool {
        self.rows().flatten().filter(|pixel| pixel.iter().any(|part| *part > 0)).count()
            > self.bytes.len() / 16
    }

    /// Counts the previews of the pattern smpte.
    pub fn previews(&self) -> usize {
        self.bars().len()
    }

    /// In each preview of the pattern smpte, a line of the corner that moves.
    pub fn moving(&self) -> Vec<(usize, usize, usize)> {
        // The bar is the second of seven; the lower right quarter, an eighth from the bottom, moves.
        let corner = |&(x, y, width): &(usize, usize, usize)| {
            (x + width * 5, y + width * 7 * 9 / 16 * 7 / 8, width / 2)
        };
        self.bars().iter().map(corner).collect()
    }

    /// The yellow bars of the pattern smpte, a colour that is nowhere else in the window: the upper left point of
    /// each, and its width.
    fn bars(&self) -> Vec<(usize, usize, usize)> {
        const LEAST_WIDTH: usize = 10;
        const LEAST_HEIGHT: usize = 20;
        // The bars that reach into the row above: from, to, and how many rows high.
        let mut above: Vec<(usize, usize, usize)> = Vec::new();
        let mut found = Vec::new();
        for (y, row) in self.rows().enumerate() {
            let yellow: Vec<bool> =
                row.map(|pixel| pixel[0] < 70 && pixel[1] > 150 && pixel[2] > 150).collect();
            let mut bars = Vec::new();
            let mut x = 0;
            while let Some(start) = (x..self.width).find(|x| yellow[*x]) {
                let end = (start..self.width).find(|x| !yellow[*x]).unwrap_or(self.width);
                if end - start >= LEAST_WIDTH {
                    let continued = above.iter().find(|(from, to, _)| *from < end && start < *to);
                    let height = continued.map_or(0, |(_, _, height)| *height) + 1;
                    if height == LEAST_HEIGHT {
                        found.push((start, y + 1 - height, end - start));
                    }
                    bars.push((start, end, height));
                }
                x = end;
            }
            above = bars;
        }
        found
    }

    fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = &[u8]>> {
        self.bytes.chunks_exact(self.stride).map(|row| row.chunks_exact(4).take(self.width))
    }
}

/// How long each question took to be answered.
pub struct Delays {
    /// By the main loop of the window.
    pub window: Vec<Duration>,
    /// By the bus itself, asked at the same moments.
    pub bus: Vec<Duration>,
}

/// Questions at a steady pace, whether those before were answered or not: a stall of 100 ms is met by twenty.
pub struct Pings {
    ended: Arc<AtomicBool>,
    delays: Receiver<(bool, Duration)>,
}

impl Pings {
    /// Asks the program on this desktop.
    pub fn start(desktop: &Desktop) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (sender, delays) = channel();
        let (bus, stop) = (desktop.bus.clone(), ended.clone());
        thread::spawn(move || {
            let context = glib::MainContext::new();
            context
                .with_thread_default(|| context.block_on(ask(&bus, &stop, &sender)))
                .expect("a context of this thread alone");
        });
        Self { ended, delays }
    }

    pub fn stop(self) -> Delays {
        self.ended.store(true, Ordering::Relaxed);
        let (window, bus): (Vec<_>, Vec<_>) = self.delays.iter().partition(|(window, _)| *window);
        let times = |delays: Vec<(bool, Duration)>| delays.into_iter().map(|(_, delay)| delay).collect();
        Delays { window: times(window), bus: times(bus) }
    }
}

async fn ask(bus: &str, ended: &AtomicBool, delays: &std::sync::mpsc::Sender<(bool, Duration)>) {
    const PERIOD: Duration = Duration::from_millis(5);
    const THE_BUS: [&str; 3] = ["org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"];
    const PROGRAM: &str = "io.github.headwater_app.Headwater";
    let flags =
        gio::DBusConnectionFlags::AUTHENTICATION_CLIENT | gio::DBusConnectionFlags::MESSAGE_BUS_CONNECTION;
    let connection =
        gio::DBusConnection::for_address_future(bus, flags, None).await.expect("a connection to the bus");
    let call = |[name, path, interface]: [&str; 3], method: &str| {
        connection.call_future(
            Some(name),
            path,
            interface,
            method,
            None,
            None,
            gio::DBusCallFlags::NO_AUTO_START,
            -1,
        )
    };
    let names = call(THE_BUS, "ListNames").await.expect("the names on the bus");
    let names: Vec<String> = names.child_value(0).get().expect("a list of names");
    let name = names.iter().find(|name| name.starts_with(PROGRAM)).expect("the program on the bus").clone();
    let path = format!("/{}", name.replace('.', "/"));

    let mut open = Vec::new();
    while !ended.load(Ordering::Relaxed) {
        for (window, [name, path, interface], method) in
            [(true, [name.as_str(), path.as_str(), "org.gtk.Actions"], "List"), (false, THE_BUS, "GetId")]
        {
            let answer = call([name, path, interface], method);
            let delays = delays.clone();
            let asked = Instant::now();
            open.push(glib::MainContext::ref_thread_default().spawn_local(async move {
                answer.await.expect("an answer");
                // Nobody listens when the measurement failed.
                let _ = delays.send((window, asked.elapsed()));
            }));
        }
        glib::timeout_future(PERIOD).await;
    }
    for answer in open {
        answer.await.expect("an answer");
    }
}
