//! The figures, as a table for people and as JSON.

use crate::machine::Machine;
use crate::quality::{Picture, encoder};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Everything that one run measured.
#[derive(Serialize)]
pub struct Report {
    pub machine: Machine,
    pub version: &'static str,
    /// `release` or `debug`, of the program and of this one.
    pub profile: &'static str,
    pub short: bool,
    pub rows: Vec<Row>,
    /// What could not be measured.
    pub failed: Vec<String>,
}

/// Figures of one workload.
#[derive(Serialize)]
pub struct Row {
    pub name: &'static str,
    pub workload: String,
    /// The GStreamer element and its preset.
    pub encoder: Option<String>,
    /// GTK's, where a window is shown.
    pub renderer: Option<&'static str>,
    /// Of the picture.
    pub size: &'static str,
    /// The served picture against the source's, 0 to 1.
    pub ssim: Option<f64>,
    pub figures: Vec<Figure>,
    /// The threads that took the most processor time, in percent of one core.
    pub threads: Vec<(String, f64)>,
}

#[derive(Serialize)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
    /// At most this is wanted.
    pub goal: Option<f64>,
    /// More than this is broken, on any machine and in any build.
    pub bound: Option<f64>,
}

impl Report {
    pub fn new(short: bool) -> Self {
        Self {
            machine: Machine::this(),
            version: env!("CARGO_PKG_VERSION"),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            short,
            rows: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// What is broken, a sentence each.
    pub fn complaints(&self) -> Vec<String> {
        let failed = self.failed.iter().map(|name| format!("{name}: could not be measured"));
        let broken = self.rows.iter().flat_map(|row| {
            row.figures.iter().filter_map(|figure| {
                let bound = figure.bound.filter(|bound| figure.value > *bound)?;
                Some(format!(
                    "{}: {} is {:.1} {}, and more than {bound} is broken",
                    row.name, figure.name, figure.value, figure.unit
                ))
            })
        });
        failed.chain(broken).collect()
    }
}

impl Row {
    /// Of a picture that Headwater encodes, without a window; its figures are to come.
    pub fn of(name: &'static str, workload: impl Into<String>, picture: Picture) -> Self {
        Self {
            name,
            workload: workload.into(),
            encoder: Some(encoder()),
            renderer: None,
            size: picture.words,
            ssim: None,
            figures: Vec::new(),
            threads: Vec::new(),
        }
    }
}

impl Figure {
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, goal: None, bound: None }
    }

    pub fn ms(name: impl Into<String>, value: Duration) -> Self {
        Self::new(name, value.as_secs_f64() * 1000.0, "ms")
    }

    pub fn goal(mut self, most: f64) -> Self {
        self.goal = Some(most);
        self
    }

    pub fn bound(mut self, most: f64) -> Self {
        self.bound = Some(most);
        self
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.workload)?;
        let encoder = self.encoder.as_deref().map(|encoder| format!("; {encoder}"));
        let renderer = self.renderer.map(|renderer| format!("; renderer {renderer}"));
        let ssim = self.ssim.map(|ssim| format!("; SSIM {ssim:.4}"));
        let [encoder, renderer, ssim] = [encoder, renderer, ssim].map(Option::unwrap_or_default);
        writeln!(f, "  {}{encoder}{renderer}{ssim}", self.size)?;
        for Figure { name, value, unit, goal, .. } in &self.figures {
            write!(f, "    {name:<44} {value:>9.2} {unit:<5}")?;
            match goal {
                Some(goal) if value <= goal => writeln!(f, "  goal {goal}: met")?,
                Some(goal) => writeln!(f, "  goal {goal}: MISSED")?,
                None => writeln!(f)?,
            }
        }
        for (thread, percent) in &self.threads {
            writeln!(f, "    {:<44} {percent:>9.2} %", format!("thread {thread}"))?;
        }
        Ok(())
    }
}

/// The smallest value that this share of all is not above (nearest rank).
pub fn quantile<T: Ord + Copy>(values: &[T], share: f64) -> T {
    let mut sorted = values.to_vec();
    sorted.sort();
    sorted[((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len()) - 1]
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
