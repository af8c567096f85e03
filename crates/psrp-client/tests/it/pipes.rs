//! What is promised of pipes and of children.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use psrp_client::psrp::clixml::Value;
use psrp_client::psrp::host::{HostAnswer, HostCall};
use psrp_client::psrp::{self, Command, PowerShell};
use psrp_client::{Error, Host, PipeError, PipeOptions, PoolOptions, Record, RunspacePool};
use secrecy::SecretString;

use crate::engine::{output, records};
use crate::pipe_server::{Manners, PipeServer, Seen};

async fn open_with(
    manners: Manners,
    options: PoolOptions,
) -> (Result<RunspacePool, Error>, Arc<Mutex<Seen>>) {
    let (reader, writer, seen) = PipeServer::start(manners);
    (RunspacePool::open_pipes(reader, writer, options).await, seen)
}

async fn open() -> (RunspacePool, Arc<Mutex<Seen>>) {
    let (pool, seen) = open_with(Manners::default(), PoolOptions::default()).await;
    (pool.unwrap(), seen)
}

fn command(name: &str) -> PowerShell {
    PowerShell::new().command(Command::new(name))
}

fn count(last: i32) -> PowerShell {
    PowerShell::new().command(Command::new("Count").parameter("To", last))
}

fn numbers(last: i32) -> Vec<Value> {
    (1..=last).map(Value::from).collect()
}

/// Closes the pool and tells what the server saw; it must have nothing to complain of.
async fn close(pool: RunspacePool, seen: &Mutex<Seen>) -> Vec<&'static str> {
    pool.close().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen.breaches, [""; 0]);
    assert!(seen.ended, "the pipe is still open");
    seen.packets.clone()
}

#[tokio::test(start_paused = true)]
async fn the_rules_of_the_framing_are_kept() {
    let (pool, seen) = open().await;
    let (one, two) = (pool.invoke(count(30)).await.unwrap(), pool.invoke(count(20)).await.unwrap());
    let (two, one) = tokio::join!(output(two), output(one));
    assert_eq!((one.unwrap(), two.unwrap()), (numbers(30), numbers(20)));
    drop(pool.invoke(command("Hang")).await.unwrap());
    let _running = pool.invoke(command("Hang")).await.unwrap();
    assert_eq!(pool.available_runspaces().await.unwrap(), 0);
    let packets = close(pool, &seen).await;
    let times = |kind| packets.iter().filter(|packet| **packet == kind).count();
    assert_eq!((times("Command"), times("Signal"), times("Close")), (4, 1, 5));
}

#[tokio::test(start_paused = true)]
async fn input_is_sent_piece_by_piece() {
    let (pool, seen) = open().await;
    let items = futures_util::stream::iter(numbers(200));
    let invocation = pool.invoke_with_input(command("Repeat"), items).await.unwrap();
    assert_eq!(output(invocation).await.unwrap(), numbers(200));
    close(pool, &seen).await;
}

