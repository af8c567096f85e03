//! The seam between cmdlets and whatever carries them.
//!
//! A backend gives back one stream a call. How a stream ends is half of the answer: `None` after the last item means
//! the far side reported a good final state, and only then may anything be concluded from what did *not* come.

use std::pin::Pin;
use std::time::Duration;

use clixml::Value;
use futures_core::Stream;

use crate::call::CmdletCall;
use crate::class::{Classified, ErrorClass, Retry, classify};
use crate::error_record::ErrorRecord;

/// What carries cmdlets to an Exchange and their output back.
pub trait CmdletTransport: Send + Sync {
    /// Runs one cmdlet and gives its output as it comes.
    ///
    /// Nothing need happen before the stream is first polled. Dropping the stream stops the command. Several streams
    /// may be open at once; a backend that cannot run them at once lets the later ones wait.
    fn invoke(&self, call: CmdletCall) -> CmdletStream<'_>;
}

/// The output of one cmdlet: items, then `None` after a good final state, or one last `Err`.
pub type CmdletStream<'a> =
    Pin<Box<dyn Stream<Item = Result<CmdletItem, TransportError>> + Send + 'a>>;

/// One thing a running cmdlet said.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CmdletItem {
    /// An output object.
    Object(Value),
    /// An error that did not end the command. Exchange reports a failing object so, and completes: no success.
    Error(ErrorRecord),
    /// A warning; see [`WarningKind`](crate::WarningKind).
    Warning(String),
    /// A verbose message.
    Verbose(String),
    /// A report of progress.
    Progress {
        /// What is being done.
        activity: String,
        /// How far it has come.
        status: String,
        /// The share done in percent, 0 to 100, if it is known.
        percent: Option<u8>,
    },
}

/// Any error a backend met; kept whole, for the report prints the chain.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a stream ended badly.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The command ended in the state Failed.
    #[error("{}", .record.message)]
    PipelineFailed {
        /// The error that ended it.
        record: Box<ErrorRecord>,
    },
    /// The command was stopped before its end.
    #[error("the command was stopped")]
    Stopped,
    /// The command was surely not sent, because there was no connection.
    #[error("the command could not be sent")]
    NotSent {
        /// What went wrong.
        #[source]
        source: BoxError,
    },
    /// The connection or session was lost while the command ran; whether it took effect is unknown.
    #[error("the connection was lost while the command ran")]
    ConnectionLost {
        /// What went wrong.
        #[source]
        source: BoxError,
    },
    /// Nothing came for so long that the command was given up; whether it took effect is unknown.
    #[error("nothing came for {} s while waiting for {what}", .after.as_secs())]
    Stalled {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
    },
    /// The far side refuses this account or this connection.
    #[error("access was denied")]
    Denied {
        /// What it said.
        #[source]
        source: BoxError,
    },
    /// A limit of the far side kept the command from starting.
    #[error("the server is limiting requests")]
    Throttled {
        /// How long to wait, if the server said so.
        wait: Option<Duration>,
        /// What it said.
        #[source]
        source: BoxError,
    },
    /// The far side refused the command before it began, and would again.
    #[error("the server refused the command")]
    Refused {
        /// What it said.
        #[source]
        source: BoxError,
    },
    /// The transport cannot carry this argument.
    #[error("parameter {parameter} cannot be carried: {reason}")]
    Unsupported {
        /// The parameter.
        parameter: String,
        /// What stands in the way.
        reason: &'static str,
    },
    /// The far side sent so much beside the output that the command was given up; whether it took effect is unknown.
    #[error("the server sent more than {limit} records without an object between them")]
    Flooded {
        /// How many records are tolerated.
        limit: usize,
    },
    /// The far side broke the protocol; whether the command took effect is unknown.
    #[error("the server's answer could not be understood")]
    Protocol {
        /// What was wrong with it.
        #[source]
        source: BoxError,
    },
}

impl TransportError {
    /// Returns what kind of failure this is.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::PipelineFailed { record } => classify(record).class,
            Self::Stopped | Self::ConnectionLost { .. } | Self::Stalled { .. } => {
                ErrorClass::Ambiguous
            }
            Self::NotSent { .. } => ErrorClass::Transient,
            Self::Denied { .. } => ErrorClass::Denied,
            Self::Throttled { .. } => ErrorClass::Throttled,
            Self::Unsupported { .. } => ErrorClass::Invalid,
            Self::Refused { .. } | Self::Flooded { .. } | Self::Protocol { .. } => {
                ErrorClass::Protocol
            }
        }
    }

    /// Returns whether the call may be made again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::PipelineFailed { record } => classify(record).retry,
            Self::Stopped
            | Self::ConnectionLost { .. }
            | Self::Stalled { .. }
            | Self::Flooded { .. }
            | Self::Protocol { .. } => Retry::AfterCheck,
            Self::NotSent { .. } | Self::Throttled { .. } => Retry::Later,
            Self::Denied { .. } | Self::Refused { .. } | Self::Unsupported { .. } => Retry::Never,
        }
    }

    /// Returns the classification of the server's error record, when that is what ended the command.
    #[must_use]
    pub fn classified(&self) -> Option<Classified> {
        self.record().map(classify)
    }

    /// Returns the server's error record, when that is what ended the command.
    #[must_use]
    pub fn record(&self) -> Option<&ErrorRecord> {
        match self {
            Self::PipelineFailed { record } => Some(record),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::TransportError;
    use crate::class::{ErrorClass, Retry};

    #[track_caller]
    fn check(error: &TransportError, class: ErrorClass, retry: Retry) {
        assert_eq!((error.class(), error.retry()), (class, retry));
    }

    #[test]
    fn what_may_have_happened_is_never_repeated_blindly() {
        check(&TransportError::Stopped, ErrorClass::Ambiguous, Retry::AfterCheck);
        let stalled =
            TransportError::Stalled { what: "a record".to_owned(), after: Duration::from_secs(90) };
        check(&stalled, ErrorClass::Ambiguous, Retry::AfterCheck);
        assert_eq!(stalled.to_string(), "nothing came for 90 s while waiting for a record");
        check(
            &TransportError::ConnectionLost { source: "reset".into() },
            ErrorClass::Ambiguous,
            Retry::AfterCheck,
        );
        check(
            &TransportError::Protocol { source: "odd".into() },
            ErrorClass::Protocol,
            Retry::AfterCheck,
        );
    }

    #[test]
    fn what_did_not_begin_may_be_repeated() {
        check(
            &TransportError::NotSent { source: "refused".into() },
            ErrorClass::Transient,
            Retry::Later,
        );
        check(
            &TransportError::Throttled { wait: None, source: "18".into() },
            ErrorClass::Throttled,
            Retry::Later,
        );
        check(&TransportError::Denied { source: "401".into() }, ErrorClass::Denied, Retry::Never);
    }
}
