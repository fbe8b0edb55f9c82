//! How the picture is served: size, frame rate, codec, bitrate; and what came of it.

use super::choice_row::ChoiceRow;
use super::form::Form;
use super::number_row::NumberRow;
use super::preset_row::{Preset, PresetRow};
use super::switch_row::SwitchRow;
use super::text_row::TextRow;
use crate::config::{Bitrate, Codec, FrameRate, Rendition, Size, StreamConfig, StreamField};
use crate::engine::Encoding;
use crate::i18n::gettext;
use crate::ui::direction;
use crate::words;
use adw::prelude::*;
use std::rc::Rc;

const SIZES: [Size; 5] = [
    Size::Source,
    Size::Pixels { width: 1920, height: 1080 },
    Size::Pixels { width: 1280, height: 720 },
    Size::Pixels { width: 854, height: 480 },
    Size::Pixels { width: 640, height: 360 },
];

const FRAME_RATES: [FrameRate; 9] = [
    FrameRate::Source,
    FrameRate::Fixed { numerator: 5, denominator: 1 },
    FrameRate::Fixed { numerator: 10, denominator: 1 },
    FrameRate::Fixed { numerator: 15, denominator: 1 },
    FrameRate::Fixed { numerator: 24, denominator: 1 },
    FrameRate::Fixed { numerator: 25, denominator: 1 },
    FrameRate::Fixed { numerator: 30_000, denominator: 1001 },
    FrameRate::Fixed { numerator: 30, denominator: 1 },
    FrameRate::Fixed { numerator: 60, denominator: 1 },
];

/// kbit/s, where nothing is served yet that could be the start.
const BITRATE_START: u32 = 2500;

pub struct PictureGroup {
    pub widget: adw::PreferencesGroup,
    size: PresetRow<Size>,
    frame_rate: PresetRow<FrameRate>,
    codec: Rc<ChoiceRow<Codec>>,
    automatic: SwitchRow,
    bitrate: NumberRow,
    served: adw::ActionRow,
}

impl PictureGroup {
    pub fn new(form: &Form) -> Self {
        let widget = adw::PreferencesGroup::builder().title(gettext("Picture")).build();

        let (checked, chosen, wrote) = (form.clone(), form.clone(), form.clone());
        let size = PresetRow::new(
            Preset {
                title: gettext("Size"),
                custom_title: gettext("Width x Height"),
                choices: SIZES.to_vec(),
                name: |size| direction::kept(words::size(*size)),
                read: read_size,
                write: |size| match size {
                    Size::Source => String::new(),
                    Size::Pixels { .. } => (*size).into(),
                },
            },
            move |size| {
                checked.problem(
                    |field| matches!(field, StreamField::Size(_)),
                    |stream| {
                        rendition(stream).size = size;
                    },
                )
            },
            move |size| chosen.choose(move |stream| rendition(stream).size = size),
            move |row, size| write(&wrote, row, move |rendition| rendition.size = size),
        );

        let (checked, chosen, wrote) = (form.clone(), form.clone(), form.clone());
        let frame_rate = PresetRow::new(
            Preset {
                title: gettext("Frame Rate"),
                custom_title: gettext("Frames per Second"),
                choices: FRAME_RATES.to_vec(),
                name: |rate| words::frame_rate(*rate),
                read: read_frame_rate,
                write: |rate| match rate {
                    FrameRate::Source => String::new(),
                    FrameRate::Fixed { .. } => (*rate).into(),
                },
            },
            move |rate| {
                checked.problem(
                    |field| matches!(field, StreamField::FrameRate(_)),
                    |stream| {
                        rendition(stream).frame_rate = rate;
                    },
                )
            },
            move |rate| chosen.choose(move |stream| rendition(stream).frame_rate = rate),
            move |row, rate| write(&wrote, row, move |rendition| rendition.frame_rate = rate),
        );

        let chosen = form.clone();
        let codecs = [Codec::Auto, Codec::H264, Codec::Mjpeg].map(|codec| (codec, words::codec(codec)));
        let codec = ChoiceRow::new(&gettext("Codec"), codecs, move |codec| {
            chosen.choose(move |stream| rendition(stream).codec = codec);
        });

        let adjustment = gtk::Adjustment::new(50.0, 50.0, 100_000.0, 100.0, 1000.0, 0.0);
        let chosen = form.clone();
        let bitrate = NumberRow::new(form, &gettext("Bitrate (kbit/s)"), &adjustment, move |kbps| {
            chosen.choose(move |stream| rendition(stream).bitrate = Bitrate::Kbps(kbps));
        });
        let (chosen, steps) = (form.clone(), bitrate.steps.clone());
        let automatic = SwitchRow::new(&gettext("Automatic Bitrate"), move |automatic| {
            // Or the forms would show first what is in force.
            let _under_way = chosen.begin();
            steps.forget();
            let bitrate = if automatic {
                Bitrate::Auto
            } else {
                // From what it is now, so that the switch alone changes nothing.
                let now = chosen.stream().encoding().and_then(|encoding| encoding.bitrate_kbps);
                Bitrate::Kbps(now.unwrap_or(BITRATE_START))
            };
            chosen.choose(move |stream| rendition(stream).bitrate = bitrate);
        });
        automatic.row.set_subtitle(&gettext("By size and frame rate"));
        let served = adw::ActionRow::builder()
            .title(gettext("What Is Served"))
            .use_markup(false)
            .css_classes(["property"])
            .build();

        size.add_to(&widget);
        frame_rate.add_to(&widget);
        widget.add(&codec.row);
        widget.add(&automatic.row);
        widget.add(&bitrate.row);
        widget.add(&served);
        Self { widget, size, frame_rate, codec, automatic, bitrate, served }
    }

