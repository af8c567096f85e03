//! Leaving a pool that lives on, and coming back to it.
//!
//! Spec: [MS-PSRP] 3.1.4.9 Disconnecting from a RunspacePool, [MS-PSRP] 3.1.4.10 Connecting to a RunspacePool.
//!
//! What surprised: the server numbers what it sends after the answer to a Connect from before that answer, so the answer is
//! a stream of its own; and the first bytes after it may be the rest of an object that began for another client.

use super::event::{Event, Transmit};
use super::{Pipeline, RunspacePool, body};
use crate::error::{DecodeError, StateError};
use crate::fragment::Defragmenter;
use crate::id::PipelineId;
use crate::message::{Message, MessageType};
use crate::payload::Payload;
use crate::pool_messages::{ConnectRunspacePool, RunspacePoolInitData};
use crate::state::RunspacePoolState;
use crate::version::{ProtocolVersion, SessionCapability};

impl RunspacePool {
    /// Leaves the pool to the server, where its pipelines run on: [`Transmit::Disconnect`] follows what is due before it.
    ///
    /// What the machine wants sent from now on waits for [`reconnect`](Self::reconnect).
    ///
    /// # Errors
    ///
    /// [`StateError::Pool`] unless the pool is open, [`StateError::Version`] below protocol 2.2.
    pub fn disconnect(&mut self) -> Result<(), StateError> {
        self.expect_state("disconnect", RunspacePoolState::Opened, "open")?;
        self.expect_version("disconnecting", ProtocolVersion::V2_2)?;
        self.transmits.push_back(Transmit::Disconnect);
        self.state = RunspacePoolState::Disconnecting;
        Ok(())
    }

    /// Tells the pool that it is disconnected: as it asked for, or by the server, which does so on its own when a client
    /// has been silent for long.
    pub fn handle_disconnected(&mut self) {
        if matches!(self.state, RunspacePoolState::Opened | RunspacePoolState::Disconnecting) {
            self.state = RunspacePoolState::Disconnected;
            // What was not sent by now cannot be sent before the pool is connected again.
            let later = core::mem::take(&mut self.held);
            let unsent = core::mem::take(&mut self.transmits).into_iter().chain(later);
            self.held.extend(unsent.filter(|due| !matches!(due, Transmit::Disconnect)));
            self.events.push_back(Event::Disconnected);
        }
    }

    /// Tells the pool that the server refused to disconnect: it is open as before.
    pub fn handle_disconnect_failed(&mut self) {
        if self.state == RunspacePoolState::Disconnecting {
            self.resume();
        }
    }

    /// Comes back to the pool with the same client.
    ///
    /// # Errors
    ///
    /// [`StateError::Pool`] unless the pool is disconnected.
    pub fn reconnect(&mut self) -> Result<(), StateError> {
        self.expect_state("reconnect", RunspacePoolState::Disconnected, "disconnected")?;
        let reached = self.pipelines.iter().filter(|(_, pipeline)| pipeline.start.is_none());
        let pipelines = reached.map(|(id, _)| *id).filter(|id| !self.is_unsent(*id)).collect();
        self.transmits.push_back(Transmit::Reconnect { pipelines });
        self.state = RunspacePoolState::Connecting;
        Ok(())
    }

    /// Tells the pool that shell and commands are reconnected. One command that is not is told by
    /// [`pipeline_lost`](Self::pipeline_lost).
    pub fn handle_reconnected(&mut self) {
        if self.state == RunspacePoolState::Connecting && !self.is_joining {
            self.resume();
            self.events.push_back(Event::Reconnected);
        }
    }

    /// Tells the pool that it could not be reconnected this time; it stays disconnected and may try again. When the shell is
    /// gone, call [`broken`](Self::broken) instead.
    pub fn handle_reconnect_failed(&mut self) {
        if self.state == RunspacePoolState::Connecting && !self.is_joining {
            self.state = RunspacePoolState::Disconnected;
        }
    }

