//! Where a stream's pictures come from.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One kind of source. Externally tagged, so that a typo is reported at its own line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    Pattern(PatternSource),
    File(FileSource),
}

/// A test pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatternSource {
    /// The name of a pattern of GStreamer's `videotestsrc`: `smpte`, `ball`, …
    pub pattern: String,
}

/// Video files, played one after the other, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// Absolute paths; at least one.
    pub locations: Vec<PathBuf>,
}
