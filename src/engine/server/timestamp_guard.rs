//! The library ends the process by an assertion when the time stamp of an RTP packet is missing or goes back
//! while a TCP reader has a backlog. This makes both impossible behind a payloader.
//!
//! It is the last line only: while it holds a time stamp back the sinks wait, so sources are put on the time
//! line before they come here.

use gst::prelude::*;
use std::ops::ControlFlow;
use std::sync::Mutex;

/// Guards a payloader's source pad.
pub fn install(pad: &gst::Pad) {
    let last = Mutex::new(gst::ClockTime::ZERO);
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
        let mut last = last.lock().unwrap();
        match &mut info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => match in_order(buffer, *last) {
                Some(time) => *last = time,
                None => mend(buffer.make_mut(), &mut last),
            },
            Some(gst::PadProbeData::BufferList(list)) => {
                let end = list.iter().try_fold(*last, |last, buffer| in_order(buffer, last));
                if let Some(time) = end {
                    *last = time;
                } else {
                    // Copied only now: lists that are in order pass untouched.
                    list.make_mut().foreach_mut(|mut buffer, _| {
                        mend(buffer.make_mut(), &mut last);
                        ControlFlow::Continue(Some(buffer))
                    });
                }
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

/// The packet's time, when it is there and not before `last`.
fn in_order(buffer: &gst::BufferRef, last: gst::ClockTime) -> Option<gst::ClockTime> {
    buffer.dts_or_pts().filter(|time| *time >= last)
}

fn mend(buffer: &mut gst::BufferRef, last: &mut gst::ClockTime) {
    *last = buffer.dts_or_pts().map_or(*last, |time| time.max(*last));
    if buffer.dts_or_pts() != Some(*last) {
        buffer.set_dts(*last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times of packets that came through the guard, in milliseconds.
    fn guarded(times: &[Option<u64>], in_lists: bool) -> Vec<u64> {
        gst::init().unwrap();
        let source = gst::Pad::builder(gst::PadDirection::Src).name("src").build();
        let seen = std::sync::Arc::new(Mutex::new(Vec::new()));
        let note = {
            let seen = seen.clone();
            move |buffer: &gst::BufferRef| {
                seen.lock().unwrap().push(buffer.dts_or_pts().expect("a time stamp").mseconds());
            }
        };
        let note_list = note.clone();
        let sink = gst::Pad::builder(gst::PadDirection::Sink)
            .chain_function(move |_, _, buffer| {
                note(&buffer);
                Ok(gst::FlowSuccess::Ok)
            })
            .chain_list_function(move |_, _, list| {
                list.iter().for_each(&note_list);
                Ok(gst::FlowSuccess::Ok)
            })
            .build();
        source.set_active(true).unwrap();
        sink.set_active(true).unwrap();
        source.link(&sink).unwrap();
        source.push_event(gst::event::StreamStart::new("test"));
        source.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
        install(&source);
        let buffers = times.iter().map(|time| {
            let mut buffer = gst::Buffer::new();
            buffer.make_mut().set_pts(time.map(gst::ClockTime::from_mseconds));
            buffer
        });
        if in_lists {
            source.push_list(buffers.collect()).unwrap();
        } else {
            buffers.for_each(|buffer| {
                source.push(buffer).unwrap();
            });
        }
        std::mem::take(&mut *seen.lock().unwrap())
    }

    #[test]
    fn time_never_goes_back_and_is_never_missing() {
        for in_lists in [false, true] {
            assert_eq!(
                guarded(&[Some(10), Some(50), Some(20), None, Some(60)], in_lists),
                [10, 50, 50, 50, 60]
            );
            assert_eq!(guarded(&[Some(10), Some(10), Some(20)], in_lists), [10, 10, 20]);
        }
    }
}
