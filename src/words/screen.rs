//! What is said where no screen is shared.

use crate::engine::ScreenError;
use crate::i18n::{gettext, gettext_f};

/// What happened, and what to do.
pub fn screen_error(error: &ScreenError) -> (String, String) {
    match error {
        ScreenError::Denied => (
            gettext("Sharing the screen was not allowed."),
            gettext("Turn the stream off and on again to be asked once more."),
        ),
        ScreenError::NoPortal => (
            gettext("There is no desktop here that shares its screen."),
            gettext("Log in to one, and install its portal, such as xdg-desktop-portal-gnome."),
        ),
        ScreenError::Closed => (
            gettext("Sharing the screen was ended."),
            gettext("Your desktop asks again. Turn the stream off to share nothing."),
        ),
        ScreenError::Failed { message } => (
            // Translators: {message} comes from the system and may be in English.
            gettext_f("The screen cannot be shared: {message}", &[("message", message)]),
            gettext("It is tried again by itself."),
        ),
    }
}
