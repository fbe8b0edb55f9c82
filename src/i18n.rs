//! Translation: gettext's catalogue of this program, and sentences with named arguments.

pub use gettextrs::gettext;

/// The gettext domain: the name of the `.mo` files.
const DOMAIN: &str = "headwater";

/// Where translations are installed; `build-aux/install.sh` and packages set it when they build.
const LOCALEDIR: &str = match option_env!("LOCALEDIR") {
    Some(folder) => folder,
    None => "/usr/local/share/locale",
};

/// Finds the catalogue of the user's language, which GTK takes from the environment when it starts; without GTK,
/// and without a catalogue, all stays English. Call once, before anything is translated.
pub fn init() {
    let bound = gettextrs::bindtextdomain(DOMAIN, LOCALEDIR)
        .and_then(|_| gettextrs::bind_textdomain_codeset(DOMAIN, "UTF-8"))
        .and_then(|_| gettextrs::textdomain(DOMAIN));
    if let Err(error) = bound {
        tracing::warn!(%error, "no translations");
    }
}

/// Translates a sentence and fills in its arguments: `{name}` is replaced by the value of `name`.
pub fn gettext_f(sentence: &str, arguments: &[(&str, &str)]) -> String {
    fill_in(&gettext(sentence), arguments)
}

/// Like [`gettext_f`], with the form that the number asks for; `{n}` is the number.
pub fn ngettext_f(singular: &str, plural: &str, n: u32, arguments: &[(&str, &str)]) -> String {
    let number = n.to_string();
    let arguments: Vec<_> = arguments.iter().copied().chain([("n", number.as_str())]).collect();
    fill_in(&gettextrs::ngettext(singular, plural, n), &arguments)
}

/// Replaces in one pass, so that braces in a value (a file's name) are left as they are.
fn fill_in(sentence: &str, arguments: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        filled.push_str(before);
        let known = from
            .find('}')
            .and_then(|close| Some((close, arguments.iter().find(|(name, _)| *name == &from[1..close])?)));
        rest = match known {
            Some((close, (_, value))) => {
                filled.push_str(value);
                &from[close + 1..]
            }
            None => {
                filled.push('{');
                &from[1..]
            }
        };
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_filled_in_by_name() {
        assert_eq!(gettext_f("{b} before {a}", &[("a", "1"), ("b", "2")]), "2 before 1");
    }

    #[test]
    fn braces_in_a_value_are_not_filled_in() {
        assert_eq!(gettext_f("{a}, {b}", &[("a", "{b}"), ("b", "x")]), "{b}, x");
    }

    #[test]
    fn an_unknown_argument_is_left_as_it_is() {
        assert_eq!(gettext_f("{a} {", &[("b", "x")]), "{a} {");
    }

    #[test]
    fn the_number_chooses_the_form() {
        assert_eq!(ngettext_f("{n} viewer", "{n} viewers", 1, &[]), "1 viewer");
        assert_eq!(ngettext_f("{n} viewer", "{n} viewers", 3, &[]), "3 viewers");
    }
}
