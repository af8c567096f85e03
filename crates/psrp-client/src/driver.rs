//! The tasks that keep a pool moving, and the state they share.
//!
//! The machine of [`psrp`] sits under a lock that is never held while waiting. Whoever changes it rings the bell of the
//! sending task, which performs what the machine wants sent, one thing after the other as the protocol asks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use psrp::crypto::KeyPair;
use psrp::state::RunspacePoolState;
use psrp::{
    BreakCause, Event, InputStream, Payload, PipelineEvent, PipelineId, PipelineSignal, PowerShell,
    RunspacePool as Machine, StreamTarget, Transmit,
};
use tokio::sync::{Notify, OnceCell, watch};
use wsman::client::{Error as ShellError, Received, Shell};
use wsman::{CommandId, ReceiveResponse, SignalCode};

use crate::error::Error;
use crate::invocation::{Entry, Invocation};
use crate::outlet::Outlet;
use crate::pool::PoolOptions;

/// What the tasks of one pool share.
pub(crate) struct Driver {
    state: Mutex<State>,
    /// Rung when the machine may want something sent.
    bell: Notify,
    shell: Shell,
    /// The largest payload of a command and of a send, as computed for the smallest envelope.
    budgets: (usize, usize),
    options: PoolOptions,
    key_pair: OnceCell<()>,
    closed: watch::Sender<bool>,
}

struct State {
    machine: Machine,
    pipelines: HashMap<PipelineId, Arc<Outlet<Entry>>>,
    /// The names under which the server knows them; kept until they are terminated.
    commands: HashMap<PipelineId, CommandId>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("shell", self.shell.id()).finish_non_exhaustive()
    }
}

impl Driver {
    /// Takes over an opened machine and starts its tasks.
    pub(crate) fn start_tasks(machine: Machine, shell: Shell, options: PoolOptions) -> Arc<Self> {
        let state = State { machine, pipelines: HashMap::new(), commands: HashMap::new() };
        let budgets = (shell.command_budget(), shell.send_budget());
        let driver = Arc::new(Self {
            state: Mutex::new(state),
            bell: Notify::new(),
            shell,
            budgets,
            options,
            key_pair: OnceCell::new(),
            closed: watch::Sender::new(false),
        });
        tokio::spawn(Arc::clone(&driver).send_what_is_due());
        tokio::spawn(Arc::clone(&driver).hear_the_pool());
        driver
    }

    pub(crate) fn options(&self) -> &PoolOptions {
        &self.options
    }

    pub(crate) fn shell(&self) -> &Shell {
        &self.shell
    }

    pub(crate) fn is_open(&self) -> bool {
        self.lock().machine.state() == RunspacePoolState::Opened
    }

    /// Makes the key pair of the pool, which takes too long for a thread that serves others.
    pub(crate) async fn prepare_key_pair(&self) {
        let make = async {
            let made = tokio::task::spawn_blocking(|| KeyPair::generate(&mut rand::rng())).await;
            if let Ok(Ok(pair)) = made {
                self.lock().machine.set_key_pair(pair);
            }
        };
        self.key_pair.get_or_init(|| make).await;
    }

    /// Starts a pipeline.
    pub(crate) fn start(self: &Arc<Self>, powershell: PowerShell) -> Result<Invocation, Error> {
        let label = label(&powershell);
        let outlet = Arc::new(Outlet::new(self.options.buffered_records));
        let id = self.change(|state| {
            let id = state.machine.create_pipeline(powershell)?;
            state.pipelines.insert(id, Arc::clone(&outlet));
            Ok::<_, Error>(id)
        })?;
        Ok(Invocation::new(Arc::clone(self), id, label, outlet))
    }

