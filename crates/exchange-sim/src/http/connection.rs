//! What one connection answers to its requests, one after another.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, SET_COOKIE, TRANSFER_ENCODING,
    WWW_AUTHENTICATE,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use wsman::server::{parse_request, write_response};
use wsman::{Fault, FaultCode, Limits, MessageId, Operation, Verb};

use super::logon::{Logon, Step, basic_is_right};
use super::operations::{Caller, Endpoint, Shells, random_uuid};
use super::seal;
use super::server::Service;
use super::winrm::identify;
use crate::cloud::{Cloud, CloudRequest};
use crate::fault::FaultKind;

/// The largest request body: what IIS reads for this directory, and room for the framing of a sealed one.
const MAX_BODY: usize = 512_000 + 4_096;
const NEGOTIATE: &str = "Negotiate";
const CREDSSP: &str = "CredSSP";
/// From 1601 to 1970 in units of 100 ns.
const FILE_TIME_EPOCH: u64 = 116_444_736_000_000_000;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
pub(super) struct Dropped;

/// A connection's state.
#[derive(Debug)]
pub(super) struct Connection {
    service: Arc<Service>,
    logon: Logon,
    /// Where the last request went.
    endpoint: Endpoint,
}

/// An answer before it becomes HTTP's.
struct Answer {
    status: StatusCode,
    content_type: Cow<'static, str>,
    body: Vec<u8>,
    authenticate: Vec<String>,
    cookie: Option<String>,
    headers: Vec<(&'static str, String)>,
    close: bool,
    cut: bool,
}

impl Answer {
    const fn new(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type: Cow::Borrowed(content_type),
            body,
            authenticate: Vec::new(),
            cookie: None,
            headers: Vec::new(),
            close: false,
            cut: false,
        }
    }

    fn text(status: StatusCode, text: &str) -> Self {
        Self::new(status, "text/html; charset=utf-8", text.as_bytes().to_vec())
    }

    const fn closing(mut self) -> Self {
        self.close = true;
        self
    }
}

impl Connection {
    pub(super) fn new(service: Arc<Service>) -> Self {
        Self { service, logon: Logon::None, endpoint: Endpoint::Exchange }
    }

    /// Answers one request.
    pub(super) async fn handle(
        &mut self,
        request: Request<Incoming>,
    ) -> Result<Response<Payload>, Dropped> {
        let endpoint = endpoint(request.uri().path());
        let answer = self.answer(request, endpoint).await?;
        Ok(self.response(answer, endpoint))
    }

