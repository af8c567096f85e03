//! A pull reader: one pass over a document, one event after the other.
//!
//! Spec: [MS-PSRP] 2.2.5.2 Serialization of Complex Objects. What surprised: an object's parts may come in any order; an
//! object may stand in itself by a `Ref`; a wrapped object (an `Obj` right inside an `Obj`) has type names of its own.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/

mod usual;

use std::borrow::Cow;
use std::collections::HashMap;

pub(crate) use usual::UsualPart;

use crate::de::Defined;
use crate::error::Error;
use crate::escape::Escaped;
use crate::limits::{Limit, Limits};
use crate::ref_table::RefTable;
use crate::source::Source;
use crate::tag::PrimitiveTag;
use crate::type_names::{self, TypeNames};
use crate::value::{ObjectId, Value};
use crate::xml::{Mark, Scanner, Tag, append, is_blank};

/// A pull reader over one document.
///
/// It keeps the open elements and the ids seen, but no values; its memory grows with the number of objects, not with
/// their text. No recursion happens.
///
/// ```
/// use clixml::{Event, Limits, Reader, Source};
///
/// let source = Source::from(r#"<Obj RefId="0"><MS><S N="Alias">ann</S></MS></Obj>"#);
/// let mut reader = Reader::new(&source, Limits::default());
/// let mut names = Vec::new();
/// while let Some(event) = reader.next_event()? {
///     if let Event::Primitive { label, .. } = event {
///         names.extend(label.name.map(|name| name.decode().to_string()));
///     }
/// }
/// assert_eq!(names, ["Alias"]);
/// # Ok::<(), clixml::Error>(())
/// ```
pub struct Reader<'a> {
    scanner: Scanner<'a>,
    limits: Limits,
    open: Vec<Open>,
    objects: RefTable<'a, ObjectId>,
    type_names: RefTable<'a, TypeNames>,
    next_object: u32,
    references: usize,
    /// What was defined before and around the part of a document that is read.
    outside: Option<Defined<'a>>,
    /// Where to go on after objects from outside, with the depth around them, the innermost last.
    returns: Vec<(usize, Mark)>,
    /// The numbers of the objects of such a part by the places where they stand, for an object from outside may have some of
    /// them in it.
    places: HashMap<usize, ObjectId>,
    has_been_outside: bool,
}

/// What a document consists of, in document order. Each event that starts something is paired with an [`Event::End`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A primitive.
    #[non_exhaustive]
    Primitive {
        /// How the element is called.
        label: Label<'a>,
        /// Its type.
        tag: PrimitiveTag,
        /// Its text as it stands in the document, escapes included.
        text: Cow<'a, str>,
    },
    /// An `Obj` starts.
    #[non_exhaustive]
    StartObject {
        /// How the element is called.
        label: Label<'a>,
        /// Its number in the document.
        id: ObjectId,
    },
    /// The type names of the open object.
    TypeNames(TypeNames),
    /// The open object's type names are those of an id that was not seen before.
    #[non_exhaustive]
    UnknownTypeNames {
        /// The `RefId` as it stands in the document.
        ref_id: Cow<'a, str>,
    },
    /// The `ToString` of the open object.
    ToString(Escaped<'a>),
    /// The adapted properties of the open object start.
    StartAdapted,
    /// The extended properties of the open object start.
    StartExtended,
    /// A container starts.
    #[non_exhaustive]
    StartContainer {
        /// How the element is called.
        label: Label<'a>,
        /// Which container.
        kind: ContainerKind,
    },
    /// An entry of the open dictionary starts: its values are named `Key` and `Value`.
    StartEntry,
    /// A progress record starts.
    StartProgress {
        /// How the element is called.
        label: Label<'a>,
    },
    /// A part of the open progress record.
    #[non_exhaustive]
    ProgressPart {
        /// The element's name.
        tag: &'a str,
        /// Its text as it stands in the document.
        text: Escaped<'a>,
    },
    /// An object that came before, once more.
    #[non_exhaustive]
    Reference {
        /// How the element is called.
        label: Label<'a>,
        /// The object's number; `None` when the id was not seen before.
        target: Option<ObjectId>,
        /// The `RefId` as it stands in the document.
        ref_id: Cow<'a, str>,
    },
    /// An element that has no meaning here; its child elements are skipped.
    #[non_exhaustive]
    Unknown {
        /// How the element is called.
        label: Label<'a>,
        /// The element's name.
        tag: &'a str,
        /// Its own character data.
        text: Cow<'a, str>,
    },
    /// What was started last ends.
    End,
}

