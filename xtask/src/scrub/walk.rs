//! Through all the layers of a recording, down to the texts that somebody could read.
//!
//! One walk serves three visitors: the one that learns names, the one that replaces them, and the one that looks for what
//! was left. So nothing is scrubbed that is not checked, and nothing is checked that could not be scrubbed.

mod http;
mod json;
mod markup;
mod packed;
mod streams;
mod toml;

use psrp::crypto::KeyPair;
use uuid::Uuid;

use super::coded::{Coded, Notation};
use super::property::Class;
pub(super) use streams::{Envelope, Side};

/// Layers inside one another that are followed; what lies deeper is looked at as it stands.
const MAX_DEPTH: usize = 6;

/// What is done with the texts that a walk comes to. Each method returns what takes the place of its argument, of the same
/// length, or `None` to leave it.
pub(super) trait Visitor {
    /// A text in clear, all notations undone.
    fn text(&mut self, place: &[String], class: Class, text: &str) -> Option<String>;

    /// A certificate in DER.
    fn certificate(&mut self, place: &[String], der: &[u8]) -> Option<Vec<u8>>;

    /// Sixteen bytes that may be a GUID.
    fn guid(&mut self, place: &[String], guid: Uuid) -> Option<Uuid>;

    /// Bytes that are encrypted with a key that nobody here has.
    fn sealed(&mut self, place: &[String], bytes: &[u8]) -> Option<Vec<u8>>;
}

/// A walk through a recording.
pub(super) struct Walk<'v> {
    visitor: &'v mut dyn Visitor,
    /// Where the walk is: file, message, property.
    place: Vec<String>,
    depth: usize,
    /// The keys that session keys may be encrypted for.
    keys: &'v [KeyPair],
    /// How the SecureStrings of the message under the walk are encoded.
    secrets: psrp::crypto::SecretEncoding,
}

impl<'v> Walk<'v> {
    /// Begins a walk of `visitor`; `keys` decrypt what is encrypted for the client of the recording.
    pub(super) fn new(visitor: &'v mut dyn Visitor, keys: &'v [KeyPair]) -> Self {
        Self {
            visitor,
            place: Vec::new(),
            depth: 0,
            keys,
            secrets: psrp::crypto::SecretEncoding::NoKey,
        }
    }

    /// Walks inside a named place.
    pub(super) fn within<T>(
        &mut self,
        name: impl Into<String>,
        walk: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.place.push(name.into());
        let done = walk(self);
        self.place.pop();
        done
    }

    /// Walks through a text in clear: what it holds inside itself first, then the text around that.
    pub(super) fn text(&mut self, class: Class, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        if class == Class::Token
            && let Some(replaced) = self.packed_guid(text)
        {
            return Some(replaced);
        }
        // What is opaque is replaced whole, whatever may be in it.
        let is_opaque =
            matches!(class, Class::Secret | Class::Token | Class::Credentials | Class::Cookie);
        if self.depth >= MAX_DEPTH || is_opaque {
            return self.visitor.text(&self.place, class, text);
        }
        self.depth += 1;
        let done = self.nested(class, text);
        self.depth -= 1;
        done
    }

    fn nested(&mut self, class: Class, text: &str) -> Option<String> {
        let start = text.trim_start_matches('\u{feff}').trim_start();
        if start.starts_with("<Obj") || start.starts_with("#< CLIXML") {
            return self.clixml(text);
        }
        if start.starts_with("<?xml") || start.starts_with('<') && start.contains("</") {
            return self.xml(text);
        }
        if start.starts_with(['{', '[']) && json::is_document(start) {
            return self.json(text);
        }
        if has_percents(text) {
            return self.coded(Notation::Percent, class, text);
        }
        self.around_packed(class, text)
    }

    /// Walks through a text that is written in `notation`.
    fn coded(&mut self, notation: Notation, class: Class, raw: &str) -> Option<String> {
        let coded = Coded::new(notation, raw);
        let text = coded.text();
        let replaced = if notation == Notation::Percent {
            self.around_packed(class, &text)
        } else {
            self.text(class, &text)
        };
        replaced.map(|replaced| coded.write(&replaced))
    }

    /// Walks through a URL.
    pub(super) fn url(&mut self, url: &str) -> Option<String> {
        self.coded(Notation::Percent, Class::Free, url)
    }

    /// Walks through a body of `name=value` pairs, as forms send them.
    pub(super) fn form(&mut self, body: &str) -> Option<String> {
        let pairs: Vec<&str> = body.split('&').collect();
        let walked = pairs.iter().map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let class = super::property::class_of(name);
            let replaced = self.within(name, |walk| walk.coded(Notation::Form, class, value))?;
            Some(format!("{name}={replaced}"))
        });
        let walked: Vec<Option<String>> = walked.collect();
        walked.iter().any(Option::is_some).then(|| {
            let pairs = walked.iter().zip(&pairs);
            let kept = pairs.map(|(walked, pair)| walked.as_deref().unwrap_or(pair));
            kept.collect::<Vec<_>>().join("&")
        })
    }

    /// Walks through the value of the HTTP header `name`.
    pub(super) fn header(&mut self, name: &str, value: &str) -> Option<String> {
        let class = super::property::class_of(name);
        let class = if name.eq_ignore_ascii_case("host") { Class::Host } else { class };
        self.within(name, |walk| walk.text(class, value))
    }
}

/// True when something in `text` is written in percent.
fn has_percents(text: &str) -> bool {
    text.split('%').skip(1).any(|rest| {
        let code = rest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        code.is_some_and(|code| (b' '..=b'~').contains(&code) || code >= 0xc0)
    })
}
