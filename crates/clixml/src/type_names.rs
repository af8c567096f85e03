//! The list of type names an object carries.
//!
//! Spec: [MS-PSRP] 2.2.5.2.3 Type Names.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/

use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::escape::Escaped;
use crate::known_names;
use crate::text::{Text, equal_ignoring_case};
use crate::xml::{Scanner, Tag};

/// The type names of an object, most specific first; may be empty.
///
/// Objects of one kind share one list, so a clone costs a counter and a result of 10,000 mailboxes holds the names once.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct TypeNames(Option<Arc<[Text]>>);

impl TypeNames {
    /// Makes the empty list: the object says nothing about its type.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Makes the names of `Object[]`, PowerShell's usual array.
    #[must_use]
    pub fn object_array() -> Self {
        Self::from(["System.Object[]", "System.Array", "System.Object"])
    }

    /// Makes the names of `ArrayList`, the list type of PSRP's own messages.
    #[must_use]
    pub fn array_list() -> Self {
        Self::from(["System.Collections.ArrayList", "System.Object"])
    }

    /// Makes the names of `Hashtable`.
    #[must_use]
    pub fn hashtable() -> Self {
        Self::from(["System.Collections.Hashtable", "System.Object"])
    }

    /// Makes the names of `PSPrimitiveDictionary`, which carries application arguments.
    #[must_use]
    pub fn primitive_dictionary() -> Self {
        Self::from([
            "System.Management.Automation.PSPrimitiveDictionary",
            "System.Collections.Hashtable",
            "System.Object",
        ])
    }

    /// Makes the names of `PSCustomObject`.
    #[must_use]
    pub fn custom_object() -> Self {
        Self::from(["System.Management.Automation.PSCustomObject", "System.Object"])
    }

    /// Makes the names of the enumeration `name`, such as `System.ConsoleColor`.
    #[must_use]
    pub fn enumeration(name: &str) -> Self {
        Self::from([name, "System.Enum", "System.ValueType", "System.Object"])
    }

    /// Whether there are no names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// Gives the names, most specific first.
    #[must_use]
    pub fn as_slice(&self) -> &[Text] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Walks over the names, most specific first.
    pub fn iter(&self) -> impl Iterator<Item = &Text> {
        self.as_slice().iter()
    }

    /// Gives the most specific name.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        self.as_slice().first().and_then(Text::as_str)
    }

    /// Whether `name` is among the names, ignoring case and one prefix `Deserialized.`, which PowerShell puts before the
    /// names of objects that were read from CLIXML before.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.iter()
            .filter_map(Text::as_str)
            .any(|own| equal_ignoring_case(own.strip_prefix(DESERIALIZED).unwrap_or(own), name))
    }
}

/// Reads the names in the `TN` that has just begun, and its end.
pub(crate) fn read(scanner: &mut Scanner<'_>) -> Result<TypeNames, Error> {
    let Some(content) = scanner.known_content() else { return read_new(scanner) };
    if let Some(names) = known_names::find(content) {
        scanner.skip_known(content, names.as_slice().len())?;
        return Ok(names);
    }
    let end = scanner.position() + content.len() as u64 + "</TN>".len() as u64;
    let names = read_new(scanner)?;
    // An end tag inside a comment is none.
    if scanner.position() == end {
        known_names::keep(content, &names);
    }
    Ok(names)
}

fn read_new(scanner: &mut Scanner<'_>) -> Result<TypeNames, Error> {
    let mut names = Vec::with_capacity(4);
    let misplaced = |position, tag: &str, parent| Error::Misplaced {
        position,
        tag: tag.chars().take(64).collect(),
        parent,
    };
    loop {
        match scanner.next()?.tag {
            Tag::Start { local: "T" } => match scanner.leaf()? {
                Ok(text) => names.push(Escaped::new(text).into_text()),
                Err(local) => return Err(misplaced(scanner.position(), local, "T")),
            },
            Tag::Start { local } => return Err(misplaced(scanner.position(), local, "TN")),
            Tag::End | Tag::Eof => return Ok(TypeNames::from(names)),
        }
    }
}

const DESERIALIZED: &str = "Deserialized.";

impl fmt::Debug for TypeNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Into<Text>> FromIterator<T> for TypeNames {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let names: Vec<Text> = names.into_iter().map(Into::into).collect();
        Self((!names.is_empty()).then(|| names.into()))
    }
}

impl<T: Into<Text>, const N: usize> From<[T; N]> for TypeNames {
    fn from(names: [T; N]) -> Self {
        names.into_iter().collect()
    }
}

impl From<&[&str]> for TypeNames {
    fn from(names: &[&str]) -> Self {
        names.iter().copied().collect()
    }
}

impl From<Vec<Text>> for TypeNames {
    fn from(names: Vec<Text>) -> Self {
        names.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::TypeNames;

    #[test]
    fn names_are_found_behind_the_prefix_of_deserialized_objects() {
        let names =
            TypeNames::from(["Deserialized.System.IO.FileInfo", "Deserialized.System.Object"]);
        assert!(names.contains("system.io.fileinfo"));
        assert!(!names.contains("System.IO.FileSystemInfo"));
    }
}
