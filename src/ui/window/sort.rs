//! The order in which the streams are shown: their own, or by what they are called or do.

use super::Window;
use crate::engine::{Stream, StreamState};
use adw::prelude::*;
use adw::subclass::prelude::*;
use std::cmp::{Ordering, Reverse};

/// As the menu names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "HeadwaterOrder")]
pub enum Order {
    /// That of the configuration, which the user makes.
    #[default]
    Own,
    Name,
    /// What needs somebody first, then what runs.
    State,
    /// The most first.
    Viewers,
}

impl Order {
    fn compare(self, a: &Stream, b: &Stream) -> Ordering {
        match self {
            Self::Own => Ordering::Equal,
            Self::Name => name(a).cmp(&name(b)),
            Self::State => urgency(&a.state()).cmp(&urgency(&b.state())),
            Self::Viewers => Reverse(a.viewers()).cmp(&Reverse(b.viewers())),
        }
    }

    /// The property of a stream that moves it.
    fn property(self) -> Option<&'static str> {
        match self {
            Self::Own => None,
            Self::Name => Some("name"),
            Self::State => Some("state"),
            Self::Viewers => Some("viewers"),
        }
    }
}

/// As a person sorts: “Door 9” comes before “door 10”.
fn name(stream: &Stream) -> glib::FilenameCollationKey {
    glib::FilenameCollationKey::from(stream.name().to_lowercase())
}

fn urgency(state: &StreamState) -> u8 {
    match state {
        StreamState::Failed { .. } => 0,
        StreamState::Reconnecting { .. } => 1,
        StreamState::Starting => 2,
        // The same: a stream that is scrolled out of view falls asleep, and must not move for that.
        StreamState::Live | StreamState::Ready => 3,
        StreamState::Stopped => 4,
    }
}

impl Window {
    /// The streams in the order that is chosen; those that are equal in it keep their own.
    pub(super) fn sorted(&self, streams: &gtk::FilterListModel) -> gtk::SortListModel {
        let weak = self.downgrade();
        let sorter = gtk::CustomSorter::new(move |a, b| {
            let order = weak.upgrade().map(|window| window.order()).unwrap_or_default();
            match (a.downcast_ref::<Stream>(), b.downcast_ref::<Stream>()) {
                (Some(a), Some(b)) => order.compare(a, b).into(),
                _ => gtk::Ordering::Equal,
            }
        });
        let (all, again) = (streams.clone(), sorter.clone());
        self.connect_order_notify(move |window| {
            window.follow_sorted(&all, &again);
            again.changed(gtk::SorterChange::Different);
        });
        let (weak, again) = (self.downgrade(), sorter.clone());
        streams.connect_items_changed(move |streams, _, _, _| {
            if let Some(window) = weak.upgrade() {
                window.follow_sorted(streams, &again);
            }
        });
        gtk::SortListModel::new(Some(streams.clone()), Some(sorter))
    }

    /// Sorts again when a stream changes in what they are sorted by: the model does not look.
    fn follow_sorted(&self, streams: &gtk::FilterListModel, sorter: &gtk::CustomSorter) {
        for (stream, handler) in self.imp().sorted.take() {
            stream.disconnect(handler);
        }
        let Some(property) = self.order().property() else { return };
        let follow = |stream: glib::Object| {
            let sorter = sorter.clone();
            let handler = stream.connect_notify_local(Some(property), move |_, _| {
                sorter.changed(gtk::SorterChange::Different);
            });
            (stream, handler)
        };
        self.imp().sorted.replace(streams.iter::<glib::Object>().flatten().map(follow).collect());
    }
}
