//! What bytes mean to the scanner: a text is judged while its end is searched for.

use memchr::memchr;

/// A byte of an element's or attribute's name. Beyond ASCII every character counts as a letter.
pub(crate) const NAME: u8 = 1;
/// A byte that a text cannot be taken over with as it stands: `&`, `]`, and control characters but for tab and line feed.
pub(crate) const TEXT: u8 = 2;
/// A byte that an attribute cannot be taken over with as it stands: `&`, `<` and all control characters.
pub(crate) const ATTRIBUTE: u8 = 4;
/// The byte between a prefix and a name.
pub(crate) const COLON: u8 = 16;
/// An underscore, with which the engine's escapes begin.
pub(crate) const UNDERSCORE: u8 = 32;
const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 256")]
        let class = class(byte as u8);
        #[expect(clippy::indexing_slicing, reason = "the table has 256 entries")]
        {
            classes[byte] = class;
        }
        byte += 1;
    }
    classes
}

const fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | 0x80.. => NAME,
        b':' => NAME | COLON,
        _ => 0,
    }
}

#[inline]
pub(crate) fn of(byte: u8) -> u8 {
    // The table has an entry for every byte, so that the compiler drops the check.
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

/// How many bytes are looked at together. Branches that depend on lengths are what costs most with texts of a few bytes, so
/// the whole of this many bytes is judged without any; compilers make vector instructions of it.
const SHORT: usize = 32;

/// Finds the first byte that `ends`, and whether there is an underscore before it; the length is 32 when there is no end.
#[inline]
fn first_end(bytes: &[u8; SHORT], ends: impl Fn(u8) -> bool) -> (usize, u8) {
    let (end, underscore) =
        bytes.iter().zip(0u8..).fold((32u8, 32u8), |(end, underscore), (byte, at)| {
            let or_none = |found: bool| if found { at } else { 32 };
            (end.min(or_none(ends(*byte))), underscore.min(or_none(*byte == b'_')))
        });
    (usize::from(end), if underscore < end { UNDERSCORE } else { 0 })
}

#[inline]
fn is_special_in_text(byte: u8) -> bool {
    (byte < b' ') & (byte != b'\t') & (byte != b'\n') | (byte == b'&') | (byte == b']')
}

#[inline]
fn is_special_in_attribute(byte: u8) -> bool {
    (byte < b' ') | (byte == b'&') | (byte == b'<')
}

/// Finds the length of the text that `bytes` begin with, up to `<` or the end, and the classes in it. A long one counts as
/// having an underscore.
#[inline]
pub(crate) fn text(bytes: &[u8]) -> (usize, u8) {
    if let Some(first) = bytes.first_chunk() {
        let (length, classes) = first_end(first, |byte| (byte == b'<') | is_special_in_text(byte));
        if bytes.get(length) == Some(&b'<') {
            return (length, classes);
        }
    }
    let length = memchr(b'<', bytes).unwrap_or(bytes.len());
    let special = any(bytes.get(..length).unwrap_or_default(), is_special_in_text);
    (length, UNDERSCORE | if special { TEXT } else { 0 })
}

/// Finds the length of the attribute value that `bytes` begin with, up to `quote`, and the classes in it. A long one counts
/// as having an underscore.
#[inline]
pub(crate) fn attribute(bytes: &[u8], quote: u8) -> Option<(usize, u8)> {
    if let Some(first) = bytes.first_chunk() {
        let (length, classes) =
            first_end(first, |byte| (byte == quote) | is_special_in_attribute(byte));
        if bytes.get(length) == Some(&quote) {
            return Some((length, classes));
        }
    }
    let length = memchr(quote, bytes)?;
    let special = any(bytes.get(..length).unwrap_or_default(), is_special_in_attribute);
    Some((length, UNDERSCORE | if special { ATTRIBUTE } else { 0 }))
}

/// Finds the length of the digits that `bytes` begin with, when there are up to eight.
#[inline]
pub(crate) fn digits(bytes: &[u8]) -> Option<usize> {
    bytes.iter().take(9).position(|byte| !byte.is_ascii_digit())
}

/// Looks at every byte without leaving early, for the same reason.
fn any(bytes: &[u8], is_special: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |found, byte| found | is_special(*byte))
}

/// Finds the length of the name that `bytes` begin with, and the classes in it.
#[inline]
pub(crate) fn name(bytes: &[u8]) -> (usize, u8) {
    let mut classes = 0;
    for (length, byte) in bytes.iter().enumerate() {
        let class = of(*byte);
        if class & NAME == 0 {
            return (length, classes);
        }
        classes |= class;
    }
    (bytes.len(), classes)
}

#[cfg(test)]
mod tests {
    use super::{ATTRIBUTE, NAME, TEXT, attribute, text};

    #[test]
    fn texts_are_judged_alike_whether_short_or_long() {
        for filler in ["", "x", &"x".repeat(31), &"x".repeat(32), &"x".repeat(200)] {
            for (special, expected) in
                [("", 0), ("\t\n", 0), ("&", TEXT), ("]", TEXT), ("\r", TEXT), ("\u{1}", TEXT)]
            {
                for text_ in [format!("{filler}{special}"), format!("{special}{filler}")] {
                    let (length, classes) = text(format!("{text_}</S>").as_bytes());
                    assert_eq!((length, classes & TEXT), (text_.len(), expected), "{text_:?}");
                    assert_eq!(text(text_.as_bytes()).0, text_.len());
                }
            }
        }
    }

    #[test]
    fn attributes_are_judged_alike_whether_short_or_long() {
        for filler in ["", "x", &"x".repeat(31), &"x".repeat(32), &"x".repeat(200)] {
            for (special, expected) in
                [("", 0), ("'", 0), ("]", 0), ("&", ATTRIBUTE), ("<", ATTRIBUTE), ("\t", ATTRIBUTE)]
            {
                let value = format!("{filler}{special}");
                let (length, classes) = attribute(format!("{value}\">").as_bytes(), b'"').unwrap();
                assert_eq!((length, classes & ATTRIBUTE), (value.len(), expected), "{value:?}");
                assert_eq!(attribute(value.as_bytes(), b'"'), None);
            }
        }
    }

    #[test]
    fn names_have_letters_of_every_script() {
        assert!("aZ0_:-.é".bytes().all(|byte| super::of(byte) & NAME != 0));
        assert!(" <>/='\"&".bytes().all(|byte| super::of(byte) & NAME == 0));
    }
}
