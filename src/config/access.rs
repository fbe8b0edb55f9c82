//! Who may read a stream, and by which authentication schemes.

use serde::{Deserialize, Serialize};

/// A user of the server. The password is kept apart, under this name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub name: String,
}

/// The rights of one stream. There is no default: a stream without it is an error, never open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    pub read: Readers,
    /// Who may send into a stream whose source is published; nobody where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<Readers>,
    #[serde(default = "Scheme::default_list")]
    pub schemes: Vec<Scheme>,
}

/// Who may: anyone, or the users named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WordOrList", into = "WordOrList")]
pub enum Readers {
    /// `"anyone"` in the file.
    Anyone,
    /// A list of user names in the file.
    Users(Vec<String>),
}

/// An authentication scheme that a stream offers (RFC 7616, RFC 7617).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// The password in the clear: for readers that know nothing else.
    Basic,
    /// Digest with SHA-256 and with MD5, offered together.
    Digest,
    /// Digest with MD5 alone.
    DigestMd5,
    /// Digest with SHA-256 alone: neither ffmpeg 7.1 nor GStreamer 1.26 knows it.
    DigestSha256,
}

/// How `read` stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "nobody can be told from this: write \"anyone\", or a list of users like [\"guest\"]"
)]
enum WordOrList {
    Word(String),
    List(Vec<String>),
}

impl TryFrom<WordOrList> for Readers {
    type Error = String;

    fn try_from(value: WordOrList) -> Result<Self, String> {
        match value {
            WordOrList::List(users) => Ok(Self::Users(users)),
            WordOrList::Word(word) if word == "anyone" => Ok(Self::Anyone),
            WordOrList::Word(word) => {
                Err(format!("\"{word}\" is nobody: write \"anyone\", or a list of users like [\"guest\"]"))
            }
        }
    }
}

impl From<Readers> for WordOrList {
    fn from(readers: Readers) -> Self {
        match readers {
            Readers::Anyone => Self::Word("anyone".into()),
            Readers::Users(users) => Self::List(users),
        }
    }
}

impl Access {
    /// Takes a user's rights away.
    pub fn forget(&mut self, user: &str) {
        for allowed in [Some(&mut self.read), self.publish.as_mut()].into_iter().flatten() {
            if let Readers::Users(users) = allowed {
                users.retain(|name| name != user);
            }
        }
    }
}

impl Readers {
    /// Lets a user in, or no longer. Where anyone could, the users who are let in come in their place.
    pub fn allow(&mut self, user: &str, may: bool) {
        let mut users = match self {
            Self::Anyone => Vec::new(),
            Self::Users(users) => std::mem::take(users),
        };
        users.retain(|name| name != user);
        users.extend(may.then(|| user.to_owned()));
        *self = Self::Users(users);
    }
}

impl Scheme {
    fn default_list() -> Vec<Self> {
        vec![Self::Digest]
    }

    /// As the standards call it, in all languages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Digest => "Digest",
            Self::DigestMd5 => "Digest MD5",
            Self::DigestSha256 => "Digest SHA-256",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_let_in_in_the_place_of_anyone() {
        let users = |names: &[&str]| Readers::Users(names.iter().map(|name| (*name).into()).collect());
        let mut readers = Readers::Anyone;
        readers.allow("ann", true);
        assert_eq!(readers, users(&["ann"]));
        readers.allow("bob", true);
        readers.allow("bob", true);
        assert_eq!(readers, users(&["ann", "bob"]));
        readers.allow("ann", false);
        assert_eq!(readers, users(&["bob"]));
    }

    #[test]
    fn a_user_who_is_removed_has_no_right_left() {
        let both = || Readers::Users(vec!["ann".into(), "bob".into()]);
        let mut access = Access { read: both(), publish: Some(both()), schemes: vec![] };
        access.forget("ann");
        let bob = Readers::Users(vec!["bob".into()]);
        assert_eq!((access.read, access.publish), (bob.clone(), Some(bob)));
    }
}
