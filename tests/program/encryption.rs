//! RTSPS: what is read over it cannot be read in between, and what must be is read by nothing else.

use crate::players;
use crate::program::{Home, PATIENCE, Program, Stream, config, finish, shared, words};
use crate::rtsp::{Client, Credentials, Scheme, Transport};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

const SMALL: &str = "size = \"320x240\"\nframe_rate = \"25\"";
const RTSPS: &str = "port = 0\n\n[server.rtsps]\nport = 0\n";

fn pattern(id: &str) -> Stream {
    Stream::pattern(id, "ball").picture(SMALL)
}

fn home(users: &[&str], streams: &[Stream], rtsps: &str) -> Home {
    Home::new(&config(users, streams).replacen("port = 0\n", &format!("{RTSPS}{rtsps}"), 1))
}

fn host(address: &str) -> &str {
    address.strip_prefix("rtsps://").expect("an encrypted address").split('/').next().unwrap()
}

/// A port of this computer whose connections come out encrypted, by openssl.
pub struct Wrapper {
    pub address: String,
}

impl Wrapper {
    pub fn new(encrypted: &str) -> Self {
        Self::with(encrypted, &[])
    }

    fn with(encrypted: &str, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let path = encrypted.rsplit_once('/').unwrap().1;
        let address = format!("rtsp://{}/{path}", listener.local_addr().unwrap());
        let to = host(encrypted).to_owned();
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                pipe_through(socket, &to, &arguments);
            }
        });
        Self { address }
    }
}

