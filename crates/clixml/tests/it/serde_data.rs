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
fn what_came_last_or_is_extended_counts_wherever_it_stands() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Pair {
        a: Option<i32>,
        #[serde(alias = "bb")]
        b: Option<Vec<Option<i32>>>,
    }
    #[track_caller]
    fn check(xml: &str, a: Option<i32>, b: Option<&[Option<i32>]>) {
        let pair = Pair { a, b: b.map(<[_]>::to_vec) };
        assert_eq!(from_str::<Pair>(xml).unwrap(), pair, "{xml}");
        let value = clixml::read_value(xml.as_bytes()).unwrap();
        assert_eq!(clixml::from_value::<Pair>(&value).unwrap(), pair, "{xml}");
    }
    check("<Obj><MS><I32 N='a'>1</I32></MS><Props><I32 N='a'>2</I32></Props></Obj>", Some(1), None);
    check("<Obj><Props><I32 N='a'>1</I32><I32 N='A'>2</I32></Props></Obj>", Some(1), None);
    check("<Obj><Props><I32 N='A'>1</I32><I32 N='A'>2</I32></Props></Obj>", Some(2), None);
    check("<Obj><MS><I32 N='_x0061_'>1</I32></MS></Obj>", Some(1), None);
    check("<Obj><MS><I32 N='&#97;'>1</I32></MS></Obj>", Some(1), None);
    check("<Obj><MS><Nil N='a'/></MS></Obj>", None, None);
    check("<Obj><Obj><MS><I32 N='a'>1</I32></MS></Obj></Obj>", Some(1), None);
    check(
        "<Obj><Obj><MS><I32 N='a'>1</I32></MS></Obj><MS><I32 N='A'>2</I32></MS></Obj>",
        Some(2),
        None,
    );
    check("<Obj><DCT><En><I32 N='Value'>1</I32><S N='Key'>A</S></En></DCT></Obj>", Some(1), None);
    let list = "<Obj N='BB' RefId='1'><LST><I32>1</I32><Nil/></LST></Obj>";
    check(&format!("<Obj><MS>{list}</MS></Obj>"), None, Some(&[Some(1), None]));
    // The object stands in a property that the struct does not ask for.
    let other = list.replace("BB", "other");
    check(
        &format!("<Obj><Props>{other}<Ref N='b' RefId='1'/></Props></Obj>"),
        None,
        Some(&[Some(1), None]),
    );
    check(
        "<Obj RefId='0'><Props><Obj N='a' RefId='1'><I32>7</I32></Obj></Props></Obj>",
        Some(7),
        None,
    );
}

#[test]
fn texts_are_borrowed_where_they_stand_in_the_document() {
    #[derive(Deserialize)]
    struct Texts<'a> {
        plain: &'a str,
        #[serde(borrow)]
        escaped: std::borrow::Cow<'a, str>,
    }
    let xml = "<Obj><MS><S N='plain'>a</S><S N='escaped'>_x000A_&amp;</S></MS></Obj>";
    let texts: Texts<'_> = clixml::from_slice(xml.as_bytes()).unwrap();
    assert_eq!((texts.plain, &*texts.escaped), ("a", "\n&"));
    assert_eq!(
        clixml::from_slice::<Texts<'_>>(format!("\u{FEFF}{xml}").as_bytes()).unwrap().plain,
        "a"
    );
    let wide: Vec<u8> =
        "\u{FEFF}<S>a</S>".encode_utf16().flat_map(|unit| unit.to_le_bytes()).collect();
    assert_eq!(clixml::from_slice::<String>(&wide).unwrap(), "a");
    assert!(clixml::from_slice::<&str>(&wide).is_err());
}

#[test]
fn exactly_one_value_is_expected() {
    assert!(matches!(from_str::<String>("<Objs/>"), Err(Error::Count { found: 0 })));
    assert!(matches!(from_str::<String>("<Objs><S/><S/></Objs>"), Err(Error::Count { found: 2 })));
    assert!(from_str::<String>("<S>a</S><S/>").is_err());
    assert!(from_str::<String>("<S>a").is_err());
    assert_eq!(from_str::<String>("#< CLIXML\r\n<Objs><S>a</S></Objs>").unwrap(), "a");
}

