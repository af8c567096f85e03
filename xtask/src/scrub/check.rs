//! What was left in a recording that nobody else may see.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::patterns::{Kind, find, find_in, is_word};
use super::property::Class;
use super::stand_in::{
    is_stand_in_authority, is_stand_in_certificate, is_stand_in_guid, is_stand_in_hash,
    is_stand_in_ipv4, is_stand_in_ipv6, is_stand_in_token, is_stand_in_token_part,
};
use super::text::{conditions, gaps, is_command, stays_in_name, tokens};
use super::vocabulary::is_vocabulary;
use super::walk::Visitor;
use super::words::{is_stand_in, is_stand_in_phone, is_stand_in_secret};

/// Something that is no stand-in where only stand-ins may be.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Finding {
    /// File, message and property.
    pub(crate) place: String,
    /// What it is.
    pub(crate) kind: &'static str,
    /// How it begins; the rest is left out, for reports are shared as well.
    pub(crate) excerpt: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.place, self.kind, self.excerpt)
    }
}

/// Looks at every text that a walk comes to.
#[derive(Debug, Default)]
pub(super) struct Checker {
    /// In lower case.
    words: Vec<String>,
    /// Words that only count alone, for there may be thousands: in lower case.
    names: HashSet<String>,
    /// Ids that the client drew.
    drawn: BTreeSet<Uuid>,
    findings: BTreeSet<Finding>,
}

impl Checker {
    /// Looks for `words` in any case, and takes the ids in `drawn` for those of a client.
    pub(super) fn new(words: &[String], drawn: BTreeSet<Uuid>) -> Self {
        let words: BTreeSet<String> = words.iter().map(|word| word.to_lowercase()).collect();
        Self { words: words.into_iter().collect(), drawn, ..Self::default() }
    }

    /// Looks for `names` too, where they stand alone.
    pub(super) fn with_names(mut self, names: &[String]) -> Self {
        self.names = names.iter().map(|name| name.to_lowercase()).collect();
        self
    }

    /// Returns what was found, in the order of the places.
    pub(super) fn findings(self) -> Vec<Finding> {
        self.findings.into_iter().collect()
    }

    /// Looks for the words in bytes that are looked at as they stand.
    pub(super) fn raw(&mut self, place: &str, bytes: &[u8]) {
        self.words_in(&[place.to_owned()], &String::from_utf8_lossy(bytes));
    }

    fn report(&mut self, place: &[String], kind: &'static str, text: &str) {
        let place: Vec<&str> =
            place.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        let shown: String = text.chars().take(2).filter(|sign| !sign.is_control()).collect();
        let excerpt = format!("{shown}… ({} characters)", text.chars().count());
        self.findings.insert(Finding { place: place.join(", "), kind, excerpt });
    }

    /// Looks for the words that were given; short ones must stand alone, for they are parts of others.
    fn words_in(&mut self, place: &[String], text: &str) {
        let lower = text.to_lowercase();
        let found: Vec<String> = self
            .words
            .iter()
            .filter(|word| {
                lower.match_indices(word.as_str()).any(|(at, _)| {
                    let before = lower.get(..at).and_then(|text| text.chars().next_back());
                    let after = lower.get(at + word.len()..).and_then(|text| text.chars().next());
                    let alone = !before.is_some_and(is_word) && !after.is_some_and(is_word);
                    alone || word.chars().count() > 5
                })
            })
            .cloned()
            .collect();
        for word in found {
            self.report(place, "word of the recording", &word);
        }
    }

    fn names_in(&mut self, place: &[String], signs: &[char]) {
        if self.names.is_empty() {
            return;
        }
        for (start, end) in tokens(signs) {
            let word: String = signs.get(start..end).unwrap_or_default().iter().collect();
            if self.names.contains(&word.to_lowercase()) {
                self.report(place, "name of the recording", &word);
            }
        }
    }

    /// Looks at what is known by its form.
    fn patterns_in(&mut self, place: &[String], class: Class, signs: &[char]) {
        for one in find_in(class, signs) {
            let part = signs.get(one.range).unwrap_or_default();
            let text: String = part.iter().collect();
            let finding = match one.kind {
                Kind::Guid => self.id(&text),
                Kind::Sid => sid(&text),
                Kind::Address => address(part),
                Kind::Host => host(part).then_some("host or domain"),
                Kind::Ipv4 => (!is_stand_in_ipv4(&text)).then_some("IP address"),
                Kind::Ipv6 => (!is_stand_in_ipv6(&text)).then_some("IP address"),
                Kind::SignedToken => token(&text),
                Kind::Hash => self.hash(&text),
                Kind::Phone => phone(part),
                Kind::Secret => (!is_stand_in_secret(&text)).then_some("secret"),
                Kind::Pem => pem(&text),
                Kind::Path => names(part, is_vocabulary).then_some("path"),
                Kind::Name => name(part).then_some("name"),
            };
            if let Some(kind) = finding {
                self.report(place, kind, &text);
            }
        }
    }