    fn response(&self, answer: Answer, endpoint: Option<Endpoint>) -> Response<Payload> {
        let cut = answer.cut;
        let mut response = Response::new(Payload::new(answer.body, cut));
        *response.status_mut() = answer.status;
        let headers = response.headers_mut();
        let is_winrm = endpoint == Some(Endpoint::WinRm);
        let software = if is_winrm { "Microsoft-HTTPAPI/2.0" } else { "Microsoft-IIS/10.0" };
        headers.insert("Server", HeaderValue::from_static(software));
        if !is_winrm && let Ok(name) = HeaderValue::from_str(self.service.server_name()) {
            headers.insert("X-FEServer", name);
        }
        if let Ok(content_type) = HeaderValue::from_str(&answer.content_type) {
            headers.insert(CONTENT_TYPE, content_type);
        }
        for offer in answer.authenticate {
            if let Ok(offer) = HeaderValue::from_str(&offer) {
                headers.append(WWW_AUTHENTICATE, offer);
            }
        }
        if let Some(cookie) = answer.cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
            headers.insert(SET_COOKIE, cookie);
        }
        for (name, value) in answer.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(name, value);
            }
        }
        if answer.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn answer(
        &mut self,
        request: Request<Incoming>,
        endpoint: Option<Endpoint>,
    ) -> Result<Answer, Dropped> {
        let (head, body) = request.into_parts();
        if let Some(cloud) = self.service.cloud(head.uri.path()) {
            return self.cloud(cloud, &head, body).await;
        }
        self.endpoint = endpoint.unwrap_or(Endpoint::Exchange);
        let Some(endpoint) = endpoint else {
            return Ok(Answer::text(
                StatusCode::NOT_FOUND,
                "<html><body><h2>404 - File or directory not found.</h2></body></html>",
            ));
        };
        if head.method != Method::POST {
            return Ok(Answer::text(
                StatusCode::METHOD_NOT_ALLOWED,
                "<html><body><h2>405 - Method not allowed.</h2></body></html>",
            )
            .closing());
        }
        if head.headers.contains_key(TRANSFER_ENCODING) {
            return Ok(Answer::text(StatusCode::LENGTH_REQUIRED, "").closing());
        }
        let body = match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Ok(Answer::text(StatusCode::PAYLOAD_TOO_LARGE, "").closing());
            }
            Err(_) => return Err(Dropped),
        };
        let content_type = head
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if asks_anonymously(&head, endpoint, &body) {
            let response = wsman::Response::Identify(identify(false));
            let (mut answer, text) = envelope(None, Verb::Identify, &response);
            answer.body = text.unwrap_or_default().into_bytes();
            return Ok(answer);
        }
        if is_anonymous(head.uri.path()) {
            return Ok(Answer::text(StatusCode::NOT_FOUND, "").closing());
        }
        let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        self.authenticated(authorization, content_type, &body, endpoint).await
    }

    /// Answers for the service.
    async fn cloud(
        &self,
        (cloud, shells): (&Cloud, &Shells),
        head: &http::request::Parts,
        body: Incoming,
    ) -> Result<Answer, Dropped> {
        let body = Limited::new(body, MAX_BODY).collect().await.map_err(|_| Dropped)?.to_bytes();
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let request = CloudRequest {
            post: head.method == Method::POST,
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            origin: format!(
                "{}://{host}",
                if self.service.tls.is_some() { "https" } else { "http" }
            ),
            headers: &head.headers,
            body: &body,
        };
        let found =
            cloud.answer(&request, shells, &self.service.faults).await.map_err(|_| Dropped)?;
        let status = StatusCode::from_u16(found.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let mut answer = Answer::new(status, found.content_type, found.body);
        answer.headers = found.headers;
        match found.fault {
            Some(FaultKind::DropAfter) => return Err(Dropped),
            Some(FaultKind::DropMid) => answer.cut = true,
            Some(FaultKind::Close) => answer.close = true,
            _ => {}
        }
        Ok(answer)
    }

    /// Signs in if asked to, and goes on to the body once somebody is in.
    async fn authenticated(
        &mut self,
        authorization: Option<&str>,
        content_type: &str,
        body: &[u8],
        endpoint: Endpoint,
    ) -> Result<Answer, Dropped> {
        let caller = Caller { endpoint, basic: false };
        let mut last_token = None;
        if let Some(authorization) = authorization {
            if let Some(kind) = self.service.faults.strike("Auth")
                && let Some(answer) = self.before(&kind, &Fault::default()).await?
            {
                return Ok(answer);
            }
            let (scheme, value) = authorization.split_once(' ').unwrap_or((authorization, ""));
            if scheme.eq_ignore_ascii_case("basic") && self.service.takes_clear() {
                if !basic_is_right(&self.service.account, value) {
                    return Ok(self.unauthorized(None));
                }
                return self.plain(body, Caller { basic: true, ..caller }).await;
            }
            match self.step(scheme, value).await {
                Some((name, Step::Continue(token))) => {
                    return Ok(self.unauthorized(Some((name, &token))));
                }
                Some((_, Step::Done(token))) => last_token = token,
                None => return Ok(self.unauthorized(None)),
            }
        }
        if self.logon.sealing().is_none() {
            return Ok(self.unauthorized(None));
        }
        let mut answer = if body.is_empty() {
            Answer::new(StatusCode::OK, "application/soap+xml;charset=UTF-8", Vec::new())
        } else if wsman::mime::is_sealed(content_type) {
            self.sealed(content_type, body, caller).await?
        } else if self.service.takes_clear() {
            self.plain(body, caller).await?
        } else {
            Answer::text(StatusCode::BAD_REQUEST, "Unencrypted traffic is not allowed.").closing()
        };
        answer
            .authenticate
            .extend(last_token.map(|token| format!("Negotiate {}", STANDARD.encode(token))));
        Ok(answer)
    }

    /// Takes a token of a scheme, and names the scheme; nothing when the sign-in is refused.
    async fn step(&mut self, scheme: &str, value: &str) -> Option<(&'static str, Step)> {
        let token = STANDARD.decode(value.trim()).ok()?;
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let file_time = FILE_TIME_EPOCH + u64::try_from(now.as_nanos() / 100).unwrap_or(0);
        let (account, nonce) = (&self.service.account, rand::random());
        let refused = |error: &dyn std::error::Error| tracing::debug!(%error, "sign-in refused");
        if scheme.eq_ignore_ascii_case(NEGOTIATE) {
            let step = self.logon.step(account, &token, nonce, file_time);
            return Some((NEGOTIATE, step.inspect_err(|error| refused(error)).ok()?));
        }
        if scheme.eq_ignore_ascii_case(CREDSSP) && self.endpoint == Endpoint::WinRm {
            let identity = self.service.credssp().await?;
            let step = self.logon.credssp_step(identity, account, &token, nonce, file_time);
            return Some((CREDSSP, step.inspect_err(|error| refused(error)).ok()?));
        }
        None
    }

    fn unauthorized(&self, token: Option<(&str, &[u8])>) -> Answer {
        let mut answer = Answer::text(
            StatusCode::UNAUTHORIZED,
            "<html><body><h2>401 - Unauthorized: Access is denied due to invalid credentials.</h2></body></html>",
        );
        match token {
            Some((scheme, token)) => {
                answer.authenticate.push(format!("{scheme} {}", STANDARD.encode(token)))
            }
            None => {
                answer.authenticate.push(NEGOTIATE.to_owned());
                // Exchange's own endpoint never offers it.
                if self.endpoint == Endpoint::WinRm {
                    answer.authenticate.push(CREDSSP.to_owned());
                }
                if self.service.takes_clear() {
                    answer.authenticate.push(format!("Basic realm=\"{}\"", self.service.hostname));
                }
            }
        }
        answer
    }

    async fn plain(&mut self, body: &[u8], caller: Caller) -> Result<Answer, Dropped> {
        let (mut answer, text) = self.soap(body, caller).await?;
        if let Some(text) = text {
            answer.content_type = Cow::Borrowed("application/soap+xml;charset=UTF-8");
            answer.body = text.into_bytes();
        }
        Ok(answer)
    }

    async fn sealed(
        &mut self,
        content_type: &str,
        body: &[u8],
        caller: Caller,
    ) -> Result<Answer, Dropped> {
        let plain =
            match self.logon.sealing().map(|sealing| seal::unseal(sealing, content_type, body)) {
                Some(Ok(plain)) => plain,
                refused => {
                    if let Some(Err(error)) = refused {
                        tracing::debug!(%error, "sealed request refused");
                    }
                    self.logon = Logon::None;
                    return Ok(Answer::text(
                        StatusCode::BAD_REQUEST,
                        "The message could not be decrypted.",
                    )
                    .closing());
                }
            };
        let (mut answer, text) = self.soap(&plain, caller).await?;
        if let (Some(text), Some(sealing)) = (text, self.logon.sealing()) {
            let (content_type, body) = seal::seal(sealing, &text).map_err(|error| {
                tracing::debug!(%error, "an answer could not be sealed");
                Dropped
            })?;
            answer.content_type = Cow::Owned(content_type);
            answer.body = body;
        }
        Ok(answer)
    }

    /// Answers an envelope: with another one, or with something that HTTP alone says.
    async fn soap(
        &self,
        bytes: &[u8],
        caller: Caller,
    ) -> Result<(Answer, Option<String>), Dropped> {
        let limits = Limits::default();
        let request = match parse_request(bytes, limits) {
            Ok(request) => request,
            Err(error) => {
                let text = format!(
                    "The SOAP XML in the message does not match the corresponding XML schema definition: {error}."
                );
                let fault = self.service.shells.fault(
                    FaultCode::SCHEMA_VALIDATION_ERROR,
                    "SchemaValidationError",
                    "XMLSyntaxError",
                    &text,
                );
                return Ok(envelope(None, Verb::Get, &wsman::Response::Fault(fault)));
            }
        };
        let verb = request.operation.verb();
        let relates_to = request.headers.message_id.as_ref();
        let kind = self.service.faults.strike(verb.name());
        if let Some(kind) = &kind {
            let planned = self.planned_fault(kind);
            if let Some(mut answer) = self.before(kind, &planned).await? {
                let text = matches!(kind, FaultKind::Fault(_) | FaultKind::Busy).then(|| {
                    answer.status = StatusCode::INTERNAL_SERVER_ERROR;
                    write_response(
                        &message_id(),
                        relates_to,
                        verb,
                        &wsman::Response::Fault(Box::new(planned)),
                    )
                });
                return Ok((answer, text));
            }
        }
        let response = self
            .service
            .shells
            .dispatch(&request, caller)
            .await
            .unwrap_or_else(wsman::Response::Fault);
        let (mut answer, text) = envelope(relates_to, verb, &response);
        if matches!(request.operation, Operation::Create(_))
            && caller.endpoint == Endpoint::Exchange
        {
            answer.cookie = Some(format!("MS-WSMAN={}; path=/PowerShell", random_uuid()));
        }
        match kind {
            Some(FaultKind::DropAfter) => return Err(Dropped),
            Some(FaultKind::DropMid) => answer.cut = true,
            Some(FaultKind::Close) => answer.close = true,
            _ => {}
        }
        Ok((answer, text))
    }

    fn planned_fault(&self, kind: &FaultKind) -> Fault {
        match kind {
            FaultKind::Fault(code) => {
                let code = FaultCode::new(*code);
                let text = format!("A fault on demand: {}.", code.name().unwrap_or("unknown"));
                *self.service.shells.fault(code, "InternalError", "Others", &text)
            }
            FaultKind::Busy => {
                let text = "The WS-Management service cannot process the request. The user load quota of 600 requests per 2 seconds has been exceeded. Send future requests at a slower rate or raise the quota for this user. The next request from this user will not be approved for at least 1500 milliseconds.";
                *self.service.shells.fault(
                    FaultCode::new(2_150_859_175),
                    "QuotaLimit",
                    "Others",
                    text,
                )
            }
            _ => Fault::default(),
        }
    }

    /// Does what a fault does before the message is processed; an answer ends it there.
    async fn before(&self, kind: &FaultKind, fault: &Fault) -> Result<Option<Answer>, Dropped> {
        let status =
            |code: u16| StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        Ok(match kind {
            FaultKind::Drop => return Err(Dropped),
            FaultKind::Http(401) => Some(self.unauthorized(None).closing()),
            FaultKind::Http(code) => Some(Answer::text(status(*code), "").closing()),
            FaultKind::Html(code) => {
                let page = format!(
                    "<html><head><title>{code}</title></head><body><h2>{code} - The service is unavailable.</h2></body></html>"
                );
                Some(Answer::text(status(*code), &page).closing())
            }
            FaultKind::Throttle => {
                let id = random_uuid();
                let text = format!(
                    "[AuthZRequestId={id}][FailureCategory=AuthZ-AuthorizationException] Fail to create runspace because you have exceeded your budget to create runspace. Please wait for 2 seconds. Policy: CN=GlobalThrottlingPolicy_{id},CN=Global Settings,CN=Contoso;"
                );
                Some(Answer::text(StatusCode::BAD_REQUEST, &text))
            }
            FaultKind::Fault(_) | FaultKind::Busy => {
                Some(Answer::text(StatusCode::INTERNAL_SERVER_ERROR, fault.text()))
            }
            FaultKind::Expire => {
                self.service.shells.expire();
                None
            }
            FaultKind::Slow(time) => {
                tokio::time::sleep(*time).await;
                None
            }
            FaultKind::DropAfter | FaultKind::DropMid | FaultKind::Close => None,
        })
    }
}

