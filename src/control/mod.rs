//! What every front end does with the engine: load, validate, save, apply. No GTK.

mod crash;

pub use crash::LeftOff;

use crate::config::{
    Config, ConfigFile, ConfigLock, Line, LoadError, LockError, Password, Passwords, Problem, SaveError,
    SecretError, SecretStore, state_folder,
};
use crate::engine::{Engine, Stream, StreamState};
use crash::Run;
use gio::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A configuration that is in force: its file, its passwords, and the engine that does what it says.
///
/// Main thread only; files and the keyring are used from other threads. Clones are the same thing.
#[derive(Debug, Clone)]
pub struct Control(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Engine,
    config: RefCell<Config>,
    path: PathBuf,
    /// Whoever holds it may change the configuration.
    file: async_lock::Mutex<ConfigFile>,
    /// Found out where it is when the first password is needed: the session bus can take its time.
    secrets: async_lock::OnceCell<SecretStore>,
    passwords: RefCell<Passwords>,
    secret_error: RefCell<Option<SecretError>>,
    left_off: Option<LeftOff>,
    /// None without a state folder, and after the end.
    run: RefCell<Option<Run>>,
    _lock: ConfigLock,
}

/// Why a configuration cannot be served. What was served before goes on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Load(#[from] LoadError),
    /// With the lines of the file where the problems are.
    #[error("{} cannot be used:{}", path.display(), say_problems(problems))]
    Invalid { path: PathBuf, problems: Vec<(Option<Line>, Problem)> },
    #[error("GStreamer cannot be started: {0}")]
    Engine(#[from] glib::Error),
}

/// Why a change was not made. Everything is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    #[error("the change cannot be served:{}", .0.iter().map(|problem| format!("\n{problem}")).collect::<String>())]
    Invalid(Vec<Problem>),
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// Each with its line below it, which says what was written there.
fn say_problems(problems: &[(Option<Line>, Problem)]) -> String {
    let say = |(line, problem): &(Option<Line>, Problem)| match line {
        Some(Line { number, text }) => format!("\nline {number}: {problem}\n    {text}"),
        None => format!("\n{problem}"),
    };
    problems.iter().map(say).collect()
}

/// Reads a file for serving it: every problem is an error. This blocks: not for the main thread.
pub fn load(path: &Path) -> Result<ConfigFile, OpenError> {
    let file = ConfigFile::load(path)?;
    let problems = file.config().validate();
    if problems.is_empty() {
        return Ok(file);
    }
    let problems = problems.into_iter().map(|problem| (file.line_of(&problem.field), problem)).collect();
    Err(OpenError::Invalid { path: path.to_owned(), problems })
}

impl Control {
    /// Takes a configuration for this program alone, and does what it says. Where there is no file yet, that is
    /// the demo of [`Config::first`], and the file is made by the first change.
    pub async fn open(path: PathBuf) -> Result<Self, OpenError> {
        Self::open_with(path, state_folder()).await
    }

    async fn open_with(path: PathBuf, state: Option<PathBuf>) -> Result<Self, OpenError> {
        let (lock, file) = in_background(move || {
            let lock = ConfigLock::take(&path)?;
            let file = load(&path)?;
            Ok::<_, OpenError>((lock, file))
        })
        .await?;
        if !file.exists() {
            tracing::info!("{} does not exist: a demo is served", file.path().display());
        }
        let config = file.config().clone();
        let engine = Engine::new()?;
        // Only now: whoever gives up while the keyring is asked has not crashed.
        let path = file.path().to_owned();
        let run = in_background(move || state.and_then(|state| begin_run(&state, &path))).await;
        let (left_off, run) = run.unzip();
        let left_off = left_off.flatten();

        match &left_off {
            None => {}
            Some(LeftOff::Starting { ids }) => {
                tracing::warn!(
                    "the last run ended unexpectedly; {} streams were starting and are left off",
                    ids.len()
                );
                ids.iter().for_each(|id| engine.hold_off(id));
            }
            Some(LeftOff::Everything) => {
                tracing::warn!("the last two runs ended unexpectedly; every stream is left off");
                config.streams.iter().for_each(|stream| engine.hold_off(&stream.id));
            }
        }
        let control = Self(Rc::new(Inner {
            engine,
            config: RefCell::new(config),
            path: file.path().to_owned(),
            file: async_lock::Mutex::new(file),
            secrets: async_lock::OnceCell::new(),
            passwords: RefCell::default(),
            secret_error: RefCell::default(),
            left_off,
            run: RefCell::new(run),
            _lock: lock,
        }));
        control.watch_starting();
        control.load_passwords().await;
        control.apply();
        Ok(control)
    }

    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The configuration that is in force.
    pub fn config(&self) -> Config {
        self.0.config.borrow().clone()
    }

