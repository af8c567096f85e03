//! What comes in over a pair of pipes: bytes that wait for their readers, and acknowledgements that are waited for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use psrp::StreamTarget;
use psrp::outofproc::{Packet, PacketError};
use tokio::io::{AsyncRead, BufReader};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::carrier::Heard;
use crate::child::Process;
use crate::error::PipeError;
use crate::lines::read_line;
use crate::pipes::PipeOptions;

/// The state of a pair of pipes.
pub(crate) struct Traffic {
    state: Mutex<State>,
    /// Rung at every change of the state.
    news: Notify,
    options: PipeOptions,
}

#[derive(Default)]
struct State {
    /// Of the pool and of the pipelines that were announced and not closed yet.
    inboxes: HashMap<StreamTarget, Inbox>,
    /// What has to come before the next packet for a target.
    awaited: HashMap<StreamTarget, Ack>,
    /// How many wait for something that has not come yet.
    eager: usize,
    closing: bool,
    end: Option<PipeError>,
    stray_lines: usize,
}

#[derive(Default)]
struct Inbox {
    pieces: VecDeque<Vec<u8>>,
    /// INVARIANT: the sum of the lengths of the pieces.
    bytes: usize,
    start: Start,
}

/// How far the server has come with a pipeline.
#[derive(Clone, Copy, Default)]
enum Start {
    /// It has not taken all of it.
    #[default]
    Sent,
    /// It took the last packet then.
    Taken(Instant),
    /// Something has come back, so it runs.
    Running,
}

/// The kinds of acknowledgements.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ack {
    Data,
    Command,
    Signal,
    Close,
}

/// Says that somebody waits for something that has not come yet, so reading must go on.
pub(crate) struct Eager<'a>(&'a Traffic);

impl Drop for Eager<'_> {
    fn drop(&mut self) {
        self.0.lock().eager -= 1;
    }
}

impl Traffic {
    pub(crate) fn new(options: PipeOptions) -> Self {
        let inboxes = HashMap::from([(StreamTarget::Pool, Inbox::default())]);
        let state = State { inboxes, ..State::default() };
        Self { state: Mutex::new(state), news: Notify::new(), options }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.lock());
        self.news.notify_waiters();
        result
    }

    /// Waits until there is something.
    async fn wait<R>(&self, mut look: impl FnMut(&mut State) -> Option<R>) -> R {
        loop {
            let news = self.news.notified();
            let found = look(&mut self.lock());
            match found {
                Some(found) => return found,
                None => news.await,
            }
        }
    }

    /// Says that the caller waits for something that has not come yet, until the guard is dropped.
    pub(crate) fn eager(&self) -> Eager<'_> {
        self.change(|state| state.eager += 1);
        Eager(self)
    }

    /// Makes an inbox for a pipeline that is announced.
    pub(crate) fn add(&self, target: StreamTarget) {
        self.change(|state| {
            state.inboxes.entry(target).or_default();
        });
    }

    pub(crate) fn knows(&self, target: StreamTarget) -> bool {
        self.lock().inboxes.contains_key(&target)
    }

    /// Drops the inbox of a pipeline that is closed; tells whether there was one.
    pub(crate) fn forget(&self, target: StreamTarget) -> bool {
        self.change(|state| state.inboxes.remove(&target).is_some())
    }

    /// The pipelines that are not closed.
    pub(crate) fn pipelines(&self) -> Vec<StreamTarget> {
        let state = self.lock();
        state.inboxes.keys().copied().filter(|target| *target != StreamTarget::Pool).collect()
    }

    /// Notes that a packet is sent and what answers it.
    pub(crate) fn expect(&self, target: StreamTarget, ack: Ack) {
        self.lock().awaited.insert(target, ack);
    }

    /// Waits until the last packet for a target is acknowledged.
    pub(crate) async fn turn(&self, target: StreamTarget) -> Result<(), PipeError> {
        let _eager = self.eager();
        self.wait(|state| state.unless_awaited(state.awaited.contains_key(&target))).await
    }

    /// When the server took a pipeline that has said nothing yet.
    pub(crate) fn starting_since(&self, target: StreamTarget) -> Option<Instant> {
        match self.lock().inboxes.get(&target)?.start {
            Start::Taken(since) => Some(since),
            Start::Sent | Start::Running => None,
        }
    }

    /// Waits until every packet is acknowledged.
    pub(crate) async fn quiet(&self) -> Result<(), PipeError> {
        self.wait(|state| state.unless_awaited(!state.awaited.is_empty())).await
    }

    /// Takes in no more output, and what waits is dropped.
    pub(crate) fn close(&self) {
        self.change(|state| {
            state.closing = true;
            state.inboxes.values_mut().for_each(|inbox| *inbox = Inbox::default());
        });
    }

    /// Says that nothing more will come; the first reason stays.
    pub(crate) fn end(&self, reason: PipeError) {
        self.change(|state| state.end.get_or_insert(reason).clone());
    }

    /// Waits for the end.
    pub(crate) async fn ended(&self) -> PipeError {
        self.wait(|state| state.end.clone()).await
    }

    /// Waits for bytes of a target. The end of the pool comes after all that its pipelines were sent.
    pub(crate) async fn receive(&self, target: StreamTarget) -> Result<Heard, PipeError> {
        if let Some(heard) = self.change(|state| state.take(target)) {
            return heard;
        }
        // Somebody always waits for the pool, so that says nothing.
        let _eager = (target != StreamTarget::Pool).then(|| self.eager());
        let heard = self.wait(|state| state.take(target)).await;
        self.news.notify_waiters();
        heard
    }

    fn take_in(&self, line: &[u8]) -> Result<(), PipeError> {
        let packet =
            std::str::from_utf8(line).map_err(|_| PacketError::Syntax).and_then(Packet::parse);
        let (target, ack) = match packet {
            Ok(Packet::Data { target, bytes, .. }) => {
                self.change(|state| state.put(target, bytes));
                return Ok(());
            }
            Ok(Packet::DataAck(target)) => (target, Ack::Data),
            Ok(Packet::CommandAck(target)) => (target, Ack::Command),
            Ok(Packet::SignalAck(target)) => (target, Ack::Signal),
            Ok(Packet::CloseAck(target)) => (target, Ack::Close),
            Ok(_) | Err(PacketError::Unknown { .. }) => {
                tracing::debug!("a packet has no place here");
                return Ok(());
            }
            Err(source) => return self.stray(line, source),
        };
        self.change(|state| {
            if state.awaited.get(&target) == Some(&ack) {
                state.awaited.remove(&target);
            }
            if let Some(inbox) = state.inboxes.get_mut(&target)
                && !matches!(inbox.start, Start::Running)
            {
                inbox.start = Start::Taken(Instant::now());
            }
        });
        Ok(())
    }

    /// Programs on the way may greet before the server speaks; a packet that is damaged ends the session.
    fn stray(&self, line: &[u8], source: PacketError) -> Result<(), PipeError> {
        let mut state = self.lock();
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        state.stray_lines += 1;
        if line.trim_ascii_start().starts_with(b"<") || state.stray_lines > MAX_STRAY_LINES {
            return Err(PipeError::Packet(source));
        }
        tracing::warn!(bytes = line.len(), "a line that is no packet was left out");
        Ok(())
    }

    /// Waits until more may be read: see [`PipeOptions`].
    async fn room(&self) {
        self.wait(|state| {
            let limit = match state.eager {
                0 => self.options.buffered_bytes,
                _ => self.options.max_buffered_bytes,
            };
            (state.closing || state.inboxes.values().all(|inbox| inbox.bytes <= limit))
                .then_some(())
        })
        .await;
    }
}

