//! What a client pool tells its driver: what to send, and what happened.
//!
//! Spec: [MS-PSRP] 3.1.4 Higher-Layer Triggered Events.

use clixml::Value;

use crate::error::{CryptoError, DecodeError};
use crate::host::HostCall;
use crate::id::{PipelineId, StreamTarget};
use crate::message::{Message, MessageType};
use crate::payload::Payload;
use crate::pool_messages::{RunspaceAvailability, RunspacePoolInitData};
use crate::records::{ErrorRecord, InformationRecord, InformationalRecord, ProgressRecord};
use crate::user_event::UserEvent;
use crate::version::ProtocolVersion;

/// The input streams of a shell.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the shell of PowerShell has these two")]
pub enum InputStream {
    /// `stdin`.
    Stdin,
    /// `pr`: answers to host calls.
    PromptResponse,
}

impl InputStream {
    /// The name in WS-Man.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stdin => "stdin",
            Self::PromptResponse => "pr",
        }
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the shell of PowerShell knows these two")]
pub enum PipelineSignal {
    /// Stop the pipeline; its final state follows.
    Stop,
    /// Forget the command. Sent once for every pipeline, for each keeps a place in the server's quota until then.
    Terminate,
}

/// What the transport has to do next, in this order.
#[derive(Debug)]
#[non_exhaustive]
pub enum Transmit {
    /// Create the shell. What of the payload does not fit goes to its `stdin`.
    #[non_exhaustive]
    OpenShell {
        /// The fragments for `creationXml`.
        payload: Payload,
    },
    /// Create a command. What of the payload does not fit goes to the command's `stdin`.
    #[non_exhaustive]
    CreateCommand {
        /// The pipeline, whose id is the CommandId to ask for.
        pipeline: PipelineId,
        /// The fragments for the command's argument.
        payload: Payload,
    },
    /// Send to the shell or to a command.
    #[non_exhaustive]
    Send {
        /// The command, or `None` for the shell.
        target: Option<PipelineId>,
        /// The stream.
        stream: InputStream,
        /// The fragments.
        payload: Payload,
    },
    /// Signal a command.
    #[non_exhaustive]
    Signal {
        /// The pipeline.
        pipeline: PipelineId,
        /// What is asked for.
        signal: PipelineSignal,
    },
    /// Disconnect the shell, when all that was due before is done. Then call `handle_disconnected`, or
    /// `handle_disconnect_failed`.
    Disconnect,
    /// Reconnect the shell, then each of the commands, and receive again. Then call `handle_reconnected`, or
    /// `handle_reconnect_failed`; for a single command that could not be, `pipeline_lost`.
    #[non_exhaustive]
    Reconnect {
        /// The pipelines that live on the server.
        pipelines: Vec<PipelineId>,
    },
    /// Connect to the shell, whose id is that of the pool. Then call `handle_connect_response`, or `broken`.
    #[non_exhaustive]
    Connect {
        /// The fragments for `connectXml`; they cannot be split.
        payload: Payload,
    },
    /// Connect to a command of a shell that was connected to, and receive from it.
    #[non_exhaustive]
    ConnectCommand {
        /// The pipeline, whose id is the CommandId.
        pipeline: PipelineId,
    },
    /// Delete the shell, once; errors do not matter. Then call `handle_shell_deleted`.
    DeleteShell,
}

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The pool is open: pipelines can be made.
    #[non_exhaustive]
    Opened {
        /// The version in force.
        version: ProtocolVersion,
    },
    /// What the server tells about itself: a dictionary with `PSVersionTable`, or Nil. Comes before `Opened`.
    ApplicationPrivateData(Value),
    /// The pool is left to the server; its pipelines run on there.
    Disconnected,
    /// The pool is connected again.
    Reconnected,
    /// The pool of another client was joined: pipelines can be attached or made.
    #[non_exhaustive]
    Connected {
        /// The version in force.
        version: ProtocolVersion,
        /// Its numbers of runspaces.
        init: RunspacePoolInitData,
    },
    /// Something about one pipeline.
    #[non_exhaustive]
    Pipeline {
        /// The pipeline.
        id: PipelineId,
        /// What.
        event: PipelineEvent,
    },
    /// The server called the host for the pool. To be answered with `respond` where a host is claimed, else it is already.
    HostCall(HostCall),
    /// The answer to a request about runspaces.
    RunspaceAvailability(RunspaceAvailability),
    /// An event of the server's engine.
    UserEvent(Box<UserEvent>),
    /// The session key is there: SecureStrings can be decrypted.
    SessionKeyReady,
    /// There is no session key and, after [`CryptoError::Unusable`], there will be none: what holds secrets cannot be sent.
    #[non_exhaustive]
    SessionKeyFailed {
        /// Why.
        error: CryptoError,
    },
    /// A message of the pool could not be read and was left out.
    #[non_exhaustive]
    Undecodable {
        /// Its type.
        message_type: MessageType,
        /// Why.
        error: DecodeError,
    },
    /// A message came that has no place here: of an unknown type, or for a pipeline that does not run.
    #[non_exhaustive]
    Unhandled {
        /// The stream it came on.
        target: StreamTarget,
        /// The message.
        message: Message,
    },
    /// The pool was closed as asked for. The last event.
    Closed,
    /// The pool ended unasked. The last event, after the end of every pipeline.
    #[non_exhaustive]
    Broken {
        /// Why.
        cause: BreakCause,
    },
}

