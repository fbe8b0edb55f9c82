//! The addresses that are given out follow the networks: in a network of the test's own.

use crate::program::{Home, Program, Stream, config, finish, shared, words};
use std::process::Command;

/// Serves in a network that has nothing but this computer. None where the system makes no such network.
fn serve_alone() -> Option<Program> {
    let mut try_out = Command::new("unshare");
    try_out.args(["--net", "--map-root-user", "true"]);
    if !finish(try_out, "").status.success() {
        eprintln!("not tried: this system lets nobody make a network");
        return None;
    }
    let text = config(&[], &[Stream::pattern("ball", "ball")]);
    let home = Home::new(&text.replace("port = 0", "listen = \"network\"\nport = 8554"));
    let program = home.command(&["--headless"]);
    let mut command = Command::new("unshare");
    command.args(["--net", "--map-root-user", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]);
    command.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Some(home.start(command))
}

/// Runs `ip` in the network of a program.
fn ip(program: &Program, arguments: &str) {
    let mut command = Command::new("nsenter");
    command.args(["--target", &program.pid().to_string(), "--user", "--preserve-credentials", "--net", "ip"]);
    command.args(arguments.split(' '));
    let output = finish(command, "");
    assert!(output.status.success(), "ip {arguments}: {}", words(&output));
}

#[test]
fn an_address_is_given_out_while_there_is_one() {
    let _turn = shared();
    let Some(mut program) = serve_alone() else { return };
    assert_eq!(program.next_address(), "rtsp://127.0.0.1:8554/ball");
    ip(&program, "address add 198.51.100.7/24 dev lo");
    assert_eq!(program.next_address(), "rtsp://198.51.100.7:8554/ball");
    // The way to everybody else leads over another one.
    ip(&program, "address add 203.0.113.7/32 dev lo");
    ip(&program, "route add default dev lo src 203.0.113.7");
    assert_eq!(program.next_address(), "rtsp://203.0.113.7:8554/ball");
    ip(&program, "address del 203.0.113.7/32 dev lo");
    assert_eq!(program.next_address(), "rtsp://198.51.100.7:8554/ball");
    ip(&program, "address del 198.51.100.7/24 dev lo");
    assert_eq!(program.next_address(), "rtsp://127.0.0.1:8554/ball");
    program.stop();
}
