//! What the desktop asks the user for us: the portals. The futures run on any executor, and take as long as the user
//! does, so nothing that others wait for may wait for them.

use ashpd::desktop::ResponseError;
use ashpd::desktop::camera::Camera;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The application as portals know it.
const APPLICATION: &str = "io.github.headwater_app.Headwater";
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

/// Outside of a sandbox a portal does not know by itself whose permissions it looks after. Where Headwater is not
/// installed it refuses, and asks anyway.
async fn register() {
    if let Ok(id) = APPLICATION.try_into()
        && let Err(error) = ashpd::register_host_app(id).await
    {
        tracing::debug!("the portal does not know {APPLICATION}: {error}");
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
