//! Exchanges of real programs, mangled, and sent to the running server: it stays up, who reads beside them loses
//! nothing, and nothing is left of them.

#[expect(dead_code, reason = "the tests of the parsers use the rest")]
#[path = "../fuzz/mutation.rs"]
mod mutation;

use crate::program::{Home, PATIENCE, Program, Stream, config};
use crate::rtsp::{
    Client, Credentials, Reader, Scheme, Transport, connect_from, longest_pause, lost, port, udp_pair_at,
};
use mutation::{Choices, mutate};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What programs sent, one message a line; made by `tests/fuzz/record.py`.
const RECORDED: &[&str] = &[
    include_str!("../fuzz/corpus/exchanges/ffmpeg-tcp.txt"),
    include_str!("../fuzz/corpus/exchanges/ffmpeg-udp.txt"),
    include_str!("../fuzz/corpus/exchanges/ffmpeg-digest.txt"),
    include_str!("../fuzz/corpus/exchanges/gstreamer-tcp.txt"),
    include_str!("../fuzz/corpus/exchanges/gstreamer-udp.txt"),
    include_str!("../fuzz/corpus/exchanges/gstreamer-tunnel.txt"),
    include_str!("../fuzz/corpus/exchanges/gstreamer-digest.txt"),
    include_str!("../fuzz/corpus/exchanges/mpv-tcp.txt"),
    include_str!("../fuzz/corpus/exchanges/live555-udp.txt"),
    include_str!("../fuzz/corpus/exchanges/live555-digest.txt"),
    include_str!("../fuzz/corpus/exchanges/curl.txt"),
];

/// At once; each has a connection or none.
const SENDERS: usize = 4;
/// What is mangled is often not answered at all.
const ANSWER: Duration = Duration::from_millis(60);
/// The streams that the recorded programs read: one that is open, and one with a password.
const STREAM: &str = "lobby";
const PROTECTED: &str = "door";

/// What the library says to nonsense, and refuses it.
const COMPLAINTS: &[&str] = &[
    "unknown transport field",
    // Of two ways out of one tunnel, or two ways in.
    "gst_rtsp_connection_do_tunnel: assertion",
    // A connection that plays becomes the way in of a tunnel, whose other connection is then written to: a picture that
    // is on its way in that instant has nowhere to go.
    "g_pollable_output_stream_writev_nonblocking: assertion",
];

/// How much is sent.
pub struct Amount {
    pub exchanges: usize,
    /// Then no further one is begun.
    pub time: Duration,
}

/// What was seen.
#[derive(Debug)]
pub struct Outcome {
    pub exchanges: usize,
    /// Answers by the first digit of their status; the first place is for connections without any answer.
    pub answers: [usize; 10],
    pub packets: usize,
    pub lost: usize,
    pub pause: Duration,
    pub control_pause: Duration,
    /// kB of memory after the first tenth and at the end.
    pub memory: [u64; 2],
    pub descriptors: [usize; 2],
    pub threads: [usize; 2],
}

