//! What the desktop asks the user for us: the portals. The futures run on any executor, and take as long as the user
//! does, so nothing that others wait for may wait for them.

use crate::config::{APPLICATION_ID, Password};
use ashpd::desktop::camera::Camera;
use ashpd::desktop::screencast::{CursorMode, Screencast, SelectSourcesOptions, SourceType};
use ashpd::desktop::{PersistMode, ResponseError, Session};
use futures_lite::StreamExt;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How long a portal may take to be there. It may have to be started first; a session bus that hangs must not hang us.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why a portal did not give what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortalError {
    /// No desktop is there, or one without this portal.
    Missing,
    /// The user said no, now or before.
    Denied,
    /// In the portal's words.
    Failed { message: String },
}

/// Asks for the cameras: a connection to PipeWire that has them alone.
pub async fn cameras() -> Result<OwnedFd, PortalError> {
    let camera = within_deadline(async {
        register().await;
        Camera::new().await
    });
    let camera = camera.await?;
    // Where it was allowed before, nobody is asked.
    if let Ok(remote) = camera.open_pipe_wire_remote(Default::default()).await {
        return Ok(remote);
    }
    camera.request_access(Default::default()).await?.response()?;
    Ok(camera.open_pipe_wire_remote(Default::default()).await?)
}

/// The screen or window that the user chose, shared until it is closed.
#[derive(Debug)]
pub struct SharedScreen {
    portal: Screencast,
    session: Session<Screencast>,
}

/// How to get at the pictures of a shared screen.
#[derive(Debug)]
pub struct ScreenPictures {
    /// The node of PipeWire.
    pub node: u32,
    /// With it the next question is answered as this one was. Each is good for once.
    pub token: Option<Password>,
}

impl SharedScreen {
    /// Nothing is shared yet, and nothing asked.
    pub async fn new() -> Result<Self, PortalError> {
        let session = within_deadline(async {
            register().await;
            let portal = Screencast::new().await?;
            let session = portal.create_session(Default::default()).await?;
            Ok(Self { portal, session })
        });
        session.await
    }

    /// Asks the user which screen or window to share; not, where a token is good still.
    pub async fn ask(&self, cursor: bool, token: Option<&Password>) -> Result<ScreenPictures, PortalError> {
        let available = self.portal.available_source_types().await?;
        let mut options = SelectSourcesOptions::default()
            .set_sources((SourceType::Monitor | SourceType::Window) & available)
            .set_multiple(false)
            .set_persist_mode(PersistMode::ExplicitlyRevoked)
            .set_restore_token(token.map(Password::reveal));
        let mode = if cursor { CursorMode::Embedded } else { CursorMode::Hidden };
        if self.portal.available_cursor_modes().await.is_ok_and(|modes| modes.contains(mode)) {
            options = options.set_cursor_mode(mode);
        }
        self.portal.select_sources(&self.session, options).await?.response()?;
        let answer = self.portal.start(&self.session, None, Default::default()).await?.response()?;
        let Some(stream) = answer.streams().first() else { return Err(PortalError::Denied) };
        let token = answer.restore_token().map(Password::from);
        Ok(ScreenPictures { node: stream.pipe_wire_node_id(), token })
    }

    /// A connection to PipeWire that has the pictures alone, for one use.
    pub async fn remote(&self) -> Result<OwnedFd, PortalError> {
        Ok(self.portal.open_pipe_wire_remote(&self.session, Default::default()).await?)
    }

    /// Returns when the desktop ends it, as the user does there.
    pub async fn closed(&self) {
        if let Ok(mut closed) = self.session.receive_closed().await {
            closed.next().await;
        } else {
            std::future::pending().await
        }
    }

    /// Shares nothing any more, and takes back the question.
    pub async fn close(&self) {
        if let Err(error) = self.session.close().await {
            tracing::debug!("the sharing of a screen cannot be ended: {error}");
        }
    }
}

/// Outside of a sandbox a portal does not know by itself whose permissions it looks after. Where Headwater is not
/// installed it refuses, and asks anyway.
async fn register() {
    if let Ok(id) = APPLICATION_ID.try_into()
        && let Err(error) = ashpd::register_host_app(id).await
    {
        tracing::debug!("the portal does not know {APPLICATION_ID}: {error}");
    }
}

async fn within_deadline<T>(
    request: impl Future<Output = Result<T, ashpd::Error>>,
) -> Result<T, PortalError> {
    let late = async {
        async_io::Timer::after(DEADLINE).await;
        Err(PortalError::Missing)
    };
    futures_lite::future::or(async { request.await.map_err(PortalError::from) }, late).await
}

impl From<ashpd::Error> for PortalError {
    fn from(error: ashpd::Error) -> Self {
        use ashpd::{Error, PortalError as Answer};
        match error {
            Error::Response(ResponseError::Cancelled)
            | Error::Portal(Answer::NotAllowed(_) | Answer::Cancelled(_)) => Self::Denied,
            Error::PortalNotFound(_) | Error::Zbus(_) | Error::Portal(Answer::ZBus(_)) => {
                tracing::debug!("no portal: {error}");
                Self::Missing
            }
            error => Self::Failed { message: error.to_string() },
        }
    }
}
