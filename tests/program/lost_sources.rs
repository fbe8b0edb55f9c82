//! A stream whose source is lost says so, and is nobody else's trouble.

use crate::program::{PATIENCE, Program, Stream, alone, data, shared};
use crate::rtsp::{Client, Transport, longest_pause};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_missing_file_is_answered_503_within_a_second() {
    let _turn = alone();
    let streams = [Stream::file("film", Path::new("/nowhere/film.mp4")), Stream::pattern("lobby", "ball")];
    let mut program = Program::start(&[], &streams);
    let lobby = program.address("lobby");
    let film = lobby.replace("lobby", "film");
    program.wait_for_log("/nowhere/film.mp4", 0);
    for _ in 0..3 {
        let start = Instant::now();
        let status = Client::connect(&film).describe().status;
        assert_eq!(status, 503);
        assert!(start.elapsed() < Duration::from_secs(1), "answered after {:?}", start.elapsed());
    }
    program.stop();
}

#[test]
fn ten_requests_for_a_dead_stream_leave_a_healthy_reader_alone() {
    let _turn = alone();
    let streams = [Stream::file("film", Path::new("/nowhere/film.mp4")), Stream::pattern("lobby", "ball")];
    let mut program = Program::start(&[], &streams);
    let lobby = program.address("lobby");
    let film = lobby.replace("lobby", "film");
    let readers = [Transport::Tcp, Transport::Udp].map(|transport| Client::connect(&lobby).play(transport));
    for reader in &readers {
        reader.wait_for("packet", PATIENCE, |_| true);
        reader.forget();
    }
    thread::sleep(Duration::from_secs(3));
    // Without the requests: the control.
    let before = readers.each_ref().map(|reader| longest_pause(&reader.packets()));
    readers.iter().for_each(|reader| reader.forget());
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| assert_eq!(Client::connect(&film).describe().status, 503));
        }
    });
    thread::sleep(Duration::from_secs(2));
    let during = readers.each_ref().map(|reader| longest_pause(&reader.packets()));
    for (before, during) in before.iter().zip(during) {
        assert!(
            during < *before + Duration::from_millis(100),
            "a pause of {during:?}, where it was {before:?}"
        );
    }
    readers.into_iter().for_each(|reader| reader.leave());
    program.stop();
}

#[test]
fn a_file_that_is_deleted_is_missed_and_taken_back() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let (file, aside) = (folder.path().join("film.mp4"), folder.path().join("aside.mp4"));
    fs::copy(data("bigbuckbunny.mp4"), &file).unwrap();
    let streams = [Stream::file("film", &file).lines("slate = \"off\""), Stream::pattern("lobby", "ball")];
    let mut program = Program::start(&[], &streams);
    let film = program.address("film");
    let other = Client::connect(&program.address("lobby")).play(Transport::Tcp);
    let reader = Client::connect(&film).play(Transport::Tcp);
    reader.wait_for("packet", PATIENCE, |_| true);
    other.wait_for("packet", PATIENCE, |_| true);

    fs::rename(&file, &aside).unwrap();
    program.wait_for_log("does not exist", 0);
    let start = Instant::now();
    assert_eq!(Client::connect(&film).describe().status, 503);
    assert!(start.elapsed() < Duration::from_secs(1), "answered after {:?}", start.elapsed());

    fs::rename(&aside, &file).unwrap();
    let back = Instant::now();
    while Client::connect(&film).describe().status != 200 {
        assert!(back.elapsed() < 2 * PATIENCE, "the stream did not return; the log:\n{}", program.log());
        thread::sleep(Duration::from_millis(250));
    }
    let again = Client::connect(&film).play(Transport::Tcp);
    again.wait_for("key frame", PATIENCE, |packet| packet.key);

    let pause = longest_pause(&other.packets());
    assert!(pause < Duration::from_millis(300), "the other stream paused for {pause:?}");
    program.stop();
}

#[test]
fn files_that_cannot_be_played_are_told_apart() {
    let _turn = shared();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let film = fs::read(data("bigbuckbunny.mp4")).unwrap();
    let sound = folder.path().join("sound.wav");
    let mut ffmpeg = std::process::Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "sine=duration=1"]).arg(&sound);
    assert!(ffmpeg.status().unwrap().success());
    // The index of this film stands at its end or its start: cut, it has either no index or no pictures.
    let bad = [
        ("empty", file("empty.mp4", b""), "is empty"),
        ("noise", file("noise.mp4", &[0x55; 50_000]), "cannot be played"),
        ("cut", file("cut.mp4", &film[..2000]), "cannot be played"),
        ("sound", sound, "has no video"),
    ];
    let mut streams: Vec<Stream> = bad.iter().map(|(id, path, _)| Stream::file(id, path)).collect();
    streams.push(Stream::pattern("lobby", "ball"));
    let mut program = Program::start(&[], &streams);
    let lobby = program.address("lobby");
    let reader = Client::connect(&lobby).play(Transport::Tcp);
    for (id, path, sentence) in &bad {
        program.wait_for_log(&format!("{} {sentence}", path.display()), 0);
        assert_eq!(Client::connect(&lobby.replace("lobby", id)).describe().status, 503, "{id}");
    }
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    reader.leave();
    program.stop();
}
