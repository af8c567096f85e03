//! A place in a document that moves on element by element, and back where something is to be read once more.

use std::borrow::Cow;

use super::MAX_DEPTH;
use super::element::ElementDeserializer;
use super::fields::Slot;
use super::survey::Member;
use crate::document::Document;
use crate::error::Error;
use crate::limits::{Limit, Limits};
use crate::reader::{ContainerKind, Reader};
use crate::ref_table::{Places, RefTable};
use crate::tag::PrimitiveTag;
use crate::tree;
use crate::type_names;
use crate::value::Value;
use crate::xml::{Mark, Piece, Scanner, Start, Tag, is_blank};

/// What was defined so far, by the places where it stands.
#[derive(Default)]
pub(crate) struct Defined<'a> {
    pub(crate) objects: RefTable<'a, Places>,
    pub(crate) type_names: RefTable<'a, Places>,
}

pub(crate) struct Cursor<'de, 'a> {
    pub(super) scanner: Scanner<'a>,
    /// The same text as the scanner's, where Rust data may borrow from it.
    lender: Option<&'de str>,
    limits: Limits,
    defined: Defined<'a>,
    references: usize,
    depth: usize,
    /// The fields of all structs being read, those of the innermost last.
    pub(super) slots: Vec<Slot>,
    /// The properties of all objects being surveyed, likewise.
    pub(super) members: Vec<Member<'a>>,
}

/// An element whose start was read.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(super) kind: Kind,
    /// Where it begins.
    pub(super) start: usize,
    /// How many elements are around it.
    pub(super) depth: usize,
    /// The text of a primitive that was read to its end already.
    pub(super) text: Option<Piece<'a>>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Kind {
    Primitive(PrimitiveTag),
    Object,
    Container(ContainerKind),
    /// With the place of the object it points at.
    Ref(Option<usize>),
    TypeNames,
    TypeNamesReference,
    ToString,
    Members {
        extended: bool,
    },
    Other,
}

type Result<T> = std::result::Result<T, Error>;

impl<'de, 'a> Cursor<'de, 'a> {
    pub(crate) fn new(xml: &'a str, lender: Option<&'de str>, limits: Limits) -> Self {
        Self {
            scanner: Scanner::new(xml, limits),
            lender,
            limits,
            defined: Defined::default(),
            references: 0,
            depth: 0,
            slots: Vec::new(),
            members: Vec::new(),
        }
    }

    pub(crate) fn position(&self) -> u64 {
        self.scanner.position()
    }

