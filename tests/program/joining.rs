//! A reader that joins or leaves is not noticed by the others.

use crate::program::{PATIENCE, Program, Stream, alone, data, finish, words};
use crate::rtsp::{Client, Reader, Transport, longest_pause, lost, steps};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Two frames of 25 fps, in units of RTP time.
const TWO_FRAMES: i32 = 2 * 3600;

/// What ffmpeg sends with PLAY; a library that takes it for a wish to seek rewinds everybody.
const FROM_THE_START: &str = "Range: npt=0.000-\r\n";

pub fn undisturbed(reader: &Reader) {
    let packets = reader.packets();
    assert_eq!(lost(&packets), 0, "packets were lost");
    let wrong: Vec<_> = steps(&packets).into_iter().filter(|step| !(1..=TWO_FRAMES).contains(step)).collect();
    assert!(wrong.is_empty(), "RTP time made steps of {wrong:?}");
    let pause = longest_pause(&packets);
    assert!(pause < Duration::from_millis(200), "nothing came for {pause:?}");
}

fn joining_disturbs_nobody(stream: Stream) {
    let _turn = alone();
    let mut program = Program::start(&[], &[stream]);
    let address = program.address("lobby");
    for transport in [Transport::Tcp, Transport::Udp] {
        let reader = Client::connect(&address).play(transport);
        reader.wait_for("packet", PATIENCE, |_| true);
        // Long enough that a seek to the start is seen.
        thread::sleep(Duration::from_secs(2));
        for _ in 0..5 {
            let other = Client::connect(&address).play_range(Transport::Tcp, FROM_THE_START);
            other.wait_for("packet", PATIENCE, |_| true);
            other.leave();
        }
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-loglevel", "error", "-i", &address, "-t", "1", "-f", "null", "-"]);
        let output = finish(ffmpeg, "");
        assert!(output.status.success(), "ffmpeg: {}", words(&output));
        undisturbed(&reader);
        reader.leave();
    }
    program.stop();
}

#[test]
fn ffmpeg_joining_a_pattern_leaves_the_time_of_others_alone() {
    joining_disturbs_nobody(Stream::pattern("lobby", "ball"));
}

#[test]
fn ffmpeg_joining_a_file_leaves_the_time_of_others_alone() {
    joining_disturbs_nobody(Stream::file("lobby", &data("bigbuckbunny.mp4")));
}
