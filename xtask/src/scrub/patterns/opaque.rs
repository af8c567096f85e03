//! Identifiers that consist of digits and letters without a meaning.

use std::ops::Range;

use super::{Scan, is_word};

impl Scan<'_> {
    pub(super) fn guid(self, at: usize) -> Option<Range<usize>> {
        let mut end = at;
        for (group, len) in [8, 4, 4, 4, 12].into_iter().enumerate() {
            if group > 0 {
                if self.get(end) != '-' {
                    return None;
                }
                end += 1;
            }
            if self.run(end, |sign| sign.is_ascii_hexdigit()) != end + len {
                return None;
            }
            end += len;
        }
        (!is_word(self.get(end))).then_some(at..end)
    }

    pub(super) fn sid(self, at: usize) -> Option<Range<usize>> {
        if !matches!(self.get(at), 'S' | 's') || !self.starts_with(at + 1, "-1-") {
            return None;
        }
        let end = self.run(at + 3, |sign| sign == '-' || sign.is_ascii_digit());
        (end > at + 4).then_some(at..end)
    }

    pub(super) fn signed_token(self, at: usize) -> Option<Range<usize>> {
        let is_part = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_');
        if !self.starts_with(at, "eyJ") {
            return None;
        }
        let header = self.run(at, is_part);
        let payload = self.run(header + 1, is_part);
        let end = self.run(payload + 1, is_part);
        let dotted = self.get(header) == '.' && self.get(payload) == '.';
        (dotted && header > at + 9 && payload > header + 9).then_some(at..end)
    }

    pub(super) fn hash(self, at: usize) -> Option<Range<usize>> {
        let end = self.run(at, |sign| sign.is_ascii_hexdigit());
        let long = end - at >= 32 && (end - at).is_multiple_of(2) && !is_word(self.get(end));
        let digits = self.text.get(at..end).unwrap_or_default();
        let mixed =
            digits.iter().any(char::is_ascii_digit) && digits.iter().any(char::is_ascii_alphabetic);
        (long && mixed).then_some(at..end)
    }

    /// Three, three and four digits, as numbers are written in North America.
    pub(super) fn phone_in_groups(self, at: usize) -> Option<Range<usize>> {
        let mut end = at;
        for (group, len) in [3, 3, 4].into_iter().enumerate() {
            let start = end;
            let between = self.run(end, |sign| matches!(sign, '-' | '.' | ' ' | ')'));
            if group > 0 && !(start + 1..=start + 2).contains(&between) {
                return None;
            }
            end = self.run(between, |sign| sign.is_ascii_digit());
            if end != between + len {
                return None;
            }
        }
        (!is_word(self.get(end))).then_some(at..end)
    }

    pub(super) fn phone(self, at: usize) -> Option<Range<usize>> {
        if is_word(self.before(at)) {
            return None;
        }
        let is_part = |sign: char| {
            sign.is_ascii_digit() || matches!(sign, ' ' | '(' | ')' | '/' | '.' | '-' | '\u{a0}')
        };
        let mut end = self.run(at + 1, is_part);
        // Digits that begin a GUID belong to it.
        let other = (at + 1..end).find(|at| self.starts_word(*at) && self.guid(*at).is_some());
        end = other.unwrap_or(end);
        // Digits with letters behind them belong to another word.
        if is_word(self.get(end)) {
            while end > at && self.before(end).is_ascii_digit() {
                end -= 1;
            }
        }
        while end > at && !self.before(end).is_ascii_digit() {
            end -= 1;
        }
        let digits = self.text.get(at..end).unwrap_or_default();
        let count = digits.iter().filter(|sign| sign.is_ascii_digit()).count();
        (self.get(at + 1).is_ascii_digit() && (7..=16).contains(&count)).then_some(at..end)
    }

    pub(super) fn after_pem(self, at: usize) -> usize {
        let rest = self.text(at..self.text.len());
        let end = rest.find("-----END ").and_then(|end| {
            let tail = rest.get(end + 9..)?;
            Some(end + 9 + tail.find("-----")? + 5)
        });
        end.and_then(|end| rest.get(..end))
            .map_or(self.text.len(), |block| at + block.chars().count())
    }
}
