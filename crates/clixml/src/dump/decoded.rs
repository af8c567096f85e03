//! The dump of objects.

use super::{push_field, push_head, push_line};
use crate::error::Error;
use crate::reader::{Event, Label, Reader};
use crate::tag::PrimitiveTag;

#[derive(Default)]
pub(super) struct Objects {
    pub(super) text: String,
    pub(super) top_level: usize,
    pub(super) first_type: Option<String>,
    pub(super) first_adapted: Vec<String>,
    pub(super) first_extended: Vec<String>,
}

pub(super) fn dump(mut reader: Reader<'_>) -> Result<Objects, Error> {
    let mut dumper = Dumper::default();
    while let Some(event) = reader.next_event()? {
        dumper.handle(event);
    }
    Ok(dumper.objects)
}

#[derive(Default)]
struct Dumper {
    objects: Objects,
    open: Vec<Open>,
}

struct Open {
    kind: Kind,
    /// The depth of the lines inside.
    inside: usize,
    /// The lines inside; for an object, those of its value or container.
    lines: String,
}

enum Kind {
    Object(Box<Parts>),
    Adapted,
    Extended,
    /// A container, an entry or a progress record, whose first line is in `lines` already.
    Other,
}

/// The parts of an object apart from its value or container.
#[derive(Default)]
struct Parts {
    /// The first line, up to its text.
    head: String,
    to_string: String,
    types: String,
    adapted: String,
    extended: String,
}

impl Dumper {
    fn handle(&mut self, event: Event<'_>) {
        match event {
            Event::Primitive { label, tag, text } => self.primitive(label, tag, &text),
            Event::StartObject { label, .. } => {
                self.note_top_level("");
                let mut parts = Parts::default();
                push_head(&mut parts.head, self.inside(), "Obj", &self.name(label));
                self.start(Kind::Object(Box::new(parts)), String::new(), 1);
            }
            Event::TypeNames(names) => {
                let depth = self.inside();
                let is_first = self.open.len() == 1 && self.objects.top_level == 1;
                if let Some(name) = names.iter().next().filter(|_| is_first) {
                    self.objects.first_type = Some(name.to_string());
                }
                if let Some(Open { kind: Kind::Object(parts), .. }) = self.open.last_mut() {
                    parts.types.clear();
                    for name in names.iter() {
                        push_line(&mut parts.types, depth, "T", "", &name.to_str_lossy());
                    }
                }
            }
            Event::ToString(text) => {
                if let Some(Open { kind: Kind::Object(parts), .. }) = self.open.last_mut() {
                    parts.to_string = text.decode_lossy().into_owned();
                }
            }
            Event::StartAdapted => self.start(Kind::Adapted, String::new(), 1),
            Event::StartExtended => self.start(Kind::Extended, String::new(), 1),
            Event::StartContainer { label, kind } => self.start_line(kind.as_str(), label),
            Event::StartEntry => self.start_line("En", Label::default()),
            Event::StartProgress { label } => self.start_line("PR", label),
            Event::ProgressPart { tag, text } => self.line(tag, "", &text.decode_lossy()),
            Event::Reference { label, target, .. } => {
                self.note_top_level("Ref");
                let target = target.map_or_else(|| "?".to_owned(), |id| id.ordinal().to_string());
                let name = self.name(label);
                self.line("Ref", &name, &target);
            }
            Event::Unknown { label, tag, .. } => {
                self.note_top_level(tag);
                let name = self.name(label);
                self.line("UNKNOWN", &name, tag);
            }
            Event::UnknownTypeNames { .. } => {}
            Event::End => self.end(),
        }
    }

    fn primitive(&mut self, label: Label<'_>, tag: PrimitiveTag, text: &str) {
        self.note_top_level(tag.as_str());
        let name = self.name(label);
        if tag.is_escaped() {
            let text = crate::escape::Escaped::new(text.into());
            self.line(tag.as_str(), &name, &text.decode_lossy());
        } else {
            self.line(tag.as_str(), &name, text);
        }
    }

    fn inside(&self) -> usize {
        self.open.last().map_or(0, |open| open.inside)
    }

    fn lines(&mut self) -> &mut String {
        match self.open.last_mut() {
            Some(open) => &mut open.lines,
            None => &mut self.objects.text,
        }
    }

