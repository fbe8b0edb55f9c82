//! The clock of the computer is set, or the computer sleeps for a while: whoever watches goes on, and others can come.

use crate::program::{Home, PATIENCE, Program, Stream, alone, config};
use crate::rtsp::{Client, Credentials, Reader, Scheme, Transport, longest_pause, lost, steps};
use rustix::process::Signal;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

const ANNA: Credentials = Credentials { user: "anna", password: "secret", scheme: Scheme::DigestSha256 };
/// Longer than any patience of the server with a connection.
const ASLEEP: Duration = Duration::from_secs(16);

/// libfaketime, which tells a program another time of day.
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().flatten();
    let mut places = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    places.find(|place| place.exists()).expect("libfaketime")
}

fn readers(address: &str) -> [Reader; 2] {
    let readers =
        [Transport::Tcp, Transport::Udp].map(|transport| Client::connect(address).with(ANNA).play(transport));
    for reader in &readers {
        reader.wait_for("key frame", PATIENCE, |packet| packet.key);
    }
    readers
}

fn home() -> Home {
    let home = Home::new(&config(&["anna"], &[Stream::pattern("lobby", "ball").protected("anna", "digest")]));
    home.set_password("anna", ANNA.password);
    home
}

#[test]
fn a_clock_that_is_set_is_noticed_by_nobody() {
    let _turn = alone();
    let home = home();
    let time = home.path().join("time");
    // It is read again and again, and has to be whole.
    let set_to = |moment: &str| {
        let next = home.path().join("next-time");
        fs::write(&next, moment).unwrap();
        fs::rename(next, &time).unwrap();
    };
    set_to("+0");
    let mut command = home.command(&["--headless"]);
    command.env("LD_PRELOAD", library()).env("FAKETIME_TIMESTAMP_FILE", &time);
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let mut program = home.clone().start(command);
    let address = program.address("lobby");
    let before = readers(&address);
    for (set, told) in [("@2040-01-01 12:00:00", "2040-01-01T"), ("@2001-01-01 12:00:00", "2001-01-01T")] {
        before.iter().for_each(Reader::forget);
        set_to(set);
        let [tcp, udp] = readers(&address);
        program.wait_for_log(told, 0);
        for reader in &before {
            reader.wait_for("key frame", PATIENCE, |packet| packet.key);
            let packets = reader.packets();
            assert_eq!(lost(&packets), 0);
            assert!(steps(&packets).into_iter().all(|step| step > 0), "{set}: time ran back");
            let pause = longest_pause(&packets);
            assert!(pause < Duration::from_millis(500), "{set}: nothing came for {pause:?}");
        }
        tcp.leave();
        udp.leave();
    }
    before.into_iter().for_each(Reader::leave);
    program.stop();
}

#[test]
fn readers_go_on_after_the_computer_slept() {
    let _turn = alone();
    let mut program: Program = home().serve();
    let address = program.address("lobby");
    let before = readers(&address);
    program.signal(Signal::STOP);
    thread::sleep(ASLEEP);
    before.iter().for_each(Reader::forget);
    program.signal(Signal::CONT);
    let after = readers(&address);
    for reader in &before {
        reader.wait_for("key frame", PATIENCE, |packet| packet.key);
        let packets = reader.packets();
        assert!(steps(&packets).into_iter().all(|step| step > 0), "time ran back");
    }
    before.into_iter().chain(after).for_each(Reader::leave);
    program.stop();
}