impl State {
    /// Ready when nothing is awaited, or never will come.
    fn unless_awaited(&self, awaited: bool) -> Option<Result<(), PipeError>> {
        match &self.end {
            Some(end) => Some(Err(end.clone())),
            None => (!awaited).then_some(Ok(())),
        }
    }

    fn put(&mut self, target: StreamTarget, bytes: Vec<u8>) {
        if self.closing {
            return;
        }
        // What a pipeline says after it was closed is of no interest.
        let Some(inbox) = self.inboxes.get_mut(&target) else { return };
        inbox.start = Start::Running;
        inbox.bytes += bytes.len();
        inbox.pieces.push_back(bytes);
    }

    fn take(&mut self, target: StreamTarget) -> Option<Result<Heard, PipeError>> {
        let Some(inbox) = self.inboxes.get_mut(&target) else { return Some(Ok(Heard::Gone)) };
        if let Some(piece) = inbox.pieces.pop_front() {
            inbox.bytes -= piece.len();
            return Some(Ok(Heard::Output { pieces: vec![piece], done: false }));
        }
        let end = self.end.as_ref()?;
        let last = target != StreamTarget::Pool
            || self.inboxes.values().all(|inbox| inbox.pieces.is_empty());
        last.then(|| Err(end.clone()))
    }
}

/// Reads packets until the pipe ends.
pub(crate) async fn read_packets(
    traffic: Arc<Traffic>,
    reader: impl AsyncRead + Unpin,
    process: Option<Arc<Process>>,
) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    let end = loop {
        match read_line(&mut reader, &mut line, traffic.options.max_line).await {
            Ok(true) => {}
            Ok(false) => break last_words(process.as_deref()).await,
            Err(error) => break error,
        }
        if let Err(error) = traffic.take_in(&line) {
            break error;
        }
        traffic.room().await;
    };
    traffic.end(end);
}

async fn last_words(process: Option<&Process>) -> PipeError {
    let Some(process) = process else {
        return PipeError::Ended { status: None, last_words: None };
    };
    let status = process.status(TIME_TO_EXIT).await;
    PipeError::Ended { status, last_words: process.last_words().await }
}

/// Lines that are no packets at all before the session counts as damaged.
const MAX_STRAY_LINES: usize = 100;
/// How long a child may take to exit after it closed its output.
const TIME_TO_EXIT: Duration = Duration::from_secs(1);
