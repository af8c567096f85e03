//! `cargo xtask scrub`: what nobody else may see is taken from a recording, and looked for in fixtures.
//!
//! Every identifier is replaced by a stand-in of the same length and the same kinds of letters, so that fragments, ciphertexts
//! and types stay as they are, and of a form that is known again, so that a check can demand stand-ins everywhere.

mod alphabet;
mod check;
mod coded;
mod command;
mod dictionary;
mod file;
pub(crate) mod fixture;
mod markup;
mod patterns;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod properties;
mod property;
#[cfg(test)]
mod relations;
mod secrets;
mod stand_in;
mod text;
mod vocabulary;
mod walk;
mod words;

use anyhow::Result;
use psrp::crypto::KeyPair;
use uuid::Uuid;

pub(crate) use self::command::{Scrub, check};
pub(crate) use self::dictionary::Counts;
use self::dictionary::Dictionary;
use self::property::Class;
use self::walk::{Envelope, Side, Visitor, Walk};

/// One text of a recording, to be scrubbed in place.
#[derive(Debug)]
pub(crate) struct Part<'t> {
    /// What the text is called in a report, such as `03-request.xml`.
    pub(crate) place: String,
    pub(crate) form: Form,
    pub(crate) text: &'t mut String,
}

impl<'t> Part<'t> {
    /// Describes a text.
    pub(crate) fn new(place: impl Into<String>, form: Form, text: &'t mut String) -> Self {
        Self { place: place.into(), form, text }
    }
}

/// What a text is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// A SOAP envelope that was sent, with the number of its exchange.
    Request(usize),
    /// A SOAP envelope that came back.
    Answer(usize),
    /// TOML, such as the settings.
    Toml,
    /// JSON, one document or one a line.
    Json,
    /// CLIXML.
    Clixml,
    /// An HTTP message: a first line, headers, an empty line, a body.
    Http,
    /// The value of the HTTP header, property or setting of this name.
    Named(String),
    /// Any other text, such as a message of an error.
    Text,
}

/// What the scrubber is told about a recording.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts<'f> {
    /// Ids that the client drew itself: they tell nothing, and a replay draws the same.
    pub(crate) drawn: &'f [Uuid],
    /// The private keys of the recording, PKCS#8 in PEM, for which session keys are encrypted.
    pub(crate) keys: &'f [String],
    /// Secrets that are replaced wherever they stand.
    pub(crate) secrets: &'f [String],
}

/// What a scrubber did.
#[derive(Debug)]
pub(crate) struct Scrubbed {
    pub(crate) counts: Counts,
    /// The words of names that it replaced, by which to look for what it missed.
    names: Vec<String>,
    /// The secrets that it replaced.
    secrets: Vec<String>,
}

/// Takes from a recording what nobody else may see, in place, and says how much that was.
///
/// All names are learnt from all parts before the first is replaced, so that each has the same stand-in everywhere.
///
/// # Errors
///
/// When a private key cannot be read.
pub(crate) fn scrub(parts: &mut [Part<'_>], facts: &Facts<'_>) -> Result<Scrubbed> {
    let keys = facts.keys.iter().map(|key| KeyPair::from_pkcs8_pem(key));
    let keys: Vec<KeyPair> = keys.collect::<Result<_, _>>()?;
    let mut dictionary = Dictionary::default();
    dictionary.keep(facts.drawn.iter().copied());
    facts.secrets.iter().for_each(|secret| dictionary.learn_secret(secret));
    walk_parts(&mut Walk::new(&mut Learner(&mut dictionary), &keys), parts);
    walk_parts(&mut Walk::new(&mut Replacer(&mut dictionary), &keys), parts);
    let (names, secrets) = (dictionary.telling_names(), dictionary.secrets().to_vec());
    Ok(Scrubbed { counts: dictionary.counts(), names, secrets })
}

/// Walks through all parts: envelopes together, for their streams belong together.
fn walk_parts(walk: &mut Walk<'_>, parts: &mut [Part<'_>]) {
    let mut envelopes = Vec::new();
    let mut others = Vec::new();
    for part in parts {
        let place = part.place.clone();
        match part.form {
            Form::Request(exchange) => {
                envelopes.push(Envelope { side: Side::Request, exchange, place, text: part.text });
            }
            Form::Answer(exchange) => {
                envelopes.push(Envelope { side: Side::Answer, exchange, place, text: part.text });
            }
            _ => others.push(part),
        }
    }
    for part in others {
        let place = part.place.clone();
        let replaced = walk.within(place, |walk| match &part.form {
            Form::Toml => walk.toml(part.text),
            Form::Json => walk.json(part.text),
            Form::Clixml => walk.clixml(part.text),
            Form::Http => walk.http(part.text),
            Form::Named(name) => walk.header(name, part.text),
            Form::Request(_) | Form::Answer(_) | Form::Text => walk.text(Class::Free, part.text),
        });
        if let Some(replaced) = replaced {
            *part.text = replaced;
        }
    }
    walk.envelopes(&mut envelopes);
}

/// Learns names and changes nothing.
struct Learner<'d>(&'d mut Dictionary);

impl Visitor for Learner<'_> {
    fn text(&mut self, _: &[String], class: Class, text: &str) -> Option<String> {
        self.0.learn(class, text);
        None
    }

    fn certificate(&mut self, _: &[String], _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn guid(&mut self, _: &[String], _: Uuid) -> Option<Uuid> {
        None
    }

    fn sealed(&mut self, _: &[String], _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// Puts stand-ins into their places.
struct Replacer<'d>(&'d mut Dictionary);

impl Visitor for Replacer<'_> {
    fn text(&mut self, _: &[String], class: Class, text: &str) -> Option<String> {
        self.0.replace(class, text)
    }

    fn certificate(&mut self, _: &[String], der: &[u8]) -> Option<Vec<u8>> {
        Some(self.0.certificate(der))
    }

    fn guid(&mut self, _: &[String], guid: Uuid) -> Option<Uuid> {
        self.0.guid(guid)
    }

    fn sealed(&mut self, _: &[String], bytes: &[u8]) -> Option<Vec<u8>> {
        Some(self.0.sealed(bytes))
    }
}
