//! End to end against a simulated organisation with two sides: own servers, and the service over a linked directory.

use std::collections::BTreeMap;

use exchange_connector::{
    Change, CheckStatus, Connector, ImportError, ImportRequest, InvokeItem, InvokeRequest,
    Operation, Outcome, Settings, Status,
};
use exchange_sim::{Infrastructure, Recipient, RecipientKind, SimOptions, Simulator};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

struct Site {
    simulator: Simulator,
    connector: Connector,
}

/// How an import ended, and what it gave by id.
struct Imported {
    objects: BTreeMap<String, Value>,
    warnings: Vec<String>,
    last: Change,
    error: Option<ImportError>,
}

impl Site {
    async fn start(options: SimOptions, tables: &str) -> Self {
        let options = options.infrastructure(Infrastructure::Hybrid);
        let simulator = Simulator::start(options).await.expect("a port is free");
        // Little patience, for faults that last.
        let endpoint = "[endpoint]\nstall_timeout = \"3s\"\n";
        let text = simulator.settings_toml_both().replace("[endpoint]\n", endpoint);
        let text = format!("{text}\n{tables}");
        let settings = Settings::from_toml_str(&text).expect("the settings are right");
        let connector = Connector::open(settings).await.expect("the settings can be used");
        Self { simulator, connector }
    }

    async fn import(&self, request: ImportRequest) -> Imported {
        let mut changes = self.connector.import(request);
        let (mut objects, mut warnings) = (BTreeMap::new(), Vec::new());
        let (mut last, mut error) = (None, None);
        while let Some(change) = changes.next().await {
            match change {
                Ok(Change::Object(object)) => {
                    let object = serde_json::to_value(&object).expect("JSON");
                    let id = object
                        .get("id")
                        .and_then(Value::as_str)
                        .expect("every object has one")
                        .to_owned();
                    assert!(objects.insert(id, object).is_none(), "an object came twice");
                }
                Ok(Change::Warning { message }) => warnings.push(message),
                Ok(change) => last = Some(change),
                Err(found) => error = Some(found),
            }
        }
        let last = last.unwrap_or_else(|| Change::Warning { message: "nothing".to_owned() });
        Imported { objects, warnings, last, error }
    }

    async fn export(&self, line: Value) -> Outcome {
        let operations = Operation::from_json_lines(&line.to_string());
        self.connector.export(operations).collect::<Vec<_>>().await.remove(0)
    }

    /// A remote mailbox of the own directory that names its mailbox.
    fn remote(&self) -> Recipient {
        let recipients = self.simulator.recipients();
        let mut remote = recipients.into_iter().filter(is_remote);
        remote.find(|one| !one.exchange_guid.is_nil()).expect("there is one")
    }

    fn online(&self, exchange_guid: uuid::Uuid) -> Recipient {
        let found = self.simulator.with_online(|online| {
            online.directory().find(&exchange_guid.to_string()).first().map(|one| (*one).clone())
        });
        found.flatten().expect("it is in the service")
    }

    fn online_calls(&self, cmdlet: &str) -> usize {
        let count = |calls: &[exchange_sim::Call]| {
            calls.iter().filter(|call| call.cmdlet == cmdlet).count()
        };
        self.simulator.with_online(|online| count(online.calls())).expect("there is a service")
    }

    async fn end(self) {
        self.connector.close().await.expect("it closes");
        self.simulator.close().await;
    }
}

fn is_remote(recipient: &Recipient) -> bool {
    matches!(recipient.kind, RecipientKind::RemoteMailbox(_))
}

fn update(id: uuid::Uuid, attributes: Value) -> Value {
    json!({"ref": 1, "operation": "update", "id": id.to_string(), "attributes": attributes})
}

#[track_caller]
fn check_error(outcome: &Outcome, status: Status, class: &str, retry: &str, part: &str) {
    let error = outcome.error.as_ref().unwrap_or_else(|| panic!("{outcome:?}"));
    assert_eq!(outcome.status, status, "{error:?}");
    assert_eq!((error.class.as_str(), error.retry.as_str()), (class, retry), "{error:?}");
    assert!(error.message.contains(part), "{error:?}");
}

