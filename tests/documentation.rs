//! What the documents show has to be true: their examples are read by the program's own code.

use headwater::config::ConfigFile;
use std::fs;
use std::path::Path;

#[test]
fn the_configuration_of_the_readme_can_be_served() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let examples: Vec<&str> = readme
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split_once("```").expect("an example ends").0)
        .collect();
    assert!(!examples.is_empty());
    let folder = tempfile::tempdir().unwrap();
    for example in examples {
        let path = folder.path().join("config.toml");
        fs::write(&path, example).unwrap();
        let file = ConfigFile::load(&path).unwrap();
        assert_eq!(file.config().validate(), []);
    }
}
