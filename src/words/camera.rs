//! What is said where a camera cannot be used.

use crate::engine::{DeviceError, Devices};
use crate::i18n::{gettext, gettext_f};

/// What happened, and what to do.
pub fn camera_error(error: &DeviceError) -> (String, String) {
    match error {
        DeviceError::NotFound => (
            gettext("The camera is not there."),
            gettext("Plug it in: it is found again by itself. Or choose another one."),
        ),
        DeviceError::Busy => (
            gettext("Another program uses the camera."),
            gettext("Close that program. It is tried again by itself."),
        ),
        DeviceError::Denied => (
            gettext("Headwater may not use cameras."),
            gettext("Allow it in the settings of your desktop, then turn the stream off and on again."),
        ),
        DeviceError::NoService => (
            gettext("This desktop does not give cameras to programs like this one."),
            gettext("Install a portal for it, such as xdg-desktop-portal-gnome, and log in again."),
        ),
        DeviceError::Failed { message } => (
            // Translators: {message} comes from the system and may be in English.
            gettext_f("The camera cannot be used: {message}", &[("message", message)]),
            gettext("Unplug it and plug it in again. It is tried again by itself."),
        ),
    }
}

/// What is said where there is no camera to choose.
pub fn cameras(cameras: &Devices) -> Option<String> {
    match cameras {
        Devices::Unknown => {
            Some(gettext("Looking for cameras. Your desktop may ask whether Headwater may use them."))
        }
        Devices::Found(names) if names.is_empty() => {
            Some(gettext("There is none. Plug one in: it is listed here by itself."))
        }
        Devices::Found(_) => None,
        Devices::Failed { reason } => {
            let (detail, hint) = camera_error(reason);
            Some(format!("{detail} {hint}"))
        }
    }
}
