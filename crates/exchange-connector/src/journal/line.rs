//! The lines of a journal, and what chains them.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::operation::OperationKind;

/// SHA-256 in lower-case hexadecimal digits.
pub(super) type Digest = String;

/// One line: the chain, the time, and one event.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Line {
    /// Counted from 0.
    pub(super) seq: u64,
    /// The digest of the line before, without its line feed; zeros on the first.
    pub(super) prev: Digest,
    /// RFC 3339, UTC.
    pub(super) time: String,
    #[serde(flatten)]
    pub(super) event: Event,
}

/// Where an operation stands: in which input, and as which of its operations, counted from 1.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct Place {
    /// The digest of the whole input, secrets left out.
    pub(crate) input: Digest,
    pub(crate) number: u64,
}

/// What happened, or is about to.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Event {
    /// A run begins.
    Begin {
        input: Digest,
        operations: u64,
        /// Where the cmdlets go.
        target: String,
        /// As whom.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
        /// The version of this program.
        version: String,
    },
    /// A cmdlet that writes is about to be sent.
    Intent {
        #[serde(flatten)]
        place: Place,
        #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
        reference: Option<serde_json::Value>,
        operation: OperationKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The domain controller it is sent to, where one is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server: Option<String>,
        /// As a plan prints it, secrets redacted.
        cmdlet: String,
        /// What it changes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<serde_json::Value>,
    },
    /// The object of a create is there.
    Made {
        #[serde(flatten)]
        place: Place,
        id: Uuid,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server: Option<String>,
    },
    /// An operation is over.
    Outcome {
        #[serde(flatten)]
        place: Place,
        /// The line that was answered.
        outcome: serde_json::Value,
        milliseconds: u64,
    },
    /// Something that a later version writes.
    #[serde(other)]
    Other,
}

/// Where the chain stands.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    next: u64,
    last: Digest,
}

impl Chain {
    pub(super) fn new() -> Self {
        Self { next: 0, last: "0".repeat(64) }
    }

    /// Takes a line that is in order.
    pub(super) fn push(&mut self, digest: Digest) {
        self.next = self.next.saturating_add(1);
        self.last = digest;
    }

    /// Whether `text` is how the line that comes next begins, or a piece of that.
    pub(super) fn may_begin(&self, text: &[u8]) -> bool {
        let beginning = format!("{{\"seq\":{},\"prev\":\"{}\",", self.next, self.last);
        let compared = text.len().min(beginning.len());
        text.get(..compared) == beginning.as_bytes().get(..compared)
    }

    /// Says what is wrong with a line that comes next.
    pub(super) fn check(&self, line: &Line) -> Result<(), &'static str> {
        if line.seq != self.next {
            return Err("does not have the number that is due");
        }
        if line.prev != self.last {
            return Err("does not carry the hash of the line before it");
        }
        Ok(())
    }
}

impl Line {
    pub(super) fn new(chain: &Chain, now: SystemTime, event: &Event) -> Self {
        Self {
            seq: chain.next,
            prev: chain.last.clone(),
            // Years of five digits have no such form.
            time: OffsetDateTime::from(now).format(&Rfc3339).unwrap_or_default(),
            event: event.clone(),
        }
    }

    /// When it was written.
    pub(super) fn written(&self) -> Option<SystemTime> {
        OffsetDateTime::parse(&self.time, &Rfc3339).ok().map(SystemTime::from)
    }
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
