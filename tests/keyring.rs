//! Passwords in a real keyring, on a session bus of its own, and on a bus that does not answer.

use futures_lite::future::block_on;
use headwater::config::{Password, Passwords, SecretError, SecretStore};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs one of the tests that are left out otherwise, under a command and with a home of its own.
fn run_inside(test: &str, command: &mut Command) {
    let home = tempfile::tempdir().unwrap();
    let output = command
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", home.path())
        .env_remove("XDG_DATA_HOME")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(output.status.success() && said[0].contains("1 passed"), "{}{}", said[0], said[1]);
}

fn with_keyring(script: &str) -> Command {
    let mut command = Command::new("dbus-run-session");
    command.args(["--", "sh", "-c", script]);
    command
}

#[test]
fn a_password_is_kept_in_the_keyring_and_a_locked_one_is_reported() {
    let script = "printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; exec \"$0\" \"$@\"";
    run_inside("in_a_session_with_a_keyring", &mut with_keyring(script));
}

#[test]
fn without_a_keyring_the_passwords_are_in_a_file() {
    let mut command = Command::new("env");
    command.arg("DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere");
    run_inside("in_a_session_without_a_keyring", &mut command);
    // A keyring that was never set up would have to ask for a password.
    let mut command = with_keyring("exec \"$0\" \"$@\"");
    run_inside("in_a_session_without_a_keyring", &mut command);
}

#[test]
fn a_session_bus_that_hangs_does_not_hang_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("bus");
    let _listener = UnixListener::bind(&socket).unwrap();
    let mut command = Command::new("env");
    command.arg(format!("DBUS_SESSION_BUS_ADDRESS=unix:path={}", socket.display()));
    run_inside("in_a_session_that_hangs", &mut command);
}

fn guest() -> [String; 1] {
    ["guest".into()]
}

#[test]
#[ignore = "is run by another test, in a session of its own"]
fn in_a_session_with_a_keyring() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    block_on(async {
        let store = SecretStore::open(&config).await;
        assert_eq!(store.load(&guest()).await, Ok(Passwords::default()));
        store.set("guest", &"first".into()).await.unwrap();
        store.set("guest", &"second".into()).await.unwrap();
        let passwords = SecretStore::open(&config).await.load(&guest()).await.unwrap();
        assert_eq!(passwords.get("guest").map(Password::reveal), Some("second"));
        assert!(!folder.path().join("secrets.toml").exists());
        // Another configuration has its own.
        let other = SecretStore::open(&folder.path().join("other.toml")).await;
        assert_eq!(other.load(&guest()).await, Ok(Passwords::default()));

        let service = oo7::dbus::Service::new().await.unwrap();
        service.default_collection().await.unwrap().lock(None).await.unwrap();
        let start = Instant::now();
        assert_eq!(store.load(&guest()).await, Ok(Passwords::locked()));
        assert_eq!(store.set("guest", &"third".into()).await, Err(SecretError::Locked));
        assert!(SecretStore::open(&config).await.load(&guest()).await.unwrap().is_locked());
        assert!(start.elapsed() < Duration::from_secs(1), "nobody was asked");
    });
}

#[test]
#[ignore = "is run by another test, in a session of its own"]
fn in_a_session_without_a_keyring() {
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let store = SecretStore::open(&folder.path().join("config.toml")).await;
        store.set("guest", &"first".into()).await.unwrap();
        assert!(folder.path().join("secrets.toml").exists());
        assert!(store.load(&guest()).await.unwrap().get("guest").is_some());
    });
}

#[test]
#[ignore = "is run by another test, in a session of its own"]
fn in_a_session_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let start = Instant::now();
        let store = SecretStore::open(&folder.path().join("config.toml")).await;
        assert_eq!(store.load(&guest()).await, Err(SecretError::NoAnswer { seconds: 3 }));
        assert!(start.elapsed() < Duration::from_secs(5));
    });
}
