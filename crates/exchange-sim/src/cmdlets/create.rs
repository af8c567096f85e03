//! `New-` and `Enable-`: accounts, aliases, first addresses.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::bind::{Bound, missing_parameters};
use super::error::{TASK, VALIDATION};
use super::{CmdletError, Exchange, Record, Session};
use crate::directory::{MailboxKind, Recipient, RecipientKind, UniqueKey, address};
use crate::object::Field;
use crate::views::View;

impl Exchange {
    pub(super) fn create(
        &mut self,
        bound: &Bound,
        session: &Session,
    ) -> Result<Vec<Record>, CmdletError> {
        let view = Self::view_of(bound.cmdlet);
        let server = self.server(bound, session)?;
        let mut recipient = self.new_account(bound, session, &server)?;
        self.check_unique(bound.cmdlet, &recipient, &server)?;
        self.mail_enable(bound, &mut recipient)?;
        self.finish(bound, recipient, view, &server, true)
    }

    pub(super) fn enable(
        &mut self,
        bound: &Bound,
        session: &Session,
    ) -> Result<Vec<Record>, CmdletError> {
        let view = Self::view_of(bound.cmdlet);
        let server = self.server(bound, session)?;
        let identity = bound.text("Identity").unwrap_or_default();
        let found = self.single(bound.cmdlet, identity, View::User, &server)?;
        if bound.flag("Archive") && view.shows(found.kind) {
            return self.enable_archive(bound, found, view, &server);
        }
        let mut recipient = self.plain_user(bound.cmdlet, found)?;
        let from_account = || address::alias_of(&recipient.sam_account_name);
        recipient.alias = match bound.text("Alias") {
            Some(alias) => alias.to_owned(),
            None => recipient
                .user_principal_name
                .split('@')
                .next()
                .map(address::alias_of)
                .filter(|alias| !alias.is_empty())
                .unwrap_or_else(from_account),
        };
        if let Some(name) = bound.text("DisplayName") {
            recipient.display_name = name.to_owned();
        } else if recipient.display_name.is_empty() {
            recipient.display_name = recipient.name.clone();
        }
        self.mail_enable(bound, &mut recipient)?;
        self.finish(bound, recipient, view, &server, false)
    }

    fn enable_archive(
        &mut self,
        bound: &Bound,
        mut recipient: Recipient,
        view: View,
        server: &str,
    ) -> Result<Vec<Record>, CmdletError> {
        if !recipient.archive_guid.is_nil() {
            let message =
                format!("The mailbox \"{}\" already has an archive.", recipient.canonical_name());
            return Err(self.invalid(bound.cmdlet, TASK, message).about(&recipient));
        }
        recipient.archive_guid = self.random.guid();
        self.finish(bound, recipient, view, server, false)
    }

    /// Puts the object into the directory and returns it, unless it is only asked what would happen.
    fn finish(
        &mut self,
        bound: &Bound,
        mut recipient: Recipient,
        view: View,
        server: &str,
        new: bool,
    ) -> Result<Vec<Record>, CmdletError> {
        if bound.flag("WhatIf") {
            return Ok(Vec::new());
        }
        recipient.when_changed = self.now();
        let guid = recipient.guid;
        if new {
            self.directory.insert(recipient);
        } else {
            self.directory.replace(recipient);
        }
        Ok(self.output(guid, view, server).into_iter().collect())
    }

