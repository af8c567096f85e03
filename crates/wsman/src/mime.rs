//! The multipart framing of sealed messages.
//!
//! Spec: [MS-WSMV] 2.2.9.1 Encrypted Message Types.
//!
//! It looks like MIME and is not: between a part's header and its bytes there is no blank line, and no line end
//! between the bytes and the closing delimiter. The bytes may hold the delimiter themselves, so their end is looked
//! for only after as many of them as the header declares. Exchange writes `-- Encrypted Boundary`, with a blank.

use std::ops::Range;

use crate::error::DecodeError;

/// The most bytes that framing and signature add to an envelope of one part.
pub const OVERHEAD: usize = 400;

/// The content type of sealed text.
const ORIGINAL: &str = "application/soap+xml;charset=UTF-8";
const BOUNDARY: &str = "Encrypted Boundary";

/// Which mechanism sealed a message.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Protocol {
    /// Whatever was negotiated within the scheme `Negotiate`.
    Spnego,
    /// The scheme `Kerberos`.
    Kerberos,
    /// The scheme `CredSSP`.
    CredSsp,
}

impl Protocol {
    /// Returns the media type of the protocol.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Spnego => "application/HTTP-SPNEGO-session-encrypted",
            Self::Kerberos => "application/HTTP-Kerberos-session-encrypted",
            Self::CredSsp => "application/HTTP-CredSSP-session-encrypted",
        }
    }

    /// Returns the value of the header `Content-Type` for a body of so many parts.
    #[must_use]
    pub fn content_type(self, parts: usize) -> String {
        let kind = if parts > 1 { "x-multi-encrypted" } else { "encrypted" };
        let protocol = self.media_type();
        format!("multipart/{kind};protocol=\"{protocol}\";boundary=\"{BOUNDARY}\"")
    }
}

/// One sealed piece of a message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the wire has these three fields and no others")]
pub struct SealedPart {
    /// The length that the header declares: of the plain text, padding included.
    pub length: usize,
    /// What the mechanism puts before the data.
    pub signature: Vec<u8>,
    /// The cipher text.
    pub data: Vec<u8>,
}

