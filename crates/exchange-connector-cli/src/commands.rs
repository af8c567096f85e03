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
use crate::{DONE, INTERRUPTED, USAGE, complain};

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
    let work = async |connector: &Connector| perform(cli.command, connector, &interrupt).await;
    closing_after(site, work).await.unwrap_or_else(|error| could_not_write(&error))
}

/// Works with a site and closes it whatever becomes of that: also after a panic, while there is still a runtime to do it.
async fn closing_after<T>(site: Site, work: impl AsyncFnOnce(&Connector) -> T) -> T {
    let result = AssertUnwindSafe(work(&site.connector)).catch_unwind().await;
    site.close().await;
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
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

/// A reader that has gone away knows that it did not get everything; anything else is said.
fn could_not_write(error: &io::Error) -> u8 {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return INTERRUPTED;
    }
    complain(&format!("cannot write the output: {error}"));
    USAGE
}

/// Standard output for lines.
fn lines() -> Lines {
    Lines::stdout()
}

#[cfg(test)]
mod tests {
    use exchange_connector::Settings;
    use exchange_sim::{SimOptions, Simulator};

    use super::*;

    #[tokio::test]
    async fn sessions_are_closed_after_a_panic() {
        let simulator = Simulator::start(SimOptions::default().mailboxes(3)).await.unwrap();
        let settings = Settings::from_toml_str(&simulator.settings_toml()).unwrap();
        let site = Site::of(Connector::open(settings).await.unwrap());
        let work = closing_after(site, async |connector: &Connector| {
            assert!(connector.check().await.ok);
            assert_eq!(simulator.open_shells(), 1);
            panic!("in the middle of the work");
        });
        let ended: Result<(), _> = AssertUnwindSafe(work).catch_unwind().await;
        let panic = ended.unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"in the middle of the work"));
        assert_eq!(simulator.open_shells(), 0);
    }
}
