//! Another stream is served again; when it goes away and comes back, whoever watches stays.

use crate::players::{self, seconds};
use crate::program::{Home, PATIENCE, Program, Running, Stream, alone, config, data, shared};
use crate::rtsp::{Client, Transport, longest_pause};
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// With all that has a meaning in an address.
const PASSWORD: &str = "correct horse:@/%40?#\u{e9}";

/// Every picture is encoded twice here: what is looked at is that they arrive.
fn small(stream: Stream) -> Stream {
    stream.picture("size = \"320x240\"\nframe_rate = \"25\"")
}

/// A Headwater with a protected pattern, at this port.
fn origin(port: u16) -> Program {
    let stream = small(Stream::pattern("ball", "ball")).protected("guest", "digest");
    let text = config(&["guest"], &[stream]).replacen("port = 0", &format!("port = {port}"), 1);
    let home = Home::new(&text);
    home.set_password("guest", PASSWORD);
    home.serve()
}

/// The stream of an origin, served again under the name of this transport.
fn relay(origin: &mut Program, transport: &str) -> Stream {
    let login = format!(", transport = \"{transport}\", user = \"guest\"");
    small(Stream::relay(transport, &origin.address("ball"), &login))
}

/// A port that nobody has, most likely still so when it is taken.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A Headwater whose relays know the password of their origin.
fn relays(streams: &[Stream], with_password: &[&str]) -> Program {
    let home = Home::new(&config(&[], streams));
    for stream in with_password {
        home.set_password(&format!("relay:{stream}"), PASSWORD);
    }
    home.serve()
}

fn enough(pictures: u64) {
    let expected = 25 * seconds();
    assert!(pictures * 4 >= expected * 3, "{pictures} of {expected} pictures");
}

#[test]
fn a_protected_stream_is_served_again_over_tcp_and_udp() {
    let _turn = shared();
    let mut origin = origin(0);
    let streams = ["tcp", "udp"].map(|transport| relay(&mut origin, transport));
    let mut program = relays(&streams, &["tcp", "udp"]);
    for transport in ["tcp", "udp"] {
        enough(players::ffmpeg(&program.address(transport), transport));
    }
    assert!(!program.log().contains("correct"), "{}", program.log());
    program.stop();
    origin.stop();
}

#[test]
fn readers_stay_while_the_other_stream_is_away() {
    let _turn = alone();
    let port = free_port();
    let mut first = origin(port);
    let [tcp, udp] = ["tcp", "udp"].map(|transport| relay(&mut first, transport));
    let streams = [tcp, udp, small(Stream::pattern("other", "ball"))];
    let mut program = relays(&streams, &["tcp", "udp"]);
    let readers =
        ["tcp", "udp", "other"].map(|stream| Client::connect(&program.address(stream)).play(Transport::Tcp));
    let [tcp, udp, other] = &readers;
    for reader in &readers {
        reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    }
    thread::sleep(Duration::from_secs(5));

    first.signal(Signal::KILL);
    let killed = Instant::now();
    let address = first.address("ball");
    for stream in ["tcp", "udp"] {
        let said = format!("{stream}: trying again: {address}: nothing listens at port {port}");
        program.wait_for_log(&said, 0);
    }
    let told = killed.elapsed();
    assert!(told < Duration::from_secs(15), "told after {told:?}");
    drop(first);
    [tcp, udp].into_iter().for_each(|reader| reader.forget());

    let away = program.log().len();
    let second = origin(port);
    for (reader, stream) in [(tcp, "tcp"), (udp, "udp")] {
        program.wait_for_log(&format!("{stream}: live"), away);
        // Much sooner than after the time that was watched before, which is over.
        reader.wait_for("key frame", Duration::from_secs(3), |packet| packet.key);
        reader.forget();
    }
    thread::sleep(Duration::from_secs(2));
    for reader in [tcp, udp] {
        let pause = longest_pause(&reader.packets());
        assert!(reader.packets().len() > 20 && pause < Duration::from_secs(1), "a pause of {pause:?}");
    }
    // Whoever waits for the network does so for seconds; a busy machine leaves less out.
    let pause = longest_pause(&other.packets());
    assert!(pause < Duration::from_secs(1), "the other stream paused for {pause:?}");
    readers.into_iter().for_each(|reader| reader.leave());
    program.stop();
    second.stop();
}

