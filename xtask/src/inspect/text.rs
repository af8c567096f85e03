//! From the bytes of a file to the text of its document.

/// A file as text.
#[derive(Debug)]
pub(crate) struct Text {
    /// `utf-8`, `utf-8-bom` or `utf-16`, as the facts call it.
    pub(crate) encoding: &'static str,
    /// The document: no byte order mark, no `#< CLIXML` line before it; only up to the first bytes that are not text.
    pub(crate) document: String,
    /// True when bytes that are not of the encoding follow.
    pub(crate) is_cut: bool,
}

impl Text {
    /// Decodes `bytes` by their byte order mark; without one they are UTF-8.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let (encoding, (decoded, is_cut)) = match bytes {
            [0xEF, 0xBB, 0xBF, rest @ ..] => ("utf-8-bom", utf8(rest)),
            [0xFF, 0xFE, rest @ ..] => ("utf-16", utf16(rest, u16::from_le_bytes)),
            [0xFE, 0xFF, rest @ ..] => ("utf-16", utf16(rest, u16::from_be_bytes)),
            rest => ("utf-8", utf8(rest)),
        };
        Self { encoding, document: after_clixml_line(decoded), is_cut }
    }
}

fn utf8(bytes: &[u8]) -> (String, bool) {
    let valid = bytes.utf8_chunks().next().map(|chunk| chunk.valid()).unwrap_or_default();
    (valid.to_owned(), valid.len() < bytes.len())
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> (String, bool) {
    let (pairs, odd) = bytes.as_chunks();
    let text: String = char::decode_utf16(pairs.iter().copied().map(unit))
        .map(|sign| sign.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    // UTF-32 begins like UTF-16 and every second unit is zero. A parser that is given this text as UTF-8 finds a zero
    // before `<` and takes it for UTF-16 once more; the facts have it so.
    if text.starts_with("\0<") {
        utf16(text.as_bytes(), u16::from_be_bytes)
    } else {
        (text, !odd.is_empty())
    }
}

fn after_clixml_line(text: String) -> String {
    if !text.starts_with("#<") {
        return text;
    }
    text.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[track_caller]
    fn check(bytes: &[u8], encoding: &str, document: &str) {
        let text = Text::decode(bytes);
        assert_eq!(
            (text.encoding, text.document.as_str(), text.is_cut),
            (encoding, document, false)
        );
    }

    #[test]
    fn the_byte_order_mark_names_the_encoding() {
        check(b"<a/>", "utf-8", "<a/>");
        check(b"\xEF\xBB\xBF<a/>", "utf-8-bom", "<a/>");
        check(b"\xFF\xFE<\0a\0/\0>\0", "utf-16", "<a/>");
        check(b"\xFE\xFF\0<\0a\0/\0>", "utf-16", "<a/>");
    }

    #[test]
    fn text_ends_before_bytes_that_are_none() {
        let text = Text::decode(b"<a>\xFF</a>");
        assert_eq!((text.document.as_str(), text.is_cut), ("<a>", true));
    }

    #[test]
    fn a_clixml_line_is_not_part_of_the_document() {
        check(b"#< CLIXML\r\n<Objs/>", "utf-8", "<Objs/>");
    }
}
