//! A plain RTSP client that measures: when which RTP packet came, and what was in it. RFC 2326 and RFC 6184,
//! blocking, with a thread for each reader.

use base64::Engine as _;
use md5::Digest as _;
use rustix::net::{AddressFamily, SocketType};
use std::hash::Hasher as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long an answer may take. The library gives up a media after 20 s; that has to be seen as such.
const ANSWER: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Udp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Basic,
    DigestMd5,
    DigestSha256,
}

pub struct Credentials {
    pub user: &'static str,
    pub password: &'static str,
    pub scheme: Scheme,
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// One RTP packet as it came.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    pub at: Instant,
    pub sequence: u16,
    /// In units of 1/90000 s.
    pub time: u32,
    /// Of an H.264 key frame.
    pub key: bool,
    pub bytes: usize,
    /// Tells what is carried apart.
    pub carried: u64,
}

impl Packet {
    fn parse(data: &[u8]) -> Option<Self> {
        if data.len() < 12 || data[0] >> 6 != 2 {
            return None;
        }
        let mut start = 12 + 4 * (data[0] & 0xf) as usize;
        if data[0] & 0x10 != 0 {
            start += 4 + 4 * u16::from_be_bytes([*data.get(start + 2)?, *data.get(start + 3)?]) as usize;
        }
        Some(Self {
            at: Instant::now(),
            sequence: u16::from_be_bytes([data[2], data[3]]),
            time: u32::from_be_bytes(data[4..8].try_into().unwrap()),
            key: is_key(data.get(start..)?),
            bytes: data.len(),
            carried: hash_of(data.get(start..)?),
        })
    }
}

fn hash_of(data: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(data);
    hasher.finish()
}

/// Whether an H.264 payload (RFC 6184) has a slice of an IDR picture.
fn is_key(payload: &[u8]) -> bool {
    const IDR: u8 = 5;
    match payload.first().map(|first| first & 0x1f) {
        Some(24) => {
            let mut units = &payload[1..];
            while let [high, low, rest @ ..] = units {
                if rest.first().is_some_and(|first| first & 0x1f == IDR) {
                    return true;
                }
                units = rest.get(u16::from_be_bytes([*high, *low]) as usize..).unwrap_or_default();
            }
            false
        }
        Some(28) => payload.get(1).is_some_and(|header| header & 0x1f == IDR),
        unit => unit == Some(IDR),
    }
}

/// What a reader got, shared with the thread that collects it.
#[derive(Default)]
struct Arrivals {
    packets: Mutex<Vec<Packet>>,
    more: Condvar,
    /// The sender said that it is done (RTCP BYE).
    goodbye: AtomicBool,
}

impl Arrivals {
    fn add(&self, data: &[u8]) {
        if let Some(packet) = Packet::parse(data) {
            self.packets.lock().unwrap().push(packet);
            self.more.notify_all();
        }
    }
}

/// A connection to the server.
pub struct Client {
    address: String,
    socket: TcpStream,
    answers: Receiver<Response>,
    arrivals: Arc<Arrivals>,
    /// Set to stop taking anything off the connection.
    stalled: Arc<AtomicBool>,
    sequence: u32,
    session: Option<String>,
    credentials: Option<Credentials>,
    challenges: Vec<String>,
}

impl Client {
    /// Connects to the host and port of this address.
    pub fn connect(address: &str) -> Self {
        let host = host(address);
        Self::on(address, TcpStream::connect(host).unwrap_or_else(|error| panic!("{host}: {error}")))
    }

