//! Every command, class and way to write.

use super::sign_in::CREDSSP;
use super::{EXPORT, IMPORT, Listed};

/// What a create needs most often.
const CREATE: &str = r#"{"ref":"1","operation":"create","attributes":{"Name":"Ann Example","UserPrincipalName":"ann@contoso.com","EmailAddresses":["a.example@contoso.com","ann@contoso.com"],"_param_password":"Str0ng-enough!"}}"#;
const UPDATE: &str = r#"{"ref":"1","operation":"update","id":"{UserMailbox}","attributes":{"DisplayName":"Ann B. Example","CustomAttribute1":"one","CustomAttribute2":null,"HiddenFromAddressListsEnabled":true}}"#;
const RENAME: &str = r#"{"ref":"1","operation":"update","id":"{UserMailbox}","attributes":{"DisplayName":"Ann B. Example"}}"#;
const DELETE: &str = r#"{"ref":"1","operation":"delete","id":"{UserMailbox}"}"#;

pub(super) const IMPORTS: &[Listed] = &[
    Listed::simulator("simulator/import/everything", IMPORT),
    Listed::simulator("simulator/import/nothing", IMPORT).mailboxes(0),
    Listed::simulator(
        "simulator/import/user-mailboxes",
        &["import", "--class", "UserMailbox", "--attributes", ATTRIBUTES],
    ),
    Listed::simulator(
        "simulator/import/shared-mailboxes",
        &["import", "--class", "SharedMailbox", "--attributes", ATTRIBUTES],
    )
    .mailboxes(40),
    Listed::simulator(
        "simulator/import/room-mailboxes",
        &["import", "--class", "RoomMailbox", "--attributes", ATTRIBUTES],
    )
    .mailboxes(40),
    Listed::simulator(
        "simulator/import/equipment-mailboxes",
        &["import", "--class", "EquipmentMailbox", "--attributes", ATTRIBUTES],
    )
    .mailboxes(40),
    Listed::simulator(
        "simulator/import/attributes",
        &[
            "import",
            "--attributes",
            "Alias,EmailAddresses,ForwardingAddress,MaxSendSize,WhenChanged",
        ],
    ),
    Listed::simulator(
        "simulator/import/attributes-of-other-cmdlets",
        &["import", "--attributes", "DisplayName,FirstName,LastName,Phone,OWAEnabled"],
    ),
    Listed::simulator(
        "simulator/import/filter",
        &["import", "--filter", "Alias -like 'a*'", "--attributes", "Alias"],
    )
    .mailboxes(40),
    Listed::simulator(
        "simulator/import/unknown-attribute",
        &["import", "--attributes", "NoSuchAttribute"],
    ),
    Listed::simulator(
        "simulator/import/malformed-filter",
        &["import", "--filter", "Alias -like", "--attributes", "Alias"],
    ),
    Listed::simulator(
        "simulator/import/many",
        &["import", "--attributes", "Alias,DisplayName,EmailAddresses"],
    )
    .mailboxes(300),
    Listed::simulator("simulator/import/small-fragments", &["import", "--attributes", "Alias"])
        .options(&["small fragments"]),
    Listed::simulator("simulator/import/small-answers", &["import", "--attributes", "Alias"])
        .options(&["small answers"])
        .mailboxes(2),
];

const ATTRIBUTES: &str = "Name,DisplayName,UserPrincipalName,EmailAddresses,RecipientTypeDetails";

