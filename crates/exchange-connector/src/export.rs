//! Applying operations, or saying what would be done.
//!
//! What can be known without the server is decided before anything is sent: malformed lines, unknown attributes, values
//! of the wrong type, passwords that the sign-in method must not carry. Then the deletes are counted against their
//! limit, and only then does the first operation begin. One outcome a line, in the order of the lines.

mod create;
mod current;
mod delete;
mod diff;
mod guard;
mod online;
mod prepare;
mod run;
mod update;
mod write;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_stream::stream;
use exchange_cmdlets::{ErrorClass, Retry};
use futures_core::Stream;

use self::guard::Verdict;
use self::prepare::{Prepared, Task};
use crate::connector::Inner;
use crate::error::Error;
use crate::operation::Operation;
use crate::outcome::{Outcome, OutcomeError, Status};
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
    pub(crate) fn new(inner: Arc<Inner>, operations: Vec<Operation>, mode: Mode) -> Self {
        Self { outcomes: Box::pin(run(inner, operations, mode)), summary: Summary::default() }
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
) -> impl Stream<Item = Step> + Send {
    stream! {
        let prepared: Vec<Prepared> = operations
            .into_iter()
            .map(|operation| Prepared::new(operation, &inner.settings))
            .collect();
        let mut opening = Opening::new(&inner);
        let verdict = match guard::judge(&prepared, &mut opening).await {
            Ok(verdict) => verdict,
            Err(error) => {
                yield Step::NoSession(Arc::clone(&error));
                for operation in &prepared {
                    yield outcome(operation.without_session(&error));
                }
                return;
            }
        };
        let mut told = false;
        for operation in &prepared {
            if let Verdict::Refuse(reason) = &verdict {
                yield outcome(operation.refused_by_guard(reason));
                continue;
            }
            let task = match operation.task() {
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
                    yield outcome(operation.without_session(&error));
                }
            }
        }
    }
}

fn outcome(outcome: Outcome) -> Step {
    Step::Outcome(Box::new(outcome))
}

/// Opens sessions for a run, and stops trying after a failure: a refused account must not be tried line after line,
/// until it is locked.
struct Opening<'a> {
    inner: &'a Inner,
    failure: Option<Arc<Error>>,
}

impl<'a> Opening<'a> {
    fn new(inner: &'a Inner) -> Self {
        Self { inner, failure: None }
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
        operation: &Prepared,
        task: &Task,
        mode: Mode,
    ) -> Result<Outcome, Arc<Error>> {
        let session = self.session().await?;
        let mut work = Work {
            inner: self.inner,
            settings: &self.inner.settings,
            session,
            mode,
            outcome: operation.blank(),
            no_session: None,
        };
        work.perform(task).await;
        if let Some(error) = work.no_session {
            self.failure.get_or_insert(error);
        }
        Ok(work.outcome)
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

    /// Puts what was already done before the server's words.
    fn after(mut self, done: &str) -> Self {
        self.error.message = format!("{done}: {}", self.error.message);
        self
    }
}

impl Work<'_> {
    async fn perform(&mut self, task: &Task) {
        if self.mode == Mode::Plan {
            self.outcome.changes = Some(Vec::new());
            self.outcome.cmdlets = Some(Vec::new());
        }
        let done = match task {
            Task::Create(create) => self.create(create).await,
            Task::Update { id, attributes } => self.update(*id, attributes).await,
            Task::Delete { id } => self.delete(*id).await,
        };
        match done {
            Ok(status) => self.outcome.status = status,
            Err(stop) => {
                self.outcome.status = stop.status;
                self.outcome.error = Some(stop.error);
            }
        }
    }
}
