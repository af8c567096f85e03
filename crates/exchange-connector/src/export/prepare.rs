//! What can be decided about an operation without the server.

use exchange_cmdlets::{ErrorClass, Identity, ParameterValue, Retry};
use exchange_online::has_parameter;
use secrecy::SecretString;
use serde_json::Value as Json;
use uuid::Uuid;

use super::hybrid::belongs_nowhere;
use crate::error::{Error, RequestError, advised};
use crate::operation::{Create, Operation, OperationKind, Request, Update};
use crate::outcome::{Outcome, OutcomeError, Status};
use crate::parameters::argument_from_json;
use crate::schema::{Attribute, Family, attribute, nearest_attribute};
use crate::settings::{Authentication, Authority, CreateMethod, Deprovision, Settings};
use crate::value::attribute_to_argument;

/// An operation, found good or already decided.
pub(super) struct Prepared {
    reference: Option<Json>,
    kind: Option<OperationKind>,
    id: Option<String>,
    task: Result<Task, (Status, OutcomeError)>,
}

/// What is to be done, in the types of the schema.
#[derive(Debug)]
pub(super) enum Task {
    Create(CreateTask),
    Update { id: Uuid, attributes: Vec<Wanted> },
    Delete { id: Uuid },
}

#[derive(Debug)]
pub(super) struct CreateTask {
    pub(super) family: Family,
    /// What names the account (Enable) or will name it (New): used to look whether the mailbox is there already.
    pub(super) identity: Option<Identity>,
    pub(super) attributes: Vec<Wanted>,
    /// Attributes of the service's side, which has no such mailbox yet.
    pub(super) later: Vec<&'static str>,
    pub(super) secrets: Vec<(String, SecretString)>,
    pub(super) parameters: Vec<(String, ParameterValue)>,
}

impl CreateTask {
    /// The attributes that a second step can write.
    pub(super) fn attributes_to_write(&self) -> Vec<Wanted> {
        let writable = |wanted: &&Wanted| {
            attribute(self.family, wanted.name).is_some_and(|found| found.writer().is_some())
        };
        self.attributes.iter().filter(writable).cloned().collect()
    }
}

/// An attribute and the value it is to have. Which family's attribute it is turns out when the object is read.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) name: &'static str,
    pub(super) value: Json,
}

impl Prepared {
    pub(super) fn new(operation: Operation, settings: &Settings) -> Self {
        let Operation { reference, kind, id, request, .. } = operation;
        let task = match request {
            Err(problem) => Err(invalid(problem)),
            Ok(Request::Create(create)) => prepare_create(create, settings).map(Task::Create),
            Ok(Request::Update(update)) => prepare_update(update, settings),
            Ok(Request::Delete { id }) => prepare_delete(id, settings),
        };
        Self { reference, kind, id, task }
    }

    /// What is to be done, or the outcome that is already certain.
    pub(super) fn task(&self) -> Result<&Task, Box<Outcome>> {
        self.task.as_ref().map_err(|(status, error)| {
            let mut outcome = self.blank();
            outcome.status = *status;
            outcome.error = Some(error.clone());
            Box::new(outcome)
        })
    }

    pub(super) fn kind(&self) -> Option<OperationKind> {
        self.kind
    }

    pub(super) fn is_delete(&self) -> bool {
        matches!(self.task, Ok(Task::Delete { .. }))
    }

    /// The outcome before anything is known.
    pub(super) fn blank(&self) -> Outcome {
        Outcome {
            reference: self.reference.clone(),
            operation: self.kind,
            status: Status::Failed,
            id: self.id.clone(),
            server: None,
            error: None,
            warnings: Vec::new(),
            changes: None,
            cmdlets: None,
        }
    }

