//! This workspace's own client against the simulator: that both fit together, not that either is right.

use std::sync::Arc;
use std::time::Duration;

use exchange_sim::{SimOptions, Simulator};
use psrp_client::psrp::{Command, PowerShell};
use psrp_client::wsman::client::{ClientOptions, Credentials, HttpClient, ShellOptions};
use psrp_client::{Error, PoolOptions, Record, RunspacePool};
use secrecy::SecretString;

const LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Outcome {
    output: Vec<clixml::Value>,
    errors: Vec<psrp::ErrorRecord>,
    warnings: Vec<String>,
    failure: Option<Error>,
}

async fn open(simulator: &Simulator, credentials: Credentials) -> Result<RunspacePool, Error> {
    let options = ClientOptions::new(simulator.url(), credentials).allow_unencrypted(true);
    let http = Arc::new(HttpClient::new(options).unwrap());
    let shell = ShellOptions::new(&simulator.url());
    tokio::time::timeout(LIMIT, RunspacePool::open(http, shell, PoolOptions::default()))
        .await
        .unwrap()
}

async fn pool(simulator: &Simulator) -> RunspacePool {
    open(simulator, Credentials::negotiate(simulator.user(), simulator.password())).await.unwrap()
}

async fn run(pool: &RunspacePool, powershell: PowerShell) -> Outcome {
    tokio::time::timeout(LIMIT, async {
        let mut outcome = Outcome::default();
        let mut invocation = pool.invoke(powershell).await.unwrap();
        while let Some(record) = invocation.next().await {
            match record {
                Ok(Record::Output(value)) => outcome.output.push(value),
                Ok(Record::Error(error)) => outcome.errors.push(*error),
                Ok(Record::Warning(text)) => outcome.warnings.push(text),
                Ok(_) => {}
                Err(error) => outcome.failure = Some(error),
            }
        }
        outcome
    })
    .await
    .unwrap()
}

