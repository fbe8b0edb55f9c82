//! The built program, started without a window on a configuration of the test's own.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that is awaited. Much more than it takes, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Tests that measure have the machine for themselves.
static MACHINE: RwLock<()> = RwLock::new(());

#[must_use]
pub enum Turn {
    Shared(#[expect(dead_code, reason = "held, never read")] RwLockReadGuard<'static, ()>),
    Alone(#[expect(dead_code, reason = "held, never read")] RwLockWriteGuard<'static, ()>),
}

/// Beside other tests.
pub fn shared() -> Turn {
    Turn::Shared(MACHINE.read().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

/// For a test that measures time.
pub fn alone() -> Turn {
    Turn::Alone(MACHINE.write().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

/// Another program, which ends with this.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One `[[streams]]` table of a configuration. Its name and path are its id.
pub struct Stream {
    id: String,
    source: String,
    picture: String,
    access: String,
    lines: String,
    overlays: String,
}

impl Stream {
    pub fn pattern(id: &str, pattern: &str) -> Self {
        Self::new(id, &format!("source.pattern = {{ pattern = \"{pattern}\" }}"))
    }

    /// With a `sound` of patterns beside the picture.
    pub fn sounding(id: &str, pattern: &str, sound: &str) -> Self {
        Self::new(id, &format!("source.pattern = {{ pattern = \"{pattern}\", sound = \"{sound}\" }}"))
    }

    pub fn file(id: &str, location: &Path) -> Self {
        Self::files(id, &[location])
    }

    pub fn files(id: &str, locations: &[impl AsRef<Path>]) -> Self {
        let locations: Vec<&str> =
            locations.iter().map(|location| location.as_ref().to_str().unwrap()).collect();
        Self::new(id, &format!("source.file = {{ locations = {locations:?} }}"))
    }

    /// Further keys of its source.
    pub fn of_source(mut self, keys: &str) -> Self {
        self.source.insert_str(self.source.len() - " }".len(), &format!(", {keys}"));
        self
    }

    /// Another stream; `more` are further keys with a comma before each.
    pub fn relay(id: &str, address: &str, more: &str) -> Self {
        Self::new(id, &format!("source.relay = {{ address = \"{address}\"{more} }}"))
    }

    /// What programs send into it; `publish` says who may, as in a file.
    pub fn published(id: &str, publish: &str) -> Self {
        let stream = Self::new(id, "source.published = {}");
        Self { access: format!("read = \"anyone\", publish = {publish}"), ..stream }
    }

    pub fn camera(id: &str, name: &str) -> Self {
        Self::new(id, &format!("source.camera = {{ name = {name:?} }}"))
    }

    /// A pipeline in GStreamer's own words.
    pub fn custom(id: &str, pipeline: &str) -> Self {
        Self::new(id, &format!("source.custom = {{ pipeline = {pipeline:?} }}"))
    }

    fn new(id: &str, source: &str) -> Self {
        Self {
            id: id.into(),
            source: source.into(),
            picture: "size = \"1280x720\"\nframe_rate = \"25\"".into(),
            access: "read = \"anyone\"".into(),
            lines: String::new(),
            overlays: String::new(),
        }
    }

    /// The lines of the one rendition's table.
    pub fn picture(mut self, lines: &str) -> Self {
        self.picture = lines.into();
        self
    }

    /// Readable by this user, with this scheme.
    pub fn protected(mut self, user: &str, scheme: &str) -> Self {
        self.access = format!("read = [\"{user}\"], schemes = [\"{scheme}\"]");
        self
    }

    /// Readable by these transports alone.
    pub fn transports(mut self, transports: &[&str]) -> Self {
        writeln!(self.lines, "transports = {transports:?}").unwrap();
        self
    }

    /// Further lines of its table.
    pub fn lines(mut self, lines: &str) -> Self {
        self.lines = lines.into();
        self
    }

    pub fn clock(mut self, position: &str) -> Self {
        write!(self.overlays, "[[streams.overlays]]\nclock = {{ position = \"{position}\" }}\n").unwrap();
        self
    }
}

/// A configuration that listens at a port of the system's choice.
pub fn config(users: &[&str], streams: &[Stream]) -> String {
    let mut text = String::from("version = 1\n\n[server]\nport = 0\n");
    for user in users {
        write!(text, "\n[[users]]\nname = \"{user}\"\n").unwrap();
    }
    for Stream { id, source, picture, access, lines, overlays } in streams {
        write!(
            text,
            "\n[[streams]]\nid = \"{id}\"\nname = \"{id}\"\npath = \"/{id}\"\n{source}\naccess = {{ {access} }}\n{lines}\n\
             [[streams.renditions]]\n{picture}\n{overlays}"
        )
        .unwrap();
    }
    text
}

/// A folder with a configuration, and the program's own folders in it.
#[derive(Clone)]
pub struct Home {
    folder: Arc<tempfile::TempDir>,
}

impl Home {
    pub fn new(config: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("headwater-test-").tempdir().unwrap();
        fs::write(folder.path().join("config.toml"), config).unwrap();
        Self { folder: Arc::new(folder) }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn config_file(&self) -> PathBuf {
        self.path().join("config.toml")
    }

    /// The program with this configuration, apart from the user's own files, keyring and display.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
        command.arg("--config").arg(self.config_file()).args(arguments);
        for name in ["CONFIG", "STATE", "CACHE", "DATA"] {
            command.env(format!("XDG_{name}_HOME"), self.path().join(name.to_lowercase()));
        }
        for name in ["DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR"] {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        command
    }

    /// Runs it to its end, with this on its standard input.
    pub fn run(&self, arguments: &[&str], input: &str) -> Output {
        finish(self.command(arguments), input)
    }

    pub fn set_password(&self, user: &str, password: &str) {
        let output = self.run(&["--set-password", user], &format!("{password}\n"));
        assert!(output.status.success(), "--set-password: {}", words(&output));
    }

    /// Starts serving without a window.
    pub fn serve(self) -> Program {
        let command = self.command(&["--headless"]);
        self.start(command)
    }

    /// Starts a command of [`Home::command`] that runs until it is asked to end.
    pub fn start(self, mut command: Command) -> Program {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let written = log.clone();
        let reader = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = written.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Program {
            home: self,
            child,
            lines,
            addresses: HashMap::new(),
            encrypted: HashMap::new(),
            log,
            log_reader: Some(reader),
        }
    }
}

/// Runs a command to its end with this on its standard input. One that does not end is killed.
pub fn finish(command: Command, input: &str) -> Output {
    finish_within(command, input, PATIENCE * 3)
}

/// As `finish`, with another time after which it is killed.
pub fn finish_within(mut command: Command, input: &str, patience: Duration) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // One that ends before it reads is judged by its words.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let stdout = thread::spawn(move || read_all(&mut stdout));
    let stderr = thread::spawn(move || read_all(&mut stderr));
    let status = end_of(&mut child, patience).unwrap_or_else(|| {
        child.kill().unwrap();
        child.wait().unwrap()
    });
    Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

fn read_all(from: &mut impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    // What came until then is what there is.
    let _ = from.read_to_end(&mut all);
    all
}

/// Everything that it wrote.
pub fn words(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    // What went wrong is said on standard error, and a long report is cut at its end.
    format!("{}\n{}{}", output.status, text(&output.stderr), text(&output.stdout))
}

fn end_of(child: &mut Child, patience: Duration) -> Option<std::process::ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < patience {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

/// The running program.
pub struct Program {
    home: Home,
    child: Child,
    lines: Receiver<String>,
    addresses: HashMap<String, String>,
    encrypted: HashMap<String, String>,
    log: Arc<Mutex<String>>,
    log_reader: Option<thread::JoinHandle<()>>,
}

impl Program {
    pub fn start(users: &[&str], streams: &[Stream]) -> Self {
        Home::new(&config(users, streams)).serve()
    }

    pub fn home(&self) -> &Home {
        &self.home
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The address of a stream, once the program says that it can be read.
    pub fn address(&mut self, stream: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(address) = self.addresses.get(stream) {
                return address.clone();
            }
            self.take_address(deadline);
        }
    }

    fn take_address(&mut self, deadline: Instant) {
        let line = self.line(deadline);
        if let Some((name, address)) = line.split_once(": rtsp://") {
            self.addresses.insert(name.to_owned(), format!("rtsp://{address}"));
        } else if let Some((name, address)) = line.split_once(": rtsps://") {
            self.encrypted.insert(name.to_owned(), format!("rtsps://{address}"));
        }
    }

    /// As [`Program::address`], for RTSPS.
    pub fn encrypted_address(&mut self, stream: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(address) = self.encrypted.get(stream) {
                return address.clone();
            }
            self.take_address(deadline);
        }
    }

    /// The next address that the program says of any stream.
    pub fn next_address(&mut self) -> String {
        let line = self.line(Instant::now() + PATIENCE);
        line.split_once(": ").map(|(_, address)| address.to_owned()).expect("a name and an address")
    }

    fn line(&self, deadline: Instant) -> String {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("no address; its log:\n{}", self.log()),
            Err(RecvTimeoutError::Disconnected) => panic!("the program ended; its log:\n{}", self.log()),
        }
    }

    /// What was written to standard error until now.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log, from this byte on, has these words; says where they end.
    pub fn wait_for_log(&self, words: &str, from: usize) -> usize {
        let start = Instant::now();
        loop {
            let log = self.log();
            if let Some(at) = log[from..].find(words) {
                return from + at + words.len();
            }
            assert!(start.elapsed() < PATIENCE, "\"{words}\" was never said");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to end, as a service manager does, and checks that it does so cleanly.
    pub fn stop(self) {
        self.stop_amid(&[]);
    }

    /// As `stop`, where the libraries may complain in lines with these words.
    pub fn stop_amid(mut self, expected: &[&str]) {
        self.signal(rustix::process::Signal::TERM);
        let status = end_of(&mut self.child, PATIENCE);
        if status.is_none() {
            self.child.kill().unwrap();
        }
        self.log_reader.take().unwrap().join().unwrap();
        let log = self.log();
        let status = status.unwrap_or_else(|| panic!("it did not end when asked to; its log:\n{log}"));
        assert_eq!(status.code(), Some(0), "{status}; its log:\n{log}");
        let is_complaint = |line: &&str| {
            ["CRITICAL", "WARNING **", "panicked"].iter().any(|word| line.contains(word))
                && !expected.iter().any(|word| line.contains(word))
        };
        assert_eq!(log.lines().find(is_complaint), None, "the libraries complained:\n{log}");
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the program can be signalled");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.log_reader.is_some() {
            // A test failed before `stop`: what the program had to say belongs to it.
            let end = if self.is_running() { "runs" } else { "had ended by itself" };
            self.child.kill().unwrap();
            let status = self.child.wait().unwrap();
            eprintln!("the program {end} ({status}); its log:\n{}", self.log());
        }
    }
}

/// A file of `tests/data`.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}
