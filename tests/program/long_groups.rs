//! A reader that comes late to a stream whose key frames are ten seconds apart, and that no encoder can be asked for one.

use crate::encryption::Wrapper;
use crate::joining::undisturbed;
use crate::players;
use crate::program::{Home, PATIENCE, Program, Stream, alone, config, finish, words};
use crate::rtsp::{Client, Packet, Reader, Transport, frames, lost};
use crate::transports::tunnelled;
use gst::prelude::*;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// From key frame to key frame.
const GROUP: Duration = Duration::from_secs(10);
/// From PLAY to the first picture that can be decoded.
const AT_ONCE: Duration = Duration::from_millis(150);
/// On a busy machine.
const AT_LAST: Duration = Duration::from_millis(500);
/// After which a reader is as far as the others.
const CAUGHT_UP: Duration = Duration::from_secs(2);
const BEHIND: Duration = Duration::from_millis(500);

/// Twenty seconds of 1280x720 with a tone, at 25 fps.
struct Clip(tempfile::TempDir);

impl Clip {
    fn new(options: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("headwater-clip-").tempdir().unwrap();
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i"]);
        command.args(["testsrc2=size=1280x720:rate=25:duration=20", "-f", "lavfi", "-i", "sine=duration=20"]);
        command.args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "250"]);
        command.args(["-sc_threshold", "0", "-b:v", "2M", "-maxrate", "2M", "-bufsize", "1M", "-c:a", "aac"]);
        command.args(options).arg(folder.path().join("clip.mp4"));
        let output = finish(command, "");
        assert!(output.status.success(), "{}", words(&output));
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("clip.mp4")
    }
}

static PLAIN: LazyLock<Clip> = LazyLock::new(|| Clip::new(&["-bf", "0"]));
/// Any machine decodes ten seconds of it in a moment.
static SMALL: LazyLock<Clip> = LazyLock::new(|| Clip::new(&["-bf", "0", "-s", "320x180"]));
static REORDERED: LazyLock<Clip> = LazyLock::new(|| Clip::new(&["-bf", "2"]));

fn served(clip: &Clip, lines: &str) -> Program {
    let stream = Stream::file("lobby", &clip.file()).picture("").lines(lines);
    let text = config(&[], &[stream]).replacen("port = 0\n", "port = 0\n\n[server.rtsps]\nport = 0\n", 1);
    Home::new(&text).serve()
}

/// Checks what came to a late reader, beside one who was there before. Returns how long it waited for its first picture.
fn judge(late: &Reader, early: &Reader) -> Duration {
    let packets = late.packets();
    // What has come to the one may not have come to the other yet.
    thread::sleep(Duration::from_millis(200));
    let mut before = HashMap::<u64, Vec<Packet>>::new();
    early.packets().into_iter().for_each(|packet| before.entry(packet.carried).or_default().push(packet));
    let (first, key) = (packets[0], packets.iter().find(|packet| packet.key).expect("a key frame"));
    assert_eq!(key.time, first.time, "the first picture is no key frame");
    assert_eq!(late.announced, Some((first.sequence, first.time)));
    let gaps = packets.windows(2).filter(|pair| pair[1].sequence != pair[0].sequence.wrapping_add(1)).count();
    assert_eq!(gaps, 0, "places where a packet was missing or came twice");

    let live: Vec<_> = packets.iter().filter(|packet| packet.at >= late.asked + CAUGHT_UP).collect();
    assert!(live.len() > 20, "{} packets", live.len());
    for packet in live {
        // Pictures of another group may be the same to the bit.
        let [before] = before.get(&packet.carried).expect("what everybody gets")[..] else { continue };
        let behind = packet.at.saturating_duration_since(before.at);
        assert!(behind < BEHIND, "{behind:?} behind");
        assert_eq!(packet.time, before.time, "shown at another time");
        // Who shows the first picture when it comes, and the others by their times, is not far behind either.
        let shown = f64::from(packet.time.wrapping_sub(first.time)) / 90_000.0;
        let came = (before.at - first.at).as_secs_f64();
        assert!(shown - came < BEHIND.as_secs_f64(), "shown {} s after it came", shown - came);
    }
    key.at - late.asked
}

