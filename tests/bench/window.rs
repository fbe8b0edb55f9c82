//! What somebody at the window waits for.

use crate::Form;
use crate::desktop::{Desktop, Display, Pings, TALL, WIDE};
use crate::machine::Usage;
use crate::program::{Home, PATIENCE, Stream, config};
use crate::quality::{HD, HD_15, PATTERN, Picture, SMALL, encoder};
use crate::report::{Figure, Row, mean, quantile};
use crate::rtsp::{Client, Reader, Transport};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

const PREVIEWS: usize = 4;

/// How often the screen is looked at, which is how exact the times of the start are.
const LOOK: Duration = Duration::from_millis(4);

/// A window that answers later than this hangs, on any machine and in any build.
const BROKEN_MS: f64 = 2000.0;

/// So many streams, and the port that they are served at: the window does not say which one it got.
fn home(number: usize, picture: Picture) -> (Home, u16) {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let streams: Vec<Stream> = (0..number)
        .map(|n| Stream::pattern(&format!("s{n}"), PATTERN).picture(&picture.rendition()))
        .collect();
    (Home::new(&config(&[], &streams).replace("port = 0", &format!("port = {port}"))), port)
}

fn row(name: &'static str, workload: String, display: Display, picture: Picture) -> Row {
    Row {
        name,
        workload,
        encoder: None,
        renderer: Some(display.words),
        size: picture.words,
        ssim: None,
        figures: Vec::new(),
        threads: Vec::new(),
    }
}

/// From the start of the program to its window, and to the first preview in it.
pub fn start(form: Form) -> Vec<Row> {
    let times = form.pick(1, 10);
    let desktop = Desktop::start(WIDE);
    let (home, _) = home(PREVIEWS, HD);
    let once = || {
        let screen = desktop.screen();
        wait_until("an empty screen", || !screen.look().shows_window());
        let command = desktop.place(home.command(&[]));
        let start = Instant::now();
        let program = home.clone().start(command);
        wait_until("the window", || screen.look().shows_window());
        let window = start.elapsed();
        wait_until("a preview", || screen.look().previews() > 0);
        let preview = start.elapsed();
        wait_until("all previews", || screen.look().previews() == PREVIEWS);
        let all = start.elapsed();
        program.stop();
        [window, preview, all]
    };
    let first = once();
    let others: Vec<[Duration; 3]> = (0..times).map(|_| once()).collect();
    let median = |which: usize| quantile(&others.iter().map(|all| all[which]).collect::<Vec<_>>(), 0.5);
    let longest = |which: usize| quantile(&others.iter().map(|all| all[which]).collect::<Vec<_>>(), 1.0);
    let mut row = row(
        "start",
        format!(
            "program start to pictures on the screen, {PREVIEWS} patterns, {times} times, after a first start"
        ),
        WIDE,
        HD,
    );
    row.figures = vec![
        Figure::ms("window, median", median(0)),
        Figure::ms("window, longest", longest(0)),
        Figure::ms("first preview, median", median(1)).bound(10.0 * BROKEN_MS),
        Figure::ms("first preview, longest", longest(1)),
        Figure::ms("all previews, median", median(2)),
        // GStreamer looks at its plugins then.
        Figure::ms("window, first start of all", first[0]),
        Figure::ms("first preview, first start of all", first[1]),
    ];
    vec![row]
}

fn wait_until(what: &str, reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        thread::sleep(LOOK);
    }
}

