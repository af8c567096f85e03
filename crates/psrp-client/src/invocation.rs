//! A running pipeline, as its reader sees it.

use std::sync::Arc;

use futures_core::Stream;
use psrp::{FinalState, PipelineEvent, PipelineId, PipelineLoss, PipelineOutcome};

use crate::carrier::CarrierError;
use crate::driver::Driver;
use crate::error::Error;
use crate::outlet::{Outlet, Taken};
use crate::record::Record;

/// What waits in the outlet of a pipeline.
pub(crate) enum Entry {
    /// What the machine says.
    Event(PipelineEvent),
    /// The transport failed; `started` when the command was running.
    Failed { error: CarrierError, started: bool },
}

/// A running pipeline: its records, until it ends. Dropping it stops the pipeline.
pub struct Invocation {
    driver: Arc<Driver>,
    id: PipelineId,
    command: String,
    outlet: Arc<Outlet<Entry>>,
    /// What came since the last output.
    without_output: usize,
    ended: bool,
}

impl std::fmt::Debug for Invocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invocation")
            .field("command", &self.command)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Invocation {
    pub(crate) fn new(
        driver: Arc<Driver>,
        id: PipelineId,
        command: String,
        outlet: Arc<Outlet<Entry>>,
    ) -> Self {
        Self { driver, id, command, outlet, without_output: 0, ended: false }
    }

    /// The id of the pipeline, by which another client may [take it over](crate::RunspacePool::attach).
    #[must_use]
    pub const fn id(&self) -> PipelineId {
        self.id
    }

    /// The names of the pipeline's commands, joined by ` | `.
    #[must_use]
    pub fn command(&self) -> &str {
        &self.command
    }

    /// Stops the pipeline. Its records go on until its end, which is [`Error::Stopped`] unless it had ended already.
    ///
    /// One that does not stop within [`PoolOptions::control_timeout`](crate::PoolOptions::control_timeout) is given up.
    pub fn stop(&self) {
        self.driver.stop(self.id);
    }

    /// Waits for the next record. `None` comes only after the server said that the pipeline has completed.
    ///
    /// The wait is bounded by [`PoolOptions::stall_timeout`](crate::PoolOptions::stall_timeout). It may be cancelled
    /// without loss.
    ///
    /// # Errors
    ///
    /// Whatever ended the pipeline otherwise: [`Error::Failed`], [`Error::Stopped`], [`Error::NotStarted`],
    /// [`Error::CutOff`], [`Error::Pipes`], [`Error::Lost`], [`Error::Stalled`], [`Error::Flooded`]. It is the last item.
    pub async fn next(&mut self) -> Option<Result<Record, Error>> {
        while !self.ended {
            match self.outlet.take() {
                Taken::Item(entry) => {
                    if self.is_flooded(&entry) {
                        let limit = self.driver.options().max_records_without_output;
                        self.driver.stop(self.id);
                        return self.end(Error::Flooded { command: self.command.clone(), limit });
                    }
                    if let Some(item) = self.translate(entry) {
                        return Some(item);
                    }
                }
                Taken::End => {
                    return self.end(Error::Lost {
                        command: self.command.clone(),
                        loss: PipelineLoss::PoolBroken,
                    });
                }
                Taken::Empty => {
                    let after = self.driver.options().stall_timeout;
                    if tokio::time::timeout(after, self.outlet.wait_readable()).await.is_err() {
                        let waiting_for = format!("a row, record or state of {}", self.command);
                        self.driver.stop(self.id);
                        return self.end(Error::Stalled { waiting_for, after });
                    }
                }
            }
        }
        None
    }

    /// Turns the pipeline into a stream of its records.
    pub fn into_stream(self) -> impl Stream<Item = Result<Record, Error>> + Send {
        futures_util::stream::unfold(self, async |mut invocation| {
            let item = invocation.next().await?;
            Some((item, invocation))
        })
    }

    /// Counts what is no output. A server that sends such things for ever is never silent, and so never stalls.
    fn is_flooded(&mut self, entry: &Entry) -> bool {
        match entry {
            Entry::Event(PipelineEvent::Output(_)) => self.without_output = 0,
            Entry::Event(PipelineEvent::Finished(_)) | Entry::Failed { .. } => {}
            Entry::Event(_) => self.without_output += 1,
        }
        self.without_output > self.driver.options().max_records_without_output
    }

    fn end(&mut self, error: Error) -> Option<Result<Record, Error>> {
        self.ended = true;
        Some(Err(error))
    }

    fn translate(&mut self, entry: Entry) -> Option<Result<Record, Error>> {
        let event = match entry {
            Entry::Event(event) => event,
            Entry::Failed { error, started } => {
                return self.end(error.of_command(self.command.clone(), started));
            }
        };
        Some(Ok(match event {
            PipelineEvent::Output(value) => Record::Output(value),
            PipelineEvent::Error(record) => Record::Error(record),
            PipelineEvent::Warning(record) => Record::Warning(record.message),
            PipelineEvent::Verbose(record) => Record::Verbose(record.message),
            PipelineEvent::Debug(record) => Record::Debug(record.message),
            PipelineEvent::Progress(record) => Record::Progress(record),
            PipelineEvent::Information(record) => Record::Information(record),
            PipelineEvent::Undecodable { message_type, error, .. } => {
                Record::Undecodable { message_type, error }
            }
            PipelineEvent::Finished(outcome) => return self.finish(outcome),
            // Host calls are answered by the machine, and nobody else needs to know.
            _ => return None,
        }))
    }

    fn finish(&mut self, outcome: PipelineOutcome) -> Option<Result<Record, Error>> {
        self.ended = true;
        let command = self.command.clone();
        let error = match (outcome.state, outcome.error, outcome.loss) {
            (_, _, Some(loss)) => Error::Lost { command, loss },
            (FinalState::Completed, _, _) => return None,
            (FinalState::Failed, Some(record), _) => Error::Failed { command, record },
            (FinalState::Failed, None, _) => {
                Error::Lost { command, loss: PipelineLoss::NoFinalState }
            }
            (FinalState::Stopped, _, _) => Error::Stopped { command },
        };
        Some(Err(error))
    }
}

impl Drop for Invocation {
    fn drop(&mut self) {
        self.outlet.abandon();
        if !self.ended {
            self.driver.stop(self.id);
        }
    }
}
