//! What the kinds of sources cost, and what losing and looping one for long leaves behind.

use crate::Form;
use crate::machine::{Usage, open_files, resident_memory};
use crate::program::{PATIENCE, Program, Running, Stream};
use crate::quality::{HD, PATTERN, SMALL};
use crate::report::{Figure, Row, quantile};
use crate::rtsp::{Client, Reader, Transport, frames, longest_pause, lost};
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// From the moment that a loss is noticed to the slate, in ms.
const SLATE_GOAL: f64 = 500.0;
/// Beyond this a player would have given up, in ms.
const BROKEN_MS: f64 = 5000.0;
/// Memory at the end, above that after the first tenth, in percent.
const FLAT: f64 = 2.0;
/// A leak, in MB each thousand times: a picture that is kept each time is 350 of it.
const BROKEN_MB: f64 = 30.0;

/// A reader that has a picture, of a stream that may still wait for its source.
fn reader(address: &str) -> Reader {
    let start = Instant::now();
    let is_there = || {
        let mut client = Client::connect(address);
        let described = client.describe();
        client.hang_up();
        described.status == 200
    };
    while !is_there() {
        assert!(start.elapsed() < PATIENCE, "{address} cannot be read");
        thread::sleep(Duration::from_millis(50));
    }
    let reader = Client::connect(address).play(Transport::Tcp);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    reader
}

/// What a stream of each kind takes of the processor with one reader. All show the same picture.
pub fn kinds(form: Form) -> Vec<Row> {
    let watched = Duration::from_secs(form.pick(1, 10));
    let folder = tempfile::tempdir().expect("a folder");
    let (clip, still) = (folder.path().join("film.mp4"), folder.path().join("still.png"));
    HD.film(&clip, 10 * HD.rate);
    HD.still(&still);
    let mut origin = Program::start(&[], &[Stream::file("origin", &clip).picture(&HD.rendition())]);
    let custom = format!(
        "videotestsrc is-live=true pattern={PATTERN} ! video/x-raw,width=1280,height=720,framerate=25/1"
    );
    let streams = [
        Stream::pattern("pattern", PATTERN),
        Stream::file("file", &clip),
        Stream::file("still", &still),
        Stream::relay("relay", &origin.address("origin"), ""),
        Stream::published("published", "\"anyone\""),
        Stream::custom("custom", &custom),
    ]
    .map(|stream| stream.picture(&HD.rendition()));
    let mut program = Program::start(&[], &streams);
    let _sender = {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error", "-re", "-stream_loop", "-1", "-i"]).arg(&clip);
        command.args(["-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp", &program.address("published")]);
        Running(command.stdin(Stdio::null()).spawn().expect("ffmpeg"))
    };
    let said = [
        ("pattern", "a pattern"),
        ("file", "a film of H.264, 10 s, looped"),
        ("still", "a picture"),
        ("relay", "a relay of a film by another Headwater, UDP"),
        ("published", "a film that ffmpeg sends, TCP"),
        ("custom", "a pipeline: videotestsrc"),
    ];
    let rows = said.map(|(id, what)| {
        let address = program.address(id);
        let reader = reader(&address);
        thread::sleep(Duration::from_secs(form.pick(1, 3)));
        let before = Usage::of(program.pid());
        reader.forget();
        thread::sleep(watched);
        let after = Usage::of(program.pid());
        let pictures = frames(&reader.packets()).len() as u64;
        let expected = u64::from(HD.rate) * watched.as_secs();
        // The short form is for a machine that does other things, too.
        let least = expected * form.pick(2, 8) / 10;
        assert!(pictures >= least, "{id}: {pictures} of {expected} pictures");
        let ssim = HD.ssim_of_stream(&address);
        let from = program.log().len();
        reader.leave();
        program.wait_for_log(&format!("{id}: ready"), from);
        let mut row = Row::of("kinds of source", format!("{what}, one reader over TCP"), HD);
        row.figures = vec![Figure::new("processor", after.percent_since(&before), "%")];
        row.threads = after.threads_since(&before);
        row.ssim = Some(ssim);
        row
    });
    program.stop();
    origin.stop();
    rows.into()
}

/// From connecting to a relay that sleeps, whose origin sleeps, to what it shows for it.
pub fn cold_relay(form: Form) -> Vec<Row> {
    let times = form.pick(2, 20);
    let mut origin = Program::start(&[], &[Stream::pattern("origin", PATTERN).picture(&HD.rendition())]);
    let relay = Stream::relay("relay", &origin.address("origin"), "").picture(&HD.rendition());
    let mut program = Program::start(&[], &[relay]);
    let address = program.address("relay");
    // It has asked once what there is, and sleeps.
    program.wait_for_log("relay: ready", 0);
    let (mut first, mut new) = (vec![], vec![]);
    for _ in 0..times {
        let from = program.log().len();
        let start = Instant::now();
        let reader = Client::connect(&address).play(Transport::Tcp);
        let packet = reader.wait_for("packet", PATIENCE, |_| true);
        first.push(packet.at - start);
        // The first one was kept from when the stream was last awake.
        let second = reader.wait_for("second picture", PATIENCE, |later| later.time != packet.time);
        new.push(second.at - start);
        let awake = program.wait_for_log("relay: live", from);
        reader.leave();
        program.wait_for_log("relay: ready", awake);
    }
    program.stop();
    origin.stop();
    let mut row = Row::of("relay that is asleep", format!("one reader over TCP, {times} times"), HD);
    row.figures = vec![
        Figure::ms("first packet, median", quantile(&first, 0.5)),
        Figure::ms("first packet, longest", quantile(&first, 1.0)).bound(BROKEN_MS),
        Figure::ms("first new picture, median", quantile(&new, 0.5)),
        Figure::ms("first new picture, longest", quantile(&new, 1.0)).bound(BROKEN_MS),
    ];
    vec![row]
}

