//! What an error means for the caller.
//!
//! The order of the keys matters. The short exception name comes first, since it is the same in every language; then the
//! failure category of the id, for records without a reason; then the English text, which tells apart what one
//! exception says for several cases. What nothing recognises is permanent: repeating an unknown refusal of a write
//! helps nobody.

use std::fmt;
use std::time::Duration;

use crate::error_record::ErrorRecord;
use crate::throttle::stated_wait;

/// The kind of a failure, under the names of the results' `error.class`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The server refuses the request as such: a value, a combination, an object in a bad state.
    Invalid,
    /// An object the request names does not exist.
    NotFound,
    /// Something else already has this name or address, or is already in the state asked for.
    Conflict,
    /// The account may not do this, or this side of the organisation may not.
    Denied,
    /// A limit on requests was met.
    Throttled,
    /// The same request can succeed later.
    Transient,
    /// The change would be taken back by a policy or a synchronisation.
    WouldBeUndone,
    /// More than one thing is possible: several objects match, or (with [`Retry::AfterCheck`]) it may have happened.
    Ambiguous,
    /// The far side broke the protocol.
    Protocol,
}

/// Whether a failed call may be made again, under the names of the results' `error.retry`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a caller repeats never, later, or after looking")]
pub enum Retry {
    /// No: it would fail the same way.
    Never,
    /// Yes, after a while.
    Later,
    /// Only after reading whether it already took effect.
    AfterCheck,
}

/// An error record, classified.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Classified {
    /// What kind of failure it is.
    pub class: ErrorClass,
    /// Whether the call may be made again.
    pub retry: Retry,
    /// The short exception name, such as `ProxyAddressExistsException`; empty when the server gave none.
    pub exception: String,
    /// How long the server asks to wait, when it does.
    pub wait: Option<Duration>,
    /// Whether the domain controller is what failed, so that a pinned one is to be given up.
    pub domain_controller_failed: bool,
}

impl ErrorClass {
    /// Returns the name in results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::WouldBeUndone => "would-be-undone",
            Self::Ambiguous => "ambiguous",
            Self::Protocol => "protocol",
        }
    }
}

