//! Many readers of one stream at once, and many one after the other.

use crate::Form;
use crate::crowd::{Arrived, Crowd, Traced, ask, own_address, server_of};
use crate::floor;
use crate::machine::{Usage, open_files, resident_memory};
use crate::mangled_exchanges::{self, Amount, Outcome};
use crate::program::{Program, Stream};
use crate::quality::Picture;
use crate::report::{Figure, Row, mean};
use crate::rtsp::{Transport, connect_from, port, udp_pair_at};
use std::thread;
use std::time::{Duration, Instant};

/// Snow takes all the bits that it is given.
const SNOW: Picture = Picture {
    width: 640,
    height: 360,
    rate: 25,
    kbps: 4000,
    words: "640x360 at 25 fps, 4000 kbit/s, pattern snow",
};
/// For many readers one after the other: small, so that the encoder does not take the time.
const SMALL: Picture = Picture {
    width: 320,
    height: 240,
    rate: 30,
    kbps: 300,
    words: "320x240 at 30 fps, 300 kbit/s, pattern ball",
};
/// Files that this program needs beside those of its readers, which take up to four each.
const OTHER_FILES: u64 = 200;

/// This process and the program that it starts may have so many files open.
fn allow_files(readers: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = 4 * readers as u64 + OTHER_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        let maximum = maximum.map(|maximum| maximum.max(wanted));
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).expect("more open files");
    }
}

/// What the readers lose and what they cost, against a program that only writes.
pub fn crowds(form: Form) -> Vec<Row> {
    let crowds = form.pick(
        &[(Transport::Tcp, 20), (Transport::Udp, 20)][..],
        &[(Transport::Tcp, 100), (Transport::Tcp, 400), (Transport::Tcp, 1000), (Transport::Udp, 400)],
    );
    crowds.iter().map(|(transport, number)| crowd(form, *transport, *number)).collect()
}

/// What came to a crowd while it was watched, and what that cost.
struct Watched {
    readers: Vec<Arrived>,
    dropped_here: u64,
    processor: Duration,
    own_processor: Duration,
    pictures: usize,
    seconds: f64,
    threads: Vec<(String, f64)>,
}

fn watch(program: &Program, crowd: &mut Crowd, watched: Duration) -> Watched {
    crowd.keep_alive();
    thread::sleep(Duration::from_secs(1));
    let own = std::process::id();
    crowd.forget();
    let (start, dropped, before, own_before) =
        (Instant::now(), crowd.dropped_here(), Usage::of(program.pid()), Usage::of(own));
    thread::sleep(watched);
    let (after, own_after) = (Usage::of(program.pid()), Usage::of(own));
    Watched {
        readers: crowd.arrived(),
        dropped_here: crowd.dropped_here() - dropped,
        processor: after.since(&before),
        own_processor: own_after.since(&own_before),
        pictures: pictures(&crowd.trace()),
        seconds: start.elapsed().as_secs_f64(),
        threads: after.threads_since(&before),
    }
}

fn pictures(trace: &[Traced]) -> usize {
    trace.iter().filter(|packet| packet.ends_picture).count()
}

