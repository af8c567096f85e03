//! Texts that somebody may read: those of the service cut, errors with their causes.

/// How many characters of a message are kept; the longest that the service is known to give has some hundred.
const LONGEST: usize = 4096;

/// Returns the text, or its beginning and a sign that there was more.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "…",
    }
}

/// Returns an error and its causes, each once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
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
