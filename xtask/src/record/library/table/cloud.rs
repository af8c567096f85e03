//! The service, and a hybrid organisation with both sides.

use super::{EXPORT, IMPORT, Listed};

const CREATE: &str = r#"{"ref":"1","operation":"create","attributes":{"Name":"Ann Example","UserPrincipalName":"ann@contoso.com","Department":"Sales","EmailAddresses":["a.example@contoso.com","ann@contoso.com"],"_param_password":"Str0ng-enough!"}}"#;
const PLAIN: &str = r#"{"ref":"1","operation":"create","attributes":{"Name":"Ann Example","UserPrincipalName":"ann@contoso.com","EmailAddresses":["a.example@contoso.com","ann@contoso.com"],"_param_password":"Str0ng-enough!"}}"#;
const SHARED: &str = r#"{"ref":"2","operation":"create","attributes":{"Name":"Front Desk","Alias":"desk","UserPrincipalName":"desk@contoso.com","_param_Shared":true}}"#;
const UPDATE: &str = r#"{"ref":"1","operation":"update","id":"{UserMailbox}","attributes":{"DisplayName":"Ann B. Example","CustomAttribute1":"one","Title":"Engineer"}}"#;
const RENAME: &str = r#"{"ref":"1","operation":"update","id":"{UserMailbox}","attributes":{"DisplayName":"Ann B. Example"}}"#;
const DELETE: &str = r#"{"ref":"1","operation":"delete","id":"{UserMailbox}"}"#;
const BOTH: &str = r#"{"ref":"1","operation":"update","id":"{RemoteUserMailbox}","attributes":{"DisplayName":"Ann B. Example","AuditEnabled":true}}"#;

const REMOVE: &str = "[export]\ndeprovision = 'remove'\nmax_deletes = 5\n";
const TYPED: &str = "[cloud]\ntyped_reads = true";
const ATTRIBUTES: &[&str] = &["import", "--attributes", "Alias,EmailAddresses,Department"];

