//! The population at the start: believable names, and among them the values that break naive code.

use std::sync::Arc;

use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::random::SplitMix;
use super::recipient::PasswordDigest;
use super::{Directory, MailboxKind, Recipient, RecipientKind, address};
use crate::object::{Field, ListType};

const FIRST: &[&str] = &[
    "Ann",
    "Kim",
    "Lee",
    "Olivia",
    "Noah",
    "Emma",
    "Liam",
    "Mia",
    "Paul",
    "Lena",
    "Jonas",
    "Sofia",
    "Ivan",
    "Chen",
    "Aiko",
    "Omar",
    "Fatima",
    "Pedro",
    "Lucía",
    "Jürgen",
    "Søren",
    "Łukasz",
    "Zoë",
    "François",
    "Aoife",
    "Björn",
    "Nuno",
    "Ewa",
    "Tamás",
    "Mehmet",
    "Ravi",
    "Priya",
];
const LAST: &[&str] = &[
    "Akers",
    "Baker",
    "Carter",
    "Dietrich",
    "Evans",
    "Fischer",
    "Garcia",
    "Hansen",
    "Ito",
    "Jensen",
    "Kowalski",
    "Lopez",
    "Meyer",
    "Nguyen",
    "O'Neil",
    "Petrov",
    "Quinn",
    "Rossi",
    "Schäfer",
    "Tanaka",
    "Ueda",
    "Vogel",
    "Weiß",
    "Xu",
    "Young",
    "Zimmermann",
    "D'Arcy",
    "Østergaard",
    "Novák",
    "Silva",
];
const DEPARTMENTS: &[&str] =
    &["Sales", "Research & Development", "Finance", "Legal", "IT", "HR <People>", "Logistics", ""];
const TITLES: &[&str] = &["Engineer", "Manager", "Assistant", "Director", "Analyst", ""];
const CITIES: &[(&str, &str)] = &[
    ("Berlin", "Germany"),
    ("Seattle", "United States"),
    ("København", "Denmark"),
    ("東京", "Japan"),
    ("São Paulo", "Brazil"),
    ("", ""),
];
const CULTURES: &[&str] = &["en-US", "de-DE", "ja-JP", "pt-BR"];

/// Display names that no client should stumble over; each comes once in every few dozen mailboxes.
const AWKWARD: &[&str] = &[
    "O'Neil, \"Red\" (Sales)",
    "Jürgen Weiß-Müller",
    "Ann 😀 Emoji",
    "אבג דהו",
    "literal _x000A_ text",
    "Sales/Berlin, Team",
    "Star * and ? Mark",
    "Fish & Chips <Ltd>",
    "  padded  name ",
    "Tab\tand\nnewline",
    "Kim Akers",
    "Kim Akers",
    "漢字 かな",
    "e\u{301} combining",
    "50% [brackets] {braces}",
    "§ section",
];

const EPOCH: OffsetDateTime = datetime!(2024-03-05 08:30:00 UTC);

/// Fills an empty directory.
pub(super) fn populate(
    directory: &mut Directory,
    seed: u64,
    mailboxes: usize,
    plain_users: usize,
    hybrid: bool,
) {
    for number in 0..mailboxes {
        let kind = mailbox_kind(number);
        let kind = if hybrid && !number.is_multiple_of(5) {
            RecipientKind::RemoteMailbox(kind)
        } else {
            RecipientKind::Mailbox(kind)
        };
        let recipient = person(directory, seed, number, kind);
        directory.insert(recipient);
    }
    for number in 0..plain_users {
        let recipient = plain_user(directory, seed, number);
        directory.insert(recipient);
    }
}

/// Adds mailboxes of the service that no other directory knows of.
pub(super) fn populate_online(directory: &mut Directory, seed: u64, mailboxes: usize) {
    /// Further than any count of mailboxes that the own directory begins with.
    const FIRST_NUMBER: usize = 5_000_000;
    for number in FIRST_NUMBER..FIRST_NUMBER + mailboxes {
        let mut recipient =
            person(directory, seed, number, RecipientKind::Mailbox(mailbox_kind(number)));
        recipient.email_address_policy_enabled = false;
        directory.insert(recipient);
    }
}

