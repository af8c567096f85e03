//! The elements that hold a primitive, and the forms of their text.
//!
//! Spec: [MS-PSRP] 2.2.5.1 Serialization of Primitive Type Objects. What surprised: numbers may have blanks around them
//! and strings must keep theirs; secure strings in files may be hexadecimal digits of another encryption.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/

use std::borrow::Cow;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use crate::escape::Escaped;
use crate::number;
use crate::value::Value;

/// An element that holds a primitive.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum PrimitiveTag {
    /// `Nil`, null.
    Nil,
    /// `S`, a string.
    String,
    /// `C`, a UTF-16 code unit.
    Char,
    /// `B`, a Boolean.
    Bool,
    /// `DT`, a date and time.
    DateTime,
    /// `TS`, a duration.
    TimeSpan,
    /// `By`, an unsigned 8-bit integer.
    U8,
    /// `SB`, a signed 8-bit integer.
    I8,
    /// `U16`, an unsigned 16-bit integer.
    U16,
    /// `I16`, a signed 16-bit integer.
    I16,
    /// `U32`, an unsigned 32-bit integer.
    U32,
    /// `I32`, a signed 32-bit integer.
    I32,
    /// `U64`, an unsigned 64-bit integer.
    U64,
    /// `I64`, a signed 64-bit integer.
    I64,
    /// `Sg`, a 32-bit floating-point number.
    F32,
    /// `Db`, a 64-bit floating-point number.
    F64,
    /// `D`, a decimal number.
    Decimal,
    /// `BA`, bytes.
    Bytes,
    /// `G`, a GUID.
    Guid,
    /// `URI`, a URI.
    Uri,
    /// `Version`, a version.
    Version,
    /// `XD`, an XML document.
    Xml,
    /// `SBK`, a script block.
    ScriptBlock,
    /// `SS`, a secure string.
    SecureString,
}

