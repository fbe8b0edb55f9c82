//! The passwords of the server's users and of relays: values that never show themselves, and the place they are kept.

use super::APPLICATION_ID;
use super::replace::replace;
use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{self, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use toml_edit::DocumentMut;

/// A password. It shows itself nowhere: no `Display`, no serialization, and nothing in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// The letters of a password that is made up: none that is taken for another one when it is read out or typed,
/// and none that an address would have to escape. There are 32, so that each is as likely as any other.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
/// 80 bits, in groups of four.
const LETTERS_MADE_UP: usize = 16;

impl Password {
    /// A password that nobody guesses and everybody can read out, such as `k3vd-9mqp-x7ta-2hfn`.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn made_up() -> Result<Self, getrandom::Error> {
        let mut random = [0; LETTERS_MADE_UP];
        getrandom::fill(&mut random)?;
        let letters = random.map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
        let groups: Vec<String> = letters.chunks(4).map(String::from_iter).collect();
        Ok(Self(groups.join("-")))
    }

    /// Whether it can be used: RFC 7617, section 2, knows no control characters.
    pub fn is_usable(&self) -> bool {
        !self.0.is_empty() && !self.0.chars().any(char::is_control)
    }

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

/// Where the password of a relay is kept, among those of users: no user has a colon in the name.
pub fn relay_key(stream: &str) -> String {
    format!("relay:{stream}")
}

/// Where the portal's token for a stream's screen is kept: with it the user need not choose again.
pub fn screen_key(stream: &str) -> String {
    format!("screen:{stream}")
}

/// The passwords that are known, by user, or by [`relay_key`] or [`screen_key`].
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

/// Where the passwords of one configuration are kept: in the keyring, or, where there is none, in `secrets.toml`
/// beside the configuration. Where that file exists it is used, whether there is a keyring or not, so that the
/// same configuration has the same passwords with a desktop session and without.
///
/// The futures run on any executor, and wait three seconds for the keyring at most.
#[derive(Debug, Clone)]
pub struct SecretStore {
    place: Place,
    /// What tells the passwords of this configuration from those of another.
    config: String,
}

#[derive(Debug, Clone)]
enum Place {
    Keyring(Arc<oo7::Keyring>),
    /// There is one, but it says nothing.
    SilentKeyring,
    File(PathBuf),
}

/// Why passwords cannot be read or kept. It never has a password in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("the keyring is locked: unlock it, then try again")]
    Locked,
    #[error(
        "the keyring did not answer within {seconds} s: end the session and log in again, then try again"
    )]
    NoAnswer { seconds: u64 },
    #[error("the keyring refused: {message}")]
    Refused { message: String },
    #[error(
        "others can read {path}, so its passwords are not used: run chmod 600 {path}, and choose new passwords",
        path = path.display()
    )]
    ReadableByOthers { path: PathBuf },
    #[error("{}, line {line}: write lines of the form name = \"password\"", path.display())]
    Invalid { path: PathBuf, line: usize },
    #[error("{} cannot be used: {message}", path.display())]
    File { path: PathBuf, message: String },
}

/// How long the keyring may take. A session bus that hangs must not hang the program.
const DEADLINE: Duration = Duration::from_secs(3);

impl SecretStore {
    /// Finds out where the passwords of this configuration are. Nothing is asked of the user.
    pub async fn open(config: &Path) -> Self {
        let config = config.to_owned();
        let (config, file, exists) = blocking::unblock(move || {
            let config = fs::canonicalize(&config).or_else(|_| path::absolute(&config)).unwrap_or(config);
            let file = config.with_file_name("secrets.toml");
            let exists = file.exists();
            (config, file, exists)
        })
        .await;
        let place = if exists {
            Place::File(file)
        } else {
            match within(DEADLINE, find_keyring()).await {
                Some(Ok(Some(keyring))) => Place::Keyring(Arc::new(keyring)),
                Some(Ok(None)) => Place::File(file),
                Some(Err(error)) => {
                    tracing::debug!("no keyring, so passwords are in {}: {error}", file.display());
                    Place::File(file)
                }
                None => Place::SilentKeyring,
            }
        };
        Self { place, config: config.to_string_lossy().into_owned() }
    }

    /// The passwords of the users named, as far as there are any.
    pub async fn load(&self, users: &[String]) -> Result<Passwords, SecretError> {
        let all: Passwords = match &self.place {
            Place::SilentKeyring => return Err(no_answer()),
            Place::File(path) => {
                let path = path.clone();
                blocking::unblock(move || read(&path)).await?.into_iter().collect()
            }
            Place::Keyring(keyring) => match ask(self.load_from(keyring)).await {
                Err(SecretError::Locked) => return Ok(Passwords::locked()),
                passwords => passwords?.into_iter().collect(),
            },
        };
        Ok(users.iter().filter_map(|user| Some((user.clone(), all.get(user)?.clone()))).collect())
    }

