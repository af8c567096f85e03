//! Errors of the facade, sorted by what a caller can do about them.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::time::Duration;

use exchange_cmdlets::{ErrorClass, ErrorRecord, TransportError, classify};

use crate::remedy;
use crate::settings::SettingsError;
use crate::text::sanitized;

/// Any error a layer below met.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why something could not be done, sorted by what a caller can do about it.
///
/// The message speaks of one layer; [`report`](Self::report) tells the whole chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings are wrong: change them.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The request is wrong: change it.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The server was not reached, or no session could be opened: look at the network, or try again later.
    #[error("could not open a session on {target}")]
    Connect {
        /// Where the session should have been.
        target: String,
        /// What went wrong.
        #[source]
        source: BoxError,
    },
    /// The account has as many sessions as it may: wait, close others, or raise the limit.
    #[error("{username} has as many sessions on {target} as it may{}", outwaited(*waited))]
    TooManySessions {
        /// Where the session should have been.
        target: String,
        /// The account.
        username: String,
        /// How long a session was waited for.
        waited: Duration,
        /// What the server said.
        #[source]
        source: BoxError,
    },
    /// The server refused the account or the method: look at the settings and roles before trying again, for accounts lock.
    #[error("could not sign in to {target} as {username}")]
    SignIn {
        /// The server.
        target: String,
        /// The account.
        username: String,
        /// What it said.
        #[source]
        source: BoxError,
    },
    /// The account signed in, but may not run what has to be run: give it the permission or the role.
    #[error("{username} signed in to {target} and may not run {cmdlet}")]
    NotPermitted {
        /// The server.
        target: String,
        /// The account.
        username: String,
        /// The first cmdlet that was refused.
        cmdlet: String,
        /// What the server said.
        #[source]
        source: BoxError,
    },
    /// A session opened that has no Exchange cmdlets: see to the server's management tools, or to the kind of endpoint.
    #[error("the session on {target} has no Exchange cmdlets")]
    NoExchange {
        /// Where the session was.
        target: String,
        /// What was tried, and what came of it.
        #[source]
        source: BoxError,
    },
    /// The server ran the cmdlet and reported an error.
    #[error("{cmdlet} failed: {}", sanitized(&record.message))]
    Cmdlet {
        /// The cmdlet.
        cmdlet: String,
        /// What the server reported.
        record: Box<ErrorRecord>,
    },
    /// The session failed under a running cmdlet: for a write, look whether it took effect before trying again.
    #[error("{cmdlet} did not come to an end")]
    Lost {
        /// The cmdlet.
        cmdlet: String,
        /// What went wrong.
        #[source]
        source: TransportError,
    },
}

/// What is wrong with a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// No object class has this name.
    #[error("class {name:?} is not known; the classes are {}", known.join(", "))]
    UnknownClass {
        /// The name.
        name: String,
        /// The classes there are under the settings.
        known: Vec<&'static str>,
    },
    /// No attribute has this name.
    #[error("attribute {name:?} is not known{}", did_you_mean(*nearest))]
    UnknownAttribute {
        /// The name.
        name: String,
        /// The name that was probably meant.
        nearest: Option<&'static str>,
    },
    /// The attribute can be written but not read.
    #[error("attribute {name} cannot be imported")]
    NotReadable {
        /// The name.
        name: &'static str,
    },
    /// The filter cannot be sent.
    #[error("the filter cannot be used")]
    Filter(#[source] exchange_cmdlets::FilterError),
    /// The attributes belong to several cmdlets, which takes more sessions than are allowed.
    #[error(
        "attribute {attribute} is read by {cmdlet} in a session of its own, but endpoint.max_sessions = 1; use 2 or more"
    )]
    NeedsSession {
        /// The first attribute that needs it.
        attribute: &'static str,
        /// The cmdlet that reads it.
        cmdlet: &'static str,
    },
    /// Something that is understood but not part of this version.
    #[error("{what} is not available yet; {instead}")]
    NotAvailable {
        /// What was asked for.
        what: &'static str,
        /// What works today.
        instead: &'static str,
    },
    /// What an earlier import left cannot be gone on from.
    #[error(
        "the state {} cannot be gone on from: {reason}; --full reads everything and writes a new one",
        path.display()
    )]
    State {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file for the state of imports holds something else.
    #[error("{} is no state of an import, so it is not overwritten; name another file with --state", path.display())]
    Foreign {
        /// The file.
        path: std::path::PathBuf,
    },
    /// The cmdlet's name or its arguments cannot be sent.
    #[error("{problem}")]
    Arguments {
        /// What is wrong with them.
        problem: String,
    },
}