#[test]
fn each_way_that_a_relay_fails_is_said() {
    let _turn = shared();
    let mut origin = origin(0);
    let ball = origin.address("ball");
    let web = Web::serve("film.mp4", std::fs::read(data("bigbuckbunny.mp4")).unwrap());
    let refused = format!("rtsp://127.0.0.1:{}/ball", free_port());
    let ways = [
        ("wrong", ball.clone(), ", user = \"nobody\"", "the password of nobody is wrong"),
        ("login", ball.clone(), "", "it asks for a user and a password"),
        ("unknown", ball.clone(), ", user = \"guest\"", "the password of guest is not known here"),
        ("refused", refused, "", "nothing listens at port"),
        ("nohost", "rtsp://camera.invalid/live".into(), "", "there is no host camera.invalid"),
        ("missing", web.address("missing.mp4"), "", "there is no such stream"),
    ];
    let streams: Vec<Stream> =
        ways.iter().map(|(id, address, more, _)| Stream::relay(id, address, more)).collect();
    let mut streams = streams;
    streams.push(Stream::pattern("lobby", "ball"));
    let mut program = relays(&streams, &["wrong"]);
    let lobby = program.address("lobby");
    for (id, address, _, sentence) in &ways {
        let said = if *id == "unknown" { "failed" } else { "trying again" };
        program.wait_for_log(&format!("{id}: {said}: {address}: {sentence}"), 0);
        let start = Instant::now();
        assert_eq!(Client::connect(&lobby.replace("lobby", id)).describe().status, 503, "{id}");
        assert!(start.elapsed() < Duration::from_secs(1), "{id}: answered after {:?}", start.elapsed());
    }
    program.stop();
    origin.stop();
}

/// A camera that lets nobody in: how often somebody tried to log in within this time.
fn logins_at_a_closed_camera(camera: &TcpListener, options_are_free: bool) -> usize {
    const WATCHED: Duration = Duration::from_secs(1);
    let (connection, _) = camera.accept().unwrap();
    let mut answers = connection.try_clone().unwrap();
    connection.set_read_timeout(Some(WATCHED)).unwrap();
    let (mut logins, mut request) = (0, Vec::new());
    for line in BufReader::new(connection).lines().map_while(Result::ok) {
        if !line.is_empty() {
            request.push(line);
            continue;
        }
        let header = |name: &str| request.iter().find(|line| line.starts_with(name)).cloned();
        let sequence = header("CSeq").unwrap();
        logins += usize::from(header("Authorization").is_some());
        let answer = if options_are_free && request[0].starts_with("OPTIONS") {
            format!("RTSP/1.0 200 OK\r\n{sequence}\r\nPublic: DESCRIBE, SETUP, PLAY\r\n\r\n")
        } else {
            let asked = "WWW-Authenticate: Digest realm=\"camera\", nonce=\"a\"";
            format!("RTSP/1.0 401 Unauthorized\r\n{sequence}\r\n{asked}\r\n\r\n")
        };
        answers.write_all(answer.as_bytes()).unwrap();
        request.clear();
    }
    logins
}

#[test]
fn a_wrong_password_is_tried_once() {
    let _turn = shared();
    let cameras = [("open", true), ("closed", false)]
        .map(|(id, options_are_free)| (id, options_are_free, TcpListener::bind("127.0.0.1:0").unwrap()));
    let streams = cameras.each_ref().map(|(id, _, camera)| {
        Stream::relay(id, &format!("rtsp://{}/live", camera.local_addr().unwrap()), ", user = \"guest\"")
    });
    let program = relays(&streams, &["open", "closed"]);
    for (id, options_are_free, camera) in &cameras {
        // Cameras lock out who tries some times.
        assert_eq!(logins_at_a_closed_camera(camera, *options_are_free), 1, "{id}");
        program.wait_for_log(&format!("{id}: trying again"), 0);
    }
    program.stop();
}

#[test]
fn a_film_on_a_web_server_is_played_again_and_again() {
    let _turn = alone();
    let web = Web::serve("film.mp4", std::fs::read(data("bigbuckbunny.mp4")).unwrap());
    let mut program = relays(&[small(Stream::relay("film", &web.address("film.mp4"), ""))], &[]);
    let reader = Client::connect(&program.address("film")).play(Transport::Tcp);
    reader.wait_for("packet", PATIENCE, |_| true);
    for _ in 0..2 {
        program.wait_for_log("it ended", 0);
        reader.forget();
        reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    }
    reader.leave();
    program.stop();
}

#[test]
fn a_transport_stream_that_is_sent_here_is_served() {
    let _turn = shared();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("udp://127.0.0.1:{port}");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error", "-re", "-f", "lavfi"]);
    command.args(["-i", "testsrc2=size=320x240:rate=25", "-c:v", "libx264", "-preset", "ultrafast"]);
    command.args(["-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p", "-f", "mpegts", &address]);
    let _sender = Running(command.stdin(Stdio::null()).spawn().unwrap());
    let mut program = relays(&[small(Stream::relay("sent", &address, ""))], &[]);
    enough(players::ffmpeg(&program.address("sent"), "tcp"));
    program.stop();
}

/// A web server with one file. It ends with the test.
struct Web(u16);

impl Web {
    fn serve(name: &'static str, content: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for mut connection in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
                let found = lines.next().is_some_and(|request| request.contains(name));
                lines.take_while(|line| !line.is_empty()).for_each(drop);
                let (status, body) =
                    if found { ("200 OK", &content[..]) } else { ("404 Not Found", &[][..]) };
                let head = format!("HTTP/1.0 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
                // Whoever has enough leaves.
                let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body));
            }
        });
        Self(port)
    }

    fn address(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.0)
    }
}