#[test]
fn a_record_that_cannot_be_read_leaves_its_neighbours_alone() {
    let xml = r#"<Objs><Obj RefId="0"><TN RefId="0"><T>T</T></TN><MS><S N="Name">a</S></MS></Obj>
        <Obj RefId="1"><TNRef RefId="0"/><MS><I32 N="Name">1</I32><I32 N="Bad">x</I32></MS></Obj>
        <Obj RefId="2"><MS><Ref N="Name" RefId="9"/></MS></Obj>
        <Obj RefId="3"><TNRef RefId="7"/></Obj>
        <Obj RefId="4"><MS><S N="Name">stray</S>text</MS></Obj>
        <Obj RefId="5"><TNRef RefId="0"/><MS><S N="Name">b</S><Ref N="First" RefId="0"/></MS></Obj>
        <Obj RefId="6"><MS><S N="Name">&unknown;</S></MS></Obj>
        <Obj RefId="7"><MS><S N="Name">c</S></MS></Obj></Objs>"#;
    let source = clixml::Source::from(xml);
    let mut objects = clixml::Objects::new(&source, clixml::Limits::default());
    let mut values = Vec::new();
    for value in &mut objects {
        values.push(value);
    }
    assert!(objects.is_complete());
    let read: Vec<bool> = values.iter().map(Result::is_ok).collect();
    assert_eq!(read, [true, false, false, false, false, true, false, true]);
    // The first object, which the sixth points at, has become part of it.
    let sixth = values[5].as_ref().unwrap();
    assert_eq!(sixth.as_object().unwrap().type_names.first(), Some("T"));
    assert_eq!(sixth.property("First").and_then(|first| first.property("Name")), Some(&"a".into()));

    let mut objects = clixml::Objects::new(&source, clixml::Limits::default());
    let mut names = Vec::new();
    while let Some(manager) = objects.next_as::<Manager>() {
        names.push(manager.ok().map(|manager| manager.name));
    }
    // What the struct does not ask for may be unreadable.
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(names, [some("a"), some("1"), None, None, None, some("b"), None, some("c")]);
}

#[test]
fn behind_broken_xml_there_is_nothing_more() {
    let source = clixml::Source::from("<Objs><S>a</S><I32>x</I32><S>b</Objs>");
    let mut objects = clixml::Objects::new(&source, clixml::Limits::default());
    let read: Vec<bool> = objects.by_ref().map(|value| value.is_ok()).collect();
    assert_eq!(read, [true, false, false]);
    assert!(!objects.is_complete());
}

#[test]
fn a_value_may_be_a_field() {
    #[derive(Deserialize, Serialize)]
    struct Holder {
        name: String,
        rest: Value,
    }
    let xml = r#"<Obj RefId="0"><TN RefId="0"><T>T</T></TN><MS><Obj N="before" RefId="1"><TN RefId="1"><T>U</T></TN><ToString>u</ToString></Obj>
        <S N="name">n</S><Obj N="rest" RefId="2"><TNRef RefId="1"/><LST><Ref RefId="1"/><Ref RefId="2"/><S>_xD83D_</S></LST></Obj></MS></Obj>"#;
    let holder: Holder = from_str(xml).unwrap();
    assert_eq!(holder.name, "n");
    let items = holder.rest.items().unwrap();
    assert_eq!(holder.rest.as_object().unwrap().type_names.first(), Some("U"));
    assert_eq!(items[0].text().as_deref(), Some("u"));
    assert_eq!(items[1], Value::Ref(clixml::ObjectId::new(0)));
    assert_eq!(items[2], Value::String(clixml::Text::from_utf16(&[0xD83D])));
    let again: Holder = from_str(&to_string(&holder).unwrap()).unwrap();
    assert_eq!(again.rest.items().unwrap().len(), 3);
}

#[test]
fn a_value_has_a_form_in_other_formats() {
    let value = clixml::read_value(
        br#"<Obj RefId="0"><TN RefId="0"><T>T</T></TN><ToString>t</ToString><LST><I64>7</I64><Nil/><Db>1.5</Db><BA>AQID</BA></LST>
        <MS><S N="a">b_xD83D_</S></MS></Obj>"#,
    )
    .unwrap();
    let json = serde_json::to_value(&value).unwrap();
    let expected = serde_json::json!({"Obj": {"RefId": 0, "TN": ["T"], "ToString": "t",
        "Content": {"LST": [{"I64": "7"}, "Nil", {"Db": "1.5"}, {"BA": "AQID"}]},
        "MS": [{"N": "a", "V": {"S": [98, 0xD83D]}}]}});
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<Value>(json).unwrap(), value);
    assert!(serde_json::from_str::<Value>(r#"{"I64": "seven"}"#).is_err());
}

#[test]
fn primitives_take_primitives_and_what_wraps_them() {
    assert_eq!(from_str::<i8>("<U64>7</U64>").unwrap(), 7);
    assert_eq!(from_str::<f64>("<D>1.50</D>").unwrap(), 1.5);
    assert_eq!(from_str::<u16>("<C>97</C>").unwrap(), 97);
    assert_eq!(from_str::<char>("<C>97</C>").unwrap(), 'a');
    assert_eq!(from_str::<String>("<I32>7</I32>").unwrap(), "7");
    assert_eq!(from_str::<Option<String>>("<Nil/>").unwrap(), None);
    let null =
        "<Objs><Obj><TN RefId='0'><T>A</T></TN><TNRef RefId='0'/><ToString/><Nil/></Obj></Objs>";
    assert_eq!(from_str::<Option<String>>(null).unwrap(), None);
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