/// Sends mangled exchanges to a server of its own, beside a healthy reader, while a control reader reads from a
/// server that nobody disturbs. Panics where the server does not stay up.
pub fn run(seed: u64, amount: &Amount) -> Outcome {
    eprintln!("the seed is {seed}");
    let stream = |id| Stream::pattern(id, "ball").picture("size = \"640x360\"\nframe_rate = \"25\"");
    let streams = [stream(STREAM), stream(PROTECTED).protected("guest", "digest")];
    let serve = || {
        let home = Home::new(&config(&["guest"], &streams));
        home.set_password("guest", "secret");
        home.serve()
    };
    let (mut program, mut undisturbed) = (serve(), serve());
    let reader_of = |program: &mut Program| {
        let reader = Client::connect(&program.address(STREAM)).play(Transport::Tcp);
        reader.wait_for("packet", PATIENCE, |_| true);
        reader
    };
    let (healthy, control) = (reader_of(&mut program), reader_of(&mut undisturbed));
    let server: SocketAddr = host(&program.address(STREAM)).parse().unwrap();
    // A media has sockets for UDP from its first such reader on, and keeps them.
    let login = Credentials { user: "guest", password: "secret", scheme: Scheme::DigestSha256 };
    let open = Client::connect(&program.address(STREAM));
    let protected = Client::connect(&program.address(PROTECTED)).with(login);
    [open, protected].into_iter().for_each(|client| client.play(Transport::Udp).leave());
    // The threads that answer come with the first requests, and stay.
    let askers: Vec<Client> = (0..2 * SENDERS)
        .map(|_| {
            let mut client = Client::connect(&program.address(STREAM));
            client.request("OPTIONS", &format!("rtsp://{server}/{STREAM}"), "");
            client
        })
        .collect();
    let descriptors = open_files(program.pid()) - askers.len();
    drop(askers);

    let exchanges: Vec<Vec<Vec<u8>>> =
        RECORDED.iter().map(|recorded| recorded.lines().map(unescape).collect()).collect();
    let (pid, start, next) = (program.pid(), Instant::now(), AtomicUsize::new(0));
    let memory_warm = OnceLock::new();
    let tallies: Vec<[usize; 10]> = thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                scope.spawn(|| {
                    let (mut tally, ports) = ([0; 10], udp_pair_at(Ipv4Addr::LOCALHOST));
                    while start.elapsed() < amount.time {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= amount.exchanges {
                            break;
                        }
                        if number >= amount.exchanges / 10 || start.elapsed() > amount.time / 10 {
                            memory_warm.get_or_init(|| memory(pid));
                        }
                        let mut choices = fastrand::Rng::with_seed(seed.wrapping_add(number as u64));
                        let messages = mangled(&exchanges, &mut choices);
                        let answers = send(server, number, &messages, &ports, &mut choices)
                            .unwrap_or_else(|error| panic!("seed {seed}, exchange {number}: {error}"));
                        if answers.is_empty() {
                            tally[0] += 1;
                        }
                        answers.into_iter().for_each(|class| tally[class] += 1);
                    }
                    tally
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    let sent = next.into_inner().min(amount.exchanges);
    assert!(program.is_running(), "seed {seed}: the server has ended after {sent} exchanges");

    // A picture that is new, so that what came before it is whole.
    let now = Instant::now();
    for reader in [&healthy, &control] {
        reader.wait_for("packet of now", PATIENCE, |packet| packet.at > now);
    }
    let (packets, control_packets) = (healthy.packets(), control.packets());
    // Sessions on UDP last for a minute when they are left alone.
    let waiting = Instant::now();
    while open_files(pid) > descriptors && waiting.elapsed() < 5 * PATIENCE {
        thread::sleep(Duration::from_millis(200));
    }
    let outcome = Outcome {
        exchanges: sent,
        answers: tallies.iter().fold([0; 10], |sum, tally| std::array::from_fn(|n| sum[n] + tally[n])),
        packets: packets.len(),
        lost: lost(&packets),
        pause: longest_pause(&packets),
        control_pause: longest_pause(&control_packets),
        memory: [memory_warm.into_inner().unwrap_or_default(), memory(pid)],
        descriptors: [descriptors, open_files(pid)],
        threads: [SETTLED_THREADS, threads(pid)],
    };
    [healthy, control].into_iter().for_each(Reader::leave);
    program.stop_amid(COMPLAINTS);
    undisturbed.stop();
    outcome
}

/// Far more than a live stream and the pools of the libraries have: more is a leak.
const SETTLED_THREADS: usize = 80;

fn host(address: &str) -> &str {
    address.strip_prefix("rtsp://").unwrap().split('/').next().unwrap()
}

/// A line of a recording as the bytes that were sent.
fn unescape(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match (byte == b'\\').then(|| rest.next().unwrap()) {
            None => byte,
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'x') => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            Some(other) => other,
        });
    }
    bytes
}

/// One of the exchanges: its messages in another order, some of them changed.
fn mangled(exchanges: &[Vec<Vec<u8>>], choices: &mut impl Choices) -> Vec<Vec<u8>> {
    let mut messages = exchanges[choices.below(exchanges.len())].clone();
    let texts: Vec<String> =
        exchanges.iter().flatten().map(|message| String::from_utf8_lossy(message).into_owned()).collect();
    let corpus: Vec<&str> = texts.iter().map(String::as_str).collect();
    for _ in 0..1 + choices.below(4) {
        let (number, at) = (messages.len(), choices.below(messages.len().max(1)));
        match choices.below(10) {
            0 if number > 0 => drop(messages.remove(at)),
            1 if number > 0 => messages.insert(at, messages[at].clone()),
            2 if number > 0 => messages.swap(at, choices.below(number)),
            3 => messages.insert(at, corpus[choices.below(corpus.len())].as_bytes().to_vec()),
            _ if number > 0 => mutate(&mut messages[at], &corpus, choices),
            _ => {}
        }
    }
    messages
}

