//! Sessions that a run of this program left behind on a WinRM service.
//!
//! Exchange's own endpoint lists none. WinRM lists those of all users to an administrator, so a session counts as ours by
//! its name, configuration and owner together. One that is in use always has a Receive pending, which is renewed with each
//! operation timeout; one without a sign of life for twice as long has lost its client. They are told of and not ended:
//! somebody's clock, or a program that pauses, may say otherwise.

use std::fmt;
use std::time::Duration;

use psrp_client::wsman::{ResourceUri, ShellInfo};

use super::SHELL_NAME;

/// A session that nobody uses any more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LeftOver {
    id: String,
    owner: String,
    inactivity: Duration,
    /// When the server ends it by itself.
    idle_timeout: Option<Duration>,
}

impl LeftOver {
    /// Takes what a list says of a session; nothing when it is another's, or may be in use.
    pub(super) fn of(shell: &ShellInfo, username: &str, timeout: Option<Duration>) -> Option<Self> {
        let ours = shell.name.as_deref() == Some(SHELL_NAME)
            && shell.resource_uri.as_deref() == Some(ResourceUri::powershell().as_str());
        let owner = shell.owner.as_deref().filter(|owner| is_same_account(owner, username))?;
        let inactivity = shell.inactivity?;
        let dead = inactivity > timeout.unwrap_or(DEFAULT_TIMEOUT).saturating_mul(2);
        (ours && dead).then(|| Self {
            id: shell.shell_id.as_ref().map_or_else(String::new, |id| id.as_str().to_owned()),
            owner: owner.to_owned(),
            inactivity,
            idle_timeout: shell.idle_timeout,
        })
    }
}

impl fmt::Display for LeftOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, owner, inactivity, idle_timeout } = self;
        write!(f, "{id} of {owner}, without its client for {} s", inactivity.as_secs())?;
        match idle_timeout {
            Some(timeout) => write!(f, " (the server ends it after {} s)", timeout.as_secs()),
            None => Ok(()),
        }
    }
}

/// Whether two names can mean one account: the domain is left out where they are of different forms.
fn is_same_account(owner: &str, username: &str) -> bool {
    let bare = |name: &str| -> String {
        let name = name.rsplit_once('\\').map_or(name, |(_, name)| name);
        name.split_once('@').map_or(name, |(name, _)| name).to_lowercase()
    };
    if owner.contains('\\') && username.contains('\\') {
        return owner.to_lowercase() == username.to_lowercase();
    }
    bare(owner) == bare(username)
}

/// How long an operation takes at most where nothing else was agreed.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(name: &str, owner: &str, seconds: u64) -> ShellInfo {
        let mut info = ShellInfo::default();
        info.shell_id = Some("11111111-2222-3333-4444-555555555555".into());
        info.name = Some(name.to_owned());
        info.owner = Some(owner.to_owned());
        info.resource_uri = Some(ResourceUri::powershell().as_str().to_owned());
        info.inactivity = Some(Duration::from_secs(seconds));
        info.idle_timeout = Some(Duration::from_secs(7200));
        info
    }

    #[track_caller]
    fn check(shell: &ShellInfo, username: &str, expected: bool) {
        let found = LeftOver::of(shell, username, Some(Duration::from_secs(100)));
        assert_eq!(found.is_some(), expected, "{found:?}");
    }

    #[test]
    fn only_dead_sessions_of_the_own_account_are_left_over() {
        let dead = shell(SHELL_NAME, r"CONTOSO\svc", 201);
        check(&dead, r"contoso\SVC", true);
        check(&dead, "svc@contoso.com", true);
        check(&dead, "svc", true);
        check(&dead, r"FABRIKAM\svc", false);
        check(&dead, "ann@contoso.com", false);
        check(&shell(SHELL_NAME, r"CONTOSO\svc", 200), r"CONTOSO\svc", false);
        check(&shell("Runspace1", r"CONTOSO\svc", 900), r"CONTOSO\svc", false);
        let mut other = dead.clone();
        other.resource_uri = Some(ResourceUri::exchange().as_str().to_owned());
        check(&other, r"CONTOSO\svc", false);
        let mut silent = dead;
        silent.inactivity = None;
        check(&silent, r"CONTOSO\svc", false);
    }

    #[test]
    fn it_says_when_it_will_be_gone() {
        let found = LeftOver::of(&shell(SHELL_NAME, "svc", 500), "svc", None).unwrap();
        assert_eq!(
            found.to_string(),
            "11111111-2222-3333-4444-555555555555 of svc, without its client for 500 s (the server ends it after 7200 s)"
        );
    }
}
