//! What readers notice of a change, and what not: a configuration that is changed in this process, its readers
//! over the network.

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
use headwater::engine::{EncodedBy, Reader as Viewer, Stream};
use in_process::{Hands, with_config};
use program::{PATIENCE, finish, words};
use rtsp::{Client, Credentials, Reader, Transport, frames, lost, steps};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const WIDTH: usize = 320;
const HEIGHT: usize = 240;
const SIZE: Size = Size::Pixels { width: WIDTH as u32, height: HEIGHT as u32 };

/// From the change to the decoded picture that shows it.
const SEEN_WITHIN: Duration = Duration::from_millis(500);

fn stream(id: &str) -> StreamConfig {
    StreamConfig {
        id: id.into(),
        name: id.into(),
        path: format!("/{id}"),
        enabled: true,
        source: Source::Pattern(PatternSource::silent("black")),
        access: Access { read: Readers::Anyone, publish: None, schemes: vec![Scheme::Digest] },
        renditions: vec![Rendition { size: SIZE, ..Rendition::default() }],
        readers_limit: None,
        overlays: Vec::new(),
        sound: Sound::default(),
        transports: ReaderTransport::default_list(),
        slate: Slate::default(),
        lost_after_seconds: Slate::LOST_AFTER_SECONDS,
    }
}

fn config() -> Config {
    Config {
        version: 1,
        server: ServerConfig { port: 0, ..ServerConfig::default() },
        limits: Limits::default(),
        users: vec![User { name: "guest".into() }],
        streams: vec![stream("changed"), stream("control")],
    }
}

impl Hands {
    /// Changes the stream that is there for it, and says when it was asked for that.
    fn change(&self, edit: impl FnOnce(&mut StreamConfig) + Send + 'static) -> Instant {
        let asked = Instant::now();
        self.with(|control| async move {
            control.change(|config| edit(&mut config.streams[0])).await.unwrap();
        });
        asked
    }

    /// The sessions of those who watch.
    fn sessions(&self) -> Vec<String> {
        self.with(|control| async move {
            let mut sessions: Vec<String> = control
                .engine()
                .readers()
                .iter::<Viewer>()
                .flatten()
                .map(|viewer| viewer.session())
                .collect();
            sessions.sort();
            sessions
        })
    }
}

/// Runs a test with [`config`] served already, and the address of the server.
fn with_server(test: impl FnOnce(&Hands, &str) + Send) {
    with_config(&config(), test);
}

/// A reader whose pictures run evenly by now.
fn reader(address: &str) -> Reader {
    let reader = Client::connect(address).play(Transport::Tcp);
    // The first picture is the one that the stream was described by.
    let first = reader.wait_for("packet", PATIENCE, |_| true);
    let next = reader.wait_for("second picture", PATIENCE, |packet| packet.time != first.time);
    reader
        .wait_for("third picture", PATIENCE, |packet| packet.time != first.time && packet.time != next.time);
    reader.forget();
    reader
}

/// Pictures at a time.
const MOST_LEFT_OUT: i32 = 3;

/// It goes on, nothing of what came is missing, and its time is that of 25 pictures a second.
fn assert_undisturbed(reader: &Reader, whose: &str) {
    let now = Instant::now();
    reader.wait_for("more packets", PATIENCE, |packet| packet.at > now);
    let packets = reader.packets();
    assert_eq!(lost(&packets), 0, "{whose} lost packets");
    assert!(frames(&packets).len() > 10, "{whose} got {} pictures", frames(&packets).len());
    // A busy machine leaves a picture out now and then.
    let is_even = |step: &i32| (1..=MOST_LEFT_OUT + 1).any(|pictures| *step == pictures * 3600);
    let uneven: Vec<_> = steps(&packets).into_iter().filter(|step| !is_even(step)).collect();
    assert!(uneven.is_empty(), "the RTP time of {whose} made steps of {uneven:?}");
}

/// Nobody connected again since there were these sessions, and the readers of both streams got everything. They leave.
fn nobody_noticed(hands: &Hands, sessions: &[String], reader: Reader, control: Reader) {
    assert_eq!(hands.sessions(), sessions, "somebody had to connect again");
    assert_undisturbed(&reader, "the reader");
    assert_undisturbed(&control, "the other stream's reader");
    reader.leave();
    control.leave();
}

