//! How much a document may ask of its reader.

use std::fmt;

/// What a document may ask of its reader. The defaults are far above what Exchange sends and far below what hurts.
///
/// ```
/// use clixml::{Error, Limit, Limits, read_value_with_limits};
///
/// let limits = Limits::default();
/// let spelled_out = limits
///     .with_depth(512)
///     .with_elements(20_000_000)
///     .with_text(256 * 1024 * 1024)
///     .with_references(1_000_000)
///     .with_attributes(32);
/// assert_eq!(limits, spelled_out);
///
/// let refused = read_value_with_limits(b"<S>too long</S>", limits.with_text(7));
/// assert!(matches!(refused, Err(Error::Limit { limit: Limit::Text, allowed: 7, .. })));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    pub(crate) depth: usize,
    pub(crate) elements: usize,
    pub(crate) text: usize,
    pub(crate) references: usize,
    pub(crate) attributes: usize,
}

/// One of the [`Limits`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::with_depth`].
    Depth,
    /// [`Limits::with_elements`].
    Elements,
    /// [`Limits::with_text`].
    Text,
    /// [`Limits::with_references`].
    References,
    /// [`Limits::with_attributes`].
    Attributes,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Depth => "levels of elements",
            Self::Elements => "elements",
            Self::Text => "bytes in one text",
            Self::References => "references",
            Self::Attributes => "attributes of one element",
        })
    }
}

/// The highest value [`Limits::with_depth`] takes: values are dropped, compared and written level by level on the stack.
const MAX_DEPTH: usize = 2048;

impl Limits {
    /// Sets how many elements may be open at once: 512 by default, at most 2048.
    ///
    /// An object inside an object takes two levels, one inside a dictionary three. The engine itself stops at 50 objects.
    #[must_use]
    pub fn with_depth(mut self, levels: usize) -> Self {
        self.depth = levels.min(MAX_DEPTH);
        self
    }

    /// Sets how many elements the document may have in all: 20,000,000 by default.
    ///
    /// When it is read into Rust data, what has to be looked at twice counts twice.
    #[must_use]
    pub fn with_elements(mut self, elements: usize) -> Self {
        self.elements = elements;
        self
    }

    /// Sets how many bytes of UTF-8 one text or attribute may have: 256 MiB by default.
    #[must_use]
    pub fn with_text(mut self, bytes: usize) -> Self {
        self.text = bytes;
        self
    }

    /// Sets how many `Ref` elements the document may have: 1,000,000 by default.
    ///
    /// Reading a value never follows them. Deserializing does, and there this is the number of objects visited through
    /// references, so that a short document cannot unfold into a huge one.
    #[must_use]
    pub fn with_references(mut self, references: usize) -> Self {
        self.references = references;
        self
    }

    /// Sets how many attributes one element may have: 32 by default.
    #[must_use]
    pub fn with_attributes(mut self, attributes: usize) -> Self {
        self.attributes = attributes;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 512,
            elements: 20_000_000,
            text: 256 << 20,
            references: 1_000_000,
            attributes: 32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn the_defaults_are_those_documented() {
        let limits = Limits::default();
        assert_eq!(limits, limits.with_depth(512).with_elements(20_000_000).with_text(268_435_456));
        assert_eq!(limits, limits.with_references(1_000_000).with_attributes(32));
        assert_eq!(limits.with_depth(9999), limits.with_depth(2048));
    }
}
