//! The engine's own escaping of strings, `_xHHHH_`, and XML's on top of it.
//!
//! Spec: [MS-PSRP] 2.2.5.3.2 Encoding Strings. What surprised: the units are UTF-16, so a character beyond the BMP
//! is two escapes; an underscore is escaped before an upper-case `X` too; what decoding yields is not looked at again.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/

use std::borrow::Cow;

use memchr::memchr;

use crate::text::Text;

/// Text as it stands in a document, with `_xHHHH_` escapes still in it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Escaped<'a>(Cow<'a, str>);

impl<'a> Escaped<'a> {
    pub(crate) fn new(raw: Cow<'a, str>) -> Self {
        Self(raw)
    }

    /// Gives the text as it stands in the document, XML's own references resolved.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// Undoes the escapes.
    #[must_use]
    pub fn decode(&self) -> Text {
        match unescape(&self.0) {
            Some(text) => text,
            None => Text::from(&*self.0),
        }
    }

    /// Undoes the escapes, without a copy where there are none; lone surrogates become U+FFFD.
    #[must_use]
    pub fn decode_lossy(&self) -> Cow<'_, str> {
        lossy(&self.0)
    }

    /// Undoes the escapes, borrowing from the document where there are none; lone surrogates become U+FFFD.
    pub(crate) fn into_lossy(self) -> Cow<'a, str> {
        match unescape(&self.0) {
            Some(text) => Cow::Owned(text.into_string_lossy()),
            None => self.0,
        }
    }

    /// Undoes the escapes, keeping the buffer where there are none.
    #[must_use]
    pub fn into_text(self) -> Text {
        match unescape(&self.0) {
            Some(text) => text,
            None => Text::from(self.0),
        }
    }
}

/// Undoes the escapes in `text`, borrowing where there are none; lone surrogates become U+FFFD.
pub(crate) fn lossy(text: &str) -> Cow<'_, str> {
    match unescape(text) {
        Some(text) => Cow::Owned(text.into_string_lossy()),
        None => Cow::Borrowed(text),
    }
}

/// Undoes the escapes in `text`; `None` when there are none.
fn unescape(text: &str) -> Option<Text> {
    let first = next_escape(text)?;
    // Most escapes are control characters, which UTF-8 holds; code units are collected only for surrogates.
    unescape_utf8(text, first).or_else(|| Some(unescape_utf16(text, first)))
}

#[derive(Clone, Copy)]
struct Escape<'a> {
    before: &'a str,
    value: Unescaped,
    after: &'a str,
}

#[derive(Clone, Copy)]
enum Unescaped {
    Unit(u16),
    /// The form with eight digits names a character at once.
    Character(char),
}

fn unescape_utf8(text: &str, first: Escape<'_>) -> Option<Text> {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    let mut high = None;
    let mut next = Some(first);
    while let Some(escape) = next {
        if high.is_some() && !escape.before.is_empty() {
            return None;
        }
        decoded.push_str(escape.before);
        match (high.take(), escape.value) {
            (None, Unescaped::Character(character)) => decoded.push(character),
            (None, Unescaped::Unit(unit @ 0xD800..=0xDBFF)) => high = Some(unit),
            (None, Unescaped::Unit(unit)) => decoded.push(char::from_u32(u32::from(unit))?),
            (Some(high), Unescaped::Unit(low)) => decoded.push(join(high, low)?),
            (Some(_), Unescaped::Character(_)) => return None,
        }
        rest = escape.after;
        next = next_escape(rest);
    }
    decoded.push_str(rest);
    if high.is_some() { None } else { Some(Text::from(decoded)) }
}

fn join(high: u16, low: u16) -> Option<char> {
    char::decode_utf16([high, low]).next()?.ok()
}

fn unescape_utf16(text: &str, first: Escape<'_>) -> Text {
    let mut units = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut next = Some(first);
    while let Some(escape) = next {
        units.extend(escape.before.encode_utf16());
        match escape.value {
            Unescaped::Unit(unit) => units.push(unit),
            Unescaped::Character(character) => {
                units.extend(character.encode_utf16(&mut [0; 2]).iter())
            }
        }
        rest = escape.after;
        next = next_escape(rest);
    }
    units.extend(rest.encode_utf16());
    Text::from_utf16(&units)
}

fn next_escape(text: &str) -> Option<Escape<'_>> {
    let mut from = 0;
    loop {
        let underscore = from + memchr(b'_', text.as_bytes().get(from..)?)?;
        let (before, candidate) = text.split_at_checked(underscore)?;
        if let Some((value, after)) = parse_escape(candidate) {
            return Some(Escape { before, value, after });
        }
        from = underscore + 1;
    }
}

/// Reads an escape at the start of `text`, with four digits or with eight.
fn parse_escape(text: &str) -> Option<(Unescaped, &str)> {
    let digits = text.strip_prefix("_x").or_else(|| text.strip_prefix("_X"))?;
    let count = digits.bytes().take(9).take_while(u8::is_ascii_hexdigit).count();
    let (number, rest) = digits.split_at_checked(count)?;
    let after = rest.strip_prefix('_')?;
    let number = u32::from_str_radix(number, 16).ok()?;
    let value = match count {
        4 => Unescaped::Unit(u16::try_from(number).ok()?),
        8 => match u16::try_from(number) {
            Ok(unit) => Unescaped::Unit(unit),
            Err(_) => Unescaped::Character(char::from_u32(number)?),
        },
        _ => return None,
    };
    Some((value, after))
}

