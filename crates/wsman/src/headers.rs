//! The headers of a received envelope, and the way to its body.

use std::time::Duration;

use crate::duration;
use crate::error::DecodeError;
use crate::id::{MessageId, ResourceUri, ShellId};
use crate::xml::{Document, Element, Ns};

/// The headers of a received envelope; what is absent is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Headers {
    /// What the message is.
    pub action: Option<String>,
    /// The message's own id.
    pub message_id: Option<MessageId>,
    /// The id of the request that is answered.
    pub relates_to: Option<MessageId>,
    /// Where the message was sent to.
    pub to: Option<String>,
    /// Where the answer is wanted.
    pub reply_to: Option<String>,
    /// What the message is about.
    pub resource_uri: Option<ResourceUri>,
    /// The largest answer that the client takes, in bytes.
    pub max_envelope_size: Option<u32>,
    /// How long the server may take.
    pub operation_timeout: Option<Duration>,
    /// The language of messages.
    pub locale: Option<String>,
    /// The language of data.
    pub data_locale: Option<String>,
    /// The client's session.
    pub session_id: Option<MessageId>,
    /// What newer servers number operations by.
    pub operation_id: Option<MessageId>,
    /// What servers since 2016 name activities by.
    pub activity_id: Option<String>,
    /// Names and values of the selectors, in document order.
    pub selectors: Vec<(String, String)>,
    /// Names and values of the options, in document order.
    pub options: Vec<(String, String)>,
}

impl Headers {
    /// Returns the shell that the selectors name; the selector's name is compared without case.
    #[must_use]
    pub fn shell_id(&self) -> Option<ShellId> {
        shell_selector(&self.selectors)
    }

    /// Returns the value of an option; names are compared exactly, as PowerShell's plug-in does.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn read(header: Element<'_>) -> Result<Self, DecodeError> {
        let mut headers = Self::default();
        for child in header.children() {
            headers.read_one(child)?;
        }
        Ok(headers)
    }

    fn read_one(&mut self, child: Element<'_>) -> Result<(), DecodeError> {
        let id = || Some(MessageId::new(&child.raw_text()));
        let is = |ns, name| child.is(ns, name);
        if is(Ns::Addressing, "Action") {
            self.action = Some(child.text());
        } else if is(Ns::Addressing, "MessageID") {
            self.message_id = id();
        } else if is(Ns::Addressing, "RelatesTo") {
            // A front end that answers by itself leaves it empty.
            let named = id().filter(|_| !child.raw_text().trim().is_empty());
            if self.relates_to.is_some() && self.relates_to != named {
                return Err(several("RelatesTo"));
            }
            self.relates_to = named;
        } else if is(Ns::Addressing, "To") {
            self.to = Some(child.text());
        } else if is(Ns::Addressing, "ReplyTo") {
            self.reply_to = child.child_text(Ns::Addressing, "Address");
        } else if is(Ns::Wsman, "ResourceURI") {
            self.resource_uri = Some(ResourceUri::new(&child.raw_text()));
        } else if is(Ns::Wsman, "MaxEnvelopeSize") {
            let size = child.text().parse();
            self.max_envelope_size =
                Some(size.map_err(|_error| DecodeError::Value { element: "MaxEnvelopeSize" })?);
        } else if is(Ns::Wsman, "OperationTimeout") {
            let timeout = duration::parse(&child.raw_text());
            self.operation_timeout =
                Some(timeout.ok_or(DecodeError::Value { element: "OperationTimeout" })?);
        } else if is(Ns::Wsman, "Locale") {
            self.locale = child.attribute_ns(Ns::Xml, "lang").map(str::to_owned);
        } else if is(Ns::Wsmv, "DataLocale") {
            self.data_locale = child.attribute_ns(Ns::Xml, "lang").map(str::to_owned);
        } else if is(Ns::Wsmv, "SessionId") {
            self.session_id = id();
        } else if is(Ns::Wsmv, "OperationID") {
            self.operation_id = id();
        } else if is(Ns::Wsmv, "ActivityId") {
            self.activity_id = Some(child.text());
        } else if is(Ns::Wsman, "SelectorSet") {
            self.selectors = named(child, "Selector");
        } else if is(Ns::Wsman, "OptionSet") {
            self.options = named(child, "Option");
        }
        Ok(())
    }
}

/// Returns the part of an envelope with this name, of which there is one at most.
fn only<'d>(root: Element<'d>, name: &'static str) -> Result<Option<Element<'d>>, DecodeError> {
    let mut parts = root.children().filter(|child| child.is(Ns::Soap, name));
    match (parts.next(), parts.next()) {
        (part, None) => Ok(part),
        _ => Err(several(name)),
    }
}

fn several(name: &str) -> DecodeError {
    DecodeError::Unexpected { expected: "one of a kind", got: format!("several {name}") }
}

/// Finds the selector `ShellId`, in any case.
pub(crate) fn shell_selector(selectors: &[(String, String)]) -> Option<ShellId> {
    selectors
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("ShellId"))
        .map(|(_, value)| ShellId::new(value))
}

/// Reads the selectors or options below `parent`.
pub(crate) fn named(parent: Element<'_>, name: &str) -> Vec<(String, String)> {
    parent
        .children()
        .filter(|child| child.is(Ns::Wsman, name))
        .map(|child| (child.attribute("Name").unwrap_or_default().to_owned(), child.text()))
        .collect()
}

/// A received envelope: its headers, and the body that is still XML.
pub(crate) struct Envelope<'d> {
    pub(crate) headers: Headers,
    /// The body; `None` when there is none.
    pub(crate) body: Option<Element<'d>>,
}

impl<'d> Envelope<'d> {
    pub(crate) fn read(document: &'d Document<'_>) -> Result<Self, DecodeError> {
        let root = document.root();
        if !root.is(Ns::Soap, "Envelope") {
            return Err(DecodeError::NotAnEnvelope { found: root.name().to_owned() });
        }
        let headers = match only(root, "Header")? {
            Some(header) => Headers::read(header)?,
            None => Headers::default(),
        };
        Ok(Self { headers, body: only(root, "Body")? })
    }

    /// Returns the first element of the body.
    pub(crate) fn content(&self) -> Option<Element<'d>> {
        self.body.and_then(|body| body.children().next())
    }
}
