//! SMTP addresses and domains that may be sent to the server.
//!
//! The rules are those of RFC 5321 4.1.2 (Command Argument Syntax) with letters beyond ASCII allowed as in RFC 6531
//! 3.3 (Extended Mailbox Address Syntax), and with the lengths of Exchange: its encapsulated addresses have local parts
//! beyond 64 characters. Domains may hold `_`, as names in directories do. Address literals (`ann@[192.0.2.1]`) are
//! refused: they cannot be a recipient's own address.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::fold::fold;

/// The most bytes a local part may have.
const MAX_LOCAL_PART: usize = 315;
/// The most bytes a domain may have.
const MAX_DOMAIN: usize = 255;
/// The most characters one label of a domain may have.
const MAX_LABEL: usize = 63;

/// An SMTP address without a type, such as `ann@contoso.com`. Equality ignores case.
///
/// ```
/// use address_policy::SmtpAddress;
///
/// let address: SmtpAddress = "Ann@Contoso.com".parse()?;
/// assert_eq!(address, "ann@contoso.com".parse()?);
/// assert_eq!(address.to_string(), "Ann@Contoso.com");
/// assert!("ann@@contoso.com".parse::<SmtpAddress>().is_err());
/// # Ok::<(), address_policy::SmtpAddressError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SmtpAddress {
    /// INVARIANT: a valid local part, `@`, a valid domain.
    text: Box<str>,
}

/// Why a text is no SMTP address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpAddressError {
    /// There is no `@`.
    #[error("there is no @")]
    MissingAt,
    /// Nothing stands before the `@`.
    #[error("the local part is empty")]
    EmptyLocalPart,
    /// The local part is longer than 315 bytes.
    #[error("the local part has {length} bytes, more than {MAX_LOCAL_PART}")]
    LocalPartTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The local part begins or ends with a dot, or has two in a row.
    #[error("a dot of the local part has no letter beside it")]
    MisplacedDot,
    /// The local part holds a character that may not stand there.
    #[error("the local part holds {character:?}")]
    LocalPartCharacter {
        /// The first such character.
        character: char,
    },
    /// A quoted local part does not end with its quote, or holds a bare one.
    #[error("the quoted local part is not closed")]
    UnclosedQuote,
    /// What follows the `@` is no domain.
    #[error("what follows the @ is no domain")]
    Domain(#[source] SmtpDomainError),
}

/// A mail domain, such as `contoso.com`. Equality ignores case.
#[derive(Clone, Debug)]
pub struct SmtpDomain {
    /// INVARIANT: labels of 1 to 63 characters between dots.
    text: Box<str>,
}

/// Why a text is no domain.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpDomainError {
    /// The text is empty.
    #[error("the domain is empty")]
    Empty,
    /// The domain is longer than 255 bytes.
    #[error("the domain has {length} bytes, more than {MAX_DOMAIN}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// Two dots in a row, or one at an end.
    #[error("a label of the domain is empty")]
    EmptyLabel,
    /// A label is longer than 63 characters.
    #[error("label {label:?} of the domain has more than {MAX_LABEL} characters")]
    LabelTooLong {
        /// The label.
        label: String,
    },
    /// A label begins or ends with a hyphen.
    #[error("label {label:?} of the domain begins or ends with a hyphen")]
    MisplacedHyphen {
        /// The label.
        label: String,
    },
    /// A character that may not stand in a domain.
    #[error("the domain holds {character:?}")]
    Character {
        /// The first such character.
        character: char,
    },
}

impl SmtpAddress {
    /// Returns the address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns what stands before the last `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.split().0
    }

    /// Returns what stands after the last `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.split().1
    }

    pub(crate) fn key(&self) -> String {
        fold(&self.text)
    }

    fn split(&self) -> (&str, &str) {
        self.text.rsplit_once('@').unwrap_or((&self.text, ""))
    }
}

