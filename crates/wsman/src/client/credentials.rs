//! Who signs in, and how.

use std::fmt;
use std::path::PathBuf;

use secrecy::{SecretSlice, SecretString};

use super::kerberos::KerberosOptions;

/// Who signs in, and how.
///
/// Over http everything but Basic seals the messages; over https they go in clear within TLS.
///
/// ```
/// use wsman::client::{Credentials, KerberosOptions};
///
/// let options = KerberosOptions::default().realm("CONTOSO.COM").kdc("dc01.contoso.com:88");
/// let credentials = Credentials::negotiate("ann@contoso.com", "secret")
///     .with_kerberos(options)
///     .allow_ntlm_fallback(true);
/// assert_eq!(credentials.scheme(), "Negotiate");
/// assert!(!format!("{credentials:?}").contains("secret"));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Credentials {
    /// User name and password in every request; for https.
    #[non_exhaustive]
    Basic {
        /// The user name as the server wants it.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// The scheme `Negotiate`: Kerberos within SPNEGO when there are options for it, else NTLM.
    ///
    /// NTLM is bound to the server's certificate over https. It goes bare first, and within SPNEGO when the server
    /// does not take it so.
    #[non_exhaustive]
    Negotiate {
        /// `DOMAIN\user`, `user@domain` or `user`.
        username: String,
        /// The password.
        password: SecretString,
        /// How Kerberos finds its realm; `None` leaves Kerberos out.
        kerberos: Option<KerberosOptions>,
        /// Whether NTLM is tried when Kerberos cannot be had.
        ntlm_fallback: bool,
        /// Whether NTLM goes within SPNEGO from the beginning.
        spnego: bool,
    },
    /// The scheme `Kerberos`; there is no other mechanism to fall back to.
    #[non_exhaustive]
    Kerberos {
        /// `user@domain`, `REALM\user`, or `user` of the default realm.
        username: String,
        /// The password.
        password: SecretString,
        /// How the realm is found.
        options: KerberosOptions,
    },
    /// Kerberos by the system's library, with a ticket that it has or fetches; there is no password.
    #[non_exhaustive]
    Ticket {
        /// Whose ticket, as `user@REALM`; `None` for the one that the library finds.
        principal: Option<String>,
        /// Whether it goes within SPNEGO, in the scheme `Negotiate`.
        spnego: bool,
        /// The service; `None` for `HTTP/` and the host of the endpoint.
        service: Option<String>,
    },
    /// The scheme `CredSSP`, with NTLM inside: the server gets the password itself, to go on with it elsewhere.
    #[non_exhaustive]
    CredSsp {
        /// `DOMAIN\user`, `user@domain` or `user`.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// A client certificate in the TLS handshake; for https.
    #[non_exhaustive]
    Certificate {
        /// Where certificate and key are.
        source: CertificateSource,
    },
    /// Nobody: for Identify alone, which WinRM answers to anybody. Nothing else is sent.
    Anonymous,
    /// Whatever the server offers of `Negotiate`, as above, and `Kerberos`, in this order; never Basic.
    #[non_exhaustive]
    Default {
        /// `DOMAIN\user`, `user@domain` or `user`.
        username: String,
        /// The password.
        password: SecretString,
        /// How Kerberos finds its realm; `None` leaves it out of `Negotiate`.
        kerberos: Option<KerberosOptions>,
        /// Whether NTLM is tried when Kerberos cannot be had.
        ntlm_fallback: bool,
    },
}

/// Where a client certificate and its private key are.
#[derive(Clone)]
#[non_exhaustive]
pub enum CertificateSource {
    /// In files, which are read when the client is made.
    #[non_exhaustive]
    Files {
        /// A PEM file with the certificate and those that lead up to the root.
        certificate: PathBuf,
        /// A PEM file with its private key, not encrypted; it may be the same file.
        key: PathBuf,
    },
    /// Here.
    #[non_exhaustive]
    Loaded {
        /// What errors call it: where it came from.
        name: String,
        /// Certificates in DER: the own one, and those that lead up to the root, in any order.
        certificates: Vec<Vec<u8>>,
        /// Private keys in DER (PKCS #8, PKCS #1 or SEC 1); one has to belong to one of the certificates.
        keys: Vec<SecretSlice<u8>>,
    },
}

impl Credentials {
    /// Signs in with Basic.
    pub fn basic(username: impl Into<String>, password: impl Into<SecretString>) -> Self {
        Self::Basic { username: username.into(), password: password.into() }
    }

    /// Signs in with Negotiate; NTLM, unless [`Credentials::with_kerberos`] says more.
    pub fn negotiate(username: impl Into<String>, password: impl Into<SecretString>) -> Self {
        Self::Negotiate {
            username: username.into(),
            password: password.into(),
            kerberos: None,
            ntlm_fallback: false,
            spnego: false,
        }
    }

    /// Signs in with Kerberos; realm and KDC come from krb5.conf or DNS unless [`Credentials::with_kerberos`] names
    /// them.
    pub fn kerberos(username: impl Into<String>, password: impl Into<SecretString>) -> Self {
        let options = KerberosOptions::default();
        Self::Kerberos { username: username.into(), password: password.into(), options }
    }

    /// Signs in with a ticket of the system's Kerberos library, which only a build with the feature `gssapi` has:
    /// [`SYSTEM_KERBEROS`](super::SYSTEM_KERBEROS) tells.
    ///
    /// The ticket is in the cache that `KRB5CCNAME` or krb5.conf names, or is fetched with the key in the keytab that
    /// `KRB5_CLIENT_KTNAME` or krb5.conf names. Realms and KDCs are in krb5.conf or DNS. `principal` chooses among
    /// several, such as `svc-idm@CONTOSO.COM`. Over https the ticket is bound to the server's certificate.
    pub fn ticket(principal: Option<String>) -> Self {
        Self::Ticket { principal, spnego: false, service: None }
    }

    /// Signs in with CredSSP and hands the password to the server.
    pub fn credssp(username: impl Into<String>, password: impl Into<SecretString>) -> Self {
        Self::CredSsp { username: username.into(), password: password.into() }
    }

    /// Signs in with a client certificate; both files are PEM, and may be the same one.
    ///
    /// The server has to ask for the certificate in the handshake itself: neither renegotiation (TLS 1.2) nor
    /// authentication after the handshake (TLS 1.3) is supported by the TLS library.
    pub fn certificate(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let (certificate, key) = (certificate.into(), key.into());
        Self::Certificate { source: CertificateSource::Files { certificate, key } }
    }

    /// Signs in with a client certificate that was read already, as [`CertificateSource::Loaded`] describes it; what was
    /// said of [`Credentials::certificate`] holds for it too.
    pub fn loaded_certificate(
        name: impl Into<String>,
        certificates: Vec<Vec<u8>>,
        keys: Vec<SecretSlice<u8>>,
    ) -> Self {
        let source = CertificateSource::Loaded { name: name.into(), certificates, keys };
        Self::Certificate { source }
    }

    /// Does not sign in; [`identify`](super::identify) is all that goes then.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self::Anonymous
    }

    /// Signs in with the best that the server offers of Negotiate and Kerberos.
    pub fn default_method(username: impl Into<String>, password: impl Into<SecretString>) -> Self {
        Self::Default {
            username: username.into(),
            password: password.into(),
            kerberos: None,
            ntlm_fallback: false,
        }
    }

    /// Sets how Kerberos finds its realm, and brings it into `Negotiate`; without effect on methods that have no
    /// Kerberos.
    #[must_use]
    pub fn with_kerberos(mut self, to: KerberosOptions) -> Self {
        match &mut self {
            Self::Negotiate { kerberos, .. } | Self::Default { kerberos, .. } => {
                *kerberos = Some(to);
            }
            Self::Kerberos { options, .. } => *options = to,
            // The library finds the realm by itself.
            Self::Ticket { service, .. } => *service = to.service,
            _ => {}
        }
        self
    }

    /// Sets whether `Negotiate` may use NTLM when Kerberos cannot be had; the default is false.
    ///
    /// Kerberos cannot be had when no KDC is known or answers, the KDC does not know the user or the service, or the
    /// server refuses the ticket. A wrong password is no such case. A client that fell back stays with NTLM. Without
    /// Kerberos options there is nothing to fall back from, and this has no effect.
    #[must_use]
    pub fn allow_ntlm_fallback(mut self, allowed: bool) -> Self {
        if let Self::Negotiate { ntlm_fallback, .. } | Self::Default { ntlm_fallback, .. } =
            &mut self
        {
            *ntlm_fallback = allowed;
        }
        self
    }

    /// Sets whether NTLM in `Negotiate` goes within SPNEGO from the beginning; by default it does once the server has
    /// refused it bare, which costs a connection. A ticket goes in the scheme `Negotiate` then, in place of `Kerberos`.
    #[must_use]
    pub fn within_spnego(mut self, wrapped: bool) -> Self {
        if let Self::Negotiate { spnego, .. } | Self::Ticket { spnego, .. } = &mut self {
            *spnego = wrapped;
        }
        self
    }

    /// Returns the name of the HTTP authentication scheme; for the default method, that of its first choice; nothing for
    /// nobody.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Basic { .. } => "Basic",
            Self::Negotiate { .. } | Self::Default { .. } | Self::Ticket { spnego: true, .. } => {
                "Negotiate"
            }
            Self::Kerberos { .. } | Self::Ticket { .. } => "Kerberos",
            Self::CredSsp { .. } => "CredSSP",
            Self::Certificate { .. } => MUTUAL,
            Self::Anonymous => "",
        }
    }

    /// Returns the user name as it was given; of a certificate, the name of its file; of nobody, and of a ticket that is
    /// still to be found, nothing.
    #[must_use]
    pub fn username(&self) -> &str {
        match self {
            Self::Basic { username, .. }
            | Self::Negotiate { username, .. }
            | Self::Kerberos { username, .. }
            | Self::CredSsp { username, .. }
            | Self::Default { username, .. } => username,
            Self::Ticket { principal, .. } => principal.as_deref().unwrap_or_default(),
            Self::Anonymous => "",
            Self::Certificate { source: CertificateSource::Files { certificate, .. } } => {
                certificate.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default()
            }
            Self::Certificate { source: CertificateSource::Loaded { name, .. } } => name,
        }
    }

    /// Returns where the client certificate and its key are.
    pub(crate) fn certificate_source(&self) -> Option<&CertificateSource> {
        match self {
            Self::Certificate { source } => Some(source),
            _ => None,
        }
    }

    /// Returns how Kerberos finds its realm, if Kerberos is in it.
    pub(crate) fn kerberos_options(&self) -> Option<&KerberosOptions> {
        match self {
            Self::Negotiate { kerberos, .. } | Self::Default { kerberos, .. } => kerberos.as_ref(),
            Self::Kerberos { options, .. } => Some(options),
            _ => None,
        }
    }
}

