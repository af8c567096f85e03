//! `Set-Mailbox`: changes a mailbox.
//! Where: on-premises and online. Output: none; a call that changes nothing warns.

use address_policy::ProxyAddress;

use crate::builder::Builder;
use crate::call::CmdletCall;
use crate::cmdlet::{Cmdlet, Parameters, Setting};
use crate::identity::Identity;

/// The parameters of `Set-Mailbox`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SetMailbox {
    /// The mailbox.
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
    /// The name in ASCII, for systems that know nothing else.
    pub simple_display_name: Setting<String>,
    /// A recipient of the organisation that mail is forwarded to.
    pub forwarding_address: Setting<String>,
    /// An address that mail is forwarded to.
    pub forwarding_smtp_address: Setting<String>,
    /// Whether forwarded mail is delivered too.
    pub deliver_to_mailbox_and_forward: Option<bool>,
    /// The largest message that may be sent, such as `35 MB` or `Unlimited`.
    pub max_send_size: Setting<String>,
    /// The largest message that may be received.
    pub max_receive_size: Setting<String>,
    /// The size from which the owner is warned.
    pub issue_warning_quota: Setting<String>,
    /// The size from which nothing can be sent.
    pub prohibit_send_quota: Setting<String>,
    /// The size from which nothing can be sent or received.
    pub prohibit_send_receive_quota: Setting<String>,
    /// Whether the quotas are those of the database.
    pub use_database_quota_defaults: Option<bool>,
    /// The domain controller to write to. On-premises only.
    pub domain_controller: Option<String>,
    /// Further parameters; they win over the fields. A null value empties.
    pub more: Parameters,
}

impl SetMailbox {
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
            simple_display_name: Setting::Keep,
            forwarding_address: Setting::Keep,
            forwarding_smtp_address: Setting::Keep,
            deliver_to_mailbox_and_forward: None,
            max_send_size: Setting::Keep,
            max_receive_size: Setting::Keep,
            issue_warning_quota: Setting::Keep,
            prohibit_send_quota: Setting::Keep,
            prohibit_send_receive_quota: Setting::Keep,
            use_database_quota_defaults: None,
            domain_controller: None,
            more: Parameters::default(),
        }
    }
}

impl Cmdlet for SetMailbox {
    const NAME: &'static str = "Set-Mailbox";
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
            .maybe("SimpleDisplayName", self.simple_display_name)
            .maybe("ForwardingAddress", self.forwarding_address)
            .maybe("ForwardingSmtpAddress", self.forwarding_smtp_address)
            .maybe("DeliverToMailboxAndForward", self.deliver_to_mailbox_and_forward)
            .maybe("MaxSendSize", self.max_send_size)
            .maybe("MaxReceiveSize", self.max_receive_size)
            .maybe("IssueWarningQuota", self.issue_warning_quota)
            .maybe("ProhibitSendQuota", self.prohibit_send_quota)
            .maybe("ProhibitSendReceiveQuota", self.prohibit_send_receive_quota)
            .maybe("UseDatabaseQuotaDefaults", self.use_database_quota_defaults)
            .maybe("DomainController", self.domain_controller)
            .more(&self.more)
            .writing()
    }
}

#[cfg(test)]
mod tests {
    use clixml::Value;

    use super::SetMailbox;
    use crate::cmdlet::{Cmdlet as _, Setting};
    use crate::identity::Identity;

    fn ann() -> SetMailbox {
        SetMailbox::new(Identity::new("ann").expect("the name is not blank"))
    }

    #[test]
    fn what_is_not_set_is_not_sent() {
        assert_eq!(ann().into_call().to_string(), "Set-Mailbox -Identity 'ann' -Confirm:$false");
    }

    #[test]
    fn what_is_emptied_is_sent_as_null() {
        let mut cmdlet = ann();
        cmdlet.display_name = Setting::To("Ann B.".to_owned());
        cmdlet.simple_display_name = Setting::Clear;
        cmdlet.more.set("SeniorityIndex", Value::Nil).unwrap();
        assert_eq!(
            cmdlet.into_call().to_string(),
            "Set-Mailbox -Identity 'ann' -DisplayName 'Ann B.' -SimpleDisplayName $null \
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
            "Set-Mailbox -Identity 'ann' -EmailAddresses 'X500:/o=A', 'SMTP:ann@contoso.com' \
             -EmailAddressPolicyEnabled $false -Confirm:$false"
        );
    }
}
