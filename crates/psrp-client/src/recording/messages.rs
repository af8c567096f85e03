//! A recording as a list that a person reads.

use std::fmt::Write as _;
use std::time::Duration;

use wsman::facts::{EnvelopeFacts, envelope_facts};
use wsman::recording::{RecordedAnswer, RecordedExchange, Recording, StreamPlace};

use super::describe::describe;
use super::streams::PsrpStreams;

/// Lists what was said: each envelope with its time, and beneath it the messages that it completes, a line each.
///
/// Long messages are summarised and long lists of output cut in the middle, so that the list stays something to read; secrets are
/// not shown.
#[must_use]
pub fn list_messages(recording: &Recording) -> String {
    let mut list = List {
        requests: PsrpStreams::default(),
        answers: PsrpStreams::default(),
        out: String::new(),
    };
    for (index, exchange) in recording.exchanges.iter().enumerate() {
        list.request(index + 1, exchange);
    }
    list.out
}

struct List {
    requests: PsrpStreams,
    answers: PsrpStreams,
    out: String,
}

impl List {
    fn request(&mut self, number: usize, exchange: &RecordedExchange) {
        let facts = envelope_facts(exchange.request.as_bytes()).unwrap_or_default();
        let verb = facts.action.as_deref().and_then(|action| action.rsplit('/').next());
        let verb = verb.or(facts.body.as_deref()).unwrap_or("?").to_owned();
        let size = exchange.request.len();
        let at = seconds(exchange.sent);
        let _ = writeln!(self.out, "{number:02} {at:>9}  -> {verb}{}, {size} bytes", about(&facts));
        messages(&mut self.out, "->", &mut self.requests, &facts);
        let at = seconds(exchange.answered);
        match &exchange.answer {
            RecordedAnswer::Dropped => {
                let _ = writeln!(self.out, "{number:02} {at:>9}  -- nobody waited for the answer");
            }
            RecordedAnswer::Failure(failure) => {
                let _ = writeln!(
                    self.out,
                    "{number:02} {at:>9}  -- {}: {}",
                    failure.kind, failure.message
                );
            }
            RecordedAnswer::Envelope { status, envelope } => {
                let facts = envelope_facts(envelope.as_bytes()).unwrap_or_default();
                let body = facts.body.as_deref().unwrap_or("empty");
                let size = envelope.len();
                let told = told(&facts);
                let _ = writeln!(
                    self.out,
                    "{number:02} {at:>9}  <- {status} {body}{told}, {size} bytes"
                );
                messages(&mut self.out, "<-", &mut self.answers, &facts);
            }
        }
    }
}

/// Writes the messages that an envelope completes.
fn messages(out: &mut String, arrow: &str, streams: &mut PsrpStreams, facts: &EnvelopeFacts) {
    let longest = if arrow == "->" { LONGEST_REQUEST } else { LONGEST_ANSWER };
    let mut lines = Vec::new();
    for part in &facts.streams {
        let command = part.command_id.as_ref().map(|id| id.to_ascii_uppercase());
        let stream = match part.element.as_str() {
            "Stream" => part.name.clone().unwrap_or_default(),
            _ => "stdin".to_owned(),
        };
        let place = StreamPlace::new(command, stream);
        match streams.take(&place, &part.data) {
            Ok(messages) => lines.extend(messages.iter().map(|message| {
                let size = message.body.len();
                let told = describe(message, longest);
                format!("{arrow} {}, {size} bytes  {told}", message.message_type)
            })),
            Err(error) => {
                lines.push(format!(
                    "{arrow} {} bytes that are no fragments: {error}",
                    part.data.len()
                ));
            }
        }
        if streams.is_within_message(&place) {
            lines.push(format!("{arrow} … goes on"));
        }
    }
    let left_out = lines.len().saturating_sub(MOST_MESSAGES);
    for (index, line) in lines.iter().enumerate() {
        if left_out > 0 && index == MOST_MESSAGES / 2 {
            let _ = writeln!(out, "                 … {left_out} more …");
        }
        if left_out == 0 || index < MOST_MESSAGES / 2 || index >= left_out + MOST_MESSAGES / 2 {
            let _ = writeln!(out, "                 {}", line.trim_end());
        }
    }
}

/// What a request is about, beside its verb.
fn about(facts: &EnvelopeFacts) -> String {
    let command = facts.streams.iter().find_map(|part| part.command_id.as_deref());
    command.map(|id| format!(" for {id}")).unwrap_or_default()
}

/// What an answer says, beside its kind.
fn told(facts: &EnvelopeFacts) -> String {
    let mut text = String::new();
    if let Some(state) = &facts.command_state {
        let _ = write!(text, " {state}");
    }
    if let Some(fault) = &facts.fault {
        let code = fault.wsman_code.as_deref().or_else(|| fault.values.last().map(String::as_str));
        let reason = fault.reason.as_deref().unwrap_or_default();
        let _ = write!(text, " {}: {reason}", code.unwrap_or_default());
    }
    text
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

/// What a client asks for is shown whole, if it is not too long: a change of requests is reviewed here.
const LONGEST_REQUEST: usize = 4000;
const LONGEST_ANSWER: usize = 160;
const MOST_MESSAGES: usize = 24;
