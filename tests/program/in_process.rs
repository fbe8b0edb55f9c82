//! A configuration that is served in this process, on a thread of its own.

use gio::prelude::*;
use headwater::config::Config;
use headwater::control::Control;
use headwater::engine::{Stream, StreamState};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::pin::Pin;
use std::sync::Mutex;
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

    let context = glib::MainContext::default();
    let (changes, received) = async_channel::unbounded::<Order>();
    let (ready, started) = async_channel::bounded(1);
    thread::scope(|scope| {
        let user = scope.spawn(move || {
            let hands = Hands(changes);
            let address: String = started.recv_blocking().unwrap();
            test(&hands, &address);
        });
        context
            .with_thread_default(|| {
                context.block_on(async {
                    let control = Control::open_with(path, None).await.unwrap();
                    for stream in control.engine().streams().iter::<Stream>().flatten() {
                        until_ready(&stream).await;
                    }
                    ready.send(control.engine().places().likely().unwrap().address("")).await.unwrap();
                    while let Ok(order) = received.recv().await {
                        order(control.clone()).await;
                    }
                    control.close().await;
                });
            })
            .unwrap();
        if let Err(panic) = user.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

async fn until_ready(stream: &Stream) {
    let (sender, states) = async_channel::unbounded();
    let handler = stream.connect_state_notify(move |stream| drop(sender.try_send(stream.state())));
    while stream.state() != StreamState::Ready {
        states.recv().await.unwrap();
    }
    stream.disconnect(handler);
}
