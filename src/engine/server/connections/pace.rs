//! Whether somebody keeps up with what is sent to them.

use std::collections::VecDeque;

/// Seconds that are judged together. The library holds what a reader has not taken yet for as long, and then leaves
/// the reader out.
const JUDGED: usize = 10;
/// What is sent in a second may be on its way for one more.
const UNDER_WAY: usize = 1;
/// Less than this share is too slow: a network that fails for seven seconds in ten is forgiven.
const SHARE: u64 = 4;
/// Seconds of the judged ones in which something has to be sent. A stream that begins, or pauses, tells nothing.
const FLOWING: usize = 8;

/// What was sent and what was taken in each of the last seconds, in bytes.
#[derive(Debug)]
pub struct Pace {
    sent_before: u64,
    taken_before: u64,
    sent: VecDeque<u64>,
    taken: VecDeque<u64>,
}

impl Pace {
    /// Begins with these totals.
    pub fn new(sent: u64, taken: u64) -> Self {
        Self {
            sent_before: sent,
            taken_before: taken,
            sent: VecDeque::with_capacity(JUDGED + UNDER_WAY + 1),
            taken: VecDeque::with_capacity(JUDGED + 1),
        }
    }

    /// Takes in the totals after another second.
    pub fn add_second(&mut self, sent: u64, taken: u64) {
        self.sent.push_back(sent.saturating_sub(self.sent_before));
        self.taken.push_back(taken.saturating_sub(self.taken_before));
        (self.sent_before, self.taken_before) = (sent, taken);
        while self.sent.len() > JUDGED + UNDER_WAY {
            self.sent.pop_front();
        }
        while self.taken.len() > JUDGED {
            self.taken.pop_front();
        }
    }

    /// Whether it takes much less than it is sent.
    pub fn is_too_slow(&self) -> bool {
        if self.sent.len() < JUDGED + UNDER_WAY {
            return false;
        }
        let sent: Vec<u64> = self.sent.iter().take(JUDGED).copied().collect();
        let taken: u64 = self.taken.iter().sum();
        let flowing = sent.iter().filter(|bytes| **bytes > 0).count();
        flowing >= FLOWING && SHARE * taken < sent.iter().sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second, counted from one, after which the reader is found too slow.
    fn found(seconds: impl IntoIterator<Item = (u64, u64)>) -> Option<usize> {
        let mut pace = Pace::new(1000, 500);
        let (mut sent, mut taken) = (1000, 500);
        for (n, (more, less)) in seconds.into_iter().enumerate() {
            sent += more;
            taken += less;
            pace.add_second(sent, taken);
            if pace.is_too_slow() {
                return Some(n + 1);
            }
        }
        None
    }

    #[test]
    fn who_takes_nothing_or_a_tenth_is_found_within_eleven_seconds() {
        assert_eq!(found([(100, 0); 20]), Some(11));
        assert_eq!(found([(100, 10); 20]), Some(11));
        // Stops after having been there for long.
        let stops = [(100, 100); 30].into_iter().chain([(100, 0); 20]);
        assert!(found(stops).is_some_and(|second| second <= 30 + 10));
    }

    #[test]
    fn who_keeps_up_is_left_alone() {
        assert_eq!(found([(100, 100); 60]), None);
        // A network that fails for six seconds, and what was kept comes at once.
        let fails = [(100, 100); 20].into_iter().chain([(100, 0); 6]).chain([(100, 700)]);
        assert_eq!(found(fails.chain([(100, 100); 20])), None);
        // Half the bitrate is the library's to judge: it keeps ten seconds for each reader.
        assert_eq!(found([(100, 50); 60]), None);
    }

    #[test]
    fn a_stream_that_hardly_flows_tells_nothing() {
        assert_eq!(found([(0, 0); 60]), None);
        // A picture now and then, the last of which has not arrived yet.
        let slides = [(0, 0), (0, 0), (500, 0), (0, 500)];
        assert_eq!(found(slides.into_iter().cycle().take(60)), None);
        // The source returns after a while.
        assert_eq!(found([(0, 0); 20].into_iter().chain([(5000, 0), (100, 5100)])), None);
    }
}