/// Why a pool broke.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BreakCause {
    /// The server said so, perhaps with the reason.
    #[error("the server ended the pool{}", show(.0.as_deref()))]
    Server(Option<Box<ErrorRecord>>),
    /// The transport said so.
    #[error("the connection was lost: {0}")]
    Transport(String),
    /// The stream of the pool cannot be read any further; `handle_fragments` returned the reason.
    #[error("the stream of the pool is damaged")]
    Damaged,
    /// The server speaks another major version.
    #[error("the server speaks protocol {theirs}, which does not go with {ours}")]
    #[non_exhaustive]
    Version {
        /// The version claimed.
        ours: ProtocolVersion,
        /// The version answered.
        theirs: ProtocolVersion,
    },
}

fn show(record: Option<&ErrorRecord>) -> String {
    record.map(|record| format!(": {}", record.message)).unwrap_or_default()
}

/// What happened to a pipeline.
#[derive(Debug)]
#[non_exhaustive]
pub enum PipelineEvent {
    /// An object was written; Nil for `$null`.
    Output(Value),
    /// An error was written. It does not end the pipeline.
    Error(Box<ErrorRecord>),
    /// A warning was written.
    Warning(InformationalRecord),
    /// A verbose message was written.
    Verbose(InformationalRecord),
    /// A debug message was written.
    Debug(InformationalRecord),
    /// Progress was reported.
    Progress(ProgressRecord),
    /// Information was written.
    Information(Box<InformationRecord>),
    /// The server called the host. To be answered with `respond` where a host is claimed, else it is already.
    HostCall(HostCall),
    /// A message could not be read and was left out; the pipeline goes on.
    #[non_exhaustive]
    Undecodable {
        /// Its type.
        message_type: MessageType,
        /// Why.
        error: DecodeError,
    },
    /// The pipeline has ended. Comes once, and last.
    Finished(PipelineOutcome),
}

/// How a pipeline ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PipelineOutcome {
    /// The final state.
    pub state: FinalState,
    /// The error that ended it, when the server sent one.
    pub error: Option<Box<ErrorRecord>>,
    /// Set when it ended without a word from the server: what it did is not known.
    pub loss: Option<PipelineLoss>,
}

/// The three ends of a pipeline.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these three final states")]
pub enum FinalState {
    /// It ran to its end; errors may have been written.
    Completed,
    /// An error ended it, or it was lost.
    Failed,
    /// It was stopped.
    Stopped,
}

/// Why a pipeline ended without a final state from the server.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineLoss {
    /// The transport said that the command is done, but no final state had come.
    #[error("the command ended without a final state")]
    NoFinalState,
    /// The transport lost it.
    #[error("the command was lost: {0}")]
    Transport(String),
    /// Its stream cannot be read any further; `handle_fragments` returned the reason.
    #[error("the stream of the pipeline is damaged")]
    Damaged,
    /// The pool broke.
    #[error("the pool broke")]
    PoolBroken,
    /// The pool broke while it waited to be sent: the server never heard of it.
    #[error("the pool broke before the command was sent")]
    NotSent,
    /// The pool was closed while it ran.
    #[error("the pool was closed")]
    PoolClosed,
    /// It holds a secret, or its input does, and no session key came in time, or no usable one.
    #[error("no session key could be agreed upon")]
    NoSessionKey,
}
