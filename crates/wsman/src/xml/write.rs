//! A writer of the few shapes that envelopes are made of.

/// Writes elements into a string; the caller closes what it opens.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    text: String,
}

impl Writer {
    /// Opens an element with attributes.
    pub(crate) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.start(name, attributes);
        self.text.push('>');
    }

    /// Closes the element that was opened last under this name.
    pub(crate) fn close(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// Writes an element without content.
    pub(crate) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.start(name, attributes);
        self.text.push_str("/>");
    }

    /// Writes an element with text.
    pub(crate) fn leaf(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.open(name, attributes);
        escape(&mut self.text, text);
        self.close(name);
    }

    /// Returns what was written.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn start(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.text.push('<');
        self.text.push_str(name);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(&mut self.text, value);
            self.text.push('"');
        }
    }
}

/// Escapes text for content and for attributes alike.
///
/// Characters that XML 1.0 cannot carry become `?`, as Microsoft's stack does with them.
fn escape(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(may_need_escaping) {
        let Some((plain, special)) = rest.split_at_checked(at) else { break };
        let mut characters = special.chars();
        out.push_str(plain);
        match characters.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('"') => out.push_str("&quot;"),
            Some('\t') => out.push_str("&#9;"),
            Some('\n') => out.push_str("&#10;"),
            Some('\r') => out.push_str("&#13;"),
            Some('\0'..'\u{20}' | '\u{FFFE}' | '\u{FFFF}') => out.push('?'),
            other => out.extend(other),
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// Whether a character may have to be escaped that begins with this byte.
const fn may_need_escaping(first: u8) -> bool {
    // 0xEF begins U+FFFE, U+FFFF, and four thousand others.
    matches!(first, 0..0x20 | b'&' | b'<' | b'>' | b'"' | 0xEF)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        escape(&mut out, text);
        out
    }

    #[test]
    fn markup_and_white_space_are_escaped_wherever_they_stand() {
        assert_eq!(escaped("<a b=\"c\">&'\t\r\n"), "&lt;a b=&quot;c&quot;&gt;&amp;'&#9;&#13;&#10;");
        assert_eq!(escaped("x<y"), "x&lt;y");
        assert_eq!(escaped("&&"), "&amp;&amp;");
        assert_eq!(escaped(""), "");
    }

    #[test]
    fn what_xml_cannot_carry_becomes_a_question_mark() {
        assert_eq!(escaped("a\0b\u{1F}c\u{FFFE}\u{FFFF}d"), "a?b?c??d");
        assert_eq!(
            escaped("\u{7F}\u{F000}\u{FF21}\u{FFFD}\u{1F600}"),
            "\u{7F}\u{F000}\u{FF21}\u{FFFD}\u{1F600}"
        );
    }

    proptest! {
        #[test]
        fn an_independent_reader_reads_what_was_escaped(text in "[ -\u{10FFFF}\t\n]*") {
            let read = quick_xml::escape::unescape(&escaped(&text)).map(|read| read.into_owned());
            prop_assert_eq!(read.unwrap(), text.replace(['\u{FFFE}', '\u{FFFF}'], "?"));
        }
    }
}
