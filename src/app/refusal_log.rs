//! Tells of refused readers in the log: one line for each, and one more when it was refused 10, 100, … times.

use crate::engine::{Engine, Refusal};
use gio::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Lines in [`SPAN`]: whoever comes from many addresses does not fill a disk.
const LINES: u32 = 30;
const SPAN: Duration = Duration::from_secs(60);

/// Tells from now on of those whom the engine refuses.
pub fn follow(engine: &Engine) {
    let pace = Rc::new(RefCell::new(Pace::default()));
    engine.refusals().connect_items_changed(move |refusals, place, _, added| {
        for refusal in (place..place + added).filter_map(|place| refusals.item(place)) {
            let Ok(refusal) = refusal.downcast::<Refusal>() else { continue };
            tell(&refusal, &pace);
            let told = RefCell::new(refusal.count());
            let pace = pace.clone();
            refusal.connect_count_notify(move |refusal| {
                let before = told.replace(refusal.count());
                if before.checked_ilog10() < refusal.count().checked_ilog10() {
                    tell(refusal, &pace);
                }
            });
        }
    });
}

fn tell(refusal: &Refusal, pace: &RefCell<Pace>) {
    match pace.borrow_mut().turn(Instant::now()) {
        Turn::Wait => {}
        Turn::Tell { left_out } => {
            if left_out > 0 {
                tracing::warn!("{left_out} lines about refused readers were left out");
            }
            tracing::info!("{}", line(refusal));
        }
    }
}

fn line(refusal: &Refusal) -> String {
    let refused = refusal.refused();
    let mut line = format!("refused {}", refused.address);
    for (name, value) in [("", &refused.path), ("user ", &refused.user), ("program ", &refused.program)] {
        if !value.is_empty() {
            line += &format!(", {name}{value}");
        }
    }
    line += &format!(": {}", refused.reason);
    match refusal.count() {
        0 | 1 => line,
        count => line + &format!(" ({count} times)"),
    }
}

/// How many lines there were of late.
#[derive(Default)]
struct Pace {
    since: Option<Instant>,
    lines: u32,
    left_out: u32,
}

#[derive(Debug, PartialEq)]
enum Turn {
    Wait,
    Tell { left_out: u32 },
}

impl Pace {
    fn turn(&mut self, now: Instant) -> Turn {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= SPAN) {
            self.since = Some(now);
            self.lines = 0;
        }
        if self.lines >= LINES {
            self.left_out += 1;
            return Turn::Wait;
        }
        self.lines += 1;
        Turn::Tell { left_out: std::mem::take(&mut self.left_out) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted_and_told_with_the_next_line() {
        let start = Instant::now();
        let mut pace = Pace::default();
        for _ in 0..LINES {
            assert_eq!(pace.turn(start), Turn::Tell { left_out: 0 });
        }
        assert_eq!(pace.turn(start + SPAN / 2), Turn::Wait);
        assert_eq!(pace.turn(start + SPAN / 2), Turn::Wait);
        assert_eq!(pace.turn(start + SPAN), Turn::Tell { left_out: 2 });
        assert_eq!(pace.turn(start + SPAN), Turn::Tell { left_out: 0 });
    }
}