    /// The outcome when no session could be opened.
    pub(super) fn without_session(&self, error: &Error) -> Outcome {
        match self.task() {
            Err(decided) => *decided,
            Ok(_) => {
                let (class, retry) = match error {
                    Error::SignIn { .. } => (ErrorClass::Denied, Retry::Never),
                    _ => (ErrorClass::Transient, Retry::Later),
                };
                let mut outcome = self.blank();
                outcome.error = Some(OutcomeError::new(class, retry, advised(error)));
                outcome
            }
        }
    }

    /// The outcome when the run as a whole is refused.
    pub(super) fn refused_by_guard(&self, reason: &str) -> Outcome {
        match self.task() {
            Err(decided) => *decided,
            Ok(_) => {
                let mut outcome = self.blank();
                outcome.status = Status::Refused;
                outcome.error = Some(OutcomeError::new(ErrorClass::Denied, Retry::Never, reason));
                outcome
            }
        }
    }
}

type Decided = (Status, OutcomeError);

fn invalid(message: impl Into<String>) -> Decided {
    (Status::Failed, OutcomeError::new(ErrorClass::Invalid, Retry::Never, message))
}

fn refused(message: impl Into<String>) -> Decided {
    (Status::Refused, OutcomeError::new(ErrorClass::Denied, Retry::Never, message))
}

fn prepare_update(update: Update, settings: &Settings) -> Result<Task, Decided> {
    let families = with_online(Family::of(&settings.infrastructure), settings);
    let attributes = wanted(update.attributes, &families, Use::Update)?;
    let written = |name| settings.online_side().and_then(|side| side.authority.written(name));
    match attributes.iter().find(|wanted| written(wanted.name) == Some(Authority::Nowhere)) {
        Some(wanted) => Err(refused(belongs_nowhere(wanted.name))),
        None => Ok(Task::Update { id: update.id, attributes }),
    }
}

/// The families and, when the settings name it, that of the service's side.
fn with_online(families: &[Family], settings: &Settings) -> Vec<Family> {
    let online = settings.online_side().map(|_| Family::OnlineMailbox);
    families.iter().copied().chain(online).collect()
}

fn prepare_delete(id: Uuid, settings: &Settings) -> Result<Task, Decided> {
    if settings.export.deprovision == Deprovision::Refuse {
        return Err(refused(
            "export.deprovision = \"refuse\" forbids deletes; use \"disable\" or \"remove\"",
        ));
    }
    Ok(Task::Delete { id })
}

fn prepare_create(create: Create, settings: &Settings) -> Result<CreateTask, Decided> {
    let family = Family::created(&settings.infrastructure);
    let method = settings.create_method;
    let cmdlet = family.create(method);
    let attributes =
        wanted(create.attributes, &with_online(&[family], settings), Use::Create(method))?;
    let (attributes, later) = sort_out(attributes, family, settings)?;
    let text = |name: &str| {
        attributes
            .iter()
            .find(|wanted| wanted.name == name)
            .and_then(|wanted| wanted.value.as_str())
            .filter(|text| !text.trim().is_empty())
    };
    let principal = text("UserPrincipalName");
    let identity = match method {
        CreateMethod::New if create.identity.is_some() => {
            return Err(invalid(format!(
                "\"identity\" names an account to enable, but create_method = \"New\" makes one with {cmdlet}"
            )));
        }
        CreateMethod::New => {
            if text("Name").is_none() {
                return Err(invalid(format!("attribute Name is missing; {cmdlet} needs it")));
            }
            principal.map(|name| identity_of("UserPrincipalName", name)).transpose()?
        }
        CreateMethod::Enable => match (create.identity.as_deref(), principal) {
            (Some(name), _) => Some(identity_of("identity", name)?),
            (None, Some(name)) => Some(identity_of("UserPrincipalName", name)?),
            (None, None) => {
                return Err(invalid(format!(
                    "{cmdlet} needs the account: name it in \"identity\" or by UserPrincipalName"
                )));
            }
        },
    };
    if !create.secrets.is_empty() {
        allow_secrets(settings)?;
    }
    let parameters = prepare_parameters(create.parameters, &attributes)?;
    if method == CreateMethod::New {
        need_password(cmdlet, &create.secrets, &parameters)?;
        let person = create.secrets.iter().any(|(name, _)| name == "Password");
        if family == Family::OnlineMailbox && person && principal.is_none() {
            return Err(invalid(format!(
                "attribute UserPrincipalName is missing; {cmdlet} of Exchange Online makes the account by it"
            )));
        }
    }
    if family == Family::OnlineMailbox {
        let given = parameters.iter().map(|(name, _)| name);
        if let Some(name) = given.into_iter().find(|name| !has_parameter(cmdlet, name)) {
            return Err(invalid(format!(
                "_param_{name}: {cmdlet} of Exchange Online has no such parameter"
            )));
        }
    }
    Ok(CreateTask { family, identity, attributes, later, secrets: create.secrets, parameters })
}

