//! Every player that Headwater is made for decodes its streams without a word of complaint.

use crate::players::{self, seconds};
use crate::program::{Program, Stream, data, shared};
use std::time::Duration;

fn read(stream: Stream, player: impl FnOnce(&str)) {
    let _turn = shared();
    let mut program = Program::start(&[], &[stream]);
    player(&program.address("lobby"));
    program.stop();
}

fn ball() -> Stream {
    Stream::pattern("lobby", "ball")
}

fn film() -> Stream {
    Stream::file("lobby", &data("bigbuckbunny.mp4"))
}

/// A player counts so many seconds of RTP time. A busy machine leaves pictures out, a stream that stands has none.
fn enough(pictures: u64) {
    let expected = 25 * seconds();
    assert!(pictures * 4 >= expected * 3, "{pictures} of {expected} pictures");
}

#[test]
fn ffmpeg_reads_a_pattern_over_tcp() {
    read(ball(), |address| enough(players::ffmpeg(address, "tcp")));
}

#[test]
fn ffmpeg_reads_a_pattern_over_udp() {
    read(ball(), |address| enough(players::ffmpeg(address, "udp")));
}

#[test]
fn ffmpeg_reads_a_file_over_tcp() {
    read(film(), |address| enough(players::ffmpeg(address, "tcp")));
}

#[test]
fn ffmpeg_reads_a_file_over_udp() {
    read(film(), |address| enough(players::ffmpeg(address, "udp")));
}

#[test]
fn ffmpeg_reads_mjpeg() {
    let mjpeg = || ball().picture("size = \"640x360\"\nframe_rate = \"25\"\ncodec = \"mjpeg\"");
    read(mjpeg(), |address| enough(players::ffmpeg(address, "tcp")));
    read(mjpeg(), |address| enough(players::ffmpeg(address, "udp")));
}

#[test]
fn ffprobe_finds_the_picture_that_was_asked_for() {
    let odd = ball().picture("size = \"641x361\"\nframe_rate = \"30000/1001\"");
    read(odd, |address| {
        for transport in ["tcp", "udp"] {
            let found = players::ffprobe(address, transport);
            for line in ["codec_name=h264", "avg_frame_rate=30000/1001"] {
                assert!(found.contains(line), "{line} is not in {found}");
            }
            // Encoders take even sizes only.
            let [width, height] = ["width=", "height="].map(|name| number_after(&found, name));
            assert!([640, 642].contains(&width) && [360, 362].contains(&height), "{width}x{height}");
        }
    });
}

fn number_after(text: &str, name: &str) -> u32 {
    text.lines().find_map(|line| line.strip_prefix(name)).and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[test]
fn gstreamer_reads_over_tcp() {
    read(ball(), |address| players::gstreamer(address, "tcp"));
}

#[test]
fn gstreamer_reads_over_udp() {
    read(film(), |address| players::gstreamer(address, "udp"));
}

#[test]
fn mpv_reads_over_tcp() {
    read(film(), |address| players::mpv(address, "tcp"));
}

#[test]
fn mpv_reads_over_udp() {
    read(ball(), |address| players::mpv(address, "udp"));
}

#[test]
fn opencv_reads_over_tcp() {
    read(ball(), |address| players::opencv(address, "tcp"));
}

#[test]
fn opencv_reads_over_udp() {
    read(film(), |address| players::opencv(address, "udp"));
}

#[test]
fn the_clock_is_seen_in_its_corner_and_goes() {
    const WIDTH: usize = 640;
    let black = Stream::pattern("lobby", "black").picture("size = \"640x360\"\nframe_rate = \"25\"");
    read(black.clock("top-right"), |address| {
        let first = players::picture(address, Duration::ZERO);
        let second = players::picture(address, Duration::from_millis(1200));
        assert_eq!(first.len(), WIDTH * 360);
        let bright: Vec<usize> = (0..first.len()).filter(|at| first[*at] > 128).collect();
        assert!(bright.len() > 100, "{} bright points", bright.len());
        let elsewhere = bright.iter().filter(|at| **at % WIDTH < WIDTH / 2 || **at / WIDTH > 180).count();
        assert_eq!(elsewhere, 0, "points of the clock outside its quarter of the picture");
        assert_ne!(first, second, "the clock stands");
    });
}

#[test]
fn every_frame_of_a_pattern_with_a_clock_shows_another_time() {
    let black = Stream::pattern("lobby", "black").picture("size = \"640x360\"\nframe_rate = \"25\"");
    read(black.of_source("clock = true"), |address| {
        let pictures = players::pictures(address, 25);
        for (number, pair) in pictures.windows(2).enumerate() {
            let changed =
                pair[0].iter().zip(&pair[1]).filter(|(one, other)| one.abs_diff(**other) > 100).count();
            assert!(changed > 50, "{changed} points of picture {number} are others in the next");
        }
    });
}
