//! Why a call came to nothing, before it becomes an error of every transport.

use std::sync::Arc;
use std::time::Duration;

use exchange_cmdlets::{ErrorClass, Retry, TransportError};

use crate::answer::AnswerError;
use crate::http;
use crate::link::LinkError;
use crate::request::EncodeError;
use crate::rest::RestError;
use crate::sign_in::{AccessError, SignInError};

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnlineError {
    /// There is no token.
    #[error("signing in to Exchange Online failed")]
    SignIn(#[source] Arc<SignInError>),
    /// The service does not let the bearer of the token do this.
    #[error("Exchange Online denied access")]
    Access(#[source] AccessError),
    /// No answer came.
    #[error("Exchange Online gave no answer")]
    NoAnswer(#[source] RestError),
    /// The service answered with an error, or with something else than an answer.
    #[error(transparent)]
    Answer(AnswerError),
    /// The service goes on limiting requests.
    #[error("Exchange Online limits requests (status {status})")]
    Throttled {
        /// The HTTP status.
        status: u16,
        /// How long it asks to wait.
        wait: Option<Duration>,
    },
    /// A link or redirect of the service is not followed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A redirect leads nowhere, or there are too many.
    #[error("the service redirected the request {count} times")]
    Redirects {
        /// How many there were.
        count: u32,
    },
    /// The next page of a list was refused, also after the list was begun again.
    #[error("the link to the next page was refused, and the list was begun again {restarts} times")]
    Expired {
        /// How often the list was begun again.
        restarts: u32,
        /// The last refusal.
        #[source]
        source: Box<Self>,
    },
    /// The call cannot be a request.
    #[error(transparent)]
    Request(#[from] EncodeError),
    /// The key for passwords is not to be had, so the call that has one was not sent.
    #[error("nothing was sent, for the key that passwords are encrypted with could not be had")]
    NoKey(#[source] Box<Self>),
    /// The service's list of cmdlets, which holds the key for passwords, cannot be read.
    #[error("the service's module file could not be read")]
    Module,
}

impl OnlineError {
    /// Returns what to do about it, when there is something to do. After a lost answer that depends on what was asked.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::SignIn(error) => Some(error.remedy()),
            Self::Access(error) => Some(error.remedy()),
            Self::NoAnswer(RestError::Insecure { .. }) => {
                Some("use an address that begins with https://")
            }
            Self::NoAnswer(RestError::Unreachable { .. }) => Some(
                "see that this machine reaches the API (cloud.api_url) on port 443, by a proxy if there is one (cloud.proxy)",
            ),
            Self::NoAnswer(RestError::Untrusted { source, .. }) => Some(http::untrusted(&**source)),
            Self::NoAnswer(RestError::ProxyCredentials { .. }) => Some(PROXY),
            Self::NoAnswer(RestError::NotDemanded { .. }) => Some(NOT_PINNED),
            Self::Throttled { .. } => Some(
                "try again later, or lower endpoint.max_sessions; others may be using up the tenant's limit",
            ),
            Self::Expired { .. } => Some("run the import again; fewer attributes make it quicker"),
            Self::Link(LinkError::Foreign { .. }) | Self::NoAnswer(RestError::TooLarge { .. }) => {
                Some(
                    "see that cloud.api_url leads to Exchange Online and not to something that answers in its place",
                )
            }
            _ => None,
        }
    }

    /// Says of a failure to get the key for passwords that nothing was sent, where it does not say so itself.
    pub(crate) fn without_key(self) -> Self {
        match self {
            Self::NoAnswer(_)
            | Self::Answer(_)
            | Self::Module
            | Self::Link(_)
            | Self::Redirects { .. } => Self::NoKey(Box::new(self)),
            error => error,
        }
    }

    /// Whether the same request may go well later.
    fn may_pass(&self) -> bool {
        match self {
            Self::NoAnswer(error) => !error.is_permanent(),
            Self::Answer(error) => error.status().is_some() && error.retry() != Retry::Never,
            _ => false,
        }
    }
}

/// What to do when a proxy lets nobody in.
pub(crate) const PROXY: &str =
    "correct the user name and password in cloud.proxy, or in the environment's HTTPS_PROXY";

/// What to do when a server shows another certificate than it should.
pub(crate) const NOT_PINNED: &str = "see whether the service renewed its certificate, and then add it to cloud.certificate_pin; \
                                     else something answers in its place";

impl From<OnlineError> for TransportError {
    fn from(error: OnlineError) -> Self {
        match error {
            OnlineError::SignIn(ref cause) => match cause.retry() {
                Retry::Never => Self::Denied { source: error.into() },
                _ => Self::NotSent { source: error.into() },
            },
            OnlineError::Access(_) => Self::Denied { source: error.into() },
            OnlineError::NoAnswer(RestError::TimedOut { ref host, after }) => {
                Self::Stalled { what: format!("an answer of {host}"), after }
            }
            // Asking again would lead to the same place.
            OnlineError::Link(_)
            | OnlineError::Redirects { .. }
            | OnlineError::NoAnswer(
                RestError::NotDemanded { .. }
                | RestError::Untrusted { .. }
                | RestError::ProxyCredentials { .. },
            ) => Self::Refused { source: error.into() },
            OnlineError::NoAnswer(RestError::TooLarge { .. })
            | OnlineError::Module
            | OnlineError::Expired { .. } => Self::Protocol { source: error.into() },
            OnlineError::NoAnswer(ref cause) if cause.is_unsent() => {
                Self::NotSent { source: error.into() }
            }
            OnlineError::NoAnswer(_) => Self::ConnectionLost { source: error.into() },
            OnlineError::Answer(error) => error.into(),
            OnlineError::NoKey(ref cause) => match cause.may_pass() {
                true => Self::NotSent { source: error.into() },
                false => Self::Refused { source: error.into() },
            },
            OnlineError::Throttled { wait, .. } => Self::Throttled { wait, source: error.into() },
            OnlineError::Request(error) => match &error {
                EncodeError::NotInCloud { parameter, .. } => Self::Unsupported {
                    parameter: parameter.clone(),
                    reason: "the cmdlet of Exchange Online has no such parameter",
                },
                EncodeError::Secret { parameter, source } => Self::Unsupported {
                    parameter: parameter.clone(),
                    reason: secret_reason(*source),
                },
                EncodeError::Value { parameter } => Self::Unsupported {
                    parameter: parameter.clone(),
                    reason: "the service has no form for this value",
                },
                EncodeError::NoCmdlet { cmdlet } => Self::Unsupported {
                    parameter: cmdlet.clone(),
                    reason: "the cmdlet exists on-premises only",
                },
                EncodeError::Property { name } => Self::Unsupported {
                    parameter: name.clone(),
                    reason: "it is no name of a property",
                },
            },
        }
    }
}

const fn secret_reason(error: crate::password_key::PasswordKeyError) -> &'static str {
    use crate::password_key::PasswordKeyError;
    match error {
        PasswordKeyError::NoKey => "the service published no key that it can be encrypted with",
        PasswordKeyError::TooLong { .. } => "it is longer than the service's key can encrypt",
        PasswordKeyError::Failed => "it could not be encrypted",
    }
}

/// Returns whether a refused link may be tried from the list's beginning.
pub(crate) fn is_expired_page(error: &OnlineError) -> bool {
    match error {
        OnlineError::Answer(error) => {
            error.status().is_some_and(|status| (400..500).contains(&status))
                && !matches!(error.class(), ErrorClass::Throttled | ErrorClass::Denied)
        }
        _ => false,
    }
}

/// Returns whether the service does not have what was asked for, or not for this caller: by another way it may.
pub(crate) fn is_not_served(error: &OnlineError) -> bool {
    match error {
        OnlineError::Answer(error) => {
            matches!(error.status(), Some(400 | 404 | 405 | 501))
                && !matches!(error.class(), ErrorClass::Throttled | ErrorClass::Denied)
        }
        OnlineError::Access(AccessError::MissingRole { status: 403, .. }) => true,
        _ => false,
    }
}
