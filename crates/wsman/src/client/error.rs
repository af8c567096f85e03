//! Why an exchange failed.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::kerberos::KerberosError;
use super::page::HttpAnswer;
use super::proxy::{ProxyProblem, ProxyUrlError};
use super::tls_error::{CertificateProblem, TlsProblem};
use crate::error::DecodeError;
use crate::fault::{Advice, Fault};
use crate::operation::Verb;
use crate::recording::Difference;

/// Why an exchange, or an operation of a shell, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The endpoint is no URL that this client can post to.
    #[error("{url:?} is not an http or https URL with a host")]
    Url {
        /// What was given.
        url: String,
    },
    /// Basic would have sent the password in clear.
    #[error(
        "basic authentication over plain http is refused unless unencrypted traffic is allowed"
    )]
    Unencrypted,
    /// Something else than Identify was to be sent without signing in.
    #[error("{verb} needs credentials; only Identify does without")]
    OnlyIdentify {
        /// What was asked for.
        verb: Verb,
    },
    /// A client certificate is shown in the TLS handshake, and there is none over plain http.
    #[error("a client certificate needs https")]
    CertificateWithoutTls,
    /// The file of a client certificate, or of its key, cannot be used.
    #[error("cannot use {} as a client certificate or its key", path.display())]
    ClientCertificate {
        /// The file.
        path: PathBuf,
        /// Why; never with anything from the file.
        #[source]
        source: io::Error,
    },
    /// A file with certificates could not be read, or holds none.
    #[error("no certificates in {}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why it could not be read; `None` when it holds no certificate.
        #[source]
        source: Option<io::Error>,
    },
    /// The TLS settings cannot work.
    #[error("unusable TLS settings")]
    TlsSettings(#[source] rustls::Error),
    /// No connection could be made.
    #[error("cannot connect to {host}:{port}")]
    Connect {
        /// The host of the endpoint.
        host: String,
        /// The port of the endpoint.
        port: u16,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// An environment variable names a proxy that cannot be used.
    #[error("the environment variable {name} names a proxy that cannot be used")]
    ProxyVariable {
        /// The variable.
        name: String,
        /// Why; without the value, which may hold a password.
        #[source]
        source: ProxyUrlError,
    },
    /// The proxy gave no tunnel to the endpoint.
    #[error("no way through the proxy {proxy}")]
    Proxy {
        /// Host and port of the proxy.
        proxy: String,
        /// Why.
        #[source]
        problem: ProxyProblem,
    },
    /// The server's certificate is not trusted; nothing was sent.
    #[error("the certificate of {host} is not trusted: {problem}")]
    Certificate {
        /// The host of the endpoint.
        host: String,
        /// Why.
        problem: CertificateProblem,
        /// What the TLS library says; `None` when it had nothing against it.
        #[source]
        source: Option<io::Error>,
    },
    /// The TLS handshake failed, for another reason than the server's certificate.
    #[error("cannot secure the connection to {host}: {problem}")]
    Tls {
        /// The host of the endpoint.
        host: String,
        /// Why.
        problem: TlsProblem,
        /// What the TLS library says.
        #[source]
        source: io::Error,
    },
    /// A time limit passed.
    #[error("{phase} took longer than {after:?}")]
    Timeout {
        /// What took too long.
        phase: Phase,
        /// The limit.
        after: Duration,
    },
    /// The connection broke.
    #[error("the connection was lost{}", if *sent { "; whether the request was carried out is unknown" } else { " before the request was sent" })]
    Lost {
        /// Whether the server may have got the request, and so may have carried it out.
        sent: bool,
        /// What the HTTP library says.
        #[source]
        source: Option<LibraryError>,
    },
    /// The server does not offer the authentication that the settings ask for: enable it there, or ask for another.
    #[error("the settings ask for {asked}, the server offers {}", list(offered))]
    NotOffered {
        /// The scheme that was asked for.
        asked: &'static str,
        /// The schemes that the server offers, as it spells them.
        offered: Vec<String>,
    },
    /// The server refused the user name or the password.
    #[error("the server refused the credentials of {username}")]
    BadCredentials {
        /// The user name as it was given.
        username: String,
    },
    /// The server had accepted the credentials on a connection, and asked for them again there, twice in a row; what was
    /// asked was not carried out.
    #[error("the server forgets who signed in")]
    SignedOut,
    /// Kerberos cannot sign in, for another reason than the password.
    #[error("kerberos authentication failed")]
    Kerberos(#[source] KerberosError),
    /// The security library refused a token, or could not seal a message; the request was not sent.
    #[error("authentication failed")]
    Security(#[source] SecurityError),
    /// A sealed answer could not be opened: it was damaged, forged, or sent before.
    #[error("the sealed answer (HTTP {status}) is not genuine")]
    Unseal {
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        #[source]
        source: SecurityError,
    },
    /// A sealed request was answered in clear, by whomever.
    #[error("the server answered a sealed request in clear (HTTP {status})")]
    ClearAnswer {
        /// The HTTP status.
        status: u16,
    },
    /// The server answered without an envelope.
    #[error("the server answered {_0}")]
    Http(Box<HttpAnswer>),
    /// The server wants the client elsewhere. Credentials are for the scheme, host and port in the options alone, so that
    /// is where to name another endpoint, if it can be trusted.
    #[error("the server redirects{} (HTTP {status}), which is not followed", target_of(location))]
    Redirect {
        /// The HTTP status.
        status: u16,
        /// Where to, without user, query and fragment, in at most 200 characters; empty when it does not say.
        location: String,
    },
    /// The answer is larger than the limit.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The answer is compressed although that was declined; it is not unpacked.
    #[error("the answer (HTTP {status}) is compressed with {encoding}, which was declined")]
    Compressed {
        /// The HTTP status.
        status: u16,
        /// The coding, as the server names it.
        encoding: String,
    },
    /// The answer is no well-formed HTTP, or has a head beyond the limits.
    #[error("the answer is malformed, or its head is too large")]
    Malformed {
        /// What the HTTP library says.
        #[source]
        source: LibraryError,
    },
    /// The answer did not come after so many interim ones (1xx).
    #[error("no answer came after {limit} interim ones")]
    TooManyInterim {
        /// The limit.
        limit: usize,
    },
    /// The answer could not be read.
    #[error("the answer to {verb} could not be read")]
    Decode {
        /// What was asked.
        verb: Verb,
        /// Why.
        #[source]
        source: DecodeError,
    },
    /// A [`ReplayTransport`](super::ReplayTransport) was asked for something else than was recorded.
    #[error("the client left the recording")]
    Replay(#[source] Box<Difference>),
    /// The server said no.
    #[error("{verb} failed")]
    Fault {
        /// What was asked.
        verb: Verb,
        /// What the server said.
        #[source]
        fault: Box<Fault>,
    },
}

impl Error {
    /// Returns the fault, if the server sent one.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Fault { fault, .. } => Some(fault),
            _ => None,
        }
    }

    /// Tells what a caller may do.
    #[must_use]
    pub fn advice(&self) -> Advice {
        match self {
            Self::Fault { verb, fault } => fault.advice(*verb),
            Self::Lost { sent: false, .. }
            | Self::SignedOut
            | Self::Connect { .. }
            | Self::Kerberos(
                KerberosError::Unreachable { .. } | KerberosError::System { may_pass: true, .. },
            ) => Advice::Later,
            Self::Timeout {
                phase: Phase::Connect | Phase::Proxy | Phase::Tls | Phase::Login,
                ..
            } => Advice::Later,
            Self::Tls { problem: TlsProblem::Closed, .. } => Advice::Later,
            Self::Proxy {
                problem: ProxyProblem::Unreachable(_) | ProxyProblem::Refused { status: 500.. },
                ..
            } => Advice::Later,
            Self::Lost { sent: true, .. }
            | Self::Timeout { .. }
            | Self::TooLarge { .. }
            | Self::Compressed { .. }
            | Self::Malformed { .. }
            | Self::TooManyInterim { .. }
            | Self::ClearAnswer { .. }
            | Self::Unseal { .. }
            | Self::Decode { .. } => Advice::Unknown,
            Self::Http(answer) => answer.advice(),
            _ => Advice::Never,
        }
    }

    /// Tells whether the server may have carried out the request although no proper answer came.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        self.advice() == Advice::Unknown
    }
}

impl From<KerberosError> for Error {
    fn from(error: KerberosError) -> Self {
        Self::Kerberos(error)
    }
}

impl From<SecurityError> for Error {
    fn from(error: SecurityError) -> Self {
        Self::Security(error)
    }
}

/// What took too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Phase {
    /// Resolving the name and connecting.
    Connect,
    /// Connecting to the proxy, and its tunnel.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// Authentication.
    Login,
    /// Sending the request, and the head of the answer.
    Answer,
    /// The body of the answer, or the next piece of it.
    Body,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Proxy => "the way through the proxy",
            Self::Tls => "the TLS handshake",
            Self::Login => "signing in",
            Self::Answer => "the answer",
            Self::Body => "the body of the answer",
        })
    }
}

/// What a security library says; its kind and text, without anything secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
#[non_exhaustive]
pub struct SecurityError {
    /// The library's text.
    pub text: String,
}

impl From<sspi::Error> for SecurityError {
    fn from(error: sspi::Error) -> Self {
        Self::new(error)
    }
}

impl SecurityError {
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self { text: text.to_string() }
    }
}

/// What the HTTP library says, with what lies behind it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
#[non_exhaustive]
pub struct LibraryError {
    /// The library's text.
    pub text: String,
}

impl LibraryError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }
}

impl From<hyper::Error> for LibraryError {
    fn from(error: hyper::Error) -> Self {
        Self::new(super::failure::chain(&error))
    }
}

fn target_of(location: &str) -> String {
    if location.is_empty() { String::new() } else { format!(" to {location:?}") }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_a_lost_request_was_sent_is_said() {
        let text = |sent| Error::Lost { sent, source: None }.to_string();
        assert!(text(true).contains("unknown") && text(false).contains("before"));
        assert!(Error::Lost { sent: true, source: None }.outcome_unknown());
        assert_eq!(Error::Lost { sent: false, source: None }.advice(), Advice::Later);
    }
}
