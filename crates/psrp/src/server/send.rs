//! What a server pool sends when its driver says so.
//!
//! Spec: [MS-PSRP] 3.2.4 Higher-Layer Triggered Events.

use clixml::Value;

use super::{Phase, ServerPool};
use crate::command_metadata::{CommandMetadata, GetCommandMetadata};
use crate::error::StateError;
use crate::host::{HostCall, HostMethod, HostRequest, VOID_CALL_ID};
use crate::id::{PipelineId, RunspacePoolId, StreamTarget};
use crate::message::{Destination, Message, MessageType};
use crate::records::{
    ErrorCategory, ErrorRecord, InformationRecord, InformationalKind, InformationalRecord,
    ProgressRecord,
};
use crate::state::{
    PipelineState, PipelineStateMessage, RunspacePoolState, RunspacePoolStateMessage,
};
use crate::user_event::UserEvent;

impl ServerPool {
    /// Writes an object to the output of a pipeline; Nil is `$null`.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] unless it runs.
    pub fn output(&mut self, pipeline: PipelineId, value: &Value) -> Result<(), StateError> {
        self.expect_running("output", pipeline)?;
        let body = if matches!(value, Value::Nil) { Vec::new() } else { body(value) };
        self.transmit(StreamTarget::Pipeline(pipeline), MessageType::PipelineOutput, body);
        Ok(())
    }

    /// Writes an error that does not end the pipeline.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] unless it runs.
    pub fn error(&mut self, pipeline: PipelineId, record: &ErrorRecord) -> Result<(), StateError> {
        self.record(pipeline, MessageType::ErrorRecord, &record.to_value())
    }

    /// Writes a warning.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] unless it runs.
    pub fn warning(&mut self, pipeline: PipelineId, message: &str) -> Result<(), StateError> {
        self.informational(pipeline, InformationalKind::Warning, &InformationalRecord::new(message))
    }

    /// Writes a verbose message.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] unless it runs.
    pub fn verbose(&mut self, pipeline: PipelineId, message: &str) -> Result<(), StateError> {
        self.informational(pipeline, InformationalKind::Verbose, &InformationalRecord::new(message))
    }

    /// Writes a debug message.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] unless it runs.
    pub fn debug(&mut self, pipeline: PipelineId, message: &str) -> Result<(), StateError> {
        self.informational(pipeline, InformationalKind::Debug, &InformationalRecord::new(message))
    }

    /// Writes a record of the warning, verbose or debug stream.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] unless it runs.
    pub fn informational(
        &mut self,
        pipeline: PipelineId,
        kind: InformationalKind,
        record: &InformationalRecord,
    ) -> Result<(), StateError> {
        self.record(pipeline, kind.message_type(), &record.to_value(kind))
    }

    /// Reports progress.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] unless it runs.
    pub fn progress(
        &mut self,
        pipeline: PipelineId,
        record: &ProgressRecord,
    ) -> Result<(), StateError> {
        self.record(pipeline, MessageType::ProgressRecord, &record.to_value())
    }

    /// Writes information.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] unless it runs.
    pub fn information(
        &mut self,
        pipeline: PipelineId,
        record: &InformationRecord,
    ) -> Result<(), StateError> {
        self.record(pipeline, MessageType::InformationRecord, &record.to_value())
    }

    /// Calls the client's host, for a pipeline or (`None`) for the pool. Returns the id of the call, which the answer
    /// carries; `None` for a void method, which has no answer.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] unless the pipeline runs.
    pub fn host_call(
        &mut self,
        pipeline: Option<PipelineId>,
        method: HostMethod,
        parameters: Vec<Value>,
    ) -> Result<Option<i64>, StateError> {
        let (target, message_type) = match pipeline {
            Some(id) => {
                self.expect_running("host_call", id)?;
                (StreamTarget::Pipeline(id), MessageType::PipelineHostCall)
            }
            None => (StreamTarget::Pool, MessageType::RunspacePoolHostCall),
        };
        let call_id = method.returns_value().then(|| {
            let call_id = self.next_call_id;
            self.next_call_id += 1;
            self.calls.insert(call_id, (pipeline, method));
            call_id
        });
        let call = HostCall::new(call_id.unwrap_or(VOID_CALL_ID), method, parameters);
        self.transmit(target, message_type, body(&call.to_value()));
        Ok(call_id)
    }

    /// Asks something of the client's host; as [`host_call`](Self::host_call) with method and parameters of the request.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] unless the pipeline runs.
    pub fn host_request(
        &mut self,
        pipeline: Option<PipelineId>,
        request: &HostRequest,
    ) -> Result<Option<i64>, StateError> {
        self.host_call(pipeline, request.method(), request.parameters())
    }

    /// Ends a pipeline as Completed.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] unless it runs.
    pub fn complete(&mut self, pipeline: PipelineId) -> Result<(), StateError> {
        self.expect_running("complete", pipeline)?;
        self.end(pipeline, PipelineState::Completed, None);
        Ok(())
    }

