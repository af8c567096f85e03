//! How Exchange Server is reached and signed in to.

use std::path::PathBuf;

use url::Url;

use super::Context;
use super::error::SettingsError;
use super::identity::{self, Identity};
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
    /// Who signs in.
    pub identity: Identity,
    /// A file of further trust anchors, in PEM.
    pub ca_file: Option<PathBuf>,
    /// The domain controller every cmdlet is sent to; `None` pins the one that answers first.
    pub domain_controller: Option<String>,
    /// Whether Basic may go over plain http, where anyone on the way can read the password.
    pub allow_unencrypted: bool,
    /// Whether a redirect to another path of the same server is followed over https.
    pub follow_redirects: bool,
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
    /// NTLM; or Kerberos, when the settings say where it finds its realm, and NTLM after it where they allow that.
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
    /// Whether NTLM is tried after Kerberos when Kerberos cannot be had.
    pub ntlm_fallback: bool,
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

impl Endpoint {
    /// Who signs in, by which method, and what keeps others from reading along.
    pub(crate) fn sign_in(&self) -> String {
        let over_tls = self.url.scheme() == "https";
        let protection = match self.authentication {
            _ if over_tls => "over TLS",
            Authentication::Basic => "in clear",
            _ => "with sealed messages",
        };
        let who = match &self.identity {
            // Its file is the business of this machine alone.
            Identity::Certificate { .. } => {
                return format!("with a client certificate, {protection}");
            }
            identity => identity.name(),
        };
        let method = self.authentication.name();
        let Kerberos { realm, kdc, ntlm_fallback } = &self.kerberos;
        let knows_realm = realm.is_some() || kdc.is_some() || *ntlm_fallback;
        let mechanism = match (self.authentication, &self.identity) {
            (_, Identity::Ticket { .. }) => " (a Kerberos ticket)",
            (Authentication::Negotiate, _) if *ntlm_fallback => " (Kerberos, else NTLM)",
            (Authentication::Negotiate, _) if knows_realm => " (Kerberos)",
            (Authentication::Negotiate, _) => " (NTLM)",
            (Authentication::Default, _) if !knows_realm => " (NTLM, else Kerberos)",
            _ => "",
        };
        format!("as {who} by {method}{mechanism}, {protection}")
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
    "follow_redirects",
    "client_certificate_file",
    "client_certificate_password",
];

pub(super) const KERBEROS_KEYS: &[&str] = &["realm", "kdc", "ntlm_fallback", "ccache", "keytab"];

pub(super) fn parse(
    context: &mut Context<'_>,
    kerberos: &Section,
) -> Result<Endpoint, SettingsError> {
    let (root, table) = (context.root, context.endpoint);
    let hostname = hostname(root)?;
    let authentication = root.required_choice("authentication_method", METHODS)?;
    let identity = identity::parse(context, kerberos, authentication)?;
    let kind = kind(table, authentication)?;
    let allow_unencrypted = table.boolean("allow_unencrypted")?.unwrap_or(false);
    let url = match written_url(table)? {
        Some(url) => url,
        None => derived_url(&hostname, kind, over_tls(authentication, &identity), root)?,
    };
    let follow_redirects = table.boolean("follow_redirects")?.unwrap_or(false);
    refuse_plain_certificate(table, &url, &identity)?;
    refuse_plain_redirects(table, &url, follow_redirects)?;
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
        identity,
        ca_file: table.text("ca_file")?.map(|path| context.directory.join(path)),
        domain_controller: domain_controller(table)?,
        allow_unencrypted,
        follow_redirects,
        kerberos: realm(kerberos, authentication)?,
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

fn realm(table: &Section, authentication: Authentication) -> Result<Kerberos, SettingsError> {
    let ntlm_fallback = table.boolean("ntlm_fallback")?.unwrap_or(false);
    if ntlm_fallback && authentication == Authentication::Kerberos {
        return Err(table.combination(
            "ntlm_fallback",
            "authentication_method = \"Kerberos\"",
            "that method is Kerberos alone: use authentication_method = \"Negotiate\"".to_owned(),
        ));
    }
    Ok(Kerberos { realm: table.text("realm")?, kdc: table.text("kdc")?, ntlm_fallback })
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

/// Basic sends the password itself, and a certificate is shown in a TLS handshake.
fn over_tls(authentication: Authentication, identity: &Identity) -> bool {
    authentication == Authentication::Basic || matches!(identity, Identity::Certificate { .. })
}

fn derived_url(
    hostname: &str,
    kind: EndpointKind,
    secure: bool,
    root: &Section,
) -> Result<Url, SettingsError> {
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

fn refuse_plain_certificate(
    table: &Section,
    url: &Url,
    identity: &Identity,
) -> Result<(), SettingsError> {
    if url.scheme() == "https" || !matches!(identity, Identity::Certificate { .. }) {
        return Ok(());
    }
    let with = format!("the address {url}");
    let remedy = "there is no certificate over http: use https".to_owned();
    Err(table.combination("client_certificate_file", &with, remedy))
}

fn refuse_plain_redirects(table: &Section, url: &Url, follow: bool) -> Result<(), SettingsError> {
    if url.scheme() == "https" || !follow {
        return Ok(());
    }
    let with = format!("the address {url}");
    let remedy = "a redirect is followed over https alone: use https".to_owned();
    Err(table.combination("follow_redirects", &with, remedy))
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
