//! The client itself: a pool of signed-in connections to one endpoint.

use std::time::Duration;

use http::HeaderValue;
use url::Url;

use super::connection::{Connection, Endpoint, Failure};
use super::cookies::Cookies;
use super::credentials::Credentials;
use super::credssp::LARGEST_PART;
use super::error::Error;
use super::exchange::{BoxFuture, Exchange, SoapRequest, SoapResponse};
use super::kdc;
use super::kerberos::KerberosError;
use super::login::Logins;
use super::options::{ClientOptions, ProxyChoice};
use super::pool::Pool;
use super::proxy::Proxy;
use super::redirect::Target;
use super::ticket::SYSTEM_KERBEROS;
use super::tls;
use crate::mime;
use crate::operation::Verb;

/// Carries envelopes to an endpoint over HTTP.
///
/// Every connection signs in by itself and carries one exchange at a time; exchanges side by side use further ones,
/// up to the limit. A request is sent again over another connection only when the server certainly did not get it, or
/// refused it with 401 because it had forgotten the login.
pub struct HttpClient {
    endpoint: Endpoint,
    pool: Pool,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient")
            .field("options", &self.endpoint.options)
            .finish_non_exhaustive()
    }
}

impl HttpClient {
    /// Prepares a client. Nothing is sent before the first exchange.
    ///
    /// ```
    /// use wsman::client::{ClientOptions, Credentials, Error, HttpClient};
    /// let refused = HttpClient::new(ClientOptions::new("http://ex01/PowerShell", Credentials::basic("ann", "x")));
    /// assert!(matches!(refused, Err(Error::Unencrypted)));
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Url`] when the URL cannot be posted to, [`Error::Unencrypted`] when Basic would be sent in clear,
    /// [`Error::CertificateWithoutTls`] when a client certificate has nowhere to go, [`Error::CaFile`],
    /// [`Error::ClientCertificate`] or [`Error::TlsSettings`] when certificates cannot be used, [`Error::Kerberos`] when
    /// the address of a KDC is none or a ticket is asked for without the feature `gssapi`, [`Error::ProxyVariable`] when the environment names a proxy that cannot be used.
    pub fn new(options: ClientOptions) -> Result<Self, Error> {
        let invalid = || Error::Url { url: options.url.clone() };
        let url = Url::parse(&options.url).map_err(|_error| invalid())?;
        let is_https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(invalid()),
        };
        let is_basic = matches!(options.credentials, Credentials::Basic { .. });
        if is_basic && !is_https && !options.allow_unencrypted {
            return Err(Error::Unencrypted);
        }
        if matches!(options.credentials, Credentials::Certificate { .. }) && !is_https {
            return Err(Error::CertificateWithoutTls);
        }
        if matches!(options.credentials, Credentials::Ticket { .. }) && !SYSTEM_KERBEROS {
            return Err(KerberosError::NoSystemLibrary.into());
        }
        if let Some(kerberos) = options.credentials.kerberos_options() {
            kdc::check(kerberos)?;
        }
        let host = url.host_str().ok_or_else(invalid)?.to_owned();
        let port = url.port_or_known_default().ok_or_else(invalid)?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        let authority = HeaderValue::from_str(&authority).map_err(|_error| invalid())?;
        let target = Target::new(&url, options.follow_redirects).ok_or_else(invalid)?;
        let tls = if is_https { Some(tls::config(&options)?) } else { None };
        let proxy = match &options.proxy {
            ProxyChoice::Direct => None,
            ProxyChoice::Through(proxy) => Some(proxy.clone()),
            ProxyChoice::Environment => {
                Proxy::from_environment(is_https, &host, port, |name| std::env::var(name).ok())?
            }
        };
        let pool = Pool::new(options.max_connections);
        let cookies = Cookies::default();
        let logins = Logins::default();
        Ok(Self {
            endpoint: Endpoint {
                options,
                host,
                port,
                authority,
                target,
                tls,
                proxy,
                cookies,
                logins,
            },
            pool,
        })
    }

    /// Returns the proxy that requests go through.
    #[must_use]
    pub fn proxy(&self) -> Option<&Proxy> {
        self.endpoint.proxy.as_ref()
    }

    async fn run(&self, request: SoapRequest) -> Result<SoapResponse, Error> {
        if self.endpoint.is_anonymous() && request.verb != Verb::Identify {
            return Err(Error::OnlyIdentify { verb: request.verb });
        }
        let options = &self.endpoint.options;
        let limit = request.operation_timeout.unwrap_or(SERVER_TIMEOUT) + options.answer_margin;
        let _slot = self.pool.slot().await;
        let mut may_sign_in_again = true;
        loop {
            let idle = self.pool.take(options.idle_limit).await;
            let is_fresh = idle.is_none();
            let mut connection = match idle {
                Some(connection) => connection,
                None => match Connection::open(&self.endpoint).await {
                    Err(Error::Redirect { .. }) if self.endpoint.target.follow() => continue,
                    opened => opened?,
                },
            };
            tracing::trace!(verb = %request.verb, is_fresh, "exchange");
            match connection.exchange(&self.endpoint, &request.envelope, limit).await {
                Ok(response) => {
                    self.endpoint.target.settle();
                    self.pool.put(connection);
                    return Ok(response);
                }
                Err(Failure::Other(Error::Redirect { .. })) if self.endpoint.target.follow() => {}
                Err(Failure::NotSent(_)) if !is_fresh => {}
                Err(Failure::SignedOut(_)) if may_sign_in_again => may_sign_in_again = false,
                Err(
                    Failure::NotSent(error) | Failure::SignedOut(error) | Failure::Other(error),
                ) => {
                    return Err(error);
                }
            }
            tracing::debug!(verb = %request.verb, "the request goes over another connection");
        }
    }
}

impl Exchange for HttpClient {
    fn exchange(&self, request: SoapRequest) -> BoxFuture<'_, Result<SoapResponse, Error>> {
        Box::pin(self.run(request))
    }

    fn overhead(&self) -> usize {
        match &self.endpoint.options.credentials {
            _ if self.endpoint.tls.is_some() => 0,
            Credentials::Basic { .. }
            | Credentials::Certificate { .. }
            | Credentials::Anonymous => 0,
            Credentials::CredSsp { .. } => mime::OVERHEAD * LARGEST_ENVELOPE.div_ceil(LARGEST_PART),
            _ => mime::OVERHEAD,
        }
    }
}

/// What servers take for the operation timeout when the client names none.
const SERVER_TIMEOUT: Duration = Duration::from_secs(60);

/// The largest envelope that servers take, which CredSSP cuts into the most parts.
const LARGEST_ENVELOPE: usize = 512_000;
