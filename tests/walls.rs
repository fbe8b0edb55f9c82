//! The walls of the house (see the crate's documentation): which room may look into which, where GTK and
//! GStreamer may be named, and where unsafe code may stand. Read from the paths in the sources.

use std::fs;
use std::path::{Path, PathBuf};

const ROOMS: &[&str] = &["app", "ui", "words", "control", "engine", "config", "i18n"];

/// The one file with calls that the bindings lack.
const UNSAFE_FILE: &str = "engine/server/ffi.rs";

/// A source file of `src/`.
struct Source {
    /// Below `src/`, such as `engine/state.rs`.
    name: String,
    tokens: Vec<String>,
    paths: Vec<Vec<String>>,
}

impl Source {
    fn new(name: &str, text: &str) -> Self {
        let tokens = tokens(text);
        Self { name: name.to_owned(), paths: paths(&tokens), tokens }
    }

    fn room(&self) -> &str {
        self.name.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// What is named through the crate's root: the room, and what in it.
    fn looks_into(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.paths.iter().filter_map(|path| {
            let inside = path.iter().skip_while(|part| *part == "super").map(String::as_str);
            let mut inside = match path[0].as_str() {
                "crate" | "headwater" => path[1..].iter().map(String::as_str).collect::<Vec<_>>(),
                "super" => inside.collect(),
                _ => return None,
            }
            .into_iter();
            let room = inside.next()?;
            ROOMS.contains(&room).then(|| (room, inside.next()))
        })
    }
}

/// The names and signs of a source, without comments and without what stands in quotes.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = quoted(rest) {
            length
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the string or character that stands here, if one does.
fn quoted(rest: &str) -> Option<usize> {
    let body = rest.trim_start_matches(['b', 'c']);
    let prefix = rest.len() - body.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let start = prefix + 1 + hashes + 1;
        return Some(rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len()));
    }
    let quote = body.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let mut chars = body.char_indices().skip(1);
    if quote == '\'' && !body.starts_with("'\\") && body.chars().nth(2) != Some('\'') {
        return None; // a lifetime
    }
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            _ if c == quote => return Some(prefix + at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

/// Every `a::b::c` of the tokens, groups such as `a::{b, c::d}` written out.
fn paths(tokens: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_name(&tokens[at]) && tokens.get(at + 1).is_some_and(|next| next == "::") {
            at = path(tokens, at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads one path, or one branch of a group, and says where it ends.
fn path(tokens: &[String], mut at: usize, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut whole = before.to_vec();
    while let Some(token) = tokens.get(at) {
        if is_name(token) || token == "*" {
            whole.push(token.clone());
        } else if token == "{" {
            at += 1;
            while tokens.get(at).is_some_and(|token| token != "}") {
                at = if tokens[at] == "," { at + 1 } else { path(tokens, at, &whole, found).max(at + 1) };
            }
            return at + 1;
        } else {
            break;
        }
        at += 1;
        if tokens.get(at).is_none_or(|next| next != "::") {
            break;
        }
        at += 1;
    }
    found.push(whole);
    at
}

fn is_name(token: &str) -> bool {
    token.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
}

fn sources() -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    files
        .iter()
        .map(|file| {
            Source::new(
                &file.strip_prefix(&src).unwrap().to_string_lossy(),
                &fs::read_to_string(file).unwrap(),
            )
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Imports run one way: app → ui → control → engine → config; `ui` and `app` also read `words`.
fn wrong_direction(source: &Source) -> Vec<String> {
    let allowed: &[&str] = match source.room() {
        "main" => &["app"],
        "lib" => ROOMS,
        "app" => &["app", "ui", "words", "control", "engine", "config", "i18n"],
        "ui" => &["ui", "words", "control", "engine", "config", "i18n"],
        "words" => &["words", "engine", "config", "i18n"],
        "control" => &["control", "engine", "config"],
        "engine" => &["engine", "config"],
        "config" => &["config"],
        "i18n" => &["i18n"],
        room => return vec![format!("{}: the house has no room {room}", source.name)],
    };
    source
        .looks_into()
        .filter(|(room, _)| !allowed.contains(room))
        .map(|(room, _)| format!("{}: looks into {room}", source.name))
        .collect()
}

/// `words` turns values into sentences: of the engine it knows only what `engine/state.rs` and `engine/state/` define.
fn live_objects_in_words(source: &Source, values: &[&str]) -> Vec<String> {
    if source.room() != "words" {
        return Vec::new();
    }
    source
        .looks_into()
        .filter(|(room, item)| *room == "engine" && item.is_none_or(|item| !values.contains(&item)))
        .map(|(_, item)| format!("{}: names {} of the engine", source.name, item.unwrap_or("everything")))
        .collect()
}

fn foreign_crates(source: &Source) -> Vec<String> {
    let toolkit = |name: &str| ["gtk", "gdk", "gsk", "adw", "gstgtk4"].contains(&name);
    let below = |name: &str| name.starts_with("gst") || ["glib", "gio"].contains(&name);
    let may_use_toolkit = source.room() == "ui" || source.name == "app/application.rs";
    source
        .paths
        .iter()
        .map(|path| path[0].as_str())
        .filter(|name| (toolkit(name) && !may_use_toolkit) || (below(name) && source.room() == "config"))
        .map(|name| format!("{}: uses {name}", source.name))
        .collect()
}

fn unsafe_code(source: &Source) -> Vec<String> {
    if source.name == UNSAFE_FILE {
        return Vec::new();
    }
    let word = source.tokens.iter().any(|token| token == "unsafe").then(|| "unsafe".to_owned());
    let calls = source.paths.iter().filter_map(|path| {
        let sys = path[0].ends_with("_sys");
        // A path that begins with `ffi` is of the one file itself.
        let ffi = path.iter().skip(1).any(|part| part == "ffi")
            && !["std", "core", "crate", "self", "super"].contains(&path[0].as_str());
        (sys || ffi).then(|| path.join("::"))
    });
    word.into_iter().chain(calls).map(|what| format!("{}: {what}", source.name)).collect()
}

/// The public types that a source defines.
fn values(state: &Source) -> Vec<&str> {
    state
        .tokens
        .windows(3)
        .filter(|words| words[0] == "pub" && (words[1] == "enum" || words[1] == "struct"))
        .map(|words| words[2].as_str())
        .collect()
}

fn expect_none(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn imports_run_one_way() {
    expect_none(sources().iter().flat_map(wrong_direction).collect());
}

#[test]
fn words_reads_values_only() {
    let sources = sources();
    let in_state =
        |source: &&Source| source.name == "engine/state.rs" || source.name.starts_with("engine/state/");
    let values: Vec<_> = sources.iter().filter(in_state).flat_map(values).collect();
    assert!(values.contains(&"StreamState"), "engine/state.rs is not found");
    expect_none(sources.iter().flat_map(|source| live_objects_in_words(source, &values)).collect());
}

#[test]
fn each_library_stays_in_its_rooms() {
    expect_none(sources().iter().flat_map(foreign_crates).collect());
}

#[test]
fn unsafe_code_stands_in_one_file() {
    expect_none(sources().iter().flat_map(unsafe_code).collect());
}

/// The tests above are no proof unless a broken wall is seen.
#[test]
fn a_broken_wall_is_seen() {
    let direction = |name, text| wrong_direction(&Source::new(name, text)).len();
    assert_eq!(direction("engine/stream.rs", "use crate::{config::Config, ui::{self, window}};"), 2);
    assert_eq!(direction("config/mod.rs", "fn f() { super::engine::start() }"), 1);
    assert_eq!(direction("main.rs", "fn main() { headwater::app::run() }"), 0);
    assert_eq!(
        direction("ui/card.rs", "// crate::app\nconst A: &str = \"crate::app\"; use crate::words::a;"),
        0
    );
    assert_eq!(direction("util/mod.rs", ""), 1);

    let foreign = |name, text| foreign_crates(&Source::new(name, text)).len();
    assert_eq!(foreign("engine/mod.rs", "use gtk::prelude::*;"), 1);
    assert_eq!(foreign("app/application.rs", "use adw::prelude::*;"), 0);
    assert_eq!(foreign("config/mod.rs", "fn f<'a>(a: &'a glib::Object) -> gst_rtsp::X {}"), 2);

    let not_safe = |name, text| unsafe_code(&Source::new(name, text)).len();
    assert_eq!(not_safe("engine/mod.rs", "unsafe { gst_rtsp_sys::a(glib::ffi::b()) }"), 3);
    assert_eq!(not_safe("config/mod.rs", "use std::ffi::OsString; const A: &str = r#\"unsafe \"{ \"#;"), 0);
    assert_eq!(not_safe(UNSAFE_FILE, "unsafe {}"), 0);

    let words = Source::new("words/mod.rs", "use crate::engine::{StreamState, Engine};");
    assert_eq!(live_objects_in_words(&words, &["StreamState"]).len(), 1);
}
