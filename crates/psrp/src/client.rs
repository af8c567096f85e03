//! The client's runspace pool, with its pipelines.
//!
//! Spec: [MS-PSRP] 3.1 Client Details.
//!
//! What surprised: a server leaves a message it cannot read without any answer; every finished command keeps a place in a
//! quota until it is terminated; and a server may send SecureStrings under a key nobody asked for yet.

mod connection;
mod event;
mod host;
mod input;
mod key;
mod options;
mod receive;

use core::fmt;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use clixml::Value;
use rand_core::CryptoRng;
use secrecy::SecretString;

pub use event::{
    BreakCause, Event, FinalState, InputStream, PipelineEvent, PipelineLoss, PipelineOutcome,
    PipelineSignal, Transmit,
};
pub use options::PoolOptions;

use crate::command_metadata::GetCommandMetadata;
use crate::crypto::{KeyPair, SecretEncoding};
use crate::error::{CryptoError, StateError};
use crate::fragment::{Defragmenter, Fragmenter};
use crate::host::HostMethod;
use crate::id::{PipelineId, RunspacePoolId};
use crate::message::{Destination, Message, MessageType};
use crate::payload::Payload;
use crate::pool_messages::{InitRunspacePool, RunspaceRequest};
use crate::powershell::PowerShell;
use crate::state::RunspacePoolState;
use crate::version::{ProtocolVersion, SessionCapability};
use host::PendingAnswer;
use input::Pending;
use key::KeyExchange;

