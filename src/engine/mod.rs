//! What is running: a stream for each of the configuration, and the RTSP server.

pub mod server;
mod state;

pub use state::{AccessState, EncoderReason, Encoding, ServerError, ServerState, StreamError, StreamState};
