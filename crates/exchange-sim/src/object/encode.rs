//! From properties to CLIXML values.

use std::collections::HashMap;
use std::sync::LazyLock;

use clixml::{Content, DateTime, DateTimeKind, Object, TypeNames, Value};
use time::OffsetDateTime;

use super::types::{self, ListType, TypeChain};
use super::{Field, Item, Rich, RichKind, Row};

const ENUM_TAIL: [&str; 3] = ["System.Enum", "System.ValueType", types::OBJECT];

impl Item {
    /// Returns the value that goes over the wire.
    #[must_use]
    pub fn to_clixml(&self) -> Value {
        match self {
            Self::Row(row) => row.to_clixml(),
            Self::Field(field) => field.to_clixml(true),
        }
    }
}

impl Row {
    /// Returns the object that goes over the wire.
    #[must_use]
    pub fn to_clixml(&self) -> Value {
        let mut object = Object::new().with_type_names(self.types.type_names());
        if let Some(name) = &self.name {
            object = object.with_to_string(name.as_str());
        }
        for (name, field) in &self.fields {
            let value = field.to_clixml(self.selected);
            object = if self.selected {
                object.with_extended(name.as_ref(), value)
            } else {
                object.with_adapted(name.as_ref(), value)
            };
        }
        object.into()
    }
}

impl TypeChain {
    fn type_names(self) -> TypeNames {
        match self {
            Self::Plain(names) => shared(names),
            Self::Selected(_) => self.names().iter().map(AsRef::as_ref).collect(),
        }
    }
}

/// Returns a chain's names; each chain is made once and then shared.
fn shared(names: &'static [&'static str]) -> TypeNames {
    static KNOWN: LazyLock<HashMap<&'static str, TypeNames>> = LazyLock::new(|| {
        let lists = [
            ListType::Proxies,
            ListType::Strings,
            ListType::Ids,
            ListType::Cultures,
            ListType::Certificates,
            ListType::Plain,
        ];
        let chains = [
            types::MAILBOX,
            types::REMOTE_MAILBOX,
            types::USER,
            types::CAS_MAILBOX,
            types::ACCEPTED_DOMAIN,
            types::ORGANIZATION_CONFIG,
            types::MEASURE,
            types::CMDLET_INFO,
        ];
        let all = lists.into_iter().map(ListType::names).chain(chains);
        all.filter_map(|chain| Some((*chain.first()?, TypeNames::from(chain)))).collect()
    });
    let known = names.first().and_then(|first| KNOWN.get(first)).cloned();
    known.unwrap_or_else(|| TypeNames::from(names))
}

impl Field {
    /// Returns the value; `deep` when it stands one level higher than in a whole object.
    pub(crate) fn to_clixml(&self, deep: bool) -> Value {
        match self {
            Self::Nil => Value::Nil,
            Self::Text(text) => text.as_str().into(),
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::I32(*value),
            Self::Guid(value) => Value::Guid(*value),
            Self::Date(value) => date(*value),
            Self::Bytes(bytes) => Value::Bytes(bytes.clone()),
            Self::Rich(rich) => rich.to_clixml(deep),
            Self::List(kind, items) => {
                let items = items.iter().map(|item| item.to_clixml(deep)).collect();
                Object::new()
                    .with_type_names(shared(kind.names()))
                    .with_content(Content::List(items))
                    .into()
            }
        }
    }
}

fn date(date: OffsetDateTime) -> Value {
    let offset = date.offset();
    let utc = DateTime::from_unix(date.unix_timestamp(), 0);
    let date = if offset.is_utc() {
        utc
    } else {
        let shift = u64::try_from(offset.whole_seconds()).unwrap_or(0) * 10_000_000;
        utc.and_then(|utc| {
            DateTime::from_ticks(
                utc.ticks() + shift,
                DateTimeKind::Local { offset_minutes: offset.whole_minutes() },
            )
        })
    };
    date.map_or(Value::Nil, Value::DateTime)
}

impl Rich {
    fn to_clixml(&self, deep: bool) -> Value {
        if let RichKind::Culture(lcid) = self.kind {
            return culture(&self.text, lcid);
        }
        if !deep {
            return self.text.as_str().into();
        }
        let (type_names, parts): (TypeNames, Vec<(&str, Value)>) = match &self.kind {
            RichKind::Enum { name, number, wide } => {
                return enumeration(name, &self.text, *number, *wide);
            }
            RichKind::ObjectId { distinguished_name, guid } => {
                (directory("ADObjectId"), id_parts(&self.text, distinguished_name, *guid))
            }
            RichKind::SmtpAddress => {
                (data("SmtpAddress", "System.ValueType"), smtp_parts(&self.text))
            }
            RichKind::ProxyAddress => (proxy_types(&self.text), proxy_parts(&self.text)),
            RichKind::Unlimited(bytes) => (
                unlimited_types("ByteQuantifiedSize"),
                unlimited_parts(bytes.map(|_| self.text.clone())),
            ),
            RichKind::UnlimitedCount(count) => {
                (unlimited_types("UInt32"), unlimited_parts(count.map(|count| count.to_string())))
            }
            RichKind::Size(_) => (data("ByteQuantifiedSize", "System.ValueType"), Vec::new()),
            RichKind::Opaque(name) => (TypeNames::from([*name, types::OBJECT]), Vec::new()),
            RichKind::Culture(_) => (TypeNames::none(), Vec::new()),
        };
        let mut object =
            Object::new().with_type_names(type_names).with_to_string(self.text.as_str());
        for (name, value) in parts {
            object = object.with_adapted(name, value);
        }
        object.into()
    }
}

