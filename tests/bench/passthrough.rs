//! What passing a film through costs, against encoding it and against doing the same without Headwater.

use crate::Form;
use crate::crowd::own_address;
use crate::machine::{Usage, resident_memory, threads};
use crate::program::{PATIENCE, Program, Stream};
use crate::quality::{FULL_HD, SMALL};
use crate::report::{Figure, Row};
use crate::rtsp::{Client, Reader, Transport, frames};
use crate::serving::{Bare, Cost};
use std::fs;
use std::thread;
use std::time::Duration;

/// Passed through, against encoded: a tenth.
const TENTH: f64 = 0.1;
/// Against the same elements without Headwater.
const BARE_GOAL: f64 = 1.1;
/// As the source has it.
const SOURCE: &str = "size = \"source\"";
/// Of films that are different, in one process.
const DISTINCT: usize = 100;

fn readers(address: &str, number: usize) -> Vec<Reader> {
    let begin = |n: usize| {
        let reader = Client::connect_from(own_address(n).octets(), address).play(Transport::Tcp);
        reader.wait_for("packet", PATIENCE, |_| true);
        reader
    };
    (0..number).map(begin).collect()
}

/// Processor in percent of a core and memory in MB while these watch; all of them get all pictures.
fn watched(program: &Program, readers: &[Reader], rate: u32, time: Duration) -> (f64, f64) {
    thread::sleep(Duration::from_secs(1));
    readers.iter().for_each(Reader::forget);
    let before = Usage::of(program.pid());
    thread::sleep(time);
    let after = Usage::of(program.pid());
    for reader in readers {
        let (got, expected) = (frames(&reader.packets()).len() as u64, u64::from(rate) * time.as_secs());
        assert!(got * 10 >= expected * 9, "a reader got {got} of {expected} pictures");
    }
    (after.percent_since(&before), resident_memory(program.pid()))
}

/// One film of 1080p30, passed through and encoded at the same bitrate, with few readers and with many.
pub fn one_film(form: Form) -> Vec<Row> {
    let time = Duration::from_secs(form.pick(2, 10));
    let many = form.pick(5, 100);
    let folder = tempfile::tempdir().expect("a folder");
    let film = folder.path().join("film.mp4");
    FULL_HD.film(&film, FULL_HD.rate * form.pick(10, 40));
    let mut measured = Vec::new();
    let mut ssim = None;
    for picture in [SOURCE.to_owned(), FULL_HD.rendition()] {
        let mut program = Program::start(&[], &[Stream::file("film", &film).picture(&picture)]);
        let address = program.address("film");
        let mut of_both = Vec::new();
        for number in [1, many] {
            let all = readers(&address, number);
            of_both.push(watched(&program, &all, FULL_HD.rate, time));
            let from = program.log().len();
            all.into_iter().for_each(Reader::leave);
            program.wait_for_log("film: ready", from);
        }
        ssim = ssim.or_else(|| Some(FULL_HD.ssim_of_stream(&address)));
        program.stop();
        measured.push(of_both);
    }
    let [passed, encoded] = [&measured[0], &measured[1]];
    let workload = format!("a film of H.264, 1 and {many} readers over TCP, passed through and encoded");
    let mut row = Row::of("passthrough", workload, FULL_HD);
    row.ssim = ssim;
    for (place, number) in [(0, 1), (1, many)] {
        let ((passed, memory), (encoded, memory_encoded)) = (passed[place], encoded[place]);
        row.figures.extend([
            Figure::new(format!("processor, {number}, passed through"), passed, "%"),
            Figure::new(format!("processor, {number}, encoded"), encoded, "%"),
            Figure::new(format!("memory, {number}, passed through"), memory, "MB"),
            Figure::new(format!("memory, {number}, encoded"), memory_encoded, "MB"),
        ]);
    }
    // The serving is the same in both.
    let ratio = passed[0].0 / encoded[0].0;
    row.figures
        .push(Figure::new("processor, passed through to encoded, 1", ratio, "x").goal(TENTH).bound(1.0));
    vec![row, against_bare(form, &film)]
}

fn against_bare(form: Form, film: &std::path::Path) -> Row {
    let time = Duration::from_secs(form.pick(3, 15));
    let mut program = Program::start(&[], &[Stream::file("film", film).picture(SOURCE)]);
    let reader = Client::connect(&program.address("film")).play(Transport::Udp);
    reader.wait_for("packet", PATIENCE, |_| true);
    thread::sleep(Duration::from_secs(1));
    reader.forget();
    let arrived = || {
        let packets = reader.packets();
        (frames(&packets).len() as u64, packets.iter().map(|packet| packet.bytes as u64).sum())
    };
    let (served, threads) = Cost::of(program.pid(), time, arrived);
    reader.leave();
    program.stop();
    let bare = Bare::run(|port| FULL_HD.bare_passthrough(film, port));
    thread::sleep(Duration::from_secs(1));
    let (alone, _) = Cost::of(bare.pid(), time, || bare.arrived());
    let ratio = served.per_picture / alone.per_picture;
    let mut row = Row::of("passthrough, bare", "1 reader, UDP, against gst-launch-1.0 to udpsink", FULL_HD);
    row.threads = threads;
    row.figures = vec![
        Figure::new("processor time, Headwater to bare", ratio, "x").goal(BARE_GOAL).bound(10.0),
        Figure::new("a picture, Headwater", served.per_picture, "ms"),
        Figure::new("a picture, bare", alone.per_picture, "ms"),
    ];
    row
}

/// A hundred films, each with a reader of its own.
pub fn distinct(form: Form) -> Vec<Row> {
    let number = form.pick(10, DISTINCT);
    let time = Duration::from_secs(form.pick(2, 10));
    let folder = tempfile::tempdir().expect("a folder");
    let film = folder.path().join("film.mp4");
    SMALL.film(&film, SMALL.rate * 20);
    let streams: Vec<Stream> = (0..number)
        .map(|n| {
            let copy = folder.path().join(format!("film-{n}.mp4"));
            fs::copy(&film, &copy).expect("a copy");
            Stream::file(&format!("s{n}"), &copy).picture(SOURCE)
        })
        .collect();
    let mut program = Program::start(&[], &streams);
    let addresses: Vec<String> = (0..number).map(|n| program.address(&format!("s{n}"))).collect();
    let asleep = (resident_memory(program.pid()), threads(program.pid()));
    let all: Vec<Reader> = addresses.iter().flat_map(|address| readers(address, 1)).collect();
    let (processor, memory) = watched(&program, &all, SMALL.rate, time);
    let alive = threads(program.pid());
    all.into_iter().for_each(Reader::leave);
    program.stop();
    let workload = format!("{number} films of H.264, each with one reader over TCP");
    let mut row = Row::of("distinct films", workload, SMALL);
    row.figures = vec![
        Figure::new("processor", processor, "%"),
        Figure::new("memory, all asleep", asleep.0, "MB"),
        Figure::new("memory", memory, "MB"),
        Figure::new("threads, all asleep", asleep.1 as f64, ""),
        Figure::new("threads", alive as f64, ""),
    ];
    vec![row]
}
