//! The ways to a reader: each stream is read by those that it allows, and by no other.

use crate::players;
use crate::program::{Home, PATIENCE, Program, Stream, config, shared};
use crate::rtsp::{Client, Reader, Transport};
use crate::slate::wait_for_pictures;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

const SMALL: &str = "size = \"320x240\"\nframe_rate = \"25\"";
const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";
const UDP: &str = "RTP/AVP;unicast;client_port=5000-5001";
const MULTICAST: &str = "RTP/AVP;multicast";

fn pattern(id: &str) -> Stream {
    Stream::pattern(id, "ball").picture(SMALL)
}

/// The status of SETUP with these offers, and what was chosen of them.
fn set_up(address: &str, offers: &str) -> (u16, String) {
    let mut client = Client::connect(address);
    let answer = client.request("SETUP", &format!("{address}/stream=0"), &format!("Transport: {offers}\r\n"));
    let chosen = answer.header("Transport").unwrap_or_default().to_owned();
    (answer.status, chosen)
}

/// A range of ports that are free now, with room for so many pairs.
fn free_ports(pairs: u16) -> (u16, u16) {
    loop {
        let first = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port() & !1;
        let Some(last) = first.checked_add(2 * pairs - 1) else { continue };
        if (first..=last).all(|port| UdpSocket::bind(("0.0.0.0", port)).is_ok()) {
            return (first, last);
        }
    }
}

#[test]
fn each_transport_is_had_where_it_is_allowed_and_refused_where_it_is_not() {
    let _turn = shared();
    let streams = [
        pattern("any"),
        pattern("udp").transports(&["udp"]),
        pattern("tcp").transports(&["tcp"]),
        pattern("http").transports(&["http"]),
    ];
    let mut program = Program::start(&[], &streams);
    let [any, udp, tcp, http] = ["any", "udp", "tcp", "http"].map(|name| program.address(name));
    let all = format!("{MULTICAST},{UDP},{TCP}");

    assert_eq!(set_up(&any, MULTICAST).0, 461, "nobody has asked for multicast");
    assert!(set_up(&any, &all).1.starts_with("RTP/AVP;unicast"), "the first that is allowed");
    assert!(set_up(&udp, &format!("{TCP},{UDP}")).1.contains("client_port=5000-5001"));
    assert_eq!(set_up(&udp, TCP).0, 461);
    assert!(set_up(&tcp, &all).1.starts_with("RTP/AVP/TCP"));
    assert_eq!(set_up(&tcp, UDP).0, 461);
    program.wait_for_log("asked for the transport multicast", 0);
    // Nothing fits but a tunnel: that is said at once.
    assert_eq!(Client::connect(&http).describe().status, 403);
    assert_eq!(set_up(&http, TCP).0, 403);

    for transport in ["udp", "tcp", "http"] {
        assert!(players::ffmpeg(&any, transport) > 0, "{transport}");
    }
    players::gstreamer(&any, "udp");
    players::gstreamer(&any, "tcp");
    players::gstreamer(&http.replace("rtsp://", "rtsph://"), "tcp+http");
    players::mpv(&udp, "udp");
    players::mpv(&tcp, "tcp");
    players::mpv(&http, "http");
    program.stop();
}

/// That the libraries say nothing against it is seen when the program ends.
#[test]
fn a_reader_on_udp_reports_after_one_on_tcp_has() {
    let _turn = shared();
    let mut program = Program::start(&[], &[pattern("ball")]);
    let address = program.address("ball");
    let mut readers = Vec::new();
    for transport in [Transport::Tcp, Transport::Udp] {
        readers.push(Client::connect(&address).play(transport));
        for _ in 0..5 {
            readers.iter_mut().for_each(Reader::report);
            wait_for_pictures(&readers[0], 5);
        }
    }
    readers.into_iter().for_each(Reader::leave);
    program.stop();
}