const fn cloud(name: &'static str, command: &'static [&'static str]) -> Listed {
    Listed::simulator(name, command).options(&["cloud"])
}

pub(super) const SERVICE: &[Listed] = &[
    cloud("cloud/check", &["check"]),
    cloud("cloud/import/everything", IMPORT).mailboxes(2),
    cloud("cloud/import/nothing", IMPORT).mailboxes(0),
    cloud("cloud/import/attributes", ATTRIBUTES),
    cloud(
        "cloud/import/shared-mailboxes",
        &["import", "--class", "SharedMailbox", "--attributes", "Alias"],
    )
    .mailboxes(40),
    cloud(
        "cloud/import/filter",
        &["import", "--filter", "Alias -like 'a*'", "--attributes", "Alias"],
    )
    .mailboxes(40),
    cloud("cloud/import/pages", &["import", "--attributes", "Alias"])
        .options(&["cloud", "small pages"])
        .mailboxes(20),
    cloud("cloud/import/typed", ATTRIBUTES).options(&["cloud", "small pages"]).settings(TYPED),
    cloud("cloud/export/create", EXPORT).input(&[CREATE, SHARED]),
    cloud("cloud/export/create-twice", EXPORT).input(&[CREATE, CREATE]),
    cloud("cloud/export/update", EXPORT).input(&[UPDATE, UPDATE]),
    cloud("cloud/export/delete", EXPORT).input(&[DELETE]).settings(REMOVE),
    cloud("cloud/export/delete-refused", EXPORT).input(&[DELETE]),
    cloud("cloud/export/plan", &["export", "--dry-run"]).input(&[PLAIN, RENAME]),
    cloud("cloud/invoke", &["invoke", "Get-AcceptedDomain"]),
    cloud("cloud/invoke-unknown", &["invoke", "Get-Nothing"]),
];

pub(super) const SIGN_IN: &[Listed] = &[
    cloud("cloud/sign-in/wrong-tenant", &["check"])
        .settings("organization = 'other.onmicrosoft.com'"),
    cloud("cloud/sign-in/wrong-application", &["check"])
        .settings("application_id = '9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2'"),
    cloud("cloud/sign-in/wrong-secret", &["check"]).settings("[cloud]\nclient_secret = 'wrong'"),
    cloud("cloud/sign-in/no-permission", &["check"]).options(&["cloud", "no permission"]),
    cloud("cloud/sign-in/permission-of-another-version", IMPORT)
        .options(&["cloud", "permission V2"]),
    cloud("cloud/sign-in/no-role", IMPORT).options(&["cloud", "no role"]),
    cloud("cloud/sign-in/no-role-to-write", EXPORT).input(&[UPDATE]).options(&["cloud", "no role"]),
    cloud("cloud/sign-in/token-service-busy", ATTRIBUTES).fault(&["http=503@Token:1"]),
];

pub(super) const FAULTS: &[Listed] = &[
    cloud("cloud/faults/throttled", ATTRIBUTES).fault(&["throttle@Get-Mailbox:1"]),
    cloud("cloud/faults/busy", ATTRIBUTES).fault(&["fault=1@Get-Mailbox:1"]),
    cloud("cloud/faults/token-ended", ATTRIBUTES)
        .options(&["cloud", "small pages"])
        .fault(&["http=401@Page:1"]),
    cloud("cloud/faults/page-expired", ATTRIBUTES)
        .options(&["cloud", "small pages"])
        .mailboxes(8)
        .fault(&["http=400@Page:2"]),
    cloud("cloud/faults/pages-always-expired", ATTRIBUTES)
        .options(&["cloud", "small pages"])
        .fault(&["http=400@Page:1x0"])
        .settings("[endpoint]\nstall_timeout = '4s'"),
    cloud("cloud/faults/page-broken-off", ATTRIBUTES)
        .options(&["cloud", "small pages"])
        .fault(&["drop-mid@Page:1"]),
    cloud("cloud/faults/typed-not-served", ATTRIBUTES)
        .settings(TYPED)
        .fault(&["http=404@Mailbox:1x0"]),
    cloud("cloud/faults/typed-page-expired", ATTRIBUTES)
        .options(&["cloud", "small pages"])
        .mailboxes(8)
        .settings(TYPED)
        .fault(&["http=400@Page:2"]),
    cloud("cloud/faults/redirected", ATTRIBUTES).fault(&["http=302@Get-Mailbox:1"]),
    cloud("cloud/faults/web-page", ATTRIBUTES).fault(&["html=200@Get-Mailbox:1x0"]),
    cloud("cloud/faults/creation-lost", EXPORT)
        .input(&[CREATE])
        .fault(&["drop-after@New-Mailbox:1"]),
    cloud("cloud/faults/creation-never-made", EXPORT)
        .input(&[CREATE])
        .fault(&["drop@New-Mailbox:1"]),
    cloud("cloud/faults/change-lost", EXPORT).input(&[UPDATE]).fault(&["drop-after@Set-Mailbox:1"]),
];

const fn both(name: &'static str, command: &'static [&'static str]) -> Listed {
    Listed::simulator(name, command).options(&["both sides"]).mailboxes(6)
}

const LINKED: &[&str] = &["both sides", "linked"];

pub(super) const BOTH_SIDES: &[Listed] = &[
    both("hybrid/check", &["check"]),
    both("hybrid/import", &["import", "--attributes", "DisplayName,AuditEnabled,ExchangeGuid"]),
    both("hybrid/update", EXPORT).input(&[BOTH]).options(LINKED),
    both("hybrid/update-without-exchange-guid", EXPORT).input(&[BOTH]),
    both("hybrid/plan", &["export", "--dry-run"]).input(&[BOTH]).options(LINKED),
    both("hybrid/create", EXPORT).input(&[CREATE]),
    both("hybrid/update-refused-by-the-service", EXPORT).input(&[BOTH]).options(LINKED).fault(&["http=403@Set-Mailbox:1x0"]),
    both("hybrid/import-without-the-service", IMPORT).fault(&["http=401@Token:1x0"]),
    both("hybrid/belongs-nowhere", EXPORT)
        .input(&[r#"{"ref":"1","operation":"update","id":"{RemoteUserMailbox}","attributes":{"CustomAttribute3":"x"}}"#])
        .settings("[authority]\nCustomAttribute3 = 'nowhere'"),
];
