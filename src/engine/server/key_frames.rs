//! How often the readers of one computer may make a stream begin anew with a key frame. Each takes the bits of many
//! ordinary frames, and a storm of PLAYs would spoil the picture for everybody else.

use crate::engine::allowance::Allowance;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// As many readers as one computer opens at once, such as a wall of players.
const AT_ONCE: u32 = 4;
/// Key frames come every two seconds anyway. Measured with a film at the bitrate that "auto" chooses: one each second
/// costs less than 0.01 of SSIM, one each half second twice that.
const THEN_EACH: Duration = Duration::from_secs(1);
/// Addresses that are remembered, before those that have not asked for long are forgotten.
const REMEMBERED: usize = 256;

/// What each address has left, for each stream.
#[derive(Debug, Default)]
pub struct KeyFrames(Mutex<HashMap<(String, String), Allowance>>);

impl KeyFrames {
    /// When a reader at this address gets its key frame of this stream.
    pub fn ask(&self, address: &str, stream: &str, now: Instant) -> Instant {
        let mut allowances = self.0.lock().unwrap();
        if allowances.len() > REMEMBERED {
            allowances.retain(|_, allowance| !allowance.is_full(now));
        }
        allowances
            .entry((address.to_owned(), stream.to_owned()))
            .or_insert_with(|| Allowance::new(AT_ONCE, THEN_EACH, now))
            .take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_and_one_stream_do_not_use_up_what_others_have() {
        let now = Instant::now() + Duration::from_secs(100);
        let frames = KeyFrames::default();
        let waits = |address, stream| (frames.ask(address, stream, now) - now).as_secs();
        for _ in 0..100 {
            waits("192.0.2.1", "lobby");
        }
        assert_eq!(waits("192.0.2.1", "lobby"), 1);
        assert_eq!(waits("192.0.2.2", "lobby"), 0);
        assert_eq!(waits("192.0.2.1", "yard"), 0);
    }

    #[test]
    fn addresses_are_forgotten() {
        let start = Instant::now() + Duration::from_secs(100);
        let frames = KeyFrames::default();
        for n in 0..2000u32 {
            frames.ask(&n.to_string(), "lobby", start + n * Duration::from_millis(10));
        }
        assert!(frames.0.lock().unwrap().len() <= REMEMBERED + 1);
    }
}
