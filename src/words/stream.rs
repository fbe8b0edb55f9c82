//! What is said of a stream.

use super::camera::camera_error;
use super::custom::custom_error;
use super::relay::relay_error;
use super::screen::screen_error;
use super::{Words, coding as coding_name, sound_codec};
use crate::config::SoundCodec;
use crate::engine::{Publisher, StreamError, StreamState};
use crate::i18n::{gettext, gettext_f, ngettext_f};
use std::path::Path;

/// What a stream does, and where it has no picture, why not.
pub fn stream_state(state: &StreamState) -> Words {
    match state {
        StreamState::Stopped => {
            Words { title: gettext("Off"), detail: Some(gettext("This stream is turned off.")), hint: None }
        }
        StreamState::Starting => Words { title: gettext("Starting"), detail: None, hint: None },
        StreamState::Ready => Words {
            title: gettext("Ready"),
            detail: Some(gettext("Starts as soon as somebody watches.")),
            hint: None,
        },
        StreamState::Live => Words { title: gettext("Live"), detail: None, hint: None },
        StreamState::Reconnecting { reason, .. } => {
            let (detail, hint) = stream_error(reason);
            let title = match state.awaits_publisher() {
                // Translators: for a program that sends the pictures.
                true => gettext("Waiting"),
                false => gettext("Reconnecting"),
            };
            Words { title, detail: Some(detail), hint: Some(hint) }
        }
        StreamState::Failed { reason } => {
            let (detail, hint) = stream_error(reason);
            Words { title: gettext("Failed"), detail: Some(detail), hint: Some(hint) }
        }
    }
}

/// How many watch a stream.
pub fn viewers(number: u32) -> String {
    ngettext_f("{n} viewer", "{n} viewers", number, &[])
}

/// How much is sent to each viewer, from thousand bits a second.
pub fn bitrate(kbps: u32) -> String {
    const KBPS_PER_MBPS: u32 = 1000;
    if kbps < KBPS_PER_MBPS {
        return gettext_f("{number} kbit/s", &[("number", &kbps.to_string())]);
    }
    let mbps = format!("{:.1}", f64::from(kbps) / f64::from(KBPS_PER_MBPS));
    gettext_f("{number} Mbit/s", &[("number", &mbps)])
}

/// Who sends into a stream that is published.
pub fn publisher(publisher: Option<&Publisher>) -> Words {
    let Some(Publisher { address, user, program }) = publisher else {
        return Words { title: gettext("Nobody is sending"), detail: None, hint: None };
    };
    let names = [("address", address.as_str()), ("user", user.as_str())];
    let title = match user.as_str() {
        // Translators: {address} is that of a computer, here and below.
        "" => gettext_f("{address} is sending", &names),
        _ => gettext_f("“{user}” is sending from {address}", &names),
    };
    Words { title, detail: (!program.is_empty()).then(|| program.clone()), hint: None }
}

/// Which streams were not started, because the program ended unexpectedly while they were starting.
pub fn left_off(names: &[String]) -> String {
    gettext_f(
        // Translators: {streams} is the name of one stream, or several with commas.
        "Headwater ended unexpectedly the last time. Not started: {streams}.",
        &[("streams", &names.join(&gettext(", ")))],
    )
}

