//! The window, in a process of its own under a virtual display: how soon it is there, and how long its main loop
//! ever stands while readers come and go. Measured in that process, beside the program's own code.

use crate::Extent;
use crate::figures::{Figures, percentile};
use crate::program::{Home, PATIENCE, Stream, config};
use crate::rtsp::{Client, Transport};
use gtk::prelude::*;
use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, ExitCode, Stdio};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Set for the process with the window.
const ASKED: &str = "HEADWATER_BENCH_WINDOW";

/// How often the main loop is looked at.
const TICK: Duration = Duration::from_millis(1);

const STREAMS: usize = 4;

/// How long a reader stays.
const STAY: Duration = Duration::from_millis(100);

pub fn is_asked_for() -> bool {
    std::env::var_os(ASKED).is_some()
}

/// In the process with the window: runs the program, and watches its main loop from inside.
pub fn show() -> ExitCode {
    let context = glib::MainContext::default();
    let _owner = context.acquire().expect("nobody else runs the main loop");
    let stalls = Rc::new(RefCell::new(Vec::new()));
    let last = Cell::new(Instant::now());
    let seen = Cell::new((false, 0));
    let record = stalls.clone();
    glib::timeout_add_local(TICK, move || {
        let now = Instant::now();
        record.borrow_mut().push(now.duration_since(last.replace(now)).saturating_sub(TICK));
        let (window, pictures) = seen.get();
        let shown = gtk::is_initialized().then(shown_pictures).flatten();
        if let Some(count) = shown.filter(|count| !window || *count > pictures) {
            if !window {
                println!("window");
            }
            (pictures + 1..=count).for_each(|number| println!("preview {number}"));
            seen.set((true, count));
        }
        glib::ControlFlow::Continue
    });
    // Each line asks for the stalls since the last one.
    let (questions, asked) = async_channel::unbounded();
    thread::spawn(move || {
        std::io::stdin().lines().map_while(Result::ok).all(|line| questions.send_blocking(line).is_ok())
    });
    glib::spawn_future_local(async move {
        while asked.recv().await.is_ok() {
            let mut stalls = stalls.take();
            stalls.sort();
            let [most, longest] = [0.99, 1.0].map(|share| percentile(&stalls, share).as_micros());
            println!("stalls {most} {longest}");
        }
    });
    headwater::app::run()
}

/// How many previews show a picture, once a window is on screen.
fn shown_pictures() -> Option<usize> {
    let windows = gtk::Window::list_toplevels();
    let window = windows.iter().find(|window| window.is_mapped())?;
    let mut widgets = vec![window.clone()];
    let mut pictures = 0;
    while let Some(widget) = widgets.pop() {
        let paintable = widget.downcast_ref::<gtk::Picture>().and_then(|picture| picture.paintable());
        pictures += usize::from(paintable.is_some_and(|paintable| paintable.intrinsic_width() > 0));
        widgets.extend(std::iter::successors(widget.first_child(), |child| child.next_sibling()));
    }
    Some(pictures)
}

/// The process with the window, and the display that it is on.
struct Window {
    display: Child,
    child: Child,
    said: Receiver<(Instant, String)>,
}

impl Window {
    fn start(home: &Home) -> Self {
        let (display, name) = virtual_display();
        let mut command = home.command(&[]);
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let variables: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args(arguments)
            .env("DISPLAY", name)
            .env(ASKED, "1")
            .env("GSK_RENDERER", "cairo")
            .env("GTK_A11Y", "none");
        for (name, value) in variables.into_iter().filter(|(name, _)| name != "DISPLAY") {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("this program starts");
        let (sender, said) = channel();
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        thread::spawn(move || {
            lines.map_while(Result::ok).all(|line| sender.send((Instant::now(), line)).is_ok())
        });
        Self { display, child, said }
    }

    /// Waits for this to be said; when it was, and the rest of the line.
    fn wait_for(&self, what: &str) -> (Instant, String) {
        loop {
            let (at, line) =
                self.said.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("no \"{what}\": {error}"));
            if let Some(rest) = line.strip_prefix(what) {
                return (at, rest.trim().to_owned());
            }
        }
    }

    /// The 99th percentile and the longest of the stalls since the last question.
    fn stalls(&mut self) -> [Duration; 2] {
        writeln!(self.child.stdin.as_mut().expect("piped"), "stalls").expect("the window's process reads");
        let (_, words) = self.wait_for("stalls");
        let mut numbers =
            words.split(' ').map(|number| Duration::from_micros(number.parse().expect("a number")));
        [(); 2].map(|()| numbers.next().expect("two numbers"))
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        for child in [&mut self.child, &mut self.display] {
            // One that has ended is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// An X server without a screen, and its name.
fn virtual_display() -> (Child, String) {
    let mut display = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Xvfb is installed");
    let mut number = String::new();
    BufReader::new(display.stdout.take().expect("piped"))
        .read_line(&mut number)
        .expect("Xvfb names its display");
    (display, format!(":{}", number.trim()))
}

pub fn measure(extent: &Extent, figures: &mut Figures) {
    // The window does not print its addresses: the port has to be known.
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let names: Vec<String> = (0..STREAMS).map(|number| format!("stream{number}")).collect();
    let streams: Vec<Stream> = names.iter().map(|name| Stream::pattern(name, "ball")).collect();
    let home = Home::new(&config(&[], &streams).replace("port = 0", &format!("port = {port}")));

    let start = Instant::now();
    let mut window = Window::start(&home);
    figures.add_milliseconds("program start to window", window.wait_for("window").0 - start, None);
    figures.add_milliseconds(
        "program start to first preview picture",
        window.wait_for("preview 1").0 - start,
        None,
    );
    window.wait_for(&format!("preview {STREAMS}"));

    // What starting costs is another matter.
    thread::sleep(Duration::from_secs(2));
    window.stalls();
    thread::sleep(Duration::from_secs(extent.seconds));
    let [most, longest] = window.stalls();
    figures.add_milliseconds("stalls of the main loop, four previews, 99th percentile", most, None);
    figures.add_milliseconds("stalls of the main loop, four previews, longest", longest, None);

    let readers = extent.readers / 2;
    for number in 0..readers {
        let address = format!("rtsp://127.0.0.1:{port}/{}", names[number as usize % STREAMS]);
        let transport = if number.is_multiple_of(2) { Transport::Tcp } else { Transport::Udp };
        let reader = Client::connect(&address).play(transport);
        reader.wait_for("packet", PATIENCE, |_| true);
        thread::sleep(STAY);
        reader.leave();
    }
    let [most, longest] = window.stalls();
    let name = format!("stalls of the main loop, four previews, {readers} readers come and go");
    figures.add_milliseconds(format!("{name}, 99th percentile"), most, Some(33.0));
    figures.add_milliseconds(format!("{name}, longest"), longest, Some(100.0));
}
