//! Readers whose computer is switched off, or falls off the network: no FIN comes, and no answer to anything.

use super::{GONE, NOTICED, SNOW};
use crate::program::{Home, PATIENCE, Program, Running, Stream, alone, config, finish, words};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A network of two computers, each a namespace, with a cable between.
struct Network {
    server: Computer,
    reader: Computer,
}

/// A network namespace; it exists as long as this process in it.
struct Computer(Running);

impl Computer {
    /// None where this user may not make one.
    fn new() -> Option<Self> {
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--net", "sh", "-c", "echo ready; exec sleep 600"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = unshare.spawn().ok()?;
        let mut word = [0; 5];
        let mut said = process.stdout.take().unwrap();
        std::io::Read::read_exact(&mut said, &mut word).ok()?;
        Some(Self(Running(process)))
    }

    fn run(&self, arguments: &str) {
        let mut command = self.inside("sh");
        command.args(["-c", arguments]);
        let output = finish(command, "");
        assert!(output.status.success(), "{arguments}: {}", words(&output));
    }

    /// A program on this computer.
    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.0.0.id())).arg(program);
        command
    }

    fn start(&self, program: &str, arguments: &str) -> Running {
        let mut command = self.inside(program);
        command.args(arguments.split_whitespace());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Running(command.spawn().unwrap())
    }
}

impl Network {
    fn new() -> Option<Self> {
        let network = Self { server: Computer::new()?, reader: Computer::new()? };
        let other = network.reader.0.0.id();
        network.server.run(&format!(
            "ip link set lo up && ip link add cable type veth peer name cable netns /proc/{other}/ns/net \
             && ip address add 192.0.2.1/24 dev cable && ip link set cable up"
        ));
        network.reader.run("ip address add 192.0.2.2/24 dev cable && ip link set cable up");
        Some(network)
    }

    fn serve(&self, streams: &[Stream]) -> Program {
        let text = config(&[], streams).replace("port = 0", "port = 0\nlisten = \"192.0.2.1\"");
        let home = Home::new(&text);
        let server = home.command(&["--headless"]);
        let mut command = self.server.inside(server.get_program().to_str().unwrap());
        command.args(server.get_args());
        for (name, value) in server.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        home.start(command)
    }
}

#[test]
fn readers_that_vanish_without_a_word_are_gone_soon() {
    let _turn = alone();
    let Some(network) = Network::new() else {
        eprintln!("not tried: this user may make no network namespace");
        return;
    };
    let small = "size = \"320x240\"\nframe_rate = \"10\"";
    let mut program = network.serve(&[
        Stream::pattern("tcp", "snow").picture(SNOW),
        Stream::pattern("udp", "snow").picture(SNOW),
        Stream::pattern("stays", "ball").picture(small),
    ]);
    // One for each stream: it sleeps again when its reader is gone, connection and session.
    let mut readers = Vec::new();
    for name in ["tcp", "udp"] {
        let address = program.address(name);
        let from = program.log().len();
        readers.push(
            network
                .reader
                .start("ffmpeg", &format!("-nostdin -rtsp_transport {name} -i {address} -c copy -f null -")),
        );
        program.wait_for_log(&format!("{name}: live"), from);
    }
    // One on the server's own computer, which is not touched.
    let address = program.address("stays");
    let stays = network
        .server
        .start("ffmpeg", &format!("-nostdin -rtsp_transport tcp -i {address} -c copy -f null -"));
    program.wait_for_log("stays: live", 0);
    thread::sleep(Duration::from_secs(2));

    let from = program.log().len();
    network.reader.run("ip link set cable down");
    let start = Instant::now();
    for name in ["tcp", "udp"] {
        program.wait_for_log(&format!("{name}: ready"), from);
        let after = start.elapsed();
        eprintln!("the reader on {name} was gone after {after:?}");
        assert!(after < GONE + NOTICED, "the reader on {name} was gone after {after:?}");
    }
    assert!(
        !program.log()[from..].contains("stays: ready"),
        "the other reader was sent away:\n{}",
        program.log()
    );
    assert!(start.elapsed() < PATIENCE);
    drop(stays);
    program.stop();
}