    pub fn show(&self, stream: &StreamConfig) {
        let rendition = stream.main_rendition();
        self.size.show(&rendition.size);
        self.frame_rate.show(&rendition.frame_rate);
        self.codec.show(&rendition.codec, |codec| words::codec(*codec));

        // JPEG pictures have a quality instead.
        let has_bitrate = rendition.codec != Codec::Mjpeg;
        self.automatic.row.set_visible(has_bitrate);
        self.automatic.show(rendition.bitrate == Bitrate::Auto);
        self.bitrate.row.set_visible(has_bitrate && rendition.bitrate != Bitrate::Auto);
        if let Bitrate::Kbps(kbps) = rendition.bitrate {
            self.bitrate.show(kbps);
        }
    }

    pub fn show_encoding(&self, encoding: Option<&Encoding>) {
        let sentence = match encoding.map(words::encoding) {
            Some(words) => [Some(words.title), words.detail, words.hint]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("\n"),
            None => gettext("Known as soon as somebody watches"),
        };
        self.served.set_subtitle(&sentence);
    }
}

fn write(form: &Form, row: &Rc<TextRow>, edit: impl Fn(&mut Rendition) + 'static) {
    let (form, row) = (form.clone(), row.clone());
    glib::spawn_future_local(async move {
        form.write(&row, move |stream| edit(rendition(stream))).await;
    });
}

/// The main rendition, to be changed.
fn rendition(stream: &mut StreamConfig) -> &mut Rendition {
    if stream.renditions.is_empty() {
        stream.renditions.push(Rendition::default());
    }
    &mut stream.renditions[0]
}

fn read_size(text: &str) -> Result<Size, String> {
    let plain = text.replace('×', "x").replace(' ', "");
    match Size::try_from(plain) {
        Ok(size @ Size::Pixels { .. }) => Ok(size),
        _ => Err(gettext("Write width and height, like 1280x720.")),
    }
}

fn read_frame_rate(text: &str) -> Result<FrameRate, String> {
    match FrameRate::try_from(text.replace(' ', "")) {
        Ok(rate @ FrameRate::Fixed { .. }) => Ok(rate),
        _ => Err(gettext("Write a number, like 25, or a fraction, like 30000/1001.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_as_people_write_it() {
        let size = Ok(Size::Pixels { width: 800, height: 600 });
        assert_eq!(read_size("800x600"), size);
        assert_eq!(read_size("800 × 600"), size);
        assert!(read_size("800").is_err());
        assert!(read_size("source").is_err(), "that is chosen above");
    }

    #[test]
    fn a_frame_rate_is_read_as_a_number_or_a_fraction() {
        assert_eq!(
            read_frame_rate("30000 / 1001"),
            Ok(FrameRate::Fixed { numerator: 30_000, denominator: 1001 })
        );
        assert!(read_frame_rate("fast").is_err());
    }
}
