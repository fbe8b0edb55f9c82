//! What keeps a session, and what ends it. Sessions last seconds here instead of a minute.

use crate::config::*;
use crate::engine::{Engine, Stream, StreamState};
use gio::prelude::*;
use gst_rtsp_server::prelude::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// Of a session, in seconds: long enough that a busy machine does not end one that is kept.
const TIMEOUT: u32 = 6;
/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(1);
/// How long they are given: more than a session lasts, and than one of the library's own signs can come late.
const WATCHED: Duration = Duration::from_secs(15);
/// How long anything may take that is awaited.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Request(&'static str),
    /// A receiver report, by UDP or within the connection.
    Report,
    Nothing,
}

const SIGNS: [Sign; 5] = [
    Sign::Request("OPTIONS"),
    Sign::Request("GET_PARAMETER"),
    Sign::Request("SET_PARAMETER"),
    Sign::Report,
    Sign::Nothing,
];

/// A reader that plays, and does no more than it is told.
struct Player {
    connection: TcpStream,
    session: String,
    url: String,
    sequence: u32,
    sign: Sign,
    /// Ours, and the server's for RTCP, where packets come by UDP.
    udp: Option<(UdpSocket, UdpSocket, u16)>,
    ssrc: u32,
}

/// RTP and RTCP: an even port and the next one.
fn udp_pair() -> (UdpSocket, UdpSocket) {
    loop {
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = rtp.local_addr().unwrap().port();
        if port % 2 == 0
            && let Ok(rtcp) = UdpSocket::bind(("127.0.0.1", port + 1))
        {
            rtp.set_nonblocking(true).unwrap();
            return (rtp, rtcp);
        }
    }
}

impl Player {
    fn new(port: u16, sign: Sign, by_udp: bool) -> Self {
        let connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let url = format!("rtsp://127.0.0.1:{port}/ball");
        let pair = by_udp.then(udp_pair);
        let transport = match &pair {
            Some((rtp, _)) => {
                let port = rtp.local_addr().unwrap().port();
                format!("RTP/AVP;unicast;client_port={port}-{}", port + 1)
            }
            None => "RTP/AVP/TCP;unicast;interleaved=0-1".into(),
        };
        let mut player =
            Self { connection, session: String::new(), url, sequence: 0, sign, udp: None, ssrc: 0 };
        player.ask("DESCRIBE", "");
        let answer = player.ask("SETUP", &format!("Transport: {transport}\r\n"));
        let part = |name: &str| {
            let start = answer.find(name).map(|start| start + name.len());
            start.map(|start| answer[start..].split([';', '-', '\r']).next().unwrap().trim())
        };
        player.ssrc = u32::from_str_radix(part("ssrc=").unwrap(), 16).unwrap();
        player.udp = pair.map(|(rtp, rtcp)| {
            let to: u16 = part("server_port=").unwrap().parse().unwrap();
            (rtp, rtcp, to + 1)
        });
        let session = answer.lines().find_map(|line| line.strip_prefix("Session: ")).unwrap();
        player.session = session.split(';').next().unwrap().trim().into();
        player.ask("PLAY", "");
        // What comes is not looked at, but has to be taken.
        let mut taken = player.connection.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 1 << 16];
            while matches!(taken.read(&mut bytes), Ok(1..)) {}
        });
        player
    }

    fn send(&mut self, method: &str, headers: &str) {
        self.sequence += 1;
        let session = match self.session.as_str() {
            "" => String::new(),
            session => format!("Session: {session}\r\n"),
        };
        let url = if method == "SETUP" { format!("{}/stream=0", self.url) } else { self.url.clone() };
        let sequence = self.sequence;
        let request = format!("{method} {url} RTSP/1.0\r\nCSeq: {sequence}\r\n{session}{headers}\r\n");
        let _ = self.connection.write_all(request.as_bytes());
    }

    /// The head of the answer, before anything is played.
    fn ask(&mut self, method: &str, headers: &str) -> String {
        self.send(method, headers);
        let mut input = BufReader::with_capacity(1, &self.connection);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(input.read_line(&mut head).unwrap() > 0, "{method}: {head}");
        }
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        input.read_exact(&mut body).unwrap();
        assert!(head.starts_with("RTSP/1.0 200"), "{method}: {head}");
        head
    }

    fn give_sign(&mut self) {
        match self.sign {
            Sign::Nothing => {}
            Sign::Request(method) => self.send(method, ""),
            Sign::Report => {
                let report = self.report();
                match &self.udp {
                    Some((_, rtcp, port)) => drop(rtcp.send_to(&report, ("127.0.0.1", *port))),
                    None => {
                        let mut packet = vec![b'$', 1, 0, report.len() as u8];
                        packet.extend(report);
                        let _ = self.connection.write_all(&packet);
                    }
                }
            }
        }
    }

    /// A receiver report on the server's source, and a name (RFC 3550, sections 6.4.2 and 6.5).
    fn report(&self) -> Vec<u8> {
        // Each program has its own; two with the same would be a collision.
        let own = (std::ptr::from_ref(self) as u32).to_be_bytes();
        let mut report = vec![0x81, 201, 0, 7];
        report.extend(own);
        report.extend(self.ssrc.to_be_bytes());
        report.extend([0; 20]);
        report.extend([0x81, 202, 0, 3]);
        report.extend(own);
        report.extend([1, 2, b'm', b'e', 0, 0, 0, 0]);
        report
    }

    /// Forgets what came by UDP until now.
    fn drain(&self) -> bool {
        let Some((rtp, ..)) = &self.udp else { return false };
        let mut any = false;
        while rtp.recv(&mut [0; 2000]).is_ok() {
            any = true;
        }
        any
    }
}

