//! Conversations with the service, recorded and replayed at the seam [`RestExchange`](crate::RestExchange).
//!
//! A [`RestRecorder`] passes everything through and remembers it as text that people can read: a head as HTTP has it, and the
//! body, JSON indented. What proves who somebody is never gets that far: no token, secret, password, assertion or cookie is
//! remembered, of a token only what decides where requests go and what they may. What is left still tells of people, until
//! somebody has replaced that too.
//!
//! A [`RestReplay`] stands in the service's place. Requests are compared as text, in which ids that a client draws are
//! numbered by their first appearance: `uuid-1`, `uuid-2`. Requests that were under way at the same time may change places.

mod layout;
mod recorder;
mod replay;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use self::recorder::RestRecorder;
pub use self::replay::RestReplay;

/// What was exchanged with the service, in the order in which the requests were sent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct RestRecording {
    /// The exchanges. Those that were under way at the same time overlap in their times.
    pub exchanges: Vec<RecordedRest>,
}

/// One request and what became of it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RecordedRest {
    /// When it was sent, counted from the beginning of the recording.
    pub sent: Duration,
    /// When its answer had come to its end, or its sender gave it up; counted from the same beginning.
    pub answered: Duration,
    /// The request as text.
    pub request: String,
    /// What came of it as text: an answer, `FAILED` with what failed, or `DROPPED` when nobody waited for it.
    pub answer: String,
}

/// Where a client went another way than the recorded one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RestDifference {
    /// The number of the exchange, counted from 1.
    pub number: usize,
    /// The request that was due; `None` when nothing was.
    pub recorded: Option<String>,
    /// The request that came; `None` when none did.
    pub now: Option<String>,
}

impl fmt::Display for RestDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = |text: &Option<String>| {
            text.as_deref().and_then(|text| text.lines().next()).unwrap_or_default().to_owned()
        };
        let (recorded, now) = (first(&self.recorded), first(&self.now));
        match (&self.recorded, &self.now) {
            (Some(_), None) => write!(f, "request {} was not made: {recorded}", self.number),
            (None, _) => write!(f, "a request came after the last that was recorded: {now}"),
            (Some(_), Some(_)) => {
                write!(f, "request {} is another: {recorded} was recorded, {now} came", self.number)
            }
        }
    }
}

impl std::error::Error for RestDifference {}

/// What the names of the files begin with.
const PREFIX: &str = "rest-";

impl RestRecording {
    /// Takes the recording apart into files: `rest-01-request.http`, `rest-01-response.http` and so on.
    #[must_use]
    pub fn to_files(&self) -> BTreeMap<String, Vec<u8>> {
        let digits = self.exchanges.len().to_string().len().max(2);
        let mut files = BTreeMap::new();
        for (number, exchange) in (1..).zip(&self.exchanges) {
            let mut put = |kind, time, message: &str| {
                let name = format!("{PREFIX}{number:0digits$}-{kind}.http");
                files.insert(name, text::timed(message, time).into_bytes());
            };
            put("request", exchange.sent, &exchange.request);
            put("response", exchange.answered, &exchange.answer);
        }
        files
    }

    /// Takes the files of a recording out of `files`, and puts it together. `None` when one of them is not what it should be.
    #[must_use]
    pub fn from_files(files: &mut BTreeMap<String, Vec<u8>>) -> Option<Self> {
        let names: Vec<_> = files.keys().filter(|name| Self::is_file(name)).cloned().collect();
        let mut read = |name: &str| {
            let message = String::from_utf8(files.remove(name)?).ok()?;
            text::untimed(&message)
        };
        let mut exchanges = Vec::new();
        for name in names.iter().filter(|name| name.ends_with("-request.http")) {
            let (sent, request) = read(name)?;
            let (answered, answer) = read(&name.replace("-request.", "-response."))?;
            exchanges.push(RecordedRest { sent, answered, request, answer });
        }
        exchanges.sort_by_key(|exchange| exchange.sent);
        Some(Self { exchanges })
    }

    /// Tells whether a file of this name belongs to a recording.
    #[must_use]
    pub fn is_file(name: &str) -> bool {
        name.starts_with(PREFIX) && name.ends_with(".http")
    }
}

#[cfg(test)]
mod tests;
