//! What is said of a change that was not made.

use crate::control::ChangeError;

/// What happened and what to do, in one sentence or two.
pub fn change_error(error: &ChangeError) -> String {
    error.to_string()
}
