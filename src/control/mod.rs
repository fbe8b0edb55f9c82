//! What every front end does with the engine: load, validate, save, apply. No GTK.

mod crash;

pub use crash::{LeftOff, Run};
