//! `Set-RemoteMailbox`: changes the on-premises object of a mailbox in the service.
//! Where: on-premises. Output: none; a call that changes nothing warns.

use address_policy::ProxyAddress;

use crate::builder::Builder;
use crate::call::CmdletCall;
use crate::cmdlet::{Cmdlet, Parameters, Setting};
use crate::identity::Identity;

/// The parameters of `Set-RemoteMailbox`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SetRemoteMailbox {
    /// The remote mailbox.
    pub identity: Identity,
    /// The whole set of addresses, which replaces the present one. Excludes the parameter `PrimarySmtpAddress`.
    pub email_addresses: Option<Vec<ProxyAddress>>,
    /// Whether the address policy rules the addresses. While it does, it takes back a changed primary. On-premises only.
    pub email_address_policy_enabled: Option<bool>,
    /// The alias.
    pub alias: Option<String>,
    /// The name of the object in its organizational unit.
    pub name: Option<String>,
    /// The name in address lists.
    pub display_name: Setting<String>,
    /// The name to sign in with. On-premises only.
    pub user_principal_name: Option<String>,
    /// The older sign-in name. On-premises only.
    pub sam_account_name: Option<String>,
    /// Whether address lists leave the mailbox out.
    pub hidden_from_address_lists_enabled: Option<bool>,
    /// What senders are told before they send.
    pub mail_tip: Setting<String>,
    /// The address in the service; without it mail does not arrive there.
    pub remote_routing_address: Option<String>,
    /// The domain controller to write to. On-premises only.
    pub domain_controller: Option<String>,
    /// Further parameters; they win over the fields. A null value empties.
    pub more: Parameters,
}

impl SetRemoteMailbox {
    /// Names the object; nothing of it is changed yet.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            email_addresses: None,
            email_address_policy_enabled: None,
            alias: None,
            name: None,
            display_name: Setting::Keep,
            user_principal_name: None,
            sam_account_name: None,
            hidden_from_address_lists_enabled: None,
            mail_tip: Setting::Keep,
            remote_routing_address: None,
            domain_controller: None,
            more: Parameters::default(),
        }
    }
}

impl Cmdlet for SetRemoteMailbox {
    const NAME: &'static str = "Set-RemoteMailbox";
    type Output = ();

    fn into_call(self) -> CmdletCall {
        Builder::new(Self::NAME)
            .always("Identity", &self.identity)
            .addresses("EmailAddresses", self.email_addresses.as_deref())
            .maybe("EmailAddressPolicyEnabled", self.email_address_policy_enabled)
            .maybe("Alias", self.alias)
            .maybe("Name", self.name)
            .maybe("DisplayName", self.display_name)
            .maybe("UserPrincipalName", self.user_principal_name)
            .maybe("SamAccountName", self.sam_account_name)
            .maybe("HiddenFromAddressListsEnabled", self.hidden_from_address_lists_enabled)
            .maybe("MailTip", self.mail_tip)
            .maybe("RemoteRoutingAddress", self.remote_routing_address)
            .maybe("DomainController", self.domain_controller)
            .more(&self.more)
            .writing()
    }
}

#[cfg(test)]
mod tests {
    use clixml::Value;

    use super::SetRemoteMailbox;
    use crate::cmdlet::{Cmdlet as _, Setting};
    use crate::identity::Identity;

    fn ann() -> SetRemoteMailbox {
        SetRemoteMailbox::new(Identity::new("ann").expect("the name is not blank"))
    }

    #[test]
    fn what_is_not_set_is_not_sent() {
        assert_eq!(
            ann().into_call().to_string(),
            "Set-RemoteMailbox -Identity 'ann' -Confirm:$false"
        );
    }

    #[test]
    fn what_is_emptied_is_sent_as_null() {
        let mut cmdlet = ann();
        cmdlet.display_name = Setting::To("Ann B.".to_owned());
        cmdlet.mail_tip = Setting::Clear;
        cmdlet.more.set("SeniorityIndex", Value::Nil).unwrap();
        assert_eq!(
            cmdlet.into_call().to_string(),
            "Set-RemoteMailbox -Identity 'ann' -DisplayName 'Ann B.' -MailTip $null \
             -SeniorityIndex $null -Confirm:$false"
        );
    }

    #[test]
    fn addresses_are_sent_as_a_list_of_texts() {
        let mut cmdlet = ann();
        cmdlet.email_addresses =
            Some(address_policy::parse_all(["X500:/o=A", "SMTP:ann@contoso.com"]).unwrap());
        cmdlet.email_address_policy_enabled = Some(false);
        assert_eq!(
            cmdlet.into_call().to_string(),
            "Set-RemoteMailbox -Identity 'ann' -EmailAddresses 'X500:/o=A', 'SMTP:ann@contoso.com' \
             -EmailAddressPolicyEnabled $false -Confirm:$false"
        );
    }
}