fn late_readers_are_there_at_once(transport: Transport, way: impl Fn(&mut Program) -> String) {
    const READERS: u32 = 7;
    let _turn = alone();
    let mut program = served(&PLAIN, "");
    let early = Client::connect(&program.address("lobby")).play(Transport::Tcp);
    early.wait_for("key frame", PATIENCE, |packet| packet.key);
    let address = way(&mut program);
    let late: Vec<_> = (0..READERS)
        .map(|_| {
            // At another place of the group each time.
            thread::sleep(GROUP / READERS);
            let reader = Client::connect(&address).play(transport);
            reader.wait_for("key frame", PATIENCE, |packet| packet.key);
            reader
        })
        .collect();
    thread::sleep(CAUGHT_UP * 2);
    let counted: Vec<_> = late.iter().map(Reader::packets).collect();
    let mut waits: Vec<_> = late.iter().map(|reader| judge(reader, &early)).collect();
    waits.sort();
    println!("{transport:?}: {waits:?}");
    assert!(counted.iter().any(|packets| frames(packets).len() > 200), "nobody came late in a group");
    assert!(waits[waits.len() / 2] < AT_ONCE, "half of them waited longer: {waits:?}");
    assert!(waits.iter().all(|wait| *wait < AT_LAST), "{waits:?}");
    undisturbed(&early);
    late.into_iter().for_each(Reader::leave);
    early.leave();
    program.stop();
}

#[test]
fn a_late_reader_of_a_long_group_has_a_picture_at_once_over_tcp() {
    late_readers_are_there_at_once(Transport::Tcp, |program| program.address("lobby"));
}

#[test]
fn a_late_reader_of_a_long_group_has_a_picture_at_once_over_udp() {
    late_readers_are_there_at_once(Transport::Udp, |program| program.address("lobby"));
}

#[test]
fn a_late_reader_of_a_long_group_has_a_picture_at_once_through_a_tunnel() {
    late_readers_are_there_at_once(Transport::Tcp, |program| tunnelled(&program.address("lobby")));
}

#[test]
fn a_late_reader_of_a_long_group_has_a_picture_at_once_over_rtsps() {
    late_readers_are_there_at_once(Transport::Tcp, |program| {
        Wrapper::new(&program.encrypted_address("lobby")).address
    });
}

#[test]
fn many_that_come_at_once_to_a_long_group_get_all_of_it() {
    const READERS: usize = 20;
    let _turn = alone();
    let mut program = served(&PLAIN, "");
    let address = program.address("lobby");
    let early = Client::connect(&address).play(Transport::Tcp);
    early.wait_for("key frame", PATIENCE, |packet| packet.key);
    thread::sleep(GROUP / 2);
    let late: Vec<_> = (0..READERS)
        .map(|n| {
            let transport = if n % 2 == 0 { Transport::Tcp } else { Transport::Udp };
            let client = Client::connect(&address);
            thread::spawn(move || client.play(transport))
        })
        .collect();
    let late: Vec<_> = late.into_iter().map(|reader| reader.join().unwrap()).collect();
    thread::sleep(CAUGHT_UP * 2);
    // What a socket had no room for was sent.
    for reader in late.iter().filter(|reader| reader.thrown_away() == 0) {
        let wait = judge(reader, &early);
        assert!(wait < 2 * AT_LAST, "{wait:?}");
    }
    undisturbed(&early);
    late.into_iter().for_each(Reader::leave);
    early.leave();
    program.stop();
}

#[test]
fn a_reader_that_has_paused_goes_on_with_a_picture_of_now() {
    let _turn = alone();
    let mut program = served(&PLAIN, "");
    let address = program.address("lobby");
    let early = Client::connect(&address).play(Transport::Tcp);
    early.wait_for("key frame", PATIENCE, |packet| packet.key);
    for transport in [Transport::Tcp, Transport::Udp] {
        let mut reader = Client::connect(&address).play(transport);
        // Also while it is given what it has missed.
        for played in [Duration::from_millis(300), CAUGHT_UP] {
            thread::sleep(played);
            reader.pause(Duration::from_millis(700));
            thread::sleep(CAUGHT_UP * 2);
            judge(&reader, &early);
        }
        reader.leave();
    }
    undisturbed(&early);
    early.leave();
    program.stop();
}

