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
    LOCATION, USER_AGENT, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::auth::SecurityContext;
use super::cookies::Cookies;
use super::error::{Error, HttpAnswer, Phase, SecurityError};
use super::exchange::SoapResponse;
use super::ntlm::NtlmContext;
use super::options::{ClientOptions, Credentials};
use super::stream::{Stream, Transport};
use crate::binding::tls_server_end_point;
use crate::challenge::Challenge;
use crate::mime::{self, SealedPart};
use crate::xml::{decode_base64, encode_base64};

/// Where and how connections are made.
pub(crate) struct Endpoint {
    pub(crate) options: ClientOptions,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of the header `Host`.
    pub(crate) authority: HeaderValue,
    /// Path and query, as they go into the request line.
    pub(crate) target: http::Uri,
    /// The TLS settings; `None` over http.
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) cookies: Cookies,
}

/// A connection that is signed in.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: Driver,
    written: Arc<AtomicU64>,
    /// What seals messages; `None` when they go in clear.
    sealing: Option<Box<dyn SecurityContext>>,
    /// Sent with every request, for Basic.
    authorization: Option<HeaderValue>,
    /// Whether the server accepted the credentials on this connection.
    proven: bool,
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

/// A whole HTTP answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Connection {
    /// Dials and signs in.
    pub(crate) async fn open(endpoint: &Endpoint) -> Result<Self, Error> {
        let limit = endpoint.options.connect_timeout;
        let (transport, certificate) = endpoint.dial(limit).await?;
        let stream = Stream::new(transport);
        let written = stream.written();
        let lost = |source| Error::Lost { sent: false, source: Some(source) };
        let (sender, connection) = http1::Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(lost)?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        let mut connection = Self {
            sender,
            _driver: Driver(driver),
            written,
            sealing: None,
            authorization: None,
            proven: false,
            close: false,
            last_used: Instant::now(),
        };
        let login = connection.sign_in(endpoint, certificate.as_deref());
        within(limit, Phase::Login, login).await?;
        Ok(connection)
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
        let post = self.post(endpoint, Some(content_type), body, None);
        let answer = within(limit, Phase::Answer, async { Ok(post.await) }).await??;
        self.last_used = Instant::now();
        if answer.status == StatusCode::UNAUTHORIZED {
            let error = refusal(endpoint, &answer);
            let proven = self.proven;
            return Err(if proven { Failure::SignedOut(error) } else { Failure::Other(error) });
        }
        self.proven = true;
        Ok(answer.open(self.sealing.as_deref_mut())?)
    }

    fn seal(&mut self, envelope: &str) -> Result<(HeaderValue, Bytes), Error> {
        let Some(security) = &mut self.sealing else {
            let body = Bytes::copy_from_slice(envelope.as_bytes());
            return Ok((HeaderValue::from_static("application/soap+xml;charset=UTF-8"), body));
        };
        let mut data = envelope.as_bytes().to_vec();
        let signature = security.wrap(&mut data).map_err(Error::Security)?;
        let part = SealedPart { length: envelope.len(), signature, data };
        let body = mime::encode(security.protocol(), &[part]);
        let content_type = HeaderValue::from_str(&security.protocol().content_type(1))
            .expect("a content type of this crate has no control characters");
        Ok((content_type, body.into()))
    }

    async fn sign_in(
        &mut self,
        endpoint: &Endpoint,
        certificate: Option<&[u8]>,
    ) -> Result<(), Error> {
        match &endpoint.options.credentials {
            Credentials::Basic { username, password } => {
                let pair = format!("{username}:{}", password.expose_secret());
                self.authorization = Some(authorization("Basic", pair.as_bytes()));
                Ok(())
            }
            Credentials::Negotiate { username, password } => {
                let bound = endpoint.options.channel_binding;
                let binding = certificate.filter(|_| bound).map(tls_server_end_point);
                let host = &endpoint.host;
                let mut context = NtlmContext::new(host, username, password, binding.as_deref())
                    .map_err(Error::Security)?;
                self.negotiate(endpoint, &mut context).await?;
                self.proven = true;
                if endpoint.tls.is_none() {
                    self.sealing = Some(Box::new(context));
                }
                Ok(())
            }
        }
    }

    /// Exchanges tokens in empty requests until the server is content.
    async fn negotiate(
        &mut self,
        endpoint: &Endpoint,
        context: &mut dyn SecurityContext,
    ) -> Result<(), Error> {
        let mut received = Vec::new();
        for leg in 0..MOST_LEGS {
            let step = context.step(&received).await.map_err(Error::Security)?;
            if step.token.is_empty() {
                return Err(bad_credentials(endpoint));
            }
            let authorization = authorization(NEGOTIATE, &step.token);
            let answer = self
                .post(endpoint, None, Bytes::new(), Some(authorization))
                .await
                .map_err(login_lost)?;
            let token = answer.token(NEGOTIATE)?;
            match answer.status {
                StatusCode::UNAUTHORIZED if leg == 0 && token.is_none() => {
                    return Err(not_accepted(&answer));
                }
                StatusCode::UNAUTHORIZED if step.is_final => {
                    return Err(bad_credentials(endpoint));
                }
                StatusCode::UNAUTHORIZED => {
                    received = token.ok_or_else(|| bad_credentials(endpoint))?;
                }
                status if status.is_success() => {
                    return finish(context, step.is_final, token).await;
                }
                status if status.is_redirection() => return Err(answer.redirect()),
                _ => return Err(answer.not_soap()),
            }
        }
        Err(Error::Security(SecurityError::new("the login does not come to an end")))
    }

    /// Sends one request and reads the whole answer.
    async fn post(
        &mut self,
        endpoint: &Endpoint,
        content_type: Option<HeaderValue>,
        body: Bytes,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, Failure> {
        let before = self.written.load(Ordering::Relaxed);
        let authorization = authorization.or_else(|| self.authorization.clone());
        let request = endpoint.request(content_type, body, authorization);
        self.sender
            .ready()
            .await
            .map_err(|error| Failure::NotSent(Error::Lost { sent: false, source: Some(error) }))?;
        let response = match self.sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                let unsent = error.take_message().is_some()
                    || self.written.load(Ordering::Relaxed) == before;
                let source = Some(error.into_error());
                let error = Error::Lost { sent: !unsent, source };
                return Err(if unsent { Failure::NotSent(error) } else { error.into() });
            }
        };
        let (parts, body) = response.into_parts();
        endpoint.cookies.store(&parts.headers);
        self.close |= closes(&parts.headers);
        let limit = endpoint.options.max_response_size;
        let body = Limited::new(body, limit).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                return Error::TooLarge { limit };
            }
            let source = error.downcast().map(|source| *source).ok();
            Error::Lost { sent: true, source }
        })?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }
}

