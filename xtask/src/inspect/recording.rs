//! What a file holds, told from its content.

use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::{Map, Value, json};

use super::envelope::Envelope;
use super::expat::{self, Malformed};
use super::packets::{self, Packet};
use super::text::Text;
use super::traffic::{Arrived, Traffic};
use super::tree::{Node, Tree};
use super::{clixml_facts, json as json_facts, sha256};

/// A file, read.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) bytes: Vec<u8>,
    pub(crate) text: Text,
    pub(crate) content: Content,
}

/// The kinds of recordings.
#[derive(Debug)]
pub(crate) enum Content {
    Clixml,
    Soap(Box<Envelope>),
    /// WS-Management requests and answers, each with its side, in order.
    Conversation(Vec<(&'static str, Envelope)>),
    /// Packets of the out-of-process transport.
    Packets(Vec<Packet>),
    /// The same of both directions, one JSON object a line.
    PacketConversation(Vec<Packet>),
    /// Fragments in base64, as in `creationXml`.
    Fragments(Vec<Arrived>),
    Hex(Vec<u8>),
    Json,
    Xml(Tree),
    Malformed(Malformed),
}

impl Recording {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// When there is no such file, or it looks like a kind that it then turns out not to be.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let text = Text::decode(&bytes);
        let says_json =
            path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let content = Content::of(&text, says_json)
            .with_context(|| format!("cannot make sense of {}", path.display()))?;
        Ok(Self { bytes, text, content })
    }

    /// Returns all facts of the file.
    ///
    /// # Errors
    ///
    /// When `clixml` refuses a document of its kind.
    pub(crate) fn facts(&self) -> Result<Map<String, Value>> {
        let mut facts = match &self.content {
            Content::Clixml => clixml_facts::facts(&self.bytes)?,
            Content::Soap(envelope) => envelope.facts(),
            Content::Conversation(messages) => conversation_facts(messages),
            Content::Packets(packets) | Content::PacketConversation(packets) => {
                one("packets", json!(packets.iter().map(Packet::facts).collect::<Vec<_>>()))
            }
            Content::Fragments(arrived) => {
                one("psrp", json!(arrived.iter().map(Arrived::facts).collect::<Vec<_>>()))
            }
            Content::Hex(bytes) => {
                let mut facts = one("len", json!(bytes.len()));
                facts.insert("decoded_bytes_sha256".into(), json!(sha256(bytes)));
                facts
            }
            Content::Json => json_facts::facts(&self.text.document),
            Content::Xml(tree) => {
                let mut facts = one("root", json!(tree.root().local()));
                facts.insert("raw_sha256".into(), json!(sha256(tree.root().raw_dump().as_bytes())));
                facts
            }
            Content::Malformed(defect) => one("error", json!(defect.to_string())),
        };
        facts.insert("kind".into(), json!(self.content.kind()));
        facts.insert("bytes".into(), json!(self.bytes.len()));
        facts.insert("sha256".into(), json!(sha256(&self.bytes)));
        if self.is_text_document() {
            facts.insert("encoding".into(), json!(self.text.encoding));
        }
        Ok(facts)
    }

    /// JSON and YAML are always UTF-8, so their facts name no encoding.
    fn is_text_document(&self) -> bool {
        match &self.content {
            Content::Json | Content::PacketConversation(_) => false,
            Content::Conversation(_) => self.text.document.trim_start().starts_with('<'),
            _ => true,
        }
    }
}

impl Content {
    fn of(text: &Text, says_json: bool) -> Result<Self> {
        let document = text.document.as_str();
        let start = document.trim_start();
        if start.starts_with(['{', '[']) && packets::is_conversation(document) {
            return Ok(Self::PacketConversation(packets::read_conversation(document)?));
        }
        if start.starts_with('[') || (start.starts_with('{') && (says_json || start.contains('"')))
        {
            return Ok(Self::Json);
        }
        if start.starts_with('<') && packets::are_packets(document) {
            return Ok(Self::Packets(packets::read_lines(document)?));
        }
        if start.starts_with('<') {
            return Ok(Self::of_xml(text));
        }
        if document.lines().any(|line| line.trim_end() == "messages:") {
            return Ok(Self::Conversation(yaml_conversation(document)?));
        }
        if let Some(bytes) = unhex(document) {
            return Ok(Self::Hex(bytes));
        }
        if let Some(arrived) = fragments(document) {
            return Ok(Self::Fragments(arrived));
        }
        Ok(if says_json { Self::Json } else { Self::of_xml(text) })
    }

