//! The RTSP server: who may read what.

mod auth;
mod digest;
mod ffi;

pub use auth::{AccessTable, Auth, access_state};
