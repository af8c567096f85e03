//! The HTTP client that the settings describe: where it goes, who signs in, and what it may do.

use std::path::Path;

use exchange_online::{CertificateError, CertificateFile};
use psrp_client::wsman::client::{
    ClientOptions, Credentials, Error as HttpError, HttpClient, KerberosOptions,
};
use secrecy::SecretString;

use crate::settings::{
    Authentication, Endpoint, Identity, Kerberos, Network, ProxySetting, SettingsError,
};

/// The connections a session needs: one for the output of a command, one for the pool's own stream, one for input.
const CONNECTIONS_PER_SESSION: usize = 3;

/// Makes the client; nothing is sent yet.
///
/// # Errors
///
/// What stands in the way before any traffic is a matter of the settings.
pub(super) fn make(endpoint: &Endpoint, max_sessions: usize) -> Result<HttpClient, SettingsError> {
    endpoint.identity.check_environment()?;
    HttpClient::new(options(endpoint, max_sessions)?).map_err(|error| refused(endpoint, &error))
}

fn options(endpoint: &Endpoint, max_sessions: usize) -> Result<ClientOptions, SettingsError> {
    let options = ClientOptions::new(endpoint.url.as_str(), credentials(endpoint)?)
        .allow_unencrypted(endpoint.allow_unencrypted)
        .follow_redirects(endpoint.follow_redirects)
        .max_connections(max_sessions.saturating_mul(CONNECTIONS_PER_SESSION));
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
