//! The connector as it is used against the server: one import or one create, and what it told.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use exchange_connector::{
    Change, Connector, Error, ImportError, ImportRequest, ObjectChange, Operation, Settings,
    SettingsError, Status, report,
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::server::Facts;

/// How a client reaches the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) method: &'static str,
    pub(crate) scheme: &'static str,
    /// Whether the settings say where Kerberos finds its realm.
    pub(crate) kerberos: bool,
}

/// Times that keep a run short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) operation_timeout: Duration,
    pub(crate) stall_timeout: Duration,
}

/// Every object that came, by its GUID, as the line of JSON that the command line writes.
pub(super) type Objects = BTreeMap<String, Value>;

/// How an import ended.
#[derive(Debug)]
pub(super) enum Imported {
    Complete(Objects),
    Incomplete {
        objects: Objects,
        reason: String,
    },
    /// No session was opened, and nothing given.
    NotOpened(String),
}

/// The line that answers an operation.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: Status,
    /// The object's GUID, once it is known.
    pub(super) id: Option<String>,
    pub(super) error: Option<String>,
}

/// Why there is no connector.
#[derive(Debug)]
pub(super) enum Unusable {
    /// This version says that it does not have what the settings ask for.
    NotAvailable(String),
    Refused(String),
}

/// The password of the mailbox that is created.
pub(super) const PASSWORD: &str = "Str0ng-enough!";

/// Its addresses, the primary one last.
pub(super) const ADDRESSES: [&str; 2] = ["ann.e@test.local", "ann.example@test.local"];

/// The sign-in name of the mailbox that is created.
pub(super) const PRINCIPAL: &str = "ann@test.local";

impl Pace {
    /// A client with little patience, so that what waits ends soon.
    pub(crate) const SHORT: Self =
        Self { operation_timeout: Duration::from_secs(2), stall_timeout: Duration::from_secs(8) };
}

impl Way {
    pub(crate) const NTLM: Self = Self::new("Negotiate", "http");

    pub(crate) const fn new(method: &'static str, scheme: &'static str) -> Self {
        Self { method, scheme, kerberos: false }
    }

    /// With the table `[kerberos]` in the settings.
    pub(crate) const fn kerberos(mut self) -> Self {
        self.kerberos = true;
        self
    }

    /// The settings for the server with these facts.
    pub(crate) fn settings(&self, facts: &Facts, pace: Pace, further: &str) -> String {
        let port = if self.scheme == "https" { facts.https } else { facts.http };
        // Exchange's own endpoint never offers CredSSP.
        let path = if self.method == "CredSSP" { "/wsman" } else { "/PowerShell/" };
        let (method, scheme) = (self.method, self.scheme);
        let username = if self.kerberos {
            format!("{}@{}", facts.user, facts.realm.to_lowercase())
        } else {
            format!("{}\\{}", facts.domain, facts.user)
        };
        let kerberos = match &facts.kdc {
            Some(kdc) if self.kerberos => {
                format!("[kerberos]\nrealm = \"{}\"\nkdc = \"{kdc}\"\n", facts.realm)
            }
            _ => String::new(),
        };
        format!(
            "infrastructure_type = \"OnPremises\"\nhostname = \"localhost\"\nauthentication_method = \"{method}\"\n\
             username = '{username}'\npassword = '{password}'\ncreate_method = \"New\"\n\
             [endpoint]\nurl = \"{scheme}://localhost:{port}{path}\"\nca_file = '{ca}'\nallow_unencrypted = true\n\
             operation_timeout = \"{operation}ms\"\nstall_timeout = \"{stall}ms\"\n{further}\n\
             {kerberos}[export]\ndeprovision = \"remove\"\npassword_methods = [\"{method}\"]\n",
            password = facts.password,
            ca = facts.ca.display(),
            operation = pace.operation_timeout.as_millis(),
            stall = pace.stall_timeout.as_millis(),
        )
    }

