//! pypsrp, other people's client, against the simulator. It needs a Python that has it: `EXCHANGE_TEST_PYTHON` names one.

use std::process::Stdio;

use exchange_sim::{SimOptions, Simulator};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pypsrp_reads_and_writes() {
    let Some(python) = std::env::var_os("EXCHANGE_TEST_PYTHON") else {
        println!("skipped: EXCHANGE_TEST_PYTHON is not set");
        return;
    };
    for method in ["ntlm", "negotiate", "basic"] {
        let simulator = Simulator::start(
            SimOptions::default().mailboxes(60).allow_unencrypted(true).passwords_over_basic(true),
        )
        .await
        .unwrap();
        let child = tokio::process::Command::new(&python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/session.py"))
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
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            "60 mailboxes, 1 error, made 1, removed 1",
            "{method}"
        );
        let made =
            simulator.recipients().into_iter().find(|recipient| recipient.alias == "zed").unwrap();
        assert!(made.has_password("Passw0rd-äöü"));
        assert_eq!(simulator.open_shells(), 0, "{method}");
        simulator.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pypsrp_loads_exchange_leaves_a_session_and_takes_it_up() {
    let Some(python) = std::env::var_os("EXCHANGE_TEST_PYTHON") else {
        println!("skipped: EXCHANGE_TEST_PYTHON is not set");
        return;
    };
    for method in ["ntlm", "credssp"] {
        let simulator = Simulator::start(SimOptions::default().mailboxes(20)).await.unwrap();
        let child = tokio::process::Command::new(&python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/winrm.py"))
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
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            "missing, 20 mailboxes, 1 pool, 20 mailboxes, 0 left",
            "{method}"
        );
        assert_eq!(simulator.open_shells(), 0, "{method}");
        simulator.close().await;
    }
}