/// Appends `text` escaped both ways, for an element or, as quotation marks are escaped too, an attribute.
pub(crate) fn push_escaped(out: &mut String, text: &Text) {
    match text.as_str() {
        Some(text) => push_escaped_str(out, text),
        None => push_escaped_units(out, &text.to_utf16()),
    }
}

fn push_escaped_str(out: &mut String, text: &str) {
    let mut plain = 0;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        // Bytes that begin nothing special: most of every text.
        if !matches!(byte, 0..=0x1F | b'&' | b'<' | b'>' | b'"' | b'_' | 0x7F | 0xC2 | 0xEF | 0xF0..)
        {
            continue;
        }
        let Some(rest) = text.get(at..) else { continue };
        let mut characters = rest.chars();
        let Some(character) = characters.next() else { continue };
        let next = characters.next();
        if needs_escape(character, next) {
            out.push_str(text.get(plain..at).unwrap_or_default());
            push_character(out, character, next);
            plain = at + character.len_utf8();
        }
    }
    out.push_str(text.get(plain..).unwrap_or_default());
}

fn push_escaped_units(out: &mut String, units: &[u16]) {
    let mut decoded = char::decode_utf16(units.iter().copied()).peekable();
    while let Some(character) = decoded.next() {
        let next = decoded.peek().and_then(|next| next.as_ref().ok().copied());
        match character {
            Ok(character) => push_character(out, character, next),
            Err(error) => push_unit(out, error.unpaired_surrogate()),
        }
    }
}

fn needs_escape(character: char, next: Option<char>) -> bool {
    match character {
        '\0'..='\x1F' | '\x7F'..='\u{9F}' | '&' | '<' | '>' | '"' => true,
        '\u{FFFE}' | '\u{FFFF}' | '\u{10000}'.. => true,
        '_' => matches!(next, Some('x' | 'X')),
        _ => false,
    }
}

fn push_character(out: &mut String, character: char, next: Option<char>) {
    match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        // XML forbids the two as characters; the engine writes them as references, and reads those.
        '\u{FFFE}' => out.push_str("&#xFFFE;"),
        '\u{FFFF}' => out.push_str("&#xFFFF;"),
        _ if needs_escape(character, next) => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                push_unit(out, *unit);
            }
        }
        _ => out.push(character),
    }
}

fn push_unit(out: &mut String, unit: u16) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push_str("_x");
    for shift in [12, 8, 4, 0] {
        let digit = DIGITS.get(usize::from(unit >> shift & 0xF)).copied().unwrap_or(b'0');
        out.push(char::from(digit));
    }
    out.push('_');
}

#[cfg(test)]
mod tests {
    use super::{Escaped, push_escaped};
    use crate::text::Text;

    #[track_caller]
    fn check(units: &[u16], escaped: &str) {
        let text = Text::from_utf16(units);
        let mut out = String::new();
        push_escaped(&mut out, &text);
        assert_eq!(out, escaped);
        assert_eq!(Escaped::new(escaped.into()).decode(), text);
    }

    #[track_caller]
    fn check_str(text: &str, escaped: &str) {
        check(&text.encode_utf16().collect::<Vec<_>>(), escaped);
    }

    #[track_caller]
    fn check_decode(escaped: &str, text: &str) {
        assert_eq!(Escaped::new(escaped.into()).decode(), text);
        assert_eq!(Escaped::new(escaped.into()).decode_lossy(), text);
        assert_eq!(Escaped::new(escaped.into()).into_text(), text);
    }

    #[test]
    fn known_answers() {
        check_str("", "");
        check_str("\t\r\n", "_x0009__x000D__x000A_");
        check_str("a_b", "a_b");
        check_str("_x", "_x005F_x");
        check_str("_X", "_x005F_X");
        check_str("_x000D_", "_x005F_x000D_");
        check_str("__x", "__x005F_x");
        check_str("\u{1F600}", "_xD83D__xDE00_");
        check_str("\u{7F}\u{80}\u{9F}\u{A0}", "_x007F__x0080__x009F_\u{A0}");
        check_str("Grüße €", "Grüße €");
        check(&[0x78, 0xD83D, 0x79], "x_xD83D_y");
        check(&[0xDE00, 0xD83D], "_xDE00__xD83D_");
        check(&[0xD83D, 0x5F, 0x78], "_xD83D__x005F_x");
    }

    #[test]
    fn decoding_takes_either_case_and_eight_digits() {
        check_decode("_X00e9_", "é");
        check_decode("_x0001F600_", "\u{1F600}");
        check_decode("_x0000000a_", "\n");
    }

    #[test]
    fn what_decoding_yields_is_not_decoded_again() {
        check_decode("_x005F_x0041_", "_x0041_");
        check_decode("_x005F__x0041_", "_A");
    }

    #[test]
    fn anything_else_is_literal() {
        for text in
            ["_x", "_x41_", "_x00G1_", "_x0041", "_x00041_", "_x00110000_", "__x004_", "_é_x"]
        {
            check_decode(text, text);
        }
    }

    #[test]
    fn xml_is_escaped_on_top() {
        let mut out = String::new();
        push_escaped(&mut out, &"<&>\"'\u{FFFE}".into());
        assert_eq!(out, "&lt;&amp;&gt;&quot;'&#xFFFE;");
    }
}
