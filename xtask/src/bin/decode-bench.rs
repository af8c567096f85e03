//! How fast mailboxes come out of envelopes: `decode-bench CORPUS STAGE [env150|env500 [REPS]]`.
//!
//! CORPUS is a directory with `clixml.bin`, `env150.bin` and `env500.bin`, each a sequence of records: a little-endian
//! `u32` length and that many bytes. The stages add up: `a` from envelope to stream bytes, `b` and to messages, `c` and to
//! values, `t` instead to a struct of 24 fields; `x` is CLIXML alone to values, `y` CLIXML alone to the struct. The limits
//! below them: `memcpy`, `base64` (decoding with the streams already found) and `quick-xml` (events of the CLIXML alone).
//!
//! Prints one line of `key=value` pairs. `sum` counts what was made, so that no work can be dropped unseen.

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clixml::{Content, DateTime, Text, Value};
use psrp::fragment::Defragmenter;
use psrp::message::Message;
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use wsman::Response;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let corpus = arguments.next().context("which corpus?")?;
    let stage = arguments.next().context("which stage?")?;
    let envelopes = arguments.next().unwrap_or_else(|| "env150".to_owned());
    let repetitions = arguments.next().map_or(Ok(5), |number| number.parse())?;
    let alone = matches!(stage.as_str(), "x" | "y" | "memcpy" | "quick-xml");
    let file = if alone { "clixml" } else { &envelopes };
    let bytes = std::fs::read(format!("{corpus}/{file}.bin"))
        .with_context(|| format!("{corpus}/{file}.bin"))?;
    let records = records(&bytes)?;
    let pass = match stage.as_str() {
        "a" => stream_bytes,
        "b" => message_bytes,
        "c" => values_of_envelopes,
        "t" => mailboxes_of_envelopes,
        "x" => values,
        "y" => mailboxes,
        "memcpy" => copies,
        "base64" => base64_alone,
        "quick-xml" => quick_xml_events,
        other => bail!("unknown stage {other}"),
    };
    let name = format!("clixml/{stage}/{file}");
    let line = measure(&name, &records, repetitions, pass)?;
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

type Pass = fn(&[&[u8]]) -> anyhow::Result<u64>;

fn records(bytes: &[u8]) -> anyhow::Result<Vec<&[u8]>> {
    let mut rest = bytes;
    let mut records = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length))?;
        let (record, tail) = tail.split_at_checked(length).context("the corpus is cut off")?;
        records.push(record);
        rest = tail;
    }
    Ok(records)
}

/// Runs the pass once to warm up, then for time without counting, then once for allocations.
fn measure(name: &str, records: &[&[u8]], repetitions: u32, pass: Pass) -> anyhow::Result<String> {
    let sum = pass(records)?;
    let (mut wall, mut cpu) = (Duration::MAX, Duration::MAX);
    for _ in 0..repetitions {
        let (started, started_cpu) = (Instant::now(), cpu_time());
        let mut again = Ok(0);
        allocation_counter::opt_out(|| again = pass(records));
        cpu = cpu.min(cpu_time().saturating_sub(started_cpu));
        wall = wall.min(started.elapsed());
        anyhow::ensure!(again? == sum, "{name}: passes differ");
    }
    let mut counted = Ok(0);
    let allocations = allocation_counter::measure(|| counted = pass(records));
    anyhow::ensure!(counted? == sum, "{name}: passes differ");
    let bytes: usize = records.iter().map(|record| record.len()).sum();
    Ok(format!(
        "name={name} wall_ns={} cpu_ns={} bytes={bytes} sum={sum} allocs={} alloc_bytes={} rss_kib={}",
        wall.as_nanos(),
        cpu.as_nanos(),
        allocations.count_total,
        allocations.bytes_total,
        peak_memory_kib(),
    ))
}

fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Gives the output of one envelope to `take`, piece by piece.
fn for_each_part(
    envelope: &[u8],
    mut take: impl FnMut(Vec<u8>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Response::Receive(received) = wsman::parse_response(envelope)?.response else {
        bail!("an envelope is no answer to Receive");
    };
    received.streams.into_iter().try_for_each(|part| take(part.data))
}

fn stream_bytes(envelopes: &[&[u8]]) -> anyhow::Result<u64> {
    let mut sum = 0;
    for envelope in envelopes {
        for_each_part(envelope, |data| {
            sum += data.len() as u64;
            Ok(())
        })?;
    }
    Ok(sum)
}

/// Sums up what `count` makes of each message.
fn over_messages(
    envelopes: &[&[u8]],
    count: impl Fn(&Message) -> anyhow::Result<u64>,
) -> anyhow::Result<u64> {
    let mut stream = Defragmenter::default();
    let mut sum = 0;
    for envelope in envelopes {
        for_each_part(envelope, |data| {
            stream.push_bytes(data.into())?;
            while let Some(object) = stream.next_object()? {
                sum += count(&Message::from_bytes(object.bytes)?)?;
            }
            Ok(())
        })?;
    }
    Ok(sum)
}

fn message_bytes(envelopes: &[&[u8]]) -> anyhow::Result<u64> {
    over_messages(envelopes, |message| Ok(message.body.len() as u64))
}

fn values_of_envelopes(envelopes: &[&[u8]]) -> anyhow::Result<u64> {
    over_messages(envelopes, |message| Ok(count_values(&clixml::read_value(&message.body)?)))
}

fn mailboxes_of_envelopes(envelopes: &[&[u8]]) -> anyhow::Result<u64> {
    over_messages(envelopes, |message| Ok(clixml::from_slice::<Mailbox>(&message.body)?.size()))
}

fn values(documents: &[&[u8]]) -> anyhow::Result<u64> {
    documents
        .iter()
        .try_fold(0, |sum, document| Ok(sum + count_values(&clixml::read_value(document)?)))
}

fn mailboxes(documents: &[&[u8]]) -> anyhow::Result<u64> {
    documents
        .iter()
        .try_fold(0, |sum, document| Ok(sum + clixml::from_slice::<Mailbox>(document)?.size()))
}

fn count_values(value: &Value) -> u64 {
    let Value::Object(object) = value else { return 1 };
    let content = match &object.content {
        Content::Value(inner) => count_values(inner),
        Content::List(items)
        | Content::Enumerable(items)
        | Content::Stack(items)
        | Content::Queue(items) => items.iter().map(count_values).sum(),
        Content::Dictionary(entries) => {
            entries.iter().map(|(key, value)| count_values(key) + count_values(value)).sum()
        }
        _ => 0,
    };
    let properties: u64 = object.properties().map(|property| count_values(&property.value)).sum();
    1 + content + properties
}

/// What an importer may want of a mailbox: texts, lists, enumerations, dates, flags. Short texts need no allocation.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mailbox {
    guid: Text,
    exchange_guid: Text,
    identity: Text,
    id: Text,
    name: Text,
    alias: Text,
    display_name: Text,
    distinguished_name: Text,
    sam_account_name: Text,
    user_principal_name: Text,
    primary_smtp_address: Text,
    email_addresses: Vec<Text>,
    email_address_policy_enabled: bool,
    hidden_from_address_lists_enabled: bool,
    recipient_type_details: Text,
    forwarding_address: Option<Text>,
    #[serde(rename = "LegacyExchangeDN")]
    legacy_exchange_dn: Text,
    custom_attribute1: Text,
    languages: Vec<Text>,
    resource_capacity: Option<i32>,
    issue_warning_quota: Text,
    max_send_size: Text,
    when_changed: DateTime,
    originating_server: Text,
}

impl Mailbox {
    /// Counts the characters read, and the flags set.
    fn size(&self) -> u64 {
        let texts = [
            &self.guid,
            &self.exchange_guid,
            &self.identity,
            &self.id,
            &self.name,
            &self.alias,
            &self.display_name,
            &self.distinguished_name,
            &self.sam_account_name,
            &self.user_principal_name,
            &self.primary_smtp_address,
            &self.recipient_type_details,
            &self.legacy_exchange_dn,
            &self.custom_attribute1,
            &self.issue_warning_quota,
            &self.max_send_size,
            &self.originating_server,
        ];
        let texts = texts
            .into_iter()
            .chain(&self.email_addresses)
            .chain(&self.languages)
            .chain(&self.forwarding_address);
        let characters: usize = texts.filter_map(Text::as_str).map(str::len).sum();
        characters as u64
            + u64::from(self.email_address_policy_enabled)
            + u64::from(self.hidden_from_address_lists_enabled)
            + u64::from(self.resource_capacity.is_some())
            + self.when_changed.ticks() % 2
    }
}

fn copies(documents: &[&[u8]]) -> anyhow::Result<u64> {
    let longest = documents.iter().map(|document| document.len()).max().unwrap_or(0);
    let mut buffer = vec![0; longest];
    let mut sum = 0;
    for document in documents {
        if let Some(target) = buffer.get_mut(..document.len()) {
            target.copy_from_slice(document);
        }
        sum += u64::from(*black_box(&buffer).first().unwrap_or(&0));
    }
    Ok(sum)
}

fn base64_alone(envelopes: &[&[u8]]) -> anyhow::Result<u64> {
    let mut buffer = Vec::new();
    let mut sum = 0;
    for envelope in envelopes {
        let mut rest = *envelope;
        while let Some(at) = memchr::memmem::find(rest, b"<rsp:Stream ") {
            let element = rest.get(at..).unwrap_or_default();
            let start = memchr::memchr(b'>', element).context("a tag is not closed")?;
            let text = element.get(start + 1..).unwrap_or_default();
            let end = memchr::memchr(b'<', text).context("a text has no end")?;
            let (text, after) = text.split_at_checked(end).context("a text has no end")?;
            buffer.clear();
            STANDARD.decode_vec(text, &mut buffer)?;
            sum += black_box(&buffer).len() as u64;
            rest = after;
        }
    }
    Ok(sum)
}

fn quick_xml_events(documents: &[&[u8]]) -> anyhow::Result<u64> {
    let mut sum = 0;
    for document in documents {
        let mut reader = quick_xml::Reader::from_reader(*document);
        loop {
            match reader.read_event()? {
                quick_xml::events::Event::Eof => break,
                event => {
                    black_box(&event);
                    sum += 1;
                }
            }
        }
    }
    Ok(sum)
}
