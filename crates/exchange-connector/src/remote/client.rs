//! The HTTP client that the settings describe: where it goes, who signs in, and what it may do.

use std::path::Path;
use std::time::Duration;

use exchange_online::{CertificateError, CertificateFile};
use psrp_client::wsman::client::{
    ClientOptions, Credentials, Error as HttpError, HttpClient, KerberosOptions,
};
use secrecy::SecretString;

use crate::settings::{
    Authentication, Endpoint, Identity, Kerberos, Network, ProxySetting, Settings, SettingsError,
};

/// The connections a session needs: one for the output of a command, one for the pool's own stream, one for input.
const CONNECTIONS_PER_SESSION: usize = 3;

/// Makes the client; nothing is sent yet.
///
/// # Errors
///
/// What stands in the way before any traffic is a matter of the settings.
pub(super) fn make(endpoint: &Endpoint, settings: &Settings) -> Result<HttpClient, SettingsError> {
    endpoint.identity.check_environment()?;
    HttpClient::new(options(endpoint, settings)?).map_err(|error| refused(endpoint, &error))
}

fn options(endpoint: &Endpoint, settings: &Settings) -> Result<ClientOptions, SettingsError> {
    let longest = Longest::within(settings.operation_timeout, settings.stall_timeout);
    let options = ClientOptions::new(endpoint.url.as_str(), credentials(endpoint)?)
        .allow_unencrypted(endpoint.allow_unencrypted)
        .follow_redirects(endpoint.follow_redirects)
        .answer_margin(longest.margin)
        .stall_timeout(longest.piece)
        .body_timeout(longest.body)
        .max_connections(settings.max_sessions.saturating_mul(CONNECTIONS_PER_SESSION));
    let options = match &endpoint.ca_file {
        Some(file) => options.ca_file(file),
        None => options,
    };
    let Network { proxy, certificate_pins, min_tls, connect_timeout, .. } = &endpoint.network;
    let options = match proxy {
        ProxySetting::Environment => options,
        ProxySetting::None => options.no_proxy(),
        ProxySetting::Through(proxy) => options.proxy(proxy.clone()),
    };
    let options =
        certificate_pins.iter().fold(options, |options, pin| options.certificate_pin(*pin));
    let options = min_tls.iter().fold(options, |options, version| options.min_tls(*version));
    let timeout = connect_timeout.iter();
    Ok(timeout.fold(options, |options, timeout| options.connect_timeout(*timeout)))
}

/// How long parts of one answer may take, so that no answer outlasts `stall_timeout` by more than a second. That second
/// lets a command that waits say first that it stalled.
#[derive(Debug, PartialEq)]
struct Longest {
    /// For the head, beyond the operation timeout.
    margin: Duration,
    /// For the next piece of the body.
    piece: Duration,
    /// For the body.
    body: Duration,
}

impl Longest {
    fn within(operation_timeout: Duration, stall_timeout: Duration) -> Self {
        let second = Duration::from_secs(1);
        let stalled = stall_timeout.saturating_add(second);
        Self {
            margin: MARGIN.min(stalled.saturating_sub(operation_timeout).max(second)),
            piece: PIECE.min(stalled),
            body: BODY.min(stalled),
        }
    }
}

const MARGIN: Duration = Duration::from_secs(30);
const PIECE: Duration = Duration::from_secs(30);
const BODY: Duration = Duration::from_secs(120);

