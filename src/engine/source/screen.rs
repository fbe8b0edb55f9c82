//! A screen or a window of this desktop, by the portal.
//!
//! What the user allowed lasts as long as the stream is on, also while nobody watches, so that nobody is asked because
//! somebody comes to read. A thread of its own asks, and keeps what is shared.

use super::apart::spawn;
use super::capture::Capture;
use super::{Event, Notify};
use crate::config::{Password, ScreenSource};
use crate::engine::elements::make;
use crate::engine::portal::{PortalError, SharedScreen};
use crate::engine::state::{ScreenError, StreamError};
use futures_lite::future;
use gst::prelude::*;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// A screen on which nothing moves sends no pictures: the last one comes again so often, in milliseconds. The picture
/// that is served is late by as much.
const STILL_MS: i32 = 100;
/// When the user ends the sharing, the pictures end first.
const END: Duration = Duration::from_secs(1);

/// A screen that is shared.
pub struct Screen {
    capture: Capture,
    /// To the thread that keeps what is shared. Dropping it ends that.
    requests: async_channel::Sender<Request>,
    sharing: Sharing,
    is_awake: bool,
    /// Not taken yet.
    token: Option<Password>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Asking,
    /// The node of PipeWire.
    Allowed {
        node: u32,
    },
}

enum Request {
    Open,
    /// The pictures ended with these words.
    Broken(String),
}

/// What the thread that keeps a shared screen tells.
#[derive(Debug)]
pub enum Answer {
    Allowed { node: u32, token: Option<Password> },
    Opened(OwnedFd),
    Lost(ScreenError),
}

impl Screen {
    /// Asks the user, unless the token is of what was allowed before.
    pub fn new(config: &ScreenSource, token: Option<&Password>, notify: Notify) -> Result<Self, StreamError> {
        let capture = Capture::new(notify.clone())?;
        let (requests, asked) = async_channel::unbounded();
        let (cursor, token) = (config.cursor, token.cloned());
        spawn("shared screen", move || {
            let lost = future::block_on(share(cursor, token.as_ref(), &asked, &notify));
            if let Err(reason) = lost {
                notify(Event::Screen(Answer::Lost(reason)));
            }
        })?;
        let sharing = Sharing::Asking;
        Ok(Self { capture, requests, sharing, is_awake: false, token: None })
    }

    pub fn bin(&self) -> &gst::Bin {
        self.capture.bin()
    }

    pub fn is_asking(&self) -> bool {
        self.sharing == Sharing::Asking
    }

    /// The token of what was allowed, once.
    pub fn take_token(&mut self) -> Option<Password> {
        self.token.take()
    }

    pub fn wake(&mut self) {
        self.is_awake = true;
        if self.sharing != Sharing::Asking {
            self.request(Request::Open);
        }
    }

    pub fn sleep(&mut self) {
        self.is_awake = false;
        self.capture.close();
    }

    pub fn shut_down(&mut self) {
        self.sleep();
        self.requests.close();
    }

    pub fn answered(&mut self, answer: Answer) -> Result<(), StreamError> {
        match answer {
            Answer::Allowed { node, token } => {
                self.sharing = Sharing::Allowed { node };
                self.token = token;
                if self.is_awake {
                    self.request(Request::Open);
                }
                Ok(())
            }
            Answer::Opened(remote) if self.is_awake => self.open(remote),
            Answer::Opened(_) => Ok(()),
            Answer::Lost(reason) => Err(StreamError::Screen { reason }),
        }
    }

    pub fn ended(&self, connection: u64) {
        if self.capture.is_present(connection) {
            self.request(Request::Broken("it ended".into()));
        }
    }

    /// An error; none where it has to be found out why.
    pub fn failed(&self, error: &gst::message::Error) -> Result<(), StreamError> {
        if !error.src().is_some_and(|source| self.capture.has(source)) {
            return Err(StreamError::from_message(error));
        }
        self.request(Request::Broken(error.error().message().to_owned()));
        Ok(())
    }

    fn request(&self, request: Request) {
        // Whoever is gone has told why.
        let _ = self.requests.try_send(request);
    }

    fn open(&mut self, remote: OwnedFd) -> Result<(), StreamError> {
        let Sharing::Allowed { node } = self.sharing else { return Ok(()) };
        let source = make("pipewiresrc", "screen")?;
        source.set_property("fd", remote.as_raw_fd());
        source.set_property("path", node.to_string());
        source.set_property("client-name", "Headwater");
        source.set_property("do-timestamp", true);
        source.set_property("keepalive-time", STILL_MS);
        source.set_property("resend-last", true);
        // It has few buffers, and the last picture is kept.
        source.set_property("always-copy", true);
        // Not in the memory of a graphics card.
        self.capture.open(&source, Some(&gst::Caps::builder("video/x-raw").build()), Some(remote.into()))
    }
}

/// Asks, and keeps what is shared until nobody wants it any more.
async fn share(
    cursor: bool,
    token: Option<&Password>,
    requests: &async_channel::Receiver<Request>,
    notify: &Notify,
) -> Result<(), ScreenError> {
    let screen = SharedScreen::new().await?;
    let answer = async { Some(screen.ask(cursor, token).await) };
    let unwanted = async {
        // Nothing is requested before there is an answer.
        let _ = requests.recv().await;
        None
    };
    let result = match future::or(answer, unwanted).await {
        Some(Ok(pictures)) => {
            notify(Event::Screen(Answer::Allowed { node: pictures.node, token: pictures.token }));
            keep(&screen, requests, notify).await
        }
        Some(Err(error)) => Err(error.into()),
        None => Ok(()),
    };
    screen.close().await;
    result
}

async fn keep(
    screen: &SharedScreen,
    requests: &async_channel::Receiver<Request>,
    notify: &Notify,
) -> Result<(), ScreenError> {
    let closed = async {
        screen.closed().await;
        Err(ScreenError::Closed)
    };
    let served = async {
        while let Ok(request) = requests.recv().await {
            match request {
                Request::Open => notify(Event::Screen(Answer::Opened(screen.remote().await?))),
                Request::Broken(message) => {
                    async_io::Timer::after(END).await;
                    return Err(ScreenError::Failed { message });
                }
            }
        }
        Ok(())
    };
    future::or(closed, served).await
}

impl From<PortalError> for ScreenError {
    fn from(error: PortalError) -> Self {
        match error {
            PortalError::Missing => Self::NoPortal,
            PortalError::Denied => Self::Denied,
            PortalError::Failed { message } => Self::Failed { message },
        }
    }
}
