//! Which properties each cmdlet's objects have, where their values come from, and how they may be filtered.

mod client_access;
mod core;
mod mailbox;
mod organization;
mod remote_mailbox;
mod user;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use time::OffsetDateTime;
use time::UtcOffset;
use uuid::Uuid;

use crate::directory::{Directory, Organization, Recipient, RecipientKind};
use crate::object::{Field, ListType, Rich, RichKind, Row, types};

pub(crate) use self::organization::{accepted_domains, organization_config};

/// The kinds of objects that the recipient cmdlets put out.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum View {
    /// What `Get-Mailbox` gives.
    Mailbox,
    /// What `Get-RemoteMailbox` gives.
    RemoteMailbox,
    /// What `Get-User` gives.
    User,
    /// What `Get-CASMailbox` gives.
    ClientAccess,
}

/// What a property may depend on beside the recipient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) directory: &'a Directory,
    /// The domain controller that answers.
    pub(crate) domain_controller: &'a str,
}

impl Scope<'_> {
    fn organization(&self) -> &Organization {
        self.directory.organization()
    }
}

/// How a filter may use a property.
///
/// The letters are those of the vendor's table: `s` text, `*` wildcards too, `b` Boolean, `e` enumeration, `d` date, `i`
/// number, `u` unlimited, `n` distinguished name, `?` may be compared with `$null`. Empty: not filterable.
pub(crate) type FilterRule = &'static str;

/// One property of a view.
#[derive(Debug)]
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) filter: FilterRule,
    pub(crate) source: Source,
}

/// Where a property's value comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// From the recipient's own fields.
    Computed(fn(&Recipient, &Scope<'_>) -> Field),
    /// From what was stored under the property's name, else the default of the shape.
    Stored(Shape),
}

/// The type of a stored property and its default.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// A string, empty when unset.
    Text,
    /// A string, Nil when unset.
    NullText,
    /// A Boolean and its default.
    Bool(bool),
    /// An integer, Nil when unset.
    Int,
    /// The id of another object, Nil when unset.
    Id,
    /// Ids of other objects.
    Ids,
    /// A list of strings.
    Strings,
    /// One proxy address, Nil when unset.
    Proxy,
    /// An SMTP address, empty when unset.
    Smtp,
    /// An unlimited size and its default in bytes.
    Size(Option<u64>),
    /// An unlimited number and its default.
    Count(Option<u32>),
    /// A value that prints as text and has this default.
    Opaque(&'static str, &'static str),
    /// A member of an enumeration; the default is the first.
    Enum(&'static EnumType),
    /// A date, Nil when unset.
    Date,
    /// A GUID, zeros when unset.
    Guid,
    /// A list of cultures.
    Cultures,
    /// A list of byte arrays.
    Certificates,
    /// Always Nil here: nothing of the simulator sets it.
    Nil,
}

/// An enumeration with its members and their numbers.
#[derive(Debug)]
pub(crate) struct EnumType {
    pub(crate) name: &'static str,
    pub(crate) wide: bool,
    pub(crate) members: &'static [(&'static str, i64)],
}

impl EnumType {
    pub(crate) fn member(&self, text: &str) -> Option<Field> {
        let (member, number) =
            self.members.iter().find(|(member, _)| member.eq_ignore_ascii_case(text))?;
        Some(enumeration(self.name, member, *number, self.wide))
    }
}

