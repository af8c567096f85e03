//! From events to a tree of values, with a stack of its own instead of recursion.

use crate::document::Document;
use crate::error::Error;
use crate::escape::Escaped;
use crate::limits::Limits;
use crate::progress::Progress;
use crate::reader::{ContainerKind, Event, Label, Reader};
use crate::source::Source;
use crate::value::{Content, Object, Property, Value};

pub(crate) fn build(source: &Source<'_>, limits: Limits) -> Result<Document, Error> {
    let mut reader = Reader::new(source, limits);
    let mut builder = Builder::default();
    while let Some(event) = reader.next_event()? {
        builder.handle(&reader, event)?;
    }
    Ok(builder.document)
}

#[derive(Default)]
struct Builder<'a> {
    document: Document,
    open: Vec<Open<'a>>,
}

enum Open<'a> {
    Object { label: Label<'a>, object: Box<Object> },
    Adapted(Vec<Property>),
    Extended(Vec<Property>),
    Items { label: Label<'a>, kind: ContainerKind, items: Vec<Value> },
    Dictionary { label: Label<'a>, entries: Vec<(Value, Value)> },
    Entry { key: Value, value: Value },
    Progress { label: Label<'a>, progress: Box<Progress> },
}

impl<'a> Builder<'a> {
    fn handle(&mut self, reader: &Reader<'a>, event: Event<'a>) -> Result<(), Error> {
        match event {
            Event::Primitive { label, tag, text } => {
                let value = reader.parse(tag, text)?;
                self.add(label, value);
            }
            Event::StartObject { label, id } => {
                let object = Box::new(Object::new().with_id(id));
                self.open.push(Open::Object { label, object });
            }
            Event::TypeNames(names) => {
                if let Some(Open::Object { object, .. }) = self.open.last_mut() {
                    object.type_names = names;
                }
            }
            Event::UnknownTypeNames { ref_id } => {
                return Err(reader.unknown_reference("TNRef", &ref_id));
            }
            Event::ToString(text) => {
                if let Some(Open::Object { object, .. }) = self.open.last_mut() {
                    object.to_string = Some(text.into_text());
                }
            }
            Event::StartAdapted => self.open.push(Open::Adapted(Vec::new())),
            Event::StartExtended => self.open.push(Open::Extended(Vec::new())),
            Event::StartContainer { label, kind: ContainerKind::Dictionary } => {
                self.open.push(Open::Dictionary { label, entries: Vec::new() });
            }
            Event::StartContainer { label, kind } => {
                self.open.push(Open::Items { label, kind, items: Vec::new() });
            }
            Event::StartEntry => self.open.push(Open::Entry { key: Value::Nil, value: Value::Nil }),
            Event::StartProgress { label } => {
                self.open.push(Open::Progress { label, progress: Box::default() });
            }
            Event::ProgressPart { tag, text } => self.progress_part(reader, tag, text)?,
            Event::Reference { label, target, ref_id } => {
                let target = target.ok_or_else(|| reader.unknown_reference("Ref", &ref_id))?;
                self.add(label, Value::Ref(target));
            }
            Event::Unknown { label, tag, text } => self.add_unknown(label, tag, &text),
            Event::End => self.end(),
        }
        Ok(())
    }

    /// Puts a value where it belongs: into the innermost open thing or at the top of the document.
    fn add(&mut self, label: Label<'a>, value: Value) {
        match self.open.last_mut() {
            None => {
                self.document.values.push(value);
                self.document.streams.push(label.stream.map(Escaped::into_text));
            }
            // Of several wrapped values the last one counts, as for the engine.
            Some(Open::Object { object, .. }) => object.content = Content::Value(value),
            Some(Open::Adapted(members) | Open::Extended(members)) => {
                // Without a name it cannot be a property.
                if let Some(name) = label.name {
                    members.push(Property { name: name.into_text(), value });
                }
            }
            Some(Open::Items { items, .. }) => items.push(value),
            Some(Open::Entry { key, value: slot }) => {
                let name = label.name.map(Escaped::into_text).unwrap_or_default();
                if name.eq_ignore_case("Key") {
                    *key = value;
                } else if name.eq_ignore_case("Value") {
                    *slot = value;
                }
            }
            Some(Open::Dictionary { .. } | Open::Progress { .. }) => {}
        }
    }

    /// Keeps an unknown element as a value where a value is due, and skips it elsewhere.
    fn add_unknown(&mut self, label: Label<'a>, tag: &str, text: &str) {
        if !matches!(self.open.last(), Some(Open::Object { .. })) {
            self.add(label, Value::Unknown { tag: tag.to_owned(), text: text.to_owned() });
        }
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(Open::Object { label, object }) => self.add(label, Value::Object(object)),
            Some(Open::Adapted(members)) => {
                self.with_object(|object| extend(&mut object.adapted, members))
            }
            Some(Open::Extended(members)) => {
                self.with_object(|object| extend(&mut object.extended, members))
            }
            Some(Open::Items { label, kind, items }) => {
                let content = match kind {
                    ContainerKind::Enumerable => Content::Enumerable(items),
                    ContainerKind::Stack => Content::Stack(items),
                    ContainerKind::Queue => Content::Queue(items),
                    ContainerKind::List | ContainerKind::Dictionary => Content::List(items),
                };
                self.add_content(label, content);
            }
            Some(Open::Dictionary { label, entries }) => {
                self.add_content(label, Content::Dictionary(entries))
            }
            Some(Open::Entry { key, value }) => {
                if let Some(Open::Dictionary { entries, .. }) = self.open.last_mut() {
                    entries.push((key, value));
                }
            }
            Some(Open::Progress { label, progress }) => self.add(label, Value::Progress(progress)),
            None => {}
        }
    }

    /// Gives a container to the object around it; one without an object around it gets an object of its own.
    fn add_content(&mut self, label: Label<'a>, content: Content) {
        match self.open.last_mut() {
            Some(Open::Object { object, .. }) => object.content = content,
            _ => self.add(label, Object::new().with_content(content).into()),
        }
    }

    fn with_object(&mut self, change: impl FnOnce(&mut Object)) {
        if let Some(Open::Object { object, .. }) = self.open.last_mut() {
            change(object);
        }
    }

    fn progress_part(
        &mut self,
        reader: &Reader<'a>,
        tag: &str,
        text: Escaped<'a>,
    ) -> Result<(), Error> {
        let Some(Open::Progress { progress, .. }) = self.open.last_mut() else {
            return Ok(());
        };
        match tag {
            "AV" => progress.activity = text.into_text(),
            "S" => progress.current_operation = Some(text.into_text()),
            "SD" => progress.status_description = text.into_text(),
            "T" => progress.record_type = text.into_text(),
            "AI" => progress.activity_id = number(reader, "AI", &text)?,
            "PI" => progress.parent_activity_id = number(reader, "PI", &text)?,
            "PC" => progress.percent_complete = number(reader, "PC", &text)?,
            "SR" => progress.seconds_remaining = number(reader, "SR", &text)?,
            _ => {}
        }
        Ok(())
    }
}

fn number(reader: &Reader<'_>, tag: &'static str, text: &Escaped<'_>) -> Result<i32, Error> {
    text.raw().trim().parse().map_err(|_| Error::Primitive {
        position: reader.position(),
        tag,
        text: text.raw().chars().take(64).collect(),
    })
}

fn extend(members: &mut Vec<Property>, more: Vec<Property>) {
    if members.is_empty() {
        *members = more;
    } else {
        members.extend(more);
    }
}
