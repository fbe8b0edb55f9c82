//! The command line's words.

use super::build_info;
use std::path::PathBuf;

/// Turns a test pattern or a file into an RTSP stream that any player can read.
#[derive(Debug, clap::Parser)]
#[command(name = "headwater", version = build_info::VERSION)]
pub struct Cli {
    /// Serve without a window, until SIGINT or SIGTERM
    #[arg(long)]
    pub headless: bool,

    /// The configuration [default: headwater/config.toml in the XDG config folder]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Say everything that is wrong with the configuration, and end with code 0 or 1
    #[arg(long, conflicts_with_all = ["headless", "set_password"])]
    pub check_config: bool,

    /// Keep a user's password, read as one line from standard input
    #[arg(long, value_name = "USER", conflicts_with = "headless", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub set_password: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn one_thing_is_done_at_a_time() {
        for arguments in [
            &["headwater", "--check-config", "--set-password", "guest"][..],
            &["headwater", "--headless", "--check-config"],
            &["headwater", "--set-password", ""],
            &["headwater", "--set-password"],
        ] {
            assert!(Cli::try_parse_from(arguments).is_err(), "{arguments:?}");
        }
    }
}
