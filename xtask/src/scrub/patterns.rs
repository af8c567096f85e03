//! Identifiers that are known by their form, wherever they stand in a text.
//!
//! The scrubber replaces what is found here, and the checker demands that what is found here is a stand-in.

mod directory;
mod host;
mod opaque;

use std::ops::Range;

use super::property::Class;

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
const WORDS: [Recogniser; 16] = [
    (Kind::Secret, |scan, at| scan.assigned(at, |class| class == Class::Secret)),
    (Kind::Name, |scan, at| scan.distinguished(at)),
    (Kind::Guid, |scan, at| scan.guid(at)),
    (Kind::Sid, |scan, at| scan.sid(at)),
    (Kind::SignedToken, |scan, at| scan.signed_token(at)),
    (Kind::Host, |scan, at| scan.host_of_url(at)),
    (Kind::Address, |scan, at| scan.address(at)),
    (Kind::Phone, |scan, at| scan.phone_in_groups(at)),
    (Kind::Ipv6, |scan, at| scan.ipv6(at)),
    (Kind::Ipv4, |scan, at| scan.ipv4(at)),
    (Kind::Host, |scan, at| scan.host(at)),
    (Kind::Path, |scan, at| scan.path(at)),
    (Kind::Name, |scan, at| scan.account(at)),
    (Kind::Hash, |scan, at| scan.hash(at)),
    (Kind::Name, |scan, at| scan.assigned(at, |class| class == Class::Host)),
    (Kind::Name, |scan, at| scan.listed(at)),
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

    fn has(self, range: Range<usize>, wanted: char) -> bool {
        self.text.get(range).unwrap_or_default().contains(&wanted)
    }

    fn text(self, range: Range<usize>) -> String {
        self.text.get(range).unwrap_or_default().iter().collect()
    }

    fn starts_with(self, at: usize, start: &str) -> bool {
        start.chars().enumerate().all(|(offset, sign)| self.get(at + offset) == sign)
    }

    /// Leaves out a dot or hyphen that ends a sentence and no host.
    fn trimmed(self, start: usize, mut end: usize) -> usize {
        while end > start && matches!(self.before(end), '.' | '-') {
            end -= 1;
        }
        end
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
}

/// True for what words consist of.
pub(super) fn is_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

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
        check(
            "Guid=1, DisplayName=Ann Meyer, Alias=ann (x)",
            &[(Kind::Name, "Ann Meyer"), (Kind::Name, "ann ")],
        );
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
        check(
            "or 425) 555-0143 or 425-555-0143, not 123-456",
            &[(Kind::Phone, "425) 555-0143"), (Kind::Phone, "425-555-0143")],
        );
        check("password=Secret1;user", &[(Kind::Secret, "Secret1")]);
    }
}
