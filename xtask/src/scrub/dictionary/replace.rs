//! Texts with stand-ins in the place of names.

use super::Dictionary;
use crate::scrub::alphabet::fold;
use crate::scrub::patterns::{Found, Kind, find, find_in, is_word};
use crate::scrub::property::Class;
use crate::scrub::stand_in::{is_stand_in_ipv4, is_stand_in_ipv6};
use crate::scrub::text::{conditions, gaps, is_command, stays_in_name, tokens};
use crate::scrub::vocabulary::is_vocabulary;

impl Dictionary {
    /// Returns `text`, of this class, with stand-ins; `None` when nothing in it is anybody's.
    pub(in crate::scrub) fn replace(&mut self, class: Class, text: &str) -> Option<String> {
        let replaced = match class {
            Class::Secret => self.secret(text),
            Class::Token => self.token(text),
            Class::Credentials => self.credentials(text),
            Class::Cookie => self.cookies(text),
            _ => self.replace_open(class, text),
        };
        (replaced != text).then_some(replaced)
    }

    pub(super) fn replace_open(&mut self, class: Class, text: &str) -> String {
        let signs: Vec<char> = text.chars().collect();
        let mut out = signs.clone();
        let mut at = 0;
        for (start, end) in self.secrets_in(&signs) {
            self.replace_between(class, &signs, (at, start), &mut out);
            let secret: String = signs.get(start..end).unwrap_or_default().iter().collect();
            put(&mut out, start, &self.secret(&secret));
            at = end;
        }
        self.replace_between(class, &signs, (at, signs.len()), &mut out);
        out.into_iter().collect()
    }

    /// Finds the known secrets in a text.
    fn secrets_in(&self, signs: &[char]) -> Vec<(usize, usize)> {
        let text: String = signs.iter().collect();
        let mut found: Vec<(usize, usize)> = Vec::new();
        for secret in &self.secrets {
            let len = secret.chars().count();
            for (at, _) in text.match_indices(secret.as_str()) {
                let start = text.get(..at).map_or(0, |before| before.chars().count());
                if !found.iter().any(|(from, to)| start < *to && start + len > *from) {
                    found.push((start, start + len));
                }
            }
        }
        found.sort_unstable();
        found
    }

    fn replace_between(
        &mut self,
        class: Class,
        signs: &[char],
        (start, end): (usize, usize),
        out: &mut [char],
    ) {
        let part = signs.get(start..end).unwrap_or_default();
        let found = find_in(class, part);
        for one in &found {
            let original = part.get(one.range.clone()).unwrap_or_default();
            let replaced = self.found(one.kind, original);
            put(out, start + one.range.start, &replaced);
        }
        for (from, to) in gaps(&found, part.len()) {
            let gap = part.get(from..to).unwrap_or_default();
            let replaced = match class {
                Class::Name | Class::Host | Class::Note => self.name(gap),
                Class::Phone => self.phone(gap),
                Class::Filter => self.filter(gap),
                Class::Fixed => continue,
                _ => self.known_in(gap),
            };
            put(out, start + from, &replaced);
        }
    }

    fn found(&mut self, kind: Kind, original: &[char]) -> String {
        let text: String = original.iter().collect();
        let replaced = match kind {
            Kind::Guid => self.guid_text(&text),
            Kind::Sid => self.sid(&text),
            Kind::Ipv4 if is_stand_in_ipv4(&text) => text.clone(),
            Kind::Ipv6 if is_stand_in_ipv6(&text) => text.clone(),
            Kind::Ipv4 => self.stand_ins.ipv4(&text),
            Kind::Ipv6 => self.stand_ins.ipv6(&text),
            Kind::SignedToken => self.token(&text),
            Kind::Hash => self.hash(&text),
            Kind::Phone => self.phone(original),
            Kind::Secret => self.secret(&text),
            Kind::Pem => self.pem(&text),
            Kind::Path => self.known_or_unusual(original),
            Kind::Address => self.address(original),
            Kind::Host => self.host(original),
            Kind::Name => self.inside_name(original),
        };
        if replaced != text {
            let count = match kind {
                Kind::Address => &mut self.counts.addresses,
                Kind::Host | Kind::Ipv4 | Kind::Ipv6 => &mut self.counts.hosts,
                Kind::Guid | Kind::Sid | Kind::Hash | Kind::Pem | Kind::SignedToken => {
                    &mut self.counts.identifiers
                }
                Kind::Phone => &mut self.counts.phones,
                Kind::Secret => &mut self.counts.secrets,
                Kind::Name | Kind::Path => &mut self.counts.names,
            };
            *count += 1;
        }
        replaced
    }

    /// Replaces the words of a name, and the identifiers inside it.
    fn inside_name(&mut self, signs: &[char]) -> String {
        let mut out = signs.to_vec();
        let inner: Vec<Found> = find(signs)
            .into_iter()
            .filter(|one| matches!(one.kind, Kind::Guid | Kind::Sid | Kind::Hash | Kind::Host))
            .collect();
        for one in &inner {
            let replaced = self.found(one.kind, signs.get(one.range.clone()).unwrap_or_default());
            put(&mut out, one.range.start, &replaced);
        }
        for (from, to) in gaps(&inner, signs.len()) {
            put(&mut out, from, &self.name(signs.get(from..to).unwrap_or_default()));
        }
        out.into_iter().collect()
    }

    fn address(&mut self, signs: &[char]) -> String {
        let at = signs.iter().rposition(|sign| *sign == '@').unwrap_or(signs.len());
        let (local, domain) = signs.split_at_checked(at).unwrap_or((signs, &[]));
        format!("{}{}", self.inside_name(local), self.host(domain))
    }

