//! Identifiers that are known by their form, wherever they stand in a text.
//!
//! The scrubber replaces what is found here, and the checker demands that what is found here is a stand-in.

use std::net::Ipv6Addr;
use std::ops::Range;

use super::property::{Class, class_of};
use super::vocabulary::is_structural;

/// What a part of a text is, by its form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Guid,
    Sid,
    /// A local part, `@`, a domain.
    Address,
    /// Labels with dots, or a single label where only a host can stand.
    Host,
    Ipv4,
    Ipv6,
    /// Three parts in base64 with dots between.
    SignedToken,
    /// At least 32 hexadecimal digits.
    Hash,
    Phone,
    /// Words that name somebody or something: a component of a distinguished name, an account with its domain.
    Name,
    /// A path of a file system or registry, where words that everybody uses may stay.
    Path,
    /// What follows `password=` and the like.
    Secret,
    /// A certificate or key in PEM.
    Pem,
}

/// A part of a text, in characters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Found {
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
}

/// Finds all identifiers in `text`, in order; none overlaps another.
pub(super) fn find(text: &[char]) -> Vec<Found> {
    let scan = Scan { text };
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let next = if scan.starts_word(at) { scan.word_at(at) } else { scan.sign_at(at) };
        match next {
            Some(one) if one.range.end > at => {
                // `key=` is passed over and only the value counts.
                at = one.range.end;
                if !one.range.is_empty() {
                    found.push(one);
                }
            }
            _ => at = scan.after(at),
        }
    }
    found
}

/// The same in a text of this class. A telephone number with dots is no IP address, and in a fixed vocabulary only that counts
/// which is no word of any.
pub(super) fn find_in(class: Class, text: &[char]) -> Vec<Found> {
    let mut found = find(text);
    found.retain(|one| match class {
        Class::Phone => one.kind != Kind::Ipv4,
        Class::Fixed => matches!(
            one.kind,
            Kind::Address | Kind::Guid | Kind::Sid | Kind::SignedToken | Kind::Hash | Kind::Pem
        ),
        _ => true,
    });
    found
}

#[derive(Clone, Copy)]
struct Scan<'t> {
    text: &'t [char],
}