#[tokio::test]
async fn both_sides_are_one_import() {
    let site = Site::start(SimOptions::default().mailboxes(30).page_size(7), "").await;
    let remote = site.remote();
    let there = site.online(remote.exchange_guid);
    let quota = Operation::from_json_lines(
        &update(remote.guid, json!({"ProhibitSendQuota": "40 GB"})).to_string(),
    );
    let done: Vec<_> = site.connector.export(quota).collect().await;
    assert_eq!(done[0].status, Status::Applied, "{done:?}");

    let imported = site.import(ImportRequest::new()).await;
    assert!(matches!(imported.last, Change::Complete { .. }), "{:?}", imported.last);
    let recipients = site.simulator.recipients();
    for recipient in recipients.iter().filter(|one| one.kind != RecipientKind::User) {
        assert!(imported.objects.contains_key(&recipient.guid.to_string()));
    }
    let joined = &imported.objects[&remote.guid.to_string()];
    assert_eq!(joined["class"], "RemoteUserMailbox");
    assert_eq!(joined["attributes"]["DisplayName"], json!(remote.display_name));
    let quota = joined["attributes"]["ProhibitSendQuota"].as_str().expect("it is text");
    assert!(quota.starts_with("40 GB"), "{quota}");
    assert!(!imported.objects.contains_key(&there.guid.to_string()), "it is not given twice");

    // Of those without the mailbox's GUID both are given, and that is said.
    let unnamed = recipients.iter().filter(|one| is_remote(one) && one.exchange_guid.is_nil());
    let unnamed: Vec<_> = unnamed.collect();
    assert!(!unnamed.is_empty());
    let text = format!("{} remote mailboxes carry no ExchangeGuid", unnamed.len());
    assert!(imported.warnings.iter().any(|line| line.contains(&text)), "{:?}", imported.warnings);
    let bare = &imported.objects[&unnamed[0].guid.to_string()]["attributes"];
    assert!(bare.get("ProhibitSendQuota").is_none(), "what is not known is not null: {bare}");
    assert_eq!(imported.objects.len(), 30 + unnamed.len() + 4, "and those of the service alone");
    site.end().await;
}

#[tokio::test]
async fn classes_and_attributes_are_chosen_over_both_sides() {
    let site = Site::start(SimOptions::default().mailboxes(20), "").await;
    let request = ImportRequest::new().class("RemoteUserMailbox");
    let request = request.attributes(["AuditEnabled", "CustomAttribute1"]);
    let imported = site.import(request).await;
    assert!(matches!(imported.last, Change::Complete { .. }), "{:?}", imported.last);
    assert!(imported.objects.values().all(|object| object["class"] == "RemoteUserMailbox"));
    let remote = site.remote();
    let attributes = &imported.objects[&remote.guid.to_string()]["attributes"];
    assert_eq!(attributes.as_object().map(serde_json::Map::len), Some(2), "{attributes}");
    assert!(attributes["AuditEnabled"].is_boolean(), "{attributes}");
    let imported = site.import(ImportRequest::new().filter("Alias -like 'a*'")).await;
    let error = imported.error.expect("it is refused");
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("authority.join = false"), "{error}");
    site.end().await;
}

#[tokio::test]
async fn without_joining_the_own_servers_are_read_alone() {
    let site = Site::start(SimOptions::default().mailboxes(10), "[authority]\njoin = false").await;
    let imported = site.import(ImportRequest::new().filter("Alias -like '*'")).await;
    assert!(matches!(imported.last, Change::Complete { objects: 10, .. }), "{:?}", imported.last);
    assert_eq!(site.online_calls("Get-Mailbox"), 0);
    site.end().await;
}