    /// Keeps a password; an older one of this user is replaced.
    pub async fn set(&self, user: &str, password: &Password) -> Result<(), SecretError> {
        match &self.place {
            Place::SilentKeyring => Err(no_answer()),
            Place::File(path) => {
                let (path, user, password) = (path.clone(), user.to_owned(), password.clone());
                blocking::unblock(move || {
                    write(&path, |document| document[&user] = toml_edit::value(password.reveal()))
                })
                .await
            }
            Place::Keyring(keyring) => {
                let keep = async {
                    refuse_locked(keyring).await?;
                    let label = format!("Headwater: {user}");
                    keyring.create_item(&label, &self.attributes(user), password.reveal(), true).await
                };
                ask(keep).await
            }
        }
    }

    /// Forgets a user's password. That there is none is no error.
    pub async fn delete(&self, user: &str) -> Result<(), SecretError> {
        match &self.place {
            Place::SilentKeyring => Err(no_answer()),
            Place::File(path) => {
                let (path, user) = (path.clone(), user.to_owned());
                blocking::unblock(move || write(&path, |document| drop(document.remove(&user)))).await
            }
            Place::Keyring(keyring) => {
                let forget = async {
                    refuse_locked(keyring).await?;
                    keyring.delete(&self.attributes(user)).await
                };
                ask(forget).await
            }
        }
    }

    /// Asks the user to unlock the keyring, and waits as long as that takes.
    pub async fn unlock(&self) -> Result<(), SecretError> {
        match &self.place {
            Place::SilentKeyring => Err(no_answer()),
            Place::File(_) => Ok(()),
            Place::Keyring(keyring) => keyring.unlock().await.map_err(|error| explain(&error)),
        }
    }

    fn attributes<'a>(&'a self, user: &'a str) -> [(&'static str, &'a str); 3] {
        let [application, config] = self.common_attributes();
        [application, config, ("user", user)]
    }

    fn common_attributes(&self) -> [(&'static str, &str); 2] {
        [("application", APPLICATION_ID), ("config", &self.config)]
    }

    async fn load_from(&self, keyring: &oo7::Keyring) -> oo7::Result<Vec<(String, Password)>> {
        refuse_locked(keyring).await?;
        let mut passwords = Vec::new();
        for item in keyring.search_items(&self.common_attributes()).await? {
            let user = item.attributes().await?.remove("user");
            let secret = item.secret().await?;
            if let (Some(user), Ok(password)) = (user, std::str::from_utf8(&secret)) {
                passwords.push((user, password.into()));
            }
        }
        Ok(passwords)
    }
}

/// The default keyring, where there is one. None is made: that would ask the user for a password.
async fn find_keyring() -> oo7::Result<Option<oo7::Keyring>> {
    // In a sandbox, the portal gives the key of a keyring of its own.
    if Path::new("/.flatpak-info").exists() {
        return oo7::Keyring::new().await.map(Some);
    }
    let service = oo7::dbus::Service::new().await?;
    let collection = service.with_alias(oo7::dbus::Service::DEFAULT_COLLECTION).await?;
    Ok(collection.map(oo7::Keyring::DBus))
}

/// Reading and writing what is locked would ask the user for a password.
async fn refuse_locked(keyring: &oo7::Keyring) -> oo7::Result<()> {
    match keyring.is_locked().await? {
        true => Err(oo7::file::Error::Locked.into()),
        false => Ok(()),
    }
}

async fn ask<T>(request: impl Future<Output = oo7::Result<T>>) -> Result<T, SecretError> {
    let answer = within(DEADLINE, request).await.ok_or_else(no_answer)?;
    answer.map_err(|error| explain(&error))
}

async fn within<T>(deadline: Duration, future: impl Future<Output = T>) -> Option<T> {
    let timeout = async {
        async_io::Timer::after(deadline).await;
        None
    };
    futures_lite::future::or(async { Some(future.await) }, timeout).await
}

fn no_answer() -> SecretError {
    SecretError::NoAnswer { seconds: DEADLINE.as_secs() }
}

fn explain(error: &oo7::Error) -> SecretError {
    use oo7::dbus::{Error, ServiceError};
    match error {
        oo7::Error::File(oo7::file::Error::Locked)
        | oo7::Error::DBus(Error::Service(ServiceError::IsLocked(_)) | Error::Dismissed) => {
            SecretError::Locked
        }
        error => SecretError::Refused { message: error.to_string() },
    }
}

/// The passwords in the file, by user.
fn read(path: &Path) -> Result<Vec<(String, Password)>, SecretError> {
    let document = read_document(path)?;
    document
        .iter()
        .map(|(user, item)| match item.as_str() {
            Some(password) => Ok((user.to_owned(), password.into())),
            None => Err(invalid(path, &document.to_string(), user)),
        })
        .collect()
}

