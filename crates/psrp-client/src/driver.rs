//! The tasks that keep a pool moving, and the state they share.
//!
//! The machine of [`psrp`] sits under a lock that is never held while waiting. Whoever changes it rings the bell of the
//! sending task, which performs what the machine wants sent, one thing after the other as the protocol asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use psrp::clixml::Value;
use psrp::crypto::KeyPair;
use psrp::host::{HostAnswer, HostCall};
use psrp::pool_messages::Availability;
use psrp::state::RunspacePoolState;
use psrp::{
    BreakCause, Event, GetCommandMetadata, InputStream, Payload, PipelineEvent, PipelineId,
    PowerShell, RunspacePool as Machine, StateError, StreamTarget, Transmit, UserEvent,
};
use tokio::sync::{Notify, OnceCell, broadcast, mpsc, oneshot, watch};

use crate::absence::Absence;
use crate::carrier::{Carrier, CarrierError, Heard};
use crate::error::Error;
use crate::host::{self, Call};
use crate::input::{Gauge, Input};
use crate::invocation::{Entry, Invocation};
use crate::outlet::Outlet;
use crate::pool::PoolOptions;

/// What the tasks of one pool share.
pub(crate) struct Driver {
    state: Mutex<State>,
    /// Rung when the machine may want something sent.
    bell: Notify,
    /// Rung at every change of the state.
    news: Notify,
    carrier: Carrier,
    options: PoolOptions,
    key_pair: OnceCell<()>,
    closed: watch::Sender<bool>,
    /// Becomes true when something may come for the pool.
    expects: watch::Sender<bool>,
}

/// The machine, and who waits for what of it.
pub(crate) struct State {
    pub(crate) machine: Machine,
    pipelines: HashMap<PipelineId, Running>,
    /// Those who asked about runspaces, by the id of the call.
    pub(crate) questions: HashMap<i64, oneshot::Sender<Availability>>,
    /// Gone when the pool has ended.
    pub(crate) user_events: Option<broadcast::Sender<Box<UserEvent>>>,
    /// Becomes true when the session key is there.
    pub(crate) key: watch::Sender<bool>,
    /// The way to the host, if there is one; gone when the pool has ended.
    host_calls: Option<mpsc::Sender<Call>>,
    pub(crate) absence: Absence,
}

/// A pipeline that has not ended.
struct Running {
    outlet: Arc<Outlet<Entry>>,
    input: Option<Arc<Gauge>>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver")
            .field("carrier", &format_args!("{}", self.carrier))
            .finish_non_exhaustive()
    }
}

impl Driver {
    /// Takes over an opened machine and starts its tasks.
    pub(crate) fn start_tasks(
        machine: Machine,
        carrier: Carrier,
        options: PoolOptions,
    ) -> Arc<Self> {
        let (host_calls, calls) = host::calls();
        let state = State {
            machine,
            pipelines: HashMap::new(),
            questions: HashMap::new(),
            user_events: Some(broadcast::Sender::new(WAITING_USER_EVENTS)),
            key: watch::Sender::new(false),
            host_calls: options.host.is_some().then_some(host_calls),
            absence: Absence::default(),
        };
        let host = options.host.clone();
        let expects = host.is_some() || matches!(carrier, Carrier::Pipes(_));
        let driver = Arc::new(Self {
            state: Mutex::new(state),
            bell: Notify::new(),
            news: Notify::new(),
            carrier,
            options,
            key_pair: OnceCell::new(),
            closed: watch::Sender::new(false),
            expects: watch::Sender::new(expects),
        });
        tokio::spawn(Arc::clone(&driver).send_what_is_due());
        tokio::spawn(Arc::clone(&driver).hear_the_pool());
        if let Some(host) = host {
            tokio::spawn(Arc::clone(&driver).answer_host_calls(host, calls));
        }
        driver
    }

    pub(crate) fn options(&self) -> &PoolOptions {
        &self.options
    }

