//! What a journal says about operations.

use std::collections::HashMap;
use std::io::{BufRead, Read as _};
use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;
use uuid::Uuid;

use super::error::JournalError;
use super::line::{Chain, Event, Line, Place, digest};
use crate::operation::OperationKind;
use crate::outcome::{Outcome, Status};

/// What became of every operation that a journal knows.
#[derive(Default)]
pub(super) struct History {
    operations: HashMap<Place, Progress>,
}

/// How far an operation came in earlier runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// When the last cmdlet was about to be sent.
    pub(crate) begun: Option<SystemTime>,
    /// The domain controller that it was about to be sent to.
    pub(crate) server: Option<String>,
    /// The object that was made.
    pub(crate) made: Option<Made>,
    /// The outcome, if it is one that needs nothing more.
    pub(crate) done: Option<Outcome>,
}

/// An object that a create made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) id: Uuid,
    pub(crate) server: Option<String>,
}

impl History {
    /// Reads and verifies every line; gives where the chain stands, and how many bytes of the file belong to it.
    ///
    /// A last line without a line feed was cut off when a run was killed: what it speaks of was not begun, or not yet
    /// over, so it counts as not written.
    pub(super) fn read(
        path: &Path,
        mut file: impl BufRead,
    ) -> Result<(Self, Chain, u64), JournalError> {
        let (mut history, mut chain, mut length) = (Self::default(), Chain::new(), 0_u64);
        let mut bytes = Vec::new();
        for number in 1.. {
            let broken =
                |problem| JournalError::Broken { path: path.to_owned(), line: number, problem };
            bytes.clear();
            let read = file
                .by_ref()
                .take(MAX_LINE)
                .read_until(b'\n', &mut bytes)
                .map_err(|source| JournalError::Io { path: path.to_owned(), source })?;
            let read = u64::try_from(read).unwrap_or(u64::MAX);
            let Some(text) = bytes.strip_suffix(b"\n") else {
                if read == MAX_LINE {
                    return Err(broken("is longer than any line of a journal"));
                }
                // It is going to be cut away, so it has to be ours: a file of somebody else may be a single line.
                if !chain.may_begin(&bytes) {
                    return Err(broken("is not the beginning of a line of a journal"));
                }
                break;
            };
            let line: Line =
                serde_json::from_slice(text).map_err(|_| broken("is not a line of a journal"))?;
            chain.check(&line).map_err(broken)?;
            chain.push(digest(text));
            history.take(line);
            length += read;
        }
        Ok((history, chain, length))
    }

    fn take(&mut self, line: Line) {
        let written = line.written();
        match line.event {
            Event::Begin { .. } | Event::Other => {}
            Event::Intent { place, server, .. } => {
                let progress = self.operations.entry(place).or_default();
                progress.begun = written.or(Some(SystemTime::UNIX_EPOCH));
                progress.server = server;
            }
            Event::Made { place, id, server } => {
                self.operations.entry(place).or_default().made = Some(Made { id, server });
            }
            Event::Outcome { place, outcome, .. } => {
                self.operations.entry(place).or_default().end(outcome);
            }
        }
    }

    pub(super) fn of(&self, place: &Place) -> Progress {
        self.operations.get(place).cloned().unwrap_or_default()
    }
}

impl Progress {
    /// Whether something may have been written of which it is not known what became.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.done.is_none() && (self.begun.is_some() || self.made.is_some())
    }

    /// An outcome that says what was done ends the doubt; a failure leaves only what was made.
    fn end(&mut self, outcome: serde_json::Value) {
        let Ok(recorded) = serde_json::from_value::<Recorded>(outcome) else { return };
        match recorded.status {
            Status::Applied | Status::Unchanged => self.done = Some(recorded.into()),
            Status::Failed | Status::Refused => {
                self.begun = None;
                self.server = None;
            }
            Status::Unknown | Status::Planned => {}
        }
    }
}

/// What an outcome that needs nothing more consists of.
#[derive(Deserialize)]
struct Recorded {
    #[serde(rename = "ref", default)]
    reference: Option<serde_json::Value>,
    #[serde(default)]
    operation: Option<OperationKind>,
    status: Status,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    server: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

impl From<Recorded> for Outcome {
    fn from(recorded: Recorded) -> Self {
        let Recorded { reference, operation, status, id, server, warnings } = recorded;
        Self {
            reference,
            operation,
            status,
            id,
            server,
            warnings,
            error: None,
            changes: None,
            cmdlets: None,
        }
    }
}

/// The longest line, in bytes.
const MAX_LINE: u64 = 16 * 1024 * 1024;
