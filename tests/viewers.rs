//! Those who watch: the figures of each, sending one away, and how many are let in. A configuration in this process,
//! its readers over the network.

#[path = "program/in_process.rs"]
mod in_process;
#[path = "program/program.rs"]
#[expect(dead_code, reason = "shared with the tests of the program, which use more of it")]
mod program;
#[path = "program/rtsp.rs"]
#[expect(dead_code, reason = "shared with the tests of the program, which use more of it")]
mod rtsp;

use gio::prelude::*;
use headwater::config::*;
use headwater::engine::{Figures, KeptAway, Reader as Viewer, Watching};
use in_process::{Hands, with_config};
use program::PATIENCE;
use rtsp::{Client, Reader, Transport, lost};
use rustix::process::{Pid, Signal, kill_process};
use std::cell::RefCell;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

thread_local! {
    /// On the thread of the configuration.
    static LOOKING: RefCell<Option<Watching>> = const { RefCell::new(None) };
}

const TEN_MINUTES: Duration = Duration::from_secs(600);

fn stream(id: &str, kbps: u32) -> StreamConfig {
    StreamConfig {
        id: id.into(),
        name: id.into(),
        path: format!("/{id}"),
        enabled: true,
        source: Source::Pattern(PatternSource::silent("snow")),
        access: Access { read: Readers::Anyone, publish: None, schemes: vec![Scheme::Digest] },
        readers_limit: None,
        renditions: vec![Rendition {
            size: Size::Pixels { width: 320, height: 240 },
            bitrate: Bitrate::Kbps(kbps),
            ..Rendition::default()
        }],
        overlays: Vec::new(),
        transports: ReaderTransport::default_list(),
        sound: Sound::default(),
        slate: Slate::default(),
        lost_after_seconds: Slate::LOST_AFTER_SECONDS,
    }
}

fn config() -> Config {
    Config {
        version: 1,
        server: ServerConfig { port: 0, ..ServerConfig::default() },
        limits: Limits::default(),
        users: vec![],
        streams: vec![stream("watched", 4000)],
    }
}

/// What the engine says of a reader.
#[derive(Debug, Clone)]
struct Seen {
    session: String,
    program: String,
    transport: ReaderTransport,
    figures: Figures,
}

impl Hands {
    /// The viewers, in the order in which they came.
    fn viewers(&self) -> Vec<Seen> {
        self.with(|control| async move {
            let viewers = control.engine().readers();
            let seen = |viewer: Viewer| Seen {
                session: viewer.session(),
                program: viewer.program(),
                transport: viewer.transport(),
                figures: viewer.figures(),
            };
            viewers.iter::<Viewer>().flatten().map(seen).collect()
        })
    }