/// Tells apart what a new object of a hybrid organisation is given at once, and what belongs to the service's side.
fn sort_out(
    attributes: Vec<Wanted>,
    family: Family,
    settings: &Settings,
) -> Result<(Vec<Wanted>, Vec<&'static str>), Decided> {
    let Some(side) = settings.online_side() else {
        return Ok((attributes, Vec::new()));
    };
    let (mut own, mut later) = (Vec::new(), Vec::new());
    for wanted in attributes {
        let made_with = || {
            attribute(family, wanted.name)
                .is_some_and(|attribute| attribute.goes_with_create(settings.create_method))
        };
        match side.authority.of(wanted.name) {
            Authority::OnPremises => own.push(wanted),
            Authority::Cloud if made_with() => own.push(wanted),
            Authority::Cloud if wanted.value.is_null() => {}
            Authority::Cloud => later.push(wanted.name),
            Authority::Nowhere => return Err(refused(belongs_nowhere(wanted.name))),
        }
    }
    Ok((own, later))
}

fn identity_of(key: &str, name: &str) -> Result<Identity, Decided> {
    Identity::new(name).map_err(|error| invalid(format!("{key:?} {name:?}: {error}")))
}

/// Refuses secrets when the sign-in method must not carry them.
fn allow_secrets(settings: &Settings) -> Result<(), Decided> {
    let Some(method) = settings.endpoint().map(|endpoint| endpoint.authentication) else {
        return Ok(());
    };
    let allowed = &settings.export.password_methods;
    if allowed.contains(&method) {
        return Ok(());
    }
    let names: Vec<_> = allowed.iter().copied().map(Authentication::name).collect();
    Err(refused(format!(
        "_param_password must not be sent with authentication_method = \"{}\": export.password_methods allows {}; \
         sign in with one of those, or change export.password_methods",
        method.name(),
        if names.is_empty() { "none".to_owned() } else { names.join(", ") },
    )))
}

fn prepare_parameters(
    parameters: Vec<(String, Json)>,
    attributes: &[Wanted],
) -> Result<Vec<(String, ParameterValue)>, Decided> {
    parameters
        .into_iter()
        .map(|(name, value)| {
            if name.eq_ignore_ascii_case("Identity") {
                return Err(invalid("_param_Identity: the account is named in \"identity\""));
            }
            if attributes.iter().any(|wanted| wanted.name.eq_ignore_ascii_case(&name)) {
                return Err(invalid(format!(
                    "{name} is given both as an attribute and as _param_{name}"
                )));
            }
            if !name.chars().all(|c| c.is_ascii_alphanumeric()) {
                return Err(invalid(format!("_param_{name} is not the name of a parameter")));
            }
            match argument_from_json(&name, &value) {
                Ok(value) => Ok((name, value)),
                Err(problem) => Err(invalid(format!("_param_{name} {problem}"))),
            }
        })
        .collect()
}

