//! Documents made to hurt their reader.

use clixml::{
    Error, Limit, Limits, Value, dump, from_slice_with_limits, read_document, read_value,
    read_value_with_limits,
};
use serde::Deserialize;

fn nested(levels: usize) -> String {
    format!("{}<S>x</S>{}", r#"<Obj RefId="0"><LST>"#.repeat(levels), "</LST></Obj>".repeat(levels))
}

#[test]
fn objects_nested_a_hundred_thousand_deep_are_an_error() {
    let error = read_value(nested(100_000).as_bytes()).unwrap_err();
    assert!(matches!(error, Error::Limit { limit: Limit::Depth, allowed: 512, .. }), "{error}");
    assert!(dump::decoded(nested(100_000).as_bytes()).is_err());
    assert!(dump::raw(nested(100_000).as_bytes()).is_err());
}

#[test]
fn elements_left_open_a_hundred_thousand_deep_are_an_error() {
    for start in ["<Obj>", "<a>", "<S>", "<Obj><MS>", "<DCT><En>", "<Obj><TN>"] {
        assert!(read_document(start.repeat(100_000).as_bytes()).is_err(), "{start}");
    }
}

#[test]
fn what_the_limit_allows_can_be_read_written_and_dropped() {
    let limits = Limits::default().with_depth(usize::MAX);
    let value = read_value_with_limits(nested(1000).as_bytes(), limits).unwrap();
    let written = clixml::write_value(&value);
    assert_eq!(read_value_with_limits(written.as_bytes(), limits).unwrap(), value);
    assert!(read_value_with_limits(nested(1025).as_bytes(), limits).is_err());
}

/// Each list holds the one before twice, so the last stands for 2^24 strings.
fn reference_bomb() -> String {
    let mut xml =
        r#"<Obj RefId="r"><MS><Obj N="p0" RefId="0"><LST><S>xxxxxxxxxxxxxxxx</S></LST></Obj>"#
            .to_owned();
    for level in 1..=24 {
        let below = level - 1;
        xml.push_str(&format!(
            r#"<Obj N="p{level}" RefId="{level}"><LST><Ref RefId="{below}"/><Ref RefId="{below}"/></LST></Obj>"#
        ));
    }
    xml + "</MS></Obj>"
}

#[test]
fn references_do_not_unfold_when_values_are_read_and_written() {
    let xml = reference_bomb();
    let value = read_value(xml.as_bytes()).unwrap();
    assert!(clixml::write_value(&value).len() < 2 * xml.len());
    assert!(dump::decoded(xml.as_bytes()).unwrap().len() < 2 * xml.len());
}

#[derive(Debug, Deserialize)]
struct Bomb {
    #[expect(dead_code, reason = "only its unfolding is of interest")]
    p24: Tree,
}

#[derive(Debug)]
struct Tree;

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Tree;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of lists")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> Result<Tree, A::Error> {
                while items.next_element::<Tree>()?.is_some() {}
                Ok(Tree)
            }

            fn visit_str<E>(self, _: &str) -> Result<Tree, E> {
                Ok(Tree)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[test]
fn references_that_unfold_without_end_are_an_error_when_deserialized() {
    let limits = Limits::default().with_references(10_000);
    let bomb = reference_bomb();
    let error = from_slice_with_limits::<Bomb>(bomb.as_bytes(), limits).unwrap_err();
    assert!(matches!(error, Error::Limit { limit: Limit::References, .. }), "{error}");
    let ring = r#"<Obj RefId="0"><LST><Ref RefId="0"/></LST></Obj>"#;
    let value = read_value(ring.as_bytes()).unwrap();
    let error = clixml::from_value::<Tree>(&value).unwrap_err();
    assert!(matches!(error, Error::Limit { limit: Limit::Depth, .. }), "{error}");
}

#[test]
fn rust_data_nested_in_rings_is_an_error_too() {
    #[derive(Debug, Deserialize)]
    struct Link {
        #[expect(dead_code, reason = "only its unfolding is of interest")]
        next: Option<Box<Self>>,
    }
    let ring = r#"<Obj RefId="0"><MS><Ref N="next" RefId="0"/></MS></Obj>"#;
    let error = clixml::from_str::<Link>(ring).unwrap_err();
    assert!(matches!(error, Error::Limit { limit: Limit::Depth, allowed: 128, .. }), "{error}");
    let error = clixml::from_value::<Link>(&read_value(ring.as_bytes()).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Limit { limit: Limit::Depth, allowed: 128, .. }), "{error}");
    let deep = read_value(nested(255).as_bytes()).unwrap();
    assert_eq!(clixml::from_value::<Value>(&deep).unwrap(), deep);
    // Each object of this chain stands in a list, and points at the next.
    let mut chain = r#"<Obj RefId="c"><LST>"#.to_owned();
    for number in 0..5000 {
        chain += &format!(
            r#"<Obj RefId="{number}"><MS><Ref N="next" RefId="{}"/></MS></Obj>"#,
            number + 1
        );
    }
    chain += r#"<Obj RefId="5000"/></LST></Obj>"#;
    let chain = chain.replace(r#"<Ref N="next" RefId="5000"/>"#, "");
    assert!(clixml::from_str::<Vec<Value>>(&chain).is_err(), "references point forwards");
}

#[test]
fn declarations_of_types_are_refused() {
    let xml = br#"<!DOCTYPE a [<!ENTITY e "zzz">]><S>&e;</S>"#;
    assert!(matches!(read_value(xml), Err(Error::Doctype { .. })));
    assert!(matches!(dump::raw(xml), Err(Error::Doctype { .. })));
}

#[test]
fn every_limit_can_be_set() {
    let xml = br#"<Obj RefId="0" a="" b=""><LST><S>abcdef</S><Ref RefId="0"/><Ref RefId="0"/></LST></Obj>"#;
    let limits = Limits::default();
    for (limits, expected) in [
        (limits.with_depth(2), Limit::Depth),
        (limits.with_elements(4), Limit::Elements),
        (limits.with_text(5), Limit::Text),
        (limits.with_references(1), Limit::References),
        (limits.with_attributes(2), Limit::Attributes),
    ] {
        match read_value_with_limits(xml, limits) {
            Err(Error::Limit { limit, .. }) => assert_eq!(limit, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn every_shorter_document_is_an_error_and_never_a_panic() {
    let xml = r#"<Objs><Obj RefId="0"><TN RefId="0"><T>é</T></TN><ToString>_x000A_</ToString><Props><I32 N="a">1</I32></Props>
        <MS><Obj N="b" RefId="1"><DCT><En><S N="Key">k</S><Ref N="Value" RefId="0"/></En></DCT></Obj></MS></Obj></Objs>"#;
    assert!(read_document(xml.as_bytes()).is_ok());
    for end in 0..xml.len() {
        assert!(read_document(&xml.as_bytes()[..end]).is_err(), "{end}");
    }
}

#[test]
fn strict_reading_names_what_is_wrong_and_where() {
    #[track_caller]
    fn check(xml: &str, message: &str) {
        assert_eq!(read_value(xml.as_bytes()).unwrap_err().to_string(), message);
    }
    check("<I32>99999999999</I32>", r#""99999999999" is no value of type I32 (byte 22)"#);
    check("<S><I32>1</I32></S>", "element I32 is not allowed in S (byte 8)");
    check(
        r#"<Obj><LST><Ref RefId="9"/></LST></Obj>"#,
        r#"Ref points at the unknown id "9" (byte 26)"#,
    );
    check(r#"<Obj><TNRef RefId="9"/></Obj>"#, r#"TNRef points at the unknown id "9" (byte 23)"#);
    check("<Obj>x<MS/></Obj>", "text is not allowed in Obj (byte 11)");
    check("<Objs/>", "expected one value, found 0");
    check("<Objs><S/><S/></Objs>", "expected one value, found 2");
}

#[test]
fn an_unknown_element_is_kept_where_a_value_is_due() {
    let value =
        read_value(b"<Obj><Foo>1</Foo><MS><Foo N='q'>1<Bar/></Foo><I32 N='z'>1</I32></MS></Obj>")
            .unwrap();
    assert!(
        matches!(value.property("q"), Some(Value::Unknown { tag, text, .. }) if tag == "Foo" && text == "1")
    );
    assert_eq!(value.property("z"), Some(&1.into()));
}
