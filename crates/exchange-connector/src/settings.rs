//! The settings file: TOML in, a [`Settings`] out whose types leave no impossible combination.
//!
//! Everything is checked before any network traffic, and each refusal names the key, the value and the remedy. Values are
//! matched without case, keys exactly. What is understood but not built yet is accepted here and refused by
//! [`Connector::open`](crate::Connector::open).

mod cloud;
mod endpoint;
mod error;
mod export;
mod hybrid;
mod identity;
mod network;
mod secret;
mod section;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use address_policy::ExcludedDomains;

pub use self::cloud::{CertificateSource, Cloud, CloudCredential, CloudEnvironment};
pub use self::endpoint::{Authentication, Endpoint, EndpointKind, Kerberos};
pub use self::error::SettingsError;
pub use self::export::{AddressPolicy, Deprovision, ExportSettings, MaxDeletes};
pub use self::hybrid::{Authority, AuthorityMap, Hybrid, OnlineSide};
pub use self::identity::Identity;
pub use self::network::{Network, ProxySetting};
use self::secret::{Process, SecretSource};
use self::section::Section;

/// All settings, checked.
///
/// ```
/// use exchange_connector::settings::{Infrastructure, Settings};
///
/// let settings = Settings::from_toml_str(
///     r#"
///     infrastructure_type   = "OnPremises"
///     hostname              = "ex01.contoso.com"
///     authentication_method = "Negotiate"
///     username              = "CONTOSO\\svc-idm"
///     password              = "not for real use"
///     create_method         = "New"
///     "#,
/// )?;
/// let Infrastructure::OnPremises(endpoint) = &settings.infrastructure else {
///     unreachable!()
/// };
/// assert_eq!(endpoint.url.as_str(), "http://ex01.contoso.com/PowerShell/");
/// assert_eq!(settings.warnings().len(), 1, "the password stands in the settings");
///
/// let refused = Settings::from_toml_str("infrastructure_type = \"OnPrem\"").unwrap_err();
/// assert!(refused.to_string().starts_with("infrastructure_type = \"OnPrem\": is not a known value"));
/// # Ok::<(), exchange_connector::settings::SettingsError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Where the mailboxes are and how to sign in there.
    pub infrastructure: Infrastructure,
    /// How mailboxes come into being.
    pub create_method: CreateMethod,
    /// The domains whose addresses are not managed.
    pub excluded_smtp_domains: ExcludedDomains,
    /// The most sessions open at once (1 to 100, default 3).
    pub max_sessions: usize,
    /// How long the server may hold one request (default 180 s, in Cloud 960 s).
    pub operation_timeout: Duration,
    /// After how long without a row, a record or a state a command is given up (default ten times
    /// [`operation_timeout`](Self::operation_timeout)).
    pub stall_timeout: Duration,
    /// What an export may do.
    pub export: ExportSettings,
    warnings: Vec<String>,
}

/// Where the mailboxes are.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the documented values of infrastructure_type")]
pub enum Infrastructure {
    /// Exchange Server in the own network.
    OnPremises(Endpoint),
    /// Exchange Server in the own network that manages mailboxes of Exchange Online too.
    Hybrid(Hybrid),
    /// Exchange Online.
    Cloud(Cloud),
}

/// How a mailbox comes into being.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the documented values of create_method")]
pub enum CreateMethod {
    /// `New-…`: the account is made together with the mailbox.
    New,
    /// `Enable-…`: the account exists and is given a mailbox.
    Enable,
}

