//! Bytes, and texts in which bytes are packed as base64 or hexadecimal digits.

use std::io::{Read as _, Write as _};
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use uuid::Uuid;

use super::Walk;
use super::streams::are_fragments;
use crate::scrub::property::Class;

/// Bytes that a packed part may unpack into.
const MAX_UNPACKED: u64 = 64 << 20;
/// Signs of a run that is tried as base64 or hexadecimal digits.
const MIN_PACKED: usize = 11;
/// Letters that make a text of bytes among others.
const MIN_TEXT: usize = 4;

/// What bytes hold.
enum Content {
    Certificate,
    /// Messages of PSRP.
    Fragments,
    Gzip,
    /// Compressed without the head of gzip; what is inside.
    Zlib(Vec<u8>),
    Text(String),
    /// Text of two bytes a unit, little-endian.
    Wide(String),
    Guid,
    Other,
}

impl Content {
    fn of(bytes: &[u8]) -> Self {
        if is_certificate(bytes) {
            return Self::Certificate;
        }
        if are_fragments(bytes) {
            return Self::Fragments;
        }
        if bytes.starts_with(&[0x1f, 0x8b, 8]) {
            return Self::Gzip;
        }
        if let Some(plain) = inflated(bytes) {
            return Self::Zlib(plain);
        }
        if let Some(text) = wide_text(bytes) {
            return Self::Wide(text);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if is_readable(text) => Self::Text(text.to_owned()),
            _ if bytes.len() == 16 => Self::Guid,
            _ => Self::Other,
        }
    }
}

fn is_certificate(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x82, high, low, rest @ ..] => {
            usize::from(u16::from_be_bytes([*high, *low])) == rest.len() && rest.len() > 64
        }
        _ => false,
    }
}

fn inflated(bytes: &[u8]) -> Option<Vec<u8>> {
    let [0x78, second, ..] = bytes else { return None };
    if !(0x7800 | u16::from(*second)).is_multiple_of(31) {
        return None;
    }
    let mut plain = Vec::new();
    ZlibDecoder::new(bytes).take(MAX_UNPACKED).read_to_end(&mut plain).ok()?;
    Some(plain).filter(|plain| !plain.is_empty())
}

fn is_readable(text: &str) -> bool {
    let odd = |sign: char| sign.is_control() && !matches!(sign, '\r' | '\n' | '\t' | '\0');
    text.len() >= MIN_TEXT && !text.contains(odd) && text.contains(char::is_alphanumeric)
}

fn wide_text(bytes: &[u8]) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let plain = pairs.iter().filter(|[_, high]| *high == 0).count();
    if !rest.is_empty() || pairs.len() < MIN_TEXT || plain * 2 < pairs.len() {
        return None;
    }
    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
    let text: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    is_readable(&text).then_some(text)
}

fn to_wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

