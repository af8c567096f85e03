//! A recorded conversation as data: what a client sent, what came back, and when.
//!
//! What is recorded lies in memory, and holds whatever the server and the client said, until somebody has taken from it what
//! nobody else may see. A [`Script`] plays a recording: it knows which request may come next, and shows a [`Difference`].
//! Nothing here does I/O; the feature `client` has the parts that do.

mod difference;
mod reading;
mod script;

use std::collections::BTreeMap;
use std::time::Duration;

pub use self::difference::{Difference, diff};
pub use self::reading::{PlainStreams, ReadRequest, StreamPlace, StreamReader, read_request};
pub use self::script::{Order, Script};

/// What was exchanged with one endpoint, in the order in which the requests were sent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Recording {
    /// The exchanges. Those that were under way at the same time overlap in their times.
    pub exchanges: Vec<RecordedExchange>,
    /// How many bytes the carrier added to an envelope; they count against the size that a server takes.
    pub overhead: usize,
}

impl Recording {
    /// Collects exchanges, and puts them into the order in which they were sent.
    #[must_use]
    pub fn new(mut exchanges: Vec<RecordedExchange>) -> Self {
        exchanges.sort_by_key(|exchange| exchange.sent);
        Self { exchanges, overhead: 0 }
    }
}

/// One request and what became of it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RecordedExchange {
    /// When the request was handed over, counted from the beginning of the recording.
    pub sent: Duration,
    /// When its answer was there, or its sender gave it up; counted from the same beginning.
    pub answered: Duration,
    /// The envelope that was sent, in clear.
    pub request: String,
    /// What came of it.
    pub answer: RecordedAnswer,
}

impl RecordedExchange {
    /// Describes an exchange.
    #[must_use]
    pub const fn new(
        sent: Duration,
        answered: Duration,
        request: String,
        answer: RecordedAnswer,
    ) -> Self {
        Self { sent, answered, request, answer }
    }
}

/// What became of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "an answer comes, something fails, or nobody waits")]
pub enum RecordedAnswer {
    /// An envelope came back, which may hold a fault.
    Envelope {
        /// The HTTP status: 200, or 500 with most faults.
        status: u16,
        /// The envelope, in clear. What was not UTF-8 was converted, or is replaced where it was no text.
        envelope: String,
    },
    /// The exchange failed: sign-in refused, certificate not trusted, connection lost, and the like.
    Failure(RecordedFailure),
    /// The client lost interest before an answer came.
    Dropped,
}

/// A failed exchange: enough to make the same typed error of it again.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct RecordedFailure {
    /// Which error it was, such as `bad-credentials`.
    pub kind: String,
    /// What a person is told: the error and its sources.
    pub message: String,
    /// What identifies the case, by the names of the error's fields: hosts, user names, what was offered.
    pub fields: BTreeMap<String, String>,
}

impl RecordedFailure {
    /// Describes a failure without fields.
    #[must_use]
    pub fn new(kind: &str, message: String) -> Self {
        Self { kind: kind.to_owned(), message, fields: BTreeMap::new() }
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl ToString) -> Self {
        self.fields.insert(name.to_owned(), value.to_string());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_are_in_the_order_of_sending() {
        let exchange = |sent, answered, request: &str| {
            let times = (Duration::from_millis(sent), Duration::from_millis(answered));
            RecordedExchange::new(times.0, times.1, request.to_owned(), RecordedAnswer::Dropped)
        };
        let recording = Recording::new(vec![exchange(5, 6, "second"), exchange(1, 9, "first")]);
        let requests: Vec<_> = recording.exchanges.iter().map(|one| one.request.as_str()).collect();
        assert_eq!(requests, ["first", "second"]);
    }
}
