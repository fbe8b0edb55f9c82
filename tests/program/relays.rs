//! Another stream is served again; when it goes away and comes back, whoever watches stays.

use crate::players::{self, seconds};
use crate::program::{Home, PATIENCE, Program, Running, Stream, alone, config, data, shared};
use crate::rtsp::{Client, Transport, longest_pause};
use rustix::process::Signal;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
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
    let web = Web::serve(&[
        ("yard.m3u", "", b"#EXTM3U\n#EXTINF:-1,Yard\nrtsp://192.0.2.1/yard\n".to_vec()),
        ("page.html", "", b"<html><body>Welcome</body></html>".to_vec()),
        ("notes.txt", "", b"Welcome".to_vec()),
    ]);
    let refused = format!("rtsp://127.0.0.1:{}/ball", free_port());
    let ways = [
        ("wrong", ball.clone(), ", user = \"nobody\"", "the password of nobody is wrong"),
        ("login", ball.clone(), "", "it asks for a user and a password"),
        ("unknown", ball.clone(), ", user = \"guest\"", "the password of guest is not known here"),
        ("refused", refused, "", "nothing listens at port"),
        ("nohost", "rtsp://camera.invalid/live".into(), "", "there is no host camera.invalid"),
        ("missing", web.address("missing.mp4"), "", "there is no such stream"),
        ("list", web.address("yard.m3u"), "", "it is a list of addresses"),
        ("page", web.address("page.html"), "", "it has no video"),
        ("notes", web.address("notes.txt"), "", "it has no video"),
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
    let web = Web::serve(&[("film.mp4", "", fs::read(data("bigbuckbunny.mp4")).unwrap())]);
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

/// ffmpeg with pictures of now, and what it makes of them.
fn live(output: &[&str]) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error", "-y", "-re", "-f", "lavfi"]);
    command.args(["-i", "testsrc2=size=320x240:rate=25", "-preset", "ultrafast", "-tune", "zerolatency"]);
    command.args(["-g", "25", "-pix_fmt", "yuv420p"]).args(output).stdin(Stdio::null());
    command
}

#[test]
fn what_is_sent_here_over_udp_is_served() {
    let _turn = shared();
    for (scheme, format) in [("udp", "mpegts"), ("rtp", "rtp_mpegts")] {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("{scheme}://127.0.0.1:{port}");
        let _sender = Running(live(&["-c:v", "libx264", "-f", format, &address]).spawn().unwrap());
        let mut program = relays(&[small(Stream::relay("sent", &address, ""))], &[]);
        enough(players::ffmpeg(&program.address("sent"), "tcp"));
        program.stop();
    }
}

#[test]
fn what_a_web_server_has_is_served() {
    let _turn = shared();
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str, output: &[&str]| {
        let file = folder.path().join(name);
        let output = [output, &[file.to_str().unwrap()]].concat();
        assert!(live(&output).status().unwrap().success(), "{output:?}");
    };
    made("film.mpd", &["-t", "6", "-c:v", "libx264", "-f", "dash"]);
    made("film.ts", &["-t", "6", "-c:v", "libx264"]);
    let list = folder.path().join("now.m3u8");
    let hls = ["-c:v", "libx264", "-f", "hls", "-hls_time", "1", "-hls_flags", "delete_segments"];
    let _broadcast = Running(live(&[&hls[..], &[list.to_str().unwrap()]].concat()).spawn().unwrap());
    // A radio's server tells between the bytes of its programme what is played.
    let (every, no_news) = (16_000, [0]);
    let radio = fs::read(folder.path().join("film.ts")).unwrap();
    let radio = radio.chunks(every).collect::<Vec<_>>().join(&no_news[..]);
    let web = Web::serve_folder(folder.path(), &[("radio", "icy-metaint: 16000\r\n", radio)]);
    let kinds = [("hls", "now.m3u8"), ("dash", "film.mpd"), ("icy", "radio"), ("ts", "film.ts")];
    let streams = kinds.map(|(id, name)| small(Stream::relay(id, &web.address(name), "")));
    let mut program = relays(&streams, &[]);
    for (id, _) in kinds {
        eprintln!("{id}");
        enough(players::ffmpeg(&program.address(id), "tcp"));
    }
    program.stop();
}

#[test]
fn what_other_programs_offer_is_served() {
    let _turn = shared();
    let [srt, mjpeg] = [free_port(), free_port()];
    let kinds = [
        ("srt", format!("srt://127.0.0.1:{srt}"), &["-c:v", "libx264", "-f", "mpegts"][..], "?mode=listener"),
        // As cameras do.
        (
            "mjpeg",
            format!("http://127.0.0.1:{mjpeg}/video"),
            &[
                "-c:v",
                "mjpeg",
                "-huffman",
                "default",
                "-f",
                "mpjpeg",
                "-listen",
                "1",
                "-content_type",
                "multipart/x-mixed-replace;boundary=ffmpeg",
            ],
            "",
        ),
    ];
    let _offers = kinds.each_ref().map(|(_, address, output, listening)| {
        offer(live(&[output, &[format!("{address}{listening}").as_str()][..]].concat()))
    });
    let streams = kinds.each_ref().map(|(id, address, ..)| small(Stream::relay(id, address, "")));
    let mut program = relays(&streams, &[]);
    for (id, ..) in &kinds {
        eprintln!("{id}");
        enough(players::ffmpeg(&program.address(id), "tcp"));
    }
    program.stop();
}

