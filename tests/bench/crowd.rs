//! Readers that are cheap: a thread reads for all of them, and looks at the head of each packet only.

use crate::rtsp::{Transport, connect_from, port, udp_pair_at};
use rustix::event::{Timespec, epoll};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// An answer that takes longer has not come.
const ANSWER: Duration = Duration::from_secs(30);
/// Of UDP, in bytes: what a player asks for that was made for live streams.
const RECEIVE_BUFFER: usize = 1 << 20;
/// Bytes read at once.
const READ: usize = 256 * 1024;
/// The head of an interleaved packet: a dollar, a channel, a length (RFC 2326, 10.12).
const INTERLEAVED: usize = 4;

/// What came to one reader since it was last asked.
#[derive(Clone, Default)]
pub struct Arrived {
    pub packets: u64,
    pub bytes: u64,
    /// By their sequence numbers.
    pub lost: u64,
    /// The longest time without a packet.
    pub gap: Duration,
    first: Option<Instant>,
    last: Option<Instant>,
}

/// A packet as it came, to be sent again at the same pace.
#[derive(Clone, Copy)]
pub struct Traced {
    pub at: Instant,
    pub bytes: usize,
    /// The last one of its picture.
    pub ends_picture: bool,
}

struct Member {
    socket: Socket,
    /// The part of an interleaved packet that came until now.
    rest: Vec<u8>,
    sequence: Option<u16>,
    arrived: Arrived,
}

enum Socket {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Udp(socket) => socket.as_fd(),
        }
    }
}

impl Member {
    fn new(socket: Socket, rest: Vec<u8>) -> Self {
        Self { socket, rest, sequence: None, arrived: Arrived::default() }
    }

    /// Reads what there is; the packets also go to `trace`.
    fn read(&mut self, buffer: &mut [u8], trace: Option<&mut Vec<Traced>>) {
        let mut trace = trace;
        match &mut self.socket {
            Socket::Tcp(socket) => {
                let kept = self.rest.len();
                buffer[..kept].copy_from_slice(&self.rest);
                // What has ended is as one to which nothing comes.
                let Ok(length) = socket.read(&mut buffer[kept..]) else { return };
                let (now, mut data) = (Instant::now(), &buffer[..kept + length]);
                while let Some((message, rest)) = next_message(data) {
                    // Channel 0 is RTP, as was asked for.
                    if message[..2] == [b'$', 0] {
                        take(
                            &mut self.sequence,
                            &mut self.arrived,
                            &message[INTERLEAVED..],
                            now,
                            trace.as_deref_mut(),
                        );
                    }
                    data = rest;
                }
                self.rest.clear();
                self.rest.extend_from_slice(data);
            }
            Socket::Udp(socket) => {
                while let Ok(length) = socket.recv(buffer) {
                    let now = Instant::now();
                    take(&mut self.sequence, &mut self.arrived, &buffer[..length], now, trace.as_deref_mut());
                }
            }
        }
    }
}

/// An interleaved packet or the head of an answer without a body, and what follows it.
fn next_message(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = match data {
        [b'$', _, high, low, ..] => INTERLEAVED + usize::from(u16::from_be_bytes([*high, *low])),
        [b'$', ..] | [] => return None,
        _ => data.windows(4).position(|end| end == b"\r\n\r\n")? + 4,
    };
    (length <= data.len()).then(|| data.split_at(length))
}

fn take(
    sequence: &mut Option<u16>,
    arrived: &mut Arrived,
    packet: &[u8],
    now: Instant,
    trace: Option<&mut Vec<Traced>>,
) {
    if packet.len() < 12 {
        return;
    }
    let number = u16::from_be_bytes([packet[2], packet[3]]);
    let missing = sequence.map_or(0, |before| number.wrapping_sub(before).wrapping_sub(1));
    // One that is late, and so was counted as lost, is not on this computer.
    if missing < 0x8000 {
        arrived.lost += u64::from(missing);
        *sequence = Some(number);
    }
    arrived.packets += 1;
    arrived.bytes += packet.len() as u64;
    arrived.gap = arrived.gap.max(arrived.last.map_or(Duration::ZERO, |last| now - last));
    arrived.first.get_or_insert(now);
    arrived.last = Some(now);
    if let Some(trace) = trace {
        trace.push(Traced { at: now, bytes: packet.len(), ends_picture: packet[1] & 0x80 != 0 });
    }
}

