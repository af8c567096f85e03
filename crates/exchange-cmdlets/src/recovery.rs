//! What to do after a failure: again, how, and when to stop trying.
//!
//! A pure function of what was being done, how it failed, what may have run, how often it failed in a row, and the
//! time. Whoever drives it sleeps, opens sessions and repeats calls; nothing here does. Three rules stand above the rest:
//!
//! - A write that may have run is never repeated: its outcome is unknown until somebody looks.
//! - A refused account is not tried again, for accounts lock.
//! - Nothing is tried for ever: failures in a row are counted, and progress between two failures ends the row.
//!
//! A session that is opened anew knows nothing of the old one, so whatever was settled in it is settled again.

use std::time::{Duration, Instant};

use crate::class::{Classified, ErrorClass, Retry, classify};
use crate::error_record::ErrorRecord;
use crate::transport::TransportError;

/// What was being done when it failed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a driver handles each kind or is wrong")]
pub enum Purpose {
    /// Reading, which may be repeated freely.
    Read,
    /// Writing.
    Write,
    /// Opening the first session: a server that cannot be reached is reported at once.
    Open,
    /// Opening a session in the middle of work: a server that cannot be reached may come back.
    Reopen,
    /// Stopping a command or closing a session, which may be repeated freely and is void when the session is gone.
    Control,
}

/// Whether the far side carried out what it was asked.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between yes and no but not knowing")]
pub enum Ran {
    /// Certainly not: it never arrived, or was refused before it began.
    No,
    /// It cannot be told.
    Unknown,
    /// It ran, and the far side reported how it ended.
    Reported,
}

/// What failed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// There was no connection, or it broke; the session may live on.
    Connection,
    /// The session is gone, or of no use any more.
    Session,
    /// A limit on requests was met.
    Throttled,
    /// The account has as many sessions as it may: those of a run that was killed count until they time out.
    TooManySessions,
    /// The domain controller failed; another one may do.
    DomainController,
    /// The far side says that the same may succeed later.
    Transient,
    /// Nothing came for so long that it was given up.
    Stalled,
    /// The answer could not be understood.
    Protocol,
    /// Somebody else stopped it.
    Stopped,
    /// The far side refuses the account.
    Denied,
    /// The same would be refused again.
    Refused,
}

/// A failure as far as it matters for what to do next.
///
/// ```
/// use exchange_cmdlets::TransportError;
/// use exchange_cmdlets::recovery::{Cause, Failure, Ran};
///
/// let failure = Failure::of(&TransportError::ConnectionLost { source: "reset".into() });
/// assert_eq!((failure.cause, failure.ran), (Cause::Session, Ran::Unknown));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Failure {
    /// What failed.
    pub cause: Cause,
    /// What is known to have run.
    pub ran: Ran,
    /// How long the far side asks to wait, if it does.
    pub wait: Option<Duration>,
    /// How long nothing had come when it was given up; zero unless that was the failure.
    pub silence: Duration,
}

impl Failure {
    /// A failure for which the far side named no wait.
    #[must_use]
    pub const fn new(cause: Cause, ran: Ran) -> Self {
        Self { cause, ran, wait: None, silence: Duration::ZERO }
    }

    /// Adds the wait that the far side asks for.
    #[must_use]
    pub const fn wait(mut self, wait: Option<Duration>) -> Self {
        self.wait = wait;
        self
    }

    /// Adds how long nothing had come.
    #[must_use]
    pub const fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// What the bad end of a command means.
    #[must_use]
    pub fn of(error: &TransportError) -> Self {
        match error {
            TransportError::PipelineFailed { record } => Self::of_record(record),
            TransportError::Stopped => Self::new(Cause::Stopped, Ran::Unknown),
            TransportError::NotSent { .. } => Self::new(Cause::Connection, Ran::No),
            TransportError::ConnectionLost { .. } => Self::new(Cause::Session, Ran::Unknown),
            TransportError::Stalled { after, .. } => {
                Self::new(Cause::Stalled, Ran::Unknown).silence(*after)
            }
            TransportError::Denied { .. } => Self::new(Cause::Denied, Ran::No),
            TransportError::Throttled { wait, .. } => {
                Self::new(Cause::Throttled, Ran::No).wait(*wait)
            }
            TransportError::Refused { .. } | TransportError::Unsupported { .. } => {
                Self::new(Cause::Refused, Ran::No)
            }
            TransportError::Flooded { .. } => Self::new(Cause::Refused, Ran::Unknown),
            TransportError::Protocol { .. } => Self::new(Cause::Protocol, Ran::Unknown),
        }
    }

