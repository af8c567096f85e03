//! Sessions that a run of this program left behind on a WinRM service.
//!
//! Exchange's own endpoint lists none. WinRM lists those of all users to an administrator, so a session counts as ours by
//! its name, configuration and owner together. One that is in use always has a Receive pending, which is renewed with each
//! operation timeout; one without a sign of life for twice as long has lost its client. Of any other nothing shows whether
//! another run uses it or has just been killed. They are told of and not ended: somebody's clock, or a program that
//! pauses, may say otherwise.

use std::fmt;
use std::time::Duration;

use psrp_client::wsman::{ResourceUri, ShellInfo};

use super::SHELL_NAME;

/// A session of another run, which uses it or left it behind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LeftOver {
    id: String,
    owner: String,
    /// How long it has been without its client, where it has certainly lost it.
    lost_for: Option<Duration>,
    run_time: Option<Duration>,
    /// When the server ends it by itself.
    idle_timeout: Option<Duration>,
}

impl LeftOver {
    /// Takes what a list says of a session; nothing when it is another's.
    pub(super) fn of(shell: &ShellInfo, username: &str, timeout: Option<Duration>) -> Option<Self> {
        let ours = shell.name.as_deref() == Some(SHELL_NAME)
            && shell.resource_uri.as_deref() == Some(ResourceUri::powershell().as_str());
        let owner = shell.owner.as_deref().filter(|owner| is_same_account(owner, username))?;
        let longest = timeout.unwrap_or(DEFAULT_TIMEOUT).saturating_mul(2);
        ours.then(|| Self {
            id: shell.shell_id.as_ref().map_or_else(String::new, |id| id.as_str().to_owned()),
            owner: owner.to_owned(),
            lost_for: shell.inactivity.filter(|inactivity| *inactivity > longest),
            run_time: shell.run_time,
            idle_timeout: shell.idle_timeout,
        })
    }

    /// Whether its client is certainly gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost_for.is_some()
    }
}

impl fmt::Display for LeftOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, owner, lost_for, run_time, idle_timeout } = self;
        write!(f, "{id} of {owner}, ")?;
        match (lost_for, run_time) {
            (Some(time), _) => write!(f, "without its client for {} s", time.as_secs())?,
            (None, Some(time)) => write!(
                f,
                "open for {} s, in use by another run or left behind lately",
                time.as_secs()
            )?,
            (None, None) => f.write_str("in use by another run or left behind lately")?,
        }
        match idle_timeout {
            Some(timeout) => {
                write!(f, " (the server ends it after {} s without a client)", timeout.as_secs())
            }
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

    /// `None` for another's session, else whether it has lost its client.
    #[track_caller]
    fn check(shell: &ShellInfo, username: &str, expected: Option<bool>) {
        let found = LeftOver::of(shell, username, Some(Duration::from_secs(100)));
        assert_eq!(found.as_ref().map(LeftOver::is_lost), expected, "{found:?}");
    }

    #[test]
    fn sessions_of_the_own_account_and_name_are_told_from_others() {
        let dead = shell(SHELL_NAME, r"CONTOSO\svc", 201);
        check(&dead, r"contoso\SVC", Some(true));
        check(&dead, "svc@contoso.com", Some(true));
        check(&dead, "svc", Some(true));
        check(&dead, r"FABRIKAM\svc", None);
        check(&dead, "ann@contoso.com", None);
        check(&shell(SHELL_NAME, r"CONTOSO\svc", 200), r"CONTOSO\svc", Some(false));
        check(&shell("Runspace1", r"CONTOSO\svc", 900), r"CONTOSO\svc", None);
        let mut other = dead.clone();
        other.resource_uri = Some(ResourceUri::exchange().as_str().to_owned());
        check(&other, r"CONTOSO\svc", None);
        let mut silent = dead;
        silent.inactivity = None;
        check(&silent, r"CONTOSO\svc", Some(false));
    }

    #[test]
    fn it_says_when_it_will_be_gone() {
        let shown = |shell: &ShellInfo| LeftOver::of(shell, "svc", None).unwrap().to_string();
        let mut shell = shell(SHELL_NAME, "svc", 500);
        assert_eq!(
            shown(&shell),
            "11111111-2222-3333-4444-555555555555 of svc, without its client for 500 s (the server ends it after 7200 s \
             without a client)"
        );
        shell.inactivity = Some(Duration::ZERO);
        shell.run_time = Some(Duration::from_secs(7));
        assert_eq!(
            shown(&shell),
            "11111111-2222-3333-4444-555555555555 of svc, open for 7 s, in use by another run or left behind lately (the \
             server ends it after 7200 s without a client)"
        );
    }
}
