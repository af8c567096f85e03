//! PSRP messages out of the streams of a recording.

use std::collections::BTreeMap;

use anyhow::Result;
use psrp::fragment::{CompleteObject, Defragmenter};
use psrp::message::{Destination, Message};
use serde_json::{Map, Value, json};

use super::sha256;

/// Bytes of the header of a message.
const HEADER: usize = 40;

/// A message that became complete.
#[derive(Debug)]
pub(crate) struct Arrived {
    object: CompleteObject,
    pub(crate) message: Message,
}

/// The open streams of a recording: each side numbers its objects, each target is a byte stream of its own.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    streams: BTreeMap<(String, String), Defragmenter>,
}

impl Traffic {
    /// Feeds `bytes` of the stream that `side` sends to `target`; returns the messages that they complete.
    ///
    /// # Errors
    ///
    /// When the stream is not one of fragments, or a message in it has no proper header. What follows is read as a new
    /// stream.
    pub(crate) fn take(&mut self, side: &str, target: &str, bytes: &[u8]) -> Result<Vec<Arrived>> {
        let key = (side.to_owned(), target.to_owned());
        let arrived = complete(self.streams.entry(key.clone()).or_default(), bytes);
        if arrived.is_err() {
            self.streams.remove(&key);
        }
        arrived
    }

    /// True when no fragment and no message was cut off.
    pub(crate) fn is_complete(&self) -> bool {
        self.streams.values().all(Defragmenter::is_idle)
    }
}

fn complete(stream: &mut Defragmenter, bytes: &[u8]) -> Result<Vec<Arrived>> {
    stream.push(bytes)?;
    let mut arrived = Vec::new();
    while let Some(object) = stream.next_object()? {
        let message = Message::from_bytes(object.bytes.clone())?;
        arrived.push(Arrived { object, message });
    }
    Ok(arrived)
}

impl Arrived {
    /// Returns the entry of `psrp` in the facts.
    pub(crate) fn facts(&self) -> Map<String, Value> {
        let message = &self.message;
        let data = self.object.bytes.get(HEADER..).unwrap_or_default();
        let mut facts = Map::new();
        facts.insert("object_id".into(), json!(self.object.object_id.get()));
        facts.insert("fragments".into(), json!(self.object.fragments));
        facts.insert(
            "destination".into(),
            json!(if message.destination == Destination::Client { 1 } else { 2 }),
        );
        facts.insert("type".into(), json!(format!("0x{:08X}", message.message_type.code())));
        facts.insert("name".into(), json!(message.message_type.name()));
        facts.insert("rpid".into(), json!(message.pool.uuid().to_string()));
        facts.insert("pid".into(), json!(message.pipeline.uuid().to_string()));
        facts.insert("bom".into(), json!(data.len() > message.body.len()));
        facts.insert("data_len".into(), json!(data.len()));
        facts.insert("data_sha256".into(), json!(sha256(data)));
        if let Some(told) = self.body().and_then(|body| clixml::dump::facts(body).ok()) {
            facts.insert("decoded_sha256".into(), json!(sha256(told.decoded.as_bytes())));
            let first = told.first_type.filter(|name| !name.is_empty());
            facts.extend(first.map(|name| ("first_type".to_owned(), json!(name))));
        }
        facts
    }

    /// Returns the decoded dump of the body, if there is one and it is CLIXML.
    pub(crate) fn dump(&self) -> Option<String> {
        self.body().and_then(|body| clixml::dump::decoded(body).ok())
    }

    fn body(&self) -> Option<&[u8]> {
        Some(&*self.message.body).filter(|body| !body.is_empty())
    }

    /// Returns one line that tells the message.
    pub(crate) fn line(&self) -> String {
        let message = &self.message;
        let arrow = if message.destination == Destination::Server { "->" } else { "<-" };
        let mut line = format!("{arrow} #{} {}", self.object.object_id, message.message_type);
        if !message.pipeline.is_nil() {
            line.push_str(&format!(" pipeline {}", message.pipeline.uuid()));
        }
        line.push_str(&format!(", {} bytes", message.body.len()));
        if self.object.fragments != 1 {
            line.push_str(&format!(" in {} fragments", self.object.fragments));
        }
        line
    }
}
