//! The certificate of RTSPS: one that Headwater makes for this computer and keeps, or one that the user brings.
//!
//! Everything here reads and writes files and computes: not for the main thread.

use crate::config::replace_file;
use crate::engine::{CertificateError, CertificateFacts};
use gio::prelude::*;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The file of our own certificate and its key, in the state folder.
const FILE: &str = "rtsps.pem";
/// Nobody but the user: the key is in it.
const MODE: u32 = 0o600;
/// How long one of ours is good for. Apple's programs take none for more than 825 days.
const LIFETIME: Duration = Duration::from_secs(820 * DAY);
/// One of ours is made anew when it is good for less than this.
const RENEWAL: Duration = Duration::from_secs(30 * DAY);
/// Clocks of other computers may be behind.
const BACKDATED: Duration = Duration::from_secs(DAY);
const DAY: u64 = 24 * 60 * 60;
/// Addresses that one of ours keeps from before, so that a computer that goes back and forth between networks
/// does not show a new certificate each time.
const ADDRESSES: usize = 16;
/// How long a handshake with ourselves may take, which waits for nobody.
const HANDSHAKE: u32 = 10;

/// Where a certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Made here for these names, and kept in this folder where there is one.
    Own { folder: Option<PathBuf>, names: Vec<String> },
    /// Two PEM files of the user.
    Files { certificate: PathBuf, key: PathBuf },
}

/// A certificate that can be served, with its key. No `Debug`: the key stays here.
#[derive(Clone)]
pub struct Loaded {
    /// PEM of the key, of the certificate and of those behind it.
    pem: String,
    pub facts: CertificateFacts,
}

impl Loaded {
    /// As the TLS library wants it.
    pub fn certificate(&self) -> Result<gio::TlsCertificate, CertificateError> {
        gio::TlsCertificate::from_pem(&self.pem).map_err(unusable)
    }
}

/// Reads or makes a certificate, and proves that connections can be encrypted with it at this time.
///
/// # Errors
/// One of ours fails only where no random numbers can be had; where it cannot be kept, that is logged and it is
/// good for this run.
pub fn load(origin: &Origin, now: SystemTime) -> Result<Loaded, CertificateError> {
    match origin {
        Origin::Files { certificate, key } => {
            let chain = read(certificate)?;
            let loaded = examine(format!("{}\n{chain}", read(key)?), false)?;
            check_time(&loaded.facts, now)?;
            prove(&loaded.pem)?;
            Ok(loaded)
        }
        Origin::Own { folder, names } => {
            let file = folder.as_ref().map(|folder| folder.join(FILE));
            let before = file.as_ref().and_then(|file| fs::read_to_string(file).ok());
            let before = before.and_then(|pem| examine(pem, true).ok());
            if let Some(before) = before.as_ref().filter(|before| is_good(&before.facts, names, now)) {
                return Ok(before.clone());
            }
            let known = before.map(|before| before.facts.names).unwrap_or_default();
            let loaded = examine(make(&with_known_addresses(names, known), now)?, true)?;
            if let Some(file) = file
                && let Err(error) = replace_file(&file, loaded.pem.as_bytes(), MODE)
            {
                tracing::warn!("{} cannot be written: {error}", file.display());
            }
            Ok(loaded)
        }
    }
}

fn read(path: &Path) -> Result<String, CertificateError> {
    fs::read_to_string(path)
        .map_err(|error| CertificateError::Unreadable { path: path.to_owned(), message: error.to_string() })
}

fn unusable(error: glib::Error) -> CertificateError {
    CertificateError::Unusable { message: error.message().to_owned() }
}

fn examine(pem: String, is_own: bool) -> Result<Loaded, CertificateError> {
    let certificate = gio::TlsCertificate::from_pem(&pem).map_err(unusable)?;
    let der =
        certificate.certificate().ok_or(CertificateError::Unusable { message: "it is empty".into() })?;
    let time = |time: Option<glib::DateTime>| time.map_or(0, |time| time.to_unix());
    let dns_names = certificate.dns_names();
    let dns_names = dns_names.iter().map(|name| String::from_utf8_lossy(name).into_owned());
    let addresses = certificate.ip_addresses();
    let facts = CertificateFacts {
        fingerprint: fingerprint(&der),
        is_own,
        names: dns_names.chain(addresses.iter().map(|address| address.to_str().into())).collect(),
        from: time(certificate.not_valid_before()),
        until: time(certificate.not_valid_after()),
    };
    Ok(Loaded { pem, facts })
}

