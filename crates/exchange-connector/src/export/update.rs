//! Changing a mailbox.

use uuid::Uuid;

use super::current::{Current, by_guid};
use super::diff::Difference;
use super::prepare::Wanted;
use super::write::Written;
use super::{Mode, Stop, Work};
use crate::outcome::Status;

/// What a change of the addresses is judged by.
pub(super) const ADDRESS_ATTRIBUTES: &[&str] =
    &["EmailAddresses", "EmailAddressPolicyEnabled", "RemoteRoutingAddress"];

impl Work<'_> {
    /// Reads the object, writes what is different, and nothing when nothing is.
    pub(super) async fn update(&mut self, id: Uuid, wanted: &[Wanted]) -> Result<Status, Stop> {
        self.outcome.id = Some(id.to_string());
        let current = self.read_current(id, &names_to_read(wanted)).await?;
        self.outcome.server = current.server.clone();
        let difference = Difference::between(&current, wanted, self.settings)?;
        self.put(id, &current, difference).await
    }

    /// Writes a difference, if there is one.
    pub(super) async fn put(
        &mut self,
        id: Uuid,
        current: &Current,
        difference: Difference,
    ) -> Result<Status, Stop> {
        if difference.is_empty() {
            self.outcome.warnings.extend(difference.warnings);
            // If an earlier run began it, it was that run which did it.
            return Ok(if self.begun.is_some() { self.settled() } else { Status::Unchanged });
        }
        let server = current.server.as_deref();
        match self.write(current.family, &by_guid(id)?, server, difference).await? {
            _ if self.mode == Mode::Plan => Ok(Status::Planned),
            Written::Changed => Ok(Status::Applied),
            Written::Nothing => Ok(Status::Unchanged),
        }
    }
}

/// The attributes to read before writing these.
pub(super) fn names_to_read(wanted: &[Wanted]) -> Vec<&'static str> {
    let mut names: Vec<_> = wanted.iter().map(|wanted| wanted.name).collect();
    if names.contains(&"EmailAddresses") {
        names.extend(ADDRESS_ATTRIBUTES);
    }
    names.sort_unstable();
    names.dedup();
    names
}
