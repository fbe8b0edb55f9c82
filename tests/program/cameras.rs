//! Cameras, by a real PipeWire of the test's own: they are found by name, unplugged and plugged in again.

use crate::pipewire::PipeWire;
use crate::players::{self, seconds};
use crate::program::{PATIENCE, Stream, shared};
use crate::rtsp::{Client, Transport, lost, steps};
use crate::slate::light;

const SMALL: &str = "size = \"320x240\"\nframe_rate = \"25\"";

const YUY2: &str = "video/x-raw,format=YUY2,width=640,height=480,framerate=30/1";

fn camera(id: &str, name: &str) -> Stream {
    Stream::camera(id, name).picture(SMALL)
}

#[test]
fn cameras_are_served_whatever_their_format() {
    let _turn = shared();
    let pipewire = PipeWire::start();
    let formats = [
        ("raw", YUY2),
        ("rgb", "video/x-raw,format=RGB,width=320,height=180,framerate=10/1"),
        ("grey", "video/x-raw,format=GRAY8,width=322,height=242,framerate=15/1"),
    ];
    let _cameras = formats.map(|(name, format)| pipewire.camera(name, "ball", format));
    let mut program = pipewire.serve(&formats.map(|(name, _)| camera(name, name)));
    for (name, _) in formats {
        let pictures = players::ffmpeg(&program.address(name), "tcp");
        let expected = 25 * seconds();
        assert!(pictures * 4 >= expected * 3, "{name}: {pictures} of {expected} pictures");
    }
    program.stop();
}

#[test]
fn readers_of_a_camera_that_is_unplugged_stay_and_are_shown_no_other_one() {
    let _turn = shared();
    let pipewire = PipeWire::start();
    let _other = pipewire.camera("Yard", "black", YUY2);
    let desk = pipewire.camera("Desk", "white", YUY2);
    let mut program = pipewire.serve(&[camera("desk", "Desk")]);
    let address = program.address("desk");
    let reader = Client::connect(&address).play(Transport::Tcp);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    let bright = light(&address);
    assert!(bright > 200.0, "light {bright:.1}");

    // That was said at the start, too, where the search was not over yet.
    let before = program.log().len();
    drop(desk);
    let away = program.wait_for_log("desk: trying again: Desk: it is not there now", before);
    reader.forget();
    reader.wait_for("key frame of the slate", PATIENCE, |packet| packet.key);
    let dark = light(&address);
    assert!(dark > 50.0 && dark < 150.0, "light {dark:.1}: the slate has the last picture, with less light");

    let _desk = pipewire.camera("Desk", "white", YUY2);
    program.wait_for_log("desk: live", away);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    let back = light(&address);
    assert!(back > 200.0, "light {back:.1}");
    let packets = reader.packets();
    assert_eq!(lost(&packets), 0);
    assert!(steps(&packets).into_iter().all(|step| step > 0), "time ran back");
    reader.leave();
    program.stop();
}

#[test]
fn a_camera_that_comes_later_is_found() {
    let _turn = shared();
    let pipewire = PipeWire::start();
    let mut program = pipewire.serve(&[camera("desk", "Desk")]);
    program.wait_for_log("desk: trying again: Desk: it is not there now", 0);
    let _desk = pipewire.camera("Desk", "white", YUY2);
    let address = program.address("desk");
    let reader = Client::connect(&address).play(Transport::Tcp);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    reader.leave();
    program.stop();
}

#[test]
fn a_camera_is_found_again_after_pipewire_was_started_anew() {
    let _turn = shared();
    let mut pipewire = PipeWire::start();
    let desk = pipewire.camera("Desk", "white", YUY2);
    let mut program = pipewire.serve(&[camera("desk", "Desk")]);
    let address = program.address("desk");
    let reader = Client::connect(&address).play(Transport::Tcp);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    let before = program.log().len();
    pipewire.begin_anew();
    drop(desk);
    let _desk = pipewire.camera("Desk", "white", YUY2);
    program.wait_for_log("desk: live", before);
    reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    let bright = light(&address);
    assert!(bright > 200.0, "light {bright:.1}");
    assert_eq!(lost(&reader.packets()), 0);
    reader.leave();
    program.stop();
}