    fn id(&self, text: &str) -> Option<&'static str> {
        let guid = Uuid::parse_str(text).ok()?;
        (!is_stand_in_guid(guid) && !self.drawn.contains(&guid)).then_some("GUID")
    }

    fn hash(&self, text: &str) -> Option<&'static str> {
        let guid = Uuid::parse_str(text).ok();
        let is_id = guid.is_some_and(|guid| is_stand_in_guid(guid) || self.drawn.contains(&guid));
        (!is_id && !is_stand_in_hash(text)).then_some("hash or thumbprint")
    }

    /// Looks at text of a class: there everything has to be a stand-in.
    fn class_of_text(&mut self, place: &[String], class: Class, signs: &[char]) {
        let found = find_in(class, signs);
        for (start, end) in gaps(&found, signs.len()) {
            let gap = signs.get(start..end).unwrap_or_default();
            let finding = match class {
                Class::Name | Class::Host => names(gap, stays_in_name).then_some("name"),
                Class::Note => names(gap, stays_in_name).then_some("text about people"),
                Class::Phone => phone(gap),
                _ => None,
            };
            if let Some(kind) = finding {
                self.report(place, kind, &gap.iter().collect::<String>());
            }
        }
        if class == Class::Filter {
            for (class, range) in conditions(signs) {
                self.class_of_text(place, class, signs.get(range).unwrap_or_default());
            }
        }
    }

    fn opaque(&mut self, place: &[String], class: Class, text: &str) {
        let finding = match class {
            Class::Secret => (!is_stand_in_secret(text)).then_some("secret"),
            Class::Token => token(text),
            Class::Credentials => credentials(text),
            Class::Cookie => cookies(text),
            _ => None,
        };
        if let Some(kind) = finding {
            self.report(place, kind, text);
        }
        let packed = text.split_once(' ').and_then(|(_, rest)| STANDARD.decode(rest).ok());
        if let Some(bytes) = packed.filter(|_| class == Class::Credentials) {
            self.words_in(place, &String::from_utf8_lossy(&bytes));
        }
        // What stands beside what is opaque, such as the realm of a challenge and the domain of a cookie.
        if matches!(class, Class::Credentials | Class::Cookie) {
            self.patterns_in(place, Class::Free, &text.chars().collect::<Vec<_>>());
        }
    }
}

impl Visitor for Checker {
    fn text(&mut self, place: &[String], class: Class, text: &str) -> Option<String> {
        self.words_in(place, text);
        match class {
            Class::Secret | Class::Token | Class::Credentials | Class::Cookie => {
                self.opaque(place, class, text);
            }
            _ => {
                let signs: Vec<char> = text.chars().collect();
                if class != Class::Fixed {
                    self.names_in(place, &signs);
                }
                self.patterns_in(place, class, &signs);
                self.class_of_text(place, class, &signs);
            }
        }
        None
    }

    fn certificate(&mut self, place: &[String], der: &[u8]) -> Option<Vec<u8>> {
        if !is_stand_in_certificate(der) {
            self.report(place, "certificate", "DER");
        }
        self.words_in(place, &String::from_utf8_lossy(der));
        None
    }

    fn guid(&mut self, _: &[String], guid: Uuid) -> Option<Uuid> {
        (is_stand_in_guid(guid) || self.drawn.contains(&guid)).then_some(guid)
    }

    fn sealed(&mut self, place: &[String], bytes: &[u8]) -> Option<Vec<u8>> {
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        if !is_stand_in_token(&text) {
            self.report(place, "encrypted secret", "bytes");
        }
        None
    }
}

/// Finds the ids that a client drew: those that the protocol lets it choose, in its requests.
#[derive(Debug, Default)]
pub(super) struct DrawnIds(pub(super) BTreeSet<Uuid>);

/// Where a client puts ids that it drew.
const DRAWN_AT: &[&str] = &[
    "MessageID",
    "OperationID",
    "SessionId",
    "ShellId",
    "CommandId",
    "client-request-id",
    "x-clientrequestid",
    "x-clientconnectionid",
    "connection-id",
    "jti",
];

impl DrawnIds {
    fn is_request(place: &[String]) -> bool {
        place.iter().any(|part| part.contains("request"))
    }
}

