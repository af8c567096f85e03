//! Why signing in failed, whether to try again, and what to do.
//!
//! The token service's codes are hints; `error` and the status decide where a code is not known. What is permanent is
//! never tried again: each attempt with a wrong password brings the account closer to being locked.

use std::time::Duration;

use exchange_cmdlets::{ErrorClass, Retry};
use serde_json::{Map, Value as Json};

use crate::assertion::AssertionError;
use crate::error::{NOT_PINNED, PROXY};
use crate::http;
use crate::rest::{RestAnswer, RestError};

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The token service refused.
    #[error("the token service refused the sign-in")]
    Refused(#[source] Box<TokenRefusal>),
    /// The token service was not reached, or its answer was lost.
    #[error("the token service gave no answer")]
    NoAnswer(#[source] RestError),
    /// The token service answered with something that is no token.
    #[error("the token service answered with something that is no token")]
    Malformed,
    /// The assertion could not be signed.
    #[error(transparent)]
    Assertion(#[from] AssertionError),
}

/// What the token service said when it refused.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{description} (status {status}, {error}{})", trace(trace_id.as_deref()))]
#[non_exhaustive]
pub struct TokenRefusal {
    /// The HTTP status.
    pub status: u16,
    /// The kind of error, such as `invalid_client`.
    pub error: String,
    /// The service's codes, such as 700016 for `AADSTS700016`.
    pub codes: Vec<u64>,
    /// The first line of the description.
    pub description: String,
    /// What support asks for.
    pub trace_id: Option<String>,
    /// How long the service asks to wait.
    pub retry_after: Option<Duration>,
}

fn trace(id: Option<&str>) -> String {
    id.map(|id| format!(", trace {id}")).unwrap_or_default()
}

/// How many characters of a text of the service are kept.
const MAX_TEXT: usize = 500;

/// What kind of mistake a code names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cause {
    Application,
    Tenant,
    Certificate,
    Secret,
    Consent,
    User,
    Policy,
    Busy,
}

/// Codes with one meaning each.
const CODES: &[(u64, Cause)] = &[
    (700_016, Cause::Application),
    (7_000_229, Cause::Application),
    (7_000_112, Cause::Application),
    (90_002, Cause::Tenant),
    (900_023, Cause::Tenant),
    (50_059, Cause::Tenant),
    (700_027, Cause::Certificate),
    (7_000_215, Cause::Secret),
    (7_000_222, Cause::Secret),
    (7_000_218, Cause::Secret),
    (65_001, Cause::Consent),
    (50_034, Cause::User),
    (50_126, Cause::User),
    (50_053, Cause::User),
    (50_055, Cause::User),
    (50_056, Cause::User),
    (50_057, Cause::User),
    (50_076, Cause::Policy),
    (50_079, Cause::Policy),
    (50_158, Cause::Policy),
    (53_003, Cause::Policy),
    (53_000, Cause::Policy),
    (90_033, Cause::Busy),
    (50_196, Cause::Busy),
];

impl TokenRefusal {
    pub(crate) fn new(answer: &RestAnswer, members: &Map<String, Json>) -> Self {
        let text = |name: &str| members.get(name).and_then(Json::as_str);
        let description = text("error_description").unwrap_or("no description was given");
        let first_line = description.lines().next().unwrap_or_default();
        let codes = members.get("error_codes").and_then(Json::as_array);
        let mut codes: Vec<u64> =
            codes.map(|codes| codes.iter().filter_map(Json::as_u64).collect()).unwrap_or_default();
        if codes.is_empty() {
            codes.extend(code_in(first_line));
        }
        Self {
            status: answer.status,
            error: shown(text("error").unwrap_or("unknown_error")),
            codes,
            description: shown(first_line),
            trace_id: text("trace_id").map(shown),
            retry_after: answer.retry_after(),
        }
    }

    fn cause(&self) -> Option<Cause> {
        self.codes
            .iter()
            .find_map(|code| CODES.iter().find(|(known, _)| known == code))
            .map(|(_, cause)| *cause)
    }

    fn is_transient(&self) -> bool {
        match self.cause() {
            Some(cause) => cause == Cause::Busy,
            None => {
                matches!(self.status, 408 | 429 | 500..=599)
                    || self.error == "temporarily_unavailable"
            }
        }
    }
}

/// The code in a description such as `AADSTS700016: …`.
fn code_in(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("AADSTS")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

impl SignInError {
    /// Returns what kind of failure this is.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Refused(refusal) if refusal.is_transient() => match refusal.status {
                429 => ErrorClass::Throttled,
                _ => ErrorClass::Transient,
            },
            Self::Refused(_) | Self::Assertion(_) => ErrorClass::Denied,
            Self::NoAnswer(RestError::Insecure { .. }) => ErrorClass::Invalid,
            Self::NoAnswer(RestError::TooLarge { .. }) | Self::Malformed => ErrorClass::Protocol,
            Self::NoAnswer(error) if error.is_permanent() => ErrorClass::Denied,
            Self::NoAnswer(_) => ErrorClass::Transient,
        }
    }

    /// Returns whether the sign-in may be tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self.class() {
            ErrorClass::Transient | ErrorClass::Throttled => Retry::Later,
            _ => Retry::Never,
        }
    }

    fn has_code(&self) -> bool {
        matches!(self, Self::Refused(refusal) if !refusal.codes.is_empty())
    }

    /// Returns how long to wait before, if the service said so.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// Returns what to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        let cause = match self {
            Self::Refused(refusal) => refusal.cause(),
            Self::NoAnswer(RestError::Insecure { .. }) => {
                return "use an address that begins with https://";
            }
            Self::NoAnswer(RestError::NotDemanded { .. }) => return NOT_PINNED,
            Self::NoAnswer(RestError::Untrusted { source, .. }) => {
                return http::untrusted(&**source);
            }
            Self::NoAnswer(RestError::ProxyCredentials { .. }) => return PROXY,
            Self::Malformed | Self::NoAnswer(RestError::TooLarge { .. }) => {
                return "see that cloud.authority_url leads to the token service and not to a proxy's page";
            }
            Self::NoAnswer(_) => {
                return "see that this machine reaches the token service (cloud.authority_url) on port 443, by a proxy if there is \
                        one (cloud.proxy)";
            }
            Self::Assertion(_) => {
                return "see that this account may use the certificate's key; where its provider cannot sign with PSS, set \
                        cloud.assertion_algorithm = \"RS256\"";
            }
        };
        match cause {
            Some(Cause::Application) => {
                "correct application_id, and see that the application is registered and enabled in this tenant"
            }
            Some(Cause::Tenant) => {
                "correct organization: the tenant's primary domain, which ends in .onmicrosoft.com"
            }
            Some(Cause::Certificate) => {
                "upload the certificate's public half to the application's registration; if it expired, make a new one and \
                 change certificate_thumbprint"
            }
            Some(Cause::Secret) => {
                "make a new secret for the application and set cloud.client_secret"
            }
            Some(Cause::Consent) => {
                "have an administrator grant consent to the application's permissions"
            }
            Some(Cause::User) => {
                "correct username and password, and see that the account is enabled and not locked"
            }
            Some(Cause::Policy) => {
                "this account needs more than a password: sign in with an application and a certificate"
            }
            Some(Cause::Busy) => "try again later",
            None if self.retry() == Retry::Later => "try again later",
            None if self.has_code() => "look up the code that the token service gave",
            None => "see that cloud.authority_url leads to the token service",
        }
    }
}

