//! Microphones beside cameras, by a real PipeWire of the test's own: heard with the pictures, unplugged and plugged in again.

use crate::pipewire::PipeWire;
use crate::program::{PATIENCE, Stream, alone, finish, words};
use crate::rtsp::{Client, Transport, lost, steps};
use crate::slate::wait_for_pictures;
use crate::sound::{apart, beeps, flashes, median, record};
use rustix::process::{Pid, Signal, kill_process};
use std::process::Command;

const YUY2: &str = "video/x-raw,format=YUY2,width=320,height=240,framerate=30/1";
/// In Hz: of the room in which the microphone is that is meant, and of another one.
const TONE: u32 = 1000;
const OTHER: u32 = 3000;

/// The camera "Desk", with this microphone.
fn desk(microphone: &str) -> Stream {
    Stream::camera("desk", "Desk")
        .of_source(&format!("microphone = {microphone}"))
        .picture("size = \"160x90\"\nframe_rate = \"25\"")
        .lines("sound = { codec = \"auto\" }")
}

/// What somebody hears who comes now: the tones of both rooms, each as a share of the loudest sine there is.
fn heard(address: &str) -> [f64; 2] {
    const RATE: f64 = 48_000.0;
    let mut command = Command::new("ffmpeg");
    command.args([
        "-nostdin",
        "-loglevel",
        "error",
        "-rtsp_transport",
        "tcp",
        "-i",
        address,
        "-vn",
        "-t",
        "3",
    ]);
    // The first second is what was described, and what came before it was heard.
    command.args(["-af", "atrim=start=1", "-ac", "1", "-f", "s16le", "-"]);
    let output = finish(command, "");
    let samples: Vec<f64> = output
        .stdout
        .chunks_exact(2)
        .map(|sample| f64::from(i16::from_le_bytes([sample[0], sample[1]])) / f64::from(i16::MAX))
        .collect();
    assert!(samples.len() as f64 > RATE, "ffmpeg: {}", words(&output));
    // A sample that is missing turns the phase: so in short pieces.
    [TONE, OTHER].map(|tone| {
        let strengths = samples.chunks_exact(RATE as usize / 20).map(|piece| {
            let turn = |n: usize| std::f64::consts::TAU * f64::from(tone) * n as f64 / RATE;
            let part = |wave: fn(f64) -> f64| -> f64 {
                piece.iter().enumerate().map(|(n, sample)| sample * wave(turn(n))).sum()
            };
            part(f64::sin).hypot(part(f64::cos)) * 2.0 / piece.len() as f64
        });
        let strengths: Vec<f64> = strengths.collect();
        median(&strengths)
    })
}

/// The player is set to 0.8 of the loudest; a busy machine swallows some of it.
fn assert_heard(address: &str, loud: u32) {
    let heard = heard(address);
    for (tone, strength) in [TONE, OTHER].into_iter().zip(heard) {
        assert!(if tone == loud { strength > 0.1 } else { strength < 0.02 }, "{loud} Hz: {heard:?}");
    }
}

fn assert_silent(address: &str) {
    let heard = heard(address);
    assert!(heard.iter().all(|strength| *strength < 0.001), "{heard:?}");
}

#[test]
fn a_microphone_is_heard_in_sync_with_its_camera() {
    let _turn = alone();
    let pipewire = PipeWire::start().with_sound_server();
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("rec.mkv");
    pipewire.room("office");
    let _microphone = pipewire.microphone("Desk Mic", "office");
    let _camera = pipewire.flashes("Desk", "office");
    let mut program = pipewire.serve(&[desk("{ name = \"Desk Mic\" }")]);
    record(&program.address("desk"), 25, &recording);
    program.stop();
    let (flashes, beeps) = (flashes(&recording), beeps(&recording));
    assert!(flashes.len() >= 15 && beeps.len() >= 10, "flashes at {flashes:?}, beeps at {beeps:?}");
    let apart = apart(&flashes, &beeps);
    println!("the sound is later by {:.4} s", median(&apart));
    // Of that, 43 ms are the player's and the way through PipeWire, and more on a busy machine.
    let together = apart.iter().filter(|apart| apart.abs() < 0.1).count();
    assert!(together * 2 > apart.len(), "apart by {apart:?}");
}

