//! pypsrp, other people's client, against the simulator. It needs a Python that has it: `EXCHANGE_TEST_PYTHON` names one.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;

use exchange_sim::{SimOptions, Simulator};

fn python() -> Option<OsString> {
    let python = std::env::var_os("EXCHANGE_TEST_PYTHON");
    if python.is_none() {
        println!("skipped: EXCHANGE_TEST_PYTHON is not set");
    }
    python
}

/// Runs a script of this folder to its good end and gives what it said.
async fn run(python: &OsStr, script: &str, method: &str, simulator: &Simulator) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let child = tokio::process::Command::new(python)
        .arg(folder.join(script))
        .args([
            simulator.addr().port().to_string().as_str(),
            method,
            &simulator.user(),
            simulator.password(),
        ])
        .stdin(Stdio::null())
        .output();
    let output = child.await.unwrap();
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{method}: {shown}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pypsrp_reads_and_writes() {
    let Some(python) = python() else { return };
    for method in ["ntlm", "negotiate", "basic"] {
        let simulator = Simulator::start(
            SimOptions::default().mailboxes(60).allow_unencrypted(true).passwords_over_basic(true),
        )
        .await
        .unwrap();
        let said = run(&python, "session.py", method, &simulator).await;
        assert_eq!(said, "60 mailboxes, 1 error, made 1, removed 1", "{method}");
        let made =
            simulator.recipients().into_iter().find(|recipient| recipient.alias == "zed").unwrap();
        assert!(made.has_password("Passw0rd-äöü"));
        assert_eq!(simulator.open_shells(), 0, "{method}");
        simulator.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pypsrp_loads_exchange_leaves_a_session_and_takes_it_up() {
    let Some(python) = python() else { return };
    for method in ["ntlm", "credssp"] {
        let simulator = Simulator::start(SimOptions::default().mailboxes(20)).await.unwrap();
        let said = run(&python, "winrm.py", method, &simulator).await;
        assert_eq!(said, "missing, 20 mailboxes, 1 pool, 20 mailboxes, 0 left", "{method}");
        assert_eq!(simulator.open_shells(), 0, "{method}");
        simulator.close().await;
    }
}
