//! What the values of properties, parameters and settings are, told by their names.

/// How a value is treated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// Any text: identifiers are found by their form and by what the recording says elsewhere.
    Free,
    /// The name of a person or a thing, also as an address, an account, a distinguished name or a path.
    Name,
    /// The name of a host or domain.
    Host,
    /// Text that people wrote about people: all of it is replaced, but its words are not looked for elsewhere.
    Note,
    /// A telephone number.
    Phone,
    /// A condition on properties, in which quoted values are what the properties are.
    Filter,
    /// A password or another secret.
    Secret,
    /// A token that a server issued.
    Token,
    /// `Authorization` and its like: a scheme and credentials.
    Credentials,
    /// `name=value` pairs with values that a server issued.
    Cookie,
    /// What is of a fixed vocabulary: enumerations, types, commands.
    Fixed,
}

/// Returns the class of what is called `name`: a property, a parameter, a key of the settings, a header.
pub(super) fn class_of(name: &str) -> Class {
    let mut plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    if let Some(rest) = plain.strip_prefix("param").filter(|_| name.starts_with("_param_")) {
        plain = rest.to_owned();
    }
    let is_in = |list: &[&str]| list.contains(&plain.as_str());
    match plain.as_str() {
        _ if is_in(SECRETS) => Class::Secret,
        _ if is_in(TOKENS) => Class::Token,
        _ if is_in(HOSTS) => Class::Host,
        _ if is_in(NAMES) => Class::Name,
        _ if is_in(NOTES) || numbered(&plain, "customattribute") => Class::Note,
        _ if numbered(&plain, "extensioncustomattribute") => Class::Note,
        "authorization" | "proxyauthorization" | "wwwauthenticate" | "proxyauthenticate" => {
            Class::Credentials
        }
        "cookie" | "setcookie" => Class::Cookie,
        "filter" | "recipientfilter" | "ldaprecipientfilter" | "command" => Class::Filter,
        _ if PHONES.iter().any(|end| plain.ends_with(end)) => Class::Phone,
        _ if FIXED.iter().any(|end| plain.ends_with(end)) => Class::Fixed,
        _ => Class::Free,
    }
}

