//! What is heard of a source, by the source's time: written by whatever decodes it, read by the line that encodes
//! it. What is not there when it is due is silence, so that nobody waits for sound.

use super::Format;
use crate::engine::clock::TimeLine;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// How far sound may run ahead of what is heard: more than a busy computer makes a decoder wait.
const AHEAD: gst::ClockTime = gst::ClockTime::from_mseconds(500);
/// What is kept at most: sound that comes in real time is not read where nobody listens.
const LONGEST: gst::ClockTime = gst::ClockTime::from_seconds(2);
/// How long a wait may last before it is looked again whether it has an end.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The sound of one source. The pace of its pictures is that of its sound too.
#[derive(Debug)]
pub struct Track {
    format: Format,
    time: TimeLine,
    samples: Mutex<Samples>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Samples {
    /// From the source's running time to the process's, in nanoseconds; none while no picture flows.
    offset: Option<gst::ClockTimeDiff>,
    /// The frame of the source's time at which `interleaved` begins.
    start: u64,
    interleaved: VecDeque<i16>,
}

impl Track {
    pub fn new(format: Format, time: TimeLine) -> Self {
        Self { format, time, samples: Mutex::default(), changed: Condvar::new() }
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// The pictures were put on the process's time line so.
    pub fn place(&self, offset: gst::ClockTimeDiff) {
        self.samples.lock().unwrap().offset = Some(offset);
        self.changed.notify_all();
    }

    /// No picture flows: no sound does.
    pub fn hold(&self) {
        self.samples.lock().unwrap().offset = None;
    }

    /// Tells those who wait that something changed by which their wait may end.
    pub fn wake(&self) {
        self.changed.notify_all();
    }

    /// Returns when sound of this moment of the source may be written, or at the latest after [`LOOK_AGAIN`]:
    /// whether it may.
    pub fn wait(&self, at: gst::ClockTime) -> bool {
        let samples = self.samples.lock().unwrap();
        let early = samples.offset.map(|offset| {
            let latest = self.time.now() + AHEAD;
            place(at, offset).saturating_sub(latest)
        });
        let patience = match early {
            Some(gst::ClockTime::ZERO) => return true,
            Some(early) => LOOK_AGAIN.min(Duration::from(early)),
            None => LOOK_AGAIN,
        };
        drop(self.changed.wait_timeout(samples, patience).unwrap());
        false
    }

    /// Returns when it may be known where sound belongs, or at the latest after [`LOOK_AGAIN`].
    pub fn wait_for_place(&self) {
        let samples = self.samples.lock().unwrap();
        drop(self.changed.wait_timeout(samples, LOOK_AGAIN).unwrap());
    }

    /// Writes samples, interleaved, from this frame of the source's time on. What is there already is replaced.
    pub fn write(&self, frame: u64, interleaved: &[i16]) {
        let channels = self.format.channels as usize;
        let longest = self.format.frames(LONGEST) as usize * channels;
        let samples = &mut *self.samples.lock().unwrap();
        let end = samples.start + (samples.interleaved.len() / channels) as u64;
        if samples.interleaved.is_empty() || frame > end + self.format.frames(LONGEST) {
            samples.start = samples.start.max(frame);
            samples.interleaved.clear();
        }
        // What is due already is too late.
        let late = samples.start.saturating_sub(frame) as usize * channels;
        let Some(fresh) = interleaved.get(late..) else { return };
        let at = frame.saturating_sub(samples.start) as usize * channels;
        if samples.interleaved.len() < at + fresh.len() {
            samples.interleaved.resize(at + fresh.len(), 0);
        }
        samples.interleaved.range_mut(at..at + fresh.len()).zip(fresh).for_each(|(to, from)| *to = *from);
        if let Some(over) = samples.interleaved.len().checked_sub(longest) {
            samples.interleaved.drain(..over);
            samples.start += (over / channels) as u64;
        }
    }

    /// Takes back what was written from this frame on: the source came to an end before.
    pub fn cut(&self, frame: u64) {
        let samples = &mut *self.samples.lock().unwrap();
        let kept = frame.saturating_sub(samples.start) as usize * self.format.channels as usize;
        samples.interleaved.truncate(kept);
    }

    /// Fills in what is heard from this moment of the process's time line on, and forgets what was before.
    pub fn read(&self, at: gst::ClockTime, interleaved: &mut [i16]) {
        interleaved.fill(0);
        let channels = self.format.channels as usize;
        let samples = &mut *self.samples.lock().unwrap();
        let Some(offset) = samples.offset else { return };
        let Some(time) = u64::try_from(at.nseconds() as i64 - offset).ok() else { return };
        let frame = self.format.frames(gst::ClockTime::from_nseconds(time));
        let past = (frame.saturating_sub(samples.start) as usize * channels).min(samples.interleaved.len());
        samples.interleaved.drain(..past);
        samples.start = samples.start.max(frame);
        let missing = (samples.start - frame) as usize * channels;
        let Some(heard) = interleaved.get_mut(missing..) else { return };
        heard.iter_mut().zip(&samples.interleaved).for_each(|(to, from)| *to = *from);
    }
}

/// Where a moment of the source stands on the process's time line.
fn place(at: gst::ClockTime, offset: gst::ClockTimeDiff) -> gst::ClockTime {
    let place = (at.nseconds() as i64).saturating_add(offset);
    gst::ClockTime::from_nseconds(u64::try_from(place).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two channels of a thousand frames a second: a frame is a millisecond.
    const FORMAT: Format = Format { rate: 1000, channels: 2 };

    fn track() -> Track {
        gst::init().unwrap();
        let track = Track::new(FORMAT, TimeLine::new());
        track.place(0);
        track
    }

    /// The left channel of what is heard for so many milliseconds.
    fn heard(track: &Track, from_ms: u64, length_ms: usize) -> Vec<i16> {
        let mut samples = vec![99; length_ms * 2];
        track.read(gst::ClockTime::from_mseconds(from_ms), &mut samples);
        assert!(samples.chunks(2).all(|frame| frame[0] == frame[1]));
        samples.into_iter().step_by(2).collect()
    }

    fn write(track: &Track, frame: u64, samples: &[i16]) {
        let both: Vec<i16> = samples.iter().flat_map(|sample| [*sample, *sample]).collect();
        track.write(frame, &both);
    }

    #[test]
    fn what_is_not_there_is_silence() {
        let track = track();
        assert_eq!(heard(&track, 5, 3), [0, 0, 0]);
        write(&track, 10, &[1, 2, 3]);
        write(&track, 15, &[4]);
        assert_eq!(heard(&track, 8, 9), [0, 0, 1, 2, 3, 0, 0, 4, 0]);
    }

    #[test]
    fn sound_is_heard_when_its_picture_is_seen() {
        let track = track();
        write(&track, 10, &[1, 2]);
        track.place(1_000_000_000);
        assert_eq!(heard(&track, 10, 2), [0, 0]);
        assert_eq!(heard(&track, 1010, 2), [1, 2]);
        track.hold();
        write(&track, 12, &[3]);
        assert_eq!(heard(&track, 1012, 1), [0]);
    }

    #[test]
    fn what_comes_too_late_is_not_heard_later() {
        let track = track();
        assert_eq!(heard(&track, 10, 5), [0; 5]);
        write(&track, 8, &[1, 2, 3, 4]);
        assert_eq!(heard(&track, 11, 3), [4, 0, 0]);
        write(&track, 3, &[1, 2]);
        assert_eq!(heard(&track, 14, 2), [0, 0]);
    }

    #[test]
    fn an_end_takes_back_what_was_written_behind_it() {
        let track = track();
        write(&track, 0, &[1, 2, 3, 4]);
        track.cut(2);
        write(&track, 3, &[5]);
        assert_eq!(heard(&track, 0, 4), [1, 2, 0, 5]);
    }

    #[test]
    fn what_nobody_hears_is_not_kept_for_ever() {
        let track = track();
        for second in 0..5 {
            write(&track, second * 1000, &[second as i16; 1000]);
        }
        let samples = track.samples.lock().unwrap();
        assert_eq!((samples.start, samples.interleaved.len()), (3000, 4000));
    }

    #[test]
    fn sound_waits_for_its_picture_and_for_its_time() {
        let track = track();
        let now = track.time.now();
        assert!(track.wait(now));
        assert!(!track.wait(now + gst::ClockTime::from_seconds(5)));
        track.hold();
        assert!(!track.wait(gst::ClockTime::ZERO));
        track.place(1);
        let start = std::time::Instant::now();
        track.wait_for_place();
        assert!(start.elapsed() >= LOOK_AGAIN, "it turned round and round");
    }
}
