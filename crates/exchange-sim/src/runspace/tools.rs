//! A PowerShell on an Exchange server: Exchange's cmdlets come into it when they are loaded.
//!
//! There is no engine behind it. What loads Exchange in the documented ways is recognised and has its effect; any other
//! script is refused, with a message that says why.

use crate::cmdlets::{CmdletError, Invocation, is_session_command};
use crate::options::ManagementTools;

/// What such a session has.
#[derive(Debug)]
pub(super) struct Tools {
    installed: ManagementTools,
    loaded: bool,
}

/// What becomes of a pipeline.
#[derive(Debug)]
pub(super) enum Fate {
    /// It runs.
    Run,
    /// It has done what it is there for and puts nothing out.
    Done,
    /// It fails.
    Fail(CmdletError),
}

impl Tools {
    pub(super) const fn new(installed: ManagementTools) -> Self {
        Self { installed, loaded: false }
    }

    /// Looks at a pipeline before it begins.
    pub(super) fn consider(&mut self, statements: &[Vec<Invocation>]) -> Fate {
        if let [statement] = statements
            && let [only] = statement.as_slice()
        {
            if only.is_script {
                return self.script(&only.command);
            }
            if only.command.eq_ignore_ascii_case("Add-PSSnapin") {
                return self.snap_in(only);
            }
        }
        let foreign = |invocation: &&Invocation| !is_session_command(&invocation.command);
        match statements.iter().flatten().find(foreign) {
            Some(unknown) if !self.loaded => {
                Fate::Fail(CmdletError::command_not_found(&unknown.command))
            }
            _ => Fate::Run,
        }
    }

    fn script(&mut self, text: &str) -> Fate {
        if !is_management_shell(text) {
            let message = "The simulated server has no script engine: it knows only the script that loads Exchange's management shell.";
            return Fate::Fail(CmdletError::thrown(message));
        }
        if self.installed != ManagementTools::Full {
            let message = "there is no script of Exchange's management shell on this server";
            return Fate::Fail(CmdletError::thrown(message));
        }
        self.loaded = true;
        Fate::Done
    }

    fn snap_in(&mut self, command: &Invocation) -> Fate {
        let name = command.arguments.first().and_then(|(_, value)| value.as_text()).unwrap_or("");
        let known = SNAP_INS.iter().any(|snap_in| snap_in.eq_ignore_ascii_case(name));
        if !known || self.installed == ManagementTools::Missing {
            return Fate::Fail(CmdletError::no_snap_in());
        }
        self.loaded = true;
        Fate::Done
    }
}

/// Whether a script runs the one of the management shell and then connects, as administrators write it.
fn is_management_shell(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.split_once("remoteexchange.ps1")
        .is_some_and(|(_, after)| after.contains("connect-exchangeserver -auto"))
}

const SNAP_INS: [&str; 2] = [
    "Microsoft.Exchange.Management.PowerShell.SnapIn",
    "Microsoft.Exchange.Management.PowerShell.E2010",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Vec<Vec<Invocation>> {
        let mut invocation = Invocation::new(text);
        invocation.is_script = true;
        vec![vec![invocation]]
    }

    fn command(invocation: Invocation) -> Vec<Vec<Invocation>> {
        vec![vec![invocation]]
    }

    /// Tries something on a fresh session, and whether mailboxes can be read afterwards.
    #[track_caller]
    fn check(installed: ManagementTools, first: &[Vec<Invocation>], fails: bool, loads: bool) {
        let mut tools = Tools::new(installed);
        let mailboxes = command(Invocation::new("Get-Mailbox"));
        assert!(matches!(tools.consider(&mailboxes), Fate::Fail(_)));
        assert_eq!(matches!(tools.consider(first), Fate::Fail(_)), fails);
        assert_eq!(matches!(tools.consider(&mailboxes), Fate::Run), loads);
    }

    #[test]
    fn the_documented_ways_load_exchange() {
        let shell = script(
            ". (Join-Path $env:ExchangeInstallPath 'bin\\RemoteExchange.ps1')\nConnect-ExchangeServer -Auto",
        );
        let snap_in = command(Invocation::new("add-pssnapin").text("Name", SNAP_INS[1]));
        check(ManagementTools::Full, &shell, false, true);
        check(ManagementTools::Full, &snap_in, false, true);
        check(ManagementTools::SnapIn, &shell, true, false);
        check(ManagementTools::SnapIn, &snap_in, false, true);
        check(ManagementTools::Missing, &shell, true, false);
        check(ManagementTools::Missing, &snap_in, true, false);
    }

    #[test]
    fn nothing_else_does() {
        check(ManagementTools::Full, &script("Get-Date"), true, false);
        check(ManagementTools::Full, &script("Connect-ExchangeServer -Auto"), true, false);
        let other = command(Invocation::new("Add-PSSnapin").text("Name", "Contoso.SnapIn"));
        check(ManagementTools::Full, &other, true, false);
        check(ManagementTools::Full, &command(Invocation::new("Get-Command")), false, false);
    }
}
