//! Letters that stand in for letters: of the same script and of the same size in UTF-8.
//!
//! ASCII words become syllables of rare consonants and vowels, `Zaqo`, which nobody is called and which a checker knows
//! again. Letters of other scripts are replaced within their script, so that text that is written from right to left, or
//! without case, stays so.

const CONSONANTS: &[char] = &['z', 'q', 'x', 'w', 'v'];
const VOWELS: &[char] = &['a', 'o', 'u', 'i', 'e'];
const LATIN: &[char] = &['ø', 'å', 'æ', 'ð', 'þ', 'ý', 'û', 'î'];
const GREEK: &[char] = &['ξ', 'ψ', 'ω', 'ζ', 'φ', 'θ', 'χ', 'λ'];
const CYRILLIC: &[char] = &['ж', 'щ', 'ю', 'ц', 'ф', 'э', 'ш', 'ч'];
const HEBREW: &[char] = &['ט', 'צ', 'ק', 'ס', 'ע', 'ז', 'פ', 'ג'];
const ARABIC: &[char] = &['ظ', 'غ', 'ض', 'ص', 'ط', 'ث', 'ذ', 'خ'];
const IDEOGRAPHS: &[char] = &[
    '甲', '乙', '丙', '丁', '戊', '己', '庚', '辛', '壬', '癸', '子', '丑', '寅', '卯', '辰', '巳',
    '午', '未', '申', '酉', '戌', '亥',
];
const KANA: &[char] = &['ぬ', 'ね', 'へ', 'ほ', 'む', 'め', 'ゆ', 'よ', 'ろ', 'わ'];
const LARGE: &[char] = &['𠀀', '𠀁', '𠀂', '𠀃', '𠀄', '𠀅', '𠀆', '𠀇'];

/// What a letter may be replaced by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Alphabet {
    Ascii,
    Latin,
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
    Ideographs,
    Kana,
    Large,
}

impl Alphabet {
    /// Returns the alphabet that `letter` is replaced from.
    pub(super) fn of(letter: char) -> Self {
        match letter {
            _ if letter.is_ascii() => Self::Ascii,
            '\u{370}'..='\u{3ff}' => Self::Greek,
            '\u{400}'..='\u{52f}' => Self::Cyrillic,
            '\u{590}'..='\u{5ff}' => Self::Hebrew,
            '\u{600}'..='\u{6ff}' => Self::Arabic,
            '\u{3040}'..='\u{30ff}' => Self::Kana,
            _ => match letter.len_utf8() {
                2 => Self::Latin,
                3 => Self::Ideographs,
                _ => Self::Large,
            },
        }
    }

    /// Returns the letters of the alphabet; of ASCII those for a place that takes a vowel, or takes none.
    pub(super) const fn letters(self, vowel: bool) -> &'static [char] {
        match self {
            Self::Ascii if vowel => VOWELS,
            Self::Ascii => CONSONANTS,
            Self::Latin => LATIN,
            Self::Greek => GREEK,
            Self::Cyrillic => CYRILLIC,
            Self::Hebrew => HEBREW,
            Self::Arabic => ARABIC,
            Self::Ideographs => IDEOGRAPHS,
            Self::Kana => KANA,
            Self::Large => LARGE,
        }
    }
}

/// Returns `letter` without case, unless that is of another size.
pub(super) fn fold(letter: char) -> char {
    let mut lower = letter.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(folded), None) if folded.len_utf8() == letter.len_utf8() => folded,
        _ => letter,
    }
}

/// Returns `letter` in the case of `pattern`.
pub(super) fn in_case_of(letter: char, pattern: char) -> char {
    if !pattern.is_uppercase() {
        return letter;
    }
    let mut upper = letter.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(raised), None) if raised.len_utf8() == letter.len_utf8() => raised,
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Alphabet; 9] = [
        Alphabet::Ascii,
        Alphabet::Latin,
        Alphabet::Greek,
        Alphabet::Cyrillic,
        Alphabet::Hebrew,
        Alphabet::Arabic,
        Alphabet::Ideographs,
        Alphabet::Kana,
        Alphabet::Large,
    ];

    #[test]
    fn letters_are_replaced_by_letters_of_their_own_alphabet_and_size() {
        for alphabet in ALL {
            let letters: Vec<char> =
                alphabet.letters(true).iter().chain(alphabet.letters(false)).copied().collect();
            for letter in &letters {
                assert_eq!(Alphabet::of(*letter), alphabet, "{letter}");
                assert!(letter.is_alphabetic() && fold(*letter) == *letter, "{letter}");
                assert_eq!(letter.len_utf8(), letters[0].len_utf8(), "{letter}");
                assert_eq!(in_case_of(*letter, 'A').len_utf8(), letter.len_utf8(), "{letter}");
            }
        }
    }

    #[test]
    fn case_is_kept_where_it_has_the_same_size() {
        assert_eq!((fold('Ä'), fold('ß'), fold('\u{212a}')), ('ä', 'ß', '\u{212a}'));
        assert_eq!(
            (in_case_of('ø', 'Ä'), in_case_of('ø', 'ä'), in_case_of('ט', 'A')),
            ('Ø', 'ø', 'ט')
        );
    }
}