/// ffmpeg, and what it decodes: grey pictures, or pieces of sound, with the moment at which each was there.
struct Watcher {
    ffmpeg: Child,
    pieces: Arc<Pieces>,
}

#[derive(Default)]
struct Pieces {
    decoded: Mutex<Vec<(Instant, Vec<u8>)>>,
    more: Condvar,
}

/// 20 ms of sound: samples of 16 bits, 8000 a second.
const PIECE_OF_SOUND: usize = 2 * 160;

impl Watcher {
    fn of(address: &str) -> Self {
        let output = ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray"];
        Self::decode(address, &output, WIDTH * HEIGHT)
    }

    fn of_sound(address: &str) -> Self {
        let output = ["-vn", "-f", "s16le", "-ac", "1", "-ar", "8000", "-flush_packets", "1"];
        Self::decode(address, &output, PIECE_OF_SOUND)
    }

    fn decode(address: &str, output: &[&str], length: usize) -> Self {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-loglevel", "error", "-fflags", "nobuffer", "-flags", "low_delay"]);
        // A thread more is a picture later.
        ffmpeg.args(["-threads", "1", "-rtsp_transport", "tcp", "-i", address]);
        ffmpeg.args(output).arg("-");
        let mut ffmpeg = ffmpeg.stdout(Stdio::piped()).spawn().expect("ffmpeg");
        let mut output = ffmpeg.stdout.take().unwrap();
        let pieces = Arc::<Pieces>::default();
        let to = pieces.clone();
        thread::spawn(move || {
            let mut piece = vec![0; length];
            while output.read_exact(&mut piece).is_ok() {
                to.decoded.lock().unwrap().push((Instant::now(), piece.clone()));
                to.more.notify_all();
            }
        });
        Self { ffmpeg, pieces }
    }

    /// The picture that shows it first, of those that came since then: how long that took.
    fn sees(&self, what: &str, since: Instant, shows: impl Fn(&[u8]) -> bool) -> Duration {
        let mut pieces = self.pieces.decoded.lock().unwrap();
        loop {
            let shown = pieces.iter().find(|(at, piece)| *at > since && shows(piece));
            if let Some((at, _)) = shown {
                let took = *at - since;
                pieces.clear();
                return took;
            }
            let left = PATIENCE.saturating_sub(since.elapsed());
            assert!(!left.is_zero(), "{what} did not come, in {} pieces", pieces.len());
            pieces = self.pieces.more.wait_timeout(pieces, left).unwrap().0;
        }
    }

    /// The piece of sound that first is about as loud, of those that came since then: how long that took. The
    /// loudest is 1.
    fn hears(&self, what: &str, since: Instant, loudness: f64) -> Duration {
        self.sees(what, since, |piece| (peak(piece) - loudness).abs() < 0.1 * loudness + 0.005)
    }

    /// Waits until it ends by itself, without an error.
    fn ends(mut self) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.ffmpeg.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "ffmpeg was not told that the stream has ended");
            thread::sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "ffmpeg took the end for an error: {status}");
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.ffmpeg.kill();
        let _ = self.ffmpeg.wait();
    }
}

/// The loudest sample, between 0 and 1.
fn peak(piece: &[u8]) -> f64 {
    let (samples, _) = piece.as_chunks::<2>();
    let loudest = samples.iter().map(|sample| i16::from_le_bytes(*sample).unsigned_abs()).max();
    f64::from(loudest.unwrap_or_default()) / f64::from(i16::MAX)
}

/// One of nine equal parts of a picture, by column and row.
type Part = (usize, usize);
const TOP_LEFT: Part = (0, 0);
const TOP_RIGHT: Part = (2, 0);
const CENTER: Part = (1, 1);
const BOTTOM_LEFT: Part = (0, 2);

/// How many points of this part are bright: something is written there.
fn bright(picture: &[u8], (column, row): Part) -> usize {
    let rows = picture.chunks_exact(WIDTH).skip(row * HEIGHT / 3).take(HEIGHT / 3);
    rows.flat_map(|row| &row[column * WIDTH / 3..(column + 1) * WIDTH / 3])
        .filter(|point| **point > 128)
        .count()
}

/// These parts have something written in them, and no others.
fn written(picture: &[u8], parts: &[Part]) -> bool {
    let all = (0..3).flat_map(|row| (0..3).map(move |column| (column, row)));
    all.into_iter().all(|part| (bright(picture, part) > 0) == parts.contains(&part))
}

