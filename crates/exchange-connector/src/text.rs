//! Text from outside, made fit to be shown, and names found by what was probably meant.

use std::borrow::Cow;

/// How many characters of a message are shown. Exchange's longest have some hundred.
const LONGEST: usize = 4096;

/// Returns what a server says without characters that could act on a terminal or reorder what is shown, and no more of it
/// than somebody may read.
///
/// Control characters become spaces (line breaks and tabs too), and the Unicode marks that change the direction of text
/// or hide are left out. After 4096 characters `…` stands for the rest. Everything that a server says passes through here
/// before it is shown.
#[must_use]
pub fn sanitized(text: &str) -> Cow<'_, str> {
    match cut(text) {
        Cow::Borrowed(text) => inert(text),
        Cow::Owned(text) => inert(&text).into_owned().into(),
    }
}

/// Returns the whole of `text` without characters that could act on a terminal or reorder what is shown.
pub(crate) fn inert(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c.is_control() || is_invisible_mark(c)) {
        return Cow::Borrowed(text);
    }
    text.chars()
        .filter(|c| !is_invisible_mark(*c))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .into()
}

/// Returns the text, or its beginning and a sign that there was more.
pub(crate) fn cut(text: &str) -> Cow<'_, str> {
    // One that was cut before, and has the sign, stays as it is.
    let is_longer = text.char_indices().nth(LONGEST + 1).is_some();
    match text.char_indices().nth(LONGEST).filter(|(_, next)| is_longer || *next != '…') {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(text.get(..end).unwrap_or_default().to_owned() + "…"),
    }
}

/// The marks, embeddings, overrides and isolates of the bidirectional algorithm, and separators of lines.
fn is_invisible_mark(c: char) -> bool {
    matches!(
        c,
        '\u{061C}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}'
    )
}

/// Returns the one of `known` that differs least from `name`, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let limit = (name.chars().count() / 3).max(1);
    known
        .map(|candidate| (distance(&name, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, one row at a time.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        let mut next = Vec::with_capacity(row.len());
        next.push(before);
        for (b, above) in right.iter().zip(row.iter().skip(1)) {
            let cost = diagonal + usize::from(a != *b);
            before = cost.min(before + 1).min(above + 1);
            diagonal = *above;
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_direction_overrides_do_not_reach_a_terminal() {
        assert_eq!(sanitized("a\u{1b}[31mb\u{202E}c\u{9b}d"), "a [31mbc d");
        assert_eq!(sanitized("line\r\nbreak"), "line  break");
        assert!(matches!(sanitized("Zoë Łukasz 漢字 🙂"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_long_message_is_cut_once() {
        let longest = "é".repeat(LONGEST);
        assert_eq!(sanitized(&longest), longest);
        let once = sanitized(&format!("{longest}éé")).into_owned();
        assert_eq!(once, format!("{longest}…"));
        assert!(matches!(sanitized(&once), Cow::Borrowed(_)));
        assert_eq!(sanitized(&format!("{once}x")), once);
        assert_eq!(inert(&format!("{longest}\n")), format!("{longest} "));
    }

    #[test]
    fn the_distance_counts_single_edits() {
        let check = |left: &str, right: &str, expected| {
            assert_eq!(distance(left, right), expected, "{left} {right}");
            assert_eq!(distance(right, left), expected, "{right} {left}");
        };
        check("", "", 0);
        check("abc", "abc", 0);
        check("abc", "", 3);
        check("kitten", "sitting", 3);
        check("flaw", "lawn", 2);
    }

    #[test]
    fn a_slip_finds_the_name_and_another_word_finds_nothing() {
        let known = ["hostname", "username", "password"];
        assert_eq!(nearest("hostnmae", known.into_iter()), Some("hostname"));
        assert_eq!(nearest("passwrd", known.into_iter()), Some("password"));
        assert_eq!(nearest("colour", known.into_iter()), None);
    }

    proptest::proptest! {
        #[test]
        fn what_was_sanitized_stays_as_it_is(text in ".*") {
            let once = sanitized(&text).into_owned();
            proptest::prop_assert!(!once.chars().any(|c| c.is_control() || is_invisible_mark(c)));
            proptest::prop_assert_eq!(sanitized(&once), once.as_str());
        }
    }
}