const fn mailbox_kind(number: usize) -> MailboxKind {
    match number % 25 {
        11 => MailboxKind::Shared,
        17 => MailboxKind::Room,
        23 => MailboxKind::Equipment,
        _ => MailboxKind::Regular,
    }
}

fn index(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn person(directory: &Directory, seed: u64, number: usize, kind: RecipientKind) -> Recipient {
    let mut random = SplitMix::new(seed, index(number));
    let mut recipient = blank(directory, &mut random, kind);
    let organization = directory.organization();
    recipient.first_name = random.pick(FIRST).to_owned();
    recipient.last_name = random.pick(LAST).to_owned();
    let plain = format!("{} {}", recipient.first_name, recipient.last_name);
    recipient.display_name = awkward_name(number).unwrap_or(&plain).to_owned();
    recipient.name = unique_name(&recipient.display_name, number);
    // An alias may hold an apostrophe, but whoever makes one leaves it out: in a filter it would have to be doubled.
    let bare = plain.replace('\'', "");
    recipient.alias = format!("{}{number:05}", address::alias_of(&bare).to_lowercase());
    recipient.sam_account_name = format!("u{number:07}");
    recipient.user_principal_name = format!("{}@{}", recipient.alias, organization.domain);
    recipient.organizational_unit = match kind.mailbox_kind() {
        Some(MailboxKind::Room | MailboxKind::Equipment) => Arc::from("contoso.com/Resources"),
        _ => organization
            .organizational_units
            .get(random.below(4))
            .cloned()
            .unwrap_or_else(|| Arc::from("contoso.com/Users")),
    };
    recipient.enabled = kind.mailbox_kind() == Some(MailboxKind::Regular);
    addresses(
        &mut recipient,
        &mut random,
        number,
        &organization.domain,
        &organization.routing_domain,
    );
    properties(&mut recipient, &mut random, number);
    match kind {
        RecipientKind::Mailbox(_) => {
            recipient.exchange_guid = random.guid();
            recipient.database = 1 + u32::try_from(
                random.below(usize::try_from(organization.databases).unwrap_or(1)),
            )
            .unwrap_or(0);
            if random.one_in(6) {
                recipient.archive_guid = random.guid();
            }
        }
        RecipientKind::RemoteMailbox(_) if random.one_in(2) => {
            recipient.exchange_guid = random.guid()
        }
        _ => {}
    }
    recipient
}

fn awkward_name(number: usize) -> Option<&'static str> {
    (number % 3 == 1).then(|| AWKWARD.get(number / 3 % 24).copied()).flatten()
}

/// Makes a common name of a display name: unique by its number, without control characters, at most 64 characters.
fn unique_name(display_name: &str, number: usize) -> String {
    let clean: String = display_name
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(56)
        .collect();
    format!("{} {number:05}", clean.trim())
}

fn addresses(
    recipient: &mut Recipient,
    random: &mut SplitMix,
    number: usize,
    domain: &str,
    routing_domain: &str,
) {
    let alias = recipient.alias.clone();
    let mut list = vec![format!("SMTP:{alias}@{domain}")];
    if random.one_in(3) {
        list.insert(0, format!("smtp:{alias}.alias@fabrikam.com"));
    }
    if random.one_in(4) {
        list.push(format!(
            "X500:/o=Old Org/ou=First Administrative Group/cn=Recipients/cn={}",
            recipient.sam_account_name
        ));
    }
    if random.one_in(5) {
        list.push(format!("SIP:{alias}@{domain}"));
    }
    if matches!(recipient.kind, RecipientKind::RemoteMailbox(_)) || random.one_in(8) {
        list.push(format!("smtp:{alias}@{routing_domain}"));
    }
    if number % 97 == 60 {
        list.extend((0..400).map(|extra| {
            format!("smtp:{alias}.{extra:03}@department{:02}.fabrikam.com", extra % 20)
        }));
    }
    if matches!(recipient.kind, RecipientKind::RemoteMailbox(_)) {
        recipient.remote_routing_address = format!("{alias}@{routing_domain}");
    }
    recipient.email_address_policy_enabled = !random.one_in(7);
    recipient.email_addresses = list;
}

