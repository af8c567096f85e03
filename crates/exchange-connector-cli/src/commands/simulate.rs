//! `simulate`: the simulated Exchange on its own.

use std::io::Write as _;

use exchange_connector::report;
use exchange_sim::{Fault, SimOptions, Simulator};

use crate::args::{Infrastructure, Simulate};
use crate::interrupt::Interrupt;
use crate::{DONE, USAGE, complain};

pub(super) async fn run(options: &Simulate, interrupt: &Interrupt) -> u8 {
    let infrastructure = match options.infrastructure {
        Infrastructure::OnPremises => exchange_sim::Infrastructure::OnPremises,
        Infrastructure::Hybrid => exchange_sim::Infrastructure::Hybrid,
    };
    let mut start = SimOptions::default()
        .listen(options.listen)
        .mailboxes(options.mailboxes)
        .infrastructure(infrastructure)
        .seed(options.seed);
    for spec in &options.fault {
        match spec.parse::<Fault>() {
            Ok(fault) => start = start.fault(fault),
            Err(error) => {
                complain(&format!("--fault {spec}: {}", report(&error)));
                return USAGE;
            }
        }
    }
    let simulator = match Simulator::start(start).await {
        Ok(simulator) => simulator,
        Err(error) => {
            complain(&format!("cannot listen on {}: {}", options.listen, report(&error)));
            return USAGE;
        }
    };
    // Whoever started us may not read the settings; the server serves all the same.
    let _ = writeln!(std::io::stdout(), "{}", simulator.settings_toml());
    let _ = std::io::stdout().flush();
    interrupt.wait().await;
    simulator.close().await;
    DONE
}
