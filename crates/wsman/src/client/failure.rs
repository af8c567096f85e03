//! Errors of an exchange as data, and back: what a recording keeps of an exchange that failed.
//!
//! What made an error may be gone when it is replayed (a socket, a library's own error), so the replayed one has the same
//! variant, the same fields and the same advice, and of its sources the text.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use super::error::{Error, LibraryError, Phase, SecurityError};
use super::kerberos::KerberosError;
use super::page::HttpAnswer;
use super::proxy::ProxyProblem;
use super::tls_error::{CertificateProblem, TlsProblem};
use crate::error::DecodeError;
use crate::operation::Verb;
use crate::recording::RecordedFailure;

/// Keeps what makes an error what it is.
pub(crate) fn record(error: &Error) -> RecordedFailure {
    let as_kind = |kind| RecordedFailure::new(kind, chain(error));
    match error {
        Error::Connect { host, port, source } => {
            io_fields(as_kind("connect").field("host", host).field("port", port), source)
        }
        Error::Proxy { proxy, problem } => {
            let failure = as_kind("proxy").field("proxy", proxy);
            match problem {
                ProxyProblem::Unreachable(source) => {
                    io_fields(failure.field("problem", "unreachable"), source)
                }
                ProxyProblem::Credentials => failure.field("problem", "credentials"),
                ProxyProblem::Refused { status } => {
                    failure.field("problem", "refused").field("status", status)
                }
                ProxyProblem::NotHttp => failure.field("problem", "not-http"),
            }
        }
        Error::Certificate { host, problem, source } => {
            let failure = as_kind("certificate").field("host", host);
            let failure = failure.field("problem", name_of(&CERTIFICATE_PROBLEMS, *problem));
            source.iter().fold(failure, io_fields)
        }
        Error::Tls { host, problem, source } => {
            let failure = as_kind("tls").field("host", host);
            io_fields(failure.field("problem", name_of(&TLS_PROBLEMS, *problem)), source)
        }
        Error::Timeout { phase, after } => as_kind("timeout")
            .field("phase", name_of(&PHASES, *phase))
            .field("milliseconds", after.as_millis()),
        Error::Lost { sent, source } => {
            let failure = as_kind("lost").field("sent", sent);
            source.iter().fold(failure, |failure, source| failure.field("text", source))
        }
        Error::NotOffered { asked, offered } => {
            as_kind("not-offered").field("asked", asked).field("offered", offered.join(" "))
        }
        Error::BadCredentials { username } => {
            as_kind("bad-credentials").field("username", username)
        }
        Error::SignedOut => as_kind("signed-out"),
        Error::Kerberos(source) => kerberos_fields(as_kind("kerberos"), source),
        Error::Security(source) => as_kind("security").field("text", source),
        Error::Unseal { status, source } => {
            as_kind("unseal").field("status", status).field("text", source)
        }
        Error::ClearAnswer { status } => as_kind("clear-answer").field("status", status),
        Error::Http(answer) => as_kind("http")
            .field("status", answer.status)
            .field("content-type", &answer.content_type)
            .field("text", &answer.excerpt),
        Error::Redirect { status, location } => {
            as_kind("redirect").field("status", status).field("location", location)
        }
        Error::TooLarge { limit } => as_kind("too-large").field("limit", limit),
        Error::Compressed { status, encoding } => {
            as_kind("compressed").field("status", status).field("encoding", encoding)
        }
        Error::Malformed { source } => as_kind("malformed").field("text", source),
        Error::TooManyInterim { limit } => as_kind("too-many-interim").field("limit", limit),
        Error::Decode { verb, source } => {
            as_kind("decode").field("verb", verb).field("text", chain(source))
        }
        _ => as_kind("other"),
    }
}

