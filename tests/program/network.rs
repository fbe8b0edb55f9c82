//! Two computers and what is between them, as network namespaces that a test makes.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The server's address in the first of its two networks: TEST-NET-1 (RFC 5737). TEST-NET-2 is the second.
pub const SERVER: &str = "192.0.2.1";

/// Two computers with two cables between them, each a network of its own.
pub struct Network {
    server: String,
    reader: String,
}

impl Network {
    /// None where this system lets nobody make namespaces.
    pub fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let id = format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let network = Self { server: format!("hws{id}"), reader: format!("hwr{id}") };
        let (server, reader) = (&network.server, &network.reader);
        if !ip(&format!("netns add {server}")) {
            eprintln!("not tried: namespaces cannot be made here");
            return None;
        }
        let made = [
            format!("netns add {reader}"),
            format!("-n {server} link add cam0 type veth peer name eye0 netns {reader}"),
            format!("-n {server} link add cam1 type veth peer name eye1 netns {reader}"),
            format!("-n {server} address add {SERVER}/24 dev cam0"),
            format!("-n {server} address add 198.51.100.1/24 dev cam1"),
            format!("-n {reader} address add 192.0.2.2/24 dev eye0"),
            format!("-n {reader} address add 198.51.100.2/24 dev eye1"),
            format!("-n {server} address add fe80::1/64 dev cam0 nodad"),
            format!("-n {reader} address add fe80::2/64 dev eye0 nodad"),
            format!("-n {reader} address add fe80::3/64 dev eye0 nodad"),
        ];
        let links = [
            (server, "lo"),
            (server, "cam0"),
            (server, "cam1"),
            (reader, "lo"),
            (reader, "eye0"),
            (reader, "eye1"),
        ];
        let up = links.map(|(at, link)| format!("-n {at} link set {link} up"));
        // As on any computer: it is where groups are joined that no interface is named for.
        let route = format!("-n {reader} route add default dev eye0");
        for command in made.into_iter().chain(up).chain([route]) {
            assert!(ip(&command), "ip {command}");
        }
        Some(network)
    }

    /// A command at the computer that serves.
    pub fn at_server(&self, command: &Command) -> Command {
        inside(&self.server, command)
    }

    /// A command at the computer that reads.
    pub fn at_reader(&self, command: &Command) -> Command {
        inside(&self.reader, command)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        ip(&format!("netns delete {}", self.server));
        ip(&format!("netns delete {}", self.reader));
    }
}

fn ip(arguments: &str) -> bool {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    output.is_ok_and(|output| output.status.success())
}

fn inside(namespace: &str, command: &Command) -> Command {
    let mut inside = Command::new("ip");
    inside.args(["netns", "exec", namespace]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => inside.env(name, value),
            None => inside.env_remove(name),
        };
    }
    inside
}
