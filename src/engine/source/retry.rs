//! When a lost source is tried again.

use std::time::Duration;

/// The first delay: short, since most losses are (a file that is being replaced, a program that restarts).
const FIRST: Duration = Duration::from_secs(1);
/// The longest delay: nobody should wait longer after the source is back.
const LONGEST: Duration = Duration::from_secs(15);

/// The delay before attempt number `attempt`, counted from 0: doubled each time, and capped.
pub fn delay(attempt: u32) -> Duration {
    FIRST.saturating_mul(1 << attempt.min(16)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_and_are_capped() {
        let seconds: Vec<u64> = (0..7).map(|attempt| delay(attempt).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 15, 15, 15]);
        assert_eq!(delay(u32::MAX), LONGEST);
    }
}