/// Starts a stream, and lets a test talk to its server on another thread.
fn with_engine(test: impl FnOnce(u16, &dyn Fn() -> Vec<String>) + Send + 'static) {
    let context = glib::MainContext::default();
    let served = context.with_thread_default(|| {
        context.block_on(async {
            let engine = Engine::new().unwrap();
            let sessions = engine.server().sessions.clone();
            engine.server().server.connect_client_connected(|_, client| {
                client.connect_new_session(|_, session| {
                    session.set_timeout(TIMEOUT);
                    session.set_property("extra-timeout", 0u32);
                });
            });
            let mut config = Config::first();
            config.server.port = 0;
            config.streams[0].path = "/ball".into();
            config.streams[0].renditions[0].size = Size::Pixels { width: 160, height: 120 };
            engine.apply(&config, &Passwords::default());
            let stream = engine.streams().item(0).and_downcast::<Stream>().unwrap();
            let (sender, states) = async_channel::unbounded();
            stream.connect_state_notify(move |stream| drop(sender.try_send(stream.state())));
            while stream.state() != StreamState::Ready {
                states.recv().await.unwrap();
            }
            let port = engine.places().likely().unwrap().port;
            let tested = blocking::unblock(move || {
                let alive = move || {
                    let all = sessions.filter(None);
                    all.iter().filter_map(|session| session.sessionid()).map(String::from).collect()
                };
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(port, &alive)))
            })
            .await;
            engine.stop().await;
            tested
        })
    });
    if let Err(panic) = served.unwrap() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn each_sign_of_life_keeps_a_session_and_without_any_it_ends_over_udp() {
    with_engine(|port, alive| {
        let mut players: Vec<Player> = SIGNS
            .iter()
            .flat_map(|sign| [true, false].map(|by_udp| Player::new(port, *sign, by_udp)))
            .collect();
        let start = Instant::now();
        while start.elapsed() < WATCHED {
            players.iter_mut().for_each(Player::give_sign);
            std::thread::sleep(BEAT);
        }
        // Whoever takes packets off a connection is there: that is a sign of its own.
        let is_silent = |player: &Player| player.sign == Sign::Nothing && player.udp.is_some();
        let sessions = alive();
        for player in players.iter().filter(|player| !is_silent(player)) {
            let way = if player.udp.is_some() { "UDP" } else { "TCP" };
            assert!(sessions.contains(&player.session), "{:?} over {way} did not keep it", player.sign);
        }
        // It is cleared away every other second; packets stop with it.
        let silent: Vec<_> = players.iter().filter(|player| is_silent(player)).collect();
        let start = Instant::now();
        while alive().iter().any(|session| silent.iter().any(|player| player.session == *session)) {
            assert!(start.elapsed() < PATIENCE, "the silent ones are still there");
            std::thread::sleep(Duration::from_millis(100));
        }
        for player in silent {
            player.drain();
            std::thread::sleep(BEAT);
            assert!(!player.drain(), "packets of a session that has ended");
        }
    });
}
