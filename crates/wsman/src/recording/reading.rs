//! Requests as lines of text that can be compared, and shown side by side.
//!
//! Two requests are equal when these lines are: prefixes, the order of attributes, white space between elements and the ids
//! that only tell messages apart leave no trace in them.

use std::fmt::Write as _;

use crate::error::DecodeError;
use crate::server::parse_request;
use crate::xml::{Document, Element, Limits, decode_base64, encode_base64};

/// Where a piece of a stream belongs.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct StreamPlace {
    /// The command, in upper case; `None` for streams of the shell itself.
    pub command: Option<String>,
    /// The name of the stream: what Create, Connect and Command carry goes before anything on `stdin`.
    pub stream: String,
}

impl StreamPlace {
    /// Describes a place.
    #[must_use]
    pub const fn new(command: Option<String>, stream: String) -> Self {
        Self { command, stream }
    }
}

/// Makes lines of what streams carry.
///
/// One reader sees all requests of one side in their order, so it may put messages together that are spread over several
/// envelopes: it then shows a message with the piece that completes it.
pub trait StreamReader: Send {
    /// Takes the next piece of a stream.
    fn read(&mut self, place: &StreamPlace, bytes: &[u8]) -> Vec<String>;

    /// Returns a reader of the same kind that has seen nothing yet.
    fn fresh(&self) -> Box<dyn StreamReader>;
}

/// Shows streams as base64, for shells whose content means nothing to this layer.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct PlainStreams;

impl StreamReader for PlainStreams {
    fn read(&mut self, _place: &StreamPlace, bytes: &[u8]) -> Vec<String> {
        vec![format!("{} bytes: {}", bytes.len(), encode_base64(bytes))]
    }

    fn fresh(&self) -> Box<dyn StreamReader> {
        Box::new(*self)
    }
}

/// A request as it is compared.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReadRequest {
    /// What it asks for, such as `Command`; empty when that cannot be told.
    pub verb: String,
    /// What it is about: the command, else the shell. Requests about one thing keep their order.
    pub lane: String,
    /// Everything that counts, a line each, indented by depth.
    pub lines: Vec<String>,
}

/// Reads a request. What is no envelope is its own single line.
pub fn read_request(request: &str, streams: &mut dyn StreamReader) -> ReadRequest {
    let mut read = ReadRequest::default();
    if let Ok(parsed) = parse_request(request.as_bytes(), Limits::default()) {
        read.verb = parsed.operation.verb().name().to_owned();
    }
    if let Err(error) = envelope(request, streams, &mut read) {
        read.lines = vec![format!("no envelope ({error}): {request}")];
    }
    read
}

fn envelope(
    request: &str,
    streams: &mut dyn StreamReader,
    read: &mut ReadRequest,
) -> Result<(), DecodeError> {
    let document = Document::parse(request, Limits::default())?;
    let root = document.root();
    let selector = root.descendants().find(|one| one.name() == "Selector").map(Element::text);
    let attribute = |name: &str| root.descendants().find_map(|one| one.attribute(name));
    let command = attribute("CommandId").map(str::to_ascii_uppercase);
    let shell = selector.or_else(|| attribute("ShellId").map(str::to_owned));
    read.lane = command.clone().or(shell).unwrap_or_default().to_ascii_uppercase();
    let mut lister = Lister { streams, command, lines: Vec::new() };
    for child in root.children() {
        lister.list(child, 0);
    }
    read.lines = lister.lines;
    Ok(())
}

struct Lister<'s> {
    streams: &'s mut dyn StreamReader,
    command: Option<String>,
    lines: Vec<String>,
}

impl Lister<'_> {
    fn list(&mut self, element: Element<'_>, depth: usize) {
        let name = element.name();
        if IDS_OF_MESSAGES.contains(&name) {
            return;
        }
        let mut line = format!("{:1$}{name}", "", depth * 2);
        let mut attributes: Vec<_> = element.attributes().collect();
        attributes.sort_unstable();
        for (name, value) in attributes {
            let _ = write!(line, " {name}={value:?}");
        }
        let carried = self.stream_of(element);
        let is_leaf = element.children().next().is_none();
        let text = element.text();
        if is_leaf && carried.is_none() && !text.is_empty() {
            let _ = write!(line, ": {text}");
        }
        self.lines.push(line);
        if let Some((stream, bytes)) = carried {
            let place = StreamPlace { command: self.command.clone(), stream };
            let indent = (depth + 1) * 2;
            for shown in self.streams.read(&place, &bytes) {
                self.lines.push(format!("{:indent$}{shown}", ""));
            }
            return;
        }
        for child in element.children() {
            self.list(child, depth + 1);
        }
    }

    /// What an element carries for the layer above, with the name of its stream.
    fn stream_of(&self, element: Element<'_>) -> Option<(String, Vec<u8>)> {
        let stream = match element.name() {
            "Stream" => element.attribute("Name").unwrap_or_default().to_owned(),
            "creationXml" | "connectXml" | "Arguments" => "stdin".to_owned(),
            _ => return None,
        };
        Some((stream, decode_base64(&element.raw_text())?))
    }
}

/// Headers that only tell one message from another: no server minds which they are, as long as each is new.
const IDS_OF_MESSAGES: [&str; 4] = ["MessageID", "OperationID", "SequenceId", "SessionId"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, Operation, ResourceUri, SessionContext};
    use uuid::Uuid;

    fn command(message: u128, session: u128, arguments: &[u8]) -> String {
        let id = Uuid::from_u128;
        let url = "http://ex01.contoso.com/PowerShell/";
        let context = SessionContext::new(url, ResourceUri::exchange(), id(session));
        let command = Command::new(Some(id(7).into()), arguments.to_vec());
        context.write(&id(message).into(), Some(&id(9).into()), &Operation::Command(command))
    }

    #[test]
    fn ids_of_messages_and_prefixes_do_not_count() {
        let one = command(1, 2, b"abc");
        let other = command(3, 4, b"abc").replace("rsp:", "x:").replace("xmlns:rsp", "xmlns:x");
        let read = |request: &str| read_request(request, &mut PlainStreams);
        assert_eq!(read(&one), read(&other));
        assert_eq!(read(&one).verb, "Command");
        assert_eq!(read(&one).lane, "00000000-0000-0000-0000-000000000007");
        assert_ne!(read(&one), read(&command(1, 2, b"abd")));
    }

    #[test]
    fn what_is_no_envelope_is_compared_as_it_stands() {
        let read = read_request("plain", &mut PlainStreams);
        assert!(read.lines[0].ends_with(": plain"), "{read:?}");
    }
}
