//! Which objects are managed at all.

/// The types of mailboxes that Exchange keeps for itself, or that are no mailboxes of people and resources.
const SYSTEM_CLASSES: &[&str] = &[
    "ArbitrationMailbox",
    "AuditLogMailbox",
    "AuxAuditLogMailbox",
    "DiscoveryMailbox",
    "GroupMailbox",
    "LegacyMailbox",
    "MonitoringMailbox",
    "PublicFolderMailbox",
    "SupervisoryReviewPolicyMailbox",
    "SystemMailbox",
];

/// What the names of such mailboxes begin with; a GUID or a number follows.
const SYSTEM_NAMES: &[&str] = &[
    "DiscoverySearchMailbox {",
    "FederatedEmail.",
    "HealthMailbox",
    "Migration.",
    "PublicFolderMailboxes.",
    "SystemMailbox{",
];

/// Whether a mailbox of this `RecipientTypeDetails` and name is Exchange's own and never touched.
pub(crate) fn is_system(class: &str, name: &str) -> bool {
    SYSTEM_CLASSES.iter().any(|system| system.eq_ignore_ascii_case(class))
        || SYSTEM_NAMES.iter().any(|prefix| has_system_name(name, prefix))
}

/// Whether the name is the prefix and then something that looks like an id, so that a person may be called `Migration.Team`.
fn has_system_name(name: &str, prefix: &str) -> bool {
    let Some((start, id)) = name.split_at_checked(prefix.len()) else {
        return false;
    };
    let digits = id.chars().filter(char::is_ascii_hexdigit).count();
    start.eq_ignore_ascii_case(prefix)
        && digits >= 8
        && id.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, '-' | '{' | '}'))
}

#[cfg(test)]
mod tests {
    use super::is_system;

    #[test]
    fn exchange_keeps_its_own_mailboxes() {
        for name in [
            "SystemMailbox{1f05a927-89c0-4725-adca-4527114196a1}",
            "FederatedEmail.4c1f4d8b-8179-4148-93bf-00a95fa1e042",
            "Migration.8f3e7716-2011-43e4-96b1-aba62d229136",
            "HealthMailbox0659e34db1c84e33a31e8bff7d80ba7c",
            "DiscoverySearchMailbox {D919BA05-46A6-415f-80AD-7E09334BB852}",
        ] {
            assert!(is_system("UserMailbox", name), "{name}");
        }
        assert!(is_system("monitoringmailbox", "x"));
        assert!(!is_system("UserMailbox", "Migration.Team"));
        assert!(!is_system("UserMailbox", "Ann Example"));
        assert!(!is_system("RemoteUserMailbox", ""));
    }
}
