//! What is written from left to right in every language: paths, addresses, sizes. Where the window is right-to-left,
//! their slashes and crosses would change sides.

use gtk::prelude::*;

fn is_right_to_left() -> bool {
    gtk::Widget::default_direction() == gtk::TextDirection::Rtl
}

/// Keeps what is typed there in its order.
pub fn keep_typed(row: &impl IsA<gtk::Editable>) {
    if let Some(text) = row.delegate().filter(|_| is_right_to_left()) {
        if let Some(widget) = text.dynamic_cast_ref::<gtk::Widget>() {
            widget.set_direction(gtk::TextDirection::Ltr);
        }
        // Its side stays that of the other rows.
        text.set_alignment(1.0);
    }
}

/// The same words, kept in their order among others.
pub fn kept(words: String) -> String {
    const LEFT_TO_RIGHT_ISOLATE: char = '\u{2066}';
    const POP_ISOLATE: char = '\u{2069}';
    if is_right_to_left() { format!("{LEFT_TO_RIGHT_ISOLATE}{words}{POP_ISOLATE}") } else { words }
}
