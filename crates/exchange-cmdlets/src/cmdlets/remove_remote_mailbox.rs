//! `Remove-RemoteMailbox`: deletes a user whose mailbox is in the service, together with the account.
//! Where: on-premises. Output: none.

use crate::builder::Builder;
use crate::call::CmdletCall;
use crate::cmdlet::{Cmdlet, Parameters};
use crate::identity::Identity;

/// The parameters of `Remove-RemoteMailbox`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RemoveRemoteMailbox {
    /// The remote mailbox.
    pub identity: Identity,
    /// Goes through even if the mailbox is on legal hold. On-premises only.
    pub ignore_legal_hold: bool,
    /// The domain controller to write to. On-premises only.
    pub domain_controller: Option<String>,
    /// Further parameters; they win over the fields.
    pub more: Parameters,
}

impl RemoveRemoteMailbox {
    /// Names the object.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            ignore_legal_hold: false,
            domain_controller: None,
            more: Parameters::default(),
        }
    }
}

impl Cmdlet for RemoveRemoteMailbox {
    const NAME: &'static str = "Remove-RemoteMailbox";
    type Output = ();

    fn into_call(self) -> CmdletCall {
        Builder::new(Self::NAME)
            .always("Identity", &self.identity)
            .switch("IgnoreLegalHold", self.ignore_legal_hold)
            .maybe("DomainController", self.domain_controller)
            .more(&self.more)
            .writing()
    }
}

#[cfg(test)]
mod tests {
    use super::RemoveRemoteMailbox;
    use crate::cmdlet::Cmdlet as _;
    use crate::identity::Identity;

    #[test]
    fn it_never_asks_back() {
        let cmdlet = RemoveRemoteMailbox::new(Identity::new("ann").unwrap());
        assert_eq!(
            cmdlet.into_call().to_string(),
            "Remove-RemoteMailbox -Identity 'ann' -Confirm:$false"
        );
    }

    #[test]
    fn what_is_set_is_sent() {
        let mut cmdlet = RemoveRemoteMailbox::new(Identity::new("ann").unwrap());
        cmdlet.ignore_legal_hold = true;
        cmdlet.domain_controller = Some("dc01".to_owned());
        cmdlet.more.set("IgnoreDefaultScope", true).unwrap();
        assert_eq!(
            cmdlet.into_call().to_string(),
            "Remove-RemoteMailbox -Identity 'ann' -IgnoreLegalHold -DomainController 'dc01' -IgnoreDefaultScope $true -Confirm:$false"
        );
    }
}
