//! `Set-Mailbox`, `Set-RemoteMailbox`, `Set-User` and `Set-CASMailbox`.

use std::sync::Arc;

use super::bind::{Bound, edit_key, plain_text};
use super::error::{TASK, VALIDATION};
use super::{Argument, CmdletError, Exchange, Record, Session};
use crate::directory::{MailboxKind, PasswordDigest, Recipient, RecipientKind, address};
use crate::object::{Field, ListType};
use crate::views::{self, Shape, Source, View};

/// Parameters that say how to run, not what to change.
const CONTROL: [&str; 18] = [
    "Identity",
    "DomainController",
    "WhatIf",
    "Confirm",
    "Force",
    "Verbose",
    "Debug",
    "ErrorAction",
    "WarningAction",
    "InformationAction",
    "ErrorVariable",
    "WarningVariable",
    "InformationVariable",
    "OutVariable",
    "OutBuffer",
    "PipelineVariable",
    "Password",
    "Type",
];

/// The longest text that most attributes take.
const MAX_TEXT: usize = 1024;

impl Exchange {
    pub(super) fn change(
        &mut self,
        bound: &Bound,
        session: &Session,
    ) -> Result<Vec<Record>, CmdletError> {
        let (before, server) = self.target(bound, session)?;
        let password = self.password(bound, session, &server)?;
        let mut after = before.clone();
        self.apply_kind(bound, &mut after)?;
        self.apply_values(bound, &mut after)?;
        self.apply_addresses(bound, &before, &mut after)
            .map_err(|error| if error.target.is_none() { error.about(&before) } else { error })?;
        self.check_unique(bound.cmdlet, &after, &server)?;
        let changed = after != before || password.is_some();
        if bound.flag("WhatIf") {
            return Ok(Vec::new());
        }
        if !changed {
            let text = format!(
                "The command completed successfully but no settings of '{}' have been modified.",
                before.canonical_name()
            );
            return Ok(vec![Record::Warning(text)]);
        }
        set_password(&mut after, password);
        after.when_changed = self.now();
        self.directory.replace(after);
        Ok(Vec::new())
    }

    fn apply_kind(&mut self, bound: &Bound, recipient: &mut Recipient) -> Result<(), CmdletError> {
        let Some(text) = bound.text("Type") else { return Ok(()) };
        let Some(kind) = MailboxKind::parse(text) else {
            let detail = format!(
                "Cannot convert value \"{text}\" to type \"Microsoft.Exchange.Data.Directory.Recipient.ConvertibleMailboxSubType\". The possible enumeration values are \"Regular, Room, Equipment, Shared\"."
            );
            return Err(CmdletError::transformation(bound.cmdlet, "Type", &detail));
        };
        if recipient.kind.mailbox_kind() != Some(kind) {
            recipient.kind = match recipient.kind {
                RecipientKind::RemoteMailbox(_) => RecipientKind::RemoteMailbox(kind),
                _ => RecipientKind::Mailbox(kind),
            };
            recipient.enabled = kind == MailboxKind::Regular;
        }
        Ok(())
    }