/// Negotiate is NTLM, unless the settings say where Kerberos finds its realm: then it is Kerberos, and NTLM after it only
/// where they allow that.
fn credentials(endpoint: &Endpoint) -> Result<Credentials, SettingsError> {
    let (username, password) = match &endpoint.identity {
        Identity::Password { username, password } => (username.clone(), password.clone()),
        Identity::Certificate { file, password } => return certificate(file, password.as_ref()),
        Identity::Ticket { principal, .. } => {
            let spnego = endpoint.authentication == Authentication::Negotiate;
            return Ok(Credentials::ticket(principal.clone()).within_spnego(spnego));
        }
    };
    let credentials = match endpoint.authentication {
        Authentication::Basic => Credentials::basic(username, password),
        Authentication::Negotiate => Credentials::negotiate(username, password),
        Authentication::Kerberos => Credentials::kerberos(username, password),
        Authentication::CredSsp => Credentials::credssp(username, password),
        Authentication::Default => Credentials::default_method(username, password),
    };
    let Kerberos { realm, kdc, ntlm_fallback } = &endpoint.kerberos;
    if realm.is_none() && kdc.is_none() && !ntlm_fallback {
        return Ok(credentials);
    }
    let mut options = KerberosOptions::default();
    if let Some(realm) = realm {
        options = options.realm(realm);
    }
    if let Some(kdc) = kdc {
        options = options.kdc(kdc);
    }
    Ok(credentials.with_kerberos(options).allow_ntlm_fallback(*ntlm_fallback))
}

/// Reads the file of a client certificate.
fn certificate(file: &Path, password: Option<&SecretString>) -> Result<Credentials, SettingsError> {
    let found = CertificateFile::read(file, password).map_err(|error| {
        let (key, value, remedy) = match &error {
            CertificateError::WrongPassword { .. } => (
                "endpoint.client_certificate_password",
                "…".to_owned(),
                "write the password that unlocks endpoint.client_certificate_file",
            ),
            _ => (CERTIFICATE_KEY, format!("{:?}", file.display().to_string()), CERTIFICATE_REMEDY),
        };
        SettingsError::Value {
            key: key.to_owned(),
            value,
            problem: crate::error::report(&error),
            remedy: remedy.to_owned(),
        }
    })?;
    let name = file.display().to_string();
    Ok(Credentials::loaded_certificate(name, found.certificates, found.keys))
}

const CERTIFICATE_KEY: &str = "endpoint.client_certificate_file";
const CERTIFICATE_REMEDY: &str =
    "name a PFX or PEM file with a certificate and its private key that this account may read";

/// What the client refuses before any traffic is a matter of the settings.
fn refused(endpoint: &Endpoint, error: &HttpError) -> SettingsError {
    let kdc = endpoint.kerberos.kdc.clone();
    let (key, value, remedy) = match &endpoint.ca_file {
        _ if matches!(error, HttpError::Kerberos(_)) => {
            ("kerberos.kdc", kdc.unwrap_or_default(), "name it as host or host:port")
        }
        _ if matches!(error, HttpError::ProxyVariable { .. }) => (
            "endpoint.proxy",
            String::new(),
            "correct the variable, or write endpoint.proxy = \"none\"",
        ),
        _ if matches!(error, HttpError::ClientCertificate { .. }) => {
            (CERTIFICATE_KEY, endpoint.identity.name(), CERTIFICATE_REMEDY)
        }
        Some(file) => {
            ("endpoint.ca_file", file.display().to_string(), "name a PEM file with certificates")
        }
        None => ("endpoint.url", endpoint.url.to_string(), "correct the address"),
    };
    SettingsError::Value {
        key: key.to_owned(),
        value: format!("{value:?}"),
        problem: crate::error::report(error),
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(operation: u64, stall: u64, expected: [u64; 3]) {
        let [margin, piece, body] = expected.map(Duration::from_secs);
        let (operation, stall) = (Duration::from_secs(operation), Duration::from_secs(stall));
        assert_eq!(Longest::within(operation, stall), Longest { margin, piece, body });
    }

    #[test]
    fn no_answer_outlasts_the_stall_timeout() {
        check(180, 1800, [30, 30, 120]);
        check(2, 8, [7, 9, 9]);
        check(20, 60, [30, 30, 61]);
        // What the server may take at least is waited for.
        check(180, 60, [1, 30, 61]);
    }
}
