//! Operations on an organisation with two sides.
//!
//! Both sides are read and both differences are found good before either is written. The own side is written first: what it
//! holds is carried to the service anyway. What then fails in the service is told together with what was done before.

use std::sync::Arc;

use clixml::Value;
use exchange_cmdlets::{ErrorClass, Retry};
use uuid::Uuid;

use super::current::{Current, by_guid};
use super::diff::Difference;
use super::prepare::{CreateTask, Task, Wanted};
use super::update::names_to_read;
use super::{Numbered, Opening, Stop, Work};
use crate::error::Error;
use crate::outcome::{Outcome, OutcomeError, Status};
use crate::schema::Family;
use crate::settings::{Authority, AuthorityMap, Deprovision};

/// Why an operation ended, other than well.
pub(super) enum Halt {
    Stop(Stop),
    /// The service could not be signed in to; nothing was written.
    NoSession(Arc<Error>),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Arc<Error>> for Halt {
    fn from(error: Arc<Error>) -> Self {
        Self::NoSession(error)
    }
}

/// The service's side of an operation.
pub(super) struct Other<'a, 'b> {
    pub(super) opening: &'b mut Opening<'a>,
    pub(super) operation: &'b Numbered,
    pub(super) authority: &'b AuthorityMap,
}

impl Work<'_> {
    /// Does what an operation says, on the side or the sides that it belongs to.
    pub(super) async fn perform_on_both(
        &mut self,
        task: &Task,
        mut other: Other<'_, '_>,
    ) -> Result<Status, Halt> {
        match task {
            Task::Create(create) => Ok(self.create_on_own_side(create).await?),
            Task::Update { id, attributes } => {
                self.update_on_both(*id, attributes, &mut other).await
            }
            Task::Delete { id } => self.delete_on_either(*id, &mut other).await,
        }
    }

    /// Makes a remote mailbox. What belongs to the service has to wait until synchronisation has made the mailbox there.
    async fn create_on_own_side(&mut self, task: &CreateTask) -> Result<Status, Stop> {
        let status = self.create(task).await?;
        if !task.later.is_empty() {
            self.outcome.warnings.push(format!(
                "not written: {}; belongs to Exchange Online, where the mailbox comes with the next synchronisation: send \
                 it again as an update",
                task.later.join(", ")
            ));
        }
        Ok(status)
    }

    async fn update_on_both(
        &mut self,
        id: Uuid,
        wanted: &[Wanted],
        other: &mut Other<'_, '_>,
    ) -> Result<Status, Halt> {
        self.outcome.id = Some(id.to_string());
        let mut names = names_to_read(wanted);
        if !names.contains(&EXCHANGE_GUID) {
            names.push(EXCHANGE_GUID);
        }
        let Ok(current) = self.find_current(id, &names).await? else {
            // A mailbox of the service alone.
            let mut online = other.opening.work(other.operation, self.mode).await?;
            let done = online.update(id, wanted).await;
            return Ok(self.absorb(online, other, done)?);
        };
        self.outcome.server = current.server.clone();
        let (own, online) = split(&current, wanted, other.authority)?;
        let difference = Difference::between(&current, &own, self.settings)?;
        if online.is_empty() {
            return Ok(self.put(id, &current, difference).await?);
        }
        let mut work = other.opening.work(other.operation, self.mode).await?;
        let counterpart = work.counterpart(&current, &names).await?;
        let there = Difference::between(&counterpart.current, &online, work.settings)?;
        let first = self.put(id, &current, difference).await?;
        let second = work.put(counterpart.id, &counterpart.current, there).await;
        let second = self.absorb(work, other, second).map_err(|stop| match first {
            Status::Applied => stop.after("the part on-premises was done; in Exchange Online"),
            _ => stop,
        })?;
        Ok(if first == Status::Unchanged { second } else { first })
    }

