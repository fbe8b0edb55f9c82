//! Passwords: who has none sees nothing.

use crate::network::Network;
use crate::program::{Home, PATIENCE, Program, Stream, config, finish, shared, words};
use crate::rtsp::{Client, Credentials, Response, Scheme, Transport};
use base64::prelude::{BASE64_STANDARD, Engine};
use std::process::Command;

const SCHEMES: [(&str, Scheme); 3] =
    [("basic", Scheme::Basic), ("digest-md5", Scheme::DigestMd5), ("digest-sha256", Scheme::DigestSha256)];

const SECRET: &str = "Grüße: \"9\"";

/// A stream for each scheme, for `guest`, and one that is open.
fn serve() -> Program {
    serve_streams(&streams(), "")
}

fn streams() -> Vec<Stream> {
    let mut streams: Vec<Stream> =
        SCHEMES.iter().map(|(name, _)| Stream::pattern(name, "ball").protected("guest", name)).collect();
    streams.push(Stream::pattern("open", "ball"));
    streams
}

/// `server` are further lines of the server's table.
fn serve_streams(streams: &[Stream], server: &str) -> Program {
    let text = config(&["guest"], streams).replacen("port = 0\n", &format!("port = 0\n{server}"), 1);
    let home = Home::new(&text);
    home.set_password("guest", SECRET);
    home.serve()
}

fn guest(password: &'static str, scheme: Scheme) -> Credentials {
    Credentials { user: "guest", password, scheme }
}

#[test]
fn each_scheme_takes_the_right_password_only() {
    let _turn = shared();
    let mut program = serve();
    for (name, scheme) in SCHEMES {
        let address = program.address(name);
        let track = format!("{address}/stream=0");
        assert_eq!(Client::connect(&address).describe().status, 401, "{name} without a password");

        let mut wrong = Client::connect(&address).with(guest("guess", scheme));
        assert_eq!(wrong.describe().status, 401, "{name} with a wrong password");
        // The description is not all that is kept: nothing else is to be had either.
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
        assert_eq!(wrong.request("SETUP", &track, transport).status, 401, "SETUP {name}");
        assert_eq!(Client::connect(&address).request("SETUP", &track, transport).status, 401, "SETUP {name}");

        let reader = Client::connect(&address).with(guest(SECRET, scheme)).play(Transport::Tcp);
        reader.wait_for("key frame", PATIENCE, |packet| packet.key);
        reader.leave();
    }
    let reader = Client::connect(&program.address("open")).play(Transport::Tcp);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    reader.leave();
    program.stop();
}

#[test]
fn ffmpeg_and_gstreamer_log_in() {
    let _turn = shared();
    // The wrong passwords of both are more than are borne.
    let mut program = serve_streams(&streams(), "lock_out = false\n");
    // Neither knows SHA-256.
    for (name, _) in &SCHEMES[..2] {
        let address = program.address(name);
        for (password, good) in [("Gr%C3%BC%C3%9Fe%3A%20%229%22", true), ("guess", false)] {
            let url = address.replace("rtsp://", &format!("rtsp://guest:{password}@"));
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(["-nostdin", "-loglevel", "error", "-i", &url, "-frames:v", "5", "-f", "null", "-"]);
            let output = finish(ffmpeg, "");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.success(), good, "ffmpeg, {name}, {password}: {said}");
            assert_eq!(said.contains("401"), !good, "ffmpeg, {name}, {password}: {said}");
        }
        for (password, good) in [(SECRET, true), ("guess", false)] {
            let packets = program.home().path().join("packets");
            let mut gstreamer = Command::new("gst-launch-1.0");
            gstreamer.args(["-q", "rtspsrc", &format!("location={address}"), "user-id=guest"]);
            // gst-launch reads quotes in values itself.
            let quoted = password.replace('\\', "\\\\").replace('"', "\\\"");
            gstreamer.args([
                &format!("user-pw=\"{quoted}\""),
                "!",
                "identity",
                "eos-after=5",
                "!",
                "filesink",
            ]);
            gstreamer.arg(format!("location={}", packets.display()));
            let output = finish(gstreamer, "");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            // Its end is no success always: it may find too late that it cannot pause what it has torn down.
            assert_eq!(said.contains("Unauthorized"), !good, "rtspsrc, {name}, {password}: {said}");
            let received = std::fs::metadata(&packets).unwrap().len();
            assert_eq!(received > 0, good, "rtspsrc, {name}, {password}: {received} bytes; {said}");
        }
    }
    program.stop();
}

