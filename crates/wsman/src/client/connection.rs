//! One connection: dialling, signing in, and one exchange at a time.
//!
//! Authentication belongs to a connection, and so do the keys and counters that seal its messages. A connection
//! on which anything went wrong is therefore dropped, never used again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST,
    TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::answer::Answer;
use super::auth::SecurityContext;
use super::body::read_body;
use super::cookies::Cookies;
use super::credentials::Credentials;
use super::dial;
use super::error::{Error, LibraryError, Phase, SecurityError};
use super::exchange::SoapResponse;
use super::interim::Interim;
use super::login::{Logins, refusal};
use super::options::ClientOptions;
use super::proxy::Proxy;
use super::redirect::Target;
use super::stream::{Stream, Transport};
use super::tls::check_pins;
use super::tls_error::{handshake_failed, refused_afterwards};
use crate::mime::{self, SealedPart};

/// Where and how connections are made.
pub(crate) struct Endpoint {
    pub(crate) options: ClientOptions,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of the header `Host`.
    pub(crate) authority: HeaderValue,
    pub(crate) target: Target,
    /// The TLS settings; `None` over http.
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) cookies: Cookies,
    /// What was learnt of signing in.
    pub(crate) logins: Logins,
}

/// A connection that is signed in.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: Driver,
    written: Arc<AtomicU64>,
    /// The server's certificate; `None` over http.
    pub(super) certificate: Option<Vec<u8>>,
    /// What seals messages; `None` when they go in clear.
    pub(super) sealing: Option<Box<dyn SecurityContext>>,
    /// Sent with every request, for Basic and client certificates.
    pub(super) authorization: Option<HeaderValue>,
    /// Whether the server accepted the credentials on this connection.
    pub(super) proven: bool,
    close: bool,
    last_used: Instant,
}

/// The task that moves a connection's bytes; it ends with the connection.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How an exchange on one connection failed.
pub(crate) enum Failure {
    /// The server did not get the request, so it may be sent over another connection.
    NotSent(Error),
    /// The server forgot who signed in on this connection; it did not carry out the request.
    SignedOut(Error),
    /// Anything else.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Connection {
    /// Dials.
    pub(super) async fn dial(endpoint: &Endpoint) -> Result<Self, Error> {
        let limit = endpoint.options.connect_timeout;
        let (transport, certificate) = endpoint.dial(limit).await?;
        let stream = Stream::new(transport);
        let written = stream.written();
        let lost = |source: hyper::Error| Error::Lost { sent: false, source: Some(source.into()) };
        let (sender, connection) = http1::Builder::new()
            .title_case_headers(true)
            .max_buf_size(endpoint.options.max_header_size)
            .max_headers(endpoint.options.max_headers)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(lost)?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        Ok(Self {
            sender,
            _driver: Driver(driver),
            written,
            certificate,
            sealing: None,
            authorization: None,
            proven: false,
            close: false,
            last_used: Instant::now(),
        })
    }

    /// Tells whether the connection may be used again.
    ///
    /// The runtime is given the chance to notice that the server closed it.
    pub(crate) async fn is_usable(&mut self, idle_limit: Duration) -> bool {
        if self.close || self.last_used.elapsed() > idle_limit {
            return false;
        }
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        !self.sender.is_closed()
    }

    /// Tells whether the server said that it closes the connection.
    pub(crate) fn is_closing(&self) -> bool {
        self.close || self.sender.is_closed()
    }

    /// Sends an envelope and returns the one that answers it.
    pub(crate) async fn exchange(
        &mut self,
        endpoint: &Endpoint,
        envelope: &str,
        limit: Duration,
    ) -> Result<SoapResponse, Failure> {
        let (content_type, body) = self.seal(envelope)?;
        let largest = endpoint.options.max_response_size;
        let request = endpoint.request(Some(content_type), body, self.authorization.clone());
        let answer = self.send(endpoint, request, limit, largest).await?;
        self.last_used = Instant::now();
        if answer.status == StatusCode::UNAUTHORIZED {
            return Err(match refusal(endpoint, &answer) {
                Error::BadCredentials { .. } if self.proven => Failure::SignedOut(Error::SignedOut),
                error if self.proven => Failure::SignedOut(error),
                error => Failure::Other(error),
            });
        }
        self.proven = true;
        Ok(answer.open(self.sealing.as_deref_mut())?)
    }

    fn seal(&mut self, envelope: &str) -> Result<(HeaderValue, Bytes), Error> {
        let Some(security) = &mut self.sealing else {
            let body = Bytes::copy_from_slice(envelope.as_bytes());
            return Ok((HeaderValue::from_static("application/soap+xml;charset=UTF-8"), body));
        };
        let pieces = envelope.as_bytes().chunks(security.largest_part());
        let parts = pieces.map(|piece| {
            let mut data = piece.to_vec();
            let signature = security.wrap(&mut data)?;
            Ok(SealedPart { length: piece.len(), signature, data })
        });
        let parts: Vec<SealedPart> = parts.collect::<Result<_, SecurityError>>()?;
        let body = mime::encode(security.protocol(), &parts);
        let content_type = HeaderValue::from_str(&security.protocol().content_type(parts.len()))
            .expect("a content type of this crate has no control characters");
        Ok((content_type, body.into()))
    }