    /// A connector that goes this way. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When the settings are refused, or ask for what is not there yet.
    pub(super) async fn open(
        &self,
        facts: &Facts,
        pace: Pace,
        further: &str,
    ) -> Result<Connector, Unusable> {
        let text = self.settings(facts, pace, further);
        let refused = |error: &Error| match error {
            Error::Settings(SettingsError::NotAvailable { .. }) => {
                Unusable::NotAvailable(error.report())
            }
            error => Unusable::Refused(error.report()),
        };
        let settings = Settings::from_toml_str(&text).map_err(|error| refused(&error.into()))?;
        Connector::open(settings).await.map_err(|error| refused(&error))
    }
}

/// Imports everything.
///
/// # Errors
///
/// When the lines contradict one another: an object comes twice, a count is wrong, or the end is missing.
pub(super) async fn import(connector: &Connector) -> Result<Imported> {
    let mut objects = Objects::new();
    let mut changes = connector.import(ImportRequest::new());
    let mut last = None;
    while let Some(change) = changes.next().await {
        if last.is_some() && change.is_ok() {
            bail!("a line follows the last one");
        }
        match change {
            Ok(Change::Object(object)) => add(&mut objects, &object)?,
            Ok(Change::Complete { objects: count, .. }) => last = Some((count, None)),
            Ok(Change::Incomplete { objects: count, reason }) => last = Some((count, Some(reason))),
            Ok(_) | Err(ImportError::Incomplete { .. }) => {}
            Err(error) if objects.is_empty() && last.is_none() => {
                return Ok(Imported::NotOpened(report(&error)));
            }
            Err(error) => bail!("after {} objects: {}", objects.len(), report(&error)),
        }
    }
    let Some((count, reason)) = last else { bail!("the last line is missing") };
    if usize::try_from(count)? != objects.len() {
        bail!("{} objects came, the last line counts {count}", objects.len());
    }
    Ok(match reason {
        None => Imported::Complete(objects),
        Some(reason) => Imported::Incomplete { objects, reason },
    })
}

fn add(objects: &mut Objects, object: &ObjectChange) -> Result<()> {
    let ObjectChange::Upsert { id, .. } = object else { bail!("a full import deletes something") };
    if objects.insert(id.clone(), serde_json::to_value(object)?).is_some() {
        bail!("the object {id} came twice");
    }
    Ok(())
}

/// Creates one mailbox with a password, with attributes that the create cmdlet takes and others that it does not.
///
/// # Errors
///
/// When not exactly one line answers it.
pub(super) async fn create(connector: &Connector) -> Result<Answer> {
    let attributes = json!({
        "Name": "Ann Example",
        "UserPrincipalName": PRINCIPAL,
        "EmailAddresses": ADDRESSES,
        "CustomAttribute1": "staff",
        "_param_password": PASSWORD,
    });
    export(connector, json!({"ref": "1", "operation": "create", "attributes": attributes})).await
}

/// Exports one operation.
///
/// # Errors
///
/// When not exactly one line answers it.
pub(super) async fn export(connector: &Connector, operation: Value) -> Result<Answer> {
    let mut outcomes = connector.export(Operation::from_json_lines(&operation.to_string()));
    let mut answers = Vec::new();
    while let Some(outcome) = outcomes.next().await {
        answers.push(outcome);
    }
    let [outcome] = answers.as_slice() else { bail!("{} lines answer one", answers.len()) };
    Ok(Answer {
        status: outcome.status,
        id: outcome.id.clone(),
        error: outcome.error.as_ref().map(|error| error.message.clone()),
    })
}

/// Closes a connector.
///
/// # Errors
///
/// When it takes longer than `limit`.
pub(super) async fn close(connector: Connector, limit: Duration) -> Result<()> {
    match timeout(limit, connector.close()).await {
        Ok(closed) => Ok(closed?),
        Err(_) => bail!("closing hangs"),
    }
}