impl Retry {
    /// Returns the name in results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Later => "later",
            Self::AfterCheck => "after-check",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Classifies an error record.
///
/// ```
/// use exchange_cmdlets::{ErrorClass, ErrorRecord, Retry, classify};
///
/// let record = ErrorRecord::new("L'opération n'a pas pu être effectuée.", "ManagementObjectNotFoundException");
/// let classified = classify(&record);
/// assert_eq!((classified.class, classified.retry), (ErrorClass::NotFound, Retry::Never));
/// ```
#[must_use]
pub fn classify(record: &ErrorRecord) -> Classified {
    let message = record.message.to_lowercase();
    let (class, retry) = rule(record, &message);
    Classified {
        class,
        retry,
        exception: record.exception().to_owned(),
        wait: stated_wait(&message),
        domain_controller_failed: names_any(
            record.exception(),
            &["Suitability", "ADServerNotSuitable"],
        ) || message.contains("suitability of server"),
    }
}

type Rule = (ErrorClass, Retry);

const INVALID: Rule = (ErrorClass::Invalid, Retry::Never);
const NOT_FOUND: Rule = (ErrorClass::NotFound, Retry::Never);
const CONFLICT: Rule = (ErrorClass::Conflict, Retry::Never);
const DENIED: Rule = (ErrorClass::Denied, Retry::Never);
const THROTTLED: Rule = (ErrorClass::Throttled, Retry::Later);
const TRANSIENT: Rule = (ErrorClass::Transient, Retry::Later);
const WOULD_BE_UNDONE: Rule = (ErrorClass::WouldBeUndone, Retry::Never);
const AMBIGUOUS: Rule = (ErrorClass::Ambiguous, Retry::Never);
const LOST: Rule = (ErrorClass::Ambiguous, Retry::AfterCheck);

/// Short exception names with one meaning each.
const EXCEPTIONS: &[(&str, Rule)] = &[
    ("ManagementObjectNotFoundException", NOT_FOUND),
    ("ADNoSuchObjectException", NOT_FOUND),
    ("RecipientNotFoundException", NOT_FOUND),
    ("ManagementObjectAmbiguousException", AMBIGUOUS),
    ("ProxyAddressExistsException", CONFLICT),
    ("DuplicateProxyAddressException", CONFLICT),
    ("ADObjectAlreadyExistsException", CONFLICT),
    ("ADObjectEntryAlreadyExistsException", CONFLICT),
    ("MemberAlreadyExistsException", CONFLICT),
    ("NameConflictException", CONFLICT),
    ("NameNotAvailableException", CONFLICT),
    ("WLCDManagedMemberExistsException", CONFLICT),
    ("DataValidationException", INVALID),
    ("ParsingException", INVALID),
    ("ParseException", INVALID),
    ("NotAcceptedDomainException", INVALID),
    ("ParameterBindingArgumentTransformationException", INVALID),
    ("ParameterBindingValidationException", INVALID),
    ("ParameterTransformationException", INVALID),
    ("AmbiguousParameterSetException", INVALID),
    ("OperationRequiresGroupManagerException", DENIED),
    ("CmdletAccessDeniedException", DENIED),
    ("CommandNotFoundException", DENIED),
    ("UnauthorizedAccessException", DENIED),
    ("ADServerSettingsChangedException", TRANSIENT),
    ("SuitabilityDirectoryException", TRANSIENT),
    ("MailboxUnavailableException", TRANSIENT),
    ("MapiExceptionNetworkError", TRANSIENT),
    ("BackendCommunicationException", TRANSIENT),
    ("CmdletProxyNotAvailableException", TRANSIENT),
    ("DCOverloadedException", TRANSIENT),
    ("ServerBusyException", TRANSIENT),
    ("ServerInMMException", TRANSIENT),
    ("OverBudgetException", THROTTLED),
    ("PSRemotingTransportException", LOST),
];

/// PowerShell's own error ids (the part before the comma), and the codes of the service's interface.
const ERROR_IDS: &[(&str, Rule)] = &[
    // RBAC hides single parameters, and Exchange's own versions differ in them: not permitted, or not there.
    ("NamedParameterNotFound", DENIED),
    ("CommandNotFoundException", DENIED),
    ("AmbiguousParameterSet", INVALID),
    ("MissingMandatoryParameter", INVALID),
    ("ParameterArgumentTransformationError", INVALID),
    ("ParameterArgumentValidationError", INVALID),
    ("CannotConvertArgument", INVALID),
    ("ScriptsNotAllowed", INVALID),
    ("NotFound", NOT_FOUND),
    ("Unauthorized", DENIED),
];

/// Parts of English messages, in lower case. The first match counts, so the more telling parts stand first.
const TEXTS: &[(&str, Rule)] = &[
    ("exceeded your budget", THROTTLED),
    ("concurrent shells", THROTTLED),
    ("user load quota", THROTTLED),
    ("concurrent requests", THROTTLED),
    ("requests at a slower rate", THROTTLED),
    ("isn't assigned to any management roles", DENIED),
    // The service words this as a matter of scope, but the object is mastered on the other side.
    ("being synchronized from your on-premises organization", WOULD_BE_UNDONE),
    ("current user's write scope", DENIED),
    ("current write scopes", DENIED),
    ("insuff_access_rights", DENIED),
    ("insufficient access rights", DENIED),
    ("access is denied", DENIED),
    ("don't have sufficient permissions", DENIED),
    ("email address policy is enabled", WOULD_BE_UNDONE),
    ("e-mail address policy is enabled", WOULD_BE_UNDONE),
    ("the shell was not found", LOST),
    ("wsman-invalidshellid", LOST),
    ("may be caused by replication latency", TRANSIENT),
    ("this error is retriable", TRANSIENT),
    ("suitability of server", TRANSIENT),
    ("an error caused a change in the current set of domain controllers", TRANSIENT),
    ("is already being used", CONFLICT),
    ("is already used", CONFLICT),
    ("already exists", CONFLICT),
    ("is used by another recipient object", CONFLICT),
    ("is already a member of the group", CONFLICT),
    ("does not support recipients of this type", CONFLICT),
    ("because the mailbox has been migrated", CONFLICT),
    ("matches multiple entries", AMBIGUOUS),
    ("couldn't be found", NOT_FOUND),
    ("couldn't find", NOT_FOUND),
    ("couldn't resolve the user or group", NOT_FOUND),
];

fn rule(record: &ErrorRecord, message: &str) -> Rule {
    let id = record.id();
    let category =
        id.failure_category.and_then(|category| category.split_once('-')).map(|(_, name)| name);
    by_exception(&record.reason)
        .or_else(|| {
            let not_in_step = names_any(&record.reason, &["UnableToWriteToAadException"]);
            (not_in_step && message.contains("transient")).then_some(TRANSIENT)
        })
        .or_else(|| find(ERROR_IDS, |key| id.code.eq_ignore_ascii_case(key)))
        .or_else(|| category.and_then(by_exception))
        .or_else(|| {
            category.filter(|name| name.eq_ignore_ascii_case("InvalidShellID")).map(|_| LOST)
        })
        .or_else(|| {
            record
                .exception_types
                .first()
                .and_then(|name| by_exception(crate::error_record::short_type_name(name)))
        })
        .or_else(|| find(TEXTS, |key| message.contains(key)))
        .unwrap_or(INVALID)
}

fn by_exception(name: &str) -> Option<Rule> {
    find(EXCEPTIONS, |key| name.eq_ignore_ascii_case(key)).or_else(|| {
        if names_any(name, &["Transient", "ADServerNotSuitable"]) {
            Some(TRANSIENT)
        } else if names_any(name, &["Password"]) {
            Some(INVALID)
        } else {
            None
        }
    })
}

fn find(table: &[(&str, Rule)], matches: impl Fn(&str) -> bool) -> Option<Rule> {
    table.iter().find(|(key, _)| matches(key)).map(|(_, rule)| *rule)
}

fn names_any(exception: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| exception.contains(part))
}

#[cfg(test)]
mod tests;
