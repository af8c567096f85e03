//! Equality of two address lists.

use std::collections::BTreeSet;

use crate::fold::fold;
use crate::proxy::ProxyAddress;

/// Tells whether two lists say the same: without regard to order, SMTP addresses without case, with the primary mark.
///
/// Entries of other types are compared byte for byte, their type included.
///
/// ```
/// use address_policy::{parse_all, same_set};
///
/// let one = parse_all(["SMTP:ann@contoso.com", "smtp:b@contoso.com"])?;
/// assert!(same_set(&one, &parse_all(["smtp:B@Contoso.com", "SMTP:Ann@contoso.com"])?));
/// assert!(!same_set(&one, &parse_all(["smtp:ann@contoso.com", "SMTP:b@contoso.com"])?));
/// # Ok::<(), address_policy::ProxyAddressError>(())
/// ```
#[must_use]
pub fn same_set(one: &[ProxyAddress], other: &[ProxyAddress]) -> bool {
    keys(one) == keys(other)
}

#[derive(Eq, Ord, PartialEq, PartialOrd)]
enum Key<'a> {
    Smtp { primary: bool, address: String },
    Other(&'a str),
}

fn keys(entries: &[ProxyAddress]) -> BTreeSet<Key<'_>> {
    entries.iter().map(key).collect()
}

fn key(entry: &ProxyAddress) -> Key<'_> {
    if entry.is_smtp() {
        Key::Smtp { primary: entry.is_primary_smtp(), address: fold(entry.address()) }
    } else {
        Key::Other(entry.as_str())
    }
}
