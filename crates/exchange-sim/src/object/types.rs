//! .NET type names as a server sends them: without the prefix that a Windows client adds while it reads.

use std::borrow::Cow;

/// The type names of an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TypeChain {
    /// A live object's chain.
    Plain(&'static [&'static str]),
    /// What `Select-Object -Property` makes of the first name of a chain.
    Selected(&'static [&'static str]),
}

impl TypeChain {
    pub(crate) fn first(self) -> String {
        self.names().first().map(|name| name.clone().into_owned()).unwrap_or_default()
    }

    pub(crate) fn names(self) -> Vec<Cow<'static, str>> {
        match self {
            Self::Plain(names) => names.iter().map(|name| Cow::Borrowed(*name)).collect(),
            Self::Selected(names) => {
                let first = names.first().copied().unwrap_or(OBJECT);
                vec![
                    Cow::Owned(format!("Selected.{first}")),
                    Cow::Borrowed(CUSTOM_OBJECT),
                    Cow::Borrowed(OBJECT),
                ]
            }
        }
    }

    pub(crate) const fn selected(self) -> Self {
        match self {
            Self::Plain(names) | Self::Selected(names) => Self::Selected(names),
        }
    }
}

/// The type of a collection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ListType {
    /// `ProxyAddressCollection`.
    Proxies,
    /// `MultiValuedProperty` of strings.
    Strings,
    /// `MultiValuedProperty` of object ids.
    Ids,
    /// `MultiValuedProperty` of cultures.
    Cultures,
    /// `MultiValuedProperty` of byte arrays.
    Certificates,
    /// A plain array list.
    Plain,
}

impl ListType {
    pub(crate) const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Proxies => PROXY_COLLECTION,
            Self::Strings => STRING_COLLECTION,
            Self::Ids => ID_COLLECTION,
            Self::Cultures => CULTURE_COLLECTION,
            Self::Certificates => BYTES_COLLECTION,
            Self::Plain => ARRAY_LIST,
        }
    }
}

pub(crate) const OBJECT: &str = "System.Object";
const CUSTOM_OBJECT: &str = "System.Management.Automation.PSCustomObject";

macro_rules! directory {
    ($name:literal) => {
        concat!("Microsoft.Exchange.Data.Directory.", $name)
    };
}
macro_rules! multi_valued {
    ($element:literal) => {
        concat!("Microsoft.Exchange.Data.MultiValuedProperty`1[[", $element, "]]")
    };
}
const MULTI_VALUED_BASE: &str = "Microsoft.Exchange.Data.MultiValuedPropertyBase";

pub(crate) const MAILBOX: &[&str] = &[
    directory!("Management.Mailbox"),
    directory!("Management.MailEnabledOrgPerson"),
    directory!("Management.MailEnabledRecipient"),
    directory!("Management.ADPresentationObject"),
    directory!("ADObject"),
    directory!("ADRawEntry"),
    "Microsoft.Exchange.Data.ConfigurableObject",
    OBJECT,
];
pub(crate) const REMOTE_MAILBOX: &[&str] = &[
    directory!("Management.RemoteMailbox"),
    directory!("Management.MailUser"),
    directory!("Management.MailEnabledOrgPerson"),
    directory!("Management.MailEnabledRecipient"),
    directory!("Management.ADPresentationObject"),
    directory!("ADObject"),
    directory!("ADRawEntry"),
    "Microsoft.Exchange.Data.ConfigurableObject",
    OBJECT,
];
pub(crate) const CAS_MAILBOX: &[&str] = &[
    directory!("Management.CASMailbox"),
    directory!("Management.ADPresentationObject"),
    directory!("ADObject"),
    directory!("ADRawEntry"),
    "Microsoft.Exchange.Data.ConfigurableObject",
    OBJECT,
];
pub(crate) const USER: &[&str] = &[
    directory!("Management.User"),
    directory!("Management.OrgPersonPresentationObject"),
    directory!("Management.ADPresentationObject"),
    directory!("ADObject"),
    directory!("ADRawEntry"),
    "Microsoft.Exchange.Data.ConfigurableObject",
    OBJECT,
];
pub(crate) const ACCEPTED_DOMAIN: &[&str] = &[
    directory!("SystemConfiguration.AcceptedDomain"),
    directory!("ADLegacyVersionableObject"),
    directory!("ADObject"),
    directory!("ADRawEntry"),
    "Microsoft.Exchange.Data.ConfigurableObject",
    OBJECT,
];
pub(crate) const ORGANIZATION_CONFIG: &[&str] = &[
    directory!("Management.OrganizationConfig"),
    directory!("Management.ADPresentationObject"),
    directory!("ADObject"),
    directory!("ADRawEntry"),
    "Microsoft.Exchange.Data.ConfigurableObject",
    OBJECT,
];
pub(crate) const MEASURE: &[&str] = &[
    "Microsoft.PowerShell.Commands.GenericMeasureInfo",
    "Microsoft.PowerShell.Commands.MeasureInfo",
    OBJECT,
];
pub(crate) const HELP_INFO: &[&str] = &["ExtendedCmdletHelpInfo", "CmdletHelpInfo", "HelpInfo"];
pub(crate) const CMDLET_INFO: &[&str] = &[
    "System.Management.Automation.FunctionInfo",
    "System.Management.Automation.CommandInfo",
    OBJECT,
];

const PROXY_COLLECTION: &[&str] = &[
    "Microsoft.Exchange.Data.ProxyAddressCollection",
    "Microsoft.Exchange.Data.ProxyAddressBaseCollection`1[[Microsoft.Exchange.Data.ProxyAddress, Microsoft.Exchange.Data, Version=15.0.0.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35]]",
    multi_valued!(
        "Microsoft.Exchange.Data.ProxyAddress, Microsoft.Exchange.Data, Version=15.0.0.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35"
    ),
    MULTI_VALUED_BASE,
    OBJECT,
];
const STRING_COLLECTION: &[&str] = &[
    multi_valued!(
        "System.String, mscorlib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089"
    ),
    MULTI_VALUED_BASE,
    OBJECT,
];
const ID_COLLECTION: &[&str] = &[
    "Microsoft.Exchange.Data.Directory.ADMultiValuedProperty`1[[Microsoft.Exchange.Data.Directory.ADObjectId, Microsoft.Exchange.Data.Directory, Version=15.0.0.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35]]",
    multi_valued!(
        "Microsoft.Exchange.Data.Directory.ADObjectId, Microsoft.Exchange.Data.Directory, Version=15.0.0.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35"
    ),
    MULTI_VALUED_BASE,
    OBJECT,
];
const CULTURE_COLLECTION: &[&str] = &[
    multi_valued!(
        "System.Globalization.CultureInfo, mscorlib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089"
    ),
    MULTI_VALUED_BASE,
    OBJECT,
];
const BYTES_COLLECTION: &[&str] = &[
    multi_valued!(
        "System.Byte[], mscorlib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089"
    ),
    MULTI_VALUED_BASE,
    OBJECT,
];
const ARRAY_LIST: &[&str] = &["System.Collections.ArrayList", OBJECT];
