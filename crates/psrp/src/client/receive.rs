//! What a client pool does with the messages of the server.
//!
//! Spec: [MS-PSRP] 3.1.5.4 Rules for Processing PSRP Messages.

use bytes::Bytes;

use super::RunspacePool;
use super::event::{BreakCause, Event, FinalState, PipelineEvent, PipelineLoss, PipelineOutcome};
use crate::error::{CryptoError, DecodeError};
use crate::host::HostCall;
use crate::id::{PipelineId, StreamTarget};
use crate::message::{Destination, Message, MessageType};
use crate::pool_messages::{RunspaceAvailability, application_private_data};
use crate::records::{ErrorRecord, InformationRecord, InformationalRecord, ProgressRecord};
use crate::state::{
    PipelineState, PipelineStateMessage, RunspacePoolState, RunspacePoolStateMessage,
};
use crate::user_event::UserEvent;
use crate::version::SessionCapability;

impl RunspacePool {
    /// Takes bytes of a stream, cut anywhere.
    ///
    /// Bytes of a pipeline that has ended are ignored, and so are those of a pool that is closed or broken. A message that
    /// is framed well but cannot be read is reported as an event and left out.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the stream cannot be read any further. The pipeline is then lost, or the pool broken; the
    /// events say so.
    pub fn handle_fragments(
        &mut self,
        target: StreamTarget,
        bytes: &[u8],
    ) -> Result<(), DecodeError> {
        self.handle_bytes(target, Bytes::copy_from_slice(bytes))
    }

    /// Takes bytes of a stream, cut anywhere, without copying them where it can be helped.
    ///
    /// # Errors
    ///
    /// As [`handle_fragments`](Self::handle_fragments).
    pub fn handle_bytes(&mut self, target: StreamTarget, bytes: Bytes) -> Result<(), DecodeError> {
        match target {
            StreamTarget::Pool => {
                let result = self.feed_pool(bytes);
                if result.is_err() {
                    self.break_pool(BreakCause::Damaged);
                }
                result
            }
            StreamTarget::Pipeline(id) => {
                let result = self.feed_pipeline(id, bytes);
                if result.is_err() {
                    self.lose(id, PipelineLoss::Damaged);
                }
                result
            }
        }
    }

    fn feed_pool(&mut self, bytes: Bytes) -> Result<(), DecodeError> {
        if !self.listens() {
            return Ok(());
        }
        self.stream.push_bytes(bytes)?;
        while let Some(object) = self.stream.next_object()? {
            let message = Message::from_bytes(object.bytes)?;
            self.pool_message(message)?;
            if !self.listens() {
                break;
            }
        }
        Ok(())
    }

    fn listens(&self) -> bool {
        matches!(
            self.state,
            RunspacePoolState::Opening | RunspacePoolState::Opened | RunspacePoolState::Closing
        ) || self.is_away()
    }

    fn feed_pipeline(&mut self, id: PipelineId, bytes: Bytes) -> Result<(), DecodeError> {
        let Some(pipeline) = self.pipelines.get_mut(&id) else { return Ok(()) };
        pipeline.stream.push_bytes(bytes)?;
        while let Some(pipeline) = self.pipelines.get_mut(&id) {
            let Some(object) = pipeline.stream.next_object()? else { break };
            let message = Message::from_bytes(object.bytes)?;
            self.pipeline_message(id, message)?;
        }
        Ok(())
    }

    /// Handles a message of the pool's stream. Errors are those after which the pool cannot go on.
    pub(super) fn pool_message(&mut self, message: Message) -> Result<(), DecodeError> {
        let message_type = message.message_type;
        if message.destination != Destination::Client {
            self.unhandled(StreamTarget::Pool, message);
            return Ok(());
        }
        match message_type {
            MessageType::SessionCapability => {
                self.negotiate(&SessionCapability::from_value(&message.value()?)?)
            }
            MessageType::RunspacePoolState => {
                self.pool_state(RunspacePoolStateMessage::from_value(&message.value()?)?)?;
            }
            _ if self.pipelines.contains_key(&message.pipeline) => {
                let id = message.pipeline;
                if let Err(error) = self.pipeline_message(id, message) {
                    self.lose(id, PipelineLoss::Damaged);
                    self.events.push_back(Event::Undecodable { message_type, error });
                }
            }
            _ => {
                if let Err(error) = self.minor_pool_message(message) {
                    self.events.push_back(Event::Undecodable { message_type, error });
                }
            }
        }
        Ok(())
    }

    /// Handles a message without which the pool can go on.
    fn minor_pool_message(&mut self, message: Message) -> Result<(), DecodeError> {
        let event = match message.message_type {
            MessageType::ApplicationPrivateData => {
                Event::ApplicationPrivateData(application_private_data(&message.value()?))
            }
            MessageType::RunspaceAvailability => {
                Event::RunspaceAvailability(RunspaceAvailability::from_value(&message.value()?)?)
            }
            MessageType::UserEvent => {
                Event::UserEvent(Box::new(UserEvent::from_value(&message.value()?)))
            }
            MessageType::RunspacePoolHostCall => {
                let call = HostCall::from_value(message.message_type, &message.value()?)?;
                self.take_call(None, &call);
                Event::HostCall(call)
            }
            MessageType::PublicKeyRequest => {
                return self
                    .request_session_key()
                    .map_err(|source| session_key_error(&message, source));
            }
            MessageType::EncryptedSessionKey => return self.session_key(message),
            _ => {
                self.unhandled(StreamTarget::Pool, message);
                return Ok(());
            }
        };
        self.events.push_back(event);
        Ok(())
    }

