//! What was decided when the program was built.

/// The version, and whether there is a window in it.
pub const VERSION: &str = if cfg!(feature = "gui") {
    env!("CARGO_PKG_VERSION")
} else {
    concat!(env!("CARGO_PKG_VERSION"), " (without a window)")
};
