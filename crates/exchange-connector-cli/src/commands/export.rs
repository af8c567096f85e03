//! `export` and `plan`: one answer per line of input, in order.

use std::io;
use std::path::Path;
use std::time::Duration;

use exchange_connector::{Connector, Export as Outcomes, Journal, JournalError, Operation, report};
use futures_util::StreamExt as _;

use crate::args::Export;
use crate::interrupt::Interrupt;
use crate::{INTERRUPTED, USAGE, complain, complain_of};

pub(super) async fn run(
    connector: &Connector,
    options: &Export,
    interrupt: &Interrupt,
) -> io::Result<u8> {
    let text = tokio::select! {
        text = read(&options.input) => text,
        () = interrupt.wait() => return Ok(INTERRUPTED),
    };
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            complain(&format!("cannot read {}: {error}", options.input.display()));
            return Ok(USAGE);
        }
    };
    let operations = Operation::from_json_lines(&text);
    let mut outcomes = match begin(connector, operations, options) {
        Ok(outcomes) => outcomes,
        Err(error) => {
            complain(&report(&error));
            return Ok(USAGE);
        }
    };
    let mut lines = super::lines();
    loop {
        let next = tokio::select! {
            next = outcomes.next() => next,
            // An operation that has begun is given time to end, so that its outcome can be told.
            () = async { interrupt.wait().await; tokio::time::sleep(GRACE).await } => return Ok(INTERRUPTED),
        };
        let Some(outcome) = next else { break };
        lines.write(&outcome)?;
        lines.flush()?;
        if interrupt.is_asked() {
            return Ok(INTERRUPTED);
        }
    }
    if let Some(error) = &outcomes.summary().connection {
        complain_of(&error.report(), error.remedy());
    }
    Ok(outcomes.summary().exit_code())
}

fn begin(
    connector: &Connector,
    operations: Vec<Operation>,
    options: &Export,
) -> Result<Outcomes, JournalError> {
    Ok(match (&options.journal, options.dry_run) {
        (None, false) => connector.export(operations),
        (None, true) => connector.plan(operations),
        (Some(path), false) => connector.export_with_journal(operations, Journal::open(path)?),
        (Some(path), true) => connector.plan_with_journal(operations, Journal::read(path)?),
    })
}

/// Reads the whole input, on a thread that nobody waits for: whoever writes it may take any time, or never end.
async fn read(path: &Path) -> io::Result<String> {
    let path = path.to_owned();
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let text = if path == Path::new("-") {
            io::read_to_string(io::stdin())
        } else {
            std::fs::read_to_string(path)
        };
        // Nobody listens any more after an interrupt.
        let _ = tell.send(text);
    });
    told.await.unwrap_or_else(|_| Err(io::Error::other("the reading thread ended early")))
}

/// How long an operation may go on after an interrupt.
const GRACE: Duration = Duration::from_secs(30);
