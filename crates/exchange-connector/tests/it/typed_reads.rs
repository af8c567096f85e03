//! Imports that read mailboxes as typed rows: the same lines as by `InvokeCommand`, whatever the service does.

use exchange_connector::{Change, Connector, ImportRequest, Settings};
use exchange_sim::{Infrastructure, SimOptions, Simulator};
use futures_util::StreamExt as _;

use crate::support::Folder;

/// Attributes of every form that typed rows have.
const ATTRIBUTES: [&str; 24] = [
    "Alias",
    "DisplayName",
    "EmailAddresses",
    "PrimarySmtpAddress",
    "UserPrincipalName",
    "DistinguishedName",
    "CustomAttribute1",
    "ExtensionCustomAttribute1",
    "HiddenFromAddressListsEnabled",
    "ExchangeGuid",
    "ArchiveGuid",
    "ArchiveStatus",
    "MaxSendSize",
    "ProhibitSendQuota",
    "RecipientLimits",
    "RetainDeletedItemsFor",
    "LitigationHoldDate",
    "LitigationHoldDuration",
    "WhenMailboxCreated",
    "WhenCreatedUTC",
    "WhenChangedUTC",
    "Languages",
    "ResourceCapacity",
    "IsDirSynced",
];

fn options() -> SimOptions {
    SimOptions::default().mailboxes(45).page_size(10).infrastructure(Infrastructure::Cloud)
}

async fn open(simulator: &Simulator, typed: bool) -> Connector {
    let text = format!("{}typed_reads = {typed}\n", simulator.settings_toml());
    let settings = Settings::from_toml_str(&text).expect("the settings are right");
    Connector::open(settings).await.expect("the settings can be used")
}

/// The objects of an import as they are printed, and its last line.
async fn import(connector: &Connector, request: ImportRequest) -> (Vec<String>, Change) {
    let (mut lines, mut last) = (Vec::new(), None);
    let mut changes = connector.import(request);
    while let Some(change) = changes.next().await {
        let change = change.expect("it is complete");
        if let Change::Object(object) = &change {
            lines.push(serde_json::to_string(object).expect("an object is JSON"));
        }
        last = Some(change);
    }
    lines.sort();
    (lines, last.expect("there is a last line"))
}

/// Imports with and without typed rows from the same service, and returns the lines and what was left of the faults.
async fn both(options: SimOptions, request: &ImportRequest) -> [(Vec<String>, Change); 2] {
    let simulator = Simulator::start(options).await.expect("a port is free");
    let mut found = Vec::new();
    for typed in [true, false] {
        let connector = open(&simulator, typed).await;
        found.push(import(&connector, request.clone()).await);
        connector.close().await.expect("it closes");
    }
    simulator.close().await;
    let [by_get, by_post] = found.try_into().expect("there are two");
    [by_get, by_post]
}

fn counts(last: &Change) -> (u64, u64) {
    match last {
        Change::Complete { objects, deletes, .. } => (*objects, *deletes),
        other => panic!("not complete: {other:?}"),
    }
}

async fn check(options: SimOptions, request: ImportRequest) -> u64 {
    let [(typed, end), (commanded, other_end)] = both(options, &request).await;
    assert_eq!(typed, commanded);
    assert_eq!(counts(&end), counts(&other_end));
    assert_eq!(u64::try_from(typed.len()).expect("it is small"), counts(&end).0);
    counts(&end).0
}

/// A fault that refuses cmdlets, so that rows can only be typed ones.
const NO_CMDLETS: &str = "html=200@Get-Mailbox:1x0";

#[tokio::test]
async fn an_object_never_looks_different_by_the_way_it_came() {
    let all = ImportRequest::new().attributes(ATTRIBUTES);
    assert_eq!(check(options(), all).await, 45);
    let some =
        ImportRequest::new().attributes(ATTRIBUTES).class("SharedMailbox").class("RoomMailbox");
    let given = check(options(), some).await;
    assert!((1..45).contains(&given), "{given}");
    // What typed rows do not have, or may show otherwise, goes by the cmdlet: so do lists that are more than typed rows do.
    let others = ["RetentionPolicy", "OriginatingServer", "IsValid", "Department", "Database"];
    assert_eq!(check(options(), ImportRequest::new().attributes(others)).await, 45);
    assert_eq!(check(options(), ImportRequest::new()).await, 45);
    let filter = ImportRequest::new().attributes(["Alias"]).filter("Alias -like 'a*'");
    assert!((1..45).contains(&check(options(), filter).await));
}

