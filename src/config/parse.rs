//! From the text of the file to the values; what is wrong with a text, with its place and what was probably meant.

use super::validate::closest;
use super::{Config, Field, ServerField, StreamField, migrate};
use std::ops::Range;
use toml_edit::{Document, DocumentMut, Item, TomlError};

/// Why a text is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Lines and columns count from 1, columns in characters.
    #[error("line {line}, column {column}: {sentence}")]
    Invalid { line: usize, column: usize, sentence: String },
    #[error(
        "the file has version {found}, and this Headwater knows versions up to {known}: use a newer Headwater, or another file"
    )]
    NewerVersion { found: i64, known: u32 },
}

/// The text as a document that keeps comments and order, brought to the current version, and its values.
pub(super) fn parse(text: &str) -> Result<(DocumentMut, Config), ParseError> {
    let mut document: DocumentMut =
        text.parse().map_err(|error: TomlError| invalid(text, error.span(), error.message()))?;
    // Where the version is missing or is no number, reading the values says so below.
    if let Some(found) = document.get("version").and_then(Item::as_integer) {
        match u32::try_from(found) {
            Ok(version @ 1..=migrate::CURRENT) => migrate::run(&mut document, version),
            Ok(0) | Err(_) if found <= 0 => {
                let span = Document::parse(text).ok().and_then(|document| document["version"].span());
                return Err(invalid(text, span, "there is no such version: the first is version = 1"));
            }
            _ => return Err(ParseError::NewerVersion { found, known: migrate::CURRENT }),
        }
    }
    let current = document.to_string();
    let config =
        toml::from_str(&current).map_err(|error| invalid(&current, error.span(), error.message()))?;
    Ok((document, config))
}

fn invalid(text: &str, span: Option<Range<usize>>, message: &str) -> ParseError {
    let span = span.unwrap_or(0..0);
    let (line, column) = place(text, span.start);
    let sentence = say(message, text.get(span).unwrap_or_default());
    ParseError::Invalid { line, column, sentence }
}

/// Line and column of a byte of the text, from 1.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// serde's and the TOML parser's words as a sentence for somebody who writes a configuration by hand.
/// Words that are not known here go through as they are.
fn say(message: &str, at: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let first = quoted.next().unwrap_or_default();
    if message.starts_with("unknown field") || message.starts_with("unknown variant") {
        let known: Vec<&str> = quoted.collect();
        // The name of a variant is a key where it has contents, and a word in quotes where it has none.
        let what = if at.starts_with(['"', '\'']) { "word" } else { "key" };
        return match closest(first, known.iter().copied()) {
            Some(meant) => format!("unknown {what} `{first}`; did you mean `{meant}`?"),
            None => format!("unknown {what} `{first}`; known here: {}", known.join(", ")),
        };
    }
    if message.starts_with("missing field") {
        return match first {
            "access" => "the stream does not say who may read it: write access = { read = \"anyone\" }, \
                         or name users, like access = { read = [\"guest\"] }"
                .into(),
            "version" => "the version of the file's format is missing: write version = 1 at its top".into(),
            _ => format!("`{first}` is missing here: add it"),
        };
    }
    if message.starts_with("wanted exactly 1 element") || message.contains("expected newtype variant") {
        return "exactly one kind has to be here, with its settings, like pattern = { pattern = \"ball\" }"
            .into();
    }
    if message == "duplicate key" {
        return format!("`{at}` stands here for the second time: remove one of them");
    }
    match message.rsplit_once("expected ") {
        Some((found, "u16")) => format!("{found}expected a whole number from 0 to 65535"),
        Some((found, "u32")) => format!("{found}expected a whole number"),
        _ => message.into(),
    }
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: usize,
    pub text: String,
}