/// A runspace pool as its client sees it.
///
/// After any call with `&mut self`, drain [`poll_transmit`](Self::poll_transmit) and then
/// [`poll_event`](Self::poll_event) until both are `None`; before waiting, ask [`poll_timeout`](Self::poll_timeout).
///
/// Unless the options claim a host, calls to it for a value are answered at once with an error; calls without a value are
/// only reported. With a host, [`respond`](Self::respond) answers them.
pub struct RunspacePool {
    id: RunspacePoolId,
    options: PoolOptions,
    rng: Box<dyn CryptoRng + Send + Sync>,
    state: RunspacePoolState,
    negotiated: Option<ProtocolVersion>,
    fragmenter: Fragmenter,
    stream: Defragmenter,
    /// Those that have not ended; an ended one is forgotten.
    pipelines: BTreeMap<PipelineId, Pipeline>,
    /// The streams of those that completed, until somebody is told so.
    completed: BTreeMap<PipelineId, Defragmenter>,
    key: KeyExchange,
    next_call_id: i64,
    /// Set while the pool of another client is being joined.
    is_joining: bool,
    /// Calls to the host that wait for an answer.
    calls: BTreeMap<(Option<PipelineId>, i64), HostMethod>,
    /// Answers that wait for the session key.
    answers: Vec<PendingAnswer>,
    transmits: VecDeque<Transmit>,
    /// What is to be sent when the pool is connected again.
    held: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

struct Pipeline {
    stream: Defragmenter,
    takes_input: bool,
    /// Calls to the host are left to the caller.
    has_host: bool,
    /// Set until the session key has come: nothing of the pipeline was sent yet.
    start: Option<Box<PowerShell>>,
    /// Input that waits for the session key, and what came after it.
    backlog: Vec<Pending>,
}

impl RunspacePool {
    /// Makes a pool that is not open yet.
    ///
    /// `rng` gives ids and keys. It has to be one for cryptography, seeded from the operating system.
    #[must_use]
    pub fn new(options: PoolOptions, mut rng: Box<dyn CryptoRng + Send + Sync>) -> Self {
        let id = options.id.unwrap_or_else(|| RunspacePoolId::random(&mut *rng));
        Self {
            id,
            fragmenter: Fragmenter::new(options.max_fragment_size),
            stream: Defragmenter::new(options.limits),
            options,
            rng,
            state: RunspacePoolState::BeforeOpen,
            negotiated: None,
            pipelines: BTreeMap::new(),
            completed: BTreeMap::new(),
            key: KeyExchange::default(),
            next_call_id: 1,
            is_joining: false,
            calls: BTreeMap::new(),
            answers: Vec::new(),
            transmits: VecDeque::new(),
            held: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// The id of the pool, which is also the ShellId to ask for.
    #[must_use]
    pub const fn id(&self) -> RunspacePoolId {
        self.id
    }

    /// The state of the pool.
    #[must_use]
    pub const fn state(&self) -> RunspacePoolState {
        self.state
    }

    /// The version in force, once the server has answered.
    #[must_use]
    pub const fn version(&self) -> Option<ProtocolVersion> {
        self.negotiated
    }

    /// True while this pipeline has not ended.
    #[must_use]
    pub fn is_running(&self, pipeline: PipelineId) -> bool {
        self.pipelines.contains_key(&pipeline)
    }

    /// Sets the size of fragments from now on, header included; for transports that learn later what they may send.
    pub fn set_max_fragment_size(&mut self, bytes: usize) {
        self.fragmenter.set_max_fragment_size(bytes);
    }

    /// Gives the pool a key pair, so that it need not generate one when the first secret is sent, which takes a while.
    /// Without effect once a public key was sent.
    pub fn set_key_pair(&mut self, pair: KeyPair) {
        self.key.set_pair(pair);
    }

    /// Opens the pool.
    ///
    /// # Errors
    ///
    /// [`StateError::Pool`] when it was opened before.
    pub fn open(&mut self) -> Result<(), StateError> {
        self.expect_state("open", RunspacePoolState::BeforeOpen, "not opened yet")?;
        let capability = SessionCapability::new(self.options.protocol_version).to_value();
        let mut init =
            InitRunspacePool::new(self.options.min_runspaces, self.options.max_runspaces);
        init.application_arguments = self.options.application_arguments.clone();
        init.host = self.options.host.clone();
        let mut bytes = Vec::new();
        self.append(&mut bytes, MessageType::SessionCapability, None, body(&capability));
        self.append(&mut bytes, MessageType::InitRunspacePool, None, body(&init.to_value()));
        self.state = RunspacePoolState::Opening;
        self.transmits.push_back(Transmit::OpenShell { payload: Payload::new(bytes) });
        Ok(())
    }

    /// Creates a pipeline. One with a secret waits for the session key, which is asked for now if it was not before.
    ///
    /// The first such pipeline may generate a key pair, which takes from a tenth of a second to seconds.
    ///
    /// # Errors
    ///
    /// [`StateError::Pool`] unless the pool is open, [`StateError::NoCommands`] for a statement without commands,
    /// [`StateError::Version`] for several statements below protocol 2.2, [`StateError::Secret`] when no key pair could be
    /// made.
    pub fn create_pipeline(&mut self, powershell: PowerShell) -> Result<PipelineId, StateError> {
        self.expect_state("create_pipeline", RunspacePoolState::Opened, "open")?;
        let empty = powershell.statements.iter().any(|statement| statement.commands.is_empty());
        if powershell.statements.is_empty() || empty {
            return Err(StateError::NoCommands);
        }
        if powershell.statements.len() > 1 {
            self.expect_version("several statements", ProtocolVersion::V2_2)?;
        }
        let takes_input = !powershell.no_input;
        let has_host = match powershell.host.use_runspace_host {
            true => !self.options.host.is_host_null,
            false => !powershell.host.is_host_null,
        };
        if powershell.has_secrets() && !self.secrets().is_ready() {
            self.wait_for_key()?;
            return Ok(self.add_pipeline(takes_input, has_host, Some(Box::new(powershell))));
        }
        let message =
            powershell.to_value(self.effective(), self.secrets()).map_err(StateError::Secret)?;
        let id = self.add_pipeline(takes_input, has_host, None);
        self.transmit_command(id, MessageType::CreatePipeline, body(&message));
        Ok(id)
    }

    /// Asks for the commands of the session; the answer comes as a pipeline's output.
    ///
    /// # Errors
    ///
    /// [`StateError::Pool`] unless the pool is open.
    pub fn get_command_metadata(
        &mut self,
        request: &GetCommandMetadata,
    ) -> Result<PipelineId, StateError> {
        self.expect_state("get_command_metadata", RunspacePoolState::Opened, "open")?;
        let id = self.add_pipeline(false, !self.options.host.is_host_null, None);
        self.transmit_command(id, MessageType::GetCommandMetadata, body(&request.to_value()));
        Ok(id)
    }

    /// Stops a pipeline. Its end still has to come, and may be Completed all the same.
    ///
    /// One that waits for the session key ends at once.
    ///
    /// # Errors
    ///
    /// [`StateError::UnknownPipeline`] for one that has ended, [`StateError::Pool`] while the pool is not connected.
    pub fn stop(&mut self, pipeline: PipelineId) -> Result<(), StateError> {
        if self.running("stop", pipeline)?.start.is_some() {
            self.finish(
                pipeline,
                PipelineOutcome { state: FinalState::Stopped, error: None, loss: None },
            );
            return Ok(());
        }
        self.expect_state("stop", RunspacePoolState::Opened, "open")?;
        self.transmit(Transmit::Signal { pipeline, signal: PipelineSignal::Stop });
        Ok(())
    }

    /// Asks a question about the runspaces or changes them; returns the id that the answer carries.
    ///
    /// # Errors
    ///
    /// [`StateError::Pool`] unless the pool is open, [`StateError::Version`] for a reset below protocol 2.3.
    pub fn request_runspaces(&mut self, request: RunspaceRequest) -> Result<i64, StateError> {
        self.expect_state("request_runspaces", RunspacePoolState::Opened, "open")?;
        if request == RunspaceRequest::ResetState {
            self.expect_version("resetting a runspace", ProtocolVersion::V2_3)?;
        }
        let call_id = self.next_call_id;
        self.next_call_id += 1;
        let message = body(&request.to_value(call_id));
        self.transmit_send(None, InputStream::Stdin, request.message_type(), message);
        Ok(call_id)
    }

    /// Closes the pool: ends every pipeline and deletes the shell. Without effect when it is closing or closed already.
    ///
    /// # Errors
    ///
    /// [`StateError::Pool`] when it was never opened.
    pub fn close(&mut self) -> Result<(), StateError> {
        match self.state {
            RunspacePoolState::BeforeOpen => return Err(self.wrong_state("close", "open")),
            RunspacePoolState::Closing | RunspacePoolState::Closed | RunspacePoolState::Broken => {
                return Ok(());
            }
            _ => {}
        }
        let was_away = self.is_away();
        self.state = RunspacePoolState::Closing;
        self.lose_all(FinalState::Stopped, &PipelineLoss::PoolClosed);
        self.held.clear();
        if was_away {
            // A disconnected shell takes nothing but its deletion.
            self.transmits.clear();
        }
        self.transmits.push_back(Transmit::DeleteShell);
        Ok(())
    }

    /// Decrypts the bytes of a SecureString of the server.
    ///
    /// # Errors
    ///
    /// [`CryptoError::NoKey`] before [`Event::SessionKeyReady`], [`CryptoError::Decryption`] and [`CryptoError::Utf16`] for
    /// bytes that are no SecureString of this session.
    pub fn decrypt_secure_string(&self, bytes: &[u8]) -> Result<SecretString, CryptoError> {
        self.secrets().decode(bytes)
    }

    /// Tells the pool that its command is done. Without a final state before, the pipeline is lost.
    pub fn handle_command_done(&mut self, pipeline: PipelineId) {
        self.lose(pipeline, PipelineLoss::NoFinalState);
    }

    /// Tells the pool that the transport lost a command. The pool lives on.
    pub fn pipeline_lost(&mut self, pipeline: PipelineId, reason: impl Into<String>) {
        self.lose(pipeline, PipelineLoss::Transport(reason.into()));
    }

    /// Tells the pool that the transport lost the shell.
    pub fn broken(&mut self, reason: impl Into<String>) {
        self.break_pool(BreakCause::Transport(reason.into()));
    }

    /// Tells the pool that the shell is deleted, or that the attempt failed: it is gone either way.
    pub fn handle_shell_deleted(&mut self) {
        if self.state == RunspacePoolState::Closing {
            self.state = RunspacePoolState::Closed;
            self.events.push_back(Event::Closed);
        }
    }

    /// Tells the pool the time, at the latest when [`poll_timeout`](Self::poll_timeout) says.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.key.deadline(now, self.options.key_timeout).is_some_and(|end| end <= now) {
            self.key_timed_out();
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called. Waits that began since the last call count from
    /// `now`.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        self.key.deadline(now, self.options.key_timeout)
    }

    /// What the transport has to do next, in this order.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if let Some(Event::Pipeline { id, event: PipelineEvent::Finished(_) }) = &event {
            self.completed.remove(id);
        }
        event
    }

