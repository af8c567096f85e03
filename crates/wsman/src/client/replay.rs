//! A recording in a server's place.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::error::Error;
use super::exchange::{BoxFuture, Exchange, SoapRequest, SoapResponse};
use super::failure;
use crate::recording::{
    Difference, Order, PlainStreams, RecordedAnswer, Recording, Script, StreamReader,
};
use crate::server::parse_request;
use crate::xml::Limits;

/// Answers as a recorded server did, to a client that asks as the recorded one did.
///
/// Requests are compared by structure: [`recording`](crate::recording) says what counts. The first that is not the one that
/// was due fails with [`Error::Replay`], and so does every one after it; [`finish`](Self::finish) tells at the end whether
/// anything was left out.
///
/// Answers come in the recorded order and at once, which suits a test that no timer matters to. With
/// [`as_recorded`](Self::as_recorded) they come at the recorded times, so that what a client does after a while happens as
/// it did; under tokio's paused clock that takes no time either.
pub struct ReplayTransport {
    script: Mutex<Script>,
    overhead: usize,
    timing: Timing,
    accepts_changes: bool,
    /// The moment at which the first request came, and when it had been sent.
    origin: Mutex<Option<(Instant, Duration)>>,
    moved: Notify,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Timing {
    AtOnce,
    AsRecorded,
}

impl ReplayTransport {
    /// Plays a recording in its strict order; streams are compared byte by byte.
    #[must_use]
    pub fn new(recording: Recording) -> Self {
        Self::with(recording, &PlainStreams, Order::Strict)
    }

    /// Plays a recording; `streams` says how to compare what its shells carry.
    #[must_use]
    pub fn with(recording: Recording, streams: &dyn StreamReader, order: Order) -> Self {
        let overhead = recording.overhead;
        let script = Mutex::new(Script::new(recording, streams, order));
        let origin = Mutex::new(None);
        let timing = Timing::AtOnce;
        Self { script, overhead, timing, accepts_changes: false, origin, moved: Notify::new() }
    }

    /// Reads the recording in a folder and plays it, as [`new`](Self::new) does.
    ///
    /// # Errors
    ///
    /// [`FixtureError`](crate::fixture::FixtureError) when the folder is no fixture.
    #[cfg(feature = "fixtures")]
    pub fn read(folder: impl AsRef<std::path::Path>) -> Result<Self, crate::fixture::FixtureError> {
        Ok(Self::new(crate::fixture::Fixture::read(folder.as_ref())?.recording))
    }

    /// Gives answers at the recorded times, counted from the first request, by tokio's clock.
    #[must_use]
    pub fn as_recorded(mut self) -> Self {
        self.timing = Timing::AsRecorded;
        self
    }

    /// Takes a request that differs for the nearest one of its kind that is due. What was taken so is told by
    /// [`changed`](Self::changed), to be looked at and kept as the new recording.
    #[must_use]
    pub fn accepting_changes(mut self) -> Self {
        self.accepts_changes = true;
        self
    }

    /// Returns the requests that differ, by the index of the exchange that each was taken for.
    #[must_use]
    pub fn changed(&self) -> BTreeMap<usize, String> {
        self.script().changed().clone()
    }

    /// Returns the exchanges that were never asked for, by index.
    #[must_use]
    pub fn unused(&self) -> Vec<usize> {
        self.script().unused()
    }

    /// Tells whether the client did all that was recorded, and nothing else.
    ///
    /// # Errors
    ///
    /// The first [`Difference`].
    pub fn finish(&self) -> Result<(), Difference> {
        self.script().finish()
    }

