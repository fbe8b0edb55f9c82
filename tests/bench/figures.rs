//! What was measured: a table for people, JSON for programs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// The figure is good below it.
    goal: Option<f64>,
}

#[derive(Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    pub fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str, goal: Option<f64>) {
        let figure = Figure { name: name.into(), value, unit, goal };
        println!("{}", figure.line());
        self.0.push(figure);
    }

    pub fn add_milliseconds(&mut self, name: impl Into<String>, value: Duration, goal: Option<f64>) {
        self.add(name, value.as_secs_f64() * 1000.0, "ms", goal);
    }

    pub fn are_good(&self, slack: f64) -> bool {
        self.0.iter().all(|figure| figure.goal.is_none_or(|goal| figure.value <= goal * slack))
    }

    /// Writes `target/bench.json`, and says on which machine this was.
    pub fn write(&self) {
        let figures: Vec<String> = self.0.iter().map(Figure::json).collect();
        let json = format!("{{\"machine\": {:?}, \"figures\": [\n{}\n]}}\n", machine(), figures.join(",\n"));
        let target =
            Path::new(env!("CARGO_BIN_EXE_headwater")).ancestors().nth(2).expect("target/profile/program");
        let file = target.join("bench.json");
        fs::write(&file, json).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        println!("{}\nwritten to {}", machine(), file.display());
    }
}

impl Figure {
    fn line(&self) -> String {
        let mut line = format!("{:<84} {:>8.2} {:<2}", self.name, self.value, self.unit);
        if let Some(goal) = self.goal {
            let verdict = if self.value <= goal { "" } else { "  MISSED" };
            write!(line, " goal {goal}{verdict}").expect("a string can be written to");
        }
        line.trim_end().to_owned()
    }

    fn json(&self) -> String {
        let goal = self.goal.map_or("null".to_owned(), |goal| goal.to_string());
        format!(
            "{{\"name\": {:?}, \"value\": {:.3}, \"unit\": {:?}, \"goal\": {goal}}}",
            self.name, self.value, self.unit
        )
    }
}

/// The machine in a line: its processor, how many of its cores, and the profile of the build.
fn machine() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.to_owned()))
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!("{model}, {cores} cores, {profile} build")
}

/// Of sorted values: the one below which this share lies.
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted[place.clamp(1, sorted.len()) - 1]
}
