//! What carries the fragments of a pool: a shell of WS-Management, or a pair of pipes.
//!
//! The driver knows only this: both give bytes when asked, so a driver that does not ask slows the server down.

use std::fmt;

use psrp::{InputStream, Payload, PipelineId, PipelineSignal, ProtocolVersion, StreamTarget};
use wsman::Disconnect;

use crate::error::{Error, PipeError};
use crate::pipes::Pipes;
use crate::shell::ShellCarrier;

/// A way to the server.
pub(crate) enum Carrier {
    /// A shell of WS-Management.
    Shell(ShellCarrier),
    /// The pipes of a child process, or others.
    Pipes(Pipes),
}

/// What [`Carrier::receive`] brought.
pub(crate) enum Heard {
    /// Bytes of the stream, in order.
    Output {
        pieces: Vec<Vec<u8>>,
        /// Set when the transport says that the command has ended.
        done: bool,
    },
    /// Nothing for now: ask again.
    Idle,
    /// The command was terminated, and nothing will come.
    Gone,
}

/// Why a carrier failed.
#[derive(Debug)]
pub(crate) enum CarrierError {
    Shell(wsman::client::Error),
    Pipes(PipeError),
}

/// Why a command was not created, or not as a whole.
pub(crate) struct NotCreated {
    pub(crate) error: CarrierError,
    /// Set when the server may have begun with it.
    pub(crate) started: bool,
}

impl Carrier {
    /// Creates a command and sends it all of the payload.
    pub(crate) async fn create_command(
        &self,
        pipeline: PipelineId,
        payload: Payload,
    ) -> Result<(), NotCreated> {
        match self {
            Self::Shell(shell) => shell.create_command(pipeline, payload).await,
            Self::Pipes(pipes) => pipes.create_command(pipeline, payload).await,
        }
    }

    /// Sends to the pool or to a command; what is meant for a command that is gone is dropped.
    pub(crate) async fn send(
        &self,
        target: StreamTarget,
        stream: InputStream,
        payload: Payload,
    ) -> Result<(), CarrierError> {
        match self {
            Self::Shell(shell) => {
                shell.send(target, stream, payload).await.map_err(CarrierError::Shell)
            }
            Self::Pipes(pipes) => {
                pipes.send(target, stream, payload).await.map_err(CarrierError::Pipes)
            }
        }
    }

    /// Signals a command; failures are logged, for nothing can be done about them.
    pub(crate) async fn signal(&self, pipeline: PipelineId, signal: PipelineSignal) {
        match self {
            Self::Shell(shell) => shell.signal(pipeline, signal).await,
            Self::Pipes(pipes) => pipes.signal(pipeline, signal).await,
        }
    }

    /// Ends the session; failures are logged. It takes no longer than the control timeout.
    pub(crate) async fn delete(&self) {
        match self {
            Self::Shell(shell) => shell.delete().await,
            Self::Pipes(pipes) => pipes.delete().await,
        }
    }

    /// Waits for bytes of a stream. It may be cancelled without loss as far as the transport allows.
    pub(crate) async fn receive(&self, target: StreamTarget) -> Result<Heard, CarrierError> {
        match self {
            Self::Shell(shell) => shell.receive(target).await.map_err(CarrierError::Shell),
            Self::Pipes(pipes) => pipes.receive(target).await.map_err(CarrierError::Pipes),
        }
    }

    /// Leaves the session to the server.
    pub(crate) async fn disconnect(&self, disconnect: Disconnect) -> Result<(), Error> {
        match self {
            Self::Shell(shell) => shell.disconnect(disconnect).await,
            Self::Pipes(_) => Err(Error::OnlyShells),
        }
    }

    /// Comes back to a session that this client left.
    pub(crate) async fn reconnect(&self) -> Result<(), Error> {
        match self {
            Self::Shell(shell) => shell.reconnect().await,
            Self::Pipes(_) => Err(Error::OnlyShells),
        }
    }

    /// Comes back to a command of a session that this client left.
    pub(crate) async fn reconnect_command(&self, pipeline: PipelineId) -> Result<(), CarrierError> {
        match self {
            Self::Shell(shell) => {
                shell.reconnect_command(pipeline).await.map_err(CarrierError::Shell)
            }
            // Nobody can have left.
            Self::Pipes(_) => Ok(()),
        }
    }

    /// Takes over a command of another client.
    pub(crate) async fn connect_command(&self, pipeline: PipelineId) -> Result<(), CarrierError> {
        match self {
            Self::Shell(shell) => {
                shell.connect_command(pipeline).await.map_err(CarrierError::Shell)
            }
            Self::Pipes(_) => Ok(()),
        }
    }

    /// Lists the commands that run.
    pub(crate) async fn commands(&self) -> Result<Vec<PipelineId>, Error> {
        match self {
            Self::Shell(shell) => shell.list_commands().await,
            Self::Pipes(_) => Err(Error::OnlyShells),
        }
    }

    /// Takes note of the version in force.
    pub(crate) fn negotiated(&self, version: ProtocolVersion) {
        if let Self::Shell(shell) = self {
            shell.negotiated(version);
        }
    }

    /// Says that an answer on the pool's stream is waited for, until the guard is dropped.
    pub(crate) fn wait_for_pool(&self) -> Option<crate::pipes::Eager<'_>> {
        match self {
            Self::Shell(_) => None,
            Self::Pipes(pipes) => Some(pipes.eager()),
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shell(shell) => shell.id().fmt(f),
            Self::Pipes(pipes) => pipes.fmt(f),
        }
    }
}

impl CarrierError {
    /// True when only an answer was lost, so that receiving may go on.
    pub(crate) fn is_lost_answer(&self) -> bool {
        matches!(self, Self::Shell(wsman::client::Error::Lost { .. }))
    }

    /// The error of an opening.
    pub(crate) fn opening(self) -> Error {
        match self {
            Self::Shell(source) => Error::Transport { step: "opened", source },
            Self::Pipes(source) => Error::Pipes { command: None, started: false, source },
        }
    }

    /// The error of a command.
    pub(crate) fn of_command(self, command: String, started: bool) -> Error {
        match (self, started) {
            (Self::Shell(source), true) => Error::CutOff { command, source },
            (Self::Shell(source), false) => Error::NotStarted { command, source },
            (Self::Pipes(source), _) => Error::Pipes { command: Some(command), started, source },
        }
    }

    /// The error as one.
    pub(crate) fn as_error(&self) -> &(dyn std::error::Error + 'static) {
        match self {
            Self::Shell(error) => error,
            Self::Pipes(error) => error,
        }
    }
}