#[test]
fn readers_stay_while_a_microphone_is_unplugged_and_hear_no_other_one() {
    let _turn = alone();
    let pipewire = PipeWire::start().with_sound_server();
    pipewire.room("office");
    pipewire.room("yard");
    let _tones = [pipewire.tone(TONE, "office"), pipewire.tone(OTHER, "yard")];
    let _other = pipewire.microphone("Yard Mic", "yard");
    let microphone = pipewire.microphone("Desk Mic", "office");
    let _camera = pipewire.camera("Desk", "ball", YUY2);
    let mut program = pipewire.serve(&[desk("{ name = \"Desk Mic\" }")]);
    let address = program.address("desk");
    let [pictures, sound] = [Client::play as fn(Client, Transport) -> _, Client::play_sound]
        .map(|play| play(Client::connect(&address), Transport::Tcp));
    pictures.wait_for("key frame", PATIENCE, |packet| packet.key);
    assert_heard(&address, TONE);

    let before = program.log().len();
    drop(microphone);
    let away = program.wait_for_log("desk: its microphone is not heard: it is not there now", before);
    assert_silent(&address);
    wait_for_pictures(&pictures, 25);

    let _microphone = pipewire.microphone("Desk Mic", "office");
    program.wait_for_log("desk: its microphone is heard", away);
    assert_heard(&address, TONE);
    assert!(!program.log()[before..].contains("trying again"), "the camera was lost: {}", program.log());
    for reader in [&pictures, &sound] {
        let packets = reader.packets();
        assert_eq!(lost(&packets), 0);
        assert!(steps(&packets).into_iter().all(|step| step > 0), "time ran back");
    }
    pictures.leave();
    sound.leave();
    program.stop();
}

#[test]
fn the_microphone_of_the_desktop_is_followed_and_is_never_what_the_computer_plays() {
    let _turn = alone();
    let pipewire = PipeWire::start().with_sound_server();
    pipewire.room("office");
    pipewire.room("yard");
    let _tones = [pipewire.tone(TONE, "office"), pipewire.tone(OTHER, "yard")];
    let _camera = pipewire.camera("Desk", "ball", YUY2);
    let mut program = pipewire.serve(&[desk("\"auto\"")]);
    let address = program.address("desk");
    let reader = Client::connect(&address).play(Transport::Tcp);
    let none = program.wait_for_log("desk: its microphone is not heard: it is not there now", 0);
    assert_silent(&address);
    let microphone = pipewire.microphone("Yard Mic", "yard");
    let first = program.wait_for_log("desk: its microphone is heard", none);
    assert_heard(&address, OTHER);
    drop(microphone);
    let away = program.wait_for_log("desk: its microphone is not heard: it is not there now", first);
    assert_silent(&address);
    let _microphone = pipewire.microphone("Desk Mic", "office");
    program.wait_for_log("desk: its microphone is heard", away);
    assert_heard(&address, TONE);
    assert_eq!(lost(&reader.packets()), 0);
    reader.leave();
    program.stop();
}

#[test]
fn a_sound_server_that_is_stuck_or_gone_is_silence_until_it_is_back() {
    let _turn = alone();
    let pipewire = PipeWire::start();
    let server = pipewire.sound_server();
    pipewire.room("office");
    let _tone = pipewire.tone(TONE, "office");
    let _microphone = pipewire.microphone("Desk Mic", "office");
    let _camera = pipewire.camera("Desk", "ball", YUY2);
    let mut program = pipewire.serve(&[desk("{ name = \"Desk Mic\" }")]);
    let address = program.address("desk");
    let reader = Client::connect(&address).play(Transport::Tcp);
    assert_heard(&address, TONE);

    let signal = |signal| kill_process(Pid::from_child(&server.0), signal).unwrap();
    let before = program.log().len();
    signal(Signal::STOP);
    let stuck = program.wait_for_log("desk: its microphone is not heard: nothing comes from it", before);
    wait_for_pictures(&reader, 25);
    signal(Signal::CONT);
    let back = program.wait_for_log("desk: its microphone is heard", stuck);
    assert_heard(&address, TONE);

    drop(server);
    let gone = program.wait_for_log("desk: its microphone is not heard", back);
    wait_for_pictures(&reader, 25);
    let _server = pipewire.sound_server();
    let _tone = pipewire.tone(TONE, "office");
    program.wait_for_log("desk: its microphone is heard", gone);
    assert_heard(&address, TONE);
    assert_eq!(lost(&reader.packets()), 0);
    reader.leave();
    program.stop();
}
