//! Sessions that are left alone and taken up again: by the same client, or by another.

use std::path::PathBuf;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use psrp_client::psrp::{Command, PipelineId, PowerShell};
use psrp_client::wsman::client::{
    ClientOptions, Credentials, Exchange, HttpClient, ShellOptions, list_shells,
};
use psrp_client::wsman::{Disconnect, FaultCode};
use psrp_client::{Error, PoolOptions, Record, RunspacePool};

use crate::engine::{output, script, texts};
use crate::pool::{command, count, number, numbers, open, shell};
use crate::server::{Habits, Line, ONE_FRAGMENT, Server};

/// Many answers for each pipeline, so that one can leave between them.
fn slices() -> Arc<Server> {
    Server::new(Habits { slice: ONE_FRAGMENT, ..Habits::default() })
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_goes_on_after_the_session_was_left() {
    let server = slices();
    let pool = open(&server).await;
    let mut counting = pool.invoke(count(300)).await.unwrap();
    let mut seen = vec![number(counting.next().await)];
    pool.disconnect(Disconnect::default()).await.unwrap();
    assert!(!pool.is_open());
    assert!(matches!(pool.invoke(count(1)).await, Err(Error::State(_))));
    assert!(matches!(pool.disconnect(Disconnect::default()).await, Err(Error::State(_))));
    let receives = server.count("Receive") + server.count("Receive of a command");
    tokio::time::sleep(Duration::from_secs(300)).await;
    let later = server.count("Receive") + server.count("Receive of a command");
    assert!(later <= receives + 2, "nothing is asked for meanwhile");

    pool.reconnect().await.unwrap();
    seen.extend(numbers(counting).await.unwrap());
    assert_eq!(seen, (1..=300).collect::<Vec<_>>());
    assert_eq!(numbers(pool.invoke(count(3)).await.unwrap()).await.unwrap(), [1, 2, 3]);
    pool.close().await;
    assert_eq!(server.count("Delete"), 1);
    // The shell, and the pipeline that ran.
    assert_eq!((server.count("Disconnect"), server.count("Reconnect")), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_to_leave_changes_nothing() {
    let server = Server::new(Habits { refuse_disconnect: true, ..Habits::default() });
    let pool = open(&server).await;
    let error = pool.disconnect(Disconnect::default()).await.unwrap_err();
    let fault = error.transport().and_then(|error| error.fault()).unwrap();
    assert_eq!(fault.code, Some(FaultCode::ACCESS_DENIED));
    assert_eq!(error.to_string(), "the session could not be disconnected");
    assert_eq!(numbers(pool.invoke(count(2)).await.unwrap()).await.unwrap(), [1, 2]);
    pool.close().await;
}

#[tokio::test(start_paused = true)]
async fn coming_back_may_be_tried_again() {
    let server = Server::new(Habits { refuse_reconnect: 1, ..Habits::default() });
    let pool = open(&server).await;
    assert!(matches!(pool.reconnect().await, Err(Error::State(_))), "it is here already");
    pool.disconnect(Disconnect::default()).await.unwrap();
    assert!(matches!(pool.reconnect().await, Err(Error::Transport { .. })));
    pool.reconnect().await.unwrap();
    assert_eq!(numbers(pool.invoke(count(2)).await.unwrap()).await.unwrap(), [1, 2]);
    pool.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_went_meanwhile_stops_its_pipeline_afterwards() {
    let server = Server::new(Habits::default());
    let pool = open(&server).await;
    let endless = pool.invoke(command("Hang")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    pool.disconnect(Disconnect::default()).await.unwrap();
    drop(endless);
    assert_eq!(server.count("Signal"), 0);
    pool.reconnect().await.unwrap();
    assert_eq!(numbers(pool.invoke(count(1)).await.unwrap()).await.unwrap(), [1]);
    assert_eq!(server.count("Signal"), 1);
    pool.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_dropped_while_it_is_away_deletes_its_shell() {
    let server = Server::new(Habits::default());
    let pool = open(&server).await;
    pool.disconnect(Disconnect::default()).await.unwrap();
    drop(pool);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.count("Delete"), 1);
}

#[tokio::test(start_paused = true)]
async fn another_client_takes_over_the_session_and_its_pipelines() {
    let server = slices();
    let pool = open(&server).await;
    let id = pool.id();
    assert!(matches!(connect(&server, &pool).await, Err(Error::Transport { .. })), "it is in use");
    let mut counting = pool.invoke(count(300)).await.unwrap();
    let pipeline = counting.id();
    assert_eq!(number(counting.next().await), 1);
    pool.disconnect(Disconnect::default()).await.unwrap();

    let other = connect(&server, &pool).await.unwrap();
    pool.leave().unwrap();
    assert!(matches!(counting.next().await, Some(Ok(Record::Output(_)))), "what had come is there");
    drop(counting);
    assert_eq!(other.id(), id);
    assert!(other.private_data().entry("PSVersionTable").is_some());
    assert!(other.list_pipelines().await.unwrap().contains(&pipeline));
    let attached = other.attach(pipeline).unwrap();
    assert!(matches!(other.attach(pipeline), Err(Error::State(_))), "one reader is enough");
    let rest = numbers(attached).await.unwrap();
    let first = *rest.first().unwrap();
    assert!(first > 1, "what was written before has gone to the other client");
    assert_eq!(rest, (first..=300).collect::<Vec<_>>());
    assert_eq!(numbers(other.invoke(count(2)).await.unwrap()).await.unwrap(), [1, 2]);

    let stranger = other.attach(PipelineId::from_wire([7; 16])).unwrap();
    assert!(matches!(numbers(stranger).await, Err(Error::CutOff { .. })));
    other.close().await;
    assert_eq!((server.count("Delete"), server.count("Signal")), (1, 0));
}

async fn connect(server: &Arc<Server>, pool: &RunspacePool) -> Result<RunspacePool, Error> {
    let line = Arc::new(Line(Arc::clone(server)));
    RunspacePool::connect(line, shell(), pool.id(), PoolOptions::default()).await
}

#[tokio::test(start_paused = true)]
async fn a_session_is_left_only_when_it_is_disconnected() {
    let server = Server::new(Habits::default());
    let pool = open(&server).await;
    assert!(matches!(pool.leave(), Err(Error::State(_))));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.count("Delete"), 1);
}

/// The test server with WinRM's endpoint; ended with this value.
struct Peer {
    child: Child,
    http: Arc<HttpClient>,
    shell: ShellOptions,
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Peer {
    fn start(arguments: &[&str], kind: &str) -> Option<Self> {
        let folder = std::env::var_os("EXCHANGE_TEST_PEER").map(PathBuf::from);
        let Some(folder) = folder else {
            println!("skipped: EXCHANGE_TEST_PEER is not set");
            return None;
        };
        let python = std::env::var_os("EXCHANGE_TEST_PYTHON").unwrap_or_else(|| "python3".into());
        let mut child = Process::new(python)
            .arg("-B")
            .arg(folder.join("peer_server.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        let field = |name: &str| {
            let (_, rest) = line.split_once(&format!("\"{name}\":")).unwrap();
            rest.split([',', '}']).next().unwrap().trim().trim_matches('"').to_owned()
        };
        let url = format!("http://localhost:{}/wsman", field("http"));
        let credentials = Credentials::negotiate(r"TEST\svc", field("password"));
        let options = ClientOptions::new(&url, credentials).native_roots(false);
        let shell = ShellOptions::new(&url)
            .resource_uri(format!("http://schemas.microsoft.com/powershell/{kind}").as_str().into())
            .operation_timeout(Duration::from_secs(5));
        Some(Self { child, http: Arc::new(HttpClient::new(options).unwrap()), shell })
    }

    fn line(&self) -> Arc<dyn Exchange> {
        Arc::clone(&self.http) as _
    }

    async fn open(&self) -> RunspacePool {
        RunspacePool::open(self.line(), self.shell.clone(), PoolOptions::default()).await.unwrap()
    }

    async fn connect(&self, pool: &RunspacePool) -> Result<RunspacePool, Error> {
        let options = PoolOptions::default();
        RunspacePool::connect(self.line(), self.shell.clone(), pool.id(), options).await
    }
}

fn mailboxes() -> PowerShell {
    PowerShell::new().command(Command::new("Get-Mailbox").parameter("ResultSize", "Unlimited"))
}

#[tokio::test]
async fn the_test_server_lets_clients_leave_and_take_over() {
    let Some(peer) = Peer::start(&[], "Microsoft.Exchange") else { return };
    let pool = peer.open().await;
    pool.disconnect(Disconnect::default()).await.unwrap();
    pool.reconnect().await.unwrap();
    assert_eq!(output(pool.invoke(mailboxes()).await.unwrap()).await.unwrap().len(), 5);

    let ticks = Command::new("Test-Peer").parameter("Seconds", 2).parameter("Count", 2);
    let running = pool.invoke(PowerShell::new().command(ticks)).await.unwrap();
    let pipeline = running.id();
    tokio::time::sleep(Duration::from_millis(300)).await;
    pool.disconnect(Disconnect::default()).await.unwrap();
    let shells = list_shells(&*peer.http, &peer.shell).await.unwrap();
    let listed = shells.iter().find_map(|shell| shell.shell_id.as_ref()?.uuid());
    assert_eq!(listed, Some(pool.id().uuid()));

    let other = peer.connect(&pool).await.unwrap();
    pool.leave().unwrap();
    assert_eq!(other.list_pipelines().await.unwrap(), [pipeline]);
    let ticks = output(other.attach(pipeline).unwrap()).await.unwrap();
    let ticks = texts(&ticks);
    assert!(!ticks.is_empty() && ticks.iter().all(|tick| tick.starts_with("tick ")), "{ticks:?}");
    assert_eq!(output(other.invoke(mailboxes()).await.unwrap()).await.unwrap().len(), 5);
    other.close().await;
    assert!(list_shells(&*peer.http, &peer.shell).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_engine_keeps_the_output_of_a_client_that_left_and_takes_no_other() {
    if std::env::var_os("EXCHANGE_TEST_PWSH").is_none() {
        println!("skipped: EXCHANGE_TEST_PWSH is not set");
        return;
    }
    let Some(peer) = Peer::start(&["--engine", "pwsh"], "Microsoft.PowerShell") else { return };
    let pool = peer.open().await;
    let text = "1..40 | % { $_; Start-Sleep -Milliseconds 50 }";
    let mut counting = pool.invoke(script(text)).await.unwrap();
    let mut seen = vec![number(counting.next().await)];
    pool.disconnect(Disconnect::default()).await.unwrap();
    let refused = peer.connect(&pool).await.unwrap_err();
    let fault = refused.transport().and_then(|error| error.fault()).unwrap();
    assert_eq!(fault.code.map(|code| code.get()), Some(2_150_858_771), "{fault:?}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    pool.reconnect().await.unwrap();
    seen.extend(numbers(counting).await.unwrap());
    assert_eq!(seen, (1..=40).collect::<Vec<_>>());
    pool.close().await;
}
