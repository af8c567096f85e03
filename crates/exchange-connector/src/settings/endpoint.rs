//! How Exchange Server is reached and signed in to.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::Context;
use super::error::SettingsError;
use super::network::{self, Network};
use super::section::Section;

/// How Exchange Server is reached and signed in to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Endpoint {
    /// The server's name as it was written.
    pub hostname: String,
    /// Where requests go: derived from the host name, the method and the kind, unless it was written.
    pub url: Url,
    /// What answers there.
    pub kind: EndpointKind,
    /// How the account signs in.
    pub authentication: Authentication,
    /// The account: `DOMAIN\name`, `name@domain` or a bare name.
    pub username: String,
    /// The account's password.
    pub password: SecretString,
    /// A file of further trust anchors, in PEM.
    pub ca_file: Option<PathBuf>,
    /// The domain controller every cmdlet is sent to; `None` pins the one that answers first.
    pub domain_controller: Option<String>,
    /// Whether Basic may go over plain http, where anyone on the way can read the password.
    pub allow_unencrypted: bool,
    /// Where Kerberos finds its realm.
    pub kerberos: Kerberos,
    /// The way there.
    pub network: Network,
}

/// What answers at an endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the documented values of endpoint.kind")]
pub enum EndpointKind {
    /// Exchange's own `/PowerShell` on 80 and 443.
    Exchange,
    /// The WinRM service on 5985 and 5986.
    WinRm,
}

/// How an account signs in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the documented values of authentication_method")]
pub enum Authentication {
    /// User name and password with each request.
    Basic,
    /// NTLM; or Kerberos, when the settings say where it finds its realm.
    Negotiate,
    /// Kerberos alone.
    Kerberos,
    /// Negotiate that also hands the password to the server.
    CredSsp,
    /// What the server offers: Negotiate, else Kerberos, never Basic.
    Default,
}

/// Where Kerberos finds its realm.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Kerberos {
    /// The realm, in capitals by custom.
    pub realm: Option<String>,
    /// A key distribution centre, `host` or `host:port`.
    pub kdc: Option<String>,
}

impl Authentication {
    /// The documented name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Negotiate => "Negotiate",
            Self::Kerberos => "Kerberos",
            Self::CredSsp => "CredSSP",
            Self::Default => "Default",
        }
    }
}

pub(super) const METHODS: &[(&str, Authentication)] = &[
    ("Basic", Authentication::Basic),
    ("Negotiate", Authentication::Negotiate),
    ("Kerberos", Authentication::Kerberos),
    ("CredSSP", Authentication::CredSsp),
    ("Default", Authentication::Default),
];

const KINDS: &[(&str, EndpointKind)] =
    &[("exchange", EndpointKind::Exchange), ("winrm", EndpointKind::WinRm)];

pub(super) const KEYS: &[&str] = &[
    "url",
    "kind",
    "ca_file",
    "max_sessions",
    "operation_timeout",
    "stall_timeout",
    "domain_controller",
    "allow_unencrypted",
    "proxy",
    "certificate_pin",
    "min_tls",
    "connect_timeout",
];

pub(super) const KERBEROS_KEYS: &[&str] = &["realm", "kdc"];

pub(super) fn parse(
    context: &mut Context<'_>,
    kerberos: &Section,
) -> Result<Endpoint, SettingsError> {
    let (root, table) = (context.root, context.endpoint);
    let hostname = hostname(root)?;
    let authentication = root.required_choice("authentication_method", METHODS)?;
    let username = username(root)?;
    let password = root.secret("password", context.source, context.warnings)?.ok_or_else(|| {
        root.missing("password", "write password = { env = \"EXCHANGE_PASSWORD\" }")
    })?;
    let kind = kind(table, authentication)?;
    let allow_unencrypted = table.boolean("allow_unencrypted")?.unwrap_or(false);
    let url = match written_url(table)? {
        Some(url) => url,
        None => derived_url(&hostname, kind, authentication, root)?,
    };
    refuse_plain_basic(table, root, &url, authentication, allow_unencrypted)?;
    let kerberos_unused = matches!(authentication, Authentication::Basic | Authentication::CredSsp);
    if kerberos_unused && KERBEROS_KEYS.iter().any(|key| kerberos.has(key)) {
        context.warnings.push(format!(
            "the table [kerberos] is not used with authentication_method = \"{}\"",
            authentication.name()
        ));
    }
    let plain = Some(&url).filter(|url| url.scheme() != "https");
    let network = network::parse(context, table, plain)?;
    Ok(Endpoint {
        hostname,
        url,
        kind,
        authentication,
        username,
        password,
        ca_file: table.text("ca_file")?.map(|path| context.directory.join(path)),
        domain_controller: domain_controller(table)?,
        allow_unencrypted,
        kerberos: Kerberos { realm: kerberos.text("realm")?, kdc: kerberos.text("kdc")? },
        network,
    })
}

