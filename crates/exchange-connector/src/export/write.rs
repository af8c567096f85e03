//! Sending what writes, and telling what came of it.

use exchange_cmdlets::{CmdletCall, ErrorClass, Identity, ParameterValue, Retry, TransportError};

use super::diff::Difference;
use super::{Mode, Stop, Work};
use crate::error::advised;
use crate::outcome::{OutcomeError, Status};
use crate::schema::Family;
use crate::session::Reply;
use crate::text::{inert, sanitized};

/// What became of a difference.
pub(super) enum Written {
    /// Something was changed.
    Changed,
    /// The server says that nothing was different, although it looked so.
    Nothing,
}

impl Work<'_> {
    /// Writes a difference, one cmdlet after the other; stops at the first that fails.
    pub(super) async fn write(
        &mut self,
        family: Family,
        identity: &Identity,
        server: Option<&str>,
        difference: Difference,
    ) -> Result<Written, Stop> {
        self.outcome.warnings.extend(difference.warnings);
        match &mut self.outcome.changes {
            Some(changes) => changes.extend(difference.changes),
            None => self.changes = difference.changes,
        }
        let mut changed = false;
        let mut done: Vec<&str> = Vec::new();
        for (owner, parameters) in difference.writes {
            let cmdlet = owner.set(family);
            let call = self.writing_call(cmdlet, identity, server, parameters);
            match self.send(call).await {
                Ok(reply) => changed |= !reply.changed_nothing(),
                Err(stop) if done.is_empty() => return Err(stop),
                Err(stop) => return Err(stop.after(&format!("after {} was done", done.join(", ")))),
            }
            done.push(cmdlet);
        }
        Ok(if changed { Written::Changed } else { Written::Nothing })
    }

    pub(super) fn writing_call(
        &self,
        cmdlet: &'static str,
        identity: &Identity,
        server: Option<&str>,
        parameters: Vec<(String, ParameterValue)>,
    ) -> CmdletCall {
        let mut call = CmdletCall::new(cmdlet).parameter("Identity", identity);
        for (name, value) in parameters {
            call = call.parameter(name, value);
        }
        self.session.pin_to(call, server).switch("Confirm", false)
    }

    /// Sends a call that writes, or in a plan notes it down.
    pub(super) async fn send(&mut self, call: CmdletCall) -> Result<Reply, Stop> {
        if self.mode == Mode::Plan {
            self.note(&call);
            return Ok(Reply::default());
        }
        let reply = self.send_unjudged(call).await?;
        match reply.error() {
            None => Ok(reply),
            Some(record) => Err(Stop::failed(OutcomeError::from_record(record))),
        }
    }

    /// Sends a call that writes; error records are left to the caller to judge.
    pub(super) async fn send_unjudged(&mut self, call: CmdletCall) -> Result<Reply, Stop> {
        self.intend(&call).await?;
        let reply = self.run(call).await.map_err(|error| write_failed(&error))?;
        let warnings = reply.warnings.iter().map(|text| sanitized(text).into_owned());
        self.outcome.warnings.extend(warnings);
        Ok(reply)
    }

    pub(super) fn note(&mut self, call: &CmdletCall) {
        if let Some(cmdlets) = &mut self.outcome.cmdlets {
            cmdlets.push(inert(&call.to_string()).into_owned());
        }
    }
}

/// A write whose answer never came may have happened.
fn write_failed(error: &TransportError) -> Stop {
    let message = advised(error);
    match error {
        TransportError::NotSent { .. }
        | TransportError::Denied { .. }
        | TransportError::Throttled { .. }
        | TransportError::Refused { .. }
        | TransportError::Unsupported { .. }
        | TransportError::PipelineFailed { .. } => {
            Stop::failed(OutcomeError::new(error.class(), error.retry(), message))
        }
        _ => Stop {
            status: Status::Unknown,
            error: OutcomeError::new(ErrorClass::Ambiguous, Retry::AfterCheck, message),
        },
    }
}
