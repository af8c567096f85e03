//! What the simulated organisation looks like and how it answers.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::fault::Fault;

/// Which kind of organisation is simulated.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Infrastructure {
    /// Every mailbox is local.
    #[default]
    OnPremises,
    /// Four of five mailboxes are remote mailboxes, whose mailbox is in the service; the rest is local. The service is there
    /// too, with those mailboxes and one in ten of its own.
    Hybrid,
    /// Every mailbox is in the service, which is reached by its admin API.
    Cloud,
}

impl Infrastructure {
    /// Returns the name that the settings use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnPremises => "OnPremises",
            Self::Hybrid => "Hybrid",
            Self::Cloud => "Cloud",
        }
    }
}

impl std::str::FromStr for Infrastructure {
    type Err = UnknownInfrastructure;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::OnPremises, Self::Hybrid, Self::Cloud]
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownInfrastructure { text: text.to_owned() })
    }
}

/// What a PowerShell session of WinRM finds of Exchange on the simulated server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ManagementTools {
    /// The script of the management shell, and the snap-in.
    #[default]
    Full,
    /// The snap-in alone.
    SnapIn,
    /// Nothing.
    Missing,
}

/// The text names no infrastructure that can be simulated.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not a simulated infrastructure, expected OnPremises, Hybrid or Cloud")]
#[non_exhaustive]
pub struct UnknownInfrastructure {
    /// The refused text.
    pub text: String,
}

/// How to start a [`Simulator`](crate::Simulator).
///
/// ```
/// use exchange_sim::SimOptions;
///
/// let options = SimOptions::default().mailboxes(1000).seed(7);
/// assert_eq!(options, SimOptions::default().seed(7).mailboxes(1000));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SimOptions {
    pub(crate) listen: SocketAddr,
    pub(crate) infrastructure: Infrastructure,
    pub(crate) mailboxes: usize,
    pub(crate) plain_users: usize,
    pub(crate) seed: u64,
    pub(crate) allow_unencrypted: bool,
    pub(crate) max_shells: usize,
    pub(crate) idle_timeout: Duration,
    pub(crate) fragment_size: usize,
    pub(crate) blob_size: Option<usize>,
    pub(crate) policy_guards_primary: bool,
    pub(crate) passwords_over_basic: bool,
    pub(crate) management_tools: ManagementTools,
    pub(crate) tls: Option<PathBuf>,
    pub(crate) application_certificate: Option<Vec<u8>>,
    pub(crate) application_roles: Vec<String>,
    pub(crate) exchange_role: bool,
    pub(crate) token_life: Duration,
    pub(crate) page_size: usize,
    pub(crate) faults: Vec<Fault>,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            infrastructure: Infrastructure::OnPremises,
            mailboxes: 100,
            plain_users: 20,
            seed: 1,
            allow_unencrypted: false,
            max_shells: 18,
            idle_timeout: Duration::from_secs(15 * 60),
            fragment_size: 32_768,
            blob_size: None,
            policy_guards_primary: true,
            passwords_over_basic: false,
            management_tools: ManagementTools::Full,
            tls: None,
            application_certificate: None,
            application_roles: vec!["Exchange.ManageAsApp".to_owned()],
            exchange_role: true,
            token_life: Duration::from_secs(3599),
            page_size: 1000,
            faults: Vec::new(),
        }
    }
}

impl SimOptions {
    /// Sets the address to listen on. Default: a port of the system's choice on 127.0.0.1.
    #[must_use]
    pub const fn listen(mut self, listen: SocketAddr) -> Self {
        self.listen = listen;
        self
    }

    /// Sets the kind of organisation. Default: on-premises.
    #[must_use]
    pub const fn infrastructure(mut self, infrastructure: Infrastructure) -> Self {
        self.infrastructure = infrastructure;
        self
    }

