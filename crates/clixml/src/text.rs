//! Text as .NET holds it.
//!
//! Spec: [MS-PSRP] 2.2.5.1.1 String.
//!
//! A .NET string is a sequence of UTF-16 code units that need not be well paired, and the engine's escaping carries
//! lone surrogates unharmed. [`Text`] therefore keeps UTF-8 wherever possible and code units where it must.

use std::borrow::Cow;
use std::fmt;

use compact_str::CompactString;

/// A string of UTF-16 code units, lone surrogates included.
///
/// Nearly every text is well-formed and is kept as UTF-8; [`Text::as_str`] then gives it without a copy. Up to 24 bytes
/// stand in the value itself, which spares most names and values of a mailbox an allocation.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Text(Repr);

#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Repr {
    Utf8(CompactString),
    /// INVARIANT: holds at least one lone surrogate, so that equal texts have equal representations.
    Wide(Box<[u16]>),
}

impl Text {
    /// Makes a text of UTF-16 code units, of which any may be a lone surrogate.
    #[must_use]
    pub fn from_utf16(units: &[u16]) -> Self {
        match String::from_utf16(units) {
            Ok(text) => Self(Repr::Utf8(text.into())),
            Err(_) => Self(Repr::Wide(units.into())),
        }
    }

    /// Gives the text when it is well-formed, and `None` when it holds a lone surrogate.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Repr::Utf8(text) => Some(text),
            Repr::Wide(_) => None,
        }
    }

    /// Gives the text with each lone surrogate replaced by U+FFFD.
    #[must_use]
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Utf8(text) => Cow::Borrowed(text),
            Repr::Wide(units) => Cow::Owned(String::from_utf16_lossy(units)),
        }
    }

    /// Turns the text into a `String`, with each lone surrogate replaced by U+FFFD.
    #[must_use]
    pub fn into_string_lossy(self) -> String {
        match self.0 {
            Repr::Utf8(text) => text.into_string(),
            Repr::Wide(units) => String::from_utf16_lossy(&units),
        }
    }

    /// Gives the UTF-16 code units.
    #[must_use]
    pub fn to_utf16(&self) -> Vec<u16> {
        match &self.0 {
            Repr::Utf8(text) => text.encode_utf16().collect(),
            Repr::Wide(units) => units.to_vec(),
        }
    }

    /// Whether the text has no characters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Repr::Utf8(text) => text.is_empty(),
            Repr::Wide(units) => units.is_empty(),
        }
    }

    /// Whether both are the same name to PowerShell, which ignores case.
    #[must_use]
    pub fn eq_ignore_case(&self, other: &str) -> bool {
        self.as_str().is_some_and(|text| equal_ignoring_case(text, other))
    }
}

/// Compares two names the way PowerShell looks up members: character by character, ignoring case.
#[inline]
pub(crate) fn equal_ignoring_case(left: &str, right: &str) -> bool {
    // Objects have a hundred members, so nearly all comparisons are of names that begin with another letter.
    if let (Some(left), Some(right)) = (left.bytes().next(), right.bytes().next())
        && left.is_ascii()
        && right.is_ascii()
        && !left.eq_ignore_ascii_case(&right)
    {
        return false;
    }
    spelled_alike(left, right)
}

fn spelled_alike(left: &str, right: &str) -> bool {
    if left.is_ascii() || right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left.chars().flat_map(char::to_lowercase).eq(right.chars().flat_map(char::to_lowercase))
}

impl Default for Text {
    fn default() -> Self {
        Self(Repr::Utf8(CompactString::default()))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Utf8(text) => fmt::Debug::fmt(text, f),
            Repr::Wide(units) => write!(f, "wide {units:04X?}"),
        }
    }
}

/// Shows the text with each lone surrogate replaced by U+FFFD.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_str_lossy())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Repr::Utf8(CompactString::new(text)))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Repr::Utf8(text.into()))
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<&Self> for Text {
    fn from(text: &Self) -> Self {
        text.clone()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn paired_surrogates_become_one_character() {
        assert_eq!(Text::from_utf16(&[0xD83D, 0xDE00]), "\u{1F600}");
    }

    #[test]
    fn a_lone_surrogate_is_kept() {
        let text = Text::from_utf16(&[0x61, 0xD83D]);
        assert_eq!(text.as_str(), None);
        assert_eq!(text.to_utf16(), [0x61, 0xD83D]);
        assert_eq!(text.to_string(), "a\u{FFFD}");
    }

    #[test]
    fn names_compare_without_case_beyond_ascii_too() {
        assert!(Text::from("Größe").eq_ignore_case("GRÖßE"));
        assert!(!Text::from("Alias").eq_ignore_case("Alia"));
        assert!(!Text::from("Alias").eq_ignore_case("Blias"));
        assert!(
            Text::from("alias").eq_ignore_case("ALIAS") && Text::from("Éa").eq_ignore_case("éA")
        );
        assert!(!Text::from("é").eq_ignore_case("e") && !Text::from("").eq_ignore_case("a"));
        assert!(Text::from("").eq_ignore_case(""));
    }
}
