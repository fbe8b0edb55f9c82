//! A mount that never dies: readers get pictures while the source is lost, and nobody connects again.

use crate::program::{Home, PATIENCE, Program, Stream, alone, config, data, finish};
use crate::rtsp::{Client, Reader, Transport, longest_pause, lost, steps};
use rustix::process::Signal;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// What a change from the source to the slate, or back, may take beside noticing that one is due.
pub const SWITCH: Duration = Duration::from_millis(500);

/// The light of a picture that somebody sees who comes now, in luma from 0 to 255.
pub fn light(address: &str) -> f64 {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", address]);
    // The first picture of a sleeping stream is that by which it was described.
    command.args(["-frames:v", "10", "-vf", "scale=64:36", "-pix_fmt", "gray", "-f", "rawvideo", "-"]);
    let output = finish(command, "");
    let picture = output.stdout.rchunks_exact(64 * 36).next().expect("ten pictures");
    picture.iter().map(|luma| f64::from(*luma)).sum::<f64>() / picture.len() as f64
}

/// Waits until so many pictures more came.
pub fn wait_for_pictures(reader: &Reader, number: usize) {
    let start = Instant::now();
    let before = steps(&reader.packets()).len();
    while steps(&reader.packets()).len() < before + number {
        assert!(start.elapsed() < PATIENCE, "no more pictures");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Nothing was lost on the way, and time went on.
pub fn went_on(reader: &Reader) {
    let packets = reader.packets();
    assert_eq!(lost(&packets), 0);
    let back = steps(&packets).into_iter().filter(|step| *step <= 0).count();
    assert_eq!(back, 0, "time ran back, of {} packets", packets.len());
}

#[test]
fn readers_of_a_file_that_is_gone_get_its_last_picture_until_it_is_back() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let (file, aside) = (folder.path().join("film.mp4"), folder.path().join("aside.mp4"));
    let broken = folder.path().join("break.png");
    fs::copy(data("bigbuckbunny.mp4"), &file).unwrap();
    fs::write(&broken, "no picture").unwrap();
    let small = "size = \"320x180\"\nframe_rate = \"25\"";
    let streams = [
        Stream::file("film", &file).picture(small),
        // Its own picture cannot be shown: the last one is.
        Stream::file("own", &file).picture(small).lines(&format!("slate.picture = {broken:?}")),
        Stream::pattern("control", "ball").picture(small),
    ];
    let mut program = Program::start(&[], &streams);
    let [film, own, control] = ["film", "own", "control"].map(|stream| program.address(stream));
    let readers = [(&film, Transport::Tcp), (&film, Transport::Udp), (&own, Transport::Tcp)]
        .map(|(address, transport)| Client::connect(address).play(transport));
    let undisturbed = Client::connect(&control).play(Transport::Tcp);
    for reader in readers.iter().chain([&undisturbed]) {
        reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    }
    let bright = light(&film);

    fs::rename(&file, &aside).unwrap();
    for stream in ["film", "own"] {
        program.wait_for_log(&format!("{stream}: trying again"), 0);
    }
    readers.iter().for_each(|reader| wait_for_pictures(reader, 50));
    // Whoever comes now gets it too.
    for address in [&film, &own] {
        let dark = light(address);
        assert!(dark < 0.8 * bright && dark > 16.0, "light {dark:.1}, where it was {bright:.1}");
    }

    let gone = program.log().len();
    fs::rename(&aside, &file).unwrap();
    for stream in ["film", "own"] {
        program.wait_for_log(&format!("{stream}: live"), gone);
    }
    readers.iter().for_each(|reader| wait_for_pictures(reader, 50));
    let back = light(&film);
    assert!(back > 0.8 * bright, "light {back:.1}, where it was {bright:.1}");
    let usual = longest_pause(&undisturbed.packets());
    for reader in &readers {
        went_on(reader);
        let pause = longest_pause(&reader.packets());
        assert!(pause < usual + SWITCH, "a pause of {pause:?}, where others had {usual:?}");
    }
    readers.into_iter().for_each(|reader| reader.leave());
    program.stop();
}

#[test]
fn a_source_that_says_nothing_is_lost_after_the_time_that_is_set() {
    let _turn = alone();
    let small = "size = \"320x240\"\nframe_rate = \"25\"";
    let mut origin = Program::start(&[], &[Stream::pattern("ball", "ball").picture(small)]);
    let address = origin.address("ball");
    let relay = |id: &str, seconds: u32| {
        let lines = format!("lost_after_seconds = {seconds}");
        Stream::relay(id, &address, ", transport = \"tcp\"").picture(small).lines(&lines)
    };
    let mut program = Home::new(&config(&[], &[relay("soon", 1), relay("later", 3)])).serve();
    let readers = [("soon", 1), ("later", 3)].map(|(stream, seconds)| {
        let reader = Client::connect(&program.address(stream)).play(Transport::Tcp);
        (stream, Duration::from_secs(seconds), reader)
    });
    for (_, _, reader) in &readers {
        wait_for_pictures(reader, 25);
    }
    for (_, _, reader) in &readers {
        reader.forget();
        // The pause begins behind it.
        reader.wait_for("packet", PATIENCE, |_| true);
    }
    origin.signal(Signal::STOP);
    for (stream, _, reader) in &readers {
        program.wait_for_log(&format!("{stream}: trying again"), 0);
        wait_for_pictures(reader, 25);
    }
    let away = program.log().len();
    origin.signal(Signal::CONT);
    for (stream, seconds, reader) in &readers {
        program.wait_for_log(&format!("{stream}: live"), away);
        wait_for_pictures(reader, 25);
        went_on(reader);
        let pause = longest_pause(&reader.packets());
        // It is looked at four times a second; and a busy machine is late.
        assert!(pause > *seconds && pause < *seconds + 2 * SWITCH, "{stream}: a pause of {pause:?}");
    }
    readers.into_iter().for_each(|(_, _, reader)| reader.leave());
    program.stop();
    origin.stop();
}
