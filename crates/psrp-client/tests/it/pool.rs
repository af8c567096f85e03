//! What is promised of pools and pipelines.

use std::sync::Arc;
use std::time::Duration;

use psrp_client::psrp::clixml::Value;
use psrp_client::psrp::{Command, PowerShell};
use psrp_client::wsman::client::ShellOptions;
use psrp_client::{Error, Invocation, PoolOptions, Record, RunspacePool};
use secrecy::SecretString;
use tokio::time::Instant;

use crate::server::{Habits, Line, Server};

pub(crate) async fn open(server: &Arc<Server>) -> RunspacePool {
    let options = PoolOptions::default().stall_timeout(Duration::from_secs(600));
    RunspacePool::open(Arc::new(Line(Arc::clone(server))), shell(), options).await.unwrap()
}

pub(crate) fn shell() -> ShellOptions {
    ShellOptions::new("http://ex01.contoso.com/PowerShell/")
}

pub(crate) fn command(name: &str) -> PowerShell {
    PowerShell::new().command(Command::new(name))
}

pub(crate) fn count(last: i32) -> PowerShell {
    PowerShell::new().command(Command::new("Count").parameter("To", last))
}

pub(crate) async fn numbers(mut invocation: Invocation) -> Result<Vec<i64>, Error> {
    let mut numbers = Vec::new();
    while let Some(record) = invocation.next().await {
        match record? {
            Record::Output(value) => numbers.push(value.as_i64().unwrap()),
            other => panic!("{other:?}"),
        }
    }
    Ok(numbers)
}