/// SHA-256 of the certificate, as other programs show it.
fn fingerprint(der: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(der) {
        let colon = if text.is_empty() { "" } else { ":" };
        write!(text, "{colon}{byte:02X}").expect("a string takes everything");
    }
    text
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn check_time(facts: &CertificateFacts, now: SystemTime) -> Result<(), CertificateError> {
    if facts.until < seconds(now) {
        Err(CertificateError::Expired { until: facts.until })
    } else if facts.from > seconds(now) {
        Err(CertificateError::NotYetValid { from: facts.from })
    } else {
        Ok(())
    }
}

/// Whether one of ours need not be made anew.
fn is_good(facts: &CertificateFacts, names: &[String], now: SystemTime) -> bool {
    facts.until > seconds(now + RENEWAL)
        && facts.from <= seconds(now)
        && names.iter().all(|name| facts.names.contains(name))
}

fn with_known_addresses(names: &[String], known: Vec<String>) -> Vec<String> {
    let mut all = names.to_vec();
    for address in known.into_iter().filter(|name| name.parse::<IpAddr>().is_ok()) {
        let addresses = all.iter().filter(|name| name.parse::<IpAddr>().is_ok()).count();
        if !all.contains(&address) && addresses < ADDRESSES {
            all.push(address);
        }
    }
    all
}

/// A key and its certificate, signed by itself: PEM.
fn make(names: &[String], now: SystemTime) -> Result<String, CertificateError> {
    let failed = |error: rcgen::Error| CertificateError::NotMade { message: error.to_string() };
    // A name that no certificate can have is left out: host names may be anything.
    let fit = names.iter().filter(|name| CertificateParams::new([(*name).clone()]).is_ok());
    let mut params = CertificateParams::new(fit.cloned().collect::<Vec<_>>()).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, names.first().map_or("Headwater", String::as_str));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + LIFETIME).into();
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok(format!("{}\n{}", key.serialize_pem(), certificate.pem()))
}

/// Shakes hands with ourselves, so that a key which is not the certificate's is found out before a reader comes.
fn prove(pem: &str) -> Result<(), CertificateError> {
    let no_pair = |error: std::io::Error| CertificateError::NotMade { message: error.to_string() };
    let (near, far) = UnixStream::pair().map_err(no_pair)?;
    let own = pem.to_owned();
    let server = std::thread::Builder::new()
        .name("handshake".into())
        .spawn(move || {
            let certificate = gio::TlsCertificate::from_pem(&own)?;
            let connection = gio::TlsServerConnection::new(&connection(near)?, Some(&certificate))?;
            connection.handshake(gio::Cancellable::NONE)
        })
        .map_err(no_pair)?;
    let client = connection(far).and_then(|base| {
        let client = gio::TlsClientConnection::new(&base, gio::SocketConnectable::NONE)?;
        // It is looked at from elsewhere whether to trust it.
        client.connect_accept_certificate(|_, _, _| true);
        client.handshake(gio::Cancellable::NONE)
    });
    let server =
        server.join().unwrap_or_else(|_| Err(glib::Error::new(gio::IOErrorEnum::Failed, "it panicked")));
    match server.and(client) {
        Ok(()) => Ok(()),
        Err(error) => {
            tracing::debug!("a handshake with this certificate and key failed: {error}");
            Err(CertificateError::KeyDoesNotFit)
        }
    }
}

