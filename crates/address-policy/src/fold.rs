//! Comparison without case.
//!
//! Addresses are compared character by character in lower case, without a language: `İ` is not `i` and `ß` is not
//! `ss`, as in Exchange's own ordinal comparison. The two small sigmas are one letter, since both have the same
//! capital. The Unicode and the `xn--` spelling of one domain are different texts here.

/// Returns `text` in the form in which two texts that differ only by case are equal.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn letters_that_share_a_capital_are_one() {
        assert_eq!(fold("ANN@Contoso.COM"), "ann@contoso.com");
        assert_eq!(fold("BÜCHER"), fold("bücher"));
        assert_eq!(fold("ΟΔΟΣ"), fold("οδος"));
    }

    #[test]
    fn no_language_changes_the_dotted_i() {
        assert_ne!(fold("İ"), fold("i"));
        assert_ne!(fold("ı"), fold("I"));
    }
}