/// How late the main loop answers, while readers come and go.
pub fn stall(form: Form) -> Vec<Row> {
    let number = form.pick(10, 50);
    let quiet_time = Duration::from_secs(form.pick(2, 10));
    // From reader to reader, and how long each stays.
    let (pause, stay) = (Duration::from_millis(100), Duration::from_secs(2));
    let desktop = Desktop::start(WIDE);
    let (home, port) = home(PREVIEWS, HD);
    let command = desktop.place(home.command(&[]));
    let program = home.start(command);
    let screen = desktop.screen();
    wait_until("all previews", || screen.look().previews() == PREVIEWS);
    thread::sleep(Duration::from_secs(2));

    let pings = Pings::start(&desktop);
    thread::sleep(quiet_time);
    let quiet = pings.stop();

    let before = Usage::of(program.pid());
    let pings = Pings::start(&desktop);
    let readers: Vec<_> = (0..number)
        .map(|n| {
            thread::sleep(pause);
            let address = format!("rtsp://127.0.0.1:{port}/s{}", n % PREVIEWS);
            thread::spawn(move || {
                let reader = Client::connect(&address).play(Transport::Tcp);
                reader.wait_for("key frame", PATIENCE, |packet| packet.key);
                thread::sleep(stay);
                reader.leave();
            })
        })
        .collect();
    for reader in readers {
        reader.join().expect("a reader that joins and leaves");
    }
    let busy = pings.stop();
    let after = Usage::of(program.pid());
    assert_eq!(screen.look().previews(), PREVIEWS, "previews went away");
    program.stop();

    let mut row = row(
        "stall",
        format!(
            "main loop, {PREVIEWS} previews, {number} readers, one each {} ms, {} s each, TCP",
            pause.as_millis(),
            stay.as_secs()
        ),
        WIDE,
        HD,
    );
    row.encoder = Some(encoder());
    row.figures = vec![
        Figure::ms("p99", quantile(&busy.window, 0.99)).goal(33.0),
        Figure::ms("longest", quantile(&busy.window, 1.0)).goal(100.0).bound(BROKEN_MS),
        Figure::ms("median", quantile(&busy.window, 0.5)),
        Figure::ms("p99, without readers", quantile(&quiet.window, 0.99)),
        Figure::ms("longest, without readers", quantile(&quiet.window, 1.0)),
        // What of it is not the window's, but the machine's and the bus's.
        Figure::ms("p99 of the bus alone", quantile(&busy.bus, 0.99)),
        Figure::ms("longest of the bus alone", quantile(&busy.bus, 1.0)),
        Figure::new("processor, readers included", after.percent_since(&before), "%"),
    ];
    row.threads = after.threads_since(&before);
    vec![row]
}

/// The window over the whole screen, with at least so many previews. Gives the window, as xdotool calls it.
fn fill(desktop: &Desktop, display: Display, previews: usize) -> String {
    let window = desktop.xdotool(&["search", "--sync", "--onlyvisible", "--name", "^Headwater$"]);
    let [width, height] = [display.width, display.height].map(|side| side.to_string());
    desktop.xdotool(&["windowmove", &window, "0", "0", "windowsize", &window, &width, &height]);
    let screen = desktop.screen();
    wait_until("the previews", || screen.look().previews() >= previews);
    window
}

/// Many streams in one window.
pub fn previews(form: Form) -> Vec<Row> {
    const MANY: usize = 16;
    let watched = Duration::from_secs(form.pick(4, 15));
    let desktop = Desktop::start(TALL);
    let (home, _) = home(MANY, HD_15);
    let command = desktop.place(home.command(&[]));
    let program = home.start(command);
    fill(&desktop, TALL, MANY);
    thread::sleep(Duration::from_secs(form.pick(1, 3)));

    let screen = desktop.screen();
    let corners = screen.look().moving();
    let before = Usage::of(program.pid());
    let pings = Pings::start(&desktop);
    let rate = screen.changes(&corners[..1], watched);
    let delays = pings.stop();
    let after = Usage::of(program.pid());
    assert!(rate > 0.0, "the previews stand still");
    assert_eq!(screen.look().previews(), MANY, "previews went away");
    program.stop();

    let mut row = row(
        "previews",
        format!("{MANY} streams with their previews on screen, no reader, {} s", watched.as_secs()),
        TALL,
        HD_15,
    );
    row.figures = vec![
        Figure::ms("stall of the main loop, p99", quantile(&delays.window, 0.99)).goal(33.0).bound(BROKEN_MS),
        Figure::ms("stall of the main loop, longest", quantile(&delays.window, 1.0)),
        Figure::ms("stall of the main loop, median", quantile(&delays.window, 0.5)),
        Figure::ms("p99 of the bus alone", quantile(&delays.bus, 0.99)),
        Figure::new("new pictures in one preview", rate, "fps"),
        Figure::new("processor, sources included", after.percent_since(&before), "%"),
    ];
    row.threads = after.threads_since(&before);
    vec![row]
}

