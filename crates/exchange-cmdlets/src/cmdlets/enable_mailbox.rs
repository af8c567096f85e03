//! `Enable-Mailbox`: gives an existing user a mailbox, with addresses by policy; account and password stay.
//! Where: on-premises; online for archives. Output: exactly one [`Mailbox`].

use crate::builder::Builder;
use crate::call::CmdletCall;
use crate::cmdlet::{Cmdlet, Parameters};
use crate::cmdlets::scope::MailboxKind;
use crate::identity::Identity;
use crate::views::Mailbox;

/// The parameters of `Enable-Mailbox`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EnableMailbox {
    /// The user.
    pub identity: Identity,
    /// The alias; the server makes one up otherwise.
    pub alias: Option<String>,
    /// The name in address lists; else the user's.
    pub display_name: Option<String>,
    /// A special kind of mailbox; `None` for a person's.
    pub kind: Option<MailboxKind>,
    /// Adds an archive, to a user who may already have a mailbox.
    pub archive: bool,
    /// The primary address. Setting it switches the address policy off for this mailbox.
    pub primary_smtp_address: Option<String>,
    /// The database; the server picks one otherwise. On-premises only.
    pub database: Option<String>,
    /// The domain controller to write to. On-premises only.
    pub domain_controller: Option<String>,
    /// Further parameters; they win over the fields.
    pub more: Parameters,
}

impl EnableMailbox {
    /// Names the user.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            alias: None,
            display_name: None,
            kind: None,
            archive: false,
            primary_smtp_address: None,
            database: None,
            domain_controller: None,
            more: Parameters::default(),
        }
    }
}

impl Cmdlet for EnableMailbox {
    const NAME: &'static str = "Enable-Mailbox";
    type Output = Mailbox;

    fn into_call(self) -> CmdletCall {
        Builder::new(Self::NAME)
            .always("Identity", &self.identity)
            .maybe("Alias", self.alias)
            .maybe("DisplayName", self.display_name)
            .kind(self.kind)
            .switch("Archive", self.archive)
            .maybe("PrimarySmtpAddress", self.primary_smtp_address)
            .maybe("Database", self.database)
            .maybe("DomainController", self.domain_controller)
            .more(&self.more)
            .writing()
    }
}

#[cfg(test)]
mod tests {
    use super::EnableMailbox;
    use crate::cmdlet::Cmdlet as _;
    use crate::cmdlets::scope::MailboxKind;
    use crate::identity::Identity;

    #[test]
    fn the_user_is_all_it_needs() {
        let cmdlet = EnableMailbox::new(Identity::new("ann").unwrap());
        assert_eq!(
            cmdlet.into_call().to_string(),
            "Enable-Mailbox -Identity 'ann' -Confirm:$false"
        );
    }

    #[test]
    fn what_is_set_is_sent() {
        let mut cmdlet = EnableMailbox::new(Identity::new("ann").unwrap());
        cmdlet.alias = Some("ann".to_owned());
        cmdlet.kind = Some(MailboxKind::Room);
        cmdlet.database = Some("x".to_owned());
        cmdlet.domain_controller = Some("dc01".to_owned());
        assert_eq!(
            cmdlet.into_call().to_string(),
            "Enable-Mailbox -Identity 'ann' -Alias 'ann' -Room -Database 'x' -DomainController 'dc01' -Confirm:$false"
        );
    }
}
