//! `build-aux/shell cargo test --release --test bench` measures what is promised in CONTRIBUTING.md, prints a table
//! and writes `target/bench.json`. `-- --short` is a quick look that fails only where a figure is far from its goal: on a
//! machine that does other things, nothing more can be said.

mod figures;
mod serving;
#[cfg(feature = "gui")]
mod window;

#[path = "../program/program.rs"]
#[expect(dead_code, reason = "shared with the tests, which use more of it")]
mod program;
#[path = "../program/rtsp.rs"]
#[expect(dead_code, reason = "shared with the tests, which use more of it")]
mod rtsp;

use figures::Figures;
use std::process::ExitCode;

/// How long and how often is measured.
pub struct Extent {
    pub seconds: u64,
    pub starts: u32,
    pub readers: u32,
    /// How many times its goal a figure may be.
    pub slack: f64,
}

fn main() -> ExitCode {
    #[cfg(feature = "gui")]
    if window::is_asked_for() {
        return window::show();
    }
    let short = std::env::args().any(|argument| argument == "--short");
    let extent = if short {
        Extent { seconds: 3, starts: 5, readers: 20, slack: 4.0 }
    } else {
        Extent { seconds: 10, starts: 20, readers: 100, slack: 1.0 }
    };
    let mut figures = Figures::default();
    serving::measure(&extent, &mut figures);
    #[cfg(feature = "gui")]
    window::measure(&extent, &mut figures);
    figures.write();
    if figures.are_good(extent.slack) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