#[tokio::test]
async fn each_attribute_is_written_where_it_belongs() {
    let site = Site::start(SimOptions::default().mailboxes(10), "").await;
    let remote = site.remote();
    let attributes = json!({"DisplayName": "Ann B.", "AuditEnabled": true});
    let plan = Operation::from_json_lines(&update(remote.guid, attributes.clone()).to_string());
    let plan: Vec<_> = site.connector.plan(plan).collect().await;
    let cmdlets = plan[0].cmdlets.clone().unwrap_or_else(|| panic!("{plan:?}"));
    assert_eq!(cmdlets.len(), 2, "{cmdlets:?}");
    assert!(cmdlets[0].starts_with("Set-RemoteMailbox ") && cmdlets[0].contains("-DisplayName"));
    assert!(cmdlets[1].starts_with("Set-Mailbox ") && cmdlets[1].contains("-AuditEnabled $true"));
    assert!(cmdlets[1].ends_with(" # in Exchange Online"), "{cmdlets:?}");
    assert_eq!(site.online_calls("Set-Mailbox"), 0);

    let outcome = site.export(update(remote.guid, attributes.clone())).await;
    assert_eq!(outcome.status, Status::Applied, "{outcome:?}");
    assert_eq!(outcome.id, Some(remote.guid.to_string()));
    assert_eq!(site.remote().display_name, "Ann B.");
    let there = site.online(remote.exchange_guid);
    assert_ne!(there.display_name, "Ann B.", "synchronisation carries it over, not we");
    assert!(there.value("AuditEnabled").is_some());
    site.simulator.synchronise();
    assert_eq!(site.online(remote.exchange_guid).display_name, "Ann B.");
    let outcome = site.export(update(remote.guid, attributes)).await;
    assert_eq!(outcome.status, Status::Unchanged, "{outcome:?}");
    site.end().await;
}

#[tokio::test]
async fn what_belongs_nowhere_is_refused() {
    let tables = "[authority]\nCustomAttribute3 = 'nowhere'";
    let site = Site::start(SimOptions::default().mailboxes(10), tables).await;
    let remote = site.remote();
    for (name, value) in [("CustomAttribute3", json!("x")), ("GrantSendOnBehalfTo", json!(["a"]))] {
        let line = update(remote.guid, json!({name: value, "DisplayName": "Never written"}));
        let outcome = site.export(line).await;
        let part = format!("attribute {name} belongs to neither side");
        check_error(&outcome, Status::Refused, "denied", "never", &part);
    }
    assert_ne!(site.remote().display_name, "Never written");
    site.end().await;
}

#[tokio::test]
async fn what_the_service_refuses_after_the_own_write_is_told_as_such() {
    let fault = "http=403@Set-Mailbox:1x0".parse().expect("a fault");
    let site = Site::start(SimOptions::default().mailboxes(10).fault(fault), "").await;
    let remote = site.remote();
    let line = update(remote.guid, json!({"DisplayName": "Ann B.", "AuditEnabled": true}));
    let outcome = site.export(line).await;
    let part = "the part on-premises was done; in Exchange Online: ";
    check_error(&outcome, Status::Failed, "denied", "never", part);
    assert_eq!(site.remote().display_name, "Ann B.");
    site.end().await;
}

#[tokio::test]
async fn an_answer_lost_by_the_service_leaves_the_whole_in_doubt() {
    let fault = "drop-after@Set-Mailbox:1".parse().expect("a fault");
    let site = Site::start(SimOptions::default().mailboxes(10).fault(fault), "").await;
    let remote = site.remote();
    let line = update(remote.guid, json!({"DisplayName": "Ann B.", "AuditEnabled": true}));
    let outcome = site.export(line).await;
    let part = "the part on-premises was done; in Exchange Online: ";
    check_error(&outcome, Status::Unknown, "ambiguous", "after-check", part);
    assert_eq!(site.online_calls("Set-Mailbox"), 1, "it is not repeated");
    site.end().await;
}

#[tokio::test]
async fn nothing_is_written_when_one_side_cannot_be_read() {
    let fault = "http=401@Token:1x0".parse().expect("a fault");
    let site = Site::start(SimOptions::default().mailboxes(10).fault(fault), "").await;
    let remote = site.remote();
    let line = update(remote.guid, json!({"DisplayName": "Ann B.", "AuditEnabled": true}));
    let mut outcomes = site.connector.export(Operation::from_json_lines(&line.to_string()));
    let outcome = outcomes.next().await.expect("one a line");
    assert_eq!(outcome.status, Status::Failed, "{outcome:?}");
    assert!(outcomes.next().await.is_none());
    assert_eq!(outcomes.summary().exit_code(), 4);
    drop(outcomes);
    assert_ne!(site.remote().display_name, "Ann B.");
    // What needs the own side alone is done all the same.
    let outcome = site.export(update(remote.guid, json!({"DisplayName": "Ann C."}))).await;
    assert_eq!(outcome.status, Status::Applied, "{outcome:?}");
    site.end().await;
}

