//! `Set-User`: changes the properties of a user that are not mail. Address policies are evaluated again.
//! Where: on-premises and online. Output: none; a call that changes nothing warns.

use crate::builder::Builder;
use crate::call::CmdletCall;
use crate::cmdlet::{Cmdlet, Parameters, Setting};
use crate::identity::Identity;

/// The parameters of `Set-User`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SetUser {
    /// The user.
    pub identity: Identity,
    /// The given name.
    pub first_name: Setting<String>,
    /// The initials.
    pub initials: Setting<String>,
    /// The family name.
    pub last_name: Setting<String>,
    /// The name in address lists.
    pub display_name: Setting<String>,
    /// The job title.
    pub title: Setting<String>,
    /// The department.
    pub department: Setting<String>,
    /// The company.
    pub company: Setting<String>,
    /// The office.
    pub office: Setting<String>,
    /// The manager, by a name of the object.
    pub manager: Setting<String>,
    /// The telephone number.
    pub phone: Setting<String>,
    /// The mobile telephone number.
    pub mobile_phone: Setting<String>,
    /// The fax number.
    pub fax: Setting<String>,
    /// Street and number.
    pub street_address: Setting<String>,
    /// The city.
    pub city: Setting<String>,
    /// The state or province.
    pub state_or_province: Setting<String>,
    /// The postal code.
    pub postal_code: Setting<String>,
    /// The country, as two letters or by name.
    pub country_or_region: Setting<String>,
    /// Notes.
    pub notes: Setting<String>,
    /// A web page.
    pub web_page: Setting<String>,
    /// The domain controller to write to. On-premises only.
    pub domain_controller: Option<String>,
    /// Further parameters; they win over the fields. A null value empties.
    pub more: Parameters,
}

impl SetUser {
    /// Names the object; nothing of it is changed yet.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            first_name: Setting::Keep,
            initials: Setting::Keep,
            last_name: Setting::Keep,
            display_name: Setting::Keep,
            title: Setting::Keep,
            department: Setting::Keep,
            company: Setting::Keep,
            office: Setting::Keep,
            manager: Setting::Keep,
            phone: Setting::Keep,
            mobile_phone: Setting::Keep,
            fax: Setting::Keep,
            street_address: Setting::Keep,
            city: Setting::Keep,
            state_or_province: Setting::Keep,
            postal_code: Setting::Keep,
            country_or_region: Setting::Keep,
            notes: Setting::Keep,
            web_page: Setting::Keep,
            domain_controller: None,
            more: Parameters::default(),
        }
    }
}

impl Cmdlet for SetUser {
    const NAME: &'static str = "Set-User";
    type Output = ();

    fn into_call(self) -> CmdletCall {
        Builder::new(Self::NAME)
            .always("Identity", &self.identity)
            .maybe("FirstName", self.first_name)
            .maybe("Initials", self.initials)
            .maybe("LastName", self.last_name)
            .maybe("DisplayName", self.display_name)
            .maybe("Title", self.title)
            .maybe("Department", self.department)
            .maybe("Company", self.company)
            .maybe("Office", self.office)
            .maybe("Manager", self.manager)
            .maybe("Phone", self.phone)
            .maybe("MobilePhone", self.mobile_phone)
            .maybe("Fax", self.fax)
            .maybe("StreetAddress", self.street_address)
            .maybe("City", self.city)
            .maybe("StateOrProvince", self.state_or_province)
            .maybe("PostalCode", self.postal_code)
            .maybe("CountryOrRegion", self.country_or_region)
            .maybe("Notes", self.notes)
            .maybe("WebPage", self.web_page)
            .maybe("DomainController", self.domain_controller)
            .more(&self.more)
            .writing()
    }
}

#[cfg(test)]
mod tests {
    use clixml::Value;

    use super::SetUser;
    use crate::cmdlet::{Cmdlet as _, Setting};
    use crate::identity::Identity;

    fn ann() -> SetUser {
        SetUser::new(Identity::new("ann").expect("the name is not blank"))
    }

    #[test]
    fn what_is_not_set_is_not_sent() {
        assert_eq!(ann().into_call().to_string(), "Set-User -Identity 'ann' -Confirm:$false");
    }

    #[test]
    fn what_is_emptied_is_sent_as_null() {
        let mut cmdlet = ann();
        cmdlet.display_name = Setting::To("Ann B.".to_owned());
        cmdlet.title = Setting::Clear;
        cmdlet.more.set("SeniorityIndex", Value::Nil).unwrap();
        assert_eq!(
            cmdlet.into_call().to_string(),
            "Set-User -Identity 'ann' -DisplayName 'Ann B.' -Title $null \
             -SeniorityIndex $null -Confirm:$false"
        );
    }
}
