//! Trying everything that has to work, step by step.

use std::time::Duration;

use clixml::Value;
use exchange_cmdlets::{CmdletCall, ErrorClass, TransportError, classify};
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::connector::Inner;
use crate::error::{Error, report};
use crate::online;
use crate::remedy;
use crate::remote::{LeftOver, Remote};
use crate::schema::Family;
use crate::session::{Reply, Session};
use crate::settings::{Endpoint, EndpointKind, Infrastructure, Settings};
use crate::text::sanitized;
use crate::value::list_argument;

/// What worked and what did not.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// Whether every step went well.
    pub ok: bool,
    /// Where the session goes.
    pub target: String,
    /// The server that answered, as far as it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The version of Exchange, as the organisation states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The organisation's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The domain controller every cmdlet is sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_controller: Option<String>,
    /// The accepted domains.
    pub accepted_domains: Vec<String>,
    /// The cmdlets that are needed and can be run.
    pub cmdlets: Vec<String>,
    /// Whether the server sends only the properties asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trims_properties: Option<bool>,
    /// The steps in order.
    pub steps: Vec<CheckStep>,
    /// The same for the service's side of a hybrid organisation, when the settings name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online: Option<Box<Self>>,
    /// The exit code a command line gives: 0, 4 when no session could be opened or, in the cloud, nothing may be read, else 1.
    #[serde(skip)]
    pub exit_code: u8,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CheckStep {
    /// What was tried.
    pub name: &'static str,
    /// What came of it.
    pub status: CheckStatus,
    /// What was found, or what went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do about a failed step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "a step goes well, fails, or is not reached")]
pub enum CheckStatus {
    /// It went well.
    Ok,
    /// It failed.
    Failed,
    /// It was not tried, because an earlier step failed.
    Skipped,
}

/// How long a connection may take to come about where the settings do not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// All steps in order: those that need the network alone, and those that need a session.
const STEPS: [&str; 11] = [
    "resolve",
    "connect",
    "authenticate",
    LEFT_OVER,
    "open session",
    LOAD,
    "organization",
    "domain controller",
    "accepted domains",
    "cmdlets",
    "property selection",
];

/// The steps that WinRM's endpoint has and Exchange's own has not.
const LEFT_OVER: &str = "left-over sessions";
const LOAD: &str = "load Exchange";

/// Checks an organisation; of a hybrid one both sides, although one of them fails.
pub(crate) async fn check(inner: &Inner) -> CheckReport {
    let mut report = check_side(inner).await;
    if let Some(online) = &inner.online {
        let online = check_side(online).await;
        report.ok &= online.ok;
        report.exit_code = report.exit_code.max(online.exit_code);
        report.online = Some(Box::new(online));
    }
    report
}

async fn check_side(inner: &Inner) -> CheckReport {
    let mut report = CheckReport {
        ok: false,
        target: inner.target(),
        server: None,
        version: None,
        organization: None,
        domain_controller: None,
        accepted_domains: Vec::new(),
        cmdlets: Vec::new(),
        trims_properties: None,
        steps: Vec::new(),
        online: None,
        exit_code: 4,
    };
    let kind = kind(inner);
    if let Some(url) = inner.url() {
        report.server = url.host_str().map(str::to_owned);
        if !inner.environment.is_plain() {
            // What listens to the network, or stands in its place, knows of exchanges alone.
            let detail = Some("not tried apart from the session".to_owned());
            report.good("resolve", detail.clone());
            report.good("connect", detail);
        } else if !report.reach(url, inner.proxy(), connect_timeout(&inner.settings)).await {
            report.skip_the_rest(kind);
            return report;
        }
    }
    let session = match inner.session_at_once().await {
        Ok(session) => session,
        Err(error) => {
            report.no_session(inner, &error);
            // They may be what stands in the way of a session.
            if !matches!(error, Error::SignIn { .. }) {
                report.left_over(inner).await;
            }
            report.skip_the_rest(kind);
            return report;
        }
    };
    report.signed_in(inner);
    report.left_over(inner).await;
    report.opened(inner);
    if let Some(way) = inner.remote().and_then(Remote::loaded) {
        report.good(LOAD, Some(way.to_string()));
    }
    report.organization(&session).await;
    report.pinned(&session);
    report.domains(&session).await;
    report.visible_cmdlets(&session, &inner.settings).await;
    let may_read = report.selection(&session, &inner.settings).await;
    report.ok = report.steps.iter().all(|step| step.status == CheckStatus::Ok);
    // In the service a session says nothing yet of what the account may do.
    report.exit_code = match may_read || !inner.is_online() {
        true => u8::from(!report.ok),
        false => 4,
    };
    report
}

/// How long a connection may take to come about.
fn connect_timeout(settings: &Settings) -> Duration {
    let written = match &settings.infrastructure {
        Infrastructure::Cloud(cloud) => cloud.network.connect_timeout,
        _ => settings.endpoint().and_then(|endpoint| endpoint.network.connect_timeout),
    };
    written.unwrap_or(CONNECT_TIMEOUT)
}

/// What answers at the endpoint.
fn kind(inner: &Inner) -> EndpointKind {
    inner.settings.endpoint().map_or(EndpointKind::Exchange, |endpoint| endpoint.kind)
}

impl CheckReport {
    fn step(
        &mut self,
        name: &'static str,
        status: CheckStatus,
        detail: Option<String>,
        remedy: Option<&str>,
    ) {
        let detail = detail.map(|text| sanitized(&text).into_owned());
        self.steps.push(CheckStep { name, status, detail, remedy: remedy.map(str::to_owned) });
    }

    fn good(&mut self, name: &'static str, detail: Option<String>) {
        self.step(name, CheckStatus::Ok, detail, None);
    }

    fn bad(&mut self, name: &'static str, detail: String, remedy: &str) {
        self.step(name, CheckStatus::Failed, Some(detail), Some(remedy));
    }

    /// Marks the steps that have no result yet as not tried, and puts all in order.
    fn skip_the_rest(&mut self, kind: EndpointKind) {
        let steps = STEPS
            .iter()
            .filter(|name| kind == EndpointKind::WinRm || ![LEFT_OVER, LOAD].contains(*name));
        for name in steps {
            if !self.steps.iter().any(|step| step.name == *name) {
                self.step(name, CheckStatus::Skipped, None, None);
            }
        }
        self.steps.sort_by_key(|step| STEPS.iter().position(|name| *name == step.name));
    }

    /// Looks the host up and connects to it; or the proxy, if there is one, for it does that for the host.
    async fn reach(&mut self, url: &Url, proxy: Option<(String, u16)>, limit: Duration) -> bool {
        let via = proxy.as_ref().map(|(host, port)| format!("through the proxy {host}:{port}"));
        let target = match proxy {
            Some(proxy) => Some(proxy),
            None => url.host_str().map(str::to_owned).zip(url.port_or_known_default()),
        };
        let Some((host, port)) = target else {
            self.bad("resolve", format!("{url} has no host or port"), "correct endpoint.url");
            return false;
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let addresses: Vec<_> = match tokio::net::lookup_host((host, port)).await {
            Ok(addresses) => addresses.collect(),
            Err(error) => {
                self.bad(
                    "resolve",
                    report(&error),
                    "correct hostname, endpoint.proxy or cloud.proxy, or the name service of this machine",
                );
                return false;
            }
        };
        let shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        self.good("resolve", Some(shown.join(", ")));
        const REMEDY: &str = "see that the server runs, that a firewall lets this port through, and that endpoint.url \
                              has the right scheme and port";
        match timeout(limit, TcpStream::connect(addresses.as_slice())).await {
            Ok(Ok(stream)) => {
                let reached = || stream.peer_addr().ok().map(|address| address.to_string());
                self.good("connect", via.or_else(reached));
                true
            }
            Ok(Err(error)) => {
                self.bad("connect", report(&error), REMEDY);
                false
            }
            Err(_) => {
                self.bad("connect", format!("no answer within {} s", limit.as_secs_f32()), REMEDY);
                false
            }
        }
    }

    /// Says who signed in, and how.
    fn signed_in(&mut self, inner: &Inner) {
        let on_premises = inner.settings.endpoint().map(Endpoint::sign_in);
        let in_cloud = || inner.account().map(|account| format!("for {account}"));
        self.good("authenticate", on_premises.or_else(in_cloud));
    }

    /// Says what kind of session was opened.
    fn opened(&mut self, inner: &Inner) {
        let detail = match inner.settings.endpoint().map(|endpoint| endpoint.kind) {
            Some(EndpointKind::Exchange) => "Microsoft.Exchange",
            Some(EndpointKind::WinRm) => "Microsoft.PowerShell",
            None => "the service keeps none: each request carries the token",
        };
        self.good("open session", Some(detail.to_owned()));
    }

    fn no_session(&mut self, inner: &Inner, error: &Error) {
        let step = match error {
            _ if remedy::is_of_signing_in(error) => "authenticate",
            Error::NoExchange { .. } => {
                self.signed_in(inner);
                self.opened(inner);
                LOAD
            }
            _ => "open session",
        };
        let remedy = error.remedy();
        self.bad(
            step,
            error.report(),
            remedy.as_deref().unwrap_or("look into what the server says"),
        );
    }

    /// Looks for sessions of other runs. They stand in nobody's way until the limit is reached.
    async fn left_over(&mut self, inner: &Inner) {
        let Some(remote) = inner.remote().filter(|_| kind(inner) == EndpointKind::WinRm) else {
            return;
        };
        match remote.left_over().await {
            Ok(found) if found.is_empty() => self.good(LEFT_OVER, Some("none".to_owned())),
            Ok(found) => {
                let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
                let remedy = if found.iter().any(LeftOver::is_lost) {
                    "an earlier run ended without closing these; where they use up the account's limit, end them on the \
                     server (Remove-WSManInstance shell -SelectorSet @{ShellId='…'}), or wait"
                } else {
                    "where no other run goes on, one ended without closing these; where they use up the account's limit, \
                     end them on the server (Remove-WSManInstance shell -SelectorSet @{ShellId='…'}), or wait"
                };
                self.step(LEFT_OVER, CheckStatus::Ok, Some(shown.join("; ")), Some(remedy));
            }
            Err(error) => {
                let detail = format!("the server does not list sessions: {}", report(&error));
                self.good(LEFT_OVER, Some(detail));
            }
        }
    }

    async fn organization(&mut self, session: &Session) {
        let call = CmdletCall::new("Get-OrganizationConfig");
        let Ok(reply) = self.ask("organization", session, call).await else {
            return;
        };
        let object = reply.objects.first();
        let text = |name: &str| {
            let value = object?.property(name).and_then(Value::text)?;
            Some(sanitized(&value).into_owned()).filter(|text| !text.is_empty())
        };
        self.organization = text("Name");
        self.version = text("AdminDisplayVersion").or_else(|| text("RBACConfigurationVersion"));
        let detail = [self.organization.clone(), self.version.clone()];
        self.good(
            "organization",
            Some(detail.into_iter().flatten().collect::<Vec<_>>().join(", ")),
        );
    }

    fn pinned(&mut self, session: &Session) {
        if !session.binds() {
            self.good("domain controller", Some("Exchange Online chooses its own".to_owned()));
            return;
        }
        self.domain_controller =
            session.domain_controller().map(|server| sanitized(server).into_owned());
        match self.domain_controller.clone() {
            Some(server) => self.good("domain controller", Some(server)),
            None => self.bad(
                "domain controller",
                "no answer named one".to_owned(),
                "name one in endpoint.domain_controller",
            ),
        }
    }

    async fn domains(&mut self, session: &Session) {
        let call = session.pin(CmdletCall::new("Get-AcceptedDomain"));
        let Ok(reply) = self.ask("accepted domains", session, call).await else {
            return;
        };
        self.accepted_domains = reply
            .objects
            .iter()
            .filter_map(|value| value.property("DomainName").and_then(Value::text))
            .map(|name| sanitized(&name).into_owned())
            .collect();
        self.good("accepted domains", Some(self.accepted_domains.join(", ")));
    }

    /// Asks which of the cmdlets that will be needed the account may run.
    async fn visible_cmdlets(&mut self, session: &Session, settings: &Settings) {
        let needed = needed_cmdlets(settings);
        let names = needed.iter().chain(ACCOUNT_CMDLETS).map(|name| Value::from(*name)).collect();
        let call = CmdletCall::new("Get-Command").parameter("Name", list_argument(names));
        // Unknown names are reported as errors, each beside the commands that were found.
        let found: Vec<String> = match session.run(call).await {
            Ok(reply) => reply
                .objects
                .iter()
                .filter_map(|value| value.property("Name").and_then(Value::text))
                .map(|name| sanitized(&name).into_owned())
                .collect(),
            Err(error) => {
                self.bad("cmdlets", report(&error), advice(&error));
                return;
            }
        };
        if found.is_empty() {
            self.good("cmdlets", Some("the server does not list them".to_owned()));
            return;
        }
        let missing = |names: &[&'static str]| -> Vec<&'static str> {
            let has = |name: &str| found.iter().any(|found| found.eq_ignore_ascii_case(name));
            names.iter().copied().filter(|name| !has(name)).collect()
        };
        let (lacking, unhandy) = (missing(&needed), missing(ACCOUNT_CMDLETS));
        self.cmdlets = found;
        if !lacking.is_empty() {
            self.bad(
                "cmdlets",
                format!("the account cannot run {}", lacking.join(", ")),
                "give the account a role that has them, such as the role group Recipient Management",
            );
        } else if unhandy.is_empty() {
            self.good("cmdlets", Some(needed.join(", ")));
        } else {
            let rest = unhandy.join(", ");
            self.good(
                "cmdlets",
                Some(format!(
                    "{}; without {rest}, attributes of the account are out of reach",
                    needed.join(", ")
                )),
            );
        }
    }

    /// Finds out whether the server sends only what it is asked for. Either way works; whole objects are slower. Returns
    /// false when the account may not read objects at all.
    async fn selection(&mut self, session: &Session, settings: &Settings) -> bool {
        for family in Family::of(&settings.infrastructure) {
            let call = CmdletCall::new(family.get()).parameter("ResultSize", "1").select(["Guid"]);
            let reply = match self.ask("property selection", session, session.pin(call)).await {
                Ok(reply) => reply,
                Err(failure) => return failure != Unanswered::Denied,
            };
            let Some(object) = reply.objects.first().and_then(Value::as_object) else {
                continue;
            };
            let trims = object.properties().count() < 5;
            self.trims_properties = Some(trims);
            let detail =
                if trims { "the server trims objects" } else { "the server sends whole objects" };
            self.good("property selection", Some(detail.to_owned()));
            return true;
        }
        self.good("property selection", Some("there is no object to try it with".to_owned()));
        true
    }

    /// Runs one cmdlet of a step; a failure becomes the step's result.
    async fn ask(
        &mut self,
        step: &'static str,
        session: &Session,
        call: CmdletCall,
    ) -> Result<Reply, Unanswered> {
        const ROLE: &str =
            "give the account a role that has this cmdlet, such as View-Only Recipients";
        match session.run(call).await {
            Ok(reply) => match reply.error() {
                None => Ok(reply),
                Some(record) => {
                    let denied = classify(record).class == ErrorClass::Denied;
                    let remedy = if denied { ROLE } else { "look into what the server says" };
                    self.bad(step, record.message.clone(), remedy);
                    Err(Unanswered::of(classify(record).class))
                }
            },
            Err(error) => {
                self.bad(step, report(&error), advice(&error));
                Err(Unanswered::of(error.class()))
            }
        }
    }
}

/// Why a step has no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Unanswered {
    /// The account may not run the cmdlet.
    Denied,
    Failed,
}

impl Unanswered {
    fn of(class: ErrorClass) -> Self {
        if class == ErrorClass::Denied { Self::Denied } else { Self::Failed }
    }
}

/// What to do when a command came to nothing.
fn advice(error: &TransportError) -> &'static str {
    let known = match error {
        TransportError::Denied { source }
        | TransportError::NotSent { source }
        | TransportError::ConnectionLost { source }
        | TransportError::Throttled { source, .. }
        | TransportError::Refused { source }
        | TransportError::Protocol { source } => online::remedy(&**source),
        _ => None,
    };
    known.unwrap_or("try again")
}

/// The cmdlets that imports and exports under these settings run.
fn needed_cmdlets(settings: &Settings) -> Vec<&'static str> {
    let mut needed = Vec::new();
    for family in Family::of(&settings.infrastructure) {
        needed.push(family.get());
        needed.push(crate::schema::Owner::Recipient.set(*family));
        needed.extend(family.delete(settings.export.deprovision));
    }
    needed.push(Family::created(&settings.infrastructure).create(settings.create_method));
    needed
}

/// The cmdlets of attributes that belong to the account, such as Title. Without them the rest works.
const ACCOUNT_CMDLETS: &[&str] = &["Get-User", "Set-User"];
