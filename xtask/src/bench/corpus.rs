//! Made-up mailboxes of the shape that Exchange sends, as CLIXML alone and in the envelopes they would come in.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Result;
use clixml::{Content, DateTime, DateTimeKind, Object, TypeNames, Value};
use psrp::fragment::Fragmenter;
use psrp::message::{Destination, Message, MessageType};
use psrp::uuid::Uuid;
use psrp::{PipelineId, RunspacePoolId};
use wsman::{CommandId, MessageId, ReceiveResponse, Response, StreamPart};

const MAILBOXES: u32 = 2000;
/// What Exchange allows an envelope.
const MAX_ENVELOPE: usize = 153_600;

/// Writes `clixml.bin` and `env150.bin` into `folder`: records of a little-endian length and that many bytes.
///
/// # Errors
///
/// When the files cannot be written.
pub(super) fn write(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut documents = BufWriter::new(File::create(folder.join("clixml.bin"))?);
    let mut envelopes = BufWriter::new(File::create(folder.join("env150.bin"))?);
    let (pool, pipeline) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let command = CommandId::from_uuid(pipeline);
    let mut fragmenter = Fragmenter::new(Fragmenter::DEFAULT_MAX_FRAGMENT_SIZE);
    let mut received = ReceiveResponse::default();
    let mut size = 0;
    for number in 0..MAILBOXES {
        let body = clixml::write_value(&mailbox(number)).into_bytes();
        record(&mut documents, &body)?;
        let message = Message {
            destination: Destination::Client,
            message_type: MessageType::PipelineOutput,
            pool: RunspacePoolId::from_wire(pool.to_bytes_le()),
            pipeline: PipelineId::from_wire(pipeline.to_bytes_le()),
            body: body.into(),
        };
        let mut fragments = Vec::new();
        fragmenter.fragment(&message.to_bytes(), &mut fragments);
        // Base64 and the tags around it.
        let in_envelope = fragments.len() / 3 * 4 + 200;
        if size + in_envelope > MAX_ENVELOPE && !received.streams.is_empty() {
            record(&mut envelopes, envelope(std::mem::take(&mut received)).as_bytes())?;
            size = 1000;
        }
        size += in_envelope;
        received.streams.push(StreamPart::new("stdout", Some(command.clone()), fragments));
    }
    record(&mut envelopes, envelope(received).as_bytes())?;
    documents.flush()?;
    Ok(envelopes.flush()?)
}

fn record(file: &mut impl std::io::Write, bytes: &[u8]) -> Result<()> {
    file.write_all(&u32::try_from(bytes.len())?.to_le_bytes())?;
    Ok(file.write_all(bytes)?)
}

fn envelope(received: ReceiveResponse) -> String {
    let id = MessageId::from_uuid(Uuid::from_u128(3));
    let verb = wsman::Verb::Receive;
    wsman::server::write_response(&id, Some(&id), verb, &Response::Receive(received))
}

