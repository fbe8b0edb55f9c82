//! Keeps RTSPS doing what the configuration says: its certificate is read or made on another thread, then it is
//! listened for. Looked at again from time to time, since certificates end and files are replaced.

use super::server::certificate::{self, Loaded, Origin};
use super::{CertificateFacts, EncryptionError, EncryptionState, Engine};
use crate::config::{Listen, ServerConfig};
use gio::prelude::*;
use glib::subclass::prelude::*;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How often a certificate is looked at again: often enough that one renewed by another program is served the
/// same day.
const LOOK: Duration = Duration::from_secs(60 * 60);

impl Engine {
    /// Keeps the certificate that is made for this computer in this folder. Without one, each run has its own.
    pub fn set_state_folder(&self, folder: Option<PathBuf>) {
        self.imp().state_folder.replace(folder);
    }

    pub(super) fn look_at_encryption_now_and_then(&self) {
        let weak = self.downgrade();
        let timer = glib::timeout_add_local(LOOK, move || match weak.upgrade() {
            Some(engine) => {
                engine.look_at_encryption();
                glib::ControlFlow::Continue
            }
            None => glib::ControlFlow::Break,
        });
        self.imp().encryption_timer.replace(Some(timer));
    }

    /// Makes RTSPS be what the configuration says. What did not change is not touched.
    pub(super) fn look_at_encryption(&self) {
        let imp = self.imp();
        // What was begun before is not wanted any more.
        let turn = imp.encryption_turn.get() + 1;
        imp.encryption_turn.set(turn);
        let config = imp.config.borrow().as_ref().map(|config| config.server.clone());
        let Some(config) = config.filter(|config| config.rtsps.enabled) else {
            self.server().stop_listening_encrypted();
            return self.set_encryption_state(EncryptionState::Off);
        };
        let place = (config.listen, config.rtsps.port);
        if !self.is_listening_encrypted() || imp.encryption_place.get() != Some(place) {
            self.set_encryption_state(EncryptionState::Starting);
        }
        let origin = self.origin(&config);
        let weak = self.downgrade();
        glib::spawn_future_local(async move {
            let loaded = blocking::unblock(move || load(&origin)).await;
            let Some(engine) = weak.upgrade() else { return };
            if engine.imp().encryption_turn.get() == turn {
                engine.encrypt(&config, loaded);
            }
        });
    }

    fn encrypt(&self, config: &ServerConfig, loaded: Result<Loaded, EncryptionError>) {
        let server = self.server();
        let encrypted = loaded.and_then(|loaded| {
            server.set_certificate(&loaded.certificate().map_err(EncryptionError::Certificate)?);
            let place = (config.listen, config.rtsps.port);
            let addresses = match self.encryption() {
                EncryptionState::Listening { addresses, .. }
                    if self.imp().encryption_place.get() == Some(place) =>
                {
                    addresses
                }
                _ => server.listen_encrypted(config).map_err(EncryptionError::Server)?,
            };
            self.imp().encryption_place.set(Some(place));
            Ok(EncryptionState::Listening { addresses, certificate: loaded.facts })
        });
        self.set_encryption_state(encrypted.unwrap_or_else(|reason| {
            tracing::error!("nobody can connect by RTSPS: {reason}");
            server.stop_listening_encrypted();
            EncryptionState::Failed { reason }
        }));
    }

    fn is_listening_encrypted(&self) -> bool {
        matches!(self.encryption(), EncryptionState::Listening { .. })
    }

    fn origin(&self, config: &ServerConfig) -> Origin {
        match (&config.rtsps.certificate, &config.rtsps.key) {
            (Some(certificate), Some(key)) => {
                Origin::Files { certificate: certificate.clone(), key: key.clone() }
            }
            _ => Origin::Own {
                folder: self.imp().state_folder.borrow().clone(),
                names: self.names(config.listen),
            },
        }
    }

    /// What this computer is called and where it is: the names that readers may use. Of IPv6 only an address that
    /// is listened at by itself: the others change every day.
    fn names(&self, listen: Listen) -> Vec<String> {
        let host = glib::host_name().to_string();
        let mut names = vec![host.clone()];
        if !host.contains('.') {
            names.push(format!("{host}.local"));
        }
        names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        names.extend(
            self.local_addresses()
                .iter()
                .filter(|local| local.ip.is_ipv4())
                .map(|local| local.ip.to_string()),
        );
        if let Listen::Address(ip) = listen {
            names.push(ip.to_string());
        }
        let mut seen = Vec::new();
        names.retain(|name| {
            !seen.contains(name) && {
                seen.push(name.clone());
                true
            }
        });
        names
    }

    fn set_encryption_state(&self, state: EncryptionState) {
        if self.encryption() != state {
            tracing::debug!("rtsps: {state:?}");
            self.imp().encryption.replace(state);
            self.notify_encryption();
            self.find_places();
        }
    }
}

/// Looks at a certificate and its key before they are used. On another thread; the future can be dropped.
///
/// # Errors
/// [`EncryptionError::Certificate`], or that nothing can be encrypted at all.
pub async fn check_certificate(
    certificate: PathBuf,
    key: PathBuf,
) -> Result<CertificateFacts, EncryptionError> {
    blocking::unblock(move || load(&Origin::Files { certificate, key }).map(|loaded| loaded.facts)).await
}

fn load(origin: &Origin) -> Result<Loaded, EncryptionError> {
    // The first who asks loads the library.
    if !gio::TlsBackend::default().supports_tls() {
        return Err(EncryptionError::LibraryMissing);
    }
    certificate::load(origin, SystemTime::now()).map_err(EncryptionError::Certificate)
}
