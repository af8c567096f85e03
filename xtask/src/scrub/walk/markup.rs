//! XML in its dialects: SOAP envelopes, CLIXML, and any other.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use psrp::secrecy::{ExposeSecret as _, SecretString};

use super::Walk;
use super::streams::{Carrier, carrier};
use crate::scrub::coded::Notation;
use crate::scrub::markup::{Piece, apply, pieces};
use crate::scrub::property::{Class, class_of};

/// The dialects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Dialect {
    Clixml,
    Soap,
    Other,
}

/// An open element.
#[derive(Clone, Debug)]
struct Frame {
    local: String,
    /// The property that the element is the value of, for a finding to name.
    name: Option<String>,
    class: Class,
    /// The text of the last member named `N` or `Key`: it names the next one, `V` or `Value`.
    told: Option<String>,
    is_enum: bool,
    /// Inside of what PowerShell tells about its commands, where names are nobody's.
    is_technical: bool,
    command: Option<String>,
}

/// What a walk through an envelope leaves.
#[derive(Debug)]
pub(super) struct SoapRead {
    pub(super) edits: Vec<(Range<usize>, String)>,
    pub(super) carriers: Vec<Carrier>,
    /// The shell that the envelope names, in lower case.
    pub(super) shell: String,
}

/// One walk through one document.
struct Reader<'d> {
    dialect: Dialect,
    document: &'d str,
    frames: Vec<Frame>,
    /// The lists of type names so far that are enumerations, or technical, by their number.
    types: Vec<(bool, bool)>,
    edits: Vec<(Range<usize>, String)>,
    carriers: Vec<Carrier>,
    shell: String,
}

