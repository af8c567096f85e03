//! What creating means in Exchange Online.
//!
//! `Enable-Mailbox` cannot make a mailbox there: one comes into being when a licence is given to the user. So "enable"
//! takes a mailbox that is there, and says "not yet" where there is none. A mailbox that was deleted keeps its name and
//! addresses for thirty days, so it is looked for before a new one is made.

use clixml::Value;
use exchange_cmdlets::{CmdletCall, ErrorClass, ErrorRecord, ParameterValue, Retry};
use uuid::Uuid;

use super::create::{VISIBILITY_WAIT, guid};
use super::current::{only_object, read_failed};
use super::prepare::CreateTask;
use super::{Mode, Stop, Work};
use crate::outcome::Status;
use crate::session::originating_server;

impl Work<'_> {
    /// Takes the mailbox that a licence made, and gives it its attributes.
    pub(super) async fn adopt(&mut self, task: &CreateTask) -> Result<Status, Stop> {
        let Some(identity) = &task.identity else {
            return Err(Stop::invalid("the account has no name"));
        };
        let found = self.find_existing(task, None).await?;
        let id = found
            .as_ref()
            .and_then(|value| value.property("Guid").and_then(Value::as_guid))
            .filter(|id: &Uuid| !id.is_nil());
        let (Some(found), Some(id)) = (found, id) else {
            self.need_account(identity).await?;
            return Err(Stop::new(
                ErrorClass::Transient,
                Retry::Later,
                format!(
                    "{identity} has no mailbox yet: give the user a licence with Exchange Online; the mailbox then comes \
                     within minutes, sometimes hours"
                ),
            ));
        };
        self.outcome.id = Some(id.to_string());
        self.outcome.server = originating_server(&found);
        if let Some(archive) = self.archive_call(task) {
            self.send(archive).await?;
        }
        if self.mode == Mode::Plan {
            return self.update(id, &task.attributes_to_write()).await;
        }
        let current = self.read_back(task, id, None).await?;
        self.write_rest(task, id, None, &current).await.map_err(|stop| {
            stop.after("the mailbox was there, but not all of its attributes were set")
        })?;
        Ok(Status::Applied)
    }

    /// The call that adds an archive, when the task asks for one.
    fn archive_call(&self, task: &CreateTask) -> Option<CmdletCall> {
        let archives = |name: &str| {
            ["Archive", "AutoExpandingArchive"].iter().any(|one| one.eq_ignore_ascii_case(name))
        };
        let asked = task
            .parameters
            .iter()
            .any(|(name, value)| archives(name) && !matches!(value, ParameterValue::Switch(false)));
        let mut call =
            CmdletCall::new("Enable-Mailbox").parameter("Identity", task.identity.as_ref()?);
        for (name, value) in &task.parameters {
            call = call.parameter(name.as_str(), value.clone());
        }
        asked.then(|| call.switch("Confirm", false))
    }

    /// Looks whether a mailbox came to be although the answer was lost. It was not there before, so if it is there now, it
    /// was made; if it is not, nothing is known, for the service may still be at it.
    pub(super) async fn look_back(
        &mut self,
        task: &CreateTask,
        cmdlet: &str,
        mut lost: Stop,
    ) -> Result<(Uuid, Option<String>), Stop> {
        let looks = if task.identity.is_some() { LOOKS_BACK } else { 0 };
        for look in 0..looks {
            if look > 0 {
                tokio::time::sleep(VISIBILITY_WAIT).await;
            }
            let found = match self.find_existing(task, None).await {
                Ok(found) => found,
                Err(stop) => {
                    lost.error
                        .message
                        .push_str(&format!("; looking for it: {}", stop.error.message));
                    return Err(lost);
                }
            };
            if let Some((id, value)) = found.as_ref().and_then(|value| Some((guid(value)?, value)))
            {
                let reason = &lost.error.message;
                self.outcome.warnings.push(format!(
                    "the answer of {cmdlet} was lost, but the mailbox, which was not there before, was made: {reason}"
                ));
                return Ok((id, originating_server(value)));
            }
        }
        if looks > 0 {
            lost.error
                .message
                .push_str("; it is not there, or not yet: look again in some minutes");
        }
        Err(lost)
    }

    /// Refuses to make a mailbox whose name a deleted one still holds.
    pub(super) async fn refuse_deleted(&mut self, task: &CreateTask) -> Result<(), Stop> {
        let Some(identity) = &task.identity else {
            return Ok(());
        };
        let call = CmdletCall::new("Get-Mailbox")
            .parameter("Identity", identity)
            .switch("SoftDeletedMailbox", true)
            .select(["Guid", "Name", "UserPrincipalName"]);
        let reply = self.run(call).await.map_err(|error| read_failed(&error))?;
        // Several may be gone under one name, and each of them holds it.
        let several = reply.objects.len() > 1;
        let found: Result<Value, ErrorRecord> = match reply.objects.first() {
            Some(first) if several => Ok(first.clone()),
            _ => only_object("Get-Mailbox", reply)?,
        };
        let Ok(found) = found else { return Ok(()) };
        self.outcome.id = found.property("Guid").and_then(Value::as_guid).map(|id| id.to_string());
        Err(Stop::new(
            ErrorClass::Conflict,
            Retry::Never,
            format!(
                "{identity} belongs to a mailbox that was deleted less than thirty days ago: restore it with \
                 Undo-SoftDeletedMailbox, or delete it for good"
            ),
        ))
    }
}

/// How often a mailbox is looked for whose making gave no answer.
const LOOKS_BACK: u32 = 4;
