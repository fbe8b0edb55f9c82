//! The credentials of a request, Basic (RFC 7617) and Digest (RFC 7616): their grammar, their check, the
//! challenges and the nonces. Values only, no server and no clock of its own; used by `auth`.

#[cfg(test)]
mod fuzz;

use crate::config::{Password, Scheme};
use base64::prelude::{BASE64_STANDARD, Engine};
use md5::Digest;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// The protection space: one for the whole server, so that a reader logs in once.
pub const REALM: &str = "Headwater";

/// Bytes of an `Authorization` header that are looked at: several times what an honest reader sends.
const HEADER_LIMIT: usize = 4096;
/// Characters of a scheme's or an algorithm's name; the longest in use is "SHA-512-256-sess".
const NAME_LIMIT: usize = 20;
/// A nonce lives this long after it was made or last used.
const NONCE_LIFE: Duration = Duration::from_secs(5 * 60);
/// How many nonces are remembered: some 500 kB, and far more than the readers of one computer.
const NONCE_CAPACITY: usize = 4096;

/// The hash of a Digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Md5,
    Sha256,
}

/// What an `Authorization` header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    Basic { user: String, password: Password },
    Digest(DigestResponse),
}

/// The parameters of `Authorization: Digest …` that count here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestResponse {
    pub user: String,
    pub realm: String,
    pub nonce: String,
    /// What the reader signed as the request's URI.
    pub uri: String,
    algorithm: Algorithm,
    /// Hexadecimal, in lower case.
    response: String,
    protection: Option<Protection>,
}

/// What `qop=auth` adds. Without it a response is of the old form of RFC 2069.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Protection {
    /// How often the reader has used this nonce, as eight hexadecimal digits.
    nonce_count: String,
    client_nonce: String,
}

/// What checks the credentials of one user, kept in place of the password. It is as good as the password
/// within its realm, so it is not shown either.
#[derive(PartialEq, Eq)]
pub struct Verifier {
    md5: String,
    sha256: String,
}

/// The nonces that the server has given out and still accepts.
#[derive(Debug, Default)]
pub struct Nonces(HashMap<String, Nonce>);

#[derive(Debug)]
struct Nonce {
    last_use: Instant,
    /// The highest count it came with, once a right response came with it.
    count: Option<u32>,
}

impl Algorithm {
    /// Hashes a text to hexadecimal digits: `H` in the RFC.
    fn hash(self, text: &str) -> String {
        let hex = |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Md5 => hex(&md5::Md5::digest(text)),
            Self::Sha256 => hex(&sha2::Sha256::digest(text)),
        }
    }
}

impl Credentials {
    /// Reads the value of an `Authorization` header. What is not well formed, too long, of another scheme, or
    /// of an algorithm that is never offered, is as if it had not been sent.
    pub fn parse(header: &str) -> Option<Self> {
        if header.len() > HEADER_LIMIT {
            return None;
        }
        let (scheme, rest) = trim(header).split_once(BLANK)?;
        if scheme.eq_ignore_ascii_case("basic") {
            let text = String::from_utf8(BASE64_STANDARD.decode(trim(rest)).ok()?).ok()?;
            let (user, password) = text.split_once(':')?;
            Some(Self::Basic { user: user.into(), password: password.into() })
        } else if scheme.eq_ignore_ascii_case("digest") {
            DigestResponse::from_parameters(parameters(rest)?).map(Self::Digest)
        } else {
            None
        }
    }

    pub fn user(&self) -> &str {
        match self {
            Self::Basic { user, .. } => user,
            Self::Digest(digest) => &digest.user,
        }
    }

    /// The scheme that an `Authorization` header names, whether or not it can be read: as the standards call
    /// it, such as "Digest SHA-256". Empty where there is no name.
    pub fn scheme_asked(header: &str) -> String {
        let (scheme, rest) = token(trim(header)).unwrap_or_default();
        if scheme.eq_ignore_ascii_case("basic") {
            return Scheme::Basic.name().into();
        }
        if !scheme.eq_ignore_ascii_case("digest") {
            return scheme.chars().take(NAME_LIMIT).collect();
        }
        let algorithm = Some(rest).filter(|rest| rest.len() <= HEADER_LIMIT).and_then(parameters);
        let algorithm = algorithm.and_then(|mut parameters| parameters.remove("algorithm"));
        let algorithm = algorithm.as_deref().and_then(token).map_or("MD5", |(name, _)| name);
        let name = algorithm.to_ascii_uppercase().chars().take(NAME_LIMIT).collect::<String>();
        format!("Digest {name}")
    }