fn text(text: &str, position: Position) -> Overlay {
    Overlay::Text(Text { text: text.into(), position })
}

fn clock(position: Position) -> Overlay {
    Overlay::Clock(Clock { position })
}

/// What has to be seen in a picture.
type Seen = Box<dyn Fn(&[u8]) -> bool>;

#[test]
fn a_changed_overlay_is_seen_within_half_a_second_and_no_packet_is_lost() {
    with_server(|hands, address| {
        let changed = format!("{address}/changed");
        let control = reader(&format!("{address}/control"));
        let reader = reader(&changed);
        let watcher = Watcher::of(&changed);
        watcher.sees("a black picture", Instant::now(), |picture| written(picture, &[]));
        let sessions = hands.sessions();
        assert_eq!(sessions.len(), 3);

        let only = |parts: &'static [Part]| -> Seen { Box::new(move |picture| written(picture, parts)) };
        let steps: [(&str, Vec<Overlay>, Seen); 8] = [
            ("a text", vec![text("i", Position::Center)], only(&[CENTER])),
            (
                "another text",
                vec![text("& <W>", Position::Center)],
                Box::new(|picture| written(picture, &[CENTER]) && bright(picture, CENTER) > 60),
            ),
            ("a text elsewhere", vec![text("& <W>", Position::BottomLeft)], only(&[BOTTOM_LEFT])),
            (
                "a clock beside it",
                vec![text("& <W>", Position::BottomLeft), clock(Position::TopRight)],
                Box::new(|picture| {
                    bright(picture, BOTTOM_LEFT) > 0
                        && bright(picture, TOP_RIGHT) > 0
                        && bright(picture, TOP_LEFT) == 0
                }),
            ),
            (
                "the clock elsewhere",
                vec![text("& <W>", Position::BottomLeft), clock(Position::TopLeft)],
                Box::new(|picture| bright(picture, TOP_LEFT) > 0 && bright(picture, TOP_RIGHT) == 0),
            ),
            (
                "the other one on top",
                vec![clock(Position::TopLeft), text("& <W>", Position::Center)],
                Box::new(|picture| bright(picture, CENTER) > 0 && bright(picture, BOTTOM_LEFT) == 0),
            ),
            ("no clock", vec![text("& <W>", Position::Center)], only(&[CENTER])),
            ("no overlay", vec![], only(&[])),
        ];
        for (what, overlays, shows) in steps {
            let asked = hands.change(move |stream| stream.overlays = overlays);
            let took = watcher.sees(what, asked, shows);
            println!("{what}: seen after {took:?}");
            assert!(took < SEEN_WITHIN, "{what} was seen after {took:?}");
        }

        nobody_noticed(hands, &sessions, reader, control);
    });
}

