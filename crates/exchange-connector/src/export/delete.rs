//! Taking a mailbox away.

use exchange_cmdlets::{ErrorClass, Retry};
use uuid::Uuid;

use super::current::{Current, by_guid};
use super::{Mode, Stop, Work};
use crate::outcome::{OutcomeError, Status};

impl Work<'_> {
    /// Reads the object, so that the cmdlet of its kind is used and nothing else is hit, then takes it away.
    pub(super) async fn delete(&mut self, id: Uuid) -> Result<Status, Stop> {
        self.outcome.id = Some(id.to_string());
        let current = match self.read_current(id, &[]).await {
            // An earlier run was about to take it away, and it is gone.
            Err(stop) if self.begun.is_some() && stop.error.class == ErrorClass::NotFound => {
                return Ok(self.settled());
            }
            current => current?,
        };
        self.delete_current(id, &current).await
    }

    /// Takes away an object that was read.
    pub(super) async fn delete_current(
        &mut self,
        id: Uuid,
        current: &Current,
    ) -> Result<Status, Stop> {
        self.outcome.server = current.server.clone();
        let Some(cmdlet) = current.family.delete(self.settings.export.deprovision) else {
            return Err(Stop::invalid("export.deprovision = \"refuse\" forbids deletes"));
        };
        if current.synchronised().0 {
            return Err(Stop {
                status: Status::Refused,
                error: OutcomeError::new(
                    ErrorClass::WouldBeUndone,
                    Retry::Never,
                    "the object is synchronised from the own directory (IsDirSynced), which would make it again: delete it \
                     there",
                ),
            });
        }
        let server = current.server.as_deref();
        let call = self.writing_call(cmdlet, &by_guid(id)?, server, Vec::new());
        self.send(call).await?;
        Ok(if self.mode == Mode::Plan { Status::Planned } else { Status::Applied })
    }
}