/// How a value is called: by the attribute `N` or, at the top of a stream document, `S`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Label<'a> {
    /// `N`: the property's name, or `Key` or `Value`.
    pub name: Option<Escaped<'a>>,
    /// `S`: the stream.
    pub stream: Option<Escaped<'a>>,
}

/// Which container an element is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the format has these five")]
pub enum ContainerKind {
    /// `LST`.
    List,
    /// `IE`.
    Enumerable,
    /// `STK`, the top first.
    Stack,
    /// `QUE`, the head first.
    Queue,
    /// `DCT`.
    Dictionary,
}

impl ContainerKind {
    /// Gives the element's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::List => "LST",
            Self::Enumerable => "IE",
            Self::Stack => "STK",
            Self::Queue => "QUE",
            Self::Dictionary => "DCT",
        }
    }

    /// Finds the container by the element's name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "LST" => Self::List,
            "IE" => Self::Enumerable,
            "STK" => Self::Stack,
            "QUE" => Self::Queue,
            "DCT" => Self::Dictionary,
            _ => return None,
        })
    }
}

/// An open element.
#[derive(Clone, Copy)]
enum Open {
    Objs,
    Object,
    Members,
    Items,
    Dictionary,
    Entry,
    Progress,
}

impl Open {
    const fn name(self) -> &'static str {
        match self {
            Self::Objs => "Objs",
            Self::Object => "Obj",
            Self::Members => "Props or MS",
            Self::Items => "LST, IE, STK or QUE",
            Self::Dictionary => "DCT",
            Self::Entry => "En",
            Self::Progress => "PR",
        }
    }
}

type Result<T> = std::result::Result<T, Error>;

impl<'a> Reader<'a> {
    /// Makes a reader at the start of `source`.
    #[must_use]
    pub fn new(source: &'a Source<'_>, limits: Limits) -> Self {
        Self {
            scanner: Scanner::new(source.xml(), limits),
            limits,
            open: Vec::with_capacity(16),
            objects: RefTable::default(),
            type_names: RefTable::default(),
            next_object: 0,
            references: 0,
            outside: None,
            returns: Vec::new(),
            places: HashMap::new(),
            has_been_outside: false,
        }
    }

    /// Makes a reader of the element at the scanner's place: what it points at outside becomes part of it.
    pub(crate) fn of_part(
        scanner: Scanner<'a>,
        limits: Limits,
        outside: Defined<'a>,
        references: usize,
    ) -> Self {
        Self {
            scanner,
            limits,
            open: Vec::new(),
            objects: RefTable::default(),
            type_names: RefTable::default(),
            next_object: 0,
            references,
            outside: Some(outside),
            returns: Vec::new(),
            places: HashMap::new(),
            has_been_outside: false,
        }
    }

    /// Gives back what [`of_part`](Self::of_part) was given.
    pub(crate) fn into_part(self) -> (Scanner<'a>, Defined<'a>, usize) {
        (self.scanner, self.outside.unwrap_or_default(), self.references)
    }

    pub(crate) fn depth(&self) -> usize {
        self.scanner.depth()
    }

