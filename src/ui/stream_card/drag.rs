//! Moves a stream among the others: its card is dragged to one side of another card.

use super::StreamCard;
use crate::engine::Stream;
use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::gdk;

/// A side of a card; its style class shows that what is dragged comes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Above,
    Below,
}

impl Side {
    const ALL: [Self; 4] = [Self::Left, Self::Right, Self::Above, Self::Below];

    fn class(self) -> &'static str {
        match self {
            Self::Left => "drop-left",
            Self::Right => "drop-right",
            Self::Above => "drop-above",
            Self::Below => "drop-below",
        }
    }
}

impl StreamCard {
    pub(super) fn follow_drags(&self) {
        let source = gtk::DragSource::builder()
            .actions(gdk::DragAction::MOVE)
            // Before the button that the picture is.
            .propagation_phase(gtk::PropagationPhase::Capture)
            .build();
        let weak = self.downgrade();
        source.connect_prepare(move |_, x, y| {
            let card = weak.upgrade().filter(|card| card.can_be_dragged_at(x, y))?;
            Some(gdk::ContentProvider::for_value(&card.stream()?.to_value()))
        });
        let weak = self.downgrade();
        source.connect_drag_begin(move |_, drag| {
            if let Some(card) = weak.upgrade() {
                card.add_css_class("dragged");
                gtk::DragIcon::for_drag(drag)
                    .downcast::<gtk::DragIcon>()
                    .expect("the icon of a drag is one")
                    .set_child(Some(&card.half_size()));
            }
        });
        let weak = self.downgrade();
        source.connect_drag_end(move |_, _, _| {
            if let Some(card) = weak.upgrade() {
                card.remove_css_class("dragged");
            }
        });
        self.add_controller(source);

        let target = gtk::DropTarget::new(Stream::static_type(), gdk::DragAction::MOVE);
        let weak = self.downgrade();
        target.connect_accept(move |_, drop| {
            // Not from another window: a stream of its own is not one of ours.
            weak.upgrade().is_some_and(|card| card.movable()) && drop.drag().is_some()
        });
        let weak = self.downgrade();
        target.connect_motion(move |_, x, y| {
            let Some(card) = weak.upgrade() else { return gdk::DragAction::empty() };
            card.mark(Some(card.side(x, y)));
            gdk::DragAction::MOVE
        });
        let weak = self.downgrade();
        target.connect_leave(move |_| {
            if let Some(card) = weak.upgrade() {
                card.mark(None);
            }
        });
        let weak = self.downgrade();
        target.connect_drop(move |_, value, x, y| {
            let (Some(card), Ok(dragged)) = (weak.upgrade(), value.get::<Stream>()) else { return false };
            card.mark(None);
            card.take(&dragged, card.side(x, y))
        });
        self.add_controller(target);
    }

    /// What is dragged leaves the place in view where it would come.
    fn half_size(&self) -> adw::Clamp {
        let picture = gtk::Picture::for_paintable(&gtk::WidgetPaintable::new(Some(self)));
        let width = self.width() / 2;
        adw::Clamp::builder().child(&picture).maximum_size(width).tightening_threshold(width).build()
    }

    /// Not by its switch, which is dragged itself, nor by its buttons.
    fn can_be_dragged_at(&self, x: f64, y: f64) -> bool {
        let imp = self.imp();
        let controls: [&gtk::Widget; 3] =
            [imp.switch.upcast_ref(), imp.menu_button.upcast_ref(), imp.copy_button.upcast_ref()];
        let picked = self.pick(x, y, gtk::PickFlags::DEFAULT);
        let on_control = picked.is_some_and(|picked| {
            controls.iter().any(|&control| picked == *control || picked.is_ancestor(control))
        });
        self.movable() && !on_control
    }

    /// The side that is nearest, of those between which there are other cards.
    fn side(&self, x: f64, y: f64) -> Side {
        let grid = self.ancestor(gtk::GridView::static_type());
        let is_alone_in_its_row = grid.is_none_or(|grid| self.width() * 2 > grid.width());
        match is_alone_in_its_row {
            true if y < f64::from(self.height()) / 2.0 => Side::Above,
            true => Side::Below,
            false if x < f64::from(self.width()) / 2.0 => Side::Left,
            false => Side::Right,
        }
    }

    fn mark(&self, side: Option<Side>) {
        for other in Side::ALL {
            if Some(other) == side {
                self.add_css_class(other.class());
            } else {
                self.remove_css_class(other.class());
            }
        }
    }

    fn take(&self, dragged: &Stream, side: Side) -> bool {
        let Some(stream) = self.stream().filter(|stream| stream != dragged) else { return false };
        let after = match (side, self.direction()) {
            (Side::Above, _) => false,
            (Side::Below, _) => true,
            (side, gtk::TextDirection::Rtl) => side == Side::Left,
            (side, _) => side == Side::Right,
        };
        let place = (dragged.id(), stream.id(), after).to_variant();
        self.activate_action("win.place-stream", Some(&place)).is_ok()
    }
}