    /// Joins a pool that another client opened and disconnected; its id is that of the options.
    ///
    /// The answer goes to [`handle_connect_response`](Self::handle_connect_response). After
    /// [`Event::Connected`], [`attach_pipeline`](Self::attach_pipeline) takes over pipelines.
    ///
    /// # Errors
    ///
    /// [`StateError::Pool`] when the pool was opened or joined before.
    pub fn connect(&mut self, request: ConnectRunspacePool) -> Result<(), StateError> {
        self.expect_state("connect", RunspacePoolState::BeforeOpen, "not opened yet")?;
        let capability = SessionCapability::new(self.options.protocol_version).to_value();
        let mut bytes = Vec::new();
        // Servers want each of the two in one fragment, whatever size others have.
        for (message_type, value) in [
            (MessageType::SessionCapability, capability),
            (MessageType::ConnectRunspacePool, request.to_value()),
        ] {
            let message = self.message(message_type, None, body(&value));
            self.fragmenter.fragment_whole(&message, &mut bytes);
        }
        self.state = RunspacePoolState::Connecting;
        self.is_joining = true;
        self.transmits.push_back(Transmit::Connect { payload: Payload::new(bytes) });
        Ok(())
    }

    /// Takes the answer to [`Transmit::Connect`]: the fragments of `connectResponseXml`, all at once.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the answer cannot be read or is not complete; the pool is then broken.
    pub fn handle_connect_response(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        if self.state != RunspacePoolState::Connecting || !self.is_joining {
            return Ok(());
        }
        let result = self.read_connect_response(bytes);
        if result.is_err() {
            self.break_pool(super::BreakCause::Damaged);
        }
        result
    }

    fn read_connect_response(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let mut answer = Defragmenter::new(self.options.limits);
        answer.push(bytes)?;
        while let Some(object) = answer.next_object()? {
            let message = Message::from_bytes(object.bytes)?;
            match message.message_type {
                MessageType::RunspacePoolInitData => {
                    self.joined(RunspacePoolInitData::from_value(&self.value(&message)?)?)?;
                }
                _ => self.pool_message(message)?,
            }
        }
        match self.state {
            RunspacePoolState::Connecting => Err(DecodeError::Unexpected {
                got: MessageType::ConnectRunspacePool,
                expected: "RUNSPACEPOOL_INIT_DATA",
            }),
            _ => Ok(()),
        }
    }

    fn joined(&mut self, init: RunspacePoolInitData) -> Result<(), DecodeError> {
        let Some(version) = self.negotiated else {
            return Err(DecodeError::Unexpected {
                got: MessageType::RunspacePoolInitData,
                expected: "SESSION_CAPABILITY",
            });
        };
        self.is_joining = false;
        self.stream = Defragmenter::joining(self.options.limits);
        self.resume();
        self.events.push_back(Event::Connected { version, init });
        Ok(())
    }

    /// Takes over a pipeline that runs in a pool this client joined. Without effect when it has it already.
    ///
    /// What the pipeline wrote in part before is skipped; whether it takes input is not known, so input is let through.
    ///
    /// # Errors
    ///
    /// [`StateError::Pool`] unless the pool is open.
    pub fn attach_pipeline(&mut self, pipeline: PipelineId) -> Result<(), StateError> {
        self.expect_state("attach_pipeline", RunspacePoolState::Opened, "open")?;
        if self.pipelines.contains_key(&pipeline) {
            return Ok(());
        }
        let stream = Defragmenter::joining(self.options.limits);
        let has_host = !self.options.host.is_host_null;
        self.pipelines.insert(
            pipeline,
            Pipeline { stream, takes_input: true, has_host, start: None, backlog: Vec::new() },
        );
        self.transmit(Transmit::ConnectCommand { pipeline });
        Ok(())
    }

    /// True while nothing can be sent, but will be.
    pub(super) fn is_away(&self) -> bool {
        matches!(
            self.state,
            RunspacePoolState::Disconnecting
                | RunspacePoolState::Disconnected
                | RunspacePoolState::Connecting
        )
    }

    /// True when the server has not heard of this pipeline, or of our wish to join it.
    fn is_unsent(&self, id: PipelineId) -> bool {
        self.held.iter().any(|due| match due {
            Transmit::CreateCommand { pipeline, .. } | Transmit::ConnectCommand { pipeline } => {
                *pipeline == id
            }
            _ => false,
        })
    }

    /// Opens the pool again and sends what waited.
    fn resume(&mut self) {
        self.state = RunspacePoolState::Opened;
        self.transmits.append(&mut self.held);
    }
}