/// The line of the text where a field stands, or, where it is left out, the thing that it belongs to.
pub(super) fn line_of(text: &str, field: &Field) -> Option<Line> {
    let document = Document::parse(text).ok()?;
    let element = match field {
        Field::Server(field) => return Some(line(text, server_key(&document, *field)?.start)),
        Field::User { index } => at(document.get("users")?, *index)?,
        Field::Limit(_) => {
            let limits = document.get("limits")?;
            Element(limits.as_table_like()?, limits.span())
        }
        Field::Stream { index, .. } => at(document.get("streams")?, *index)?,
    };
    let inner = match field {
        Field::Server(_) | Field::User { .. } => element.item("name"),
        Field::Limit(field) => element.item(field.key()),
        Field::Stream { field, .. } => match field {
            StreamField::Id => element.item("id"),
            StreamField::Name => element.item("name"),
            StreamField::Path => element.item("path"),
            StreamField::Pattern
            | StreamField::Locations
            | StreamField::PictureSeconds
            | StreamField::Address
            | StreamField::Camera
            | StreamField::Microphone
            | StreamField::Pipeline
            | StreamField::Login => element.item("source"),
            StreamField::Renditions => element.item("renditions"),
            StreamField::Size(place) => element.nested("renditions", *place, "size"),
            StreamField::FrameRate(place) => element.nested("renditions", *place, "frame_rate"),
            StreamField::Bitrate(place) => element.nested("renditions", *place, "bitrate_kbps"),
            StreamField::Read | StreamField::Publish | StreamField::Schemes => element.item("access"),
            StreamField::Volume => {
                let sound = element.0.get("sound").and_then(Item::as_table_like);
                sound.and_then(|sound| Element(sound, None).item("volume")).or(element.item("sound"))
            }
            StreamField::ReadersLimit => element.item("readers_limit"),
            StreamField::Slate => element.item("slate"),
            StreamField::LostAfter => element.item("lost_after_seconds"),
            StreamField::Overlay(place) => element.nested("overlays", *place, ""),
            StreamField::Transports => element.item("transports"),
        },
    };
    Some(line(text, inner.or(element.1)?.start))
}

/// The line that has a byte of the text.
fn line(text: &str, byte: usize) -> Line {
    let (number, _) = place(text, byte);
    Line { number, text: text.lines().nth(number - 1).unwrap_or_default().trim().to_owned() }
}

/// Where a field of the server stands, or the nearest table around it.
fn server_key(document: &Document<&str>, field: ServerField) -> Option<Range<usize>> {
    let path: &[&str] = match field {
        ServerField::UdpPorts => &["server", "udp_ports"],
        ServerField::RtspsPort => &["server", "rtsps", "port"],
        ServerField::Certificate => &["server", "rtsps", "certificate"],
        ServerField::Key => &["server", "rtsps", "key"],
        ServerField::MulticastInterface => &["server", "multicast", "interface"],
        ServerField::MulticastAddresses => &["server", "multicast", "addresses"],
        ServerField::MulticastPort => &["server", "multicast", "port"],
    };
    let mut table: &dyn toml_edit::TableLike = document.as_table();
    let mut found = None;
    for key in path {
        let Some((key, item)) = table.get_key_value(key) else { break };
        found = key.span().or_else(|| item.span()).or(found);
        let Some(inner) = item.as_table_like() else { break };
        table = inner;
    }
    found
}

/// A table of a list, with its place in the text.
struct Element<'a>(&'a dyn toml_edit::TableLike, Option<Range<usize>>);

impl Element<'_> {
    fn item(&self, key: &str) -> Option<Range<usize>> {
        let (key, item) = self.0.get_key_value(key)?;
        key.span().or_else(|| item.span())
    }

    /// A key of the table at a place of a list, or, without that key, the table.
    fn nested(&self, list: &str, place: usize, key: &str) -> Option<Range<usize>> {
        let element = at(self.0.get(list)?, place)?;
        element.item(key).or(element.1)
    }
}

