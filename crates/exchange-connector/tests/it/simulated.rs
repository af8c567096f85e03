//! End to end: real HTTP, authentication and encryption to a simulated Exchange on a loopback port.

use exchange_connector::{
    Change, CheckStatus, Connector, Error, ImportRequest, InvokeItem, InvokeRequest, ObjectChange,
    Operation, Outcome, Settings, Status,
};
use exchange_sim::{Infrastructure, SimOptions, Simulator};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

struct Site {
    simulator: Simulator,
    connector: Connector,
}

impl Site {
    async fn start(options: SimOptions) -> Self {
        Self::with(options, |settings| settings).await
    }

    /// Starts a simulator and connects to it with settings that `change` has been over.
    async fn with(options: SimOptions, change: impl FnOnce(String) -> String) -> Self {
        let simulator = Simulator::start(options).await.expect("a port is free");
        let settings = Settings::from_toml_str(&change(simulator.settings_toml()))
            .expect("the simulator's settings are right");
        let connector = Connector::open(settings).await.expect("the settings can be used");
        Self { simulator, connector }
    }

    async fn objects(&self, request: ImportRequest) -> Vec<Value> {
        let mut lines = Vec::new();
        let mut changes = self.connector.import(request);
        while let Some(change) = changes.next().await {
            lines.push(serde_json::to_value(change.expect("it is complete")).expect("JSON"));
        }
        let end = lines.pop().expect("there is a last line");
        assert_eq!(end.get("type"), Some(&json!("complete")), "{end}");
        assert_eq!(end.get("objects"), Some(&json!(lines.len())));
        lines
    }

    async fn export(&self, lines: &[Value]) -> Vec<Outcome> {
        self.connector.export(operations(lines)).collect().await
    }

    async fn end(self) {
        self.connector.close().await.expect("it closes");
        assert_eq!(self.simulator.open_shells(), 0, "no session is left behind");
        self.simulator.close().await;
    }
}

fn operations(lines: &[Value]) -> Vec<Operation> {
    let text: Vec<_> = lines.iter().map(Value::to_string).collect();
    Operation::from_json_lines(&text.join("\n"))
}

fn status(outcomes: &[Outcome]) -> Vec<Status> {
    outcomes.iter().map(|outcome| outcome.status).collect()
}

fn class(outcome: &Outcome) -> &str {
    outcome.error.as_ref().map_or("none", |error| error.class.as_str())
}

fn create(name: &str, principal: &str) -> Value {
    json!({
        "ref": name,
        "operation": "create",
        "attributes": {
            "Name": name,
            "UserPrincipalName": principal,
            "CustomAttribute1": "x",
            "EmailAddresses": [format!("second.{principal}"), principal],
            "_param_password": "Str0ng!Pass-word",
        },
    })
}

#[tokio::test]
async fn a_hundred_mailboxes_are_imported() {
    let site = Site::start(SimOptions::default().mailboxes(100)).await;
    let objects = site.objects(ImportRequest::new()).await;
    assert!(objects.len() >= 100, "{}", objects.len());
    for object in &objects {
        assert!(
            object["attributes"]["EmailAddresses"].as_array().is_some_and(|list| !list.is_empty())
        );
    }
    let few = site.objects(ImportRequest::new().attributes(["DisplayName"])).await;
    assert_eq!(few.len(), objects.len());
    assert_eq!(few[0]["attributes"].as_object().map(serde_json::Map::len), Some(1));
    site.end().await;
}

