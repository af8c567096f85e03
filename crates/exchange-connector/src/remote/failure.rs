//! What failures of the layers below mean for a caller.

use std::time::Duration;

use exchange_cmdlets::recovery::{Cause, Failure, Ran};
use exchange_cmdlets::throttle::stated_wait;
use exchange_cmdlets::{BoxError, TransportError};
use psrp_client::psrp::BreakCause;
use psrp_client::wsman::client::{Error as HttpError, KerberosError, Phase};
use psrp_client::wsman::{Advice, Fault, FaultCode, Verb};

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

/// Why no session came about, for people and for the policy.
pub(super) fn open_failed(target: &str, username: &str, error: NotOpened) -> (Error, Failure) {
    let target = target.to_owned();
    let error = match error {
        NotOpened::Session(error) => error,
        NotOpened::Load(error @ LoadError::NotLoaded(_)) => {
            let failure = Failure::new(Cause::Refused, Ran::Reported);
            return (Error::NoExchange { target, source: error.into() }, failure);
        }
        NotOpened::Load(error) => {
            let failure = Failure::new(Cause::Session, Ran::Unknown);
            return (Error::Connect { target, source: error.into() }, failure);
        }
    };
    let failure = of_opening(&error);
    let (username, source) = (username.to_owned(), error.into());
    let error = match failure.cause {
        Cause::Denied => Error::SignIn { target, username, source },
        Cause::TooManySessions => {
            Error::TooManySessions { target, username, waited: Duration::ZERO, source }
        }
        _ => Error::Connect { target, source },
    };
    (error, failure)
}

/// What a failed opening means. A shell whose creation got no answer was deleted, so nothing is left behind.
fn of_opening(error: &psrp_client::Error) -> Failure {
    match error {
        psrp_client::Error::Transport { source, .. } => of_exchange(source),
        psrp_client::Error::Broken(BreakCause::Server(Some(record))) => {
            Failure::of_record(&error_record((**record).clone()))
        }
        psrp_client::Error::Broken(_) => Failure::new(Cause::Session, Ran::Unknown),
        psrp_client::Error::Stalled { after, .. } => {
            Failure::new(Cause::Stalled, Ran::Unknown).silence(*after)
        }
        _ => Failure::new(Cause::Refused, Ran::Unknown),
    }
}

fn of_exchange(error: &HttpError) -> Failure {
    if refuses_account(error) {
        return Failure::new(Cause::Denied, Ran::No);
    }
    match error {
        HttpError::Connect { .. } | HttpError::SignedOut | HttpError::Kerberos(_) => {
            Failure::new(Cause::Connection, Ran::No)
        }
        HttpError::Proxy { .. } | HttpError::Tls { .. } if error.advice() == Advice::Later => {
            Failure::new(Cause::Connection, Ran::No)
        }
        HttpError::Lost { .. } => Failure::new(Cause::Connection, Ran::Unknown),
        HttpError::Timeout { phase: Phase::Answer | Phase::Body, after } => {
            Failure::new(Cause::Stalled, Ran::Unknown).silence(*after)
        }
        HttpError::Timeout { .. } => Failure::new(Cause::Connection, Ran::No),
        HttpError::Http(answer) => match answer.status {
            400 if answer.advice() == Advice::Later => limit(&answer.diagnostics.text),
            502..=504 | 429 => {
                Failure::new(Cause::Transient, Ran::No).wait(stated_wait(&answer.excerpt))
            }
            500 => Failure::new(Cause::Connection, Ran::Unknown),
            _ => Failure::new(Cause::Refused, Ran::No),
        },
        HttpError::Fault { verb, fault } if fault.is_quota() => match fault.code {
            Some(code) if is_limit_of_sessions(code) => {
                Failure::new(Cause::TooManySessions, Ran::No).wait(fault.wait())
            }
            _ if *verb == Verb::Create => limit(fault.text()),
            _ => Failure::new(Cause::Throttled, Ran::No).wait(stated_wait(fault.text())),
        },
        HttpError::Fault { verb, fault } => match fault.advice(*verb) {
            Advice::Later | Advice::Repeat => Failure::new(Cause::Transient, Ran::No),
            Advice::NewConnection => Failure::new(Cause::Connection, Ran::Unknown),
            Advice::NewShell | Advice::Unknown => Failure::new(Cause::Session, Ran::Unknown),
            _ => Failure::new(Cause::Refused, Ran::No),
        },
        HttpError::TooLarge { .. }
        | HttpError::Compressed { .. }
        | HttpError::Malformed { .. }
        | HttpError::TooManyInterim { .. }
        | HttpError::ClearAnswer { .. }
        | HttpError::Unseal { .. }
        | HttpError::Decode { .. } => Failure::new(Cause::Protocol, Ran::Unknown),
        _ => Failure::new(Cause::Refused, Ran::No),
    }
}

