//! When a lost source is tried again.

use crate::engine::state::{RelayError, StreamError};
use std::time::Duration;

/// The first delay: short, since most losses are (a file that is being replaced, a program that restarts).
const FIRST: Duration = Duration::from_secs(1);
/// The longest delay: nobody should wait longer after the source is back.
const LONGEST: Duration = Duration::from_secs(15);
/// After a wrong password: cameras lock out who tries too often.
const WRONG_PASSWORD: Duration = Duration::from_secs(60);
/// The share by which a delay is shorter or longer, so that many streams do not come back all at once.
const JITTER: f64 = 0.2;

/// The delay before attempt number `attempt`, counted from 0: doubled each time, and capped. `chance`, from 0 to 1,
/// says how much of the jitter it gets.
pub fn delay(attempt: u32, reason: &StreamError, chance: f64) -> Duration {
    let delay = match reason {
        StreamError::Relay { reason: RelayError::WrongPassword { .. }, .. } => WRONG_PASSWORD,
        _ => FIRST.saturating_mul(1 << attempt.min(16)).min(LONGEST),
    };
    delay.mul_f64(1.0 + JITTER * (2.0 * chance - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REASON: StreamError = StreamError::NoPicture { seconds: 10 };

    #[test]
    fn delays_double_and_are_capped() {
        let seconds: Vec<u64> = (0..7).map(|attempt| delay(attempt, &REASON, 0.5).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 15, 15, 15]);
        assert_eq!(delay(u32::MAX, &REASON, 0.5), LONGEST);
    }

    #[test]
    fn chance_sets_them_apart_by_a_fifth() {
        assert_eq!(delay(1, &REASON, 0.0), Duration::from_millis(1600));
        assert_eq!(delay(1, &REASON, 1.0), Duration::from_millis(2400));
    }

    #[test]
    fn a_wrong_password_is_not_tried_often() {
        let reason = RelayError::WrongPassword { user: "admin".into() };
        let reason = StreamError::Relay { address: "rtsp://192.0.2.1/".into(), reason };
        assert_eq!(delay(0, &reason, 0.5), WRONG_PASSWORD);
    }
}
