//! End to end against the simulated service: real HTTP, tokens, pages, encrypted passwords.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use exchange_connector::{
    Change, CheckStatus, Connector, Error, ImportError, ImportRequest, Operation, Outcome,
    Settings, Status,
};
use exchange_online::ClientCertificate;
use exchange_sim::{Infrastructure, RecipientKind, SimOptions, Simulator, View};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

const THUMBPRINT: &str = "79218D98A3FF04574C534A49F8E005D1817420E0";

struct Site {
    simulator: Simulator,
    connector: Connector,
}

/// How an import ended, and the GUIDs it gave.
struct Imported {
    ids: Vec<String>,
    last: Option<Change>,
    error: Option<ImportError>,
}

impl Site {
    async fn start(options: SimOptions) -> Self {
        Self::with(options, |settings| settings).await
    }

    async fn with(options: SimOptions, change: impl FnOnce(String) -> String) -> Self {
        let options = options.infrastructure(Infrastructure::Cloud);
        let simulator = Simulator::start(options).await.expect("a port is free");
        let connector = open(&change(simulator.settings_toml())).await;
        Self { simulator, connector }
    }

    async fn import(&self) -> Imported {
        let mut changes = self.connector.import(ImportRequest::new().attributes(["DisplayName"]));
        let (mut ids, mut last, mut error) = (Vec::new(), None, None);
        while let Some(change) = changes.next().await {
            match change {
                Ok(Change::Object(object)) => {
                    let object = serde_json::to_value(&object).expect("JSON");
                    let id = object.get("id").and_then(Value::as_str);
                    ids.push(id.expect("every object has one").to_owned());
                }
                Ok(change) => last = Some(change),
                Err(found) => error = Some(found),
            }
        }
        ids.sort();
        Imported { ids, last, error }
    }

    /// Imports and makes sure that everything came.
    async fn import_all(&self) {
        let imported = self.import().await;
        assert!(matches!(imported.last, Some(Change::Complete { .. })), "{:?}", imported.last);
        let mut expected: Vec<_> = self
            .simulator
            .recipients()
            .iter()
            .filter(|recipient| View::Mailbox.shows(recipient.kind))
            .map(|recipient| recipient.guid.to_string())
            .collect();
        expected.sort();
        assert_eq!(imported.ids, expected);
    }

    async fn export(&self, lines: &[Value]) -> Vec<Outcome> {
        self.connector.export(operations(lines)).collect().await
    }

    /// Exports one line that is not done, and compares its error.
    async fn refused(&self, line: Value, status: Status, class: &str, retry: &str, part: &str) {
        let outcome = self.export(&[line]).await.remove(0);
        let error = outcome.error.clone().unwrap_or_else(|| panic!("{outcome:?}"));
        assert_eq!(outcome.status, status, "{error:?}");
        assert_eq!((error.class.as_str(), error.retry.as_str()), (class, retry), "{error:?}");
        assert!(error.message.contains(part), "{error:?}");
    }

    async fn end(self) {
        self.connector.close().await.expect("it closes");
        self.simulator.close().await;
    }
}

async fn open(settings: &str) -> Connector {
    let settings = Settings::from_toml_str(settings).expect("the settings are right");
    Connector::open(settings).await.expect("the settings can be used")
}

fn operations(lines: &[Value]) -> Vec<Operation> {
    let text: Vec<_> = lines.iter().map(Value::to_string).collect();
    Operation::from_json_lines(&text.join("\n"))
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../exchange-online/tests/data").join(name)
}

fn ann() -> Value {
    json!({"ref": 1, "operation": "create", "attributes": {
        "Name": "Ann Example", "UserPrincipalName": "ann.example@contoso.com", "Department": "Sales",
        "CustomAttribute1": "x", "EmailAddresses": ["a.example@contoso.com", "ann.example@contoso.com"],
        "_param_password": "Str0ng-enough!"}})
}

#[tokio::test]
async fn a_list_of_many_pages_arrives_whole() {
    let site = Site::start(SimOptions::default().mailboxes(45).page_size(10)).await;
    site.import_all().await;
    site.end().await;
}

