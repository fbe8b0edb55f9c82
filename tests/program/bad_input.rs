//! Wrong input gets a sentence, on the command line, and loses nothing.

use crate::program::{Home, Program, Stream, config, shared, words};
use crate::rtsp::{Client, Transport};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::time::Duration;

/// Checks a configuration that is wrong: the words have to be said, and the file stays as it was.
fn refused(text: &str, expected: &[&str]) {
    let home = Home::new(text);
    for mode in ["--check-config", "--headless"] {
        let output = home.run(&[mode], "");
        let said = words(&output);
        assert_eq!(output.status.code(), Some(1), "{mode} with\n{text}\n{said}");
        for word in expected {
            assert!(said.contains(word), "{mode} does not say \"{word}\" but\n{said}");
        }
        assert_eq!(fs::read_to_string(home.config_file()).unwrap(), text, "the file was changed");
    }
}

/// Where a word stands: its line and column, counted from one.
fn place(text: &str, word: &str) -> (usize, usize) {
    let at = text.find(word).unwrap();
    let line = text[..at].matches('\n').count() + 1;
    (line, at - text[..at].rfind('\n').map_or(0, |newline| newline + 1) + 1)
}

#[test]
fn a_typo_is_shown_with_its_line_column_and_the_word_probably_meant() {
    let _turn = shared();
    let good = config(&["guest"], &[Stream::pattern("lobby", "ball").clock("top-right")]);
    for (key, typo) in [
        ("port", "prot"),
        ("[[streams]]", "[[stream]]"),
        ("enabled", "enabld"),
        ("pattern = \"ball\"", "patern = \"ball\""),
        ("read", "raed"),
        ("frame_rate", "framerate"),
        ("position", "positoin"),
    ] {
        let good = good.replace("source.pattern", "enabled = true\nsource.pattern");
        assert!(good.contains(key), "{key}");
        let bad = good.replacen(key, typo, 1);
        let (wrong, meant) = (typo.split(' ').next().unwrap(), key.split(' ').next().unwrap());
        let strip = |name: &str| name.trim_matches(['[', ']']).to_owned();
        let (line, column) = place(&bad, &strip(wrong));
        let (line, column) = (format!("line {line}"), format!("column {column}"));
        refused(&bad, &[&strip(wrong), &strip(meant), &line, &column]);
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let _turn = shared();
    let picture = |size: &str| format!("size = \"{size}\"\nframe_rate = \"25\"");
    let streams = [
        Stream::pattern("none", "ball").picture(&picture("0x0")),
        Stream::pattern("huge", "ball").picture(&picture("100000x100000")),
        Stream::pattern("strange", "bal"),
    ];
    refused(&config(&[], &streams), &["none", "huge", "strange", "ball"]);
    let twice = config(&[], &[Stream::pattern("a", "ball"), Stream::pattern("b", "ball")]);
    refused(&twice.replace("/b\"", "/a\""), &["/a"]);
    refused(&twice.replace("/b\"", "\""), &["path"]);
    refused(&twice.replace("/b\"", "/b c?\""), &["/b c?"]);
}

#[test]
fn a_newer_version_is_left_alone() {
    let _turn = shared();
    let text = config(&[], &[Stream::pattern("lobby", "ball")]).replace("version = 1", "version = 999");
    refused(&text, &["999"]);
}

#[test]
fn a_stream_without_access_is_no_open_one() {
    let _turn = shared();
    let text =
        config(&[], &[Stream::pattern("lobby", "ball")]).replace("access = { read = \"anyone\" }\n", "");
    refused(&text, &["access"]);
}

#[test]
fn a_second_instance_on_the_same_configuration_is_refused() {
    let _turn = shared();
    let mut program = Program::start(&[], &[Stream::pattern("lobby", "ball")]);
    let address = program.address("lobby");
    let output = program.home().run(&["--headless"], "");
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(words(&output).contains("config.toml"), "{}", words(&output));
    let reader = Client::connect(&address).play(Transport::Tcp);
    reader.wait_for("packet", Duration::from_secs(10), |_| true);
    reader.leave();
    program.stop();
}

#[test]
fn a_port_that_is_taken_is_told() {
    let _turn = shared();
    let other = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = other.local_addr().unwrap().port();
    let text =
        config(&[], &[Stream::pattern("lobby", "ball")]).replace("port = 0", &format!("port = {port}"));
    let output = Home::new(&text).run(&["--headless"], "");
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(words(&output).contains(&format!("port {port} is taken")), "{}", words(&output));
}

#[test]
fn a_port_below_1024_is_told_to_need_root() {
    const NOBODY: u32 = 65534;
    let _turn = shared();
    let first_free = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    if first_free.trim().parse::<u16>().unwrap() <= 554 {
        eprintln!("not tried: on this machine every port is for everybody");
        return;
    }
    let text = config(&[], &[Stream::pattern("lobby", "ball")]).replace("port = 0", "port = 554");
    let home = Home::new(&text);
    let mut command = home.command(&["--headless"]);
    if rustix::process::geteuid().is_root() {
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = crate::program::finish(command, "");
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(words(&output).contains("554"), "{}", words(&output));
}

#[test]
fn an_address_of_another_computer_is_told() {
    let _turn = shared();
    // RFC 5737: of no computer.
    let text = config(&[], &[Stream::pattern("lobby", "ball")])
        .replace("[server]\n", "[server]\nlisten = \"192.0.2.1\"\n");
    let output = Home::new(&text).run(&["--headless"], "");
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(words(&output).contains("192.0.2.1"), "{}", words(&output));
}

#[test]
fn a_configuration_that_cannot_be_read_is_told() {
    let _turn = shared();
    let home = Home::new("");
    fs::remove_file(home.config_file()).unwrap();
    fs::create_dir(home.config_file()).unwrap();
    let output = home.run(&["--headless"], "");
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(words(&output).contains("config.toml"), "{}", words(&output));
}