#[tokio::test]
async fn a_remote_mailbox_without_its_mailbox_waits() {
    let site = Site::start(SimOptions::default().mailboxes(20), "").await;
    let recipients = site.simulator.recipients();
    let unnamed = recipients.iter().find(|one| is_remote(one) && one.exchange_guid.is_nil());
    let unnamed = unnamed.expect("there is one");
    let line = update(unnamed.guid, json!({"DisplayName": "Ann B.", "AuditEnabled": true}));
    let outcome = site.export(line).await;
    check_error(&outcome, Status::Failed, "not-found", "later", "carries no ExchangeGuid");
    assert!(site.simulator.recipients().iter().all(|one| one.display_name != "Ann B."));
    site.end().await;
}

#[tokio::test]
async fn a_mailbox_is_made_on_premises_and_finished_after_synchronisation() {
    let site = Site::start(SimOptions::default().mailboxes(5), "").await;
    let create = json!({"ref": 1, "operation": "create", "attributes": {
        "Name": "Ann Example", "UserPrincipalName": "ann.example@contoso.com", "AuditEnabled": true,
        "EmailAddresses": ["ann.example@contoso.com"], "_param_password": "Str0ng-enough!"}});
    let outcome = site.export(create.clone()).await;
    assert_eq!(outcome.status, Status::Applied, "{outcome:?}");
    let warnings = &outcome.warnings;
    assert!(
        warnings.iter().any(|text| text.starts_with("not written: AuditEnabled")),
        "{warnings:?}"
    );
    let id: uuid::Uuid = outcome.id.expect("it has one").parse().expect("a GUID");
    let refused = site.export(update(id, json!({"AuditEnabled": true}))).await;
    check_error(&refused, Status::Failed, "not-found", "later", "ExchangeGuid");

    site.simulator.synchronise();
    let guid = site.simulator.with_online(|online| {
        let found = online.directory().find("ann.example@contoso.com");
        found.first().map(|one| one.exchange_guid)
    });
    let guid = guid.flatten().expect("it is in the service now");
    let write_back = update(id, json!({"ExchangeGuid": guid.to_string()}));
    assert_eq!(site.export(write_back).await.status, Status::Applied);
    let outcome = site.export(update(id, json!({"AuditEnabled": true}))).await;
    assert_eq!(outcome.status, Status::Applied, "{outcome:?}");
    site.end().await;
}

#[tokio::test]
async fn a_mailbox_of_the_service_alone_is_the_services() {
    let site = Site::start(SimOptions::default().mailboxes(5), "").await;
    let alone = site.simulator.with_online(|online| {
        let own = |one: &&Recipient| one.value("IsDirSynced").is_none();
        online.directory().recipients().find(own).cloned()
    });
    let alone = alone.flatten().expect("there is one");
    let line = update(alone.guid, json!({"DisplayName": "Ann B.", "Department": "Sales"}));
    let outcome = site.export(line).await;
    assert_eq!(outcome.status, Status::Applied, "{outcome:?}");
    assert_eq!(site.online(alone.exchange_guid).display_name, "Ann B.");
    let delete = json!({"operation": "delete", "id": alone.guid.to_string()});
    let outcome = site.export(delete).await;
    check_error(&outcome, Status::Refused, "denied", "never", "export.deprovision = \"disable\"");
    let nobody = update(uuid::Uuid::from_u128(1), json!({"DisplayName": "x"}));
    let outcome = site.export(nobody).await;
    check_error(&outcome, Status::Failed, "not-found", "never", "couldn't be found");
    site.end().await;
}

