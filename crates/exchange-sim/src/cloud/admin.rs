//! The admin API: cmdlets as JSON, and the module file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use rsa::traits::PublicKeyParts;
use serde_json::{Map, Value, json};

use super::json::{self, Unfit};
use super::token::unescaped;
use super::{Cloud, CloudAnswer, CloudRequest, is_past, lock};
use crate::cmdlets::{Argument, CmdletError, Exchange, Invocation, Record, Run, Session};
use crate::http::Shells;

pub(super) const PAGING: &str = "Microsoft.Exchange.Admin.OData.Core.ODataServiceException";
const PARAMETER_SET: &str = "System.Management.Automation.AmbiguousParameterSetException";
const TRANSFORMATION: &str = "System.Management.Automation.ParameterTransformationException";

/// The cmdlets that the service has.
const CMDLETS: [&str; 12] = [
    "Disable-Mailbox",
    "Enable-Mailbox",
    "Get-AcceptedDomain",
    "Get-CASMailbox",
    "Get-Mailbox",
    "Get-OrganizationConfig",
    "Get-User",
    "New-Mailbox",
    "Remove-Mailbox",
    "Set-CASMailbox",
    "Set-Mailbox",
    "Set-User",
];

/// Parameters that the own servers' cmdlets have and the service's do not.
const MISSING: [(&str, &[&str]); 4] = [
    (
        "New-Mailbox",
        &[
            "UserPrincipalName",
            "Database",
            "SamAccountName",
            "AccountDisabled",
            "LinkedMasterAccount",
        ],
    ),
    (
        "Enable-Mailbox",
        &["Alias", "DisplayName", "Database", "PrimarySmtpAddress", "Shared", "Room", "Equipment"],
    ),
    (
        "Set-Mailbox",
        &[
            "PrimarySmtpAddress",
            "EmailAddressPolicyEnabled",
            "Password",
            "Database",
            "SamAccountName",
            "UserPrincipalName",
        ],
    ),
    ("Set-CASMailbox", &["ECPEnabled", "MAPIBlockOutlookNonCachedMode"]),
];

/// Returns the cmdlet that a body names, or `InvokeCommand`.
pub(super) fn cmdlet_name(body: &[u8]) -> String {
    let body: Option<Value> = serde_json::from_slice(body).ok();
    let name = body
        .and_then(|body| Some(body.get("CmdletInput")?.get("CmdletName")?.as_str()?.to_owned()));
    name.unwrap_or_else(|| "InvokeCommand".to_owned())
}

impl Cloud {
    /// Answers a request of the API, if its token is good and its bearer may.
    pub(super) fn authorized(
        &self,
        request: &CloudRequest<'_>,
        action: &str,
        shells: &Shells,
    ) -> CloudAnswer {
        let token = header(request.headers, "authorization")
            .and_then(|value| value.strip_prefix("Bearer "))
            .unwrap_or_default();
        let permitted = match lock(&self.tokens).get(token) {
            Some(issued) if !is_past(issued.until) => issued.permitted,
            _ => {
                let challenge = "Bearer realm=\"\", error=\"invalid_token\"".to_owned();
                return CloudAnswer::bare(401).with("WWW-Authenticate", challenge);
            }
        };
        if !permitted {
            return CloudAnswer::bare(401);
        }
        if !self.has_role {
            return unknown();
        }
        match action {
            "Module" => self.module(request),
            "Page" => self.next_page(request, shells),
            "Mailbox" | "User" | "CasMailbox" => self.typed(request, shells),
            _ if request.post => self.invoke(request, shells),
            _ => CloudAnswer::bare(405),
        }
    }

    fn module(&self, request: &CloudRequest<'_>) -> CloudAnswer {
        let Some(key) = self.key() else { return CloudAnswer::bare(503) };
        let wanted = header(request.headers, "commandname").unwrap_or("*");
        let wanted: Vec<&str> = wanted.split(',').map(str::trim).collect();
        let named = |cmdlet: &&&str| {
            wanted.iter().any(|name| *name == "*" || name.eq_ignore_ascii_case(cmdlet))
        };
        let cmdlets: Vec<&str> = CMDLETS.iter().filter(named).copied().collect();
        let number = |bytes: &[u8]| STANDARD.encode(bytes);
        let text = format!(
            "# A module that is none.\r\n$key = '<RSAKeyValue><Modulus>{}</Modulus><Exponent>{}</Exponent></RSAKeyValue>'\r\n",
            number(&key.n().to_be_bytes_trimmed_vartime()),
            number(&key.e().to_be_bytes_trimmed_vartime()),
        );
        CloudAnswer::json(
            200,
            &json!({"value": [
                {"fileName": "ExchangeOnline.psd1", "fileContent": "@{}", "exportedCmdlets": cmdlets},
                {"fileName": "ExchangeOnline.psm1", "fileContent": text},
            ]}),
        )
    }

