//! The answers in recorded conversations, read by `wsman`, against the facts of an independent parser.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use wsman::{CommandState, Fault, Reply, Response, StreamPart, parse_response};

use super::Row;
use super::data::{expectations, first_difference, read_expected};
use crate::inspect::{answers_of, sha256};

/// Reads every answer of the conversations in `folder`.
///
/// # Errors
///
/// When a conversation cannot be taken apart.
pub(super) fn compare(folder: &Path) -> Result<Row> {
    let mut row = Row::new("answers, read by wsman", 0, 0);
    for file in expectations(folder)? {
        for (name, expected) in read_expected(&file)? {
            if expected.get("kind").and_then(Value::as_str) != Some("wsman-conversation") {
                continue;
            }
            for (index, answer) in answers_of(&file.with_file_name(&name))? {
                let expected = expected.get("messages").and_then(|messages| messages.get(index));
                match difference(&answer, expected.context("fewer messages are expected")?) {
                    None => row.passed += 1,
                    Some(difference) => {
                        row.failed += 1;
                        eprintln!("{name}, message {index}: {difference}");
                    }
                }
            }
        }
    }
    Ok(row)
}

fn difference(answer: &str, expected: &Value) -> Option<String> {
    match parse_response(answer.as_bytes()) {
        Ok(reply) => first_difference("", &Value::Object(told(&reply)), expected),
        Err(error) => Some(format!("refused: {error}")),
    }
}

/// Returns what `wsman` tells of an answer, in the words of the facts.
fn told(reply: &Reply) -> Map<String, Value> {
    let mut told = Map::new();
    let headers = &reply.headers;
    told.extend(headers.action.as_ref().map(|action| ("action".to_owned(), json!(action))));
    told.extend(
        headers.message_id.as_ref().map(|id| ("message_id".to_owned(), json!(id.as_str()))),
    );
    told.extend(
        headers.relates_to.as_ref().map(|id| ("relates_to".to_owned(), json!(id.as_str()))),
    );
    match &reply.response {
        Response::Create(create) => {
            let id = create.shell.as_ref().and_then(|shell| shell.shell_id.as_ref());
            told.extend(id.map(|id| ("shell_id".to_owned(), json!(id.as_str()))));
        }
        Response::Receive(receive) => {
            if !receive.streams.is_empty() {
                told.insert(
                    "streams".into(),
                    json!(receive.streams.iter().map(stream).collect::<Vec<_>>()),
                );
            }
            told.extend(receive.command_state.as_ref().map(state));
            told.extend(receive.exit_code.map(|code| ("exit_code".to_owned(), json!(code))));
        }
        Response::Fault(found) => {
            told.insert("fault".into(), json!(fault(found)));
        }
        _ => {}
    }
    told
}

fn stream(part: &StreamPart) -> Map<String, Value> {
    let mut told = Map::new();
    told.insert("name".into(), json!(part.name));
    told.insert("len".into(), json!(part.data.len()));
    told.insert("sha256".into(), json!(sha256(&part.data)));
    if part.end {
        told.insert("end".into(), json!("true"));
    }
    told
}

fn state(state: &CommandState) -> (String, Value) {
    ("command_state".to_owned(), json!(state.uri().rsplit('/').next()))
}

fn fault(fault: &Fault) -> Map<String, Value> {
    let mut told = Map::new();
    told.insert("reason".into(), json!(fault.reason));
    told.extend(fault.code.map(|code| ("wsman_code".to_owned(), json!(code.get().to_string()))));
    told.extend(fault.machine.as_ref().map(|machine| ("wsman_machine".to_owned(), json!(machine))));
    told.extend(fault.detail.as_ref().map(|detail| ("detail".to_owned(), json!(detail))));
    told
}