#[test]
fn one_that_stalls_while_it_begins_holds_up_nobody() {
    let _turn = alone();
    let mut program = served(&PLAIN, "");
    let address = program.address("lobby");
    let early = Client::connect(&address).play(Transport::Udp);
    early.wait_for("key frame", PATIENCE, |packet| packet.key);
    thread::sleep(GROUP / 2);
    let stalled: Vec<_> = (0..5)
        .map(|_| {
            let reader = Client::connect(&address).play(Transport::Tcp);
            reader.stall();
            reader
        })
        .collect();
    let late = Client::connect(&address).play(Transport::Tcp);
    thread::sleep(CAUGHT_UP * 2);
    assert_eq!(lost(&early.packets()), 0);
    undisturbed(&early);
    let packets = late.packets();
    assert_eq!(lost(&packets), 0);
    assert!(packets.iter().any(|packet| packet.key));
    drop(stalled);
    late.leave();
    early.leave();
    program.stop();
}

#[test]
fn players_decode_from_the_first_packet_of_a_late_start() {
    let _turn = alone();
    for clip in [&*PLAIN, &*REORDERED] {
        let mut program = served(clip, "sound = { codec = \"auto\" }");
        let address = program.address("lobby");
        let early = Client::connect(&address).play(Transport::Udp);
        early.wait_for("key frame", PATIENCE, |packet| packet.key);
        early.forget();
        let late = || in_the_middle(&early);
        late();
        // More than it could get in that time otherwise; it leaves out some that come in a flash.
        let frames = players::ffmpeg(&address, "tcp");
        assert!(frames > 25 * players::seconds() + 10, "{frames} frames");
        late();
        players::gstreamer(&address, "tcp");
        late();
        players::mpv(&address, "tcp");
        late();
        players::opencv(&address, "tcp");
        early.leave();
        program.stop();
    }
}

/// Waits for the middle of a group.
fn in_the_middle(early: &Reader) {
    let middle = GROUP * 4 / 10..GROUP * 6 / 10;
    loop {
        let key = early.packets().iter().rev().find(|packet| packet.key).map(|packet| packet.at.elapsed());
        if key.is_some_and(|age| middle.contains(&age)) {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The pictures that GStreamer shows, by what is seen on them, and when.
struct Watched {
    pipeline: gst::Pipeline,
    shown: Arc<Mutex<HashMap<u64, Instant>>>,
}

impl Watched {
    fn start(address: &str) -> Self {
        use std::hash::Hasher as _;
        gst::init().unwrap();
        let description = format!(
            "rtspsrc location={address} protocols=tcp latency=100 name=source ! decodebin ! videoconvert ! \
             video/x-raw,format=GRAY8 ! fakesink name=sink sync=true signal-handoffs=true"
        );
        let pipeline = gst::parse::launch(&description).unwrap().downcast::<gst::Pipeline>().unwrap();
        let shown = Arc::new(Mutex::new(HashMap::new()));
        let sees = shown.clone();
        pipeline.by_name("sink").unwrap().connect("handoff", false, move |values| {
            let picture = values[1].get::<gst::Buffer>().unwrap();
            let mut hasher = std::hash::DefaultHasher::new();
            hasher.write(picture.map_readable().unwrap().as_slice());
            sees.lock().unwrap().entry(hasher.finish()).or_insert_with(Instant::now);
            None
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        Self { pipeline, shown }
    }

    fn shown(&self) -> HashMap<u64, Instant> {
        self.shown.lock().unwrap().clone()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

#[test]
fn a_player_that_keeps_to_times_shows_what_others_show() {
    let _turn = alone();
    let mut program = served(&SMALL, "");
    let address = program.address("lobby");
    let early = Watched::start(&address);
    thread::sleep(GROUP * 8 / 10);
    let late = Watched::start(&address);
    let asked = Instant::now();
    thread::sleep(CAUGHT_UP * 3);
    let (early, late) = (early.shown(), late.shown());
    let behind: Vec<_> = late
        .iter()
        .filter(|(_, at)| **at > asked + CAUGHT_UP)
        .filter_map(|(picture, at)| Some(at.saturating_duration_since(*early.get(picture)?)))
        .collect();
    assert!(behind.len() > 25, "{} pictures of {} seen by both", behind.len(), late.len());
    let longest = behind.iter().max().unwrap();
    println!("{longest:?} behind at most, of {} pictures", behind.len());
    assert!(*longest < BEHIND, "{longest:?} behind");
    program.stop();
}
