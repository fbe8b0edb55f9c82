//! Writes a changed configuration into the document that it was read from: what did not change, comments and
//! order among it, stays as the user wrote it.

use super::Config;
use toml::{Table as Values, Value};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike};

/// Brings the document, which says `old` (nothing yet, where it is none), to say `new`.
pub(super) fn edit(document: &mut DocumentMut, old: Option<&Config>, new: &Config) {
    let old = old.map(values).unwrap_or_default();
    change_table(document.as_table_mut(), &old, &values(new), Place::Root);
}

/// A configuration as TOML's own values: two of them can be compared key by key.
fn values(config: &Config) -> Values {
    Values::try_from(config).expect("a configuration is a table of strings, numbers and lists")
}

/// Where a value stands, which decides how a new one is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the top of the file: tables have headers.
    Root,
    /// In a table with a header: lists of tables have headers.
    Headed,
    /// Between braces, where everything is.
    Inline,
}

fn change_table(table: &mut dyn TableLike, old: &Values, new: &Values, place: Place) {
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        table.remove(key);
    }
    for (key, value) in new.iter().filter(|(key, value)| old.get(*key) != Some(*value)) {
        match table.get_mut(key) {
            Some(item) => change_item(item, old.get(key), value, place),
            None => {
                table.insert(key, write(value, place));
            }
        }
    }
}

fn change_item(item: &mut Item, old: Option<&Value>, new: &Value, place: Place) {
    let nothing = Vec::new();
    let old_list = old.and_then(Value::as_array).unwrap_or(&nothing);
    match (&mut *item, new) {
        (Item::ArrayOfTables(tables), Value::Array(new)) if is_list_of_tables(new) => {
            change_tables(tables, old_list, new);
        }
        (Item::Value(toml_edit::Value::Array(array)), Value::Array(new)) if is_list_of_tables(new) => {
            change_inline_tables(array, old_list, new);
        }
        (item, Value::Table(new)) if item.is_table_like() => {
            let nothing = Values::new();
            let old = old.and_then(Value::as_table).unwrap_or(&nothing);
            let place = if item.is_inline_table() { Place::Inline } else { Place::Headed };
            if let Some(table) = item.as_table_like_mut() {
                change_table(table, old, new, place);
            }
        }
        (Item::Value(before), new) => {
            let decor = before.decor().clone();
            *before = write_inline(new);
            *before.decor_mut() = decor;
        }
        (item, new) => *item = write(new, place),
    }
}

/// For each of the new elements, the place of the same one among the old ones: that of the same id or name, or,
/// where elements have neither, the one at the same place.
fn matches(old: &[Value], new: &[Value]) -> Vec<Option<usize>> {
    let name = |element: &Value| {
        let name = element.get("id").or_else(|| element.get("name"))?;
        name.as_str().map(str::to_owned)
    };
    new.iter()
        .enumerate()
        .map(|(place, element)| match name(element) {
            Some(wanted) => old.iter().position(|before| name(before).as_ref() == Some(&wanted)),
            None => (place < old.len()).then_some(place),
        })
        .collect()
}

fn change_tables(tables: &mut ArrayOfTables, old: &[Value], new: &[Value]) {
    let before = std::mem::take(tables);
    let places = matches(old, new);
    // Tables remember their place in the file. Where they change it, all of the list have to forget it.
    let in_order = places.iter().flatten().is_sorted()
        && places.iter().rev().skip_while(|p| p.is_none()).all(Option::is_some);
    for (place, element) in places.into_iter().zip(new) {
        let table = place.and_then(|place| Some((before.get(place)?.clone(), old[place].as_table()?)));
        let element = element.as_table().expect("a list of tables");
        let mut table = match table {
            Some((mut table, old)) => {
                change_table(&mut table, old, element, Place::Headed);
                table
            }
            None => write_table(element),
        };
        if !in_order {
            forget_place(&mut table);
        }
        tables.push(table);
    }
}

fn forget_place(table: &mut Table) {
    table.set_position(None);
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(table) => forget_place(table),
            Item::ArrayOfTables(tables) => tables.iter_mut().for_each(forget_place),
            _ => {}
        }
    }
}

fn change_inline_tables(array: &mut Array, old: &[Value], new: &[Value]) {
    let before = array.clone();
    array.clear();
    for (place, element) in matches(old, new).into_iter().zip(new) {
        let found = place.and_then(|place| Some((before.get(place)?.clone(), old[place].as_table()?)));
        match (found, element.as_table()) {
            (Some((toml_edit::Value::InlineTable(mut table), old)), Some(element)) => {
                change_table(&mut table, old, element, Place::Inline);
                array.push_formatted(table.into());
            }
            _ => array.push(write_inline(element)),
        }
    }
}

