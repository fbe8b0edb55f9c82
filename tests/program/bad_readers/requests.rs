//! Connections that ask for nothing, too slowly, too much, or for nonsense.

use super::{Healthy, Held, connected_ports, streams, wait_until_gone};
use crate::program::{Home, PATIENCE, Program, Stream, alone, config};
use crate::rtsp::{Client, Transport, host};
use rustix::net::sockopt::set_socket_linger;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

fn connect(address: &str) -> TcpStream {
    let socket = TcpStream::connect(host(address)).unwrap();
    // What is refused is closed at once.
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn port(socket: &TcpStream) -> u16 {
    socket.local_addr().unwrap().port()
}

/// Everything that is said until the server closes.
fn all_that_is_said(socket: &mut TcpStream) -> String {
    let mut said = Vec::new();
    // A reset is an end as well.
    let _ = socket.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

/// A thousand need more than what a shell usually allows.
fn allow_many_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

#[test]
fn connections_without_a_request_and_endless_ones_hurt_nobody() {
    const HALF_OPEN: usize = 2000;
    /// Those of one address that play nothing.
    const KEPT: usize = 256;
    let _turn = alone();
    allow_many_descriptors();
    let mut program = Program::start(&[], &streams());
    let address = program.address("snow");
    let healthy = Healthy::join(&mut program);
    let before = Held::by(&program);

    let half_open: Vec<TcpStream> = (0..HALF_OPEN).map(|_| connect(&address)).collect();
    let start = Instant::now();
    let ports: Vec<u16> = half_open.iter().map(port).collect();
    // Somebody who has something to ask is served meanwhile, from the same computer and from another one.
    for own in [[127, 0, 0, 1], [127, 0, 0, 2]] {
        let reader = Client::connect_from(own, &address).play(Transport::Tcp);
        reader.wait_for("packet", PATIENCE, |_| true);
        reader.leave();
    }
    let held = connected_ports(&program).len();
    assert!(held < KEPT + 20, "{held} connections are held");

    // A byte a second, of a request that is right.
    let mut slow: Vec<TcpStream> = (0..20).map(|_| connect(&address)).collect();
    let slow_start = Instant::now();
    let slow_ports: Vec<u16> = slow.iter().map(port).collect();
    let request = format!("OPTIONS {address} RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    let writer = thread::spawn(move || {
        for byte in request.bytes() {
            slow.retain_mut(|socket| socket.write_all(&[byte]).is_ok());
            if slow.is_empty() {
                return true;
            }
            thread::sleep(Duration::from_secs(1));
        }
        false
    });
    // A request that has no end, as fast as it is taken: on every thread that answers requests.
    let endless: Vec<_> = (0..8)
        .map(|_| {
            let mut socket = connect(&address);
            socket.set_write_timeout(Some(PATIENCE)).unwrap();
            thread::spawn(move || {
                let line = format!("X-More: {}\r\n", "x".repeat(4000));
                let start = Instant::now();
                let _ = socket.write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n");
                while socket.write_all(line.as_bytes()).is_ok() {
                    assert!(start.elapsed() < PATIENCE, "an endless request is taken for ever");
                }
            })
        })
        .collect();
    endless.into_iter().for_each(|thread| thread.join().unwrap());

    wait_until_gone(&program, &ports, start);
    wait_until_gone(&program, &slow_ports, slow_start);
    eprintln!("half-open ones gone after {:?}", start.elapsed());
    assert!(writer.join().unwrap(), "slow requests were let be");
    healthy.assert_unharmed();
    drop(half_open);
    let after = Held::wait_for_return(&program, before);
    eprintln!("{before:?} before, {after:?} after");
    healthy.leave();
    program.stop();
}

#[test]
fn requests_that_are_nonsense_are_answered_or_closed() {
    let _turn = alone();
    let mut program = Program::start(&[], &streams());
    let address = program.address("snow");
    let healthy = Healthy::join(&mut program);
    let before = Held::by(&program);
    let options = |more: &str| format!("OPTIONS {address} RTSP/1.0\r\nCSeq: 1\r\n{more}\r\n");
    let refused = |request: &[u8], status: &str| {
        let mut socket = connect(&address);
        let _ = socket.write_all(request);
        let _ = socket.shutdown(std::net::Shutdown::Write);
        let said = all_that_is_said(&mut socket);
        assert!(said.starts_with(status), "{:?}: {said:?}", String::from_utf8_lossy(&request[..40]));
    };

    let binary: Vec<u8> = (0..=255).cycle().take(4096).map(|byte: u8| byte.wrapping_mul(167) | 1).collect();
    refused(&binary, "");
    refused(&[0; 4096], "");
    refused(format!("OPTIONS rtsp://{} RTSP/1.0\r\nCSeq: 1\r\n\r\n", "x".repeat(100_000)).as_bytes(), "");
    // Longer than anything that is taken, negative, and no number.
    refused(options("Content-Length: 100000000\r\n").as_bytes(), "RTSP/1.0 413");
    refused(options("Content-Length: 4294967297\r\n").as_bytes(), "RTSP/1.0 413");
    refused(options("Content-Length: -5\r\n").as_bytes(), "RTSP/1.0 400");
    // Data for channels that were never agreed on is passed over.
    let mut data = vec![b'$', 77, 1, 0];
    data.extend([0; 256]);
    data.extend([b'$', 200, 0, 0]);
    data.extend(options("").bytes());
    refused(&data, "RTSP/1.0 200");
    let setup = format!(
        "SETUP {address}/stream=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=300-70000\r\n\r\n"
    );
    refused(setup.as_bytes(), "RTSP/1.0 4");
    let setup = format!(
        "SETUP {address}/stream=9 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
    );
    refused(setup.as_bytes(), "RTSP/1.0 404");

    // Requests that follow one another without waiting are all answered.
    let mut pipelined = connect(&address);
    let requests: String =
        (1..=40).map(|n| format!("OPTIONS {address} RTSP/1.0\r\nCSeq: {n}\r\n\r\n")).collect();
    pipelined.write_all(requests.as_bytes()).unwrap();
    pipelined.shutdown(std::net::Shutdown::Write).unwrap();
    let said = all_that_is_said(&mut pipelined);
    assert_eq!(said.matches("RTSP/1.0 200 OK").count(), 40, "{said}");
    // But not for ever.
    let mut flood = connect(&address);
    let start = Instant::now();
    while flood.write_all(requests.as_bytes()).is_ok() {
        assert!(start.elapsed() < PATIENCE, "a flood of requests is answered for ever");
        let mut answers = [0; 65536];
        if !flood.read(&mut answers).is_ok_and(|length| length > 0) {
            break;
        }
    }
    // A body that never comes: its connection waits, and is closed as one that has not asked for anything.
    let mut waiting = connect(&address);
    let start = Instant::now();
    waiting.write_all(options("Content-Length: 1000\r\n").as_bytes()).unwrap();
    wait_until_gone(&program, &[port(&waiting)], start);

    healthy.assert_unharmed();
    Held::wait_for_return(&program, before);
    healthy.leave();
    program.stop();
}

#[test]
fn connections_that_are_reset_before_they_are_taken_in_keep_nobody_waiting() {
    let _turn = alone();
    let mut program = Program::start(&[], &[Stream::pattern("lobby", "ball")]);
    let address = program.address("lobby");
    // They wait to be taken in, as in a moment in which the server has much to do.
    program.signal(rustix::process::Signal::STOP);
    for _ in 0..100 {
        let socket = connect(&address);
        set_socket_linger(&socket, Some(Duration::ZERO)).unwrap();
    }
    program.signal(rustix::process::Signal::CONT);
    let asked = Instant::now();
    assert_eq!(Client::connect(&address).describe().status, 200);
    let waited = asked.elapsed();
    assert!(waited < Duration::from_secs(5), "an answer after {waited:?}");
    program.stop();
}

#[test]
fn a_server_without_descriptors_waits_for_some() {
    let _turn = alone();
    const DESCRIPTORS: u64 = 160;
    let small = Stream::pattern("lobby", "ball").picture("size = \"320x240\"\nframe_rate = \"10\"");
    let home = Home::new(&config(&[], &[small]));
    let server = home.command(&["--headless"]);
    let mut command = std::process::Command::new("prlimit");
    command
        .arg(format!("--nofile={DESCRIPTORS}:{DESCRIPTORS}"))
        .arg(server.get_program())
        .args(server.get_args());
    for (name, value) in server.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut program = home.start(command);
    let address = program.address("lobby");
    let healthy = Client::connect(&address).play(Transport::Tcp);
    healthy.wait_for("packet", PATIENCE, |_| true);
    // From many addresses, so that none of them has too many.
    let many: Vec<Client> =
        (0..300u16).map(|n| Client::connect_from([127, 0, 1, (n % 50) as u8 + 1], &address)).collect();
    let processor = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", program.pid())).unwrap();
        let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split_whitespace().collect();
        // USER_HZ is 100 on Linux.
        Duration::from_millis(10 * (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()))
    };
    let before = processor();
    healthy.forget();
    thread::sleep(Duration::from_secs(3));
    let used = processor() - before;
    assert!(used < Duration::from_secs(2), "it used {used:?} of the processor in 3 s");
    assert!(healthy.packets().len() > 10);
    let held = Held::by(&program);
    assert!(held.descriptors < DESCRIPTORS as usize - 20, "{held:?}");
    // Whoever comes now is let in.
    let late = Client::connect_from([127, 0, 2, 1], &address).play(Transport::Tcp);
    late.wait_for("packet", PATIENCE, |_| true);
    drop(many);
    late.leave();
    healthy.leave();
    program.stop();
}
