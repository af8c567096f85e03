//! Writing values as CLIXML.
//!
//! Spec: [MS-PSRP] 2.2.5 Serialization. What surprised: the engine writes an object where it meets it first,
//! so when another order of an object's parts brings a `Ref` before its object, the two have to change places.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::slice;

use crate::document::Document;
use crate::escape::push_escaped;
use crate::index::Index;
use crate::number;
use crate::progress::Progress;
use crate::tag::{PrimitiveTag, format_base64};
use crate::text::Text;
use crate::type_names::TypeNames;
use crate::value::{Content, Object, ObjectId, Property, Value};

/// Writes the body of a PSRP message: one element, no declaration, no white space, ids from 0.
///
/// Type names used again are written as a `TNRef`. An object with an id can be pointed at by a [`Value::Ref`]; a reference
/// to no object in `value` is written as `Nil`.
#[must_use]
pub fn write_value(value: &Value) -> String {
    let mut writer = Writer::new(slice::from_ref(value));
    writer.write(value, Label::None);
    writer.out
}

/// Writes a CLIXML file: the values in an `Objs` element, otherwise as [`write_value`] does. UTF-8, no byte order mark.
#[must_use]
pub fn write_document(values: &[Value]) -> String {
    let mut writer = Writer::new(values);
    writer.out.push_str(OBJS);
    for value in values {
        writer.write(value, Label::None);
    }
    writer.out.push_str("</Objs>");
    writer.out
}

impl Document {
    /// Writes the document as [`write_document`] does, with the streams its values belong to.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new(&self.values);
        writer.out.push_str(OBJS);
        let streams = self.streams.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        for (value, stream) in self.values.iter().zip(streams) {
            writer.write(value, stream.map_or(Label::None, Label::Stream));
        }
        writer.out.push_str("</Objs>");
        writer.out
    }
}

const OBJS: &str =
    r#"<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">"#;

struct Writer<'v> {
    out: String,
    roots: &'v [Value],
    steps: Vec<Step<'v>>,
    next_ref: u32,
    refs: HashMap<ObjectId, u32>,
    /// Built at the first reference to an object that is yet to come.
    index: Option<Index<'v>>,
    /// Objects that were written at a reference before their own place.
    written_ahead: HashSet<*const Object>,
    type_names: HashMap<&'v TypeNames, u32>,
    /// The same by address, which is quicker for the lists that many objects share.
    type_names_by_address: HashMap<*const Text, u32>,
}