#[tokio::test]
async fn a_mailbox_is_made_changed_left_alone_and_taken_away() {
    let site = Site::start(SimOptions::default().mailboxes(5)).await;
    let domain = accepted_domain(&site).await;
    let line = create("Ann Example", &format!("ann.example@{domain}"));
    let made = site.export(std::slice::from_ref(&line)).await;
    assert_eq!(status(&made), [Status::Applied], "{made:?}");
    let id = made[0].id.clone().expect("it has an id");

    let seen = site.objects(ImportRequest::new().attributes(["Name", "EmailAddresses"])).await;
    let ann = seen.iter().find(|object| object["id"] == id.as_str()).expect("it is imported");
    let addresses = &ann["attributes"]["EmailAddresses"];
    let primary = format!("SMTP:ann.example@{domain}");
    assert!(addresses.as_array().is_some_and(|list| list.contains(&json!(primary))), "{addresses}");

    assert_eq!(class(&site.export(std::slice::from_ref(&line)).await[0]), "conflict");

    let update = json!({"operation": "update", "id": id, "attributes": {
        "DisplayName": "Ann \"B\" O'Neil", "CustomAttribute1": null, "MaxSendSize": "25MB",
        "EmailAddresses": [format!("ann.example@{domain}"), format!("ann@{domain}")]}});
    let changed = site.export(std::slice::from_ref(&update)).await;
    assert_eq!(status(&changed), [Status::Applied], "{changed:?}");
    let again = site.export(std::slice::from_ref(&update)).await;
    assert_eq!(status(&again), [Status::Unchanged], "{again:?}");

    let delete = json!({"operation": "delete", "id": id});
    assert_eq!(status(&site.export(std::slice::from_ref(&delete)).await), [Status::Applied]);
    let gone = site.export(&[delete]).await;
    assert_eq!((status(&gone), class(&gone[0])), (vec![Status::Failed], "not-found"));
    site.end().await;
}

#[tokio::test]
async fn an_existing_account_is_enabled() {
    let site = Site::with(SimOptions::default().mailboxes(3).plain_users(2), |settings| {
        settings.replace("create_method = \"New\"", "create_method = \"Enable\"")
    })
    .await;
    let principal = plain_user(&site).await;
    let line = json!({"operation": "create", "attributes": {"UserPrincipalName": principal}});
    let made = site.export(&[line]).await;
    assert_eq!(status(&made), [Status::Applied], "{made:?}");
    let missing =
        json!({"operation": "create", "identity": "nobody@nowhere.example", "attributes": {}});
    assert_eq!(class(&site.export(&[missing]).await[0]), "not-found");
    site.end().await;
}

#[tokio::test]
async fn hybrid_makes_remote_mailboxes() {
    let options = SimOptions::default().mailboxes(4).infrastructure(Infrastructure::Hybrid);
    let site = Site::start(options).await;
    let domain = accepted_domain(&site).await;
    let mut line = create("Zoe", &format!("zoe@{domain}"));
    line["attributes"]["RemoteRoutingAddress"] = json!("zoe@contoso.mail.onmicrosoft.com");
    let made = site.export(&[line]).await;
    assert_eq!(status(&made), [Status::Applied], "{made:?}");
    let remote = site.objects(ImportRequest::new().class("RemoteUserMailbox")).await;
    assert!(remote.iter().any(|object| object["id"] == made[0].id.as_deref().unwrap_or_default()));
    let update =
        json!({"operation": "update", "id": made[0].id, "attributes": {"DisplayName": "Z"}});
    assert_eq!(status(&site.export(&[update]).await), [Status::Applied]);
    site.end().await;
}

#[tokio::test]
async fn errors_are_classified_and_do_not_stop_the_rest() {
    let site = Site::start(SimOptions::default().mailboxes(3)).await;
    let domain = accepted_domain(&site).await;
    let mut weak = create("Weak", &format!("weak@{domain}"));
    weak["attributes"]["_param_password"] = json!("a");
    let taken = site.objects(ImportRequest::new().attributes(["UserPrincipalName"])).await;
    let (first, second) = (&taken[0], &taken[1]);
    let steal = json!({"operation": "update", "id": first["id"], "attributes": {
        "EmailAddresses": [second["attributes"]["UserPrincipalName"]]}});
    let missing = json!({"operation": "update", "id": "9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2",
        "attributes": {"DisplayName": "x"}});
    let good = json!({"operation": "update", "id": first["id"], "attributes": {"CustomAttribute7": "seven"}});
    let outcomes = site.export(&[weak, steal, missing, good]).await;
    let classes: Vec<_> = outcomes.iter().map(class).collect();
    assert_eq!(classes, ["invalid", "conflict", "not-found", "none"], "{outcomes:?}");
    assert_eq!(outcomes[3].status, Status::Applied);
    site.end().await;
}

