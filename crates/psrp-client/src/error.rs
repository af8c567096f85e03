//! Why a pool or a pipeline failed.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use psrp::outofproc::PacketError;
use psrp::{BreakCause, CryptoError, ErrorRecord, PipelineLoss, StateError};

/// Why a pool could not be opened, or a pipeline did not complete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation of the shell failed.
    #[error("the session could not be {step}")]
    #[non_exhaustive]
    Transport {
        /// What was being done to the session: `opened`, `disconnected`, `reconnected`, `connected` or `listed`.
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
    /// The pipes to the server failed, or the child process at their other end.
    #[error("{}", pipes_failed(command.as_deref(), *started))]
    #[non_exhaustive]
    Pipes {
        /// The commands of the pipeline; `None` for the session itself.
        command: Option<String>,
        /// Set when the pipeline was running: what it did is not known.
        started: bool,
        /// Why.
        #[source]
        source: PipeError,
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
    #[error("nothing came for {} while waiting for {waiting_for}", seconds(.after))]
    #[non_exhaustive]
    Stalled {
        /// What was waited for.
        waiting_for: String,
        /// How long nothing came.
        after: Duration,
    },
    /// So much came beside the output that the pipeline was given up: what it did is not known.
    #[error("{command} sent more than {limit} records without output between them")]
    #[non_exhaustive]
    Flooded {
        /// The commands of the pipeline.
        command: String,
        /// How many are tolerated.
        limit: usize,
    },
    /// The pool ended unasked.
    #[error("the session broke")]
    Broken(#[source] BreakCause),
    /// A SecureString could not be decrypted.
    #[error("a secure string could not be decrypted")]
    Secret(#[source] CryptoError),
    /// Only a session over a shell of WS-Management outlives its connection.
    #[error("only a session over WS-Management can be left and taken up again")]
    OnlyShells,
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
            Self::Lost { loss, .. } => {
                !matches!(loss, PipelineLoss::NoSessionKey | PipelineLoss::NotSent)
            }
            Self::CutOff { .. }
            | Self::Stopped { .. }
            | Self::Stalled { .. }
            | Self::Flooded { .. }
            | Self::Broken(_) => true,
            Self::Pipes { started, .. } => *started,
            Self::Transport { .. }
            | Self::Failed { .. }
            | Self::Secret(_)
            | Self::OnlyShells
            | Self::State(_) => false,
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

    /// What the shell's transport said, if it failed.
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

/// Why a pair of pipes, or the child process at the other end, failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipeError {
    /// The child could not be started.
    #[error("{program} could not be started")]
    #[non_exhaustive]
    Start {
        /// The program.
        program: String,
        /// What the system says.
        #[source]
        source: Arc<io::Error>,
    },
    /// The pipe from the server could not be read.
    #[error("the output of the server could not be read")]
    Read(#[source] Arc<io::Error>),
    /// The pipe to the server could not be written to.
    #[error("the input of the server could not be written to")]
    Write(#[source] Arc<io::Error>),
    /// The server reads nothing.
    #[error("the server read nothing for {}", seconds(.after))]
    #[non_exhaustive]
    Blocked {
        /// How long it read nothing.
        after: Duration,
    },
    /// The server did not say that it took a packet.
    #[error("the server acknowledged nothing for {}", seconds(.after))]
    #[non_exhaustive]
    NoAcknowledgement {
        /// How long nothing came.
        after: Duration,
    },
    /// A line is longer than [`PipeOptions::max_line`](crate::PipeOptions::max_line).
    #[error("a line is longer than {limit} bytes")]
    #[non_exhaustive]
    LineTooLong {
        /// The limit.
        limit: usize,
    },
    /// A line is no packet.
    #[error("a line of the server makes no sense")]
    Packet(#[source] PacketError),
    /// The server ended.
    #[error("the server ended{}", how_it_ended(*status, last_words.as_deref()))]
    #[non_exhaustive]
    Ended {
        /// The exit status of a child.
        status: Option<ExitStatus>,
        /// The last line that a child wrote to its error stream, cut to 1000 bytes.
        last_words: Option<String>,
    },
    /// We closed the pipes.
    #[error("the session is closed")]
    Closed,
}

fn how_it_ended(status: Option<ExitStatus>, words: Option<&str>) -> String {
    let status = status.map(|status| format!(" ({status})")).unwrap_or_default();
    let words = words.map(|words| format!(": {words}")).unwrap_or_default();
    status + &words
}

fn pipes_failed(command: Option<&str>, started: bool) -> String {
    match (command, started) {
        (Some(command), true) => format!("the output of {command} was cut off"),
        (Some(command), false) => format!("{command} could not be started"),
        (None, _) => "the session could not be opened".to_owned(),
    }
}

fn seconds(duration: &Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
