//! The form of values in formats other than CLIXML.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::Value;
use crate::date_time::DateTime;
use crate::decimal::Decimal;
use crate::number::{format_f32, format_f64, parse_f32, parse_f64};
use crate::progress::Progress;
use crate::tag::{format_base64, parse_base64};
use crate::text::Text;
use crate::time_span::TimeSpan;
use crate::type_names::TypeNames;
use crate::value::{Content, Object, ObjectId, Property};
use crate::version::Version;

#[derive(Deserialize, Serialize)]
#[serde(remote = "Value")]
pub(super) enum PortableValue {
    Nil,
    #[serde(rename = "S", with = "AsText")]
    String(Text),
    #[serde(rename = "C")]
    Char(u16),
    #[serde(rename = "B")]
    Bool(bool),
    #[serde(rename = "DT")]
    DateTime(DateTime),
    #[serde(rename = "TS")]
    TimeSpan(TimeSpan),
    #[serde(rename = "By")]
    U8(u8),
    #[serde(rename = "SB")]
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    #[serde(with = "AsU64")]
    U64(u64),
    #[serde(with = "AsI64")]
    I64(i64),
    #[serde(rename = "Sg", with = "AsSingle")]
    F32(f32),
    #[serde(rename = "Db", with = "AsDouble")]
    F64(f64),
    #[serde(rename = "D")]
    Decimal(Decimal),
    #[serde(rename = "BA", with = "AsBase64")]
    Bytes(Vec<u8>),
    #[serde(rename = "G", with = "AsGuid")]
    Guid(Uuid),
    #[serde(rename = "URI", with = "AsText")]
    Uri(Text),
    Version(Version),
    #[serde(rename = "XD", with = "AsText")]
    Xml(Text),
    #[serde(rename = "SBK", with = "AsText")]
    ScriptBlock(Text),
    #[serde(rename = "SS", with = "AsBase64")]
    SecureString(Vec<u8>),
    #[serde(rename = "PR", with = "AsProgress")]
    Progress(Box<Progress>),
    #[serde(rename = "Obj", with = "AsObject")]
    Object(Box<Object>),
    #[serde(with = "AsId")]
    Ref(ObjectId),
    Unknown {
        tag: String,
        text: String,
    },
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Object")]
struct PortableObject {
    #[serde(rename = "RefId", default, skip_serializing_if = "Option::is_none", with = "AsSomeId")]
    id: Option<ObjectId>,
    #[serde(
        rename = "TN",
        default,
        skip_serializing_if = "TypeNames::is_empty",
        with = "AsTypeNames"
    )]
    type_names: TypeNames,
    #[serde(
        rename = "ToString",
        default,
        skip_serializing_if = "Option::is_none",
        with = "AsSomeText"
    )]
    to_string: Option<Text>,
    #[serde(
        rename = "Content",
        default,
        skip_serializing_if = "is_none",
        with = "PortableContent"
    )]
    content: Content,
    #[serde(
        rename = "Props",
        default,
        skip_serializing_if = "Vec::is_empty",
        with = "AsProperties"
    )]
    adapted: Vec<Property>,
    #[serde(rename = "MS", default, skip_serializing_if = "Vec::is_empty", with = "AsProperties")]
    extended: Vec<Property>,
}

fn is_none(content: &Content) -> bool {
    matches!(content, Content::None)
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Content")]
enum PortableContent {
    None,
    Value(Value),
    #[serde(rename = "LST")]
    List(Vec<Value>),
    #[serde(rename = "IE")]
    Enumerable(Vec<Value>),
    #[serde(rename = "STK")]
    Stack(Vec<Value>),
    #[serde(rename = "QUE")]
    Queue(Vec<Value>),
    #[serde(rename = "DCT")]
    Dictionary(Vec<(Value, Value)>),
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Progress")]
struct PortableProgress {
    #[serde(rename = "AV", with = "AsText")]
    activity: Text,
    #[serde(rename = "AI")]
    activity_id: i32,
    #[serde(rename = "S", default, with = "AsSomeText")]
    current_operation: Option<Text>,
    #[serde(rename = "PI")]
    parent_activity_id: i32,
    #[serde(rename = "PC")]
    percent_complete: i32,
    #[serde(rename = "T", with = "AsText")]
    record_type: Text,
    #[serde(rename = "SR")]
    seconds_remaining: i32,
    #[serde(rename = "SD", with = "AsText")]
    status_description: Text,
}

/// A text: a string, or code units where it is not well-formed.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum PortableText {
    Utf8(String),
    Units(Vec<u16>),
}

impl From<&Text> for PortableText {
    fn from(text: &Text) -> Self {
        text.as_str()
            .map_or_else(|| Self::Units(text.to_utf16()), |text| Self::Utf8(text.to_owned()))
    }
}

impl From<PortableText> for Text {
    fn from(text: PortableText) -> Self {
        match text {
            PortableText::Utf8(text) => text.into(),
            PortableText::Units(units) => Self::from_utf16(&units),
        }
    }
}

/// A property, with its name as a text.
#[derive(Deserialize, Serialize)]
struct PortableProperty<V> {
    #[serde(rename = "N")]
    name: PortableText,
    #[serde(rename = "V")]
    value: V,
}

struct Wrapped<T>(T);

#[expect(clippy::borrowed_box, reason = "serde gives the field as it is")]
fn wrapped<T>(boxed: &Box<T>) -> Wrapped<&T> {
    Wrapped(boxed)
}

impl Serialize for Wrapped<&Object> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PortableObject::serialize(self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Wrapped<Object> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PortableObject::deserialize(deserializer).map(Self)
    }
}

