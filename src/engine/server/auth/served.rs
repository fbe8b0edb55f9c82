//! The authentication in front of a served stream: raw exchanges, and the readers that people use.

use super::tests::{basic, md5_hex, readers, stream, table};
use super::*;
use gst_rtsp_server::{RTSPMediaFactory, RTSPServer};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Longer than any exchange takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a thread of its own, with each of the streams that the mounts name.
struct Served {
    auth: Auth,
    server: RTSPServer,
    port: i32,
    main_loop: glib::MainLoop,
    thread: Option<JoinHandle<()>>,
}

/// `/all` for anna by every scheme, the others by one each, `/bert` for bert, `/open` for anyone.
fn serve_house() -> Served {
    let anna = |path, schemes: &[Scheme]| stream(path, readers(&["anna"]), schemes);
    Served::start(table(vec![
        anna("/all", &[Scheme::Digest, Scheme::Basic]),
        anna("/digest", &[Scheme::Digest]),
        anna("/md5", &[Scheme::DigestMd5]),
        anna("/sha256", &[Scheme::DigestSha256]),
        anna("/basic", &[Scheme::Basic]),
        stream("/bert", readers(&["bert"]), &[Scheme::Digest]),
        stream("/open", Readers::Anyone, &[Scheme::Digest]),
    ]))
}

impl Served {
    fn start(table: AccessTable) -> Self {
        gst::init().unwrap();
        let context = glib::MainContext::new();
        let server = RTSPServer::new();
        server.set_address("127.0.0.1");
        server.set_service("0");
        let mounts = server.mount_points().unwrap();
        for mount in &table.mounts {
            let factory = RTSPMediaFactory::new();
            factory.set_launch(
                "( videotestsrc is-live=true ! video/x-raw,format=I420,width=64,height=48,framerate=25/1 \
                 ! jpegenc ! rtpjpegpay name=pay0 )",
            );
            mounts.add_factory(&mount.path, factory);
        }
        let (refusals, _woken) = RefusalReports::new(&Arc::default());
        let auth = Auth::new(Arc::new(Ways::new(&Arc::default())), refusals);
        auth.set_table(table);
        server.set_auth(Some(&auth));
        server.attach(Some(&context)).unwrap();
        let main_loop = glib::MainLoop::new(Some(&context), false);
        let thread = std::thread::spawn({
            let main_loop = main_loop.clone();
            move || context.with_thread_default(|| main_loop.run()).unwrap()
        });
        let port = server.bound_port();
        Self { auth, server, port, main_loop, thread: Some(thread) }
    }

    fn url(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}{path}", self.port)
    }

    fn connect(&self) -> Connection {
        let socket = TcpStream::connect(("127.0.0.1", self.port as u16)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection { socket: BufReader::new(socket), sequence: 0 }
    }
}

/// What a reader that was run said, and whether it ended well.
fn run(reader: &mut Command) -> (bool, String) {
    let output = reader.env("LC_ALL", "C").stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

impl Drop for Served {
    fn drop(&mut self) {
        self.main_loop.quit();
        self.thread.take().unwrap().join().unwrap();
    }
}

struct Connection {
    socket: BufReader<TcpStream>,
    sequence: u32,
}

#[derive(Debug)]
struct Reply {
    status: u16,
    /// All lines but the body's.
    head: String,
}

impl Connection {
    fn ask(&mut self, method: &str, uri: &str, headers: &[String]) -> Reply {
        self.sequence += 1;
        let mut request = format!("{method} {uri} RTSP/1.0\r\nCSeq: {}\r\n", self.sequence);
        headers.iter().for_each(|header| write!(request, "{header}\r\n").unwrap());
        request += "\r\n";
        self.socket.get_mut().write_all(request.as_bytes()).unwrap();
        self.reply()
    }

    fn reply(&mut self) -> Reply {
        while self.socket.fill_buf().unwrap().first() == Some(&b'$') {
            let mut frame = [0; 4];
            self.socket.read_exact(&mut frame).unwrap();
            let length = u16::from_be_bytes([frame[2], frame[3]]);
            self.socket.read_exact(&mut vec![0; length.into()]).unwrap();
        }
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.socket.read_line(&mut head).unwrap() > 0, "the server hung up after {head:?}");
        }
        let reply = Reply { status: head.split(' ').nth(1).unwrap().parse().unwrap(), head };
        let length = reply.header("Content-Length").map_or(0, |length| length.parse().unwrap());
        self.socket.read_exact(&mut vec![0; length]).unwrap();
        reply
    }
}

impl Reply {
    fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| *key == name).map(|(_, value)| value).collect()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).first().copied()
    }

    fn nonce(&self) -> &str {
        self.head.split_once("nonce=\"").unwrap().1.split_once('"').unwrap().0
    }

    /// What is the same each time.
    fn shape(&self) -> String {
        let head = match self.head.contains("nonce=") {
            true => self.head.replace(self.nonce(), "NONCE"),
            false => self.head.clone(),
        };
        head.lines().filter(|line| !line.starts_with("Date: ")).collect::<Vec<_>>().join("\n")
    }
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Basic,
    /// RFC 2069, as GStreamer's and Live555's readers.
    OldMd5,
    Md5,
    Sha256,
}

