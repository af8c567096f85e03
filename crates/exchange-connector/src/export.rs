//! Applying operations, or saying what would be done.
//!
//! What can be known without the server is decided before anything is sent: malformed lines, unknown attributes, values
//! of the wrong type, passwords that the sign-in method must not carry. Then the deletes are counted against their
//! limit, and only then does the first operation begin. One outcome a line, in the order of the lines.

mod create;
mod current;
mod delete;
mod diff;
mod doubt;
mod guard;
mod hybrid;
mod ledger;
mod online;
mod prepare;
mod run;
mod update;
mod write;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_stream::stream;
use exchange_cmdlets::{CmdletCall, ErrorClass, Retry};
use futures_core::Stream;
use tokio::time::Instant;
use uuid::Uuid;

use self::guard::Verdict;
use self::hybrid::{Halt, Other};
use self::ledger::Ledger;
use self::prepare::{Prepared, Task};
use crate::connector::Inner;
use crate::error::{Error, report};
use crate::journal::{Journal, JournalError, Made, Progress};
use crate::operation::Operation;
use crate::outcome::{AttributeChange, Outcome, OutcomeError, Status};
use crate::session::Session;
use crate::settings::Settings;

/// Whether to write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Apply,
    Plan,
}

/// The outcomes of an export or a plan, as they come.
///
/// [`summary`](Self::summary) counts them and knows the exit code.
pub struct Export {
    outcomes: Pin<Box<dyn Stream<Item = Step> + Send>>,
    summary: Summary,
}

/// How an export went.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Summary {
    /// Operations done.
    pub applied: u64,
    /// Operations with nothing to write.
    pub unchanged: u64,
    /// Operations not done.
    pub failed: u64,
    /// Operations that settings or a guard forbid.
    pub refused: u64,
    /// Operations of which it cannot be told whether they were done.
    pub unknown: u64,
    /// Operations that would be done.
    pub planned: u64,
    /// Why no session could be opened, if that is what stopped the run.
    pub connection: Option<Arc<Error>>,
}

/// What the run tells its stream.
enum Step {
    Outcome(Box<Outcome>),
    NoSession(Arc<Error>),
}

impl Export {
    pub(crate) fn new(
        inner: Arc<Inner>,
        operations: Vec<Operation>,
        mode: Mode,
        journal: Option<Journal>,
    ) -> Self {
        let ledger = journal.map(|journal| Ledger::new(journal, &operations));
        let outcomes = Box::pin(run(inner, operations, mode, ledger));
        Self { outcomes, summary: Summary::default() }
    }

    /// How it went so far.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
}

impl Summary {
    /// The exit code a command line gives: 0, 1 when some operation was not done, 4 when no session could be opened.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match &self.connection {
            Some(error) => error.exit_code(),
            None => u8::from(self.failed + self.refused + self.unknown > 0),
        }
    }

    fn count(&mut self, status: Status) {
        let counter = match status {
            Status::Applied => &mut self.applied,
            Status::Unchanged => &mut self.unchanged,
            Status::Failed => &mut self.failed,
            Status::Refused => &mut self.refused,
            Status::Unknown => &mut self.unknown,
            Status::Planned => &mut self.planned,
        };
        *counter += 1;
    }
}

