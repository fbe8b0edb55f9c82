//! What readers wait for, and what serving costs, without a window.

use crate::Extent;
use crate::figures::{Figures, percentile};
use crate::program::{PATIENCE, Program, Stream};
use crate::rtsp::{Client, Reader, Transport};
use std::fs;
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub fn measure(extent: &Extent, figures: &mut Figures) {
    wake_up(extent, figures);
    late_readers(extent, figures);
    for transport in [Transport::Tcp, Transport::Udp] {
        cost_of_readers(transport, extent, figures);
    }
    memory(figures);
    overhead(extent, figures);
}

fn lobby() -> Stream {
    Stream::pattern("lobby", "smpte")
}

fn wake_up(extent: &Extent, figures: &mut Figures) {
    let mut program = Program::start(&[], &[lobby()]);
    let address = program.address("lobby");
    let (mut packets, mut pictures) = (Vec::new(), Vec::new());
    for _ in 0..extent.starts {
        let start = Instant::now();
        let reader = Client::connect(&address).play(Transport::Tcp);
        let first = reader.wait_for("packet", PATIENCE, |_| true);
        // The first picture is the one by which the stream was described; this one is new.
        let new = reader.wait_for("new picture", PATIENCE, |packet| packet.time != first.time);
        packets.push(first.at - start);
        pictures.push(new.at - start);
        let said = program.log().len();
        reader.leave();
        program.wait_for_log("lobby: ready", said);
    }
    program.stop();
    for (what, mut waits, goal) in [("packet", packets, Some(100.0)), ("new picture", pictures, None)] {
        waits.sort();
        let name = format!("connecting to first {what} of a sleeping stream");
        figures.add_milliseconds(format!("{name}, median"), percentile(&waits, 0.5), goal);
        figures.add_milliseconds(format!("{name}, longest"), percentile(&waits, 1.0), None);
    }
}

fn late_readers(extent: &Extent, figures: &mut Figures) {
    let mut program = Program::start(&[], &[lobby()]);
    let address = program.address("lobby");
    let mut readers = vec![awake(&address, Transport::Tcp)];
    let mut waits: Vec<Duration> = (0..extent.readers)
        .map(|number| {
            // At another place between two key frames each time.
            thread::sleep(Duration::from_millis(50 + u64::from(number * 37 % 100)));
            let transport = if number.is_multiple_of(2) { Transport::Tcp } else { Transport::Udp };
            let reader = Client::connect(&address).play(transport);
            let wait = reader.wait_for("key frame", PATIENCE, |packet| packet.key).at - reader.asked;
            readers.push(reader);
            wait
        })
        .collect();
    drop(readers);
    program.stop();
    waits.sort();
    let name = format!("PLAY to first key frame, {} late readers", extent.readers);
    figures.add_milliseconds(format!("{name}, median"), percentile(&waits, 0.5), None);
    figures.add_milliseconds(format!("{name}, 99th percentile"), percentile(&waits, 0.99), Some(100.0));
}

fn awake(address: &str, transport: Transport) -> Reader {
    let reader = Client::connect(address).play(transport);
    reader.wait_for("packet", PATIENCE, |_| true);
    reader
}

fn cost_of_readers(transport: Transport, extent: &Extent, figures: &mut Figures) {
    let mut program = Program::start(&[], &[lobby()]);
    let address = program.address("lobby");
    let first = awake(&address, transport);
    let one = share_of_a_core(program.pid(), extent.seconds);
    let more: Vec<Reader> = (0..extent.readers).map(|_| awake(&address, transport)).collect();
    let all = share_of_a_core(program.pid(), extent.seconds);
    drop((first, more));
    program.stop();
    let hundred = (all - one) * 100.0 / f64::from(extent.readers);
    figures.add(format!("processor time of one reader and the encoder, {transport:?}"), one, "%", None);
    figures.add(format!("processor time of 100 readers more, {transport:?}"), hundred, "%", None);
}

/// In per cent of one core, over some seconds.
fn share_of_a_core(process: u32, seconds: u64) -> f64 {
    let (start, before) = (Instant::now(), processor_time(process));
    thread::sleep(Duration::from_secs(seconds));
    100.0 * (processor_time(process) - before) / start.elapsed().as_secs_f64()
}

