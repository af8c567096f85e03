//! What an export may do.

use super::Infrastructure;
use super::endpoint::{Authentication, METHODS};
use super::error::SettingsError;
use super::section::Section;

/// What an export may do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExportSettings {
    /// What a delete does (default: [`Deprovision::Disable`], in Cloud [`Deprovision::Refuse`]).
    pub deprovision: Deprovision,
    /// What to do when an address policy stands in the way of a primary address (default: [`AddressPolicy::Disable`]).
    pub address_policy: AddressPolicy,
    /// The methods with which `_param_password` may be sent (default: Negotiate and CredSSP).
    pub password_methods: Vec<Authentication>,
    /// How many deletes one run may hold (default: ten per cent).
    pub max_deletes: MaxDeletes,
}

/// What a delete does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the documented values of export.deprovision")]
pub enum Deprovision {
    /// The mailbox is detached, the account stays.
    Disable,
    /// The account is deleted together with the mailbox.
    Remove,
    /// Nothing: the operation is refused.
    Refuse,
}

/// What to do when `EmailAddressPolicyEnabled` stands in the way of a primary address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the documented values of export.address_policy")]
pub enum AddressPolicy {
    /// It is switched off in the same call.
    Disable,
    /// The operation fails and says so.
    Report,
}

/// How many deletes one run may hold; with more nothing of the run is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the documented forms of export.max_deletes")]
pub enum MaxDeletes {
    /// So many.
    Count(u64),
    /// So many of a hundred objects on the server (0 to 100). A share above nothing allows at least one, so that small
    /// organisations can delete at all.
    Percent(u8),
}

impl MaxDeletes {
    /// The deletes allowed where `objects` are on the server.
    #[must_use]
    pub fn allowed(self, objects: u64) -> u64 {
        match self {
            Self::Count(count) => count,
            Self::Percent(0) => 0,
            Self::Percent(percent) => {
                let share = u128::from(objects) * u128::from(percent) / 100;
                u64::try_from(share).unwrap_or(u64::MAX).max(1)
            }
        }
    }
}

impl std::fmt::Display for MaxDeletes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "\"{percent}%\""),
        }
    }
}

const DEPROVISIONS: &[(&str, Deprovision)] = &[
    ("disable", Deprovision::Disable),
    ("remove", Deprovision::Remove),
    ("refuse", Deprovision::Refuse),
];

const ADDRESS_POLICIES: &[(&str, AddressPolicy)] =
    &[("disable", AddressPolicy::Disable), ("report", AddressPolicy::Report)];

pub(super) const KEYS: &[&str] =
    &["deprovision", "address_policy", "password_methods", "max_deletes"];

pub(super) fn parse(
    table: &Section,
    infrastructure: &Infrastructure,
) -> Result<ExportSettings, SettingsError> {
    let cloud = matches!(infrastructure, Infrastructure::Cloud(_));
    let deprovision = table.choice("deprovision", DEPROVISIONS)?;
    if cloud && deprovision == Some(Deprovision::Disable) {
        return Err(table.combination(
            "deprovision",
            "infrastructure_type = \"Cloud\"",
            "use \"remove\" or \"refuse\"".to_owned(),
        ));
    }
    if cloud {
        table.refuse(
            &["password_methods"],
            "infrastructure_type = \"Cloud\"",
            "this belongs to OnPremises and Hybrid; remove",
        )?;
    }
    let default = if cloud { Deprovision::Refuse } else { Deprovision::Disable };
    Ok(ExportSettings {
        deprovision: deprovision.unwrap_or(default),
        address_policy: table
            .choice("address_policy", ADDRESS_POLICIES)?
            .unwrap_or(AddressPolicy::Disable),
        password_methods: table
            .choices("password_methods", METHODS)?
            .unwrap_or_else(|| vec![Authentication::Negotiate, Authentication::CredSsp]),
        max_deletes: max_deletes(table)?.unwrap_or(MaxDeletes::Percent(10)),
    })
}

fn max_deletes(table: &Section) -> Result<Option<MaxDeletes>, SettingsError> {
    const KEY: &str = "max_deletes";
    let remedy = || "use a count such as 50 or a share such as \"10%\"".to_owned();
    match table.get(KEY) {
        None => Ok(None),
        Some(toml::Value::Integer(count)) => u64::try_from(*count)
            .map(|count| Some(MaxDeletes::Count(count)))
            .map_err(|_| table.value_error(KEY, "is negative", remedy())),
        Some(toml::Value::String(text)) => parse_max_deletes(text)
            .map(Some)
            .ok_or_else(|| table.value_error(KEY, "is neither a count nor a share", remedy())),
        Some(other) => Err(table.wrong_type(KEY, other, "a count or a share", remedy())),
    }
}

fn parse_max_deletes(text: &str) -> Option<MaxDeletes> {
    let text = text.trim();
    match text.strip_suffix('%') {
        Some(share) => {
            share.trim().parse().ok().filter(|percent| *percent <= 100).map(MaxDeletes::Percent)
        }
        None => text.parse().ok().map(MaxDeletes::Count),
    }
}
