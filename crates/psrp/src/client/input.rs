//! Input of pipelines, and what waits for the session key.
//!
//! Spec: [MS-PSRP] 3.1.4.3 Executing a Pipeline, [MS-PSRP] 3.1.4.8 Initiating a Session Key Exchange.

use clixml::Value;

use super::event::{InputStream, PipelineLoss};
use super::{Pipeline, RunspacePool, body};
use crate::argument::ArgumentValue;
use crate::error::StateError;
use crate::id::PipelineId;
use crate::message::MessageType;
use crate::state::RunspacePoolState;

/// What waits for the session key, in order.
pub(super) enum Pending {
    Input(ArgumentValue),
    End,
}

impl RunspacePool {
    /// Sends an item of input. Nil is sent without a body: the engine drops `<Nil/>`, but takes nothing at all as `$null`.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] for one that has ended, [`StateError::NoInput`] for one without input or whose input
    /// has ended, [`StateError::Pool`] while the pool is not connected.
    pub fn send_input(&mut self, pipeline: PipelineId, item: &Value) -> Result<(), StateError> {
        let running = self.input_of("send_input", pipeline)?;
        if running.is_waiting() {
            running.backlog.push(Pending::Input(item.clone().into()));
        } else {
            self.transmit_input(pipeline, item);
        }
        Ok(())
    }

    /// Sends an item of input with secrets in it; it waits for the session key, which is asked for now if it was not before.
    ///
    /// # Errors
    ///
    /// As [`send_input`](Self::send_input), and [`StateError::Secret`] when there can be no session key.
    pub fn send_secret_input(
        &mut self,
        pipeline: PipelineId,
        item: impl Into<ArgumentValue>,
    ) -> Result<(), StateError> {
        let item = item.into();
        self.input_of("send_secret_input", pipeline)?;
        let must_wait = item.has_secrets() && !self.secrets().is_ready();
        if must_wait {
            self.wait_for_key()?;
        }
        let running = self.input_of("send_secret_input", pipeline)?;
        if must_wait || running.is_waiting() {
            running.backlog.push(Pending::Input(item));
        } else {
            let item = item.to_value(self.secrets()).map_err(StateError::Secret)?;
            self.transmit_input(pipeline, &item);
        }
        Ok(())
    }

    /// Ends the input.
    ///
    /// # Errors
    ///
    /// As [`send_input`](Self::send_input).
    pub fn end_input(&mut self, pipeline: PipelineId) -> Result<(), StateError> {
        let running = self.input_of("end_input", pipeline)?;
        running.takes_input = false;
        if running.is_waiting() {
            running.backlog.push(Pending::End);
        } else {
            self.transmit_end(pipeline);
        }
        Ok(())
    }

    fn input_of(
        &mut self,
        operation: &'static str,
        pipeline: PipelineId,
    ) -> Result<&mut Pipeline, StateError> {
        let running = self.running(operation, pipeline)?;
        if !running.takes_input {
            return Err(StateError::NoInput { pipeline });
        }
        self.expect_state(operation, RunspacePoolState::Opened, "open")?;
        self.running(operation, pipeline)
    }

    fn transmit_input(&mut self, pipeline: PipelineId, item: &Value) {
        let item = if matches!(item, Value::Nil) { Vec::new() } else { body(item) };
        let target = Some(pipeline);
        self.transmit_send(target, InputStream::Stdin, MessageType::PipelineInput, item);
    }

    fn transmit_end(&mut self, pipeline: PipelineId) {
        let message_type = MessageType::EndOfPipelineInput;
        self.transmit_send(Some(pipeline), InputStream::Stdin, message_type, Vec::new());
    }

    /// Sends everything that waited for the session key.
    pub(super) fn send_pending(&mut self) {
        for id in self.waiting() {
            self.send_pending_of(id);
        }
        self.send_answers();
    }

    fn send_pending_of(&mut self, id: PipelineId) {
        let Some(pipeline) = self.pipelines.get_mut(&id) else { return };
        let start = pipeline.start.take();
        let backlog = core::mem::take(&mut pipeline.backlog);
        if let Some(powershell) = start {
            match powershell.to_value(self.effective(), self.secrets()) {
                Ok(message) => {
                    self.transmit_command(id, MessageType::CreatePipeline, body(&message));
                }
                Err(_) => return self.lose(id, PipelineLoss::NoSessionKey),
            }
        }
        for pending in backlog {
            match pending {
                Pending::Input(item) => match item.to_value(self.secrets()) {
                    Ok(item) => self.transmit_input(id, &item),
                    Err(_) => return self.lose(id, PipelineLoss::NoSessionKey),
                },
                Pending::End => self.transmit_end(id),
            }
        }
    }

    /// Gives up on everything that waits for the session key.
    pub(super) fn lose_pending(&mut self) {
        self.key.end_wait();
        for id in self.waiting() {
            self.lose(id, PipelineLoss::NoSessionKey);
        }
        self.refuse_answers();
    }

    fn waiting(&self) -> Vec<PipelineId> {
        let waiting = self.pipelines.iter().filter(|(_, pipeline)| pipeline.is_waiting());
        waiting.map(|(id, _)| *id).collect()
    }
}

impl Pipeline {
    pub(super) fn is_waiting(&self) -> bool {
        self.start.is_some() || !self.backlog.is_empty()
    }
}
