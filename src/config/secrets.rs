//! The passwords of the server's users: values that never show themselves, and the place they are kept.

use std::collections::HashMap;
use std::fmt;

/// A password. It shows itself nowhere: no `Display`, no serialization, and nothing in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password itself, for the one place that checks it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(password: String) -> Self {
        Self(password)
    }
}

impl From<&str> for Password {
    fn from(password: &str) -> Self {
        Self(password.into())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The passwords that are known, by user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passwords {
    known: HashMap<String, Password>,
    locked: bool,
}

impl Passwords {
    /// What is known while the keyring is locked: nothing.
    pub fn locked() -> Self {
        Self { known: HashMap::new(), locked: true }
    }

    /// The password of a user, where there is one.
    pub fn get(&self, user: &str) -> Option<&Password> {
        self.known.get(user)
    }

    /// Whether the keyring has to be unlocked before any password is known.
    pub fn is_locked(&self) -> bool {
        self.locked
    }
}

impl<User: Into<String>, Secret: Into<Password>> FromIterator<(User, Secret)> for Passwords {
    fn from_iter<I: IntoIterator<Item = (User, Secret)>>(pairs: I) -> Self {
        let known = pairs.into_iter().map(|(user, password)| (user.into(), password.into())).collect();
        Self { known, locked: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_shows_itself_nowhere() {
        let passwords = Passwords::from_iter([("guest", "correct horse")]);
        assert_eq!(passwords.get("guest").unwrap().reveal(), "correct horse");
        let shown = format!("{passwords:?}");
        assert!(shown.contains("guest") && !shown.contains("horse"), "{shown}");
    }
}
