//! What was recorded of one server is asked again of the recording.

use std::sync::Arc;

use psrp_client::psrp::{Command, PowerShell};
use psrp_client::recording::{Replay, list_messages};
use psrp_client::wsman::client::{Error as HttpError, Exchange, Recorder, ShellOptions};
use psrp_client::wsman::recording::{Difference, Order, Recording};
use psrp_client::{Error, PoolOptions, RunspacePool, Seed};
use secrecy::SecretString;

use crate::pool::{command, count, numbers, shell};
use crate::server::{Habits, Line, Server};

/// Sends a password, reads numbers, and closes.
async fn scenario(
    exchange: Arc<dyn Exchange>,
    shell: ShellOptions,
    options: PoolOptions,
    last: i32,
) -> Result<Vec<i64>, Error> {
    let pool = RunspacePool::open(exchange, shell, options).await?;
    let secret = Command::new("Echo").secret("Text", SecretString::from("Pa55-wörd!"));
    let mut echoed = pool.invoke(PowerShell::new().command(secret)).await?;
    while let Some(record) = echoed.next().await {
        record?;
    }
    let counted = numbers(pool.invoke(count(last)).await?).await?;
    let unknown = numbers(pool.invoke(command("Get-Nothing")).await?).await;
    assert!(matches!(unknown, Err(Error::Failed { .. })), "{unknown:?}");
    pool.close().await;
    Ok(counted)
}

async fn recorded() -> (Recording, Arc<Seed>) {
    let server = Server::new(Habits::default());
    let recorder = Arc::new(Recorder::new(Line(server)));
    let seed = Arc::new(Seed::danger_predictable(7));
    let options = PoolOptions::default().danger_seed(Arc::clone(&seed));
    let shell = shell().ids(Arc::clone(&seed) as _);
    let counted = scenario(recorder.clone(), shell, options, 20).await.unwrap();
    assert_eq!(counted.len(), 20);
    (recorder.recording(), seed)
}

fn replay(recording: Recording, seed: &Seed) -> Replay {
    let key = seed.key().expect("a password was sent");
    Replay::new(recording, seed.number(), Some(&key), Order::Strict).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_session_with_a_password_replays() {
    let (recording, seed) = recorded().await;
    for replay in [replay(recording.clone(), &seed), replay(recording.clone(), &seed).as_recorded()]
    {
        let counted =
            scenario(replay.transport(), replay.shell(), replay.pool(), 20).await.unwrap();
        assert_eq!(counted, (1..=20).collect::<Vec<_>>());
        replay.finish().unwrap();
        assert_eq!(replay.seed().issued(), seed.issued());
    }
}

#[tokio::test(start_paused = true)]
async fn another_request_is_shown_where_it_differs() {
    let (recording, seed) = recorded().await;
    let replay = replay(recording, &seed);
    let error = scenario(replay.transport(), replay.shell(), replay.pool(), 21).await.unwrap_err();
    let Some(HttpError::Replay(difference)) = error.transport() else { panic!("{error:?}") };
    assert_eq!(replay.finish().unwrap_err(), **difference);
    let told = difference.to_string();
    let told: String = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("- says Count -To 20 + says Count -To 21"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_early_leaves_answers_unused() {
    let (recording, seed) = recorded().await;
    let replay = replay(recording, &seed);
    let pool = RunspacePool::open(replay.transport(), replay.shell(), replay.pool()).await.unwrap();
    drop(pool);
    let Err(Difference::Missing { numbers, .. }) = replay.finish() else { panic!() };
    assert!(numbers.len() > 4, "{numbers:?}");
}

#[tokio::test(start_paused = true)]
async fn messages_are_listed_without_the_password() {
    let (recording, _) = recorded().await;
    let listed = list_messages(&recording);
    for part in [
        "-> Create",
        "-> INIT_RUNSPACEPOOL",
        "-> CREATE_PIPELINE",
        "Count -To 20",
        "Echo -Text <redacted>",
        "<- PIPELINE_STATE",
        "-> Delete",
    ] {
        assert!(listed.contains(part), "{part} in {listed}");
    }
    // The server of this test says the password back, in clear.
    let sent = listed.lines().filter(|line| line.contains("->"));
    assert!(!sent.collect::<String>().contains("Pa55"), "{listed}");
    assert!(listed.lines().all(|line| line.contains("->") || line.len() < 260), "{listed}");
}

/// Runs two commands that have nothing to do with each other, one of them first.
async fn two_commands(
    exchange: Arc<dyn Exchange>,
    shell: ShellOptions,
    options: PoolOptions,
    counts_first: bool,
) -> Result<(), Error> {
    let pool = RunspacePool::open(exchange, shell, options).await?;
    for counts in [counts_first, !counts_first] {
        match counts {
            true => assert_eq!(numbers(pool.invoke(count(3)).await?).await?, [1, 2, 3]),
            false => match numbers(pool.invoke(command("Get-Nothing")).await?).await {
                Err(Error::Failed { .. }) => {}
                other => other.map(drop)?,
            },
        }
    }
    pool.close().await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn independent_commands_change_places_where_that_is_allowed() {
    let recorder = Arc::new(Recorder::new(Line(Server::new(Habits::default()))));
    let seed = Arc::new(Seed::danger_predictable(7));
    let options = PoolOptions::default().danger_seed(Arc::clone(&seed));
    let shell = shell().ids(Arc::clone(&seed) as _);
    two_commands(recorder.clone(), shell, options, true).await.unwrap();
    for (order, may) in [(Order::Lenient, true), (Order::Strict, false)] {
        let replay = Replay::new(recorder.recording(), 7, None, order).unwrap();
        let done = two_commands(replay.transport(), replay.shell(), replay.pool(), false).await;
        assert_eq!((done.is_ok(), replay.finish().is_ok()), (may, may), "{done:?}");
    }
}
