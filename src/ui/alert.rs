//! Questions that are answered with a button.

use adw::prelude::*;

/// Shows the dialog over this widget, and gives the response that was chosen; the close response where it was closed
/// in another way.
///
/// Not `choose_future` of libadwaita's binding: it gives the library a reference that nobody takes back, and each
/// dialog would stay for ever, 330 KB of it.
pub async fn choose(dialog: adw::AlertDialog, parent: &impl IsA<gtk::Widget>) -> glib::GString {
    let close = dialog.close_response();
    let (chosen, choice) = async_channel::bounded(1);
    dialog.connect_response(None, move |_, response| {
        // The first one counts.
        let _ = chosen.try_send(glib::GString::from(response));
    });
    dialog.present(Some(parent));
    drop(dialog);
    choice.recv().await.unwrap_or(close)
}