impl Endpoint {
    /// Connects, and returns the server's certificate over https.
    async fn dial(&self, limit: Duration) -> Result<(Transport, Option<Vec<u8>>), Error> {
        let (host, port) = (self.host.as_str(), self.port);
        let name = host.trim_matches(['[', ']']);
        let failed = |source| Error::Connect { host: host.to_owned(), port, source };
        let connect = async { TcpStream::connect((name, port)).await.map_err(failed) };
        let tcp = within(limit, Phase::Connect, connect).await?;
        tcp.set_nodelay(true).map_err(failed)?;
        let Some(config) = &self.tls else { return Ok((Transport::Plain(tcp), None)) };
        let server = ServerName::try_from(name.to_owned())
            .map_err(|_error| Error::Url { url: self.options.url.clone() })?;
        let connector = TlsConnector::from(Arc::clone(config));
        let failed = |source| Error::Tls { host: host.to_owned(), source };
        let handshake = async { connector.connect(server, tcp).await.map_err(failed) };
        let stream = within(limit, Phase::Tls, handshake).await?;
        let certificates = stream.get_ref().1.peer_certificates();
        let certificate = certificates.and_then(|chain| chain.first()).map(|own| own.to_vec());
        Ok((Transport::Tls(Box::new(stream)), certificate))
    }

