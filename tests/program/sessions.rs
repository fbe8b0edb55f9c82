//! What readers leave behind is cleared away, and many of them have room.

use crate::program::{Home, PATIENCE, Program, Stream, config, shared};
use crate::rtsp::{Client, Transport, port, udp_pair_at};
use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;
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
    // These think better of it; half of them go on saying nothing.
    let mut silent = vec![];
    for goes in [true, false].into_iter().cycle().take(10) {
        let mut client = Client::connect(&address);
        let (rtp, rtcp) = udp_pair_at(Ipv4Addr::LOCALHOST);
        let transport = format!("RTP/AVP;unicast;client_port={}-{}", port(&rtp), port(&rtcp));
        assert_eq!(client.set_up_by(&transport), 200);
        match goes {
            true => client.hang_up(),
            false => silent.push(client),
        }
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

#[test]
fn more_connections_than_a_desktop_allows_at_first_are_served() {
    const FILES: usize = 64;
    let _turn = shared();
    let home = Home::new(&config(&[], &[Stream::pattern("lobby", "ball")]));
    let served = home.command(&["--headless"]);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -S -n {FILES}; exec \"$@\""), "sh"]);
    command.arg(served.get_program()).args(served.get_args());
    for (name, value) in served.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut program = home.start(command);
    let address = program.address("lobby");
    let mut clients: Vec<Client> = (0..2 * FILES).map(|_| Client::connect(&address)).collect();
    for client in &mut clients {
        assert_eq!(client.request("OPTIONS", &address, "").status, 200);
    }
    drop(clients);
    program.stop();
}
