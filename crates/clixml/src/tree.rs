//! From events to a tree of values, with a stack of its own instead of recursion.
//!
//! Spec: [MS-PSRP] 2.2.5.2 Serialization of Complex Objects.

use std::borrow::Cow;

use crate::document::Document;
use crate::error::Error;
use crate::escape::Escaped;
use crate::limits::Limits;
use crate::progress::Progress;
use crate::reader::{ContainerKind, Event, Label, Reader, UsualPart};
use crate::source::Source;
use crate::tag::PrimitiveTag;
use crate::text::Text;
use crate::value::{Content, Object, Property, Value};
use crate::xml::Piece;

pub(crate) fn build(source: &Source<'_>, limits: Limits) -> Result<Document, Error> {
    let mut reader = Reader::new(source, limits);
    let mut builder = Builder::new();
    loop {
        builder.take_usual(&mut reader)?;
        match reader.next_event()? {
            Some(event) => builder.handle(&reader, event)?,
            None => return Ok(builder.document),
        }
    }
}

/// Builds the value that begins at the reader's place and has `depth` elements around it.
pub(crate) fn build_one(reader: &mut Reader<'_>, depth: usize) -> Result<Document, Error> {
    let mut builder = Builder::new();
    loop {
        builder.take_usual(reader)?;
        if !builder.document.values.is_empty() && reader.depth() <= depth {
            return Ok(builder.document);
        }
        match reader.next_event()? {
            Some(event) => builder.handle(reader, event)?,
            None => return Ok(builder.document),
        }
    }
}

struct Builder {
    document: Document,
    /// The stream that the open value at the top belongs to.
    stream: Option<Text>,
    open: Vec<Open>,
    /// The properties read so far of all open `Props` and `MS`, those of the innermost last, so that each list is allocated
    /// once and in its right size.
    members: Vec<Property>,
    /// The same for the items of open containers.
    items: Vec<Value>,
}

enum Open {
    Object {
        name: Option<Text>,
        object: Box<Object>,
    },
    /// `Props`, whose properties begin at this place of the builder's list.
    Adapted(usize),
    Extended(usize),
    Items {
        name: Option<Text>,
        kind: ContainerKind,
        start: usize,
    },
    Dictionary {
        name: Option<Text>,
        entries: Vec<(Value, Value)>,
    },
    Entry {
        key: Value,
        value: Value,
    },
    Progress {
        name: Option<Text>,
        progress: Box<Progress>,
    },
}

impl Builder {
    /// Makes room for a usual object at once.
    fn new() -> Self {
        Self {
            document: Document::default(),
            stream: None,
            open: Vec::with_capacity(8),
            members: Vec::with_capacity(128),
            items: Vec::with_capacity(32),
        }
    }