    /// Whether they are of one of the schemes.
    pub fn fit(&self, schemes: &[Scheme]) -> bool {
        match self {
            Self::Basic { .. } => schemes.contains(&Scheme::Basic),
            Self::Digest(digest) => algorithms(schemes).any(|algorithm| algorithm == digest.algorithm),
        }
    }
}

impl DigestResponse {
    fn from_parameters(mut parameters: HashMap<String, String>) -> Option<Self> {
        let mut take = |name: &str| parameters.remove(name);
        let algorithm = match take("algorithm") {
            None => Algorithm::Md5,
            Some(name) if name.eq_ignore_ascii_case("md5") => Algorithm::Md5,
            Some(name) if name.eq_ignore_ascii_case("sha-256") => Algorithm::Sha256,
            Some(_) => return None,
        };
        let protection = match take("qop") {
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                let is_count = |nc: &String| nc.len() == 8 && nc.bytes().all(|byte| byte.is_ascii_hexdigit());
                Some(Protection { nonce_count: take("nc").filter(is_count)?, client_nonce: take("cnonce")? })
            }
            None if algorithm == Algorithm::Md5 => None,
            _ => return None,
        };
        Some(Self {
            user: take("username")?,
            realm: take("realm")?,
            nonce: take("nonce")?,
            uri: take("uri")?,
            algorithm,
            response: take("response")?.to_ascii_lowercase(),
            protection,
        })
    }

    /// How often the reader says that it has used the nonce; none in the old form.
    pub fn nonce_count(&self) -> Option<u32> {
        u32::from_str_radix(&self.protection.as_ref()?.nonce_count, 16).ok()
    }

    /// Whether the URI that was signed stands for the request's: the same path and query, or the path of the
    /// mount that the request's path is in. Live555, and so VLC, signs the stream's address whichever of its
    /// tracks it sets up.
    ///
    /// A reader may sign a path alone, and a server may be known by many names, so scheme and host do not
    /// count; nor do doubled and trailing slashes, which name nothing else here.
    pub fn signs(&self, request_uri: &str, mount: Option<&str>) -> bool {
        let (Some(signed), Some(requested)) = (path_and_query(&self.uri), path_and_query(request_uri)) else {
            return false;
        };
        signed == requested || Some(signed.0.as_str()) == mount
    }

    /// The right response, given the hash of user, realm and password.
    fn expected(&self, secret: &str, method: &str) -> String {
        let hash = |text: &str| self.algorithm.hash(text);
        let request = hash(&format!("{method}:{}", self.uri));
        match &self.protection {
            Some(Protection { nonce_count, client_nonce }) => {
                hash(&format!("{secret}:{}:{nonce_count}:{client_nonce}:auth:{request}", self.nonce))
            }
            None => hash(&format!("{secret}:{}:{request}", self.nonce)),
        }
    }
}

impl Verifier {
    pub fn new(user: &str, realm: &str, password: &Password) -> Self {
        let secret = format!("{user}:{realm}:{}", password.reveal());
        Self { md5: Algorithm::Md5.hash(&secret), sha256: Algorithm::Sha256.hash(&secret) }
    }

    /// For a user who is unknown or has no password: as much work as for another. Its secrets are known, so the
    /// caller refuses whatever it says.
    pub fn nobody() -> Self {
        Self { md5: "0".repeat(32), sha256: "0".repeat(64) }
    }