fn hostname(root: &Section) -> Result<String, SettingsError> {
    let text = root.required_text("hostname", "write hostname = \"ex01.contoso.com\"")?;
    if is_host(&text) {
        return Ok(text);
    }
    Err(root.value_error(
        "hostname",
        "is not a host name",
        "write the name alone, and scheme, port or path in endpoint.url".to_owned(),
    ))
}

fn is_host(text: &str) -> bool {
    let unquoted = !text.contains(|c: char| c.is_whitespace() || "/\\@?#".contains(c));
    let no_port = text.starts_with('[') || !text.contains(':');
    unquoted && no_port && url::Host::parse(text).is_ok()
}

fn username(root: &Section) -> Result<String, SettingsError> {
    let text = root.required_text(
        "username",
        "write username = 'CONTOSO\\svc-idm' or \"svc-idm@contoso.com\"",
    )?;
    let halves_filled = |separator: char| {
        text.split_once(separator).is_none_or(|(left, right)| !left.is_empty() && !right.is_empty())
    };
    if text.chars().any(char::is_control) || !halves_filled('\\') || !halves_filled('@') {
        return Err(root.value_error(
            "username",
            "is not an account name",
            "write DOMAIN\\name or name@domain (in double quotes a backslash is written twice)"
                .to_owned(),
        ));
    }
    Ok(text)
}

fn kind(table: &Section, authentication: Authentication) -> Result<EndpointKind, SettingsError> {
    let written = table.choice("kind", KINDS)?;
    match (written, authentication) {
        (Some(EndpointKind::Exchange), Authentication::CredSsp) => Err(table.combination(
            "kind",
            "authentication_method = \"CredSSP\"",
            "Exchange's own endpoint never offers CredSSP: use kind = \"winrm\" or authentication_method = \"Negotiate\""
                .to_owned(),
        )),
        (Some(kind), _) => Ok(kind),
        (None, Authentication::CredSsp) => Ok(EndpointKind::WinRm),
        (None, _) => Ok(EndpointKind::Exchange),
    }
}

fn written_url(table: &Section) -> Result<Option<Url>, SettingsError> {
    const REMEDY: &str = "write a whole address such as \"http://ex01.contoso.com/PowerShell/\"";
    let Some(url) = table.parsed::<Url>("url", "is not a URL", REMEDY)? else {
        return Ok(None);
    };
    let problem = if !matches!(url.scheme(), "http" | "https") {
        "is neither http nor https"
    } else if !url.username().is_empty() || url.password().is_some() {
        "holds a user name or password"
    } else if url.fragment().is_some() {
        "has a fragment"
    } else if url.host_str().is_none_or(str::is_empty) {
        "has no host"
    } else {
        return Ok(Some(url));
    };
    // The address is not repeated here: it may hold a password.
    Err(SettingsError::Value {
        key: table.key("url"),
        value: "…".to_owned(),
        problem: problem.to_owned(),
        remedy: REMEDY.to_owned(),
    })
}

fn derived_url(
    hostname: &str,
    kind: EndpointKind,
    authentication: Authentication,
    root: &Section,
) -> Result<Url, SettingsError> {
    let secure = authentication == Authentication::Basic;
    let text = match (kind, secure) {
        (EndpointKind::Exchange, false) => format!("http://{hostname}/PowerShell/"),
        (EndpointKind::Exchange, true) => format!("https://{hostname}/PowerShell/"),
        (EndpointKind::WinRm, false) => format!("http://{hostname}:5985/wsman"),
        (EndpointKind::WinRm, true) => format!("https://{hostname}:5986/wsman"),
    };
    Url::parse(&text).map_err(|_| {
        root.value_error("hostname", "is not a host name", "write the name alone".to_owned())
    })
}

fn refuse_plain_basic(
    table: &Section,
    root: &Section,
    url: &Url,
    authentication: Authentication,
    allowed: bool,
) -> Result<(), SettingsError> {
    if authentication != Authentication::Basic || url.scheme() == "https" || allowed {
        return Ok(());
    }
    Err(root.combination(
        "authentication_method",
        &format!("endpoint.url = {}", table.written("url")),
        "over plain http anyone on the way can read the password: use https, another method, or \
         endpoint.allow_unencrypted = true"
            .to_owned(),
    ))
}

fn domain_controller(table: &Section) -> Result<Option<String>, SettingsError> {
    match table.text("domain_controller")? {
        Some(text) if !is_host(&text) => Err(table.value_error(
            "domain_controller",
            "is not a host name",
            "write its full name, such as \"dc01.contoso.com\"".to_owned(),
        )),
        other => Ok(other),
    }
}