/// A session as its reader keeps it.
struct Session {
    control: TcpStream,
    id: String,
    address: String,
    _rtcp: Option<UdpSocket>,
}

/// Many readers.
pub struct Crowd {
    members: Arc<Mutex<Vec<Member>>>,
    trace: Arc<Mutex<Vec<Traced>>>,
    sessions: Vec<Session>,
    poll: Arc<OwnedFd>,
    open: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Crowd {
    pub fn new() -> Self {
        let poll = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll"));
        let (members, trace) = (Arc::<Mutex<Vec<Member>>>::default(), Arc::<Mutex<Vec<Traced>>>::default());
        let open = Arc::new(AtomicBool::new(true));
        let reader = thread::Builder::new().name("crowd".into()).spawn({
            let (poll, members, trace, open) = (poll.clone(), members.clone(), trace.clone(), open.clone());
            move || {
                let mut buffer = vec![0; READ];
                let mut events = Vec::with_capacity(1024);
                let patience = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
                while open.load(Ordering::Relaxed) {
                    events.clear();
                    let waited =
                        epoll::wait(&*poll, rustix::buffer::spare_capacity(&mut events), Some(&patience));
                    if waited.is_err() {
                        continue;
                    }
                    let mut members = members.lock().unwrap();
                    for event in &events {
                        let index = event.data.u64() as usize;
                        let mut trace = (index == 0).then(|| trace.lock().unwrap());
                        members[index].read(&mut buffer, trace.as_deref_mut());
                    }
                }
            }
        });
        Self { members, trace, sessions: Vec::new(), poll, open, reader: Some(reader.unwrap()) }
    }

    pub fn len(&self) -> usize {
        self.members.lock().unwrap().len()
    }

    /// One more that plays the picture at this address.
    pub fn join(&mut self, address: &str, transport: Transport) {
        let (member, session) = play(address, transport, self.sessions.len());
        self.add(member);
        self.sessions.push(session);
    }

    /// One more that reads what comes through this connection.
    pub fn read_from(&mut self, socket: TcpStream) {
        self.add(Member::new(Socket::Tcp(socket), Vec::new()));
    }

    /// One more that reads what comes to a port, which is returned.
    pub fn listen(&mut self) -> u16 {
        let (socket, _) = udp_pair_at(Ipv4Addr::LOCALHOST);
        let port = port(&socket);
        self.add(datagram_member(socket));
        port
    }

    fn add(&self, member: Member) {
        if let Socket::Tcp(socket) = &member.socket {
            socket.set_nonblocking(true).unwrap();
        }
        let mut members = self.members.lock().unwrap();
        let data = epoll::EventData::new_u64(members.len() as u64);
        epoll::add(&*self.poll, &member.socket, data, epoll::EventFlags::IN).expect("epoll takes a socket");
        members.push(member);
    }

    /// Begins to count anew.
    pub fn forget(&self) {
        self.members.lock().unwrap().iter_mut().for_each(|member| member.arrived = Arrived::default());
        self.trace.lock().unwrap().clear();
    }

    /// What came to each since then.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.members.lock().unwrap().iter().map(|member| member.arrived.clone()).collect()
    }

    /// What came to the first one since then.
    pub fn trace(&self) -> Vec<Traced> {
        self.trace.lock().unwrap().clone()
    }

    /// Datagrams that came but found the socket's buffer full: the column `drops` of `/proc/net/udp`.
    pub fn dropped_here(&self) -> u64 {
        let ports: Vec<u16> = (self.members.lock().unwrap().iter())
            .filter_map(|member| match &member.socket {
                Socket::Udp(socket) => Some(port(socket)),
                Socket::Tcp(_) => None,
            })
            .collect();
        let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
        let lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines
            .filter(|fields| {
                let port = fields[1].split(':').nth(1).and_then(|port| u16::from_str_radix(port, 16).ok());
                port.is_some_and(|port| ports.contains(&port))
            })
            .filter_map(|fields| fields.last()?.parse::<u64>().ok())
            .sum()
    }