impl Visitor for DrawnIds {
    fn text(&mut self, place: &[String], _: Class, text: &str) -> Option<String> {
        let at =
            place.last().map(|name| name.rsplit(':').next().unwrap_or(name)).unwrap_or_default();
        let is_there = DRAWN_AT.iter().any(|known| known.eq_ignore_ascii_case(at));
        if is_there && Self::is_request(place) {
            let id = text.trim().trim_start_matches("uuid:").trim_start_matches("urn:uuid:");
            self.0.extend(Uuid::parse_str(id).ok());
        }
        None
    }

    fn certificate(&mut self, _: &[String], _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn guid(&mut self, place: &[String], guid: Uuid) -> Option<Uuid> {
        if Self::is_request(place) {
            self.0.insert(guid);
        }
        None
    }

    fn sealed(&mut self, _: &[String], _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// True when a word among `signs` is neither a stand-in nor one of those that may stay.
fn names(signs: &[char], stays: fn(&[char]) -> bool) -> bool {
    tokens(signs).into_iter().any(|(start, end)| {
        let word = signs.get(start..end).unwrap_or_default();
        let letters = word.split(|sign| !sign.is_alphabetic());
        !stays(word)
            && !is_command(signs, start, word)
            && letters.filter(|run| !run.is_empty()).any(|run| !is_stand_in(run))
    })
}

/// The same for a name that may hold identifiers, which are looked at for themselves.
fn name(signs: &[char]) -> bool {
    let inner: Vec<_> = find(signs)
        .into_iter()
        .filter(|one| matches!(one.kind, Kind::Guid | Kind::Sid | Kind::Hash | Kind::Host))
        .collect();
    inner
        .iter()
        .any(|one| one.kind == Kind::Host && host(signs.get(one.range.clone()).unwrap_or_default()))
        || gaps(&inner, signs.len())
            .into_iter()
            .any(|(start, end)| names(signs.get(start..end).unwrap_or_default(), stays_in_name))
}

fn host(signs: &[char]) -> bool {
    let last_dot = signs.iter().rposition(|sign| *sign == '.').unwrap_or(signs.len());
    names(signs.get(..last_dot).unwrap_or_default(), stays_in_name)
}

fn address(signs: &[char]) -> Option<&'static str> {
    let at = signs.iter().rposition(|sign| *sign == '@').unwrap_or(signs.len());
    let (local, domain) = signs.split_at_checked(at)?;
    (name(local) || host(domain)).then_some("address")
}

fn sid(text: &str) -> Option<&'static str> {
    let mut numbers = text.split('-').skip(4);
    (!numbers.all(is_stand_in_authority)).then_some("SID")
}

fn phone(signs: &[char]) -> Option<&'static str> {
    let digits: Vec<char> = signs.iter().copied().filter(char::is_ascii_digit).collect();
    (digits.len() > 4 && !is_stand_in_phone(&digits)).then_some("telephone number")
}

fn token(text: &str) -> Option<&'static str> {
    let clean = match text.strip_prefix("eyJ").map(|_| text.split('.').collect::<Vec<_>>()) {
        Some(parts) if parts.len() == 3 => parts.into_iter().all(is_stand_in_token_part),
        _ => is_stand_in_token(text),
    };
    (!clean).then_some("token")
}

fn credentials(text: &str) -> Option<&'static str> {
    let (scheme, rest) = text.split_once(' ')?;
    if rest.contains("=\"") {
        return None;
    }
    let plain = STANDARD.decode(rest);
    let plain = plain.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match plain.as_deref().and_then(|plain| plain.split_once(':')) {
        Some((user, password)) if scheme.eq_ignore_ascii_case("basic") => {
            let user: Vec<char> = user.chars().collect();
            (names(&user, stays_in_name) || !is_stand_in_secret(password)).then_some("credentials")
        }
        _ => token(rest).map(|_| "credentials"),
    }
}

fn cookies(text: &str) -> Option<&'static str> {
    let attributes = ["path", "expires", "domain", "max-age", "samesite"];
    let mut pairs = text.split(';').enumerate().filter_map(|(number, pair)| {
        let (name, value) = pair.split_once('=')?;
        let name = name.trim().to_ascii_lowercase();
        (number == 0 || !attributes.contains(&name.as_str())).then_some(value)
    });
    pairs.any(|value| !is_stand_in_token(value)).then_some("cookie")
}

fn pem(text: &str) -> Option<&'static str> {
    let packed: String =
        text.lines().filter(|line| !line.contains("-----")).map(str::trim).collect();
    let der = STANDARD.decode(packed);
    (!der.is_ok_and(|der| is_stand_in_certificate(&der))).then_some("certificate or key")
}
