//! An answer, good or bad.
//!
//! Bodies are not always what their status and headers promise: JSON with a brace too many, a run of NUL bytes, a page
//! of HTML. None of that may surface as an error of a JSON parser; the status then says what there is to say. The
//! nesting of JSON is limited by its parser, the size of a body is for the caller to limit.

use std::time::Duration;

use clixml::Value;
use exchange_cmdlets::{ErrorClass, ErrorRecord, Retry, TransportError, WarningKind, classify};
use serde_json::{Map, Value as Json};

use crate::members::{Envelope, Row, Rows};
use crate::page::PageRow;
use crate::rest::RestAnswer;
use crate::text::cut;
use crate::{error_body, row};

/// How many characters of an unreadable body an error shows.
const SNIPPET: usize = 200;

/// One page of a cmdlet's output.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// The output objects, in order.
    pub rows: Vec<Value>,
    /// The warnings, each of at most 4096 characters; that there are more results is left out where
    /// [`Answer::next_link`] leads to them.
    pub warnings: Vec<String>,
    /// Where the next page is, to be asked for with the same body.
    ///
    /// It comes from the peer. Before a token goes there, the host has to be checked.
    pub next_link: Option<String>,
    /// What was wrong with single rows, one sentence each: a member that stood there twice with different values.
    pub faults: Vec<String>,
    /// Whether there was a list of rows at all, if only an empty one. A write may do without, a read may not.
    pub has_list: bool,
}

/// Why an answer holds no output.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The cmdlet failed.
    #[error("{}", .record.message)]
    Cmdlet {
        /// The HTTP status.
        status: u16,
        /// What the cmdlet said, in at most 4096 characters.
        record: Box<ErrorRecord>,
        /// The warnings that came with it.
        warnings: Vec<String>,
    },
    /// The status is not a good one, and the body says nothing that can be read.
    #[error("the service answered with status {status}: {snippet:?}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The beginning of the body, as far as it is text.
        snippet: String,
    },
    /// The status is good, but the body is no answer.
    #[error("the answer of the service is not what was expected: {expected}")]
    Malformed {
        /// What was expected.
        expected: &'static str,
    },
}

impl Answer {
    /// Reads what came over the seam: a good answer has to say that it is JSON.
    ///
    /// # Errors
    ///
    /// [`AnswerError`], as of [`Self::parse`].
    pub fn read(answer: &RestAnswer) -> Result<Self, AnswerError> {
        if (200..300).contains(&answer.status) && !answer.body.is_empty() {
            check_type(answer)?;
        }
        Self::parse(answer.status, &answer.body).map_err(|error| error.named(answer))
    }

    /// Reads an answer by its HTTP status and its whole body, decompressed.
    ///
    /// # Errors
    ///
    /// [`AnswerError`]: the cmdlet's own error where the body tells it, else what the status means.
    pub fn parse(status: u16, body: &[u8]) -> Result<Self, AnswerError> {
        let good = (200..300).contains(&status);
        match read_envelope(body, good) {
            Some(mut envelope) => match take_error(&mut envelope.rest.map, good) {
                Some(error) => Err(cmdlet_error(status, error, &envelope.rest.map)),
                None if good => Self::from_envelope(envelope),
                None => Err(bad_status(status, body)),
            },
            None if good && body.iter().all(u8::is_ascii_whitespace) => Ok(Self::default()),
            None if good => {
                Err(AnswerError::Malformed { expected: "one JSON object and nothing else" })
            }
            None => Err(bad_status(status, body)),
        }
    }

