//! The versions of the file's format: each step rewrites a file of one version into the next one.

use toml_edit::DocumentMut;

/// The version that this program reads and writes.
pub(super) const CURRENT: u32 = 1;

/// A step keeps the comments and the order of what it does not touch.
type Step = fn(&mut DocumentMut);

/// The step at place n leads from version n + 1 to version n + 2. A new one comes with a file of the version it
/// starts from, in `tests/data/config`, named `version-N.toml`.
const STEPS: [Step; CURRENT as usize - 1] = [];

/// Brings a file of an older version up to date.
pub(super) fn run(document: &mut DocumentMut, from: u32) {
    run_steps(document, from, &STEPS);
}

fn run_steps(document: &mut DocumentMut, from: u32, steps: &[Step]) {
    for (version, step) in (1u32..).zip(steps).skip_while(|(version, _)| *version < from) {
        step(document);
        document["version"] = toml_edit::value(i64::from(version) + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_file_of_every_version_can_be_read() {
        for version in 1..=CURRENT {
            let name = format!("tests/data/config/version-{version}.toml");
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            let file = super::super::ConfigFile::load(&path).unwrap();
            assert_eq!(file.config().version, CURRENT, "{}", path.display());
            assert_eq!(file.config().validate(), [], "{}", path.display());
            assert!(!file.config().streams.is_empty(), "{}", path.display());
        }
    }

    #[test]
    fn the_steps_from_a_files_version_on_are_taken_in_order() {
        let steps: [Step; 3] = [
            |document| document["trace"] = toml_edit::value("one"),
            |document| document["trace"] = toml_edit::value(format!("{} two", say(document))),
            |document| document["trace"] = toml_edit::value(format!("{} three", say(document))),
        ];
        fn say(document: &DocumentMut) -> &str {
            document.get("trace").and_then(|item| item.as_str()).unwrap_or("-")
        }
        for (from, trace) in [(1, "one two three"), (2, "- two three"), (3, "- three"), (4, "-")] {
            let mut document: DocumentMut = format!("# mine\nversion = {from} # kept\n").parse().unwrap();
            run_steps(&mut document, from, &steps);
            assert_eq!(say(&document), trace, "from {from}");
            assert_eq!(document["version"].as_integer(), Some(4));
            assert!(document.to_string().starts_with("# mine\n"));
        }
    }
}
