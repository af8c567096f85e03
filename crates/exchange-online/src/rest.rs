//! The seam to the network: one request of the REST interface, one answer.
//!
//! Everything above it is decided without a socket, so a test or a recording can stand in for the service. What a request
//! carries may be secret: its token, an assertion, a password. `Debug` shows where a request goes and how long its body
//! is, never what is in it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use exchange_cmdlets::BoxError;
use futures_core::Stream;
use secrecy::SecretString;
use url::Url;
use zeroize::Zeroizing;

/// What carries a request to the service and brings the answer back.
pub trait RestExchange: Send + Sync {
    /// Sends one request and gives the whole answer, whatever its status. Redirects are not followed.
    fn send(&self, request: RestRequest) -> RestFuture<'_>;

    /// Sends one request and gives a good answer as soon as it begins, its body to follow; any other as a whole.
    ///
    /// Unless it is overridden the body of every answer comes as a whole.
    fn open(&self, request: RestRequest) -> OpenFuture<'_> {
        let answer = self.send(request);
        Box::pin(async { answer.await.map(RestStream::whole) })
    }
}

/// The answer to come.
pub type RestFuture<'a> = Pin<Box<dyn Future<Output = Result<RestAnswer, RestError>> + Send + 'a>>;

impl<T: RestExchange + ?Sized> RestExchange for Arc<T> {
    fn send(&self, request: RestRequest) -> RestFuture<'_> {
        T::send(self, request)
    }

    fn open(&self, request: RestRequest) -> OpenFuture<'_> {
        T::open(self, request)
    }
}

/// The beginning of an answer to come.
pub type OpenFuture<'a> = Pin<Box<dyn Future<Output = Result<RestStream, RestError>> + Send + 'a>>;

/// The body of an answer, decompressed, in pieces as they arrive. It ends with the body, or with an error.
pub type RestBody = Pin<Box<dyn Stream<Item = Result<Bytes, RestError>> + Send>>;

/// An answer that has begun.
#[non_exhaustive]
pub struct RestStream {
    /// Status and headers, and the body when all of it is here.
    pub answer: RestAnswer,
    /// The body, when it is still to come.
    pub more: Option<RestBody>,
}

/// The verbs the interface uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the interface is used with these two verbs only")]
pub enum Method {
    /// Reads a document.
    Get,
    /// Runs a cmdlet, or asks for a token.
    Post,
}

/// One request.
#[derive(Clone)]
#[non_exhaustive]
pub struct RestRequest {
    /// The verb.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// The headers except `Authorization`; none of them is secret.
    pub headers: Vec<(&'static str, String)>,
    /// The token that goes with it, without the word `Bearer`.
    pub token: Option<SecretString>,
    /// The body; of a token request it holds credentials.
    pub body: Zeroizing<Vec<u8>>,
    /// Whether it goes over a connection of its own. One that was used before may be closed from the far side just when a
    /// request goes out, and then nothing tells whether it was carried out.
    pub alone: bool,
}

/// One answer.
#[derive(Clone)]
#[non_exhaustive]
pub struct RestAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestError {
    /// The address is not one that a token may be sent to.
    #[error("{url} is neither https nor on this machine")]
    Insecure {
        /// The address.
        url: String,
    },
    /// No connection came about, so nothing was sent.
    #[error("{host} was not reached")]
    Unreachable {
        /// The host.
        host: String,
        /// What went wrong.
        #[source]
        source: BoxError,
    },
    /// The proxy on the way wants a user name and a password, or others; nothing was sent.
    #[error("the proxy {proxy} wants other credentials (status 407)")]
    ProxyCredentials {
        /// Its host and port.
        proxy: String,
    },
    /// Nobody who is trusted vouches for the server's certificate, or not for this host or time; nothing was sent.
    #[error("the certificate of {host} is not trusted")]
    Untrusted {
        /// The host.
        host: String,
        /// What is wrong with it.
        #[source]
        source: BoxError,
    },
    /// The server's certificate is trusted, but is not one of those that are demanded; nothing was sent.
    #[error("the certificate of {host} is none of those that are demanded")]
    NotDemanded {
        /// The host.
        host: String,
    },
    /// The connection was lost after the request was sent, or while it was.
    #[error("the connection to {host} was lost")]
    Lost {
        /// The host.
        host: String,
        /// What went wrong.
        #[source]
        source: BoxError,
    },
    /// The answer did not come in time, or not to its end.
    #[error("{host} did not answer within {} s", .after.as_secs())]
    TimedOut {
        /// The host.
        host: String,
        /// How long it had.
        after: Duration,
    },
    /// The body of the answer is larger than is taken.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// The host.
        host: String,
        /// The limit.
        limit: usize,
    },
}

