//! The merge rule: from what a recipient has and what a flow wants, to what is written.
//!
//! The flow names its primary last, and Exchange takes the *first* address for the primary when none is marked, so the
//! order of the flow ends here: what leaves carries explicit marks.

use std::collections::BTreeSet;
use std::fmt;

use crate::excluded::{ExcludedDomain, ExcludedDomains};
use crate::proxy::ProxyAddress;
use crate::set::same_set;
use crate::smtp::{SmtpAddress, SmtpAddressError};

/// Choices beside the excluded domains.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MergeOptions {
    keep: Vec<SmtpAddress>,
}

impl MergeOptions {
    /// Keeps this address too when the recipient has it, for example a hybrid recipient's `RemoteRoutingAddress`.
    ///
    /// Default: none. A flow may still name the address, even as its primary.
    #[must_use]
    pub fn keep(mut self, address: SmtpAddress) -> Self {
        self.keep.push(address);
        self
    }

    fn keeps(&self, key: &str) -> bool {
        self.keep.iter().any(|address| address.key() == key)
    }
}

/// What a merge comes to.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Merge {
    /// The whole new list: kept entries in their order, then the flow's addresses in theirs, the primary last.
    pub result: Vec<ProxyAddress>,
    /// Whether the result says something else than the current list; if not, nothing is to be written.
    pub changed: bool,
    /// One line for each entry of the current list, then one for each entry of the flow that is not in that list.
    pub explanation: Vec<Entry>,
    /// What an operator should know although the merge went through.
    pub warnings: Vec<Warning>,
}

/// What became of one entry.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// The entry as the current list or the flow has it.
    pub address: ProxyAddress,
    /// What was decided about it, and why.
    pub decision: Decision,
}

/// What a merge does with an entry, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Decision {
    /// Kept byte for byte: it is no SMTP address.
    KeptNonSmtp,
    /// Kept: its domain is excluded.
    KeptExcluded {
        /// The entry of the list that matches.
        by: ExcludedDomain,
        /// Whether it lost the mark of the primary to the flow's.
        demoted: bool,
    },
    /// Kept: the caller asked for it by [`MergeOptions::keep`].
    KeptRequested {
        /// Whether it lost the mark of the primary to the flow's.
        demoted: bool,
    },
    /// Kept: the flow is empty, so nothing changes.
    KeptEmptyFlow,
    /// In the current list and in the flow.
    Retained {
        /// What became of its mark.
        mark: Mark,
    },
    /// In the flow only: added.
    Added {
        /// Whether it is the new primary.
        primary: bool,
    },
    /// In the current list only, and managed: removed.
    Dropped,
    /// In the flow, but its domain is excluded: neither added nor removed.
    IgnoredExcluded {
        /// The entry of the list that matches.
        by: ExcludedDomain,
    },
    /// In the flow more than once.
    IgnoredDuplicate,
}

/// What became of the primary mark of an address that stays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a mark can only stay, come or go")]
pub enum Mark {
    /// As before.
    Unchanged,
    /// It became the primary.
    Promoted,
    /// It was the primary and is no longer.
    Demoted,
}

/// What an operator should know although the merge went through.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// An address of the flow lies in an excluded domain and is therefore not managed.
    #[error("address {entry:?} lies in the excluded domain {by} and is neither added nor removed")]
    FlowExcluded {
        /// The entry as the flow has it.
        entry: String,
        /// The entry of the list that matches.
        by: ExcludedDomain,
    },
    /// An entry of the flow is marked as the primary although it is not the last.
    #[error(
        "address {entry:?} is marked as primary, but the last address of the flow is the primary"
    )]
    MarkIgnored {
        /// The entry as the flow has it.
        entry: String,
    },
}

/// Why a flow is refused as a whole.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// An entry is no SMTP address that could be sent.
    #[error("address {entry:?} is malformed")]
    Malformed {
        /// The entry as the flow has it.
        entry: String,
        /// What is wrong with it.
        source: SmtpAddressError,
    },
    /// An entry has a type other than SMTP; such entries are never managed.
    #[error("address {entry:?} is not an SMTP address")]
    NotSmtp {
        /// The entry as the flow has it.
        entry: String,
    },
    /// The last entry, which is the primary, lies in an excluded domain.
    #[error("primary address {entry:?} lies in the excluded domain {by}")]
    ExcludedPrimary {
        /// The entry as the flow has it.
        entry: String,
        /// The entry of the list that matches.
        by: ExcludedDomain,
    },
}