    /// Sends an empty request of a login and reads the whole answer.
    pub(super) async fn post_empty(
        &mut self,
        endpoint: &Endpoint,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, Failure> {
        let limit = endpoint.options.connect_timeout;
        let request = endpoint.request(None, Bytes::new(), authorization);
        self.send(endpoint, request, limit, LARGEST_REFUSAL).await
    }

    /// Sends a request and reads the whole answer, whose head may take as long as `limit`.
    async fn send(
        &mut self,
        endpoint: &Endpoint,
        mut request: Request<Full<Bytes>>,
        limit: Duration,
        largest: usize,
    ) -> Result<Answer, Failure> {
        let before = self.written.load(Ordering::Relaxed);
        let options = &endpoint.options;
        let mut interim = Interim::count(&mut request, options.max_interim_answers);
        let lost = |error: hyper::Error| {
            Failure::NotSent(Error::Lost { sent: false, source: Some(error.into()) })
        };
        let ready = async { Ok(self.sender.ready().await) };
        within(limit, Phase::Answer, ready).await.map_err(Failure::NotSent)?.map_err(lost)?;
        let head = async {
            tokio::select! {
                answer = self.sender.try_send_request(request) => Ok(answer),
                error = interim.too_many() => Err(error),
            }
        };
        let response = match within(limit, Phase::Answer, head).await? {
            Ok(response) => response,
            Err(mut error) => {
                let unsent = error.take_message().is_some()
                    || self.written.load(Ordering::Relaxed) == before;
                let error = broken(endpoint, !unsent, error.into_error());
                return Err(if unsent { Failure::NotSent(error) } else { error.into() });
            }
        };
        let (parts, body) = response.into_parts();
        if has_two_lengths(&parts.headers) {
            let source = LibraryError::new("its body has a length and comes in chunks");
            return Err(Failure::Other(Error::Malformed { source }));
        }
        endpoint.cookies.store(&parts.headers);
        endpoint.target.note(parts.status, &parts.headers);
        self.close |= closes(&parts.headers);
        let body = read_body(body, largest, options.stall_timeout);
        let body = within(options.body_timeout, Phase::Body, body).await?;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

/// Says why a connection broke.
fn broken(endpoint: &Endpoint, sent: bool, error: hyper::Error) -> Error {
    if error.is_parse() {
        return Error::Malformed { source: error.into() };
    }
    refused_afterwards(&endpoint.host, &error)
        .unwrap_or(Error::Lost { sent, source: Some(error.into()) })
}

impl Endpoint {
    /// Connects, and returns the server's certificate over https.
    async fn dial(&self, limit: Duration) -> Result<(Transport, Option<Vec<u8>>), Error> {
        let tcp = match &self.proxy {
            Some(proxy) => within(limit, Phase::Proxy, proxy.tunnel(&self.host, self.port)).await?,
            None => within(limit, Phase::Connect, self.connect()).await?,
        };
        let host = self.host.as_str();
        let Some(config) = &self.tls else { return Ok((Transport::Plain(tcp), None)) };
        let server = ServerName::try_from(self.name().to_owned())
            .map_err(|_error| Error::Url { url: self.options.url.clone() })?;
        let connector = TlsConnector::from(Arc::clone(config));
        let failed = |source| handshake_failed(host, source);
        let handshake = async { connector.connect(server, tcp).await.map_err(failed) };
        let stream = within(limit, Phase::Tls, handshake).await?;
        let certificates = stream.get_ref().1.peer_certificates();
        let certificate = certificates.and_then(|chain| chain.first()).map(|own| own.to_vec());
        check_pins(&self.options, host, certificate.as_deref().unwrap_or_default())?;
        Ok((Transport::Tls(Box::new(stream)), certificate))
    }

    async fn connect(&self) -> Result<TcpStream, Error> {
        let failed = |source| Error::Connect { host: self.host.clone(), port: self.port, source };
        dial::connect(self.name(), self.port).await.map_err(failed)
    }

    pub(super) fn is_anonymous(&self) -> bool {
        matches!(self.options.credentials, Credentials::Anonymous)
    }

    /// Returns the host without the brackets that an address of IPv6 has in a URL.
    fn name(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    fn request(
        &self,
        content_type: Option<HeaderValue>,
        body: Bytes,
        authorization: Option<HeaderValue>,
    ) -> Request<Full<Bytes>> {
        let length = body.len();
        let mut request = Request::post(self.target.uri())
            .body(Full::new(body))
            .expect("a parsed URI and no headers make a request");
        let headers = request.headers_mut();
        headers.insert(HOST, self.authority.clone());
        headers.insert(CONNECTION, HeaderValue::from_static("Keep-Alive"));
        if let Ok(agent) = HeaderValue::from_str(&self.options.user_agent) {
            headers.insert(USER_AGENT, agent);
        }
        // IIS compresses what Exchange answers unless told not to, and breaks sealed answers so.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        if self.is_anonymous() {
            headers.insert(IDENTIFY, HeaderValue::from_static("unauthenticated"));
        }
        let optional = [
            (CONTENT_TYPE, content_type),
            (AUTHORIZATION, authorization),
            (COOKIE, self.cookies.header()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        request
    }
}

/// Whether a body is delimited in two ways, of which somebody on the way may have believed the other.
fn has_two_lengths(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH)
}

fn closes(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("close"))
}

/// Gives up after a while.
pub(super) async fn within<T>(
    limit: Duration,
    phase: Phase,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_elapsed) => Err(Error::Timeout { phase, after: limit }),
    }
}

/// Says that Identify comes from nobody in particular.
const IDENTIFY: HeaderName = HeaderName::from_static("wsmanidentify");

/// The largest body of an answer to a request without one: the page that goes with a 401.
const LARGEST_REFUSAL: usize = 256 << 10;