    /// Stops a pipeline; one that does not stop in time is given up.
    pub(crate) fn stop(self: &Arc<Self>, id: PipelineId) {
        if !self.change(|state| state.machine.stop(id).is_ok() && state.machine.is_running(id)) {
            return;
        }
        let driver = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(driver.options.control_timeout).await;
            driver.change(|state| state.machine.pipeline_lost(id, "it did not stop in time"));
        });
    }

    /// Closes the pool; [`Self::wait_closed`] waits for it.
    pub(crate) fn close(&self) {
        // The only refusal is that the pool was never opened, and then there is nothing to close.
        let _ = self.change(|state| state.machine.close());
    }

    /// Waits until the shell is deleted, or the attempt has failed.
    pub(crate) async fn wait_closed(&self) {
        let mut closed = self.closed.subscribe();
        let wait = closed.wait_for(|closed| *closed);
        let _ = tokio::time::timeout(self.options.control_timeout, wait).await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the machine, hands on what happened, and rings the bell.
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        state.hand_on_events();
        drop(state);
        self.bell.notify_one();
        result
    }

    /// Performs what the machine wants sent until the shell is deleted.
    async fn send_what_is_due(self: Arc<Self>) {
        loop {
            let (due, deadline) = {
                let mut state = self.lock();
                (state.machine.poll_transmit(), state.machine.poll_timeout(Instant::now()))
            };
            match due {
                Some(Transmit::DeleteShell) => break self.delete_shell().await,
                Some(transmit) => self.perform(transmit).await,
                None => self.wait_for_the_bell(deadline).await,
            }
        }
    }

    async fn wait_for_the_bell(&self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return self.bell.notified().await };
        if tokio::time::timeout_at(deadline.into(), self.bell.notified()).await.is_err() {
            self.change(|state| state.machine.handle_timeout(Instant::now()));
        }
    }

    async fn perform(self: &Arc<Self>, transmit: Transmit) {
        match transmit {
            Transmit::CreateCommand { pipeline, payload, .. } => {
                self.create_command(pipeline, payload).await
            }
            Transmit::Send { target, stream, payload, .. } => {
                self.send(target, stream, payload).await
            }
            Transmit::Signal { pipeline, signal, .. } => self.signal(pipeline, signal).await,
            // The shell exists, and its deletion ends the loop that calls this.
            _ => tracing::debug!("nothing to do"),
        }
    }

    async fn create_command(self: &Arc<Self>, pipeline: PipelineId, mut payload: Payload) {
        let (command_budget, send_budget) = self.budgets;
        let id = CommandId::from(pipeline.uuid());
        let first = payload.split_to(command_budget);
        let command = match self.shell.command(Some(id), &first).await {
            Ok(command) => command,
            Err(error) => return self.lose(pipeline, error, false),
        };
        self.lock().commands.insert(pipeline, command.clone());
        for piece in payload.split(send_budget) {
            if let Err(error) =
                self.shell.send(Some(&command), InputStream::Stdin.name(), &piece).await
            {
                return self.lose(pipeline, error, true);
            }
        }
        let outlet = self.lock().pipelines.get(&pipeline).cloned();
        if let Some(outlet) = outlet {
            tokio::spawn(Arc::clone(self).hear_a_pipeline(pipeline, command, outlet));
        }
    }

    async fn send(&self, target: Option<PipelineId>, stream: InputStream, payload: Payload) {
        let command = match target {
            None => None,
            Some(pipeline) => match self.lock().commands.get(&pipeline).cloned() {
                Some(command) => Some(command),
                None => return,
            },
        };
        for piece in payload.split(self.budgets.1) {
            match (self.shell.send(command.as_ref(), stream.name(), &piece).await, target) {
                (Ok(()), _) => {}
                (Err(error), Some(pipeline)) => return self.lose(pipeline, error, true),
                (Err(error), None) => return self.break_pool(&error),
            }
        }
    }

    async fn signal(&self, pipeline: PipelineId, signal: PipelineSignal) {
        let (command, code) = match signal {
            PipelineSignal::Stop => {
                (self.lock().commands.get(&pipeline).cloned(), SignalCode::PowerShellStop)
            }
            PipelineSignal::Terminate => {
                (self.lock().commands.remove(&pipeline), SignalCode::Terminate)
            }
        };
        // A command that was never created needs no signal.
        let Some(command) = command else { return };
        let sent =
            tokio::time::timeout(self.options.control_timeout, self.shell.signal(&command, code));
        match sent.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%command, %error, "a signal failed"),
            Err(_) => tracing::debug!(%command, "a signal got no answer"),
        }
    }

    async fn delete_shell(&self) {
        match tokio::time::timeout(self.options.control_timeout, self.shell.delete()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(shell = %self.shell.id(), %error, "the shell could not be deleted")
            }
            Err(_) => tracing::warn!(shell = %self.shell.id(), "deleting the shell got no answer"),
        }
        self.change(|state| state.machine.handle_shell_deleted());
        self.closed.send_replace(true);
    }

    /// Keeps a Receive pending on the pool: it brings keys, states and host calls, and keeps the shell from idling out.
    async fn hear_the_pool(self: Arc<Self>) {
        let lost = AtomicU32::new(0);
        while self.is_open() {
            match self.until_closed(self.shell.receive(None)).await {
                None => return,
                Some(Ok(Received::Output(output))) => {
                    lost.store(0, Ordering::Relaxed);
                    self.take_in(StreamTarget::Pool, None, &output);
                }
                Some(Ok(_)) => lost.store(0, Ordering::Relaxed),
                // What a lost answer may have carried shows as a gap in the stream, or is missed by nobody.
                Some(Err(ShellError::Lost { .. }))
                    if lost.fetch_add(1, Ordering::Relaxed) < POOL_RECEIVES => {}
                Some(Err(error)) => return self.break_pool(&error),
            }
        }
    }

    /// Fetches the output of a command until it has ended.
    async fn hear_a_pipeline(
        self: Arc<Self>,
        pipeline: PipelineId,
        command: CommandId,
        outlet: Arc<Outlet<Entry>>,
    ) {
        while self.is_running(pipeline) {
            outlet.wait_for_room().await;
            match self.until_closed(self.shell.receive(Some(&command))).await {
                None => return,
                Some(Ok(Received::Output(output))) => {
                    self.take_in(StreamTarget::Pipeline(pipeline), Some(&command), &output);
                    if output.is_done() {
                        self.change(|state| state.machine.handle_command_done(pipeline));
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return self.lose(pipeline, error, true),
            }
        }
    }

    /// Waits for a Receive, but not beyond the end of the shell, after which no answer may ever come.
    async fn until_closed<T>(&self, receive: impl Future<Output = T>) -> Option<T> {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            received = receive => Some(received),
            _ = closed.wait_for(|closed| *closed) => None,
        }
    }

    fn is_running(&self, pipeline: PipelineId) -> bool {
        self.lock().machine.is_running(pipeline)
    }

    fn take_in(&self, target: StreamTarget, command: Option<&CommandId>, output: &ReceiveResponse) {
        self.change(|state| {
            for part in &output.streams {
                if part.command_id.as_ref().is_some_and(|theirs| Some(theirs) != command) {
                    tracing::warn!(?target, theirs = ?part.command_id, "output of another command was left out");
                } else if let Err(error) = state.machine.handle_fragments(target, &part.data) {
                    // The machine has ended the pipeline or the pool, and its events say so.
                    tracing::warn!(?target, %error, "a stream broke off");
                    return;
                }
            }
        });
    }

    /// Ends a pipeline that the transport failed.
    fn lose(&self, pipeline: PipelineId, error: ShellError, started: bool) {
        self.change(|state| {
            if let Some(outlet) =
                state.pipelines.get(&pipeline).filter(|_| state.machine.is_running(pipeline))
            {
                outlet.put(Entry::Failed { error, started });
            }
            state.machine.pipeline_lost(pipeline, "the transport failed");
        });
    }

    fn break_pool(&self, error: &ShellError) {
        // While the shell is being deleted every Receive ends in an error, as it should.
        if self.is_open() {
            let shell = self.shell.id();
            tracing::warn!(%shell, error = error as &dyn std::error::Error, "the session broke");
        }
        let reason = chain(error);
        self.change(|state| state.machine.broken(reason));
    }
}

