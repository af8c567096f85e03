//! Answering the calls a server makes to the client's host.
//!
//! Spec: [MS-PSRP] 3.1.5.4.27 PIPELINE_HOST_CALL Message, [MS-PSRP] 3.1.5.4.15 RUNSPACEPOOL_HOST_CALL Message.
//!
//! What surprised: servers number the calls of each pipeline on its own, so an id says nothing without its pipeline.

use super::RunspacePool;
use super::event::InputStream;
use crate::argument::ArgumentValue;
use crate::error::StateError;
use crate::host::{HostAnswer, HostCall, HostMethod, HostResponse, HostResult};
use crate::id::PipelineId;
use crate::message::MessageType;

/// Calls that may wait for an answer at once; a pipeline waits for one at a time, so honest servers stay far below.
const MAX_OPEN_CALLS: usize = 1024;

/// An answer with secrets that waits for the session key.
pub(super) struct PendingAnswer {
    call: OpenCall,
    value: ArgumentValue,
}

#[derive(Clone, Copy)]
struct OpenCall {
    pipeline: Option<PipelineId>,
    call_id: i64,
    method: HostMethod,
}

impl RunspacePool {
    /// Answers a call to the host, once. Calls of a pipeline name it, calls of the pool have `None`.
    ///
    /// Only pools and pipelines that claim a host have calls to answer; the others refuse them at once. An answer with
    /// secrets waits for the session key, which is asked for now if it was not before.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownHostCall`] for a call that does not wait for an answer (any more), [`StateError::Secret`] when
    /// there can be no session key; the call still waits then.
    pub fn respond(
        &mut self,
        pipeline: Option<PipelineId>,
        call_id: i64,
        answer: impl Into<HostAnswer>,
    ) -> Result<(), StateError> {
        let method = self
            .calls
            .get(&(pipeline, call_id))
            .copied()
            .ok_or(StateError::UnknownHostCall { call_id })?;
        let call = OpenCall { pipeline, call_id, method };
        match answer.into() {
            HostAnswer::Threw(error) => self.transmit_answer(call, HostResult::Threw(error)),
            HostAnswer::Returned(value) if value.has_secrets() && !self.secrets().is_ready() => {
                self.wait_for_key()?;
                self.answers.push(PendingAnswer { call, value });
            }
            HostAnswer::Returned(value) => {
                let value = value.to_value(self.secrets()).map_err(StateError::Secret)?;
                self.transmit_answer(call, HostResult::Returned(value));
            }
        }
        self.calls.remove(&(pipeline, call_id));
        Ok(())
    }

    /// True while this call waits for [`respond`](Self::respond).
    #[must_use]
    pub fn awaits_answer(&self, pipeline: Option<PipelineId>, call_id: i64) -> bool {
        self.calls.contains_key(&(pipeline, call_id))
    }

    /// Notes a call to be answered, or refuses it at once where there is no host: without an answer its pipeline waits for
    /// ever.
    pub(super) fn take_call(&mut self, pipeline: Option<PipelineId>, call: &HostCall) {
        if !call.wants_answer() {
            return;
        }
        let has_host = match pipeline {
            Some(id) => self.pipelines.get(&id).is_some_and(|pipeline| pipeline.has_host),
            None => !self.options.host.is_host_null,
        };
        if has_host && self.calls.len() < MAX_OPEN_CALLS {
            self.calls.insert((pipeline, call.call_id), call.method);
        } else {
            let call_of = OpenCall { pipeline, call_id: call.call_id, method: call.method };
            self.transmit_answer(call_of, HostResponse::not_implemented(call).result);
        }
    }

    /// Sends the answers that waited for the session key.
    pub(super) fn send_answers(&mut self) {
        for PendingAnswer { call, value } in core::mem::take(&mut self.answers) {
            let result = match value.to_value(self.secrets()) {
                Ok(value) => HostResult::Returned(value),
                Err(_) => no_key(call),
            };
            self.transmit_answer(call, result);
        }
    }

    /// Answers that there will be no session key: the pipelines may find a way without the secret.
    pub(super) fn refuse_answers(&mut self) {
        for PendingAnswer { call, .. } in core::mem::take(&mut self.answers) {
            self.transmit_answer(call, no_key(call));
        }
    }

    /// Forgets the calls of a pipeline that has ended.
    pub(super) fn forget_calls(&mut self, pipeline: PipelineId) {
        self.calls.retain(|(of, _), _| *of != Some(pipeline));
        self.answers.retain(|answer| answer.call.pipeline != Some(pipeline));
    }

    fn transmit_answer(&mut self, call: OpenCall, result: HostResult) {
        let message_type = match call.pipeline {
            Some(_) => MessageType::PipelineHostResponse,
            None => MessageType::RunspacePoolHostResponse,
        };
        let response = HostResponse::new(call.call_id, call.method, result);
        let body = super::body(&response.to_value());
        self.transmit_send(call.pipeline, InputStream::PromptResponse, message_type, body);
    }
}

fn no_key(call: OpenCall) -> HostResult {
    HostResponse::not_implemented(&HostCall::new(call.call_id, call.method, Vec::new())).result
}