    fn apply_values(
        &mut self,
        bound: &Bound,
        recipient: &mut Recipient,
    ) -> Result<(), CmdletError> {
        let view = Self::view_of(bound.cmdlet);
        for (name, value) in bound.iter().filter(|(name, _)| !CONTROL.contains(name)) {
            let cmdlet = bound.cmdlet;
            let text = plain_text(value).unwrap_or_default();
            match name {
                "EmailAddresses" | "PrimarySmtpAddress" | "WindowsEmailAddress" => {}
                "Name" => {
                    self.check_length(cmdlet, name, &text, 64)?;
                    recipient.name = text;
                }
                "Alias" => {
                    self.check_alias(cmdlet, &text)?;
                    recipient.alias = text;
                }
                "DisplayName" => {
                    self.check_length(cmdlet, name, &text, 256)?;
                    recipient.display_name = text;
                }
                "FirstName" => recipient.first_name = text,
                "LastName" => recipient.last_name = text,
                "UserPrincipalName" if address::is_smtp(&text) => {
                    recipient.user_principal_name = text
                }
                "UserPrincipalName" => {
                    let message =
                        format!("The value \"{text}\" isn't a valid user principal name.");
                    return Err(self.invalid(cmdlet, VALIDATION, message));
                }
                "SamAccountName" => {
                    self.check_account_name(cmdlet, &text)?;
                    recipient.sam_account_name = text;
                }
                "EmailAddressPolicyEnabled" => {
                    recipient.email_address_policy_enabled = bound.flag(name)
                }
                "ResetPasswordOnNextLogon" => {
                    recipient.reset_password_on_next_logon = bound.flag(name)
                }
                "AccountDisabled" => recipient.enabled = !bound.flag(name),
                "RemoteRoutingAddress" => self.apply_routing_address(cmdlet, &text, recipient)?,
                "ExchangeGuid" => recipient.exchange_guid = guid(value),
                "ArchiveGuid" => recipient.archive_guid = guid(value),
                _ => self.store(cmdlet, view, recipient, name, value)?,
            }
        }
        Ok(())
    }

    fn apply_routing_address(
        &mut self,
        cmdlet: &str,
        text: &str,
        recipient: &mut Recipient,
    ) -> Result<(), CmdletError> {
        let proxy = address::with_prefix(text);
        let Some(smtp) = address::smtp_part(&proxy).filter(|smtp| address::is_smtp(smtp)) else {
            let message = "ExternalEmailAddress is mandatory on MailUser.".to_owned();
            return Err(self.invalid(cmdlet, VALIDATION, message).about(recipient));
        };
        recipient.remote_routing_address = smtp.to_owned();
        let listed = recipient
            .email_addresses
            .iter()
            .filter_map(|known| address::smtp_part(known))
            .any(|known| address::same(known, smtp));
        if !listed {
            recipient.email_addresses.push(format!("smtp:{smtp}"));
        }
        Ok(())
    }

    /// Keeps a property that has no field of its own; what equals the default is forgotten.
    fn store(
        &mut self,
        cmdlet: &'static str,
        view: View,
        recipient: &mut Recipient,
        name: &'static str,
        value: &Argument,
    ) -> Result<(), CmdletError> {
        let shape = match view.property(name).map(|property| &property.source) {
            Some(Source::Stored(shape)) => *shape,
            // Computed properties that can be set all have their own arm above, but for the archive's name.
            _ => Shape::Strings,
        };
        let current = recipient.values.get(name).cloned().unwrap_or_else(|| shape.default_value());
        let field = self.field(cmdlet, name, shape, &current, value)?;
        let default = shape.default_value();
        if field == default && !matches!(shape, Shape::Size(Some(_)) | Shape::Count(Some(_))) {
            recipient.values.remove(name);
        } else if field != current {
            recipient.values.insert(Arc::from(name), field);
        }
        Ok(())
    }

    fn field(
        &mut self,
        cmdlet: &'static str,
        name: &'static str,
        shape: Shape,
        current: &Field,
        value: &Argument,
    ) -> Result<Field, CmdletError> {
        if matches!(value, Argument::Nil) {
            return Ok(shape.default_value());
        }
        let text = plain_text(value).unwrap_or_default();
        Ok(match (shape, value) {
            (Shape::Bool(_), Argument::Bool(on)) => Field::Bool(*on),
            (Shape::Int, Argument::Int(number)) => {
                i32::try_from(*number).map_or(Field::Nil, Field::Int)
            }
            (Shape::Size(_), Argument::Int(bytes)) => views::unlimited(u64::try_from(*bytes).ok()),
            (Shape::Size(_), _) => views::unlimited(None),
            (Shape::Count(_), Argument::Int(number)) => {
                views::unlimited_count(u32::try_from(*number).ok())
            }
            (Shape::Count(_), _) => views::unlimited_count(None),
            (Shape::Date, Argument::Date(date)) => Field::Date(*date),
            (Shape::Guid, Argument::Guid(guid)) => Field::Guid(*guid),
            (Shape::Id, _) if text.is_empty() => Field::Nil,
            (Shape::Id, _) => self.reference(cmdlet, &text)?,
            (Shape::Proxy, _) => views::proxy(&address::with_prefix(&text)),
            (Shape::Enum(members), _) => match members.member(&text) {
                Some(member) => member,
                None => {
                    let detail =
                        format!("Cannot convert value \"{text}\" to type \"{}\".", members.name);
                    return Err(CmdletError::transformation(cmdlet, name, &detail));
                }
            },
            (Shape::NullText, _) if text.is_empty() => Field::Nil,
            (Shape::Ids | Shape::Strings | Shape::Cultures | Shape::Certificates, _) => {
                self.list(cmdlet, shape, current, value)?
            }
            (_, _) => {
                let limit = if matches!(name, "Notes" | "MailTip") { usize::MAX } else { MAX_TEXT };
                self.check_length(cmdlet, name, &text, limit)?;
                Field::Text(text)
            }
        })
    }

