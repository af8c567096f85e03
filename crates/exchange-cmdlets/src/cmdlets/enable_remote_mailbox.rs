//! `Enable-RemoteMailbox`: mail-enables an existing on-premises user whose mailbox is in the service. It was seen to report an
//! error and still have made the object, so after an error the object is read again.
//! Where: on-premises. Output: exactly one [`RemoteMailbox`].

use crate::builder::Builder;
use crate::call::CmdletCall;
use crate::cmdlet::{Cmdlet, Parameters};
use crate::cmdlets::scope::MailboxKind;
use crate::identity::Identity;
use crate::views::RemoteMailbox;

/// The parameters of `Enable-RemoteMailbox`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EnableRemoteMailbox {
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
    /// The address in the service, `user@tenant.mail.onmicrosoft.com`; by policy otherwise.
    pub remote_routing_address: Option<String>,
    /// The domain controller to write to. On-premises only.
    pub domain_controller: Option<String>,
    /// Further parameters; they win over the fields.
    pub more: Parameters,
}

impl EnableRemoteMailbox {
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
            remote_routing_address: None,
            domain_controller: None,
            more: Parameters::default(),
        }
    }
}

impl Cmdlet for EnableRemoteMailbox {
    const NAME: &'static str = "Enable-RemoteMailbox";
    type Output = RemoteMailbox;

    fn into_call(self) -> CmdletCall {
        Builder::new(Self::NAME)
            .always("Identity", &self.identity)
            .maybe("Alias", self.alias)
            .maybe("DisplayName", self.display_name)
            .kind(self.kind)
            .switch("Archive", self.archive)
            .maybe("PrimarySmtpAddress", self.primary_smtp_address)
            .maybe("RemoteRoutingAddress", self.remote_routing_address)
            .maybe("DomainController", self.domain_controller)
            .more(&self.more)
            .writing()
    }
}

#[cfg(test)]
mod tests {
    use super::EnableRemoteMailbox;
    use crate::cmdlet::Cmdlet as _;
    use crate::cmdlets::scope::MailboxKind;
    use crate::identity::Identity;

    #[test]
    fn the_user_is_all_it_needs() {
        let cmdlet = EnableRemoteMailbox::new(Identity::new("ann").unwrap());
        assert_eq!(
            cmdlet.into_call().to_string(),
            "Enable-RemoteMailbox -Identity 'ann' -Confirm:$false"
        );
    }

    #[test]
    fn what_is_set_is_sent() {
        let mut cmdlet = EnableRemoteMailbox::new(Identity::new("ann").unwrap());
        cmdlet.alias = Some("ann".to_owned());
        cmdlet.kind = Some(MailboxKind::Room);
        cmdlet.remote_routing_address = Some("x".to_owned());
        cmdlet.domain_controller = Some("dc01".to_owned());
        assert_eq!(
            cmdlet.into_call().to_string(),
            "Enable-RemoteMailbox -Identity 'ann' -Alias 'ann' -Room -RemoteRoutingAddress 'x' -DomainController 'dc01' -Confirm:$false"
        );
    }
}