/// What is left to be written, the innermost last.
enum Step<'v> {
    Tag(&'static str),
    Value(&'v Value, Label<'v>),
    Items(slice::Iter<'v, Value>),
    Members(slice::Iter<'v, Property>),
    Entries(slice::Iter<'v, (Value, Value)>),
}

#[derive(Clone, Copy)]
enum Label<'v> {
    None,
    Name(&'v Text),
    Fixed(&'static str),
    Stream(&'v Text),
}

impl<'v> Writer<'v> {
    fn new(roots: &'v [Value]) -> Self {
        Self {
            out: String::with_capacity(256),
            roots,
            steps: Vec::new(),
            next_ref: 0,
            refs: HashMap::new(),
            index: None,
            written_ahead: HashSet::new(),
            type_names: HashMap::new(),
            type_names_by_address: HashMap::new(),
        }
    }

    fn write(&mut self, value: &'v Value, label: Label<'v>) {
        self.steps.push(Step::Value(value, label));
        while let Some(step) = self.steps.pop() {
            self.step(step);
        }
    }

    fn step(&mut self, step: Step<'v>) {
        match step {
            Step::Tag(tag) => self.out.push_str(tag),
            Step::Value(value, label) => self.value(value, label),
            Step::Items(mut items) => {
                if let Some(item) = items.next() {
                    self.steps.push(Step::Items(items));
                    self.value(item, Label::None);
                }
            }
            Step::Members(mut members) => {
                if let Some(Property { name, value }) = members.next() {
                    self.steps.push(Step::Members(members));
                    self.value(value, Label::Name(name));
                }
            }
            Step::Entries(mut entries) => {
                if let Some((key, value)) = entries.next() {
                    self.out.push_str("<En>");
                    self.steps.push(Step::Entries(entries));
                    self.steps.push(Step::Tag("</En>"));
                    self.steps.push(Step::Value(value, Label::Fixed("Value")));
                    self.value(key, Label::Fixed("Key"));
                }
            }
        }
    }

    fn value(&mut self, value: &'v Value, label: Label<'v>) {
        use PrimitiveTag as Tag;
        match value {
            Value::Nil => self.empty("Nil", label),
            Value::String(text) => self.text(Tag::String.as_str(), label, text),
            Value::Uri(text) => self.text(Tag::Uri.as_str(), label, text),
            Value::Xml(text) => self.text(Tag::Xml.as_str(), label, text),
            Value::ScriptBlock(text) => self.text(Tag::ScriptBlock.as_str(), label, text),
            Value::Char(unit) => self.plain(Tag::Char, label, unit),
            Value::Bool(value) => self.plain(Tag::Bool, label, value),
            Value::DateTime(value) => self.plain(Tag::DateTime, label, value),
            Value::TimeSpan(value) => self.plain(Tag::TimeSpan, label, value),
            Value::U8(number) => self.plain(Tag::U8, label, number),
            Value::I8(number) => self.plain(Tag::I8, label, number),
            Value::U16(number) => self.plain(Tag::U16, label, number),
            Value::I16(number) => self.plain(Tag::I16, label, number),
            Value::U32(number) => self.plain(Tag::U32, label, number),
            Value::I32(number) => self.plain(Tag::I32, label, number),
            Value::U64(number) => self.plain(Tag::U64, label, number),
            Value::I64(number) => self.plain(Tag::I64, label, number),
            Value::F32(number) => self.plain(Tag::F32, label, number::format_f32(*number)),
            Value::F64(number) => self.plain(Tag::F64, label, number::format_f64(*number)),
            Value::Decimal(number) => self.plain(Tag::Decimal, label, number),
            Value::Bytes(bytes) => self.plain(Tag::Bytes, label, format_base64(bytes)),
            Value::Guid(guid) => self.plain(Tag::Guid, label, guid),
            Value::Version(version) => self.plain(Tag::Version, label, version),
            Value::SecureString(bytes) => {
                self.plain(Tag::SecureString, label, format_base64(bytes))
            }
            Value::Progress(progress) => self.progress(progress, label),
            Value::Object(object) => self.object(object, label),
            Value::Ref(id) => self.reference(*id, label),
            Value::Unknown { tag, text } => {
                self.open(tag, label);
                push_xml(&mut self.out, text);
                self.close(tag);
            }
        }
    }

    fn object(&mut self, object: &'v Object, label: Label<'v>) {
        if self.written_ahead.contains(&std::ptr::from_ref(object))
            && let Some(ref_id) = object.id.and_then(|id| self.refs.get(&id).copied())
        {
            return self.pointer("Ref", ref_id, label);
        }
        let ref_id = self.next_ref;
        self.next_ref += 1;
        if let Some(id) = object.id {
            self.refs.insert(id, ref_id);
        }
        self.start_tag("Obj", label);
        self.push_format(format_args!(" RefId=\"{ref_id}\">"));
        self.type_names(&object.type_names);
        if let Some(text) = &object.to_string {
            self.text("ToString", Label::None, text);
        }
        self.steps.push(Step::Tag("</Obj>"));
        self.members("<MS>", &object.extended, "</MS>");
        self.members("<Props>", &object.adapted, "</Props>");
        self.content(&object.content);
    }

    /// Puts the members on the stack, to be written after what is put there later.
    fn members(&mut self, start: &'static str, members: &'v [Property], end: &'static str) {
        if !members.is_empty() {
            self.steps.push(Step::Tag(end));
            self.steps.push(Step::Members(members.iter()));
            self.steps.push(Step::Tag(start));
        }
    }

    fn content(&mut self, content: &'v Content) {
        let (start, end, items) = match content {
            Content::None => return,
            Content::Value(value) => {
                self.steps.push(Step::Value(value, Label::None));
                return;
            }
            Content::List(items) => ("<LST>", "</LST>", Step::Items(items.iter())),
            Content::Enumerable(items) => ("<IE>", "</IE>", Step::Items(items.iter())),
            Content::Stack(items) => ("<STK>", "</STK>", Step::Items(items.iter())),
            Content::Queue(items) => ("<QUE>", "</QUE>", Step::Items(items.iter())),
            Content::Dictionary(entries) => ("<DCT>", "</DCT>", Step::Entries(entries.iter())),
        };
        self.steps.push(Step::Tag(end));
        self.steps.push(items);
        self.steps.push(Step::Tag(start));
    }

    fn type_names(&mut self, names: &'v TypeNames) {
        let Some(first) = names.as_slice().first() else { return };
        let address = std::ptr::from_ref(first);
        let known = self.type_names_by_address.get(&address).or_else(|| self.type_names.get(names));
        if let Some(ref_id) = known.copied() {
            self.type_names_by_address.insert(address, ref_id);
            return self.pointer("TNRef", ref_id, Label::None);
        }
        let ref_id = u32::try_from(self.type_names.len()).unwrap_or(u32::MAX);
        self.type_names.insert(names, ref_id);
        self.type_names_by_address.insert(address, ref_id);
        self.push_format(format_args!("<TN RefId=\"{ref_id}\">"));
        for name in names.iter() {
            self.text("T", Label::None, name);
        }
        self.out.push_str("</TN>");
    }

    fn reference(&mut self, id: ObjectId, label: Label<'v>) {
        if let Some(ref_id) = self.refs.get(&id).copied() {
            return self.pointer("Ref", ref_id, label);
        }
        let index = self.index.get_or_insert_with(|| Index::of(self.roots));
        match index.get(id) {
            Some(object) => {
                self.object(object, label);
                // When the object's own place comes, a reference is written there.
                self.written_ahead.insert(std::ptr::from_ref(object));
            }
            None => self.empty("Nil", label),
        }
    }

    fn progress(&mut self, progress: &'v Progress, label: Label<'v>) {
        self.open("PR", label);
        self.text("AV", Label::None, &progress.activity);
        self.push_format(format_args!("<AI>{}</AI>", progress.activity_id));
        match &progress.current_operation {
            Some(text) => self.text("S", Label::None, text),
            None => self.empty("Nil", Label::None),
        }
        self.push_format(format_args!(
            "<PI>{}</PI><PC>{}</PC>",
            progress.parent_activity_id, progress.percent_complete
        ));
        self.text("T", Label::None, &progress.record_type);
        self.push_format(format_args!("<SR>{}</SR>", progress.seconds_remaining));
        self.text("SD", Label::None, &progress.status_description);
        self.close("PR");
    }

    fn text(&mut self, tag: &str, label: Label<'v>, text: &Text) {
        self.open(tag, label);
        push_escaped(&mut self.out, text);
        self.close(tag);
    }

    fn plain(&mut self, tag: PrimitiveTag, label: Label<'v>, value: impl fmt::Display) {
        self.open(tag.as_str(), label);
        self.push_format(format_args!("{value}"));
        self.close(tag.as_str());
    }

    fn pointer(&mut self, tag: &str, ref_id: u32, label: Label<'v>) {
        self.start_tag(tag, label);
        self.push_format(format_args!(" RefId=\"{ref_id}\" />"));
    }

    fn empty(&mut self, tag: &str, label: Label<'v>) {
        self.start_tag(tag, label);
        self.out.push_str(" />");
    }

    fn open(&mut self, tag: &str, label: Label<'v>) {
        self.start_tag(tag, label);
        self.out.push('>');
    }

    fn close(&mut self, tag: &str) {
        self.out.push_str("</");
        self.out.push_str(tag);
        self.out.push('>');
    }

    fn start_tag(&mut self, tag: &str, label: Label<'v>) {
        self.out.push('<');
        self.out.push_str(tag);
        let (attribute, text) = match label {
            Label::None => return,
            Label::Fixed(name) => {
                self.push_format(format_args!(" N=\"{name}\""));
                return;
            }
            Label::Name(text) => (" N=\"", text),
            Label::Stream(text) => (" S=\"", text),
        };
        self.out.push_str(attribute);
        push_escaped(&mut self.out, text);
        self.out.push('"');
    }

    fn push_format(&mut self, arguments: fmt::Arguments<'_>) {
        // Writing into a string cannot fail.
        let _ = self.out.write_fmt(arguments);
    }
}

/// Appends text that has no escapes of the engine's, with XML's own.
fn push_xml(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' => out.push(character),
            '\0'..='\x1F' => {
                let _ = write!(out, "&#x{:X};", u32::from(character));
            }
            _ => out.push(character),
        }
    }
}