/// Memory in MB and descriptors, early and at the end.
struct Left {
    memory: [f64; 2],
    files: [usize; 2],
}

impl Left {
    /// Does something so many times, and looks after the first tenth and after the last time.
    fn after(program: &Program, times: usize, mut act: impl FnMut()) -> Self {
        let look = || (resident_memory(program.pid()), open_files(program.pid()));
        (0..times / 10).for_each(|_| act());
        let early = look();
        (times / 10..times).for_each(|_| act());
        let end = look();
        Self { memory: [early.0, end.0], files: [early.1, end.1] }
    }

    fn figures(&self, times: usize) -> Vec<Figure> {
        let ([early, end], [files, files_at_end]) = (self.memory, self.files);
        let thousand = 1000.0 * (end - early) / (times - times / 10) as f64;
        vec![
            Figure::new("memory after the first tenth", early, "MB"),
            Figure::new("memory at the end", end, "MB"),
            Figure::new("more at the end", 100.0 * (end - early) / early, "%").goal(FLAT),
            // The first times fill caches, and the short form has no others.
            Figure::new("more for each thousand", thousand, "MB").bound(if times < 100 {
                f64::INFINITY
            } else {
                BROKEN_MB
            }),
            Figure::new("descriptors after the first tenth", files as f64, ""),
            Figure::new("descriptors at the end", files_at_end as f64, "")
                .goal(files as f64)
                .bound(files as f64 + 5.0),
        ]
    }
}

/// A film that goes away, and comes back when its loss was said, beside a reader that stays.
pub fn losses(form: Form) -> Vec<Row> {
    let times = form.pick(2, 1000);
    let folder = tempfile::tempdir().expect("a folder");
    let (clip, aside) = (folder.path().join("film.mp4"), folder.path().join("aside.mp4"));
    SMALL.film(&clip, SMALL.rate / 3);
    let mut program = Program::start(&[], &[Stream::file("film", &clip).picture(&SMALL.rendition())]);
    let stays = reader(&program.address("film"));
    let (mut missing, mut gaps, mut returns) = (0, vec![], vec![]);
    let left = Left::after(&program, times, || {
        let from = program.log().len();
        stays.forget();
        fs::rename(&clip, &aside).expect("a file");
        let away = program.wait_for_log("film: trying again", from);
        fs::rename(&aside, &clip).expect("a file");
        let back = Instant::now();
        program.wait_for_log("film: live", away);
        returns.push(back.elapsed());
        let packets = stays.packets();
        missing += lost(&packets);
        gaps.push(longest_pause(&packets));
    });
    stays.leave();
    program.stop();
    let workload = format!("a film of a third of a second goes and comes {times} times beside a reader, TCP");
    let mut row = Row::of("losses and returns", workload, SMALL);
    row.figures = vec![
        Figure::new("packets lost", missing as f64, "").goal(0.0).bound(0.0),
        Figure::ms("gap from the source to the slate, median", quantile(&gaps, 0.5)).goal(SLATE_GOAL),
        Figure::ms("gap from the source to the slate, longest", quantile(&gaps, 1.0))
            .goal(SLATE_GOAL)
            .bound(BROKEN_MS),
        Figure::ms("the file is back to live, median", quantile(&returns, 0.5)),
        Figure::ms("the file is back to live, longest", quantile(&returns, 1.0)),
    ];
    row.figures.extend(left.figures(times));
    vec![row]
}

/// A film that is played over and over, beside its reader.
pub fn loops(form: Form) -> Vec<Row> {
    // In a thousand, what grows is hardly told from what fills up.
    let times = form.pick(5, 3000);
    let folder = tempfile::tempdir().expect("a folder");
    let clip = folder.path().join("film.mp4");
    SMALL.film(&clip, SMALL.rate / 3);
    let mut program = Program::start(&[], &[Stream::file("film", &clip).picture(&SMALL.rendition())]);
    let stays = reader(&program.address("film"));
    let (mut missing, mut gap) = (0, Duration::ZERO);
    let left = Left::after(&program, times, || {
        stays.forget();
        thread::sleep(Duration::from_millis(1000 / 3));
        let packets = stays.packets();
        missing += lost(&packets);
        gap = gap.max(longest_pause(&packets));
    });
    stays.leave();
    program.stop();
    let workload = format!("a film of a third of a second, {times} times, a reader over TCP");
    let mut row = Row::of("loops", workload, SMALL);
    row.figures = vec![
        Figure::new("packets lost", missing as f64, "").goal(0.0).bound(0.0),
        Figure::ms("longest gap", gap).bound(BROKEN_MS),
    ];
    row.figures.extend(left.figures(times));
    vec![row]
}