impl Merge {
    /// Returns the result as text, ready for `-EmailAddresses`.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        self.result.iter().map(ProxyAddress::as_str).collect()
    }

    /// Returns the primary of the result. There is exactly one unless the flow was empty.
    #[must_use]
    pub fn primary(&self) -> Option<&ProxyAddress> {
        self.result.iter().find(|entry| entry.is_primary_smtp())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address.as_str().escape_debug(), self.decision)
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeptNonSmtp => f.write_str("kept, not an SMTP address"),
            Self::KeptExcluded { by, demoted: false } => {
                write!(f, "kept, in the excluded domain {by}")
            }
            Self::KeptExcluded { by, demoted: true } => {
                write!(f, "kept as a secondary address, in the excluded domain {by}")
            }
            Self::KeptRequested { demoted: false } => f.write_str("kept on request"),
            Self::KeptRequested { demoted: true } => {
                f.write_str("kept on request as a secondary address")
            }
            Self::KeptEmptyFlow => f.write_str("kept, the flow is empty"),
            Self::Retained { mark: Mark::Unchanged } => f.write_str("retained"),
            Self::Retained { mark: Mark::Promoted } => f.write_str("retained, now the primary"),
            Self::Retained { mark: Mark::Demoted } => {
                f.write_str("retained, no longer the primary")
            }
            Self::Added { primary: false } => f.write_str("added"),
            Self::Added { primary: true } => f.write_str("added as the primary"),
            Self::Dropped => f.write_str("dropped, not in the flow"),
            Self::IgnoredExcluded { by } => write!(f, "ignored, in the excluded domain {by}"),
            Self::IgnoredDuplicate => f.write_str("ignored, named more than once"),
        }
    }
}

/// Merges the flow's addresses, the primary last, into the current list.
///
/// An empty flow changes nothing. See [`merge_with`] for further options and the crate's documentation for an example.
///
/// # Errors
///
/// [`FlowError`] when an entry of the flow is malformed or no SMTP address, or when the primary lies in an excluded
/// domain.
pub fn merge<S: AsRef<str>>(
    current: &[ProxyAddress],
    flow: &[S],
    excluded: &ExcludedDomains,
) -> Result<Merge, FlowError> {
    merge_with(current, flow, excluded, &MergeOptions::default())
}

/// Merges as [`merge`] does, with options.
///
/// # Errors
///
/// The same as those of [`merge`].
pub fn merge_with<S: AsRef<str>>(
    current: &[ProxyAddress],
    flow: &[S],
    excluded: &ExcludedDomains,
    options: &MergeOptions,
) -> Result<Merge, FlowError> {
    let flow = Flow::read(flow, excluded)?;
    let kept = Kept { excluded, options, flow: &flow };
    let mut result = Vec::with_capacity(current.len() + flow.managed.len());
    let mut explanation = Vec::with_capacity(current.len() + flow.managed.len());
    for entry in current {
        let decision = kept.decide(entry);
        match &decision {
            Decision::KeptNonSmtp | Decision::KeptEmptyFlow => result.push(entry.clone()),
            Decision::KeptExcluded { .. } | Decision::KeptRequested { .. } => {
                result.push(if flow.is_empty() { entry.clone() } else { entry.demoted() });
            }
            _ => {}
        }
        explanation.push(Entry { address: entry.clone(), decision });
    }
    let present: BTreeSet<String> = current.iter().filter_map(ProxyAddress::smtp_key).collect();
    for managed in &flow.managed {
        let address = managed.entry();
        result.push(address.clone());
        if !present.contains(&managed.key) {
            explanation
                .push(Entry { address, decision: Decision::Added { primary: managed.primary } });
        }
    }
    let Flow { warnings, ignored, .. } = flow;
    explanation.extend(ignored);
    Ok(Merge { changed: !same_set(current, &result), result, explanation, warnings })
}

