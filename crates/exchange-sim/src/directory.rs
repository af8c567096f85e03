//! The organisation's recipients, with the uniqueness that the directory keeps and the forms by which it finds them.

pub(crate) mod address;
mod linked;
mod random;
mod recipient;
mod seed;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) use self::random::SplitMix;
pub use self::recipient::{MailboxKind, Recipient, RecipientKind};
pub(crate) use self::recipient::{PasswordDigest, container_dn};
use crate::options::{Infrastructure, SimOptions};

/// The fixed names of the simulated organisation.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Organization {
    /// The forest's root domain, which is the default accepted domain too.
    pub domain: String,
    /// The short name of the domain.
    pub netbios: String,
    /// The accepted domains, the default one first.
    pub accepted_domains: Vec<String>,
    /// The domain of mailboxes in the service.
    pub routing_domain: String,
    /// The domain controllers' names.
    pub domain_controllers: Vec<String>,
    /// The name of the Exchange server.
    pub server: String,
    /// The containers of users, as canonical names.
    pub organizational_units: Vec<Arc<str>>,
    /// How many mailbox databases there are.
    pub databases: u32,
}

impl Default for Organization {
    fn default() -> Self {
        let units = [
            "contoso.com/Users",
            "contoso.com/Staff",
            "contoso.com/Staff/Berlin",
            "contoso.com/Staff/Seattle",
            "contoso.com/Resources",
        ];
        Self {
            domain: "contoso.com".to_owned(),
            netbios: "CONTOSO".to_owned(),
            accepted_domains: ["contoso.com", "fabrikam.com", "contoso.mail.onmicrosoft.com"]
                .map(str::to_owned)
                .to_vec(),
            routing_domain: "contoso.mail.onmicrosoft.com".to_owned(),
            domain_controllers: ["dc01.contoso.com", "dc02.contoso.com"]
                .map(str::to_owned)
                .to_vec(),
            server: "EX01".to_owned(),
            organizational_units: units.map(Arc::from).to_vec(),
            databases: 4,
        }
    }
}

impl Organization {
    /// Finds a container by its canonical name, distinguished name or last part.
    pub(crate) fn organizational_unit(&self, text: &str) -> Option<&Arc<str>> {
        let text = text.trim_end_matches('/');
        self.organizational_units.iter().find(|unit| {
            address::same(unit, text)
                || address::same(&container_dn(unit), text)
                || unit.rsplit('/').next().is_some_and(|last| address::same(last, text))
        })
    }

    /// Finds a database by its name or distinguished name.
    pub(crate) fn database(&self, text: &str) -> Option<u32> {
        (1..=self.databases).find(|number| {
            let name = database_name(*number);
            address::same(&name, text) || address::same(&self.database_dn(*number), text)
        })
    }

    pub(crate) fn database_dn(&self, number: u32) -> String {
        format!(
            "CN={},CN=Databases,CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups,CN=Contoso,CN=Microsoft Exchange,CN=Services,CN=Configuration,{}",
            database_name(number),
            container_dn(&self.domain)
        )
    }
}

pub(crate) fn database_name(number: u32) -> String {
    format!("Mailbox Database {number:02}")
}

/// Which property two recipients may not share.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum UniqueKey {
    /// The name within its container.
    Name,
    /// The logon name before Windows 2000.
    SamAccountName,
    /// The logon name.
    UserPrincipalName,
}

/// All recipients and their indexes.
#[derive(Debug)]
pub struct Directory {
    organization: Organization,
    seed: u64,
    recipients: HashMap<Uuid, Recipient>,
    /// The order in which they came, which is the order of reads.
    order: Vec<Uuid>,
    /// Lower-case identity forms other than addresses; several recipients may share one.
    identities: HashMap<Box<str>, Vec<Uuid>>,
    /// Lower-case proxy addresses with their prefixes, and legacy DNs as `x500:` addresses.
    proxies: HashMap<Box<str>, Uuid>,
}

impl Directory {
    /// Makes the organisation that `options` describe; equal counts, seeds and infrastructures give equal organisations.
    #[must_use]
    pub fn new(options: &SimOptions) -> Self {
        let mut directory = Self::empty(options.seed);
        let hybrid = options.infrastructure == Infrastructure::Hybrid;
        seed::populate(
            &mut directory,
            options.seed,
            options.mailboxes,
            options.plain_users,
            hybrid,
        );
        directory
    }

