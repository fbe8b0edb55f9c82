//! A bad reader hurts nobody: what one does is compared with readers beside it, and those with a reader of another
//! stream. It is gone soon, and leaves nothing behind.

mod requests;
mod slow;
mod storms;
mod vanished;

use crate::program::{PATIENCE, Program, Stream};
use crate::rtsp::{Client, Packet, Reader, Transport, longest_pause, lost};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// 20 Mbit/s.
const SNOW: &str = "size = \"640x480\"\nframe_rate = \"25\"\nbitrate_kbps = 20000";
/// Bytes in a second of that.
const SNOW_BYTES: usize = 20_000_000 / 8;
/// Within this a bad reader has to be gone.
const GONE: Duration = Duration::from_secs(15);
/// What this machine needs to notice it.
const NOTICED: Duration = Duration::from_secs(2);

/// The stream that is disturbed, and the one that is not.
fn streams() -> Vec<Stream> {
    vec![Stream::pattern("snow", "snow").picture(SNOW), Stream::pattern("control", "ball")]
}

/// Readers that do nothing bad.
struct Healthy {
    tcp: Reader,
    udp: Reader,
    control: Reader,
}

impl Healthy {
    fn join(program: &mut Program) -> Self {
        let play = |address: &str, transport| {
            let reader = Client::connect(address).play(transport);
            reader.wait_for("packet", PATIENCE, |_| true);
            reader
        };
        let (snow, control) = (program.address("snow"), program.address("control"));
        Self {
            tcp: play(&snow, Transport::Tcp),
            udp: play(&snow, Transport::Udp),
            control: play(&control, Transport::Tcp),
        }
    }

    /// Nothing is missing of what they got until now, and they waited no longer for it than the control did.
    fn assert_unharmed(&self) {
        // A busy machine lets everybody wait; the frames of the large stream take longer to be encoded.
        const SLACK: Duration = Duration::from_millis(300);
        // Until now, so that one that gets nothing any more is seen.
        let longest = |packets: &[Packet]| {
            longest_pause(packets).max(packets.last().map_or(PATIENCE, |packet| packet.at.elapsed()))
        };
        let control = longest(&self.control.packets());
        for (name, reader) in [("TCP", &self.tcp), ("UDP", &self.udp)] {
            let packets = reader.packets();
            // What this computer had no room for had been sent.
            let missing = lost(&packets).saturating_sub(reader.thrown_away());
            assert_eq!(missing, 0, "the reader on {name} lost packets, of {}", packets.len());
            let pause = longest(&packets);
            assert!(
                pause < 2 * control + SLACK,
                "the reader on {name} waited {pause:?}, where the control waited {control:?}"
            );
            eprintln!("{name}: {} packets, longest pause {pause:?}, control {control:?}", packets.len());
        }
    }

    fn leave(self) {
        for reader in [self.tcp, self.udp, self.control] {
            reader.leave();
        }
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    descriptors: usize,
    threads: usize,
    /// Resident, in kB.
    memory: usize,
}

impl Held {
    fn by(program: &Program) -> Self {
        let process = format!("/proc/{}", program.pid());
        let entries = |folder| fs::read_dir(format!("{process}/{folder}")).unwrap().count();
        let status = fs::read_to_string(format!("{process}/status")).unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        Self {
            descriptors: entries("fd"),
            threads: entries("task"),
            memory: memory.split_whitespace().next().unwrap().parse().unwrap(),
        }
    }

    /// Waits until no more descriptors and threads are held than before, but for those that pools keep for a while.
    fn wait_for_return(program: &Program, before: Self) -> Self {
        // GLib keeps eight that are unused, the library four for requests, and sessions are ended on some more. What
        // each reader leaves behind is many times that.
        const POOLED: usize = 24;
        let start = Instant::now();
        loop {
            let now = Self::by(program);
            if now.descriptors <= before.descriptors && now.threads <= before.threads + POOLED {
                return now;
            }
            let names = || thread_names(program);
            assert!(start.elapsed() < PATIENCE, "{before:?} before, {now:?} after: {}", names());
            thread::sleep(Duration::from_millis(100));
        }
    }
}

fn thread_names(program: &Program) -> String {
    let tasks = fs::read_dir(format!("/proc/{}/task", program.pid())).unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    let mut names: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
    names.sort();
    names.join(", ")
}

/// Waits until the server has no connection to any of these ports of this computer.
fn wait_until_gone(program: &Program, ports: &[u16], since: Instant) {
    loop {
        let open: Vec<u16> =
            connected_ports(program).into_iter().filter(|port| ports.contains(port)).collect();
        if open.is_empty() {
            return;
        }
        assert!(since.elapsed() < GONE + NOTICED, "{} of {} are still there", open.len(), ports.len());
        thread::sleep(Duration::from_millis(100));
    }
}

/// The other ends of the TCP connections that a program holds.
pub fn connected_ports(program: &Program) -> Vec<u16> {
    const LISTENING: &str = "0A";
    let pid = program.pid();
    let sockets: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap();
    let connections = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    connections
        .filter(|fields| fields[3] != LISTENING && sockets.iter().any(|socket| socket == fields[9]))
        .map(|fields| u16::from_str_radix(fields[2].rsplit(':').next().unwrap(), 16).unwrap())
        .collect()
}