    /// Whether the credentials prove the password, for a request of this method. The time it takes does not
    /// depend on how much of them is right. For a Digest, its URI, realm and nonce are the caller's to judge.
    pub fn accepts(&self, credentials: &Credentials, method: &str) -> bool {
        let (given, right) = match credentials {
            Credentials::Basic { user, password } => {
                (Self::new(user, REALM, password).sha256, self.sha256.clone())
            }
            Credentials::Digest(digest) => {
                let secret = match digest.algorithm {
                    Algorithm::Md5 => &self.md5,
                    Algorithm::Sha256 => &self.sha256,
                };
                (digest.response.clone(), digest.expected(secret, method))
            }
        };
        given.as_bytes().ct_eq(right.as_bytes()).into()
    }
}

impl Nonces {
    /// A new nonce: 128 random bits in hexadecimal digits.
    ///
    /// # Errors
    /// The system has no random numbers to give.
    pub fn issue(&mut self, now: Instant) -> Result<String, getrandom::Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let nonce = format!("{:032x}", u128::from_ne_bytes(random));
        if self.0.len() >= NONCE_CAPACITY {
            self.make_room(now);
        }
        self.0.insert(nonce.clone(), Nonce { last_use: now, count: None });
        Ok(nonce)
    }

    /// Whether a nonce that came with a right response is one of ours, young enough, and not counted before.
    /// Using it renews it: some readers never look at the answers to their keep-alives, so a nonce in use
    /// must not age out under them.
    pub fn accept(&mut self, response: &DigestResponse, now: Instant) -> bool {
        let Some(nonce) = self.0.get_mut(&response.nonce).filter(|nonce| nonce.is_alive(now)) else {
            return false;
        };
        let highest = nonce.count.unwrap_or(0);
        match response.nonce_count() {
            Some(count) if count <= highest => return false,
            count => nonce.count = Some(count.unwrap_or(highest)),
        }
        nonce.last_use = now;
        true
    }

    /// Forgets the dead, or else the oldest: one never used before one in use, or strangers who only ask
    /// could push out the readers.
    fn make_room(&mut self, now: Instant) {
        self.0.retain(|_, nonce| nonce.is_alive(now));
        if self.0.len() >= NONCE_CAPACITY {
            let oldest = self.0.iter().min_by_key(|(_, nonce)| (nonce.count.is_some(), nonce.last_use));
            if let Some(oldest) = oldest.map(|(text, _)| text.clone()) {
                self.0.remove(&oldest);
            }
        }
    }
}

impl Nonce {
    fn is_alive(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_use) <= NONCE_LIFE
    }
}

/// The values of the `WWW-Authenticate` headers, the strongest scheme first: a reader takes the first that it
/// knows (RFC 7616, section 3.7), or, as ffmpeg does, the last Digest.
pub fn challenges(schemes: &[Scheme], nonce: &str, stale: bool) -> Vec<String> {
    let stale = if stale { ", stale=true" } else { "" };
    let digests = algorithms(schemes).map(|algorithm| {
        let name = match algorithm {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        };
        format!(r#"Digest realm="{REALM}", nonce="{nonce}", algorithm={name}, qop="auth"{stale}"#)
    });
    let basic =
        schemes.contains(&Scheme::Basic).then(|| format!(r#"Basic realm="{REALM}", charset="UTF-8""#));
    digests.chain(basic).collect()
}

/// The hashes that the schemes offer, the strongest first.
fn algorithms(schemes: &[Scheme]) -> impl Iterator<Item = Algorithm> {
    [(Algorithm::Sha256, Scheme::DigestSha256), (Algorithm::Md5, Scheme::DigestMd5)]
        .into_iter()
        .filter(|(_, alone)| schemes.contains(alone) || schemes.contains(&Scheme::Digest))
        .map(|(algorithm, _)| algorithm)
}

/// Path and query of a URI, which may be a path alone.
fn path_and_query(uri: &str) -> Option<(String, Option<&str>)> {
    let path = match uri.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            rest.find(['/', '?']).map_or("", |end| &rest[end..])
        }
        _ if uri.starts_with('/') => uri,
        _ => return None,
    };
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let steps: Vec<_> = path.split('/').filter(|step| !step.is_empty()).collect();
    Some((format!("/{}", steps.join("/")), query))
}

/// Blank space within a header.
const BLANK: [char; 2] = [' ', '\t'];

fn trim(text: &str) -> &str {
    text.trim_matches(BLANK)
}

/// `#auth-param` of RFC 7235, section 2.1, by lower case names: in any order, none twice. A value is a token or
/// a quoted string whichever the RFC asks of its parameter: readers differ there.
fn parameters(text: &str) -> Option<HashMap<String, String>> {
    let mut parameters = HashMap::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (name, after) = token(rest)?;
        let after = trim(trim(after).strip_prefix('=')?);
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted_string(quoted)?,
            None => token(after).map(|(value, after)| (value.to_owned(), after))?,
        };
        if parameters.insert(name.to_ascii_lowercase(), value).is_some() {
            return None;
        }
        let after = trim(after);
        if !after.is_empty() && !after.starts_with(',') {
            return None;
        }
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    Some(parameters)
}