    /// The same as another computer would: from this address, one of 127.0.0.0/8.
    pub fn connect_from(own: [u8; 4], address: &str) -> Self {
        use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
        let connecting = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&connecting, &SocketAddr::from((own, 0))).unwrap();
        let host: SocketAddr = host(address).parse().expect("a numeric address");
        connect(&connecting, &host).unwrap_or_else(|error| panic!("{host}: {error}"));
        Self::on(address, connecting.into())
    }

    fn on(address: &str, socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        let (sender, answers) = channel();
        let arrivals = Arc::new(Arrivals::default());
        let stalled = Arc::new(AtomicBool::new(false));
        let input = socket.try_clone().unwrap();
        let (to, stop) = (arrivals.clone(), stalled.clone());
        thread::spawn(move || take_from(input, &sender, &to, &stop));
        Self {
            address: address.into(),
            socket,
            answers,
            arrivals,
            stalled,
            sequence: 0,
            session: None,
            credentials: None,
            challenges: Vec::new(),
        }
    }

    pub fn with(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    pub fn describe(&mut self) -> Response {
        let address = self.address.clone();
        self.request("DESCRIBE", &address, "Accept: application/sdp\r\n")
    }

    /// Announces what this description (SDP) has.
    pub fn announce(&mut self, description: &str) -> u16 {
        let address = self.address.clone();
        // The end of the headers' last line is that of the body's.
        let body = description.trim_end();
        let head = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n", body.len() + 2);
        self.request("ANNOUNCE", &address, &format!("{head}{body}")).status
    }

    /// Sends a request and waits for its answer; with credentials, a challenge is answered once.
    pub fn request(&mut self, method: &str, address: &str, headers: &str) -> Response {
        let answer = self.send(method, address, headers);
        if answer.status != 401 || self.credentials.is_none() {
            return answer;
        }
        self.challenges = answer
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("WWW-Authenticate"))
            .map(|(_, value)| value.clone())
            .collect();
        self.send(method, address, headers)
    }

    fn send(&mut self, method: &str, address: &str, headers: &str) -> Response {
        self.sequence += 1;
        let session = self.session.as_ref().map(|id| format!("Session: {id}\r\n")).unwrap_or_default();
        let authorization = self.authorization(method, address).unwrap_or_default();
        let request = format!(
            "{method} {address} RTSP/1.0\r\nCSeq: {}\r\n{session}{authorization}{headers}\r\n",
            self.sequence
        );
        self.socket.write_all(request.as_bytes()).expect("the server takes the request");
        self.answers
            .recv_timeout(ANSWER)
            .unwrap_or_else(|error| panic!("no answer to {method} {address}: {error}"))
    }

    fn authorization(&self, method: &str, address: &str) -> Option<String> {
        let Credentials { user, password, scheme } = self.credentials.as_ref()?;
        let challenge = self.challenges.iter().find(|challenge| match scheme {
            Scheme::Basic => challenge.starts_with("Basic"),
            Scheme::DigestSha256 => challenge.starts_with("Digest") && challenge.contains("SHA-256"),
            Scheme::DigestMd5 => challenge.starts_with("Digest") && !challenge.contains("SHA-256"),
        })?;
        if *scheme == Scheme::Basic {
            let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            return Some(format!("Authorization: Basic {pair}\r\n"));
        }
        let hash = |text: String| match scheme {
            Scheme::DigestSha256 => hex(&sha2::Sha256::digest(text)),
            _ => hex(&md5::Md5::digest(text)),
        };
        let value = |name: &str| {
            let start = challenge.find(&format!("{name}=\""))? + name.len() + 2;
            challenge[start..].split('"').next()
        };
        let (realm, nonce) = (value("realm")?, value("nonce")?);
        let (count, own) = (format!("{:08x}", self.sequence), "0a4f113b");
        let secret = hash(format!("{user}:{realm}:{password}"));
        let what = hash(format!("{method}:{address}"));
        let answer = hash(format!("{secret}:{nonce}:{count}:{own}:auth:{what}"));
        let algorithm = if *scheme == Scheme::DigestSha256 { "SHA-256" } else { "MD5" };
        Some(format!(
            "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{address}\", \
             algorithm={algorithm}, qop=auth, nc={count}, cnonce=\"{own}\", response=\"{answer}\"\r\n"
        ))
    }

    /// Describes the stream and sets up its picture over TCP: the first answer that is no "OK", or the last one.
    pub fn set_up(&mut self) -> u16 {
        self.set_up_by("RTP/AVP/TCP;unicast;interleaved=0-1")
    }

    /// As `set_up`, over what this Transport header says.
    pub fn set_up_by(&mut self, transport: &str) -> u16 {
        let described = self.describe();
        if described.status != 200 {
            return described.status;
        }
        let control = control(&described.body, "video").expect("a picture in the description");
        let track = format!("{}/{control}", self.address.trim_end_matches('/'));
        let set_up = self.request("SETUP", &track, &format!("Transport: {transport}\r\n"));
        set_up.status
    }

    /// Closes the connection.
    pub fn hang_up(&self) {
        self.socket.shutdown(std::net::Shutdown::Both).unwrap();
    }

    /// Describes, sets up and plays the picture. Panics where the server refuses.
    pub fn play(self, transport: Transport) -> Reader {
        self.play_range(transport, "")
    }

    /// As `play`, with a header of PLAY such as `Range: npt=0.000-\r\n`.
    pub fn play_range(self, transport: Transport, headers: &str) -> Reader {
        self.play_track("video", transport, headers)
    }

    /// As `play`, but the sound alone.
    pub fn play_sound(self, transport: Transport) -> Reader {
        self.play_track("audio", transport, "")
    }

    fn play_track(mut self, media: &str, transport: Transport, headers: &str) -> Reader {
        let described = self.describe();
        assert_eq!(described.status, 200, "DESCRIBE {}", self.address);
        let control = control(&described.body, media).expect("a track in the description");
        let base = described.header("Content-Base").unwrap_or(&self.address).trim_end_matches('/').to_owned();
        let track = if control.starts_with("rtsp://") { control } else { format!("{base}/{control}") };
        let udp = (transport == Transport::Udp).then(|| udp_pair_at(self.socket.local_addr().unwrap().ip()));
        let wish = match &udp {
            None => "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned(),
            Some((rtp, rtcp)) => format!("RTP/AVP;unicast;client_port={}-{}", port(rtp), port(rtcp)),
        };
        let set_up = self.request("SETUP", &track, &format!("Transport: {wish}\r\n"));
        assert_eq!(set_up.status, 200, "SETUP {track}");
        let session = set_up.header("Session").expect("a session");
        self.session = Some(session.split(';').next().unwrap().to_owned());
        let open = Arc::new(AtomicBool::new(true));
        let rtp_port = udp.as_ref().map(|(rtp, _)| port(rtp));
        let rtcp = udp.as_ref().map(|(_, rtcp)| {
            let agreed = set_up.header("Transport").and_then(|agreed| agreed.split("server_port=").nth(1));
            let ports = agreed.and_then(|rest| rest.split([';', ',']).next()?.split_once('-'));
            let (_, to) = ports.expect("the server's ports");
            let to = (self.socket.peer_addr().unwrap().ip(), to.parse().expect("a port"));
            (rtcp.try_clone().unwrap(), SocketAddr::from(to))
        });
        for socket in udp.into_iter().flat_map(|(rtp, rtcp)| [rtp, rtcp]) {
            let (to, open) = (self.arrivals.clone(), open.clone());
            thread::spawn(move || take_datagrams(&socket, &to, &open));
        }
        let asked = Instant::now();
        let playing = self.request("PLAY", &base, headers);
        assert_eq!(playing.status, 200, "PLAY {base}");
        let announced = playing.header("RTP-Info").and_then(announced);
        Reader { client: self, base, asked, announced, open, rtp_port, rtcp }
    }
}