/// Writes the body of a sealed message.
///
/// ```
/// use wsman::mime::{Protocol, SealedPart, decode, encode};
/// let part = SealedPart { length: 3, signature: vec![1; 16], data: vec![7, 8, 9] };
/// let body = encode(Protocol::Spnego, &[part.clone()]);
/// assert_eq!(decode(&Protocol::Spnego.content_type(1), &body)?, [part]);
/// # Ok::<(), wsman::DecodeError>(())
/// ```
#[must_use]
pub fn encode(protocol: Protocol, parts: &[SealedPart]) -> Vec<u8> {
    let size: usize = parts.iter().map(|part| part.data.len() + OVERHEAD).sum();
    let mut body = Vec::with_capacity(size);
    for part in parts {
        let head = format!(
            "--{BOUNDARY}\r\n\tContent-Type: {}\r\n\tOriginalContent: type={ORIGINAL};Length={}\r\n\
             --{BOUNDARY}\r\n\tContent-Type: application/octet-stream\r\n",
            protocol.media_type(),
            part.length,
        );
        body.extend_from_slice(head.as_bytes());
        let signature_length = u32::try_from(part.signature.len()).unwrap_or(u32::MAX);
        body.extend_from_slice(&signature_length.to_le_bytes());
        body.extend_from_slice(&part.signature);
        body.extend_from_slice(&part.data);
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// Tells whether a content type announces a sealed message.
#[must_use]
pub fn is_sealed(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    ["multipart/encrypted", "multipart/x-multi-encrypted"]
        .iter()
        .any(|sealed| media_type.eq_ignore_ascii_case(sealed))
}

/// Reads the body of a sealed message; there is at least one part.
///
/// # Errors
///
/// [`DecodeError::Framing`] when a delimiter or header is missing, [`DecodeError::SealedLength`] when there are fewer
/// bytes than declared, [`DecodeError::Limit`] when there are more than 1024 parts.
pub fn decode(content_type: &str, body: &[u8]) -> Result<Vec<SealedPart>, DecodeError> {
    let bytes = |range: Range<usize>| body.get(range).unwrap_or_default().to_vec();
    let parts = locate(content_type, body)?.into_iter();
    let copy = |Located { length, signature, data }| SealedPart {
        length,
        signature: bytes(signature),
        data: bytes(data),
    };
    Ok(parts.map(copy).collect())
}

/// Where a sealed piece stands in a body.
pub(crate) struct Located {
    /// The length that the header declares.
    pub(crate) length: usize,
    pub(crate) signature: Range<usize>,
    /// Begins where the signature ends.
    pub(crate) data: Range<usize>,
}

/// Finds the pieces of a sealed message as [`decode`] does, without copying them.
pub(crate) fn locate(content_type: &str, body: &[u8]) -> Result<Vec<Located>, DecodeError> {
    let boundary = parameter(content_type, "boundary").unwrap_or(BOUNDARY);
    let mut parts = Vec::new();
    let mut input = Cursor { whole: body.len(), rest: body, boundary: boundary.as_bytes() };
    input.skip_line_ends();
    loop {
        match input.delimiter() {
            Some(Delimiter::Separator) if parts.len() >= MOST_PARTS => {
                return Err(DecodeError::Limit { what: "sealed parts", limit: MOST_PARTS });
            }
            Some(Delimiter::Separator) => parts.push(input.part()?),
            Some(Delimiter::End) if !parts.is_empty() => return Ok(parts),
            _ => return Err(DecodeError::Framing { expected: "a delimiter" }),
        }
    }
}

#[derive(Clone, Copy)]
enum Delimiter {
    Separator,
    End,
}

struct Cursor<'a> {
    whole: usize,
    rest: &'a [u8],
    boundary: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Takes a delimiter with its line end.
    fn delimiter(&mut self) -> Option<Delimiter> {
        let rest = self.at_delimiter(self.rest)?;
        let (kind, rest) = match rest.strip_prefix(b"--") {
            Some(rest) => (Delimiter::End, rest),
            None => (Delimiter::Separator, rest),
        };
        self.rest = rest.trim_ascii_start();
        Some(kind)
    }

    /// Returns what follows the dashes and the boundary at the beginning of `bytes`.
    fn at_delimiter<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let mut rest = bytes.strip_prefix(b"--")?;
        while let Some(after) = rest.strip_prefix(b" ") {
            rest = after;
        }
        rest.strip_prefix(self.boundary)
    }

    /// Takes the header of a piece, the delimiter after it, and the piece.
    fn part(&mut self) -> Result<Located, DecodeError> {
        let mut length = None;
        while self.at_delimiter(self.rest).is_none() {
            let (name, value) = self.header()?;
            if name.eq_ignore_ascii_case("OriginalContent") {
                length = parameter(&value, "Length").and_then(|text| text.parse().ok());
            }
        }
        let length = length.ok_or(DecodeError::Framing { expected: "OriginalContent" })?;
        self.delimiter();
        self.octets()?;
        self.sealed(length)
    }

    /// Takes headers up to the one that ends the second half of a part's headers.
    fn octets(&mut self) -> Result<(), DecodeError> {
        loop {
            let (name, value) = self.header()?;
            let is_octets = value.to_ascii_lowercase().starts_with("application/octet-stream");
            if name.eq_ignore_ascii_case("Content-Type") && is_octets {
                return Ok(());
            }
        }
    }

    fn header(&mut self) -> Result<(String, String), DecodeError> {
        let missing = DecodeError::Framing { expected: "a header" };
        let Some(end) = self.rest.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n') else {
            return Err(missing);
        };
        let (line, rest) = self.rest.split_at_checked(end + 1).unwrap_or((self.rest, &[]));
        self.rest = rest;
        let line = String::from_utf8_lossy(line);
        let (name, value) = line.split_once(':').ok_or(missing)?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    }

    /// Takes the length of the signature, the signature, and at least `length` bytes up to a delimiter.
    fn sealed(&mut self, length: usize) -> Result<Located, DecodeError> {
        let too_short = DecodeError::Framing { expected: "a signature" };
        let Some((size, rest)) = self.rest.split_first_chunk() else { return Err(too_short) };
        let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
        let at = self.whole - rest.len();
        let Some((signature, rest)) = rest.split_at_checked(size) else { return Err(too_short) };
        let signature = at..at + signature.len();
        let got = rest.len();
        let after = rest.get(length..);
        let after = after.ok_or(DecodeError::SealedLength { declared: length, got })?;
        let extra = self
            .find_delimiter(after)
            .ok_or(DecodeError::Framing { expected: "a closing delimiter" })?;
        let (data, rest) = rest.split_at_checked(length + extra).unwrap_or((rest, &[]));
        self.rest = rest;
        let data = signature.end..signature.end + data.len();
        Ok(Located { length, signature, data })
    }

    fn find_delimiter(&self, bytes: &[u8]) -> Option<usize> {
        (0..bytes.len())
            .find(|&start| bytes.get(start..).is_some_and(|rest| self.at_delimiter(rest).is_some()))
    }

    fn skip_line_ends(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }
}