    /// Ends a pipeline as Failed.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] unless it runs.
    pub fn fail(&mut self, pipeline: PipelineId, record: ErrorRecord) -> Result<(), StateError> {
        self.expect_running("fail", pipeline)?;
        self.end(pipeline, PipelineState::Failed, Some(record));
        Ok(())
    }

    /// Ends a pipeline as Stopped.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] unless it runs.
    pub fn stopped(&mut self, pipeline: PipelineId) -> Result<(), StateError> {
        self.expect_running("stopped", pipeline)?;
        self.end(pipeline, PipelineState::Stopped, Some(pipeline_stopped()));
        Ok(())
    }

    /// Answers a request for commands and completes its pipeline: the number of commands, then each of them.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] unless it runs.
    pub fn command_metadata(
        &mut self,
        pipeline: PipelineId,
        commands: &[CommandMetadata],
    ) -> Result<(), StateError> {
        let count = i32::try_from(commands.len()).unwrap_or(i32::MAX);
        self.output(pipeline, &GetCommandMetadata::count_value(count))?;
        for command in commands {
            self.output(pipeline, &command.to_value())?;
        }
        self.complete(pipeline)
    }

    /// Forwards an event of the engine.
    pub fn user_event(&mut self, event: &UserEvent) {
        self.transmit(StreamTarget::Pool, MessageType::UserEvent, body(&event.to_value()));
    }

    /// Closes the pool: the client is told, and pipelines are forgotten.
    pub fn close(&mut self) {
        if matches!(self.state, RunspacePoolState::Closed | RunspacePoolState::Broken) {
            return;
        }
        self.pool_state(RunspacePoolState::Closing, None);
        self.pool_state(RunspacePoolState::Closed, None);
        self.drop_pipelines();
    }

    /// Ends the pool with an error.
    pub fn break_pool(&mut self, record: ErrorRecord) {
        if matches!(self.state, RunspacePoolState::Closed | RunspacePoolState::Broken) {
            return;
        }
        self.pool_state(RunspacePoolState::Broken, Some(record));
        self.drop_pipelines();
    }

    fn drop_pipelines(&mut self) {
        self.pipelines.clear();
        self.queue.clear();
        self.calls.clear();
    }

    pub(super) fn pool_state(&mut self, state: RunspacePoolState, error: Option<ErrorRecord>) {
        self.state = state;
        let message = RunspacePoolStateMessage::new(state, error).to_value();
        self.transmit(StreamTarget::Pool, MessageType::RunspacePoolState, body(&message));
    }

    pub(super) fn end(&mut self, id: PipelineId, state: PipelineState, error: Option<ErrorRecord>) {
        let message = PipelineStateMessage::new(state, error).to_value();
        self.transmit(StreamTarget::Pipeline(id), MessageType::PipelineState, body(&message));
        self.forget(id);
    }

    fn record(
        &mut self,
        pipeline: PipelineId,
        message_type: MessageType,
        value: &Value,
    ) -> Result<(), StateError> {
        self.expect_running("a record", pipeline)?;
        self.transmit(StreamTarget::Pipeline(pipeline), message_type, body(value));
        Ok(())
    }

    fn expect_running(
        &self,
        operation: &'static str,
        pipeline: PipelineId,
    ) -> Result<(), StateError> {
        match self.pipelines.get(&pipeline).map(|pipeline| &pipeline.phase) {
            Some(Phase::Running { .. }) => Ok(()),
            _ => Err(StateError::UnknownPipeline { operation, pipeline }),
        }
    }

    pub(super) fn transmit(
        &mut self,
        target: StreamTarget,
        message_type: MessageType,
        body: Vec<u8>,
    ) {
        // Microsoft's servers leave the pool's id out of their first message.
        let pool = match message_type {
            MessageType::SessionCapability => RunspacePoolId::NIL,
            _ => self.id.unwrap_or(RunspacePoolId::NIL),
        };
        let pipeline = match target {
            StreamTarget::Pool => PipelineId::NIL,
            StreamTarget::Pipeline(id) => id,
        };
        let message = Message {
            destination: Destination::Client,
            message_type,
            pool,
            pipeline,
            body: body.into(),
        };
        let mut bytes = Vec::new();
        self.fragmenter.fragment(&message.to_bytes(), &mut bytes);
        self.transmits.push_back((target, bytes));
    }
}

/// The record Microsoft's engine sends with Stopped.
pub(super) fn pipeline_stopped() -> ErrorRecord {
    ErrorRecord::new("The pipeline has been stopped.", "PipelineStopped")
        .exception_types([
            "System.Management.Automation.PipelineStoppedException",
            "System.Management.Automation.RuntimeException",
            "System.SystemException",
            "System.Exception",
        ])
        .category(ErrorCategory::OperationStopped)
}

pub(super) fn body(value: &Value) -> Vec<u8> {
    clixml::write_value(value).into_bytes()
}