#[tokio::test]
async fn the_same_attributes_come_as_from_the_own_server() {
    let names = [
        "DisplayName",
        "EmailAddresses",
        "MaxSendSize",
        "ArchiveGuid",
        "WhenCreatedUTC",
        "Department",
    ];
    let mut found = Vec::new();
    for infrastructure in [Infrastructure::OnPremises, Infrastructure::Cloud] {
        let options = SimOptions::default().mailboxes(12).infrastructure(infrastructure);
        let simulator = Simulator::start(options).await.expect("a port is free");
        let connector = open(&simulator.settings_toml()).await;
        let mut objects = Vec::new();
        let mut changes = connector.import(ImportRequest::new().attributes(names));
        while let Some(change) = changes.next().await {
            if let Change::Object(object) = change.expect("it is complete") {
                objects.push(serde_json::to_value(&object).expect("JSON"));
            }
        }
        assert_eq!(objects.len(), 12);
        found.push(objects);
        drop(changes);
        connector.close().await.expect("it closes");
        simulator.close().await;
    }
    assert_eq!(found[0], found[1]);
}

#[tokio::test]
async fn an_application_signs_in_with_its_certificate() {
    let thumbprint = THUMBPRINT.parse().expect("it is one");
    let certificate = ClientCertificate::from_file(&data("open.pfx"), thumbprint, None);
    let der = certificate.expect("it is there").der().to_vec();
    let options = SimOptions::default().mailboxes(5).infrastructure(Infrastructure::Cloud);
    let simulator =
        Simulator::start(options.application_certificate(der)).await.expect("a port is free");
    let settings = simulator.settings_toml_certificate(&data("open.pfx"), THUMBPRINT);
    let older = open(&format!("{settings}assertion_algorithm = \"RS256\"\n")).await;
    older.connect().await.expect("it is let in");
    older.close().await.expect("it closes");
    let site = Site { connector: open(&settings).await, simulator };
    site.import_all().await;
    site.end().await;
}

#[tokio::test]
async fn a_certificate_whose_time_is_over_is_told_with_its_remedy() {
    let (file, thumbprint) = (data("expired.pem"), "76157F494449DA11A08BCAC3D3C87BE9B3EA89C6");
    let certificate =
        ClientCertificate::from_file(&file, thumbprint.parse().expect("it is one"), None);
    let certificate = certificate.expect("it is there");
    let warning = certificate.warning(std::time::SystemTime::now()).expect("it is over");
    assert!(warning.contains("expired"), "{warning}");
    let options = SimOptions::default().infrastructure(Infrastructure::Cloud);
    let options = options.application_certificate(certificate.der().to_vec());
    let simulator = Simulator::start(options).await.expect("a port is free");
    let connector = open(&simulator.settings_toml_certificate(&file, thumbprint)).await;
    let error = connector.connect().await.expect_err("it is refused");
    assert!(matches!(error, Error::SignIn { .. }), "{error:?}");
    assert_eq!((error.exit_code(), error.is_retryable()), (4, false));
    let report = error.report();
    assert!(report.contains("AADSTS700027") && report.contains("status 401"), "{report}");
    assert!(report.contains("The key used is expired"), "{report}");
    let outcome: Vec<_> = connector.export(operations(&[ann()])).collect().await;
    let error = outcome[0].error.as_ref().expect("it is not done");
    assert_eq!((error.class.as_str(), error.retry.as_str()), ("denied", "never"));
    let report = connector.check().await;
    let step = report.steps.iter().find(|step| step.status == CheckStatus::Failed);
    let remedy = step.and_then(|step| step.remedy.clone()).expect("a step fails");
    assert!(remedy.contains("if it expired, make a new one"), "{remedy}");
    simulator.close().await;
}

#[tokio::test]
async fn a_token_that_ends_during_an_import_is_renewed() {
    let life = std::time::Duration::from_secs(2);
    let options = SimOptions::default().mailboxes(40).page_size(10).token_life(life);
    let slow = "slow=1.1@Page:1x0".parse().expect("a fault");
    let site = Site::start(options.fault(slow)).await;
    site.import_all().await;
    site.end().await;
}