/// `token` of RFC 7230, section 3.2.6, and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// The rest of a `quoted-string` of RFC 7230, section 3.2.6, behind its first quote, and what follows it.
fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        let c = match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => chars.next()?.1,
            c => c,
        };
        if c.is_control() && c != '\t' {
            return None;
        }
        value.push(c);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC_NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    const RFC_CLIENT_NONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

    fn digest(header: &str) -> DigestResponse {
        match Credentials::parse(header) {
            Some(Credentials::Digest(digest)) => digest,
            other => panic!("{header}: {other:?}"),
        }
    }

    /// A header whose only remarkable part is `extra`.
    fn header_with(extra: &str) -> String {
        format!(r#"Digest username="u", realm="r", nonce="n", uri="/a", response="0"{extra}"#)
    }

    fn use_of(nonce: &str, count: Option<u32>) -> DigestResponse {
        let mut digest = digest(&header_with(""));
        digest.nonce = nonce.into();
        digest.protection =
            count.map(|count| Protection { nonce_count: format!("{count:08x}"), client_nonce: "c".into() });
        digest
    }

    #[test]
    fn the_examples_of_rfc_7616_are_accepted() {
        let password = "Circle of Life".into();
        let verifier = Verifier::new("Mufasa", "http-auth@example.org", &password);
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let header = format!(
                r#"Digest username="Mufasa",
                realm="http-auth@example.org",
                uri="/dir/index.html",
                algorithm={algorithm},
                nonce="{RFC_NONCE}",
                nc=00000001,
                cnonce="{RFC_CLIENT_NONCE}",
                qop=auth,
                response="{response}",
                opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
            )
            .replace('\n', "");
            let credentials = Credentials::Digest(digest(&header));
            assert!(verifier.accepts(&credentials, "GET"), "{algorithm}");
            assert!(!verifier.accepts(&credentials, "POST"), "{algorithm}: another method");
            let other = Verifier::new("Mufasa", "http-auth@example.org", &"Circle of life".into());
            assert!(!other.accepts(&credentials, "GET"), "{algorithm}: another password");
        }
    }

    #[test]
    fn the_old_form_without_qop_is_accepted_for_md5_only() {
        // RFC 2069, section 2.4, with the response that its erratum 749 corrects.
        let header = r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea""#;
        let verifier = Verifier::new("Mufasa", "testrealm@host.com", &"CircleOfLife".into());
        assert!(verifier.accepts(&Credentials::Digest(digest(header)), "GET"));
        assert_eq!(Credentials::parse(&format!("{header}, algorithm=SHA-256")), None);
    }

    #[test]
    fn basic_takes_any_password_that_utf8_can_write() {
        let header = |text: &str| format!("bAsIc  {}", BASE64_STANDARD.encode(text));
        let verifier = Verifier::new("gäst", REALM, &"pass:wörd ".into());
        assert!(verifier.accepts(&Credentials::parse(&header("gäst:pass:wörd ")).unwrap(), "PLAY"));
        assert!(!verifier.accepts(&Credentials::parse(&header("gäst:pass:wörd")).unwrap(), "PLAY"));
        for broken in ["Basic", "Basic ", "Basic !!!!", "Basic /w==", "Basic Z3Vlc3Q="] {
            assert_eq!(Credentials::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn parameters_are_read_as_the_grammar_allows() {
        let digest = digest(
            "DIGEST ,, Response=ABCD ,\tURI = \"/a,b=\\\"c\\\"\" , nonce=\"\",REALM=\"a\\\\b\", \
             userhash=false, UserName=\"Zo\u{eb}\", qop=\"AUTH\", nc=\"0000000a\", cnonce=x, algorithm=\"md5\",",
        );
        assert_eq!(digest.user, "Zo\u{eb}");
        assert_eq!(digest.realm, "a\\b");
        assert_eq!(digest.uri, "/a,b=\"c\"");
        assert_eq!(digest.nonce, "");
        assert_eq!(digest.response, "abcd");
        assert_eq!(digest.nonce_count(), Some(10));
    }

    #[test]
    fn what_is_not_well_formed_is_as_if_it_had_not_been_sent() {
        assert!(Credentials::parse(&header_with("")).is_some(), "the others differ from this");
        let broken_tails = [
            ", uri=\"/b\"",                              // twice
            ", opaque=\"open",                           // no second quote
            ", opaque=\"open\\",                         // nor an escaped character
            ", opaque=\"a\nb\"",                         // a line break within
            ", opaque=\"a\\\u{2}b\"",                    // nor, escaped, another control character
            ", opaque=\"a\" b",                          // no comma
            ", opaque",                                  // no value
            ", opaque=",                                 // nor here
            ", =x",                                      // no name
            ", algorithm=MD5-sess",                      // never offered
            ", qop=auth",                                // without a count
            ", qop=auth, nc=1, cnonce=c",                // a count is eight digits
            ", qop=auth, nc=+0000001, cnonce=c",         // and no sign
            ", qop=auth-int, nc=00000001, cnonce=\"c\"", // never offered
            ", algorithm=SHA-256",                       // its old form never existed
        ];
        for tail in broken_tails {
            assert_eq!(Credentials::parse(&header_with(tail)), None, "{tail}");
        }
        for name in ["username", "realm", "nonce", "uri", "response"] {
            assert_eq!(Credentials::parse(&header_with("").replace(name, "other")), None, "without {name}");
        }
        for header in ["", " ", "Digest", "Digest ", "Bearer abc", "Digest \"", "Digest ,,,"] {
            assert_eq!(Credentials::parse(header), None, "{header:?}");
        }
        let long = format!(", opaque=\"{}\"", "x".repeat(HEADER_LIMIT));
        assert_eq!(Credentials::parse(&header_with(&long)), None);
    }

    #[test]
    fn no_header_makes_the_parser_panic() {
        let header = header_with(", qop=\"auth\", nc=00000001, cnonce=\"\\\"ö\", algorithm=SHA-256");
        let ends = header.char_indices().map(|(at, _)| at);
        for end in ends.clone() {
            // Cut short anywhere, and with each character replaced.
            let _ = Credentials::parse(&header[..end]);
            for other in ["\"", "\\", ",", "=", " ", "\0", "ß"] {
                let after = end + header[end..].chars().next().unwrap().len_utf8();
                let _ = Credentials::parse(&[&header[..end], other, &header[after..]].concat());
            }
        }
    }

    #[test]
    fn what_is_signed_has_to_be_the_request_or_its_stream() {
        let signs = |signed: &str, requested: &str, mount| {
            let mut digest = digest(&header_with(""));
            digest.uri = signed.into();
            digest.signs(requested, mount)
        };
        let track = "rtsp://host:8554/lobby/stream=0";
        let lobby = Some("/lobby");
        for signed in
            [track, "/lobby/stream=0", "RTSP://other/lobby//stream=0/", "rtsp://host:8554/lobby/", "/lobby"]
        {
            assert!(signs(signed, track, lobby), "{signed}");
        }
        for signed in [
            "",
            "*",
            "lobby/stream=0",
            "/",
            "rtsp://host:8554",
            "/lob",
            "/yard",
            "/lobby/stream=1",
            "/lobby/stream=0?a",
        ] {
            assert!(!signs(signed, track, lobby), "{signed}");
        }
        assert!(signs("rtsp://host/lobby?a=1", "rtsp://host/lobby?a=1", lobby));
        assert!(!signs("/gone", "rtsp://host/gone/stream=0", None));
    }

    #[test]
    fn the_strongest_scheme_is_offered_first() {
        let all = challenges(&[Scheme::Basic, Scheme::Digest], "abc", true);
        assert_eq!(
            all,
            [
                r#"Digest realm="Headwater", nonce="abc", algorithm=SHA-256, qop="auth", stale=true"#,
                r#"Digest realm="Headwater", nonce="abc", algorithm=MD5, qop="auth", stale=true"#,
                r#"Basic realm="Headwater", charset="UTF-8""#,
            ]
        );
        assert_eq!(challenges(&[Scheme::DigestMd5, Scheme::DigestSha256], "abc", false).len(), 2);
        assert_eq!(
            challenges(&[Scheme::Basic], "abc", true),
            [r#"Basic realm="Headwater", charset="UTF-8""#]
        );
    }

    #[test]
    fn credentials_fit_only_the_schemes_that_were_offered() {
        let basic = Credentials::parse("Basic dTpw").unwrap();
        let md5 = Credentials::parse(&header_with("")).unwrap();
        let sha256 = header_with(", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=c");
        let sha256 = Credentials::parse(&sha256).unwrap();
        for (scheme, fitting) in [
            (Scheme::Basic, [true, false, false]),
            (Scheme::Digest, [false, true, true]),
            (Scheme::DigestMd5, [false, true, false]),
            (Scheme::DigestSha256, [false, false, true]),
        ] {
            assert_eq!([&basic, &md5, &sha256].map(|given| given.fit(&[scheme])), fitting, "{scheme:?}");
        }
    }

    #[test]
    fn the_scheme_of_a_header_is_named_even_where_it_is_unknown() {
        for (header, name) in [
            ("Basic dTpw", "Basic"),
            ("basic", "Basic"),
            ("Digest algorithm=SHA-256, username=\"u\"", "Digest SHA-256"),
            ("digest username=\"u\"", "Digest MD5"),
            ("Digest algorithm=\"sha-512-256\"", "Digest SHA-512-256"),
            ("Digest \"", "Digest MD5"),
            ("Digest algorithm=\"a\tb\"", "Digest A"),
            ("Bearer abc", "Bearer"),
            ("", ""),
            ("\"", ""),
        ] {
            assert_eq!(Credentials::scheme_asked(header), name, "{header}");
        }
        assert_eq!(Credentials::scheme_asked(&"x".repeat(1000)), "x".repeat(NAME_LIMIT));
    }

    #[test]
    fn a_nonce_ages_out_unless_it_is_used() {
        let start = Instant::now();
        let mut nonces = Nonces::default();
        let (idle, used) = (nonces.issue(start).unwrap(), nonces.issue(start).unwrap());
        for minute in 1..=60 {
            let now = start + Duration::from_secs(minute * 60);
            assert!(nonces.accept(&use_of(&used, None), now), "minute {minute}");
        }
        assert!(!nonces.accept(&use_of(&idle, None), start + NONCE_LIFE + Duration::from_secs(1)));
        assert!(!nonces.accept(&use_of("made up", None), start));
    }

    #[test]
    fn a_count_that_does_not_rise_is_a_replay() {
        let now = Instant::now();
        let mut nonces = Nonces::default();
        let nonce = nonces.issue(now).unwrap();
        let outcomes = [0, 1, 1, 2, 7, 3, 8].map(|count| nonces.accept(&use_of(&nonce, Some(count)), now));
        assert_eq!(outcomes, [false, true, false, true, true, false, true]);
    }

    #[test]
    fn those_who_only_ask_do_not_push_out_those_who_read() {
        let start = Instant::now();
        let mut nonces = Nonces::default();
        let (used, idle) = (nonces.issue(start).unwrap(), nonces.issue(start).unwrap());
        assert!(nonces.accept(&use_of(&used, Some(1)), start));
        let later = start + Duration::from_secs(1);
        for _ in 0..2 * NONCE_CAPACITY {
            nonces.issue(later).unwrap();
        }
        assert_eq!(nonces.0.len(), NONCE_CAPACITY);
        assert!(nonces.accept(&use_of(&used, Some(2)), later));
        assert!(!nonces.accept(&use_of(&idle, Some(1)), later));
    }
}
