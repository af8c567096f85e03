//! A fixture told as a story: who sent what, when, decoded, with sizes, and how it ended.

mod rest;
mod words;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use exchange_connector::exchange_online::recording::{RecordedRest, RestRecording};
use toml::{Table, Value};
use wsman::Response;
use wsman::fixture::Fixture;
use wsman::recording::{RecordedAnswer, RecordedExchange};

use self::words::{answer_of, fault_of, message_of, request_of};
use super::envelope::Envelope;
use super::traffic::{Arrived, Traffic};
use super::tree::Tree;
use super::view::{push_envelope, push_line};

/// Objects of one answer that are told one by one.
const TOLD_OBJECTS: usize = 3;

/// Tells the fixture in `folder`.
///
/// # Errors
///
/// When it is none.
pub(crate) fn story(folder: &Path) -> Result<String> {
    let fixture =
        Fixture::read(folder).with_context(|| format!("{} is no fixture", folder.display()))?;
    Ok(told(&fixture))
}

fn told(fixture: &Fixture) -> String {
    let mut story = Story::default();
    story.beginning(fixture);
    let rest = RestRecording::from_files(&mut fixture.attachments.clone()).unwrap_or_default();
    let soap =
        in_time(&fixture.recording.exchanges).into_iter().map(|(number, exchange, is_answer)| {
            let at = if is_answer { exchange.answered } else { exchange.sent };
            (at, number, is_answer, Exchange::Soap(exchange))
        });
    let rest = rest.exchanges.iter().zip(1..).flat_map(|(exchange, number)| {
        [false, true].map(|is_answer| {
            let at = if is_answer { exchange.answered } else { exchange.sent };
            (at, number, is_answer, Exchange::Rest(exchange))
        })
    });
    let mut events: Vec<_> = soap.chain(rest).collect();
    events.sort_by_key(|(at, number, is_answer, _)| (*at, *number, *is_answer));
    for (_, number, is_answer, exchange) in events {
        match exchange {
            Exchange::Soap(exchange) if is_answer => story.answer(number, exchange),
            Exchange::Soap(exchange) => story.request(number, exchange),
            Exchange::Rest(exchange) => story.rest(number, exchange, is_answer),
        }
    }
    story.end(fixture);
    story.out
}

/// An exchange with a server, or with the service of the cloud.
enum Exchange<'f> {
    Soap(&'f RecordedExchange),
    Rest(&'f RecordedRest),
}

/// Returns the requests and the answers in the order in which they happened, each exchange with its number.
fn in_time(exchanges: &[RecordedExchange]) -> Vec<(usize, &RecordedExchange, bool)> {
    let both = exchanges
        .iter()
        .enumerate()
        .flat_map(|(index, exchange)| [(index + 1, exchange, false), (index + 1, exchange, true)]);
    let mut events: Vec<_> = both.collect();
    events.sort_by_key(|(number, exchange, is_answer)| {
        (if *is_answer { exchange.answered } else { exchange.sent }, *number, *is_answer)
    });
    events
}

/// Tells one envelope of a fixture, `NN-request.xml` or `NN-response.xml`, in full; `None` when `file` is none.
///
/// The envelopes before it are read too, for its messages may have begun in them, and its long streams lie beside it.
///
/// # Errors
///
/// When the folder of the file is no readable fixture.
pub(crate) fn envelope_of_fixture(file: &Path) -> Result<Option<String>> {
    let named =
        file.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.split_once('-'));
    let Some((number, side)) = named else { return Ok(None) };
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    let is_xml = file.extension().is_some_and(|extension| extension == "xml");
    let (Ok(number), true, true) =
        (number.parse::<usize>(), is_xml, folder.join("session.toml").is_file())
    else {
        return Ok(None);
    };
    let fixture =
        Fixture::read(folder).with_context(|| format!("{} is no fixture", folder.display()))?;
    let mut story = Story::default();
    for (at, exchange, is_answer) in in_time(&fixture.recording.exchanges) {
        let read =
            if is_answer { story.read_answer(exchange) } else { story.read_request(exchange) };
        if at == number && is_answer == (side != "request") {
            return Ok(read.map(|envelope| {
                let mut view = String::new();
                push_envelope(&mut view, &format!("{number:02} {side} "), &envelope);
                view
            }));
        }
    }
    Ok(None)
}

#[derive(Default)]
struct Story {
    traffic: Traffic,
    /// The shells by the number in which they appear: a reader tells them apart by that.
    shells: BTreeMap<String, usize>,
    total: Total,
    out: String,
}

/// What there was in all.
#[derive(Clone, Copy, Default)]
struct Total {
    exchanges: usize,
    sent: usize,
    received: usize,
    last: Duration,
}

