//! Says in a toast what happened: in the overlay nearest around a widget, be that of the window or of a dialog.

use super::Window;
use super::error_text::change_error;
use crate::config::SaveError;
use crate::control::{ChangeError, Control};
use crate::i18n::gettext;
use adw::prelude::*;

pub fn say(widget: &impl IsA<gtk::Widget>, sentence: &str) {
    show(widget, &titled(sentence));
}

/// Says why a change was not made. Where another program changed the file, it offers to load that.
pub fn say_change_error(widget: &impl IsA<gtk::Widget>, error: &ChangeError) {
    let toast = titled(&change_error(error));
    if matches!(error, ChangeError::Save(SaveError::ChangedOnDisk { .. })) {
        toast.set_button_label(Some(&gettext("_Load It")));
        toast.set_action_name(Some("win.reload"));
        // It stays until something is done about it, or something else was.
        toast.set_timeout(0);
        toast.set_priority(adw::ToastPriority::High);
        if let Some(control) = window(widget).as_ref().and_then(Window::control) {
            control.connect_changed(&toast, |toast, _| toast.dismiss());
        }
    }
    show(widget, &toast);
}

/// Says what was just changed, and offers to undo it until something else is changed.
pub fn say_undoable(widget: &impl IsA<gtk::Widget>, control: &Control, sentence: &str) {
    let toast = titled(sentence);
    toast.set_button_label(Some(&gettext("_Undo")));
    toast.set_action_name(Some("win.undo"));
    // Behind others it could come too late.
    toast.set_priority(adw::ToastPriority::High);
    show(widget, &toast);
    control.connect_changed(&toast, |toast, _| toast.dismiss());
}

fn window(widget: &impl IsA<gtk::Widget>) -> Option<Window> {
    widget.root().and_downcast()
}

fn titled(sentence: &str) -> adw::Toast {
    adw::Toast::builder().title(sentence).use_markup(false).build()
}

fn show(widget: &impl IsA<gtk::Widget>, toast: &adw::Toast) {
    // An alert has no place of its own for them.
    let nearest = widget.ancestor(adw::ToastOverlay::static_type()).and_downcast::<adw::ToastOverlay>();
    match nearest.or_else(|| window(widget).map(|window| window.toasts().clone())) {
        Some(overlay) => overlay.add_toast(toast.clone()),
        // A card that was scrolled away meanwhile has nowhere to say it.
        None => tracing::warn!("{}", toast.title().unwrap_or_default()),
    }
}
