//! The floor: a program that only writes, the same bytes at the same times to as many sockets. It is this program
//! again, as a process of its own, so that its processor time is told apart.

use crate::crowd::{Crowd, Traced};
use crate::rtsp::Transport;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny};
use rustix::time::{ClockId, clock_gettime};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, IoSlice, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The argument that makes this program the floor.
pub const ARGUMENT: &str = "--floor";

/// Runs the floor with as many readers: its processor time, and the time that it took.
pub fn measure(trace: &[Traced], transport: Transport, number: usize) -> (Duration, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace");
    let start = trace.first().expect("packets").at;
    let lines = trace.iter().fold(String::new(), |mut lines, packet| {
        let Traced { at, bytes, ends_picture } = packet;
        writeln!(lines, "{} {bytes} {}", (*at - start).as_micros(), u8::from(*ends_picture)).unwrap();
        lines
    });
    std::fs::write(&file, lines).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([ARGUMENT, file.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts again");
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut crowd = Crowd::new();
    meet(&mut child, &mut output, &mut crowd, transport, number);
    let times = line(&mut output);
    child.wait().unwrap();
    let mut times = times.split_whitespace().map(|micros| Duration::from_micros(micros.parse().unwrap()));
    let (processor, elapsed) = (times.next().unwrap(), times.next().unwrap());
    let sent = trace.len() as u64;
    let missed: u64 = crowd.arrived().iter().map(|reader| sent.saturating_sub(reader.packets)).sum();
    if missed > 0 {
        eprintln!("the readers of the floor missed {missed} of {} packets", sent * number as u64);
    }
    (processor, elapsed)
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("the floor says what it does");
    line.trim().to_owned()
}

/// Brings the floor and its readers together: it accepts them, or is told their ports.
fn meet(
    child: &mut Child,
    output: &mut impl BufRead,
    crowd: &mut Crowd,
    transport: Transport,
    number: usize,
) {
    let mut input = child.stdin.take().unwrap();
    match transport {
        Transport::Tcp => {
            writeln!(input, "tcp {number}").unwrap();
            let port: u16 = line(output).parse().expect("a port");
            for _ in 0..number {
                crowd.read_from(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap());
            }
        }
        Transport::Udp => {
            let ports: Vec<String> = (0..number).map(|_| crowd.listen().to_string()).collect();
            writeln!(input, "udp {}", ports.join(" ")).unwrap();
        }
    }
}

/// Is the floor: reads from standard input whom to write to, and writes to them.
pub fn be(trace: &Path) {
    let packets: Vec<(Duration, usize, bool)> = std::fs::read_to_string(trace)
        .expect("the trace")
        .lines()
        .map(|line| {
            let mut numbers = line.split(' ').map(|number| number.parse().unwrap());
            let mut next = || numbers.next().unwrap();
            (Duration::from_micros(next()), next() as usize, next() == 1)
        })
        .collect();
    let wanted = line(&mut std::io::stdin().lock());
    let (transport, wanted) = wanted.split_once(' ').expect("whom to write to");
    let mut write: Writer = if transport == "tcp" { to_connections(wanted) } else { to_ports(wanted) };

    let (start, before) = (Instant::now(), processor_time());
    let mut picture = Vec::new();
    for (number, (at, bytes, ends_picture)) in packets.iter().enumerate() {
        let mut packet = vec![0; *bytes];
        packet[0] = 0x80;
        packet[2..4].copy_from_slice(&(number as u16).to_be_bytes());
        picture.push(packet);
        if *ends_picture {
            thread::sleep(at.saturating_sub(start.elapsed()));
            write(&picture);
            picture.clear();
        }
    }
    println!("{} {}", (processor_time() - before).as_micros(), start.elapsed().as_micros());
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Writes the packets of one picture to everybody.
type Writer = Box<dyn FnMut(&[Vec<u8>])>;

/// A picture is written at once.
fn to_connections(number: &str) -> Writer {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let number: usize = number.parse().expect("a number");
    let mut sockets: Vec<TcpStream> = (0..number)
        .map(|_| {
            let (socket, _) = listener.accept().expect("a reader");
            socket.set_nodelay(true).unwrap();
            socket
        })
        .collect();
    Box::new(move |picture| {
        let framed: Vec<u8> = picture
            .iter()
            .flat_map(|packet| [&[b'$', 0][..], &(packet.len() as u16).to_be_bytes(), packet].concat())
            .collect();
        for socket in &mut sockets {
            socket.write_all(&framed).expect("a reader takes it");
        }
    })
}

/// The packets of a picture go to each in one call.
fn to_ports(ports: &str) -> Writer {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ports: Vec<SocketAddrAny> = ports
        .split(' ')
        .map(|port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port.parse().expect("a port")).into())
        .collect();
    Box::new(move |picture| {
        let slices: Vec<[IoSlice; 1]> = picture.iter().map(|packet| [IoSlice::new(packet)]).collect();
        for port in &ports {
            let mut controls: Vec<_> = picture.iter().map(|_| SendAncillaryBuffer::default()).collect();
            let mut messages: Vec<MMsgHdr> = (slices.iter().zip(&mut controls))
                .map(|(slice, control)| MMsgHdr::new_with_addr(port, slice, control))
                .collect();
            rustix::net::sendmmsg(&socket, &mut messages, SendFlags::empty()).expect("it is sent");
        }
    })
}
