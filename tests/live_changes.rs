//! What readers notice of a change, and what not: the engine in this process, its readers over the network.

#[path = "program/program.rs"]
#[expect(dead_code, reason = "shared with the tests of the program, which use more of it")]
mod program;
#[path = "program/rtsp.rs"]
#[expect(dead_code, reason = "shared with the tests of the program, which use more of it")]
mod rtsp;

use gio::prelude::*;
use headwater::config::*;
use headwater::engine::{Engine, Stream, StreamState};
use program::{PATIENCE, finish, words};
use rtsp::{Client, Transport, lost, steps};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

const SIZE: Size = Size::Pixels { width: 320, height: 240 };

fn stream(id: &str) -> StreamConfig {
    StreamConfig {
        id: id.into(),
        name: id.into(),
        path: format!("/{id}"),
        enabled: true,
        source: Source::Pattern(PatternSource { pattern: "black".into() }),
        access: Access { read: Readers::Anyone, schemes: vec![Scheme::Digest] },
        renditions: vec![Rendition { size: SIZE, ..Rendition::default() }],
        overlays: Vec::new(),
    }
}

fn config() -> Config {
    Config {
        version: 1,
        server: ServerConfig { listen: Listen::Localhost, port: 0 },
        users: Vec::new(),
        streams: vec![stream("changed"), stream("control")],
    }
}

/// Changes the configuration of an engine on another thread.
struct Hands(async_channel::Sender<(Config, async_channel::Sender<()>)>);

impl Hands {
    fn apply(&self, config: &Config) {
        let (done, wait) = async_channel::bounded(1);
        self.0.send_blocking((config.clone(), done)).unwrap();
        wait.recv_blocking().unwrap();
    }
}

/// A test's hands and the address of the server that its engine serves at, handed over when it is ready.
type Ready = async_channel::Sender<(Hands, String)>;

/// The thread of every engine: the default main context, and what is attached to it, belong to one thread.
static ENGINES: LazyLock<async_channel::Sender<Ready>> = LazyLock::new(|| {
    let (wishes, wished) = async_channel::unbounded::<Ready>();
    thread::spawn(move || {
        let context = glib::MainContext::default();
        let serve = async {
            while let Ok(ready) = wished.recv().await {
                serve(ready).await;
            }
        };
        context.with_thread_default(|| context.block_on(serve)).unwrap();
    });
    wishes
});

/// An engine, until the test lets go of its hands.
async fn serve(ready: Ready) {
    let (changes, received) = async_channel::unbounded();
    let engine = Engine::new().unwrap();
    engine.apply(&config(), &Passwords::default());
    for stream in engine.streams().iter::<Stream>().flatten() {
        until_ready(&stream).await;
    }
    ready.send((Hands(changes), engine.address("").unwrap())).await.unwrap();
    while let Ok((config, done)) = received.recv().await {
        engine.apply(&config, &Passwords::default());
        done.send(()).await.unwrap();
    }
    engine.stop().await;
}

/// Runs a test with an engine that serves [`config`] already, and the address of the server.
fn with_engine(test: impl FnOnce(&Hands, &str)) {
    let (ready, started) = async_channel::bounded(1);
    ENGINES.send_blocking(ready).unwrap();
    let (hands, address) = started.recv_blocking().unwrap();
    test(&hands, &address);
}

async fn until_ready(stream: &Stream) {
    let (sender, states) = async_channel::unbounded();
    let handler = stream.connect_state_notify(move |stream| drop(sender.try_send(stream.state())));
    while stream.state() != StreamState::Ready {
        states.recv().await.unwrap();
    }
    stream.disconnect(handler);
}

/// The brightest point of a picture that a new reader gets.
fn brightest(address: &str) -> u8 {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", address]);
    ffmpeg.args(["-frames:v", "2", "-f", "rawvideo", "-pix_fmt", "gray", "-"]);
    let output = finish(ffmpeg, "");
    assert!(output.status.success(), "{}", words(&output));
    let picture = output.stdout.len() / 2;
    *output.stdout[picture..].iter().max().expect("ffmpeg wrote a picture")
}

fn text(text: &str) -> Overlay {
    Overlay::Text(Text { text: text.into(), position: Position::Center })
}

#[test]
fn overlays_bitrate_and_name_change_while_a_reader_watches() {
    with_engine(|hands, address| {
        let address = format!("{address}/changed");
        let reader = Client::connect(&address).play(Transport::Tcp);
        reader.wait_for("packet", PATIENCE, |_| true);
        // The first picture is the one that it was described by; what follows runs evenly.
        thread::sleep(Duration::from_millis(200));
        reader.forget();
        assert!(brightest(&address) < 60, "a black picture is not black");

        let mut config = config();
        config.streams[0].overlays = vec![text("Headwater")];
        hands.apply(&config);
        assert!(brightest(&address) > 200, "the text is not in the picture");

        config.streams[0].overlays =
            vec![text("A & B <C>"), Overlay::Clock(Clock { position: Position::Top })];
        config.streams[0].renditions[0].bitrate = Bitrate::Kbps(300);
        config.streams[0].name = "Another name".into();
        hands.apply(&config);
        config.streams[0].overlays.clear();
        hands.apply(&config);
        assert!(brightest(&address) < 60, "the text stayed in the picture");

        let packets = reader.packets();
        assert_eq!(lost(&packets), 0, "packets were lost");
        // One frame of 25 a second.
        let uneven: Vec<_> = steps(&packets).into_iter().filter(|step| *step != 3600).collect();
        assert!(uneven.is_empty(), "RTP time made steps of {uneven:?}");
        reader.leave();
    });
}

#[test]
fn another_size_ends_the_readers_of_that_stream_alone() {
    with_engine(|hands, address| {
        let changed = format!("{address}/changed");
        let control = Client::connect(&format!("{address}/control")).play(Transport::Tcp);
        control.wait_for("packet", PATIENCE, |_| true);
        thread::sleep(Duration::from_millis(200));
        control.forget();
        let mut watcher = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", &changed])
            .args(["-f", "null", "-"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let reader = Client::connect(&changed).play(Transport::Tcp);
        reader.wait_for("packet", PATIENCE, |_| true);
        thread::sleep(Duration::from_millis(500));

        let mut config = config();
        config.streams[0].renditions[0].size = Size::Pixels { width: 640, height: 360 };
        hands.apply(&config);
        let start = std::time::Instant::now();
        let status = loop {
            if let Some(status) = watcher.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "ffmpeg was not told that the stream has ended");
            thread::sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "ffmpeg took the end for an error: {status}");

        // While it is made again the answer is 503.
        while Client::connect(&changed).describe().status != 200 {
            assert!(start.elapsed() < PATIENCE, "the stream did not come back");
            thread::sleep(Duration::from_millis(10));
        }
        let mut ffprobe = Command::new("ffprobe");
        ffprobe.args([
            "-loglevel",
            "error",
            "-rtsp_transport",
            "tcp",
            "-show_entries",
            "stream=width,height",
        ]);
        ffprobe.args(["-of", "csv=p=0", &changed]);
        let output = finish(ffprobe, "");
        assert!(words(&output).contains("640,360"), "{}", words(&output));

        let packets = control.packets();
        assert_eq!(lost(&packets), 0, "the other stream lost packets");
        assert!(steps(&packets).iter().all(|step| *step == 3600), "the other stream's time was not even");
        control.leave();
    });
}
