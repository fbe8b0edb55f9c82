//! Packs templates, style and icons into the program.

fn main() {
    if std::env::var_os("CARGO_FEATURE_GUI").is_some() {
        glib_build_tools::compile_resources(
            &["src/ui", "data"],
            "data/headwater.gresource.xml",
            "headwater.gresource",
        );
    }
}
