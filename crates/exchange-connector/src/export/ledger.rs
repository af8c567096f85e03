//! One run's entries in the journal.

use std::time::Duration;

use exchange_cmdlets::CmdletCall;

use super::prepare::Prepared;
use crate::connector::Inner;
use crate::journal::{Event, Journal, JournalError, Made, Place, Progress, digest};
use crate::operation::Operation;
use crate::outcome::{AttributeChange, Outcome};
use crate::text::inert;

/// The journal as one run uses it: the input is known, so an operation is known by its number.
pub(super) struct Ledger {
    journal: Journal,
    input: String,
    operations: u64,
}

impl Ledger {
    pub(super) fn new(journal: Journal, operations: &[Operation]) -> Self {
        let plain: Vec<_> = operations.iter().map(|operation| operation.plain.as_str()).collect();
        Self {
            journal,
            input: digest(plain.join("\n").as_bytes()),
            operations: u64::try_from(operations.len()).unwrap_or(u64::MAX),
        }
    }

    fn place(&self, number: u64) -> Place {
        Place { input: self.input.clone(), number }
    }

    /// What earlier runs did of an operation.
    pub(super) fn progress(&self, number: u64) -> Progress {
        self.journal.progress(&self.place(number))
    }

    pub(super) async fn begin(&self, inner: &Inner) -> Result<(), JournalError> {
        let event = Event::Begin {
            input: self.input.clone(),
            operations: self.operations,
            target: inner.target(),
            account: inner.account().map(str::to_owned),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        self.journal.append(event).await
    }

    /// What is about to be sent.
    pub(super) async fn intent(
        &self,
        number: u64,
        operation: &Prepared,
        call: &CmdletCall,
        outcome: &Outcome,
        changes: &[AttributeChange],
    ) -> Result<(), JournalError> {
        let Some(kind) = operation.kind() else { return Ok(()) };
        let changes = changes.iter().filter_map(|change| serde_json::to_value(change).ok());
        let event = Event::Intent {
            place: self.place(number),
            reference: outcome.reference.clone(),
            operation: kind,
            id: outcome.id.clone(),
            server: super::run::bound_to(call),
            cmdlet: inert(&call.to_string()).into_owned(),
            changes: changes.collect(),
        };
        self.journal.append(event).await
    }

    /// The object of a create is there.
    pub(super) async fn made(&self, number: u64, made: Made) -> Result<(), JournalError> {
        let Made { id, server } = made;
        self.journal.append(Event::Made { place: self.place(number), id, server }).await
    }

    /// An operation is over.
    pub(super) async fn outcome(
        &self,
        number: u64,
        outcome: &Outcome,
        took: Duration,
    ) -> Result<(), JournalError> {
        let event = Event::Outcome {
            place: self.place(number),
            outcome: serde_json::to_value(outcome).unwrap_or_default(),
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        };
        self.journal.append(event).await
    }
}
