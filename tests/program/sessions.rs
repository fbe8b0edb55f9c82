//! What readers leave behind is cleared away.

use crate::program::{PATIENCE, Program, Stream, shared};
use crate::rtsp::{Client, Transport};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

fn open_sockets(program: &Program) -> usize {
    fs::read_dir(format!("/proc/{}/fd", program.pid()))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter(|file| file.to_string_lossy().starts_with("socket:"))
        .count()
}

#[test]
fn sessions_of_readers_that_vanish_are_cleared_away() {
    let _turn = shared();
    let mut program = Program::start(
        &[],
        &[Stream::pattern("lobby", "ball").picture("size = \"320x240\"\nframe_rate = \"10\"")],
    );
    let address = program.address("lobby");
    let before = open_sockets(&program);

    for transport in [Transport::Tcp, Transport::Udp].into_iter().cycle().take(10) {
        let reader = Client::connect(&address).play(transport);
        reader.wait_for("packet", PATIENCE, |_| true);
        reader.vanish();
    }
    // A session on UDP lives on for 60 s, as the server has told, and its connection for 10 s more.
    let start = Instant::now();
    while open_sockets(&program) > before {
        let now = open_sockets(&program);
        assert!(start.elapsed() < Duration::from_secs(90), "{now} open sockets, {before} before");
        thread::sleep(Duration::from_millis(500));
    }
    program.stop();
}
