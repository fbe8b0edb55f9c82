//! Nobody waits for the first picture.

use crate::program::{PATIENCE, Program, Stream, alone, shared};
use crate::rtsp::{Client, Transport};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn late_readers_get_a_key_frame_at_once() {
    let _turn = alone();
    let mut program = Program::start(&[], &[Stream::pattern("lobby", "ball")]);
    let address = program.address("lobby");
    let first = Client::connect(&address).play(Transport::Tcp);
    first.wait_for("key frame", PATIENCE, |packet| packet.key);
    // Each on a computer of its own: those of one have a limit.
    let mut waits: Vec<Duration> = (0..20u8)
        .map(|n| {
            // At another place of the group of pictures each time.
            thread::sleep(Duration::from_millis(170));
            let transport = if n.is_multiple_of(2) { Transport::Tcp } else { Transport::Udp };
            let reader = Client::connect_from([127, 0, 4, n + 1], &address).play(transport);
            let key = reader.wait_for("key frame", PATIENCE, |packet| packet.key);
            let wait = key.at - reader.asked;
            reader.leave();
            wait
        })
        .collect();
    waits.sort();
    assert!(waits[10] < Duration::from_millis(100), "half of them waited longer than {:?}", waits[10]);
    assert!(waits[19] < Duration::from_millis(400), "one waited {:?}", waits[19]);
    first.leave();
    program.stop();
}

#[test]
fn a_stream_that_has_run_for_long_starts_at_once_for_the_next_reader() {
    let _turn = alone();
    let mut program = Program::start(&[], &[Stream::pattern("lobby", "ball")]);
    let address = program.address("lobby");
    for transport in [Transport::Tcp, Transport::Udp] {
        let first = Client::connect(&address).play(transport);
        first.wait_for("packet", PATIENCE, |_| true);
        thread::sleep(Duration::from_secs(10));
        first.leave();
        // Its media has gone with it, or goes now; the source runs on.
        let next = Client::connect(&address).play(transport);
        let wait = next.wait_for("packet", PATIENCE, |_| true).at - next.asked;
        assert!(wait < Duration::from_millis(500), "the next reader waited {wait:?}");
        next.leave();
    }
    program.stop();
}

#[test]
fn a_sleeping_stream_wakes_fast() {
    let _turn = alone();
    let mut program = Program::start(&[], &[Stream::pattern("lobby", "ball")]);
    let address = program.address("lobby");
    let start = Instant::now();
    let reader = Client::connect(&address).play(Transport::Tcp);
    let wait = reader.wait_for("packet", PATIENCE, |_| true).at - start;
    assert!(wait < Duration::from_millis(500), "{wait:?} from connecting to the first packet");
    reader.leave();
    program.stop();
}

#[test]
fn a_stream_that_was_just_left_can_be_read_at_once() {
    const READERS: usize = 200;
    let _turn = shared();
    let mut program = Program::start(&[], &[Stream::pattern("lobby", "ball")]);
    let address = program.address("lobby");
    let refused = (0..READERS)
        .filter(|_| {
            let mut client = Client::connect(&address);
            if client.describe().status == 503 {
                return true;
            }
            // Each is the last one to leave: the library then takes its media apart.
            let reader = client.play(Transport::Tcp);
            reader.wait_for("packet", PATIENCE, |_| true);
            reader.vanish();
            false
        })
        .count();
    assert_eq!(refused, 0, "readers of {READERS} were refused");
    program.stop();
}
