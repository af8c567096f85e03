//! Finding the fields of a struct among the properties of an object, in one pass.
//!
//! An extended property goes before an adapted one, an exact name before one in another case, the last before the first. So
//! the places of the candidates are noted while the object is skipped, and the fields are read when it is over.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, MapAccess};

use super::cursor::{Cursor, Kind};
use super::element::ElementDeserializer;
use crate::error::Error;
use crate::escape::lossy;
use crate::reader::ContainerKind;
use crate::text::equal_ignoring_case;
use crate::xml::{Tag, is_blank};

/// The best candidate for a field so far: where its element begins and how good it is.
#[derive(Clone, Copy, Default)]
pub(crate) struct Slot {
    place: Option<usize>,
    rank: u32,
}

/// The fields of one struct.
struct Wanted {
    fields: &'static [&'static str],
    /// Where its slots begin.
    base: usize,
    /// A bit each for the length and first letter, and the length and last letter, of each field: most properties are none.
    filters: [u64; 2],
    is_ascii: bool,
}

impl Wanted {
    fn new(fields: &'static [&'static str], base: usize) -> Self {
        let mut filters = [0; 2];
        for field in fields {
            let [first, last] = bits(field);
            filters = [filters[0] | first, filters[1] | last];
        }
        Self { fields, base, filters, is_ascii: fields.iter().all(|field| field.is_ascii()) }
    }

    /// Calls `take` with each field called `name`, and whether it is called exactly so.
    #[inline]
    fn find(&self, name: &str, mut take: impl FnMut(usize, bool)) {
        let [first, last] = bits(name);
        if self.is_ascii && (self.filters[0] & first == 0 || self.filters[1] & last == 0) {
            return;
        }
        for (index, field) in self.fields.iter().enumerate() {
            let is_field = if self.is_ascii {
                field.eq_ignore_ascii_case(name)
            } else {
                equal_ignoring_case(field, name)
            };
            if is_field {
                take(self.base + index, *field == name);
            }
        }
    }
}

#[inline]
fn bits(name: &str) -> [u64; 2] {
    let bit = |letter: Option<&u8>| {
        // The same for both cases of a letter.
        let letter = usize::from(letter.map_or(0, |letter| letter | 0x20));
        1 << (name.len().wrapping_mul(7).wrapping_add(letter) % 64)
    };
    [bit(name.as_bytes().first()), bit(name.as_bytes().last())]
}

