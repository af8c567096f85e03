//! Recording what goes through an exchange.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::Error;
use super::exchange::{BoxFuture, Exchange, SoapRequest, SoapResponse};
use super::failure;
use crate::recording::{RecordedAnswer, RecordedExchange, Recording};
use crate::xml::decode_text;

/// An exchange that passes everything through and remembers it.
///
/// What it remembers lies in memory, in clear: [`recording`](Self::recording) hands it out, and whoever writes it down takes out
/// first what nobody else may see.
///
/// ```no_run
/// use std::sync::Arc;
/// use wsman::client::{ClientOptions, Credentials, HttpClient, Recorder, ReplayTransport, ShellOptions, list_shells};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "http://ex01.contoso.com:5985/wsman";
/// let credentials = Credentials::negotiate("CONTOSO\\svc-idm", std::env::var("EXCHANGE_PASSWORD")?);
/// let recorder = Recorder::new(HttpClient::new(ClientOptions::new(url, credentials))?);
/// let shells = list_shells(&recorder, &ShellOptions::new(url)).await?;
///
/// // From here on no server is needed.
/// let replay = ReplayTransport::new(recorder.recording());
/// assert_eq!(list_shells(&replay, &ShellOptions::new(url)).await?.len(), shells.len());
/// replay.finish()?;
/// # Ok(())
/// # }
/// ```
///
/// Beyond [`limit`](Self::limit) bytes nothing more is remembered; [`is_full`](Self::is_full) tells.
pub struct Recorder<E> {
    inner: E,
    began: Instant,
    limit: usize,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    /// INVARIANT: entries are never removed, so an index stays valid.
    entries: Vec<Entry>,
    bytes: usize,
    is_full: bool,
    last: Duration,
}

struct Entry {
    sent: Duration,
    request: String,
    answer: Option<(Duration, RecordedAnswer)>,
}

impl Log {
    /// The time now, in whole microseconds and later than every time before: the order of events is told by their times, however
    /// coarse the clock is.
    fn now(&mut self, began: Instant) -> Duration {
        let now =
            u64::try_from(began.elapsed().as_micros()).map_or(Duration::MAX, Duration::from_micros);
        self.last = now.max(self.last.saturating_add(Duration::from_micros(1)));
        self.last
    }
}

impl<E: Exchange> Recorder<E> {
    /// Records what goes through `inner` from now on, at most 256 MiB.
    #[must_use]
    pub fn new(inner: E) -> Self {
        Self { inner, began: Instant::now(), limit: 256 << 20, log: Arc::default() }
    }

    /// Sets how many bytes of envelopes are remembered at most; the default is 256 MiB.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Returns what was recorded so far. Requests under way count as dropped.
    #[must_use]
    pub fn recording(&self) -> Recording {
        let mut log = self.lock();
        let now = log.now(self.began);
        let exchanges = log.entries.iter().map(|entry| {
            let (answered, answer) = entry.answer.clone().unwrap_or((now, RecordedAnswer::Dropped));
            let request = entry.request.clone();
            RecordedExchange::new(entry.sent, answered, request, answer)
        });
        let mut recording = Recording::new(exchanges.collect());
        recording.overhead = self.inner.overhead();
        recording
    }

    /// Tells whether the limit was reached, so that something is missing from the recording.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.lock().is_full
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request; the ticket notes its end, also when it is dropped.
    fn begin(&self, request: &SoapRequest) -> Option<Ticket> {
        let mut log = self.lock();
        log.bytes = log.bytes.saturating_add(request.envelope.len());
        if log.bytes > self.limit {
            log.is_full = true;
            return None;
        }
        let index = log.entries.len();
        let request = request.envelope.clone();
        let sent = log.now(self.began);
        log.entries.push(Entry { sent, request, answer: None });
        Some(Ticket { log: Arc::clone(&self.log), index, limit: self.limit, began: self.began })
    }
}