#[tokio::test]
async fn secrets_go_both_ways() {
    let (pool, seen) = open().await;
    let echo = Command::new("Echo").secret("Text", SecretString::from("P@ss"));
    let values = output(pool.invoke(PowerShell::new().command(echo)).await.unwrap()).await.unwrap();
    assert_eq!(values, [Value::from("P@ss")]);
    assert!(matches!(pool.decrypt(b"no cipher text").await, Err(Error::Secret(_))));
    close(pool, &seen).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_slows_the_server_down_until_somebody_else_waits() {
    let options = PoolOptions::default().pipes(PipeOptions::default().buffered_bytes(20_000));
    let options = options.protocol(psrp::PoolOptions::default().max_runspaces(2));
    let (pool, seen) = open_with(Manners::default(), options).await;
    let pool = pool.unwrap();
    let slow = pool.invoke(count(20_000)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let written = seen.lock().unwrap().written;
    assert!(written < 500_000, "{written} bytes without a reader");
    assert_eq!(output(pool.invoke(count(3)).await.unwrap()).await.unwrap(), numbers(3));
    assert_eq!(output(slow).await.unwrap().len(), 20_000);
    close(pool, &seen).await;
}

#[tokio::test(start_paused = true)]
async fn a_greeting_is_left_out_and_a_damaged_packet_is_not() {
    let greeting = Some("Welcome to ex01".to_owned());
    let (pool, seen) =
        open_with(Manners { greeting, ..Manners::default() }, PoolOptions::default()).await;
    let pool = pool.unwrap();
    assert_eq!(output(pool.invoke(count(1)).await.unwrap()).await.unwrap(), numbers(1));
    close(pool, &seen).await;

    for (line, options) in [
        ("<Data Stream='Default' PSGuid='00'>AA</Data>".to_owned(), PoolOptions::default()),
        ("x".repeat(30_000), PoolOptions::default().pipes(PipeOptions::default().max_line(20_000))),
        (String::new(), PoolOptions::default()),
    ] {
        let manners = Manners { last_line: Some(line), ..Manners::default() };
        let (pool, _) = open_with(manners, options).await;
        let pool = pool.unwrap();
        let error = output(pool.invoke(count(1)).await.unwrap()).await.unwrap_err();
        assert!(error.outcome_unknown(), "{error:?}");
        assert!(
            matches!(
                error,
                Error::Pipes {
                    source: PipeError::Packet(_)
                        | PipeError::LineTooLong { .. }
                        | PipeError::Ended { .. },
                    ..
                } | Error::Lost { .. }
            ),
            "{error:?}"
        );
        let error = output_of(&pool).await.unwrap_err();
        assert!(
            matches!(error, Error::State(_) | Error::Pipes { started: false, .. }),
            "{error:?}"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!pool.is_open());
        pool.close().await;
    }
}

async fn output_of(pool: &RunspacePool) -> Result<Vec<Value>, Error> {
    output(pool.invoke(count(1)).await?).await
}

#[tokio::test(start_paused = true)]
async fn a_server_that_acknowledges_nothing_is_given_up() {
    let manners = Manners { ignored: Some("Command"), ..Manners::default() };
    let (pool, _) = open_with(manners, PoolOptions::default()).await;
    let pool = pool.unwrap();
    let error = output_of(&pool).await.unwrap_err();
    assert_eq!(error.to_string(), "Count could not be started");
    assert!(!error.outcome_unknown());
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "the server acknowledged nothing for 60 s");
    pool.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_does_not_open() {
    let (reader, _their_output) = tokio::io::duplex(100);
    let (_their_input, writer) = tokio::io::duplex(100_000);
    let began = tokio::time::Instant::now();
    let error = RunspacePool::open_pipes(reader, writer, PoolOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::Stalled { .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(300));
}

/// Answers every call with its number, or never.
#[derive(Clone, Default)]
struct Counter(Arc<Mutex<i32>>);

impl Host for Counter {
    fn call<'a>(
        &'a self,
        _: &'a HostCall,
    ) -> Pin<Box<dyn Future<Output = HostAnswer> + Send + 'a>> {
        Box::pin(async {
            let number = {
                let mut number = self.0.lock().unwrap();
                *number += 1;
                *number
            };
            match number {
                2 => std::future::pending().await,
                number => number.into(),
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_answers_and_its_question_ends_with_the_pipeline() {
    let options = PoolOptions::default().host(Counter::default());
    let (pool, seen) = open_with(Manners::default(), options).await;
    let pool = pool.unwrap();
    assert_eq!(output(pool.invoke(command("Ask")).await.unwrap()).await.unwrap(), numbers(1));
    let mut unanswered = pool.invoke(command("Ask")).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(5), unanswered.next()).await.is_err());
    unanswered.stop();
    assert!(matches!(unanswered.next().await, Some(Err(Error::Stopped { .. }))));
    let third = output(pool.invoke(command("Ask")).await.unwrap()).await.unwrap();
    assert_eq!(third, [Value::from(3)]);
    close(pool, &seen).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_host_a_question_is_refused() {
    let (pool, seen) = open().await;
    let answers = records(pool.invoke(command("Ask")).await.unwrap()).await.unwrap();
    let [Record::Error(record)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(record.fully_qualified_error_id, "HostMethodNotImplemented");
    close(pool, &seen).await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let command = std::process::Command::new("no-such-program-anywhere");
    let error = RunspacePool::open_child(command, PoolOptions::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "the session could not be opened");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "no-such-program-anywhere could not be started");
}

#[cfg(unix)]
#[tokio::test]
async fn a_child_that_ends_leaves_its_last_words() {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "echo 'no licence' >&2; exit 3"]);
    let error = RunspacePool::open_child(command, PoolOptions::default()).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "the server ended (exit status: 3): no licence");
}

#[cfg(unix)]
#[tokio::test]
async fn a_child_that_does_not_end_is_killed() {
    let options = PoolOptions::default()
        .open_timeout(Duration::from_millis(200))
        .control_timeout(Duration::from_secs(2));
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' TERM; exec sleep 1000"]);
    let opening = RunspacePool::open_child(command, options);
    let result = tokio::time::timeout(Duration::from_secs(20), opening).await.unwrap();
    assert!(matches!(result, Err(Error::Stalled { .. })), "{result:?}");
}