impl PrimitiveTag {
    /// Gives the element's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nil => "Nil",
            Self::String => "S",
            Self::Char => "C",
            Self::Bool => "B",
            Self::DateTime => "DT",
            Self::TimeSpan => "TS",
            Self::U8 => "By",
            Self::I8 => "SB",
            Self::U16 => "U16",
            Self::I16 => "I16",
            Self::U32 => "U32",
            Self::I32 => "I32",
            Self::U64 => "U64",
            Self::I64 => "I64",
            Self::F32 => "Sg",
            Self::F64 => "Db",
            Self::Decimal => "D",
            Self::Bytes => "BA",
            Self::Guid => "G",
            Self::Uri => "URI",
            Self::Version => "Version",
            Self::Xml => "XD",
            Self::ScriptBlock => "SBK",
            Self::SecureString => "SS",
        }
    }

    /// Finds the tag by the element's name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.as_bytes() {
            b"Nil" => Self::Nil,
            b"S" => Self::String,
            b"C" => Self::Char,
            b"B" => Self::Bool,
            b"DT" => Self::DateTime,
            b"TS" => Self::TimeSpan,
            b"By" => Self::U8,
            b"SB" => Self::I8,
            b"U16" => Self::U16,
            b"I16" => Self::I16,
            b"U32" => Self::U32,
            b"I32" => Self::I32,
            b"U64" => Self::U64,
            b"I64" => Self::I64,
            b"Sg" => Self::F32,
            b"Db" => Self::F64,
            b"D" => Self::Decimal,
            b"BA" => Self::Bytes,
            b"G" => Self::Guid,
            b"URI" => Self::Uri,
            b"Version" => Self::Version,
            b"XD" => Self::Xml,
            b"SBK" => Self::ScriptBlock,
            b"SS" => Self::SecureString,
            _ => return None,
        })
    }

    /// Finds the tag that `bytes` begin with, in the order of the document from the lowest byte, and its length. `None` also
    /// for the one tag of more than five letters.
    #[inline]
    pub(crate) fn at_start(bytes: u64) -> Option<(Self, usize)> {
        let length = [1, 2, 3]
            .into_iter()
            .find(|length| matches!((bytes >> (8 * length)) & 0xFF, 0x20 | 0x2F | 0x3E))?;
        let letters = bytes & ((1 << (8 * length)) - 1);
        let (tag, known) = *BY_LETTERS.get(place(letters))?;
        if known == letters { Some((tag, length)) } else { None }
    }

    /// Whether the text is a string with the engine's escapes in it.
    #[must_use]
    pub const fn is_escaped(self) -> bool {
        matches!(self, Self::String | Self::Uri | Self::Xml | Self::ScriptBlock)
    }

    /// Reads the text as it stands in the document; `None` when it is not in the type's form.
    #[must_use]
    pub fn parse(self, text: Cow<'_, str>) -> Option<Value> {
        Some(match self {
            Self::Nil => Value::Nil,
            Self::String => Value::String(Escaped::new(text).into_text()),
            Self::Uri => Value::Uri(Escaped::new(text).into_text()),
            Self::Xml => Value::Xml(Escaped::new(text).into_text()),
            Self::ScriptBlock => Value::ScriptBlock(Escaped::new(text).into_text()),
            Self::Char => Value::Char(parse(&text)?),
            Self::Bool => Value::Bool(parse_bool(&text)?),
            Self::DateTime => Value::DateTime(parse(&text)?),
            Self::TimeSpan => Value::TimeSpan(parse(&text)?),
            Self::U8 => Value::U8(parse(&text)?),
            Self::I8 => Value::I8(parse(&text)?),
            Self::U16 => Value::U16(parse(&text)?),
            Self::I16 => Value::I16(parse(&text)?),
            Self::U32 => Value::U32(parse(&text)?),
            Self::I32 => Value::I32(parse(&text)?),
            Self::U64 => Value::U64(parse(&text)?),
            Self::I64 => Value::I64(parse(&text)?),
            Self::F32 => Value::F32(number::parse_f32(&text)?),
            Self::F64 => Value::F64(number::parse_f64(&text)?),
            Self::Decimal => Value::Decimal(parse(&text)?),
            Self::Bytes => Value::Bytes(parse_base64(&text)?),
            Self::Guid => Value::Guid(Uuid::try_parse(text.trim()).ok()?),
            // .NET has no empty version, but some writer may: it is not worth the whole object.
            Self::Version if text.is_empty() => {
                Value::Unknown { tag: self.as_str().to_owned(), text: String::new() }
            }
            Self::Version => Value::Version(parse(&text)?),
            Self::SecureString => match parse_base64(&text) {
                Some(bytes) => Value::SecureString(bytes),
                // Windows files hold hexadecimal digits here, of which not every number is base64.
                None => Value::Unknown { tag: self.as_str().to_owned(), text: text.into_owned() },
            },
        })
    }
}

/// The tags of at most three letters, with those as a number, in the places that [`place`] gives them.
const BY_LETTERS: [(PrimitiveTag, u64); 64] = {
    use PrimitiveTag as Tag;
    const TAGS: [PrimitiveTag; 23] = [
        Tag::Nil,
        Tag::String,
        Tag::Char,
        Tag::Bool,
        Tag::DateTime,
        Tag::TimeSpan,
        Tag::U8,
        Tag::I8,
        Tag::U16,
        Tag::I16,
        Tag::U32,
        Tag::I32,
        Tag::U64,
        Tag::I64,
        Tag::F32,
        Tag::F64,
        Tag::Decimal,
        Tag::Bytes,
        Tag::Guid,
        Tag::Uri,
        Tag::Xml,
        Tag::ScriptBlock,
        Tag::SecureString,
    ];
    let mut table = [(Tag::Nil, 0); 64];
    let mut rest: &[PrimitiveTag] = &TAGS;
    while let Some((tag, others)) = rest.split_first() {
        let letters = letters(tag.as_str().as_bytes());
        let place = place(letters);
        #[expect(
            clippy::indexing_slicing,
            reason = "the compiler evaluates this, and a bad place stops it"
        )]
        let known = &mut table[place];
        assert!(known.1 == 0, "two tags have the same place");
        *known = (*tag, letters);
        rest = others;
    }
    table
};

