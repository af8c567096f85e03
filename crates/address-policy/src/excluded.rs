//! Domains whose addresses a flow does not manage.
//!
//! Matching stops at label boundaries: an entry `contoso.com` matches `contoso.com` and `eu.contoso.com`, never
//! `mycontoso.com`.

use std::fmt;
use std::str::FromStr;

use crate::fold::fold;
use crate::proxy::ProxyAddress;
use crate::smtp::{SmtpDomain, SmtpDomainError};

/// One entry of the list of excluded domains: `contoso.com` with its sub-domains, or `@contoso.com` alone.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ExcludedDomain {
    domain: SmtpDomain,
    alone: bool,
}

/// The domains whose addresses are kept as they are: neither added, nor removed, nor shown by an import.
///
/// ```
/// use address_policy::ExcludedDomains;
///
/// let excluded = ExcludedDomains::parse(["contoso.com", "@fabrikam.com"])?;
/// assert!(excluded.matches("EU.Contoso.com"));
/// assert!(!excluded.matches("mycontoso.com"));
/// assert!(!excluded.matches("eu.fabrikam.com"));
/// assert!(ExcludedDomains::parse(["not a domain"]).is_err());
/// # Ok::<(), address_policy::DomainEntryError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ExcludedDomains {
    entries: Vec<ExcludedDomain>,
}

/// An entry of the list of excluded domains is no domain.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("excluded domain {entry:?} is not valid")]
#[non_exhaustive]
pub struct DomainEntryError {
    /// The entry as it was given.
    pub entry: String,
    /// What is wrong with it.
    pub source: SmtpDomainError,
}

impl ExcludedDomain {
    /// Returns the domain, without the leading `@`.
    #[must_use]
    pub fn domain(&self) -> &SmtpDomain {
        &self.domain
    }

    /// Tells whether the entry matches its domain alone, without the sub-domains.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.alone
    }

    /// Tells whether `domain` is the entry's domain, or one below it when the entry takes those in.
    #[must_use]
    pub fn matches(&self, domain: &str) -> bool {
        let (domain, own) = (fold(domain), self.domain.key());
        domain == own
            || (!self.alone && domain.strip_suffix(&own).is_some_and(|rest| rest.ends_with('.')))
    }
}

impl FromStr for ExcludedDomain {
    type Err = DomainEntryError;

    fn from_str(entry: &str) -> Result<Self, Self::Err> {
        let (alone, domain) = entry.strip_prefix('@').map_or((false, entry), |rest| (true, rest));
        match domain.parse() {
            Ok(domain) => Ok(Self { domain, alone }),
            Err(source) => Err(DomainEntryError { entry: entry.to_owned(), source }),
        }
    }
}

impl fmt::Display for ExcludedDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.alone { "@" } else { "" }, self.domain)
    }
}

impl ExcludedDomains {
    /// Returns the empty list, under which every SMTP address is managed.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the entries of a list.
    ///
    /// # Errors
    ///
    /// [`DomainEntryError`] naming the first entry that is no domain.
    pub fn parse<I>(entries: I) -> Result<Self, DomainEntryError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        entries.into_iter().map(|entry| entry.as_ref().parse()).collect()
    }

    /// Returns the entries in the order they were given.
    #[must_use]
    pub fn entries(&self) -> &[ExcludedDomain] {
        &self.entries
    }

    /// Tells whether an entry matches `domain`.
    #[must_use]
    pub fn matches(&self, domain: &str) -> bool {
        self.matching(domain).is_some()
    }

    /// Returns the first entry that matches `domain`.
    #[must_use]
    pub fn matching(&self, domain: &str) -> Option<&ExcludedDomain> {
        self.entries.iter().find(|entry| entry.matches(domain))
    }

    /// Returns the first entry that matches the domain of an SMTP address; other types are never excluded.
    #[must_use]
    pub fn matching_address(&self, address: &ProxyAddress) -> Option<&ExcludedDomain> {
        self.matching(address.smtp_domain()?)
    }
}

impl FromIterator<ExcludedDomain> for ExcludedDomains {
    fn from_iter<I: IntoIterator<Item = ExcludedDomain>>(entries: I) -> Self {
        Self { entries: entries.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::{ExcludedDomain, ExcludedDomains};

    #[track_caller]
    fn check(entry: &str, domain: &str, expected: bool) {
        assert_eq!(
            ExcludedDomains::parse([entry]).unwrap().matches(domain),
            expected,
            "{entry} {domain}"
        );
    }

    #[test]
    fn a_domain_matches_itself_and_what_lies_below() {
        check("contoso.com", "contoso.com", true);
        check("contoso.com", "CONTOSO.com", true);
        check("Contoso.com", "eu.contoso.COM", true);
        check("contoso.com", "a.b.contoso.com", true);
        check("contoso.com", "mycontoso.com", false);
        check("contoso.com", "contoso.com.example", false);
        check("contoso.com", "com", false);
        check("contoso.com", "", false);
        check("BÜCHER.example", "eu.bücher.example", true);
    }

    #[test]
    fn a_leading_at_matches_the_domain_alone() {
        check("@contoso.com", "Contoso.com", true);
        check("@contoso.com", "eu.contoso.com", false);
    }

    #[test]
    fn an_entry_that_is_no_domain_is_refused_by_name() {
        for entry in [
            "",
            "@",
            "*.contoso.com",
            ".contoso.com",
            "a b",
            "ann@contoso.com",
            "@@contoso.com",
            "contoso.com ",
        ] {
            let error = ExcludedDomains::parse(["fabrikam.com", entry]).unwrap_err();
            assert_eq!(error.entry, entry);
            assert!(error.to_string().contains(&format!("{entry:?}")));
        }
    }

    #[test]
    fn entries_print_as_they_were_read() {
        for entry in ["contoso.com", "@Contoso.com"] {
            assert_eq!(entry.parse::<ExcludedDomain>().unwrap().to_string(), entry);
        }
    }
}
