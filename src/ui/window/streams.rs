//! What is done with a stream as a whole: rename, duplicate, move, remove.

use super::super::error_text::secret_error;
use super::super::toasts;
use super::super::video_files;
use super::{Window, rename_dialog};
use crate::config::{Config, Source, StreamConfig, suggest_path};
use crate::engine::Stream;
use crate::i18n::gettext_f;
use adw::subclass::prelude::*;
use gio::prelude::*;
use std::path::Path;

impl Window {
    /// The configuration with the place of a stream in it, if it is there still.
    fn find_stream(&self, id: &str) -> Option<(Config, usize)> {
        let config = self.control()?.config();
        let place = config.streams.iter().position(|stream| stream.id == id)?;
        Some((config, place))
    }

    pub(super) async fn rename_stream(&self, id: &str) {
        let Some((config, place)) = self.find_stream(id) else { return };
        let Some(name) = rename_dialog::ask(self, config, place).await else { return };
        self.change_stream(id, |stream| stream.name = name).await;
    }

    async fn change_stream(&self, id: &str, edit: impl FnOnce(&mut StreamConfig)) {
        self.change(|config| {
            if let Some(stream) = config.stream_mut(id) {
                edit(stream);
            }
        })
        .await;
    }

    /// Asks for a file or folder in the place of the one that cannot be used.
    pub(super) async fn choose_file(&self, id: &str) {
        let streams = self.control().map(|control| control.engine().streams());
        let is_meant = |stream: &Stream| stream.id() == id;
        let unusable = streams
            .and_then(|streams| streams.iter::<Stream>().flatten().find(is_meant))
            .and_then(|stream| stream.state().unusable_file().map(Path::to_owned));
        let config = self.control().and_then(|control| control.stream(id));
        let (Some(unusable), Some(Source::File(source))) = (unusable, config.map(|config| config.source))
        else {
            return;
        };
        // It can be one of a folder.
        let Some(location) = source.locations.into_iter().find(|location| unusable.starts_with(location))
        else {
            return;
        };
        let chosen = video_files::choose_instead(self, &location).await;
        self.change_stream(id, |stream| {
            if let Source::File(source) = &mut stream.source
                && let Some(place) = source.locations.iter().position(|other| *other == location)
                && !chosen.is_empty()
            {
                source.locations.splice(place..=place, chosen);
            }
        })
        .await;
    }

    pub(super) async fn duplicate_stream(&self, id: &str) {
        let Some((config, place)) = self.find_stream(id) else { return };
        let original = &config.streams[place];
        let taken: Vec<&str> = config.streams.iter().map(|stream| stream.path.as_str()).collect();
        let copy = StreamConfig {
            id: glib::uuid_string_random().into(),
            // Translators: the name of a stream that was made as a copy of the stream {stream}.
            name: gettext_f("{stream} (Copy)", &[("stream", &original.name)]),
            path: suggest_path(original.path.trim_start_matches('/'), &taken),
            ..original.clone()
        };
        // It logs in with the same password.
        if let (Some(control), Some(from), Some(to)) =
            (self.control(), original.password_key(), copy.password_key())
            && let Some(password) = control.password(&from)
            && let Err(error) = control.set_password(&to, password).await
        {
            return toasts::say(&*self.imp().toasts, &secret_error(&error));
        }
        let id = copy.id.clone();
        if self.change(|config| config.streams.insert((place + 1).min(config.streams.len()), copy)).await {
            self.show_card(&id);
        }
    }

    /// Moves a stream among the others: -1 is one place earlier, 1 is one place later.
    pub(super) async fn move_stream(&self, id: &str, by: isize) {
        let Some((config, place)) = self.find_stream(id) else { return };
        let Some(target) = place.checked_add_signed(by).filter(|place| *place < config.streams.len()) else {
            return;
        };
        self.change(|config| {
            if config.streams.get(place).is_some_and(|stream| stream.id == id) {
                config.streams.swap(place, target);
            }
        })
        .await;
    }

    /// Moves a stream before or after another one.
    pub(super) async fn place_stream(&self, id: &str, other: &str, after: bool) {
        self.change(|config| place_beside(&mut config.streams, id, other, after)).await;
    }

    pub(super) async fn remove_stream(&self, id: &str) {
        let Some((mut config, place)) = self.find_stream(id) else { return };
        let removed = config.streams.remove(place);
        if self.may_become(&config).await
            && self.change(|config| config.streams.retain(|stream| stream.id != id)).await
            && let Some(control) = self.control()
        {
            // Translators: {stream} is the name of a stream.
            let title = gettext_f("“{stream}” removed", &[("stream", &removed.name)]);
            toasts::say_undoable(&*self.imp().toasts, control, &title);
        }
    }
}

fn place_beside(streams: &mut Vec<StreamConfig>, id: &str, other: &str, after: bool) {
    let place = |streams: &[StreamConfig], id: &str| streams.iter().position(|stream| stream.id == id);
    if id == other || place(streams, other).is_none() {
        return;
    }
    if let Some(from) = place(streams, id) {
        let stream = streams.remove(from);
        let to = place(streams, other).expect("it was there, and is another one");
        streams.insert(to + usize::from(after), stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_placed_beside_another_one() {
        let first = Config::first().streams.remove(0);
        let after = |id: &str, other: &str, after: bool| {
            let mut streams =
                ["a", "b", "c"].map(|id| StreamConfig { id: id.into(), ..first.clone() }).into();
            place_beside(&mut streams, id, other, after);
            streams.into_iter().map(|stream| stream.id).collect::<String>()
        };
        assert_eq!(after("a", "c", true), "bca");
        assert_eq!(after("a", "c", false), "bac");
        assert_eq!(after("c", "a", false), "cab");
        assert_eq!(after("c", "a", true), "acb");
        assert_eq!(after("b", "b", true), "abc");
        assert_eq!(after("b", "gone", true), "abc");
    }
}
