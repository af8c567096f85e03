//! What a server pool does with the messages of the client.
//!
//! Spec: [MS-PSRP] 3.2.5.4 Rules for Processing PSRP Messages.

use clixml::Value;

use super::event::{ServerEvent, default_private_data};
use super::send::{body, pipeline_stopped};
use super::{Phase, Pipeline, ServerPool, Work};
use crate::command_metadata::GetCommandMetadata;
use crate::crypto::PublicKey;
use crate::error::DecodeError;
use crate::fragment::Defragmenter;
use crate::host::HostResponse;
use crate::id::{PipelineId, StreamTarget};
use crate::message::{Destination, MESSAGE_HEADER_LEN, Message, MessageType};
use crate::pool_messages::{
    Availability, InitRunspacePool, RunspaceAvailability, RunspaceRequest,
    application_private_data_value, encrypted_session_key_value, public_key,
    public_key_request_value,
};
use crate::powershell::PowerShell;
use crate::records::{ErrorCategory, ErrorRecord};
use crate::state::{PipelineState, RunspacePoolState};
use crate::version::{ProtocolVersion, SessionCapability};

impl ServerPool {
    /// Takes bytes of a stream, cut anywhere: `creationXml` and `stdin` of the pool, argument and `stdin` of a command.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the stream cannot be read any further. Microsoft's engine says nothing then; a server may well
    /// end the shell or the command.
    pub fn handle_fragments(
        &mut self,
        target: StreamTarget,
        bytes: &[u8],
    ) -> Result<(), DecodeError> {
        self.feed(target, bytes, false)
    }

    /// Takes bytes of a `pr` stream, which carries answers to host calls.
    ///
    /// # Errors
    ///
    /// As [`handle_fragments`](Self::handle_fragments).
    pub fn handle_prompt_responses(
        &mut self,
        target: StreamTarget,
        bytes: &[u8],
    ) -> Result<(), DecodeError> {
        self.feed(target, bytes, true)
    }

    /// Announces a pipeline whose first message comes later. Not needed before
    /// [`handle_fragments`](Self::handle_fragments), and without effect after the end of the pool.
    pub fn announce_pipeline(&mut self, id: PipelineId) {
        if self.is_alive() {
            self.entry(id);
        }
    }

    /// The client asks to stop a pipeline. One that waits ends at once, a running one is told to the driver, an unknown one
    /// is ignored.
    pub fn handle_stop(&mut self, id: PipelineId) {
        match self.pipelines.get(&id).map(|pipeline| &pipeline.phase) {
            Some(Phase::Running { .. }) => self.events.push_back(ServerEvent::StopRequested { id }),
            Some(Phase::NeedsKey(_) | Phase::Queued(_)) => {
                self.end(id, PipelineState::Stopped, Some(pipeline_stopped()));
            }
            Some(Phase::Announced) | None => {}
        }
    }

    /// The client terminates a command: as [`handle_stop`](Self::handle_stop), and one without any message is forgotten.
    pub fn handle_terminate(&mut self, id: PipelineId) {
        self.handle_stop(id);
        if self
            .pipelines
            .get(&id)
            .is_some_and(|pipeline| matches!(pipeline.phase, Phase::Announced))
        {
            self.forget(id);
        }
    }

    fn entry(&mut self, id: PipelineId) -> &mut Pipeline {
        let limits = self.options.limits;
        self.pipelines.entry(id).or_insert_with(|| Pipeline {
            stream: Defragmenter::new(limits),
            prompt_responses: Defragmenter::new(limits),
            phase: Phase::Announced,
            early: Vec::new(),
            early_bytes: 0,
        })
    }

    fn stream(&mut self, target: StreamTarget, prompt: bool) -> &mut Defragmenter {
        match (target, prompt) {
            (StreamTarget::Pool, false) => &mut self.stream,
            (StreamTarget::Pool, true) => &mut self.prompt_responses,
            (StreamTarget::Pipeline(id), false) => &mut self.entry(id).stream,
            (StreamTarget::Pipeline(id), true) => &mut self.entry(id).prompt_responses,
        }
    }

    fn feed(
        &mut self,
        target: StreamTarget,
        bytes: &[u8],
        prompt: bool,
    ) -> Result<(), DecodeError> {
        if !self.is_alive() {
            return Ok(());
        }
        self.stream(target, prompt).push(bytes)?;
        while self.is_alive()
            && let Some(object) = self.stream(target, prompt).next_object()?
        {
            let message = Message::from_bytes(object.bytes)?;
            let message_type = message.message_type;
            if let Err(error) = self.message(target, message) {
                self.events.push_back(ServerEvent::Undecodable { target, message_type, error });
            }
        }
        Ok(())
    }

    fn is_alive(&self) -> bool {
        !matches!(self.state, RunspacePoolState::Closed | RunspacePoolState::Broken)
    }

