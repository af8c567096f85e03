//! Clients that leave and come back, or others in their place.
//!
//! Spec: [MS-PSRP] 3.2.5.4.29 CONNECT_RUNSPACEPOOL Message, [MS-PSRP] 3.2.5.3.16 Rules for the wxf:Disconnect Message.

use super::event::ServerEvent;
use super::send::body;
use super::{Phase, ServerPool};
use crate::error::{DecodeError, StateError};
use crate::fragment::Defragmenter;
use crate::id::{PipelineId, RunspacePoolId, StreamTarget};
use crate::message::{Destination, Message, MessageType};
use crate::pool_messages::{
    ConnectRunspacePool, RunspacePoolInitData, application_private_data_value,
};
use crate::state::RunspacePoolState;
use crate::version::SessionCapability;

impl ServerPool {
    /// The pipelines known: announced, waiting or running.
    pub fn pipelines(&self) -> impl Iterator<Item = PipelineId> + '_ {
        self.pipelines.keys().copied()
    }

    /// The client disconnects. Pipelines run on, and what they write is kept until a client is there again.
    ///
    /// # Errors
    ///
    /// [`StateError::Pool`] unless the pool is open.
    pub fn handle_disconnect(&mut self) -> Result<(), StateError> {
        self.expect_state("disconnect", RunspacePoolState::Opened, "open")?;
        self.state = RunspacePoolState::Disconnected;
        Ok(())
    }

    /// The same client comes back.
    ///
    /// # Errors
    ///
    /// [`StateError::Pool`] unless the pool is disconnected.
    pub fn handle_reconnect(&mut self) -> Result<(), StateError> {
        self.expect_state("reconnect", RunspacePoolState::Disconnected, "disconnected")?;
        self.state = RunspacePoolState::Opened;
        self.start_queued();
        Ok(())
    }

    /// Another client joins with these bytes of `connectXml`; returns those of `connectResponseXml`.
    ///
    /// What follows on the stream of the pool begins with what was kept, then comes the private data. Secrets need a new
    /// exchange of the key.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Unexpected`] unless the pool is disconnected or when a message is missing,
    /// [`DecodeError::ForeignPool`] for another pool, and what reading fragments and messages gives. Nothing was changed
    /// then.
    pub fn handle_connect(&mut self, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        if self.state != RunspacePoolState::Disconnected {
            return Err(DecodeError::Unexpected {
                got: MessageType::ConnectRunspacePool,
                expected: "a message for a pool that is connected",
            });
        }
        let (theirs, request) = self.read_connect(bytes)?;
        let version = self.options.protocol_version.min(theirs.protocol_version);
        self.version = Some(version);
        if let Some((min, max)) = request.runspaces {
            self.max_runspaces = max.max(1);
            self.min_runspaces = min.clamp(1, self.max_runspaces);
        }
        self.state = RunspacePoolState::Opened;
        self.forget_client();
        let capability = SessionCapability::new(version).to_value();
        let init = RunspacePoolInitData::new(self.min_runspaces, self.max_runspaces).to_value();
        let mut answer = self.fragments(MessageType::SessionCapability, &capability);
        answer.extend(self.fragments(MessageType::RunspacePoolInitData, &init));
        let data = application_private_data_value(self.private_data(version));
        self.transmit(StreamTarget::Pool, MessageType::ApplicationPrivateData, body(&data));
        self.events.push_back(ServerEvent::Connected { version });
        if self.pipelines.values().any(|pipeline| matches!(pipeline.phase, Phase::NeedsKey(_))) {
            self.request_key();
        }
        self.start_queued();
        Ok(answer)
    }

    fn read_connect(
        &self,
        bytes: &[u8],
    ) -> Result<(SessionCapability, ConnectRunspacePool), DecodeError> {
        let mut stream = Defragmenter::new(self.options.limits);
        stream.push(bytes)?;
        let (mut capability, mut request) = (None, None);
        while let Some(object) = stream.next_object()? {
            let message = Message::from_bytes(object.bytes)?;
            if Some(message.pool) != self.id {
                return Err(DecodeError::ForeignPool { got: message.pool });
            }
            match message.message_type {
                MessageType::SessionCapability => {
                    capability = Some(SessionCapability::from_value(&message.value()?)?);
                }
                MessageType::ConnectRunspacePool => {
                    request = Some(ConnectRunspacePool::from_value(&message.value()?));
                }
                got => {
                    let expected = "SESSION_CAPABILITY or CONNECT_RUNSPACEPOOL";
                    return Err(DecodeError::Unexpected { got, expected });
                }
            }
        }
        capability.zip(request).ok_or(DecodeError::Unexpected {
            got: MessageType::ConnectRunspacePool,
            expected: "SESSION_CAPABILITY and CONNECT_RUNSPACEPOOL, each whole",
        })
    }

    /// Begins the streams and the exchange of the key anew.
    fn forget_client(&mut self) {
        let limits = self.options.limits;
        self.stream = Defragmenter::new(limits);
        self.prompt_responses = Defragmenter::new(limits);
        for pipeline in self.pipelines.values_mut() {
            pipeline.stream = Defragmenter::new(limits);
            pipeline.prompt_responses = Defragmenter::new(limits);
        }
        self.key_sent = false;
        self.key_requested = false;
    }

    fn fragments(&mut self, message_type: MessageType, value: &clixml::Value) -> Vec<u8> {
        let message = Message {
            destination: Destination::Client,
            message_type,
            pool: self.id.unwrap_or(RunspacePoolId::NIL),
            pipeline: PipelineId::NIL,
            body: body(value).into(),
        };
        let mut bytes = Vec::new();
        self.fragmenter.fragment_whole(&message.to_bytes(), &mut bytes);
        bytes
    }

    fn expect_state(
        &self,
        operation: &'static str,
        state: RunspacePoolState,
        expected: &'static str,
    ) -> Result<(), StateError> {
        if self.state == state {
            Ok(())
        } else {
            Err(StateError::Pool { operation, state: self.state.name(), expected })
        }
    }
}
