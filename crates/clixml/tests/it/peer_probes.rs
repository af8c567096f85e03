//! Small documents on which the readers of this format part ways, and what each means here.
//!
//! Values are shown in a notation of this module, so that what is kept can be seen at a glance: `Obj[types]"text"`, then the
//! content in round, adapted properties in curly and extended ones in square brackets.

use clixml::{Content, Property, Value};

fn show(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let mut shown = "Obj".to_owned();
            if let Some(id) = object.id {
                shown += &format!("#{}", id.ordinal());
            }
            if !object.type_names.is_empty() {
                let names: Vec<_> = object.type_names.iter().map(ToString::to_string).collect();
                shown += &format!("[{}]", names.join(","));
            }
            if let Some(text) = &object.to_string {
                shown += &format!("{text:?}");
            }
            shown += &content(&object.content);
            if !object.adapted.is_empty() {
                shown += &format!("{{{}}}", members(&object.adapted));
            }
            if !object.extended.is_empty() {
                shown += &format!("<{}>", members(&object.extended));
            }
            shown
        }
        Value::Ref(id) => format!("Ref#{}", id.ordinal()),
        Value::Unknown { tag, text, .. } => format!("Unknown({tag} {text})"),
        other => format!("{other:?}"),
    }
}

fn content(content: &Content) -> String {
    let list = |kind, items: &[Value]| {
        format!("({kind} {})", items.iter().map(show).collect::<Vec<_>>().join(", "))
    };
    match content {
        Content::Value(value) => format!("({})", show(value)),
        Content::List(items) => list("LST", items),
        Content::Enumerable(items) => list("IE", items),
        Content::Stack(items) => list("STK", items),
        Content::Queue(items) => list("QUE", items),
        Content::Dictionary(entries) => {
            let entries =
                entries.iter().map(|(key, value)| format!("{}: {}", show(key), show(value)));
            format!("(DCT {})", entries.collect::<Vec<_>>().join(", "))
        }
        _ => String::new(),
    }
}

fn members(members: &[Property]) -> String {
    let members = members.iter().map(|own| format!("{}: {}", own.name, show(&own.value)));
    members.collect::<Vec<_>>().join(", ")
}

/// Reads a document in every way there is; all have to agree.
fn read(xml: &str) -> String {
    let document = match clixml::read_document(xml.as_bytes()) {
        Ok(document) => document,
        Err(error) => {
            assert!(clixml::from_str::<Value>(xml).is_err(), "{xml}");
            return format!("error: {error}");
        }
    };
    let source = clixml::Source::from(xml);
    let objects = clixml::Objects::new(&source, clixml::Limits::default());
    let one_by_one: Vec<Value> = objects.map(|value| value.expect("it was read")).collect();
    assert_eq!(format!("{one_by_one:?}"), format!("{:?}", document.values));
    document.values.iter().map(show).collect::<Vec<_>>().join("; ")
}

#[track_caller]
fn check(xml: &str, expected: &str) {
    assert_eq!(read(xml), expected);
}

