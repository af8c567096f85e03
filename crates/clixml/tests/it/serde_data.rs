//! Rust data from values and back.

use std::collections::BTreeMap;

use clixml::{DateTime, Error, TimeSpan, Value, from_str, to_string};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
struct Mailbox {
    alias: String,
    primary_smtp_address: String,
    email_addresses: Vec<String>,
    recipient_type: String,
    #[serde(rename = "RecipientTypeDetails")]
    recipient_type_number: u64,
    kind: Kind,
    hidden: bool,
    quota: Option<String>,
    retain: TimeSpan,
    created: Option<DateTime>,
    manager: Option<Manager>,
    missing: Option<i32>,
    notes: BTreeMap<String, i32>,
    photo: Vec<u8>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Manager {
    name: String,
}

#[derive(Debug, Deserialize, PartialEq)]
enum Kind {
    UserMailbox,
    RoomMailbox,
}

const MAILBOX: &str = r#"<Obj RefId="0"><TN RefId="0"><T>X.Mailbox</T></TN><ToString>Ann</ToString><Props>
    <S N="Alias">wrong</S><S N="ALIAS">ann</S>
    <Obj N="PrimarySmtpAddress" RefId="1"><ToString>ann@x.org</ToString><Props><S N="Local">ann</S></Props></Obj>
    <Obj N="EmailAddresses" RefId="2"><LST><S>SMTP:ann@x.org</S><Obj RefId="3"><ToString>smtp:a@x.org</ToString></Obj></LST></Obj>
    <Obj N="RecipientType" RefId="4"><ToString>UserMailbox</ToString><I32>1</I32></Obj>
    <Obj N="RecipientTypeDetails" RefId="5"><ToString>RoomMailbox</ToString><I64>16</I64></Obj>
    <S N="kind">roommailbox</S><B N="Hidden">true</B><Nil N="Quota"/><S N="Retain">14.00:00:00</S>
    <DT N="Created">2024-02-29T12:00:00Z</DT><Obj N="Boss" RefId="6"><MS><S N="Name">Bo</S></MS></Obj>
    <Ref N="Manager" RefId="6"/><BA N="Photo">AQID</BA></Props>
    <MS><S N="Alias">ann</S><Obj N="Notes" RefId="7"><DCT><En><S N="Key">k</S><I32 N="Value">7</I32></En></DCT></Obj></MS></Obj>"#;

#[test]
fn a_struct_takes_the_properties_it_names() {
    let mailbox: Mailbox = from_str(MAILBOX).unwrap();
    assert_eq!(
        mailbox,
        Mailbox {
            alias: "ann".into(),
            primary_smtp_address: "ann@x.org".into(),
            email_addresses: vec!["SMTP:ann@x.org".into(), "smtp:a@x.org".into()],
            recipient_type: "UserMailbox".into(),
            recipient_type_number: 16,
            kind: Kind::RoomMailbox,
            hidden: true,
            quota: None,
            retain: "P14D".parse().unwrap(),
            created: Some("2024-02-29T12:00:00Z".parse().unwrap()),
            manager: Some(Manager { name: "Bo".into() }),
            missing: None,
            notes: BTreeMap::from([("k".into(), 7)]),
            photo: vec![1, 2, 3],
        }
    );
}

#[test]
fn primitives_take_primitives_and_what_wraps_them() {
    assert_eq!(from_str::<i8>("<U64>7</U64>").unwrap(), 7);
    assert_eq!(from_str::<f64>("<D>1.50</D>").unwrap(), 1.5);
    assert_eq!(from_str::<u16>("<C>97</C>").unwrap(), 97);
    assert_eq!(from_str::<char>("<C>97</C>").unwrap(), 'a');
    assert_eq!(from_str::<String>("<I32>7</I32>").unwrap(), "7");
    assert_eq!(from_str::<Option<String>>("<Nil/>").unwrap(), None);
    assert!(from_str::<bool>("<Obj><B>true</B><MS/></Obj>").unwrap());
    assert_eq!(
        from_str::<Vec<Option<i32>>>("<Obj><QUE><I32>1</I32><Nil/></QUE></Obj>").unwrap(),
        [Some(1), None]
    );
    assert_eq!(
        from_str::<(i32, String)>("<Obj><LST><I32>1</I32><S>a</S></LST></Obj>").unwrap(),
        (1, "a".into())
    );
}

#[test]
fn another_shape_is_refused() {
    assert!(matches!(
        from_str::<String>("<Nil/>"),
        Err(Error::Mismatch { expected: "a string", found: "null" })
    ));
    assert!(matches!(
        from_str::<Vec<i32>>("<S>a</S>"),
        Err(Error::Mismatch { expected: "a list", .. })
    ));
    assert!(matches!(from_str::<i8>("<I32>300</I32>"), Err(Error::Custom(_))));
    assert!(matches!(from_str::<bool>("<S>true</S>"), Err(Error::Mismatch { .. })));
    assert!(from_str::<Kind>("<S>Nobody</S>").is_err());
    assert!(from_str::<Manager>("<Obj RefId='0'/>").is_err());
}

#[test]
fn any_value_becomes_json() {
    let value = clixml::read_value(
        br#"<Obj><MS><I32 N="a">1</I32><Obj N="b"><LST><S>x</S><Nil/><Db>1.5</Db></LST></Obj>
        <Obj N="c"><ToString>Blue</ToString><I32>9</I32></Obj><B N="d">true</B><TS N="e">PT1S</TS></MS></Obj>"#,
    )
    .unwrap();
    let json: serde_json::Value = clixml::from_value(&value).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"a": 1, "b": ["x", null, 1.5], "c": "Blue", "d": true, "e": "00:00:01"})
    );
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Everything {
    text: String,
    numbers: (u8, i16, u32, i64, f32),
    flag: bool,
    none: Option<i32>,
    list: Vec<String>,
    table: BTreeMap<String, u64>,
    letter: char,
    plain: Choice,
    wrapped: Choice,
    pair: Choice,
    fields: Choice,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
enum Choice {
    Plain,
    Wrapped(i32),
    Pair(i32, String),
    Fields { a: i32 },
}

#[test]
fn data_survives_the_way_there_and_back() {
    let data = Everything {
        text: "a_x000A_\n".into(),
        numbers: (1, -2, 3, -4, 1.5),
        flag: true,
        none: None,
        list: vec!["a".into(), String::new()],
        table: BTreeMap::from([("k".into(), u64::MAX)]),
        letter: '\u{1F600}',
        plain: Choice::Plain,
        wrapped: Choice::Wrapped(7),
        pair: Choice::Pair(1, "b".into()),
        fields: Choice::Fields { a: 1 },
    };
    let xml = to_string(&data).unwrap();
    assert_eq!(from_str::<Everything>(&xml).unwrap(), data);
}

#[test]
fn rust_data_has_known_forms() {
    #[derive(Serialize)]
    struct Pair {
        a: i32,
        b: Option<bool>,
    }
    assert_eq!(to_string("a").unwrap(), "<S>a</S>");
    assert_eq!(to_string(&()).unwrap(), "<Nil />");
    assert_eq!(
        to_string(&Pair { a: 1, b: None }).unwrap(),
        r#"<Obj RefId="0"><MS><I32 N="a">1</I32><Nil N="b" /></MS></Obj>"#
    );
    assert_eq!(
        to_string(&BTreeMap::from([("k", 1u8)])).unwrap(),
        concat!(
            r#"<Obj RefId="0"><TN RefId="0"><T>System.Collections.Hashtable</T><T>System.Object</T></TN>"#,
            r#"<DCT><En><S N="Key">k</S><By N="Value">1</By></En></DCT></Obj>"#
        )
    );
    assert!(to_string(&BTreeMap::from([((), 1)])).is_err());
    assert!(to_string(&1i128).is_err());
    assert_eq!(clixml::to_value(&'a').unwrap(), Value::Char(97));
}