    fn new_account(
        &mut self,
        bound: &Bound,
        session: &Session,
        server: &str,
    ) -> Result<Recipient, CmdletError> {
        let name = bound.text("Name").unwrap_or_default().trim().to_owned();
        self.check_length(bound.cmdlet, "Name", &name, 64)?;
        let disabled = mailbox_kind(bound) != MailboxKind::Regular || bound.flag("AccountDisabled");
        let needed = ["Password", "UserPrincipalName"]
            .into_iter()
            .filter(|name| !disabled && !bound.has(name));
        let missing: Vec<&str> = needed.collect();
        if !missing.is_empty() {
            return Err(missing_parameters(bound.cmdlet, &missing));
        }
        let password = self.password(bound, session, server)?;
        let unit = bound
            .text("OrganizationalUnit")
            .or_else(|| bound.text("OnPremisesOrganizationalUnit"))
            .unwrap_or("Users");
        let organizational_unit = self.unit(bound.cmdlet, unit)?;
        let domain = self.directory.organization().domain.clone();
        let given = bound.text("UserPrincipalName");
        if let Some(upn) = given.filter(|upn| !address::is_smtp(upn)) {
            let message = format!("The value \"{upn}\" isn't a valid user principal name.");
            return Err(self.invalid(bound.cmdlet, VALIDATION, message));
        }
        let from_name =
            || address::alias_of(given.and_then(|upn| upn.split('@').next()).unwrap_or(&name));
        let alias = bound.text("Alias").map_or_else(from_name, str::to_owned);
        let user_principal_name = given.map_or_else(|| format!("{alias}@{domain}"), str::to_owned);
        let sam_account_name = self.account_name(bound, &alias)?;
        let now = self.now();
        let text = |parameter: &str| bound.text(parameter).unwrap_or_default().to_owned();
        Ok(Recipient {
            guid: self.random.guid(),
            kind: RecipientKind::User,
            organizational_unit,
            sam_account_name,
            user_principal_name,
            alias,
            display_name: bound.text("DisplayName").unwrap_or(&name).to_owned(),
            name,
            first_name: text("FirstName"),
            last_name: text("LastName"),
            email_addresses: Vec::new(),
            email_address_policy_enabled: true,
            remote_routing_address: String::new(),
            exchange_guid: Uuid::nil(),
            archive_guid: Uuid::nil(),
            database: 0,
            enabled: !disabled,
            reset_password_on_next_logon: bound.flag("ResetPasswordOnNextLogon"),
            when_created: now,
            when_changed: now,
            values: stored(bound),
            certificates: 0,
            password,
        })
    }

    /// Returns the given account name, or one made of the alias, with digits when it is taken.
    fn account_name(&mut self, bound: &Bound, alias: &str) -> Result<String, CmdletError> {
        if let Some(given) = bound.text("SamAccountName") {
            self.check_account_name(bound.cmdlet, given)?;
            return Ok(given.to_owned());
        }
        let base: String =
            alias.chars().filter(|c| !"\"/\\[]:;|=,+*?<>@".contains(*c)).take(20).collect();
        let base = base.trim_end_matches('.').to_owned();
        let free = |name: &String| {
            self.directory.owner(UniqueKey::SamAccountName, name, "", None).is_none()
        };
        let numbered = (2..u32::MAX).map(|number| {
            let digits = number.to_string();
            let head: String = base.chars().take(20_usize.saturating_sub(digits.len())).collect();
            format!("{head}{digits}")
        });
        Ok(std::iter::once(base.clone()).chain(numbered).find(free).unwrap_or(base))
    }

    pub(super) fn check_account_name(
        &mut self,
        cmdlet: &str,
        name: &str,
    ) -> Result<(), CmdletError> {
        if name.ends_with('.') || name.chars().any(|c| "\"/\\[]:;|=,+*?<>@".contains(c)) {
            let message = format!(
                "The value \"{name}\" of property \"SamAccountName\" contains invalid characters or ends with a period."
            );
            return Err(self.invalid(cmdlet, VALIDATION, message));
        }
        self.check_length(cmdlet, "SamAccountName", name, 20)
    }

    pub(super) fn check_length(
        &mut self,
        cmdlet: &str,
        property: &str,
        value: &str,
        limit: usize,
    ) -> Result<(), CmdletError> {
        let length = value.encode_utf16().count();
        if length <= limit && !(value.is_empty() && limit <= 64) {
            return Ok(());
        }
        let message = if length == 0 {
            format!("The value for the property {property} can't be empty.")
        } else {
            format!(
                "The length of the property is too long. The maximum length is {limit} and the length of the value provided is {length}. Property Name: {property}"
            )
        };
        Err(self.invalid(cmdlet, VALIDATION, message))
    }

    /// Refuses a name, account or logon name that another recipient has.
    pub(super) fn check_unique(
        &mut self,
        cmdlet: &str,
        recipient: &Recipient,
        server: &str,
    ) -> Result<(), CmdletError> {
        let except = Some(recipient.guid);
        let unit = recipient.organizational_unit.as_ref();
        if self.directory.owner(UniqueKey::Name, &recipient.name, unit, except).is_some() {
            return Err(self.already_exists(cmdlet, &recipient.distinguished_name(), server));
        }
        let keys = [
            (UniqueKey::SamAccountName, "SamAccountName", &recipient.sam_account_name),
            (UniqueKey::UserPrincipalName, "UserPrincipalName", &recipient.user_principal_name),
        ];
        for (key, property, value) in keys {
            if let Some(owner) =
                self.directory.owner(key, value, "", except).map(Recipient::canonical_name)
            {
                return Err(self.not_unique(cmdlet, property, value, &owner));
            }
        }
        Ok(())
    }