#[test]
fn escapes_are_undone_everywhere_and_blanks_kept() {
    check(
        r#"<Obj RefId="0"><TN RefId="0"><T>A.B</T><T>System.Object</T></TN><ToString>hello</ToString><Props><I32 N="x">1</I32></Props></Obj>"#,
        r#"Obj#0[A.B,System.Object]"hello"{x: I32(1)}"#,
    );
    check("<S>a_x000D__x000A_b</S>", r#"String("a\r\nb")"#);
    check("<S>_xD83D__xDE80_</S>", r#"String("🚀")"#);
    check("<S>x_xD83D_y</S>", "String(wide [0078, D83D, 0079])");
    check("<S>_x005F_x0041_</S>", r#"String("_x0041_")"#);
    check("<S>_x00e9_</S>", r#"String("é")"#);
    check(
        r#"<Obj RefId="0"><MS><I32 N="a_x0020_b&amp;c">1</I32></MS></Obj>"#,
        "Obj#0<a b&c: I32(1)>",
    );
    check(r#"<Obj RefId="0"><ToString>a_x000A_b</ToString></Obj>"#, r#"Obj#0"a\nb""#);
    check(r#"<Obj RefId="0"><TN RefId="0"><T>A_x002E_B</T></TN><MS /></Obj>"#, "Obj#0[A.B]");
    check("<S>  a  </S>", r#"String("  a  ")"#);
    check("<S>   </S>", r#"String("   ")"#);
    check("<S><![CDATA[a<b]]></S>", r#"String("a<b")"#);
    check("<S>a<!-- c -->b</S>", r#"String("ab")"#);
    check("<S>a&#xD;&#10;b&amp;&lt;&gt;&quot;&apos;</S>", r#"String("a\r\nb&<>\"'")"#);
    check("<S />", r#"String("")"#);
    check("<S></S>", r#"String("")"#);
    check(
        r#"<Obj RefId="0"><S>text</S><MS><I32 N="note">1</I32></MS></Obj>"#,
        r#"Obj#0(String("text"))<note: I32(1)>"#,
    );
}

#[test]
fn enumerations_keep_number_and_label() {
    check(
        r#"<Obj RefId="0"><TN RefId="0"><T>System.ConsoleColor</T><T>System.Enum</T><T>System.ValueType</T><T>System.Object</T></TN><ToString>Blue</ToString><I32>9</I32></Obj>"#,
        r#"Obj#0[System.ConsoleColor,System.Enum,System.ValueType,System.Object]"Blue"(I32(9))"#,
    );
    check(
        r#"<Obj RefId="0"><TN RefId="0"><T>X.RecipientTypeDetails</T><T>System.Enum</T></TN><ToString>Shared</ToString><I64>4</I64></Obj>"#,
        r#"Obj#0[X.RecipientTypeDetails,System.Enum]"Shared"(I64(4))"#,
    );
}

#[test]
fn containers_keep_their_kind_items_and_properties() {
    check(
        r#"<Obj RefId="0"><TN RefId="0"><T>System.Collections.ArrayList</T></TN><LST /></Obj>"#,
        "Obj#0[System.Collections.ArrayList](LST )",
    );
    check(
        r#"<Obj RefId="0"><TN RefId="0"><T>System.Collections.ArrayList</T></TN><LST><S>a</S><Nil /><S /></LST></Obj>"#,
        r#"Obj#0[System.Collections.ArrayList](LST String("a"), Nil, String(""))"#,
    );
    check(
        r#"<Obj RefId="0"><TN RefId="0"><T>A.B</T><T>System.Object</T></TN><LST><S>a</S></LST><Props><I32 N="Capacity">4</I32></Props></Obj>"#,
        r#"Obj#0[A.B,System.Object](LST String("a")){Capacity: I32(4)}"#,
    );
    check(
        r#"<Obj RefId="0"><LST><Obj RefId="1"><LST><I32>1</I32></LST></Obj><Obj RefId="2"><LST><I32>2</I32></LST></Obj></LST></Obj>"#,
        "Obj#0(LST Obj#1(LST I32(1)), Obj#2(LST I32(2)))",
    );
    check(r#"<Obj RefId="0"><IE><S>a</S></IE></Obj>"#, r#"Obj#0(IE String("a"))"#);
    check(r#"<Obj RefId="0"><QUE><S>a</S></QUE></Obj>"#, r#"Obj#0(QUE String("a"))"#);
    check(r#"<Obj RefId="0"><STK><S>a</S></STK></Obj>"#, r#"Obj#0(STK String("a"))"#);
    check(
        r#"<Obj RefId="0"><TN RefId="0"><T>System.Collections.Hashtable</T></TN><DCT><En><I32 N="Key">1</I32><S N="Value">a</S></En><En><S N="Key">k</S><Nil N="Value" /></En></DCT></Obj>"#,
        r#"Obj#0[System.Collections.Hashtable](DCT I32(1): String("a"), String("k"): Nil)"#,
    );
    check(r#"<Obj RefId="0"><DCT /></Obj>"#, "Obj#0(DCT )");
}

#[test]
fn references_point_at_what_came_before() {
    check(
        r#"<Obj RefId="0"><MS><Obj N="a" RefId="1"><MS><I32 N="x">1</I32></MS></Obj><Ref N="b" RefId="1" /></MS></Obj>"#,
        "Obj#0<a: Obj#1<x: I32(1)>, b: Ref#1>",
    );
    check(r#"<Obj RefId="0"><MS><Ref N="self" RefId="0" /></MS></Obj>"#, "Obj#0<self: Ref#0>");
    check(
        r#"<Obj RefId="0"><MS><Obj N="a" RefId="1"><LST><S>q</S></LST></Obj><Ref N="b" RefId="1" /></MS></Obj>"#,
        r#"Obj#0<a: Obj#1(LST String("q")), b: Ref#1>"#,
    );
    check(
        r#"<Obj RefId="0"><TNRef RefId="7" /><ToString>q</ToString></Obj>"#,
        r#"error: TNRef points at the unknown id "7" (byte 34)"#,
    );
}

#[test]
fn every_primitive_is_read_in_full() {
    check(
        "<DT>2014-01-01T00:00:00</DT>",
        "DateTime(DateTime { ticks: 635241312000000000, kind: Unspecified })",
    );
    check(
        "<DT>2014-01-01T00:00:00.1234567+02:00</DT>",
        "DateTime(DateTime { ticks: 635241312001234567, kind: Local { offset_minutes: 120 } })",
    );
    check("<DT>0001-01-01T00:00:00</DT>", "DateTime(DateTime { ticks: 0, kind: Unspecified })");
    check("<TS>-P1DT2H3M4.5678901S</TS>", "TimeSpan(TimeSpan(-937845678901))");
    check(
        "<D>79228162514264337593543950335</D>",
        "Decimal(Decimal { negative: false, mantissa: 79228162514264337593543950335, scale: 0 })",
    );
    check("<Db>INF</Db>", "F64(inf)");
    check("<Db>-INF</Db>", "F64(-inf)");
    check("<Db>NaN</Db>", "F64(NaN)");
    check("<Db>1.7976931348623157E+308</Db>", "F64(1.7976931348623157e308)");
    check("<Sg>3.4028235E+38</Sg>", "F32(3.4028235e38)");
    check("<C>55357</C>", "Char(55357)");
    check(
        r#"<Obj RefId="0"><MS><By N="a">255</By><SB N="b">-128</SB><I16 N="c">-32768</I16><U16 N="d">65535</U16><U32 N="e">4294967295</U32><U64 N="f">18446744073709551615</U64><I64 N="g">-9223372036854775808</I64><C N="h">65</C></MS></Obj>"#,
        "Obj#0<a: U8(255), b: I8(-128), c: I16(-32768), d: U16(65535), e: U32(4294967295), f: U64(18446744073709551615), g: I64(-9223372036854775808), h: Char(65)>",
    );
    check(
        r#"<Obj RefId="0"><MS><Version N="a">1.2.3.4</Version><URI N="b">http://a/</URI><XD N="c">&lt;a/&gt;</XD><SBK N="d">1+1</SBK><BA N="e">AQID</BA><G N="f">59ce2f71-eaa2-4ddf-a4fa-f25069d0b324</G><TS N="g">P1D</TS><D N="h">1.50</D><Sg N="i">1.5</Sg></MS></Obj>"#,
        r#"Obj#0<a: Version(Version { major: 1, minor: 2, build: Some(3), revision: Some(4) }), b: Uri("http://a/"), c: Xml("<a/>"), d: ScriptBlock("1+1"), e: Bytes([1, 2, 3]), f: Guid(59ce2f71-eaa2-4ddf-a4fa-f25069d0b324), g: TimeSpan(TimeSpan(864000000000)), h: Decimal(Decimal { negative: false, mantissa: 150, scale: 2 }), i: F32(1.5)>"#,
    );
    check(
        r#"<Obj RefId="0"><MS><BA N="a" /><SBK N="b" /><URI N="c" /><XD N="d" /><Version N="e" /></MS></Obj>"#,
        r#"Obj#0<a: Bytes([]), b: ScriptBlock(""), c: Uri(""), d: Xml(""), e: Unknown(Version )>"#,
    );
}

#[test]
fn objects_keep_every_property_in_order() {
    check(
        r#"<Obj RefId="0"><Props><I32 N="a">1</I32><I32 N="x">1</I32></Props><MS><I32 N="b">2</I32><I32 N="x">2</I32></MS></Obj>"#,
        "Obj#0{a: I32(1), x: I32(1)}<b: I32(2), x: I32(2)>",
    );
    check(
        r#"<Obj RefId="0"><MS><I32 N="z">1</I32><I32 N="a">2</I32><I32 N="M">3</I32><I32 N="m">4</I32></MS></Obj>"#,
        "Obj#0<z: I32(1), a: I32(2), M: I32(3), m: I32(4)>",
    );
    check(
        r#"<Obj RefId="0"><MS><Foo N="q">1</Foo><I32 N="z">1</I32></MS></Obj>"#,
        "Obj#0<q: Unknown(Foo 1), z: I32(1)>",
    );
    check(r#"<Obj RefId="0" />"#, "Obj#0");
    check(
        r#"<Obj RefId="0"><MS><Obj N="a" RefId="1" /><B N="b">True</B></MS></Obj>"#,
        "Obj#0<a: Obj#1, b: Bool(true)>",
    );
    check(
        r#"<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><I32>1</I32><S>b</S></Objs>"#,
        r#"I32(1); String("b")"#,
    );
}

#[test]
fn broken_documents_are_refused() {
    check("<I32>99999999999</I32>", r#"error: "99999999999" is no value of type I32 (byte 22)"#);
    check(
        r#"<Obj RefId="0"><MS><S N="a">x"#,
        "error: the document is not well-formed at byte 29: an element is not closed",
    );
    check(
        r#"<Obj RefId="0"><MS></Obj></MS>"#,
        "error: the document is not well-formed at byte 19: an element is not closed",
    );
    check(
        r#"<!DOCTYPE a [<!ENTITY e "zzz">]><S>&e;</S>"#,
        "error: a document type declaration is not allowed (byte 0)",
    );
}

fn nested(levels: usize) -> String {
    let (start, end) = (r#"<Obj RefId="0"><LST>"#, "</LST></Obj>");
    format!("{}<S>x</S>{}", start.repeat(levels), end.repeat(levels))
}

#[test]
fn nesting_is_read_far_beyond_the_engine_and_never_overflows() {
    for levels in [60, 120] {
        let shown = read(&nested(levels));
        assert!(shown.ends_with(&format!("(LST String(\"x\"){}", ")".repeat(levels))), "{shown}");
    }
    for levels in [1000, 100_000] {
        let shown = read(&nested(levels));
        assert!(shown.starts_with("error: more than 512 levels of elements"), "{shown}");
    }
}

/// Each list holds the one before twice, so the last stands for 2^23 strings.
#[test]
fn chained_references_are_shared_and_cost_nothing() {
    let mut xml =
        r#"<Obj RefId="r"><MS><Obj N="p0" RefId="0"><LST><S>xxxxxxxxxxxxxxxx</S></LST></Obj>"#
            .to_owned();
    for level in 1..24 {
        let below = level - 1;
        xml += &format!(
            r#"<Obj N="p{level}" RefId="{level}"><LST><Ref RefId="{below}" /><Ref RefId="{below}" /></LST></Obj>"#
        );
    }
    xml += "</MS></Obj>";
    let shown = read(&xml);
    assert!(shown.ends_with("p23: Obj#24(LST Ref#23, Ref#23)>"), "{shown}");
}
