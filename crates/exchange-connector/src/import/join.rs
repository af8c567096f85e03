//! Attributes that another cmdlet shows, joined to their objects by GUID.
//!
//! The command that lists the mailboxes occupies its session until it ends, so these reads have a session of their own.
//! They go by batches: one filter names the objects of a batch, which costs one more command for every fifty objects and
//! keeps memory bounded.

use std::collections::BTreeMap;

use clixml::Value;
use exchange_cmdlets::CmdletCall;
use uuid::Uuid;

use super::plan::Part;
use super::run::Accepted;
use crate::error::Error;
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
    ///
    /// # Errors
    ///
    /// What is missing, for people.
    pub(super) async fn read(
        session: &Session,
        part: &Part,
        batch: &[Accepted],
    ) -> Result<Self, String> {
        let mut extras = Self::default();
        for owner in part.other_readers() {
            let cmdlet = owner.get(part.family);
            let call = call(session, part, owner, batch);
            let reply = session
                .run(call)
                .await
                .map_err(|error| Error::from_transport(cmdlet, error).report())?;
            if let Some(record) = reply.error() {
                return Err(format!("{cmdlet} reported: {}", sanitized(&record.message)));
            }
            for value in reply.objects {
                if let Some(id) = value.property("Guid").and_then(Value::as_guid) {
                    extras.values.insert((owner, id), value);
                }
            }
            if let Some(lost) = batch.iter().find(|object| extras.value(owner, object.id).is_none())
            {
                return Err(format!("{cmdlet} did not show {}", lost.id));
            }
        }
        Ok(extras)
    }
}

fn call(session: &Session, part: &Part, owner: Owner, batch: &[Accepted]) -> CmdletCall {
    let terms: Vec<_> = batch.iter().map(|object| format!("Guid -eq '{}'", object.id)).collect();
    let mut names = vec!["Guid"];
    names.extend(
        part.attributes
            .iter()
            .filter(|attribute| attribute.reader() == Some(owner))
            .map(|attribute| attribute.name()),
    );
    session
        .pin(CmdletCall::new(owner.get(part.family)).parameter("ResultSize", "Unlimited"))
        .parameter("Filter", terms.join(" -or "))
        .select(names)
}
