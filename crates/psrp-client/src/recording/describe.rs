//! A message in words.

use psrp::clixml::{self, Value};
use psrp::crypto::SecretEncoding;
use psrp::message::{Message, MessageType};
use psrp::{ArgumentValue, ErrorRecord, PowerShell};

/// Says what a message says, on one line of at most `length` characters and a mark where it goes on.
///
/// Pipelines are shown as somebody would type them, errors by their messages, other bodies by their texts and properties. Secrets
/// are left out; a body that is no CLIXML gives an empty text.
#[must_use]
pub fn describe(message: &Message, length: usize) -> String {
    let text = match message.message_type {
        MessageType::PublicKey | MessageType::EncryptedSessionKey => String::new(),
        MessageType::CreatePipeline => message
            .value()
            .ok()
            .and_then(|value| PowerShell::from_value(&value, &SecretEncoding::NoKey).ok())
            .map(|pipeline| pipeline_text(&pipeline, length))
            .unwrap_or_default(),
        MessageType::ErrorRecord => message
            .value()
            .ok()
            .map(|value| ErrorRecord::from_value(&value).message)
            .unwrap_or_default(),
        _ => message.value().map(|value| value_text(&value, length)).unwrap_or_default(),
    };
    shortened(&text, length)
}

/// The commands of a pipeline as somebody would type them; secrets stay out.
fn pipeline_text(pipeline: &PowerShell, length: usize) -> String {
    let commands = pipeline.commands().iter().map(|command| {
        let mut text = match command.is_script {
            true => format!("{{{}}}", shortened(&command.name, LONGEST_SCRIPT)),
            false => command.name.clone(),
        };
        for argument in &command.arguments {
            if let Some(name) = argument.bare_name() {
                text.push_str(" -");
                text.push_str(name);
            }
            text.push(' ');
            match &argument.value {
                ArgumentValue::Value(value) => text.push_str(&value_text(value, length)),
                _ => text.push_str("<redacted>"),
            }
        }
        text
    });
    commands.collect::<Vec<_>>().join(" | ")
}

/// Scripts are shown by their beginnings.
const LONGEST_SCRIPT: usize = 80;

/// A value in short: its text, its items, or the names and texts of its properties.
fn value_text(value: &Value, length: usize) -> String {
    if let Some(items) = value.items() {
        return list(items.iter().map(|item| value_text(item, length)), length);
    }
    if let Value::SecureString(_) = value {
        return "<redacted>".to_owned();
    }
    let properties = value.as_object().map(|object| {
        let named = object.properties().filter_map(|property| {
            let text = property.value.text()?;
            let is_plain = !text.is_empty() && property.value.as_object().is_none();
            is_plain.then(|| format!("{}={text}", property.name))
        });
        list(named, length)
    });
    match (value.text(), properties) {
        (Some(text), Some(properties)) if !properties.is_empty() => {
            format!("'{text}' ({properties})")
        }
        (Some(text), _) => text.into_owned(),
        (None, Some(properties)) => properties,
        (None, None) => String::new(),
    }
}

fn list(items: impl Iterator<Item = String>, length: usize) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push_str(", ");
        }
        if text.len() > length {
            text.push('…');
            break;
        }
        text.push_str(&item);
    }
    text
}

/// Cuts a text between words, and makes one line of it.
fn shortened(text: &str, length: usize) -> String {
    let line = |character: char| if character.is_control() { ' ' } else { character };
    let mut shown: String = text.chars().take(length).map(line).collect();
    if text.chars().nth(length).is_some() {
        let end = shown.rfind(' ').unwrap_or(shown.len());
        shown.truncate(end);
        shown.push_str(" …");
    }
    shown
}

/// The body of a message, a line for each thing in it, indented by depth.
pub(super) fn body_lines(message: &Message) -> Vec<String> {
    if message.body.is_empty() {
        return Vec::new();
    }
    match clixml::dump::decoded(&message.body) {
        Ok(dump) => dump.lines().map(dump_line).collect(),
        Err(error) => {
            let text = String::from_utf8_lossy(&message.body);
            vec![format!("no CLIXML ({error}): {}", shortened(&text, 4096))]
        }
    }
}

/// `depth|kind|name|text` as it is read more easily.
fn dump_line(line: &str) -> String {
    let mut fields = line.splitn(4, '|');
    let mut field = || fields.next().unwrap_or_default();
    let (depth, kind, name, text) = (field(), field(), field(), field());
    let indent = depth.parse::<usize>().unwrap_or_default() * 2;
    let name = if name.is_empty() { String::new() } else { format!("{name} ") };
    let text = if text.is_empty() { String::new() } else { format!(": {text}") };
    format!("{:indent$}{name}{kind}{text}", "")
}