impl Stream for Export {
    type Item = Outcome;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Outcome>> {
        loop {
            match self.outcomes.as_mut().poll_next(context) {
                Poll::Ready(Some(Step::Outcome(outcome))) => {
                    self.summary.count(outcome.status);
                    return Poll::Ready(Some(*outcome));
                }
                Poll::Ready(Some(Step::NoSession(error))) => self.summary.connection = Some(error),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Export").field("summary", &self.summary).finish_non_exhaustive()
    }
}

fn run(
    inner: Arc<Inner>,
    operations: Vec<Operation>,
    mode: Mode,
    ledger: Option<Ledger>,
) -> impl Stream<Item = Step> + Send {
    stream! {
        let prepared: Vec<Numbered> = operations
            .into_iter()
            .zip(1..)
            .map(|(operation, number)| {
                let progress = ledger.as_ref().map(|ledger| ledger.progress(number));
                let prepared = Prepared::new(operation, &inner.settings);
                Numbered { prepared, number, progress: progress.unwrap_or_default() }
            })
            .collect();
        let mut opening = Opening::new(&inner, ledger.as_ref());
        let due = prepared.iter().filter(|operation| operation.progress.done.is_none());
        let due: Vec<&Prepared> = due.map(|operation| &operation.prepared).collect();
        let verdict = match guard::judge(&due, &mut opening).await {
            Ok(verdict) => verdict,
            Err(error) => {
                yield Step::NoSession(Arc::clone(&error));
                for operation in &prepared {
                    yield outcome(operation.done(mode).unwrap_or_else(|| operation.prepared.without_session(&error)));
                }
                return;
            }
        };
        opening.begin_journal(mode).await;
        let mut told = false;
        for operation in &prepared {
            if let Some(done) = operation.done(mode) {
                yield outcome(done);
                continue;
            }
            let Numbered { prepared, .. } = operation;
            if let Verdict::Refuse(reason) = &verdict {
                yield outcome(prepared.refused_by_guard(reason));
                continue;
            }
            let task = match prepared.task() {
                Ok(task) => task,
                Err(decided) => {
                    yield Step::Outcome(decided);
                    continue;
                }
            };
            match opening.perform(operation, task, mode).await {
                Ok(done) => yield outcome(done),
                Err(error) => {
                    if !told {
                        told = true;
                        yield Step::NoSession(Arc::clone(&error));
                    }
                    yield outcome(prepared.without_session(&error));
                }
            }
        }
    }
}

/// An operation, its place in the input, and how far earlier runs came with it.
struct Numbered {
    prepared: Prepared,
    number: u64,
    progress: Progress,
}

impl Numbered {
    /// The outcome when there is nothing to do any more: that of the run which did it. In a plan nothing would change.
    fn done(&self, mode: Mode) -> Option<Outcome> {
        let mut outcome = self.progress.done.clone()?;
        if mode == Mode::Plan {
            outcome.status = Status::Unchanged;
            outcome.changes = Some(Vec::new());
            outcome.cmdlets = Some(Vec::new());
        }
        Some(outcome)
    }
}

fn outcome(outcome: Outcome) -> Step {
    Step::Outcome(Box::new(outcome))
}

/// Opens sessions for a run, and stops trying after a failure: a refused account must not be tried line after line,
/// until it is locked.
struct Opening<'a> {
    inner: &'a Inner,
    ledger: Option<&'a Ledger>,
    failure: Option<Arc<Error>>,
    /// Why the journal could not be begun; nothing is written then.
    unwritten: Option<JournalError>,
    /// The service's side of a hybrid organisation.
    online: Option<Box<Self>>,
}

impl<'a> Opening<'a> {
    fn new(inner: &'a Inner, ledger: Option<&'a Ledger>) -> Self {
        let online = inner.online.as_deref().map(|online| Box::new(Self::new(online, ledger)));
        Self { inner, ledger, failure: None, unwritten: None, online }
    }

    async fn begin_journal(&mut self, mode: Mode) {
        if let (Mode::Apply, Some(ledger)) = (mode, self.ledger) {
            self.unwritten = ledger.begin(self.inner).await.err();
        }
    }

    async fn session(&mut self) -> Result<Arc<Session>, Arc<Error>> {
        if let Some(error) = &self.failure {
            return Err(Arc::clone(error));
        }
        self.inner.session().await.map_err(|error| {
            let error = Arc::new(error);
            self.failure = Some(Arc::clone(&error));
            error
        })
    }

    /// Does what an operation says.
    async fn perform(
        &mut self,
        operation: &Numbered,
        task: &Task,
        mode: Mode,
    ) -> Result<Outcome, Arc<Error>> {
        if let Some(error) = &self.unwritten {
            let mut outcome = operation.prepared.blank();
            outcome.error = Some(not_journaled(error).error);
            return Ok(outcome);
        }
        let began = Instant::now();
        let mut work = self.work(operation, mode).await?;
        let authority = self.inner.settings.online_side().map(|side| &side.authority);
        let done = match (self.online.as_deref_mut(), authority) {
            (Some(opening), Some(authority)) => {
                let other = Other { opening, operation, authority };
                match work.perform_on_both(task, other).await {
                    Ok(status) => Ok(status),
                    Err(Halt::Stop(stop)) => Err(stop),
                    Err(Halt::NoSession(error)) => return Err(error),
                }
            }
            _ => work.perform(task).await,
        };
        work.end(done);
        if let Some(error) = work.no_session {
            self.failure.get_or_insert(error);
        }
        let mut outcome = work.outcome;
        if let Some((ledger, _, number)) = work.journal
            && let Err(error) = ledger.outcome(number, &outcome, began.elapsed()).await
        {
            outcome.warnings.push(format!("the outcome is not in the journal: {}", report(&error)));
        }
        Ok(outcome)
    }

