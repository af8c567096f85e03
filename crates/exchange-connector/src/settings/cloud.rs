//! How Exchange Online is reached and signed in to.

use std::path::PathBuf;

use exchange_online::{AssertionAlgorithm, Proxy, Thumbprint};
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use super::Context;
use super::error::SettingsError;
use super::network::{self, Network};
use super::section::Section;

/// How Exchange Online is reached and signed in to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cloud {
    /// The tenant, such as `contoso.onmicrosoft.com`.
    pub organization: String,
    /// Who signs in.
    pub credential: CloudCredential,
    /// Which of Microsoft's clouds the tenant lives in.
    pub environment: CloudEnvironment,
    /// Where tokens come from.
    pub authority_url: Url,
    /// Where cmdlets are sent.
    pub api_url: Url,
    /// What a token is asked for.
    pub scope: String,
    /// A file of further trust anchors for both hosts, in PEM.
    pub ca_file: Option<PathBuf>,
    /// The way to both hosts.
    pub network: Network<Proxy>,
    /// Whether imports may read mailboxes as typed rows, where that is sure to give the same.
    pub typed_reads: bool,
    /// Whether [`api_url`](Self::api_url) is one of the settings' own, which links and redirects then never leave.
    pub own_api: bool,
}

/// Who signs in to Exchange Online.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CloudCredential {
    /// An application that proves itself by a certificate.
    Certificate {
        /// The application's id.
        application_id: Uuid,
        /// SHA-1 of the certificate.
        thumbprint: Thumbprint,
        /// Where the certificate and its key are.
        source: CertificateSource,
        /// What the key is locked with.
        password: Option<SecretString>,
        /// How the assertion is signed.
        algorithm: AssertionAlgorithm,
    },
    /// An application that proves itself by a secret.
    ClientSecret {
        /// The application's id.
        application_id: Uuid,
        /// The secret.
        secret: SecretString,
    },
    /// A user.
    Password {
        /// The user's sign-in name.
        username: String,
        /// The user's password.
        password: SecretString,
        /// The public client to sign in through; `None` is that of Exchange Online PowerShell.
        client_id: Option<Uuid>,
    },
}

/// Where a certificate and its key are.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CertificateSource {
    /// A PFX or PEM file.
    File(PathBuf),
    /// A folder that is searched by thumbprint.
    Store(PathBuf),
    /// Where the platform keeps the user's certificates, searched by thumbprint: on Windows the stores `CurrentUser\My` and
    /// `LocalMachine\My`, elsewhere the folder of .NET.
    UserStore,
}

/// One of Microsoft's clouds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CloudEnvironment {
    /// The worldwide service.
    Global,
    /// Microsoft 365 GCC High.
    GccHigh,
    /// Microsoft 365 DoD.
    Dod,
    /// The service in China, run by 21Vianet.
    China,
}

impl CloudEnvironment {
    /// Where tokens come from, where cmdlets go and what a token is asked for.
    fn defaults(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Global => (
                "https://login.microsoftonline.com",
                "https://outlook.office365.com",
                "https://outlook.office365.com/.default",
            ),
            Self::GccHigh => (
                "https://login.microsoftonline.us",
                "https://outlook.office365.us",
                "https://outlook.office365.us/.default",
            ),
            Self::Dod => (
                "https://login.microsoftonline.us",
                "https://outlook-dod.office365.us",
                "https://outlook-dod.office365.us/.default",
            ),
            Self::China => (
                "https://login.partner.microsoftonline.cn",
                "https://partner.outlook.cn",
                "https://partner.outlook.cn/.default",
            ),
        }
    }
}

const ENVIRONMENTS: &[(&str, CloudEnvironment)] = &[
    ("global", CloudEnvironment::Global),
    ("gcc-high", CloudEnvironment::GccHigh),
    ("dod", CloudEnvironment::Dod),
    ("china", CloudEnvironment::China),
];

const ALGORITHMS: &[(&str, AssertionAlgorithm)] =
    &[("PS256", AssertionAlgorithm::Ps256), ("RS256", AssertionAlgorithm::Rs256)];

const CERTIFICATE_KEYS: [&str; 4] =
    ["certificate_file", "certificate_password", "certificate_store", "assertion_algorithm"];