    /// What was left off at the start, because the last run crashed.
    pub fn left_off(&self) -> Option<&LeftOff> {
        self.0.left_off.as_ref()
    }

    /// Why no password is known, if that is so: then nobody can log in. A locked keyring is no error.
    pub fn secret_error(&self) -> Option<SecretError> {
        self.0.secret_error.borrow().clone()
    }

    /// Changes the configuration: validates it, saves it and does what it says then; or nothing of it. Changes are
    /// made one after the other. The future has to be run to its end.
    pub async fn change(&self, edit: impl FnOnce(&mut Config)) -> Result<(), ChangeError> {
        let mut file = self.0.file.lock().await;
        let mut config = file.config().clone();
        edit(&mut config);
        let problems = config.validate();
        if !problems.is_empty() {
            return Err(ChangeError::Invalid(problems));
        }
        let mut saved = file.clone();
        *file = in_background(move || saved.save(&config).map(|()| saved)).await?;
        self.take_over(file.config().clone()).await;
        Ok(())
    }

    /// Reads the file again, after it was changed by another program.
    pub async fn reload(&self) -> Result<(), OpenError> {
        let mut file = self.0.file.lock().await;
        let path = file.path().to_owned();
        *file = in_background(move || load(&path)).await?;
        self.take_over(file.config().clone()).await;
        Ok(())
    }

    /// Keeps a password for a user of the server, and lets the user in with it from now on.
    pub async fn set_password(&self, user: &str, password: Password) -> Result<(), SecretError> {
        let _turn = self.0.file.lock().await;
        self.secrets().await.set(user, &password).await?;
        self.load_passwords().await;
        self.apply();
        Ok(())
    }

    /// Asks the user to unlock the keyring, and lets in who can log in then.
    pub async fn unlock(&self) -> Result<(), SecretError> {
        self.secrets().await.unlock().await?;
        let _turn = self.0.file.lock().await;
        self.load_passwords().await;
        self.apply();
        Ok(())
    }

    /// Ends everything cleanly, after the changes that are being made.
    pub async fn close(&self) {
        let _turn = self.0.file.lock().await;
        self.0.engine.stop().await;
        if let Some(run) = self.0.run.take() {
            in_background(move || run.end()).await;
        }
    }

    async fn take_over(&self, config: Config) {
        let before = self.0.config.replace(config);
        let new_users = before.users != self.0.config.borrow().users;
        if new_users {
            self.load_passwords().await;
        }
        self.apply();
    }

    fn apply(&self) {
        self.0.engine.apply(&self.0.config.borrow(), &self.0.passwords.borrow());
    }

    async fn secrets(&self) -> &SecretStore {
        self.0.secrets.get_or_init(|| SecretStore::open(&self.0.path)).await
    }

    async fn load_passwords(&self) {
        let users: Vec<_> = self.config().users.into_iter().map(|user| user.name).collect();
        let loaded = match users.is_empty() {
            true => Ok(Passwords::default()),
            false => self.secrets().await.load(&users).await,
        };
        let (passwords, error) = match loaded {
            Ok(passwords) => (passwords, None),
            Err(error) => {
                tracing::error!("nobody can log in: {error}");
                (Passwords::default(), Some(error))
            }
        };
        self.0.passwords.replace(passwords);
        self.0.secret_error.replace(error);
    }

