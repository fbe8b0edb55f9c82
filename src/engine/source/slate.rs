//! The slate: one picture for as long as the source is lost, with since when that is so.
//!
//! ```text
//! appsrc, or filesrc ► decodebin ► videoconvertscale ► format ► textoverlay ► imagefreeze
//! ```
//! It is drawn once. Only what is behind the source costs something while it is shown.

use super::file::readable;
use crate::config;
use crate::engine::elements::make;
use crate::engine::pipeline::Format;
use crate::engine::state::StreamError;
use gst::prelude::*;
use gst_video::{VideoFrame, VideoInfo, prelude::*};
use std::path::Path;

/// The light that is left of the last picture: dark enough to be taken for none that is live.
const LIGHT_PER_CENT: u16 = 35;
/// Luma of black, and chroma of grey, as video counts them (ITU-R BT.709).
const BLACK: u8 = 16;
const GREY: u8 = 128;
/// The element scales it with the picture, as that of overlays.
const FONT: &str = "Sans Bold 24";

/// A slate that runs.
pub struct Slate {
    bin: gst::Bin,
}

impl Slate {
    /// `last` is the last picture of the source, in `format`; without it the slate is black. A picture of the user's
    /// that cannot be opened is as good as none.
    pub fn new(
        config: &config::Slate,
        last: Option<&gst::Buffer>,
        format: &Format,
        since: &glib::DateTime,
    ) -> Result<Self, StreamError> {
        let bin = gst::Bin::with_name("source");
        let entry = make("videoconvertscale", "slate-scale")?;
        // A picture of another shape is not made longer or wider.
        entry.set_property("add-borders", true);
        let filter = make("capsfilter", "slate-format")?;
        filter.set_property("caps", still(format));
        let caption = make("textoverlay", "caption")?;
        caption.set_property("text", caption_of(since));
        caption.set_property("font-desc", FONT);
        caption.set_property("shaded-background", true);
        caption.set_property_from_str("valignment", "center");
        let freeze = make("imagefreeze", "freeze")?;
        let chain = [&entry, &filter, &caption, &freeze];
        bin.add_many(chain).map_err(StreamError::internal)?;
        gst::Element::link_many(chain).map_err(StreamError::internal)?;

        let sink = entry.static_pad("sink").expect("videoconvertscale has a sink pad");
        match config {
            config::Slate::Picture(location) if readable(location).is_ok() => open(&bin, location, &sink)?,
            _ => draw(&bin, last, format, &sink)?,
        }
        let end = freeze.static_pad("src").expect("imagefreeze has a source pad");
        let pad = gst::GhostPad::with_target(&end).map_err(StreamError::internal)?;
        bin.add_pad(&pad).map_err(StreamError::internal)?;
        Ok(Self { bin })
    }

    pub fn bin(&self) -> &gst::Bin {
        &self.bin
    }
}

/// In English, like the clock: it is part of the picture that goes out, whoever watches.
fn caption_of(since: &glib::DateTime) -> String {
    let time = since.format("%H:%M:%S").map_or_else(|_| String::new(), String::from);
    format!("No signal since {time}")
}

/// The format's caps without a rate, which `imagefreeze` then makes.
fn still(format: &Format) -> gst::Caps {
    let mut caps = format.caps();
    caps.make_mut().structure_mut(0).expect("one structure").remove_field("framerate");
    caps
}

/// A picture file of any kind that can be decoded.
fn open(bin: &gst::Bin, location: &Path, sink: &gst::Pad) -> Result<(), StreamError> {
    let file = make("filesrc", "slate-file")?;
    file.set_property("location", location);
    let decode = make("decodebin", "slate-decode")?;
    bin.add_many([&file, &decode]).map_err(StreamError::internal)?;
    file.link(&decode).map_err(StreamError::internal)?;
    let sink = sink.downgrade();
    decode.connect_pad_added(move |_, pad| {
        if let Some(sink) = sink.upgrade().filter(|sink| !sink.is_linked()) {
            let _ = pad.link(&sink);
        }
    });
    Ok(())
}

fn draw(
    bin: &gst::Bin,
    last: Option<&gst::Buffer>,
    format: &Format,
    sink: &gst::Pad,
) -> Result<(), StreamError> {
    let caps = format.caps();
    let info = VideoInfo::from_caps(&caps).map_err(StreamError::internal)?;
    let picture = dimmed(last, &info).map_err(StreamError::internal)?;
    let source =
        gst_app::AppSrc::builder().name("slate-picture").caps(&caps).format(gst::Format::Time).build();
    bin.add(&source).map_err(StreamError::internal)?;
    let pad = source.static_pad("src").expect("an appsrc has a source pad");
    pad.link(sink).map_err(StreamError::internal)?;
    source.push_buffer(picture).map_err(StreamError::internal)?;
    source.end_of_stream().map_err(StreamError::internal)?;
    Ok(())
}

