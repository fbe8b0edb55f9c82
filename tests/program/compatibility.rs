//! Which program reads over which transport and with which scheme: the table of CONTRIBUTING.md is what is tried here.

use crate::network::{Network, SERVER};
use crate::players::GST_LAUNCH_ENDS;
use crate::program::{Home, Program, Stream, config, finish, shared, words};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

const USER: &str = "guest";
const SECRET: &str = "secret";
/// Pictures or packets: enough to know that they come.
const ENOUGH: &str = "10";
/// The stream that everybody may read.
const OPEN: &str = "open";

/// What is tried with each program. The last four are over TCP, or over UDP where the program knows only that.
const COLUMNS: &[Column] = &[
    Column { heading: "UDP", transport: Some(Transport::Udp), stream: OPEN },
    Column { heading: "Multicast", transport: Some(Transport::Multicast), stream: OPEN },
    Column { heading: "TCP", transport: Some(Transport::Tcp), stream: OPEN },
    Column { heading: "HTTP tunnel", transport: Some(Transport::Tunnel), stream: OPEN },
    Column { heading: "RTSPS", transport: Some(Transport::Rtsps), stream: OPEN },
    Column { heading: "Basic", transport: None, stream: "basic" },
    Column { heading: "Digest, MD5", transport: None, stream: "digest-md5" },
    Column { heading: "Digest, SHA-256", transport: None, stream: "digest-sha256" },
    Column { heading: "Digest, both", transport: None, stream: "digest" },
];

struct Column {
    heading: &'static str,
    transport: Option<Transport>,
    stream: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Multicast,
    Tcp,
    Tunnel,
    Rtsps,
}

/// A program and what it knows.
struct Reader {
    name: &'static str,
    transports: &'static [Transport],
    knows_passwords: bool,
    command: fn(&Target) -> Command,
    /// The word that tells whether it has read, where its exit status does not.
    says: &'static str,
}

/// What a program is to read.
struct Target {
    /// Without a login in it.
    address: String,
    transport: Transport,
    login: Option<(&'static str, &'static str)>,
}

impl Target {
    fn with_login(&self) -> String {
        match self.login {
            Some((user, password)) => self.address.replace("rtsp://", &format!("rtsp://{user}:{password}@")),
            None => self.address.clone(),
        }
    }

    fn login(&self) -> [&'static str; 2] {
        self.login.map_or(["", ""], |(user, password)| [user, password])
    }

    /// In the words of ffmpeg's libraries.
    fn transport(&self) -> &'static str {
        match self.transport {
            Udp => "udp",
            Multicast => "udp_multicast",
            // By which scheme is said by the address.
            Tcp | Rtsps => "tcp",
            Tunnel => "http",
        }
    }
}

use Transport::{Multicast, Rtsps, Tcp, Tunnel, Udp};

const ALL: &[Transport] = &[Udp, Multicast, Tcp, Tunnel, Rtsps];

const READERS: &[Reader] = &[
    Reader { name: "ffmpeg", transports: ALL, knows_passwords: true, command: ffmpeg, says: "" },
    Reader {
        name: "GStreamer `rtspsrc`",
        transports: ALL,
        knows_passwords: true,
        command: gstreamer,
        says: GST_LAUNCH_ENDS,
    },
    Reader { name: "mpv", transports: ALL, knows_passwords: true, command: mpv, says: "" },
    Reader { name: "OpenCV", transports: ALL, knows_passwords: true, command: opencv, says: "" },
    Reader { name: "libcurl", transports: &[Tcp], knows_passwords: true, command: libcurl, says: "" },
    Reader { name: LIVE555, transports: &[Udp], knows_passwords: true, command: live555, says: "frame=" },
    Reader {
        name: "nmap's `rtsp-methods` and `rtsp-url-brute`",
        transports: &[Tcp],
        knows_passwords: false,
        command: nmap,
        says: "discovered",
    },
];

const LIVE555: &str = "live555";

fn ffmpeg(target: &Target) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error", "-rtsp_transport", target.transport()]);
    command.args(["-i", &target.with_login(), "-frames:v", ENOUGH, "-f", "null", "-"]);
    command
}

