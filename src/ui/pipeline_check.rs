//! Tries a custom pipeline while it is typed. Its elements are made on another thread: plugins may have to be loaded.

use crate::engine;
use crate::words;
use gtk::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// After the last key: longer than between two of somebody who types.
const TYPED: Duration = Duration::from_millis(400);

/// What is wrong with a pipeline, in two sentences.
pub async fn problem(pipeline: &str) -> Option<String> {
    let pipeline = pipeline.to_owned();
    let checked = blocking::unblock(move || engine::check_pipeline(&pipeline)).await;
    let (sentence, hint) = words::custom_error(&checked.err()?);
    Some(format!("{sentence} {hint}"))
}

/// Tells what is wrong, when nothing was typed for a moment.
pub fn as_typed(row: &impl IsA<gtk::Editable>, tell: impl Fn(String) + 'static) {
    let tell = Rc::new(tell);
    let waiting: Rc<RefCell<Option<glib::JoinHandle<()>>>> = Rc::default();
    row.connect_changed(move |row| {
        let (row, tell) = (row.downgrade(), tell.clone());
        let check = glib::spawn_future_local(async move {
            glib::timeout_future(TYPED).await;
            let Some(text) = row.upgrade().map(|row| row.text()).filter(|text| !text.trim().is_empty())
            else {
                return;
            };
            let found = problem(&text).await;
            // Something else may have been typed meanwhile, or the row is gone.
            if let Some(sentence) = found.filter(|_| row.upgrade().is_some_and(|row| row.text() == text)) {
                tell(sentence);
            }
        });
        if let Some(before) = waiting.replace(Some(check)) {
            before.abort();
        }
    });
}