    /// Takes what begins here one after the other, as long as it has its usual form: most of every document.
    fn take_usual(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        loop {
            match self.open.last_mut() {
                Some(Open::Adapted(_) | Open::Extended(_)) => {
                    while let Some((name, tag, text)) = reader.usual_primitive()? {
                        let value = usual_value(reader, tag, text)?;
                        if let Some(name) = name {
                            self.members.push(Property { name: name.into(), value });
                        }
                    }
                    if !self.take_usual_object(reader)? && !self.take_usual_end(reader) {
                        return Ok(());
                    }
                }
                Some(Open::Items { .. }) => {
                    while let Some((_, tag, text)) = reader.usual_primitive()? {
                        self.items.push(usual_value(reader, tag, text)?);
                    }
                    if !self.take_usual_object(reader)? && !self.take_usual_end(reader) {
                        return Ok(());
                    }
                }
                Some(Open::Object { object, .. }) => {
                    if let Some((_, tag, text)) = reader.usual_primitive()? {
                        object.content = Content::Value(usual_value(reader, tag, text)?);
                        continue;
                    }
                    let Some(part) = reader.usual_part()? else { return Ok(()) };
                    match part {
                        UsualPart::TypeNames(names) => object.type_names = names,
                        UsualPart::ToString(text) => {
                            object.to_string.get_or_insert_with(|| text.into());
                        }
                        UsualPart::StartAdapted => {
                            self.open.push(Open::Adapted(self.members.len()))
                        }
                        UsualPart::StartExtended => {
                            self.open.push(Open::Extended(self.members.len()));
                        }
                        UsualPart::StartItems(kind) => {
                            let start = self.items.len();
                            self.open.push(Open::Items { name: None, kind, start });
                        }
                        UsualPart::End => {
                            self.end();
                            // The value that was asked for may end here.
                            if self.open.is_empty() {
                                return Ok(());
                            }
                        }
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    fn take_usual_object(&mut self, reader: &mut Reader<'_>) -> Result<bool, Error> {
        let Some((name, id)) = reader.usual_object()? else { return Ok(false) };
        let object = Box::new(Object::new().with_id(id));
        self.open.push(Open::Object { name: name.map(Into::into), object });
        Ok(true)
    }

    fn take_usual_end(&mut self, reader: &mut Reader<'_>) -> bool {
        let is_end = reader.usual_end();
        if is_end {
            self.end();
        }
        is_end
    }

    fn handle(&mut self, reader: &Reader<'_>, event: Event<'_>) -> Result<(), Error> {
        match event {
            Event::Primitive { label, tag, text } => {
                let value = reader.parse(tag, text)?;
                let name = self.name(label);
                self.add(name, value);
            }
            Event::StartObject { label, id } => {
                let object = Box::new(Object::new().with_id(id));
                let name = self.name(label);
                self.open.push(Open::Object { name, object });
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
                if let Some(Open::Object { object, .. }) = self.open.last_mut()
                    && object.to_string.is_none()
                {
                    object.to_string = Some(text.into_text());
                }
            }
            Event::StartAdapted => self.open.push(Open::Adapted(self.members.len())),
            Event::StartExtended => self.open.push(Open::Extended(self.members.len())),
            Event::StartContainer { label, kind: ContainerKind::Dictionary } => {
                let name = self.name(label);
                self.open.push(Open::Dictionary { name, entries: Vec::new() });
            }
            Event::StartContainer { label, kind } => {
                let name = self.name(label);
                self.open.push(Open::Items { name, kind, start: self.items.len() });
            }
            Event::StartEntry => self.open.push(Open::Entry { key: Value::Nil, value: Value::Nil }),
            Event::StartProgress { label } => {
                let name = self.name(label);
                self.open.push(Open::Progress { name, progress: Box::default() });
            }
            Event::ProgressPart { tag, text } => self.progress_part(reader, tag, text)?,
            Event::Reference { label, target, ref_id } => {
                let target = target.ok_or_else(|| reader.unknown_reference("Ref", &ref_id))?;
                let name = self.name(label);
                self.add(name, Value::Ref(target));
            }
            Event::Unknown { label, tag, text } => self.add_unknown(label, tag, &text),
            Event::End => self.end(),
        }
        Ok(())
    }

    /// Takes the name out of a label, and notes the stream of a value at the top.
    fn name(&mut self, label: Label<'_>) -> Option<Text> {
        if self.open.is_empty() {
            self.stream = label.stream.map(Escaped::into_text);
        }
        label.name.map(Escaped::into_text)
    }

    /// Puts a value where it belongs: into the innermost open thing or at the top of the document.
    fn add(&mut self, name: Option<Text>, value: Value) {
        match self.open.last_mut() {
            None => {
                self.document.values.push(value);
                self.document.streams.push(self.stream.take());
            }
            // Of several wrapped values the last one counts, as for the engine.
            Some(Open::Object { object, .. }) => object.content = Content::Value(value),
            Some(Open::Adapted(_) | Open::Extended(_)) => {
                // Without a name it cannot be a property.
                if let Some(name) = name {
                    self.members.push(Property { name, value });
                }
            }
            Some(Open::Items { .. }) => self.items.push(value),
            Some(Open::Entry { key, value: slot }) => {
                let name = name.unwrap_or_default();
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
    fn add_unknown(&mut self, label: Label<'_>, tag: &str, text: &str) {
        if !matches!(self.open.last(), Some(Open::Object { .. })) {
            let name = self.name(label);
            self.add(name, Value::Unknown { tag: tag.to_owned(), text: text.to_owned() });
        }
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(Open::Object { name, object }) => self.add(name, Value::Object(object)),
            Some(Open::Adapted(start)) => {
                let members = self.members.drain(start..).collect();
                self.with_object(|object| extend(&mut object.adapted, members))
            }
            Some(Open::Extended(start)) => {
                let members = self.members.drain(start..).collect();
                self.with_object(|object| extend(&mut object.extended, members))
            }
            Some(Open::Items { name, kind, start }) => {
                let items = self.items.drain(start..).collect();
                let content = match kind {
                    ContainerKind::Enumerable => Content::Enumerable(items),
                    ContainerKind::Stack => Content::Stack(items),
                    ContainerKind::Queue => Content::Queue(items),
                    ContainerKind::List | ContainerKind::Dictionary => Content::List(items),
                };
                self.add_content(name, content);
            }
            Some(Open::Dictionary { name, entries }) => {
                self.add_content(name, Content::Dictionary(entries))
            }
            Some(Open::Entry { key, value }) => {
                if let Some(Open::Dictionary { entries, .. }) = self.open.last_mut() {
                    entries.push((key, value));
                }
            }
            Some(Open::Progress { name, progress }) => self.add(name, Value::Progress(progress)),
            None => {}
        }
    }

    /// Gives a container to the object around it; one without an object around it gets an object of its own.
    fn add_content(&mut self, name: Option<Text>, content: Content) {
        match self.open.last_mut() {
            Some(Open::Object { object, .. }) => object.content = content,
            _ => self.add(name, Object::new().with_content(content).into()),
        }
    }

    fn with_object(&mut self, change: impl FnOnce(&mut Object)) {
        if let Some(Open::Object { object, .. }) = self.open.last_mut() {
            change(object);
        }
    }

    fn progress_part(
        &mut self,
        reader: &Reader<'_>,
        tag: &str,
        text: Escaped<'_>,
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

#[inline]
fn usual_value(reader: &Reader<'_>, tag: PrimitiveTag, text: Piece<'_>) -> Result<Value, Error> {
    Ok(match tag {
        PrimitiveTag::String => Value::String(text.into()),
        PrimitiveTag::Nil => Value::Nil,
        _ => reader.parse(tag, Cow::Borrowed(text.text))?,
    })
}

impl From<Piece<'_>> for Text {
    #[inline]
    fn from(piece: Piece<'_>) -> Self {
        if piece.is_escaped {
            Escaped::new(Cow::Borrowed(piece.text)).into_text()
        } else {
            piece.text.into()
        }
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
