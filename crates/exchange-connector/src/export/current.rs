//! The object as it is now.

use clixml::Value;
use exchange_cmdlets::{
    CmdletCall, ErrorClass, ErrorRecord, Identity, Retry, TransportError, classify,
};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{Stop, Work};
use crate::managed::is_system;
use crate::outcome::OutcomeError;
use crate::schema::{Attribute, Family, Owner, attribute};
use crate::session::{Reply, originating_server};
use crate::value::attribute_to_json;

/// The object as it is now: what its own cmdlet says, and what the account's and client access's say if they were asked.
pub(super) struct Current {
    pub(super) family: Family,
    pub(super) server: Option<String>,
    parts: Vec<(Owner, Value)>,
}

/// What every object is read with.
const ALWAYS_READ: &[&str] = &["Guid", "Name", "RecipientTypeDetails", "OriginatingServer"];

/// What tells whether an object of the service is mastered elsewhere.
const SYNCHRONISED: &[&str] = &["IsDirSynced", "IsExchangeCloudManaged"];

impl Current {
    /// Whether directory synchronisation writes this object, and whether its Exchange attributes are left to the service
    /// all the same.
    pub(super) fn synchronised(&self) -> (bool, bool) {
        let flag = |name: &str| {
            self.parts.iter().any(|(owner, value)| {
                *owner == Owner::Recipient
                    && value
                        .property(name)
                        .and_then(Value::text)
                        .is_some_and(|text| text.eq_ignore_ascii_case("true"))
            })
        };
        let synchronised = self.family == Family::OnlineMailbox && flag("IsDirSynced");
        (synchronised, synchronised && flag("IsExchangeCloudManaged"))
    }

    pub(super) fn value(&self, attribute: Attribute) -> Json {
        let part = attribute
            .reader()
            .and_then(|reader| self.parts.iter().find(|(owner, _)| *owner == reader));
        attribute_to_json(attribute, part.and_then(|(_, value)| value.property(attribute.name())))
    }

    /// The value of the attribute called `name`, null when this family has none.
    pub(super) fn named(&self, name: &str) -> Json {
        attribute(self.family, name).map_or(Json::Null, |attribute| self.value(attribute))
    }
}

