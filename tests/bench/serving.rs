//! What readers wait for, and what they cost: measured without a window.

use crate::Form;
use crate::crowd::own_address;
use crate::machine::{Usage, resident_memory};
use crate::program::{PATIENCE, Program, Stream};
use crate::quality::{FULL_HD, HD, PATTERN, Picture};
use crate::report::{Figure, Row, mean, quantile};
use crate::rtsp::{Client, Packet, Reader, Transport, frames, lost};
use std::collections::HashMap;
use std::net::UdpSocket;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Until encoder and memory have settled after a change.
fn settle(form: Form) {
    thread::sleep(Duration::from_secs(form.pick(1, 3)));
}

/// Beyond this a player would have given up on a picture; on any machine, in any build.
const BROKEN_MS: f64 = 1000.0;

fn streams(number: usize, picture: Picture) -> Vec<Stream> {
    (0..number).map(|n| Stream::pattern(&format!("s{n}"), PATTERN).picture(&picture.rendition())).collect()
}

/// A reader that has a picture.
fn reader(address: &str, transport: Transport) -> Reader {
    let reader = Client::connect(address).play(transport);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    reader
}

/// Leaves, and waits until the stream sleeps again.
fn leave_alone(program: &Program, stream: &str, reader: Reader) {
    let from = program.log().len();
    reader.leave();
    program.wait_for_log(&format!("{stream}: ready"), from);
}

/// From connecting to the first RTP packet of a stream that nobody reads.
pub fn waking(form: Form) -> Vec<Row> {
    let times = form.pick(3, 20);
    let mut program = Program::start(&[], &streams(1, HD));
    let address = program.address("s0");
    let mut packets = Vec::new();
    let mut pictures = Vec::new();
    for _ in 0..times {
        thread::sleep(Duration::from_millis(200));
        let start = Instant::now();
        let reader = Client::connect(&address).play(Transport::Tcp);
        let first = reader.wait_for("packet", PATIENCE, |_| true);
        packets.push(first.at - start);
        pictures
            .push(reader.wait_for("second picture", PATIENCE, |packet| packet.time != first.time).at - start);
        leave_alone(&program, "s0", reader);
    }
    program.stop();
    let mut row = Row::of("waking", format!("connect to a stream that is asleep, TCP, {times} times"), HD);
    row.figures = vec![
        Figure::ms("first packet, median", quantile(&packets, 0.5)).goal(100.0),
        Figure::ms("first packet, p99", quantile(&packets, 0.99)).goal(100.0),
        Figure::ms("first packet, longest", quantile(&packets, 1.0)).goal(100.0).bound(BROKEN_MS),
        // The first one was kept from when the stream was last awake.
        Figure::ms("first new picture, median", quantile(&pictures, 0.5)),
        Figure::ms("first new picture, longest", quantile(&pictures, 1.0)).bound(BROKEN_MS),
    ];
    vec![row]
}

