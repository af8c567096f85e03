//! Why a pool or a pipeline failed.

use std::time::Duration;

use psrp::{BreakCause, ErrorRecord, PipelineLoss, StateError};

/// Why a pool could not be opened, or a pipeline did not complete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation of the shell failed.
    #[error("the session could not be {step}")]
    #[non_exhaustive]
    Transport {
        /// What was being done to the session: `opened`, `used` or `heard`.
        step: &'static str,
        /// Why it failed.
        #[source]
        source: wsman::client::Error,
    },
    /// The command could not be handed to the server.
    #[error("{command} could not be started")]
    #[non_exhaustive]
    NotStarted {
        /// The commands of the pipeline.
        command: String,
        /// Why; [`wsman::client::Error::outcome_unknown`] tells whether it may run all the same.
        #[source]
        source: wsman::client::Error,
    },
    /// The output of a running command could not be received: what it did is not known.
    #[error("the output of {command} was cut off")]
    #[non_exhaustive]
    CutOff {
        /// The commands of the pipeline.
        command: String,
        /// Why.
        #[source]
        source: wsman::client::Error,
    },
    /// The pipeline ended without a word from the server.
    #[error("{command} was lost")]
    #[non_exhaustive]
    Lost {
        /// The commands of the pipeline.
        command: String,
        /// How.
        #[source]
        loss: PipelineLoss,
    },
    /// An error ended the pipeline.
    #[error("{command} failed: {}", .record.message)]
    #[non_exhaustive]
    Failed {
        /// The commands of the pipeline.
        command: String,
        /// The error, as the server sent it.
        record: Box<ErrorRecord>,
    },
    /// The pipeline was stopped, by the server or by us.
    #[error("{command} was stopped")]
    #[non_exhaustive]
    Stopped {
        /// The commands of the pipeline.
        command: String,
    },
    /// Nothing came for so long that the wait was given up.
    #[error("{waiting_for} for {}", seconds(.after))]
    #[non_exhaustive]
    Stalled {
        /// What did not come.
        waiting_for: String,
        /// How long nothing came.
        after: Duration,
    },
    /// The pool ended unasked.
    #[error("the session broke")]
    Broken(#[source] BreakCause),
    /// The pool does not allow this now.
    #[error("the session cannot do this now")]
    State(#[from] StateError),
}

impl Error {
    /// Tells whether the command may have had an effect although it did not complete.
    ///
    /// False only when it certainly never reached the server, or when the server says that an error ended it. What an
    /// error left half done is not for this layer to tell.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::NotStarted { source, .. } => source.outcome_unknown(),
            Self::Lost { loss, .. } => *loss != PipelineLoss::NoSessionKey,
            Self::CutOff { .. } | Self::Stopped { .. } | Self::Stalled { .. } | Self::Broken(_) => {
                true
            }
            Self::Transport { .. } | Self::Failed { .. } | Self::State(_) => false,
        }
    }

    /// The error record that ended the pipeline, if one did.
    #[must_use]
    pub fn error_record(&self) -> Option<&ErrorRecord> {
        match self {
            Self::Failed { record, .. } => Some(record),
            Self::Broken(BreakCause::Server(record)) => record.as_deref(),
            _ => None,
        }
    }

    /// What the transport said, if it failed.
    #[must_use]
    pub fn transport(&self) -> Option<&wsman::client::Error> {
        match self {
            Self::Transport { source, .. }
            | Self::NotStarted { source, .. }
            | Self::CutOff { source, .. } => Some(source),
            _ => None,
        }
    }
}

fn seconds(duration: &Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
