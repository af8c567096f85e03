//! Hosts, domains, and what stands in them: addresses of people, containers.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::{Scan, is_word};
use crate::scrub::vocabulary::is_structural;

impl Scan<'_> {
    pub(super) fn host_of_url(self, at: usize) -> Option<Range<usize>> {
        // The scheme was passed over as a word before; what is looked at is the word after it.
        if !(at >= 3 && self.starts_with(at - 3, "://")) {
            return None;
        }
        let end = self.run(at, is_host_sign);
        (self.ipv4(at).is_none() && self.get(end) != '@').then_some(at..end)
    }

    pub(super) fn address(self, at: usize) -> Option<Range<usize>> {
        let is_local = |sign: char| {
            sign.is_alphanumeric()
                || matches!(sign, '.' | '_' | '%' | '+' | '-' | '\'' | '&' | '{' | '}' | '#' | '~')
        };
        let sign = self.run(at, is_local);
        if self.get(sign) != '@' || !self.get(sign + 1).is_alphanumeric() {
            return None;
        }
        let end = self.trimmed(sign + 1, self.run(sign + 1, is_host_sign));
        let domain = self.text(sign + 1..end).to_ascii_lowercase();
        // Annotations of OData look like addresses.
        let annotation = ["odata.", "data.", "adminapi."];
        (!annotation.iter().any(|start| domain.starts_with(start))).then_some(at..end)
    }

    pub(super) fn ipv4(self, at: usize) -> Option<Range<usize>> {
        // Most words are no number: they are passed over before a text is made of them.
        if !self.get(at).is_ascii_digit() {
            return None;
        }
        let end = self.trimmed(at, self.run(at, |sign| sign == '.' || sign.is_ascii_digit()));
        let text = self.text(at..end);
        if text.parse::<Ipv4Addr>().is_err() || self.before(at) == '.' {
            return None;
        }
        (!is_word(self.get(end)) && !self.is_version(at, &text)).then_some(at..end)
    }

    /// True for the four numbers of a version.
    pub(super) fn is_version(self, at: usize, text: &str) -> bool {
        let before = self.text(at.saturating_sub(12)..at).to_ascii_lowercase();
        let exchange = ["15.0.", "15.1.", "15.2.", "15.20.", "14.3."];
        before.contains("ersion")
            || before.contains("build")
            || (before.ends_with('/') && !before.ends_with("://"))
            || before.ends_with('v')
            || exchange.iter().any(|start| text.starts_with(start))
    }

    pub(super) fn ipv6(self, at: usize) -> Option<Range<usize>> {
        let end = self.run(at, |sign| sign == ':' || sign == '.' || sign.is_ascii_hexdigit());
        let end = self.trimmed(at, end);
        if !self.has(at..end, ':') {
            return None;
        }
        let text = self.text(at..end);
        let is_address = text.len() > 5
            && text.contains(|sign: char| sign.is_ascii_digit())
            && text.parse::<Ipv6Addr>().is_ok();
        (is_address && !is_word(self.get(end))).then_some(at..end)
    }

    pub(super) fn host(self, at: usize) -> Option<Range<usize>> {
        if matches!(self.before(at), '.' | '$' | '-') {
            return None;
        }
        let end = self.trimmed(at, self.run(at, is_host_sign));
        if !self.has(at..end, '.') {
            return None;
        }
        let text = self.text(at..end);
        let labels: Vec<&str> = text.split('.').collect();
        let (Some(last), true) = (labels.last(), labels.len() > 1) else { return None };
        let plain = labels.iter().all(|label| !label.is_empty())
            && !is_word(self.get(end))
            && self.get(end) != '(';
        (plain && is_top_level(last, &text, labels.len())).then_some(at..end)
    }

    pub(super) fn is_container_path(self, host: &Range<usize>) -> bool {
        let in_url = self.before(host.start) == '/';
        let text = self.text(host.clone());
        let mut labels = text.split('.').rev().skip(1);
        self.get(host.end) == '/'
            && !in_url
            && text.contains('.')
            && !labels.all(|label| is_structural(&label.to_ascii_lowercase()))
    }

    pub(super) fn until_quote(self, start: usize) -> usize {
        let mut end = start;
        while end < self.text.len() {
            let closes = match self.get(end) {
                '\'' | '\u{2019}' => !self.get(end + 1).is_alphanumeric(),
                // What follows are the properties of the object.
                '(' => self.begins_property(end + 1),
                sign => {
                    matches!(sign, '"' | '\u{201d}' | '\r' | '\n' | ';' | ')' | ']' | '<' | '|')
                }
            };
            if closes {
                break;
            }
            end += 1;
        }
        end
    }

    /// True where a name and an equals sign stand.
    pub(super) fn begins_property(self, at: usize) -> bool {
        let name = self.run(at, |sign| sign.is_ascii_alphanumeric());
        name > at && self.get(name) == '='
    }
}

fn is_host_sign(sign: char) -> bool {
    sign.is_alphanumeric() || matches!(sign, '.' | '-' | '_')
}

/// True when `label` ends the name of a host. Labels that are words of programs too do so only after two others in one case.
fn is_top_level(label: &str, host: &str, labels: usize) -> bool {
    let label = label.to_ascii_lowercase();
    let one_case = host.chars().all(|sign| !sign.is_ascii_uppercase())
        || host.chars().all(|sign| !sign.is_ascii_lowercase());
    TOP_LEVEL.contains(&label.as_str())
        || (labels > 2 && one_case && AMBIGUOUS.contains(&label.as_str()))
}

/// Ends of host names: of the public ones the usual, and those that companies give their inner domains.
const TOP_LEVEL: &[&str] = &[
    "com",
    "org",
    "edu",
    "gov",
    "mil",
    "local",
    "lan",
    "corp",
    "internal",
    "intern",
    "intra",
    "test",
    "example",
    "invalid",
    "localdomain",
    "onmicrosoft",
    "biz",
    "cloud",
    "de",
    "fr",
    "ch",
    "nl",
    "uk",
    "eu",
    "jp",
    "cn",
    "ru",
    "br",
    "au",
    "ca",
    "es",
    "se",
    "dk",
    "fi",
    "cz",
    "sk",
    "hu",
    "tr",
    "kr",
    "tw",
    "hk",
    "sg",
    "nz",
    "ie",
    "pt",
    "gr",
    "ro",
    "ua",
    "mx",
    "ar",
    "za",
];
const AMBIGUOUS: &[&str] = &[
    "net", "io", "ai", "info", "name", "app", "dev", "ad", "home", "office", "group", "company",
    "it", "in", "at", "be", "no", "us", "pl", "id", "my", "is", "to", "me", "co", "priv", "site",
    "int", "arpa", "ms", "do", "so", "as",
];
