//! Both sides of a hybrid organisation, and which of them owns what.

use std::collections::BTreeMap;

use toml::Value;

use super::Context;
use super::cloud::{self, Cloud};
use super::endpoint::{self, Endpoint};
use super::error::SettingsError;
use super::section::{Section, kind_of};
use crate::schema::{Family, Owner, attribute, nearest_attribute};

/// Exchange Server in the own network, and perhaps the service's side of the organisation too.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Hybrid {
    /// The own server.
    pub endpoint: Endpoint,
    /// The service, when the settings name it.
    pub online: Option<Box<OnlineSide>>,
}

/// The service's side of a hybrid organisation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OnlineSide {
    /// How the service is reached.
    pub cloud: Cloud,
    /// Which side owns which attribute.
    pub authority: AuthorityMap,
    /// Whether an import joins both sides (default yes).
    pub join: bool,
}

/// Which side owns an attribute of a mailbox that both sides know.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "the documented values of [authority]")]
pub enum Authority {
    /// The own directory, from which synchronisation carries it to the service.
    OnPremises,
    /// The service.
    Cloud,
    /// Neither: writes are refused.
    Nowhere,
}

/// Which side owns which attribute: what the settings say, else what follows from the cmdlets.
///
/// An attribute that `Set-RemoteMailbox` or `Set-User` of the own server writes belongs on-premises, for synchronisation
/// would take a change in the service back. What only the service can write belongs there, unless synchronisation masters
/// it all the same: that belongs nowhere.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AuthorityMap {
    written: BTreeMap<&'static str, Authority>,
}

impl AuthorityMap {
    /// Returns the side that owns the attribute called `name`, in Exchange's own spelling.
    #[must_use]
    pub fn of(&self, name: &str) -> Authority {
        self.written(name).unwrap_or_else(|| by_cmdlets(name))
    }

    /// Returns what the settings say of the attribute called `name`.
    pub(crate) fn written(&self, name: &str) -> Option<Authority> {
        self.written.get(name).copied()
    }
}

fn by_cmdlets(name: &str) -> Authority {
    let remote = attribute(Family::RemoteMailbox, name);
    if remote.is_some_and(|attribute| attribute.writer().is_some()) {
        return Authority::OnPremises;
    }
    let online = attribute(Family::OnlineMailbox, name);
    match online.and_then(|attribute| Some((attribute, attribute.writer()?))) {
        Some((attribute, owner)) if attribute.is_mastered_on_premises(owner, false) => {
            Authority::Nowhere
        }
        Some(_) => Authority::Cloud,
        None => Authority::OnPremises,
    }
}

const SIDES: &[(&str, Authority)] = &[
    ("on-premises", Authority::OnPremises),
    ("cloud", Authority::Cloud),
    ("nowhere", Authority::Nowhere),
];

/// The one key of `[authority]` that is not an attribute.
const JOIN: &str = "join";

/// The keys of the first table that name the service's side.
const ONLINE_KEYS: [&str; 3] = ["certificate_thumbprint", "application_id", "organization"];

pub(super) fn parse(
    context: &mut Context<'_>,
    kerberos: &Section,
    cloud: &Section,
    authority: &Section,
) -> Result<Hybrid, SettingsError> {
    let endpoint = endpoint::parse(context, kerberos)?;
    let root = context.root;
    let is_named = ONLINE_KEYS.iter().any(|key| root.has(key)) || !cloud.is_empty();
    if !is_named {
        if let Some(key) = authority.keys().next() {
            return Err(authority.combination(
                key,
                "a service that is not named",
                format!(
                    "write organization, application_id and certificate_thumbprint, or remove authority.{key}"
                ),
            ));
        }
        return Ok(Hybrid { endpoint, online: None });
    }
    let cloud = cloud::parse_side(context, cloud)?;
    let join = authority.boolean(JOIN)?.unwrap_or(true);
    let online = OnlineSide { cloud, authority: map(authority)?, join };
    Ok(Hybrid { endpoint, online: Some(Box::new(online)) })
}

fn map(table: &Section) -> Result<AuthorityMap, SettingsError> {
    let mut written = BTreeMap::new();
    for key in table.keys().filter(|key| *key != JOIN) {
        let name = known(table, key)?;
        let side = table.choice(key, SIDES)?;
        let Some(side) = side else { continue };
        check(table, key, name, side)?;
        if written.insert(name, side).is_some() {
            let remedy = format!("{name} is there twice: remove one of them");
            return Err(table.value_error(key, "is given twice", remedy));
        }
    }
    Ok(AuthorityMap { written })
}

const FAMILIES: [Family; 3] = [Family::RemoteMailbox, Family::OnlineMailbox, Family::Mailbox];

/// The attribute's name in Exchange's own spelling.
fn known(table: &Section, key: &str) -> Result<&'static str, SettingsError> {
    let found = FAMILIES.iter().find_map(|family| attribute(*family, key));
    if let (Some(found), Some(Value::String(_))) = (found, table.get(key)) {
        return Ok(found.name());
    }
    if let (Some(_), Some(other)) = (found, table.get(key)) {
        return Err(SettingsError::WrongType {
            key: table.key(key),
            found: kind_of(other).to_owned(),
            expected: "a side",
            remedy: format!("write {key} = \"on-premises\", \"cloud\" or \"nowhere\""),
        });
    }
    let remedy = match nearest_attribute(&FAMILIES, key) {
        Some(near) => format!("did you mean {near}?"),
        None => "the keys here are join and the attributes that `schema` lists".to_owned(),
    };
    Err(SettingsError::UnknownKey { key: table.key(key), remedy })
}

/// Refuses a side that cannot write the attribute.
fn check(
    table: &Section,
    key: &str,
    name: &'static str,
    side: Authority,
) -> Result<(), SettingsError> {
    let writer = |family| attribute(family, name).and_then(|attribute| attribute.writer());
    let problem = match side {
        Authority::Nowhere => return Ok(()),
        Authority::OnPremises if writer(Family::RemoteMailbox).is_some() => return Ok(()),
        Authority::OnPremises => "names a side that cannot write it for a remote mailbox",
        Authority::Cloud => match writer(Family::OnlineMailbox) {
            Some(Owner::User) => "names a side where synchronisation takes every change back",
            Some(Owner::Recipient | Owner::ClientAccess) => return Ok(()),
            None => "names a side that cannot write it",
        },
    };
    let others: Vec<_> =
        SIDES.iter().filter(|(_, other)| *other != side).map(|(text, _)| *text).collect();
    Err(table.value_error(key, problem, format!("use {}, or remove it", others.join(" or "))))
}

#[cfg(test)]
mod tests;