/// Readers that join a running stream one by one: how long each waits for a key frame, and what all of them
/// cost.
pub fn joining(form: Form) -> Vec<Row> {
    let number = form.pick(20, 100);
    let watched = Duration::from_secs(form.pick(2, 8));
    let mut program = Program::start(&[], &streams(1, HD));
    let address = program.address("s0");
    let pid = program.pid();
    let first = reader(&address, Transport::Tcp);
    let ssim = HD.ssim_of_stream(&address);

    let watch = |readers: &[&Reader]| {
        settle(form);
        let before = Usage::of(pid);
        readers.iter().for_each(|reader| reader.forget());
        thread::sleep(watched);
        let after = Usage::of(pid);
        for reader in readers {
            let frames = frames(&reader.packets()).len() as u64;
            let expected = u64::from(HD.rate) * watched.as_secs();
            assert!(frames * 10 >= expected * 9, "a reader got {frames} of {expected} pictures");
        }
        (after.percent_since(&before), after.threads_since(&before), resident_memory(pid))
    };

    let (one, _, memory_one) = watch(&[&first]);
    let mut answers = Vec::new();
    let mut waits = Vec::new();
    let readers: Vec<Reader> = (0..number)
        .map(|n| {
            // At another place of frame and group of pictures each time.
            thread::sleep(Duration::from_millis(20 + n * 37 % 61));
            // On a computer of its own: those of one share their key frames.
            let own = own_address(n as usize);
            let reader = Client::connect_from(own.octets(), &address).play(Transport::Tcp);
            answers.push(reader.asked.elapsed());
            waits.push(reader.wait_for("key frame", PATIENCE, |packet| packet.key).at - reader.asked);
            reader
        })
        .collect();
    let all: Vec<&Reader> = readers.iter().chain([&first]).collect();
    let (many, threads, memory_many) = watch(&all);
    readers.into_iter().for_each(Reader::leave);
    // The machine may have become busier or idler meanwhile: the mean of before and after.
    let (one_again, _, memory_after) = watch(&[&first]);
    first.leave();
    program.stop();

    let mut waiting = Row::of(
        "joining",
        format!("PLAY to first key frame, {number} readers join one by one and stay, TCP"),
        HD,
    );
    waiting.figures = vec![
        Figure::ms("shortest", quantile(&waits, 0.0)),
        Figure::ms("median", quantile(&waits, 0.5)),
        Figure::ms("p99", quantile(&waits, 0.99)).goal(100.0).bound(BROKEN_MS),
        Figure::ms("longest", quantile(&waits, 1.0)),
        Figure::ms("answer to PLAY, median", quantile(&answers, 0.5)),
    ];
    let hundreds = number as f64 / 100.0;
    let one = mean(&[one, one_again]);
    let mut cost =
        Row::of("readers", format!("1 reader, then {number} more, over {} s, TCP", watched.as_secs()), HD);
    cost.ssim = Some(ssim);
    cost.figures = vec![
        Figure::new("processor, 1 reader", one, "%"),
        Figure::new("processor, per 100 more readers", (many - one) / hundreds, "%"),
        Figure::new("memory, 1 reader", memory_one, "MB"),
        Figure::new("memory, per 100 more readers", (memory_many - memory_one) / hundreds, "MB"),
        Figure::new("memory, after they left", memory_after, "MB"),
    ];
    cost.threads = threads;
    vec![waiting, cost]
}

/// After which a late reader is compared with one who was there before.
const CAUGHT_UP: Duration = Duration::from_secs(2);

/// Readers that come late to a film with ten seconds from key frame to key frame, which is passed through: how long each
/// waits for its first picture, and how far it is behind two seconds later.
pub fn late(form: Form) -> Vec<Row> {
    let number = form.pick(10u64, 100);
    let folder = tempfile::tempdir().expect("a folder");
    let clip = folder.path().join("film.mp4");
    HD.film_of(&clip, 20 * HD.rate, 10 * HD.rate);
    let mut program = Program::start(&[], &[Stream::file("s0", &clip).picture("")]);
    let address = program.address("s0");
    let rows = [(Transport::Tcp, "TCP"), (Transport::Udp, "UDP")].map(|(transport, name)| {
        let early = reader(&address, Transport::Tcp);
        let before = Usage::of(program.pid());
        let began = Instant::now();
        let readers: Vec<Reader> = (0..number)
            .map(|n| {
                // At another place of the group each time: all of them take more than one.
                thread::sleep(Duration::from_millis(12_000 / number + n * 37 % 61));
                let reader = Client::connect(&address).play(transport);
                reader.wait_for("key frame", PATIENCE, |packet| packet.key);
                reader
            })
            .collect();
        let joined = began.elapsed();
        let cost = Usage::of(program.pid()).since(&before).as_secs_f64() / joined.as_secs_f64();
        thread::sleep(CAUGHT_UP + Duration::from_secs(1));
        let came: Vec<Vec<Packet>> = readers.iter().map(Reader::packets).collect();
        thread::sleep(Duration::from_millis(200));
        let first: HashMap<u64, Instant> =
            early.packets().iter().map(|packet| (packet.carried, packet.at)).collect();
        let key = |packets: &[Packet]| packets.iter().find(|packet| packet.key).map(|packet| packet.at);
        let waits: Vec<Duration> = readers
            .iter()
            .zip(&came)
            .map(|(reader, packets)| key(packets).expect("a key frame") - reader.asked)
            .collect();
        let behind: Vec<Duration> = readers
            .iter()
            .zip(&came)
            .map(|(reader, packets)| {
                let live = packets.iter().filter(|packet| packet.at > reader.asked + CAUGHT_UP);
                let behind = live.filter_map(|packet| {
                    Some(packet.at.saturating_duration_since(*first.get(&packet.carried)?))
                });
                behind.max().expect("packets that both have")
            })
            .collect();
        let missing: usize = came.iter().map(|packets| lost(packets)).sum();
        let thrown_away: usize = readers.iter().map(Reader::thrown_away).sum();
        readers.into_iter().for_each(Reader::leave);
        leave_alone(&program, "s0", early);
        let workload =
            format!("{number} readers come late, one by one, and stay; 10 s to a key frame, {name}");
        let mut row = Row::of("late", workload, HD);
        row.encoder = None;
        row.size = "1280x720 at 25 fps, 2300 kbit/s, ffmpeg's testsrc2, passed through";
        row.figures = vec![
            Figure::ms("PLAY to first key frame, median", quantile(&waits, 0.5)),
            Figure::ms("PLAY to first key frame, p99", quantile(&waits, 0.99)).goal(150.0).bound(BROKEN_MS),
            Figure::ms("behind after 2 s, median", quantile(&behind, 0.5)),
            Figure::ms("behind after 2 s, p99", quantile(&behind, 0.99)).goal(500.0).bound(BROKEN_MS),
            Figure::new("packets lost", missing as f64, ""),
            Figure::new("of these thrown away by readers", thrown_away as f64, ""),
            Figure::new("processor while they come", 100.0 * cost, "%"),
        ];
        row
    });
    program.stop();
    rows.into()
}

