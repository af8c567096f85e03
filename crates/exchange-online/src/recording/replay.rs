//! A recording in the service's place.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, sleep_until};

use super::text::{self, Numbers, Told};
use super::{RecordedRest, RestDifference, RestRecording};
use crate::rest::{
    OpenFuture, RestBody, RestError, RestExchange, RestFuture, RestRequest, RestStream,
};

/// Answers as the recorded service did, to a client that asks as the recorded one did.
///
/// A request has to be the first that was not made yet, or one that was under way at the same time as that. The first that is
/// neither fails, and so does every one after it; [`finish`](Self::finish) tells what it was, and whether anything was left
/// out. Answers come at once; with [`as_recorded`](Self::as_recorded) at the recorded times, which under tokio's paused clock
/// takes no time either.
///
/// ```
/// use std::sync::Arc;
///
/// use exchange_cmdlets::{CmdletCall, CmdletTransport};
/// use exchange_online::recording::{RestRecording, RestReplay};
/// use exchange_online::{Credential, ExchangeOnline, OnlineOptions};
/// use futures_util::StreamExt as _;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let replay = Arc::new(RestReplay::new(RestRecording::default()));
/// let credential = Credential::client_secret(uuid::Uuid::from_u128(1), "any".into());
/// let options = OnlineOptions::new("contoso.onmicrosoft.com", credential);
/// let online = ExchangeOnline::over(options, replay.clone());
/// let answer = online.invoke(CmdletCall::new("Get-Mailbox")).next().await;
/// assert!(matches!(answer, Some(Err(_))), "nothing was recorded");
/// assert!(replay.finish().is_err());
/// # }
/// ```
pub struct RestReplay {
    state: Mutex<State>,
    is_timed: bool,
}

#[derive(Default)]
struct State {
    exchanges: Vec<RecordedRest>,
    /// Which of them were made.
    made: Vec<bool>,
    ids: Numbers,
    difference: Option<RestDifference>,
    /// Whether another request takes the place of the one that was due.
    accepts_changes: bool,
    changed: BTreeMap<usize, String>,
    /// The moment at which the first request came, and when it had been sent.
    origin: Option<(Instant, Duration)>,
}

impl RestReplay {
    /// Plays a recording.
    #[must_use]
    pub fn new(recording: RestRecording) -> Self {
        let exchanges = recording.exchanges;
        let made = vec![false; exchanges.len()];
        let state = State { exchanges, made, ..State::default() };
        Self { state: Mutex::new(state), is_timed: false }
    }

    /// Gives answers at the recorded times, counted from the first request, by tokio's clock.
    #[must_use]
    pub fn as_recorded(mut self) -> Self {
        self.is_timed = true;
        self
    }

    /// Takes a request that is another than the one that was due in its place, with its answer;
    /// [`changed`](Self::changed) tells which those were.
    #[must_use]
    pub fn accepting_changes(self) -> Self {
        self.lock().accepts_changes = true;
        self
    }

    /// Returns the requests that took the place of others, by the index of the exchange.
    #[must_use]
    pub fn changed(&self) -> BTreeMap<usize, String> {
        self.lock().changed.clone()
    }

    /// Returns the indexes of the exchanges whose requests were not made.
    #[must_use]
    pub fn unused(&self) -> Vec<usize> {
        let state = self.lock();
        let made = state.made.iter().enumerate();
        made.filter(|(_, made)| !**made).map(|(index, _)| index).collect()
    }

    /// Tells whether the client did all that was recorded, and nothing else.
    ///
    /// # Errors
    ///
    /// The first [`RestDifference`].
    pub fn finish(&self) -> Result<(), RestDifference> {
        let state = self.lock();
        if let Some(difference) = &state.difference {
            return Err(difference.clone());
        }
        match state.first_due() {
            None => Ok(()),
            Some((index, exchange)) => Err(RestDifference {
                number: index + 1,
                recorded: Some(exchange.request.clone()),
                now: None,
            }),
        }
    }

    /// Returns the first request that was not the recorded one, if there was one.
    #[must_use]
    pub fn difference(&self) -> Option<RestDifference> {
        self.lock().difference.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn told(&self, request: RestRequest) -> Result<Told, RestError> {
        let taken = self.lock().take(&request);
        let (exchange, (origin, first)) = taken.map_err(|difference| RestError::Lost {
            host: request.url.host_str().unwrap_or_default().to_owned(),
            source: difference.into(),
        })?;
        let told = text::read(&exchange.answer);
        if self.is_timed && !matches!(told, Some(Told::Dropped)) {
            sleep_until(origin + exchange.answered.saturating_sub(first)).await;
        }
        told.ok_or_else(|| RestError::Lost {
            host: String::new(),
            source: "what was recorded here cannot be read".into(),
        })
    }
}

impl State {
    fn first_due(&self) -> Option<(usize, &RecordedRest)> {
        let index = self.made.iter().position(|made| !made)?;
        Some((index, self.exchanges.get(index)?))
    }

    /// Finds the exchange of a request.
    fn take(
        &mut self,
        request: &RestRequest,
    ) -> Result<(RecordedRest, (Instant, Duration)), RestDifference> {
        if let Some(difference) = &self.difference {
            return Err(difference.clone());
        }
        let now = text::request(request, &mut self.ids);
        let due = self.first_due().map(|(index, exchange)| (index, exchange.clone()));
        let found = due.as_ref().and_then(|(_, first)| {
            let candidates = self.exchanges.iter().zip(&self.made).enumerate();
            candidates
                .filter(|(_, (exchange, made))| !**made && exchange.sent <= first.answered)
                .find(|(_, (exchange, _))| exchange.request == now)
                .map(|(index, (exchange, _))| (index, exchange.clone()))
        });
        let instead = due.clone().filter(|_| self.accepts_changes && found.is_none());
        if let Some((index, _)) = &instead {
            self.changed.insert(*index, now.clone());
        }
        let Some((index, exchange)) = found.or(instead) else {
            let difference = RestDifference {
                number: due.as_ref().map_or(self.exchanges.len() + 1, |(index, _)| index + 1),
                recorded: due.map(|(_, exchange)| exchange.request),
                now: Some(now),
            };
            self.difference = Some(difference.clone());
            return Err(difference);
        };
        if let Some(made) = self.made.get_mut(index) {
            *made = true;
        }
        let origin = *self.origin.get_or_insert_with(|| (Instant::now(), exchange.sent));
        Ok((exchange, origin))
    }
}

impl RestExchange for RestReplay {
    fn send(&self, request: RestRequest) -> RestFuture<'_> {
        Box::pin(async {
            match self.told(request).await? {
                Told::Answer(answer) => Ok(answer),
                Told::Failure(error) | Told::Broken(_, Some(error)) => Err(error),
                Told::Dropped | Told::Broken(_, None) => std::future::pending().await,
            }
        })
    }

    fn open(&self, request: RestRequest) -> OpenFuture<'_> {
        Box::pin(async {
            let (mut head, error) = match self.told(request).await? {
                Told::Answer(answer) => return Ok(RestStream::whole(answer)),
                Told::Failure(error) => return Err(error),
                Told::Dropped => std::future::pending().await,
                Told::Broken(answer, error) => (answer, error),
            };
            let begun = stream::iter([Ok(std::mem::take(&mut head.body).into())]);
            let body: RestBody = match error {
                Some(error) => Box::pin(begun.chain(stream::iter([Err(error)]))),
                None => Box::pin(begun.chain(stream::pending())),
            };
            Ok(RestStream::begun(head, body))
        })
    }
}