fn is_list_of_tables(list: &[Value]) -> bool {
    !list.is_empty() && list.iter().all(Value::is_table)
}

/// A value that was not in the file, in the shape in which one writes it by hand.
fn write(value: &Value, place: Place) -> Item {
    match (value, place) {
        (Value::Array(list), Place::Root | Place::Headed) if is_list_of_tables(list) => {
            Item::ArrayOfTables(list.iter().filter_map(Value::as_table).map(write_table).collect())
        }
        (Value::Table(table), Place::Root) => Item::Table(write_table(table)),
        // One kind with its settings, such as a source: `source.file = { … }`.
        (Value::Table(table), Place::Headed) if table.len() == 1 && table.values().all(Value::is_table) => {
            let mut dotted = Table::new();
            dotted.set_dotted(true);
            dotted.extend(table.iter().map(|(key, value)| (key.as_str(), write_inline(value))));
            Item::Table(dotted)
        }
        _ => Item::Value(write_inline(value)),
    }
}

fn write_table(values: &Values) -> Table {
    let mut table = Table::new();
    for (key, value) in values {
        table.insert(key, write(value, Place::Headed));
    }
    table
}

fn write_inline(value: &Value) -> toml_edit::Value {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Boolean(yes) => (*yes).into(),
        Value::Datetime(time) => (*time).into(),
        Value::Array(list) => list.iter().map(write_inline).collect::<Array>().into(),
        Value::Table(table) => table
            .iter()
            .map(|(key, value)| (key.as_str(), write_inline(value)))
            .collect::<InlineTable>()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::super::*;
    use super::*;

    const WHOLE: &str = include_str!("../../tests/data/config/version-1.toml");
    const COMMENTED: &str = r#"# My cameras.
version = 1 # the format

[[streams]] # at the door
name = 'Lobby'   # shown in the window
path="/lobby"
id = "lobby"
access = { read = [ "guest" ] }
source.pattern = { pattern = "ball" }
    # four megabit are enough
    [[streams.renditions]]
    bitrate_kbps = 4_000

# Nobody looks at this one.
[[streams]]
id = "yard"
name = "Yard"
path = "/yard"
access.read = "anyone"
[streams.source.file]
locations = [
    "/videos/yard.mp4", # summer
]

[[users]]
name = "guest"
# The end.
"#;
    const INLINE: &str = r#"version = 1
server = { port = 8555 }
users = [{ name = "guest" }, { name = "other" }]
streams = [{ id = "a", name = "A", path = "/a", source = { pattern = { pattern = "ball" } }, access = { read = "anyone" }, overlays = [{ clock = { position = "top" } }] }]
"#;

    /// The text after a change of its values, which is read back and compared.
    fn after(text: &str, change: impl FnOnce(&mut Config)) -> String {
        let (mut document, old) = parse(text).unwrap();
        let mut new = old.clone();
        change(&mut new);
        edit(&mut document, Some(&old), &new);
        let written = document.to_string();
        match parse(&written) {
            Ok((_, read)) => assert_eq!(read, new, "{written}"),
            Err(error) => panic!("{error}\n{written}"),
        }
        written
    }

    #[test]
    fn what_did_not_change_stays_as_it_was_written() {
        for text in [WHOLE, COMMENTED, INLINE] {
            assert_eq!(after(text, |_| ()), text);
        }
    }

    #[test]
    fn one_changed_value_changes_one_word_of_the_text() {
        let text = after(COMMENTED, |config| config.streams[0].name = "Front door".into());
        assert_eq!(text, COMMENTED.replace("'Lobby'", "\"Front door\""));
        let text = after(COMMENTED, |config| config.streams[0].renditions[0].bitrate = Bitrate::Kbps(2500));
        assert_eq!(text, COMMENTED.replace("4_000", "2500"));
        let text =
            after(COMMENTED, |config| config.streams[1].access.read = Readers::Users(vec!["guest".into()]));
        assert_eq!(text, COMMENTED.replace("\"anyone\"", "[\"guest\"]"));
        let text = after(INLINE, |config| config.server.port = 8556);
        assert_eq!(text, INLINE.replace("8555", "8556"));
    }

    #[test]
    fn a_stream_that_is_removed_leaves_the_others_as_they_were() {
        let text = after(COMMENTED, |config| drop(config.streams.remove(0)));
        assert!(!text.contains("lobby"), "{text}");
        assert!(text.contains("# Nobody looks at this one.\n[[streams]]\nid = \"yard\""), "{text}");
        assert!(text.contains("\"/videos/yard.mp4\", # summer") && text.ends_with("# The end.\n"), "{text}");
        after(COMMENTED, |config| config.streams.clear());
        after(INLINE, |config| config.streams.clear());
    }

    #[test]
    fn streams_that_change_places_take_their_comments_along() {
        let text = after(COMMENTED, |config| config.streams.swap(0, 1));
        let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words}\n{text}"));
        assert!(place("# Nobody looks") < place("id = \"yard\""));
        assert!(place("# summer") < place("# at the door"));
        assert!(place("# at the door") < place("# four megabit"));
    }

    #[test]
    fn a_new_stream_is_written_as_one_writes_it_by_hand() {
        let mut hall = Config::first().streams.remove(0);
        hall.id = "hall".into();
        hall.overlays = vec![Overlay::Clock(Clock { position: Position::TopRight })];
        let text = after(COMMENTED, |config| config.streams.push(hall.clone()));
        let expected = r#"
[[streams]]
id = "hall"
name = "Demo"
path = "/demo"
enabled = true
source.pattern = { pattern = "smpte" }
access = { read = "anyone", schemes = ["digest"] }

[[streams.renditions]]
size = "1280x720"
frame_rate = "25"
codec = "auto"
bitrate_kbps = "auto"

[[streams.overlays]]
clock = { position = "top-right" }
"#;
        assert!(text.contains(expected), "{text}");
        for place in 0..2 {
            after(COMMENTED, |config| config.streams.insert(place, hall.clone()));
            after(WHOLE, |config| config.streams.insert(place, hall.clone()));
            after(INLINE, |config| config.streams.insert(place.min(1), hall.clone()));
        }
    }

    #[test]
    fn every_kind_of_change_is_read_back_as_it_was_meant() {
        let file = Source::File(FileSource {
            shuffle: true,
            picture_seconds: 12,
            ..FileSource::new(vec!["/a #1.mp4".into(), "/\"b\".mkv".into()])
        });
        let pattern = Source::Pattern(PatternSource {
            sound: PatternSound::Ticks,
            clock: true,
            ..PatternSource::silent("snow")
        });
        let relay = Source::Relay(RelaySource {
            address: "rtsp://a/\"b\"".into(),
            transport: Transport::Udp,
            user: "c".into(),
        });
        let camera = Source::Camera(CameraSource {
            microphone: Some(Microphone::Name("a \"b\"".into())),
            ..CameraSource::silent("auto")
        });
        let text = Overlay::Text(Text { text: "a\n\"b\" = [1]".into(), position: Position::Left });
        for whole in [WHOLE, COMMENTED, INLINE] {
            for source in [&file, &pattern, &relay, &camera] {
                after(whole, |config| config.streams.iter_mut().for_each(|s| s.source = source.clone()));
            }
            after(whole, |config| config.streams[0].overlays = vec![text.clone()]);
            after(whole, |config| config.streams[0].overlays.insert(0, text.clone()));
            after(whole, |config| config.streams[0].overlays.clear());
            after(whole, |config| config.streams[0].renditions.clear());
            after(whole, |config| config.streams[0].renditions = vec![Rendition::default(); 3]);
            after(whole, |config| {
                config.streams.iter_mut().for_each(|s| s.renditions.push(Rendition::default()))
            });
            after(whole, |config| config.streams[0].enabled = !config.streams[0].enabled);
            after(whole, |config| config.streams[0].access.schemes = vec![Scheme::Basic, Scheme::DigestMd5]);
            let quiet = Sound { codec: SoundCodec::Opus, volume: 40, mute: true };
            after(whole, |config| config.streams.iter_mut().for_each(|s| s.sound = quiet.clone()));
            after(whole, |config| config.users.clear());
            after(whole, |config| config.users.insert(0, User { name: "new".into() }));
            after(whole, |config| config.server.listen = Listen::Address([0; 16].into()));
            after(whole, |config| *config = Config::first());
        }
    }

    #[test]
    fn the_first_file_is_written_as_one_writes_it_by_hand() {
        let mut document = DocumentMut::new();
        edit(&mut document, None, &Config::first());
        let text = document.to_string();
        assert!(
            text.starts_with("version = 1\n\n[server]\nlisten = \"localhost\"\nport = 8554\n\n[[streams]]\n"),
            "{text}"
        );
        assert_eq!(parse(&text).unwrap().1, Config::first());
    }
}
