//! One document per type, shared by reader and writer: `tests/golden`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clixml::{
    Content, DateTime, DateTimeKind, Decimal, Object, ObjectId, Progress, Property, Text, TimeSpan,
    TypeNames, Value,
};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"))
}

/// Reads a document, compares its values, and writes them again.
#[track_caller]
fn check(name: &str, expected: &[Value]) {
    let file = fs::read_to_string(folder().join(format!("{name}.clixml"))).expect("it exists");
    let (says, xml) = file.split_once('\n').expect("the first line is a comment");
    assert!(says.starts_with("<!-- ") && says.contains(". "), "{name} says what is preserved");
    let document = clixml::read_document(file.as_bytes()).expect("it is CLIXML");
    // Not a number is unequal to itself.
    assert_eq!(format!("{:?}", document.values), format!("{expected:?}"), "{name}");
    if name != "streams" {
        assert_eq!(clixml::write_document(expected), xml.trim_end(), "{name}");
    }
    assert_eq!(document.to_xml(), xml.trim_end(), "{name}");
}

fn object(id: u32) -> Object {
    Object::new().with_id(ObjectId::new(id))
}

fn text(units: &[u16]) -> Value {
    Value::String(Text::from_utf16(units))
}

#[test]
fn no_document_is_left_out() {
    let files: BTreeSet<String> = fs::read_dir(folder())
        .expect("it exists")
        .filter_map(|entry| {
            let name = entry.expect("it is readable").file_name().into_string().ok()?;
            name.strip_suffix(".clixml").map(str::to_owned)
        })
        .collect();
    let source = include_str!("golden.rs");
    for file in &files {
        assert!(source.contains(&format!("\"{file}\"")), "{file} has no test");
    }
    assert_eq!(files.len(), 36);
}

#[test]
fn texts() {
    check("nil", &[Value::Nil]);
    check(
        "string",
        &[
            "".into(),
            "Ann Example".into(),
            "  two blanks on either side  ".into(),
            "line\r\nbreak\ttab".into(),
            "<a> & \"b\" 'c'".into(),
            "_x0041_ is no escape".into(),
            "Zoë 李 \u{1F680}".into(),
            text(&[0x68, 0x61, 0x6C, 0x66, 0xD83D]),
            "\u{FFFE}\u{FFFF}\u{7F}\u{85}".into(),
        ],
    );
    check("char", &[97, 0, 55357, 65535].map(Value::Char));
    check("uri", &[Value::Uri("http://example.org/a?b=c&d=e".into())]);
    check("xml", &[Value::Xml("<a b=\"c\">d</a>".into())]);
    check("script-block", &[Value::ScriptBlock("Get-Date |\n Out-Null".into())]);
}

#[test]
fn numbers() {
    check("bool", &[true, false].map(Value::Bool));
    check("u8", &[0, 255].map(Value::U8));
    check("i8", &[-128, 127].map(Value::I8));
    check("u16", &[0, u16::MAX].map(Value::U16));
    check("i16", &[i16::MIN, i16::MAX].map(Value::I16));
    check("u32", &[0, u32::MAX].map(Value::U32));
    check("i32", &[i32::MIN, i32::MAX].map(Value::I32));
    check("u64", &[0, u64::MAX].map(Value::U64));
    check("i64", &[i64::MIN, i64::MAX].map(Value::I64));
    let special = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    let [inf, minus_inf, nan] = special;
    check("f32", &[0.0, -0.0, 1.5, f32::MAX, 1e-45, inf, minus_inf, nan].map(Value::F32));
    let [inf, minus_inf, nan] = special.map(f64::from);
    check("f64", &[0.0, -0.0, 0.1, f64::MAX, 5e-324, inf, minus_inf, nan].map(Value::F64));
    let decimal = |mantissa, scale| Value::Decimal(Decimal::new(mantissa, scale).expect("it fits"));
    check("decimal", &[decimal(0, 0), decimal(150, 2), decimal(-1, 28), decimal((1 << 96) - 1, 0)]);
}