/// Makes the error again. One of an unknown kind becomes [`Error::Security`] with its text.
pub(crate) fn revive(failure: &RecordedFailure) -> Error {
    let text = |name: &str| failure.fields.get(name).cloned().unwrap_or_default();
    let number = |name: &str| text(name).parse::<u64>().unwrap_or_default();
    let status = || text("status").parse().unwrap_or_default();
    let limit = || text("limit").parse().unwrap_or_default();
    let security = || SecurityError::new(text("text"));
    let source = || {
        let kind = io_kind(&text("io"));
        io::Error::new(kind, text("text"))
    };
    match failure.kind.as_str() {
        "connect" => Error::Connect {
            host: text("host"),
            port: text("port").parse().unwrap_or_default(),
            source: source(),
        },
        "proxy" => {
            let problem = match text("problem").as_str() {
                "unreachable" => ProxyProblem::Unreachable(source()),
                "credentials" => ProxyProblem::Credentials,
                "refused" => ProxyProblem::Refused { status: status() },
                _ => ProxyProblem::NotHttp,
            };
            Error::Proxy { proxy: text("proxy"), problem }
        }
        "certificate" => {
            let problem = value_of(&CERTIFICATE_PROBLEMS, &text("problem"));
            let source = failure.fields.contains_key("io").then(source);
            let problem = problem.unwrap_or(CertificateProblem::Unusable);
            Error::Certificate { host: text("host"), problem, source }
        }
        "tls" => {
            let problem = value_of(&TLS_PROBLEMS, &text("problem")).unwrap_or(TlsProblem::Other);
            Error::Tls { host: text("host"), problem, source: source() }
        }
        "timeout" => Error::Timeout {
            phase: value_of(&PHASES, &text("phase")).unwrap_or(Phase::Answer),
            after: Duration::from_millis(number("milliseconds")),
        },
        "lost" => {
            let source = failure.fields.get("text").map(LibraryError::new);
            Error::Lost { sent: text("sent") == "true", source }
        }
        "not-offered" => {
            let asked = text("asked");
            let known = SCHEMES.into_iter().find(|name| *name == asked);
            let offered = text("offered").split_whitespace().map(str::to_owned).collect();
            Error::NotOffered { asked: known.unwrap_or("another scheme"), offered }
        }
        "bad-credentials" => Error::BadCredentials { username: text("username") },
        "signed-out" => Error::SignedOut,
        "kerberos" => Error::Kerberos(kerberos(&text, source)),
        "unseal" => Error::Unseal { status: status(), source: security() },
        "clear-answer" => Error::ClearAnswer { status: status() },
        "http" => Error::Http(Box::new(HttpAnswer::new(
            status(),
            &text("content-type"),
            text("text").as_bytes(),
        ))),
        "redirect" => Error::Redirect { status: status(), location: text("location") },
        "too-large" => Error::TooLarge { limit: limit() },
        "compressed" => Error::Compressed { status: status(), encoding: text("encoding") },
        "malformed" => Error::Malformed { source: LibraryError::new(text("text")) },
        "too-many-interim" => Error::TooManyInterim { limit: limit() },
        "decode" => Error::Decode {
            verb: verb(&text("verb")),
            source: DecodeError::Unexpected { expected: "an envelope", got: text("text") },
        },
        "security" => Error::Security(security()),
        _ => Error::Security(SecurityError::new(&failure.message)),
    }
}

fn kerberos_fields(failure: RecordedFailure, error: &KerberosError) -> RecordedFailure {
    match error {
        KerberosError::Address { address } => {
            failure.field("problem", "address").field("address", address)
        }
        KerberosError::Configuration { path, source } => {
            let failure = failure.field("problem", "configuration");
            io_fields(failure.field("path", path.display()), source)
        }
        KerberosError::NoRealm { username } => {
            failure.field("problem", "no-realm").field("username", username)
        }
        KerberosError::NoKdc { realm } => failure.field("problem", "no-kdc").field("realm", realm),
        KerberosError::Unreachable { realm, servers, source } => {
            let failure = failure.field("problem", "unreachable").field("realm", realm);
            io_fields(failure.field("servers", servers.join(" ")), source)
        }
        KerberosError::UnknownUser { username, realm } => failure
            .field("problem", "unknown-user")
            .field("username", username)
            .field("realm", realm),
        KerberosError::UnknownService { service, realm } => failure
            .field("problem", "unknown-service")
            .field("service", service)
            .field("realm", realm),
        KerberosError::HostIsAddress { host } => {
            failure.field("problem", "host-is-address").field("host", host)
        }
        KerberosError::ClockSkew { realm } => {
            failure.field("problem", "clock-skew").field("realm", realm)
        }
        KerberosError::Refused { username, realm, text } => failure
            .field("problem", "refused")
            .field("username", username)
            .field("realm", realm)
            .field("text", text),
        KerberosError::NoSystemLibrary => failure.field("problem", "no-system-library"),
        KerberosError::NoTicket { text } => {
            failure.field("problem", "no-ticket").field("text", text)
        }
        KerberosError::System { text, may_pass } => {
            let failure = failure.field("problem", "system").field("text", text);
            failure.field("may-pass", may_pass)
        }
        KerberosError::Ticket { service } => {
            failure.field("problem", "ticket").field("service", service)
        }
    }
}