impl FromStr for SmtpAddress {
    type Err = SmtpAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (local_part, domain) = text.rsplit_once('@').ok_or(SmtpAddressError::MissingAt)?;
        check_local_part(local_part)?;
        check_domain(domain).map_err(SmtpAddressError::Domain)?;
        Ok(Self { text: text.into() })
    }
}

impl FromStr for SmtpDomain {
    type Err = SmtpDomainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check_domain(text)?;
        Ok(Self { text: text.into() })
    }
}

impl SmtpDomain {
    /// Returns the domain as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn key(&self) -> String {
        fold(&self.text)
    }
}

fn check_local_part(local_part: &str) -> Result<(), SmtpAddressError> {
    if local_part.is_empty() {
        return Err(SmtpAddressError::EmptyLocalPart);
    }
    if local_part.len() > MAX_LOCAL_PART {
        return Err(SmtpAddressError::LocalPartTooLong { length: local_part.len() });
    }
    match local_part.strip_prefix('"') {
        Some(quoted) => check_quoted(quoted),
        None => check_dot_string(local_part),
    }
}

fn check_dot_string(local_part: &str) -> Result<(), SmtpAddressError> {
    if let Some(character) = local_part.chars().find(|&c| !is_local_character(c)) {
        return Err(SmtpAddressError::LocalPartCharacter { character });
    }
    if local_part.split('.').any(str::is_empty) {
        return Err(SmtpAddressError::MisplacedDot);
    }
    Ok(())
}

/// Checks what follows the opening quote; a backslash takes the next character as it is.
fn check_quoted(quoted: &str) -> Result<(), SmtpAddressError> {
    let body = quoted.strip_suffix('"').ok_or(SmtpAddressError::UnclosedQuote)?;
    let mut characters = body.chars();
    while let Some(character) = characters.next() {
        if is_unprintable(character) {
            return Err(SmtpAddressError::LocalPartCharacter { character });
        }
        match character {
            '"' => return Err(SmtpAddressError::UnclosedQuote),
            '\\' => match characters.next() {
                None => return Err(SmtpAddressError::UnclosedQuote),
                Some(escaped) if is_unprintable(escaped) => {
                    return Err(SmtpAddressError::LocalPartCharacter { character: escaped });
                }
                Some(_) => {}
            },
            _ => {}
        }
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), SmtpDomainError> {
    if domain.is_empty() {
        return Err(SmtpDomainError::Empty);
    }
    if domain.len() > MAX_DOMAIN {
        return Err(SmtpDomainError::TooLong { length: domain.len() });
    }
    if let Some(character) = domain.chars().find(|&c| !is_domain_character(c)) {
        return Err(SmtpDomainError::Character { character });
    }
    domain.split('.').try_for_each(check_label)
}

fn check_label(label: &str) -> Result<(), SmtpDomainError> {
    if label.is_empty() {
        return Err(SmtpDomainError::EmptyLabel);
    }
    if label.chars().count() > MAX_LABEL {
        return Err(SmtpDomainError::LabelTooLong { label: label.to_owned() });
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(SmtpDomainError::MisplacedHyphen { label: label.to_owned() });
    }
    Ok(())
}

fn is_local_character(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
    } else {
        !is_unprintable(c)
    }
}

/// Tells whether `c` may stand in a domain. Joined scripts need marks that are no letters, so beyond ASCII only what
/// cannot be seen, and the look-alikes of the full stop, are left out.
fn is_domain_character(c: char) -> bool {
    const FULL_STOPS: [char; 3] = ['\u{3002}', '\u{ff0e}', '\u{ff61}'];
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')
    } else {
        !is_unprintable(c) && !FULL_STOPS.contains(&c)
    }
}

/// Tells whether `c` changes how text looks without being seen: controls, spaces beyond ASCII, direction marks.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e007f}')
}

macro_rules! caseless_text {
    ($type:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }

        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.key() == other.key()
            }
        }

        impl Eq for $type {}

        impl Hash for $type {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.key().hash(state);
            }
        }
    };
}