    fn list(
        &mut self,
        cmdlet: &str,
        shape: Shape,
        current: &Field,
        value: &Argument,
    ) -> Result<Field, CmdletError> {
        let (kind, make): (ListType, fn(&str) -> Field) = match shape {
            Shape::Ids => (ListType::Ids, |text| Field::text(text)),
            Shape::Cultures => (ListType::Cultures, views::culture),
            Shape::Certificates => (ListType::Certificates, |text| Field::text(text)),
            _ => (ListType::Strings, |text| Field::text(text)),
        };
        let mut item = |text: String| {
            if kind == ListType::Ids { self.reference(cmdlet, &text) } else { Ok(make(&text)) }
        };
        let items = match value {
            Argument::Table(entries) => {
                let mut items = match current {
                    Field::List(_, items) => items.clone(),
                    _ => Vec::new(),
                };
                for (key, value) in entries {
                    for text in texts(value) {
                        let field = item(text)?;
                        items.retain(|known| !address::same(&known.display(), &field.display()));
                        if edit_key(key) == Some("Add") {
                            items.push(field);
                        }
                    }
                }
                items
            }
            value => texts(value).into_iter().map(item).collect::<Result<Vec<_>, _>>()?,
        };
        Ok(Field::List(kind, items))
    }

    /// Brings the addresses to what the arguments and the policy ask for.
    fn apply_addresses(
        &mut self,
        bound: &Bound,
        before: &Recipient,
        after: &mut Recipient,
    ) -> Result<(), CmdletError> {
        if !after.kind.is_mail_enabled() {
            return Ok(());
        }
        let cmdlet = bound.cmdlet;
        let single = ["PrimarySmtpAddress", "WindowsEmailAddress"]
            .into_iter()
            .find_map(|name| Some((name, bound.text(name)?.to_owned())));
        if let (Some(value), Some((name, _))) = (bound.get("EmailAddresses"), &single) {
            let _ = value;
            let message =
                format!("You can't use the EmailAddresses and {name} parameters together.");
            return Err(self.invalid(cmdlet, TASK, message));
        }
        if let Some(value) = bound.get("EmailAddresses") {
            after.email_addresses = edited(&after.email_addresses, value);
        }
        let policy = after.email_address_policy_enabled;
        match single {
            Some((_, primary)) if !policy => address::promote(&mut after.email_addresses, &primary),
            // Without effect while the policy is on, as the vendor says of it.
            Some(("WindowsEmailAddress", _)) | None => {}
            Some((_, primary)) if address::same(&primary, before.primary_smtp_address()) => {}
            Some(_) => return Err(self.policy_in_the_way(cmdlet, before)),
        }
        if policy {
            self.apply_policy(cmdlet, before, after)?;
        }
        let addresses = after.email_addresses.clone();
        self.check_addresses(cmdlet, after, &addresses)
    }