/// With CredSSP a part holds 16 KiB, so these hold more than any server sends at once.
const MOST_PARTS: usize = 1024;
/// A header line of a sealed message is never longer.
const LONGEST_LINE: usize = 1024;

/// Finds a parameter of a header's value, with or without quotes; names are compared without case.
pub(crate) fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split(';').find_map(|parameter| {
        let (own, value) = parameter.split_once('=')?;
        own.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop};

    use super::*;

    fn part(signature: &[u8], data: &[u8]) -> SealedPart {
        SealedPart { length: data.len(), signature: signature.to_vec(), data: data.to_vec() }
    }

    #[test]
    fn exchange_puts_a_blank_after_the_dashes() {
        let parts = [part(&[1; 16], b"--Encrypted Boundary--\r\n"), part(&[2; 4], b"")];
        let body = encode(Protocol::CredSsp, &parts);
        let spaced: Vec<u8> = String::from_utf8(body)
            .unwrap()
            .replace("--Encrypted Boundary\r\n", "-- Encrypted Boundary\r\n")
            .replace("\tContent-Type", "content-type")
            .into_bytes();
        let content_type = "Multipart/Encrypted; boundary=Encrypted Boundary; protocol=x";
        assert!(is_sealed(content_type));
        assert_eq!(decode(content_type, &spaced).unwrap(), parts);
    }

    #[test]
    fn cipher_text_longer_than_declared_goes_up_to_the_delimiter() {
        let sealed = SealedPart { length: 2, signature: vec![9], data: b"abc--d".to_vec() };
        let body = encode(Protocol::Kerberos, std::slice::from_ref(&sealed));
        assert_eq!(decode(&Protocol::Kerberos.content_type(1), &body).unwrap(), [sealed]);
    }

    #[test]
    fn a_cut_body_is_refused_wherever_it_is_cut() {
        let body = encode(Protocol::Spnego, &[part(&[1; 16], b"hello")]);
        let content_type = Protocol::Spnego.content_type(1);
        for end in 0..body.len() - 4 {
            assert!(decode(&content_type, &body[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn parts_without_end_are_refused() {
        let body = encode(Protocol::CredSsp, &vec![part(&[1; 16], b""); 1025]);
        let error = decode(&Protocol::CredSsp.content_type(2), &body).unwrap_err();
        assert!(matches!(error, DecodeError::Limit { limit: 1024, .. }), "{error}");
    }

    #[test]
    fn a_declared_length_beyond_the_body_is_refused() {
        let sealed = SealedPart { length: 500, ..part(&[1; 16], b"hello") };
        let body = encode(Protocol::Spnego, &[sealed]);
        let error = decode(&Protocol::Spnego.content_type(1), &body).unwrap_err();
        assert!(matches!(error, DecodeError::SealedLength { declared: 500, .. }), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn decoding_undoes_encoding(
            parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..70), prop::collection::vec(any::<u8>(), 0..200)), 1..4),
        ) {
            let parts: Vec<SealedPart> = parts.iter().map(|(signature, data)| part(signature, data)).collect();
            let body = encode(Protocol::Spnego, &parts);
            proptest::prop_assert!(body.len() <= parts.iter().map(|part| part.data.len() + OVERHEAD).sum());
            proptest::prop_assert_eq!(decode(&Protocol::Spnego.content_type(parts.len()), &body).unwrap(), parts);
        }

        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut framed = b"--Encrypted Boundary\r\n\tOriginalContent: Length=3\r\n--Encrypted Boundary\r\n".to_vec();
            framed.extend_from_slice(&body);
            let _ = decode("", &framed);
            let _ = decode("", &body);
        }
    }
}
