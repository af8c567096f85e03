//! Small documents that tell readers apart, and what they mean.

use clixml::{Content, Value, read_value};

#[track_caller]
fn read(xml: &str) -> Value {
    read_value(xml.as_bytes()).unwrap_or_else(|error| panic!("{xml}: {error}"))
}

#[test]
fn an_object_has_text_and_properties() {
    let value = read(
        r#"<Obj RefId="0"><TN RefId="0"><T>A.B</T><T>System.Object</T></TN><ToString>hello</ToString>
        <Props><I32 N="x">1</I32></Props><MS><I32 N="X">2</I32><S N="a_x0020_b&amp;c">y</S></MS></Obj>"#,
    );
    let object = value.as_object().unwrap();
    assert_eq!(object.type_names.first(), Some("A.B"));
    assert_eq!(value.text().as_deref(), Some("hello"));
    assert_eq!(value.property("x"), Some(&2.into()));
    assert_eq!(value.property("A B&C"), Some(&"y".into()));
}

#[test]
fn an_enumeration_has_a_name_and_a_number_of_any_width() {
    let value = read(
        r#"<Obj RefId="0"><TN RefId="0"><T>X.R</T><T>System.Enum</T></TN><ToString>Shared</ToString><I64>4</I64></Obj>"#,
    );
    assert_eq!(value.enum_number(), Some(4));
    assert_eq!(value.text().as_deref(), Some("Shared"));
    assert!(value.as_object().unwrap().type_names.contains("system.enum"));
}

#[test]
fn containers_keep_their_kind_and_order() {
    let items = |xml: &str| read(xml).items().unwrap().to_vec();
    assert_eq!(
        items("<Obj><LST><S>a</S><Nil /><S /></LST></Obj>"),
        ["a".into(), Value::Nil, "".into()]
    );
    assert_eq!(items("<Obj><IE><S>a</S></IE></Obj>"), ["a".into()]);
    assert_eq!(items("<Obj><STK><S>top</S><S>b</S></STK></Obj>"), ["top".into(), "b".into()]);
    assert_eq!(items("<Obj><QUE><S>head</S><S>b</S></QUE></Obj>"), ["head".into(), "b".into()]);
    let table = read(
        r#"<Obj><DCT><En><Nil N="value"/><I32 N="KEY">1</I32></En><En><S N="Key">k</S><S N="Value">v</S></En></DCT></Obj>"#,
    );
    assert_eq!(table.entries().unwrap(), [(1.into(), Value::Nil), ("k".into(), "v".into())]);
    assert_eq!(table.entry("K"), Some(&"v".into()));
}

#[test]
fn an_object_may_stand_in_itself() {
    let value = read(r#"<Obj RefId="a"><MS><Ref N="self" RefId="a" /></MS></Obj>"#);
    let id = value.as_object().unwrap().id.unwrap();
    assert_eq!(value.property("self"), Some(&Value::Ref(id)));
    assert_eq!(
        clixml::write_value(&value),
        r#"<Obj RefId="0"><MS><Ref N="self" RefId="0" /></MS></Obj>"#
    );
}

#[test]
fn an_id_given_again_means_the_later_object() {
    let value = read(
        r#"<Obj RefId="0"><MS><Obj N="a" RefId="1"/><Obj N="b" RefId="1"/><Ref N="c" RefId="1"/></MS></Obj>"#,
    );
    let b = value.property("b").unwrap().as_object().unwrap().id.unwrap();
    assert_eq!(value.property("c"), Some(&Value::Ref(b)));
}

#[test]
fn an_object_inside_an_object_is_kept_and_seen_through() {
    let value = read(
        r#"<Obj RefId="0"><TN RefId="0"><T>Outer</T></TN><Obj RefId="1"><TN RefId="1"><T>Inner</T></TN><ToString>t</ToString>
        <Props><I32 N="p">1</I32></Props></Obj><MS><I32 N="m">2</I32></MS></Obj>"#,
    );
    assert_eq!(value.as_object().unwrap().type_names.first(), Some("Outer"));
    assert_eq!(value.text().as_deref(), Some("t"));
    assert_eq!((value.property("p"), value.property("m")), (Some(&1.into()), Some(&2.into())));
}

#[test]
fn blanks_count_in_strings_only() {
    assert_eq!(read("<S>  a  </S>"), "  a  ".into());
    assert_eq!(read("<S>   </S>"), "   ".into());
    assert_eq!(read("<S><![CDATA[a<b]]></S>"), "a<b".into());
    assert_eq!(
        read("\u{FEFF}<Obj>\r\n <LST>\r\n <I32> 1 </I32> </LST>\n</Obj>\n").items().unwrap(),
        [1.into()]
    );
}

#[test]
fn a_reference_before_its_object_is_written_the_other_way_round() {
    // The properties come before the list here, but are written after it.
    let value = read(
        r#"<Obj RefId="0"><MS><Obj N="a" RefId="1"><MS><Ref N="up" RefId="1"/></MS></Obj></MS><LST><Ref RefId="1"/></LST></Obj>"#,
    );
    let written = clixml::write_value(&value);
    assert_eq!(
        written,
        r#"<Obj RefId="0"><LST><Obj RefId="1"><MS><Ref N="up" RefId="1" /></MS></Obj></LST><MS><Ref N="a" RefId="1" /></MS></Obj>"#
    );
    assert!(read_value(written.as_bytes()).is_ok());
}

#[test]
fn a_reference_into_nothing_is_written_as_null() {
    let value = Value::list(clixml::TypeNames::none(), vec![Value::Ref(clixml::ObjectId::new(7))]);
    assert_eq!(clixml::write_value(&value), r#"<Obj RefId="0"><LST><Nil /></LST></Obj>"#);
}

#[test]
fn type_names_are_written_once() {
    let value = Value::list(
        clixml::TypeNames::array_list(),
        vec![
            Value::list(clixml::TypeNames::array_list(), vec![]),
            Value::enumeration("X.Y", "Blue", 9),
        ],
    );
    assert_eq!(
        clixml::write_value(&value),
        concat!(
            r#"<Obj RefId="0"><TN RefId="0"><T>System.Collections.ArrayList</T><T>System.Object</T></TN><LST>"#,
            r#"<Obj RefId="1"><TNRef RefId="0" /><LST></LST></Obj>"#,
            r#"<Obj RefId="2"><TN RefId="1"><T>X.Y</T><T>System.Enum</T><T>System.ValueType</T><T>System.Object</T></TN>"#,
            r#"<ToString>Blue</ToString><I32>9</I32></Obj></LST></Obj>"#
        )
    );
}

#[test]
fn the_streams_of_a_document_are_kept() {
    let xml =
        b"#< CLIXML\r\n<Objs Version='1.1.0.1'><S S='Error'>e_x000D__x000A_</S><I32>1</I32></Objs>";
    let document = clixml::read_document(xml).unwrap();
    assert_eq!(document.values, ["e\r\n".into(), 1.into()]);
    assert_eq!(document.streams, [Some("Error".into()), None]);
    assert_eq!(clixml::read_document(document.to_xml().as_bytes()).unwrap(), document);
}

#[test]
fn a_container_without_an_object_gets_one() {
    let value = read("<LST><S>a</S></LST>");
    assert!(
        matches!(&value.as_object().unwrap().content, Content::List(items) if items.len() == 1)
    );
}
