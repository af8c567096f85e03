//! From bytes to text: encodings, byte order marks, the first line of a stream document.

use std::borrow::Cow;

use crate::error::Error;

/// A document as text.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    text: Cow<'a, str>,
    encoding: Encoding,
}

/// How the bytes of a document were encoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Encoding {
    /// UTF-8 without a byte order mark.
    Utf8,
    /// UTF-8 with a byte order mark.
    Utf8Bom,
    /// UTF-16, little-endian.
    Utf16Le,
    /// UTF-16, big-endian.
    Utf16Be,
    /// UTF-32, little-endian.
    Utf32Le,
    /// UTF-32, big-endian.
    Utf32Be,
}

impl Encoding {
    /// Gives the short name used in reports: `utf-8`, `utf-8-bom`, `utf-16` or `utf-32`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf8Bom => "utf-8-bom",
            Self::Utf16Le | Self::Utf16Be => "utf-16",
            Self::Utf32Le | Self::Utf32Be => "utf-32",
        }
    }
}

const FIRST_LINE: &str = "#< CLIXML";

impl<'a> Source<'a> {
    /// Decodes a document: UTF-8, or UTF-16 or UTF-32 after its byte order mark. UTF-8 is borrowed.
    ///
    /// # Errors
    ///
    /// [`Error::Encoding`] when the bytes are not well-formed in that encoding.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Error> {
        let (text, encoding) = if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
            (utf8(rest, 3)?, Encoding::Utf8Bom)
        } else if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE\0\0") {
            // As UTF-16 it would begin with a character that XML forbids.
            (utf32(rest, u32::from_le_bytes)?, Encoding::Utf32Le)
        } else if let Some(rest) = bytes.strip_prefix(b"\0\0\xFE\xFF") {
            (utf32(rest, u32::from_be_bytes)?, Encoding::Utf32Be)
        } else if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
            (utf16(rest, u16::from_le_bytes)?, Encoding::Utf16Le)
        } else if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
            (utf16(rest, u16::from_be_bytes)?, Encoding::Utf16Be)
        } else {
            (utf8(bytes, 0)?, Encoding::Utf8)
        };
        Ok(Self { text, encoding })
    }

    /// Gives the encoding of the bytes.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Gives the XML text: everything but a first line `#< CLIXML`, which PowerShell puts before what it writes to its
    /// error stream.
    #[must_use]
    pub fn xml(&self) -> &str {
        xml_of(&self.text)
    }

    /// Gives the same when the bytes were UTF-8, for as long as they live.
    pub(crate) fn borrowed_xml(&self) -> Option<&'a str> {
        match self.text {
            Cow::Borrowed(text) => Some(xml_of(text)),
            Cow::Owned(_) => None,
        }
    }
}

/// Leaves out a first line `#< CLIXML`.
pub(crate) fn xml_of(text: &str) -> &str {
    match text.strip_prefix(FIRST_LINE) {
        Some(rest) => rest.split_once('\n').map_or("", |(_, xml)| xml),
        None => text,
    }
}

impl<'a> From<&'a str> for Source<'a> {
    fn from(text: &'a str) -> Self {
        let (text, encoding) = match text.strip_prefix('\u{FEFF}') {
            Some(rest) => (rest, Encoding::Utf8Bom),
            None => (text, Encoding::Utf8),
        };
        Self { text: Cow::Borrowed(text), encoding }
    }
}

fn utf8(bytes: &[u8], offset: usize) -> Result<Cow<'_, str>, Error> {
    match simdutf8::compat::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => {
            Err(Error::Encoding { encoding: "UTF-8", position: offset + error.valid_up_to() })
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, str>, Error> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let error = |position| Error::Encoding { encoding: "UTF-16", position };
    if !rest.is_empty() {
        return Err(error(bytes.len() + 1));
    }
    let mut text = String::with_capacity(pairs.len());
    let mut position = 2;
    for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        let character = decoded.map_err(|_| error(position))?;
        text.push(character);
        position += 2 * character.len_utf16();
    }
    Ok(Cow::Owned(text))
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> Result<Cow<'_, str>, Error> {
    let (quads, rest) = bytes.as_chunks::<4>();
    let error = |position| Error::Encoding { encoding: "UTF-32", position };
    if !rest.is_empty() {
        return Err(error(bytes.len() + 3));
    }
    let mut text = String::with_capacity(quads.len());
    for (at, quad) in quads.iter().enumerate() {
        text.push(char::from_u32(unit(*quad)).ok_or_else(|| error(4 + 4 * at))?);
    }
    Ok(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::{Encoding, Source};

    #[track_caller]
    fn check(bytes: &[u8], encoding: Encoding, xml: &str) {
        let source = Source::decode(bytes).unwrap();
        assert_eq!(source.encoding(), encoding);
        assert_eq!(source.xml(), xml);
    }

    #[test]
    fn encodings_are_told_by_the_byte_order_mark() {
        check(b"<S/>", Encoding::Utf8, "<S/>");
        check(b"\xEF\xBB\xBF<S/>", Encoding::Utf8Bom, "<S/>");
        check(b"\xFF\xFE<\0S\0/\0>\0", Encoding::Utf16Le, "<S/>");
        check(b"\xFE\xFF\0<\0S\0/\0>", Encoding::Utf16Be, "<S/>");
        check(b"\xFF\xFE\0\0<\0\0\0S\0\0\0/\0\0\0>\0\0\0", Encoding::Utf32Le, "<S/>");
        check(b"\0\0\xFE\xFF\0\0\0<\0\0\0S\0\0\0/\0\0\0>", Encoding::Utf32Be, "<S/>");
        check(b"", Encoding::Utf8, "");
    }

    #[test]
    fn the_first_line_of_a_stream_document_is_left_out() {
        check(b"#< CLIXML\r\n<S/>", Encoding::Utf8, "<S/>");
        check(b"\xEF\xBB\xBF#< CLIXML\n<S/>", Encoding::Utf8Bom, "<S/>");
    }

    #[test]
    fn bad_bytes_are_refused_with_their_place() {
        let error = Source::decode(b"\xEF\xBB\xBF<S>\xFF</S>").unwrap_err();
        assert_eq!(error.to_string(), "the document is not well-formed UTF-8 at byte 6");
        let error = Source::decode(b"\xFF\xFE<\0\x00\xD8S\0").unwrap_err();
        assert_eq!(error.to_string(), "the document is not well-formed UTF-16 at byte 4");
        assert!(Source::decode(b"\xFF\xFE<").is_err());
        assert!(Source::decode(b"\xFF\xFE\0\0<\0\0").is_err());
        assert!(Source::decode(b"\xFF\xFE\0\0\0\xD8\0\0").is_err());
    }
}