impl Walk<'_> {
    /// Walks through CLIXML.
    pub(in crate::scrub) fn clixml(&mut self, document: &str) -> Option<String> {
        let reader = self.read(Dialect::Clixml, document);
        apply(document, reader.edits)
    }

    /// Walks through XML that is neither CLIXML nor an envelope with streams.
    pub(super) fn xml(&mut self, document: &str) -> Option<String> {
        let reader = self.read(Dialect::Other, document);
        apply(document, reader.edits)
    }

    /// Walks through an envelope; its streams are handed out, for messages may begin in one envelope and end in another.
    pub(super) fn soap(&mut self, document: &str) -> SoapRead {
        let reader = self.read(Dialect::Soap, document);
        SoapRead { edits: reader.edits, carriers: reader.carriers, shell: reader.shell }
    }

    fn read<'d>(&mut self, dialect: Dialect, document: &'d str) -> Reader<'d> {
        let mut reader = Reader {
            dialect,
            document,
            frames: Vec::new(),
            types: Vec::new(),
            edits: Vec::new(),
            carriers: Vec::new(),
            shell: String::new(),
        };
        for piece in pieces(document) {
            match piece {
                Piece::Start { local, attributes, is_empty } => {
                    self.start(&mut reader, local, &attributes);
                    if is_empty {
                        reader.frames.pop();
                    }
                }
                Piece::End => {
                    reader.frames.pop();
                }
                Piece::Text { range, is_cdata } => self.characters(&mut reader, range, is_cdata),
                Piece::Aside { range } => {
                    let text = document.get(range.clone()).unwrap_or_default();
                    let replaced = self.text(Class::Free, text);
                    reader.edits.extend(replaced.map(|replaced| (range, replaced)));
                }
            }
        }
        reader
    }

    fn start(&mut self, reader: &mut Reader<'_>, local: &str, attributes: &[(&str, Range<usize>)]) {
        let value = |wanted: &str| {
            let found = attributes.iter().find(|(name, _)| {
                *name == wanted
                    || name.rsplit(':').next() == Some(wanted) && !name.starts_with("xmlns")
            });
            found.and_then(|(_, range)| reader.document.get(range.clone()))
        };
        let name = match reader.dialect {
            Dialect::Clixml => value("N"),
            _ => value("Name"),
        };
        let name = name.map(str::to_owned);
        let command = value("CommandId").map(str::to_ascii_lowercase);
        let reference = value("RefId").and_then(|id| id.parse::<usize>().ok());
        if local == "Shell"
            && let Some(shell) = value("ShellId")
        {
            reader.shell = shell.to_ascii_lowercase();
        }
        let frame = reader.frame(local, name, command);
        reader.frames.push(frame);
        if local == "TNRef"
            && let Some(known) = reference.and_then(|id| reader.types.get(id).copied())
        {
            reader.mark(known);
        }
        if local == "TN" {
            reader.types.push((false, false));
        }
        if reader.dialect == Dialect::Clixml {
            self.property_name(reader, attributes);
            return;
        }
        for (name, range) in attributes {
            let local_name = name.rsplit(':').next().unwrap_or(name);
            if name.starts_with("xmlns") || matches!(local_name, "Name" | "lang" | "mustUnderstand")
            {
                continue;
            }
            let raw = reader.document.get(range.clone()).unwrap_or_default();
            let class = if local_name == "Machine" { Class::Host } else { Class::Free };
            let replaced = self.within(*name, |walk| walk.coded(Notation::Xml, class, raw));
            reader.edits.extend(replaced.map(|replaced| (range.clone(), replaced)));
        }
    }

    /// A property may be called by whom it is about; the short names of usual ones are passed over quickly.
    fn property_name(&mut self, reader: &mut Reader<'_>, attributes: &[(&str, Range<usize>)]) {
        for (_, range) in attributes.iter().filter(|(name, _)| *name == "N") {
            let raw = reader.document.get(range.clone()).unwrap_or_default();
            if raw.contains('@') || raw.len() >= 32 {
                let replaced = self.coded(Notation::Clixml, Class::Fixed, raw);
                reader.edits.extend(replaced.map(|replaced| (range.clone(), replaced)));
            }
        }
    }

    fn characters(&mut self, reader: &mut Reader<'_>, range: Range<usize>, is_cdata: bool) {
        let raw = reader.document.get(range.clone()).unwrap_or_default();
        let Some(frame) = reader.frames.last().cloned().filter(|_| !raw.trim().is_empty()) else {
            return;
        };
        if frame.local == "Selector" && frame.name.as_deref() == Some("ShellId") {
            reader.shell = raw.trim().to_ascii_lowercase();
        }
        if reader.dialect == Dialect::Soap && carrier(&frame.local) {
            let command = reader.frames.iter().rev().find_map(|frame| frame.command.clone());
            let name = frame.name.as_deref();
            if let Some(carrier) = Carrier::new(&frame.local, name, command, range.clone(), raw) {
                reader.carriers.push(carrier);
                return;
            }
        }
        let replaced = match reader.dialect {
            Dialect::Clixml => {
                reader.tell(&frame, raw);
                let name = reader.property();
                self.within(name, |walk| walk.clixml_value(&frame, raw))
            }
            _ if is_cdata => self.within(frame.local.as_str(), |walk| walk.text(frame.class, raw)),
            _ => self
                .within(frame.local.as_str(), |walk| walk.coded(Notation::Xml, frame.class, raw)),
        };
        reader.edits.extend(replaced.map(|replaced| (range, replaced)));
    }

    fn clixml_value(&mut self, frame: &Frame, raw: &str) -> Option<String> {
        let class = if frame.is_technical && frame.class != Class::Secret {
            Class::Free
        } else {
            frame.class
        };
        match frame.local.as_str() {
            "SS" => self.secure_string(raw),
            "BA" => {
                let packed: String = raw.split_ascii_whitespace().collect();
                let bytes = STANDARD.decode(packed).ok()?;
                self.bytes(Class::Free, &bytes).map(|bytes| STANDARD.encode(bytes))
            }
            "ToString" if frame.is_enum => self.coded(Notation::Clixml, Class::Fixed, raw),
            "T" | "Version" | "DT" | "TS" | "C" | "B" => {
                self.coded(Notation::Clixml, Class::Fixed, raw)
            }
            "SBK" => self.coded(Notation::Clixml, Class::Free, raw),
            "G" => self.coded(Notation::Xml, Class::Free, raw),
            local if is_number(local) => self.coded(Notation::Xml, Class::Fixed, raw),
            _ => match frame.name.as_deref() {
                // What the session key travels in is a secret of the recording alone, whose private key is known.
                Some("PublicKey" | "EncryptedSessionKey") => None,
                _ => self.coded(Notation::Clixml, class, raw),
            },
        }
    }

    fn secure_string(&mut self, raw: &str) -> Option<String> {
        let packed: String = raw.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(packed).ok()?;
        let Some(secret) = self.unseal(&bytes) else {
            return self.visitor.sealed(&self.place, &bytes).map(|bytes| STANDARD.encode(bytes));
        };
        let replaced = self.visitor.text(&self.place, Class::Secret, secret.expose_secret())?;
        let encoded = self.secrets.encode(&SecretString::from(replaced.clone()));
        let encoded = encoded
            .unwrap_or_else(|_| psrp::crypto::encode_unprotected(&SecretString::from(replaced)));
        Some(STANDARD.encode(encoded))
    }

    fn unseal(&self, bytes: &[u8]) -> Option<SecretString> {
        let unprotected = || {
            let text = psrp::crypto::decode_unprotected(bytes).ok()?;
            let readable = !text
                .expose_secret()
                .contains(|sign: char| sign.is_control() || sign as u32 > 0x2fff);
            readable.then_some(text)
        };
        match &self.secrets {
            psrp::crypto::SecretEncoding::NoKey => unprotected(),
            encoding => encoding.decode(bytes).ok(),
        }
    }
}

