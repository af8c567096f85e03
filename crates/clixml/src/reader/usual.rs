//! What nearly every document consists of, read without events.
//!
//! Each function reads one thing when it stands at the reader's place in the form in which the engine writes it, and else
//! nothing. What [`next_event`](Reader::next_event) would tell of the same bytes comes to the same.

use super::{ContainerKind, Open, Reader, Result};
use crate::tag::PrimitiveTag;
use crate::type_names::{self, TypeNames};
use crate::value::ObjectId;
use crate::xml::Piece;

/// A part of an object, but for its value.
pub(crate) enum UsualPart<'a> {
    TypeNames(TypeNames),
    ToString(Piece<'a>),
    StartAdapted,
    StartExtended,
    StartItems(ContainerKind),
    End,
}

impl<'a> Reader<'a> {
    /// Reads a primitive: its name, its tag and its text.
    #[inline]
    pub(crate) fn usual_primitive(
        &mut self,
    ) -> Result<Option<(Option<Piece<'a>>, PrimitiveTag, Piece<'a>)>> {
        let Some(plain) = self.scanner.plain() else { return Ok(None) };
        self.scanner.take_plain(&plain)?;
        Ok(Some((plain.name, plain.tag, plain.text)))
    }

    /// Reads the start of an object: its name and its number.
    #[inline]
    pub(crate) fn usual_object(&mut self) -> Result<Option<(Option<Piece<'a>>, ObjectId)>> {
        if self.has_been_outside {
            return Ok(None);
        }
        let Some((name, ref_id)) = self.scanner.take_object()? else { return Ok(None) };
        let id = self.register_object(Some(ref_id.into()));
        self.open.push(Open::Object);
        Ok(Some((name, id)))
    }

    /// Reads a part of the open object, or its end.
    #[inline]
    pub(crate) fn usual_part(&mut self) -> Result<Option<UsualPart<'a>>> {
        if self.scanner.take_end("</Obj>", "Obj") {
            self.ends();
            return Ok(Some(UsualPart::End));
        }
        if let Some(ref_id) = self.scanner.take_type_names_reference()? {
            return match self.type_names.get(ref_id) {
                Some(names) => Ok(Some(UsualPart::TypeNames(names.clone()))),
                None => match self.type_names_outside(ref_id.into())? {
                    Some(names) => Ok(Some(UsualPart::TypeNames(names))),
                    None => Err(self.unknown_reference("TNRef", ref_id)),
                },
            };
        }
        if let Some(ref_id) = self.scanner.take_type_names()? {
            if let Some(outside) = &mut self.outside {
                outside.type_names.define(ref_id.into(), self.scanner.tag_position());
            }
            let names = type_names::read(&mut self.scanner)?;
            self.type_names.insert(ref_id.into(), names.clone());
            return Ok(Some(UsualPart::TypeNames(names)));
        }
        if let Some(text) = self.scanner.take_to_string()? {
            return Ok(Some(UsualPart::ToString(text)));
        }
        self.usual_start()
    }

    #[inline]
    fn usual_start(&mut self) -> Result<Option<UsualPart<'a>>> {
        let (open, part) = if self.scanner.take_start("<Props>", "Props")? {
            (Open::Members, UsualPart::StartAdapted)
        } else if self.scanner.take_start("<MS>", "MS")? {
            (Open::Members, UsualPart::StartExtended)
        } else if self.scanner.take_start("<LST>", "LST")? {
            (Open::Items, UsualPart::StartItems(ContainerKind::List))
        } else {
            return Ok(None);
        };
        self.open.push(open);
        Ok(Some(part))
    }

    /// Reads the end of the open properties or items.
    #[inline]
    pub(crate) fn usual_end(&mut self) -> bool {
        let is_end = self.scanner.take_end("</Props>", "Props")
            || self.scanner.take_end("</LST>", "LST")
            || self.scanner.take_end("</MS>", "MS");
        if is_end {
            self.ends();
        }
        is_end
    }

    fn ends(&mut self) {
        self.open.pop();
        self.come_back();
    }
}
