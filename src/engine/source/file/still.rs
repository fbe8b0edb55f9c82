//! The way out of an item: whatever delivers one picture alone is shown for a while, at a steady rate, and every item
//! counts from zero. `videorate` (1.26) takes an item that starts elsewhere than the one before for a gap.

use crate::engine::state::StreamError;
use std::sync::{Arc, Mutex};

/// How a picture that stands is shown.
#[derive(Debug, Clone, Copy)]
pub struct Still {
    pub time: gst::ClockTime,
    /// Frames per second, as a fraction.
    pub frame_rate: (u32, u32),
    /// Pixels of the largest that a file of a picture is brought to: one of a telephone has several times what a
    /// stream can carry, and is scaled once, not in every frame.
    pub largest: (u32, u32),
}

/// What came until now.
#[derive(Debug, Default)]
struct Came {
    segment: gst::FormattedSegment<gst::ClockTime>,
    pictures: Pictures,
}

#[derive(Debug, Default)]
enum Pictures {
    #[default]
    None,
    /// It is held back: it is not known yet whether others follow.
    One(gst::Buffer),
    Several,
}

impl Still {
    /// The width and height of a file of a picture, in square pixels, where it cannot stay as large as it is.
    pub fn fitted(&self, picture: &gst_video::VideoInfo) -> Option<(u32, u32)> {
        let par = picture.par();
        let width = u64::from(picture.width()) * par.numer().max(1) as u64 / par.denom().max(1) as u64;
        let height = u64::from(picture.height());
        let (widest, highest) = (u64::from(self.largest.0), u64::from(self.largest.1));
        if width <= widest && height <= highest {
            return None;
        }
        let (width, height) = if width * highest > height * widest {
            (widest, height * widest / width)
        } else {
            (width * highest / height, highest)
        };
        // Neither is larger than what it was brought to.
        Some((width.max(1) as u32, height.max(1) as u32))
    }

    /// A ghost pad of this target, for a bin.
    pub fn exit(self, target: &gst::Pad) -> Result<gst::GhostPad, StreamError> {
        let came = Arc::new(Mutex::new(Came::default()));
        let before = came.clone();
        let pad = gst::GhostPad::builder_with_target(target)
            .map_err(StreamError::internal)?
            .proxy_pad_chain_function(move |pad, parent, picture| {
                for picture in before.lock().unwrap().take(picture) {
                    gst::ProxyPad::chain_default(pad, parent, picture)?;
                }
                Ok(gst::FlowSuccess::Ok)
            })
            .proxy_pad_event_function(move |pad, parent, event| match event.view() {
                gst::EventView::Eos(_) => {
                    let alone = came.lock().unwrap().take_alone();
                    if let Some(picture) = alone {
                        // Whoever ends it meanwhile ends this too.
                        let _ = self.show(pad, parent, &picture);
                    }
                    gst::Pad::event_default(pad, parent, event)
                }
                gst::EventView::Caps(_) | gst::EventView::Segment(_) => {
                    let (alone, event) = came.lock().unwrap().enter(event);
                    // What comes behind the event is another one.
                    if let Some(picture) = alone {
                        let _ = gst::ProxyPad::chain_default(pad, parent, picture);
                    }
                    gst::Pad::event_default(pad, parent, event)
                }
                _ => gst::Pad::event_default(pad, parent, event),
            })
            .build();
        Ok(pad)
    }

    /// Pushes it again and again.
    fn show(
        self,
        pad: &gst::ProxyPad,
        parent: Option<&gst::Object>,
        picture: &gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let frame = |number: u64| {
            let (numerator, denominator) = self.frame_rate;
            let seconds = u64::from(denominator) * gst::ClockTime::SECOND.nseconds();
            gst::ClockTime::from_nseconds(number * seconds / u64::from(numerator))
        };
        for number in (0..).take_while(|number| frame(*number) < self.time) {
            let mut copy = picture.copy();
            let fresh = copy.make_mut();
            fresh.set_pts(frame(number));
            fresh.set_dts(gst::ClockTime::NONE);
            fresh.set_duration(frame(number + 1).min(self.time) - frame(number));
            gst::ProxyPad::chain_default(pad, parent, copy)?;
        }
        Ok(gst::FlowSuccess::Ok)
    }
}