/// Seconds that a process has used, of all its threads.
fn processor_time(process: u32) -> f64 {
    /// The kernel counts in these for programs, on every architecture.
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process runs");
    // Fields 14 and 15, counted behind the name, which may have spaces (proc(5)).
    let fields: Vec<&str> = stat[stat.rfind(')').expect("a name") + 2..].split(' ').collect();
    fields[11..=12].iter().map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / TICKS_A_SECOND
}

fn memory(figures: &mut Figures) {
    const MORE: usize = 4;
    let measure = |streams: usize| {
        let names: Vec<String> = (0..streams).map(|number| format!("stream{number}")).collect();
        let streams: Vec<Stream> = names.iter().map(|name| Stream::pattern(name, "smpte")).collect();
        let mut program = Program::start(&[], &streams);
        let addresses: Vec<String> = names.iter().map(|name| program.address(name)).collect();
        let asleep = memory_of(program.pid());
        let readers: Vec<Reader> = addresses.iter().map(|address| awake(address, Transport::Tcp)).collect();
        thread::sleep(Duration::from_secs(2));
        let read = memory_of(program.pid());
        drop(readers);
        program.stop();
        (asleep, read)
    };
    let (one, more) = (measure(1), measure(1 + MORE));
    figures.add("memory of the program with one sleeping stream", one.0, "MB", None);
    figures.add("memory of each further stream, asleep", (more.0 - one.0) / MORE as f64, "MB", None);
    figures.add("memory of each further stream, read", (more.1 - one.1) / MORE as f64, "MB", None);
}

/// The proportional set size, in MB.
fn memory_of(process: u32) -> f64 {
    let maps = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).expect("the process runs");
    let line = maps.lines().find_map(|line| line.strip_prefix("Pss:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1000.0
}

/// Beside a pipeline of the same elements, without Headwater: in turns, so that both have the same machine.
fn overhead(extent: &Extent, figures: &mut Figures) {
    const TURNS: u32 = 3;
    const KBPS: u32 = 4000;
    let picture = format!("size = \"1920x1080\"\nframe_rate = \"30\"\nbitrate_kbps = {KBPS}");
    let (mut served, mut bare) = (0.0, 0.0);
    for _ in 0..TURNS {
        let mut program = Program::start(&[], &[lobby().picture(&picture)]);
        let reader = awake(&program.address("lobby"), Transport::Udp);
        thread::sleep(Duration::from_secs(1));
        served += share_of_a_core(program.pid(), extent.seconds) / f64::from(TURNS);
        drop(reader);
        program.stop();

        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let mut pipeline = bare_pipeline(KBPS, socket.local_addr().expect("bound").port());
        socket.set_read_timeout(Some(PATIENCE)).expect("a time above zero");
        socket.recv(&mut [0; 2000]).expect("the bare pipeline sends");
        thread::sleep(Duration::from_secs(1));
        bare += share_of_a_core(pipeline.id(), extent.seconds) / f64::from(TURNS);
        pipeline.kill().expect("it runs");
        pipeline.wait().expect("it was started");
    }
    figures.add("processor time of a 1080p30 pattern", served, "%", None);
    figures.add("processor time of a 1080p30 pattern, bare pipeline", bare, "%", None);
    figures.add(
        "processor time of a 1080p30 pattern, times that of the bare one",
        served / bare,
        "",
        Some(1.05),
    );
}

/// The elements of a stream and its media, as `engine/pipeline` and `engine/server/factory` set them.
fn bare_pipeline(kbps: u32, port: u16) -> Child {
    let pipeline = format!(
        "videotestsrc is-live=true pattern=smpte ! video/x-raw,format=I420,width=1920,height=1080,framerate=30/1 \
         ! queue max-size-buffers=3 leaky=downstream ! x264enc tune=zerolatency speed-preset=veryfast key-int-max=60 \
         bitrate={kbps} ! video/x-h264,profile=main,stream-format=byte-stream ! h264parse \
         ! rtph264pay config-interval=-1 aggregate-mode=zero-latency ! udpsink host=127.0.0.1 port={port}"
    );
    Command::new("gst-launch-1.0")
        .arg("-q")
        .args(pipeline.split_whitespace())
        .stdin(Stdio::null())
        .spawn()
        .expect("gst-launch-1.0 is installed")
}
