//! The command line of the Exchange connector.
//!
//! It parses arguments, prints what the library gives, shows progress, and turns results into exit codes; everything else
//! is in [`exchange_connector`] and [`exchange_sim`].

mod args;
mod commands;
mod interrupt;
mod kerberos;
mod logging;
mod output;
mod progress;
mod site;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Cli;

/// Everything went well.
pub(crate) const DONE: u8 = 0;
/// Something was refused before it began: usage, settings, files.
pub(crate) const USAGE: u8 = 2;
/// Stopped by a signal, or by the reader of the output.
pub(crate) const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let cli = Cli::parse_from(args::normalise(words));
    logging::start(cli.global.log_level, cli.global.log_format);
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => ExitCode::from(runtime.block_on(commands::run(cli))),
        Err(error) => {
            complain(&format!("cannot start: {error}"));
            ExitCode::from(USAGE)
        }
    }
}

/// Says on standard error why something did not work.
pub(crate) fn complain(message: &str) {
    say(&format!("error: {message}"));
}

/// Says on standard error why something did not work, and what to do about it where that is known.
pub(crate) fn complain_of(message: &str, remedy: Option<String>) {
    complain(message);
    if let Some(remedy) = remedy {
        say(&format!("remedy: {remedy}"));
    }
}

/// Says something on standard error. The work goes on where nobody reads it, as after a hangup.
pub(crate) fn say(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
}
