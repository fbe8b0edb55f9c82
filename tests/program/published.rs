//! Programs send into a stream; when one goes away and another comes, whoever watches stays.

use crate::program::{Home, PATIENCE, Program, Running, Stream, alone, config, shared};
use crate::rtsp::{Client, Credentials, Reader, Scheme, Transport, longest_pause, lost};
use crate::slate::{SWITCH, light, wait_for_pictures, went_on};
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PASSWORD: &str = "correct horse:@/%40?#";
/// As it stands in an address (RFC 3986).
const ESCAPED: &str = "correct%20horse%3A%40%2F%2540%3F%23";

const WHITE: &str = "color=white:size=320x240:rate=25";
const TONE: &str = "sine=sample_rate=48000";

/// A program that sends until it is dropped.
pub struct Sender(Running);

impl Sender {
    /// White pictures with a key frame each ten seconds, and a tone.
    pub fn ffmpeg(address: &str, transport: &str) -> Self {
        Self::of_graphs(WHITE, TONE, &["-g", "250"], address, transport)
    }

    /// The same over TCP with a key frame each second, and before each what a decoder needs to know, as studios send it;
    /// so many pictures from the fiftieth on have other bytes here and there.
    pub fn damaged(address: &str, pictures: usize) -> Self {
        // A byte in so many, about.
        let noise = format!("dump_extra,noise=amount=if(between(n\\,50\\,{})\\,40\\,1e9)", 49 + pictures);
        Self::of_graphs(WHITE, TONE, &["-g", "25", "-bsf:v", &noise], address, "tcp")
    }

    /// Each second the picture is white, and a tone is heard, for a tenth of it. ffmpeg reports how both belong together
    /// as often as it has sent some kilobytes: so there is noise in the picture.
    pub fn flashing(address: &str) -> Self {
        let light = "color=black:size=160x90:rate=25,noise=alls=30:allf=t,drawbox=c=white:t=fill:enable='lt(mod(t+0.01,1),0.1)'";
        let tone = "sine=frequency=1000:sample_rate=48000,volume='lt(mod(t,1),0.1)':eval=frame";
        Self::of_graphs(light, tone, &["-g", "250"], address, "tcp")
    }

    fn of_graphs(pictures: &str, sound: &str, encoder: &[&str], address: &str, transport: &str) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", pictures]);
        command.args(["-re", "-f", "lavfi", "-i", sound, "-c:v", "libx264", "-preset", "ultrafast"]);
        command.args(["-tune", "zerolatency", "-pix_fmt", "yuv420p", "-c:a", "aac"]).args(encoder);
        command.args(["-f", "rtsp", "-rtsp_transport", transport, address]);
        Self::start(command)
    }

    /// Grey pictures of another size and rate.
    fn gstreamer(address: &str, user: &str, password: &str) -> Self {
        let mut command = Command::new("gst-launch-1.0");
        command.args([
            "-q",
            "videotestsrc",
            "is-live=true",
            "pattern=solid-color",
            "foreground-color=0xff808080",
            "!",
        ]);
        command.args(["video/x-raw,width=640,height=360,framerate=30/1", "!", "x264enc", "tune=zerolatency"]);
        command.args(["speed-preset=ultrafast", "key-int-max=300", "!", "rtspclientsink", "protocols=udp"]);
        command.args([&format!("location={address}"), &format!("user-id={user}")]);
        command.arg(format!("user-pw={password}"));
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        Self(Running(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()))
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0.0), signal).unwrap();
    }
}

/// Anyone may watch it, and `publish` says who may send into it.
fn published(id: &str, publish: &str) -> Stream {
    Stream::published(id, publish).picture("size = \"320x240\"\nframe_rate = \"25\"")
}

fn with_login(address: &str, login: &str) -> String {
    address.replacen("://", &format!("://{login}@"), 1)
}

pub fn reader_of(address: &str) -> Reader {
    let start = Instant::now();
    // Nobody has to be sending yet.
    while Client::connect(address).describe().status != 200 {
        assert!(start.elapsed() < PATIENCE, "there is no picture");
        thread::sleep(Duration::from_millis(100));
    }
    let reader = Client::connect(address).play(Transport::Tcp);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    reader
}

