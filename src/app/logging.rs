//! What the program says to whoever watches it: on standard error, in English. GStreamer's own log stays under
//! `GST_DEBUG`.

use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;

/// Starts the log. `HEADWATER_LOG` says how much, in the words of tracing's filters: `debug`, or
/// `headwater::engine=trace`.
pub fn init() {
    let filter =
        EnvFilter::try_from_env("HEADWATER_LOG").unwrap_or_else(|_| EnvFilter::new("warn,headwater=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
}
