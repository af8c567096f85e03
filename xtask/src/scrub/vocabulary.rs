//! Words that everybody uses: of Exchange, of PowerShell, of the protocols, and common English.
//!
//! Two lists, because a person may well be called Grant Page: a name keeps only the few words that structure directories
//! (`structure.txt`), and from other text the words of names are taken unless they are of the large list (`vocabulary.txt`).

use std::collections::HashSet;
use std::sync::LazyLock;

static STRUCTURE: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("structure.txt").split_whitespace().collect());
static VOCABULARY: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("vocabulary.txt").split_whitespace().collect());

/// True for a word, in lower case, that stays in names too, such as `users` and `onmicrosoft`.
pub(super) fn is_structural(word: &str) -> bool {
    STRUCTURE.contains(word)
}

/// True for a word that stays in other text than names: one of the vocabulary, or several of it written together, as in
/// `UserMailbox`. With a number it is a name, unless it is listed as it stands.
pub(super) fn is_vocabulary(word: &[char]) -> bool {
    let has_number = word.iter().any(|sign| sign.is_numeric());
    is_listed(word)
        || !has_number && parts(word).iter().all(|part| part.len() < 3 || is_listed(part))
}

/// True for a word of either list.
pub(super) fn is_listed(word: &[char]) -> bool {
    let word: String = word.iter().collect::<String>().to_lowercase();
    VOCABULARY.contains(word.as_str()) || STRUCTURE.contains(word.as_str())
}

/// Cuts `UserMailbox` into `User` and `Mailbox`, and `OWAPolicy` into `OWA` and `Policy`.
fn parts(word: &[char]) -> Vec<&[char]> {
    let mut parts = Vec::new();
    let mut start = 0;
    for at in 1..word.len() {
        let sign = |place: usize| word.get(place).copied().unwrap_or('a');
        let begins = sign(at).is_uppercase()
            && (!sign(at - 1).is_uppercase() || sign(at + 1).is_lowercase());
        if begins {
            parts.extend(word.get(start..at));
            start = at;
        }
    }
    parts.extend(word.get(start..));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expected: bool) {
        assert_eq!(is_vocabulary(&word.chars().collect::<Vec<_>>()), expected, "{word}");
    }

    #[test]
    fn compounds_of_the_vocabulary_are_of_it() {
        check("mailbox", true);
        check("RecipientTypeDetails", true);
        check("ADObjectId", true);
        check("Meyer", false);
        check("MeyerMailbox", false);
        check("EX01", false);
        check("user00001", false);
        check("System32", true);
    }

    #[test]
    fn names_of_people_and_companies_are_in_neither_list() {
        for name in [
            "ann", "kim", "lee", "olivia", "noah", "meyer", "fischer", "contoso", "fabrikam",
            "berlin", "jack",
        ] {
            assert!(!is_structural(name) && !VOCABULARY.contains(name), "{name}");
        }
    }

    #[test]
    fn a_word_of_names_is_no_word_of_structure() {
        for name in ["grant", "page", "will", "mark", "may", "long"] {
            assert!(!is_structural(name), "{name}");
        }
    }
}