    /// Begins an operation over the session in use.
    async fn work<'b>(
        &mut self,
        operation: &'b Numbered,
        mode: Mode,
    ) -> Result<Work<'b>, Arc<Error>>
    where
        'a: 'b,
    {
        let Numbered { prepared, number, progress } = operation;
        let session = self.session().await?;
        let mut outcome = prepared.blank();
        if mode == Mode::Plan {
            outcome.changes = Some(Vec::new());
            outcome.cmdlets = Some(Vec::new());
        }
        let journal = match mode {
            Mode::Apply => self.ledger.map(|ledger| (ledger, prepared, *number)),
            Mode::Plan => None,
        };
        Ok(Work {
            inner: self.inner,
            settings: &self.inner.settings,
            session,
            mode,
            outcome,
            journal,
            begun: progress.is_in_doubt().then_some(progress),
            changes: Vec::new(),
            no_session: None,
        })
    }

    fn settings(&self) -> &Settings {
        &self.inner.settings
    }
}

/// One operation under way.
struct Work<'a> {
    inner: &'a Inner,
    settings: &'a Settings,
    session: Arc<Session>,
    mode: Mode,
    outcome: Outcome,
    /// Where what is about to be sent is written down first.
    journal: Option<(&'a Ledger, &'a Prepared, u64)>,
    /// What an earlier run did of the operation, if it is not known what came of it.
    begun: Option<&'a Progress>,
    /// What the next cmdlets change, for the journal.
    changes: Vec<AttributeChange>,
    /// Why no session could be opened in the place of one that was lost.
    no_session: Option<Arc<Error>>,
}

/// An operation ended here, other than well.
#[derive(Debug)]
struct Stop {
    status: Status,
    error: OutcomeError,
}

impl Stop {
    fn failed(error: OutcomeError) -> Self {
        Self { status: Status::Failed, error }
    }

    fn new(class: ErrorClass, retry: Retry, message: impl Into<String>) -> Self {
        Self::failed(OutcomeError::new(class, retry, message))
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Invalid, Retry::Never, message)
    }

    /// Says that it cannot be told what came of the whole.
    fn in_doubt(mut self) -> Self {
        self.status = Status::Unknown;
        (self.error.class, self.error.retry) = (ErrorClass::Ambiguous, Retry::AfterCheck);
        self
    }

    /// Puts what was already done before the server's words.
    fn after(mut self, done: &str) -> Self {
        self.error.message = format!("{done}: {}", self.error.message);
        self
    }
}

/// What cannot be written down is not done.
fn not_journaled(error: &JournalError) -> Stop {
    Stop::new(
        ErrorClass::Transient,
        Retry::Later,
        format!("nothing was sent, for it could not be written down first: {}", report(error)),
    )
}

impl Work<'_> {
    /// Writes down what is about to be sent.
    async fn intend(&mut self, call: &CmdletCall) -> Result<(), Stop> {
        let Some((ledger, operation, number)) = self.journal else { return Ok(()) };
        let written = ledger.intent(number, operation, call, &self.outcome, &self.changes).await;
        self.changes.clear();
        written.map_err(|error| not_journaled(&error))
    }

    /// Writes down what was made. If that fails, the next run finds it by looking.
    async fn note_made(&mut self, id: Uuid, server: Option<&str>) {
        let Some((ledger, _, number)) = self.journal else { return };
        let made = Made { id, server: server.map(str::to_owned) };
        if let Err(error) = ledger.made(number, made).await {
            self.outcome
                .warnings
                .push(format!("the journal does not say what was made: {}", report(&error)));
        }
    }

    async fn perform(&mut self, task: &Task) -> Result<Status, Stop> {
        match task {
            Task::Create(create) => self.create(create).await,
            Task::Update { id, attributes } => self.update(*id, attributes).await,
            Task::Delete { id } => self.delete(*id).await,
        }
    }

    /// Says in the outcome how it ended.
    fn end(&mut self, done: Result<Status, Stop>) {
        match done {
            Ok(status) => self.outcome.status = status,
            Err(stop) => {
                self.outcome.status = stop.status;
                self.outcome.error = Some(stop.error);
            }
        }
    }
}
