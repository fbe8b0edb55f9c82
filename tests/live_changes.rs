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
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// One engine at a time: it has the default main context.
static ENGINE: Mutex<()> = Mutex::new(());

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

/// An engine that runs on this thread, while a test on another one changes its configuration.
struct Hands(async_channel::Sender<Order>);

/// Something to be done with the engine, on its own thread, and whom to tell that it is done.
type Order = (Box<dyn FnOnce(&Engine) + Send>, async_channel::Sender<()>);

impl Hands {
    fn with(&self, work: impl FnOnce(&Engine) + Send + 'static) {
        let (done, wait) = async_channel::bounded(1);
        self.0.send_blocking((Box::new(work), done)).unwrap();
        wait.recv_blocking().unwrap();
    }

    fn apply(&self, config: &Config) {
        let config = config.clone();
        self.with(move |engine| engine.apply(&config, &Passwords::default()));
    }
}

/// Runs a test with an engine that serves [`config`] already, and the address of the server.
fn with_engine(test: impl FnOnce(&Hands, &str) + Send) {
    let _one = ENGINE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let context = glib::MainContext::default();
    let (changes, received) = async_channel::unbounded::<Order>();
    let (ready, started) = async_channel::bounded(1);
    thread::scope(|scope| {
        let user = scope.spawn(move || {
            let hands = Hands(changes);
            let address: String = started.recv_blocking().unwrap();
            test(&hands, &address);
        });
        context
            .with_thread_default(|| {
                context.block_on(async {
                    let engine = Engine::new().unwrap();
                    engine.apply(&config(), &Passwords::default());
                    for stream in engine.streams().iter::<Stream>().flatten() {
                        until_ready(&stream).await;
                    }
                    ready.send(engine.address("").unwrap()).await.unwrap();
                    while let Ok((work, done)) = received.recv().await {
                        work(&engine);
                        done.send(()).await.unwrap();
                    }
                    engine.stop().await;
                });
            })
            .unwrap();
        if let Err(panic) = user.join() {
            std::panic::resume_unwind(panic);
        }
    });
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
fn a_preview_of_a_stream_that_began_late_leaves_its_readers_their_pictures() {
    with_engine(|hands, address| {
        // Longer than any picture may be late.
        thread::sleep(Duration::from_secs(2));
        let mut config = config();
        config.streams.push(stream("late"));
        hands.apply(&config);
        hands.with(|engine| {
            let late = engine.streams().iter::<Stream>().flatten().find(|stream| stream.id() == "late");
            let preview = gst::parse::bin_from_description(
                "queue leaky=downstream max-size-buffers=1 ! fakesink sync=true qos=true async=false",
                true,
            );
            // Looked at until the engine ends.
            std::mem::forget(late.unwrap().add_branch(&preview.unwrap()));
        });
        let address = format!("{address}/late");
        let start = std::time::Instant::now();
        while Client::connect(&address).describe().status != 200 {
            assert!(start.elapsed() < PATIENCE, "the stream did not start");
            thread::sleep(Duration::from_millis(10));
        }
        let reader = Client::connect(&address).play(Transport::Tcp);
        reader.wait_for("packet", PATIENCE, |_| true);
        thread::sleep(Duration::from_millis(200));
        reader.forget();
        thread::sleep(Duration::from_secs(2));
        let packets = reader.packets();
        assert!(steps(&packets).len() > 40, "only {} pictures came in 2 s", steps(&packets).len());
        assert!(steps(&packets).iter().all(|step| *step == 3600), "pictures were left out");
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
