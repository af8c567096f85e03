//! Settling what an earlier run began, by reading.
//!
//! The journal says that a cmdlet was about to be sent, not whether it was. An update needs nothing of its own for that:
//! it reads the object anyway and writes what is still different. A delete is done when the object is not there any more.
//! A create is the case that matters: what it made is looked for, on the domain controller that it was sent to, and only
//! if it is not there is it made.

use std::time::Duration;

use exchange_cmdlets::{ErrorClass, Retry};

use super::prepare::CreateTask;
use super::{Mode, Stop, Work};
use crate::journal::{Made, Progress};
use crate::outcome::{OutcomeError, Status};
use crate::schema::Family;
use crate::session::originating_server;

impl Work<'_> {
    /// Goes on with a create that an earlier run began; `None` when nothing came of it, so that it has to begin anew.
    pub(super) async fn resume_create(
        &mut self,
        task: &CreateTask,
        begun: &Progress,
    ) -> Result<Option<Status>, Stop> {
        let made = match &begun.made {
            Some(made) => made.clone(),
            None => match self.look_for(task, begun).await? {
                Some(made) => made,
                None => return Ok(None),
            },
        };
        self.outcome.id = Some(made.id.to_string());
        self.outcome.server = made.server.clone();
        let how = "the mailbox was made by an earlier run";
        self.settle(task, made.id, made.server.as_deref(), how).await?;
        Ok(Some(self.settled()))
    }

    /// What to say of an operation that an earlier run did; a plan says what is left of it.
    pub(super) fn settled(&self) -> Status {
        match (self.mode, self.outcome.cmdlets.as_deref()) {
            (Mode::Apply, _) => Status::Applied,
            (Mode::Plan, Some([_, ..])) => Status::Planned,
            (Mode::Plan, _) => Status::Unchanged,
        }
    }

    /// Looks whether the cmdlet of an earlier run made the mailbox.
    async fn look_for(
        &mut self,
        task: &CreateTask,
        begun: &Progress,
    ) -> Result<Option<Made>, Stop> {
        if task.identity.is_none() {
            return Err(in_doubt("it names no account that could be looked for"));
        }
        if let Some(made) = self.existing(task, begun).await? {
            return Ok(Some(made));
        }
        let age =
            begun.begun.and_then(|begun| self.inner.environment.now().duration_since(begun).ok());
        let age = age.unwrap_or_default();
        // The service does not show a new mailbox everywhere at once.
        if task.family == Family::OnlineMailbox && age < VISIBLE_WITHIN {
            return Err(in_doubt("the service may not show it yet; look again in some minutes"));
        }
        match RUNS_FOR.checked_sub(age) {
            None => Ok(None),
            Some(rest) => {
                tracing::info!(
                    ?rest,
                    "waiting for what a run that was killed may have left running"
                );
                tokio::time::sleep(rest).await;
                self.existing(task, begun).await
            }
        }
    }

    async fn existing(
        &mut self,
        task: &CreateTask,
        begun: &Progress,
    ) -> Result<Option<Made>, Stop> {
        let found = self.find_existing(task, begun.server.as_deref()).await.map_err(|stop| {
            in_doubt(&format!("it could not be looked for ({})", stop.error.message))
        })?;
        let Some(value) = found else { return Ok(None) };
        let id = super::create::guid(&value).ok_or_else(|| in_doubt("it carries no GUID"))?;
        Ok(Some(Made { id, server: originating_server(&value) }))
    }
}

/// How long a create may go on at the server after whoever asked for it is gone.
const RUNS_FOR: Duration = Duration::from_secs(15);

/// How long a new mailbox of the service may stay unseen.
const VISIBLE_WITHIN: Duration = Duration::from_secs(15 * 60);

fn in_doubt(reason: &str) -> Stop {
    Stop {
        status: Status::Unknown,
        error: OutcomeError::new(
            ErrorClass::Ambiguous,
            Retry::AfterCheck,
            format!(
                "an earlier run began to make this mailbox, and whether it was made cannot be told: {reason}"
            ),
        ),
    }
}