#[tokio::test]
async fn an_import_that_lacks_one_side_is_incomplete() {
    // The service: own objects are given without what it would add.
    let faults = "http=400@Page:1x0".parse().expect("a fault");
    let options = SimOptions::default().mailboxes(40).page_size(10).fault(faults);
    let site = Site::start(options, "").await;
    let request = || ImportRequest::new().attributes(["DisplayName", "AuditEnabled"]);
    let imported = site.import(request()).await;
    let Change::Incomplete { reason, .. } = &imported.last else { panic!("{:?}", imported.last) };
    assert!(reason.starts_with("Exchange Online: "), "{reason}");
    assert_eq!(imported.error.map(|error| error.exit_code()), Some(3));
    for recipient in site.simulator.recipients().iter().filter(|one| is_remote(one)) {
        let object = &imported.objects[&recipient.guid.to_string()]["attributes"];
        assert_ne!(object.get("AuditEnabled"), Some(&Value::Null), "{object}");
    }
    site.end().await;

    // The own servers: what is in the service alone cannot be told.
    let fault = "fault=5@Receive:4x0".parse().expect("a fault");
    let site = Site::start(SimOptions::default().mailboxes(40).fault(fault), "").await;
    let imported = site.import(request()).await;
    match (&imported.last, &imported.error) {
        (Change::Incomplete { .. }, Some(error)) => assert_eq!(error.exit_code(), 3),
        other => panic!("{other:?}"),
    }
    let own: Vec<_> = site.simulator.recipients().iter().map(|one| one.guid.to_string()).collect();
    assert!(imported.objects.keys().all(|id| own.contains(id)));
    site.end().await;
}

#[tokio::test]
async fn an_import_that_cannot_sign_in_to_the_service_reads_nothing() {
    let fault = "http=401@Token:1x0".parse().expect("a fault");
    let site = Site::start(SimOptions::default().mailboxes(4).fault(fault), "").await;
    let imported = site.import(ImportRequest::new()).await;
    assert!(imported.objects.is_empty());
    assert_eq!(imported.error.map(|error| error.exit_code()), Some(4));
    site.end().await;
}

#[tokio::test]
async fn a_check_tells_of_both_sides() {
    let site = Site::start(SimOptions::default().mailboxes(4), "").await;
    let report = site.connector.check().await;
    assert!(report.ok, "{report:?}");
    let online = report.online.expect("there are two sides");
    assert!(online.ok && online.cmdlets.iter().any(|name| name == "Set-Mailbox"), "{online:?}");
    site.end().await;

    let site = Site::start(SimOptions::default().mailboxes(4).exchange_role(false), "").await;
    let report = site.connector.check().await;
    assert!(!report.ok);
    assert!(report.steps.iter().all(|step| step.status == CheckStatus::Ok), "{report:?}");
    let online = report.online.expect("there are two sides");
    assert!(online.steps.iter().any(|step| step.status == CheckStatus::Failed), "{online:?}");
    site.end().await;
}

#[tokio::test]
async fn a_cmdlet_runs_on_the_side_that_is_named() {
    let site = Site::start(SimOptions::default().mailboxes(5), "").await;
    let call = || InvokeRequest::from_arguments("Get-AcceptedDomain", &[""; 0]).expect("a cmdlet");
    for (request, online) in [(call(), 0), (call().online(), 1)] {
        let items: Vec<_> = site.connector.invoke(request).collect().await;
        assert!(matches!(items.first(), Some(Ok(InvokeItem::Object(_)))), "{items:?}");
        assert_eq!(site.online_calls("Get-AcceptedDomain"), online);
    }
    site.end().await;
}

#[tokio::test]
async fn the_schema_names_the_side_of_each_attribute() {
    let site = Site::start(SimOptions::default().mailboxes(1), "").await;
    let schema = serde_json::to_value(site.connector.schema()).expect("JSON");
    let classes = schema["classes"].as_array().expect("a list");
    let remote = classes.iter().find(|class| class["class"] == "RemoteUserMailbox");
    let attributes = remote.expect("it is there")["attributes"].as_array().expect("a list");
    let find = |name: &str| {
        attributes.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}"))
    };
    for (name, side, cmdlet, writable) in [
        ("DisplayName", "on-premises", "Set-RemoteMailbox", true),
        ("AuditEnabled", "cloud", "Set-Mailbox", true),
        ("ProhibitSendQuota", "cloud", "Set-Mailbox", true),
        ("OWAEnabled", "cloud", "Set-CASMailbox", true),
        ("GrantSendOnBehalfTo", "nowhere", "Get-RemoteMailbox", false),
    ] {
        let found = find(name);
        assert_eq!(found["authority"], side, "{name}");
        assert_eq!(found["cmdlet"], cmdlet, "{name}");
        assert_eq!(found["writable_on_update"], writable, "{name}");
    }
    site.end().await;
}

