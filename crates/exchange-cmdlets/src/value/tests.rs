//! Every form a value comes in.

use clixml::{Content, Object, TypeNames, Value};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{ValueError, attribute_value, natural_value, parameter_value};
use crate::schema::Kind;

#[track_caller]
fn check(value: impl Into<Value>, expected: Json) {
    assert_eq!(attribute_value(&value.into()), expected);
}

#[test]
fn primitives_stay_what_they_are() {
    check("", json!(""));
    check("Ann", json!("Ann"));
    check(true, json!(true));
    check(-3, json!(-3));
    check(Value::U64(u64::MAX), json!(u64::MAX));
    check(1.5, json!(1.5));
    check(f64::NAN, json!("NaN"));
    check(Value::Nil, Json::Null);
    check(Uuid::from_u128(0xAB), json!("00000000-0000-0000-0000-0000000000ab"));
    check(Value::Char(0x41), json!("A"));
    check(Value::Bytes(vec![1, 2, 3]), json!("AQID"));
    check(Value::SecureString(vec![1]), Json::Null);
}

#[test]
fn decimals_are_numbers() {
    check(Value::Decimal("12".parse().unwrap()), json!(12));
    check(Value::Decimal("1.25".parse().unwrap()), json!(1.25));
}

#[test]
fn dates_and_durations_are_the_text_that_is_printed() {
    check(
        Value::DateTime("2022-10-30T18:01:36-07:00".parse().unwrap()),
        json!("2022-10-30T18:01:36-07:00"),
    );
    check(Value::TimeSpan("P14DT1H".parse().unwrap()), json!("14.01:00:00"));
}

#[test]
fn lists_are_arrays_and_tables_objects() {
    check(
        Value::list(TypeNames::none(), vec!["a".into(), Value::Nil, 1.into()]),
        json!(["a", null, 1]),
    );
    check(Value::list(TypeNames::none(), Vec::new()), json!([]));
    check(Object::new().with_content(Content::Enumerable(vec!["a".into()])), json!(["a"]));
    check(Value::dictionary(TypeNames::none(), vec![("k".into(), "v".into())]), json!({"k": "v"}));
}

#[test]
fn an_enumeration_is_its_name() {
    check(Value::enumeration("T", "Authoritative", 0), json!("Authoritative"));
    let wide = Object::new()
        .with_to_string("PublicFolderMailbox")
        .with_content(Content::Value(68_719_476_736_i64.into()));
    check(wide, json!("PublicFolderMailbox"));
}

#[test]
fn a_decorated_primitive_stays_a_primitive() {
    let decorated = |value: Value, text: &str| {
        Object::new().with_to_string(text).with_content(Content::Value(value))
    };
    check(decorated(true.into(), "True"), json!(true));
    check(decorated(5.into(), "5"), json!(5));
    check(decorated("x".into(), "x"), json!("x"));
    check(
        Object::new().with_content(Content::Value("x".into())).with_extended("Note", "n"),
        json!("x"),
    );
}

#[test]
fn a_size_is_its_text_in_every_form() {
    let text = "35 MB (36,700,160 bytes)";
    let bytes = Object::new().with_to_string(text);
    check(
        Object::new().with_adapted("IsUnlimited", false).with_adapted("Value", text),
        json!(text),
    );
    check(
        Object::new().with_adapted("IsUnlimited", false).with_adapted("Value", bytes),
        json!(text),
    );
    check(Object::new().with_to_string(text).with_adapted("IsUnlimited", false), json!(text));
    check(Object::new().with_adapted("IsUnlimited", true), json!("Unlimited"));
    check(
        Object::new().with_to_string("Unlimited").with_adapted("IsUnlimited", true),
        json!("Unlimited"),
    );
}

#[test]
fn an_object_with_a_text_is_that_text() {
    check(Object::new().with_to_string("en-US").with_adapted("LCID", 1033), json!("en-US"));
    check(Object::new().with_to_string(""), json!(""));
    check(Object::new().with_extended("A", 1), json!({"A": 1}));
    check(Object::new(), Json::Null);
}

#[test]
fn a_well_without_a_bottom_ends() {
    let mut value = Value::from("x");
    for _ in 0..100 {
        value = Value::list(TypeNames::none(), vec![value]);
    }
    assert!(attribute_value(&value).to_string().ends_with("null]]]]]]]]]]]]]]]]"));
}

#[track_caller]
fn send(kind: Kind, value: &Json, expected: impl Into<Value>) {
    assert_eq!(parameter_value(kind, false, value), Ok(expected.into()));
}

#[test]
fn parameters_take_the_form_of_their_kind() {
    send(Kind::Text, &json!("Ann"), "Ann");
    send(Kind::Text, &json!(12345), "12345");
    send(Kind::Text, &Json::Null, Value::Nil);
    send(Kind::Boolean, &json!("True"), true);
    send(Kind::Integer, &json!("12"), 12);
    send(Kind::Size, &json!("35MB"), "35MB");
    send(Kind::Date, &json!("next week"), "next week");
    let date = parameter_value(Kind::Date, false, &json!("2022-10-30T18:01:36Z")).unwrap();
    assert!(matches!(date, Value::DateTime(_)));
}

#[test]
fn lists_replace_and_one_value_is_a_list_of_one() {
    let list = |items: &[&str]| {
        Value::list(TypeNames::array_list(), items.iter().map(|item| Value::from(*item)).collect())
    };
    assert_eq!(parameter_value(Kind::Text, true, &json!(["a", "b"])), Ok(list(&["a", "b"])));
    assert_eq!(parameter_value(Kind::Text, true, &json!("a")), Ok(list(&["a"])));
    assert_eq!(parameter_value(Kind::Text, true, &json!([])), Ok(list(&[])));
    assert_eq!(parameter_value(Kind::Text, true, &Json::Null), Ok(Value::Nil));
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let type_error = |expected, found| Err(ValueError::Type { expected, found });
    assert_eq!(
        parameter_value(Kind::Boolean, false, &json!("yes")),
        type_error("a Boolean", "text")
    );
    assert_eq!(parameter_value(Kind::Text, false, &json!(["a"])), type_error("text", "a list"));
    assert_eq!(parameter_value(Kind::Text, true, &json!([{}])), type_error("text", "an object"));
    assert_eq!(parameter_value(Kind::Text, false, &json!(true)), type_error("text", "a Boolean"));
    let range = Err(ValueError::Range { number: "1.5".to_owned() });
    assert_eq!(parameter_value(Kind::Integer, false, &json!(1.5)), range);
}

#[test]
fn values_without_a_known_type_keep_their_shape() {
    assert_eq!(natural_value(&json!("x")), Ok("x".into()));
    assert_eq!(natural_value(&json!(true)), Ok(true.into()));
    assert_eq!(natural_value(&json!(7)), Ok(7.into()));
    assert_eq!(natural_value(&json!(8_589_934_592_u64)), Ok("8589934592".into()));
    assert_eq!(
        natural_value(&json!(["a", 1])),
        Ok(Value::list(TypeNames::array_list(), vec!["a".into(), 1.into()]))
    );
    assert!(natural_value(&json!([["a"]])).is_err());
    assert!(natural_value(&json!({"a": 1})).is_err());
}