fn crowd(form: Form, transport: Transport, number: usize) -> Row {
    allow_files(number);
    let watched = Duration::from_secs(form.pick(2, 10));
    let stream = Stream::pattern("snow", "snow").picture(&SNOW.rendition());
    let mut program = Program::start(&[], &[stream]);
    let address = program.address("snow");
    let mut crowd = Crowd::new();
    crowd.join(&address, transport);
    thread::sleep(Duration::from_secs(form.pick(1, 3)));
    let one = watch(&program, &mut crowd, watched);
    let joining = Instant::now();
    while crowd.len() < number {
        crowd.join(&address, transport);
    }
    let joining = joining.elapsed();
    // The key frames that they asked for are through.
    thread::sleep(Duration::from_secs(form.pick(1, 4)));
    let all = watch(&program, &mut crowd, watched);
    let trace = crowd.trace();
    drop(crowd);
    program.stop();
    let (floor_processor, floor_elapsed) = floor::measure(&trace, transport, number);

    let share = |time: Duration, seconds: f64| 100.0 * time.as_secs_f64() / seconds;
    let served = share(all.processor, all.seconds);
    let encoding = share(one.processor, one.seconds);
    let floor = share(floor_processor, floor_elapsed.as_secs_f64());
    let lost: u64 = all.readers.iter().map(|reader| reader.lost).sum();
    let packets: Vec<f64> = all.readers.iter().map(|reader| reader.packets as f64).collect();
    let bits: Vec<f64> = all.readers.iter().map(|reader| reader.bytes as f64 * 8.0).collect();
    let least = packets.iter().copied().fold(f64::INFINITY, f64::min);
    let gap = |readers: &[Arrived]| readers.iter().map(|reader| reader.gap).max().unwrap_or_default();
    let name = if transport == Transport::Tcp { "crowd over TCP" } else { "crowd over UDP" };
    let mut row =
        Row::of(name, format!("{number} readers of one stream, over {} s", watched.as_secs()), SNOW);
    row.figures = vec![
        Figure::new("packets to each reader, mean", mean(&packets), ""),
        Figure::new("packets to a reader, least", least, ""),
        Figure::new("bitrate of each, mean", mean(&bits) / all.seconds / 1000.0, "kb/s"),
        Figure::new(
            "packets lost before the readers' sockets",
            lost.saturating_sub(all.dropped_here) as f64,
            "",
        )
        .goal(0.0),
        Figure::new("packets lost in the readers' sockets", all.dropped_here as f64, ""),
        Figure::ms("longest gap, 1 reader", gap(&one.readers)),
        Figure::ms("longest gap, all readers", gap(&all.readers)),
        Figure::new("processor, 1 reader", encoding, "%"),
        Figure::new("processor, all readers", served, "%"),
        Figure::new("processor of the readers", share(all.own_processor, all.seconds), "%"),
        Figure::new("processor of the floor", floor, "%"),
        Figure::ms("to join, each", joining / number as u32),
    ];
    // A busy machine makes fewer pictures, so each is counted with what it takes.
    let each = |time: Duration, pictures: usize| 1000.0 * time.as_secs_f64() / pictures.max(1) as f64;
    let (one_each, all_each) = (each(one.processor, one.pictures), each(all.processor, all.pictures));
    let floor_each = each(floor_processor, pictures(&trace));
    row.figures.extend([
        Figure::new("a picture, 1 reader", one_each, "ms"),
        Figure::new("a picture, all readers", all_each, "ms"),
        Figure::new("a picture, the floor", floor_each, "ms"),
    ]);
    // Few readers take less than the encoder's share varies.
    if form == Form::Full {
        let above = (all_each - one_each) / floor_each;
        row.figures.push(Figure::new("a picture above 1 reader's, to the floor", above, "x").goal(1.5));
    }
    if transport == Transport::Tcp {
        row.figures[3].bound = Some(0.0);
    }
    row.threads = all.threads;
    row
}

