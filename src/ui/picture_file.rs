//! Asks for a picture of this computer.

use crate::i18n::gettext;
use adw::prelude::*;
use std::path::PathBuf;

/// The picture that was chosen, if one was; why it cannot be used, in a sentence.
pub async fn choose(parent: &impl IsA<gtk::Widget>) -> Result<Option<PathBuf>, String> {
    let pictures = gtk::FileFilter::new();
    pictures.set_name(Some(&gettext("Pictures")));
    pictures.add_mime_type("image/*");
    let chooser =
        gtk::FileDialog::builder().title(gettext("Choose a Picture")).default_filter(&pictures).build();
    let window = parent.root().and_downcast::<gtk::Window>();
    match chooser.open_future(window.as_ref()).await {
        Ok(file) => match file.path() {
            None => Err(gettext("The file is not on this computer: copy it here first")),
            path => Ok(path),
        },
        Err(error) if error.matches(gtk::DialogError::Dismissed) => Ok(None),
        Err(error) => Err(error.message().to_owned()),
    }
}
