//! `New-RemoteMailbox`: makes an on-premises user whose mailbox is in the service; it appears there after the next
//! synchronisation.
//! Where: on-premises. Output: exactly one [`RemoteMailbox`].

use secrecy::SecretString;

use crate::builder::Builder;
use crate::call::CmdletCall;
use crate::cmdlet::{Cmdlet, Parameters};
use crate::cmdlets::scope::MailboxKind;
use crate::views::RemoteMailbox;

/// The parameters of `New-RemoteMailbox`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewRemoteMailbox {
    /// The name of the object in its organizational unit, at most 64 characters.
    pub name: String,
    /// The name to sign in with. On-premises only.
    pub user_principal_name: Option<String>,
    /// The first password; not needed for the special kinds.
    pub password: Option<SecretString>,
    /// A special kind of mailbox; `None` for a person's.
    pub kind: Option<MailboxKind>,
    /// The alias, at most 64 characters; else the local part of the sign-in name.
    pub alias: Option<String>,
    /// The name in address lists, at most 256 characters; else the name.
    pub display_name: Option<String>,
    /// The given name.
    pub first_name: Option<String>,
    /// The initials.
    pub initials: Option<String>,
    /// The family name.
    pub last_name: Option<String>,
    /// The older sign-in name, at most 20 characters. On-premises only.
    pub sam_account_name: Option<String>,
    /// Where the user is made; the organisation's default otherwise.
    pub on_premises_organizational_unit: Option<String>,
    /// Whether the password is to be changed when first used.
    pub reset_password_on_next_logon: Option<bool>,
    /// Adds an archive.
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

impl NewRemoteMailbox {
    /// Names the object.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            user_principal_name: None,
            password: None,
            kind: None,
            alias: None,
            display_name: None,
            first_name: None,
            initials: None,
            last_name: None,
            sam_account_name: None,
            on_premises_organizational_unit: None,
            reset_password_on_next_logon: None,
            archive: false,
            primary_smtp_address: None,
            remote_routing_address: None,
            domain_controller: None,
            more: Parameters::default(),
        }
    }

    /// Makes a person's mailbox, with what that needs.
    #[must_use]
    pub fn user(
        name: impl Into<String>,
        user_principal_name: impl Into<String>,
        password: SecretString,
    ) -> Self {
        Self {
            user_principal_name: Some(user_principal_name.into()),
            password: Some(password),
            ..Self::new(name)
        }
    }
}

impl Cmdlet for NewRemoteMailbox {
    const NAME: &'static str = "New-RemoteMailbox";
    type Output = RemoteMailbox;

    fn into_call(self) -> CmdletCall {
        Builder::new(Self::NAME)
            .always("Name", self.name)
            .maybe("UserPrincipalName", self.user_principal_name)
            .secret("Password", self.password)
            .kind(self.kind)
            .maybe("Alias", self.alias)
            .maybe("DisplayName", self.display_name)
            .maybe("FirstName", self.first_name)
            .maybe("Initials", self.initials)
            .maybe("LastName", self.last_name)
            .maybe("SamAccountName", self.sam_account_name)
            .maybe("OnPremisesOrganizationalUnit", self.on_premises_organizational_unit)
            .maybe("ResetPasswordOnNextLogon", self.reset_password_on_next_logon)
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
    use secrecy::SecretString;

    use super::NewRemoteMailbox;
    use crate::call::ParameterValue;
    use crate::cmdlet::Cmdlet as _;
    use crate::cmdlets::scope::MailboxKind;

    #[test]
    fn a_person_needs_a_password_which_travels_as_a_secret() {
        let call =
            NewRemoteMailbox::user("Ann", "ann@contoso.com", SecretString::from("pw")).into_call();
        assert!(matches!(call.argument("Password"), Some(ParameterValue::Secret(_))));
        assert_eq!(
            call.to_string(),
            "New-RemoteMailbox -Name 'Ann' -UserPrincipalName 'ann@contoso.com' -Password <redacted> -Confirm:$false"
        );
    }

    #[test]
    fn a_room_needs_none() {
        let mut cmdlet = NewRemoteMailbox::new("Room 1");
        cmdlet.kind = Some(MailboxKind::Room);
        cmdlet.on_premises_organizational_unit = Some("contoso.com/Rooms".to_owned());
        cmdlet.more.set("ModerationEnabled", true).unwrap();
        assert_eq!(
            cmdlet.into_call().to_string(),
            "New-RemoteMailbox -Name 'Room 1' -Room -OnPremisesOrganizationalUnit 'contoso.com/Rooms' -ModerationEnabled $true -Confirm:$false"
        );
    }
}