#[test]
fn a_path_that_is_missing_looks_like_one_that_is_forbidden() {
    let _turn = shared();
    let home =
        Home::new(&config(&["guest"], &[Stream::pattern("cellar", "ball").protected("guest", "digest")]));
    home.set_password("guest", SECRET);
    let mut program = home.serve();
    let address = program.address("cellar");
    let shape = |response: &Response| {
        let challenge = response.header("WWW-Authenticate").unwrap_or_default();
        let parts =
            challenge.split(", ").filter(|part| !part.contains("nonce=")).collect::<Vec<_>>().join(", ");
        (response.status, parts, response.header("Content-Type").map(str::to_owned), response.body.clone())
    };
    let forbidden = Client::connect(&address).describe();
    let missing = Client::connect(&address.replace("cellar", "attic")).describe();
    assert_eq!(shape(&missing), shape(&forbidden));
    // Who has logged in is told the truth.
    let known = Client::connect(&address.replace("cellar", "attic"));
    assert_eq!(known.with(guest(SECRET, Scheme::DigestSha256)).describe().status, 404);
    program.stop();
}

#[test]
fn passwords_are_in_no_log_and_no_configuration() {
    let _turn = shared();
    let mut program = serve();
    for (name, scheme) in SCHEMES {
        let mut client = Client::connect(&program.address(name)).with(guest(SECRET, scheme));
        assert_eq!(client.describe().status, 200);
    }
    let config = std::fs::read_to_string(program.home().config_file()).unwrap();
    let arguments = std::fs::read_to_string(format!("/proc/{}/cmdline", program.pid())).unwrap();
    for (place, text) in [("log", program.log()), ("configuration", config), ("process list", arguments)] {
        assert!(!text.contains("Grüße"), "the {place} has the password: {text}");
    }
    program.stop();
}

#[test]
fn each_refused_reader_is_a_line_in_the_log() {
    let _turn = shared();
    let mut program = serve();
    // A first question for the password is no refusal.
    assert_eq!(Client::connect(&program.address("basic")).describe().status, 401);
    let basic = format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("guest:{SECRET}")));
    let address = program.address("digest-sha256");
    assert_eq!(Client::connect(&address).request("DESCRIBE", &address, &basic).status, 401);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-loglevel", "error", "-i", &address, "-f", "null", "-"]);
    assert!(!finish(ffmpeg, "").status.success());
    // Those after it who give no login are counted with it, and not listed.
    program.wait_for_log("refused 127.0.0.1, /digest-sha256, program Lavf", 0);
    let missing = address.replace("digest-sha256", "missing");
    let found =
        SCHEMES.map(|(_, scheme)| Client::connect(&missing).with(guest(SECRET, scheme)).describe().status);
    assert!(found.contains(&404), "{found:?}: one of the schemes is asked for");
    for _ in 0..5 {
        let mut client = Client::connect(&program.address("basic")).with(guest("guess", Scheme::Basic));
        assert_eq!(client.describe().status, 401);
    }
    // The right password is not looked at now.
    let mut late = Client::connect(&program.address("basic")).with(guest(SECRET, Scheme::Basic));
    assert_eq!(late.describe().status, 403);
    for line in [
        "refused 127.0.0.1, /basic, user guest: wrong password",
        "refused 127.0.0.1, /basic, user guest: locked out after too many failed logins",
        "refused 127.0.0.1, /digest-sha256, user guest: it asked for Basic; offered: Digest SHA-256",
        "refused 127.0.0.1, /missing, user guest: there is no such stream, or it is off",
    ] {
        program.wait_for_log(line, 0);
    }
    let log = program.log();
    assert!(log.contains(": it gave no user and password; offered: Digest SHA-256"), "{log}");
    let wrong = log.matches("wrong password").count();
    assert!((1..=2).contains(&wrong), "repeats are counted, not listed: {log}");
    program.stop();
}