/// A client that plays.
pub struct Reader {
    client: Client,
    base: String,
    /// When PLAY was sent.
    pub asked: Instant,
    /// Sequence number and RTP time of the first packet, as the answer to PLAY has them.
    pub announced: Option<(u16, u32)>,
    open: Arc<AtomicBool>,
    rtp_port: Option<u16>,
    /// Over UDP: where reports leave, and where they go.
    rtcp: Option<(UdpSocket, SocketAddr)>,
}

impl Reader {
    /// Everything that came until now.
    pub fn packets(&self) -> Vec<Packet> {
        self.client.arrivals.packets.lock().unwrap().clone()
    }

    /// Forgets what came until now.
    pub fn forget(&self) {
        self.client.arrivals.packets.lock().unwrap().clear();
    }

    /// Waits until such a packet is among those that came.
    pub fn wait_for(&self, what: &str, patience: Duration, wanted: impl Fn(&Packet) -> bool) -> Packet {
        let deadline = Instant::now() + patience;
        let mut packets = self.client.arrivals.packets.lock().unwrap();
        let mut seen = 0;
        loop {
            if let Some(packet) = packets[seen..].iter().find(|packet| wanted(packet)) {
                return *packet;
            }
            seen = packets.len();
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what} within {patience:?}, of {seen} packets");
            packets = self.client.arrivals.more.wait_timeout(packets, left).unwrap().0;
        }
    }

    /// Sends a request of its session.
    pub fn request(&mut self, method: &str) -> u16 {
        let base = self.base.clone();
        self.client.request(method, &base, "").status
    }

    /// Pauses, and after so long plays on.
    pub fn pause(&mut self, period: Duration) {
        assert_eq!(self.request("PAUSE"), 200);
        thread::sleep(period);
        self.forget();
        self.asked = Instant::now();
        let base = self.base.clone();
        let playing = self.client.request("PLAY", &base, "");
        assert_eq!(playing.status, 200, "PLAY {base}");
        self.announced = playing.header("RTP-Info").and_then(announced);
    }

    /// Sends a receiver report without a block, as one that has got nothing yet (RFC 3550, 6.4.2).
    pub fn report(&mut self) {
        const REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 9];
        let sent = match &self.rtcp {
            Some((socket, to)) => socket.send_to(&REPORT, to).map(drop),
            None => self.client.socket.write_all(&[&[b'$', 1, 0, 8], &REPORT[..]].concat()),
        };
        sent.expect("the server takes the report");
    }

    /// Waits until the stream is said to have ended.
    pub fn wait_for_goodbye(&self, patience: Duration) {
        let start = Instant::now();
        while !self.client.arrivals.goodbye.load(Ordering::Relaxed) {
            assert!(start.elapsed() < patience, "no RTCP BYE within {patience:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops reading from the connection, which stays open.
    pub fn stall(&self) {
        self.client.stalled.store(true, Ordering::Relaxed);
    }

    /// Ends the session as RTSP wants it.
    pub fn leave(mut self) {
        let base = self.base.clone();
        assert_eq!(self.client.request("TEARDOWN", &base, "").status, 200, "TEARDOWN {base}");
    }

    /// Closes the connection, and goes on to receive over UDP.
    pub fn hang_up(&self) {
        self.client.hang_up();
    }

    /// Closes the connection without a word; a session on UDP stays with the server.
    pub fn vanish(self) {}
}

impl Reader {
    /// The port of this end of the connection.
    pub fn port(&self) -> u16 {
        self.client.socket.local_addr().unwrap().port()
    }

    /// Reads on, this many bytes a second, after [`Reader::stall`].
    pub fn trickle(&self, bytes: usize) {
        const EACH: Duration = Duration::from_millis(50);
        let mut socket = self.client.socket.try_clone().unwrap();
        let mut some = vec![0; bytes * EACH.as_millis() as usize / 1000];
        thread::spawn(move || {
            while socket.read(&mut some).is_ok_and(|length| length > 0) {
                thread::sleep(EACH);
            }
        });
    }

    /// Ends the connection with a reset, without a FIN, as a program does that crashed.
    pub fn reset(self) {
        rustix::net::connect_unspec(&self.client.socket).unwrap();
    }

    /// Datagrams of RTP that this computer threw away, since the reader did not read fast enough.
    pub fn thrown_away(&self) -> usize {
        let Some(port) = self.rtp_port else { return 0 };
        let table = std::fs::read_to_string("/proc/net/udp").unwrap();
        let port = format!(":{port:04X}");
        let of_socket = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut of_socket = of_socket.filter(|fields| fields[1].ends_with(&port));
        of_socket.next().map_or(0, |fields| fields.last().unwrap().parse().unwrap())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.open.store(false, Ordering::Relaxed);
        // One that is closed already is as good.
        let _ = self.client.socket.shutdown(std::net::Shutdown::Both);
    }
}

/// Host and port of an address.
pub fn host(address: &str) -> &str {
    address.strip_prefix("rtsp://").expect("an address").split('/').next().unwrap()
}

fn take_from(socket: TcpStream, answers: &Sender<Response>, arrivals: &Arrivals, stalled: &AtomicBool) {
    let mut input = BufReader::new(socket);
    loop {
        if stalled.load(Ordering::Relaxed) {
            return;
        }
        let mut head = [0; 4];
        let Ok([first, ..]) = input.fill_buf() else { return };
        if *first == b'$' {
            if input.read_exact(&mut head).is_err() {
                return;
            }
            let mut data = vec![0; u16::from_be_bytes([head[2], head[3]]) as usize];
            if input.read_exact(&mut data).is_err() {
                return;
            }
            // Channel 0 is RTP, 1 is RTCP, as was asked for.
            if head[1] == 0 {
                arrivals.add(&data);
            } else if has_goodbye(&data) {
                arrivals.goodbye.store(true, Ordering::Relaxed);
            }
        } else {
            let Some(answer) = take_answer(&mut input) else { return };
            if answers.send(answer).is_err() {
                return;
            }
        }
    }
}

/// Whether one of the packets of a compound RTCP packet is a BYE (RFC 3550, 6.6).
fn has_goodbye(mut compound: &[u8]) -> bool {
    const GOODBYE: u8 = 203;
    while let [_, kind, high, low, ..] = *compound {
        if kind == GOODBYE {
            return true;
        }
        let words = usize::from(u16::from_be_bytes([high, low])) + 1;
        compound = compound.get(4 * words..).unwrap_or_default();
    }
    false
}

fn take_answer(input: &mut impl BufRead) -> Option<Response> {
    let mut line = String::new();
    input.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut answer = Response { status, headers, body: String::new() };
    if let Some(length) = answer.header("Content-Length") {
        let mut body = vec![0; length.parse().ok()?];
        input.read_exact(&mut body).ok()?;
        answer.body = String::from_utf8(body).ok()?;
    }
    Some(answer)
}

fn take_datagrams(socket: &UdpSocket, arrivals: &Arrivals, open: &AtomicBool) {
    // So that it sees that the reader has gone.
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut data = [0; 65536];
    while open.load(Ordering::Relaxed) {
        let Ok(length) = socket.recv(&mut data) else { continue };
        // RFC 5761, 4: the kinds of RTCP packets are no payload types of RTP.
        if matches!(data[1], 200..=204) {
            if has_goodbye(&data[..length]) {
                arrivals.goodbye.store(true, Ordering::Relaxed);
            }
        } else {
            arrivals.add(&data[..length]);
        }
    }
}

/// What an RTP-Info header (RFC 2326, 12.33) of one stream has.
fn announced(info: &str) -> Option<(u16, u32)> {
    let value = |name| info.split(';').find_map(|part| part.strip_prefix(name));
    Some((value("seq=")?.parse().ok()?, value("rtptime=")?.parse().ok()?))
}

/// Two ports side by side at an address of this computer, the first of them even (RFC 3550, 11).
pub fn udp_pair_at(address: impl Into<IpAddr>) -> (UdpSocket, UdpSocket) {
    let address = address.into();
    loop {
        let first = UdpSocket::bind((address, 0)).unwrap();
        if port(&first).is_multiple_of(2)
            && let Ok(second) = UdpSocket::bind((address, port(&first) + 1))
        {
            // As much as the system gives: a busy machine may leave a reader without its turn for a while.
            rustix::net::sockopt::set_socket_recv_buffer_size(&first, 4 << 20).unwrap();
            return (first, second);
        }
    }
}

/// Connects from one of the many addresses that this computer has, 127.0.0.0/8: a reader that is another one.
pub fn connect_from(own: Ipv4Addr, server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    rustix::net::bind(&socket, &SocketAddr::from((own, 0)))?;
    rustix::net::connect(&socket, &server)?;
    Ok(TcpStream::from(socket))
}

pub fn port(socket: &UdpSocket) -> u16 {
    socket.local_addr().unwrap().port()
}

/// The control attribute of the first track of this kind in a description.
fn control(description: &str, media: &str) -> Option<String> {
    let track = &description[description.find(&format!("m={media}"))?..];
    let track = track[1..].find("\nm=").map_or(track, |end| &track[..=end]);
    track.lines().find_map(|line| line.strip_prefix("a=control:")).map(|control| control.trim().to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The frames of these packets: the arrival of the first packet, and the RTP time, of each.
pub fn frames(packets: &[Packet]) -> Vec<(Instant, u32)> {
    let mut frames: Vec<(Instant, u32)> = Vec::new();
    for packet in packets {
        if frames.last().is_none_or(|(_, time)| *time != packet.time) {
            frames.push((packet.at, packet.time));
        }
    }
    frames
}

/// The steps of RTP time from frame to frame, in units of 1/90000 s; below zero where time ran back.
pub fn steps(packets: &[Packet]) -> Vec<i32> {
    frames(packets).windows(2).map(|pair| pair[1].1.wrapping_sub(pair[0].1) as i32).collect()
}

/// Packets that are missing between those that came.
pub fn lost(packets: &[Packet]) -> usize {
    packets
        .windows(2)
        .map(|pair| pair[1].sequence.wrapping_sub(pair[0].sequence).wrapping_sub(1) as usize)
        .filter(|missing| *missing < 0x8000)
        .sum()
}

/// The longest time without a packet.
pub fn longest_pause(packets: &[Packet]) -> Duration {
    packets.windows(2).map(|pair| pair[1].at - pair[0].at).max().unwrap_or_default()
}
