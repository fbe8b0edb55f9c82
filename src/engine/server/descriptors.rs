//! How many files and sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;

/// Raises the limit to what the system allows at most, as servers do: the usual 1024 is for programs that use
/// `select`, which nothing here does. Returns what is in force then.
pub fn raise_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        if let Err(error) = raised {
            tracing::warn!("the limit of open files cannot be raised: {error}");
            return current.unwrap_or(u64::MAX);
        }
    }
    maximum.unwrap_or(u64::MAX)
}

/// Whether the process could open something now.
pub fn are_left() -> bool {
    File::open("/dev/null").is_ok()
}
