//! The addresses of other streams: what they are made of, and what can be wrong with them.

use super::ProblemKind;
use super::secrets::Password;
use super::validate::closest;
use percent_encoding::percent_decode_str;
use std::net::IpAddr;
use url::{Host, Url};

/// The schemes that can be opened, and their ports where they have one (IANA's registry).
const SCHEMES: [(&str, Option<u16>); 9] = [
    ("rtsp", Some(554)),
    ("rtsps", Some(322)),
    ("http", Some(80)),
    ("https", Some(443)),
    ("rtmp", Some(1935)),
    ("rtmps", Some(443)),
    ("srt", None),
    ("udp", None),
    ("rtp", None),
];

/// An address as it is typed or pasted, with the login in it taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub address: String,
    /// Empty where the address had none.
    pub user: String,
    pub password: Option<Password>,
}

impl Link {
    /// Takes a text apart. What is no address of another stream stays as it is.
    pub fn new(text: &str) -> Self {
        let whole = |text: &str| Self { address: text.into(), user: String::new(), password: None };
        let text = text.trim();
        let Some(url) = Url::parse(text).ok().filter(|url| url.has_host() && has_login(url)) else {
            return whole(text);
        };
        let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let (user, password) = (decoded(url.username()), url.password().map(decoded));
        let mut without = url;
        if without.set_username("").is_err() || without.set_password(None).is_err() {
            return whole(text);
        }
        Self { address: without.into(), user, password: password.map(Password::from) }
    }

    /// Whether a text is the address of a stream elsewhere, by its scheme.
    pub fn is_meant(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| known(scheme))
    }
}

fn known(scheme: &str) -> bool {
    SCHEMES.iter().any(|(known, _)| known.eq_ignore_ascii_case(scheme))
}

fn has_login(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Where an address leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub scheme: String,
    /// A name, or an IP address without brackets.
    pub host: String,
    /// None where the scheme has no port of its own and the address has none.
    pub port: Option<u16>,
    /// With its slash; empty where there is none.
    pub path: String,
}