#[tokio::test]
async fn a_plan_writes_nothing() {
    let site = Site::start(SimOptions::default().mailboxes(3)).await;
    let domain = accepted_domain(&site).await;
    let before = site.objects(ImportRequest::new()).await;
    let id = &before[0]["id"];
    let lines = [
        create("New One", &format!("new.one@{domain}")),
        json!({"operation": "update", "id": id, "attributes": {"DisplayName": "Other"}}),
        json!({"operation": "delete", "id": id}),
    ];
    let planned: Vec<_> = site.connector.plan(operations(&lines)).collect().await;
    assert_eq!(status(&planned), [Status::Planned; 3], "{planned:?}");
    assert!(
        planned.iter().all(|outcome| outcome.cmdlets.as_ref().is_some_and(|list| !list.is_empty()))
    );
    assert_eq!(site.objects(ImportRequest::new()).await, before);
    let calls = site.simulator.calls();
    let writes = |cmdlet: &str| !cmdlet.starts_with("Get-") && cmdlet != "Select-Object";
    assert!(!calls.iter().any(|call| writes(call.cmdlet)), "{calls:?}");
    site.end().await;
}

#[tokio::test]
async fn a_wrong_password_is_said_once() {
    let simulator =
        Simulator::start(SimOptions::default().mailboxes(1)).await.expect("a port is free");
    let settings = simulator.settings_toml().replace(simulator.password(), "wrong");
    let settings = Settings::from_toml_str(&settings).expect("the settings are right");
    let connector = Connector::open(settings).await.expect("nothing is sent yet");
    let error = connector.connect().await.expect_err("the password is wrong");
    assert!(matches!(error, Error::SignIn { .. }), "{error:?}");
    assert_eq!(error.exit_code(), 4);
    let id = "9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2";
    let lines = [json!({"operation": "delete", "id": id})];
    let mut run = connector.export(operations(&lines));
    let outcome = run.next().await.expect("one outcome a line");
    assert_eq!(class(&outcome), "denied");
    assert!(run.next().await.is_none());
    assert_eq!(run.summary().exit_code(), 4);
    simulator.close().await;
}

#[tokio::test]
async fn a_check_goes_through_all_steps() {
    let site = Site::start(SimOptions::default().mailboxes(2)).await;
    let report = site.connector.check().await;
    assert!(report.ok, "{:?}", report.steps);
    assert!(report.steps.iter().all(|step| step.status == CheckStatus::Ok));
    assert!(report.version.is_some() && report.domain_controller.is_some());
    site.end().await;
}

#[tokio::test]
async fn objects_leave_while_others_are_still_to_come() {
    let site = Site::start(SimOptions::default().mailboxes(300)).await;
    let mut changes = site.connector.import(ImportRequest::new().attributes(["Name"]));
    let first = changes.next().await.expect("there is one").expect("it is an object");
    assert!(matches!(first, Change::Object(ObjectChange::Upsert { .. })));
    // Leaving in the middle stops the command and leaves a usable session.
    drop(changes);
    let objects = site.objects(ImportRequest::new().attributes(["Name"])).await;
    assert!(objects.len() >= 300);
    site.end().await;
}

