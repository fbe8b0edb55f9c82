//! States and errors as translated sentences: what it is, what happened, what to do. Used by `ui` and `app`.

mod access;
mod pattern;
mod problem;
mod server;
mod stream;

pub use access::access_state;
pub use pattern::pattern;
pub use problem::problem;
pub use server::server_state;
pub use stream::{stream_state, viewers};

/// What is said of a state or an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// One or two words.
    pub title: String,
    /// A sentence that says what happened.
    pub detail: Option<String>,
    /// A sentence that says what to do.
    pub hint: Option<String>,
}
