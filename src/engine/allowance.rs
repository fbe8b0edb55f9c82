//! How often something may be had: so many times at once, and then once in a while.

use std::time::{Duration, Instant};

/// An allowance that fills up again with time.
#[derive(Debug, Clone)]
pub struct Allowance {
    /// The time in which one is added.
    each: Duration,
    most: u32,
    /// When as many as there may be are there again, if nothing more is taken.
    full_at: Instant,
    /// The one in the future that everybody who comes until then shares.
    promised: Option<Instant>,
}

impl Allowance {
    /// `most` at once, and one more `each` time. The first of all can be taken now.
    pub fn new(most: u32, each: Duration, now: Instant) -> Self {
        Self { each, most, full_at: now, promised: None }
    }

    /// Takes one: says when. Those who have to wait share the next one.
    pub fn take(&mut self, now: Instant) -> Instant {
        if let Some(promised) = self.promised.filter(|promised| *promised > now) {
            return promised;
        }
        let full_at = self.full_at.max(now) + self.each;
        self.full_at = full_at;
        let due = full_at.checked_sub(self.each * self.most).map_or(now, |due| due.max(now));
        self.promised = (due > now).then_some(due);
        due
    }

    /// Whether it is as good as a new one.
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn some_are_had_at_once_and_then_one_in_a_while_which_is_shared() {
        let start = Instant::now() + 100 * SECOND;
        let mut allowance = Allowance::new(3, SECOND, start);
        assert!(allowance.is_full(start));
        for _ in 0..3 {
            assert_eq!(allowance.take(start), start);
        }
        for _ in 0..50 {
            assert_eq!(allowance.take(start), start + SECOND);
        }
        assert!(!allowance.is_full(start));
        assert_eq!(allowance.take(start + SECOND), start + 2 * SECOND);
    }

    #[test]
    fn it_fills_up_again() {
        let start = Instant::now() + 100 * SECOND;
        let mut allowance = Allowance::new(3, SECOND, start);
        for _ in 0..4 {
            allowance.take(start);
        }
        let later = start + 10 * SECOND;
        assert!(allowance.is_full(later));
        let due: Vec<_> = (0..4).map(|_| allowance.take(later) - later).collect();
        assert_eq!(due, [Duration::ZERO, Duration::ZERO, Duration::ZERO, SECOND]);
    }
}