    fn request(
        &self,
        content_type: Option<HeaderValue>,
        body: Bytes,
        authorization: Option<HeaderValue>,
    ) -> Request<Full<Bytes>> {
        let length = body.len();
        let mut request = Request::post(self.target.clone())
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

impl Answer {
    fn content_type(&self) -> &str {
        self.header(&CONTENT_TYPE)
    }

    fn header(&self, name: &http::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn challenges(&self) -> Vec<Challenge> {
        let values = self.headers.get_all(WWW_AUTHENTICATE).iter();
        values.filter_map(|value| value.to_str().ok()).flat_map(Challenge::parse).collect()
    }

    /// Returns the token that the server continues a scheme with.
    fn token(&self, scheme: &str) -> Result<Option<Vec<u8>>, Error> {
        let token = self.challenges().into_iter().find(|one| one.is(scheme)).and_then(|c| c.token);
        token
            .map(|text| {
                decode_base64(&text)
                    .ok_or_else(|| Error::Security(SecurityError::new("the token is not base64")))
            })
            .transpose()
    }

    /// Takes the envelope out, unsealed by what sealed the request; a sealed request has no answer in clear.
    fn open(
        self,
        sealing: Option<&mut (dyn SecurityContext + 'static)>,
    ) -> Result<SoapResponse, Error> {
        let status = self.status.as_u16();
        if self.status.is_redirection() {
            return Err(self.redirect());
        }
        let is_soap = is_soap(self.content_type());
        match sealing {
            Some(security) if mime::is_sealed(self.content_type()) => {
                let envelope = unseal(security, self.content_type(), &self.body)?;
                Ok(SoapResponse::new(status, envelope))
            }
            Some(_) if is_soap => Err(Error::ClearAnswer { status }),
            None if is_soap => Ok(SoapResponse::new(status, self.body.into())),
            _ => Err(self.not_soap()),
        }
    }

    fn redirect(&self) -> Error {
        let location = self.header(&LOCATION).to_owned();
        Error::Redirect { status: self.status.as_u16(), location }
    }

    fn not_soap(&self) -> Error {
        let answer = HttpAnswer::new(self.status.as_u16(), self.content_type(), &self.body);
        Error::Http(Box::new(answer))
    }
}

/// Feeds the token that may come with the server's consent.
async fn finish(
    context: &mut dyn SecurityContext,
    is_final: bool,
    token: Option<Vec<u8>>,
) -> Result<(), Error> {
    match token {
        Some(token) if !is_final => {
            context.step(&token).await.map(|_step| ()).map_err(Error::Security)
        }
        None if !is_final => {
            Err(Error::Security(SecurityError::new("the server ended the login too early")))
        }
        _ => Ok(()),
    }
}

fn unseal(
    security: &mut dyn SecurityContext,
    content_type: &str,
    body: &[u8],
) -> Result<Vec<u8>, Error> {
    let parts = mime::decode(content_type, body)
        .map_err(|error| Error::Security(SecurityError::new(error)))?;
    let mut envelope = Vec::with_capacity(body.len());
    for mut part in parts {
        security.unwrap(&mut part.signature, &mut part.data).map_err(Error::Security)?;
        // The declared length counts padding, which the mechanism may have removed.
        if part.data.len() > part.length {
            let error = SecurityError::new("the unsealed text is longer than declared");
            return Err(Error::Security(error));
        }
        envelope.append(&mut part.data);
    }
    Ok(envelope)
}

/// Says why a request with credentials was refused.
fn refusal(endpoint: &Endpoint, answer: &Answer) -> Error {
    let asked = endpoint.options.credentials.scheme();
    let offered = offered(answer);
    if offered.is_empty() || offered.iter().any(|scheme| scheme.eq_ignore_ascii_case(asked)) {
        bad_credentials(endpoint)
    } else {
        Error::NotOffered { asked, offered }
    }
}

/// Says why the first token was refused: the scheme is not there, or what is inside it is not wanted.
fn not_accepted(answer: &Answer) -> Error {
    let offered = offered(answer);
    let has_scheme = offered.iter().any(|scheme| scheme.eq_ignore_ascii_case(NEGOTIATE));
    let asked = if has_scheme { "NTLM within Negotiate" } else { NEGOTIATE };
    Error::NotOffered { asked, offered }
}

fn offered(answer: &Answer) -> Vec<String> {
    answer.challenges().into_iter().map(|challenge| challenge.scheme).collect()
}

fn bad_credentials(endpoint: &Endpoint) -> Error {
    let username = endpoint.options.credentials.username().to_owned();
    Error::BadCredentials { username }
}

/// Whatever happens to a login, the request that it is made for was not sent yet.
fn login_lost(failure: Failure) -> Error {
    match failure {
        Failure::NotSent(error) | Failure::SignedOut(error) | Failure::Other(error) => {
            match error {
                Error::Lost { source, .. } => Error::Lost { sent: false, source },
                other => other,
            }
        }
    }
}

fn authorization(scheme: &str, token: &[u8]) -> HeaderValue {
    let mut value = HeaderValue::from_str(&format!("{scheme} {}", encode_base64(token)))
        .expect("base64 has no control characters");
    value.set_sensitive(true);
    value
}

fn closes(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("close"))
}

fn is_soap(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/soap+xml")
}

/// Gives up after a while.
async fn within<T>(
    limit: Duration,
    phase: Phase,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_elapsed) => Err(Error::Timeout { phase, after: limit }),
    }
}

/// The scheme that NTLM travels in.
const NEGOTIATE: &str = "Negotiate";
/// NTLM takes two legs, SPNEGO and Kerberos a few more.
const MOST_LEGS: usize = 6;

#[cfg(test)]
mod tests {
    use super::super::auth::Step;
    use super::super::exchange::BoxFuture;
    use super::*;
    use crate::mime::Protocol;