#[tokio::test]
async fn a_certificate_that_is_not_there_is_named_before_anything_is_sent() {
    let options = SimOptions::default().infrastructure(Infrastructure::Cloud);
    let simulator = Simulator::start(options).await.expect("a port is free");
    let other = "84E05C1D98BCE3A5421D225B140B36E86A3D5534";
    let settings = simulator.settings_toml_certificate(&data("open.pfx"), other);
    let settings = Settings::from_toml_str(&settings).expect("the settings are right");
    let error = Connector::open(settings).await.expect_err("there is no such certificate");
    let report = error.report();
    assert_eq!(error.exit_code(), 2);
    assert!(report.contains("open.pfx") && report.contains(THUMBPRINT), "{report}");
    assert!(report.contains("correct certificate_thumbprint"), "{report}");
    simulator.close().await;
}

#[tokio::test]
async fn a_sign_in_that_fails_is_told_with_its_remedy() {
    let check =
        async |settings: &dyn Fn(&Simulator) -> String, status, code: &str, remedy: &str| {
            let options = SimOptions::default().mailboxes(1).infrastructure(Infrastructure::Cloud);
            let simulator = Simulator::start(options).await.expect("a port is free");
            let connector = open(&settings(&simulator)).await;
            let error = connector.connect().await.expect_err("it is refused");
            assert!(matches!(error, Error::SignIn { .. }), "{error:?}");
            assert_eq!((error.exit_code(), error.is_retryable()), (4, false));
            let report = error.report();
            assert!(report.contains(code) && report.contains(status), "{report}");
            assert!(error.remedy().is_some_and(|found| found.contains(remedy)), "{error:?}");
            let outcome =
                connector.export(operations(&[ann()])).collect::<Vec<_>>().await.remove(0);
            let error = outcome.error.expect("it is not done");
            assert_eq!((error.class.as_str(), error.retry.as_str()), ("denied", "never"));
            assert!(error.message.contains(remedy), "{error:?}");
            let report = connector.check().await;
            let step = report.steps.iter().find(|step| step.status == CheckStatus::Failed);
            let step = step.expect("a step fails");
            assert_eq!(step.name, "authenticate");
            assert!(step.remedy.as_deref().is_some_and(|found| found.contains(remedy)), "{step:?}");
            simulator.close().await;
        };
    let plain = Simulator::settings_toml;
    let tenant = |simulator: &Simulator| {
        plain(simulator).replace("contoso.onmicrosoft", "other.onmicrosoft")
    };
    check(&tenant, "status 400", "AADSTS90002", "correct organization").await;
    let application = |simulator: &Simulator| {
        plain(simulator).replace(&simulator.application_id().to_string(), THUMBPRINT_ID)
    };
    check(&application, "status 400", "AADSTS700016", "correct application_id").await;
    let secret =
        |simulator: &Simulator| plain(simulator).replace(simulator.application_secret(), "wrong");
    check(&secret, "status 401", "AADSTS7000215", "new secret").await;
    let certificate =
        |simulator: &Simulator| simulator.settings_toml_certificate(&data("open.pfx"), THUMBPRINT);
    check(&certificate, "status 401", "AADSTS700027", "upload the certificate").await;
}

const THUMBPRINT_ID: &str = "9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2";

#[tokio::test]
async fn the_missing_half_of_the_permission_is_named() {
    for (options, reason, remedy) in [
        (
            SimOptions::default().application_roles([""; 0]),
            "status 401: the token lacks the application permission Exchange.ManageAsApp",
            "permission Exchange.ManageAsApp",
        ),
        (
            SimOptions::default().exchange_role(false),
            "status 403: no role that was given to this account lets it run Get-Mailbox",
            "the role Exchange Recipient Administrator",
        ),
    ] {
        let site = Site::start(options.mailboxes(2)).await;
        let report = site.connector.check().await;
        let step = report.steps.iter().find(|step| step.status == CheckStatus::Failed);
        let step = step.expect("a step fails");
        assert!(step.remedy.as_deref().is_some_and(|found| found.contains(remedy)), "{step:?}");
        let twice = step.detail.as_deref().zip(step.remedy.as_deref());
        assert!(!twice.is_some_and(|(detail, remedy)| detail.contains(remedy)), "{step:?}");
        assert_eq!(report.exit_code, 4, "nothing may be read");
        let imported = site.import().await;
        assert!(imported.ids.is_empty() && imported.last.is_none());
        let error = imported.error.expect("it is refused");
        assert_eq!(error.exit_code(), 4);
        let report = exchange_connector::report(&error);
        assert!(report.contains("may not run Get-Mailbox") && report.contains(reason), "{report}");
        assert!(error.remedy().is_some_and(|found| found.contains(remedy)), "{error:?}");
        site.end().await;
    }
}