#[test]
fn rtp_over_udp_comes_from_the_ports_of_the_range() {
    let _turn = shared();
    let (first, last) = free_ports(3);
    let range = format!("port = 0\nudp_ports = \"{first}-{last}\"\n");
    let streams = [pattern("one"), pattern("two")];
    let mut program = Home::new(&config(&[], &streams).replacen("port = 0\n", &range, 1)).serve();
    let mut readers = Vec::new();
    for name in ["one", "two"] {
        let address = program.address(name);
        let (status, chosen) = set_up(&address, UDP);
        assert_eq!(status, 200, "{chosen}");
        let ports = chosen.split(';').find_map(|part| part.strip_prefix("server_port=")).unwrap();
        let ports: Vec<u16> = ports.split('-').map(|port| port.parse().unwrap()).collect();
        assert!((first..=last).contains(&ports[0]) && ports[1] == ports[0] + 1, "{chosen}");
        let reader = Client::connect(&address).play(Transport::Udp);
        reader.wait_for("key frame", PATIENCE, |packet| packet.key);
        readers.push(reader);
    }
    readers.into_iter().for_each(|reader| reader.leave());
    program.stop();
}

#[test]
fn where_the_range_is_used_up_a_reader_is_told_to_try_another_transport() {
    let _turn = shared();
    let (first, last) = free_ports(1);
    let taken = UdpSocket::bind(("0.0.0.0", first)).unwrap();
    let range = format!("port = 0\nudp_ports = \"{first}-{last}\"\n");
    let mut program = Home::new(&config(&[], &[pattern("one")]).replacen("port = 0\n", &range, 1)).serve();
    let address = program.address("one");
    assert_eq!(set_up(&address, UDP).0, 461);
    let reader = Client::connect(&address).play(Transport::Tcp);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    reader.leave();
    drop(taken);
    program.stop();
}