    /// Waits until the viewers are such.
    fn wait(&self, what: &str, wanted: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let start = Instant::now();
        loop {
            let seen = self.viewers();
            if wanted(&seen) {
                return seen;
            }
            assert!(start.elapsed() < PATIENCE, "{what}: never, but {seen:#?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Keeps the figures up to date from now on.
    fn look(&self) {
        self.with(|control| async move { LOOKING.set(Some(control.engine().watch_readers())) });
    }

    fn send_away(&self, session: &str, keep_away: Option<Duration>) {
        let session = session.to_owned();
        self.with(move |control| async move {
            let viewers = control.engine().readers();
            let viewer = viewers.iter::<Viewer>().flatten().find(|viewer| viewer.session() == session);
            control.engine().remove_reader(&viewer.expect("it watches"), keep_away);
        });
    }

    fn change(&self, edit: impl FnOnce(&mut Config) + Send + 'static) {
        self.with(|control| async move { control.change(edit).await.unwrap() });
    }
}

/// Runs a test with a configuration, and with somebody who looks at the viewers.
fn with_viewers(config: &Config, test: impl FnOnce(&Hands, &str) + Send) {
    with_config(config, |hands, address| {
        hands.look();
        test(hands, &format!("{address}/watched"));
        hands.with(|_| async { drop(LOOKING.take()) });
    });
}

/// ffmpeg, which watches until it is told that the stream has ended.
struct Player(Child);

impl Player {
    fn of(address: &str, transport: &str) -> Self {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-loglevel", "error", "-rtsp_transport", transport, "-i", address]);
        ffmpeg.args(["-c", "copy", "-f", "null", "-"]);
        Self(ffmpeg.stderr(Stdio::null()).spawn().expect("ffmpeg"))
    }

    fn gstreamer(address: &str) -> Self {
        let mut launch = Command::new("gst-launch-1.0");
        launch.args(["-q", "rtspsrc", "protocols=tcp"]).arg(format!("location={address}"));
        launch.args(["!", "fakesink"]);
        Self(launch.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("gst-launch-1.0"))
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    fn watches(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Waits until it ends by itself, without an error.
    fn ends(mut self) {
        let start = Instant::now();
        while self.watches() {
            assert!(start.elapsed() < PATIENCE, "ffmpeg was not told that the stream has ended");
            thread::sleep(Duration::from_millis(5));
        }
        let status = self.0.wait().unwrap();
        assert!(status.success(), "ffmpeg took the end for an error: {status}");
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A reader that has got pictures.
fn reader(address: &str, transport: Transport) -> Reader {
    let reader = Client::connect(address).play(transport);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    reader.forget();
    reader
}

/// It goes on, and nothing of what came is missing.
fn assert_undisturbed(reader: &Reader) {
    let now = Instant::now();
    reader.wait_for("more packets", PATIENCE, |packet| packet.at > now + Duration::from_millis(500));
    assert_eq!(lost(&reader.packets()), 0, "the other reader lost packets");
}

#[test]
fn each_viewer_has_figures_of_its_own() {
    with_viewers(&config(), |hands, address| {
        let mut players = Vec::new();
        for (place, transport) in ["udp", "udp", "tcp"].into_iter().enumerate() {
            players.push(Player::of(address, transport));
            hands.wait("one more viewer", |seen| seen.len() == place + 1);
        }
        // Over TCP ffmpeg reports nothing.
        players.push(Player::gstreamer(address));
        let reports =
            |seen: &[Seen]| [0, 1, 3].map(|place| seen.get(place).and_then(|viewer| viewer.figures.jitter));
        hands.wait("reports", |seen| reports(seen).iter().all(Option::is_some));
        // All of them say that they are the same one: what the second misses is not to be the first's.
        players[1].signal(Signal::STOP);
        thread::sleep(Duration::from_secs(3));
        players[1].signal(Signal::CONT);
        let seen = hands.wait("a loss", |seen| seen.iter().any(|viewer| viewer.figures.lost > Some(100)));
        let lost: Vec<_> = seen.iter().map(|viewer| viewer.figures.lost).collect();
        assert!(lost[1] > Some(100) && lost[0] < Some(50) && lost[2..] == [None, Some(0)], "{seen:#?}");
        assert_eq!(
            seen.iter().map(|viewer| viewer.transport).collect::<Vec<_>>(),
            [ReaderTransport::Udp, ReaderTransport::Udp, ReaderTransport::Tcp, ReaderTransport::Tcp]
        );
        for viewer in &seen {
            let figures = viewer.figures;
            assert!(
                viewer.program.starts_with("Lavf") || viewer.program.starts_with("GStreamer"),
                "{viewer:?}"
            );
            assert!(figures.packets > 100 && figures.bytes > 100 * figures.packets, "{viewer:?}");
            assert!(figures.first_frame.is_some_and(|took| took < PATIENCE), "{viewer:?}");
            assert_eq!(figures.backlog.is_some(), viewer.transport == ReaderTransport::Tcp, "{viewer:?}");
        }
        // 4 Mbit/s, after a while without a pause.
        let near = |rate: Option<u64>| rate.is_some_and(|rate| (2_500_000..6_000_000).contains(&rate));
        hands.wait("a bitrate", |seen| seen.iter().all(|viewer| near(viewer.figures.bitrate)));
        let round_trip =
            |viewer: &Seen| viewer.figures.round_trip.is_some_and(|trip| trip < Duration::from_secs(5));
        hands.wait("a round trip", |seen| seen.iter().all(round_trip));
    });
}

#[test]
fn a_viewer_that_does_not_read_has_a_backlog() {
    with_viewers(&config(), |hands, address| {
        let reader = reader(address, Transport::Tcp);
        hands.wait("no backlog", |seen| {
            seen.iter().any(|viewer| viewer.figures.backlog.is_some_and(|left| left < 20_000))
        });
        reader.stall();
        hands.wait("a backlog", |seen| seen.iter().any(|viewer| viewer.figures.backlog > Some(200_000)));
        hands.wait("no bitrate", |seen| seen.iter().any(|viewer| viewer.figures.bitrate == Some(0)));
    });
}

#[test]
fn the_first_frame_is_there_before_the_reader_has_it() {
    with_viewers(&config(), |hands, address| {
        for place in 0..4 {
            let reader = Client::connect(address).play(Transport::Tcp);
            let key = reader.wait_for("key frame", PATIENCE, |packet| packet.key);
            let seen = hands
                .wait("its first frame", |seen| seen.len() == 1 && seen[0].figures.first_frame.is_some());
            let took = seen[0].figures.first_frame.unwrap();
            assert!(
                took <= key.at - reader.asked,
                "{place}: {took:?}, and {:?} for the reader",
                key.at - reader.asked
            );
            reader.leave();
            hands.wait("nobody", |seen| seen.is_empty());
        }
    });
}

#[test]
fn what_a_paused_viewer_is_not_sent_is_not_counted() {
    with_viewers(&config(), |hands, address| {
        // Another one keeps the stream going.
        let _other = reader(address, Transport::Tcp);
        let mut reader = reader(address, Transport::Udp);
        assert_eq!(reader.request("PAUSE"), 200);
        let paused = hands.wait("its figures", |seen| seen.len() == 2 && seen[1].figures.packets > 0);
        hands.wait("the other's", |seen| seen[0].figures.packets > paused[0].figures.packets + 200);
        assert_eq!(hands.viewers()[1].figures.packets, paused[1].figures.packets);
        assert_eq!(reader.request("PLAY"), 200);
        hands.wait("more", |seen| seen[1].figures.packets > paused[1].figures.packets);
        let others = hands.viewers()[0].figures.packets;
        assert!(hands.viewers()[1].figures.packets + 200 <= others + 1, "what it missed was counted");
    });
}

#[test]
fn a_viewer_is_sent_away_and_the_others_go_on() {
    with_viewers(&config(), |hands, address| {
        for transport in [Transport::Udp, Transport::Tcp] {
            let other = reader(address, transport);
            let player = Player::of(address, if transport == Transport::Udp { "udp" } else { "tcp" });
            let seen = hands.wait("two viewers", |seen| seen.len() == 2 && seen[1].figures.packets > 50);
            hands.send_away(&seen[1].session, None);
            player.ends();
            hands.wait("one viewer", |left| left.len() == 1 && left[0].session == seen[0].session);
            assert_undisturbed(&other);
            // It may come back.
            drop(reader(address, transport));
            other.leave();
            // A session on UDP goes on without its connection, one on TCP does not.
            let left = usize::from(transport == Transport::Udp);
            hands.wait("those who stay", |seen| seen.len() == left);
            for left in hands.viewers() {
                hands.send_away(&left.session, None);
            }
            hands.wait("nobody", |seen| seen.is_empty());
        }
    });
}

#[test]
fn a_viewer_without_a_connection_is_sent_away() {
    with_viewers(&config(), |hands, address| {
        let other = reader(address, Transport::Udp);
        let reader = reader(address, Transport::Udp);
        reader.hang_up();
        let now = Instant::now();
        reader.wait_for("packets without a connection", PATIENCE, |packet| {
            packet.at > now + Duration::from_secs(1)
        });
        let seen = hands.wait("both", |seen| seen.len() == 2);
        hands.send_away(&seen[1].session, None);
        reader.wait_for_goodbye(PATIENCE);
        hands.wait("one viewer", |seen| seen.len() == 1);
        reader.forget();
        assert_undisturbed(&other);
        assert!(reader.packets().is_empty(), "it is still sent packets");
    });
}

#[test]
fn who_was_sent_away_is_kept_away_until_let_in() {
    with_viewers(&config(), |hands, address| {
        let first = reader(address, Transport::Tcp);
        let seen = hands.wait("a viewer", |seen| seen.len() == 1);
        hands.send_away(&seen[0].session, Some(TEN_MINUTES));
        first.wait_for_goodbye(PATIENCE);
        hands.wait("nobody", |seen| seen.is_empty());
        assert_eq!(Client::connect(address).describe().status, 403);
        hands.with(|control| async move {
            let kept =
                control.engine().kept_away().item(0).and_downcast::<KeptAway>().expect("one is kept away");
            assert_eq!((kept.address().as_str(), kept.user().as_str()), ("127.0.0.1", ""));
            control.engine().let_in(&kept);
        });
        assert_eq!(Client::connect(address).describe().status, 200);
    });
}

#[test]
fn only_so_many_are_let_in() {
    let mut config = config();
    config.streams.push(stream("free", 1000));
    config.streams[0].readers_limit = Some(1);
    config.limits.readers_per_address = 2;
    with_viewers(&config, |hands, watched| {
        let free = watched.replace("/watched", "/free");
        let set_up = |address: &str| {
            let mut client = Client::connect(address);
            let status = client.set_up();
            (status, client)
        };
        let first = reader(watched, Transport::Tcp);
        assert_eq!(set_up(watched).0, 453, "the stream has one already");
        let (status, second) = set_up(&free);
        assert_eq!(status, 200);
        assert_eq!(set_up(&free).0, 453, "the address has two already");
        hands.change(|config| config.limits.readers_per_address = 3);
        let (status, third) = set_up(&free);
        assert_eq!(status, 200);
        // A seat is free again when a session ends, even one that never played.
        drop((second, third));
        first.leave();
        hands.wait("nobody", |seen| seen.is_empty());
        let start = Instant::now();
        while set_up(watched).0 != 200 {
            assert!(start.elapsed() < PATIENCE, "the seat is never free");
            thread::sleep(Duration::from_millis(50));
        }
    });
}