/// Why the API does not take a token, or does not let its bearer run a cmdlet.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The token lacks the application permission.
    #[error("status {status}: the token lacks the application permission Exchange.ManageAsApp")]
    MissingPermission {
        /// The HTTP status.
        status: u16,
    },
    /// The token has the permission for another version of the API only.
    #[error(
        "status {status}: the token has the permission Exchange.ManageAsAppV2, which is not the one for this interface"
    )]
    WrongPermission {
        /// The HTTP status.
        status: u16,
    },
    /// The permission is there, the role is not, or it does not have the cmdlet.
    #[error("status {status}: no role that was given to this account lets it run {cmdlet}")]
    MissingRole {
        /// The HTTP status.
        status: u16,
        /// The cmdlet.
        cmdlet: String,
    },
    /// A new token was refused as well, and it lacks nothing.
    #[error("status {status}: the service does not take the token")]
    TokenRefused {
        /// The HTTP status.
        status: u16,
    },
}

impl AccessError {
    /// Returns what to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::MissingPermission { .. } => {
                "add the application permission Exchange.ManageAsApp of Office 365 Exchange Online to the application, and have \
                 an administrator grant consent"
            }
            Self::WrongPermission { .. } => {
                "add Exchange.ManageAsApp (without V2) of Office 365 Exchange Online to the application, and have an \
                 administrator grant consent"
            }
            Self::MissingRole { .. } => {
                "give the application, or the user, the role Exchange Recipient Administrator (to read alone: Global Reader); a \
                 new role takes up to an hour to count"
            }
            Self::TokenRefused { .. } => {
                "see that cloud.scope and cloud.environment belong to the API in cloud.api_url, and that the clock is right"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use exchange_cmdlets::{ErrorClass, Retry};

    use super::SignInError;
    use crate::rest::RestAnswer;
    use crate::token::read_token;

    fn refusal(status: u16, error: &str, code: u64) -> SignInError {
        let body = format!(
            r#"{{"error":"{error}","error_description":"AADSTS{code}: It is so.\r\nTrace ID: t","error_codes":[{code}],"trace_id":"t"}}"#
        );
        read_token(&RestAnswer::new(status, body).header("Retry-After", "9")).unwrap_err()
    }

    #[track_caller]
    fn check(error: &SignInError, class: ErrorClass, retry: Retry, remedy: &str) {
        assert_eq!((error.class(), error.retry()), (class, retry), "{error}");
        assert!(error.remedy().contains(remedy), "{}", error.remedy());
    }

    #[test]
    fn every_code_has_its_class_and_remedy() {
        let denied = |code, remedy| {
            check(&refusal(400, "x", code), ErrorClass::Denied, Retry::Never, remedy);
        };
        for (code, remedy) in [
            (700_016, "application_id"),
            (7_000_112, "application_id"),
            (90_002, "organization"),
            (900_023, "organization"),
            (700_027, "certificate"),
            (7_000_215, "cloud.client_secret"),
            (7_000_222, "cloud.client_secret"),
            (65_001, "consent"),
            (50_126, "username and password"),
            (50_053, "not locked"),
            (50_076, "with an application"),
            (53_003, "with an application"),
            (999_999, "look up the code"),
        ] {
            denied(code, remedy);
        }
        let busy = |status, code, class| {
            check(&refusal(status, "x", code), class, Retry::Later, "try again later");
        };
        busy(400, 90_033, ErrorClass::Transient);
        busy(503, 1, ErrorClass::Transient);
        busy(429, 1, ErrorClass::Throttled);
        let error = refusal(400, "temporarily_unavailable", 1);
        check(&error, ErrorClass::Transient, Retry::Later, "try again later");
        assert_eq!(error.wait(), Some(Duration::from_secs(9)));
    }

    #[test]
    fn a_wrong_password_is_permanent_even_with_a_transient_status() {
        check(&refusal(503, "x", 50_126), ErrorClass::Denied, Retry::Never, "username");
    }

    #[test]
    fn refusals_show_their_first_line_alone() {
        let error = refusal(401, "invalid_client", 700_027);
        let SignInError::Refused(refusal) = &error else { panic!("{error}") };
        assert_eq!(
            refusal.to_string(),
            "AADSTS700027: It is so. (status 401, invalid_client, trace t)"
        );
        let page = read_token(&RestAnswer::new(502, "<html>")).unwrap_err();
        check(&page, ErrorClass::Transient, Retry::Later, "try again");
        let bare = r#"{"error":"invalid_request","error_description":"AADSTS90002: no tenant"}"#;
        let bare = read_token(&RestAnswer::new(400, bare)).unwrap_err();
        check(&bare, ErrorClass::Denied, Retry::Never, "organization");
        let page = read_token(&RestAnswer::new(404, "<html>")).unwrap_err();
        check(&page, ErrorClass::Denied, Retry::Never, "cloud.authority_url");
    }
}
