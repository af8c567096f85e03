//! What a recording is about: the names in it, and what stands in for each.

mod opaque;
mod replace;

use std::collections::{HashMap, HashSet};
use std::fmt;

use uuid::Uuid;

use super::alphabet::fold;
use super::patterns::{Kind, find_in};
use super::property::Class;
use super::stand_in::StandIns;
use super::text::{conditions, gaps, stays_in_name, tokens};
use super::vocabulary::is_vocabulary;
use super::words::{Words, is_stand_in};

/// Letters of a word that is looked for in all texts. Shorter ones are only replaced where a name stands.
const MIN_KNOWN: usize = 3;
/// Letters of a secret that is looked for in all texts.
const MIN_SECRET: usize = 5;

/// All that was learnt of a recording, and all stand-ins drawn so far.
///
/// One identifier has one stand-in in all places, of the same length in bytes and of the same kinds of letters; two
/// identifiers have two. The parts of names, addresses and domains are replaced by themselves, so whoever is called like his
/// address, or lies in the same domain as another, still does.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    words: Words,
    stand_ins: StandIns,
    /// Words that name somebody or something, without case.
    known: HashSet<Vec<char>>,
    /// Names of several words, by their first word.
    phrases: HashMap<Vec<char>, Vec<Vec<char>>>,
    /// Secrets, the longest first.
    secrets: Vec<String>,
    /// Ids that the client drew itself, which tell nothing.
    kept: HashSet<Uuid>,
    /// Ids that stand in a text somewhere, by which their bytes are known.
    seen: HashSet<Uuid>,
    counts: Counts,
}

/// How much was replaced, by kind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) names: usize,
    pub(crate) addresses: usize,
    pub(crate) hosts: usize,
    pub(crate) identifiers: usize,
    pub(crate) secrets: usize,
    pub(crate) phones: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { names, addresses, hosts, identifiers, secrets, phones } = self;
        write!(
            f,
            "{names} names, {addresses} addresses, {hosts} hosts, {identifiers} identifiers, {secrets} secrets and \
             {phones} telephone numbers replaced"
        )
    }
}

impl Dictionary {
    /// Leaves `guids` as they are.
    pub(super) fn keep(&mut self, guids: impl IntoIterator<Item = Uuid>) {
        self.kept.extend(guids);
    }

    /// Returns how much was replaced so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns the words of at least four letters that name somebody and must not be left anywhere.
    pub(super) fn telling_names(&self) -> Vec<String> {
        let telling = |word: &&Vec<char>| word.len() > MIN_KNOWN && !is_stand_in(word);
        let mut names: Vec<String> =
            self.known.iter().filter(telling).map(|word| word.iter().collect()).collect();
        names.sort();
        names
    }

    /// Returns the secrets that must not be left anywhere.
    pub(super) fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Learns a secret that is replaced wherever it stands.
    pub(super) fn learn_secret(&mut self, secret: &str) {
        if secret.chars().count() >= MIN_SECRET && !self.secrets.iter().any(|known| known == secret)
        {
            self.secrets.push(secret.to_owned());
            self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// Learns whatever `text`, of this class, says about names.
    pub(super) fn learn(&mut self, class: Class, text: &str) {
        if class == Class::Secret {
            self.learn_secret(text);
            return;
        }
        let signs: Vec<char> = text.chars().collect();
        let found = find_in(class, &signs);
        for one in &found {
            let part = signs.get(one.range.clone()).unwrap_or_default();
            match one.kind {
                Kind::Address | Kind::Host | Kind::Name => self.learn_words(part),
                Kind::Secret => self.learn_secret(&part.iter().collect::<String>()),
                Kind::Guid => self.seen.extend(Uuid::parse_str(&part.iter().collect::<String>())),
                _ => {}
            }
        }
        match class {
            Class::Name | Class::Host => {
                for (start, end) in gaps(&found, signs.len()) {
                    self.learn_words(signs.get(start..end).unwrap_or_default());
                }
                self.learn_phrase(&signs);
            }
            Class::Phone => self.learn_phrase(&signs),
            Class::Filter => {
                for (class, range) in conditions(&signs) {
                    let value: String = signs.get(range).unwrap_or_default().iter().collect();
                    self.learn(class, value.trim_matches('*'));
                }
            }
            _ => {}
        }
    }

    fn learn_words(&mut self, signs: &[char]) {
        for (start, end) in tokens(signs) {
            let word = signs.get(start..end).unwrap_or_default();
            let folded: Vec<char> = word.iter().copied().map(fold).collect();
            self.words.avoid(word);
            let names = word.len() >= MIN_KNOWN && word.iter().any(|sign| sign.is_alphabetic());
            if names && !is_vocabulary(word) && !looks_like_number(word) {
                self.known.insert(folded);
            }
        }
    }

    fn learn_phrase(&mut self, signs: &[char]) {
        let words = tokens(signs);
        let (Some((start, first_end)), Some((_, end))) =
            (words.first().copied(), words.last().copied())
        else {
            return;
        };
        // What is only words of structure is said of many things, and what is very long is said once.
        let tells = words.iter().any(|(start, end)| {
            let word = signs.get(*start..*end).unwrap_or_default();
            word.len() > 1 && !stays_in_name(word)
        });
        if words.len() < 2 || !tells || end - start > 256 || words.len() > 24 {
            return;
        }
        let folded = |start, end| -> Vec<char> {
            signs.get(start..end).unwrap_or_default().iter().copied().map(fold).collect()
        };
        let phrase = folded(start, end);
        let known = self.phrases.entry(folded(start, first_end)).or_default();
        if !known.contains(&phrase) {
            known.push(phrase);
            known.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
        }
    }
}

fn looks_like_number(word: &[char]) -> bool {
    word.iter().filter(|sign| sign.is_alphabetic()).count() == 1 && word.len() < 4
}
