//! Running a call, and running it again where that is safe.
//!
//! Reads are repeated freely, over another session if need be. A write is repeated only when it certainly did not run; one
//! that may have run is left to whoever called, who says so.

use std::borrow::Cow;
use std::sync::Arc;

use exchange_cmdlets::recovery::{Attempts, Decision, Failure, Over, Purpose};
use exchange_cmdlets::{CmdletCall, ParameterValue, TransportError};
use tokio::time::Instant;

use super::Work;
use crate::error::report;
use crate::session::{Reply, Session};
use crate::text::sanitized;

impl Work<'_> {
    /// Runs a call to its end.
    pub(super) async fn run(&mut self, mut call: CmdletCall) -> Result<Reply, TransportError> {
        let purpose = if call.is_writing() { Purpose::Write } else { Purpose::Read };
        let mut attempts = Attempts::begin(Instant::now().into_std());
        loop {
            let result = self.session.run(call.clone()).await;
            let Some((failure, reason)) = failure(&result) else { return result };
            let now = Instant::now().into_std();
            attempts.failed();
            let recovery = &self.inner.recovery;
            let Decision::Again(again) =
                recovery.decide(purpose, &failure, &attempts, now, self.inner.environment.chance())
            else {
                return result;
            };
            let wait = again.after;
            tracing::warn!(cmdlet = %call.name, ?wait, %reason, "trying again");
            tokio::time::sleep(wait).await;
            if again.over != Over::SameSession || self.session.is_spent() {
                match self.inner.session().await {
                    Ok(session) => {
                        if again.unpin {
                            call = repin(call, &self.session, &session);
                        }
                        self.session = session;
                    }
                    Err(error) => {
                        self.no_session = Some(Arc::new(error));
                        return result;
                    }
                }
            }
        }
    }
}

/// What went wrong, if it may pass. A call that gave something as well has run.
fn failure(result: &Result<Reply, TransportError>) -> Option<(Failure, String)> {
    match result {
        Err(error) => Some((Failure::of(error), report(error))),
        Ok(Reply { objects, errors, .. }) => match (objects.as_slice(), errors.as_slice()) {
            ([], [record]) => Some((Failure::of_record(record), sanitized(&record.message).into()))
                .filter(|(failure, _)| failure.may_pass()),
            _ => None,
        },
    }
}

/// The domain controller that a call names.
pub(super) fn bound_to(call: &CmdletCall) -> Option<String> {
    match call.argument("DomainController") {
        Some(ParameterValue::Value(value)) => value.text().map(Cow::into_owned),
        _ => None,
    }
}

/// Binds a call to the domain controller of the new session, if it was bound to that of the old one.
fn repin(call: CmdletCall, old: &Session, new: &Session) -> CmdletCall {
    let bound = bound_to(&call);
    let was = old.domain_controller();
    match (bound, new.domain_controller()) {
        (Some(bound), Some(server)) if was.is_some_and(|was| bound.eq_ignore_ascii_case(was)) => {
            call.parameter("DomainController", server)
        }
        _ => call,
    }
}