    /// Replaces the labels of a domain but for the last one, and those that belong to everybody.
    fn host(&mut self, signs: &[char]) -> String {
        let last_dot = signs.iter().rposition(|sign| *sign == '.').unwrap_or(signs.len());
        let (labels, last) = signs.split_at_checked(last_dot).unwrap_or((signs, &[]));
        let mut replaced = self.name(labels);
        replaced.extend(last);
        replaced
    }

    /// Replaces all words but those of structure.
    fn name(&mut self, signs: &[char]) -> String {
        let mut out = signs.to_vec();
        for (start, end) in tokens(signs) {
            let word = signs.get(start..end).unwrap_or_default();
            if stays_in_name(word) || is_command(signs, start, word) {
                continue;
            }
            put(&mut out, start, &self.word(word));
        }
        out.into_iter().collect()
    }

    /// Replaces a word: its letters and its digits by themselves, so that what two words have in common they keep in common,
    /// unless they come in turns.
    fn word(&mut self, word: &[char]) -> String {
        let is_digit = |sign: &char| sign.is_ascii_digit();
        let runs: Vec<&[char]> =
            word.chunk_by(|one, other| is_digit(one) == is_digit(other)).collect();
        if runs.len() > 2 {
            return self.words.mixed(word);
        }
        let mut out = String::new();
        for run in &runs {
            match run.first() {
                Some(first) if is_digit(first) => {
                    out.push_str(&self.words.number(&run.iter().collect::<String>()));
                }
                _ => out.extend(self.words.stand_in(run)),
            }
        }
        let is_same = word.iter().copied().eq(out.chars());
        if is_same && word.len() > 2 && runs.len() > 1 { self.words.mixed(word) } else { out }
    }

    /// Replaces what was learnt elsewhere: names of several words first, then single words.
    fn known_in(&mut self, signs: &[char]) -> String {
        let mut out = signs.to_vec();
        let mut passed = 0;
        for (start, end) in tokens(signs) {
            if start < passed {
                continue;
            }
            let word = signs.get(start..end).unwrap_or_default();
            let folded: Vec<char> = word.iter().copied().map(fold).collect();
            if let Some(len) = self.phrase_at(signs, start, &folded) {
                let phrase = signs.get(start..start + len).unwrap_or_default();
                put(&mut out, start, &self.name(phrase));
                passed = start + len;
            } else if self.known.contains(&folded) {
                put(&mut out, start, &self.word(word));
                self.counts.names += 1;
            }
        }
        out.into_iter().collect()
    }

    fn phrase_at(&self, signs: &[char], start: usize, first: &[char]) -> Option<usize> {
        let rest = signs.get(start..)?;
        let matches = |phrase: &&Vec<char>| {
            let ends = rest.get(phrase.len()).is_none_or(|sign| !is_word(*sign));
            ends && phrase.len() <= rest.len()
                && rest.iter().zip(phrase.iter()).all(|(sign, known)| fold(*sign) == *known)
        };
        self.phrases.get(first)?.iter().find(matches).map(Vec::len)
    }

    /// Replaces in a path what is no usual word there.
    fn known_or_unusual(&mut self, signs: &[char]) -> String {
        let mut out = signs.to_vec();
        for (start, end) in tokens(signs) {
            let word = signs.get(start..end).unwrap_or_default();
            if !is_vocabulary(word) {
                put(&mut out, start, &self.word(word));
            }
        }
        out.into_iter().collect()
    }

    fn filter(&mut self, signs: &[char]) -> String {
        let mut out = signs.to_vec();
        let conditions = conditions(signs);
        for (class, range) in &conditions {
            let value: String = signs.get(range.clone()).unwrap_or_default().iter().collect();
            if let Some(replaced) = self.replace(*class, &value) {
                put(&mut out, range.start, &replaced);
            }
        }
        let quoted: Vec<Found> =
            conditions.into_iter().map(|(_, range)| Found { range, kind: Kind::Name }).collect();
        for (from, to) in gaps(&quoted, signs.len()) {
            put(&mut out, from, &self.known_in(signs.get(from..to).unwrap_or_default()));
        }
        out.into_iter().collect()
    }

    fn phone(&mut self, signs: &[char]) -> String {
        let digits: String = signs.iter().filter(|sign| sign.is_ascii_digit()).collect();
        if digits.len() < 3 {
            return self.name(signs);
        }
        let drawn = self.words.phone(&digits);
        let mut drawn = drawn.chars();
        let mut replaced = signs.to_vec();
        for sign in replaced.iter_mut().filter(|sign| sign.is_ascii_digit()) {
            *sign = drawn.next().unwrap_or('5');
        }
        // What is written around the digits, such as a name, is replaced as a name is; its digits are all stand-ins by now.
        let words: Vec<(usize, usize)> = tokens(&replaced);
        for (start, end) in words {
            let word: Vec<char> = replaced.get(start..end).unwrap_or_default().to_vec();
            if word.iter().all(|sign| sign.is_alphabetic()) && !stays_in_name(&word) {
                put(&mut replaced, start, &self.word(&word));
            }
        }
        replaced.into_iter().collect()
    }
}

/// Writes `text` over the signs from `start` on.
fn put(out: &mut [char], start: usize, text: &str) {
    let target = out.get_mut(start..).unwrap_or_default();
    target.iter_mut().zip(text.chars()).for_each(|(sign, new)| *sign = new);
}
