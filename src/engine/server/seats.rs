//! How many may read at the same time: of one stream, of all, from one address. A reader has a seat from its SETUP to
//! the end of its session.

use super::readers::client_key;
use crate::config::{Config, Limits};
use crate::engine::state::{LimitScope, RefusalReason};
use gst_rtsp_server::RTSPClient;
use std::collections::HashMap;
use std::sync::Mutex;

/// Read and written by the threads that answer requests.
#[derive(Debug, Default)]
pub struct Seats(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    limits: Limits,
    /// Of the streams that have one of their own, by id.
    of_streams: HashMap<String, u32>,
    /// By session.
    taken: HashMap<String, Seat>,
    /// By connection: its SETUP is being done, which may fail.
    promised: HashMap<usize, Seat>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seat {
    stream: String,
    address: String,
}

impl Seats {
    /// Who has a seat keeps it.
    pub fn set_limits(&self, config: &Config) {
        let of_stream =
            |stream: &crate::config::StreamConfig| Some((stream.id.clone(), stream.readers_limit?));
        let mut state = self.0.lock().unwrap();
        state.limits = config.limits;
        state.of_streams = config.streams.iter().filter_map(of_stream).collect();
    }

    /// Promises a seat to a connection that begins a session, of which there are so many.
    pub fn ask(
        &self,
        client: &RTSPClient,
        stream: &str,
        address: &str,
        sessions: u32,
    ) -> Result<(), RefusalReason> {
        let seat = Seat { stream: stream.into(), address: address.into() };
        self.0.lock().unwrap().ask(client_key(client), seat, sessions)
    }

    /// The session was begun.
    pub fn take(&self, client: &RTSPClient, session: &str) {
        let mut state = self.0.lock().unwrap();
        if let Some(seat) = state.promised.remove(&client_key(client)) {
            state.taken.insert(session.into(), seat);
        }
    }

    /// The session has ended.
    pub fn free(&self, session: &str) {
        self.0.lock().unwrap().taken.remove(session);
    }

    /// The connection was closed.
    pub fn forget(&self, client: usize) {
        self.0.lock().unwrap().promised.remove(&client);
    }
}

impl State {
    fn ask(&mut self, client: usize, seat: Seat, sessions: u32) -> Result<(), RefusalReason> {
        // One that asks again after a SETUP that failed.
        self.promised.remove(&client);
        if sessions >= self.limits.sessions {
            return Err(RefusalReason::TooManySessions { most: self.limits.sessions });
        }
        let of_stream = self.of_streams.get(&seat.stream).copied().unwrap_or(self.limits.readers_per_stream);
        let count = |wanted: &dyn Fn(&Seat) -> bool| {
            self.taken.values().chain(self.promised.values()).filter(|taken| wanted(taken)).count() as u64
        };
        for (scope, most, taken) in [
            (LimitScope::Stream, of_stream, count(&|taken| taken.stream == seat.stream)),
            (
                LimitScope::Address,
                self.limits.readers_per_address,
                count(&|taken| taken.address == seat.address),
            ),
            (LimitScope::Server, self.limits.readers, count(&|_| true)),
        ] {
            if taken >= u64::from(most) {
                return Err(RefusalReason::TooManyReaders { scope, most });
            }
        }
        self.promised.insert(client, seat);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(stream: &str, address: &str) -> Seat {
        Seat { stream: stream.into(), address: address.into() }
    }

    fn refused(state: &mut State, stream: &str, address: &str) -> Option<LimitScope> {
        match state.ask(9, seat(stream, address), 0) {
            Ok(()) => None,
            Err(RefusalReason::TooManyReaders { scope, .. }) => Some(scope),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reader_is_refused_by_the_closest_limit() {
        let limits = Limits { readers: 4, readers_per_stream: 2, readers_per_address: 3, sessions: 10 };
        let mut state = State { limits, ..State::default() };
        for (session, stream, address) in [("1", "lobby", "a"), ("2", "lobby", "b"), ("3", "yard", "b")] {
            state.taken.insert(session.into(), seat(stream, address));
        }
        assert_eq!(refused(&mut state, "lobby", "c"), Some(LimitScope::Stream));
        assert_eq!(refused(&mut state, "yard", "b"), None);
        state.taken.insert("4".into(), seat("hall", "b"));
        assert_eq!(refused(&mut state, "yard", "b"), Some(LimitScope::Address));
        assert_eq!(refused(&mut state, "yard", "c"), Some(LimitScope::Server));
        state.of_streams.insert("lobby".into(), 5);
        state.limits.readers = 5;
        assert_eq!(refused(&mut state, "lobby", "a"), None, "its own limit is what counts");
        assert_eq!(state.ask(1, seat("hall", "a"), 10), Err(RefusalReason::TooManySessions { most: 10 }));
    }

    #[test]
    fn a_seat_is_promised_once_to_a_connection_and_counts_meanwhile() {
        let limits = Limits { readers_per_stream: 1, ..Limits::default() };
        let mut state = State { limits, ..State::default() };
        assert_eq!(state.ask(1, seat("lobby", "a"), 0), Ok(()));
        assert_eq!(state.ask(1, seat("lobby", "a"), 0), Ok(()), "its SETUP failed before");
        assert!(state.ask(2, seat("lobby", "a"), 0).is_err());
    }
}