fn properties(recipient: &mut Recipient, random: &mut SplitMix, number: usize) {
    let (city, country) = CITIES.get(random.below(CITIES.len())).copied().unwrap_or_default();
    let office = if random.one_in(2) {
        format!("Building {}/{}", random.below(9), random.below(400))
    } else {
        String::new()
    };
    let mut texts = vec![
        ("Department", random.pick(DEPARTMENTS).to_owned()),
        ("Title", random.pick(TITLES).to_owned()),
        ("City", city.to_owned()),
        ("CountryOrRegion", country.to_owned()),
        ("Company", "Contoso".to_owned()),
        ("Office", office),
        ("Phone", format!("+49 30 {:07}", random.below(9_999_999))),
        ("CustomAttribute1", format!("E{number:06}")),
    ];
    if random.one_in(10) {
        texts.push((
            "CustomAttribute2",
            AWKWARD.get(random.below(AWKWARD.len())).copied().unwrap_or_default().to_owned(),
        ));
    }
    if number % 50 == 30 {
        texts.push(("Notes", "A long note, written over years: \u{201e}Umlauts äöü\u{201c}, emoji 🎉, line\r\nbreaks.\r\n".repeat(400)));
    }
    for (name, text) in texts {
        if !text.is_empty() {
            recipient.values.insert(Arc::from(name), Field::Text(text));
        }
    }
    if random.one_in(12) {
        recipient.values.insert(Arc::from("HiddenFromAddressListsEnabled"), Field::Bool(true));
    }
    if random.one_in(9) {
        let items = (0..3).map(|item| Field::Text(format!("value {item} of {number}"))).collect();
        recipient
            .values
            .insert(Arc::from("ExtensionCustomAttribute1"), Field::List(ListType::Strings, items));
    }
    if matches!(recipient.kind, RecipientKind::Mailbox(_)) && !random.one_in(5) {
        let culture = crate::views::culture(random.pick(CULTURES));
        recipient
            .values
            .insert(Arc::from("Languages"), Field::List(ListType::Cultures, vec![culture]));
    }
    if number % 50 == 40 {
        recipient.certificates = 15 + u32::try_from(random.below(18)).unwrap_or(0);
    }
}

fn plain_user(directory: &Directory, seed: u64, number: usize) -> Recipient {
    let mut random = SplitMix::new(seed, index(number) | 1 << 40);
    let mut recipient = blank(directory, &mut random, RecipientKind::User);
    recipient.first_name = random.pick(FIRST).to_owned();
    recipient.last_name = random.pick(LAST).to_owned();
    recipient.display_name = format!("{} {}", recipient.first_name, recipient.last_name);
    recipient.name = format!("Plain User {number:04}");
    recipient.sam_account_name = format!("plain{number:04}");
    recipient.user_principal_name = format!("plain{number:04}@{}", directory.organization().domain);
    recipient.enabled = true;
    recipient
}

/// Returns a recipient with everything that a name does not matter for.
fn blank(directory: &Directory, random: &mut SplitMix, kind: RecipientKind) -> Recipient {
    let seconds = i64::try_from(random.below(60 * 60 * 24 * 500)).unwrap_or(0);
    let created = EPOCH + Duration::seconds(seconds);
    let later = i64::try_from(random.below(60 * 60 * 24 * 100)).unwrap_or(0);
    let guid = random.guid();
    Recipient {
        guid,
        kind,
        name: String::new(),
        organizational_unit: directory
            .organization()
            .organizational_units
            .first()
            .cloned()
            .unwrap_or_else(|| Arc::from("contoso.com/Users")),
        sam_account_name: String::new(),
        user_principal_name: String::new(),
        alias: String::new(),
        display_name: String::new(),
        first_name: String::new(),
        last_name: String::new(),
        email_addresses: Vec::new(),
        email_address_policy_enabled: true,
        remote_routing_address: String::new(),
        exchange_guid: Uuid::nil(),
        archive_guid: Uuid::nil(),
        database: 0,
        enabled: false,
        reset_password_on_next_logon: false,
        when_created: created,
        when_changed: created + Duration::seconds(later),
        values: std::collections::BTreeMap::new(),
        certificates: 0,
        password: Some(PasswordDigest::new(guid, "Initial-Passw0rd")),
    }
}
