//! Facts of a SOAP envelope.
//!
//! They are read from the tree by local names, without asking for namespaces or for what the schema demands: the
//! recordings hold envelopes with the wrong namespace or without a body, and the facts still say what stands in them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::sha256;
use super::traffic::{Arrived, Traffic};
use super::tree::Node;

/// Elements that carry bytes.
const CARRIERS: [&str; 5] =
    ["creationXml", "connectXml", "connectResponseXml", "Arguments", "Stream"];

/// An envelope and the PSRP messages that it completes.
#[derive(Debug)]
pub(crate) struct Envelope {
    facts: Map<String, Value>,
    pub(crate) arrived: Vec<Arrived>,
    /// The envelope as it stands in the recording, where it is a text of its own there.
    pub(crate) source: Option<String>,
}

impl Envelope {
    /// Reads the envelope at `root`, sent by `side`.
    pub(crate) fn read(root: Node<'_>, side: &str, traffic: &mut Traffic) -> Self {
        let mut facts = header_facts(root);
        facts.extend(body_facts(root));
        facts.insert("raw_sha256".into(), json!(sha256(root.raw_dump().as_bytes())));
        let mut envelope = Self { facts, arrived: Vec::new(), source: None };
        envelope.read_streams(root, side, traffic);
        envelope
    }

    /// Returns the facts that belong to the kind `soap`, and to each message of a conversation.
    pub(crate) fn facts(&self) -> Map<String, Value> {
        let mut facts = self.facts.clone();
        if !self.arrived.is_empty() {
            let messages: Vec<_> = self.arrived.iter().map(Arrived::facts).collect();
            facts.insert("psrp".into(), json!(messages));
        }
        facts
    }

    /// Returns a fact that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.facts.get(name).and_then(Value::as_str)
    }

    /// Returns any fact.
    pub(crate) fn fact(&self, name: &str) -> Option<&Value> {
        self.facts.get(name)
    }

    fn read_streams(&mut self, root: Node<'_>, side: &str, traffic: &mut Traffic) {
        let mut streams = Vec::new();
        for node in root.walk().filter(|node| CARRIERS.contains(&node.local())) {
            let Some(bytes) = carried(root, node) else { continue };
            let mut stream = Map::new();
            stream.insert("in".into(), json!(node.local()));
            if node.local() == "Stream" {
                stream.insert("name".into(), json!(node.element().plain_attribute("Name")));
            }
            stream.insert("len".into(), json!(bytes.len()));
            stream.insert("sha256".into(), json!(sha256(&bytes)));
            stream.extend(
                node.element().plain_attribute("End").map(|end| ("end".to_owned(), json!(end))),
            );
            streams.push(stream);
            // The streams of a command shell are text and no fragments: then there are no messages to tell.
            self.arrived
                .extend(traffic.take(side, &target(root, node), &bytes).unwrap_or_default());
        }
        if !streams.is_empty() {
            self.facts.insert("streams".into(), json!(streams));
        }
    }
}

/// Decodes what `node` carries; arguments are text in a command shell, and base64 only in a PowerShell one.
fn carried(root: Node<'_>, node: Node<'_>) -> Option<Vec<u8>> {
    if node.local() == "Arguments" {
        let resource = root.find("ResourceURI").map(Node::text).unwrap_or_default();
        if !resource.to_ascii_lowercase().contains("/powershell/") {
            return None;
        }
    }
    let packed: String = node.element().text.split_ascii_whitespace().collect();
    STANDARD.decode(packed).ok()
}

/// Names the stream that the bytes at `node` belong to: its name, and the command's id unless it is the pool's.
fn target(root: Node<'_>, node: Node<'_>) -> String {
    let element = node.element();
    let command = match node.local() {
        "Stream" => element.attribute("CommandId"),
        "Arguments" => {
            root.find("CommandLine").and_then(|line| line.element().attribute("CommandId"))
        }
        _ => None,
    };
    let name = if element.plain_attribute("Name") == Some("pr") { "pr" } else { "" };
    format!("{name} {}", command.unwrap_or_default().to_ascii_lowercase())
}

fn header_facts(root: Node<'_>) -> Map<String, Value> {
    let mut facts = Map::new();
    let header = root.child("Header");
    for (name, local) in
        [("action", "Action"), ("message_id", "MessageID"), ("relates_to", "RelatesTo")]
    {
        let found = header.and_then(|header| header.find(local));
        facts.extend(found.map(|node| (name.to_owned(), json!(node.text()))));
    }
    facts.extend(
        root.find("ResourceURI").map(|node| ("resource_uri".to_owned(), json!(node.text()))),
    );
    let selectors: Map<String, Value> = root
        .walk()
        .filter(|node| node.local() == "Selector")
        .map(|node| {
            (
                node.element().plain_attribute("Name").unwrap_or_default().to_owned(),
                json!(node.element().text),
            )
        })
        .collect();
    if !selectors.is_empty() {
        facts.insert("selectors".into(), json!(selectors));
    }
    facts
}

fn body_facts(root: Node<'_>) -> Map<String, Value> {
    let mut facts = Map::new();
    let Some(body) = root.child("Body") else { return facts };
    facts.extend(body.children().next().map(|node| ("body".to_owned(), json!(node.local()))));
    for (name, local) in [("shell_id", "ShellId"), ("idle_timeout", "IdleTimeOut")] {
        facts.extend(body.find(local).map(|node| (name.to_owned(), json!(node.text()))));
    }
    facts.extend(body.find("Fault").map(|fault| ("fault".to_owned(), json!(fault_facts(fault)))));
    if let Some(state) = body.find("CommandState") {
        let uri = state.element().plain_attribute("State").unwrap_or_default();
        facts.insert("command_state".into(), json!(uri.rsplit('/').next()));
        let code = state.find("ExitCode").and_then(|node| node.text().parse::<i64>().ok());
        facts.extend(code.map(|code| ("exit_code".to_owned(), json!(code))));
    }
    facts
}

fn fault_facts(fault: Node<'_>) -> Map<String, Value> {
    let mut facts = Map::new();
    let code = fault.child("Code");
    let values = code.into_iter().flat_map(Node::walk).filter(|node| node.local() == "Value");
    facts.insert("values".into(), json!(values.map(Node::text).collect::<Vec<_>>()));
    let reason = fault.child("Reason").and_then(|reason| reason.find("Text"));
    facts.extend(reason.map(|node| ("reason".to_owned(), json!(node.text()))));
    facts.extend(fault.find("FaultDetail").map(|node| ("detail".to_owned(), json!(node.text()))));
    if let Some(wsman) = fault.find("WSManFault") {
        facts.insert("wsman_code".into(), json!(wsman.element().plain_attribute("Code")));
        facts.insert("wsman_machine".into(), json!(wsman.element().plain_attribute("Machine")));
    }
    let provider = fault.find("ProviderFault");
    facts
        .extend(provider.map(|node| {
            ("provider".to_owned(), json!(node.element().plain_attribute("provider")))
        }));
    facts
}
