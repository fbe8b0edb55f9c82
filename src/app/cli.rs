//! The command line's words.

use super::build_info;
use std::path::PathBuf;

/// Turns a test pattern, a file or another stream into an RTSP stream that any player can read.
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

    /// Keep a user's password, or as relay:ID that of a relay, read as one line from standard input
    #[arg(long, value_name = "USER", conflicts_with = "headless", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub set_password: Option<String>,

    /// How the session bus starts the program, when something asks for it there: no window until it is asked for
    #[cfg(feature = "gui")]
    #[arg(long, hide = true, conflicts_with_all = ["config", "headless", "check_config", "set_password"])]
    pub gapplication_service: bool,
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
            &["headwater", "--gapplication-service", "--config", "cameras.toml"],
        ] {
            assert!(Cli::try_parse_from(arguments).is_err(), "{arguments:?}");
        }
    }
}