#[test]
fn other_primitives() {
    let date =
        |ticks, kind| DateTime::from_ticks(ticks, kind).expect("before the year 10000").into();
    check(
        "date-time",
        &[
            date(638_448_068_967_891_234, DateTimeKind::Utc),
            date(638_448_068_960_000_000, DateTimeKind::Local { offset_minutes: 330 }),
            date(638_448_068_960_000_000, DateTimeKind::Unspecified),
            date(0, DateTimeKind::Unspecified),
            date(3_155_378_975_999_999_999, DateTimeKind::Unspecified),
        ],
    );
    let span = |ticks| TimeSpan::from_ticks(ticks).into();
    check(
        "time-span",
        &[span(0), span(12_096_000_000_000), span(-937_845_678_901), span(i64::MAX)],
    );
    check("bytes", &[vec![], vec![1, 2, 3], vec![0xFF, 0xEF]].map(Value::Bytes));
    check("secure-string", &[Value::SecureString(vec![1, 2, 3, 4, 5, 6, 7, 8])]);
    let guid = 0x0f8f_ad5b_d9cb_469f_a165_7086_7728_950e;
    check("guid", &[0, guid].map(uuid::Uuid::from_u128).map(Value::from));
    check(
        "version",
        &["1.2", "1.2.3", "0.20.15.0"]
            .map(|version| Value::Version(version.parse().expect("it is"))),
    );
    let record = Progress {
        activity: "Reading".into(),
        activity_id: 1,
        current_operation: Some("user 7".into()),
        parent_activity_id: -1,
        percent_complete: 50,
        record_type: "Processing".into(),
        seconds_remaining: 9,
        status_description: "half".into(),
    };
    let last = Progress {
        current_operation: None,
        percent_complete: -1,
        record_type: "Completed".into(),
        seconds_remaining: -1,
        status_description: "".into(),
        ..record.clone()
    };
    check("progress", &[record, last].map(|record| Value::Progress(Box::new(record))));
}

#[test]
fn objects() {
    let names = TypeNames::from(["Example.Mailbox", "System.Object"]);
    check(
        "object",
        &[
            object(0)
                .with_type_names(names.clone())
                .with_to_string("Ann")
                .with_adapted("Alias", "ann")
                .with_adapted("Age", 7)
                .with_adapted("Two words & _x", "x")
                .with_extended("Note", Value::Nil)
                .into(),
            object(1).into(),
            object(2).with_type_names(names).with_to_string("").into(),
        ],
    );
    check(
        "enumeration",
        &[
            object(0)
                .with_type_names(TypeNames::enumeration("Example.Color"))
                .with_to_string("Blue")
                .with_content(Content::Value(9.into()))
                .into(),
            object(1)
                .with_type_names(["Example.Long", "System.Enum"])
                .with_to_string("Max")
                .with_content(Content::Value(Value::U64(u64::MAX)))
                .into(),
        ],
    );
    let inner = object(2).with_type_names(["Inner"]).with_to_string("in").with_adapted("p", 1);
    check(
        "wrapped",
        &[
            object(0)
                .with_content(Content::Value("text".into()))
                .with_extended("Path", "/a")
                .into(),
            object(1)
                .with_type_names(["Outer"])
                .with_content(Content::Value(inner.into()))
                .with_extended("m", 2)
                .into(),
        ],
    );
    check("unknown", &{
        let mut holder = object(0);
        let xml = b"<Later>7</Later>";
        let value = clixml::read_value(xml).expect("it is kept");
        holder.extended.push(Property { name: "a".into(), value });
        [holder.into()]
    });
}

#[test]
fn containers() {
    type Kind = (&'static str, &'static str, fn(Vec<Value>) -> Content);
    let kinds: [Kind; 4] = [
        ("list", "LST", Content::List),
        ("enumerable", "IE", Content::Enumerable),
        ("stack", "STK", Content::Stack),
        ("queue", "QUE", Content::Queue),
    ];
    for (name, tag, content) in kinds {
        let items = vec!["a".into(), Value::Nil, object(1).with_extended("x", 1).into()];
        let full =
            object(0).with_type_names([format!("Example.{tag}")]).with_content(content(items));
        let empty = object(2).with_content(content(vec![]));
        check(name, &[full.with_adapted("Count", 3).into(), empty.into()]);
    }
    let list = object(1).with_content(Content::List(vec![true.into()]));
    let entries = vec![("a".into(), 1.into()), (2.into(), Value::Nil), ("A".into(), list.into())];
    check(
        "dictionary",
        &[
            object(0)
                .with_type_names(TypeNames::hashtable())
                .with_content(Content::Dictionary(entries))
                .with_extended("Note", "n")
                .into(),
            object(2).with_content(Content::Dictionary(vec![])).into(),
        ],
    );
}

#[test]
fn documents() {
    let reference = |id| Value::Ref(ObjectId::new(id));
    let names = TypeNames::from(["Example.Node"]);
    let next =
        object(1).with_type_names(names.clone()).with_content(Content::List(vec![reference(0)]));
    check(
        "references",
        &[
            object(0)
                .with_type_names(names)
                .with_extended("Self", reference(0))
                .with_extended("Next", next)
                .with_extended("Again", reference(1))
                .into(),
            reference(1),
        ],
    );
    check(
        "streams",
        &[
            "no such mailbox\r\n".into(),
            object(0).with_extended("SourceId", Value::I64(1)).into(),
            1.into(),
        ],
    );
}