const fn computed(
    name: &'static str,
    filter: FilterRule,
    read: fn(&Recipient, &Scope<'_>) -> Field,
) -> Property {
    Property { name, filter, source: Source::Computed(read) }
}

const fn stored(name: &'static str, filter: FilterRule, shape: Shape) -> Property {
    Property { name, filter, source: Source::Stored(shape) }
}

const VIEWS: [View; 4] = [View::Mailbox, View::RemoteMailbox, View::User, View::ClientAccess];

impl View {
    const fn groups(self) -> [&'static [Property]; 4] {
        match self {
            Self::Mailbox => [
                mailbox::PROPERTIES,
                core::MAIL_ENABLED,
                core::CUSTOM_ATTRIBUTES,
                core::DIRECTORY_OBJECT,
            ],
            Self::RemoteMailbox => [
                remote_mailbox::PROPERTIES,
                core::MAIL_ENABLED,
                core::CUSTOM_ATTRIBUTES,
                core::DIRECTORY_OBJECT,
            ],
            Self::User => [user::PROPERTIES, &[], &[], core::DIRECTORY_OBJECT],
            Self::ClientAccess => [client_access::PROPERTIES, &[], &[], core::DIRECTORY_OBJECT],
        }
    }

    /// Returns the properties in the order of the wire.
    pub(crate) fn properties(self) -> impl Iterator<Item = &'static Property> {
        self.groups().into_iter().flatten()
    }

    /// Returns a property by its name in any case.
    pub(crate) fn property(self, name: &str) -> Option<&'static Property> {
        static INDEX: LazyLock<HashMap<(View, String), &'static Property>> = LazyLock::new(|| {
            VIEWS
                .into_iter()
                .flat_map(|view| {
                    view.properties()
                        .map(move |property| ((view, property.name.to_ascii_lowercase()), property))
                })
                .collect()
        });
        INDEX.get(&(self, name.to_ascii_lowercase())).copied()
    }

    /// Returns whether the recipient is one of these.
    #[must_use]
    pub const fn shows(self, kind: RecipientKind) -> bool {
        match self {
            Self::Mailbox | Self::ClientAccess => matches!(kind, RecipientKind::Mailbox(_)),
            Self::RemoteMailbox => matches!(kind, RecipientKind::RemoteMailbox(_)),
            Self::User => true,
        }
    }

    const fn types(self) -> &'static [&'static str] {
        match self {
            Self::Mailbox => types::MAILBOX,
            Self::RemoteMailbox => types::REMOTE_MAILBOX,
            Self::User => types::USER,
            Self::ClientAccess => types::CAS_MAILBOX,
        }
    }

    /// Returns the recipient as the object that the cmdlet puts out.
    pub(crate) fn row(self, recipient: &Recipient, scope: &Scope<'_>) -> Row {
        self.row_of(self.properties(), recipient, scope)
    }

    /// Returns the recipient with some of its properties.
    pub(crate) fn row_of(
        self,
        properties: impl Iterator<Item = &'static Property>,
        recipient: &Recipient,
        scope: &Scope<'_>,
    ) -> Row {
        static NAMES: LazyLock<HashMap<&'static str, Arc<str>>> = LazyLock::new(|| {
            VIEWS
                .into_iter()
                .flat_map(View::properties)
                .map(|property| (property.name, Arc::from(property.name)))
                .collect()
        });
        let fields = properties.filter_map(|property| {
            let name = NAMES.get(property.name)?;
            Some((Arc::clone(name), property.read(recipient, scope)))
        });
        Row {
            types: types::TypeChain::Plain(self.types()),
            name: Some(recipient.name.clone()),
            guid: Some(recipient.guid),
            fields: fields.collect(),
            selected: false,
        }
    }
}

impl Property {
    pub(crate) fn read(&self, recipient: &Recipient, scope: &Scope<'_>) -> Field {
        match &self.source {
            Source::Computed(read) => read(recipient, scope),
            Source::Stored(shape) => {
                recipient.values.get(self.name).cloned().unwrap_or_else(|| shape.default_value())
            }
        }
    }
}

impl Shape {
    pub(crate) fn default_value(self) -> Field {
        match self {
            Self::Text => Field::empty(),
            Self::NullText | Self::Int | Self::Id | Self::Proxy | Self::Date | Self::Nil => {
                Field::Nil
            }
            Self::Bool(value) => Field::Bool(value),
            Self::Ids => Field::List(ListType::Ids, Vec::new()),
            Self::Strings => Field::List(ListType::Strings, Vec::new()),
            Self::Cultures => Field::List(ListType::Cultures, Vec::new()),
            Self::Certificates => Field::List(ListType::Certificates, Vec::new()),
            Self::Smtp => smtp(""),
            Self::Size(bytes) => unlimited(bytes),
            Self::Count(count) => unlimited_count(count),
            Self::Opaque(kind, text) => opaque(kind, text),
            Self::Enum(members) => members
                .members
                .first()
                .and_then(|(first, _)| members.member(first))
                .unwrap_or(Field::Nil),
            Self::Guid => Field::Guid(Uuid::nil()),
        }
    }
}

/// Returns the object id of a recipient.
pub(crate) fn recipient_id(recipient: &Recipient) -> Field {
    object_id(recipient.canonical_name(), recipient.distinguished_name(), recipient.guid)
}