#[tokio::test]
async fn typed_rows_are_what_is_read() {
    let simulator = Simulator::start(options().fault(NO_CMDLETS.parse().expect("a fault")));
    let simulator = simulator.await.expect("a port is free");
    let connector = open(&simulator, true).await;
    let (lines, last) = import(&connector, ImportRequest::new().attributes(ATTRIBUTES)).await;
    assert_eq!((lines.len(), counts(&last)), (45, (45, 0)));
    let request = ImportRequest::new().attributes(["Alias"]);
    let alias = simulator.recipients()[7].alias.clone();
    let filter = format!("Alias -eq '{alias}'");
    assert_eq!(import(&connector, request.filter(filter)).await.0.len(), 1);
    connector.close().await.expect("it closes");
    simulator.close().await;
}

#[tokio::test]
async fn faults_on_the_way_hide_nothing_and_give_nothing_twice() {
    for fault in [
        "http=404@Mailbox:1x0",
        "http=400@Mailbox:1x0",
        "http=405@Mailbox:1x0",
        "http=403@Mailbox:1x0",
        "http=401@Page:2",
        "http=400@Page:2",
        "expire@Page:2",
        "throttle@Mailbox:1",
        "busy@Mailbox:1",
        "http=302@Mailbox:1",
        "drop@Page:1",
        "drop-mid@Page:2",
        "html=503@Page:3",
    ] {
        let simulator = Simulator::start(options().fault(fault.parse().expect("a fault"))).await;
        let simulator = simulator.expect("a port is free");
        let connector = open(&simulator, true).await;
        let request = ImportRequest::new().attributes(["Alias"]);
        let (lines, last) = import(&connector, request).await;
        let once: std::collections::BTreeSet<_> = lines.iter().collect();
        assert_eq!((lines.len(), once.len(), counts(&last)), (45, 45, (45, 0)), "{fault}");
        connector.close().await.expect("it closes");
        simulator.close().await;
    }
}

#[tokio::test]
async fn pages_that_expire_for_ever_leave_the_import_incomplete() {
    let fault = "http=400@Page:1x0".parse().expect("a fault");
    let simulator = Simulator::start(options().fault(fault)).await.expect("a port is free");
    let text = format!(
        "{}typed_reads = true\n[endpoint]\nstall_timeout = '4s'\n",
        simulator.settings_toml()
    );
    let settings = Settings::from_toml_str(&text).expect("the settings are right");
    let connector = Connector::open(settings).await.expect("the settings can be used");
    let mut changes = connector.import(ImportRequest::new().attributes(["Alias"]));
    let mut end = None;
    while let Some(change) = changes.next().await {
        end = Some(change);
    }
    let error = end.expect("it ends").expect_err("it is incomplete");
    assert_eq!(error.exit_code(), 3, "{error}");
    drop(changes);
    connector.close().await.expect("it closes");
    simulator.close().await;
}

#[tokio::test]
async fn changes_are_told_the_same_when_the_way_changes_between_imports() {
    let simulator = Simulator::start(options()).await.expect("a port is free");
    let folder = Folder::new();
    let request = || ImportRequest::new().attributes(ATTRIBUTES).state(folder.file("state"));
    let mut told = Vec::new();
    for typed in [false, true, true, false] {
        let connector = open(&simulator, typed).await;
        told.push(counts(&import(&connector, request()).await.1));
        connector.close().await.expect("it closes");
    }
    // A way with other texts would tell everything again.
    assert_eq!(told, [(45, 0), (0, 0), (0, 0), (0, 0)]);
    simulator.close().await;
}