/// With so many streams, asleep or with a reader each.
fn memory_of_streams(form: Form, number: usize, live: bool) -> f64 {
    let mut program = Program::start(&[], &streams(number, HD));
    let addresses: Vec<String> = (0..number).map(|n| program.address(&format!("s{n}"))).collect();
    let readers: Vec<Reader> =
        addresses.iter().filter(|_| live).map(|address| reader(address, Transport::Tcp)).collect();
    settle(form);
    let memory = resident_memory(program.pid());
    readers.into_iter().for_each(Reader::leave);
    program.stop();
    memory
}

/// What each stream takes of the memory.
pub fn memory(form: Form) -> Vec<Row> {
    let mut row = Row::of("memory", "resident memory of the program, 1 reader for each live stream", HD);
    for (state, numbers) in
        [("asleep", form.pick(&[1, 4][..], &[1, 8, 16])), ("live", form.pick(&[1, 2], &[1, 4]))]
    {
        let taken: Vec<f64> =
            numbers.iter().map(|number| memory_of_streams(form, *number, state == "live")).collect();
        for (number, memory) in numbers.iter().zip(&taken) {
            row.figures.push(Figure::new(format!("{number} {state}"), *memory, "MB"));
        }
        let (first, last) = (0, numbers.len() - 1);
        let each = (taken[last] - taken[first]) / (numbers[last] - numbers[first]) as f64;
        row.figures.push(Figure::new(format!("each more, {state}"), each, "MB"));
    }
    vec![row]
}