impl Story {
    fn beginning(&mut self, fixture: &Fixture) {
        let manifest = &fixture.manifest;
        let mut line = format!("`{}`, {}", manifest.command.join(" "), manifest.product);
        if !manifest.build.is_empty() {
            let _ = write!(line, " {}", manifest.build);
        }
        let seconds = manifest.started % 86_400;
        let _ = write!(
            line,
            ", recorded on {} at {:02}:{:02}:{:02} UTC",
            manifest.date,
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        );
        self.line("", &line);
        if !manifest.scrubbed.is_empty() {
            self.line("  ", &format!("stand-ins: {}", manifest.scrubbed.join(", ")));
        }
        if !manifest.note.is_empty() {
            self.line("  ", &manifest.note);
        }
        let text = |name: &str| {
            let bytes = fixture.attachments.get(name)?;
            Some(String::from_utf8_lossy(bytes).into_owned())
        };
        if let Some(settings) = text("settings.toml").and_then(|text| text.parse::<Table>().ok()) {
            self.line("  ", &format!("settings: {}", told_settings(&settings).join(", ")));
        }
        if let Some(input) = text("input.jsonl") {
            let count = input.lines().count();
            self.line("  ", &format!("input: {}: {}", lines(count), tally(&input)));
        }
        self.out.push('\n');
    }

    fn end(&mut self, fixture: &Fixture) {
        let Total { exchanges, sent, received, last } = self.total;
        let code = fixture.manifest.exit_code;
        let code = code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
        self.out.push('\n');
        self.line(
            "",
            &format!(
                "ended{code} after {}: {exchanges} exchanges, {} sent, {} received",
                seconds(last),
                size(sent),
                size(received)
            ),
        );
        for name in ["output.jsonl", "errors.txt"] {
            let Some(bytes) = fixture.attachments.get(name) else { continue };
            let text = String::from_utf8_lossy(bytes);
            let count = text.lines().count();
            if name == "output.jsonl" {
                self.line("  ", &format!("output: {}: {}", lines(count), tally(&text)));
            } else {
                text.lines().for_each(|line| self.line("  said: ", line));
            }
        }
    }

    fn read_request(&mut self, exchange: &RecordedExchange) -> Option<Envelope> {
        let tree = Tree::parse(&exchange.request).ok()?;
        let side = format!("request {}", shell_of(&tree));
        Some(Envelope::read(tree.root(), &side, &mut self.traffic))
    }

    fn read_answer(&mut self, exchange: &RecordedExchange) -> Option<Envelope> {
        let RecordedAnswer::Envelope { envelope, .. } = &exchange.answer else { return None };
        let shell = Tree::parse(&exchange.request).map(|tree| shell_of(&tree)).unwrap_or_default();
        let tree = Tree::parse(envelope).ok()?;
        Some(Envelope::read(tree.root(), &format!("response {shell}"), &mut self.traffic))
    }

    fn request(&mut self, number: usize, exchange: &RecordedExchange) {
        let read = self.read_request(exchange);
        self.total.sent += exchange.request.len();
        let shell = Tree::parse(&exchange.request).map(|tree| shell_of(&tree)).unwrap_or_default();
        let known = self.shells.len() + 1;
        let shell = *self.shells.entry(shell).or_insert(known);
        let which = if self.shells.len() > 1 { format!(" [shell {shell}]") } else { String::new() };
        let told = read.as_ref().map_or_else(|| NO_ENVELOPE.to_owned(), request_of);
        let (at, size) = (seconds(exchange.sent), size(exchange.request.len()));
        self.line("", &format!("{at:>10}  #{number:02} client{which} {told} ({size})"));
        self.messages(read.as_ref());
    }

    fn answer(&mut self, number: usize, exchange: &RecordedExchange) {
        let read = self.read_answer(exchange);
        self.total.exchanges += 1;
        self.total.last = self.total.last.max(exchange.answered);
        if let RecordedAnswer::Envelope { envelope, .. } = &exchange.answer {
            self.total.received += envelope.len();
        }
        let took = seconds(exchange.answered.saturating_sub(exchange.sent));
        let told = match &exchange.answer {
            RecordedAnswer::Envelope { status, envelope } => {
                let request = Tree::parse(&exchange.request).ok();
                let verb = request.and_then(|tree| verb_in(&tree));
                let parsed = wsman::parse_response(envelope.as_bytes());
                let told = match parsed.map(|reply| reply.response) {
                    Ok(Response::Fault(fault)) => fault_of(&fault, verb.as_deref()),
                    _ => read.as_ref().map_or_else(|| NO_ENVELOPE.to_owned(), answer_of),
                };
                let status =
                    if *status == 200 { String::new() } else { format!("HTTP {status}, ") };
                format!("server {told} ({status}{}, after {took})", size(envelope.len()))
            }
            RecordedAnswer::Failure(failure) => {
                let fields = failure.fields.iter().filter(|(_, value)| !value.is_empty());
                let fields = fields.map(|(name, value)| format!(", {name} {value}"));
                let fields: String = fields.collect();
                format!("failed after {took}: {}{fields}: {}", failure.kind, failure.message)
            }
            RecordedAnswer::Dropped => format!("nobody waited for the answer after {took}"),
        };
        self.line("", &format!("{:>10}  #{number:02} {told}", seconds(exchange.answered)));
        self.messages(read.as_ref());
    }