fn numbered(name: &str, start: &str) -> bool {
    name.strip_prefix(start).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

const SECRETS: &[&str] = &[
    "password",
    "newpassword",
    "oldpassword",
    "roommailboxpassword",
    "clientsecret",
    "certificatepassword",
    "passphrase",
    "secret",
    "pin",
    "apikey",
    "privatekey",
    "pwd",
];
const TOKENS: &[&str] = &[
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "clientassertion",
    "immutableid",
    "onpremisesimmutableid",
    "sourceanchor",
    "assertion",
    "xmsencryptedpassword",
    "skiptoken",
];
const HOSTS: &[&str] = &[
    "hostname",
    "host",
    "server",
    "servername",
    "machine",
    "machinename",
    "computername",
    "pscomputername",
    "originatingserver",
    "domaincontroller",
    "preferreddomaincontroller",
    "kdc",
    "realm",
    "fqdn",
    "netbiosname",
    "domain",
    "domainname",
    "userdomain",
    "forest",
    "site",
    "xfeserver",
    "xbeserver",
    "xcalculatedbetarget",
    "organization",
    "excludedsmtpdomains",
    "proxy",
    "remoteroutingdomain",
    "clientip",
    "targetserver",
    "originserver",
    "dnshostname",
    "defaultdomain",
];
const NAMES: &[&str] = &[
    "name",
    "displayname",
    "simpledisplayname",
    "phoneticdisplayname",
    "firstname",
    "lastname",
    "initials",
    "alias",
    "samaccountname",
    "userprincipalname",
    "identity",
    "id",
    "distinguishedname",
    "legacyexchangedn",
    "manager",
    "directreports",
    "assistantname",
    "organizationalunit",
    "organizationalunitroot",
    "linkedmasteraccount",
    "company",
    "emailaddresses",
    "emailaddress",
    "primarysmtpaddress",
    "windowsemailaddress",
    "windowsliveid",
    "microsoftonlineservicesid",
    "externalemailaddress",
    "remoteroutingaddress",
    "forwardingaddress",
    "forwardingsmtpaddress",
    "targetaddress",
    "grantsendonbehalfto",
    "acceptmessagesonlyfrom",
    "acceptmessagesonlyfromdlmembers",
    "acceptmessagesonlyfromsendersormembers",
    "rejectmessagesfrom",
    "rejectmessagesfromdlmembers",
    "rejectmessagesfromsendersormembers",
    "bypassmoderationfromsendersormembers",
    "moderatedby",
    "managedby",
    "owner",
    "owners",
    "username",
    "user",
    "upn",
    "account",
    "accountname",
    "login",
    "loginhint",
    "mailbox",
    "member",
    "members",
    "memberof",
    "database",
    "archivedatabase",
    "cn",
    "objectcategory",
    "umdtmfmap",
    "litigationholdowner",
    "arbitrationmailbox",
    "retentionpolicy",
    "offlineaddressbook",
    "addressbookpolicy",
    "roleassignmentpolicy",
    "sharingpolicy",
    "activesyncmailboxpolicy",
    "throttlingpolicy",
    "mailboxlocations",
    "disabledmailboxlocations",
    "lastmodifiedby",
    "addresslistmembership",
    "commonname",
    "subject",
    "issuer",
    "friendlyname",
    "xanchormailbox",
    "anchormailbox",
    "runas",
    "caller",
    "principal",
    "userid",
    "sendas",
    "sender",
    "recipients",
    "from",
    "to",
    "cc",
    "bcc",
    "targetname",
    "errorcategorytargetname",
    "workingdirectory",
    "homedirectory",
    "profilepath",
    "logonname",
    "mailnickname",
    "parent",
    "creator",
    "approver",
    "delegates",
];
const NOTES: &[&str] = &[
    "notes",
    "note",
    "description",
    "comment",
    "mailtip",
    "mailtiptranslations",
    "department",
    "title",
    "office",
    "city",
    "streetaddress",
    "postalcode",
    "postofficebox",
    "stateorprovince",
    "geocoordinates",
    "webpage",
    "location",
    "retentioncomment",
    "physicaldeliveryofficename",
    "jobtitle",
    "employeeid",
    "admindisplayname",
];
const PHONES: &[&str] = &[
    "phone",
    "telephone",
    "fax",
    "pager",
    "telephonenumber",
    "phonenumber",
    "mobile",
    "phonenumbers",
    "mobilephonenumber",
    "faxnumber",
];
/// Ends of names: what they end is of a vocabulary that Exchange or PowerShell defines.
const FIXED: &[&str] = &[
    "type",
    "typedetails",
    "recipienttype",
    "category",
    "version",
    "culture",
    "language",
    "languages",
    "timezone",
    "objectclass",
    "objectstate",
    "status",
    "state",
    "cmd",
    "cmdletname",
    "resulttypes",
    "schemaversion",
];

#[cfg(test)]
mod tests {
    use super::{Class, class_of};

    #[track_caller]
    fn check(name: &str, expected: Class) {
        assert_eq!(class_of(name), expected, "{name}");
    }

    #[test]
    fn names_are_taken_without_case_and_punctuation() {
        check("DisplayName", Class::Name);
        check("user_principal_name", Class::Name);
        check("-Identity", Class::Name);
        check("_param_Password", Class::Secret);
        check("_param_OrganizationalUnit", Class::Name);
        check("CustomAttribute7", Class::Note);
        check("MobilePhone", Class::Phone);
        check("RecipientTypeDetails", Class::Fixed);
        check("Set-Cookie", Class::Cookie);
        check("domain_controller", Class::Host);
        check("WhenChanged", Class::Free);
    }
}