/// One stream with one reader against the same elements without Headwater, in turn.
pub fn bare_pipeline(form: Form) -> Vec<Row> {
    let rounds = form.pick(1, 6);
    let watched = Duration::from_secs(form.pick(3, 10));
    let mut program = Program::start(&[], &streams(1, FULL_HD));
    let address = program.address("s0");
    let mut threads = Vec::new();
    let mut served = || {
        let reader = reader(&address, Transport::Udp);
        settle(form);
        reader.forget();
        let arrived = || {
            let packets = reader.packets();
            (frames(&packets).len() as u64, packets.iter().map(|packet| packet.bytes as u64).sum())
        };
        let (cost, busiest) = Cost::of(program.pid(), watched, arrived);
        threads = busiest;
        leave_alone(&program, "s0", reader);
        cost
    };
    let bare = || {
        let bare = Bare::run(|port| FULL_HD.bare_stream(port));
        settle(form);
        Cost::of(bare.pid(), watched, || bare.arrived()).0
    };
    let costs: Vec<(Cost, Cost)> = (0..rounds)
        .map(|round| {
            // Neither is always the first.
            if round % 2 == 0 {
                let served = served();
                (served, bare())
            } else {
                let bare = bare();
                (served(), bare)
            }
        })
        .collect();

    let mut row = Row::of(
        "bare pipeline",
        format!(
            "1 reader, UDP, against gst-launch-1.0 to udpsink, {rounds} times {} s in turn",
            watched.as_secs()
        ),
        FULL_HD,
    );
    let from = program.log().len();
    row.ssim = Some(FULL_HD.ssim_of_stream(&address));
    program.wait_for_log("s0: ready", from);
    program.stop();
    let of = |which: fn(&(Cost, Cost)) -> f64| costs.iter().map(which).collect::<Vec<f64>>();
    let mut ratios = of(|(served, bare)| served.per_picture / bare.per_picture);
    ratios.sort_by(f64::total_cmp);
    let median = (ratios[(ratios.len() - 1) / 2] + ratios[ratios.len() / 2]) / 2.0;
    row.figures = vec![
        Figure::new("processor time, Headwater to bare, median", median, "x").goal(1.05).bound(3.0),
        Figure::new("the least of the rounds", ratios[0], "x"),
        Figure::new("the most of the rounds", ratios[ratios.len() - 1], "x"),
        Figure::new("a picture, Headwater", mean(&of(|(served, _)| served.per_picture)), "ms"),
        Figure::new("a picture, bare", mean(&of(|(_, bare)| bare.per_picture)), "ms"),
        Figure::new("pictures, Headwater", mean(&of(|(served, _)| served.rate)), "fps"),
        Figure::new("pictures, bare", mean(&of(|(_, bare)| bare.rate)), "fps"),
        Figure::new("bitrate, Headwater", mean(&of(|(served, _)| served.kbps)), "kb/s"),
        Figure::new("bitrate, bare", mean(&of(|(_, bare)| bare.kbps)), "kb/s"),
        Figure::new("SSIM, bare", FULL_HD.ssim_of_bare(), ""),
    ];
    row.threads = threads;
    vec![row]
}

/// What a process takes for the pictures that it sends.
pub struct Cost {
    /// Processor time, in ms.
    pub per_picture: f64,
    /// Pictures a second.
    rate: f64,
    kbps: f64,
}

impl Cost {
    /// `arrived` counts the pictures and bytes that came. Also says which threads were busiest.
    pub fn of(pid: u32, watched: Duration, arrived: impl Fn() -> (u64, u64)) -> (Self, Vec<(String, f64)>) {
        // From picture to picture: a part of one would be counted at one end only.
        let next = || {
            let (seen, _) = arrived();
            let start = Instant::now();
            loop {
                let now = arrived();
                if now.0 > seen {
                    return (now, Instant::now(), Usage::of(pid));
                }
                assert!(start.elapsed() < PATIENCE, "no picture came");
                thread::sleep(Duration::from_millis(1));
            }
        };
        let ((pictures, bytes), start, before) = next();
        thread::sleep(watched);
        let ((pictures_after, bytes_after), end, after) = next();
        let (pictures, seconds) = ((pictures_after - pictures) as f64, (end - start).as_secs_f64());
        let cost = Self {
            per_picture: after.since(&before).as_secs_f64() * 1000.0 / pictures,
            rate: pictures / seconds,
            kbps: (bytes_after - bytes) as f64 * 8.0 / 1000.0 / seconds,
        };
        (cost, after.threads_since(&before))
    }
}

/// gst-launch-1.0 that sends RTP to a socket of ours.
pub struct Bare {
    child: Child,
    arrived: Arc<(AtomicU64, AtomicU64)>,
}

impl Bare {
    /// What is made of a port runs until this is dropped.
    pub fn run(sender: impl FnOnce(u16) -> Command) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let child = sender(socket.local_addr().unwrap().port()).spawn().expect("gst-launch-1.0");
        let arrived = Arc::<(AtomicU64, AtomicU64)>::default();
        let counts = Arc::downgrade(&arrived);
        thread::spawn(move || {
            let mut data = [0; 65536];
            while let (Some(counts), Ok(length)) = (counts.upgrade(), socket.recv(&mut data)) {
                // RFC 6184, 5.1: the marker bit is set on the last packet of a picture.
                counts.0.fetch_add(u64::from(data[1] >> 7), Ordering::Relaxed);
                counts.1.fetch_add(length as u64, Ordering::Relaxed);
            }
        });
        Self { child, arrived }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn arrived(&self) -> (u64, u64) {
        (self.arrived.0.load(Ordering::Relaxed), self.arrived.1.load(Ordering::Relaxed))
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // It may have ended by itself, which was noticed by then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
