//! Attributes that another cmdlet shows, joined to their objects by GUID.
//!
//! The command that lists the mailboxes occupies its session until it ends, so these reads have a session of their own.
//! They go by batches: one filter names the objects of a batch, which costs one more command for every fifty objects and
//! keeps memory bounded.

use std::collections::BTreeMap;

use clixml::Value;
use exchange_cmdlets::recovery::Failure;
use exchange_cmdlets::{CmdletCall, WarningKind};
use uuid::Uuid;

use super::plan::{Part, guids};
use super::run::Accepted;
use crate::error::{Error, advised};
use crate::schema::Owner;
use crate::session::Session;
use crate::text::sanitized;

/// How many objects one filter names. Filters of some thousand characters are taken by every version.
pub(super) const BATCH: usize = 50;

/// What the other cmdlets say about the objects of a batch.
#[derive(Default)]
pub(super) struct Extras {
    values: BTreeMap<(Owner, Uuid), Value>,
}

impl Extras {
    pub(super) fn value(&self, owner: Owner, id: Uuid) -> Option<&Value> {
        self.values.get(&(owner, id))
    }

    /// Reads what the batch needs from other cmdlets.
    pub(super) async fn read(
        session: &Session,
        part: &Part,
        batch: &[Accepted],
    ) -> Result<Self, Missing> {
        let mut extras = Self::default();
        for owner in part.other_readers() {
            let cmdlet = owner.get(part.family);
            let call = call(session, part, owner, batch);
            // The list cannot end before these objects are given.
            let reply = session.run_within(call).await.map_err(|error| Missing {
                failure: Some(Failure::of(&error)),
                reason: advised(&Error::from_transport(cmdlet, error)),
            })?;
            if let Some(record) = reply.error() {
                return Err(Missing {
                    failure: Some(Failure::of_record(record)),
                    reason: format!("{cmdlet} reported: {}", sanitized(&record.message)),
                });
            }
            let truncated = |text: &&String| WarningKind::of(text) == WarningKind::Truncated;
            if let Some(text) = reply.warnings.iter().find(truncated) {
                let reason = format!("{cmdlet}: {}", sanitized(text));
                return Err(Missing { failure: None, reason });
            }
            for value in reply.objects {
                let Some(id) = value.property("Guid").and_then(Value::as_guid) else { continue };
                if extras.values.insert((owner, id), value).is_some() {
                    let reason = format!("{cmdlet} showed the GUID {id} twice");
                    return Err(Missing { failure: None, reason });
                }
            }
            if let Some(lost) = batch.iter().find(|object| extras.value(owner, object.id).is_none())
            {
                let reason = format!("{cmdlet} did not show {}", lost.id);
                return Err(Missing { failure: None, reason });
            }
        }
        Ok(extras)
    }
}

/// Why something of a batch is missing.
pub(super) struct Missing {
    /// The failure behind it; `None` when the command ended well.
    pub(super) failure: Option<Failure>,
    /// What is missing, for people.
    pub(super) reason: String,
}

fn call(session: &Session, part: &Part, owner: Owner, batch: &[Accepted]) -> CmdletCall {
    let mut names = vec!["Guid"];
    names.extend(
        part.attributes
            .iter()
            .filter(|attribute| attribute.reader() == Some(owner))
            .map(|attribute| attribute.name()),
    );
    session
        .pin(CmdletCall::new(owner.get(part.family)).parameter("ResultSize", "Unlimited"))
        .parameter("Filter", guids(batch.iter().map(|object| &object.id)))
        .select(names)
}
