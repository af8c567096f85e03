//! How fast to go: one scheduler for everything that one account does.
//!
//! Exchange counts per account, not per session: cmdlets in a period, sessions, and a balance of time that is paid in
//! delays. It says so in texts only: a warning after the call that it delayed ([`WarningKind::MicroDelay`]), a snapshot
//! of the budget behind it ([`Budget`]), a refusal that names a wait ([`stated_wait`]). All of these come in here, and
//! out come two answers: when the next call may start, and how many may run at once.
//!
//! Calls at once are halved by a refusal and lowered by one by a delay, and come back one by one after quiet times.
//! Time is an input; whoever drives this sleeps.
//!
//! [`WarningKind::MicroDelay`]: crate::WarningKind::MicroDelay

use std::time::{Duration, Instant};

/// Decides when the next call may start.
///
/// ```
/// use std::time::{Duration, Instant};
/// use exchange_cmdlets::throttle::{Scheduler, Sign, Turn};
///
/// let now = Instant::now();
/// let mut scheduler = Scheduler::new(3);
/// assert_eq!(scheduler.ask(now), Turn::Now);
/// scheduler.handle(now, &Sign::Refused { wait: Some(Duration::from_millis(2736)) });
/// assert_eq!(scheduler.ask(now), Turn::At(now + Duration::from_millis(2736)));
/// assert_eq!(scheduler.allowed(now), 1, "and fewer at once from now on");
/// ```
#[derive(Clone, Debug)]
pub struct Scheduler {
    most: usize,
    /// INVARIANT: from 1 to `most`.
    allowed: usize,
    running: usize,
    not_before: Option<Instant>,
    refusals: u32,
    lowered: Option<Instant>,
    raised: Option<Instant>,
}

/// When a call may start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a driver handles each or is wrong")]
pub enum Turn {
    /// Now; for [`Scheduler::ask`] it counts as running until [`Scheduler::ended`].
    Now,
    /// Not before then: ask again.
    At(Instant),
    /// When one of those that run has ended: ask again.
    AfterAnother,
}

/// What the far side said about the pace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Sign {
    /// It refused a call, or a session, for want of budget.
    Refused {
        /// How long it asks to wait, if it does.
        wait: Option<Duration>,
    },
    /// It delayed a call.
    Delayed {
        /// By how long, if it says so.
        actual: Option<Duration>,
    },
    /// It told what is left.
    Budget(Budget),
    /// A call went well.
    Well,
}

impl Scheduler {
    /// Lets at most `most` calls run at once, at least 1.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        let most = if most == 0 { 1 } else { most };
        Self {
            most,
            allowed: most,
            running: 0,
            not_before: None,
            refusals: 0,
            lowered: None,
            raised: None,
        }
    }

    /// Lowers the bound, for instance to that of another user of the same account; it never rises again.
    pub fn limit_to(&mut self, most: usize) {
        self.most = self.most.min(most.max(1));
        self.allowed = self.allowed.min(self.most);
    }

    /// Asks for the start of a call.
    pub fn ask(&mut self, now: Instant) -> Turn {
        let turn = self.ask_within(now);
        if turn != Turn::Now {
            return turn;
        }
        if self.running >= self.allowed(now) {
            return Turn::AfterAnother;
        }
        self.running += 1;
        Turn::Now
    }

    /// Asks for the start of a call without which one that runs cannot end, or that may itself wait for others: it heeds
    /// the time, but takes nobody's place, for then each could wait for the other.
    pub fn ask_within(&mut self, now: Instant) -> Turn {
        match self.not_before {
            Some(at) if at > now => Turn::At(at),
            _ => {
                self.not_before = None;
                Turn::Now
            }
        }
    }

    /// Says that a call that [`ask`](Self::ask) let start has ended.
    pub fn ended(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// How many calls may run at once.
    #[must_use]
    pub fn allowed(&mut self, now: Instant) -> usize {
        while self.allowed < self.most {
            let quiet_since = self.raised.max(self.lowered);
            match quiet_since.map(|since| since + QUIET_BEFORE_MORE) {
                Some(at) if at <= now => {
                    self.allowed += 1;
                    self.raised = Some(at);
                }
                _ => break,
            }
        }
        self.allowed
    }

    /// Takes in what the far side said.
    pub fn handle(&mut self, now: Instant, sign: &Sign) {
        match *sign {
            Sign::Refused { wait } => {
                let doublings = self.refusals.min(5);
                self.refusals = self.refusals.saturating_add(1);
                let wait = wait.filter(|wait| *wait <= LONGEST_PAUSE);
                self.pause(now, wait.unwrap_or_else(|| FIRST_WAIT.saturating_mul(1 << doublings)));
                self.lower(now, |allowed| allowed / 2);
            }
            Sign::Delayed { actual } => {
                if actual.is_none_or(|actual| actual >= WORTH_NOTICING) {
                    self.lower(now, |allowed| allowed - 1);
                }
            }
            Sign::Budget(budget) => {
                if let Some(wait) = budget.wait() {
                    self.pause(now, wait.min(LONGEST_PAUSE));
                }
            }
            Sign::Well => self.refusals = 0,
        }
    }

    fn pause(&mut self, now: Instant, wait: Duration) {
        self.not_before = self.not_before.max(Some(now + wait));
    }

    /// What several calls are told at about the same time counts once.
    fn lower(&mut self, now: Instant, lower: impl FnOnce(usize) -> usize) {
        let allowed = self.allowed(now);
        if self.lowered.is_none_or(|at| now >= at + ONE_EVENT) {
            self.allowed = lower(allowed).clamp(1, self.most);
            self.lowered = Some(now);
        }
    }
}

