//! The service's directory of a hybrid organisation: what synchronisation makes of the own one, and mailboxes of its own.

use std::collections::HashSet;

use uuid::Uuid;

use super::{Directory, Recipient, RecipientKind, seed};
use crate::object::Field;
use crate::options::SimOptions;

/// What an object's GUID in the service differs in from that of its source.
const OTHER_SIDE: u128 = 0x00c1_0ad0_0000_0000_0000_00c1_0ad0_0000;
/// What the mailbox's GUID differs in where the source has none.
const UNTOLD: u128 = 0x0000_0000_0000_0000_0bad_0000_0000_0000;

/// Properties that synchronisation carries over, by the beginnings of their names.
const CARRIED: [&str; 14] = [
    "City",
    "Company",
    "CountryOrRegion",
    "CustomAttribute",
    "Department",
    "ExtensionCustomAttribute",
    "HiddenFromAddressListsEnabled",
    "Manager",
    "Notes",
    "Office",
    "Phone",
    "StateOrProvince",
    "StreetAddress",
    "Title",
];

impl Directory {
    /// Makes the service's directory for an organisation whose own one is `own`: a mailbox for each remote mailbox, and
    /// one in ten beside them that the own directory knows nothing of.
    pub(crate) fn linked(options: &SimOptions, own: &Self) -> Self {
        let mut directory = Self::empty(options.seed);
        directory.take_over(own);
        seed::populate_online(&mut directory, options.seed, options.mailboxes / 10 + 1);
        directory
    }

    /// Brings what is synchronised up to date, and takes away what is gone from the own directory.
    pub(crate) fn take_over(&mut self, own: &Self) {
        let mut there = HashSet::new();
        for source in own.recipients() {
            let RecipientKind::RemoteMailbox(kind) = source.kind else { continue };
            let guid = Uuid::from_u128(source.guid.as_u128() ^ OTHER_SIDE);
            there.insert(guid);
            let former = self.recipients.get(&guid);
            let is_new = former.is_none();
            let mailbox =
                Recipient { kind: RecipientKind::Mailbox(kind), ..copy(source, former, guid) };
            if is_new { self.insert(mailbox) } else { self.replace(mailbox) }
        }
        let gone: Vec<_> = self
            .recipients()
            .filter(|recipient| is_synchronised(recipient) && !there.contains(&recipient.guid))
            .map(|recipient| recipient.guid)
            .collect();
        for guid in gone {
            self.remove(guid);
        }
    }
}

fn is_synchronised(recipient: &Recipient) -> bool {
    matches!(recipient.value("IsDirSynced"), Some(Field::Bool(true)))
}

/// What an object of the own directory looks like in the service, where it may have properties of its own.
fn copy(source: &Recipient, former: Option<&Recipient>, guid: Uuid) -> Recipient {
    let is_carried = |name: &str| CARRIED.iter().any(|carried| name.starts_with(carried));
    let mut copy = source.clone();
    if let Some(former) = former {
        let own = former.values.iter().filter(|(name, _)| !is_carried(name));
        copy.values.extend(own.map(|(name, field)| (name.clone(), field.clone())));
        copy.exchange_guid = former.exchange_guid;
        copy.archive_guid = former.archive_guid;
    } else if source.exchange_guid.is_nil() {
        copy.exchange_guid = Uuid::from_u128(source.guid.as_u128() ^ UNTOLD);
    }
    copy.guid = guid;
    copy.database = 1;
    copy.email_address_policy_enabled = false;
    copy.remote_routing_address = String::new();
    copy.values.insert("IsDirSynced".into(), Field::Bool(true));
    copy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Infrastructure;

    #[test]
    fn what_is_synchronised_follows_its_source_and_keeps_its_own() {
        let options = SimOptions::default().mailboxes(20).infrastructure(Infrastructure::Hybrid);
        let mut own = Directory::new(&options);
        let mut online = Directory::linked(&options, &own);
        assert_eq!(online.recipients().count(), 16 + 3);
        assert_eq!(online.recipients().filter(|recipient| is_synchronised(recipient)).count(), 16);

        let source = own.recipients().find(|one| !one.exchange_guid.is_nil() && is_remote(one));
        let mut source = source.cloned().expect("there is one");
        let found = online.find(&source.exchange_guid.to_string());
        let mut mailbox = (*found.first().expect("it is linked by the mailbox's GUID")).clone();
        mailbox.values.insert("AuditEnabled".into(), Field::Bool(true));
        let guid = mailbox.guid;
        online.replace(mailbox);
        source.display_name = "Another Name".to_owned();
        source.values.clear();
        own.replace(source.clone());
        online.take_over(&own);
        let mailbox = online.get(guid).expect("it is still there");
        assert_eq!(mailbox.display_name, "Another Name");
        assert_eq!(mailbox.value("AuditEnabled"), Some(&Field::Bool(true)));
        assert_eq!(mailbox.value("CustomAttribute1"), None);

        own.remove(source.guid);
        online.take_over(&own);
        assert_eq!(online.get(guid), None);
        assert_eq!(online.recipients().count(), 15 + 3);
    }

    fn is_remote(recipient: &Recipient) -> bool {
        matches!(recipient.kind, RecipientKind::RemoteMailbox(_))
    }
}