pub(crate) fn object_id(text: String, distinguished_name: String, guid: Uuid) -> Field {
    Field::Rich(Rich { kind: RichKind::ObjectId { distinguished_name, guid }, text })
}

pub(crate) fn smtp(address: &str) -> Field {
    Field::Rich(Rich { kind: RichKind::SmtpAddress, text: address.to_owned() })
}

pub(crate) fn proxy(address: &str) -> Field {
    Field::Rich(Rich { kind: RichKind::ProxyAddress, text: address.to_owned() })
}

pub(crate) fn enumeration(name: &'static str, text: &str, number: i64, wide: bool) -> Field {
    Field::Rich(Rich { kind: RichKind::Enum { name, number, wide }, text: text.to_owned() })
}

pub(crate) fn unlimited(bytes: Option<u64>) -> Field {
    let text = bytes.map_or_else(|| "Unlimited".to_owned(), crate::object::byte_size);
    Field::Rich(Rich { kind: RichKind::Unlimited(bytes), text })
}

pub(crate) fn unlimited_count(count: Option<u32>) -> Field {
    let text = count.map_or_else(|| "Unlimited".to_owned(), |count| count.to_string());
    Field::Rich(Rich { kind: RichKind::UnlimitedCount(count), text })
}

pub(crate) fn opaque(kind: &'static str, text: &str) -> Field {
    Field::Rich(Rich { kind: RichKind::Opaque(kind), text: text.to_owned() })
}

pub(crate) fn size(bytes: u64) -> Field {
    Field::Rich(Rich { kind: RichKind::Size(bytes), text: crate::object::byte_size(bytes) })
}

/// Returns a culture by its name; unknown ones get the number that .NET gives to cultures without one.
pub(crate) fn culture(name: &str) -> Field {
    const KNOWN: &[(&str, i32)] = &[
        ("en-US", 1033),
        ("de-DE", 1031),
        ("ja-JP", 1041),
        ("pt-BR", 1046),
        ("fr-FR", 1036),
        ("en-GB", 2057),
    ];
    let lcid = KNOWN
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map_or(4096, |(_, lcid)| *lcid);
    Field::Rich(Rich { kind: RichKind::Culture(lcid), text: name.to_owned() })
}

/// Returns the date in the server's own zone, which is two hours east of UTC in summer and winter.
fn local(date: OffsetDateTime) -> Field {
    Field::Date(date.to_offset(UtcOffset::from_hms(2, 0, 0).unwrap_or(UtcOffset::UTC)))
}

fn strings<'a>(items: impl IntoIterator<Item = &'a str>) -> Field {
    Field::List(ListType::Strings, items.into_iter().map(Field::text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimOptions;
    use std::collections::BTreeSet;

    #[test]
    fn no_view_has_a_property_twice() {
        for view in VIEWS {
            let mut seen = BTreeSet::new();
            for property in view.properties() {
                assert!(
                    seen.insert(property.name.to_ascii_lowercase()),
                    "{view:?} {}",
                    property.name
                );
            }
        }
    }

    #[test]
    fn a_mailbox_has_the_property_kinds_of_a_recorded_one() {
        let directory = Directory::new(&SimOptions::default().mailboxes(3));
        let scope = Scope { directory: &directory, domain_controller: "dc01.contoso.com" };
        let recipient = directory.recipients().next().unwrap();
        let row = View::Mailbox.row(recipient, &scope);
        let count =
            |wanted: fn(&Field) -> bool| row.fields().filter(|(_, field)| wanted(field)).count();
        assert!(row.fields().count() > 180, "{}", row.fields().count());
        assert!(count(|field| matches!(field, Field::Nil)) > 40);
        assert!(count(|field| matches!(field, Field::Text(text) if text.is_empty())) > 25);
        assert!(count(|field| matches!(field, Field::Bool(_))) > 40);
        assert!(count(|field| matches!(field, Field::List(..))) > 25);
        assert_eq!(count(|field| matches!(field, Field::Guid(_))), 4);
        assert_eq!(count(|field| matches!(field, Field::Date(_))), 5);
        assert_eq!(row.field("originatingserver"), Some(&Field::text("dc01.contoso.com")));
        assert_eq!(row.field("Guid"), Some(&Field::Guid(recipient.guid)));
    }
}
