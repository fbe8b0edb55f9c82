//! The credentials under headers that a fuzzer makes up; see CONTRIBUTING.md.

use super::*;
use crate::config::fuzz::mutation::mutated;
use bolero::check;

const HEADERS: &str = include_str!("../../../../tests/fuzz/corpus/authorization/headers.txt");
/// As in the configuration's.
const CHANGES: usize = 6;
const BYTES: usize = 128;
const TEXTS: usize = 20_000;
const TIME: Duration = Duration::from_secs(4);

/// The parameters as a header with every value in quotes.
fn header(digest: &DigestResponse) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let algorithm = match digest.algorithm {
        Algorithm::Md5 => "MD5",
        Algorithm::Sha256 => "SHA-256",
    };
    let protection = digest.protection.as_ref().map(|Protection { nonce_count, client_nonce }| {
        format!(", qop=auth, nc={nonce_count}, cnonce=\"{}\"", quoted(client_nonce))
    });
    let [user, realm, nonce, uri, response] =
        [&digest.user, &digest.realm, &digest.nonce, &digest.uri, &digest.response].map(|text| quoted(text));
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         algorithm={algorithm}, response=\"{response}\"{}",
        protection.unwrap_or_default()
    )
}

#[test]
fn any_header_is_understood_one_way_or_not_at_all() {
    let headers: Vec<&str> = HEADERS.lines().collect();
    let verifier = Verifier::new("guest", REALM, &"not in the corpus".into());
    check!().with_max_len(BYTES).with_iterations(TEXTS).with_test_time(TIME).for_each(
        |mut choices: &[u8]| {
            let text = mutated(&headers, CHANGES, &mut choices);
            let asked = Credentials::scheme_asked(&text);
            let longest = "Digest ".len() + NAME_LIMIT;
            assert!(asked.len() <= longest && !asked.contains(char::is_control), "{asked:?} of {text:?}");
            let Some(credentials) = Credentials::parse(&text) else { return };
            assert!(text.len() <= HEADER_LIMIT, "{text:?}");
            assert!(!verifier.accepts(&credentials, "DESCRIBE"), "{text:?}");
            assert!(!credentials.fit(&[]), "{text:?}");
            let again = match &credentials {
                Credentials::Basic { user, password } => {
                    assert!(!user.contains(':'), "{text:?}");
                    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{}", password.reveal())))
                }
                Credentials::Digest(digest) => {
                    let count = digest.nonce_count();
                    assert_eq!(count.is_some(), digest.protection.is_some(), "{text:?}");
                    assert!(!Nonces::default().accept(digest, Instant::now()), "{text:?}");
                    // What it signs stands for itself wherever it is a path at all.
                    let path = path_and_query(&digest.uri);
                    assert_eq!(digest.signs(&digest.uri, None), path.is_some(), "{text:?}");
                    header(digest)
                }
            };
            if again.len() <= HEADER_LIMIT {
                assert_eq!(Credentials::parse(&again), Some(credentials), "{text:?}\n{again:?}");
            }
        },
    );
}
