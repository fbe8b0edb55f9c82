//! The time line of a source that comes over a network: its time stamps may jump, or be missing, and its
//! pictures may be held up and come all at once. Behind this they only rise, and are of now.

use gst::ClockTime;

/// The step where the time stamps say nothing of use: a frame of 25 fps.
const STEP: ClockTime = ClockTime::from_mseconds(40);
/// A longer pause in the time stamps is a jump, or a stall that nobody wants to sit through again.
const LONGEST_STEP: ClockTime = ClockTime::from_seconds(2);
/// A live picture that comes so much later than others did was held up on its way. It is left out: otherwise every
/// stall would be shown later for ever.
const LATE: ClockTime = ClockTime::from_mseconds(500);
/// When pictures have been late for so long, that is how it is now.
const LATE_FOR: ClockTime = ClockTime::from_seconds(2);
/// The share of its lateness by which a picture moves what is on time. Clocks that differ by a thousandth are
/// followed, and a stall is not.
const DRIFT: u64 = 512;

/// Places pictures on a time line. A value: time comes in.
#[derive(Debug, Default)]
pub struct Steady {
    last: Option<Last>,
    live: bool,
    /// The least that a picture needed from its own time to its arrival, in nanoseconds.
    on_time: Option<i64>,
    /// Since when every picture was late.
    late_since: Option<ClockTime>,
    /// Where the last picture was placed.
    placed: ClockTime,
}

#[derive(Debug)]
struct Last {
    time: Option<ClockTime>,
    arrival: ClockTime,
}

impl Steady {
    /// A new connection: its time has nothing to do with that of the one before. One that is not live waits until
    /// its pictures are taken; then none of them was held up.
    pub fn begin(&mut self, live: bool) {
        *self = Self { live, placed: self.placed, ..Self::default() };
    }

    /// Where a picture belongs that has this time and comes now; none where it is to be left out.
    pub fn place(&mut self, time: Option<ClockTime>, arrival: ClockTime) -> Option<ClockTime> {
        if self.live && time.is_some_and(|time| self.is_late(time, arrival)) {
            return None;
        }
        let step = match (&self.last, time) {
            (Some(Last { time: Some(last), .. }), Some(time)) => time.checked_sub(*last),
            (Some(last), None) => arrival.checked_sub(last.arrival),
            _ => None,
        };
        let step = step.filter(|step| (ClockTime::NSECOND..=LONGEST_STEP).contains(step));
        self.placed += step.unwrap_or(STEP);
        self.last = Some(Last { time, arrival });
        Some(self.placed)
    }

    fn is_late(&mut self, time: ClockTime, arrival: ClockTime) -> bool {
        let needed = arrival.nseconds() as i64 - time.nseconds() as i64;
        let on_time = self.on_time.map_or(needed, |on_time| on_time.min(needed));
        let lateness = needed.saturating_sub(on_time) as u64;
        let since = *self.late_since.get_or_insert(arrival);
        let gave_up = arrival.saturating_sub(since) > LATE_FOR;
        let late = lateness > LATE.nseconds() && !gave_up;
        if !late {
            self.late_since = None;
        }
        self.on_time = Some(match (gave_up, late) {
            (true, _) => needed,
            (false, true) => on_time,
            (false, false) => on_time + (lateness / DRIFT) as i64,
        });
        late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u64 = 40;

    /// Pictures of (time, arrival) in milliseconds: where each is placed, less the place of the first.
    fn placed(pictures: impl IntoIterator<Item = (Option<u64>, u64)>) -> Vec<Option<u64>> {
        let mut steady = Steady::default();
        steady.begin(true);
        let mut first = None;
        pictures
            .into_iter()
            .map(|(time, arrival)| {
                let place =
                    steady.place(time.map(ClockTime::from_mseconds), ClockTime::from_mseconds(arrival));
                place.map(|place| place.mseconds() - *first.get_or_insert(place.mseconds()))
            })
            .collect()
    }

    #[test]
    fn pictures_keep_their_distance_however_they_arrive() {
        let jitter = [0, 30, 5, 90, 0, 200, 10];
        let pictures = jitter.iter().enumerate().map(|(n, late)| {
            let time = n as u64 * 33;
            (Some(5_000 + time), time + late)
        });
        assert_eq!(placed(pictures), (0..7).map(|n| Some(n * 33)).collect::<Vec<_>>());
    }

    #[test]
    fn a_jump_to_either_side_is_a_step_like_any_other() {
        for jump in [0, 3_600_000] {
            let before = (0..5).map(|n| (Some(100_000 + n * FRAME), n * FRAME));
            let after = (5..10).map(|n| (Some(jump + n * FRAME), n * FRAME));
            // What counts from further back was not late: whoever jumps stays where it is.
            let places: Vec<u64> = placed(before.chain(after)).into_iter().flatten().collect();
            assert!(places.windows(2).all(|pair| pair[1] - pair[0] == FRAME), "{jump}: {places:?}");
        }
    }

    #[test]
    fn without_time_stamps_the_arrival_counts() {
        let pictures = [0, 50, 100, 900, 950].map(|arrival| (None, arrival));
        assert_eq!(placed(pictures), [0, 50, 100, 900, 950].map(Some));
    }

    #[test]
    fn after_a_stall_what_was_held_up_is_left_out() {
        let stalled = |n: u64| if (25..100).contains(&n) { 100 * FRAME } else { n * FRAME };
        let pictures = (0..150).map(|n| (Some(n * FRAME), stalled(n)));
        let places = placed(pictures);
        // Those that are at most half a second late are shown.
        assert!(places[25..85].iter().all(Option::is_none) && places[90..].iter().all(Option::is_some));
        let steps: Vec<u64> = places.iter().flatten().copied().collect();
        assert!(steps.windows(2).all(|pair| pair[1] - pair[0] <= LONGEST_STEP.mseconds()));
    }

    #[test]
    fn what_is_not_live_is_never_left_out() {
        let mut steady = Steady::default();
        steady.begin(false);
        let time = |ms| ClockTime::from_mseconds(ms);
        for n in 0..100 {
            assert!(steady.place(Some(time(n * FRAME)), time(n * FRAME * 3)).is_some());
        }
    }

    #[test]
    fn what_stays_late_is_shown_after_a_while() {
        let late = |n: u64| if n < 25 { 0 } else { 3_000 };
        let places = placed((0..200).map(|n| (Some(n * FRAME), n * FRAME + late(n))));
        assert!(places[26..70].iter().all(Option::is_none) && places[80..].iter().all(Option::is_some));
    }

    #[test]
    fn a_clock_that_is_slower_by_a_thousandth_is_followed() {
        let places = placed((0..50_000).map(|n| (Some(n * FRAME), n * FRAME + n * FRAME / 1000)));
        assert!(places.iter().all(Option::is_some));
    }
}