    /// Reads on to the next value at the top of the document; `None` at its end.
    pub(crate) fn next_value(&mut self) -> Result<Option<Element<'a>>> {
        loop {
            let token = self.scanner.next()?;
            if !is_blank(&token.text) {
                return Err(Error::StrayText { position: self.position(), parent: "the document" });
            }
            match token.tag {
                Tag::Start { local: "Objs" } if self.scanner.depth() == 1 => {}
                Tag::Start { local } => return Ok(Some(self.element(local))),
                Tag::End => {}
                Tag::Eof => return Ok(None),
            }
        }
    }

    /// Gives up what is being read, and skips the element it began with.
    pub(crate) fn recover(&mut self, element: Element<'a>) -> Result<()> {
        (self.depth, self.references) = (0, 0);
        self.slots.clear();
        self.members.clear();
        let element = self.rewind(element)?;
        self.skip(element.depth)
    }

    /// Ends the reading of a value at the top: what references may ask for counts for each value by itself.
    pub(crate) fn finish(&mut self, element: Element<'a>) -> Result<()> {
        self.references = 0;
        self.skip(element.depth)
    }

    /// Reads on to the next child of the open element; `None` at its end, which is read too.
    pub(super) fn child(&mut self) -> Result<Option<Element<'a>>> {
        let token = self.scanner.next()?;
        if !token.text.is_empty() && !is_blank(&token.text) {
            return Err(Error::StrayText { position: self.position(), parent: "an object" });
        }
        match token.tag {
            Tag::Start { local } => Ok(Some(self.element(local))),
            Tag::End | Tag::Eof => Ok(None),
        }
    }

    fn element(&mut self, local: &str) -> Element<'a> {
        let kind = match local.as_bytes() {
            b"Obj" => {
                self.define_object();
                Kind::Object
            }
            b"Ref" => {
                let place = self.scanner.tag_position();
                let target = self.scanner.ref_id().map_or("", |ref_id| ref_id);
                Kind::Ref(self.defined.objects.get(target).and_then(|places| places.before(place)))
            }
            b"TN" => {
                self.define_type_names();
                Kind::TypeNames
            }
            b"TNRef" => Kind::TypeNamesReference,
            b"ToString" => Kind::ToString,
            b"Props" => Kind::Members { extended: false },
            b"MS" => Kind::Members { extended: true },
            _ => match PrimitiveTag::from_name(local) {
                Some(tag) => Kind::Primitive(tag),
                None => ContainerKind::from_name(local).map_or(Kind::Other, Kind::Container),
            },
        };
        let (start, depth) = (self.scanner.tag_position(), self.scanner.depth() - 1);
        Element { kind, start, depth, text: None }
    }

    /// Reads the start of an object if it stands here in the usual form: gives its name and its place.
    #[inline]
    pub(super) fn usual_object(&mut self) -> Result<Option<(Option<Piece<'a>>, usize)>> {
        let Some((name, ref_id)) = self.scanner.take_object()? else { return Ok(None) };
        let place = self.scanner.tag_position();
        self.defined.objects.define(Cow::Borrowed(ref_id), place);
        Ok(Some((name, place)))
    }

    /// Skips the type names that stand here in the usual form, and reads the text of the object behind them.
    pub(super) fn usual_to_string(&mut self) -> Result<Option<Piece<'a>>> {
        if self.scanner.take_type_names_reference()?.is_none()
            && let Some(ref_id) = self.scanner.take_type_names()?
        {
            let place = self.scanner.tag_position();
            self.defined.type_names.define(Cow::Borrowed(ref_id), place);
            self.skip_type_names()?;
        }
        self.scanner.take_to_string()
    }

    pub(super) fn define_object(&mut self) {
        let place = self.scanner.tag_position();
        if let Some(ref_id) = self.scanner.ref_id() {
            self.defined.objects.define(ref_id.clone(), place);
        }
    }

    pub(super) fn define_type_names(&mut self) {
        let place = self.scanner.tag_position();
        if let Some(ref_id) = self.scanner.ref_id() {
            self.defined.type_names.define(ref_id.clone(), place);
        }
    }

    /// Whether the element that began last is an entry of a dictionary.
    pub(super) fn is_entry(&self) -> bool {
        self.scanner.name() == Some("En")
    }

    /// Skips to the end of the element that has `depth` elements around it.
    pub(super) fn skip(&mut self, depth: usize) -> Result<()> {
        let defined = &mut self.defined;
        self.scanner.skip(depth, |scanner, Start { tag, ref_id }| {
            let table = match tag {
                "Obj" => &mut defined.objects,
                "TN" => &mut defined.type_names,
                _ => return,
            };
            if let Some(ref_id) = ref_id {
                table.define(ref_id.clone(), scanner.tag_position());
            }
        })
    }

    /// Skips the `TN` that has just begun, quickly where its names were read before.
    pub(super) fn skip_type_names(&mut self) -> Result<()> {
        type_names::read(&mut self.scanner).map(drop)
    }

    /// Reads the text of the element that has just begun, and its end.
    pub(super) fn leaf(&mut self, parent: &'static str) -> Result<Cow<'a, str>> {
        self.scanner.leaf()?.map_err(|local| Error::Misplaced {
            position: self.scanner.position(),
            tag: local.chars().take(64).collect(),
            parent,
        })
    }

    pub(super) fn primitive(&mut self, element: Element<'a>, tag: PrimitiveTag) -> Result<Value> {
        let text = match element.text {
            Some(piece) => Cow::Borrowed(piece.text),
            None => self.leaf(tag.as_str())?,
        };
        let excerpt = |text: &str| Error::Primitive {
            position: self.scanner.position(),
            tag: tag.as_str(),
            text: text.chars().take(64).collect(),
        };
        tag.parse(Cow::Borrowed(&*text)).ok_or_else(|| excerpt(&text))
    }

    /// Begins the element once more whose start was read, and perhaps more of it.
    pub(super) fn rewind(&mut self, element: Element<'a>) -> Result<Element<'a>> {
        self.scanner.rewind(element.start, element.depth);
        self.begin()
    }

    /// Begins the element at `place`, which was read before, as if it stood here.
    pub(super) fn again(&mut self, place: usize) -> Result<Element<'a>> {
        self.scanner.read_again(place);
        match self.plain()? {
            Some(element) => Ok(element),
            None => self.begin(),
        }
    }

    /// Reads the primitive that stands here in the usual form, to its end.
    #[inline]
    pub(super) fn plain(&mut self) -> Result<Option<Element<'a>>> {
        let Some(plain) = self.scanner.plain() else { return Ok(None) };
        self.scanner.take_plain(&plain)?;
        let (start, depth) = (self.scanner.tag_position(), self.scanner.depth());
        let kind = Kind::Primitive(plain.tag);
        Ok(Some(Element { kind, start, depth, text: Some(plain.text) }))
    }

    fn begin(&mut self) -> Result<Element<'a>> {
        match self.child()? {
            Some(element) => Ok(element),
            None => Err(Error::Misplaced {
                position: self.position(),
                tag: String::new(),
                parent: "the document",
            }),
        }
    }

    pub(super) fn mark(&self) -> Mark {
        self.scanner.mark()
    }

    pub(super) fn go_back(&mut self, mark: Mark) {
        self.scanner.go_back(mark);
    }

    /// Counts a reference that is followed.
    pub(super) fn count_reference(&mut self) -> Result<()> {
        self.references += 1;
        self.check(Limit::References, self.references, self.limits.references)
    }

    /// Reads data out of an element that was just begun, one level deeper.
    pub(super) fn read_with<R>(
        &mut self,
        element: Element<'a>,
        read: impl FnOnce(ElementDeserializer<'_, 'de, 'a>) -> Result<R>,
    ) -> Result<R> {
        self.depth += 1;
        self.check(Limit::Depth, self.depth, MAX_DEPTH)?;
        let done = read(ElementDeserializer::new(self, element))?;
        self.depth -= 1;
        Ok(done)
    }

    fn check(&self, limit: Limit, count: usize, allowed: usize) -> Result<()> {
        if count <= allowed {
            return Ok(());
        }
        Err(Error::Limit { limit, allowed, position: self.position() })
    }

    /// Gives text for as long as the document lives, when it stands there and may be borrowed.
    pub(super) fn lend(&self, text: &str) -> Option<&'de str> {
        let from = text.as_ptr().addr().checked_sub(self.scanner.text().as_ptr().addr())?;
        self.lender?.get(from..from + text.len())
    }

    /// Reads the element whole, as a value: objects outside it that it points at become part of it.
    pub(super) fn value(&mut self, element: Element<'a>) -> Result<Value> {
        self.scanner.rewind(element.start, element.depth);
        let scanner = std::mem::replace(&mut self.scanner, Scanner::new("", self.limits));
        let defined = std::mem::take(&mut self.defined);
        let mut reader = Reader::of_part(scanner, self.limits, defined, self.references);
        let built = tree::build_one(&mut reader, element.depth);
        (self.scanner, self.defined, self.references) = reader.into_part();
        let Document { mut values, .. } = built?;
        values.pop().ok_or(Error::Count { found: 0 })
    }
}
