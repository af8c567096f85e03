//! Imports that read mailboxes as typed rows: the same lines as by `InvokeCommand`, whatever the service does.

use std::sync::Arc;

use exchange_connector::{
    Change, Connector, Environment, ImportRequest, Operation, Settings, Status,
};
use exchange_online::{Method, OpenFuture, RestExchange, RestFuture, RestRequest, RestStream};
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

/// A network on which typed rows leave out one mailbox.
struct Hiding {
    network: Arc<dyn RestExchange>,
    id: String,
}

impl RestExchange for Hiding {
    fn send(&self, request: RestRequest) -> RestFuture<'_> {
        self.network.send(request)
    }

    fn open(&self, request: RestRequest) -> OpenFuture<'_> {
        if request.method != Method::Get {
            return self.network.open(request);
        }
        Box::pin(async move {
            let mut answer = self.network.send(request).await?;
            let mut page: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
            let rows = page.get_mut("value").and_then(|rows| rows.as_array_mut());
            let is_shown = |row: &serde_json::Value| {
                row.get("Guid").and_then(|id| id.as_str()) != Some(self.id.as_str())
            };
            rows.expect("a page has rows").retain(is_shown);
            answer.body = page.to_string().into_bytes();
            Ok(RestStream::whole(answer))
        })
    }
}

#[tokio::test]
async fn what_typed_rows_leave_out_is_not_gone() {
    let simulator = Simulator::start(options()).await.expect("a port is free");
    let hidden = simulator.recipients()[3].clone();
    let folder = Folder::new();
    let request = || ImportRequest::new().attributes(["Alias"]).state(folder.file("state"));
    let connector = open(&simulator, true).await;
    assert_eq!(counts(&import(&connector, request()).await.1), (45, 0));
    connector.close().await.expect("it closes");

    let text = format!(
        "{}typed_reads = true\n[export]\ndeprovision = 'remove'\nmax_deletes = 5\n",
        simulator.settings_toml()
    );
    let settings = Settings::from_toml_str(&text).expect("the settings are right");
    let id = hidden.guid.to_string();
    let environment = Environment::default()
        .listening_online(move |network| Arc::new(Hiding { network, id: id.clone() }));
    let connector = Connector::open_in(settings, environment).await.expect("they can be used");
    let changes: Vec<_> = connector.import(request()).collect().await;
    let error = changes.into_iter().find_map(Result::err).expect("it is incomplete");
    let reason = error.to_string();
    assert!(reason.contains(&format!("Get-Mailbox shows {}", hidden.guid)), "{reason}");
    assert!(reason.contains("cloud.typed_reads = false"), "{reason}");

    // Once it is gone for good, it is told.
    let line = format!(r#"{{"ref":1,"operation":"delete","id":"{}"}}"#, hidden.guid);
    let done: Vec<_> = connector.export(Operation::from_json_lines(&line)).collect().await;
    assert_eq!(done[0].status, Status::Applied, "{done:?}");
    let (_, last) = import(&connector, request()).await;
    assert_eq!(counts(&last), (0, 1));
    connector.close().await.expect("it closes");
    simulator.close().await;
}
