//! Microsoft's own PowerShell as the client of the simulated Exchange.
//!
//! `EXCHANGE_TEST_PWSH` names the folder of the engine and `EXCHANGE_TEST_PWSH_CLIENT` the one with `exchange.ps1`, which
//! opens a session, imports its commands and uses them as administrators do.

use std::path::PathBuf;
use std::process::Command;

#[test]
fn an_administrator_works_with_the_simulation() {
    let folder = |name| std::env::var_os(name).map(PathBuf::from);
    let (Some(engine), Some(scripts)) =
        (folder("EXCHANGE_TEST_PWSH"), folder("EXCHANGE_TEST_PWSH_CLIENT"))
    else {
        println!(
            "skipped: EXCHANGE_TEST_PWSH and EXCHANGE_TEST_PWSH_CLIENT do not name the engine and its scripts"
        );
        return;
    };
    let server =
        format!("{} simulate --stdio --mailboxes 20", env!("CARGO_BIN_EXE_exchange-connector"));
    let output = Command::new(engine.join("start"))
        .arg("-NoProfile")
        .arg("-File")
        .arg(scripts.join("exchange.ps1"))
        .args(["-Mailboxes", "20"])
        .env("PSRP_SERVER", server)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.lines().filter(|line| line.starts_with("ok ")).count() >= 18, "{said}");
}