impl Work<'_> {
    /// Reads the object with this id, and of it the attributes called `names`.
    pub(super) async fn read_current(
        &mut self,
        id: Uuid,
        names: &[&'static str],
    ) -> Result<Current, Stop> {
        self.find_current(id, names).await?.map_err(Stop::failed)
    }

    /// Reads the object with this id, if there is one; the inner error says that there is none.
    pub(super) async fn find_current(
        &mut self,
        id: Uuid,
        names: &[&'static str],
    ) -> Result<Result<Current, OutcomeError>, Stop> {
        let mut missing = None;
        for family in Family::of(&self.settings.infrastructure) {
            match self.read_recipient(*family, &by_guid(id)?, names, None).await? {
                Ok(value) => return self.complete(*family, id, value, names).await.map(Ok),
                Err(record) => missing = Some(record),
            }
        }
        Ok(Err(missing.map_or_else(
            || {
                OutcomeError::new(
                    ErrorClass::NotFound,
                    Retry::Never,
                    format!("{id} does not exist"),
                )
            },
            |record| OutcomeError::from_record(&record),
        )))
    }

    /// Reads the recipient that `identity` names, if there is one. `server` is asked instead of the pinned one.
    ///
    /// The inner error is the server's word that there is none.
    pub(super) async fn read_recipient(
        &mut self,
        family: Family,
        identity: &Identity,
        names: &[&'static str],
        server: Option<&str>,
    ) -> Result<Result<Value, ErrorRecord>, Stop> {
        let own = names.iter().copied().filter(|name| {
            attribute(family, name).is_some_and(|found| found.reader() == Some(Owner::Recipient))
        });
        let always: &[&str] = if family == Family::OnlineMailbox { SYNCHRONISED } else { &[] };
        self.read(family.get(), identity, own.chain(always.iter().copied()), server).await
    }

    /// Reads what the account or client access adds.
    pub(super) async fn complete(
        &mut self,
        family: Family,
        id: Uuid,
        value: Value,
        names: &[&'static str],
    ) -> Result<Current, Stop> {
        check_object(&value, id)?;
        let server = originating_server(&value);
        let mut parts = vec![(Owner::Recipient, value)];
        for owner in [Owner::User, Owner::ClientAccess] {
            let own: Vec<_> = names
                .iter()
                .copied()
                .filter(|name| {
                    attribute(family, name).is_some_and(|found| found.reader() == Some(owner))
                })
                .collect();
            if own.is_empty() {
                continue;
            }
            let cmdlet = owner.get(family);
            match self.read(cmdlet, &by_guid(id)?, own.into_iter(), server.as_deref()).await? {
                Ok(value) => parts.push((owner, value)),
                Err(record) => return Err(Stop::failed(OutcomeError::from_record(&record))),
            }
        }
        Ok(Current { family, server, parts })
    }

    async fn read(
        &mut self,
        cmdlet: &'static str,
        identity: &Identity,
        names: impl Iterator<Item = &'static str>,
        server: Option<&str>,
    ) -> Result<Result<Value, ErrorRecord>, Stop> {
        let mut selected = ALWAYS_READ.to_vec();
        for name in names {
            if !selected.contains(&name) {
                selected.push(name);
            }
        }
        let call = CmdletCall::new(cmdlet).parameter("Identity", identity);
        let call = self.session.pin_to(call, server).select(selected);
        let reply = self.run(call).await.map_err(|error| read_failed(&error))?;
        only_object(cmdlet, reply)
    }
}

/// The one object of a reply, or the server's word that there is none.
pub(super) fn only_object(cmdlet: &str, reply: Reply) -> Result<Result<Value, ErrorRecord>, Stop> {
    if let Some(record) = reply.errors.into_iter().next() {
        return match classify(&record).class {
            ErrorClass::NotFound => Ok(Err(record)),
            _ => Err(Stop::failed(OutcomeError::from_record(&record))),
        };
    }
    let mut objects = reply.objects.into_iter();
    match (objects.next(), objects.next()) {
        (Some(object), None) => Ok(Ok(object)),
        (None, _) => {
            let mut record = ErrorRecord::new(format!("{cmdlet} found nothing"), "");
            record.fully_qualified_error_id = "NotFound".to_owned();
            Ok(Err(record))
        }
        (Some(_), Some(_)) => Err(Stop::new(
            ErrorClass::Ambiguous,
            Retry::Never,
            format!("{cmdlet} found several objects where one was named"),
        )),
    }
}

/// The object with this GUID; the one of zeros names none.
pub(super) fn by_guid(id: Uuid) -> Result<Identity, Stop> {
    Identity::guid(id).map_err(|error| Stop::invalid(error.to_string()))
}

/// A read that failed wrote nothing, so it can be repeated.
pub(super) fn read_failed(error: &TransportError) -> Stop {
    let (class, retry) = match error.class() {
        ErrorClass::Ambiguous => (ErrorClass::Transient, Retry::Later),
        class => (class, error.retry()),
    };
    let message = crate::error::advised(error);
    Stop::new(class, if retry == Retry::AfterCheck { Retry::Later } else { retry }, message)
}

/// Makes sure that the object is the one that was named, and not one of Exchange's own.
fn check_object(value: &Value, id: Uuid) -> Result<(), Stop> {
    let text = |name: &str| value.property(name).and_then(Value::text).unwrap_or_default();
    match value.property("Guid").and_then(Value::as_guid) {
        Some(found) if found == id => {}
        found => {
            let found = found.map_or_else(|| "no GUID".to_owned(), |found| found.to_string());
            return Err(Stop::new(
                ErrorClass::Protocol,
                Retry::Never,
                format!("the server answered with {found} when {id} was named"),
            ));
        }
    }
    let class = text("RecipientTypeDetails");
    if is_system(&class, &text("Name")) {
        return Err(Stop {
            status: crate::outcome::Status::Refused,
            error: OutcomeError::new(
                ErrorClass::Denied,
                Retry::Never,
                format!("{id} is a {class} of Exchange's own, which is never changed"),
            ),
        });
    }
    Ok(())
}