/// Says what is left to do once waiting did not help.
fn outwaited(time: Duration) -> String {
    if time.is_zero() {
        return String::new();
    }
    format!(
        ", and none ended within {} s: close other programs that use the account, wait 15 minutes for those of a run that \
         was killed, or raise the server's limit",
        time.as_secs()
    )
}

fn did_you_mean(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("; did you mean {name}?"),
        None => "; `schema` lists them".to_owned(),
    }
}

impl Error {
    /// The exit code a command line gives for this: 2 for settings and usage, 4 for what kept a session from opening,
    /// else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) | Self::Request(_) => 2,
            Self::Connect { .. }
            | Self::SignIn { .. }
            | Self::NotPermitted { .. }
            | Self::TooManySessions { .. }
            | Self::NoExchange { .. } => 4,
            Self::Cmdlet { .. } | Self::Lost { .. } => 1,
        }
    }

    /// Whether the same again, later, may go well without anything being changed or looked at.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::TooManySessions { .. } => true,
            Self::Settings(_)
            | Self::Request(_)
            | Self::SignIn { .. }
            | Self::NotPermitted { .. }
            | Self::NoExchange { .. } => false,
            Self::Cmdlet { record, .. } => {
                matches!(classify(record).class, ErrorClass::Transient | ErrorClass::Throttled)
            }
            Self::Lost { source, .. } => {
                matches!(source.class(), ErrorClass::Transient | ErrorClass::Throttled)
            }
        }
    }

    /// What the server reported, if it was the server who refused.
    #[must_use]
    pub fn error_record(&self) -> Option<&ErrorRecord> {
        match self {
            Self::Cmdlet { record, .. } => Some(record),
            _ => None,
        }
    }

    /// What to do about it, for errors that kept a session from opening, and those of the service: which setting to change, or what to ask of an
    /// administrator. Nothing where the message says it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        remedy::of(self)
    }

    /// The whole chain of causes in one line, fit for a terminal.
    #[must_use]
    pub fn report(&self) -> String {
        report(self)
    }

    /// Says how long was waited for a session.
    pub(crate) fn waited(mut self, time: Duration) -> Self {
        if let Self::TooManySessions { waited, .. } = &mut self {
            *waited = time;
        }
        self
    }

    pub(crate) fn from_transport(cmdlet: &str, source: TransportError) -> Self {
        match source {
            TransportError::PipelineFailed { record } => {
                Self::Cmdlet { cmdlet: cmdlet.to_owned(), record }
            }
            source => Self::Lost { cmdlet: cmdlet.to_owned(), source },
        }
    }
}

/// [`report`], and behind it what to do where the service's layer knows that: for lines that stand alone.
pub(crate) fn advised(error: &(dyn StdError + 'static)) -> String {
    let text = report(error);
    match crate::online::remedy(error) {
        Some(remedy) => format!("{text}; {remedy}"),
        None => text,
    }
}

/// The whole chain of causes of `error` in one line, fit for a terminal: without control or direction characters.
#[must_use]
pub fn report(error: &(dyn StdError + 'static)) -> String {
    let mut text = sanitized(&error.to_string()).into_owned();
    let mut last = text.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = sanitized(&error.to_string()).into_owned();
        // A transparent layer says what its source says.
        if message != last {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {message}");
            last = message;
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_the_chain_once_and_without_escapes() {
        let error = Error::Connect {
            target: "http://ex01/".to_owned(),
            source: std::io::Error::other("refused\u{1b}[0m").into(),
        };
        assert_eq!(error.report(), "could not open a session on http://ex01/: refused [0m");
        let error = Error::from(RequestError::NotReadable { name: "X" });
        assert_eq!(error.report(), "attribute X cannot be imported");
    }

    #[test]
    fn exit_codes_tell_whose_move_it_is() {
        let source = || BoxError::from("x");
        let connect = Error::Connect { target: String::new(), source: source() };
        assert_eq!((connect.exit_code(), connect.is_retryable()), (4, true));
        let sign_in =
            Error::SignIn { target: String::new(), username: String::new(), source: source() };
        assert_eq!((sign_in.exit_code(), sign_in.is_retryable()), (4, false));
        let request = Error::from(RequestError::NotReadable { name: "X" });
        assert_eq!((request.exit_code(), request.is_retryable()), (2, false));
    }
}
