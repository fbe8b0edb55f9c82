//! The program with its window: one instance for each configuration file.

use crate::config::APPLICATION_ID;
use crate::control::Control;
use crate::i18n::{self, gettext};
use crate::ui::{self, Window};
use adw::prelude::*;
use async_signal::{Signal, Signals};
use futures_lite::StreamExt;
use std::cell::{Cell, OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::process::ExitCode;
use std::rc::Rc;
use std::{env, io};

const RESOURCES: &str = "/io/github/headwater_app/Headwater";

/// What the window of a running program needs from its start to its end.
struct Session {
    file: PathBuf,
    window: OnceCell<Window>,
    /// None until the configuration could be opened, and again when the program ends.
    control: RefCell<Option<Control>>,
    /// What runs is being stopped.
    ending: Cell<bool>,
    /// While it ends, it was asked to show its window.
    again: Cell<bool>,
}

/// Shows the window until it is closed, or raises the one that another instance has for the same file. As a service
/// (`gio::ApplicationFlags::IS_SERVICE`) it shows the window when it is asked to over the session bus, and ends
/// where nothing asks within ten seconds.
///
/// # Errors
/// There is no display that GTK can use; nothing was started.
pub fn run(file: PathBuf, flags: gio::ApplicationFlags) -> Result<ExitCode, glib::BoolError> {
    gtk::init()?;
    i18n::init();
    ui::register_resources();
    glib::set_application_name("Headwater");

    let application = adw::Application::builder()
        .application_id(application_id(&file))
        .flags(flags)
        .resource_base_path(RESOURCES)
        .build();
    let session = Rc::new(Session {
        file,
        window: OnceCell::new(),
        control: RefCell::new(None),
        ending: Cell::new(false),
        again: Cell::new(false),
    });
    let ended = session.clone();
    application.connect_startup(move |application| {
        glib::spawn_future_local(end_on_signal(application.clone(), ended.clone()));
    });
    add_actions(&application, &session);
    application.connect_activate(move |application| activate(application, &session));
    // The command line was read already.
    Ok(application.run_with_args::<&str>(&[]).into())
}

/// The id says which instance it is. The default file has the plain one, which the desktop knows.
fn application_id(file: &Path) -> String {
    let whole = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    let file = whole(file).unwrap_or_else(|_| file.to_owned());
    if whole(&crate::config::default_path()).is_ok_and(|default| default == file) {
        return APPLICATION_ID.to_owned();
    }
    let bytes = glib::Bytes::from(file.as_os_str().as_encoded_bytes());
    let hash = glib::compute_checksum_for_bytes(glib::ChecksumType::Sha256, &bytes).unwrap_or_default();
    format!("{APPLICATION_ID}.c{}", &hash[..16.min(hash.len())])
}

fn add_actions(application: &adw::Application, session: &Rc<Session>) {
    let about = gio::ActionEntry::builder("about").activate(|application: &adw::Application, _, _| {
        about().present(application.active_window().as_ref());
    });
    let ended = session.clone();
    let quit = gio::ActionEntry::builder("quit").activate(move |application: &adw::Application, _, _| {
        end(application, &ended);
    });
    let failed = session.clone();
    let try_again = gio::ActionEntry::builder("try-again").activate(move |_: &adw::Application, _, _| {
        glib::spawn_future_local(open(failed.clone()));
    });
    let shown = session.clone();
    let open_folder = gio::ActionEntry::builder("open-folder").activate(move |_: &adw::Application, _, _| {
        let session = shown.clone();
        glib::spawn_future_local(async move {
            let launcher = gtk::FileLauncher::new(Some(&gio::File::for_path(&session.file)));
            if let Err(error) = launcher.open_containing_folder_future(session.window.get()).await {
                tracing::warn!(%error, "the folder was not opened");
            }
        });
    });
    application.add_action_entries([about.build(), quit.build(), try_again.build(), open_folder.build()]);
    application.set_accels_for_action("app.quit", &["<Control>q"]);
    application.set_accels_for_action("win.add", &["<Control>n"]);
    application.set_accels_for_action("win.search", &["<Control>f"]);
    application.set_accels_for_action("win.preferences", &["<Control>comma"]);
    application.set_accels_for_action("win.show-help-overlay", &["<Control>question"]);
}

fn activate(application: &adw::Application, session: &Rc<Session>) {
    if session.ending.get() {
        return session.again.set(true);
    }
    if let Some(window) = session.window.get() {
        return window.present();
    }
    let window = Window::new(application);
    let (closed, ended) = (session.clone(), application.clone());
    window.connect_close_request(move |_| {
        end(&ended, &closed);
        glib::Propagation::Stop
    });
    window.present();
    session.window.set(window).expect("there was none");
    glib::spawn_future_local(open(session.clone()));
}

/// Reads the configuration and starts what it says, while the window shows that it starts.
async fn open(session: Rc<Session>) {
    let Some(window) = session.window.get() else { return };
    window.show_starting();
    // GStreamer looks at all its plugins the first time, which takes seconds.
    let plugins = gio::spawn_blocking(|| {
        gst::init().map_err(|error| error.to_string())?;
        gstgtk4::plugin_register_static().map_err(|error| error.to_string())
    });
    let failure = match plugins.await {
        Ok(Ok(())) => match Control::open(session.file.clone()).await {
            Ok(control) => {
                window.show_streams(&control);
                session.control.replace(Some(control));
                return;
            }
            Err(error) => ui::open_error(&error),
        },
        Ok(Err(sentence)) => sentence,
        Err(_) => gettext("GStreamer could not be started."),
    };
    window.show_failure(&gettext("Headwater Cannot Start"), &failure);
}

/// The end of the session, and Ctrl+C in a terminal, end it as cleanly as closing the window.
async fn end_on_signal(application: adw::Application, session: Rc<Session>) {
    let mut signals = match Signals::new([Signal::Int, Signal::Term]) {
        Ok(signals) => signals,
        Err(error) => return tracing::warn!(%error, "signals are not followed"),
    };
    while signals.next().await.is_some() {
        end(&application, &session);
    }
}

/// Stops what runs, with the window hidden, then ends the program. Whatever dialog is open does not keep it.
fn end(application: &adw::Application, session: &Rc<Session>) {
    if let Some(window) = session.window.get() {
        window.set_visible(false);
    }
    match session.control.take() {
        Some(control) => {
            let (application, session) = (application.clone(), session.clone());
            session.ending.set(true);
            glib::spawn_future_local(async move {
                control.close().await;
                give_up_name(&application).await;
                if session.again.get()
                    && let Err(error) = start_again(&session.file)
                {
                    tracing::error!(
                        "the program was asked for while it ended, and cannot start again: {error}"
                    );
                }
                application.quit();
            });
        }
        // Not opened yet, or it is stopping already.
        None if session.ending.get() => {}
        None => application.quit(),
    }
}

/// From now on whoever starts the program starts it, and does not ask this one, which is about to end. Whoever asked
/// before is heard before this is done.
async fn give_up_name(application: &adw::Application) {
    let (Some(bus), Some(id)) = (application.dbus_connection(), application.application_id()) else { return };
    let name = (id.as_str(),).to_variant();
    const BUS: &str = "org.freedesktop.DBus";
    let call = bus.call_future(
        Some(BUS),
        "/org/freedesktop/DBus",
        BUS,
        "ReleaseName",
        Some(&name),
        None,
        gio::DBusCallFlags::NONE,
        1000,
    );
    if let Err(error) = call.await {
        tracing::warn!(%error, "the session bus does not answer");
    }
}

fn start_again(file: &Path) -> io::Result<()> {
    Command::new(env::current_exe()?).arg("--config").arg(file).spawn().map(drop)
}

fn about() -> adw::AboutDialog {
    adw::AboutDialog::builder()
        .application_name("Headwater")
        .application_icon(APPLICATION_ID)
        .developer_name(gettext("The Headwater authors"))
        .version(env!("CARGO_PKG_VERSION"))
        .license_type(gtk::License::Gpl30)
        .comments(gettext(
            "Turns test patterns, video files and other streams into RTSP streams that any player can read.",
        ))
        // Translators: your name, one person a line.
        .translator_credits(gettext("translator-credits"))
        .build()
}
