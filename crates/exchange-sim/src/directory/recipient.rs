//! One user of the organisation, with or without a mailbox.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use super::address;
use crate::object::Field;

/// What a recipient is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RecipientKind {
    /// A user without a mailbox.
    User,
    /// A local mailbox.
    Mailbox(MailboxKind),
    /// A mailbox in the service.
    RemoteMailbox(MailboxKind),
}

/// Whose mailbox it is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum MailboxKind {
    /// A person's.
    Regular,
    /// Nobody's in particular.
    Shared,
    /// A room's.
    Room,
    /// A device's.
    Equipment,
}

impl MailboxKind {
    /// Returns the name that parameters and properties use; a person's mailbox is `Regular`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Regular => "Regular",
            Self::Shared => "Shared",
            Self::Room => "Room",
            Self::Equipment => "Equipment",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Regular, Self::Shared, Self::Room, Self::Equipment]
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(text))
    }
}

impl RecipientKind {
    /// Returns `RecipientTypeDetails` and its number, which is 64-bit.
    #[must_use]
    pub const fn details(self, enabled: bool) -> (&'static str, i64) {
        match self {
            Self::User if enabled => ("User", 65_536),
            Self::User => ("DisabledUser", 8_388_608),
            Self::Mailbox(MailboxKind::Regular) => ("UserMailbox", 1),
            Self::Mailbox(MailboxKind::Shared) => ("SharedMailbox", 4),
            Self::Mailbox(MailboxKind::Room) => ("RoomMailbox", 16),
            Self::Mailbox(MailboxKind::Equipment) => ("EquipmentMailbox", 32),
            Self::RemoteMailbox(MailboxKind::Regular) => ("RemoteUserMailbox", 2_147_483_648),
            Self::RemoteMailbox(MailboxKind::Room) => ("RemoteRoomMailbox", 8_589_934_592),
            Self::RemoteMailbox(MailboxKind::Equipment) => {
                ("RemoteEquipmentMailbox", 17_179_869_184)
            }
            Self::RemoteMailbox(MailboxKind::Shared) => ("RemoteSharedMailbox", 34_359_738_368),
        }
    }

    /// Returns `RecipientType` and its number.
    #[must_use]
    pub const fn recipient_type(self) -> (&'static str, i64) {
        match self {
            Self::User => ("User", 1),
            Self::Mailbox(_) => ("UserMailbox", 2),
            Self::RemoteMailbox(_) => ("MailUser", 3),
        }
    }

    /// Returns whether it has addresses.
    #[must_use]
    pub const fn is_mail_enabled(self) -> bool {
        !matches!(self, Self::User)
    }

    /// Returns whose mailbox it is, if it is one.
    #[must_use]
    pub const fn mailbox_kind(self) -> Option<MailboxKind> {
        match self {
            Self::User => None,
            Self::Mailbox(kind) | Self::RemoteMailbox(kind) => Some(kind),
        }
    }
}

/// A password of which only a salted hash is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PasswordDigest {
    salt: Uuid,
    digest: [u8; 32],
}

impl PasswordDigest {
    pub(crate) fn new(salt: Uuid, password: &str) -> Self {
        Self { salt, digest: digest(salt, password) }
    }

    pub(crate) fn matches(&self, password: &str) -> bool {
        digest(self.salt, password) == self.digest
    }
}

fn digest(salt: Uuid, password: &str) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::new().chain_update(salt.as_bytes()).chain_update(password).finalize().into()
}

/// A user of the organisation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Recipient {
    /// The object's GUID, which never changes.
    pub guid: Uuid,
    /// Whether there is a mailbox, and of which kind.
    pub kind: RecipientKind,
    /// The common name.
    pub name: String,
    /// The canonical name of the container, such as `contoso.com/Users`.
    pub organizational_unit: Arc<str>,
    /// The logon name before Windows 2000.
    pub sam_account_name: String,
    /// The logon name.
    pub user_principal_name: String,
    /// The mail nickname; empty without a mailbox.
    pub alias: String,
    /// The name in address lists.
    pub display_name: String,
    /// The given name.
    pub first_name: String,
    /// The surname.
    pub last_name: String,
    /// The proxy addresses with their prefixes; empty without a mailbox.
    pub email_addresses: Vec<String>,
    /// Whether the address policy keeps the primary address.
    pub email_address_policy_enabled: bool,
    /// The address of the mailbox in the service, without a prefix; empty for others.
    pub remote_routing_address: String,
    /// The mailbox's GUID; zeros when there is none.
    pub exchange_guid: Uuid,
    /// The archive's GUID; zeros when there is none.
    pub archive_guid: Uuid,
    /// The database's number, counted from 1; 0 without a local mailbox.
    pub database: u32,
    /// Whether the account can log on.
    pub enabled: bool,
    /// Whether the password must be changed at the next logon.
    pub reset_password_on_next_logon: bool,
    /// When the object came to be, in UTC and whole seconds.
    pub when_created: OffsetDateTime,
    /// When the object was changed last, in UTC and whole seconds.
    pub when_changed: OffsetDateTime,
    /// Every other property that differs from its default, under its name.
    pub(crate) values: BTreeMap<Arc<str>, Field>,
    /// How many certificates of about 2 KB the user has; they are made up when they are asked for.
    pub(crate) certificates: u32,
    pub(crate) password: Option<PasswordDigest>,
}

impl Recipient {
    /// Returns the primary SMTP address without its prefix, or nothing.
    #[must_use]
    pub fn primary_smtp_address(&self) -> &str {
        address::primary(&self.email_addresses).unwrap_or_default()
    }

    /// Returns the canonical name, such as `contoso.com/Users/Kim Akers`; a slash in the name is escaped.
    #[must_use]
    pub fn canonical_name(&self) -> String {
        format!("{}/{}", self.organizational_unit, self.name.replace('/', "\\/"))
    }

    /// Returns the distinguished name.
    #[must_use]
    pub fn distinguished_name(&self) -> String {
        format!("CN={},{}", escape_rdn(&self.name), container_dn(&self.organizational_unit))
    }

    /// Returns the X.500 name by which old replies reach the mailbox.
    #[must_use]
    pub fn legacy_exchange_dn(&self) -> String {
        if !self.kind.is_mail_enabled() {
            return String::new();
        }
        let unique = self.guid.simple().to_string();
        let unique = unique.get(..12).unwrap_or_default();
        format!(
            "/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn={unique}-{}",
            self.sam_account_name
        )
    }

    /// Returns a stored property that has no field of its own.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Field> {
        self.values
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, field)| field)
    }

    /// Returns whether `password` is the account's.
    #[must_use]
    pub fn has_password(&self, password: &str) -> bool {
        self.password.as_ref().is_some_and(|digest| digest.matches(password))
    }

    /// Returns whether the account has a password at all.
    #[must_use]
    pub const fn is_password_set(&self) -> bool {
        self.password.is_some()
    }
}

/// Returns the distinguished name of a container from its canonical name.
pub(crate) fn container_dn(canonical: &str) -> String {
    let mut parts = canonical.split('/');
    let domain = parts.next().unwrap_or_default();
    let mut containers: Vec<String> = parts
        .map(|part| format!("{}={}", if part == "Users" { "CN" } else { "OU" }, escape_rdn(part)))
        .collect();
    containers.reverse();
    containers.extend(domain.split('.').map(|label| format!("DC={label}")));
    containers.join(",")
}

fn escape_rdn(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for character in name.chars() {
        if matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
            text.push('\\');
        }
        text.push(character);
    }
    text
}