type Recogniser = (Kind, fn(Scan<'_>, usize) -> Option<Range<usize>>);

/// In the order in which they are tried: what is longer or more certain comes first.
const WORDS: [Recogniser; 14] = [
    (Kind::Secret, |scan, at| scan.assigned(at, |class| class == Class::Secret)),
    (Kind::Name, |scan, at| scan.distinguished(at)),
    (Kind::Guid, |scan, at| scan.guid(at)),
    (Kind::Sid, |scan, at| scan.sid(at)),
    (Kind::SignedToken, |scan, at| scan.signed_token(at)),
    (Kind::Host, |scan, at| scan.host_of_url(at)),
    (Kind::Address, |scan, at| scan.address(at)),
    (Kind::Ipv6, |scan, at| scan.ipv6(at)),
    (Kind::Ipv4, |scan, at| scan.ipv4(at)),
    (Kind::Host, |scan, at| scan.host(at)),
    (Kind::Path, |scan, at| scan.path(at)),
    (Kind::Name, |scan, at| scan.account(at)),
    (Kind::Hash, |scan, at| scan.hash(at)),
    (Kind::Name, |scan, at| scan.assigned(at, |class| class == Class::Host)),
];

impl Scan<'_> {
    fn get(self, at: usize) -> char {
        self.text.get(at).copied().unwrap_or('\0')
    }

    fn before(self, at: usize) -> char {
        at.checked_sub(1).map_or('\0', |before| self.get(before))
    }

    fn starts_word(self, at: usize) -> bool {
        is_word(self.get(at)) && !is_word(self.before(at))
    }

    /// Returns the place after the word at `at`, or after the sign there.
    fn after(self, at: usize) -> usize {
        if is_word(self.get(at)) { self.run(at, is_word) } else { at + 1 }
    }

    /// Returns the end of the run of signs from `at` on that satisfy `wanted`.
    fn run(self, at: usize, wanted: impl Fn(char) -> bool) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        at + rest.iter().take_while(|sign| wanted(**sign)).count()
    }

    fn text(self, range: Range<usize>) -> String {
        self.text.get(range).unwrap_or_default().iter().collect()
    }

    /// True where a name and an equals sign stand.
    fn begins_property(self, at: usize) -> bool {
        let name = self.run(at, |sign| sign.is_ascii_alphanumeric());
        name > at && self.get(name) == '='
    }

    fn starts_with(self, at: usize, start: &str) -> bool {
        start.chars().enumerate().all(|(offset, sign)| self.get(at + offset) == sign)
    }

    fn word_at(self, at: usize) -> Option<Found> {
        let mut recognised = WORDS.iter().filter_map(|(kind, recognise)| {
            recognise(self, at).map(|range| Found { range, kind: *kind })
        });
        let found = recognised.next()?;
        // What stands below a domain is a path of containers.
        if found.kind == Kind::Host && self.is_container_path(&found.range) {
            return Some(Found { range: at..self.until_quote(found.range.end), kind: Kind::Name });
        }
        Some(found)
    }

    fn sign_at(self, at: usize) -> Option<Found> {
        match self.get(at) {
            '+' => self.phone(at).map(|range| Found { range, kind: Kind::Phone }),
            '/' if !is_word(self.before(at)) => {
                self.rooted(at).map(|range| Found { range, kind: Kind::Path })
            }
            '-' if self.starts_with(at, "-----BEGIN ") => {
                Some(Found { range: at..self.after_pem(at), kind: Kind::Pem })
            }
            _ => None,
        }
    }

    fn after_pem(self, at: usize) -> usize {
        let rest = self.text(at..self.text.len());
        let end = rest.find("-----END ").and_then(|end| {
            let tail = rest.get(end + 9..)?;
            Some(end + 9 + tail.find("-----")? + 5)
        });
        end.and_then(|end| rest.get(..end))
            .map_or(self.text.len(), |block| at + block.chars().count())
    }

    fn guid(self, at: usize) -> Option<Range<usize>> {
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

    fn sid(self, at: usize) -> Option<Range<usize>> {
        if !matches!(self.get(at), 'S' | 's') || !self.starts_with(at + 1, "-1-") {
            return None;
        }
        let end = self.run(at + 3, |sign| sign == '-' || sign.is_ascii_digit());
        (end > at + 4).then_some(at..end)
    }

    fn signed_token(self, at: usize) -> Option<Range<usize>> {
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

    fn host_of_url(self, at: usize) -> Option<Range<usize>> {
        // The scheme was passed over as a word before; what is looked at is the word after it.
        if !(at >= 3 && self.starts_with(at - 3, "://")) {
            return None;
        }
        let end = self.run(at, is_host_sign);
        (self.ipv4(at).is_none() && self.get(end) != '@').then_some(at..end)
    }

    fn address(self, at: usize) -> Option<Range<usize>> {
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

    /// Leaves out a dot or hyphen that ends a sentence and no host.
    fn trimmed(self, start: usize, mut end: usize) -> usize {
        while end > start && matches!(self.before(end), '.' | '-') {
            end -= 1;
        }
        end
    }

    fn ipv4(self, at: usize) -> Option<Range<usize>> {
        let end = self.trimmed(at, self.run(at, |sign| sign == '.' || sign.is_ascii_digit()));
        let text = self.text(at..end);
        if text.parse::<std::net::Ipv4Addr>().is_err() || self.before(at) == '.' {
            return None;
        }
        (!is_word(self.get(end)) && !self.is_version(at, &text)).then_some(at..end)
    }

    /// True for the four numbers of a version.
    fn is_version(self, at: usize, text: &str) -> bool {
        let before = self.text(at.saturating_sub(12)..at).to_ascii_lowercase();
        let exchange = ["15.0.", "15.1.", "15.2.", "15.20.", "14.3."];
        before.contains("ersion")
            || before.contains("build")
            || (before.ends_with('/') && !before.ends_with("://"))
            || before.ends_with('v')
            || exchange.iter().any(|start| text.starts_with(start))
    }

    fn ipv6(self, at: usize) -> Option<Range<usize>> {
        let end = self.run(at, |sign| sign == ':' || sign == '.' || sign.is_ascii_hexdigit());
        let end = self.trimmed(at, end);
        let text = self.text(at..end);
        let is_address = text.len() > 5
            && text.contains(|sign: char| sign.is_ascii_digit())
            && text.parse::<Ipv6Addr>().is_ok();
        (is_address && !is_word(self.get(end))).then_some(at..end)
    }

    fn host(self, at: usize) -> Option<Range<usize>> {
        if matches!(self.before(at), '.' | '$' | '-') {
            return None;
        }
        let end = self.trimmed(at, self.run(at, is_host_sign));
        let text = self.text(at..end);
        let labels: Vec<&str> = text.split('.').collect();
        let (Some(last), true) = (labels.last(), labels.len() > 1) else { return None };
        let plain = labels.iter().all(|label| !label.is_empty())
            && !is_word(self.get(end))
            && self.get(end) != '(';
        (plain && is_top_level(last, &text, labels.len())).then_some(at..end)
    }

    fn is_container_path(self, host: &Range<usize>) -> bool {
        let in_url = self.before(host.start) == '/';
        let text = self.text(host.clone());
        let mut labels = text.split('.').rev().skip(1);
        self.get(host.end) == '/'
            && !in_url
            && text.contains('.')
            && !labels.all(|label| is_structural(&label.to_ascii_lowercase()))
    }

    fn until_quote(self, start: usize) -> usize {
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

    /// The value after `CN=` and the like, to the end of the component.
    fn distinguished(self, at: usize) -> Option<Range<usize>> {
        let name = self.run(at, is_word);
        let key = self.text(at..name).to_ascii_lowercase();
        if self.get(name) != '=' || !["cn", "ou", "dc", "o", "l", "st"].contains(&key.as_str()) {
            return None;
        }
        let in_path = self.before(at) == '/';
        let mut end = name + 1;
        while end < self.text.len() {
            let sign = self.get(end);
            let closes = match sign {
                '\'' => !self.get(end + 1).is_alphanumeric(),
                '/' => in_path,
                _ => matches!(sign, ',' | '+' | '"' | ';' | '<' | '>' | '\r' | '\n'),
            };
            if closes && self.before(end) != '\\' {
                break;
            }
            end += 1;
        }
        Some(name + 1..end)
    }

    /// The value after a `key=` whose class satisfies `wanted`.
    fn assigned(self, at: usize, wanted: fn(Class) -> bool) -> Option<Range<usize>> {
        let name = self.run(at, is_word);
        if self.get(name) != '=' || !wanted(class_of(&self.text(at..name))) {
            return None;
        }
        let ends =
            |sign: char| sign.is_whitespace() || matches!(sign, ',' | ';' | ']' | '&' | '"' | '\'');
        let end = self.run(name + 1, |sign| !ends(sign));
        (end > name + 1).then_some(name + 1..end)
    }

    /// A path from the root of a Unix file system.
    fn rooted(self, at: usize) -> Option<Range<usize>> {
        let first = self.run(at + 1, is_word);
        let is_root = ROOTS.contains(&self.text(at + 1..first).as_str());
        let in_path =
            |sign: char| sign.is_alphanumeric() || matches!(sign, '/' | '_' | '-' | '.' | '~');
        let after_host = matches!(self.before(at), '/' | '.' | ':' | ']');
        (is_root && !after_host && self.get(first) == '/').then(|| at..self.run(at, in_path))
    }

    /// A path of at least three parts, or after a drive.
    fn path(self, at: usize) -> Option<Range<usize>> {
        let in_path = |sign: char| {
            sign.is_alphanumeric() || matches!(sign, '\\' | '_' | '-' | '.' | '$' | '~' | '(' | ')')
        };
        let end = self.run(at, in_path);
        let parts = self.text(at..end).matches('\\').count();
        let after_root =
            self.before(at) == '\\' || self.get(at + 1) == ':' && self.get(at + 2) == '\\';
        if after_root && parts == 0 && self.before(at) == '\\' {
            return Some(at..end);
        }
        if self.get(at + 1) == ':' && self.get(at + 2) == '\\' {
            return Some(at..self.run(at + 2, in_path));
        }
        (parts > 1 || parts == 1 && self.before(at) == '\\').then_some(at..end)
    }

    /// `DOMAIN\account`.
    fn account(self, at: usize) -> Option<Range<usize>> {
        let is_domain = |sign: char| sign.is_alphanumeric() || matches!(sign, '-' | '_' | '.');
        let slash = self.run(at, is_domain);
        if self.get(slash) != '\\' || !self.get(slash + 1).is_alphanumeric() {
            return None;
        }
        let end = self.run(slash + 1, |sign| is_domain(sign) || sign == '$');
        Some(at..self.trimmed(slash + 1, end))
    }

    fn hash(self, at: usize) -> Option<Range<usize>> {
        let end = self.run(at, |sign| sign.is_ascii_hexdigit());
        let long = end - at >= 32 && (end - at).is_multiple_of(2) && !is_word(self.get(end));
        let digits = self.text.get(at..end).unwrap_or_default();
        let mixed =
            digits.iter().any(char::is_ascii_digit) && digits.iter().any(char::is_ascii_alphabetic);
        (long && mixed).then_some(at..end)
    }

    fn phone(self, at: usize) -> Option<Range<usize>> {
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
}

/// True for what words consist of.
pub(super) fn is_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
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

/// Folders at the root of a Unix file system.
const ROOTS: &[&str] =
    &["home", "Users", "root", "tmp", "var", "opt", "srv", "mnt", "etc", "usr", "private", "media"];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(Kind, &str)]) {
        let chars: Vec<char> = text.chars().collect();
        let found: Vec<(Kind, String)> = find(&chars)
            .into_iter()
            .map(|found| (found.kind, chars[found.range].iter().collect()))
            .collect();
        let expected: Vec<(Kind, String)> =
            expected.iter().map(|(kind, part)| (*kind, (*part).to_owned())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn addresses_of_people_and_hosts() {
        check("SMTP:ann.o'neil@eu.contoso.com", &[(Kind::Address, "ann.o'neil@eu.contoso.com")]);
        check("on 'dc01.contoso.com'.", &[(Kind::Host, "dc01.contoso.com")]);
        check("http://ex01:80/PowerShell/", &[(Kind::Host, "ex01")]);
        check("https://ex01.contoso.com/PowerShell?a=b", &[(Kind::Host, "ex01.contoso.com")]);
        check(
            "object 'contoso.com/Users/Ann O'Neil' couldn't be",
            &[(Kind::Name, "contoso.com/Users/Ann O'Neil")],
        );
        check("EmailAddresses@odata.type", &[]);
        check("System.Management.Automation.PSObject and mscorlib.dll", &[]);
    }

    #[test]
    fn numbers_of_networks_and_versions() {
        check(
            "from 10.1.2.30 (fe80::c4a9:8c2f%5)",
            &[(Kind::Ipv4, "10.1.2.30"), (Kind::Ipv6, "fe80::c4a9:8c2f")],
        );
        check("http://127.0.0.1:80/PowerShell/", &[(Kind::Ipv4, "127.0.0.1")]);
        check("Version=4.0.0.0, Version 15.1.225.42, [Math]::Add, 12:30:45", &[]);
    }

    #[test]
    fn identifiers_of_directories() {
        check(
            "CN=Ann O'Neil,OU=Sales,DC=contoso,DC=com",
            &[
                (Kind::Name, "Ann O'Neil"),
                (Kind::Name, "Sales"),
                (Kind::Name, "contoso"),
                (Kind::Name, "com"),
            ],
        );
        check(
            "contoso.com/Users/Ann (Sales) x (Enabled=True)",
            &[(Kind::Name, "contoso.com/Users/Ann (Sales")],
        );
        check("contoso.com/Users/Ann (Enabled=True)", &[(Kind::Name, "contoso.com/Users/Ann ")]);
        check(
            "X500:/o=Old Org/ou=First/cn=u1",
            &[(Kind::Name, "Old Org"), (Kind::Name, "First"), (Kind::Name, "u1")],
        );
        check(
            "S-1-5-21-1004336348-1177238915-682003330-512 of {9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2}",
            &[
                (Kind::Sid, "S-1-5-21-1004336348-1177238915-682003330-512"),
                (Kind::Guid, "9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2"),
            ],
        );
        check(
            "CONTOSO\\svc-idm, C:\\Users\\annm\\x",
            &[(Kind::Name, "CONTOSO\\svc-idm"), (Kind::Path, "C:\\Users\\annm\\x")],
        );
        check("in /home/annm/ca.pem, but /adminapi/beta", &[(Kind::Path, "/home/annm/ca.pem")]);
        check("[Server=EX01,RequestId=1]", &[(Kind::Name, "EX01")]);
    }

    #[test]
    fn tokens_hashes_and_telephones() {
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL29.c2lnbmF0dXJl";
        check(&format!("Bearer {token}"), &[(Kind::SignedToken, token)]);
        check(
            "9E0F1C2D3A4B5C6D7E8F9A0B1C2D3E4F50617283",
            &[(Kind::Hash, "9E0F1C2D3A4B5C6D7E8F9A0B1C2D3E4F50617283")],
        );
        check(
            "call +49 (30) 1234-567, at 2024-03-05T08:30:00+00:00",
            &[(Kind::Phone, "+49 (30) 1234-567")],
        );
        check("password=Secret1;user", &[(Kind::Secret, "Secret1")]);
    }
}
