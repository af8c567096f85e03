//! `Remove-Mailbox`: deletes a mailbox together with its account.
//! Where: on-premises and online. Output: none.

use crate::builder::Builder;
use crate::call::CmdletCall;
use crate::cmdlet::{Cmdlet, Parameters};
use crate::identity::Identity;

/// The parameters of `Remove-Mailbox`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RemoveMailbox {
    /// The mailbox.
    pub identity: Identity,
    /// Deletes the content too, at once and for good. On-premises only.
    pub permanent: Option<bool>,
    /// Goes through even if the mailbox is on legal hold. On-premises only.
    pub ignore_legal_hold: bool,
    /// The domain controller to write to. On-premises only.
    pub domain_controller: Option<String>,
    /// Further parameters; they win over the fields.
    pub more: Parameters,
}

impl RemoveMailbox {
    /// Names the object.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            permanent: None,
            ignore_legal_hold: false,
            domain_controller: None,
            more: Parameters::default(),
        }
    }
}

impl Cmdlet for RemoveMailbox {
    const NAME: &'static str = "Remove-Mailbox";
    type Output = ();

    fn into_call(self) -> CmdletCall {
        Builder::new(Self::NAME)
            .always("Identity", &self.identity)
            .maybe("Permanent", self.permanent)
            .switch("IgnoreLegalHold", self.ignore_legal_hold)
            .maybe("DomainController", self.domain_controller)
            .more(&self.more)
            .writing()
    }
}

#[cfg(test)]
mod tests {
    use super::RemoveMailbox;
    use crate::cmdlet::Cmdlet as _;
    use crate::identity::Identity;

    #[test]
    fn it_never_asks_back() {
        let cmdlet = RemoveMailbox::new(Identity::new("ann").unwrap());
        assert_eq!(
            cmdlet.into_call().to_string(),
            "Remove-Mailbox -Identity 'ann' -Confirm:$false"
        );
    }

    #[test]
    fn what_is_set_is_sent() {
        let mut cmdlet = RemoveMailbox::new(Identity::new("ann").unwrap());
        cmdlet.ignore_legal_hold = true;
        cmdlet.domain_controller = Some("dc01".to_owned());
        cmdlet.more.set("IgnoreDefaultScope", true).unwrap();
        assert_eq!(
            cmdlet.into_call().to_string(),
            "Remove-Mailbox -Identity 'ann' -IgnoreLegalHold -DomainController 'dc01' -IgnoreDefaultScope $true -Confirm:$false"
        );
    }
}
