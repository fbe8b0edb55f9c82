//! What the places of overlays are called.

use crate::config::Position;
use crate::i18n::gettext;

/// Where in the picture.
pub fn position(position: Position) -> String {
    match position {
        Position::TopLeft => gettext("Top left"),
        Position::Top => gettext("Top"),
        Position::TopRight => gettext("Top right"),
        Position::Left => gettext("Left"),
        Position::Center => gettext("Center"),
        Position::Right => gettext("Right"),
        Position::BottomLeft => gettext("Bottom left"),
        Position::Bottom => gettext("Bottom"),
        Position::BottomRight => gettext("Bottom right"),
    }
}