    /// What an error record means. One about a limit comes before the cmdlet does anything.
    #[must_use]
    pub fn of_record(record: &ErrorRecord) -> Self {
        let Classified { class, retry, wait, domain_controller_failed, .. } = classify(record);
        let cause = match (class, retry) {
            _ if domain_controller_failed => Cause::DomainController,
            (ErrorClass::Throttled, _) => Cause::Throttled,
            (ErrorClass::Transient, _) => Cause::Transient,
            (ErrorClass::Ambiguous, Retry::AfterCheck) => Cause::Session,
            (ErrorClass::Denied, _) => Cause::Denied,
            _ => Cause::Refused,
        };
        let ran = match cause {
            Cause::Throttled => Ran::No,
            Cause::Session => Ran::Unknown,
            _ => Ran::Reported,
        };
        Self::new(cause, ran).wait(wait)
    }

    /// Whether the failure may pass, so that reading again is worth a try.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        !matches!(self.cause, Cause::Denied | Cause::Refused)
    }
}

/// How often something failed, and since when nothing was gained.
///
/// The time of the attempts themselves counts too, for whoever makes them may have tried for long before it says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attempts {
    in_row: u32,
    total: u32,
    kept: u64,
    since: Instant,
}

impl Attempts {
    /// The first attempt begins now.
    #[must_use]
    pub const fn begin(now: Instant) -> Self {
        Self { in_row: 0, total: 0, kept: 0, since: now }
    }

    /// Counts a failure.
    pub const fn failed(&mut self) {
        self.in_row = self.in_row.saturating_add(1);
        self.total = self.total.saturating_add(1);
    }

    /// Counts what was gained by now and need not be read again; anything at all ends the row of failures.
    pub const fn progressed(&mut self, rows: u64, now: Instant) {
        if rows > 0 {
            self.kept = self.kept.saturating_add(rows);
            self.in_row = 0;
            self.since = now;
        }
    }

    /// How often it failed in a row.
    #[must_use]
    pub const fn in_row(&self) -> u32 {
        self.in_row
    }

    /// How often it failed in all.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.total
    }

    fn waiting(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is done again or it is not")]
pub enum Decision {
    /// Do it again.
    Again(Again),
    /// Stop trying.
    GiveUp(Certainty),
}

/// How to do it again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Again {
    /// How long to wait before.
    pub after: Duration,
    /// What to do it over.
    pub over: Over,
    /// Where a read begins.
    pub from: ReadFrom,
    /// Whether the domain controller in use is to be given up, unless the settings name it.
    pub unpin: bool,
}

/// What to do it over.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a driver handles each or is wrong")]
pub enum Over {
    /// The session in use.
    SameSession,
    /// The session in use over a connection of its own; a transport whose session does not outlive its connections takes
    /// a new session.
    NewConnection,
    /// A new session, in which what was settled in the old one is settled again.
    NewSession,
}

/// Where a read begins.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a driver handles each or is wrong")]
pub enum ReadFrom {
    /// At its beginning; what was handed on already is left out.
    Beginning,
    /// With what is missing.
    Rest,
}

/// What can be said of something that is not tried again.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between the two")]
pub enum Certainty {
    /// It was not done, or the far side reported how it ended.
    Failed,
    /// It may have been done.
    Unknown,
}