impl Place {
    /// None for what is no address.
    pub fn of(address: &str) -> Option<Self> {
        let url = Url::parse(address).ok()?;
        let host = match url.host()? {
            // The host of a scheme that the web does not know is not looked into.
            Host::Domain(name) => percent_decode_str(name).decode_utf8_lossy().into_owned(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        let usual = SCHEMES.iter().find(|(scheme, _)| *scheme == url.scheme()).and_then(|(_, port)| *port);
        let (scheme, path) = (url.scheme().to_owned(), url.path().to_owned());
        Some(Self { scheme, port: url.port().or(usual), host, path }).filter(|place| !place.host.is_empty())
    }

    /// The address of the host, where it is written as one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether this is RTSP, plain or encrypted: only there the transport can be chosen.
    pub fn is_rtsp(&self) -> bool {
        matches!(self.scheme.as_str(), "rtsp" | "rtsps")
    }
}

/// What is wrong with the address of a relay.
pub(super) fn check(address: &str) -> Result<(), ProblemKind> {
    if address.is_empty() {
        return Err(ProblemKind::AddressEmpty);
    }
    if let Some(character) = address.chars().find(|c| c.is_whitespace() || c.is_control()) {
        return Err(ProblemKind::AddressCharacter { character });
    }
    let Some((scheme, rest)) = address.split_once("://") else {
        return Err(ProblemKind::AddressWithoutScheme);
    };
    if !known(scheme) {
        let meant = closest(scheme, SCHEMES.map(|(scheme, _)| scheme));
        return Err(ProblemKind::SchemeUnknown { scheme: scheme.into(), meant });
    }
    // The web's schemes take their host from behind any number of slashes.
    if rest.is_empty() || rest.starts_with(['/', ':', '?', '#']) {
        return Err(ProblemKind::AddressWithoutHost);
    }
    match Url::parse(address) {
        Ok(url) if has_login(&url) => Err(ProblemKind::AddressWithLogin),
        Ok(url) if matches!(url.scheme(), "udp" | "rtp") && url.port().is_none() => {
            Err(ProblemKind::AddressWithoutPort)
        }
        Ok(_) => match Place::of(address) {
            Some(_) => Ok(()),
            None => Err(ProblemKind::AddressWithoutHost),
        },
        Err(url::ParseError::EmptyHost) => Err(ProblemKind::AddressWithoutHost),
        Err(error) => Err(ProblemKind::AddressInvalid { message: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_taken_out_of_a_pasted_address() {
        let link = Link::new(" rtsp://admin:p%40ss%3A1@cam.local:8554/live?channel=1 ");
        assert_eq!(link.address, "rtsp://cam.local:8554/live?channel=1");
        assert_eq!((link.user.as_str(), link.password), ("admin", Some("p@ss:1".into())));
        let link = Link::new("http://guest@[::1]:8080/a.m3u8");
        assert_eq!((link.address.as_str(), link.user.as_str()), ("http://[::1]:8080/a.m3u8", "guest"));
        assert_eq!(link.password, None);
        assert!(!format!("{:?}", Link::new("rtsp://a:secret@b/")).contains("secret"));
        // Nothing is changed in what has none, nor in what is none.
        for text in ["rtsp://Cam.Local/Live", "rtsp://", "user:password@host", "", "rtsp://a:b@"] {
            assert_eq!(Link::new(text), Link { address: text.into(), user: String::new(), password: None });
        }
    }

    #[test]
    fn a_link_is_told_by_its_scheme() {
        for link in ["rtsp://a", "RTSP://a", "https://a/b.m3u8", "srt://a:7001", "udp://239.1.1.1:5000"] {
            assert!(Link::is_meant(link), "{link}");
        }
        for other in ["file:///a.mp4", "/a.mp4", "a.mp4", "mailto:a@b", "ftp://a/b", "rtsp:a"] {
            assert!(!Link::is_meant(other), "{other}");
        }
    }

    #[test]
    fn an_address_leads_to_a_host_a_port_and_a_path() {
        let place = |address| Place::of(address).map(|place| (place.host, place.port, place.path));
        assert_eq!(place("rtsp://cam.local/live"), Some(("cam.local".into(), Some(554), "/live".into())));
        assert_eq!(place("rtsp://[::1]:8554/a"), Some(("::1".into(), Some(8554), "/a".into())));
        assert_eq!(place("https://a/b"), Some(("a".into(), Some(443), "/b".into())));
        assert_eq!(place("srt://10.0.0.1:7001"), Some(("10.0.0.1".into(), Some(7001), String::new())));
        assert_eq!(place("udp://239.1.1.1:5000").unwrap().1, Some(5000));
        assert_eq!(place("nothing"), None);
    }

    #[test]
    fn what_is_wrong_with_an_address_is_told() {
        use ProblemKind as Kind;
        for (address, problem) in [
            ("", Kind::AddressEmpty),
            ("rtsp://cam local/a", Kind::AddressCharacter { character: ' ' }),
            ("cam.local/live", Kind::AddressWithoutScheme),
            ("rtspp://cam/live", Kind::SchemeUnknown { scheme: "rtspp".into(), meant: Some("rtsps") }),
            ("file:///a.mp4", Kind::SchemeUnknown { scheme: "file".into(), meant: None }),
            ("rtsp://", Kind::AddressWithoutHost),
            ("rtsp:///live", Kind::AddressWithoutHost),
            ("http:///live", Kind::AddressWithoutHost),
            ("rtsp://:554/live", Kind::AddressWithoutHost),
            ("rtsp://a:b@cam/live", Kind::AddressWithLogin),
            ("rtsp://a@cam/live", Kind::AddressWithLogin),
            ("udp://239.1.1.1", Kind::AddressWithoutPort),
        ] {
            assert_eq!(check(address), Err(problem), "{address}");
        }
        assert!(matches!(check("rtsp://cam:99999/"), Err(Kind::AddressInvalid { .. })));
        assert!(matches!(check("http://[::1/"), Err(Kind::AddressInvalid { .. })));
        for address in ["rtsp://cam", "rtsp://[::1]:8554/a?b=c", "http://a/b.m3u8", "srt://a:1?mode=caller"] {
            assert_eq!(check(address), Ok(()), "{address}");
        }
    }
}