/// A limit that only its text tells apart: of sessions at once, or of openings in a time.
fn limit(text: &str) -> Failure {
    let lower = text.to_lowercase();
    let of_sessions =
        lower.contains("concurrent shells") || lower.contains("maximum number of connections");
    let cause = if of_sessions { Cause::TooManySessions } else { Cause::Throttled };
    Failure::new(cause, Ran::No).wait(stated_wait(text))
}

fn is_limit_of_sessions(code: FaultCode) -> bool {
    [
        FaultCode::QUOTA_MAX_SHELLS,
        FaultCode::QUOTA_MAX_SHELLUSERS,
        FaultCode::PLUGIN_QUOTA_SHELLS,
        FaultCode::PLUGIN_QUOTA_USERS,
        FaultCode::PLUGIN_QUOTA_PLUGIN_SHELLS,
    ]
    .contains(&code)
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
            fault.code.is_some_and(|code| REFUSALS.contains(&code))
                || fault
                    .diagnostics
                    .failure_category()
                    .is_some_and(|category| category.ends_with("AccessDeniedException"))
        }
        _ => false,
    }
}

const REFUSALS: [FaultCode; 4] = [
    FaultCode::ACCESS_DENIED,
    FaultCode::FAILED_AUTHENTICATION,
    FaultCode::LOGON_FAILURE,
    FaultCode::NO_SUCH_LOGON_SESSION,
];

/// Why a command did not come to a good end.
pub(super) fn run_failed(error: psrp_client::Error) -> TransportError {
    use psrp_client::Error as Unfinished;
    match error {
        Unfinished::Failed { record, .. } => {
            TransportError::PipelineFailed { record: Box::new(error_record(*record)) }
        }
        Unfinished::Stopped { .. } => TransportError::Stopped,
        Unfinished::Stalled { waiting_for, after, .. } => {
            TransportError::Stalled { what: waiting_for, after }
        }
        Unfinished::Flooded { limit, .. } => TransportError::Flooded { limit },
        error if error.outcome_unknown() => TransportError::ConnectionLost { source: error.into() },
        error => match error.transport() {
            // Who sends a command elsewhere in the middle of a session may have taken it all the same.
            Some(HttpError::Redirect { .. }) => {
                TransportError::ConnectionLost { source: error.into() }
            }
            Some(source) if refuses_account(source) => {
                TransportError::Denied { source: error.into() }
            }
            Some(source) if is_throttled(source) => {
                TransportError::Throttled { wait: of_exchange(source).wait, source: error.into() }
            }
            Some(HttpError::Fault { fault, .. }) => of_fault(fault)(error.into()),
            Some(HttpError::Http(answer)) if answer.advice() == Advice::Never => {
                TransportError::Refused { source: error.into() }
            }
            _ => TransportError::NotSent { source: error.into() },
        },
    }
}

/// What a fault says about a command: that it did not begin, or would not, or nothing at all.
fn of_fault(fault: &Fault) -> fn(BoxError) -> TransportError {
    let code = fault.code.unwrap_or(FaultCode::new(0));
    match fault.advice(Verb::Command) {
        Advice::Later | Advice::NewConnection => |source| TransportError::NotSent { source },
        // There was no shell to run it in.
        Advice::NewShell if NO_SHELL.contains(&code) => |source| TransportError::NotSent { source },
        // What these wrap may have come at any time.
        Advice::Never if code.name().is_some() && !WRAPPERS.contains(&code) => {
            |source| TransportError::Refused { source }
        }
        _ => |source| TransportError::ConnectionLost { source },
    }
}

const NO_SHELL: [FaultCode; 3] =
    [FaultCode::UNEXPECTED_SELECTORS, FaultCode::SHELL_CLOSED, FaultCode::SHELL_NOT_INITIALIZED];

const WRAPPERS: [FaultCode; 5] = [
    FaultCode::MANAGED_EXCEPTION,
    FaultCode::PROVIDER_FAILURE,
    FaultCode::NO_RESPONSE_DATA,
    FaultCode::INVALID_SOAP_FAULT,
    FaultCode::INVALID_CONTENT_TYPE,
];

fn is_throttled(error: &HttpError) -> bool {
    match error {
        HttpError::Fault { fault, .. } => fault.is_quota(),
        HttpError::Http(answer) => answer.status != 503 && answer.advice() == Advice::Later,
        _ => false,
    }
}