/// The bounds of trying again.
///
/// ```
/// use std::time::{Duration, Instant};
/// use exchange_cmdlets::recovery::{Attempts, Cause, Certainty, Decision, Failure, Purpose, Ran, Recovery};
///
/// let recovery = Recovery::default();
/// assert_eq!((recovery.max_in_row, recovery.max_total), (5, 1000));
/// assert_eq!((recovery.first_wait, recovery.longest_wait), (Duration::from_secs(2), Duration::from_secs(60)));
/// assert_eq!((recovery.patience, recovery.worth_keeping), (Duration::from_secs(16 * 60), 500));
///
/// let now = Instant::now();
/// let mut attempts = Attempts::begin(now);
/// attempts.failed();
/// let lost = Failure::new(Cause::Session, Ran::Unknown);
/// assert_eq!(recovery.decide(Purpose::Write, &lost, &attempts, now, 0), Decision::GiveUp(Certainty::Unknown));
/// assert!(matches!(recovery.decide(Purpose::Read, &lost, &attempts, now, 0), Decision::Again(_)));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Recovery {
    /// How many failures in a row, without progress, are tolerated. Default 5.
    pub max_in_row: u32,
    /// How many failures of one undertaking are tolerated whatever the progress. Default 1000.
    pub max_total: u32,
    /// The wait before the second repetition of something; the first comes at once where nothing asks for patience.
    /// Default 2 seconds; it doubles with each failure.
    pub first_wait: Duration,
    /// The longest wait that is not asked for by the far side. Default 60 seconds.
    pub longest_wait: Duration,
    /// How long to go on without progress, the attempts themselves included, and so the longest wait that the far side may
    /// ask for; what would be silent beyond it is not tried again. While the account has too many sessions it is the only
    /// bound. Default 16 minutes, for forgotten sessions end after 15.
    pub patience: Duration,
    /// A read that has handed on fewer rows than this begins anew, for that is cheaper than finding out what is missing.
    /// Default 500.
    pub worth_keeping: u64,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            max_in_row: 5,
            max_total: 1000,
            first_wait: Duration::from_secs(2),
            longest_wait: Duration::from_secs(60),
            patience: Duration::from_secs(16 * 60),
            worth_keeping: 500,
        }
    }
}

impl Recovery {
    /// Sets how long to go on without progress.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Decides what to do after a failure that `attempts` has counted already.
    ///
    /// `chance` is a random number that spreads the waits of many clients over half their length.
    #[must_use]
    pub fn decide(
        &self,
        purpose: Purpose,
        failure: &Failure,
        attempts: &Attempts,
        now: Instant,
        chance: u32,
    ) -> Decision {
        let certainty = match failure.ran {
            Ran::Unknown if purpose == Purpose::Write => Certainty::Unknown,
            Ran::No | Ran::Unknown | Ran::Reported => Certainty::Failed,
        };
        let give_up = Decision::GiveUp(certainty);
        if !failure.may_pass()
            || !may_repeat(purpose, failure, attempts)
            || attempts.total > self.max_total
        {
            return give_up;
        }
        let after = self.wait(purpose, failure, attempts, chance);
        let waiting = attempts.waiting(now).max(failure.silence);
        // What was silent for so long would be silent for as long again before anything could be said of it.
        let next = after.saturating_add(failure.silence);
        let out_of_patience =
            waiting >= self.patience || waiting.saturating_add(next) > self.patience;
        let too_often =
            failure.cause != Cause::TooManySessions && attempts.in_row > self.max_in_row;
        if out_of_patience || too_often {
            return give_up;
        }
        let keep = purpose == Purpose::Read && attempts.kept >= self.worth_keeping;
        Decision::Again(Again {
            after,
            over: over(purpose, failure.cause),
            from: if keep { ReadFrom::Rest } else { ReadFrom::Beginning },
            unpin: failure.cause == Cause::DomainController,
        })
    }

    /// The wait that is asked for, else one that doubles. What merely broke is tried at once the first time.
    fn wait(
        &self,
        purpose: Purpose,
        failure: &Failure,
        attempts: &Attempts,
        chance: u32,
    ) -> Duration {
        // WinRM has been seen to ask for weeks, which means nothing.
        if let Some(wait) = failure.wait.filter(|wait| *wait <= self.patience) {
            return wait;
        }
        let patient = match failure.cause {
            Cause::Throttled | Cause::TooManySessions | Cause::Transient => true,
            Cause::Connection => matches!(purpose, Purpose::Open | Purpose::Reopen),
            _ => false,
        };
        let doublings = match attempts.in_row.saturating_sub(if patient { 1 } else { 2 }) {
            _ if !patient && attempts.in_row <= 1 => return Duration::ZERO,
            doublings => doublings.min(16),
        };
        let whole = self.first_wait.saturating_mul(1 << doublings).min(self.longest_wait);
        let half = whole / 2;
        half + half.mul_f64(f64::from(chance) / f64::from(u32::MAX))
    }
}