/// What answers at a path.
fn endpoint(path: &str) -> Option<Endpoint> {
    let path = path.trim_end_matches('/');
    let is = |name: &str| path.eq_ignore_ascii_case(name);
    if is("/powershell") {
        Some(Endpoint::Exchange)
    } else if is("/wsman") || is_anonymous(path) {
        Some(Endpoint::WinRm)
    } else {
        None
    }
}

fn is_anonymous(path: &str) -> bool {
    path.trim_end_matches('/').eq_ignore_ascii_case("/wsman-anon/identify")
}

/// Whether somebody who need not sign in asks who answers here.
fn asks_anonymously(head: &http::request::Parts, endpoint: Endpoint, body: &[u8]) -> bool {
    let says_so = head.headers.get("WSMANIDENTIFY").is_some_and(|value| value == "unauthenticated");
    endpoint == Endpoint::WinRm
        && (says_so || is_anonymous(head.uri.path()))
        && parse_request(body, Limits::default())
            .is_ok_and(|request| request.operation == Operation::Identify)
}

fn message_id() -> MessageId {
    MessageId::from_uuid(random_uuid())
}

fn envelope(
    relates_to: Option<&MessageId>,
    verb: Verb,
    response: &wsman::Response,
) -> (Answer, Option<String>) {
    let status = match response {
        wsman::Response::Fault(_) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    };
    let text = write_response(&message_id(), relates_to, verb, response);
    (Answer::new(status, "application/soap+xml;charset=UTF-8", Vec::new()), Some(text))
}

/// A body of known length that may break off in the middle.
#[derive(Debug)]
pub(super) struct Payload {
    frames: VecDeque<Result<Bytes, Dropped>>,
    length: u64,
}

impl Payload {
    fn new(body: Vec<u8>, cut: bool) -> Self {
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let mut bytes = Bytes::from(body);
        let mut frames = VecDeque::new();
        if cut {
            bytes.truncate(bytes.len() / 2);
            frames.push_back(Ok(bytes));
            frames.push_back(Err(Dropped));
        } else if !bytes.is_empty() {
            frames.push_back(Ok(bytes));
        }
        Self { frames, length }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        Poll::Ready(self.frames.pop_front().map(|frame| frame.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

impl From<Infallible> for Dropped {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