    pub(crate) fn carrier(&self) -> &Carrier {
        &self.carrier
    }

    pub(crate) fn is_open(&self) -> bool {
        self.lock().machine.state() == RunspacePoolState::Opened
    }

    /// Makes the key pair of the pool, which takes too long for a thread that serves others.
    pub(crate) async fn prepare_key_pair(&self) {
        let seed = self.options.pool_seed.clone();
        let make = async {
            // A pair that is known was given to the machine before the pool was opened.
            if seed.as_ref().is_some_and(|seed| seed.known_key().is_some()) {
                return;
            }
            let make = move || match seed {
                Some(seed) => seed.key(),
                None => KeyPair::generate(&mut rand::rng()),
            };
            if let Ok(Ok(pair)) = tokio::task::spawn_blocking(make).await {
                self.lock().machine.set_key_pair(pair);
            }
        };
        self.key_pair.get_or_init(|| make).await;
    }

    /// Starts a pipeline; the machine holds back one with a secret until the session key has come.
    pub(crate) fn start(self: &Arc<Self>, powershell: PowerShell) -> Result<Invocation, Error> {
        let label = label(&powershell);
        let takes_input = !powershell.no_input;
        let (invocation, input) =
            self.begin(label, takes_input, |machine| machine.create_pipeline(powershell))?;
        // Nobody gives input to this one, and without an end of its input it would never end.
        drop(input);
        Ok(invocation)
    }

    /// Starts a pipeline that takes input.
    pub(crate) fn start_with_input(
        self: &Arc<Self>,
        powershell: PowerShell,
    ) -> Result<(Invocation, Input), Error> {
        let label = label(&powershell);
        let (invocation, input) =
            self.begin(label, true, |machine| machine.create_pipeline(powershell.with_input()))?;
        let id = invocation.id();
        let input = input.ok_or(StateError::NoInput { pipeline: id })?;
        Ok((invocation, input))
    }

    /// Starts the listing of commands.
    pub(crate) fn start_command_metadata(
        self: &Arc<Self>,
        request: &GetCommandMetadata,
    ) -> Result<Invocation, Error> {
        let label = "the listing of commands".to_owned();
        let (invocation, _) =
            self.begin(label, false, |machine| machine.get_command_metadata(request))?;
        Ok(invocation)
    }

    pub(crate) fn begin(
        self: &Arc<Self>,
        label: String,
        takes_input: bool,
        create: impl FnOnce(&mut Machine) -> Result<PipelineId, StateError>,
    ) -> Result<(Invocation, Option<Input>), Error> {
        let outlet =
            Arc::new(Outlet::new(self.options.buffered_records, self.options.buffered_bytes));
        let gauge = takes_input.then(|| Arc::new(Gauge::default()));
        let id = self.change(|state| {
            let seed = self.options.pool_seed.as_ref();
            if let Some(seed) = seed {
                seed.turn_to(&label);
            }
            let id = create(&mut state.machine)?;
            if let Some(seed) = seed {
                seed.issue(id.uuid());
            }
            let running = Running { outlet: Arc::clone(&outlet), input: gauge.clone() };
            state.pipelines.insert(id, running);
            Ok::<_, StateError>(id)
        })?;
        let input = gauge.map(|gauge| Input::new(Arc::clone(self), id, gauge));
        Ok((Invocation::new(Arc::clone(self), id, label, outlet), input))
    }

    /// Gives an item of input to a pipeline.
    pub(crate) fn give(&self, pipeline: PipelineId, item: &Value) -> Result<(), StateError> {
        self.change(|state| state.machine.send_input(pipeline, item))
    }

    /// Ends the input of a pipeline, if that runs.
    pub(crate) fn end_input(&self, pipeline: PipelineId) {
        // The only refusals are that it has ended, or that its input has.
        let _ = self.change(|state| state.machine.end_input(pipeline));
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

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the machine, hands on what happened, and rings the bell.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        state.hand_on_events();
        drop(state);
        self.bell.notify_one();
        self.news.notify_waiters();
        result
    }

