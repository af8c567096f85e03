//! The seam over hyper and rustls.
//!
//! Answers are collected whole, up to a limit, or handed on as they arrive, and unpacked when their bytes say that they are
//! packed: refusals are declared as gzip although they are not. Plain http is refused except to this machine.

mod tls;
mod unpack;
mod way;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_stream::stream;
use bytes::Bytes;
use exchange_cmdlets::BoxError;
use http::header::{AUTHORIZATION, HeaderValue};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::ExposeSecret as _;
use url::{Host, Url};

pub(crate) use self::tls::untrusted;
use self::tls::{CertificateCheck, Obstacle};
use self::unpack::{STEP, Unpacker, unpacked};
use self::way::{Timely, Way};
use crate::proxy::{Proxy, ProxyChoice};
use crate::rest::{
    Method, OpenFuture, RestAnswer, RestBody, RestError, RestExchange, RestFuture, RestRequest,
    RestStream,
};

/// Limits and trust of an [`HttpExchange`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpOptions {
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) max_body: usize,
    pub(crate) proxy: ProxyChoice,
    pub(crate) certificate_check: Option<CertificateCheck>,
    pub(crate) tls_1_3_only: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            ca_file: None,
            connect_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(960),
            max_body: 64 << 20,
            proxy: ProxyChoice::default(),
            certificate_check: None,
            tls_1_3_only: false,
        }
    }
}

impl HttpOptions {
    /// Trusts the certificates of a PEM file beside the system's. Default: the system's alone.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Goes through a proxy, to every host. Default: the one that the environment names for a host, by `HTTPS_PROXY`,
    /// `http_proxy`, `ALL_PROXY` and `NO_PROXY`; never for this machine.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = ProxyChoice::Through(proxy);
        self
    }

    /// Goes through no proxy, whatever the environment says.
    #[must_use]
    pub fn no_proxy(mut self) -> Self {
        self.proxy = ProxyChoice::None;
        self
    }

    /// Returns host and port of the proxy that a connection to `url` goes through; `None` when it goes straight.
    #[must_use]
    pub fn proxy_before(&self, url: &Url) -> Option<(String, u16)> {
        let gate = self.proxy.before(&url.as_str().parse().ok()?).ok()??;
        Some((gate.uri.host()?.to_owned(), gate.uri.port_u16()?))
    }

    /// Demands that each server's own certificate, in DER, passes a check, beside being trusted. Default: no check.
    #[must_use]
    pub fn certificate_check(
        mut self,
        check: impl Fn(&[u8]) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.certificate_check = Some(CertificateCheck(Arc::new(check)));
        self
    }

    /// Sets whether TLS 1.2 is refused. Default: no.
    #[must_use]
    pub const fn tls_1_3_only(mut self, only: bool) -> Self {
        self.tls_1_3_only = only;
        self
    }

    /// Sets how long connecting may take, the tunnel of a proxy and the handshake of TLS included. Default: 30 s.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long one request may take, the whole answer included; where a list is handed on as it arrives, how long its
    /// beginning and each further piece may take. Default: 960 s, a minute more than the service
    /// itself allows a cmdlet.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many bytes the body of an answer may have, packed and unpacked. Default: 64 MiB; a page of 1000 whole
    /// mailboxes has about 20.
    #[must_use]
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }
}