impl Settings {
    /// Reads and checks a settings file. Relative paths in it start from its folder.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] for the first thing that is wrong.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, SettingsError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
        let directory = path.parent().map(Path::to_owned).unwrap_or_default();
        Self::parse(&text, &Process { directory: directory.clone() }, &directory)
    }

    /// Checks the text of a settings file. Relative paths in it start from the working directory.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] for the first thing that is wrong.
    pub fn from_toml_str(text: &str) -> Result<Self, SettingsError> {
        let directory = PathBuf::new();
        Self::parse(text, &Process { directory: directory.clone() }, &directory)
    }

    /// What is accepted but should be looked at, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The endpoint of the own network, `None` in Cloud.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match &self.infrastructure {
            Infrastructure::OnPremises(endpoint)
            | Infrastructure::Hybrid(Hybrid { endpoint, .. }) => Some(endpoint),
            Infrastructure::Cloud(_) => None,
        }
    }

    /// The service's side of a hybrid organisation, when the settings name it.
    #[must_use]
    pub fn online_side(&self) -> Option<&OnlineSide> {
        match &self.infrastructure {
            Infrastructure::Hybrid(Hybrid { online, .. }) => online.as_deref(),
            Infrastructure::OnPremises(_) | Infrastructure::Cloud(_) => None,
        }
    }

    /// The same settings as the service's side alone sees them.
    pub(crate) fn online_alone(&self) -> Option<Self> {
        let infrastructure = Infrastructure::Cloud(self.online_side()?.cloud.clone());
        let operation_timeout = infrastructure.default_operation_timeout();
        let mut export = self.export.clone();
        if export.deprovision == Deprovision::Disable {
            export.deprovision = Deprovision::Refuse;
        }
        Some(Self { infrastructure, operation_timeout, export, ..self.clone() })
    }

    /// The same settings without the service's side.
    pub(crate) fn own_alone(mut self) -> Self {
        if let Infrastructure::Hybrid(Hybrid { online, .. }) = &mut self.infrastructure {
            *online = None;
        }
        self
    }

    fn parse(
        text: &str,
        source: &dyn SecretSource,
        directory: &Path,
    ) -> Result<Self, SettingsError> {
        let mut root = Section::new("", parse_toml(text)?, ROOT_KEYS)?;
        let endpoint_table = Section::new("endpoint", root.table("endpoint")?, endpoint::KEYS)?;
        let kerberos_table =
            Section::new("kerberos", root.table("kerberos")?, endpoint::KERBEROS_KEYS)?;
        let cloud_table = Section::new("cloud", root.table("cloud")?, cloud::KEYS)?;
        let authority_table = Section::open("authority", root.table("authority")?);
        let export_table = Section::new("export", root.table("export")?, export::KEYS)?;

        let kind = root.required_choice("infrastructure_type", INFRASTRUCTURES)?;
        let mut warnings = Vec::new();
        let mut context = Context {
            root: &root,
            endpoint: &endpoint_table,
            source,
            directory,
            warnings: &mut warnings,
        };
        let infrastructure = match kind {
            Kind::OnPremises => {
                refuse_online(&root, &cloud_table, &authority_table)?;
                Infrastructure::OnPremises(endpoint::parse(&mut context, &kerberos_table)?)
            }
            Kind::Hybrid => Infrastructure::Hybrid(hybrid::parse(
                &mut context,
                &kerberos_table,
                &cloud_table,
                &authority_table,
            )?),
            Kind::Cloud => {
                refuse_authority(&root, &authority_table)?;
                Infrastructure::Cloud(cloud::parse(&mut context, &kerberos_table, &cloud_table)?)
            }
        };
        let create_method = root.required_choice("create_method", CREATE_METHODS)?;
        let excluded_smtp_domains = excluded_domains(&root)?;
        let operation_timeout = endpoint_table
            .duration("operation_timeout")?
            .unwrap_or_else(|| infrastructure.default_operation_timeout());
        let stall_timeout = endpoint_table
            .duration("stall_timeout")?
            .unwrap_or_else(|| operation_timeout.saturating_mul(10));
        let max_sessions = endpoint_table.integer("max_sessions", 1..=100)?.unwrap_or(3);
        let export = export::parse(&export_table, &infrastructure)?;
        Ok(Self {
            infrastructure,
            create_method,
            excluded_smtp_domains,
            max_sessions: usize::try_from(max_sessions).unwrap_or(usize::MAX),
            operation_timeout,
            stall_timeout,
            export,
            warnings,
        })
    }
}

impl Infrastructure {
    /// The documented name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::OnPremises(_) => "OnPremises",
            Self::Hybrid(_) => "Hybrid",
            Self::Cloud(_) => "Cloud",
        }
    }

    fn default_operation_timeout(&self) -> Duration {
        match self {
            Self::OnPremises(_) | Self::Hybrid(_) => Duration::from_secs(180),
            Self::Cloud(_) => Duration::from_secs(960),
        }
    }
}

impl fmt::Display for Infrastructure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the parsers of the infrastructures share.
struct Context<'a> {
    root: &'a Section,
    endpoint: &'a Section,
    source: &'a dyn SecretSource,
    directory: &'a Path,
    warnings: &'a mut Vec<String>,
}

#[derive(Clone, Copy)]
enum Kind {
    OnPremises,
    Hybrid,
    Cloud,
}

const INFRASTRUCTURES: &[(&str, Kind)] =
    &[("OnPremises", Kind::OnPremises), ("Hybrid", Kind::Hybrid), ("Cloud", Kind::Cloud)];

const CREATE_METHODS: &[(&str, CreateMethod)] =
    &[("New", CreateMethod::New), ("Enable", CreateMethod::Enable)];

const ROOT_KEYS: &[&str] = &[
    "infrastructure_type",
    "hostname",
    "authentication_method",
    "username",
    "password",
    "certificate_thumbprint",
    "application_id",
    "organization",
    "create_method",
    "excluded_smtp_domains",
    "endpoint",
    "kerberos",
    "cloud",
    "authority",
    "export",
];

fn parse_toml(text: &str) -> Result<toml::Table, SettingsError> {
    text.parse::<toml::Table>().map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        SettingsError::Syntax { line, message: error.message().to_owned() }
    })
}

/// Refuses the service's keys where there are only the own servers.
fn refuse_online(
    root: &Section,
    cloud: &Section,
    authority: &Section,
) -> Result<(), SettingsError> {
    let infrastructure = format!("infrastructure_type = {}", root.written("infrastructure_type"));
    root.refuse(
        &["certificate_thumbprint", "application_id", "organization"],
        &infrastructure,
        "these belong to Cloud and Hybrid; remove",
    )?;
    cloud.refuse(cloud::KEYS, &infrastructure, "this table belongs to Cloud and Hybrid; remove")?;
    refuse_authority(root, authority)
}

/// Refuses an authority map where there is one side.
fn refuse_authority(root: &Section, authority: &Section) -> Result<(), SettingsError> {
    let Some(key) = authority.keys().next() else { return Ok(()) };
    let infrastructure = format!("infrastructure_type = {}", root.written("infrastructure_type"));
    let remedy = format!("this table belongs to Hybrid; remove authority.{key}");
    Err(authority.combination(key, &infrastructure, remedy))
}

fn excluded_domains(root: &Section) -> Result<ExcludedDomains, SettingsError> {
    let domains = root.texts("excluded_smtp_domains")?.unwrap_or_default();
    ExcludedDomains::parse(&domains).map_err(|error| {
        root.value_error(
            "excluded_smtp_domains",
            &error.to_string(),
            "write domains such as \"contoso.com\", or \"@contoso.com\" without its sub-domains"
                .to_owned(),
        )
    })
}
