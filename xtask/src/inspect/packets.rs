//! Packets of the out-of-process transport: one XML element a line.
//!
//! No published document describes it; PowerShell speaks it as `pwsh -s` and over SSH.

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::traffic::{Arrived, Traffic};
use super::tree::Tree;

/// One packet.
#[derive(Debug)]
pub(crate) struct Packet {
    direction: Option<String>,
    name: String,
    target: String,
    /// Present in packets that carry data.
    data: Option<Data>,
}

#[derive(Debug)]
struct Data {
    stream: String,
    length: usize,
    arrived: Vec<Arrived>,
}

/// Says whether `document` looks like packets.
pub(crate) fn are_packets(document: &str) -> bool {
    let first = document.lines().map(str::trim).find(|line| !line.is_empty());
    first.is_some_and(|line| line.starts_with('<') && line.contains(" PSGuid="))
}

/// Reads the packets of a file, a line each.
///
/// # Errors
///
/// When a line is no element, or its data is not base64.
pub(crate) fn read_lines(document: &str) -> Result<Vec<Packet>> {
    let mut traffic = Traffic::default();
    let lines = document.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| Packet::read(line, None, &mut traffic)).collect()
}

/// Reads a conversation: JSON objects with the members `dir` and `line`, one a line.
///
/// # Errors
///
/// When a line is something else, or holds no packet.
pub(crate) fn read_conversation(document: &str) -> Result<Vec<Packet>> {
    let mut traffic = Traffic::default();
    let mut packets = Vec::new();
    for line in document.lines().filter(|line| !line.trim().is_empty()) {
        let record: Value = serde_json::from_str(line)?;
        let member = |name: &str| record.get(name).and_then(Value::as_str);
        let (Some(direction), Some(packet)) = (member("dir"), member("line")) else {
            bail!("a line without `dir` and `line`");
        };
        packets.push(Packet::read(packet.trim(), Some(direction), &mut traffic)?);
    }
    Ok(packets)
}

/// Says whether `document` looks like a conversation.
pub(crate) fn is_conversation(document: &str) -> bool {
    let first = document.lines().find(|line| !line.trim().is_empty());
    let record = first.and_then(|line| serde_json::from_str::<Value>(line).ok());
    record.is_some_and(|record| record.get("dir").is_some() && record.get("line").is_some())
}

impl Packet {
    fn read(line: &str, direction: Option<&str>, traffic: &mut Traffic) -> Result<Self> {
        let tree = Tree::parse(line).with_context(|| format!("no packet: {line:.40}"))?;
        let element = tree.root().element();
        let target = element.plain_attribute("PSGuid").unwrap_or_default().to_owned();
        let mut packet = Self {
            direction: direction.map(str::to_owned),
            name: element.local.clone(),
            target,
            data: None,
        };
        if packet.name == "Data" {
            let stream = element.plain_attribute("Stream").unwrap_or_default().to_owned();
            let bytes = STANDARD.decode(tree.root().text()).context("the data is not base64")?;
            let key = format!("{stream} {}", packet.target);
            let arrived =
                traffic.take(direction.unwrap_or_default(), &key, &bytes).unwrap_or_default();
            packet.data = Some(Data { stream, length: bytes.len(), arrived });
        }
        Ok(packet)
    }

    /// Returns the entry of `packets` in the facts.
    pub(crate) fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();
        facts.extend(self.direction.as_ref().map(|direction| ("dir".to_owned(), json!(direction))));
        facts.insert("packet".into(), json!(self.name));
        facts.insert("psguid".into(), json!(self.target));
        if let Some(data) = &self.data {
            facts.insert("stream".into(), json!(data.stream));
            facts.insert("len".into(), json!(data.length));
            facts.insert(
                "psrp".into(),
                json!(data.arrived.iter().map(Arrived::facts).collect::<Vec<_>>()),
            );
        }
        facts
    }

    /// Returns one line that tells the packet.
    pub(crate) fn line(&self) -> String {
        let direction =
            self.direction.as_deref().map(|name| format!("{name} ")).unwrap_or_default();
        let length =
            self.data.as_ref().map(|data| format!(", {} bytes", data.length)).unwrap_or_default();
        format!("{direction}{} {}{length}", self.name, self.target)
    }

    /// Returns the messages that the packet completes.
    pub(crate) fn arrived(&self) -> &[Arrived] {
        self.data.as_ref().map(|data| data.arrived.as_slice()).unwrap_or_default()
    }
}