/// Sessions one after the other, over TCP and UDP in turn, beside a reader that stays: what they leave behind.
pub fn sessions(form: Form) -> Vec<Row> {
    let number = form.pick(400, 40_000);
    let stream = Stream::pattern("lobby", "ball").picture(&SMALL.rendition());
    let mut program = Program::start(&[], &[stream]);
    let address = program.address("lobby");
    let mut crowd = Crowd::new();
    crowd.join(&address, Transport::Tcp);
    let start = Instant::now();
    let mut marks = Vec::new();
    for count in 1..=number {
        session(&address, count);
        if count % 1000 == 0 {
            crowd.keep_alive();
        }
        if count == number / 4 || count == number {
            // The last ones are cleared away.
            thread::sleep(Duration::from_secs(form.pick(1, 15)));
            marks.push((resident_memory(program.pid()), open_files(program.pid()) as f64));
        }
    }
    let elapsed = start.elapsed();
    let lost: u64 = crowd.arrived().iter().map(|reader| reader.lost).sum();
    drop(crowd);
    program.stop();
    let ((memory, files), (memory_after, files_after)) = (marks[0], marks[1]);
    let mut row =
        Row::of("sessions", format!("{number} sessions one after the other, TCP and UDP in turn"), SMALL);
    let quarter = number / 4;
    row.figures = vec![
        Figure::new(format!("memory after {quarter}"), memory, "MB"),
        Figure::new(format!("memory after {number}"), memory_after, "MB"),
        Figure::new("more memory", 100.0 * (memory_after / memory - 1.0), "%").goal(2.0),
        Figure::new(format!("descriptors after {quarter}"), files, ""),
        Figure::new(format!("descriptors after {number}"), files_after, ""),
        Figure::new("more descriptors", 100.0 * (files_after / files - 1.0), "%").goal(2.0).bound(20.0),
        Figure::new("packets lost by the reader that stays", lost as f64, "").goal(0.0).bound(0.0),
        Figure::ms("each session", elapsed / number as u32),
    ];
    vec![row]
}

/// Sets up, plays and tears down.
fn session(address: &str, count: usize) {
    let own = own_address(count % 1000);
    let mut control = connect_from(own, server_of(address)).expect("the server takes connections");
    control.set_nodelay(true).unwrap();
    let ports = count.is_multiple_of(2).then(|| udp_pair_at(own));
    let wish = match &ports {
        Some((rtp, rtcp)) => format!("RTP/AVP;unicast;client_port={}-{}", port(rtp), port(rtcp)),
        None => "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned(),
    };
    let mut rest = Vec::new();
    let setup = format!("SETUP {address}/stream=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: {wish}\r\n\r\n");
    let head = ask(&mut control, &setup, &mut rest);
    let id =
        head.split("Session: ").nth(1).and_then(|rest| rest.split(['\r', ';']).next()).expect("a session");
    for (number, method) in ["PLAY", "TEARDOWN"].into_iter().enumerate() {
        let request = format!("{method} {address} RTSP/1.0\r\nCSeq: {}\r\nSession: {id}\r\n\r\n", number + 2);
        ask(&mut control, &request, &mut rest);
    }
}

/// The long form of the test: other exchanges each time.
pub fn mangled(form: Form) -> Vec<Row> {
    let amount =
        Amount { exchanges: form.pick(50, usize::MAX), time: Duration::from_secs(form.pick(5, 600)) };
    let seed = u64::from(fastrand::u32(..));
    let Outcome { exchanges, answers, packets, lost, pause, control_pause, memory, descriptors, threads } =
        mangled_exchanges::run(seed, &amount);
    let mut row =
        Row::of("mangled exchanges", format!("{exchanges} of them beside a reader, seed {seed}"), SMALL);
    row.size = "640x360 at 25 fps, pattern ball";
    let count = |name: &str, value: usize| Figure::new(name, value as f64, "");
    row.figures = vec![
        count("good answers", answers[2]),
        count("refusals", answers[4] + answers[5]),
        count("without an answer", answers[0]),
        count("packets to the reader beside them", packets),
        count("packets lost", lost).goal(0.0).bound(0.0),
        Figure::ms("longest gap", pause),
        Figure::ms("longest gap, undisturbed", control_pause),
        Figure::new("memory after the first tenth", memory[0] as f64 / 1024.0, "MB"),
        Figure::new("memory at the end", memory[1] as f64 / 1024.0, "MB"),
        count("descriptors before", descriptors[0]),
        count("descriptors at the end", descriptors[1]).goal(descriptors[0] as f64),
        count("threads at the end", threads[1]),
    ];
    vec![row]
}
