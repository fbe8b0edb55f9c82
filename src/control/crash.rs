//! Notices that the last run crashed, and which streams were starting then: a mark in the state folder, one for
//! each configuration.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

/// Two crashes within this time are one too many. Seconds.
const SOON: u64 = 5 * 60;

/// What was left off because the last run crashed. It holds for this run; the configuration is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOff {
    /// The streams that were starting; there may be none.
    Starting { ids: BTreeSet<String> },
    /// Every stream: it was the second crash within five minutes.
    Everything,
}

/// What is known about the run of a configuration. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
struct Mark {
    /// For whoever looks into the folder.
    config: PathBuf,
    /// None after a clean end.
    running_since: Option<u64>,
    /// Streams that are starting now.
    starting: BTreeSet<String>,
    /// When it was noticed that a run had crashed.
    crashes: Vec<u64>,
}

/// What to leave off after the last run, and the mark of the new one.
fn begin(last: Mark, now: u64) -> (Option<LeftOff>, Mark) {
    let crashed = last.running_since.is_some();
    let mut crashes = last.crashes;
    crashes.extend(crashed.then_some(now));
    crashes.retain(|crash| now.saturating_sub(*crash) <= SOON);
    let left_off = match crashes.len() {
        _ if !crashed => None,
        0 | 1 => Some(LeftOff::Starting { ids: last.starting }),
        _ => Some(LeftOff::Everything),
    };
    let mark = Mark { config: last.config, running_since: Some(now), starting: BTreeSet::new(), crashes };
    (left_off, mark)
}

/// The mark of this run, until it is dropped after [`Run::end`]. Dropped without, it counts as a crash.
#[derive(Debug)]
pub struct Run {
    mark: Mark,
    /// Marks for the thread that writes them, in order.
    writer: Sender<Mark>,
    thread: JoinHandle<()>,
}

impl Run {
    /// Starts a run of a configuration; says what to leave off. This blocks: not for the main thread.
    ///
    /// # Errors
    /// The mark cannot be written.
    pub fn begin(folder: &Path, config: &Path) -> io::Result<(Option<LeftOff>, Self)> {
        let config = fs::canonicalize(config).or_else(|_| std::path::absolute(config))?;
        let hash = Sha256::digest(config.as_os_str().as_encoded_bytes());
        let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let path = folder.join(format!("run-{name}.toml"));

        fs::create_dir_all(folder)?;
        let last = match fs::read_to_string(&path) {
            // A mark that cannot be read says nothing.
            Ok(text) => toml::from_str(&text).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::NotFound => Mark::default(),
            Err(error) => return Err(error),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (left_off, mark) = begin(Mark { config, ..last }, now);
        write(&path, &mark)?;

        let (writer, marks) = mpsc::channel();
        let thread = std::thread::Builder::new().name("crash-mark".into()).spawn(move || {
            for mark in marks {
                if let Err(error) = write(&path, &mark) {
                    tracing::warn!("{} cannot be written: {error}", path.display());
                }
            }
        })?;
        Ok((left_off, Self { mark, writer, thread }))
    }

    /// Notes which streams are starting. Written on a thread of its own, this returns at once.
    pub fn set_starting(&mut self, ids: BTreeSet<String>) {
        if self.mark.starting != ids {
            self.mark.starting = ids;
            self.send();
        }
    }

    /// Notes that the run ended cleanly; returns when that is written.
    pub fn end(mut self) {
        self.mark.running_since = None;
        self.mark.starting.clear();
        self.send();
        drop(self.writer);
        if self.thread.join().is_err() {
            tracing::warn!("the clean end was not noted");
        }
    }

    /// What is left behind when the program does not end cleanly.
    #[cfg(test)]
    pub fn crash(self) {
        drop(self.writer);
        self.thread.join().unwrap();
    }

    fn send(&self) {
        // The thread ends only with the channel.
        let _ = self.writer.send(self.mark.clone());
    }
}

/// Not synced to the disk: it has to outlive the program, and a power failure is no crash.
fn write(path: &Path, mark: &Mark) -> io::Result<()> {
    let text = toml::to_string(mark).map_err(io::Error::other)?;
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_000_000;

    fn ids(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).into()).collect()
    }

    fn crashed_while_starting(starting: &[&str], crashes: &[u64]) -> Mark {
        Mark {
            running_since: Some(NOON - 10),
            starting: ids(starting),
            crashes: crashes.into(),
            ..Mark::default()
        }
    }

    #[test]
    fn after_a_clean_end_everything_starts() {
        let (left_off, mark) = begin(Mark::default(), NOON);
        assert_eq!(left_off, None);
        assert_eq!(mark.running_since, Some(NOON));
        // Even if it crashed twice before.
        let last = Mark { crashes: vec![NOON - 2, NOON - 1], ..Mark::default() };
        assert_eq!(begin(last, NOON).0, None);
    }

    #[test]
    fn after_a_crash_the_stream_that_was_starting_is_left_off() {
        let (left_off, mark) = begin(crashed_while_starting(&["lobby"], &[]), NOON);
        assert_eq!(left_off, Some(LeftOff::Starting { ids: ids(&["lobby"]) }));
        assert_eq!((mark.starting, mark.crashes), (ids(&[]), vec![NOON]));
        let (left_off, _) = begin(crashed_while_starting(&[], &[]), NOON);
        assert_eq!(left_off, Some(LeftOff::Starting { ids: ids(&[]) }));
    }

    #[test]
    fn after_two_crashes_within_five_minutes_everything_is_left_off() {
        for (before, left_off) in
            [(SOON, LeftOff::Everything), (SOON + 1, LeftOff::Starting { ids: ids(&["lobby"]) })]
        {
            let last = crashed_while_starting(&["lobby"], &[NOON - before]);
            assert_eq!(begin(last, NOON).0, Some(left_off), "{before} s");
        }
    }

    #[test]
    fn a_run_that_does_not_end_is_noticed_by_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let config = folder.path().join("config.toml");
        let begin = |config: &Path| Run::begin(&state, config).unwrap();

        let (left_off, mut run) = begin(&config);
        assert_eq!(left_off, None);
        run.set_starting(ids(&["hall", "lobby"]));
        run.set_starting(ids(&["lobby"]));
        run.crash();

        // Another configuration has nothing to do with it.
        let (left_off, other) = begin(&folder.path().join("other.toml"));
        assert_eq!(left_off, None);
        other.end();

        let (left_off, run) = begin(&config);
        assert_eq!(left_off, Some(LeftOff::Starting { ids: ids(&["lobby"]) }));
        run.end();
        let (left_off, run) = begin(&config);
        assert_eq!(left_off, None);
        run.end();
    }

    #[test]
    fn a_mark_that_cannot_be_read_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.toml");
        Run::begin(folder.path(), &config).unwrap().1.end();
        let path = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        fs::write(path, "running_since = \"long\"").unwrap();
        let (left_off, run) = Run::begin(folder.path(), &config).unwrap();
        assert_eq!(left_off, None);
        run.end();
    }
}
