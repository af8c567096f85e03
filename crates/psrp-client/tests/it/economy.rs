//! What a session costs a server, counted by one that others wrote.
//!
//! `EXCHANGE_TEST_PEER` names the folder with `peer_server.py`, and `EXCHANGE_TEST_PYTHON` a Python that has what it needs.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;

use psrp_client::psrp::{Command, PowerShell};
use psrp_client::wsman::client::{ClientOptions, Credentials, HttpClient, ShellOptions};
use psrp_client::{PoolOptions, RunspacePool};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::engine::output;

/// A server that ends with this value.
struct Peer {
    child: Child,
    port: u16,
    password: String,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Closing its standard input ends the server in order.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Peer {
    fn start() -> Option<Self> {
        let script = Path::new(&env::var_os("EXCHANGE_TEST_PEER")?).join("peer_server.py");
        let python = env::var_os("EXCHANGE_TEST_PYTHON").unwrap_or_else(|| "python3".into());
        let mut child = Process::new(python)
            .arg("-B")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut facts = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut facts).unwrap();
        let port = between(&facts, "\"http\": ", ",").parse().unwrap();
        let password = between(&facts, "\"password\": \"", "\"").to_owned();
        Some(Self { child, port, password })
    }

    /// The requests so far by action, and the connections.
    async fn counts(&self) -> BTreeMap<String, u32> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let request = "GET /state HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        while !String::from_utf8_lossy(&bytes).contains("\"faults_struck\"") {
            assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let counts = between(&text, "\"requests\": {", "}").split(',').filter_map(|pair| {
            let (name, count) = pair.split_once(':')?;
            Some((name.trim().trim_matches('"').to_owned(), count.trim().parse().ok()?))
        });
        counts.collect()
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).unwrap().0
}

#[tokio::test]
async fn a_cmdlet_on_a_warm_session_costs_three_requests_and_no_connection() {
    const TIMES: u32 = 5;
    let Some(peer) = Peer::start() else {
        return println!("skipped: EXCHANGE_TEST_PEER is not set");
    };
    let url = format!("http://localhost:{}/PowerShell", peer.port);
    let credentials = Credentials::negotiate(r"TEST\svc", peer.password.as_str());
    let client = Arc::new(HttpClient::new(ClientOptions::new(&url, credentials)).unwrap());
    let pool =
        RunspacePool::open(client, ShellOptions::new(&url), PoolOptions::default()).await.unwrap();
    let cmdlet = || {
        let read = Command::new("Get-Mailbox").parameter("Identity", "user00001");
        PowerShell::new().command(read)
    };
    let opened = peer.counts().await;
    assert!(opened["Create"] == 1 && opened["Receive"] <= 2, "{opened:?}");
    assert_eq!(output(pool.invoke(cmdlet()).await.unwrap()).await.unwrap().len(), 1);
    // The signal that ends a command goes out when its output is there, so the next command is what waits for it.
    let warm = peer.counts().await;
    for _ in 0..TIMES {
        assert_eq!(output(pool.invoke(cmdlet()).await.unwrap()).await.unwrap().len(), 1);
    }
    let done = peer.counts().await;
    let cost = |name: &str| done[name] - warm.get(name).copied().unwrap_or(0);
    assert_eq!(cost("Command"), TIMES, "{warm:?} {done:?}");
    // On a slow machine the pool's own stream is listened to by now.
    assert!(cost("Receive") <= TIMES + 1, "{warm:?} {done:?}");
    assert!(cost("Signal") <= TIMES + 1, "{warm:?} {done:?}");
    // One that asked for these numbers, and perhaps one for the pool's own stream.
    assert!(cost("connections") <= 2, "{warm:?} {done:?}");
    assert!(warm["connections"] <= 2 + 2, "{warm:?}");
    pool.close().await;
}