    /// The version in force, or the one claimed as long as the server has not answered.
    fn effective(&self) -> ProtocolVersion {
        self.negotiated.unwrap_or(self.options.protocol_version)
    }

    fn secrets(&self) -> &SecretEncoding {
        if self.effective().encrypts_secure_strings() {
            &self.key.secrets
        } else {
            &SecretEncoding::Unprotected
        }
    }

    fn wrong_state(&self, operation: &'static str, expected: &'static str) -> StateError {
        StateError::Pool { operation, state: self.state.name(), expected }
    }

    fn expect_state(
        &self,
        operation: &'static str,
        state: RunspacePoolState,
        expected: &'static str,
    ) -> Result<(), StateError> {
        if self.state == state { Ok(()) } else { Err(self.wrong_state(operation, expected)) }
    }

    fn expect_version(
        &self,
        feature: &'static str,
        needed: ProtocolVersion,
    ) -> Result<(), StateError> {
        let negotiated = self.effective();
        if negotiated >= needed {
            Ok(())
        } else {
            Err(StateError::Version { feature, needed, negotiated })
        }
    }

    fn running(
        &mut self,
        operation: &'static str,
        pipeline: PipelineId,
    ) -> Result<&mut Pipeline, StateError> {
        self.pipelines.get_mut(&pipeline).ok_or(StateError::UnknownPipeline { operation, pipeline })
    }