    /// Seals by adding one to every byte, with the length as signature.
    struct PlusOne;

    impl SecurityContext for PlusOne {
        fn step<'a>(&'a mut self, _token: &'a [u8]) -> BoxFuture<'a, Result<Step, SecurityError>> {
            Box::pin(async { Ok(Step { token: Vec::new(), is_final: true }) })
        }

        fn wrap(&mut self, data: &mut Vec<u8>) -> Result<Vec<u8>, SecurityError> {
            data.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
            Ok(data.len().to_le_bytes().to_vec())
        }

        fn unwrap(
            &mut self,
            signature: &mut [u8],
            data: &mut Vec<u8>,
        ) -> Result<(), SecurityError> {
            data.iter_mut().for_each(|byte| *byte = byte.wrapping_sub(1));
            let is_right = *signature == data.len().to_le_bytes();
            is_right.then_some(()).ok_or_else(|| SecurityError::new("wrong"))
        }

        fn protocol(&self) -> Protocol {
            Protocol::Spnego
        }
    }

    fn answer(status: u16, content_type: &str, body: &[u8]) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
        headers.insert(LOCATION, HeaderValue::from_static("https://ex02/"));
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers, body: Bytes::copy_from_slice(body) }
    }

    #[test]
    fn a_sealed_answer_is_unsealed_whatever_its_status() {
        let mut data = b"<Envelope/>".to_vec();
        let length = data.len();
        let signature = PlusOne.wrap(&mut data).unwrap();
        let body = mime::encode(Protocol::Spnego, &[SealedPart { length, signature, data }]);
        let content_type = Protocol::Spnego.content_type(1);
        let opened = answer(500, &content_type, &body).open(Some(&mut PlusOne)).unwrap();
        assert_eq!((opened.status, opened.envelope.as_slice()), (500, &b"<Envelope/>"[..]));
        let refused = answer(200, &content_type, b"--Encrypted").open(Some(&mut PlusOne));
        assert!(matches!(refused, Err(Error::Security(_))));
        assert!(matches!(answer(200, &content_type, &body).open(None), Err(Error::Http(_))));
    }

    #[test]
    fn a_clear_envelope_is_only_taken_for_a_clear_request() {
        let clear = || answer(200, "Application/SOAP+xml; charset=utf-8", b"<Envelope/>");
        assert_eq!(clear().open(None).unwrap().envelope, b"<Envelope/>");
        let refused = clear().open(Some(&mut PlusOne));
        assert!(matches!(refused, Err(Error::ClearAnswer { status: 200 })));
    }

    #[test]
    fn redirects_and_pages_are_errors_of_their_own() {
        let moved = answer(302, "text/html", b"").open(None);
        assert!(
            matches!(moved, Err(Error::Redirect { status: 302, location }) if location == "https://ex02/")
        );
        let page = answer(200, "text/html", b"<b>Hello</b>").open(Some(&mut PlusOne));
        assert!(matches!(page, Err(Error::Http(page)) if page.excerpt == "Hello"));
    }
}
