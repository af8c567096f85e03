//! One function per command: what it prints and how it ends.

mod check;
mod export;
mod import;
mod invoke;
mod schema;
mod simulate;

use std::io;

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
    let connector = &site.connector;
    let result = match cli.command {
        Command::Check { json } => check::run(connector, json, &interrupt).await,
        Command::Schema => schema::run(connector),
        Command::Import(options) => import::run(connector, options, &interrupt).await,
        Command::Export(options) => export::run(connector, &options, &interrupt).await,
        Command::Plan { input } => {
            export::run(connector, &Export { input, dry_run: true }, &interrupt).await
        }
        Command::Invoke(options) => invoke::run(connector, &options, &interrupt).await,
        Command::Simulate(_) => Ok(DONE),
    };
    let code = result.unwrap_or_else(|error| could_not_write(&error));
    site.close().await;
    code
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