/// Keys do not show.
impl fmt::Debug for CertificateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files { certificate, key } => {
                f.debug_struct("Files").field("certificate", certificate).field("key", key).finish()
            }
            Self::Loaded { name, .. } => {
                f.debug_struct("Loaded").field("name", name).finish_non_exhaustive()
            }
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Certificate { .. } => "Certificate",
            Self::Default { .. } => "Default",
            Self::Ticket { .. } => "Ticket",
            Self::Anonymous => "Anonymous",
            other => other.scheme(),
        };
        f.debug_struct(name)
            .field("username", &self.username())
            .field("kerberos", &self.kerberos_options())
            .finish_non_exhaustive()
    }
}

/// The scheme that stands for a client certificate.
///
/// Spec: DSP0226 (WS-Management), the security profile of mutual authentication over HTTPS.
pub(crate) const MUTUAL: &str =
    "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        for credentials in [
            Credentials::basic("ann", "hunter2"),
            Credentials::negotiate("ann", "hunter2"),
            Credentials::kerberos("ann", "hunter2"),
            Credentials::credssp("ann", "hunter2"),
            Credentials::default_method("ann", "hunter2"),
        ] {
            let shown = format!("{credentials:?}");
            assert!(shown.contains("ann") && !shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn kerberos_options_go_where_kerberos_is() {
        let options = || KerberosOptions::default().realm("R");
        for (credentials, has) in [
            (Credentials::negotiate("a", "b"), true),
            (Credentials::kerberos("a", "b"), true),
            (Credentials::default_method("a", "b"), true),
            (Credentials::basic("a", "b"), false),
            (Credentials::credssp("a", "b"), false),
        ] {
            let credentials = credentials.with_kerberos(options()).allow_ntlm_fallback(true);
            let realm = credentials.kerberos_options().and_then(|found| found.realm.as_deref());
            assert_eq!(realm, has.then_some("R"), "{credentials:?}");
        }
        assert!(Credentials::negotiate("a", "b").kerberos_options().is_none());
    }
}