/// The parameters of `New-` that make a mailbox without a password of its own.
const WITHOUT_PASSWORD: &[&str] = &[
    "AccountDisabled",
    "Arbitration",
    "AuditLog",
    "AuxAuditLog",
    "Discovery",
    "Equipment",
    "FederatedIdentity",
    "InactiveMailbox",
    "LinkedMasterAccount",
    "LinkedRoom",
    "Migration",
    "PublicFolder",
    "RemovedMailbox",
    "Room",
    "Shared",
    "SupervisoryReviewPolicy",
];

/// A missing mandatory parameter would be asked for at a prompt that nobody sees.
fn need_password(
    cmdlet: &str,
    secrets: &[(String, SecretString)],
    parameters: &[(String, ParameterValue)],
) -> Result<(), Decided> {
    let has_password = secrets.iter().any(|(name, _)| name == "Password");
    let without = parameters.iter().any(|(name, value)| {
        !matches!(value, ParameterValue::Switch(false))
            && WITHOUT_PASSWORD.iter().any(|known| known.eq_ignore_ascii_case(name))
    });
    if has_password || without {
        return Ok(());
    }
    Err(invalid(format!(
        "{cmdlet} needs _param_password for a user mailbox, or a type such as \"_param_Shared\": true"
    )))
}

#[derive(Clone, Copy)]
enum Use {
    Create(CreateMethod),
    Update,
}

/// Checks names and values against the schema.
fn wanted(
    attributes: Vec<(String, Json)>,
    families: &[Family],
    purpose: Use,
) -> Result<Vec<Wanted>, Decided> {
    let mut wanted: Vec<Wanted> = Vec::with_capacity(attributes.len());
    for (name, value) in attributes {
        let found: Vec<_> =
            families.iter().filter_map(|family| attribute(*family, &name)).collect();
        let Some(first) = found.first() else {
            let nearest = nearest_attribute(families, &name);
            return Err(invalid(RequestError::UnknownAttribute { name, nearest }.to_string()));
        };
        if wanted.iter().any(|other| other.name == first.name()) {
            return Err(invalid(format!("attribute {} is given twice", first.name())));
        }
        let Some(writable) = found.iter().find(|attribute| is_writable(**attribute, purpose))
        else {
            return Err(invalid(read_only(first.name(), purpose)));
        };
        check_value(*writable, &value)?;
        wanted.push(Wanted { name: first.name(), value });
    }
    Ok(wanted)
}

fn is_writable(attribute: Attribute, purpose: Use) -> bool {
    match purpose {
        Use::Update => attribute.writer().is_some(),
        Use::Create(method) => {
            attribute.writer().is_some()
                || attribute.goes_with_create(method)
                || attribute.names_account()
        }
    }
}

fn read_only(name: &str, purpose: Use) -> String {
    let hint = match name {
        "PrimarySmtpAddress" | "WindowsEmailAddress" => {
            "; the primary address is the last of EmailAddresses"
        }
        "UserPrincipalName" => "; in Exchange Online it is MicrosoftOnlineServicesID",
        _ => "",
    };
    match purpose {
        Use::Update => format!("attribute {name} cannot be changed{hint}"),
        Use::Create(_) => format!("attribute {name} cannot be set{hint}"),
    }
}

fn check_value(attribute: Attribute, value: &Json) -> Result<(), Decided> {
    if attribute.name() == "EmailAddresses" {
        return match flow(value) {
            Ok(_) => Ok(()),
            Err(problem) => Err(invalid(format!("attribute EmailAddresses {problem}"))),
        };
    }
    match attribute_to_argument(attribute, value) {
        Ok(_) => Ok(()),
        Err(problem) => Err(invalid(format!("attribute {} {problem}", attribute.name()))),
    }
}

/// The addresses of a flow; null and an empty list change nothing.
pub(super) fn flow(value: &Json) -> Result<Vec<&str>, &'static str> {
    match value {
        Json::Null => Ok(Vec::new()),
        Json::String(single) => Ok(vec![single]),
        Json::Array(items) => {
            items.iter().map(|item| item.as_str().ok_or("takes a list of texts")).collect()
        }
        _ => Err("takes a list of texts"),
    }
}
