//! What stands in an envelope, for tools that show recordings.
//!
//! Unlike the readers of this crate, this one goes by local names alone and takes an envelope of any namespace, of
//! either direction, as far as it makes sense: a recording is looked at because something may be wrong with it.

use crate::error::DecodeError;
use crate::xml::{Document, Element, Limits, decode_base64, decode_text};

/// What stands in an envelope; text is trimmed, what is absent is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EnvelopeFacts {
    /// `a:Action`.
    pub action: Option<String>,
    /// `a:MessageID`.
    pub message_id: Option<String>,
    /// `a:RelatesTo`.
    pub relates_to: Option<String>,
    /// The local name of the first element of the body.
    pub body: Option<String>,
    /// `w:ResourceURI`, of the headers or of `ResourceCreated`.
    pub resource_uri: Option<String>,
    /// Names and values of all selectors; the values are not trimmed.
    pub selectors: Vec<(String, String)>,
    /// `rsp:ShellId`.
    pub shell_id: Option<String>,
    /// `rsp:IdleTimeOut`.
    pub idle_timeout: Option<String>,
    /// The fault, if this is one.
    pub fault: Option<FaultFacts>,
    /// The last part of `rsp:CommandState/@State`.
    pub command_state: Option<String>,
    /// `rsp:ExitCode`.
    pub exit_code: Option<i64>,
    /// Everything that is carried as base64, in document order.
    pub streams: Vec<StreamFacts>,
}

/// What stands in a fault.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FaultFacts {
    /// The code and its sub-codes, with the prefixes of the document.
    pub values: Vec<String>,
    /// The first text of the reason.
    pub reason: Option<String>,
    /// `w:FaultDetail`.
    pub detail: Option<String>,
    /// `WSManFault/@Code`.
    pub wsman_code: Option<String>,
    /// `WSManFault/@Machine`.
    pub wsman_machine: Option<String>,
    /// `ProviderFault/@provider`, not trimmed.
    pub provider: Option<String>,
}

/// Something that is carried as base64.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StreamFacts {
    /// The local name of the element.
    pub element: String,
    /// Its attribute `Name`.
    pub name: Option<String>,
    /// Its attribute `CommandId`.
    pub command_id: Option<String>,
    /// Its attribute `End`.
    pub end: Option<String>,
    /// The bytes.
    pub data: Vec<u8>,
}

/// Reads what stands in an envelope.
///
/// # Errors
///
/// [`DecodeError`] when the bytes are not XML within the default limits, or the root is not called `Envelope`.
pub fn envelope_facts(bytes: &[u8]) -> Result<EnvelopeFacts, DecodeError> {
    let text = decode_text(bytes)?;
    let document = Document::parse(&text, Limits::default())?;
    let root = document.root();
    if root.name() != "Envelope" {
        return Err(DecodeError::NotAnEnvelope { found: root.name().to_owned() });
    }
    let first = |name: &str| find(root, name);
    let text = |name: &str| first(name).map(Element::text);
    let body = root.children().find(|child| child.name() == "Body");
    let state = first("CommandState").and_then(|state| state.attribute("State"));
    let resource_uri = text("ResourceURI");
    // The arguments of the plain command shell are text, even where they could be read as base64.
    let is_text = resource_uri.as_deref() == Some(RESOURCE_CMD);
    let carriers = root.descendants().filter(|one| !is_text || one.name() != "Arguments");
    Ok(EnvelopeFacts {
        action: text("Action"),
        message_id: text("MessageID"),
        relates_to: text("RelatesTo"),
        body: body.and_then(|body| body.children().next()).map(|child| child.name().to_owned()),
        resource_uri,
        selectors: root
            .descendants()
            .filter(|one| one.name() == "Selector")
            .map(selector)
            .collect(),
        shell_id: text("ShellId"),
        idle_timeout: text("IdleTimeOut"),
        fault: body.and_then(|body| find(body, "Fault")).map(fault),
        command_state: state.and_then(|state| state.rsplit('/').next()).map(str::to_owned),
        exit_code: text("ExitCode").and_then(|code| code.parse().ok()),
        streams: carriers.filter_map(stream).collect(),
    })
}

fn find<'d>(parent: Element<'d>, name: &str) -> Option<Element<'d>> {
    parent.descendants().find(|element| element.name() == name)
}

fn selector(element: Element<'_>) -> (String, String) {
    let name = element.attribute("Name").unwrap_or_default();
    (name.to_owned(), element.raw_text().into_owned())
}

fn fault(fault: Element<'_>) -> FaultFacts {
    let code = find(fault, "Code");
    let values = code.map(|code| {
        let values = code.descendants().filter(|element| element.name() == "Value");
        values.map(Element::text).collect()
    });
    let wsman = find(fault, "WSManFault");
    let attribute = |name| wsman.and_then(|wsman| wsman.attribute(name)).map(str::to_owned);
    FaultFacts {
        values: values.unwrap_or_default(),
        reason: find(fault, "Text").map(Element::text),
        detail: find(fault, "FaultDetail").map(Element::text),
        wsman_code: attribute("Code"),
        wsman_machine: attribute("Machine"),
        provider: find(fault, "ProviderFault")
            .and_then(|provider| provider.attribute("provider"))
            .map(str::to_owned),
    }
}

/// Reads an element that carries base64.
fn stream(element: Element<'_>) -> Option<StreamFacts> {
    if !CARRIERS.contains(&element.name()) {
        return None;
    }
    let data = decode_base64(&element.raw_text())?;
    let attribute = |name| element.attribute(name).map(str::to_owned);
    Some(StreamFacts {
        element: element.name().to_owned(),
        name: attribute("Name"),
        command_id: attribute("CommandId"),
        end: attribute("End"),
        data,
    })
}

const RESOURCE_CMD: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd";
const CARRIERS: [&str; 5] =
    ["Stream", "Arguments", "creationXml", "connectXml", "connectResponseXml"];