fn kerberos(text: &impl Fn(&str) -> String, source: impl FnOnce() -> io::Error) -> KerberosError {
    let (username, realm) = (text("username"), text("realm"));
    match text("problem").as_str() {
        "address" => KerberosError::Address { address: text("address") },
        "configuration" => {
            KerberosError::Configuration { path: text("path").into(), source: source() }
        }
        "no-realm" => KerberosError::NoRealm { username },
        "no-kdc" => KerberosError::NoKdc { realm },
        "unreachable" => KerberosError::Unreachable {
            realm,
            servers: text("servers").split_whitespace().map(str::to_owned).collect(),
            source: source(),
        },
        "unknown-user" => KerberosError::UnknownUser { username, realm },
        "unknown-service" => KerberosError::UnknownService { service: text("service"), realm },
        "host-is-address" => KerberosError::HostIsAddress { host: text("host") },
        "clock-skew" => KerberosError::ClockSkew { realm },
        "no-system-library" => KerberosError::NoSystemLibrary,
        "no-ticket" => KerberosError::NoTicket { text: text("text") },
        "system" => {
            KerberosError::System { text: text("text"), may_pass: text("may-pass") == "true" }
        }
        "ticket" => KerberosError::Ticket { service: text("service") },
        _ => KerberosError::Refused { username, realm, text: text("text") },
    }
}

fn io_fields(failure: RecordedFailure, error: &io::Error) -> RecordedFailure {
    failure.field("io", format!("{:?}", error.kind())).field("text", chain(error))
}

fn io_kind(name: &str) -> io::ErrorKind {
    let found = IO_KINDS.into_iter().find(|kind| format!("{kind:?}") == name);
    found.unwrap_or(io::ErrorKind::Other)
}

fn verb(name: &str) -> Verb {
    Verb::ALL.into_iter().find(|verb| verb.name() == name).unwrap_or(Verb::Get)
}