    /// Tells whether rows are missing although no link leads to them. Nothing may be concluded from what did not come.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.warnings.iter().any(|warning| WarningKind::of(warning) == WarningKind::Truncated)
    }

    /// Refuses an answer without a list of rows: what reads has an empty one when there is nothing to show, so that no
    /// list is one that was lost.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Malformed`].
    pub fn of_read(self) -> Result<Self, AnswerError> {
        match self.has_list {
            true => Ok(self),
            false => Err(AnswerError::Malformed { expected: "a list of rows under `value`" }),
        }
    }

    fn from_envelope(envelope: Envelope) -> Result<Self, AnswerError> {
        let members = envelope.rest.map;
        if envelope.rest.doubled.is_some() {
            return Err(AnswerError::Malformed { expected: "every member once" });
        }
        let mut faults = Vec::new();
        let has_list = matches!(envelope.rows, Rows::List(_));
        let rows = match envelope.rows {
            Rows::List(rows) => {
                rows.into_iter().map(|row| read_row(row, &mut faults)).collect::<Result<_, _>>()?
            }
            Rows::Missing => Vec::new(),
            Rows::Other => return Err(AnswerError::Malformed { expected: "a list of rows" }),
            Rows::Doubled => return Err(AnswerError::Malformed { expected: "one list of rows" }),
        };
        let next_link = match members.get("@odata.nextLink") {
            None | Some(Json::Null) => None,
            Some(Json::String(link)) => Some(link.trim()).filter(|link| !link.is_empty()),
            Some(_) => return Err(AnswerError::Malformed { expected: "a link that is text" }),
        };
        let next_link = next_link.map(str::to_owned);
        let mut warnings = warnings(&members);
        if next_link.is_some() {
            warnings.retain(|warning| WarningKind::of(warning) != WarningKind::Truncated);
        }
        Ok(Self { rows, warnings, next_link, faults, has_list })
    }
}

impl AnswerError {
    /// Returns what kind of failure this is.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        self.rule().0
    }

    /// Returns whether the call may be made again.
    ///
    /// After an answer of the service's own trouble a write may have happened; a read may be repeated regardless.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.rule().1
    }

    /// Returns how long the message asks to wait; the header `Retry-After` is the driver's to read.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.record().and_then(|record| classify(record).wait)
    }

    /// Returns the cmdlet's error, when there is one.
    #[must_use]
    pub fn record(&self) -> Option<&ErrorRecord> {
        match self {
            Self::Cmdlet { record, .. } => Some(record),
            _ => None,
        }
    }

    /// Completes an error that says nothing of its exception with the header that names it.
    pub(crate) fn named(mut self, answer: &RestAnswer) -> Self {
        if let Self::Cmdlet { record, .. } = &mut self
            && record.reason.is_empty()
            && let Some(name) = answer.value("X-ExceptionType")
        {
            let name = cut(name.trim());
            record.reason = name.rsplit('.').next().unwrap_or(&name).to_owned();
            record.exception_types.push(name);
        }
        self
    }

    /// Returns the HTTP status, when it was one that says something went wrong.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Cmdlet { status, .. } | Self::Status { status, .. } => Some(*status),
            Self::Malformed { .. } => None,
        }
    }

    fn rule(&self) -> (ErrorClass, Retry) {
        match self {
            Self::Cmdlet { status, record, .. } => cmdlet_rule(*status, record),
            Self::Status { status, snippet } => {
                let told = classify(&ErrorRecord::new(snippet.as_str(), ""));
                if told.class == ErrorClass::Throttled {
                    (told.class, told.retry)
                } else {
                    status_rule(*status)
                }
            }
            Self::Malformed { .. } => (ErrorClass::Protocol, Retry::AfterCheck),
        }
    }
}

/// The exception decides; where there is none that means something, the status does.
fn cmdlet_rule(status: u16, record: &ErrorRecord) -> (ErrorClass, Retry) {
    let told = classify(record);
    if told.class == ErrorClass::Invalid && (record.reason.is_empty() || status == 429) {
        return status_rule(status);
    }
    (told.class, told.retry)
}

const fn status_rule(status: u16) -> (ErrorClass, Retry) {
    match status {
        401 | 403 => (ErrorClass::Denied, Retry::Never),
        404 => (ErrorClass::NotFound, Retry::Never),
        429 => (ErrorClass::Throttled, Retry::Later),
        408 | 500..=599 => (ErrorClass::Transient, Retry::AfterCheck),
        400..=499 => (ErrorClass::Invalid, Retry::Never),
        _ => (ErrorClass::Protocol, Retry::AfterCheck),
    }
}

impl From<AnswerError> for TransportError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Cmdlet { record, .. } if !record.reason.is_empty() => {
                Self::PipelineFailed { record }
            }
            error => match (error.class(), error.retry()) {
                (ErrorClass::Denied, _) => Self::Denied { source: error.into() },
                (ErrorClass::Throttled, _) => {
                    Self::Throttled { wait: error.wait(), source: error.into() }
                }
                (ErrorClass::Transient, _) => Self::ConnectionLost { source: error.into() },
                _ => match error {
                    AnswerError::Cmdlet { record, .. } => Self::PipelineFailed { record },
                    error => Self::Protocol { source: error.into() },
                },
            },
        }
    }
}

