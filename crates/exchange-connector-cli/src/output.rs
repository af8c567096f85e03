//! Where data goes: JSON Lines to standard output or a file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::ser::{CompactFormatter, Formatter};

/// Writes one JSON value a line.
pub(crate) struct Lines {
    out: BufWriter<Box<dyn Write + Send>>,
}

impl Lines {
    /// Writes to standard output.
    pub(crate) fn stdout() -> Self {
        Self { out: BufWriter::with_capacity(64 * 1024, Box::new(io::stdout())) }
    }

    /// Writes to a file, which is created or emptied.
    ///
    /// # Errors
    ///
    /// The operating system's error when the file cannot be opened.
    pub(crate) fn file(path: &Path) -> io::Result<Self> {
        Ok(Self { out: BufWriter::with_capacity(64 * 1024, Box::new(File::create(path)?)) })
    }

    /// Writes one line; it may stay in the buffer until [`Self::flush`].
    ///
    /// # Errors
    ///
    /// The operating system's error when writing fails.
    pub(crate) fn write(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        let mut serializer = serde_json::Serializer::with_formatter(&mut self.out, Inert);
        value.serialize(&mut serializer)?;
        self.out.write_all(b"\n")
    }

    /// Hands everything on.
    ///
    /// # Errors
    ///
    /// The operating system's error when writing fails.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Compact JSON in which characters that steer a terminal or turn the reading direction are escaped.
///
/// The values are the same for every JSON reader; only a terminal sees the difference.
struct Inert;

impl Formatter for Inert {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, found)) = rest.char_indices().find(|(_, character)| steers(*character))
        {
            let (before, after) = rest.split_at(at);
            CompactFormatter.write_string_fragment(writer, before)?;
            write!(writer, "\\u{:04x}", u32::from(found))?;
            rest = after.strip_prefix(found).unwrap_or_default();
        }
        CompactFormatter.write_string_fragment(writer, rest)
    }
}

/// True for characters that a terminal or a reader of text would act upon instead of showing.
pub(crate) fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steering_characters_are_escaped_and_mean_the_same() {
        let text = "a\u{202e}b\u{9b}31m\u{1b}[0m é 😀";
        let mut out = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, Inert);
        serde::Serialize::serialize(text, &mut serializer).unwrap();
        let line = String::from_utf8(out).unwrap();
        assert_eq!(line, r#""a\u202eb\u009b31m\u001b[0m é 😀""#);
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }
}
