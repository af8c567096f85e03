//! Recording what goes through a seam.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_stream::stream;
use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::text::{self, DROPPED, End, Numbers};
use super::{RecordedRest, RestRecording};
use crate::rest::{
    OpenFuture, RestAnswer, RestBody, RestError, RestExchange, RestFuture, RestRequest, RestStream,
};

/// A seam that passes everything through and remembers it, except what proves who somebody is.
///
/// What it remembers still tells of people: whoever writes it down replaces that first. Beyond 256 MiB nothing more is
/// remembered; [`is_full`](Self::is_full) tells.
pub struct RestRecorder<E> {
    inner: E,
    log: Arc<Log>,
}

struct Log {
    began: Instant,
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// INVARIANT: entries are never removed, so an index stays valid.
    entries: Vec<Entry>,
    ids: Numbers,
    cookies: Numbers,
    bytes: usize,
    is_full: bool,
    last: Duration,
}

struct Entry {
    sent: Duration,
    request: String,
    answer: Option<(Duration, String)>,
}

impl<E: RestExchange> RestRecorder<E> {
    /// Records what goes through `inner` from now on.
    #[must_use]
    pub fn new(inner: E) -> Self {
        let log = Log { began: Instant::now(), limit: 256 << 20, state: Mutex::default() };
        Self { inner, log: Arc::new(log) }
    }

    /// Returns what was recorded so far. Requests under way count as dropped.
    #[must_use]
    pub fn recording(&self) -> RestRecording {
        let mut state = self.log.lock();
        let now = self.log.now(&mut state);
        let exchanges = state.entries.iter().map(|entry| {
            let (answered, answer) =
                entry.answer.clone().unwrap_or_else(|| (now, DROPPED.to_owned()));
            RecordedRest { sent: entry.sent, answered, request: entry.request.clone(), answer }
        });
        RestRecording { exchanges: exchanges.collect() }
    }

    /// Tells whether the limit was reached, so that something is missing from the recording.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.log.lock().is_full
    }
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time now, in whole microseconds and later than every time before: the order of events is told by their times.
    fn now(&self, state: &mut State) -> Duration {
        let micros = self.began.elapsed().as_micros();
        let now = u64::try_from(micros).map_or(Duration::MAX, Duration::from_micros);
        state.last = now.max(state.last.saturating_add(Duration::from_micros(1)));
        state.last
    }

    /// Notes a request; the ticket notes its end, also when it is dropped.
    fn begin(self: &Arc<Self>, request: &RestRequest) -> Ticket {
        let mut state = self.lock();
        let text = text::request(request, &mut state.ids);
        let (index, sent) = (state.entries.len(), self.now(&mut state));
        self.count(&mut state, text.len());
        if !state.is_full {
            state.entries.push(Entry { sent, request: text, answer: None });
        }
        Ticket { log: Arc::clone(self), index, request: request.clone() }
    }

    fn count(&self, state: &mut State, bytes: usize) {
        state.bytes = state.bytes.saturating_add(bytes);
        state.is_full |= state.bytes > self.limit;
    }
}

/// A request under way.
struct Ticket {
    log: Arc<Log>,
    index: usize,
    request: RestRequest,
}

impl Ticket {
    fn answered(&self, answer: &RestAnswer, end: End<'_>) {
        let mut state = self.log.lock();
        let text = text::answer(&self.request, answer, end, &mut state.cookies);
        self.note(&mut state, text);
    }

    fn failed(&self, error: &RestError) {
        self.note(&mut self.log.lock(), text::failure(error));
    }

    fn note(&self, state: &mut State, text: String) {
        self.log.count(state, text.len());
        let (is_full, now) = (state.is_full, self.log.now(state));
        if let Some(entry) = state.entries.get_mut(self.index)
            && entry.answer.is_none()
            && !is_full
        {
            entry.answer = Some((now, text));
        }
    }

    /// Notes a body once it has come to its end, or nobody wants more of it.
    fn listen(self, head: RestAnswer, mut body: RestBody) -> RestBody {
        let mut heard = Heard { ticket: self, answer: head };
        Box::pin(stream! {
            while let Some(piece) = body.next().await {
                match &piece {
                    Ok(bytes) => heard.answer.body.extend_from_slice(bytes),
                    Err(error) => heard.ticket.answered(&heard.answer, End::Broken(error)),
                }
                yield piece;
            }
            heard.ticket.answered(&heard.answer, End::Well);
        })
    }
}

/// A body, as far as it came.
struct Heard {
    ticket: Ticket,
    answer: RestAnswer,
}

impl Drop for Heard {
    fn drop(&mut self) {
        // Without effect once its end was noted.
        self.ticket.answered(&self.answer, End::Dropped);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Without effect once an answer was noted.
        self.note(&mut self.log.lock(), DROPPED.to_owned());
    }
}

impl<E: RestExchange> RestExchange for RestRecorder<E> {
    fn send(&self, request: RestRequest) -> RestFuture<'_> {
        let ticket = self.log.begin(&request);
        Box::pin(async move {
            let result = self.inner.send(request).await;
            match &result {
                Ok(answer) => ticket.answered(answer, End::Well),
                Err(error) => ticket.failed(error),
            }
            result
        })
    }

    fn open(&self, request: RestRequest) -> OpenFuture<'_> {
        let ticket = self.log.begin(&request);
        Box::pin(async move {
            match self.inner.open(request).await {
                Ok(RestStream { answer, more: None }) => {
                    ticket.answered(&answer, End::Well);
                    Ok(RestStream::whole(answer))
                }
                Ok(RestStream { answer, more: Some(body) }) => {
                    let body = ticket.listen(answer.clone(), body);
                    Ok(RestStream::begun(answer, body))
                }
                Err(error) => {
                    ticket.failed(&error);
                    Err(error)
                }
            }
        })
    }
}