#[tokio::test]
async fn attributes_of_the_account_come_over_a_second_session() {
    let site = Site::start(SimOptions::default().mailboxes(120)).await;
    let objects = site.objects(ImportRequest::new().attributes(["Name", "LastName"])).await;
    assert!(objects.len() >= 120);
    assert!(objects.iter().any(|object| object["attributes"]["LastName"].is_string()));
    assert_eq!(site.simulator.open_shells(), 1, "the second session ended with the import");
    site.end().await;
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_unknown_and_the_next_goes_on() {
    // The first command finds the domain controller, the second reads, the third writes.
    let fault = "drop-after@Command:3".parse().expect("a fault");
    let site = Site::start(SimOptions::default().mailboxes(3).fault(fault)).await;
    let lines = updates(&site);
    let outcomes = site.export(&lines).await;
    assert_eq!(status(&outcomes), [Status::Unknown, Status::Applied], "{outcomes:?}");
    assert_eq!(class(&outcomes[0]), "ambiguous");
    let writes = site.simulator.calls().iter().filter(|call| call.cmdlet == "Set-Mailbox").count();
    assert_eq!(writes, 2, "no write was repeated");
    site.end().await;
}

#[tokio::test]
async fn a_lost_session_is_replaced_when_only_reading_was_disturbed() {
    let fault = "expire@Command:2".parse().expect("a fault");
    let site = Site::start(SimOptions::default().mailboxes(3).fault(fault)).await;
    let lines = updates(&site);
    let outcomes = site.export(&lines).await;
    assert_eq!(status(&outcomes), [Status::Applied, Status::Applied], "{outcomes:?}");
    site.end().await;
}

/// What a fault may do to a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// Nothing that is seen from outside.
    Well,
    /// It cannot be told whether a write happened.
    Unknown,
}

/// Strikes messages with faults, each combination in a site of its own, and looks at what an import gives.
async fn check_imports(faults: &[&str], positions: &[&str]) {
    let combinations = faults
        .iter()
        .flat_map(|fault| positions.iter().map(move |position| format!("{fault}@{position}")));
    futures_util::future::join_all(combinations.map(check_import)).await;
}

async fn check_import(fault: String) {
    let options = SimOptions::default().mailboxes(150).fault(fault.parse().expect("a fault"));
    let site = Site::start(options).await;
    let request = ImportRequest::new().attributes(["Name", "CustomAttribute1", "Alias"]);
    let changes: Vec<_> = site.connector.import(request).collect().await;
    let (last, objects) = changes.split_last().expect("there is a last line");
    assert!(matches!(last, Ok(Change::Complete { .. })), "{fault}: {last:?}");
    let ids: std::collections::BTreeSet<_> = objects
        .iter()
        .filter_map(|change| match change {
            Ok(Change::Object(ObjectChange::Upsert { id, .. })) => Some(id.clone()),
            _ => None,
        })
        .collect();
    assert_eq!((ids.len(), objects.len()), (150, 150), "{fault}");
    site.end().await;
}

/// Strikes the command with this number in a create, and looks at what becomes of it.
async fn check_create(fault: &str, position: &str, expected: End) {
    let fault = format!("{fault}@{position}");
    let options = SimOptions::default().mailboxes(2).fault(fault.parse().expect("a fault"));
    let site = Site::start(options).await;
    let outcomes = site.export(&[create("Ann Example", "ann@contoso.com")]).await;
    let wanted = if expected == End::Well { Status::Applied } else { Status::Unknown };
    assert_eq!(status(&outcomes), [wanted], "{fault}: {outcomes:?}");
    let writes = site.simulator.calls().iter().filter(|call| call.cmdlet == "New-Mailbox").count();
    assert!(writes <= 1, "{fault}: New-Mailbox ran {writes} times");
    site.end().await;
}

#[tokio::test]
async fn no_single_fault_disturbs_an_import() {
    let lost = ["drop", "drop-after", "drop-mid", "close", "expire", "fault=995"];
    check_imports(&lost, &["Receive:2", "Receive:5", "Command:1", "Command:2"]).await;
    check_imports(&["drop-after", "close"], &["Create:1", "Signal:1", "Delete:1"]).await;
}

#[tokio::test]
async fn a_busy_server_is_waited_for_wherever_it_is_met() {
    check_imports(&["busy", "http=503"], &["Create:1", "Command:2", "Receive:5"]).await;
    check_imports(&["throttle"], &["Create:1"]).await;
}