impl Walk<'_> {
    /// Walks through bytes of any content.
    pub(in crate::scrub) fn bytes(&mut self, class: Class, bytes: &[u8]) -> Option<Vec<u8>> {
        match Content::of(bytes) {
            Content::Certificate => self.visitor.certificate(&self.place, bytes),
            Content::Fragments => self.fragments(bytes),
            Content::Gzip => self.gzip(class, bytes),
            Content::Zlib(plain) => {
                let replaced = self.bytes(class, &plain)?;
                let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
                packer.write_all(&replaced).ok()?;
                packer.finish().ok()
            }
            Content::Text(text) => self.text(class, &text).map(String::into_bytes),
            Content::Wide(text) => self.text(class, &text).map(|text| to_wide(&text)),
            Content::Guid => {
                let guid = Uuid::from_bytes_le(bytes.try_into().ok()?);
                let replaced = self.visitor.guid(&self.place, guid).map(|guid| guid.to_bytes_le());
                let replaced = replaced.or_else(|| {
                    let guid = self.visitor.guid(&self.place, Uuid::from_slice(bytes).ok()?)?;
                    Some(guid.into_bytes())
                });
                replaced.map(Vec::from)
            }
            Content::Other => self.strings_in(bytes),
        }
    }

    fn gzip(&mut self, class: Class, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut plain = Vec::new();
        // What cannot be unpacked to its end holds what came before.
        let unpacked = MultiGzDecoder::new(bytes).take(MAX_UNPACKED).read_to_end(&mut plain);
        if unpacked.is_err() && plain.is_empty() {
            return None;
        }
        let replaced = self.bytes(class, &plain)?;
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(&replaced).ok()?;
        packer.finish().ok()
    }

    /// Walks through the texts that stand among other bytes, of one or two bytes a letter.
    fn strings_in(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = bytes.to_vec();
        let mut changed = false;
        for (range, is_wide) in strings(bytes) {
            let Some(found) = bytes.get(range.clone()) else { continue };
            let text = if is_wide {
                wide_text(found)
            } else {
                std::str::from_utf8(found).ok().map(str::to_owned)
            };
            let Some(replaced) = text.and_then(|text| self.text(Class::Free, &text)) else {
                continue;
            };
            let replaced = if is_wide { to_wide(&replaced) } else { replaced.into_bytes() };
            if let Some(target) = out.get_mut(range).filter(|target| target.len() == replaced.len())
            {
                target.copy_from_slice(&replaced);
                changed = true;
            }
        }
        changed.then_some(out)
    }

    /// Walks through what is packed in `text`, and through the text around it.
    pub(super) fn around_packed(&mut self, class: Class, text: &str) -> Option<String> {
        let mut out = String::with_capacity(text.len());
        let mut changed = false;
        let mut at = 0;
        // What is packed is known before, so that the text around it is not cut for nothing.
        for (range, packed) in packed_in(text) {
            let part = text.get(range.clone()).unwrap_or_default();
            changed |= self.push(class, text.get(at..range.start).unwrap_or_default(), &mut out);
            match self.bytes(class, &packed.bytes) {
                Some(replaced) => {
                    out.push_str(&packed.write(&replaced));
                    changed = true;
                }
                // What may be a GUID and is none that is known is a text like any other.
                None if packed.is_guid() => changed |= self.push(class, part, &mut out),
                None => out.push_str(part),
            }
            at = range.end;
        }
        changed |= self.push(class, text.get(at..).unwrap_or_default(), &mut out);
        changed.then_some(out)
    }

    /// Replaces a text that is all one known GUID in base64.
    pub(super) fn packed_guid(&mut self, text: &str) -> Option<String> {
        let packed = Packed::of(text).filter(Packed::is_guid)?;
        self.bytes(Class::Token, &packed.bytes).map(|bytes| packed.write(&bytes))
    }

    fn push(&mut self, class: Class, text: &str, out: &mut String) -> bool {
        let replaced =
            if text.is_empty() { None } else { self.visitor.text(&self.place, class, text) };
        out.push_str(replaced.as_deref().unwrap_or(text));
        replaced.is_some()
    }
}

/// Bytes that stand in a text, and how.
struct Packed {
    bytes: Vec<u8>,
    writing: Writing,
}

#[derive(Clone, Copy)]
enum Writing {
    Hex { upper: bool },
    Base64 { alphabet: &'static alphabet::Alphabet, filled: bool },
}

impl Packed {
    /// Unpacks `part`, if something that a walk can follow is packed in it.
    fn of(part: &str) -> Option<Self> {
        let upper = part.contains(|digit: char| digit.is_ascii_uppercase());
        let hex = unhex(part).map(|bytes| Self { bytes, writing: Writing::Hex { upper } });
        let base64 = || {
            let is_for_urls = part.contains(['-', '_']);
            let alphabet = if is_for_urls { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
            let filled = part.ends_with('=') || !is_for_urls && part.len().is_multiple_of(4);
            let bytes = engine(alphabet, filled).decode(part).ok()?;
            Some(Self { bytes, writing: Writing::Base64 { alphabet, filled } })
        };
        let worthy = |packed: &Self| packed.is_worth_it(part);
        hex.filter(worthy).or_else(|| base64().filter(worthy))
    }

    fn is_worth_it(&self, part: &str) -> bool {
        match Content::of(&self.bytes) {
            Content::Certificate | Content::Fragments | Content::Gzip => true,
            Content::Zlib(_) | Content::Wide(_) => true,
            // Sixteen bytes in base64 with their filling are a GUID; digits are looked at as a hash.
            Content::Guid => part.ends_with("=="),
            // Words in a row make some bytes too, but those are hardly ever text.
            Content::Text(text) => text.len() >= 8 && text.is_ascii() || text.len() >= 16,
            Content::Other => false,
        }
    }

    fn is_guid(&self) -> bool {
        matches!(Content::of(&self.bytes), Content::Guid)
    }

    fn write(&self, bytes: &[u8]) -> String {
        match self.writing {
            Writing::Base64 { alphabet, filled } => engine(alphabet, filled).encode(bytes),
            Writing::Hex { upper } => {
                let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                if upper { digits.to_ascii_uppercase() } else { digits }
            }
        }
    }
}

fn engine(alphabet: &alphabet::Alphabet, filled: bool) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_encode_padding(filled);
    GeneralPurpose::new(alphabet, config)
}

/// Finds what is packed in a text.
///
/// A run of the signs of base64 is tried as a whole, then what lies between its punctuation, for `a/b` and `0xff` are glued too.
fn packed_in(text: &str) -> Vec<(Range<usize>, Packed)> {
    let is_packed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let mut found = Vec::new();
    for run in runs(text.as_bytes(), MIN_PACKED, is_packed) {
        let filling =
            text.as_bytes().iter().skip(run.end).take(2).take_while(|byte| **byte == b'=');
        let run = run.start..run.end + filling.count();
        let part = text.get(run.clone()).unwrap_or_default();
        if let Some(packed) = Packed::of(part) {
            found.push((run, packed));
            continue;
        }
        let between =
            runs(part.as_bytes(), MIN_PACKED, |byte| byte.is_ascii_alphanumeric() || byte == b'=');
        for inner in between {
            let word = part.get(inner.clone()).unwrap_or_default();
            let start = inner.start + if word.starts_with("0x") { 2 } else { 0 };
            let packed = part.get(start..inner.end).and_then(Packed::of);
            found.extend(packed.map(|packed| (run.start + start..run.start + inner.end, packed)));
        }
    }
    found
}

fn unhex(part: &str) -> Option<Vec<u8>> {
    let (pairs, odd) = part.as_bytes().as_chunks::<2>();
    let digit = |sign: u8| char::from(sign).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes.filter(|_| odd.is_empty())
}

/// Returns the runs of at least `min` bytes that satisfy `wanted`.
fn runs(bytes: &[u8], min: usize, wanted: impl Fn(u8) -> bool) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for (at, byte) in bytes.iter().chain(std::iter::once(&0)).enumerate() {
        if at == bytes.len() || !wanted(*byte) {
            if at - start >= min {
                runs.push(start..at);
            }
            start = at + 1;
        }
    }
    runs
}

