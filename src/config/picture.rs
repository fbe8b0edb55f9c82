//! How a stream's picture is served: size, frame rate, codec, bitrate.

use serde::{Deserialize, Serialize};

/// One encoding of a stream. The first of a stream is the main one, at the stream's path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rendition {
    #[serde(default)]
    pub size: Size,
    #[serde(default)]
    pub frame_rate: FrameRate,
    #[serde(default)]
    pub codec: Codec,
    #[serde(default, rename = "bitrate_kbps")]
    pub bitrate: Bitrate,
}

/// `"1280x720"` or `"source"` in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Size {
    /// As the source delivers it.
    #[default]
    Source,
    /// Pixels. Odd numbers are allowed here and rounded where the picture is made: encoders take even ones only.
    Pixels { width: u32, height: u32 },
}

/// `"25"`, `"30000/1001"` or `"source"` in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FrameRate {
    /// As the source delivers it.
    #[default]
    Source,
    /// Frames per second, as a fraction.
    Fixed { numerator: u32, denominator: u32 },
}

/// What the pictures are encoded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// The source's own: its pictures are passed through where nothing about them changes and readers take their codec.
    /// Otherwise H.264.
    #[default]
    Auto,
    H264,
    Mjpeg,
}

/// A number of kbit/s (1000 bits) or `"auto"` in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "NumberOrWord", into = "NumberOrWord")]
pub enum Bitrate {
    /// By size and frame rate.
    #[default]
    Auto,
    Kbps(u32),
}

/// How a bitrate stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "this is not a bitrate: write \"auto\", or a number of kbit/s")]
enum NumberOrWord {
    Number(u32),
    Word(String),
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "source" {
            return Ok(Self::Source);
        }
        text.split_once('x')
            .and_then(|(width, height)| {
                Some(Self::Pixels { width: width.parse().ok()?, height: height.parse().ok()? })
            })
            .ok_or_else(|| {
                format!("\"{text}\" is not a size: write \"source\", or width and height like \"1280x720\"")
            })
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        match size {
            Size::Source => "source".into(),
            Size::Pixels { width, height } => format!("{width}x{height}"),
        }
    }
}

impl TryFrom<String> for FrameRate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "source" {
            return Ok(Self::Source);
        }
        let (numerator, denominator) = text.split_once('/').unwrap_or((&text, "1"));
        match (numerator.parse(), denominator.parse()) {
            (Ok(numerator), Ok(denominator)) => Ok(Self::Fixed { numerator, denominator }),
            _ => Err(format!(
                "\"{text}\" is not a frame rate: write \"source\", a number like \"25\", or a fraction like \"30000/1001\""
            )),
        }
    }
}

impl From<FrameRate> for String {
    fn from(rate: FrameRate) -> Self {
        match rate {
            FrameRate::Source => "source".into(),
            FrameRate::Fixed { numerator, denominator: 1 } => numerator.to_string(),
            FrameRate::Fixed { numerator, denominator } => format!("{numerator}/{denominator}"),
        }
    }
}

impl TryFrom<NumberOrWord> for Bitrate {
    type Error = String;

    fn try_from(value: NumberOrWord) -> Result<Self, String> {
        match value {
            NumberOrWord::Number(kbps) => Ok(Self::Kbps(kbps)),
            NumberOrWord::Word(word) if word == "auto" => Ok(Self::Auto),
            NumberOrWord::Word(word) => {
                Err(format!("\"{word}\" is not a bitrate: write \"auto\", or a number of kbit/s"))
            }
        }
    }
}

impl From<Bitrate> for NumberOrWord {
    fn from(bitrate: Bitrate) -> Self {
        match bitrate {
            Bitrate::Auto => Self::Word("auto".into()),
            Bitrate::Kbps(kbps) => Self::Number(kbps),
        }
    }
}
