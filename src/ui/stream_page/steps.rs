//! A number that is counted up or down, by its buttons or a key that is held.

use super::form::{Form, UnderWay};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// After the last step of a number that is being chosen: longer than between the steps of a key that is held.
const SETTLED: Duration = Duration::from_millis(300);

/// The steps of a number, of which the last is what was meant.
#[derive(Default)]
pub struct Steps(RefCell<Option<(glib::SourceId, UnderWay)>>);

impl Steps {
    /// Calls when no step came for a while. Until then the forms stay as they are.
    pub fn step(self: &Rc<Self>, form: &Form, settled: impl FnOnce() + 'static) {
        let under_way = form.begin();
        self.forget();
        let steps = self.clone();
        let timer = glib::timeout_add_local_once(SETTLED, move || {
            let last = steps.0.take();
            settled();
            drop(last);
        });
        self.0.replace(Some((timer, under_way)));
    }

    pub fn forget(&self) {
        if let Some((timer, _under_way)) = self.0.take() {
            timer.remove();
        }
    }
}
