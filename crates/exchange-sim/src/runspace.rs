//! A runspace pool with the pipelines that run in it, whatever carries its bytes.
//!
//! It has no language: only the session's commands run, and in a session of WinRM what loads them. Pipelines advance record by record when their carrier lets them, so
//! that a read over a whole organisation is made piece by piece as the client takes it.
//!
//! What surprised: a client with a host gets each warning twice, as a record and as a line of its host, and what `-WhatIf`
//! says as a line alone.

mod convert;
mod host;
mod metadata;
mod tools;

use std::collections::HashMap;

use psrp::host::{HostInfo, HostMethod, HostRequest, HostResponse, HostResult};
use psrp::records::InvocationInfo;
use psrp::server::{ServerEvent, ServerOptions, ServerPool};
use psrp::{
    DecodeError, GetCommandMetadata, PipelineId, PowerShell, RemoteStreamOptions, StateError,
    StreamTarget,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use self::tools::{Fate, Tools};
use crate::cmdlets::{Answer, CmdletError, Exchange, Record, Run, Session};
use crate::options::ManagementTools;

/// A pool and its pipelines.
#[derive(Debug)]
pub(crate) struct Runspace {
    pool: ServerPool,
    session: Session,
    /// What has to be loaded first; nothing in a session of Exchange's own.
    tools: Option<Tools>,
    /// Whether the client has somebody to answer prompts.
    has_host: bool,
    executions: HashMap<PipelineId, Execution>,
}

/// A pipeline under way.
#[derive(Debug)]
struct Execution {
    run: Box<Run>,
    phase: Phase,
    has_host: bool,
    /// Which records tell of the command that wrote them.
    told: RemoteStreamOptions,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Running,
    /// It waits for input.
    Starved,
    /// It asked the client's host whether to go on.
    Confirming(i64),
    /// It asked the client's host for parameters.
    Missing(i64),
}

impl Runspace {
    pub(crate) fn new(options: ServerOptions, session: Session) -> Self {
        Self {
            pool: ServerPool::new(options, Box::new(StdRng::from_rng(&mut rand::rng()))),
            session,
            tools: None,
            has_host: false,
            executions: HashMap::new(),
        }
    }

    /// Makes it a PowerShell into which Exchange's cmdlets have to be loaded.
    pub(crate) fn without_exchange(mut self, installed: ManagementTools) -> Self {
        self.tools = Some(Tools::new(installed));
        self
    }

    /// The client leaves; what is written is kept.
    pub(crate) fn disconnect(&mut self) -> Result<(), StateError> {
        self.pool.handle_disconnect()
    }

    /// The same client is there again.
    pub(crate) fn reconnect(&mut self, exchange: &mut Exchange) -> Result<(), StateError> {
        self.pool.handle_reconnect()?;
        self.handle_events(exchange);
        Ok(())
    }

    /// Another client takes its place, with these messages; returns the answer to them.
    pub(crate) fn connect(
        &mut self,
        exchange: &mut Exchange,
        bytes: &[u8],
    ) -> Result<Vec<u8>, DecodeError> {
        let answer = self.pool.handle_connect(bytes)?;
        self.handle_events(exchange);
        Ok(answer)
    }

    /// Takes bytes of a stream; what the pool cannot read gets no answer, as from Microsoft's engine.
    pub(crate) fn feed(
        &mut self,
        exchange: &mut Exchange,
        target: StreamTarget,
        bytes: &[u8],
        prompt: bool,
    ) {
        let result = if prompt {
            self.pool.handle_prompt_responses(target, bytes)
        } else {
            self.pool.handle_fragments(target, bytes)
        };
        if let Err(error) = result {
            tracing::debug!(?target, %error, "bytes that are no messages");
        }
        self.handle_events(exchange);
    }

    /// Announces a pipeline whose first message comes later.
    pub(crate) fn announce(&mut self, id: PipelineId) {
        self.pool.announce_pipeline(id);
    }

    /// Stops a pipeline; its last state is still sent.
    pub(crate) fn stop(&mut self, exchange: &mut Exchange, id: PipelineId) {
        self.pool.handle_stop(id);
        self.handle_events(exchange);
    }

    /// Ends a pipeline, one that was only announced too.
    pub(crate) fn terminate(&mut self, exchange: &mut Exchange, id: PipelineId) {
        self.pool.handle_terminate(id);
        self.handle_events(exchange);
    }

    /// Closes the pool.
    pub(crate) fn close(&mut self) {
        self.executions.clear();
        self.pool.close();
    }

    /// Returns whether the pool knows a pipeline: announced, waiting or running.
    pub(crate) fn knows(&self, id: PipelineId) -> bool {
        self.pool.knows(id)
    }

    /// Returns what to send next.
    pub(crate) fn poll_transmit(&mut self) -> Option<(StreamTarget, Vec<u8>)> {
        self.pool.poll_transmit()
    }

    /// Returns the pipelines that have something to do.
    pub(crate) fn ready(&self) -> impl Iterator<Item = PipelineId> {
        let running = |execution: &Execution| execution.phase == Phase::Running;
        self.executions.iter().filter(move |(_, execution)| running(execution)).map(|(id, _)| *id)
    }

    fn handle_events(&mut self, exchange: &mut Exchange) {
        while let Some(event) = self.pool.poll_event() {
            self.handle(exchange, event);
        }
    }

    fn handle(&mut self, exchange: &mut Exchange, event: ServerEvent) {
        match event {
            ServerEvent::Opened { init, .. } => self.has_host = answers(&init.host),
            ServerEvent::PipelineCreated { id, powershell, .. } => {
                self.begin(exchange, id, &powershell);
            }
            ServerEvent::Input { id, item, .. } => {
                self.give_input(id, |run| run.push(convert::input(&item)));
            }
            ServerEvent::InputEnded { id, .. } => self.give_input(id, Run::end_input),
            ServerEvent::StopRequested { id, .. } => {
                self.executions.remove(&id);
                if self.pool.is_running(id) {
                    self.tell(|pool| pool.stopped(id));
                }
            }
            ServerEvent::HostResponse { response, .. } => self.host_answered(&response),
            ServerEvent::CommandMetadataRequested { id, request, .. } => {
                self.describe_commands(id, &request);
            }
            other => tracing::debug!(event = ?other, "left alone"),
        }
        // A pipeline that ended may have let another start.
    }

    /// Lets the pool say something; it refuses only for pipelines that have ended meanwhile.
    fn tell<T: Default>(
        &mut self,
        act: impl FnOnce(&mut ServerPool) -> Result<T, StateError>,
    ) -> T {
        act(&mut self.pool).unwrap_or_else(|error| {
            tracing::debug!(%error, "the pool refused");
            T::default()
        })
    }

    fn begin(&mut self, exchange: &mut Exchange, id: PipelineId, powershell: &PowerShell) {
        let host = &powershell.host;
        let has_host = if host.use_runspace_host { self.has_host } else { answers(host) };
        let told = powershell.remote_stream_options;
        let statements = convert::statements(powershell, &self.pool);
        match self.tools.as_mut().map_or(Fate::Run, |tools| tools.consider(&statements)) {
            Fate::Run => {}
            Fate::Done => return self.tell(|pool| pool.complete(id)),
            Fate::Fail(error) => return self.fail(id, &error, told),
        }
        let session = self.session.clone();
        match Run::with_host(exchange, session, statements, has_host, !powershell.no_input) {
            Ok(run) => {
                let run = Box::new(run);
                self.executions
                    .insert(id, Execution { run, phase: Phase::Running, has_host, told });
            }
            Err(error) => self.fail(id, &error, told),
        }
    }

    fn give_input(&mut self, id: PipelineId, give: impl FnOnce(&mut Run)) {
        if let Some(execution) = self.executions.get_mut(&id) {
            give(&mut execution.run);
            if execution.phase == Phase::Starved {
                execution.phase = Phase::Running;
            }
        }
    }

    /// Takes one record of a running pipeline.
    pub(crate) fn advance(&mut self, exchange: &mut Exchange, id: PipelineId) {
        let Some(execution) = self.executions.get_mut(&id) else { return };
        let (has_host, told) = (execution.has_host, execution.told);
        let result = execution.run.next(exchange);
        match result {
            Ok(Some(record)) => self.record(id, record, has_host, told),
            Ok(None) => {
                self.executions.remove(&id);
                self.tell(|pool| pool.complete(id));
            }
            Err(error) => self.fail(id, &error, told),
        }
        // The next pipeline may have begun.
        self.handle_events(exchange);
    }

    fn record(
        &mut self,
        id: PipelineId,
        record: Record,
        has_host: bool,
        told: RemoteStreamOptions,
    ) {
        let line = |method, text: &str| (method, text.to_owned());
        let line = match record {
            Record::Output(item) => {
                self.tell(|pool| pool.output(id, &item.to_clixml()));
                return;
            }
            Record::Error(error) => {
                self.tell(|pool| pool.error(id, &error_record(&error, told)));
                return;
            }
            Record::Warning(text) => {
                self.tell(|pool| pool.warning(id, &text));
                line(HostMethod::WriteWarningLine, &text)
            }
            Record::Verbose(text) => {
                self.tell(|pool| pool.verbose(id, &text));
                line(HostMethod::WriteVerboseLine, &text)
            }
            Record::WhatIf(text) => line(HostMethod::WriteLine2, &text),
            Record::Starved => return self.wait(id, Phase::Starved),
            Record::Confirm(_) if !has_host => {
                let Some(execution) = self.executions.get_mut(&id) else { return };
                let error = execution.run.refuse();
                return self.fail(id, &error, told);
            }
            Record::Confirm(prompt) => {
                return self.ask(id, &host::confirmation(&prompt), Phase::Confirming);
            }
            Record::Supply(missing) => {
                return self.ask(id, &host::parameters(&missing), Phase::Missing);
            }
        };
        if has_host {
            let (method, text) = line;
            self.tell(|pool| pool.host_call(Some(id), method, vec![text.into()]));
        }
    }

    fn wait(&mut self, id: PipelineId, phase: Phase) {
        if let Some(execution) = self.executions.get_mut(&id) {
            execution.phase = phase;
        }
    }

    fn ask(&mut self, id: PipelineId, request: &HostRequest, phase: fn(i64) -> Phase) {
        if let Some(call) = self.tell(|pool| pool.host_request(Some(id), request)) {
            self.wait(id, phase(call));
        }
    }

    fn host_answered(&mut self, response: &HostResponse) {
        let asked = |phase: Phase| matches!(phase, Phase::Confirming(call) | Phase::Missing(call) if call == response.call_id);
        let Some((&id, execution)) =
            self.executions.iter_mut().find(|(_, execution)| asked(execution.phase))
        else {
            return;
        };
        let phase = std::mem::replace(&mut execution.phase, Phase::Running);
        let result = match (&response.result, phase) {
            (HostResult::Returned(value), Phase::Missing(_)) => {
                execution.run.supply(&convert::supplied(value, &self.pool))
            }
            (HostResult::Returned(value), _) => {
                execution.run.answer(Answer::of_choice(value.as_i64().unwrap_or(2)));
                Ok(())
            }
            // The host's exception becomes the cmdlet's.
            (HostResult::Threw(error), _) => {
                let error = error.as_ref().clone();
                self.executions.remove(&id);
                return self.tell(|pool| pool.fail(id, error));
            }
            (other, _) => {
                tracing::debug!(result = ?other, "left alone");
                Ok(())
            }
        };
        if let Err(error) = result {
            self.fail(id, &error, RemoteStreamOptions::NONE);
        }
    }

    fn fail(&mut self, id: PipelineId, error: &CmdletError, told: RemoteStreamOptions) {
        self.executions.remove(&id);
        self.tell(|pool| pool.fail(id, error_record(error, told)));
    }

    /// Lists commands as the protocol's own request for them is answered: a count, then the commands.
    fn describe_commands(&mut self, id: PipelineId, request: &GetCommandMetadata) {
        let commands = metadata::wanted(request);
        self.tell(|pool| pool.command_metadata(id, &commands));
    }
}

/// Returns whether a host can show lines and answer prompts.
const fn answers(host: &HostInfo) -> bool {
    !host.is_host_null && !host.is_host_ui_null
}

fn error_record(error: &CmdletError, told: RemoteStreamOptions) -> psrp::ErrorRecord {
    let record = convert::error_record(error);
    let wanted = told.bits() & RemoteStreamOptions::ERROR.bits() != 0;
    if wanted && !error.activity.is_empty() {
        record.invocation(InvocationInfo::new(error.activity.as_str()))
    } else {
        record
    }
}