#[tokio::test]
async fn a_create_happens_once_or_is_said_to_be_unknown() {
    // The first command finds the domain controller, the second looks for the mailbox, the third makes it.
    let mut cases = Vec::new();
    for reading in ["Command:1", "Command:2"] {
        for fault in ["drop", "drop-after", "expire", "http=503", "fault=995"] {
            cases.push((fault, reading, End::Well));
        }
    }
    for fault in ["drop", "drop-after", "drop-mid", "fault=995", "http=500"] {
        cases.push((fault, "Command:3", End::Unknown));
    }
    // There was no shell to run it in, or no budget: it certainly did not run.
    for fault in ["expire", "http=503", "busy"] {
        cases.push((fault, "Command:3", End::Well));
    }
    let checks = cases.into_iter().map(|(fault, position, end)| check_create(fault, position, end));
    futures_util::future::join_all(checks).await;
}

#[tokio::test]
async fn a_consumer_that_panics_leaves_no_shell() {
    let site = Site::start(SimOptions::default().mailboxes(300)).await;
    let connector = site.connector.clone();
    let consumer = tokio::spawn(async move {
        let mut changes = connector.import(ImportRequest::new().attributes(["Name", "LastName"]));
        let first = changes.next().await;
        assert!(first.is_none(), "the consumer does not like what it sees");
    });
    assert!(consumer.await.expect_err("it panics").is_panic());
    site.end().await;
}

/// One update for each of the first two mailboxes of the directory.
fn updates(site: &Site) -> Vec<Value> {
    let ids = site.simulator.with_directory(|directory| {
        let mailboxes =
            directory.recipients().filter(|recipient| recipient.kind.mailbox_kind().is_some());
        mailboxes.map(|recipient| recipient.guid).take(2).collect::<Vec<_>>()
    });
    ids.into_iter()
        .map(|id| json!({"operation": "update", "id": id.to_string(), "attributes": {"CustomAttribute9": "nine"}}))
        .collect()
}

async fn invoke(site: &Site, cmdlet: &str, args: &[&str]) -> Vec<Value> {
    let request = InvokeRequest::from_arguments(cmdlet, args).expect("the arguments are right");
    let mut items = site.connector.invoke(request);
    let mut objects = Vec::new();
    while let Some(item) = items.next().await {
        match item.expect("the command completes") {
            InvokeItem::Object(object) => objects.push(object),
            other => panic!("{other:?}"),
        }
    }
    objects
}

async fn accepted_domain(site: &Site) -> String {
    let domains = invoke(site, "Get-AcceptedDomain", &[]).await;
    let name = domains.first().and_then(|domain| domain.get("DomainName"));
    name.and_then(Value::as_str).expect("there is a domain with a name").to_owned()
}

async fn plain_user(site: &Site) -> String {
    let users = invoke(site, "Get-User", &["-ResultSize", "Unlimited"]).await;
    users
        .iter()
        .find(|user| user.get("RecipientType") == Some(&json!("User")))
        .and_then(|user| user.get("UserPrincipalName")?.as_str())
        .expect("there is an account without a mailbox")
        .to_owned()
}

#[tokio::test]
async fn protocols_are_read_and_switched_by_their_own_cmdlets() {
    for kind in [Infrastructure::OnPremises, Infrastructure::Cloud] {
        let site = Site::start(SimOptions::default().mailboxes(60).infrastructure(kind)).await;
        let request = || ImportRequest::new().attributes(["DisplayName", "OWAEnabled", "Title"]);
        let before = site.objects(request()).await;
        let enabled = |line: &Value| line.pointer("/attributes/OWAEnabled").cloned();
        assert!(before.iter().all(|line| enabled(line) == Some(json!(true))), "{before:?}");
        let id = before.first().and_then(|line| line.get("id")).cloned();
        let change = json!({"operation": "update", "id": id, "attributes": {"OWAEnabled": false}});
        assert_eq!(status(&site.export(std::slice::from_ref(&change)).await), [Status::Applied]);
        assert_eq!(status(&site.export(&[change]).await), [Status::Unchanged]);
        let after = site.objects(request()).await;
        let off = after.iter().filter(|line| enabled(line) == Some(json!(false)));
        assert_eq!(off.map(|line| line.get("id").cloned()).collect::<Vec<_>>(), [id]);
        site.end().await;
    }
}