fn get(command: &str) -> PowerShell {
    PowerShell::new().command(Command::new(command).parameter("ResultSize", "Unlimited"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_organisation_is_read_over_sealed_ntlm() {
    let simulator = Simulator::start(SimOptions::default().mailboxes(300)).await.unwrap();
    let pool = pool(&simulator).await;
    assert_eq!(simulator.open_shells(), 1);
    let outcome = run(&pool, get("Get-Mailbox")).await;
    assert!(
        outcome.failure.is_none() && outcome.errors.is_empty(),
        "{:?} {:?}",
        outcome.failure,
        outcome.errors
    );
    assert_eq!(outcome.output.len(), 300);
    let expected: Vec<uuid::Uuid> =
        simulator.recipients().iter().take(300).map(|recipient| recipient.guid).collect();
    let got: Vec<uuid::Uuid> = outcome
        .output
        .iter()
        .filter_map(|value| value.property("Guid").and_then(clixml::Value::as_guid))
        .collect();
    assert_eq!(got, expected);
    for (value, recipient) in outcome.output.iter().zip(simulator.recipients()) {
        assert_eq!(
            value.property("DisplayName").and_then(clixml::Value::as_str),
            Some(recipient.display_name.as_str())
        );
        let addresses = value.property("EmailAddresses").and_then(clixml::Value::items).unwrap();
        assert!(
            addresses
                .iter()
                .filter_map(clixml::Value::as_str)
                .eq(recipient.email_addresses.iter().map(String::as_str))
        );
    }
    pool.close().await;
    assert_eq!(simulator.open_shells(), 0);
    simulator.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_cutting_of_the_stream_is_read() {
    for options in [
        SimOptions::default().fragment_size(60),
        SimOptions::default().blob_size(977),
        SimOptions::default().fragment_size(5_000).blob_size(100_000),
    ] {
        let simulator = Simulator::start(options.mailboxes(3)).await.unwrap();
        let pool = pool(&simulator).await;
        assert_eq!(run(&pool, get("Get-Mailbox")).await.output.len(), 3);
        pool.close().await;
        simulator.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_is_made_with_a_secret_password() {
    let simulator = Simulator::start(SimOptions::default().mailboxes(2)).await.unwrap();
    let pool = pool(&simulator).await;
    let new = Command::new("New-Mailbox")
        .parameter("Name", "Zoë Example")
        .parameter("UserPrincipalName", "zoe@contoso.com")
        .secret("Password", SecretString::from("Geheim-äöü-😀1"));
    let outcome = run(&pool, PowerShell::new().command(new)).await;
    assert!(
        outcome.failure.is_none() && outcome.errors.is_empty(),
        "{:?} {:?}",
        outcome.failure,
        outcome.errors
    );
    let made =
        simulator.recipients().into_iter().find(|recipient| recipient.alias == "zoe").unwrap();
    assert!(made.has_password("Geheim-äöü-😀1"));
    assert_eq!(
        outcome.output[0].property("Guid").and_then(clixml::Value::as_guid),
        Some(made.guid)
    );
    pool.close().await;
    simulator.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_and_failures_arrive_as_records() {
    let simulator = Simulator::start(SimOptions::default().mailboxes(2)).await.unwrap();
    let pool = pool(&simulator).await;
    let outcome = run(
        &pool,
        PowerShell::new().command(Command::new("Get-Mailbox").parameter("Identity", "nobody")),
    )
    .await;
    assert!(outcome.failure.is_none());
    assert_eq!(outcome.errors[0].reason, "ManagementObjectNotFoundException");
    let outcome = run(
        &pool,
        PowerShell::new().command(Command::new("Get-Mailbox").parameter("Colour", "red")),
    )
    .await;
    let Some(Error::Failed { record, .. }) = outcome.failure else {
        panic!("{:?}", outcome.failure)
    };
    assert_eq!(record.fully_qualified_error_id, "NamedParameterNotFound,Get-Mailbox");
    let outcome =
        run(&pool, PowerShell::new().command(Command::script("Get-Mailbox | Out-Null"))).await;
    assert!(matches!(outcome.failure, Some(Error::Failed { .. })), "{:?}", outcome.failure);
    let identity = simulator.recipients()[0].guid;
    let remove =
        PowerShell::new().command(Command::new("Remove-Mailbox").parameter("Identity", identity));
    assert!(matches!(run(&pool, remove).await.failure, Some(Error::Failed { .. })));
    assert_eq!(simulator.recipients().len(), 22);
    pool.close().await;
    simulator.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn basic_in_clear_needs_the_option() {
    let simulator =
        Simulator::start(SimOptions::default().mailboxes(2).allow_unencrypted(true)).await.unwrap();
    let pool =
        open(&simulator, Credentials::basic(simulator.user(), simulator.password())).await.unwrap();
    assert_eq!(run(&pool, get("Get-Mailbox")).await.output.len(), 2);
    pool.close().await;
    assert!(open(&simulator, Credentials::basic(simulator.user(), "wrong")).await.is_err());
    simulator.close().await;
    let simulator = Simulator::start(SimOptions::default().mailboxes(2)).await.unwrap();
    assert!(
        open(&simulator, Credentials::basic(simulator.user(), simulator.password())).await.is_err()
    );
    assert!(open(&simulator, Credentials::negotiate(simulator.user(), "wrong")).await.is_err());
    assert_eq!(simulator.open_shells(), 0);
    simulator.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shells_are_counted_and_vanish() {
    let simulator = Simulator::start(
        SimOptions::default().mailboxes(2).max_shells(2).fault("expire@Command:2".parse().unwrap()),
    )
    .await
    .unwrap();
    let first = pool(&simulator).await;
    let second = pool(&simulator).await;
    let error = open(&simulator, Credentials::negotiate(simulator.user(), simulator.password()))
        .await
        .unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("2150859173"), "{text}");
    second.close().await;
    assert_eq!(simulator.open_shells(), 1);
    assert_eq!(run(&first, get("Get-Mailbox")).await.output.len(), 2);
    let outcome = run(&first, get("Get-Mailbox")).await;
    assert!(outcome.failure.is_some());
    assert_eq!(simulator.open_shells(), 0);
    first.close().await;
    simulator.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_nobody_takes_stands_still() {
    let simulator = Simulator::start(SimOptions::default().mailboxes(2_000)).await.unwrap();
    let pool = pool(&simulator).await;
    let mut invocation = pool.invoke(get("Get-Mailbox")).await.unwrap();
    for _ in 0..3 {
        assert!(matches!(invocation.next().await, Some(Ok(Record::Output(_)))));
    }
    // Dropping it stops the pipeline, and the runspace is free for the next.
    drop(invocation);
    let outcome =
        run(&pool, PowerShell::new().command(Command::new("Get-OrganizationConfig"))).await;
    assert_eq!((outcome.output.len(), outcome.failure.is_none()), (1, true));
    pool.close().await;
    simulator.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_strike_what_they_name() {
    let faults = ["fault=2150858793@Receive:2", "slow=0.05@Receive:3", "http=503@Command:2"];
    let options = faults.into_iter().fold(SimOptions::default().mailboxes(2), |options, fault| {
        options.fault(fault.parse().unwrap())
    });
    let simulator = Simulator::start(options).await.unwrap();
    let pool = pool(&simulator).await;
    // A timed-out Receive is no failure, so the first command does not notice.
    assert_eq!(run(&pool, get("Get-Mailbox")).await.output.len(), 2);
    let failed = pool.invoke(get("Get-Mailbox")).await;
    let failed = match failed {
        Ok(mut invocation) => invocation.next().await.is_some_and(|record| record.is_err()),
        Err(_) => true,
    };
    assert!(failed);
    pool.close().await;
    simulator.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelines_of_one_session_wait_in_line() {
    let simulator = Simulator::start(SimOptions::default().mailboxes(150)).await.unwrap();
    let pool = pool(&simulator).await;
    let outcomes = tokio::join!(
        run(&pool, get("Get-Mailbox")),
        run(&pool, get("Get-User")),
        run(&pool, PowerShell::new().command(Command::new("Get-AcceptedDomain")))
    );
    assert_eq!(
        (outcomes.0.output.len(), outcomes.1.output.len(), outcomes.2.output.len()),
        (150, 170, 3)
    );
    pool.close().await;
    simulator.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_trims_and_the_values_become_objects() {
    let simulator = Simulator::start(SimOptions::default().mailboxes(5)).await.unwrap();
    let pool = pool(&simulator).await;
    let names = ["Guid", "RecipientTypeDetails", "EmailAddresses", "ProhibitSendQuota", "Nothing"];
    let names = names.iter().map(|name| clixml::Value::from(*name)).collect();
    let select = Command::new("Select-Object").parameter(
        "Property",
        clixml::Value::list(["System.Object[]", "System.Array", "System.Object"], names),
    );
    let outcome = run(&pool, get("Get-Mailbox").command(select)).await;
    assert_eq!(outcome.output.len(), 5);
    let first = &outcome.output[0];
    let object = first.as_object().unwrap();
    assert_eq!(
        (object.extended.len(), object.adapted.len(), object.to_string.is_none()),
        (5, 0, true)
    );
    assert_eq!(
        object.type_names.first(),
        Some("Selected.Microsoft.Exchange.Data.Directory.Management.Mailbox")
    );
    assert_eq!(
        first.property("RecipientTypeDetails").and_then(clixml::Value::enum_number),
        Some(1)
    );
    assert!(first.property("Nothing").unwrap().is_nil());
    let address = &first.property("EmailAddresses").and_then(clixml::Value::items).unwrap()[0];
    assert_eq!(
        address.text().as_deref(),
        Some(simulator.recipients()[0].email_addresses[0].as_str())
    );
    assert!(address.property("AddressString").is_some());
    pool.close().await;
    simulator.close().await;
}
