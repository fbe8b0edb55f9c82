//! Which GStreamer elements are needed, why, and which package brings them.

use super::state::StreamError;
use gst::prelude::*;

/// Makes an element. Its name says in logs and graphs what it does for us.
///
/// # Errors
/// [`StreamError::MissingPlugin`] names the element, and the plugin set that brings it.
pub fn make(factory: &str, name: &str) -> Result<gst::Element, StreamError> {
    gst::ElementFactory::make(factory).name(name).build().map_err(|_| StreamError::MissingPlugin {
        description: match package(factory) {
            Some(package) => format!("{factory} (GStreamer {package})"),
            None => factory.to_owned(),
        },
    })
}

/// The plugin set of an element, where it is not in the base set that GStreamer cannot do without.
fn package(factory: &str) -> Option<&'static str> {
    Some(match factory {
        "x264enc" => "Ugly Plugins",
        "avenc_aac" => "Libav",
        "openh264enc" | "x265enc" | "h264parse" | "h265parse" | "jpegparse" | "vp9parse"
        | "h264timestamper" | "h265timestamper" | "fdkaacenc" | "voaacenc" => "Bad Plugins",
        "jpegenc" | "vp8enc" | "vp9enc" | "rtph264pay" | "rtph265pay" | "rtpjpegpay" | "rtpvp8pay"
        | "rtpvp9pay" | "deinterlace" | "videoflip" | "level" | "mulawenc" | "alawenc" | "rtpmp4gpay"
        | "rtpopuspay" | "rtppcmupay" | "rtppcmapay" => "Good Plugins",
        "textoverlay" | "clockoverlay" | "timeoverlay" => "Base Plugins (pango)",
        _ => return None,
    })
}

/// Whether an element was made by this factory, by whomever.
pub fn is_a(element: &gst::Element, factory: &str) -> bool {
    element.factory().is_some_and(|made_by| made_by.name() == factory)
}

/// Whether an element can be made. A plugin whose rank the user set to `NONE` (`GST_PLUGIN_FEATURE_RANK`)
/// counts as missing.
pub fn usable(factory: &str) -> bool {
    gst::ElementFactory::find(factory)
        .is_some_and(|factory| factory.rank() > gst::Rank::NONE && factory.create().build().is_ok())
}

/// Attempts to end an element: one that fails while it is being ended refuses once.
const ATTEMPTS: usize = 3;

/// Ends an element for good. Its state is locked first: its pipeline may be about to start it on a thread
/// of its own.
pub fn end(element: &impl IsA<gst::Element>) {
    element.set_locked_state(true);
    if (0..ATTEMPTS).all(|_| element.set_state(gst::State::Null).is_err()) {
        tracing::error!("{} cannot be ended", element.as_ref().name());
    }
}
