//! `Get-User`: reads users, with or without a mailbox: the properties that are not mail.
//! Where: on-premises and online. Output: any number of [`User`].

use crate::builder::Builder;
use crate::call::CmdletCall;
use crate::cmdlet::Cmdlet;
use crate::cmdlets::scope::{ResultSize, Scope};
use crate::filter::Filter;
use crate::identity::Identity;
use crate::views::User;

/// The parameters of `Get-User`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GetUser {
    /// Which users.
    pub scope: Scope,
    /// Only those that match.
    pub filter: Option<Filter>,
    /// Only those in this organizational unit or below.
    pub organizational_unit: Option<String>,
    /// Only those of these `RecipientTypeDetails`, such as `SharedMailbox`; empty for every type.
    pub recipient_type_details: Vec<String>,
    /// How many at most; sent with [`Scope::All`] only.
    pub result_size: ResultSize,
    /// The domain controller to read from. On-premises only.
    pub domain_controller: Option<String>,
    /// The properties wanted; `None` for whole objects. See [`CmdletCall::select`].
    pub select: Option<Vec<String>>,
}

impl GetUser {
    /// Reads one object.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self::with_scope(Scope::One(identity))
    }

    /// Reads all of them, without a limit.
    #[must_use]
    pub fn all() -> Self {
        Self::with_scope(Scope::All)
    }

    fn with_scope(scope: Scope) -> Self {
        Self {
            scope,
            filter: None,
            organizational_unit: None,
            recipient_type_details: Vec::new(),
            result_size: ResultSize::Unlimited,
            domain_controller: None,
            select: None,
        }
    }
}

impl Cmdlet for GetUser {
    const NAME: &'static str = "Get-User";
    type Output = User;

    fn into_call(self) -> CmdletCall {
        Builder::new(Self::NAME)
            .scope(&self.scope, self.result_size)
            .maybe("Filter", self.filter)
            .maybe("OrganizationalUnit", self.organizational_unit)
            .list("RecipientTypeDetails", &self.recipient_type_details)
            .maybe("DomainController", self.domain_controller)
            .select(self.select)
            .reading()
    }
}

#[cfg(test)]
mod tests {
    use super::GetUser;
    use crate::cmdlet::Cmdlet as _;
    use crate::cmdlets::scope::ResultSize;
    use crate::filter::Filter;
    use crate::identity::Identity;

    #[test]
    fn one_object_is_asked_for_by_its_name() {
        let mut cmdlet = GetUser::new(Identity::new("ann@contoso.com").unwrap());
        cmdlet.domain_controller = Some("dc01.contoso.com".to_owned());
        let expected = "Get-User -Identity 'ann@contoso.com' -DomainController 'dc01.contoso.com'";
        assert_eq!(cmdlet.into_call().to_string(), expected);
    }

    #[test]
    fn all_objects_are_asked_for_without_a_limit() {
        assert_eq!(GetUser::all().into_call().to_string(), "Get-User -ResultSize 'Unlimited'");
        let mut cmdlet = GetUser::all();
        cmdlet.filter = Some(Filter::compare("Name", "like", "a*").unwrap());
        cmdlet.result_size = ResultSize::Limit(5);
        cmdlet.organizational_unit = Some("contoso.com/Users".to_owned());
        cmdlet.select = Some(vec!["Guid".to_owned()]);
        let call = cmdlet.into_call();
        let expected = "Get-User -ResultSize '5' -Filter 'Name -like ''a*''' -OrganizationalUnit 'contoso.com/Users'";
        assert_eq!(call.to_string(), expected);
        assert_eq!(call.select, Some(vec!["Guid".to_owned()]));
    }
}
