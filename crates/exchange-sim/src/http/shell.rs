//! One shell: a runspace pool, the pipelines that run in it, and what waits to be received.
//!
//! Pipelines advance only while little waits to be received, so that a read over a whole organisation is made piece by
//! piece as the client takes it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use clixml::{Object, Value};
use psrp::host::{HostInfo, HostMethod, HostResponse, HostResult};
use psrp::server::{ServerEvent, ServerOptions, ServerPool};
use psrp::{GetCommandMetadata, PipelineId, PowerShell, StreamTarget};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::convert;
use crate::cmdlets::{Answer, Argument, Exchange, Invocation, Prompt, Record, Run, Session};
use crate::object::Item;

/// How many bytes may wait for one stream before its pipeline pauses.
const HIGH_WATER: usize = 384 << 10;
/// How long pipelines advance before others get their turn.
const SLICE: Duration = Duration::from_millis(20);

/// How the bytes of a stream are cut into the elements of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cutting {
    /// One fragment an element.
    Fragments,
    /// So many bytes an element, without regard to fragments.
    Blobs(usize),
}

/// A shell.
#[derive(Debug)]
pub(super) struct Shell {
    pool: ServerPool,
    session: Session,
    /// Whether the client has nobody to answer prompts.
    host_is_null: bool,
    executions: HashMap<PipelineId, Execution>,
    outboxes: HashMap<StreamTarget, Outbox>,
    cutting: Cutting,
    unfinished: bool,
    /// Streams that somebody waits on.
    pub(super) receiving: HashSet<StreamTarget>,
    pub(super) idle_timeout: Duration,
    pub(super) last_used: Instant,
}

/// A pipeline under way.
#[derive(Debug)]
struct Execution {
    phase: Phase,
    host_is_null: bool,
}

#[derive(Debug)]
enum Phase {
    /// Its input has not ended.
    Gathering {
        powershell: Box<PowerShell>,
        items: Vec<Item>,
    },
    Running(Box<Run>),
    /// It asked the client's host.
    Asking {
        run: Box<Run>,
        call: i64,
    },
}

/// What waits to be received on one stream.
#[derive(Debug, Default)]
struct Outbox {
    pieces: VecDeque<Vec<u8>>,
    bytes: usize,
    done: bool,
}

/// What a Receive takes.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) pieces: Vec<Vec<u8>>,
    /// Whether this was the end of the stream.
    pub(super) done: bool,
}

impl Shell {
    pub(super) fn new(
        session: Session,
        fragment_size: usize,
        cutting: Cutting,
        idle_timeout: Duration,
        now: Instant,
    ) -> Self {
        let options = ServerOptions::default().max_fragment_size(fragment_size);
        Self {
            pool: ServerPool::new(options, Box::new(StdRng::from_rng(&mut rand::rng()))),
            session,
            host_is_null: true,
            executions: HashMap::new(),
            outboxes: HashMap::new(),
            cutting,
            unfinished: false,
            receiving: HashSet::new(),
            idle_timeout,
            last_used: now,
        }
    }

    /// Takes bytes of a stream; what the pool cannot read gets no answer, as from Microsoft's engine.
    pub(super) fn feed(
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
        self.pump(exchange);
    }

    /// Announces a command, so that it can be received from.
    pub(super) fn announce(&mut self, pipeline: PipelineId) {
        self.outboxes.entry(StreamTarget::Pipeline(pipeline)).or_default();
        self.pool.announce_pipeline(pipeline);
    }

    /// Returns whether the stream exists: the pool's always, a command's until its end was received.
    pub(super) fn has(&self, target: StreamTarget) -> bool {
        target == StreamTarget::Pool || self.outboxes.contains_key(&target)
    }

    /// Stops a pipeline; its last state is still received.
    pub(super) fn stop(&mut self, exchange: &mut Exchange, pipeline: PipelineId) {
        self.pool.handle_stop(pipeline);
        self.pump(exchange);
    }

    /// Ends a command; nothing more is received of it.
    pub(super) fn terminate(&mut self, exchange: &mut Exchange, pipeline: PipelineId) {
        self.pool.handle_terminate(pipeline);
        self.pump(exchange);
        self.outboxes.remove(&StreamTarget::Pipeline(pipeline));
    }

