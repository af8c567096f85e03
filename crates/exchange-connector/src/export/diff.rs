//! What has to be written so that an object is as wanted.

use std::collections::BTreeMap;

use address_policy::{ExcludedDomains, Merge, ProxyAddress};
use clixml::Value;
use exchange_cmdlets::{ErrorClass, ParameterValue, Retry};
use serde_json::Value as Json;

use super::Stop;
use super::current::Current;
use super::prepare::{Wanted, flow};
use crate::outcome::{AttributeChange, OutcomeError, Status};
use crate::schema::{Attribute, Family, Owner, attribute};
use crate::settings::{AddressPolicy, Settings};
use crate::value::{attribute_to_argument, list_argument, same};

/// What has to be written: the parameters by owner, in the order they are sent.
///
/// The account is written first: `Set-User` has the address policy applied again, which would take back a primary address
/// written before it.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) changes: Vec<AttributeChange>,
    pub(super) writes: BTreeMap<Owner, Vec<(String, ParameterValue)>>,
    pub(super) warnings: Vec<String>,
}

impl Difference {
    pub(super) fn between(
        current: &Current,
        wanted: &[Wanted],
        settings: &Settings,
    ) -> Result<Self, Stop> {
        let mut difference = Self::default();
        for Wanted { name, value } in wanted {
            if *name == "EmailAddresses" {
                continue;
            }
            let found = attribute(current.family, name)
                .and_then(|attribute| attribute.writer().map(|writer| (attribute, writer)));
            let Some((attribute, writer)) = found else {
                return Err(Stop::invalid(format!(
                    "attribute {name} cannot be changed with {}",
                    Owner::Recipient.set(current.family)
                )));
            };
            let before = current.value(attribute);
            if same(attribute, &before, value) {
                continue;
            }
            refuse_synchronised(current, attribute, writer)?;
            let argument = attribute_to_argument(attribute, value)
                .map_err(|problem| Stop::invalid(format!("attribute {name} {problem}")))?;
            difference.set(writer, name, before, value.clone(), argument);
        }
        if let Some(addresses) = wanted.iter().find(|wanted| wanted.name == "EmailAddresses") {
            difference.addresses(current, addresses, settings)?;
        }
        Ok(difference)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    fn set(&mut self, owner: Owner, name: &str, before: Json, after: Json, argument: Value) {
        self.changes.push(AttributeChange { attribute: name.to_owned(), before, after });
        self.writes.entry(owner).or_default().push((name.to_owned(), argument.into()));
    }

    fn addresses(
        &mut self,
        current: &Current,
        wanted: &Wanted,
        settings: &Settings,
    ) -> Result<(), Stop> {
        let before = current.named("EmailAddresses");
        let entries = addresses_of(&before)?;
        let merge = merge(&entries, &wanted.value, &settings.excluded_smtp_domains)?;
        self.warnings.extend(merge.warnings.iter().map(ToString::to_string));
        if !merge.changed {
            return Ok(());
        }
        if let Some(attribute) = attribute(current.family, "EmailAddresses") {
            refuse_synchronised(current, attribute, Owner::Recipient)?;
        }
        self.warn_of_lost_route(current, &entries, &merge);
        if moves_primary(&entries, &merge) && current.family != Family::OnlineMailbox {
            self.clear_policy(current, settings)?;
        }
        let texts = merge.texts();
        let after = texts.iter().copied().map(Json::from).collect();
        let argument = list_argument(texts.into_iter().map(Value::from).collect());
        self.set(Owner::Recipient, "EmailAddresses", before, after, argument);
        Ok(())
    }

    /// Mail from the own servers reaches a remote mailbox by an address that the flow may not know about.
    fn warn_of_lost_route(&mut self, current: &Current, before: &[ProxyAddress], merge: &Merge) {
        let route = current.named("RemoteRoutingAddress");
        let Some(route) = route.as_str().and_then(|text| text.parse::<ProxyAddress>().ok()) else {
            return;
        };
        let has = |list: &[ProxyAddress]| {
            list.iter().any(|entry| {
                entry.is_smtp() && entry.address().eq_ignore_ascii_case(route.address())
            })
        };
        if has(before) && !has(&merge.result) {
            self.warnings.push(format!(
                "the address {} is removed although RemoteRoutingAddress sends mail to it; exclude its domain to keep it",
                route.address()
            ));
        }
    }

    /// Sees to it that no address policy takes the new primary address back.
    fn clear_policy(&mut self, current: &Current, settings: &Settings) -> Result<(), Stop> {
        const POLICY: &str = "EmailAddressPolicyEnabled";
        let before = current.named(POLICY);
        let written = self
            .writes
            .get(&Owner::Recipient)
            .and_then(|writes| writes.iter().find(|(name, _)| name == POLICY))
            .map(|(_, value)| matches!(value, ParameterValue::Value(Value::Bool(true))));
        match (written, &before, settings.export.address_policy) {
            (Some(false), _, _) => Ok(()),
            (None, Json::Bool(false), _) => Ok(()),
            (None, _, AddressPolicy::Disable) => {
                self.set(Owner::Recipient, POLICY, before, Json::Bool(false), false.into());
                Ok(())
            }
            (Some(true), _, _) | (None, _, AddressPolicy::Report) => Err(Stop::new(
                ErrorClass::WouldBeUndone,
                Retry::Never,
                "the address policy of this object would take the primary address back: set \
                 EmailAddressPolicyEnabled to false, or use export.address_policy = \"disable\"",
            )),
        }
    }
}

/// Refuses to write in the service what directory synchronisation would take back.
fn refuse_synchronised(current: &Current, attribute: Attribute, owner: Owner) -> Result<(), Stop> {
    let (synchronised, managed_online) = current.synchronised();
    if !synchronised || !attribute.is_mastered_on_premises(owner, managed_online) {
        return Ok(());
    }
    Err(Stop {
        status: Status::Refused,
        error: OutcomeError::new(
            ErrorClass::WouldBeUndone,
            Retry::Never,
            format!(
                "{} of this object is synchronised from the own directory (IsDirSynced), which would take a change in \
                 Exchange Online back: change it there, with infrastructure_type = \"Hybrid\"",
                attribute.name()
            ),
        ),
    })
}

/// The current addresses, every one of them: what was not read would be taken for absent and be lost.
fn addresses_of(value: &Json) -> Result<Vec<ProxyAddress>, Stop> {
    let unread = |what: String| {
        Stop::new(ErrorClass::Protocol, Retry::Never, format!("EmailAddresses as read: {what}"))
    };
    let items = value.as_array().ok_or_else(|| unread(format!("{value} is no list")))?;
    let texts: Vec<_> = items.iter().filter_map(Json::as_str).collect();
    if texts.len() < items.len() {
        return Err(unread("an entry is no text".to_owned()));
    }
    if texts.is_empty() {
        return Err(unread("there is none, and every recipient has one".to_owned()));
    }
    address_policy::parse_all(texts).map_err(|error| unread(error.to_string()))
}

/// Applies the address rule.
pub(super) fn merge(
    current: &[ProxyAddress],
    wanted: &Json,
    excluded: &ExcludedDomains,
) -> Result<Merge, Stop> {
    let flow = flow(wanted)
        .map_err(|problem| Stop::invalid(format!("attribute EmailAddresses {problem}")))?;
    address_policy::merge(current, &flow, excluded).map_err(|error| {
        Stop::invalid(format!("attribute EmailAddresses: {}", crate::error::report(&error)))
    })
}

/// Whether the primary address becomes another one.
fn moves_primary(before: &[ProxyAddress], merge: &Merge) -> bool {
    let before = before.iter().find(|entry| entry.is_primary_smtp());
    match (before, merge.primary()) {
        (Some(before), Some(after)) => !before.address().eq_ignore_ascii_case(after.address()),
        (before, after) => before.is_some() != after.is_some(),
    }
}