/// Whether it may be done again at all.
const fn may_repeat(purpose: Purpose, failure: &Failure, attempts: &Attempts) -> bool {
    match purpose {
        Purpose::Read | Purpose::Reopen => true,
        Purpose::Write => matches!(failure.ran, Ran::No),
        // What cannot be reached or understood at the beginning is for people to look at; what broke may have been an accident.
        Purpose::Open => match (failure.cause, failure.ran) {
            (Cause::Throttled | Cause::TooManySessions | Cause::Transient, _) => true,
            (Cause::Session | Cause::Connection, Ran::Unknown) => attempts.in_row <= 1,
            _ => false,
        },
        Purpose::Control => !matches!(failure.cause, Cause::Session),
    }
}

const fn over(purpose: Purpose, cause: Cause) -> Over {
    match (purpose, cause) {
        (Purpose::Control, Cause::Connection | Cause::Protocol)
        | (Purpose::Read | Purpose::Write, Cause::Connection) => Over::NewConnection,
        (Purpose::Control, _)
        | (Purpose::Read | Purpose::Write, Cause::Throttled | Cause::Transient) => {
            Over::SameSession
        }
        _ => Over::NewSession,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSES: [Purpose; 5] =
        [Purpose::Read, Purpose::Write, Purpose::Open, Purpose::Reopen, Purpose::Control];
    const CAUSES: [Cause; 11] = [
        Cause::Connection,
        Cause::Session,
        Cause::Throttled,
        Cause::TooManySessions,
        Cause::DomainController,
        Cause::Transient,
        Cause::Stalled,
        Cause::Protocol,
        Cause::Stopped,
        Cause::Denied,
        Cause::Refused,
    ];
    const RAN: [Ran; 3] = [Ran::No, Ran::Unknown, Ran::Reported];

    /// Attempts that failed `in_row` times after `kept` rows, the first begun `ago`.
    fn attempts(now: Instant, in_row: u32, kept: u64, ago: Duration) -> Attempts {
        let mut attempts = Attempts::begin(now - ago);
        attempts.progressed(kept, now - ago);
        for _ in 0..in_row {
            attempts.failed();
        }
        attempts
    }

    fn decide(purpose: Purpose, failure: Failure, in_row: u32) -> Decision {
        let now = Instant::now() + Duration::from_secs(86_400);
        let attempts = attempts(now, in_row, 0, Duration::ZERO);
        Recovery::default().decide(purpose, &failure, &attempts, now, u32::MAX)
    }

    #[track_caller]
    fn check(purpose: Purpose, cause: Cause, ran: Ran, expected: Option<(u64, Over)>) {
        let decision = decide(purpose, Failure::new(cause, ran), 1);
        match (decision, expected) {
            (Decision::Again(again), Some((seconds, over))) => {
                assert_eq!((again.after, again.over), (Duration::from_secs(seconds), over));
                assert_eq!(again.unpin, cause == Cause::DomainController);
            }
            (Decision::GiveUp(_), None) => {}
            (decision, expected) => {
                panic!("{purpose:?} {cause:?} {ran:?}: {decision:?}, not {expected:?}")
            }
        }
    }

    #[test]
    fn reads_go_on_over_whatever_is_left() {
        let read = |cause, ran, expected| check(Purpose::Read, cause, ran, expected);
        read(Cause::Connection, Ran::No, Some((0, Over::NewConnection)));
        read(Cause::Session, Ran::Unknown, Some((0, Over::NewSession)));
        read(Cause::Throttled, Ran::No, Some((2, Over::SameSession)));
        read(Cause::Transient, Ran::Reported, Some((2, Over::SameSession)));
        read(Cause::DomainController, Ran::Reported, Some((0, Over::NewSession)));
        read(Cause::Stalled, Ran::Unknown, Some((0, Over::NewSession)));
        read(Cause::Protocol, Ran::Unknown, Some((0, Over::NewSession)));
        read(Cause::Stopped, Ran::Unknown, Some((0, Over::NewSession)));
        read(Cause::Denied, Ran::No, None);
        read(Cause::Refused, Ran::Reported, None);
    }

    #[test]
    fn writes_are_repeated_only_when_they_certainly_did_not_run() {
        for cause in CAUSES {
            for ran in [Ran::Unknown, Ran::Reported] {
                let decision = decide(Purpose::Write, Failure::new(cause, ran), 1);
                let certainty =
                    if ran == Ran::Unknown { Certainty::Unknown } else { Certainty::Failed };
                assert_eq!(decision, Decision::GiveUp(certainty), "{cause:?} {ran:?}");
            }
        }
        check(Purpose::Write, Cause::Connection, Ran::No, Some((0, Over::NewConnection)));
        check(Purpose::Write, Cause::Session, Ran::No, Some((0, Over::NewSession)));
        check(Purpose::Write, Cause::Throttled, Ran::No, Some((2, Over::SameSession)));
        check(Purpose::Write, Cause::Denied, Ran::No, None);
    }

    #[test]
    fn a_first_session_is_waited_for_only_when_the_server_is_busy() {
        let open = |cause, ran, expected| check(Purpose::Open, cause, ran, expected);
        open(Cause::TooManySessions, Ran::No, Some((2, Over::NewSession)));
        open(Cause::Throttled, Ran::No, Some((2, Over::NewSession)));
        open(Cause::Connection, Ran::No, None);
        open(Cause::Connection, Ran::Unknown, Some((2, Over::NewSession)));
        assert!(matches!(
            decide(Purpose::Open, Failure::new(Cause::Connection, Ran::Unknown), 2),
            Decision::GiveUp(_)
        ));
        open(Cause::Protocol, Ran::Unknown, None);
        open(Cause::Denied, Ran::No, None);
        check(Purpose::Reopen, Cause::Connection, Ran::No, Some((2, Over::NewSession)));
        check(Purpose::Reopen, Cause::Denied, Ran::No, None);
    }

    #[test]
    fn control_is_void_when_the_session_is_gone() {
        check(Purpose::Control, Cause::Session, Ran::No, None);
        check(Purpose::Control, Cause::Connection, Ran::Unknown, Some((0, Over::NewConnection)));
        check(Purpose::Control, Cause::Stalled, Ran::Unknown, Some((0, Over::SameSession)));
    }

    #[test]
    fn nothing_is_tried_for_ever_whatever_it_is() {
        let recovery = Recovery::default();
        for purpose in PURPOSES {
            for failure in
                CAUSES.into_iter().flat_map(|cause| RAN.map(|ran| Failure::new(cause, ran)))
            {
                let mut now = Instant::now();
                let mut attempts = Attempts::begin(now);
                let ends = (0..100).any(|_| {
                    attempts.failed();
                    match recovery.decide(purpose, &failure, &attempts, now, 7) {
                        Decision::Again(again) => {
                            assert!(again.after <= recovery.longest_wait);
                            now += again.after;
                            false
                        }
                        Decision::GiveUp(_) => true,
                    }
                });
                assert!(ends, "{purpose:?} {failure:?}");
            }
        }
    }

    #[test]
    fn what_would_be_silent_beyond_the_patience_is_not_tried_again() {
        let now = Instant::now();
        let mut attempts = Attempts::begin(now);
        attempts.failed();
        let recovery = Recovery::default().patience(Duration::from_secs(60));
        let decide = |after| {
            let stalled = TransportError::Stalled {
                what: "a row".to_owned(),
                after: Duration::from_secs(after),
            };
            recovery.decide(Purpose::Read, &Failure::of(&stalled), &attempts, now, 0)
        };
        assert!(matches!(decide(30), Decision::Again(_)));
        assert_eq!(decide(31), Decision::GiveUp(Certainty::Failed));
    }

    #[test]
    fn an_attempt_that_took_all_the_patience_is_the_last() {
        let recovery = Recovery::default().patience(Duration::from_secs(60));
        let lost = Failure::new(Cause::Session, Ran::Unknown);
        let after = |seconds| {
            let now = Instant::now() + Duration::from_secs(86_400);
            let attempts = attempts(now, 1, 0, Duration::from_secs(seconds));
            recovery.decide(Purpose::Read, &lost, &attempts, now, 0)
        };
        assert!(matches!(after(59), Decision::Again(_)));
        assert_eq!(after(60), Decision::GiveUp(Certainty::Failed));
    }

    #[test]
    fn progress_ends_a_row_but_not_the_whole() {
        let now = Instant::now();
        let lost = Failure::new(Cause::Session, Ran::Unknown);
        let mut attempts = Attempts::begin(now);
        for _ in 0..1000 {
            attempts.failed();
            let decision = Recovery::default().decide(Purpose::Read, &lost, &attempts, now, 0);
            assert!(matches!(decision, Decision::Again(_)));
            attempts.progressed(1, now);
        }
        attempts.failed();
        let decision = Recovery::default().decide(Purpose::Read, &lost, &attempts, now, 0);
        assert_eq!(decision, Decision::GiveUp(Certainty::Failed));
    }

    #[test]
    fn a_read_that_gave_much_goes_on_with_the_rest() {
        let now = Instant::now() + Duration::from_secs(86_400);
        let lost = Failure::new(Cause::Session, Ran::Unknown);
        let from = |kept| match Recovery::default().decide(
            Purpose::Read,
            &lost,
            &attempts(now, 1, kept, Duration::ZERO),
            now,
            0,
        ) {
            Decision::Again(again) => again.from,
            Decision::GiveUp(_) => panic!("it gave up"),
        };
        assert_eq!((from(499), from(500)), (ReadFrom::Beginning, ReadFrom::Rest));
    }

    #[test]
    fn waits_double_spread_and_heed_what_is_asked() {
        let wait = |failure, in_row, chance| {
            let now = Instant::now() + Duration::from_secs(86_400);
            let attempts = attempts(now, in_row, 0, Duration::ZERO);
            match Recovery::default().decide(Purpose::Read, &failure, &attempts, now, chance) {
                Decision::Again(again) => Some(again.after),
                Decision::GiveUp(_) => None,
            }
        };
        let busy = Failure::new(Cause::Throttled, Ran::No);
        let waits: Vec<_> = (1..=6).map(|in_row| wait(busy, in_row, u32::MAX)).collect();
        let seconds = |count| Some(Duration::from_secs(count));
        assert_eq!(waits, [seconds(2), seconds(4), seconds(8), seconds(16), seconds(32), None]);
        assert_eq!(wait(busy, 1, 0), seconds(1));
        let asked = busy.wait(Some(Duration::from_millis(2736)));
        assert_eq!(wait(asked, 4, 0), Some(Duration::from_millis(2736)));
        let weeks = busy.wait(Some(Duration::from_secs(2_000_000)));
        assert_eq!(wait(weeks, 1, 0), seconds(1));
        let lost = Failure::new(Cause::Session, Ran::Unknown);
        assert_eq!((wait(lost, 1, 9), wait(lost, 2, u32::MAX)), (seconds(0), seconds(2)));
    }

    #[test]
    fn forgotten_sessions_are_outwaited_but_not_for_ever() {
        let full = Failure::new(Cause::TooManySessions, Ran::No);
        let now = Instant::now() + Duration::from_secs(86_400);
        let recovery = Recovery::default();
        let after = |minutes: u64| {
            let attempts = attempts(now, 20, 0, Duration::from_secs(minutes * 60));
            recovery.decide(Purpose::Open, &full, &attempts, now, u32::MAX)
        };
        assert!(
            matches!(after(15), Decision::Again(again) if again.after == recovery.longest_wait)
        );
        assert_eq!(after(16), Decision::GiveUp(Certainty::Failed));
        let hasty = recovery.patience(Duration::from_secs(10));
        let attempts = attempts(now, 4, 0, Duration::from_secs(5));
        let decision = hasty.decide(Purpose::Open, &full, &attempts, now, u32::MAX);
        assert_eq!(decision, Decision::GiveUp(Certainty::Failed));
    }

    #[test]
    fn records_tell_what_they_mean() {
        let of = |message: &str, reason: &str| {
            let failure = Failure::of_record(&ErrorRecord::new(message, reason));
            (failure.cause, failure.ran)
        };
        let suitability = "An Active Directory error 0x51 occurred when trying to check the suitability of server 'DC1'.";
        assert_eq!(of(suitability, ""), (Cause::DomainController, Ran::Reported));
        assert_eq!(of("x", "OverBudgetException"), (Cause::Throttled, Ran::No));
        assert_eq!(of("x", "ADTransientException"), (Cause::Transient, Ran::Reported));
        assert_eq!(of("x", "ManagementObjectNotFoundException"), (Cause::Refused, Ran::Reported));
        assert_eq!(of("The shell was not found.", ""), (Cause::Session, Ran::Unknown));
        assert_eq!(of("x", "CommandNotFoundException"), (Cause::Denied, Ran::Reported));
    }
}