/// The flow after reading: no order, no duplicates, no prefixes.
struct Flow {
    managed: Vec<Managed>,
    ignored: Vec<Entry>,
    warnings: Vec<Warning>,
}

struct Managed {
    address: SmtpAddress,
    key: String,
    primary: bool,
}

impl Managed {
    fn entry(&self) -> ProxyAddress {
        if self.primary {
            ProxyAddress::primary(&self.address)
        } else {
            ProxyAddress::secondary(&self.address)
        }
    }
}

impl Flow {
    fn read<S: AsRef<str>>(texts: &[S], excluded: &ExcludedDomains) -> Result<Self, FlowError> {
        let mut flow = Self { managed: Vec::new(), ignored: Vec::new(), warnings: Vec::new() };
        let entries: Vec<_> =
            texts.iter().map(|text| read_entry(text.as_ref())).collect::<Result<_, _>>()?;
        let Some(((last, primary), others)) = entries.split_last() else { return Ok(flow) };
        if let Some(by) = excluded.matching(primary.domain()) {
            return Err(FlowError::ExcludedPrimary { entry: last.to_string(), by: by.clone() });
        }
        let mut seen = BTreeSet::from([primary.key()]);
        for (entry, address) in others {
            flow.add_secondary(entry, address, excluded, &mut seen);
        }
        flow.managed.push(Managed { address: primary.clone(), key: primary.key(), primary: true });
        Ok(flow)
    }

    fn add_secondary(
        &mut self,
        entry: &ProxyAddress,
        address: &SmtpAddress,
        excluded: &ExcludedDomains,
        seen: &mut BTreeSet<String>,
    ) {
        let key = address.key();
        if entry.is_primary_smtp() {
            self.warnings.push(Warning::MarkIgnored { entry: entry.to_string() });
        }
        let decision = if let Some(by) = excluded.matching(address.domain()) {
            self.warnings.push(Warning::FlowExcluded { entry: entry.to_string(), by: by.clone() });
            Decision::IgnoredExcluded { by: by.clone() }
        } else if seen.insert(key.clone()) {
            self.managed.push(Managed { address: address.clone(), key, primary: false });
            return;
        } else {
            Decision::IgnoredDuplicate
        };
        self.ignored.push(Entry { address: entry.clone(), decision });
    }

    fn is_empty(&self) -> bool {
        self.managed.is_empty()
    }

    fn find(&self, key: &str) -> Option<&Managed> {
        self.managed.iter().find(|managed| managed.key == key)
    }
}

/// Reads one entry of the flow; a prefix `smtp:` in any case is accepted.
fn read_entry(text: &str) -> Result<(ProxyAddress, SmtpAddress), FlowError> {
    let malformed = |source| FlowError::Malformed { entry: text.to_owned(), source };
    let entry: ProxyAddress = text.parse().map_err(|_| malformed(SmtpAddressError::MissingAt))?;
    if !entry.is_smtp() {
        return Err(FlowError::NotSmtp { entry: text.to_owned() });
    }
    let address = entry.address().parse().map_err(malformed)?;
    Ok((entry, address))
}

/// Decides about entries of the current list.
struct Kept<'a> {
    excluded: &'a ExcludedDomains,
    options: &'a MergeOptions,
    flow: &'a Flow,
}

impl Kept<'_> {
    fn decide(&self, entry: &ProxyAddress) -> Decision {
        let Some(key) = entry.smtp_key() else { return Decision::KeptNonSmtp };
        let demoted = entry.is_primary_smtp() && !self.flow.is_empty();
        if let Some(by) = self.excluded.matching_address(entry) {
            return Decision::KeptExcluded { by: by.clone(), demoted };
        }
        if let Some(managed) = self.flow.find(&key) {
            return Decision::Retained { mark: mark(entry.is_primary_smtp(), managed.primary) };
        }
        if self.options.keeps(&key) {
            return Decision::KeptRequested { demoted };
        }
        if self.flow.is_empty() { Decision::KeptEmptyFlow } else { Decision::Dropped }
    }
}

fn mark(before: bool, after: bool) -> Mark {
    match (before, after) {
        (false, true) => Mark::Promoted,
        (true, false) => Mark::Demoted,
        _ => Mark::Unchanged,
    }
}
