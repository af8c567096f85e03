//! Recordings of others as files: what is in them, and how it is written back.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use saphyr::{LoadableYamlNode as _, Yaml};

use super::{Form, Part};

/// Exchanges that one file may hold before its numbers run into those of the next.
const EXCHANGES: usize = 1 << 20;

/// A file, taken apart into the texts that are scrubbed.
#[derive(Debug)]
pub(super) struct File {
    /// Where it lies below the folder that was named.
    pub(super) name: PathBuf,
    encoding: Encoding,
    layout: Layout,
    texts: Vec<(Form, String)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Encoding {
    Utf8,
    Utf8Bom,
    Utf16,
    /// Bytes that are no text: they are kept as they are.
    Binary,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Layout {
    /// One text.
    Plain,
    /// A list of `messages` with a `request` and mostly a `response`, in YAML.
    Messages,
}

impl File {
    /// Reads the file at `path`; `number` tells its exchanges from those of other files.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(super) fn read(path: &Path, name: &Path, number: usize) -> Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let (encoding, text) = decode(&bytes);
        let extension =
            path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let first = number * EXCHANGES;
        let messages = if text.lines().any(|line| line.trim_end() == "messages:") {
            messages(&text, first)
        } else {
            None
        };
        let (layout, texts) = match messages {
            Some(texts) => (Layout::Messages, texts),
            None => (Layout::Plain, vec![(form_of(&text, extension, first), text)]),
        };
        Ok(Self { name: name.to_owned(), encoding, layout, texts })
    }

    /// Returns the texts to be scrubbed.
    pub(super) fn parts(&mut self) -> impl Iterator<Item = Part<'_>> {
        let name = self.name.display().to_string();
        let texts = self.texts.iter_mut().filter(|_| self.encoding != Encoding::Binary);
        texts.map(move |(form, text)| Part::new(name.clone(), form.clone(), text))
    }

    /// Writes the file below `folder`.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(&self.name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        std::fs::write(&path, self.bytes())
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn bytes(&self) -> Vec<u8> {
        let text = match self.layout {
            Layout::Plain => self.texts.first().map(|(_, text)| text.clone()).unwrap_or_default(),
            Layout::Messages => yaml(&self.texts),
        };
        match self.encoding {
            Encoding::Utf8 | Encoding::Binary => text.into_bytes(),
            Encoding::Utf8Bom => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            Encoding::Utf16 => {
                let units = std::iter::once(0xfeff).chain(text.encode_utf16());
                units.flat_map(u16::to_le_bytes).collect()
            }
        }
    }
}

fn decode(bytes: &[u8]) -> (Encoding, String) {
    if let Some(rest) = bytes.strip_prefix(&[0xff, 0xfe]) {
        let (pairs, _) = rest.as_chunks::<2>();
        let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
        let signs =
            char::decode_utf16(units).map(|sign| sign.unwrap_or(char::REPLACEMENT_CHARACTER));
        return (Encoding::Utf16, signs.collect());
    }
    let (encoding, rest) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => (Encoding::Utf8Bom, rest),
        None => (Encoding::Utf8, bytes),
    };
    match String::from_utf8(rest.to_vec()) {
        Ok(text) => (encoding, text),
        Err(_) => (Encoding::Binary, String::from_utf8_lossy(bytes).into_owned()),
    }
}

fn form_of(text: &str, extension: &str, exchange: usize) -> Form {
    let start = text.trim_start();
    match extension.to_ascii_lowercase().as_str() {
        "toml" => Form::Toml,
        "json" | "jsonl" => Form::Json,
        "http" => Form::Http,
        _ if start.starts_with("<Objs")
            || start.starts_with("<Obj ")
            || start.starts_with("#<") =>
        {
            Form::Clixml
        }
        _ if start.starts_with("<?xml") && start.contains("<Objs") => Form::Clixml,
        // Envelopes and the packets of pipes carry streams.
        _ if start.starts_with('<') => Form::Request(exchange),
        _ if start.starts_with(['{', '[']) => Form::Json,
        _ => Form::Text,
    }
}

fn messages(text: &str, first: usize) -> Option<Vec<(Form, String)>> {
    let documents = Yaml::load_from_str(text).ok()?;
    let messages = documents.first()?.as_mapping_get("messages")?.as_sequence()?;
    let mut texts = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        for (side, form) in
            [("request", Form::Request(first + number)), ("response", Form::Answer(first + number))]
        {
            let envelope = message.as_mapping_get(side).and_then(Yaml::as_str);
            texts.extend(envelope.map(|envelope| (form, envelope.to_owned())));
        }
    }
    Some(texts)
}

/// Strings of JSON are strings of YAML.
fn yaml(texts: &[(Form, String)]) -> String {
    let mut out = String::from("messages:\n");
    for (form, text) in texts {
        let key = if matches!(form, Form::Request(_)) { "- request" } else { "  response" };
        out.push_str(&format!("{key}: {}\n", serde_json::json!(text)));
    }
    out
}
