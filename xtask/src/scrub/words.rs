//! Stand-ins for runs of letters and of digits.

use std::collections::{HashMap, HashSet};

use super::alphabet::{Alphabet, fold, in_case_of};
use super::vocabulary::is_listed;

/// The words and numbers seen so far, each with what stands in for it.
///
/// INVARIANT: no two words have the same stand-in, and no two numbers, as long as there are enough of a shape.
#[derive(Debug, Default)]
pub(super) struct Words {
    stand_ins: HashMap<Vec<char>, Vec<char>>,
    used: HashSet<Vec<char>>,
    /// How many words of each shape there are.
    counts: HashMap<Vec<Alphabet>, u64>,
    /// By what they begin with and the digits.
    numbers: HashMap<(&'static str, String), String>,
    number_counts: HashMap<(&'static str, usize), u64>,
    secrets: HashMap<String, u64>,
    mixed: HashMap<String, u64>,
    /// Runs of letters, folded, and of digits that names in the recording consist of: no stand-in may be one of them, or it
    /// would look as if it had been left.
    originals: HashSet<Vec<char>>,
}

const DIGITS: [char; 10] = ['5', '6', '7', '8', '9', '0', '1', '2', '3', '4'];

/// The ways to fill the places of an ASCII word, in the order in which they are used up: `zaqa`, then `zqaq`, then `zqqz`.
#[derive(Clone, Copy)]
enum Pattern {
    Syllables,
    Cluster,
    Consonants,
}

const PATTERNS: [Pattern; 3] = [Pattern::Syllables, Pattern::Cluster, Pattern::Consonants];

impl Pattern {
    const fn vowel_at(self, place: usize) -> bool {
        match self {
            Self::Syllables => place % 2 == 1,
            Self::Cluster => place > 0 && place.is_multiple_of(2),
            Self::Consonants => false,
        }
    }
}

impl Words {
    /// Returns what stands in for `word`, letter by letter in its case; a single letter of ASCII is nobody's name and stays.
    pub(super) fn stand_in(&mut self, word: &[char]) -> Vec<char> {
        if word.len() < 2 && word.iter().all(char::is_ascii) {
            return word.to_vec();
        }
        let folded: Vec<char> = word.iter().copied().map(fold).collect();
        let found = match self.stand_ins.get(&folded) {
            Some(found) => found.clone(),
            None => self.draw(folded),
        };
        found.iter().zip(word).map(|(letter, pattern)| in_case_of(*letter, *pattern)).collect()
    }

    /// Notes what a name consists of.
    pub(super) fn avoid(&mut self, name: &[char]) {
        for run in name.chunk_by(|one, other| one.is_alphabetic() == other.is_alphabetic()) {
            self.originals.insert(run.iter().copied().map(fold).collect());
        }
    }

    fn draw(&mut self, word: Vec<char>) -> Vec<char> {
        let shape: Vec<Alphabet> = word.iter().map(|letter| Alphabet::of(*letter)).collect();
        let count = self.counts.entry(shape.clone()).or_default();
        let drawn = loop {
            let candidate = nth(&shape, *count);
            *count += 1;
            // Past the last one of its shape a word is its own stand-in, which the checker then reports.
            let candidate = candidate.unwrap_or_else(|| word.clone());
            let is_free = !is_listed(&candidate) && !self.originals.contains(&candidate);
            if candidate == word || is_free && self.used.insert(candidate.clone()) {
                break candidate;
            }
        };
        self.stand_ins.insert(word, drawn.clone());
        drawn
    }

    /// Returns what stands in for a word of letters and digits in turns, such as `6f3a9c`, whose runs are too short to be
    /// replaced by themselves.
    pub(super) fn mixed(&mut self, word: &[char]) -> String {
        let folded: String = word.iter().copied().map(fold).collect();
        let next = u64::try_from(self.mixed.len()).unwrap_or(0) + 1;
        let mut rest = *self.mixed.entry(folded).or_insert(next);
        let mut place = 0_usize;
        // The last signs count, as readers expect it.
        let mut drawn: Vec<char> = Vec::with_capacity(word.len());
        let places: Vec<usize> = word
            .iter()
            .map(|sign| {
                place = if sign.is_alphabetic() { place + 1 } else { 0 };
                place
            })
            .collect();
        for (sign, place) in word.iter().zip(places).rev() {
            let letters = match sign {
                _ if sign.is_ascii_digit() => &DIGITS,
                _ if sign.is_alphabetic() => Alphabet::of(fold(*sign)).letters(place % 2 == 0),
                _ => std::slice::from_ref(sign),
            };
            let radix = u64::try_from(letters.len()).unwrap_or(1).max(1);
            let letter = letters.get(usize::try_from(rest % radix).unwrap_or(0)).copied();
            rest /= radix;
            drawn.push(in_case_of(letter.unwrap_or('z'), *sign));
        }
        drawn.into_iter().rev().collect()
    }

    /// Returns what stands in for a run of ASCII digits: `5` and a count. Runs of one or two digits stay.
    pub(super) fn number(&mut self, digits: &str) -> String {
        if digits.len() < 3 { digits.to_owned() } else { self.counted(digits, "5") }
    }

    /// Returns what stands in for the digits of a telephone number: `555` and a count.
    pub(super) fn phone(&mut self, digits: &str) -> String {
        self.counted(digits, "555")
    }

    /// Returns what stands in for a secret: letters become syllables, digits `5`, and punctuation stays.
    pub(super) fn secret(&mut self, secret: &str) -> String {
        let next = u64::try_from(self.secrets.len()).unwrap_or(0);
        let mut rest = *self.secrets.entry(secret.to_owned()).or_insert(next);
        let mut place = 0;
        let mut drawn = |sign: char| {
            if sign.is_numeric() && sign.is_ascii() {
                return '5';
            }
            if !sign.is_alphanumeric() {
                return sign;
            }
            let letters = Alphabet::of(sign).letters(place % 2 == 1);
            let radix = u64::try_from(letters.len()).unwrap_or(1).max(1);
            let letter = letters.get(usize::try_from(rest % radix).unwrap_or(0));
            rest /= radix;
            place += 1;
            in_case_of(letter.copied().unwrap_or('z'), sign)
        };
        secret.chars().map(&mut drawn).collect()
    }

    fn counted(&mut self, digits: &str, prefix: &'static str) -> String {
        let key = (prefix, digits.to_owned());
        if let Some(found) = self.numbers.get(&key) {
            return found.clone();
        }
        let count = self.number_counts.entry((prefix, digits.len())).or_default();
        // Where most numbers are taken, one is as good as another.
        let mut tries = self.originals.len();
        let drawn = loop {
            let drawn = advanced(prefix, digits.len(), *count);
            *count += 1;
            let is_taken = self.originals.contains(&drawn.chars().collect::<Vec<_>>());
            if !is_taken || tries == 0 {
                break drawn;
            }
            tries -= 1;
        };
        self.numbers.insert(key, drawn.clone());
        drawn
    }
}

/// Returns the number of `len` digits that is `count` after the one of `prefix` and zeros, beginning anew after the last.
fn advanced(prefix: &str, len: usize, count: u64) -> String {
    let mut digits: Vec<u8> = prefix.bytes().chain(std::iter::repeat(b'0')).take(len).collect();
    let mut rest = count;
    for digit in digits.iter_mut().rev() {
        let sum = u64::from(*digit - b'0') + rest % 10;
        *digit = b'0' + u8::try_from(sum % 10).unwrap_or(0);
        rest = rest / 10 + sum / 10;
    }
    digits.into_iter().map(char::from).collect()
}

/// Returns the stand-in with the number `count` among those of a shape, `None` past the last.
fn nth(shape: &[Alphabet], mut count: u64) -> Option<Vec<char>> {
    for pattern in PATTERNS {
        let sizes = shape.iter().enumerate().map(|(place, alphabet)| {
            u64::try_from(alphabet.letters(pattern.vowel_at(place)).len()).unwrap_or(1)
        });
        let size = sizes.fold(1, u64::saturating_mul);
        if count < size {
            return Some(spell(shape, pattern, count, size));
        }
        count -= size;
        if !shape.contains(&Alphabet::Ascii) {
            return None;
        }
    }
    None
}

/// Spells a number in the letters of a shape. Neighbouring numbers are led far apart, so that no two words are mixed up by
/// a reader.
fn spell(shape: &[Alphabet], pattern: Pattern, count: u64, size: u64) -> Vec<char> {
    // INVARIANT: a step that has no divisor in common with the sizes of the alphabets (2, 5 and 11 are all their divisors)
    // reaches each number once.
    const STEP: u128 = 7_919;
    // Words of different lengths begin differently.
    let offset = u128::try_from(shape.len()).unwrap_or(0) * 13;
    let mut rest = if size == u64::MAX {
        count
    } else {
        u64::try_from((u128::from(count) + offset) * STEP % u128::from(size)).unwrap_or(count)
    };
    let mut spelled = Vec::with_capacity(shape.len());
    for (place, alphabet) in shape.iter().enumerate() {
        let letters = alphabet.letters(pattern.vowel_at(place));
        let radix = u64::try_from(letters.len()).unwrap_or(1).max(1);
        let at = usize::try_from(rest % radix).unwrap_or(0);
        spelled.push(letters.get(at).copied().unwrap_or('z'));
        rest /= radix;
    }
    spelled
}

/// True when `word` is one of the words that stand in for others; one or two letters tell nothing and pass.
pub(super) fn is_stand_in(word: &[char]) -> bool {
    word.len() <= 2 && word.iter().all(char::is_ascii)
        || word.len() == 1
        || PATTERNS.iter().any(|pattern| {
            word.iter().enumerate().all(|(place, letter)| {
                let letter = fold(*letter);
                Alphabet::of(letter).letters(pattern.vowel_at(place)).contains(&letter)
            })
        })
}

/// True when `secret` is one that stands in for another.
pub(super) fn is_stand_in_secret(secret: &str) -> bool {
    let letters: Vec<char> =
        secret.chars().filter(|sign| sign.is_alphanumeric() && !sign.is_ascii_digit()).collect();
    letters.iter().enumerate().all(|(place, letter)| {
        let letter = fold(*letter);
        Alphabet::of(letter).letters(place % 2 == 1).contains(&letter)
    }) && secret.chars().all(|sign| !sign.is_ascii_digit() || sign == '5')
}

/// True when the digits of a telephone number are those of a stand-in.
pub(super) fn is_stand_in_phone(digits: &[char]) -> bool {
    digits.iter().take(3).all(|digit| *digit == '5')
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    fn stand_in(words: &mut Words, word: &str) -> String {
        words.stand_in(&chars(word)).into_iter().collect()
    }

    #[test]
    fn a_word_keeps_its_size_its_case_and_its_script() {
        let mut words = Words::default();
        for word in ["Meyer", "Łukasz", "Jürgen", "漢字", "אבג", "かな", "Ωμέγα", "x"]
        {
            let drawn = stand_in(&mut words, word);
            let sizes = |text: &str| text.chars().map(char::len_utf8).collect::<Vec<_>>();
            assert_eq!(sizes(&drawn), sizes(word), "{word} became {drawn}");
            assert!(is_stand_in(&chars(&drawn)), "{word} became {drawn}");
        }
        let upper = stand_in(&mut words, "MEYER");
        assert_eq!(upper.to_lowercase(), stand_in(&mut words, "meyer"));
        assert!(upper.chars().all(char::is_uppercase));
    }

    #[test]
    fn no_two_words_share_a_stand_in() {
        let mut words = Words::default();
        let letters = 'a'..='z';
        let three: Vec<String> = letters
            .clone()
            .flat_map(|a| ('a'..='l').map(move |b| format!("{a}{b}n")))
            .chain(letters.map(|a| format!("{a}ann")))
            .collect();
        let drawn: HashSet<String> = three.iter().map(|word| stand_in(&mut words, word)).collect();
        assert_eq!(drawn.len(), three.len());
    }

    #[test]
    fn letters_and_digits_in_turns_are_replaced_together() {
        let mut words = Words::default();
        let drawn = ["6a1b2c", "6A1B2C", "6a1b2d", "ab1c"].map(|word| words.mixed(&chars(word)));
        assert_eq!(drawn, ["5z5z5q", "5Z5Z5Q", "5z5z5x", "za5w"]);
    }

    #[test]
    fn numbers_keep_their_length_and_differ() {
        let mut words = Words::default();
        let drawn = ["4711", "4712", "0815123"].map(|digits| words.number(digits));
        assert_eq!(drawn, ["5000", "5001", "5000000"]);
        assert_eq!(words.number("4711"), "5000");
        assert_eq!(words.number("42"), "42");
        assert!(is_stand_in_phone(&chars(&words.phone("4930123456"))));
    }

    #[test]
    fn a_secret_keeps_its_shape_alone() {
        let mut words = Words::default();
        let drawn = ["Passw0rd!", "Passw1rd!", "pässe-1"].map(|secret| words.secret(secret));
        assert_eq!(drawn[..2], ["Zazaz5az!", "Qazaz5az!"]);
        assert!(drawn.iter().all(|secret| is_stand_in_secret(secret)));
        assert_eq!(drawn[2].len(), "pässe-1".len());
        assert!(!is_stand_in_secret("Passw0rd!"));
    }

    #[test]
    fn names_of_people_are_no_stand_ins() {
        for name in ["Ann", "Jake", "Eva", "Meyer", "Zoe", "Uwe", "Jürgen", "東京"] {
            assert!(!is_stand_in(&chars(name)), "{name}");
        }
    }

    #[test]
    fn no_stand_in_is_a_name_of_the_recording() {
        let mut words = Words::default();
        let signs = |text: &str| text.chars().collect::<Vec<_>>();
        let first: String = Words::default().stand_in(&signs("ann")).iter().collect();
        words.avoid(&signs(&first));
        words.avoid(&signs("u5000000"));
        assert_ne!(words.stand_in(&signs("ann")), signs(&first));
        assert_eq!(words.number("0000001"), "5000001");
        assert_eq!(words.number("0000002"), "5000002");
    }
}
