//! What a failed handshake means.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, Error as TlsError, PeerIncompatible};

use super::error::Error;

/// Why a server's certificate is not trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// Nobody who is trusted vouches for it.
    UnknownIssuer,
    /// It is for other names than the one that was asked for.
    WrongName,
    /// It is no longer valid.
    Expired,
    /// It is not valid yet; or the clock is wrong.
    NotYetValid,
    /// Its issuer took it back.
    Revoked,
    /// It is for other purposes, such as those of a client.
    WrongPurpose,
    /// It is signed in a way that is not accepted, or not signed as it should be.
    BadSignature,
    /// It is none of those that the options pin.
    NotPinned,
    /// It is broken, or else unusable.
    Unusable,
}

impl CertificateProblem {
    fn of(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::Revoked => Self::Revoked,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::WrongPurpose
            }
            CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                Self::BadSignature
            }
            _ => Self::Unusable,
        }
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownIssuer => "no trusted authority issued it",
            Self::WrongName => "it is for another name",
            Self::Expired => "it has expired",
            Self::NotYetValid => "it is not valid yet",
            Self::Revoked => "it was revoked",
            Self::WrongPurpose => "it is not meant for servers",
            Self::BadSignature => "its signature is not acceptable",
            Self::NotPinned => "it is not the pinned one",
            Self::Unusable => "it cannot be used",
        })
    }
}

/// Why a TLS handshake failed, for another reason than the server's certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TlsProblem {
    /// Both sides have no version of TLS in common.
    Version,
    /// Both sides have a version in common, but no cipher suite or the like.
    NothingInCommon,
    /// The server wants a certificate of the client, or another one.
    ClientCertificate,
    /// The other side does not speak TLS: often the port is one of plain http.
    NotTls,
    /// The connection ended in the middle of the handshake.
    Closed,
    /// Anything else; the source tells.
    Other,
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "no version of TLS is accepted by both sides",
            Self::NothingInCommon => "no cipher suite is accepted by both sides",
            Self::ClientCertificate => {
                "the server does not accept the client's certificate, or wants one"
            }
            Self::NotTls => "what answers does not speak TLS",
            Self::Closed => "the server broke the handshake off",
            Self::Other => "the handshake failed",
        })
    }
}

/// Makes an error of what the TLS library says about a handshake.
pub(crate) fn handshake_failed(host: &str, source: io::Error) -> Error {
    let host = host.to_owned();
    let closed = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset];
    match find(&source) {
        Some(TlsError::InvalidCertificate(error)) => Error::Certificate {
            host,
            problem: CertificateProblem::of(error),
            source: Some(source),
        },
        Some(error) => Error::Tls { host, problem: problem(error), source },
        None if closed.contains(&source.kind()) => {
            Error::Tls { host, problem: TlsProblem::Closed, source }
        }
        None => Error::Tls { host, problem: TlsProblem::Other, source },
    }
}

/// Makes an error of a connection that broke because the server refused the handshake after it had ended for this side,
/// which is when it looks at a client's certificate in TLS 1.3.
pub(crate) fn refused_afterwards(host: &str, error: &(dyn StdError + 'static)) -> Option<Error> {
    let Some(TlsError::AlertReceived(alert)) = find(error) else { return None };
    let (host, source) = (host.to_owned(), io::Error::other(TlsError::AlertReceived(*alert)));
    Some(Error::Tls { host, problem: of_alert(*alert), source })
}

/// Finds what the TLS library says among the sources of an error.
fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // The source of an error of I/O is what is behind the error that it wraps.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}

fn problem(error: &TlsError) -> TlsProblem {
    match error {
        TlsError::PeerIncompatible(
            PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::ServerDoesNotSupportTls12Or13,
        ) => TlsProblem::Version,
        TlsError::PeerIncompatible(_) => TlsProblem::NothingInCommon,
        TlsError::AlertReceived(alert) => of_alert(*alert),
        TlsError::InvalidMessage(_) => TlsProblem::NotTls,
        _ => TlsProblem::Other,
    }
}

fn of_alert(alert: AlertDescription) -> TlsProblem {
    match alert {
        AlertDescription::ProtocolVersion => TlsProblem::Version,
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            TlsProblem::NothingInCommon
        }
        AlertDescription::NoCertificate
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        | AlertDescription::CertificateRequired => TlsProblem::ClientCertificate,
        _ => TlsProblem::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_found_behind_other_errors() {
        let check = |error: TlsError| handshake_failed("ex01", io::Error::other(error));
        let unknown = check(TlsError::InvalidCertificate(CertificateError::UnknownIssuer));
        assert!(matches!(
            unknown,
            Error::Certificate { problem: CertificateProblem::UnknownIssuer, .. }
        ));
        for (error, expected) in [
            (TlsError::AlertReceived(AlertDescription::ProtocolVersion), TlsProblem::Version),
            (
                TlsError::AlertReceived(AlertDescription::HandshakeFailure),
                TlsProblem::NothingInCommon,
            ),
            (TlsError::AlertReceived(AlertDescription::UnknownCA), TlsProblem::ClientCertificate),
            (TlsError::DecryptError, TlsProblem::Other),
        ] {
            let failed = check(error);
            assert!(
                matches!(&failed, Error::Tls { problem, .. } if *problem == expected),
                "{failed:?}"
            );
        }
        let closed = handshake_failed("ex01", io::ErrorKind::UnexpectedEof.into());
        assert!(matches!(closed, Error::Tls { problem: TlsProblem::Closed, .. }));
        let alert =
            io::Error::other(TlsError::AlertReceived(AlertDescription::CertificateRequired));
        let refused = refused_afterwards("ex01", &io::Error::other(alert));
        assert!(matches!(refused, Some(Error::Tls { problem: TlsProblem::ClientCertificate, .. })));
        assert!(refused_afterwards("ex01", &io::Error::other("x")).is_none());
    }
}