    fn invoke(&self, request: &CloudRequest<'_>, shells: &Shells) -> CloudAnswer {
        let body: Value = serde_json::from_slice(request.body).unwrap_or_default();
        let input = body.get("CmdletInput");
        let name = input.and_then(|input| input.get("CmdletName")?.as_str());
        let parameters = input.and_then(|input| input.get("Parameters")?.as_object());
        let (Some(name), Some(parameters)) = (name, parameters) else {
            return json::error(
                400,
                PAGING,
                "The request body is not a cmdlet with its parameters.",
            );
        };
        let Some(name) = CMDLETS.iter().find(|known| known.eq_ignore_ascii_case(name)) else {
            return unknown();
        };
        if let Some((_, Value::Bool(true))) =
            parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case("SoftDeletedMailbox"))
        {
            return self.deleted(parameters);
        }
        let mut invocation = match self.invocation(name, parameters) {
            Ok(invocation) => vec![invocation],
            Err(answer) => return answer,
        };
        invocation.extend(selection(request.query));
        let mut exchange = shells.exchange();
        let session = Session::new(exchange.domain_controller(0));
        let leaving = (*name == "Remove-Mailbox")
            .then(|| mailbox(&mut exchange, &session, parameters))
            .flatten();
        let run = match Run::new(&mut exchange, session, vec![invocation]) {
            Ok(run) => run,
            Err(error) => return refusal(&error),
        };
        let answer = self.begin_list(request, run, None, &mut exchange);
        if name.starts_with("New-") {
            exchange.detach_policies();
        }
        if answer.status == 200 {
            lock(&self.deleted).extend(leaving);
        }
        answer
    }

    /// Shows the mailboxes that were removed.
    fn deleted(&self, parameters: &Map<String, Value>) -> CloudAnswer {
        let identity = parameters
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("Identity"))
            .and_then(|(_, value)| value.as_str());
        let named = |row: &&Value| {
            let is = |member: &str| {
                let text = row.get(member).and_then(Value::as_str).unwrap_or_default();
                identity.is_some_and(|identity| identity.eq_ignore_ascii_case(text))
            };
            identity.is_none() || ["Guid", "Name", "UserPrincipalName", "Alias"].into_iter().any(is)
        };
        let rows: Vec<Value> = lock(&self.deleted).iter().filter(named).cloned().collect();
        match identity {
            Some(identity) if rows.is_empty() => {
                let name =
                    "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException";
                let message = format!(
                    "The operation couldn't be performed because object '{identity}' couldn't be found."
                );
                json::error(404, name, &message)
            }
            _ => CloudAnswer::json(200, &json!({"@adminapi.warnings": [], "value": rows})),
        }
    }

    /// Makes an invocation of the parameters, as strict as the service.
    fn invocation(
        &self,
        name: &'static str,
        parameters: &Map<String, Value>,
    ) -> Result<Invocation, CloudAnswer> {
        let given = |wanted: &str| {
            parameters
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value)
        };
        let on = |wanted: &str| given(wanted).is_some_and(|value| *value == Value::Bool(true));
        let resource = ["Shared", "Room", "Equipment"].into_iter().any(on);
        let mut invocation = Invocation::new(name);
        for (parameter, value) in parameters.iter().filter(|(name, _)| !name.contains('@')) {
            let is = |other: &str| parameter.eq_ignore_ascii_case(other);
            let missing = MISSING.iter().any(|(cmdlet, missing)| {
                *cmdlet == name && missing.iter().any(|missing| is(missing))
            });
            let outside = resource
                && name == "New-Mailbox"
                && !on("EnableRoomMailboxAccount")
                && (is("MicrosoftOnlineServicesID") || is("MailboxPlan"));
            if missing || outside || is("DomainController") {
                return Err(no_set(parameter));
            }
            let secret = ["Password", "RoomMailboxPassword"].into_iter().any(is);
            let key = if secret { self.key() } else { None };
            let argument = json::argument(value, key).map_err(|unfit| match unfit {
                Unfit::Untyped => json::error(
                    400,
                    TRANSFORMATION,
                    &format!("Cannot process argument transformation on parameter '{parameter}'."),
                ),
                Unfit::Secret => json::error(
                    400,
                    TRANSFORMATION,
                    "Cannot process argument transformation on parameter 'Password'.",
                ),
            })?;
            let own = if is("MicrosoftOnlineServicesID") { "UserPrincipalName" } else { parameter };
            invocation = invocation.with(own, argument);
        }
        if name == "Enable-Mailbox" && !on("Archive") && !on("AutoExpandingArchive") {
            return Err(no_set("Identity"));
        }
        Ok(invocation)
    }
}

/// Returns the row of the mailbox that is about to be removed.
fn mailbox(
    exchange: &mut Exchange,
    session: &Session,
    parameters: &Map<String, Value>,
) -> Option<Value> {
    let (_, identity) =
        parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case("Identity"))?;
    let look = Invocation::new("Get-Mailbox").text("Identity", identity.as_str()?);
    let mut run = Run::new(exchange, session.clone(), vec![vec![look]]).ok()?;
    match run.next(exchange).ok()?? {
        Record::Output(item) => Some(json::row(&item)),
        _ => None,
    }
}

/// What the service says of a cmdlet that is not there, or not for this caller: nothing.
fn unknown() -> CloudAnswer {
    CloudAnswer {
        body: vec![0; 64],
        ..CloudAnswer::bare(403).with("Content-Encoding", "gzip".to_owned())
    }
}

fn no_set(parameter: &str) -> CloudAnswer {
    let message = format!(
        "Parameter set cannot be resolved using the specified named parameters. Invalid cmdlet parameters specified. {parameter}"
    );
    json::error(400, PARAMETER_SET, &message)
}

pub(super) fn refusal(error: &CmdletError) -> CloudAnswer {
    if error.id.starts_with("NamedParameterNotFound") {
        return json::error(400, PARAMETER_SET, &error.message);
    }
    let status = if error.reason() == "ManagementObjectNotFoundException" { 404 } else { 400 };
    json::error(status, error.exception, &error.message)
}

/// The properties that the address asks for, as a second command.
fn selection(query: &str) -> Option<Invocation> {
    let list = query
        .split('&')
        .find_map(|pair| unescaped(pair).strip_prefix("$select=").map(str::to_owned))?;
    let names = list.split(',').map(|name| Argument::Text(name.to_owned())).collect();
    Some(Invocation::new("Select-Object").with("Property", Argument::List(names)))
}

pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
