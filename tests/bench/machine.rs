//! What this machine is, and what a process takes of it: from `/proc`.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

/// Linux gives processor times in ticks of this length (USER_HZ), whatever the kernel counts in.
const TICK: Duration = Duration::from_millis(10);

#[derive(Serialize)]
pub struct Machine {
    processor: String,
    cores: usize,
    memory_mb: u64,
    kernel: String,
    gstreamer: String,
    /// Processes that wanted a core, on average over the minute before.
    load_before: f64,
}

impl Machine {
    pub fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo");
        let processor = processor.lines().find(|line| line.starts_with("model name"));
        let first_number = |text: String| text.split_whitespace().next().and_then(|word| word.parse().ok());
        Self {
            processor: processor.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mb: kilobytes(&read("/proc/meminfo"), "MemTotal") / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            gstreamer: gst::version_string().to_string(),
            load_before: first_number(read("/proc/loadavg")).unwrap_or_default(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { processor, cores, memory_mb, kernel, gstreamer, load_before } = self;
        write!(f, "{cores} cores of {processor}, {memory_mb} MB, Linux {kernel}, {gstreamer}, ")?;
        write!(f, "load before {load_before}")?;
        if *load_before > 0.5 {
            write!(f, " (others are at work here: figures are worse than they should be)")?;
        }
        Ok(())
    }
}

/// The processor time that a process and its threads had until a moment.
pub struct Usage {
    at: Instant,
    process: Duration,
    threads: BTreeMap<u32, (String, Duration)>,
}

impl Usage {
    pub fn of(pid: u32) -> Self {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
        let threads = threads.filter_map(|entry| {
            let entry = entry.ok()?;
            // A thread can end meanwhile.
            let (name, time) = times(&fs::read_to_string(entry.path().join("stat")).ok()?)?;
            Some((entry.file_name().to_str()?.parse().ok()?, (name, time)))
        });
        let threads = threads.collect();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
        let (_, process) = times(&stat).expect("a line of /proc/PID/stat");
        Self { at: Instant::now(), process, threads }
    }

    /// The processor time since then.
    pub fn since(&self, before: &Self) -> Duration {
        self.process.saturating_sub(before.process)
    }

    /// As a share of one core, in percent.
    pub fn percent_since(&self, before: &Self) -> f64 {
        100.0 * self.since(before).as_secs_f64() / (self.at - before.at).as_secs_f64()
    }

    /// What the threads of this name took, in percent of one core.
    pub fn thread_since(&self, before: &Self, name: &str) -> f64 {
        let threads = self.threads.iter().filter(|(_, (thread, _))| thread == name);
        let taken = threads.map(|(id, (_, time))| {
            let earlier = before.threads.get(id).map_or(Duration::ZERO, |(_, time)| *time);
            time.saturating_sub(earlier).as_secs_f64()
        });
        100.0 * taken.sum::<f64>() / (self.at - before.at).as_secs_f64()
    }

    /// Threads by name, the busiest first, in percent of one core. Those of one name are one; x264's have the
    /// name of the queue before it.
    pub fn threads_since(&self, before: &Self) -> Vec<(String, f64)> {
        let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
        for (id, (name, time)) in &self.threads {
            let earlier = before.threads.get(id).map_or(Duration::ZERO, |(_, time)| *time);
            *shares.entry(name).or_default() += time.saturating_sub(earlier).as_secs_f64();
        }
        let ended = self.since(before).as_secs_f64() - shares.values().sum::<f64>();
        shares.insert("(ended meanwhile)", ended.max(0.0));
        let elapsed = (self.at - before.at).as_secs_f64();
        let mut shares: Vec<(String, f64)> =
            shares.into_iter().map(|(name, time)| (name.to_owned(), 100.0 * time / elapsed)).collect();
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        shares.truncate(6);
        shares
    }
}

/// The name and the processor time, user's and system's, of a line of `/proc/PID/stat` (proc(5)).
fn times(stat: &str) -> Option<(String, Duration)> {
    let (start, end) = (stat.find('(')?, stat.rfind(')')?);
    let mut fields = stat[end + 1..].split_whitespace();
    let user: u32 = fields.nth(11)?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((stat[start + 1..end].to_owned(), TICK * (user + system)))
}

/// The memory that a process has in use (resident), in MB.
pub fn resident_memory(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    kilobytes(&status, "VmRSS") as f64 / 1024.0
}

fn kilobytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.split(':').next() == Some(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or_default()
}

pub fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs").count()
}

/// The files and sockets that a process has open.
pub fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("the process runs").count()
}