    fn message(&mut self, target: StreamTarget, message: Message) -> Result<(), DecodeError> {
        let id = *self.id.get_or_insert(message.pool);
        if message.destination != Destination::Server {
            self.unhandled(target, message);
            return Ok(());
        }
        if message.pool != id {
            self.close();
            self.events.push_back(ServerEvent::Closed);
            return Ok(());
        }
        match target {
            StreamTarget::Pool => self.pool_message(message),
            StreamTarget::Pipeline(id) if id == message.pipeline => {
                self.pipeline_message(id, message)
            }
            StreamTarget::Pipeline(_) => {
                self.unhandled(target, message);
                Ok(())
            }
        }
    }

    fn pool_message(&mut self, message: Message) -> Result<(), DecodeError> {
        match message.message_type {
            MessageType::SessionCapability => {
                self.negotiate(SessionCapability::from_value(&message.value()?)?)
            }
            MessageType::InitRunspacePool
                if self.state == RunspacePoolState::BeforeOpen && self.version.is_some() =>
            {
                self.open(InitRunspacePool::from_value(&message.value()?)?);
            }
            MessageType::PublicKey => self.public_key(&message)?,
            MessageType::SetMaxRunspaces
            | MessageType::SetMinRunspaces
            | MessageType::GetAvailableRunspaces
            | MessageType::ResetRunspaceState => {
                let (request, call_id) =
                    RunspaceRequest::from_value(message.message_type, &message.value()?)?;
                self.answer_request(request, call_id);
            }
            MessageType::RunspacePoolHostResponse | MessageType::PipelineHostResponse => {
                self.host_response(&message)?;
            }
            _ => self.unhandled(StreamTarget::Pool, message),
        }
        Ok(())
    }

    fn negotiate(&mut self, theirs: SessionCapability) {
        let ours = self.options.protocol_version;
        let version = ours.min(theirs.protocol_version);
        let answer = SessionCapability::new(if theirs.protocol_version.major == ours.major {
            version
        } else {
            ours
        });
        self.transmit(StreamTarget::Pool, MessageType::SessionCapability, body(&answer.to_value()));
        if theirs.protocol_version.major == ours.major {
            self.version = Some(version);
        } else {
            self.break_pool(version_mismatch(theirs.protocol_version, ours));
        }
    }

    fn open(&mut self, init: InitRunspacePool) {
        let version = self.version.unwrap_or(self.options.protocol_version);
        self.max_runspaces = init.max_runspaces.max(1);
        self.min_runspaces = init.min_runspaces.clamp(1, self.max_runspaces);
        let data = application_private_data_value(self.private_data(version));
        self.transmit(StreamTarget::Pool, MessageType::ApplicationPrivateData, body(&data));
        self.pool_state(RunspacePoolState::Opened, None);
        self.events.push_back(ServerEvent::Opened { version, init: Box::new(init) });
        self.start_queued();
    }

    pub(super) fn private_data(&self, version: ProtocolVersion) -> Value {
        self.options.private_data.clone().unwrap_or_else(|| default_private_data(version))
    }

    fn public_key(&mut self, message: &Message) -> Result<(), DecodeError> {
        let error = |source| DecodeError::SessionKey { message_type: message.message_type, source };
        let key = PublicKey::from_base64(&public_key(&message.value()?)?).map_err(error)?;
        let text = key.encrypt_session_key(&self.key, &mut *self.rng).map_err(error)?;
        let answer = encrypted_session_key_value(&text);
        self.transmit(StreamTarget::Pool, MessageType::EncryptedSessionKey, body(&answer));
        self.key_sent = true;
        self.release_pipelines();
        Ok(())
    }

