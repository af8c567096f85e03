//! The readable view of a recording.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::Value;

use super::dump::lines;
use super::envelope::Envelope;
use super::recording::{Content, Recording};
use super::traffic::Arrived;

/// Writes `recording` for a reader at a terminal.
///
/// # Errors
///
/// When `clixml` refuses a document of its kind.
pub(crate) fn view(recording: &Recording) -> Result<String> {
    let mut view = format!("{}, {} bytes", recording.content.kind(), recording.bytes.len());
    match &recording.content {
        Content::Clixml => {
            let _ = writeln!(view, ", {}", recording.text.encoding);
            push_dump(&mut view, "  ", &clixml::dump::decoded(&recording.bytes)?);
        }
        Content::Soap(envelope) => {
            view.push('\n');
            push_envelope(&mut view, "", envelope);
        }
        Content::Conversation(messages) => {
            let _ = writeln!(view, ", {} envelopes", messages.len());
            for (index, (side, envelope)) in messages.iter().enumerate() {
                push_envelope(&mut view, &format!("{index} {side} "), envelope);
            }
        }
        Content::Packets(packets) | Content::PacketConversation(packets) => {
            let _ = writeln!(view, ", {} packets", packets.len());
            for packet in packets {
                push_line(&mut view, "  ", &packet.line());
                push_messages(&mut view, packet.arrived());
            }
        }
        Content::Fragments(arrived) => {
            let _ = writeln!(view, ", {} messages", arrived.len());
            push_messages(&mut view, arrived);
        }
        Content::Hex(bytes) => {
            let _ = writeln!(view, ", {} bytes decoded", bytes.len());
            bytes.split(|byte| *byte == b'\n').take_while(|line| line.is_ascii()).for_each(
                |line| {
                    push_line(&mut view, "  ", String::from_utf8_lossy(line).trim());
                },
            );
        }
        Content::Json => {
            view.push('\n');
            push_json(&mut view, &recording.text.document);
        }
        Content::Xml(tree) => {
            view.push('\n');
            push_dump(&mut view, "  ", &tree.root().raw_dump());
        }
        Content::Malformed(defect) => {
            let _ = writeln!(view, ": {defect}");
        }
    }
    Ok(view)
}

fn push_dump(view: &mut String, indent: &str, dump: &str) {
    for line in lines(dump) {
        let mut shown = format!("{indent}{}{}", "  ".repeat(line.depth), line.kind);
        if !line.name.is_empty() {
            let _ = write!(shown, " {}", line.name);
        }
        if !line.text.is_empty() {
            let _ = write!(shown, ": {}", line.text);
        }
        push_line(view, "", &shown);
    }
}

/// Appends an envelope with the messages that it completes, in full.
pub(super) fn push_envelope(view: &mut String, label: &str, envelope: &Envelope) {
    let action = envelope.text("action").unwrap_or("no action");
    let name = action.rsplit_once('/').map_or(action, |(_, name)| name);
    push_line(view, "", &format!("{label}{name}"));
    for fact in
        ["resource_uri", "shell_id", "idle_timeout", "command_state", "exit_code", "selectors"]
    {
        if let Some(value) = envelope.fact(fact) {
            push_line(view, "  ", &format!("{fact} {}", plain(value)));
        }
    }
    if let Some(fault) = envelope.fact("fault").and_then(Value::as_object) {
        fault.iter().for_each(|(name, value)| {
            push_line(view, "  ", &format!("fault {name} {}", plain(value)))
        });
    }
    for stream in envelope.fact("streams").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| stream.get(name).map(plain).unwrap_or_default();
        push_line(
            view,
            "  ",
            format!("{} {} {} bytes", part("in"), part("name"), part("len")).as_str(),
        );
    }
    push_messages(view, &envelope.arrived);
}

fn push_messages(view: &mut String, messages: &[Arrived]) {
    for arrived in messages {
        push_line(view, "    ", &arrived.line());
        if let Some(dump) = arrived.dump() {
            push_dump(view, "      ", &dump);
        }
    }
}

fn push_json(view: &mut String, document: &str) {
    match serde_json::from_str::<Value>(document) {
        Ok(value) => format!("{value:#}").lines().for_each(|line| push_line(view, "  ", line)),
        Err(defect) => push_line(view, "  ", &format!("malformed: {defect}")),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned())
}

/// Appends one line; control characters and those that turn the direction of text are shown by their number.
pub(super) fn push_line(view: &mut String, indent: &str, line: &str) {
    view.push_str(indent);
    for sign in line.chars() {
        let turns = matches!(sign, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if sign.is_control() || turns {
            let _ = write!(view, "\\u{{{:x}}}", u32::from(sign));
        } else {
            view.push(sign);
        }
    }
    view.push('\n');
}

#[cfg(test)]
mod tests {
    use super::push_line;

    #[test]
    fn nothing_in_a_recording_reaches_the_terminal_as_a_command() {
        let mut view = String::new();
        push_line(&mut view, " ", "a\u{1b}[2J\u{202e}b");
        assert_eq!(view, " a\\u{1b}[2J\\u{202e}b\n");
    }
}
