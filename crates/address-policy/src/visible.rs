//! What an import shows of a recipient's addresses.

use crate::excluded::ExcludedDomains;
use crate::proxy::ProxyAddress;

/// Tells whether an import shows this entry: everything but SMTP addresses of excluded domains.
///
/// ```
/// use address_policy::{ExcludedDomains, is_visible};
///
/// let excluded = ExcludedDomains::parse(["contoso.com"])?;
/// assert!(!is_visible("SMTP:ann@eu.contoso.com", &excluded));
/// assert!(is_visible("SIP:ann@eu.contoso.com", &excluded));
/// # Ok::<(), address_policy::DomainEntryError>(())
/// ```
#[must_use]
pub fn is_visible(entry: &str, excluded: &ExcludedDomains) -> bool {
    entry.parse::<ProxyAddress>().map_or(true, |entry| excluded.matching_address(&entry).is_none())
}

/// Returns the entries that an import shows, unchanged and in order.
pub fn visible<'a, I>(entries: I, excluded: &ExcludedDomains) -> impl Iterator<Item = &'a str>
where
    I: IntoIterator<Item = &'a str>,
{
    entries.into_iter().filter(move |entry| is_visible(entry, excluded))
}

#[cfg(test)]
mod tests {
    use super::visible;
    use crate::excluded::ExcludedDomains;

    #[test]
    fn only_smtp_addresses_of_excluded_domains_are_left_out() {
        let excluded = ExcludedDomains::parse(["contoso.com"]).unwrap();
        let entries = [
            "",
            "smtp:a@fabrikam.com",
            "SMTP:a@Contoso.com",
            "X500:/o=contoso.com",
            "a@contoso.com",
            "smtp:odd",
        ];
        let shown: Vec<_> = visible(entries, &excluded).collect();
        assert_eq!(shown, ["", "smtp:a@fabrikam.com", "X500:/o=contoso.com", "smtp:odd"]);
    }
}