/// What Exchange says is left of an account's budget: the text behind a micro delay or in a refusal.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Budget {
    /// How many cmdlets are left in the period: the least of those that the text names.
    pub cmdlets_left: Option<u64>,
    /// The period.
    pub period: Option<Duration>,
    /// How long the account is locked out.
    pub locked: Option<Duration>,
}

impl Budget {
    /// Finds a budget in a text; `None` when the text tells of none.
    ///
    /// ```
    /// use std::time::Duration;
    /// use exchange_cmdlets::throttle::Budget;
    ///
    /// let text = "PowerShellCmdletsLeft: 384/400\nExchangeCmdletsLeft: 0/200\nCmdletTimePeriod: 5\nLocked: False";
    /// let budget = Budget::parse(text).unwrap();
    /// assert_eq!((budget.cmdlets_left, budget.wait()), (Some(0), Some(Duration::from_secs(5))));
    /// assert!(Budget::parse("All is well.").is_none());
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let left = ["PowerShellCmdletsLeft:", "ExchangeCmdletsLeft:"]
            .into_iter()
            .filter_map(|key| number(after(text, key)?))
            .min();
        let is_locked = after(text, "Locked:").is_some_and(|rest| rest.starts_with("True"));
        let budget = Self {
            cmdlets_left: left,
            period: after(text, " CmdletTimePeriod:")
                .or_else(|| after(text, "\nCmdletTimePeriod:"))
                .and_then(number)
                .map(Duration::from_secs),
            locked: after(text, "LockRemaining:").filter(|_| is_locked).and_then(time_span),
        };
        (budget != Self::default()).then_some(budget)
    }

    /// How long to wait before the next call: nothing while something is left.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        let spent = self.cmdlets_left == Some(0);
        self.locked.or_else(|| self.period.filter(|_| spent)).filter(|wait| !wait.is_zero())
    }
}

/// Returns the wait that a text asks for: `not be approved for at least 2,736 milliseconds`, `Please wait for 2 seconds`.
///
/// ```
/// use std::time::Duration;
/// use exchange_cmdlets::throttle::stated_wait;
///
/// assert_eq!(stated_wait("Please wait for 2 seconds."), Some(Duration::from_secs(2)));
/// assert_eq!(stated_wait("Please wait."), None);
/// ```
#[must_use]
pub fn stated_wait(text: &str) -> Option<Duration> {
    let lower = text.to_lowercase();
    ["for at least", "wait for", "wait at least", "retry after", "try again in"]
        .into_iter()
        .find_map(|lead| {
            let rest = after(&lower, lead)?;
            let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ',' || c == '.'))?;
            let (digits, unit) = rest.split_at_checked(end)?;
            let unit = unit.trim_start();
            let digits = digits.trim_end_matches('.');
            // Separators of thousands; nobody names a fraction of a millisecond.
            let number: u64 = digits.replace([',', '.'], "").parse().ok()?;
            if unit.starts_with("milli") || unit.starts_with("msec") || unit.starts_with("ms") {
                Some(Duration::from_millis(number))
            } else if unit.starts_with("min") {
                number.checked_mul(60).map(Duration::from_secs)
            } else {
                unit.starts_with('s').then(|| Duration::from_secs(number))
            }
        })
}