#[tokio::test]
async fn a_check_of_a_healthy_service_passes() {
    let site = Site::start(SimOptions::default().mailboxes(2)).await;
    let report = site.connector.check().await;
    assert!(report.ok, "{report:?}");
    assert!(report.cmdlets.iter().any(|name| name == "New-Mailbox"), "{report:?}");
    site.end().await;
}

#[tokio::test]
async fn imports_survive_what_a_service_does() {
    for fault in [
        "throttle@Get-Mailbox:1",
        "http=401@Page:1",
        "expire@Page:2",
        "http=400@Page:1",
        "drop-mid@Page:1",
        "http=302@Page:1",
    ] {
        let options = SimOptions::default().mailboxes(25).page_size(10);
        let site = Site::start(options.fault(fault.parse().expect("a fault"))).await;
        site.import_all().await;
        site.end().await;
    }
}

/// Imports from a service that never gets well, with little patience.
async fn cannot_be_finished(fault: &str, reason: &str) {
    let options = SimOptions::default().mailboxes(25).page_size(10);
    let options = options.fault(fault.parse().expect("a fault"));
    let impatient = |settings| format!("{settings}[endpoint]\nstall_timeout = \"4s\"\n");
    let site = Site::with(options, impatient).await;
    let imported = site.import().await;
    let Some(Change::Incomplete { reason: found, .. }) = &imported.last else {
        panic!("{fault}: {:?}", imported.last)
    };
    assert!(found.contains(reason), "{fault}: {found}");
    assert_eq!(imported.error.map(|error| error.exit_code()), Some(3));
    site.end().await;
}

#[tokio::test]
async fn an_import_whose_pages_always_expire_is_incomplete() {
    cannot_be_finished("http=400@Page:1x0", "begun again 2 times").await;
}

#[tokio::test]
async fn an_import_that_is_redirected_in_a_circle_is_incomplete() {
    cannot_be_finished("http=302@Page:2x0", "redirected the request 9 times").await;
}

#[tokio::test]
async fn an_import_that_is_limited_without_end_is_incomplete() {
    let reason = "Exchange Online limits requests (status 429); try again later, or lower endpoint.max_sessions";
    cannot_be_finished("throttle@Get-Mailbox:1x0", reason).await;
}

#[tokio::test]
async fn an_import_whose_token_is_refused_on_the_way_is_incomplete() {
    let reason = "status 401: the service does not take the token; see that cloud.scope";
    cannot_be_finished("http=401@Page:1x0", reason).await;
}

#[tokio::test]
async fn an_import_that_is_given_web_pages_is_incomplete() {
    cannot_be_finished("html=200@Page:1x0", "content of type application/json").await;
}

#[tokio::test]
async fn a_mailbox_is_made_changed_and_removed() {
    let site = Site::with(SimOptions::default().mailboxes(3), |settings| {
        format!("{settings}[export]\ndeprovision = \"remove\"\n")
    })
    .await;
    let outcomes = site.export(&[ann()]).await;
    assert_eq!(outcomes[0].status, Status::Applied, "{:?}", outcomes[0]);
    let id = outcomes[0].id.clone().expect("it has one");
    let made = site.simulator.recipients().into_iter().find(|one| one.guid.to_string() == id);
    let made = made.expect("it is there");
    assert_eq!(made.user_principal_name, "ann.example@contoso.com");
    assert_eq!(
        made.email_addresses,
        ["smtp:a.example@contoso.com", "SMTP:ann.example@contoso.com"]
    );
    assert!(made.has_password("Str0ng-enough!"), "it was decrypted");

    let change =
        json!({"ref": 2, "operation": "update", "id": id, "attributes": {"DisplayName": "Ann B."}});
    let outcomes = site.export(&[change.clone(), change]).await;
    assert_eq!((outcomes[0].status, outcomes[1].status), (Status::Applied, Status::Unchanged));

    let delete = json!({"ref": 3, "operation": "delete", "id": id});
    assert_eq!(site.export(&[delete]).await[0].status, Status::Applied);
    let part = "deleted less than thirty days ago";
    site.refused(ann(), Status::Failed, "conflict", "never", part).await;
    site.end().await;
}