    /// Returns the first request that was not the recorded one, if there was one.
    #[must_use]
    pub fn difference(&self) -> Option<Difference> {
        self.script().difference().cloned()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, request: SoapRequest) -> Result<SoapResponse, Error> {
        let index = self.find(&request.envelope).await?;
        let under_way = UnderWay { replay: self, index };
        let Some(recorded) = self.script().exchange(index).cloned() else {
            return std::future::pending().await;
        };
        match (&recorded.answer, self.timing) {
            (RecordedAnswer::Dropped, _) => std::future::pending().await,
            (_, Timing::AsRecorded) => {
                self.sleep_until(recorded.sent, recorded.answered).await;
                self.wait_for_others(index).await;
            }
            (_, Timing::AtOnce) => self.wait_for_turn(index).await,
        }
        drop(under_way);
        match recorded.answer {
            RecordedAnswer::Failure(recorded) => Err(failure::revive(&recorded)),
            RecordedAnswer::Dropped => std::future::pending().await,
            RecordedAnswer::Envelope { status, envelope } => {
                let envelope = answering(&envelope, &recorded.request, &request);
                Ok(SoapResponse::new(status, envelope.into_bytes()))
            }
        }
    }

    /// Finds the exchange that a request is. One that comes early waits a moment for what is due before it.
    async fn find(&self, envelope: &str) -> Result<usize, Error> {
        let got = self.script().read(envelope);
        let end = Instant::now() + SETTLING;
        loop {
            let moved = self.moved.notified();
            let is_early = {
                let mut script = self.script();
                if let Some(index) = script.find(&got) {
                    drop(script);
                    self.moved.notify_waiters();
                    return Ok(index);
                }
                script.is_early(&got)
            };
            if !is_early || timeout_at(end, moved).await.is_err() {
                let mut script = self.script();
                let nearest = match self.accepts_changes {
                    true => script.take_for_nearest(&got, envelope),
                    false => None,
                };
                return nearest.ok_or_else(|| Error::Replay(Box::new(script.refuse(got))));
            }
        }
    }

    async fn sleep_until(&self, sent: Duration, answered: Duration) {
        let (origin, first) = {
            let mut origin = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
            *origin.get_or_insert_with(|| (Instant::now(), sent))
        };
        // A time that no clock reaches was written by hand.
        let due = origin.checked_add(answered.saturating_sub(first));
        sleep_until(due.unwrap_or(origin)).await;
    }

    /// Waits until what was sent and answered before this answer has been, for a moment: timers are coarser than the times of a
    /// recording.
    async fn wait_for_others(&self, index: usize) {
        let end = Instant::now() + SETTLING;
        loop {
            let moved = self.moved.notified();
            if self.script().is_next(index) || timeout_at(end, moved).await.is_err() {
                return;
            }
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Waits until earlier answers have been given. A client that never asks for them shall not wait for ever.
    async fn wait_for_turn(&self, index: usize) {
        let turn = async {
            loop {
                let moved = self.moved.notified();
                if self.script().may_answer(index) {
                    return;
                }
                moved.await;
            }
        };
        if timeout(PATIENCE, turn).await.is_err() {
            tracing::debug!(exchange = index + 1, "answered before what was answered earlier");
        }
    }
}

/// How long a request, or an answer, waits for those that came before it: tasks that were ready together run in any order.
const SETTLING: Duration = Duration::from_millis(100);

/// How often other tasks may run between two answers.
const TURNS: usize = 64;

/// How long an answer is held back for earlier ones.
const PATIENCE: Duration = Duration::from_secs(2);

/// An exchange that was found, until it is answered or its sender loses interest.
struct UnderWay<'a> {
    replay: &'a ReplayTransport,
    index: usize,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.replay.script().leave(self.index);
        self.replay.moved.notify_waiters();
    }
}

impl Exchange for ReplayTransport {
    fn exchange(&self, request: SoapRequest) -> BoxFuture<'_, Result<SoapResponse, Error>> {
        Box::pin(self.run(request))
    }

    fn overhead(&self) -> usize {
        self.overhead
    }
}

impl std::fmt::Debug for ReplayTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplayTransport").field("timing", &self.timing).finish_non_exhaustive()
    }
}

/// Makes a recorded answer relate to the request that came now.
fn answering(envelope: &str, recorded: &str, request: &SoapRequest) -> String {
    let parsed = parse_request(recorded.as_bytes(), Limits::default()).ok();
    match parsed.and_then(|parsed| parsed.headers.message_id) {
        Some(id) => envelope.replace(id.as_str(), request.message_id.as_str()),
        None => envelope.to_owned(),
    }
}