/// Refuses a good answer that says it is something else than JSON.
pub(crate) fn check_type(answer: &RestAnswer) -> Result<(), AnswerError> {
    let is_json = |kind: &str| kind.to_ascii_lowercase().contains("json");
    match answer.value("Content-Type").is_none_or(is_json) {
        true => Ok(()),
        false => Err(AnswerError::Malformed { expected: "content of type application/json" }),
    }
}

/// Reads one element of a list of rows.
pub(crate) fn read_element(json: &[u8]) -> Result<PageRow, AnswerError> {
    let row: Row = serde_json::from_slice(json)
        .map_err(|_| AnswerError::Malformed { expected: "a JSON object" })?;
    let mut faults = Vec::new();
    let value = read_row(row, &mut faults)?;
    Ok(PageRow { value, fault: faults.pop() })
}

/// Reads the JSON object a body begins with. Nothing may follow it in a good answer; errors were seen with a brace too many.
fn read_envelope(body: &[u8], good: bool) -> Option<Envelope> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if good {
        return serde_json::from_slice(body).ok();
    }
    serde_json::Deserializer::from_slice(body).into_iter::<Envelope>().next()?.ok()
}

/// Takes the error out of a body; in a good answer it may stand in a list of its own.
fn take_error(members: &mut Map<String, Json>, good: bool) -> Option<Map<String, Json>> {
    if let Some(error) = members.remove("error").filter(|error| !error.is_null()) {
        return Some(error_members(error));
    }
    let errors = if good { members.remove("@adminapi.errors")? } else { return None };
    let error = match errors {
        Json::Null => return None,
        Json::Array(errors) => errors.into_iter().next()?,
        other => other,
    };
    Some(error_members(error))
}

/// An error as an object; one that is none is its message.
fn error_members(error: Json) -> Map<String, Json> {
    match error {
        Json::Object(members) => members,
        Json::String(message) => Map::from_iter([("message".to_owned(), message.into())]),
        other => Map::from_iter([("message".to_owned(), other.to_string().into())]),
    }
}

fn cmdlet_error(status: u16, error: Map<String, Json>, members: &Map<String, Json>) -> AnswerError {
    let record = Box::new(error_body::record(&error));
    let mut found = warnings(members);
    found.extend(warnings(&error));
    AnswerError::Cmdlet { status, record, warnings: found }
}

/// Warnings are a list of texts. Whatever else stands there is told as it stands, for one may say that something is missing.
fn warnings(members: &Map<String, Json>) -> Vec<String> {
    let mut found = Vec::new();
    for name in ["@adminapi.warnings", "adminapi.warnings"] {
        match members.get(name) {
            None | Some(Json::Null) => {}
            Some(Json::Array(list)) => found.extend(list.iter().map(warning_text)),
            Some(other) => found.push(warning_text(other)),
        }
    }
    found
}

fn warning_text(warning: &Json) -> String {
    warning.as_str().map_or_else(|| cut(&warning.to_string()), cut)
}

fn read_row(row: Row, faults: &mut Vec<String>) -> Result<Value, AnswerError> {
    match row {
        Row::Object(members) => {
            if let Some(name) = members.doubled {
                let of = members.map.get("Name").and_then(Json::as_str).unwrap_or_default();
                let (of, name) = (cut(of), cut(&name));
                faults.push(format!("the row {of:?} carries {name} twice, with different values"));
            }
            Ok(row::object(members.map))
        }
        Row::Other(Json::String(text)) => Ok(text.into()),
        Row::Other(_) => Err(AnswerError::Malformed { expected: "rows that are objects" }),
    }
}

fn bad_status(status: u16, body: &[u8]) -> AnswerError {
    let text = String::from_utf8_lossy(body);
    let printable = text.chars().filter(|c| !c.is_control() && *c != char::REPLACEMENT_CHARACTER);
    AnswerError::Status {
        status,
        snippet: printable.take(SNIPPET).collect::<String>().trim().to_owned(),
    }
}

#[cfg(test)]
mod tests;