    fn rest(&mut self, number: usize, exchange: &RecordedRest, is_answer: bool) {
        self.total.exchanges += usize::from(is_answer);
        if !is_answer {
            self.total.sent += exchange.request.len();
            let (at, size) = (seconds(exchange.sent), size(exchange.request.len()));
            let told = rest::request_of(&exchange.request);
            self.line("", &format!("{at:>10}  rest #{number:02} client {told} ({size})"));
            return;
        }
        self.total.received += exchange.answer.len();
        self.total.last = self.total.last.max(exchange.answered);
        let (told, below) = rest::answer_of(&exchange.answer);
        let took = seconds(exchange.answered.saturating_sub(exchange.sent));
        let (at, size) = (seconds(exchange.answered), size(exchange.answer.len()));
        self.line("", &format!("{at:>10}  rest #{number:02} {told} ({size}, after {took})"));
        below.iter().for_each(|line| self.line(INDENT, line));
    }

    /// Tells the messages that an envelope completes; of many objects in a row only the first.
    fn messages(&mut self, envelope: Option<&Envelope>) {
        let Some(envelope) = envelope else { return };
        let mut objects = Objects::default();
        for arrived in &envelope.arrived {
            let told =
                format!("{}: {}", size(arrived.message.body.len()), message_of(&arrived.message));
            if objects.takes(arrived) {
                if objects.count <= TOLD_OBJECTS {
                    self.line(INDENT, &told);
                }
                continue;
            }
            self.more(&mut objects);
            self.line(INDENT, &told);
        }
        self.more(&mut objects);
    }

    fn more(&mut self, objects: &mut Objects) {
        let Objects { count, bytes } = std::mem::take(objects);
        if count > TOLD_OBJECTS {
            let more = count - TOLD_OBJECTS;
            self.line(
                INDENT,
                &format!("… and {more} more, {count} objects of {} in all", size(bytes)),
            );
        }
    }

    fn line(&mut self, indent: &str, line: &str) {
        push_line(&mut self.out, indent, line);
    }
}

const NO_ENVELOPE: &str = "sends what is no envelope";
const INDENT: &str = "                 ";

/// Objects of output, one after the other.
#[derive(Default)]
struct Objects {
    count: usize,
    bytes: usize,
}

impl Objects {
    fn takes(&mut self, arrived: &Arrived) -> bool {
        let is_object = arrived.message.message_type == psrp::message::MessageType::PipelineOutput;
        if is_object {
            self.count += 1;
            self.bytes += arrived.message.body.len();
        }
        is_object
    }
}

/// Returns the shell that a request is about.
fn shell_of(tree: &Tree) -> String {
    let root = tree.root();
    let selected = root
        .walk()
        .find(|node| {
            node.local() == "Selector" && node.element().plain_attribute("Name") == Some("ShellId")
        })
        .map(|node| node.text().to_owned());
    let created = root.find("Shell").and_then(|shell| shell.element().attribute("ShellId"));
    selected.or_else(|| created.map(str::to_owned)).unwrap_or_default().to_ascii_lowercase()
}

/// Returns the last word of the action of a request.
fn verb_in(tree: &Tree) -> Option<String> {
    let action = tree.root().find("Action")?.text();
    action.rsplit('/').next().map(str::to_owned)
}

/// What the settings say about who speaks to whom; of secrets that there is one.
fn told_settings(settings: &Table) -> Vec<String> {
    let mut told = Vec::new();
    for (name, value) in settings {
        let is_secret = ["password", "secret"].iter().any(|word| name.ends_with(word));
        match value {
            _ if is_secret => told.push(format!("{name} <redacted>")),
            Value::Table(inner) => told.extend(told_settings(inner)),
            Value::String(text) => told.push(format!("{name} {text}")),
            other => told.push(format!("{name} {other}")),
        }
    }
    told
}

/// Counts lines of JSON by what they say they are.
fn tally(text: &str) -> String {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let part =
            |name: &str| value.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        let kind = match (part("operation"), part("status"), part("type")) {
            (Some(operation), Some(status), _) => format!("{operation} {status}"),
            (Some(operation), None, _) => operation,
            (None, _, Some(kind)) => {
                part("change").map_or_else(|| kind.clone(), |change| format!("{kind} {change}"))
            }
            _ => "record".to_owned(),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    let told: Vec<String> =
        kinds.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    told.join(", ")
}

fn lines(count: usize) -> String {
    if count == 1 { "1 line".to_owned() } else { format!("{count} lines") }
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// A number of bytes in the unit that suits it.
fn size(bytes: usize) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

#[cfg(test)]
mod tests;