    /// Keeps the mark of this run saying which streams are starting.
    fn watch_starting(&self) {
        let inner = Rc::downgrade(&self.0);
        let note = move || {
            let Some(inner) = inner.upgrade() else { return };
            let streams = inner.engine.streams();
            let starting: BTreeSet<_> = streams
                .iter::<Stream>()
                .flatten()
                .filter(|stream| stream.state() == StreamState::Starting)
                .map(|stream| stream.id())
                .collect();
            if let Some(run) = inner.run.borrow_mut().as_mut() {
                run.set_starting(starting);
            }
        };
        self.0.engine.streams().connect_items_changed(move |streams, position, _, added| {
            for place in position..position + added {
                let stream = streams.item(place).and_downcast::<Stream>().expect("a list of streams");
                let note = note.clone();
                stream.connect_state_notify(move |_| note());
            }
            note();
        });
    }
}

/// Without a state folder the program works, but does not notice its crashes.
fn begin_run(folder: &Path, config: &Path) -> Option<(Option<LeftOff>, Run)> {
    match Run::begin(folder, config) {
        Ok(run) => Some(run),
        Err(error) => {
            tracing::warn!("{} cannot be used, so crashes are not noticed: {error}", folder.display());
            None
        }
    }
}

async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    blocking::unblock(work).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PatternSource, Source, User};
    use crate::engine::{AccessState, StreamError};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    /// Port 0, so that tests do not meet, and a stream that runs only when somebody looks.
    const TEXT: &str = "# Mine.
