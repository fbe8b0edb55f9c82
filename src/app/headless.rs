//! Serves without a window: addresses on standard output, what happens on standard error.

use super::{refusal_log, viewer_log};
use crate::control::Control;
use crate::engine::{AccessState, EncryptionState, Engine, ServerState, Stream, StreamState};
use anyhow::anyhow;
use async_signal::{Signal, Signals};
use futures_lite::{StreamExt, future};
use gio::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;

/// Serves a configuration until SIGINT or SIGTERM, or until the server cannot listen.
pub fn run(config: PathBuf) -> anyhow::Result<()> {
    let context = glib::MainContext::default();
    context.with_thread_default(|| context.block_on(serve(config)))?
}

async fn serve(config: PathBuf) -> anyhow::Result<()> {
    let mut signals = Signals::new([Signal::Int, Signal::Term])?;
    let opened = future::or(async { Some(Control::open(config).await) }, async {
        signals.next().await;
        None
    });
    let Some(control) = opened.await else { return Ok(()) };
    let control = control?;
    announce(control.engine());
    refusal_log::follow(control.engine());
    viewer_log::follow(control.engine());

    let result = future::or(failure(control.engine()), async {
        if let Some(Ok(signal)) = signals.next().await {
            tracing::info!("ending: {signal:?}");
        }
        Ok(())
    });
    let result = result.await;
    control.close().await;
    result
}

/// Waits until the server cannot listen.
async fn failure(engine: &Engine) -> anyhow::Result<()> {
    let (sender, failures) = async_channel::unbounded();
    let look = move |engine: &Engine| {
        if let ServerState::Failed { reason } = engine.server_state() {
            let _ = sender.try_send(reason);
        }
    };
    look(engine);
    let handler = engine.connect_server_state_notify(look);
    let failure = failures.recv().await;
    engine.disconnect(handler);
    Err(anyhow!(failure?).context("the server cannot listen"))
}

/// Says what each stream does, and its address as soon as it can be read. Without a window the list of streams
/// does not change.
fn announce(engine: &Engine) {
    let printed = Rc::new(RefCell::new(HashMap::new()));
    let weak = engine.downgrade();
    let look = move |stream: &Stream| {
        if let Some(engine) = weak.upgrade() {
            print_addresses(&engine, stream, &mut printed.borrow_mut());
        }
    };
    for stream in engine.streams().iter::<Stream>().flatten() {
        tell_access(&stream);
        look(&stream);
        let see = look.clone();
        stream.connect_state_notify(move |stream| {
            tell_state(stream);
            see(stream);
        });
        stream.connect_microphone_problem_notify(tell_microphone);
        let see = look.clone();
        stream.connect_access_notify(move |stream| {
            tell_access(stream);
            see(stream);
        });
    }
    tell_encryption(engine);
    engine.connect_encryption_notify(tell_encryption);
    engine.connect_places_notify(move |engine| {
        engine.streams().iter::<Stream>().flatten().for_each(|stream| look(&stream));
    });
}

/// Once for each stream and address.
fn print_addresses(engine: &Engine, stream: &Stream, printed: &mut HashMap<String, Vec<String>>) {
    let state = stream.state();
    // Whoever sends to it needs the address first.
    let is_there = matches!(state, StreamState::Ready | StreamState::Live) || state.awaits_publisher();
    let readable = is_there && matches!(stream.access(), AccessState::Open | AccessState::Protected);
    let Some(place) = engine.places().likely().filter(|_| readable).cloned() else { return };
    let addresses = place.addresses(stream);
    let before = printed.insert(stream.id(), addresses.clone()).unwrap_or_default();
    for address in addresses.iter().filter(|address| !before.contains(address)) {
        // Nobody has to listen.
        let _ = writeln!(std::io::stdout(), "{}: {address}", stream.name());
    }
}

/// Why RTSPS fails is told where it does.
fn tell_encryption(engine: &Engine) {
    if let EncryptionState::Listening { certificate, .. } = engine.encryption() {
        tracing::info!("RTSPS: the certificate has the SHA-256 fingerprint {}", certificate.fingerprint);
    }
}

fn tell_state(stream: &Stream) {
    let name = stream.name();
    match stream.state() {
        StreamState::Stopped => tracing::info!("{name}: off"),
        StreamState::Starting => tracing::info!("{name}: starting"),
        StreamState::Ready => tracing::info!("{name}: ready"),
        StreamState::Live => tracing::info!("{name}: live"),
        state if state.awaits_publisher() => tracing::info!("{name}: waiting: nobody sends to it"),
        StreamState::Reconnecting { reason, .. } => tracing::warn!("{name}: trying again: {reason}"),
        StreamState::Failed { reason } => tracing::error!("{name}: failed: {reason}"),
    }
}

fn tell_microphone(stream: &Stream) {
    let name = stream.name();
    match stream.microphone_problem() {
        Some(reason) => tracing::warn!("{name}: its microphone is not heard: {reason}"),
        None => tracing::info!("{name}: its microphone is heard"),
    }
}

fn tell_access(stream: &Stream) {
    let name = stream.name();
    match stream.access() {
        AccessState::Open | AccessState::Protected => {}
        AccessState::PasswordMissing { users } => {
            for user in users {
                tracing::warn!(
                    "{name}: {user} has no password yet: run headwater --set-password \"{user}\" with the same --config, then start again"
                );
            }
        }
        AccessState::KeyringLocked => {
            tracing::warn!(
                "{name}: the keyring is locked, so nobody can log in: unlock it, then start again"
            );
        }
    }
}
