//! What holds for every value and every text.

use clixml::{
    Content, DateTime, DateTimeKind, Decimal, Object, ObjectId, Progress, Text, TimeSpan,
    TypeNames, Value, Version,
};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

fn text() -> impl Strategy<Value = Text> {
    let unit = prop_oneof![
        4 => any::<u16>(),
        4 => 0x20u16..0x7F,
        2 => 0u16..0x20,
        2 => 0xD800u16..0xE000,
        3 => Just(u16::from(b'_')),
        2 => Just(u16::from(b'x')),
        1 => Just(u16::from(b'X')),
        2 => Just(u16::from(b'0')),
        1 => 0xFFFEu16..=0xFFFF,
    ];
    vec(unit, 0..12).prop_map(|units| Text::from_utf16(&units))
}

fn primitive() -> impl Strategy<Value = Value> {
    const LAST_TICK: u64 = 3_155_378_975_999_999_999;
    let kind = prop_oneof![
        Just(DateTimeKind::Unspecified),
        Just(DateTimeKind::Utc),
        (-840i16..=840).prop_map(|offset_minutes| DateTimeKind::Local { offset_minutes }),
    ];
    prop_oneof![
        Just(Value::Nil),
        text().prop_map(Value::String),
        text().prop_map(Value::Uri),
        text().prop_map(Value::Xml),
        text().prop_map(Value::ScriptBlock),
        any::<u16>().prop_map(Value::Char),
        any::<bool>().prop_map(Value::Bool),
        (0..=LAST_TICK, kind).prop_map(|(ticks, kind)| DateTime::from_ticks(ticks, kind)
            .expect("before the year 10000")
            .into()),
        any::<i64>().prop_map(|ticks| TimeSpan::from_ticks(ticks).into()),
        any::<u8>().prop_map(Value::U8),
        any::<i8>().prop_map(Value::I8),
        any::<u16>().prop_map(Value::U16),
        any::<i16>().prop_map(Value::I16),
        any::<u32>().prop_map(Value::U32),
        any::<i32>().prop_map(Value::I32),
        any::<u64>().prop_map(Value::U64),
        any::<i64>().prop_map(Value::I64),
        any::<f32>()
            .prop_filter("unequal to itself", |number| !number.is_nan())
            .prop_map(Value::F32),
        any::<f64>()
            .prop_filter("unequal to itself", |number| !number.is_nan())
            .prop_map(Value::F64),
        (any::<i64>(), 0u8..=28).prop_map(|(number, scale)| Value::Decimal(
            Decimal::new(number.into(), scale).expect("64 bits fit into 96")
        )),
        vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        vec(any::<u8>(), 0..20).prop_map(Value::SecureString),
        any::<u128>().prop_map(|number| Value::Guid(uuid::Uuid::from_u128(number))),
        (text(), any::<i32>(), proptest::option::of(text())).prop_map(|(text, number, step)| {
            Value::Progress(Box::new(Progress {
                activity: text.clone(),
                activity_id: number,
                current_operation: step,
                record_type: text,
                ..Progress::default()
            }))
        }),
        (0u32..1 << 31, 0u32..1 << 31).prop_map(|(major, minor)| Version::new(major, minor).into()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    primitive().prop_recursive(4, 40, 5, |inner| {
        // Some names are those that the oracle's struct asks for.
        let name = || prop_oneof![text(), "[a-gA-G]".prop_map(Text::from)];
        let members = || vec((name(), inner.clone()), 0..4);
        let content = prop_oneof![
            Just(Content::None),
            inner.clone().prop_map(Content::Value),
            vec(inner.clone(), 0..5).prop_map(Content::List),
            vec(inner.clone(), 0..5).prop_map(Content::Enumerable),
            vec(inner.clone(), 0..5).prop_map(Content::Stack),
            vec(inner.clone(), 0..5).prop_map(Content::Queue),
            vec((inner.clone(), inner.clone()), 0..4).prop_map(Content::Dictionary),
        ];
        let names = vec(prop_oneof![Just(Text::from("A.B")), text()], 0..3);
        (names, proptest::option::of(text()), content, members(), members()).prop_map(
            |(names, to_string, content, adapted, extended)| {
                let mut object =
                    Object::new().with_type_names(TypeNames::from(names)).with_content(content);
                object.to_string = to_string;
                let object = adapted
                    .into_iter()
                    .fold(object, |object, (name, value)| object.with_adapted(name, value));
                extended
                    .into_iter()
                    .fold(object, |object, (name, value)| object.with_extended(name, value))
                    .into()
            },
        )
    })
}

/// Values in which some primitives have become references to objects, whether before or after their own place.
fn value_with_references() -> impl Strategy<Value = Value> {
    (value(), vec(any::<proptest::sample::Index>(), 12)).prop_map(|(mut value, targets)| {
        let mut count = 0;
        number(&mut value, &mut count);
        let mut targets = targets.into_iter();
        if count > 0 {
            refer(&mut value, count, &mut targets);
        }
        value
    })
}

fn refer(
    value: &mut Value,
    count: u32,
    targets: &mut impl Iterator<Item = proptest::sample::Index>,
) {
    let Value::Object(object) = value else {
        if let (Value::Nil | Value::String(_), Some(target)) = (&*value, targets.next()) {
            let target = target.index(count as usize);
            *value = Value::Ref(ObjectId::new(u32::try_from(target).expect("less than the count")));
        }
        return;
    };
    match &mut object.content {
        Content::List(items)
        | Content::Enumerable(items)
        | Content::Stack(items)
        | Content::Queue(items) => items.iter_mut().for_each(|item| refer(item, count, targets)),
        Content::Dictionary(entries) => {
            entries.iter_mut().for_each(|(_, value)| refer(value, count, targets));
        }
        _ => {}
    }
    for property in object.adapted.iter_mut().chain(&mut object.extended) {
        refer(&mut property.value, count, targets);
    }
}

/// Gives every object the number it has in document order, as reading does.
fn number(value: &mut Value, next: &mut u32) {
    let Value::Object(object) = value else { return };
    object.id = Some(ObjectId::new(*next));
    *next += 1;
    match &mut object.content {
        Content::Value(inner) => number(inner, next),
        Content::List(items)
        | Content::Enumerable(items)
        | Content::Stack(items)
        | Content::Queue(items) => {
            items.iter_mut().for_each(|item| number(item, next));
        }
        Content::Dictionary(entries) => {
            for (key, value) in entries {
                number(key, next);
                number(value, next);
            }
        }
        _ => {}
    }
    for property in object.adapted.iter_mut().chain(&mut object.extended) {
        number(&mut property.value, next);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(mut value in value()) {
        let xml = clixml::write_value(&value);
        let read = clixml::read_value(xml.as_bytes()).unwrap();
        number(&mut value, &mut 0);
        prop_assert_eq!(read, value);
    }

    #[test]
    fn reading_straight_into_rust_data_gives_what_the_tree_gives(value in value()) {
        clixml::oracle::typed_reading(&value);
    }

    #[test]
    fn a_value_stands_for_itself_in_serde(mut value in value()) {
        prop_assert_eq!(&clixml::to_value(&value).unwrap(), &value);
        prop_assert_eq!(&clixml::from_value::<Value>(&value).unwrap(), &value);
        let json = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Value>(&json).unwrap(), &value, "{}", json);
        let xml = clixml::to_string(&value).unwrap();
        number(&mut value, &mut 0);
        prop_assert_eq!(&clixml::from_str::<Value>(&xml).unwrap(), &value);
    }

    #[test]
    fn references_survive_too(value in value_with_references()) {
        let once = clixml::read_value(clixml::write_value(&value).as_bytes()).unwrap();
        let again = clixml::read_value(clixml::write_value(&once).as_bytes()).unwrap();
        prop_assert_eq!(&again, &once);
        prop_assert_eq!(&clixml::from_str::<Value>(&clixml::write_value(&once)).unwrap(), &once);
        clixml::oracle::typed_reading(&once);
    }

    #[test]
    fn escaped_text_has_no_character_that_must_be_escaped(text in text()) {
        let xml = clixml::write_value(&Value::String(text.clone()));
        prop_assert!(!xml.contains(|c: char| c < ' ' || ('\u{7F}'..='\u{9F}').contains(&c) || c >= '\u{FFFE}'), "{xml}");
        prop_assert_eq!(clixml::read_value(xml.as_bytes()).unwrap(), Value::String(text));
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in vec(any::<u8>(), 0..200)) {
        clixml::oracle::any_bytes(&bytes);
    }

    #[test]
    fn no_pieces_of_documents_make_the_readers_panic(pieces in vec(0usize..PIECES.len(), 0..60)) {
        let xml: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        clixml::oracle::any_bytes(xml.as_bytes());
        clixml::oracle::round_trip(xml.as_bytes());
    }
}

const PIECES: [&str; 31] = [
    "<Objs>",
    "</Objs>",
    "<Obj RefId=\"0\">",
    "<Obj RefId='1' N=\"a\">",
    "</Obj>",
    "<MS>",
    "</MS>",
    "<Props>",
    "</Props>",
    "<LST>",
    "</LST>",
    "<DCT>",
    "</DCT>",
    "<En>",
    "</En>",
    "<S N='Key'>",
    "</S>",
    "<I32>1</I32>",
    "<Nil/>",
    "<Ref RefId='0'/>",
    "<TN RefId='0'><T>T</T></TN>",
    "<TNRef RefId='0'/>",
    "<ToString>t</ToString>",
    "<PR>",
    "</PR>",
    "<!-- -->",
    "&amp;",
    "_xD83D_",
    " ",
    "<x>",
    "</x>",
];