/// What is wrong is told by its line alone: the words of the parser can have a password in them.
fn invalid(path: &Path, text: &str, user: &str) -> SecretError {
    let place = toml_edit::Document::parse(text).ok().and_then(|document| document[user].span());
    SecretError::Invalid { path: path.to_owned(), line: line_at(text, place) }
}

fn line_at(text: &str, place: Option<std::ops::Range<usize>>) -> usize {
    text.bytes().take(place.map_or(0, |place| place.start)).filter(|byte| *byte == b'\n').count() + 1
}

fn read_document(path: &Path) -> Result<DocumentMut, SecretError> {
    let failed = |error: io::Error| SecretError::File { path: path.to_owned(), message: error.to_string() };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(DocumentMut::new()),
        Err(error) => return Err(failed(error)),
    };
    if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
        return Err(SecretError::ReadableByOthers { path: path.to_owned() });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    text.parse().map_err(|error: toml_edit::TomlError| SecretError::Invalid {
        path: path.to_owned(),
        line: line_at(&text, error.span()),
    })
}

fn write(path: &Path, change: impl FnOnce(&mut DocumentMut)) -> Result<(), SecretError> {
    let mut document = read_document(path)?;
    change(&mut document);
    replace(path, document.to_string().as_bytes(), 0o600)
        .map_err(|error| SecretError::File { path: path.to_owned(), message: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::block_on;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_password_shows_itself_nowhere() {
        let passwords = Passwords::from_iter([("guest", "correct horse")]);
        assert_eq!(passwords.get("guest").unwrap().reveal(), "correct horse");
        let shown = format!("{passwords:?}");
        assert!(shown.contains("guest") && !shown.contains("horse"), "{shown}");
    }

    fn store(folder: &tempfile::TempDir) -> (SecretStore, PathBuf) {
        let path = folder.path().join("secrets.toml");
        (SecretStore { place: Place::File(path.clone()), config: "config.toml".into() }, path)
    }

    fn users(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).into()).collect()
    }

    #[test]
    fn a_password_in_the_file_is_found_again_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let (store, path) = store(&folder);
        let names = users(&["guest", "Zoë \"B\"", "nobody"]);
        block_on(async {
            assert_eq!(store.load(&names).await, Ok(Passwords::default()));
            store.set("guest", &"first".into()).await.unwrap();
            store.set("Zoë \"B\"", &"a\"b\\c".into()).await.unwrap();
            store.set("guest", &"second".into()).await.unwrap();
            let expected = Passwords::from_iter([("guest", "second"), ("Zoë \"B\"", "a\"b\\c")]);
            assert_eq!(store.load(&names).await, Ok(expected));
            assert_eq!(store.load(&[]).await, Ok(Passwords::default()));
            store.delete("guest").await.unwrap();
            store.delete("guest").await.unwrap();
            assert_eq!(store.load(&names[..1]).await, Ok(Passwords::default()));
        });
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_others_can_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let (store, path) = store(&folder);
        fs::write(&path, "guest = \"secret\"\n").unwrap();
        for mode in [0o640, 0o604, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = SecretError::ReadableByOthers { path: path.clone() };
            assert_eq!(block_on(store.load(&users(&["guest"]))), Err(refused.clone()));
            assert_eq!(block_on(store.set("guest", &"new".into())), Err(refused));
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(block_on(store.load(&users(&["guest"]))).unwrap().get("guest").is_some());
    }

    #[test]
    fn what_is_wrong_with_the_file_is_told_without_a_password() {
        let folder = tempfile::tempdir().unwrap();
        let (store, path) = store(&folder);
        for text in ["a = \"b\"\nguest = 8472\n", "a = \"b\"\nguest = 8472x\n", "a = \"b\"\nguest = '8472\n"]
        {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let error = block_on(store.load(&users(&["guest"]))).unwrap_err();
            assert_eq!(error, SecretError::Invalid { path: path.clone(), line: 2 });
            assert!(!error.to_string().contains("8472"));
        }
    }

    #[test]
    fn a_made_up_password_is_long_and_never_the_same() {
        let (one, other) = (Password::made_up().unwrap(), Password::made_up().unwrap());
        assert!(one.is_usable() && one != other);
        let letters = one.reveal().bytes().filter(|byte| LETTERS.contains(byte)).count();
        assert_eq!((letters, one.reveal().len()), (LETTERS_MADE_UP, 19));
    }

    #[test]
    fn a_password_is_something_without_control_characters() {
        for (password, usable) in [("correct horse", true), ("ü", true), ("", false), ("a\nb", false)] {
            assert_eq!(Password::from(password).is_usable(), usable, "{password:?}");
        }
    }

    #[test]
    fn a_keyring_that_does_not_answer_is_waited_for_no_longer_than_the_deadline() {
        assert_eq!(block_on(within(Duration::from_millis(1), std::future::pending::<()>())), None);
        assert_eq!(block_on(within(DEADLINE, async { 1 })), Some(1));
    }
}