impl Came {
    /// The pictures that can go on with this one.
    fn take(&mut self, mut picture: gst::Buffer) -> Vec<gst::Buffer> {
        let running = picture.pts().and_then(|pts| self.segment.to_running_time(pts));
        picture.make_mut().set_pts(running);
        match std::mem::replace(&mut self.pictures, Pictures::Several) {
            Pictures::None => {
                self.pictures = Pictures::One(picture);
                Vec::new()
            }
            Pictures::One(first) => vec![first, picture],
            Pictures::Several => vec![picture],
        }
    }

    fn take_alone(&mut self) -> Option<gst::Buffer> {
        match std::mem::replace(&mut self.pictures, Pictures::Several) {
            Pictures::One(picture) => Some(picture),
            other => {
                self.pictures = other;
                None
            }
        }
    }

    /// What goes on before an event, and in its place.
    fn enter(&mut self, event: gst::Event) -> (Option<gst::Buffer>, gst::Event) {
        let alone = self.take_alone();
        if let gst::EventView::Segment(segment) = event.view()
            && let Some(segment) = segment.segment().downcast_ref::<gst::ClockTime>()
        {
            self.segment = segment.clone();
            return (alone, gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
        }
        (alone, event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::elements::make;
    use gst::prelude::*;

    const STILL: Still =
        Still { time: gst::ClockTime::from_mseconds(500), frame_rate: (10, 1), largest: (64, 48) };

    #[test]
    fn a_large_picture_becomes_as_large_as_there_is_place_in_its_shape() {
        gst::init().unwrap();
        let still = Still { largest: (1920, 1080), ..STILL };
        let fitted = |width, height| {
            let format = gst_video::VideoFormat::I420;
            let info = gst_video::VideoInfo::builder(format, width, height).build().unwrap();
            still.fitted(&info)
        };
        assert_eq!((fitted(1920, 1080), fitted(320, 180)), (None, None));
        assert_eq!(fitted(4000, 3000), Some((1440, 1080)));
        assert_eq!(fitted(3000, 4000), Some((810, 1080)));
        assert_eq!(fitted(8000, 1000), Some((1920, 240)));
    }

    /// The times of what comes out behind such an exit of an element, in milliseconds, until the end.
    fn times_behind(source: &gst::Element) -> Vec<u64> {
        let bin = gst::Bin::with_name("item");
        bin.add(source).unwrap();
        bin.add_pad(&STILL.exit(&source.static_pad("src").unwrap()).unwrap()).unwrap();
        let sink = gst_app::AppSink::builder().sync(false).build();
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([bin.upcast_ref::<gst::Element>(), sink.upcast_ref()]).unwrap();
        bin.link(&sink).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let samples = std::iter::from_fn(|| sink.pull_sample().ok());
        let times = samples.map(|sample| {
            let segment = sample.segment().unwrap().downcast_ref::<gst::ClockTime>().unwrap();
            assert_eq!((segment.start(), segment.stop()), (Some(gst::ClockTime::ZERO), None));
            sample.buffer().unwrap().pts().unwrap().mseconds()
        });
        let times = times.collect();
        pipeline.set_state(gst::State::Null).unwrap();
        times
    }

    #[test]
    fn one_picture_is_shown_for_its_time_and_several_as_they_come() {
        gst::init().unwrap();
        let shown = |pictures: i32| {
            let source = make("videotestsrc", "source").unwrap();
            source.set_property("num-buffers", pictures);
            times_behind(&source)
        };
        assert_eq!(shown(1), [0, 100, 200, 300, 400]);
        // At 30 fps.
        assert_eq!(shown(2), [0, 33]);
        assert_eq!(shown(3), [0, 33, 66]);
    }

    #[test]
    fn an_item_counts_from_zero_wherever_its_file_begins() {
        gst::init().unwrap();
        let shown = |times: &[u64]| {
            let caps = gst::Caps::builder("video/x-raw").build();
            let source = gst_app::AppSrc::builder().format(gst::Format::Time).handle_segment_change(true);
            let source = source.caps(&caps).build();
            let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
            segment.set_start(gst::ClockTime::from_mseconds(80));
            segment.set_stop(gst::ClockTime::from_mseconds(120));
            for time in times {
                let mut picture = gst::Buffer::with_size(1).unwrap();
                picture.get_mut().unwrap().set_pts(gst::ClockTime::from_mseconds(*time));
                let sample = gst::Sample::builder().caps(&caps).segment(&segment).buffer(&picture).build();
                source.push_sample(&sample).unwrap();
            }
            source.end_of_stream().unwrap();
            times_behind(source.upcast_ref())
        };
        assert_eq!(shown(&[80, 120]), [0, 40]);
        assert_eq!(shown(&[80]), [0, 100, 200, 300, 400]);
    }
}