fn gstreamer(target: &Target) -> Command {
    let mut command = Command::new("gst-launch-1.0");
    // There the scheme of the address asks for the tunnel.
    let location = match target.transport {
        Tunnel => target.address.replacen("rtsp", "rtsph", 1),
        Udp | Multicast | Tcp | Rtsps => target.address.clone(),
    };
    command.args(["rtspsrc", &format!("location={location}")]);
    match target.transport {
        Tunnel => {}
        Multicast => drop(command.arg("protocols=udp-mcast")),
        Udp | Tcp | Rtsps => drop(command.arg(format!("protocols={}", target.transport()))),
    }
    if target.transport == Rtsps {
        // Nobody but Headwater itself has signed its certificate. The others look at none unless they are told to.
        command.arg("tls-validation-flags=0");
    }
    if let Some((user, password)) = target.login {
        command.args([format!("user-id={user}"), format!("user-pw={password}")]);
    }
    command.args(["!", "decodebin", "!", "identity", &format!("eos-after={ENOUGH}"), "!", "fakesink"]);
    command
}

fn mpv(target: &Target) -> Command {
    let mut command = Command::new("mpv");
    command.args(["--no-config", "--vo=null", "--ao=null", "--msg-level=all=error", "--untimed"]);
    command.args([&format!("--rtsp-transport={}", target.transport()), &format!("--frames={ENOUGH}")]);
    command.arg(target.with_login());
    command
}

fn opencv(target: &Target) -> Command {
    const SCRIPT: &str = "
import sys, cv2
capture = cv2.VideoCapture(sys.argv[1], cv2.CAP_FFMPEG)
sys.exit(not all(capture.read()[0] for _ in range(int(sys.argv[2]))))
";
    let mut command = Command::new(std::env::var("HEADWATER_TEST_PYTHON").unwrap_or("python3".into()));
    command.args(["-c", SCRIPT, &target.with_login(), ENOUGH]);
    command.env("OPENCV_FFMPEG_CAPTURE_OPTIONS", format!("rtsp_transport;{}", target.transport()));
    command
}

fn libcurl(target: &Target) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.arg(script("curl_rtsp.py")).arg(&target.address).args(target.login()).arg(ENOUGH);
    command
}

fn live555(target: &Target) -> Command {
    let mut command = Command::new(std::env::var("HEADWATER_TEST_LIVE555").unwrap_or_default());
    command.arg(script("live555.py")).arg(&target.address).args(target.login()).arg("1");
    command
}

fn nmap(target: &Target) -> Command {
    let (host, path) = target.address.strip_prefix("rtsp://").unwrap().split_once('/').unwrap();
    let (host, port) = host.rsplit_once(':').unwrap();
    // A list of its own would be asked for: 80 paths, each a request of this one.
    let paths = std::env::temp_dir().join(format!("headwater-test-paths-{port}"));
    fs::write(&paths, format!("/nobody\n/{path}\n")).unwrap();
    let mut command = Command::new("nmap");
    command.args([
        "-sT",
        "-Pn",
        "-n",
        "-p",
        port,
        "--script",
        "+rtsp-methods,+rtsp-url-brute",
        "--script-args",
    ]);
    command.args([&format!("rtsp-url-brute.urlfile={}", paths.display()), host]);
    command
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program").join(name)
}

/// Whether a program can read so; none where it does not know how to ask.
fn tried(server: &mut Server, reader: &Reader, column: &Column) -> Option<bool> {
    let transport = match column.transport {
        Some(transport) => Some(transport).filter(|wanted| reader.transports.contains(wanted)),
        None if reader.knows_passwords => [Tcp, Udp].into_iter().find(|t| reader.transports.contains(t)),
        None => None,
    }?;
    let login = (column.stream != OPEN).then_some((USER, SECRET));
    let address = match transport {
        Rtsps => server.program.encrypted_address(column.stream),
        Udp | Multicast | Tcp | Tunnel => server.program.address(column.stream),
    };
    let mut command = (reader.command)(&Target { address, transport, login });
    command.env("LC_ALL", "C.UTF-8").env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    if let Some(network) = &server.network {
        command = network.at_reader(&command);
    }
    let output: Output = finish(command, "");
    let said = words(&output);
    let good = if reader.says.is_empty() { output.status.success() } else { said.contains(reader.says) };
    if !good {
        eprintln!("{}, {}: {}", reader.name, column.heading, said);
    }
    Some(good)
}

