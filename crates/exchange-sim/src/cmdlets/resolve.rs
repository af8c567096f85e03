//! From identities to recipients, containers, databases and domain controllers.

use uuid::Uuid;

use super::bind::Bound;
use super::{CmdletError, Exchange, Session};
use crate::directory::{Recipient, RecipientKind};
use crate::object::Field;
use crate::views::{View, recipient_id};

impl Exchange {
    /// Returns the domain controller that answers: the one the call names, else the session's.
    ///
    /// A domain controller may be named by its host name alone.
    pub(super) fn server(
        &mut self,
        bound: &Bound,
        session: &Session,
    ) -> Result<String, CmdletError> {
        let Some(wanted) = bound.text("DomainController") else {
            return Ok(session.domain_controller.clone());
        };
        let known = self.directory.organization().domain_controllers.iter();
        let found = known.clone().find(|server| {
            server.eq_ignore_ascii_case(wanted)
                || server.split('.').next().is_some_and(|host| host.eq_ignore_ascii_case(wanted))
        });
        match found.cloned() {
            Some(server) => Ok(server),
            None => Err(self.unsuitable_server(bound.cmdlet, wanted)),
        }
    }

    /// Returns the one recipient of a view that an identity means.
    pub(super) fn single(
        &mut self,
        cmdlet: &str,
        identity: &str,
        view: View,
        server: &str,
    ) -> Result<Recipient, CmdletError> {
        let found = self
            .directory
            .find(identity)
            .into_iter()
            .filter(|recipient| view.shows(recipient.kind));
        let found: Vec<Recipient> = found.take(2).cloned().collect();
        match <[Recipient; 1]>::try_from(found) {
            Ok([only]) => Ok(only),
            Err(none) if none.is_empty() => Err(self.not_found(cmdlet, identity, server)),
            Err(_) => Err(self.ambiguous(cmdlet, identity)),
        }
    }

    /// Returns the id of a recipient that a property refers to.
    pub(super) fn reference(&mut self, cmdlet: &str, identity: &str) -> Result<Field, CmdletError> {
        let found: Vec<Field> =
            self.directory.find(identity).into_iter().take(2).map(recipient_id).collect();
        match found.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(self.reference_not_found(cmdlet, "object", identity)),
            _ => Err(self.ambiguous(cmdlet, identity)),
        }
    }

    /// Returns whether the recipient is the caller's kind of mailbox.
    pub(super) const fn view_of(cmdlet: &str) -> View {
        // The noun decides: RemoteMailbox, CASMailbox, Mailbox, User.
        let bytes = cmdlet.as_bytes();
        match bytes {
            [.., b'U', b's', b'e', b'r'] => View::User,
            [.., b'C', b'A', b'S', b'M', b'a', b'i', b'l', b'b', b'o', b'x'] => View::ClientAccess,
            [
                ..,
                b'-',
                b'R',
                b'e',
                b'm',
                b'o',
                b't',
                b'e',
                b'M',
                b'a',
                b'i',
                b'l',
                b'b',
                b'o',
                b'x',
            ] => View::RemoteMailbox,
            _ => View::Mailbox,
        }
    }

    /// Returns the recipient as the cmdlet's output object.
    pub(super) fn output(&self, guid: Uuid, view: View, server: &str) -> Option<super::Record> {
        let recipient = self.directory.get(guid)?;
        Some(super::Record::Output(crate::object::Item::Row(
            view.row(recipient, &self.scope(server)),
        )))
    }

    /// Refuses a recipient that is mail-enabled already.
    pub(super) fn plain_user(
        &mut self,
        cmdlet: &str,
        recipient: Recipient,
    ) -> Result<Recipient, CmdletError> {
        match recipient.kind {
            RecipientKind::User => Ok(recipient),
            _ => Err(self.wrong_type(cmdlet, &recipient)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noun_tells_the_view() {
        for (cmdlet, view) in [
            ("Get-User", View::User),
            ("Set-User", View::User),
            ("Get-CASMailbox", View::ClientAccess),
            ("New-Mailbox", View::Mailbox),
            ("Disable-Mailbox", View::Mailbox),
            ("Enable-RemoteMailbox", View::RemoteMailbox),
        ] {
            assert_eq!(Exchange::view_of(cmdlet), view, "{cmdlet}");
        }
    }
}