/// anna's `Authorization` header.
fn authorization(form: Form, method: &str, uri: &str, password: &str, nonce: &str, count: u32) -> String {
    use sha2::Digest;
    let sha256_hex = |text: &str| {
        sha2::Sha256::digest(text).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
    };
    let (name, hash): (_, &dyn Fn(&str) -> String) = match form {
        Form::Basic => return format!("Authorization: {}", basic("anna", password)),
        Form::OldMd5 | Form::Md5 => ("MD5", &md5_hex),
        Form::Sha256 => ("SHA-256", &sha256_hex),
    };
    let (secret, request) = (hash(&format!("anna:Headwater:{password}")), hash(&format!("{method}:{uri}")));
    let (protection, response) = match form {
        Form::OldMd5 => (String::new(), hash(&format!("{secret}:{nonce}:{request}"))),
        _ => (
            format!(r#", algorithm={name}, qop=auth, nc={count:08x}, cnonce="abc""#),
            hash(&format!("{secret}:{nonce}:{count:08x}:abc:auth:{request}")),
        ),
    };
    format!(
        r#"Authorization: Digest username="anna", realm="Headwater", nonce="{nonce}", uri="{uri}", response="{response}"{protection}"#
    )
}

#[test]
fn a_stranger_gets_the_same_answer_from_what_is_missing_and_what_is_forbidden() {
    let served = Served::start(table(vec![
        stream("/lobby", readers(&["anna"]), &[Scheme::Digest, Scheme::Basic]),
        stream("/open", Readers::Anyone, &[Scheme::Digest]),
    ]));
    for method in
        ["DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE"]
    {
        let shape =
            |path: &str, headers: &[String]| served.connect().ask(method, &served.url(path), headers).shape();
        let there = shape("/lobby", &[]);
        assert!(there.starts_with("RTSP/1.0 401 "), "{method}: {there}");
        assert_eq!(there.matches("WWW-Authenticate: ").count(), 3, "{method}: {there}");
        for path in ["/gone", "/lobbyist", "/lobby/gone", "/gone/stream=0"] {
            assert_eq!(shape(path, &[]), there, "{method} {path}");
            let wrong = format!("Authorization: {}", basic("anna", "wrong"));
            assert_eq!(shape(path, &[wrong]), there, "{method} {path}, wrong password");
        }
        let bert = format!("Authorization: {}", basic("bert", "pear"));
        assert!(shape("/lobby", std::slice::from_ref(&bert)).starts_with("RTSP/1.0 403 "), "{method}");
        assert!(shape("/gone", &[bert]).starts_with("RTSP/1.0 404 "), "{method}");
    }
    for path in ["/lobby", "/gone", "/open"] {
        assert_eq!(served.connect().ask("OPTIONS", &served.url(path), &[]).status, 200, "{path}");
    }
    assert_eq!(served.connect().ask("DESCRIBE", &served.url("/open"), &[]).status, 200);
}

#[test]
fn each_scheme_admits_the_right_password_and_no_other() {
    let served = serve_house();
    for (path, forms) in [
        ("/all", &[Form::Basic, Form::OldMd5, Form::Md5, Form::Sha256][..]),
        ("/digest", &[Form::OldMd5, Form::Md5, Form::Sha256]),
        ("/md5", &[Form::OldMd5, Form::Md5]),
        ("/sha256", &[Form::Sha256]),
        ("/basic", &[Form::Basic]),
    ] {
        for form in [Form::Basic, Form::OldMd5, Form::Md5, Form::Sha256] {
            let uri = served.url(path);
            let mut connection = served.connect();
            let challenge = connection.ask("DESCRIBE", &uri, &[]);
            assert_eq!(challenge.status, 401);
            let nonce = if matches!(form, Form::Basic) || path == "/basic" { "" } else { challenge.nonce() };
            let wrong = authorization(form, "DESCRIBE", &uri, "appel", nonce, 1);
            let refused = connection.ask("DESCRIBE", &uri, &[wrong]);
            assert_eq!((refused.status, refused.head.contains("stale")), (401, false), "{path} {form:?}");
            let right = authorization(form, "DESCRIBE", &uri, "apple", nonce, 1);
            let offered = forms.iter().any(|offered| *offered as u8 == form as u8);
            let reply = connection.ask("DESCRIBE", &uri, &[right]);
            assert_eq!(reply.status, if offered { 200 } else { 401 }, "{path} {form:?}: {reply:?}");
        }
    }
}

#[test]
fn a_reader_with_sha_256_goes_through_a_whole_session() {
    let served = serve_house();
    let uri = served.url("/sha256");
    let mut connection = served.connect();
    let nonce = connection.ask("DESCRIBE", &uri, &[]).nonce().to_owned();
    let mut count = 0;
    let mut session = String::new();
    let track = format!("{uri}/stream=0");
    let aggregate = format!("{uri}/");
    for (method, uri) in [
        ("DESCRIBE", &uri),
        ("SETUP", &track),
        ("PLAY", &aggregate),
        ("OPTIONS", &uri),
        ("GET_PARAMETER", &aggregate),
        ("TEARDOWN", &aggregate),
    ] {
        count += 1;
        let mut headers = vec![authorization(Form::Sha256, method, uri, "apple", &nonce, count)];
        match method {
            "DESCRIBE" => {}
            "SETUP" => headers.push("Transport: RTP/AVP/TCP;unicast;interleaved=0-1".into()),
            _ => headers.push(format!("Session: {session}")),
        }
        let reply = connection.ask(method, uri, &headers);
        assert_eq!(reply.status, 200, "{method}: {reply:?}");
        if let Some(id) = reply.header("Session") {
            session = id.split(';').next().unwrap().to_owned();
        }
        if method == "PLAY" {
            let replayed = connection.ask(method, uri, &headers);
            assert!(replayed.status == 401 && replayed.head.contains("stale=true"), "{replayed:?}");
            let bare = connection.ask("GET_PARAMETER", uri, &headers[1..]);
            assert_eq!(bare.status, 401, "a session's number alone is no right: {bare:?}");
        }
    }
}

#[test]
fn the_user_of_a_client_is_known_and_forgotten_with_it() {
    let served = serve_house();
    let uri = served.url("/basic");
    let mut connection = served.connect();
    let asked = connection.ask("DESCRIBE", &uri, &[]);
    assert_eq!(asked.status, 401);
    let client = served.server.client_filter(None).pop().unwrap();
    assert_eq!(served.auth.user_of(&client), None);
    for _ in 0..2 {
        let anna = authorization(Form::Basic, "DESCRIBE", &uri, "apple", "", 1);
        assert_eq!(connection.ask("DESCRIBE", &uri, &[anna]).status, 200);
    }
    assert_eq!(served.auth.user_of(&client).as_deref(), Some("anna"));

    let (sender, gone) = mpsc::channel();
    client.connect_closed(move |_| sender.send(()).unwrap());
    drop(connection);
    gone.recv_timeout(PATIENCE).unwrap();
    let weak = client.downgrade();
    let (sender, gone) = mpsc::channel();
    client.add_weak_ref_notify(move || sender.send(()).unwrap());
    drop(client);
    gone.recv_timeout(PATIENCE).unwrap();
    assert!(weak.upgrade().is_none());
    assert!(served.auth.imp().clients.lock().unwrap().is_empty());
}

#[test]
fn a_new_table_counts_from_the_next_request_on() {
    let served = serve_house();
    let mut connection = served.connect();
    assert_eq!(connection.ask("DESCRIBE", &served.url("/open"), &[]).status, 200);
    served.auth.set_table(table(vec![stream("/open", readers(&["bert"]), &[Scheme::Basic])]));
    assert_eq!(connection.ask("DESCRIBE", &served.url("/open"), &[]).status, 401);
    served.auth.set_table(table(Vec::new()));
    assert_eq!(connection.ask("DESCRIBE", &served.url("/open"), &[]).status, 404);
}

#[test]
fn a_server_without_a_table_serves_nothing() {
    let served = serve_house();
    served.auth.set_table(AccessTable::default());
    assert_eq!(served.connect().ask("DESCRIBE", &served.url("/open"), &[]).status, 404);
}

#[test]
fn ffmpeg_logs_in_by_basic_and_digest() {
    let served = serve_house();
    for (path, password, expected) in [
        ("/open", "apple", true),
        ("/all", "apple", true),
        ("/digest", "apple", true),
        ("/md5", "apple", true),
        ("/basic", "apple", true),
        ("/digest", "wrong", false),
        ("/basic", "wrong", false),
        ("/bert", "apple", false),
        ("/gone", "apple", false),
    ] {
        let url = served.url(path).replace("//", &format!("//anna:{password}@"));
        let mut ffmpeg = Command::new("timeout");
        ffmpeg.args(["20", "ffmpeg", "-nostdin", "-xerror", "-rtsp_transport", "tcp", "-i", &url]);
        ffmpeg.args(["-frames:v", "5", "-f", "null", "-"]);
        let (reads, said) = run(&mut ffmpeg);
        assert_eq!(reads, expected, "{path} with {password}: {said}");
    }
}

#[test]
fn gstreamer_logs_in_by_basic_and_digest() {
    let served = serve_house();
    for (path, password, expected) in [
        ("/all", "apple", true),
        ("/digest", "apple", true),
        ("/md5", "apple", true),
        ("/basic", "apple", true),
        ("/digest", "wrong", false),
        ("/basic", "wrong", false),
        ("/bert", "apple", false),
    ] {
        let mut launch = Command::new("timeout");
        launch.args(["20", "gst-launch-1.0", "rtspsrc", "protocols=tcp", "latency=0", "user-id=anna"]);
        launch.arg(format!("location={}", served.url(path)));
        launch.arg(format!("user-pw={password}"));
        launch.args(["!", "fakesink", "num-buffers=5"]);
        // Not by its exit code: rtspsrc may interrupt its own PAUSE when it is stopped, and call that an error.
        let (_, said) = run(&mut launch);
        assert_eq!(said.contains("Got EOS"), expected, "{path} with {password}: {said}");
    }
}