fn at(list: &Item, index: usize) -> Option<Element<'_>> {
    match list {
        Item::ArrayOfTables(tables) => tables.get(index).map(|table| Element(table, table.span())),
        Item::Value(toml_edit::Value::Array(array)) => {
            let table = array.get(index)?.as_inline_table()?;
            Some(Element(table, table.span()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::ServerConfig;
    use super::*;

    const WHOLE: &str = include_str!("../../tests/data/config/version-1.toml");

    /// The error after one change of the whole file.
    fn after(found: &str, replacement: &str) -> String {
        assert!(WHOLE.contains(found), "{found}");
        parse(&WHOLE.replacen(found, replacement, 1)).unwrap_err().to_string()
    }

    #[test]
    fn a_typo_in_any_nested_table_is_told_with_its_place_and_the_key_meant() {
        for (found, replacement, error) in [
            ("version =", "verson =", "line 2, column 1: unknown key `verson`; did you mean `version`?"),
            ("[server]", "[sever]", "line 4, column 2: unknown key `sever`; did you mean `server`?"),
            ("listen", "lisen", "line 5, column 1: unknown key `lisen`; did you mean `listen`?"),
            (
                "name = \"guest\"",
                "nam = \"guest\"",
                "line 9, column 1: unknown key `nam`; did you mean `name`?",
            ),
            ("[[users]]", "[[user]]", "line 8, column 3: unknown key `user`; did you mean `users`?"),
            ("enabled", "enabeld", "line 15, column 1: unknown key `enabeld`; did you mean `enabled`?"),
            ("source.file", "sorce.file", "line 16, column 1: unknown key `sorce`; did you mean `source`?"),
            ("source.file", "source.fil", "line 16, column 8: unknown key `fil`; did you mean `file`?"),
            (
                "locations",
                "location",
                "line 16, column 17: unknown key `location`; did you mean `locations`?",
            ),
            ("read = [", "reed = [", "line 17, column 12: unknown key `reed`; did you mean `read`?"),
            (
                "\"digest-md5\"",
                "\"digets-md5\"",
                "line 17, column 41: unknown word `digets-md5`; did you mean `digest-md5`?",
            ),
            (
                "[[streams.renditions]]",
                "[[streams.rendition]]",
                "line 19, column 11: unknown key `rendition`; did you mean `renditions`?",
            ),
            (
                "bitrate_kbps",
                "bitrate_kpbs",
                "line 23, column 1: unknown key `bitrate_kpbs`; did you mean `bitrate_kbps`?",
            ),
            ("\"h264\"", "\"h256\"", "line 22, column 9: unknown word `h256`; did you mean `h264`?"),
            ("clock = {", "clok = {", "line 26, column 1: unknown key `clok`; did you mean `clock`?"),
            (
                "{ position",
                "{ postion",
                "line 26, column 11: unknown key `postion`; did you mean `position`?",
            ),
            (
                "\"top-right\"",
                "\"top-rihgt\"",
                "line 26, column 22: unknown word `top-rihgt`; did you mean `top-right`?",
            ),
            ("text = { text", "text = { txt", "line 29, column 10: unknown key `txt`; did you mean `text`?"),
            (
                "source.pattern",
                "source.patern",
                "line 36, column 8: unknown key `patern`; did you mean `pattern`?",
            ),
            ("source.relay", "source.rely", "line 49, column 8: unknown key `rely`; did you mean `relay`?"),
            (
                "transport",
                "transprt",
                "line 49, column 54: unknown key `transprt`; did you mean `transport`?",
            ),
            ("\"tcp\"", "\"tpc\"", "line 49, column 66: unknown word `tpc`; did you mean `tcp`?"),
            (
                "[streams.sound]",
                "[streams.sond]",
                "line 74, column 10: unknown key `sond`; did you mean `sound`?",
            ),
            (
                "source.camera",
                "source.camra",
                "line 89, column 8: unknown key `camra`; did you mean `camera`?",
            ),
            (
                "microphone",
                "microfone",
                "line 89, column 47: unknown key `microfone`; did you mean `microphone`?",
            ),
            (
                "microphone = \"auto\"",
                "microphone = \"autoo\"",
                "line 89, column 60: unknown word `autoo`; did you mean `auto`?",
            ),
            ("cursor", "curser", "line 96, column 19: unknown key `curser`; did you mean `cursor`?"),
            ("volume", "volme", "line 76, column 1: unknown key `volme`; did you mean `volume`?"),
            ("\"opus\"", "\"opsu\"", "line 75, column 9: unknown word `opsu`; did you mean `opus`?"),
            ("{ pattern", "{ patern", "line 36, column 20: unknown key `patern`; did you mean `pattern`?"),
            (
                "enabled",
                "colour",
                "line 15, column 1: unknown key `colour`; known here: id, name, path, enabled, source, access, readers_limit, renditions, overlays, sound, transports, slate, lost_after_seconds",
            ),
        ] {
            assert_eq!(after(found, replacement), error);
        }
    }

    #[test]
    fn a_stream_without_access_is_an_error_and_never_open() {
        let error = after("access = { read = \"anyone\" }\n", "");
        assert!(error.starts_with("line 31, column 1: the stream does not say who may read it"), "{error}");
        let error = after("read = \"anyone\"", "");
        assert_eq!(error, "line 37, column 10: `read` is missing here: add it");
    }

    #[test]
    fn a_value_of_the_wrong_kind_says_what_to_write() {
        for (found, replacement, sentence) in [
            ("8554", "85540", "expected a whole number from 0 to 65535"),
            ("\"network\"", "\"everywhere\"", "write \"localhost\", \"network\", or an IPv4 or IPv6 address"),
            ("2500", "-1", "write \"auto\", or a number of kbit/s"),
            ("2500", "\"fast\"", "write \"auto\", or a number of kbit/s"),
            ("\"1280x720\"", "\"big\"", "width and height like \"1280x720\""),
            ("\"30000/1001\"", "\"30/x\"", "a fraction like \"30000/1001\""),
            ("[\"guest\"]", "\"guest\"", "write \"anyone\", or a list of users"),
            ("[\"guest\"]", "true", "write \"anyone\", or a list of users"),
            (
                "source.pattern = { pattern = \"ball\", sound = \"ticks\", clock = true }",
                "source = {}",
                "exactly one kind has to be here",
            ),
            (
                "source.pattern = { pattern = \"ball\", sound = \"ticks\", clock = true }",
                "source = \"file\"",
                "exactly one kind has to be here",
            ),
            ("8554", "85 54", "line 6, column 8"),
            ("listen", "port", "line 6, column 1: `port` stands here for the second time"),
        ] {
            let error = after(found, replacement);
            assert!(error.contains(sentence), "{replacement}: {error}");
        }
    }

    #[test]
    fn a_newer_version_is_refused_as_that_even_if_it_has_unknown_keys() {
        let error = parse("version = 2\nshape = \"new\"\n").unwrap_err();
        assert_eq!(error, ParseError::NewerVersion { found: 2, known: 1 });
        let error = parse("version = 99999999999\n").unwrap_err();
        assert!(matches!(error, ParseError::NewerVersion { found: 99_999_999_999, .. }), "{error}");
    }

    #[test]
    fn a_version_that_never_was_is_an_error() {
        for (text, sentence) in [
            ("", "line 1, column 1: the version of the file's format is missing"),
            ("\n\nversion = 0\n", "line 3, column 11: there is no such version"),
            ("version = -1\n", "line 1, column 11: there is no such version"),
            ("version = \"1\"\n", "line 1, column 11: "),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(sentence), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_problem_of_the_server_is_found_again_or_the_table_that_it_belongs_to() {
        let text = "version = 1\n[server]\nudp_ports = \"1-2\"\n[server.rtsps]\nport = 8554\n";
        let number = |field| line_of(text, &Field::Server(field)).map(|line| line.number);
        assert_eq!(number(ServerField::UdpPorts), Some(3));
        assert_eq!(number(ServerField::RtspsPort), Some(5));
        assert_eq!(number(ServerField::Key), Some(4), "the table");
        assert_eq!(number(ServerField::MulticastPort), Some(2), "the table around it");
        let parsed = parse(text).unwrap().1.server;
        assert!(parsed.rtsps.enabled, "a table is enough");
        assert!(!ServerConfig::default().rtsps.enabled);
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(place("ä\nüö = 1", "ä\nüö".len()), (2, 3));
    }

    #[test]
    fn a_problem_is_found_again_in_the_text() {
        let lobby = |field| Field::Stream { index: 0, id: "lobby".into(), field };
        let ball = |field| Field::Stream { index: 1, id: "ball".into(), field };
        for (field, line) in [
            (Field::User { index: 0 }, 9),
            (lobby(StreamField::Path), 14),
            (lobby(StreamField::Locations), 16),
            (lobby(StreamField::Read), 17),
            (lobby(StreamField::FrameRate(0)), 21),
            (lobby(StreamField::Overlay(1)), 28),
            (Field::Stream { index: 2, id: "yard".into(), field: StreamField::Address }, 49),
            (ball(StreamField::Name), 33),
            (ball(StreamField::Bitrate(0)), 43),
        ] {
            assert_eq!(line_of(WHOLE, &field).unwrap().number, line, "{field:?}");
        }
        let path = Line { number: 14, text: "path = \"/lobby\"".into() };
        assert_eq!(line_of(WHOLE, &lobby(StreamField::Path)), Some(path));
        let stream = Line { number: 31, text: "[[streams]]".into() };
        assert_eq!(line_of(WHOLE, &ball(StreamField::Overlay(0))), Some(stream));
    }
}
