//! Readers that come and go all the time.

use super::{Held, streams};
use crate::program::{PATIENCE, Program, Stream, alone, finish, words};
use crate::rtsp::{Client, Transport, lost};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;
/// Eight seconds of the stream.
const COMPARED: u32 = 200;

fn ffmpeg(arguments: &str) -> String {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-nostats", "-y"]).args(arguments.split_whitespace());
    let output = finish(command, "");
    assert!(output.status.success(), "{arguments}: {}", words(&output));
    words(&output)
}

/// A film of a picture that stands still and has much in it, so that it is poor just after a key frame; and that
/// picture.
fn still(folder: &Path) -> (PathBuf, PathBuf) {
    let (film, picture) = (folder.join("still.mp4"), folder.join("still.yuv"));
    let blurred_noise =
        format!("nullsrc=size={WIDTH}x{HEIGHT}:rate=25,geq=lum=random(1)*255:cb=128:cr=128,gblur=sigma=3");
    ffmpeg(&format!(
        "-f lavfi -i {blurred_noise},loop=loop=99:size=1 -frames:v 100 -pix_fmt yuv420p -crf 10 {}",
        film.display()
    ));
    ffmpeg(&format!("-i {} -frames:v 1 -pix_fmt yuv420p {}", film.display(), picture.display()));
    (film, picture)
}

/// How alike a healthy reader's pictures and this one are, from now on.
fn ssim(address: &str, picture: &Path) -> f64 {
    let said = ffmpeg(&format!(
        "-rtsp_transport tcp -i {address} -stream_loop -1 -f rawvideo -pix_fmt yuv420p -s {WIDTH}x{HEIGHT} -i {} \
         -lavfi [0:v]settb=1/1000,setpts=N[a];[1:v]settb=1/1000,setpts=N[b];[a][b]ssim \
         -frames:v {COMPARED} -f null -",
        picture.display()
    ));
    let all = said.split("All:").nth(1).and_then(|rest| rest.split_whitespace().next());
    all.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("ffmpeg compared nothing: {said}"))
}

#[test]
fn a_storm_of_plays_from_one_address_does_not_spoil_the_picture() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let (film, picture) = still(folder.path());
    let rendition = format!("size = \"{WIDTH}x{HEIGHT}\"\nframe_rate = \"25\"\nbitrate_kbps = 1500");
    let mut program = Program::start(&[], &[Stream::file("still", &film).picture(&rendition)]);
    let address = program.address("still");
    let calm = ssim(&address, &picture);
    let (over, plays) = (AtomicBool::new(false), AtomicUsize::new(0));
    let stormy = thread::scope(|scope| {
        for n in 0..4u8 {
            let (over, plays, address) = (&over, &plays, &address);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let transport = if n.is_multiple_of(2) { Transport::Tcp } else { Transport::Udp };
                    Client::connect_from([127, 0, 3, 1], address).play(transport).leave();
                    plays.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let stormy = ssim(&address, &picture);
        over.store(true, Ordering::Relaxed);
        stormy
    });
    let plays = plays.load(Ordering::Relaxed);
    eprintln!("SSIM {calm} without, {stormy} in a storm of {plays} PLAYs");
    assert!(plays > 50, "that was no storm: {plays} PLAYs");
    assert!(calm - stormy <= 0.01, "SSIM {calm} without, {stormy} in a storm of {plays} PLAYs");
    // The library adds the way of UDP to a media that plays already: "Got data flow before stream-start event". Lines
    // of the program fall into the middle of these, so that only their beginning is sure.
    program.stop_amid(&["GStreamer-WARNING"]);
}

#[test]
fn readers_that_reset_their_connection_leave_nothing_behind() {
    /// `tests/bench` does so ten thousand times.
    const CYCLES: usize = 300;
    /// What the system's allocator keeps for the next ones.
    const WARM_UP: usize = 60;
    /// What one forgotten reference in each cycle would cost is twice this.
    const MORE_MEMORY_KB: usize = 10_000;
    let _turn = alone();
    let mut program = Program::start(&[], &streams());
    let address = program.address("snow");
    let stays = Client::connect(&address).play(Transport::Tcp);
    stays.wait_for("packet", PATIENCE, |_| true);
    // A media opens its sockets with the first reader on UDP, and keeps them.
    Client::connect(&address).play(Transport::Udp).leave();
    let held = Held::by(&program);
    let cycles = |number| {
        for transport in [Transport::Tcp, Transport::Udp].into_iter().cycle().take(number) {
            let reader = Client::connect(&address).play(transport);
            reader.wait_for("packet", PATIENCE, |_| true);
            reader.reset();
        }
    };
    cycles(WARM_UP);
    let warm = Held::wait_for_return(&program, held);
    cycles(CYCLES);
    let end = Held::wait_for_return(&program, held);
    eprintln!("{held:?} before, {warm:?} after {WARM_UP} cycles, {end:?} after {CYCLES} more");
    assert!(
        end.memory < warm.memory + MORE_MEMORY_KB,
        "{warm:?} after {WARM_UP}, {end:?} after {CYCLES} more"
    );
    assert_eq!(lost(&stays.packets()), 0);
    stays.leave();
    program.stop();
}