    /// Takes what waits on a stream, as much as fits into `budget` bytes of an answer; nothing when nothing waits.
    pub(super) fn take(
        &mut self,
        exchange: &mut Exchange,
        target: StreamTarget,
        budget: usize,
    ) -> Option<Taken> {
        self.pump(exchange);
        let outbox = self.outboxes.get_mut(&target)?;
        let mut taken = Taken::default();
        let mut left = budget;
        while let Some(piece) = outbox.pieces.pop_front() {
            let room = left.saturating_sub(ELEMENT) / 4 * 3;
            if piece.len() > room {
                // An element that fits into no answer is cut; else it waits for the next.
                let cut = if taken.pieces.is_empty() { room.max(1) } else { 0 };
                let (head, tail) = piece.split_at_checked(cut).unwrap_or((&piece, &[]));
                outbox.bytes = outbox.bytes.saturating_sub(head.len());
                outbox.pieces.push_front(tail.to_vec());
                if !head.is_empty() {
                    taken.pieces.push(head.to_vec());
                }
                break;
            }
            left = left.saturating_sub(piece.len().div_ceil(3) * 4 + ELEMENT);
            outbox.bytes = outbox.bytes.saturating_sub(piece.len());
            taken.pieces.push(piece);
        }
        taken.done = outbox.done && outbox.pieces.is_empty();
        if taken.done {
            self.outboxes.remove(&target);
        }
        (taken.done || !taken.pieces.is_empty()).then_some(taken)
    }

    /// Lets everything advance that can, for the time of a slice.
    fn pump(&mut self, exchange: &mut Exchange) {
        let end = Instant::now() + SLICE;
        loop {
            while let Some(event) = self.pool.poll_event() {
                self.handle(exchange, event);
            }
            self.collect();
            let ready: Vec<PipelineId> =
                self.executions.keys().copied().filter(|id| self.can_advance(*id)).collect();
            self.unfinished = !ready.is_empty();
            if ready.is_empty() || Instant::now() > end {
                return;
            }
            for id in ready {
                self.advance(exchange, id);
            }
        }
    }

    /// Returns whether a pipeline would advance if it had another turn.
    pub(super) const fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    fn can_advance(&self, id: PipelineId) -> bool {
        let running =
            matches!(self.executions.get(&id), Some(Execution { phase: Phase::Running(_), .. }));
        let waiting =
            self.outboxes.get(&StreamTarget::Pipeline(id)).map_or(0, |outbox| outbox.bytes);
        running && waiting < HIGH_WATER
    }

    fn handle(&mut self, exchange: &mut Exchange, event: ServerEvent) {
        match event {
            ServerEvent::Opened { init, .. } => self.host_is_null = init.host.is_host_null,
            ServerEvent::PipelineCreated { id, powershell, .. } => {
                self.begin(exchange, id, powershell)
            }
            ServerEvent::Input { id, item, .. } => {
                if let Some(Execution { phase: Phase::Gathering { items, .. }, .. }) =
                    self.executions.get_mut(&id)
                {
                    items.push(convert::input(&item));
                }
            }
            ServerEvent::InputEnded { id, .. } => self.input_ended(exchange, id),
            ServerEvent::StopRequested { id, .. } => {
                self.executions.remove(&id);
                self.outcome(self.pool.is_running(id), |pool| pool.stopped(id));
            }
            ServerEvent::HostResponse { response, .. } => self.host_answered(&response),
            ServerEvent::CommandMetadataRequested { id, request, .. } => {
                self.metadata(exchange, id, &request)
            }
            other => tracing::debug!(event = ?other, "left alone"),
        }
    }

    fn outcome(
        &mut self,
        applies: bool,
        act: impl FnOnce(&mut ServerPool) -> Result<(), psrp::StateError>,
    ) {
        if applies && let Err(error) = act(&mut self.pool) {
            tracing::debug!(%error, "the pool refused");
        }
    }

    fn begin(&mut self, exchange: &mut Exchange, id: PipelineId, powershell: Box<PowerShell>) {
        let host_is_null = self.has_no_host(&powershell.host);
        if powershell.no_input {
            self.run(exchange, id, &powershell, None, host_is_null);
        } else {
            let phase = Phase::Gathering { powershell, items: Vec::new() };
            self.executions.insert(id, Execution { phase, host_is_null });
        }
    }

    const fn has_no_host(&self, host: &HostInfo) -> bool {
        if host.use_runspace_host { self.host_is_null } else { host.is_host_null }
    }

