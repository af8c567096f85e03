//! What a client pool does with the messages of the server.
//!
//! Spec: [MS-PSRP] 3.1.5.4 Rules for Processing PSRP Messages.

use bytes::Bytes;
use clixml::{Limits, Value};

use super::RunspacePool;
use super::event::{BreakCause, Event, FinalState, PipelineEvent, PipelineLoss, PipelineOutcome};
use crate::error::{CryptoError, DecodeError};
use crate::fragment::Defragmenter;
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
    /// Bytes of a pipeline that has ended are ignored, and so are those of a pool that is closed or broken. But a pipeline is
    /// [damaged](PipelineLoss::Damaged), however it said to have ended, when an object was dropped on the way, or when output,
    /// errors or warnings follow before its end was polled. A message that is framed well but cannot be read is reported as
    /// an event and left out.
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
        let Some(pipeline) = self.pipelines.get_mut(&id) else {
            self.read_on(id, Some(bytes));
            return Ok(());
        };
        pipeline.stream.push_bytes(bytes)?;
        while let Some(pipeline) = self.pipelines.get_mut(&id) {
            let Some(object) = pipeline.stream.next_object()? else { return Ok(()) };
            let message = Message::from_bytes(object.bytes)?;
            if message.pipeline != id {
                return Err(DecodeError::Misdirected {
                    message_type: message.message_type,
                    expected: id,
                    got: message.pipeline,
                });
            }
            // Leaving it out would leave out what it carries.
            if message.destination != Destination::Client {
                return Err(DecodeError::Unexpected {
                    got: message.message_type,
                    expected: "a message to the client",
                });
            }
            self.pipeline_message(id, message)?;
        }
        self.read_on(id, None);
        Ok(())
    }

    /// Looks at what follows the end of a pipeline. One that completed and goes on has not completed.
    fn read_on(&mut self, id: PipelineId, bytes: Option<Bytes>) {
        let Some(stream) = self.completed.get_mut(&id) else { return };
        if bytes.is_some_and(|bytes| stream.push_bytes(bytes).is_err()) || goes_on(stream) {
            self.completed.remove(&id);
            self.revoke(id);
        }
    }

    /// Takes back that a pipeline completed, which nobody was told yet.
    fn revoke(&mut self, id: PipelineId) {
        let outcome = self.events.iter_mut().find_map(|event| match event {
            Event::Pipeline { id: ended, event: PipelineEvent::Finished(outcome) }
                if *ended == id =>
            {
                Some(outcome)
            }
            _ => None,
        });
        if let Some(outcome) = outcome {
            outcome.state = FinalState::Failed;
            outcome.loss = Some(PipelineLoss::Damaged);
        }
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
                self.negotiate(&SessionCapability::from_value(&self.value(&message)?)?)
            }
            MessageType::RunspacePoolState => {
                self.pool_state(RunspacePoolStateMessage::from_value(&self.value(&message)?)?)?;
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
                Event::ApplicationPrivateData(application_private_data(&self.value(&message)?))
            }
            MessageType::RunspaceAvailability => Event::RunspaceAvailability(
                RunspaceAvailability::from_value(&self.value(&message)?)?,
            ),
            MessageType::UserEvent => {
                Event::UserEvent(Box::new(UserEvent::from_value(&self.value(&message)?)))
            }
            MessageType::RunspacePoolHostCall => {
                let call = HostCall::from_value(message.message_type, &self.value(&message)?)?;
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
            return self
                .pipeline_state(id, PipelineStateMessage::from_value(&self.value(&message)?)?);
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
                PipelineEvent::Output(self.value(&message)?)
            }
            MessageType::ErrorRecord => {
                PipelineEvent::Error(Box::new(ErrorRecord::from_value(&self.value(&message)?)))
            }
            MessageType::WarningRecord => {
                PipelineEvent::Warning(InformationalRecord::from_value(&self.value(&message)?))
            }
            MessageType::VerboseRecord => {
                PipelineEvent::Verbose(InformationalRecord::from_value(&self.value(&message)?))
            }
            MessageType::DebugRecord => {
                PipelineEvent::Debug(InformationalRecord::from_value(&self.value(&message)?))
            }
            MessageType::ProgressRecord => {
                PipelineEvent::Progress(ProgressRecord::from_value(&self.value(&message)?))
            }
            MessageType::InformationRecord => PipelineEvent::Information(Box::new(
                InformationRecord::from_value(&self.value(&message)?),
            )),
            MessageType::PipelineHostCall => {
                let call = HostCall::from_value(message_type, &self.value(&message)?)?;
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
        let mut error = message.error.map(Box::new);
        if state == FinalState::Completed
            && let Some(error) = error.take()
        {
            self.events.push_back(Event::Pipeline { id, event: PipelineEvent::Error(error) });
        }
        let dropped = self.pipelines.get(&id).is_some_and(|pipeline| pipeline.stream.has_dropped());
        let (state, loss) = match state {
            FinalState::Completed if dropped => (FinalState::Failed, Some(PipelineLoss::Damaged)),
            state => (state, None),
        };
        self.finish(id, PipelineOutcome { state, error, loss });
        Ok(())
    }

    /// Decodes the body of a message.
    pub(super) fn value(&self, message: &Message) -> Result<Value, DecodeError> {
        message.value_within(Limits::default().with_elements(self.options.max_elements))
    }

    pub(super) fn unhandled(&mut self, target: StreamTarget, message: Message) {
        self.events.push_back(Event::Unhandled { target, message });
    }
}

/// Tells whether a stream goes on with something that belongs to the result of its pipeline, or stops half-way.
fn goes_on(stream: &mut Defragmenter) -> bool {
    while let Ok(Some(object)) = stream.next_object() {
        let result =
            [MessageType::PipelineOutput, MessageType::ErrorRecord, MessageType::WarningRecord];
        if Message::from_bytes(object.bytes)
            .map_or(true, |message| result.contains(&message.message_type))
        {
            return true;
        }
    }
    !stream.is_idle() || stream.next_object().is_err()
}

fn session_key_error(message: &Message, source: CryptoError) -> DecodeError {
    DecodeError::SessionKey { message_type: message.message_type, source }
}
