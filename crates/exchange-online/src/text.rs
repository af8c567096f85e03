//! Texts of the service, cut to what somebody may read.

/// How many characters of a message are kept; the longest that the service is known to give has some hundred.
const LONGEST: usize = 4096;

/// Returns the text, or its beginning and a sign that there was more.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "…",
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let longest = "é".repeat(4096);
        assert_eq!(cut(&longest), longest);
        assert_eq!(cut(&format!("{longest}é")), format!("{longest}…"));
        assert_eq!(cut(""), "");
    }
}
