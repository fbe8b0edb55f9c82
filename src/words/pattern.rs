//! What the test patterns are called.

use crate::i18n::gettext;

/// A name of `config::PATTERNS` as a person would say it; one that is not known is given back as it is.
pub fn pattern(name: &str) -> String {
    match name {
        "smpte" => gettext("Color Bars"),
        "snow" => gettext("Snow"),
        "black" => gettext("Black"),
        "white" => gettext("White"),
        "red" => gettext("Red"),
        "green" => gettext("Green"),
        "blue" => gettext("Blue"),
        "checkers-1" => gettext("Checkers, 1 Pixel"),
        "checkers-2" => gettext("Checkers, 2 Pixels"),
        "checkers-4" => gettext("Checkers, 4 Pixels"),
        "checkers-8" => gettext("Checkers, 8 Pixels"),
        "circular" => gettext("Rings"),
        "blink" => gettext("Blinking"),
        "smpte75" => gettext("Color Bars, 75 %"),
        "zone-plate" => gettext("Zone Plate"),
        "gamut" => gettext("Gamut Checkers"),
        "chroma-zone-plate" => gettext("Color Zone Plate"),
        "solid-color" => gettext("Plain Color"),
        "ball" => gettext("Moving Ball"),
        "smpte100" => gettext("Color Bars, 100 %"),
        "bar" => gettext("Bar"),
        "pinwheel" => gettext("Pinwheel"),
        "spokes" => gettext("Spokes"),
        "gradient" => gettext("Gradient"),
        "colors" => gettext("All Colors"),
        "smpte-rp-219" => gettext("Color Bars, SMPTE RP 219"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PATTERNS;
    use std::collections::HashSet;

    #[test]
    fn every_pattern_has_a_name_of_its_own() {
        let names: HashSet<_> = PATTERNS.iter().map(|name| pattern(name)).collect();
        assert_eq!(names.len(), PATTERNS.len());
        assert!(PATTERNS.iter().all(|name| pattern(name) != *name));
    }
}