    async fn delete_on_either(
        &mut self,
        id: Uuid,
        other: &mut Other<'_, '_>,
    ) -> Result<Status, Halt> {
        self.outcome.id = Some(id.to_string());
        if let Ok(current) = self.find_current(id, &[]).await? {
            return Ok(self.delete_current(id, &current).await?);
        }
        let mut online = other.opening.work(other.operation, self.mode).await?;
        let done = match online.read_current(id, &[]).await {
            Ok(_) if self.settings.export.deprovision == Deprovision::Disable => Err(Stop {
                status: Status::Refused,
                error: OutcomeError::new(
                    ErrorClass::Denied,
                    Retry::Never,
                    "the mailbox is in Exchange Online alone, where export.deprovision = \"disable\" means nothing: use \
                     \"remove\"",
                ),
            }),
            Ok(current) => online.delete_current(id, &current).await,
            // An earlier run was about to take it away, and it is gone.
            Err(stop) if self.begun.is_some() && stop.error.class == ErrorClass::NotFound => {
                Ok(Status::Applied)
            }
            Err(stop) => Err(stop),
        };
        Ok(self.absorb(online, other, done)?)
    }

    /// Takes over what was told about the service's side.
    fn absorb(
        &mut self,
        work: Work<'_>,
        other: &mut Other<'_, '_>,
        done: Result<Status, Stop>,
    ) -> Result<Status, Stop> {
        if let Some(error) = work.no_session {
            other.opening.failure.get_or_insert(error);
        }
        let Outcome { warnings, changes, cmdlets, .. } = work.outcome;
        self.outcome.warnings.extend(warnings);
        if let (Some(all), Some(more)) = (&mut self.outcome.changes, changes) {
            all.extend(more);
        }
        if let (Some(all), Some(more)) = (&mut self.outcome.cmdlets, cmdlets) {
            all.extend(more.into_iter().map(|cmdlet| format!("{cmdlet} # in Exchange Online")));
        }
        done
    }

    /// Reads the mailbox in the service that belongs to a remote mailbox.
    async fn counterpart(
        &mut self,
        remote: &Current,
        names: &[&'static str],
    ) -> Result<Counterpart, Stop> {
        let guid = remote.named(EXCHANGE_GUID);
        let guid: Option<Uuid> = guid.as_str().and_then(|text| text.parse().ok());
        let Some(guid) = guid.filter(|guid| !guid.is_nil()) else {
            return Err(Stop::new(
                ErrorClass::NotFound,
                Retry::Later,
                "the remote mailbox carries no ExchangeGuid, so its mailbox in Exchange Online cannot be told; nothing was \
                 written: wait for the write-back, or set it with Set-RemoteMailbox -ExchangeGuid",
            ));
        };
        let found =
            self.read_recipient(Family::OnlineMailbox, &by_guid(guid)?, names, None).await?;
        let missing = || {
            Stop::new(
                ErrorClass::NotFound,
                Retry::Later,
                format!(
                    "Exchange Online has no mailbox with the ExchangeGuid {guid}; nothing was written: it comes with the \
                     next synchronisation"
                ),
            )
        };
        let value = found.map_err(|_| missing())?;
        let text = |name: &str| value.property(name).and_then(Value::as_guid);
        let (Some(id), Some(found)) = (text("Guid"), text(EXCHANGE_GUID)) else {
            return Err(missing());
        };
        if found != guid {
            return Err(missing());
        }
        let current = self.complete(Family::OnlineMailbox, id, value, names).await?;
        Ok(Counterpart { id, current })
    }
}

/// The mailbox in the service that belongs to a remote mailbox.
struct Counterpart {
    id: Uuid,
    current: Current,
}

/// What is written on-premises, and what in the service.
type Sides = (Vec<Wanted>, Vec<Wanted>);

/// Sends each attribute to the side that owns it. A mailbox of the own servers is theirs alone.
fn split(current: &Current, wanted: &[Wanted], authority: &AuthorityMap) -> Result<Sides, Stop> {
    if current.family == Family::Mailbox {
        return Ok((wanted.to_vec(), Vec::new()));
    }
    let (mut own, mut online) = (Vec::new(), Vec::new());
    for wanted in wanted {
        match authority.of(wanted.name) {
            Authority::OnPremises => own.push(wanted.clone()),
            Authority::Cloud => online.push(wanted.clone()),
            Authority::Nowhere => {
                let error = OutcomeError::new(
                    ErrorClass::Denied,
                    Retry::Never,
                    belongs_nowhere(wanted.name),
                );
                return Err(Stop { status: Status::Refused, error });
            }
        }
    }
    Ok((own, online))
}

/// Why an attribute is not written on either side, and what to do about it.
pub(super) fn belongs_nowhere(name: &str) -> String {
    format!(
        "attribute {name} belongs to neither side of the organisation: leave it out, or give it a side with authority.{name}"
    )
}

const EXCHANGE_GUID: &str = "ExchangeGuid";
