//! What somebody at the window waits for.

use crate::Form;
use crate::desktop::{Desktop, Pings, RENDERER};
use crate::machine::Usage;
use crate::program::{Home, PATIENCE, Stream, config};
use crate::quality::{HD, PATTERN, encoder};
use crate::report::{Figure, Row, quantile};
use crate::rtsp::{Client, Transport};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

const PREVIEWS: usize = 4;

/// How often the screen is looked at, which is how exact the times of the start are.
const LOOK: Duration = Duration::from_millis(4);

/// A window that answers later than this hangs, on any machine and in any build.
const BROKEN_MS: f64 = 2000.0;

/// Four streams, and the port that they are served at: the window does not say which one it got.
fn home() -> (Home, u16) {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let streams: Vec<Stream> =
        (0..PREVIEWS).map(|n| Stream::pattern(&format!("s{n}"), PATTERN).picture(&HD.rendition())).collect();
    (Home::new(&config(&[], &streams).replace("port = 0", &format!("port = {port}"))), port)
}

fn row(name: &'static str, workload: String) -> Row {
    Row {
        name,
        workload,
        encoder: None,
        renderer: Some(RENDERER),
        size: HD.words,
        ssim: None,
        figures: Vec::new(),
        threads: Vec::new(),
    }
}

/// From the start of the program to its window, and to the first preview in it.
pub fn start(form: Form) -> Vec<Row> {
    let times = form.pick(1, 10);
    let desktop = Desktop::start();
    let (home, _) = home();
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
    let desktop = Desktop::start();
    let (home, port) = home();
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
