//! What a command talks to: the server of the settings file, or a simulated one inside the process.

use std::time::Duration;

use exchange_connector::{Connector, Settings};
use exchange_sim::{SimOptions, Simulator};

use crate::args::{Global, Infrastructure};
use crate::{USAGE, complain, complain_of, kerberos, say};

/// A connector, and the simulator behind it if there is one.
pub(crate) struct Site {
    pub(crate) connector: Connector,
    simulator: Option<Simulator>,
}

impl Site {
    /// Reads the settings, or starts a simulator and takes its settings.
    ///
    /// # Errors
    ///
    /// The exit code; what was wrong has been said by then.
    pub(crate) async fn open(global: &Global) -> Result<Self, u8> {
        let (settings, simulator) = settings(global).await?;
        // The simulator's settings are its own affair.
        for warning in settings.warnings().iter().filter(|_| simulator.is_none()) {
            say(&format!("warning: {warning}"));
        }
        match Connector::open(settings).await {
            Ok(connector) => Ok(Self { connector, simulator }),
            Err(error) => {
                complain_of(&error.report(), error.remedy());
                Err(error.exit_code())
            }
        }
    }

    /// A connector that somebody else opened.
    #[cfg(test)]
    pub(crate) fn of(connector: Connector) -> Self {
        Self { connector, simulator: None }
    }

    /// Closes sessions, then the simulator.
    pub(crate) async fn close(self) {
        match tokio::time::timeout(CLOSING, self.connector.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => complain(&error.report()),
            Err(_) => complain(
                "the server did not answer when the session was closed; it will time out there",
            ),
        }
        if let Some(simulator) = self.simulator {
            simulator.close().await;
        }
    }
}

async fn settings(global: &Global) -> Result<(Settings, Option<Simulator>), u8> {
    if let Some(path) = &global.config {
        return match Settings::from_file(path) {
            Ok(settings) => {
                kerberos::start_again(&settings)?;
                Ok((settings, None))
            }
            Err(error) => {
                complain(&format!("{}: {}", path.display(), exchange_connector::report(&error)));
                Err(USAGE)
            }
        };
    }
    let Some(mailboxes) = global.simulate else {
        complain("nothing to talk to: name a settings file with --config FILE, or use --simulate");
        return Err(USAGE);
    };
    let options =
        SimOptions::default().mailboxes(mailboxes).infrastructure(global.simulate_as.simulated());
    let simulator = match Simulator::start(options).await {
        Ok(simulator) => simulator,
        Err(error) => {
            complain(&format!(
                "the simulator cannot start: {}",
                exchange_connector::report(&error)
            ));
            return Err(USAGE);
        }
    };
    match Settings::from_toml_str(&settings_of(&simulator, global.simulate_as)) {
        Ok(settings) => Ok((settings, Some(simulator))),
        Err(error) => {
            complain(&format!("the simulator's settings: {}", exchange_connector::report(&error)));
            Err(USAGE)
        }
    }
}

/// The settings that reach all sides of a simulated organisation.
pub(crate) fn settings_of(simulator: &Simulator, infrastructure: Infrastructure) -> String {
    match infrastructure {
        Infrastructure::Hybrid => simulator.settings_toml_both(),
        Infrastructure::OnPremises | Infrastructure::Cloud => simulator.settings_toml(),
    }
}

/// How long closing may take before the process ends all the same.
const CLOSING: Duration = Duration::from_secs(20);