impl Reader<'_> {
    fn frame(&self, local: &str, name: Option<String>, command: Option<String>) -> Frame {
        let parent = self.frames.last();
        let name = match name.as_deref() {
            Some("V" | "Value") => parent.and_then(|parent| parent.told.clone()).or(name),
            _ => name,
        };
        let own = match (self.dialect, &name) {
            (Dialect::Clixml, Some(name)) => class_of(name),
            (Dialect::Clixml, None) => Class::Free,
            (Dialect::Soap, _) => class_in_envelope(local, name.as_deref()),
            (Dialect::Other, _) => match class_of(local) {
                // In foreign documents elements are called `name` and `id` for all kinds of reasons.
                Class::Fixed | Class::Filter => Class::Free,
                class => class,
            },
        };
        let inherited = parent.map_or(Class::Free, |parent| parent.class);
        let inherits = own == Class::Free && self.dialect == Dialect::Clixml;
        Frame {
            local: local.to_owned(),
            name,
            class: if inherits { inherited } else { own },
            told: None,
            is_enum: local == "ToString" && parent.is_some_and(|parent| parent.is_enum),
            is_technical: parent.is_some_and(|parent| parent.is_technical),
            command,
        }
    }

    /// Keeps what the text of an element says about what follows.
    fn tell(&mut self, frame: &Frame, raw: &str) {
        let Some(parent) = self.frames.len().checked_sub(2).and_then(|at| self.frames.get_mut(at))
        else {
            return;
        };
        if frame.local == "S" && matches!(frame.name.as_deref(), Some("N" | "Key")) {
            parent.told = Some(raw.to_owned());
        }
        if frame.local == "T" {
            let known = (raw == "System.Enum", is_technical(raw));
            if let Some(types) = self.types.last_mut() {
                *types = (types.0 || known.0, types.1 || known.1);
            }
            self.mark(known);
        }
    }

    /// Marks the object whose type names are being read.
    fn mark(&mut self, (is_enum, is_technical): (bool, bool)) {
        let object = self.frames.iter_mut().rev().find(|frame| frame.local == "Obj");
        if let Some(object) = object {
            object.is_enum |= is_enum;
            object.is_technical |= is_technical;
        }
    }

    /// Names the innermost property.
    fn property(&self) -> String {
        self.frames.iter().rev().find_map(|frame| frame.name.clone()).unwrap_or_default()
    }
}

/// What elements of envelopes hold, where it is no plain text.
fn class_in_envelope(local: &str, name: Option<&str>) -> Class {
    match local {
        "Owner" | "Name" => Class::Name,
        "Machine" => Class::Host,
        "Variable" => name.map_or(Class::Free, class_of),
        "Action" | "ResourceURI" | "OperationTimeout" | "Locale" => Class::Fixed,
        _ => Class::Free,
    }
}

fn is_number(local: &str) -> bool {
    let size = local.trim_start_matches(['I', 'U']);
    matches!(local, "By" | "SB" | "Sg" | "Db" | "D")
        || size.len() < local.len() && size.parse::<u8>().is_ok()
}

/// True for the types by which PowerShell tells about commands, hosts and streams.
fn is_technical(type_name: &str) -> bool {
    let plain = type_name.trim_start_matches("Deserialized.").trim_start_matches("Selected.");
    let of_people = ["PSCustomObject", "PSCredential", "PSObject"];
    plain
        .strip_prefix("System.Management.Automation.")
        .is_some_and(|rest| !of_people.iter().any(|name| rest.starts_with(name)))
}