/// What a preview takes, on screen and off it, beside the same stream without a window.
pub fn preview(form: Form) -> Vec<Row> {
    /// The thread of the queue before the encoder, whose name x264's own have too: as long as names are.
    const ENCODER: &str = "encode-queue:sr";
    let rounds = form.pick(1, 7);
    let watched = Duration::from_secs(form.pick(2, 6));
    let desktop = Desktop::start(WIDE);
    let (home_of_window, port) = home(1, HD);
    let command = desktop.place(home_of_window.command(&[]));
    let program = home_of_window.start(command);
    let (home_without, port_without) = home(1, HD);
    let without = home_without.serve();
    let window = fill(&desktop, WIDE, 1);
    let readers = [port, port_without].map(|port| {
        let reader = Client::connect(&format!("rtsp://127.0.0.1:{port}/s0")).play(Transport::Tcp);
        reader.wait_for("key frame", PATIENCE, |packet| packet.key);
        reader
    });

    let screen = desktop.screen();
    // The processor time of both, at the same moments: what else goes on here, goes on beside both.
    let watch = || {
        thread::sleep(Duration::from_secs(1));
        let before = [program.pid(), without.pid()].map(Usage::of);
        thread::sleep(watched);
        let after = [program.pid(), without.pid()].map(Usage::of);
        let more = after[0].percent_since(&before[0]) - after[1].percent_since(&before[1]);
        (more, after[1].thread_since(&before[1], ENCODER), after[0].threads_since(&before[0]))
    };
    let (mut on, mut off, mut encode, mut threads) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut rate = 0.0;
    for _ in 0..rounds {
        desktop.xdotool(&["windowmap", "--sync", &window]);
        wait_until("the preview", || screen.look().previews() == 1);
        rate = screen.changes(&screen.look().moving(), Duration::from_secs(1));
        let (more, encoder, busiest) = watch();
        on.push(more);
        encode.push(encoder);
        threads = busiest;
        // What X has instead of minimizing, where no window manager runs.
        desktop.xdotool(&["windowunmap", "--sync", &window]);
        let (more, encoder, _) = watch();
        off.push(more);
        encode.push(encoder);
    }
    assert!(rate > 0.0, "the preview stands still");
    readers.into_iter().for_each(Reader::leave);
    program.stop();
    without.stop();

    let median = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        mean(&[sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]])
    };
    let (on_screen, encoding) = (median(&on), median(&encode));
    let mut row = row(
        "preview",
        format!(
            "1 reader, TCP, against the same without a window at the same time, {rounds} times {} s",
            watched.as_secs()
        ),
        WIDE,
        HD,
    );
    row.encoder = Some(encoder());
    row.figures = vec![
        Figure::new("on screen, of the encode", on_screen / encoding, "x").goal(0.25).bound(2.0),
        Figure::new("on screen, more than without a window", on_screen, "%"),
        Figure::new("off screen, more than without a window", median(&off), "%").goal(1.0),
        Figure::new("the least of the rounds, off screen", off.iter().copied().fold(f64::MAX, f64::min), "%"),
        Figure::new("the most of the rounds, off screen", off.iter().copied().fold(f64::MIN, f64::max), "%"),
        Figure::new("the encode", encoding, "%"),
        // 15 at most, by a look each 4 ms at a screen that is being drawn; without its limit it shows all 25.
        Figure::new("new pictures in the preview", rate, "fps").bound(21.0),
    ];
    row.threads = threads;
    vec![row]
}

/// The wheel is turned over a long list.
pub fn scrolling(form: Form) -> Vec<Row> {
    const MANY: usize = 50;
    let number = form.pick(20, MANY);
    let times = form.pick(1, 4);
    let desktop = Desktop::start(WIDE);
    let (home, _) = home(number, SMALL);
    let mut command = desktop.place(home.command(&[]));
    command.env("HEADWATER_LOG", "debug");
    let program = home.start(command);
    // It is not on the screen, and sleeps when it was described.
    program.wait_for_log(&format!("stream s{}: Ready", number - 1), 0);
    fill(&desktop, WIDE, PREVIEWS);
    let screen = desktop.screen();
    thread::sleep(Duration::from_secs(2));
    desktop.xdotool(&["mousemove", "550", "400"]);

    let pings = Pings::start(&desktop);
    let before = Usage::of(program.pid());
    let start = Instant::now();
    let lines = screen.lines();
    let rates: Vec<f64> = thread::scope(|scope| {
        let turned = scope.spawn(|| {
            for _ in 0..times {
                for direction in ["5", "4"] {
                    desktop.xdotool(&["click", "--repeat", "60", "--delay", "30", direction]);
                }
            }
        });
        let mut rates = Vec::new();
        while !turned.is_finished() {
            rates.push(screen.changes(&lines, Duration::from_millis(500)));
        }
        rates
    });
    let delays = pings.stop();
    let after = Usage::of(program.pid());
    wait_until("previews after it", || screen.look().previews() >= PREVIEWS);
    program.stop();

    let mut row = row(
        "scrolling",
        format!("{number} cards, down and up again {times} times in {:.0} s", start.elapsed().as_secs_f64()),
        WIDE,
        SMALL,
    );
    row.figures = vec![
        Figure::ms("stall of the main loop, p99", quantile(&delays.window, 0.99)).goal(33.0).bound(BROKEN_MS),
        Figure::ms("stall of the main loop, longest", quantile(&delays.window, 1.0)),
        Figure::ms("stall of the main loop, median", quantile(&delays.window, 0.5)),
        Figure::ms("p99 of the bus alone", quantile(&delays.bus, 0.99)),
        Figure::new("frames drawn", mean(&rates), "fps"),
        Figure::new("processor", after.percent_since(&before), "%"),
    ];
    row.threads = after.threads_since(&before);
    vec![row]
}
