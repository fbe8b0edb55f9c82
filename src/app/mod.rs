//! Starts a front end: the command line, the window, or the server without a window.

#[cfg(feature = "gui")]
mod application;
mod build_info;
mod cli;
mod headless;
mod logging;
mod refusal_log;
mod viewer_log;

use crate::config::ConfigFile;
use crate::config::{Password, SecretError, SecretStore, default_path};
use crate::control;
use anyhow::{Context, bail};
use clap::Parser;
use cli::Cli;
use futures_lite::future::block_on;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Does what the command line says. The code is 0 after a clean end.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    logging::init();
    #[cfg(feature = "gui")]
    if cli.gapplication_service {
        return serve_the_bus();
    }
    let config = cli.config.unwrap_or_else(default_path);
    let result = if cli.check_config {
        check(&config)
    } else if let Some(user) = cli.set_password {
        set_password(&config, &user)
    } else if cli.headless {
        headless::run(config)
    } else {
        return show(config);
    };
    exit_code(result)
}

fn exit_code(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("headwater: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Serves with a window, or without one where there is no display.
fn show(config: PathBuf) -> ExitCode {
    #[cfg(feature = "gui")]
    match application::run(config.clone(), gio::ApplicationFlags::empty()) {
        Ok(code) => return code,
        Err(_) => eprintln!("headwater: there is no display, so it serves without a window"),
    }
    exit_code(headless::run(config))
}

/// Whoever asks the bus wants a window: without a display nothing is served in its place.
#[cfg(feature = "gui")]
fn serve_the_bus() -> ExitCode {
    application::run(default_path(), gio::ApplicationFlags::IS_SERVICE).unwrap_or_else(|_| {
        exit_code(Err(anyhow::anyhow!(
            "there is no display for the window: start it in a session that has one, or use --headless"
        )))
    })
}

fn check(config: &Path) -> anyhow::Result<()> {
    let file = control::load(config)?;
    if file.exists() {
        println!("{}: no problems", config.display());
    } else {
        println!("{} does not exist: Headwater would serve a demo", config.display());
    }
    Ok(())
}

fn set_password(config: &Path, user: &str) -> anyhow::Result<()> {
    let password = read_password(user)?;
    block_on(async {
        let store = SecretStore::open(config).await;
        match store.set(user, &password).await {
            Err(SecretError::Locked) => {
                eprintln!("The keyring is locked: it is asking for its own password.");
                store.unlock().await?;
                store.set(user, &password).await
            }
            result => result,
        }
    })?;
    println!("The password of {user} is kept. A Headwater that runs already takes it at its next start.");
    let known = ConfigFile::load(config)
        .is_ok_and(|file| file.config().password_keys().iter().any(|key| key == user));
    if let Some(stream) = user.strip_prefix("relay:").filter(|_| !known) {
        println!("{} has no stream {stream} that is a relay with a user.", config.display());
    } else if !known {
        println!("{} has no user {user} yet: add [[users]] with name = \"{user}\".", config.display());
    }
    Ok(())
}

/// One line of standard input. On a terminal it is asked for, and not shown.
fn read_password(user: &str) -> anyhow::Result<Password> {
    let input = io::stdin();
    let hidden = input.is_terminal().then(|| HiddenInput::begin(user)).transpose()?;
    let mut line = String::new();
    input.read_line(&mut line).context("the password cannot be read")?;
    drop(hidden);
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        bail!("no password was given: write it as one line of standard input");
    }
    // RFC 7617, section 2, and the name of whoever tries to type it.
    if password.chars().any(char::is_control) {
        bail!("a password cannot have control characters: choose another one");
    }
    Ok(password.into())
}

/// While it exists, what is typed is not shown.
struct HiddenInput(rustix::termios::Termios);

impl HiddenInput {
    fn begin(user: &str) -> anyhow::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes -= LocalModes::ECHO;
        hidden.local_modes |= LocalModes::ECHONL;
        eprint!("Password of {user}: ");
        io::stderr().flush()?;
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, &self.0);
    }
}