/// Returns the texts among `bytes`; true for those of two bytes a letter.
fn strings(bytes: &[u8]) -> Vec<(Range<usize>, bool)> {
    let printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    let mut found: Vec<(Range<usize>, bool)> =
        runs(bytes, MIN_TEXT, printable).into_iter().map(|range| (range, false)).collect();
    let mut at = 0;
    while at + 1 < bytes.len() {
        let is_unit = |at: usize| {
            bytes.get(at).is_some_and(|low| printable(*low)) && bytes.get(at + 1) == Some(&0)
        };
        let mut end = at;
        while is_unit(end) {
            end += 2;
        }
        if end - at >= MIN_TEXT * 2 {
            found.push((at..end, true));
        }
        at = end.max(at + 1);
    }
    found
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;
    use crate::scrub::{Facts, Form, Part, scrub};

    #[track_caller]
    fn check(text: &str) {
        let mut scrubbed = text.to_owned();
        let found: Vec<String> = packed_in(text)
            .into_iter()
            .map(|(_, packed)| String::from_utf8_lossy(&packed.bytes).into_owned())
            .collect();
        assert!(found.iter().any(|found| found.contains("ann@contoso.com")), "{text}: {found:?}");
        scrub(&mut [Part::new("a", Form::Text, &mut scrubbed)], &Facts::default()).unwrap();
        assert_eq!(scrubbed.len(), text.len());
        for (_, packed) in packed_in(&scrubbed) {
            let left = String::from_utf8_lossy(&packed.bytes).into_owned();
            assert!(left.ends_with("@zazawaq.com") || !left.contains("contoso"), "{left}");
        }
        assert_ne!(scrubbed, text);
    }

    #[test]
    fn what_is_packed_is_found_however_it_is_glued_to_its_surroundings() {
        let packed = STANDARD.encode("?ann@contoso.com?>");
        let for_urls = URL_SAFE_NO_PAD.encode("?ann@contoso.com?>~");
        let hex: String = "ann@contoso.com".bytes().map(|byte| format!("{byte:02X}")).collect();
        check(&format!("data={packed}"));
        check(&format!("state={for_urls}&x"));
        check(&format!("(0x{hex})"));
        check(&format!("/blob/{hex}/end"));
    }

    #[test]
    fn words_are_not_taken_for_something_packed() {
        for text in [
            "ProhibitSendReceiveQuota and IncludeInGarbageCollection",
            "System.Management.Automation.PSCustomObject",
            "Export-PublicFolderStatistics_LastModificationTime/deadbeef",
        ] {
            assert_eq!(packed_in(text).len(), 0, "{text}");
        }
    }
}