pub(super) const KEYS: &[&str] = &[
    "certificate_file",
    "certificate_password",
    "certificate_store",
    "assertion_algorithm",
    "client_secret",
    "client_id",
    "environment",
    "authority_url",
    "api_url",
    "scope",
    "ca_file",
    "proxy",
    "certificate_pin",
    "min_tls",
    "connect_timeout",
    "typed_reads",
];

pub(super) fn parse(
    context: &mut Context<'_>,
    kerberos: &Section,
    table: &Section,
) -> Result<Cloud, SettingsError> {
    let (root, endpoint) = (context.root, context.endpoint);
    let cloud = "infrastructure_type = \"Cloud\"";
    root.refuse(&["hostname"], cloud, "the service's address is known; remove")?;
    let remedy = "this belongs to OnPremises and Hybrid; remove";
    endpoint.refuse(
        &["url", "kind", "ca_file", "domain_controller", "allow_unencrypted"],
        cloud,
        remedy,
    )?;
    endpoint.refuse(
        &network::KEYS,
        cloud,
        "of the service this stands in the table [cloud]; write it there and remove",
    )?;
    kerberos.refuse(super::endpoint::KERBEROS_KEYS, cloud, remedy)?;
    if root.choice("authentication_method", super::endpoint::METHODS)?.is_some() {
        context.warnings.push(
            "authentication_method is not used with infrastructure_type = \"Cloud\"".to_owned(),
        );
    }
    let credential = credential(context, table)?;
    side(context, table, credential)
}

/// Reads the service's side of a hybrid organisation. User name and password belong to the own servers there, so an
/// application signs in.
pub(super) fn parse_side(
    context: &mut Context<'_>,
    table: &Section,
) -> Result<Cloud, SettingsError> {
    let root = context.root;
    let hybrid = "infrastructure_type = \"Hybrid\"";
    table.refuse(
        &["client_id"],
        hybrid,
        "user name and password are the own servers' there: write application_id and remove",
    )?;
    let credential = if root.has("certificate_thumbprint") {
        table.refuse(
            &["client_secret"],
            "certificate_thumbprint",
            "sign in with one or the other: remove",
        )?;
        certificate(context, table)?
    } else {
        table.refuse(
            &CERTIFICATE_KEYS,
            "no certificate_thumbprint",
            "write certificate_thumbprint, or remove",
        )?;
        let secret = table.secret("client_secret", context.source, context.warnings)?;
        let secret = secret.ok_or_else(|| {
            root.missing(
                "certificate_thumbprint",
                "the service is named, where an application signs in: write certificate_thumbprint, or \
                 cloud.client_secret",
            )
        })?;
        CloudCredential::ClientSecret { application_id: application_id(root)?, secret }
    };
    side(context, table, credential)
}

fn side(
    context: &mut Context<'_>,
    table: &Section,
    credential: CloudCredential,
) -> Result<Cloud, SettingsError> {
    let organization = context
        .root
        .required_text("organization", "write organization = \"contoso.onmicrosoft.com\"")?;
    if !is_tenant(&organization) {
        return Err(context.root.value_error(
            "organization",
            "is no domain",
            "write the tenant's primary domain, which ends in .onmicrosoft.com".to_owned(),
        ));
    }
    let environment =
        table.choice("environment", ENVIRONMENTS)?.unwrap_or(CloudEnvironment::Global);
    let (authority, api, scope) = environment.defaults();
    let authority_url = service_url(table, "authority_url", authority)?;
    let api_url = service_url(table, "api_url", api)?;
    let plain = [&authority_url, &api_url].into_iter().find(|url| url.scheme() != "https").cloned();
    Ok(Cloud {
        organization,
        credential,
        environment,
        network: network::parse(context, table, plain.as_ref())?,
        authority_url,
        api_url,
        scope: table.text("scope")?.unwrap_or_else(|| scope.to_owned()),
        ca_file: table.text("ca_file")?.map(|path| context.directory.join(path)),
        typed_reads: table.boolean("typed_reads")?.unwrap_or(false),
        own_api: table.has("api_url"),
    })
}

/// Whether this can be a domain, or the id of a tenant.
fn is_tenant(text: &str) -> bool {
    text.len() <= 253 && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
}

