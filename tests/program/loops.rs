//! Files are played for ever, and nobody can tell where they begin.

use crate::program::{Program, Stream, alone, data, finish, words};
use crate::rtsp::{Client, Packet, Transport, frames, lost, steps};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Units of RTP time in a second.
const SECOND: f64 = 90_000.0;

/// The share of pictures that a machine which does other things may leave out, here and there. Three frames at each
/// loop point would be more.
const LEFT_OUT: f64 = 0.02;

/// Time only rises, by a frame each time, and as fast as the clock on the wall.
pub fn assert_continuous(packets: &[Packet], frame_rate: f64) {
    assert_eq!(lost(packets), 0, "packets were lost");
    let frame = SECOND / frame_rate;
    let steps = steps(packets);
    assert!(steps.iter().all(|step| *step > 0), "RTP time ran back: {steps:?}");
    // The first picture is the one that the stream was described by; it may be older.
    let long: Vec<_> = steps
        .iter()
        .map(|step| f64::from(*step))
        .enumerate()
        .skip(1)
        .filter(|(_, step)| *step > 2.1 * frame)
        .collect();
    let left_out: f64 = long.iter().map(|(_, step)| step / frame - 1.0).sum();
    assert!(left_out <= LEFT_OUT * steps.len() as f64, "long steps, where a frame is {frame}: {long:?}");
    assert!(long.iter().all(|(_, step)| *step < 0.2 * SECOND), "a gap: {long:?}, where a frame is {frame}");
    let frames = frames(packets);
    let (first, last) = (frames.first().unwrap(), frames.last().unwrap());
    let rtp = f64::from(last.1.wrapping_sub(first.1)) / SECOND;
    let wall = (last.0 - first.0).as_secs_f64();
    assert!((rtp - wall).abs() < 0.5, "{rtp} s of RTP time came in {wall} s");
}

#[test]
fn the_time_of_a_file_only_rises_over_four_loops() {
    let _turn = alone();
    const LENGTH: f64 = 5.28;
    let mut program = Program::start(&[], &[Stream::file("film", &data("bigbuckbunny.mp4"))]);
    let reader = Client::connect(&program.address("film")).play(Transport::Tcp);
    let start = reader.wait_for("packet", Duration::from_secs(10), |_| true).time;
    let end = (4.2 * LENGTH * SECOND) as u32;
    reader.wait_for("fifth loop", Duration::from_secs(40), |packet| {
        let time = packet.time.wrapping_sub(start);
        time > end && time < end * 2
    });
    assert_continuous(&reader.packets(), 25.0);
    reader.leave();
    program.stop();
}

/// A clip, or a picture, made for the test, with these arguments for ffmpeg's test source and its encoder.
pub fn clip(at: &Path, source: &str, options: &[&str]) {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", source]).args(options).arg(at);
    let output = finish(command, "");
    assert!(output.status.success(), "ffmpeg: {}", words(&output));
}

#[test]
fn files_of_every_frame_rate_and_name_loop_without_a_jump() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let clips = [
        (
            "ntsc",
            "29.97 #1 50%.mp4",
            "testsrc2=size=320x240:rate=30000/1001:duration=1.5",
            &[][..],
            30000.0 / 1001.0,
        ),
        ("fast", "schnell – быстро – 速い.mkv", "testsrc2=size=320x240:rate=60:duration=1.5", &[], 60.0),
        // Every third frame is missing: the longest step is two frames of 30 fps.
        (
            "variable",
            "variable.mp4",
            "testsrc2=size=320x240:rate=30:duration=2,select='mod(n\\,3)'",
            &["-fps_mode", "vfr"],
            15.0,
        ),
        ("deep", "10 bit.mkv", "testsrc2=size=320x240:rate=25:duration=1.5,format=yuv420p10le", &[], 25.0),
        (
            "webm",
            "vp9.webm",
            "testsrc2=size=320x240:rate=25:duration=1.5",
            &["-c:v", "libvpx-vp9", "-deadline", "realtime"],
            25.0,
        ),
    ];
    let streams: Vec<Stream> = clips
        .iter()
        .map(|(id, name, source, options, _)| {
            let file = folder.path().join(name);
            clip(&file, source, options);
            Stream::file(id, &file).picture("codec = \"h264\"")
        })
        .collect();
    let mut program = Program::start(&[], &streams);
    let readers: Vec<_> = clips
        .iter()
        .map(|(id, .., frame_rate)| (Client::connect(&program.address(id)).play(Transport::Tcp), frame_rate))
        .collect();
    for (reader, _) in &readers {
        reader.wait_for("packet", Duration::from_secs(10), |_| true);
    }
    // Four loops of the longest.
    thread::sleep(Duration::from_secs(9));
    for (reader, frame_rate) in readers {
        assert_continuous(&reader.packets(), *frame_rate);
        reader.leave();
    }
    program.stop();
}

#[test]
fn several_files_follow_one_another_without_a_jump() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("red.mp4", "color=red:size=320x240:rate=25:duration=1"),
        ("blue.mp4", "color=blue:size=480x360:rate=30:duration=1"),
    ]
    .map(|(name, source)| {
        let file = folder.path().join(name);
        clip(&file, source, &["-pix_fmt", "yuv420p"]);
        file
    });
    let stream = Stream::files("both", &files).picture("size = \"320x240\"\nframe_rate = \"25\"");
    let mut program = Program::start(&[], &[stream]);
    let reader = Client::connect(&program.address("both")).play(Transport::Tcp);
    reader.wait_for("packet", Duration::from_secs(10), |_| true);
    thread::sleep(Duration::from_secs(6));
    assert_continuous(&reader.packets(), 25.0);
    reader.leave();
    program.stop();
}
