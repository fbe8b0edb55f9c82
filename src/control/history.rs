//! Remembers configurations for undo and redo.

use crate::config::Config;

/// Changes that can be undone. A configuration is some kilobytes, and nobody remembers more.
const DEPTH: usize = 100;

/// The configurations before and after the one that is in force, the nearest last.
#[derive(Debug, Default)]
pub struct History {
    before: Vec<Config>,
    after: Vec<Config>,
}

impl History {
    /// Notes what was in force before a change. What was undone until then cannot be redone any more.
    pub fn record(&mut self, before: Config) {
        self.after.clear();
        push(&mut self.before, before);
    }

    /// What undo brings back.
    pub fn previous(&self) -> Option<&Config> {
        self.before.last()
    }

    /// What redo brings back.
    pub fn next(&self) -> Option<&Config> {
        self.after.last()
    }

    /// Notes that [`History::previous`] took the place of `current`.
    pub fn undone(&mut self, current: Config) {
        self.before.pop();
        push(&mut self.after, current);
    }

    /// Notes that [`History::next`] took the place of `current`.
    pub fn redone(&mut self, current: Config) {
        self.after.pop();
        push(&mut self.before, current);
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

fn push(configs: &mut Vec<Config>, config: Config) {
    if configs.len() == DEPTH {
        configs.remove(0);
    }
    configs.push(config);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_port(port: u16) -> Config {
        let mut config = Config::first();
        config.server.port = port;
        config
    }

    fn port(config: Option<&Config>) -> Option<u16> {
        config.map(|config| config.server.port)
    }

    #[test]
    fn changes_are_undone_from_the_last_to_the_first_and_redone() {
        let mut history = History::default();
        history.record(at_port(1));
        history.record(at_port(2)); // now it is 3
        assert_eq!((port(history.previous()), port(history.next())), (Some(2), None));
        history.undone(at_port(3));
        assert_eq!((port(history.previous()), port(history.next())), (Some(1), Some(3)));
        history.undone(at_port(2));
        assert_eq!((port(history.previous()), port(history.next())), (None, Some(2)));
        history.redone(at_port(1));
        assert_eq!((port(history.previous()), port(history.next())), (Some(1), Some(3)));
    }

    #[test]
    fn a_new_change_takes_the_place_of_what_was_undone() {
        let mut history = History::default();
        history.record(at_port(1));
        history.undone(at_port(2));
        history.record(at_port(1));
        assert_eq!((port(history.previous()), port(history.next())), (Some(1), None));
    }

    #[test]
    fn the_oldest_changes_are_forgotten() {
        let mut history = History::default();
        (0..=DEPTH as u16).for_each(|number| history.record(at_port(number)));
        assert_eq!(history.before.len(), DEPTH);
        assert_eq!(port(history.before.first()), Some(1));
    }
}