/// The picture with less light, or black. Pictures are 4:2:0 with 8 bits.
fn dimmed(last: Option<&gst::Buffer>, info: &VideoInfo) -> Result<gst::Buffer, glib::BoolError> {
    let fresh = gst::Buffer::with_size(info.size())?;
    let mut drawn = VideoFrame::from_buffer_writable(fresh, info)
        .map_err(|_| glib::bool_error!("a fresh picture cannot be written"))?;
    let last = last.and_then(|last| VideoFrame::from_buffer_readable(last.clone(), info).ok());
    for plane in 0..info.n_planes() {
        let rest = if plane == 0 { BLACK } else { GREY };
        let to = drawn.plane_data_mut(plane)?;
        match &last {
            None => to.fill(rest),
            Some(last) => {
                let (stride, rows) = (info.stride()[plane as usize] as usize, to.len());
                let from = last.plane_data(plane)?;
                let from_stride = last.plane_stride()[plane as usize] as usize;
                for (row, line) in to.chunks_mut(stride).enumerate().take(rows.div_ceil(stride)) {
                    let from = from.get(row * from_stride..).unwrap_or_default();
                    for (to, from) in line.iter_mut().zip(from) {
                        *to = darker(*from, rest);
                    }
                }
            }
        }
    }
    let mut picture = drawn.into_buffer();
    picture.get_mut().expect("nobody else has it").set_pts(gst::ClockTime::ZERO);
    Ok(picture)
}

/// What is left of a sample: its share of light, or of colour, above what black or grey has.
fn darker(sample: u8, rest: u8) -> u8 {
    let distance = i16::from(sample) - i16::from(rest);
    (i16::from(rest) + distance * LIGHT_PER_CENT as i16 / 100).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Format = Format { width: 64, height: 48, ..Format::HD };

    #[test]
    fn the_last_picture_keeps_its_shape_and_loses_light() {
        gst::init().unwrap();
        let info = VideoInfo::from_caps(&SMALL.caps()).unwrap();
        let bright = gst::Buffer::from_slice(vec![200u8; info.size()]);
        let shown = |last: Option<&gst::Buffer>| {
            let picture = dimmed(last, &info).unwrap();
            let map = picture.map_readable().unwrap();
            (map[0], map[info.size() - 1])
        };
        assert_eq!(shown(Some(&bright)), (80, 153));
        assert_eq!(shown(None), (BLACK, GREY));
    }

    #[test]
    fn a_slate_shows_pictures_at_the_rate_that_is_served() {
        gst::init().unwrap();
        let since = glib::DateTime::from_utc(2026, 2, 3, 12, 3, 45.0).unwrap();
        assert_eq!(caption_of(&since), "No signal since 12:03:45");
        let folder = tempfile::tempdir().unwrap();
        let (picture, text) = (folder.path().join("break.png"), folder.path().join("break.txt"));
        let draw = "videotestsrc num-buffers=1 pattern=red ! video/x-raw,width=30,height=90 ! pngenc ! filesink name=f";
        let drawing = gst::parse::launch(draw).unwrap().downcast::<gst::Pipeline>().unwrap();
        drawing.by_name("f").unwrap().set_property("location", &picture);
        drawing.set_state(gst::State::Playing).unwrap();
        drawing.bus().unwrap().timed_pop_filtered(gst::ClockTime::from_seconds(10), &[gst::MessageType::Eos]);
        drawing.set_state(gst::State::Null).unwrap();
        std::fs::write(&text, "no picture").unwrap();

        for config in [
            config::Slate::Last,
            config::Slate::Picture(picture.clone()),
            config::Slate::Picture("/nowhere/a.png".into()),
        ] {
            let slate = Slate::new(&config, None, &SMALL, &since).unwrap();
            let sink = gst_app::AppSink::builder().caps(&SMALL.caps()).sync(false).build();
            let pipeline = gst::Pipeline::new();
            pipeline.add_many([slate.bin().upcast_ref::<gst::Element>(), sink.upcast_ref()]).unwrap();
            slate.bin().link(&sink).unwrap();
            pipeline.set_state(gst::State::Playing).unwrap();
            let times: Vec<_> = (0..3)
                .map(|_| sink.try_pull_sample(gst::ClockTime::from_seconds(10)).unwrap())
                .map(|sample| sample.buffer().unwrap().pts().unwrap().mseconds())
                .collect();
            assert_eq!(times, [0, 40, 80], "{config:?}");
            pipeline.set_state(gst::State::Null).unwrap();
        }
    }
}
