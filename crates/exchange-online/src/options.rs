//! How the service is reached and how much is taken from it.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use crate::assertion::AssertionAlgorithm;
use crate::certificate::ClientCertificate;

/// Who signs in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credential {
    /// An application that proves itself by a certificate.
    Certificate {
        /// The application.
        application_id: Uuid,
        /// The certificate with its key.
        certificate: Arc<ClientCertificate>,
        /// How the assertion is signed.
        algorithm: AssertionAlgorithm,
    },
    /// An application that proves itself by a secret.
    ClientSecret {
        /// The application.
        application_id: Uuid,
        /// The secret.
        secret: SecretString,
    },
    /// A user with a password. The service is withdrawing this.
    Password {
        /// The sign-in name.
        username: String,
        /// The password.
        password: SecretString,
        /// The public client to sign in through; `None` is that of Exchange Online PowerShell.
        client_id: Option<Uuid>,
    },
}

impl Credential {
    /// Returns an application with a certificate; its assertions are signed with PS256.
    #[must_use]
    pub const fn certificate(application_id: Uuid, certificate: Arc<ClientCertificate>) -> Self {
        Self::Certificate { application_id, certificate, algorithm: AssertionAlgorithm::Ps256 }
    }

    /// Returns an application with a secret.
    #[must_use]
    pub const fn client_secret(application_id: Uuid, secret: SecretString) -> Self {
        Self::ClientSecret { application_id, secret }
    }

    /// Returns a user with a password.
    #[must_use]
    pub fn password(
        username: impl Into<String>,
        password: SecretString,
        client_id: Option<Uuid>,
    ) -> Self {
        Self::Password { username: username.into(), password, client_id }
    }
}

/// How the service is reached and how much is taken from it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OnlineOptions {
    pub(crate) organization: String,
    pub(crate) credential: Credential,
    pub(crate) authority_url: Url,
    pub(crate) api_url: Url,
    pub(crate) scope: String,
    pub(crate) stay_on_host: bool,
    pub(crate) stall_timeout: Duration,
    pub(crate) max_concurrent: usize,
    pub(crate) max_attempts: u32,
    pub(crate) max_pages: u32,
    pub(crate) max_restarts: u32,
    pub(crate) max_redirects: u32,
    pub(crate) typed_reads: bool,
    pub(crate) module_version: String,
    pub(crate) password_key: Option<String>,
}

impl OnlineOptions {
    /// Takes the tenant, such as `contoso.onmicrosoft.com`, and who signs in; everything else is that of the worldwide
    /// service.
    ///
    /// # Panics
    ///
    /// Never: the built-in addresses are well-formed.
    #[must_use]
    pub fn new(organization: impl Into<String>, credential: Credential) -> Self {
        let url = |text: &str| Url::parse(text).expect("the built-in addresses are well-formed");
        Self {
            organization: organization.into(),
            credential,
            authority_url: url("https://login.microsoftonline.com"),
            api_url: url("https://outlook.office365.com"),
            scope: "https://outlook.office365.com/.default".to_owned(),
            stay_on_host: false,
            stall_timeout: Duration::from_secs(9600),
            max_concurrent: 3,
            max_attempts: 6,
            max_pages: 10_000,
            max_restarts: 2,
            max_redirects: 8,
            typed_reads: false,
            module_version: "3.10.1".to_owned(),
            password_key: None,
        }
    }

    /// Sets where tokens come from, where cmdlets go and what a token is asked for.
    #[must_use]
    pub fn service(mut self, authority: Url, api: Url, scope: impl Into<String>) -> Self {
        self.authority_url = authority;
        self.api_url = api;
        self.scope = scope.into();
        self
    }

    /// Sets whether links and redirects may lead to no other host at all, for an API at an address of one's own. Default:
    /// no, they may lead to other hosts below the domain of the service's own.
    #[must_use]
    pub const fn stay_on_host(mut self, stay: bool) -> Self {
        self.stay_on_host = stay;
        self
    }

    /// Sets how long a call may go without a page. Default: 9600 s.
    #[must_use]
    pub const fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.stall_timeout = timeout;
        self
    }

    /// Sets how many requests are under way at once, at least one. Default: 3.
    #[must_use]
    pub const fn max_concurrent(mut self, requests: usize) -> Self {
        self.max_concurrent = if requests == 0 { 1 } else { requests };
        self
    }

    /// Sets how often one request is made when the service is busy, the first time included. Default: 6.
    #[must_use]
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets how many pages one call may have. Default: 10 000, which is ten million rows.
    #[must_use]
    pub const fn max_pages(mut self, pages: u32) -> Self {
        self.max_pages = pages;
        self
    }

    /// Sets how often a list is begun again when a link to its next page has expired. Default: 2.
    #[must_use]
    pub const fn max_restarts(mut self, restarts: u32) -> Self {
        self.max_restarts = restarts;
        self
    }

    /// Sets how many redirects one request follows. Default: 8.
    #[must_use]
    pub const fn max_redirects(mut self, redirects: u32) -> Self {
        self.max_redirects = redirects;
        self
    }

    /// Sets whether lists of mailboxes may be read as typed rows, by GET and with only the columns asked for, where that is
    /// sure to give the same; else, and once the service gave anything else, they are read by `InvokeCommand`. Default: no,
    /// for it was never tried on a tenant.
    #[must_use]
    pub const fn typed_reads(mut self, allowed: bool) -> Self {
        self.typed_reads = allowed;
        self
    }

    /// Sets the version of the vendor's module whose list of cmdlets is asked for. Default: 3.10.1.
    #[must_use]
    pub fn module_version(mut self, version: impl Into<String>) -> Self {
        self.module_version = version.into();
        self
    }

    /// Sets the key that passwords are encrypted with, as the service publishes it in XML. Default: the service is asked.
    #[must_use]
    pub fn password_key(mut self, xml: impl Into<String>) -> Self {
        self.password_key = Some(xml.into());
        self
    }
}