/// Sends the messages from an address of their own, and says the classes of the answers. Fails where the server
/// takes no connection; that it closes one is its right.
fn send(
    server: SocketAddr,
    number: usize,
    messages: &[Vec<u8>],
    ports: &(UdpSocket, UdpSocket),
    choices: &mut impl Choices,
) -> std::io::Result<Vec<usize>> {
    let own = Ipv4Addr::new(127, 1, (number >> 8) as u8, number as u8);
    let mut socket = connect_from(own, server)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(ANSWER))?;
    let (mut session, mut classes) = ("none".to_owned(), Vec::new());
    let (pipelined, in_pieces) = (choices.below(4) == 0, choices.below(8) == 0);
    // The way in of a tunnel through HTTP is a connection of its own.
    let mut way_in = None;
    for message in messages {
        let pair = format!("{}-{}", port(&ports.0), port(&ports.1));
        let text = [("{server}", server.to_string()), ("{session}", session.clone()), ("{ports}", pair)]
            .iter()
            .fold(message.clone(), |text, (place, value)| {
                replaced(&text, place.as_bytes(), value.as_bytes())
            });
        let size = if in_pieces { text.len().div_ceil(5).max(1) } else { text.len().max(1) };
        if text.starts_with(b"POST ") {
            way_in = Some(connect_from(own, server)?);
        }
        let to = way_in.as_mut().unwrap_or(&mut socket);
        if text.chunks(size).any(|piece| to.write_all(piece).is_err()) {
            break;
        }
        if !pipelined && !take_answer(&mut socket, &mut session, &mut classes) {
            break;
        }
    }
    if pipelined {
        take_answer(&mut socket, &mut session, &mut classes);
    }
    match choices.below(3) {
        // RST instead of FIN.
        0 => rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?,
        1 => drop(socket.shutdown(Shutdown::Write)),
        _ => {}
    }
    Ok(classes)
}

fn replaced(text: &[u8], place: &[u8], value: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.windows(place.len()).position(|window| window == place) {
        whole.extend_from_slice(&rest[..at]);
        whole.extend_from_slice(value);
        rest = &rest[at + place.len()..];
    }
    whole.extend_from_slice(rest);
    whole
}

/// Takes what comes until it has an answer, or for a while; false where the connection has ended.
fn take_answer(socket: &mut TcpStream, session: &mut String, classes: &mut Vec<usize>) -> bool {
    let start = Instant::now();
    let mut data = [0; 16 * 1024];
    // Pictures may come instead, without an end.
    while start.elapsed() < ANSWER {
        let length = match socket.read(&mut data) {
            Ok(0) => return false,
            Ok(length) => length,
            Err(error) => return matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        };
        let text = String::from_utf8_lossy(&data[..length]);
        let before = classes.len();
        classes.extend(text.split("RTSP/1.0 ").skip(1).filter_map(|status| {
            status.bytes().next().filter(u8::is_ascii_digit).map(|digit| usize::from(digit - b'0'))
        }));
        if let Some(id) = text.split("Session: ").nth(1).and_then(|rest| rest.split(['\r', ';']).next()) {
            id.clone_into(session);
        }
        if classes.len() > before {
            return true;
        }
    }
    true
}

fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("the program runs").count()
}

fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).expect("the program runs").count()
}

/// Resident, in kB.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the program runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("kB")
}

#[test]
fn mangled_exchanges_of_real_programs_hurt_nobody_and_leave_nothing() {
    // More memory than this is a leak of several kB for each of them.
    const MORE_MEMORY: u64 = 16 * 1024;
    let _turn = crate::program::shared();
    let amount = Amount { exchanges: 400, time: Duration::from_secs(20) };
    let outcome = run(20, &amount);
    eprintln!("{outcome:?}");
    let Outcome { exchanges, answers, packets, lost, pause, control_pause, memory, descriptors, threads } =
        outcome;
    assert!(exchanges > 0, "nothing was sent");
    assert!(answers[2] > 0 && answers[4] > 0, "nothing was understood, or everything: {answers:?}");
    assert_eq!(lost, 0, "of {packets} packets of the healthy reader");
    assert!(
        pause < control_pause + Duration::from_secs(2),
        "a pause of {pause:?}, elsewhere {control_pause:?}"
    );
    assert!(memory[1] < memory[0] + MORE_MEMORY, "kB of memory: {memory:?}");
    assert!(descriptors[1] <= descriptors[0], "descriptors: {descriptors:?}");
    assert!(threads[1] <= threads[0], "threads: {threads:?}");
}
