//! The real engine as a child process.
//!
//! Microsoft's engine is not part of this repository. `EXCHANGE_TEST_PWSH` names the folder with its `start` program, and
//! `EXCHANGE_TEST_PEER` that with `peer_stdio.py`, which is the same engine with cmdlets as Exchange has them
//! (`EXCHANGE_TEST_PYTHON` runs it, by default `python3`). Without them these tests print that they were skipped.

use std::env;
use std::path::Path;
use std::process::Command as Process;
use std::time::Duration;

use psrp_client::psrp::clixml::Value;
use psrp_client::psrp::{Command, PowerShell};
use psrp_client::{Error, Invocation, PoolOptions, Record, RunspacePool};

/// `pwsh -s`, if it is there.
pub(crate) fn pwsh() -> Option<Process> {
    let mut process = Process::new(Path::new(&env::var_os("EXCHANGE_TEST_PWSH")?).join("start"));
    process.args(["-NoLogo", "-NoProfile", "-s"]);
    Some(process)
}

/// The engine with Exchange's cmdlets, if it is there. `configuration` is `exchange` or `powershell`.
pub(crate) fn peer(configuration: &str) -> Option<Process> {
    let script = Path::new(&env::var_os("EXCHANGE_TEST_PEER")?).join("peer_stdio.py");
    let python = env::var_os("EXCHANGE_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let mut process = Process::new(python);
    process.arg("-B").arg(script).args(["--configuration", configuration]);
    Some(process)
}

/// Runs a subject on every engine with all of PowerShell that there is, each in a pool of its own.
pub(crate) async fn on_each(options: PoolOptions, subject: impl AsyncFn(&RunspacePool)) {
    let engines: Vec<_> = [pwsh(), peer("powershell")].into_iter().flatten().collect();
    if engines.is_empty() {
        println!("skipped: neither EXCHANGE_TEST_PWSH nor EXCHANGE_TEST_PEER is set");
    }
    for engine in engines {
        on(engine, options.clone(), &subject).await;
    }
}

/// Runs a subject in a pool of this engine, and closes it.
pub(crate) async fn on(
    engine: Process,
    options: PoolOptions,
    subject: impl AsyncFn(&RunspacePool),
) {
    let run = async {
        let pool = RunspacePool::open_child(engine, options).await.unwrap();
        subject(&pool).await;
        pool.close().await;
    };
    tokio::time::timeout(Duration::from_secs(120), run).await.expect("a subject takes seconds");
}

/// A script, with arguments.
pub(crate) fn script(text: &str) -> PowerShell {
    PowerShell::new().command(Command::script(text))
}

/// All records of a pipeline that completes.
pub(crate) async fn records(mut invocation: Invocation) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    while let Some(record) = invocation.next().await {
        records.push(record?);
    }
    Ok(records)
}

/// The output of a pipeline that writes nothing else.
pub(crate) async fn output(invocation: Invocation) -> Result<Vec<Value>, Error> {
    let value = |record| match record {
        Record::Output(value) => value,
        other => panic!("{other:?}"),
    };
    Ok(records(invocation).await?.into_iter().map(value).collect())
}

/// The output of a script.
pub(crate) async fn run(pool: &RunspacePool, text: &str) -> Result<Vec<Value>, Error> {
    output(pool.invoke(script(text)).await?).await
}

/// The texts of output.
pub(crate) fn texts(values: &[Value]) -> Vec<String> {
    values.iter().map(|value| value.text().unwrap_or_default().into_owned()).collect()
}