impl<E: Exchange> Exchange for Recorder<E> {
    fn exchange(&self, request: SoapRequest) -> BoxFuture<'_, Result<SoapResponse, Error>> {
        Box::pin(async move {
            let ticket = self.begin(&request);
            let result = self.inner.exchange(request).await;
            if let Some(ticket) = ticket {
                ticket.end(match &result {
                    Ok(answer) => RecordedAnswer::Envelope {
                        status: answer.status,
                        envelope: match decode_text(&answer.envelope) {
                            Ok(text) => text.into_owned(),
                            Err(_) => String::from_utf8_lossy(&answer.envelope).into_owned(),
                        },
                    },
                    Err(error) => RecordedAnswer::Failure(failure::record(error)),
                });
            }
            result
        })
    }

    fn overhead(&self) -> usize {
        self.inner.overhead()
    }
}

struct Ticket {
    log: Arc<Mutex<Log>>,
    index: usize,
    limit: usize,
    began: Instant,
}

impl Ticket {
    fn end(self, answer: RecordedAnswer) {
        self.note(answer);
    }

    fn note(&self, answer: RecordedAnswer) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let RecordedAnswer::Envelope { envelope, .. } = &answer {
            log.bytes = log.bytes.saturating_add(envelope.len());
            log.is_full |= log.bytes > self.limit;
        }
        let (is_full, now) = (log.is_full, log.now(self.began));
        if let Some(entry) = log.entries.get_mut(self.index)
            && entry.answer.is_none()
            && !is_full
        {
            entry.answer = Some((now, answer));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Without effect once an answer was noted.
        self.note(RecordedAnswer::Dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MessageId;
    use crate::operation::Verb;

    struct Echo;

    impl Exchange for Echo {
        fn exchange(&self, request: SoapRequest) -> BoxFuture<'_, Result<SoapResponse, Error>> {
            Box::pin(async move {
                match request.envelope.as_str() {
                    "never" => std::future::pending().await,
                    "refused" => Err(Error::BadCredentials { username: "ann".to_owned() }),
                    other => Ok(SoapResponse::new(200, other.as_bytes().to_vec())),
                }
            })
        }
    }

    fn request(envelope: &str) -> SoapRequest {
        let id = MessageId::from(uuid::Uuid::nil());
        SoapRequest::new(Verb::Get, id, envelope.to_owned(), None)
    }

    fn answers(recording: &Recording) -> Vec<&RecordedAnswer> {
        recording.exchanges.iter().map(|exchange| &exchange.answer).collect()
    }

    #[tokio::test]
    async fn answers_failures_and_lost_interest_are_recorded() {
        let recorder = Recorder::new(Echo);
        recorder.exchange(request("hello")).await.unwrap();
        recorder.exchange(request("refused")).await.unwrap_err();
        let waiting = recorder.exchange(request("never"));
        tokio::time::timeout(Duration::from_millis(1), waiting).await.unwrap_err();
        let recording = recorder.recording();
        let [RecordedAnswer::Envelope { status: 200, envelope }, refused, dropped] =
            answers(&recording)[..]
        else {
            panic!("{recording:?}")
        };
        assert_eq!(envelope, "hello");
        assert!(matches!(refused, RecordedAnswer::Failure(one) if one.kind == "bad-credentials"));
        assert_eq!(*dropped, RecordedAnswer::Dropped);
        let times: Vec<_> =
            recording.exchanges.iter().map(|one| one.answered >= one.sent).collect();
        assert_eq!(times, [true; 3]);
    }

    #[tokio::test]
    async fn beyond_the_limit_nothing_is_remembered() {
        let recorder = Recorder::new(Echo).limit(12);
        recorder.exchange(request("hello")).await.unwrap();
        assert!(!recorder.is_full());
        recorder.exchange(request("hello")).await.unwrap();
        assert!(recorder.is_full());
        assert_eq!(recorder.recording().exchanges.len(), 1);
    }
}
