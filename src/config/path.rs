//! Mount paths: which characters they may have, and one that fits a name.

use super::ProblemKind;

/// Longer ones do not fit into the address bars and logs of players; no standard sets a limit.
const MAX_CHARACTERS: usize = 200;

/// The path has to mean the same in every reader, whether it decodes and normalizes addresses or not: so only
/// the unreserved characters of RFC 3986, section 2.3, and no `.` or `..` as a segment. That keeps `stream=0`
/// out as well, the last segment that the server itself adds.
pub(super) fn check(path: &str) -> Result<(), ProblemKind> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(ProblemKind::PathWithoutSlash);
    };
    if rest.is_empty() {
        return Err(ProblemKind::PathEmpty);
    }
    if let Some(character) = rest.chars().find(|character| !is_allowed(*character)) {
        return Err(ProblemKind::PathCharacter { character });
    }
    if rest.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(ProblemKind::PathSegment);
    }
    if path.len() > MAX_CHARACTERS {
        return Err(ProblemKind::PathTooLong { most: MAX_CHARACTERS });
    }
    Ok(())
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '/' | '-' | '.' | '_' | '~')
}

/// A mount path that reads like the name, such as `/front-door` for "Front door", and is not among those taken.
pub fn suggest_path(name: &str, taken: &[&str]) -> String {
    const LONGEST: usize = 40;
    let mut slug = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(LONGEST);
    let slug = match slug.trim_end_matches('-') {
        "" => "stream",
        slug => slug,
    };
    let first = format!("/{slug}");
    std::iter::once(first.clone())
        .chain((2..).map(|number| format!("{first}-{number}")))
        .find(|path| !taken.contains(&path.as_str()))
        .unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_an_address_can_have_is_taken() {
        for path in ["/lobby", "/a/b.c_d~e-f", "/1"] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn a_path_that_an_address_cannot_have_is_refused_with_its_reason() {
        use ProblemKind::*;
        for (path, reason) in [
            ("", PathWithoutSlash),
            ("lobby", PathWithoutSlash),
            ("/", PathEmpty),
            ("/lobby/", PathSegment),
            ("/a//b", PathSegment),
            ("/a/../b", PathSegment),
            ("/front door", PathCharacter { character: ' ' }),
            ("/a%20b", PathCharacter { character: '%' }),
            ("/a?b", PathCharacter { character: '?' }),
            ("/tür", PathCharacter { character: 'ü' }),
            ("/lobby/stream=0", PathCharacter { character: '=' }),
        ] {
            assert_eq!(check(path), Err(reason), "{path}");
        }
        assert_eq!(check(&format!("/{}", "a".repeat(199))), Ok(()));
        assert_eq!(check(&format!("/{}", "a".repeat(200))), Err(PathTooLong { most: 200 }));
    }

    #[test]
    fn a_suggested_path_reads_like_the_name_and_is_free() {
        assert_eq!(suggest_path("Front door (new)", &[]), "/front-door-new");
        assert_eq!(suggest_path("Lobby", &["/lobby", "/lobby-2"]), "/lobby-3");
        assert_eq!(suggest_path("門", &[]), "/stream");
        assert_eq!(suggest_path("", &["/stream"]), "/stream-2");
        for name in ["Front door", "../etc", "a%b?c", &"long ".repeat(100), "門"] {
            assert_eq!(check(&suggest_path(name, &[])), Ok(()), "{name}");
        }
    }
}