const fn letters(name: &[u8]) -> u64 {
    let mut letters = 0;
    let mut rest = name;
    while let Some((last, before)) = rest.split_last() {
        letters = letters << 8 | *last as u64;
        rest = before;
    }
    letters
}

/// Gives each tag a place of its own; the factor was searched for.
#[inline]
const fn place(letters: u64) -> usize {
    (letters.wrapping_mul(0x91B7_584A_2265_B1F5) >> 58) as usize
}

/// The engine writes `true` and `false`; other writers use .NET's `True` and `False`.
fn parse_bool(text: &str) -> Option<bool> {
    match text.trim() {
        "true" | "1" | "True" => Some(true),
        "false" | "0" | "False" => Some(false),
        _ => None,
    }
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.trim().parse().ok()
}

pub(crate) fn parse_base64(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return STANDARD.decode(text).ok();
    }
    let dense: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(dense).ok()
}

pub(crate) fn format_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::PrimitiveTag;
    use crate::value::Value;

    #[track_caller]
    fn check(tag: &str, text: &str, expected: Option<Value>) {
        assert_eq!(PrimitiveTag::from_name(tag).unwrap().parse(text.into()), expected);
    }

    #[test]
    fn known_answers() {
        check("S", "", Some("".into()));
        check("S", "  a  ", Some("  a  ".into()));
        check("C", "97", Some(Value::Char(97)));
        check("C", "55357", Some(Value::Char(0xD83D)));
        check("B", "true", Some(true.into()));
        check("B", "0", Some(false.into()));
        check("By", "255", Some(Value::U8(255)));
        check("SB", "-128", Some(Value::I8(-128)));
        check("U16", "65535", Some(Value::U16(65535)));
        check("I16", "-32768", Some(Value::I16(-32768)));
        check("U32", "4294967295", Some(Value::U32(u32::MAX)));
        check("I32", " -2147483648\n", Some(Value::I32(i32::MIN)));
        check("U64", "18446744073709551615", Some(Value::U64(u64::MAX)));
        check("I64", "-9223372036854775808", Some(Value::I64(i64::MIN)));
        check("Sg", "3.4028235E+38", Some(Value::F32(f32::MAX)));
        check("Db", "INF", Some(Value::F64(f64::INFINITY)));
        check("D", "1.50", Some(Value::Decimal("1.50".parse().unwrap())));
        check("BA", "AQID", Some(Value::Bytes(vec![1, 2, 3])));
        check("BA", " AQ\r\nID ", Some(Value::Bytes(vec![1, 2, 3])));
        check("BA", "", Some(Value::Bytes(vec![])));
        check("URI", "http://a/_x0041_", Some(Value::Uri("http://a/A".into())));
        check("Version", "1.2.3.4", Some(Value::Version("1.2.3.4".parse().unwrap())));
        check("XD", "<a/>", Some(Value::Xml("<a/>".into())));
        check("SBK", "1+1", Some(Value::ScriptBlock("1+1".into())));
        check("SS", "AQID", Some(Value::SecureString(vec![1, 2, 3])));
        check("Nil", "", Some(Value::Nil));
    }

    #[test]
    fn what_is_not_in_the_form_is_refused() {
        check("I32", "99999999999", None);
        check("I32", "", None);
        check("I32", "1,000", None);
        check("B", "yes", None);
        check("C", "a", None);
        check("G", "x", None);
        check("BA", "A", None);
        check("Db", "nan", None);
    }

    #[test]
    fn a_secure_string_that_is_no_base64_is_kept_as_text() {
        check(
            "SS",
            "010000d08c",
            Some(Value::Unknown { tag: "SS".into(), text: "010000d08c".into() }),
        );
    }
}
