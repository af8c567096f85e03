//! What is gone, once everything was read.

use std::sync::Arc;

use uuid::Uuid;

use super::Reader;
use crate::error::Error;
use crate::import::join::BATCH;
use crate::import::plan::{Part, Scope};
use crate::import::state::Unwritten;
use crate::text::sanitized;

impl Reader {
    /// What is gone, and the state for the next import.
    ///
    /// What typed rows did not show is asked for once more by its cmdlet, for no tenant has proven yet that both show the
    /// same objects.
    pub(in crate::import) async fn gone(
        &mut self,
    ) -> Result<Option<(Vec<Uuid>, Unwritten)>, String> {
        if self.denied.is_some() {
            return Ok(None);
        }
        let found = self.run.gone()?;
        let plan = Arc::clone(&self.plan);
        for part in plan.parts.iter().filter(|part| part.is_typed()) {
            for ids in found.iter().flat_map(|(gone, _)| gone.chunks(BATCH)) {
                self.confirm(part, ids).await?;
            }
        }
        Ok(found)
    }

    /// Makes sure that the cmdlet does not show these objects either.
    async fn confirm(&mut self, part: &Part, ids: &[Uuid]) -> Result<(), String> {
        let cmdlet = part.family.get();
        let session = self.session_for_the_list().await.map_err(|error| error.report())?;
        let call = part.call(&session, self.plan.filter.as_ref(), Scope::Objects(ids));
        let reply = session.run(call).await;
        let reply = reply.map_err(|error| Error::from_transport(cmdlet, error).report())?;
        if let Some(record) = reply.error() {
            return Err(format!("{cmdlet} reported: {}", sanitized(&record.message)));
        }
        let shown = reply.objects.iter().find_map(|value| value.property("Guid")?.as_guid());
        match shown {
            None => Ok(()),
            Some(id) => Err(format!(
                "{cmdlet} shows {id}, which typed rows left out; set cloud.typed_reads = false"
            )),
        }
    }
}