caseless_text!(SmtpAddress);
caseless_text!(SmtpDomain);

#[cfg(test)]
mod tests {
    use super::{SmtpAddress, SmtpAddressError, SmtpDomain, SmtpDomainError};

    #[track_caller]
    fn good(text: &str) {
        assert_eq!(
            text.parse::<SmtpAddress>().map(|address| address.to_string()),
            Ok(text.to_owned())
        );
    }

    #[track_caller]
    fn bad(text: &str, expected: SmtpAddressError) {
        assert_eq!(text.parse::<SmtpAddress>().map(|address| address.to_string()), Err(expected));
    }

    #[test]
    fn usual_and_unusual_addresses_are_accepted() {
        good("ann@contoso.com");
        good("ann.b+tag@eu.contoso.com");
        good("o'neil@contoso");
        good("\"ann b\"@contoso.com");
        good("\"a@\\\"b\"@contoso.com");
        good("jörg@bücher.example");
        good("ann@xn--bcher-kva.example");
        good("ann@my_domain.local");
        good(&format!("{}@contoso.com", "a".repeat(315)));
    }

    #[test]
    fn malformed_addresses_are_refused_with_the_reason() {
        bad("", SmtpAddressError::MissingAt);
        bad("ann", SmtpAddressError::MissingAt);
        bad("@contoso.com", SmtpAddressError::EmptyLocalPart);
        bad("ann@", SmtpAddressError::Domain(SmtpDomainError::Empty));
        bad("ann@b@contoso.com", SmtpAddressError::LocalPartCharacter { character: '@' });
        bad("ann b@contoso.com", SmtpAddressError::LocalPartCharacter { character: ' ' });
        bad(" ann@contoso.com", SmtpAddressError::LocalPartCharacter { character: ' ' });
        bad(
            "ann@contoso.com ",
            SmtpAddressError::Domain(SmtpDomainError::Character { character: ' ' }),
        );
        bad(
            "ann@contoso.com\n",
            SmtpAddressError::Domain(SmtpDomainError::Character { character: '\n' }),
        );
        bad(
            "a\u{202e}nn@contoso.com",
            SmtpAddressError::LocalPartCharacter { character: '\u{202e}' },
        );
        bad("<ann@contoso.com>", SmtpAddressError::LocalPartCharacter { character: '<' });
        bad(".ann@contoso.com", SmtpAddressError::MisplacedDot);
        bad("ann.@contoso.com", SmtpAddressError::MisplacedDot);
        bad("a..nn@contoso.com", SmtpAddressError::MisplacedDot);
        bad("\"ann@contoso.com", SmtpAddressError::UnclosedQuote);
        bad("\"@contoso.com", SmtpAddressError::UnclosedQuote);
        bad("\"ann\\\"@contoso.com", SmtpAddressError::UnclosedQuote);
        bad("ann@contoso..com", SmtpAddressError::Domain(SmtpDomainError::EmptyLabel));
        bad("ann@contoso.com.", SmtpAddressError::Domain(SmtpDomainError::EmptyLabel));
        bad(
            "ann@-contoso.com",
            SmtpAddressError::Domain(SmtpDomainError::MisplacedHyphen {
                label: "-contoso".to_owned(),
            }),
        );
        bad(
            "ann@[192.0.2.1]",
            SmtpAddressError::Domain(SmtpDomainError::Character { character: '[' }),
        );
        bad(
            &format!("{}@contoso.com", "a".repeat(316)),
            SmtpAddressError::LocalPartTooLong { length: 316 },
        );
    }

    #[test]
    fn long_domains_are_refused() {
        let label = "a".repeat(64);
        assert_eq!(
            label.parse::<SmtpDomain>(),
            Err(SmtpDomainError::LabelTooLong { label: label.clone() })
        );
        let domain = ["a"; 200].join(".");
        assert_eq!(domain.parse::<SmtpDomain>(), Err(SmtpDomainError::TooLong { length: 399 }));
    }
}