    /// Tells the server that everybody is still there.
    pub fn keep_alive(&mut self) {
        for (number, Session { control, id, address, _rtcp }) in self.sessions.iter_mut().enumerate() {
            let request =
                format!("OPTIONS {address} RTSP/1.0\r\nCSeq: {}\r\nSession: {id}\r\n\r\n", 100 + number);
            // One that was sent away shows in the figures.
            let _ = control.write_all(request.as_bytes());
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for Session { control, id, address, _rtcp } in &mut self.sessions {
            let request = format!("TEARDOWN {address} RTSP/1.0\r\nCSeq: 9999\r\nSession: {id}\r\n\r\n");
            // One that was sent away has left.
            let _ = control.set_nonblocking(false);
            let _ = control.write_all(request.as_bytes());
        }
        self.open.store(false, Ordering::Relaxed);
        self.reader.take().unwrap().join().unwrap();
    }
}

fn datagram_member(socket: UdpSocket) -> Member {
    socket.set_nonblocking(true).unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER).unwrap();
    Member::new(Socket::Udp(socket), Vec::new())
}

/// Sets up and plays, from an address of its own.
fn play(address: &str, transport: Transport, number: usize) -> (Member, Session) {
    let (own, server) = (own_address(number), server_of(address));
    let mut control = connect_from(own, server).unwrap_or_else(|error| panic!("{server}: {error}"));
    control.set_nodelay(true).unwrap();
    control.set_read_timeout(Some(ANSWER)).unwrap();
    let udp = (transport == Transport::Udp).then(|| udp_pair_at(own));
    let wish = match &udp {
        None => "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned(),
        Some((rtp, rtcp)) => format!("RTP/AVP;unicast;client_port={}-{}", port(rtp), port(rtcp)),
    };
    let mut rest = Vec::new();
    let setup = format!("SETUP {address}/stream=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: {wish}\r\n\r\n");
    let head = ask(&mut control, &setup, &mut rest);
    let id = head.split("Session: ").nth(1).and_then(|rest| rest.split(['\r', ';']).next());
    let id = id.unwrap_or_else(|| panic!("no session: {head}")).to_owned();
    let play = format!("PLAY {address} RTSP/1.0\r\nCSeq: 2\r\nSession: {id}\r\n\r\n");
    ask(&mut control, &play, &mut rest);
    let (socket, rtcp) = match udp {
        None => (Member::new(Socket::Tcp(control.try_clone().unwrap()), rest), None),
        Some((rtp, rtcp)) => (datagram_member(rtp), Some(rtcp)),
    };
    (socket, Session { control, id, address: address.to_owned(), _rtcp: rtcp })
}

/// 127.2.0.1 and so on.
pub fn own_address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 2, (number / 250) as u8, 1 + (number % 250) as u8)
}

pub fn server_of(address: &str) -> SocketAddr {
    address.strip_prefix("rtsp://").unwrap().split('/').next().unwrap().parse().expect("an address of IPv4")
}

/// Sends a request and takes the head of its answer, which has to be good. What follows it goes to `rest`.
pub fn ask(control: &mut TcpStream, request: &str, rest: &mut Vec<u8>) -> String {
    control.write_all(request.as_bytes()).expect("the server takes the request");
    let mut data = [0; 4096];
    loop {
        // A picture may come before the answer.
        while let Some((message, after)) = next_message(rest) {
            if message[0] != b'$' {
                let head = String::from_utf8_lossy(message).into_owned();
                assert!(head.starts_with("RTSP/1.0 200"), "{request}{head}");
                *rest = after.to_vec();
                return head;
            }
            *rest = after.to_vec();
        }
        match control.read(&mut data) {
            Ok(length) if length > 0 => rest.extend_from_slice(&data[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => panic!("no answer: {other:?}\n{request}"),
        }
    }
}
