//! Says in the log who begins to watch, and who has gone.

use crate::config::ReaderTransport;
use crate::engine::{Engine, Reader, Stream};
use gio::prelude::*;
use std::cell::RefCell;

/// From now on, for as long as the engine lives.
pub fn follow(engine: &Engine) {
    let known = RefCell::new(Vec::<Reader>::new());
    let weak = engine.downgrade();
    engine.readers().connect_items_changed(move |readers, place, removed, added| {
        let Some(engine) = weak.upgrade() else { return };
        let new = (place..place + added).filter_map(|place| readers.item(place).and_downcast::<Reader>());
        let new: Vec<Reader> = new.inspect(|reader| tell_new(&engine, reader)).collect();
        let (from, to) = (place as usize, (place + removed) as usize);
        known.borrow_mut().splice(from..to, new).for_each(|reader| tell_gone(&engine, &reader));
    });
}

fn tell_new(engine: &Engine, reader: &Reader) {
    let (who, way) = (who(reader), way(reader.transport()));
    let program = match plain(&reader.program()) {
        program if program.is_empty() => program,
        program => format!(" ({program})"),
    };
    tracing::info!("{}: {who} watches over {way}{program}", name(engine, reader));
}

fn tell_gone(engine: &Engine, reader: &Reader) {
    let now = glib::DateTime::now_utc().map_or(0, |now| now.to_unix());
    let (seconds, (packets, bytes)) = ((now - reader.since()).max(0), reader.handed());
    let who = who(reader);
    tracing::info!(
        "{}: {who} has gone after {seconds} s, {packets} packets, {bytes} bytes",
        name(engine, reader)
    );
}

fn way(transport: ReaderTransport) -> &'static str {
    match transport {
        ReaderTransport::Udp => "UDP",
        ReaderTransport::Tcp => "TCP",
        ReaderTransport::Http => "an HTTP tunnel",
        ReaderTransport::Rtsps => "RTSPS",
        ReaderTransport::Multicast => "multicast",
    }
}

fn who(reader: &Reader) -> String {
    let (address, user) = (reader.address(), plain(&reader.user()));
    if user.is_empty() { address } else { format!("{user} at {address}") }
}

/// What a reader sent is no line of its own.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The stream may have been removed meanwhile.
fn name(engine: &Engine, reader: &Reader) -> String {
    let streams = engine.streams();
    let stream = streams.iter::<Stream>().flatten().find(|stream| stream.id() == reader.stream());
    stream.map_or_else(|| reader.stream(), |stream| stream.name())
}
