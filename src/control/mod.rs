//! What every front end does with the engine: load, validate, save, apply, undo. No GTK.

mod crash;
mod history;
mod login;

pub use crash::LeftOff;

use crate::config::{
    Config, ConfigFile, ConfigLock, Line, LoadError, LockError, Password, Passwords, Problem, Readers,
    SaveError, SecretError, SecretStore, StreamConfig, screen_key, state_folder,
};
use crate::engine::{Engine, Stream, StreamState};
use crash::Run;
use gio::prelude::*;
use history::History;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};

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
    history: RefCell<History>,
    /// Keys of passwords that nobody needs since this run: they are kept for undo, and forgotten at the end.
    unneeded_passwords: RefCell<BTreeSet<String>>,
    /// As it was at the start.
    left_off: OnceCell<LeftOff>,
    listeners: RefCell<Vec<Listener>>,
    /// None without a state folder, and after the end.
    run: RefCell<Option<Run>>,
    /// None after the end: another one may have the configuration then.
    lock: RefCell<Option<ConfigLock>>,
}

/// What is told to an object, which keeps it alive.
struct Listener(Weak<dyn Fn(&Control)>);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
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

    /// As [`Control::open`], with this folder for the marks that tell a crash, or without any.
    pub async fn open_with(path: PathBuf, state: Option<PathBuf>) -> Result<Self, OpenError> {
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
        engine.set_state_folder(state.clone());
        let control = Self(Rc::new(Inner {
            engine,
            config: RefCell::new(config),
            path: file.path().to_owned(),
            file: async_lock::Mutex::new(file),
            secrets: async_lock::OnceCell::new(),
            passwords: RefCell::default(),
            secret_error: RefCell::default(),
            history: RefCell::default(),
            unneeded_passwords: RefCell::default(),
            left_off: OnceCell::new(),
            listeners: RefCell::default(),
            run: RefCell::default(),
            lock: RefCell::new(Some(lock)),
        }));
        control.keep_tokens();
        control.load_passwords().await;
        // Only now: whoever gives up while the keyring is asked has not crashed.
        if let Some(state) = state {
            control.begin_run(state).await;
        }
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

    /// One stream of it, by its id.
    pub fn stream(&self, id: &str) -> Option<StreamConfig> {
        self.0.config.borrow().stream(id).cloned()
    }

    /// Tells an object of every change of what can be asked here, as long as it lives.
    pub fn connect_changed<T: IsA<glib::Object>>(&self, object: &T, tell: impl Fn(&T, &Self) + 'static) {
        let weak = object.downgrade();
        let tell: Rc<dyn Fn(&Self)> = Rc::new(move |control| {
            if let Some(object) = weak.upgrade() {
                tell(&object, control);
            }
        });
        let mut listeners = self.0.listeners.borrow_mut();
        listeners.retain(|listener| listener.0.strong_count() > 0);
        listeners.push(Listener(Rc::downgrade(&tell)));
        // Kept by the object, whose widgets it may hold: those of a closed page would stay until the next change.
        object.add_weak_ref_notify_local(move || drop(tell));
    }

    /// What was left off at the start because the last run crashed, as far as it is so still.
    pub fn left_off(&self) -> Option<LeftOff> {
        let ids = self.0.engine.held_off();
        let left_off = self.0.left_off.get().filter(|_| !ids.is_empty())?;
        Some(match left_off {
            LeftOff::Starting { .. } => LeftOff::Starting { ids },
            LeftOff::Everything => LeftOff::Everything,
        })
    }

    /// Starts what was left off.
    pub fn start_left_off(&self) {
        self.0.engine.start_held_off();
        self.changed();
    }

    /// Why no password is known, if that is so: then nobody can log in. A locked keyring is no error.
    pub fn secret_error(&self) -> Option<SecretError> {
        self.0.secret_error.borrow().clone()
    }

    /// Changes the configuration: validates it, saves it and does what it says then; or nothing of it. Changes are
    /// made one after the other. The future has to be run to its end.
    pub async fn change(&self, edit: impl FnOnce(&mut Config)) -> Result<(), ChangeError> {
        let mut file = self.0.file.lock().await;
        let before = file.config().clone();
        let mut config = before.clone();
        edit(&mut config);
        let problems = config.validate();
        if !problems.is_empty() {
            return Err(ChangeError::Invalid(problems));
        }
        let changed = config != before;
        self.save(&mut file, config).await?;
        if changed {
            self.0.history.borrow_mut().record(before);
        }
        self.changed();
        Ok(())
    }

    /// As [`Control::change`], of one stream. Where there is none of this id any more, nothing changes.
    pub async fn change_stream(
        &self,
        id: &str,
        edit: impl FnOnce(&mut StreamConfig),
    ) -> Result<(), ChangeError> {
        self.change(|config| {
            if let Some(stream) = config.stream_mut(id) {
                edit(stream);
            }
        })
        .await
    }

    pub fn can_undo(&self) -> bool {
        self.0.history.borrow().previous().is_some()
    }

    pub fn can_redo(&self) -> bool {
        self.0.history.borrow().next().is_some()
    }

    /// What undo would bring back.
    pub fn previous(&self) -> Option<Config> {
        self.0.history.borrow().previous().cloned()
    }

    /// What redo would bring back.
    pub fn next(&self) -> Option<Config> {
        self.0.history.borrow().next().cloned()
    }

    /// Goes back to before the last change; without one, nothing happens. A password stays as it is.
    pub async fn undo(&self) -> Result<(), ChangeError> {
        let mut file = self.0.file.lock().await;
        let Some(config) = self.0.history.borrow().previous().cloned() else { return Ok(()) };
        let current = file.config().clone();
        self.save(&mut file, config).await?;
        self.0.history.borrow_mut().undone(current);
        self.changed();
        Ok(())
    }

    /// Makes the change again that was undone last; without one, nothing happens.
    pub async fn redo(&self) -> Result<(), ChangeError> {
        let mut file = self.0.file.lock().await;
        let Some(config) = self.0.history.borrow().next().cloned() else { return Ok(()) };
        let current = file.config().clone();
        self.save(&mut file, config).await?;
        self.0.history.borrow_mut().redone(current);
        self.changed();
        Ok(())
    }

    /// Reads the file again, after it was changed by another program. Nothing can be undone after that.
    pub async fn reload(&self) -> Result<(), OpenError> {
        let mut file = self.0.file.lock().await;
        let path = file.path().to_owned();
        *file = in_background(move || load(&path)).await?;
        self.take_over(file.config().clone()).await;
        self.0.history.borrow_mut().clear();
        self.changed();
        Ok(())
    }

    /// The password of a user, or of a relay by [`relay_key`](crate::config::relay_key), where one is known: to be
    /// shown to whoever gives out addresses.
    pub fn password(&self, key: &str) -> Option<Password> {
        self.0.passwords.borrow().get(key).cloned()
    }

    /// The users who can log in at a stream: those who have the right and a password, in the order of its rights.
    /// None where anyone may watch.
    pub fn logins(&self, id: &str) -> Vec<String> {
        self.stream(id).map_or_else(Vec::new, |stream| self.with_password(stream.access.read))
    }

    /// The users who can log in to send into a stream, as [`Control::logins`].
    pub fn publishers(&self, id: &str) -> Vec<String> {
        let publishers = self.stream(id).and_then(|stream| stream.access.publish);
        publishers.map_or_else(Vec::new, |publishers| self.with_password(publishers))
    }

    fn with_password(&self, allowed: Readers) -> Vec<String> {
        let Readers::Users(mut users) = allowed else { return vec![] };
        users.retain(|user| self.password(user).is_some());
        users
    }

    /// An address with the name and the password of a user in it, where that is known: for the person it is given
    /// to, never for a log.
    pub fn address_with_password(&self, address: &str, user: &str) -> Option<String> {
        self.password(user).map(|password| login::with_login(address, user, &password))
    }

    /// Keeps a password for a user of the server, and lets the user in with it from now on; or for a relay, by
    /// [`relay_key`](crate::config::relay_key), which logs in with it.
    pub async fn set_password(&self, key: &str, password: Password) -> Result<(), SecretError> {
        let _turn = self.0.file.lock().await;
        self.secrets().await.set(key, &password).await?;
        self.load_passwords().await;
        self.apply();
        self.changed();
        Ok(())
    }

    /// Keeps what was kept under this key no longer.
    async fn forget_password(&self, key: &str) -> Result<(), SecretError> {
        let _turn = self.0.file.lock().await;
        self.secrets().await.delete(key).await?;
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
        self.changed();
        Ok(())
    }

    /// Ends everything cleanly, after the changes that are being made.
    pub async fn close(&self) {
        let _turn = self.0.file.lock().await;
        self.0.engine.stop().await;
        self.forget_unneeded_passwords().await;
        if let Some(run) = self.0.run.take() {
            in_background(move || run.end()).await;
        }
        self.0.lock.take();
    }

    /// Keeps what stands for the screens that the user chooses.
    fn keep_tokens(&self) {
        let (tokens, weak) = (self.engine().tokens(), Rc::downgrade(&self.0));
        glib::spawn_future_local(async move {
            while let Ok((stream, token)) = tokens.recv().await {
                let Some(inner) = weak.upgrade() else { break };
                let (control, key) = (Self(inner), screen_key(&stream));
                let kept = match token {
                    Some(token) => control.set_password(&key, token).await,
                    None => control.forget_password(&key).await,
                };
                if let Err(error) = kept {
                    tracing::warn!("{stream}: its screen will have to be chosen again: {error}");
                }
            }
        });
    }

    async fn save(&self, file: &mut ConfigFile, config: Config) -> Result<(), SaveError> {
        let before = file.config().password_keys();
        let mut saved = file.clone();
        *file = in_background(move || saved.save(&config).map(|()| saved)).await?;
        let needed = file.config().password_keys();
        self.0.unneeded_passwords.borrow_mut().extend(before.into_iter().filter(|key| !needed.contains(key)));
        self.take_over(file.config().clone()).await;
        Ok(())
    }

    fn changed(&self) {
        // A listener may ask for anything, add another one or end one.
        let listeners: Vec<_> = self.0.listeners.borrow().iter().map(|listener| listener.0.clone()).collect();
        for listener in listeners {
            if let Some(tell) = listener.upgrade() {
                tell(self);
            }
        }
    }

    /// Until now undo could have brought them back.
    async fn forget_unneeded_passwords(&self) {
        let unneeded = self.0.unneeded_passwords.take();
        let needed = self.config().password_keys();
        for key in unneeded.iter().filter(|key| !needed.contains(key)) {
            if let Err(error) = self.secrets().await.delete(key).await {
                tracing::warn!("the password of {key}, which was removed, is still kept: {error}");
            }
        }
    }

    async fn take_over(&self, config: Config) {
        let before = self.0.config.replace(config);
        let other_passwords = before.password_keys() != self.0.config.borrow().password_keys();
        if other_passwords {
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
        let keys = self.config().password_keys();
        let loaded = match keys.is_empty() {
            true => Ok(Passwords::default()),
            false => self.secrets().await.load(&keys).await,
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
        let changed = note.clone();
        self.0.engine.connect_stream_state_changed(move |_, _| changed());
        self.0.engine.streams().connect_items_changed(move |_, _, _, _| note());
    }

    /// Begins to notice crashes, and leaves off what crashed the last run. Without a usable folder the program
    /// works, but does not notice.
    async fn begin_run(&self, folder: PathBuf) {
        let path = self.0.path.clone();
        let begun = in_background(move || {
            Run::begin(&folder, &path).map_err(|error| {
                tracing::warn!("{} cannot be used, so crashes are not noticed: {error}", folder.display());
            })
        });
        let Ok((left_off, run)) = begun.await else { return };
        let engine = &self.0.engine;
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
                self.config().streams.iter().for_each(|stream| engine.hold_off(&stream.id));
            }
        }
        if let Some(left_off) = left_off {
            self.0.left_off.set(left_off).expect("a run begins once");
        }
        self.0.run.replace(Some(run));
        self.watch_starting();
    }
}