impl Cursor<'_, '_> {
    /// Reads the object that has just begun to its end, and makes a slot for each field. Gives where the slots begin.
    pub(super) fn gather(
        &mut self,
        depth: usize,
        fields: &'static [&'static str],
    ) -> Result<usize, Error> {
        let base = self.slots.len();
        self.slots.resize(base + fields.len(), Slot::default());
        let wanted = Wanted::new(fields, base);
        // How many objects around the open one wrap it.
        let mut level = 0;
        while self.scanner.depth() > depth {
            let Some(part) = self.child()? else {
                level = u32::saturating_sub(level, 1);
                continue;
            };
            match part.kind {
                Kind::Members { extended } => self.gather_members(level, extended, &wanted)?,
                Kind::Object => level += 1,
                Kind::Container(ContainerKind::Dictionary) => {
                    self.gather_entries(level, &wanted)?;
                }
                Kind::TypeNames => self.skip_type_names()?,
                _ => self.skip(part.depth)?,
            }
        }
        Ok(base)
    }

    fn gather_members(&mut self, level: u32, extended: bool, wanted: &Wanted) -> Result<(), Error> {
        loop {
            if let Some(plain) = self.scanner.plain() {
                let place = self.scanner.position_in_text();
                self.scanner.take_plain(&plain)?;
                if let Some(name) = plain.name {
                    let name = if name.is_escaped { lossy(name.text) } else { name.text.into() };
                    self.offer(wanted, &name, place, rank(level, false, extended));
                }
                continue;
            }
            if let Some((name, place)) = self.usual_object()? {
                if let Some(name) = name {
                    let name = if name.is_escaped { lossy(name.text) } else { name.text.into() };
                    self.offer(wanted, &name, place, rank(level, false, extended));
                }
                self.skip(self.scanner.depth() - 1)?;
                continue;
            }
            let token = self.scanner.next()?;
            if !token.text.is_empty() && !is_blank(&token.text) {
                return Err(Error::StrayText { position: self.position(), parent: "an object" });
            }
            let Tag::Start { local } = token.tag else { return Ok(()) };
            match local {
                "Obj" => self.define_object(),
                "TN" => self.define_type_names(),
                _ => {}
            }
            let place = self.scanner.tag_position();
            let name = self.scanner.attributes().iter().find(|attribute| attribute.name == "N");
            if let Some(name) = name {
                let name = name.value.clone();
                self.offer(wanted, &lossy(&name), place, rank(level, false, extended));
            }
            self.skip(self.scanner.depth() - 1)?;
        }
    }

    /// Offers a property as a candidate for the fields of its name.
    #[inline]
    fn offer(&mut self, wanted: &Wanted, name: &str, place: usize, rank: u32) {
        let slots = &mut self.slots;
        wanted.find(name, |slot, exact| {
            let rank = rank | u32::from(exact) << 1;
            if let Some(slot) = slots.get_mut(slot)
                && rank >= slot.rank
            {
                *slot = Slot { place: Some(place), rank };
            }
        });
    }

    fn gather_entries(&mut self, level: u32, wanted: &Wanted) -> Result<(), Error> {
        let depth = self.scanner.depth();
        while let Some((key, value)) = self.entry(depth)? {
            let (Some(key), Some(value)) = (key, value) else { continue };
            let mark = self.mark();
            let key = self.again(key)?;
            let name = ElementDeserializer::new(self, key).text()?;
            self.go_back(mark);
            let rank = rank(level, true, false);
            let slots = &mut self.slots;
            wanted.find(name.as_deref().unwrap_or_default(), |slot, exact| {
                let rank = rank | u32::from(exact) << 1;
                if let Some(slot) = slots.get_mut(slot)
                    && rank > slot.rank
                {
                    *slot = Slot { place: Some(value), rank };
                }
            });
        }
        Ok(())
    }
}

/// Ranks a candidate: outer before inner objects, properties before entries; the two lowest bits are for its name.
fn rank(level: u32, is_entry: bool, extended: bool) -> u32 {
    const OUTERMOST: u32 = u32::MAX >> 4;
    let distance = level.saturating_mul(2).saturating_add(u32::from(is_entry));
    OUTERMOST.saturating_sub(distance) << 2 | u32::from(extended)
}

/// The fields that an object has, in the order of the struct.
pub(super) struct Fields<'c, 'de, 'a> {
    pub(super) cursor: &'c mut Cursor<'de, 'a>,
    pub(super) fields: &'static [&'static str],
    pub(super) base: usize,
    pub(super) next: usize,
}

impl Fields<'_, '_, '_> {
    fn place(&self, field: usize) -> Option<usize> {
        self.cursor.slots.get(self.base + field)?.place
    }

    /// A field and its alias may have found the same property, which must not come twice.
    fn came_before(&self, field: usize) -> bool {
        (0..field).any(|other| self.place(other) == self.place(field))
    }
}

impl<'de> MapAccess<'de> for Fields<'_, 'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        while let Some(field) = self.fields.get(self.next) {
            self.next += 1;
            if self.place(self.next - 1).is_some() && !self.came_before(self.next - 1) {
                return seed.deserialize(BorrowedStrDeserializer::new(field)).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let place = self.next.checked_sub(1).and_then(|field| self.place(field));
        let place = place.ok_or_else(value_before_key)?;
        let element = self.cursor.again(place)?;
        self.cursor.read_with(element, |inner| seed.deserialize(inner))
    }
}

pub(super) fn value_before_key() -> Error {
    Error::Custom("a value was asked for before its key".to_owned())
}