    /// Sets how many mailboxes there are at the start, local and remote together. Default: 100.
    #[must_use]
    pub const fn mailboxes(mut self, mailboxes: usize) -> Self {
        self.mailboxes = mailboxes;
        self
    }

    /// Sets how many users without a mailbox there are at the start. Default: 20.
    #[must_use]
    pub const fn plain_users(mut self, plain_users: usize) -> Self {
        self.plain_users = plain_users;
        self
    }

    /// Sets what the population grows from: equal counts and seeds give equal organisations. Default: 1.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Offers Basic too, and takes SOAP in clear. Default: no.
    #[must_use]
    pub const fn allow_unencrypted(mut self, allow: bool) -> Self {
        self.allow_unencrypted = allow;
        self
    }

    /// Sets how many shells may be open at a time. Default: 18, as Exchange's throttling policy has it.
    #[must_use]
    pub const fn max_shells(mut self, shells: usize) -> Self {
        self.max_shells = shells;
        self
    }

    /// Sets how long a shell lives without a request. Default: 15 minutes.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets the size of one PSRP fragment in bytes, header included; at least 22. Default: 32768.
    #[must_use]
    pub const fn fragment_size(mut self, bytes: usize) -> Self {
        self.fragment_size = if bytes < 22 { 22 } else { bytes };
        self
    }

    /// Cuts the byte stream of the answers into pieces of this many bytes, without regard to fragments; each stands in a
    /// `Stream` element of its own. Default: one whole fragment an element.
    #[must_use]
    pub const fn blob_size(mut self, bytes: usize) -> Self {
        self.blob_size = Some(if bytes == 0 { 1 } else { bytes });
        self
    }

    /// Sets whether a changed primary address is refused while the address policy is on; otherwise the policy silently
    /// puts its own primary back. Default: refused. Which of the two a server does is not documented.
    #[must_use]
    pub const fn policy_guards_primary(mut self, guards: bool) -> Self {
        self.policy_guards_primary = guards;
        self
    }

    /// Sets whether a session that signed in with Basic may set passwords. Default: no, the directory denies it, which is
    /// what administrators report.
    #[must_use]
    pub const fn passwords_over_basic(mut self, allow: bool) -> Self {
        self.passwords_over_basic = allow;
        self
    }

    /// Sets what a session of WinRM can load Exchange's cmdlets from. Default: script and snap-in.
    #[must_use]
    pub const fn management_tools(mut self, tools: ManagementTools) -> Self {
        self.management_tools = tools;
        self
    }

    /// Serves https instead of http, with a certificate that an authority made for this run signs; the certificate of the
    /// authority is written to `ca_file`. Basic is offered then. Default: http.
    #[must_use]
    pub fn tls(mut self, ca_file: impl Into<PathBuf>) -> Self {
        self.tls = Some(ca_file.into());
        self
    }

    /// Registers a certificate, in DER, with the application of the cloud. Default: none, the application has a secret.
    #[must_use]
    pub fn application_certificate(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.application_certificate = Some(der.into());
        self
    }

    /// Sets the permissions of the cloud's application. Default: `Exchange.ManageAsApp`.
    #[must_use]
    pub fn application_roles<I: IntoIterator<Item: Into<String>>>(mut self, roles: I) -> Self {
        self.application_roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Sets whether the cloud's accounts have a role that lets them run cmdlets. Default: yes.
    #[must_use]
    pub const fn exchange_role(mut self, has: bool) -> Self {
        self.exchange_role = has;
        self
    }

    /// Sets how long a token of the cloud lives. Default: an hour less a second.
    #[must_use]
    pub const fn token_life(mut self, life: Duration) -> Self {
        self.token_life = life;
        self
    }

    /// Sets how many rows a page of the cloud has at most; at least one. Default: 1000.
    #[must_use]
    pub const fn page_size(mut self, rows: usize) -> Self {
        self.page_size = if rows == 0 { 1 } else { rows };
        self
    }

    /// Adds a fault to strike.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}