/// Why trust could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpSettingsError {
    /// The file of trust anchors cannot be read, or holds none.
    #[error("{path} is no file of certificates in PEM")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// There is nothing that could be trusted.
    #[error("no certificates are trusted")]
    Trust(#[source] BoxError),
    /// TLS could not be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// The network.
#[derive(Debug)]
pub struct HttpExchange {
    client: Client<Timely<HttpsConnector<Way>>, Full<Bytes>>,
    /// Keeps no connection for another request.
    single: Client<Timely<HttpsConnector<Way>>, Full<Bytes>>,
    timeout: Duration,
    max_body: usize,
}

impl HttpExchange {
    /// Sets up trust and connections; sends nothing.
    ///
    /// # Errors
    ///
    /// [`HttpSettingsError`] when the file of trust anchors cannot be used.
    pub fn new(options: &HttpOptions) -> Result<Self, HttpSettingsError> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(options.connect_timeout));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls::config(options)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Way::new(connector, options.proxy.clone()));
        let connector = Timely::new(connector, options.connect_timeout);
        let single = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector.clone());
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            single,
            timeout: options.timeout,
            max_body: options.max_body,
        })
    }

    /// Sends a request; a good answer is given as soon as it begins if `early`.
    async fn perform(&self, request: RestRequest, early: bool) -> Result<RestStream, RestError> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        if !is_safe(&request.url) {
            return Err(RestError::Insecure { url: request.url.to_string() });
        }
        let limit = self.timeout;
        let answer = self.exchange(request, &host, early);
        match tokio::time::timeout(limit, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(RestError::TimedOut { host, after: limit }),
        }
    }

    async fn exchange(
        &self,
        request: RestRequest,
        host: &str,
        early: bool,
    ) -> Result<RestStream, RestError> {
        let lost = |source: BoxError| RestError::Lost { host: host.to_owned(), source };
        let client = if request.alone { &self.single } else { &self.client };
        let request = hyper_request(&request).map_err(|error| RestError::Unreachable {
            host: host.to_owned(),
            source: error.into(),
        })?;
        let answer = client.request(request).await.map_err(|error| {
            let host = host.to_owned();
            match tls::obstacle(&error) {
                Some(Obstacle::NotDemanded) => RestError::NotDemanded { host },
                Some(Obstacle::Proxy(proxy)) => RestError::ProxyCredentials { proxy },
                Some(Obstacle::Untrusted) => RestError::Untrusted { host, source: error.into() },
                None if error.is_connect() => RestError::Unreachable { host, source: error.into() },
                None => lost(error.into()),
            }
        })?;
        let (head, body) = answer.into_parts();
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers =
            head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
        let mut answer = RestAnswer {
            status: head.status.as_u16(),
            headers: headers.collect(),
            body: Vec::new(),
        };
        if early && head.status.is_success() {
            let arrival =
                Arrival { host: host.to_owned(), timeout: self.timeout, limit: self.max_body };
            return Ok(RestStream::begun(answer, arrival.read(body)));
        }
        let too_large = || RestError::TooLarge { host: host.to_owned(), limit: self.max_body };
        let body = match Limited::new(body, self.max_body).collect().await {
            Ok(body) => Vec::from(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
            Err(error) => return Err(lost(error)),
        };
        answer.body = unpacked(body, self.max_body).ok_or_else(too_large)?;
        Ok(RestStream::whole(answer))
    }
}

impl RestExchange for HttpExchange {
    fn send(&self, request: RestRequest) -> RestFuture<'_> {
        Box::pin(async { self.perform(request, false).await.map(|answer| answer.answer) })
    }

    fn open(&self, request: RestRequest) -> OpenFuture<'_> {
        Box::pin(self.perform(request, true))
    }
}

/// How a body is read as it arrives.
struct Arrival {
    host: String,
    /// How long the next piece may take.
    timeout: Duration,
    /// How many bytes it may have, packed and unpacked.
    limit: usize,
}

impl Arrival {
    fn read(self, mut body: Incoming) -> RestBody {
        Box::pin(stream! {
            let (mut unpacker, mut packed, mut plain) = (Unpacker::default(), 0_usize, 0_usize);
            loop {
                let data = match tokio::time::timeout(self.timeout, body.frame()).await {
                    Err(_) => {
                        yield Err(RestError::TimedOut { host: self.host, after: self.timeout });
                        return;
                    }
                    Ok(Some(Err(error))) => {
                        yield Err(self.lost(error.into()));
                        return;
                    }
                    Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                    Ok(None) => break,
                };
                packed = packed.saturating_add(data.len());
                for step in data.chunks(STEP) {
                    let piece = match unpacker.take(step) {
                        Ok(piece) => piece,
                        Err(error) => {
                            yield Err(self.lost(error.into()));
                            return;
                        }
                    };
                    plain = plain.saturating_add(piece.len());
                    if packed.max(plain) > self.limit {
                        yield Err(RestError::TooLarge { host: self.host, limit: self.limit });
                        return;
                    }
                    if !piece.is_empty() {
                        yield Ok(piece.into());
                    }
                }
            }
            match unpacker.end() {
                Ok(piece) => yield Ok(piece.into()),
                Err(error) => yield Err(self.lost(error.into())),
            }
        })
    }

    fn lost(&self, source: BoxError) -> RestError {
        RestError::Lost { host: self.host.clone(), source }
    }
}

/// Whether credentials may go there: by https, or to this machine.
fn is_safe(url: &Url) -> bool {
    let local = match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && local)
}

fn hyper_request(request: &RestRequest) -> Result<http::Request<Full<Bytes>>, http::Error> {
    let method = match request.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
    };
    let mut builder = http::Request::builder().method(method).uri(request.url.as_str());
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    if let Some(token) = &request.token {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))?;
        value.set_sensitive(true);
        builder = builder.header(AUTHORIZATION, value);
    }
    builder.body(Full::new(Bytes::copy_from_slice(&request.body)))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::is_safe;

    #[test]
    fn credentials_go_by_https_or_stay_here() {
        for (url, expected) in [
            ("https://outlook.office365.com/", true),
            ("http://outlook.office365.com/", false),
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("http://localhost.example/", false),
            ("ftp://localhost/", false),
        ] {
            assert_eq!(is_safe(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