#[test]
fn readers_stay_while_one_sender_goes_and_another_comes() {
    let _turn = alone();
    let control = Stream::pattern("control", "ball").picture("size = \"320x240\"\nframe_rate = \"25\"");
    let home = Home::new(&config(&["cam"], &[published("live", "[\"cam\"]"), control]));
    home.set_password("cam", PASSWORD);
    let mut program = home.serve();
    let [live, control] = ["live", "control"].map(|stream| program.address(stream));
    program.wait_for_log("live: waiting: nobody sends to it", 0);
    assert_eq!(Client::connect(&live).describe().status, 503);
    let undisturbed = reader_of(&control);

    let first = Sender::ffmpeg(&with_login(&live, &format!("cam:{ESCAPED}")), "tcp");
    let reader = reader_of(&live);
    let white = light(&live);
    assert!(white > 200.0, "light {white:.1}");
    // It slept, and its last key frame is seconds old.
    reader.leave();
    program.wait_for_log("live: ready", 0);
    thread::sleep(Duration::from_secs(3));
    let asked = Instant::now();
    let reader = reader_of(&live);
    let late = asked.elapsed();
    assert!(late < Duration::from_secs(2), "a picture after {late:?}, with a key frame each ten seconds");
    wait_for_pictures(&reader, 50);

    let gone = program.log().len();
    first.signal(Signal::KILL);
    program.wait_for_log("live: waiting: nobody sends to it", gone);
    wait_for_pictures(&reader, 50);
    let dark = light(&live);
    assert!(dark < 0.8 * white, "light {dark:.1}, where it was {white:.1}");

    let away = program.log().len();
    let _second = Sender::gstreamer(&live, "cam", PASSWORD);
    program.wait_for_log("live: live", away);
    wait_for_pictures(&reader, 50);
    let grey = light(&live);
    // Between black borders: it has another shape.
    assert!((85.0..115.0).contains(&grey), "light {grey:.1}");
    went_on(&reader);
    let (usual, pause) = (longest_pause(&undisturbed.packets()), longest_pause(&reader.packets()));
    assert!(pause < usual + SWITCH, "a pause of {pause:?}, where others had {usual:?}");
    assert_eq!(lost(&undisturbed.packets()), 0);
    assert!(!program.log().contains("correct"), "{}", program.log());
    [reader, undisturbed].into_iter().for_each(Reader::leave);
    program.stop();
}

#[test]
fn motion_jpeg_and_telephone_sound_are_taken_as_well() {
    let _turn = shared();
    let live = published("live", "\"anyone\"").lines("sound.codec = \"pcmu\"");
    let mut program = Program::start(&[], &[live]);
    let address = program.address("live");
    let mut command = Command::new("ffmpeg");
    command.args([
        "-nostdin",
        "-loglevel",
        "error",
        "-re",
        "-f",
        "lavfi",
        "-i",
        "color=white:size=320x240:rate=25",
    ]);
    command.args([
        "-re",
        "-f",
        "lavfi",
        "-i",
        "sine=sample_rate=8000",
        "-c:v",
        "mjpeg",
        "-huffman",
        "default",
        "-force_duplicated_matrix",
        "1",
        "-pix_fmt",
        "yuvj420p",
    ]);
    command.args(["-c:a", "pcm_mulaw", "-f", "rtsp", "-rtsp_transport", "tcp", &address]);
    let _sender = Sender::start(command);
    program.wait_for_log("live: ready", 0);
    let white = light(&address);
    assert!(white > 200.0, "light {white:.1}");
    assert!(Client::connect(&address).describe().body.contains("m=audio"));
    program.stop();
}

#[test]
fn a_sender_that_pauses_is_missed_and_taken_back() {
    let _turn = alone();
    let soon = published("live", "\"anyone\"").lines("lost_after_seconds = 1\nsound.codec = \"aac\"");
    let mut program = Program::start(&[], &[soon]);
    let live = program.address("live");
    for transport in ["tcp", "udp"] {
        let from = program.log().len();
        let sender = Sender::ffmpeg(&live, transport);
        program.wait_for_log("live: ", from);
        let reader = reader_of(&live);
        wait_for_pictures(&reader, 25);
        let paused = program.log().len();
        sender.signal(Signal::STOP);
        program.wait_for_log("live: trying again: the source delivered no picture", paused);
        wait_for_pictures(&reader, 25);
        let away = program.log().len();
        sender.signal(Signal::CONT);
        program.wait_for_log("live: live", away);
        wait_for_pictures(&reader, 25);
        went_on(&reader);
        let pause = longest_pause(&reader.packets());
        assert!(pause < Duration::from_secs(1) + 2 * SWITCH, "{transport}: a pause of {pause:?}");
        reader.leave();
    }
    program.stop();
}

/// A picture in H.264.
const DESCRIPTION: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:streamid=0\r\n";

#[test]
fn only_who_may_can_send() {
    let _turn = shared();
    let streams =
        [published("live", "[\"cam\"]"), published("open", "\"anyone\""), Stream::pattern("ball", "ball")];
    let home = Home::new(&config(&["cam", "guest"], &streams));
    ["cam", "guest"].iter().for_each(|user| home.set_password(user, user));
    let mut program = home.serve();
    let [live, open, ball] = ["live", "open", "ball"].map(|stream| program.address(stream));
    let announce = |address: &str, user: Option<&'static str>| {
        let client = Client::connect(address);
        let mut client = match user {
            Some(user) => client.with(Credentials { user, password: user, scheme: Scheme::DigestMd5 }),
            None => client,
        };
        client.announce(DESCRIPTION)
    };
    assert_eq!(announce(&live, None), 401);
    assert_eq!(announce(&live, Some("guest")), 403);
    assert_eq!(announce(&live, Some("cam")), 200);
    assert_eq!(announce(&open, None), 200);
    assert_eq!(announce(&ball, None), 405);
    program.wait_for_log("takes nothing from outside", 0);

    let _sender = Sender::ffmpeg(&open, "tcp");
    reader_of(&open).leave();
    let elsewhere = Client::connect_from([127, 0, 0, 2], &open).announce(DESCRIPTION);
    assert_eq!(elsewhere, 455);
    program.wait_for_log("127.0.0.1 is sending already", 0);
    program.stop();
}