/// An address of this computer, whose connections go through HTTP tunnels to a stream.
pub fn tunnelled(address: &str) -> String {
    use base64::Engine as _;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = format!("rtsp://{}/{}", listener.local_addr().unwrap(), address.rsplit_once('/').unwrap().1);
    let (address, near_to) = (address.to_owned(), listener.local_addr().unwrap().port());
    thread::spawn(move || {
        for (socket, number) in listener.incoming().flatten().zip(0..) {
            let cookie = format!("{near_to}-{number}");
            let Tunnel { mut down, mut up, .. } = Tunnel::open(&address, &cookie);
            let (mut from, mut to) = (socket.try_clone().unwrap(), socket);
            thread::spawn(move || {
                let mut bytes = [0; 1 << 14];
                while let Ok(length @ 1..) = from.read(&mut bytes) {
                    let encoded = base64::engine::general_purpose::STANDARD.encode(&bytes[..length]);
                    if up.write_all(encoded.as_bytes()).is_err() {
                        break;
                    }
                }
                let _ = up.shutdown(Shutdown::Both);
            });
            thread::spawn(move || {
                let _ = std::io::copy(&mut down, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
    });
    near
}

/// The two connections of an HTTP tunnel: what is read, and what is written.
struct Tunnel {
    down: BufReader<TcpStream>,
    up: TcpStream,
    address: String,
    sequence: u32,
}

impl Tunnel {
    fn open(address: &str, cookie: &str) -> Self {
        let host = address.strip_prefix("rtsp://").unwrap().split('/').next().unwrap();
        let connect = || {
            let socket = TcpStream::connect(host).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        };
        let mut down = connect();
        let head = |method: &str, more: &str| {
            format!(
                "{method} /lobby HTTP/1.0\r\nx-sessioncookie: {cookie}\r\nAccept: application/x-rtsp-tunnelled\r\n{more}\r\n"
            )
        };
        down.write_all(head("GET", "").as_bytes()).unwrap();
        let mut down = BufReader::new(down);
        let mut line = String::new();
        down.read_line(&mut line).unwrap();
        assert!(line.contains("200"), "{line}");
        while line.trim() != "" {
            line.clear();
            down.read_line(&mut line).unwrap();
        }
        let mut up = connect();
        let more = "Content-Type: application/x-rtsp-tunnelled\r\nContent-Length: 32767\r\n";
        up.write_all(head("POST", more).as_bytes()).unwrap();
        Self { down, up, address: address.into(), sequence: 0 }
    }

    fn request(&mut self, method: &str, address: &str, headers: &str) -> String {
        use base64::Engine as _;
        self.sequence += 1;
        let request = format!("{method} {address} RTSP/1.0\r\nCSeq: {}\r\n{headers}\r\n", self.sequence);
        let encoded = base64::engine::general_purpose::STANDARD.encode(request);
        self.up.write_all(encoded.as_bytes()).unwrap();
        self.response()
    }

    /// The head of the next response; packets before it are passed over.
    fn response(&mut self) -> String {
        let mut head = String::new();
        loop {
            if self.down.fill_buf().unwrap().first() == Some(&b'$') {
                self.packet();
                continue;
            }
            let mut line = String::new();
            assert!(self.down.read_line(&mut line).unwrap() > 0, "the connection was closed");
            if line.trim().is_empty() {
                break;
            }
            head.push_str(&line);
        }
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
        self.down.read_exact(&mut body).unwrap();
        head
    }

    /// Takes one packet off the connection, and says how long it was.
    fn packet(&mut self) -> usize {
        let mut head = [0; 4];
        self.down.read_exact(&mut head).unwrap();
        assert_eq!(head[0], b'$');
        let mut packet = vec![0; u16::from_be_bytes([head[2], head[3]]).into()];
        self.down.read_exact(&mut packet).unwrap();
        packet.len()
    }

    fn play(mut self) -> Self {
        let address = self.address.clone();
        assert!(self.request("DESCRIBE", &address, "").starts_with("RTSP/1.0 200"));
        let track = format!("{address}/stream=0");
        let answer = self.request("SETUP", &track, &format!("Transport: {TCP}\r\n"));
        assert!(answer.starts_with("RTSP/1.0 200"), "{answer}");
        let session = answer.lines().find_map(|line| line.strip_prefix("Session: ")).unwrap();
        let session = format!("Session: {}\r\n", session.split(';').next().unwrap());
        assert!(self.request("PLAY", &address, &session).starts_with("RTSP/1.0 200"));
        assert!(self.packet() > 0);
        self
    }
}

#[test]
fn the_connections_of_a_tunnel_are_closed_in_any_order_and_nothing_hangs() {
    let _turn = shared();
    let mut program = Program::start(&[], &[pattern("lobby")]);
    let address = program.address("lobby");
    let healthy = Client::connect(&address).play(Transport::Tcp);
    for round in 0..20 {
        let cookie = format!("tunnel-{round}");
        let tunnel = Tunnel::open(&address, &cookie).play();
        match round % 4 {
            // The second one first.
            0 => drop(tunnel.up),
            1 => drop(tunnel.down),
            2 => drop(tunnel),
            // Another program with the same cookie, as one that was cut off comes again.
            _ => {
                let Tunnel { down, up, .. } = tunnel;
                drop(up);
                let mut again = TcpStream::connect(down.get_ref().peer_addr().unwrap()).unwrap();
                let head = format!("GET /lobby HTTP/1.0\r\nx-sessioncookie: {cookie}\r\n\r\n");
                again.write_all(head.as_bytes()).unwrap();
                drop((down, again));
            }
        }
    }
    // Every thread that answers still does: more requests at once than there are threads.
    let mut clients: Vec<_> = (0..8).map(|_| Client::connect(&address)).collect();
    for client in &mut clients {
        assert_eq!(client.describe().status, 200);
    }
    healthy.forget();
    healthy.wait_for("packet", PATIENCE, |_| true);
    healthy.leave();
    let start = Instant::now();
    program.stop();
    assert!(start.elapsed() < Duration::from_secs(10), "it ended after {:?}", start.elapsed());
}
