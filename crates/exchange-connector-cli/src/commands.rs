//! One function per command: what it prints and how it ends.

mod check;
mod export;
mod import;
mod invoke;
mod schema;
mod simulate;

use std::io;
use std::panic::AssertUnwindSafe;

use exchange_connector::Connector;
use futures_util::FutureExt as _;

use crate::args::{Cli, Command, Export};
use crate::interrupt::Interrupt;
use crate::output::Lines;
use crate::site::Site;
use crate::{DONE, USAGE, complain};

/// Runs the command and gives the exit code.
pub(crate) async fn run(cli: Cli) -> u8 {
    let interrupt = Interrupt::listen();
    if let Command::Simulate(options) = &cli.command {
        return simulate::run(options, &interrupt).await;
    }
    let site = match Site::open(&cli.global).await {
        Ok(site) => site,
        Err(code) => return code,
    };
    // Whatever panics, the sessions are closed while there is still a runtime to do it.
    let result = AssertUnwindSafe(perform(cli.command, &site.connector, &interrupt));
    let result = result.catch_unwind().await;
    site.close().await;
    match result {
        Ok(result) => result.unwrap_or_else(|error| could_not_write(&error)),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

async fn perform(command: Command, connector: &Connector, interrupt: &Interrupt) -> io::Result<u8> {
    match command {
        Command::Check { json } => check::run(connector, json, interrupt).await,
        Command::Schema => schema::run(connector),
        Command::Import(options) => import::run(connector, options, interrupt).await,
        Command::Export(options) => export::run(connector, &options, interrupt).await,
        Command::Plan { input, journal } => {
            export::run(connector, &Export { input, journal, dry_run: true }, interrupt).await
        }
        Command::Invoke(options) => invoke::run(connector, &options, interrupt).await,
        Command::Simulate(_) => Ok(DONE),
    }
}

/// A reader that has gone away is its own affair; anything else is said.
fn could_not_write(error: &io::Error) -> u8 {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return DONE;
    }
    complain(&format!("cannot write the output: {error}"));
    USAGE
}

/// Standard output for lines.
fn lines() -> Lines {
    Lines::stdout()
}
