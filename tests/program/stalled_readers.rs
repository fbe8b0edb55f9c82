//! A reader that stops reading hurts nobody else.

use crate::program::{PATIENCE, Program, Stream, alone};
use crate::rtsp::{Client, Packet, Transport};
use std::thread;
use std::time::{Duration, Instant};

const SNOW: &str = "size = \"640x480\"\nframe_rate = \"25\"\nbitrate_kbps = 20000";

/// How long the stalled reader is watched: the library would let go of it by itself after some 12 s, but only where
/// another reader on TCP was there before.
const WATCHED: u64 = 10;

/// Bits that came in each second from then on.
fn rates(packets: &[Packet], from: Instant) -> Vec<u64> {
    let mut rates = vec![0; WATCHED as usize];
    for packet in packets.iter().filter(|packet| packet.at >= from) {
        if let Some(rate) = rates.get_mut((packet.at - from).as_secs() as usize) {
            *rate += 8 * packet.bytes as u64;
        }
    }
    rates
}

#[test]
fn a_stalled_tcp_reader_slows_nobody() {
    let _turn = alone();
    let streams = [Stream::pattern("snow", "snow").picture(SNOW), Stream::pattern("control", "ball")];
    let mut program = Program::start(&[], &streams);
    let address = program.address("snow");
    let control = Client::connect(&program.address("control")).play(Transport::Tcp);
    let udp = Client::connect(&address).play(Transport::Udp);
    udp.wait_for("packet", PATIENCE, |_| true);
    control.wait_for("packet", PATIENCE, |_| true);
    thread::sleep(Duration::from_secs(2));

    let stalled = Client::connect(&address).play(Transport::Tcp);
    stalled.stall();
    // The buffers between the two take some 2 s of the stream.
    thread::sleep(Duration::from_secs(3));
    let tcp = Client::connect(&address).play(Transport::Tcp);
    let from = Instant::now();
    thread::sleep(Duration::from_secs(WATCHED));

    let rates = [&control, &udp, &tcp].map(|reader| rates(&reader.packets(), from));
    let [control_rates, udp_rates, tcp_rates] = &rates;
    let least = |rates: &[u64]| *rates.iter().min().unwrap();
    let shown = format!("control {control_rates:?}, UDP {udp_rates:?}, TCP {tcp_rates:?} bit/s");
    assert!(least(control_rates) > 10_000, "the machine is too busy for this test: {shown}");
    assert!(least(udp_rates) > 10_000_000, "the UDP reader was slowed: {shown}");
    assert!(least(tcp_rates) > 10_000_000, "the TCP reader was slowed: {shown}");
    drop(stalled);
    program.stop();
}

#[test]
fn a_stalled_tcp_reader_is_sent_away() {
    let _turn = alone();
    let mut program = Program::start(&[], &[Stream::pattern("snow", "snow").picture(SNOW)]);
    let stalled = Client::connect(&program.address("snow")).play(Transport::Tcp);
    stalled.stall();
    let open = established_connections(program.pid());
    assert_eq!(open, 1, "connections before");
    let start = Instant::now();
    while established_connections(program.pid()) > 0 {
        assert!(start.elapsed() < 2 * PATIENCE, "its connection is still open");
        thread::sleep(Duration::from_millis(100));
    }
    program.stop();
}

/// The TCP connections that this process holds.
fn established_connections(pid: u32) -> usize {
    const ESTABLISHED: &str = "01";
    let sockets: Vec<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    ["tcp", "tcp6"]
        .iter()
        .flat_map(|table| {
            let table = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
            table
                .lines()
                .skip(1)
                .map(|line| line.split_whitespace().map(str::to_owned).collect())
                .collect::<Vec<Vec<_>>>()
        })
        .filter(|fields| fields[3] == ESTABLISHED && sockets.contains(&fields[9]))
        .count()
}
