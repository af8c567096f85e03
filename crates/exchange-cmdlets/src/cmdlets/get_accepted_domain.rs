//! `Get-AcceptedDomain`: reads the domains the organisation takes mail for.
//! Where: on-premises and online. Output: any number of [`AcceptedDomain`].

use crate::builder::Builder;
use crate::call::CmdletCall;
use crate::cmdlet::Cmdlet;
use crate::cmdlets::scope::Scope;
use crate::identity::Identity;
use crate::views::AcceptedDomain;

/// The parameters of `Get-AcceptedDomain`. On-premises it has no limit to lift.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GetAcceptedDomain {
    /// Which domains.
    pub scope: Scope,
    /// The domain controller to read from. On-premises only.
    pub domain_controller: Option<String>,
}

impl GetAcceptedDomain {
    /// Reads one domain by the name of its entry.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self { scope: Scope::One(identity), domain_controller: None }
    }

    /// Reads all domains.
    #[must_use]
    pub fn all() -> Self {
        Self { scope: Scope::All, domain_controller: None }
    }
}

impl Cmdlet for GetAcceptedDomain {
    const NAME: &'static str = "Get-AcceptedDomain";
    type Output = AcceptedDomain;

    fn into_call(self) -> CmdletCall {
        let builder = Builder::new(Self::NAME);
        let builder = match &self.scope {
            Scope::One(identity) => builder.always("Identity", identity),
            Scope::All => builder,
        };
        builder.maybe("DomainController", self.domain_controller).reading()
    }
}

#[cfg(test)]
mod tests {
    use super::GetAcceptedDomain;
    use crate::cmdlet::Cmdlet as _;
    use crate::identity::Identity;

    #[test]
    fn all_domains_need_no_argument() {
        assert_eq!(GetAcceptedDomain::all().into_call().to_string(), "Get-AcceptedDomain");
        let one = GetAcceptedDomain::new(Identity::new("contoso.com").unwrap());
        assert_eq!(one.into_call().to_string(), "Get-AcceptedDomain -Identity 'contoso.com'");
    }
}
