//! Readers that take nothing, or less than they are sent.

use super::{GONE, Healthy, Held, SNOW_BYTES, streams, wait_until_gone};
use crate::program::{PATIENCE, Program, Stream, alone, data};
use crate::rtsp::{Client, Reader, Transport};
use std::time::{Duration, Instant};

/// A reader on TCP that stops reading when it has something.
fn stalled(address: &str) -> Reader {
    let reader = Client::connect(address).play(Transport::Tcp);
    reader.wait_for("packet", PATIENCE, |_| true);
    reader.stall();
    reader
}

#[test]
fn readers_that_do_not_keep_up_hurt_nobody_and_are_sent_away() {
    let _turn = alone();
    let mut served = streams();
    served.push(
        Stream::pattern("alone", "snow")
            .picture("size = \"320x240\"\nframe_rate = \"25\"\nbitrate_kbps = 4000"),
    );
    let mut program = Program::start(&[], &served);
    let (snow, alone) = (program.address("snow"), program.address("alone"));
    // The first reader of its stream, and one that stays the only one.
    let start = Instant::now();
    let mut bad = vec![stalled(&snow), stalled(&alone)];
    let healthy = Healthy::join(&mut program);
    // The last one, ten at once, and one that takes a tenth.
    bad.extend((0..10).map(|_| stalled(&snow)));
    let slow = stalled(&snow);
    slow.trickle(SNOW_BYTES / 10);
    bad.push(slow);
    // Over UDP the system throws away what is not read, and nobody else notices.
    let deaf = Client::connect(&snow).play(Transport::Udp);
    let late = Instant::now();

    let ports: Vec<u16> = bad.iter().map(Reader::port).collect();
    wait_until_gone(&program, &ports[..2], start);
    wait_until_gone(&program, &ports, late);
    eprintln!("gone {:?} after the last one came, of {GONE:?}", late.elapsed());
    healthy.assert_unharmed();
    drop(deaf);
    healthy.leave();
    program.stop();
}

#[test]
fn time_that_jumps_with_a_reader_far_behind_ends_nothing() {
    let _turn = alone();
    // 5.28 s, at more than a stalled reader's buffers hold.
    let film = Stream::file("film", &data("bigbuckbunny.mp4"))
        .picture("size = \"source\"\nframe_rate = \"source\"\nbitrate_kbps = 20000");
    let mut program = Program::start(&[], &[film]);
    let address = program.address("film");
    let healthy = Client::connect(&address).play(Transport::Tcp);
    let first = healthy.wait_for("packet", PATIENCE, |_| true);
    let before = Held::by(&program);
    let stalled = stalled(&address);
    // Over two loop points.
    let end = Duration::from_secs(12);
    healthy.wait_for("third loop", PATIENCE, |packet| packet.at - first.at > end);
    assert_eq!(crate::rtsp::lost(&healthy.packets()), 0);
    drop(stalled);
    Held::wait_for_return(&program, before);
    healthy.leave();
    program.stop();
}