#[tokio::test]
async fn changes_alone_are_told_of_joined_objects() {
    let site = Site::start(SimOptions::default().mailboxes(30), "").await;
    let folder = crate::support::Folder::new();
    let request = || {
        let names = ["DisplayName", "ProhibitSendQuota"];
        ImportRequest::new().attributes(names).state(folder.file("state"))
    };
    let all = site.import(request()).await;
    assert!(all.error.is_none() && all.objects.len() >= 30, "{:?}", all.last);
    let none = site.import(request()).await;
    assert!(none.objects.is_empty(), "{:?}", none.objects);

    let remote = site.remote();
    let change = update(remote.guid, json!({"ProhibitSendQuota": "40 GB"}));
    assert_eq!(site.export(change).await.status, Status::Applied);
    let changes = site.import(request()).await;
    assert_eq!(changes.objects.keys().collect::<Vec<_>>(), [&remote.guid.to_string()]);
    assert!(matches!(changes.last, Change::Complete { objects: 1, deletes: 0, .. }));
    let full = site.import(request().full()).await;
    assert_eq!(full.objects.len(), all.objects.len());
    site.end().await;
}

/// A file of this test's own, which goes at the end.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("{name}-{}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_journal_settles_what_was_in_doubt_on_one_side() {
    let fault = "drop-after@Set-Mailbox:1".parse().expect("a fault");
    let site = Site::start(SimOptions::default().mailboxes(10).fault(fault), "").await;
    let remote = site.remote();
    let line = update(remote.guid, json!({"DisplayName": "Ann B.", "AuditEnabled": true}));
    let file = Scratch::new("hybrid-journal");
    let run = async || {
        let journal = exchange_connector::Journal::open(&file.0).expect("it is ours");
        let operations = Operation::from_json_lines(&line.to_string());
        site.connector.export_with_journal(operations, journal).collect::<Vec<_>>().await.remove(0)
    };
    let first = run().await;
    assert_eq!(first.status, Status::Unknown, "{first:?}");
    let own = |site: &Site| {
        let calls = site.simulator.calls();
        calls.iter().filter(|call| call.cmdlet == "Set-RemoteMailbox").count()
    };
    assert_eq!((own(&site), site.online_calls("Set-Mailbox")), (1, 1));
    // Both sides are read, and nothing is left to write.
    let second = run().await;
    assert_eq!(second.status, Status::Applied, "{second:?}");
    assert_eq!((own(&site), site.online_calls("Set-Mailbox")), (1, 1));
    let text = std::fs::read_to_string(&file.0).expect("it was written");
    for cmdlet in ["Set-RemoteMailbox", "Set-Mailbox"] {
        assert!(text.contains(&format!("\"cmdlet\":\"{cmdlet} ")), "{text}");
    }
    site.end().await;
}

#[tokio::test]
async fn changes_alone_are_told_over_both_sides() {
    let site = Site::start(SimOptions::default().mailboxes(20), "").await;
    let file = Scratch::new("hybrid-state");
    let request =
        || ImportRequest::new().attributes(["DisplayName", "AuditEnabled"]).state(file.0.clone());
    let first = site.import(request()).await;
    assert!(matches!(first.last, Change::Complete { .. }), "{:?}", first.last);
    let none = site.import(request()).await;
    assert!(matches!(none.last, Change::Complete { deletes: 0, .. }), "{:?}", none.last);
    assert!(none.objects.is_empty(), "{:?}", none.objects);

    // A change in the service alone, and a mailbox of the service that goes.
    let remote = site.remote();
    let line = update(remote.guid, json!({"AuditEnabled": true}));
    assert_eq!(site.export(line).await.status, Status::Applied);
    let changed = site.import(request()).await;
    let ids: Vec<_> = changed.objects.keys().collect();
    assert_eq!(ids, [&remote.guid.to_string()], "it has the own directory's id");
    let object = &changed.objects[&remote.guid.to_string()];
    assert_eq!(object["attributes"]["AuditEnabled"], true);
    site.end().await;
}