    /// Takes up the pipelines that waited for the key.
    fn release_pipelines(&mut self) {
        let ids: Vec<_> = self
            .pipelines
            .iter()
            .filter(|(_, pipeline)| matches!(pipeline.phase, Phase::NeedsKey(_)))
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            let Some(pipeline) = self.pipelines.get_mut(&id) else { continue };
            let Phase::NeedsKey(message) =
                core::mem::replace(&mut pipeline.phase, Phase::Announced)
            else {
                continue;
            };
            let message_type = message.message_type;
            if let Err(error) = self.create_pipeline(id, *message) {
                let target = StreamTarget::Pipeline(id);
                self.events.push_back(ServerEvent::Undecodable { target, message_type, error });
            }
        }
    }

    fn answer_request(&mut self, request: RunspaceRequest, call_id: i64) {
        let response = match request {
            RunspaceRequest::SetMax(count) => {
                let done = count >= self.min_runspaces;
                if done {
                    self.max_runspaces = count;
                }
                Availability::Done(done)
            }
            RunspaceRequest::SetMin(count) => {
                let done = (1..=self.max_runspaces).contains(&count);
                if done {
                    self.min_runspaces = count;
                }
                Availability::Done(done)
            }
            RunspaceRequest::GetAvailable => {
                Availability::Count(i64::try_from(self.free_runspaces()).unwrap_or(i64::MAX))
            }
            RunspaceRequest::ResetState => {
                let done = self.max_runspaces == 1;
                if done {
                    self.events.push_back(ServerEvent::RunspaceReset);
                }
                Availability::Done(done)
            }
        };
        let answer = RunspaceAvailability::new(call_id, response).to_value();
        self.transmit(StreamTarget::Pool, MessageType::RunspaceAvailability, body(&answer));
        self.start_queued();
    }

    fn host_response(&mut self, message: &Message) -> Result<(), DecodeError> {
        let response = HostResponse::from_value(message.message_type, &message.value()?)?;
        if let Some((pipeline, _)) = self.calls.remove(&response.call_id) {
            self.events
                .push_back(ServerEvent::HostResponse { pipeline, response: Box::new(response) });
        }
        Ok(())
    }

    fn pipeline_message(&mut self, id: PipelineId, message: Message) -> Result<(), DecodeError> {
        match message.message_type {
            MessageType::CreatePipeline | MessageType::GetCommandMetadata => {
                self.create_pipeline(id, message)
            }
            MessageType::PipelineInput => {
                let item = message.value()?;
                self.input(id, ServerEvent::Input { id, item }, message.body.len())
            }
            MessageType::EndOfPipelineInput => self.input(id, ServerEvent::InputEnded { id }, 0),
            MessageType::PipelineHostResponse => self.host_response(&message),
            _ => {
                self.unhandled(StreamTarget::Pipeline(id), message);
                Ok(())
            }
        }
    }

    /// Input of a pipeline that has not started is kept until it does, as much as is held of a stream.
    fn input(
        &mut self,
        id: PipelineId,
        event: ServerEvent,
        body: usize,
    ) -> Result<(), DecodeError> {
        let limit = self.options.limits.max_buffered;
        match self.pipelines.get_mut(&id) {
            Some(pipeline) if !matches!(pipeline.phase, Phase::Running { .. }) => {
                let held = pipeline.early_bytes.saturating_add(MESSAGE_HEADER_LEN + body);
                if held > limit {
                    return Err(DecodeError::BufferFull { held, limit });
                }
                pipeline.early_bytes = held;
                pipeline.early.push(event);
            }
            _ => self.events.push_back(event),
        }
        Ok(())
    }

    fn create_pipeline(&mut self, id: PipelineId, message: Message) -> Result<(), DecodeError> {
        if !matches!(self.entry(id).phase, Phase::Announced) {
            self.unhandled(StreamTarget::Pipeline(id), message);
            return Ok(());
        }
        let secrets = self.secrets();
        if !secrets.is_ready() && message.holds_secure_string() {
            self.entry(id).phase = Phase::NeedsKey(Box::new(message));
            self.request_key();
            return Ok(());
        }
        let value = message.value()?;
        let work = match message.message_type {
            MessageType::GetCommandMetadata => {
                Work::Metadata(GetCommandMetadata::from_value(&value)?)
            }
            _ => Work::PowerShell(PowerShell::from_value(&value, &secrets)?),
        };
        let nested = matches!(&work, Work::PowerShell(powershell) if powershell.is_nested);
        self.entry(id).phase = Phase::Queued(Box::new(work));
        if self.pipelines.len() > self.options.max_pipelines {
            self.end(id, PipelineState::Failed, Some(too_many_pipelines()));
        } else if nested {
            self.start(id);
        } else {
            self.queue.push_back(id);
            if self.state == RunspacePoolState::Opened {
                self.start_queued();
            }
        }
        Ok(())
    }

    pub(super) fn request_key(&mut self) {
        if !self.key_requested {
            self.key_requested = true;
            self.transmit(
                StreamTarget::Pool,
                MessageType::PublicKeyRequest,
                body(&public_key_request_value()),
            );
        }
    }

    fn unhandled(&mut self, target: StreamTarget, message: Message) {
        self.events.push_back(ServerEvent::Unhandled { target, message });
    }
}

fn version_mismatch(theirs: ProtocolVersion, ours: ProtocolVersion) -> ErrorRecord {
    ErrorRecord::new(
        format!("The client speaks protocol {theirs}, which does not go with {ours}."),
        "PSVersionMismatch",
    )
    .exception_types([
        "System.Management.Automation.Remoting.PSRemotingDataStructureException",
        "System.Exception",
    ])
    .category(ErrorCategory::ProtocolError)
}

fn too_many_pipelines() -> ErrorRecord {
    ErrorRecord::new("The pool has too many pipelines.", "TooManyPipelines")
        .exception_types([
            "System.InvalidOperationException",
            "System.SystemException",
            "System.Exception",
        ])
        .category(ErrorCategory::LimitsExceeded)
}
