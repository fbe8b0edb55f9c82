//! What is said where the microphone beside a camera is not heard.

use crate::engine::{DeviceError, Devices, MicrophoneError};
use crate::i18n::{gettext, gettext_f};

/// What happened, and what to do.
pub fn microphone_error(error: &MicrophoneError) -> (String, String) {
    match error {
        MicrophoneError::Device(error) => device_error(error),
        MicrophoneError::Stuck => (
            gettext("Nothing comes from the microphone."),
            gettext("It is tried again by itself. Unplug it and plug it in again if that does not help."),
        ),
        MicrophoneError::PlaysBack => (
            gettext("Your desktop listens to what this computer plays, and to no microphone."),
            gettext("Choose a microphone by its name, or another default in the settings of your desktop."),
        ),
    }
}

/// Where a microphone is not heard, why viewers hear silence, and what to do.
pub fn silence(error: &MicrophoneError) -> (String, String) {
    let (detail, hint) = microphone_error(error);
    // Translators: {reason} is a sentence, such as “The microphone is not there.”
    (gettext_f("{reason} Viewers hear silence.", &[("reason", &detail)]), hint)
}

fn device_error(error: &DeviceError) -> (String, String) {
    match error {
        DeviceError::NotFound => (
            gettext("The microphone is not there."),
            gettext("Plug it in: it is found again by itself. Or choose another one."),
        ),
        DeviceError::Busy => (
            gettext("Another program uses the microphone."),
            gettext("Close that program. It is tried again by itself."),
        ),
        DeviceError::Denied => (
            gettext("Headwater may not use microphones."),
            gettext("Allow it in the settings of your desktop. It is tried again by itself."),
        ),
        DeviceError::NoService => (
            gettext("There is no sound server."),
            gettext(
                "Microphones are heard by PipeWire, with pipewire-pulse, or by PulseAudio: install one of them, and log in again.",
            ),
        ),
        DeviceError::Failed { message } => (
            // Translators: {message} comes from the system and may be in English.
            gettext_f("The microphone cannot be used: {message}", &[("message", message)]),
            gettext("Unplug it and plug it in again. It is tried again by itself."),
        ),
    }
}

/// What is said where there is no microphone to choose.
pub fn microphones(microphones: &Devices) -> Option<String> {
    match microphones {
        Devices::Found(names) if names.is_empty() => {
            Some(gettext("There is none. Plug one in: it is listed here by itself."))
        }
        Devices::Unknown | Devices::Found(_) => None,
        Devices::Failed { reason } => {
            let (detail, hint) = device_error(reason);
            Some(format!("{detail} {hint}"))
        }
    }
}