    pub(super) fn check_alias(&mut self, cmdlet: &str, alias: &str) -> Result<(), CmdletError> {
        if address::is_alias(alias) {
            return Ok(());
        }
        let message = format!(
            "Property expression \"{alias}\" isn't valid. Valid values are: Strings formed with characters from A to Z (uppercase or lowercase), digits from 0 to 9, !, #, $, %, &, ', *, +, -, /, =, ?, ^, _, `, {{, |, }} or ~. One or more periods may be embedded in an alias, but each period should be preceded and followed by at least one of the other characters. Property Name: Alias"
        );
        Err(self.invalid(cmdlet, VALIDATION, message))
    }

    /// Makes a mailbox of a user: kind, GUIDs, database and the addresses of the policy.
    fn mail_enable(&mut self, bound: &Bound, recipient: &mut Recipient) -> Result<(), CmdletError> {
        let cmdlet = bound.cmdlet;
        self.check_alias(cmdlet, &recipient.alias)?;
        self.check_length(cmdlet, "DisplayName", &recipient.display_name, 256)?;
        let kind = mailbox_kind(bound);
        let remote = Self::view_of(cmdlet) == View::RemoteMailbox;
        recipient.kind =
            if remote { RecipientKind::RemoteMailbox(kind) } else { RecipientKind::Mailbox(kind) };
        if remote {
            let given = bound.text("RemoteRoutingAddress").map(address::with_prefix);
            let given = given.as_deref().and_then(address::smtp_part).map(str::to_owned);
            let template =
                || format!("{}@{}", recipient.alias, self.directory.organization().routing_domain);
            recipient.remote_routing_address = given.unwrap_or_else(template);
        } else {
            recipient.exchange_guid = self.random.guid();
            recipient.database = match bound.text("Database") {
                Some(text) => self.database(cmdlet, text)?,
                None => {
                    1 + u32::try_from(self.random.below(
                        usize::try_from(self.directory.organization().databases).unwrap_or(1),
                    ))
                    .unwrap_or(0)
                }
            };
        }
        if bound.flag("Archive") {
            recipient.archive_guid = self.random.guid();
        }
        let primary = match bound.text("PrimarySmtpAddress") {
            Some(primary) => primary.to_owned(),
            None => self.policy_address(recipient),
        };
        recipient.email_address_policy_enabled = !bound.has("PrimarySmtpAddress");
        recipient.email_addresses = vec![format!("SMTP:{primary}")];
        if remote && !address::same(&primary, &recipient.remote_routing_address) {
            recipient.email_addresses.push(format!("smtp:{}", recipient.remote_routing_address));
        }
        let addresses = recipient.email_addresses.clone();
        self.check_addresses(cmdlet, recipient, &addresses)
    }

    /// Returns the primary address that the policy computes; a taken one gets a digit.
    pub(super) fn policy_address(&self, recipient: &Recipient) -> String {
        let domain = &self.directory.organization().domain;
        let numbered = (2..u32::MAX).map(|number| format!("{}{number}@{domain}", recipient.alias));
        let mut candidates =
            std::iter::once(format!("{}@{domain}", recipient.alias)).chain(numbered);
        let free = |address: &String| {
            self.directory
                .proxy_owner(&format!("smtp:{address}"))
                .is_none_or(|owner| owner.guid == recipient.guid)
        };
        candidates.find(free).unwrap_or_default()
    }
}

fn mailbox_kind(bound: &Bound) -> MailboxKind {
    [MailboxKind::Shared, MailboxKind::Room, MailboxKind::Equipment]
        .into_iter()
        .find(|kind| bound.flag(kind.name()))
        .unwrap_or(MailboxKind::Regular)
}

/// Returns the parameters of a `New-` cmdlet that are kept as they are.
fn stored(bound: &Bound) -> BTreeMap<Arc<str>, Field> {
    let texts = ["Initials", "Office", "Phone"]
        .into_iter()
        .filter_map(|name| Some((name, Field::text(bound.text(name)?))));
    let flags = ["ModerationEnabled"]
        .into_iter()
        .filter(|name| bound.flag(name))
        .map(|name| (name, Field::Bool(true)));
    texts.chain(flags).map(|(name, field)| (Arc::from(name), field)).collect()
}
