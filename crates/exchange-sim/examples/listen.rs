//! Starts a simulated Exchange and prints the settings that reach it: `cargo run -p exchange-sim --example listen -- 1000`.

use std::io::{Write, stdout};

use exchange_sim::{SimOptions, Simulator};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = SimOptions::default().allow_unencrypted(true);
    for argument in std::env::args().skip(1) {
        options = match argument.parse() {
            Ok(mailboxes) => options.mailboxes(mailboxes),
            Err(_) => options.fault(argument.parse()?),
        };
    }
    let simulator = Simulator::start(options).await?;
    stdout().write_all(simulator.settings_toml().as_bytes())?;
    std::future::pending::<()>().await;
    Ok(())
}
