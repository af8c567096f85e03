//! Making a mailbox.
//!
//! Whether it is there already is read first: the cmdlets answer with the same errors for "exists" and for other
//! conflicts, and some have been seen to report an error and still have made the object. Only with both reads, before
//! and after, can an error be told from a success. Attributes that the create cmdlet does not take follow in a second
//! step, on the domain controller that has the new object.

use std::time::Duration;

use clixml::Value;
use exchange_cmdlets::{CmdletCall, ErrorClass, ErrorRecord, Identity, ParameterValue, Retry};
use serde_json::Value as Json;
use uuid::Uuid;

use super::current::{Current, by_guid};
use super::diff::{Difference, merge};
use super::prepare::{CreateTask, Wanted};
use super::update::names_to_read;
use super::{Mode, Stop, Work};
use crate::outcome::{AttributeChange, OutcomeError, Status};
use crate::schema::{Family, Owner, attribute};
use crate::session::originating_server;
use crate::settings::{AddressPolicy, CreateMethod};
use crate::text::sanitized;
use crate::value::attribute_to_argument;

impl Work<'_> {
    pub(super) async fn create(&mut self, task: &CreateTask) -> Result<Status, Stop> {
        let online = task.family == Family::OnlineMailbox;
        if online && self.settings.create_method == CreateMethod::Enable {
            return self.adopt(task).await;
        }
        if let Some(begun) = self.begun
            && let Some(status) = self.resume_create(task, begun).await?
        {
            return Ok(status);
        }
        if online {
            self.refuse_deleted(task).await?;
        }
        self.refuse_existing(task).await?;
        let call = self.create_call(task)?;
        if self.mode == Mode::Plan {
            self.plan_create(task, &call).await?;
            return Ok(Status::Planned);
        }
        let (id, server) = self.make(task, call).await?;
        self.outcome.id = Some(id.to_string());
        self.outcome.server = server.clone();
        self.note_made(id, server.as_deref()).await;
        self.settle(task, id, server.as_deref(), "the mailbox was made").await?;
        Ok(Status::Applied)
    }

    /// Refuses to make what is there already.
    async fn refuse_existing(&mut self, task: &CreateTask) -> Result<(), Stop> {
        let Some(found) = self.find_existing(task, None).await? else {
            return Ok(());
        };
        let id = guid(&found);
        self.outcome.id = id.map(|id| id.to_string());
        let name = task.identity.as_ref().map_or_else(|| name_of(task), ToString::to_string);
        Err(Stop::new(
            ErrorClass::Conflict,
            Retry::Never,
            format!("{name} already has a mailbox; change it with an update"),
        ))
    }

    /// Looks for the mailbox of the account that the task names.
    pub(super) async fn find_existing(
        &mut self,
        task: &CreateTask,
        server: Option<&str>,
    ) -> Result<Option<Value>, Stop> {
        let Some(identity) = &task.identity else {
            return Ok(None);
        };
        let names = ["UserPrincipalName"];
        let found = self.read_recipient(task.family, identity, &names, server).await?.ok();
        // A sign-in name also matches whoever merely has it as an address.
        Ok(found.filter(|value| {
            let principal =
                value.property("UserPrincipalName").and_then(Value::text).unwrap_or_default();
            let name = identity.as_str();
            !name.contains('@') || principal.eq_ignore_ascii_case(name)
        }))
    }

    fn create_call(&self, task: &CreateTask) -> Result<CmdletCall, Stop> {
        let method = self.settings.create_method;
        let mut call = CmdletCall::new(task.family.create(method));
        if let (CreateMethod::Enable, Some(identity)) = (method, &task.identity) {
            call = call.parameter("Identity", identity);
        }
        for Wanted { name, value } in &task.attributes {
            let Some(attribute) = attribute(task.family, name) else {
                continue;
            };
            if let (true, CreateMethod::New, Some(name)) =
                (attribute.names_account(), method, value.as_str())
            {
                call = call.parameter(account_parameter(task), name);
                continue;
            }
            if !attribute.goes_with_create(method) || is_empty(value) {
                continue;
            }
            let argument = attribute_to_argument(attribute, value)
                .map_err(|problem| Stop::invalid(format!("attribute {name} {problem}")))?;
            call = call.parameter(*name, argument);
        }
        for (name, secret) in &task.secrets {
            call = call.parameter(name.as_str(), ParameterValue::Secret(secret.clone()));
        }
        for (name, value) in &task.parameters {
            call = call.parameter(name.as_str(), value.clone());
        }
        let call = match call.argument("DomainController") {
            Some(_) => call,
            None => self.session.pin(call),
        };
        Ok(call.switch("Confirm", false))
    }

    /// Sends the create cmdlet; gives the new object's GUID and the domain controller that has it.
    async fn make(
        &mut self,
        task: &CreateTask,
        call: CmdletCall,
    ) -> Result<(Uuid, Option<String>), Stop> {
        let cmdlet = call.name.to_string();
        let reply = match self.send_unjudged(call).await {
            Err(stop) if stop.status == Status::Unknown && task.family == Family::OnlineMailbox => {
                return self.look_back(task, &cmdlet, stop).await;
            }
            reply => reply?,
        };
        let wanted = reply.objects.iter().filter(|value| may_be_wanted(task, value));
        let made =
            wanted.filter_map(|value| guid(value).map(|id| (id, originating_server(value)))).next();
        match (made, reply.errors.into_iter().next()) {
            (Some(made), None) => Ok(made),
            (made, record) => self.discover(task, &cmdlet, made, record).await,
        }
    }

    /// Reads whether the object came to be although the cmdlet reported an error, or did not show it.
    async fn discover(
        &mut self,
        task: &CreateTask,
        cmdlet: &str,
        made: Option<(Uuid, Option<String>)>,
        record: Option<ErrorRecord>,
    ) -> Result<(Uuid, Option<String>), Stop> {
        let error = record.as_ref().map(OutcomeError::from_record);
        let server = made.and_then(|(_, server)| server);
        let found = match self.find_existing(task, server.as_deref()).await {
            Ok(found) => found,
            Err(stop) if error.is_none() => return Err(stop.in_doubt()),
            // What the cmdlet said is more telling than why it could not be looked into.
            Err(_) => None,
        };
        match (found.as_ref().and_then(|value| guid(value).map(|id| (id, value))), error) {
            (Some((id, value)), error) => {
                if let Some(error) = error {
                    self.outcome.warnings.push(format!(
                        "{cmdlet} reported an error although the mailbox was made: {}",
                        error.message
                    ));
                }
                Ok((id, originating_server(value)))
            }
            (None, Some(error)) => Err(Stop::failed(error)),
            (None, None) => Err(Stop {
                status: Status::Unknown,
                error: OutcomeError::new(
                    ErrorClass::Ambiguous,
                    Retry::AfterCheck,
                    format!("{cmdlet} reported success, but the mailbox could not be read back"),
                ),
            }),
        }
    }

    /// Reads the new object back and writes what is not yet as wanted. `made` says how it came to be, for errors.
    pub(super) async fn settle(
        &mut self,
        task: &CreateTask,
        id: Uuid,
        server: Option<&str>,
        made: &str,
    ) -> Result<(), Stop> {
        let current = self.read_back(task, id, server).await.map_err(|stop| {
            let unseen = format!("{made}, but whether with all of its attributes cannot be told");
            stop.in_doubt().after(&unseen)
        })?;
        self.write_rest(task, id, server, &current)
            .await
            .map_err(|stop| stop.after(&format!("{made}, but not all of its attributes were set")))
    }

    /// Writes what is not yet as wanted.
    pub(super) async fn write_rest(
        &mut self,
        task: &CreateTask,
        id: Uuid,
        server: Option<&str>,
        current: &Current,
    ) -> Result<(), Stop> {
        let writable = task.attributes_to_write();
        let difference = Difference::between(current, &writable, self.settings)?;
        if difference.is_empty() {
            self.outcome.warnings.extend(difference.warnings);
            return Ok(());
        }
        let server = current.server.as_deref().or(server);
        self.write(task.family, &by_guid(id)?, server, difference).await.map(|_| ())
    }

    pub(super) async fn read_back(
        &mut self,
        task: &CreateTask,
        id: Uuid,
        server: Option<&str>,
    ) -> Result<Current, Stop> {
        let names = &names_to_read(&task.attributes);
        let mut waits = if task.family == Family::OnlineMailbox { VISIBLE_AFTER } else { 0 };
        let found = loop {
            let found = self.read_recipient(task.family, &by_guid(id)?, names, server).await?;
            if found.is_ok() || waits == 0 {
                break found;
            }
            // A new mailbox of the service is not seen everywhere at once.
            waits -= 1;
            tokio::time::sleep(VISIBILITY_WAIT).await;
        };
        match found {
            Ok(value) => self.complete(task.family, id, value, names).await,
            Err(record) => Err(Stop::new(
                ErrorClass::Transient,
                Retry::AfterCheck,
                format!("it could not be read back: {}", sanitized(&record.message)),
            )),
        }
    }

    /// Says what a create would do. What the server would fill in by itself is not known, so every attribute counts as a
    /// change, and the addresses are merged with none.
    async fn plan_create(&mut self, task: &CreateTask, call: &CmdletCall) -> Result<(), Stop> {
        let method = self.settings.create_method;
        if let (CreateMethod::Enable, Some(identity)) = (method, &task.identity) {
            self.need_account(identity).await?;
        }
        self.note(call);
        let mut difference = Difference::default();
        for Wanted { name, value } in &task.attributes {
            let Some(attribute) = attribute(task.family, name).filter(|_| !is_empty(value)) else {
                continue;
            };
            if *name == "EmailAddresses" {
                self.plan_addresses(value, &mut difference)?;
                continue;
            }
            difference.changes.push(AttributeChange {
                attribute: (*name).to_owned(),
                before: Json::Null,
                after: value.clone(),
            });
            if let (false, Some(writer)) = (attribute.goes_with_create(method), attribute.writer())
            {
                let argument = attribute_to_argument(attribute, value)
                    .map_err(|problem| Stop::invalid(format!("attribute {name} {problem}")))?;
                difference
                    .writes
                    .entry(writer)
                    .or_default()
                    .push(((*name).to_owned(), argument.into()));
            }
        }
        let identity = match &task.identity {
            Some(identity) => identity.clone(),
            None => {
                Identity::new(name_of(task)).map_err(|error| Stop::invalid(error.to_string()))?
            }
        };
        self.write(task.family, &identity, None, difference).await.map(|_| ())
    }

    fn plan_addresses(&self, value: &Json, difference: &mut Difference) -> Result<(), Stop> {
        let merge = merge(&[], value, &self.settings.excluded_smtp_domains)?;
        difference.warnings.extend(merge.warnings.iter().map(ToString::to_string));
        let texts = merge.texts();
        if texts.is_empty() {
            return Ok(());
        }
        let writes = difference.writes.entry(Owner::Recipient).or_default();
        let policies = self.session.binds();
        if policies && self.settings.export.address_policy == AddressPolicy::Disable {
            writes.push(("EmailAddressPolicyEnabled".to_owned(), false.into()));
        }
        let list = texts.iter().map(|text| Value::from(*text)).collect();
        writes.push(("EmailAddresses".to_owned(), crate::value::list_argument(list).into()));
        difference.changes.push(AttributeChange {
            attribute: "EmailAddresses".to_owned(),
            before: Json::Array(Vec::new()),
            after: texts.into_iter().map(Json::from).collect(),
        });
        Ok(())
    }

    /// Makes sure that the account to enable exists.
    pub(super) async fn need_account(&mut self, identity: &Identity) -> Result<(), Stop> {
        let call = self
            .session
            .pin(CmdletCall::new("Get-User").parameter("Identity", identity))
            .select(["Guid", "Name"]);
        let reply = self.run(call).await.map_err(|error| super::current::read_failed(&error))?;
        match reply.error() {
            None => Ok(()),
            Some(record) => Err(Stop::failed(OutcomeError::from_record(record))),
        }
    }
}