version = 1
[server]
port = 0
[[streams]]
id = 'ball'
name = 'Ball'
path = '/ball'
source.pattern = { pattern = 'ball' }
access = { read = 'anyone' }
";

    /// Runs a test on a main loop of its own.
    fn on_main_loop<T>(test: impl Future<Output = T>) -> T {
        let context = glib::MainContext::new();
        context.with_thread_default(|| context.block_on(test)).unwrap()
    }

    fn folder(text: &str) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, text).unwrap();
        // The keyring of whoever runs the tests is not asked.
        fs::write(folder.path().join("secrets.toml"), "").unwrap();
        fs::set_permissions(folder.path().join("secrets.toml"), PermissionsExt::from_mode(0o600)).unwrap();
        (folder, path)
    }

    async fn open(folder: &TempDir) -> Result<Control, OpenError> {
        Control::open_with(folder.path().join("config.toml"), Some(folder.path().join("state"))).await
    }

    #[test]
    fn a_change_is_saved_and_done() {
        let (folder, path) = folder(TEXT);
        on_main_loop(async {
            let control = open(&folder).await.unwrap();
            control.change(|config| config.streams[0].name = "Round".into()).await.unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), TEXT.replace("'Ball'", "\"Round\""));
            let stream = control.engine().streams().item(0).and_downcast::<Stream>().unwrap();
            assert_eq!(stream.name(), "Round");
            control.close().await;
        });
    }

    #[test]
    fn a_change_that_cannot_be_made_changes_nothing() {
        let (folder, path) = folder(TEXT);
        on_main_loop(async {
            let control = open(&folder).await.unwrap();
            let before = control.config();
            let error = control.change(|config| config.streams[0].path = "ball".into()).await.unwrap_err();
            assert!(matches!(&error, ChangeError::Invalid(problems) if problems.len() == 1), "{error}");
            let theirs = TEXT.replace("Mine", "Theirs").replace("/ball", "/round");
            fs::write(&path, &theirs).unwrap();
            let error = control.change(|config| config.streams.clear()).await.unwrap_err();
            assert_eq!(error, ChangeError::Save(SaveError::ChangedOnDisk { path: path.clone() }));
            assert_eq!(fs::read_to_string(&path).unwrap(), theirs);
            assert_eq!(control.config(), before);
            // Until it is loaded again.
            control.reload().await.unwrap();
            control.change(|config| config.streams[0].enabled = false).await.unwrap();
            assert_eq!(control.config().streams[0].path, "/round");
            control.close().await;
        });
    }

    #[test]
    fn changes_at_the_same_time_are_made_one_after_the_other() {
        let (folder, _) = folder(TEXT);
        on_main_loop(async {
            let control = open(&folder).await.unwrap();
            let changes = (0..5).map(|number| {
                let control = control.clone();
                glib::spawn_future_local(async move {
                    control.change(|config| config.users.push(User { name: format!("user {number}") })).await
                })
            });
            for change in changes.collect::<Vec<_>>() {
                change.await.unwrap().unwrap();
            }
            assert_eq!(control.config().users.len(), 5);
            control.close().await;
        });
    }

    #[test]
    fn a_file_with_problems_is_refused_with_all_of_them_and_their_lines() {
        let (folder, _) = folder(&TEXT.replace("'/ball'", "'ball'").replace("'anyone'", "[]"));
        let error = on_main_loop(open(&folder)).unwrap_err().to_string();
        assert!(error.contains("\nline 8: stream \"ball\", path: a path starts with"), "{error}");
        assert!(error.contains("\n    path = 'ball'\n"), "{error}");
        assert!(error.contains("\nline 10: stream \"ball\", read: nobody may read"), "{error}");
    }

    #[test]
    fn one_configuration_is_served_once() {
        let (folder, _) = folder(TEXT);
        on_main_loop(async {
            let control = open(&folder).await.unwrap();
            let error = open(&folder).await.unwrap_err();
            assert!(matches!(error, OpenError::Lock(LockError::InUse { .. })), "{error}");
            control.close().await;
            drop(control);
            open(&folder).await.unwrap().close().await;
        });
    }

    #[test]
    fn after_a_crash_the_stream_that_was_starting_is_left_off() {
        let (folder, path) = folder(TEXT);
        let (_, mut run) = Run::begin(&folder.path().join("state"), &path).unwrap();
        run.set_starting(["ball".into()].into());
        run.crash();
        on_main_loop(async {
            let control = open(&folder).await.unwrap();
            assert_eq!(control.left_off(), Some(&LeftOff::Starting { ids: ["ball".into()].into() }));
            let stream = control.engine().streams().item(0).and_downcast::<Stream>().unwrap();
            glib::timeout_future(std::time::Duration::from_millis(300)).await;
            assert_eq!(stream.state(), StreamState::Failed { reason: StreamError::LeftOffAfterCrash });
            assert!(control.config().streams[0].enabled, "the configuration is as it was");
            // A change of the stream starts it.
            control.change(|config| config.streams[0].source = snow()).await.unwrap();
            glib::timeout_future(std::time::Duration::from_millis(300)).await;
            assert_ne!(stream.state(), StreamState::Failed { reason: StreamError::LeftOffAfterCrash });
            control.close().await;
        });
        // The end was clean.
        on_main_loop(async {
            let control = open(&folder).await.unwrap();
            assert_eq!(control.left_off(), None);
            control.close().await;
        });
    }

    fn snow() -> Source {
        Source::Pattern(PatternSource { pattern: "snow".into() })
    }

    #[test]
    fn a_user_gets_in_with_a_new_password_and_not_without() {
        let (folder, _) = folder(
            &TEXT
                .replace("'anyone'", "['guest']")
                .replace("[server]", "users = [{ name = 'guest' }]\n[server]"),
        );
        on_main_loop(async {
            let control = open(&folder).await.unwrap();
            let stream = control.engine().streams().item(0).and_downcast::<Stream>().unwrap();
            assert_eq!(stream.access(), AccessState::PasswordMissing { users: vec!["guest".into()] });
            control.set_password("guest", "correct horse".into()).await.unwrap();
            assert_eq!(stream.access(), AccessState::Protected);
            control.close().await;
        });
    }
}
