//! The pace of one account: the driver of [`Scheduler`], shared by all sessions that the process has of the account.
//!
//! Exchange counts what an account does, over whichever session, so there is one pace for each pair of host and account,
//! however many connectors a program opens. Single calls take turns; a read that streams heeds the pauses alone, for whoever
//! consumes it may make single calls meanwhile. Sessions have places of their own, as many as `endpoint.max_sessions`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use exchange_cmdlets::throttle::{Budget, Scheduler, Sign, Turn};
use exchange_cmdlets::{CmdletItem, ErrorClass, TransportError, WarningKind, classify};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// The pace of one account.
pub(crate) struct Pace {
    scheduler: Mutex<Scheduler>,
    /// Rung when a call ended or the scheduler learnt something.
    news: Notify,
    places: Arc<Semaphore>,
}

/// Lets a call run; its end makes room for another.
pub(crate) struct CallPermit {
    pace: Arc<Pace>,
}

/// Lets a session be open.
pub(crate) type SessionPermit = OwnedSemaphorePermit;

/// How long to wait for another session of this process to end.
const PATIENCE_FOR_A_PLACE: Duration = Duration::from_secs(60);

/// The paces in use, by host and account without case.
static PACES: LazyLock<Mutex<Paces>> = LazyLock::new(Mutex::default);

type Paces = HashMap<(String, String), Weak<Pace>>;

impl Pace {
    pub(crate) fn new(max_sessions: usize) -> Arc<Self> {
        Arc::new(Self {
            scheduler: Mutex::new(Scheduler::new(max_sessions)),
            news: Notify::new(),
            places: Arc::new(Semaphore::new(max_sessions.clamp(1, Semaphore::MAX_PERMITS))),
        })
    }

    /// The pace that everything in this process shares for this account. Where bounds differ, the lower one counts.
    pub(crate) fn of_account(host: &str, account: &str, max_sessions: usize) -> Arc<Self> {
        let key = (host.to_lowercase(), account.to_lowercase());
        let mut paces = PACES.lock().unwrap_or_else(PoisonError::into_inner);
        paces.retain(|_, pace| pace.strong_count() > 0);
        if let Some(pace) = paces.get(&key).and_then(Weak::upgrade) {
            pace.with(|scheduler| scheduler.limit_to(max_sessions));
            return pace;
        }
        let pace = Self::new(max_sessions);
        paces.insert(key, Arc::downgrade(&pace));
        pace
    }

    fn with<R>(&self, act: impl FnOnce(&mut Scheduler) -> R) -> R {
        act(&mut self.scheduler.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until a call may run, beside as few others as the account's budget allows.
    pub(crate) async fn turn(self: &Arc<Self>) -> CallPermit {
        self.wait(Scheduler::ask).await;
        CallPermit { pace: Arc::clone(self) }
    }

    /// Waits until calls may start at all.
    pub(crate) async fn pause(&self) {
        self.wait(Scheduler::ask_within).await;
    }

    async fn wait(&self, ask: impl Fn(&mut Scheduler, std::time::Instant) -> Turn) {
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            news.as_mut().enable();
            match self.with(|scheduler| ask(scheduler, Instant::now().into_std())) {
                Turn::Now => return,
                Turn::AfterAnother => news.await,
                Turn::At(at) => {
                    let wait = at.saturating_duration_since(Instant::now().into_std());
                    tracing::info!(?wait, "the server asks for fewer requests");
                    tokio::time::sleep_until(Instant::from_std(at)).await;
                }
            }
        }
    }

    /// Takes a place for a session; `None` when all are in use and none becomes free.
    pub(crate) async fn place(&self) -> Option<SessionPermit> {
        let place = Arc::clone(&self.places).acquire_owned();
        tokio::time::timeout(PATIENCE_FOR_A_PLACE, place).await.ok()?.ok()
    }

    /// Takes in what a refusal says.
    pub(crate) fn refused(&self, wait: Option<Duration>) {
        self.learn(&Sign::Refused { wait });
    }

    /// Takes in what something that a call gave says about the pace.
    pub(crate) fn heard(&self, item: &Result<CmdletItem, TransportError>) {
        match item {
            Ok(CmdletItem::Warning(text)) => {
                if let WarningKind::MicroDelay { actual } = WarningKind::of(text) {
                    tracing::info!(?actual, "the server delayed a command for want of budget");
                    self.learn(&Sign::Delayed { actual });
                    if let Some(budget) = Budget::parse(text) {
                        self.learn(&Sign::Budget(budget));
                    }
                }
            }
            Ok(CmdletItem::Error(record)) => {
                let classified = classify(record);
                if classified.class == ErrorClass::Throttled {
                    self.refused(classified.wait);
                }
            }
            Err(TransportError::Throttled { wait, .. }) => self.refused(*wait),
            Err(TransportError::PipelineFailed { record }) => {
                let classified = classify(record);
                if classified.class == ErrorClass::Throttled {
                    self.refused(classified.wait);
                }
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// Takes in that a call ended well.
    pub(crate) fn went_well(&self) {
        self.with(|scheduler| scheduler.handle(Instant::now().into_std(), &Sign::Well));
    }

    fn learn(&self, sign: &Sign) {
        self.with(|scheduler| scheduler.handle(Instant::now().into_std(), sign));
        self.news.notify_waiters();
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        self.pace.with(Scheduler::ended);
        self.pace.news.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use exchange_cmdlets::ErrorRecord;
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_users_of_an_account_wait_together() {
        let one = Pace::of_account("EX01.contoso.com", r"CONTOSO\svc", 3);
        let other = Pace::of_account("ex01.contoso.com", r"contoso\SVC", 2);
        let stranger = Pace::of_account("ex01.contoso.com", r"contoso\other", 2);
        one.refused(Some(Duration::from_secs(7)));
        let before = Instant::now();
        drop(stranger.turn().await);
        assert_eq!(before.elapsed(), Duration::ZERO);
        drop(other.turn().await);
        let waited = before.elapsed();
        assert!((7..8).contains(&waited.as_secs()), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_the_end_of_another() {
        let pace = Pace::new(1);
        let running = pace.turn().await;
        assert!(pace.pause().now_or_never().is_some(), "a read that streams takes no place");
        let mut next = std::pin::pin!(pace.turn());
        assert!(next.as_mut().now_or_never().is_none());
        drop(running);
        assert!(next.now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_commands_say_slows_the_next_one_down() {
        let pace = Pace::new(4);
        let text = "Micro delay applied. Actual delayed: 21956 msecs\nExchangeCmdletsLeft: 0/200\nCmdletTimePeriod: 5";
        pace.heard(&Ok(CmdletItem::Warning(text.to_owned())));
        let before = Instant::now();
        pace.pause().await;
        assert!((5..6).contains(&before.elapsed().as_secs()));
        assert_eq!(pace.with(|scheduler| scheduler.allowed(Instant::now().into_std())), 3);
        let record = ErrorRecord::new(
            "The next request from this user will not be approved for at least 9,000 milliseconds.",
            "OverBudgetException",
        );
        pace.heard(&Ok(CmdletItem::Error(record)));
        let before = Instant::now();
        pace.pause().await;
        assert!((9..10).contains(&before.elapsed().as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_no_more_sessions_than_places() {
        let pace = Pace::new(1);
        let place = pace.place().await.expect("one is free");
        assert!(pace.place().await.is_none());
        drop(place);
        assert!(pace.place().await.is_some());
    }
}