    fn add_pipeline(
        &mut self,
        takes_input: bool,
        has_host: bool,
        start: Option<Box<PowerShell>>,
    ) -> PipelineId {
        let id = PipelineId::random(&mut *self.rng);
        let stream = Defragmenter::new(self.options.limits);
        self.pipelines
            .insert(id, Pipeline { stream, takes_input, has_host, start, backlog: Vec::new() });
        id
    }

    /// Ends a pipeline, once. What has reached the server is terminated there.
    fn finish(&mut self, id: PipelineId, outcome: PipelineOutcome) {
        let Some(pipeline) = self.pipelines.remove(&id) else { return };
        self.forget_calls(id);
        if pipeline.start.is_none() {
            self.transmit(Transmit::Signal { pipeline: id, signal: PipelineSignal::Terminate });
        }
        if outcome.state == FinalState::Completed {
            self.completed.insert(id, pipeline.stream);
        }
        self.events.push_back(Event::Pipeline { id, event: PipelineEvent::Finished(outcome) });
    }

    fn lose(&mut self, id: PipelineId, loss: PipelineLoss) {
        self.finish(
            id,
            PipelineOutcome { state: FinalState::Failed, error: None, loss: Some(loss) },
        );
    }

    fn lose_all(&mut self, state: FinalState, loss: &PipelineLoss) {
        let ids: Vec<_> = self.pipelines.keys().copied().collect();
        for id in ids {
            self.finish(id, PipelineOutcome { state, error: None, loss: Some(loss.clone()) });
        }
    }

    /// The pipelines that no server has heard of: they wait for the session key, or to be handed out.
    fn unsent(&self) -> Vec<PipelineId> {
        let waiting = self.pipelines.iter().filter(|(_, pipeline)| pipeline.start.is_some());
        let due = self.transmits.iter().chain(&self.held).filter_map(|due| match due {
            Transmit::CreateCommand { pipeline, .. } => Some(*pipeline),
            _ => None,
        });
        waiting.map(|(id, _)| *id).chain(due).collect()
    }

    fn break_pool(&mut self, cause: BreakCause) {
        match self.state {
            RunspacePoolState::Closed | RunspacePoolState::Broken => return,
            // Whatever goes wrong while closing, the pool is gone as was wished.
            RunspacePoolState::Closing => return self.handle_shell_deleted(),
            _ => {}
        }
        // A pool that could not be joined is not ours to delete.
        let was_opened = self.state != RunspacePoolState::BeforeOpen && !self.is_joining;
        self.state = RunspacePoolState::Broken;
        for id in self.unsent() {
            self.lose(id, PipelineLoss::NotSent);
        }
        self.lose_all(FinalState::Failed, &PipelineLoss::PoolBroken);
        // The shell is gone or will be: its commands need no word of their own.
        self.transmits.clear();
        self.held.clear();
        self.calls.clear();
        self.answers.clear();
        if was_opened {
            self.transmits.push_back(Transmit::DeleteShell);
        }
        self.events.push_back(Event::Broken { cause });
    }

    fn message(
        &self,
        message_type: MessageType,
        pipeline: Option<PipelineId>,
        body: Vec<u8>,
    ) -> Vec<u8> {
        let message = Message {
            destination: Destination::Server,
            message_type,
            pool: self.id,
            pipeline: pipeline.unwrap_or(PipelineId::NIL),
            body: body.into(),
        };
        message.to_bytes()
    }

    fn append(
        &mut self,
        out: &mut Vec<u8>,
        message_type: MessageType,
        pipeline: Option<PipelineId>,
        body: Vec<u8>,
    ) {
        let message = self.message(message_type, pipeline, body);
        self.fragmenter.fragment(&message, out);
    }

    /// Sends something now, or when the pool is connected again.
    fn transmit(&mut self, due: Transmit) {
        if self.is_away() { self.held.push_back(due) } else { self.transmits.push_back(due) }
    }

    fn transmit_command(&mut self, pipeline: PipelineId, message_type: MessageType, body: Vec<u8>) {
        let mut bytes = Vec::new();
        self.append(&mut bytes, message_type, Some(pipeline), body);
        self.transmit(Transmit::CreateCommand { pipeline, payload: Payload::new(bytes) });
    }

    fn transmit_send(
        &mut self,
        target: Option<PipelineId>,
        stream: InputStream,
        message_type: MessageType,
        body: Vec<u8>,
    ) {
        let mut bytes = Vec::new();
        self.append(&mut bytes, message_type, target, body);
        self.transmit(Transmit::Send { target, stream, payload: Payload::new(bytes) });
    }
}

impl fmt::Debug for RunspacePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunspacePool")
            .field("id", &self.id)
            .field("state", &self.state)
            .field("version", &self.negotiated)
            .field("pipelines", &self.pipelines.len())
            .finish_non_exhaustive()
    }
}

fn body(value: &Value) -> Vec<u8> {
    clixml::write_value(value).into_bytes()
}