async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    blocking::unblock(work).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{User, relay_key};
    use crate::engine::{AccessState, StreamError};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;
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
    fn what_was_changed_is_undone_and_redone() {
        let (folder, path) = folder(TEXT);
        on_main_loop(async {
            let control = open(&folder).await.unwrap();
            let name = || control.config().streams.first().map(|stream| stream.name.clone());
            assert!(!control.can_undo() && !control.can_redo());
            control.change(|config| config.streams[0].name = "Round".into()).await.unwrap();
            control.change(|config| config.streams.clear()).await.unwrap();
            control.undo().await.unwrap();
            assert_eq!(name().as_deref(), Some("Round"));
            assert_eq!(control.engine().streams().n_items(), 1, "it is done, not only said");
            control.undo().await.unwrap();
            assert_eq!(name().as_deref(), Some("Ball"));
            assert!(!control.can_undo());
            control.undo().await.unwrap();
            control.redo().await.unwrap();
            assert_eq!(name().as_deref(), Some("Round"));
            assert!(fs::read_to_string(&path).unwrap().contains("Round"));
            // What changes nothing is nothing to undo, and takes nothing from redo.
            assert!(control.can_redo());
            control.change(|_| ()).await.unwrap();
            assert!(control.can_redo());
            control.close().await;
        });
    }

    #[test]
    fn what_another_program_wrote_is_not_undone() {
        let (folder, path) = folder(TEXT);
        on_main_loop(async {
            let control = open(&folder).await.unwrap();
            control.change(|config| config.streams[0].name = "Round".into()).await.unwrap();
            let theirs = TEXT.replace("Ball", "Theirs");
            fs::write(&path, &theirs).unwrap();
            let error = control.undo().await.unwrap_err();
            assert!(matches!(error, ChangeError::Save(SaveError::ChangedOnDisk { .. })), "{error}");
            control.reload().await.unwrap();
            assert!(!control.can_undo());
            control.undo().await.unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), theirs);
            control.close().await;
        });
    }

    #[test]
    fn a_removed_user_is_brought_back_with_the_password_and_forgotten_at_the_end() {
        let (folder, _) = folder(TEXT);
        let passwords = folder.path().join("secrets.toml");
        on_main_loop(async {
            let control = open(&folder).await.unwrap();
            for name in ["ann", "bob"] {
                control.set_password(name, "correct horse".into()).await.unwrap();
                control.change(|config| config.users.push(User { name: name.into() })).await.unwrap();
            }
            control.change(|config| config.users.clear()).await.unwrap();
            assert_eq!(control.password("ann"), None);
            control.undo().await.unwrap();
            assert_eq!(control.password("ann"), Some("correct horse".into()));
            control.change(|config| drop(config.users.remove(0))).await.unwrap();
            control.close().await;
        });
        let kept = fs::read_to_string(passwords).unwrap();
        assert!(!kept.contains("ann") && kept.contains("bob"), "{kept}");
    }

    #[test]
    fn a_relays_password_is_kept_while_it_logs_in_and_forgotten_at_the_end() {
        let relay = "source.relay = { address = 'rtsp://192.0.2.20/', user = 'admin' }\nenabled = false";
        let (folder, _) = folder(&TEXT.replace("source.pattern = { pattern = 'ball' }", relay));
        let passwords = folder.path().join("secrets.toml");
        on_main_loop(async {
            let control = open(&folder).await.unwrap();
            let key = relay_key("ball");
            control.set_password(&key, "correct horse".into()).await.unwrap();
            assert_eq!(control.password(&key), Some("correct horse".into()));
            control.change(|config| config.streams.clear()).await.unwrap();
            assert_eq!(control.password(&key), None);
            control.undo().await.unwrap();
            assert_eq!(control.password(&key), Some("correct horse".into()));
            assert!(fs::read_to_string(&passwords).unwrap().contains("correct horse"));
            control.redo().await.unwrap();
            control.close().await;
        });
        assert!(!fs::read_to_string(&passwords).unwrap().contains("correct horse"));
    }

    #[test]
    fn an_object_hears_of_a_change_after_it_as_long_as_it_lives() {
        let (folder, _) = folder(TEXT);
        on_main_loop(async {
            let control = open(&folder).await.unwrap();
            let heard = Rc::new(RefCell::new(Vec::new()));
            let names = heard.clone();
            let object = gio::Cancellable::new();
            control.connect_changed(&object, move |_, control| {
                names.borrow_mut().push((control.config().streams[0].name.clone(), control.can_undo()));
            });
            for name in ["One", "Two"] {
                control.change(|config| config.streams[0].name = name.into()).await.unwrap();
            }
            drop(object);
            assert_eq!(Rc::strong_count(&heard), 1, "what is told goes with the object");
            control.change(|config| config.streams[0].name = "Three".into()).await.unwrap();
            assert_eq!(*heard.borrow(), [("One".to_owned(), true), ("Two".to_owned(), true)]);
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
            assert_eq!(control.left_off(), Some(LeftOff::Starting { ids: ["ball".into()].into() }));
            let stream = control.engine().streams().item(0).and_downcast::<Stream>().unwrap();
            glib::timeout_future(std::time::Duration::from_millis(300)).await;
            assert_eq!(stream.state(), StreamState::Failed { reason: StreamError::LeftOffAfterCrash });
            assert!(control.config().streams[0].enabled, "the configuration is as it was");
            // Starting it is enough.
            control.start_left_off();
            assert_eq!(control.left_off(), None);
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

    #[test]
    fn whoever_gives_up_while_the_passwords_are_read_has_not_crashed() {
        let (folder, path) = folder(&TEXT.replace("[server]", "users = [{ name = 'guest' }]\n[server]"));
        // A file that is read from for as long as nothing was written to it.
        let passwords = folder.path().join("secrets.toml");
        let _ = fs::remove_file(&passwords);
        assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&passwords).status().unwrap().success());
        on_main_loop(async {
            let opened = async { drop(open(&folder).await.unwrap()) };
            let gave_up = async {
                let writer = in_background(move || fs::File::options().write(true).open(passwords)).await;
                // The file stays open: it is being read from while the other future is dropped.
                std::mem::forget(writer.unwrap());
            };
            futures_lite::future::or(gave_up, opened).await;
        });
        let (left_off, run) = Run::begin(&folder.path().join("state"), &path).unwrap();
        assert_eq!(left_off, None);
        run.end();
    }

    #[test]
    fn what_is_turned_off_is_not_left_off_any_more() {
        let (folder, path) = folder(TEXT);
        let (_, mut run) = Run::begin(&folder.path().join("state"), &path).unwrap();
        run.set_starting(["ball".into()].into());
        run.crash();
        on_main_loop(async {
            let control = open(&folder).await.unwrap();
            control.change(|config| config.streams[0].name = "Still held".into()).await.unwrap();
            assert!(control.left_off().is_some());
            control.change(|config| config.streams[0].enabled = false).await.unwrap();
            assert_eq!(control.left_off(), None);
            control.close().await;
        });
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