    /// The policy keeps its own primary address; secondary ones added by hand stay.
    fn apply_policy(
        &mut self,
        cmdlet: &str,
        before: &Recipient,
        after: &mut Recipient,
    ) -> Result<(), CmdletError> {
        let reapplied = !before.email_address_policy_enabled || before.alias != after.alias;
        let kept = before.primary_smtp_address();
        let primary = if reapplied { self.policy_address(after) } else { kept.to_owned() };
        let moved = !address::same(after.primary_smtp_address(), kept);
        if moved && self.policy_guards_primary && before.email_address_policy_enabled {
            return Err(self.policy_in_the_way(cmdlet, before));
        }
        if !address::same(after.primary_smtp_address(), &primary) {
            address::promote(&mut after.email_addresses, &primary);
        }
        Ok(())
    }

    fn policy_in_the_way(&mut self, cmdlet: &str, recipient: &Recipient) -> CmdletError {
        let message = format!(
            "The e-mail address policy is enabled on this mailbox, so the primary SMTP address of \"{}\" can't be changed. To disable e-mail address policy on this mailbox, set EmailAddressPolicyEnabled to $false.",
            recipient.canonical_name()
        );
        self.invalid(cmdlet, TASK, message).about(recipient)
    }

    /// Refuses a set of addresses that the directory cannot hold.
    pub(super) fn check_addresses(
        &mut self,
        cmdlet: &str,
        recipient: &Recipient,
        addresses: &[String],
    ) -> Result<(), CmdletError> {
        let primaries = addresses.iter().filter(|proxy| proxy.starts_with("SMTP:")).count();
        if primaries != 1 {
            let message = match primaries {
                0 => "There is no primary SMTP address for this recipient.".to_owned(),
                _ => "There are multiple primary addresses for the address type SMTP. Only one address of each type can be primary.".to_owned(),
            };
            return Err(self.invalid(cmdlet, VALIDATION, message));
        }
        for (position, proxy) in addresses.iter().enumerate() {
            let repeated = addresses.iter().take(position).any(|known| address::same(known, proxy));
            if repeated {
                let message =
                    format!("The value \"{proxy}\" is already present in the collection.");
                return Err(self.invalid(cmdlet, VALIDATION, message));
            }
            let owner = self
                .directory
                .proxy_owner(proxy)
                .filter(|owner| owner.guid != recipient.guid)
                .map(Recipient::canonical_name);
            if let Some(owner) = owner {
                return Err(self.proxy_exists(cmdlet, proxy, &owner));
            }
        }
        Ok(())
    }
}

fn set_password(recipient: &mut Recipient, password: Option<PasswordDigest>) {
    if password.is_some() {
        recipient.password = password;
    }
}

fn guid(value: &Argument) -> uuid::Uuid {
    match value {
        Argument::Guid(guid) => *guid,
        _ => uuid::Uuid::nil(),
    }
}

fn texts(value: &Argument) -> Vec<String> {
    match value {
        Argument::List(items) => items.iter().filter_map(plain_text).collect(),
        other => plain_text(other).into_iter().collect(),
    }
}

/// Returns the set that a list replaces, or a hashtable edits.
fn edited(current: &[String], value: &Argument) -> Vec<String> {
    let Argument::Table(entries) = value else {
        return without_repeats(address::normalise(&texts(value)));
    };
    let mut addresses = current.to_vec();
    for (_, value) in entries.iter().filter(|(key, _)| edit_key(key) == Some("Remove")) {
        for text in texts(value) {
            let removed = address::with_prefix(&text);
            addresses.retain(|known| !address::same(known, &removed));
        }
    }
    for (_, value) in entries.iter().filter(|(key, _)| edit_key(key) == Some("Add")) {
        for text in texts(value) {
            let added = address::with_prefix(&text);
            match added.strip_prefix("SMTP:") {
                Some(primary) => address::promote(&mut addresses, primary),
                None if addresses.iter().any(|known| address::same(known, &added)) => {}
                None => addresses.push(added),
            }
        }
    }
    addresses
}

/// `SMTP:x` and `smtp:x` are one address, and the capital wins.
fn without_repeats(addresses: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(addresses.len());
    for proxy in addresses {
        match kept.iter_mut().find(|known| address::same(known, &proxy)) {
            Some(known) if proxy.starts_with("SMTP:") => *known = proxy,
            Some(_) => {}
            None => kept.push(proxy),
        }
    }
    kept
}