/// How often, and after how long each time, a new mailbox of the service is looked for before it counts as not visible.
const VISIBLE_AFTER: u32 = 40;
pub(super) const VISIBILITY_WAIT: Duration = Duration::from_secs(3);

/// Which parameter of the service's `New-Mailbox` takes the sign-in name: the sets of shared and resource mailboxes make it
/// from the primary address.
fn account_parameter(task: &CreateTask) -> &'static str {
    let on = |wanted: &str| {
        task.parameters.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case(wanted) && matches!(value, ParameterValue::Switch(true))
        })
    };
    let signs_in = task.parameters.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("EnableRoomMailboxAccount")
            && matches!(
                value,
                ParameterValue::Value(Value::Bool(true)) | ParameterValue::Switch(true)
            )
    });
    if ["Shared", "Room", "Equipment"].into_iter().any(on) && !signs_in {
        "PrimarySmtpAddress"
    } else {
        "MicrosoftOnlineServicesID"
    }
}

/// Whether a cmdlet's object may be the mailbox that was asked for: the rest of the attributes goes to no other. The service
/// gives some kinds of mailboxes a sign-in name of its own.
fn may_be_wanted(task: &CreateTask, value: &Value) -> bool {
    let asked = task.identity.as_ref().map(Identity::as_str).filter(|name| name.contains('@'));
    let shown = value.property("UserPrincipalName").and_then(Value::text);
    match (asked, shown) {
        (Some(asked), Some(shown)) if task.family != Family::OnlineMailbox => {
            shown.is_empty() || shown.eq_ignore_ascii_case(asked)
        }
        _ => true,
    }
}

pub(super) fn guid(value: &Value) -> Option<Uuid> {
    value.property("Guid").and_then(Value::as_guid).filter(|id| !id.is_nil())
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn name_of(task: &CreateTask) -> String {
    task.attributes
        .iter()
        .find(|wanted| wanted.name == "Name")
        .and_then(|wanted| wanted.value.as_str())
        .unwrap_or_default()
        .to_owned()
}