#[test]
fn what_comes_by_rtmp_is_served() {
    let _turn = shared();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("rtmp://{}/live/yard", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            // Whoever has enough leaves.
            thread::spawn(move || serve_rtmp(connection));
        }
    });
    let mut program = relays(&[small(Stream::relay("rtmp", &address, ""))], &[]);
    enough(players::ffmpeg(&program.address("rtmp"), "tcp"));
    program.stop();
}

/// A server of RTMP (Adobe's specification 1.0). ffmpeg's own sends on message stream 0, which GStreamer hears nothing of.
fn serve_rtmp(mut connection: TcpStream) -> io::Result<()> {
    const SET_CHUNK_SIZE: u8 = 1;
    const COMMAND: u8 = 20;
    let mut handshake = [0; 1 + 1536];
    connection.read_exact(&mut handshake)?;
    connection.write_all(&[&[3][..], &[0; 1536], &handshake[1..]].concat())?;
    connection.read_exact(&mut handshake[1..])?;
    // Every message is one chunk.
    connection.write_all(&rtmp_chunk(SET_CHUNK_SIZE, 0, [0; 3], &[0, 0xff, 0xff, 0xff]))?;

    let text = |text: &str| [&[2, 0, text.len() as u8], text.as_bytes()].concat();
    let number = |number: f64| [&[0][..], &number.to_be_bytes()].concat();
    let (nothing, status) =
        (vec![5], |code: &str| [&[3, 0, 4], &b"code"[..], &text(code), &[0, 0, 9]].concat());
    let mut asked = Vec::new();
    for (command, stream, answer, result) in [
        ("connect", 0, "_result", status("NetConnection.Connect.Success")),
        ("createStream", 0, "_result", number(1.0)),
        ("play", 1, "onStatus", status("NetStream.Play.Start")),
    ] {
        let transaction = take_transaction(&mut connection, &mut asked, &text(command))?;
        let answer = [text(answer), transaction, nothing.clone(), result].concat();
        connection.write_all(&rtmp_chunk(COMMAND, stream, [0; 3], &answer))?;
    }

    let mut live = live(&["-c:v", "libx264", "-f", "flv", "-"]);
    let mut live = Running(live.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?);
    let mut film = live.0.stdout.take().unwrap();
    film.read_exact(&mut [0; 9 + 4])?;
    loop {
        // What follows the head of a tag, and the tag's size behind it.
        let mut head = [0; 11];
        film.read_exact(&mut head)?;
        let mut content = vec![0; u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize + 4];
        film.read_exact(&mut content)?;
        content.truncate(content.len() - 4);
        connection.write_all(&rtmp_chunk(head[0], 1, [head[4], head[5], head[6]], &content))?;
    }
}

/// A message as one chunk.
fn rtmp_chunk(kind: u8, stream: u8, time: [u8; 3], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    [&[3], &time[..], &length[1..], &[kind, stream, 0, 0, 0], content].concat()
}

/// Reads until this command has come; the number that its answer needs, as it was sent.
fn take_transaction(connection: &mut TcpStream, asked: &mut Vec<u8>, command: &[u8]) -> io::Result<Vec<u8>> {
    loop {
        if let Some(at) = asked.windows(command.len()).position(|window| window == command)
            && let Some(transaction) = asked.get(at + command.len()..at + command.len() + 9)
        {
            return Ok(transaction.to_vec());
        }
        let mut more = [0; 4096];
        match connection.read(&mut more)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => asked.extend_from_slice(&more[..length]),
        }
    }
}

/// A program that serves one other, and is started again when that has left. It ends with what is returned.
fn offer(mut command: Command) -> Arc<Mutex<Running>> {
    command.stderr(Stdio::null());
    let offer = Arc::new(Mutex::new(Running(command.spawn().unwrap())));
    let offered = Arc::downgrade(&offer);
    thread::spawn(move || {
        while let Some(offer) = offered.upgrade() {
            if offer.lock().unwrap().0.try_wait().unwrap().is_some() {
                *offer.lock().unwrap() = Running(command.spawn().unwrap());
            }
            drop(offer);
            thread::sleep(Duration::from_millis(50));
        }
    });
    offer
}

/// A web server with some files. It ends with the test.
struct Web(u16);

/// A file with its name, and the headers that belong to it.
type WebFile = (&'static str, &'static str, Vec<u8>);

impl Web {
    fn serve(files: &[WebFile]) -> Self {
        Self::serve_folder(Path::new("/nowhere"), files)
    }

    /// Besides, what is in this folder when it is asked for.
    fn serve_folder(folder: &Path, files: &[WebFile]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = Arc::new((folder.to_owned(), files.to_vec()));
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let files = files.clone();
                thread::spawn(move || answer(connection, &files.0, &files.1));
            }
        });
        Self(port)
    }

    fn address(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.0)
    }
}

fn answer(mut connection: TcpStream, folder: &Path, files: &[WebFile]) {
    let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let asked = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let file = files.iter().find(|(name, ..)| *name == asked);
    let file = file.map(|(_, headers, content)| (*headers, content.clone()));
    let found = file.or_else(|| Some(("", fs::read(folder.join(asked)).ok()?)));
    let (status, (headers, body)) = match found {
        Some(found) => ("200 OK", found),
        None => ("404 Not Found", ("", Vec::new())),
    };
    let head = format!("HTTP/1.0 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    // Whoever has enough leaves.
    let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&body));
}