    fn line(&mut self, kind: &str, name: &str, text: &str) {
        let depth = self.inside();
        push_line(self.lines(), depth, kind, name, text);
    }

    fn start_line(&mut self, kind: &str, label: Label<'_>) {
        self.note_top_level(kind);
        let depth = self.inside();
        let name = self.name(label);
        let mut lines = String::new();
        push_line(&mut lines, depth, kind, &name, "");
        self.start(Kind::Other, lines, 1);
    }

    fn start(&mut self, kind: Kind, lines: String, deeper: usize) {
        let inside = self.inside() + deeper;
        self.open.push(Open { kind, inside, lines });
    }

    fn end(&mut self) {
        let Some(Open { kind, inside, lines }) = self.open.pop() else { return };
        match kind {
            Kind::Other => self.lines().push_str(&lines),
            Kind::Adapted | Kind::Extended => {
                let is_adapted = matches!(kind, Kind::Adapted);
                if let Some(Open { kind: Kind::Object(parts), .. }) = self.open.last_mut() {
                    let members = if is_adapted { &mut parts.adapted } else { &mut parts.extended };
                    if members.is_empty() && !lines.is_empty() {
                        push_line(
                            members,
                            inside - 1,
                            if is_adapted { "Props" } else { "MS" },
                            "",
                            "",
                        );
                    }
                    members.push_str(&lines);
                }
            }
            Kind::Object(parts) => {
                let out = self.lines();
                out.push_str(&parts.head);
                push_field(out, &parts.to_string);
                out.push('\n');
                for part in [&parts.types, &lines, &parts.adapted, &parts.extended] {
                    out.push_str(part);
                }
            }
        }
    }

    /// Gives the name field, and remembers it when it is a property of the first value.
    fn name(&mut self, label: Label<'_>) -> String {
        let name = match (label.name, label.stream) {
            (Some(name), _) => name.decode_lossy().into_owned(),
            (None, Some(stream)) => format!("@{}", stream.decode_lossy()),
            (None, None) => String::new(),
        };
        if self.objects.top_level == 1 && self.open.len() == 2 {
            match self.open.last().map(|open| &open.kind) {
                Some(Kind::Adapted) => self.objects.first_adapted.push(name.clone()),
                Some(Kind::Extended) => self.objects.first_extended.push(name.clone()),
                _ => {}
            }
        }
        name
    }

    /// Counts a value at the top of the document; `kind` is what the first one counts as for want of type names.
    fn note_top_level(&mut self, kind: &str) {
        if self.open.is_empty() {
            self.objects.top_level += 1;
            if self.objects.top_level == 1 {
                self.objects.first_type = Some(kind.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::dump;
    use crate::limits::Limits;
    use crate::reader::Reader;
    use crate::source::Source;

    #[track_caller]
    fn check(xml: &str, expected: &str) {
        let objects = dump(Reader::new(&Source::from(xml), Limits::default())).unwrap();
        assert_eq!(objects.text, expected);
    }

    #[test]
    fn the_parts_of_an_object_come_in_one_order() {
        check(
            r#"<Obj RefId="0"><MS><I32 N="b">01</I32></MS><Props/><I32>2</I32><ToString>a_x000A_</ToString>
               <TN RefId="0"><T>T</T></TN></Obj>"#,
            "0|Obj||a\\n\n1|T||T\n1|I32||2\n1|MS||\n2|I32|b|01\n",
        );
    }

    #[test]
    fn references_are_numbers_of_objects() {
        check(
            r#"<Objs><Obj RefId="x"><LST><Ref RefId="x"/><Obj RefId="y"/><Ref RefId="z"/><Ref RefId="y"/></LST></Obj></Objs>"#,
            "0|Obj||\n1|LST||\n2|Ref||0\n2|Obj||\n2|Ref||?\n2|Ref||1\n",
        );
    }

    #[test]
    fn streams_progress_and_the_unknown_have_their_lines() {
        check(
            r#"<Objs><S S="Error">a|b</S><Obj S="progress" RefId="0"><PR><AI>1</AI></PR></Obj><Foo N="f"><Bar/></Foo></Objs>"#,
            "0|S|@Error|a\\pb\n0|Obj|@progress|\n1|PR||\n2|AI||1\n0|UNKNOWN|f|Foo\n",
        );
    }
}