/// What stands behind `key`, without the space before it.
fn after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.split_once(key).map(|(_, rest)| rest.trim_start_matches(' '))
}

/// The number at the beginning; one below zero is nothing.
fn number(text: &str) -> Option<u64> {
    if text.starts_with('-') {
        return Some(0);
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// `00:01:30`, as .NET writes a time span.
fn time_span(text: &str) -> Option<Duration> {
    let mut parts = text.splitn(3, ':').map(number);
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let seconds =
        hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?.checked_add(seconds)?;
    Some(Duration::from_secs(seconds))
}

/// The wait after a refusal that names none; it doubles up to 64 seconds while refusals follow each other.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// Whoever asks for more means nothing by it: WinRM has been seen to ask for weeks.
const LONGEST_PAUSE: Duration = Duration::from_secs(16 * 60);
/// A delay below this says nothing about the budget.
const WORTH_NOTICING: Duration = Duration::from_millis(500);
/// Signs within so short a time tell of one event.
const ONE_EVENT: Duration = Duration::from_secs(5);
/// One more call at once is tried after so long without a sign to slow down.
const QUIET_BEFORE_MORE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn so_many_run_at_once_and_no_more() {
        let now = Instant::now();
        let mut scheduler = Scheduler::new(2);
        assert_eq!(
            [(); 3].map(|()| scheduler.ask(now)),
            [Turn::Now, Turn::Now, Turn::AfterAnother]
        );
        assert_eq!(scheduler.ask_within(now), Turn::Now, "what another waits for takes no place");
        scheduler.ended();
        assert_eq!(scheduler.ask(now), Turn::Now);
        assert_eq!(Scheduler::new(0).ask(now), Turn::Now, "at least one can run");
    }

    #[test]
    fn a_refusal_pauses_everybody_and_halves() {
        let now = Instant::now();
        let mut scheduler = Scheduler::new(8);
        scheduler.handle(now, &Sign::Refused { wait: Some(3 * SECOND) });
        assert_eq!(scheduler.allowed(now), 4);
        assert_eq!(scheduler.ask(now + 2 * SECOND), Turn::At(now + 3 * SECOND));
        assert_eq!(scheduler.ask_within(now + 2 * SECOND), Turn::At(now + 3 * SECOND));
        // A shorter wait that another call is told does not shorten the first, nor halve again.
        scheduler.handle(now + SECOND, &Sign::Refused { wait: Some(SECOND) });
        assert_eq!(scheduler.ask(now + 2 * SECOND), Turn::At(now + 3 * SECOND));
        assert_eq!(scheduler.allowed(now + SECOND), 4);
        assert_eq!(scheduler.ask(now + 3 * SECOND), Turn::Now);
    }

    #[test]
    fn refusals_without_a_wait_are_answered_with_longer_ones() {
        let mut now = Instant::now();
        let mut scheduler = Scheduler::new(1);
        for expected in [2, 4, 8, 16, 32, 64, 64] {
            scheduler.handle(now, &Sign::Refused { wait: None });
            let Turn::At(at) = scheduler.ask(now) else { panic!("no wait") };
            assert_eq!(at - now, Duration::from_secs(expected));
            now = at;
        }
        scheduler.handle(now, &Sign::Well);
        scheduler.handle(now, &Sign::Refused { wait: None });
        assert_eq!(scheduler.ask(now), Turn::At(now + 2 * SECOND));
    }

    #[test]
    fn delays_lower_one_by_one_and_quiet_raises_slowly() {
        let mut now = Instant::now();
        let mut scheduler = Scheduler::new(3);
        let delayed = Sign::Delayed { actual: Some(21 * SECOND) };
        for expected in [2, 1, 1] {
            scheduler.handle(now, &delayed);
            assert_eq!(scheduler.allowed(now), expected);
            now += 10 * SECOND;
        }
        scheduler.handle(now, &Sign::Delayed { actual: Some(Duration::from_millis(3)) });
        let lowered = now - 10 * SECOND;
        assert_eq!(scheduler.allowed(lowered + 59 * SECOND), 1);
        assert_eq!(scheduler.allowed(lowered + 60 * SECOND), 2);
        assert_eq!(scheduler.allowed(lowered + 119 * SECOND), 2);
        assert_eq!(scheduler.allowed(lowered + 600 * SECOND), 3);
    }

    #[test]
    fn another_users_lower_bound_counts() {
        let now = Instant::now();
        let mut scheduler = Scheduler::new(5);
        scheduler.limit_to(2);
        scheduler.limit_to(4);
        assert_eq!(scheduler.allowed(now + 3600 * SECOND), 2);
    }

    #[test]
    fn the_snapshot_behind_a_micro_delay_is_read() {
        let text = "Micro delay applied. Actual delayed: 21956 msecs, Enforced: True, Capped delay: 21956 msecs, \
                    Required: False, Additional info: .;\nPolicyDN: [Fallback]\nSnapshot: Owner: Sid~CONTOSO\\svc~PowerShell~false\n\
                    BudgetType: PowerShell\nActiveRunspaces: 0/20\nBalance: -1608289/2160000/-3000000\n\
                    PowerShellCmdletsLeft: 384/400\nExchangeCmdletsLeft: 185/200\nCmdletTimePeriod: 5\n\
                    DestructiveCmdletsLeft: 120/120\nDestructiveCmdletTimePeriod: 60\nQueueDepth: 100\n\
                    Locked: False\nLockRemaining: 00:00:00";
        let budget = Budget::parse(text).unwrap();
        assert_eq!((budget.cmdlets_left, budget.period), (Some(185), Some(5 * SECOND)));
        assert_eq!(budget.wait(), None);
        let spent = Budget::parse(&text.replace("185/", "-3/")).unwrap();
        assert_eq!(spent.wait(), Some(5 * SECOND));
        let locked = text.replace("Locked: False", "Locked: True").replace("00:00:00", "00:01:30");
        let locked = Budget::parse(&locked).unwrap();
        assert_eq!(locked.wait(), Some(90 * SECOND));

        let now = Instant::now();
        let mut scheduler = Scheduler::new(1);
        scheduler.handle(now, &Sign::Budget(locked));
        assert_eq!(scheduler.ask(now), Turn::At(now + 90 * SECOND));
    }

    #[test]
    fn waits_are_found_in_what_servers_say() {
        let check = |text: &str, milliseconds: Option<u64>| {
            assert_eq!(stated_wait(text), milliseconds.map(Duration::from_millis), "{text}");
        };
        check(
            "The next request from this user will not be approved for at least 2,736 milliseconds.",
            Some(2736),
        );
        check("… to create runspace. Please wait for 2 seconds. Policy: CN=X", Some(2000));
        check("Please wait for 3 minutes.", Some(180_000));
        check("Wait for 5", None);
        check("wait for 99999999999999999999 seconds", None);
        check("wait for . seconds", None);
        check("Wait for the other 5 seconds.", None);
        check("", None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_and_no_sequence_of_signs_stops_it_for_good(
            text in ".*",
            waits in proptest::collection::vec(proptest::option::of(0..10_000_000_u64), 0..20),
        ) {
            let mut now = Instant::now();
            let mut scheduler = Scheduler::new(3);
            if let Some(budget) = Budget::parse(&text) {
                scheduler.handle(now, &Sign::Budget(budget));
            }
            let _ = stated_wait(&text);
            for wait in waits {
                scheduler.handle(now, &Sign::Refused { wait: wait.map(Duration::from_millis) });
                now += SECOND;
            }
            proptest::prop_assert_eq!(scheduler.ask(now + LONGEST_PAUSE), Turn::Now);
        }
    }
}