fn directory(name: &str) -> TypeNames {
    TypeNames::from([
        format!("Microsoft.Exchange.Data.Directory.{name}").as_str(),
        "Microsoft.Exchange.Data.ObjectId",
        types::OBJECT,
    ])
}

fn data(name: &str, base: &str) -> TypeNames {
    TypeNames::from([format!("Microsoft.Exchange.Data.{name}").as_str(), base, types::OBJECT])
}

fn unlimited_types(of: &str) -> TypeNames {
    let name = format!("Microsoft.Exchange.Data.Unlimited`1[[{of}]]");
    TypeNames::from([name.as_str(), "System.ValueType", types::OBJECT])
}

fn enumeration(name: &str, text: &str, number: i64, wide: bool) -> Value {
    let [tail, value_type, object] = ENUM_TAIL;
    let number = match i32::try_from(number) {
        Ok(narrow) if !wide => Value::I32(narrow),
        _ => Value::I64(number),
    };
    Object::new()
        .with_type_names([name, tail, value_type, object])
        .with_to_string(text)
        .with_content(Content::Value(number))
        .into()
}

fn culture(name: &str, lcid: i32) -> Value {
    let language = name.split('-').next().unwrap_or_default();
    Object::new()
        .with_type_names(["System.Globalization.CultureInfo", types::OBJECT])
        .with_to_string(name)
        .with_adapted("LCID", lcid)
        .with_adapted("Name", name)
        .with_adapted("DisplayName", name)
        .with_adapted("IetfLanguageTag", name)
        .with_adapted("TwoLetterISOLanguageName", language)
        .into()
}

fn id_parts(text: &str, distinguished_name: &str, guid: uuid::Uuid) -> Vec<(&'static str, Value)> {
    let parent = text.rsplit_once('/').map_or("", |(parent, _)| parent);
    let rdn = distinguished_name.split(',').next().unwrap_or_default();
    let depth = i32::try_from(distinguished_name.split(',').count()).unwrap_or(i32::MAX);
    vec![
        ("IsDeleted", Value::Bool(false)),
        ("Rdn", rdn.into()),
        ("Parent", parent.into()),
        ("Depth", Value::I32(depth)),
        ("DistinguishedName", distinguished_name.into()),
        ("IsRelativeDn", Value::Bool(false)),
        ("ObjectGuid", Value::Guid(guid)),
        ("Name", text.rsplit('/').next().unwrap_or_default().into()),
    ]
}

fn smtp_parts(address: &str) -> Vec<(&'static str, Value)> {
    let (local, domain) = address.rsplit_once('@').unwrap_or_default();
    vec![
        ("Length", Value::I32(i32::try_from(address.encode_utf16().count()).unwrap_or(i32::MAX))),
        ("Local", local.into()),
        ("Domain", domain.into()),
        ("Address", address.into()),
        ("IsUTF8", Value::Bool(!address.is_ascii())),
        ("IsValidAddress", Value::Bool(!address.is_empty())),
    ]
}

fn proxy_types(text: &str) -> TypeNames {
    let smtp = crate::directory::address::smtp_part(text).is_some();
    let first = if smtp {
        "Microsoft.Exchange.Data.SmtpProxyAddress"
    } else {
        "Microsoft.Exchange.Data.CustomProxyAddress"
    };
    TypeNames::from([
        first,
        "Microsoft.Exchange.Data.ProxyAddress",
        "Microsoft.Exchange.Data.ProxyAddressBase",
        types::OBJECT,
    ])
}

fn proxy_parts(text: &str) -> Vec<(&'static str, Value)> {
    let (prefix, address) = text.split_once(':').unwrap_or_default();
    let mut parts = Vec::new();
    if prefix.eq_ignore_ascii_case("smtp") {
        parts.push(("SmtpAddress", address.into()));
    }
    parts.extend([
        ("AddressString", address.into()),
        ("ProxyAddressString", text.into()),
        ("Prefix", prefix.to_uppercase().into()),
        ("IsPrimaryAddress", Value::Bool(prefix.chars().all(char::is_uppercase))),
        ("PrefixString", prefix.into()),
    ]);
    parts
}

fn unlimited_parts(value: Option<String>) -> Vec<(&'static str, Value)> {
    let mut parts = vec![("IsUnlimited", Value::Bool(value.is_none()))];
    parts.extend(value.map(|value| ("Value", value.into())));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views;
    use time::macros::datetime;

    #[test]
    fn a_value_is_text_in_a_whole_object_and_an_object_after_select_object() {
        let size = views::unlimited(Some(30 << 30));
        assert_eq!(size.to_clixml(false).as_str(), Some("30 GB (32,212,254,720 bytes)"));
        let selected = size.to_clixml(true);
        assert_eq!(selected.property("IsUnlimited").and_then(Value::as_bool), Some(false));
        assert_eq!(
            selected.property("Value").and_then(Value::as_str),
            Some("30 GB (32,212,254,720 bytes)")
        );
        assert!(views::unlimited(None).to_clixml(true).property("Value").is_none());
        let details = views::enumeration("Type", "UserMailbox", 1, true).to_clixml(true);
        assert_eq!(details.enum_number(), Some(1));
        assert_eq!(details.text().as_deref(), Some("UserMailbox"));
    }

    #[test]
    fn dates_carry_their_offset() {
        let utc = Field::Date(datetime!(2026-11-25 10:00:00 UTC)).to_clixml(false);
        let local = Field::Date(datetime!(2026-11-25 12:00:00 +2)).to_clixml(false);
        assert_eq!(clixml::write_value(&utc), "<DT>2026-11-25T10:00:00Z</DT>");
        assert_eq!(clixml::write_value(&local), "<DT>2026-11-25T12:00:00+02:00</DT>");
    }
}