/// Each column has a server of its own, so that who is refused there stands in nobody's way.
struct Server {
    program: Program,
    /// Between it and the programs, where it is not this computer's own.
    network: Option<Network>,
}

impl Server {
    /// None where it takes a network, and none can be made here.
    fn new(column: &Column) -> Option<Self> {
        let mut stream =
            Stream::pattern(column.stream, "ball").picture("size = \"320x240\"\nframe_rate = \"25\"");
        let open = column.stream == OPEN;
        let users: &[&str] = if open { &[] } else { &[USER] };
        if !open {
            stream = stream.protected(USER, column.stream);
        }
        let server = match column.transport {
            Some(Rtsps) => "port = 0\n\n[server.rtsps]\nport = 0\n".to_owned(),
            Some(Multicast) => {
                stream = stream.transports(&["multicast"]);
                format!("port = 8554\nlisten = \"{SERVER}\"\n")
            }
            _ => "port = 0\n".to_owned(),
        };
        let network = if column.transport == Some(Multicast) { Some(Network::new()?) } else { None };
        let home = Home::new(&config(users, &[stream]).replacen("port = 0\n", &server, 1));
        if !open {
            home.set_password(USER, SECRET);
        }
        let mut command = home.command(&["--headless"]);
        if let Some(network) = &network {
            command = network.at_server(&command);
        }
        Some(Self { program: home.start(command), network })
    }
}

/// What each program can do; none where it cannot be tried here.
fn try_column(column: &Column, readers: &[&Reader]) -> Option<Vec<Option<bool>>> {
    let mut server = Server::new(column)?;
    let cells = readers.iter().map(|reader| tried(&mut server, reader, column)).collect();
    server.program.stop();
    Some(cells)
}

/// A cell of the table as it is written.
fn written<'a>(contributing: &'a str, program: &str, column: usize) -> &'a str {
    let line = contributing.lines().find_map(|line| line.strip_prefix(&format!("| {program} | ")));
    line.and_then(|line| line.split(" | ").nth(column)).map_or("", |cell| cell.trim_end_matches(" |"))
}

#[test]
fn programs_read_as_the_table_of_contributing_says() {
    let _turn = shared();
    let contributing =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CONTRIBUTING.md")).unwrap();
    let has_live555 = std::env::var_os("HEADWATER_TEST_LIVE555").is_some();
    let readers: Vec<&Reader> =
        READERS.iter().filter(|reader| reader.name != LIVE555 || has_live555).collect();
    if !has_live555 {
        eprintln!("not tried: live555; HEADWATER_TEST_LIVE555 names a Python that has liblivemedia");
    }
    let columns: Vec<Option<Vec<Option<bool>>>> = thread::scope(|scope| {
        let tried: Vec<_> =
            COLUMNS.iter().map(|column| scope.spawn(|| try_column(column, &readers))).collect();
        tried.into_iter().map(|column| column.join().unwrap()).collect()
    });
    let headings: Vec<&str> = COLUMNS.iter().map(|column| column.heading).collect();
    let mut lines = vec![
        format!("| program | {} |", headings.join(" | ")),
        format!("| --- |{}", " --- |".repeat(COLUMNS.len())),
    ];
    for (place, reader) in readers.iter().enumerate() {
        let cells = columns.iter().enumerate().map(|(number, column)| {
            match column.as_ref().map(|cells| cells[place]) {
                Some(Some(true)) => "yes",
                Some(Some(false)) => "no",
                Some(None) => "–",
                None => written(&contributing, reader.name, number),
            }
        });
        lines.push(format!("| {} | {} |", reader.name, cells.collect::<Vec<_>>().join(" | ")));
    }
    let missing: Vec<&String> = lines.iter().filter(|line| !contributing.contains(line.as_str())).collect();
    assert!(missing.is_empty(), "CONTRIBUTING.md lacks {missing:#?} of\n{}", lines.join("\n"));
}