fn name_of<T: PartialEq + Copy>(names: &[(&'static str, T)], value: T) -> &'static str {
    names.iter().find(|(_, one)| *one == value).map_or("other", |(name, _)| name)
}

fn value_of<T: Copy>(names: &[(&'static str, T)], name: &str) -> Option<T> {
    names.iter().find(|(one, _)| *one == name).map(|(_, value)| *value)
}

/// What an error says, and its sources, each after a colon.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

const CERTIFICATE_PROBLEMS: [(&str, CertificateProblem); 9] = [
    ("unknown-issuer", CertificateProblem::UnknownIssuer),
    ("wrong-name", CertificateProblem::WrongName),
    ("expired", CertificateProblem::Expired),
    ("not-yet-valid", CertificateProblem::NotYetValid),
    ("revoked", CertificateProblem::Revoked),
    ("wrong-purpose", CertificateProblem::WrongPurpose),
    ("bad-signature", CertificateProblem::BadSignature),
    ("not-pinned", CertificateProblem::NotPinned),
    ("unusable", CertificateProblem::Unusable),
];

const TLS_PROBLEMS: [(&str, TlsProblem); 6] = [
    ("version", TlsProblem::Version),
    ("nothing-in-common", TlsProblem::NothingInCommon),
    ("client-certificate", TlsProblem::ClientCertificate),
    ("not-tls", TlsProblem::NotTls),
    ("closed", TlsProblem::Closed),
    ("other", TlsProblem::Other),
];

const PHASES: [(&str, Phase); 6] = [
    ("connect", Phase::Connect),
    ("proxy", Phase::Proxy),
    ("tls", Phase::Tls),
    ("login", Phase::Login),
    ("answer", Phase::Answer),
    ("body", Phase::Body),
];

const SCHEMES: [&str; 7] = [
    "Basic",
    "Negotiate",
    "NTLM",
    "Kerberos",
    "CredSSP",
    "Negotiate or Kerberos",
    "a client certificate",
];

const IO_KINDS: [io::ErrorKind; 16] = [
    io::ErrorKind::NotFound,
    io::ErrorKind::PermissionDenied,
    io::ErrorKind::ConnectionRefused,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::ConnectionAborted,
    io::ErrorKind::HostUnreachable,
    io::ErrorKind::NetworkUnreachable,
    io::ErrorKind::NetworkDown,
    io::ErrorKind::NotConnected,
    io::ErrorKind::AddrNotAvailable,
    io::ErrorKind::BrokenPipe,
    io::ErrorKind::InvalidInput,
    io::ErrorKind::InvalidData,
    io::ErrorKind::TimedOut,
    io::ErrorKind::UnexpectedEof,
    io::ErrorKind::Interrupted,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: Error) {
        let failure = record(&error);
        let revived = revive(&failure);
        assert_ne!(failure.kind, "other", "{error:?}");
        assert_eq!(chain(&revived), failure.message);
        assert_eq!(revived.advice(), error.advice());
        assert_eq!(record(&revived), failure);
    }

    #[test]
    fn errors_come_back_as_they_were() {
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
        let host = || "ex01.contoso.com".to_owned();
        check(Error::Connect { host: host(), port: 5985, source: refused() });
        let problem = ProxyProblem::Unreachable(refused());
        check(Error::Proxy { proxy: "proxy:3128".to_owned(), problem });
        check(Error::Proxy {
            proxy: "p:1".to_owned(),
            problem: ProxyProblem::Refused { status: 502 },
        });
        for (_, problem) in CERTIFICATE_PROBLEMS {
            check(Error::Certificate { host: host(), problem, source: None });
        }
        for (_, problem) in TLS_PROBLEMS {
            check(Error::Tls { host: host(), problem, source: io::Error::other("alert") });
        }
        for (_, phase) in PHASES {
            check(Error::Timeout { phase, after: Duration::from_secs(15) });
        }
        check(Error::Lost { sent: true, source: None });
        check(Error::Lost { sent: false, source: None });
        for asked in SCHEMES {
            let offered = vec!["Basic".to_owned(), "Negotiate".to_owned()];
            check(Error::NotOffered { asked, offered });
        }
        check(Error::BadCredentials { username: r"CONTOSO\svc".to_owned() });
        check(Error::SignedOut);
        check(Error::Security(SecurityError::new("no")));
        check(Error::Unseal { status: 200, source: SecurityError::new("sent before") });
        check(Error::ClearAnswer { status: 200 });
        let page = HttpAnswer::new(503, "text/html", b"<p>busy</p>");
        check(Error::Http(Box::new(page)));
        check(Error::Redirect { status: 302, location: "https://other/".to_owned() });
        check(Error::TooLarge { limit: 9 });
        check(Error::Compressed { status: 200, encoding: "gzip".to_owned() });
        check(Error::Malformed { source: LibraryError::new("invalid HTTP version parsed") });
        let source = Some(LibraryError::new("connection closed before message completed"));
        check(Error::Lost { sent: true, source });
        check(Error::TooManyInterim { limit: 8 });
    }

    #[test]
    fn errors_of_kerberos_come_back_as_they_were() {
        let (username, realm) = (|| "ann".to_owned(), || "CONTOSO.COM".to_owned());
        let service = || "HTTP/ex01.contoso.com".to_owned();
        let timed_out = io::Error::new(io::ErrorKind::TimedOut, "timed out");
        let servers = vec!["dc01:88".to_owned(), "dc02:88".to_owned()];
        for error in [
            KerberosError::NoRealm { username: username() },
            KerberosError::NoKdc { realm: realm() },
            KerberosError::Unreachable { realm: realm(), servers, source: timed_out },
            KerberosError::UnknownUser { username: username(), realm: realm() },
            KerberosError::UnknownService { service: service(), realm: realm() },
            KerberosError::HostIsAddress { host: "192.0.2.1".to_owned() },
            KerberosError::ClockSkew { realm: realm() },
            KerberosError::Refused {
                username: username(),
                realm: realm(),
                text: "password expired".to_owned(),
            },
            KerberosError::NoSystemLibrary,
            KerberosError::NoTicket { text: "run kinit".to_owned() },
            KerberosError::System { text: "no KDC".to_owned(), may_pass: true },
            KerberosError::Ticket { service: service() },
        ] {
            check(Error::Kerberos(error));
        }
    }

    #[test]
    fn an_unknown_kind_keeps_its_text() {
        let failure = RecordedFailure::new("from-the-future", "something happened".to_owned());
        assert!(chain(&revive(&failure)).ends_with("something happened"));
    }
}
