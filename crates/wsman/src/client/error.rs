//! Why an exchange failed.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::kerberos::KerberosError;
use crate::error::DecodeError;
use crate::fault::{Advice, Diagnostics, Fault};
use crate::operation::Verb;

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
    /// The TLS handshake failed, often because the certificate is not trusted.
    #[error("cannot secure the connection to {host}")]
    Tls {
        /// The host of the endpoint.
        host: String,
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
        source: Option<hyper::Error>,
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
    /// Kerberos cannot sign in, for another reason than the password.
    #[error("kerberos authentication failed")]
    Kerberos(#[source] KerberosError),
    /// The security library refused a token, or could not seal or unseal a message.
    #[error("authentication failed")]
    Security(#[source] SecurityError),
    /// A sealed request was answered in clear, by whomever.
    #[error("the server answered a sealed request in clear (HTTP {status})")]
    ClearAnswer {
        /// The HTTP status.
        status: u16,
    },
    /// The server answered without an envelope.
    #[error("the server answered {_0}")]
    Http(Box<HttpAnswer>),
    /// The server wants the client elsewhere; redirects are not followed.
    #[error("the server redirects to {location:?} (HTTP {status})")]
    Redirect {
        /// The HTTP status.
        status: u16,
        /// Where to; empty when it does not say.
        location: String,
    },
    /// The answer is larger than the limit.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
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
            | Self::Connect { .. }
            | Self::Kerberos(KerberosError::Unreachable { .. }) => Advice::Later,
            Self::Timeout { phase: Phase::Connect | Phase::Tls | Phase::Login, .. } => {
                Advice::Later
            }
            Self::Lost { sent: true, .. }
            | Self::Timeout { .. }
            | Self::TooLarge { .. }
            | Self::ClearAnswer { .. }
            | Self::Security(_)
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

/// An answer that holds no envelope: a proxy's page, a refusal of the web server, Exchange's bare throttling text.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The content type; empty when there is none.
    pub content_type: String,
    /// The beginning of the text, at most 200 characters, none of them a control character.
    pub excerpt: String,
    /// What Exchange said in brackets before its text.
    pub diagnostics: Diagnostics,
}

impl HttpAnswer {
    /// Describes an answer; `body` is cut and made printable.
    #[must_use]
    pub fn new(status: u16, content_type: &str, body: &[u8]) -> Self {
        let head = body.get(..body.len().min(LONGEST_READ)).unwrap_or_default();
        let text = String::from_utf8_lossy(head);
        let is_html = content_type.to_ascii_lowercase().contains("html");
        let text = if is_html { without_tags(&text) } else { text.into_owned() };
        let mut diagnostics = Diagnostics::parse(&text);
        diagnostics.text = printable(&diagnostics.text);
        for (name, value) in &mut diagnostics.fields {
            *name = printable(name);
            *value = printable(value);
        }
        Self {
            status,
            content_type: printable(content_type),
            excerpt: printable(&text),
            diagnostics,
        }
    }

    /// Tells what a caller may do: 503, and Exchange's refusals for want of budget, pass.
    #[must_use]
    pub fn advice(&self) -> Advice {
        let refused = self.diagnostics.failure_category().is_some();
        match self.status {
            503 | 429 => Advice::Later,
            400 if refused => Advice::Later,
            500 | 502 | 504 => Advice::Unknown,
            _ => Advice::Never,
        }
    }
}

impl fmt::Display for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        if !self.content_type.is_empty() {
            write!(f, " with {}", self.content_type)?;
        }
        if !self.excerpt.is_empty() {
            write!(f, ": {}", self.excerpt)?;
        }
        Ok(())
    }
}

/// What took too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Phase {
    /// Resolving the name and connecting.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Authentication.
    Login,
    /// The answer, once the request was sent.
    Answer,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Tls => "the TLS handshake",
            Self::Login => "signing in",
            Self::Answer => "the answer",
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

const LONGEST_READ: usize = 16 << 10;
const LONGEST_EXCERPT: usize = 200;

/// Makes one line of at most 200 characters without control or direction characters.
fn printable(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{61C}')
    };
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.chars().filter(|c| !is_hidden(*c)).collect())
        .collect();
    words.join(" ").trim().chars().take(LONGEST_EXCERPT).collect()
}

/// Removes tags, and what stands in `style` and `script`, from a page, which is enough for an excerpt.
fn without_tags(page: &str) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        out.push(' ');
        let skip = ["style", "script"]
            .into_iter()
            .find(|name| after.get(..name.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(name)));
        rest = match skip {
            Some(_) => after.split_once("</").map_or("", |(_, rest)| rest),
            None => after,
        };
        rest = rest.split_once('>').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_a_short_harmless_text() {
        let page = "<html><head><style>b{x:y}</style><title>Service\r\nUnavailable</title></head>\u{1b}[31m\u{202e}x".to_owned()
            + &"y".repeat(500);
        let answer = HttpAnswer::new(503, "text/html; charset=us-ascii", page.as_bytes());
        assert!(answer.excerpt.starts_with("Service Unavailable [31mxyyy"), "{}", answer.excerpt);
        assert_eq!(answer.excerpt.chars().count(), 200);
        assert_eq!(answer.advice(), Advice::Later);
    }

    #[test]
    fn a_bare_400_of_exchange_keeps_its_category() {
        let body = b"[FailureCategory=AuthZ-AuthorizationException] Fail to create runspace because you have exceeded \
                     the maximum number of connections allowed : 18";
        let answer = HttpAnswer::new(400, "", body);
        assert_eq!(answer.diagnostics.failure_category(), Some("AuthZ-AuthorizationException"));
        assert!(answer.diagnostics.text.starts_with("Fail to create"));
        assert_eq!(answer.advice(), Advice::Later);
        assert_eq!(HttpAnswer::new(400, "", b"Bad Request").advice(), Advice::Never);
    }

    #[test]
    fn whether_a_lost_request_was_sent_is_said() {
        let text = |sent| Error::Lost { sent, source: None }.to_string();
        assert!(text(true).contains("unknown") && text(false).contains("before"));
        assert!(Error::Lost { sent: true, source: None }.outcome_unknown());
        assert_eq!(Error::Lost { sent: false, source: None }.advice(), Advice::Later);
    }
}