#[test]
fn a_user_without_a_password_is_refused() {
    let _turn = shared();
    let streams =
        [Stream::pattern("cellar", "ball").protected("guest", "digest"), Stream::pattern("open", "ball")];
    let mut program = Program::start(&["guest"], &streams);
    let address = program.address("open").replace("open", "cellar");
    for password in ["", "guest"] {
        let mut client = Client::connect(&address).with(guest(password, Scheme::DigestSha256));
        assert_eq!(client.describe().status, 401);
    }
    program.stop();
}

/// What DESCRIBE is answered with these passwords, one connection each, from an address to another; 0 where the
/// connection is closed without an answer.
fn statuses(network: &Network, from: &str, to: &str, passwords: &[&str]) -> Vec<u16> {
    const SCRIPT: &str = "
import base64, socket, sys
source, host, *passwords = sys.argv[1:]
resolve = lambda host, port: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
for password in passwords:
    login = base64.b64encode(f'guest:{password}'.encode()).decode()
    with socket.socket(resolve(host, 8554)[0]) as server:
        server.bind(resolve(source, 0)[4])
        server.connect(resolve(host, 8554)[4])
        request = f'DESCRIBE rtsp://server:8554/basic RTSP/1.0\\r\\nCSeq: 1\\r\\nAuthorization: Basic {login}\\r\\n\\r\\n'
        try:
            server.sendall(request.encode())
            answer = server.recv(4096)
        except ConnectionError:
            answer = b''
    print(answer.split()[1].decode() if answer else 0)
";
    let mut command = Command::new("python3");
    command.args(["-c", SCRIPT, from, to]).args(passwords);
    let output = finish(network.at_reader(&command), "");
    assert!(output.status.success(), "{}", words(&output));
    String::from_utf8(output.stdout).unwrap().lines().map(|status| status.parse().unwrap()).collect()
}

#[test]
fn link_local_readers_are_told_apart_and_fit_the_rules_whatever_their_interface() {
    let _turn = shared();
    let Some(network) = Network::new() else { return };
    let (server, readers) = ("fe80::1%eye0", ["fe80::2%eye0", "fe80::3%eye0"]);
    let serve = |rules: &str| {
        let table = format!("port = 8554\nlisten = \"network\"\naddresses = {{ {rules} }}\n");
        let streams = [Stream::pattern("basic", "ball").protected("guest", "basic")];
        let home = Home::new(&config(&["guest"], &streams).replacen("port = 0\n", &table, 1));
        home.set_password("guest", "pear");
        let command = network.at_server(&home.command(&["--headless"]));
        let mut program = home.start(command);
        program.address("basic");
        program
    };
    let program = serve("allow = [\"fe80::/10\"]");
    assert_eq!(statuses(&network, "192.0.2.2", "192.0.2.1", &["pear"]), [0]);
    // Who guesses waits, and nobody else on the same wire.
    assert_eq!(statuses(&network, readers[0], server, &["wrong"; 6]), [401, 401, 401, 401, 401, 403]);
    assert_eq!(statuses(&network, readers[0], server, &["pear"]), [403]);
    assert_eq!(statuses(&network, readers[1], server, &["pear"]), [200]);
    program.stop();

    let program = serve("deny = [\"fe80::2\"]");
    assert_eq!(statuses(&network, readers[0], server, &["pear"]), [0]);
    assert_eq!(statuses(&network, readers[1], server, &["pear"]), [200]);
    program.stop();
}
