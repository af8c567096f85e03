//! The limit on deletes, judged before the first write.

use std::sync::Arc;

use exchange_cmdlets::recovery::{Attempts, Decision, Failure, Purpose};
use exchange_cmdlets::{CmdletCall, CmdletItem};
use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::Opening;
use super::prepare::Prepared;
use crate::error::{Error, advised};
use crate::managed::is_system;
use crate::schema::Family;
use crate::session::Session;
use crate::settings::{MaxDeletes, Settings};

/// Whether the run may begin.
pub(super) enum Verdict {
    Proceed,
    /// Nothing is written, for this reason.
    Refuse(String),
}

/// Counts the deletes against `export.max_deletes`; asks the server for the number of objects only when a share needs it.
pub(super) async fn judge(
    prepared: &[&Prepared],
    opening: &mut Opening<'_>,
) -> Result<Verdict, Arc<Error>> {
    let deletes = prepared.iter().filter(|operation| operation.is_delete()).count();
    let deletes = u64::try_from(deletes).unwrap_or(u64::MAX);
    let limit = opening.settings().export.max_deletes;
    let allowed = match limit {
        // A share of one object is always allowed, unless it is a share of nothing.
        MaxDeletes::Percent(percent) if deletes <= u64::from(percent > 0) => deletes,
        MaxDeletes::Count(_) => limit.allowed(0),
        MaxDeletes::Percent(_) => match count(opening).await? {
            Ok(objects) => limit.allowed(objects),
            Err(reason) => {
                return Ok(Verdict::Refuse(format!(
                    "export.max_deletes = {limit} is a share of the objects on the server, which could not be \
                         counted ({reason}); use a count, or try again"
                )));
            }
        },
    };
    if deletes <= allowed {
        return Ok(Verdict::Proceed);
    }
    Ok(Verdict::Refuse(format!(
        "the run holds {deletes} deletes, but export.max_deletes = {limit} allows {allowed}; nothing was written"
    )))
}

/// Counts the mailboxes that are managed, again when that failed for a reason that may pass.
///
/// The inner error says why they could not be counted.
async fn count(opening: &mut Opening<'_>) -> Result<Result<u64, String>, Arc<Error>> {
    let recovery = opening.inner.recovery;
    let mut attempts = Attempts::begin(Instant::now().into_std());
    loop {
        let session = opening.session().await?;
        let (failure, reason) = match count_managed(&session, opening.settings()).await {
            Ok(objects) => return Ok(Ok(objects)),
            Err(failed) => failed,
        };
        let now = Instant::now().into_std();
        attempts.failed();
        match recovery.decide(
            Purpose::Read,
            &failure,
            &attempts,
            now,
            opening.inner.environment.chance(),
        ) {
            Decision::Again(again) => tokio::time::sleep(again.after).await,
            Decision::GiveUp(_) => return Ok(Err(reason)),
        }
    }
}

/// Counts the mailboxes that are managed, reading as little of them as the server allows.
async fn count_managed(
    session: &Arc<Session>,
    settings: &Settings,
) -> Result<u64, (Failure, String)> {
    let mut objects = 0;
    for family in Family::of(&settings.infrastructure) {
        let call = CmdletCall::new(family.get()).parameter("ResultSize", "Unlimited").select([
            "Guid",
            "Name",
            "RecipientTypeDetails",
        ]);
        let mut items = session.invoke(session.pin(call));
        while let Some(item) = items.next().await {
            match item {
                Ok(CmdletItem::Object(value)) => {
                    let text = |name: &str| {
                        value.property(name).and_then(clixml::Value::text).unwrap_or_default()
                    };
                    objects += u64::from(!is_system(&text("RecipientTypeDetails"), &text("Name")));
                }
                Ok(CmdletItem::Error(record)) => {
                    return Err((Failure::of_record(&record), record.message));
                }
                Ok(_) => {}
                Err(error) => {
                    let failure = Failure::of(&error);
                    let error = Error::from_transport(family.get(), error);
                    return Err((failure, advised(&error)));
                }
            }
        }
    }
    Ok(objects)
}