    fn negotiate(&mut self, theirs: &SessionCapability) {
        if self.negotiated.is_some() {
            return;
        }
        let ours = self.options.protocol_version;
        let theirs = theirs.protocol_version;
        if ours.major == theirs.major {
            self.negotiated = Some(ours.min(theirs));
        } else {
            self.break_pool(BreakCause::Version { ours, theirs });
        }
    }

    fn pool_state(&mut self, message: RunspacePoolStateMessage) -> Result<(), DecodeError> {
        match (message.state, self.state) {
            (RunspacePoolState::Opened, RunspacePoolState::Opening) => {
                let version = self.negotiated.ok_or(DecodeError::Unexpected {
                    got: MessageType::RunspacePoolState,
                    expected: "SESSION_CAPABILITY",
                })?;
                self.state = RunspacePoolState::Opened;
                self.events.push_back(Event::Opened { version });
            }
            (RunspacePoolState::Closed, RunspacePoolState::Closing) => self.handle_shell_deleted(),
            (RunspacePoolState::Closed | RunspacePoolState::Broken, _) => {
                self.break_pool(BreakCause::Server(message.error.map(Box::new)));
            }
            _ => {}
        }
        Ok(())
    }

    fn pipeline_message(&mut self, id: PipelineId, message: Message) -> Result<(), DecodeError> {
        let message_type = message.message_type;
        if message.destination != Destination::Client {
            self.unhandled(StreamTarget::Pipeline(id), message);
            return Ok(());
        }
        if message_type == MessageType::PipelineState {
            return self.pipeline_state(id, PipelineStateMessage::from_value(&message.value()?)?);
        }
        match self.pipeline_event(id, message) {
            Ok(Some(event)) => self.events.push_back(Event::Pipeline { id, event }),
            Ok(None) => {}
            Err(error) => {
                let event = PipelineEvent::Undecodable { message_type, error };
                self.events.push_back(Event::Pipeline { id, event });
            }
        }
        Ok(())
    }

    fn pipeline_event(
        &mut self,
        id: PipelineId,
        message: Message,
    ) -> Result<Option<PipelineEvent>, DecodeError> {
        let message_type = message.message_type;
        let event = match message_type {
            MessageType::PipelineOutput => {
                self.note_secure_string(&message);
                PipelineEvent::Output(message.value()?)
            }
            MessageType::ErrorRecord => {
                PipelineEvent::Error(Box::new(ErrorRecord::from_value(&message.value()?)))
            }
            MessageType::WarningRecord => {
                PipelineEvent::Warning(InformationalRecord::from_value(&message.value()?))
            }
            MessageType::VerboseRecord => {
                PipelineEvent::Verbose(InformationalRecord::from_value(&message.value()?))
            }
            MessageType::DebugRecord => {
                PipelineEvent::Debug(InformationalRecord::from_value(&message.value()?))
            }
            MessageType::ProgressRecord => {
                PipelineEvent::Progress(ProgressRecord::from_value(&message.value()?))
            }
            MessageType::InformationRecord => PipelineEvent::Information(Box::new(
                InformationRecord::from_value(&message.value()?),
            )),
            MessageType::PipelineHostCall => {
                let call = HostCall::from_value(message_type, &message.value()?)?;
                self.take_call(Some(id), &call);
                PipelineEvent::HostCall(call)
            }
            _ => {
                self.unhandled(StreamTarget::Pipeline(id), message);
                return Ok(None);
            }
        };
        Ok(Some(event))
    }

    /// Servers encrypt output under a key of their own and hand it out when asked, so ask when the first such value comes.
    /// The value itself is handed on even when there can be no key.
    fn note_secure_string(&mut self, message: &Message) {
        if message.holds_secure_string()
            && !self.secrets().is_ready()
            && let Err(error) = self.request_session_key()
            && error != CryptoError::Unusable
        {
            self.events.push_back(Event::SessionKeyFailed { error });
        }
    }

    fn pipeline_state(
        &mut self,
        id: PipelineId,
        message: PipelineStateMessage,
    ) -> Result<(), DecodeError> {
        let state = match message.state {
            PipelineState::Completed => FinalState::Completed,
            PipelineState::Failed => FinalState::Failed,
            PipelineState::Stopped => FinalState::Stopped,
            _ => return Ok(()),
        };
        self.finish(id, PipelineOutcome { state, error: message.error.map(Box::new), loss: None });
        Ok(())
    }

    pub(super) fn unhandled(&mut self, target: StreamTarget, message: Message) {
        self.events.push_back(Event::Unhandled { target, message });
    }
}

fn session_key_error(message: &Message, source: CryptoError) -> DecodeError {
    DecodeError::SessionKey { message_type: message.message_type, source }
}