    fn input_ended(&mut self, exchange: &mut Exchange, id: PipelineId) {
        let Some(execution) = self.executions.remove(&id) else { return };
        match execution.phase {
            Phase::Gathering { powershell, items } => {
                self.run(exchange, id, &powershell, Some(items), execution.host_is_null)
            }
            phase => {
                self.executions.insert(id, Execution { phase, ..execution });
            }
        }
    }

    fn run(
        &mut self,
        exchange: &mut Exchange,
        id: PipelineId,
        powershell: &PowerShell,
        input: Option<Vec<Item>>,
        host_is_null: bool,
    ) {
        let statements = convert::statements(powershell, &self.pool);
        match Run::with_input(exchange, self.session.clone(), statements, input) {
            Ok(run) => {
                self.executions
                    .insert(id, Execution { phase: Phase::Running(Box::new(run)), host_is_null });
            }
            Err(error) => self.outcome(true, |pool| pool.fail(id, convert::error_record(&error))),
        }
    }

    /// Takes one record of a running pipeline.
    fn advance(&mut self, exchange: &mut Exchange, id: PipelineId) {
        let Some(Execution { phase: Phase::Running(run), host_is_null }) =
            self.executions.get_mut(&id)
        else {
            return;
        };
        let result = run.next(exchange);
        match result {
            Ok(Some(Record::Output(item))) => {
                self.outcome(true, |pool| pool.output(id, &item.to_clixml()))
            }
            Ok(Some(Record::Error(error))) => {
                self.outcome(true, |pool| pool.error(id, &convert::error_record(&error)))
            }
            Ok(Some(Record::Warning(text))) => self.outcome(true, |pool| pool.warning(id, &text)),
            Ok(Some(Record::Confirm(_))) if *host_is_null => {
                let error = run.refuse();
                self.executions.remove(&id);
                self.outcome(true, |pool| pool.fail(id, convert::error_record(&error)));
            }
            Ok(Some(Record::Confirm(prompt))) => self.ask(id, &prompt),
            Ok(None) => {
                self.executions.remove(&id);
                self.outcome(true, |pool| pool.complete(id));
            }
            Err(error) => {
                self.executions.remove(&id);
                self.outcome(true, |pool| pool.fail(id, convert::error_record(&error)));
            }
        }
    }

    fn ask(&mut self, id: PipelineId, prompt: &Prompt) {
        let call = self.pool.host_call(Some(id), HostMethod::PromptForChoice, choices(prompt));
        let Some(execution) = self.executions.remove(&id) else { return };
        let (Ok(Some(call)), Phase::Running(run)) = (call, execution.phase) else { return };
        self.executions.insert(id, Execution { phase: Phase::Asking { run, call }, ..execution });
    }

    fn host_answered(&mut self, response: &HostResponse) {
        let asked = |execution: &Execution| matches!(execution.phase, Phase::Asking { call, .. } if call == response.call_id);
        let Some(id) =
            self.executions.iter().find(|(_, execution)| asked(execution)).map(|(id, _)| *id)
        else {
            return;
        };
        let Some(Execution { phase: Phase::Asking { mut run, .. }, host_is_null }) =
            self.executions.remove(&id)
        else {
            return;
        };
        match &response.result {
            HostResult::Returned(value) => {
                run.answer(Answer::of_choice(value.as_i64().unwrap_or(2)));
                self.executions.insert(id, Execution { phase: Phase::Running(run), host_is_null });
            }
            // The host's exception becomes the cmdlet's.
            HostResult::Threw(error) => {
                let error = error.as_ref().clone();
                self.outcome(true, |pool| pool.fail(id, error));
            }
            other => tracing::debug!(result = ?other, "left alone"),
        }
    }