fn pipe_through(socket: TcpStream, to: &str, arguments: &[String]) {
    let mut openssl = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", to])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (openssl.stdin.take().unwrap(), openssl.stdout.take().unwrap());
    let (mut from, mut back) = (socket.try_clone().unwrap(), socket);
    thread::spawn(move || copy(&mut from, &mut input, openssl));
    thread::spawn(move || {
        let mut bytes = [0; 1 << 16];
        while let Ok(length @ 1..) = output.read(&mut bytes) {
            if back.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
}

/// Until the reader goes; openssl goes with it.
fn copy(from: &mut TcpStream, to: &mut impl Write, mut openssl: Child) {
    let mut bytes = [0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    openssl.kill().unwrap();
    openssl.wait().unwrap();
}

/// What openssl says of a handshake with these arguments.
fn handshake(address: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", host(address)]).args(arguments);
    words(&finish(command, ""))
}

fn fingerprint(program: &Program) -> String {
    const WORDS: &str = "the SHA-256 fingerprint ";
    let end = program.wait_for_log(WORDS, 0);
    program.wait_for_log("\n", end);
    program.log()[end..].lines().next().unwrap().to_owned()
}

#[test]
fn players_read_by_rtsps() {
    let _turn = shared();
    let mut program = home(&[], &[pattern("lobby")], "").serve();
    let address = program.encrypted_address("lobby");
    // ffmpeg first asks for UDP, and is given what can be had.
    for transport in ["tcp", "udp"] {
        assert!(players::ffmpeg(&address, transport) > 0, "{transport}");
    }
    players::gstreamer(&address, "tcp");
    players::gstreamer(&address, "tcp+udp");
    players::mpv(&address, "tcp");
    // An HTTP tunnel within TLS.
    players::gstreamer(&address.replace("rtsps://", "rtspsh://"), "tcp+http+tls");
    assert!(players::ffmpeg(&address.replace("rtsps://", "rtsp://"), "https") > 0);
    assert!(players::ffmpeg(&program.address("lobby"), "udp") > 0, "without encryption as before");
    program.stop();
}

#[test]
fn only_interleaved_media_is_had_over_rtsps_and_only_rtsps_where_that_is_asked_for() {
    let _turn = shared();
    let streams = [
        pattern("any"),
        pattern("secret").transports(&["rtsps"]).protected("guest", "basic"),
        pattern("plain").transports(&["udp", "tcp"]),
    ];
    let home = home(&["guest"], &streams, "");
    home.set_password("guest", "pear");
    let mut program = home.serve();
    let wrapped = |address: &str| Wrapper::new(address).address;
    let any = wrapped(&program.encrypted_address("any"));
    let set_up = |offers: &str| {
        let offers = format!("Transport: {offers}\r\n");
        Client::connect(&any).request("SETUP", &format!("{any}/stream=0"), &offers).status
    };
    assert_eq!(set_up("RTP/AVP;unicast;client_port=5000-5001"), 461);
    assert_eq!(set_up("RTP/AVP;multicast"), 461);
    assert_eq!(set_up("RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast;interleaved=0-1"), 200);

    // Its password is not even asked for where others can hear it.
    let secret = program.encrypted_address("secret");
    let plain = program.address("any").replace("/any", "/secret");
    let heard = Client::connect(&plain).describe();
    assert_eq!((heard.status, heard.header("WWW-Authenticate")), (403, None));
    let credentials = || Credentials { user: "guest", password: "pear", scheme: Scheme::Basic };
    let mut client = Client::connect(&plain).with(credentials());
    assert_eq!(client.request("SETUP", &format!("{plain}/stream=0"), "").status, 403);
    let secret = wrapped(&secret);
    assert_eq!(Client::connect(&secret).describe().status, 401);
    let reader = Client::connect(&secret).with(credentials()).play(Transport::Tcp);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    reader.leave();

    let plain = any.replace("/any", "/plain");
    assert_eq!(Client::connect(&plain).describe().status, 403);
    program.stop();
}

#[test]
fn tls_1_2_and_1_3_are_spoken_and_nothing_older() {
    let _turn = shared();
    let mut program = home(&[], &[pattern("lobby")], "").serve();
    let address = program.encrypted_address("lobby");
    for (version, spoken) in [("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")] {
        let said = handshake(&address, &[version]);
        assert!(said.contains(&format!("New, {spoken}")), "{said}");
    }
    for version in ["-tls1_1", "-tls1"] {
        // Today's openssl itself refuses them at its usual level. The library may speak them; Headwater does not.
        let old = &[version, "-cipher", "ALL:@SECLEVEL=0"];
        let wrapped = Wrapper::with(&address, old).address;
        if handshake(&address, old).contains("New, (NONE)") {
            continue;
        }
        assert_eq!(Client::connect(&wrapped).describe().status, 403, "{version}");
        assert_eq!(Client::connect(&wrapped).request("OPTIONS", "*", "").status, 403, "{version}");
    }
    program.stop();
}

#[test]
fn the_certificate_is_kept_names_this_computer_and_is_shown_by_its_fingerprint() {
    let _turn = shared();
    let home = home(&[], &[pattern("lobby")], "");
    let mut program = home.clone().serve();
    let address = program.encrypted_address("lobby");
    let first = fingerprint(&program);
    let file = home.path().join("state/headwater/rtsps.pem");
    let seen = home.path().join("seen.pem");
    let said = handshake(&address, &["-showcerts"]);
    let start = said.find("-----BEGIN CERTIFICATE-----").expect("a certificate");
    let end = said.find("-----END CERTIFICATE-----").unwrap() + "-----END CERTIFICATE-----".len();
    fs::write(&seen, format!("{}\n", &said[start..end])).unwrap();
    let mut command = Command::new("openssl");
    command.args(["x509", "-noout", "-fingerprint", "-sha256", "-ext", "subjectAltName", "-in"]).arg(&seen);
    let text = words(&finish(command, ""));
    assert!(text.contains(&format!("sha256 Fingerprint={first}")), "{text}\n{first}");
    assert!(text.contains("IP Address:127.0.0.1") && text.contains("DNS:localhost"), "{text}");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    // Whoever trusts it can check the name, too.
    let mut command = Command::new("ffprobe");
    command.args(["-loglevel", "error", "-tls_verify", "1", "-ca_file"]).arg(&seen).arg(&address);
    let output = finish(command, "");
    assert!(output.status.success(), "{}", words(&output));
    program.stop();
    let mut again = home.serve();
    again.encrypted_address("lobby");
    assert_eq!(fingerprint(&again), first, "the same one after a start");
    again.stop();
}

/// A certificate and its key, by openssl, as users make them.
fn make_pair(folder: &Path, days: &str) {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", days, "-subj", "/CN=camera"]);
    command.args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"]).arg(folder.join("key.pem"));
    command.arg("-out").arg(folder.join("certificate.pem"));
    let output = finish(command, "");
    assert!(output.status.success(), "{}", words(&output));
}

#[test]
fn a_certificate_of_the_user_is_served() {
    let _turn = shared();
    let folder = tempfile::tempdir().unwrap();
    make_pair(folder.path(), "30");
    let path = folder.path().display();
    let files = format!("certificate = \"{path}/certificate.pem\"\nkey = \"{path}/key.pem\"\n");
    let mut program = home(&[], &[pattern("lobby")], &files).serve();
    let address = program.encrypted_address("lobby");
    assert!(handshake(&address, &[]).contains("CN=camera"), "{}", handshake(&address, &[]));
    assert!(players::ffmpeg(&address, "tcp") > 0);
    program.stop();
}

#[test]
fn what_is_wrong_with_the_certificate_is_said_and_the_rest_is_served() {
    let _turn = shared();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let files = format!("certificate = \"{path}/certificate.pem\"\nkey = \"{path}/key.pem\"\n");
    let serve = |sentence: &str| {
        let mut program = home(&[], &[pattern("lobby")], &files).serve();
        let reader = Client::connect(&program.address("lobby")).play(Transport::Tcp);
        reader.wait_for("key frame", PATIENCE, |packet| packet.key);
        program.wait_for_log(sentence, 0);
        reader.leave();
        program.stop();
    };
    serve("certificate.pem cannot be read");
    make_pair(folder.path(), "30");
    let key = fs::read(folder.path().join("key.pem")).unwrap();
    make_pair(folder.path(), "30");
    fs::write(folder.path().join("key.pem"), key).unwrap();
    serve("the key is not that of the certificate");
}

#[test]
fn without_the_tls_library_rtsps_says_what_is_missing_and_the_rest_is_served() {
    let _turn = shared();
    let home = home(&[], &[pattern("lobby")], "");
    let mut command = home.command(&["--headless"]);
    // GIO's own word for none.
    command.env("GIO_USE_TLS", "dummy");
    let mut program = home.start(command);
    program.wait_for_log("install the package glib-networking", 0);
    let reader = Client::connect(&program.address("lobby")).play(Transport::Tcp);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    reader.leave();
    program.stop();
}

#[test]
fn connections_that_never_shake_hands_hold_nobody_up() {
    let _turn = shared();
    let mut program = home(&[], &[pattern("lobby")], "").serve();
    let address = program.encrypted_address("lobby");
    // More than there are threads that answer; some say something that is no handshake.
    let silent: Vec<_> = (0..12)
        .map(|number| {
            let mut socket = TcpStream::connect(host(&address)).unwrap();
            if number % 3 == 0 {
                socket.write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n").unwrap();
            }
            socket
        })
        .collect();
    let reader = Client::connect(&Wrapper::new(&address).address).play(Transport::Tcp);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    reader.leave();
    drop(silent);
    program.stop();
}