    /// Gives the number of bytes read so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.scanner.position()
    }

    /// Reads the next event; `None` at the end of the document.
    ///
    /// # Errors
    ///
    /// [`Error`] when the document is not well-formed, has text or elements inside a primitive or text between elements,
    /// or exceeds a limit. The reader is of no use afterwards.
    pub fn next_event(&mut self) -> Result<Option<Event<'a>>> {
        loop {
            let token = self.scanner.next()?;
            if !token.text.is_empty() && !is_blank(&token.text) {
                return Err(Error::StrayText { position: self.position(), parent: self.parent() });
            }
            match token.tag {
                Tag::Start { local: "Objs" } if self.scanner.depth() == 1 => {
                    self.open.push(Open::Objs)
                }
                Tag::Start { local } => return self.element(local).map(Some),
                Tag::End => match self.open.pop() {
                    Some(Open::Objs) | None => {}
                    Some(_) => {
                        self.come_back();
                        return Ok(Some(Event::End));
                    }
                },
                Tag::Eof => return Ok(None),
            }
        }
    }

    /// Goes on behind the reference when an object from outside has ended.
    fn come_back(&mut self) {
        if let Some((_, mark)) = self.returns.pop_if(|(depth, _)| *depth == self.scanner.depth()) {
            self.scanner.go_back(mark);
        }
    }

    fn parent(&self) -> &'static str {
        self.open.last().map_or("the document", |open| open.name())
    }

    fn element(&mut self, local: &'a str) -> Result<Event<'a>> {
        let (label, ref_id) = self.take_attributes();
        match self.open.last() {
            Some(Open::Object) => {
                if let Some(event) = self.part_of_object(local, ref_id.as_ref())? {
                    return Ok(event);
                }
            }
            Some(Open::Dictionary) if local == "En" => {
                return Ok(self.start(Open::Entry, Event::StartEntry));
            }
            Some(Open::Progress) => {
                let text = Escaped::new(self.leaf("PR")?);
                return Ok(Event::ProgressPart { tag: local, text });
            }
            _ => {}
        }
        self.value(local, label, ref_id)
    }

    fn take_attributes(&mut self) -> (Label<'a>, Option<Cow<'a, str>>) {
        let mut label = Label::default();
        let mut ref_id = None;
        for attribute in self.scanner.drain_attributes() {
            match attribute.name {
                "N" => label.name = Some(Escaped::new(attribute.value)),
                "S" => label.stream = Some(Escaped::new(attribute.value)),
                "RefId" => ref_id = Some(attribute.value),
                _ => {}
            }
        }
        (label, ref_id)
    }

    fn part_of_object(
        &mut self,
        local: &str,
        ref_id: Option<&Cow<'a, str>>,
    ) -> Result<Option<Event<'a>>> {
        Ok(Some(match local {
            "TN" => Event::TypeNames(self.read_type_names(ref_id)?),
            "TNRef" => {
                self.leaf("TNRef")?;
                let ref_id = ref_id.cloned().unwrap_or_default();
                match self.type_names.get(&ref_id).cloned() {
                    Some(names) => Event::TypeNames(names),
                    None => match self.type_names_outside(ref_id.clone())? {
                        Some(names) => Event::TypeNames(names),
                        None => Event::UnknownTypeNames { ref_id },
                    },
                }
            }
            "ToString" => Event::ToString(Escaped::new(self.leaf("ToString")?)),
            "Props" => self.start(Open::Members, Event::StartAdapted),
            "MS" => self.start(Open::Members, Event::StartExtended),
            _ => return Ok(None),
        }))
    }

    fn read_type_names(&mut self, ref_id: Option<&Cow<'a, str>>) -> Result<TypeNames> {
        let place = self.scanner.tag_position();
        if let (Some(outside), Some(ref_id)) = (&mut self.outside, ref_id) {
            outside.type_names.define(ref_id.clone(), place);
        }
        let names = type_names::read(&mut self.scanner)?;
        if let Some(id) = ref_id {
            self.type_names.insert(id.clone(), names.clone());
        }
        Ok(names)
    }

    fn value(
        &mut self,
        local: &'a str,
        label: Label<'a>,
        ref_id: Option<Cow<'a, str>>,
    ) -> Result<Event<'a>> {
        if let Some(tag) = PrimitiveTag::from_name(local) {
            let text = self.leaf(tag.as_str())?;
            return Ok(Event::Primitive { label, tag, text });
        }
        if let Some(kind) = ContainerKind::from_name(local) {
            let open =
                if kind == ContainerKind::Dictionary { Open::Dictionary } else { Open::Items };
            return Ok(self.start(open, Event::StartContainer { label, kind }));
        }
        match local {
            "Obj" => {
                if let Some(target) = self.came_already() {
                    let depth = self.scanner.depth() - 1;
                    self.scanner.skip(depth, |_, _| {})?;
                    let ref_id = ref_id.unwrap_or_default();
                    return Ok(Event::Reference { label, target: Some(target), ref_id });
                }
                let id = self.register_object(ref_id);
                Ok(self.start(Open::Object, Event::StartObject { label, id }))
            }
            "Ref" => self.reference(label, ref_id.unwrap_or_default()),
            "PR" => Ok(self.start(Open::Progress, Event::StartProgress { label })),
            _ => {
                let text = self.skip_element()?;
                Ok(Event::Unknown { label, tag: local, text })
            }
        }
    }

    /// Gives the number of the object that begins here when it was read already, in or as an object from outside.
    fn came_already(&self) -> Option<ObjectId> {
        if !self.has_been_outside {
            return None;
        }
        self.places.get(&self.scanner.tag_position()).copied()
    }

    fn start(&mut self, open: Open, event: Event<'a>) -> Event<'a> {
        self.open.push(open);
        event
    }

    /// Gives the object its number before its children are read, so that they can point at it.
    fn register_object(&mut self, ref_id: Option<Cow<'a, str>>) -> ObjectId {
        let place = self.scanner.tag_position();
        if let Some(outside) = &mut self.outside {
            self.places.insert(place, ObjectId::new(self.next_object));
            if let Some(ref_id) = &ref_id {
                outside.objects.define(ref_id.clone(), place);
            }
        }
        let id = ObjectId::new(self.next_object);
        // A document of 2^32 objects would be over 20 GB; the ids would repeat then, and nothing worse happen.
        self.next_object = self.next_object.wrapping_add(1);
        if let Some(ref_id) = ref_id {
            self.objects.insert(ref_id, id);
        }
        id
    }

    fn reference(&mut self, label: Label<'a>, ref_id: Cow<'a, str>) -> Result<Event<'a>> {
        self.references += 1;
        if self.references > self.limits.references {
            let (limit, allowed) = (Limit::References, self.limits.references);
            return Err(Error::Limit { limit, allowed, position: self.position() });
        }
        let place = self.scanner.tag_position();
        self.leaf("Ref")?;
        let target = self.objects.get(&ref_id).copied();
        if target.is_none()
            && let Some(outside) = &self.outside
            && let Some(object) = outside.objects.get(&ref_id).and_then(|at| at.before(place))
        {
            return self.object_outside(object, label);
        }
        Ok(Event::Reference { label, target, ref_id })
    }

    /// Reads an object from outside in place of the reference that was just read.
    fn object_outside(&mut self, place: usize, label: Label<'a>) -> Result<Event<'a>> {
        self.has_been_outside = true;
        self.returns.push((self.scanner.depth(), self.scanner.mark()));
        self.scanner.read_again(place);
        self.scanner.next()?;
        let (_, ref_id) = self.take_attributes();
        let id = self.register_object(ref_id);
        Ok(self.start(Open::Object, Event::StartObject { label, id }))
    }

    /// Reads type names from outside, and comes back.
    fn type_names_outside(&mut self, ref_id: Cow<'a, str>) -> Result<Option<TypeNames>> {
        let Some(outside) = &self.outside else { return Ok(None) };
        let place = self.scanner.position_in_text();
        let Some(place) = outside.type_names.get(&ref_id).and_then(|at| at.before(place)) else {
            return Ok(None);
        };
        let mark = self.scanner.mark();
        self.scanner.read_again(place);
        self.scanner.next()?;
        let names = type_names::read(&mut self.scanner)?;
        self.scanner.go_back(mark);
        self.type_names.insert(ref_id, names.clone());
        Ok(Some(names))
    }

    /// Reads the text of the element that began last, which must have no child elements.
    fn leaf(&mut self, parent: &'static str) -> Result<Cow<'a, str>> {
        self.scanner.leaf()?.map_err(|local| self.misplaced(local, parent))
    }

    /// Skips the element that began last with all it holds, and gives its own text. Objects in it are counted all the same.
    fn skip_element(&mut self) -> Result<Cow<'a, str>> {
        let outer = self.scanner.depth();
        let mut own_text = Cow::Borrowed("");
        loop {
            let token = self.scanner.next()?;
            let depth = self.scanner.depth();
            let (is_own, is_last) = match token.tag {
                Tag::Start { local } => {
                    if local == "Obj" {
                        let (_, ref_id) = self.take_attributes();
                        self.register_object(ref_id);
                    }
                    (depth == outer + 1, false)
                }
                Tag::End | Tag::Eof => (depth < outer, depth < outer),
            };
            if is_own {
                append(&mut own_text, token.text);
            }
            if is_last {
                return Ok(own_text);
            }
        }
    }

    fn misplaced(&self, tag: &str, parent: &'static str) -> Error {
        let tag = tag.chars().take(64).collect();
        Error::Misplaced { position: self.position(), tag, parent }
    }

    pub(crate) fn unknown_reference(&self, tag: &'static str, id: &str) -> Error {
        let id = id.chars().take(64).collect();
        Error::UnknownReference { position: self.position(), tag, id }
    }

    pub(crate) fn parse(&self, tag: PrimitiveTag, text: Cow<'_, str>) -> Result<Value> {
        // The excerpt is taken only when it is needed, but parsing may consume the text.
        let position = self.position();
        let unreadable = |text: &str| Error::Primitive {
            position,
            tag: tag.as_str(),
            text: text.chars().take(64).collect(),
        };
        if tag.is_escaped() {
            return tag.parse(text).ok_or_else(|| unreadable(""));
        }
        tag.parse(Cow::Borrowed(&*text)).ok_or_else(|| unreadable(&text))
    }
}
