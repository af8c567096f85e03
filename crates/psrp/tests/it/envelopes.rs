//! Conversations over WS-Man: as much of their envelopes as the tests need.

use crate::support::base64;

/// The pieces of fragments in a SOAP envelope: stream and bytes.
pub(crate) fn soap_streams(envelope: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = envelope;
    while let Some((_, next)) = rest.split_once('<') {
        rest = next;
        let Some((tag, after)) = rest.split_once('>') else { break };
        let name = tag.split([' ', '/']).next().unwrap().rsplit(':').next().unwrap();
        let known = ["Stream", "Arguments", "creationXml", "connectXml", "connectResponseXml"];
        if known.contains(&name) && !tag.starts_with('/') && !tag.ends_with('/') {
            let attribute = |key: &str| {
                let (_, value) = tag.split_once(&format!("{key}=\""))?;
                Some(value.split('"').next().unwrap().to_uppercase())
            };
            let command =
                if name == "Arguments" { id_of_command(envelope) } else { attribute("CommandId") };
            let stream = if attribute("Name").as_deref() == Some("PR") { "pr" } else { "" };
            let content = after.split('<').next().unwrap();
            found.push((format!("{stream}{}", command.unwrap_or_default()), base64(content)));
        }
    }
    found
}

pub(crate) fn id_of_command(envelope: &str) -> Option<String> {
    let (_, value) = envelope.split_once("CommandLine CommandId=\"")?;
    Some(value.split('"').next().unwrap().to_uppercase())
}

/// The envelopes of a conversation, with their side. A long one is folded over several lines.
pub(crate) fn envelopes(text: &str) -> Vec<(&'static str, String)> {
    let mut envelopes: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        if let Some(envelope) = line.strip_prefix("- request: ") {
            envelopes.push(("request", envelope.to_owned()));
        } else if let Some(envelope) = line.strip_prefix("  response: ") {
            envelopes.push(("response", envelope.to_owned()));
        } else if let (Some((_, envelope)), Some(more)) =
            (envelopes.last_mut(), line.strip_prefix("    "))
        {
            envelope.push(' ');
            envelope.push_str(more);
        }
    }
    envelopes
}

/// The value of an attribute of the first such element, in upper case.
pub(crate) fn attribute(envelope: &str, element: &str, name: &str) -> Option<String> {
    let (_, rest) = envelope.split_once(&format!(":{element} "))?;
    let (tag, _) = rest.split_once('>')?;
    let (_, value) = tag.split_once(&format!("{name}=\""))?;
    Some(value.split('"').next().unwrap().to_uppercase())
}
