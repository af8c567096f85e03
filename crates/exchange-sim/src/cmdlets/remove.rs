//! `Disable-` and `Remove-`, and the question that they ask first.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::bind::Bound;
use super::{CmdletError, Exchange, Prompt, Record, Session};
use crate::directory::{Recipient, RecipientKind};
use crate::views::View;

impl Exchange {
    /// Returns the question to ask before a call, unless it is answered by `-Confirm:$false` or not needed.
    ///
    /// The object is looked up first: what does not exist is an error, not a question.
    pub(super) fn confirmation(
        &mut self,
        bound: &Bound,
        session: &Session,
    ) -> Result<Option<Prompt>, CmdletError> {
        let asks = match bound.cmdlet.split_once('-').map(|(verb, _)| verb) {
            Some("Remove" | "Disable") => true,
            Some("Set") => bound.cmdlet == "Set-User" || bound.flag("Confirm"),
            Some("New" | "Enable") => bound.flag("Confirm"),
            _ => false,
        };
        if !asks || (bound.has("Confirm") && !bound.flag("Confirm")) || bound.flag("WhatIf") {
            return Ok(None);
        }
        let action = self.action(bound, session)?;
        let message = format!("Are you sure you want to perform this action?\n{action}");
        Ok(Some(Prompt { caption: "Confirm".to_owned(), message }))
    }

    /// Returns the sentence of what a call is about to do; the engine's own, as Exchange's are not documented.
    pub(super) fn action(
        &mut self,
        bound: &Bound,
        session: &Session,
    ) -> Result<String, CmdletError> {
        let server = self.server(bound, session)?;
        let name = match bound.text("Identity") {
            Some(identity) if !bound.cmdlet.starts_with("Enable-") => self
                .single(bound.cmdlet, identity, Self::view_of(bound.cmdlet), &server)?
                .canonical_name(),
            Some(identity) => identity.to_owned(),
            None => bound.text("Name").unwrap_or_default().to_owned(),
        };
        Ok(format!("Performing the operation \"{}\" on target \"{name}\".", bound.cmdlet))
    }

    pub(super) fn disable(
        &mut self,
        bound: &Bound,
        session: &Session,
    ) -> Result<Vec<Record>, CmdletError> {
        let (recipient, _) = self.target(bound, session)?;
        if bound.flag("WhatIf") {
            return Ok(Vec::new());
        }
        let now = self.now();
        let mut user = recipient;
        user.when_changed = now;
        if bound.flag("Archive") {
            user.archive_guid = Uuid::nil();
        } else {
            strip(&mut user);
        }
        self.directory.replace(user);
        Ok(Vec::new())
    }

    pub(super) fn remove(
        &mut self,
        bound: &Bound,
        session: &Session,
    ) -> Result<Vec<Record>, CmdletError> {
        let (recipient, _) = self.target(bound, session)?;
        if !bound.flag("WhatIf") {
            self.directory.remove(recipient.guid);
        }
        Ok(Vec::new())
    }

    /// Returns the recipient that a call is about, and the domain controller that answers.
    pub(super) fn target(
        &mut self,
        bound: &Bound,
        session: &Session,
    ) -> Result<(Recipient, String), CmdletError> {
        let server = self.server(bound, session)?;
        let identity = bound.text("Identity").unwrap_or_default();
        let recipient =
            self.single(bound.cmdlet, identity, Self::view_of(bound.cmdlet), &server)?;
        Ok((recipient, server))
    }
}

/// Takes everything away that makes a user a mailbox; the account and its own attributes stay.
fn strip(user: &mut Recipient) {
    user.kind = RecipientKind::User;
    user.alias.clear();
    user.email_addresses.clear();
    user.remote_routing_address.clear();
    user.exchange_guid = Uuid::nil();
    user.archive_guid = Uuid::nil();
    user.database = 0;
    user.certificates = 0;
    user.email_address_policy_enabled = true;
    let values = std::mem::take(&mut user.values);
    user.values = values
        .into_iter()
        .filter(|(name, _)| View::User.property(name).is_some())
        .collect::<BTreeMap<_, _>>();
}
