//! A configuration that is served in this process, on a thread of its own.

use gio::prelude::*;
use headwater::config::Config;
use headwater::control::Control;
use headwater::engine::{Stream, StreamState};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::{Mutex, OnceLock};
use std::thread;

/// One configuration at a time: it has the default main context.
static TURN: Mutex<()> = Mutex::new(());

/// The configuration in force, which lives on another thread.
pub struct Hands(async_channel::Sender<Order>);

/// Something to be done on the thread of the configuration.
type Order = Box<dyn FnOnce(Control) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

impl Hands {
    pub fn with<T: Send + 'static, F: Future<Output = T> + 'static>(
        &self,
        work: impl FnOnce(Control) -> F + Send + 'static,
    ) -> T {
        let (done, wait) = async_channel::bounded(1);
        let order: Order = Box::new(|control| {
            let work = work(control);
            Box::pin(async move { done.send(work.await).await.unwrap() })
        });
        self.0.send_blocking(order).unwrap();
        wait.recv_blocking().unwrap()
    }
}

/// Runs a test with a configuration served already, and the address of the server.
pub fn with_config(config: &Config, test: impl FnOnce(&Hands, &str) + Send) {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, toml::to_string(config).unwrap()).unwrap();
    // The keyring of whoever runs the tests is not asked.
    let passwords = folder.path().join("secrets.toml");
    fs::write(&passwords, "").unwrap();
    fs::set_permissions(&passwords, PermissionsExt::from_mode(0o600)).unwrap();

    let (changes, received) = async_channel::unbounded::<Order>();
    let (ready, started) = async_channel::bounded(1);
    let (ended, end) = async_channel::bounded::<()>(1);
    on_main_thread(Box::new(move || {
        Box::pin(async move {
            let control = Control::open_with(path, None).await.unwrap();
            for stream in control.engine().streams().iter::<Stream>().flatten() {
                until_ready(&stream).await;
            }
            ready.send(control.engine().places().likely().unwrap().address("")).await.unwrap();
            while let Ok(order) = received.recv().await {
                order(control.clone()).await;
            }
            control.close().await;
            drop(ended);
        })
    }));
    let address: String = started.recv_blocking().expect("the configuration is served");
    let hands = Hands(changes);
    let tested = panic::catch_unwind(AssertUnwindSafe(|| test(&hands, &address)));
    drop(hands);
    let _ = end.recv_blocking();
    if let Err(failure) = tested {
        panic::resume_unwind(failure);
    }
}

/// Something to be done on the main thread.
type Work = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// All tests have one main thread, as the program has: what is left of one of them in the default main context is
/// bound to it.
fn on_main_thread(work: Work) {
    static MAIN: OnceLock<async_channel::Sender<Work>> = OnceLock::new();
    let main = MAIN.get_or_init(|| {
        let (sender, received) = async_channel::unbounded::<Work>();
        thread::spawn(move || {
            let context = glib::MainContext::default();
            let until_the_end = async {
                while let Ok(work) = received.recv().await {
                    work().await;
                }
            };
            context.with_thread_default(|| context.block_on(until_the_end)).unwrap();
        });
        sender
    });
    main.send_blocking(work).expect("the main thread is there");
}

async fn until_ready(stream: &Stream) {
    let (sender, states) = async_channel::unbounded();
    let handler = stream.connect_state_notify(move |stream| drop(sender.try_send(stream.state())));
    while stream.state() != StreamState::Ready {
        states.recv().await.unwrap();
    }
    stream.disconnect(handler);
}