fn credential(
    context: &mut Context<'_>,
    table: &Section,
) -> Result<CloudCredential, SettingsError> {
    let root = context.root;
    if root.has("certificate_thumbprint") {
        let with = "certificate_thumbprint";
        root.refuse(&["username", "password"], with, "sign in with one or the other: remove")?;
        table.refuse(
            &["client_secret", "client_id"],
            with,
            "sign in with one or the other: remove",
        )?;
        return certificate(context, table);
    }
    table.refuse(
        &CERTIFICATE_KEYS,
        "no certificate_thumbprint",
        "write certificate_thumbprint, or remove",
    )?;
    if let Some(secret) = table.secret("client_secret", context.source, context.warnings)? {
        root.refuse(
            &["username", "password"],
            "cloud.client_secret",
            "sign in with one or the other: remove",
        )?;
        table.refuse(
            &["client_id"],
            "cloud.client_secret",
            "write application_id instead and remove",
        )?;
        return Ok(CloudCredential::ClientSecret { application_id: application_id(root)?, secret });
    }
    root.refuse(
        &["application_id"],
        "username and password",
        "an application signs in with certificate_thumbprint or cloud.client_secret; remove",
    )?;
    let username = root.required_text(
        "username",
        "write username and password, or certificate_thumbprint, or cloud.client_secret",
    )?;
    let password = root.secret("password", context.source, context.warnings)?.ok_or_else(|| {
        root.missing("password", "write password = { env = \"EXCHANGE_PASSWORD\" }")
    })?;
    context.warnings.push(
        "Microsoft is withdrawing sign-in with username and password from Exchange Online: sign in with an application \
         and a certificate"
            .to_owned(),
    );
    Ok(CloudCredential::Password {
        username,
        password,
        client_id: table.parsed("client_id", "is not a GUID", GUID_REMEDY)?,
    })
}

fn certificate(
    context: &mut Context<'_>,
    table: &Section,
) -> Result<CloudCredential, SettingsError> {
    let root = context.root;
    let thumbprint = root.required_text("certificate_thumbprint", "write its 40 digits")?;
    let thumbprint: Thumbprint = thumbprint.parse().map_err(|_| {
        root.value_error(
            "certificate_thumbprint",
            "is not 40 hexadecimal digits",
            "copy the certificate's SHA-1 thumbprint".to_owned(),
        )
    })?;
    let file = table.text("certificate_file")?;
    let store = table.text("certificate_store")?;
    let source = match (file, store) {
        (Some(_), Some(_)) => {
            return Err(table.combination(
                "certificate_store",
                "cloud.certificate_file",
                "a named file needs no search: remove one of them".to_owned(),
            ));
        }
        (Some(file), None) => CertificateSource::File(context.directory.join(file)),
        (None, Some(store)) => CertificateSource::Store(context.directory.join(store)),
        (None, None) => CertificateSource::UserStore,
    };
    Ok(CloudCredential::Certificate {
        application_id: application_id(root)?,
        thumbprint,
        source,
        password: table.secret("certificate_password", context.source, context.warnings)?,
        algorithm: table.choice("assertion_algorithm", ALGORITHMS)?.unwrap_or_default(),
    })
}

fn application_id(root: &Section) -> Result<Uuid, SettingsError> {
    root.parsed("application_id", "is not a GUID", GUID_REMEDY)?
        .ok_or_else(|| root.missing("application_id", GUID_REMEDY))
}

const GUID_REMEDY: &str = "write the id as 01234567-89ab-cdef-0123-456789abcdef";

/// An address of the service; plain http is refused except to the own machine, where tests listen.
fn service_url(table: &Section, key: &str, default: &str) -> Result<Url, SettingsError> {
    const REMEDY: &str = "write an address that begins with https://";
    let url = match table.parsed::<Url>(key, "is not a URL", REMEDY)? {
        Some(url) => url,
        None => Url::parse(default)
            .map_err(|_| table.value_error(key, "is not a URL", REMEDY.to_owned()))?,
    };
    let local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() == "https" || (url.scheme() == "http" && local) {
        return Ok(url);
    }
    Err(table.value_error(key, "would send tokens over plain http", REMEDY.to_owned()))
}