    /// Waits until the state is so.
    pub(crate) async fn until(&self, is_so: impl Fn(&State) -> bool) {
        loop {
            let news = self.news.notified();
            if is_so(&self.lock()) {
                return;
            }
            news.await;
        }
    }

    /// Performs what the machine wants sent until the shell is deleted.
    ///
    /// A server that does not answer keeps nobody from deleting the shell: what is still to be answered a while after the
    /// pool was closed is given up, for it ends with the shell.
    async fn send_what_is_due(self: Arc<Self>) {
        let overdue = self.overdue();
        tokio::pin!(overdue);
        let mut is_overdue = false;
        loop {
            let (due, deadline) = {
                let mut state = self.lock();
                if state.is_left() {
                    return;
                }
                (state.machine.poll_transmit(), state.machine.poll_timeout(Instant::now()))
            };
            match due {
                Some(Transmit::DeleteShell) => break self.delete_shell().await,
                Some(_) if is_overdue => {}
                Some(transmit) => tokio::select! {
                    () = self.perform(transmit) => {}
                    () = &mut overdue => is_overdue = true,
                },
                None => self.wait_for_the_bell(deadline).await,
            }
        }
    }

    /// Waits until the pool has been closing for half of the time that closing may take.
    async fn overdue(&self) {
        self.until(|state| state.machine.state() == RunspacePoolState::Closing).await;
        tokio::time::sleep(self.options.control_timeout / 2).await;
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
            Transmit::Signal { pipeline, signal, .. } => {
                self.carrier.signal(pipeline, signal).await
            }
            Transmit::Disconnect => self.go_away().await,
            Transmit::Reconnect { pipelines, .. } => self.come_back(pipelines).await,
            Transmit::ConnectCommand { pipeline, .. } => {
                match self.carrier.connect_command(pipeline).await {
                    Ok(()) => self.hear(pipeline),
                    Err(error) => self.lose(pipeline, error, true),
                }
            }
            // The shell exists, and its deletion ends the loop that calls this.
            _ => tracing::debug!("nothing to do"),
        }
    }

    async fn create_command(self: &Arc<Self>, pipeline: PipelineId, payload: Payload) {
        if let Err(failure) = self.carrier.create_command(pipeline, payload).await {
            return self.lose(pipeline, failure.error, failure.started);
        }
        self.hear(pipeline);
    }

    /// Begins to fetch the output of a pipeline.
    fn hear(self: &Arc<Self>, pipeline: PipelineId) {
        let outlet =
            self.lock().pipelines.get(&pipeline).map(|running| Arc::clone(&running.outlet));
        if let Some(outlet) = outlet {
            tokio::spawn(Arc::clone(self).hear_a_pipeline(pipeline, outlet));
        }
    }

    async fn send(&self, target: Option<PipelineId>, stream: InputStream, payload: Payload) {
        if target.is_none() {
            self.expect_answer();
        }
        let stream_target = target.map_or(StreamTarget::Pool, StreamTarget::Pipeline);
        match (self.carrier.send(stream_target, stream, payload).await, target) {
            (Ok(()), Some(pipeline)) if stream == InputStream::Stdin => self.input_sent(pipeline),
            (Ok(()), _) => {}
            (Err(error), Some(pipeline)) => self.lose(pipeline, error, true),
            (Err(error), None) => self.break_pool(&error),
        }
    }

    fn input_sent(&self, pipeline: PipelineId) {
        let state = self.lock();
        let running = state.pipelines.get(&pipeline);
        if let Some(gauge) = running.and_then(|running| running.input.as_ref()) {
            gauge.sent();
        }
    }

    async fn delete_shell(&self) {
        self.carrier.delete().await;
        self.change(|state| state.machine.handle_shell_deleted());
        self.closed.send_replace(true);
    }

    /// Something may come for the pool soon.
    pub(crate) fn expect_answer(&self) {
        self.expects.send_replace(true);
    }

    /// Keeps a Receive pending on the pool: it brings keys, states and host calls, and keeps the shell from idling out.
    ///
    /// Only when something may come, or the pool has been open for a while: a short session saves the request, and the
    /// connection that would wait for its answer.
    async fn hear_the_pool(self: Arc<Self>) {
        let mut expects = self.expects.subscribe();
        let due = tokio::time::timeout(FIRST_POOL_RECEIVE, expects.wait_for(|expects| *expects));
        if self.until_closed(due).await.is_none() {
            return;
        }
        let mut lost = 0;
        while let Some(absences) = self.present().await
            && self.is_open()
        {
            match self.until_closed(self.carrier.receive(StreamTarget::Pool)).await {
                None | Some(Ok(Heard::Gone)) => return,
                Some(Ok(Heard::Output { pieces, .. })) => {
                    lost = 0;
                    self.take_in(StreamTarget::Pool, pieces);
                }
                Some(Ok(Heard::Idle)) => lost = 0,
                Some(Err(_)) if self.was_away_since(absences) => {}
                // What a lost answer may have carried shows as a gap in the stream, is waited for, or is missed by nobody.
                Some(Err(error)) if error.is_lost_answer() && lost < POOL_RECEIVES => {
                    lost += 1;
                    self.change(|state| state.machine.handle_lost_answer(Instant::now()));
                }
                Some(Err(error)) => return self.break_pool(&error),
            }
        }
    }

    /// Fetches the output of a command until it has ended.
    async fn hear_a_pipeline(self: Arc<Self>, pipeline: PipelineId, outlet: Arc<Outlet<Entry>>) {
        let target = StreamTarget::Pipeline(pipeline);
        while self.is_running(pipeline) {
            outlet.wait_for_room().await;
            let Some(absences) = self.present().await else { return };
            match self.until_closed(self.carrier.receive(target)).await {
                None | Some(Ok(Heard::Gone)) => return,
                Some(Ok(Heard::Output { pieces, done })) => {
                    outlet.count(pieces.iter().map(Vec::len).sum());
                    self.take_in(target, pieces);
                    if done {
                        self.change(|state| state.machine.handle_command_done(pipeline));
                    }
                }
                Some(Ok(Heard::Idle)) => {}
                Some(Err(_)) if self.was_away_since(absences) => {}
                Some(Err(error)) => return self.lose(pipeline, error, true),
            }
        }
    }

    /// Waits for a Receive, but not beyond the end of the shell, after which no answer may ever come.
    pub(crate) async fn until_closed<T>(&self, receive: impl Future<Output = T>) -> Option<T> {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            received = receive => Some(received),
            _ = closed.wait_for(|closed| *closed) => None,
        }
    }

    /// Ends every Receive, for nobody is interested any more.
    pub(crate) fn end_receives(&self) {
        self.closed.send_replace(true);
    }

    fn is_running(&self, pipeline: PipelineId) -> bool {
        self.lock().machine.is_running(pipeline)
    }

    fn take_in(&self, target: StreamTarget, pieces: Vec<Vec<u8>>) {
        self.change(|state| {
            for piece in pieces {
                if let Err(error) = state.machine.handle_bytes(target, piece.into()) {
                    // The machine has ended the pipeline or the pool, and its events say so.
                    tracing::warn!(?target, %error, "a stream broke off");
                    return;
                }
            }
        });
    }

    /// Ends a pipeline that the transport failed.
    pub(crate) fn lose(&self, pipeline: PipelineId, error: CarrierError, started: bool) {
        self.change(|state| {
            if let Some(running) =
                state.pipelines.get(&pipeline).filter(|_| state.machine.is_running(pipeline))
            {
                running.outlet.put(Entry::Failed { error, started });
            }
            state.machine.pipeline_lost(pipeline, "the transport failed");
        });
    }

    fn break_pool(&self, error: &CarrierError) {
        let error = error.as_error();
        // While the shell is being deleted every Receive ends in an error, as it should.
        if self.is_open() {
            tracing::warn!(session = %self.carrier, error, "the session broke");
        }
        let reason = chain(error);
        self.change(|state| state.machine.broken(reason));
    }
}

