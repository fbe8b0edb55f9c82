//! Readers that come, watch and reset their connection, thousands of times: what stays behind.

use crate::Form;
use crate::machine::resident_memory;
use crate::program::{PATIENCE, Program, Stream};
use crate::quality::{PATTERN, SMALL, encoder};
use crate::report::{Figure, Row};
use crate::rtsp::{Client, Transport, lost};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Memory at the end, above that after the first tenth, in percent.
const GOAL: f64 = 2.0;
/// A leak, in MB each thousand readers; one forgotten reference costs ninety.
const BROKEN_MB: f64 = 30.0;

fn descriptors(program: &Program) -> usize {
    fs::read_dir(format!("/proc/{}/fd", program.pid())).expect("the program runs").count()
}

/// Waits until a stream is as it was before they came, and says its memory in MB.
fn settled(program: &Program, before: usize) -> f64 {
    let start = Instant::now();
    while descriptors(program) > before {
        let now = descriptors(program);
        assert!(start.elapsed() < 4 * PATIENCE, "{now} descriptors, {before} before");
        thread::sleep(Duration::from_millis(100));
    }
    resident_memory(program.pid())
}

/// Connect, PLAY, reset, over TCP and UDP, one after the other, beside a reader that stays.
pub fn resets(form: Form) -> Vec<Row> {
    let number = form.pick(200, 10_000);
    let streams = [Stream::pattern("s0", PATTERN).picture(&SMALL.rendition())];
    let mut program = Program::start(&[], &streams);
    let address = program.address("s0");
    let stays = Client::connect(&address).play(Transport::Tcp);
    stays.wait_for("packet", PATIENCE, |_| true);
    // A media opens its sockets with the first reader on UDP, and keeps them.
    Client::connect(&address).play(Transport::Udp).leave();
    let before = descriptors(&program);
    let cycles = |number: usize| {
        for transport in [Transport::Tcp, Transport::Udp].into_iter().cycle().take(number) {
            let reader = Client::connect(&address).play(transport);
            reader.wait_for("packet", PATIENCE, |_| true);
            reader.reset();
        }
    };
    let start = Instant::now();
    cycles(number / 10);
    let first = settled(&program, before);
    cycles(number - number / 10);
    let took = start.elapsed();
    let end = settled(&program, before);
    let missing = lost(&stays.packets());
    stays.leave();
    program.stop();

    let figures = vec![
        Figure::new("memory after the first tenth", first, "MB"),
        Figure::new("memory at the end", end, "MB"),
        Figure::new("more at the end", 100.0 * (end - first) / first, "%").goal(GOAL),
        Figure::new("more for each thousand", 1000.0 * (end - first) / (number - number / 10) as f64, "MB")
            .bound(BROKEN_MB),
        Figure::new("packets that the one who stays lost", missing as f64, "").goal(0.0).bound(0.0),
        Figure::new("time for one", took.as_secs_f64() * 1000.0 / number as f64, "ms"),
    ];
    vec![Row {
        name: "resets",
        workload: format!("{number} times connect, PLAY, first packet, reset; TCP and UDP in turn"),
        encoder: Some(encoder()),
        renderer: None,
        size: SMALL.words,
        ssim: None,
        figures,
        threads: Vec::new(),
    }]
}
