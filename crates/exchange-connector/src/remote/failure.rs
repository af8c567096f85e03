//! What failures of the layers below mean for a caller.

use std::time::Duration;

use exchange_cmdlets::{ErrorClass, TransportError, classify};
use psrp_client::psrp::BreakCause;
use psrp_client::wsman::client::{Error as HttpError, KerberosError};
use psrp_client::wsman::{Advice, Fault, FaultCode};

use super::error_record;
use super::load::LoadError;
use crate::error::Error;

/// Why no session came about.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotOpened {
    /// The session did not open.
    #[error(transparent)]
    Session(#[from] psrp_client::Error),
    /// It did, and ended before, or without, having Exchange's cmdlets.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Why no session came about: the account, or anything else.
pub(super) fn open_failed(target: &str, username: &str, error: NotOpened) -> Error {
    let target = target.to_owned();
    let error = match error {
        NotOpened::Session(error) => error,
        NotOpened::Load(error @ LoadError::NotLoaded(_)) => {
            return Error::NoExchange { target, source: error.into() };
        }
        NotOpened::Load(error) => return Error::Connect { target, source: error.into() },
    };
    let refused = match &error {
        psrp_client::Error::Transport { source, .. } => refuses_account(source),
        psrp_client::Error::Broken(BreakCause::Server(Some(record))) => {
            classify(&error_record((**record).clone())).class == ErrorClass::Denied
        }
        _ => false,
    };
    let source = error.into();
    if refused {
        Error::SignIn { target, username: username.to_owned(), source }
    } else {
        Error::Connect { target, source }
    }
}

/// Whether the server knows the account and will not have it, or does not know it: trying again can only lock it.
fn refuses_account(error: &HttpError) -> bool {
    match error {
        HttpError::BadCredentials { .. }
        | HttpError::NotOffered { .. }
        | HttpError::Security(_) => true,
        HttpError::Kerberos(error) => !matches!(error, KerberosError::Unreachable { .. }),
        HttpError::Http(answer) => matches!(answer.status, 401 | 403),
        HttpError::Fault { fault, .. } => {
            fault.code == Some(FaultCode::ACCESS_DENIED)
                || fault
                    .diagnostics
                    .failure_category()
                    .is_some_and(|category| category.ends_with("AccessDeniedException"))
        }
        _ => false,
    }
}

/// Whether the server is only too busy for another session just now.
pub(super) fn may_open_later(error: &NotOpened) -> bool {
    transport(error).is_some_and(|source| match source {
        HttpError::Http(answer) => answer.advice() == Advice::Later,
        HttpError::Fault { .. } => source.advice() == Advice::Later,
        _ => false,
    })
}

/// How long the server asks to wait, if it does.
pub(super) fn stated_wait(error: &NotOpened) -> Option<Duration> {
    transport(error)?.fault()?.wait()
}

fn transport(error: &NotOpened) -> Option<&HttpError> {
    match error {
        NotOpened::Session(error) | NotOpened::Load(LoadError::Session(error)) => error.transport(),
        NotOpened::Load(LoadError::NotLoaded(_)) => None,
    }
}

/// Whether it failed because of certificates.
pub(crate) fn is_untrusted(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    error
        .downcast_ref::<psrp_client::Error>()
        .and_then(psrp_client::Error::transport)
        .is_some_and(|source| matches!(source, HttpError::Certificate { .. }))
}

/// Why a command did not come to a good end.
pub(super) fn run_failed(error: psrp_client::Error) -> TransportError {
    use psrp_client::Error as Failure;
    match error {
        Failure::Failed { record, .. } => {
            TransportError::PipelineFailed { record: Box::new(error_record(*record)) }
        }
        Failure::Stopped { .. } => TransportError::Stopped,
        Failure::Stalled { waiting_for, after, .. } => {
            TransportError::Stalled { what: waiting_for, after }
        }
        error if error.outcome_unknown() => TransportError::ConnectionLost { source: error.into() },
        error => match error.transport() {
            Some(source) if refuses_account(source) => {
                TransportError::Denied { source: error.into() }
            }
            Some(source) if is_throttled(source) => TransportError::Throttled {
                wait: source.fault().and_then(Fault::wait),
                source: error.into(),
            },
            _ => TransportError::NotSent { source: error.into() },
        },
    }
}

fn is_throttled(error: &HttpError) -> bool {
    match error {
        HttpError::Fault { fault, .. } => fault.is_quota(),
        HttpError::Http(answer) => answer.status != 503 && answer.advice() == Advice::Later,
        _ => false,
    }
}