pub(super) const EXPORTS: &[Listed] = &[
    Listed::simulator("simulator/export/create-new", EXPORT).input(&[CREATE]),
    Listed::simulator("simulator/export/create-without-password", EXPORT)
        .input(&[r#"{"ref":"1","operation":"create","attributes":{"Name":"Ann","UserPrincipalName":"ann@contoso.com"}}"#]),
    Listed::simulator("simulator/export/create-shared", EXPORT)
        .input(&[r#"{"ref":"1","operation":"create","attributes":{"Name":"Front Desk","UserPrincipalName":"desk@contoso.com","_param_Shared":true}}"#]),
    Listed::simulator("simulator/export/create-room", EXPORT)
        .input(&[r#"{"ref":"1","operation":"create","attributes":{"Name":"Room 7","UserPrincipalName":"room7@contoso.com","_param_Room":true}}"#]),
    Listed::simulator("simulator/export/create-equipment", EXPORT)
        .input(&[r#"{"ref":"1","operation":"create","attributes":{"Name":"Beamer 3","UserPrincipalName":"beamer3@contoso.com","_param_Equipment":true}}"#]),
    Listed::simulator("simulator/export/create-enable", EXPORT)
        .settings("create_method = \"Enable\"")
        .input(&[r#"{"ref":"1","operation":"create","identity":"plain0000@contoso.com","attributes":{"Alias":"plain","CustomAttribute5":"five"}}"#]),
    Listed::simulator("simulator/export/create-enable-unknown", EXPORT)
        .settings("create_method = \"Enable\"")
        .input(&[r#"{"ref":"1","operation":"create","identity":"nobody@contoso.com","attributes":{"Alias":"nobody"}}"#]),
    Listed::simulator("simulator/export/create-twice", EXPORT).input(&[CREATE, CREATE]),
    Listed::simulator("simulator/export/create-taken-address", EXPORT)
        .input(&[CREATE, r#"{"ref":"2","operation":"create","attributes":{"Name":"Bob","UserPrincipalName":"bob@contoso.com","EmailAddresses":["ann@contoso.com"],"_param_password":"Str0ng-enough!"}}"#]),
    Listed::simulator("simulator/export/update", EXPORT).input(&[UPDATE]),
    Listed::simulator("simulator/export/update-several-cmdlets", EXPORT)
        .input(&[r#"{"ref":"1","operation":"update","id":"{UserMailbox}","attributes":{"DisplayName":"Ann","FirstName":"Ann","Phone":"+49 30 1234567","OWAEnabled":false}}"#]),
    Listed::simulator("simulator/export/update-unchanged", EXPORT).input(&[UPDATE, UPDATE]),
    Listed::simulator("simulator/export/update-addresses", EXPORT)
        .settings("[export]\naddress_policy = \"disable\"")
        .input(&[r#"{"ref":"1","operation":"update","id":"{UserMailbox}","attributes":{"EmailAddresses":["ann.b@contoso.com","ann@contoso.com"]}}"#]),
    Listed::simulator("simulator/export/update-addresses-under-policy", EXPORT)
        .settings("[export]\naddress_policy = \"report\"")
        .input(&[r#"{"ref":"1","operation":"update","id":"{UserMailbox}","attributes":{"EmailAddresses":["ann.b@contoso.com","ann@contoso.com"]}}"#]),
    Listed::simulator("simulator/export/update-malformed-address", EXPORT)
        .input(&[r#"{"ref":"1","operation":"update","id":"{UserMailbox}","attributes":{"EmailAddresses":["no address"]}}"#]),
    Listed::simulator("simulator/export/update-unknown-object", EXPORT)
        .input(&[r#"{"ref":"1","operation":"update","id":"11111111-2222-4333-8444-555555555555","attributes":{"DisplayName":"Nobody"}}"#]),
    Listed::simulator("simulator/export/delete-disable", EXPORT).settings("[export]\nmax_deletes = 5").input(&[DELETE]),
    Listed::simulator("simulator/export/delete-remove", EXPORT)
        .settings("[export]\ndeprovision = \"remove\"\nmax_deletes = 5")
        .input(&[DELETE]),
    Listed::simulator("simulator/export/delete-refused", EXPORT).settings("[export]\ndeprovision = \"refuse\"").input(&[DELETE]),
    Listed::simulator("simulator/export/too-many-deletes", EXPORT).settings("[export]\nmax_deletes = 0").input(&[DELETE]),
    Listed::simulator("simulator/export/several", EXPORT).settings("[export]\nmax_deletes = 5").input(&[CREATE, UPDATE, DELETE]),
    Listed::simulator("simulator/export/plan", &["export", "--dry-run"])
        .settings("[export]\nmax_deletes = 5")
        .input(&[CREATE, RENAME, DELETE]),
];

pub(super) const OTHERS: &[Listed] = &[
    Listed::simulator(
        "simulator/import/changes",
        &["import", "--attributes", "Alias,DisplayName", "--state"],
    ),
    Listed::simulator("simulator/export/journal", &["export", "--journal"])
        .input(&[CREATE, RENAME]),
    Listed::peer(
        "peer/import-changes",
        &["import", "--attributes", "Alias,DisplayName", "--state"],
    ),
    Listed::simulator("simulator/check/exchange", &["check"]),
    Listed::simulator("simulator/check/winrm", &["check"]).by(CREDSSP),
    Listed::simulator("simulator/check/winrm-snap-in", &["check"])
        .by(CREDSSP)
        .options(&["snap-in"]),
    Listed::simulator("simulator/check/winrm-without-exchange", &["check"])
        .by(CREDSSP)
        .options(&["no tools"]),
    Listed::simulator(
        "simulator/invoke/one-object",
        &["invoke", "Get-Mailbox", "-Identity", "{UserMailbox}"],
    ),
    Listed::simulator("simulator/invoke/some-objects", &["invoke", "Get-User", "-ResultSize", "2"]),
    Listed::simulator("simulator/invoke/accepted-domains", &["invoke", "Get-AcceptedDomain"]),
    Listed::simulator("simulator/invoke/unknown-cmdlet", &["invoke", "Get-Nothing"]),
    Listed::simulator(
        "simulator/invoke/unknown-parameter",
        &["invoke", "Get-Mailbox", "-NoSuchParameter", "1"],
    ),
    Listed::simulator(
        "simulator/invoke/unknown-object",
        &["invoke", "Get-Mailbox", "-Identity", "nobody@contoso.com"],
    ),
    Listed::simulator("simulator/invoke/one-shell", &["invoke", "Get-Mailbox", "-ResultSize", "1"])
        .options(&["one shell"]),
];

pub(super) const REMOTE: &[Listed] = &[
    Listed::simulator("simulator/hybrid/check", &["check"]).options(&["hybrid"]),
    Listed::simulator("simulator/hybrid/import", IMPORT).options(&["hybrid"]),
    Listed::simulator("simulator/hybrid/import-remote-users", &["import", "--class", "RemoteUserMailbox", "--attributes", ATTRIBUTES]).options(&["hybrid"]),
    Listed::simulator("simulator/hybrid/import-remote-shared", &["import", "--class", "RemoteSharedMailbox", "--attributes", ATTRIBUTES]).options(&["hybrid"]).mailboxes(40),
    Listed::simulator("simulator/hybrid/import-remote-rooms", &["import", "--class", "RemoteRoomMailbox", "--attributes", ATTRIBUTES]).options(&["hybrid"]).mailboxes(40),
    Listed::simulator("simulator/hybrid/import-remote-equipment", &["import", "--class", "RemoteEquipmentMailbox", "--attributes", ATTRIBUTES]).options(&["hybrid"]).mailboxes(40),
    Listed::simulator("simulator/hybrid/create-new", EXPORT).options(&["hybrid"]).input(&[CREATE]),
    Listed::simulator("simulator/hybrid/create-enable", EXPORT)
        .options(&["hybrid"])
        .settings("create_method = \"Enable\"")
        .input(&[r#"{"ref":"1","operation":"create","identity":"plain0000@contoso.com","attributes":{"RemoteRoutingAddress":"plain@contoso.mail.onmicrosoft.com"}}"#]),
    Listed::simulator("simulator/hybrid/update", EXPORT)
        .options(&["hybrid"])
        .input(&[r#"{"ref":"1","operation":"update","id":"{RemoteUserMailbox}","attributes":{"DisplayName":"Ann","CustomAttribute1":"one"}}"#]),
    Listed::simulator("simulator/hybrid/delete-disable", EXPORT)
        .options(&["hybrid"])
        .settings("[export]\nmax_deletes = 5")
        .input(&[r#"{"ref":"1","operation":"delete","id":"{RemoteUserMailbox}"}"#]),
    Listed::simulator("simulator/hybrid/delete-remove", EXPORT)
        .options(&["hybrid"])
        .settings("[export]\ndeprovision = \"remove\"\nmax_deletes = 5")
        .input(&[r#"{"ref":"1","operation":"delete","id":"{RemoteUserMailbox}"}"#]),
];

/// How a create looks where the domain is that of the test server.
const PEER_CREATE: &str = r#"{"ref":"1","operation":"create","attributes":{"Name":"Ann Example","UserPrincipalName":"ann@test.local","EmailAddresses":["a.example@test.local","ann@test.local"],"_param_password":"Str0ng-enough!"}}"#;

pub(super) const PEER: &[Listed] = &[
    Listed::peer("peer/check", &["check"]),
    Listed::peer("peer/import", IMPORT),
    Listed::peer("peer/create", EXPORT).input(&[PEER_CREATE]),
    Listed::peer("peer/update", EXPORT).input(&[UPDATE]),
    Listed::peer("peer/delete", EXPORT).settings("[export]\nmax_deletes = 5").input(&[DELETE]),
    Listed::peer("peer/2013-style/import", IMPORT).options(&[
        "--protocol-version",
        "2.2",
        "--max-envelope",
        "153600",
    ]),
    Listed::peer("peer/2013-style/create", EXPORT)
        .options(&["--protocol-version", "2.2", "--max-envelope", "153600"])
        .input(&[PEER_CREATE]),
    Listed::peer("peer/import-with-chatter", IMPORT).options(&["--chatter"]).mailboxes(2),
    Listed::peer("peer/import-with-host-calls", IMPORT).options(&["--host-calls"]).mailboxes(2),
    Listed::peer("peer/import-deserialized", IMPORT)
        .options(&["--deserialized-prefix"])
        .mailboxes(2),
    Listed::peer("peer/import-small-fragments", &["import", "--attributes", "Alias"])
        .options(&["--fragment-size", "40", "--blob-size", "400"])
        .mailboxes(2),
    Listed::peer("peer/import-unicode", IMPORT).options(&["--unicode-names"]),
    Listed::peer("peer/import-slow", &["import", "--attributes", "Alias"])
        .options(&["--receive-delay", "1"])
        .mailboxes(2),
];

pub(super) const ENGINE: &[Listed] = &[
    Listed::engine("engine/check", &["check"]),
    Listed::engine("engine/import", IMPORT).mailboxes(3),
    Listed::engine(
        "engine/import-users",
        &["import", "--class", "UserMailbox", "--attributes", ATTRIBUTES],
    ),
    Listed::engine("engine/import-whole-objects", &["import", "--attributes", "Alias"])
        .options(&["--restricted-proxies"])
        .mailboxes(2),
    Listed::engine("engine/create", EXPORT).input(&[PEER_CREATE]),
    Listed::engine("engine/update", EXPORT).input(&[UPDATE]),
    Listed::engine("engine/delete", EXPORT).settings("[export]\nmax_deletes = 5").input(&[DELETE]),
    Listed::engine("engine/invoke-unknown-cmdlet", &["invoke", "Get-Nothing"]),
    Listed::engine(
        "engine/invoke-unknown-parameter",
        &["invoke", "Get-Mailbox", "-NoSuchParameter", "1"],
    ),
    Listed::engine(
        "engine/invoke-unknown-object",
        &["invoke", "Get-Mailbox", "-Identity", "nobody@contoso.com"],
    ),
];