    fn of_xml(text: &Text) -> Self {
        if text.is_cut {
            return Self::Malformed(expat::cut(&text.document));
        }
        if let Err(defect) = expat::check(&text.document) {
            return Self::Malformed(defect);
        }
        // What passed the check is read, but for entities of a document type, which no recording uses.
        let Ok(tree) = Tree::parse(&text.document) else { return Self::Malformed(expat::cut("")) };
        let root = tree.root();
        if root.local() == "Envelope" {
            return Self::Soap(Box::new(Envelope::read(root, "", &mut Traffic::default())));
        }
        if clixml_facts::is_clixml(&tree) {
            return Self::Clixml;
        }
        let messages = xml_conversation(root);
        if messages.is_empty() { Self::Xml(tree) } else { Self::Conversation(messages) }
    }

    /// Returns the name of the kind in the facts.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Clixml => "clixml",
            Self::Soap(_) => "soap",
            Self::Conversation(_) => "wsman-conversation",
            Self::Packets(_) => "psrp-outofproc",
            Self::PacketConversation(_) => "psrp-conversation",
            Self::Fragments(_) => "psrp-fragments-base64",
            Self::Hex(_) => "hex",
            Self::Json => "json",
            Self::Xml(_) => "xml",
            Self::Malformed(_) => "malformed-xml",
        }
    }
}

fn one(name: &str, value: Value) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value)])
}

fn conversation_facts(messages: &[(&'static str, Envelope)]) -> Map<String, Value> {
    let messages = messages.iter().enumerate().map(|(index, (side, envelope))| {
        let mut facts = envelope.facts();
        facts.insert("index".into(), json!(index));
        facts.insert("side".into(), json!(side));
        facts
    });
    one("messages", json!(messages.collect::<Vec<_>>()))
}

/// Reads the recordings of pypsrp's tests: a list of `messages`, each with a `request` and mostly a `response`.
fn yaml_conversation(document: &str) -> Result<Vec<(&'static str, Envelope)>> {
    let documents = Yaml::load_from_str(document)?;
    let messages = documents
        .first()
        .and_then(|yaml| yaml.as_mapping_get("messages"))
        .and_then(Yaml::as_sequence);
    let mut traffic = Traffic::default();
    let mut envelopes = Vec::new();
    for message in messages.context("no list of messages")? {
        for side in ["request", "response"] {
            let Some(source) = message.as_mapping_get(side).and_then(Yaml::as_str) else {
                continue;
            };
            let tree = Tree::parse(source).with_context(|| format!("a {side} is not XML"))?;
            let mut envelope = Envelope::read(tree.root(), side, &mut traffic);
            envelope.source = Some(source.to_owned());
            envelopes.push((side, envelope));
        }
    }
    Ok(envelopes)
}

/// Reads the envelopes inside elements `request` and `response` of any document.
fn xml_conversation(root: Node<'_>) -> Vec<(&'static str, Envelope)> {
    let mut traffic = Traffic::default();
    let mut envelopes = Vec::new();
    for node in root.walk() {
        let side = match node.local() {
            "request" => "request",
            "response" => "response",
            _ => continue,
        };
        if let Some(envelope) = node.child("Envelope") {
            envelopes.push((side, Envelope::read(envelope, side, &mut traffic)));
        }
    }
    envelopes
}

fn unhex(document: &str) -> Option<Vec<u8>> {
    let digits: String = document.split_ascii_whitespace().collect();
    let (pairs, odd) = digits.as_bytes().as_chunks::<2>();
    if pairs.is_empty() || !odd.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

fn digit(sign: u8) -> Option<u8> {
    char::from(sign).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn fragments(document: &str) -> Option<Vec<Arrived>> {
    let packed: String = document.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(packed).ok().filter(|bytes| !bytes.is_empty())?;
    let mut traffic = Traffic::default();
    let arrived = traffic.take("", "", &bytes).ok()?;
    traffic.is_complete().then_some(arrived)
}