impl State {
    fn hand_on_events(&mut self) {
        while let Some(event) = self.machine.poll_event() {
            match event {
                Event::Pipeline { id, event: PipelineEvent::HostCall(call), .. } => {
                    self.pass_to_host(Some(id), call);
                }
                Event::Pipeline { id, event, .. } => self.hand_on(id, event),
                Event::HostCall(call) => self.pass_to_host(None, call),
                Event::RunspaceAvailability(answer) => {
                    if let Some(question) = self.questions.remove(&answer.call_id) {
                        // Who asked may have gone.
                        let _ = question.send(answer.response);
                    }
                }
                Event::UserEvent(event) => {
                    if let Some(sender) = &self.user_events {
                        // Without a listener nobody misses it.
                        let _ = sender.send(event);
                    }
                }
                Event::SessionKeyReady => {
                    self.key.send_replace(true);
                }
                Event::Broken { cause, .. } => self.end_all(Some(&cause)),
                Event::Closed => self.end_all(None),
                other => tracing::debug!(event = name(&other), "an event of the pool"),
            }
        }
    }

    fn pass_to_host(&mut self, pipeline: Option<PipelineId>, call: HostCall) {
        let unsent = match &self.host_calls {
            Some(host_calls) => {
                host_calls.try_send((pipeline, call)).map_err(|error| error.into_inner())
            }
            None => Err((pipeline, call)),
        };
        // The machine has refused already what was called without a host being claimed.
        if let Err((pipeline, call)) = unsent
            && self.machine.awaits_answer(pipeline, call.call_id)
            && let Err(error) =
                self.machine.respond(pipeline, call.call_id, HostAnswer::not_implemented(&call))
        {
            tracing::debug!(%error, "a host call could not be refused");
        }
    }

