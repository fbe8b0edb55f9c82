//! What comes from a source is damaged on its way: whoever watches stays, and sees it again when it comes whole.

use crate::program::{Home, PATIENCE, Program, Stream, alone, config};
use crate::published::{Sender, reader_of};
use crate::rtsp::{Client, Reader, Transport, host, longest_pause};
use crate::slate::{SWITCH, light, wait_for_pictures, went_on};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// In seconds; as short as it can be set.
const LOST_AFTER: u64 = 1;
/// Packets: more than come in the time after which a source is lost.
const DAMAGED: usize = 150;

/// Stands before a server of RTSP, and damages the packets that pass over TCP, in either direction.
struct Damage {
    port: u16,
    /// How many are to be damaged yet.
    left: Arc<AtomicUsize>,
}

impl Damage {
    /// Before the server of this address.
    fn before(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let new = Self { port: listener.local_addr().unwrap().port(), left: Arc::default() };
        let (server, left) = (host(address).to_owned(), new.left.clone());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let left = left.clone();
                    thread::spawn(move || {
                        // One of both has left, and so does the other.
                        let _ = pass(&from, &to, &left);
                        let _ = [&from, &to].map(|socket| socket.shutdown(std::net::Shutdown::Both));
                    });
                }
            }
        });
        new
    }

    /// The address through this.
    fn address(&self, address: &str) -> String {
        address.replacen(host(address), &format!("127.0.0.1:{}", self.port), 1)
    }

    /// Damages so many packets, and returns when they have passed: or after a while, since each connection that is
    /// tried meanwhile may be given up again.
    fn damage(&self, packets: usize) {
        const LONGEST: Duration = Duration::from_secs(10);
        self.left.store(packets, Ordering::Relaxed);
        let start = Instant::now();
        while self.left.load(Ordering::Relaxed) > 0 && start.elapsed() < LONGEST {
            thread::sleep(Duration::from_millis(20));
        }
        self.left.store(0, Ordering::Relaxed);
    }
}

/// Passes on messages and packets (RFC 2326, 10.12).
fn pass(from: &TcpStream, mut to: &TcpStream, left: &AtomicUsize) -> io::Result<()> {
    let (mut from, mut choices) = (BufReader::new(from), fastrand::Rng::with_seed(5));
    loop {
        let Some(first) = from.fill_buf()?.first() else { return Ok(()) };
        if *first == b'$' {
            let mut head = [0; 4];
            from.read_exact(&mut head)?;
            let mut packet = vec![0; u16::from_be_bytes([head[2], head[3]]).into()];
            from.read_exact(&mut packet)?;
            let is_rtp = head[1] % 2 == 0;
            let less = |left: usize| left.checked_sub(1);
            if is_rtp && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok() {
                spoil(&mut packet, &mut choices);
            }
            let length = (packet.len() as u16).to_be_bytes();
            to.write_all(&[&head[..2], &length, &packet].concat())?;
        } else {
            let (mut message, mut body) = (Vec::new(), 0);
            loop {
                let start = message.len();
                if from.read_until(b'\n', &mut message)? == 0 {
                    return Ok(());
                }
                let line = String::from_utf8_lossy(&message[start..]).to_lowercase();
                match line.split_once(':') {
                    Some(("content-length", length)) => body = length.trim().parse().unwrap(),
                    _ if line.trim().is_empty() => break,
                    _ => {}
                }
            }
            let start = message.len();
            message.resize(start + body, 0);
            from.read_exact(&mut message[start..])?;
            to.write_all(&message)?;
        }
    }
}

/// The head of a packet of RTP (RFC 3550, 5.1).
const HEAD: usize = 12;

/// Cuts what a packet carries, or flips some of its bits; some stay whole.
fn spoil(packet: &mut Vec<u8>, choices: &mut fastrand::Rng) {
    match choices.u8(..4) {
        0 => {}
        1 => packet.truncate(choices.usize(HEAD..packet.len())),
        _ => {
            for _ in 0..choices.usize(1..16) {
                let at = choices.usize(HEAD..packet.len());
                packet[at] ^= 1 << choices.u8(..8);
            }
        }
    }
}

/// What is asked of a reader of white pictures, while `damage` is done to them and after it.
fn is_seen_again(address: &str, reader: &Reader, undisturbed: &Reader, damage: impl FnOnce()) {
    wait_for_pictures(reader, 25);
    [reader, undisturbed].into_iter().for_each(Reader::forget);
    damage();
    wait_for_pictures(reader, 50);
    let start = Instant::now();
    let mut white = light(address);
    while white < 200.0 {
        assert!(start.elapsed() < PATIENCE, "light {white:.1}");
        white = light(address);
    }
    went_on(reader);
    let (usual, pause) = (longest_pause(&undisturbed.packets()), longest_pause(&reader.packets()));
    // It is looked at four times a second; and a busy machine is late.
    let most = usual + Duration::from_secs(LOST_AFTER) + 2 * SWITCH;
    assert!(pause < most, "a pause of {pause:?}, where others had {usual:?}");
}

fn small(stream: Stream) -> Stream {
    stream
        .picture("size = \"320x240\"\nframe_rate = \"25\"")
        .lines(&format!("lost_after_seconds = {LOST_AFTER}"))
}

/// The program, and a reader of a stream in it that nobody disturbs.
fn start(stream: Stream) -> (Program, Reader) {
    let mut program = Home::new(&config(&[], &[stream, small(Stream::pattern("control", "ball"))])).serve();
    let reader = reader_of(&program.address("control"));
    (program, reader)
}

#[test]
fn a_sender_whose_packets_are_damaged_is_seen_again() {
    let _turn = alone();
    let (mut program, undisturbed) = start(small(Stream::published("live", "\"anyone\"")));
    let live = program.address("live");
    let way = Damage::before(&live);
    let _sender = Sender::damaged(&way.address(&live), 0);
    let reader = reader_of(&live);
    is_seen_again(&live, &reader, &undisturbed, || way.damage(DAMAGED));
    [reader, undisturbed].into_iter().for_each(Reader::leave);
    program.stop();
}

#[test]
fn a_sender_whose_pictures_are_damaged_is_seen_again() {
    let _turn = alone();
    let (mut program, undisturbed) = start(small(Stream::published("live", "\"anyone\"")));
    let live = program.address("live");
    let _sender = Sender::damaged(&live, DAMAGED);
    let reader = reader_of(&live);
    is_seen_again(&live, &reader, &undisturbed, || wait_for_pictures(&reader, DAMAGED));
    [reader, undisturbed].into_iter().for_each(Reader::leave);
    program.stop();
}

#[test]
fn a_stream_that_is_damaged_on_its_way_here_is_seen_again() {
    let _turn = alone();
    let mut origin = Program::start(&[], &[small(Stream::pattern("white", "white"))]);
    let white = origin.address("white");
    let way = Damage::before(&white);
    let relay = Stream::relay("live", &way.address(&white), ", transport = \"tcp\"");
    let (mut program, undisturbed) = start(small(relay));
    let live = program.address("live");
    let reader = Client::connect(&live).play(Transport::Tcp);
    is_seen_again(&live, &reader, &undisturbed, || way.damage(DAMAGED));
    [reader, undisturbed].into_iter().for_each(Reader::leave);
    program.stop();
    origin.stop();
}
