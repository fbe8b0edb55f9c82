//! How a stream's picture is served, as a value.

/// How pictures are coded that RTP carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coding {
    H264,
    H265,
    Mjpeg,
    Vp8,
    Vp9,
}

/// How a stream's picture is encoded, and why so.
#[derive(Debug, Clone, PartialEq, Eq, glib::Boxed)]
#[boxed_type(name = "HeadwaterEncoding", nullable)]
pub struct Encoding {
    pub by: EncodedBy,
    pub coding: Coding,
    /// Pixels; both are even where the pictures are encoded here.
    pub width: u32,
    pub height: u32,
    /// Frames per second, as a fraction.
    pub frame_rate: (u32, u32),
    /// Thousand bits a second, where that was decided here. MJPEG has a quality instead.
    pub bitrate_kbps: Option<u32>,
    /// The size that was asked for, where it was odd and had to be rounded.
    pub rounded_from: Option<(u32, u32)>,
}

/// Whose work the encoded pictures are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EncodedBy {
    /// They are the source's own, unchanged.
    Source,
    /// The name of the GStreamer element, such as `x264enc`; and why the source's own are not served, where it has any.
    Encoder { name: String, reason: EncoderReason, needed_for: Option<Reencoded> },
}

/// Why an encoder was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncoderReason {
    /// The first choice for this codec.
    Preferred,
    /// The better ones are not installed.
    OthersMissing,
}

/// Why the source's own pictures are not passed through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reencoded {
    /// A codec was chosen.
    Codec,
    Size,
    FrameRate,
    Bitrate,
    Overlays,
    /// Pictures that stand are shown for a while.
    Stills,
    /// Readers do not take the source's codec, or GStreamer does not send it.
    Unfit,
    /// They have to be turned, as those of a telephone.
    Turned,
    /// The files of a playlist differ in codec or size.
    FilesDiffer,
    /// The source came back with another codec or size than readers were told.
    SourceChanged,
}