    pub(crate) fn empty(seed: u64) -> Self {
        Self {
            organization: Organization::default(),
            seed,
            recipients: HashMap::new(),
            order: Vec::new(),
            identities: HashMap::new(),
            proxies: HashMap::new(),
        }
    }

    /// Returns the organisation's fixed names.
    #[must_use]
    pub const fn organization(&self) -> &Organization {
        &self.organization
    }

    pub(crate) const fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns all recipients in the order in which they came.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.order.iter().filter_map(|guid| self.recipients.get(guid))
    }

    /// Returns a recipient by its GUID.
    #[must_use]
    pub fn get(&self, guid: Uuid) -> Option<&Recipient> {
        self.recipients.get(&guid)
    }

    /// Returns every recipient that `identity` may mean: a name, alias, account, `DOMAIN\account`, UPN, proxy address,
    /// canonical or distinguished name, legacy DN or GUID, in any case.
    #[must_use]
    pub fn find(&self, identity: &str) -> Vec<&Recipient> {
        let key = fold(identity);
        let mut found = self.identities.get(key.as_str()).cloned().unwrap_or_default();
        for prefix in ["", "smtp:", "x500:"] {
            let owner = self.proxies.get(format!("{prefix}{key}").as_str());
            if let Some(owner) = owner.filter(|owner| !found.contains(owner)) {
                found.push(*owner);
            }
        }
        found.iter().filter_map(|guid| self.recipients.get(guid)).collect()
    }

    /// Returns who has a proxy address, given with its prefix.
    #[must_use]
    pub fn proxy_owner(&self, proxy: &str) -> Option<&Recipient> {
        self.proxies.get(fold(proxy).as_str()).and_then(|guid| self.recipients.get(guid))
    }

    /// Returns the recipient other than `except` that has the value of a unique property.
    pub(crate) fn owner(
        &self,
        key: UniqueKey,
        value: &str,
        unit: &str,
        except: Option<Uuid>,
    ) -> Option<&Recipient> {
        self.find(value).into_iter().filter(|other| Some(other.guid) != except).find(|other| {
            match key {
                UniqueKey::Name => {
                    address::same(&other.name, value)
                        && address::same(&other.organizational_unit, unit)
                }
                UniqueKey::SamAccountName => address::same(&other.sam_account_name, value),
                UniqueKey::UserPrincipalName => address::same(&other.user_principal_name, value),
            }
        })
    }

    /// Adds a recipient; the caller has checked that nothing unique is taken.
    pub(crate) fn insert(&mut self, recipient: Recipient) {
        self.index(&recipient);
        self.order.push(recipient.guid);
        self.recipients.insert(recipient.guid, recipient);
    }

    /// Puts a changed recipient in the place of the one with its GUID.
    pub(crate) fn replace(&mut self, recipient: Recipient) {
        if let Some(former) = self.recipients.remove(&recipient.guid) {
            self.unindex(&former);
            self.index(&recipient);
            self.recipients.insert(recipient.guid, recipient);
        }
    }

    pub(crate) fn remove(&mut self, guid: Uuid) {
        if let Some(former) = self.recipients.remove(&guid) {
            self.unindex(&former);
            self.order.retain(|known| *known != guid);
        }
    }

    fn index(&mut self, recipient: &Recipient) {
        for key in self.identity_keys(recipient) {
            let bucket = self.identities.entry(key.into_boxed_str()).or_default();
            if !bucket.contains(&recipient.guid) {
                bucket.push(recipient.guid);
            }
        }
        for key in proxy_keys(recipient) {
            self.proxies.insert(key.into_boxed_str(), recipient.guid);
        }
    }

    fn unindex(&mut self, recipient: &Recipient) {
        for key in self.identity_keys(recipient) {
            if let Some(bucket) = self.identities.get_mut(key.as_str()) {
                bucket.retain(|guid| *guid != recipient.guid);
                if bucket.is_empty() {
                    self.identities.remove(key.as_str());
                }
            }
        }
        for key in proxy_keys(recipient) {
            if self.proxies.get(key.as_str()) == Some(&recipient.guid) {
                self.proxies.remove(key.as_str());
            }
        }
    }

    fn identity_keys(&self, recipient: &Recipient) -> BTreeSet<String> {
        let mut keys: BTreeSet<String> = [
            fold(&recipient.name),
            fold(&recipient.sam_account_name),
            fold(&recipient.user_principal_name),
            fold(&recipient.canonical_name()),
            fold(&recipient.distinguished_name()),
            recipient.guid.to_string(),
            fold(&format!("{}\\{}", self.organization.netbios, recipient.sam_account_name)),
        ]
        .into();
        if recipient.kind.is_mail_enabled() {
            keys.insert(fold(&recipient.alias));
            if !recipient.exchange_guid.is_nil() {
                keys.insert(recipient.exchange_guid.to_string());
            }
        }
        keys.remove("");
        keys
    }
}