    fn hand_on(&mut self, id: PipelineId, event: PipelineEvent) {
        let is_last = matches!(event, PipelineEvent::Finished(_));
        let Some(running) = self.pipelines.get(&id) else { return };
        running.outlet.put(Entry::Event(event));
        if is_last && let Some(running) = self.pipelines.remove(&id) {
            running.end();
        }
    }

    /// The pipelines whose readers have gone.
    pub(crate) fn unread(&self) -> Vec<PipelineId> {
        let unread = self.pipelines.iter().filter(|(_, running)| running.outlet.is_abandoned());
        unread.map(|(id, _)| *id).collect()
    }

    /// The machine has ended every pipeline before; this is for those it does not know.
    pub(crate) fn end_all(&mut self, cause: Option<&BreakCause>) {
        if let Some(cause) = cause {
            tracing::debug!(%cause, "the pool broke");
        }
        for (_, running) in self.pipelines.drain() {
            running.end();
        }
        self.questions.clear();
        self.user_events = None;
        self.host_calls = None;
    }
}

impl Running {
    fn end(&self) {
        self.outlet.end();
        if let Some(gauge) = &self.input {
            gauge.close();
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
        Event::Undecodable { .. } => "unreadable message",
        Event::Unhandled { .. } => "message without a place",
        _ => "other",
    }
}

/// User events that wait for a slow listener; older ones are dropped.
const WAITING_USER_EVENTS: usize = 256;
/// How long after its opening a pool is listened to in any case.
const FIRST_POOL_RECEIVE: Duration = Duration::from_secs(5);

/// Lost Receives of the pool in a row after which it counts as broken.
const POOL_RECEIVES: u32 = 3;