impl State {
    fn hand_on_events(&mut self) {
        while let Some(event) = self.machine.poll_event() {
            match event {
                Event::Pipeline { id, event, .. } => self.hand_on(id, event),
                Event::Broken { cause, .. } => self.end_all(&cause),
                other => tracing::debug!(event = name(&other), "an event of the pool"),
            }
        }
    }

    fn hand_on(&mut self, id: PipelineId, event: PipelineEvent) {
        let is_last = matches!(event, PipelineEvent::Finished(_));
        let Some(outlet) = self.pipelines.get(&id) else { return };
        outlet.put(Entry::Event(event));
        if is_last {
            outlet.end();
            self.pipelines.remove(&id);
        }
    }

    /// The machine has ended every pipeline before; this is for those it does not know.
    fn end_all(&mut self, cause: &BreakCause) {
        tracing::debug!(%cause, "the pool broke");
        for (_, outlet) in self.pipelines.drain() {
            outlet.end();
        }
    }
}

/// The names of the commands, for messages; a script's text may hold anything and is not shown.
fn label(powershell: &PowerShell) -> String {
    let name = |command: &psrp::Command| match command.is_script {
        true => "a script".to_owned(),
        false => command.name.clone(),
    };
    powershell.commands().iter().map(name).collect::<Vec<_>>().join(" | ")
}

/// An error with all its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// A word for the log, without what the event carries.
fn name(event: &Event) -> &'static str {
    match event {
        Event::Opened { .. } => "opened",
        Event::ApplicationPrivateData(_) => "private data",
        Event::HostCall(_) => "host call",
        Event::SessionKeyReady => "session key",
        Event::Undecodable { .. } => "unreadable message",
        Event::Unhandled { .. } => "message without a place",
        Event::Closed => "closed",
        _ => "other",
    }
}

/// Lost Receives of the pool in a row after which it counts as broken.
const POOL_RECEIVES: u32 = 3;