/// A record that is a number.
pub(crate) fn number(record: Option<Result<Record, Error>>) -> i64 {
    match record {
        Some(Ok(Record::Output(value))) => value.as_i64().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn output_comes_in_order_and_the_shell_is_deleted() {
    let server = Server::new(Habits::default());
    let pool = open(&server).await;
    assert_eq!(
        numbers(pool.invoke(count(500)).await.unwrap()).await.unwrap(),
        (1..=500).collect::<Vec<_>>()
    );
    assert_eq!(numbers(pool.invoke(count(3)).await.unwrap()).await.unwrap(), [1, 2, 3]);
    pool.close().await;
    assert_eq!((server.count("Terminate"), server.count("Delete")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn output_may_be_cut_anywhere_across_answers() {
    for slice in [1, 7, 61, 300] {
        let server = Server::new(Habits { slice, ..Habits::default() });
        let pool = open(&server).await;
        assert_eq!(
            numbers(pool.invoke(count(20)).await.unwrap()).await.unwrap(),
            (1..=20).collect::<Vec<_>>()
        );
        pool.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn pipelines_may_be_read_side_by_side() {
    let server = Server::new(Habits { slice: 100, ..Habits::default() });
    let pool = open(&server).await;
    let (first, second) =
        (pool.invoke(count(40)).await.unwrap(), pool.invoke(count(30)).await.unwrap());
    let (second, first) = tokio::join!(numbers(second), numbers(first));
    assert_eq!((first.unwrap().len(), second.unwrap().len()), (40, 30));
    pool.close().await;
}

#[tokio::test(start_paused = true)]
async fn errors_and_warnings_do_not_end_a_pipeline() {
    let server = Server::new(Habits::default());
    let pool = open(&server).await;
    let mut invocation = pool.invoke(command("Complain")).await.unwrap();
    assert!(
        matches!(invocation.next().await, Some(Ok(Record::Warning(text))) if text == "look out")
    );
    let Some(Ok(Record::Error(record))) = invocation.next().await else {
        panic!("no error record")
    };
    assert_eq!(record.fully_qualified_error_id, "OneWrong");
    assert!(invocation.next().await.is_none());
    pool.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_only_ever_complains_is_given_up() {
    let server = Server::new(Habits::default());
    let options = PoolOptions::default().max_records_without_output(1);
    let line = Arc::new(Line(Arc::clone(&server)));
    let pool = RunspacePool::open(line, shell(), options).await.unwrap();
    let mut invocation = pool.invoke(command("Complain")).await.unwrap();
    assert!(matches!(invocation.next().await, Some(Ok(Record::Warning(_)))));
    let error = invocation.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Flooded { limit: 1, .. }) && error.outcome_unknown());
    assert!(invocation.next().await.is_none());
    assert_eq!(numbers(pool.invoke(count(500)).await.unwrap()).await.unwrap().len(), 500);
    pool.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_pipeline_says_why_and_the_pool_goes_on() {
    let server = Server::new(Habits::default());
    let pool = open(&server).await;
    let error = numbers(pool.invoke(command("Get-Nothing")).await.unwrap()).await.unwrap_err();
    assert!(!error.outcome_unknown());
    assert_eq!(error.error_record().unwrap().fully_qualified_error_id, "CommandNotFoundException");
    assert_eq!(error.to_string(), "Get-Nothing failed: The term 'Get-Nothing' is not recognized");
    assert_eq!(numbers(pool.invoke(count(2)).await.unwrap()).await.unwrap(), [1, 2]);
    pool.close().await;
    assert_eq!(server.count("Terminate"), 2);
}

#[tokio::test]
async fn a_secret_arrives_after_the_keys_were_exchanged() {
    let server = Server::new(Habits::default());
    let pool = open(&server).await;
    let echo = Command::new("Echo").secret("Text", "P@ss wörd".to_owned().into());
    let mut invocation = pool.invoke(PowerShell::new().command(echo)).await.unwrap();
    assert!(
        matches!(invocation.next().await, Some(Ok(Record::Output(Value::String(text)))) if text == "P@ss wörd")
    );
    pool.close().await;
    assert_eq!(server.count("Send"), 1, "one message with the public key");
}

#[tokio::test(start_paused = true)]
async fn a_silent_pipeline_is_given_up_and_stopped() {
    let server = Server::new(Habits::default());
    let pool = open(&server).await;
    let error = numbers(pool.invoke(command("Hang")).await.unwrap()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "nothing came for 600 s while waiting for a row, record or state of Hang"
    );
    assert!(error.outcome_unknown());
    assert_eq!(
        numbers(pool.invoke(count(1)).await.unwrap()).await.unwrap(),
        [1],
        "the runspace is free again"
    );
    pool.close().await;
    assert_eq!((server.count("Signal"), server.count("Terminate")), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn dropping_an_invocation_stops_its_pipeline() {
    let server = Server::new(Habits::default());
    let pool = open(&server).await;
    drop(pool.invoke(command("Hang")).await.unwrap());
    assert_eq!(numbers(pool.invoke(count(1)).await.unwrap()).await.unwrap(), [1]);
    pool.close().await;
    assert_eq!(server.count("Signal"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_slows_the_server_down() {
    let server = Server::new(Habits { slice: 200, ..Habits::default() });
    let pool = open(&server).await;
    let invocation = pool.invoke(count(2000)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let fetched = server.count("Receive of a command");
    assert!(fetched < 300, "{fetched} Receives without a reader");
    assert_eq!(numbers(invocation).await.unwrap().len(), 2000);
    pool.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_ends_the_pipeline_as_unknown() {
    let server = Server::new(Habits { slice: 300, lose_receive: Some(4), ..Habits::default() });
    let pool = open(&server).await;
    let error = numbers(pool.invoke(count(100)).await.unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::CutOff { .. }) && error.outcome_unknown(), "{error:?}");
    pool.close().await;
    assert_eq!(server.count("Delete"), 1);
}

#[tokio::test]
async fn a_lost_session_key_is_noticed_before_its_time_is_up() {
    let server = Server::new(Habits { lose_key: true, ..Habits::default() });
    let pool = open(&server).await;
    let echo = Command::new("Echo").secret("Text", SecretString::from("P@ss"));
    let began = std::time::Instant::now();
    let invocation = pool.invoke(PowerShell::new().command(echo)).await.unwrap();
    let error = numbers(invocation).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    // Nothing was sent, so it may be tried again, in a new session.
    assert!(!error.outcome_unknown() && !pool.is_open(), "{error:?}");
    pool.close().await;
    assert_eq!((server.count("Command"), server.count("Delete")), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn dropping_a_pool_deletes_its_shell() {
    let server = Server::new(Habits::default());
    drop(open(&server).await);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.count("Delete"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_opening_leaves_no_shell() {
    let server = Server::new(Habits { create_delay: Duration::from_secs(5), ..Habits::default() });
    let line = Arc::new(Line(Arc::clone(&server)));
    let opening = RunspacePool::open(line, shell(), PoolOptions::default());
    assert!(tokio::time::timeout(Duration::from_secs(1), opening).await.is_err());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!((server.count("Create"), server.count("Delete")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_shell_whose_creation_got_no_answer_is_deleted() {
    for habits in [
        Habits { lose_create: true, ..Habits::default() },
        Habits { create_delay: Duration::from_secs(500), ..Habits::default() },
        Habits { page_for_create: true, ..Habits::default() },
    ] {
        let server = Server::new(habits);
        let line = Arc::new(Line(Arc::clone(&server)));
        let error = RunspacePool::open(line, shell(), PoolOptions::default()).await.unwrap_err();
        assert!(matches!(error, Error::Transport { .. } | Error::Stalled { .. }), "{error:?}");
        assert_eq!((server.count("Create"), server.count("Delete")), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_breaks_as_soon_as_it_is_open_is_deleted() {
    let server = Server::new(Habits { break_at_once: true, ..Habits::default() });
    let line = Arc::new(Line(Arc::clone(&server)));
    let error = RunspacePool::open(line, shell(), PoolOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::Broken(_)), "{error:?}");
    assert_eq!((server.count("Create"), server.count("Delete")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_command_without_an_answer_does_not_keep_the_shell_from_being_deleted() {
    let server = Server::new(Habits { mute_command: true, ..Habits::default() });
    let pool = open(&server).await;
    let error = numbers(pool.invoke(count(1)).await.unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::Stalled { .. }) && error.outcome_unknown(), "{error:?}");
    let began = Instant::now();
    pool.close().await;
    assert_eq!(server.count("Delete"), 1);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn input_is_streamed() {
    let server = Server::new(Habits::default());
    let pool = open(&server).await;
    let items = futures_util::stream::iter((0..100).map(Value::from));
    let invocation = pool.invoke_with_input(command("Repeat"), items).await.unwrap();
    assert_eq!(numbers(invocation).await.unwrap(), (0..100).collect::<Vec<_>>());
    // Without any, the pipeline still ends.
    let invocation = pool.invoke(command("Repeat").with_input()).await.unwrap();
    assert_eq!(numbers(invocation).await.unwrap(), []);
    pool.close().await;
}

#[tokio::test(start_paused = true)]
async fn questions_about_runspaces_are_answered() {
    let server = Server::new(Habits::default());
    let pool = open(&server).await;
    assert_eq!(pool.available_runspaces().await.unwrap(), 1);
    assert!(pool.set_max_runspaces(4).await.unwrap());
    assert_eq!(pool.available_runspaces().await.unwrap(), 4);
    assert!(!pool.set_min_runspaces(9).await.unwrap());
    assert!(!pool.reset().await.unwrap());
    pool.close().await;
}
