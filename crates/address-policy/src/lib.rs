//! Proxy addresses of Exchange recipients, excluded domains and the merge rule, as pure functions.
//!
//! A recipient's `EmailAddresses` hold more than one system manages: X500 entries that keep old replies working, SIP
//! addresses, routing addresses of the cloud. This crate answers one question: given what the recipient has now and
//! what a flow wants it to have, which list is written, and why does each entry stand in it or not?
//!
//! What it leaves to others: reading and writing recipients, and everything that is not an address. There is no I/O
//! here, no clock and no global state.
//!
//! Begin with [`ProxyAddress`] (one entry), [`ExcludedDomains`] (what the flow does not manage) and [`merge`].
//!
//! ```
//! use address_policy::{ExcludedDomains, FlowError, merge, parse_all};
//!
//! let current = parse_all(["SMTP:ann.b@contoso.com", "x500:/o=First/cn=ann", "smtp:ann@contoso.mail.onmicrosoft.com"])?;
//! let excluded = ExcludedDomains::parse(["mail.onmicrosoft.com"])?;
//!
//! let merged = merge(&current, &["ann.b@contoso.com", "ann@contoso.com"], &excluded)?;
//! assert!(merged.changed);
//! assert_eq!(
//!     merged.texts(),
//!     [
//!         "x500:/o=First/cn=ann",
//!         "smtp:ann@contoso.mail.onmicrosoft.com",
//!         "smtp:ann.b@contoso.com",
//!         "SMTP:ann@contoso.com",
//!     ]
//! );
//!
//! // A primary in a domain that is not managed is refused, and the refusal names it.
//! let refused = merge(&current, &["ann@contoso.mail.onmicrosoft.com"], &excluded);
//! assert!(matches!(refused, Err(FlowError::ExcludedPrimary { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! There are no features.

mod excluded;
mod fold;
mod merge;
mod proxy;
mod set;
mod smtp;
mod visible;

pub use excluded::{DomainEntryError, ExcludedDomain, ExcludedDomains};
pub use merge::{
    Decision, Entry, FlowError, Mark, Merge, MergeOptions, Warning, merge, merge_with,
};
pub use proxy::{ProxyAddress, ProxyAddressError, parse_all};
pub use set::same_set;
pub use smtp::{SmtpAddress, SmtpAddressError, SmtpDomain, SmtpDomainError};
pub use visible::{is_visible, visible};
