//! `Get-OrganizationConfig`: reads the settings of the organisation, and with them its version.
//! Where: on-premises and online. Output: exactly one [`OrganizationConfig`].

use crate::builder::Builder;
use crate::call::CmdletCall;
use crate::cmdlet::Cmdlet;
use crate::views::OrganizationConfig;

/// The parameters of `Get-OrganizationConfig`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GetOrganizationConfig {
    /// The domain controller to read from. On-premises only.
    pub domain_controller: Option<String>,
}

impl GetOrganizationConfig {
    /// Reads the settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Cmdlet for GetOrganizationConfig {
    const NAME: &'static str = "Get-OrganizationConfig";
    type Output = OrganizationConfig;

    fn into_call(self) -> CmdletCall {
        Builder::new(Self::NAME).maybe("DomainController", self.domain_controller).reading()
    }
}

#[cfg(test)]
mod tests {
    use super::GetOrganizationConfig;
    use crate::cmdlet::Cmdlet as _;

    #[test]
    fn it_takes_no_identity() {
        assert_eq!(GetOrganizationConfig::new().into_call().to_string(), "Get-OrganizationConfig");
    }
}
