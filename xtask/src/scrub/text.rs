//! Words in a text, and what may stay of them.

use std::ops::Range;

use super::patterns::{Found, is_word};
use super::property::{Class, class_of};
use super::vocabulary::{is_structural, is_vocabulary};

/// Returns the runs of letters and digits.
pub(super) fn tokens(signs: &[char]) -> Vec<(usize, usize)> {
    let mut tokens = Vec::new();
    let mut start = None;
    for (at, sign) in signs.iter().enumerate() {
        match (sign.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                tokens.push((from, at));
                start = None;
            }
            _ => {}
        }
    }
    tokens.extend(start.map(|from| (from, signs.len())));
    tokens
}

/// Returns what lies between the parts that were found.
pub(super) fn gaps(found: &[Found], len: usize) -> Vec<(usize, usize)> {
    let mut gaps = Vec::new();
    let mut at = 0;
    for one in found {
        if one.range.start > at {
            gaps.push((at, one.range.start));
        }
        at = one.range.end;
    }
    if len > at {
        gaps.push((at, len));
    }
    gaps
}

/// True for a word of structure.
pub(super) fn stays_in_name(word: &[char]) -> bool {
    is_structural(&word.iter().collect::<String>().to_lowercase())
}

/// True for the noun of `Verb-Noun`.
pub(super) fn is_command(signs: &[char], start: usize, word: &[char]) -> bool {
    let before = signs.get(..start).unwrap_or_default();
    let Some((hyphen, verb)) = before.split_last() else { return false };
    let verb_start = verb.iter().rposition(|sign| !sign.is_alphabetic()).map_or(0, |at| at + 1);
    let verb = verb.get(verb_start..).unwrap_or_default();
    *hyphen == '-'
        && verb.first().is_some_and(|sign| sign.is_uppercase())
        && stays_in_name(verb)
        && is_vocabulary(word)
}

/// Returns the quoted values of an OPATH filter, each with the class of the property before it.
pub(super) fn conditions(signs: &[char]) -> Vec<(Class, Range<usize>)> {
    let mut conditions = Vec::new();
    let mut property = String::new();
    let mut at = 0;
    while let Some(sign) = signs.get(at) {
        if *sign == '\'' {
            let start = at + 1;
            let mut end = start;
            while let Some(sign) = signs.get(end) {
                let doubled = *sign == '\'' && signs.get(end + 1) == Some(&'\'');
                if *sign == '\'' && !doubled {
                    break;
                }
                end += if doubled { 2 } else { 1 };
            }
            conditions.push((class_of(&property), start..end.min(signs.len())));
            at = end + 1;
        } else if sign.is_alphanumeric() {
            let len = signs
                .get(at..)
                .unwrap_or_default()
                .iter()
                .take_while(|sign| is_word(**sign))
                .count()
                .max(1);
            let follows_hyphen = at.checked_sub(1).and_then(|at| signs.get(at)) == Some(&'-');
            if !follows_hyphen {
                property = signs.get(at..at + len).unwrap_or_default().iter().collect();
            }
            at += len;
        } else {
            at += 1;
        }
    }
    conditions
}