/// The pictures of a film are passed through until something is drawn on them. The film is opened again then.
#[test]
fn an_overlay_on_what_is_passed_through_is_seen_and_nobody_has_to_connect_again() {
    const OPENED_AGAIN: Duration = Duration::from_secs(2);
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    let black = format!("color=black:size={WIDTH}x{HEIGHT}:rate=25:duration=20");
    ffmpeg.args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", &black]);
    ffmpeg.args(["-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "2", "-g", "250"]).arg(&film);
    let output = finish(ffmpeg, "");
    assert!(output.status.success(), "ffmpeg: {}", words(&output));
    let mut config = config();
    config.streams[0].renditions = vec![];
    config.streams[0].source = Source::File(FileSource::new(vec![film]));
    with_config(&config, |hands, address| {
        let by = || {
            hands.with(|control| async move {
                let stream = control.engine().streams().item(0).and_downcast::<Stream>().unwrap();
                stream.encoding().map(|encoding| encoding.by)
            })
        };
        let changed = format!("{address}/changed");
        let reader = Client::connect(&changed).play(Transport::Tcp);
        reader.wait_for("packet", PATIENCE, |_| true);
        let watcher = Watcher::of(&changed);
        watcher.sees("a black picture", Instant::now(), |picture| written(picture, &[]));
        assert_eq!(by(), Some(EncodedBy::Source));
        let sessions = hands.sessions();
        for (what, overlays, parts) in
            [("a text", vec![text("i", Position::Center)], &[CENTER][..]), ("no overlay", vec![], &[])]
        {
            let asked = hands.change(move |stream| stream.overlays = overlays);
            let took = watcher.sees(what, asked, |picture| written(picture, parts));
            println!("{what}: seen after {took:?}");
            assert!(took < OPENED_AGAIN, "{what} was seen after {took:?}");
            assert_eq!(by() == Some(EncodedBy::Source), parts.is_empty(), "{what}: {:?}", by());
        }
        assert_eq!(hands.sessions(), sessions, "somebody had to connect again");
        assert_eq!(lost(&reader.packets()), 0);
        reader.leave();
    });
}

#[test]
fn another_bitrate_is_kept_to_within_half_a_second_and_no_packet_is_lost() {
    const HIGH: u32 = 4000;
    const LOW: u32 = 400;
    with_server(|hands, address| {
        // Nothing is harder to encode.
        hands.change(|stream| {
            stream.source = Source::Pattern(PatternSource::silent("snow"));
            stream.renditions[0].bitrate = Bitrate::Kbps(HIGH);
        });
        let changed = format!("{address}/changed");
        until_described(&changed);
        let control = reader(&format!("{address}/control"));
        let reader = reader(&changed);
        let sessions = hands.sessions();
        // Kilobits a second of what came between two moments.
        let rate = |from: Instant, until: Instant| {
            let between = |at| at >= from && at < until;
            let bytes: usize =
                reader.packets().iter().filter(|packet| between(packet.at)).map(|packet| packet.bytes).sum();
            bytes as f64 * 8.0 / 1000.0 / (until - from).as_secs_f64()
        };
        let settle = |from: Instant, for_: Duration| {
            reader.wait_for("later packet", PATIENCE, |packet| packet.at > from + for_);
        };
        let start = Instant::now();
        settle(start, Duration::from_secs(1));
        let before = rate(start, start + Duration::from_secs(1));
        for (kbps, is_kept) in [
            (LOW, Box::new(|rate: f64| rate < before / 2.0) as Box<dyn Fn(f64) -> bool>),
            (HIGH, Box::new(|rate: f64| rate > before / 2.0)),
        ] {
            let asked = hands.change(move |stream| stream.renditions[0].bitrate = Bitrate::Kbps(kbps));
            settle(asked, 2 * SEEN_WITHIN);
            let after = rate(asked + SEEN_WITHIN, asked + 2 * SEEN_WITHIN);
            println!("{kbps} kbit/s: {after:.0} kbit/s after half a second, {before:.0} before");
            assert!(is_kept(after), "at {kbps} kbit/s {after:.0} came, and {before:.0} before");
        }
        nobody_noticed(hands, &sessions, reader, control);
    });
}

/// As [`config`], with a tone of a quarter of the loudest in both streams.
fn config_with_sound() -> Config {
    let mut config = config();
    for stream in &mut config.streams {
        stream.source =
            Source::Pattern(PatternSource { sound: PatternSound::Sine, ..PatternSource::silent("black") });
        stream.sound.codec = SoundCodec::Auto;
    }
    config
}

#[test]
fn another_volume_and_mute_are_heard_within_half_a_second_and_no_packet_is_lost() {
    const TONE: f64 = 0.25;
    with_config(&config_with_sound(), |hands, address| {
        let changed = format!("{address}/changed");
        let control = reader(&format!("{address}/control"));
        let other = Watcher::of_sound(&format!("{address}/control"));
        let reader = reader(&changed);
        let watcher = Watcher::of_sound(&changed);
        watcher.hears("the tone", Instant::now(), TONE);
        other.hears("the other tone", Instant::now(), TONE);
        let sessions = hands.sessions();
        assert_eq!(sessions.len(), 4);
        let steps =
            [(50, false, 0.5), (50, true, 0.0), (200, true, 0.0), (200, false, 2.0), (100, false, 1.0)];
        for (volume, mute, share) in steps {
            let what = format!("{volume} % {}", if mute { "muted" } else { "heard" });
            let asked = hands.change(move |stream| (stream.sound.volume, stream.sound.mute) = (volume, mute));
            let took = watcher.hears(&what, asked, share * TONE);
            println!("{what}: after {took:?}");
            assert!(took < SEEN_WITHIN, "{what} was heard after {took:?}");
            other.hears("the other tone", asked, TONE);
        }
        nobody_noticed(hands, &sessions, reader, control);
    });
}

#[test]
fn another_sound_codec_ends_the_viewers_of_that_stream_alone() {
    let opus = |stream: &mut StreamConfig| stream.sound.codec = SoundCodec::Opus;
    ends_viewers_of_one(&config_with_sound(), opus, "/changed", "opus,0/0");
}

#[test]
fn access_and_name_change_at_once_and_whoever_watches_stays() {
    with_server(|hands, address| {
        let changed = format!("{address}/changed");
        let control = reader(&format!("{address}/control"));
        let reader = reader(&changed);
        let sessions = hands.sessions();

        hands.change(|stream| stream.access.read = Readers::Users(vec!["guest".into()]));
        assert_eq!(
            Client::connect(&changed).describe().status,
            401,
            "somebody new gets in without a password"
        );
        hands.change(|stream| stream.access.read = Readers::Anyone);
        assert_eq!(Client::connect(&changed).describe().status, 200, "somebody new does not get in");
        hands.change(|stream| stream.name = "Another name".into());
        let name = hands.with(|control| async move {
            control.engine().streams().item(0).and_downcast::<Stream>().unwrap().name()
        });
        assert_eq!(name, "Another name");

        let asked = Instant::now();
        reader.wait_for("later picture", PATIENCE, |packet| packet.at > asked + SEEN_WITHIN);
        nobody_noticed(hands, &sessions, reader, control);
    });
}

#[test]
fn who_is_at_an_address_that_is_denied_is_sent_away_alone() {
    with_server(|hands, address| {
        let control = reader(&format!("{address}/control"));
        let elsewhere = format!("{address}/control").replace("127.0.0.1", "[::1]");
        assert_ne!(elsewhere, format!("{address}/control"), "the server is reached by IPv4");
        let watcher = Watcher::of(&elsewhere);
        watcher.sees("a picture", Instant::now(), |_| true);
        let idle = TcpStream::connect(elsewhere["rtsp://".len()..].split('/').next().unwrap()).unwrap();
        let mut idle = BufReader::new(idle);
        idle.get_mut().write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n").unwrap();
        let mut line = String::new();
        idle.read_line(&mut line).unwrap();
        assert!(line.starts_with("RTSP/1.0 200"), "{line}");

        let deny =
            |range: &str| AddressRules { deny: vec![range.parse().unwrap()], ..AddressRules::default() };
        let rules = deny("::1");
        hands.with(move |control_of| async move {
            assert_eq!(control_of.engine().readers_denied_by(&rules), 1);
            control_of.change(|config| config.server.addresses = rules).await.unwrap();
        });
        watcher.ends();
        let _ = idle.read_to_end(&mut Vec::new());
        let mut ffprobe = Command::new("ffprobe");
        ffprobe.args(["-loglevel", "error", "-rtsp_transport", "tcp", &elsewhere]);
        assert!(!finish(ffprobe, "").status.success(), "it comes back");
        assert_undisturbed(&control, "the other reader");
        hands.with(|control| async move {
            control.change(|config| config.server.addresses = AddressRules::default()).await.unwrap();
        });
        assert_eq!(Client::connect(&elsewhere).describe().status, 200, "it is let in again");
        control.leave();
    });
}

#[test]
fn the_readers_of_a_user_stay_or_are_sent_away_when_the_password_changes() {
    with_server(|hands, address| {
        let changed = format!("{address}/changed");
        let set_password = |password: &'static str| {
            hands.with(move |control| async move {
                control.set_password("guest", Password::from(password)).await.unwrap();
            });
        };
        set_password("before");
        hands.change(|stream| stream.access.read = Readers::Users(vec!["guest".into()]));
        let control = reader(&format!("{address}/control"));
        let guest = |password| Credentials { user: "guest", password, scheme: rtsp::Scheme::DigestSha256 };
        let connect = |password| Client::connect(&changed).with(guest(password));
        let guest_reader = connect("before").play(Transport::Tcp);
        guest_reader.wait_for("packet", PATIENCE, |_| true);
        let watcher = Watcher::of(&changed.replace("rtsp://", "rtsp://guest:before@"));
        watcher.sees("a picture", Instant::now(), |_| true);

        set_password("after");
        assert_eq!(connect("before").describe().status, 401);
        assert_eq!(connect("after").describe().status, 200);
        let asked = Instant::now();
        watcher.sees("a picture after the change", asked, |_| true);
        guest_reader.wait_for("packet after the change", PATIENCE, |packet| packet.at > asked);
        hands.with(|control| async move {
            assert_eq!(control.engine().readers_of("guest", None), 2);
            assert_eq!(control.engine().readers_of("guest", Some("control")), 0);
            control.engine().send_away("guest", None);
        });
        watcher.ends();
        assert_undisturbed(&control, "who needs no password");
        control.leave();
    });
}

/// While a stream is made again the answer is 503.
fn until_described(address: &str) {
    let start = Instant::now();
    while Client::connect(address).describe().status != 200 {
        assert!(start.elapsed() < PATIENCE, "{address} did not come back");
        thread::sleep(Duration::from_millis(10));
    }
}

fn ends_its_viewers_alone(edit: impl FnOnce(&mut StreamConfig) + Send + 'static, path: &str, found: &str) {
    ends_viewers_of_one(&config(), edit, path, found);
}

/// Changes what cannot be changed while somebody watches: its viewers are told that it has ended, and find it
/// again at this path, as ffprobe says it; the viewers of the other stream notice nothing.
fn ends_viewers_of_one(
    config: &Config,
    edit: impl FnOnce(&mut StreamConfig) + Send + 'static,
    path: &str,
    found: &str,
) {
    with_config(config, |hands, address| {
        let changed = format!("{address}/changed");
        let control = reader(&format!("{address}/control"));
        let watcher = Watcher::of(&changed);
        watcher.sees("a picture", Instant::now(), |_| true);
        let reader = reader(&changed);

        hands.change(edit);
        reader.wait_for_goodbye(PATIENCE);
        watcher.ends();
        let address = format!("{address}{path}");
        until_described(&address);
        let mut ffprobe = Command::new("ffprobe");
        ffprobe.args(["-loglevel", "error", "-rtsp_transport", "tcp", "-of", "csv=p=0"]);
        ffprobe.args(["-show_entries", "stream=codec_name,width,height,r_frame_rate", &address]);
        let output = finish(ffprobe, "");
        assert!(words(&output).contains(found), "{found} is not in {}", words(&output));
        if address != changed {
            assert_eq!(Client::connect(&changed).describe().status, 404, "it is still at its old path");
        }
        assert_undisturbed(&control, "the other stream's reader");
        control.leave();
    });
}

#[test]
fn another_size_ends_the_viewers_of_that_stream_alone() {
    let size = Size::Pixels { width: 640, height: 360 };
    ends_its_viewers_alone(move |stream| stream.renditions[0].size = size, "/changed", "h264,640,360,25/1");
}

#[test]
fn another_frame_rate_ends_the_viewers_of_that_stream_alone() {
    let rate = FrameRate::Fixed { numerator: 10, denominator: 1 };
    ends_its_viewers_alone(
        move |stream| stream.renditions[0].frame_rate = rate,
        "/changed",
        "h264,320,240,10/1",
    );
}

#[test]
fn another_codec_ends_the_viewers_of_that_stream_alone() {
    ends_its_viewers_alone(
        |stream| stream.renditions[0].codec = Codec::Mjpeg,
        "/changed",
        "mjpeg,320,240,25/1",
    );
}

#[test]
fn another_path_ends_the_viewers_of_that_stream_alone() {
    ends_its_viewers_alone(|stream| stream.path = "/hall".into(), "/hall", "h264,320,240,25/1");
}

#[test]
fn a_preview_of_a_stream_that_began_late_leaves_its_readers_their_pictures() {
    with_server(|hands, address| {
        // Longer than any picture may be late.
        thread::sleep(Duration::from_secs(2));
        hands.with(|control| async move {
            control.change(|config| config.streams.push(stream("late"))).await.unwrap();
            let streams = control.engine().streams();
            let late = streams.iter::<Stream>().flatten().find(|stream| stream.id() == "late");
            let preview = gst::parse::bin_from_description(
                "queue leaky=downstream max-size-buffers=1 ! fakesink sync=true qos=true async=false",
                true,
            );
            // Looked at until the engine ends.
            std::mem::forget(late.unwrap().add_branch(&preview.unwrap()));
        });
        let address = format!("{address}/late");
        until_described(&address);
        let reader = reader(&address);
        thread::sleep(Duration::from_secs(2));
        assert_undisturbed(&reader, "the reader");
        assert!(frames(&reader.packets()).len() > 40, "pictures were left out");
        reader.leave();
    });
}