fn connection(stream: UnixStream) -> Result<gio::SocketConnection, glib::Error> {
    let socket = gio::Socket::from_fd(stream.into())?;
    socket.set_timeout(HANDSHAKE);
    Ok(socket.connection_factory_create_connection())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn own(folder: &Path, wanted: &[&str]) -> Origin {
        Origin::Own { folder: Some(folder.to_owned()), names: names(wanted) }
    }

    fn now() -> SystemTime {
        // Whole seconds, as a certificate has them.
        UNIX_EPOCH + Duration::from_secs(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
    }

    /// The key and the certificate in files of their own.
    fn files(folder: &Path, certificate: &str, key: &str) -> Origin {
        let (certificate_file, key_file) = (folder.join("certificate.pem"), folder.join("key.pem"));
        fs::write(&certificate_file, certificate).unwrap();
        fs::write(&key_file, key).unwrap();
        Origin::Files { certificate: certificate_file, key: key_file }
    }

    /// The key and the certificate of one made at this time.
    fn pair(at: SystemTime) -> (String, String) {
        let pem = make(&names(&["camera.example"]), at).unwrap();
        let certificate = pem.find("-----BEGIN CERTIFICATE").unwrap();
        (pem[..certificate].to_owned(), pem[certificate..].to_owned())
    }

    #[test]
    fn one_of_ours_is_made_once_and_kept_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let origin = own(folder.path(), &["lab", "127.0.0.1", "::1"]);
        let first = load(&origin, now()).unwrap();
        assert_eq!(first.facts.names, ["lab", "127.0.0.1", "::1"]);
        assert!(first.facts.is_own);
        assert_eq!(fs::metadata(folder.path().join(FILE)).unwrap().mode() & 0o777, 0o600);
        assert_eq!(load(&origin, now()).unwrap().facts, first.facts);
        prove(&first.pem).unwrap();
        // 32 bytes in hexadecimal, with colons.
        assert_eq!(first.facts.fingerprint.len(), 32 * 3 - 1);
    }

    #[test]
    fn one_of_ours_is_renewed_before_it_ends_and_not_sooner() {
        let folder = tempfile::tempdir().unwrap();
        let origin = own(folder.path(), &["lab"]);
        let first = load(&origin, now()).unwrap().facts;
        let sooner = load(&origin, now() + LIFETIME - RENEWAL - Duration::from_secs(60)).unwrap().facts;
        assert_eq!(sooner, first);
        let later = load(&origin, now() + LIFETIME - RENEWAL).unwrap().facts;
        assert_ne!(later.fingerprint, first.fingerprint);
        // A clock that was wrong when it was made.
        let earlier = load(&origin, now()).unwrap().facts;
        assert!(earlier.from <= seconds(now()));
    }

    #[test]
    fn one_of_ours_follows_the_names_and_remembers_addresses() {
        let folder = tempfile::tempdir().unwrap();
        let load = |names: &[&str]| load(&own(folder.path(), names), now()).unwrap().facts;
        let home = load(&["lab", "192.0.2.7"]);
        let office = load(&["lab", "198.51.100.3"]);
        assert_eq!(office.names, ["lab", "198.51.100.3", "192.0.2.7"]);
        assert_eq!(load(&["lab", "192.0.2.7"]), office, "it is good at home too");
        let renamed = load(&["den", "192.0.2.7"]);
        assert_eq!(renamed.names, ["den", "192.0.2.7", "198.51.100.3"], "the old name is gone");
        assert_ne!(renamed.fingerprint, home.fingerprint);
        let many: Vec<String> = (0..100).map(|n| format!("203.0.113.{n}")).collect();
        assert_eq!(with_known_addresses(&names(&["lab"]), many).len(), 1 + ADDRESSES);
    }

    #[test]
    fn what_is_damaged_is_made_anew_and_what_cannot_be_kept_serves_for_now() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "-----BEGIN CERTIFICATE-----\nno\n").unwrap();
        let first = load(&own(folder.path(), &["lab"]), now()).unwrap().facts;
        assert_eq!(load(&own(folder.path(), &["lab"]), now()).unwrap().facts, first);
        let nowhere = Origin::Own { folder: None, names: names(&["lab"]) };
        assert!(load(&nowhere, now()).is_ok());
        let blocked = own(&folder.path().join(FILE), &["lab"]);
        assert!(load(&blocked, now()).is_ok());
        // Host names may be anything.
        assert!(load(&own(folder.path(), &["Zoë's computer", "lab"]), now()).is_ok());
    }

    #[test]
    fn the_user_s_own_is_taken_when_the_key_fits() {
        let folder = tempfile::tempdir().unwrap();
        let (key, certificate) = pair(now());
        let loaded = load(&files(folder.path(), &certificate, &key), now()).unwrap();
        assert!(!loaded.facts.is_own);
        assert_eq!(loaded.facts.names, ["camera.example"]);
        let (other, _) = pair(now());
        let error = |origin: &Origin| load(origin, now()).map(|loaded| loaded.facts).unwrap_err();
        assert_eq!(error(&files(folder.path(), &certificate, &other)), CertificateError::KeyDoesNotFit);
        // The files exchanged are the same pair.
        assert!(load(&files(folder.path(), &key, &certificate), now()).is_ok());
        let no_key = error(&files(folder.path(), &certificate, "no key"));
        assert!(
            matches!(no_key, CertificateError::KeyDoesNotFit | CertificateError::Unusable { .. }),
            "{no_key}"
        );
        let missing =
            Origin::Files { certificate: folder.path().join("none"), key: folder.path().join("none") };
        assert!(matches!(error(&missing), CertificateError::Unreadable { .. }));
    }

    #[test]
    fn the_user_s_own_is_refused_before_and_after_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let (key, certificate) = pair(now());
        let origin = files(folder.path(), &certificate, &key);
        let later = load(&origin, now() + LIFETIME + Duration::from_secs(1)).map(|loaded| loaded.facts);
        assert!(matches!(later, Err(CertificateError::Expired { .. })), "{later:?}");
        let earlier = load(&origin, now() - BACKDATED - Duration::from_secs(1)).map(|loaded| loaded.facts);
        assert!(matches!(earlier, Err(CertificateError::NotYetValid { .. })), "{earlier:?}");
    }
}
