//! What becomes of a stream while its source is lost.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What those who watch get while the source is lost. `slate = "last"`, `slate = "off"` or
/// `slate.picture = "/pictures/break.png"` in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slate {
    /// The last picture of the source, dimmed, and since when there is no signal.
    #[default]
    Last,
    /// A picture file, by its absolute path, and since when there is no signal.
    Picture(PathBuf),
    /// Nothing: a camera that is dead looks dead.
    Off,
}

impl Slate {
    /// How long a source that was there may bring no picture before it is lost, where nothing else is said: more than
    /// ordinary networks hold one up, and less than viewers wait.
    pub const LOST_AFTER_SECONDS: u32 = 5;

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

pub(super) const fn lost_after_seconds() -> u32 {
    Slate::LOST_AFTER_SECONDS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
pub(super) fn is_default_lost_after(seconds: &u32) -> bool {
    *seconds == Slate::LOST_AFTER_SECONDS
}
