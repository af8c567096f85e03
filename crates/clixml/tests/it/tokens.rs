//! The scanner against a general XML library, on every recorded document.

use clixml::{Source, dump};
use quick_xml::events::{BytesStart, Event};

use crate::recordings::{Recording, recordings};

/// Makes the raw dump with the library.
fn raw_dump(xml: &str) -> String {
    let mut reader = quick_xml::Reader::from_str(xml);
    reader.config_mut().expand_empty_elements = true;
    let mut lines: Vec<(String, Option<String>)> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    loop {
        match reader.read_event().expect("a recorded document is well-formed") {
            Event::Start(start) => {
                if let Some((_, text)) = open.last().and_then(|parent| lines.get_mut(*parent)) {
                    text.take_if(|text| !text.starts_with('#'));
                }
                let text =
                    attribute(&start, "RefId").map_or_else(String::new, |id| format!("#{id}"));
                lines.push((head(open.len(), &start), Some(text)));
                open.push(lines.len() - 1);
            }
            Event::Text(text) => append(&mut lines, &open, &text.xml10_content()),
            Event::CData(text) => append(&mut lines, &open, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                let resolved =
                    match reference.resolve_char_ref().expect("a reference names a character") {
                        Some(character) => character.to_string(),
                        None => quick_xml::escape::resolve_predefined_entity(&reference)
                            .expect("one of five")
                            .to_owned(),
                    };
                append(&mut lines, &open, &resolved);
            }
            Event::End(_) => {
                open.pop();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    lines
        .into_iter()
        .map(|(head, text)| format!("{head}{}\n", escape(&text.unwrap_or_default())))
        .collect()
}

fn head(depth: usize, start: &BytesStart<'_>) -> String {
    let name = attribute(start, "N").or_else(|| attribute(start, "Name")).unwrap_or_default();
    format!("{depth}|{}|{}|", start.local_name().into_inner(), escape(&name))
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = start.try_get_attribute(name).expect("attributes are well-formed")?;
    Some(
        attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .expect("a value is well-formed")
            .into_owned(),
    )
}

/// Adds character data to the innermost element, unless that has child elements or an id.
fn append(lines: &mut [(String, Option<String>)], open: &[usize], text: &str) {
    if let Some((_, Some(own))) = open.last().and_then(|innermost| lines.get_mut(*innermost))
        && !own.starts_with('#')
    {
        own.push_str(text);
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\p").replace('\r', "\\r").replace('\n', "\\n")
}

#[test]
fn both_find_the_same_elements_names_and_texts() {
    for kind in ["clixml", "soap", "xml"] {
        for Recording { name, bytes, .. } in recordings(kind) {
            let source = Source::decode(&bytes).expect("a recorded document is text");
            let ours = dump::raw(&bytes).expect("a recorded document is well-formed");
            assert!(ours == raw_dump(source.xml()), "{name}");
        }
    }
}