fn proxy_keys(recipient: &Recipient) -> Vec<String> {
    let legacy = recipient.legacy_exchange_dn();
    let legacy = (!legacy.is_empty()).then(|| fold(&format!("x500:{legacy}")));
    recipient.email_addresses.iter().map(|proxy| fold(proxy)).chain(legacy).collect()
}

fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Cuts a date to whole seconds, the resolution of the directory.
pub(crate) fn whole_seconds(date: OffsetDateTime) -> OffsetDateTime {
    date.replace_nanosecond(0).unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(mailboxes: usize) -> Directory {
        Directory::new(&SimOptions::default().mailboxes(mailboxes).plain_users(5))
    }

    #[test]
    fn equal_seeds_give_equal_organisations() {
        let left: Vec<Recipient> = directory(50).recipients().cloned().collect();
        let right: Vec<Recipient> = directory(50).recipients().cloned().collect();
        assert_eq!(left.len(), 55);
        assert_eq!(left, right);
        let other = Directory::new(&SimOptions::default().mailboxes(50).plain_users(5).seed(2));
        assert_ne!(left, other.recipients().cloned().collect::<Vec<_>>());
    }

    #[test]
    fn everything_unique_is_unique() {
        let directory = directory(2000);
        let mut seen = BTreeSet::new();
        for recipient in directory.recipients() {
            for (what, key) in [
                ("guid", recipient.guid.to_string()),
                ("sam", fold(&recipient.sam_account_name)),
                ("upn", fold(&recipient.user_principal_name)),
                ("dn", fold(&recipient.distinguished_name())),
            ] {
                assert!(seen.insert((what, key.clone())), "{what} {key}");
            }
            for proxy in &recipient.email_addresses {
                assert!(seen.insert(("proxy", fold(proxy))), "{proxy}");
            }
            assert!(recipient.sam_account_name.len() <= 20, "{}", recipient.sam_account_name);
            assert!(recipient.name.chars().count() <= 64, "{}", recipient.name);
        }
    }

    #[test]
    fn every_mailbox_has_one_valid_primary_address() {
        for recipient in
            directory(500).recipients().filter(|recipient| recipient.kind.is_mail_enabled())
        {
            let primaries =
                recipient.email_addresses.iter().filter(|proxy| proxy.starts_with("SMTP:")).count();
            assert_eq!(primaries, 1, "{:?}", recipient.email_addresses);
            assert!(
                address::is_smtp(recipient.primary_smtp_address()),
                "{}",
                recipient.primary_smtp_address()
            );
            assert!(address::is_alias(&recipient.alias), "{}", recipient.alias);
        }
    }

    #[test]
    fn every_identity_form_finds_the_recipient() {
        let directory = directory(30);
        for recipient in directory.recipients().filter(|recipient| recipient.kind.is_mail_enabled())
        {
            let forms = [
                recipient.guid.to_string().to_uppercase(),
                recipient.exchange_guid.to_string(),
                recipient.user_principal_name.to_uppercase(),
                recipient.distinguished_name(),
                recipient.canonical_name(),
                recipient.legacy_exchange_dn(),
                recipient.primary_smtp_address().to_owned(),
                format!("contoso\\{}", recipient.sam_account_name),
                recipient.name.clone(),
                recipient.alias.clone(),
            ];
            for form in forms {
                assert!(
                    directory.find(&form).iter().any(|found| found.guid == recipient.guid),
                    "{form}"
                );
            }
        }
        assert!(directory.find("nobody").is_empty());
        assert!(directory.find("").is_empty());
    }

    #[test]
    fn the_population_holds_what_breaks_naive_code() {
        let directory = directory(300);
        let names: Vec<&str> =
            directory.recipients().map(|recipient| recipient.display_name.as_str()).collect();
        for awkward in ["'", "\"", "ü", "😀", "\u{5d0}", "_x000A_", "/", ",", "(", "*", "&", "<"]
        {
            assert!(names.iter().any(|name| name.contains(awkward)), "{awkward}");
        }
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        assert!(distinct.len() < names.len(), "two display names are equal");
        assert!(directory.recipients().any(|recipient| recipient.email_addresses.len() > 100));
        assert!(directory.recipients().any(|recipient| recipient.certificates > 10));
    }
}