/// What happened, and what to do.
fn stream_error(error: &StreamError) -> (String, String) {
    match error {
        StreamError::FileMissing { path } => (
            // Translators: {file} is the name of a file.
            gettext_f("“{file}” does not exist.", &[("file", &name(path))]),
            gettext("Put it back, or choose another file."),
        ),
        StreamError::PermissionLost { path } => (
            gettext_f("“{file}” may not be read any more, or was moved.", &[("file", &name(path))]),
            gettext("Choose it again."),
        ),
        StreamError::FolderEmpty { path } => (
            // Translators: {folder} is the name of a folder.
            gettext_f("“{folder}” has no video and no picture.", &[("folder", &name(path))]),
            gettext("Put some into it, or choose another folder."),
        ),
        StreamError::FileEmpty { path } => {
            (gettext_f("“{file}” is empty.", &[("file", &name(path))]), gettext("Choose a file with video."))
        }
        StreamError::FileUnreadable { path, message } => (
            // Translators: {message} comes from the system and may be in English.
            gettext_f("“{file}” cannot be read: {message}.", &[("file", &name(path)), ("message", message)]),
            gettext("Check that you have the right to open it."),
        ),
        StreamError::NoVideo { path } => (
            gettext_f("“{file}” has no video.", &[("file", &name(path))]),
            gettext("Choose a file with video."),
        ),
        StreamError::FileDamaged { path, .. } => (
            gettext_f("“{file}” is damaged, or is not a video.", &[("file", &name(path))]),
            gettext("Choose another file, or copy it again from where it came."),
        ),
        StreamError::MissingPlugin { description } => (
            // Translators: {plugin} is GStreamer's name of what is missing, such as “H.265 decoder”.
            gettext_f("Something is not installed: {plugin}.", &[("plugin", description)]),
            gettext("Install the GStreamer plugin that brings it, and start Headwater again."),
        ),
        StreamError::NoEncoder { coding } => (
            // Translators: {codec} is the name of a video codec.
            gettext_f("No encoder for {codec} is installed.", &[("codec", coding_name(*coding))]),
            gettext("Install GStreamer’s “ugly” plugins (x264) or openh264, and start Headwater again."),
        ),
        StreamError::NoSoundEncoder { codec: SoundCodec::Auto } => (
            gettext("No encoder for sound is installed."),
            gettext("Install GStreamer’s “libav” or “base” plugins, or turn the sound off."),
        ),
        StreamError::NoSoundEncoder { codec } => (
            gettext_f("No encoder for {codec} is installed.", &[("codec", &sound_codec(*codec))]),
            gettext("Choose another codec for the sound, or install GStreamer’s “libav” plugins."),
        ),
        StreamError::NoPicture { seconds } => (
            ngettext_f(
                "No picture came for {n} second.",
                "No picture came for {n} seconds.",
                u32::try_from(*seconds).unwrap_or(u32::MAX),
                &[],
            ),
            gettext("It is tried again by itself."),
        ),
        StreamError::Relay { reason, .. } => relay_error(reason),
        StreamError::Camera { reason, .. } => camera_error(reason),
        StreamError::Screen { reason } => screen_error(reason),
        StreamError::Custom { reason } => custom_error(reason),
        StreamError::NotPublished => (
            gettext("Nobody is sending to this stream now."),
            gettext("Let OBS, ffmpeg or another program send to its address."),
        ),
        StreamError::LeftOffAfterCrash => (
            gettext("It was not started, because Headwater ended unexpectedly the last time."),
            gettext("Turn it off and on again to try it."),
        ),
        StreamError::Pipeline { element, message } => (
            // Translators: {element} is a part of GStreamer; {message} comes from there and may be in English.
            gettext_f("{message} ({element})", &[("message", message), ("element", element)]),
            gettext("It is tried again by itself."),
        ),
    }
}

/// The folder is left out: a card is small.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bitrate_has_the_unit_that_fits() {
        assert_eq!(bitrate(999), "999 kbit/s");
        assert_eq!(bitrate(2304), "2.3 Mbit/s");
    }

    #[test]
    fn a_lost_source_says_what_happened_and_what_to_do() {
        let words = stream_state(&StreamState::Reconnecting {
            reason: StreamError::FileMissing { path: "/videos/one {file}.mp4".into() },
            next_try: Some(std::time::SystemTime::UNIX_EPOCH),
        });
        assert_eq!(words.detail.as_deref(), Some("“one {file}.mp4” does not exist."));
        assert_eq!(words.hint.as_deref(), Some("Put it back, or choose another file."));
    }

    #[test]
    fn where_nothing_can_be_done_nothing_is_asked_for() {
        let words = stream_state(&StreamState::Reconnecting {
            reason: StreamError::NoPicture { seconds: 1 },
            next_try: Some(std::time::SystemTime::UNIX_EPOCH),
        });
        assert_eq!(words.detail.as_deref(), Some("No picture came for 1 second."));
        assert_eq!(words.hint.as_deref(), Some("It is tried again by itself."));
    }
}