impl RestRequest {
    /// Makes a request without headers, token and body.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            token: None,
            body: Zeroizing::default(),
            alone: false,
        }
    }
}

impl RestStream {
    /// Makes an answer all of which is here.
    #[must_use]
    pub const fn whole(answer: RestAnswer) -> Self {
        Self { answer, more: None }
    }

    /// Makes an answer whose body is still to come.
    #[must_use]
    pub fn begun(head: RestAnswer, body: RestBody) -> Self {
        Self { answer: head, more: Some(body) }
    }
}

impl fmt::Debug for RestStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestStream")
            .field("answer", &self.answer)
            .field("more", &self.more.is_some())
            .finish()
    }
}

impl RestAnswer {
    /// Makes an answer without headers.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns the values of a header, its name in any case.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns the first value of a header.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns how long `Retry-After` asks to wait. A date there is counted from the answer's own `Date`, for clocks differ;
    /// without that it says nothing.
    ///
    /// Spec: RFC 9110, 10.2.3 Retry-After; 5.6.7 Date/Time Formats.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.value("Retry-After")?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let until = httpdate::parse_http_date(text).ok()?;
        let sent = httpdate::parse_http_date(self.value("Date")?.trim()).ok()?;
        Some(until.duration_since(sent).unwrap_or_default())
    }
}

impl RestError {
    /// Tells whether the same again would fail in the same way: what is wrong is the address, the certificate there, or how
    /// much it answers.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(self, Self::TooLarge { .. }) || self.is_hindered()
    }

    /// Tells whether the request surely did not reach the service.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        self.is_hindered() || matches!(self, Self::Unreachable { .. })
    }

    const fn is_hindered(&self) -> bool {
        matches!(
            self,
            Self::Insecure { .. }
                | Self::Untrusted { .. }
                | Self::NotDemanded { .. }
                | Self::ProxyCredentials { .. }
        )
    }
}

impl fmt::Debug for RestRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestRequest")
            .field("method", &self.method)
            .field("url", &self.url.as_str())
            .field("headers", &self.headers)
            .field("token", &self.token)
            .field("body_length", &self.body.len())
            .finish()
    }
}

/// The body may hold a token, so only its length shows.
impl fmt::Debug for RestAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestAnswer")
            .field("status", &self.status)
            .field("body_length", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use url::Url;

    use super::{Method, RestAnswer, RestRequest};

    #[test]
    fn nothing_secret_shows_when_printed() {
        let mut request =
            RestRequest::new(Method::Post, Url::parse("https://login.example/x").unwrap());
        request.token = Some("t0ken".into());
        request.body.extend_from_slice(b"client_secret=hunter2");
        let shown = format!("{request:?}");
        assert!(shown.contains("login.example") && shown.contains("body_length: 21"), "{shown}");
        assert!(!shown.contains("t0ken") && !shown.contains("hunter2"), "{shown}");
        let answer = RestAnswer::new(200, r#"{"access_token":"t0ken"}"#).header("Retry-After", "7");
        assert!(!format!("{answer:?}").contains("t0ken"));
        assert_eq!(answer.retry_after(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn waits_are_read_as_seconds_and_as_dates() {
        let check = |retry: &str, date: Option<&str>, expected: Option<u64>| {
            let answer = RestAnswer::new(429, "").header("Retry-After", retry);
            let answer = date.iter().fold(answer, |answer, date| answer.header("Date", date));
            assert_eq!(answer.retry_after(), expected.map(Duration::from_secs), "{retry}");
        };
        let now = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        check(" 120 ", None, Some(120));
        check("Sun, 06 Nov 1994 08:50:07 GMT", now, Some(30));
        check("Sunday, 06-Nov-94 08:50:07 GMT", now, Some(30));
        check("Sun Nov  6 08:50:07 1994", now, Some(30));
        check("Sun, 06 Nov 1994 08:49:00 GMT", now, Some(0));
        check("Sun, 06 Nov 1994 08:50:07 GMT", None, None);
        check("Sun, 06 Nov 1994 08:50:07 GMT", Some("today"), None);
        check("soon", now, None);
        check("-1", now, None);
    }
}
