//! Faults on demand: `KIND[=ARG]@[ACTION:]N[xCOUNT]` strikes the N-th matching message and COUNT - 1 after it.

use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

/// What a fault does to the message that it strikes.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FaultKind {
    /// Closes the connection; the message is not processed.
    Drop,
    /// Processes the message, then closes the connection instead of answering.
    DropAfter,
    /// Answers with the headers and half of the body, then closes the connection.
    DropMid,
    /// Answers, then closes the connection.
    Close,
    /// Answers with this HTTP status and no body.
    Http(u16),
    /// Answers with this HTTP status and a web page.
    Html(u16),
    /// Answers with a WS-Man fault of this code.
    Fault(u32),
    /// Answers with Exchange's refusal of a runspace beyond the budget: HTTP 400 and a text.
    Throttle,
    /// Answers with WinRM's refusal of requests beyond the user's quota.
    Busy,
    /// Makes all shells vanish, then processes the message.
    Expire,
    /// Waits first.
    Slow(Duration),
}

/// One fault: what it does, which messages it counts, and which of them it strikes.
///
/// ```
/// use exchange_sim::{Fault, FaultKind};
///
/// let fault: Fault = "http=503@Receive:2x3".parse()?;
/// assert_eq!(fault.kind, FaultKind::Http(503));
/// assert_eq!(fault.action.as_deref(), Some("Receive"));
/// assert_eq!((fault.first, fault.count), (2, Some(3)));
/// assert!("explode@1".parse::<Fault>().is_err());
/// # Ok::<(), exchange_sim::FaultSpecError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// The last word of the WS-Man actions that count, such as `Receive`, or `Auth` for requests with an `Authorization`
    /// header; without it every WS-Man message counts.
    pub action: Option<String>,
    /// The first message that is struck, counted from 1.
    pub first: u32,
    /// How many messages are struck; without it all from the first on.
    pub count: Option<u32>,
}

/// The text is not a fault specification.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{spec}` is not a fault of the form KIND[=ARG]@[ACTION:]N[xCOUNT]")]
#[non_exhaustive]
pub struct FaultSpecError {
    /// The refused text.
    pub spec: String,
}

impl FromStr for Fault {
    type Err = FaultSpecError;

    fn from_str(spec: &str) -> Result<Self, Self::Err> {
        parse(spec).ok_or_else(|| FaultSpecError { spec: spec.to_owned() })
    }
}

fn parse(spec: &str) -> Option<Fault> {
    let (what, place) = spec.split_once('@')?;
    let (action, numbers) = match place.split_once(':') {
        Some((action, numbers)) if !action.is_empty() => (Some(action.to_owned()), numbers),
        Some(_) => return None,
        None => (None, place),
    };
    let (first, count) = match numbers.split_once(['x', 'X']) {
        Some((first, "0")) => (first.parse().ok()?, None),
        Some((first, count)) => (first.parse().ok()?, Some(count.parse().ok()?)),
        None => (numbers.parse().ok()?, Some(1)),
    };
    (first > 0).then_some(Fault { kind: parse_kind(what)?, action, first, count })
}

fn parse_kind(what: &str) -> Option<FaultKind> {
    let (name, argument) = match what.split_once('=') {
        Some((name, argument)) => (name, Some(argument)),
        None => (what, None),
    };
    let status = || argument?.parse().ok().filter(|status| (200..=599).contains(status));
    Some(match (name, argument) {
        ("drop", None) => FaultKind::Drop,
        ("drop-after", None) => FaultKind::DropAfter,
        ("drop-mid", None) => FaultKind::DropMid,
        ("close", None) => FaultKind::Close,
        ("http", _) => FaultKind::Http(status()?),
        ("html", _) => FaultKind::Html(status()?),
        ("fault", Some(code)) => FaultKind::Fault(code.parse().ok()?),
        ("throttle", None) => FaultKind::Throttle,
        ("busy", None) => FaultKind::Busy,
        ("expire", None) => FaultKind::Expire,
        ("slow", Some(seconds)) => {
            FaultKind::Slow(Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?)
        }
        _ => return None,
    })
}

/// The faults of one simulator with their counters.
#[derive(Debug)]
pub(crate) struct FaultPlan {
    faults: Mutex<Vec<(Fault, u32)>>,
}

impl FaultPlan {
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self { faults: Mutex::new(faults.into_iter().map(|fault| (fault, 0)).collect()) }
    }

    /// Counts a message under `action` and returns what strikes it.
    ///
    /// `Auth` messages are counted apart: a fault without an action does not see them.
    pub(crate) fn strike(&self, action: &str) -> Option<FaultKind> {
        let mut faults = self.faults.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut struck = None;
        for (fault, seen) in faults.iter_mut() {
            let counts = fault
                .action
                .as_deref()
                .map_or(action != "Auth", |wanted| wanted.eq_ignore_ascii_case(action));
            if !counts {
                continue;
            }
            *seen = seen.saturating_add(1);
            let within = fault.count.is_none_or(|count| *seen < fault.first.saturating_add(count));
            if *seen >= fault.first && within && struck.is_none() {
                struck = Some(fault.kind.clone());
            }
        }
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_the_messages_that_it_names() {
        let plan = FaultPlan::new(vec!["fault=5@Receive:2x2".parse().unwrap()]);
        let mut struck = Vec::new();
        for action in ["Receive", "Create", "Receive", "receive", "Receive"] {
            struck.push(plan.strike(action).is_some());
        }
        assert_eq!(struck, [false, false, true, true, false]);
    }

    #[test]
    fn a_count_of_zero_means_all_after_it() {
        let plan = FaultPlan::new(vec!["drop@2x0".parse().unwrap()]);
        assert_eq!(plan.strike("Create"), None);
        assert_eq!(plan.strike("Auth"), None);
        assert_eq!(plan.strike("Send"), Some(FaultKind::Drop));
        assert_eq!(plan.strike("Signal"), Some(FaultKind::Drop));
    }

    #[test]
    fn what_is_not_a_fault_is_refused() {
        for spec in [
            "",
            "drop",
            "drop@",
            "drop@0",
            "drop@x2",
            "http@1",
            "http=99@1",
            "slow=-1@1",
            "drop=1@1",
            "drop@:1",
        ] {
            assert!(spec.parse::<Fault>().is_err(), "{spec}");
        }
    }
}
