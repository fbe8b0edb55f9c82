//! Says something to those who have the screen read to them.

use gtk::prelude::*;
use gtk::{ATContext, AccessibleAnnouncementPriority, AccessibleRole};

/// What GTK takes where there is nobody to tell, such as in a session without an accessibility bus. GTK 4.18 forgot its
/// function for announcements, and ends the process where one is made.
const NOBODY: &str = "GtkTestATContext";

/// Says this sentence, where somebody listens.
pub fn say(
    from: &(impl IsA<gtk::Widget> + IsA<gtk::Accessible>),
    sentence: &str,
    priority: AccessibleAnnouncementPriority,
) {
    let context = ATContext::create(AccessibleRole::None, from, &from.display());
    if context.is_some_and(|context| context.type_().name() != NOBODY) {
        from.announce(sentence, priority);
    }
}