    /// Lists commands as the protocol's own request for them is answered: a count, then the commands.
    fn metadata(&mut self, exchange: &mut Exchange, id: PipelineId, request: &GetCommandMetadata) {
        let names =
            if request.names.is_empty() { vec!["*".to_owned()] } else { request.names.clone() };
        let names = names.into_iter().map(Argument::Text).collect();
        let list = Invocation::new("Get-Command").with("Name", Argument::List(names));
        let mut values = Vec::new();
        if let Ok(mut run) = Run::with_input(exchange, self.session.clone(), vec![vec![list]], None)
        {
            while let Ok(Some(record)) = run.next(exchange) {
                if let Record::Output(item) = record {
                    values.push(item.to_clixml());
                }
            }
        }
        let count = i32::try_from(values.len()).unwrap_or(i32::MAX);
        let head = Object::new()
            .with_type_names([
                "Selected.Microsoft.PowerShell.Commands.GenericMeasureInfo",
                "System.Management.Automation.PSCustomObject",
                "System.Object",
            ])
            .with_extended("Count", count);
        values.insert(0, head.into());
        for value in values {
            self.outcome(true, |pool| pool.output(id, &value));
        }
        self.outcome(true, |pool| pool.complete(id));
    }

    /// Moves what the pool sends into the outboxes, and marks those whose pipeline has ended.
    fn collect(&mut self) {
        while let Some((target, bytes)) = self.pool.poll_transmit() {
            // What a terminated command still says is not wanted.
            let outbox = match target {
                StreamTarget::Pool => Some(self.outboxes.entry(target).or_default()),
                StreamTarget::Pipeline(_) => self.outboxes.get_mut(&target),
            };
            if let Some(outbox) = outbox {
                outbox.bytes += bytes.len();
                outbox.push(bytes, self.cutting);
            }
            if let StreamTarget::Pipeline(id) = target
                && !self.pool.knows(id)
                && let Some(outbox) = self.outboxes.get_mut(&target)
            {
                outbox.done = true;
            }
        }
    }
}

/// What an element of an answer takes beside its base64.
const ELEMENT: usize = 120;

impl Outbox {
    fn push(&mut self, bytes: Vec<u8>, cutting: Cutting) {
        match cutting {
            Cutting::Fragments => self.pieces.extend(fragments(bytes)),
            Cutting::Blobs(size) => {
                let mut stream = match self.pieces.pop_back() {
                    Some(last) if last.len() < size => last,
                    Some(last) => {
                        self.pieces.push_back(last);
                        Vec::new()
                    }
                    None => Vec::new(),
                };
                stream.extend(bytes);
                self.pieces.extend(stream.chunks(size).map(<[u8]>::to_vec));
            }
        }
    }
}

/// Cuts whole fragments apart; each has 21 bytes of header, the last four of which are the length of the rest.
fn fragments(bytes: Vec<u8>) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some(header) = rest.first_chunk::<21>() {
        let [.., a, b, c, d] = *header;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let Some((piece, after)) = rest.split_at_checked(length.saturating_add(21)) else { break };
        pieces.push(piece.to_vec());
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(rest.to_vec());
    }
    pieces
}

/// Returns the parameters of `PromptForChoice` in the encoding of host parameters.
fn choices(prompt: &Prompt) -> Vec<Value> {
    let described = [
        ("&Yes", "Continue with only the next step of the operation."),
        ("Yes to &All", "Continue with all the steps of the operation."),
        ("&No", "Skip this operation and proceed with the next operation."),
        ("No to A&ll", "Skip this operation and all subsequent operations."),
    ];
    let described = described.map(|(label, help)| {
        Object::new().with_extended("label", label).with_extended("helpMessage", help).into()
    });
    let list = Value::list(["System.Collections.ArrayList", "System.Object"], described.to_vec());
    vec![prompt.caption.as_str().into(), prompt.message.as_str().into(), list, Value::I32(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_cut_apart_by_their_lengths() {
        let fragment =
            |length: u8| [vec![0; 20], vec![length], vec![length; usize::from(length)]].concat();
        let stream = [fragment(3), fragment(0), fragment(200)].concat();
        assert_eq!(fragments(stream), [fragment(3), fragment(0), fragment(200)]);
        assert_eq!(fragments(vec![1, 2]), [vec![1, 2]]);
    }

    #[test]
    fn blobs_ignore_fragments() {
        let mut outbox = Outbox::default();
        outbox.push(vec![1; 10], Cutting::Blobs(4));
        outbox.push(vec![2; 3], Cutting::Blobs(4));
        let sizes: Vec<usize> = outbox.pieces.iter().map(Vec::len).collect();
        assert_eq!(sizes, [4, 4, 4, 1]);
        assert_eq!(
            outbox.pieces.into_iter().flatten().collect::<Vec<_>>(),
            [vec![1; 10], vec![2; 3]].concat()
        );
    }
}