impl Serialize for Wrapped<&Progress> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PortableProgress::serialize(self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Wrapped<Progress> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PortableProgress::deserialize(deserializer).map(Self)
    }
}

/// Makes what `#[serde(with)]` wants, out of the types that stand for a field and the ways there and back.
macro_rules! fields {
    ($($name:ident($type:ty): $to:expr => $out:ty, $in:ty => $from:expr;)*) => {$(
        struct $name;

        impl $name {
            fn serialize<S: Serializer>(field: &$type, serializer: S) -> Result<S::Ok, S::Error> {
                fn to(field: &$type) -> $out {
                    ($to)(field)
                }
                to(field).serialize(serializer)
            }

            fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                fn from(form: $in) -> Option<$type> {
                    ($from)(form)
                }
                from(<$in>::deserialize(deserializer)?)
                    .ok_or_else(|| D::Error::custom(concat!("not the form of ", stringify!($type))))
            }
        }
    )*};
}

fields! {
    AsText(Text): |text: &Text| text.into() => PortableText,
        PortableText => |text: PortableText| Some(text.into());
    AsSomeText(Option<Text>): |text: &Option<Text>| text.as_ref().map(Into::into) => Option<PortableText>,
        Option<PortableText> => |text: Option<PortableText>| Some(text.map(Into::into));
    AsTypeNames(TypeNames): |names: &TypeNames| names.iter().map(Into::into).collect() => Vec<PortableText>,
        Vec<PortableText> => |names: Vec<PortableText>| Some(names.into_iter().map(Text::from).collect());
    AsU64(u64): u64::to_string => String, String => |text: String| text.parse().ok();
    AsI64(i64): i64::to_string => String, String => |text: String| text.parse().ok();
    AsGuid(Uuid): Uuid::to_string => String, String => |text: String| Uuid::try_parse(&text).ok();
    AsSingle(f32): |number: &f32| format_f32(*number) => String, String => |text: String| parse_f32(&text);
    AsDouble(f64): |number: &f64| format_f64(*number) => String, String => |text: String| parse_f64(&text);
    AsBase64(Vec<u8>): |bytes: &Vec<u8>| format_base64(bytes) => String, String => |text: String| parse_base64(&text);
    AsId(ObjectId): |id: &ObjectId| id.ordinal() => u32, u32 => |number| Some(ObjectId::new(number));
    AsSomeId(Option<ObjectId>): |id: &Option<ObjectId>| id.map(ObjectId::ordinal) => Option<u32>,
        Option<u32> => |number: Option<u32>| Some(number.map(ObjectId::new));
    AsProperties(Vec<Property>): portable_properties => Vec<PortableProperty<&Value>>,
        Vec<PortableProperty<Value>> => own_properties;
    AsObject(Box<Object>): wrapped => Wrapped<&Object>,
        Wrapped<Object> => |object: Wrapped<Object>| Some(Box::new(object.0));
    AsProgress(Box<Progress>): wrapped => Wrapped<&Progress>,
        Wrapped<Progress> => |progress: Wrapped<Progress>| Some(Box::new(progress.0));
}

#[expect(clippy::ptr_arg, reason = "serde gives the field as it is")]
fn portable_properties(properties: &Vec<Property>) -> Vec<PortableProperty<&Value>> {
    properties
        .iter()
        .map(|Property { name, value }| PortableProperty { name: name.into(), value })
        .collect()
}

fn own_properties(properties: Vec<PortableProperty<Value>>) -> Option<Vec<Property>> {
    let own = |PortableProperty { name, value }| Property { name: Text::from(name), value };
    Some(properties.into_iter().map(own).collect())
}
