//! What a recording is about: the names in it, and what stands in for each.

use std::collections::{HashMap, HashSet};
use std::fmt;

use uuid::Uuid;

use super::alphabet::fold;
use super::patterns::{Found, Kind, find, find_in, is_word};
use super::property::{Class, class_of};
use super::stand_in::StandIns;
use super::vocabulary::{is_structural, is_vocabulary};
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

    /// Returns `text`, of this class, with stand-ins; `None` when nothing in it is anybody's.
    pub(super) fn replace(&mut self, class: Class, text: &str) -> Option<String> {
        let replaced = match class {
            Class::Secret => self.secret(text),
            Class::Token => self.token(text),
            Class::Credentials => self.credentials(text),
            Class::Cookie => self.cookies(text),
            _ => self.replace_open(class, text),
        };
        (replaced != text).then_some(replaced)
    }

    fn replace_open(&mut self, class: Class, text: &str) -> String {
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
            Kind::Ipv4 if super::stand_in::is_stand_in_ipv4(&text) => text.clone(),
            Kind::Ipv6 if super::stand_in::is_stand_in_ipv6(&text) => text.clone(),
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

    fn guid_text(&mut self, text: &str) -> String {
        let Ok(guid) = Uuid::parse_str(text) else { return text.to_owned() };
        if self.kept.contains(&guid) {
            return text.to_owned();
        }
        let replaced = self.stand_ins.guid(guid).to_string();
        if text.contains(|digit: char| digit.is_ascii_uppercase()) {
            replaced.to_ascii_uppercase()
        } else {
            replaced
        }
    }

    /// Replaces 16 bytes that are a known GUID.
    pub(super) fn guid(&mut self, guid: Uuid) -> Option<Uuid> {
        let known = self.seen.contains(&guid) && !self.kept.contains(&guid);
        known.then(|| self.stand_ins.guid(guid))
    }

    /// Replaces the numbers of the domain; the last number stays where it names the same account in every domain.
    fn sid(&mut self, text: &str) -> String {
        let parts: Vec<&str> = text.split('-').collect();
        let replaced = parts.iter().enumerate().map(|(place, part)| {
            if place < 4 { (*part).to_owned() } else { self.stand_ins.authority(part) }
        });
        replaced.collect::<Vec<_>>().join("-")
    }

    fn hash(&mut self, text: &str) -> String {
        match Uuid::parse_str(text) {
            Ok(guid) if text.len() == 32 && self.kept.contains(&guid) => text.to_owned(),
            Ok(guid) if text.len() == 32 && self.stand_ins.known_guid(guid).is_some() => {
                self.stand_ins.guid(guid).simple().to_string()
            }
            _ => self.stand_ins.hash(text),
        }
    }

    fn secret(&mut self, text: &str) -> String {
        self.counts.secrets += 1;
        self.words.secret(text)
    }

    fn token(&mut self, text: &str) -> String {
        self.counts.secrets += 1;
        if !text.starts_with("eyJ") || text.matches('.').count() != 2 {
            return self.stand_ins.token(text);
        }
        let parts: Vec<String> =
            text.split('.').map(|part| self.stand_ins.token_part(part)).collect();
        parts.join(".")
    }

    /// Replaces what follows the scheme of an `Authorization` or a challenge; the parameters of a challenge stay readable.
    fn credentials(&mut self, text: &str) -> String {
        let Some((scheme, rest)) = text.split_once(' ') else { return text.to_owned() };
        if rest.contains("=\"") {
            return format!("{scheme} {}", self.replace_open(Class::Free, rest));
        }
        let replaced = match base64_text(rest) {
            Some(plain) if scheme.eq_ignore_ascii_case("basic") => {
                let (user, password) = plain.split_once(':').unwrap_or((plain.as_str(), ""));
                let user = self.replace_open(Class::Name, user);
                to_base64(format!("{user}:{}", self.secret(password)).as_bytes())
            }
            _ => self.token(rest),
        };
        format!("{scheme} {replaced}")
    }

    fn cookies(&mut self, text: &str) -> String {
        let pairs = text.split(';').enumerate().map(|(number, pair)| {
            let Some((name, value)) = pair.split_once('=') else { return pair.to_owned() };
            let is_attribute = number > 0
                && ["path", "expires", "domain", "max-age", "samesite"]
                    .contains(&name.trim().to_ascii_lowercase().as_str());
            if is_attribute {
                return self.replace_open(Class::Free, pair);
            }
            self.counts.secrets += 1;
            format!("{name}={}", self.stand_ins.token(value))
        });
        pairs.collect::<Vec<_>>().join(";")
    }

    /// Replaces the base64 of a block, line by line; a certificate by one that is none.
    fn pem(&mut self, text: &str) -> String {
        let packed: String =
            text.lines().filter(|line| !line.contains("-----")).map(str::trim).collect();
        let Ok(der) = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &packed)
        else {
            return text
                .chars()
                .map(|sign| if sign.is_alphanumeric() { 'x' } else { sign })
                .collect();
        };
        let replaced = to_base64(&self.stand_ins.certificate(&der));
        let mut fill = replaced.chars();
        let mut inside = false;
        let mut out = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            if line.contains("-----") {
                inside = !inside && line.contains("BEGIN");
                out.push_str(line);
                continue;
            }
            let filled = line
                .chars()
                .map(|sign| if sign.is_whitespace() { sign } else { fill.next().unwrap_or('=') });
            out.extend(filled);
        }
        out
    }

    /// Replaces a certificate.
    pub(super) fn certificate(&mut self, der: &[u8]) -> Vec<u8> {
        self.counts.identifiers += 1;
        self.stand_ins.certificate(der)
    }

    /// Replaces bytes that nobody can decrypt by others of the same number.
    pub(super) fn sealed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.counts.secrets += 1;
        let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let drawn = self.stand_ins.token(&key);
        drawn.bytes().take(bytes.len()).collect()
    }
}

fn base64_text(text: &str) -> Option<String> {
    let bytes =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text.trim()).ok()?;
    String::from_utf8(bytes).ok()
}

fn to_base64(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}

/// Writes `text` over the signs from `start` on.
fn put(out: &mut [char], start: usize, text: &str) {
    let target = out.get_mut(start..).unwrap_or_default();
    target.iter_mut().zip(text.chars()).for_each(|(sign, new)| *sign = new);
}

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

fn looks_like_number(word: &[char]) -> bool {
    word.iter().filter(|sign| sign.is_alphabetic()).count() == 1 && word.len() < 4
}

/// Returns the quoted values of an OPATH filter, each with the class of the property before it.
pub(super) fn conditions(signs: &[char]) -> Vec<(Class, std::ops::Range<usize>)> {
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
