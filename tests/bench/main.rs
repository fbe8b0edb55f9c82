//! Measures the built program with real readers and a real window, prints a table and writes JSON.
//!
//! `cargo test --release --test bench` is the full form; with `-- --short` it takes some minutes, and only
//! tells working from broken. Figures are of this machine, and of a machine that does nothing else.

mod crowd;
mod crowds;
#[cfg(feature = "gui")]
mod desktop;
mod floor;
mod machine;
mod passthrough;
mod quality;
mod report;
mod resets;
mod serving;
mod sources;
#[cfg(feature = "gui")]
mod window;

#[path = "../program/mangled_exchanges.rs"]
mod mangled_exchanges;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../program/program.rs"]
mod program;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../program/rtsp.rs"]
mod rtsp;

use clap::Parser;
use report::{Report, Row};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Measures Headwater.
#[derive(Parser)]
struct Arguments {
    /// Some minutes: says whether it works, not how well
    #[arg(long)]
    short: bool,

    /// Where the figures go [default: bench.json in cargo's target folder]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Only what has one of these words in its name
    words: Vec<String>,

    /// Is the program that others are measured against; it starts itself so
    #[arg(long, value_name = "TRACE", hide = true)]
    floor: Option<PathBuf>,
}

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Short,
    Full,
}

impl Form {
    pub fn pick<T>(self, short: T, full: T) -> T {
        match self {
            Self::Short => short,
            Self::Full => full,
        }
    }
}

/// What is measured together, under the name that it is asked for by.
type Measurement = (&'static str, fn(Form) -> Vec<Row>);

const MEASUREMENTS: &[Measurement] = &[
    ("waking", serving::waking),
    ("joining", serving::joining),
    ("late", serving::late),
    ("memory", serving::memory),
    ("resets", resets::resets),
    #[cfg(feature = "gui")]
    ("start", window::start),
    #[cfg(feature = "gui")]
    ("stall", window::stall),
    #[cfg(feature = "gui")]
    ("previews", window::previews),
    #[cfg(feature = "gui")]
    ("preview", window::preview),
    #[cfg(feature = "gui")]
    ("scrolling", window::scrolling),
    ("bare pipeline", serving::bare_pipeline),
    ("crowds", crowds::crowds),
    ("sessions", crowds::sessions),
    ("mangled exchanges", crowds::mangled),
    ("kinds of source", sources::kinds),
    ("relay that is asleep", sources::cold_relay),
    ("passthrough", passthrough::one_film),
    ("distinct films", passthrough::distinct),
    ("losses and returns", sources::losses),
    ("loops", sources::loops),
];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(trace) = arguments.floor {
        floor::be(&trace);
        return ExitCode::SUCCESS;
    }
    let form = if arguments.short { Form::Short } else { Form::Full };
    let json =
        arguments.json.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench.json"));
    gst::init().expect("GStreamer starts");

    let mut report = Report::new(form == Form::Short);
    println!("{}", report.machine);
    for (name, measure) in MEASUREMENTS {
        if !arguments.words.is_empty() && !arguments.words.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        match catch_unwind(AssertUnwindSafe(|| measure(form))) {
            Ok(rows) => {
                rows.iter().for_each(|row| println!("\n{row}"));
                report.rows.extend(rows);
            }
            // What went wrong was said by the panic; the other rows are worth having.
            Err(_) => report.failed.push((*name).to_owned()),
        }
    }
    let text = serde_json::to_string_pretty(&report).expect("figures are JSON");
    std::fs::write(&json, text).unwrap_or_else(|error| panic!("{}: {error}", json.display()));
    println!("\nwritten to {}", json.display());

    let complaints = report.complaints();
    complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