fn mailbox(number: u32) -> Value {
    let name = format!("Zoë Müller & Sons {number}");
    let alias = format!("user{number:05}");
    let path = format!("contoso.com/Users/{name}");
    let mut mailbox = Object::new()
        .with_type_names(names(&[
            "Management.Mailbox",
            "Management.MailEnabledRecipient",
            "ADObject",
        ]))
        .with_to_string(&*path)
        .with_adapted("Identity", ad_object(&path, number))
        .with_adapted("Id", ad_object(&path, number))
        .with_adapted("Database", ad_object("contoso.com/Databases/DB07", number % 24))
        .with_adapted("Guid", guid(number))
        .with_adapted("ExchangeGuid", guid(number + MAILBOXES))
        .with_adapted("Name", &*name)
        .with_adapted("DisplayName", format!("{name} \u{1F680}"))
        .with_adapted("Alias", &*alias)
        .with_adapted("SamAccountName", &*alias)
        .with_adapted("DistinguishedName", format!("CN={name},OU=Users,DC=contoso,DC=com"))
        .with_adapted(
            "LegacyExchangeDN",
            format!("/o=Contoso/ou=Exchange/cn=Recipients/cn={alias}"),
        )
        .with_adapted("UserPrincipalName", format!("{alias}@contoso.com"))
        .with_adapted("PrimarySmtpAddress", address(&alias))
        .with_adapted("WindowsEmailAddress", address(&alias))
        .with_adapted("EmailAddresses", list("ProxyAddressCollection", addresses(&alias, number)))
        .with_adapted(
            "Languages",
            list("MultiValuedProperty", vec!["nl-NL".into(), "en-US".into()]),
        )
        .with_adapted("RecipientType", enumeration("RecipientType", "UserMailbox", 1))
        .with_adapted(
            "RecipientTypeDetails",
            enumeration("RecipientTypeDetails", "SharedMailbox", 4),
        )
        .with_adapted("ForwardingAddress", Value::Nil)
        .with_adapted("ResourceCapacity", Value::Nil)
        .with_adapted("AddressListMembershipNote", "Line one\r\nLine two_x0041_")
        .with_adapted("OriginatingServer", format!("dc{}.contoso.com", number % 4));
    for date in ["WhenChanged", "WhenCreated", "WhenChangedUTC", "WhenCreatedUTC"] {
        mailbox = mailbox.with_adapted(date, when(number));
    }
    for quota in QUOTAS {
        let size =
            object("Unlimited", "50 GB (53,687,091,200 bytes)").with_adapted("IsUnlimited", false);
        mailbox = mailbox.with_adapted(quota, size);
    }
    for flag in 0..25 {
        mailbox = mailbox.with_adapted(format!("SomeFeature{flag}EnabledByDefault"), flag % 3 == 0);
    }
    for attribute in 1..=15 {
        let text = if attribute % 3 == 0 { format!("NL-{number:05}") } else { String::new() };
        mailbox = mailbox.with_adapted(format!("CustomAttribute{attribute}"), text);
    }
    for state in 0..6 {
        let name = format!("SomeOtherState{state}");
        mailbox = mailbox.with_adapted(name, enumeration("ObjectState", "Unchanged", 1));
    }
    mailbox
        .with_adapted("EmailAddressPolicyEnabled", true)
        .with_adapted("HiddenFromAddressListsEnabled", false)
        .into()
}

const QUOTAS: [&str; 7] = [
    "IssueWarningQuota",
    "ProhibitSendQuota",
    "ProhibitSendReceiveQuota",
    "RecoverableItemsQuota",
    "CalendarLoggingQuota",
    "MaxSendSize",
    "MaxReceiveSize",
];

fn names(own: &[&str]) -> TypeNames {
    let own = own.iter().map(|name| format!("Microsoft.Exchange.Data.Directory.{name}"));
    own.chain(["System.Object".to_owned()]).collect()
}

fn object(type_name: &str, text: &str) -> Object {
    Object::new().with_type_names(names(&[type_name])).with_to_string(text)
}

fn guid(number: u32) -> Value {
    Uuid::from_u128(u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
        .into()
}

fn when(number: u32) -> Value {
    let ticks = 638_000_000_000_000_000 + u64::from(number) * 86_412_345_678;
    DateTime::from_ticks(ticks, DateTimeKind::Utc).map_or(Value::Nil, Value::from)
}

fn enumeration(type_name: &str, label: &str, number: i32) -> Object {
    object(type_name, label).with_content(Content::Value(number.into()))
}

fn list(type_name: &str, items: Vec<Value>) -> Object {
    Object::new().with_type_names(names(&[type_name])).with_content(Content::List(items))
}

fn address(alias: &str) -> Object {
    object("SmtpAddress", &format!("{alias}@contoso.com"))
        .with_adapted("Length", 21)
        .with_adapted("IsValidAddress", true)
        .with_adapted("Local", alias)
        .with_adapted("Domain", "contoso.com")
}

fn addresses(alias: &str, number: u32) -> Vec<Value> {
    let mut addresses: Vec<Value> = vec![
        format!("SMTP:{alias}@contoso.com").into(),
        format!("smtp:{alias}.alt@fabrikam.net").into(),
        format!("X500:/o=Contoso/ou=Exchange/cn=Recipients/cn={number:032x}-{alias}").into(),
        format!("SIP:{alias}@contoso.com").into(),
    ];
    // One in a hundred has a long history.
    if number % 100 == 99 {
        addresses.extend(
            (0..500).map(|old| format!("X500:/o=Old Org {old}/cn=Recipients/cn={old:024x}").into()),
        );
    }
    addresses
}

fn ad_object(path: &str, number: u32) -> Object {
    let leaf = path.rsplit('/').next().unwrap_or(path);
    object("ADObjectId", path)
        .with_adapted("Rdn", format!("CN={leaf}"))
        .with_adapted("Depth", 3)
        .with_adapted("DistinguishedName", format!("CN={leaf},OU=Users,DC=contoso,DC=com"))
        .with_adapted("PartitionFQDN", "contoso.com")
        .with_adapted("ObjectGuid", guid(number))
        .with_adapted("Name", leaf)
}
