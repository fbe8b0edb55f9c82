//! What is said of a pipeline of the user's own.

use crate::engine::CustomError;
use crate::i18n::{gettext, gettext_f};

/// What happened, and what to do.
pub fn custom_error(error: &CustomError) -> (String, String) {
    match error {
        CustomError::ElementMissing { element } => (
            // Translators: {element} is the name of a part of GStreamer, such as “x264enc”.
            gettext_f("There is no element “{element}”.", &[("element", element)]),
            gettext("Check how it is written, or install the GStreamer plugin that brings it."),
        ),
        CustomError::NoOpenEnd => {
            (gettext("The pipeline keeps its pictures to itself."), gettext("Leave out the sink at its end."))
        }
        CustomError::WantsInput => (
            gettext("The pipeline does not begin with a source."),
            gettext("Begin with one, like “videotestsrc is-live=true”."),
        ),
        CustomError::Ended => {
            (gettext("The pipeline came to its end."), gettext("It is started again by itself."))
        }
        CustomError::Wrong { message } => (
            // Translators: {message} comes from GStreamer and may be in English.
            gettext_f("The pipeline is not right: {message}.", &[("message", message.trim_end_matches('.'))]),
            gettext("Try it with “gst-launch-1.0” and a sink at its end."),
        ),
    }
}