#[tokio::test]
async fn shared_mailboxes_need_no_password_and_users_do() {
    let site = Site::start(SimOptions::default().mailboxes(3)).await;
    let shared = json!({"operation": "create", "attributes": {"Name": "Desk", "Alias": "desk",
        "UserPrincipalName": "desk@contoso.com", "_param_Shared": true}});
    let outcome = site.export(&[shared]).await.remove(0);
    assert_eq!(outcome.status, Status::Applied, "{outcome:?}");
    let person = json!({"operation": "create", "attributes": {"Name": "Bob", "UserPrincipalName": "bob@contoso.com"}});
    site.refused(person, Status::Failed, "invalid", "never", "needs _param_password").await;
    let odd = json!({"operation": "create", "attributes": {"Name": "Bob", "UserPrincipalName": "bob@contoso.com",
        "_param_password": "Str0ng-enough!", "_param_Database": "DB1"}});
    site.refused(odd, Status::Failed, "invalid", "never", "has no such parameter").await;
    let id = site.simulator.recipients()[0].guid.to_string();
    let delete = json!({"operation": "delete", "id": id});
    site.refused(delete, Status::Refused, "denied", "never", "export.deprovision").await;
    site.end().await;
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_looked_for_and_never_repeated() {
    let fault = "drop-after@New-Mailbox:1".parse().expect("a fault");
    let site = Site::start(SimOptions::default().mailboxes(3).fault(fault)).await;
    let outcome = site.export(&[ann()]).await.remove(0);
    assert_eq!(outcome.status, Status::Applied, "{outcome:?}");
    let lost =
        "the answer of New-Mailbox was lost, but the mailbox, which was not there before, was made";
    assert!(outcome.warnings.iter().any(|text| text.starts_with(lost)), "{outcome:?}");
    let made = site.simulator.recipients();
    let made = made.iter().find(|one| one.user_principal_name == "ann.example@contoso.com");
    assert_eq!(outcome.id, made.map(|one| one.guid.to_string()));
    assert_eq!(made.map(|one| one.email_addresses.len()), Some(2), "the rest followed");
    let creations = |site: &Site| {
        site.simulator.calls().iter().filter(|call| call.cmdlet == "New-Mailbox").count()
    };
    assert_eq!(creations(&site), 1);
    site.refused(ann(), Status::Failed, "conflict", "never", "already has a mailbox").await;
    site.end().await;

    // Where it is not there, it may come yet.
    let fault = "drop@New-Mailbox:1".parse().expect("a fault");
    let site = Site::start(SimOptions::default().mailboxes(3).fault(fault)).await;
    let part = "it is not there, or not yet: look again in some minutes";
    site.refused(ann(), Status::Unknown, "ambiguous", "after-check", part).await;
    assert_eq!(creations(&site), 0);
    site.end().await;

    // What names no account cannot be looked for.
    let fault = "drop-after@New-Mailbox:1".parse().expect("a fault");
    let site = Site::start(SimOptions::default().mailboxes(3).fault(fault)).await;
    let shared = json!({"operation": "create", "attributes": {"Name": "Desk", "Alias": "desk", "_param_Shared": true}});
    site.refused(shared, Status::Unknown, "ambiguous", "after-check", "connection").await;
    assert_eq!(creations(&site), 1);
    site.end().await;
}

#[tokio::test]
async fn enabling_takes_the_mailbox_that_a_licence_made() {
    let site = Site::with(SimOptions::default().mailboxes(3), |settings| {
        settings.replace("create_method = \"New\"", "create_method = \"Enable\"")
    })
    .await;
    let recipients = site.simulator.recipients();
    let without =
        recipients.iter().find(|one| one.kind == RecipientKind::User).expect("there is one");
    let create = |name: &str| json!({"operation": "create", "identity": name, "attributes": {"CustomAttribute2": "y"}});
    let licence = "has no mailbox yet: give the user a licence";
    let line = create(&without.user_principal_name);
    site.refused(line, Status::Failed, "transient", "later", licence).await;
    site.refused(create("nobody@contoso.com"), Status::Failed, "not-found", "never", "nobody")
        .await;
    let with = recipients.iter().find(|one| View::Mailbox.shows(one.kind)).expect("there is one");
    let outcome = site.export(&[create(&with.user_principal_name)]).await.remove(0);
    assert_eq!((outcome.status, outcome.id), (Status::Applied, Some(with.guid.to_string())));
    assert!(site.simulator.calls().iter().all(|call| call.cmdlet != "Enable-Mailbox"));
    site.end().await;
}

#[tokio::test]
async fn what_is_synchronised_is_not_written() {
    let site = Site::with(SimOptions::default().mailboxes(3), |settings| {
        format!("{settings}[export]\ndeprovision = \"remove\"\nmax_deletes = 5\n")
    })
    .await;
    let id = site.simulator.recipients()[0].guid;
    assert!(site.simulator.with_exchange(|exchange| exchange.synchronise(id)));
    let update = |name: &str, value: Value| json!({"operation": "update", "id": id.to_string(), "attributes": {name: value}});
    for line in [
        update("EmailAddresses", json!(["new.name@contoso.com"])),
        update("CustomAttribute1", json!("never before")),
        update("Department", json!("never before")),
        json!({"operation": "delete", "id": id.to_string()}),
    ] {
        site.refused(line, Status::Refused, "would-be-undone", "never", "IsDirSynced").await;
    }
    let outcome = site
        .export(&[update("AuditEnabled", json!(true)), update("AuditEnabled", json!(false))])
        .await;
    assert!(outcome.iter().any(|one| one.status == Status::Applied), "{outcome:?}");
    site.end().await;
}

#[tokio::test]
async fn a_plan_names_the_services_own_parameters() {
    let site = Site::start(SimOptions::default().mailboxes(3)).await;
    let plan: Vec<_> = site.connector.plan(operations(&[ann()])).collect().await;
    let cmdlets = plan[0].cmdlets.clone().unwrap_or_else(|| panic!("{plan:?}"));
    let first = "New-Mailbox -Name 'Ann Example' -MicrosoftOnlineServicesID 'ann.example@contoso.com' -Password <redacted> -Confirm:$false";
    assert_eq!(cmdlets[0], first);
    assert!(
        cmdlets
            .iter()
            .all(|cmdlet| !cmdlet.contains("Policy") && !cmdlet.contains("DomainController"))
    );
    let reads = |cmdlet: &str| cmdlet.starts_with("Get-") || cmdlet == "Select-Object";
    let calls = site.simulator.calls();
    assert!(!calls.is_empty() && calls.iter().all(|call| reads(call.cmdlet)), "{calls:?}");
    site.end().await;
}

/// What is logged, kept in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics while logging").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn nothing_secret_is_logged_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // For all threads: what other tests log meanwhile must not have the words either.
    tracing::subscriber::set_global_default(subscriber).expect("no other test sets one");
    let fault = "http=401@Set-Mailbox:1".parse().expect("a fault");
    let site = Site::start(SimOptions::default().mailboxes(3).fault(fault)).await;
    assert_eq!(site.export(&[ann()]).await[0].status, Status::Applied);
    site.import_all().await;
    site.end().await;

    // And as an application with a certificate, whose key is locked.
    let thumbprint = THUMBPRINT.parse().expect("it is one");
    let password = "hunter2".into();
    let certificate =
        ClientCertificate::from_file(&data("modern.pfx"), thumbprint, Some(&password));
    let der = certificate.expect("it is there").der().to_vec();
    let options = SimOptions::default().mailboxes(3).infrastructure(Infrastructure::Cloud);
    let simulator =
        Simulator::start(options.application_certificate(der)).await.expect("a port is free");
    let settings = simulator.settings_toml_certificate(&data("modern.pfx"), THUMBPRINT);
    let settings = settings.replace("[cloud]", "[cloud]\ncertificate_password = \"hunter2\"");
    let secret = simulator.application_secret().to_owned();
    let site = Site { connector: open(&settings).await, simulator };
    site.import_all().await;
    let text = String::from_utf8(log.0.lock().expect("nobody panics while logging").clone());
    let text = text.expect("logs are text");
    assert!(text.contains("signed in to Exchange Online"), "{text}");
    // Tokens of the simulator begin as "e30." does, and assertions as all JSON in base64.
    for word in [&secret, "Str0ng-enough!", "hunter2", "e30.", "eyJ", "client_", "Bearer "] {
        assert!(!text.contains(word), "{word} stands in {text}");
    }
    site.end().await;
}
